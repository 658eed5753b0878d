//! How a target stands, for people and programs. May import: siblings, `change`.

use super::Layout;
use super::paint::{Tone, clean, inert, pad, width, wrap};
use super::text::push_wrapped;
use crate::change::drift::{Stand, State};
use crate::change::meaning::Change;
use crate::text::{short_commit, short_digest};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Version of the JSON document.
pub const VERSION: u32 = 1;

/// How two versions of a policy differ.
#[derive(Debug, Clone)]
pub struct Difference {
    /// Which is the older: `applied` or `live`.
    pub from: &'static str,
    /// Which is the newer: `live` or `git`.
    pub to: &'static str,
    /// What differs, none where both decide and act the same; or the one that does not load.
    pub changes: Result<Vec<Change>, &'static str>,
}

/// What is known of a target.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// The target in words.
    pub target: String,
    /// The generation that is live.
    pub generation: u64,
    /// The commit that git is at.
    pub head: String,
    /// The commit that was applied.
    pub applied: Option<String>,
    /// Every policy, the most urgent first.
    pub policies: Vec<Stand>,
    /// What differs, by the policy's name, where both versions are there.
    pub differences: BTreeMap<String, Difference>,
    /// What is there and not luascale's, in words.
    pub foreign: Vec<String>,
    /// What else is to be said, a sentence each.
    pub notes: Vec<String>,
}

/// For a terminal: what differs first, how much does not last.
pub fn text(report: &Report, layout: &Layout) -> String {
    let columns = layout.columns();
    let differs: Vec<&Stand> = report.policies.iter().filter(|stand| stand.state != State::InSync).collect();
    let applied = match report.applied.as_deref() {
        None if report.generation == 0 => "not applied yet".to_owned(),
        None => "applied from nothing".to_owned(),
        Some(commit) => format!("applied from {}", clean(short_commit(commit))),
    };
    let mut out = Tone::Strong.paint(&clean(&report.target));
    out.push_str(&Tone::Dim.paint(&format!(
        ", generation {}, {applied}; git is at {}\n",
        report.generation,
        clean(short_commit(&report.head))
    )));
    if !differs.is_empty() {
        out.push('\n');
    }
    let column = differs.iter().map(|stand| width(&clean(&stand.id))).max().unwrap_or(0).min(40);
    for stand in &differs {
        let tone = match stand.state {
            State::Conflict | State::Drifted => Tone::Bad,
            State::Pending => Tone::Warn,
            State::Held | State::InSync => Tone::Plain,
        };
        let head = format!("  {:8}  {}", stand.state.word(), pad(&clean(&stand.id), column, false));
        out.push_str(&tone.paint(&head));
        let why = clean(&why(stand));
        for (at, line) in wrap(&why, columns.saturating_sub(14 + column)).into_iter().enumerate() {
            let lead = if at == 0 { 2 } else { 14 + column };
            out.push_str(&format!("{}{line}\n", " ".repeat(lead)));
        }
        if let Some(difference) = report.differences.get(&stand.id) {
            fields(&mut out, difference, layout);
        }
    }
    if !differs.is_empty() || !report.foreign.is_empty() {
        out.push('\n');
    }
    for foreign in &report.foreign {
        out.push_str(&Tone::Dim.paint(&format!("not luascale's, and left alone: {}\n", clean(foreign))));
    }
    let count = |state: State| report.policies.iter().filter(|stand| stand.state == state).count();
    let states = [State::Conflict, State::Drifted, State::Pending, State::Held, State::InSync];
    let mut said: Vec<String> = Vec::new();
    for state in states {
        let n = count(state);
        if n > 0 {
            said.push(format!("{n} {}", state.word()));
        }
    }
    let whole = if said.is_empty() { "no policy anywhere".into() } else { said.join(", ") };
    out.push_str(&Tone::Strong.paint(&whole));
    out.push('\n');
    inert(out)
}

/// What differs, below the policy that it is of.
fn fields(out: &mut String, difference: &Difference, layout: &Layout) {
    let Difference { from, to, changes } = difference;
    let said = match changes {
        Err(side) => format!("what is {} does not load, so its fields are not told", where_of(side)),
        Ok(changes) if changes.is_empty() => "no change of meaning".to_owned(),
        Ok(changes) => {
            let lead = format!("from {} to {}:", where_of(from), where_of(to));
            push_wrapped(out, LEAD, &lead, Tone::Dim, layout);
            let mut told = String::new();
            let inner = Layout { width: layout.columns().saturating_sub(LEAD.len()), ..*layout };
            super::diff::changes(&mut told, changes, &inner);
            told.lines().for_each(|line| out.push_str(&format!("{LEAD}{line}\n")));
            return;
        }
    };
    push_wrapped(out, LEAD, &said, Tone::Dim, layout);
}

/// Blanks before what is told of a policy.
const LEAD: &str = "            ";

/// A version, by where it is.
fn where_of(side: &str) -> &str {
    match side {
        "applied" => "applied",
        "git" => "in git",
        _ => "live",
    }
}

/// Why a policy stands so, in words.
fn why(stand: &Stand) -> String {
    let version = |digest: &Option<String>| match digest.as_deref() {
        None => "nothing".to_owned(),
        Some(digest) if digest.starts_with("unreadable: ") => digest.to_owned(),
        Some(digest) => short_digest(digest).to_owned(),
    };
    let (git, applied, live) = (version(&stand.git), version(&stand.applied), version(&stand.live));
    match stand.state {
        State::InSync => format!("{live} is live, as git has it"),
        State::Held => format!("a rollback made {live} live and holds it; git still has {git}"),
        State::Pending => format!("{live} is live, as it was applied; git has {git}"),
        State::Drifted => format!("{live} is live, but {applied} was applied: somebody else changed it"),
        State::Conflict => {
            format!("{live} is live, but {applied} was applied: somebody else changed it; and git has {git}")
        }
    }
}

/// For programs.
pub fn json(report: &Report) -> String {
    let policies: Vec<Value> = report
        .policies
        .iter()
        .map(|stand| {
            let mut value = json!(stand);
            let difference = report.differences.get(&stand.id).map(|difference| {
                json!({
                    "from": difference.from,
                    "to": difference.to,
                    "unloaded": difference.changes.as_ref().err(),
                    "changes": difference.changes.as_ref().ok().map(|all| super::diff_pages::changes(all)),
                })
            });
            value["difference"] = difference.unwrap_or_default();
            value
        })
        .collect();
    let value = json!({
        "version": VERSION,
        "target": report.target,
        "generation": report.generation,
        "head": report.head,
        "applied": report.applied,
        "differs": report.policies.iter().any(|stand| stand.state.differs()),
        "policies": policies,
        "foreign": report.foreign,
        "notes": report.notes,
    });
    let mut out = serde_json::to_string_pretty(&value).unwrap_or_default();
    out.push('\n');
    out
}
