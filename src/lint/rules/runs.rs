//! What a policy did on its recordings. May import: `model`, `sim`, `lint`'s own modules.

use super::dynamics::{conditioned, thresholds};
use crate::lint::intervals::figure;
use crate::lint::{RunView, Sink};
use crate::model::decision::Why;
use crate::model::{Duration, Policy, Rule, Time};
use crate::sim::trace::{Loop, Run, Tick};
use crate::text::{LineIndex, Span};

/// How long recordings must be, all in all, to say of a rule that it never fires.
const LONG_RUN: Duration = Duration::from_secs(24 * 3600);

/// How long something must last to be told.
const LASTING: Duration = Duration::from_secs(10 * 60);

/// Changes that turn round within this time are flaps, as a run's score has it.
const FLAP: Duration = Duration::from_secs(10 * 60);

/// So many flaps within [`FLAPPING_IN`] are flapping.
const FLAPS: usize = 3;

/// See [`FLAPS`].
const FLAPPING_IN: Duration = Duration::from_secs(3600);

/// The rules of a policy by their number in steps, with whether they add.
fn rules(policy: &Policy) -> impl Iterator<Item = (u16, &Rule)> {
    (0..).zip(policy.scale_out.iter().chain(&policy.scale_in))
}

/// The files of recordings in words: `a.csv`, `a.csv and 2 more`.
fn files(runs: &[&Run]) -> String {
    let mut names: Vec<&str> = runs.iter().flat_map(|run| &run.samples).map(String::as_str).collect();
    names.dedup();
    match names.as_slice() {
        [] => "the recording".into(),
        [one] => (*one).into(),
        [one, two] => format!("{one} and {two}"),
        [one, rest @ ..] => format!("{one} and {} more", rest.len()),
    }
}

/// How long runs are, all in all.
fn length(policy: &Policy, runs: &[Run]) -> Duration {
    let ticks: usize = runs.iter().map(|run| run.ticks.len()).sum();
    Duration(policy.interval.0.saturating_mul(i64::try_from(ticks).unwrap_or(i64::MAX)))
}

/// A time as days where it is days, and without seconds where it is hours.
fn span(length: Duration) -> String {
    const MINUTE: i64 = 60_000;
    const DAY: i64 = 24 * 60 * MINUTE;
    match length.0 {
        ms if (DAY..2 * DAY).contains(&ms) => "1 day".into(),
        ms if ms >= DAY => format!("{} days", ms / DAY),
        ms if ms >= 60 * MINUTE => Duration(ms - ms % MINUTE).to_string(),
        _ => length.to_string(),
    }
}

/// A rule that fires in none of the recordings.
pub(super) fn never_fired(view: &RunView<'_>, sink: &mut Sink<'_>) {
    let policy = view.policy.policy;
    let length = length(policy, view.runs);
    if length < LONG_RUN {
        return;
    }
    let all: Vec<&Run> = view.runs.iter().collect();
    for (number, rule) in rules(policy) {
        let (mut fired, mut told, mut waited) = (false, false, None);
        for step in view.runs.iter().flat_map(|run| &run.steps) {
            match step.why {
                Why::RuleFires { rule, .. } | Why::RuleOneSample { rule } if rule == number => fired = true,
                Why::RuleFalse { rule } if rule == number => told = true,
                Why::RuleWaiting { rule, for_ms, .. } if rule == number => {
                    told = true;
                    waited = waited.max(Some(for_ms));
                }
                _ => {}
            }
        }
        // Of a rule that could not be told at any tick, another rule speaks.
        if fired || !told {
            continue;
        }
        let mut message =
            format!("`{}` fires at no time in {} of recordings ({})", rule.name, span(length), files(&all));
        match waited {
            Some(for_ms) => message.push_str(&format!(
                ": its condition holds for {} at most, and must for {}",
                Duration(for_ms),
                rule.sustained_for
            )),
            None => {
                let seen = seen(view, rule);
                if !seen.is_empty() {
                    message.push_str(&format!(": {}", seen.join(", ")));
                }
            }
        }
        sink.raise(message, |finding| {
            finding.at(view.policy.source, rule.when_span, "never true for long enough").help(
                "if these recordings hold what the rule is for, correct its threshold; else add one that does",
            )
        });
    }
}

/// What the metrics that a rule compares with numbers went through: `cpu` goes from 0.1 to 0.6.
fn seen(view: &RunView<'_>, rule: &Rule) -> Vec<String> {
    let conditions = conditioned(&view.policy);
    let Some(condition) = conditions.iter().find(|c| c.rule.when_span == rule.when_span) else {
        return Vec::new();
    };
    let mut out: Vec<String> = Vec::new();
    for threshold in thresholds(view.policy.policy, condition.when) {
        let name = &threshold.metric.name.value;
        let Some(at) = view.policy.policy.metric(name) else { continue };
        let values = view.runs.iter().flat_map(|run| {
            let width = run.metrics.len().max(1);
            run.values.iter().skip(at).step_by(width).copied().filter(|value| value.is_finite())
        });
        let range = values.fold(None, |range: Option<(f64, f64)>, value| match range {
            None => Some((value, value)),
            Some((low, high)) => Some((low.min(value), high.max(value))),
        });
        let Some((low, high)) = range else { continue };
        let said = format!("`{name}` goes from {} to {}", short(low), short(high));
        if !out.contains(&said) {
            out.push(said);
        }
    }
    out
}

/// A measured number for people: three digits that matter.
fn short(value: f64) -> String {
    let rounded: f64 = format!("{value:.2e}").parse().unwrap_or(value);
    if value.abs() >= 1000.0 { figure(value.round()) } else { figure(rounded) }
}

/// A count that goes up and down again within minutes, many times.
pub(super) fn flapping(view: &RunView<'_>, sink: &mut Sink<'_>) {
    let policy = view.policy.policy;
    let mut worst: Option<(&Run, Vec<Turn>, usize)> = None;
    // In an open loop no decision has an effect: what looks like a turn is none.
    for run in view.runs.iter().filter(|run| run.kind == Loop::Closed) {
        let turns = turns(run);
        let most = turns.iter().enumerate().map(|(at, turn)| {
            turns.iter().skip(at).take_while(|t| t.time.since(turn.time) <= FLAPPING_IN).count()
        });
        let most = most.max().unwrap_or(0);
        if most >= FLAPS && worst.as_ref().is_none_or(|(_, _, other)| most > *other) {
            worst = Some((run, turns, most));
        }
    }
    let Some((run, turns, most)) = worst else { return };
    let Some(first) = turns.first() else { return };
    let message = format!(
        "the count turns round within {} {} times in {} ({most} times within an hour), first at {}: {} -> {} -> {}",
        span(FLAP),
        turns.len(),
        files(&[run]),
        first.time,
        first.counts.0,
        first.counts.1,
        first.counts.2
    );
    sink.raise(message, |finding| {
        finding.at(view.policy.declared, place(view), "goes up and down").help(format!(
            "move the thresholds of scale_out and scale_in apart, or lengthen `sustained_for` or `stabilization_window.scale_in` (now {})",
            policy.stabilization_window.scale_in
        ))
    });
}

/// A change that undoes the one before.
struct Turn {
    time: Time,
    /// The counts before both, between them, after them.
    counts: (u32, u32, u32),
}

fn turns(run: &Run) -> Vec<Turn> {
    let mut out = Vec::new();
    let mut wanted = run.ticks.first().map_or(0, |t| t.current);
    let mut last: Option<(Time, u32)> = None;
    for tick in run.ticks.iter().filter(|tick| tick.desired != 0 || tick.current != 0) {
        if tick.desired == wanted {
            continue;
        }
        if let Some((time, before)) = last
            && (before < wanted) != (wanted < tick.desired)
            && tick.time.since(time) <= FLAP
        {
            out.push(Turn { time: tick.time, counts: (before, wanted, tick.desired) });
        }
        last = Some((tick.time, wanted));
        wanted = tick.desired;
    }
    out
}

/// Where a policy is named; its file's beginning, for a script.
fn place(view: &RunView<'_>) -> Span {
    let policy = view.policy.policy;
    if policy.name.span.is_empty() { policy.replicas.max.span } else { policy.name.span }
}

/// The longest row of ticks of a run for which something holds: the first, the last, how many in
/// all rows.
fn longest(run: &Run, holds: impl Fn(usize, &Tick) -> bool) -> Option<(usize, usize, usize)> {
    let (mut best, mut open, mut all): (Option<(usize, usize)>, Option<usize>, usize) = (None, None, 0);
    for (at, tick) in run.ticks.iter().enumerate() {
        if !holds(at, tick) {
            open = None;
            continue;
        }
        all += 1;
        let start = *open.get_or_insert(at);
        if best.is_none_or(|(from, to)| at - start > to - from) {
            best = Some((start, at));
        }
    }
    best.map(|(from, to)| (from, to, all))
}

/// How long a number of ticks is.
fn ticks(policy: &Policy, count: usize) -> Duration {
    Duration(policy.interval.0.saturating_mul(i64::try_from(count).unwrap_or(i64::MAX)))
}

/// A load that asks for more than max for minutes.
pub(super) fn wants_more_than_max(view: &RunView<'_>, sink: &mut Sink<'_>) {
    let policy = view.policy.policy;
    let rows = view.runs.iter().filter_map(|run| {
        let (from, to, all) = longest(run, |_, tick| tick.proposed > tick.bounds.max)?;
        Some((run, from, to, all))
    });
    let Some((run, from, to, all)) = rows.max_by_key(|(_, from, to, _)| to - from) else { return };
    let lasts = ticks(policy, to - from + 1);
    let row = run.ticks.get(from..=to).unwrap_or_default();
    let Some(first) = row.first().filter(|_| lasts >= LASTING) else { return };
    let wanted = row.iter().map(|tick| tick.proposed).max().unwrap_or_default();
    let under = row.iter().filter(|tick| tick.under == Some(true)).count();
    let mut message = format!(
        "in {} the policy wants up to {wanted} replicas, and may have {}, for {} from {} on",
        files(&[run]),
        first.bounds.max,
        span(lasts),
        first.time
    );
    if all > row.len() {
        message.push_str(&format!(" ({} in all)", span(ticks(policy, all))));
    }
    if under > 0 {
        message
            .push_str(&format!("; for {} of it the load is more than they take", span(ticks(policy, under))));
    }
    sink.raise(message, |finding| {
        finding.at(view.policy.declared, policy.replicas.max.span, "max").help(
            "raise max if such a load is to be served; if it is not, allow this finding with the reason",
        )
    });
}

/// Policy code that fails on recorded metrics: an error, or no number where one is needed.
pub(super) fn fails_on_samples(view: &RunView<'_>, sink: &mut Sink<'_>) {
    let source = view.policy.source;
    let lines = LineIndex::new(&source.text);
    for run in view.runs {
        for failed in &run.faults {
            let fault = &failed.fault;
            let when =
                run.ticks.get(failed.tick as usize).map_or(String::new(), |t| format!(" at {}", t.time));
            let times = match failed.times {
                0 | 1 => String::new(),
                times => format!(", the first of {times} times"),
            };
            let message =
                format!("`{}` fails on {}{when}{times}: {}", fault.function, files(&[run]), fault.message);
            let line = Some(fault.line).filter(|_| *fault.source == *source.name);
            let span = line.and_then(|line| lines.line_span(&source.text, line));
            sink.raise(message, |finding| {
                let finding = match span {
                    Some(span) => finding.at(source, span, "fails here"),
                    None => finding.at(view.policy.declared, place(view), "this policy"),
                };
                finding.help(
                    "guard what may be 0 or missing: `m.has(\"cpu\")`, `if x > 0`; `nil` wants no change",
                )
            });
        }
        if run.faults.is_empty()
            && let Some(ended) = &run.ended
        {
            let message = format!("the run on {} ends before the recording does: {ended}", files(&[run]));
            sink.raise(message, |finding| finding.at(view.policy.declared, place(view), "this policy"));
        }
    }
}

/// A metric without a value that leaves what reads it unknown, for minutes.
pub(super) fn unknown_on_samples(view: &RunView<'_>, sink: &mut Sink<'_>) {
    let policy = view.policy.policy;
    for (number, metric) in (0u16..).zip(&policy.metrics) {
        let name = &metric.name.value;
        let rows = view.runs.iter().filter_map(|run| {
            // What needs a ready replica has no value without one: that is no loss.
            let lost = |at: usize, tick: &Tick| {
                tick.ready > 0 && run.steps_of(at).iter().any(|step| unknown_by(&step.why) == Some(number))
            };
            let (from, to, all) = longest(run, lost)?;
            Some((run, from, to, all))
        });
        let Some((run, from, to, all)) = rows.max_by_key(|(_, from, to, _)| to - from) else { continue };
        let lasts = ticks(policy, to - from + 1);
        let Some(first) = run.ticks.get(from).filter(|_| lasts >= LASTING || all == run.ticks.len()) else {
            continue;
        };
        let never = run.never.contains(name);
        let message = match never {
            true => format!(
                "`{name}` has no value at any tick of {}: what reads it is never known, and nothing scales in",
                files(&[run])
            ),
            false => format!(
                "`{name}` has no value in {} for {} from {} on: what reads it is unknown, and nothing scales in",
                files(&[run]),
                span(lasts),
                first.time
            ),
        };
        let readers = rules(policy).filter(|(rule, _)| {
            run.steps.iter().any(|step| {
                matches!(step.why, Why::RuleUnknown { rule: r, metric: Some(m) } if r == *rule && m == number)
            })
        });
        let readers: Vec<&Rule> = readers.map(|(_, rule)| rule).take(3).collect();
        sink.raise(message, |finding| {
            let mut finding = finding.at(view.policy.declared, metric.name.span, "without a value");
            for rule in readers {
                finding = finding.at(view.policy.source, rule.when_span, "unknown then");
            }
            finding.help(match never {
                true => "record it, or map its column: `columns: { … }` under `samples:` in luascale.yaml",
                false => "say what holds then: `missing = \"last\"` with a `max_age`, `fallback`, or `m.has(…)` in the condition",
            })
        });
    }
}

/// The metric whose absence leaves a step unknown.
fn unknown_by(why: &Why) -> Option<u16> {
    match why {
        Why::RuleUnknown { metric, .. } | Why::ProposedUnknown { metric } | Why::Held { metric, .. } => {
            *metric
        }
        Why::TrackUnknown { metric, none_ready: false } => Some(*metric),
        Why::MetricFailed { metric } => Some(*metric),
        _ => None,
    }
}
