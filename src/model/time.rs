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
    let fail = |why: String| Err(DurationError(why));
    if text.is_empty() {
        return fail("an empty text is no duration; write \"90s\", \"5m\" or \"1h30m\"".into());
    }
    let mut rest = text;
    let mut total: i64 = 0;
    let mut next_unit = 0;
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        if digits == 0 {
            return fail(format!(
                "\"{text}\" is no duration: a whole number and a unit (d, h, m, s, ms) were expected at \"{rest}\""
            ));
        }
        let Ok(number) = rest[..digits].parse::<i64>() else {
            return fail(format!("\"{text}\" is too long a duration"));
        };
        rest = &rest[digits..];
        let letters = rest.bytes().take_while(|b| !b.is_ascii_digit()).count();
        let (unit, after) = rest.split_at(letters);
        let Some(at) = UNITS.iter().position(|(name, _)| *name == unit) else {
            let why = match unit {
                "" => format!("\"{text}\" has no unit: write \"{text}s\" for seconds, or the number alone"),
                "M" | "mo" | "y" | "w" => {
                    format!("\"{text}\": the unit \"{unit}\" is not known; a week is \"7d\"")
                }
                u if u.starts_with('.') => {
                    format!("\"{text}\": fractions are not written so; 1.5h is \"1h30m\"")
                }
                _ => format!("\"{text}\": the unit \"{unit}\" is not known; units are d, h, m, s, ms"),
            };
            return fail(why);
        };
        if at < next_unit {
            return fail(format!("\"{text}\": units go from large to small, each once, as in \"1h30m\""));
        }
        next_unit = at + 1;
        total = match number.checked_mul(UNITS[at].1).and_then(|ms| total.checked_add(ms)) {
            // A thousand years; anything longer is a slip, and would overflow instants.
            Some(total) if total <= 31_557_600_000_000 => total,
            _ => return fail(format!("\"{text}\" is too long a duration")),
        };
        rest = after;
    }
    Ok(Duration(total))
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
            ("1.5h", "1h30m"),
            ("5x", "units are"),
            ("1m1h", "large to small"),
            ("5m5m", "each once"),
            ("-5m", "whole number"),
            ("1w", "7d"),
            ("99999999999999999999s", "too long"),
            ("999999999d", "too long"),
        ] {
            let error = parse_duration(text).expect_err(text).to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
