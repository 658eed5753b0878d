//! One tick explained (`--at`).
//! May import: `model`, `decide`, `sim`.

use super::facts;
use super::numbers::{self, Clock, rough};
use super::paint::{Tone, clean, pad, width};
use super::text::push_wrapped;
use super::{Layout, Pair};
use crate::decide::reason;
use crate::model::decision::Step;
use crate::model::{Duration, EventKind, Time};

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

pub(super) fn steps(out: &mut String, (policy, run): Pair<'_>, index: usize, layout: &Layout) {
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
        push_wrapped(&mut lines, &lead, &clean(&reason::words(policy, step)), Tone::Plain, layout);
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
