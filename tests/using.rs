//! `luascale check` day after day: what it keeps between runs, what it watches, which files it
//! takes, and what it makes of files that are no good.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "using/formats.rs"]
mod formats;
mod support;

use proptest::prelude::*;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;
use support::Folder;

const GOOD: &str = "policy \"web\" {
  replicas = { min = 2, max = 10 },
  metrics = { cpu = { unit = \"ratio\", per = \"replica\", saturation = 1 } },
  track = { cpu = 0.5 },
}
";

fn bad(name: &str) -> String {
    GOOD.replace("web", name).replace("  track", "  interval = \"15s\",\n  interval = \"30s\",\n  track")
}

/// Versions of the files of a project; an empty text is no file.
const FILES: [(&str, &[&str]); 4] = [
    (
        "p/web.lua",
        &[
            "local lib = require \"lib.hot\"\npolicy \"w\" { replicas = { max = 3 }, metrics = { cpu = { unit = \"ratio\", per = \"replica\" } }, track = { cpu = lib.hot } }\n",
            "policy \"w\" { replicas = { max = 3 }, metrics = { cpu = { unit = \"ratio\", per = \"replica\" } }, track = { cpu = 0.5 }, interval = \"15s\", interval = \"15s\" }\n",
            "-- luascale: allow-file(duplicate-key): generated until 2020-01-01\nlocal lib = require \"lib.hot\"\npolicy \"w\" { replicas = { max = lib.max } }\n",
            "policy \"w\" {\n",
        ],
    ),
    (
        "lib/hot.lua",
        &[
            "return { hot = 0.5, max = 3 }\n",
            "return { hot = 80, max = \"three\" }\n",
            "local unused = 1\nreturn { hot = 0.5, hot = 0.6, max = 0 }\n",
            "return {",
            "",
        ],
    ),
    (
        "luascale.yaml",
        &[
            "",
            "lint: { ignore: [ language ] }\n",
            "policies:\n  p/job.lua: { replicas: { max: 5 }, metrics: { cpu: { unit: ratio } } }\n",
            "policies:\n  p/job.lua: { replicas: { min: 9, max: 5 } }\nlint: { fail_on: never }\n",
            "lint: { slect: [] }\n",
        ],
    ),
    (
        "p/job.lua",
        &[
            "if metrics.cpu > 0.8 then scale_out() end\n",
            "if metrics.cpu > 80 then scale_out(1, 2) end\n",
            "local x = 1\n",
        ],
    ),
];

/// A step: a file by index takes a version by index; one past the files garbles the cache.
fn steps() -> impl Strategy<Value = Vec<(usize, usize)>> {
    prop::collection::vec((0..FILES.len() + 1, 0..5usize), 3..8)
}

fn entries(cache: &Path) -> Vec<PathBuf> {
    let mut out = Vec::new();
    for shard in std::fs::read_dir(cache).into_iter().flatten().map(|e| e.unwrap().path()) {
        out.extend(std::fs::read_dir(shard).into_iter().flatten().map(|e| e.unwrap().path()));
    }
    out.sort();
    out
}

/// Cuts, garbles, empties or swaps what was kept.
fn garble(cache: &Path, how: usize) {
    let all = entries(cache);
    for (at, path) in all.iter().enumerate() {
        let mut bytes = std::fs::read(path).unwrap();
        let middle = bytes.len() / 2;
        match how {
            0 => bytes.truncate(middle),
            1 => bytes[middle] ^= 1,
            2 => bytes.clear(),
            3 => bytes = std::fs::read(&all[(at + 1) % all.len()]).unwrap(),
            _ => bytes.extend_from_slice(b"more"),
        }
        std::fs::write(path, bytes).unwrap();
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn what_is_kept_never_changes_what_is_told(steps in steps()) {
        let first: Vec<(&str, &str)> =
            FILES.iter().map(|(path, texts)| (*path, texts[0])).filter(|(_, text)| !text.is_empty()).collect();
        let (folder, cache) = (Folder::with(&first), tempfile::tempdir().unwrap());
        let kept = cache.path().to_str().unwrap();
        for (file, version) in steps {
            match FILES.get(file) {
                Some((path, texts)) => match texts[version % texts.len()] {
                    "" => drop(std::fs::remove_file(folder.path().join(path))),
                    text => drop(folder.write(path, text.as_bytes())),
                },
                None => garble(cache.path(), version),
            }
            let fresh = folder.luascale(&["check", ".", "--no-cache", "--format", "json"]);
            for _ in 0..2 {
                let ran = folder.luascale(&["check", ".", "--cache-dir", kept, "--format", "json"]);
                prop_assert_eq!((ran.status, &ran.stdout, &ran.stderr), (fresh.status, &fresh.stdout, &fresh.stderr));
            }
        }
    }
}

#[test]
fn a_cache_that_cannot_be_written_changes_nothing_and_is_told_of() {
    let folder = Folder::with(&[("web.lua", &bad("web")), ("file", "")]);
    let plain = folder.luascale(&["check", "web.lua"]).expect(1);
    for place in ["file", "file/below"] {
        let ran = folder.luascale(&["check", "web.lua", "--cache-dir", place]).expect(1);
        assert_eq!(ran.stdout, plain.stdout);
        assert!(ran.stderr.contains("nothing could be kept in file"), "{}", ran.stderr);
    }
    // Without a home there is no folder for it.
    assert_eq!(folder.luascale(&["check", "web.lua"]).expect(1).stdout, plain.stdout);
    // With one, that is where it is.
    let home = tempfile::tempdir().unwrap();
    let env = [("XDG_CACHE_HOME", home.path().to_str().unwrap())];
    folder.luascale_with(&["check", "web.lua", "--no-cache"], &env).expect(1);
    assert_eq!(entries(&home.path().join("luascale/check")).len(), 0);
    folder.luascale_with(&["check", "web.lua"], &env).expect(1);
    assert_eq!(entries(&home.path().join("luascale/check")).len(), 1);
}

#[test]
fn two_at_once_share_a_cache() {
    let texts: Vec<(String, String)> =
        (0..20).map(|n| (format!("p{n}.lua"), bad(&format!("p{n}")))).collect();
    let files: Vec<(&str, &str)> = texts.iter().map(|(path, text)| (&**path, &**text)).collect();
    let folder = Folder::with(&files);
    let plain = folder.luascale(&["check", "--no-cache", "--format", "json"]).expect(1);
    for _ in 0..2 {
        let all: Vec<support::Ran> = std::thread::scope(|scope| {
            let run = || folder.luascale(&["check", "--cache-dir", "cache", "--format", "json"]);
            let threads: Vec<_> = (0..3).map(|_| scope.spawn(run)).collect();
            threads.into_iter().map(|t| t.join().unwrap()).collect()
        });
        for ran in all {
            assert_eq!(ran.expect(1).stdout, plain.stdout);
        }
    }
    assert_eq!(entries(&folder.path().join("cache")).len(), 20);
}

#[test]
fn a_check_that_met_a_deadline_is_not_kept() {
    let folder =
        Folder::with(&[("slow.lua", "policy \"a\" { replicas = { max = 3 } }\nwhile true do end\n")]);
    let check = ["check", "slow.lua", "--cache-dir", "cache", "--load-timeout", "50ms"];
    folder.luascale(&check).expect(1).says("limit-exceeded");
    assert_eq!(entries(&folder.path().join("cache")).len(), 0);
}

/// A check that watches, and the lines that it prints.
struct Watch {
    child: Child,
    lines: Receiver<String>,
}

impl Watch {
    fn start(folder: &Folder, args: &[&str]) -> Watch {
        let args = [&["check", "--watch"], args].concat();
        let mut command = folder.command(&args, &[]);
        // One pipe for both, so that lines come in the order written.
        let (reader, writer) = std::io::pipe().unwrap();
        let both = (writer.try_clone().unwrap(), writer);
        let child = command.stdin(Stdio::null()).stdout(both.0).stderr(both.1).spawn().unwrap();
        let (send, lines) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(reader).lines().map_while(Result::ok) {
                let _ = send.send(line);
            }
        });
        Watch { child, lines }
    }

    /// Waits for a line that has a part.
    #[track_caller]
    fn until(&self, part: &str) {
        let mut seen = Vec::new();
        loop {
            match self.lines.recv_timeout(Duration::from_secs(60)) {
                Ok(line) if line.contains(part) => return,
                Ok(line) => seen.push(line),
                Err(error) => panic!("no {part:?} ({error}) in\n{}", seen.join("\n")),
            }
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_watched_check_follows_files_that_change_appear_and_vanish_until_it_is_interrupted() {
    let folder = Folder::with(&[("p/web.lua", GOOD)]);
    let mut watch = Watch::start(&folder, &["p"]);
    let says = |part: &str| {
        watch.until(part);
        watch.until("watching for changes");
    };
    says("1 file checked, nothing found");
    folder.write("p/web.lua", bad("web").as_bytes());
    says("1 warning in 1 file");
    // A file in a folder that was not there.
    folder.write("p/deep/er/api.lua", bad("api").as_bytes());
    says("2 warnings in 2 files");
    std::fs::remove_dir_all(folder.path().join("p/deep")).unwrap();
    says("1 warning in 1 file");
    folder.write("p/luascale.yaml", b"lint: { ignore: [ duplicate-key ] }\n");
    says("nothing found");
    folder.write("p/luascale.yaml", b"lint: { ignor: [] }\n");
    says("no `ignor`");
    std::fs::remove_dir_all(folder.path().join("p")).unwrap();
    says("there is no p");
    folder.write("p/web.lua", GOOD.as_bytes());
    says("1 file checked, nothing found");
    #[cfg(unix)]
    {
        use std::os::unix::process::ExitStatusExt;
        let pid = rustix::process::Pid::from_child(&watch.child);
        rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
        assert_eq!(watch.child.wait().unwrap().signal(), Some(2));
    }
}

#[test]
fn ignored_files_are_left_out_of_folders_and_checked_when_named() {
    let folder = Folder::with(&[
        (".gitignore", "/out/\n*.gen.lua\n"),
        ("a/.gitignore", "!keep.gen.lua\n"),
        ("a/web.lua", &bad("web")),
        ("a/x.gen.lua", &bad("x")),
        ("a/keep.gen.lua", &bad("keep")),
        ("out/api.lua", &bad("api")),
        (".hidden/h.lua", &bad("h")),
    ]);
    for git in [false, true] {
        if git {
            std::fs::create_dir_all(folder.path().join(".git/info")).unwrap();
            folder.write(".git/info/exclude", b"web.lua\n");
        }
        let found = if git { "1 warning in 1 file" } else { "2 warnings in 2 files" };
        folder.luascale(&["check"]).expect(1).says(found);
        folder.luascale(&["check", "a/x.gen.lua", "a/web.lua"]).expect(1).says("2 warnings in 2 files");
        folder.luascale(&["check", "out"]).expect(1).says("1 warning in 1 file");
        folder.luascale(&["check", ".hidden"]).expect(1).says("1 warning in 1 file");
    }
}

/// Rules of the findings, each with its file and line.
fn found(ran: &support::Ran) -> Vec<String> {
    let json = ran.json();
    let findings = json["findings"].as_array().unwrap();
    let one = |f: &serde_json::Value| {
        let label = &f["labels"][0];
        format!("{} {}:{}", f["rule"].as_str().unwrap(), label["source"].as_str().unwrap(), label["line"])
    };
    findings.iter().map(one).collect()
}

#[test]
fn configurations_upward_are_merged_and_each_key_keeps_its_file() {
    let folder = Folder::with(&[
        (
            "luascale.yaml",
            "policies:\n  team/job.lua: { replicas: { min: 9, max: 5 } }\n  team/own.lua: { replicas: { max: 0 } }\nsamples:\n  web: [ up.csv ]\n  gone: [ up.csv ]\nlint: { ignore: [ duplicate-key, unused-local ], fail_on: never }\n",
        ),
        ("up.csv", "time,cpu\n2026-03-02T00:00:00Z,0.5\n"),
        (
            "team/luascale.yaml",
            "policies:\n  own.lua: { replicas: { max: 5 } }\nlint: { select: [ all, duplicate-key ] }\n",
        ),
        ("team/job.lua", "local x = 1\nif metrics.cpu then scale_out() end\n"),
        ("team/own.lua", "if metrics.cpu then scale_out() end\n"),
        ("team/web.lua", &bad("web")),
    ]);
    let json = |args: &[&str]| folder.luascale(&[&["check", "--format", "json"], args].concat());
    let all = ["bounds-crossed luascale.yaml:2", "duplicate-key team/web.lua:4"];
    // The farther entry of job.lua, the nearer of own.lua; never is the farther's, and what the
    // nearer selects by name the farther cannot ignore.
    for args in [&["."][..], &["team"]] {
        assert_eq!(found(&json(args).expect(0)), all, "{args:?}");
    }
    folder.write("team/luascale.yaml", b"lint: { fail_on: error }\n");
    folder.write("team/own.lua", b"if metrics.cpu then scale_out() end\n");
    assert_eq!(
        found(&json(&["."]).expect(1)),
        ["bounds-crossed luascale.yaml:2", "out-of-range luascale.yaml:3"]
    );
    // Recordings are found from the file that names them; a policy that no file has is told there.
    folder.write("team/job.lua", b"local x = 1\n");
    folder.write("luascale.yaml", b"samples:\n  web: [ up.csv ]\n  gone: [ up.csv ]\n");
    let ran = folder.luascale(&["dry-run", "team/web.lua"]).expect(0);
    ran.says("up.csv");
    folder.luascale(&["dry-run", "team"]).expect(0);
    folder.luascale(&["dry-run", "."]).expect(1).says("luascale.yaml:3").says("no policy is named \"gone\"");
    // What is wrong in a farther one is told at its own line, once.
    folder.write("luascale.yaml", b"lint: {}\nsampels: {}\n");
    folder.write("other/api.lua", bad("api").as_bytes());
    let wrong = json(&["."]).expect(64);
    assert_eq!(found(&wrong)[0], "unknown-field luascale.yaml:2");
    assert_eq!(found(&wrong).iter().filter(|f| f.contains("luascale.yaml")).count(), 1);
    // A repository's root is the last folder that is looked at.
    std::fs::create_dir(folder.path().join("team/.git")).unwrap();
    let own = ["unused-local team/job.lua:1", "duplicate-key team/web.lua:4"];
    assert_eq!(found(&json(&["team"]).expect(0)), own);
}

#[test]
fn findings_in_yaml_are_allowed_there_with_a_reason() {
    let one = "replicas: { min: 1, max: 5 }\n    metrics: { cpu: { unit: ratio, per: replica } }\n    target: { kubernetes.deployment: { namespace: shop, name: web } }";
    let entries =
        |comment: &str| format!("policies:\n  job.lua:\n    {one}\n  {comment}two.lua:\n    {one}\n");
    let script = "if metrics.cpu > 0.8 then scale_out() end\n";
    let folder = Folder::with(&[("job.lua", script), ("two.lua", script)]);
    let check = |text: &str, status: i32| {
        folder.write("luascale.yaml", text.as_bytes());
        found(&folder.luascale(&["check", "--format", "json"]).expect(status))
    };
    let rule = "same-target luascale.yaml:";
    assert_eq!(check(&entries(""), 1), [format!("{rule}9")]);
    assert_eq!(check(&entries("# luascale: allow(same-target): they agree\n  "), 0), [""; 0]);
    let same_line =
        format!("{}# luascale: allow(same-target): they agree\n", entries("").trim_end().to_owned() + " ");
    assert_eq!(check(&same_line, 0), [""; 0]);
    assert_eq!(
        check(&entries("# luascale: allow(same-target)\n  "), 1),
        ["suppression-without-reason luascale.yaml:6"]
    );
    assert_eq!(
        check(&entries("# luascale: allow(bad-name): x\n  "), 1),
        ["unused-suppression luascale.yaml:6".to_owned(), format!("{rule}10")]
    );
    assert_eq!(
        check(&entries("# luascale: allow(same-target): x until 2020-01-01\n  "), 1),
        ["expired-suppression luascale.yaml:6".to_owned(), format!("{rule}10")]
    );
    // Of a part of the files nobody can say that an allowance in the configuration is unused.
    check(&entries("# luascale: allow(same-target): they agree\n  "), 0);
    folder.luascale(&["check", "two.lua"]).expect(0);
}

#[test]
fn sarif_tells_what_is_suppressed_where_it_is_asked_to() {
    let comment = "  -- luascale: allow(duplicate-key): generated\n  interval = \"15s\"";
    let folder = Folder::with(&[("web.lua", &bad("web").replacen("  interval = \"15s\"", comment, 1))]);
    let results = |args: &[&str]| {
        let ran = folder.luascale(&[&["check", "web.lua", "--format", "sarif"], args].concat()).expect(0);
        ran.json()["runs"][0]["results"].clone()
    };
    assert_eq!(results(&[]), serde_json::json!([]));
    let told = results(&["--show-suppressed"]);
    assert_eq!(told[0]["ruleId"], "duplicate-key");
    let expected =
        serde_json::json!([{ "kind": "inSource", "status": "accepted", "justification": "generated" }]);
    assert_eq!(told[0]["suppressions"], expected);
    folder.luascale(&["check", "web.lua", "--show-suppressed"]).expect(64).says("--format sarif");
}

#[cfg(unix)]
#[test]
fn what_is_no_file_of_the_project_is_told_and_neither_read_nor_waited_for() {
    let folder = Folder::with(&[("p/web.lua", &bad("web")), ("out/secret.lua", "return hunter2\n")]);
    let link = |to: &str, name: &str| std::os::unix::fs::symlink(to, folder.path().join(name)).unwrap();
    link("../out/secret.lua", "p/outside.lua");
    link("/dev/zero", "p/device.lua");
    link("nowhere", "p/dangling.lua");
    link("../out", "p/folder.lua");
    link("web.lua", "p/inside.lua");
    let fifo = folder.path().join("p/pipe.lua");
    assert!(std::process::Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    let ran = folder.luascale(&["check", "p", "--format", "json"]).expect(1);
    // What was not read has no lines.
    assert_eq!(
        found(&ran),
        [
            "cannot-read p/dangling.lua:null",
            "cannot-read p/device.lua:null",
            "cannot-read p/folder.lua:null",
            // A link inside is the same file as what it leads to, and read once.
            "duplicate-key p/inside.lua:4",
            "cannot-read p/outside.lua:null",
            "cannot-read p/pipe.lua:null",
        ]
    );
    assert!(!ran.stdout.contains("hunter2"));
    // What is wrong in the configuration keeps no file from being checked.
    folder.write("p/luascale.yaml", b"lint: {}\nfuture: 1\n");
    let ran = folder.luascale(&["check", "p/web.lua", "--format", "json"]).expect(64);
    assert_eq!(found(&ran), ["unknown-field p/luascale.yaml:2", "duplicate-key p/web.lua:4"]);
}

/// Holds a JUnit report against the schema by which Jenkins reads one, by `xmllint`. What later
/// readers know and that schema is older than is left out first: `file` and `line` of a case, which
/// GitLab shows, and the sum of skipped tests.
fn assert_junit(report: &str) {
    let mut plain = report.replacen(" skipped=\"0\"", "", 1);
    for key in [" file=\"", " line=\""] {
        while let Some(at) = plain.find(key) {
            let end = plain[at + key.len()..].find('"').unwrap() + at + key.len() + 1;
            plain.replace_range(at..end, "");
        }
    }
    let folder = Folder::with(&[("report.xml", &plain)]);
    let schema = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/schemas/junit-10.xsd");
    let mut lint = std::process::Command::new("xmllint");
    lint.args(["--noout", "--nonet", "--schema", schema, "report.xml"]).current_dir(folder.path());
    let ran = lint.output().unwrap_or_else(|_| panic!("xmllint is missing: scripts/test installs it"));
    assert!(ran.status.success(), "{}\n{plain}", String::from_utf8_lossy(&ran.stderr));
}

#[test]
fn junit_reports_are_what_jenkins_reads() {
    let faulty = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/policies/faulty");
    let examples = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/checkout");
    let folder = Folder::with(&[]);
    let found = folder.luascale(&["check", faulty, "--no-cache", "--format", "junit"]).expect(1);
    assert!(found.stdout.contains("<failure"), "{}", found.stdout);
    assert_junit(&found.stdout);
    assert_junit(&folder.luascale(&["check", examples, "--no-cache", "--format", "junit"]).stdout);
    let tested = folder.luascale(&["test", examples, "--format", "junit"]);
    assert!(tested.stdout.contains("<testcase"), "{}", tested.stdout);
    assert_junit(&tested.stdout);
}
