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

/// A stretch of time: from the first instant to the second, which is outside.
pub type Stretch = (Time, Time);

/// When a schedule is open between two instants, rising and apart; `None` where that takes more
/// than `most` openings to tell. A window that is open at `from` begins there.
pub fn open_between(schedule: &Schedule, from: Time, to: Time, most: usize) -> Option<Vec<Stretch>> {
    let clock = Clock::of(schedule)?;
    let mut anchor = clock.anchor(Timestamp::from_millisecond(from.0).ok()?);
    let mut found: Vec<Stretch> = Vec::new();
    let opened = clock.last(anchor).map(|last| last + schedule.duration).filter(|closes| *closes > from);
    found.extend(opened.map(|closes| (from, closes)));
    for _ in 0..most {
        // Where the cron expression never comes again, nothing follows.
        let Ok(next) = clock.cron.find_next_occurrence(&anchor, false) else { return Some(found) };
        let Some(opens) = clock.place(next) else { return Some(found) };
        if opens >= to {
            return Some(found);
        }
        let closes = opens + schedule.duration;
        match found.last_mut() {
            Some(last) if opens <= last.1 => last.1 = last.1.max(closes),
            _ => found.push((opens, closes)),
        }
        anchor = next;
    }
    None
}

/// What a change of a zone's clock does to the openings of a schedule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClockChange {
    /// The clock skips the time of an opening, which comes at the first instant after the gap.
    Skipped {
        /// The time that is skipped.
        time: DateTime,
        /// What the clock shows when it opens.
        opens: DateTime,
    },
    /// The time of an opening comes twice; it opens at the first, and is closed again at the second.
    Repeated {
        /// The time that comes twice.
        time: DateTime,
    },
}

/// The first skipped and the first repeated time of a schedule's openings between two instants. A
/// repeated one whose window is still open when it comes again is none: nothing is missed.
pub fn clock_changes(schedule: &Schedule, from: Time, to: Time) -> Vec<ClockChange> {
    let Some(clock) = Clock::of(schedule) else { return Vec::new() };
    let Ok(start) = Timestamp::from_millisecond(from.0) else { return Vec::new() };
    let (mut skipped, mut repeated) = (None, None);
    for change in clock.zone.following(start) {
        let at = change.timestamp();
        if at.as_millisecond() >= to.0 {
            break;
        }
        let shown = clock.zone.to_datetime(at);
        let before = clock.zone.to_offset(at - SignedDuration::from_nanos(1)).to_datetime(at);
        if before < shown {
            // Skipped: from what the old offset would show to what is shown.
            let time = clock.first(before, shown);
            // An opening at the gap's end comes then in any case.
            if !clock.cron.is_time_matching(&shown).unwrap_or(false) {
                skipped = skipped.or(time.map(|time| ClockChange::Skipped { time, opens: shown }));
            }
        } else if shown < before {
            let again = |time: &DateTime| {
                let since = time.duration_since(shown).as_millis();
                Time(at.as_millisecond().saturating_add(i64::try_from(since).unwrap_or(i64::MAX)))
            };
            let missed = |time: &DateTime| !self::at(schedule, again(time)).0;
            let time = clock.first(shown, before).filter(missed);
            repeated = repeated.or(time.map(|time| ClockChange::Repeated { time }));
        }
    }
    skipped.into_iter().chain(repeated).collect()
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

    /// The first time of the cron expression from one on the wall clock to another, which is
    /// outside.
    fn first(&self, from: DateTime, to: DateTime) -> Option<DateTime> {
        self.cron.find_next_occurrence(&from, true).ok().filter(|time| *time < to)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Duration;
    use crate::text::Span;

    fn schedule(cron: &str, timezone: &str, minutes: i64) -> Schedule {
        Schedule {
            name: "test".into(),
            span: Span::default(),
            cron: cron.into(),
            timezone: timezone.into(),
            duration: Duration::from_secs(minutes * 60),
            min: Some(10),
            max: None,
        }
    }

    fn time(text: &str) -> Time {
        Time(text.parse::<Timestamp>().unwrap().as_millisecond())
    }

    /// The windows of a schedule in a stretch of time, found by looking every five minutes.
    fn windows(schedule: &Schedule, from: &str, to: &str) -> Vec<String> {
        let (mut now, end) = (time(from), time(to));
        let mut found: Vec<String> = Vec::new();
        let mut was = false;
        while now <= end {
            let is = at(schedule, now).0;
            if is != was {
                found.push(format!("{} {now}", if is { "opens" } else { "closes" }));
            }
            was = is;
            now = now + Duration::from_secs(300);
        }
        found
    }

    #[test]
    fn a_time_that_summer_time_skips_opens_at_the_first_instant_after_the_gap() {
        // On 2026-03-29 Paris goes from 02:00 to 03:00, at 01:00 UTC.
        let found = windows(
            &schedule("30 2 * * *", "Europe/Paris", 60),
            "2026-03-29T00:00:00Z",
            "2026-03-29T05:00:00Z",
        );
        assert_eq!(found, ["opens 2026-03-29T01:00:00Z", "closes 2026-03-29T02:00:00Z"]);
        // On 2026-03-08 New York goes from 02:00 to 03:00, at 07:00 UTC.
        let found = windows(
            &schedule("15 2 * * *", "America/New_York", 30),
            "2026-03-08T05:00:00Z",
            "2026-03-08T10:00:00Z",
        );
        assert_eq!(found, ["opens 2026-03-08T07:00:00Z", "closes 2026-03-08T07:30:00Z"]);
    }

    #[test]
    fn a_time_that_comes_twice_opens_once_at_the_first() {
        // On 2026-10-25 Paris goes from 03:00 back to 02:00, at 01:00 UTC.
        let found = windows(
            &schedule("30 2 * * *", "Europe/Paris", 15),
            "2026-10-24T23:00:00Z",
            "2026-10-25T04:00:00Z",
        );
        assert_eq!(found, ["opens 2026-10-25T00:30:00Z", "closes 2026-10-25T00:45:00Z"]);
        // It stays open while the clock shows the hour again.
        let found = windows(
            &schedule("30 2 * * *", "Europe/Paris", 60),
            "2026-10-24T23:00:00Z",
            "2026-10-25T04:00:00Z",
        );
        assert_eq!(found, ["opens 2026-10-25T00:30:00Z", "closes 2026-10-25T01:30:00Z"]);
        // On 2026-11-01 New York goes from 02:00 back to 01:00, at 06:00 UTC.
        let found = windows(
            &schedule("30 1 * * *", "America/New_York", 15),
            "2026-11-01T04:00:00Z",
            "2026-11-01T09:00:00Z",
        );
        assert_eq!(found, ["opens 2026-11-01T05:30:00Z", "closes 2026-11-01T05:45:00Z"]);
        // Every hour: the second 02:00 opens nothing.
        let found = windows(
            &schedule("0 * * * *", "Europe/Paris", 10),
            "2026-10-24T23:30:00Z",
            "2026-10-25T02:30:00Z",
        );
        assert_eq!(
            found,
            [
                "opens 2026-10-25T00:00:00Z",
                "closes 2026-10-25T00:10:00Z",
                "opens 2026-10-25T02:00:00Z",
                "closes 2026-10-25T02:10:00Z"
            ]
        );
    }

    #[test]
    fn the_duration_is_elapsed_time_and_the_end_is_outside() {
        // Eight hours over the night of the change end at 07:00 on the clock.
        let night = schedule("0 22 * * *", "Europe/Paris", 8 * 60);
        let found = windows(&night, "2026-03-28T20:00:00Z", "2026-03-29T08:00:00Z");
        assert_eq!(found, ["opens 2026-03-28T21:00:00Z", "closes 2026-03-29T05:00:00Z"]);
        assert!(at(&night, Time(time("2026-03-29T05:00:00Z").0 - 1)).0);
        assert!(!at(&night, time("2026-03-29T05:00:00Z")).0);
    }

    #[test]
    fn a_window_that_opened_long_before_counts_and_windows_may_overlap() {
        let weeks = schedule("0 0 1 * *", "UTC", 20 * 24 * 60);
        assert!(at(&weeks, time("2026-05-20T23:59:00Z")).0);
        assert!(!at(&weeks, time("2026-05-21T00:00:00Z")).0);
        let overlapping = schedule("0 * * * *", "UTC", 90);
        assert_eq!(windows(&overlapping, "2026-05-01T00:00:00Z", "2026-05-02T00:00:00Z").len(), 1);
    }

    #[test]
    fn day_of_month_or_day_of_week_as_cron_does() {
        let open_on = |cron: &str| -> Vec<usize> {
            let schedule = schedule(cron, "UTC", 60);
            let day = |d: &usize| at(&schedule, time(&format!("2026-03-{d:02}T00:30:00Z"))).0;
            (1..=20).filter(day).collect()
        };
        // Fridays are the 6th, the 13th and the 20th.
        assert_eq!(open_on("0 0 13 * 5"), [6, 13, 20]);
        assert_eq!(open_on("0 0 12 * 5"), [6, 12, 13, 20]);
        assert_eq!(open_on("0 0 12 * *"), [12]);
        assert_eq!(open_on("0 0 * * 5"), [6, 13, 20]);
    }

    #[test]
    fn a_schedule_that_never_opens_is_closed_for_good() {
        for never in [
            schedule("0 0 30 2 *", "UTC", 60),
            schedule("nonsense", "UTC", 60),
            schedule("0 0 * * *", "Mars/Base", 60),
        ] {
            assert_eq!(at(&never, time("2026-03-01T00:00:00Z")), (false, Time(i64::MAX)));
        }
    }

    /// All openings of a day by the definition alone: each minute that the clock shows for the
    /// first time, and all that it skips at the instant of the gap.
    fn openings_by_hand(schedule: &Schedule, from: Time, to: Time) -> Vec<Time> {
        let zone = TimeZone::get(&schedule.timezone).unwrap();
        let cron = parse_cron(&schedule.cron).unwrap();
        let mut found = Vec::new();
        let mut latest: Option<DateTime> = None;
        let mut now = from;
        while now < to {
            let shown = zone.to_datetime(Timestamp::from_millisecond(now.0).unwrap());
            let mut minute = latest.map_or(shown, |l| l + SignedDuration::from_mins(1));
            while minute <= shown {
                if cron.is_time_matching(&minute).unwrap() {
                    found.push(now);
                }
                minute += SignedDuration::from_mins(1);
            }
            latest = latest.max(Some(shown));
            now = now + Duration::from_secs(60);
        }
        found
    }

    #[test]
    fn openings_are_those_of_the_definition_on_the_days_of_change() {
        let days = [
            ("Europe/Paris", "2026-03-28T12:00:00Z"),
            ("Europe/Paris", "2026-10-24T12:00:00Z"),
            ("America/New_York", "2026-03-07T18:00:00Z"),
            ("America/New_York", "2026-10-31T18:00:00Z"),
            // Half an hour only.
            ("Australia/Lord_Howe", "2026-04-04T06:00:00Z"),
            ("Australia/Lord_Howe", "2026-10-03T06:00:00Z"),
            // At midnight.
            ("America/Santiago", "2026-09-05T20:00:00Z"),
            // A whole day, in 2011.
            ("Pacific/Apia", "2011-12-30T00:00:00Z"),
        ];
        let crons = [
            ("30 2 * * *", 7),
            ("*/20 * * * *", 7),
            ("0 0-4 * * *", 50),
            ("15 1,2 * * 0", 200),
            ("0 0 * * *", 50),
            ("45 23 * * *", 200),
        ];
        for (zone, from) in days {
            for (cron, minutes) in crons {
                let schedule = schedule(cron, zone, minutes);
                let from = time(from);
                let to = from + Duration::from_secs(20 * 3600);
                let openings = openings_by_hand(&schedule, from - Duration::from_secs(24 * 3600), to);
                let mut cache = None;
                let mut policy = Policy::bare("test", 1, 99);
                policy.schedule = vec![schedule.clone()];
                let mut now = from;
                while now < to {
                    let open = openings.iter().any(|o| *o <= now && now < *o + schedule.duration);
                    assert_eq!(at(&schedule, now).0, open, "{cron} for {minutes} min in {zone} at {now}");
                    // What is remembered from tick to tick says the same.
                    cache = super::openings(&policy, now, cache);
                    assert_eq!(cache.as_ref().map(|c| c.open.len()), Some(usize::from(open)), "{now}");
                    now = now + Duration::from_secs(5 * 60);
                }
            }
        }
    }

    #[test]
    fn openings_that_a_change_of_the_clock_moves_or_leaves_out_are_told() {
        let told = |cron: &str, zone: &str, minutes| {
            let (from, to) = (time("2026-11-25T00:00:00Z"), time("2027-11-25T00:00:00Z"));
            let each = clock_changes(&schedule(cron, zone, minutes), from, to);
            let shown = each.iter().map(|change| match change {
                ClockChange::Skipped { time, opens } => format!("{time} skipped, {opens}"),
                ClockChange::Repeated { time } => format!("{time} repeated"),
            });
            shown.collect::<Vec<_>>()
        };
        let skipped = "2027-03-28T02:30:00 skipped, 2027-03-28T03:00:00";
        assert_eq!(
            told("30 2 * * *", "Europe/Paris", 20),
            [skipped, "2027-10-31T02:30:00 repeated"],
            "closed when the second 02:30 comes"
        );
        assert_eq!(told("30 2 * * *", "Europe/Paris", 90), [skipped], "still open when it comes again");
        // An hourly window opens at the end of the gap anyhow.
        assert_eq!(told("0 * * * *", "Europe/Paris", 10), ["2027-10-31T02:00:00 repeated"]);
        for quiet in ["30 3 * * *", "0 1 * * *", "30 2 * 6 *", "30 2 * * 1-5"] {
            assert_eq!(told(quiet, "Europe/Paris", 20), [""; 0], "{quiet}");
        }
        assert_eq!(told("30 2 * * *", "UTC", 20), [""; 0]);
        assert_eq!(
            told("15 2 * * *", "America/New_York", 20),
            ["2027-03-14T02:15:00 skipped, 2027-03-14T03:00:00"],
            "the hour that comes twice there is the one before"
        );
    }

    #[test]
    fn stretches_are_those_that_ticks_see() {
        let (from, to) = (time("2027-03-27T00:00:00Z"), time("2027-03-30T00:00:00Z"));
        for (cron, minutes) in
            [("30 2 * * *", 60), ("0 22 * * *", 480), ("*/20 * * * *", 7), ("0 0 28 * *", 3000)]
        {
            let schedule = schedule(cron, "Europe/Paris", minutes);
            let open = open_between(&schedule, from, to, 1_000).unwrap();
            assert!(open.windows(2).all(|pair| pair[0].1 < pair[1].0), "{cron}: {open:?}");
            let mut now = from;
            while now < to {
                let inside = open.iter().any(|(opens, closes)| *opens <= now && now < *closes);
                assert_eq!(inside, at(&schedule, now).0, "{cron} at {now}");
                now = now + Duration::from_secs(60);
            }
        }
        assert_eq!(open_between(&schedule("* * * * *", "UTC", 5), from, to, 100), None);
    }

    #[test]
    fn the_highest_min_and_the_lowest_max_hold_and_max_wins() {
        let mut policy = Policy::bare("test", 3, 60);
        let of = |min, max| Schedule { min, max, ..schedule("* * * * *", "UTC", 5) };
        policy.schedule = vec![of(Some(10), None), of(Some(20), Some(50)), of(None, Some(15))];
        assert_eq!(bounds(&policy, &[]), (Bound { min: 3, max: 60 }, None));
        assert_eq!(bounds(&policy, &[0, 1]), (Bound { min: 20, max: 50 }, None));
        assert_eq!(bounds(&policy, &[0, 2]), (Bound { min: 10, max: 15 }, None));
        assert_eq!(bounds(&policy, &[0, 1, 2]), (Bound { min: 15, max: 15 }, Some(20)));
        // An open schedule replaces the base, also downwards.
        policy.schedule = vec![of(Some(1), Some(80))];
        assert_eq!(bounds(&policy, &[0]), (Bound { min: 1, max: 80 }, None));
    }

    #[test]
    fn another_policy_or_an_earlier_time_does_not_believe_the_cache() {
        let mut policy = Policy::bare("test", 1, 99);
        policy.schedule = vec![schedule("0 12 * * *", "UTC", 60)];
        let noon = time("2026-05-01T12:00:00Z");
        let known = openings(&policy, noon, None);
        assert_eq!(known.as_ref().unwrap().until, time("2026-05-01T13:00:00Z"));
        let earlier = openings(&policy, noon - Duration::from_secs(60), known.clone());
        assert!(earlier.unwrap().open.is_empty());
        policy.schedule[0].cron = "0 18 * * *".into();
        assert!(openings(&policy, noon, known).unwrap().open.is_empty());
    }
}
