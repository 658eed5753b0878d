//! The decision at a tick, and its reasons in words.
//!
//! May import: `text`, `model`. It knows no Lua, no clock, no randomness: whoever calls it
//! (dry-run, test, diff, the live engine) gets the same answer for the same input. The steps
//! are those of section 4 of docs/language.md, in its order; formulas and defaults follow
//! Kubernetes' Horizontal Pod Autoscaler, cooldowns follow AWS step scaling.

mod activation;
mod choose;
mod limit;
mod number;
mod propose;
mod read;
pub mod reason;
mod replicas;
mod rules;
mod schedule;
mod shrink;
mod tick;
mod track;

pub use schedule::{ClockChange, Stretch, clock_changes, open_between, parse_cron};
pub use tick::decide;

#[cfg(test)]
mod tests;
