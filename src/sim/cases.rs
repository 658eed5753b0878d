//! Test files: a recording written by hand, and what is expected of a policy on it.
//!
//! May import: `text`, `model`, `yaml`, siblings.
//!
//! ```yaml
//! policy: checkout-api
//! start: 2024-03-01T12:00:00Z
//! interval: 15s
//! series:
//!   cpu: "0.5x8 0.9x20 _ stale"
//!   replicas: "4x29"
//! expect:
//!   - { at: 2m, replicas: 4 }
//!   - { at: 2m..5m, replicas: 4..9, event: scale_out }
//! ```
//! A file is one case, or has several under `tests:`.

use super::expect::{self, Expectation};
use super::run::RunOptions;
use super::samples::{ReadOptions, Text, recording};
use super::scenario::Scenario;
use super::series::Samples;
use super::trace::Loop;
use crate::model::Finding;
use crate::model::finding::capped;
use crate::text::{Source, Span, Spanned};
use crate::yaml::{self, Node, Reader, Yaml};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// One recording and what is expected on it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Case {
    /// As written, or its number in the file.
    pub name: String,
    /// The policy it is about; `None`: every one that is tested.
    pub policy: Option<Spanned<String>>,
    /// The recording.
    pub samples: Samples,
    /// How it is run.
    pub options: RunOptions,
    /// What is expected, in the order written.
    pub expectations: Vec<Expectation>,
    /// The whole case.
    pub span: Span,
}

const KEYS: [&str; 9] =
    ["name", "policy", "start", "interval", "loop", "recorded_replicas", "scenarios", "series", "expect"];

/// Reads a test file.
///
/// # Errors
/// Findings with their places: what is no YAML, keys that there are not, series and expectations that
/// cannot be read.
pub fn read_cases(bytes: &[u8], name: &str, options: &ReadOptions) -> Result<Vec<Case>, Vec<Finding>> {
    // For its messages on what is no text; the source keeps the byte order mark and with it every place.
    Text::new(bytes, name)?;
    let source = Source::new(name, String::from_utf8_lossy(bytes));
    let (root, findings) = yaml::parse(&source);
    let mut reader = Reader::new(&source);
    reader.findings = findings;
    let mut cases = Vec::new();
    if let Some(root) = &root {
        match root.get("tests") {
            None => cases.push(case(&mut reader, root, 1, options)),
            Some(list) => {
                reader.map(root, "", &["tests"]);
                for (at, item) in reader.list(list, "tests").iter().enumerate() {
                    cases.push(case(&mut reader, item, at + 1, options));
                }
                if cases.is_empty() {
                    reader.report("missing-field", "there are no tests", list.span, "write at least one");
                }
            }
        }
        names(&mut reader, &cases);
    }
    let mut findings = reader.findings;
    findings.sort_by_key(|f| f.labels.first().map(|l| l.span.start));
    if findings.is_empty() { Ok(cases) } else { Err(capped(findings, 0, name)) }
}

/// Two tests of one name could not be told apart in a report.
fn names(reader: &mut Reader<'_>, cases: &[Case]) {
    let mut seen: HashMap<&str, Span> = HashMap::new();
    for case in cases {
        if seen.insert(&case.name, case.span).is_some() {
            let message = format!("two tests are called `{}`", case.name);
            reader.report("duplicate-field", message, case.span, "name them apart");
        }
    }
}

fn case(reader: &mut Reader<'_>, node: &Node, number: usize, options: &ReadOptions) -> Case {
    reader.map(node, "", &KEYS);
    let name = node.get("name").and_then(|n| reader.text(n, "name"));
    let policy = node.get("policy").and_then(|n| reader.text(n, "policy"));
    let recording = recording(reader, node, options);
    let mut run = RunOptions::default();
    if let Some(n) = node.get("loop") {
        run.kind = reader.choice(n, "loop", &["open", "closed"]).map(|word| match word.value.as_str() {
            "open" => Loop::Open,
            _ => Loop::Closed,
        });
    }
    if let Some(n) = node.get("recorded_replicas") {
        run.recorded_replicas = reader.whole(n, "recorded_replicas", 0..=1_000_000);
    }
    if let Some(n) = node.get("scenarios") {
        for word in reader.texts(n, "scenarios") {
            match Scenario::parse(&word.value) {
                Ok(scenario) => run.scenarios.push(scenario),
                Err(why) => reader.report("bad-value", why, word.span, "write scenarios: [ gap ]"),
            }
        }
    }
    let mut expectations = Vec::new();
    if let Some(n) = node.get("expect") {
        for (at, item) in reader.list(n, "expect").iter().enumerate() {
            expect::read(reader, item, &format!("expect[{}]", at + 1), recording.start, &mut expectations);
        }
        if expectations.is_empty() && matches!(&n.value, Yaml::List(items) if items.is_empty()) {
            reader.report("missing-field", "`expect` is empty", n.span, "write { at: 5m, replicas: 3 }");
        }
    }
    Case {
        name: name.map_or_else(|| format!("test {number}"), |n| n.value),
        policy,
        samples: recording.samples,
        options: run,
        expectations,
        span: node.span,
    }
}
