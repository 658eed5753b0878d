//! GitLab as a forge: notes and discussions of merge requests, and the code quality report that
//! its pages show. May import: siblings, the modules above, `review`.
//!
//! GitLab folds nothing away, so what is no longer so is put into a fold of its own note.

mod client;
mod lines;

pub use client::{Access, Auth};

use super::{Clock, Facts, Failed, Files, Forge, Origin, Report, State, Why};
use crate::report::segment;
use crate::review::{Existing, Inline, Operation, Place, Touched, parse};
use client::Client;
use serde_json::{Value, json};
use std::cell::RefCell;
use std::collections::HashMap;

/// Stands in the second line of a note that was folded, and its last.
const FOLDED: (&str, &str) =
    ("<!-- luascale folded --><details><summary>no longer so</summary>\n", "\n</details>");

/// What writes a text where it is looked for; why it cannot be written.
pub type Writer = Box<dyn Fn(&str) -> Result<(), String>>;

/// GitLab, for one project.
pub struct GitLab {
    client: Client,
    /// Writes the code quality report, which GitLab reads from a file.
    quality: Writer,
    /// What is needed for comments on lines: the commits that positions name, and the diffs.
    seen: RefCell<Seen>,
}

#[derive(Default)]
struct Seen {
    positions: Value,
    /// By the path at the head: the path before, and the diff.
    diffs: HashMap<String, (String, String)>,
}

impl GitLab {
    /// Connects; nothing is sent yet.
    ///
    /// # Errors
    /// What is wrong with the address.
    pub fn connect(access: &Access, clock: Box<dyn Clock>, quality: Writer) -> Result<GitLab, Failed> {
        Ok(GitLab { client: Client::connect(access, clock)?, quality, seen: RefCell::default() })
    }
}

impl Forge for GitLab {
    fn name(&self) -> &'static str {
        "GitLab"
    }

    fn request(&self, number: u64) -> Result<Facts, Failed> {
        let request = self.client.get(&format!("merge_requests/{number}"))?;
        let facts = read(&request).ok_or_else(|| Failed::odd("the answer is no merge request"))?;
        self.seen.borrow_mut().positions = request.get("diff_refs").cloned().unwrap_or_default();
        Ok(facts)
    }

    fn find(&self, origin: &Origin) -> Result<Option<u64>, Failed> {
        let path = match &origin.branch {
            Some((_, branch)) => format!("merge_requests?state=opened&source_branch={}", segment(branch)),
            None => format!("repository/commits/{}/merge_requests", segment(&origin.head)),
        };
        let found = self.client.list(&path)?;
        let of_head = |request: &&Value| {
            let text = |key: &str| request.get(key).and_then(Value::as_str);
            text("sha") == Some(&*origin.head) && text("state") == Some("opened")
        };
        Ok(found.iter().filter(of_head).filter_map(|request| request.get("iid")?.as_u64()).max())
    }

    fn touched(&self, facts: &Facts) -> Result<Files, Failed> {
        let diffs = self.client.list(&format!("merge_requests/{}/diffs", facts.number))?;
        let mut seen = self.seen.borrow_mut();
        let mut touched = Vec::new();
        for file in &diffs {
            let text = |key: &str| file.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
            let flag = |key: &str| file.get(key).and_then(Value::as_bool).unwrap_or(false);
            let (path, diff) = (text("new_path"), text("diff"));
            // What is too large to be shown comes without its diff.
            let hidden = flag("too_large") || flag("collapsed") && diff.is_empty();
            touched.push(Touched { path: path.clone(), hunks: (!hidden).then(|| parse(&diff)) });
            seen.diffs.insert(path, (text("old_path"), diff));
        }
        let complete = facts.changed_files.is_none_or(|count| touched.len() as u64 >= count);
        Ok(Files { touched, complete })
    }

    fn existing(&self, number: u64) -> Result<Vec<Existing>, Failed> {
        let me = self.client.viewer()?;
        let discussions = self.client.list(&format!("merge_requests/{number}/discussions"))?;
        let note = |discussion: &Value| {
            let first = discussion.pointer("/notes/0")?;
            let text = |at: &str| first.pointer(at).and_then(Value::as_str);
            let flag = |key: &str| first.get(key).and_then(Value::as_bool).unwrap_or(false);
            if flag("system") {
                return None;
            }
            let id = first.get("id")?.as_u64()?;
            let by = text("/resolved_by/username");
            let place = if flag("resolvable") {
                let (node, resolved) = (discussion.get("id")?.as_str()?.to_owned(), flag("resolved"));
                Place::Thread { node, resolved, settled: resolved && by != me.as_deref() }
            } else {
                Place::Conversation
            };
            let body = text("/body")?.to_owned();
            let minimised = unfolded(&body).is_some();
            let own = me.is_some() && text("/author/username") == me.as_deref();
            Some(Existing { id, node: id.to_string(), body, own, place, minimised })
        };
        Ok(discussions.iter().filter_map(note).collect())
    }

    fn write(&self, facts: &Facts, operation: &Operation) -> Result<(), Failed> {
        let at = format!("merge_requests/{}", facts.number);
        let send = |method: &str, path: &str, body: &Value| {
            self.client.write(method, &format!("{at}/{path}"), body).map(|_| ())
        };
        match operation {
            Operation::Say { body } => send("POST", "notes", &json!({ "body": body })),
            Operation::Change { id, body } => send("PUT", &format!("notes/{id}"), &json!({ "body": body })),
            Operation::Review { body, comments, listed } => {
                for comment in comments {
                    self.comment(facts, comment)?;
                }
                // Beside comments a review says only how many there are; here they stand by themselves.
                if *listed > 0 { send("POST", "notes", &json!({ "body": body })) } else { Ok(()) }
            }
            Operation::Resolve { thread, .. } => {
                send("PUT", &format!("discussions/{thread}"), &json!({ "resolved": true }))
            }
            Operation::Reopen { thread } => {
                send("PUT", &format!("discussions/{thread}"), &json!({ "resolved": false }))
            }
            Operation::Minimise { node } => self.refold(facts, node, &|body| {
                let (marker, rest) = body.split_once('\n').unwrap_or((body, ""));
                format!("{marker}\n{}{rest}{}", FOLDED.0, FOLDED.1)
            }),
            Operation::Unfold { node } => {
                self.refold(facts, node, &|body| unfolded(body).unwrap_or_else(|| body.to_owned()))
            }
        }
    }

    fn report(&self, report: &Report) -> Result<bool, Failed> {
        (self.quality)(&report.quality).map_err(|why| Failed::odd(&why))?;
        Ok(true)
    }
}

impl GitLab {
    /// A comment on a line; each is a request of its own here, so each is looked for by itself
    /// where an earlier attempt came only so far.
    fn comment(&self, facts: &Facts, comment: &Inline) -> Result<(), Failed> {
        let seen = self.seen.borrow();
        let (old_path, diff) = seen.diffs.get(&comment.path).cloned().unwrap_or_default();
        let text = |key: &str| seen.positions.get(key).cloned().unwrap_or_default();
        let mut position = json!({
            "position_type": "text",
            "base_sha": text("base_sha"),
            "start_sha": text("start_sha"),
            "head_sha": text("head_sha"),
            "new_path": comment.path,
            "old_path": if old_path.is_empty() { &comment.path } else { &old_path },
            "new_line": comment.line,
        });
        // A line that is not changed is named by both its numbers.
        if let (Some(old), Some(map)) = (lines::old(&diff, comment.line), position.as_object_mut()) {
            map.insert("old_line".into(), json!(old));
        }
        let above = comment.start_line.map_or(0, |start| comment.line.saturating_sub(start));
        let body = comment.body.replacen("`suggestion\n", &format!("`suggestion:-{above}+0\n"), 1);
        let path = format!("merge_requests/{}/discussions", facts.number);
        let failed = match self.client.write("POST", &path, &json!({ "body": body, "position": position })) {
            Ok(_) => return Ok(()),
            Err(failed) => failed,
        };
        let there = |there: &Existing| there.own && there.body.trim_end() == body.trim_end();
        if failed.why == Why::Unknown && self.existing(facts.number)?.iter().any(there) {
            return Ok(());
        }
        Err(failed)
    }

    fn refold(&self, facts: &Facts, node: &str, change: &dyn Fn(&str) -> String) -> Result<(), Failed> {
        let existing = self.existing(facts.number)?;
        let Some(note) = existing.iter().find(|note| note.node == node) else { return Ok(()) };
        let path = format!("merge_requests/{}/notes/{}", facts.number, note.id);
        self.client.write("PUT", &path, &json!({ "body": change(&note.body) })).map(|_| ())
    }
}

/// A note as it was before it was folded; none where it was not.
fn unfolded(body: &str) -> Option<String> {
    let (marker, rest) = body.split_once('\n')?;
    let inside = rest.strip_prefix(FOLDED.0)?.strip_suffix(FOLDED.1)?;
    Some(format!("{marker}\n{inside}"))
}

fn read(request: &Value) -> Option<Facts> {
    let text = |at: &str| request.pointer(at).and_then(Value::as_str).map(str::to_owned);
    let id = |key: &str| request.get(key).and_then(Value::as_u64);
    let count = text("/changes_count");
    Some(Facts {
        number: id("iid")?,
        state: match request.get("state")?.as_str()? {
            "merged" => State::Merged,
            "closed" => State::Closed,
            _ => State::Open,
        },
        draft: request.get("draft").and_then(Value::as_bool).unwrap_or(false),
        head: text("/sha")?,
        base: text("/diff_refs/start_sha")?,
        base_branch: text("/target_branch")?,
        start: text("/diff_refs/base_sha"),
        author: text("/author/username").unwrap_or_default(),
        fork: id("source_project_id").is_none() || id("source_project_id") != id("target_project_id"),
        // `1000+` is at least so many and one more.
        changed_files: count.and_then(|count| match count.strip_suffix('+') {
            Some(least) => least.parse::<u64>().ok().map(|least| least + 1),
            None => count.parse().ok(),
        }),
    })
}
