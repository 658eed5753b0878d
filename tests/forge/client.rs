//! The connection: what is read and written, how pages, limits, faults and secrets are dealt with.

use crate::github::Fault;
use crate::github::store::{App, Comment, File};
use crate::world::{HEAD, NEWER, PERMISSIONS, REPOSITORY, TOKEN, access, client, github, world};
use luascale::forge::github::{Access, Auth, Client};
use luascale::forge::{Forge, Origin, Secret, State, Why};
use luascale::review::{Inline, Operation, Place};
use serde_json::json;
use std::time::{Duration, Instant};

#[test]
fn a_request_is_read_with_its_files_and_comments_from_every_page() {
    let world = world(&PERMISSIONS);
    world.with(|store| {
        let pull = store.pull(REPOSITORY, 7);
        pull.files = (0..250)
            .map(|n| File {
                path: format!("p/{n}.lua"),
                status: "added".into(),
                patch: (n != 3).then(|| "@@ -0,0 +1 @@\n+x".into()),
            })
            .collect();
        pull.conversation = (0..230)
            .map(|n| Comment {
                id: 10_000 + n,
                author: if n == 229 { "github-actions[bot]".into() } else { "somebody".into() },
                body: format!("says {n}"),
                ..Comment::default()
            })
            .collect();
    });
    let (github, _) = github(&world);
    let facts = github.request(7).unwrap();
    assert_eq!((facts.state, facts.fork, facts.draft), (State::Open, false, false));
    assert_eq!((&*facts.head, &*facts.base_branch, &*facts.author), (HEAD, "main", "dev"));
    let files = github.touched(&facts).unwrap();
    assert_eq!((files.touched.len(), files.complete), (250, true));
    assert!(files.touched[3].hunks.is_none() && files.touched[4].hunks.as_ref().unwrap()[0].shows(1, 1));
    let existing = github.existing(7).unwrap();
    assert_eq!(existing.len(), 230);
    assert_eq!(existing.iter().filter(|c| c.own).map(|c| c.id).collect::<Vec<_>>(), [10_229]);
    assert!(world.writes().is_empty());
}

#[test]
fn a_list_that_github_ends_is_known_not_to_be_whole() {
    let world = world(&PERMISSIONS);
    for (count, complete) in [(3000, true), (3001, false)] {
        world.with(|store| {
            let file = |n| File { path: format!("{n}.lua"), status: "added".into(), patch: None };
            store.pull(REPOSITORY, 7).files = (0..count).map(file).collect();
        });
        let (github, _) = github(&world);
        let files = github.touched(&github.request(7).unwrap()).unwrap();
        assert_eq!((files.touched.len(), files.complete), (3000, complete));
    }
}

#[test]
fn operations_are_performed_as_they_are_meant() {
    let world = world(&["pull_requests:write", "contents:write"]);
    let (github, _) = github(&world);
    let facts = github.request(7).unwrap();
    let write = |operation: &Operation| github.write(&facts, operation).unwrap();
    write(&Operation::Say { body: "first".into() });
    let inline = |line, start_line| Inline {
        path: "policies/web.lua".into(),
        line,
        start_line,
        body: format!("on {line}"),
    };
    write(&Operation::Review {
        body: "two".into(),
        comments: vec![inline(12, None), inline(14, Some(11))],
        listed: 0,
    });
    write(&Operation::Review { body: "none on lines".into(), comments: Vec::new(), listed: 1 });
    let existing = github.existing(7).unwrap();
    let of = |place: fn(&Place) -> bool| existing.iter().filter(move |c| place(&c.place)).collect::<Vec<_>>();
    let said = of(|p| *p == Place::Conversation)[0];
    let threads = of(|p| matches!(p, Place::Thread { .. }));
    assert_eq!((said.body.as_str(), threads.len(), of(|p| *p == Place::Review).len()), ("first", 2, 2));
    assert!(existing.iter().all(|c| c.own && !c.minimised));
    write(&Operation::Change { id: said.id, body: "second".into() });
    write(&Operation::Minimise { node: said.node.clone() });
    let Place::Thread { node, .. } = &threads[1].place else { panic!() };
    write(&Operation::Resolve { thread: node.clone(), comment: threads[1].node.clone() });
    let pull = world.with(|store| store.pull(REPOSITORY, 7).clone());
    assert_eq!(pull.conversation[0].body, "second");
    assert_eq!(pull.conversation[0].minimised.as_deref(), Some("outdated"));
    assert_eq!(
        pull.threads.iter().map(|t| (t.line, t.start_line, t.resolved)).collect::<Vec<_>>(),
        [(12, None, false), (14, Some(11), true)]
    );
    assert_eq!(pull.reviews[0].commit, HEAD);
    write(&Operation::Reopen { thread: node.clone() });
    write(&Operation::Unfold { node: said.node.clone() });
    let pull = world.with(|store| store.pull(REPOSITORY, 7).clone());
    assert!(!pull.threads[1].resolved && pull.conversation[0].minimised.is_none());
}

#[test]
fn a_token_that_may_not_resolve_folds_away_instead() {
    let world = world(&PERMISSIONS);
    let (github, _) = github(&world);
    let facts = github.request(7).unwrap();
    let comment = Inline { path: "policies/web.lua".into(), line: 12, start_line: None, body: "x".into() };
    github
        .write(&facts, &Operation::Review { body: "one".into(), comments: vec![comment], listed: 0 })
        .unwrap();
    let existing = github.existing(7).unwrap();
    let thread = existing.iter().find(|c| matches!(c.place, Place::Thread { .. })).unwrap();
    let Place::Thread { node, .. } = &thread.place else { panic!() };
    let resolve = Operation::Resolve { thread: node.clone(), comment: thread.node.clone() };
    github.write(&facts, &resolve).unwrap();
    assert!(github.existing(7).unwrap().iter().find(|c| c.node == thread.node).unwrap().minimised);
}

#[test]
fn what_a_person_resolved_is_known() {
    let world = world(&PERMISSIONS);
    let (github, _) = github(&world);
    let facts = github.request(7).unwrap();
    let on = |line| Inline { path: "policies/web.lua".into(), line, start_line: None, body: "x".into() };
    github
        .write(&facts, &Operation::Review { body: "2".into(), comments: vec![on(12), on(13)], listed: 0 })
        .unwrap();
    world.with(|store| {
        let threads = &mut store.pull(REPOSITORY, 7).threads;
        threads.iter_mut().for_each(|t| t.resolved = true);
        threads[0].resolved_by = Some("dev".into());
    });
    let settled: Vec<bool> = github
        .existing(7)
        .unwrap()
        .into_iter()
        .filter_map(|c| if let Place::Thread { settled, .. } = c.place { Some(settled) } else { None })
        .collect();
    assert_eq!(settled, [true, false]);
}

#[test]
fn a_limit_is_waited_for_as_the_server_asks() {
    for (fault, waited) in [
        (Fault::limit(403, Some(7)), 7.0),
        (Fault::limit(429, Some(3)), 3.0),
        (Fault::limit(403, None), 60.0),
        (Fault::limit(429, None), 60.0),
        (Fault::limit(422, None), 60.0),
    ] {
        let world = world(&PERMISSIONS);
        let (client, clock) = client(&world);
        world.fail("POST /repos/acme/policies/issues/7/comments", 0, 1, fault);
        client.post("issues/7/comments", &json!({ "body": "x" })).unwrap();
        assert_eq!(clock.waited(), waited);
        assert_eq!(world.with(|s| s.pull(REPOSITORY, 7).conversation.len()), 1);
    }
}

#[test]
fn a_limit_that_does_not_end_is_told() {
    let world = world(&PERMISSIONS);
    let (client, clock) = client(&world);
    world.fail("POST", 0, 1000, Fault::limit(403, None));
    let failed = client.post("issues/7/comments", &json!({ "body": "x" })).unwrap_err();
    assert_eq!((failed.why, clock.waited()), (Why::Limited, 900.0), "{failed}");
    assert!(
        failed.message.contains("secondary rate limit") && failed.message.contains("1 minute"),
        "{failed}"
    );
}

#[test]
fn eighty_writes_a_minute_are_kept_before_github_has_to_say_so() {
    let world = world(&PERMISSIONS);
    let (client, clock) = client(&world);
    world.clocked(clock.0.clone());
    let say = || client.post("issues/7/comments", &json!({ "body": "x" })).unwrap();
    (0..80).for_each(|_| drop(say()));
    assert_eq!(clock.waited(), 0.0);
    say();
    assert_eq!(clock.waited(), 60.0);
    assert_eq!(world.with(|s| s.pull(REPOSITORY, 7).conversation.len()), 81);
    assert_eq!(world.writes().len(), 81, "none was refused");
}

#[test]
fn a_read_is_sent_again_and_a_write_is_not() {
    for fault in [Fault::Done(502), Fault::Close, Fault::DoneClose] {
        let world = world(&PERMISSIONS);
        let (client, _) = client(&world);
        world.fail("GET", 0, 2, fault.clone());
        assert_eq!(client.get("pulls/7").unwrap()["number"], 7, "{fault:?}");
        world.fail("GET", 0, 3, fault.clone());
        assert_eq!(client.get("pulls/7").unwrap_err().why, Why::Unknown, "{fault:?}");
        world.forget();
        world.fail("POST", 0, 1, fault.clone());
        let failed = client.post("issues/7/comments", &json!({ "body": "x" })).unwrap_err();
        assert_eq!((failed.why, world.writes().len()), (Why::Unknown, 1), "{fault:?}: {failed}");
    }
}

#[test]
fn an_answer_that_does_not_end_is_not_waited_for() {
    let world = world(&PERMISSIONS);
    let client = client(&world).0.patient(Duration::from_millis(200));
    world.fail("POST", 0, 1, Fault::Stall);
    let begun = Instant::now();
    let failed = client.post("issues/7/comments", &json!({ "body": "x" })).unwrap_err();
    assert_eq!(failed.why, Why::Unknown);
    assert!(begun.elapsed() < Duration::from_secs(5));
}

#[test]
fn refusals_are_told_by_their_kind() {
    let world = world(&["pull_requests:read"]);
    let (client, _) = client(&world);
    let of = |path: &str| client.get(path).unwrap_err();
    assert_eq!((of("pulls/8").why, of("pulls/8").status), (Why::Missing, 404));
    let failed = client.post("issues/7/comments", &json!({ "body": "x" })).unwrap_err();
    assert_eq!(failed.to_string(), "Resource not accessible by integration (403)");
    assert_eq!(failed.why, Why::Forbidden);
    world.with(|store| store.tokens.clear());
    let failed = of("pulls/7");
    assert_eq!(failed.why, Why::Credentials);
    assert!(!failed.to_string().contains(TOKEN));
    let nowhere = Access { api: "http://127.0.0.1:1".into(), ..access(&world) };
    let client = Client::connect(&nowhere, Box::new(crate::world::Virtual::default())).unwrap();
    let failed = client.get("pulls/7").unwrap_err();
    assert_eq!((failed.why, failed.status), (Why::Unknown, 0));
    assert!(failed.message.to_lowercase().contains("refused"), "{failed}");
}

#[test]
fn what_cannot_be_used_is_refused_before_anything_is_sent() {
    let world = world(&PERMISSIONS);
    let good = access(&world);
    let token = |text: &str| Auth::Token(Secret::new(text).unwrap());
    for (access, says) in [
        (Access { repository: "acme".into(), ..good.clone() }, "OWNER/NAME"),
        (Access { api: "http://api.example.org".into(), ..good.clone() }, "over https only"),
        (Access { api: "nonsense".into(), ..good.clone() }, "no address"),
        (Access { graphql: format!("{}/graph", world.address), ..good.clone() }, "/graphql"),
        (Access { auth: token("a\nb"), ..good.clone() }, "characters that no token has"),
        (
            Access { auth: Auth::App { id: 1, key: Secret::new("no key").unwrap() }, ..good.clone() },
            "no RSA key",
        ),
    ] {
        let failed = Client::connect(&access, Box::new(crate::world::Virtual::default())).err().unwrap();
        assert!(failed.message.contains(says), "{failed}");
    }
    assert_eq!(format!("{:?}", token("abc")), "Token(***)");
    assert!(world.log().is_empty());
}

#[test]
fn a_server_of_ones_own_has_its_graphql_beside_its_rest() {
    let world = world(&PERMISSIONS);
    let api = format!("{}/api/v3", world.address);
    let graphql = Access::graphql_of(&api);
    assert_eq!(graphql, format!("{}/api/graphql", world.address));
    assert_eq!(Access::graphql_of("https://api.github.com"), "https://api.github.com/graphql");
    let access = Access { api, graphql, ..access(&world) };
    let client = Client::connect(&access, Box::new(crate::world::Virtual::default())).unwrap();
    assert_eq!(client.get("pulls/7").unwrap()["number"], 7);
    assert_eq!(client.viewer().unwrap(), "github-actions[bot]");
}

#[test]
fn an_app_is_given_a_token_for_the_repository() {
    let world = world(&PERMISSIONS);
    world.with(|store| {
        let app = App { id: 77, slug: "luascale".into() };
        store.repositories.get_mut(REPOSITORY).unwrap().installation = Some((app, 5));
    });
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("key");
    let made = std::process::Command::new("ssh-keygen")
        .args(["-q", "-t", "rsa", "-b", "2048", "-m", "PEM", "-N", "", "-f"])
        .arg(&file)
        .status()
        .unwrap();
    assert!(made.success());
    let pem = std::fs::read_to_string(&file).unwrap();
    let auth = Auth::App { id: 77, key: Secret::new(pem).unwrap() };
    let access = Access { auth, ..access(&world) };
    let client = Client::connect(&access, Box::new(crate::world::Virtual::default())).unwrap();
    client.post("issues/7/comments", &json!({ "body": "x" })).unwrap();
    assert_eq!(world.with(|s| s.pull(REPOSITORY, 7).conversation[0].author.clone()), "luascale[bot]");
    world.with(|store| store.repositories.get_mut(REPOSITORY).unwrap().installation = None);
    let failed = Client::connect(&access, Box::new(crate::world::Virtual::default())).err().unwrap();
    assert_eq!(failed.message, "the App is not installed in acme/policies");
}

#[test]
fn a_request_is_found_by_its_head_where_nobody_says_its_number() {
    let world = world(&PERMISSIONS);
    let (github, _) = github(&world);
    let of = |head: &str, branch: Option<(&str, &str)>| {
        let branch = branch.map(|(a, b)| (a.to_owned(), b.to_owned()));
        github.find(&Origin { head: head.into(), branch }).unwrap()
    };
    assert_eq!(of(HEAD, Some(("acme", "topic"))), Some(7));
    assert_eq!(of(HEAD, None), Some(7));
    assert_eq!(of(NEWER, Some(("acme", "topic"))), None);
    assert_eq!(of(HEAD, Some(("mallory", "topic"))), None);
}
