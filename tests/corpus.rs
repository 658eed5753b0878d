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

/// The Lua files of a folder and those below it; links are left out.
fn lua_files(folder: &Path, out: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let kind = entry.file_type().unwrap();
        let path = entry.path();
        if kind.is_dir() {
            lua_files(&path, out);
        } else if kind.is_file() && path.extension().is_some_and(|e| e == "lua" || e == "luau") {
            out.push(path);
        }
    }
}

/// A copy of the Lua files below some folders, where no ignore file of this repository holds.
fn copied(folders: &[PathBuf]) -> (tempfile::TempDir, usize) {
    let to = tempfile::tempdir().unwrap();
    let mut count = 0;
    for folder in folders {
        let mut files = Vec::new();
        lua_files(folder, &mut files);
        assert!(!files.is_empty(), "no Lua in {}", folder.display());
        for file in files {
            let below = file.strip_prefix(folder.parent().unwrap()).unwrap();
            let target = to.path().join(below);
            std::fs::create_dir_all(target.parent().unwrap()).unwrap();
            std::fs::write(&target, std::fs::read(&file).unwrap()).unwrap();
            count += 1;
        }
    }
    (to, count)
}

/// The tests of the parser that is used here, which come with its source.
fn parser_tests() -> PathBuf {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["metadata", "--format-version", "1", "--offline", "--all-features"]);
    cargo.current_dir(env!("CARGO_MANIFEST_DIR"));
    let metadata = run(cargo, Duration::from_secs(120)).expect(0).json();
    let packages = metadata["packages"].as_array().unwrap();
    let found = packages.iter().find(|p| p["name"] == "full_moon").unwrap();
    Path::new(found["manifest_path"].as_str().unwrap()).with_file_name("tests")
}

/// The Lua modules that `scripts/test` fetched, by package.
fn packages(names: &[&str]) -> Vec<PathBuf> {
    let folder = std::env::var_os("LUA_MODULES").expect("LUA_MODULES names no folder: run scripts/test");
    names.iter().map(|name| Path::new(&folder).join(name)).collect()
}

/// Checks a folder: every file gets findings of its own, or none, and nothing fails.
fn gets_through(folder: &Path) {
    let args = ["check", ".", "--no-cache", "--format", "json", "--load-timeout", "20s"];
    let ran = luascale(folder, &args, Duration::from_secs(1_200));
    assert!(ran.status == 0 || ran.status == 1, "status {}\n{}", ran.status, ran.stderr);
    let all = ran.json();
    // What a limit ended was not checked, and a parser that failed is a bug.
    let failed: Vec<&serde_json::Value> = all["findings"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|f| ["parser-failed", "limit-exceeded", "cannot-read"].contains(&f["rule"].as_str().unwrap()))
        .collect();
    assert!(failed.is_empty(), "{failed:#?}");
}

#[test]
fn the_parsers_own_tests_are_got_through() {
    let (folder, count) = copied(&[parser_tests()]);
    assert!(count > 200);
    gets_through(folder.path());
}

#[test]
fn modules_of_other_programs_are_got_through() {
    let names = [
        "lua-check",
        "luarocks",
        "prosody",
        "lua-penlight",
        "lua-busted",
        "lua-ldoc",
        "lua-unit",
        "lua-ljsyscall",
    ];
    let folders = packages(&names);
    if folders.is_empty() {
        return;
    }
    let (folder, count) = copied(&folders);
    assert!(count > 400);
    gets_through(folder.path());
}

#[test]
fn fixes_break_no_module_of_another_program_and_come_to_an_end() {
    let mut folders = packages(&["lua-penlight"]);
    folders.push(parser_tests());
    let (folder, _) = copied(&folders);
    let mut files = Vec::new();
    lua_files(folder.path(), &mut files);
    let read = || -> Vec<Vec<u8>> { files.iter().map(|file| std::fs::read(file).unwrap()).collect() };
    let compiles = |text: &[u8]| mlua::chunk::Compiler::new().compile(text).is_ok();
    let before = read();
    let fix = || {
        let args = ["check", ".", "--no-cache", "--fix", "--unsafe-fixes", "--load-timeout", "20s"];
        let ran = luascale(folder.path(), &args, Duration::from_secs(1_200));
        assert!(ran.status == 0 || ran.status == 1, "status {}\n{}", ran.status, ran.stderr);
    };
    fix();
    let after = read();
    let changed = before.iter().zip(&after).filter(|(before, after)| before != after).count();
    assert!(changed > 10, "{changed} files were fixed");
    for ((file, before), after) in files.iter().zip(&before).zip(&after) {
        assert!(!compiles(before) || compiles(after), "{} was broken", file.display());
    }
    fix();
    let again = read();
    for ((file, once), twice) in files.iter().zip(&after).zip(&again) {
        assert!(once == twice, "{}: fixed anew by the second run", file.display());
    }
}

#[test]
fn huge_and_deeply_nested_files_are_findings_within_the_limits() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: String| std::fs::write(folder.path().join(name), text).unwrap();
    let nested = |open: &str, close: &str, n: usize| format!("return {}1{}", open.repeat(n), close.repeat(n));
    write("lines.lua", "local a = 1\n".repeat((50 << 20) / 12));
    write("line.lua", format!("local s = \"{}\"\n", "x".repeat(10 << 20)));
    write("parentheses.lua", nested("(", ")", 1_000_000));
    write("more_parentheses.lua", nested("(", ")", 200_000));
    write("braces.lua", nested("{", "}", 200_000));
    write("functions.lua", nested("function() return ", " end", 20_000));
    write("texts.lua", nested("`{", "}`", 50_000));
    write("conditions.lua", format!("{}{}", "if a then ".repeat(40_000), " end".repeat(40_000)));
    write("branches.lua", format!("if a then {} end", "elseif a then ".repeat(20_000)));
    write("operators.lua", format!("return {}true", "not ".repeat(100_000)));
    write("joins.lua", format!("return {}\"a\"", "\"a\"..".repeat(80_000)));
    write("calls.lua", format!("return f{}", "()".repeat(150_000)));
    write("comments.lua", "--[[".repeat(100_000));
    write("types.lua", format!("local x: {}number{}", "{".repeat(100_000), "}".repeat(100_000)));
    write("zero.lua", "\0".repeat(1_000));
    for name in names(folder.path()) {
        let file = format!("{name}.lua");
        let args = ["check", &file, "--no-cache", "--format", "json"];
        let ran = luascale(folder.path(), &args, Duration::from_secs(120)).expect(1);
        let all = ran.json();
        let first = &all["findings"][0];
        assert!(first["rule"].is_string() && first["level"] == "error", "{file}: {first}");
        // Found by looking at the text, and not by killing the process that looked.
        assert!(!first["message"].as_str().unwrap().contains("failed"), "{file}: {first}");
    }
}
