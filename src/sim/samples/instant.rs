//! Times as recordings write them, and what has to be said about their zone.

use super::place::{Complaint, shown};
use crate::model::Time;
use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone};

/// Reads the times of one file.
pub(super) struct Clock {
    /// Of times that name none; `None`: UTC.
    zone: Option<TimeZone>,
    zone_name: String,
    /// Times that named no zone, and those that did (epochs among them).
    naive: usize,
    zoned: usize,
    skipped: usize,
    twice: usize,
    epoch_1970: bool,
    previous: i64,
}

/// A date and a time of day, and the offset where one is written.
struct Written {
    days: i64,
    /// Milliseconds since midnight.
    of_day: i64,
    /// Milliseconds east of UTC.
    offset: Option<i64>,
}

const FORMS: &str = "write 2024-03-01T12:00:00Z, 2024-03-01 12:00:00, or seconds or milliseconds since 1970";
const DAY: i64 = 86_400_000;

impl Clock {
    pub fn new(zone: Option<TimeZone>, name: Option<&str>) -> Clock {
        Clock {
            zone,
            zone_name: name.unwrap_or("UTC").to_string(),
            naive: 0,
            zoned: 0,
            skipped: 0,
            twice: 0,
            epoch_1970: false,
            previous: i64::MIN,
        }
    }

    /// Reads the time of a row.
    pub fn read(&mut self, cell: &str) -> Result<Time, Complaint> {
        let time = self.quiet(cell)?;
        self.previous = time.0;
        Ok(time)
    }

    /// Reads a time beside the row's own, such as when a replica started.
    pub fn quiet(&mut self, cell: &str) -> Result<Time, Complaint> {
        let cell = cell.trim();
        if cell.is_empty() {
            return Err(Complaint::new("the time is missing", FORMS));
        }
        let bytes = cell.as_bytes();
        if bytes.get(4) == Some(&b'-')
            && let Some(written) = written(bytes)
        {
            return self.place(&written);
        }
        if bytes.iter().all(|b| b.is_ascii_digit() || *b == b'.')
            && let Ok(number) = cell.parse::<f64>()
        {
            return self.epoch(number);
        }
        Err(Complaint::new(format!("`{}` is no time", shown(cell)), hint(bytes)))
    }

    /// Seconds or milliseconds since 1970: 1e11 seconds are the year 5138, 1e11 ms 1973.
    pub fn epoch(&mut self, number: f64) -> Result<Time, Complaint> {
        let ms = if number.abs() < 1e11 { (number * 1000.0).round() } else { number.round() };
        if !ms.is_finite() || number < 0.0 {
            return Err(Complaint::new(format!("{number} is no time"), FORMS));
        }
        if number >= 1e14 {
            let unit = if number >= 1e17 { "nanoseconds" } else { "microseconds" };
            return Err(Complaint::new(
                format!("{number} is too large for milliseconds since 1970; it looks like {unit}"),
                FORMS,
            ));
        }
        self.zoned += 1;
        self.epoch_1970 |= ms < 1e11;
        representable(ms as i64)
    }

    fn place(&mut self, written: &Written) -> Result<Time, Complaint> {
        let local = written.days * DAY + written.of_day;
        if let Some(offset) = written.offset {
            self.zoned += 1;
            return representable(local - offset);
        }
        self.naive += 1;
        let Some(zone) = &self.zone else { return representable(local) };
        let fail = |_| Complaint::new("a time outside the years 1 to 9999", FORMS);
        let civil = civil(local).map_err(fail)?;
        let ambiguous = zone.to_ambiguous_timestamp(civil);
        let earlier = ambiguous.earlier().map_err(fail)?.as_millisecond();
        let later = ambiguous.later().map_err(fail)?.as_millisecond();
        Ok(Time(match ambiguous.offset() {
            AmbiguousOffset::Unambiguous { .. } => earlier,
            // The hour that the change skips: as if the clock had not been changed yet.
            AmbiguousOffset::Gap { .. } => {
                self.skipped += 1;
                later
            }
            // The hour that comes twice: the first, until times turn back.
            AmbiguousOffset::Fold { .. } => {
                self.twice += 1;
                if earlier < self.previous { later } else { earlier }
            }
        }))
    }

    /// What a reader should know about the times of a file.
    pub fn notes(&self, notes: &mut Vec<String>, file: &str) {
        let zone = &self.zone_name;
        if self.naive > 0 && self.zoned > 0 {
            let (name, taken) = if self.naive == 1 { ("names", "it was") } else { ("name", "those were") };
            notes.push(format!(
                "{file}: {} of {} times {name} no zone; {taken} taken as {zone}",
                self.naive,
                self.naive + self.zoned
            ));
        } else if self.naive > 0 && self.zone.is_none() {
            notes.push(format!(
                "{file}: the times name no zone; they were taken as UTC (--timezone says otherwise)"
            ));
        }
        if self.skipped > 0 {
            notes.push(format!(
                "{file}: {} in the hour that the change to summer time skips in {zone}; read as after it",
                times_fall(self.skipped)
            ));
        }
        if self.twice > 0 {
            notes.push(format!(
                "{file}: {} in the hour that comes twice in {zone}; read as the first hour until times turn back, then as the second",
                times_fall(self.twice)
            ));
        }
        if self.epoch_1970 {
            notes.push(format!("{file}: some times are within three years of 1970; small numbers were read as seconds since 1970"));
        }
    }
}

fn times_fall(count: usize) -> String {
    if count == 1 { "1 time falls".into() } else { format!("{count} times fall") }
}

fn civil(local: i64) -> Result<DateTime, jiff::Error> {
    let stamp = jiff::Timestamp::from_millisecond(local)?;
    Ok(stamp.to_zoned(TimeZone::UTC).datetime())
}

/// `YYYY-MM-DD`, `T` or a blank, `HH:MM`, `:SS` and a fraction if any, then `Z`, an offset, ` UTC` or nothing.
fn written(bytes: &[u8]) -> Option<Written> {
    let number = |range: std::ops::Range<usize>| -> Option<i64> {
        bytes
            .get(range)?
            .iter()
            .try_fold(0i64, |n, b| b.is_ascii_digit().then(|| n * 10 + i64::from(b - b'0')))
    };
    let is = |at: usize, wanted: u8| (bytes.get(at) == Some(&wanted)).then_some(());
    let (year, month, day) = (number(0..4)?, number(5..7)?, number(8..10)?);
    is(4, b'-')?;
    is(7, b'-')?;
    if !matches!(bytes.get(10)?, b'T' | b't' | b' ') || !(1..=12).contains(&month) {
        return None;
    }
    if year == 0 || day == 0 || day > month_days(year, month) {
        return None;
    }
    let (hour, minute) = (number(11..13)?, number(14..16)?);
    is(13, b':')?;
    let mut at = 16;
    let mut second = 0;
    let mut ms = 0;
    if bytes.get(at) == Some(&b':') {
        second = number(17..19)?;
        at = 19;
        if matches!(bytes.get(at), Some(b'.' | b',')) {
            let digits = bytes.get(at + 1..)?.iter().take_while(|b| b.is_ascii_digit()).count();
            if digits == 0 {
                return None;
            }
            for place in 0..3 {
                ms = ms * 10 + if place < digits { number(at + 1 + place..at + 2 + place)? } else { 0 };
            }
            at += 1 + digits;
        }
    }
    // A leap second is written as the 60th; it is the next minute's first here.
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let offset = offset(bytes.get(at..)?)?;
    Some(Written {
        days: days(year, month, day),
        of_day: (hour * 3600 + minute * 60 + second) * 1000 + ms,
        offset,
    })
}

/// What follows the time of day; the outer `None` is what cannot be read.
fn offset(rest: &[u8]) -> Option<Option<i64>> {
    let digit = |at: usize| rest.get(at).filter(|b| b.is_ascii_digit()).map(|b| i64::from(b - b'0'));
    match rest {
        [] => return Some(None),
        b"Z" | b"z" | b" UTC" | b" GMT" | b" Z" => return Some(Some(0)),
        _ => {}
    }
    let sign = match rest.first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let hours = digit(1)? * 10 + digit(2)?;
    let minutes = match rest.len() {
        3 => 0,
        5 => digit(3)? * 10 + digit(4)?,
        6 if rest.get(3) == Some(&b':') => digit(4)? * 10 + digit(5)?,
        _ => return None,
    };
    (hours <= 23 && minutes <= 59).then_some(Some(sign * (hours * 60 + minutes) * 60_000))
}

fn month_days(year: i64, month: i64) -> i64 {
    let leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970-01-01 of a date in the Gregorian calendar: `days_from_civil` of Howard
/// Hinnant's "chrono-Compatible Low-Level Date Algorithms".
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

fn hint(bytes: &[u8]) -> String {
    let slashes = bytes.iter().filter(|b| **b == b'/').count() == 2;
    let date_alone = bytes.len() == 10 && bytes.get(4) == Some(&b'-');
    let why = if slashes {
        "day and month cannot be told apart with slashes: "
    } else if date_alone {
        "a date alone is no instant: "
    } else {
        ""
    };
    format!("{why}{FORMS}")
}

/// A time that can be written as a date again: a report has to show it.
fn representable(ms: i64) -> Result<Time, Complaint> {
    // 0001-01-01T00:00:00Z; the library's own limit is at the other end, 9999-12-30T22:00:00Z.
    const FIRST: i64 = -62_135_596_800_000;
    match jiff::Timestamp::from_millisecond(ms) {
        Ok(_) if ms >= FIRST => Ok(Time(ms)),
        _ => Err(Complaint::new("a time outside the years 1 to 9999", FORMS)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utc(text: &str) -> i64 {
        text.parse::<jiff::Timestamp>().expect(text).as_millisecond()
    }

    fn clock() -> Clock {
        Clock::new(None, None)
    }

    #[test]
    fn the_forms_of_a_time() {
        for (cell, want) in [
            ("2024-02-29T12:00:00Z", "2024-02-29T12:00:00Z"),
            ("2024-02-29t12:00:00.5z", "2024-02-29T12:00:00.5Z"),
            ("2024-03-01 12:00", "2024-03-01T12:00:00Z"),
            ("2023-11-16 18:17:03.9799600", "2023-11-16T18:17:03.979Z"),
            ("2024-03-01T12:00:00+02:00", "2024-03-01T10:00:00Z"),
            ("2024-03-01T12:00:00-0530", "2024-03-01T17:30:00Z"),
            ("2024-03-01 12:00:00 UTC", "2024-03-01T12:00:00Z"),
            ("1998-12-31T23:59:60Z", "1999-01-01T00:00:00Z"),
            ("1700000000", "2023-11-14T22:13:20Z"),
            ("1700000000.25", "2023-11-14T22:13:20.25Z"),
            ("1700000000250", "2023-11-14T22:13:20.25Z"),
            (" 0001-01-01T00:00:00Z ", "0001-01-01T00:00:00Z"),
        ] {
            assert_eq!(clock().read(cell), Ok(Time(utc(want))), "{cell}");
        }
    }

    #[test]
    fn what_is_no_time_says_what_to_write() {
        for (cell, part) in [
            ("", "2024-03-01T12:00:00Z"),
            ("yesterday", "2024-03-01T12:00:00Z"),
            ("01/02/2024 10:00", "slashes"),
            ("2024-03-01", "a date alone"),
            ("2023-02-29 10:00", "2024"),
            ("2024-13-01 10:00", "2024"),
            ("2024-03-01 24:00", "2024"),
            ("2024-03-01T10:00:00+25:00", "2024"),
            ("2024-03-01T10:00:00.", "2024"),
            ("1700000000000000", "milliseconds"),
            ("1700000000000000000", "milliseconds"),
        ] {
            let error = clock().read(cell).expect_err(cell);
            assert!(error.help.contains(part), "{cell}: {}", error.help);
        }
    }

    #[test]
    fn every_day_of_four_centuries_is_placed() {
        let mut expected = days(1900, 1, 1);
        for year in 1900..2300 {
            for month in 1..=12 {
                for day in 1..=month_days(year, month) {
                    assert_eq!(days(year, month, day), expected, "{year}-{month}-{day}");
                    expected += 1;
                }
            }
        }
        assert_eq!(days(1970, 1, 1), 0);
    }

    #[test]
    fn local_times_follow_their_zone_through_both_changes() {
        let zone = TimeZone::get("Europe/Paris").expect("compiled in");
        let mut clock = Clock::new(Some(zone), Some("Europe/Paris"));
        for (cell, want) in [
            // 2024-03-31 02:00 local does not exist.
            ("2024-03-31 01:59:00", "2024-03-31T00:59:00Z"),
            ("2024-03-31 02:30:00", "2024-03-31T01:30:00Z"),
            ("2024-03-31 03:00:00", "2024-03-31T01:00:00Z"),
            // 2024-10-27 02:00..03:00 local comes twice.
            ("2024-10-27 02:00:00", "2024-10-27T00:00:00Z"),
            ("2024-10-27 02:30:00", "2024-10-27T00:30:00Z"),
            ("2024-10-27 02:00:00", "2024-10-27T01:00:00Z"),
            ("2024-10-27 02:30:00", "2024-10-27T01:30:00Z"),
            ("2024-10-27 03:00:00", "2024-10-27T02:00:00Z"),
        ] {
            assert_eq!(clock.read(cell), Ok(Time(utc(want))), "{cell}");
        }
        let mut notes = Vec::new();
        clock.notes(&mut notes, "x.csv");
        assert!(notes.iter().any(|n| n.contains("1 time falls in the hour that the change")), "{notes:?}");
        assert!(notes.iter().any(|n| n.contains("4 times fall in the hour that comes twice")), "{notes:?}");
    }

    #[test]
    fn mixed_zones_are_noted() {
        let mut clock = clock();
        for cell in ["2024-03-01 10:00", "2024-03-01T10:00:00Z", "2024-03-01T10:00:00+01:00"] {
            clock.read(cell).expect(cell);
        }
        let mut notes = Vec::new();
        clock.notes(&mut notes, "x.csv");
        assert_eq!(notes, ["x.csv: 1 of 3 times names no zone; it was taken as UTC"]);
    }
}
