//! Instants and durations, in whole milliseconds. May import: nothing of this crate.

use serde::{Deserialize, Serialize};
use std::fmt;

/// An instant: milliseconds since 1970-01-01T00:00:00Z, leap seconds not counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Time(pub i64);

/// A length of time in milliseconds; never negative in a policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Duration(pub i64);

impl Time {
    /// Seconds since 1970, with their fraction.
    pub fn seconds(self) -> f64 {
        self.0 as f64 / 1000.0
    }

    /// As it is said in a sentence, to the second: `2024-11-29 15:00:30 UTC`.
    pub fn said(self) -> String {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(at) => at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string(),
            Err(_) => self.to_string(),
        }
    }

    /// The same of an instant that is written in full, as in a file; of anything else the text itself.
    pub fn said_of(text: &str) -> String {
        text.parse::<jiff::Timestamp>()
            .map_or_else(|_| text.to_owned(), |at| Time(at.as_millisecond()).said())
    }

    /// Time from `earlier` to `self`; negative where `earlier` is later.
    pub fn since(self, earlier: Time) -> Duration {
        Duration(self.0.saturating_sub(earlier.0))
    }
}

impl Duration {
    /// Nothing.
    pub const ZERO: Duration = Duration(0);

    /// A duration of whole seconds.
    pub const fn from_secs(seconds: i64) -> Duration {
        Duration(seconds.saturating_mul(1000))
    }

    /// Seconds, with their fraction.
    pub fn seconds(self) -> f64 {
        self.0 as f64 / 1000.0
    }
}

impl std::ops::Add<Duration> for Time {
    type Output = Time;
    fn add(self, by: Duration) -> Time {
        Time(self.0.saturating_add(by.0))
    }
}

impl std::ops::Sub<Duration> for Time {
    type Output = Time;
    fn sub(self, by: Duration) -> Time {
        Time(self.0.saturating_sub(by.0))
    }
}

/// RFC 3339 in UTC, with milliseconds only where there are some.
impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(at) => write!(f, "{at}"),
            Err(_) => write!(f, "{} ms after 1970", self.0),
        }
    }
}

/// As it is written in a policy: `1h30m`, `90s` as `1m30s`, `0s`.
impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut left = self.0;
        if left < 0 {
            f.write_str("-")?;
            left = left.saturating_neg();
        }
        if left == 0 {
            return f.write_str("0s");
        }
        for (unit, size) in [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)] {
            if left >= size {
                write!(f, "{}{unit}", left / size)?;
                left %= size;
            }
        }
        Ok(())
    }
}

/// Why a text is no duration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct DurationError(pub String);

/// Reads a duration as policies write it: `90s`, `5m`, `2h`, `14d`, `250ms`, compound `1h30m`,
/// with units from large to small, each at most once. No sign, no fraction, no blank.
///
/// # Errors
/// A sentence that says what is wrong with the text and how to write it.
pub fn parse_duration(text: &str) -> Result<Duration, DurationError> {
    const UNITS: [(&str, i64); 5] =
        [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];
    // Where it is plain what was meant, that is what to write.
    let fail = |why: String| {
        let instead = meant(text).map_or_else(String::new, |meant| format!("; write \"{meant}\""));
        Err(DurationError(format!("\"{text}\"{why}{instead}")))
    };
    if text.is_empty() {
        return Err(DurationError("an empty text is no duration; write \"90s\", \"5m\" or \"1h30m\"".into()));
    }
    let mut rest = text;
    let mut total: i64 = 0;
    let mut next_unit = 0;
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        if digits == 0 {
            return fail(format!(
                " is no duration: a whole number and a unit (d, h, m, s, ms) were expected at \"{rest}\""
            ));
        }
        let Ok(number) = rest[..digits].parse::<i64>() else { return fail(" is too long a duration".into()) };
        rest = &rest[digits..];
        let letters = rest.bytes().take_while(|b| !b.is_ascii_digit()).count();
        let (unit, after) = rest.split_at(letters);
        let Some(at) = UNITS.iter().position(|(name, _)| *name == unit) else {
            return fail(match unit {
                "" => format!(" has no unit: write \"{text}s\" for seconds, or the number alone"),
                u if u.starts_with('.') => ": a duration is of whole numbers".into(),
                _ => format!(": the unit \"{unit}\" is not known; units are d, h, m, s, ms"),
            });
        };
        if at < next_unit {
            return fail(": units go from large to small, each once, as in \"1h30m\"".into());
        }
        next_unit = at + 1;
        total = match number.checked_mul(UNITS[at].1).and_then(|ms| total.checked_add(ms)) {
            Some(total) if total <= LONGEST => total,
            _ => return fail(" is too long a duration".into()),
        };
        rest = after;
    }
    Ok(Duration(total))
}

/// A thousand years in milliseconds; anything longer is a slip, and would overflow instants.
const LONGEST: i64 = 31_557_600_000_000;

/// Units as people write them elsewhere, and their milliseconds.
const LOOSE_UNITS: [(&[&str], i64); 6] = [
    (&["w", "wk", "week", "weeks"], 604_800_000),
    (&["d", "day", "days"], 86_400_000),
    (&["h", "hr", "hrs", "hour", "hours"], 3_600_000),
    (&["m", "min", "mins", "minute", "minutes"], 60_000),
    (&["s", "sec", "secs", "second", "seconds"], 1000),
    (&["ms", "msec", "millis", "millisecond", "milliseconds"], 1),
];

/// What was meant by a text that is no duration: one with fractions, blanks, longer names of units,
/// or units in another order. `None` where that is not plain.
fn meant(text: &str) -> Option<Duration> {
    let mut rest = text.trim();
    let mut total: i64 = 0;
    let mut seen = Vec::new();
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, after) = rest.split_at(end);
        let after = after.trim_start();
        let end = after.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(after.len());
        let (unit, after) = after.split_at(end);
        let name = if unit.len() > 1 { unit.to_ascii_lowercase() } else { unit.to_owned() };
        let at = LOOSE_UNITS.iter().position(|(names, _)| names.contains(&name.as_str()))?;
        if seen.contains(&at) {
            return None;
        }
        seen.push(at);
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        let digits = format!("{whole}{fraction}").parse::<i64>().ok()?;
        let scale = 10_i64.checked_pow(u32::try_from(fraction.len()).ok()?)?;
        let scaled = digits.checked_mul(LOOSE_UNITS.get(at)?.1)?;
        if scaled % scale != 0 {
            return None;
        }
        total = total.checked_add(scaled / scale)?;
        rest = after.trim_start();
    }
    (!seen.is_empty() && total <= LONGEST).then_some(Duration(total))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_and_print_alike() {
        for (text, ms) in
            [("90s", 90_000), ("1h30m", 5_400_000), ("14d", 1_209_600_000), ("0s", 0), ("250ms", 250)]
        {
            assert_eq!(parse_duration(text), Ok(Duration(ms)), "{text}");
        }
        assert_eq!(Duration(90_000).to_string(), "1m30s");
        assert_eq!(Duration(5_400_000).to_string(), "1h30m");
        assert_eq!(Duration::ZERO.to_string(), "0s");
    }

    #[test]
    fn a_wrong_duration_says_what_to_write() {
        for (text, part) in [
            ("", "empty"),
            ("5", "no unit"),
            ("1.5h", "whole numbers; write \"1h30m\""),
            ("1.5m", "whole numbers; write \"1m30s\""),
            ("0.25s", "write \"250ms\""),
            (".5h", "write \"30m\""),
            ("1h1.5m", "write \"1h1m30s\""),
            ("5 m", "write \"5m\""),
            ("1 hour 30 min", "write \"1h30m\""),
            ("10MIN", "write \"10m\""),
            ("1.5w", "write \"10d12h\""),
            ("5x", "units are"),
            ("1m1h", "large to small, each once, as in \"1h30m\"; write \"1h1m\""),
            ("5m5m", "each once"),
            ("-5m", "whole number"),
            ("1w", "7d"),
            ("99999999999999999999s", "too long"),
            ("999999999d", "too long"),
        ] {
            let error = parse_duration(text).expect_err(text).to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
        // Where it is not plain what was meant, nothing is suggested.
        for text in ["5M", "1y", "1mo", "0.0001s", "5m5m", "1.2.3s", "-5m", "m", "5x", "9999999d"] {
            let error = parse_duration(text).expect_err(text).to_string();
            assert!(!error.contains("; write"), "{text}: {error}");
        }
    }

    #[test]
    fn what_is_suggested_is_a_duration() {
        for text in ["1.5m", "2.25d", "1 hour", "0.001s", "30s1h"] {
            let error = parse_duration(text).expect_err(text).to_string();
            let (_, write) = error.rsplit_once("write \"").expect(text);
            assert!(parse_duration(write.trim_end_matches('"')).is_ok(), "{error}");
        }
    }
}
