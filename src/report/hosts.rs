//! Findings in the formats of code hosts and review tools: workflow commands of GitHub, code
//! quality of GitLab, rdjson of reviewdog, checkstyle and JUnit. May import: `text`, `model`.

use super::findings::sorted;
use super::pages::level as name_of;
use super::paint::clean;
use super::places::{Base, Places, words, xml};
use crate::model::{Finding, Label, Level};
use crate::text::Source;
use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::HashMap;

/// Workflow commands, one a line: GitHub shows them at their lines in a pull request.
pub fn github(findings: &[Finding], sources: &[Source], base: &Base) -> String {
    let places = Places::new(sources, base);
    let mut out = String::new();
    for finding in sorted(findings) {
        let at = places.home(finding, sources);
        let command = match finding.level {
            Level::Note => "notice",
            Level::Warning => "warning",
            Level::Error => "error",
        };
        // An annotation over several lines that names columns is dropped.
        let columns = if at.start.line == at.end.line {
            format!(",col={},endColumn={}", at.start.column, at.end.column)
        } else {
            String::new()
        };
        out.push_str(&format!(
            "::{command} file={},line={},endLine={}{columns},title={}::{}\n",
            property(&at.path),
            at.start.line,
            at.end.line,
            property(&finding.rule),
            data(&words(finding, &places))
        ));
    }
    out
}

/// The message of a workflow command.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// A property of a workflow command.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

/// GitLab's code quality report: a list of issues.
pub fn gitlab(findings: &[Finding], sources: &[Source], base: &Base) -> String {
    let places = Places::new(sources, base);
    let mut counts: HashMap<String, u32> = HashMap::new();
    let issue = |finding: &Finding| {
        let at = places.home(finding, sources);
        // The text of the line, not its number, so that a finding stays the same as lines move.
        let line = finding.labels.first().and_then(|label| line_text(&places, label)).unwrap_or_default();
        let key = format!("{}\0{}\0{line}\0{}", finding.rule, at.path, finding.message);
        let count = counts.entry(key.clone()).or_insert(0);
        *count += 1;
        let digest = Sha256::digest(format!("{key}\0{count}"));
        json!({
            "description": words(finding, &places),
            "check_name": finding.rule,
            "fingerprint": data_encoding::HEXLOWER.encode(&digest),
            "severity": match finding.level {
                Level::Note => "info",
                Level::Warning => "minor",
                Level::Error => "major",
            },
            "location": { "path": at.path, "lines": { "begin": at.start.line, "end": at.end.line } },
        })
    };
    let issues: Vec<Value> = sorted(findings).into_iter().map(issue).collect();
    pretty(&Value::from(issues))
}

fn line_text<'a>(places: &'a Places<'_>, label: &Label) -> Option<&'a str> {
    let (Source { text, .. }, lines) = places.lines(&label.source)?;
    let span = lines.line_span(text, lines.line(label.span.start))?;
    text.get(span.start as usize..span.end as usize)
}

/// Reviewdog's diagnostics, with fixes as suggestions. Its columns count bytes.
pub fn rdjson(findings: &[Finding], sources: &[Source], base: &Base) -> String {
    let places = Places::new(sources, base);
    let position = |label: &Label, byte: u32| match places.lines(&label.source) {
        Some((source, lines)) => {
            let line = lines.line(byte);
            let before = source.text.get(..byte as usize).unwrap_or_default();
            let column = before.len() - before.rfind('\n').map_or(0, |at| at + 1) + 1;
            json!({ "line": line, "column": column })
        }
        None => json!({ "line": 1, "column": 1 }),
    };
    let range = |label: &Label| json!({ "start": position(label, label.span.start), "end": position(label, label.span.end) });
    let diagnostic = |finding: &Finding| {
        let mut location = json!({ "path": places.home(finding, sources).path });
        if let (Some(map), Some(label)) = (location.as_object_mut(), finding.labels.first()) {
            map.insert("range".into(), range(label));
        }
        let mut out = json!({
            "message": words(finding, &places),
            "location": location,
            "severity": match finding.level {
                Level::Note => "INFO",
                Level::Warning => "WARNING",
                Level::Error => "ERROR",
            },
            "code": { "value": finding.rule },
        });
        // A suggestion has one file: that of the finding.
        let here = finding.labels.first().map(|label| label.source.clone());
        let edits = finding.fix.iter().flat_map(|fix| &fix.edits);
        let suggestions: Vec<Value> = edits
            .filter(|edit| Some(&edit.source) == here.as_ref())
            .map(|edit| {
                let label = Label { source: edit.source.clone(), span: edit.span, text: String::new() };
                json!({ "range": range(&label), "text": edit.text })
            })
            .collect();
        if let Some(map) = out.as_object_mut().filter(|_| !suggestions.is_empty()) {
            map.insert("suggestions".into(), Value::from(suggestions));
        }
        out
    };
    let diagnostics: Vec<Value> = sorted(findings).into_iter().map(diagnostic).collect();
    pretty(&json!({ "source": { "name": "luascale" }, "diagnostics": diagnostics }))
}

fn pretty(value: &Value) -> String {
    let mut out = serde_json::to_string_pretty(value).unwrap_or_default();
    out.push('\n');
    out
}

/// Checkstyle's XML: files, and the errors in each.
pub fn checkstyle(findings: &[Finding], sources: &[Source], base: &Base) -> String {
    let places = Places::new(sources, base);
    let mut files: Vec<(String, String)> = Vec::new();
    for finding in sorted(findings) {
        let at = places.home(finding, sources);
        let severity = match finding.level {
            Level::Note => "info",
            Level::Warning => "warning",
            Level::Error => "error",
        };
        let error = format!(
            "    <error line=\"{}\" column=\"{}\" severity=\"{severity}\" message=\"{}\" source=\"luascale.{}\"/>\n",
            at.start.line,
            at.start.column,
            xml(&words(finding, &places)),
            xml(&finding.rule)
        );
        // Findings come file by file.
        match files.last_mut().filter(|(path, _)| *path == at.path) {
            Some((_, errors)) => errors.push_str(&error),
            None => files.push((at.path, error)),
        }
    }
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<checkstyle version=\"4.3\">\n");
    for (path, errors) in files {
        out.push_str(&format!("  <file name=\"{}\">\n{errors}  </file>\n", xml(&path)));
    }
    out.push_str("</checkstyle>\n");
    out
}

/// JUnit's XML: a suite a file, a failed test a finding; one that passed where a file has none.
pub fn junit(findings: &[Finding], sources: &[Source], files: &[String], base: &Base) -> String {
    let places = Places::new(sources, base);
    let mut suites: Vec<(String, TestSuite)> = Vec::new();
    let mut indices: HashMap<String, usize> = HashMap::new();
    let mut suite = |suites: &mut Vec<(String, TestSuite)>, path: String| {
        *indices.entry(path.clone()).or_insert_with(|| {
            let suite = TestSuite::new(clean(&path));
            suites.push((path, suite));
            suites.len() - 1
        })
    };
    for name in files {
        suite(&mut suites, places.path(name));
    }
    for finding in sorted(findings) {
        let at = places.home(finding, sources);
        let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
        status.set_type(name_of(finding.level)).set_message(clean(&finding.message));
        let said: Vec<String> = words(finding, &places).lines().map(clean).collect();
        let place = format!("{}:{}:{}", clean(&at.path), at.start.line, at.start.column);
        status.set_description(format!("{place}: {}", said.join("\n")));
        let mut case = TestCase::new(format!("{}:{}", clean(&finding.rule), at.start.line), status);
        case.set_classname(clean(&at.path));
        let index = suite(&mut suites, at.path);
        if let Some((_, suite)) = suites.get_mut(index) {
            suite.add_test_case(case);
        }
    }
    for (path, suite) in &mut suites {
        if suite.test_cases.is_empty() {
            let mut case = TestCase::new("check", TestCaseStatus::success());
            case.set_classname(clean(path));
            suite.add_test_case(case);
        }
    }
    let mut report = Report::new("luascale check");
    report.add_test_suites(suites.into_iter().map(|(_, suite)| suite));
    // Writing to memory does not fail.
    report.to_string().unwrap_or_default()
}
