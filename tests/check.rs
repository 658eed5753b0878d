//! `luascale check` as its user meets it: what is found, where it is printed, with which status.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use support::Folder;

const GOOD: &str = "policy \"web\" {
  replicas = { min = 2, max = 10 },
  metrics = { cpu = { unit = \"ratio\", per = \"replica\", saturation = 1 } },
  track = { cpu = 0.5 },
}
";

const BAD: &str = "policy \"api\" {
  replicas = { max = 10 },
  schedule = { { cron = \"0 25 * * *\", duration = \"2h\", min = 5 } },
}
";

#[test]
fn every_outcome_has_its_exit_status() {
    let folder = Folder::with(&[
        ("good/web.lua", GOOD),
        ("bad/api.lua", BAD),
        ("empty/readme.txt", ""),
        ("config/web.lua", GOOD),
        ("config/luascale.yaml", "sampels: {}\n"),
    ]);
    for (args, status, says) in [
        (vec!["check", "good"], 0, "1 file checked, nothing found"),
        (vec!["check", "good/web.lua", "good"], 0, "1 file checked"),
        (vec!["check", "bad"], 1, "bad/api.lua:3"),
        (vec!["check", "good", "bad"], 1, "1 error in 2 files"),
        (vec!["check", "nowhere"], 64, "there is no nowhere"),
        (vec!["check", "empty"], 64, "no policy in empty"),
        (vec!["check", "empty/readme.txt"], 64, "no Lua file"),
        (vec!["check", "config", "bad"], 64, "config/luascale.yaml:1"),
        (vec!["check", "config", "bad"], 64, "bad/api.lua:3"),
        (vec!["check", "good", "--output", "no/folder/x"], 3, "no/folder/x"),
        (vec!["explain", "bad-cron"], 0, "0 25 * * *"),
        (vec!["explain", "bad-corn"], 64, "did you mean bad-cron?"),
        (vec!["rules"], 0, "bad-cron"),
        (vec!["rules", "--format", "markdown"], 0, "## bad-cron"),
    ] {
        folder.luascale(&args).expect(status).says(says);
    }
}

#[test]
fn each_file_stands_under_the_nearest_configuration() {
    let folder = Folder::with(&[
        (
            "a/luascale.yaml",
            "policies:\n  job.lua: { replicas: { max: 5 }, schedule: [ { cron: x, duration: 1h, min: 2 } ] }\n",
        ),
        ("a/job.lua", "scale_out()\n"),
        ("a/lib/hot.lua", "return { hot = 0.5 }\n"),
        (
            "a/web.lua",
            "local lib = require \"lib.hot\"\npolicy \"w\" { replicas = { max = 3 }, metrics = { cpu = { unit = \"ratio\", per = \"replica\" } }, track = { cpu = lib.hot } }\n",
        ),
    ]);
    let ran = folder.luascale(&["check", ".", "--format", "json"]).expect(1);
    let json = ran.json();
    let found: Vec<_> = json["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|f| {
            (
                f["rule"].as_str().unwrap(),
                f["labels"][0]["source"].as_str().unwrap(),
                f["labels"][0]["line"].as_u64(),
            )
        })
        .collect();
    assert_eq!(found, [("bad-cron", "a/luascale.yaml", Some(2))]);
}

#[test]
fn what_cannot_be_read_is_told_and_the_rest_is_checked() {
    let folder = Folder::with(&[("p/api.lua", BAD)]);
    folder.write("p/binary.lua", b"\x00\x01");
    folder.write("p/latin.lua", b"-- caf\xe9");
    folder.write("p/large.lua", &vec![b' '; 50 << 20]);
    std::fs::create_dir_all(folder.path().join("p/folder.lua")).unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink("nowhere", folder.path().join("p/dangling.lua")).unwrap();
    let ran = folder.luascale(&["check", "p", "--format", "json"]).expect(1);
    let json = ran.json();
    let mut rules: Vec<_> =
        json["findings"].as_array().unwrap().iter().map(|f| f["rule"].as_str().unwrap()).collect();
    rules.sort_unstable();
    let mut expected = vec!["bad-cron", "cannot-read", "not-text", "not-text"];
    if cfg!(unix) {
        expected.insert(1, "cannot-read");
    }
    assert_eq!(rules, expected);
    for finding in json["findings"].as_array().unwrap() {
        assert!(finding["labels"][0]["source"].is_string(), "{finding}");
    }
}

/// A policy with one warning, `duplicate-key` at `interval`.
fn doubled(comment: &str) -> String {
    GOOD.replace("  track", &format!("{comment}  interval = \"15s\",\n  interval = \"30s\",\n  track"))
}

fn rules(ran: &support::Ran) -> Vec<String> {
    let json = ran.json();
    let findings = json["findings"].as_array().unwrap();
    findings.iter().map(|f| f["rule"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn suppressions_allow_a_line_a_block_or_the_file_with_a_reason_until_a_day() {
    for (text, expected) in [
        (doubled(""), vec!["duplicate-key"]),
        (doubled("  -- luascale: allow(duplicate-key): generated\n"), vec![]),
        (doubled("  -- luascale: allow(duplicate-key): generated until 2199-12-31\n"), vec![]),
        (doubled("").replace("\"15s\",", "\"15s\", -- luascale: allow(duplicate-key): generated"), vec![]),
        (format!("-- luascale: allow(duplicate-key): generated\n{}", doubled("")), vec![]),
        (format!("{}-- luascale: allow-file(duplicate-key): generated\n", doubled("")), vec![]),
        (doubled("  -- luascale: allow(duplicate-key)\n"), vec!["suppression-without-reason"]),
        (
            doubled("  -- luascale: allow(duplicate-key): x until 2020-01-31\n"),
            vec!["expired-suppression", "duplicate-key"],
        ),
        (
            doubled("  -- luascale: allow(duplicate-key): until 2026-13-01\n"),
            vec!["bad-suppression", "duplicate-key"],
        ),
        (doubled("  -- luascale: alow(duplicate-key): x\n"), vec!["bad-suppression", "duplicate-key"]),
        (doubled("  -- luascale: allow(duplicate-kye): x\n"), vec!["unknown-rule", "duplicate-key"]),
        (doubled("  -- luascale: allow(duplicate-key, bad-name): x\n"), vec!["unused-suppression"]),
        (format!("local s = [[ -- luascale: allow(x) ]]\nprint(s)\n{GOOD}"), vec![]),
        (
            BAD.replace("  schedule", "  -- luascale: allow(bad-cron): x\n  schedule"),
            vec!["unused-suppression", "bad-cron"],
        ),
    ] {
        let folder = Folder::with(&[("web.lua", &text)]);
        let ran = folder.luascale(&["check", "web.lua", "--format", "json"]);
        assert_eq!(rules(&ran), expected, "{text}");
        assert_eq!(ran.status, i32::from(!expected.is_empty()), "{text}");
    }
}

#[test]
fn rules_are_selected_by_name_and_family_and_fail_from_a_level_on() {
    let folder = Folder::with(&[("web.lua", &doubled("")), ("bad/api.lua", BAD)]);
    for (args, status, found) in [
        (vec!["web.lua"], 1, vec!["duplicate-key"]),
        (vec!["web.lua", "--ignore", "language"], 0, vec![]),
        (vec!["web.lua", "--ignore", "language", "--select", "duplicate-key"], 1, vec!["duplicate-key"]),
        (vec!["web.lua", "--select", "model,sandbox"], 0, vec![]),
        (vec!["web.lua", "--fail-on", "error"], 0, vec!["duplicate-key"]),
        (vec!["bad", "--fail-on", "never"], 0, vec!["bad-cron"]),
        // What keeps a policy from loading is told whatever is selected.
        (vec!["bad", "--select", "language"], 1, vec!["bad-cron"]),
    ] {
        let args = [vec!["check", "--format", "json"], args].concat();
        let ran = folder.luascale(&args);
        assert_eq!(
            (ran.status, rules(&ran)),
            (status, found.iter().map(ToString::to_string).collect()),
            "{args:?}"
        );
    }
    folder.luascale(&["check", ".", "--select", "languge"]).expect(64).says("did you mean `language`?");
    folder.write("luascale.yaml", b"lint:\n  ignore: [ duplicate-key ]\n  fail_on: note\n");
    folder.luascale(&["check", "web.lua"]).expect(0);
    folder.luascale(&["check", "web.lua", "--select", "duplicate-key"]).expect(1);
    folder.write("luascale.yaml", b"lint:\n  ignore: [ duplicate-kye ]\n");
    folder.luascale(&["check", "web.lua"]).expect(64).says("luascale.yaml:2").says("duplicate-key");
}
