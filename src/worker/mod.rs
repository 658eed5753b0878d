//! The killable process: policy code runs in a child of this binary, never in it.
//!
//! The child (`luascale __worker`) starts with an empty environment and limits of its own, reads
//! requests from its standard input and answers on its standard output, and touches nothing
//! else. One child serves many files, one after the other. The parent holds the deadline and
//! kills. May import: the core. Edge.

pub mod check;
pub mod child;
pub mod organisation;
pub mod parent;
pub mod protocol;
mod recordings;
pub mod runs;
pub mod study;

pub use organisation::RulesReply;
pub use parent::{Lost, Worker, own_binary};

use crate::change::behaviour::Compared;
use crate::change::code::Code;
use crate::lint::{Assumptions, Checked, Wanted};
use crate::lua::Limits;
use crate::model::{Finding, Policy};
use crate::program::Entry;
use crate::sim::RunOptions;
use crate::sim::expect::Outcome;
use crate::sim::samples::ReadOptions;
use crate::sim::trace::Run;
use crate::text::{Source, Spanned};
use serde::{Deserialize, Serialize};

/// Exit status of a worker that panicked.
pub const PANICKED: u8 = 70;

/// Exit status of a worker that could not fence itself, and so ran nothing.
pub const UNFENCED: u8 = 3;

/// A module's name, and where it is found or why it is not.
pub type Answer = (String, Result<Source, String>);

/// What the parent asks.
#[derive(Debug, Serialize, Deserialize)]
pub enum Request {
    /// Load a file, and forget the one before.
    Load(Box<LoadRequest>),
    /// Load a file, and lint it; what it is likely to require is at hand.
    Check(Box<CheckRequest>, Vec<Answer>),
    /// Load a file, and read what its functions do.
    Study(Box<LoadRequest>),
    /// Keep the file that is loaded, to be compared with the next one. Nothing is answered.
    Keep,
    /// Run a policy of the file that was kept and one of the file that is loaded.
    Compare(Box<CompareRequest>),
    /// Load an organisation's files of rules.
    Rules(Vec<Source>, Limits),
    /// The module that the child needs.
    Module(Result<Source, String>),
    /// Run a policy of the file that is loaded.
    Run(Box<RunRequest>),
}

/// A file to load.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LoadRequest {
    /// The file.
    pub source: Source,
    /// Its entry under `policies:` in luascale.yaml.
    pub entry: Option<Entry>,
    /// Further kinds of gateways, one a source.
    pub catalogue: Vec<Source>,
    /// The fences.
    pub limits: Limits,
}

/// A file to load and lint.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CheckRequest {
    /// The file.
    pub load: LoadRequest,
    /// What the linter takes for granted.
    pub assumptions: Assumptions,
    /// The rules that look; an organisation's all do.
    pub wanted: Wanted,
    /// The organisation's files of rules.
    pub rules: Vec<Source>,
}

impl From<LoadRequest> for CheckRequest {
    fn from(load: LoadRequest) -> CheckRequest {
        CheckRequest { load, assumptions: Assumptions::default(), wanted: Wanted::all(), rules: Vec::new() }
    }
}

/// What the child answers.
#[derive(Debug, Serialize, Deserialize)]
pub enum Reply {
    /// It needs a module, by the name that `require` was given.
    Need(String),
    /// The file is loaded, or cannot be.
    Loaded(Box<LoadReply>),
    /// The file is loaded, as far as it can be, and linted.
    Checked(Box<Checked>),
    /// The file is loaded, or cannot be, and its functions are read.
    Studied(Box<Studied>),
    /// Two policies have been run.
    Compared(Box<CompareReply>),
    /// The files of rules are loaded, as far as they can be.
    Rules(Box<RulesReply>),
    /// A run goes on.
    Progress {
        /// Ticks done.
        done: u64,
        /// Ticks there are.
        total: u64,
    },
    /// A run has ended.
    Ran(Box<RunReply>),
}

/// A loaded file.
#[derive(Debug, Serialize, Deserialize)]
pub struct LoadReply {
    /// The policies that are sound.
    pub policies: Vec<Policy>,
    /// What was found, errors and notes.
    pub findings: Vec<Finding>,
    /// The file and all that it required, for showing findings.
    pub sources: Vec<Source>,
    /// Whether it is a script.
    pub script: bool,
    /// What it printed while loading.
    pub printed: Vec<String>,
}

/// A loaded file and what its functions do.
#[derive(Debug, Serialize, Deserialize)]
pub struct Studied {
    /// The file.
    pub loaded: LoadReply,
    /// What the functions of each of its policies do, in their order.
    pub codes: Vec<Code>,
}

/// Two policies to run on the same recordings.
#[derive(Debug, Serialize, Deserialize)]
pub struct CompareRequest {
    /// Index of the older one among the policies of the file that was kept.
    pub before: u32,
    /// Index of the newer one among the policies of the file that is loaded.
    pub after: u32,
    /// The recordings.
    pub samples: Vec<SampleFile>,
    /// How the world is simulated.
    pub options: RunOptions,
}

/// How they behaved, or why that cannot be told.
#[derive(Debug, Serialize, Deserialize)]
pub struct CompareReply {
    /// One a recording; none where the samples cannot be read.
    pub compared: Vec<Compared>,
    /// What was found in the samples.
    pub findings: Vec<Finding>,
    /// The texts that the findings point into.
    pub sources: Vec<Source>,
}

/// A policy to run.
#[derive(Debug, Serialize, Deserialize)]
pub struct RunRequest {
    /// Index in [`LoadReply::policies`], or in [`Checked::policies`].
    pub policy: u32,
    /// The recordings.
    pub samples: Vec<SampleFile>,
    /// How the world is simulated.
    pub options: RunOptions,
    /// What the runs are for.
    pub purpose: Purpose,
}

/// What runs are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Purpose {
    /// To be looked at: tests are left out where there are other recordings.
    DryRun,
    /// To be held against expectations: recordings without any are left out.
    Test,
    /// To be judged by the linter, of a file that was checked: its findings are the answer, and
    /// the runs are not. Tests are left out, since what they hold was made up.
    Check,
}

/// A recording, as bytes.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SampleFile {
    /// Its name.
    pub name: String,
    /// What is in it.
    pub bytes: Vec<u8>,
    /// How it is read.
    pub options: ReadOptions,
    /// `(metric, column)` where one column is read as one metric, as `file` declares.
    pub column: Option<(String, String)>,
}

/// Runs, or why there are none.
#[derive(Debug, Serialize, Deserialize)]
pub struct RunReply {
    /// One a recording; none where the samples cannot be read, and for [`Purpose::Check`].
    pub runs: Vec<Recorded>,
    /// How many recordings there were.
    pub recordings: u32,
    /// What was found in the samples, and by the linter in the runs.
    pub findings: Vec<Finding>,
    /// The texts that the findings point into.
    pub sources: Vec<Source>,
    /// Tests that are about another policy: the file, the name, its place.
    pub foreign: Vec<(String, Spanned<String>)>,
}

/// A run on one recording.
#[derive(Debug, Serialize, Deserialize)]
pub struct Recorded {
    /// The run.
    pub run: Run,
    /// The test that it is the run of.
    pub test: Option<Tested>,
}

/// A test that was run.
#[derive(Debug, Serialize, Deserialize)]
pub struct Tested {
    /// The file that holds it.
    pub source: Source,
    /// Its name.
    pub name: String,
    /// What came of its expectations.
    pub outcomes: Vec<Outcome>,
}
