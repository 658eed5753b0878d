use super::*;
use crate::change::plan::tests::plan;

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
    assert!(said(&kept, &moved, NOW).contains("the head moved from aaaaaaaaaaaa to bbbbbbbbbbbb"));
    let drifted = plan(&[("web", "x")], &[("web", "2")]);
    assert!(said(&kept, &drifted, NOW).contains("was live when it was planned"));
    let gone = plan(&[("web", "1")], &[]);
    assert!(said(&kept, &gone, NOW).contains("git has no version"));
    assert!(said(&kept, &kept, "2026-12-02T12:00:00Z").contains("expired at 2026-12-02T12:00:00Z"));
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
