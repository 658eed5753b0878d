//! Reasons in words, until the decision's own module tells them. May import: `model`.

use crate::model::Policy;
use crate::model::decision::{Step, Why};

/// A step's name.
pub(super) fn name(why: &Why) -> String {
    let text = format!("{why:?}");
    text.split([' ', '{']).next().unwrap_or_default().to_lowercase()
}

/// A step's sentence.
pub(super) fn words(_policy: &Policy, step: &Step) -> String {
    format!("{:?}", step.why)
}
