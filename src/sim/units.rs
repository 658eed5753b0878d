//! Samples that contradict the unit a policy declares: percent in a ratio, values below zero. What is decided
//! from those looks like a decision and is none. May import: `model`, siblings.

use super::series::{Series, Values};
use crate::model::{Metric, Per, Policy, Time, Unit};

/// A ratio may pass 1, as CPU does against what was requested; past this it looks like percent.
const MOST_RATIO: f64 = 10.0;
/// Past this it does not look like percent either.
const MOST_PERCENT: f64 = 1000.0;
/// What a subtraction may leave under zero.
const ROUNDING: f64 = 1e-9;
/// An error rate is often under 1%; one that is above this for most of the time is rare, utilization is not.
const BUSY: f64 = 0.2;

/// The samples of one metric at a glance.
struct Seen {
    least: (f64, Time),
    most: (f64, Time),
    count: usize,
    above_one: usize,
    busy: usize,
}

/// What contradicts a metric's unit, in sentences; none where nothing does.
pub(super) fn doubts(policy: &Policy, at: usize, series: &Series) -> Vec<String> {
    let Some((metric, unit)) = policy.metrics.get(at).and_then(|m| Some((m, m.unit?))) else {
        return Vec::new();
    };
    let seen = look(series);
    let tracked = policy.track.iter().any(|t| t.metric == at);
    let is = format!("{} is {}", metric.name.value, words(unit));
    let mut doubts = Vec::new();
    if seen.least.0 < -ROUNDING {
        let (value, time) = seen.least;
        doubts.push(format!(
            "{is}, and the samples hold {} at {time}: it is never negative; leave a cell empty, or write NaN, where there is no value",
            figure(value)
        ));
    }
    let (value, time) = seen.most;
    if unit == Unit::Ratio && value > MOST_RATIO {
        let then = if value > MOST_PERCENT {
            "is the unit right?"
        } else if seen.above_one * 2 > seen.count {
            "they look like percent; declare unit = \"percent\", with its limits from 0 to 100, or divide the samples by 100"
        } else {
            "most are at or below 1, so some look wrong, or like percent; correct those"
        };
        doubts.push(format!("{is}, and the samples hold up to {} at {time}: {then}", figure(value)));
    }
    if unit == Unit::Percent
        && value > 0.0
        && value <= 1.0
        && (utilization(metric, tracked) || seen.is_busy())
    {
        doubts.push(format!(
            "{is}, and the samples never pass {} (at {time}): they look like a ratio; declare unit = \"ratio\", with its limits from 0 to 1, or multiply the samples by 100",
            figure(value)
        ));
    }
    doubts
}

/// Whether it says how busy replicas are, which is not under 1% all the time.
fn utilization(metric: &Metric, tracked: bool) -> bool {
    tracked || metric.per == Some(Per::Replica) || metric.saturation.is_some()
}

impl Seen {
    fn is_busy(&self) -> bool {
        self.busy * 2 > self.count
    }
}

fn look(series: &Series) -> Seen {
    let nothing = (f64::NAN, Time(0));
    let mut seen = Seen { least: nothing, most: nothing, count: 0, above_one: 0, busy: 0 };
    let mut take = |value: f64, time: Time, whole: bool| {
        if !value.is_finite() {
            return;
        }
        if seen.least.0.is_nan() || value < seen.least.0 {
            seen.least = (value, time);
        }
        if whole {
            if seen.most.0.is_nan() || value > seen.most.0 {
                seen.most = (value, time);
            }
            seen.count += 1;
            seen.above_one += usize::from(value > 1.0);
            seen.busy += usize::from(value > BUSY);
        }
    };
    match &series.values {
        Values::Scalar(track) => track.times.iter().zip(&track.values).for_each(|(t, v)| take(*v, *t, true)),
        Values::Replicas(track) => {
            for (time, samples) in track.times.iter().zip(&track.values) {
                for sample in samples {
                    // Beside a request it is an amount of the resource, whatever the unit of its ratio.
                    take(sample.value.unwrap_or(f64::NAN), *time, sample.request.is_none());
                }
            }
        }
    }
    seen
}

fn words(unit: Unit) -> &'static str {
    match unit {
        Unit::Ratio => "a ratio (0 to 1)",
        Unit::Percent => "in percent (0 to 100)",
        Unit::Seconds => "in seconds",
        Unit::Milliseconds => "in milliseconds",
        Unit::Bytes => "in bytes",
        Unit::PerSecond => "in events per second",
        Unit::Count => "a count",
        Unit::TokensPerSecond => "in tokens per second",
    }
}

/// A number with no more digits than tell.
fn figure(value: f64) -> String {
    let size = value.abs();
    if !(1e-3..1e15).contains(&size) {
        return format!("{value:e}");
    }
    let text = format!("{value:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_string()
}
