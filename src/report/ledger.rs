//! Ledgers, for people and programs. May import: siblings, `change`.

use super::paint::{Tone, clean, inert, pad, width, wrap};
use crate::change::chain::{Fault, Line, Verdict, short};
use serde_json::json;

/// What verifying a ledger came to.
pub fn verified(name: &str, verdict: &Verdict, columns: usize) -> String {
    let name = clean(name);
    if verdict.faults.is_empty() {
        let Some(head) = &verdict.head else { return format!("{name} is empty\n") };
        let lines = if head.lines == 1 { "line" } else { "lines" };
        let whole = format!("{name} is whole: {} {lines}, the last one {}\n", head.lines, head.digest);
        return inert(Tone::Good.paint("ok ") + &whole);
    }
    if let (None, [Fault { line: 0, what }]) = (&verdict.head, verdict.faults.as_slice()) {
        return inert(Tone::Bad.paint(&format!("{name}: {}", clean(what))) + "\n");
    }
    let count = verdict.faults.len();
    let mut out =
        Tone::Bad.paint(&format!("{name} is damaged in {count} place{}", if count == 1 { "" } else { "s" }));
    out.push('\n');
    let places: Vec<String> = verdict.faults.iter().map(|fault| format!("line {}", fault.line)).collect();
    let column = places.iter().map(|place| width(place)).max().unwrap_or(0);
    for (place, fault) in places.iter().zip(&verdict.faults) {
        let room = columns.clamp(40, 200).saturating_sub(column + 4);
        for (at, line) in wrap(&clean(&fault.what), room).into_iter().enumerate() {
            let place = if at == 0 { place.as_str() } else { "" };
            out.push_str(&format!("  {}  {line}\n", Tone::Strong.paint(&pad(place, column, false))));
        }
    }
    inert(out)
}

/// The same for programs.
pub fn verified_json(verdict: &Verdict) -> String {
    let head = verdict.head.as_ref();
    pretty(&json!({
        "sound": verdict.faults.is_empty(),
        "lines": head.map_or(0, |head| head.lines),
        "digest": head.map(|head| &head.digest),
        "faults": verdict.faults,
    }))
}

/// What was done, the oldest first.
pub fn shown(lines: &[Line]) -> String {
    let mut out = String::new();
    for line in lines {
        let entry = &line.entry;
        let what = match (entry.generation, entry.origin.rollback_of) {
            (Some(made), Some(of)) => format!("generation {made}, a rollback to {of}"),
            (Some(made), None) => format!("generation {made}"),
            (None, _) => format!("run {}", entry.run),
        };
        let resumed = if entry.resumed { ", finishing what was interrupted" } else { "" };
        out.push_str(&Tone::Strong.paint(&format!(
            "{:>4}  {}  {}",
            line.line,
            clean(&entry.at),
            clean(&entry.event)
        )));
        out.push_str(&format!("  {}{resumed}, by {}\n", clean(&what), clean(&entry.origin.actor)));
        let mut about = vec![format!("{} {}", entry.target.kind, clean(short(&entry.target.id)))];
        about.extend(entry.origin.commit.as_deref().map(|commit| format!("commit {}", clean(short(commit)))));
        about.extend(entry.origin.changes_digest.as_deref().map(|d| format!("changes {}", clean(short(d)))));
        if !entry.origin.approvals.is_empty() {
            about.push(format!("approved by {}", clean(&entry.origin.approvals.join(", "))));
        }
        out.push_str(&format!("      {}\n", Tone::Dim.paint(&about.join(", "))));
        if let Some(overrode) = &entry.origin.overrode {
            out.push_str(&Tone::Warn.paint(&format!("      --trust-base: {}\n", clean(overrode))));
        }
        let column = entry.operations.iter().map(|did| width(&clean(&did.id))).max().unwrap_or(0).min(40);
        for did in &entry.operations {
            let version = |digest: &Option<String>| digest.as_deref().map_or("none", short).to_owned();
            out.push_str(&format!(
                "      {:6}  {}  {}\n",
                clean(&did.op),
                pad(&clean(&did.id), column, false),
                Tone::Dim.paint(&clean(&format!("{} → {}", version(&did.before), version(&did.after))))
            ));
        }
    }
    inert(if out.is_empty() { "nothing was done yet\n".into() } else { out })
}

/// The same for programs: the lines as they stand in the file.
pub fn shown_json(lines: &[Line]) -> String {
    pretty(&json!({ "lines": lines }))
}

fn pretty(value: &serde_json::Value) -> String {
    let mut out = serde_json::to_string_pretty(value).unwrap_or_default();
    out.push('\n');
    out
}
