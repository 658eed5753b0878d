//! From readings to one number a metric, with what stands in for those that are missing.
//!
//! May import: `model`, siblings.

use super::replicas::{self, Groups, NoValue};
use crate::model::decision::Why;
use crate::model::{Activation, Input, Metric, Missing, Per, Policy, Reading, State, Time};

/// Fills `values` with one number a metric (NaN: none), keeps the state's record of last values
/// and losses, and says what was grouped, missing or stood in for.
pub(super) fn values(
    policy: &Policy,
    input: &Input,
    state: &mut State,
    values: &mut Vec<f64>,
    mut say: impl FnMut(Why),
) {
    state.last.resize(policy.metrics.len(), None);
    state.lost.resize(policy.metrics.len(), None);
    values.clear();
    let metrics = (0u16..).zip(&policy.metrics).zip(state.last.iter_mut().zip(&mut state.lost));
    for ((index, metric), (last, lost)) in metrics {
        let reading = input.metrics.get(usize::from(index)).unwrap_or(&Reading::Missing);
        if let Some((at, value)) = number(index, metric, reading, input, &mut say) {
            *last = Some((at, value));
            *lost = None;
            values.push(value);
            continue;
        }
        let since = match *lost {
            Some(since) if !is_absent_by_nature(policy, usize::from(index), input) => since,
            _ => input.now,
        };
        *lost = Some(since);
        values.push(match (metric.missing, *last) {
            (Missing::Zero, _) => {
                say(Why::MetricZero { metric: index });
                0.0
            }
            (Missing::Last { max_age }, Some((at, value))) if input.now.since(at) <= max_age => {
                say(Why::MetricLast { metric: index, age_ms: input.now.since(at).0 });
                value
            }
            _ => {
                say(Why::MetricMissing { metric: index, for_ms: input.now.since(since).0 });
                f64::NAN
            }
        });
    }
}

/// The number that a reading stands for, and when it was sampled.
fn number(
    index: u16,
    metric: &Metric,
    reading: &Reading,
    input: &Input,
    say: &mut impl FnMut(Why),
) -> Option<(Time, f64)> {
    match reading {
        Reading::Missing => None,
        Reading::Value { value, at } => value.is_finite().then_some((*at, *value)),
        Reading::Replicas { samples, at } if metric.per == Some(Per::Replica) => {
            let groups = Groups::of(metric, samples, *at, input, 0.0);
            let (counted, unready, missing, ignored) = groups.counts();
            say(Why::Grouped { metric: index, counted, unready, missing, ignored });
            match groups.value(metric) {
                Ok(value) => Some((*at, value)),
                Err(NoValue::NoRequest) => {
                    say(Why::NoRequest { metric: index });
                    None
                }
                Err(NoValue::NoSamples) => None,
            }
        }
        Reading::Replicas { samples, at } => {
            replicas::plain(metric, samples, input).map(|value| (*at, value))
        }
    }
}

/// Whether a metric has no value because no replica is there to have one: that is no loss.
pub(super) fn is_absent_by_nature(policy: &Policy, metric: usize, input: &Input) -> bool {
    match policy.metrics.get(metric).and_then(|m| m.per) {
        Some(Per::Total) => false,
        Some(Per::Replica) => input.current == 0 || input.ready == 0,
        None => input.current == 0 && !wakes(policy, metric),
    }
}

/// Whether activation names the metric.
fn wakes(policy: &Policy, metric: usize) -> bool {
    matches!(&policy.activation, Some(Activation::Above(all)) if all.iter().any(|(m, _)| *m == metric))
}

/// Newest sample among the metrics that `reads` names, all where it is `None`; now, where there
/// is none to wait for.
pub(super) fn newest(policy: &Policy, input: &Input, state: &State, reads: Option<&[usize]>) -> Time {
    let sampled = |metric: usize| -> Option<Time> {
        let stands_in = state.lost.get(metric).is_some_and(Option::is_some)
            && policy.metrics.get(metric).is_some_and(|m| m.missing == Missing::Zero);
        // A zero that stands in is new at every tick; else it could never be sustained.
        if stands_in { Some(input.now) } else { state.last.get(metric)?.map(|(at, _)| at) }
    };
    let newest = match reads {
        Some(reads) => reads.iter().filter_map(|m| sampled(*m)).max(),
        None => (0..policy.metrics.len()).filter_map(sampled).max(),
    };
    newest.unwrap_or(input.now)
}
