//! The difference of two sides as Markdown, HTML and JSON. May import: `change`, siblings.

use super::diff::{extent, headline, parted, rows, values};
use super::diff_lines::{mermaid, svg};
use super::findings::findings_values;
use super::markdown::text as md;
use super::numbers::Clock;
use super::paint::clean;
use super::places::xml;
use crate::change::difference::{Difference, Differing, Fate};
use crate::change::meaning::Class;
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

/// A text in HTML.
fn html_text(text: &str) -> String {
    xml(&clean(text))
}

/// One page that works offline.
pub fn html(difference: &Difference) -> String {
    const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;\
color:#1b1f24;background:#fff}h1{font-size:1.3rem}h2{font-size:1.1rem;margin:2rem 0 .3rem}table{border-collapse:collapse;\
margin:.6rem 0}td,th{padding:.15rem .8rem .15rem 0;text-align:left;vertical-align:top}td.n{text-align:right;\
font-variant-numeric:tabular-nums}.dim,.axis{color:#59636e;fill:#59636e}.axis{font-size:11px}.end{text-anchor:end}\
polyline{fill:none;stroke-width:1.6}.old{stroke:#0969da}.new{stroke:#bc4c00}code{font-family:ui-monospace,monospace}\
svg{width:100%;height:auto}@media(prefers-color-scheme:dark){body{color:#e6edf3;background:#0d1117}}";
    let mut out = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width\"><title>luascale diff</title><style>{STYLE}</style></head><body>\n<h1>{}</h1>\n\
         <p class=\"dim\">{} → {}</p>\n",
        html_text(&headline(difference)),
        html_text(&difference.before),
        html_text(&difference.after)
    );
    for policy in &difference.policies {
        html_policy(&mut out, policy);
    }
    for (path, side) in &difference.broken {
        out.push_str(&format!(
            "<p><b>{} does not load {}: it is not compared</b></p>\n",
            html_text(path),
            html_text(side)
        ));
    }
    for (path, why) in &difference.skipped {
        out.push_str(&format!("<p class=\"dim\">left out: {}, {}</p>\n", html_text(path), html_text(why)));
    }
    out.push_str("</body></html>\n");
    out
}

fn html_policy(out: &mut String, policy: &Differing) {
    let was = policy.was.as_ref().map(|was| format!("{} → ", html_text(was))).unwrap_or_default();
    out.push_str(&format!(
        "<h2>{was}{} <span class=\"dim\">{}, {}</span></h2>\n",
        html_text(&policy.id),
        policy.fate.name(),
        html_text(&policy.path)
    ));
    if !policy.summary.is_empty() {
        out.push_str(&format!("<p>{}</p>\n", html_text(&policy.summary)));
    }
    if policy.is_cosmetic() && policy.changes.is_empty() {
        out.push_str("<p>no change of meaning</p>\n");
    }
    if !policy.changes.is_empty() {
        out.push_str("<table>\n");
        for change in &policy.changes {
            out.push_str(&format!(
                "<tr><td><code>{}</code></td><td><b>{}</b></td><td>{}</td><td class=\"dim\">{}</td></tr>\n",
                html_text(&change.field),
                html_text(&values(change, "→")),
                html_text(&change.words),
                classes(&change.classes)
            ));
        }
        out.push_str("</table>\n");
    }
    for compared in policy.behaviour.iter().flatten() {
        out.push_str(&format!("<p><b>{}</b>: {}</p>\n", html_text(&extent(compared)), parted(compared)));
        if compared.is_same() {
            continue;
        }
        out.push_str("<table><tr><th></th><th>before</th><th>after</th><th></th></tr>\n");
        for row in rows(&compared.before, &compared.after) {
            out.push_str(&format!(
                "<tr><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"dim\">{}</td></tr>\n",
                row.label,
                html_text(&row.before),
                html_text(&row.after),
                row.by
            ));
        }
        out.push_str("</table>\n");
        let clock = Clock::between(compared.start, compared.end);
        for parting in &compared.first {
            out.push_str(&format!(
                "<p>{} UTC: before {} <span class=\"dim\">{}</span>, after {} <span class=\"dim\">{}</span></p>\n",
                clock.show(parting.time),
                parting.before,
                html_text(&parting.before_why),
                parting.after,
                html_text(&parting.after_why)
            ));
        }
        out.push_str(&svg(compared));
        out.push_str("<p class=\"dim\">replicas: blue before, orange after</p>\n");
    }
    if let Some(why) = &policy.no_behaviour {
        out.push_str(&format!("<p class=\"dim\">{}</p>\n", html_text(why)));
    }
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

pub(super) fn policy(policy: &Differing) -> Value {
    let changes: Vec<Value> = policy
        .changes
        .iter()
        .map(|change| {
            json!({
                "field": change.field,
                "classes": change.classes,
                "before": change.before,
                "after": change.after,
                "means": change.words,
            })
        })
        .collect();
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
        "changes": changes,
        "because": policy.because,
        "behaviour": behaviour,
        "no_behaviour": policy.no_behaviour,
    })
}
