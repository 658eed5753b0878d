//! A repository on a server, a checkout of it as actions/checkout makes one, and act, which runs the action there.

use super::contract;
use super::github::Fake;
use super::github::store::{Pull, Repository, Side, Store, files as changed};
use super::support::Folder;
use super::{ROOT, run, tool};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The token of the job. act is told not to hide it, so that what prints it is found.
pub const TOKEN: &str = "ghs_0123456789SecretOfTheJob";
/// The same as git sends it.
const HEADER: &str = "eC1hY2Nlc3MtdG9rZW46Z2hzXzAxMjM0NTY3ODlTZWNyZXRPZlRoZUpvYg";

/// The repository of every test.
pub const REPOSITORY: &str = "acme/policies";
/// What the token of a pull request of one's own may do.
const WRITES: [&str; 4] = ["contents:read", "pull_requests:write", "checks:write", "security_events:write"];
/// What that of a fork's may do, whatever its workflow asks for.
const READS: [&str; 3] = ["contents:read", "pull_requests:read", "checks:read"];

/// How workflows name the action.
const ACTION: &str = "OWNER/luascale@0000000000000000000000000000000000000000";

/// Stands in for the action that keeps artifacts, which needs GitHub: it copies what it is told to.
const UPLOAD: &str = r#"
name: upload
description: Keeps what it is given
inputs:
  name: { description: name, required: true }
  path: { description: path, required: true }
  if-no-files-found: { description: what then, default: warn }
runs:
  using: composite
  steps:
    - shell: bash
      env: { NAME: "${{ inputs.name }}", FROM: "${{ inputs.path }}" }
      run: mkdir -p "$ARTIFACTS/$NAME" && cp -R "$FROM/." "$ARTIFACTS/$NAME/"
"#;

/// The shell of steps. act does not wait for what a step that fails has printed, and loses a part of it; this one
/// leaves it the time.
const BASH: &str = "#!/bin/sh\nPATH=\"${PATH#*:}\"\nbash \"$@\"\nstatus=$?\n[ \"$status\" = 0 ] || sleep 0.5\nexit \"$status\"\n";

/// A repository `acme/policies`, and everything around it.
pub struct World {
    /// All of it.
    pub folder: Folder,
    /// The binary that the action is told to run.
    pub binary: String,
    /// GitHub.
    pub fake: Fake,
    env: Vec<(String, String)>,
}

impl Drop for World {
    /// Everything that was asked of GitHub is what GitHub describes.
    fn drop(&mut self) {
        if !std::thread::panicking() {
            contract::hold(&self.fake.log());
        }
    }
}

/// What act did.
#[derive(Debug, Default)]
pub struct Done {
    /// Whether the job succeeded.
    pub good: bool,
    /// The outputs of the step with the action.
    pub outputs: BTreeMap<String, String>,
    /// The job summary.
    pub summary: String,
    /// What steps printed, with what act says of commands.
    pub log: String,
    /// Workflow commands that were obeyed: name and text.
    pub commands: Vec<(String, String)>,
}

impl Done {
    /// Asserts that the job ended so.
    #[track_caller]
    pub fn expect(self, good: bool) -> Done {
        assert!(self.good == good, "the job {}\n{}", if good { "failed" } else { "succeeded" }, self.log);
        self
    }

    /// An output.
    #[track_caller]
    pub fn output(&self, name: &str) -> &str {
        self.outputs
            .get(name)
            .unwrap_or_else(|| panic!("no output {name} in {:?}\n{}", self.outputs, self.log))
    }

    /// Asserts that annotations of a kind say something.
    #[track_caller]
    pub fn annotates(&self, kind: &str, part: &str) -> &Done {
        let said = self.commands.iter().any(|(name, text)| name == kind && text.contains(part));
        assert!(said, "no {kind} says {part:?}: {:?}\n{}", self.commands, self.log);
        self
    }
}

impl World {
    /// With one commit on `main`.
    pub fn new(files: &[(&str, &str)]) -> World {
        let folder =
            Folder::with(files_in("author", files).iter().map(as_str).collect::<Vec<_>>().as_slice());
        folder.write("upload/action.yml", UPLOAD.as_bytes());
        for file in ["action.yml", "Cargo.toml"] {
            copy(&Path::new(ROOT).join(file), &folder.path().join("action").join(file));
        }
        for entry in std::fs::read_dir(Path::new(ROOT).join("action")).unwrap() {
            let entry = entry.unwrap();
            copy(&entry.path(), &folder.path().join("action/action").join(entry.file_name()));
        }
        std::fs::create_dir_all(folder.path().join("artifacts")).unwrap();
        // The address is GitHub's; what is asked there goes to the folder.
        let server = folder.path().join("server.git");
        let instead = format!(
            "[url \"file://{}\"]\n  insteadOf = https://github.com/acme/policies\n",
            server.display()
        );
        folder.write("home/.gitconfig", instead.as_bytes());
        executable(&folder.write("shell/bash", BASH.as_bytes()));
        let binary = env!("CARGO_BIN_EXE_luascale").to_owned();
        let mut store = Store::default();
        store.actions(TOKEN, &WRITES);
        let repository = Repository { id: 42, default_branch: "main".into(), ..Repository::default() };
        store.repositories.insert(REPOSITORY.into(), repository);
        let fake = Fake::start(store);
        let env = ["GITHUB_API_URL", "GITHUB_GRAPHQL_URL"].map(|name| {
            let all = fake.environment(TOKEN);
            all.into_iter().find(|(other, _)| other == name).unwrap()
        });
        let world = World { folder, binary, fake, env: env.to_vec() };
        world.git("author", &["init", "-q", "-b", "main"]);
        world.git("author", &["add", "-A"]);
        world.git("author", &["commit", "-q", "-m", "Start"]);
        world.git(".", &["clone", "-q", "--bare", "author", "server.git"]);
        // As GitHub's servers: whoever knows a commit may have it.
        world.git("server.git", &["config", "uploadpack.allowAnySHA1InWant", "true"]);
        world
    }

    /// A variable of the job.
    pub fn env(mut self, name: &str, value: &str) -> World {
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    /// A folder of it.
    pub fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs git in one of the folders.
    #[track_caller]
    pub fn git(&self, folder: &str, args: &[&str]) -> String {
        let mut command = Command::new("git");
        command.args(args).current_dir(self.at(folder)).env_clear();
        command.env("PATH", std::env::var_os("PATH").unwrap()).env("HOME", self.at("home"));
        for who in ["AUTHOR", "COMMITTER"] {
            command.env(format!("GIT_{who}_NAME"), "Ana").env(format!("GIT_{who}_EMAIL"), "ana@example.com");
        }
        let (good, said) = run(&mut command);
        assert!(good, "git {args:?}: {said}");
        said.trim().to_owned()
    }

    /// Commits files on a branch that begins at `main`, and brings the branch to the server.
    pub fn branch(&self, name: &str, files: &[(&str, &str)]) -> String {
        self.git("author", &["switch", "-q", "--detach", "main"]);
        self.commit(name, files)
    }

    /// Commits files on top of `main`, and brings it to the server.
    pub fn main(&self, files: &[(&str, &str)]) -> String {
        self.git("author", &["switch", "-q", "main"]);
        self.commit("main", files)
    }

    fn commit(&self, branch: &str, files: &[(&str, &str)]) -> String {
        for (path, text) in files {
            self.folder.write(&format!("author/{path}"), text.as_bytes());
        }
        self.git("author", &["add", "-A"]);
        self.git("author", &["commit", "-q", "-m", branch]);
        self.push("HEAD", &format!("refs/heads/{branch}"))
    }

    /// Brings a commit to a reference of the server.
    pub fn push(&self, from: &str, to: &str) -> String {
        self.git("author", &["push", "-q", "-f", "../server.git", &format!("{from}:{to}")]);
        self.git("author", &["rev-parse", from])
    }

    /// A pull request 7 of a commit into `main`, opened by the owner of a repository, checked out as GitHub's runner
    /// does: the merge commit. Gives the event. Another push to it is the same again.
    pub fn pull(&self, owner: &str, head: &str) -> Value {
        let base = self.git("author", &["rev-parse", "main"]);
        self.push(head, "refs/pull/7/head");
        self.git("author", &["switch", "-q", "--detach", "main"]);
        self.git("author", &["merge", "-q", "--no-ff", "-m", "Merge", head]);
        let merge = self.push("HEAD", "refs/pull/7/merge");
        self.checkout(&merge, None);
        let repository = format!("{owner}/policies");
        let side = |branch: &str, sha: &str, repository: &str| Side {
            branch: branch.into(),
            sha: sha.into(),
            repository: Some(repository.into()),
        };
        let files = changed(&self.at("author"), &base, head);
        self.fake.with(|store| {
            let pull =
                store.repositories.get_mut(REPOSITORY).unwrap().pulls.entry(7).or_insert_with(Pull::default);
            (pull.number, pull.author) = (7, owner.into());
            (pull.head, pull.base) = (side("change", head, &repository), side("main", &base, REPOSITORY));
            pull.files = files;
        });
        let repo = json!({ "full_name": repository, "fork": owner != "acme", "owner": { "login": owner } });
        json!({ "action": "opened", "number": 7, "pull_request": {
            "number": 7, "head": { "sha": head, "ref": "change", "repo": repo }, "base": { "sha": base, "ref": "main" },
        } })
    }

    /// Makes the token one that may only read.
    pub fn only_reads(&self) {
        self.fake.with(|store| store.actions(TOKEN, &READS));
    }

    /// A checkout of a commit at depth 1, as actions/checkout makes it, under a branch where one is named.
    pub fn checkout(&self, commit: &str, branch: Option<&str>) {
        let _ = std::fs::remove_dir_all(self.at("checkout"));
        std::fs::create_dir_all(self.at("checkout")).unwrap();
        let git = |args: &[&str]| self.git("checkout", args);
        git(&["init", "-q", "-b", "nothing"]);
        git(&["remote", "add", "origin", "https://github.com/acme/policies"]);
        let to = branch
            .map_or("refs/remotes/pull/checked-out".into(), |name| format!("refs/remotes/origin/{name}"));
        git(&["fetch", "-q", "--no-tags", "--depth=1", "origin", &format!("+{commit}:{to}")]);
        match branch {
            Some(name) => git(&["checkout", "-q", "-B", name, &to]),
            None => git(&["checkout", "-q", "--detach", &to]),
        };
    }

    /// Runs the action, with inputs as lines of YAML, on an event in the checkout.
    pub fn act(&self, event: &str, payload: &Value, inputs: &[(&str, &str)]) -> Done {
        let mut with: Vec<(&str, &str)> = vec![("binary", &self.binary), ("artifact", "reports")];
        with.retain(|(name, _)| inputs.iter().all(|(other, _)| other != name));
        with.extend(inputs);
        // JSON is YAML, so that a value is what it is, whatever is in it.
        let with: String =
            with.iter().map(|(name, value)| format!("          {name}: {}\n", json!(value))).collect();
        let workflow = format!(
            "name: test\non: [{event}]\npermissions: {{}}\njobs:\n  job:\n    runs-on: ubuntu-latest\n    steps:\n      \
             - uses: actions/checkout@de0fac2e4500dabe0009e67214ff5f5447ce83dd # v6.0.2\n        with:\n          \
             persist-credentials: false\n      - id: luascale\n        uses: {ACTION}\n        with:\n{with}"
        );
        self.folder.write("workflow.yml", workflow.as_bytes());
        self.run(event, payload, &self.at("workflow.yml"))
    }

    /// Runs a workflow on an event in the checkout.
    pub fn run(&self, event: &str, payload: &Value, workflow: &Path) -> Done {
        let mut payload = payload.clone();
        payload["repository"] = json!({
            "full_name": REPOSITORY, "name": "policies", "default_branch": "main", "owner": { "login": "acme" },
        });
        self.folder.write("event.json", payload.to_string().as_bytes());
        let mut command = Command::new(tool("act"));
        command.arg(event).args(["--json", "--insecure-secrets", "-P", "ubuntu-latest=-self-hosted"]);
        command.args(["-P", "ubuntu-24.04=-self-hosted", "-s"]).arg(format!("GITHUB_TOKEN={TOKEN}"));
        command.arg("-W").arg(workflow).arg("-e").arg(self.at("event.json"));
        let upload = "actions/upload-artifact@ea165f8d65b6e75b540449e92b4886f43607fa02";
        for (name, folder) in [(ACTION, "action"), (upload, "upload")] {
            command.arg("--local-repository").arg(format!("{name}={}", self.at(folder).display()));
        }
        let artifacts = self.at("artifacts").display().to_string();
        let own = [("ARTIFACTS".to_owned(), artifacts)];
        for (name, value) in self.env.iter().chain(&own) {
            command.arg("--env").arg(format!("{name}={value}"));
        }
        command.current_dir(self.at("checkout")).env_clear();
        let path = format!("{}:{}", self.at("shell").display(), std::env::var("PATH").unwrap());
        command.env("PATH", path).env("HOME", self.at("home"));
        let (good, said) = run(&mut command);
        let done = read(good, &said);
        for secret in [TOKEN, HEADER] {
            let kept: Vec<PathBuf> = files(&self.at("artifacts"));
            let held =
                |path: &PathBuf| String::from_utf8_lossy(&std::fs::read(path).unwrap()).contains(secret);
            assert!(!said.contains(secret), "the token is in the log:\n{said}");
            assert!(!kept.iter().any(held), "the token is in a report");
        }
        done
    }

    /// A report that was kept as an artifact.
    pub fn report(&self, name: &str) -> String {
        self.folder.read(&format!("artifacts/reports/{name}"))
    }
}

/// Lets a file be run.
pub fn executable(path: &Path) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

/// Every file below a folder.
pub fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found
}

fn read(good: bool, said: &str) -> Done {
    let mut done = Done { good, ..Done::default() };
    for line in said.lines() {
        let Ok(entry) = serde_json::from_str::<Value>(line) else {
            done.log.push_str(&format!("{line}\n"));
            continue;
        };
        let text = |key: &str| entry[key].as_str().unwrap_or_default().to_owned();
        done.log.push_str(&format!("{}\n", text("msg").trim_end()));
        match text("command").as_str() {
            "" => {}
            "set-output" if entry["stepID"] == json!(["luascale"]) => {
                done.outputs.insert(text("name"), text("arg"));
            }
            "summary" => done.summary.push_str(&text("content")),
            other => done.commands.push((other.to_owned(), text("arg"))),
        }
    }
    done
}

fn files_in(folder: &str, files: &[(&str, &str)]) -> Vec<(String, String)> {
    files.iter().map(|(path, text)| (format!("{folder}/{path}"), (*text).to_owned())).collect()
}

fn as_str(file: &(String, String)) -> (&str, &str) {
    (&file.0, &file.1)
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to.parent().unwrap()).unwrap();
    std::fs::copy(from, to).unwrap();
}
