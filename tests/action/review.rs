//! What the action does on a pull request, run by act: what is said there, with a token that may and with one that may
//! not, from the repository itself and from a fork.

use super::events::{policy, two};
use super::github::store::{Check, Store};
use super::support::Folder;
use super::world::{Done, REPOSITORY, World, executable};
use serde_json::{Value, json};

/// A policy with a metric that nothing reads, which is worth a warning.
fn spare(max: u32) -> String {
    let more = "spare = prometheus { query = \"up\", unit = \"ratio\" }, cpu = prometheus";
    policy("web", max).replace("cpu = prometheus", more)
}

/// A pull request of one's own that changes `web`.
fn changing(world: &World, text: &str) -> Value {
    let head = world.branch("change", &[("policies/web.lua", text)]);
    world.pull("acme", &head)
}

/// Comments of the conversation, and lines with an open thread.
fn said(world: &World) -> (Vec<String>, Vec<(String, u64)>) {
    world.fake.with(|store| {
        let pull = store.pull(REPOSITORY, 7);
        let threads = pull.open().into_iter().map(|(path, line, _)| (path.to_owned(), line)).collect();
        (pull.said().into_iter().map(str::to_owned).collect(), threads)
    })
}

fn checks(store: &Store) -> &[Check] {
    &store.repositories[REPOSITORY].checks
}

#[test]
fn a_pull_request_gets_a_summary_and_a_check_run_from_a_shallow_checkout_and_nothing_twice() {
    let world = two();
    let head = world.branch("change", &[("policies/web.lua", &policy("web", 12))]);
    // The base goes on meanwhile: what others changed is not of this pull request.
    world.main(&[("policies/api.lua", &policy("api", 99))]);
    let event = world.pull("acme", &head);
    let done = world.act("pull_request", &event, &[]).expect(true);
    assert_eq!((done.output("status"), done.output("findings"), done.output("changes")), ("0", "0", "1"));
    // Nothing says where policies are applied to, so nothing is planned.
    assert_eq!((done.output("digest"), done.output("plan")), ("", ""));
    assert!(done.summary.contains("10 → 12") && !done.summary.contains("api"), "{}", done.summary);
    for name in ["check.json", "check.sarif", "diff.json", "diff.html", "summary.md"] {
        assert!(!world.report(name).is_empty(), "{name}");
    }
    assert!(
        done.output("summary").ends_with("/summary.md") && done.output("sarif").ends_with("/check.sarif")
    );
    let (comments, threads) = said(&world);
    assert!(comments.len() == 1 && comments[0].contains("10 → 12") && threads.is_empty(), "{comments:?}");
    world.fake.with(|store| {
        let [check] = checks(store) else { panic!("{:?}", checks(store)) };
        assert_eq!((&*check.head, check.conclusion.as_deref()), (&*head, Some("success")));
    });
    // Again is nothing new.
    world.act("pull_request", &event, &[]).expect(true);
    assert_eq!(said(&world), (comments, threads));
}

#[test]
fn findings_stand_on_their_lines_and_go_when_they_are_mended() {
    let world = two();
    let event = changing(&world, &spare(12));
    let done = world.act("pull_request", &event, &[]).expect(false);
    assert_eq!((done.output("status"), done.output("findings")), ("1", "1"));
    assert!(done.summary.contains("policies/web.lua:3"), "{}", done.summary);
    assert_eq!(said(&world).1, [("policies/web.lua".to_owned(), 3)]);
    // What fails keeps its reports all the same.
    assert!(world.report("check.json").contains("\"level\": \"warning\""), "{}", world.report("check.json"));
    let done = world.act("pull_request", &event, &[("fail-on", "error")]).expect(true);
    assert_eq!((done.output("status"), done.output("findings")), ("0", "1"));
    let event = changing(&world, &policy("web", 12));
    assert_eq!(world.act("pull_request", &event, &[]).expect(true).output("findings"), "0");
    assert_eq!(said(&world).1, []);
}

#[test]
fn without_comments_nothing_is_written_and_no_token_needed() {
    let world = two();
    let event = changing(&world, &spare(12));
    let inputs = [("comment", "false"), ("token", "")];
    let done = world.act("pull_request", &event, &inputs).expect(false);
    assert_eq!((done.output("findings"), done.output("changes")), ("1", "1"));
    assert!(world.fake.log().is_empty(), "{:?}", world.fake.log());
    let done = world.act("pull_request", &event, &[("token", "")]).expect(false);
    done.annotates("error", "use comment: false");
}

fn unpacked(sarif: &Value) -> Value {
    let packed = data_encoding::BASE64.decode(sarif.as_str().unwrap().as_bytes()).unwrap();
    let folder = Folder::with(&[]);
    let path = folder.write("sarif.gz", &packed);
    let out = std::process::Command::new("gzip").arg("-dc").arg(path).output().unwrap().stdout;
    serde_json::from_slice(&out).unwrap()
}

/// What code scanning was handed last: commit, reference and findings.
fn scanned(world: &World) -> (String, String, Value) {
    let sent = world.fake.with(|store| store.repositories[REPOSITORY].scanned.last().unwrap().clone());
    let text = |key: &str| sent[key].as_str().unwrap().to_owned();
    (text("commit_sha"), text("ref"), unpacked(&sent["sarif"]))
}

#[test]
fn findings_go_to_code_scanning_with_the_commit_that_was_looked_at() {
    let world = two();
    let event = changing(&world, &spare(12));
    let inputs = [("upload-sarif", "true")];
    let done = world.act("pull_request", &event, &inputs).expect(false);
    assert!(done.log.contains("handed the findings to code scanning"), "{}", done.log);
    let (commit, reference, sarif) = scanned(&world);
    assert_eq!(
        (json!(commit), &*reference),
        (event["pull_request"]["head"]["sha"].clone(), "refs/pull/7/head")
    );
    assert_eq!(sarif["runs"][0]["results"][0]["ruleId"], "unread-metric", "{sarif}");
    // Of a push, that is what was pushed.
    let commit = world.main(&[("policies/web.lua", &spare(13))]);
    world.checkout(&commit, Some("main"));
    let pushed = json!({ "before": "0".repeat(40), "after": commit, "ref": "refs/heads/main" });
    world.act("push", &pushed, &inputs).expect(false);
    assert_eq!(scanned(&world).0, commit);
    assert_eq!(scanned(&world).1, "refs/heads/main");
    // Where nobody but the owners can be at fault, a refusal is an error.
    world.only_reads();
    world.act("push", &pushed, &inputs).expect(false).annotates("error", "(403)");
}

#[test]
fn a_fork_has_a_token_that_only_reads_and_is_reviewed_all_the_same() {
    let world = two();
    world.only_reads();
    let head = world.branch("change", &[("policies/web.lua", &spare(12))]);
    let event = world.pull("stranger", &head);
    let done = world.act("pull_request", &event, &[("upload-sarif", "true")]).expect(false);
    assert_eq!((done.output("status"), done.output("findings"), done.output("changes")), ("1", "1", "1"));
    done.annotates("warning", "security-events: write");
    done.annotates("warning", "spare");
    assert!(done.summary.contains("10 → 12") && done.summary.contains("spare"), "{}", done.summary);
    assert_eq!(said(&world), (Vec::new(), Vec::new()));
    // What is merely worth telling fails nothing.
    world.act("pull_request", &event, &[("fail-on", "error")]).expect(true);
}

/// A fork's pull request is commented on by a run of the default branch, which has nothing of it but git's objects.
fn commented(world: &World, head: &str) -> Done {
    world.pull("stranger", head);
    let commit = world.git("author", &["rev-parse", "main"]);
    world.checkout(&commit, Some("main"));
    let event = json!({ "action": "completed", "workflow_run": {
        "event": "pull_request", "conclusion": "failure", "head_sha": head, "head_branch": "change",
        "head_repository": { "full_name": "stranger/policies", "owner": { "login": "stranger" } }, "pull_requests": [],
    } });
    world.act("workflow_run", &event, &[("upload-sarif", "true")])
}

#[test]
fn a_fork_is_commented_on_by_a_run_that_never_has_its_files() {
    let (mut world, own) = (two(), Folder::with(&[]));
    let (told, real) = (own.path().join("told"), world.binary.clone());
    let script = format!(
        "#!/bin/bash\n[ \"$1\" = --version ] || {{ git rev-parse HEAD; find . -path ./.git -prune -o -type f -print; }} >'{}'\n\
         exec '{real}' \"$@\"\n",
        told.display()
    );
    let binary = own.write("luascale", script.as_bytes());
    executable(&binary);
    world.binary = binary.display().to_string();
    let evil = "#!/bin/sh\ntouch pwned\n";
    let head = world.branch("change", &[("policies/web.lua", &spare(12)), ("luascale", evil), ("git", evil)]);
    let done = commented(&world, &head).expect(false);
    assert_eq!((done.output("findings"), done.output("changes")), ("1", "1"));
    assert_eq!(said(&world).1, [("policies/web.lua".to_owned(), 3)]);
    assert_eq!(scanned(&world).0, head);
    assert_eq!(scanned(&world).1, "refs/pull/7/head");
    // The checkout is the default branch's, before and after the head's commits came.
    let told = std::fs::read_to_string(told).unwrap();
    let main = world.git("author", &["rev-parse", "main"]);
    assert!(told.starts_with(&main) && told.contains("./policies/web.lua"), "{told}");
    assert!(!told.lines().any(|line| line == "./luascale" || line == "./git"), "{told}");
}

#[test]
fn a_run_that_was_not_of_a_pull_request_is_not_commented_on() {
    let world = two();
    let commit = world.git("author", &["rev-parse", "main"]);
    world.checkout(&commit, Some("main"));
    let event = json!({ "action": "completed", "workflow_run": { "event": "push", "head_sha": commit } });
    let done = world.act("workflow_run", &event, &[]).expect(false);
    done.annotates("error", "there is none to comment on");
    assert!(world.fake.log().is_empty(), "{:?}", world.fake.log());
}

#[test]
fn a_merge_group_is_held_against_the_group_before_it_and_gets_its_check_run() {
    let world = two();
    let base = world.branch("queue/one", &[("policies/api.lua", &policy("api", 12))]);
    world.git("author", &["switch", "-q", "--detach", &base]);
    world.folder.write("author/policies/web.lua", policy("web", 12).as_bytes());
    world.git("author", &["commit", "-q", "-a", "-m", "Two"]);
    let queue = "refs/heads/gh-readonly-queue/main/pr-7";
    let head = world.push("HEAD", queue);
    world.checkout(&head, None);
    let event = json!({ "action": "checks_requested", "merge_group": {
        "base_sha": base, "head_sha": head, "base_ref": "refs/heads/main", "head_ref": queue,
    } });
    let done = world.act("merge_group", &event, &[]).expect(true);
    assert_eq!(done.output("changes"), "1");
    assert!(done.summary.contains("web") && !done.summary.contains("api"), "{}", done.summary);
    world.fake.with(|store| {
        let [check] = checks(store) else { panic!("{:?}", checks(store)) };
        assert_eq!((&*check.head, check.conclusion.as_deref()), (&*head, Some("success")));
    });
}

#[test]
fn a_root_of_a_monorepo_is_reviewed_on_its_own() {
    let world = World::new(&[
        ("team-a/luascale.yaml", "lint: { fail_on: warning }\n"),
        ("team-a/web.lua", &policy("web", 10)),
        ("team-b/luascale.yaml", "lint: { fail_on: warning }\n"),
        ("team-b/api.lua", &policy("api", 10)),
    ]);
    let both = [("team-a/web.lua", policy("web", 12)), ("team-b/api.lua", policy("api", 1))];
    let both: Vec<(&str, &str)> = both.iter().map(|(path, text)| (*path, text.as_str())).collect();
    let head = world.branch("change", &both);
    let event = world.pull("acme", &head);
    let done = world.act("pull_request", &event, &[("paths", "\n  team-a  \n"), ("scope", "a")]).expect(true);
    assert_eq!((done.output("findings"), done.output("changes")), ("0", "1"));
    // The same from inside the folder. Each has its own comment.
    let inputs = [("working-directory", "team-b"), ("paths", "."), ("scope", "b")];
    assert_eq!(world.act("pull_request", &event, &inputs).expect(false).output("findings"), "1");
    let (comments, _) = said(&world);
    assert_eq!(comments.len(), 2, "{comments:?}");
}
