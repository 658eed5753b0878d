//! In which unit a query's result comes, as far as the names in it tell.
//!
//! The names are those of Prometheus' naming practice: the base unit at the end (`_seconds`,
//! `_bytes`), `_total` after it for a counter, `_sum`, `_count` and `_bucket` for histograms. A
//! name that does not keep to it tells nothing, and then neither does the result.
//! May import: `model`, siblings.

use super::{Kind, Node};
use crate::model::Unit;

/// A physical quantity: powers of seconds and bytes, and the size of its unit in those.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Quantity {
    /// Power of seconds.
    pub seconds: i32,
    /// Power of bytes.
    pub bytes: i32,
    /// How much of the base unit one is: 0.001 for milliseconds, 0.01 for percent.
    pub scale: f64,
}

/// Without a unit: a count, a ratio.
const NONE: Quantity = Quantity { seconds: 0, bytes: 0, scale: 1.0 };

impl Quantity {
    /// The quantity of a metric's declared unit.
    pub fn of(unit: Unit) -> Quantity {
        let (seconds, bytes, scale) = match unit {
            Unit::Ratio | Unit::Count => (0, 0, 1.0),
            Unit::Percent => (0, 0, 0.01),
            Unit::Seconds => (1, 0, 1.0),
            Unit::Milliseconds => (1, 0, 0.001),
            Unit::Bytes => (0, 1, 1.0),
            Unit::PerSecond | Unit::TokensPerSecond => (-1, 0, 1.0),
        };
        Quantity { seconds, bytes, scale }
    }

    /// Whether both are the same unit.
    pub fn is(&self, other: &Quantity) -> bool {
        self.measures(other) && (self.scale / other.scale - 1.0).abs() < 1e-6
    }

    /// Whether both measure the same, in whatever unit.
    pub fn measures(&self, other: &Quantity) -> bool {
        self.seconds == other.seconds && self.bytes == other.bytes
    }

    /// In words: `seconds`, `bytes a second`, `a ratio or a count`.
    pub fn words(&self) -> String {
        let near = |scale: f64| (self.scale / scale - 1.0).abs() < 1e-6;
        let plain = match (self.seconds, self.bytes) {
            (0, 0) if near(0.01) => return "percent".into(),
            (0, 0) => "a ratio or a count",
            (1, 0) if near(0.001) => return "milliseconds".into(),
            (1, 0) => "seconds",
            (-1, 0) => "events a second",
            (0, 1) => "bytes",
            (-1, 1) => "bytes a second",
            _ => "something else",
        };
        match near(1.0) {
            true => plain.into(),
            false => format!("{plain} (times {})", crate::lint::intervals::figure(1.0 / self.scale)),
        }
    }

    fn times(self, other: Quantity, sign: i32) -> Quantity {
        Quantity {
            seconds: self.seconds + sign * other.seconds,
            bytes: self.bytes + sign * other.bytes,
            scale: if sign > 0 { self.scale * other.scale } else { self.scale / other.scale },
        }
    }
}

/// The quantity of a query's value; `None` where it cannot be told, or where it is in a unit
/// without a name (a rate times 60).
pub fn quantity(node: &Node) -> Option<Quantity> {
    part(node)
        .filter(|found| Unit::ALL.iter().any(|unit| found.is(&Quantity::of(*unit))) || found.scale == 1.0)
}

fn part(node: &Node) -> Option<Quantity> {
    match &node.kind {
        // A bare number takes the unit of what stands beside it.
        Kind::Number(_) | Kind::Text => None,
        Kind::Selector(selector) => named(selector.name.as_deref()?),
        Kind::Subquery(of, _) | Kind::Negated(of) => part(of),
        Kind::Call { name, arguments, .. } => call(name, arguments),
        Kind::Aggregate { name, of, .. } => match name.as_str() {
            "count" | "group" => Some(NONE),
            "count_values" | "stdvar" => None,
            _ => part(of),
        },
        Kind::Binary { operator, left, right, returns_bool, .. } => {
            binary(operator, left, right, *returns_bool)
        }
    }
}

fn call(name: &str, arguments: &[Node]) -> Option<Quantity> {
    let first = || part(arguments.first()?);
    match name {
        "rate" | "irate" | "deriv" => Some(first()?.times(Quantity::of(Unit::Seconds), -1)),
        // What is asked for is at which bucket, not how many a second are in it.
        "histogram_quantile" => bucket(arguments.get(1)?),
        "quantile_over_time" => part(arguments.get(1)?),
        "count_over_time" | "changes" | "resets" | "absent" | "absent_over_time" => Some(NONE),
        "time" | "timestamp" => Some(Quantity::of(Unit::Seconds)),
        "increase" | "delta" | "idelta" | "abs" | "ceil" | "floor" | "round" | "clamp" | "clamp_min"
        | "clamp_max" | "avg_over_time" | "min_over_time" | "max_over_time" | "last_over_time"
        | "label_replace" | "label_join" | "sort" | "sort_desc" | "scalar" | "predict_linear" => first(),
        _ => None,
    }
}

fn binary(operator: &str, left: &Node, right: &Node, returns_bool: bool) -> Option<Quantity> {
    let (number, other) = match (left.constant(), right.constant()) {
        (Some(_), Some(_)) => return None,
        (Some(number), None) => (Some(number), right),
        (None, Some(number)) => (Some(number), left),
        (None, None) => (None, left),
    };
    match (operator, number) {
        ("*", Some(number)) if number > 0.0 => scaled(part(other)?, number),
        ("/", Some(number)) if number > 0.0 && right.constant().is_some() => {
            // A sum over a window, by its length, is a rate: which of both is meant cannot be told.
            scaled(part(other)?, 1.0 / number)
        }
        // What is left of a whole: `1 - free / size`.
        ("-" | "+", Some(_)) => part(other),
        ("*", None) => Some(part(left)?.times(part(right)?, 1)),
        ("/", None) => Some(part(left)?.times(part(right)?, -1)),
        ("+" | "-" | "or", None) => {
            let (left, right) = (part(left)?, part(right)?);
            left.is(&right).then_some(left)
        }
        ("or", Some(_)) | ("and" | "unless", _) => part(other),
        ("==" | "!=" | ">" | "<" | ">=" | "<=", _) if returns_bool => Some(NONE),
        ("==" | "!=" | ">" | "<" | ">=" | "<=", _) => part(other),
        _ => None,
    }
}

/// The quantity of a value that was multiplied by a number: 1000 makes milliseconds of seconds,
/// 100 percent of a ratio.
fn scaled(of: Quantity, number: f64) -> Option<Quantity> {
    Some(Quantity { scale: of.scale / number, ..of })
}

/// The quantity that the first histogram's buckets are cut by.
fn bucket(node: &Node) -> Option<Quantity> {
    match &node.kind {
        Kind::Selector(selector) => named(selector.name.as_deref()?),
        _ => node.below().into_iter().find_map(bucket),
    }
}

/// The quantity of a series, by its name.
fn named(name: &str) -> Option<Quantity> {
    // What a count counts is no matter; a sum is in its histogram's unit.
    for (end, counts) in [("_bucket", false), ("_sum", false), ("_count", true)] {
        if let Some(base) = name.strip_suffix(end) {
            let unit = base_unit(base);
            return if counts { unit.map(|_| NONE) } else { unit };
        }
    }
    match name.strip_suffix("_total") {
        Some(base) => base_unit(base).or_else(|| is_plain(base).then_some(NONE)),
        None => base_unit(name),
    }
}

/// The quantity that a name's last word tells.
fn base_unit(name: &str) -> Option<Quantity> {
    let last = name.rsplit('_').next()?;
    let unit = match last {
        "seconds" => Unit::Seconds,
        "milliseconds" | "ms" => Unit::Milliseconds,
        "bytes" => Unit::Bytes,
        "ratio" => Unit::Ratio,
        "percent" => Unit::Percent,
        _ => return None,
    };
    // `per_second` and the like are no unit of their last word alone.
    let before = name.strip_suffix(last)?.trim_end_matches('_').rsplit('_').next()?;
    (before != "per" && before != "timestamp").then(|| Quantity::of(unit))
}

/// Whether a counter of this name counts events, and no other unit stands in it.
fn is_plain(name: &str) -> bool {
    const OTHERS: [&str; 28] = [
        "time",
        "duration",
        "latency",
        "millis",
        "micros",
        "nanos",
        "us",
        "ns",
        "cpu",
        "usage",
        "minutes",
        "hours",
        "days",
        "kilobytes",
        "megabytes",
        "gigabytes",
        "kb",
        "mb",
        "gb",
        "kib",
        "mib",
        "bits",
        "joules",
        "volts",
        "amperes",
        "celsius",
        "meters",
        "grams",
    ];
    !name.split('_').any(|word| OTHERS.contains(&word))
}
