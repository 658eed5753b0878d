//! A dry-run: the recording goes by tick by tick, and the policy decides.
//!
//! May import: `model`, `decide`, siblings. Linear in ticks; what a tick needs is read forward.

use super::counted::counted;
use super::scenario::{Plan, Scenario, moved};
use super::series::{Samples, Series, Values};
use super::trace::{Failed, Happened, Loop, Printed, Run, Score, Tick};
use super::world::{World, capacity};
use super::{notes, score};
use crate::decide::decide;
use crate::model::decision::Why;
use crate::model::input::Fault;
use crate::model::{Activation, Conditions, Context, Decision, Input, Metric, Model, Policy, State, Time};
use serde::{Deserialize, Serialize};

/// Most ticks of a run: somewhat more than a year at the default interval of 15 s. A recording
/// with one wrong date would otherwise ask for millions of empty ticks.
pub const MOST_TICKS: u64 = 2_500_000;

/// Most printed lines that are kept, and most bytes of them: what code prints is beside the point
/// of a run, and must not be what a run takes its memory for.
const MOST_PRINTED: usize = 10_000;
const MOST_PRINTED_BYTES: usize = 1 << 20;

/// How a dry-run goes.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct RunOptions {
    /// Open or closed; `None`: closed where replicas or a demand is there, else open.
    pub kind: Option<Loop>,
    /// Replicas that ran when it was recorded, where the recording has no count of them; `None`: those
    /// that are sampled, where single replicas are, else the policy's min, at least 1.
    pub recorded_replicas: Option<u32>,
    /// What is done to the recording or the replicas, all at once.
    pub scenarios: Vec<Scenario>,
}

/// Runs a policy over a recording. `progress` is told now and then how many ticks of how many are done.
pub fn run(
    policy: &Policy,
    samples: &Samples,
    conditions: &dyn Conditions,
    options: &RunOptions,
    progress: &mut dyn FnMut(usize, usize),
) -> Run {
    let mut scenario_notes = Vec::new();
    let moved = moved(policy, samples, &options.scenarios, &mut scenario_notes);
    let samples = moved.as_ref().unwrap_or(samples);
    let kind = options.kind.unwrap_or_else(|| loop_of(policy, samples, options));
    let span = span(policy, samples);
    let (start, ticks) = match span {
        Some((start, end)) => (start, (end.since(start).0 / policy.interval.0.max(1)) as u64 + 1),
        None => (Time(0), 1),
    };
    let ended = (ticks > MOST_TICKS).then(|| {
        format!(
            "the samples span {}, which is {ticks} ticks of {}; a run has at most {MOST_TICKS}: is a date wrong?",
            span.map_or_else(String::new, |(start, end)| end.since(start).to_string()),
            policy.interval
        )
    });
    let ticks = if ended.is_some() { 0 } else { ticks as usize };
    let assumed = match span {
        None => options.recorded_replicas.unwrap_or(1),
        Some(_) => options.recorded_replicas.unwrap_or((*policy.replicas.min).max(1)),
    };
    let counted = match (&samples.replicas, options.recorded_replicas) {
        (None, None) => counted(policy, samples),
        _ => None,
    };
    let make = |noted| {
        let world = World::new(policy, samples, counted.as_ref(), kind, assumed);
        let plan = Plan::new(policy, &options.scenarios, ticks, start);
        Simulation::new(policy, conditions, world, plan, kind, noted)
    };
    let mut simulation = make(true);
    simulation.out.ticks.reserve_exact(ticks);
    simulation.out.values.reserve_exact(ticks * policy.metrics.len());
    // What was printed while loading.
    simulation.printed(None);
    for tick in 0..ticks {
        if tick % 4096 == 0 {
            progress(tick, ticks);
        }
        if simulation.plan.restarts_at(tick) {
            let mut again = make(false);
            for earlier in 0..tick {
                again.step(earlier, start);
            }
            simulation.restart(again.state);
        }
        simulation.step(tick, start);
        if simulation.out.ended.is_some() {
            break;
        }
    }
    progress(ticks, ticks);
    let Simulation { world, plan, mut out, .. } = simulation;
    out.ended = out.ended.or(ended);
    out.samples = files(samples);
    scenario_notes.extend(plan.notes(policy, start, ticks));
    if span.is_some() && !out.ticks.is_empty() {
        out.never = world.never(out.ended.is_some());
        // What nothing reads was no part of the run, whatever its samples.
        out.never.retain(|name| is_used(policy, name) || conditions.mentions(name));
    }
    out.score = if span.is_some() { score::score(policy, &out) } else { Score::default() };
    let about = notes::About {
        policy,
        samples,
        options,
        assumed,
        counted: counted.is_some(),
        world: &world,
        recorded: span.is_some(),
    };
    out.notes = about.notes(&out, scenario_notes);
    out
}

/// Closed where replicas or a demand is there, else open. Samples of single replicas are judged as
/// they are, since Kubernetes' rules for them need the replicas that there really were.
fn loop_of(policy: &Policy, samples: &Samples, options: &RunOptions) -> Loop {
    let named = |metric: &Metric, series: &&Series| series.metric == metric.name.value;
    let of = |metric| samples.series.iter().find(|s| named(metric, s));
    let single = policy.metrics.iter().filter_map(of).any(|s| matches!(s.values, Values::Replicas(_)));
    let demand =
        policy.metrics.iter().enumerate().any(|(at, m)| capacity(policy, at).is_some() && of(m).is_some());
    let replicas = samples.replicas.is_some() || options.recorded_replicas.is_some();
    if !single && !samples.series.is_empty() && (replicas || demand) { Loop::Closed } else { Loop::Open }
}

/// First and last time of what the policy reads; of all there is where it reads none of it.
fn span(policy: &Policy, samples: &Samples) -> Option<(Time, Time)> {
    let counts = [&samples.replicas, &samples.ready].into_iter().flatten().filter_map(|t| t.range());
    let used = |s: &&Series| policy.metric(&s.metric).is_some();
    let range = |s: &Series| Some((*s.times().first()?, *s.times().last()?));
    let join = |a: (Time, Time), b: (Time, Time)| (a.0.min(b.0), a.1.max(b.1));
    let read = samples.series.iter().filter(used).filter_map(range).chain(counts).reduce(join);
    read.or_else(|| samples.series.iter().filter_map(range).reduce(join))
}

/// Whether a policy uses a metric without any code.
fn is_used(policy: &Policy, name: &str) -> bool {
    let Some(at) = policy.metric(name) else { return false };
    let feeds = |metric: &Metric| match metric.models {
        Some(Model::Latency { load }) => load == at,
        Some(Model::Queue { arrivals }) => arrivals == at,
        None => false,
    };
    policy.track.iter().any(|t| t.metric == at)
        || policy.predict.as_ref().is_some_and(|p| p.metric == at)
        || matches!(&policy.activation, Some(Activation::Above(all)) if all.iter().any(|(m, _)| *m == at))
        || policy.metrics.iter().any(feeds)
        || policy.metrics.get(at).is_some_and(|m| m.capacity.is_some() || m.saturation.is_some())
}

/// The files that series were read from, each once, in the order of the series.
fn files(samples: &Samples) -> Vec<String> {
    let mut files: Vec<String> = Vec::new();
    for series in &samples.series {
        if !files.iter().any(|f| **f == *series.source) {
            files.push(series.source.to_string());
        }
    }
    files
}

struct Simulation<'a> {
    policy: &'a Policy,
    conditions: &'a dyn Conditions,
    world: World<'a>,
    plan: Plan,
    state: State,
    input: Input,
    out: Run,
    /// Whether events, hooks and prints are kept; not so while a state is rebuilt.
    noted: bool,
    /// Bytes that were printed so far, kept or not.
    printed_bytes: usize,
    /// Whether no more of them are kept.
    printed_full: bool,
}

impl<'a> Simulation<'a> {
    fn new(
        policy: &'a Policy,
        conditions: &'a dyn Conditions,
        world: World<'a>,
        plan: Plan,
        kind: Loop,
        noted: bool,
    ) -> Simulation<'a> {
        let out = Run {
            policy: policy.name.value.clone(),
            source: policy.source.to_string(),
            samples: Vec::new(),
            kind,
            metrics: policy.metrics.iter().map(|m| m.name.value.clone()).collect(),
            values: Vec::new(),
            ticks: Vec::new(),
            steps: Vec::new(),
            events: Vec::new(),
            printed: Vec::new(),
            faults: Vec::new(),
            ended: None,
            never: Vec::new(),
            notes: Vec::new(),
            score: Score::default(),
        };
        Simulation {
            policy,
            conditions,
            world,
            plan,
            state: State::default(),
            input: Input::default(),
            out,
            noted,
            printed_bytes: 0,
            printed_full: false,
        }
    }

    fn step(&mut self, tick: usize, start: Time) {
        let now = Time(start.0.saturating_add(self.policy.interval.0.saturating_mul(tick as i64)));
        let disturbance = self.plan.disturbance(tick);
        let weather = self.world.tick(now, disturbance, &mut self.input);
        self.plan.readings(tick, &mut self.input.metrics);
        let state = std::mem::take(&mut self.state);
        let (decision, state) = decide(self.policy, &self.input, state, self.conditions);
        self.state = state;
        self.world.decided(now, decision.to);
        self.plan.decided(tick, self.input.current, &decision, &self.state);
        if self.noted {
            self.note(tick, decision, weather.under);
        } else {
            self.conditions.printed();
        }
    }

    fn note(&mut self, tick: usize, decision: Decision, under: Option<bool>) {
        let index = tick as u32;
        self.out.ticks.push(Tick {
            time: self.input.now,
            current: self.input.current,
            ready: self.input.ready,
            bounds: decision.bounds,
            proposed: decision.proposed,
            desired: decision.to,
            under,
            first_step: u32::try_from(self.out.steps.len()).unwrap_or(u32::MAX),
        });
        // As the policy saw them, with what `missing` put in the place of none.
        let width = self.policy.metrics.len();
        let seen = self.state.work.values.get(..width).unwrap_or_default();
        self.out.values.extend(seen);
        self.out.values.resize(self.out.ticks.len() * width, f64::NAN);
        if decision.failed {
            let metric = decision.steps.iter().find_map(|step| match step.why {
                Why::MetricFailed { metric } => self.policy.metrics.get(usize::from(metric)),
                _ => None,
            });
            self.fault(
                index,
                Fault {
                    function: metric
                        .map_or_else(|| "metrics".into(), |m| format!("metrics.{}", m.name.value)),
                    message: "it has no value, and missing = \"fail\"".into(),
                    source: self.policy.source.clone(),
                    line: 0,
                    fatal: false,
                },
            );
        }
        self.out.steps.extend(&decision.steps);
        for fault in decision.faults {
            self.fault(index, fault);
        }
        for event in decision.events {
            let context = Context {
                now: self.input.now,
                current: self.input.current,
                ready: self.input.ready,
                min: decision.bounds.min,
                max: decision.bounds.max,
                region: None,
            };
            let mut effects = Vec::new();
            for (hook, _) in self.policy.on.iter().enumerate().filter(|(_, h)| h.event == event.kind) {
                let report = self.conditions.hook(hook, &event, &context);
                effects.extend(report.effects);
                if let Some(fault) = report.fault {
                    self.fault(index, *fault);
                }
            }
            self.out.events.push(Happened { tick: index, event, effects });
        }
        self.printed(Some(index));
    }

    fn printed(&mut self, tick: Option<u32>) {
        for text in self.conditions.printed() {
            self.printed_bytes += text.len();
            if self.printed_full {
                continue;
            }
            self.printed_full =
                self.out.printed.len() >= MOST_PRINTED || self.printed_bytes > MOST_PRINTED_BYTES;
            let text =
                if self.printed_full { "(what was printed after this was not kept)".into() } else { text };
            self.out.printed.push(Printed { tick, text });
        }
    }

    /// Counts a failure; those of one function at one line are told once.
    fn fault(&mut self, tick: u32, fault: Fault) {
        if fault.fatal {
            self.out.ended = Some(format!("{}: {}", fault.function, fault.message));
        }
        let same = |f: &&mut Failed| {
            f.fault.function == fault.function && f.fault.line == fault.line && f.fault.source == fault.source
        };
        match self.out.faults.iter_mut().find(same) {
            Some(known) => known.times += 1,
            None => self.out.faults.push(Failed { tick, times: 1, fault }),
        }
    }

    /// Ends the process, so to say: the state is written and read, and rebuilt by replaying as well.
    fn restart(&mut self, rebuilt: State) {
        let written = postcard::to_stdvec(&self.state).ok();
        let read: Option<State> = written.and_then(|bytes| postcard::from_bytes(&bytes).ok());
        let (saved, same) = match read {
            Some(read) => (read == self.state, rebuilt == self.state),
            None => (false, rebuilt == self.state),
        };
        self.plan.restarted(saved, same);
        self.state = rebuilt;
    }
}
