//! The killable process: it sees nothing, ends by its deadline, and takes nobody along.
#![cfg(unix)]
#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use luascale::lua::{Limits, Modules};
use luascale::text::Source;
use luascale::worker::{LoadRequest, Lost, Worker};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, Instant};
use support::Folder;

struct NoModules;

impl Modules for NoModules {
    fn find(&self, _: &str) -> Result<Source, String> {
        Err("there is none".into())
    }
}

fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_luascale"))
}

fn request(text: &str) -> LoadRequest {
    LoadRequest {
        source: Source::new("p.lua", text),
        entry: None,
        catalogue: Vec::new(),
        limits: Limits::default(),
    }
}

/// A program that stands in for a worker that fails in some way.
fn imposter(folder: &Folder, script: &str) -> std::path::PathBuf {
    let path = folder.write("imposter", format!("#!/bin/sh\n{script}\n").as_bytes());
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path
}

fn load_with(script: &str, patience: Duration) -> Lost {
    let folder = Folder::with(&[]);
    let mut worker = Worker::start(&imposter(&folder, script), 0).unwrap();
    let lost = worker.load(request("return 1"), &NoModules, patience).unwrap_err();
    assert!(worker.is_lost());
    // A lost worker stays lost, with the same reason, and costs no more waiting.
    assert_eq!(worker.load(request("return 1"), &NoModules, patience).unwrap_err(), lost);
    lost
}

#[test]
fn a_child_that_never_answers_is_killed_at_the_deadline() {
    let begun = Instant::now();
    let lost = load_with("exec sleep 60", Duration::from_millis(300));
    assert_eq!(lost, Lost::Deadline(Duration::from_millis(300)));
    assert!(begun.elapsed() < Duration::from_secs(10));
}

#[test]
fn a_child_that_ends_says_how() {
    let wait = Duration::from_secs(20);
    let Lost::Ended(why) = load_with("echo 'no such thing' >&2; exit 4", wait) else { panic!() };
    assert!(why.contains("status 4") && why.contains("no such thing"), "{why}");
    let Lost::Ended(why) = load_with("kill -SEGV $$", wait) else { panic!() };
    assert!(why.contains("signal 11"), "{why}");
    let Lost::Ended(why) = load_with("echo 'memory allocation of 9 bytes failed' >&2; kill -ABRT $$", wait)
    else {
        panic!()
    };
    assert!(why.contains("memory"), "{why}");
    let Lost::Bug(why) = load_with("echo 'thread main panicked' >&2; exit 70", wait) else { panic!() };
    assert!(why.contains("panicked"), "{why}");
}

#[test]
fn a_child_that_answers_nonsense_is_a_bug_and_not_a_hang() {
    let wait = Duration::from_secs(20);
    let lost = load_with("printf '\\003\\000\\000\\000zzz'; exec sleep 60", wait);
    assert!(matches!(lost, Lost::Bug(_)), "{lost:?}");
    let lost = load_with("printf '\\377\\377\\377\\377zzz'; exec sleep 60", wait);
    assert!(matches!(lost, Lost::Bug(_)), "{lost:?}");
}

#[test]
fn one_child_serves_many_files_and_keeps_nothing_of_the_one_before() {
    let mut worker = Worker::start(binary(), 1 << 30).unwrap();
    let wait = Duration::from_secs(20);
    for name in ["a", "b"] {
        let text = format!("policy \"{name}\" {{ replicas = {{ max = 3 }} }}");
        let loaded = worker.load(request(&text), &NoModules, wait).unwrap();
        assert_eq!(loaded.findings, [], "{name}");
        assert_eq!(loaded.policies.len(), 1);
        assert_eq!(loaded.policies[0].name.value, name);
    }
    let broken = worker.load(request("policy ("), &NoModules, wait).unwrap();
    assert!(!broken.findings.is_empty());
    let left = worker.load(request("leak = 1"), &NoModules, wait).unwrap();
    assert!(left.script);
    let loaded = worker
        .load(
            request("policy \"c\" { replicas = { max = pcall(function() return leak end) and 9 or 3 } }"),
            &NoModules,
            wait,
        )
        .unwrap();
    assert_eq!(loaded.policies[0].replicas.max.value, 3);
}

#[cfg(target_os = "linux")]
#[test]
fn the_child_has_no_environment_and_dies_with_its_parent() {
    use std::process::Stdio;
    // Within its budget at each tick, and with enough ticks to be looked at.
    let busy = "policy \"p\" { replicas = { max = 3 }, metrics = { x = { unit = \"count\" } },
      decide = function(m) local n = 0 for i = 1, 900000 do n += i end return 2 end }";
    let samples = "time,x\n2026-03-02T00:00:00Z,1\n2026-03-03T00:00:00Z,1\n";
    let folder = Folder::with(&[("p.lua", busy), ("s.csv", samples)]);
    let mut parent = folder
        .command(&["dry-run", "p.lua", "-s", "s.csv"], &[("GITHUB_TOKEN", "hunter2")])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let children = format!("/proc/{0}/task/{0}/children", parent.id());
    let begun = Instant::now();
    let child = loop {
        // Threads other than the first may have started it: look at all of them.
        let all = std::fs::read_dir(format!("/proc/{}/task", parent.id())).unwrap();
        let found = all.filter_map(|t| std::fs::read_to_string(t.ok()?.path().join("children")).ok());
        let found = found.flat_map(|c| c.split_whitespace().map(str::to_owned).collect::<Vec<_>>()).next();
        if let Some(found) = found {
            break found;
        }
        assert!(begun.elapsed() < Duration::from_secs(10), "no child below {children}");
        std::thread::sleep(Duration::from_millis(5));
    };
    std::thread::sleep(Duration::from_millis(300));
    let command = std::fs::read_to_string(format!("/proc/{child}/cmdline")).unwrap();
    assert!(command.contains("__worker"), "{command}");
    assert_eq!(std::fs::read(format!("/proc/{child}/environ")).unwrap(), b"");
    let open = std::fs::read_dir(format!("/proc/{child}/fd")).unwrap().count();
    assert!(open <= 3, "{open} descriptors are open");
    let limits = std::fs::read_to_string(format!("/proc/{child}/limits")).unwrap();
    let limit = |name: &str| limits.lines().find(|l| l.starts_with(name)).unwrap().to_owned();
    assert!(!limit("Max address space").contains("unlimited"), "{limits}");
    // What an allocator or a thread reserves counts: most of what it may have must be left.
    let about = std::fs::read_to_string(format!("/proc/{child}/status")).unwrap();
    let size = about.lines().find_map(|l| l.strip_prefix("VmSize:")?.trim().strip_suffix(" kB")).unwrap();
    assert!(size.parse::<u64>().unwrap() < 400 * 1024, "{size} kB of address space are taken");
    assert!(limit("Max file size").contains(" 0 "), "{limits}");
    assert!(limit("Max core file size").contains(" 0 "), "{limits}");
    parent.kill().unwrap();
    parent.wait().unwrap();
    let begun = Instant::now();
    // A zombie waits for whoever adopted it; what must not be is a child that still runs.
    let running = || {
        std::fs::read_to_string(format!("/proc/{child}/stat")).is_ok_and(|stat| {
            !stat.rsplit(')').next().unwrap_or_default().trim_start().starts_with(['Z', 'X'])
        })
    };
    while running() {
        assert!(begun.elapsed() < Duration::from_secs(10), "the child outlives its parent");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_policy_that_kills_its_process_does_not_end_the_others() {
    let folder = Folder::with(&[
        ("a.lua", "policy \"a\" { replicas = { max = 3 } }"),
        ("b.lua", "while true do end\npolicy \"b\" { replicas = { max = 3 } }"),
        ("c.lua", "policy \"c\" { replicas = { max = 3 } }"),
    ]);
    let ran = folder.luascale(&["dry-run", ".", "--load-timeout", "200ms", "--format", "json"]).expect(1);
    let json = ran.json();
    let names: Vec<_> =
        json["policies"].as_array().unwrap().iter().map(|p| p["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["a", "c"]);
    assert!(json["findings"].to_string().contains("b.lua"), "{}", json["findings"]);
}

/// Runs one hostile program through the whole command: as a file that loads, and in a rule that
/// shares its file with a calm policy.
fn hostile(path: &Path) {
    let name = path.file_stem().unwrap().to_string_lossy().into_owned();
    let program = std::fs::read_to_string(path).unwrap();
    let ends: Vec<&str> =
        program.lines().find_map(|l| l.strip_prefix("-- ends: ")).unwrap().split(" or ").collect();
    let args = ["--format", "json", "--load-timeout", "200ms", "--tick-timeout", "200ms"];
    let watched = |file: &str, text: &str| {
        let folder = Folder::with(&[(file, text)]);
        let command = folder.command(&[&["dry-run", file][..], &args].concat(), &[]);
        support::run(command, Duration::from_secs(5))
    };

    let returns = program.contains("\nreturn ");
    let body = if returns { program.replace("\nreturn ", "\nlocal _ = ") } else { program.clone() };
    let ran = watched("load.lua", &format!("{body}\npolicy 'last' {{ replicas = {{ max = 5 }} }}\n"));
    if !(ran.status == 0 && ends.contains(&"loads")) {
        let ran = ran.expect(1);
        let finding = ran.json()["findings"][0].clone();
        assert_eq!(finding["level"], "error", "{name}: {finding}");
        assert_eq!(finding["labels"][0]["source"], "load.lua", "{name}: {finding}");
        assert!(finding["labels"][0]["line"].as_u64().unwrap() > 1, "{name}: {finding}");
    }

    let text = format!(
        "policy 'hostile' {{ replicas = {{ max = 5 }}, scale_out = {{ {{ name = 'trap', add = 1, when = function(m)\n\
         {program}\nend }} }} }}\n\
         policy 'calm' {{ replicas = {{ max = 5 }} }}\n"
    );
    let ran = watched("tick.lua", &text).expect(1);
    let json = ran.json();
    let policies = json["policies"].as_array().unwrap();
    assert_eq!(policies.len(), 2, "{name}: {json}");
    let fault = &policies[0]["faults"][0];
    assert_eq!(
        (&fault["function"], &fault["source"]),
        (&"trap".into(), &"tick.lua".into()),
        "{name}: {fault}"
    );
    assert!(fault["line"].as_u64().unwrap() >= 1, "{name}: {fault}");
    assert!(fault["time"].is_string(), "{name}: {fault}");
    assert_eq!(policies[1]["faults"].as_array().unwrap().len(), 0, "{name}: {json}");
    assert!(!policies[1]["ticks"].as_array().unwrap().is_empty(), "{name}: {json}");
}

#[test]
fn every_hostile_program_ends_through_the_worker_too() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/hostile");
    let mut programs: Vec<_> = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    programs.retain(|path| path.extension().is_some_and(|e| e == "lua"));
    assert!(programs.len() >= 70, "{} programs", programs.len());
    // All are run before any failure is told, so that one look shows every program that fails.
    let failed: Vec<String> = programs
        .iter()
        .filter_map(|path| {
            let failed = std::panic::catch_unwind(|| hostile(path)).err()?;
            let why = failed.downcast_ref::<String>().cloned().unwrap_or_default();
            Some(format!("{}: {why}", path.display()))
        })
        .collect();
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

#[test]
fn a_child_that_does_not_read_holds_nobody_up() {
    let folder = Folder::with(&[]);
    let mut worker = Worker::start(&imposter(&folder, "exec sleep 60"), 0).unwrap();
    // More than a pipe holds.
    let text = "x".repeat(1 << 20);
    let patience = Duration::from_millis(300);
    let lost = worker.load(request(&text), &NoModules, patience).unwrap_err();
    assert_eq!(lost, Lost::Deadline(patience));
}

#[test]
fn tight_limits_of_the_system_are_no_bug() {
    let folder = Folder::with(&[("p.lua", "policy \"p\" { replicas = { max = 3 } }")]);
    let bin = env!("CARGO_BIN_EXE_luascale");
    for limit in ["ulimit -n 12", "ulimit -v 600000", "ulimit -f 1", "ulimit -c 0"] {
        let mut command = std::process::Command::new("sh");
        command.args(["-c", &format!("{limit}; exec {bin} dry-run p.lua")]).current_dir(folder.path());
        let ran = support::run(command, Duration::from_secs(20));
        assert!([0, 3].contains(&ran.status), "{limit}: {}\n{}\n{}", ran.status, ran.stdout, ran.stderr);
    }
    let lost = load_with("echo 'it could not set its own limits' >&2; exit 3", Duration::from_secs(20));
    assert!(matches!(&lost, Lost::Start(why) if why.contains("limits")), "{lost:?}");
}
