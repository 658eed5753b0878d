//! A cell as a number: what is read, what counts as missing, and what to say of the rest.

use super::place::{Complaint, shown};
use crate::model::{Duration, Phase, quantity, time::parse_duration};

/// What a cell holds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Number {
    /// A finite number.
    Value(f64),
    /// Nothing is written.
    Blank,
    /// NaN or infinity: the recording says that there is no value.
    None,
}

/// Reads a number as recordings write it: digits with `.` and an exponent. `NaN` and infinity (any
/// case, any sign) are "no value". With `quantities`, Kubernetes' suffixes are read.
pub(super) fn number(cell: &str, quantities: bool) -> Result<Number, Complaint> {
    let cell = cell.trim();
    if cell.is_empty() {
        return Ok(Number::Blank);
    }
    match cell.parse::<f64>() {
        Ok(value) if value.is_finite() => return Ok(Number::Value(value)),
        // Rust reads 1e400 as infinity; only the words mean it.
        Ok(_) if !cell.bytes().any(|b| b.is_ascii_digit()) => return Ok(Number::None),
        Ok(_) => {
            return Err(Complaint::new(
                format!("`{}` is too large a number", shown(cell)),
                "numbers go up to 1.7e308",
            ));
        }
        Err(_) => {}
    }
    match quantity::suffixed(cell) {
        Some(value) if quantities => Ok(Number::Value(value)),
        Some(value) => Err(Complaint::new(
            format!("`{cell}` is no number: it looks like a Kubernetes quantity of {value}"),
            format!("write {value}, or read quantities with --quantities"),
        )),
        None => Err(Complaint::new(format!("`{}` is no number", shown(cell)), hint(cell))),
    }
}

/// What to write instead of a cell that is no number.
fn hint(cell: &str) -> String {
    let bare = |text: &str| text.trim().parse::<f64>().ok().filter(|v| v.is_finite());
    if let Some(number) = cell.strip_suffix('%').and_then(bare) {
        return format!("write {number} for a metric in percent, or {} for a ratio", number / 100.0);
    }
    if cell.matches(',').count() == 1
        && let Some(number) = bare(&cell.replace(',', "."))
    {
        // 1,234 is a thousand and some as likely; 0,234 and 1,23 are not.
        let (whole, rest) = cell.split_once(',').unwrap_or((cell, ""));
        let grouped = bare(&format!("{whole}{rest}")).filter(|_| {
            rest.len() == 3
                && rest.bytes().all(|b| b.is_ascii_digit())
                && bare(whole).is_some_and(|w| w != 0.0)
        });
        return match grouped {
            Some(grouped) => format!("write {grouped}, or {number} if the comma is the decimal point"),
            None => format!("a decimal comma is not read: write {number}"),
        };
    }
    if let Some(number) = bare(&cell.replace([',', '_', ' ', '\u{a0}', '\''], "")) {
        return format!("digits are not grouped: write {number}");
    }
    let digits = cell.trim_start_matches(['-', '+']);
    if digits.starts_with("0x") || digits.starts_with("0X") {
        return "hexadecimal is not read: write it in decimal".into();
    }
    if cell.eq_ignore_ascii_case("true") || cell.eq_ignore_ascii_case("false") {
        return "write 1 or 0".into();
    }
    if ["null", "none", "na", "n/a", "-", "nil", "undefined"].contains(&cell.to_ascii_lowercase().as_str()) {
        return "leave the cell empty, or write NaN, where there is no value".into();
    }
    for unit in ["ms", "s", "min", "h"] {
        if let Some(number) = cell.strip_suffix(unit).and_then(bare) {
            return format!("a cell has no unit: write {number}, and say the unit in the policy");
        }
    }
    "write a number such as 0.75 or 1200; leave the cell empty where there is no value".into()
}

/// A number of replicas: whole, 0 or more.
pub(super) fn count(value: f64) -> Result<u32, Complaint> {
    if value.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(&value) {
        return Ok(value as u32);
    }
    Err(Complaint::new(
        format!("{value} is no number of replicas"),
        "replicas are whole and not negative; an average over time is not a count",
    ))
}

/// `true`, `false`, `1`, `0`; nothing is `None`.
pub(super) fn flag(cell: &str) -> Result<Option<bool>, Complaint> {
    match cell.trim().to_ascii_lowercase().as_str() {
        "" => Ok(None),
        "true" | "1" => Ok(Some(true)),
        "false" | "0" => Ok(Some(false)),
        _ => Err(Complaint::new(
            format!("`{}` is neither true nor false", shown(cell)),
            "write true or false; leave the cell empty where it is not known",
        )),
    }
}

/// A replica's phase, as Kubernetes names it, in any case.
pub(super) fn phase(cell: &str) -> Result<Phase, Complaint> {
    match cell.trim().to_ascii_lowercase().as_str() {
        "" | "running" => Ok(Phase::Running),
        "pending" => Ok(Phase::Pending),
        "succeeded" => Ok(Phase::Succeeded),
        "failed" => Ok(Phase::Failed),
        "unknown" => Ok(Phase::Unknown),
        _ => Err(Complaint::new(
            format!("`{}` is no phase of a replica", shown(cell)),
            "phases are Pending, Running, Succeeded, Failed, Unknown",
        )),
    }
}

/// A duration as policies write it, or a number of seconds; nothing is `None`.
pub(super) fn window(cell: &str) -> Result<Option<Duration>, Complaint> {
    let cell = cell.trim();
    if cell.is_empty() {
        return Ok(None);
    }
    if let Ok(seconds) = cell.parse::<f64>()
        && (0.0..=1e9).contains(&seconds)
    {
        return Ok(Some(Duration((seconds * 1000.0).round() as i64)));
    }
    parse_duration(cell)
        .map(Some)
        .map_err(|e| Complaint::new(shown(&e.to_string()), "write 30s, or a number of seconds"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_what_counts_as_missing() {
        for (cell, want) in [
            ("0.8", Number::Value(0.8)),
            (" 1e3 ", Number::Value(1000.0)),
            ("-4", Number::Value(-4.0)),
            ("+.5", Number::Value(0.5)),
            ("", Number::Blank),
            ("  ", Number::Blank),
            ("NaN", Number::None),
            ("nan", Number::None),
            ("+Inf", Number::None),
            ("-infinity", Number::None),
        ] {
            assert_eq!(number(cell, false), Ok(want), "{cell}");
        }
    }

    #[test]
    fn what_is_no_number_says_what_to_write() {
        for (cell, message, help) in [
            ("12500m", "Kubernetes quantity of 12.5", "--quantities"),
            ("64Mi", "quantity of 67108864", "--quantities"),
            ("85%", "no number", "write 85 for a metric in percent, or 0.85"),
            ("1,5", "no number", "decimal comma is not read: write 1.5"),
            ("1,234", "no number", "write 1234, or 1.234 if the comma is the decimal point"),
            ("-12,500", "no number", "write -12500, or -12.5 if the comma is the decimal point"),
            ("0,234", "no number", "decimal comma is not read: write 0.234"),
            ("1,2345", "no number", "decimal comma is not read: write 1.2345"),
            ("1,234,567", "no number", "write 1234567"),
            ("1_000", "no number", "write 1000"),
            ("1e400", "too large", "1.7e308"),
            ("-1e400", "too large", "1.7e308"),
            ("0x10", "no number", "hexadecimal"),
            ("-0x10", "no number", "hexadecimal"),
            ("true", "no number", "write 1 or 0"),
            ("null", "no number", "leave the cell empty"),
            ("250ms", "no number", "write 250"),
            ("abc", "no number", "such as 0.75"),
        ] {
            let error = number(cell, false).expect_err(cell);
            assert!(error.message.contains(message), "{cell}: {}", error.message);
            assert!(error.help.contains(help), "{cell}: {}", error.help);
        }
    }

    #[test]
    fn quantities_are_read_where_asked_for() {
        for (cell, want) in [
            ("12500m", 12.5),
            ("60250m", 60.25),
            ("1k", 1000.0),
            ("1.5Gi", 1_610_612_736.0),
            ("2M", 2e6),
            ("100n", 1e-7),
            ("3E", 3e18),
            ("7", 7.0),
        ] {
            assert_eq!(number(cell, true), Ok(Number::Value(want)), "{cell}");
        }
        assert!(number("m", true).is_err());
        assert!(number("1e400m", true).is_err());
        assert!(number("5x", true).is_err());
    }

    #[test]
    fn a_long_cell_is_cut_in_its_message() {
        let error = number(&"z".repeat(100_000), false).expect_err("no number");
        assert!(error.message.chars().count() < 80, "{}", error.message.len());
    }

    #[test]
    fn counts_are_whole() {
        assert_eq!(count(3.0), Ok(3));
        assert!(count(2.5).is_err());
        assert!(count(-1.0).is_err());
        assert!(count(1e12).is_err());
    }
}
