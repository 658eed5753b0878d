//! Windows of a schedule against each other and against the clocks of their zones.
//!
//! May import: `model`, `decide`, `lint`'s own modules.

use crate::decide::{ClockChange, Stretch, clock_changes, open_between};
use crate::lint::{PolicyView, Sink};
use crate::model::{Duration, Schedule, Time};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

/// How far ahead windows are looked at: a year, with its leap day.
const YEAR: Duration = Duration::from_secs(366 * 24 * 3600);

/// How far where a year has too many openings.
const DAYS: Duration = Duration::from_secs(3 * 24 * 3600);

/// The most openings of one window that are gone through: four a day for a year.
const MOST: usize = 1_500;

/// The most windows that are held against each other.
const MOST_WINDOWS: usize = 40;

/// A window and when it is open.
struct Window<'a> {
    schedule: &'a Schedule,
    open: Vec<Stretch>,
    /// Whether that is all of the year.
    whole: bool,
}

fn midnight(today: Date) -> Option<Time> {
    let start = today.to_zoned(TimeZone::UTC).ok()?;
    Some(Time(start.timestamp().as_millisecond()))
}

fn windows<'a>(view: &PolicyView<'a>, today: Date) -> Vec<Window<'a>> {
    let Some(from) = midnight(today) else { return Vec::new() };
    if view.policy.schedule.len() < 2 {
        return Vec::new();
    }
    let each = view.policy.schedule.iter().take(MOST_WINDOWS).map(|schedule| {
        let year = open_between(schedule, from, from + YEAR, MOST);
        let whole = year.is_some();
        let open = year.or_else(|| open_between(schedule, from, from + DAYS, MOST)).unwrap_or_default();
        Window { schedule, open, whole }
    });
    each.collect()
}

/// The first stretch in which two windows are both open.
fn meet(a: &Window<'_>, b: &Window<'_>) -> Option<Stretch> {
    let (mut i, mut j) = (0, 0);
    while let (Some(x), Some(y)) = (a.open.get(i), b.open.get(j)) {
        let (from, to) = (x.0.max(y.0), x.1.min(y.1));
        if from < to {
            return Some((from, to));
        }
        if x.1 <= y.1 { i += 1 } else { j += 1 }
    }
    None
}

/// Whether one is open only while the other is, all year.
fn within(inner: &Window<'_>, outer: &Window<'_>) -> bool {
    let inside = |s: &Stretch| {
        let next = outer.open.partition_point(|o| o.1 < s.1);
        outer.open.get(next).is_some_and(|o| o.0 <= s.0 && s.1 <= o.1)
    };
    // The last stretches may end past the year on one side only.
    inner.whole && outer.whole && !inner.open.is_empty() && inner.open.iter().all(inside)
}

/// `2026-11-30 09:00 to 12:00 (Europe/Paris)`
fn when((from, to): Stretch, zone: &str) -> String {
    let shown = |time: Time| {
        let zone = TimeZone::get(zone).unwrap_or(TimeZone::UTC);
        Some(Timestamp::from_millisecond(time.0).ok()?.to_zoned(zone).datetime())
    };
    let (Some(from), Some(to)) = (shown(from), shown(to)) else { return "some day".into() };
    let day = if from.date() == to.date() { String::new() } else { format!("{} ", to.date()) };
    format!(
        "{} {:02}:{:02} to {day}{:02}:{:02} ({zone})",
        from.date(),
        from.hour(),
        from.minute(),
        to.hour(),
        to.minute()
    )
}

/// Two windows that are open at once, one asking for more than the other allows.
pub(super) fn crossed(view: &PolicyView<'_>, today: Date, sink: &mut Sink<'_>) {
    let all = windows(view, today);
    for low in &all {
        for high in &all {
            let (Some(min), Some(max)) = (low.schedule.min, high.schedule.max) else { continue };
            if low.schedule.span == high.schedule.span || min <= max {
                continue;
            }
            let Some(both) = meet(low, high) else { continue };
            let (a, b) = (low.schedule, high.schedule);
            let message = format!(
                "`{}` asks for at least {min} and `{}` allows {max}, and both are open on {}: {max} is what runs",
                a.name,
                b.name,
                when(both, &a.timezone)
            );
            sink.raise(message, |finding| {
                finding
                    .at(view.declared, a.span, format!("min {min}"))
                    .at(view.declared, b.span, format!("max {max}"))
                    .help(format!("move one of the two, or write max = {min} or more in `{}`", b.name))
            });
        }
    }
}

/// Whether a window's bounds all lose against another's: the highest min holds, and the lowest max.
fn loses(hidden: &Schedule, other: &Schedule) -> bool {
    let min = hidden.min.is_none_or(|own| other.min.is_some_and(|min| min >= own));
    let max = hidden.max.is_none_or(|own| other.max.is_some_and(|max| max <= own));
    min && max
}

/// A window that another one covers, so that it never changes anything.
pub(super) fn hidden(view: &PolicyView<'_>, today: Date, sink: &mut Sink<'_>) {
    let all = windows(view, today);
    for (i, inner) in all.iter().enumerate() {
        let covers = |(j, outer): &(usize, &Window<'_>)| {
            let alike = loses(outer.schedule, inner.schedule) && within(outer, inner);
            // Of two that are alike the later is told of.
            i != *j && loses(inner.schedule, outer.schedule) && within(inner, outer) && (!alike || i > *j)
        };
        let Some((_, outer)) = all.iter().enumerate().find(covers) else { continue };
        let (a, b) = (inner.schedule, outer.schedule);
        let which = match (a.min, a.max) {
            (Some(own), _) => format!("min {own} loses against min {}", b.min.unwrap_or(own)),
            (None, own) => format!(
                "max {} loses against max {}",
                own.unwrap_or_default(),
                b.max.or(own).unwrap_or_default()
            ),
        };
        let message = format!(
            "`{}` never changes anything: whenever it is open, `{}` is too, and {which}",
            a.name, b.name
        );
        sink.raise(message, |finding| {
            finding
                .at(view.declared, a.span, "without effect")
                .at(view.declared, b.span, "open all that time")
                .help("of several open windows the highest min and the lowest max hold: leave its hours out of the other window, or take it out")
        });
    }
}

/// Openings at a local time that the clock skips or shows twice when summer time comes or goes.
pub(super) fn clock_change(view: &PolicyView<'_>, today: Date, sink: &mut Sink<'_>) {
    let Some(from) = midnight(today) else { return };
    for schedule in view.policy.schedule.iter().take(MOST_WINDOWS) {
        let time = |at: &jiff::civil::DateTime| format!("{:02}:{:02}", at.hour(), at.minute());
        let told: Vec<String> = clock_changes(schedule, from, from + YEAR)
            .iter()
            .map(|change| match change {
                ClockChange::Skipped { time: at, opens } => format!(
                    "on {} there is no {}, and `{}` opens at {}",
                    at.date(),
                    time(at),
                    schedule.name,
                    time(opens)
                ),
                ClockChange::Repeated { time: at } => format!(
                    "on {} {} comes twice, and `{}` opens at the first only: at the second it is closed",
                    at.date(),
                    time(at),
                    schedule.name
                ),
            })
            .collect();
        if told.is_empty() {
            continue;
        }
        sink.raise(told.join("; "), |finding| {
            finding
                .at(view.declared, schedule.span, format!("the clock of {} changes", schedule.timezone))
                .help("where that matters, choose an hour that every day has once, or `timezone = \"UTC\"`")
        });
    }
}
