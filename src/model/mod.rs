//! What a policy is: plain data, checked by `build`, with the place of every value.
//!
//! May import: `text`. Knows no Lua, no clock, no file.

pub mod bare;
pub mod build;
pub mod decision;
pub mod effect;
pub mod expr;
pub mod finding;
pub mod input;
pub mod metric;
pub mod organisation;
pub mod policy;
pub mod quantity;
pub mod raw;
pub mod script;
pub mod time;

pub use decision::{Bound, Decision, Event, EventKind, Step};
pub use effect::{Effect, Text};
pub use finding::{Edit, Finding, Fix, Label, Level};
pub use input::{
    Conditions, Context, Cooldown, HookReport, Input, Pending, Phase, Projected, Proposed, Reading,
    ReplicaSample, RuleState, State, Verdict, Work,
};
pub use policy::*;
pub use time::{Duration, Time};
