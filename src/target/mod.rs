//! Where policies are applied to. Edge; may import: the core, `disk`, `cluster`.
//!
//! A target keeps the policies that are live, an inventory of what was put there, a lock, the
//! journal of the apply that runs, and its generations. [`perform()`] is the one way to change
//! it: it takes an operation at a time and survives being killed between any two of them.
//!
//! Order of calls: [`Target::lock`], [`Target::begin`], for each operation [`Target::write`],
//! [`Target::finish`], [`Target::close`], [`Target::release`]. After a kill the next run finds
//! the journal and makes the same calls again, so each of them must be able to come twice.

pub mod directory;
mod generations;
#[cfg(feature = "online")]
pub mod kubernetes;
mod layout;
mod locks;
pub mod perform;

pub use crate::change::live::{Applied, Head, Hold, Identity, Live, LivePolicy, Operation, Origin};
pub use perform::{Interrupted, Outcome, perform};

use crate::change::Bundle;
use crate::change::live::{Run, applied};
use crate::model::{Duration, Time};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A place that policies are applied to.
pub trait Target {
    /// Which target it is, as it was when it was opened.
    fn identity(&self) -> &Identity;

    /// The target in words, as a user would name it: a path, a context and its namespace.
    fn shown(&self) -> String;

    /// What is live now, every body read anew.
    ///
    /// # Errors
    /// Where it cannot be reached or read.
    fn live(&self) -> Result<Live, Error>;

    /// What the target itself would refuse of these operations. Changes nothing.
    ///
    /// # Errors
    /// Where it cannot be reached.
    fn validate(&self, operations: &[Operation]) -> Result<Vec<Refusal>, Error>;

    /// Who holds the lock, if anybody; one whose time has run out too.
    ///
    /// # Errors
    /// Where it cannot be reached or read.
    fn holder(&self) -> Result<Option<Lock>, Error>;

    /// Takes the lock, with a fence above every earlier one. A lock whose holder is known to be
    /// gone, or whose time has run out, is taken over.
    ///
    /// # Errors
    /// [`Error::Locked`] where somebody holds it.
    fn lock(&self, claim: &Claim, now: Time) -> Result<Lock, Error>;

    /// Says that the holder is still there, and extends its time.
    ///
    /// # Errors
    /// [`Error::Fenced`] where the lock is not the caller's any more.
    fn renew(&self, lock: &Lock, now: Time) -> Result<Lock, Error>;

    /// Gives the lock back. No error where it is not the caller's any more.
    ///
    /// # Errors
    /// Where it cannot be reached or written.
    fn release(&self, lock: &Lock) -> Result<(), Error>;

    /// Takes a lock away from its holder, who then fails at the next write; gives what was there.
    ///
    /// # Errors
    /// [`Error::Unlocked`] where no lock has this id.
    fn unlock(&self, id: &str) -> Result<Lock, Error>;

    /// The journal of an apply that did not come to its end.
    ///
    /// # Errors
    /// Where it cannot be reached or read.
    fn journal(&self) -> Result<Option<Journal>, Error>;

    /// Writes down what is about to be done, durably, before any of it is done. Where the journal
    /// of the same run is there already, what that run had prepared is thrown away.
    ///
    /// # Errors
    /// [`Error::Fenced`]; [`Error::Interrupted`] where the journal of another run is there.
    fn begin(&self, lock: &Lock, journal: &Journal) -> Result<(), Error>;

    /// Does one operation, if and only if what is live is `operation.before`. What it does is
    /// durable at the latest when [`Target::finish`] returns.
    ///
    /// # Errors
    /// [`Error::Fenced`]; [`Error::Conflict`] where something else is live.
    fn write(&self, lock: &Lock, journal: &Journal, operation: &Operation) -> Result<(), Error>;

    /// Makes the generation `journal.serial + 1` the one that is live, with its inventory and
    /// holds. Where it is already, nothing is done.
    ///
    /// # Errors
    /// [`Error::Fenced`]; [`Error::Conflict`] where another generation came between.
    fn finish(&self, lock: &Lock, journal: &Journal) -> Result<Generation, Error>;

    /// Removes the journal of a run, and what it had prepared and not finished.
    ///
    /// # Errors
    /// [`Error::Fenced`].
    fn close(&self, lock: &Lock, journal: &Journal) -> Result<(), Error>;

    /// The generations that are kept, the oldest first.
    ///
    /// # Errors
    /// Where it cannot be reached or read.
    fn history(&self) -> Result<Vec<Generation>, Error>;

    /// From now on takes a live generation that is gone ([`Error::Lost`]) for one without policies, so
    /// that an earlier one can be made live in its place.
    fn forgo(&self) {}

    /// The policies of a generation.
    ///
    /// # Errors
    /// [`Error::Missing`] where it is not kept; [`Error::Damaged`] where what is kept of it is
    /// not what was applied.
    fn generation(&self, serial: u64) -> Result<BTreeMap<String, Bundle>, Error>;
}

/// Who wants the lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// Id of the run: random, so that no other run has it.
    pub id: String,
    /// Who it is, in words.
    pub holder: String,
    /// The machine that the run is on.
    pub host: String,
    /// How long the lock lasts without a sign of life.
    pub ttl: Duration,
}

/// A lock on a target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lock {
    /// Id of the run that holds it.
    pub id: String,
    /// Who it is, in words.
    pub holder: String,
    /// The machine that the run is on.
    pub host: String,
    /// When it was taken, by the holder's clock.
    pub acquired: Time,
    /// The last sign of life, by the holder's clock.
    pub renewed: Time,
    /// How long it lasts without a sign of life.
    pub ttl: Duration,
    /// Grows with each lock of the target; a write with an older one is refused.
    pub fence: u64,
}

/// What an apply is about to do, written down before it begins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Journal {
    /// Id of the run.
    pub id: String,
    /// The generation that was live when it began.
    pub serial: u64,
    /// When it began.
    pub started: Time,
    /// Where the change came from.
    pub origin: Origin,
    /// What is held once it is done.
    pub hold: BTreeMap<String, Hold>,
    /// The commit of each policy that does not come from that of the origin, as in a rollback.
    #[serde(default)]
    pub from: BTreeMap<String, Option<String>>,
    /// Where the ledger ended when it began.
    pub ledger: Option<Head>,
    /// Each policy at most once, sorted by name.
    pub operations: Vec<Operation>,
}

/// What was live from one apply to the next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Generation {
    /// From 1, without a gap.
    pub serial: u64,
    /// Id of the run that made it.
    pub run: String,
    /// When that run began.
    pub made: Time,
    /// Where it came from.
    pub origin: Origin,
    /// What a rollback holds in it.
    pub hold: BTreeMap<String, Hold>,
    /// Digest of each policy as it was applied.
    pub inventory: BTreeMap<String, String>,
    /// Where each policy came from; empty in what was written before this was kept.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub applied: BTreeMap<String, Applied>,
    /// Where the ledger ended when the run began.
    pub ledger: Option<Head>,
}

impl Generation {
    /// The generation that a journal makes of the one that is live.
    fn next(live: Option<&Generation>, journal: &Journal) -> Generation {
        let before = live.map(|live| live.inventory.clone()).unwrap_or_default();
        let serial = journal.serial.saturating_add(1);
        let run =
            Run { serial, origin: &journal.origin, from: &journal.from, operations: &journal.operations };
        let known = live.map(|live| live.applied.clone()).unwrap_or_default();
        let whole = live.and_then(|live| live.origin.commit.as_deref());
        let applied = applied(&known, &before, whole, &run);
        let mut inventory = before;
        for operation in &journal.operations {
            match operation.result() {
                Some(digest) => inventory.insert(operation.id.clone(), digest),
                None => inventory.remove(&operation.id),
            };
        }
        Generation {
            serial,
            run: journal.id.clone(),
            made: journal.started,
            origin: journal.origin.clone(),
            hold: journal.hold.clone(),
            inventory,
            applied,
            ledger: journal.ledger.clone(),
        }
    }

    /// The commit that each of its policies came from.
    pub fn commits(&self) -> BTreeMap<String, Option<String>> {
        let whole = &self.origin.commit;
        let commit =
            |id: &String| self.applied.get(id).map_or_else(|| whole.clone(), |from| from.commit.clone());
        self.inventory.keys().map(|id| (id.clone(), commit(id))).collect()
    }

    /// What stands for a generation of which nothing but the number is left.
    fn gone(serial: u64) -> Generation {
        Generation {
            serial,
            run: String::new(),
            made: Time(0),
            origin: Origin::default(),
            hold: BTreeMap::new(),
            inventory: BTreeMap::new(),
            applied: BTreeMap::new(),
            ledger: None,
        }
    }
}

/// What the target would refuse, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// Name of the policy.
    pub id: String,
    /// One sentence.
    pub why: String,
}

/// Why a target could not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It cannot be reached, read or written: one sentence.
    #[error("{0}")]
    Unavailable(String),
    /// What it holds is not what was written there: one sentence.
    #[error("{0}")]
    Damaged(String),
    /// Somebody else holds the lock.
    #[error("{} holds the lock {}", .0.holder, .0.id)]
    Locked(Box<Lock>),
    /// The lock was lost: another run or `unlock` took it.
    #[error("the lock {0} was taken away")]
    Fenced(String),
    /// No lock has this id.
    #[error("there is no lock {0}")]
    Unlocked(String),
    /// An earlier apply did not come to its end.
    #[error("the apply {0} did not come to its end")]
    Interrupted(String),
    /// What is live is neither what was there before nor what is to be there after.
    #[error("{id}: {found} is live, and neither what was there before nor what was to come")]
    Conflict {
        /// Name of the policy; `generation` where a whole generation came between.
        id: String,
        /// What is live: a digest, `nothing`, or a generation.
        found: String,
    },
    /// The target refuses a policy.
    #[error("{}: {}", .0.id, .0.why)]
    Refused(Refusal),
    /// The live generation is gone: what leads to it leads nowhere.
    #[error("{what}")]
    Lost {
        /// One sentence.
        what: String,
        /// The generations that are still there, the oldest first.
        kept: Vec<u64>,
    },
    /// There is no such generation.
    #[error("generation {0} is not kept")]
    Missing(u64),
}
