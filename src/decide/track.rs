//! Target tracking: the formulas of Kubernetes HPA.
//!
//! May import: `model`, siblings.

use super::number::{ceil, within};
use super::replicas::{Calculated, Groups, NoValue};
use crate::model::decision::Why;
use crate::model::{Input, Per, Policy, Reading, Track};

/// What one tracked metric proposes: a count with its reason, or `None` and why there is none.
pub(super) fn propose(policy: &Policy, input: &Input, track: &Track, value: f64) -> (Option<u32>, Why) {
    let metric = u16::try_from(track.metric).unwrap_or(u16::MAX);
    let unknown = (None, Why::TrackUnknown { metric, none_ready: false });
    let Some(declared) = policy.metrics.get(track.metric) else { return unknown };
    let (below, above) = (policy.tolerance.scale_in, policy.tolerance.scale_out);
    let (current, ready, target) = (input.current, input.ready, track.target);
    match declared.per {
        // Guessing what it is an aggregate of would run away; `build` refuses it.
        None => unknown,
        Some(Per::Replica) if current == 0 => (None, Why::TrackAtZero { metric }),
        Some(Per::Replica) => {
            if let Some(Reading::Replicas { samples, at }) = input.metrics.get(track.metric) {
                let groups = Groups::of(declared, samples, *at, input, target);
                match groups.track(declared, target, current, (below, above)) {
                    Ok(calculated) => return of_samples(metric, calculated, value, target, current),
                    Err(NoValue::NoSamples | NoValue::NoRequest) if value.is_nan() => return unknown,
                    // A request is missing only where replicas are to be filled in.
                    Err(NoValue::NoRequest) => return unknown,
                    // A number stands in for the samples.
                    Err(NoValue::NoSamples) => {}
                }
            }
            if value.is_nan() {
                return unknown;
            }
            if ready == 0 {
                return (None, Why::TrackUnknown { metric, none_ready: true });
            }
            let ratio = value / target;
            if within(ratio, below, above) {
                return (Some(current), Why::TrackTolerance { metric, value, ratio });
            }
            let count = ceil(f64::from(ready) * value / target);
            if (ratio > 1.0 && count < current) || (ratio < 1.0 && count > current) {
                return (Some(current), Why::TrackGuard { metric, value, target });
            }
            (Some(count), Why::Track { metric, ready, value, target })
        }
        Some(Per::Total) => {
            if value.is_nan() {
                return unknown;
            }
            let ratio = value / (target * f64::from(current));
            if current > 0 && within(ratio, below, above) {
                return (Some(current), Why::TrackTolerance { metric, value, ratio });
            }
            (Some(ceil(value / target)), Why::Track { metric, ready: 0, value, target })
        }
    }
}

fn of_samples(
    metric: u16,
    calculated: Calculated,
    value: f64,
    target: f64,
    current: u32,
) -> (Option<u32>, Why) {
    match calculated {
        Calculated::Within { ratio } => (Some(current), Why::TrackTolerance { metric, value, ratio }),
        Calculated::Kept { refilled } => (Some(current), Why::TrackRefilled { metric, value, refilled }),
        Calculated::Count { count, value, over } => {
            (Some(count), Why::Track { metric, ready: over, value, target })
        }
    }
}
