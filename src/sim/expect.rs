//! Expectations: what a test says of a run, and whether it holds.
//!
//! May import: `text`, `model`, `yaml`, `decide`, siblings.

use super::samples::{duration, instant};
use super::trace::Run;
use crate::decide::reason;
use crate::model::{Duration, EventKind, Policy, Time};
use crate::text::Span;
use crate::yaml::{Node, Reader, Yaml};
use serde::{Deserialize, Serialize};

/// One thing expected of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expectation {
    /// The instant, or the first of a range.
    pub from: Time,
    /// The last instant of a range; `None`: an instant, which means the tick at or before it.
    pub until: Option<Time>,
    /// What is expected.
    pub what: Expected,
    /// Where it is written.
    pub span: Span,
}

/// What is expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Expected {
    /// The count decided at the tick, or at every tick of the range, is within these, both inside.
    Replicas {
        /// Least.
        min: u32,
        /// Most.
        max: u32,
    },
    /// The event happens at the tick, or at least once in the range.
    Event(EventKind),
    /// The event, or any where none is named, does not happen.
    NoEvent(Option<EventKind>),
}

impl std::fmt::Display for Expected {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match *self {
            Expected::Replicas { min, max } if min == max => write!(f, "replicas {min}"),
            Expected::Replicas { min, max: u32::MAX } => write!(f, "replicas {min} or more"),
            Expected::Replicas { min: 0, max } => write!(f, "replicas {max} or fewer"),
            Expected::Replicas { min, max } => write!(f, "replicas {min}..{max}"),
            Expected::Event(kind) => write!(f, "event {}", kind.name()),
            Expected::NoEvent(Some(kind)) => write!(f, "no event {}", kind.name()),
            Expected::NoEvent(None) => f.write_str("no event"),
        }
    }
}

/// Whether an expectation holds, and what to print where it does not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// What was expected, with its place.
    pub expectation: Expectation,
    /// Whether it holds.
    pub holds: bool,
    /// The tick that tells, by its index: the first that fails; of what holds, the last looked at.
    pub tick: Option<u32>,
    /// Its time; of an expectation outside the run, the time expected.
    pub time: Time,
    /// What was expected, in words: `replicas 3..5`.
    pub expected: String,
    /// What was there, in the same words.
    pub got: String,
    /// Why the tick decided as it did, a sentence a step; empty where it holds.
    pub reasons: Vec<String>,
}

/// Holds the expectations against a run.
pub fn evaluate(policy: &Policy, run: &Run, expectations: &[Expectation]) -> Vec<Outcome> {
    expectations.iter().map(|expectation| outcome(policy, run, expectation)).collect()
}

fn outcome(policy: &Policy, run: &Run, expectation: &Expectation) -> Outcome {
    let mut outcome = Outcome {
        expectation: expectation.clone(),
        holds: false,
        tick: None,
        time: expectation.from,
        expected: expectation.what.to_string(),
        got: String::new(),
        reasons: Vec::new(),
    };
    let ticks = ticks(policy, run, expectation);
    let (Some(first), Some(last)) = (ticks.first(), ticks.last()) else {
        outcome.got = match (run.ticks.first(), run.ticks.last()) {
            (Some(first), Some(last)) => {
                format!("no tick: the run goes from {} to {}", first.time, last.time)
            }
            _ => "no tick: the run has none".into(),
        };
        return outcome;
    };
    let happened = |kind: Option<EventKind>| {
        let within = move |tick: u32| (*first..=*last).contains(&tick);
        run.events.iter().find(move |e| within(e.tick) && kind.is_none_or(|k| k == e.event.kind))
    };
    let desired = |tick: u32| run.ticks.get(tick as usize).map_or(0, |t| t.desired);
    let (tick, holds, got) = match expectation.what {
        Expected::Replicas { min, max } => {
            match ticks.iter().find(|tick| !(min..=max).contains(&desired(**tick))) {
                Some(tick) => (*tick, false, format!("replicas {}", desired(*tick))),
                None => (*last, true, format!("replicas {}", desired(*last))),
            }
        }
        Expected::Event(kind) => match happened(Some(kind)) {
            Some(event) => (event.tick, true, format!("event {}", kind.name())),
            None => {
                let others = happened(None)
                    .map_or_else(|| "no event".into(), |e| format!("event {}", e.event.kind.name()));
                (*last, false, format!("{others}, replicas {}", desired(*last)))
            }
        },
        Expected::NoEvent(kind) => match happened(kind) {
            Some(event) => (event.tick, false, format!("event {}", event.event.kind.name())),
            None => (*last, true, "no event".into()),
        },
    };
    outcome.holds = holds;
    outcome.tick = Some(tick);
    outcome.time = run.ticks.get(tick as usize).map_or(expectation.from, |t| t.time);
    outcome.got = got;
    if !holds {
        outcome.reasons =
            run.steps_of(tick as usize).iter().map(|step| reason::words(policy, step)).collect();
    }
    outcome
}

/// The ticks that an expectation is about: those of its range, or the one at or before its instant.
fn ticks(policy: &Policy, run: &Run, expectation: &Expectation) -> Vec<u32> {
    let until = expectation.until.unwrap_or(expectation.from);
    let end = run.ticks.partition_point(|t| t.time <= until);
    let start = match expectation.until {
        Some(_) => run.ticks.partition_point(|t| t.time < expectation.from),
        None => end.saturating_sub(1),
    };
    // The last tick stands for the time until the next, which the run did not see.
    let beyond = run.ticks.last().is_none_or(|t| until >= t.time + policy.interval);
    if beyond { Vec::new() } else { (start as u32..end as u32).collect() }
}

/// Reads one entry of `expect`; it may expect several things of the same time.
pub(super) fn read(
    reader: &mut Reader<'_>,
    node: &Node,
    what: &str,
    start: Time,
    out: &mut Vec<Expectation>,
) {
    let before = reader.findings.len();
    let entries = reader.map(node, what, &["at", "replicas", "event", "no_event"]);
    let Some(at) = reader.required(node, what, "at", "at: 5m") else { return };
    let Some((from, until)) = range(reader, at, &format!("{what}.at"), start) else { return };
    let mut expected = Vec::new();
    for (key, value) in entries {
        let name = format!("{what}.{}", key.value);
        match key.value.as_str() {
            "replicas" => expected.extend(replicas(reader, value, &name)),
            "event" => match event(reader, value, &name) {
                Some(Some(kind)) => expected.push(Expected::Event(kind)),
                Some(None) => expected.push(Expected::NoEvent(None)),
                None => {}
            },
            "no_event" => expected.extend(event(reader, value, &name).map(Expected::NoEvent)),
            _ => {}
        }
    }
    if expected.is_empty() && reader.findings.len() == before {
        let help = "write what is expected: { at: 5m, replicas: 3 } or { at: 5m, event: scale_out }";
        reader.report("missing-field", format!("`{what}` expects nothing"), node.span, help);
    }
    out.extend(expected.into_iter().map(|what| Expectation { from, until, what, span: node.span }));
}

/// `5m`, `5m..10m`, a time, or two with `..` between them.
fn range(reader: &mut Reader<'_>, node: &Node, what: &str, start: Time) -> Option<(Time, Option<Time>)> {
    let Yaml::Text(text) = &node.value else {
        return Some((start + duration(reader, node, what)?, None));
    };
    let mut point = |text: &str| {
        let node = Node { value: Yaml::Text(text.trim().to_string()), span: node.span };
        if text.trim().contains([':', '-']) {
            instant(reader, &node, what)
        } else {
            duration(reader, &node, what).map(|d: Duration| start + d)
        }
    };
    let Some((from, until)) = text.split_once("..") else { return Some((point(text)?, None)) };
    let (from, until) = (point(from)?, point(until)?);
    if until < from {
        reader.report("bad-value", format!("`{what}` ends before it begins"), node.span, "write 5m..10m");
        return None;
    }
    Some((from, Some(until)))
}

/// `3`, `3..8`, `3..`, `..8`.
fn replicas(reader: &mut Reader<'_>, node: &Node, what: &str) -> Option<Expected> {
    if let Yaml::Number(_) = node.value {
        let count = reader.whole(node, what, 0..=u32::MAX)?;
        return Some(Expected::Replicas { min: count, max: count });
    }
    let Yaml::Text(text) = &node.value else {
        reader.wrong(node, what, "a number or a range such as 3..8");
        return None;
    };
    let side =
        |text: &str, open: u32| if text.trim().is_empty() { Some(open) } else { text.trim().parse().ok() };
    let bounds = text.split_once("..").filter(|(a, b)| !a.trim().is_empty() || !b.trim().is_empty());
    let bounds = bounds.and_then(|(min, max)| Some((side(min, 0)?, side(max, u32::MAX)?)));
    match bounds {
        Some((min, max)) if min <= max => Some(Expected::Replicas { min, max }),
        _ => {
            let message = format!("`{what}` cannot be `{text}`");
            reader.report("bad-value", message, node.span, "write 3, 3..8, 3.. (or more) or ..8 (or fewer)");
            None
        }
    }
}

/// The name of an event; `none` is any.
fn event(reader: &mut Reader<'_>, node: &Node, what: &str) -> Option<Option<EventKind>> {
    let mut known: Vec<&str> = EventKind::ALL.iter().map(|kind| kind.name()).collect();
    known.push("none");
    let word = reader.choice(node, what, &known)?;
    Some(EventKind::ALL.into_iter().find(|kind| kind.name() == word.value))
}
