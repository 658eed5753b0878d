//! The first apply to a target, which keeps no record yet of who has to approve: history says it.

use super::approval::{approve, guarded, key, planned, signer};
use super::support::Folder;
use super::{CONFIG, Site, policy};
use std::fs;

/// A repository that asks for an approval, and a directory that nothing was applied to.
fn fresh() -> Site {
    let site = Site::new();
    for who in ["ann", "zoe", "eve"] {
        key(&site, who);
    }
    site.0.write("luascale.yaml", format!("{CONFIG}approval: {{ branch: main, reviews: 1 }}\n").as_bytes());
    site.0.write("allowed_signers", (signer(&site, "ann") + &signer(&site, "zoe")).as_bytes());
    site.commit("ann", "guard");
    site
}

fn write(site: &Site, who: &str, path: &str, text: &str) {
    site.0.write(path, text.as_bytes());
    site.commit(who, &format!("change {path}"));
}

#[test]
fn two_commits_do_not_switch_approval_off() {
    let outside = Folder::with(&[]);
    let elsewhere = outside.path().join("live").display().to_string();
    for guarded in [guarded(), fresh()] {
        let site = guarded;
        write(&site, "ann", "web.lua", &policy("web", 666));
        write(&site, "ann", "luascale.yaml", CONFIG);
        site.git(&["rm", "-q", "allowed_signers"]);
        site.commit("ann", "no signers");
        write(&site, "ann", "luascale.yaml", &format!("apply: {{ directory: {{ path: {elsewhere} }} }}\n"));
        write(&site, "ann", "notes.txt", "so that the base names it too");
        for args in [&["apply"][..], &["apply", "--target", "directory:other"]] {
            let ran = site.run(args).expect(1);
            ran.says("it needs the approval of 1 person").says("nobody approved it");
        }
        let ran = site.run(&["plan", "-o", "plan.json"]).expect(0);
        ran.says("it changes who has to approve: approval: 1 → none").says("approval 1 person");
        site.run(&["approve", "plan.json", "--key", "ann.json"]).expect(1).says("author's own approval");
        site.run(&["apply", "plan.json"]).expect(1);
        assert!(!outside.path().join("live").exists() && !site.0.path().join("other").exists());
        // Whoever was listed then approves it still, and what it turns off is approved with it.
        approve(&site, "plan.json", "zoe");
        site.run(&["apply", "plan.json"]).expect(0).says("approved by zoe@example.com");
        fs::remove_dir_all(outside.path().join("live")).unwrap();
    }
}

#[test]
fn another_history_is_held_against_the_default_branch() {
    let site = fresh();
    site.git(&["checkout", "-q", "--orphan", "other"]);
    site.git(&["rm", "-q", "-f", "allowed_signers"]);
    write(&site, "ann", "luascale.yaml", CONFIG);
    write(&site, "ann", "web.lua", &policy("web", 666));
    for base in ["HEAD", "HEAD~1"] {
        let ran = site.run(&["apply", "--base", base]).expect(1);
        ran.says("it needs the approval of 1 person").says("HEAD is not on main");
    }
    assert!(!site.0.path().join("live").exists());
}

#[test]
fn signers_of_a_later_commit_do_not_count_yet() {
    let site = fresh();
    write(&site, "ann", "allowed_signers", &(signer(&site, "eve") + &signer(&site, "zoe")));
    write(&site, "ann", "luascale.yaml", CONFIG);
    let again = format!("{CONFIG}approval: {{ branch: main, reviews: 1 }}\n");
    write(&site, "ann", "luascale.yaml", &again);
    write(&site, "bob", "web.lua", &policy("web", 666));
    planned(&site, "plan.json");
    let ran = site.run(&["approve", "plan.json", "--key", "eve.json"]).expect(1);
    ran.says("was added to the signers after approval was first asked for here");
    site.run(&["apply", "plan.json"]).expect(1);
    approve(&site, "plan.json", "zoe");
    site.run(&["apply", "plan.json"]).expect(0);
    // From now on the target keeps its own list.
    write(&site, "bob", "web.lua", &policy("web", 12));
    planned(&site, "next.json");
    site.run(&["approve", "next.json", "--key", "eve.json"]).expect(0);
    site.run(&["apply", "next.json"]).expect(0);
    // Where no key was in all lists, nobody can.
    let site = fresh();
    write(&site, "ann", "allowed_signers", &signer(&site, "eve"));
    write(&site, "bob", "web.lua", &policy("web", 666));
    planned(&site, "plan.json");
    site.run(&["approve", "plan.json", "--key", "eve.json"])
        .expect(1)
        .says("--trust-base goes by the base alone");
    site.run(&["apply", "plan.json"]).expect(1).says("--trust-base goes by the base alone");
    site.run(&["apply", "plan.json", "--trust-base"]).expect(0).says("approved by eve@example.com");
}

#[test]
fn everybody_who_wrote_the_policies_is_an_author_at_the_first_apply() {
    let site = fresh();
    write(&site, "bob", "notes.txt", "the commit at hand");
    planned(&site, "plan.json");
    site.run(&["approve", "plan.json", "--key", "ann.json"])
        .expect(1)
        .says("author's own approval does not count");
    site.run(&["apply", "plan.json"]).expect(1);
    approve(&site, "plan.json", "zoe");
    site.run(&["apply", "plan.json"]).expect(0);
}

#[test]
fn what_overrides_history_is_a_flag_and_is_written_down() {
    let site = fresh();
    write(&site, "ann", "luascale.yaml", CONFIG);
    write(&site, "ann", "notes.txt", "so that the base has none");
    site.run(&["apply"]).expect(1).says("nobody approved it");
    let ran = site.run(&["apply", "--trust-base"]).expect(0);
    ran.says("--trust-base: history asked for the approval of 1 person").says("and was overridden");
    site.run(&["ledger", "show"]).expect(0).says("--trust-base: history asked for the approval of 1 person");
    site.run(&["ledger", "verify"]).expect(0);
    // It is kept that nobody has to: from here on there is a record.
    write(&site, "ann", "web.lua", &policy("web", 12));
    site.run(&["apply", "--trust-base"]).expect(1).says("and this one does");
    site.run(&["apply"]).expect(0);
    assert_eq!(site.max("web"), Some(12));
}

#[test]
fn a_root_that_was_renamed_has_its_history() {
    let site = Site(Folder::with(&[
        ("a/luascale.yaml", &format!("{CONFIG}approval: {{ reviews: 2 }}\n")),
        ("a/web.lua", &super::policy("web", 10).replace("shared.cpu", "0.6")),
        ("a/lib/shared.lua", "return {}\n"),
    ]));
    site.git(&["init", "-q", "-b", "main"]);
    site.commit("ann", "begin");
    site.git(&["mv", "a", "b"]);
    site.commit("ann", "another name");
    write(&site, "ann", "b/luascale.yaml", CONFIG);
    write(&site, "ann", "notes.txt", "one more");
    site.run(&["apply"]).expect(1).says("it needs the approval of 2 people");
    assert!(!site.0.path().join("b/live").exists());
}

#[test]
fn a_target_of_a_build_that_kept_no_record_goes_by_history() {
    let site = guarded();
    let live = site.0.path().join("live");
    let old = fs::read_link(live.join("current")).unwrap();
    let manifest = live.join(&old).join(".generation.json");
    let mut generation: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(&manifest).unwrap()).unwrap();
    generation.as_object_mut().unwrap().remove("applied");
    generation["origin"].as_object_mut().unwrap().remove("governed");
    let mut text = serde_json::to_string_pretty(&generation).unwrap();
    text.push('\n');
    let digest = luascale::change::canonical::sha256(text.as_bytes());
    let name = format!("000001-{}", &digest["sha256:".len()..][..12]);
    fs::write(&manifest, text).unwrap();
    fs::rename(live.join(&old), live.join("generations").join(&name)).unwrap();
    fs::remove_file(live.join("current")).unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink(format!("generations/{name}"), live.join("current")).unwrap();
    site.run(&["drift", "--detailed-exitcode"]).expect(0);
    write(&site, "ann", "web.lua", &policy("web", 666));
    write(&site, "ann", "luascale.yaml", CONFIG);
    write(&site, "ann", "notes.txt", "so that the base has none");
    site.run(&["apply"]).expect(1).says("it needs the approval of 1 person");
    write(&site, "bob", "api.lua", &policy("api", 12));
    // What was applied before is of the commit of its generation.
    site.run(&["plan", "api.lua", "-o", "plan.json"]).expect(0);
    site.run(&["approve", "plan.json", "--key", "zoe.json"]).expect(0);
    site.run(&["apply", "plan.json"]).expect(0);
    planned(&site, "rest.json");
    let ran = site.run(&["apply", "rest.json"]).expect(0);
    ran.says("update  web");
}

#[test]
fn without_history_a_first_apply_is_refused_in_a_sentence() {
    let site = Site::new();
    write(&site, "ann", "web.lua", &policy("web", 12));
    write(&site, "ann", "web.lua", &policy("web", 13));
    let inside = Folder::with(&[]);
    let (url, path) = (format!("file://{}", site.0.path().display()), inside.path().display().to_string());
    site.git(&["clone", "-q", "--depth", "2", &url, &path]);
    let ran = inside.luascale(&["apply"]).expect(1);
    ran.says("refused: nothing was applied")
        .says("this clone is shallow, so it cannot be told whether approval was ever asked for")
        .says("a fetch-depth of 0 (git fetch --unshallow) brings it, and `apply --trust-base` does without");
    assert!(ran.stderr.lines().count() <= 3, "{}", ran.stderr);
    inside.luascale(&["plan"]).expect(0).says("note: nothing was applied to this target yet that says who");
    let ran = inside.luascale(&["apply", "--trust-base"]).expect(0);
    ran.says("--trust-base: this clone has not all of history, which was not asked");
    // What was applied says who has to approve: nobody. No history is needed any more.
    inside.luascale(&["apply"]).expect(0).says("already applied");
    fs::remove_dir_all(inside.path().join("live")).unwrap();
    site.git(&["-C", &path, "fetch", "-q", "--unshallow"]);
    inside.luascale(&["apply"]).expect(0);
}
