//! Findings: a user's mistakes and the tool's remarks, each with its places. May import: `text`.

use crate::text::{Source, Span};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Worth knowing; never fails a run.
    Note,
    /// Probably a fault.
    Warning,
    /// The policy or the input cannot be used.
    Error,
}

/// A place that takes part in a finding, and what it has to do with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Label {
    /// Name of the source, as in [`Source::name`].
    pub source: Arc<str>,
    /// The place in it.
    pub span: Span,
    /// What is to be said of this place; may be empty for the first label.
    pub text: String,
}

/// One thing found: what, where, and what to write instead.
///
/// The first label is the place of the finding; a finding without labels concerns the whole
/// file or command named in its message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Identifier of the rule, in kebab case, naming the fault (`unknown-field`).
    pub rule: String,
    /// How much it matters.
    pub level: Level,
    /// One sentence without a final full stop.
    pub message: String,
    /// The places, most important first.
    pub labels: Vec<Label>,
    /// What was expected and what to write instead.
    pub help: Option<String>,
    /// An edit that cures it, where one is known.
    pub fix: Option<Box<Fix>>,
}

/// Edits that cure a finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fix {
    /// What they do, in the imperative (`remove the unused local`).
    pub title: String,
    /// Whether the file then means the same, the fault aside; others need a flag.
    pub safe: bool,
    /// They do not overlap.
    pub edits: Vec<Edit>,
}

/// A piece of text that takes another's place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Edit {
    /// Name of the source.
    pub source: Arc<str>,
    /// What is replaced; empty to insert.
    pub span: Span,
    /// What stands there then.
    pub text: String,
}

impl Finding {
    /// An error with no place yet.
    pub fn error(rule: &str, message: impl Into<String>) -> Finding {
        Finding {
            rule: rule.into(),
            level: Level::Error,
            message: message.into(),
            labels: Vec::new(),
            help: None,
            fix: None,
        }
    }

    /// A warning with no place yet.
    pub fn warning(rule: &str, message: impl Into<String>) -> Finding {
        Finding { level: Level::Warning, ..Finding::error(rule, message) }
    }

    /// A note with no place yet.
    pub fn note(rule: &str, message: impl Into<String>) -> Finding {
        Finding { level: Level::Note, ..Finding::error(rule, message) }
    }

    /// The one order of findings: by source, place, rule, message; those without a place first.
    pub fn order(&self, other: &Finding) -> std::cmp::Ordering {
        let place = |f: &Finding| f.labels.first().map(|l| (l.source.clone(), l.span));
        place(self)
            .cmp(&place(other))
            .then_with(|| self.rule.cmp(&other.rule))
            .then_with(|| self.message.cmp(&other.message))
    }

    /// Adds a place and what is to be said of it.
    #[must_use]
    pub fn at(mut self, source: &Source, span: Span, text: impl Into<String>) -> Finding {
        self.labels.push(Label { source: source.name.clone(), span, text: text.into() });
        self
    }

    /// Sets the fix.
    #[must_use]
    pub fn fix(mut self, fix: Fix) -> Finding {
        self.fix = Some(Box::new(fix));
        self
    }

    /// Sets the help.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Finding {
        self.help = Some(help.into());
        self
    }
}

/// Most findings told of one file one by one: it has one slip many times over by then.
pub const MOST: usize = 100;

/// At most [`MOST`] findings, and one that says how many more errors there are in `source`.
/// `more` were not even gathered.
pub fn capped(mut findings: Vec<Finding>, more: usize, source: &str) -> Vec<Finding> {
    let more = more + findings.len().saturating_sub(MOST);
    findings.truncate(MOST);
    if more > 0 {
        let s = if more == 1 { "" } else { "s" };
        let help = "correct those that are shown; the others are told then";
        findings.push(
            Finding::error("more-findings", format!("{source}: {more} more error{s}, not shown")).help(help),
        );
    }
    findings
}

/// The nearest of `known` to what was typed, where it is near enough to be a slip.
pub fn did_you_mean<'a>(typed: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // A long text is no slip of a name, and its distances would take much memory.
    let typed = Some(typed).filter(|typed| typed.len() <= 64)?.to_ascii_lowercase();
    known
        .into_iter()
        .map(|name| (strsim::damerau_levenshtein(&typed, &name.to_ascii_lowercase()), name))
        // A third of the letters may be wrong; at least one, for short names.
        .filter(|(distance, name)| *distance <= (name.len().max(typed.len()) / 3).max(1))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::did_you_mean;

    #[test]
    fn near_names_are_offered_and_far_ones_are_not() {
        let known = ["replicas", "scale_out", "scale_in", "cooldown"];
        assert_eq!(did_you_mean("replica", known), Some("replicas"));
        assert_eq!(did_you_mean("scaleout", known), Some("scale_out"));
        assert_eq!(did_you_mean("banana", known), None);
        assert_eq!(did_you_mean(&"replicas".repeat(100_000), known), None);
    }
}
