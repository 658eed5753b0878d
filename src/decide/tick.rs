//! One tick: the steps in their order.
//!
//! May import: `model`, siblings.

use super::rules::{self, Firing};
use super::shrink::Projection;
use super::{limit, read, schedule, track};
use crate::model::decision::{EventKind, Why};
use crate::model::input::Fault;
use crate::model::{
    Action, Activation, Bound, Conditions, Context, Cooldown, Decision, Event, Input, Missing, Pending,
    Policy, Projected, Proposed, RuleState, State, Step, Verdict,
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

struct Tick<'a> {
    policy: &'a Policy,
    input: &'a Input,
    conditions: &'a dyn Conditions,
    state: State,
    decision: Decision,
    /// Something that is read is unknown, and the first metric that makes it so.
    unknown: Option<Option<u16>>,
    /// The metric that has been lost for longest of those that are read.
    lost: Option<u16>,
}

/// What proposes a count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    Rule { rule: u16, relative: bool },
    Track { metric: u16 },
    Code { relative: bool },
    Other,
}

/// A proposed count, and the step that says so.
#[derive(Debug, Clone, Copy)]
struct Proposal {
    count: u32,
    by: By,
    step: u16,
}

/// Everything proposed at a tick, from the current count on.
#[derive(Default)]
struct Proposals {
    /// The largest above the current count, cooldowns applied.
    grow: Option<Proposal>,
    /// How many ask for more.
    growing: u32,
    /// Something asks for more, whatever cooldowns say.
    wants_more: bool,
    /// The mildest of those that ask for less.
    shrink: Option<Proposal>,
    /// How many ask for less, track aside.
    shrinking: u32,
    /// The largest that track computes, the floor of everything else.
    floor: Option<(Proposal, u16)>,
}

impl Proposals {
    fn grow(&mut self, proposal: Proposal) {
        self.growing += 1;
        if self.grow.is_none_or(|best| proposal.count > best.count) {
            self.grow = Some(proposal);
        }
    }

    fn shrink(&mut self, proposal: Proposal) {
        self.shrinking += 1;
        if self.shrink.is_none_or(|best| proposal.count > best.count) {
            self.shrink = Some(proposal);
        }
    }
}

fn index(at: usize) -> u16 {
    u16::try_from(at).unwrap_or(u16::MAX)
}

impl Tick<'_> {
    fn run(&mut self) {
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

    fn say(&mut self, input: u32, output: u32, why: Why) -> u16 {
        self.decision.steps.push(Step { input, output, why });
        index(self.decision.steps.len() - 1)
    }

    fn context(&self) -> Context<'_> {
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
    fn settle(&mut self) {
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
    fn bounds(&mut self) -> Option<u32> {
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
    fn failed(&self) -> Option<u16> {
        let metrics = self.policy.metrics.iter().zip(&self.state.work.values).enumerate();
        let mut failed = metrics.filter(|(at, (metric, value))| {
            metric.missing == Missing::Fail
                && value.is_nan()
                && !read::is_absent_by_nature(self.policy, *at, self.input)
        });
        failed.next().map(|(at, _)| index(at))
    }

    /// Notes that something that is read is unknown.
    fn note_unknown(&mut self, metric: Option<usize>) {
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

    /// What activation says; `None` where there is none, `Some(None)` where it is unknown.
    fn activation(&mut self) -> Option<Option<bool>> {
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
    fn at_zero(&mut self, awake: Option<bool>) {
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

    fn fault(&mut self, fault: &mut Option<Box<Fault>>) {
        self.decision.faults.extend(fault.take().map(|fault| *fault));
    }

    /// Step 2 and the rules' part of step 3.
    fn rules(&mut self, proposals: &mut Proposals) {
        let (policy, input) = (self.policy, self.input);
        if policy.scale_out.is_empty() && policy.scale_in.is_empty() {
            return;
        }
        let mut verdicts = std::mem::take(&mut self.state.work.verdicts);
        verdicts.clear();
        self.conditions.when(Projected::All, &self.state.work.values, &self.context(), &mut verdicts);
        // An answer that was not given is unknown.
        verdicts.resize(policy.scale_out.len() + policy.scale_in.len(), Verdict::default());
        let rules =
            policy.scale_out.iter().map(|r| (r, true)).chain(policy.scale_in.iter().map(|r| (r, false)));
        for ((at, verdict), (rule, out)) in verdicts.iter_mut().enumerate().zip(rules) {
            let number = index(at);
            let mut state = self.state.rules.get(at).copied().unwrap_or_default();
            let firing = match verdict.holds {
                Some(holds) => rules::sustain(rule, number, &mut state, holds, input.now, || {
                    read::newest(policy, input, &self.state, self.conditions.reads(at))
                }),
                None => {
                    rules::start_again(&mut state);
                    self.note_unknown(verdict.missing);
                    Firing::No(if verdict.fault.is_some() {
                        Why::RuleFailed { rule: number }
                    } else {
                        Why::RuleUnknown { rule: number, metric: verdict.missing.map(index) }
                    })
                }
            };
            self.fault(&mut verdict.fault);
            if let Some(slot) = self.state.rules.get_mut(at) {
                *slot = state;
            }
            match (firing, rules::barred(rule, &state, input.now)) {
                (Firing::No(why), _) => {
                    self.say(input.current, input.current, why);
                }
                (Firing::Yes { .. }, Some(left_ms)) => {
                    self.say(input.current, input.current, Why::CooldownRule { rule: number, left_ms });
                }
                (Firing::Yes { for_ms }, None) => self.fires(rule.action, out, at, for_ms, proposals),
            }
        }
        self.state.work.verdicts = verdicts;
    }

    /// A rule fires: what it proposes.
    fn fires(&mut self, action: Action, out: bool, at: usize, for_ms: i64, proposals: &mut Proposals) {
        let (current, rule) = (self.input.current, index(at));
        let action = match action {
            Action::By(_) => {
                let proposed = self.conditions.by(at, &self.state.work.values, &self.context());
                match self.proposed(proposed, Some(rule)) {
                    Some(action) => action,
                    None => return,
                }
            }
            action => action,
        };
        let Some(count) = rules::count(action, current, out) else { return };
        let relative = rules::is_relative(action);
        let count = if out { count.max(current) } else { count.min(current) };
        let step = self.say(current, count, Why::RuleFires { rule, for_ms });
        let proposal = Proposal { count, by: By::Rule { rule, relative }, step };
        if !out {
            if count < current {
                proposals.shrink(proposal);
            }
        } else if count > current {
            self.grow(action, proposal, Some(rule), proposals);
        }
    }

    /// Takes a proposal of more, as far as the scale-out cooldown lets it (step 5).
    fn grow(&mut self, action: Action, proposal: Proposal, rule: Option<u16>, proposals: &mut Proposals) {
        let current = self.input.current;
        proposals.wants_more = true;
        let mut proposal = proposal;
        if rules::is_relative(action)
            && let Some((cooldown, left_ms)) = rules::running(self.state.cooldown, self.input.now)
        {
            let base = cooldown.base.min(current);
            let count = rules::count(action, base, true).unwrap_or(base).max(current);
            if count < proposal.count {
                proposal.step = self.say(proposal.count, count, Why::CooldownOut { rule, base, left_ms });
                proposal.count = count;
            }
        }
        if proposal.count > current {
            proposals.grow(proposal);
        }
    }

    /// What a function wants; a failure or an unknown is noted and said.
    fn proposed(&mut self, mut proposed: Proposed, rule: Option<u16>) -> Option<Action> {
        let current = self.input.current;
        let failed = proposed.fault.is_some();
        self.fault(&mut proposed.fault);
        if failed || proposed.unknown {
            self.note_unknown(proposed.missing);
            let metric = proposed.missing.map(index);
            let why = match (rule, failed) {
                (Some(rule), true) => Why::RuleFailed { rule },
                (Some(rule), false) => Why::RuleUnknown { rule, metric },
                (None, true) => Why::ProposedFailed,
                (None, false) => Why::ProposedUnknown { metric },
            };
            self.say(current, current, why);
            return None;
        }
        if proposed.want.is_none() {
            let why = rule.map_or(Why::ProposedNothing, |rule| Why::RuleNothing { rule });
            self.say(current, current, why);
        }
        proposed.want
    }

    /// Step 3: target tracking.
    fn track(&mut self, proposals: &mut Proposals) {
        let current = self.input.current;
        for declared in &self.policy.track {
            let value = self.state.work.values.get(declared.metric).copied().unwrap_or(f64::NAN);
            let (count, why) = track::propose(self.policy, self.input, declared, value);
            let step = self.say(current, count.unwrap_or(current), why);
            let Some(count) = count else {
                if !matches!(why, Why::TrackAtZero { .. }) {
                    self.note_unknown(Some(declared.metric));
                }
                continue;
            };
            let metric = index(declared.metric);
            let proposal = Proposal { count, by: By::Track { metric }, step };
            if count > current {
                proposals.wants_more = true;
                proposals.grow(proposal);
            }
            if proposals.floor.is_none_or(|(floor, _)| count > floor.count) {
                proposals.floor = Some((proposal, metric));
            }
        }
    }

    /// Step 3: `decide`, or the script.
    fn code(&mut self, proposals: &mut Proposals) {
        if matches!(self.policy.form, crate::model::Form::Rules) {
            return;
        }
        let current = self.input.current;
        let proposed = self.conditions.propose(&self.state.work.values, &self.context());
        let Some(action) = self.proposed(proposed, None) else { return };
        let out = !matches!(action, Action::Remove(_));
        let Some(count) = rules::count(action, current, out) else { return };
        let step = self.say(current, count, Why::Proposed);
        let proposal = Proposal { count, by: By::Code { relative: rules::is_relative(action) }, step };
        if count > current {
            self.grow(action, proposal, None, proposals);
        } else {
            // The current count is wanted, too: it keeps track from going below.
            proposals.shrink(proposal);
        }
    }

    /// Metrics that have been lost for long: at least the fallback's count.
    fn fallback(&mut self, proposals: &mut Proposals) {
        let (Some(fallback), Some(metric)) = (self.policy.fallback, self.lost) else { return };
        let Some(since) = self.state.lost.get(usize::from(metric)).copied().flatten() else { return };
        let lost = self.input.now.since(since);
        let so_far = proposals.grow.map_or(self.input.current, |p| p.count);
        if lost >= fallback.after && fallback.replicas > so_far {
            let why = Why::Fallback { for_ms: lost.0, replicas: fallback.replicas };
            let step = self.say(so_far, fallback.replicas, why);
            proposals.wants_more = true;
            proposals.grow = Some(Proposal { count: fallback.replicas, by: By::Other, step });
        }
    }

    /// `metrics_lost`, once an episode.
    fn say_lost(&mut self) {
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

    /// Steps 3 to 5: the raw proposal, and what it comes from.
    fn choose(&mut self, proposals: &Proposals, awake: Option<Option<bool>>) -> (u32, Option<Proposal>) {
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
    fn hold(&mut self) -> Option<i64> {
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
    fn mildest(&mut self, proposals: &Proposals) -> Option<Proposal> {
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
    fn anti_flap(&mut self, wanted: &mut Proposal) {
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
    fn cool_in(&mut self, wanted: &mut Proposal) {
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

    /// Step 6: stabilization window, then rate limit and bounds.
    fn limit(&mut self, raw: u32, cause: Option<Proposal>) {
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
    fn finish_raw(&mut self, raw: u32, to: u32, cause: Option<Proposal>) {
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

    fn event(&mut self, kind: EventKind, to: u32, step: Option<u16>) {
        let (time, from) = (self.input.now, self.input.current);
        self.decision.events.push(Event { kind, time, from, to, step, metric: None });
    }

    /// Ends the tick: what is wanted, and the change that this is, if it is one.
    fn finish(&mut self, to: u32, cause: Option<Proposal>) {
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
    fn mark_rules(&mut self, out: bool, step: u16) {
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
    fn cooldown(&self, by: By) -> Option<Cooldown> {
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
