//! A metric that arrives as one sample a replica, read as Kubernetes HPA reads it.
//!
//! May import: `model`, siblings. Source of the rules: the grouping of pods and the two
//! calculations (utilization of requests, plain average) of Kubernetes'
//! `pkg/controller/podautoscaler/replica_calculator.go`.

use super::number;
use crate::model::{Input, Metric, Per, Phase, ReplicaSample, Time, Unit};

/// Why a metric with samples has no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoValue {
    /// No counted replica has a sample.
    NoSamples,
    /// A replica has no request where one is needed.
    NoRequest,
}

/// Sums over the replicas of one group, in whole thousandths, as Kubernetes counts.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
struct Sums {
    count: u32,
    value: i128,
    request: i128,
    without_request: u32,
}

/// The replicas, grouped.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Groups {
    counted: Sums,
    unready: Sums,
    missing: Sums,
    /// Being deleted, ended, or no replica of the target.
    ignored: u32,
    /// Values are relative to requests.
    utilization: bool,
    /// What missing replicas are filled with when fewer are wanted.
    missing_fill: i128,
}

/// What `track` makes of the samples.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Calculated {
    /// Within the tolerance.
    Within { ratio: f64 },
    /// Filled in, the samples no longer point the same way.
    Kept { refilled: f64 },
    /// A count, from this value over this many replicas.
    Count { count: u32, value: f64, over: u32 },
}

/// Whole thousandths, rounded up as Kubernetes quantities are, saturating as 64-bit numbers so
/// that sums of them cannot overflow.
fn milli(value: f64) -> i128 {
    let x = value * 1000.0;
    let near = x.round();
    i128::from((if (x - near).abs() <= number::SLACK * x.abs() { near } else { x.ceil() }) as i64)
}

/// A value, if the replica has one; NaN and infinity are none.
fn value(sample: &ReplicaSample) -> Option<f64> {
    sample.value.filter(|v| v.is_finite())
}

fn is_known(input: &Input, sample: &ReplicaSample) -> bool {
    input.known.as_ref().is_none_or(|known| known.contains(&sample.id))
}

fn is_gone(sample: &ReplicaSample) -> bool {
    sample.deleting || matches!(sample.phase, Phase::Failed | Phase::Succeeded)
}

/// Whether a replica's CPU sample is set aside, since the replica is starting or not ready.
fn is_starting(metric: &Metric, sample: &ReplicaSample, read: Time, now: Time) -> bool {
    let (Some(ready), Some(started)) = (sample.ready, sample.started) else { return true };
    // A condition that never changed is one that changed long ago.
    let changed = sample.ready_changed.unwrap_or(Time(i64::MIN));
    if started + metric.cpu_initialization_period > now {
        let window = sample.window.unwrap_or_default();
        !ready || sample.sampled.unwrap_or(read) < changed + window
    } else {
        !ready && started + metric.initial_readiness_delay > changed
    }
}

impl Sums {
    fn add(&mut self, value: f64, request: Option<f64>) {
        self.count += 1;
        self.value += milli(value);
        match request.filter(|r| r.is_finite()) {
            Some(request) => self.request += milli(request),
            None => self.without_request += 1,
        }
    }
}

impl Groups {
    /// Groups the samples of a metric that were read at `read`. `target` is what missing
    /// replicas are filled by, where the metric is tracked.
    pub fn of(metric: &Metric, samples: &[ReplicaSample], read: Time, input: &Input, target: f64) -> Groups {
        let mut groups = Groups::default();
        let percent = (target * percent_scale(metric)).max(100.0);
        for sample in samples {
            if is_gone(sample) || !is_known(input, sample) {
                groups.ignored += 1;
            } else if sample.phase == Phase::Pending {
                groups.unready.add(0.0, sample.request);
            } else if let Some(value) = value(sample) {
                let cpu = metric.resource.as_deref() == Some("cpu");
                if cpu && is_starting(metric, sample, read, input.now) {
                    groups.unready.add(0.0, sample.request);
                } else {
                    groups.counted.add(value, sample.request);
                }
            } else {
                groups.missing.add(0.0, sample.request);
                if let Some(request) = sample.request.filter(|r| r.is_finite()) {
                    groups.missing_fill += i128::from((milli(request) as f64 * percent / 100.0) as i64);
                }
            }
        }
        for id in input.known.iter().flatten() {
            if !samples.iter().any(|s| s.id == *id) {
                groups.missing.add(0.0, None);
            }
        }
        let requested =
            [groups.counted, groups.unready, groups.missing].iter().any(|s| s.count > s.without_request);
        let of_requests =
            metric.resource.is_some() && matches!(metric.unit, Some(Unit::Ratio | Unit::Percent));
        groups.utilization = requested || of_requests;
        if !groups.utilization {
            groups.missing_fill = milli(target).saturating_mul(i128::from(groups.missing.count));
        }
        groups
    }

    /// How many replicas are counted, unready, missing and ignored.
    pub fn counts(&self) -> (u32, u32, u32, u32) {
        (self.counted.count, self.unready.count, self.missing.count, self.ignored)
    }

    /// The metric's value over the counted replicas.
    pub fn value(&self, metric: &Metric) -> Result<f64, NoValue> {
        self.check(self.counted)?;
        Ok(self.unscaled(metric, self.average(self.counted)))
    }

    fn check(&self, sums: Sums) -> Result<(), NoValue> {
        if sums.count == 0 {
            Err(NoValue::NoSamples)
        } else if self.utilization && (sums.without_request > 0 || sums.request <= 0) {
            Err(NoValue::NoRequest)
        } else {
            Ok(())
        }
    }

    /// Whole percents of the requests, or whole thousandths of the average: truncated, as
    /// Kubernetes does. The caller has checked that the divisor is positive.
    fn average(&self, sums: Sums) -> f64 {
        let (value, by) =
            if self.utilization { (sums.value * 100, sums.request) } else { (sums.value, sums.count.into()) };
        value.checked_div(by).unwrap_or(0) as f64
    }

    /// From whole percents or thousandths to the metric's unit.
    fn unscaled(&self, metric: &Metric, average: f64) -> f64 {
        average / self.scale(metric)
    }

    /// Percents or thousandths in one of the metric's unit.
    fn scale(&self, metric: &Metric) -> f64 {
        if self.utilization { percent_scale(metric) } else { 1000.0 }
    }

    /// The count that holds the target. `below` and `above` are the tolerances.
    pub fn track(
        &self,
        metric: &Metric,
        target: f64,
        current: u32,
        (below, above): (f64, f64),
    ) -> Result<Calculated, NoValue> {
        self.check(self.counted)?;
        let target = target * self.scale(metric);
        let ratio = self.average(self.counted) / target;
        let rebalance = self.unready.count > 0 && ratio > 1.0;
        if !rebalance && self.missing.count == 0 {
            return Ok(if number::within(ratio, below, above) {
                Calculated::Within { ratio }
            } else {
                let count = number::ceil(ratio * f64::from(self.counted.count));
                let value = self.unscaled(metric, self.average(self.counted));
                Calculated::Count { count, value, over: self.counted.count }
            });
        }
        let mut filled = self.counted;
        let mut fill = |sums: Sums, value: i128| {
            filled.count += sums.count;
            filled.value += value;
            filled.request += sums.request;
            filled.without_request += sums.without_request;
        };
        if ratio < 1.0 {
            fill(self.missing, self.missing_fill);
        } else if ratio > 1.0 {
            fill(self.missing, 0);
        }
        if rebalance {
            fill(self.unready, 0);
        }
        self.check(filled)?;
        let refilled = self.average(filled) / target;
        let value = self.unscaled(metric, self.average(filled));
        let count = number::ceil(refilled * f64::from(filled.count));
        let reversed = (ratio < 1.0 && refilled > 1.0) || (ratio > 1.0 && refilled < 1.0);
        if number::within(refilled, below, above) {
            Ok(Calculated::Within { ratio: refilled })
        } else if reversed || (refilled < 1.0 && count > current) || (refilled > 1.0 && count < current) {
            Ok(Calculated::Kept { refilled: value })
        } else {
            Ok(Calculated::Count { count, value, over: filled.count })
        }
    }
}

/// Percents in one of the metric's unit.
fn percent_scale(metric: &Metric) -> f64 {
    if metric.unit == Some(Unit::Percent) { 1.0 } else { 100.0 }
}

/// The one number that samples stand for where a metric is no average over replicas: the sum
/// for a total, the mean for what is neither. Ended replicas are left out.
pub(super) fn plain(metric: &Metric, samples: &[ReplicaSample], input: &Input) -> Option<f64> {
    let mut sum = 0.0;
    let mut count = 0u32;
    for value in samples.iter().filter(|s| !is_gone(s) && is_known(input, s)).filter_map(value) {
        sum += value;
        count += 1;
    }
    let sum = Some(sum).filter(|s: &f64| count > 0 && s.is_finite())?;
    Some(if metric.per == Some(Per::Total) { sum } else { sum / f64::from(count) })
}
