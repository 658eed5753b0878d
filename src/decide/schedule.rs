//! Bounds in force at an instant: the base and the schedules that are open.
//!
//! May import: `model`. Openings are found on the wall clock alone and then placed in time, so
//! that the change to and from summer time follows this policy language's rule, not a library's.

use crate::model::input::Openings;
use crate::model::{Bound, Policy, Schedule, Time};
use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{SignedDuration, Timestamp};
use std::sync::Arc;

/// The bounds that the base and the open schedules give, and whether max had to win over min
/// (then the min that was asked for).
pub(super) fn bounds(policy: &Policy, open: &[u16]) -> (Bound, Option<u32>) {
    let schedules = || open.iter().filter_map(|i| policy.schedule.get(usize::from(*i)));
    let min = schedules().filter_map(|s| s.min).max().unwrap_or(*policy.replicas.min);
    let max = schedules().filter_map(|s| s.max).min().unwrap_or(*policy.replicas.max);
    if min > max { (Bound { min: max, max }, Some(min)) } else { (Bound { min, max }, None) }
}

/// Which schedules are open, from the cache where that still holds.
pub(super) fn openings(policy: &Policy, now: Time, cache: Option<Arc<Openings>>) -> Option<Arc<Openings>> {
    if policy.schedule.is_empty() {
        return None;
    }
    if let Some(known) = cache
        && known.from <= now
        && now < known.until
        && known.schedules == policy.schedule
    {
        return Some(known);
    }
    let mut open = Vec::new();
    let mut until = Time(i64::MAX);
    for (index, schedule) in (0..).zip(&policy.schedule) {
        let (is_open, changes) = at(schedule, now);
        if is_open {
            open.push(index);
        }
        until = until.min(changes);
    }
    Some(Arc::new(Openings { schedules: policy.schedule.clone(), from: now, until, open }))
}

/// Whether a schedule is open, and the first later instant at which that may change.
fn at(schedule: &Schedule, now: Time) -> (bool, Time) {
    let never = (false, Time(i64::MAX));
    // `build` has checked both; a schedule that slipped through is one that never opens.
    let Some(openings) = Clock::of(schedule) else { return never };
    let Ok(instant) = Timestamp::from_millisecond(now.0) else { return never };
    let anchor = openings.anchor(instant);
    if let Some(opened) = openings.last(anchor) {
        let closes = opened + schedule.duration;
        if now < closes {
            return (true, closes);
        }
    }
    (false, openings.next(anchor).unwrap_or(Time(i64::MAX)))
}

/// Reads a cron expression of five fields, as schedules have them.
///
/// # Errors
/// What is wrong with it, in the library's words.
pub fn parse_cron(text: &str) -> Result<Cron, String> {
    CronParser::builder()
        .seconds(Seconds::Disallowed)
        .year(Year::Disallowed)
        .build()
        .parse(text)
        .map_err(|e| e.to_string())
}

/// A cron expression on the wall clock of a zone.
struct Clock {
    cron: Cron,
    zone: TimeZone,
}

impl Clock {
    fn of(schedule: &Schedule) -> Option<Clock> {
        Some(Clock { cron: parse_cron(&schedule.cron).ok()?, zone: TimeZone::get(&schedule.timezone).ok()? })
    }

    /// The wall-clock time that parts the openings up to `now` from those after it.
    ///
    /// It is what the clock shows, except while it shows an hour for the second time: all
    /// openings of that hour were at the first, so the parting is the hour's end.
    fn anchor(&self, now: Timestamp) -> DateTime {
        let shown = self.zone.to_datetime(now);
        let AmbiguousOffset::Fold { before, after } = self.zone.to_ambiguous_timestamp(shown).offset() else {
            return shown;
        };
        if self.zone.to_offset(now) != after {
            return shown;
        }
        // The last nanosecond that the clock showed before it was set back.
        self.zone.preceding(now + SignedDuration::from_nanos(1)).next().map_or(shown, |set_back| {
            before.to_datetime(set_back.timestamp() - SignedDuration::from_nanos(1))
        })
    }

    /// The last opening up to the anchor.
    fn last(&self, anchor: DateTime) -> Option<Time> {
        self.place(self.cron.find_previous_occurrence(&anchor, true).ok()?)
    }

    /// The first opening after the anchor.
    fn next(&self, anchor: DateTime) -> Option<Time> {
        self.place(self.cron.find_next_occurrence(&anchor, false).ok()?)
    }

    /// The instant of a wall-clock time: of one that comes twice the first, of one that is
    /// skipped the first instant after the gap.
    fn place(&self, shown: DateTime) -> Option<Time> {
        let ambiguous = self.zone.to_ambiguous_timestamp(shown);
        let instant = match ambiguous.offset() {
            AmbiguousOffset::Gap { after, .. } => {
                // Read with the later offset it lies before the change; the change is next.
                let before = after.to_timestamp(shown).ok()?;
                self.zone.following(before).next()?.timestamp()
            }
            _ => ambiguous.earlier().ok()?,
        };
        Some(Time(instant.as_millisecond()))
    }
}
