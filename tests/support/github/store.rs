//! What the fake GitHub holds: accounts, pull requests, comments, reviews, check runs. It is a
//! value that can be written to a file and read again.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// Everything.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Store {
    /// By OWNER/NAME.
    pub repositories: BTreeMap<String, Repository>,
    /// Accounts by their tokens.
    pub tokens: BTreeMap<String, Account>,
    /// The last number that was given to anything.
    pub last: u64,
    /// The time, in seconds since 1970; each write takes one.
    pub time: u64,
}

/// Whoever a token belongs to.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Account {
    /// As it is shown: `github-actions[bot]`.
    pub login: String,
    /// The App, of a bot.
    pub app: Option<App>,
    /// `contents`, `pull_requests`, `issues`, `checks`, `deployments`, `actions`, `security_events`: `read` or
    /// `write`.
    pub permissions: BTreeMap<String, String>,
}

/// An App.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct App {
    /// Its number; that of GitHub Actions is 15368.
    pub id: u64,
    /// Its name in addresses.
    pub slug: String,
}

/// A repository.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Repository {
    /// Its number.
    pub id: u64,
    /// The default branch.
    pub default_branch: String,
    /// By number.
    pub pulls: BTreeMap<u64, Pull>,
    /// Commits of no pull request: merges, and what was pushed without one.
    pub commits: Vec<Commit>,
    /// Members of teams, by `organisation/team`.
    pub teams: BTreeMap<String, Vec<String>>,
    /// In the order in which they were made.
    pub checks: Vec<Check>,
    /// What people may do: `admin`, `write`, `read`.
    pub collaborators: BTreeMap<String, String>,
    /// The App that is installed, with its installation's number.
    pub installation: Option<(App, u64)>,
    /// Answers to reads below the repository that the fake has no own knowledge of, by their path:
    /// `rules/branches/main`, `actions/runs/7/approvals`.
    pub canned: BTreeMap<String, Value>,
    /// Deployments, as they were sent, each with its `statuses`.
    pub deployments: Vec<Value>,
    /// Findings that code scanning was handed, as they were sent.
    pub scanned: Vec<Value>,
}

/// One side of a pull request.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Side {
    /// The branch.
    pub branch: String,
    /// The commit.
    pub sha: String,
    /// OWNER/NAME; none where the repository is gone.
    pub repository: Option<String>,
}

/// A pull request.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Pull {
    pub number: u64,
    pub author: String,
    pub closed: bool,
    pub draft: bool,
    pub head: Side,
    pub base: Side,
    /// The commit that it was merged as.
    pub merge_commit: Option<String>,
    /// What the rules of its branch come to: `APPROVED`, `REVIEW_REQUIRED`, `CHANGES_REQUESTED`.
    pub decision: Option<String>,
    pub merged_at: Option<u64>,
    pub files: Vec<File>,
    pub commits: Vec<Commit>,
    pub conversation: Vec<Comment>,
    pub reviews: Vec<Review>,
    pub threads: Vec<Thread>,
}

/// A file that a pull request touches.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct File {
    pub path: String,
    /// `added`, `modified`, `removed`, `renamed`.
    pub status: String,
    /// None where it is binary or too large.
    pub patch: Option<String>,
}

/// A commit of a pull request.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Commit {
    pub sha: String,
    /// The account of the author; none where GitHub knows none.
    pub author: Option<String>,
    /// Those of other authors, by trailers.
    pub co_authors: Vec<Option<String>>,
    pub committer: Option<String>,
    pub message: String,
}

/// A comment.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Comment {
    pub id: u64,
    pub author: String,
    pub body: String,
    /// Why it is folded away.
    pub minimised: Option<String>,
    pub created: u64,
}

/// A review.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Review {
    pub id: u64,
    pub author: String,
    pub body: String,
    /// `APPROVED`, `CHANGES_REQUESTED`, `COMMENTED`, `DISMISSED`.
    pub state: String,
    pub commit: String,
    pub minimised: Option<String>,
    pub submitted: u64,
}

/// A thread on lines.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Thread {
    pub id: u64,
    pub review: u64,
    pub path: String,
    pub line: u64,
    pub start_line: Option<u64>,
    pub resolved: bool,
    /// A person; a bot is nobody here.
    pub resolved_by: Option<String>,
    pub comments: Vec<Comment>,
}

/// A check run.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Check {
    pub id: u64,
    pub name: String,
    pub head: String,
    pub status: String,
    pub conclusion: Option<String>,
    pub external_id: String,
    pub app: App,
    pub title: String,
    pub summary: String,
    pub text: Option<String>,
    pub annotations: Vec<Value>,
    pub started: u64,
    pub completed: Option<u64>,
}

impl Store {
    /// A number that nothing else has.
    pub fn number(&mut self) -> u64 {
        self.last = self.last.max(1000) + 1;
        self.last
    }

    /// The time after one more second.
    pub fn tick(&mut self) -> u64 {
        self.time = self.time.max(1_796_000_000) + 1;
        self.time
    }

    /// The token of GitHub Actions, with these permissions written as `checks:write`.
    pub fn actions(&mut self, token: &str, permissions: &[&str]) {
        let pairs = permissions.iter().map(|p| p.split_once(':').unwrap());
        let account = Account {
            login: "github-actions[bot]".into(),
            app: Some(App { id: 15368, slug: "github-actions".into() }),
            permissions: pairs.map(|(what, how)| (what.to_owned(), how.to_owned())).collect(),
        };
        self.tokens.insert(token.into(), account);
    }

    /// A pull request, which must be there.
    pub fn pull(&mut self, repository: &str, number: u64) -> &mut Pull {
        self.repositories.get_mut(repository).unwrap().pulls.get_mut(&number).unwrap()
    }

    /// A review of somebody, as if it had been sent now.
    pub fn review(&mut self, repository: &str, number: u64, author: &str, state: &str) -> u64 {
        let (id, submitted) = (self.number(), self.tick());
        let pull = self.pull(repository, number);
        let commit = pull.head.sha.clone();
        let (author, state) = (author.into(), state.into());
        pull.reviews.push(Review { id, author, state, commit, submitted, ..Review::default() });
        id
    }
}

impl Pull {
    /// Bodies of the conversation that are to be seen, the first first.
    pub fn said(&self) -> Vec<&str> {
        self.conversation.iter().filter(|c| c.minimised.is_none()).map(|c| &*c.body).collect()
    }

    /// Threads that are open: path, line and body of each.
    pub fn open(&self) -> Vec<(&str, u64, &str)> {
        let open = self.threads.iter().filter(|t| !t.resolved && t.comments[0].minimised.is_none());
        open.map(|t| (&*t.path, t.line, &*t.comments[0].body)).collect()
    }
}

/// The files between two commits of a repository on disk, as GitHub lists them.
pub fn files(folder: &std::path::Path, base: &str, head: &str) -> Vec<File> {
    let git = |args: &[&str]| {
        let out = std::process::Command::new("git").arg("-C").arg(folder).args(args).output().unwrap();
        assert!(out.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8_lossy(&out.stdout).into_owned()
    };
    let range = format!("{base}...{head}");
    let listed = git(&["diff", "--name-status", "--no-renames", "-z", &range]);
    let mut words = listed.split('\0').filter(|word| !word.is_empty());
    let mut out = Vec::new();
    while let (Some(status), Some(path)) = (words.next(), words.next()) {
        let status = match status {
            "A" => "added",
            "D" => "removed",
            _ => "modified",
        };
        let diff = git(&["diff", "--no-renames", &range, "--", path]);
        let patch = diff.find("\n@@ ").map(|at| diff[at + 1..].trim_end_matches('\n').to_owned());
        // GitHub leaves out what is too large.
        let patch = patch.filter(|patch| patch.len() < 1 << 20);
        out.push(File { path: path.into(), status: status.into(), patch });
    }
    out
}
