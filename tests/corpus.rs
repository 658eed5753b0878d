//! `luascale check` on policies of many styles, each with the findings that are right for it, and
//! on Lua that was written for other programs: it must get through whatever it is given.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use support::{Ran, run};

fn policies(folder: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/policies").join(folder)
}

/// Runs the program in a folder.
fn luascale(folder: &Path, args: &[&str], watchdog: Duration) -> Ran {
    let mut command = Command::new(env!("CARGO_BIN_EXE_luascale"));
    command.args(args).current_dir(folder).env_clear();
    run(command, watchdog)
}

/// Names of the policy files of a folder, sorted.
fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .filter_map(|entry| {
            Some(entry.unwrap().path().file_name()?.to_str()?.strip_suffix(".lua")?.to_owned())
        })
        .collect();
    names.sort();
    names
}

/// Lines (from 1) and rules found, by file, notes aside.
type Found = BTreeMap<String, Vec<(u64, String)>>;

/// What was found, by the file of the first place.
fn found(ran: &Ran) -> Found {
    let mut out = Found::new();
    for finding in ran.json()["findings"].as_array().unwrap() {
        if finding["level"] == "note" {
            continue;
        }
        let place = &finding["labels"][0];
        let file = place["source"].as_str().unwrap_or("no file").to_owned();
        let line = place["line"].as_u64().unwrap_or(0);
        out.entry(file).or_default().push((line, finding["rule"].as_str().unwrap().to_owned()));
    }
    for all in out.values_mut() {
        all.sort();
        // Two of a kind on one line are one expectation.
        all.dedup();
    }
    out
}

#[test]
fn a_sound_policy_gives_nothing() {
    let folder = policies("clean");
    assert!(names(&folder).len() >= 20);
    let ran = luascale(&folder, &["check", "."], Duration::from_secs(120));
    ran.expect(0).says("nothing found");
}

#[test]
fn a_sound_policy_runs() {
    let folder = policies("clean");
    for name in names(&folder) {
        let file = format!("{name}.lua");
        let ran = luascale(&folder, &["dry-run", &file], Duration::from_secs(60));
        assert_eq!(ran.status, 0, "{file}\n{}\n{}", ran.stdout, ran.stderr);
    }
}

#[test]
fn each_faulty_policy_gives_its_findings_and_no_other() {
    let folder = policies("faulty");
    let mut wanted = Found::new();
    for name in names(&folder) {
        let path = folder.join(format!("{name}.expected"));
        let text = std::fs::read_to_string(&path).unwrap();
        let mut all: Vec<(u64, String)> = text
            .lines()
            .map(|line| {
                let mut words = line.split_whitespace();
                let place = words.next().and_then(|n| n.parse().ok());
                let rule = words.next().map(str::to_owned);
                place.zip(rule).unwrap_or_else(|| panic!("{}: `{line}` is no `LINE RULE`", path.display()))
            })
            .collect();
        all.sort();
        assert!(!all.is_empty(), "{}: a faulty policy has a fault", path.display());
        wanted.insert(format!("{name}.lua"), all);
    }
    assert!(wanted.len() >= 20);
    let ran = luascale(&folder, &["check", ".", "--format", "json"], Duration::from_secs(120)).expect(1);
    let found = found(&ran);
    let differ: Vec<String> = wanted
        .keys()
        .chain(found.keys())
        .filter(|file| wanted.get(*file) != found.get(*file))
        .map(|file| format!("{file}\n  wanted {:?}\n  found  {:?}", wanted.get(file), found.get(file)))
        .collect();
    assert!(differ.is_empty(), "{}", differ.join("\n"));
}
