//! What ends a command other than its result: a kind, a sentence, hints; and the exit statuses.
//!
//! May import: everything.

use crate::report::line;
use std::fmt;

/// Exit statuses, the same in every output format.
pub mod status {
    /// Nothing to object to.
    pub const CLEAN: u8 = 0;
    /// Findings, or expectations that did not hold.
    pub const FINDINGS: u8 = 1;
    /// There are changes, where that was asked for.
    pub const CHANGES: u8 = 2;
    /// The environment failed: a file system, a network, a target.
    pub const ENVIRONMENT: u8 = 3;
    /// The command line or the configuration is wrong.
    pub const USAGE: u8 = 64;
    /// A bug of luascale.
    pub const BUG: u8 = 70;
}

/// Why a command could not do its work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The command line or the configuration is wrong.
    Usage,
    /// A file, a process or a network failed.
    Environment,
    /// A bug of luascale.
    Bug,
}

/// A command that could not do its work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Whose fault it is.
    pub kind: Kind,
    /// One sentence.
    pub error: String,
    /// What to do about it.
    pub hints: Vec<String>,
}

impl Failure {
    /// The command line or the configuration is wrong.
    pub fn usage(error: impl Into<String>) -> Failure {
        Failure { kind: Kind::Usage, error: error.into(), hints: Vec::new() }
    }

    /// A file, a process or a network failed.
    pub fn environment(error: impl Into<String>) -> Failure {
        Failure { kind: Kind::Environment, error: error.into(), hints: Vec::new() }
    }

    /// A bug of luascale.
    pub fn bug(error: impl Into<String>) -> Failure {
        let hint = "this is a bug of luascale; please report it with the command and the files";
        Failure { kind: Kind::Bug, error: error.into(), hints: vec![hint.into()] }
    }

    /// Adds a hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Failure {
        self.hints.push(hint.into());
        self
    }

    /// The exit status.
    pub fn status(&self) -> u8 {
        match self.kind {
            Kind::Usage => status::USAGE,
            Kind::Environment => status::ENVIRONMENT,
            Kind::Bug => status::BUG,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A name in them may have line breaks: each is one line.
        write!(f, "error: {}", line(&self.error))?;
        self.hints.iter().try_for_each(|hint| write!(f, "\n  hint: {}", line(hint)))
    }
}
