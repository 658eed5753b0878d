//! One tick explained (`--at`).
//! May import: `model`, `decide`, `sim`.

use super::facts;
use super::numbers::{self, Clock, rough};
use super::paint::{Tone, clean, cut, inert, pad, width};
use super::text::push_wrapped;
use super::{Layout, Pair};
use crate::decide::reason;
use crate::model::decision::Step;
use crate::model::{Duration, EventKind, Time};
use crate::sim::trace::Run;

/// Explains the tick at a time, or the last before it: metrics with units, each step with
/// what came in and went out, the state of windows and cooldowns. With ANSI colours.
pub fn at(pairs: &[Pair<'_>], when: When, layout: &Layout) -> String {
    let mut out = String::new();
    for (i, pair) in pairs.iter().enumerate() {
        if i > 0 {
            out.push('\n');
        }
        let time = when.of(pair.1);
        match facts::tick_at(pair.1, time) {
            Some(tick) => tick_text(&mut out, *pair, tick, time, layout),
            None => {
                let text = format!("{}: no tick was run", clean(&pair.0.name.value));
                push_wrapped(&mut out, "", &text, Tone::Warn, layout);
            }
        }
    }
    inert(out)
}

fn tick_text(out: &mut String, pair: Pair<'_>, index: usize, asked: Time, layout: &Layout) {
    let (policy, run) = pair;
    let Some(tick) = run.ticks.get(index) else { return };
    let glyphs = layout.charset.glyphs();
    let clock = Clock::Full;
    let change = match tick.desired.cmp(&tick.current) {
        std::cmp::Ordering::Equal => format!("stays at {}", tick.current),
        std::cmp::Ordering::Greater => {
            format!("scales out {} {} {}", tick.current, glyphs.arrow, tick.desired)
        }
        std::cmp::Ordering::Less => {
            format!("scales in {} {} {}", tick.current, glyphs.arrow, tick.desired)
        }
    };
    let name = clean(&policy.name.value);
    let judged = facts::judged(run);
    let head = format!("{name} at {} {change}", facts::moment(run, tick.time));
    push_wrapped(out, "", &head, Tone::Strong, layout);
    let mut place = format!(
        "tick {} of {}",
        numbers::thousands(&(index + 1).to_string()),
        numbers::thousands(&run.ticks.len().to_string())
    );
    if !judged {
        place.push_str("; there are no samples");
    } else if asked < tick.time {
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
                push_wrapped(
                    out,
                    &lead,
                    &format!("would {}", clean(&super::effect(effect))),
                    Tone::Dim,
                    layout,
                );
            }
        }
    }
}

/// Rows of a label and a text, aligned.
fn table(out: &mut String, rows: &[(String, Tone, String)], layout: &Layout) {
    let widest = rows.iter().map(|(label, ..)| width(label)).max().unwrap_or(0).min(layout.columns() / 3);
    for (label, tone, text) in rows {
        let label = pad(&cut(label, widest, layout.charset.glyphs().cut), widest, false);
        push_wrapped(out, &format!("  {label}  "), text, *tone, layout);
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

/// Which tick is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// An instant.
    Instant(Time),
    /// A time of day, in milliseconds from midnight UTC: the first in the run.
    OfDay(i64),
    /// A time of a day of the year, as reports of some days print it: the first in the run.
    OfYear {
        /// 1 to 12.
        month: i8,
        /// 1 to 31.
        day: i8,
        /// Milliseconds from midnight UTC.
        time: i64,
    },
}

/// Reads a time as reports print it or as samples have it: `15:00`, `15:00:30`,
/// `Nov 29 15:00:30`, `2024-11-29`, `2024-11-29 15:00`, `2024-11-29T15:00:00Z`, with or without
/// an offset; without one it is UTC.
///
/// # Errors
/// A sentence that says how a time is written.
pub fn when(text: &str) -> Result<When, String> {
    let text = text.trim().trim_end_matches(" UTC");
    let of_day = |text: &str| {
        // jiff takes the time out of a whole date, which is not what was written.
        let plain = text.contains(':') && text.bytes().all(|b| b.is_ascii_digit() || b == b':' || b == b'.');
        let time: jiff::civil::Time = text.parse().ok().filter(|_| plain)?;
        Some(time.duration_since(jiff::civil::Time::midnight()).as_millis() as i64)
    };
    if let Some(ms) = of_day(text) {
        return Ok(When::OfDay(ms));
    }
    if let Ok(at) = text.parse::<jiff::Timestamp>() {
        return Ok(When::Instant(Time(at.as_millisecond())));
    }
    if let Ok(at) = text.parse::<jiff::civil::DateTime>()
        && let Ok(at) = at.to_zoned(jiff::tz::TimeZone::UTC)
    {
        return Ok(When::Instant(Time(at.timestamp().as_millisecond())));
    }
    if let Some((date, time)) = text.rsplit_once(' ')
        && let Some(time) = of_day(time)
        // A leap year, so that Feb 29 can be read.
        && let Ok(date) = jiff::civil::Date::strptime("%Y %b %d", format!("2024 {date}"))
    {
        return Ok(When::OfYear { month: date.month(), day: date.day(), time });
    }
    Err(format!(
        "\"{text}\" is no time: write \"15:00\", \"Nov 29 15:00:00\" or \"2024-11-29T15:00:00Z\" (UTC)"
    ))
}

impl When {
    /// The instant in a run: the first of its ticks' days on which it comes; an instant is itself.
    pub fn of(self, run: &Run) -> Time {
        const DAY: i64 = 86_400_000;
        let first = run.ticks.first().map_or(Time(0), |t| t.time);
        let last = run.ticks.last().map_or(first, |t| t.time);
        let midnight = first.0.div_euclid(DAY) * DAY;
        let next = |midnight: i64, ms: i64| {
            Time(if midnight + ms < first.0 && midnight + ms + DAY <= last.0 {
                midnight + ms + DAY
            } else {
                midnight + ms
            })
        };
        match self {
            When::Instant(time) => time,
            When::OfDay(ms) => next(midnight, ms),
            When::OfYear { month, day, time } => {
                let year = numbers::civil(first).map_or(1970, |t| t.year());
                let of = |year: i16| {
                    let date = jiff::civil::Date::new(year, month, day).ok()?;
                    let at = date.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_millisecond();
                    Some(Time(at.saturating_add(time)))
                };
                // A run over New Year has the later months first.
                [year, year + 1].into_iter().filter_map(of).find(|t| *t >= first).unwrap_or(first)
            }
        }
    }
}
