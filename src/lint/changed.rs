//! What rules on a change in git look at: policies of both sides and what changed in them, files
//! of both sides, and what the configuration asks of a change. May import: `text`, `model`,
//! `change`.

use super::sink::Sink;
use super::{Check, rules};
use crate::change::meaning::Change;
use crate::model::{Finding, Level, Mode, Policy};
use crate::text::{Source, Span};

/// A change, from one side to another.
#[derive(Default)]
pub struct ChangeView<'a> {
    /// Policies that are there on both sides and differ.
    pub policies: Vec<ChangedPolicy<'a>>,
    /// Files of the newer side that differ and may have suppressions, with the older ones, where
    /// there were any.
    pub files: Vec<(Option<&'a Source>, &'a Source)>,
    /// What guards a folder with policies, on both sides.
    pub configurations: Vec<(&'a Guards, &'a Guards)>,
    /// Rules of the organisation that the newer side has no more, or that matter less there.
    pub lost: Vec<&'a LostRule>,
    /// Baselines that know more than they did.
    pub grown: Vec<&'a Grown>,
    /// What ceilings may rise by, and what they rise by.
    pub budgets: Vec<&'a Budget<'a>>,
    /// Those whose approval counts after the change, and did not before.
    pub joined: Vec<&'a Joined>,
}

/// A file, and a place in it.
pub type Place = (Source, Span);

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
    pub place: Place,
}

/// A baseline that knows more than it did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grown {
    /// The file, from the repository's root on.
    pub path: String,
    /// By how many findings.
    pub by: u32,
    /// The file, and the first finding in it that is new.
    pub place: Place,
}

/// Somebody whom a change adds to those who approve.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Joined {
    /// Who, as the list names them.
    pub who: String,
    /// The list, and the line.
    pub place: Place,
}

/// What the ceilings of the policies under a configuration may rise by in a change.
pub struct Budget<'a> {
    /// Replicas, all policies together.
    pub most: u32,
    /// The configuration, from the repository's root on.
    pub said: String,
    /// Ceilings that the change moves.
    pub moved: Vec<Moved<'a>>,
}

/// A ceiling that a change moves.
pub struct Moved<'a> {
    /// The policy's name.
    pub name: &'a str,
    /// What it was; 0 where there was no such policy.
    pub before: u32,
    /// What it is; 0 where there is none any more.
    pub after: u32,
    /// The newer version and its file, where there is one.
    pub version: Option<(&'a Policy, &'a Source)>,
}

impl Moved<'_> {
    /// By how many replicas it rises; negative where it falls.
    pub fn by(&self) -> i64 {
        i64::from(self.after) - i64::from(self.before)
    }
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

/// Something that a configuration says, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said<T> {
    /// What it says.
    pub value: T,
    /// Where; none for what holds where nothing is said.
    pub place: Option<Place>,
}

/// What guards a folder with policies: how strict the check is, what a change needs to be applied,
/// where secrets may go. It is what every luascale.yaml from the folder upward comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guards {
    /// Where to tell of what is not said any more: the nearest configuration, else a policy's file.
    pub home: Place,
    /// Rules and families that run; none: all.
    pub select: Said<Vec<String>>,
    /// Rules and families that do not run.
    pub ignore: Vec<Said<String>>,
    /// What is not checked, by its path from the repository's root on.
    pub exclude: Vec<Said<String>>,
    /// How much fails a check: 3 any finding, 2 warnings, 1 errors, 0 nothing.
    pub strictness: Said<u8>,
    /// File of findings that are let be, from the repository's root on.
    pub baseline: Option<Said<String>>,
    /// Files of the organisation's own rules, from the repository's root on.
    pub rules: Vec<String>,
    /// By how many replicas ceilings may rise in one change.
    pub budget: Option<Said<u32>>,
    /// The protected branch.
    pub branch: Said<Option<String>>,
    /// Reviews that a change needs; 0 where nothing is said of approval.
    pub reviews: Said<u32>,
    /// The file of those whose signatures approve, from the repository's root on.
    pub signers: Said<Option<String>>,
    /// Whose reviews on a forge approve too, in words.
    pub forge: Said<Option<String>>,
    /// Secrets and the hosts that each may be sent to.
    pub secrets: Vec<(Said<String>, Vec<String>)>,
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

/// The most replicas that a policy may ask for, in all of its regions: what it may cost on its worst
/// day. One that only observes asks for none.
pub fn ceiling(policy: &Policy) -> u32 {
    let scheduled = policy.schedule.iter().filter_map(|schedule| schedule.max);
    let max = scheduled.chain([*policy.replicas.max]).max().unwrap_or_default();
    match (&policy.regions, policy.mode) {
        (_, Mode::Observe) => 0,
        (None, _) => max,
        (Some(regions), _) => {
            let all = regions.regions.iter().map(|region| region.max.unwrap_or(max));
            let all = all.fold(0, u32::saturating_add);
            regions.max_total.map_or(all, |total| total.min(all))
        }
    }
}
