//! Thresholds that the unit of their metric does not allow, and conditions that are never or
//! always true. May import: `model`, `lint`'s own modules.

use super::dynamics::{also, called, comparisons, conditioned, domain, domain_of, most, thresholds};
use crate::lint::intervals::figure;
use crate::lint::point::Read;
use crate::lint::solve::Solver;
use crate::lint::{PolicyView, Sink};
use crate::model::expr::{Expr, Kind};
use crate::model::{Activation, MetricSource, Model, Per, Policy, Unit};

/// A ratio or percentage compared with a number that it never reaches.
pub(super) fn outside_unit(view: &PolicyView<'_>, sink: &mut Sink<'_>) {
    let policy = view.policy;
    for condition in conditioned(view) {
        for threshold in thresholds(policy, condition.when) {
            let metric = threshold.metric;
            let (Some(most), Some(unit)) = (most(policy, metric), metric.unit) else { continue };
            let value = threshold.value;
            if (0.0..=most).contains(&value) {
                continue;
            }
            let name = &metric.name.value;
            let range = if unit == Unit::Ratio { "from 0 to 1" } else { "from 0 to 100" };
            let help = match (unit, metric.saturation) {
                (Unit::Ratio, _)
                    if value > most && value <= 100.0 && (value > 5.0 || metric.per.is_none()) =>
                {
                    format!(
                        "write {} for {} %, or declare `unit = \"percent\"` if `{name}` comes as one",
                        figure(value / 100.0),
                        figure(value)
                    )
                }
                (_, Some(saturation)) if value <= 5.0 * saturation => {
                    format!(
                        "raise `saturation` above {}, or lower the threshold below it",
                        figure(saturation)
                    )
                }
                _ => format!("a {} goes {range}; compare with a number of that range", unit.name()),
            };
            let message = format!(
                "{} compares the {} `{name}` with {}, which it never {}",
                called(condition.rule),
                unit.name(),
                figure(value),
                if value < 0.0 { "falls to" } else { "reaches" },
            );
            sink.raise(message, |finding| {
                let finding = also(finding, threshold.at, "");
                let finding = also(finding, threshold.number, "the number");
                let finding =
                    finding.at(view.source, metric.name.span, format!("a {}: {range}", unit.name()));
                finding.help(help)
            });
        }
    }
}

/// A percentage compared with what looks like a ratio.
pub(super) fn ratio_for_percent(view: &PolicyView<'_>, sink: &mut Sink<'_>) {
    let policy = view.policy;
    for condition in conditioned(view) {
        for threshold in thresholds(policy, condition.when) {
            let metric = threshold.metric;
            let fits = metric.unit == Some(Unit::Percent) && metric.per == Some(Per::Replica);
            if !fits || threshold.value <= 0.0 || threshold.value > 1.0 {
                continue;
            }
            let (name, value) = (&metric.name.value, threshold.value);
            let message = format!(
                "{} compares `{name}`, a percentage, with {}: that is {} % of a replica",
                called(condition.rule),
                figure(value),
                figure(value)
            );
            sink.raise(message, |finding| {
                let finding = also(finding, threshold.at, "");
                let finding = also(finding, threshold.number, "the number");
                finding.at(view.source, metric.name.span, "a percentage: from 0 to 100").help(format!(
                    "write {} for {} %, or declare `unit = \"ratio\"` if `{name}` comes as one",
                    figure(value * 100.0),
                    figure(value * 100.0)
                ))
            });
        }
    }
}

/// A latency in seconds compared with a number of milliseconds, or the other way round.
pub(super) fn wrong_time_unit(view: &PolicyView<'_>, sink: &mut Sink<'_>) {
    let policy = view.policy;
    for condition in conditioned(view) {
        for threshold in thresholds(policy, condition.when) {
            let (metric, value) = (threshold.metric, threshold.value);
            let (other, instead) = match metric.unit {
                Some(Unit::Seconds) if value >= 60.0 && is_latency(metric) => {
                    ("milliseconds", value / 1000.0)
                }
                Some(Unit::Milliseconds) if value > 0.0 && value < 1.0 => ("seconds", value * 1000.0),
                _ => continue,
            };
            let (name, unit) = (&metric.name.value, metric.unit.map_or("", Unit::name));
            let message = format!(
                "{} compares `{name}`, a time in {unit}, with {}, which looks like {other}",
                called(condition.rule),
                figure(value)
            );
            sink.raise(message, |finding| {
                let finding = also(finding, threshold.at, "");
                let finding = also(finding, threshold.number, "the number");
                finding.at(view.source, metric.name.span, format!("in {unit}")).help(format!(
                    "write {} for {} {other}, or declare `unit = \"{other}\"` if `{name}` comes so",
                    figure(instead),
                    figure(value)
                ))
            });
        }
    }
}

/// Whether a metric is how long one request takes.
fn is_latency(metric: &crate::model::Metric) -> bool {
    let from = match &metric.source {
        MetricSource::Scrape(scrape) => scrape.from.as_ref().map(|(_, signal)| signal.as_str()),
        _ => None,
    };
    let name = metric.name.value.to_ascii_lowercase();
    let named = ["latency", "ttft", "response", "p50", "p90", "p95", "p99"];
    matches!(metric.models, Some(Model::Latency { .. }))
        || matches!(from, Some("p95" | "ttft_p95"))
        || named.iter().any(|part| name.contains(part))
}

/// Whether a condition compares with a number that its metric's unit does not allow; that is
/// another rule's to say.
fn is_outside(policy: &Policy, when: &Expr) -> bool {
    thresholds(policy, when)
        .iter()
        .any(|t| most(policy, t.metric).is_some_and(|most| !(0.0..=most).contains(&t.value)))
}

/// A condition that no value of its metrics makes true.
pub(super) fn never_fires(view: &PolicyView<'_>, sink: &mut Sink<'_>) {
    let domain = domain(view.policy);
    let solver = Solver { domain: &domain };
    for condition in conditioned(view) {
        if is_outside(view.policy, condition.when) || !solver.holds(condition.when).may.is_empty() {
            continue;
        }
        let name = called(condition.rule);
        let reads = metrics_read(condition.when);
        let message = match reads.as_slice() {
            [] => format!("{name} can never fire: its condition is always false"),
            [one] => format!("{name} can never fire: no value of `{one}` makes its condition true"),
            _ => format!("{name} can never fire: no values of {} make its condition true", listed(&reads)),
        };
        sink.raise(message, |finding| {
            let finding = finding.at(view.source, condition.rule.when_span, "false whatever is measured");
            comparisons(finding, condition.when, "")
                .help("correct the thresholds (`or` for `and`, `>` for `<`), or take the rule out")
        });
    }
    never_in_a_region(view, sink);
}

/// A condition that the metrics of one region never make true, though those of others do.
fn never_in_a_region(view: &PolicyView<'_>, sink: &mut Sink<'_>) {
    let policy = view.policy;
    let whole = domain(policy);
    for (index, region) in (1..).zip(policy.regions.iter().flat_map(|r| &r.regions)) {
        if region.metrics.is_empty() {
            continue;
        }
        let own = domain_of(policy, region);
        for condition in conditioned(view) {
            let fires = |domain| !(Solver { domain }).holds(condition.when).may.is_empty();
            if is_outside(policy, condition.when) || !fires(&whole) || fires(&own) {
                continue;
            }
            let read = metrics_read(condition.when);
            let Some(metric) = region.metrics.iter().find(|m| read.contains(&m.name.value)) else { continue };
            let node = view.outline.and_then(|o| o.root.field("regions")?.index(index)?.field("metrics"));
            let node = node.and_then(|metrics| metrics.field(&metric.name.value));
            let message = format!(
                "{} can never fire in the region `{}`: its `{}` does not go so far",
                called(condition.rule),
                region.name,
                metric.name.value
            );
            sink.raise(message, |finding| {
                let finding =
                    finding.at(view.source, condition.rule.when_span, "false whatever is measured there");
                let finding = comparisons(finding, condition.when, "");
                let finding = match node {
                    Some(node) => finding.at(view.source, node.value, "what it is in that region"),
                    None => finding,
                };
                finding.help("raise `saturation` of the region's metric, or lower the threshold for all")
            });
        }
    }
}

/// A condition that every value of its metrics makes true.
pub(super) fn always_fires(view: &PolicyView<'_>, sink: &mut Sink<'_>) {
    let domain = domain(view.policy);
    let solver = Solver { domain: &domain };
    for condition in conditioned(view) {
        let when = condition.when;
        if is_outside(view.policy, when) || !solver.fails(when).may.is_empty() {
            continue;
        }
        let name = called(condition.rule);
        let bound = if condition.out {
            ("max", *view.policy.replicas.max)
        } else {
            ("min", *view.policy.replicas.min)
        };
        let reads = metrics_read(when);
        let whatever = match reads.as_slice() {
            [] => "at every tick".to_string(),
            _ => format!("whatever {} says", listed(&reads)),
        };
        let message = format!(
            "{name} fires {whatever}, so the count goes to {} ({}) and stays there",
            bound.0, bound.1
        );
        sink.raise(message, |finding| {
            let finding = finding.at(view.source, condition.rule.when_span, "true whatever is measured");
            comparisons(finding, when, "").help(format!(
                "correct the thresholds (`and` for `or`), or write `replicas = {{ {} = … }}` for a fixed count",
                bound.0
            ))
        });
    }
    if let Some(Activation::When(_, span)) = &view.policy.activation
        && let Some(when) = view.parsed.functions.at(*span)
        && solver.fails(when).may.is_empty()
    {
        sink.raise("`activation` is always true, so nothing ever goes to 0", |finding| {
            comparisons(finding.at(view.source, *span, "true whatever is measured"), when, "")
                .help("correct its thresholds, or set `replicas.min` to 1")
        });
    }
}

/// Names of the metrics that a condition reads.
pub(super) fn metrics_read(when: &Expr) -> Vec<String> {
    let mut names = Vec::new();
    when.each(&mut |e| {
        if let (Kind::Field(..), Some(Read::Metric(name))) = (&e.kind, crate::lint::point::read(e))
            && !names.contains(&name)
        {
            names.push(name);
        }
    });
    names
}

/// `a`, `b` and `c`
pub(super) fn listed(names: &[String]) -> String {
    let quoted: Vec<String> = names.iter().map(|n| format!("`{n}`")).collect();
    match quoted.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
        None => String::new(),
    }
}
