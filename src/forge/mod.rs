//! A connection to a code host: GitHub or GitLab. Edge; only with the feature `forge`.
//!
//! Reads what a pull request is and what stands on it, and performs the operations that `review`
//! computed. Every answer is bounded in size and time, limits are kept before they are hit, and a
//! write whose answer was lost is looked up before it is sent again. May import: the core.

pub mod github;
pub mod gitlab;
mod pace;
mod perform;
mod wire;

pub use pace::{Clock, System};
pub use perform::{Done, Stopped, perform};

use crate::model::Level;
use crate::report::said;
use crate::review::{Existing, Operation, Touched};
use std::fmt;

/// A text that is shown nowhere.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Keeps a text; `None` of an empty one.
    pub fn new(text: impl Into<String>) -> Option<Secret> {
        let text = text.into().trim().to_owned();
        (!text.is_empty()).then_some(Secret(text))
    }

    /// The text itself, for what sends it.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }

    /// A text without it.
    pub(crate) fn hide(&self, text: &str) -> String {
        text.replace(&self.0, "***")
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Why a request was not answered as was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// There was no answer, or one that says nothing: a write may have been done.
    Unknown,
    /// The server does not know the credentials.
    Credentials,
    /// The credentials may not do this.
    Forbidden,
    /// There is no such thing, or the credentials may not see it.
    Missing,
    /// The server will not take what was sent.
    Refused,
    /// It was asked too often, and waiting longer makes no sense.
    Limited,
    /// The answer is not that of such a server.
    Odd,
}

/// A request that was not answered as was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failed {
    /// The HTTP status; 0 where there was no answer.
    pub status: u16,
    /// The kind.
    pub why: Why,
    /// What the server says, or why there was no answer; one line that is safe to show.
    pub message: String,
}

impl Failed {
    pub(crate) fn new(status: u16, why: Why, message: &str) -> Failed {
        Failed { status, why, message: said(message) }
    }

    /// An answer that no such server gives.
    pub fn odd(what: &str) -> Failed {
        Failed::new(0, Why::Odd, what)
    }
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.why, self.status) {
            (Why::Credentials, status) => write!(f, "the server does not know these credentials ({status})"),
            (_, 0) => f.write_str(&self.message),
            (_, status) => write!(f, "{} ({status})", self.message),
        }
    }
}

impl std::error::Error for Failed {}

/// Whether a pull request can still be merged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It is open.
    Open,
    /// It was closed without being merged.
    Closed,
    /// It is merged.
    Merged,
}

/// What a pull request is; of GitLab, a merge request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// Its number in the repository.
    pub number: u64,
    /// Whether it is open.
    pub state: State,
    /// Whether it is a draft.
    pub draft: bool,
    /// The newest commit of the branch that is to be merged.
    pub head: String,
    /// The commit that the branch which is merged into points at.
    pub base: String,
    /// The branch that is merged into.
    pub base_branch: String,
    /// Where the two branches parted, where the forge says.
    pub start: Option<String>,
    /// The account that opened it.
    pub author: String,
    /// Whether the head is in another repository; also where that is gone.
    pub fork: bool,
    /// How many files it touches, where the forge says.
    pub changed_files: Option<u64>,
}

/// Where the commits of a request come from, for finding it by them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The head commit.
    pub head: String,
    /// The branch, and the owner of the repository that it is in, where they are known.
    pub branch: Option<(String, String)>,
}

/// The files that a request touches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Files {
    /// Each with its hunks, where the forge gives them.
    pub touched: Vec<Touched>,
    /// Whether these are all; forges end their lists (GitHub's at 3,000).
    pub complete: bool,
}

/// What a report says that all went well or did not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Conclusion {
    /// Nothing to object to.
    Success,
    /// Something that fails a check.
    Failure,
    /// Something was found and nothing is to fail for it.
    Neutral,
}

impl Conclusion {
    /// As GitHub names it.
    pub fn name(self) -> &'static str {
        match self {
            Conclusion::Success => "success",
            Conclusion::Failure => "failure",
            Conclusion::Neutral => "neutral",
        }
    }
}

/// A finding at its lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Annotation {
    /// Path from the repository's root.
    pub path: String,
    /// The first line, from 1.
    pub from: u32,
    /// The last.
    pub to: u32,
    /// How much it matters.
    pub level: Level,
    /// The rule.
    pub title: String,
    /// The message, plain text.
    pub message: String,
}

/// What was found of a commit, as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// What it is called: `luascale`, or `luascale (SCOPE)`.
    pub name: String,
    /// The commit.
    pub head: String,
    /// Whether all is well.
    pub conclusion: Conclusion,
    /// What approvals bind to: the `changes_digest` of the plan, where there is one.
    pub digest: Option<String>,
    /// What that is the digest of, in one line: an approval of a part of it can be told by it.
    pub statement: Option<String>,
    /// One line.
    pub title: String,
    /// Markdown.
    pub summary: String,
    /// All findings.
    pub annotations: Vec<Annotation>,
    /// All findings as GitLab's code quality report.
    pub quality: String,
}

/// A code host.
pub trait Forge {
    /// As people know it.
    fn name(&self) -> &'static str;

    /// What a request is.
    ///
    /// # Errors
    /// As the server says.
    fn request(&self, number: u64) -> Result<Facts, Failed>;

    /// The open request of a head commit: a pipeline that runs after another one is not told the
    /// number. `None` where there is none; of several the newest.
    ///
    /// # Errors
    /// As the server says.
    fn find(&self, origin: &Origin) -> Result<Option<u64>, Failed>;

    /// The files that a request touches, from every page.
    ///
    /// # Errors
    /// As the server says.
    fn touched(&self, facts: &Facts) -> Result<Files, Failed>;

    /// All comments of a request, from every page.
    ///
    /// # Errors
    /// As the server says.
    fn existing(&self, number: u64) -> Result<Vec<Existing>, Failed>;

    /// Performs an operation once. Where the answer is lost it may have been performed:
    /// [`perform`] looks it up.
    ///
    /// # Errors
    /// As the server says.
    fn write(&self, facts: &Facts, operation: &Operation) -> Result<(), Failed>;

    /// Says what was found of a commit as a whole, unless it was said already; whether it wrote.
    ///
    /// # Errors
    /// As the server says.
    fn report(&self, report: &Report) -> Result<bool, Failed>;
}
