//! A ledger's lines: what was done to targets, chained by digests so that no line can be changed
//! without being found. Pure. May import: siblings.
//!
//! A line is the canonical JSON of `{"line": …, "prev": …, "entry": …, "digest": …}`: its number
//! (from 1, without a gap), the digest of the line before (null in the first), what was done, and
//! the digest of the canonical JSON of the line without this key. Whoever rewrites the file from
//! a line to its end can make it consistent again; what finds that is what was written down
//! elsewhere: the generations of the target, which hold where the ledger ended when they were
//! made, and the digest that each apply prints.

use super::canonical::{canonical, sha256};
use super::live::{Head, Identity, Operation, Origin};
use crate::text::short_digest;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What was done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// When, by the clock of who did it: RFC 3339 in UTC. Nothing is concluded from it.
    pub at: String,
    /// `apply`, `rollback`, `unlock` or `abandon`.
    pub event: String,
    /// On which target.
    pub target: Identity,
    /// Id of the run.
    pub run: String,
    /// The generation that it made.
    pub generation: Option<u64>,
    /// Whether it took up what an earlier run had begun.
    pub resumed: bool,
    /// Where it came from and who stands for it.
    pub origin: Origin,
    /// Each policy that was touched.
    pub operations: Vec<Did>,
}

/// A policy that was touched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Did {
    /// Name of the policy.
    pub id: String,
    /// `create`, `update` or `delete`.
    pub op: String,
    /// Digest before; null where it was not there.
    pub before: Option<String>,
    /// Digest after; null where it is gone.
    pub after: Option<String>,
}

impl From<&Operation> for Did {
    fn from(operation: &Operation) -> Did {
        let before = operation.before.clone();
        Did { id: operation.id.clone(), op: operation.word().into(), before, after: operation.result() }
    }
}

/// A line of a ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// Its number, from 1.
    pub line: u64,
    /// Digest of the line before; none in the first.
    pub prev: Option<String>,
    /// What was done.
    pub entry: Entry,
    /// Its own digest.
    pub digest: String,
}

/// What is wrong with a ledger, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// The line in the file, from 1; the last one where lines are missing after it.
    pub line: u64,
    /// One sentence.
    pub what: String,
}

/// What was written down elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Anchor {
    /// Somebody saw the ledger end so: who, and where it ended.
    Seen(String, Head),
    /// A generation and its run: a line tells of it.
    Made(u64, String),
}

/// What verifying came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// Where the ledger ends; none where it is empty.
    pub head: Option<Head>,
    /// What is wrong, in the order of lines.
    pub faults: Vec<Fault>,
}

/// Holds a ledger's bytes against themselves and against what was written down elsewhere.
pub fn verify(bytes: &[u8], anchors: &[Anchor]) -> Verdict {
    let mut faults = Vec::new();
    let mut head: Option<Head> = None;
    let mut lines: Vec<Line> = Vec::new();
    let (raw, torn) = split(bytes);
    let mut sound = true;
    for (at, raw) in (1..).zip(&raw) {
        let mut fault = |line: u64, what: String| faults.push(Fault { line, what });
        let line = match parse(raw) {
            Ok(line) => line,
            Err(what) => {
                fault(at, what);
                sound = false;
                continue;
            }
        };
        let own = digest(&line);
        if own != line.digest {
            fault(
                at,
                format!(
                    "it was changed: its content has the digest {}, and it says {}",
                    short_digest(&own),
                    short_digest(&line.digest)
                ),
            );
        }
        let expected = head.as_ref().map_or(1, |head| head.lines + 1);
        let before = head.as_ref().map(|head| head.digest.as_str());
        // After a line that could not be read there is nothing to hold the next one against.
        if sound && line.line > expected {
            let gone = match line.line - expected {
                1 => format!("line {expected} is missing before it"),
                _ => format!("lines {expected} to {} are missing before it", line.line - 1),
            };
            fault(at, gone);
        } else if sound && line.line < expected {
            fault(at, format!("it says that it is line {}: it stands twice or out of order", line.line));
        } else if sound && line.prev.as_deref() != before {
            let what = match at {
                1 => "it follows a line that is missing".to_owned(),
                _ => "it was replaced: the line after it follows another one".to_owned(),
            };
            fault(if at == 1 { 1 } else { at - 1 }, what);
        }
        sound = true;
        head = Some(Head { lines: line.line, digest: line.digest.clone() });
        lines.push(line);
    }
    let last = raw.len() as u64;
    if torn {
        faults.push(Fault { line: last + 1, what: "it is cut short: writing it was interrupted".into() });
    }
    for anchor in anchors {
        if let Some(fault) = amiss(anchor, &lines, last) {
            faults.push(fault);
        }
    }
    faults.sort_by_key(|fault| fault.line);
    Verdict { head, faults }
}

/// What an anchor finds.
fn amiss(anchor: &Anchor, lines: &[Line], last: u64) -> Option<Fault> {
    match anchor {
        Anchor::Seen(who, head) => match lines.iter().find(|line| line.line == head.lines) {
            Some(line) if line.digest == head.digest => None,
            Some(_) => {
                let what = format!("it is not the line that {who} saw: it, or one before it, was replaced");
                Some(Fault { line: head.lines, what })
            }
            None if head.lines > lines.last().map_or(0, |line| line.line) => {
                let what =
                    format!("the ledger ends here, and {who} saw {} lines: its tail was cut off", head.lines);
                Some(Fault { line: last, what })
            }
            // A line that could not be read has its own fault.
            None => None,
        },
        Anchor::Made(serial, run) => {
            let told = lines.iter().any(|l| l.entry.generation == Some(*serial) && l.entry.run == *run);
            let what = format!(
                "no line tells of generation {serial}, which is on the target: its line was taken away"
            );
            (!told).then_some(Fault { line: last, what })
        }
    }
}

/// The lines, without a last one that has no end, and whether there is such a one.
pub fn split(bytes: &[u8]) -> (Vec<&[u8]>, bool) {
    let mut lines: Vec<&[u8]> = bytes.split(|b| *b == b'\n').collect();
    let last = lines.pop().unwrap_or_default();
    // A line that is whole but for its end was written, not torn.
    if parse(last).is_ok() {
        lines.push(last);
        return (lines, false);
    }
    (lines, !last.is_empty())
}

fn parse(raw: &[u8]) -> Result<Line, String> {
    let value: Value = serde_json::from_slice(raw)
        .map_err(|error| format!("it was changed: it is no JSON any more ({error})"))?;
    if canonical(&value).as_bytes() != raw {
        return Err("it was changed: it is not in the form in which lines are written".into());
    }
    serde_json::from_value(value).map_err(|error| format!("it is no line of a ledger: {error}"))
}

/// The digest that a line has to say.
pub fn digest(line: &Line) -> String {
    let body = serde_json::json!({ "line": line.line, "prev": line.prev, "entry": line.entry });
    sha256(canonical(&body).as_bytes())
}

/// The lines that can be read, in the order written.
pub fn lines(bytes: &[u8]) -> Vec<Line> {
    split(bytes).0.into_iter().filter_map(|raw| parse(raw).ok()).collect()
}

/// Where a ledger ends.
pub fn head(bytes: &[u8]) -> Option<Head> {
    let raw = split(bytes).0;
    let at = raw.len() as u64;
    raw.last().map(|raw| match parse(raw) {
        Ok(line) => Head { lines: line.line, digest: line.digest },
        // The chain goes on from what is there, so that what follows can be told from it.
        Err(_) => Head { lines: at, digest: sha256(raw) },
    })
}
