//! What was typed after `apply`, `drift`, `rollback`, `unlock` and `ledger`. May import: everything.

use super::args_plan::{HeldArgs, PlanningArgs};
use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Which target.
#[derive(Debug, Clone, Args)]
pub struct TargetArgs {
    /// The target: one of those under `apply:` in luascale.yaml by its kind, or a directory as
    /// directory:PATH [default: the only one under `apply:`]
    #[arg(long, value_name = "TARGET")]
    pub target: Option<String>,
}

/// How a lock is waited for.
#[derive(Debug, Clone, Args)]
pub struct LockArgs {
    /// How long to wait for a lock that another run holds
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = wait)]
    pub lock_timeout: u64,
}

/// What is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TextOrJson {
    /// For people, in a terminal.
    Text,
    /// For programs.
    Json,
}

/// `luascale apply`.
#[derive(Debug, Args)]
pub struct Apply {
    /// A plan that `luascale plan -o` wrote, and that was approved: exactly what it changes is
    /// done, or nothing; or a folder: the policy root to plan and apply [default: plan, and do it]
    #[arg(value_name = "PLAN|ROOT")]
    pub plan: Option<PathBuf>,
    /// How it is planned again
    #[command(flatten)]
    pub planning: PlanningArgs,
    /// For a target that keeps no record of who has to approve, go by the configuration of the base
    /// alone, whatever history ever asked for; the ledger says so
    #[arg(long, help_heading = "Planning")]
    pub trust_base: bool,
    /// The lock
    #[command(flatten)]
    pub lock: LockArgs,
    /// What to print
    #[arg(long, value_enum, default_value_t = TextOrJson::Text, value_name = "FORMAT")]
    pub format: TextOrJson,
    /// A folder to write apply.json and figures.env into, which is made where it is not there
    #[arg(long, value_name = "DIR")]
    pub output_dir: Option<PathBuf>,
}

/// `luascale drift`.
#[derive(Debug, Args)]
pub struct Drift {
    /// Policy files and folders of the repository [default: the whole repository]
    #[arg(value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// How it is told what git has
    #[command(flatten)]
    pub held: HeldArgs,
    /// Exit with 2 where something differs
    #[arg(long)]
    pub detailed_exitcode: bool,
    /// What to print
    #[arg(long, value_enum, default_value_t = TextOrJson::Text, value_name = "FORMAT")]
    pub format: TextOrJson,
    /// A folder to write drift.json and figures.env into, which is made where it is not there
    #[arg(long, value_name = "DIR")]
    pub output_dir: Option<PathBuf>,
}

/// `luascale rollback`.
#[derive(Debug, Args)]
pub struct Rollback {
    /// The generation to go back to [default: the one before the live one]
    #[arg(long, value_name = "N")]
    pub to: Option<u64>,
    /// The target
    #[command(flatten)]
    pub target: TargetArgs,
    /// The lock
    #[command(flatten)]
    pub lock: LockArgs,
    /// What to print
    #[arg(long, value_enum, default_value_t = TextOrJson::Text, value_name = "FORMAT")]
    pub format: TextOrJson,
}

/// `luascale unlock`.
#[derive(Debug, Args)]
pub struct Unlock {
    /// Id of the run that holds the lock, as the message that refuses another one says it
    #[arg(long, value_name = "ID")]
    pub id: String,
    /// Give up what this run had begun too: what it did stays, and what it did not is not done
    #[arg(long)]
    pub abandon: bool,
    /// The target
    #[command(flatten)]
    pub target: TargetArgs,
}

/// `luascale ledger`.
#[derive(Debug, Args)]
pub struct Ledger {
    /// What to do
    #[command(subcommand)]
    pub command: LedgerCommand,
}

/// What to do with the ledger.
#[derive(Debug, Subcommand)]
pub enum LedgerCommand {
    /// Check that no line was changed, taken away or put in, and say where
    Verify(LedgerVerify),
    /// List what was done
    Show(LedgerShow),
}

/// Which ledger.
#[derive(Debug, Clone, Args)]
pub struct LedgerArgs {
    /// A ledger, instead of that of the target
    #[arg(long, value_name = "FILE")]
    pub ledger: Option<PathBuf>,
    /// The target
    #[command(flatten)]
    pub target: TargetArgs,
    /// What to print
    #[arg(long, value_enum, default_value_t = TextOrJson::Text, value_name = "FORMAT")]
    pub format: TextOrJson,
}

/// `luascale ledger verify`.
#[derive(Debug, Args)]
pub struct LedgerVerify {
    /// A digest that an apply printed: one of the lines must have it
    #[arg(long, value_name = "DIGEST")]
    pub has: Vec<String>,
    /// Which one
    #[command(flatten)]
    pub which: LedgerArgs,
}

/// `luascale ledger show`.
#[derive(Debug, Args)]
pub struct LedgerShow {
    /// The last so many lines alone
    #[arg(long, value_name = "N")]
    pub last: Option<usize>,
    /// Which one
    #[command(flatten)]
    pub which: LedgerArgs,
}

/// Reads how long to wait, in milliseconds; nothing is a length too.
fn wait(text: &str) -> Result<u64, String> {
    let read = crate::model::time::parse_duration(text).map_err(|error| error.to_string())?;
    u64::try_from(read.0).map_err(|error| error.to_string())
}
