//! What governs a namespace is kept in it: who has to approve, and where each policy came from.

use super::commands::{Site, policy};
use crate::support::Folder;
use serde_json::Value;
use std::process::Command;

const APPLY: &str = "apply: { kubernetes: { namespace: engine } }\n";

/// A site where one person has to approve, the keys outside of it, and a first apply signed by zoe.
fn guarded() -> (Site, Folder) {
    let (site, keys) = (Site::new(), Folder::with(&[]));
    let mut signers = String::new();
    for who in ["ann", "zoe"] {
        let path = keys.path().join(who);
        let made =
            Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(&path).output();
        assert!(made.unwrap().status.success());
        signers.push_str(&format!("{who}@example.com {}", keys.read(&format!("{who}.pub"))));
    }
    site.folder.write("luascale.yaml", format!("{APPLY}approval: {{ reviews: 1 }}\n").as_bytes());
    site.folder.write("allowed_signers", signers.as_bytes());
    site.folder.write("api.lua", policy(10).replace("\"web\"", "\"api\"").as_bytes());
    site.commit();
    site.folder.write("notes.txt", b"so that the base has it all");
    site.commit();
    approved(&site, &keys, &[]);
    (site, keys)
}

/// Plans paths, has zoe approve it, and applies it.
fn approved(site: &Site, keys: &Folder, paths: &[&str]) {
    let plan = keys.path().join("plan.json").display().to_string();
    let zoe = keys.path().join("zoe").display().to_string();
    site.run(&[&["plan", "-o", &plan][..], paths].concat(), "").expect(0);
    site.run(&["approve", &plan, "--key", &zoe], "").expect(0);
    site.run(&["apply", &plan], "").expect(0).says("approved by zoe@example.com");
}

/// What the live generation says of itself.
fn generation(site: &Site) -> Value {
    let maps = "/api/v1/namespaces/engine/configmaps";
    let state = site.fake.get(&format!("{maps}/luascale"));
    let name = state["data"]["generation"].as_str().unwrap().to_owned();
    let object = site.fake.get(&format!("{maps}/{name}"));
    serde_json::from_str(object["data"]["generation.json"].as_str().unwrap()).unwrap()
}

#[test]
fn no_commit_switches_off_who_has_to_approve() {
    let (site, keys) = guarded();
    let kept = generation(&site)["origin"]["governed"].clone();
    assert_eq!(kept["reviews"], 1);
    assert_eq!(kept["signers"].as_array().unwrap().len(), 2);
    // In two commits approval goes; another history, another base: the namespace still asks.
    site.folder.write("luascale.yaml", APPLY.as_bytes());
    site.commit();
    site.folder.write("web.lua", policy(666).as_bytes());
    site.commit();
    for args in [&["apply"][..], &["apply", "--base", "HEAD"], &["apply", "--trust-base"]] {
        site.run(args, "").expect(1).says("it needs the approval of 1 person");
    }
    assert_eq!(site.live(), Some(policy(10)));
    // A rollback leaves it as it is; an approved change takes it away.
    approved(&site, &keys, &[]);
    assert_eq!(site.live(), Some(policy(666)));
    assert_eq!(generation(&site)["origin"]["governed"]["reviews"], 0);
    site.run(&["rollback"], "").expect(0);
    assert_eq!(generation(&site)["origin"]["governed"]["reviews"], 0);
    site.folder.write("web.lua", policy(12).as_bytes());
    site.commit();
    site.run(&["apply"], "").expect(0);
}

#[test]
fn each_policy_keeps_where_it_came_from() {
    let (site, keys) = guarded();
    let first = site.head();
    site.folder.write("api.lua", policy(666).replace("\"web\"", "\"api\"").as_bytes());
    site.commit();
    site.folder.write("web.lua", policy(12).as_bytes());
    site.commit_as("bob");
    approved(&site, &keys, &["web.lua"]);
    let second = site.head();
    let applied = generation(&site)["applied"].clone();
    assert_eq!((&applied["web"]["commit"], &applied["web"]["by"]), (&second.clone().into(), &2.into()));
    assert_eq!((&applied["api"]["commit"], &applied["api"]["by"]), (&first.clone().into(), &1.into()));
    // ann wrote what is left, before the commit that is live.
    let plan = keys.path().join("rest.json").display().to_string();
    let ann = keys.path().join("ann").display().to_string();
    site.run(&["plan", "-o", &plan], "").expect(0);
    let ran = site.run(&["approve", &plan, "--key", &ann], "").expect(1);
    ran.says("an author's own approval does not count");
    site.run(&["apply", &plan], "").expect(1).says("an author's own approval does not count");
    // A rollback brings back where it came from with it.
    site.run(&["rollback"], "").expect(0);
    let applied = generation(&site)["applied"].clone();
    assert_eq!((&applied["web"]["commit"], &applied["web"]["by"]), (&first.into(), &3.into()));
    // What was approved before it does not count again.
    let old = keys.path().join("plan.json").display().to_string();
    site.run(&["apply", &old], "").expect(1).says("it was rolled back by generation 3");
}
