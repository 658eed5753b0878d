//! Requests against GitHub's own description of its API, made strict: unknown paths, parameters and
//! fields, wrong enumerations and too long texts are refused; GraphQL documents against its schema.
//!
//! Needs Node.js and `npm ci` in tests/forge; scripts/test does that. Where they are missing it is
//! said, and it is a failure where `CI=true`.

#![allow(clippy::print_stdout, reason = "what is skipped is said")]

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

struct Operation {
    method: String,
    path: Vec<String>,
    query: Vec<(String, Value)>,
    body: Option<jsonschema::Validator>,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/forge")
}

fn node() -> Command {
    let mut node = Command::new("node");
    node.current_dir(folder()).arg("slice.mjs");
    node
}

/// The description; none where it is not installed.
fn description() -> Option<&'static Vec<Operation>> {
    static READ: OnceLock<Option<Vec<Operation>>> = OnceLock::new();
    let read = || {
        let packages = folder().join("node_modules");
        if !packages.join("@octokit/openapi").exists() {
            assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "npm ci was not run in tests/forge");
            println!("skipped: requests against GitHub's description: npm ci was not run in tests/forge");
            return None;
        }
        // A slice of it, since the whole is read in seconds; made anew where the script changed.
        let slice = packages.join(".slice.json");
        let age = |path: &Path| std::fs::metadata(path).and_then(|m| m.modified()).ok();
        if age(&slice) < age(&folder().join("slice.mjs")) || !slice.exists() {
            let own = packages.join(format!(".slice.{}.json", std::process::id()));
            let made = node().arg(&own).output().unwrap();
            assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
            std::fs::rename(&own, &slice).unwrap();
        }
        let all: Vec<Value> = serde_json::from_slice(&std::fs::read(&slice).unwrap()).unwrap();
        Some(all.iter().map(operation).collect())
    };
    READ.get_or_init(read).as_ref()
}

fn operation(value: &Value) -> Operation {
    Operation {
        method: value["method"].as_str().unwrap().to_owned(),
        path: value["path"].as_str().unwrap().split('/').map(str::to_owned).collect(),
        query: value["query"].as_object().unwrap().clone().into_iter().collect(),
        // Made only for what is asked for: there are 700.
        body: (!value["body"].is_null()).then(|| jsonschema::validator_for(&value["body"]).unwrap()),
    }
}

/// What is wrong with a request.
pub fn fault(request: &Value) -> Option<String> {
    let described = description()?;
    let (method, path) = (request["method"].as_str().unwrap(), request["path"].as_str().unwrap());
    let words: Vec<&str> = path.split('/').collect();
    let fits = |o: &&Operation| {
        let same = |(a, b): (&String, &&str)| a.starts_with('{') && !b.is_empty() || a == b;
        o.method == method && o.path.len() == words.len() && o.path.iter().zip(&words).all(same)
    };
    // A path of words before one of placeholders.
    let operation =
        described.iter().filter(fits).min_by_key(|o| o.path.iter().filter(|w| w.starts_with('{')).count());
    let Some(operation) = operation else { return Some(format!("{method} {path} is not described")) };
    for (name, given) in request["query"].as_object().unwrap() {
        let Some((_, schema)) = operation.query.iter().find(|(known, _)| known == name) else {
            return Some(format!("{method} {path} has no parameter {name}"));
        };
        let text = given.as_str().unwrap();
        let value = match schema["type"].as_str() {
            Some("integer" | "number") => serde_json::from_str(text).unwrap_or_else(|_| given.clone()),
            _ => given.clone(),
        };
        if !jsonschema::is_valid(schema, &value) {
            return Some(format!("{method} {path}: {name} is {text}"));
        }
    }
    match (&operation.body, &request["body"]) {
        (None, Value::Null) => None,
        (None, body) => Some(format!("{method} {path} takes no body: {body}")),
        (Some(schema), body) => {
            let errors: Vec<String> = schema
                .iter_errors(body)
                .map(|e| format!("{}: {e}", e.instance_path()).chars().take(300).collect())
                .collect();
            (!errors.is_empty()).then(|| format!("{method} {path}: {}", errors.join("; ")))
        }
    }
}

/// Holds all requests of a test.
#[track_caller]
pub fn hold(log: &[Value]) {
    if description().is_none() {
        return;
    }
    let mut documents = Vec::new();
    for request in log {
        let (accept, version) = (&request["accept"], &request["version"]);
        assert_eq!(
            (accept, version),
            (&"application/vnd.github+json".into(), &"2022-11-28".into()),
            "{request}"
        );
        if request["path"] == "/graphql" {
            documents.push(request["body"].to_string());
            continue;
        }
        let fault = fault(request);
        assert!(fault.is_none(), "{}\n{}", fault.unwrap(), request);
    }
    documents.sort();
    documents.dedup();
    if documents.is_empty() {
        return;
    }
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), documents.join("\n")).unwrap();
    let held = node().arg("--graphql").arg(file.path()).output().unwrap();
    assert!(
        held.status.success(),
        "{}{}",
        String::from_utf8_lossy(&held.stdout),
        String::from_utf8_lossy(&held.stderr)
    );
}

#[test]
fn the_description_is_strict() {
    if description().is_none() {
        return;
    }
    let request = |method: &str, path: &str, body: Value| serde_json::json!({ "method": method, "path": path, "query": {}, "body": body });
    let review = |comment: Value| {
        let body = serde_json::json!({ "event": "COMMENT", "body": "x", "comments": [comment] });
        fault(&request("POST", "/repos/o/r/pulls/7/reviews", body))
    };
    let good = serde_json::json!({ "path": "a", "line": 1, "side": "RIGHT", "body": "x" });
    assert_eq!(review(good.clone()), None);
    for (field, value) in [
        ("side", Value::from("MIDDLE")),
        ("starting_line", Value::from(1)),
        ("line", Value::from("1")),
        ("body", Value::from("x".repeat(65_537))),
    ] {
        let mut wrong = good.clone();
        wrong[field] = value;
        assert!(review(wrong).is_some(), "{field}");
    }
    let check = |count: usize, summary: usize| {
        let annotation = serde_json::json!({
            "path": "a", "start_line": 1, "end_line": 1, "annotation_level": "notice", "message": "x",
        });
        let output = serde_json::json!({ "title": "t", "summary": "x".repeat(summary), "annotations": vec![annotation; count] });
        let body = serde_json::json!({ "name": "x", "head_sha": "x", "status": "completed", "conclusion": "success", "output": output });
        fault(&request("POST", "/repos/o/r/check-runs", body))
    };
    assert_eq!(check(50, 65_535), None);
    assert!(check(51, 1).is_some());
    assert!(check(1, 65_536).is_some());
    assert!(fault(&request("GET", "/repos/o/r/pulls/7/comment", Value::Null)).is_some());
    let mut odd = request("GET", "/repos/o/r/pulls/7/files", Value::Null);
    odd["query"] = serde_json::json!({ "per_page": "100", "pages": "1" });
    assert!(fault(&odd).is_some());
    let wrong = serde_json::json!({ "method": "POST", "path": "/graphql", "query": {}, "accept": "application/vnd.github+json",
        "version": "2022-11-28", "body": { "query": "query{viewer{name_of_nobody}}", "variables": {} } });
    assert!(std::panic::catch_unwind(|| hold(&[wrong])).is_err());
}
