//! The figures of a run. What cannot be measured is `None`. May import: `model`, siblings.

use super::trace::{Run, Score};
use crate::model::{Duration, Policy};

/// Changes that turn round within this time are flaps.
const FLAP: Duration = Duration::from_secs(600);

/// Computes the figures. A tick stands for the time until the next one: the count that was wanted at it
/// runs that long. In an open loop the figures are of what would have been wanted at each tick.
pub fn score(policy: &Policy, run: &Run) -> Score {
    let hours = policy.interval.seconds() / 3600.0;
    let minutes = policy.interval.seconds() / 60.0;
    let mut replicas: u64 = 0;
    let (mut at_max, mut under, mut measured) = (0u32, 0u32, false);
    let (mut changes, mut flaps, mut peak) = (0u32, 0u32, 0u32);
    let mut last_change = None;
    let mut wanted = run.ticks.first().map_or(0, |t| t.current);
    for tick in &run.ticks {
        replicas += u64::from(tick.desired);
        peak = peak.max(tick.desired);
        at_max += u32::from(tick.desired >= tick.bounds.max);
        under += u32::from(tick.under == Some(true));
        measured |= tick.under.is_some();
        if tick.desired != wanted {
            let out = tick.desired > wanted;
            if let Some((time, before)) = last_change
                && before != out
                && tick.time.since(time) <= FLAP
            {
                flaps += 1;
            }
            changes += 1;
            last_change = Some((tick.time, out));
            wanted = tick.desired;
        }
    }
    let replica_hours = replicas as f64 * hours;
    Score {
        replica_hours: Some(replica_hours),
        under_provisioned_minutes: measured.then(|| f64::from(under) * minutes),
        scaling_events: Some(changes),
        flaps: Some(flaps),
        peak: Some(peak),
        minutes_at_max: Some(f64::from(at_max) * minutes),
        cost: policy.cost.as_ref().map(|cost| replica_hours * cost.per_replica_hour),
        currency: policy.cost.as_ref().map(|cost| cost.currency.clone()),
    }
}
