//! Plans that say what is not so, and approvals of another time: what a signer is told, and what an
//! old signature is worth.

use super::approval::{approve, guarded, planned};
use super::{Site, altered, policy};
use luascale::change::plan::{Meaning, Plan};
use std::fs;

/// A guarded site, with a change to be planned, and its plan.
fn proposed() -> Site {
    let site = guarded();
    site.change("web.lua", &policy("web", 999));
    planned(&site, "plan.json");
    site
}

fn sealed(plan: Plan) -> Plan {
    plan.sealed(jiff::Timestamp::now())
}

#[test]
fn a_signer_reads_what_is_planned_here_and_not_what_a_plan_says() {
    let site = proposed();
    altered(&site, "plan.json", "forged.json", |mut plan| {
        let web = plan.policies.iter_mut().find(|policy| policy.id == "web").unwrap();
        let text = "replicas.max: 11 → 12".to_owned();
        web.meaning = vec![Meaning { class: "cosmetic".into(), classes: vec![], change: None, text }];
        sealed(plan)
    });
    let ran = site.run(&["show", "forged.json"]).expect(1);
    let first = ran.stdout.lines().next().unwrap_or_default();
    assert_eq!(first, "not verified: it says something else than what is planned here");
    ran.says("it says \"replicas.max: 11 → 12\"").says("what the change means is \"replicas.max: ");
    let ran = site.run(&["approve", "forged.json", "--key", "zoe.json"]).expect(1);
    ran.says("refused: nothing was signed").says("up to 988 more replicas");
    assert!(!site.0.path().join("forged.json.approvals").exists());
    for format in ["markdown", "json"] {
        let ran = site.run(&["show", "forged.json", "--format", format]).expect(1);
        ran.says("not verified: it says something else");
    }
    // As it was made, it is verified, and signed in words that were found here.
    let ran = site.run(&["show", "plan.json"]).expect(0);
    ran.says("verified: planned again from").says("up to 988 more replicas");
    let ran = site.run(&["approve", "plan.json", "--key", "zoe.json"]).expect(0);
    assert!(ran.stdout.contains("up to 988 more replicas"), "{}", ran.stdout);
}

#[test]
fn what_cannot_be_planned_again_is_not_verified_and_not_signed() {
    let site = proposed();
    let outside = super::support::Folder::with(&[("plan.json", &site.0.read("plan.json"))]);
    let key = site.0.path().join("zoe.json").display().to_string();
    let ran = outside.luascale(&["show", "plan.json"]).expect(0);
    assert!(ran.stdout.starts_with("not verified: "), "{}", ran.stdout);
    ran.says("is in no git repository");
    outside.luascale(&["approve", "plan.json", "--key", &key]).expect(64).says("is in no git repository");
    // What ssh-keygen signs is there all the same.
    let digest = outside.luascale(&["show", "plan.json", "--changes-digest"]).expect(0).stdout;
    assert!(digest.starts_with("sha256:"), "{digest}");
    // Another commit is checked out.
    site.git(&["checkout", "-q", "HEAD~1"]);
    let ran = site.run(&["show", "plan.json"]).expect(0);
    assert!(ran.stdout.starts_with("not verified: it says something else"), "{}", ran.stdout);
    ran.says("and HEAD is");
    site.run(&["approve", "plan.json", "--key", "zoe.json"]).expect(1).says("nothing was signed");
    assert!(!site.0.path().join("plan.json.approvals").exists());
}

#[test]
fn a_plan_lasts_a_week_from_a_day_that_has_come() {
    let site = proposed();
    altered(&site, "plan.json", "long.json", |plan| {
        let mut value = serde_json::to_value(sealed(plan)).unwrap();
        value["expires"] = "2999-01-01T00:00:00Z".into();
        resealed(value)
    });
    for args in
        [&["show", "long.json"][..], &["approve", "long.json", "--key", "zoe.json"], &["apply", "long.json"]]
    {
        site.run(args).expect(64).says("may be applied for longer than seven days");
    }
    let later = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(24 * 365);
    altered(&site, "plan.json", "later.json", |plan| plan.sealed(later));
    site.run(&["approve", "later.json", "--key", "zoe.json"]).expect(64).says("still to come");
    site.run(&["apply", "later.json"]).expect(1).says("still to come");
    assert_eq!(site.max("web"), Some(11));
}

/// With the digest that it has now.
fn resealed(mut value: serde_json::Value) -> Plan {
    value.as_object_mut().unwrap().remove("sha256");
    let digest =
        luascale::change::canonical::sha256(luascale::change::canonical::canonical(&value).as_bytes());
    value["sha256"] = digest.into();
    serde_json::from_value(value).unwrap()
}

#[test]
fn how_much_may_be_deleted_is_approved_too() {
    let site = guarded();
    site.git(&["rm", "-q", "api.lua"]);
    site.commit("ann", "no api");
    site.run(&["plan", "-o", "plan.json", "--allow-prune", "1"]).expect(0).says("it allows 1 deletion");
    approve(&site, "plan.json", "zoe");
    altered(&site, "plan.json", "more.json", |plan| sealed(Plan { allow_prune: Some(50), ..plan }));
    site.run(&["show", "more.json"]).expect(0).says("it allows 50 deletions");
    fs::rename(site.0.path().join("plan.json.approvals"), site.0.path().join("more.json.approvals")).unwrap();
    site.run(&["apply", "more.json"]).expect(1).says("does not sign these changes");
    fs::rename(site.0.path().join("more.json.approvals"), site.0.path().join("plan.json.approvals")).unwrap();
    site.run(&["apply", "plan.json"]).expect(0);
    assert_eq!(site.max("api"), None);
}

#[test]
fn an_approval_is_used_once() {
    let site = proposed();
    approve(&site, "plan.json", "zoe");
    site.run(&["apply", "plan.json"]).expect(0);
    site.run(&["rollback"]).expect(0);
    // Git goes back too, so nothing is held any more; then ann proposes just the same again.
    site.change("web.lua", &policy("web", 11));
    site.run(&["apply"]).expect(0).says("no longer held");
    site.change("web.lua", &policy("web", 999));
    let ran = site.run(&["apply", "plan.json"]).expect(1);
    ran.says("what is live was put there anew by generation 3 since it was planned");
    planned(&site, "again.json");
    let approvals = |name: &str| site.0.path().join(format!("{name}.approvals"));
    fs::rename(approvals("plan.json"), approvals("again.json")).unwrap();
    site.run(&["apply", "again.json"]).expect(1).says("does not sign these changes");
    assert_eq!(site.max("web"), Some(11));
    approve(&site, "again.json", "zoe");
    site.run(&["apply", "again.json"]).expect(0);
    // Taken back by a change that was approved, and proposed a third time.
    site.change("web.lua", &policy("web", 11));
    planned(&site, "back.json");
    approve(&site, "back.json", "zoe");
    site.run(&["apply", "back.json"]).expect(0);
    site.change("web.lua", &policy("web", 999));
    planned(&site, "third.json");
    fs::rename(approvals("again.json"), approvals("third.json")).unwrap();
    site.run(&["apply", "third.json"]).expect(1).says("does not sign these changes");
    assert_eq!(site.max("web"), Some(11));
}

#[test]
fn what_was_created_and_taken_away_is_created_by_an_approval_of_its_own() {
    let site = guarded();
    site.change("new.lua", &policy("new", 5));
    planned(&site, "plan.json");
    approve(&site, "plan.json", "zoe");
    site.run(&["apply", "plan.json"]).expect(0);
    site.run(&["rollback"]).expect(0);
    site.git(&["rm", "-q", "new.lua"]);
    site.commit("ann", "no new");
    site.run(&["apply"]).expect(0);
    site.change("new.lua", &policy("new", 5));
    site.run(&["apply", "plan.json"]).expect(1).says("put there anew by generation 3");
    planned(&site, "again.json");
    let approvals = |name: &str| site.0.path().join(format!("{name}.approvals"));
    fs::rename(approvals("plan.json"), approvals("again.json")).unwrap();
    site.run(&["apply", "again.json"]).expect(1).says("does not sign these changes");
    assert_eq!(site.max("new"), None);
}
