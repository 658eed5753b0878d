//! What the action does on each event, run by act: the right change, the right outputs, the right end.

use super::server::Server;
use super::world::{Done, TOKEN, World};
use serde_json::{Value, json};

/// A policy with a ceiling.
pub fn policy(name: &str, max: u32) -> String {
    format!(
        "policy \"{name}\" {{\n  replicas = {{ min = 2, max = {max} }},\n  metrics = {{ cpu = prometheus {{ query = \
         \"avg(cpu_utilization)\", unit = \"ratio\", per = \"replica\" }} }},\n  track = {{ cpu = 0.6 }},\n}}\n"
    )
}

/// A repository with two policies.
pub fn two() -> World {
    World::new(&[("policies/web.lua", &policy("web", 10)), ("policies/api.lua", &policy("api", 10))])
}

/// The event of a pull request.
fn pull_request(world: &World, number: u32, head: &str, base: &str) -> Value {
    let merge = world.pull(number, head);
    world.checkout(&merge, None);
    json!({ "action": "opened", "number": number, "pull_request": {
        "number": number, "head": { "sha": head, "ref": "change" }, "base": { "sha": base, "ref": "main" },
    } })
}

#[test]
fn a_pull_request_is_held_against_its_base_though_the_checkout_is_shallow() {
    let world = two();
    let base = world.git("author", &["rev-parse", "main"]);
    let head = world.branch("change", &[("policies/web.lua", &policy("web", 12))]);
    // The base goes on meanwhile: what others changed is not of this pull request.
    world.main(&[("policies/api.lua", &policy("api", 99))]);
    let event = pull_request(&world, 7, &head, &base);
    let done = world.act("pull_request", &event, &[]).expect(true);
    assert_eq!((done.output("status"), done.output("findings"), done.output("changes")), ("0", "0", "1"));
    // Nothing says where policies are applied to, so nothing is planned.
    assert_eq!((done.output("digest"), done.output("plan")), ("", ""));
    assert!(done.summary.contains("10 → 12"), "{}", done.summary);
    assert!(!done.summary.contains("api"), "{}", done.summary);
    for name in ["check.json", "check.sarif", "diff.json", "diff.html", "summary.md"] {
        assert!(!world.report(name).is_empty(), "{name}");
    }
    assert!(
        done.output("summary").ends_with("/summary.md") && done.output("sarif").ends_with("/check.sarif")
    );
}

#[test]
fn findings_fail_the_job_from_the_level_that_is_asked_for() {
    let world = two();
    let base = world.git("author", &["rev-parse", "main"]);
    // A metric that nothing reads is worth a warning.
    let spare = policy("web", 12).replace(
        "cpu = prometheus",
        "spare = prometheus { query = \"up\", unit = \"ratio\" }, cpu = prometheus",
    );
    let head = world.branch("change", &[("policies/web.lua", &spare)]);
    let event = pull_request(&world, 7, &head, &base);
    let done = world.act("pull_request", &event, &[]).expect(false);
    assert_eq!((done.output("status"), done.output("findings")), ("1", "1"));
    assert!(done.summary.contains("policies/web.lua:"), "{}", done.summary);
    // What fails keeps its reports all the same.
    assert!(world.report("check.json").contains("\"level\": \"warning\""), "{}", world.report("check.json"));
    let done = world.act("pull_request", &event, &[("fail-on", "error")]).expect(true);
    assert_eq!((done.output("status"), done.output("findings")), ("0", "1"));
}

/// What code scanning was handed.
fn scanned(server: &Server) -> Value {
    let asked = server.asked();
    let [asked] = asked.as_slice() else { panic!("{asked:?}") };
    assert_eq!(asked.line, "POST /repos/acme/policies/code-scanning/sarifs");
    assert!(asked.headers.contains(&format!("authorization: Bearer {TOKEN}")), "{:?}", asked.headers);
    serde_json::from_slice(&asked.body).unwrap()
}

fn unpacked(sarif: &Value) -> Value {
    let packed = data_encoding::BASE64.decode(sarif.as_str().unwrap().as_bytes()).unwrap();
    let folder = super::support::Folder::with(&[]);
    let path = folder.write("sarif.gz", &packed);
    let out = std::process::Command::new("gzip").arg("-dc").arg(path).output().unwrap().stdout;
    serde_json::from_slice(&out).unwrap()
}

#[test]
fn findings_go_to_code_scanning() {
    let server = Server::start(|_| (202, b"{}".to_vec()));
    let world = two().env("GITHUB_API_URL", &server.url);
    let base = world.git("author", &["rev-parse", "main"]);
    let head = world.branch("change", &[("policies/web.lua", &policy("web", 1))]);
    let event = pull_request(&world, 7, &head, &base);
    let done = world.act("pull_request", &event, &[("upload-sarif", "true")]).expect(false);
    assert!(done.log.contains("handed the findings to code scanning"), "{}", done.log);
    let sent = scanned(&server);
    assert_eq!(sent["ref"], "refs/pull/7/merge");
    assert_eq!(sent["commit_sha"], json!(world.git("checkout", &["rev-parse", "HEAD"])));
    let sarif = unpacked(&sent["sarif"]);
    assert_eq!(sarif["runs"][0]["results"][0]["ruleId"], "bounds-crossed", "{sarif}");
}

#[test]
fn a_fork_has_a_token_that_only_reads_and_is_reviewed_all_the_same() {
    let server =
        Server::start(|_| (403, b"{\"message\":\"Resource not accessible by integration\"}".to_vec()));
    let world = two().env("GITHUB_API_URL", &server.url);
    let base = world.git("author", &["rev-parse", "main"]);
    let head = world.branch("change", &[("policies/web.lua", &policy("web", 12))]);
    let mut event = pull_request(&world, 7, &head, &base);
    event["pull_request"]["head"]["repo"] = json!({ "fork": true, "full_name": "stranger/policies" });
    let done = world.act("pull_request", &event, &[("upload-sarif", "true")]).expect(true);
    done.annotates("warning", "security-events: write");
    assert_eq!((done.output("status"), done.output("changes")), ("0", "1"));
    assert!(done.summary.contains("10 → 12"), "{}", done.summary);
    // On the default branch nobody but the owners can be at fault, so there it is an error.
    let commit = world.main(&[("policies/web.lua", &policy("web", 12))]);
    world.checkout(&commit, Some("main"));
    let pushed = json!({ "before": base, "after": commit, "ref": "refs/heads/main" });
    world.act("push", &pushed, &[("upload-sarif", "true")]).expect(false).annotates("error", "(403)");
}

#[test]
fn a_push_is_held_against_what_was_there_before_and_not_the_last_commit_alone() {
    let world = two();
    let before = world.git("author", &["rev-parse", "main"]);
    world.main(&[("policies/web.lua", &policy("web", 12))]);
    let commit = world.main(&[("policies/api.lua", &policy("api", 12))]);
    world.checkout(&commit, Some("main"));
    let event = json!({ "before": before, "after": commit, "ref": "refs/heads/main" });
    let done = world.act("push", &event, &[]).expect(true);
    assert_eq!(done.output("changes"), "2");
    // A branch that is new has no such commit, and is held against the default one.
    let new = world.branch("new", &[("policies/web.lua", &policy("web", 14))]);
    world.checkout(&new, Some("new"));
    world.git("checkout", &["fetch", "-q", "--depth=1", "origin", "main:refs/remotes/origin/main"]);
    let event = json!({ "before": "0".repeat(40), "after": new, "ref": "refs/heads/new" });
    assert_eq!(world.act("push", &event, &[]).expect(true).output("changes"), "1");
}

#[test]
fn a_merge_group_is_held_against_the_group_before_it() {
    let world = two();
    let base = world.branch("queue/one", &[("policies/api.lua", &policy("api", 12))]);
    world.git("author", &["switch", "-q", "--detach", &base]);
    world.folder.write("author/policies/web.lua", policy("web", 12).as_bytes());
    world.git("author", &["commit", "-q", "-a", "-m", "Two"]);
    let head = world.push("HEAD", "refs/heads/gh-readonly-queue/main/pr-8");
    world.checkout(&head, None);
    let event = json!({ "action": "checks_requested", "merge_group": {
        "base_sha": base, "head_sha": head, "base_ref": "refs/heads/main", "head_ref": "refs/heads/gh-readonly-queue/main/pr-8",
    } });
    let done = world.act("merge_group", &event, &[]).expect(true);
    assert_eq!(done.output("changes"), "1");
    assert!(done.summary.contains("web") && !done.summary.contains("api"), "{}", done.summary);
}

/// The repository with a target, the checkout at `main`, and the input that names the target.
fn applied() -> (World, String, Value) {
    let world = two();
    world.main(&[("luascale.yaml", "apply: { directory: { path: live/ } }\n"), (".gitignore", "/live/\n")]);
    let live = world.at("live");
    let commit = world.git("author", &["rev-parse", "main"]);
    world.checkout(&commit, Some("main"));
    let event = json!({ "before": "0".repeat(40), "after": commit, "ref": "refs/heads/main" });
    let args = format!("--target\tdirectory:{}", live.display());
    (world, args, event)
}

/// Applies what the checkout has.
fn apply(world: &World, args: &str, event: &Value) -> Done {
    world.act("push", event, &[("mode", "apply"), ("args", args)])
}

#[test]
fn what_is_pushed_to_the_default_branch_is_applied_once() {
    let (world, args, event) = applied();
    let done = apply(&world, &args, &event).expect(true);
    assert_eq!((done.output("status"), done.output("changes"), done.output("findings")), ("0", "2", ""));
    let digest = done.output("digest").to_owned();
    assert!(digest.starts_with("sha256:") && digest.len() == 71, "{digest}");
    assert!(done.summary.contains("luascale apply") && done.summary.contains("    "), "{}", done.summary);
    assert!(world.at("live/current/web/policies/web.lua").is_file());
    let report: Value = serde_json::from_str(&world.report("apply.json")).unwrap();
    assert_eq!(report["changes_digest"], json!(digest));
    // Again is nothing.
    let done = apply(&world, &args, &event).expect(true);
    assert_eq!((done.output("changes"), done.output("digest")), ("0", ""));
    assert!(done.summary.contains("already applied"), "{}", done.summary);
}

#[test]
fn an_apply_without_approval_is_refused_and_says_what_would_have_to_be_approved() {
    let (world, args, _) = applied();
    let rules = "apply: { directory: { path: live/ } }\napproval: { branch: main, reviews: 1 }\n";
    world.main(&[("luascale.yaml", rules)]);
    let commit = world.main(&[("policies/web.lua", &policy("web", 12))]);
    world.checkout(&commit, Some("main"));
    let done = apply(&world, &args, &json!({ "after": commit, "ref": "refs/heads/main" })).expect(false);
    assert_eq!((done.output("status"), done.output("changes")), ("1", "0"));
    assert!(done.output("digest").starts_with("sha256:"), "{:?}", done.outputs);
    assert!(done.summary.contains("it needs the approval of 1 person"), "{}", done.summary);
    assert!(!world.at("live/current").exists());
}

#[test]
fn drift_fails_the_schedule_unless_it_is_only_to_be_told() {
    let (world, args, event) = applied();
    let drift = |more: &[(&str, &str)]| {
        let inputs = [&[("mode", "drift"), ("args", args.as_str())], more].concat();
        world.act("schedule", &json!({}), &inputs)
    };
    apply(&world, &args, &event).expect(true);
    let done = drift(&[]).expect(true);
    assert_eq!((done.output("status"), done.output("changes")), ("0", "0"));
    // Somebody edits what is live.
    let path = world.at("live/current/web/policies/web.lua");
    std::fs::write(&path, policy("web", 77)).unwrap();
    let done = drift(&[]).expect(false);
    assert_eq!((done.output("status"), done.output("changes")), ("2", "1"));
    assert!(done.summary.contains("drifted") && done.summary.contains("web"), "{}", done.summary);
    let report: Value = serde_json::from_str(&world.report("drift.json")).unwrap();
    assert_eq!(report["policies"][0]["id"], "web", "{report}");
    let done = drift(&[("fail-on", "never")]).expect(true);
    done.annotates("warning", "what is live is not what git has");
    assert_eq!((done.output("status"), done.output("changes")), ("2", "1"));
    // It wrote nothing.
    assert_eq!(std::fs::read_to_string(&path).unwrap(), policy("web", 77));
}

#[test]
fn a_root_of_a_monorepo_is_reviewed_on_its_own() {
    let world = World::new(&[
        ("team-a/luascale.yaml", "lint: { fail_on: warning }\n"),
        ("team-a/web.lua", &policy("web", 10)),
        ("team-b/luascale.yaml", "lint: { fail_on: warning }\n"),
        ("team-b/api.lua", &policy("api", 10)),
    ]);
    let base = world.git("author", &["rev-parse", "main"]);
    let head = world
        .branch("change", &[("team-a/web.lua", &policy("web", 12)), ("team-b/api.lua", &policy("api", 1))]);
    let event = pull_request(&world, 7, &head, &base);
    let done = world.act("pull_request", &event, &[("paths", "\n  team-a  \n")]).expect(true);
    assert_eq!((done.output("findings"), done.output("changes")), ("0", "1"));
    // The same from inside the folder.
    let done =
        world.act("pull_request", &event, &[("working-directory", "team-b"), ("paths", ".")]).expect(false);
    assert_eq!(done.output("findings"), "1");
}
