//! The ways in which a team takes luascale in: hooks of the real pre-commit, by Rust and by a
//! binary on the PATH, and a wheel that pip installs.

#![cfg(unix)]
#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test")]

mod support;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use support::Folder;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// A program that `scripts/test` installs.
fn tool(name: &str) -> PathBuf {
    let path = Path::new(ROOT).join(".tools/python/bin").join(name);
    assert!(path.is_file(), "{name} is not there: scripts/test installs it");
    path
}

/// The folder with the binary under test.
fn beside() -> PathBuf {
    Path::new(env!("CARGO_BIN_EXE_luascale")).parent().unwrap().to_owned()
}

fn run(command: &mut Command) -> (bool, String) {
    let Output { status, stdout, stderr } = command.output().unwrap();
    (status.success(), format!("{}{}", String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr)))
}

fn git(folder: &Path, args: &[&str]) {
    let who = ["-c", "user.name=Ana", "-c", "user.email=ana@example.com", "-c", "commit.gpgsign=false"];
    let (good, said) = run(Command::new("git").args(who).args(args).current_dir(folder));
    assert!(good, "git {args:?}: {said}");
}

/// A hook repository with a tag, as a team's configuration names one.
fn hooks(whole: bool) -> Folder {
    let folder = Folder::with(&[]);
    if whole {
        // Everything that is tracked, as it is here: what `cargo install` builds.
        let list = Command::new("git").args(["ls-files", "-z"]).current_dir(ROOT).output().unwrap();
        for path in String::from_utf8(list.stdout).unwrap().split('\0').filter(|path| !path.is_empty()) {
            if let Ok(bytes) = std::fs::read(Path::new(ROOT).join(path)) {
                folder.write(path, &bytes);
            }
        }
    } else {
        folder.write(
            ".pre-commit-hooks.yaml",
            &std::fs::read(Path::new(ROOT).join(".pre-commit-hooks.yaml")).unwrap(),
        );
    }
    git(folder.path(), &["init", "-q", "-b", "main"]);
    git(folder.path(), &["add", "-A"]);
    git(folder.path(), &["commit", "-q", "-m", "all"]);
    git(folder.path(), &["tag", "v1"]);
    folder
}

const CLEAN: &str = r#"policy "web" {
  replicas = { min = 2, max = 10 },
  metrics = { cpu = prometheus { query = "avg(cpu_utilization)", unit = "ratio", per = "replica" } },
  track = { cpu = 0.6 },
}
"#;
const WRONG: &str = "policy \"web\" { replicas = { min = 5, max = 2 } }\n";

/// A team's repository with one policy, staged.
fn team(config: &str, policy: &str) -> Folder {
    let folder = Folder::with(&[(".pre-commit-config.yaml", config), ("policies/web.lua", policy)]);
    git(folder.path(), &["init", "-q", "-b", "main"]);
    git(folder.path(), &["add", "-A"]);
    folder
}

/// `pre-commit run` in a team's repository, with the folder of the binary on the PATH or not.
fn pre_commit(team: &Folder, home: &Folder, binary: bool, more: &[(&str, &str)]) -> (bool, String) {
    let path = std::env::var("PATH").unwrap();
    let path = if binary { format!("{}:{path}", beside().display()) } else { path };
    let mut command = Command::new(tool("pre-commit"));
    command.args(["run", "--all-files", "--color", "never"]).current_dir(team.path());
    command.env("PATH", path).env("PRE_COMMIT_HOME", home.path().join("cache")).envs(more.iter().copied());
    run(&mut command)
}

fn config(hooks: &Folder, language: &str) -> String {
    let hook = |id: &str| format!("      - id: {id}\n{language}");
    format!(
        "repos:\n  - repo: {}\n    rev: v1\n    hooks:\n{}{}",
        hooks.path().display(),
        hook("luascale-check"),
        hook("luascale-fix"),
    )
}

#[test]
fn hooks_run_the_binary_of_the_path() {
    let (hooks, home) = (hooks(false), Folder::with(&[]));
    let config = config(&hooks, "        language: system\n");
    let clean = pre_commit(&team(&config, CLEAN), &home, true, &[]);
    assert!(clean.0, "{}", clean.1);
    assert_eq!(clean.1.matches("Passed").count(), 2, "{}", clean.1);
    let wrong = pre_commit(&team(&config, WRONG), &home, true, &[]);
    assert!(!wrong.0 && wrong.1.contains("bounds-crossed"), "{}", wrong.1);
    // A fix changes the file, which is how pre-commit knows to stop.
    let unused = CLEAN.replace("policy \"web\"", "local unused = 1\npolicy \"web\"");
    let team = team(&config, &unused);
    let fixed = pre_commit(&team, &home, true, &[]);
    assert!(!fixed.0, "{}", fixed.1);
    assert_eq!(team.read("policies/web.lua"), CLEAN, "{}", fixed.1);
    git(team.path(), &["add", "-A"]);
    assert!(pre_commit(&team, &home, true, &[]).0);
}

#[test]
fn a_changed_configuration_is_checked_too() {
    let (hooks, home) = (hooks(false), Folder::with(&[]));
    let team = team(&config(&hooks, "        language: system\n"), CLEAN);
    team.write("luascale.yaml", b"lint: { selct: [] }\n");
    git(team.path(), &["add", "-A"]);
    let (good, said) = pre_commit(&team, &home, true, &[]);
    assert!(!good && said.contains("did you mean `select`?"), "{said}");
}

#[test]
fn the_manifest_is_one_that_pre_commit_takes() {
    let manifest = Path::new(ROOT).join(".pre-commit-hooks.yaml");
    let (good, said) = run(Command::new(tool("pre-commit")).arg("validate-manifest").arg(manifest));
    assert!(good, "{said}");
}

/// Builds are shared with the repository's own release build, so that what is built once is not
/// built again.
fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| Path::new(ROOT).join("target"), PathBuf::from)
}

#[test]
fn hooks_are_built_from_the_repository() {
    let (hooks, home) = (hooks(true), Folder::with(&[]));
    let team = team(&config(&hooks, ""), WRONG);
    let target = target();
    let (good, said) = pre_commit(&team, &home, false, &[("CARGO_TARGET_DIR", target.to_str().unwrap())]);
    assert!(!good && said.contains("bounds-crossed"), "{said}");
}

#[test]
fn a_wheel_installs_the_binary_and_hooks_run_it() {
    let wheels = Folder::with(&[]);
    let mut build = Command::new(tool("maturin"));
    build.args(["build", "--release", "--out"]).arg(wheels.path()).current_dir(ROOT);
    build.env("CARGO_TARGET_DIR", target());
    let (good, said) = run(&mut build);
    assert!(good, "{said}");
    let found: Vec<PathBuf> =
        std::fs::read_dir(wheels.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    let [wheel] = found.as_slice() else { panic!("{found:?}") };

    // The wheel is what is at hand of luascale; what pre-commit's own environments need comes from the index.
    let version = env!("CARGO_PKG_VERSION");
    let config = format!(
        "repos:\n  - repo: local\n    hooks:\n      - id: luascale-check\n        name: luascale check\n        \
         language: python\n        entry: luascale check\n        files: \\.lua$\n        \
         additional_dependencies: [\"luascale=={version}\"]\n"
    );
    let home = Folder::with(&[]);
    let links = wheel.parent().unwrap().to_str().unwrap();
    let only = [("PIP_FIND_LINKS", links)];
    let wrong = pre_commit(&team(&config, WRONG), &home, false, &only);
    assert!(!wrong.0 && wrong.1.contains("bounds-crossed"), "{}", wrong.1);
    let clean = pre_commit(&team(&config, CLEAN), &home, false, &only);
    assert!(clean.0, "{}", clean.1);
}
