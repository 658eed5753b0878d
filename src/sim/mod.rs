//! Simulation: recorded metrics in, what the policy would have done out.
//!
//! May import: `text`, `model`, `decide`. Conditions are answered through
//! [`crate::model::Conditions`], so this knows no Lua.

pub mod samples;
pub mod series;
pub mod trace;
