//! What was typed after `plan`, `show`, `approve` and `ci`. May import: everything.

use super::args::{FailOnArg, SampleArgs, duration};
use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// What git has and what is live: shared by the commands that hold one against the other.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Planning")]
pub struct HeldArgs {
    /// The target: one of those under `apply:` in luascale.yaml by its kind, or a directory as
    /// directory:PATH [default: the only one under `apply:`]
    #[arg(long, value_name = "TARGET")]
    pub target: Option<String>,
    /// The revision that the change starts from, of which the configuration and the signers are
    /// read [default: the merge base with the default branch; on that branch the first parent]
    #[arg(long, value_name = "REV")]
    pub base: Option<String>,
    /// Longest time to load a file
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = duration)]
    pub load_timeout: u64,
}

/// How a plan is made: shared by the commands that make one.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Planning")]
pub struct PlanningArgs {
    /// Both sides
    #[command(flatten)]
    pub held: HeldArgs,
    /// Allow as many deletions, also where git has no policy left
    #[arg(long, value_name = "N")]
    pub allow_prune: Option<u32>,
}

/// `luascale plan`.
#[derive(Debug, Args)]
pub struct Plan {
    /// Policy files and folders of the repository [default: the whole repository]
    #[arg(value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// Where to write the plan, as JSON
    #[arg(long, short, value_name = "FILE", help_heading = "Output")]
    pub output: Option<PathBuf>,
    /// What to print
    #[arg(long, value_enum, default_value_t = PlanFormat::Text, value_name = "FORMAT", help_heading = "Output")]
    pub format: PlanFormat,
    /// Exit with 2 where there are changes
    #[arg(long, help_heading = "Output")]
    pub detailed_exitcode: bool,
    /// How it is made
    #[command(flatten)]
    pub planning: PlanningArgs,
}

/// What `plan` and `show` print.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum PlanFormat {
    /// For people, in a terminal.
    Text,
    /// The plan itself; the schema is in docs/schema.
    Json,
    /// For a pull request or a job summary.
    Markdown,
}

/// `luascale show`.
#[derive(Debug, Args)]
pub struct Show {
    /// A plan that `luascale plan -o` wrote
    #[arg(value_name = "PLAN")]
    pub plan: PathBuf,
    /// What to print
    #[arg(long, value_enum, default_value_t = PlanFormat::Text, value_name = "FORMAT", help_heading = "Output")]
    pub format: PlanFormat,
    /// Print the changes_digest alone: what `ssh-keygen -Y sign -n luascale` has to sign
    #[arg(long, conflicts_with = "format", help_heading = "Output")]
    pub changes_digest: bool,
    /// How it is planned again, to see whether it says the truth
    #[command(flatten)]
    pub held: HeldArgs,
}

/// `luascale approve`.
#[derive(Debug, Args)]
pub struct Approve {
    /// A plan that `luascale plan -o` wrote
    #[arg(value_name = "PLAN")]
    pub plan: PathBuf,
    /// Your SSH key: a private key without a passphrase, or a .pub file whose private key the
    /// agent holds
    #[arg(long, value_name = "FILE")]
    pub key: PathBuf,
    /// How it is planned again: only a plan that says what is planned here is signed
    #[command(flatten)]
    pub held: HeldArgs,
}

/// `luascale ci`.
#[derive(Debug, Args)]
pub struct Ci {
    /// Policy files and folders of the repository [default: the whole repository]
    #[arg(value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// A folder to write every report into, which is made where it is not there
    #[arg(long, value_name = "DIR", help_heading = "Output")]
    pub output_dir: Option<PathBuf>,
    /// What to print
    #[arg(long, value_enum, default_value_t = CiFormat::Text, value_name = "FORMAT", help_heading = "Output")]
    pub format: CiFormat,
    /// From which level on findings fail [default: that of the base's luascale.yaml, else warning]
    #[arg(long, value_enum, value_name = "LEVEL", help_heading = "Output")]
    pub fail_on: Option<FailOnArg>,
    /// How the plan is made
    #[command(flatten)]
    pub planning: PlanningArgs,
    /// How samples are read
    #[command(flatten)]
    pub samples: SampleArgs,
}

/// What `ci` prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum CiFormat {
    /// For a log.
    Text,
    /// For a pull request or a job summary.
    Markdown,
}
