//! A repository with a pull request, on disk and on the fake, and `luascale review` run on it as a
//! pipeline would: the branch that is merged into is checked out, the head is only among git's objects.

use crate::github::store::files;
use crate::support::{Folder, Ran, run};
use crate::world::{PERMISSIONS, REPOSITORY, TOKEN, World, world};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// Where policies are applied to, and what guards them.
pub const CONFIG: &str = "apply: { directory: { path: live } }\napproval: { branch: main, reviews: 1 }\nsamples:\n  web: [day.csv]\n";

/// A recording of an hour.
pub fn day() -> String {
    let mut out = String::from("time,cpu,replicas\n");
    for minute in 0..60 {
        out.push_str(&format!("2026-11-29T08:{minute:02}:00Z,{},4\n", if minute > 30 { 0.9 } else { 0.5 }));
    }
    out
}

/// A policy, with lines before it.
pub fn policy(name: &str, max: u32, before: &str) -> String {
    format!(
        "{before}policy \"{name}\" {{
  replicas = {{ min = 2, max = {max} }},
  metrics = {{ cpu = prometheus {{ query = \"avg(cpu_utilization)\", unit = \"ratio\", per = \"replica\", saturation = 1 }} }},
  track = {{ cpu = 0.6 }},
}}
"
    )
}

/// A repository and its pull request.
pub struct Site {
    /// The clone.
    pub folder: Folder,
    /// The fake, which ends with the site.
    pub world: World,
}

/// Runs git in a folder.
pub fn git(folder: &Path, args: &[&str]) -> String {
    let who = [("GIT_AUTHOR_NAME", "dev"), ("GIT_COMMITTER_NAME", "dev")];
    let at = [("GIT_AUTHOR_EMAIL", "dev@example.com"), ("GIT_COMMITTER_EMAIL", "dev@example.com")];
    let out = Command::new("git")
        .args(["-c", "commit.gpgsign=false"])
        .args(args)
        .current_dir(folder)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .envs(who)
        .envs(at)
        .output()
        .expect("git is there");
    assert!(out.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8_lossy(&out.stdout).trim().to_owned()
}

impl Site {
    /// `main` with some files, and a request that changes some.
    pub fn new(main: &[(&str, &str)], topic: &[(&str, &str)]) -> Site {
        Site::with(&PERMISSIONS, main, topic)
    }

    /// The same with a token that may do so much.
    pub fn with(permissions: &[&str], main: &[(&str, &str)], topic: &[(&str, &str)]) -> Site {
        let folder = Folder::with(&[("luascale.yaml", CONFIG), ("day.csv", &day())]);
        main.iter().for_each(|(path, text)| drop(folder.write(path, text.as_bytes())));
        git(folder.path(), &["init", "-q", "-b", "main"]);
        git(folder.path(), &["add", "-A"]);
        git(folder.path(), &["commit", "-q", "-m", "first"]);
        let site = Site { folder, world: world(permissions) };
        git(site.folder.path(), &["checkout", "-q", "-b", "topic"]);
        site.push(topic);
        site
    }

    /// Commits to the branch of the request, and has the fake know it. A file without text goes.
    pub fn push(&self, files: &[(&str, &str)]) {
        let at = self.folder.path();
        git(at, &["checkout", "-q", "topic"]);
        for (path, text) in files {
            match *text {
                "" => drop(std::fs::remove_file(at.join(path))),
                text => drop(self.folder.write(path, text.as_bytes())),
            }
        }
        self.commit();
    }

    /// Commits whatever is in the work tree to the branch of the request.
    pub fn commit(&self) {
        let at = self.folder.path();
        git(at, &["add", "-A"]);
        git(at, &["commit", "-q", "--allow-empty", "-m", "change"]);
        git(at, &["checkout", "-q", "main"]);
        let (base, head) = (git(at, &["rev-parse", "main"]), git(at, &["rev-parse", "topic"]));
        let touched = files(at, &base, &head);
        self.world.with(|store| {
            let pull = store.pull(REPOSITORY, 7);
            (pull.head.sha, pull.base.sha, pull.files) = (head.clone(), base.clone(), touched);
        });
        let event = serde_json::json!({ "pull_request": {
            "number": 7, "head": { "sha": head }, "base": { "sha": base, "ref": "main" },
        } });
        self.folder.write(".git/event.json", event.to_string().as_bytes());
    }

    /// The head of the request.
    pub fn head(&self) -> String {
        git(self.folder.path(), &["rev-parse", "topic"])
    }

    /// The environment of a pipeline.
    pub fn environment(&self) -> Vec<(String, String)> {
        let mut environment = self.world.environment(TOKEN);
        let event = self.folder.path().join(".git/event.json");
        environment.push(("GITHUB_REPOSITORY".into(), REPOSITORY.into()));
        environment.push(("GITHUB_EVENT_PATH".into(), event.to_string_lossy().into_owned()));
        environment.push(("GITHUB_REF".into(), "refs/pull/7/merge".into()));
        environment
    }

    /// `luascale review` with arguments.
    pub fn review(&self, args: &[&str]) -> Ran {
        self.review_with(args, &[])
    }

    /// The same with more in the environment; what is empty is taken out.
    pub fn review_with(&self, args: &[&str], more: &[(&str, &str)]) -> Ran {
        let mut command = self.folder.command(&[&["review"], args].concat(), &[]);
        command.envs(self.environment());
        for (name, value) in more {
            match *value {
                "" => command.env_remove(name),
                value => command.env(name, value),
            };
        }
        let ran = run(command, Duration::from_secs(120));
        for said in [&ran.stdout, &ran.stderr] {
            assert!(!said.contains(TOKEN), "the token is told: {said}");
        }
        ran
    }

    /// The pull request as it stands.
    pub fn pull(&self) -> crate::github::store::Pull {
        self.world.with(|store| store.pull(REPOSITORY, 7).clone())
    }

    /// The check runs as they stand.
    pub fn checks(&self) -> Vec<crate::github::store::Check> {
        self.world.with(|store| store.repositories[REPOSITORY].checks.clone())
    }
}
