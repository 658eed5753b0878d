//! Going back more than once, and what is left of a rollback afterwards.

use super::support::Folder;
use super::{CONFIG, Site, policy};
use std::fs;

/// Generations whose policy web has these ceilings.
fn applied(ceilings: &[u32]) -> Site {
    let site = Site::new();
    for max in ceilings {
        site.change("web.lua", &policy("web", *max));
        site.run(&["apply"]).expect(0);
    }
    site
}

#[test]
fn a_second_rollback_goes_further_back() {
    let site = applied(&[11, 12, 13]);
    let ran = site.run(&["rollback"]).expect(0);
    ran.says("Rolled back to generation 2").says("forth again: luascale rollback --to 3");
    assert_eq!(site.max("web"), Some(12));
    // Not to the generation before in number, which is what was just gone away from.
    let ran = site.run(&["rollback"]).expect(0);
    ran.says("Rolled back to generation 1").says("now at generation 5");
    assert_eq!(site.max("web"), Some(11));
    let ran = site.run(&["rollback"]).expect(64);
    ran.says("there is none before it that had other policies")
        .says("luascale rollback --to N")
        .says("1 to 4");
    // Forth again by its number; a number of a rollback is said by what it was.
    site.run(&["rollback", "--to", "3"]).expect(0).says("Rolled back to generation 3");
    assert_eq!(site.max("web"), Some(13));
    let ran = site.run(&["rollback", "--to", "4"]).expect(0);
    ran.says("generation 7 is what generation 2 was");
    assert_eq!(site.max("web"), Some(12));
    let json = site.run(&["rollback", "--to", "5", "--format", "json"]).expect(0).json();
    assert_eq!((&json["rollback_of"], &json["is"]), (&5.into(), &1.into()));
}

#[test]
fn a_generation_that_only_ended_a_hold_is_passed_over() {
    let site = applied(&[11, 12]);
    site.run(&["rollback"]).expect(0);
    site.change("web.lua", &policy("web", 11));
    site.run(&["apply"]).expect(0).says("web is no longer held").says("generation 4");
    // What is live is what generation 1 was: the one after it is not "before".
    site.run(&["rollback"]).expect(64).says("there is none before it");
    assert_eq!(site.max("web"), Some(11));
}

#[test]
fn a_hold_on_what_is_gone_ends_in_a_root_of_its_own_too() {
    let site = Site(Folder::with(&[
        ("a/luascale.yaml", CONFIG),
        ("a/lib/shared.lua", "return { cpu = 0.6 }\n"),
        ("a/web.lua", &policy("web", 10)),
        ("b/luascale.yaml", CONFIG),
        ("b/lib/shared.lua", "return { cpu = 0.6 }\n"),
        ("b/api.lua", &policy("api", 10)),
    ]));
    site.git(&["init", "-q", "-b", "main"]);
    site.commit("ann", "begin");
    site.run(&["apply", "a"]).expect(0);
    site.0.write("a/new.lua", policy("new", 10).as_bytes());
    site.git(&["add", "a/new.lua"]);
    site.git(&["commit", "-q", "-m", "new"]);
    site.run(&["apply", "a"]).expect(0).says("+ create  new");
    let back = ["rollback", "--target", "directory:a/live"];
    site.run(&back).expect(0).says("- delete  new").says("new is held");
    site.git(&["rm", "-q", "a/new.lua"]);
    site.git(&["commit", "-q", "-m", "no new"]);
    site.run(&["apply", "a"]).expect(0).says("new is no longer held");
}

#[test]
fn where_a_folder_stands_in_the_place_of_current_it_is_said_what_to_do() {
    let site = applied(&[11, 12]);
    let current = site.0.path().join("live/current");
    fs::remove_file(&current).unwrap();
    fs::create_dir(&current).unwrap();
    for args in [&["apply"][..], &["drift"], &["rollback"], &["rollback", "--to", "1"]] {
        let ran = site.run(args).expect(3);
        ran.says("live/current is a folder and no link any more");
        ran.says("move it away, then luascale rollback --to N makes a generation live again")
            .says("kept: 1, 2");
    }
    fs::rename(&current, site.0.path().join("live/.theirs")).unwrap();
    site.run(&["rollback", "--to", "2"]).expect(0);
    assert_eq!(site.max("web"), Some(12));
}

fn scaling(name: &str, max: u32) -> String {
    let with = "target = kubernetes.deployment { namespace = \"shop\", name = \"llm\" },\n  replicas = {";
    policy(name, max).replacen("replicas = {", with, 1)
}

#[test]
fn what_is_live_outside_of_the_paths_may_scale_the_same() {
    let site = Site::new();
    site.change("llm.lua", &scaling("llm", 10));
    site.run(&["apply"]).expect(0);
    site.change("vllm.lua", &scaling("vllm", 10));
    let said = "warning: llm and vllm scale the same target";
    for paths in [&[][..], &["vllm.lua"], &["vllm.lua", "web.lua"]] {
        site.run(&[&["plan"][..], paths].concat()).expect(0).says(said);
    }
    let ran = site.run(&["plan", "web.lua"]).expect(0);
    assert!(!ran.stderr.contains("scale the same"), "{}", ran.stderr);
    site.run(&["plan", "vllm.lua", "-o", "plan.json"]).expect(0);
    site.run(&["apply", "plan.json"]).expect(0).says(said);
}
