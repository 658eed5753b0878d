//! What is said of a run whatever the format: the verdict, the figures, the load, the reason
//! of an event. May import: `model`, `decide`, `sim`.

use super::Pair;
use super::numbers::{self, count, number, rough};
use super::paint::{Tone, clean, cut};
use crate::decide::reason;
use crate::model::decision::Why;
use crate::model::{EventKind, Form, Per, Policy, Time};
use crate::sim::trace::{Failed, Happened, Loop, Run};
use std::collections::HashMap;

/// A piece of a verdict and how it is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// A few words.
    pub text: String,
    /// Whether they are good news.
    pub tone: Tone,
}

fn piece(tone: Tone, text: impl Into<String>) -> Piece {
    Piece { text: text.into(), tone }
}

/// Whether a run judges its policy; one without a tick does not. Without samples there is one tick that has no metrics, at no
/// time of its own: it shows that the code runs, and nothing else.
pub fn judged(run: &Run) -> bool {
    let bare = run.samples.is_empty() && run.ticks.len() == 1 && run.score.replica_hours.is_none();
    !run.ticks.is_empty() && !bare
}

/// When a tick was: `2024-11-29 18:31:00 UTC`, or that it is the one tick of a run without samples.
pub fn moment(run: &Run, time: Time) -> String {
    if judged(run) { format!("{} UTC", numbers::Clock::Full.show(time)) } else { "its one tick".into() }
}

/// The most important facts of a run, most important first: what failed, how often it scaled,
/// the peak against the ceiling, the time under-provisioned, flaps. A run that judges nothing
/// says so first.
pub fn verdict((policy, run): Pair<'_>) -> Vec<Piece> {
    let mut out = Vec::new();
    if run.ended.is_some() {
        out.push(piece(Tone::Bad, "ended early"));
    }
    if run.ticks.is_empty() {
        out.push(piece(Tone::Warn, "no tick was run"));
        return out;
    }
    let judged = judged(run);
    if !judged {
        out.push(piece(Tone::Dim, "not judged: no samples"));
    }
    // What an open loop decides is carried out by nobody.
    let would = if run.kind == Loop::Open { "would have " } else { "" };
    let tone = if judged { Tone::Strong } else { Tone::Dim };
    out.push(piece(
        tone,
        match scalings(run) {
            0 => "never scaled".into(),
            1 => format!("{would}scaled once"),
            n => format!("{would}scaled {} times", numbers::thousands(&n.to_string())),
        },
    ));
    if !judged {
        faults(&mut out, run);
        return out;
    }
    if let Some(text) = without_value(run) {
        out.push(piece(Tone::Bad, text));
    }
    let peak = run.score.peak.unwrap_or_else(|| run.ticks.iter().map(|t| t.desired).max().unwrap_or(0));
    let max = run.ticks.iter().map(|t| t.bounds.max).max().unwrap_or(policy.replicas.max.value);
    let tone = if run.score.minutes_at_max.is_some_and(|m| m > 0.0) { Tone::Warn } else { Tone::Plain };
    let of = if max < NO_CEILING { format!(" of {max}") } else { String::new() };
    out.push(piece(tone, format!("peak {peak}{of}")));
    match run.score.under_provisioned_minutes {
        // Nothing is measured over one tick, whatever the policy declares.
        None if run.ticks.len() < 2 => {}
        None => out.push(piece(Tone::Dim, "under-provisioning not measured")),
        Some(m) if m > 0.0 => {
            out.push(piece(Tone::Bad, format!("under-provisioned for {}", numbers::minutes(m))));
        }
        Some(_) => out.push(piece(Tone::Good, "never under-provisioned")),
    }
    match run.score.flaps {
        None => {}
        Some(0) => out.push(piece(Tone::Good, "no flaps")),
        Some(n) => out.push(piece(Tone::Warn, count(n.into(), "flap"))),
    }
    faults(&mut out, run);
    out
}

/// `mem never had a value`: what reads it was not put to the test.
fn without_value(run: &Run) -> Option<String> {
    let name = |name: &String| cut(&clean(name), 16, "...");
    match run.never.as_slice() {
        [] => None,
        [one] => Some(format!("{} never had a value", name(one))),
        many => Some(format!("{} never had a value", count(many.len() as u64, "metric"))),
    }
}

fn faults(out: &mut Vec<Piece>, run: &Run) {
    if !run.faults.is_empty() {
        out.push(piece(Tone::Bad, count(run.faults.len() as u64, "fault")));
    }
}

/// How a run stands: bad, not judged (dim), worth a look, or good.
pub fn standing(pair: Pair<'_>) -> Tone {
    let verdict = verdict(pair);
    let has = |tone| verdict.iter().any(|p| p.tone == tone);
    match () {
        () if has(Tone::Bad) => Tone::Bad,
        () if !judged(pair.1) => Tone::Dim,
        () if has(Tone::Warn) => Tone::Warn,
        () => Tone::Good,
    }
}

/// How many of several runs have a problem, and how many judge nothing, in words for a heading.
pub fn tally(pairs: &[Pair<'_>]) -> (Option<String>, Option<String>) {
    let with = |tone| pairs.iter().filter(|p| standing(**p) == tone).count();
    let told = |n: usize, all: &str, some: &str| match n {
        0 => None,
        n if n == pairs.len() => Some(all.to_owned()),
        n => Some(format!("{n} {some}")),
    };
    (
        told(with(Tone::Bad), "none without a problem", "with a problem"),
        told(with(Tone::Dim), "none judged", "not judged"),
    )
}

/// The name of each run's policy; where several runs have one policy, with the recording.
pub fn titles(pairs: &[Pair<'_>]) -> Vec<String> {
    let name = |pair: &Pair<'_>| pair.0.name.value.clone();
    let mut times: HashMap<String, usize> = HashMap::new();
    for pair in pairs {
        *times.entry(name(pair)).or_default() += 1;
    }
    let title = |pair: &Pair<'_>| match (recording(pair.1), times.get(&name(pair))) {
        (Some(recording), Some(2..)) => format!("{} on {recording}", name(pair)),
        _ => name(pair),
    };
    pairs.iter().map(title).collect()
}

/// A max of this or more is that of a policy that names none.
const NO_CEILING: u32 = 1_000_000;

/// How many ticks changed the wanted count.
pub fn scalings(run: &Run) -> u64 {
    let counted = || run.events.iter().filter(|e| is_scaling(e.event.kind)).count() as u64;
    run.score.scaling_events.map_or_else(counted, u64::from)
}

/// Whether an event changes the count.
pub fn is_scaling(kind: EventKind) -> bool {
    matches!(kind, EventKind::ScaleIn | EventKind::ScaleOut)
}

/// Where the recording came from: `samples/day.csv`, or the first of several and their number.
/// `None` where there was none.
pub fn recording(run: &Run) -> Option<String> {
    let first = run.samples.first()?;
    match run.samples.len() {
        1 => Some(first.clone()),
        n => Some(format!("{first} and {}", count(n as u64 - 1, "other file"))),
    }
}

/// `2024-11-29 00:00:00 – 2024-11-30 00:00:00 UTC (1d), 5,760 ticks of 15s, closed loop`.
pub fn extent((policy, run): Pair<'_>, dash: &str) -> String {
    let kind = match run.kind {
        Loop::Open => "open loop",
        Loop::Closed => "closed loop",
    };
    let ticks = count(run.ticks.len() as u64, "tick");
    match (run.ticks.first(), run.ticks.last()) {
        (Some(first), Some(last)) if run.ticks.len() > 1 => {
            let clock = numbers::Clock::Full;
            let day = numbers::Clock::between(first.time, last.time) == numbers::Clock::Day;
            let end = if day { numbers::Clock::Day } else { clock };
            let length = rough(last.time.since(first.time));
            format!(
                "{} {dash} {} UTC ({length}), {ticks} of {}, {kind}",
                clock.show(first.time),
                end.show(last.time),
                policy.interval
            )
        }
        (Some(_), _) if run.samples.is_empty() => format!("{ticks}, no samples"),
        (Some(only), _) => format!("{} UTC, {ticks}, {kind}", numbers::Clock::Full.show(only.time)),
        _ => ticks,
    }
}

/// Whether any figure was measured; over one tick none is.
pub fn measured(run: &Run) -> bool {
    let score = &run.score;
    run.ticks.len() > 1 || score.replica_hours.is_some() || score.scaling_events.is_some()
}

/// One figure of the score.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Figure {
    /// Key in JSON.
    pub key: &'static str,
    /// Name for people.
    pub label: &'static str,
    /// Value with its unit, or `not measured`.
    pub value: String,
    /// How good it is.
    pub tone: Tone,
    /// Why it was not measured.
    pub note: Option<String>,
}

/// The score, in its fixed order; cost only where the policy names a price.
pub fn figures((policy, run): Pair<'_>) -> Vec<Figure> {
    let score = &run.score;
    let figure = |key, label, value: Option<String>, tone| {
        let measured = value.is_some();
        Figure {
            key,
            label,
            value: value.unwrap_or_else(|| "not measured".into()),
            tone: if measured { tone } else { Tone::Dim },
            note: None,
        }
    };
    let warn = |bad: bool, tone: Tone| if bad { tone } else { Tone::Plain };
    let some = |n: Option<f64>| n.unwrap_or(0.0) > 0.0;
    let mut out = vec![
        figure("replica_hours", "replica-hours", score.replica_hours.map(number), Tone::Plain),
        figure(
            "under_provisioned_minutes",
            "under-provisioned",
            score.under_provisioned_minutes.map(numbers::minutes),
            if some(score.under_provisioned_minutes) { Tone::Bad } else { Tone::Good },
        ),
        figure(
            "scaling_events",
            "scaling events",
            score.scaling_events.map(|n| numbers::thousands(&n.to_string())),
            Tone::Plain,
        ),
        figure(
            "flaps",
            "flaps",
            score.flaps.map(|n| numbers::thousands(&n.to_string())),
            if score.flaps.unwrap_or(0) > 0 { Tone::Warn } else { Tone::Good },
        ),
        figure("peak", "peak replicas", score.peak.map(|n| n.to_string()), Tone::Plain),
        figure(
            "minutes_at_max",
            "time at max",
            score.minutes_at_max.map(numbers::minutes),
            warn(some(score.minutes_at_max), Tone::Warn),
        ),
    ];
    if let Some(under) = out.iter_mut().find(|f| f.key == "under_provisioned_minutes")
        && score.under_provisioned_minutes.is_none()
    {
        under.note = Some("no metric declares a saturation or a capacity".into());
    }
    if policy.cost.is_some() || score.cost.is_some() {
        let currency = score.currency.as_deref().unwrap_or_default();
        let text = score.cost.map(|c| format!("{} {}", numbers::thousands(&format!("{c:.2}")), currency));
        out.push(figure("cost", "cost", text.map(|t| t.trim().to_owned()), Tone::Plain));
    }
    out
}

/// Index of the metric that says most about the load: demand, then what is tracked, then what
/// other metrics are modelled on, then the first with any value.
pub fn load_metric(policy: &Policy, run: &Run) -> Option<usize> {
    let demand = policy.metrics.iter().position(|m| m.per == Some(Per::Total) && m.capacity.is_some());
    let total = policy.metrics.iter().position(|m| m.per == Some(Per::Total));
    let forecast = policy.predict.as_ref().map(|p| p.metric);
    let tracked = policy.track.first().map(|t| t.metric);
    let replica = policy.metrics.iter().position(|m| m.per == Some(Per::Replica));
    [forecast, demand, tracked, total, replica]
        .into_iter()
        .flatten()
        .find(|m| seen(run, *m))
        .or_else(|| (0..run.metrics.len()).find(|m| seen(run, *m)))
}

/// Whether a metric has a value at any tick.
fn seen(run: &Run, metric: usize) -> bool {
    let width = run.metrics.len();
    metric < width && run.values.iter().skip(metric).step_by(width).any(|v| v.is_finite())
}

/// Why an event happened: the step that decided it and, where a later one had the last word on
/// the count, that one too.
pub fn why((policy, run): Pair<'_>, happened: &Happened) -> String {
    let steps = run.steps_of(happened.tick as usize);
    let event = &happened.event;
    let decided = event.step.map(usize::from).filter(|at| *at < steps.len());
    let last = || steps.iter().rposition(|s| s.input != s.output && s.output == event.to);
    let (first, then) = match (decided, event.metric) {
        (Some(at), _) => {
            let short = is_scaling(event.kind) && steps.get(at).is_some_and(|s| s.output != event.to);
            (at, last().filter(|last| short && *last > at))
        }
        (None, Some(metric)) if event.kind == EventKind::MetricsLost => {
            let name = run.metrics.get(usize::from(metric)).map_or("a metric", String::as_str);
            return format!("{name} has no value");
        }
        (None, _) => match last() {
            Some(at) => (at, None),
            None => return String::new(),
        },
    };
    let words = |at: usize| steps.get(at).map(|step| reason::words(policy, step));
    let told: Vec<String> = [Some(first), then].into_iter().flatten().filter_map(words).collect();
    told.join("; ")
}

/// Tick at or before an instant; the first for one before the run, `None` for an empty run.
pub fn tick_at(run: &Run, time: Time) -> Option<usize> {
    if run.ticks.is_empty() {
        return None;
    }
    Some(run.ticks.partition_point(|t| t.time <= time).saturating_sub(1))
}

/// The reasons why a run never changed its count, most important first: functions that failed,
/// then what of a script is known, then what kept the ticks (`most` of the reasons).
pub fn why_nothing(pair: Pair<'_>, most: usize) -> Vec<String> {
    let run = pair.1;
    let mut out = failures(pair);
    match silent_script(pair) {
        Some(_) if !out.is_empty() => out.extend(run.notes.iter().cloned()),
        Some(silent) => {
            out.push(silent);
            out.extend(run.notes.iter().cloned());
        }
        None => out.extend(super::kept::summary(pair, most)),
    }
    out
}

/// The functions that failed, at most three of them.
pub fn failures((policy, run): Pair<'_>) -> Vec<String> {
    run.faults.iter().take(3).map(|f| failed(policy, run, f)).collect()
}

/// `rule "spin" failed at every tick: attempt to index nil (policies/api.lua:4)`.
fn failed(policy: &Policy, run: &Run, failed: &Failed) -> String {
    let fault = &failed.fault;
    let rule = policy.scale_out.iter().chain(&policy.scale_in).any(|r| r.name == fault.function);
    let who = if rule { format!("rule \"{}\"", fault.function) } else { fault.function.clone() };
    let when = match (run.ticks.len(), failed.times as usize) {
        (0 | 1, _) => String::new(),
        (all, times) if times >= all => " at every tick".into(),
        (all, times) => format!(" at {times} of {}", count(all as u64, "tick")),
    };
    let place = match (fault.source.is_empty(), fault.line) {
        (true, _) => String::new(),
        (false, 0) => format!(" ({})", fault.source),
        (false, line) => format!(" ({}:{line})", fault.source),
    };
    format!("{who} failed{when}: {}{place}", fault.message)
}

/// What to say where a script never asked for anything: of a script that could not be told, that
/// it was so, since nobody knows what it would have asked for.
pub fn silent_script((policy, run): Pair<'_>) -> Option<String> {
    let never = run.ticks.iter().all(|t| t.proposed == t.current) && run.events.is_empty();
    if policy.form != Form::Script || !never || run.ticks.is_empty() {
        return None;
    }
    let all = run.ticks.len();
    let is_unknown =
        |tick: &usize| run.steps_of(*tick).iter().any(|s| matches!(s.why, Why::ProposedUnknown { .. }));
    let unknown = (0..all).filter(is_unknown).count();
    let ran = format!("The script ran at {}", count(all as u64, "tick"));
    let missing: Vec<&str> = (0..run.metrics.len())
        .filter(|m| !seen(run, *m))
        .filter_map(|m| run.metrics.get(m).map(String::as_str))
        .collect();
    let why = match missing.as_slice() {
        [] => "something that it reads has no value".into(),
        [one] => format!("{one}, which it may read, has no value"),
        many => format!("{}, which it may read, have no value", many.join(", ")),
    };
    Some(match unknown {
        0 => format!(
            "{ran} and asked the engine for no change: no scale_out, scale_in or set_replicas reached it"
        ),
        1 if all == 1 => format!("{ran}, and what it wants is unknown: {why}"),
        n if n == all => format!("{ran}, and what it wants is unknown at each of them: {why}"),
        n => format!(
            "{ran}. At {n} of them what it wants is unknown, since something that it reads has no value; at the others it asked the engine for no change"
        ),
    })
}
