//! Activation: what wakes a target from zero and keeps it awake.
//!
//! May import: `model`, siblings.

use super::propose::{By, Proposal, Proposals};
use super::tick::{Tick, index};
use super::{limit, rules};
use crate::model::Activation;
use crate::model::decision::Why;

impl Tick<'_> {
    /// What activation says; `None` where there is none, `Some(None)` where it is unknown.
    pub(super) fn activation(&mut self) -> Option<Option<bool>> {
        let current = self.input.current;
        match self.policy.activation.as_ref()? {
            Activation::When(..) => {
                let mut verdict = self.conditions.activation(&self.state.work.values, &self.context());
                self.fault(&mut verdict.fault);
                if verdict.holds.is_none() {
                    self.note_unknown(verdict.missing);
                }
                if current == 0 && verdict.holds == Some(true) {
                    self.say(0, 0, Why::Woken { metric: None, value: 0.0, above: 0.0 });
                }
                Some(verdict.holds)
            }
            Activation::Above(all) => {
                let mut missing = None;
                for (metric, above) in all {
                    let value = self.state.work.values.get(*metric).copied().unwrap_or(f64::NAN);
                    if value > *above {
                        if current == 0 {
                            let metric = Some(index(*metric));
                            self.say(0, 0, Why::Woken { metric, value, above: *above });
                        }
                        return Some(Some(true));
                    }
                    if value.is_nan() {
                        missing = missing.or(Some(*metric));
                    }
                }
                if missing.is_some() {
                    self.note_unknown(missing);
                    return Some(None);
                }
                Some(Some(false))
            }
        }
    }

    /// At zero, where activation alone decides.
    pub(super) fn at_zero(&mut self, awake: Option<bool>) {
        self.state.held = None;
        self.state.rules.iter_mut().for_each(rules::start_again);
        let mut proposals = Proposals::default();
        match awake {
            Some(true) => {
                let count = self.decision.bounds.min.max(1);
                let at = self.decision.steps.len().saturating_sub(1);
                if let Some(step) = self.decision.steps.get_mut(at) {
                    step.output = count;
                }
                self.say_lost();
                // In the tick that sees it, whatever windows and rate limits say.
                let to = count.min(self.decision.bounds.max);
                limit::window(self.policy, &mut self.state, self.input.now, 0, count);
                if to < count {
                    self.say(count, to, Why::AtMax { max: to });
                }
                return self.finish_raw(count, to, Some(Proposal { count, by: By::Other, step: index(at) }));
            }
            Some(false) => {
                self.say(0, 0, Why::Asleep);
            }
            None => {
                let metric = self.unknown.flatten();
                self.say(0, 0, Why::ActivationUnknown { metric });
                self.fallback(&mut proposals);
            }
        }
        self.say_lost();
        match proposals.grow {
            Some(grow) => self.limit(grow.count, Some(grow)),
            None => self.finish(0, None),
        }
    }
}
