//! What a policy sees at each tick: the recording itself (open loop), or what the recording
//! would have been with the replicas that were decided (closed loop).
//!
//! May import: `model`, siblings. Everything is read forward through cursors, so a run is linear
//! in ticks and samples.

use super::counted::Counted;
use super::series::{Samples, Series, Track, Values};
use super::trace::Loop;
use crate::model::{Duration, Input, Metric, Model, Per, Phase, Policy, Reading, ReplicaSample, Time, Unit};
use std::collections::VecDeque;

/// Utilization is capped here where latency is computed from it: at 1 a queue grows without end.
const MOST_UTILIZED: f64 = 0.99;

/// A series, read forward.
struct Cursor<'a> {
    series: &'a Series,
    at: usize,
    /// How long a value holds.
    hold: Duration,
}

impl<'a> Cursor<'a> {
    /// A value holds for two median steps; where there is but one sample, for two ticks.
    fn new(series: &'a Series, interval: Duration) -> Cursor<'a> {
        let step = if series.step.0 > 0 { series.step } else { interval };
        Cursor { series, at: 0, hold: Duration(step.0.saturating_mul(2)) }
    }

    /// Position of the value that holds at `now`; `now` never falls.
    fn at(&mut self, now: Time) -> Option<(usize, Time)> {
        let times = self.series.times();
        self.at = forward(times, self.at, now);
        let time = *times.get(self.at)?;
        (time <= now && now < time + self.hold).then_some((self.at, time))
    }
}

/// The position of the last time at or before `now`, from a position known to be no later.
fn forward(times: &[Time], mut at: usize, now: Time) -> usize {
    while times.get(at + 1).is_some_and(|next| *next <= now) {
        at += 1;
    }
    at
}

/// A count that was recorded, read forward; it holds until the next one.
struct Count<'a> {
    track: &'a Track<u32>,
    at: usize,
}

impl Count<'_> {
    fn at(&mut self, now: Time) -> Option<u32> {
        self.at = forward(&self.track.times, self.at, now);
        // Before the first count was recorded, that one is the best guess.
        self.track.values.get(self.at).copied()
    }
}

/// How a metric follows the simulated replicas.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Follows {
    /// Not at all.
    Nothing,
    /// An average: falls as replicas are added.
    Replicas,
    /// A latency that grows with the utilization of this metric.
    Latency { load: usize, scale: f64 },
    /// A queue that this metric fills and this capacity drains.
    Queue { arrivals: usize, capacity: f64 },
}

/// What is done to one tick from outside: scenarios.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Disturbance {
    /// Load is multiplied by this.
    pub load: f64,
    /// Replicas that take load besides those wanted, as a share of the current count.
    pub surge: f64,
    /// No replica takes load.
    pub none_ready: bool,
}

impl Default for Disturbance {
    fn default() -> Disturbance {
        Disturbance { load: 1.0, surge: 0.0, none_ready: false }
    }
}

impl Disturbance {
    /// How many take load, of those that otherwise would.
    fn ready(self, current: u32, ready: u32) -> u32 {
        if self.none_ready {
            return 0;
        }
        ready.saturating_add((f64::from(current) * self.surge).ceil() as u32)
    }
}

/// The world of one run.
pub(super) struct World<'a> {
    policy: &'a Policy,
    kind: Loop,
    cursors: Vec<Option<Cursor<'a>>>,
    follows: Vec<Follows>,
    capacity: Vec<Option<f64>>,
    replicas: Option<Count<'a>>,
    ready: Option<Count<'a>>,
    /// Stands in for counts that were not recorded.
    assumed: u32,
    /// Closed loop: the count that was decided.
    current: Option<u32>,
    /// Closed loop: replicas that do not take load yet, oldest first.
    starting: VecDeque<(Time, u32)>,
    /// Simulated length of each queue, and the tick it is of.
    queues: Vec<Option<f64>>,
    last: Option<Before>,
    recorded: Vec<Recorded>,
    /// Whether each metric had a value at any tick so far.
    valued: Vec<bool>,
    /// Ticks at which a per-replica value was recorded at or above its saturation, by metric.
    pub saturated: Vec<u32>,
    /// Ticks at which demand was unknown, since no replica was recorded as ready.
    pub unknown_demand: u32,
}

/// What the tick before left for queues.
struct Before {
    time: Time,
    /// Replicas that take load until the next tick.
    ready: u32,
    disturbance: Disturbance,
}

/// What was recorded of a metric at a tick.
#[derive(Clone, Copy)]
struct Recorded {
    /// NaN where there is none.
    value: f64,
    at: Time,
    /// The value as simulated, before any cap; NaN where there is none.
    simulated: f64,
}

/// What a tick is like besides its input.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Weather {
    /// Whether load was more than the ready replicas take; `None`: not measured.
    pub under: Option<bool>,
}

impl<'a> World<'a> {
    /// The world of a policy on a recording. Where no replicas were recorded, those that were `counted`
    /// stand in, or else `assumed`.
    pub fn new(
        policy: &'a Policy,
        samples: &'a Samples,
        counted: Option<&'a Counted>,
        kind: Loop,
        assumed: u32,
    ) -> World<'a> {
        let metrics = policy.metrics.len();
        let series = series(policy, samples).into_iter();
        let cursors = series.map(|s| s.map(|series| Cursor::new(series, policy.interval))).collect();
        let count = |track: &'a Track<u32>| Count { track, at: 0 };
        let replicas = samples.replicas.as_ref().or(counted.map(|c| &c.replicas));
        let ready = samples.ready.as_ref().or(counted.map(|c| &c.ready));
        let follows =
            (0..metrics).map(|m| if kind == Loop::Closed { follows(policy, m) } else { Follows::Nothing });
        World {
            policy,
            kind,
            cursors,
            follows: follows.collect(),
            capacity: (0..metrics).map(|m| capacity(policy, m)).collect(),
            replicas: replicas.map(count),
            ready: ready.map(count),
            assumed,
            current: None,
            starting: VecDeque::new(),
            queues: vec![None; metrics],
            last: None,
            recorded: vec![Recorded { value: f64::NAN, at: Time(0), simulated: f64::NAN }; metrics],
            valued: vec![false; metrics],
            saturated: vec![0; metrics],
            unknown_demand: 0,
        }
    }

    /// Fills the input of the tick at `now`; ticks come in order.
    pub fn tick(&mut self, now: Time, disturbance: Disturbance, input: &mut Input) -> Weather {
        let current = self.replicas.as_mut().and_then(|c| c.at(now)).unwrap_or(self.assumed);
        let ready = self.ready.as_mut().and_then(|c| c.at(now)).unwrap_or(current);
        let recorded_ready = ready;
        input.now = now;
        (input.current, input.ready) = match self.kind {
            Loop::Open => (current, ready),
            Loop::Closed => self.closed(now, current, ready),
        };
        input.ready = disturbance.ready(input.current, input.ready);
        self.record(now, disturbance.load);
        // What a replica took when it was recorded is shared by those that take load now; in an open loop
        // that differs where a scenario adds some.
        let share = match self.kind {
            Loop::Closed => share(recorded_ready, input.ready),
            Loop::Open if disturbance.surge > 0.0 => share(recorded_ready, input.ready),
            Loop::Open => Some(1.0),
        };
        self.simulate(now, share, disturbance.surge > 0.0, input);
        let weather = Weather { under: self.under(recorded_ready, input.ready) };
        self.last = Some(Before { time: now, ready: input.ready, disturbance });
        weather
    }

    /// Takes the decided count, which the next tick will find.
    pub fn decided(&mut self, now: Time, to: u32) {
        let Some(current) = self.current else { return };
        if to > current && self.policy.startup.0 > 0 {
            self.starting.push_back((now + self.policy.startup, to - current));
        }
        // The youngest go first, as Kubernetes removes replicas that are not ready before others.
        let mut gone = current.saturating_sub(to);
        while gone > 0
            && let Some((_, count)) = self.starting.back_mut()
        {
            let take = gone.min(*count);
            *count -= take;
            gone -= take;
            if *count == 0 {
                self.starting.pop_back();
            }
        }
        self.current = Some(to);
        let ready = to.saturating_sub(self.starting());
        if let Some(before) = &mut self.last {
            before.ready = before.disturbance.ready(to, ready);
        }
    }

    fn starting(&self) -> u32 {
        self.starting.iter().map(|(_, count)| *count).sum()
    }

    fn closed(&mut self, now: Time, recorded: u32, recorded_ready: u32) -> (u32, u32) {
        let current = *self.current.get_or_insert_with(|| {
            // Replicas that were starting when the recording began.
            let starting = recorded.saturating_sub(recorded_ready);
            if starting > 0 && self.policy.startup.0 > 0 {
                self.starting.push_back((now + self.policy.startup, starting));
            }
            recorded
        });
        while self.starting.front().is_some_and(|(ready, _)| *ready <= now) {
            self.starting.pop_front();
        }
        (current, current.saturating_sub(self.starting()))
    }

    /// Reads what was recorded of each metric; `load` multiplies what load drives.
    fn record(&mut self, now: Time, load: f64) {
        let metrics = self.policy.metrics.iter();
        for ((cursor, recorded), metric) in self.cursors.iter_mut().zip(&mut self.recorded).zip(metrics) {
            let found = cursor.as_mut().and_then(|c| Some((c.at(now)?, c.series)));
            (recorded.value, recorded.at) = match found {
                None => (f64::NAN, now),
                Some(((at, time), series)) => match &series.values {
                    Values::Scalar(track) => (track.values.get(at).copied().unwrap_or(f64::NAN), time),
                    Values::Replicas(track) => (track.values.get(at).map_or(f64::NAN, |s| average(s)), time),
                },
            };
            if metric.per.is_some() {
                recorded.value *= load;
            }
        }
    }

    fn simulate(&mut self, now: Time, share: Option<f64>, surge: bool, input: &mut Input) {
        input.metrics.resize(self.policy.metrics.len(), Reading::Missing);
        // Latency reads the utilization of another metric, so averages come first.
        for at in 0..self.recorded.len() {
            let follows = self.follows.get(at).copied().unwrap_or(Follows::Nothing);
            let metric = self.policy.metrics.get(at);
            let average = follows == Follows::Replicas
                || (surge && metric.is_some_and(|m| m.per == Some(Per::Replica)));
            let Some(recorded) = self.recorded.get_mut(at) else { continue };
            recorded.simulated = if average {
                match share {
                    Some(share) => recorded.value * share,
                    // Nobody takes load, and demand is not known either, or there is nobody to measure.
                    None => f64::NAN,
                }
            } else {
                recorded.value
            };
            if let Some(most) = metric.and_then(|m| m.saturation)
                && recorded.value >= most
                && let Some(count) = self.saturated.get_mut(at)
            {
                *count += 1;
            }
            self.unknown_demand += u32::from(average && share.is_none() && recorded.value.is_finite());
        }
        for at in 0..self.recorded.len() {
            let Some(recorded) = self.recorded.get(at).copied() else { continue };
            let value = match self.follows.get(at).copied().unwrap_or(Follows::Nothing) {
                Follows::Nothing => recorded.simulated,
                Follows::Replicas => match self.policy.metrics.get(at).and_then(|m| m.saturation) {
                    Some(most) => cap(recorded.simulated, most),
                    None => recorded.simulated,
                },
                Follows::Latency { load, scale } => self.latency(recorded.value, load, scale),
                Follows::Queue { arrivals, capacity } => self.queue(now, at, arrivals, capacity),
            };
            let passes = self.kind == Loop::Open && !surge;
            let samples =
                self.cursors.get(at).and_then(Option::as_ref).filter(|_| passes).and_then(replicas_of);
            let Some(reading) = input.metrics.get_mut(at) else { continue };
            *reading = match samples {
                Some((samples, time)) if recorded.at == time => {
                    Reading::Replicas { samples: samples.to_vec(), at: time }
                }
                _ if value.is_finite() => Reading::Value { value, at: recorded.at },
                _ => Reading::Missing,
            };
            if let Some(valued) = self.valued.get_mut(at) {
                *valued |= match reading {
                    Reading::Missing => false,
                    Reading::Value { .. } => true,
                    Reading::Replicas { samples, .. } => samples.iter().any(|s| s.value.is_some()),
                };
            }
        }
    }

    /// Names of the metrics without a value at any tick. Of a run that `ended` before its samples did, those
    /// that have no samples: the others may have had a value later.
    pub fn never(&self, ended: bool) -> Vec<String> {
        let metrics = self.policy.metrics.iter().zip(&self.valued).zip(&self.cursors);
        metrics
            .filter(|((_, valued), cursor)| !**valued && (!ended || cursor.is_none()))
            .map(|((metric, _), _)| metric.name.value.clone())
            .collect()
    }

    /// `value x (1 - u_recorded) / (1 - u_simulated)`: the growth of waiting time in an M/M/1 queue.
    fn latency(&self, value: f64, load: usize, scale: f64) -> f64 {
        let Some(load) = self.recorded.get(load) else { return f64::NAN };
        // `clamp` keeps NaN: without utilization there is no latency either.
        let utilized = |v: f64| (v * scale).clamp(0.0, MOST_UTILIZED);
        value * (1.0 - utilized(load.value)) / (1.0 - utilized(load.simulated))
    }

    /// `max(0, q + (arrivals - ready x capacity) x dt)`, from what was recorded at first.
    fn queue(&mut self, now: Time, at: usize, arrivals: usize, capacity: f64) -> f64 {
        let recorded = self.recorded.get(at).map_or(f64::NAN, |r| r.value);
        let arriving = self.recorded.get(arrivals).map_or(f64::NAN, |r| r.simulated);
        let has_series = self.cursors.get(at).is_some_and(Option::is_some);
        let Some(queue) = self.queues.get_mut(at) else { return f64::NAN };
        let length = match (*queue, &self.last) {
            (Some(length), Some(before)) => {
                let seconds = now.since(before.time).seconds();
                let grown = (length + (arriving - f64::from(before.ready) * capacity) * seconds).max(0.0);
                // While arrivals are missing the queue stays: nothing is known of it.
                if arriving.is_finite() { grown } else { length }
            }
            _ if recorded.is_finite() => recorded,
            _ if !has_series => 0.0,
            _ => return f64::NAN,
        };
        *queue = Some(length);
        // Where the recording says that there was no value, the policy saw none.
        let known = arriving.is_finite() && (recorded.is_finite() || !has_series);
        if known { length } else { f64::NAN }
    }

    /// Whether load was more than the ready replicas take. Where none was recorded as ready, what a replica
    /// takes was not measured: a value that still stands there is an old one.
    fn under(&self, recorded_ready: u32, ready: u32) -> Option<bool> {
        let mut under = None;
        for ((metric, recorded), capacity) in
            self.policy.metrics.iter().zip(&self.recorded).zip(&self.capacity)
        {
            let over = match (metric.per, metric.saturation, capacity) {
                (Some(Per::Replica), ..) if recorded_ready == 0 => continue,
                (Some(Per::Replica), Some(most), _) if recorded.simulated.is_finite() => {
                    recorded.simulated > most
                }
                // A load that nobody takes.
                (Some(Per::Replica), Some(_), _) if ready == 0 && recorded.value > 0.0 => true,
                (Some(Per::Total), _, Some(capacity)) if recorded.value.is_finite() => {
                    recorded.value > f64::from(ready) * capacity
                }
                _ => continue,
            };
            under = Some(under.unwrap_or(false) || over);
        }
        under
    }
}

/// `f64::min` would turn NaN into the cap.
fn cap(value: f64, most: f64) -> f64 {
    if value > most { most } else { value }
}

/// Recorded over simulated ready replicas; `None` where either is 0.
fn share(recorded: u32, simulated: u32) -> Option<f64> {
    (recorded > 0 && simulated > 0).then(|| f64::from(recorded) / f64::from(simulated))
}

fn replicas_of<'a>(cursor: &Cursor<'a>) -> Option<(&'a [ReplicaSample], Time)> {
    match &cursor.series.values {
        Values::Replicas(track) => {
            Some((track.values.get(cursor.at)?.as_slice(), *track.times.get(cursor.at)?))
        }
        Values::Scalar(_) => None,
    }
}

/// One number for the samples of replicas: values over requests where all that count have one, else
/// their average; NaN where none counts.
fn average(samples: &[ReplicaSample]) -> f64 {
    let (mut sum, mut requests, mut count, mut all) = (0.0, 0.0, 0u32, true);
    for sample in samples {
        let Some(value) = sample.value.filter(|_| sample.phase == Phase::Running && !sample.deleting) else {
            continue;
        };
        sum += value;
        requests += sample.request.unwrap_or(0.0);
        all &= sample.request.is_some_and(|r| r > 0.0);
        count += 1;
    }
    match count {
        0 => f64::NAN,
        _ if all => sum / requests,
        _ => sum / f64::from(count),
    }
}

/// How a metric follows the replicas in a closed loop.
fn follows(policy: &Policy, at: usize) -> Follows {
    let Some(metric) = policy.metrics.get(at) else { return Follows::Nothing };
    match (metric.models, metric.per) {
        (Some(Model::Latency { load }), _) => {
            let percent = policy.metrics.get(load).is_some_and(|m| m.unit == Some(Unit::Percent));
            Follows::Latency { load, scale: if percent { 0.01 } else { 1.0 } }
        }
        (Some(Model::Queue { arrivals }), _) => match capacity(policy, arrivals) {
            Some(capacity) => Follows::Queue { arrivals, capacity },
            None => Follows::Nothing,
        },
        (None, Some(Per::Replica)) => Follows::Replicas,
        (None, _) => Follows::Nothing,
    }
}

/// Units of a total metric that one replica serves: its capacity, or what `predict` says of it.
pub(super) fn capacity(policy: &Policy, at: usize) -> Option<f64> {
    let metric = policy.metrics.get(at)?;
    let predicted = policy.predict.as_ref().filter(|p| p.metric == at).map(|p| p.per_replica);
    metric.capacity.or(predicted).filter(|_| metric.per == Some(Per::Total))
}

/// The series that a run reads, one a metric.
pub(super) fn series<'a>(policy: &Policy, samples: &'a Samples) -> Vec<Option<&'a Series>> {
    let region = region(policy, samples);
    let of = |metric: &Metric, region: &Option<String>| {
        samples.series.iter().find(|s| s.metric == metric.name.value && s.region == *region)
    };
    policy.metrics.iter().map(|m| of(m, &region).or_else(|| of(m, &None))).collect()
}

/// The region whose series are read: none, the policy's first, or the first by name.
pub(super) fn region(policy: &Policy, samples: &Samples) -> Option<String> {
    let declared = policy.regions.as_ref().and_then(|r| r.regions.first()).map(|r| r.name.clone());
    let has = |region: &Option<String>| samples.series.iter().any(|s| s.region == *region);
    if declared.is_some() && has(&declared) {
        return declared;
    }
    samples.series.first().and_then(|s| s.region.clone())
}
