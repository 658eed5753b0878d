//! One JSON object a line, with the columns of CSV as its keys. A key that is not there is no sample;
//! `null` says that there is no value.

use super::ReadOptions;
use super::place::{Complaint, Problems, Text, shown};
use super::table::{Cell, Role, Table};
use crate::model::Finding;
use crate::sim::series::Samples;
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;

/// A value of a row's key; what is nested is read and dropped.
enum Scalar<'a> {
    Text(Cow<'a, str>),
    Number(f64),
    Bool(bool),
    Null,
    Nested(&'static str),
}

/// The keys and values of one line, in their order.
struct Pairs<'a>(Vec<(Cow<'a, str>, Scalar<'a>)>);

impl<'de: 'a, 'a> Deserialize<'de> for Scalar<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct V;
        impl<'de> Visitor<'de> for V {
            type Value = Scalar<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value")
            }
            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Scalar::Text(Cow::Borrowed(text)))
            }
            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Scalar::Text(Cow::Owned(text.to_owned())))
            }
            fn visit_f64<E>(self, number: f64) -> Result<Self::Value, E> {
                Ok(Scalar::Number(number))
            }
            fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
                Ok(Scalar::Number(number as f64))
            }
            fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
                Ok(Scalar::Number(number as f64))
            }
            fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
                Ok(Scalar::Bool(value))
            }
            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(Scalar::Null)
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                while map.next_entry::<serde::de::IgnoredAny, serde::de::IgnoredAny>()?.is_some() {}
                Ok(Scalar::Nested("an object"))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
                while list.next_element::<serde::de::IgnoredAny>()?.is_some() {}
                Ok(Scalar::Nested("a list"))
            }
        }
        deserializer.deserialize_any(V)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Pairs<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct V;
        impl<'de> Visitor<'de> for V {
            type Value = Pairs<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("one object a line, such as {\"time\":\"2024-03-01T12:00:00Z\",\"cpu\":0.5}")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut pairs = Vec::new();
                while let Some(Key(key)) = map.next_key::<Key<'de>>()? {
                    pairs.push((key, map.next_value()?));
                }
                Ok(Pairs(pairs))
            }
        }
        deserializer.deserialize_map(V)
    }
}

/// A key, borrowed where it has no escapes.
struct Key<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Key<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Scalar::deserialize(deserializer)? {
            Scalar::Text(text) => Ok(Key(text)),
            _ => Err(serde::de::Error::custom("a key that is no text")),
        }
    }
}

/// Reads a whole file.
///
/// # Errors
/// Findings with places.
pub(super) fn read(text: Text<'_>, options: &ReadOptions) -> Result<Samples, Vec<Finding>> {
    let mut table = Table::new(options, Problems::new(&text), &text.name);
    if !table.problems.none() {
        return Err(table.problems.finish());
    }
    let mut roles: HashMap<String, Vec<Role>> = HashMap::new();
    let mut offset = 0;
    let mut first = true;
    for line in text.text.split_inclusive('\n') {
        let start = offset;
        offset += line.len();
        let body = line.trim();
        if body.is_empty() {
            continue;
        }
        let indent = line.len() - line.trim_start().len();
        let whole = (start + indent, start + indent + body.len());
        let pairs = match serde_json::from_str::<Pairs<'_>>(body) {
            Ok(Pairs(pairs)) => pairs,
            Err(error) => {
                let at = (whole.0 + error.column().saturating_sub(1)).min(whole.1);
                let nan = [at.saturating_sub(1), at].iter().any(|from| {
                    let rest = text.text.get(*from..whole.1).unwrap_or_default();
                    ["NaN", "Inf", "-Inf"].iter().any(|word| rest.starts_with(word))
                });
                let list = first && body.starts_with('[');
                table.problems.at((at, whole.1), complain(&error, list, nan), "");
                if list {
                    return Err(table.problems.finish());
                }
                continue;
            }
        };
        if first {
            table.layout(pairs.iter().map(|(key, _)| &**key));
            first = false;
        }
        let mut cells = Vec::with_capacity(pairs.len());
        for (at, (key, value)) in pairs.into_iter().enumerate() {
            if !roles.contains_key(&*key) {
                let of = table.roles(&key);
                roles.insert(key.clone().into_owned(), of);
            }
            let of = roles.get(&*key).map(Vec::as_slice).unwrap_or_default();
            for role in of {
                if *role == Role::Time && cells.iter().any(|(r, _, _)| r == role) {
                    // `time` is the time where `timestamp` is there too.
                    if !key.eq_ignore_ascii_case("time") {
                        continue;
                    }
                    cells.retain(|(r, _, _)| r != role);
                }
                if cells.iter().any(|(r, _, _)| r == role) {
                    let what = format!("`{}` is there twice in this row", shown(&key));
                    table.problems.at(whole, Complaint::new(what, "keep one of them"), "");
                    continue;
                }
                let cell = match &value {
                    Scalar::Text(text) => Cell::Text(text.clone()),
                    Scalar::Number(number) => Cell::Number(*number),
                    Scalar::Bool(value) => Cell::Bool(*value),
                    // Of a field of a replica: not known. Of a metric: no value.
                    Scalar::Null if matches!(role, Role::Metric(_) | Role::Value) => Cell::Number(f64::NAN),
                    Scalar::Null => Cell::Text(Cow::Borrowed("")),
                    Scalar::Nested(what) => Cell::Other(what),
                };
                cells.push((*role, cell, at));
            }
        }
        cells.sort_by_key(|(role, _, _)| *role);
        let place = |at: usize| key_place(text.text, whole, at);
        table.row(start, cells.into_iter(), &place);
    }
    table.finish()
}

fn complain(error: &serde_json::Error, list: bool, nan: bool) -> Complaint {
    let words = error.to_string();
    let words = words.split(" at line ").next().unwrap_or_default().to_string();
    if list {
        return Complaint::new(
            "a list of rows is not read",
            "write one object a line: jq -c '.[]' FILE > FILE.jsonl",
        );
    }
    if nan {
        return Complaint::new("NaN and infinity are no JSON", "write null where there is no value");
    }
    if words.contains("number out of range") {
        return Complaint::new("a number is too large", "numbers go up to 1.7e308");
    }
    Complaint::new(
        format!("this line is no JSON object: {}", shown(&words)),
        "write one object a line, such as {\"time\":\"2024-03-01T12:00:00Z\",\"cpu\":0.5}; where there is no value, null",
    )
}

/// The value of the key at a position in a line that is known to be an object: found by skipping
/// texts and what is nested.
fn key_place(text: &str, (start, end): (usize, usize), key: usize) -> (usize, usize) {
    let bytes = text.as_bytes();
    let (mut depth, mut quoted, mut number) = (0, false, 0);
    let mut value = None;
    let mut at = start;
    while at < end {
        match bytes.get(at) {
            Some(b'\\') if quoted => at += 1,
            Some(b'"') => quoted = !quoted,
            _ if quoted => {}
            Some(b'{' | b'[') => depth += 1,
            Some(b'}' | b']') => depth -= 1,
            Some(b':') if depth == 1 && number == key && value.is_none() => value = Some(at + 1),
            _ => {}
        }
        let ends = !quoted && ((depth == 1 && bytes.get(at) == Some(&b',')) || depth == 0);
        if let Some(from) = value.filter(|_| ends) {
            let lead = text.get(from..at).map_or(0, |v| v.len() - v.trim_start().len());
            return (from + lead, at);
        }
        number += usize::from(ends);
        at += 1;
    }
    (start, end)
}
