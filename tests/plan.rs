//! `luascale plan`, `show`, `approve` on real repositories, with keys and signatures of the real
//! `ssh-keygen` both ways.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use support::{Folder, Ran};

const CONFIG: &str = "apply: { directory: { path: live } }\napproval: { branch: main, reviews: 1 }\n";

fn policy(name: &str, max: u32) -> String {
    format!(
        "policy \"{name}\" {{
  replicas = {{ min = 2, max = {max} }},
  metrics = {{ cpu = prometheus {{ query = \"avg(cpu_utilization)\", unit = \"ratio\", per = \"replica\", saturation = 1 }} }},
  track = {{ cpu = 0.6 }},
}}
"
    )
}

/// A repository whose commits are made by Bob, unless another is named.
struct Repository(Folder);

impl Repository {
    /// With a first commit of these files.
    fn with(files: &[(&str, &str)]) -> Repository {
        let repository = Repository(Folder::with(files));
        repository.git(&["init", "-q", "-b", "main"]);
        repository.commit("first");
        repository
    }

    fn git(&self, args: &[&str]) -> String {
        self.git_as("bob", args)
    }

    fn git_as(&self, who: &str, args: &[&str]) -> String {
        git(self.0.path(), who, args)
    }

    fn commit(&self, message: &str) {
        self.commit_as("bob", message);
    }

    fn commit_as(&self, who: &str, message: &str) {
        self.git(&["add", "-A"]);
        self.git_as(who, &["commit", "-q", "-m", message]);
    }

    fn write(&self, path: &str, text: &str) {
        self.0.write(path, text.as_bytes());
    }

    fn run(&self, args: &[&str]) -> Ran {
        self.0.luascale(args)
    }

    /// Writes `plan.json`; gives it.
    fn plan(&self) -> serde_json::Value {
        self.run(&["plan", "-o", "plan.json"]).expect(0);
        serde_json::from_str(&self.0.read("plan.json")).unwrap()
    }
}

fn git(folder: &Path, who: &str, args: &[&str]) -> String {
    let address = format!("{who}@example.com");
    let out = Command::new("git")
        .args(["-c", "commit.gpgsign=false", "-c", "protocol.file.allow=always"])
        .args(args)
        .current_dir(folder)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .envs([("GIT_AUTHOR_NAME", who), ("GIT_COMMITTER_NAME", who)])
        .envs([("GIT_AUTHOR_EMAIL", address.as_str()), ("GIT_COMMITTER_EMAIL", address.as_str())])
        .output()
        .expect("git is there");
    assert!(out.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).unwrap()
}

fn keygen(folder: &Path, args: &[&str], input: &str) -> (bool, String) {
    let mut child = Command::new("ssh-keygen")
        .args(args)
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("ssh-keygen is missing: scripts/test installs it");
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let out = child.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&out.stdout).into_owned() + &String::from_utf8_lossy(&out.stderr);
    (out.status.success(), text)
}

/// Makes a key outside of the repository; gives the path of its private half and its public line.
fn key(keys: &Folder, name: &str, kind: &[&str]) -> (String, String) {
    let path = keys.path().join(name);
    let shown = path.to_string_lossy().into_owned();
    let (made, said) = keygen(keys.path(), &[&["-q", "-N", "", "-C", name, "-f", &shown], kind].concat(), "");
    assert!(made, "{said}");
    (shown.clone(), keys.read(&format!("{name}.pub")).trim().to_owned())
}

#[test]
fn a_plan_says_what_the_commit_has_and_the_target_does_not() {
    let repository = Repository::with(&[("luascale.yaml", CONFIG), ("web.lua", &policy("web", 10))]);
    let ran = repository.run(&["plan", "--detailed-exitcode", "-o", "plan.json"]).expect(2);
    assert!(ran.stdout.starts_with("Plan for a new directory, generation 0, from "), "{}", ran.stdout);
    assert!(ran.stdout.contains("+ create  web  web.lua  none → "), "{}", ran.stdout);
    assert!(ran.stdout.contains("\n1 to create\n"), "{}", ran.stdout);
    assert!(ran.stdout.contains("approval 1 person who did not write it"), "{}", ran.stdout);
    assert!(!repository.0.path().join("live").exists(), "planning writes nothing to the target");
    let plan: serde_json::Value = serde_json::from_str(&repository.0.read("plan.json")).unwrap();
    let schema: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string("docs/schema/plan.schema.json").unwrap()).unwrap();
    let schema = jsonschema::validator_for(&schema).unwrap();
    let errors: Vec<String> = schema.iter_errors(&plan).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{errors:#?}");
    assert_eq!(plan["git"]["head"], repository.git(&["rev-parse", "HEAD"]).trim());
    // The same commit and target give the same changes, at whatever time.
    let again = repository.plan();
    assert_eq!(again["changes_digest"], plan["changes_digest"]);
    let json = repository.run(&["show", "plan.json", "--format", "json"]).expect(0).stdout;
    assert_eq!(json, repository.0.read("plan.json"));
    let markdown = repository.run(&["show", "plan.json", "--format", "markdown"]).expect(0).stdout;
    assert!(markdown.starts_with("### Plan: 1 to create\n"), "{markdown}");
    let digest = repository.run(&["show", "plan.json", "--changes-digest"]).expect(0).stdout;
    assert_eq!(digest.trim_end(), plan["changes_digest"]);
}

#[test]
fn the_work_tree_is_never_planned() {
    let repository = Repository::with(&[("luascale.yaml", CONFIG), ("web.lua", &policy("web", 10))]);
    let before = repository.plan();
    repository.write("web.lua", &policy("web", 99));
    repository.write("new.lua", &policy("new", 9));
    let ran = repository.run(&["plan", "--format", "json"]).expect(0);
    let after: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(after["changes_digest"], before["changes_digest"]);
    assert!(ran.stderr.contains("note: new.lua and 1 more file"), "{}", ran.stderr);
    // A folder that has no commit has no plan.
    let empty = Folder::with(&[("web.lua", &policy("web", 10))]);
    git(empty.path(), "bob", &["init", "-q", "-b", "main"]);
    let ran = empty.luascale(&["plan", "--target", "directory:live"]).expect(64);
    assert!(ran.stderr.contains("there is no commit to plan yet"), "{}", ran.stderr);
}

#[test]
fn what_does_not_load_is_told_and_no_plan_is_written() {
    let repository = Repository::with(&[("luascale.yaml", CONFIG), ("web.lua", "policy \"web\" {")]);
    let ran = repository.run(&["plan", "-o", "plan.json"]).expect(1);
    assert!(ran.stderr.contains("web.lua") && ran.stderr.contains("there is no plan"), "{}", ran.stderr);
    assert!(!repository.0.path().join("plan.json").exists());
}

#[test]
fn an_edited_plan_is_none() {
    let repository = Repository::with(&[("luascale.yaml", CONFIG), ("web.lua", &policy("web", 10))]);
    repository.plan();
    let text = repository.0.read("plan.json");
    for (from, to, why) in [
        ("\"op\":\"create\"", "\"op\":\"delete\"", "was edited after it was made"),
        ("\n", "\n\n", "not in canonical form"),
        ("luascale-plan/1", "luascale-plan/9", "a plan of the format luascale-plan/9"),
        ("{", "", "is no JSON"),
    ] {
        repository.write("plan.json", &text.replacen(from, to, 1));
        for command in [&["show", "plan.json"][..], &["approve", "plan.json", "--key", "none"]] {
            let ran = repository.run(command).expect(64);
            assert!(ran.stderr.contains(why), "{why}: {}", ran.stderr);
        }
    }
}

#[test]
fn the_configuration_and_the_target_are_those_of_the_base() {
    let repository = Repository::with(&[("luascale.yaml", CONFIG), ("web.lua", &policy("web", 10))]);
    repository.git(&["checkout", "-q", "-b", "change"]);
    repository.write("luascale.yaml", "apply: { directory: { path: elsewhere } }\n");
    repository.commit("send it elsewhere, ask nobody");
    let ran = repository.run(&["plan", "-o", "plan.json"]).expect(0);
    assert!(ran.stdout.contains("approval 1 person"), "{}", ran.stdout);
    let plan: serde_json::Value = serde_json::from_str(&repository.0.read("plan.json")).unwrap();
    assert_eq!(plan["git"]["base"], "main");
    assert_eq!(plan["git"]["merge_base"], repository.git(&["rev-parse", "main"]).trim());
}

#[test]
fn signatures_go_both_ways_with_ssh_keygen() {
    let keys = Folder::with(&[]);
    for (name, kind) in [
        ("ed25519", &["-t", "ed25519"][..]),
        ("ecdsa", &["-t", "ecdsa", "-b", "256"]),
        ("rsa", &["-t", "rsa", "-b", "2048"]),
    ] {
        let (private, public) = key(&keys, name, kind);
        let signers = format!("ann@example.com namespaces=\"luascale\" {public}\n");
        let repository = Repository::with(&[("luascale.yaml", CONFIG), ("allowed_signers", &signers)]);
        repository.write("web.lua", &policy("web", 10));
        repository.commit("add web");
        let digest = repository.plan()["changes_digest"].as_str().unwrap().to_owned() + "\n";
        // Ours, read by theirs.
        let ran = repository.run(&["approve", "plan.json", "--key", &private]).expect(0);
        assert!(
            ran.stderr.contains("approved: 1 of 1") && ran.stderr.contains("by ann@example.com"),
            "{}",
            ran.stderr
        );
        let folder = repository.0.path().join("plan.json.approvals");
        let signature = std::fs::read_dir(&folder).unwrap().next().unwrap().unwrap().path();
        let shown = signature.to_string_lossy().into_owned();
        let (good, said) = keygen(
            repository.0.path(),
            &[
                "-Y",
                "verify",
                "-f",
                "allowed_signers",
                "-I",
                "ann@example.com",
                "-n",
                "luascale",
                "-s",
                &shown,
            ],
            &digest,
        );
        assert!(good, "{name}: {said}");
        std::fs::remove_file(&signature).unwrap();
        // Theirs, read by ours.
        repository.write("digest", &digest);
        let (signed, said) = keygen(
            repository.0.path(),
            &["-Y", "sign", "-q", "-n", "luascale", "-f", &private, "digest"],
            "",
        );
        assert!(signed, "{name}: {said}");
        std::fs::rename(repository.0.path().join("digest.sig"), folder.join("ann.sig")).unwrap();
        let ran = repository.run(&["show", "plan.json"]).expect(0);
        assert!(ran.stdout.contains("\napproved: 1 of 1\n  by ann@example.com"), "{name}: {}", ran.stdout);
        let ran = repository.run(&["show", "plan.json", "--format", "markdown"]).expect(0);
        assert!(ran.stdout.contains("\n**approved: 1 of 1**\n"), "{name}: {}", ran.stdout);
        // Made for something else.
        let (signed, _) =
            keygen(repository.0.path(), &["-Y", "sign", "-q", "-n", "git", "-f", &private, "digest"], "");
        assert!(signed);
        std::fs::rename(repository.0.path().join("digest.sig"), folder.join("ann.sig")).unwrap();
        let ran = repository.run(&["show", "plan.json"]).expect(0);
        assert!(
            ran.stdout.contains("not approved: 0 of 1") && ran.stdout.contains("namespace git"),
            "{}",
            ran.stdout
        );
    }
}

#[test]
fn a_key_with_a_passphrase_signs_through_the_agent() {
    let keys = Folder::with(&[]);
    let path = keys.path().join("ann").to_string_lossy().into_owned();
    let (made, said) = keygen(keys.path(), &["-q", "-t", "ed25519", "-N", "sesame", "-f", &path], "");
    assert!(made, "{said}");
    let signers = format!("ann@example.com {}", keys.read("ann.pub"));
    let repository = Repository::with(&[("luascale.yaml", CONFIG), ("allowed_signers", &signers)]);
    repository.write("web.lua", &policy("web", 10));
    repository.commit("add web");
    repository.plan();
    let ran = repository.run(&["approve", "plan.json", "--key", &path]).expect(64);
    assert!(
        ran.stderr.contains("protected by a passphrase") && ran.stderr.contains("ssh-add"),
        "{}",
        ran.stderr
    );
    let public = format!("{path}.pub");
    let ran = repository.run(&["approve", "plan.json", "--key", &public]).expect(64);
    assert!(ran.stderr.contains("no agent runs"), "{}", ran.stderr);
    // An agent with the key in it, in the clear: ssh-add would ask a terminal for the passphrase.
    let socket = keys.path().join("agent").to_string_lossy().into_owned();
    let mut agent = Command::new("ssh-agent")
        .args(["-D", "-a", &socket])
        .stdout(Stdio::null())
        .spawn()
        .expect("ssh-agent");
    let (opened, said) = keygen(keys.path(), &["-q", "-p", "-P", "sesame", "-N", "", "-f", &path], "");
    assert!(opened, "{said}");
    for _ in 0..200 {
        if Path::new(&socket).exists() {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let approve =
        |env: &[(&str, &str)]| repository.0.luascale_with(&["approve", "plan.json", "--key", &public], env);
    let empty = approve(&[("SSH_AUTH_SOCK", &socket)]);
    let added = Command::new("ssh-add").arg(&path).env("SSH_AUTH_SOCK", &socket).output().unwrap();
    let full = approve(&[("SSH_AUTH_SOCK", &socket)]);
    agent.kill().unwrap();
    agent.wait().unwrap();
    assert!(empty.expect(3).stderr.contains("does not hold the key"));
    assert!(added.status.success());
    assert!(full.expect(0).stderr.contains("approved: 1 of 1"));
}

#[test]
fn whose_approval_does_not_count_is_told_why() {
    let keys = Folder::with(&[]);
    let [ann, bob, eve] = ["ann", "bob", "eve"].map(|name| key(&keys, name, &["-t", "ed25519"]));
    let signers = format!("ann@example.com {}\nbob@example.com {}\n", ann.1, bob.1);
    let repository = Repository::with(&[("luascale.yaml", CONFIG), ("allowed_signers", &signers)]);
    repository.git(&["checkout", "-q", "-b", "change"]);
    repository.write("allowed_signers", &format!("{signers}eve@example.com {}\n", eve.1));
    repository.commit_as("zoe", "add a signer");
    repository.write("web.lua", &policy("web", 10));
    repository.commit("add web");
    repository.plan();
    let approve = |key: &str| {
        // The verdict first, and in the exit status.
        let counts = key == ann.0 && repository.git(&["log", "-1", "--format=%B"]).trim() == "add web";
        let said =
            repository.run(&["approve", "plan.json", "--key", key]).expect(u8::from(!counts).into()).stderr;
        let first = if counts { "approved by SHA256:" } else { "this approval does not count: " };
        assert!(said.starts_with(first) && (counts || said.contains("written all the same")), "{said}");
        said
    };
    let said = approve(&bob.0);
    assert!(said.contains("author's own approval does not count") && said.contains("0 of 1"), "{said}");
    let said = approve(&eve.0);
    assert!(
        said.contains("was added to the signers by this very change") && said.contains("0 of 1"),
        "{said}"
    );
    let unknown = key(&keys, "unknown", &["-t", "ed25519"]);
    let said = approve(&unknown.0);
    assert!(said.contains("is not among the signers of the base") && said.contains("0 of 1"), "{said}");
    let said = approve(&ann.0);
    assert!(said.contains("approved: 1 of 1"), "{said}");
    // Amended after it was approved: the approvals lie beside the new plan and sign another.
    repository.write("web.lua", &policy("web", 11));
    repository.git(&["commit", "-q", "-a", "--amend", "--no-edit"]);
    repository.plan();
    let said = repository.run(&["show", "plan.json"]).expect(0).stdout;
    assert!(said.contains("not approved: 0 of 1") && said.contains("does not sign these changes"), "{said}");
    // Whoever is named as an author of a commit wrote it too.
    repository.git(&["commit", "-q", "--allow-empty", "-m", "more\n\nCo-authored-by: Ann <ann@example.com>"]);
    repository.plan();
    let said = approve(&ann.0);
    assert!(said.contains("author's own approval does not count"), "{said}");
}

#[test]
fn a_clone_that_is_too_shallow_says_what_to_fetch() {
    let repository = Repository::with(&[("luascale.yaml", CONFIG), ("web.lua", &policy("web", 10))]);
    repository.git(&["checkout", "-q", "-b", "change"]);
    for max in 11..14 {
        repository.write("web.lua", &policy("web", max));
        repository.commit("more");
    }
    let clones = Folder::with(&[]);
    let url = format!("file://{}", repository.0.path().display());
    let clone = |depth: &str| {
        git(
            clones.path(),
            "bob",
            &["clone", "-q", "--no-single-branch", "--depth", depth, "-b", "change", &url, depth],
        );
        let mut command = Command::new(env!("CARGO_BIN_EXE_luascale"));
        command.args(["plan"]).current_dir(clones.path().join(depth)).env_clear();
        support::run(command, std::time::Duration::from_secs(120))
    };
    let ran = clone("1").expect(3);
    assert!(ran.stderr.contains("fetch-depth"), "{}", ran.stderr);
    clone("5").expect(0);
}

#[test]
fn one_step_of_a_pipeline_checks_compares_and_plans() {
    let samples = (0..60).fold(String::from("time,cpu,replicas\n"), |text, n| {
        text + &format!("2026-11-02T08:{n:02}:00Z,{},4\n", if n > 20 { 0.95 } else { 0.4 })
    });
    let config = format!("{CONFIG}samples: {{ web: [ monday.csv ] }}\n");
    let repository = Repository::with(&[
        ("luascale.yaml", &config),
        ("monday.csv", &samples),
        ("web.lua", &policy("web", 5)),
    ]);
    repository.git(&["checkout", "-q", "-b", "change"]);
    repository.write("web.lua", &policy("web", 60));
    repository.commit("raise the ceiling");
    let ran = repository.run(&["ci", "--output-dir", "reports"]).expect(0);
    let head: String = repository.git(&["rev-parse", "HEAD"]).chars().take(7).collect();
    assert!(ran.stdout.starts_with(&format!("luascale at {head}")), "{}", ran.stdout);
    assert!(ran.stdout.contains("clean (exit status 0)"), "{}", ran.stdout);
    for (line, what) in [("ok   check", "1 file"), ("ok   diff", "1 policy"), ("ok   plan", "1 to create")] {
        assert!(
            ran.stdout.lines().any(|l| l.starts_with(line) && l.contains(what)),
            "{line}: {}",
            ran.stdout
        );
    }
    let read = |name: &str| repository.0.read(&format!("reports/{name}"));
    for name in ["check.json", "check.sarif", "diff.json", "plan.json"] {
        serde_json::from_str::<serde_json::Value>(&read(name)).unwrap_or_else(|e| panic!("{name}: {e}"));
    }
    assert!(read("diff.md").contains("replicas.max"), "{}", read("diff.md"));
    assert!(read("summary.md").starts_with("## luascale: clean"), "{}", read("summary.md"));
    assert_eq!(read("summary.txt"), ran.stdout);
    // What the change raises is told to whoever approves it, and fails nothing.
    for name in ["check.txt", "check.md"] {
        assert!(read(name).contains("ceiling-raised"), "{name}: {}", read(name));
    }
    assert!(read("diff.html").contains("<html"));
    repository.run(&["show", "reports/plan.json"]).expect(0);
    // What does not load fails the step, and no plan of an earlier run is left to be applied.
    repository.write("web.lua", "policy \"web\" {");
    repository.commit("break it");
    let ran = repository.run(&["ci", "--output-dir", "reports"]).expect(1);
    assert!(ran.stdout.contains("FAIL check") && ran.stdout.contains("FAIL plan"), "{}", ran.stdout);
    assert!(!repository.0.path().join("reports/plan.json").exists());
    // A clone without the base: the sentence, and what can be checked is checked.
    let clones = Folder::with(&[]);
    let url = format!("file://{}", repository.0.path().display());
    git(
        clones.path(),
        "bob",
        &["clone", "-q", "--no-single-branch", "--depth", "1", "-b", "change", &url, "one"],
    );
    let mut command = Command::new(env!("CARGO_BIN_EXE_luascale"));
    command.args(["ci"]).current_dir(clones.path().join("one")).env_clear();
    let ran = support::run(command, std::time::Duration::from_secs(120)).expect(3);
    assert!(ran.stdout.contains("fetch-depth") && ran.stdout.contains("FAIL check"), "{}", ran.stdout);
}

#[test]
fn who_merges_may_approve_and_who_has_a_hand_in_it_may_not() {
    let keys = Folder::with(&[]);
    let [ann, zoe] = ["ann", "zoe"].map(|name| key(&keys, name, &["-t", "ed25519"]));
    let signers = format!("ann@example.com {}\nzoe@example.com {}\n", ann.1, zoe.1);
    let start = || {
        let repository = Repository::with(&[("luascale.yaml", CONFIG), ("allowed_signers", &signers)]);
        repository.git(&["checkout", "-q", "-b", "change"]);
        repository.write("web.lua", &policy("web", 10));
        repository.commit("add web");
        repository.git(&["checkout", "-q", "main"]);
        repository.write("other.txt", "meanwhile");
        repository.commit("meanwhile");
        repository
    };
    let approve = |repository: &Repository, key: &str| {
        repository.plan();
        repository.run(&["approve", "plan.json", "--key", key]).stderr
    };
    let plain = start();
    plain.git_as("ann", &["merge", "-q", "--no-ff", "-m", "merge", "change"]);
    assert!(approve(&plain, &ann.0).contains("approved: 1 of 1"));
    let by_hand = start();
    by_hand.git_as("ann", &["merge", "-q", "--no-ff", "--no-commit", "change"]);
    by_hand.write("web.lua", &policy("web", 99));
    by_hand.commit_as("ann", "merge, and more");
    assert!(approve(&by_hand, &ann.0).contains("author's own approval does not count"));
    // Under another's name, and yet with her own key.
    let signed = start();
    signed.git(&["checkout", "-q", "change"]);
    let key = format!("user.signingkey={}", zoe.0);
    signed.git(&["-c", "gpg.format=ssh", "-c", &key, "commit", "-q", "-S", "--allow-empty", "-m", "signed"]);
    let said = approve(&signed, &zoe.0);
    assert!(said.contains("signed the commit") && said.contains("not approved: 0 of 1"), "{said}");
}

#[test]
fn apply_takes_no_approval_that_does_not_count() {
    let keys = Folder::with(&[]);
    let [ann, bob, eve] = ["ann", "bob", "eve"].map(|name| key(&keys, name, &["-t", "ed25519"]));
    let signers = format!("ann@example.com {}\nbob@example.com {}\n", ann.1, bob.1);
    let repository = Repository::with(&[
        ("luascale.yaml", CONFIG),
        ("allowed_signers", &signers),
        (".gitignore", "live\nplan.json*\n"),
    ]);
    repository.write("web.lua", &policy("web", 10));
    repository.commit("add web");
    repository.plan();
    let approve = |key: &str| repository.run(&["approve", "plan.json", "--key", key]).stderr;
    let apply = || repository.run(&["apply", "plan.json"]);
    let refused = |why: &str| {
        let ran = apply().expect(1);
        let said = format!("{}{}", ran.stdout, ran.stderr);
        assert!(said.contains("nothing was applied") && said.contains(why), "{why}: {said}");
    };
    refused("nobody approved it");
    approve(&bob.0);
    refused("author's own approval does not count");
    refused("and no approval counts");
    approve(&eve.0);
    refused("is not among the signers of the base");
    approve(&ann.0);
    apply().expect(0);
    assert!(repository.0.path().join("live/current").exists());
    // Eve's key comes with one commit and her change with the next, straight onto the branch: what
    // is live knows neither.
    repository.write("allowed_signers", &format!("{signers}eve@example.com {}\n", eve.1));
    repository.commit_as("zoe", "add a signer");
    repository.write("web.lua", &policy("web", 11));
    repository.commit("raise it");
    repository.git(&["clean", "-q", "-x", "-f", "-d", "plan.json.approvals"]);
    let ran = repository.run(&["plan", "-o", "plan.json"]).expect(0);
    assert!(ran.stdout.contains("replicas.max: 10 → 11, up to 1 more replica"), "{}", ran.stdout);
    approve(&eve.0);
    refused("was added to the signers by this very change");
    approve(&ann.0);
    // Amended after it was approved.
    repository.write("web.lua", &policy("web", 12));
    repository.git(&["commit", "-q", "-a", "--amend", "--no-edit"]);
    refused("git has version");
    repository.plan();
    refused("does not sign these changes");
    approve(&ann.0);
    apply().expect(0);
}
