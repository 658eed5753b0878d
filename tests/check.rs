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

#[test]
fn fixes_are_made_until_there_is_none_and_a_diff_changes_nothing() {
    let text = doubled("  -- luascale: allow(duplicate-kye, bad-name): generated\n");
    let folder = Folder::with(&[("web.lua", &text), ("other.lua", &text)]);
    let ran = folder.luascale(&["check", "web.lua", "--diff-fix"]).expect(1);
    assert_eq!(folder.read("web.lua"), text);
    assert!(ran.stdout.starts_with("--- a/web.lua\n+++ b/web.lua\n@@"), "{}", ran.stdout);
    assert!(ran.stdout.contains("\n+  -- luascale: allow(duplicate-key): generated\n"), "{}", ran.stdout);
    folder.luascale(&["check", "web.lua", "--fix"]).expect(0).says("fixed 2 findings in 1 file");
    let fixed = folder.read("web.lua");
    assert_eq!(fixed, doubled("  -- luascale: allow(duplicate-key): generated\n"));
    assert_eq!(folder.read("other.lua"), text);
    assert_eq!(folder.luascale(&["check", "web.lua", "--diff-fix"]).expect(0).stdout, "");
    // What may change the meaning needs leave.
    folder.write("web.lua", doubled("  -- luascale: allow(duplicate-key)\n").as_bytes());
    folder.luascale(&["check", "web.lua", "--fix"]).expect(1).says("suppression-without-reason");
    folder.luascale(&["check", "web.lua", "--fix", "--unsafe-fixes", "--ignore", "duplicate-key"]).expect(0);
    assert_eq!(folder.read("web.lua"), doubled(""));
    // No file is left beside those that were written.
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(left.len(), 2, "{left:?}");
}

/// A folder whose paths and texts are hostile to every format.
fn hostile() -> Folder {
    let folder = Folder::with(&[("good.lua", GOOD)]);
    let policy =
        "policy \"a<&>\\\"b]]>%,::\" { replicas = { max = 1 }, [\"x\\r\\n::error::ü\"] = 2, banana = 2 }\n";
    let path = if cfg!(unix) { "we,ird%: <\"&ü>.lua" } else { "we,ird%ü.lua" };
    folder.write(path, policy.as_bytes());
    folder.write("late.lua", doubled("  -- luascale: allow(bad-name, duplicate-key): x\n").as_bytes());
    folder
}

fn printed(folder: &Folder, format: &str) -> String {
    let ran = folder.luascale(&["check", ".", "--format", format]).expect(1);
    assert_eq!(ran.stderr, "");
    ran.stdout
}

fn assert_valid(schema: &str, document: &serde_json::Value) {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(schema);
    let mut schema: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    // SARIF's schema has one pattern with a stray bracket, which no strict engine compiles; nothing
    // here writes the field.
    for part in ["run", "toolComponent"] {
        if let Some(language) = schema.pointer_mut(&format!("/definitions/{part}/properties/language")) {
            language.as_object_mut().unwrap().remove("pattern");
        }
    }
    let validator = jsonschema::validator_for(&schema).unwrap();
    let errors: Vec<String> =
        validator.iter_errors(document).map(|e| format!("{} at {}", e, e.instance_path())).collect();
    assert!(errors.is_empty(), "{errors:#?}");
}

#[test]
fn sarif_is_valid_and_has_what_code_hosts_need() {
    let folder = hostile();
    std::fs::create_dir(folder.path().join(".git")).unwrap();
    let document: serde_json::Value = serde_json::from_str(&printed(&folder, "sarif")).unwrap();
    assert_valid("tests/data/schemas/sarif-2.1.0-rtm.5.json", &document);
    let run = &document["runs"][0];
    assert_eq!(run["columnKind"], "unicodeCodePoints");
    let results = run["results"].as_array().unwrap();
    assert_eq!(results.len(), 3);
    for result in results {
        let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        let rule = &run["tool"]["driver"]["rules"][index];
        assert_eq!(rule["id"], result["ruleId"]);
        assert!(!rule["help"]["text"].as_str().unwrap().is_empty());
        let place = &result["locations"][0]["physicalLocation"];
        let uri = place["artifactLocation"]["uri"].as_str().unwrap();
        assert!(!uri.contains([':', ' ', '"', '<', 'ü']) && !uri.starts_with('/'), "{uri}");
        for side in ["startLine", "startColumn", "endLine", "endColumn"] {
            assert!(place["region"][side].as_u64().unwrap() >= 1);
        }
        assert!(result["partialFingerprints"]["primaryLocationLineHash"].as_str().unwrap().contains(':'));
    }
    assert!(results.iter().any(|r| r["fixes"].is_array()));
    // Paths start at the repository's root, wherever the command is run.
    std::fs::create_dir(folder.path().join("sub")).unwrap();
    let mut command = folder.command(&["check", "../late.lua", "--format", "sarif"], &[]);
    command.current_dir(folder.path().join("sub"));
    let below = support::run(command, std::time::Duration::from_secs(60)).json();
    let uri = &below["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"];
    assert_eq!(uri, "late.lua");
}

#[test]
fn workflow_commands_cannot_be_forged_by_paths_or_messages() {
    let out = printed(&hostile(), "github");
    for line in out.lines() {
        let rest = ["::error ", "::warning ", "::notice "].iter().find_map(|c| line.strip_prefix(c));
        let (properties, message) = rest.unwrap_or_else(|| panic!("{line}")).split_once("::").unwrap();
        for property in properties.split(',') {
            let (key, value) = property.split_once('=').unwrap();
            assert!(["file", "line", "endLine", "col", "endColumn", "title"].contains(&key), "{line}");
            assert!(!value.contains(':'), "{line}");
        }
        assert!(!message.is_empty());
    }
    if cfg!(unix) {
        assert!(out.contains("file=we%2Cird%25%3A <\"&ü>.lua,"), "{out}");
    }
}

#[test]
fn reviewdog_and_gitlab_get_what_they_read() {
    let folder = hostile();
    let document: serde_json::Value = serde_json::from_str(&printed(&folder, "rdjson")).unwrap();
    assert_valid("tests/data/schemas/rdformat.json", &document);
    let diagnostics = document["diagnostics"].as_array().unwrap();
    assert!(diagnostics.iter().any(|d| d["suggestions"].is_array()));
    // Columns count bytes, not characters: `ü` before the field is two.
    let json: serde_json::Value = serde_json::from_str(&printed(&folder, "json")).unwrap();
    let characters = json["findings"]
        .as_array()
        .unwrap()
        .iter()
        .find(|f| f["message"].as_str().unwrap().contains("`banana`"));
    let characters = characters.unwrap()["labels"][0]["column"].as_u64().unwrap();
    let bytes = diagnostics.iter().find(|d| d["message"].as_str().unwrap().contains("`banana`")).unwrap();
    assert_eq!(bytes["location"]["range"]["start"]["column"], characters + 1);
    let issues: serde_json::Value = serde_json::from_str(&printed(&folder, "gitlab")).unwrap();
    let issues = issues.as_array().unwrap();
    assert_eq!(issues.len(), diagnostics.len());
    let mut fingerprints: Vec<&str> = issues.iter().map(|i| i["fingerprint"].as_str().unwrap()).collect();
    for issue in issues {
        assert!(
            ["info", "minor", "major", "critical", "blocker"].contains(&issue["severity"].as_str().unwrap())
        );
        assert!(issue["location"]["lines"]["begin"].as_u64().unwrap() >= 1);
        assert!(!issue["location"]["path"].as_str().unwrap().starts_with("./"));
        assert!(!issue["check_name"].as_str().unwrap().is_empty());
    }
    fingerprints.sort_unstable();
    fingerprints.dedup();
    assert_eq!(fingerprints.len(), issues.len(), "fingerprints collide");
}

/// Elements and their attributes, decoded, by somebody else's reader of XML.
fn xml(text: &str) -> Vec<(String, Vec<(String, String)>)> {
    use quick_xml::events::Event;
    let mut reader = quick_xml::Reader::from_str(text);
    let mut out = Vec::new();
    loop {
        match reader.read_event().unwrap_or_else(|e| panic!("{e}:\n{text}")) {
            Event::Eof => return out,
            Event::Start(element) | Event::Empty(element) => {
                let attributes = element.attributes().map(|a| {
                    let a = a.unwrap();
                    let value = a.normalized_value(quick_xml::XmlVersion::Implicit1_0).unwrap();
                    (String::from_utf8(a.key.as_ref().to_vec()).unwrap(), value.into_owned())
                });
                let attributes = attributes.collect();
                out.push((String::from_utf8(element.name().as_ref().to_vec()).unwrap(), attributes));
            }
            _ => {}
        }
    }
}

#[test]
fn xml_reports_hold_whatever_paths_and_messages_say() {
    let folder = hostile();
    let path = if cfg!(unix) { "we,ird%: <\"&ü>.lua" } else { "we,ird%ü.lua" };
    let checkstyle = xml(&printed(&folder, "checkstyle"));
    assert!(checkstyle.contains(&("file".into(), vec![("name".into(), path.into())])), "{checkstyle:?}");
    let errors = checkstyle.iter().filter(|(name, _)| name == "error").count();
    let junit = xml(&printed(&folder, "junit"));
    assert_eq!(junit.iter().filter(|(name, _)| name == "failure").count(), errors);
    let suites: Vec<_> = junit.iter().filter(|(name, _)| name == "testsuite").collect();
    assert_eq!(suites.len(), 3, "a suite a file: {suites:?}");
}

#[test]
fn json_is_as_its_schema_says() {
    let document: serde_json::Value = serde_json::from_str(&printed(&hostile(), "json")).unwrap();
    assert_valid("docs/schema/findings.schema.json", &document);
    assert!(document["findings"].as_array().unwrap().iter().any(|f| f["fix"].is_object()));
}

#[test]
fn a_baseline_lets_known_findings_be_and_only_ever_shrinks() {
    let folder = Folder::with(&[("p/web.lua", &doubled("")), ("p/bad.lua", BAD)]);
    let check = |more: &[&str]| {
        let args = [&["check", "p/web.lua", "--baseline", "base.json", "--format", "json"], more].concat();
        folder.luascale(&args)
    };
    check(&[]).expect(64).says("--update-baseline");
    check(&["--update-baseline"]).expect(0).says("wrote base.json");
    assert_eq!(rules(&check(&[]).expect(0)), [""; 0]);
    // Lines move, and what is known stays so; a second of the kind is new.
    let moved = format!("\n\n{}", doubled(""));
    folder.write("p/web.lua", moved.as_bytes());
    check(&[]).expect(0).says("1 known to the baseline");
    folder.write("p/web.lua", format!("{moved}{}", doubled("").replace("web", "api")).as_bytes());
    assert_eq!(rules(&check(&["--update-baseline"]).expect(1)), ["duplicate-key"]);
    // What keeps a policy from loading is never known.
    folder.luascale(&["check", "p/bad.lua", "--baseline", "b.json", "--update-baseline"]).expect(1);
    assert!(!folder.read("b.json").contains("bad-cron"));
    // Cured ones are told, and taken out.
    folder.write("p/web.lua", GOOD.as_bytes());
    check(&[]).expect(0).says("1 of the baseline cured");
    check(&["--update-baseline"]).expect(0);
    folder.write("p/web.lua", moved.as_bytes());
    check(&["--update-baseline"]).expect(1);
    folder.write("luascale.yaml", b"lint:\n  baseline: own.json\n");
    folder.luascale(&["check", "p/web.lua", "--update-baseline"]).expect(0);
    folder.luascale(&["check", "p/web.lua"]).expect(0);
    folder.write("own.json", b"{}");
    folder.luascale(&["check", "p/web.lua"]).expect(64).says("own.json is no baseline");
}

#[test]
fn standard_input_is_checked_under_the_name_that_it_is_given() {
    let folder =
        Folder::with(&[("lib/hot.lua", "return { hot = 0.5 }\n"), ("luascale.yaml", ""), ("p/x.lua", "")]);
    let text = "local lib = require \"lib.hot\"\npolicy \"w\" { replicas = { max = 3 }, interval = \"x\", metrics = { cpu = { unit = \"ratio\", per = \"replica\" } }, track = { cpu = lib.hot } }\n";
    let input = folder.write("input.txt", text.as_bytes());
    let ran = |args: &[&str]| {
        let mut command = folder.command(args, &[]);
        command.stdin(std::fs::File::open(&input).unwrap());
        support::run_with_input(command, std::time::Duration::from_secs(60))
    };
    let json = ran(&["check", "--stdin", "p/new.lua", "--format", "json"]).expect(1).json();
    assert_eq!(json["findings"].as_array().unwrap().len(), 1, "{json}");
    assert_eq!(json["findings"][0]["rule"], "bad-duration");
    assert_eq!(json["findings"][0]["labels"][0]["source"], "p/new.lua");
    ran(&["check", "--stdin"]).expect(64);
    ran(&["check", "--stdin", "a.lua", "b.lua"]).expect(64);
    assert!(!folder.path().join("p/new.lua").exists());
}

#[test]
fn statistics_completions_and_the_manual_are_printed() {
    let folder = Folder::with(&[("a.lua", &doubled("")), ("b.lua", &doubled("")), ("c.lua", BAD)]);
    let ran = folder.luascale(&["check", "--statistics"]).expect(1);
    assert!(ran.stdout.starts_with("2  warning  duplicate-key\n1  error    bad-cron\n"), "{}", ran.stdout);
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        folder.luascale(&["completions", shell]).expect(0).says("fail-on");
    }
    let man = folder.luascale(&["man"]).expect(0);
    man.says(".TH luascale").says("update\\-baseline");
    assert!(!man.stdout.contains("__worker"));
}

const LOADED: &str = "policy \"web\" {
  replicas = { min = 2, max = 4 },
  metrics = {
    rps = prometheus { query = \"sum(rate(http_requests_total[2m]))\", unit = \"per_second\", per = \"total\", capacity = 100 },
    mem = prometheus { query = \"avg(memory_ratio)\", unit = \"ratio\" },
  },
  track = { rps = 80 },
}
";

/// A recording in minutes: what each row says after its time.
fn recorded(columns: &str, row: impl Fn(u32) -> String) -> String {
    let mut out = format!("time,{columns}\n");
    for minute in 0..60 {
        out.push_str(&format!("2026-03-02T10:{minute:02}:00Z,{}\n", row(minute)));
    }
    out
}

#[test]
fn policies_are_run_on_their_recordings_where_that_is_asked_for() {
    let busy = recorded("rps,replicas", |m| format!("{},4", if (20..45).contains(&m) { 900 } else { 100 }));
    let quiet = recorded("rps,replicas", |_| "100,4".into());
    let folder = Folder::with(&[
        ("web.lua", LOADED),
        ("luascale.yaml", "samples: { web: [ busy.csv, quiet.csv ] }\nlint: { ignore: [ unread-metric ] }\n"),
        ("busy.csv", &busy),
        ("quiet.csv", &quiet),
        ("broken.csv", "time,rps\nyesterday,1\n"),
    ]);
    folder.luascale(&["check"]).expect(0);
    let json = folder.luascale(&["check", "--samples", "--format", "json"]).expect(1).json();
    let found = &json["findings"][0];
    assert_eq!(json["findings"].as_array().unwrap().len(), 1, "{json}");
    assert_eq!(found["rule"], "wants-more-than-max");
    let message = found["message"].as_str().unwrap();
    // 900 / 80 is 11.25; from minute 20 to 44, and two steps that the last value holds.
    assert!(message.contains("up to 12 replicas, and may have 4, for 2"), "{message}");
    assert!(message.contains("from 2026-03-02T10:20:00Z on") && message.contains("busy.csv"), "{message}");
    assert_eq!(found["labels"][0]["line"], 2);
    folder.luascale(&["check", "--samples=quiet.csv"]).expect(0);
    folder.luascale(&["check", "--samples=quiet.csv", "--samples=busy.csv"]).expect(1);
    folder.luascale(&["check", "--samples=broken.csv"]).expect(1).says("samples-cell").says("broken.csv");
    folder.luascale(&["check", "--samples=none.csv"]).expect(1).says("cannot read the samples none.csv");
    // What is allowed stays so.
    let allowed =
        LOADED.replace("max = 4 },", "max = 4 }, -- luascale: allow(wants-more-than-max): the bill");
    folder.write("web.lua", allowed.as_bytes());
    folder.luascale(&["check", "--samples"]).expect(0).says("1 suppressed");
    // A policy without a recording is named, and is no fault.
    folder.write("web.lua", LOADED.replace("\"web\"", "\"other\"").as_bytes());
    folder.luascale(&["check", "--samples"]).says("not run, for want of a recording: other");
}

#[test]
fn a_metric_that_nothing_reads_is_not_missed() {
    let rps = recorded("rps,replicas", |_| "100,4".into());
    let folder = Folder::with(&[("web.lua", LOADED), ("rps.csv", &rps)]);
    let run = |folder: &Folder| folder.luascale(&["dry-run", "web.lua", "-s", "rps.csv", "--format", "json"]);
    run(&folder).expect(0).says("\"metrics_without_value\":[]");
    let reads = LOADED.replace(
        "  track",
        "  scale_out = { { name = \"full\", when = function(m) return m.mem > 0.9 end, add = 1 } },\n  track",
    );
    folder.write("web.lua", reads.as_bytes());
    run(&folder).expect(0).says("\"metrics_without_value\":[\"mem\"]");
    folder
        .luascale(&["check", "web.lua", "--samples=rps.csv"])
        .expect(1)
        .says("no value at any tick of rps.csv");
}

#[test]
fn a_fault_of_a_query_stands_inside_the_text() {
    let policy = |query: &str| {
        format!(
            "policy \"w\" {{ replicas = {{ max = 3 }},\n  metrics = {{ x = prometheus {{ query = {query},\n  unit = \"count\" }} }},\n  scale_out = {{ {{ name = \"r\", when = function(m) return m.x > 5 end, add = 1 }} }} }}\n"
        )
    };
    // Each query, and the part of the file that is told.
    for (query, part) in [
        ("\"sum(x{a=~'.*'})\"", "a=~'.*'"),
        ("\"sum(x{a=~\\\".*\\\"})\"", "a=~\\\".*\\\""),
        ("[[sum(x{a=~\".*\"})]]", "a=~\".*\""),
        ("[==[\r\nsum(\r\n  x{a=~\".*\"})]==]", "a=~\".*\""),
        ("'sum(x{ä=\"\"})'", "ä"),
        ("'\\u{e9}'", "\\u{e9}"),
        // Put together of several texts: the whole of it.
        ("\"sum(x{a=~'.*'\" .. \"})\"", "\"sum(x{a=~'.*'\" .. \"})\""),
    ] {
        let text = policy(query);
        let folder = Folder::with(&[("w.lua", &text)]);
        let json = folder.luascale(&["check", "w.lua", "--format", "json"]).expect(1).json();
        let label = &json["findings"][0]["labels"][0];
        let number = |key: &str| usize::try_from(label[key].as_u64().unwrap()).unwrap();
        let line: Vec<char> = text.split('\n').nth(number("line") - 1).unwrap().chars().collect();
        let end = if number("end_line") == number("line") { number("end_column") - 1 } else { line.len() };
        let told: String = line[number("column") - 1..end].iter().collect();
        assert_eq!(told, part, "{query}: {json}");
    }
    // A script's query stands in luascale.yaml.
    let folder = Folder::with(&[
        ("s.lua", "if metrics.x > 5 then scale_out() end\n"),
        (
            "luascale.yaml",
            "policies:\n  s.lua:\n    replicas: { max: 3 }\n    metrics:\n      x: { prometheus: { query: 'sum(x{a=~\".*\"})' }, unit: count }\n",
        ),
    ]);
    let json = folder.luascale(&["check", "s.lua", "--format", "json"]).expect(1).json();
    let label = &json["findings"][0]["labels"][0];
    assert_eq!(
        (label["source"].as_str(), label["line"].as_u64(), label["column"].as_u64()),
        (Some("luascale.yaml"), Some(5), Some(40)),
        "{json}"
    );
}

/// What a configuration names and nothing answers to, where all of its folder is checked.
#[test]
fn names_in_the_configuration_that_nothing_answers_to_are_found() {
    let folder = Folder::with(&[
        ("web.lua", "policy \"web\" { replicas = { max = 3 } }\n"),
        (
            "luascale.yaml",
            "policies: { web.lua: { replicas: { max: 3 } }, gone.lua: { replicas: { max: 3 } } }\nsamples: { wbe: [ day.csv ] }\n",
        ),
    ]);
    let all = folder.luascale(&["check"]).expect(1);
    all.says("unknown-policy").says("did you mean web?").says("unknown-file").says("useless-entry");
}
