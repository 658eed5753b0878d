//! What the action does where there is no pull request, run by act: the right change, the right outputs, the right end.

use super::world::{Done, World};
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
