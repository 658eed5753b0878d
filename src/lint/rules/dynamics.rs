//! What rules on dynamics share: a policy's conditions, and the values that its metrics can have.
//!
//! May import: `text`, `model`, `lint`'s own modules.

use crate::lint::PolicyView;
use crate::lint::intervals::Set;
use crate::lint::point::{Read, read};
use crate::lint::solve::Domain;
use crate::model::expr::{At, Expr, Kind};
use crate::model::{Finding, Label, Metric, Per, Policy, Region, Rule, Unit};

/// A rule whose condition is known, as far as its text tells.
#[derive(Clone, Copy)]
pub(super) struct Conditioned<'a> {
    pub rule: &'a Rule,
    pub out: bool,
    pub when: &'a Expr,
}

/// The rules of a policy with their conditions, scale_out first.
pub(super) fn conditioned<'a>(view: &PolicyView<'a>) -> Vec<Conditioned<'a>> {
    let policy: &'a Policy = view.policy;
    let out = policy.scale_out.iter().map(|rule| (rule, true));
    let all = out.chain(policy.scale_in.iter().map(|rule| (rule, false)));
    let functions = &view.parsed.functions;
    all.filter_map(|(rule, out)| Some(Conditioned { rule, out, when: functions.at(rule.when_span)? }))
        .collect()
}

/// The largest value that a metric has in any region; `None` where nothing limits it.
pub(super) fn most(policy: &Policy, metric: &Metric) -> Option<f64> {
    let regions = policy.regions.iter().flat_map(|r| &r.regions);
    let own = regions.flat_map(|r| &r.metrics).filter(|m| m.name.value == metric.name.value);
    own.map(most_of).try_fold(most_of(metric)?, |most, own| Some(own?.max(most)))
}

/// The largest value that a metric's unit allows. A ratio or percentage of what a replica asked
/// for may exceed it, since a replica may use more than it asked for.
pub(super) fn most_of(metric: &Metric) -> Option<f64> {
    let whole = match metric.unit? {
        Unit::Ratio => 1.0,
        Unit::Percent => 100.0,
        _ => return None,
    };
    match metric.per {
        Some(Per::Total) => None,
        Some(Per::Replica) => Some(metric.saturation.unwrap_or(whole * 5.0)),
        None => Some(whole),
    }
}

/// The values that a policy's metrics and context can have.
pub(super) fn domain(policy: &Policy) -> Domain {
    let mut domain = Domain::default();
    for metric in &policy.metrics {
        let set = match metric.unit {
            None => Set::all(),
            Some(_) => Set::between(0.0, most(policy, metric).unwrap_or(f64::MAX)),
        };
        domain.0.insert(Read::Metric(metric.name.value.clone()), set);
    }
    let (min, max) = bounds(policy);
    let (low, high) = (f64::from(min), f64::from(max));
    for (name, set) in [
        ("replicas", Set::between(low.max(1.0), high)),
        ("ready", Set::between(0.0, f64::MAX)),
        ("min", Set::between(low, high)),
        ("max", Set::between(low, high)),
        ("now", Set::between(0.0, f64::MAX)),
    ] {
        domain.0.insert(Read::Context(name.into()), set);
    }
    domain
}

/// The values that a region's metrics can have, where it reads some of its own.
pub(super) fn domain_of(policy: &Policy, region: &Region) -> Domain {
    let mut domain = domain(policy);
    for metric in &region.metrics {
        let (read, most) = (Read::Metric(metric.name.value.clone()), most_of(metric));
        if let Some(most) = most.filter(|_| metric.unit.is_some()) {
            domain.0.insert(read, Set::between(0.0, most));
        }
    }
    domain
}

/// The lowest min and the highest max that can ever hold.
pub(super) fn bounds(policy: &Policy) -> (u32, u32) {
    let regions = policy.regions.iter().flat_map(|r| &r.regions);
    let schedules = policy.schedule.iter();
    let mins = schedules.clone().filter_map(|s| s.min).chain(regions.clone().filter_map(|r| r.min));
    let maxes = schedules.filter_map(|s| s.max).chain(regions.filter_map(|r| r.max));
    let min = mins.min().map_or(*policy.replicas.min, |m| m.min(*policy.replicas.min));
    let max = maxes.max().map_or(*policy.replicas.max, |m| m.max(*policy.replicas.max));
    (min, max)
}

/// A metric compared with a constant.
pub(super) struct Threshold<'a> {
    pub metric: &'a Metric,
    pub value: f64,
    /// The comparison.
    pub at: &'a At,
    /// The constant.
    pub number: &'a At,
}

/// The comparisons of a metric itself with a constant, in a condition.
pub(super) fn thresholds<'a>(policy: &'a Policy, when: &'a Expr) -> Vec<Threshold<'a>> {
    let mut found = Vec::new();
    when.each(&mut |e| {
        let Kind::Compare(_, a, b) = &e.kind else { return };
        let (of, number) = match (&a.kind, &b.kind) {
            (_, Kind::Number(_)) => (a, b),
            (Kind::Number(_), _) => (b, a),
            _ => return,
        };
        let (Some(Read::Metric(name)), Kind::Number(value)) = (read(of), &number.kind) else { return };
        let Some(metric) = policy.metric(&name).and_then(|i| policy.metrics.get(i)) else { return };
        found.push(Threshold { metric, value: *value, at: &e.at, number: &number.at });
    });
    found
}

/// Adds a place of any of the sources.
pub(super) fn also(mut finding: Finding, at: &At, text: impl Into<String>) -> Finding {
    let label = Label { source: at.source.clone(), span: at.span, text: text.into() };
    if !finding.labels.iter().any(|l| l.source == label.source && l.span == label.span) {
        finding.labels.push(label);
    }
    finding
}

/// Labels every comparison of a condition.
pub(super) fn comparisons(mut finding: Finding, when: &Expr, text: &str) -> Finding {
    let mut places: Vec<&At> = Vec::new();
    when.each(&mut |e| {
        if matches!(e.kind, Kind::Compare(..)) {
            places.push(&e.at);
        }
    });
    for at in places.into_iter().take(6) {
        finding = also(finding, at, text);
    }
    finding
}

/// A rule in words: `hot cpu`, or its position.
pub(super) fn called(rule: &Rule) -> String {
    format!("`{}`", rule.name)
}
