//! An organisation's own rules: where they are found, what they see, how they are chosen, allowed,
//! explained and tested; and that code that means harm ends as a finding in its own file.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::path::Path;
use support::Folder;

const CONFIG: &str = "lint: { rules: [ house ] }\n";

const POLICY: &str = "policy \"web\" {
  target = kubernetes.deployment { namespace = \"prod\", name = \"web\" },
  replicas = {
    min = 1,
    max = 20,
  },
  metrics = {
    cpu = prometheus { query = \"avg(cpu)\", unit = \"ratio\", per = \"replica\", saturation = 1 },
  },
  track = { cpu = 0.6 },
  cooldown = { scale_in = \"5m\" },
}
";

const RULE: &str = "rule \"low-floor\" {
  why = \"Two are the least.\",
  policy = function(p, report)
    if p.replicas.min < 2 then
      report { at = p.replicas.min, message = p.name .. \" may be alone\", help = \"two or more\" }
    end
  end,
}
";

/// A folder with the policy and one file of rules.
fn folder(rules: &str) -> Folder {
    Folder::with(&[("luascale.yaml", CONFIG), ("web.lua", POLICY), ("house/rules.lua", rules)])
}

/// `(rule, file, line, level, message)` of each finding.
fn findings(folder: &Folder, args: &[&str]) -> Vec<(String, String, u64, String, String)> {
    let mut all = vec!["check", ".", "--no-cache", "--format", "json"];
    all.extend(args);
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let read = |f: &serde_json::Value| {
        let place = &f["labels"][0];
        let line = place["line"].as_u64().unwrap_or(0);
        (text(&f["rule"]), text(&place["source"]), line, text(&f["level"]), text(&f["message"]))
    };
    folder.luascale(&all).json()["findings"].as_array().unwrap().iter().map(read).collect()
}

#[test]
fn a_rule_reports_at_the_place_that_it_read() {
    let found = findings(&folder(RULE), &[]);
    let wanted = ("low-floor", "web.lua", 4, "warning", "web may be alone");
    assert_eq!(found.len(), 1, "{found:?}");
    let (rule, file, line, level, message) = &found[0];
    assert_eq!((rule.as_str(), file.as_str(), *line, level.as_str(), message.as_str()), wanted);
}

#[test]
fn a_rule_sees_what_is_in_force_and_where_it_is_written() {
    let folder = folder(
        "rule \"sees\" { level = \"note\", policy = function(p, report)
           report { message = \"name\" }
           report { at = p.replicas.max, message = \"max \" .. p.replicas.max }
           report { at = p.metrics.cpu, message = \"cpu\" }
           report { at = p.metrics.cpu.query, message = p.metrics.cpu.query }
           for name, target in pairs(p.track) do report { at = target, message = name .. \" \" .. target } end
           report { at = p.cooldown.scale_in, message = \"cooldown \" .. p.cooldown.scale_in }
           report { at = p.interval, message = \"interval \" .. p.interval }
           report { at = p.target.namespace, message = p.target.constructor }
           if p.fallback == nil and p.cost == nil and #p.scale_out == 0 then report { message = \"absent\" } end
         end }\n",
    );
    let found = findings(&folder, &["--select", "sees"]);
    let seen: Vec<(u64, &str)> = found.iter().map(|f| (f.2, f.4.as_str())).collect();
    // A default stands where the policy does.
    let wanted = [
        (1, "absent"),
        (1, "interval 15"),
        (1, "name"),
        (2, "kubernetes.deployment"),
        (5, "max 20"),
        (8, "avg(cpu)"),
        (8, "cpu"),
        (10, "cpu 0.6"),
        (11, "cooldown 300"),
    ];
    let mut seen = seen;
    seen.sort_unstable();
    assert_eq!(seen, wanted);
}

#[test]
fn rules_are_chosen_allowed_and_explained_like_any_other() {
    let folder = folder(RULE);
    folder.luascale(&["check", ".", "--no-cache"]).expect(1).says("low-floor");
    folder.luascale(&["check", ".", "--no-cache", "--ignore", "low-floor"]).expect(0);
    folder.luascale(&["check", ".", "--no-cache", "--ignore", "organisation"]).expect(0);
    folder.luascale(&["check", ".", "--no-cache", "--select", "low-floor"]).expect(1);
    folder.luascale(&["check", ".", "--no-cache", "--select", "low-flor"]).expect(64).says("low-floor");
    folder.luascale(&["rules"]).expect(0).says("low-floor");
    folder.luascale(&["explain", "low-floor"]).expect(0).says("Two are the least.");
    folder.luascale(&["explain", "low-flor"]).expect(64).says("did you mean low-floor?");
    let allowed = POLICY.replace("min = 1,", "min = 1, -- luascale: allow(low-floor): a cache");
    folder.write("web.lua", allowed.as_bytes());
    folder.luascale(&["check", ".", "--no-cache"]).expect(0).says("1 suppressed");
    let idle = POLICY.replace("min = 1,", "min = 2, -- luascale: allow(low-floor): a cache");
    folder.write("web.lua", idle.as_bytes());
    folder.luascale(&["check", ".", "--no-cache"]).expect(1).says("unused-suppression");
    folder.write("web.lua", POLICY.as_bytes());
    folder.luascale(&["check", ".", "--no-cache", "--baseline", "b.json", "--update-baseline"]);
    folder.luascale(&["check", ".", "--no-cache", "--baseline", "b.json"]).expect(0);
}

#[test]
fn a_rule_that_changes_is_not_answered_from_the_cache() {
    let folder = folder(RULE);
    let check = ["check", ".", "--cache-dir", "kept"];
    folder.luascale(&check).expect(1);
    folder.luascale(&check).expect(1).says("may be alone");
    folder.write("house/rules.lua", RULE.replace("may be alone", "is lonely").as_bytes());
    folder.luascale(&check).expect(1).says("is lonely");
}

#[test]
fn a_rule_that_fails_is_a_finding_in_its_own_file_and_the_others_go_on() {
    for (code, says) in [
        ("while true do end", "1,000,000 steps"),
        ("pcall(function() while true do end end) while true do end", "1,000,000 steps"),
        (
            "local t = {} for i = 1, 1e7 do t[i] = string.rep(\"x\", 1000) .. i end",
            "16 MiB, the memory of a file of rules",
        ),
        ("local function f() return 1 + f() end f()", "`hostile` fails on the policy `web`"),
        ("for i = 1, 1000 do report { message = \"m\" } end", "at most 100 faults"),
        ("report { at = p.name, message = string.rep(\"x\", 1e9) }", "`hostile` fails"),
        ("p.replicas.max = 5", "read-only"),
        ("report { at = 12345, message = \"x\" }", "at is a part of the policy"),
        ("report { at = {}, message = \"x\" }", "at is a part of the policy"),
        ("report { at = p.name }", "needs a message"),
        ("report { at = p.name, mesage = \"x\" }", "did you mean message?"),
        ("return os.execute(\"id\")", "os.execute is not there"),
        ("return p.replica.max", "did you mean replicas?"),
        ("error(nil)", "raised nil"),
        ("error(setmetatable({}, { __tostring = function() while true do end end }))", "`hostile` fails"),
        ("rule \"late\" {}", "only while the file is loaded"),
    ] {
        let text =
            format!("rule \"hostile\" {{\n  policy = function(p, report)\n    {code}\n  end,\n}}\n{RULE}");
        let found = findings(&folder(&text), &[]);
        let broken: Vec<_> = found.iter().filter(|f| f.0 == "broken-rule").collect();
        assert_eq!(broken.len(), 1, "{code}: {found:?}");
        assert!(broken[0].4.contains(says), "{code}: {broken:?}");
        let (file, line, level) = (broken[0].1.as_str(), broken[0].2, broken[0].3.as_str());
        assert_eq!(file, "house/rules.lua", "{code}");
        assert!((1..=5).contains(&line), "{code}: {line}");
        assert_eq!(level, "error", "{code}");
        assert!(found.iter().any(|f| f.0 == "low-floor"), "{code}: the next rule did not run: {found:?}");
    }
}

#[test]
fn a_file_of_rules_that_cannot_be_used_is_an_error_of_the_configuration() {
    for (code, says) in [
        ("rule \"x\" { policy = ", "house/rules.lua:1"),
        ("while true do end", "house/rules.lua:1"),
        ("-- nothing\n", "declares no rule"),
        ("rule \"x-y\"\n", "given no table"),
        ("rule \"x-y\" {}\n", "has no function that looks"),
        ("rule \"x-y\" { polic = 1 }\n", "did you mean policy?"),
        ("rule \"Not Kebab\" { policy = function() end }\n", "no name of a rule"),
        ("rule \"x-y\" { level = \"fatal\", policy = function() end }\n", "note, warning, error"),
        ("rule \"bad-cron\" { policy = function() end }\n", "luascale has a rule of this name"),
        (
            "rule \"x-y\" { policy = function() end }\nrule \"x-y\" { policy = function() end }\n",
            "declared twice",
        ),
        ("local a = require \"web\"\nrule \"x-y\" { policy = function() end }\n", "stands alone"),
        (
            "policy \"p\" { replicas = { max = 2 } }\nrule \"x-y\" { policy = function() end }\n",
            "declares a policy",
        ),
    ] {
        folder(code).luascale(&["check", ".", "--no-cache"]).expect(64).says(says);
    }
    let folder = folder(RULE);
    folder.write("luascale.yaml", b"lint: { rules: [ hause/*.lua ] }\n");
    folder.luascale(&["check", "."]).expect(64).says("luascale.yaml:1");
    folder.write("luascale.yaml", b"lint: { rules: [ \"house/[\" ] }\n");
    folder.luascale(&["check", "."]).expect(64).says("no pattern");
    folder.write("luascale.yaml", b"lint: { rules: [ ../house ] }\n");
    folder.luascale(&["check", "."]).expect(64).says("leads outside");
}

#[test]
fn the_example_rules_hold() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = Folder::with(&[]);
    let rules = root.join("rules/org");
    folder.luascale(&["rules", "--test", rules.to_str().unwrap()]).expect(0).says("all hold");
}

#[test]
fn a_page_that_is_not_true_fails_the_test_of_rules() {
    let page = |bad: &str, good: &str, level: &str| {
        format!(
            "---\nlevel: {level}\nsince: 1\nfix: none\ntags: [organisation]\n---\nWhy.\n\n## Bad\n```lua\n{bad}```\n\n## Good\n```lua\n{good}```\n"
        )
    };
    let marked = POLICY.replace("min = 1,", "min = 1, -- !");
    let sound = POLICY.replace("min = 1,", "min = 2,");
    for (page, status, says) in [
        (page(&marked, &sound, "warning"), 0, "1 bad, 1 good"),
        (page(POLICY, &sound, "warning"), 1, "without a line that ends in"),
        (
            page(&POLICY.replace("max = 20,", "max = 20, -- !"), &sound, "warning"),
            1,
            "marked policy.lua:5; raised policy.lua:4",
        ),
        (page(&marked, POLICY, "warning"), 1, "good, but at policy.lua:4 low-floor"),
        (page(&marked, &sound, "error"), 1, "its level is error"),
        (page(&marked.replace("track", "trakc"), &sound, "warning"), 1, "unknown-field"),
        (String::from("no page"), 1, "front matter"),
    ] {
        let folder = folder(RULE);
        folder.write("house/low-floor.md", page.as_bytes());
        folder.luascale(&["rules", "--test", "house"]).expect(status).says(says);
    }
    let bare = folder(RULE);
    bare.luascale(&["rules", "--test", "house"]).expect(1).says("no page: write low-floor.md");
    bare.luascale(&["rules", "--test", "nowhere"]).expect(64).says("nowhere");
}

fn git(folder: &Folder, args: &[&str]) {
    let mut command = std::process::Command::new("git");
    command.args(["-c", "user.name=ann", "-c", "user.email=ann@example.com", "-c", "commit.gpgsign=false"]);
    command.args(args).current_dir(folder.path());
    command.env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CONFIG_GLOBAL", "/dev/null");
    let done = command.output().unwrap();
    assert!(done.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&done.stderr));
}

#[test]
fn a_change_is_judged_by_the_rules_from_before_it() {
    let folder = folder(RULE);
    git(&folder, &["init", "-q", "-b", "main"]);
    git(&folder, &["add", "-A"]);
    git(&folder, &["commit", "-q", "-m", "first"]);
    folder.write("web.lua", format!("{POLICY}-- more\n").as_bytes());
    let rules = |folder: &Folder| -> Vec<(String, String, String)> {
        let found = findings(folder, &["--diff", "main"]);
        found.into_iter().map(|(rule, file, _, _, message)| (rule, file, message)).collect()
    };
    let low = ("low-floor".to_owned(), "web.lua".to_owned(), "web may be alone".to_owned());
    assert_eq!(rules(&folder), std::slice::from_ref(&low), "what does not change is not told");
    // Weaker words: the earlier ones count, and that is said.
    folder.write("house/rules.lua", RULE.replace("< 2", "< 0").as_bytes());
    assert_eq!(rules(&folder), std::slice::from_ref(&low));
    let ran = folder.luascale(&["check", ".", "--no-cache", "--diff", "main"]).expect(1);
    ran.says("the rules that it names differ from main");
    // It matters less.
    folder.write("house/rules.lua", RULE.replace("policy = f", "level = \"note\", policy = f").as_bytes());
    let said =
        |message: &str, file: &str| ("weaker-settings".to_owned(), file.to_owned(), message.to_owned());
    let wanted = said("the organisation's rule `low-floor` goes from warning to note", "house/rules.lua");
    assert_eq!(rules(&folder), [wanted, low.clone()]);
    // Another takes its place, and nobody is to be told.
    folder.write("house/rules.lua", RULE.replace("low-floor", "other").as_bytes());
    folder.write(
        "luascale.yaml",
        b"lint: { rules: [ house ], ignore: [ low-floor, weaker-settings ], fail_on: never }\n",
    );
    let found = rules(&folder);
    assert!(found.contains(&low), "{found:?}");
    let taken = said("the organisation's rule `low-floor` is taken out", "luascale.yaml");
    assert!(found.contains(&taken), "{found:?}");
    folder.luascale(&["check", ".", "--no-cache", "--diff", "main"]).expect(1);
    // The whole configuration goes.
    std::fs::remove_file(folder.path().join("luascale.yaml")).unwrap();
    let found = rules(&folder);
    assert!(found.contains(&low) && found.iter().any(|f| f.2 == taken.2), "{found:?}");
}
