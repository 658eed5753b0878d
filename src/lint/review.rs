//! From what the rules found to what is told: rules over all policies, the rules that are wanted,
//! suppressions; each fault once, in one order. May import: `text`, `model`.

use super::rules::rule;
use super::settings::{Settings, Wanted};
use super::{Check, Checked, PolicyView, dated, set, suppress};
use crate::model::Finding;
use crate::text::Source;
use jiff::civil::Date;
use std::collections::{HashMap, HashSet};

/// Files under one configuration.
pub struct Group<'a> {
    /// The files.
    pub files: &'a [Checked],
    /// What is asked of the linter there.
    pub settings: &'a Settings,
    /// The texts of the configuration, the nearest first.
    pub configs: Vec<&'a Source>,
    /// Whether the files of this group are all those that the nearest configuration is about: only
    /// then is an allowance in it that nothing needs unused.
    pub whole: bool,
}

/// What is told.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Review {
    /// The findings, in their one order.
    pub told: Vec<Told>,
    /// Those that are suppressed, in the same order.
    pub suppressed: Vec<Suppressed>,
}

/// A finding that is suppressed.
#[derive(Debug, Clone, PartialEq)]
pub struct Suppressed {
    /// The finding.
    pub finding: Finding,
    /// Why, as the suppression says; may be empty.
    pub reason: String,
}

/// A finding that is told.
#[derive(Debug, Clone, PartialEq)]
pub struct Told {
    /// The finding.
    pub finding: Finding,
    /// The group that it belongs to, by index.
    pub group: usize,
    /// Whether it fails the check.
    pub fails: bool,
}

impl Review {
    /// The findings alone.
    pub fn findings(&self) -> Vec<Finding> {
        self.told.iter().map(|told| told.finding.clone()).collect()
    }
}

/// Reviews all files of a check; `today` is the day that suppressions and schedules are held
/// against.
pub fn review(groups: &[Group<'_>], today: Date) -> Review {
    let all = || groups.iter().enumerate().flat_map(|(at, g)| g.files.iter().map(move |f| (at, f)));
    let views: Vec<PolicyView<'_>> = all().flat_map(|(_, file)| file.views()).collect();
    let mut owners: HashMap<&str, usize> = HashMap::new();
    for (at, file) in all() {
        for source in &file.sources {
            owners.entry(&source.name).or_insert(at);
        }
    }
    let mut shared: Vec<Vec<Finding>> = vec![Vec::new(); groups.len()];
    let wanted = Wanted::by(groups.iter().map(|group| group.settings));
    let days = views.iter().flat_map(|view| dated(view, today, &wanted));
    for finding in set(&views, &wanted).into_iter().chain(days) {
        let owner = finding.labels.first().and_then(|label| owners.get(&*label.source));
        if let Some(slot) = shared.get_mut(owner.copied().unwrap_or(0)) {
            slot.push(finding);
        }
    }
    let mut review = Review::default();
    for (at, (group, shared)) in groups.iter().zip(shared).enumerate() {
        let (findings, suppressed) = one(group, shared, today);
        let tell = |finding| Told { fails: group.settings.fails(&finding), group: at, finding };
        review.told.extend(findings.into_iter().map(tell));
        review.suppressed.extend(suppressed);
    }
    review.told.sort_by(|a, b| a.finding.order(&b.finding));
    review.suppressed.sort_by(|a, b| a.finding.order(&b.finding));
    review
}

/// The findings of a group, and those that are suppressed.
fn one(group: &Group<'_>, shared: Vec<Finding>, today: Date) -> (Vec<Finding>, Vec<Suppressed>) {
    let settings = group.settings;
    let mut findings: Vec<Finding> = group.files.iter().flat_map(|file| file.findings.clone()).collect();
    findings.extend(shared);
    // What keeps a policy from loading is told whatever is selected.
    findings.retain(|f| settings.wants(&f.rule) || suppress::keeps_from_loading(f));
    findings.sort_by(Finding::order);
    // A module's fault is found anew in every file that requires it.
    findings.dedup();
    // The order has the findings of a file side by side.
    let mut places: HashMap<&str, std::ops::Range<usize>> = HashMap::new();
    for (at, finding) in findings.iter().enumerate() {
        if let Some(label) = finding.labels.first() {
            places.entry(&label.source).or_insert(at..at).end = at + 1;
        }
    }
    let mut reasons: Vec<Option<String>> = vec![None; findings.len()];
    let mut own = Vec::new();
    let mut hold = |source: &Source, ran: Option<&dyn Fn(&str) -> bool>| {
        if !suppress::may_have(source) {
            return;
        }
        let range = places.get(&*source.name).cloned().unwrap_or_default();
        let here: Vec<&Finding> = findings.get(range.clone()).unwrap_or_default().iter().collect();
        let applied = suppress::apply(source, &here, ran.unwrap_or(&|_| false), &settings.own, today);
        for (slot, reason) in reasons.get_mut(range).unwrap_or_default().iter_mut().zip(applied.suppressed) {
            *slot = reason.or(slot.take());
        }
        // What is wrong with the suppressions of a file that was not asked for is not told.
        if ran.is_some() {
            own.extend(applied.findings.into_iter().filter(|f| settings.wants(&f.rule)));
        }
    };
    let mut seen: HashSet<&str> = HashSet::new();
    for file in group.files {
        // What stands beside the files, a configuration or a test, no rule has looked at as a whole.
        let Some(source) = file.sources.first().filter(|source| !suppress::is_yaml(source)) else { continue };
        seen.insert(&source.name);
        hold(source, Some(&|id: &str| settings.wants(id) && looked_by(file, id)));
    }
    let any = |id: &str| {
        group.whole
            && settings.wants(id)
            && group.files.iter().all(|file| looked_by(file, id) || file.policies.is_empty())
    };
    for (at, source) in group.configs.iter().enumerate() {
        if seen.insert(&source.name) {
            hold(source, if at == 0 { Some(&any) } else { None });
        }
    }
    for source in group.files.iter().flat_map(|file| &file.sources) {
        if seen.insert(&source.name) {
            hold(source, None);
        }
    }
    let (mut kept, mut suppressed) = (Vec::new(), Vec::new());
    for (finding, reason) in findings.into_iter().zip(reasons) {
        match reason {
            Some(reason) => suppressed.push(Suppressed { finding, reason }),
            None => kept.push(finding),
        }
    }
    kept.extend(own);
    (kept, suppressed)
}

/// Whether a rule has looked at a file. An organisation's own looks at policies.
fn looked_by(file: &Checked, id: &str) -> bool {
    rule(id).map_or_else(|| loads(file), |rule| looked(file, rule.check))
}

/// Whether rules of this kind have looked at a file.
fn looked(file: &Checked, check: Check) -> bool {
    match check {
        Check::Elsewhere => true,
        Check::Tree(_) => file.parsed.is_sound(),
        Check::Policy(_) | Check::Query(_) | Check::Set(_) | Check::Dated(_) => loads(file),
        Check::Run(_) | Check::Change(_) | Check::Online(_) => false,
    }
}

/// Whether there are policies to look at.
fn loads(file: &Checked) -> bool {
    !file.policies.is_empty() && !file.findings.iter().any(suppress::keeps_from_loading)
}
