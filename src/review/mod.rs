//! What is said on a pull request, as data: from findings, the lines that the request touches and
//! the comments that are there, to operations that a forge performs.
//!
//! Nothing here knows a network. A second run over the same request gives no operation; what is
//! gone is resolved or minimised, and nothing is ever deleted. May import: `text`, `model`,
//! `report`.

mod body;
mod hunks;
mod mark;
mod operations;
mod suggest;
#[cfg(test)]
mod tests;

pub use body::{cut, cut_bytes, neutral};
pub use hunks::{Hunk, Hunks, between, parse};
pub use mark::Marker;
pub use operations::operations;

use crate::model::Finding;
use crate::text::Source;
use serde::Serialize;

/// Most inline comments of one review; what is more stands in its body.
pub const MOST_INLINE: usize = 30;
/// Most characters of a comment's body on GitHub.
pub const MOST_CHARACTERS: usize = 65_536;
/// Most bytes of a check run's summary on GitHub.
pub const MOST_BYTES: usize = 65_535;

/// Which findings are told, by the lines that a request touches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Filter {
    /// On lines that it adds or changes.
    Added,
    /// On lines of the hunks of its diff.
    DiffContext,
    /// In files that it touches.
    File,
    /// All.
    NoFilter,
}

/// A file that a request touches, as its diff shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Touched {
    /// Path from the repository's root, at the head.
    pub path: String,
    /// Its hunks; `None` where the forge gives no patch, since it is too large or binary.
    pub hunks: Option<Hunks>,
}

/// A finding at its place in the head's files.
#[derive(Debug, Clone, Copy)]
pub struct Placed<'a> {
    /// The finding.
    pub finding: &'a Finding,
    /// Path from the repository's root.
    pub path: &'a str,
    /// The first line, from 1.
    pub line: u32,
    /// The text of the file, at the head.
    pub source: Option<&'a Source>,
    /// The message with what its other places say.
    pub words: &'a str,
}

/// A comment that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Existing {
    /// Its number, for changing it.
    pub id: u64,
    /// Its node, for minimising it.
    pub node: String,
    /// Its text.
    pub body: String,
    /// Whether the account that writes now wrote it; a marker in anybody else's means nothing.
    pub own: bool,
    /// What it is.
    pub place: Place,
    /// Whether it is folded away already.
    pub minimised: bool,
}

/// Where a comment stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// In the request's conversation.
    Conversation,
    /// On a line, in a thread.
    Thread {
        /// The thread's node.
        node: String,
        /// Whether it is resolved.
        resolved: bool,
        /// Whether somebody else resolved it, which then stays so.
        settled: bool,
    },
    /// The body of a review.
    Review,
}

/// What is known of a request, and what is to be said.
#[derive(Debug, Clone)]
pub struct Situation<'a> {
    /// Tells this use of the tool from others on the same request: several configurations,
    /// several jobs.
    pub scope: &'a str,
    /// The commit that was looked at.
    pub head: &'a str,
    /// The files that the request touches.
    pub touched: &'a [Touched],
    /// All that was found, wherever it is.
    pub findings: &'a [Placed<'a>],
    /// All comments that are there, from every page.
    pub existing: &'a [Existing],
    /// What the change means and would have done, in Markdown; empty says nothing.
    pub summary: &'a str,
    /// Which findings are told.
    pub filter: Filter,
}

/// Something to do on a request. Nothing deletes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "do")]
pub enum Operation {
    /// Say the summary for the first time.
    Say {
        /// Text of the comment.
        body: String,
    },
    /// Put a new summary in the place of the one before.
    Change {
        /// The comment.
        id: u64,
        /// Its new text.
        body: String,
    },
    /// Post one review; it neither approves nor blocks.
    Review {
        /// Text of the review.
        body: String,
        /// Comments on lines.
        comments: Vec<Inline>,
        /// How many findings the text lists, beside those that are on lines.
        listed: usize,
    },
    /// Resolve a thread whose finding is gone.
    Resolve {
        /// The thread's node.
        thread: String,
        /// The node of its comment, which is folded away where the thread may not be resolved.
        comment: String,
    },
    /// Open a thread again whose finding came back.
    Reopen {
        /// The thread's node.
        thread: String,
    },
    /// Fold away what is no longer so.
    Minimise {
        /// The comment's node.
        node: String,
    },
    /// Unfold a comment whose finding came back.
    Unfold {
        /// The comment's node.
        node: String,
    },
}

/// A comment on lines of the head.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Inline {
    /// The file.
    pub path: String,
    /// The last line.
    pub line: u32,
    /// The first line, where it is another.
    pub start_line: Option<u32>,
    /// Its text.
    pub body: String,
}
