//! Whether a smaller count would grow again at once: the projection of section 4.4.
//!
//! May import: `model`, siblings.

use crate::model::input::Fault;
use crate::model::{Bound, Conditions, Context, Input, Per, Policy, Projected, Work};

/// Counts tried one by one before the search halves. Between a count at which a rule would be
/// true and one at which none is, halving finds a border; that it is the lowest is sure only
/// where the answer turns once, as thresholds do.
const ONE_BY_ONE: u32 = 64;

/// What the projection says of a step from the current count to a smaller one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shrunk {
    /// The smallest count from `wanted` on at which no scale_out rule would be true.
    pub to: u32,
    /// The rule that would be true, and at which count.
    pub rule: u16,
    /// The largest count at which it was seen to be.
    pub at: u32,
}

/// The metrics of a tick, to be projected onto smaller counts.
pub(super) struct Projection<'a> {
    pub policy: &'a Policy,
    pub input: &'a Input,
    pub bounds: Bound,
    pub conditions: &'a dyn Conditions,
    pub work: &'a mut Work,
    pub faults: &'a mut Vec<Fault>,
}

impl Projection<'_> {
    /// Makes a step smaller until no scale_out rule would be true; `None` where it need not be.
    pub fn shrink(&mut self, wanted: u32) -> Option<Shrunk> {
        let current = self.input.current;
        let mut rule = self.first_true(wanted)?;
        let mut at = wanted;
        while at + 1 < current {
            let next = if at - wanted < ONE_BY_ONE { at + 1 } else { break };
            match self.first_true(next) {
                Some(found) => (rule, at) = (found, next),
                None => return Some(Shrunk { to: next, rule, at }),
            }
        }
        let mut free = current;
        while at + 1 < free {
            let middle = at + (free - at) / 2;
            match self.first_true(middle) {
                Some(found) => (rule, at) = (found, middle),
                None => free = middle,
            }
        }
        Some(Shrunk { to: free, rule, at })
    }

    /// The first scale_out rule that would be true at a smaller count.
    fn first_true(&mut self, count: u32) -> Option<u16> {
        let Work { values, projected, verdicts, .. } = &mut *self.work;
        projected.clear();
        projected.extend(self.policy.metrics.iter().zip(values.iter()).map(|(metric, value)| {
            if metric.per != Some(Per::Replica) || metric.models.is_some() {
                *value
            } else if count == 0 {
                // No replica is left to have a value.
                f64::NAN
            } else {
                value * f64::from(self.input.current) / f64::from(count)
            }
        }));
        let context = Context {
            now: self.input.now,
            current: count,
            ready: self.input.ready.min(count),
            min: self.bounds.min,
            max: self.bounds.max,
            region: self.input.region.as_deref(),
        };
        verdicts.clear();
        self.conditions.when(Projected::ScaleOut, projected, &context, verdicts);
        let mut first = None;
        for (index, verdict) in (0..).zip(verdicts.iter_mut().take(self.policy.scale_out.len())) {
            self.faults.extend(verdict.fault.take().map(|fault| *fault));
            if first.is_none() && verdict.holds == Some(true) {
                first = Some(index);
            }
        }
        first
    }
}
