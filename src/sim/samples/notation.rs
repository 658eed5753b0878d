//! The series notation of Prometheus' rule tests: `"1+2x3"` is 1 3 5 7, `"5x4"` is 5 five times, `_`
//! is a row without a value (`_x3`: three of them), `stale` and NaN say that there is no value.
//! Source: "Unit testing for rules" in Prometheus' documentation.

use super::number::{self, Number};
use super::place::{Complaint, shown};

/// Most values of a file's series together.
pub(super) const MOST_VALUES: usize = 1_000_000;

const FORM: &str = "write values with blanks between them: 0.5 0.7, 1+2x10 (1 and ten more, each 2 up), 5x4 (5 and four more), _ (nothing), stale";

/// Reads a series. `room` is how many values there may be.
///
/// # Errors
/// What is wrong, and the bytes of the piece that is.
pub(super) fn parse(text: &str, room: usize) -> Result<Vec<Number>, ((usize, usize), Complaint)> {
    let mut out = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find(|c: char| !c.is_whitespace()) {
        let from = text.len() - rest.len() + start;
        let piece = rest.get(start..).unwrap_or_default().split_whitespace().next().unwrap_or_default();
        rest = text.get(from + piece.len()..).unwrap_or_default();
        let run = run(piece).map_err(|complaint| ((from, from + piece.len()), complaint))?;
        if run.count > room.saturating_sub(out.len()) {
            let complaint = Complaint::new(
                format!("`{}` makes the series of this file longer than {MOST_VALUES} values", shown(piece)),
                "write a recording that long as CSV",
            );
            return Err(((from, from + piece.len()), complaint));
        }
        out.extend((0..run.count).map(|i| match run.first {
            Number::Value(first) if run.step != 0.0 => finite(first + run.step * i as f64),
            first => first,
        }));
    }
    if out.is_empty() {
        return Err(((0, text.len()), Complaint::new("this series has no values", FORM)));
    }
    Ok(out)
}

fn finite(value: f64) -> Number {
    if value.is_finite() { Number::Value(value) } else { Number::None }
}

/// Values that a piece stands for.
struct Run {
    first: Number,
    step: f64,
    count: usize,
}

fn run(piece: &str) -> Result<Run, Complaint> {
    let (body, times) = match piece.rsplit_once('x').filter(|(body, _)| !body.is_empty()) {
        // 0x10 would read as 0 ten more times; a hexadecimal number is what somebody meant.
        Some(("0", times)) if times.len() > 1 && times.starts_with('0') => {
            return Err(Complaint::new(format!("`{}` is no value", shown(piece)), "hexadecimal is not read"));
        }
        Some((body, times)) => {
            let count = times.parse::<usize>().map_err(|_| {
                Complaint::new(format!("`{}`: a whole number was expected after x", shown(piece)), FORM)
            })?;
            (body, Some(count))
        }
        None => (piece, None),
    };
    match body {
        // A missing value has nothing to start from, so x says how many there are.
        "_" => return Ok(Run { first: Number::Blank, step: 0.0, count: times.unwrap_or(1) }),
        "stale" if times.is_none() => return Ok(Run { first: Number::None, step: 0.0, count: 1 }),
        _ => {}
    }
    let count = times.map_or(1, |n| n.saturating_add(1));
    // The sign of a step is the last one that is neither the number's own nor its exponent's.
    let sign = body
        .char_indices()
        .skip(1)
        .filter(|(at, c)| {
            matches!(c, '+' | '-') && !body.get(..*at).is_some_and(|b| b.ends_with(['e', 'E', '+', '-']))
        })
        .map(|(at, _)| at)
        .last();
    let (first, step) = match (sign, times) {
        (Some(at), Some(_)) => {
            let step = body.get(at..).unwrap_or_default();
            let step = step.parse::<f64>().ok().filter(|s| s.is_finite()).ok_or_else(|| {
                Complaint::new(format!("`{}`: a step such as +2 was expected before x", shown(piece)), FORM)
            })?;
            (body.get(..at).unwrap_or_default(), step)
        }
        (Some(_), None) => {
            let what =
                format!("`{}` has a step but does not say how often: {}x10", shown(piece), shown(piece));
            return Err(Complaint::new(what, FORM));
        }
        (None, _) => (body, 0.0),
    };
    match number::number(first, false)? {
        Number::Blank => Err(Complaint::new(format!("`{}` is no value", shown(piece)), FORM)),
        first => Ok(Run { first, step, count }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<String> {
        let values = parse(text, 1000).unwrap_or_else(|(_, c)| panic!("{text}: {}", c.message));
        let word = |v| match v {
            Number::Value(v) => format!("{v}"),
            Number::Blank => "_".into(),
            Number::None => "none".into(),
        };
        values.into_iter().map(word).collect()
    }

    #[test]
    fn the_examples_of_the_documentation() {
        assert_eq!(read("-2+4x3"), ["-2", "2", "6", "10"]);
        assert_eq!(read("1-2x4"), ["1", "-1", "-3", "-5", "-7"]);
        assert_eq!(read("1x4"), ["1"; 5]);
        assert_eq!(read("1 _x3 stale"), ["1", "_", "_", "_", "none"]);
    }

    #[test]
    fn numbers_in_their_other_forms() {
        assert_eq!(read("5x4 _ 7"), ["5", "5", "5", "5", "5", "_", "7"]);
        assert_eq!(read("1e3+5e-1x2"), ["1000", "1000.5", "1001"]);
        assert_eq!(read(" NaN\n +Inf\t0.5x0 "), ["none", "none", "0.5"]);
        assert_eq!(read("0x2"), ["0", "0", "0"]);
        assert_eq!(read("0.1+0.1x2"), ["0.1", "0.2", "0.30000000000000004"]);
    }

    #[test]
    fn what_is_wrong_is_told_with_its_piece() {
        for (text, piece, part) in [
            ("1 2 x 3", "x", "no number"),
            ("1+2", "1+2", "how often"),
            ("1+x3", "1+x3", "a step such as"),
            ("1x", "1x", "whole number was expected after x"),
            ("1x-3", "1x-3", "whole number was expected after x"),
            ("5 12500m", "12500m", "Kubernetes quantity"),
            ("1x99999999999999999999", "1x99999999999999999999", "whole number"),
            ("1x5000", "1x5000", "longer than"),
            ("stalex3", "stalex3", "no number"),
            ("0x0F", "0x0F", "no value"),
            ("  ", "  ", "no values"),
        ] {
            let ((start, end), complaint) = parse(text, 1000).map(|_| ()).expect_err(text);
            assert_eq!(text.get(start..end), Some(piece), "{text}");
            assert!(complaint.message.contains(part), "{text}: {}", complaint.message);
        }
    }
}
