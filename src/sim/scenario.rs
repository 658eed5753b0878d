//! Scenarios: what goes wrong on purpose. Each is deterministic and says what it did, and when.
//!
//! May import: `model`, siblings. `gap`, `dropout`, `zero` and `nan` change what the policy reads;
//! the load is still there. `spike` changes the load, `surge` and `none-ready` the replicas,
//! `restart` the state, `dst` the date.

use super::many;
use super::series::{Samples, Track, Values};
use super::world::Disturbance;
use crate::model::finding::did_you_mean;
use crate::model::{Decision, Duration, Policy, Reading, State, Time};
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// Share of replicas that a rollout adds: the default `maxSurge` of a Kubernetes Deployment.
const SURGE: f64 = 0.25;
/// How much more load a spike is.
const SPIKE: f64 = 3.0;
/// How long windows last.
const WINDOW: Duration = Duration::from_secs(600);
/// How long a spike lasts.
const SPIKE_FOR: Duration = Duration::from_secs(300);
/// The zone where no schedule names one.
const ZONE: &str = "Europe/Paris";

/// What is done to a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Scenario {
    /// No metric has a value for a while in the middle.
    Gap,
    /// One metric has none.
    Dropout(String),
    /// All metrics read 0.
    Zero,
    /// Every second reading of all metrics is NaN.
    Nan,
    /// The process ends in the middle and its state is rebuilt.
    Restart,
    /// A rollout adds replicas.
    Surge,
    /// No replica takes load.
    NoneReady,
    /// Load trebles just after the first change, inside its cooldown.
    Spike,
    /// The recording is moved onto a day on which clocks change: to summer time, or back.
    Dst {
        /// Back from summer time.
        back: bool,
    },
}

/// Names of the scenarios, as an option takes them.
const NAMES: [&str; 10] =
    ["gap", "dropout", "zero", "nan", "restart", "surge", "none-ready", "spike", "dst", "dst=back"];

impl Scenario {
    /// Reads `gap`, `dropout=METRIC`, `zero`, `nan`, `restart`, `surge`, `none-ready`, `spike`,
    /// `dst` or `dst=back`.
    ///
    /// # Errors
    /// A sentence that says what is wrong and what there is.
    pub fn parse(text: &str) -> Result<Scenario, String> {
        let (name, value) = text.split_once('=').map_or((text, None), |(n, v)| (n.trim(), Some(v.trim())));
        let scenario = match (name.trim(), value) {
            ("gap", None) => Scenario::Gap,
            ("dropout", Some(metric)) if !metric.is_empty() => Scenario::Dropout(metric.to_string()),
            ("dropout", _) => return Err("`dropout` needs a metric: dropout=cpu".into()),
            ("zero", None) => Scenario::Zero,
            ("nan", None) => Scenario::Nan,
            ("restart", None) => Scenario::Restart,
            ("surge", None) => Scenario::Surge,
            ("none-ready", None) => Scenario::NoneReady,
            ("spike", None) => Scenario::Spike,
            ("dst", None) => Scenario::Dst { back: false },
            ("dst", Some("back")) => Scenario::Dst { back: true },
            ("dst", Some(_)) => return Err(format!("`{text}`: dst is `dst` or `dst=back`")),
            (known, Some(_)) if NAMES.contains(&known) => {
                return Err(format!("`{known}` takes no value: write {known}"));
            }
            (unknown, _) => {
                let near = did_you_mean(unknown, NAMES);
                let near = near.map(|n| format!(" (did you mean `{n}`?)")).unwrap_or_default();
                return Err(format!(
                    "`{unknown}` is no scenario{near}; there are gap, dropout=METRIC, zero, nan, restart, surge, none-ready, spike, dst, dst=back"
                ));
            }
        };
        Ok(scenario)
    }

    /// Whether it can be done to a policy.
    ///
    /// # Errors
    /// A sentence that says which metric there is not.
    pub fn fits(&self, policy: &Policy) -> Result<(), String> {
        let Scenario::Dropout(metric) = self else { return Ok(()) };
        if policy.metric(metric).is_some() {
            return Ok(());
        }
        let names: Vec<&str> = policy.metrics.iter().map(|m| m.name.value.as_str()).collect();
        let help = match did_you_mean(metric, names.iter().copied()) {
            Some(near) => format!("did you mean dropout={near}?"),
            None => format!("its metrics are {}", names.join(", ")),
        };
        Err(format!("dropout={metric}: {} has no metric {metric}; {help}", policy.name.value))
    }
}

/// The scenarios of a run, by tick.
pub(super) struct Plan {
    /// Readings lost, by metric; all of them where `gap` is asked for.
    lost: Vec<bool>,
    zero: bool,
    nan: bool,
    surge: bool,
    none_ready: bool,
    restart: bool,
    spike: bool,
    asked: Vec<Scenario>,
    /// The ticks in the middle.
    window: Range<usize>,
    spike_ticks: usize,
    /// When the spike came, and whether a cooldown ran.
    spiked: Option<(Range<usize>, bool)>,
    restarted: Option<(bool, bool)>,
}

impl Plan {
    pub fn new(policy: &Policy, scenarios: &[Scenario], ticks: usize, _start: Time) -> Plan {
        let has = |s: &Scenario| scenarios.contains(s);
        // Long enough that a fallback would come.
        let fallback = policy.fallback.map_or(0, |f| f.after.0 + SPIKE_FOR.0);
        let length = ticks_of(Duration(WINDOW.0.max(fallback)), policy.interval);
        let middle = ticks / 2;
        let lost = policy
            .metrics
            .iter()
            .map(|m| has(&Scenario::Gap) || has(&Scenario::Dropout(m.name.value.clone())))
            .collect();
        Plan {
            lost,
            zero: has(&Scenario::Zero),
            nan: has(&Scenario::Nan),
            surge: has(&Scenario::Surge),
            none_ready: has(&Scenario::NoneReady),
            restart: has(&Scenario::Restart),
            spike: has(&Scenario::Spike),
            asked: scenarios.to_vec(),
            window: middle..middle.saturating_add(length).min(ticks),
            spike_ticks: ticks_of(SPIKE_FOR, policy.interval),
            spiked: None,
            restarted: None,
        }
    }

    /// What is done to load and replicas at a tick.
    pub fn disturbance(&self, tick: usize) -> Disturbance {
        let mut disturbance = Disturbance::default();
        if self.asked.is_empty() {
            return disturbance;
        }
        if self.window.contains(&tick) {
            disturbance.none_ready = self.none_ready;
            disturbance.surge = if self.surge { SURGE } else { 0.0 };
        }
        if self.spiked.as_ref().is_some_and(|(ticks, _)| ticks.contains(&tick)) {
            disturbance.load = SPIKE;
        }
        disturbance
    }

    /// What is done to the readings of a tick.
    pub fn readings(&self, tick: usize, metrics: &mut [Reading]) {
        if self.asked.is_empty() || !self.window.contains(&tick) {
            return;
        }
        let nan = self.nan && (tick - self.window.start).is_multiple_of(2);
        for (reading, lost) in metrics.iter_mut().zip(&self.lost) {
            if *lost || nan {
                *reading = Reading::Missing;
            } else if self.zero {
                match reading {
                    Reading::Missing => {}
                    Reading::Value { value, .. } => *value = 0.0,
                    Reading::Replicas { samples, .. } => {
                        samples.iter_mut().for_each(|s| s.value = s.value.map(|_| 0.0));
                    }
                }
            }
        }
    }

    /// Whether the process ends before this tick.
    pub fn restarts_at(&self, tick: usize) -> bool {
        self.restart && tick == self.window.start && tick > 0
    }

    /// Notes how the state came back: as written, and rebuilt by replaying.
    pub fn restarted(&mut self, saved: bool, rebuilt: bool) {
        self.restarted = Some((saved, rebuilt));
    }

    /// Takes a decision: the first change sets the spike off.
    pub fn decided(&mut self, tick: usize, current: u32, decision: &Decision, state: &State) {
        if !self.spike || self.spiked.is_some() || decision.to == current {
            return;
        }
        let cools = state.cooldown.is_some() || state.pending.is_some_and(|p| p.cooldown.is_some());
        self.spiked = Some((tick + 1..(tick + 1).saturating_add(self.spike_ticks), cools));
    }

    /// What was done, and when.
    pub fn notes(&self, policy: &Policy, start: Time, ticks: usize) -> Vec<String> {
        let time = |tick: usize| Time(start.0.saturating_add(policy.interval.0.saturating_mul(tick as i64)));
        let window = format!("from {} to {}", time(self.window.start), time(self.window.end));
        let mut notes = Vec::new();
        for scenario in &self.asked {
            notes.push(match scenario {
                Scenario::Gap => format!("scenario gap: no metric has a value {window}"),
                Scenario::Dropout(metric) if policy.metric(metric).is_some() => {
                    format!("scenario dropout: {metric} has no value {window}")
                }
                Scenario::Dropout(metric) => {
                    format!("scenario dropout: the policy has no metric {metric}; nothing was done")
                }
                Scenario::Zero => format!("scenario zero: every metric reads 0 {window}"),
                Scenario::Nan => format!("scenario nan: every second reading is NaN {window}"),
                Scenario::Surge => format!(
                    "scenario surge: a rollout runs {}% more ready replicas than wanted {window}",
                    SURGE * 100.0
                ),
                Scenario::NoneReady => format!("scenario none-ready: no replica is ready {window}"),
                Scenario::Restart => match self.restarted {
                    None => "scenario restart: the run is too short to end in the middle; nothing was done".into(),
                    Some((true, true)) => format!(
                        "scenario restart: before {} the state was written and read, and rebuilt by replaying; both are what it was",
                        time(self.window.start)
                    ),
                    Some((saved, _)) => format!(
                        "scenario restart: before {} the state {} differs from what it was: this is a fault of luascale, please report it",
                        time(self.window.start),
                        if saved { "rebuilt by replaying" } else { "written and read" }
                    ),
                },
                Scenario::Spike => match &self.spiked {
                    None => "scenario spike: nothing scaled, so there was no cooldown to put a spike into".into(),
                    Some((at, _)) if at.start >= ticks => {
                        "scenario spike: the only change came at the last tick; no spike was made".into()
                    }
                    Some((at, cools)) => format!(
                        "scenario spike: load is {SPIKE} times what was recorded from {} to {}, just after the first change{}",
                        time(at.start),
                        time(at.end.min(ticks)),
                        if *cools { ", inside its cooldown" } else { "; it began no cooldown of scale_out" }
                    ),
                },
                // Told where it was done.
                Scenario::Dst { .. } => continue,
            });
        }
        notes
    }
}

fn ticks_of(duration: Duration, interval: Duration) -> usize {
    let interval = interval.0.max(1);
    usize::try_from((duration.0 + interval - 1) / interval).unwrap_or(usize::MAX).max(1)
}

/// The recording on another date, where a scenario asks for it: moved by whole days, so that the day that
/// holds its middle is one on which clocks change in the zone of the policy's first schedule.
pub(super) fn moved(
    policy: &Policy,
    samples: &Samples,
    scenarios: &[Scenario],
    notes: &mut Vec<String>,
) -> Option<Samples> {
    const DAY: i64 = 86_400_000;
    let back = scenarios.iter().find_map(|s| match s {
        Scenario::Dst { back } => Some(*back),
        _ => None,
    })?;
    let name = policy.schedule.first().map_or(ZONE, |s| s.timezone.as_str());
    let times = || samples.series.iter().flat_map(|s| s.times().first().into_iter().chain(s.times().last()));
    let (Some(first), Some(last)) = (times().min(), times().max()) else {
        notes.push("scenario dst: there are no samples to move".into());
        return None;
    };
    let middle = Time(first.0 + last.since(*first).0 / 2);
    let change = TimeZone::get(name).ok().and_then(|zone| change(&zone, middle, back));
    let Some(change) = change else {
        notes.push(format!("scenario dst: clocks do not change in {name}; nothing was done"));
        return None;
    };
    let shift = (change.0.div_euclid(DAY) - middle.0.div_euclid(DAY)) * DAY;
    let by = Duration(shift);
    let mut samples = samples.clone();
    for series in &mut samples.series {
        match &mut series.values {
            Values::Scalar(track) => shift_times(track, by),
            Values::Replicas(track) => {
                shift_times(track, by);
                for sample in track.values.iter_mut().flatten() {
                    for time in [&mut sample.started, &mut sample.ready_changed, &mut sample.sampled] {
                        *time = time.map(|t| t + by);
                    }
                }
            }
        }
    }
    for track in [&mut samples.replicas, &mut samples.ready].into_iter().flatten() {
        shift_times(track, by);
    }
    let which = if back { "back from" } else { "to" };
    let zone =
        if policy.schedule.is_empty() { format!("{name} (no schedule names a zone)") } else { name.into() };
    notes.push(format!(
        "scenario dst: the recording was moved by {} onto the change {which} summer time at {change} in {zone}",
        many(usize::try_from(shift / DAY).unwrap_or_default(), "day")
    ));
    Some(samples)
}

fn shift_times<T>(track: &mut Track<T>, by: Duration) {
    track.times.iter_mut().for_each(|time| *time = *time + by);
}

/// The first change of the clocks after an instant, forward or back.
fn change(zone: &TimeZone, after: Time, back: bool) -> Option<Time> {
    let stamp = jiff::Timestamp::from_millisecond(after.0).ok()?;
    zone.following(stamp)
        // Rules change and are given up; a few years tell.
        .take(20)
        .find(|transition| {
            let at = transition.timestamp();
            let before = zone.to_offset(at - jiff::SignedDuration::from_secs(1));
            let forward = transition.offset() > before;
            forward != back && transition.offset() != before
        })
        .map(|transition| Time(transition.timestamp().as_millisecond()))
}
