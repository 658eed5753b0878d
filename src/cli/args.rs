//! What was typed. What it means is worked out by each command. May import: everything.

pub use super::args_apply::{
    Apply, Drift, Ledger, LedgerArgs, LedgerCommand, LedgerShow, LedgerVerify, LockArgs, Rollback,
    TextOrJson, Unlock,
};
use crate::sim::samples;
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::{Path, PathBuf};

/// Autoscaling policy as code: see what a policy would have done, and why.
#[derive(Debug, Parser)]
#[command(name = "luascale", version, about, max_term_width = 100, arg_required_else_help = true)]
#[command(after_help = "Exit status: 0 clean, 1 findings or failed expectations, \
2 changes (with --detailed-exitcode), 3 the environment failed, \
64 usage or configuration, 70 a bug.")]
pub struct Cli {
    /// The command.
    #[command(subcommand)]
    pub command: Command,
    /// When to colour the output.
    #[arg(long, global = true, value_enum, default_value_t = Colour::Auto, value_name = "WHEN")]
    pub color: Colour,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Find faults in policies: what flaps, never fires, reads a unit wrongly, or will not load
    Check(Box<Check>),
    /// Say what a rule of `check` is about, with examples
    Explain(Explain),
    /// List the rules of `check`
    Rules(Rules),
    /// Print a script that completes luascale's commands in a shell
    Completions(Completions),
    /// Print the manual page, in roff
    Man,
    /// Print the JSON Schema of luascale.yaml, for editors and validators
    Schema,
    /// Run policies on recorded metrics, tick by tick, and say why
    DryRun(Box<DryRun>),
    /// Hold policies against the expectations in YAML samples
    Test(Box<Test>),
    /// Make what the commit has live on a target: a plan that was approved, or what is planned now
    Apply(Box<Apply>),
    /// Tell how git, what was applied and what is live differ, and change nothing
    Drift(Box<Drift>),
    /// Tell what a change of policies in git means, and what it would have done on recorded metrics
    Diff(Box<super::gitargs::Diff>),
    /// Tell a policy's story, commit by commit
    Log(super::gitargs::Log),
    /// Find the commit from which a policy decides otherwise on a recording
    Bisect(Box<super::gitargs::Bisect>),
    /// Make an earlier generation of a target live again, and hold it until git changes
    Rollback(Rollback),
    /// Take the lock of a run that is gone away from it
    Unlock(Unlock),
    /// Check or list what was done to a target
    Ledger(Ledger),
    /// Write a policy as an object of the Kubernetes HPA or of KEDA, and name what cannot be said there
    Export(Export),
    /// Write a HorizontalPodAutoscaler or a ScaledObject as a policy
    Import(Import),
    /// Plan what would be done to a target so that it holds what the commit has
    Plan(Box<super::args_plan::Plan>),
    /// Check, diff and plan the commit in one step of a pipeline
    Ci(Box<super::args_plan::Ci>),
    /// Review a pull request: say what was found on its lines, and what it means and would have done
    #[cfg(feature = "forge")]
    Review(Box<super::args_review::Review>),
    /// Show a plan that was kept
    Show(super::args_plan::Show),
    /// Approve the changes of a plan with an SSH key
    Approve(super::args_plan::Approve),
    /// Run policy code for a parent process (internal)
    #[command(name = "__worker", hide = true)]
    Worker(Worker),
}

/// When to colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Colour {
    /// On a terminal, unless NO_COLOR is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// How samples are read.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Samples")]
pub struct SampleArgs {
    /// Recorded metrics (CSV, JSON lines, Prometheus query_range JSON, YAML, Parquet), instead of
    /// those that luascale.yaml maps; may be given several times
    #[arg(long, short, visible_alias = "sample", value_name = "FILE")]
    pub samples: Vec<PathBuf>,
    /// Time zone of times that are written without one
    #[arg(long, value_name = "ZONE")]
    pub timezone: Option<String>,
    /// How the samples are written: csv, jsonl, prometheus, yaml or parquet; told from their names and
    /// contents otherwise
    #[arg(long, value_name = "FORMAT", value_parser = samples::Format::parse)]
    pub samples_format: Option<samples::Format>,
    /// Read Kubernetes quantities: 12500m is 12.5
    #[arg(long)]
    pub quantities: bool,
}

/// How policy code is fenced.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Limits of policy code")]
pub struct LimitArgs {
    /// Longest time to load a file
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = duration)]
    pub load_timeout: u64,
    /// Longest time of the policy's functions at one tick
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = duration)]
    pub tick_timeout: u64,
    /// Longest time of one policy's run
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = duration)]
    pub run_timeout: u64,
}

/// `luascale check`.
#[derive(Debug, Args)]
pub struct Check {
    /// Policy files, and folders with policies in them
    #[arg(default_value = ".", value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// Rules and families to run, instead of those of luascale.yaml; a list with commas
    #[arg(long, value_name = "RULES", value_delimiter = ',', help_heading = "Rules")]
    pub select: Vec<String>,
    /// Rules and families not to run, beside those of luascale.yaml
    #[arg(long, value_name = "RULES", value_delimiter = ',', help_heading = "Rules")]
    pub ignore: Vec<String>,
    /// From which level on findings fail the check [default: that of luascale.yaml, else warning]
    #[arg(long, value_enum, value_name = "LEVEL", help_heading = "Rules")]
    pub fail_on: Option<FailOnArg>,
    /// Tell only what this file does not know [default: that of luascale.yaml]
    #[arg(long, value_name = "FILE", help_heading = "Rules")]
    pub baseline: Option<PathBuf>,
    /// Take what was cured out of the baseline; where there is none yet, write one of all findings
    #[arg(long, conflicts_with = "diff", help_heading = "Rules")]
    pub update_baseline: bool,
    /// Ask the servers that policies name too, reading only: Prometheus for their queries, Kubernetes
    /// (KUBECONFIG) for their targets
    #[arg(long, conflicts_with_all = ["diff_fix", "update_baseline"], help_heading = "Online")]
    pub online: bool,
    /// The Prometheus of queries that name none [env: LUASCALE_PROMETHEUS_URL]
    #[arg(long, value_name = "URL", requires = "online", help_heading = "Online")]
    pub prometheus: Option<String>,
    /// Run each policy on its recordings too, and tell what goes wrong there: on those that
    /// luascale.yaml maps, or on the one named; may be given several times
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    #[arg(help_heading = "Input")]
    pub samples: Option<Vec<String>>,
    /// Only what changed since this revision, and what the change itself weakens; a range A..B names
    /// where it starts
    #[arg(long, value_name = "REV", conflicts_with_all = ["stdin", "watch"], help_heading = "Input")]
    pub diff: Option<String>,
    /// Check standard input, as the one PATH (which need not be there)
    #[arg(long, conflicts_with = "fix", requires = "paths", help_heading = "Input")]
    pub stdin: bool,
    /// Leave out what luascale.yaml excludes also where it is named here, as pre-commit names files
    #[arg(long, help_heading = "Input")]
    pub force_exclude: bool,
    /// Print how often each rule was broken, most often first, instead of the findings
    #[arg(long, help_heading = "Output")]
    pub statistics: bool,
    /// With --format sarif: tell what is suppressed too, as such. GitHub's code scanning takes these
    /// for open alerts
    #[arg(long, help_heading = "Output")]
    pub show_suppressed: bool,
    /// Make the fixes that keep the meaning, and tell what is left
    #[arg(long, help_heading = "Fixes")]
    pub fix: bool,
    /// With --fix or --diff-fix: make fixes that may change the meaning too
    #[arg(long, help_heading = "Fixes")]
    pub unsafe_fixes: bool,
    /// Print what --fix would change as a diff, and change nothing
    #[arg(long, conflicts_with = "fix", help_heading = "Fixes")]
    pub diff_fix: bool,
    /// What to print
    #[arg(long, value_enum, default_value_t = CheckFormat::Text, value_name = "FORMAT", help_heading = "Output")]
    pub format: CheckFormat,
    /// Where to write it, instead of standard output
    #[arg(long, short, value_name = "FILE", help_heading = "Output")]
    pub output: Option<PathBuf>,
    /// Check again whenever a file changes, until Ctrl-C
    #[arg(long, conflicts_with_all = ["stdin", "fix", "diff_fix", "update_baseline"], help_heading = "Input")]
    pub watch: bool,
    /// Where to keep what files came to, for the next time [default: luascale/check in the user's
    /// folder of caches]
    #[arg(long, value_name = "DIR", help_heading = "Cache")]
    pub cache_dir: Option<PathBuf>,
    /// Check every file anew, and keep nothing
    #[arg(long, help_heading = "Cache")]
    pub no_cache: bool,
    /// Longest time to load a file
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = duration)]
    #[arg(help_heading = "Limits of policy code")]
    pub load_timeout: u64,
}

/// From which level on findings fail a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FailOnArg {
    /// Any finding.
    Note,
    /// Warnings and errors.
    Warning,
    /// Errors alone.
    Error,
    /// None.
    Never,
}

impl FailOnArg {
    /// The mildest level that fails; none where nothing does.
    pub fn level(self) -> Option<crate::model::Level> {
        use crate::model::Level;
        match self {
            FailOnArg::Note => Some(Level::Note),
            FailOnArg::Warning => Some(Level::Warning),
            FailOnArg::Error => Some(Level::Error),
            FailOnArg::Never => None,
        }
    }
}

/// What `check` prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum CheckFormat {
    /// For people, in a terminal.
    Text,
    /// For programs; the schema is in docs/schema.
    Json,
    /// SARIF 2.1.0, for code scanning.
    Sarif,
    /// Workflow commands of GitHub Actions.
    Github,
    /// Code quality report of GitLab.
    Gitlab,
    /// For continuous integration.
    Junit,
    /// Checkstyle's XML.
    Checkstyle,
    /// Reviewdog's diagnostics, with suggestions.
    Rdjson,
}

/// `luascale completions`.
#[derive(Debug, Args)]
pub struct Completions {
    /// The shell
    #[arg(value_enum, value_name = "SHELL")]
    pub shell: clap_complete::Shell,
}

/// `luascale explain`.
#[derive(Debug, Args)]
pub struct Explain {
    /// The rule's identifier
    #[arg(value_name = "RULE")]
    pub rule: String,
}

/// `luascale rules`.
#[derive(Debug, Args)]
pub struct Rules {
    /// What to print
    #[arg(long, value_enum, default_value_t = RulesFormat::Text, value_name = "FORMAT")]
    pub format: RulesFormat,
    /// Hold the rules of your organisation in this file or folder against the examples of their pages
    #[arg(long, value_name = "PATH", conflicts_with = "format")]
    pub test: Option<PathBuf>,
}

/// What `rules` prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum RulesFormat {
    /// A line a rule.
    Text,
    /// For programs.
    Json,
    /// All pages.
    Markdown,
}

/// `luascale dry-run`.
#[derive(Debug, Args)]
pub struct DryRun {
    /// A policy file, or a folder: its policies, on the samples that its luascale.yaml maps to them
    #[arg(default_value = ".", value_name = "PATH")]
    pub path: PathBuf,
    /// Only the policies of these names
    #[arg(long, short, value_name = "NAME")]
    pub policy: Vec<String>,
    /// How the samples are read
    #[command(flatten)]
    pub samples: SampleArgs,
    /// How the loop is closed
    #[command(flatten)]
    pub run: RunArgs,
    /// What is printed
    #[command(flatten)]
    pub output: OutputArgs,
    /// The fences
    #[command(flatten)]
    pub limits: LimitArgs,
}

/// How the world is simulated.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Simulation")]
pub struct RunArgs {
    /// open: replicas and values as recorded; closed: both follow the policy. Closed is the
    /// default where the samples have replicas, or a metric is a demand
    #[arg(long = "loop", value_enum, value_name = "KIND")]
    pub kind: Option<LoopArg>,
    /// Replicas that ran while recording, where the samples do not say [default: replicas.min]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub recorded_replicas: Option<u32>,
    /// Something to go wrong: gap, dropout=METRIC, zero, nan, restart, surge, none-ready, spike,
    /// dst, dst=back; may be given several times
    #[arg(long, value_name = "NAME")]
    pub scenario: Vec<String>,
}

/// Open or closed loop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LoopArg {
    /// Replicas and values as recorded.
    Open,
    /// Replicas as decided, values follow them.
    Closed,
}

/// What is printed.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Output")]
pub struct OutputArgs {
    /// What to print [default: what the extension of --output says, else text]
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub format: Option<Format>,
    /// Where to write it, instead of standard output
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Explain the tick at or before this time, in UTC: 08:15, "Nov 29 15:00", 2026-11-29T15:00:00Z
    #[arg(long, value_name = "TIME")]
    pub at: Option<String>,
    /// Tell what kept it from scaling
    #[arg(long)]
    pub why_not: bool,
    /// Print all events, not the first ones alone
    #[arg(long)]
    pub events: bool,
    /// Draw with ASCII characters alone
    #[arg(long)]
    pub ascii: bool,
}

impl OutputArgs {
    /// The format that was asked for, or that the extension of the output means.
    pub fn format(&self) -> Format {
        let meant = || match extension(self.output.as_deref()?).as_str() {
            "html" | "htm" => Some(Format::Html),
            "json" => Some(Format::Json),
            "csv" => Some(Format::Csv),
            "md" | "markdown" => Some(Format::Markdown),
            _ => None,
        };
        self.format.or_else(meant).unwrap_or(Format::Text)
    }
}

/// The extension of a path in small letters; nothing where it has none.
fn extension(path: &Path) -> String {
    path.extension().map_or_else(String::new, |e| e.to_string_lossy().to_ascii_lowercase())
}

/// What to print.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people, in a terminal.
    Text,
    /// For programs; the schema is in docs/schema.
    Json,
    /// One row a tick.
    Csv,
    /// For a pull request or a job summary.
    Markdown,
    /// One page that works offline.
    Html,
}

/// `luascale test`.
#[derive(Debug, Args)]
pub struct Test {
    /// A policy file, or a folder
    #[arg(default_value = ".", value_name = "PATH")]
    pub path: PathBuf,
    /// Only the policies of these names
    #[arg(long, short, value_name = "NAME")]
    pub policy: Vec<String>,
    /// How the samples are read
    #[command(flatten)]
    pub samples: SampleArgs,
    /// How the loop is closed
    #[command(flatten)]
    pub run: RunArgs,
    /// What to print [default: what the extension of --output says, else text]
    #[arg(long, value_enum, value_name = "FORMAT", help_heading = "Output")]
    pub format: Option<TestFormat>,
    /// Where to write it, instead of standard output
    #[arg(long, short, value_name = "FILE", help_heading = "Output")]
    pub output: Option<PathBuf>,
    /// The fences
    #[command(flatten)]
    pub limits: LimitArgs,
}

impl Test {
    /// The format that was asked for, or that the extension of the output means.
    pub fn format(&self) -> TestFormat {
        let meant = || match extension(self.output.as_deref()?).as_str() {
            "json" => Some(TestFormat::Json),
            "xml" => Some(TestFormat::Junit),
            _ => None,
        };
        self.format.or_else(meant).unwrap_or(TestFormat::Text)
    }
}

/// What `test` prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TestFormat {
    /// Failures as diffs with the reason.
    Text,
    /// For programs.
    Json,
    /// For continuous integration.
    Junit,
}

/// `luascale export`.
#[derive(Debug, Args)]
pub struct Export {
    /// Name of a policy, or a policy file
    #[arg(value_name = "POLICY")]
    pub policy: String,
    /// Where the policy is sought
    #[arg(default_value = ".", value_name = "PATH")]
    pub path: PathBuf,
    /// What it becomes
    #[arg(long, value_enum, value_name = "KIND")]
    pub to: ExportTo,
    /// Address of the Prometheus that KEDA asks, for queries that name no server
    #[arg(long, value_name = "URL")]
    pub prometheus: Option<String>,
    /// Where to write it, instead of standard output
    #[arg(long, short, value_name = "FILE", help_heading = "Output")]
    pub output: Option<PathBuf>,
}

/// What `export` writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ExportTo {
    /// autoscaling/v2 HorizontalPodAutoscaler.
    Hpa,
    /// keda.sh/v1alpha1 ScaledObject.
    Keda,
}

/// `luascale import`.
#[derive(Debug, Args)]
pub struct Import {
    /// A file with one HorizontalPodAutoscaler or ScaledObject in YAML; - is standard input
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Where to write it, instead of standard output
    #[arg(long, short, value_name = "FILE", help_heading = "Output")]
    pub output: Option<PathBuf>,
}

/// `luascale __worker`.
#[derive(Debug, Args)]
pub struct Worker {
    /// Most address space, in bytes; 0 is unlimited.
    #[arg(long, default_value_t = 0)]
    pub memory: u64,
}

/// Reads a duration as policies write it, in milliseconds.
pub(super) fn duration(text: &str) -> Result<u64, String> {
    let read = crate::model::time::parse_duration(text).map_err(|e| e.to_string())?;
    u64::try_from(read.0).ok().filter(|ms| *ms > 0).ok_or_else(|| "a limit is more than nothing".into())
}
