//! The difference of two sides, for a terminal. May import: `change`, siblings.

use super::Layout;
use super::diff_lines;
use super::numbers::{self, Clock, count, rough};
use super::paint::{Tone, clean, cut, inert, pad, width};
use super::text::push_wrapped;
use crate::change::behaviour::Compared;
use crate::change::difference::{Difference, Differing, Fate};
use crate::change::meaning::{Change, Class};
use crate::model::Duration;
use crate::sim::trace::{Loop, Score};

/// What a reader is told first: `2 policies change, 1 is added; loosens, cost`.
pub fn headline(difference: &Difference) -> String {
    let of = |fate: Fate| difference.policies.iter().filter(|p| p.fate == fate).count() as u64;
    let cosmetic = difference.policies.iter().filter(|p| p.is_cosmetic()).count() as u64;
    let changed = of(Fate::Changed) + of(Fate::Renamed) - cosmetic;
    let mut parts = Vec::new();
    if changed > 0 {
        parts.push(format!("{} changed", count(changed, "policy")));
    }
    for (n, word) in [(of(Fate::Added), "added"), (of(Fate::Removed), "removed")] {
        if n > 0 {
            parts.push(if parts.is_empty() {
                format!("{} {word}", count(n, "policy"))
            } else {
                format!("{n} {word}")
            });
        }
    }
    if cosmetic > 0 {
        parts.push(match cosmetic {
            n if parts.is_empty() => {
                format!("no change of meaning: {} written otherwise", count(n, "policy"))
            }
            n => format!("{n} only written otherwise"),
        });
    }
    if parts.is_empty() {
        return "no policy differs".into();
    }
    let classes: Vec<&str> = classes(difference).into_iter().map(Class::name).collect();
    match classes.as_slice() {
        [] if difference.policies.iter().any(|p| p.untold) => {
            format!("{}; what it means was not asked for", parts.join(", "))
        }
        [] => parts.join(", "),
        all => format!("{}: {}", parts.join(", "), all.join(", ")),
    }
}

/// What all changes are about, the weightiest first, what is cosmetic left out.
pub fn classes(difference: &Difference) -> Vec<Class> {
    let has = |class: &Class| difference.policies.iter().any(|p| p.classes().contains(class));
    Class::ALL.into_iter().filter(|class| *class != Class::Cosmetic && has(class)).collect()
}

/// The report, with ANSI colours.
pub fn text(difference: &Difference, layout: &Layout) -> String {
    let mut out = String::new();
    push_wrapped(&mut out, "", &headline(difference), Tone::Strong, layout);
    let sides = format!(
        "{} {} {}",
        clean(&difference.before),
        layout.charset.glyphs().arrow,
        clean(&difference.after)
    );
    push_wrapped(&mut out, "", &sides, Tone::Dim, layout);
    for policy in &difference.policies {
        out.push('\n');
        one(&mut out, policy, layout);
    }
    for (path, side) in &difference.broken {
        let text = format!("{} does not load {}: it is not compared", clean(path), clean(side));
        push_wrapped(&mut out, "", &text, Tone::Bad, layout);
    }
    if !difference.skipped.is_empty() {
        out.push('\n');
    }
    for (path, why) in &difference.skipped {
        push_wrapped(&mut out, "left out: ", &format!("{}, {}", clean(path), clean(why)), Tone::Dim, layout);
    }
    inert(out)
}

fn one(out: &mut String, policy: &Differing, layout: &Layout) {
    let arrow = layout.charset.glyphs().arrow;
    let tone = match policy.fate {
        Fate::Added => Tone::Good,
        Fate::Removed => Tone::Bad,
        _ if policy.is_cosmetic() => Tone::Dim,
        _ => Tone::Warn,
    };
    let name = match &policy.was {
        Some(was) => format!("{} {arrow} {}", clean(was), clean(&policy.id)),
        None => clean(&policy.id),
    };
    let path = match &policy.was_path {
        Some(was) => format!("{} {arrow} {}", clean(was), clean(&policy.path)),
        None => clean(&policy.path),
    };
    out.push_str(&format!(
        "{} {} {}\n",
        Tone::Strong.paint(&name),
        tone.paint(policy.fate.name()),
        Tone::Dim.paint(&path)
    ));
    if !policy.summary.is_empty() {
        push_wrapped(out, "  ", &clean(&policy.summary), Tone::Plain, layout);
    }
    if policy.is_cosmetic() && policy.fate == Fate::Changed && policy.changes.is_empty() {
        push_wrapped(out, "  ", "no change of meaning", Tone::Good, layout);
    }
    changes(out, &policy.changes, layout);
    let others: Vec<String> =
        policy.because.iter().filter(|path| **path != policy.path).map(|path| clean(path)).collect();
    if !others.is_empty() && matches!(policy.fate, Fate::Changed | Fate::Renamed) {
        push_wrapped(out, "  ", &format!("by a change in {}", others.join(", ")), Tone::Dim, layout);
    }
    for compared in policy.behaviour.iter().flatten() {
        out.push('\n');
        behaviour(out, compared, layout);
    }
    if let Some(why) = &policy.no_behaviour {
        push_wrapped(out, "  ", &clean(why), Tone::Dim, layout);
    }
}

pub(super) fn changes(out: &mut String, changes: &[Change], layout: &Layout) {
    let arrow = layout.charset.glyphs().arrow;
    let columns = layout.columns();
    let label = changes.iter().map(|c| width(&clean(&c.field))).max().unwrap_or(0).min(columns / 3);
    for change in changes {
        let field = pad(&cut(&clean(&change.field), label, layout.charset.glyphs().cut), label, false);
        let values = values(change, arrow);
        let room = columns.saturating_sub(label + 4);
        let tone = tone(change);
        if width(&values) <= room {
            out.push_str(&format!("  {}  {}\n", Tone::Plain.paint(&field), Tone::Strong.paint(&values)));
        } else {
            // Long values stand under each other.
            let side = |sign: &str, value: &Option<String>| {
                value.as_ref().map(|value| {
                    format!(
                        "{sign} {}",
                        cut(&clean(value), room.saturating_sub(2), layout.charset.glyphs().cut)
                    )
                })
            };
            let lines: Vec<String> =
                [side("-", &change.before), side("+", &change.after)].into_iter().flatten().collect();
            for (at, line) in lines.iter().enumerate() {
                let lead = if at == 0 { field.clone() } else { " ".repeat(label) };
                let tone = if line.starts_with('-') { Tone::In } else { Tone::Out };
                out.push_str(&format!("  {lead}  {}\n", tone.paint(line)));
            }
        }
        let classes: Vec<&str> = change.classes.iter().map(|class| class.name()).collect();
        let lead = " ".repeat(label + 4);
        let words = format!("{}: {}", classes.join(", "), clean(&change.words));
        push_wrapped(out, &lead, &words, tone, layout);
    }
}

/// `40 → 60`, or what is new or gone.
pub fn values(change: &Change, arrow: &str) -> String {
    match (&change.before, &change.after) {
        (Some(a), Some(b)) => format!("{} {arrow} {}", clean(a), clean(b)),
        (None, Some(b)) => format!("+ {}", clean(b)),
        (Some(a), None) => format!("- {}", clean(a)),
        (None, None) => "does something else".into(),
    }
}

fn tone(change: &Change) -> Tone {
    match change.classes.first() {
        Some(Class::Effects) => Tone::Bad,
        Some(Class::Loosens | Class::Availability | Class::Cost) => Tone::Warn,
        Some(Class::Tightens) => Tone::Good,
        Some(Class::Cosmetic) | None => Tone::Dim,
    }
}

/// One figure of both versions: name, before, after, by how much.
pub(super) struct Row {
    pub label: &'static str,
    pub before: String,
    pub after: String,
    pub by: String,
    /// Whether more is worse.
    pub worse: Option<bool>,
}

/// The figures of both, those that nobody measured left out.
pub(super) fn rows(a: &Score, b: &Score) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut row = |label, x: Option<f64>, y: Option<f64>, show: &dyn Fn(f64) -> String, bad: bool| {
        let (Some(x), Some(y)) = (x, y) else { return };
        let by = match crate::change::say::by(x, y) {
            _ if x == y => "=".to_string(),
            Some(by) => by,
            None => String::new(),
        };
        let worse = (x != y && bad).then_some(y > x);
        rows.push(Row { label, before: show(x), after: show(y), by, worse });
    };
    let whole = |n: f64| numbers::thousands(&format!("{n:.0}"));
    row(
        "under-provisioned",
        a.under_provisioned_minutes,
        b.under_provisioned_minutes,
        &numbers::minutes,
        true,
    );
    row("replica-hours", a.replica_hours, b.replica_hours, &numbers::number, true);
    let currency = b.currency.clone().or_else(|| a.currency.clone()).unwrap_or_default();
    let money = |n: f64| {
        format!("{} {}", numbers::thousands(&format!("{n:.2}")), clean(&currency)).trim().to_string()
    };
    row("cost", a.cost, b.cost, &money, true);
    row("peak replicas", a.peak.map(f64::from), b.peak.map(f64::from), &whole, false);
    row("scaling events", a.scaling_events.map(f64::from), b.scaling_events.map(f64::from), &whole, false);
    row("flaps", a.flaps.map(f64::from), b.flaps.map(f64::from), &whole, true);
    row("time at max", a.minutes_at_max, b.minutes_at_max, &numbers::minutes, true);
    rows
}

/// Which recording, how long, how it was run.
pub(super) fn extent(compared: &Compared) -> String {
    let first = compared.samples.first().map_or_else(|| "no recording".into(), |name| clean(name));
    let more = match compared.samples.len() {
        0 | 1 => String::new(),
        n => format!(" and {}", count(n as u64 - 1, "other file")),
    };
    let kind = match compared.kind {
        Loop::Open => "open loop",
        Loop::Closed => "closed loop",
    };
    let length = rough(compared.end.since(compared.start));
    format!("on {first}{more} ({length}, {}, {kind})", count(u64::from(compared.ticks), "tick"))
}

/// How often and how long they part.
pub(super) fn parted(compared: &Compared) -> String {
    if compared.is_same() {
        return "both want the same at every tick".into();
    }
    let times = if compared.partings == 1 { "once".into() } else { format!("{} times", compared.partings) };
    format!("they part {times}, for {} in all", rough(Duration(compared.apart_ms)))
}

/// What two versions do on a recording, in a sentence.
pub fn sentence(compared: &Compared) -> String {
    let on = compared.samples.join(", ");
    if compared.is_same() {
        let ticks = count(u64::from(compared.ticks), "tick");
        return format!("on {on}: both want the same at each of {ticks}");
    }
    let times = if compared.partings == 1 { "once".into() } else { format!("{} times", compared.partings) };
    let first = compared.first.first().map_or(String::new(), |parting| {
        format!(", first at {}: {} → {} replicas", parting.time.said(), parting.before, parting.after)
    });
    let hours = |score: &Score| score.replica_hours.map_or("unknown".to_owned(), numbers::number);
    let (before, after) = (hours(&compared.before), hours(&compared.after));
    format!("on {on}: {before} → {after} replica-hours; they part {times}{first}")
}

fn behaviour(out: &mut String, compared: &Compared, layout: &Layout) {
    push_wrapped(out, "  ", &extent(compared), Tone::Strong, layout);
    let rows = rows(&compared.before, &compared.after);
    if !compared.is_same() {
        let wide =
            |of: &dyn Fn(&Row) -> usize, head: &str| rows.iter().map(of).max().unwrap_or(0).max(head.len());
        let label = wide(&|r| width(r.label), "");
        let old = wide(&|r| width(&r.before), "before");
        let new = wide(&|r| width(&r.after), "after");
        let head =
            format!("    {}  {}  {}", " ".repeat(label), pad("before", old, true), pad("after", new, true));
        out.push_str(&format!("{}\n", Tone::Dim.paint(&head)));
        for row in &rows {
            let tone = match row.worse {
                Some(true) => Tone::Warn,
                Some(false) => Tone::Good,
                None => Tone::Dim,
            };
            let line = format!(
                "    {}  {}  {}  {}",
                pad(row.label, label, false),
                pad(&row.before, old, true),
                pad(&row.after, new, true),
                tone.paint(&row.by)
            );
            out.push_str(line.trim_end());
            out.push('\n');
        }
    }
    push_wrapped(out, "  ", &parted(compared), Tone::Plain, layout);
    let clock = Clock::between(compared.start, compared.end);
    if let Some(first) = compared.first.first() {
        let lead = format!("first at {} UTC", clock.show(first.time));
        push_wrapped(out, "  ", &lead, Tone::Plain, layout);
        for (name, n, why) in
            [("before", first.before, &first.before_why), ("after", first.after, &first.after_why)]
        {
            push_wrapped(out, &format!("    {name:<6} {n:>4}  "), &clean(why), Tone::Dim, layout);
        }
    }
    for fault in &compared.faults {
        push_wrapped(out, "  ", &clean(fault), Tone::Bad, layout);
    }
    for note in compared.notes.iter().take(3) {
        push_wrapped(out, "  note: ", &clean(note), Tone::Dim, layout);
    }
    if !compared.is_same() {
        for line in diff_lines::chart(compared, layout) {
            out.push_str(&line);
            out.push('\n');
        }
    }
}
