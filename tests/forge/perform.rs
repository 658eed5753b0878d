//! Operations on the fake: lost answers, refusals, a newer push, two runs at once; and check runs.

use crate::github::Fault;
use crate::github::store::Pull;
use crate::world::{HEAD, NEWER, PERMISSIONS, REPOSITORY, World, github, world};
use luascale::forge::github::GitHub;
use luascale::forge::{Annotation, Conclusion, Done, Forge, Report, Stopped, Why, perform};
use luascale::model::{Finding, Level};
use luascale::review::{
    Existing, Filter, MOST_BYTES, MOST_CHARACTERS, Operation, Place, Placed, Situation, Touched, operations,
    parse,
};
use luascale::text::Source;

const PATH: &str = "policies/web.lua";
const PATCH: &str = "@@ -11,4 +11,6 @@\n a\n+b\n+c\n d\n e\n f";

/// What a run finds: rules with their lines.
#[derive(Clone)]
struct Found {
    head: &'static str,
    rules: Vec<(String, u32)>,
    summary: String,
}

impl Found {
    fn new(rules: &[(&str, u32)]) -> Found {
        let rules = rules.iter().map(|(rule, line)| ((*rule).to_owned(), *line)).collect();
        Found { head: HEAD, rules, summary: "max 40 → 60".into() }
    }

    fn operations(&self, existing: &[Existing]) -> Vec<Operation> {
        let text: Vec<String> = (1..=40).map(|n| format!("line {n}")).collect();
        let source = Source::new(PATH, text.join("\n"));
        let findings: Vec<(Finding, u32)> = self
            .rules
            .iter()
            .map(|(rule, line)| (Finding::warning(rule, format!("what {rule} says")), *line))
            .collect();
        let placed: Vec<Placed<'_>> = findings
            .iter()
            .map(|(finding, line)| Placed {
                finding,
                path: PATH,
                line: *line,
                source: Some(&source),
                words: &finding.message,
            })
            .collect();
        let touched = [Touched { path: PATH.into(), hunks: Some(parse(PATCH)) }];
        operations(&Situation {
            scope: "all",
            head: self.head,
            touched: &touched,
            findings: &placed,
            existing,
            summary: &self.summary,
            filter: Filter::DiffContext,
        })
    }

    /// A whole run.
    fn run(&self, github: &GitHub) -> Result<Done, Stopped> {
        let facts = github.request(7).unwrap();
        let operations = self.operations(&github.existing(7).unwrap());
        perform(github, &facts, &operations, &|existing| self.operations(existing))
    }
}

fn pull(world: &World) -> Pull {
    world.with(|store| store.pull(REPOSITORY, 7).clone())
}

/// Comments in the conversation and on lines that are to be seen.
fn seen(world: &World) -> (usize, usize) {
    let pull = pull(world);
    (pull.said().len(), pull.open().len())
}

#[test]
fn a_second_run_sends_no_write_and_what_is_gone_is_put_away() {
    let world = world(&["pull_requests:write", "contents:write"]);
    let (github, _) = github(&world);
    let both = Found::new(&[("a", 12), ("b", 13)]);
    assert_eq!(both.run(&github).unwrap().writes, 2);
    assert_eq!(seen(&world), (1, 2));
    world.forget();
    assert_eq!(both.run(&github).unwrap().writes, 0);
    assert!(world.writes().is_empty());
    Found::new(&[("b", 13)]).run(&github).unwrap();
    let left = pull(&world);
    assert!(left.said()[0].contains("1 warning"), "{:?}", left.said());
    assert!(left.open().len() == 1 && left.open()[0].2.contains("**b**"), "{:?}", left.open());
    both.run(&github).unwrap();
    assert_eq!(seen(&world), (1, 2), "what came back is opened again, and not said twice");
}

#[test]
fn an_answer_that_is_lost_is_looked_up_before_anything_is_sent_again() {
    let writes = [
        "issues/7/comments",
        "pulls/7/reviews",
        "issues/comments/",
        "resolveReviewThread",
        "minimizeComment",
    ];
    for like in writes {
        for fault in [Fault::Done(502), Fault::DoneClose, Fault::Close] {
            let world = world(&["pull_requests:write", "contents:write"]);
            let (github, _) = github(&world);
            world.fail(like, 0, 1, fault.clone());
            // Two summaries make one to be folded away.
            let first = Found::new(&[("a", 12), ("b", 13)]);
            first.run(&github).unwrap();
            let doubled = first.operations(&[]);
            let facts = github.request(7).unwrap();
            perform(&github, &facts, &doubled[..1], &|existing| first.operations(existing)).unwrap();
            Found::new(&[("a", 12)]).run(&github).unwrap();
            assert_eq!(seen(&world), (1, 1), "{like}: {fault:?}");
            let pull = pull(&world);
            assert_eq!((pull.conversation.len(), pull.threads.len()), (2, 2), "{like}: {fault:?}");
        }
    }
}

#[test]
fn what_is_lost_again_and_again_is_told() {
    let world = world(&PERMISSIONS);
    let (github, _) = github(&world);
    world.fail("POST /repos/acme/policies/pulls/7/reviews", 0, 10, Fault::Close);
    let stopped = Found::new(&[("a", 12)]).run(&github).unwrap_err();
    let Stopped::Failed { at: 1, failed, writes: 1 } = stopped else { panic!("{stopped:?}") };
    assert_eq!(failed.why, Why::Unknown);
    assert_eq!(world.writes().iter().filter(|w| w.ends_with("/reviews")).count(), 3);
}

#[test]
fn a_newer_push_ends_a_run_before_it_says_anything_more() {
    let world = world(&PERMISSIONS);
    let (github, _) = github(&world);
    let old = Found::new(&[("a", 12)]);
    // It comes while the first comment is written.
    let push = |store: &mut crate::github::store::Store| store.pull(REPOSITORY, 7).head.sha = NEWER.into();
    world.before("POST /repos/acme/policies/issues/7/comments", push);
    let stopped = old.run(&github).unwrap_err();
    assert_eq!(stopped, Stopped::Moved { to: NEWER.into(), writes: 1 });
    assert_eq!(seen(&world), (1, 0));
    // The run of the newer push takes the summary over.
    let new = Found { head: NEWER, ..Found::new(&[("b", 13)]) };
    new.run(&github).unwrap();
    assert_eq!(seen(&world), (1, 1));
    assert!(pull(&world).said()[0].contains(NEWER));
    // And the old one, begun again, changes nothing.
    world.forget();
    let facts = luascale::forge::Facts { head: HEAD.into(), ..github.request(7).unwrap() };
    let late = old.operations(&github.existing(7).unwrap());
    let stopped = perform(&github, &facts, &late, &|existing| old.operations(existing)).unwrap_err();
    assert_eq!(stopped, Stopped::Moved { to: NEWER.into(), writes: 0 });
    assert!(world.writes().is_empty() && pull(&world).said()[0].contains(NEWER));
}

#[test]
fn a_push_while_a_limit_is_waited_for_is_seen() {
    let world = world(&PERMISSIONS);
    let (github, clock) = github(&world);
    world.fail("POST /repos/acme/policies/issues/7/comments", 0, 1, Fault::limit(403, None));
    world.before("POST /repos/acme/policies/issues/7/comments", |store| {
        store.pull(REPOSITORY, 7).head.sha = NEWER.into();
    });
    let stopped = Found::new(&[("a", 12)]).run(&github).unwrap_err();
    assert!(matches!(stopped, Stopped::Moved { .. }), "{stopped:?}");
    assert_eq!((clock.waited(), pull(&world).threads.len()), (60.0, 0));
}

#[test]
fn two_runs_at_once_leave_what_one_would() {
    let world = world(&PERMISSIONS);
    let (one, _) = github(&world);
    let (other, _) = github(&world);
    let found = Found::new(&[("a", 12), ("b", 13), ("c", 500)]);
    // Both have seen that nothing is there.
    let facts = one.request(7).unwrap();
    let planned = found.operations(&[]);
    let again = |existing: &[Existing]| found.operations(existing);
    perform(&one, &facts, &planned, &again).unwrap();
    perform(&other, &facts, &planned, &again).unwrap();
    assert_eq!(seen(&world), (1, 2));
    assert_eq!(pull(&world).reviews.iter().filter(|r| r.minimised.is_none()).count(), 1);
    assert_eq!(pull(&world).said()[0], pull(&world).conversation[0].body, "the older one stays");
    world.forget();
    found.run(&one).unwrap();
    assert!(world.writes().is_empty());
    // And truly at once.
    world.with(|store| {
        let pull = store.pull(REPOSITORY, 7);
        (pull.conversation, pull.threads, pull.reviews) = Default::default();
    });
    std::thread::scope(|scope| {
        for _ in 0..4 {
            let (github, _) = github(&world);
            let found = &found;
            scope.spawn(move || found.run(&github).unwrap());
        }
    });
    found.run(&one).unwrap();
    assert_eq!(seen(&world), (1, 2));
}

#[test]
fn a_review_that_is_refused_is_sent_comment_by_comment() {
    let world = world(&PERMISSIONS);
    // What the forge shows by now is less than it said.
    let (github, _) = github(&world);
    let found = Found::new(&[("a", 12), ("b", 13)]);
    let facts = github.request(7).unwrap();
    let planned = found.operations(&[]);
    world.with(|store| store.pull(REPOSITORY, 7).files[0].patch = Some("@@ -11,1 +11,2 @@\n a\n+b".into()));
    perform(&github, &facts, &planned, &|existing| found.operations(existing)).unwrap();
    let left = pull(&world);
    assert_eq!(left.open().iter().map(|(_, line, _)| *line).collect::<Vec<_>>(), [12]);
    assert!(left.said().iter().any(|body| body.contains("policies/web.lua:13") && body.contains("**b**")));
    world.forget();
    found.run(&github).unwrap();
    assert!(world.writes().is_empty(), "{:?}", world.writes());
    Found::new(&[("a", 12)]).run(&github).unwrap();
    assert_eq!(seen(&world), (1, 1), "what is gone is folded away in the conversation too");
}

#[test]
fn thirty_comments_stand_on_lines_and_the_rest_in_the_review() {
    let rules: Vec<String> = (0..31).map(|n| format!("rule-{n}")).collect();
    for count in [30, 31] {
        let world = world(&PERMISSIONS);
        let (github, _) = github(&world);
        let found: Vec<(&str, u32)> = rules.iter().take(count).map(|rule| (rule.as_str(), 12)).collect();
        Found::new(&found).run(&github).unwrap();
        let pull = pull(&world);
        assert_eq!((pull.threads.len(), pull.reviews.len()), (30, 1));
        assert_eq!(pull.reviews[0].body.contains("rule-30"), count == 31);
    }
}

#[test]
fn a_body_has_65536_characters_and_not_one_more() {
    for more in [0, 1] {
        let world = world(&PERMISSIONS);
        let (github, _) = github(&world);
        let mut found = Found::new(&[]);
        found.summary = "x".into();
        let Some(Operation::Say { body }) = found.operations(&[]).pop() else { panic!() };
        let around = body.chars().count() - 1;
        found.summary = "é".repeat(MOST_CHARACTERS - around + more);
        found.run(&github).unwrap();
        let body = pull(&world).conversation[0].body.clone();
        assert!(body.chars().count() <= MOST_CHARACTERS);
        assert_eq!(body.contains("cut: a comment has its limit"), more == 1);
        assert_eq!(body.chars().count() == MOST_CHARACTERS, more == 0);
    }
}

fn report(annotations: usize) -> Report {
    let annotation = |n: usize| Annotation {
        path: PATH.into(),
        from: 12,
        to: 12,
        level: if n.is_multiple_of(2) { Level::Warning } else { Level::Error },
        title: format!("rule-{n}"),
        message: "what it says".into(),
    };
    Report {
        name: "luascale".into(),
        head: HEAD.into(),
        conclusion: Conclusion::Failure,
        digest: Some("sha256:abc".into()),
        statement: Some("{\"changes\":[]}".into()),
        title: "findings".into(),
        summary: "what was found".into(),
        annotations: (0..annotations).map(annotation).collect(),
        quality: String::new(),
    }
}

#[test]
fn fifty_annotations_are_one_request_and_more_are_added() {
    for (count, requests) in [(0, 1), (50, 1), (51, 2), (100, 2), (101, 3)] {
        let world = world(&PERMISSIONS);
        let (github, _) = github(&world);
        assert!(github.report(&report(count)).unwrap());
        assert_eq!(world.writes().len(), requests, "{count}");
        let check = world.with(|store| store.repositories[REPOSITORY].checks[0].clone());
        assert_eq!((check.annotations.len(), check.conclusion.as_deref()), (count, Some("failure")));
        assert_eq!((&*check.external_id, &*check.status), ("sha256:abc", "completed"));
        assert!(check.text.unwrap().contains("{\"changes\":[]}"));
        let first = &check.annotations.first();
        assert!(first.is_none_or(|a| count < 2 || a["annotation_level"] == "failure"), "the gravest first");
        world.forget();
        assert!(!github.report(&report(count)).unwrap());
        assert!(world.writes().is_empty(), "{count}");
    }
}

#[test]
fn a_check_run_is_over_only_when_it_is_whole() {
    let world = world(&PERMISSIONS);
    let (github, _) = github(&world);
    world.fail("PATCH /repos/acme/policies/check-runs/", 0, 10, Fault::Close);
    github.report(&report(120)).unwrap_err();
    let check = world.with(|store| store.repositories[REPOSITORY].checks[0].clone());
    assert_eq!((check.conclusion, check.annotations.len()), (None, 50));
    // The next run does not take it for its own that was ended.
    world.heal();
    assert!(github.report(&report(120)).unwrap());
    let checks = world.with(|store| store.repositories[REPOSITORY].checks.clone());
    let last = checks.last().unwrap();
    assert_eq!((last.conclusion.as_deref(), last.annotations.len()), (Some("failure"), 120));
}

#[test]
fn a_check_run_whose_answer_was_lost_is_not_made_twice() {
    for (like, fault) in [
        ("POST /repos/acme/policies/check-runs", Fault::Done(502)),
        ("POST /repos/acme/policies/check-runs", Fault::DoneClose),
        ("POST /repos/acme/policies/check-runs", Fault::Close),
        ("PATCH /repos/acme/policies/check-runs/", Fault::Done(502)),
        ("PATCH /repos/acme/policies/check-runs/", Fault::Close),
    ] {
        let world = world(&PERMISSIONS);
        let (github, _) = github(&world);
        world.fail(like, 0, 1, fault.clone());
        github.report(&report(75)).unwrap();
        let checks = world.with(|store| store.repositories[REPOSITORY].checks.clone());
        assert_eq!((checks.len(), checks[0].annotations.len()), (1, 75), "{like}: {fault:?}");
        assert_eq!(checks[0].conclusion.as_deref(), Some("failure"), "{like}: {fault:?}");
    }
}

#[test]
fn what_changed_is_a_check_run_of_its_own_and_a_strangers_is_none() {
    let world = world(&PERMISSIONS);
    let (github, _) = github(&world);
    github.report(&report(1)).unwrap();
    let mut other = report(1);
    other.digest = Some("sha256:def".into());
    assert!(github.report(&other).unwrap());
    assert!(!github.report(&other).unwrap());
    world.with(|store| {
        let checks = &mut store.repositories.get_mut(REPOSITORY).unwrap().checks;
        checks.iter_mut().for_each(|check| check.app.slug = "mallory".into());
    });
    assert!(github.report(&other).unwrap(), "another App's check run of the same words does not count");
}

#[test]
fn a_check_runs_summary_has_65535_bytes_and_not_one_more() {
    for more in [0, 1] {
        let world = world(&PERMISSIONS);
        let (github, _) = github(&world);
        let mut report = report(0);
        report.summary = "x".repeat(MOST_BYTES + more);
        github.report(&report).unwrap();
        let summary = world.with(|store| store.repositories[REPOSITORY].checks[0].summary.clone());
        assert_eq!(summary.len() == MOST_BYTES, more == 0, "{}", summary.len());
        assert_eq!(summary.contains("cut:"), more == 1);
    }
}

#[test]
fn a_strangers_marker_is_not_taken_for_ones_own() {
    let world = world(&PERMISSIONS);
    let (github, _) = github(&world);
    let found = Found::new(&[("a", 12)]);
    let Operation::Say { body } = &found.operations(&[])[0] else { panic!() };
    world.with(|store| {
        let (id, created) = (store.number(), store.tick());
        let comment = crate::github::store::Comment {
            id,
            author: "mallory".into(),
            body: body.clone(),
            created,
            minimised: None,
        };
        store.pull(REPOSITORY, 7).conversation.push(comment);
    });
    assert!(github.existing(7).unwrap().iter().all(|c| !c.own && c.place == Place::Conversation));
    found.run(&github).unwrap();
    let pull = pull(&world);
    assert_eq!((pull.conversation.len(), pull.threads.len()), (2, 1));
    assert_eq!(pull.conversation[0].author, "mallory");
    assert!(pull.conversation[0].minimised.is_none(), "what is not one's own is not touched");
}
