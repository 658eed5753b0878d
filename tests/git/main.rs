//! Commands that read a repository, in repositories of every odd kind, made by git itself.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod history;
mod judged;
mod meaning;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const POLICY: &str = "policy \"web\" {\n  replicas = { min = 2, max = 10 },\n  metrics = { cpu = prometheus { query = \"cpu\", unit = \"ratio\", per = \"replica\" } },\n  scale_out = { { name = \"hot\", when = function(m) return m.cpu > 0.8 end, add = 2 } },\n}\n";

/// A repository of git's own making, in a folder that goes with it.
struct Repo {
    _outer: tempfile::TempDir,
    root: PathBuf,
}

fn run(program: &str, folder: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(program);
    command.args(args).current_dir(folder).env_clear();
    command.env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("HOME", folder.parent().unwrap());
    for (key, value) in [
        ("GIT_CONFIG_NOSYSTEM", "1"),
        ("GIT_AUTHOR_NAME", "A"),
        ("GIT_AUTHOR_EMAIL", "a@example.com"),
        ("GIT_COMMITTER_NAME", "A"),
        ("GIT_COMMITTER_EMAIL", "a@example.com"),
        ("GIT_AUTHOR_DATE", "2026-01-01T00:00:00Z"),
        ("GIT_COMMITTER_DATE", "2026-01-01T00:00:00Z"),
    ] {
        command.env(key, value);
    }
    command.output().unwrap()
}

fn git(folder: &Path, args: &[&str]) -> String {
    let output = run("git", folder, args);
    assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_string()
}

/// Exit status and all that luascale said.
fn luascale(folder: &Path, args: &[&str]) -> (i32, String) {
    let mut all = args.to_vec();
    // Before a `--`, after which stand paths.
    all.splice(1..1, ["--color", "never"]);
    let output = run(env!("CARGO_BIN_EXE_luascale"), folder, &all);
    let text =
        [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    (output.status.code().unwrap_or(-1), text)
}

impl Repo {
    /// With one commit of one policy on `main`.
    fn new() -> Repo {
        let repo = Repo::empty();
        repo.write("web.lua", POLICY);
        repo.commit("Start");
        repo
    }

    fn empty() -> Repo {
        let outer = tempfile::tempdir().unwrap();
        let root = outer.path().join("repo");
        std::fs::create_dir(&root).unwrap();
        git(&root, &["init", "-q", "-b", "main"]);
        Repo { _outer: outer, root }
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.root.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn commit(&self, message: &str) -> String {
        git(&self.root, &["add", "-A"]);
        git(&self.root, &["commit", "-q", "-m", message]);
        git(&self.root, &["rev-parse", "HEAD"])
    }

    /// Changes the ceiling, and commits.
    fn ceiling(&self, max: u32) -> String {
        self.write("web.lua", &POLICY.replace("max = 10", &format!("max = {max}")));
        self.commit(&format!("Max {max}"))
    }

    fn beside(&self, name: &str) -> PathBuf {
        self.root.parent().unwrap().join(name)
    }

    fn diff(&self, args: &[&str]) -> (i32, String) {
        let mut all = vec!["diff"];
        all.extend(args);
        luascale(&self.root, &all)
    }
}

#[track_caller]
fn says(found: &(i32, String), status: i32, words: &[&str]) {
    assert_eq!(found.0, status, "{}", found.1);
    for word in words {
        assert!(found.1.contains(word), "no {word:?} in:\n{}", found.1);
    }
}

/// Asserts that a report keeps to its schema.
#[track_caller]
fn follows(schema: &str, report: &serde_json::Value) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/schema").join(schema);
    let schema: serde_json::Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let wrong: Vec<String> =
        jsonschema::validator_for(&schema).unwrap().iter_errors(report).map(|e| e.to_string()).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
}

#[test]
fn a_change_is_told_in_numbers_and_by_the_exit_status_where_asked() {
    let repo = Repo::new();
    says(&repo.diff(&["--detailed-exitcode"]), 0, &["no policy differs"]);
    repo.ceiling(14);
    says(&repo.diff(&["HEAD~1..HEAD"]), 0, &["1 policy changed", "10 → 14", "up to 4 more replicas"]);
    says(&repo.diff(&["HEAD~1..HEAD", "--detailed-exitcode"]), 2, &["replicas.max"]);
    says(&repo.diff(&["main..nosuch"]), 64, &["no commit is named nosuch"]);
    says(&repo.diff(&["main..mian"]), 64, &["did you mean main?"]);
    says(&repo.diff(&["HEAD~1", "--", "elsewhere"]), 64, &["neither side has elsewhere"]);
    says(&repo.diff(&["HEAD~1", "--", "/"]), 64, &["outside of the repository"]);
}

#[test]
fn a_refactoring_is_no_change_of_meaning() {
    let repo = Repo::new();
    let text = POLICY.replace(
        "function(m) return m.cpu > 0.8 end",
        "function(all)\n    -- hot\n    return 0.80 < all.cpu\n  end",
    );
    repo.write("web.lua", &text);
    says(&repo.diff(&[]), 0, &["no change of meaning"]);
    repo.write("lib/hot.lua", "return { hot = function(m, at) return m.cpu > at end }\n");
    let text = POLICY.replace("function(m) return m.cpu > 0.8 end", "function(m) return lib.hot(m, 0.8) end");
    repo.write("web.lua", &format!("local lib = require \"lib.hot\"\n{text}"));
    says(&repo.diff(&[]), 0, &["no change of meaning", "lib/hot.lua"]);
}

#[test]
fn what_a_policy_requires_is_a_part_of_it() {
    let repo = Repo::new();
    repo.write("lib/limits.lua", "return { most = 10 }\n");
    repo.write("a.lua", "local l = require \"lib.limits\"\npolicy \"a\" { replicas = { max = l.most } }\n");
    repo.write(
        "b.lua",
        "local l = require('lib.limits')\npolicy \"b\" { replicas = { max = l.most + 1 } }\n",
    );
    repo.commit("Limits");
    repo.write("lib/limits.lua", "return { most = 12 }\n");
    let found = repo.diff(&[]);
    says(&found, 0, &["2 policies changed", "10 → 12", "11 → 13", "by a change in lib/limits.lua"]);
    assert!(!found.1.contains("web"), "{}", found.1);
}

#[test]
fn renames_are_followed() {
    let repo = Repo::new();
    git(&repo.root, &["mv", "web.lua", "shop.lua"]);
    repo.write("shop.lua", &POLICY.replace("\"web\"", "\"shop\"").replace("max = 10", "max = 11"));
    says(&repo.diff(&[]), 0, &["web → shop", "renamed", "web.lua → shop.lua", "10 → 11"]);
    repo.write("shop.lua", &POLICY.replace("\"web\"", "\"shop\""));
    repo.write("other.lua", "policy \"other\" { replicas = { max = 3 } }\n");
    says(&repo.diff(&[]), 0, &["renamed", "1 added", "replicas 1 to 3"]);
}

#[test]
fn a_rename_of_case_alone_is_no_other_policy() {
    let repo = Repo::new();
    git(&repo.root, &["mv", "web.lua", "Web.lua"]);
    repo.commit("Case");
    let found = repo.diff(&["HEAD~1..HEAD"]);
    says(&found, 0, &["web.lua → Web.lua", "no change of meaning"]);
}

#[test]
fn shallow_clones_say_what_to_fetch() {
    let repo = Repo::new();
    for max in [11, 12, 13] {
        repo.ceiling(max);
    }
    git(&repo.root, &["checkout", "-q", "-b", "topic", "HEAD~2"]);
    repo.ceiling(20);
    repo.ceiling(21);
    git(&repo.root, &["checkout", "-q", "main"]);
    for depth in ["1", "2"] {
        let clone = repo.beside(&format!("shallow{depth}"));
        let url = format!("file://{}", repo.root.display());
        let to = clone.to_string_lossy().into_owned();
        git(
            repo.root.parent().unwrap(),
            &["clone", "-q", "--depth", depth, "--no-single-branch", "-b", "topic", &url, &to],
        );
        let found = luascale(&clone, &["diff"]);
        says(&found, 3, &["merge base", "shallow", "fetch-depth of 0"]);
        // Both sides are there, so that they can be compared as they are.
        says(&luascale(&clone, &["diff", "origin/main..HEAD"]), 0, &["13 → 21"]);
    }
    let clone = repo.beside("shallow2");
    says(&luascale(&clone, &["diff", "HEAD~1..HEAD"]), 0, &["20 → 21"]);
    says(&luascale(&clone, &["diff", "HEAD~4..HEAD"]), 64, &["no commit is named HEAD~4", "fetch-depth: 0"]);
}

#[test]
fn a_detached_head_is_compared_with_the_default_branch() {
    let repo = Repo::new();
    let first = repo.ceiling(11);
    git(&repo.root, &["checkout", "-q", "--detach", &first]);
    repo.write("web.lua", &POLICY.replace("max = 10", "max = 12"));
    says(&repo.diff(&[]), 0, &["11 → 12"]);
}

#[test]
fn a_bare_repository_needs_both_sides() {
    let repo = Repo::new();
    repo.ceiling(11);
    let bare = repo.beside("bare.git");
    git(&repo.root, &["clone", "-q", "--bare", ".", &bare.to_string_lossy()]);
    says(&luascale(&bare, &["diff"]), 64, &["bare repository", "name both sides"]);
    says(&luascale(&bare, &["diff", "main~1..main"]), 0, &["10 → 11"]);
}

#[test]
fn a_linked_work_tree_is_one_of_its_own() {
    let repo = Repo::new();
    let linked = repo.beside("linked");
    git(&repo.root, &["worktree", "add", "-q", "-b", "topic", &linked.to_string_lossy()]);
    std::fs::write(linked.join("web.lua"), POLICY.replace("max = 10", "max = 15")).unwrap();
    says(&luascale(&linked, &["diff"]), 0, &["10 → 15"]);
    says(&repo.diff(&[]), 0, &["no policy differs"]);
}

#[test]
fn submodules_and_links_are_named_and_not_followed() {
    let inner = Repo::new();
    let repo = Repo::new();
    let url = inner.root.to_string_lossy().into_owned();
    git(&repo.root, &["-c", "protocol.file.allow=always", "submodule", "add", "-q", &url, "vendor"]);
    #[cfg(unix)]
    {
        std::fs::write(repo.beside("outside.lua"), "policy \"out\" { replicas = { max = 1 } }").unwrap();
        std::os::unix::fs::symlink("../outside.lua", repo.root.join("out.lua")).unwrap();
    }
    repo.commit("Both");
    for range in ["HEAD~1..HEAD", "HEAD~1"] {
        let found = repo.diff(&[range]);
        says(&found, 0, &["no policy differs", "left out: vendor, it is a submodule"]);
        #[cfg(unix)]
        says(&found, 0, &["left out: out.lua, it is a symbolic link"]);
    }
}

#[test]
fn a_pointer_of_lfs_is_named() {
    let repo = Repo::new();
    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12345\n";
    repo.write("big.lua", pointer);
    let found = repo.diff(&[]);
    says(&found, 1, &["big.lua", "Git LFS pointer"]);
    assert!(!found.1.contains("1 removed"), "{}", found.1);
}

#[cfg(unix)]
#[test]
fn odd_names_are_read_and_shown_on_one_line() {
    use std::os::unix::ffi::OsStrExt;
    let repo = Repo::new();
    let text = |name: &str| format!("policy \"{name}\" {{ replicas = {{ max = 3 }} }}\n");
    std::fs::write(repo.root.join("with space.lua"), text("space")).unwrap();
    std::fs::write(repo.root.join("with\nline.lua"), text("line")).unwrap();
    std::fs::write(repo.root.join(std::ffi::OsStr::from_bytes(b"with\xff.lua")), text("bytes")).unwrap();
    let check = |found: (i32, String)| {
        says(&found, 0, &["3 policies added", "with space.lua", "with\\nline.lua", "with\u{fffd}.lua"]);
    };
    check(repo.diff(&[]));
    repo.commit("Odd");
    check(repo.diff(&["HEAD~1..HEAD"]));
}

#[test]
fn an_octopus_merge_is_a_commit_like_others() {
    let repo = Repo::new();
    for name in ["a", "b", "c"] {
        git(&repo.root, &["checkout", "-q", "-b", name, "main"]);
        repo.write(&format!("{name}.lua"), &format!("policy \"{name}\" {{ replicas = {{ max = 3 }} }}\n"));
        repo.commit(name);
    }
    git(&repo.root, &["checkout", "-q", "main"]);
    git(&repo.root, &["merge", "-q", "--no-ff", "-m", "Octopus", "a", "b", "c"]);
    says(&repo.diff(&["HEAD~1..HEAD"]), 0, &["3 policies added"]);
}

#[test]
fn a_repository_without_a_commit_is_compared_with_nothing() {
    let repo = Repo::empty();
    says(&repo.diff(&[]), 0, &["no policy differs", "no commit yet"]);
    repo.write("web.lua", POLICY);
    says(&repo.diff(&[]), 0, &["1 policy added", "replicas 2 to 10"]);
    says(&repo.diff(&["HEAD"]), 64, &["no commit yet"]);
    // A branch that is not born, beside one that is.
    let repo = Repo::new();
    git(&repo.root, &["checkout", "-q", "--orphan", "fresh"]);
    says(&repo.diff(&[]), 0, &["1 policy added"]);
}

#[test]
fn outside_of_a_repository_there_is_nothing_to_compare() {
    let folder = tempfile::tempdir().unwrap();
    let inner = folder.path().join("plain");
    std::fs::create_dir(&inner).unwrap();
    says(&luascale(&inner, &["diff"]), 64, &["no git repository"]);
}

#[cfg(unix)]
#[test]
fn a_repository_of_somebody_else_is_not_read() {
    let repo = Repo::new();
    // Only the super-user can give a folder away.
    let given =
        Command::new("chown").args(["-R", "12345"]).arg(&repo.root).status().is_ok_and(|s| s.success());
    if !given {
        eprintln!("skipped: chown needs the super-user");
        return;
    }
    says(&repo.diff(&[]), 3, &["belongs to another user", "safe.directory"]);
}

#[test]
fn a_file_that_does_not_load_is_named_and_the_rest_is_compared() {
    let repo = Repo::new();
    repo.write("b.lua", "policy \"b\" { replicas = { max = 3 } }\n");
    repo.commit("Two");
    repo.ceiling(11);
    repo.write("b.lua", "policy \"b\" { replicas = { max = \n");
    let found = repo.diff(&["HEAD~1"]);
    says(&found, 1, &["10 → 11", "b.lua does not load after"]);
    assert!(!found.1.contains("removed"), "{}", found.1);
}

#[test]
fn a_broken_file_that_the_change_leaves_alone_is_no_fault_of_it() {
    let repo = Repo::new();
    repo.write(
        "broken.luau",
        "local name = \"lib\"\nrequire(name)\npolicy \"b\" { replicas = { max = 0 } }\n",
    );
    repo.commit("Two");
    repo.ceiling(11);
    let found = repo.diff(&["HEAD~1"]);
    says(&found, 0, &["10 → 11"]);
    assert!(!found.1.contains("broken.luau"), "{}", found.1);
    repo.write("broken.luau", "require(name)\npolicy \"b\" { replicas = { max = 0 } }\n");
    says(&repo.diff(&["HEAD"]), 1, &["broken.luau does not load after"]);
}

#[test]
fn names_and_paths_that_neither_side_has_are_slips() {
    let repo = Repo::new();
    repo.write("calm.lua", &POLICY.replace("web", "calm"));
    repo.commit("Two");
    repo.ceiling(11);
    says(&repo.diff(&["HEAD~1", "--policy", "calm"]), 0, &["no policy differs"]);
    says(&repo.diff(&["HEAD~1", "--policy", "nope"]), 64, &["no policy is named nope", "calm, web"]);
    says(&repo.diff(&["HEAD~1", "--policy", "clam"]), 64, &["did you mean calm?"]);
    says(&repo.diff(&["HEAD~1", "--", "nosuch"]), 64, &["neither side has nosuch"]);
    says(&repo.diff(&["HEAD~1", "--", "calm.lua"]), 0, &["no policy differs"]);
}

#[test]
fn a_change_is_not_called_none_where_its_meaning_was_not_asked_for() {
    let repo = Repo::new();
    repo.ceiling(11);
    let found = repo.diff(&["HEAD~1", "--behaviour"]);
    says(&found, 0, &["1 policy changed; what it means was not asked for"]);
    assert!(!found.1.contains("no change of meaning"), "{}", found.1);
    repo.write("web.lua", &format!("-- as before\n{}", POLICY.replace("max = 10", "max = 11")));
    says(&repo.diff(&["HEAD", "--behaviour"]), 0, &["no change of meaning"]);
}

#[test]
fn what_the_configuration_declares_is_read_from_each_side() {
    let repo = Repo::empty();
    repo.write("old.lua", "if metrics.cpu > 0.8 then scale_out() end\n");
    let entry = |max: u32| {
        format!(
            "policies:\n  old.lua: {{ replicas: {{ max: {max} }}, metrics: {{ cpu: {{ file: {{ path: cpu.csv, column: cpu }}, unit: ratio, per: replica }} }} }}\n"
        )
    };
    repo.write("luascale.yaml", &entry(4));
    repo.commit("Script");
    // A comment is no change.
    repo.write("luascale.yaml", &format!("# The old one.\n{}", entry(4)));
    says(&repo.diff(&["--meaning"]), 0, &["no policy differs"]);
    repo.write("luascale.yaml", &entry(6));
    says(&repo.diff(&["--meaning"]), 0, &["old changed", "4 → 6", "its entry in luascale.yaml"]);
}

#[test]
fn both_versions_run_on_the_mapped_recording() {
    let repo = Repo::new();
    let rows: String = (0..40)
        .map(|at| format!("2026-01-01T00:{:02}:00Z,{},4\n", at, if at < 20 { 0.5 } else { 0.75 }))
        .collect();
    repo.write("day.csv", &format!("time,cpu,replicas\n{rows}"));
    repo.write("luascale.yaml", "samples:\n  web: [ day.csv ]\n");
    repo.commit("Recording");
    repo.write("web.lua", &POLICY.replace("m.cpu > 0.8", "m.cpu > 0.7"));
    let found = repo.diff(&[]);
    says(
        &found,
        0,
        &[
            "cpu > 0.8 → cpu > 0.7",
            "it adds replicas sooner",
            "on day.csv",
            "they part once",
            "first at 00:20:00 UTC",
            "replica-hours",
        ],
    );
    says(&repo.diff(&["--format", "markdown"]), 0, &["xychart-beta"]);
    let (_, json) = repo.diff(&["--format", "json"]);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    follows("diff.schema.json", &json);
    let compared = &json["policies"][0]["behaviour"][0];
    assert_eq!(compared["first"][0]["time"], "2026-01-01T00:20:00Z");
    let (before, after) = (&compared["before"]["replica_hours"], &compared["after"]["replica_hours"]);
    assert!(after.as_f64() > before.as_f64(), "{compared}");
}

#[test]
fn check_tells_what_a_change_weakens_and_nothing_else() {
    let repo = Repo::new();
    repo.write("other.lua", "policy \"other\" { replicas = { max = 3 }, metrics = { cpu = prometheus { query = \"c\", unit = \"ratio\", per = \"replica\" } },\n  scale_out = { { name = \"never\", when = function(m) return m.cpu > 80 end, add = 1 } } }\n");
    repo.write("luascale.yaml", "approval: { branch: main, reviews: 2 }\n");
    repo.commit("Two");
    repo.write("web.lua", &POLICY.replace("max = 10", "max = 40"));
    repo.write("luascale.yaml", "approval: { branch: main, reviews: 1 }\n");
    let found = luascale(&repo.root, &["check", "--diff", "HEAD", "--no-cache"]);
    says(&found, 1, &["ceiling-raised", "web.lua", "weaker-settings", "1 instead of 2"]);
    assert!(!found.1.contains("other.lua"), "{}", found.1);
    // In a folder below, files have other names.
    repo.write("deep/x.lua", "policy \"x\" { replicas = { max = 3 } }\n");
    let found = luascale(&repo.root.join("deep"), &["check", "--diff", "HEAD", "..", "--no-cache"]);
    says(&found, 1, &["ceiling-raised", "../web.lua"]);
}

#[test]
fn a_cooldown_that_is_left_out_is_as_long_as_the_startup() {
    let repo = Repo::new();
    let with = |more: &str| POLICY.replace("  replicas", &format!("  {more}\n  replicas"));
    repo.write("web.lua", &with("startup = \"60s\", cooldown = { scale_out = \"2m\" },"));
    repo.commit("Two");
    repo.write("web.lua", &with("startup = \"60s\","));
    says(&repo.diff(&["HEAD"]), 0, &["2m → 1m (startup)", "it rests for its startup, 1m"]);
    says(&luascale(&repo.root, &["check", "--diff", "HEAD"]), 1, &["was 2m and is 1m (startup)"]);
    // `to` is the same however often it is proposed: nothing is implied.
    let to = |text: &str| text.replace("add = 2", "to = 8");
    repo.write("web.lua", &to(&with("startup = \"60s\", cooldown = { scale_out = \"2m\" },")));
    repo.commit("Three");
    repo.write("web.lua", &to(&with("startup = \"60s\",")));
    says(&repo.diff(&["HEAD"]), 0, &["2m → none", "it does not rest after growing"]);
}
