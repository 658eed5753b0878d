//! Simulation: recorded metrics in, what the policy would have done out.
//!
//! May import: `text`, `model`, `yaml`, `decide`. Conditions are answered through
//! [`crate::model::Conditions`], so this knows no Lua.

pub mod cases;
pub mod expect;
mod notes;
pub mod run;
pub mod samples;
pub mod scenario;
pub mod score;
pub mod series;
pub mod trace;
mod world;

pub use run::{RunOptions, run};
pub use scenario::Scenario;
