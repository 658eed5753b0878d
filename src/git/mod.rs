//! A repository, read only: revisions, ranges, snapshots of either side, what changed between
//! them. Edge, over libgit2.
//!
//! Nothing here runs a hook or a filter, fetches, follows a link or a submodule, or writes. The
//! check that a repository belongs to who reads it stays on. May import: `text`,
//! `model`.

mod authors;
mod changes;
mod hands;
mod history;
mod range;
mod snapshot;
mod tracked;
mod worktree;

pub use authors::{Written, user};
pub use changes::{FileChange, Kind as ChangeKind};
pub use git2::Oid;
pub use hands::{Asked, Touch, Touches};
pub use range::Range;
pub use snapshot::{Entry, Kind, Listing, Skipped, Snapshot, from_path, is_lfs, shown_path, to_path};
pub use tracked::tracked;

use git2::{ErrorCode, Repository, RepositoryOpenFlags};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Whose fault an error is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// What was asked for does not exist.
    Usage,
    /// The repository cannot be read, or lacks what is needed.
    Repository,
}

/// Why a repository could not answer: a sentence, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    /// Whose fault it is.
    pub fault: Fault,
    /// One sentence.
    pub message: String,
    /// What to do.
    pub hints: Vec<String>,
}

impl Error {
    fn usage(message: impl Into<String>) -> Error {
        Error { fault: Fault::Usage, message: message.into(), hints: Vec::new() }
    }

    fn repository(message: impl Into<String>) -> Error {
        Error { fault: Fault::Repository, message: message.into(), hints: Vec::new() }
    }

    fn hint(mut self, hint: impl Into<String>) -> Error {
        self.hints.push(hint.into());
        self
    }
}

/// One side of a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Side {
    /// A commit's tree.
    Commit(Oid),
    /// The files of the work tree, those that git ignores aside.
    WorkTree,
    /// Nothing: what is before the first commit.
    Empty,
}

impl Side {
    /// The commit, where it is one.
    pub fn commit(self) -> Option<Oid> {
        match self {
            Side::Commit(id) => Some(id),
            Side::WorkTree | Side::Empty => None,
        }
    }
}

/// A commit, as far as it is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    /// Its identifier.
    pub id: Oid,
    /// Its parents, the first one first; none in the commit at which a shallow clone begins.
    pub parents: Vec<Oid>,
    /// Who wrote it: name and address, as written there.
    pub author: (String, String),
    /// Who committed it.
    pub committer: (String, String),
    /// When it was committed, in seconds since 1970.
    pub time: i64,
    /// The first line of its message.
    pub summary: String,
}

/// A repository.
#[derive(Clone)]
pub struct Repo {
    inner: Arc<Mutex<Repository>>,
    workdir: Option<PathBuf>,
    folder: PathBuf,
}

impl Repo {
    /// The repository that a path lies in.
    ///
    /// # Errors
    /// Where there is none, or it belongs to somebody else.
    pub fn discover(path: &Path) -> Result<Repo, Error> {
        let none: [&OsStr; 0] = [];
        let inner = Repository::open_ext(path, RepositoryOpenFlags::empty(), none)
            .map_err(|error| not_opened(&error, path))?;
        let workdir = inner.workdir().map(Path::to_path_buf);
        let folder = workdir.clone().unwrap_or_else(|| inner.path().to_path_buf());
        Ok(Repo { inner: Arc::new(Mutex::new(inner)), workdir, folder })
    }

    fn lock(&self) -> MutexGuard<'_, Repository> {
        // Reading leaves nothing half done.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The folder of the work tree; `None` in a bare repository.
    pub fn workdir(&self) -> Option<&Path> {
        self.workdir.as_deref()
    }

    /// The folder that it is known by: of the work tree, else of the repository itself.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Whether history was cut off when it was cloned.
    pub fn is_shallow(&self) -> bool {
        self.lock().is_shallow()
    }

    /// The commit that is checked out; `None` where there is none yet.
    ///
    /// # Errors
    /// Where HEAD cannot be read.
    pub fn head(&self) -> Result<Option<Oid>, Error> {
        let repo = self.lock();
        match repo.head().and_then(|head| head.peel_to_commit()) {
            Ok(commit) => Ok(Some(commit.id())),
            Err(error) if matches!(error.code(), ErrorCode::UnbornBranch | ErrorCode::NotFound) => Ok(None),
            Err(error) => Err(unreadable("HEAD", &error)),
        }
    }

    /// The branch that is checked out, in short; `None` where HEAD is detached.
    pub fn branch(&self) -> Option<String> {
        let repo = self.lock();
        let head = repo.find_reference("HEAD").ok()?;
        let target = String::from_utf8_lossy(head.symbolic_target_bytes()?).into_owned();
        Some(target.strip_prefix("refs/heads/").unwrap_or(&target).to_string())
    }

    /// The commit that a revision means: a branch, a tag, an identifier, `HEAD~2`.
    ///
    /// # Errors
    /// Where there is no such commit.
    pub fn resolve(&self, revision: &str) -> Result<Commit, Error> {
        let found = {
            let repo = self.lock();
            repo.revparse_single(revision).and_then(|o| o.peel_to_commit()).map(|commit| commit.id())
        };
        match found {
            Ok(id) => self.commit(id),
            Err(error) if error.code() == ErrorCode::Ambiguous => {
                Err(Error::usage(format!("{} means several commits", shown(revision)))
                    .hint("write more of the identifier"))
            }
            Err(_) => Err(self.unknown(revision)),
        }
    }

    /// A commit by its identifier.
    ///
    /// # Errors
    /// Where it is not in this repository.
    pub fn commit(&self, id: Oid) -> Result<Commit, Error> {
        let repo = self.lock();
        let commit = repo.find_commit(id).map_err(|error| missing(&repo, id, &error))?;
        // What was cut off is named as a parent and is not there.
        let parents = commit.parent_ids().filter(|id| repo.find_commit(*id).is_ok()).collect();
        let person = |who: git2::Signature<'_>| {
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            (text(who.name_bytes()), text(who.email_bytes()))
        };
        Ok(Commit {
            id,
            parents,
            author: person(commit.author()),
            committer: person(commit.committer()),
            time: commit.time().seconds(),
            summary: commit
                .summary_bytes()
                .map(|bytes| String::from_utf8_lossy(bytes).into_owned())
                .unwrap_or_default(),
        })
    }

    /// Whether a commit is the end of what a shallow clone has: its parents were cut off.
    pub fn is_cut(&self, id: Oid) -> bool {
        let repo = self.lock();
        let Ok(commit) = repo.find_commit(id) else { return false };
        commit.parent_ids().any(|id| repo.find_commit(id).is_err())
            || (repo.is_shallow() && commit.parent_count() == 0)
    }

    /// How many commits can be reached from one, counted to at most `most`.
    pub fn reachable(&self, from: Oid, most: usize) -> usize {
        let repo = self.lock();
        let Ok(mut walk) = repo.revwalk() else { return 0 };
        if walk.push(from).is_err() {
            return 0;
        }
        walk.take(most).take_while(Result::is_ok).count()
    }

    fn unknown(&self, revision: &str) -> Error {
        let head = self.head().ok().flatten();
        let name = shown(revision);
        if head.is_none() {
            return Error::usage(format!("there is no commit yet, so {name} means nothing"))
                .hint("commit something first; `luascale diff` alone shows what is not committed");
        }
        let error = Error::usage(format!("no commit is named {name}"));
        let near =
            crate::model::finding::did_you_mean(revision, self.names().iter().map(String::as_str)).map(shown);
        match near {
            Some(near) => error.hint(format!("did you mean {near}?")),
            None if self.is_shallow() => error.hint(SHALLOW),
            None => error.hint("give a branch, a tag, or the identifier of a commit"),
        }
    }

    /// Short names of branches and tags, to be offered for a slip.
    fn names(&self) -> Vec<String> {
        const MOST: usize = 2_000;
        let repo = self.lock();
        let Ok(all) = repo.references() else { return Vec::new() };
        all.take(MOST)
            .filter_map(|r| Some(String::from_utf8_lossy(r.ok()?.shorthand_bytes()).into_owned()))
            .collect()
    }
}

/// What helps where history was cut off.
pub const SHALLOW: &str =
    "this clone is shallow: fetch the rest (git fetch --unshallow; in actions/checkout, fetch-depth: 0)";

/// That history was cut off at a commit, and what helps.
pub fn cut(at: &str) -> String {
    format!(
        "this shallow clone begins at {}, and what came before is cut off: a fetch-depth of 0 (git fetch --unshallow) brings it",
        crate::text::short_commit(at)
    )
}

/// A text from a repository, as it may be shown in one line.
pub(crate) fn shown(text: &str) -> String {
    crate::text::escaped(text)
}

/// What libgit2 said, without its trailing class.
fn said(error: &git2::Error) -> String {
    shown(error.message())
}

fn unreadable(what: &str, error: &git2::Error) -> Error {
    Error::repository(format!("cannot read {what}: {}", said(error)))
}

fn missing(repo: &Repository, id: Oid, error: &git2::Error) -> Error {
    match error.code() {
        ErrorCode::NotFound if repo.is_shallow() => {
            Error::repository(format!("the commit {} is not in this clone", short(id))).hint(SHALLOW)
        }
        _ => unreadable(&format!("the commit {}", short(id)), error),
    }
}

/// The first 9 digits of an identifier.
pub fn short(id: Oid) -> String {
    crate::text::short_commit(&id.to_string()).to_owned()
}

fn not_opened(error: &git2::Error, path: &Path) -> Error {
    let place = shown(&path.to_string_lossy());
    match error.code() {
        ErrorCode::Owner => {
            let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
            Error::repository(format!("the repository of {place} belongs to another user, so it is not read"))
                .hint(format!(
                    "if you trust it: git config --global --add safe.directory {}",
                    shown(&absolute.to_string_lossy())
                ))
        }
        ErrorCode::NotFound => Error::usage(format!("{place} is in no git repository"))
            .hint("run it inside a repository; `git init` makes one"),
        _ => unreadable(&format!("the repository of {place}"), error),
    }
}
