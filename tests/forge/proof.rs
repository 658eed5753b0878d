//! What GitHub is asked before something is applied, and what of its answers counts as known.

use crate::github::store::{App, Check, Commit, File};
use crate::world::{HEAD, PERMISSIONS, REPOSITORY, World, client, world};
use luascale::change::proof::Hand;
use luascale::forge::github::proof;
use serde_json::json;

const MERGE: &str = "3333333333333333333333333333333333333333";
const PUSHED: &str = "4444444444444444444444444444444444444444";

fn commit(sha: &str, author: Option<&str>) -> Commit {
    let author = author.map(str::to_owned);
    Commit { sha: sha.into(), committer: author.clone(), author, ..Commit::default() }
}

/// A pull request that was checked, approved and merged.
fn merged() -> World {
    let world = world(&PERMISSIONS);
    world.with(|store| {
        let (check, done) = (store.number(), store.tick());
        let repository = store.repositories.get_mut(REPOSITORY).unwrap();
        repository.collaborators = [("bob".into(), "write".into()), ("eve".into(), "read".into())].into();
        repository.checks.push(Check {
            id: check,
            name: "luascale".into(),
            head: HEAD.into(),
            status: "completed".into(),
            conclusion: Some("success".into()),
            external_id: "sha256:1".into(),
            app: App { id: 15_368, slug: "github-actions".into() },
            text: Some("{}".into()),
            completed: Some(done),
            ..Check::default()
        });
        let mut merge = commit(MERGE, Some("dev"));
        merge.committer = Some("web-flow".into());
        repository.commits = vec![merge, commit(PUSHED, None)];
        store.pull(REPOSITORY, 7).commits = vec![commit(HEAD, Some("dev"))];
        store.review(REPOSITORY, 7, "bob", "APPROVED");
        store.review(REPOSITORY, 7, "eve", "APPROVED");
        let now = store.tick();
        let pull = store.pull(REPOSITORY, 7);
        pull.merge_commit = Some(MERGE.into());
        pull.merged_at = Some(now);
    });
    world
}

#[test]
fn a_commit_leads_to_the_request_that_brought_it() {
    let world = merged();
    let (client, _) = client(&world);
    for sha in [MERGE, HEAD] {
        assert_eq!(proof::request_of(&client, sha, "main").unwrap(), Ok(7), "{sha}");
    }
    let none = "it came by no pull request that was merged into ";
    assert_eq!(proof::request_of(&client, PUSHED, "main").unwrap(), Err(format!("{none}main")));
    assert_eq!(proof::request_of(&client, MERGE, "release").unwrap(), Err(format!("{none}release")));
    world.with(|store| store.pull(REPOSITORY, 7).merged_at = None);
    assert_eq!(proof::request_of(&client, MERGE, "main").unwrap(), Err(format!("{none}main")));
}

#[test]
fn everything_that_an_approval_needs_is_told() {
    let world = merged();
    let (client, _) = client(&world);
    let request = proof::request(&client, 7, "luascale").unwrap();
    assert!(request.merged);
    assert_eq!((request.base.as_str(), request.head.as_str()), ("main", HEAD));
    assert_eq!(request.merge_commit.as_deref(), Some(MERGE));
    let author = request.author.unwrap();
    assert_eq!((author.login.as_str(), author.person), ("dev", true));
    assert_eq!(request.files, ["policies/web.lua"]);
    let hand = |login: Option<&str>, named: &str, commit: &str| Hand {
        commit: commit.into(),
        login: login.map(str::to_owned),
        named: named.into(),
    };
    assert_eq!(request.hands, [hand(Some("dev"), "dev", HEAD)]);
    let [bob, eve] = request.reviews.as_slice() else { panic!("{:?}", request.reviews) };
    assert_eq!((bob.state.as_str(), bob.may_write, eve.may_write), ("APPROVED", true, false));
    assert_eq!(bob.commit.as_deref(), Some(HEAD));
    let [check] = request.checks.as_slice() else { panic!("{:?}", request.checks) };
    assert_eq!((check.app, check.external_id.as_deref()), (Some(15_368), Some("sha256:1")));
    assert!(check.completed < bob.at);
    // A bot is no person, and an account that is gone is nobody.
    world.with(|store| store.pull(REPOSITORY, 7).author = "renovate[bot]".into());
    assert!(!proof::request(&client, 7, "luascale").unwrap().author.unwrap().person);
}

#[test]
fn what_is_not_told_whole_is_no_answer() {
    let world = merged();
    let (client, _) = client(&world);
    world.with(|store| {
        let file = |n: usize| File { path: format!("{n}.lua"), ..File::default() };
        store.pull(REPOSITORY, 7).files = (0..3001).map(file).collect();
    });
    let failed = proof::request(&client, 7, "luascale").unwrap_err();
    assert!(failed.message.contains("more files than GitHub lists"), "{failed}");
    assert!(proof::request(&client, 8, "luascale").is_err());
    // GitHub lists 250 commits of a request and no more.
    world.with(|store| {
        store.pull(REPOSITORY, 7).files.truncate(1);
        store.pull(REPOSITORY, 7).commits =
            (0..251).map(|n| commit(&format!("{n:040}"), Some("dev"))).collect();
    });
    let failed = proof::request(&client, 7, "luascale").unwrap_err();
    assert!(failed.message.contains("more commits than GitHub lists"), "{failed}");
}

#[test]
fn hands_are_accounts_or_unknown_and_a_button_is_nobody() {
    let world = merged();
    let (client, _) = client(&world);
    let hands = proof::hands(&client, &[MERGE.into(), PUSHED.into()]).unwrap();
    let logins: Vec<Option<&str>> = hands.iter().map(|hand| hand.login.as_deref()).collect();
    assert_eq!(logins, [Some("dev"), None]);
    assert!(proof::hands(&client, &["5".repeat(40)]).is_err());
    // More than are asked for at once.
    let many: Vec<Commit> = (0..120).map(|n| commit(&format!("{n:040}"), Some(&format!("dev{n}")))).collect();
    let names: Vec<String> = many.iter().map(|commit| commit.sha.clone()).collect();
    world.with(|store| store.repositories.get_mut(REPOSITORY).unwrap().commits = many);
    let hands = proof::hands(&client, &names).unwrap();
    assert_eq!(hands.len(), 120);
    assert_eq!(hands[119].login.as_deref(), Some("dev119"));
}

#[test]
fn branches_rules_teams_and_runs_are_asked_for() {
    let world = merged();
    let (client, _) = client(&world);
    world.with(|store| {
        let repository = store.repositories.get_mut(REPOSITORY).unwrap();
        let rules = json!([{ "type": "deletion" }, { "type": "pull_request", "parameters": { "require_code_owner_review": true } }]);
        let run = json!({ "id": 9, "head_sha": MERGE });
        let said = json!([{
            "state": "approved", "comment": "", "environments": [{ "id": 1, "name": "production" }],
            "user": { "login": "bob", "type": "User" },
        }]);
        for (path, answer) in [
            ("branches/main", json!({ "name": "main", "protected": true })),
            ("branches/next", json!({ "name": "next", "protected": false })),
            ("branches/odd", json!({ "name": "odd" })),
            ("rules/branches/main", rules),
            ("rules/branches/next", json!([])),
            ("actions/runs/9", run),
            ("actions/runs/9/approvals", said),
        ] {
            repository.canned.insert(path.into(), answer);
        }
        repository.teams.insert("acme/sre".into(), vec!["bob".into()]);
    });
    assert!(proof::protected(&client, "main").unwrap());
    assert!(!proof::protected(&client, "next").unwrap());
    assert!(!proof::protected(&client, "odd").unwrap());
    assert!(proof::protected(&client, "gone").is_err());
    assert_eq!(proof::default_branch(&client).unwrap(), "main");
    assert!(proof::owners_are_asked(&client, "main").unwrap());
    assert!(!proof::owners_are_asked(&client, "next").unwrap());
    assert!(!proof::owners_are_asked(&client, "unseen").unwrap());
    assert_eq!(proof::members(&client, "@acme/sre").unwrap(), Some(vec!["bob".to_owned()]));
    assert_eq!(proof::members(&client, "@elsewhere/sre").unwrap(), None);
    let run = proof::run(&client, 9).unwrap();
    assert_eq!(run.head, MERGE);
    assert_eq!(run.said[0].environments, ["production"]);
    assert!(run.said[0].by.as_ref().unwrap().person);
    assert!(proof::run(&client, 10).is_err());
}
