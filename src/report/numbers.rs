//! Numbers, units and times as people read them. May import: `model`.

use crate::model::{Duration, Time, Unit};
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// A number with three or four digits that count and thousands apart; `-` for none.
pub(super) fn number(value: f64) -> String {
    if !value.is_finite() {
        return "-".into();
    }
    let size = value.abs();
    if size != 0.0 && !(1e-4..1e15).contains(&size) {
        return format!("{value:.2e}");
    }
    let decimals = match size {
        s if s >= 1000.0 || s == 0.0 => 0,
        s if s >= 100.0 => 1,
        s if s >= 10.0 => 2,
        s if s >= 0.1 => 3,
        _ => 5,
    };
    let text = format!("{value:.decimals$}");
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    thousands(text)
}

/// Puts a comma between thousands of the whole part.
pub(super) fn thousands(text: &str) -> String {
    let (sign, rest) = text.strip_prefix('-').map_or(("", text), |r| ("-", r));
    let (whole, fraction) = rest.split_once('.').map_or((rest, None), |(w, f)| (w, Some(f)));
    let mut out = String::from(sign);
    for (i, c) in whole.chars().enumerate() {
        if i > 0 && (whole.len() - i) % 3 == 0 {
            out.push(',');
        }
        out.push(c);
    }
    if let Some(fraction) = fraction {
        out.push('.');
        out.push_str(fraction);
    }
    if out == "-0" { "0".into() } else { out }
}

/// A value with its unit: `0.83`, `83%`, `0.4 s`, `1.2 GiB`, `310/s`.
pub(super) fn value(value: f64, unit: Option<Unit>) -> String {
    if !value.is_finite() {
        return "no value".into();
    }
    match unit {
        None | Some(Unit::Ratio | Unit::Count) => number(value),
        Some(Unit::Percent) => format!("{}%", number(value)),
        Some(Unit::Seconds) => format!("{} s", number(value)),
        Some(Unit::Milliseconds) => format!("{} ms", number(value)),
        Some(Unit::PerSecond) => format!("{}/s", number(value)),
        Some(Unit::TokensPerSecond) => format!("{} tokens/s", number(value)),
        Some(Unit::Bytes) => bytes(value),
    }
}

fn bytes(value: f64) -> String {
    let mut left = value;
    for unit in ["B", "KiB", "MiB", "GiB"] {
        if left.abs() < 1024.0 {
            return format!("{} {unit}", number(left));
        }
        left /= 1024.0;
    }
    format!("{} TiB", number(left))
}

/// Minutes as a length of time: `12m`, `3h20m`, `45s`.
pub(super) fn minutes(minutes: f64) -> String {
    if !minutes.is_finite() {
        return "-".into();
    }
    // Whole seconds are enough for people; less than one is said as it is.
    let seconds = (minutes * 60.0).round();
    if seconds == 0.0 && minutes > 0.0 {
        return "<1s".into();
    }
    Duration::from_secs(seconds as i64).to_string()
}

/// `1 flap`, `2 flaps`.
pub(super) fn count(n: u64, one: &str) -> String {
    let many = thousands(&n.to_string());
    match n {
        1 => format!("1 {one}"),
        _ if one.ends_with('y') => format!("{many} {}ies", &one[..one.len() - 1]),
        _ => format!("{many} {one}s"),
    }
}

/// A duration to two units at most (`13d23h`, `5h58m`), which is as exact as a heading needs to be.
pub(super) fn rough(duration: Duration) -> String {
    let ms = duration.0.max(0);
    let unit = match ms {
        86_400_000.. => 3_600_000,
        3_600_000.. => 60_000,
        _ => 1000,
    };
    let rounded = (ms + unit / 2) / unit * unit;
    Duration(if rounded == 0 { ms } else { rounded }).to_string()
}

/// The date and time of day, in UTC; `None` outside years -9999 to 9999.
pub(super) fn civil(time: Time) -> Option<DateTime> {
    Some(Timestamp::from_millisecond(time.0).ok()?.to_zoned(TimeZone::UTC).datetime())
}

/// How much of each instant is shown in a report: what all of them share is said once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Clock {
    /// `06:12:15`: all on one day.
    Day,
    /// `Nov 29 06:12:15`: all in one year, or nearly.
    Year,
    /// `2024-11-29 06:12:15`.
    Full,
}

impl Clock {
    /// The shortest form in which no two instants between these look alike.
    pub(super) fn between(first: Time, last: Time) -> Clock {
        match (civil(first), civil(last)) {
            (Some(a), Some(b)) if a.date() == b.date() => Clock::Day,
            (Some(_), Some(_)) if last.since(first).0 < 300 * 86_400_000 => Clock::Year,
            _ => Clock::Full,
        }
    }

    /// An instant, with milliseconds only where there are some.
    pub(super) fn show(self, time: Time) -> String {
        let Some(at) = civil(time) else { return time.to_string() };
        let ms = time.0.rem_euclid(1000);
        let fraction = if ms == 0 { String::new() } else { format!(".{ms:03}") };
        let form = match self {
            Clock::Day => "%H:%M:%S",
            Clock::Year => "%b %d %H:%M:%S",
            Clock::Full => "%Y-%m-%d %H:%M:%S",
        };
        format!("{}{fraction}", at.strftime(form))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_the_digits_that_count_and_part_thousands() {
        for (n, text) in [
            (0.0, "0"),
            (-0.0, "0"),
            (0.833_33, "0.833"),
            (12.5, "12.5"),
            (1_234_567.8, "1,234,568"),
            (-1234.0, "-1,234"),
            (0.012, "0.012"),
            (1e-9, "1.00e-9"),
            (f64::NAN, "-"),
        ] {
            assert_eq!(number(n), text, "{n}");
        }
    }

    #[test]
    fn values_carry_their_unit() {
        assert_eq!(value(0.8, Some(Unit::Ratio)), "0.8");
        assert_eq!(value(1536.0, Some(Unit::Bytes)), "1.5 KiB");
        assert_eq!(value(310.0, Some(Unit::PerSecond)), "310/s");
        assert_eq!(value(f64::INFINITY, Some(Unit::Seconds)), "no value");
    }

    #[test]
    fn a_clock_shows_no_more_than_it_must() {
        let noon = Time(1_732_881_600_000);
        assert_eq!(Clock::between(noon, noon + Duration::from_secs(3600)).show(noon), "12:00:00");
        assert_eq!(Clock::between(noon, noon + Duration::from_secs(86_400)).show(noon), "Nov 29 12:00:00");
        let years = Clock::between(noon, noon + Duration::from_secs(400 * 86_400));
        assert_eq!(years.show(noon + Duration(250)), "2024-11-29 12:00:00.250");
    }

    #[test]
    fn lengths_and_counts_are_in_words() {
        assert_eq!(minutes(200.0), "3h20m");
        assert_eq!(minutes(0.001), "<1s");
        assert_eq!(count(1, "policy"), "1 policy");
        assert_eq!(count(1200, "policy"), "1,200 policies");
        assert_eq!(rough(Duration::from_secs(14 * 86_400 - 15)), "14d");
    }
}
