//! Findings as SARIF 2.1.0, for code hosts. May import: `text`, `model`, `lint`.
//!
//! GitHub refuses a whole report for one result without a place or a rule without help, shows
//! paths from the repository's root only, and cuts texts of rules at 1024 characters.

use super::findings::sorted;
use super::fingerprint::line_hashes;
use super::pages::level;
use super::places::{Base, Located, Places};
use crate::lint::Suppressed;
use crate::lint::rules::RULES;
use crate::model::organisation::FAMILY;
use crate::model::{Finding, Label, Level};
use crate::text::Source;
use serde_json::{Value, json};
use std::collections::{HashMap, HashSet};
use std::fmt::Write;

/// Longest text of a rule, in characters.
const LONGEST: usize = 1024;

/// The document; ends with a line end. Findings that are `suppressed` are results too, with the
/// reason: for programs that know `suppressions`, which GitHub's code scanning does not.
pub fn sarif(findings: &[Finding], suppressed: &[Suppressed], sources: &[Source], base: &Base) -> String {
    let places = Places::new(sources, base);
    let all = || findings.iter().chain(suppressed.iter().map(|one| &one.finding));
    let named: HashSet<&str> = all().filter_map(|f| f.labels.first()).map(|l| &*l.source).collect();
    let hashed = sources.iter().filter(|source| named.contains(&*source.name));
    let hashes: HashMap<&str, Vec<String>> =
        hashed.map(|source| (&*source.name, line_hashes(&source.text))).collect();
    let mut results: Vec<Value> =
        sorted(findings).into_iter().map(|f| result(f, sources, &places, &hashes)).collect();
    results.extend(suppressed.iter().map(|one| {
        let mut result = result(&one.finding, sources, &places, &hashes);
        let mut suppression = json!({ "kind": "inSource", "status": "accepted" });
        if !one.reason.is_empty() {
            suppression["justification"] = json!(one.reason);
        }
        result["suppressions"] = json!([suppression]);
        result
    }));
    let document = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "luascale",
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": rules(findings),
            } },
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    });
    let mut out = serde_json::to_string_pretty(&document).unwrap_or_default();
    out.push('\n');
    out
}

fn rules(findings: &[Finding]) -> Vec<Value> {
    let page = |rule: &'static crate::lint::rules::Rule| {
        let page = rule.page()?;
        let why = page.why.split_whitespace().collect::<Vec<_>>().join(" ");
        let first = why.split_inclusive(". ").next().unwrap_or(&why).trim().to_owned();
        let severity = match page.level {
            Level::Note => "recommendation",
            other => level(other),
        };
        Some(json!({
            "id": rule.id,
            "shortDescription": { "text": cut(&first) },
            "fullDescription": { "text": cut(&why) },
            "help": { "text": cut(&why), "markdown": page.body },
            "defaultConfiguration": { "level": level(page.level) },
            "properties": { "tags": page.tags, "problem.severity": severity },
        }))
    };
    let built_in = RULES.iter().filter_map(page);
    // Rules of the organisation, as far as they found something.
    let mut own: Vec<&Finding> =
        findings.iter().filter(|f| crate::lint::rules::rule(&f.rule).is_none()).collect();
    own.sort_by(|a, b| a.rule.cmp(&b.rule));
    own.dedup_by(|a, b| a.rule == b.rule);
    let own = own.into_iter().map(|f| {
        let said = format!("{}: a rule of this organisation; `luascale explain {}` shows it", f.rule, f.rule);
        json!({
            "id": f.rule,
            "shortDescription": { "text": said },
            "help": { "text": said },
            "defaultConfiguration": { "level": level(f.level) },
            "properties": { "tags": [FAMILY] },
        })
    });
    built_in.chain(own).collect()
}

fn cut(text: &str) -> String {
    text.chars().take(LONGEST).collect()
}

fn result(
    finding: &Finding,
    sources: &[Source],
    places: &Places<'_>,
    hashes: &HashMap<&str, Vec<String>>,
) -> Value {
    let home = places.home(finding, sources);
    let mut text = finding.message.clone();
    if let Some(help) = &finding.help {
        text.push_str(&format!(". {help}"));
    }
    let related = |(id, label): (usize, &Label)| {
        let mut place = location(&places.of(label));
        if let Some(map) = place.as_object_mut() {
            map.insert("id".into(), json!(id));
            let said = if label.text.is_empty() { "see here" } else { &label.text };
            map.insert("message".into(), json!({ "text": said }));
        }
        place
    };
    let mut out = json!({
        "ruleId": finding.rule,
        "level": level(finding.level),
        "message": { "text": text },
        "locations": [location(&home)],
    });
    let Some(map) = out.as_object_mut() else { return out };
    if let Some(index) = RULES.iter().position(|rule| rule.id == finding.rule) {
        map.insert("ruleIndex".into(), json!(index));
    }
    let others: Vec<Value> = (1..).zip(finding.labels.iter().skip(1)).map(related).collect();
    if !others.is_empty() {
        map.insert("relatedLocations".into(), json!(others));
    }
    let hash = finding
        .labels
        .first()
        .and_then(|label| hashes.get(&*label.source)?.get((home.start.line as usize).checked_sub(1)?));
    if let Some(hash) = hash {
        map.insert("partialFingerprints".into(), json!({ "primaryLocationLineHash": hash }));
    }
    if let Some(fix) = &finding.fix {
        let mut files: Vec<(&str, Vec<Value>)> = Vec::new();
        for edit in &fix.edits {
            let label = Label { source: edit.source.clone(), span: edit.span, text: String::new() };
            let change = json!({
                "deletedRegion": region(&places.of(&label)),
                "insertedContent": { "text": edit.text },
            });
            match files.iter_mut().find(|(name, _)| *name == &*edit.source) {
                Some((_, changes)) => changes.push(change),
                None => files.push((&edit.source, vec![change])),
            }
        }
        let changes: Vec<Value> = files
            .into_iter()
            .map(|(name, changes)| {
                json!({ "artifactLocation": { "uri": uri(&places.path(name)) }, "replacements": changes })
            })
            .collect();
        map.insert(
            "fixes".into(),
            json!([{ "description": { "text": fix.title }, "artifactChanges": changes }]),
        );
    }
    out
}

fn location(at: &Located) -> Value {
    json!({ "physicalLocation": { "artifactLocation": { "uri": uri(&at.path) }, "region": region(at) } })
}

fn region(at: &Located) -> Value {
    json!({
        "startLine": at.start.line,
        "startColumn": at.start.column,
        "endLine": at.end.line,
        "endColumn": at.end.column,
    })
}

/// A path as a relative URI: whatever has a meaning in one is percent-encoded.
fn uri(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a text never fails.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::uri;

    #[test]
    fn paths_become_uris_that_mean_them() {
        assert_eq!(uri("a b/ü:%.lua"), "a%20b/%C3%BC%3A%25.lua");
    }
}
