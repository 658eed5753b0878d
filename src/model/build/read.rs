//! Reading values of a type: a number of replicas, a duration, a choice, a table with known
//! fields. A reader that gives `None` has reported why, or the value is not known.
//!
//! May import: `text`, `model`.

use super::at::{At, Builder, Table};
use super::words::{describe, figure, numeral, quoted, shown, suggestion};
use crate::model::finding::did_you_mean;
use crate::model::policy::FnRef;
use crate::model::raw::RawValue;
use crate::model::time::{Duration, parse_duration};
use crate::text::steers;

/// The most replicas that any bound may name.
pub(super) const MOST: u32 = 1_000_000;

/// What a table may hold beside its fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// Fields only.
    Map,
    /// List entries only.
    List,
    /// Both.
    Both,
}

/// What the fields of a table are.
#[derive(Debug, Clone, Copy)]
pub(super) enum Known<'k> {
    /// These, and no others.
    Only(&'k [&'k str]),
    /// Names that the caller checks.
    Any,
}

impl<'a> Builder<'a> {
    /// Reports that a value is of the wrong type. `expected` is "a number of replicas".
    pub fn wrong_type(&mut self, at: &At<'a>, expected: &str, write: Option<String>) {
        match at.value {
            RawValue::Unknown => {}
            RawValue::Secret(_) => self.error(
                "misplaced-secret",
                &at.place,
                format!("a secret cannot be used in `{}`", at.path),
                "a secret is read only when an effect is performed: use it in the arguments of `act.…` inside `on`",
            ),
            value => {
                let message = format!("`{}` must be {expected}, found {}", at.path, describe(value));
                let help = match write.or_else(|| example(expected).map(String::from)) {
                    Some(write) => format!("write {write}"),
                    None => format!("{expected} is expected here"),
                };
                self.error("wrong-type", &at.place, message, help);
            }
        }
    }

    /// A finite number.
    pub fn number(&mut self, at: &At<'a>, expected: &str) -> Option<f64> {
        match at.value {
            RawValue::Number(n) if n.is_finite() => Some(*n),
            RawValue::Number(n) => {
                let what = if n.is_nan() { "NaN, not a number (0/0?)" } else { "infinite" };
                self.error(
                    "bad-number",
                    &at.place,
                    format!("`{}` is {what}", at.path),
                    format!("{expected} is expected here, and must be finite"),
                );
                None
            }
            value => {
                let write = match value {
                    RawValue::String(text) => numeral(text, expected.contains("percentage")),
                    _ => None,
                };
                self.wrong_type(at, expected, write);
                None
            }
        }
    }

    /// A number of at least `least` (or above it, with `open`) and at most `most`.
    pub fn number_in(
        &mut self,
        at: &At<'a>,
        expected: &str,
        (least, open): (f64, bool),
        most: f64,
    ) -> Option<f64> {
        let n = self.number(at, expected)?;
        if n < least || (open && n <= least) || n > most {
            let lower =
                if open { format!("above {}", figure(least)) } else { format!("{} or more", figure(least)) };
            let upper = if most.is_finite() { format!(", at most {}", figure(most)) } else { String::new() };
            self.error(
                "out-of-range",
                &at.place,
                format!("`{}` is {}, which is out of range", at.path, figure(n)),
                format!("{expected} is {lower}{upper}"),
            );
            return None;
        }
        Some(n)
    }

    /// A positive number.
    pub fn positive(&mut self, at: &At<'a>, expected: &str) -> Option<f64> {
        self.number_in(at, expected, (0.0, true), f64::INFINITY)
    }

    /// A whole number of replicas, `least..=MOST`.
    pub fn replicas(&mut self, at: &At<'a>, least: u32) -> Option<u32> {
        let n = self.number(at, "a number of replicas")?;
        if n < f64::from(least) || n > f64::from(MOST) {
            self.error(
                "out-of-range",
                &at.place,
                format!("`{}` is {} replicas, which is out of range", at.path, figure(n)),
                format!("a whole number from {least} to {MOST} is expected here"),
            );
            return None;
        }
        if n.fract() != 0.0 {
            self.error(
                "not-whole",
                &at.place,
                format!("`{}` is {} replicas, which is no whole number", at.path, figure(n)),
                format!("write {} or {}", figure(n.floor().max(f64::from(least))), figure(n.ceil())),
            );
            return None;
        }
        // In range and whole, as checked above.
        Some(n as u32)
    }

    /// A duration of at least `least`, as a text or a number of seconds.
    pub fn duration(&mut self, at: &At<'a>, least: Duration) -> Option<Duration> {
        let duration = match at.value {
            RawValue::Number(_) => {
                let seconds = self.number(at, "a duration")?;
                if seconds < 0.0 {
                    self.error(
                        "bad-duration",
                        &at.place,
                        format!("`{}` is {} seconds; a duration is never negative", at.path, figure(seconds)),
                        format!("write {} or \"{}\"", figure(-seconds), Duration(millis(-seconds))),
                    );
                    return None;
                }
                if seconds > 31_557_600_000.0 {
                    self.error(
                        "bad-duration",
                        &at.place,
                        format!("`{}` is {} seconds, more than a thousand years", at.path, figure(seconds)),
                        "a number counts seconds; write a duration such as \"5m\"",
                    );
                    return None;
                }
                Duration(millis(seconds))
            }
            RawValue::String(text) => match parse_duration(text) {
                Ok(duration) => duration,
                Err(error) => {
                    self.error(
                        "bad-duration",
                        &at.place,
                        format!("`{}`: {error}", at.path),
                        "a duration is a text such as \"90s\", \"5m\", \"2h\", \"14d\" or \"1h30m\", or a number of seconds",
                    );
                    return None;
                }
            },
            _ => {
                self.wrong_type(
                    at,
                    "a duration",
                    Some("a text such as \"90s\", \"5m\" or \"1h30m\", or a number of seconds".into()),
                );
                return None;
            }
        };
        if duration < least {
            self.error(
                "out-of-range",
                &at.place,
                format!("`{}` is {duration}, which is too short", at.path),
                match least {
                    Duration(1) => "it must be longer than nothing".to_string(),
                    least => format!("it must be at least {least}"),
                },
            );
            return None;
        }
        Some(duration)
    }

    /// A text that is not empty.
    pub fn text(&mut self, at: &At<'a>, expected: &str) -> Option<&'a str> {
        match at.value {
            RawValue::String(text) if text.trim().is_empty() => {
                self.error(
                    "empty-value",
                    &at.place,
                    format!("`{}` is empty", at.path),
                    format!("{expected} is expected here"),
                );
                None
            }
            RawValue::String(text) => Some(text),
            value => {
                let write = match value {
                    RawValue::Number(n) if n.is_finite() => Some(format!("\"{}\"", figure(*n))),
                    RawValue::Bool(b) => Some(format!("\"{b}\"")),
                    _ => None,
                };
                self.wrong_type(at, expected, write);
                None
            }
        }
    }

    /// A name: a text that prints.
    pub fn name(&mut self, at: &At<'a>, expected: &str) -> Option<&'a str> {
        let name = self.text(at, expected)?;
        self.check_name(&at.place.clone(), &format!("`{}`", at.path), name).then_some(name)
    }

    /// Whether a name prints; reports it where it does not.
    pub fn check_name(&mut self, place: &super::at::Where, whose: &str, name: &str) -> bool {
        if name.trim().is_empty() {
            self.error("bad-name", place, format!("{whose} is empty"), "give it a name that reads well");
            return false;
        }
        if let Some(c) = name.chars().find(|c| steers(*c)) {
            self.error(
                "bad-name",
                place,
                match c.is_control() {
                    true => format!("{whose} holds the control character U+{:04X}", u32::from(c)),
                    false => format!("{whose} holds U+{:04X}, which is not shown", u32::from(c)),
                },
                "names are printed in reports and logs: use characters that print",
            );
            return false;
        }
        if name.chars().count() > 253 {
            self.error(
                "bad-name",
                place,
                format!("{whose} is {} characters long", name.chars().count()),
                "a name has at most 253 characters",
            );
            return false;
        }
        true
    }

    /// `true` or `false`.
    pub fn boolean(&mut self, at: &At<'a>) -> Option<bool> {
        match at.value {
            RawValue::Bool(b) => Some(*b),
            value => {
                let write = match value {
                    RawValue::String(t) if t == "true" || t == "yes" => Some("true".into()),
                    RawValue::String(t) if t == "false" || t == "no" => Some("false".into()),
                    RawValue::Number(n) if *n == 1.0 => Some("true".into()),
                    RawValue::Number(n) if *n == 0.0 => Some("false".into()),
                    _ => None,
                };
                self.wrong_type(at, "true or false", write);
                None
            }
        }
    }

    /// A function.
    pub fn function(&mut self, at: &At<'a>, write: &str) -> Option<FnRef> {
        match at.value {
            RawValue::Function(function, _) => Some(*function),
            _ => {
                self.wrong_type(at, "a function", Some(format!("`{write}`")));
                None
            }
        }
    }

    /// One of several texts.
    pub fn choice<T: Copy>(&mut self, at: &At<'a>, expected: &str, choices: &[(&str, T)]) -> Option<T> {
        let all = || choices.iter().map(|(n, _)| format!("\"{n}\"")).collect::<Vec<_>>().join(", ");
        let RawValue::String(text) = at.value else {
            self.wrong_type(at, expected, Some(format!("one of {}", all())));
            return None;
        };
        if let Some((_, value)) = choices.iter().find(|(n, _)| n == text) {
            return Some(*value);
        }
        let near = did_you_mean(text, choices.iter().map(|(n, _)| *n));
        self.error(
            "unknown-value",
            &at.place,
            format!("`{}` cannot be {}", at.path, quoted(text)),
            suggestion(near, &format!("accepted are {}", all())),
        );
        None
    }

    /// A table, its shape and fields checked. `what` is "a rule".
    pub fn table(&mut self, at: &At<'a>, what: &str, known: Known<'_>, shape: Shape) -> Option<Table<'a>> {
        let RawValue::Table(raw) = at.value else {
            self.wrong_type(at, what, None);
            return None;
        };
        let table = Table { at: at.clone(), raw };
        if shape != Shape::List {
            if let Known::Only(known) = known {
                for (key, entry) in self.fields(&table) {
                    if !known.contains(&key) {
                        self.unknown_field(&entry, key, what, known);
                    }
                }
            }
        } else {
            for (key, entry) in self.fields(&table) {
                self.error(
                    "unknown-field",
                    &entry.key,
                    format!("{what} is a list, and `{}` is a field", shown(key)),
                    "put the entries between braces of their own: { { … }, { … } }",
                );
            }
        }
        self.check_shape(&table, what, shape);
        Some(table)
    }

    /// Reports list entries where there are none, holes in a list, and keys that are neither.
    pub fn check_shape(&mut self, table: &Table<'a>, what: &str, shape: Shape) {
        if shape == Shape::Map {
            // One finding for all of them: they come from one slip.
            let mut entries = self.list(table).into_iter().filter(|e| *e.value != RawValue::Nil);
            if let Some(first) = entries.next() {
                let message = match table.at.path.is_empty() {
                    true => format!("{} stands without a name in {what}", describe(first.value)),
                    false => {
                        format!("{} stands without a name in `{}`", describe(first.value), table.at.path)
                    }
                };
                self.error(
                    "nameless-entry",
                    &first.place,
                    message,
                    format!("{what} is made of `name = value`"),
                );
            }
        } else {
            for entry in self.list(table) {
                if *entry.value == RawValue::Nil {
                    self.error(
                        "nil-entry",
                        &entry.place,
                        format!("`{}` is nil", entry.path),
                        "a list has no holes: a name that is not defined is nil",
                    );
                }
            }
        }
        for key in &table.raw.odd_keys {
            let of = if table.at.path.is_empty() { what.to_string() } else { format!("`{}`", table.at.path) };
            self.error(
                "odd-key",
                &table.at.place,
                format!("the key {key} of {of} is neither a name nor a position"),
                "keys are texts, or positions counted from 1 without a gap",
            );
        }
    }

    /// Reports a field that a table does not have.
    pub fn unknown_field(&mut self, entry: &At<'a>, key: &str, what: &str, known: &[&str]) {
        let near = did_you_mean(key, known.iter().copied());
        let all = known.iter().map(|k| format!("`{k}`")).collect::<Vec<_>>().join(", ");
        self.error(
            "unknown-field",
            &entry.key,
            format!("{what} has no field `{}`", shown(key)),
            suggestion(near, &format!("fields are {all}")),
        );
    }

    /// A field that must be there. `example` is how it may be written.
    pub fn required(&mut self, table: &Table<'a>, what: &str, name: &str, example: &str) -> Option<At<'a>> {
        let found = self.field(table, name);
        if found.is_none() {
            self.error(
                "missing-field",
                &table.at.place,
                format!("{what} has no `{name}`, which is required"),
                format!("write {example}"),
            );
        }
        found
    }

    /// The list part, without its holes (which are reported).
    pub fn entries(&self, table: &Table<'a>) -> Vec<At<'a>> {
        self.list(table).into_iter().filter(|e| *e.value != RawValue::Nil).collect()
    }
}

/// How a table of a kind may be written.
fn example(what: &str) -> Option<&'static str> {
    Some(match what {
        "a table of targets" => "{ cpu = 0.6 }",
        "a list of rules" => "{ { when = function(m) return m.cpu > 0.8 end, add = 1 } }",
        "a rule" => "{ when = function(m) return m.cpu > 0.8 end, add = 1 }",
        "a table of metrics" => "{ cpu = prometheus { query = \"…\" } }",
        "a list of windows" => "{ { cron = \"0 7 * * 1-5\", duration = \"2h\", min = 10 } }",
        "a window" => "{ cron = \"0 7 * * 1-5\", duration = \"2h\", min = 10 }",
        "a list of regions" => "{ \"eu-west-1\", \"us-east-1\" }",
        "a region" => "\"eu-west-1\", or { name = \"eu-west-1\", weight = 2 }",
        "a table of hooks" => "{ at_max = function(event, act) act.log(\"at the ceiling\") end }",
        "a table of labels" => "{ job = \"web\" }",
        "a table of rate limits" => "{ scale_in = { replicas = 2, per = \"1m\" } }",
        "a limit" => "{ percent = 100, per = \"1m\" }",
        "a forecast" => "{ metric = \"rps\", per_replica = 120, horizon = \"10m\" }",
        "a fallback" => "{ after = \"5m\", replicas = 10 }",
        "a cost" => "{ per_replica_hour = 0.19, currency = \"USD\" }",
        "a table of bounds" => "{ min = 1, max = 10 }",
        _ => return None,
    })
}

/// Milliseconds of a number of seconds in range.
fn millis(seconds: f64) -> i64 {
    (seconds * 1000.0).round() as i64
}
