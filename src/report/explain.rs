//! One tick explained (`--at`), and what kept a run from scaling (`--why-not`).
//! May import: `model`, `decide`, `sim`.

use super::facts;
use super::numbers::{self, Clock, count, rough};
use super::paint::{Tone, clean, pad, width};
use super::text::push_wrapped;
use super::{Layout, Pair, words};
use crate::model::decision::{Step, Why};
use crate::model::{Duration, EventKind, Time};
use crate::sim::trace::Run;
use std::collections::HashMap;

/// Stretches shown before `--why-not` folds them.
const STRETCHES: usize = 20;

/// Explains the tick at an instant, or the last before it: metrics with units, each step with
/// what came in and went out, the state of windows and cooldowns. With ANSI colours.
pub fn at(pairs: &[Pair<'_>], time: Time, layout: &Layout) -> String {
    let mut out = String::new();
    for (i, pair) in pairs.iter().enumerate() {
        if i > 0 {
            out.push('\n');
        }
        match facts::tick_at(pair.1, time) {
            Some(tick) => tick_text(&mut out, *pair, tick, time, layout),
            None => {
                let text = format!("{}: no tick was run", clean(&pair.0.name.value));
                push_wrapped(&mut out, "", &text, Tone::Warn, layout);
            }
        }
    }
    out
}

fn tick_text(out: &mut String, pair: Pair<'_>, index: usize, asked: Time, layout: &Layout) {
    let (policy, run) = pair;
    let Some(tick) = run.ticks.get(index) else { return };
    let glyphs = layout.charset.glyphs();
    let clock = Clock::Full;
    let (tone, change) = match tick.desired.cmp(&tick.current) {
        std::cmp::Ordering::Equal => (Tone::Plain, format!("stays at {}", tick.current)),
        std::cmp::Ordering::Greater => {
            (Tone::Out, format!("scales out {} {} {}", tick.current, glyphs.arrow, tick.desired))
        }
        std::cmp::Ordering::Less => {
            (Tone::In, format!("scales in {} {} {}", tick.current, glyphs.arrow, tick.desired))
        }
    };
    let name = clean(&policy.name.value);
    out.push_str(&format!(
        "{} at {} UTC: {}\n",
        Tone::Strong.paint(&name),
        clock.show(tick.time),
        tone.paint(&change)
    ));
    let mut place = format!("tick {} of {}", numbers::thousands(&(index + 1).to_string()), run.ticks.len());
    if asked < tick.time {
        place.push_str(&format!("; {} UTC is before the run, this is its first tick", clock.show(asked)));
    } else if index + 1 == run.ticks.len() && asked.since(tick.time) > policy.interval {
        place.push_str(&format!("; {} UTC is after the run, this is its last tick", clock.show(asked)));
    }
    push_wrapped(out, "  ", &place, Tone::Dim, layout);
    let under = match tick.under {
        Some(true) => {
            Some(("under-provisioned", Tone::Bad, "yes: the load is more than the ready replicas can take"))
        }
        Some(false) => Some(("under-provisioned", Tone::Good, "no")),
        None => None,
    };
    let mut rows: Vec<(String, Tone, String)> = vec![
        ("replicas".into(), Tone::Plain, format!("{} ({} ready)", tick.current, tick.ready)),
        ("bounds".into(), Tone::Plain, format!("{} {} {}", tick.bounds.min, glyphs.dash, tick.bounds.max)),
        ("proposed".into(), Tone::Plain, tick.proposed.to_string()),
        ("desired".into(), Tone::Strong, tick.desired.to_string()),
    ];
    if let Some((label, tone, text)) = under {
        rows.push((label.into(), tone, text.into()));
    }
    table(out, &rows, layout);
    out.push_str(&format!("\n{}\n", Tone::Strong.paint("Metrics")));
    let metrics: Vec<(String, Tone, String)> = run
        .metrics
        .iter()
        .zip(run.values_of(index))
        .map(|(name, value)| {
            let unit = policy.metric(name).and_then(|m| policy.metrics.get(m)).and_then(|m| m.unit);
            let tone = if value.is_finite() { Tone::Plain } else { Tone::Bad };
            (clean(name), tone, numbers::value(*value, unit))
        })
        .collect();
    if metrics.is_empty() {
        push_wrapped(out, "  ", "none", Tone::Dim, layout);
    }
    table(out, &metrics, layout);
    out.push_str(&format!("\n{}\n", Tone::Strong.paint("Steps")));
    steps(out, pair, index, layout);
    let windows = windows(pair, index);
    if !windows.is_empty() {
        out.push_str(&format!("\n{}\n", Tone::Strong.paint("Windows and cooldowns")));
        table(out, &windows, layout);
    }
    let here: Vec<_> = run.events.iter().filter(|e| e.tick as usize == index).collect();
    if !here.is_empty() {
        out.push_str(&format!("\n{}\n", Tone::Strong.paint("Events")));
        for event in here {
            push_wrapped(out, "  ", event.event.kind.name(), Tone::Plain, layout);
            for effect in &event.effects {
                let lead = format!("    {} ", glyphs.arrow);
                push_wrapped(out, &lead, &format!("would {}", clean(&effect.summary())), Tone::Dim, layout);
            }
        }
    }
}

/// Rows of a label and a text, aligned.
fn table(out: &mut String, rows: &[(String, Tone, String)], layout: &Layout) {
    let widest = rows.iter().map(|(label, ..)| width(label)).max().unwrap_or(0).min(layout.columns() / 3);
    for (label, tone, text) in rows {
        push_wrapped(out, &format!("  {}  ", pad(label, widest, false)), text, *tone, layout);
    }
}

fn steps(out: &mut String, (policy, run): Pair<'_>, index: usize, layout: &Layout) {
    let glyphs = layout.charset.glyphs();
    let steps = run.steps_of(index);
    let change = |s: &Step| format!("{} {} {}", s.input, glyphs.arrow, s.output);
    let changes = steps.iter().map(|s| width(&change(s))).max().unwrap_or(0);
    for step in steps {
        let tone = match step.output.cmp(&step.input) {
            std::cmp::Ordering::Equal => Tone::Dim,
            std::cmp::Ordering::Greater => Tone::Out,
            std::cmp::Ordering::Less => Tone::In,
        };
        let mut lines = String::new();
        let lead = format!("  {}  ", " ".repeat(changes));
        push_wrapped(&mut lines, &lead, &clean(&words::words(policy, step)), Tone::Plain, layout);
        // The painted change takes the place of the blanks it was measured by.
        let rest = lines.get(2 + changes..).unwrap_or_default();
        out.push_str(&format!("  {}{rest}", tone.paint(&pad(&change(step), changes, false))));
    }
}

/// What the run before a tick left in force: the raw proposals in each stabilization window,
/// the last change, the cooldowns that still run.
fn windows((policy, run): Pair<'_>, index: usize) -> Vec<(String, Tone, String)> {
    let Some(tick) = run.ticks.get(index) else { return Vec::new() };
    let mut out = Vec::new();
    for (label, window) in [
        ("scale_out window", policy.stabilization_window.scale_out),
        ("scale_in window", policy.stabilization_window.scale_in),
    ] {
        if window == Duration::ZERO {
            continue;
        }
        let from = run.ticks.partition_point(|t| t.time <= tick.time - window).min(index);
        let seen = run.ticks.get(from..=index).unwrap_or_default();
        let low = seen.iter().map(|t| t.proposed).min().unwrap_or(tick.proposed);
        let high = seen.iter().map(|t| t.proposed).max().unwrap_or(tick.proposed);
        let range = if low == high { low.to_string() } else { format!("{low} to {high}") };
        out.push((label.into(), Tone::Plain, format!("{window}: raw proposals {range}")));
    }
    let before =
        run.events.iter().rev().find(|e| (e.tick as usize) < index && facts::is_scaling(e.event.kind));
    let Some(last) = before else {
        out.push(("last change".into(), Tone::Plain, "none before this tick".into()));
        return out;
    };
    let since = tick.time.since(last.event.time);
    out.push((
        "last change".into(),
        Tone::Plain,
        format!("{} to {}, {} ago", last.event.from, last.event.to, rough(since)),
    ));
    let mut cooldown = |label: &str, length: Option<Duration>, applies: bool| {
        let Some(length) = length.filter(|l| *l != Duration::ZERO && applies) else { return };
        let left = Duration(length.0 - since.0);
        let text = if left.0 > 0 { format!("{length}: {left} left") } else { format!("{length}: over") };
        out.push((label.into(), Tone::Plain, text));
    };
    cooldown("scale_out cooldown", policy.cooldown.scale_out, last.event.kind == EventKind::ScaleOut);
    cooldown("scale_in cooldown", policy.cooldown.scale_in, true);
    out
}

/// How decisive a step is for a count that did not change; less is more. `None`: it kept
/// nothing back.
fn rank(step: &Step, current: u32) -> Option<u8> {
    let ate = step.input != step.output && step.output == current;
    match step.why {
        Why::Paused | Why::MetricFailed { .. } => Some(0),
        // What turned a wanted change into none.
        Why::Disabled { .. }
        | Why::AtMax { .. }
        | Why::AtMin { .. }
        | Why::WindowOut { .. }
        | Why::WindowIn { .. }
        | Why::RateOut { .. }
        | Why::RateIn { .. }
        | Why::CooldownOut { .. }
        | Why::CooldownIn { .. }
        | Why::CooldownRule { .. }
        | Why::AntiFlap { .. }
        | Why::TrackHoldsIn { .. }
        | Why::Floor { .. }
        | Why::KeptAwake { .. }
        | Why::Held { .. } => Some(if ate { 1 } else { 3 }),
        Why::ActivationUnknown { .. }
        | Why::RuleUnknown { .. }
        | Why::RuleFailed { .. }
        | Why::TrackUnknown { .. }
        | Why::ProposedUnknown { .. }
        | Why::ProposedFailed
        | Why::MetricMissing { .. } => Some(2),
        Why::RuleWaiting { .. } | Why::RuleOneSample { .. } => Some(4),
        Why::TrackGuard { .. } | Why::TrackTolerance { .. } => Some(5),
        Why::RuleFalse { .. } | Why::ProposedNothing | Why::Asleep => Some(6),
        Why::NoChange => Some(7),
        _ => None,
    }
}

/// The steps that kept a tick at its count, most decisive first; none where it scaled.
pub(super) fn blockers(run: &Run, index: usize) -> Vec<&Step> {
    let Some(tick) = run.ticks.get(index) else { return Vec::new() };
    if tick.desired != tick.current {
        return Vec::new();
    }
    let mut found: Vec<(u8, &Step)> =
        run.steps_of(index).iter().filter_map(|s| Some((rank(s, tick.current)?, s))).collect();
    // Of those that ate the change the last had the last word.
    let last = found.iter().rposition(|(rank, _)| *rank <= 1);
    if let Some(last) = last {
        found[last].0 = 0;
    }
    found.sort_by_key(|(rank, _)| *rank);
    // "Nothing asked for a change" adds nothing to the conditions that say so.
    if found.len() > 1 {
        found.retain(|(rank, _)| *rank != 7);
    }
    found.into_iter().map(|(_, step)| step).collect()
}

/// What two ticks must share to be told as one: the same steps, whatever their numbers.
fn key(step: &Step) -> (std::mem::Discriminant<Why>, Option<u16>) {
    let index = match step.why {
        Why::RuleFalse { rule }
        | Why::RuleWaiting { rule, .. }
        | Why::RuleOneSample { rule }
        | Why::RuleUnknown { rule, .. }
        | Why::RuleFailed { rule }
        | Why::CooldownRule { rule, .. }
        | Why::AntiFlap { rule, .. } => Some(rule),
        Why::MetricFailed { metric }
        | Why::MetricMissing { metric, .. }
        | Why::TrackTolerance { metric, .. }
        | Why::TrackGuard { metric, .. }
        | Why::TrackUnknown { metric, .. }
        | Why::TrackHoldsIn { metric }
        | Why::Floor { metric } => Some(metric),
        Why::Held { metric, .. } | Why::ActivationUnknown { metric } | Why::ProposedUnknown { metric } => {
            metric
        }
        _ => None,
    };
    (std::mem::discriminant(&step.why), index)
}

/// Neighbouring ticks that the same step kept from scaling, `first..=last`.
struct Stretch {
    first: usize,
    last: usize,
}

/// Cuts a run into stretches; ticks that scaled stand between them.
fn stretches(run: &Run) -> Vec<Stretch> {
    let mut out: Vec<Stretch> = Vec::new();
    let mut before = None;
    for index in 0..run.ticks.len() {
        let now = blockers(run, index).first().map(|s| key(s));
        match (now, before, out.last_mut()) {
            (Some(a), Some(b), Some(stretch)) if a == b => stretch.last = index,
            (Some(_), ..) => out.push(Stretch { first: index, last: index }),
            (None, ..) => {}
        }
        before = now;
    }
    out
}

/// The few reasons that kept a whole run from scaling, by the time they held, longest first.
pub(super) fn summary((policy, run): Pair<'_>, most: usize) -> Vec<String> {
    let reasons = reasons(run);
    let ticks = run.ticks.len().max(1);
    let clock = clock(run);
    reasons
        .iter()
        .take(most)
        .filter_map(|(total, first, longest)| {
            let step = *blockers(run, longest.first).first()?;
            let words = clean(&words::words(policy, step));
            if reasons.len() == 1 && *total == run.ticks.len() && run.ticks.len() == 1 {
                return Some(words);
            }
            let share = 100.0 * *total as f64 / ticks as f64;
            let from = run.ticks.get(*first).map_or_else(String::new, |t| clock.show(t.time));
            let at = run.ticks.get(longest.first).map_or_else(String::new, |t| clock.show(t.time));
            let since = if *first == longest.first { String::new() } else { format!(", first at {from}") };
            let share = if share < 1.0 { "under 1%".to_owned() } else { format!("{share:.0}%") };
            Some(format!("{share} of ticks{since}; at {at}: {words}"))
        })
        .collect()
}

/// Ticks in all, first tick and longest stretch of each reason; longest in all first.
fn reasons(run: &Run) -> Vec<(usize, usize, Stretch)> {
    let mut found: HashMap<_, (usize, usize, Stretch)> = HashMap::new();
    for stretch in stretches(run) {
        let Some(step) = blockers(run, stretch.first).first().copied() else { continue };
        let length = stretch.last - stretch.first + 1;
        match found.entry(key(step)) {
            std::collections::hash_map::Entry::Vacant(slot) => {
                slot.insert((length, stretch.first, stretch));
            }
            std::collections::hash_map::Entry::Occupied(mut slot) => {
                let (total, _, longest) = slot.get_mut();
                *total += length;
                if length > longest.last - longest.first + 1 {
                    *longest = stretch;
                }
            }
        }
    }
    let mut out: Vec<_> = found.into_values().collect();
    out.sort_by_key(|(total, first, _)| (std::cmp::Reverse(*total), *first));
    out
}

fn clock(run: &Run) -> Clock {
    match (run.ticks.first(), run.ticks.last()) {
        (Some(first), Some(last)) => Clock::between(first.time, last.time),
        _ => Clock::Full,
    }
}

/// Tells what kept policies from scaling: at one tick, most decisive first, or over the whole
/// run, in stretches of time. With ANSI colours.
pub fn why_not(pairs: &[Pair<'_>], time: Option<Time>, layout: &Layout) -> String {
    let mut out = String::new();
    for (i, pair) in pairs.iter().enumerate() {
        if i > 0 {
            out.push('\n');
        }
        let name = Tone::Strong.paint(&clean(&pair.0.name.value));
        match time {
            Some(time) => tick_why_not(&mut out, &name, *pair, time, layout),
            None => run_why_not(&mut out, &name, *pair, layout),
        }
    }
    out
}

fn tick_why_not(out: &mut String, name: &str, pair: Pair<'_>, time: Time, layout: &Layout) {
    let (policy, run) = pair;
    let glyphs = layout.charset.glyphs();
    let Some((index, tick)) = facts::tick_at(run, time).and_then(|i| Some((i, run.ticks.get(i)?))) else {
        out.push_str(&format!("{name}: no tick was run\n"));
        return;
    };
    let at = Clock::Full.show(tick.time);
    if tick.desired != tick.current {
        out.push_str(&format!(
            "{name} at {at} UTC did scale: {} {} {}\n",
            tick.current, glyphs.arrow, tick.desired
        ));
        steps(out, pair, index, layout);
        return;
    }
    out.push_str(&format!("{name} at {at} UTC stayed at {}, since\n", tick.current));
    for (i, step) in blockers(run, index).iter().enumerate() {
        let lead = format!("  {}. ", i + 1);
        push_wrapped(out, &lead, &clean(&words::words(policy, step)), Tone::Plain, layout);
    }
}

fn run_why_not(out: &mut String, name: &str, pair: Pair<'_>, layout: &Layout) {
    let (policy, run) = pair;
    let glyphs = layout.charset.glyphs();
    let stretches = stretches(run);
    let kept: usize = stretches.iter().map(|s| s.last - s.first + 1).sum();
    out.push_str(&format!(
        "{name} did not scale at {} of {}\n",
        numbers::thousands(&kept.to_string()),
        count(run.ticks.len() as u64, "tick")
    ));
    if let Some(silent) = facts::silent_script(pair) {
        push_wrapped(out, "  ", &silent, Tone::Plain, layout);
    }
    let reasons = summary(pair, 8);
    if reasons.len() > 1 || stretches.len() > 1 {
        out.push_str(&format!("\n{}\n", Tone::Strong.paint("By reason, the most frequent first")));
        for reason in reasons {
            push_wrapped(out, &format!("  {} ", glyphs.dot), &reason, Tone::Plain, layout);
        }
    }
    out.push_str(&format!("\n{}\n", Tone::Strong.paint("By time")));
    let clock = clock(run);
    let shown = if layout.all_events { stretches.len() } else { stretches.len().min(STRETCHES) };
    for stretch in stretches.iter().take(shown) {
        let (Some(first), Some(last)) = (run.ticks.get(stretch.first), run.ticks.get(stretch.last)) else {
            continue;
        };
        let Some(step) = blockers(run, stretch.first).first().copied() else { continue };
        let time = if stretch.first == stretch.last {
            clock.show(first.time)
        } else {
            let end = if clock == Clock::Year
                && numbers::civil(first.time).map(|t| t.date()) == numbers::civil(last.time).map(|t| t.date())
            {
                Clock::Day
            } else {
                clock
            };
            format!("{} {} {}", clock.show(first.time), glyphs.dash, end.show(last.time))
        };
        let replicas = format!(" at {}", first.current);
        let head = format!("  {time}{replicas}");
        out.push_str(&format!("{}\n", Tone::Dim.paint(&head)));
        push_wrapped(out, "    ", &clean(&words::words(policy, step)), Tone::Plain, layout);
    }
    if stretches.len() > shown {
        let more = numbers::thousands(&(stretches.len() - shown).to_string());
        out.push_str(
            &Tone::Dim.paint(&format!(
                "  and {more} more stretches: --events lists all, --at TIME explains one tick"
            )),
        );
        out.push('\n');
    }
}
