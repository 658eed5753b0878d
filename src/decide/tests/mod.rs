//! The sentences of section 4 of docs/language.md, one by one, through `decide`.

mod bounds;
mod limits;
mod rules;
mod words;

use super::decide;
use crate::model::bare::{Closures, Want, When};
use crate::model::decision::Why;
use crate::model::{
    Action, Decision, Duration, EventKind, FnRef, Form, Input, Metric, Per, Policy, Reading, Rule, State,
    Time, Track,
};
use crate::text::Span;

const START: Time = Time(1_700_000_000_000);

fn secs(seconds: i64) -> Duration {
    Duration::from_secs(seconds)
}

/// A policy and the world that it lives in. Every tick is 15 s after the last.
struct World<'a> {
    policy: Policy,
    conditions: Closures<'a>,
    state: State,
    now: Time,
    current: u32,
    ready: Option<u32>,
    /// When the values were sampled, where that is not now.
    sampled: Option<Time>,
}

impl<'a> World<'a> {
    /// A policy without limits on `cpu` (per replica), `rps` (a total) and `p95` (neither).
    fn new(min: u32, max: u32, current: u32) -> World<'a> {
        let mut policy = Policy::bare("web", min, max).unlimited();
        policy.metrics = vec![
            Metric::bare("cpu", Some(Per::Replica)),
            Metric::bare("rps", Some(Per::Total)),
            Metric::bare("p95", None),
        ];
        let state = State { history: Some(Vec::new()), ..State::default() };
        let conditions = Closures::default();
        World { policy, conditions, state, now: START, current, ready: None, sampled: None }
    }

    fn with(mut self, change: impl FnOnce(&mut Policy)) -> World<'a> {
        change(&mut self.policy);
        self
    }

    /// Adds a scale_out rule; all of them come before the first scale_in rule.
    fn out(mut self, rule: Rule, when: When<'a>) -> World<'a> {
        assert!(self.policy.scale_in.is_empty());
        self.policy.scale_out.push(rule);
        self.conditions.when.push(when);
        self.conditions.scale_out += 1;
        self
    }

    /// Adds a scale_in rule.
    fn inward(mut self, rule: Rule, when: When<'a>) -> World<'a> {
        self.policy.scale_in.push(rule);
        self.conditions.when.push(when);
        self
    }

    fn track(self, metric: usize, target: f64) -> World<'a> {
        self.with(|p| p.track.push(Track { metric, target, span: Span::default() }))
    }

    fn code(mut self, form: Form, want: Want<'a>) -> World<'a> {
        self.policy.form = form;
        self.conditions.propose = Some(want);
        self
    }

    /// Decides without making the change and without time passing.
    fn look(&mut self, values: [f64; 3]) -> Decision {
        let at = self.sampled.unwrap_or(self.now);
        let input = Input {
            now: self.now,
            current: self.current,
            ready: self.ready.unwrap_or(self.current),
            metrics: values.into_iter().map(|value| Reading::Value { value, at }).collect(),
            ..Input::default()
        };
        let (decision, state) =
            decide(&self.policy, &input, std::mem::take(&mut self.state), &self.conditions);
        self.state = state;
        decision
    }

    /// Decides, makes the change, and lets 15 s pass.
    fn tick(&mut self, values: [f64; 3]) -> Decision {
        let decision = self.look(values);
        self.current = decision.to;
        self.now = self.now + secs(15);
        decision
    }

    /// What so many ticks with the same values decide.
    fn ticks(&mut self, times: usize, values: [f64; 3]) -> Vec<u32> {
        (0..times).map(|_| self.tick(values).to).collect()
    }
}

fn has(decision: &Decision, what: fn(&Why) -> bool) -> bool {
    decision.steps.iter().any(|step| what(&step.why))
}

fn kinds(decision: &Decision) -> Vec<EventKind> {
    decision.events.iter().map(|event| event.kind).collect()
}

fn above<'a>(metric: usize, value: f64) -> When<'a> {
    Box::new(move |m| m.get(metric) > value)
}

fn below<'a>(metric: usize, value: f64) -> When<'a> {
    Box::new(move |m| m.get(metric) < value)
}

fn always<'a>() -> When<'a> {
    Box::new(|_| true)
}

fn add(n: u32) -> Rule {
    Rule::bare("hot", Action::Add(n))
}

fn remove(n: u32) -> Rule {
    Rule::bare("idle", Action::Remove(n))
}

fn wants<'a>(action: Action) -> Want<'a> {
    Box::new(move |_, _| Some(action))
}

const DECIDE: Form = Form::Decide(FnRef(0));
const NONE: f64 = f64::NAN;
