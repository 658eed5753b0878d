//! Stabilization window and rate limits, as Kubernetes HPA's `behavior` has them.
//!
//! May import: `model`, siblings.

use super::number::{ceil, floor};
use crate::model::decision::Why;
use crate::model::{Amount, Bound, Duration, PerDirection, Policy, RateLimit, Select, State, Time};

/// Clamps the current count over the raw proposals in the windows, this one included, and
/// records it.
pub(super) fn window(policy: &Policy, state: &mut State, now: Time, current: u32, raw: u32) -> u32 {
    let windows = policy.stabilization_window;
    let longest = windows.scale_out.max(windows.scale_in);
    let history = state.history.get_or_insert_default();
    // Times rise, so what is outside stands in front.
    let outside = history.iter().take_while(|(at, _)| *at <= now - longest).count();
    history.drain(..outside);
    let (mut least, mut most) = (raw, raw);
    for (at, proposed) in history.iter() {
        if *at > now - windows.scale_out {
            least = least.min(*proposed);
        }
        if *at > now - windows.scale_in {
            most = most.max(*proposed);
        }
    }
    match history.last_mut() {
        Some((at, proposed)) if *proposed == raw => *at = now,
        _ => history.push((now, raw)),
    }
    current.max(least).min(most)
}

/// What a rate limit allows in one direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Allowed {
    /// The count up or down to which it may go; never past the current one.
    pub limit: u32,
    /// The count at the start of the period of the limit that counts.
    pub start: u32,
    /// That period.
    pub per: Duration,
}

/// How far the count may go; `None` where the direction is disabled.
pub(super) fn allowed(
    limits: &RateLimit,
    out: bool,
    current: u32,
    changes: &[(Time, i64)],
    now: Time,
) -> Option<Allowed> {
    let mut best: Option<Allowed> = None;
    for limit in &limits.limits {
        let since = now - limit.per;
        let changed: i64 = changes.iter().filter(|(at, _)| *at > since).map(|(_, by)| *by).sum();
        let start = u32::try_from(i64::from(current).saturating_sub(changed).max(0)).unwrap_or(u32::MAX);
        let from = f64::from(start);
        let to = match (limit.amount, out) {
            (Amount::Replicas(n), true) => start.saturating_add(n),
            (Amount::Replicas(n), false) => start.saturating_sub(n),
            (Amount::Percent(p), true) => ceil(from * (100.0 + p) / 100.0),
            (Amount::Percent(p), false) => floor(from * (100.0 - p) / 100.0),
        };
        let wider = best.is_none_or(|b| if out { to > b.limit } else { to < b.limit });
        if best.is_none() || wider == (limits.select == Select::Max) {
            best = Some(Allowed { limit: to, start, per: limit.per });
        }
    }
    if limits.select == Select::Disabled {
        return None;
    }
    let unlimited = Allowed { limit: if out { u32::MAX } else { 0 }, start: current, per: Duration::ZERO };
    let allowed = best.unwrap_or(unlimited);
    let limit = if out { allowed.limit.max(current) } else { allowed.limit.min(current) };
    Some(Allowed { limit, ..allowed })
}

/// Rate limit and bounds in one step: the count, and what cut it.
pub(super) fn cut(
    policy: &Policy,
    bounds: Bound,
    state: &State,
    now: Time,
    current: u32,
    wanted: u32,
) -> (u32, Option<Why>) {
    let limits: &PerDirection<RateLimit> = &policy.rate_limit;
    if wanted > current {
        let Some(Allowed { limit, start, per }) =
            allowed(&limits.scale_out, true, current, &state.changes, now)
        else {
            return (current, Some(Why::Disabled { out: true }));
        };
        if wanted <= limit.min(bounds.max) {
            (wanted, None)
        } else if bounds.max > limit {
            (limit, Some(Why::RateOut { limit, start, per_ms: per.0 }))
        } else {
            (bounds.max, Some(Why::AtMax { max: bounds.max }))
        }
    } else if wanted < current {
        let Some(Allowed { limit, start, per }) =
            allowed(&limits.scale_in, false, current, &state.changes, now)
        else {
            return (current, Some(Why::Disabled { out: false }));
        };
        if wanted >= limit.max(bounds.min) {
            (wanted, None)
        } else if bounds.min < limit {
            (limit, Some(Why::RateIn { limit, start, per_ms: per.0 }))
        } else {
            (bounds.min, Some(Why::AtMin { min: bounds.min }))
        }
    } else {
        (wanted, None)
    }
}

/// Length of the longest rate period in either direction.
pub(super) fn longest_period(policy: &Policy) -> Duration {
    let limits = policy.rate_limit.scale_out.limits.iter().chain(&policy.rate_limit.scale_in.limits);
    limits.map(|l| l.per).max().unwrap_or_default()
}
