//! Simulation: recorded metrics in, what the policy would have done out.
//!
//! May import: `text`, `model`, `yaml`, `decide`. Conditions are answered through
//! [`crate::model::Conditions`], so this knows no Lua.

pub mod cases;
mod counted;
pub mod expect;
mod notes;
pub mod run;
pub mod samples;
pub mod scenario;
pub mod score;
pub mod series;
pub mod trace;
mod units;
mod world;

pub use run::{RunOptions, run};
pub use scenario::Scenario;

/// `1 tick`, `2 ticks`.
fn many(count: usize, one: &str) -> String {
    if count == 1 { format!("1 {one}") } else { format!("{count} {one}s") }
}
