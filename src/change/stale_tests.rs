use super::*;
use crate::change::plan::tests::plan;
use crate::change::plan::{Behaviour, Lint, Meaning};

const NOW: &str = "2026-11-26T12:00:00Z";

fn said(kept: &Plan, now: &Plan, time: &str) -> String {
    match agreement(kept, now, time.parse().unwrap()) {
        Agreement::Fresh => "fresh".into(),
        Agreement::Applied => "applied".into(),
        Agreement::Stale(why) => why.join("\n"),
    }
}

#[test]
fn a_plan_of_the_same_changes_is_fresh_whatever_commit_they_come_from() {
    let kept = plan(&[("web", "1")], &[("web", "2")]);
    let mut now = kept.clone();
    now.git.head = "b".repeat(40);
    now.target.serial = 9;
    assert_eq!(said(&kept, &now, NOW), "fresh");
    // Other policies are of another plan.
    let now = plan(&[("web", "1"), ("db", "1")], &[("web", "2"), ("db", "2")]);
    assert_eq!(said(&kept, &now, NOW), "fresh");
}

#[test]
fn what_is_live_already_is_applied_even_late() {
    let kept = plan(&[("web", "1"), ("gone", "1")], &[("web", "2")]);
    let now = plan(&[("web", "2")], &[("web", "2")]);
    assert_eq!(said(&kept, &now, "2027-01-01T00:00:00Z"), "applied");
    // Half of it is: the rest is to be done.
    let half = plan(&[("web", "2"), ("gone", "1")], &[("web", "2")]);
    assert_eq!(said(&kept, &half, NOW), "fresh");
}

#[test]
fn every_reason_is_told() {
    let kept = plan(&[("web", "1")], &[("web", "2")]);
    let mut moved = plan(&[("web", "1")], &[("web", "3")]);
    moved.git.head = "b".repeat(40);
    assert!(said(&kept, &moved, NOW).contains("the head moved from aaaaaaaaa to bbbbbbbbb"));
    let drifted = plan(&[("web", "x")], &[("web", "2")]);
    assert!(said(&kept, &drifted, NOW).contains("was live when it was planned"));
    let gone = plan(&[("web", "1")], &[]);
    assert!(said(&kept, &gone, NOW).contains("git has no version"));
    assert!(said(&kept, &kept, "2026-12-02T12:00:00Z").contains("expired at 2026-12-02 12:00:00 UTC"));
    let mut elsewhere = kept.clone();
    elsewhere.target.identity = "another".into();
    assert!(said(&kept, &elsewhere, NOW).contains("another target: the directory a-lineage"));
    let mut ruled = kept.clone();
    ruled.tool.rules = "other".into();
    assert!(said(&kept, &ruled, NOW).contains("another rule set"));
    let mut configured = kept.clone();
    configured.config = Some("other".into());
    assert!(said(&kept, &configured, NOW).contains("configuration of its base"));
    // Replayed after a rollback: live is what it was before the plan, and yet it is not done.
    let mut held = kept.clone();
    held.policies[0].held = Some(6);
    held.policies[0].op = Op::None;
    assert!(said(&kept, &held, NOW).contains("rolled back by generation 6"));
}

#[test]
fn what_was_taken_back_and_what_is_still_to_come_is_not_done() {
    let mut kept = plan(&[("web", "1")], &[("web", "2")]);
    kept.policies[0].since = Some(1);
    let mut back = kept.clone();
    back.policies[0].since = Some(3);
    assert!(said(&kept, &back, NOW).contains("put there anew by generation 3 since it was planned"));
    // Clocks differ by minutes, and not by hours.
    assert_eq!(said(&kept, &kept, "2026-11-25T11:55:00Z"), "fresh");
    assert!(said(&kept, &kept, "2026-11-25T11:54:59Z").contains("which is still to come"));
}

#[test]
fn whoever_signs_is_told_what_is_so() {
    let kept = plan(&[("web", "1")], &[("web", "2")]);
    let mut truth = kept.clone();
    assert_eq!(differing(&kept, &truth), [""; 0]);
    let meaning = |text: &str| Meaning {
        class: "loosens".into(),
        classes: vec!["loosens".into()],
        change: None,
        text: text.into(),
    };
    truth.policies[0].meaning = vec![meaning("replicas.max: up to 990 more")];
    let mut forged = kept.clone();
    forged.policies[0].meaning = vec![meaning("a comment")];
    let why = differing(&forged, &truth);
    assert_eq!(
        why,
        ["web: what the change means is \"replicas.max: up to 990 more\", and it says \"a comment\""]
    );
    let silent = plan(&[("web", "1")], &[("web", "2"), ("db", "1")]);
    assert_eq!(differing(&kept, &silent), ["db: it says nothing of create db"]);
    let other = plan(&[("web", "1")], &[("web", "3")]);
    assert!(
        differing(&kept, &other)[0].starts_with("web: it says update, version "),
        "{:?}",
        differing(&kept, &other)
    );
    assert_eq!(differing(&silent, &kept), ["db: it says create, and there is nothing to do"]);
    type Forge = fn(&mut Plan);
    let words: [(Forge, &str); 5] = [
        (|plan| plan.policies[0].path = "other.lua".into(), "its file is"),
        (|plan| plan.policies[0].lint = None, "what `check` finds"),
        (|plan| plan.policies[0].behaviour = None, "what the change does"),
        (|plan| plan.allow_prune = Some(7), "its changes are not those"),
        (|plan| plan.target.identity = "another".into(), "another target"),
    ];
    let mut truth = kept.clone();
    truth.policies[0].lint = Some(Lint { errors: 0, warnings: 0, notes: 0, digest: "d".into() });
    truth.policies[0].behaviour = Some(Behaviour { input: "i".into(), summary: vec!["the same".into()] });
    for (change, said) in words {
        let mut forged = truth.clone();
        change(&mut forged);
        let forged = forged.sealed("2026-11-25T12:00:00Z".parse().unwrap());
        let why = differing(&forged, &truth);
        assert!(why.len() == 1 && why[0].contains(said), "{said}: {why:?}");
    }
}
