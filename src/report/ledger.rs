//! Ledgers, for people and programs. May import: siblings, `change`.

use super::Layout;
use super::paint::{Tone, clean, cut, inert, pad, width, wrap};
use super::text::push_wrapped;
use crate::change::chain::{Fault, Line, Verdict};
use crate::model::Time;
use crate::text::{short_commit, short_digest};
use serde_json::json;

/// Version of the JSON documents.
pub const VERSION: u32 = 1;

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
        "version": VERSION,
        "sound": verdict.faults.is_empty(),
        "lines": head.map_or(0, |head| head.lines),
        "digest": head.map(|head| &head.digest),
        "faults": verdict.faults,
    }))
}

/// What was done, the oldest first: a line each, and below it what it was about.
pub fn shown(lines: &[Line], layout: &Layout) -> String {
    let columns = layout.columns();
    let glyphs = layout.charset.glyphs();
    let mut out = String::new();
    let events = lines.iter().map(|line| width(&clean(&line.entry.event))).max().unwrap_or(0).min(12);
    for line in lines {
        let entry = &line.entry;
        let origin = &entry.origin;
        let what = match (entry.generation, origin.rollback_of) {
            (Some(made), Some(of)) => format!("generation {made}, back to {of}"),
            (Some(made), None) => format!("generation {made}"),
            (None, _) => format!("run {}", entry.run),
        };
        let head = format!("{:>4}  {}  ", line.line, clean(&Time::said_of(&entry.at)));
        let event = pad(&clean(&entry.event), events, false);
        let (actor, what) = (clean(&origin.actor), clean(&what));
        let room = columns.saturating_sub(width(&head) + width(&event) + 2);
        // Who it was is told in full below where it does not fit, as a pipeline with its address.
        let whole = width(&what) + width(", by ") + width(&actor) <= room;
        let told = if whole { format!("{what}, by {actor}") } else { cut(&what, room, glyphs.cut) };
        out.push_str(&format!("{}  {told}\n", Tone::Strong.paint(&(head + &event))));
        let mut about = Vec::new();
        if !whole {
            about.push(format!("by {actor}"));
        }
        if entry.resumed {
            about.push("finishing what was interrupted".into());
        }
        about.push(format!("{} {}", clean(&entry.target.kind), clean(short_digest(&entry.target.id))));
        about
            .extend(origin.commit.as_deref().map(|commit| format!("commit {}", clean(short_commit(commit)))));
        about.extend(origin.changes_digest.as_deref().map(|d| format!("changes {}", clean(short_digest(d)))));
        if !origin.approvals.is_empty() {
            about.push(format!("approved by {}", clean(&origin.approvals.join(", "))));
        }
        push_wrapped(&mut out, LEAD, &about.join(", "), Tone::Dim, layout);
        if let Some(overrode) = &origin.overrode {
            push_wrapped(&mut out, LEAD, &format!("--trust-base: {}", clean(overrode)), Tone::Warn, layout);
        }
        let column = entry.operations.iter().map(|did| width(&clean(&did.id))).max().unwrap_or(0);
        // What a policy was and is takes 30 columns.
        let column = column.min(columns.saturating_sub(LEAD.len() + 8 + 2 + 30).max(8));
        for did in &entry.operations {
            let version = |digest: &Option<String>| digest.as_deref().map_or("none", short_digest).to_owned();
            let versions = format!("{} {} {}", version(&did.before), glyphs.arrow, version(&did.after));
            out.push_str(&format!(
                "{LEAD}{}  {}  {}\n",
                pad(&clean(&did.op), 6, false),
                pad(&cut(&clean(&did.id), column, glyphs.cut), column, false),
                Tone::Dim.paint(&clean(&versions))
            ));
        }
    }
    inert(if out.is_empty() { "nothing was done yet\n".into() } else { out })
}

/// Blanks before what an entry was about.
const LEAD: &str = "      ";

/// The same for programs: the lines as they stand in the file.
pub fn shown_json(lines: &[Line]) -> String {
    pretty(&json!({ "version": VERSION, "lines": lines }))
}

fn pretty(value: &serde_json::Value) -> String {
    let mut out = serde_json::to_string_pretty(value).unwrap_or_default();
    out.push('\n');
    out
}
