//! What an apply or a rollback did, for people and programs. May import: siblings, `change`.

use super::paint::{Tone, clean, inert, pad, width};
use crate::change::chain::Did;
use crate::change::live::Head;
use crate::text::short_digest;
use serde_json::json;

/// Version of the JSON document.
pub const VERSION: u32 = 1;

/// What was done.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// The target in words.
    pub target: String,
    /// The generation that is live now.
    pub generation: u64,
    /// The generation that a rollback went back to.
    pub rollback_of: Option<u64>,
    /// The generation whose policies that one has: another, where it was a rollback itself.
    pub is: Option<u64>,
    /// The generation that was live until a rollback.
    pub before: Option<u64>,
    /// Each policy that was touched; empty where everything was as it should be.
    pub operations: Vec<Did>,
    /// Policies that a rollback holds, so that they stay as they are.
    pub held: Vec<String>,
    /// Policies that were held and are not any more: git has another version of them.
    pub released: Vec<String>,
    /// Who approved, each in words.
    pub approvals: Vec<String>,
    /// What history asked for and was overridden, in a sentence.
    pub overrode: Option<String>,
    /// Digest of the changes.
    pub changes_digest: Option<String>,
    /// Where the ledger ends now.
    pub ledger: Option<Head>,
}

/// For a terminal: what was done first, what it is worth last.
pub fn text(report: &Report) -> String {
    let target = clean(&report.target);
    let to = report.rollback_of;
    if report.operations.is_empty() {
        let what =
            to.map_or("already applied".into(), |to| format!("what generation {to} had is live already"));
        let mut out = format!(
            "{}: nothing to do on {target}, generation {}\n",
            Tone::Good.paint(&what),
            report.generation
        );
        out.push_str(&held(report));
        return inert(out);
    }
    let what = to.map_or("Applied to".into(), |to| format!("Rolled back to generation {to}:"));
    let mut out = Tone::Strong.paint(&format!("{what} {target}, now at generation {}", report.generation));
    out.push_str("\n\n");
    let column = report.operations.iter().map(|did| width(&clean(&did.id))).max().unwrap_or(0).min(40);
    for did in &report.operations {
        let (mark, tone) = match did.op.as_str() {
            "create" => ("+", Tone::Good),
            "delete" => ("-", Tone::Bad),
            _ => ("~", Tone::Warn),
        };
        let version = |digest: &Option<String>| digest.as_deref().map_or("none", short_digest).to_owned();
        let versions = format!("{} → {}", version(&did.before), version(&did.after));
        let head = format!("  {mark} {:6}  {}", clean(&did.op), pad(&clean(&did.id), column, false));
        out.push_str(&format!("{}  {}\n", tone.paint(&head), Tone::Dim.paint(&clean(&versions))));
    }
    out.push('\n');
    out.push_str(&held(report));
    if let (Some(is), Some(_)) = (report.is.filter(|is| Some(*is) != to), to) {
        out.push_str(&format!("generation {} is what generation {is} was\n", report.generation));
    }
    if let (Some(before), Some(_)) = (report.before, to) {
        out.push_str(&Tone::Dim.paint(&format!("forth again: luascale rollback --to {before}\n")));
    }
    if !report.approvals.is_empty() {
        out.push_str(&format!("approved by {}\n", clean(&report.approvals.join(", "))));
    }
    if let Some(overrode) = &report.overrode {
        out.push_str(&Tone::Warn.paint(&format!("--trust-base: {}\n", clean(overrode))));
    }
    if let Some(head) = &report.ledger {
        out.push_str(&Tone::Dim.paint(&format!("ledger  line {}, {}\n", head.lines, clean(&head.digest))));
    }
    inert(out)
}

fn held(report: &Report) -> String {
    let mut out = String::new();
    let words = |names: &[String]| if names.len() == 1 { ("is", "it") } else { ("are", "them") };
    if !report.held.is_empty() {
        let (verb, it) = words(&report.held);
        let names = clean(&report.held.join(", "));
        out.push_str(&format!("{names} {verb} held as rolled back until git has another version of {it}\n"));
    }
    if !report.released.is_empty() {
        let (verb, it) = words(&report.released);
        let names = clean(&report.released.join(", "));
        out.push_str(&format!("{names} {verb} no longer held: git has another version of {it}\n"));
    }
    out
}

/// For programs.
pub fn json(report: &Report) -> String {
    let value = json!({
        "version": VERSION,
        "target": report.target,
        "generation": report.generation,
        "rollback_of": report.rollback_of,
        "is": report.is,
        "changed": !report.operations.is_empty(),
        "operations": report.operations,
        "held": report.held,
        "released": report.released,
        "approvals": report.approvals,
        "overrode": report.overrode,
        "changes_digest": report.changes_digest,
        "ledger": report.ledger,
    });
    let mut out = serde_json::to_string_pretty(&value).unwrap_or_default();
    out.push('\n');
    out
}
