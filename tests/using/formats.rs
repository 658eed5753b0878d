//! Formats without a schema, read by somebody else's programs: checkstyle as danger's plugin reads it, and
//! GitLab's code quality by the types of Code Climate's issues.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use crate::support::Folder;
use serde_json::Value;
use std::path::Path;
use std::process::Command;

/// What a reader of a format makes of a report.
#[track_caller]
fn read(format: &str, report: &str, root: &str) -> Result<String, String> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/formats/read.mjs");
    let there = script.with_file_name("node_modules/typescript").is_dir();
    assert!(there, "the readers of formats are missing: scripts/test installs them");
    let folder = Folder::with(&[("report", report)]);
    let mut node = Command::new("node");
    node.arg(script).args([format, "report", root]).current_dir(folder.path());
    let output = node.output().unwrap_or_else(|_| panic!("Node.js is missing: scripts/test installs it"));
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
    }
}

/// The report of all faulty policies in a format, and the same findings as JSON.
fn reports(format: &str) -> (String, Vec<Value>) {
    let faulty = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/policies/faulty");
    let folder = Folder::with(&[]);
    let report = |format| folder.luascale(&["check", faulty, "--no-cache", "--format", format]).expect(1);
    let findings = report("json").json()["findings"].as_array().unwrap().clone();
    (report(format).stdout, findings)
}

#[test]
fn checkstyle_is_read_by_a_plugin_of_danger() {
    let (report, findings) = reports("checkstyle");
    let read: Value = serde_json::from_str(&read("checkstyle", &report, "/").unwrap()).unwrap();
    let read = read.as_array().unwrap();
    let key = |message: &Value, line: &Value, level: &Value| {
        let message = message.as_str().unwrap();
        format!("{line} {}: {}", level.as_str().unwrap(), message.lines().next().unwrap_or_default())
    };
    let mut theirs: Vec<String> =
        read.iter().map(|v| key(&v["message"], &v["line"], &v["severity"])).collect();
    let mut ours: Vec<String> = findings
        .iter()
        .map(|f| {
            let first = f["labels"].as_array().and_then(|labels| labels.first());
            let line = first.map_or(Value::from(1), |label| label["line"].clone());
            let level = f["level"].as_str().unwrap();
            key(&f["message"], &line, &Value::from(if level == "note" { "info" } else { level }))
        })
        .collect();
    theirs.sort();
    ours.sort();
    assert_eq!(theirs, ours);
    assert!(
        read.iter().all(|v| v["column"].as_u64() > Some(0) && v["file"].as_str().unwrap().ends_with(".lua"))
    );
}

#[test]
fn gitlab_s_report_has_the_types_of_code_climate_s_issues() {
    let (report, findings) = reports("gitlab");
    assert_eq!(read("gitlab", &report, ""), Ok("holds\n".into()));
    let issues: Vec<Value> = serde_json::from_str(&report).unwrap();
    assert_eq!(issues.len(), findings.len());
    // What is missing or of another type is refused.
    for (from, to) in
        [("\"minor\"", "\"small\""), ("\"fingerprint\"", "\"finger\""), ("\"begin\": ", "\"begin\": \"\" + ")]
    {
        assert!(report.contains(from));
        assert!(read("gitlab", &report.replace(from, to), "").is_err(), "{to}");
    }
}
