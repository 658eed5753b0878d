//! `luascale review` as a pipeline runs it.

use crate::github::Fault;
use crate::site::{Site, git, policy};
use crate::world::REPOSITORY;
use serde_json::{Value, json};

fn site() -> Site {
    Site::new(&[("web.lua", &policy("web", 4, ""))], &[("web.lua", &policy("web", 90, "goal = 0.6\n"))])
}

#[test]
fn a_request_is_reviewed_fixed_and_said_to_be_well() {
    let site = site();
    let ran = site.review(&[]).expect(1);
    ran.says("reviewed: 3 writes");
    let pull = site.pull();
    assert_eq!(pull.said().len(), 1);
    let summary = pull.said()[0];
    for part in ["2 warnings", "4 → 90", "```mermaid", "What approvals bind to: `sha256:", "1 to create"] {
        assert!(summary.contains(part), "{part}: {summary}");
    }
    let open = pull.open();
    let global = open.iter().find(|(.., body)| body.contains("implicit-global")).expect("it is on its line");
    assert_eq!((global.0, global.1), ("web.lua", 1));
    assert!(global.2.contains("```suggestion\nlocal goal = 0.6\n```"), "{}", global.2);
    assert_eq!(pull.reviews[0].commit, site.head(), "the head, and not the merge commit");
    let checks = site.checks();
    assert_eq!(
        (checks.len(), checks[0].conclusion.as_deref(), &*checks[0].name),
        (1, Some("failure"), "luascale")
    );
    assert_eq!(checks[0].head, site.head());
    assert_eq!(checks[0].annotations.len(), 2);
    let plan = site.folder.luascale(&["plan", "--format", "json"]).expect(0).json();
    assert_ne!(plan["changes_digest"], json!(checks[0].external_id), "main is another change");
    // A second run of the same push has nothing to send.
    site.world.forget();
    site.review(&[]).expect(1).says("everything was said already");
    assert_eq!(site.world.writes(), [""; 0]);
    // The suggestion is taken.
    site.push(&[("web.lua", &policy("web", 4, "local goal = 0.6\n").replace("cpu = 0.6", "cpu = goal"))]);
    site.review(&[]).expect(0);
    let pull = site.pull();
    assert_eq!((pull.open().len(), pull.said().len()), (0, 1), "{:?}", pull.open());
    assert!(pull.said()[0].contains("nothing found"), "{}", pull.said()[0]);
    assert_eq!(site.checks().last().unwrap().conclusion.as_deref(), Some("success"));
}

#[test]
fn the_digest_beside_the_commit_is_that_of_the_plan_of_the_head() {
    let site = site();
    site.review(&[]).expect(1);
    let digest = site.checks()[0].external_id.clone();
    git(site.folder.path(), &["checkout", "-q", "topic"]);
    let plan = site.folder.luascale(&["plan", "--format", "json"]).expect(0).json();
    assert_eq!(plan["changes_digest"], json!(digest));
    // What it is the digest of stands beside it.
    let text = site.checks()[0].text.clone().unwrap();
    let statement = text.lines().find(|line| line.starts_with('{')).unwrap();
    assert_eq!(luascale::change::canonical::sha256(statement.as_bytes()), digest);
}

#[test]
fn a_dry_run_prints_what_is_then_sent_and_sends_nothing() {
    let site = site();
    let told = site.review(&["--dry-run", "--format", "json"]).expect(1).json();
    assert_eq!(site.world.writes(), [""; 0]);
    assert_eq!((told["forge"].as_str(), told["number"].as_u64()), (Some("GitHub"), Some(7)));
    let schema = std::fs::read_to_string("docs/schema/review.schema.json").unwrap();
    let schema = jsonschema::validator_for(&serde_json::from_str(&schema).unwrap()).unwrap();
    let errors: Vec<String> =
        schema.iter_errors(&told).map(|e| format!("{}: {e}", e.instance_path())).collect();
    assert_eq!(errors, [""; 0]);
    let text = site.review(&["--dry-run"]).expect(1);
    for part in [
        "acme/policies#7",
        "a comment in the conversation",
        "on web.lua:1",
        "local goal = 0.6",
        "Nothing was sent.",
    ] {
        text.says(part);
    }
    site.review(&[]).expect(1);
    let (pull, checks) = (site.pull(), site.checks());
    let operations = told["operations"].as_array().unwrap();
    assert_eq!(operations[0]["body"], json!(pull.conversation[0].body));
    assert_eq!(operations[1]["body"], json!(pull.reviews[0].body));
    let bodies: Vec<&Value> =
        operations[1]["comments"].as_array().unwrap().iter().map(|comment| &comment["body"]).collect();
    assert_eq!(
        bodies,
        pull.threads.iter().map(|t| json!(t.comments[0].body)).collect::<Vec<_>>().iter().collect::<Vec<_>>()
    );
    assert_eq!(told["report"]["summary"], json!(checks[0].summary));
    assert_eq!(told["report"]["digest"], json!(checks[0].external_id));
}

#[test]
fn a_dry_run_needs_no_network_and_no_token() {
    let site = site();
    let nowhere = [("GITHUB_API_URL", "http://127.0.0.1:1"), ("GITHUB_TOKEN", "")];
    let ran = site.review_with(&["--dry-run"], &nowhere).expect(1);
    ran.says("nothing is assumed to be there").says("on web.lua:1");
    let bare = [("GITHUB_EVENT_PATH", ""), ("GITHUB_REF", ""), ("GITHUB_REPOSITORY", "")];
    site.review_with(&["--dry-run", "--head", "topic"], &bare).expect(1).says("on web.lua:1");
    assert_eq!(site.world.log().len(), 0);
    site.review_with(&[], &[("GITHUB_TOKEN", "")]).expect(64).says("there is no token").says("--dry-run");
}

#[test]
fn a_proxy_that_the_environment_names_is_gone_through() {
    let site = site();
    let proxy = site.world.address.clone();
    let behind = [
        ("GITHUB_API_URL", "http://127.0.0.1:1"),
        ("GITHUB_GRAPHQL_URL", "http://127.0.0.1:1/graphql"),
        ("http_proxy", proxy.as_str()),
    ];
    site.review_with(&[], &behind).expect(1).says("reviewed: 3 writes");
}

#[test]
fn filters_scopes_and_levels_are_kept_to() {
    let far = policy("web", 40, "goal = 0.6\n\n\n\n\n\n\n\n\n\n\n");
    let site = Site::new(&[("web.lua", &far)], &[("web.lua", &far.replace("max = 40", "max = 39"))]);
    let inline = |args: &[&str]| {
        let told = site.review(&[&["--dry-run", "--format", "json"], args].concat()).json();
        let all = told["operations"].as_array().unwrap().clone();
        let review = all.iter().find(|operation| operation["do"] == "review").cloned();
        (
            review.map_or(0, |r| r["body"].as_str().unwrap().matches("implicit-global").count()),
            told["status"].clone(),
        )
    };
    assert_eq!(inline(&[]), (0, json!(1)), "line 1 is outside the diff");
    assert_eq!(inline(&["--filter", "added"]).0, 0);
    assert_eq!(inline(&["--filter", "file"]).0, 1);
    assert_eq!(inline(&["--filter", "nofilter"]).0, 1);
    assert_eq!(inline(&["--fail-on", "error"]).1, json!(0));
    site.review(&["--fail-on", "never", "--scope", "one"]).expect(0);
    site.review(&["--fail-on", "never", "--scope", "two"]).expect(0);
    assert_eq!(site.pull().said().len(), 2, "each scope has its own summary");
    let names: Vec<String> = site.checks().into_iter().map(|c| c.name).collect();
    assert_eq!(names, ["luascale (one)", "luascale (two)"]);
    assert_eq!(site.checks()[0].conclusion.as_deref(), Some("neutral"));
}

#[test]
fn a_newer_push_is_left_to_its_own_run() {
    let site = site();
    let old = std::fs::read(site.folder.path().join(".git/event.json")).unwrap();
    site.push(&[("web.lua", &policy("web", 61, ""))]);
    site.folder.write(".git/event.json", &old);
    site.review(&[]).expect(0).says("a newer push is being looked at");
    assert_eq!(site.world.writes(), [""; 0]);
    // And one that comes while this run speaks.
    let site = self::site();
    site.world.before("POST /repos/acme/policies/issues/7/comments", |store| {
        store.pull(REPOSITORY, 7).head.sha = crate::world::NEWER.into();
    });
    site.review(&[]).expect(1).says("a newer push is being looked at");
    assert_eq!((site.pull().threads.len(), site.checks().len()), (0, 0));
}

#[test]
fn a_fork_is_found_by_its_head_after_its_own_run() {
    let site = site();
    let head = site.head();
    site.world.with(|store| store.pull(REPOSITORY, 7).head.repository = Some("mallory/policies".into()));
    let event = json!({ "workflow_run": {
        "head_sha": head, "head_branch": "topic", "head_repository": { "owner": { "login": "mallory" } },
        "pull_requests": [],
    } });
    site.folder.write(".git/event.json", event.to_string().as_bytes());
    let of_main = [("GITHUB_REF", "refs/heads/main")];
    site.review_with(&[], &of_main).expect(1);
    assert_eq!(site.pull().said().len(), 1);
    // Where the objects were not fetched it is said how.
    let event = json!({ "pull_request": { "number": 7, "head": { "sha": crate::world::HEAD } } });
    site.folder.write(".git/event.json", event.to_string().as_bytes());
    site.world.with(|store| store.pull(REPOSITORY, 7).head.sha = crate::world::HEAD.into());
    site.review(&[]).expect(3).says("git fetch origin refs/pull/7/head");
}

#[test]
fn a_merge_queue_gets_a_check_run_and_no_comment() {
    let site = site();
    let base = git(site.folder.path(), &["rev-parse", "main"]);
    let event = json!({ "merge_group": { "head_sha": site.head(), "base_sha": base } });
    site.folder.write(".git/event.json", event.to_string().as_bytes());
    site.review_with(&[], &[("GITHUB_REF", "refs/heads/gh-readonly-queue/main/pr-7")]).expect(1);
    assert_eq!((site.pull().said().len(), site.checks().len()), (0, 1));
    assert_eq!(site.checks()[0].head, site.head());
}

#[test]
fn each_rung_of_the_ladder_says_all_that_it_was_handed() {
    let main = policy("web", 40, "");
    let globals: String = (0..11).map(|n| format!("goal_{n} = 0.6\n")).collect();
    let topic = policy("web", 40, &globals);
    let with = |permissions: &[&str]| Site::with(permissions, &[("web.lua", &main)], &[("web.lua", &topic)]);
    let actions = |site: &Site| {
        let summary = site.folder.path().join(".git/summary.md");
        let ran = site.review_with(
            &[],
            &[("GITHUB_ACTIONS", "true"), ("GITHUB_STEP_SUMMARY", &summary.to_string_lossy())],
        );
        (ran, std::fs::read_to_string(&summary).unwrap_or_default())
    };
    let all = |text: &str| (0..11).all(|n| text.contains(&format!("goal_{n}")));
    // A check run alone.
    let site = with(&["pull_requests:read", "checks:write"]);
    let (ran, summary) = actions(&site);
    ran.expect(1).says("the request is not commented: Resource not accessible by integration (403)");
    let check = &site.checks()[0];
    assert!(all(&json!(check.annotations).to_string()) && summary.is_empty());
    // Comments alone.
    let site = with(&["pull_requests:write"]);
    actions(&site).0.expect(1).says("there is no report beside the commit");
    assert!(all(&json!(site.pull().threads).to_string()));
    // Nothing: what a fork has.
    let site = with(&["contents:read", "pull_requests:read", "checks:read"]);
    let (ran, summary) = actions(&site);
    let ran = ran.expect(1);
    let commands = ran.stdout.lines().filter(|line| line.starts_with("::warning ")).count();
    assert_eq!(commands, 10, "GitHub drops the eleventh in silence\n{}", ran.stdout);
    assert!(all(&summary), "{summary}");
    ran.says("all that was found is told by workflow commands and the step's summary");
    // And where there is no summary, or no runner, the log has it.
    let ran = site.review_with(&[], &[("GITHUB_ACTIONS", "true")]).expect(1);
    assert!(all(&ran.stdout), "{}", ran.stdout);
    ran.says("workflow commands and the log");
    let ran = site.review(&[]).expect(1);
    assert!(all(&ran.stdout) && !ran.stdout.contains("::warning"), "{}", ran.stdout);
    ran.says("told by the log");
    assert!(site.pull().conversation.is_empty() && site.checks().is_empty());
}

#[test]
fn who_cannot_see_what_was_said_does_not_say_it_again() {
    let site = site();
    let forbidden =
        Fault::Answer(403, Vec::new(), json!({ "message": "Resource not accessible" }).to_string());
    site.world.fail("reviewThreads", 0, 100, forbidden);
    site.review(&[]).expect(1).says("the request is not commented: Resource not accessible (403)");
    assert_eq!((site.pull().said().len(), site.checks().len()), (0, 1));
}

#[test]
fn a_request_without_policies_is_left_alone() {
    let site = Site::new(&[("web.lua", &policy("web", 4, ""))], &[("README.md", "hello")]);
    site.review(&[]).expect(0);
    assert_eq!(site.world.writes(), ["POST /repos/acme/policies/check-runs"]);
    assert_eq!(site.checks()[0].conclusion.as_deref(), Some("success"));
    assert_eq!(site.checks()[0].title, "1 file checked, nothing found; no policy differs");
}

#[test]
fn a_server_that_fails_is_the_environments_fault_and_nothing_is_lost() {
    let site = site();
    site.world.fail("POST", 0, 100, Fault::Close);
    // Reads by GraphQL go by POST too.
    let ran = site.review(&[]).expect(3);
    ran.says("cannot be asked about request 7");
    let site = self::site();
    site.world.fail("POST /repos/", 0, 100, Fault::Done(502));
    let ran = site.review(&[]).expect(1);
    ran.says("reviewed");
    assert_eq!((site.pull().said().len(), site.checks().len()), (1, 1), "it was done all the same");
    let site = self::site();
    site.world.fail("POST /repos/", 0, 100, Fault::Close);
    site.review(&[]).expect(3).says("implicit-global");
}

#[test]
fn what_cannot_be_is_told_before_anything_is_looked_at() {
    let site = site();
    site.review(&["--pr", "8"]).expect(64).says("GitHub has no request 8 to be seen");
    site.review(&["--repo", "acme"]).expect(64).says("OWNER/NAME");
    site.review_with(&[], &[("GITHUB_EVENT_PATH", "/nowhere")]).expect(3).says("cannot read /nowhere");
    let none = [("GITHUB_EVENT_PATH", ""), ("GITHUB_REF", "refs/heads/main")];
    site.review_with(&[], &none).expect(64).says("--pr N");
    site.review_with(&[], &[("GITHUB_TOKEN", "wrong")]).expect(3).says("does not know these credentials");
    site.review_with(&[], &[("LUASCALE_GITHUB_APP_ID", "7")])
        .expect(64)
        .says("LUASCALE_GITHUB_APP_KEY is not");
    assert_eq!(site.world.writes(), [""; 0]);
}

#[test]
fn an_old_clone_is_told_what_to_fetch() {
    let site = site();
    let clones = tempfile::tempdir().unwrap();
    let at = clones.path().join("one");
    let from = format!("file://{}", site.folder.path().display());
    git(clones.path(), &["clone", "-q", "--depth", "1", "-b", "topic", &from, "one"]);
    let mut command = site.folder.command(&["review"], &[]);
    command.current_dir(&at).envs(site.environment());
    let ran = crate::support::run(command, std::time::Duration::from_secs(60));
    assert_eq!(ran.status, 3, "{}{}", ran.stdout, ran.stderr);
    assert_eq!(site.pull().said().len(), 1, "what can be linted is, and why there is no more is said");
    assert!(site.pull().said()[0].contains("fetch-depth"), "{}", site.pull().said()[0]);
}

#[test]
fn runs_at_once_leave_one_summary_and_one_comment_a_finding() {
    let site = site();
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| site.review(&[]).expect(1));
        }
    });
    let pull = site.pull();
    assert_eq!((pull.said().len(), pull.open().len()), (1, 2), "{:?}", pull.said());
    assert_eq!(pull.reviews.iter().filter(|review| review.minimised.is_none()).count(), 1);
    // What would then be done, of every kind, is as the schema has it.
    let schema = std::fs::read_to_string("docs/schema/review.schema.json").unwrap();
    let schema = jsonschema::validator_for(&serde_json::from_str(&schema).unwrap()).unwrap();
    site.world.with(|store| store.pull(REPOSITORY, 7).threads[0].resolved = true);
    let told = site.review(&["--dry-run", "--format", "json"]).json();
    assert_eq!(told["operations"][0]["do"], "reopen", "{told}");
    assert!(schema.is_valid(&told), "{told}");
    site.world.with(|store| store.pull(REPOSITORY, 7).threads[0].resolved = false);
    site.world.forget();
    site.review(&[]).expect(1);
    assert_eq!(site.world.writes(), [""; 0]);
}
