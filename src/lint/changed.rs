//! What rules on a change in git look at: policies of both sides and what changed in them, files
//! of both sides, and what the configuration asks of a change. May import: `text`, `model`,
//! `change`.

use super::sink::Sink;
use super::{Check, rules};
use crate::change::meaning::Change;
use crate::model::{Finding, Level, Policy};
use crate::text::{Source, Span, Spanned};

/// A change, from one side to another.
#[derive(Default)]
pub struct ChangeView<'a> {
    /// Policies that are there on both sides and differ.
    pub policies: Vec<ChangedPolicy<'a>>,
    /// Lua files of the newer side that differ, with the older ones, where there were any.
    pub files: Vec<(Option<&'a Source>, &'a Source)>,
    /// Configurations of both sides.
    pub configurations: Vec<(&'a Guards, &'a Guards)>,
    /// Rules of the organisation that the newer side has no more, or that matter less there.
    pub lost: Vec<&'a LostRule>,
}

/// A rule of the organisation that a change takes out or makes matter less.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LostRule {
    /// Its identifier.
    pub id: String,
    /// How much its findings mattered.
    pub was: Level,
    /// How much they do now; none where there is no such rule any more.
    pub now: Option<Level>,
    /// The file that says so, and where.
    pub place: (Source, Span),
}

/// A policy that differs.
pub struct ChangedPolicy<'a> {
    /// The newer version.
    pub policy: &'a Policy,
    /// The file that declares it.
    pub source: &'a Source,
    /// The older version.
    pub before: &'a Policy,
    /// What changed.
    pub changes: &'a [Change],
}

/// What a configuration guards with: how strict the check is, what a change needs to be applied,
/// where secrets may go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guards {
    /// The configuration.
    pub source: Source,
    /// Rules and families that run; none: all.
    pub select: Vec<Spanned<String>>,
    /// Rules and families that do not run.
    pub ignore: Vec<Spanned<String>>,
    /// How much fails a check: 3 any finding, 2 warnings, 1 errors, 0 nothing.
    pub strictness: u8,
    /// File of findings that are let be.
    pub baseline: Option<Spanned<String>>,
    /// Files of the organisation's own rules.
    pub rules: Vec<String>,
    /// The protected branch.
    pub branch: Option<String>,
    /// Reviews that a change needs; none where nothing is said of approval.
    pub reviews: Option<u32>,
    /// Secrets and the hosts that each may be sent to.
    pub secrets: Vec<(Spanned<String>, Vec<String>)>,
}

/// Runs the rules that look at a change.
pub fn changed(view: &ChangeView<'_>, selected: &dyn Fn(&str) -> bool) -> Vec<Finding> {
    let mut findings = Vec::new();
    for rule in rules::RULES.iter().filter(|rule| selected(rule.id)) {
        if let Check::Change(check) = rule.check {
            check(view, &mut Sink::new(rule, &mut findings));
        }
    }
    findings
}
