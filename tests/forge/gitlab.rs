//! `luascale review` on GitLab: notes, discussions on lines, the code quality report.
//!
//! GitLab publishes no description of its whole API as a package, so the fake holds each request
//! against what its documentation says by hand: the paths, the fields of each body and their types.

use crate::site::{CONFIG, day, git, policy};
use crate::support::{Folder, Ran, run};
use axum::body::Bytes;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const TOKEN: &str = "glpat-aTokenThatNobodyMayEverSee";

#[derive(Default)]
struct State {
    head: String,
    base: String,
    diffs: Vec<Value>,
    /// Each with `id` and `notes`.
    discussions: Vec<Value>,
    last: u64,
    writes: Vec<String>,
    faults: Vec<String>,
    /// Answers "too many requests" this many times.
    busy: u32,
}

struct GitLab {
    address: String,
    state: Arc<Mutex<State>>,
}

fn start() -> GitLab {
    let state = Arc::new(Mutex::new(State::default()));
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    listener.set_nonblocking(true).unwrap();
    let shared = state.clone();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let app = axum::Router::new().fallback(
                move |method: Method, uri: Uri, headers: HeaderMap, body: Bytes| {
                    let shared = shared.clone();
                    async move { answer(&mut shared.lock().unwrap(), &method, &uri, &headers, &body) }
                },
            );
            axum::serve(tokio::net::TcpListener::from_std(listener).unwrap(), app).await.unwrap();
        });
    });
    GitLab { address, state }
}

fn say(status: u16, body: Value) -> Response {
    let body = ([("content-type", "application/json")], body.to_string());
    (StatusCode::from_u16(status).unwrap(), body).into_response()
}

/// Whether a value is of a type.
type Is = fn(&Value) -> bool;

/// Whether a body has these fields, of these types, and no others; a `?` behind a name makes it optional.
fn shaped(body: &Value, fields: &[(&str, Is)]) -> Result<(), String> {
    let Some(map) = body.as_object() else { return Err(format!("{body} is no object")) };
    let name = |field: &str| field.trim_end_matches('?').to_owned();
    for (field, is) in fields {
        match map.get(&name(field)) {
            Some(value) if is(value) => {}
            None if field.ends_with('?') => {}
            other => return Err(format!("{field} is {other:?}")),
        }
    }
    let strange = map.keys().find(|key| !fields.iter().any(|(field, _)| name(field) == **key));
    strange.map_or(Ok(()), |key| Err(format!("there is no {key}")))
}

fn answer(state: &mut State, method: &Method, uri: &Uri, headers: &HeaderMap, body: &Bytes) -> Response {
    let body: Value = serde_json::from_slice(body).unwrap_or(Value::Null);
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if header("private-token") != Some(TOKEN) {
        return say(401, json!({ "message": "401 Unauthorized" }));
    }
    if method != Method::GET && state.busy > 0 {
        state.busy -= 1;
        return (StatusCode::TOO_MANY_REQUESTS, [("retry-after", "1")], "Retry later").into_response();
    }
    let path = uri.path().strip_prefix("/api/v4").unwrap_or_default().to_owned();
    let list = |items: &[Value]| {
        let query = uri.query().unwrap_or("");
        let page: usize =
            query.split('&').find_map(|p| p.strip_prefix("page=")).map_or(1, |p| p.parse().unwrap());
        let size = 2;
        let shown: Vec<&Value> = items.iter().skip((page - 1) * size).take(size).collect();
        let mut response = say(200, json!(shown));
        if page * size < items.len() {
            let next =
                format!("<http://proxy.example{}?per_page=100&page={}>; rel=\"next\"", uri.path(), page + 1);
            response.headers_mut().insert("link", next.parse().unwrap());
        }
        response
    };
    let request = "/projects/acme%2Fpolicies/merge_requests/7";
    let Some(rest) = path.strip_prefix(request) else {
        return match path.as_str() {
            "/user" => say(200, json!({ "username": "bot" })),
            _ => say(404, json!({ "message": "404 Not Found" })),
        };
    };
    if method != Method::GET {
        state.writes.push(format!("{method} {rest}"));
    }
    let mut fault = |wrong: String| {
        state.faults.push(format!("{method} {rest}: {wrong}"));
        say(400, json!({ "error": wrong }))
    };
    let words: Vec<&str> = rest.trim_matches('/').split('/').collect();
    match (method.as_str(), words.as_slice()) {
        ("GET", [""]) => say(
            200,
            json!({
                "iid": 7, "state": "opened", "draft": false, "sha": state.head, "target_branch": "main",
                "author": { "username": "dev" }, "source_project_id": 1, "target_project_id": 1, "changes_count": "1",
                "diff_refs": { "base_sha": state.base, "start_sha": state.base, "head_sha": state.head },
            }),
        ),
        ("GET", ["diffs"]) => list(&state.diffs.clone()),
        ("GET", ["discussions"]) => list(&state.discussions.clone()),
        ("POST", ["notes"]) => {
            if let Err(wrong) = shaped(&body, &[("body", Value::is_string)]) {
                return fault(wrong);
            }
            state.last += 1;
            let note = json!({ "id": state.last, "body": body["body"], "author": { "username": "bot" }, "system": false, "resolvable": false });
            state.discussions.push(json!({ "id": format!("d{}", state.last), "notes": [note] }));
            say(201, note)
        }
        ("POST", ["discussions"]) => {
            let position: fn(&Value) -> bool = |position| {
                shaped(
                    position,
                    &[
                        ("position_type", |v| v == "text"),
                        ("base_sha", Value::is_string),
                        ("start_sha", Value::is_string),
                        ("head_sha", Value::is_string),
                        ("new_path", Value::is_string),
                        ("old_path", Value::is_string),
                        ("new_line", Value::is_u64),
                        ("old_line?", Value::is_u64),
                    ],
                )
                .is_ok()
            };
            if let Err(wrong) = shaped(&body, &[("body", Value::is_string), ("position", position)]) {
                return fault(wrong);
            }
            if body["position"]["head_sha"] != json!(state.head) {
                return fault("the head is another".into());
            }
            state.last += 1;
            let note = json!({
                "id": state.last, "body": body["body"], "author": { "username": "bot" }, "system": false,
                "resolvable": true, "resolved": false, "position": body["position"],
            });
            let made = json!({ "id": format!("d{}", state.last), "notes": [note] });
            state.discussions.push(made.clone());
            say(201, made)
        }
        ("PUT", ["discussions", id]) => {
            if let Err(wrong) = shaped(&body, &[("resolved", Value::is_boolean)]) {
                return fault(wrong);
            }
            let Some(found) = state.discussions.iter_mut().find(|d| d["id"] == json!(id)) else {
                return fault("there is no such discussion".into());
            };
            found["notes"][0]["resolved"] = body["resolved"].clone();
            found["notes"][0]["resolved_by"] = json!({ "username": "bot" });
            say(200, found.clone())
        }
        ("PUT", ["notes", id]) => {
            if let Err(wrong) = shaped(&body, &[("body", Value::is_string)]) {
                return fault(wrong);
            }
            let mut notes = state.discussions.iter_mut().map(|d| &mut d["notes"][0]);
            let Some(found) = notes.find(|note| note["id"].as_u64() == id.parse().ok()) else {
                return say(404, json!({ "message": "404 Not Found" }));
            };
            found["body"] = body["body"].clone();
            say(200, found.clone())
        }
        _ => fault("there is no such path".into()),
    }
}

/// A merge request with a policy in it.
fn site(main: &str, topic: &str) -> (Folder, GitLab) {
    let folder = Folder::with(&[("luascale.yaml", CONFIG), ("day.csv", &day()), ("web.lua", main)]);
    git(folder.path(), &["init", "-q", "-b", "main"]);
    git(folder.path(), &["add", "-A"]);
    git(folder.path(), &["commit", "-q", "-m", "first"]);
    git(folder.path(), &["checkout", "-q", "-b", "topic"]);
    let gitlab = start();
    push(&folder, &gitlab, topic);
    (folder, gitlab)
}

fn push(folder: &Folder, gitlab: &GitLab, topic: &str) {
    folder.write("web.lua", topic.as_bytes());
    git(folder.path(), &["commit", "-q", "-a", "-m", "change"]);
    let (base, head) =
        (git(folder.path(), &["rev-parse", "main"]), git(folder.path(), &["rev-parse", "topic"]));
    let files = crate::github::store::files(folder.path(), &base, &head);
    let mut state = gitlab.state.lock().unwrap();
    (state.head, state.base) = (head, base);
    let diff = |file: &crate::github::store::File| json!({ "old_path": file.path, "new_path": file.path, "diff": file.patch, "too_large": false, "collapsed": false });
    state.diffs = files.iter().map(diff).collect();
}

fn review(folder: &Folder, gitlab: &GitLab, token: (&str, &str), args: &[&str]) -> Ran {
    let head = git(folder.path(), &["rev-parse", "topic"]);
    let mut command = folder.command(&[&["review"], args].concat(), &[]);
    command.envs([
        ("GITLAB_CI", "true"),
        ("CI_API_V4_URL", &format!("{}/api/v4", gitlab.address)),
        ("CI_PROJECT_ID", "acme/policies"),
        ("CI_MERGE_REQUEST_IID", "7"),
        ("CI_COMMIT_SHA", &head),
        token,
    ]);
    let ran = run(command, Duration::from_secs(120));
    assert!(!ran.stdout.contains(TOKEN) && !ran.stderr.contains(TOKEN));
    ran
}

#[test]
fn a_merge_request_is_reviewed_and_its_report_written() {
    let (folder, gitlab) = site(&policy("web", 4, ""), &policy("web", 90, "goal = 0.6\n"));
    let token = ("GITLAB_TOKEN", TOKEN);
    review(&folder, &gitlab, token, &[]).expect(1);
    let discussions = gitlab.state.lock().unwrap().discussions.clone();
    let summary = discussions[0]["notes"][0]["body"].as_str().unwrap();
    assert!(summary.contains("4 → 90") && summary.contains("mermaid"), "{summary}");
    let thread =
        discussions.iter().find(|d| d["notes"][0]["body"].as_str().unwrap().contains("implicit-global"));
    let note = &thread.unwrap()["notes"][0];
    assert_eq!(
        (note["position"]["new_line"].as_u64(), &note["position"]["old_line"]),
        (Some(1), &Value::Null)
    );
    assert!(note["body"].as_str().unwrap().contains("```suggestion:-0+0\nlocal goal = 0.6\n```"), "{note}");
    let quality: Value = serde_json::from_str(&folder.read("gl-code-quality-report.json")).unwrap();
    assert_eq!(quality.as_array().unwrap().len(), 2);
    assert!(quality[0]["fingerprint"].is_string() && quality[0]["location"]["path"] == "web.lua");
    // The same again sends nothing.
    gitlab.state.lock().unwrap().writes.clear();
    review(&folder, &gitlab, token, &[]).expect(1);
    assert_eq!(gitlab.state.lock().unwrap().writes, [""; 0]);
    // What is gone is resolved.
    std::fs::remove_file(folder.path().join("gl-code-quality-report.json")).unwrap();
    push(&folder, &gitlab, &policy("web", 4, "-- well\n"));
    review(&folder, &gitlab, token, &[]).expect(0);
    let state = gitlab.state.lock().unwrap();
    let open =
        |d: &&Value| d["notes"][0]["resolvable"] == json!(true) && d["notes"][0]["resolved"] == json!(false);
    assert_eq!(state.discussions.iter().filter(open).count(), 0);
    assert_eq!(state.faults, [""; 0], "each request is as the documentation has it");
    assert_eq!(folder.read("gl-code-quality-report.json").trim(), "[]");
}

#[test]
fn a_limit_of_gitlab_is_waited_for() {
    let (folder, gitlab) = site(&policy("web", 4, ""), &policy("web", 90, ""));
    gitlab.state.lock().unwrap().busy = 1;
    let ran = review(&folder, &gitlab, ("GITLAB_TOKEN", TOKEN), &[]).expect(0);
    assert!(ran.took >= Duration::from_secs(1));
    assert_eq!(gitlab.state.lock().unwrap().faults, [""; 0]);
    assert!(!gitlab.state.lock().unwrap().discussions.is_empty());
}

#[test]
fn a_jobs_own_token_may_not_comment_and_the_report_is_written_all_the_same() {
    let (folder, gitlab) = site(&policy("web", 4, ""), &policy("web", 90, "goal = 0.6\n"));
    let ran = review(&folder, &gitlab, ("CI_JOB_TOKEN", "job"), &[]).expect(1);
    ran.says("GITLAB_TOKEN");
    let quality: Value = serde_json::from_str(&folder.read("gl-code-quality-report.json")).unwrap();
    assert_eq!(quality.as_array().unwrap().len(), 2);
    assert_eq!(gitlab.state.lock().unwrap().writes, [""; 0]);
}
