//! The report for a terminal: verdict, chart, events with their reasons, score, notes.
//! May import: `model`, `sim`.

use super::chart::{self, Glyphs};
use super::facts::{self, Piece};
use super::numbers::{Clock, count};
use super::paint::{Tone, clean, cut, inert, pad, width, wrap};
use super::{Layout, Pair};
use crate::model::{EventKind, Time};
use crate::sim::trace::{Happened, Run};
use std::cmp::Reverse;

/// Events shown before a long list is folded.
const EVENTS: usize = 20;
/// Lines shown of what was printed, and effects and faults.
const LINES: usize = 10;
/// When something happened in a run of one tick.
const ONE_TICK: &str = "at the one tick";
/// Policies up to which each gets its own section below the summary.
const SECTIONS: usize = 8;

/// The report of one or several dry-runs, with ANSI colours; ends with a line end.
///
/// Several policies begin with one line each; past eight of them, that is all.
pub fn text(pairs: &[Pair<'_>], layout: &Layout) -> String {
    let mut out = String::new();
    if pairs.len() != 1 {
        out.push_str(&summary(pairs, layout));
    }
    if pairs.len() > SECTIONS {
        out.push('\n');
        push_wrapped(&mut out, "", "Name one policy's file for its chart and events.", Tone::Dim, layout);
        return inert(out);
    }
    for (i, pair) in pairs.iter().enumerate() {
        if i > 0 || pairs.len() > 1 {
            out.push('\n');
            let rule = layout.charset.glyphs().rule.repeat(layout.columns());
            out.push_str(&Tone::Dim.paint(&rule));
            out.push_str("\n\n");
        }
        section(&mut out, *pair, layout);
    }
    inert(out)
}

/// One line a policy, aligned: whether all is well, its name, the verdict.
pub fn summary(pairs: &[Pair<'_>], layout: &Layout) -> String {
    let glyphs = layout.charset.glyphs();
    let (bad, unjudged) = facts::tally(pairs);
    let tone = if bad.is_some() { Tone::Bad } else { Tone::Strong };
    let head: Vec<String> =
        [Some(count(pairs.len() as u64, "policy")), bad, unjudged].into_iter().flatten().collect();
    let mut out = String::new();
    push_wrapped(&mut out, "", &head.join(", "), tone, layout);
    let names: Vec<String> = facts::titles(pairs).iter().map(|name| clean(name)).collect();
    // A name that says which recording is meant says so at its end.
    let named = pairs.iter().zip(&names).all(|(pair, name)| *name == clean(&pair.0.name.value));
    let room = (layout.columns() / if named { 3 } else { 2 }).max(12);
    let widest = names.iter().map(|n| width(n)).max().unwrap_or(0).min(room);
    for (name, pair) in names.iter().zip(pairs) {
        let (mark, tone) = mark(*pair, glyphs);
        let name = pad(&cut(name, widest, glyphs.cut), widest, false);
        let lead = 2 + width(mark) + 1 + widest + 2;
        let pieces = fit(&facts::verdict(*pair), layout.columns().saturating_sub(lead), glyphs);
        out.push_str(&format!("  {} {}  {pieces}\n", tone.paint(mark), Tone::Strong.paint(&name)));
    }
    out
}

fn mark(pair: Pair<'_>, glyphs: &Glyphs) -> (&'static str, Tone) {
    match facts::standing(pair) {
        Tone::Bad => (glyphs.bad, Tone::Bad),
        Tone::Warn => (glyphs.good, Tone::Warn),
        Tone::Dim => (glyphs.neutral, Tone::Dim),
        _ => (glyphs.good, Tone::Good),
    }
}

/// As many pieces of a verdict as fit on one line.
fn fit(verdict: &[Piece], columns: usize, glyphs: &Glyphs) -> String {
    let mut out = String::new();
    let mut used = 0;
    for piece in verdict {
        let extra = if used == 0 { 0 } else { 2 };
        if used + extra + width(&piece.text) > columns {
            if used == 0 {
                return piece.tone.paint(&cut(&piece.text, columns, glyphs.cut));
            }
            break;
        }
        out.push_str(if used == 0 { "" } else { ", " });
        out.push_str(&piece.tone.paint(&piece.text));
        used += extra + width(&piece.text);
    }
    out
}

fn section(out: &mut String, pair: Pair<'_>, layout: &Layout) {
    let (policy, run) = pair;
    let glyphs = layout.charset.glyphs();
    let columns = layout.columns();
    let verdict = facts::verdict(pair);
    let (mark, tone) = mark(pair, glyphs);
    // The verdict stands behind the name where it fits, else on lines of its own.
    let name = cut(&clean(&policy.name.value), columns.saturating_sub(width(mark) + 1), glyphs.cut);
    out.push_str(&format!("{} {}", tone.paint(mark), Tone::Strong.paint(&name)));
    let length: usize = verdict.iter().map(|p| width(&p.text) + 2).sum();
    let lead = width(mark) + 1;
    let mut used = lead + width(&name) + 1;
    if used + length > columns {
        used = columns;
    } else {
        out.push(' ');
    }
    for (i, piece) in verdict.iter().enumerate() {
        let comma = if i + 1 < verdict.len() { "," } else { "" };
        if used + 1 + width(&piece.text) + comma.len() > columns {
            out.push_str(&format!("\n{}", " ".repeat(lead)));
            used = lead;
        } else if used > lead {
            out.push(' ');
            used += 1;
        }
        out.push_str(&piece.tone.paint(&piece.text));
        out.push_str(comma);
        used += width(&piece.text) + comma.len();
    }
    out.push('\n');
    let from = facts::recording(run).map_or_else(String::new, |r| format!(", {}", clean(&r)));
    push_wrapped(out, &" ".repeat(lead), &(facts::extent(pair, glyphs.dash) + &from), Tone::Dim, layout);
    if let Some(ended) = &run.ended {
        push_wrapped(out, &" ".repeat(lead), &format!("Ended early: {}", clean(ended)), Tone::Bad, layout);
    }
    faults(out, run, layout);
    if facts::scalings(run) == 0 {
        nothing(out, pair, layout);
    }
    let chart = chart::lines(pair, layout);
    if !chart.is_empty() {
        out.push('\n');
        for line in chart {
            out.push_str(&line);
            out.push('\n');
        }
    }
    printed(out, run, layout);
    events(out, pair, layout);
    if facts::measured(run) {
        score(out, pair, layout);
    }
    // Of a script that does nothing the notes are the reasons, and were told as such.
    if facts::silent_script(pair).is_none() {
        notes(out, run, layout);
    }
}

fn heading(out: &mut String, text: &str) {
    out.push_str(&format!("\n{}\n", Tone::Strong.paint(text)));
}

/// A text broken at the width, its lines behind `lead`; what follows the first is indented
/// by as many blanks.
pub(super) fn push_wrapped(out: &mut String, lead: &str, text: &str, tone: Tone, layout: &Layout) {
    let indent = width(lead);
    for (i, line) in wrap(text, layout.columns().saturating_sub(indent)).iter().enumerate() {
        let lead = if i == 0 { lead.to_owned() } else { " ".repeat(indent) };
        out.push_str(&lead);
        out.push_str(&tone.paint(line));
        out.push('\n');
    }
}

fn faults(out: &mut String, run: &Run, layout: &Layout) {
    if run.faults.is_empty() {
        return;
    }
    let clock = clock(run);
    heading(out, "Faults");
    for failed in run.faults.iter().take(LINES) {
        let fault = &failed.fault;
        let place = match (fault.source.is_empty(), fault.line) {
            (true, _) => String::new(),
            (false, 0) => format!(" ({})", clean(&fault.source)),
            (false, line) => format!(" ({}:{line})", clean(&fault.source)),
        };
        let time = run.ticks.get(failed.tick as usize).filter(|_| facts::judged(run));
        let time = time.map_or_else(String::new, |t| format!(" at {}", clock.show(t.time)));
        let times = if failed.times > 1 {
            format!(", and at {}", count(u64::from(failed.times - 1), "more tick"))
        } else {
            String::new()
        };
        let text = format!("{}: {}{place}{time}{times}", clean(&fault.function), clean(&fault.message));
        push_wrapped(out, "  ", &text, Tone::Bad, layout);
    }
    folded(out, run.faults.len(), LINES, "fault", "", layout);
}

/// How many were left out, and how to see them.
fn folded(out: &mut String, all: usize, shown: usize, one: &str, how: &str, layout: &Layout) {
    if all > shown {
        let text = format!("and {}{how}", count((all - shown) as u64, &format!("more {one}")));
        push_wrapped(out, "  ", &text, Tone::Dim, layout);
    }
}

fn nothing(out: &mut String, pair: Pair<'_>, layout: &Layout) {
    if pair.1.ticks.is_empty() {
        return;
    }
    heading(out, "Why nothing happened");
    let dot = layout.charset.glyphs().dot;
    // What stands first says it all of most runs; the rest are its particulars.
    for (i, reason) in facts::why_nothing(pair, 3).iter().enumerate() {
        let lead = if i == 0 { "  ".into() } else { format!("  {dot} ") };
        push_wrapped(out, &lead, &clean(reason), Tone::Plain, layout);
    }
}

fn printed(out: &mut String, run: &Run, layout: &Layout) {
    if run.printed.is_empty() {
        return;
    }
    let clock = clock(run);
    heading(out, "Printed");
    let rows: Vec<(String, String)> = run
        .printed
        .iter()
        .take(LINES)
        .map(|line| {
            let tick = line.tick.and_then(|t| run.ticks.get(t as usize));
            let time = match tick {
                Some(tick) if run.ticks.len() > 1 => clock.show(tick.time),
                Some(_) => ONE_TICK.into(),
                None => "while loading".into(),
            };
            (time, clean(&line.text))
        })
        .collect();
    let widest = rows.iter().map(|(time, _)| width(time)).max().unwrap_or(0);
    for (time, text) in rows {
        push_wrapped(out, &format!("  {}  ", pad(&time, widest, false)), &text, Tone::Plain, layout);
    }
    folded(out, run.printed.len(), LINES, "line", "", layout);
}

fn clock(run: &Run) -> Clock {
    match (run.ticks.first(), run.ticks.last()) {
        (Some(first), Some(last)) => Clock::between(first.time, last.time),
        _ => Clock::Full,
    }
}

fn events(out: &mut String, pair: Pair<'_>, layout: &Layout) {
    let (_, run) = pair;
    if run.events.is_empty() {
        return;
    }
    let shown = if layout.all_events { each(run) } else { important(run) };
    if !shown.is_empty() {
        heading(out, "Events");
    }
    let clock = clock(run);
    let glyphs = layout.charset.glyphs();
    let gaps = gaps(run, &shown);
    let mut rows: Vec<Row<'_>> = shown.iter().map(|same| row(same, clock, glyphs)).collect();
    if !facts::judged(run) {
        rows.iter_mut().for_each(|row| row.time = ONE_TICK.into());
    }
    // What lies between is told at its place, so that no count seems to jump.
    for gap in gaps.iter().rev() {
        rows.insert(gap.before, between(gap, clock, glyphs));
    }
    let times = rows.iter().map(|r| width(&r.time)).max().unwrap_or(0);
    let whats = rows.iter().map(|r| width(&r.what)).max().unwrap_or(0);
    // Where reasons would be squeezed into a ribbon they stand below instead.
    let lead = 2 + times + 2 + whats + 2;
    let beside = layout.columns() >= lead + 30;
    for Row { time, tone, what, of } in &rows {
        let time = pad(time, times, false);
        let what = tone.paint(&if beside { pad(what, whats, false) } else { what.clone() });
        let reason = match of {
            Of::Gap(words) => words.clone(),
            Of::Event(Same { first, ticks, last, .. }) => {
                let mut reason = clean(&facts::why(pair, first));
                if *ticks > 1 {
                    let last = clock.show(*last);
                    reason.push_str(&format!("; the same at each tick until {last} ({ticks} ticks)"));
                }
                reason
            }
        };
        let indent = if beside { lead } else { 4 };
        let lines = wrap(&reason, layout.columns().saturating_sub(indent));
        if beside {
            let first = lines.first().map_or("", String::as_str);
            out.push_str(format!("  {time}  {what}  {first}").trim_end());
            out.push('\n');
        } else {
            out.push_str(format!("  {time}  {what}").trim_end());
            out.push('\n');
        }
        for line in lines.iter().skip(usize::from(beside)).filter(|l| !l.is_empty()) {
            out.push_str(&format!("{}{line}\n", " ".repeat(indent)));
        }
        let Of::Event(Same { first: happened, .. }) = of else { continue };
        for effect in &happened.effects {
            let lead = format!("{}{} ", " ".repeat(indent), glyphs.arrow);
            push_wrapped(out, &lead, &format!("would {}", clean(&super::effect(effect))), Tone::Dim, layout);
        }
    }
    let told = shown.iter().map(|same| same.ticks as usize).sum();
    folded(out, run.events.len(), told, "event", " of less weight: --events lists all", layout);
}

/// An event, and the ticks right after it that wanted the same once more, as an open loop does
/// while nobody carries it out.
struct Same<'a> {
    first: &'a Happened,
    /// Its place among the events of the run; those that repeat it follow.
    at: usize,
    ticks: u32,
    last: Time,
}

/// A row of the list: an event, or what is left out between two.
struct Row<'a> {
    time: String,
    tone: Tone,
    what: String,
    of: Of<'a>,
}

enum Of<'a> {
    Event(&'a Same<'a>),
    /// In words.
    Gap(String),
}

/// Changes of the count that are not listed, between two events that are.
struct Gap {
    /// The place in the list before which they were.
    before: usize,
    changes: u64,
    start: Time,
    end: Time,
    from: u32,
    to: u32,
}

/// What a list leaves out, but for what is no change of the count.
fn gaps(run: &Run, shown: &[Same<'_>]) -> Vec<Gap> {
    let mut found: Vec<Gap> = Vec::new();
    let mut next = 0;
    let ends = shown.iter().map(|same| (same.at, same.at + same.ticks as usize));
    for (before, (start, end)) in ends.chain([(run.events.len(), run.events.len())]).enumerate() {
        let left = run.events.get(next..start).unwrap_or_default();
        let mut scaling = left.iter().map(|happened| &happened.event).filter(|e| facts::is_scaling(e.kind));
        if let Some(first) = scaling.next() {
            let (mut last, mut changes) = (first, 1);
            for event in scaling {
                (last, changes) = (event, changes + 1);
            }
            let (from, to) = (first.from, last.to);
            found.push(Gap { before, changes, start: first.time, end: last.time, from, to });
        }
        next = end;
    }
    found
}

fn between<'a>(gap: &Gap, clock: Clock, glyphs: &Glyphs) -> Row<'a> {
    let (changes, end) = (count(gap.changes, "change"), clock.show(gap.end));
    let words = match gap.changes {
        1 => "1 change of less weight".to_owned(),
        _ => format!("{changes} of less weight until {end}"),
    };
    let what = format!("{} {} {} {}", glyphs.cut, gap.from, glyphs.arrow, gap.to);
    Row { time: clock.show(gap.start), tone: Tone::Dim, what, of: Of::Gap(words) }
}

/// Every event by itself.
fn each(run: &Run) -> Vec<Same<'_>> {
    let one = |(at, first)| Same { first, at, ticks: 1, last: first.event.time };
    run.events.iter().enumerate().map(one).collect()
}

/// Events with those that repeat them at the next tick put together.
fn together(run: &Run) -> Vec<Same<'_>> {
    let mut out: Vec<Same<'_>> = Vec::new();
    for (at, next) in run.events.iter().enumerate() {
        let repeats = |same: &Same<'_>| {
            let (a, b) = (&same.first.event, &next.event);
            let alike = facts::is_scaling(a.kind) && (a.kind, a.from, a.to) == (b.kind, b.from, b.to);
            alike && same.first.tick + same.ticks == next.tick && same.first.effects == next.effects
        };
        match out.last_mut() {
            Some(same) if repeats(same) => {
                same.ticks += 1;
                same.last = next.event.time;
            }
            _ => out.push(Same { first: next, at, ticks: 1, last: next.event.time }),
        }
    }
    out
}

/// The events that are listed where not all are, in order of time: what is no mere change of
/// the count, then the largest changes. To want less than the min is no news unless a hook says
/// something of it: a policy at rest does so all night.
fn important(run: &Run) -> Vec<Same<'_>> {
    let mut all = together(run);
    all.retain(|same| same.first.event.kind != EventKind::AtMin || !same.first.effects.is_empty());
    let rare = |same: &Same<'_>| !facts::is_scaling(same.first.event.kind);
    let rares = all.iter().filter(|same| rare(same)).count();
    // So that changes keep a place beside a ceiling that is reached again and again.
    let kept = rares.min(EVENTS.saturating_sub((all.len() - rares).min(EVENTS / 2)));
    all.sort_by_key(|same| {
        let event = &same.first.event;
        (!rare(same), Reverse(event.from.abs_diff(event.to)), same.first.tick)
    });
    let mut at = 0;
    all.retain(|same| {
        at += 1;
        !rare(same) || at <= kept
    });
    all.truncate(EVENTS);
    all.sort_by_key(|same| same.first.tick);
    all
}

fn row<'a>(same: &'a Same<'a>, clock: Clock, glyphs: &Glyphs) -> Row<'a> {
    let event = &same.first.event;
    let change = || format!("{} {} {}", event.from, glyphs.arrow, event.to);
    let (tone, what) = match event.kind {
        EventKind::ScaleOut => (Tone::Out, format!("{} {}", glyphs.up, change())),
        EventKind::ScaleIn => (Tone::In, format!("{} {}", glyphs.down, change())),
        EventKind::AtMax => (Tone::Warn, format!("{} at max", glyphs.mark)),
        EventKind::AtMin => (Tone::Dim, format!("{} at min", glyphs.mark)),
        EventKind::MetricsLost => (Tone::Bad, format!("{} metrics lost", glyphs.mark)),
    };
    Row { time: clock.show(event.time), tone, what, of: Of::Event(same) }
}

fn score(out: &mut String, pair: Pair<'_>, layout: &Layout) {
    heading(out, "Score");
    let figures = facts::figures(pair);
    let labels = figures.iter().map(|f| width(f.label)).max().unwrap_or(0);
    for figure in figures {
        let label = pad(figure.label, labels, false);
        let note = figure.note.map_or_else(String::new, |n| format!(" ({n})"));
        push_wrapped(out, &format!("  {label}  "), &(figure.value + &note), figure.tone, layout);
    }
}

fn notes(out: &mut String, run: &Run, layout: &Layout) {
    if run.notes.is_empty() {
        return;
    }
    heading(out, "Notes");
    let dot = layout.charset.glyphs().dot;
    for note in &run.notes {
        push_wrapped(out, &format!("  {dot} "), &clean(note), Tone::Plain, layout);
    }
}
