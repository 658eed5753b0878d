//! `lint: exclude:`: what `check` leaves out, and what it does not. And suppressions in files that no rule
//! looks at.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use crate::support::Folder;

/// A policy with one warning: a metric that nothing reads.
fn unread(name: &str) -> String {
    format!(
        "policy \"{name}\" {{\n  replicas = {{ min = 2, max = 10 }},\n  metrics = {{\n    \
         cpu = {{ unit = \"ratio\", per = \"replica\", saturation = 1 }},\n    rps = {{ unit = \"per_second\", per = \"total\" }},\n  \
         }},\n  track = {{ cpu = 0.5 }},\n}}\n"
    )
}

/// The files that something is found in.
fn found(folder: &Folder, args: &[&str]) -> Vec<String> {
    let ran = folder.luascale(&[&["check", "--no-cache", "--format", "json"], args].concat());
    let all = ran.json();
    let files = all["findings"].as_array().unwrap().iter();
    let mut files: Vec<String> =
        files.map(|f| f["labels"][0]["source"].as_str().unwrap().to_owned()).collect();
    files.dedup();
    files
}

#[test]
fn what_is_excluded_is_left_out_of_folders_and_checked_where_it_is_named() {
    let (a, b, c, d) = (unread("a"), unread("b"), unread("c"), unread("d"));
    let folder = Folder::with(&[
        ("luascale.yaml", "lint: { exclude: [ old, \"*_made.lua\" ] }\n"),
        ("web.lua", &a),
        ("web_made.lua", &b),
        ("team/luascale.yaml", "lint: { exclude: [ gen/**/*.lua ] }\n"),
        ("team/old/web.lua", &c),
        ("team/gen/deep/web.lua", &d),
        ("team/api.lua", &unread("e")),
    ]);
    assert_eq!(found(&folder, &["."]), ["team/api.lua", "web.lua"], "of every luascale.yaml upward");
    assert_eq!(found(&folder, &["team"]), ["team/api.lua"]);
    // As ruff has it: a file that is named is wanted, unless pre-commit names it.
    assert_eq!(found(&folder, &["web_made.lua", "team/old/web.lua"]), ["team/old/web.lua", "web_made.lua"]);
    assert_eq!(found(&folder, &["web_made.lua", "web.lua", "--force-exclude"]), ["web.lua"]);
    let ran = folder.luascale(&["check", "team/old", "--no-cache"]).expect(0);
    ran.says("luascale.yaml excludes all that was asked for").says("0 files checked");
    // A configuration that is named stands for its folder.
    assert_eq!(found(&folder, &["team/luascale.yaml"]), ["team/api.lua"]);
    // What is not checked is run all the same.
    folder.luascale(&["dry-run", "web_made.lua"]).expect(0).says("b  not judged");
}

#[test]
fn what_a_configuration_names_may_be_excluded_and_a_pattern_that_excludes_nothing_is_told() {
    let job = "if metrics.rps > 4 then scale_out() end\n";
    let config = "lint: { exclude: [ job.lua, gone/ ] }\npolicies: { job.lua: { replicas: { max: 4 } } }\nsamples: { job: [ a.csv ] }\n";
    let folder = Folder::with(&[("luascale.yaml", config), ("job.lua", job), ("web.lua", &unread("web"))]);
    let ran = folder.luascale(&["check", ".", "--no-cache", "--ignore", "unread-metric"]).expect(0);
    ran.says("unused-exclude").says("`lint.exclude` names `gone`, and no Lua file is there").says("1 note");
    // Where not all was asked for, nobody knows.
    folder
        .luascale(&["check", "web.lua", "--no-cache", "--ignore", "unread-metric"])
        .expect(0)
        .says("nothing found");
    for (written, says) in [
        ("\"a[\"", "`a[` is no pattern"),
        ("\"../a\"", "leads outside"),
        ("/a", "luascale.yaml:1"),
        ("3", "luascale.yaml:1"),
    ] {
        folder.write("luascale.yaml", format!("lint: {{ exclude: [ {written} ] }}\n").as_bytes());
        folder.luascale(&["check", ".", "--no-cache"]).expect(64).says(says);
    }
}

#[test]
fn what_keeps_a_test_from_being_read_cannot_be_allowed_in_it() {
    let test = "policy: web\nstart: 2026-03-02T09:00:00Z\nseries:\n  # luascale: allow(bad-value): of another unit\n  cpu: \"0.5x4 oops\"\n  rps: \"9x4\"\n";
    let web = unread("web").replace("track = { cpu = 0.5 }", "track = { cpu = 0.5, rps = 40 }");
    let folder = Folder::with(&[
        ("luascale.yaml", "samples: { web: [ t.yaml ] }\n"),
        ("t.yaml", test),
        ("web.lua", &web),
    ]);
    folder.luascale(&["check", ".", "--no-cache"]).expect(0);
    folder
        .luascale(&["check", ".", "--no-cache", "--samples"])
        .expect(1)
        .says("`oops` is no number")
        .says("t.yaml:5");
    // No rule looks at a test, so none can be said to raise nothing there.
    folder.write("t.yaml", test.replace(" oops", "").as_bytes());
    folder.luascale(&["check", ".", "--no-cache", "--samples"]).expect(0).says("nothing found");
}
