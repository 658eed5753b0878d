//! What kept a run from scaling (`--why-not`): at one tick, or in stretches of time.
//! May import: `model`, `decide`, `sim`.

use super::explain::{When, steps};
use super::facts;
use super::numbers::{self, Clock, count, thousands};
use super::paint::{Tone, clean, inert};
use super::text::push_wrapped;
use super::{Layout, Pair};
use crate::decide::reason;
use crate::model::decision::{Step, Why};
use crate::model::{Policy, Time};
use crate::sim::trace::Run;
use std::collections::HashMap;
use std::mem::Discriminant;
use std::ops::Range;

/// Stretches listed one by one; more of them are told by the hour, or what else is fit.
const STRETCHES: usize = 20;
/// False rules named where nothing but they kept the count.
const RULES: usize = 4;
/// Reasons told of a whole run.
const REASONS: usize = 8;

/// The steps that kept a tick at its count, most decisive first; none where it scaled.
pub(super) fn blockers(run: &Run, index: usize) -> Vec<&Step> {
    let Some(tick) = run.ticks.get(index) else { return Vec::new() };
    if tick.desired != tick.current {
        return Vec::new();
    }
    let steps = run.steps_of(index);
    let found = reason::why_not(steps);
    // Where no step held anything back, the last one says so in its own words.
    if found.is_empty() { steps.last().into_iter().collect() } else { found }
}

/// What ticks must share to be told as one: the kind of step and what it is about.
type Key = (Discriminant<Why>, Option<u16>);

fn key(step: &Step) -> Key {
    let about = match step.why {
        Why::RuleFalse { rule }
        | Why::RuleWaiting { rule, .. }
        | Why::RuleOneSample { rule }
        | Why::RuleUnknown { rule, .. }
        | Why::RuleFailed { rule }
        | Why::RuleNothing { rule }
        | Why::RuleFires { rule, .. }
        | Why::CooldownRule { rule, .. }
        | Why::AntiFlap { rule, .. } => Some(rule),
        Why::CooldownOut { rule, .. } => rule,
        Why::MetricFailed { metric }
        | Why::MetricMissing { metric, .. }
        | Why::Track { metric, .. }
        | Why::TrackTolerance { metric, .. }
        | Why::TrackGuard { metric, .. }
        | Why::TrackRefilled { metric, .. }
        | Why::TrackAtZero { metric }
        | Why::TrackUnknown { metric, .. }
        | Why::TrackHoldsIn { metric }
        | Why::Floor { metric } => Some(metric),
        Why::Held { metric, .. } | Why::ActivationUnknown { metric } | Why::ProposedUnknown { metric } => {
            metric
        }
        _ => None,
    };
    (std::mem::discriminant(&step.why), about)
}

/// The most decisive key of each tick; none where it scaled.
fn keys(run: &Run) -> Vec<Option<Key>> {
    (0..run.ticks.len()).map(|i| blockers(run, i).first().map(|s| key(s))).collect()
}

/// Neighbouring ticks with the same key.
fn stretches(keys: &[Option<Key>], range: Range<usize>) -> Vec<(Key, Range<usize>)> {
    let mut out: Vec<(Key, Range<usize>)> = Vec::new();
    for index in range {
        let Some(key) = keys.get(index).copied().flatten() else { continue };
        match out.last_mut() {
            Some((last, ticks)) if *last == key && ticks.end == index => ticks.end += 1,
            _ => out.push((key, index..index + 1)),
        }
    }
    out
}

/// A reason within a range of ticks: how many it kept, the first, and the longest stretch.
struct Kept {
    key: Key,
    ticks: usize,
    first: usize,
    longest: Range<usize>,
}

/// The reasons within a range, the most frequent first.
fn reasons(keys: &[Option<Key>], range: Range<usize>) -> Vec<Kept> {
    let mut places: HashMap<Key, usize> = HashMap::new();
    let mut out: Vec<Kept> = Vec::new();
    for (key, stretch) in stretches(keys, range) {
        let place = *places.entry(key).or_insert(out.len());
        match out.get_mut(place) {
            None => out.push(Kept { key, ticks: stretch.len(), first: stretch.start, longest: stretch }),
            Some(kept) => {
                kept.ticks += stretch.len();
                if stretch.len() > kept.longest.len() {
                    kept.longest = stretch;
                }
            }
        }
    }
    out.sort_by_key(|kept| (std::cmp::Reverse(kept.ticks), kept.first));
    out
}

/// The sentence of a tick's most decisive step; where that is a rule that is false, no other
/// held anything back, and all of them are named.
fn sentence(policy: &Policy, run: &Run, index: usize) -> String {
    let blockers = blockers(run, index);
    let most = match blockers.first().map(|s| s.why) {
        Some(Why::RuleFalse { .. }) => RULES,
        _ => 1,
    };
    let mut told: Vec<String> =
        blockers.iter().take(most).map(|s| clean(&reason::words(policy, s))).collect();
    // A hold without a metric's name says no more than that something failed or was not told.
    if let Some(Why::Held { metric: None, .. }) = blockers.first().map(|s| s.why)
        && let Some(cause) = blockers.iter().find(|s| unknown(&s.why))
        && let Some(held) = told.first_mut()
    {
        held.push_str(&format!(": {}", clean(&reason::words(policy, cause))));
    }
    let more = if most > 1 && blockers.len() > most { ", and others" } else { "" };
    told.join(", ") + more
}

/// Whether a function failed, or what it wants is unknown.
fn unknown(why: &Why) -> bool {
    matches!(
        why,
        Why::RuleFailed { .. }
            | Why::ProposedFailed
            | Why::RuleUnknown { .. }
            | Why::ProposedUnknown { .. }
            | Why::TrackUnknown { .. }
    )
}

fn share(part: usize, whole: usize) -> String {
    let share = 100.0 * part as f64 / whole.max(1) as f64;
    if share < 1.0 { "under 1%".into() } else { format!("{share:.0}%") }
}

/// The few reasons that kept a whole run from scaling, the most frequent first.
pub(super) fn summary((policy, run): Pair<'_>, most: usize) -> Vec<String> {
    summarize(policy, run, &keys(run), most)
}

fn summarize(policy: &Policy, run: &Run, keys: &[Option<Key>], most: usize) -> Vec<String> {
    let clock = clock(run);
    let at = |index: usize| run.ticks.get(index).map_or_else(String::new, |t| clock.show(t.time));
    let tell = |kept: &Kept| {
        let words = sentence(policy, run, kept.longest.start);
        if run.ticks.len() == 1 {
            return words;
        }
        let share = share(kept.ticks, run.ticks.len());
        format!("{share} of ticks; at {}: {words}", at(kept.longest.start))
    };
    reasons(keys, 0..run.ticks.len()).iter().take(most).map(tell).collect()
}

fn clock(run: &Run) -> Clock {
    match (run.ticks.first(), run.ticks.last()) {
        (Some(first), Some(last)) => Clock::between(first.time, last.time),
        _ => Clock::Full,
    }
}

/// Tells what kept policies from scaling: at one tick, most decisive first, or over the whole
/// run, by reason and by time. With ANSI colours.
pub fn why_not(pairs: &[Pair<'_>], when: Option<When>, layout: &Layout) -> String {
    let mut out = String::new();
    for (i, pair) in pairs.iter().enumerate() {
        if i > 0 {
            out.push('\n');
        }
        let name = clean(&pair.0.name.value);
        match when {
            Some(when) => tick_why_not(&mut out, &name, *pair, when.of(pair.1), layout),
            None => run_why_not(&mut out, &name, *pair, layout),
        }
    }
    inert(out)
}

fn tick_why_not(out: &mut String, name: &str, pair: Pair<'_>, time: Time, layout: &Layout) {
    let (policy, run) = pair;
    let glyphs = layout.charset.glyphs();
    let Some((index, tick)) = facts::tick_at(run, time).and_then(|i| Some((i, run.ticks.get(i)?))) else {
        push_wrapped(out, "", &format!("{name}: no tick was run"), Tone::Warn, layout);
        return;
    };
    let at = facts::moment(run, tick.time);
    if tick.desired != tick.current {
        let change = format!("{} {} {}", tick.current, glyphs.arrow, tick.desired);
        push_wrapped(out, "", &format!("{name} at {at} did scale: {change}"), Tone::Strong, layout);
        steps(out, pair, index, layout);
        return;
    }
    let head = format!("{name} at {at} stayed at {}, since", tick.current);
    push_wrapped(out, "", &head, Tone::Strong, layout);
    for (i, step) in blockers(run, index).iter().enumerate() {
        let words = clean(&reason::words(policy, step));
        push_wrapped(out, &format!("  {}. ", i + 1), &words, Tone::Plain, layout);
    }
}

fn run_why_not(out: &mut String, name: &str, pair: Pair<'_>, layout: &Layout) {
    let (policy, run) = pair;
    let glyphs = layout.charset.glyphs();
    let keys = keys(run);
    let kept = keys.iter().flatten().count();
    let of = count(run.ticks.len() as u64, "tick");
    let head = format!("{name} did not scale at {} of {of}", thousands(&kept.to_string()));
    push_wrapped(out, "", &head, Tone::Strong, layout);
    if kept == run.ticks.len() {
        for failed in facts::failures(pair) {
            push_wrapped(out, "  ", &clean(&failed), Tone::Bad, layout);
        }
        if let Some(silent) = facts::silent_script(pair).filter(|_| run.faults.is_empty()) {
            push_wrapped(out, "  ", &clean(&silent), Tone::Plain, layout);
        }
    }
    out.push_str(&format!("\n{}\n", Tone::Strong.paint("By reason, the most frequent first")));
    for reason in summarize(policy, run, &keys, REASONS) {
        push_wrapped(out, &format!("  {} ", glyphs.dot), &reason, Tone::Plain, layout);
    }
    let stretches = stretches(&keys, 0..run.ticks.len());
    if stretches.len() < 2 {
        return;
    }
    out.push_str(&format!("\n{}\n", Tone::Strong.paint("By time")));
    if stretches.len() <= STRETCHES || layout.all_events {
        for (_, ticks) in &stretches {
            out.push_str(&format!("  {}\n", Tone::Dim.paint(&extent(run, ticks, layout))));
            push_wrapped(out, "    ", &sentence(policy, run, ticks.start), Tone::Plain, layout);
        }
        return;
    }
    for ticks in ranges(run, &keys) {
        out.push_str(&format!("  {}\n", Tone::Dim.paint(&extent(run, &ticks, layout))));
        let reasons = reasons(&keys, ticks.clone());
        for (i, kept) in reasons.iter().take(2).enumerate() {
            // A second reason is worth its line only where it is no exception.
            if i > 0 && kept.ticks * 10 < ticks.len() {
                break;
            }
            let words = sentence(policy, run, kept.longest.start);
            let lead = format!("    {}  ", super::paint::pad(&share(kept.ticks, ticks.len()), 4, true));
            push_wrapped(out, &lead, &words, Tone::Plain, layout);
        }
    }
    let more = thousands(&stretches.len().to_string());
    let hint = format!("{more} stretches in all: --events lists them, --at TIME explains one tick");
    push_wrapped(out, "  ", &hint, Tone::Dim, layout);
}

/// `06:00:00 – 08:00:00, 4 to 7 replicas`.
fn extent(run: &Run, ticks: &Range<usize>, layout: &Layout) -> String {
    let all = run.ticks.get(ticks.clone()).unwrap_or_default();
    let (Some(first), Some(last)) = (all.first(), all.last()) else { return String::new() };
    let clock = clock(run);
    let day = |t: Time| numbers::civil(t).map(|t| t.date());
    let short = clock == Clock::Year && day(first.time) == day(last.time);
    let end = if short { Clock::Day } else { clock };
    let low = all.iter().map(|t| t.current).min().unwrap_or(0);
    let high = all.iter().map(|t| t.current).max().unwrap_or(0);
    let replicas = match (low, high) {
        (1, 1) => "1 replica".into(),
        (a, b) if a == b => format!("{a} replicas"),
        (a, b) => format!("{a} to {b} replicas"),
    };
    if all.len() == 1 {
        return format!("{}, {replicas}", clock.show(first.time));
    }
    let dash = layout.charset.glyphs().dash;
    format!("{} {dash} {}, {replicas}", clock.show(first.time), end.show(last.time))
}

/// Cuts a run at round times into at most a dozen ranges; neighbours that the same reason kept
/// most of the time are one.
fn ranges(run: &Run, keys: &[Option<Key>]) -> Vec<Range<usize>> {
    const STEPS: [i64; 14] = [
        60, 300, 600, 1800, 3600, 7200, 14_400, 28_800, 86_400, 172_800, 604_800, 2_592_000, 7_776_000,
        31_536_000,
    ];
    let (Some(first), Some(last)) = (run.ticks.first(), run.ticks.last()) else { return Vec::new() };
    let span = last.time.since(first.time).0;
    let step = STEPS.iter().map(|s| s * 1000).find(|s| span / s < 12).unwrap_or(span.max(1));
    let mut out: Vec<Range<usize>> = Vec::new();
    let mut before: Option<Key> = None;
    let mut start = 0;
    while let Some(tick) = run.ticks.get(start) {
        let next = (tick.time.0.div_euclid(step) + 1).saturating_mul(step);
        let end = run.ticks.partition_point(|t| t.time.0 < next).max(start + 1);
        let most = reasons(keys, start..end).first().map(|kept| kept.key);
        match out.last_mut() {
            Some(range) if most == before => range.end = end,
            _ => out.push(start..end),
        }
        before = most;
        start = end;
    }
    out
}
