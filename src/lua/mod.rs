//! The VM room: runs policy code in Luau, fenced.
//!
//! [`load`] runs a file once and hands back what it declared; [`Loaded::bind`] gives the
//! conditions of one policy, to be asked at each tick. The fence: no clock, chance, file,
//! process or network inside; a budget counted in the VM's safepoints (it falls the same way
//! every time), a wall-clock deadline and a memory limit that policy code cannot catch; tables
//! and globals made at load are read-only afterwards.
//!
//! May import: `text`, `model`.

mod conditions;
mod driver;
mod each;
mod hook;
mod lexer;
mod load;
mod message;
mod native;
mod organisation;
mod parts;
mod sandbox;
mod secret;
#[cfg(test)]
mod tests;
mod value;

pub use conditions::VmConditions;
pub use lexer::requires;
pub use load::{Asked, Loaded, load, plain_script};
pub use organisation::RuleFile;

use crate::text::Source;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A clock given by the edge: milliseconds since any fixed instant, never going back.
pub type Clock = Arc<dyn Fn() -> u64 + Send + Sync>;

/// Where `require` finds shared code.
pub trait Modules {
    /// The source of a module by its dotted name (`lib.thresholds`).
    ///
    /// # Errors
    /// A sentence that says why there is none, made for the person who wrote `require`.
    fn find(&self, name: &str) -> Result<Source, String>;
}

/// No shared code: every `require` is an error that says so.
pub struct NoModules;

impl Modules for NoModules {
    fn find(&self, name: &str) -> Result<Source, String> {
        Err(format!("there is no module \"{name}\": this file has no policy root to find it under"))
    }
}

/// What policy code may use up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Bytes of one VM. Default 16 MiB; under 1 MiB nothing runs.
    pub memory: u64,
    /// Bytes of one source text. Default 1 MiB.
    pub source: u64,
    /// Safepoints (calls, returns, turns of a loop) for loading a file. Default 5 million.
    pub load_budget: u64,
    /// Safepoints for one function at one tick. Default 1 million.
    pub tick_budget: u64,
    /// Milliseconds of wall clock for loading a file. Default 1,000.
    pub load_ms: u64,
    /// Milliseconds of wall clock for the functions of one tick. Default 1,000.
    pub tick_ms: u64,
    /// Milliseconds of wall clock for all ticks of one policy, from its first. Default 60,000.
    pub run_ms: u64,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            memory: 16 << 20,
            source: 1 << 20,
            load_budget: 5_000_000,
            tick_budget: 1_000_000,
            load_ms: 1_000,
            tick_ms: 1_000,
            run_ms: 60_000,
        }
    }
}
