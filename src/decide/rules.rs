//! Rules: whether one fires, and what it then proposes.
//!
//! May import: `model`, siblings.

use super::number::{MOST, ceil, floor};
use crate::model::decision::Why;
use crate::model::{Action, Cooldown, Rule, RuleState, Time};

/// How far a rule is at this tick.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Firing {
    /// It does not fire, for this reason.
    No(Why),
    /// It has held for this long and fires.
    Yes { for_ms: i64 },
}

/// Takes a known answer into a rule's state: true since when, and agreed by two samples.
///
/// `newest` is asked only where it matters.
pub(super) fn sustain(
    rule: &Rule,
    index: u16,
    state: &mut RuleState,
    holds: bool,
    now: Time,
    newest: impl FnOnce() -> Time,
) -> Firing {
    if !holds {
        start_again(state);
        return Firing::No(Why::RuleFalse { rule: index });
    }
    let since = *state.since.get_or_insert(now);
    let (for_ms, needs_ms) = (now.since(since).0, rule.sustained_for.0);
    if needs_ms == 0 {
        return Firing::Yes { for_ms };
    }
    if !state.confirmed {
        let newest = newest();
        match state.first_sample {
            None => state.first_sample = Some(newest),
            Some(first) => state.confirmed = newest > first,
        }
    }
    if for_ms < needs_ms {
        Firing::No(Why::RuleWaiting { rule: index, for_ms, needs_ms })
    } else if state.confirmed {
        Firing::Yes { for_ms }
    } else {
        Firing::No(Why::RuleOneSample { rule: index })
    }
}

/// Forgets for how long a rule has been true.
pub(super) fn start_again(state: &mut RuleState) {
    state.since = None;
    state.first_sample = None;
    state.confirmed = false;
}

/// The count that an action asks for from `base`.
///
/// A percentage rounds up where it adds, down (but to one at least) where it removes, so that
/// it never takes more than it says.
pub(super) fn count(action: Action, base: u32, out: bool) -> Option<u32> {
    let count = match action {
        Action::Add(n) => base.saturating_add(n),
        Action::Remove(n) => base.saturating_sub(n),
        Action::To(n) => n,
        Action::Percent(p) if out => base.saturating_add(ceil(f64::from(base) * p / 100.0)),
        Action::Percent(p) => base.saturating_sub(floor(f64::from(base) * p / 100.0).max(1)),
        Action::By(_) => return None,
    };
    Some(count.min(MOST))
}

/// Whether a scale-out cooldown makes the action count from the base of the cooldown.
pub(super) fn is_relative(action: Action) -> bool {
    matches!(action, Action::Add(_) | Action::Percent(_))
}

/// A cooldown that still runs, and for how long.
pub(super) fn running(cooldown: Option<Cooldown>, now: Time) -> Option<(Cooldown, i64)> {
    cooldown.filter(|c| now < c.until).map(|c| (c, c.until.since(now).0))
}

/// How long a rule's own cooldown still bars it.
pub(super) fn barred(rule: &Rule, state: &RuleState, now: Time) -> Option<i64> {
    let until = state.fired? + rule.cooldown?;
    (now < until).then(|| until.since(now).0)
}
