//! Which policy root a command is about, and what is said where nothing can be done.

use super::support::{Folder, Ran, run};
use super::{CONFIG, Site};
use std::time::Duration;

fn policy(name: &str, max: u32) -> String {
    format!(
        "policy \"{name}\" {{
  replicas = {{ min = 2, max = {max} }},
  metrics = {{ cpu = prometheus {{ query = \"avg(cpu)\", unit = \"ratio\", per = \"replica\", saturation = 1 }} }},
  track = {{ cpu = 0.6 }},
}}
"
    )
}

fn within(site: &Site, folder: &str, args: &[&str]) -> Ran {
    let mut command = site.0.command(args, &[]);
    command.current_dir(site.0.path().join(folder));
    run(command, Duration::from_secs(120))
}

#[test]
fn of_several_roots_one_is_named_or_is_where_it_runs() {
    let site = Site(Folder::with(&[
        ("a/luascale.yaml", CONFIG),
        ("a/web.lua", &policy("web", 10)),
        ("b/luascale.yaml", CONFIG),
        ("b/api.lua", &policy("api", 10)),
    ]));
    site.git(&["init", "-q", "-b", "main"]);
    site.commit("ann", "begin");
    let ran = site.run(&["ci"]).expect(64);
    ran.says("ok   check  ").says("2 files").says("there are a, b").says("`luascale ci a`");
    site.run(&["ci", "a"]).expect(0).says("1 to create");
    within(&site, "a", &["ci"]).expect(0).says("1 to create");
    site.run(&["ledger", "show"]).expect(64).says("`cd a`");
    within(&site, "a", &["drift"]).expect(0).says("generation 0, not applied yet; git is at ");
    within(&site, "a", &["apply"]).expect(0).says("+ create  web");
    site.run(&["apply", "b"]).expect(0).says("+ create  api");
    within(&site, "b", &["drift"]).expect(0).says("1 in sync");
    // What is live lies in the repository, and is nothing that anybody forgot to commit.
    let ran = site.run(&["plan", "a"]).expect(0);
    assert!(!ran.stderr.contains("not committed"), "{}", ran.stderr);
    // Where nothing is applied there is nothing to choose.
    for root in ["a", "b"] {
        site.0.write(&format!("{root}/luascale.yaml"), b"lint: {}\n");
    }
    // Without what is live, which is not committed.
    site.git(&["commit", "-q", "-a", "-m", "apply nothing"]);
    site.git(&["commit", "-q", "--allow-empty", "-m", "next"]);
    site.run(&["ci"]).expect(0).says("does not say where policies are applied to");
}

#[test]
fn a_plan_that_cannot_be_leaves_no_older_one() {
    let site = Site::new();
    site.run(&["apply"]).expect(0);
    site.change("web.lua", &super::policy("web", 20));
    site.run(&["plan", "-o", "plan.json"]).expect(0).says("loosens, cost").says("replicas.max: 10 → 20, ");
    let edited = site.0.read("plan.json").replace("10 → 20", "10 → 11");
    site.0.write("edited.json", edited.as_bytes());
    let ran = site.run(&["show", "edited.json"]).expect(64);
    assert!(ran.stderr.contains("was edited") && ran.stderr.len() < 1_000, "{}", ran.stderr);
    site.git(&["rm", "-q", "api.lua"]);
    site.commit("ann", "away with it");
    let ran = site.run(&["plan", "-o", "plan.json"]).expect(64);
    ran.says("this would delete 1 of the 2")
        .says("plan.json was not written; the older plan there was removed");
    assert!(!site.0.path().join("plan.json").exists());
    let ran = site.run(&["ci"]).expect(64);
    let first = ran.stdout.lines().next().unwrap_or_default();
    assert!(first.contains("no plan: this would delete 1 of the 2"), "{first}");
    // What is no plan stays.
    site.0.write("notes.json", b"{}");
    site.run(&["plan", "-o", "notes.json"]).expect(64);
    assert_eq!(site.0.read("notes.json"), "{}");
}
