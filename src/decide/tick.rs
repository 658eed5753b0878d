//! One tick: the steps in their order.
//!
//! May import: `model`, siblings.

use super::propose::{By, Proposal, Proposals};
use super::{limit, read, rules, schedule};
use crate::model::decision::{EventKind, Why};
use crate::model::input::Fault;
use crate::model::{
    Bound, Conditions, Context, Cooldown, Decision, Event, Input, Missing, Pending, Policy, RuleState, State,
    Step,
};

/// Decides how many replicas there should be.
///
/// Pure: the same arguments give the same answer. `state` is what the last call returned (the
/// default at the very first); `conditions` answers the policy's functions. `predict` and
/// `regions` are not decided here.
pub fn decide(
    policy: &Policy,
    input: &Input,
    state: State,
    conditions: &dyn Conditions,
) -> (Decision, State) {
    let steps = Vec::with_capacity(4 + policy.scale_out.len() + policy.scale_in.len() + policy.track.len());
    let decision = Decision { steps, ..Decision::default() };
    let mut tick = Tick { policy, input, conditions, state, decision, unknown: None, lost: None };
    tick.run();
    (tick.decision, tick.state)
}

/// A tick on its way to a decision.
pub(super) struct Tick<'a> {
    pub policy: &'a Policy,
    pub input: &'a Input,
    pub conditions: &'a dyn Conditions,
    pub state: State,
    pub decision: Decision,
    /// Something that is read is unknown, and the first metric that makes it so.
    pub unknown: Option<Option<u16>>,
    /// The metric that has been lost for longest of those that are read.
    pub lost: Option<u16>,
}

/// A position as steps carry it; what cannot be counted so is past every list.
pub(super) fn index(at: usize) -> u16 {
    u16::try_from(at).unwrap_or(u16::MAX)
}

impl Tick<'_> {
    pub(super) fn run(&mut self) {
        let current = self.input.current;
        self.settle();
        let jump = self.bounds();
        let mut work = std::mem::take(&mut self.state.work);
        let said = self.decision.steps.len();
        let steps = &mut self.decision.steps;
        read::values(self.policy, self.input, &mut self.state, &mut work.values, |why| {
            steps.push(Step { input: current, output: current, why });
        });
        self.state.work = work;
        if let Some(to) = jump {
            // The metrics were noted down for later ticks; this one reads none.
            self.decision.steps.truncate(said);
            self.decision.proposed = to;
            return self.finish(to, None);
        }
        if let Some(metric) = self.failed() {
            self.decision.failed = true;
            self.lost = Some(metric);
            self.say(current, current, Why::MetricFailed { metric });
            self.decision.proposed = current;
            self.say_lost();
            return self.finish(current, None);
        }
        let awake = self.activation();
        if current == 0
            && let Some(awake) = awake
        {
            return self.at_zero(awake);
        }
        let mut proposals = Proposals::default();
        self.rules(&mut proposals);
        self.track(&mut proposals);
        self.code(&mut proposals);
        self.fallback(&mut proposals);
        self.say_lost();
        let (raw, cause) = self.choose(&proposals, awake);
        self.limit(raw, cause);
    }

    pub(super) fn say(&mut self, input: u32, output: u32, why: Why) -> u16 {
        self.decision.steps.push(Step { input, output, why });
        index(self.decision.steps.len() - 1)
    }

    pub(super) fn context(&self) -> Context<'_> {
        Context {
            now: self.input.now,
            current: self.input.current,
            ready: self.input.ready,
            min: self.decision.bounds.min,
            max: self.decision.bounds.max,
            region: self.input.region.as_deref(),
        }
    }

    /// Counts the last tick's change if it was made, and drops what is too old to matter.
    pub(super) fn settle(&mut self) {
        let (now, current) = (self.input.now, self.input.current);
        let rules = self.policy.scale_out.len() + self.policy.scale_in.len();
        self.state.rules.resize(rules, RuleState::default());
        let made = self.state.pending.take().filter(|pending| pending.to == current);
        if let Some(made) = made {
            self.state.changes.push((made.at, i64::from(made.to) - i64::from(made.from)));
            self.state.last_change = Some(made.at);
            self.state.cooldown = made.cooldown.or(self.state.cooldown);
            self.state.own_zero = made.to == 0;
            for rule in self.state.rules.iter_mut().filter(|r| r.acted) {
                rule.fired = Some(made.at);
            }
        }
        for rule in &mut self.state.rules {
            rule.acted = false;
        }
        if current > 0 {
            self.state.own_zero = false;
        }
        if !self.state.changes.is_empty() {
            let since = now - limit::longest_period(self.policy);
            self.state.changes.retain(|(at, _)| *at > since);
        }
        self.state.history.get_or_insert_with(|| vec![(now, current)]);
    }

    /// Step 1: the bounds in force, and the count to jump to where the current one is outside.
    pub(super) fn bounds(&mut self) -> Option<u32> {
        let (now, current) = (self.input.now, self.input.current);
        self.state.work.openings = schedule::openings(self.policy, now, self.state.work.openings.take());
        let openings = self.state.work.openings.clone();
        let open = openings.as_ref().map_or(&[][..], |o| &o.open);
        let (bounds, asked) = schedule::bounds(self.policy, open);
        self.decision.bounds = bounds;
        for at in open {
            if let Some(schedule) = self.policy.schedule.get(usize::from(*at)) {
                let why = Why::ScheduleOpen { schedule: *at, min: schedule.min, max: schedule.max };
                self.say(current, current, why);
            }
        }
        if let Some(min) = asked {
            self.say(current, current, Why::MinAboveMax { min, max: bounds.max });
        }
        let Bound { min, max } = bounds;
        if current < min {
            if current == 0 && !self.state.own_zero {
                // Whatever was true before the pause says nothing of the time after it.
                self.state.rules.iter_mut().for_each(rules::start_again);
                self.say(0, 0, Why::Paused);
                return Some(0);
            }
            self.say(current, min, Why::BelowMin { min });
            return Some(min);
        }
        if current > max {
            let allowed =
                limit::allowed(&self.policy.rate_limit.scale_in, false, current, &self.state.changes, now);
            let limit = allowed.map(|a| a.limit).filter(|limit| *limit > max);
            let to = limit.unwrap_or(max);
            self.say(current, to, Why::AboveMax { max, limit });
            return Some(to);
        }
        None
    }

    /// The first metric that has no value and must have one.
    pub(super) fn failed(&self) -> Option<u16> {
        let metrics = self.policy.metrics.iter().zip(&self.state.work.values).enumerate();
        let mut failed = metrics.filter(|(at, (metric, value))| {
            metric.missing == Missing::Fail
                && value.is_nan()
                && !read::is_absent_by_nature(self.policy, *at, self.input)
        });
        failed.next().map(|(at, _)| index(at))
    }

    /// Notes that something that is read is unknown.
    pub(super) fn note_unknown(&mut self, metric: Option<usize>) {
        let metric = metric.map(index);
        let first = self.unknown.get_or_insert(metric);
        if first.is_none() {
            *first = metric;
        }
        let Some(metric) = metric else { return };
        let since = |m: u16| self.state.lost.get(usize::from(m)).copied().flatten();
        let is_lost = since(metric).is_some()
            && !read::is_absent_by_nature(self.policy, usize::from(metric), self.input);
        if is_lost && self.lost.is_none_or(|longest| since(metric) < since(longest)) {
            self.lost = Some(metric);
        }
    }

    pub(super) fn fault(&mut self, fault: &mut Option<Box<Fault>>) {
        self.decision.faults.extend(fault.take().map(|fault| *fault));
    }

    /// `metrics_lost`, once an episode.
    pub(super) fn say_lost(&mut self) {
        let Some(metric) = self.lost else {
            self.state.lost_said = false;
            return;
        };
        if !self.state.lost_said {
            self.state.lost_said = true;
            let (time, from) = (self.input.now, self.input.current);
            let of_metric = |step: &Step| match step.why {
                Why::MetricMissing { metric: m, .. } | Why::MetricFailed { metric: m } => m == metric,
                _ => false,
            };
            let step = self.decision.steps.iter().position(of_metric).map(index);
            let kind = EventKind::MetricsLost;
            self.decision.events.push(Event { kind, time, from, to: from, step, metric: Some(metric) });
        }
    }

    /// Step 6: stabilization window, then rate limit and bounds.
    pub(super) fn limit(&mut self, raw: u32, cause: Option<Proposal>) {
        let (now, current) = (self.input.now, self.input.current);
        let stable = limit::window(self.policy, &mut self.state, now, current, raw);
        if stable != raw {
            let windows = self.policy.stabilization_window;
            let why = if raw > stable {
                Why::WindowOut { window_ms: windows.scale_out.0 }
            } else {
                Why::WindowIn { window_ms: windows.scale_in.0 }
            };
            self.say(raw, stable, why);
        }
        let (to, cut) = limit::cut(self.policy, self.decision.bounds, &self.state, now, current, stable);
        if let Some(why) = cut {
            self.say(stable, to, why);
        }
        self.finish_raw(raw, to, cause);
    }

    /// Ends a tick that had a raw proposal: its episodes past the bounds.
    pub(super) fn finish_raw(&mut self, raw: u32, to: u32, cause: Option<Proposal>) {
        let Bound { min, max } = self.decision.bounds;
        self.decision.proposed = raw;
        let (past, under) = (raw > max, raw < min);
        let step = cause.map(|c| c.step);
        if past && !self.state.past_max {
            self.event(EventKind::AtMax, to, step);
        }
        if under && !self.state.under_min {
            self.event(EventKind::AtMin, to, step);
        }
        (self.state.past_max, self.state.under_min) = (past, under);
        self.finish(to, cause);
    }

    pub(super) fn event(&mut self, kind: EventKind, to: u32, step: Option<u16>) {
        let (time, from) = (self.input.now, self.input.current);
        self.decision.events.push(Event { kind, time, from, to, step, metric: None });
    }

    /// Ends the tick: what is wanted, and the change that this is, if it is one.
    pub(super) fn finish(&mut self, to: u32, cause: Option<Proposal>) {
        let (now, current) = (self.input.now, self.input.current);
        self.decision.to = to;
        if to == current {
            return;
        }
        let last = self.decision.steps.len().checked_sub(1).map(index);
        let step = cause.map(|c| c.step).or(last);
        let by = cause.map_or(By::Other, |c| c.by);
        if let (By::Rule { .. }, Some(step)) = (by, step) {
            self.mark_rules(to > current, step);
        }
        let cooldown = if to > current { self.cooldown(by) } else { None };
        self.state.pending = Some(Pending { at: now, from: current, to, cooldown });
        self.event(if to > current { EventKind::ScaleOut } else { EventKind::ScaleIn }, to, step);
    }

    /// Marks the rules behind the change: all that proposed what the deciding step did.
    pub(super) fn mark_rules(&mut self, out: bool, step: u16) {
        let Some(deciding) = self.decision.steps.get(usize::from(step)).copied() else { return };
        for step in &self.decision.steps {
            if let Why::RuleFires { rule, .. } | Why::CooldownOut { rule: Some(rule), .. } = step.why
                && step.output == deciding.output
                && (usize::from(rule) < self.policy.scale_out.len()) == out
                && let Some(state) = self.state.rules.get_mut(usize::from(rule))
            {
                state.acted = true;
            }
        }
    }

    /// The cooldown that a scale-out begins, or goes on with from the same base.
    pub(super) fn cooldown(&self, by: By) -> Option<Cooldown> {
        let now = self.input.now;
        let relative = matches!(by, By::Rule { relative: true, .. } | By::Code { relative: true });
        let length = match self.policy.cooldown.scale_out {
            Some(length) => length,
            None if relative => self.policy.startup,
            None => return None,
        };
        let base = rules::running(self.state.cooldown, now).map_or(self.input.current, |(c, _)| c.base);
        (length.0 > 0).then(|| Cooldown { since: now, until: now + length, base })
    }
}
