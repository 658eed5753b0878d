//! Going back from a target that somebody else had a hand in.

use super::{Site, policy};
use std::fs;

fn scaling(name: &str, max: u32) -> String {
    let target = "replicas = {";
    let with = "target = kubernetes.deployment { namespace = \"shop\", name = \"llm\" },\n  replicas = {";
    policy(name, max).replacen(target, with, 1)
}

/// A policy that was renamed, with the target that it scales.
fn renamed() -> Site {
    let site = Site::new();
    site.change("llm.lua", &scaling("llm", 10));
    site.run(&["apply"]).expect(0);
    fs::remove_file(site.0.path().join("llm.lua")).unwrap();
    site.change("vllm.lua", &scaling("vllm", 10));
    site.run(&["apply", "--allow-prune", "1"]).expect(0);
    site
}

#[test]
fn what_was_taken_away_by_hand_is_gone_and_held_after_a_rollback() {
    let site = renamed();
    fs::remove_dir_all(site.0.path().join("live/current/vllm")).unwrap();
    let ran = site.run(&["rollback"]).expect(0);
    ran.says("+ create  llm").says("- delete  vllm").says("llm, vllm are held");
    assert!(!site.live(".generation.json").contains("\"vllm\":\"sha256:"), "it is applied still");
    site.run(&["drift", "--detailed-exitcode"]).expect(0).says("held");
    site.run(&["apply"]).expect(0).says("already applied");
    assert_eq!((site.max("llm"), site.max("vllm")), (Some(10), None));
    // Git has another version: it would scale what the one that is held scales.
    site.change("vllm.lua", &scaling("vllm", 12));
    site.run(&["plan"]).expect(1).says("vllm: it scales what llm scales, which a rollback holds live");
    site.run(&["apply"]).expect(1).says("vllm: it scales what llm scales");
    assert_eq!((site.max("llm"), site.max("vllm")), (Some(10), None));
}

#[test]
fn two_of_one_target_in_git_are_said_before_they_are_live() {
    let site = Site::new();
    site.change("llm.lua", &scaling("llm", 10));
    site.change("vllm.lua", &scaling("vllm", 10));
    site.run(&["plan"]).expect(0).says("warning: llm and vllm scale the same target");
    site.run(&["apply"]).expect(0).says("warning: llm and vllm scale the same target");
}

#[test]
fn where_the_live_generation_is_gone_an_earlier_one_can_be_made_live() {
    type Break = fn(&std::path::Path);
    let breaks: [Break; 3] = [
        |live| fs::remove_dir_all(live.join(fs::read_link(live.join("current")).unwrap())).unwrap(),
        |live| fs::remove_file(live.join("current")).unwrap(),
        #[cfg(unix)]
        |live| {
            fs::remove_file(live.join("current")).unwrap();
            std::os::unix::fs::symlink("nowhere", live.join("current")).unwrap();
        },
    ];
    for gone in breaks {
        let site = Site::new();
        for max in [10, 20, 30] {
            site.change("web.lua", &policy("web", max + 1));
            site.run(&["apply"]).expect(0);
        }
        gone(&site.0.path().join("live"));
        for command in ["drift", "plan", "apply", "rollback"] {
            site.run(&[command]).expect(3).says("luascale rollback --to N").says("kept: 1");
        }
        site.run(&["rollback", "--to", "1"]).expect(0).says("now at generation 4").says("nothing is held");
        assert_eq!((site.max("web"), site.max("api"), site.generation()), (Some(11), Some(10), 4));
        site.run(&["ledger", "verify"]).expect(0);
        site.run(&["apply"]).expect(0).says("~ update  web");
        assert_eq!(site.max("web"), Some(31));
    }
}

#[test]
fn the_way_back_names_what_can_be_gone_back_to() {
    let site = Site::new();
    for max in [10, 20, 30, 40] {
        site.change("web.lua", &policy("web", max + 1));
        site.run(&["apply"]).expect(0);
        if max == 20 {
            site.0.write("live/current/web/web.lua", policy("web", 99).as_bytes());
        }
    }
    let ran = site.run(&["rollback", "--to", "2"]).expect(3);
    ran.says("it was edited by hand").says("one can go back to 1, 3");
    site.0.write("luascale.yaml", b"apply: [");
    site.run(&["rollback"]).expect(64).says("--target directory:PATH");
    site.run(&["rollback", "--target", "directory:live"]).expect(0).says("now at generation 5");
}

#[test]
fn a_ledger_that_is_gone_is_said_to_be_gone() {
    let site = Site::new();
    site.run(&["ledger", "verify"]).expect(64).says("nothing was ever applied");
    site.run(&["ledger", "verify", "--target", "directory:none"]).expect(64).says("nothing was ever applied");
    site.run(&["ledger", "show", "--target", "directory:none"]).expect(64);
    site.run(&["ledger", "show"]).expect(0).says("nothing was done yet");
    site.run(&["apply"]).expect(0);
    fs::remove_file(site.0.path().join("live/ledger.jsonl")).unwrap();
    let said = "live/ledger.jsonl: the ledger is gone, though generation 1 was applied";
    let ran = site.run(&["ledger", "verify"]).expect(1);
    assert_eq!(ran.stdout.trim_end(), said);
    site.run(&["ledger", "show"]).expect(3).says(said);
    site.run(&["drift", "--allow-prune", "1"]).expect(64);
}
