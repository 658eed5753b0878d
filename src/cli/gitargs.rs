//! What was typed for the commands that read history. May import: everything.

use super::args::{LimitArgs, RunArgs, SampleArgs};
use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// `luascale diff`.
#[derive(Debug, Args)]
#[command(
    after_help = "A range is A..B (from A to B), A...B (from their merge base to B), or A (from A to the \
work tree). Without one, it is the merge base of HEAD and the default branch, to the work tree."
)]
pub struct Diff {
    /// What is compared [default: the merge base with the default branch, to the work tree]
    #[arg(value_name = "RANGE")]
    pub range: Option<String>,
    /// Only policies in these files and folders
    #[arg(last = true, value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// Only the policies of these names
    #[arg(long, short, value_name = "NAME")]
    pub policy: Vec<String>,
    /// Only what the change means
    #[arg(long, conflicts_with = "behaviour", help_heading = "Layers")]
    pub meaning: bool,
    /// Only how both versions behave on recordings
    #[arg(long, help_heading = "Layers")]
    pub behaviour: bool,
    /// Exit with status 2 where a policy differs
    #[arg(long, help_heading = "Output")]
    pub detailed_exitcode: bool,
    /// What to print [default: what the extension of --output says, else text]
    #[arg(long, value_enum, value_name = "FORMAT", help_heading = "Output")]
    pub format: Option<DiffFormat>,
    /// Where to write it, instead of standard output
    #[arg(long, short, value_name = "FILE", help_heading = "Output")]
    pub output: Option<PathBuf>,
    /// Draw with ASCII characters alone
    #[arg(long, help_heading = "Output")]
    pub ascii: bool,
    /// How the samples are read
    #[command(flatten)]
    pub samples: SampleArgs,
    /// How the loop is closed
    #[command(flatten)]
    pub run: RunArgs,
    /// The fences
    #[command(flatten)]
    pub limits: LimitArgs,
}

impl Diff {
    /// The format that was asked for, or that the extension of the output means.
    pub fn format(&self) -> DiffFormat {
        let meant = || {
            let extension = self.output.as_deref()?.extension()?.to_string_lossy().to_ascii_lowercase();
            match extension.as_str() {
                "html" | "htm" => Some(DiffFormat::Html),
                "json" => Some(DiffFormat::Json),
                "md" | "markdown" => Some(DiffFormat::Markdown),
                _ => None,
            }
        };
        self.format.or_else(meant).unwrap_or(DiffFormat::Text)
    }
}

/// What `diff` prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum DiffFormat {
    /// For people, in a terminal.
    Text,
    /// For programs; the schema is in docs/schema.
    Json,
    /// For a pull request or a job summary.
    Markdown,
    /// One page that works offline.
    Html,
}

/// `luascale log`.
#[derive(Debug, Args)]
pub struct Log {
    /// The policy, by the name that it has at the newest commit
    #[arg(value_name = "POLICY")]
    pub policy: String,
    /// The newest commit [default: HEAD]
    #[arg(value_name = "REVISION")]
    pub revision: Option<String>,
    /// What to print
    #[arg(long, value_enum, default_value_t = LogFormat::Text, value_name = "FORMAT", help_heading = "Output")]
    pub format: LogFormat,
    /// Where to write it, instead of standard output
    #[arg(long, short, value_name = "FILE", help_heading = "Output")]
    pub output: Option<PathBuf>,
    /// Draw with ASCII characters alone
    #[arg(long, help_heading = "Output")]
    pub ascii: bool,
}

/// What `log` prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people, in a terminal.
    Text,
    /// For programs.
    Json,
}

/// `luascale bisect`.
#[derive(Debug, Args)]
pub struct Bisect {
    /// The policy, by the name that it has at the newest commit
    #[arg(value_name = "POLICY")]
    pub policy: String,
    /// The newest commit [default: HEAD]
    #[arg(value_name = "REVISION")]
    pub revision: Option<String>,
    /// The tick that decides, in UTC: 08:15, "Nov 29 15:00", 2026-11-29T15:00:00Z
    #[arg(long, value_name = "TIME")]
    pub at: String,
    /// What is expected of it: replicas >= 10
    #[arg(long, value_name = "EXPECTATION")]
    pub expect: String,
    /// Draw with ASCII characters alone
    #[arg(long, help_heading = "Output")]
    pub ascii: bool,
    /// How the samples are read
    #[command(flatten)]
    pub samples: SampleArgs,
    /// How the loop is closed
    #[command(flatten)]
    pub run: RunArgs,
}
