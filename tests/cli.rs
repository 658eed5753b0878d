//! The command as its user meets it: what is printed, where, and with which exit status.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use support::Folder;

const POLICY: &str = "policy \"web\" {
  replicas = { min = 2, max = 10 },
  metrics = { cpu = { unit = \"ratio\", per = \"replica\", saturation = 1 } },
  track = { cpu = 0.5 },
}
";

const SAMPLES: &str = "time,cpu,replicas
2026-03-02T09:00:00Z,0.5,4
2026-03-02T09:01:00Z,0.9,4
2026-03-02T09:02:00Z,0.9,4
2026-03-02T09:03:00Z,0.5,4
";

fn web() -> Folder {
    Folder::with(&[("web.lua", POLICY), ("samples.csv", SAMPLES)])
}

#[test]
fn a_clean_dry_run_exits_0_and_says_what_happened_first() {
    let ran = web().luascale(&["dry-run", "web.lua", "--samples", "samples.csv"]).expect(0);
    let first = ran.stdout.lines().next().unwrap();
    assert!(first.contains("web") && first.contains("scaled"), "{first}");
    assert_eq!(ran.stderr, "");
    assert!(!ran.stdout.contains('\u{1b}'), "colours where nobody looks");
    let ran = web().luascale(&["dry-run", "web.lua", "-s", "samples.csv", "--color", "always"]).expect(0);
    assert!(ran.stdout.contains('\u{1b}'));
}

#[test]
fn every_kind_of_failure_has_its_exit_status() {
    let folder = web();
    folder.write("broken.lua", b"policy \"x\" { replicas = { min = 5, max = 3 } }");
    folder.write("bad.csv", b"time,cpu\n2026-03-02T09:00:00Z,12500m\n");
    for (args, status, says) in [
        (vec!["--version"], 0, "luascale"),
        (vec!["dry-run", "--help"], 0, "--scenario"),
        (vec![], 64, "Usage"),
        (vec!["dry-run", "--no-such-flag"], 64, "--no-such-flag"),
        (vec!["dry-run", "nowhere.lua"], 64, "nowhere.lua"),
        (vec!["dry-run", "samples.csv"], 64, "--samples"),
        (vec!["dry-run", "web.lua", "--scenario", "gab"], 64, "gap"),
        (vec!["dry-run", "web.lua", "--scenario", "dropout=cpo"], 64, "dropout=cpu"),
        (vec!["dry-run", "web.lua", "--timezone", "Mars/Base"], 64, "Mars/Base"),
        (vec!["dry-run", "web.lua", "--policy", "wep"], 64, "web"),
        (vec!["dry-run", "web.lua", "--load-timeout", "5"], 64, "5s"),
        (vec!["dry-run", "web.lua", "-s", "samples.csv", "--at", "noon"], 64, "15:00"),
        (vec!["dry-run", "broken.lua"], 1, "broken.lua:1"),
        (vec!["dry-run", "web.lua", "-s", "bad.csv"], 1, "--quantities"),
        (vec!["dry-run", "web.lua", "-s", "none.csv"], 1, "none.csv"),
        (
            vec!["dry-run", "web.lua", "-s", "samples.csv", "-o", "no/such/folder.txt"],
            3,
            "no/such/folder.txt",
        ),
    ] {
        folder.luascale(&args).expect(status).says(says);
    }
}

#[test]
fn a_mistake_in_the_configuration_points_at_its_line() {
    let folder = web();
    folder.write("luascale.yaml", b"samples:\n  web: [ samples.csv ]\nsampels: {}\n");
    folder.luascale(&["dry-run", "."]).expect(64).says("luascale.yaml:3").says("samples");
}

#[test]
fn a_folder_runs_what_its_configuration_maps() {
    let folder = web();
    folder.write("luascale.yaml", b"samples:\n  web: [ samples.csv ]\n");
    folder.write("lib/thresholds.lua", b"return { hot = 0.8 }");
    folder.write(
        "other.lua",
        b"local t = require \"lib.thresholds\"
policy \"other\" { replicas = { max = 3 }, metrics = { cpu = { unit = \"ratio\" } },
  scale_out = { { when = function(m) return m.cpu > t.hot end, add = 1 } } }",
    );
    let ran = folder.luascale(&["dry-run", ".", "--format", "json"]).expect(0);
    let json = ran.json();
    let names: Vec<_> = json["policies"].as_array().unwrap().iter().map(|p| &p["name"]).collect();
    assert_eq!(names, ["other", "web"]);
    // A required module is no script that somebody forgot to declare.
    assert!(!ran.stderr.contains("left out"), "{}", ran.stderr);
    folder.write("stray.lua", b"print(1)");
    folder.luascale(&["dry-run", "."]).expect(0).says("stray.lua declares no policy");
    // From a folder below, the configuration above is found, and its root is where paths start.
    folder.write("deep/er/web2.lua", POLICY.replace("\"web\"", "\"web2\"").as_bytes());
    folder.luascale(&["dry-run", "deep/er"]).expect(0).says("web2");
}

#[test]
fn files_that_cannot_be_policies_are_findings_and_the_others_run() {
    let folder = web();
    folder.write("a-binary.lua", b"\0\x01\x02");
    folder.write("b-latin1.lua", b"-- caf\xe9");
    folder.write("c-large.lua", &vec![b' '; 5 << 20]);
    std::fs::create_dir(folder.path().join("d-folder.lua")).unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink("nowhere", folder.path().join("e-dangling.lua")).unwrap();
    let ran = folder.luascale(&["dry-run", ".", "--format", "json"]).expect(1);
    let json = ran.json();
    assert_eq!(json["policies"][0]["name"], "web");
    let findings = json["findings"].to_string();
    for part in [
        "a-binary.lua",
        "b-latin1.lua",
        "c-large.lua",
        #[cfg(unix)]
        "e-dangling.lua",
    ] {
        assert!(findings.contains(part), "{part}: {findings}");
    }
}

#[test]
fn the_same_input_gives_the_same_bytes_in_two_processes() {
    let folder = web();
    for format in ["text", "json", "csv", "markdown", "html"] {
        let args = ["dry-run", "web.lua", "-s", "samples.csv", "--format", format];
        let (one, two) = (folder.luascale(&args).expect(0), folder.luascale(&args).expect(0));
        assert!(one.stdout.len() > 100, "{format}");
        assert!(one.stdout == two.stdout, "{format} differs");
    }
}

#[test]
fn one_tick_is_explained_and_so_is_what_kept_it_from_scaling() {
    let folder = web();
    let base = ["dry-run", "web.lua", "-s", "samples.csv"];
    let ran = folder.luascale(&[&base[..], &["--at", "09:01"]].concat()).expect(0);
    ran.says("2026-03-02 09:01:00").says("0.9").says("track");
    let whole = folder.luascale(&[&base[..], &["--at", "2026-03-02T10:01:00+01:00"]].concat()).expect(0);
    assert_eq!(whole.stdout, ran.stdout);
    folder.luascale(&[&base[..], &["--why-not", "--at", "09:00"]].concat()).expect(0).says("within 10%");
    folder.luascale(&[&base[..], &["--why-not"]].concat()).expect(0).says("within 10%");
}

#[test]
fn a_report_goes_into_a_file_without_colours() {
    let folder = web();
    let args = ["dry-run", "web.lua", "-s", "samples.csv", "--color", "always", "-o", "report.txt"];
    let ran = folder.luascale(&args).expect(0);
    assert_eq!(ran.stdout, "");
    let text = folder.read("report.txt");
    assert!(text.contains("web") && !text.contains('\u{1b}'), "{text}");
}

#[cfg(unix)]
#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let folder = web();
    let bin = env!("CARGO_BIN_EXE_luascale");
    let line =
        format!("{bin} dry-run web.lua -s samples.csv --format json | head -c 1; exit ${{PIPESTATUS[0]}}");
    let output =
        std::process::Command::new("bash").args(["-c", &line]).current_dir(folder.path()).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

#[test]
fn require_finds_nothing_outside_the_root() {
    let folder = Folder::with(&[
        ("root/luascale.yaml", ""),
        ("root/p.lua", "local s = require \"secret\"\npolicy \"p\" { replicas = { max = s } }"),
        ("secret.lua", "return 4"),
    ]);
    folder.luascale(&["dry-run", "root/p.lua"]).expect(1).says("root/p.lua:1").says("no such file");
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink("../secret.lua", folder.path().join("root/secret.lua")).unwrap();
        folder.luascale(&["dry-run", "root/p.lua"]).expect(1).says("outside the policy root");
    }
}

#[test]
fn the_classic_script_runs_and_says_why_nothing_happens() {
    let classic = include_str!("../examples/classic/classic.lua");
    let folder =
        Folder::with(&[("classic.lua", classic), ("hot.lua", &classic.replace("cpu = 0.8,", "cpu = 0.81,"))]);
    let ran = folder.luascale(&["dry-run", "classic.lua"]).expect(0);
    let words: Vec<&str> = ran.stdout.split_whitespace().collect();
    let said = words.join(" ");
    for part in [
        "no branch is taken",
        "0.8 is not above 0.8",
        "0.6 is not below 0.5",
        "its own names hide the engine's metrics and functions",
        "nothing could ever scale",
        "one tick, with no metrics and 1 replica",
    ] {
        assert!(said.contains(part), "{part}: {}", ran.stdout);
    }
    let hot = folder.luascale(&["dry-run", "hot.lua"]).expect(0);
    assert!(hot.stdout.contains("scale out"), "{}", hot.stdout);
    assert!(!hot.stdout.contains("no branch is taken"), "{}", hot.stdout);
}

#[test]
fn hostile_names_steer_no_terminal() {
    let folder = Folder::with(&[]);
    let name = "x\u{1b}[31m\u{202e}y.lua";
    folder.write(name, b"policy \"a\x1b[2J\" { replicas = { max = 3 } }");
    let ran = folder.luascale(&["dry-run", name]);
    assert!(!ran.stdout.contains('\u{1b}') && !ran.stderr.contains('\u{1b}'), "{}{}", ran.stdout, ran.stderr);
    assert!(!ran.stderr.contains('\u{202e}'), "{}", ran.stderr);
}

const TEST: &str = "policy: web
start: 2026-03-02T09:00:00Z
interval: 15s
series:
  cpu: \"0.5x8 0.9x20\"
  replicas: \"4x29\"
expect:
  - { at: 1m, replicas: 4 }
  - { at: 2m..6m, event: scale_out }
";

#[test]
fn expectations_that_hold_pass_and_others_are_told_with_the_reason() {
    let folder = web();
    folder.write("good.yaml", TEST.as_bytes());
    folder.luascale(&["test", "web.lua", "-s", "good.yaml"]).expect(0).says("2 expectations");
    folder.write("bad.yaml", TEST.replace("replicas: 4 }", "replicas: 3 }").as_bytes());
    let ran = folder.luascale(&["test", "web.lua", "-s", "bad.yaml"]).expect(1);
    ran.says("bad.yaml").says("line 8").says("replicas 3").says("replicas 4").says("track cpu");
    // A recording without expectations is no test, beside a test or alone.
    folder.luascale(&["test", "web.lua", "-s", "good.yaml", "-s", "samples.csv"]).expect(0);
    folder.luascale(&["test", "web.lua", "-s", "samples.csv"]).expect(64).says("expectation");
    let junit = folder.luascale(&["test", "web.lua", "-s", "bad.yaml", "--format", "junit"]).expect(1);
    assert!(junit.stdout.contains("<failure") && junit.stdout.contains("track cpu"), "{}", junit.stdout);
    let json = folder.luascale(&["test", "web.lua", "-s", "bad.yaml", "--format", "json"]).expect(1).json();
    assert_eq!(json["failed"], 1);
}

#[test]
fn samples_that_cannot_be_read_are_errors_of_a_test_in_every_format() {
    let folder = web();
    folder.write("bad.csv", b"time,cpu\n2026-03-02T09:00:00Z,12500m\n");
    let test = |format| folder.luascale(&["test", "web.lua", "-s", "bad.csv", "--format", format]).expect(1);
    let junit = test("junit").stdout;
    assert!(junit.contains("errors=\"1\"") && junit.contains("bad.csv:2:"), "{junit}");
    let json = test("json").json();
    assert_eq!((&json["errors"], &json["findings"][0]["labels"][0]["line"]), (&1.into(), &2.into()));
}

#[test]
fn a_failure_does_not_steer_the_terminal() {
    let evil = "no\u{202e}\u{1b}[2J.lua";
    let ran = web().luascale(&["dry-run", evil, "--policy", "::x"]).expect(64);
    assert!(ran.stderr.contains("no\\u{202e}\\u{1b}[2J.lua"), "{}", ran.stderr);
    let ran = web().luascale(&["dry-run", "web.lua", "--scenario", "x\u{202e}\n::error::y"]).expect(64);
    let raw = ran.stderr.chars().any(|c| c == '\u{202e}');
    assert!(!raw && !ran.stderr.lines().any(|l| l.starts_with("::")), "{}", ran.stderr);
}

#[test]
fn a_test_of_a_policy_that_is_not_there_is_no_pass() {
    let folder = web();
    folder.write("t.yaml", TEST.replace("policy: web", "policy: wep").as_bytes());
    folder.write("luascale.yaml", b"samples: { web: [ t.yaml ] }\n");
    folder.luascale(&["test", "."]).expect(1).says("wep").says("did you mean web?");
    folder.write("wep.lua", POLICY.replace("\"web\"", "\"wep\"").as_bytes());
    folder.luascale(&["test", "."]).expect(1).says("name t.yaml among the samples of wep");
    folder.write("luascale.yaml", b"samples: { wep: [ t.yaml ] }\n");
    folder.luascale(&["test", "."]).expect(0);
}

#[test]
fn a_run_that_failed_proves_nothing() {
    let folder = web();
    folder.write("web.lua", b"policy \"web\" { replicas = { max = 9 }, metrics = { cpu = { unit = \"ratio\", per = \"replica\" } },
      scale_out = { { name = \"hot\", when = function(m) return m.cpu + nil > 1 end, add = 1 } } }");
    folder.write("t.yaml", b"start: 2026-03-02T09:00:00Z\ninterval: 15s\nseries: { cpu: \"0.5x8\", replicas: \"4x9\" }\nexpect: [ { at: 1m, replicas: 4 } ]\n");
    folder.luascale(&["test", "web.lua", "-s", "t.yaml"]).expect(1).says("hot");
}

#[test]
fn a_kind_of_gateway_that_the_configuration_adds_can_be_used() {
    let kind =
        include_str!("../src/catalogue/kinds/haproxy.yaml").replace("gateway.haproxy", "gateway.in_house");
    let policy = "policy \"edge\" { replicas = { max = 9 }, metrics = {
      rps = gateway.in_house { url = \"http://edge:8405/metrics\", capacity = 100 } }, track = { rps = 80 } }";
    let folder = Folder::with(&[("edge.lua", policy), ("luascale.yaml", "catalogue: [ in_house.yaml ]\n")]);
    folder.luascale(&["dry-run", "edge.lua"]).expect(64).says("luascale.yaml:1").says("in_house.yaml");
    folder.write("in_house.yaml", kind.as_bytes());
    folder.luascale(&["dry-run", "edge.lua"]).expect(0);
    folder.write("in_house.yaml", kind.replace("signals:", "signalz:").as_bytes());
    folder.luascale(&["dry-run", "edge.lua"]).expect(64).says("in_house.yaml").says("signals");
    folder.write("luascale.yaml", b"");
    folder.luascale(&["dry-run", "edge.lua"]).expect(1).says("gateway.in_house");
}

#[test]
fn what_the_vm_and_the_check_both_refuse_is_told_once_and_nothing_else_is_lost() {
    let folder = Folder::with(&[(
        "p.lua",
        "policy \"p\" { replicas = { max = 5 },\n  target = kubernetes.deploymnt { name = \"b\" },\n  mode = \"scal\" }",
    )]);
    let json = folder.luascale(&["dry-run", "p.lua", "--format", "json"]).expect(1).json();
    let lines: Vec<_> =
        json["findings"].as_array().unwrap().iter().map(|f| f["labels"][0]["line"].as_u64()).collect();
    assert_eq!(lines, [Some(2), Some(3)], "{json}");
}

#[test]
fn each_file_goes_by_the_configuration_nearest_to_it() {
    let folder = Folder::with(&[
        ("a/luascale.yaml", "samples: { web: [ s.csv ] }\n"),
        ("a/s.csv", SAMPLES),
        ("a/lib/l.lua", "return { max = 9 }"),
        ("a/web.lua", &POLICY.replace("max = 10", "max = require(\"lib.l\").max")),
        ("b/deep/luascale.yaml", "samples: { far: [ s.csv ] }\n"),
        ("b/deep/s.csv", SAMPLES),
        ("b/deep/far.lua", &POLICY.replace("\"web\"", "\"far\"")),
        (
            "c/alone.lua",
            &POLICY.replace("\"web\"", "\"alone\"").replace("max = 10", "max = require(\"l\").max"),
        ),
        ("c/l.lua", "return { max = 9 }"),
    ]);
    let json = folder.luascale(&["dry-run", ".", "--format", "json"]).expect(0).json();
    let seen: Vec<_> = json["policies"]
        .as_array()
        .unwrap()
        .iter()
        .map(|p| (p["name"].as_str().unwrap(), p["samples"][0].as_str()))
        .collect();
    assert_eq!(seen, [("web", Some("a/s.csv")), ("far", Some("b/deep/s.csv")), ("alone", None)]);
    // A mistake in any of them is told, and nothing runs as if it were not there.
    folder.write("b/deep/luascale.yaml", b"sampels: {}\n");
    folder.luascale(&["dry-run", "."]).expect(64).says("b/deep/luascale.yaml:1");
}

#[test]
fn names_in_the_configuration_that_nothing_answers_to_are_mistakes() {
    let folder = web();
    folder.write("luascale.yaml", b"samples: { wbe: [ samples.csv ] }\n");
    folder.luascale(&["dry-run", "."]).expect(1).says("luascale.yaml:1").says("did you mean web?");
    folder.luascale(&["test", "."]).expect(1).says("did you mean web?");
    // One file alone does not tell which policies there are.
    folder.luascale(&["dry-run", "web.lua"]).expect(0);
    folder.write(
        "luascale.yaml",
        b"samples: { web: [ samples.csv ] }\npolicies: { nope.lua: { replicas: { max: 3 } } }\n",
    );
    folder.luascale(&["dry-run", "."]).expect(1).says("there is no nope.lua").says("luascale.yaml:2");
    folder.write("luascale.yaml", b"policies: { web.lua: { replicas: { max: 3 } } }\n");
    folder.luascale(&["dry-run", "web.lua"]).expect(1).says("declares its policies itself");
}

#[test]
fn a_file_with_an_error_is_not_run_in_part() {
    let folder = web();
    folder.write("two.lua", format!("{POLICY}{POLICY}").as_bytes());
    let ran = folder.luascale(&["dry-run", "two.lua", "-s", "samples.csv"]).expect(1);
    ran.says("two policies of this file are named");
    assert_eq!(ran.stdout, "");
}

#[test]
fn a_recording_is_read_as_it_is_said_to_be_written() {
    let folder = web();
    folder.write("notes.txt", SAMPLES.replace(',', ";").as_bytes());
    folder.luascale(&["dry-run", "web.lua", "-s", "notes.txt", "--samples-format", "csv"]).expect(0);
    folder
        .luascale(&["dry-run", "web.lua", "-s", "notes.txt", "--samples-format", "cvs"])
        .expect(64)
        .says("csv");
    folder
        .luascale(&["dry-run", "web.lua", "-s", "samples.csv", "--recorded-replicas", "-1"])
        .expect(64)
        .says("-1");
}

#[cfg(unix)]
#[test]
fn links_of_a_repository_show_nothing_of_the_machine() {
    let folder = web();
    folder.write("../outside-of-the-root", b"TOKEN=hunter2");
    let outside = folder.path().join("../outside-of-the-root");
    std::os::unix::fs::symlink(&outside, folder.path().join("x.lua")).unwrap();
    for args in [["dry-run", "."], ["dry-run", "x.lua"]] {
        let ran = folder.luascale(&args).expect(1);
        ran.says("a symbolic link leads outside the policy root");
        assert!(!ran.stdout.contains("hunter2") && !ran.stderr.contains("hunter2"));
    }
    std::fs::remove_file(folder.path().join("x.lua")).unwrap();
    std::os::unix::fs::symlink(&outside, folder.path().join("luascale.yaml")).unwrap();
    let ran = folder.luascale(&["dry-run", "."]).expect(64);
    ran.says("outside");
    assert!(!ran.stdout.contains("hunter2") && !ran.stderr.contains("hunter2"));
    std::fs::remove_file(outside).unwrap();
}

#[test]
fn a_file_of_very_many_policies_is_refused() {
    let folder =
        Folder::with(&[("p.lua", "for i = 1, 201 do policy(\"p\" .. i) { replicas = { max = 3 } } end")]);
    folder.luascale(&["dry-run", "p.lua"]).expect(1).says("201 policies");
}

#[test]
fn a_rule_is_confirmed_by_samples_of_what_it_reads_alone() {
    let policy = |read: &str| {
        format!(
            "policy \"p\" {{
  interval = \"15s\",
  replicas = {{ min = 1, max = 10 }},
  metrics = {{ queue = {{}}, cpu = {{}} }},
  scale_out = {{ {{ name = \"deep\", when = function(m) return {read} end, sustained_for = \"1m\", add = 1 }} }},
}}
"
        )
    };
    let rows = |column: &str, value: &str, every: usize| {
        let times = (0..=600).step_by(every);
        let rows = times.map(|at| format!("2026-03-02T09:{:02}:{:02}Z,{value}\n", at / 60, at % 60));
        format!("time,{column}\n{}", rows.collect::<String>())
    };
    let folder = Folder::with(&[
        ("slow.csv", rows("queue", "200", 300).as_str()),
        ("fast.csv", rows("cpu", "0.9", 15).as_str()),
    ]);
    for (read, first) in [
        ("m.queue > 100", "2026-03-02T09:05:00Z"),
        ("m.queue > 100 or m.cpu > 0.5", "2026-03-02T09:05:00Z"),
        ("m.cpu > 0.5", "2026-03-02T09:01:00Z"),
        ("m.queue > 100 and m.cpu > 0.5", "2026-03-02T09:01:00Z"),
    ] {
        folder.write("p.lua", policy(read).as_bytes());
        let args = ["dry-run", "p.lua", "-s", "slow.csv", "-s", "fast.csv", "--format", "csv"];
        let ran = folder.luascale(&args).expect(0);
        let fired = ran.stdout.lines().find(|line| line.contains("fires")).unwrap_or_default();
        assert!(fired.contains(first), "{read}: {fired}");
    }
}

#[test]
fn the_extension_of_the_output_is_its_format_unless_one_is_named() {
    let folder = web();
    let written = |args: &[&str], name: &str, status: i32| {
        let all: Vec<&str> = args.iter().copied().chain(["-s", "samples.csv", "-o", name]).collect();
        folder.luascale(&all).expect(status);
        folder.read(name)
    };
    let dry_run = ["dry-run", "web.lua"];
    assert!(written(&dry_run, "out.html", 0).starts_with("<!doctype html>"));
    assert!(written(&dry_run, "out.JSON", 0).starts_with("{\"version\":1"));
    assert!(written(&dry_run, "out.csv", 0).starts_with("policy,time,"));
    assert!(written(&dry_run, "out.md", 0).starts_with("## Dry-run"));
    assert!(written(&dry_run, "out.txt", 0).contains("web  "));
    assert!(written(&["dry-run", "web.lua", "--format", "csv"], "out.html", 0).starts_with("policy,time,"));
    let samples = "policy: web\ninterval: 1m\nseries: { cpu: 0.5x9 }\nexpect:\n  - { at: 5m, replicas: 2 }\n";
    folder.write("t.yaml", samples.as_bytes());
    let ran = |name: &str| {
        let ran = folder.luascale(&["test", "web.lua", "-s", "t.yaml", "-o", name]);
        assert!(ran.status == 0 || ran.status == 1, "{}", ran.stderr);
        folder.read(name)
    };
    assert!(ran("out.xml").starts_with("<?xml"));
    assert!(ran("out.json").starts_with('{'));
}

#[test]
fn a_policy_without_samples_is_not_praised() {
    let folder = web();
    let ran = folder.luascale(&["dry-run", "web.lua"]).expect(0);
    assert!(ran.stdout.starts_with("– web  not judged: no samples"), "{}", ran.stdout);
    let script = Folder::with(&[("s.lua", "if metrics.cpu > 0.8 then scale_out(2) end\n")]);
    let ran = script.luascale(&["dry-run", "s.lua"]).expect(0);
    ran.says("what it wants is unknown").says("it reads metrics.cpu (line 1), which nothing declares");
    assert!(!ran.stdout.contains("asked the engine for no change"), "{}", ran.stdout);
}

#[test]
fn no_order_of_keys_tells_where_they_lie() {
    let folder = Folder::with(&[(
        "d.lua",
        "policy \"d\" { replicas = { min = 1, max = 9 }, decide = function(m, ctx)
  local mixed, out = { a = 1, b = 2 }, \"\"
  for k, x in pairs(mixed) do
    for i = 1, 40 do mixed[{}] = i end
    out ..= k .. x
  end
  local t = { z = 1, y = 2, [3] = 3, [1] = 1, [true] = 5, x = 9 }
  for i = 1, 40 do local k = {} t[k] = i t[k] = nil end
  for k, v in t do out ..= \";\" .. tostring(k) .. v end
  local k, v = next(t)
  while k ~= nil do out ..= \"|\" .. tostring(k) .. v; k, v = next(t, k) end
  print(out)
  print(pcall(next, mixed, \"a\"))
  return 2
end }",
    )]);
    for _ in 0..2 {
        let json = folder.luascale(&["dry-run", "d.lua", "--format", "json"]).expect(0).json();
        assert_eq!(
            json["policies"][0]["printed"][0]["text"],
            "a1b2;11;33;x9;y2;z1;true5|11|33|x9|y2|z1|true5"
        );
        assert!(
            json["policies"][0]["printed"][1]["text"].as_str().unwrap().contains("differs from run to run")
        );
    }
}

#[cfg(target_os = "linux")]
#[test]
fn what_cannot_be_printed_is_a_failure_in_every_command() {
    let folder = Folder::with(&[("web.lua", POLICY)]);
    for args in [
        &["--help"][..],
        &["--version"],
        &["check", "--help"],
        &["man"],
        &["completions", "bash"],
        &["rules"],
        &["explain", "bad-cron"],
        &["check", "."],
        &["check", ".", "--format", "sarif"],
        &["dry-run", "."],
    ] {
        let mut command = folder.command(args, &[]);
        command.stdout(std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap());
        let out = command.stdin(std::process::Stdio::null()).output().unwrap();
        assert_eq!(out.status.code(), Some(3), "{args:?}");
        assert!(String::from_utf8_lossy(&out.stderr).contains("cannot write to standard output"), "{args:?}");
    }
}

#[test]
fn what_was_typed_cannot_steer_the_terminal() {
    let folder = Folder::with(&[]);
    for args in [
        ["ch\u{202e}eck\u{1b}[31m", "x", "--color=always"],
        ["check", "--for\u{202e}mat\u{1b}[31m=x", "--color=always"],
        ["check", "--format=\u{1b}]0;x\u{7}\u{202e}", "--color=never"],
        ["check", "--load-timeout=\u{1b}[2J\u{2066}", "--color=never"],
        ["check", "\u{1b}[2J\u{2066}.lua", "--color=never"],
    ] {
        let ran = folder.luascale(&args).expect(64);
        assert!(!ran.stderr.contains(['\u{202e}', '\u{2066}', '\u{7}']), "{}", ran.stderr);
        let steers =
            ran.stderr.replace("\u{1b}[0m", "").contains("\u{1b}[31m") || ran.stderr.contains("\u{1b}[2J");
        assert!(!steers, "{:?}", ran.stderr);
        assert!(ran.stderr.contains("\\u{"), "{}", ran.stderr);
    }
}
