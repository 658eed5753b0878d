//! Each condition of an approval, broken alone.

use super::super::plan::{self, Planned, TargetId};
use super::*;

const HEAD: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const MERGE: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";
const NEEDED: Needed<'_> =
    Needed { reviews: 1, branch: "main", check: "luascale", app: 15_368, owners_are_asked: false };

fn at(minute: u32) -> Option<Timestamp> {
    Some(format!("2026-11-25T12:{minute:02}:00Z").parse().unwrap())
}

fn person(login: &str) -> Option<Account> {
    Some(Account { login: login.into(), person: true })
}

fn version(of: &str) -> String {
    sha256(of.as_bytes())
}

fn update(id: &str, before: &str, after: &str) -> Planned {
    Planned {
        id: id.into(),
        path: format!("{id}.lua"),
        op: Op::Update,
        before: Some(version(before)),
        after: Some(version(after)),
        since: None,
        held: None,
        meaning: Vec::new(),
        lint: None,
        behaviour: None,
    }
}

fn target() -> TargetId {
    TargetId { kind: "directory".into(), identity: "a-lineage".into(), serial: 4 }
}

fn digest_of(policies: &[Planned]) -> String {
    sha256(plan::statement(&target(), policies, None, None).as_bytes())
}

/// A successful check run that states some changes.
fn run(id: u64, minute: u32, policies: &[Planned]) -> CheckRun {
    CheckRun {
        id,
        name: "luascale".into(),
        app: Some(15_368),
        conclusion: Some("success".into()),
        completed: at(minute),
        external_id: Some(digest_of(policies)),
        text: Some(format!(
            "what changes\n\n```json\n{}\n```\n",
            plan::statement(&target(), policies, None, None)
        )),
    }
}

fn approves(login: &str, minute: u32) -> Review {
    Review {
        id: 7,
        by: person(login),
        state: "APPROVED".into(),
        commit: Some(HEAD.into()),
        at: at(minute),
        may_write: true,
    }
}

/// Opened and written by ann, checked at 12:10, approved by bob at 12:20, merged.
fn request(policies: &[Planned]) -> Request {
    Request {
        number: 12,
        merged: true,
        base: "main".into(),
        head: HEAD.into(),
        merge_commit: Some(MERGE.into()),
        author: person("ann"),
        reviews: vec![approves("bob", 20)],
        hands: vec![Hand { commit: HEAD.into(), login: Some("ann".into()), named: "Ann".into() }],
        checks: vec![run(1, 10, policies)],
        decision: Some("APPROVED".into()),
        files: vec!["policies/a.lua".into()],
        owners: None,
        members: BTreeMap::new(),
    }
}

fn part(commit: &str, policies: &[&str], request: Request) -> Part {
    Part {
        commit: commit.into(),
        policies: policies.iter().map(|id| (*id).to_owned()).collect(),
        request: Ok(request),
    }
}

fn judged(needed: Needed<'_>, policies: &[Planned], parts: &[Part], others: &[Hand]) -> Verdict {
    let (target, digest) = (target(), digest_of(policies));
    let changes = Changes { target: &target, policies, approval: None, allow_prune: None, digest: &digest };
    verdict(needed, changes, parts, others)
}

fn words(verdict: &Verdict) -> String {
    verdict.refused.iter().map(|refused| format!("{}: {}\n", refused.from, refused.why)).collect()
}

#[test]
fn a_request_that_was_checked_reviewed_and_merged_approves() {
    let changes = [update("a", "1", "2")];
    let verdict = judged(NEEDED, &changes, &[part(MERGE, &["a"], request(&changes))], &[]);
    assert!(verdict.approved(), "{}", words(&verdict));
    assert_eq!(verdict.approvals.len(), 1);
    assert_eq!(verdict.approvals[0].who, "bob");
    assert_eq!(verdict.approvals[0].by, "review 7 of #12");
}

#[test]
fn each_condition_that_is_not_met_is_no_approval_and_says_so() {
    type Break = fn(&mut Request);
    let table: [(&str, Break, &str); 28] = [
        ("not merged", |r| r.merged = false, "it is not merged"),
        ("another branch", |r| r.base = "release".into(), "it was merged into release"),
        ("no merge commit", |r| r.merge_commit = None, "does not say which commit it became"),
        (
            "another merge commit",
            |r| r.merge_commit = Some(HEAD.into()),
            "it became aaaaaaaaa, not bbbbbbbbb",
        ),
        ("no review", |r| r.reviews.clear(), "it needs 1 review that approves its head, and 0 count"),
        ("dismissed", |r| r.reviews[0].state = "DISMISSED".into(), "and 0 count"),
        ("a comment", |r| r.reviews[0].state = "COMMENTED".into(), "and 0 count"),
        ("an unknown state", |r| r.reviews[0].state = "BLESSED".into(), "and 0 count"),
        (
            "of an earlier head",
            |r| r.reviews[0].commit = Some(MERGE.into()),
            "bob approved bbbbbbbbb, and the head is aaaaaaaaa",
        ),
        ("of no known commit", |r| r.reviews[0].commit = None, "bob approved an unknown commit"),
        ("by nobody", |r| r.reviews[0].by = None, "is of an account that is gone"),
        (
            "by a bot",
            |r| r.reviews[0].by = Some(Account { login: "bob".into(), person: false }),
            "bob is no person",
        ),
        ("who may only read", |r| r.reviews[0].may_write = false, "bob may not write"),
        ("by who opened it", |r| r.reviews[0].by = person("Ann"), "Ann opened it"),
        ("by who is unknown to have opened it", |r| r.author = None, "bob opened it"),
        ("by who wrote a part", |r| r.hands[0].login = Some("BOB".into()), "bob has a hand in aaaaaaaaa"),
        ("written by nobody known", |r| r.hands[0].login = None, "no account for Ann"),
        ("before the check", |r| r.reviews[0].at = at(10), "bob approved before the check had said"),
        ("at no known time", |r| r.reviews[0].at = None, "bob approved before the check had said"),
        (
            "changes are asked for",
            |r| {
                r.reviews.push(Review { state: "CHANGES_REQUESTED".into(), ..approves("zoe", 30) });
            },
            "zoe asks for changes",
        ),
        ("no check", |r| r.checks.clear(), "has no check run `luascale`"),
        ("a check of another app", |r| r.checks[0].app = Some(1), "is of the app 1, not of 15368"),
        ("a check of no known app", |r| r.checks[0].app = None, "is of the app ?, not of 15368"),
        ("a failed check", |r| r.checks[0].conclusion = Some("failure".into()), "ended with failure"),
        ("a check that runs", |r| r.checks[0].conclusion = None, "has not ended"),
        (
            "a check that never ended",
            |r| r.checks[0].completed = None,
            "bob approved before the check had said",
        ),
        ("a check without a digest", |r| r.checks[0].external_id = None, "carries no digest"),
        (
            "a failed check after it",
            |r| {
                let mut failed = run(2, 30, &[]);
                failed.conclusion = Some("failure".into());
                r.checks.push(failed);
            },
            "ended with failure",
        ),
    ];
    let changes = [update("a", "1", "2")];
    for (name, broken, said) in table {
        let mut request = request(&changes);
        broken(&mut request);
        let verdict = judged(NEEDED, &changes, &[part(MERGE, &["a"], request)], &[]);
        assert!(!verdict.approved(), "{name}");
        assert!(words(&verdict).contains(said), "{name}:\n{}", words(&verdict));
    }
}

#[test]
fn a_check_that_is_run_again_keeps_an_approval_of_the_same_changes_only() {
    let changes = [update("a", "1", "2")];
    let mut again = request(&changes);
    again.checks.push(run(2, 30, &changes));
    assert!(judged(NEEDED, &changes, &[part(MERGE, &["a"], again)], &[]).approved());
    // The one before the review stated something else.
    let mut other = request(&[update("a", "1", "3")]);
    other.checks.push(run(2, 30, &changes));
    let verdict = judged(NEEDED, &changes, &[part(MERGE, &["a"], other)], &[]);
    assert!(words(&verdict).contains("before the check had said what is changed"), "{}", words(&verdict));
}

#[test]
fn what_is_applied_has_to_be_what_was_stated() {
    let stated = [update("a", "1", "2")];
    for (applied, what) in [
        (update("a", "1", "3"), "another version came of the merge"),
        (update("a", "0", "2"), "something else is live"),
        (Planned { op: Op::Delete, after: None, ..update("a", "1", "2") }, "it is deleted"),
    ] {
        let verdict = judged(NEEDED, &[applied], &[part(MERGE, &["a"], request(&stated))], &[]);
        assert!(
            words(&verdict).contains("states another change of this policy"),
            "{what}: {}",
            words(&verdict)
        );
    }
    // A text that was tampered with has not the digest that the run stands for.
    let mut forged = request(&stated);
    forged.checks[0].text = run(1, 10, &[update("a", "1", "3")]).text;
    assert!(!judged(NEEDED, &[update("a", "1", "3")], &[part(MERGE, &["a"], forged)], &[]).approved());
    // Nor does a statement for another target count.
    let mut elsewhere = request(&stated);
    let other = TargetId { identity: "another".into(), ..target() };
    let text = plan::statement(&other, &stated, None, None);
    elsewhere.checks[0].external_id = Some(sha256(text.as_bytes()));
    elsewhere.checks[0].text = Some(text);
    assert!(!judged(NEEDED, &stated, &[part(MERGE, &["a"], elsewhere)], &[]).approved());
}

#[test]
fn a_request_that_states_more_covers_what_is_left_of_it() {
    let all = [update("a", "1", "2"), update("b", "1", "2")];
    // The change of `a` is live already: only that of `b` is still to be done.
    let left = [Planned { op: Op::None, ..update("a", "2", "2") }, update("b", "1", "2")];
    let verdict = judged(NEEDED, &left, &[part(MERGE, &["a", "b"], request(&all))], &[]);
    assert!(verdict.approved(), "{}", words(&verdict));
    // Where who has to approve changes too, nothing but the very same digest will do.
    let digest = "sha256:0".to_owned();
    let target = target();
    let changes = Changes {
        target: &target,
        policies: &left,
        approval: Some("sha256:1"),
        allow_prune: None,
        digest: &digest,
    };
    let verdict = super::verdict(NEEDED, changes, &[part(MERGE, &["a", "b"], request(&all))], &[]);
    assert!(!verdict.approved());
    // Nor where deletions are allowed that nobody was told of.
    let changes = Changes { approval: None, allow_prune: Some(2), ..changes };
    let verdict = super::verdict(NEEDED, changes, &[part(MERGE, &["a", "b"], request(&all))], &[]);
    assert!(!verdict.approved());
}

#[test]
fn of_several_requests_the_last_that_touched_a_policy_has_to_state_it() {
    let first = [update("a", "1", "2")];
    let second = [update("a", "1", "3"), update("b", "1", "2")];
    let early = "cccccccccccccccccccccccccccccccccccccccc";
    let mut one = request(&first);
    one.number = 11;
    one.merge_commit = Some(early.into());
    let parts = |later: Request| [part(early, &["a"], one.clone()), part(MERGE, &["a", "b"], later)];
    assert!(judged(NEEDED, &second, &parts(request(&second)), &[]).approved());
    // The later one was planned without the earlier: what is merged of `a` nobody saw.
    let alone = [update("b", "1", "2")];
    let verdict = judged(NEEDED, &second, &parts(request(&alone)), &[]);
    assert!(words(&verdict).contains("a: commit bbbbbbbbb"), "{}", words(&verdict));
    // Each by itself, where they do not meet.
    let both = [update("a", "1", "2"), update("b", "1", "2")];
    let apart = [part(early, &["a"], one.clone()), part(MERGE, &["b"], request(&alone))];
    assert!(judged(NEEDED, &both, &apart, &[]).approved());
    // Who wrote the earlier does not approve the later.
    let mut bobs = parts(request(&second));
    bobs[0].request.as_mut().unwrap().author = person("bob");
    let verdict = judged(NEEDED, &second, &bobs, &[]);
    assert!(words(&verdict).contains("bob has a hand in pull request"), "{}", words(&verdict));
}

#[test]
fn a_commit_that_came_by_no_request_is_not_approved_by_an_earlier_one() {
    let changes = [update("a", "1", "2")];
    let pushed = Part {
        commit: "dddddddddddddddddddddddddddddddddddddddd".into(),
        policies: vec!["a".into()],
        request: Err("it came by no pull request".into()),
    };
    let verdict = judged(NEEDED, &changes, &[part(MERGE, &["a"], request(&changes)), pushed], &[]);
    assert!(words(&verdict).contains("came by no pull request"), "{}", words(&verdict));
    let none = judged(NEEDED, &changes, &[], &[]);
    assert!(words(&none).contains("no pull request states this change"), "{}", words(&none));
}

#[test]
fn a_rebased_request_is_named_by_its_last_commit() {
    let changes = [update("a", "1", "2")];
    let early = "cccccccccccccccccccccccccccccccccccccccc";
    let parts = [part(early, &["a"], request(&changes)), part(MERGE, &[], request(&changes))];
    assert!(judged(NEEDED, &changes, &parts, &[]).approved());
    // A merge commit that came before the part is of another history.
    let parts = [part(MERGE, &[], request(&changes)), part(early, &["a"], request(&changes))];
    assert!(!judged(NEEDED, &changes, &parts, &[]).approved());
}

#[test]
fn two_reviews_are_of_two_people() {
    let changes = [update("a", "1", "2")];
    let needed = Needed { reviews: 2, ..NEEDED };
    let mut two = request(&changes);
    two.reviews.push(approves("zoe", 25));
    assert!(judged(needed, &changes, &[part(MERGE, &["a"], two)], &[]).approved());
    let verdict = judged(needed, &changes, &[part(MERGE, &["a"], request(&changes))], &[]);
    assert!(words(&verdict).contains("it needs 2 reviews that approve its head, and 1 count"));
}

#[test]
fn somebody_else_with_a_hand_in_the_history_does_not_approve_it() {
    let changes = [update("a", "1", "2")];
    let hand = |login: Option<&str>| Hand {
        commit: "eeeeeeeeeeeeeeee".into(),
        login: login.map(str::to_owned),
        named: "Bob <bob@example.com>".into(),
    };
    let with = |login| judged(NEEDED, &changes, &[part(MERGE, &["a"], request(&changes))], &[hand(login)]);
    assert!(with(Some("carl")).approved());
    assert!(words(&with(Some("bob"))).contains("bob has a hand in eeeeeeeee"));
    assert!(words(&with(None)).contains("no account for Bob"));
}

#[test]
fn an_owner_of_each_file_approves() {
    let changes = [update("a", "1", "2")];
    let with = |file: &str, members: &[(&str, &str, bool)]| {
        let mut request = request(&changes);
        request.owners = Some(Owners::parse(file).unwrap());
        let key = |(team, login, is): &(&str, &str, bool)| (((*team).to_owned(), (*login).to_owned()), *is);
        request.members = members.iter().map(key).collect();
        judged(NEEDED, &changes, &[part(MERGE, &["a"], request)], &[])
    };
    assert!(with("*.lua @bob\n", &[]).approved());
    assert!(with("docs/ @zoe\n", &[]).approved());
    assert!(with("* @zoe @Bob\n", &[]).approved());
    assert!(with("* @org/sre\n", &[("@org/sre", "bob", true)]).approved());
    for (file, members) in [
        ("* @zoe\n", vec![]),
        ("* @org/sre\n", vec![]),
        ("* @org/sre\n", vec![("@org/sre", "bob", false)]),
        ("* bob@example.com\n", vec![]),
        ("* @bob\n/policies/ @zoe\n", vec![]),
    ] {
        let verdict = with(file, &members);
        assert!(words(&verdict).contains("policies/a.lua is owned by"), "{file}: {}", words(&verdict));
    }
}

#[test]
fn owners_that_the_forge_asks_itself_are_not_asked_again() {
    let changes = [update("a", "1", "2")];
    let with = |asked: bool, decision: Option<&str>| {
        let mut request = request(&changes);
        request.owners = Some(Owners::parse("* @org/sre\n").unwrap());
        request.decision = decision.map(str::to_owned);
        let needed = Needed { owners_are_asked: asked, ..NEEDED };
        judged(needed, &changes, &[part(MERGE, &["a"], request)], &[]).approved()
    };
    assert!(with(true, Some("APPROVED")));
    assert!(!with(true, Some("REVIEW_REQUIRED")));
    assert!(!with(true, None));
    assert!(!with(false, Some("APPROVED")));
}

/// The examples of GitHub's own page on code owners, and what it says of each.
#[test]
fn owners_are_read_as_the_forge_documents_it() {
    let table: [(&str, &[&str], &[&str]); 12] = [
        ("*", &["a", "b/c/d.js"], &[]),
        ("/*", &["a", "b.js"], &["b/c", "b/c/d.js"]),
        ("*.js", &["a.js", "b/c/d.js"], &["a.ts"]),
        ("/build/logs/", &["build/logs/a", "build/logs/b/c"], &["x/build/logs/a", "build/logs"]),
        ("docs/*", &["docs/getting-started.md"], &["docs/build-app/troubleshooting.md", "x/docs/a.md"]),
        ("apps/", &["apps/a", "x/apps/b/c"], &["apps"]),
        ("/docs/", &["docs/a", "docs/b/c"], &["x/docs/a"]),
        ("/scripts/", &["scripts/a"], &["x/scripts/a"]),
        ("**/logs", &["build/logs/a", "deeply/nested/logs/b/c", "logs"], &["logsx"]),
        ("/apps/github", &["apps/github", "apps/github/a"], &["x/apps/github"]),
        ("a\\ b.lua", &["a b.lua", "x/a b.lua"], &["a"]),
        ("{a,b}.lua", &["{a,b}.lua"], &["a.lua"]),
    ];
    for (pattern, owned, others) in table {
        let owners = Owners::parse(&format!("{pattern} @ann # a comment\n")).unwrap();
        for path in owned {
            assert_eq!(owners.of(path), ["@ann"], "{pattern} {path}");
        }
        for path in others {
            assert!(owners.of(path).is_empty(), "{pattern} {path}");
        }
    }
    // The last that fits counts, and one without owners takes them away.
    let owners = Owners::parse("# first\n* @ann\n\n/apps/ @bob @org/Team\n/apps/github\n").unwrap();
    assert_eq!(owners.of("a"), ["@ann"]);
    assert_eq!(owners.of("apps/a"), ["@bob", "@org/Team"]);
    assert!(owners.of("apps/github/a").is_empty());
    assert_eq!(owners.teams(), ["@org/team"]);
    // GitHub leaves such lines out; here nobody may pass by them.
    assert_eq!(Owners::parse("* @ann\n!x @bob\n"), Err((2, "!x @bob".to_owned())));
    assert!(Owners::parse("[ab].lua @bob\n").is_err());
}

#[test]
fn an_environment_approves_the_very_commit() {
    let hands = [Hand { commit: HEAD.into(), login: Some("ann".into()), named: "Ann".into() }];
    let said = |login: &str, state: &str| Deployment {
        by: person(login),
        state: state.into(),
        environments: vec!["production".into()],
    };
    let of = |said: Vec<Deployment>| Run { id: 99, head: MERGE.into(), said };
    let judge = |run: &Run, hands: &[Hand]| environment(1, "production", MERGE, run, hands);
    assert!(judge(&of(vec![said("bob", "approved")]), &hands).approved());
    let refused: [(Run, &str); 6] = [
        (of(vec![]), ""),
        (of(vec![said("ann", "approved")]), "ann has a hand in"),
        (of(vec![said("bob", "approved"), said("zoe", "rejected")]), "rejected"),
        (of(vec![Deployment { environments: vec!["staging".into()], ..said("bob", "approved") }]), ""),
        (of(vec![Deployment { by: None, ..said("bob", "approved") }]), "account that is gone"),
        (Run { head: HEAD.into(), ..of(vec![said("bob", "approved")]) }, "the run is of aaaaaaaaa"),
    ];
    for (run, why) in refused {
        let verdict = judge(&run, &hands);
        assert!(!verdict.approved(), "{run:?}");
        assert!(words(&verdict).contains(why), "{run:?}: {}", words(&verdict));
    }
    let unknown = [Hand { login: None, ..hands[0].clone() }];
    assert!(!judge(&of(vec![said("bob", "approved")]), &unknown).approved());
}
