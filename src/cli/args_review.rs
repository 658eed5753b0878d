//! What was typed after `review`. May import: everything.

use super::args::{FailOnArg, SampleArgs, TextOrJson};
use super::args_plan::PlanningArgs;
use crate::review;
use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// `luascale review`.
#[derive(Debug, Args)]
#[command(
    after_help = "In a pipeline of GitHub or GitLab nothing has to be said: the request, its head and the \
server are read from what the pipeline sets. The token is that of GITHUB_TOKEN (or of an App: \
LUASCALE_GITHUB_APP_ID and LUASCALE_GITHUB_APP_KEY), on GitLab GITLAB_TOKEN. What is read is git's \
objects: the head has to be in the clone (`git fetch origin refs/pull/N/head`), and is not checked out."
)]
pub struct Review {
    /// Policy files and folders of the repository [default: the whole repository]
    #[arg(value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// The number of the pull request [default: that of the pipeline]
    #[arg(long, value_name = "N", help_heading = "Request")]
    pub pr: Option<u64>,
    /// The repository on the forge [default: that of the pipeline, else of the remote origin]
    #[arg(long, value_name = "OWNER/NAME", help_heading = "Request")]
    pub repo: Option<String>,
    /// The forge [default: that of the pipeline, else github]
    #[arg(long, value_enum, value_name = "FORGE", help_heading = "Request")]
    pub forge: Option<ForgeName>,
    /// The commit that is looked at [default: the head of the request, never its merge commit]
    #[arg(long, value_name = "REV", help_heading = "Request")]
    pub head: Option<String>,
    /// Findings that are told on lines: of lines that the request adds, of lines that its diff
    /// shows, of files that it touches, or all
    #[arg(long, value_enum, default_value_t = FilterName::DiffContext, value_name = "FILTER", help_heading = "What is said")]
    pub filter: FilterName,
    /// Tells this review from others of the same request [default: the paths]
    #[arg(long, value_name = "NAME", help_heading = "What is said")]
    pub scope: Option<String>,
    /// What fails the check, over what luascale.yaml says
    #[arg(long, value_enum, value_name = "LEVEL", help_heading = "What is said")]
    pub fail_on: Option<FailOnArg>,
    /// Print what would be sent, and send nothing
    #[arg(long, help_heading = "Output")]
    pub dry_run: bool,
    /// What --dry-run prints
    #[arg(long, value_enum, default_value_t = TextOrJson::Text, value_name = "FORMAT", help_heading = "Output")]
    pub format: TextOrJson,
    /// A folder to write every report into, which is made where it is not there
    #[arg(long, value_name = "DIR", help_heading = "Output")]
    pub output_dir: Option<PathBuf>,
    /// How the plan is made
    #[command(flatten)]
    pub planning: PlanningArgs,
    /// How samples are read
    #[command(flatten)]
    pub samples: SampleArgs,
}

/// A forge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ForgeName {
    /// GitHub, or a server of one's own.
    Github,
    /// GitLab.
    Gitlab,
}

/// Which findings are told on lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FilterName {
    /// On lines that are added or changed.
    #[value(name = "added")]
    Added,
    /// On lines that the diff shows.
    #[value(name = "diff_context")]
    DiffContext,
    /// In files that are touched.
    #[value(name = "file")]
    File,
    /// All.
    #[value(name = "nofilter")]
    NoFilter,
}

impl FilterName {
    /// As the core has it.
    pub fn filter(self) -> review::Filter {
        match self {
            FilterName::Added => review::Filter::Added,
            FilterName::DiffContext => review::Filter::DiffContext,
            FilterName::File => review::Filter::File,
            FilterName::NoFilter => review::Filter::NoFilter,
        }
    }
}
