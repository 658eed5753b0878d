//! How a target stands, for people and programs. May import: siblings, `change`.

use super::paint::{Tone, clean, inert, pad, width, wrap};
use crate::change::chain::short;
use crate::change::drift::{Stand, State};
use serde_json::json;

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
    /// What is there and not luascale's, in words.
    pub foreign: Vec<String>,
    /// What else is to be said, a sentence each.
    pub notes: Vec<String>,
}

/// For a terminal: what differs first, how much does not last.
pub fn text(report: &Report, columns: usize) -> String {
    let columns = columns.clamp(40, 200);
    let differs: Vec<&Stand> = report.policies.iter().filter(|stand| stand.state != State::InSync).collect();
    let applied = match report.applied.as_deref() {
        None if report.generation == 0 => "not applied yet".to_owned(),
        None => "applied from nothing".to_owned(),
        Some(commit) => format!("applied from {}", clean(short(commit))),
    };
    let mut out = Tone::Strong.paint(&clean(&report.target));
    out.push_str(&Tone::Dim.paint(&format!(
        ", generation {}, {applied}; git is at {}\n",
        report.generation,
        clean(short(&report.head))
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

/// Why a policy stands so, in words.
fn why(stand: &Stand) -> String {
    let version = |digest: &Option<String>| match digest.as_deref() {
        None => "nothing".to_owned(),
        Some(digest) if digest.starts_with("unreadable: ") => digest.to_owned(),
        Some(digest) => short(digest).to_owned(),
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
    let value = json!({
        "target": report.target,
        "generation": report.generation,
        "head": report.head,
        "applied": report.applied,
        "differs": report.policies.iter().any(|stand| stand.state.differs()),
        "policies": report.policies,
        "foreign": report.foreign,
        "notes": report.notes,
    });
    let mut out = serde_json::to_string_pretty(&value).unwrap_or_default();
    out.push('\n');
    out
}
