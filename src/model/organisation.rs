//! An organisation's own rules as data: what a rule declares, and the plain view of a policy that
//! it looks at. May import: `text`, siblings.

use super::finding::Level;
use super::raw::Place;
use crate::text::Span;
use serde::{Deserialize, Serialize};

/// The family that organisations' rules belong to.
pub const FAMILY: &str = "organisation";

/// A rule that a file of the organisation declares.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrgRule {
    /// Identifier in kebab case.
    pub id: String,
    /// How much its findings matter; `warning` where it does not say.
    pub level: Level,
    /// Why it is there; empty where it does not say.
    pub why: String,
    /// Where it is declared.
    pub place: Place,
}

/// What a rule reports of a policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reported {
    /// The place in the policy's file.
    pub place: Span,
    /// What is wrong.
    pub message: String,
    /// What to do instead.
    pub help: Option<String>,
}

/// A value of the plain view, and where it is written.
#[derive(Debug, Clone, PartialEq)]
pub struct Plain {
    /// Where; of what is not written, the place of what it would be a part of.
    pub place: Span,
    /// What.
    pub value: PlainValue,
}

/// What a value of the plain view is.
#[derive(Debug, Clone, PartialEq)]
pub enum PlainValue {
    /// Left out, and without a default.
    Absent,
    /// A boolean.
    Bool(bool),
    /// A number; a time in seconds.
    Number(f64),
    /// A text.
    Text(String),
    /// Fields by name. Where the names are `known`, reading another is a mistake.
    Record {
        /// What it is, for messages.
        what: &'static str,
        /// Sorted by name.
        fields: Vec<(String, Plain)>,
        /// Whether there can be no other field.
        known: bool,
    },
    /// Values in their order.
    List(Vec<Plain>),
    /// Values by name, sorted.
    Map(Vec<(String, Plain)>),
}
