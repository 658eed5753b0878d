//! Whose approval of a change does not count, since they had a hand in it: in whatever order and
//! in however many parts it comes.

use super::approval::{approve, guarded, planned, signer};
use super::{CONFIG, Site, policy};

/// Writes a file and commits it as somebody.
fn write(site: &Site, who: &str, path: &str, text: &str) {
    site.0.write(path, text.as_bytes());
    site.commit(who, &format!("change {path}"));
}

/// Plans some paths, has zoe approve it, and applies it.
fn partly(site: &Site, path: &str) {
    site.run(&["plan", path, "-o", "part.json"]).expect(0);
    site.run(&["approve", "part.json", "--key", "zoe.json"]).expect(0);
    site.run(&["apply", "part.json"]).expect(0);
}

#[track_caller]
fn own(site: &Site, who: &str) {
    planned(site, "own.json");
    site.run(&["approve", "own.json", "--key", &format!("{who}.json")]).expect(1);
    let ran = site.run(&["apply", "own.json"]).expect(1);
    ran.says("an author's own approval does not count");
}

#[test]
fn a_part_that_was_applied_leaves_the_authors_of_the_rest_its_authors() {
    let site = guarded();
    write(&site, "ann", "api.lua", &policy("api", 666));
    write(&site, "bob", "web.lua", &policy("web", 20));
    partly(&site, "web.lua");
    assert_eq!((site.max("web"), site.max("api")), (Some(20), Some(10)));
    // The commit that is live is after ann's change, and api was applied before it.
    site.run(&["plan"]).expect(0).says("replicas.max: 10 → 666");
    own(&site, "ann");
    assert_eq!(site.max("api"), Some(10));
    // A part of it again, in another commit, and after a rollback.
    write(&site, "bob", "web.lua", &policy("web", 30));
    partly(&site, "web.lua");
    site.run(&["rollback"]).expect(0);
    write(&site, "bob", "web.lua", &policy("web", 31));
    own(&site, "ann");
    approve(&site, "own.json", "zoe");
    site.run(&["apply", "own.json"]).expect(0);
    assert_eq!((site.max("web"), site.max("api")), (Some(31), Some(666)));
    // Now it is live, and what comes next is of those who write it.
    write(&site, "bob", "api.lua", &policy("api", 20));
    planned(&site, "next.json");
    site.run(&["approve", "next.json", "--key", "ann.json"]).expect(0);
    site.run(&["apply", "next.json"]).expect(0);
    assert_eq!(site.max("api"), Some(20));
}

#[test]
fn a_deletion_and_what_is_required_have_authors_too() {
    let site = guarded();
    site.git(&["rm", "-q", "api.lua"]);
    site.commit("ann", "no api");
    write(&site, "bob", "web.lua", &policy("web", 20));
    partly(&site, "web.lua");
    site.run(&["plan", "-o", "own.json", "--allow-prune", "1"]).expect(0);
    site.run(&["approve", "own.json", "--key", "ann.json"]).expect(1).says("author's own approval");
    site.run(&["apply", "own.json"]).expect(1).says("author's own approval");
    approve(&site, "own.json", "zoe");
    site.run(&["apply", "own.json"]).expect(0);
    // Back again under its old text, by somebody else: ann's hand in it was live once, bob's was not.
    write(&site, "bob", "api.lua", &policy("api", 10));
    planned(&site, "back.json");
    site.run(&["approve", "back.json", "--key", "ann.json"]).expect(0);
    site.run(&["apply", "back.json"]).expect(0);
    // A module that both require; of its two readers one is applied.
    write(&site, "ann", "lib/shared.lua", "return { cpu = 0.9 }\n");
    write(&site, "bob", "web.lua", &policy("web", 21));
    partly(&site, "web.lua");
    own(&site, "ann");
    assert!(!site.live("api/lib/shared.lua").contains("0.9"));
}

#[test]
fn what_was_never_live_has_the_authors_of_its_whole_history() {
    let site = guarded();
    write(&site, "ann", "drafts/new.lua.txt", &policy("new", 666));
    write(&site, "bob", "api.lua", &policy("api", 11));
    partly(&site, "api.lua");
    // Its name and the commit at hand are bob's, what is in it is ann's.
    site.git(&["mv", "drafts/new.lua.txt", "new.lua"]);
    site.commit("bob", "begin new");
    own(&site, "ann");
    assert_eq!(site.max("new"), None);
}

#[test]
fn an_entry_of_a_script_has_its_own_authors() {
    let site = guarded();
    let config = |max: u32, on: &str| {
        format!(
            "{CONFIG}approval: {{ branch: main, reviews: 1 }}\nlint: {{ fail_on: {on} }}\npolicies:\n  gpu.lua:\n    \
             replicas: {{ min: 1, max: {max} }}\n    metrics: {{ cpu: {{ prometheus: {{ query: cpu, unit: ratio, per: replica }} }} }}\n"
        )
    };
    site.0.write("gpu.lua", b"return function(now) return { replicas = 2 } end\n");
    write(&site, "bob", "luascale.yaml", &config(4, "error"));
    let ran = site.run(&["plan", "-o", "first.json"]).expect(0);
    ran.says("create  gpu");
    approve(&site, "first.json", "zoe");
    site.run(&["apply", "first.json"]).expect(0);
    // ann raises the ceiling of the script; bob changes something else in the same file.
    write(&site, "ann", "luascale.yaml", &config(400, "error"));
    write(&site, "bob", "web.lua", &policy("web", 20));
    partly(&site, "web.lua");
    own(&site, "ann");
    approve(&site, "own.json", "zoe");
    site.run(&["apply", "own.json"]).expect(0);
    write(&site, "ann", "luascale.yaml", &config(400, "warning"));
    write(&site, "bob", "web.lua", &policy("web", 21));
    partly(&site, "web.lua");
    write(&site, "bob", "gpu.lua", "return function(now) return { replicas = 3 } end\n");
    planned(&site, "next.json");
    site.run(&["approve", "next.json", "--key", "ann.json"]).expect(0);
}

#[test]
fn who_committed_it_and_who_has_a_tag_in_the_address_wrote_it_too() {
    let site = guarded();
    // Written by bob, and committed by ann.
    site.0.write("web.lua", policy("web", 20).as_bytes());
    site.git(&["add", "-A"]);
    site.git_as("ann", &["commit", "-q", "--author", "bob <bob@example.com>", "-m", "on behalf of bob"]);
    own(&site, "ann");
    approve(&site, "own.json", "zoe");
    site.run(&["apply", "own.json"]).expect(0);
    // By ann, with an address that she made up.
    site.0.write("web.lua", policy("web", 30).as_bytes());
    site.git(&["add", "-A"]);
    site.git_as("bob", &["commit", "-q", "--author", "A. <ann+work@example.com>", "-m", "more"]);
    own(&site, "ann");
    // A forge that pressed the button wrote nothing.
    approve(&site, "own.json", "zoe");
    site.run(&["apply", "own.json"]).expect(0);
    site.0.write("web.lua", policy("web", 31).as_bytes());
    site.git(&["add", "-A"]);
    let author = ["--author", "bob <bob@example.com>"];
    site.git_by(
        "GitHub",
        "noreply@github.com",
        &[&["commit", "-q", "-m", "by a button"][..], &author].concat(),
    );
    planned(&site, "next.json");
    site.run(&["approve", "next.json", "--key", "ann.json"]).expect(0);
}

#[test]
fn where_history_is_cut_nobody_is_taken_for_somebody_else() {
    let site = guarded();
    write(&site, "ann", "api.lua", &policy("api", 666));
    write(&site, "bob", "web.lua", &policy("web", 20));
    partly(&site, "web.lua");
    write(&site, "bob", "unread.txt", "later");
    write(&site, "bob", "unread.txt", "and later");
    let inside = super::support::Folder::with(&[]);
    let (url, path) = (format!("file://{}", site.0.path().display()), inside.path().display().to_string());
    site.git(&["clone", "-q", "--depth", "3", &url, &path]);
    for who in ["ann", "zoe"] {
        inside.write(&format!("{who}.json"), site.0.read(&format!("{who}.json")).as_bytes());
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let key = inside.path().join(format!("{who}.json"));
            std::fs::set_permissions(key, std::fs::Permissions::from_mode(0o600)).unwrap();
        }
    }
    let target = format!("directory:{}", site.0.path().join("live").display());
    let plan = ["plan", "-o", "plan.json", "--target", &target];
    inside.luascale(&plan).expect(0).says("cannot be told who had a hand in the change; a fetch-depth of 0");
    for who in ["ann", "zoe"] {
        let key = format!("{who}.json");
        let ran = inside.luascale(&["approve", "plan.json", "--key", &key, "--target", &target]).expect(1);
        ran.says("a fetch-depth of 0");
    }
    inside.luascale(&["apply", "plan.json", "--target", &target]).expect(1).says("a fetch-depth of 0");
    site.git(&["-C", &path, "fetch", "-q", "--unshallow"]);
    inside
        .luascale(&["apply", "plan.json", "--target", &target])
        .expect(0)
        .says("approved by zoe@example.com");
    assert_eq!(site.max("api"), Some(666));
    assert!(signer(&site, "zoe").starts_with("zoe@"));
}
