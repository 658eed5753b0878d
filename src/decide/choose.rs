//! Steps 3 to 5: of all that is proposed, the one that counts.
//!
//! May import: `model`, siblings.

use super::propose::{Proposal, Proposals};
use super::shrink::Projection;
use super::tick::{Tick, index};
use crate::model::decision::Why;

impl Tick<'_> {
    /// Steps 3 to 5: the raw proposal, and what it comes from.
    pub(super) fn choose(
        &mut self,
        proposals: &Proposals,
        awake: Option<Option<bool>>,
    ) -> (u32, Option<Proposal>) {
        let current = self.input.current;
        let held = self.hold();
        if let Some(grow) = proposals.grow {
            if proposals.growing > 1 {
                self.say(current, grow.count, Why::Largest);
            }
            return (grow.count, Some(grow));
        }
        if proposals.wants_more {
            return (current, None);
        }
        let mut wanted = self.mildest(proposals);
        if let Some(for_ms) = held {
            let metric = self.unknown.flatten();
            let from = wanted.map_or(current, |w| w.count);
            self.say(from, current, Why::Held { metric, for_ms });
            return (current, None);
        }
        let Some(wanted) = &mut wanted else {
            if proposals.shrink.is_none() && proposals.floor.is_none() {
                self.say(current, current, Why::NoChange);
            }
            return (current, None);
        };
        if wanted.count == 0 && awake == Some(Some(true)) {
            self.say(0, 1, Why::KeptAwake { unknown: false });
            wanted.count = 1;
        }
        self.anti_flap(wanted);
        self.cool_in(wanted);
        (wanted.count, (wanted.count < current).then_some(*wanted))
    }

    /// For how long scaling in has been held, where it is.
    pub(super) fn hold(&mut self) -> Option<i64> {
        if self.unknown.is_none() || self.input.current == 0 {
            self.state.held = None;
            return None;
        }
        let since = *self.state.held.get_or_insert(self.input.now);
        let held = self.input.now.since(since);
        self.decision.held = Some(held);
        Some(held.0)
    }

    /// Step 4: of those that propose less, the mildest, with track as a floor. `None` where
    /// nothing is left of it.
    pub(super) fn mildest(&mut self, proposals: &Proposals) -> Option<Proposal> {
        let current = self.input.current;
        let Some(mut wanted) = proposals.shrink else {
            return proposals.floor.map(|(floor, _)| floor).filter(|floor| floor.count < current);
        };
        if proposals.shrinking > 1 {
            self.say(current, wanted.count, Why::Mildest);
        }
        if let Some((floor, metric)) = proposals.floor
            && floor.count > wanted.count
        {
            let why =
                if floor.count >= current { Why::TrackHoldsIn { metric } } else { Why::Floor { metric } };
            self.say(wanted.count, floor.count, why);
            wanted = floor;
        }
        Some(wanted).filter(|wanted| wanted.count < current)
    }

    /// Step 4: no step in that a scale_out rule would undo.
    pub(super) fn anti_flap(&mut self, wanted: &mut Proposal) {
        let current = self.input.current;
        if !self.policy.anti_flap || self.policy.scale_out.is_empty() || wanted.count >= current {
            return;
        }
        let already = self.state.rules.iter().take(self.policy.scale_out.len());
        let already = already.enumerate().find(|(_, rule)| rule.since.is_some()).map(|(at, _)| index(at));
        if let Some(rule) = already {
            self.say(wanted.count, current, Why::AntiFlap { rule, at: current });
            wanted.count = current;
            return;
        }
        let mut projection = Projection {
            policy: self.policy,
            input: self.input,
            bounds: self.decision.bounds,
            conditions: self.conditions,
            work: &mut self.state.work,
            faults: &mut self.decision.faults,
        };
        if let Some(shrunk) = projection.shrink(wanted.count) {
            self.say(wanted.count, shrunk.to, Why::AntiFlap { rule: shrunk.rule, at: shrunk.at });
            wanted.count = shrunk.to;
        }
    }

    /// Step 5: no scale-in until the cooldown since the last change either way.
    pub(super) fn cool_in(&mut self, wanted: &mut Proposal) {
        let current = self.input.current;
        let (Some(cooldown), Some(last)) = (self.policy.cooldown.scale_in, self.state.last_change) else {
            return;
        };
        let until = last + cooldown;
        if wanted.count < current && self.input.now < until {
            let left_ms = until.since(self.input.now).0;
            self.say(wanted.count, current, Why::CooldownIn { left_ms });
            wanted.count = current;
        }
    }
}
