//! Approvals as `apply` takes them: whose, of what, from when on.

use super::{CONFIG, Site, policy};
use std::process::Command;

/// A site where one person has to approve, with the keys of ann (who writes) and zoe.
pub fn guarded() -> Site {
    let site = Site::new();
    for who in ["ann", "zoe", "eve"] {
        key(&site, who);
    }
    site.0.write("luascale.yaml", format!("{CONFIG}approval: {{ branch: main, reviews: 1 }}\n").as_bytes());
    site.0.write("allowed_signers", (signer(&site, "ann") + &signer(&site, "zoe")).as_bytes());
    site.commit("ann", "guard");
    // What is live begins with the guarded state, signed by zoe.
    site.0.write("web.lua", policy("web", 11).as_bytes());
    site.commit("ann", "begin");
    planned(&site, "begin.json");
    approve(&site, "begin.json", "zoe");
    site.run(&["apply", "begin.json"]).expect(0);
    site
}

pub fn key(site: &Site, who: &str) {
    let path = site.0.path().join(format!("{who}.json"));
    let made = Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-C", who, "-f"])
        .arg(&path)
        .output();
    assert!(made.unwrap().status.success());
    // Out of git by its name; the public half is in the list of signers.
    std::fs::rename(path.with_extension("json.pub"), site.0.path().join(format!("{who}.pub.json"))).unwrap();
}

pub fn signer(site: &Site, who: &str) -> String {
    format!("{who}@example.com namespaces=\"luascale\" {}", site.0.read(&format!("{who}.pub.json")))
}

pub fn planned(site: &Site, to: &str) {
    site.run(&["plan", "-o", to]).expect(0);
}

/// Signs; only what zoe signs counts.
pub fn approve(site: &Site, plan: &str, who: &str) {
    let ran = site.run(&["approve", plan, "--key", &format!("{who}.json")]);
    ran.expect(if who == "zoe" { 0 } else { 1 });
}

#[test]
fn it_takes_somebody_else_s_approval_of_exactly_these_changes() {
    let site = guarded();
    site.change("web.lua", &policy("web", 20));
    site.run(&["apply"]).expect(1).says("nobody approved it").says("luascale approve plan.json");
    planned(&site, "plan.json");
    site.run(&["apply", "plan.json"]).expect(1).says("nobody approved it");
    approve(&site, "plan.json", "ann");
    site.run(&["apply", "plan.json"]).expect(1).says("an author's own approval does not count");
    approve(&site, "plan.json", "eve");
    site.run(&["apply", "plan.json"]).expect(1).says("is not among the signers of the base");
    assert_eq!(site.max("web"), Some(11));
    approve(&site, "plan.json", "zoe");
    let ran = site.run(&["apply", "plan.json"]).expect(0);
    ran.says("approved by zoe@example.com (SHA256:");
    assert_eq!(site.max("web"), Some(20));
    site.run(&["ledger", "show", "--last", "1"]).expect(0).says("approved by zoe@example.com");
}

#[test]
fn what_was_amended_after_its_approval_is_refused() {
    let site = guarded();
    site.change("web.lua", &policy("web", 20));
    planned(&site, "plan.json");
    approve(&site, "plan.json", "zoe");
    site.change("web.lua", &policy("web", 200));
    site.run(&["apply", "plan.json"]).expect(1).says("web: version").says("git has version");
    // With the old signatures beside a new plan.
    planned(&site, "amended.json");
    let approvals = |name: &str| site.0.path().join(format!("{name}.approvals"));
    std::fs::rename(approvals("plan.json"), approvals("amended.json")).unwrap();
    site.run(&["apply", "amended.json"]).expect(1).says("they were amended after it was made");
    assert_eq!(site.max("web"), Some(11));
}

#[test]
fn a_key_that_the_change_adds_does_not_count_yet() {
    let site = guarded();
    let signers = signer(&site, "ann") + &signer(&site, "zoe") + &signer(&site, "eve");
    site.0.write("allowed_signers", signers.as_bytes());
    site.0.write("web.lua", policy("web", 20).as_bytes());
    site.commit("ann", "more room, and one more signer");
    planned(&site, "plan.json");
    approve(&site, "plan.json", "eve");
    site.run(&["apply", "plan.json"]).expect(1).says("added to the signers by this very change");
    assert_eq!(site.max("web"), Some(11));
}

#[test]
fn what_governs_a_target_is_kept_there() {
    let site = guarded();
    // Another history, another base, a target named by hand: the target still asks for approval.
    site.git(&["checkout", "-q", "--orphan", "other"]);
    site.git(&["rm", "-q", "-f", "allowed_signers"]);
    site.change("luascale.yaml", CONFIG);
    site.change("web.lua", &policy("web", 666));
    site.run(&["apply"]).expect(64).says("no commit in common");
    let named = &["apply", "--base", "HEAD~1", "--target", "directory:live"][..];
    for args in [&["apply", "--base", "HEAD"], &["apply", "--base", "HEAD~1"], named] {
        site.run(args).expect(1).says("needs the approval of 1 person").says("HEAD is not on main");
    }
    // Under another name, an author's key is not the one that was listed.
    site.git(&["checkout", "-q", "main"]);
    site.change("allowed_signers", &(signer(&site, "ann").replace("ann@", "bob@") + &signer(&site, "zoe")));
    site.change("web.lua", &policy("web", 666));
    planned(&site, "plan.json");
    approve(&site, "plan.json", "ann");
    site.run(&["apply", "plan.json"]).expect(1).says("so it does not count yet");
    assert_eq!(site.max("web"), Some(11));
}

#[test]
fn who_has_to_approve_is_changed_by_an_approved_change_alone() {
    let site = guarded();
    site.change("web.lua", &policy("web", 20));
    planned(&site, "plan.json");
    approve(&site, "plan.json", "zoe");
    // What was approved said nothing of it.
    site.change("luascale.yaml", CONFIG);
    site.run(&["apply", "plan.json"]).expect(1).says("who has to approve is changed");
    let ran = site.run(&["plan", "-o", "open.json"]).expect(0);
    assert!(ran.stdout.contains("it changes who has to approve: approval: 1 → none"), "{}", ran.stdout);
    site.run(&["apply", "open.json"]).expect(1).says("nobody approved it");
    assert_eq!(site.max("web"), Some(11));
    approve(&site, "open.json", "zoe");
    site.run(&["apply", "open.json"]).expect(0);
    site.change("web.lua", &policy("web", 30));
    site.run(&["apply"]).expect(0);
    assert_eq!(site.max("web"), Some(30));
}

#[test]
fn a_target_that_git_has_is_not_used() {
    let site = Site::new();
    site.run(&["apply"]).expect(0);
    // A journal that comes by a commit would be taken up by the next run.
    site.0.write("live/journal.json", b"{}");
    site.git(&["add", "-f", "live/journal.json"]);
    for args in [&["apply"][..], &["rollback"], &["drift"]] {
        site.run(args).expect(64).says("live is in git: what is committed there would be trusted");
    }
    site.git(&["rm", "-q", "-f", "live/journal.json"]);
    site.run(&["apply"]).expect(0);
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink("live", site.0.path().join("link")).unwrap();
        site.run(&["apply", "--target", "directory:link/"]).expect(64).says("link is a link");
    }
}
