//! The difference of two sides as Markdown and JSON. May import: `change`, siblings.

use super::diff::{extent, headline, parted, rows, values};
use super::diff_lines::mermaid;
use super::findings::findings_values;
use super::markdown::text as md;
use super::numbers::Clock;
use crate::change::difference::{Difference, Differing, Fate};
use crate::change::meaning::{Change, Class};
use crate::model::Finding;
use crate::text::Source;
use serde_json::{Value, json};

/// Version of the JSON document.
pub const VERSION: u32 = 1;

fn classes(all: &[Class]) -> String {
    all.iter().map(|class| class.name()).collect::<Vec<_>>().join(", ")
}

/// For a pull request or a job summary.
pub fn markdown(difference: &Difference) -> String {
    let mut out = format!("**{}**\n\n", md(&headline(difference)));
    out.push_str(&format!("{} → {}\n", md(&difference.before), md(&difference.after)));
    for policy in &difference.policies {
        let was = policy.was.as_ref().map(|was| format!("{} → ", md(was))).unwrap_or_default();
        out.push_str(&format!("\n### {was}{}: {}\n\n", md(&policy.id), policy.fate.name()));
        let path = policy.was_path.as_ref().map(|was| format!("{} → ", md(was))).unwrap_or_default();
        out.push_str(&format!("{path}{}\n\n", md(&policy.path)));
        if !policy.summary.is_empty() {
            out.push_str(&format!("{}\n\n", md(&policy.summary)));
        }
        if policy.is_cosmetic() && policy.changes.is_empty() {
            out.push_str("No change of meaning.\n\n");
        }
        if !policy.changes.is_empty() {
            out.push_str("| field | change | means | class |\n|-|-|-|-|\n");
            for change in &policy.changes {
                out.push_str(&format!(
                    "| {} | {} | {} | {} |\n",
                    md(&change.field),
                    md(&values(change, "→")),
                    md(&change.words),
                    classes(&change.classes)
                ));
            }
            out.push('\n');
        }
        let others: Vec<String> =
            policy.because.iter().filter(|path| **path != policy.path).map(|path| md(path)).collect();
        if !others.is_empty() && matches!(policy.fate, Fate::Changed | Fate::Renamed) {
            out.push_str(&format!("By a change in {}.\n\n", others.join(", ")));
        }
        for compared in policy.behaviour.iter().flatten() {
            out.push_str(&format!("**{}**: {}\n\n", md(&extent(compared)), parted(compared)));
            if compared.is_same() {
                continue;
            }
            out.push_str("| | before | after | |\n|-|-:|-:|-|\n");
            for row in rows(&compared.before, &compared.after) {
                out.push_str(&format!(
                    "| {} | {} | {} | {} |\n",
                    row.label,
                    md(&row.before),
                    md(&row.after),
                    row.by
                ));
            }
            let clock = Clock::between(compared.start, compared.end);
            for parting in compared.first.iter().take(1) {
                out.push_str(&format!(
                    "\nFirst at {} UTC: before {} ({}), after {} ({}).\n",
                    clock.show(parting.time),
                    parting.before,
                    md(&parting.before_why),
                    parting.after,
                    md(&parting.after_why)
                ));
            }
            for fault in &compared.faults {
                out.push_str(&format!("\n**{}**\n", md(fault)));
            }
            out.push_str(&format!("\n{}\n", mermaid(compared)));
        }
        if let Some(why) = &policy.no_behaviour {
            out.push_str(&format!("{}\n\n", md(why)));
        }
    }
    for (path, side) in &difference.broken {
        out.push_str(&format!("\n**{} does not load {}: it is not compared.**\n", md(path), md(side)));
    }
    for (path, why) in &difference.skipped {
        out.push_str(&format!("\nLeft out: {}, {}.\n", md(path), md(why)));
    }
    out
}

/// For programs; the schema is in docs/schema.
pub fn json(difference: &Difference, findings: &[Finding], sources: &[Source]) -> String {
    let pair = |(path, why): &(String, String)| json!({ "path": path, "why": why });
    let policies: Vec<Value> = difference.policies.iter().map(policy).collect();
    let document = json!({
        "version": VERSION,
        "before": difference.before,
        "after": difference.after,
        "policies": policies,
        "skipped": difference.skipped.iter().map(pair).collect::<Vec<_>>(),
        "broken": difference.broken.iter().map(|(path, side)| json!({ "path": path, "side": side })).collect::<Vec<_>>(),
        "findings": findings_values(findings, sources),
    });
    format!("{document:#}\n")
}

/// What changed, a field each.
pub(super) fn changes(all: &[Change]) -> Vec<Value> {
    let one = |change: &Change| {
        json!({
            "field": change.field,
            "classes": change.classes,
            "before": change.before,
            "after": change.after,
            "means": change.words,
        })
    };
    all.iter().map(one).collect()
}

pub(super) fn policy(policy: &Differing) -> Value {
    let behaviour = policy.behaviour.as_ref().map(|all| {
        all.iter()
            .map(|compared| {
                json!({
                    "samples": compared.samples,
                    "loop": compared.kind,
                    "start": compared.start.to_string(),
                    "end": compared.end.to_string(),
                    "ticks": compared.ticks,
                    "before": compared.before,
                    "after": compared.after,
                    "partings": compared.partings,
                    "apart_seconds": compared.apart_ms as f64 / 1000.0,
                    "first": compared.first.iter().map(|p| json!({
                        "time": p.time.to_string(),
                        "before": p.before,
                        "after": p.after,
                        "before_why": p.before_why,
                        "after_why": p.after_why,
                    })).collect::<Vec<_>>(),
                    "lines": compared.lines.iter().map(|(time, a, b)| json!([time.to_string(), a, b])).collect::<Vec<_>>(),
                    "faults": compared.faults,
                    "notes": compared.notes,
                })
            })
            .collect::<Vec<_>>()
    });
    json!({
        "policy": policy.id,
        "fate": policy.fate,
        "was": policy.was,
        "path": policy.path,
        "was_path": policy.was_path,
        "summary": policy.summary,
        "no_change_of_meaning": policy.is_cosmetic(),
        "changes": changes(&policy.changes),
        "because": policy.because,
        "behaviour": behaviour,
        "no_behaviour": policy.no_behaviour,
    })
}
