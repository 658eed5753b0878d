//! Takes values out of the VM: what a policy declared, and what a hook asked for.
//!
//! Both are bounded: tables that contain themselves, are nested without an end, or share parts
//! so often that a copy would not fit are errors. May import: `model`, siblings.

use super::sandbox::Chunks;
use super::secret::Secret;
use crate::model::FnRef;
use crate::model::effect;
use crate::model::raw::{Place, RawTable, RawValue};
use mlua::{Function, Table, Value};
use std::ffi::c_void;

/// Deepest nesting of tables.
const DEEPEST: usize = 32;
/// Most values in one file's policies, or in one effect's arguments.
const MOST: usize = 50_000;
/// Most bytes of text in one file's policies, or in one effect's arguments.
const LONGEST: usize = 1 << 20;

/// How much was read so far, and the tables that are being read.
#[derive(Default)]
pub(super) struct Walk {
    values: usize,
    bytes: usize,
    path: Vec<*const c_void>,
}

impl Walk {
    fn count(&mut self, bytes: usize) -> Result<(), String> {
        self.values += 1;
        self.bytes += bytes;
        if self.values > MOST {
            return Err(format!("has, with those before it, more than {MOST} values"));
        }
        if self.bytes > LONGEST {
            return Err("has, with those before it, more than 1 MiB of text".into());
        }
        Ok(())
    }

    fn enter(&mut self, table: &Table) -> Result<(), String> {
        let pointer = table.to_pointer();
        if self.path.contains(&pointer) {
            return Err("contains itself".into());
        }
        if self.path.len() == DEEPEST {
            return Err(format!("is nested more than {DEEPEST} tables deep"));
        }
        self.path.push(pointer);
        Ok(())
    }
}

/// Turns a policy's tables into data, keeping its functions.
pub(super) struct Reader<'a> {
    /// What the API's constructors made: table to `{ name, chunk, line }`.
    pub(super) made: &'a Table,
    pub(super) chunks: &'a Chunks,
    /// Functions kept so far; a [`FnRef`] is an index into it.
    pub(super) functions: &'a mut Vec<Function>,
    /// What the file's tables took so far.
    pub(super) walk: &'a mut Walk,
}

impl Reader<'_> {
    /// A policy's table.
    ///
    /// # Errors
    /// The rest of a sentence that begins with what the table is.
    pub(super) fn table(&mut self, table: &Table) -> Result<RawTable, String> {
        self.walk.path.clear();
        self.read(table)
    }

    fn read(&mut self, table: &Table) -> Result<RawTable, String> {
        self.walk.enter(table)?;
        let mut raw = RawTable::default();
        if let Ok(Value::Table(mark)) = self.made.raw_get::<Value>(table) {
            raw.constructor = mark.raw_get::<String>(1).ok();
            self.walk.count(raw.constructor.as_ref().map_or(0, String::len))?;
            let chunk = mark.raw_get::<String>(2).unwrap_or_default();
            raw.place = self.chunks.place(&chunk, mark.raw_get::<u32>(3).unwrap_or(0));
        }
        let mut list: Vec<(usize, RawValue)> = Vec::new();
        for pair in table.pairs::<Value, Value>() {
            let (key, value) = pair.map_err(|error| super::message::root(&error))?;
            let index = index_of(&key);
            match (&key, index) {
                (_, Some(index)) => {
                    let value = self.value(&value)?;
                    list.push((index, value));
                }
                (Value::String(name), None) => {
                    let name = name.to_string_lossy();
                    self.walk.count(name.len())?;
                    let value = self.value(&value)?;
                    raw.fields.push((name, value));
                }
                _ => {
                    self.walk.count(0)?;
                    raw.odd_keys.push(describe_key(&key));
                }
            }
        }
        self.walk.path.pop();
        raw.fields.sort_by(|a, b| a.0.cmp(&b.0));
        list.sort_by_key(|(index, _)| *index);
        for (index, value) in list {
            // A few holes are a list with holes; a far key is a key.
            if index > raw.list.len() + 64 {
                raw.odd_keys.push(index.to_string());
                continue;
            }
            raw.list.resize(index - 1, RawValue::Nil);
            raw.list.push(value);
        }
        raw.odd_keys.sort();
        Ok(raw)
    }

    fn value(&mut self, value: &Value) -> Result<RawValue, String> {
        let bytes = if let Value::String(text) = value { text.as_bytes().len() } else { 0 };
        self.walk.count(bytes)?;
        Ok(match value {
            Value::Nil => RawValue::Nil,
            Value::Boolean(b) => RawValue::Bool(*b),
            Value::Integer(n) => RawValue::Number(*n as f64),
            Value::Number(n) => RawValue::Number(*n),
            Value::String(text) => RawValue::String(text.to_string_lossy()),
            Value::Table(table) if table.metatable().is_some() => {
                RawValue::Other("table with a metatable".into())
            }
            Value::Table(table) => RawValue::Table(self.read(table)?),
            Value::Function(function) => {
                let info = function.info();
                if info.what == "C" {
                    return Ok(RawValue::Other("function of the library".into()));
                }
                let chunk = info.short_src.unwrap_or_default();
                let line = info.line_defined.and_then(|l| u32::try_from(l).ok()).unwrap_or(0);
                let place = self.chunks.place(&chunk, line);
                let number = u32::try_from(self.functions.len()).unwrap_or(u32::MAX);
                self.functions.push(function.clone());
                RawValue::Function(FnRef(number), place)
            }
            Value::UserData(data) => match data.borrow::<Secret>() {
                Ok(secret) => RawValue::Secret(secret.text.clone()),
                Err(_) => RawValue::Other("userdata".into()),
            },
            other => RawValue::Other(other.type_name().into()),
        })
    }
}

/// The number of a list position, from 1.
fn index_of(key: &Value) -> Option<usize> {
    match key {
        Value::Integer(n) => usize::try_from(*n).ok().filter(|n| *n > 0),
        Value::Number(n) if n.fract() == 0.0 && *n >= 1.0 && *n < 1e9 => Some(*n as usize),
        _ => None,
    }
}

fn describe_key(key: &Value) -> String {
    match key {
        Value::Number(_) | Value::Integer(_) => number_text(key),
        Value::Boolean(b) => b.to_string(),
        other => format!("a {}", other.type_name()),
    }
}

/// A number as Luau writes it, near enough: whole numbers without a point.
pub(super) fn number_text(value: &Value) -> String {
    match value {
        Value::Integer(n) => n.to_string(),
        Value::Number(n) if n.is_nan() => "nan".into(),
        Value::Number(n) if n.is_infinite() => if *n > 0.0 { "inf" } else { "-inf" }.into(),
        Value::Number(n) if *n == 0.0 => "0".into(),
        Value::Number(n) => n.to_string(),
        _ => String::new(),
    }
}

/// A value in words, for messages: `5 (a number)`, `nil`, `"hot" (a text)`.
pub(super) fn describe(value: &Value) -> String {
    match value {
        Value::Nil => "nil".into(),
        Value::Boolean(b) => b.to_string(),
        Value::Integer(_) | Value::Number(_) => format!("{} (a number)", number_text(value)),
        Value::String(text) => {
            let text = text.to_string_lossy();
            let mut short: String = text.chars().take(40).collect();
            if short.len() < text.len() {
                short.push('…');
            }
            format!("{short:?} (a text)")
        }
        Value::UserData(data) if data.is::<Secret>() => "a secret".into(),
        other => format!("a {}", other.type_name()),
    }
}

/// The text of a value that was raised as an error.
pub(super) fn raised(value: &Value) -> String {
    match value {
        Value::String(text) => text.to_string_lossy(),
        Value::Error(error) => super::message::root(error),
        other => format!("it raised {} as an error", describe(other)),
    }
}

/// The arguments of an effect, keys sorted.
///
/// # Errors
/// The rest of a sentence that begins with what the table is.
pub(super) fn arguments(table: &Table) -> Result<Vec<(String, effect::Value)>, String> {
    match plain(&Value::Table(table.clone()), &mut Walk::default())? {
        effect::Value::Map(fields) => Ok(fields),
        effect::Value::List(items) if items.is_empty() => Ok(Vec::new()),
        _ => Err("has a list where named fields were expected".into()),
    }
}

fn plain(value: &Value, walk: &mut Walk) -> Result<effect::Value, String> {
    let bytes = if let Value::String(text) = value { text.as_bytes().len() } else { 0 };
    walk.count(bytes)?;
    Ok(match value {
        Value::Nil => effect::Value::Null,
        Value::Boolean(b) => effect::Value::Bool(*b),
        Value::Integer(n) => effect::Value::Number(*n as f64),
        Value::Number(n) if n.is_finite() => effect::Value::Number(*n),
        Value::Number(_) => return Err(format!("holds {}, which JSON cannot carry", number_text(value))),
        Value::String(text) => effect::Value::Text(text.to_string_lossy().as_str().into()),
        Value::UserData(data) => match data.borrow::<Secret>() {
            Ok(secret) => effect::Value::Text(secret.text.clone()),
            Err(_) => return Err("holds userdata".into()),
        },
        Value::Table(table) => {
            walk.enter(table)?;
            let (mut list, mut fields) = (Vec::new(), Vec::new());
            for pair in table.pairs::<Value, Value>() {
                let (key, value) = pair.map_err(|error| super::message::root(&error))?;
                match (index_of(&key), &key) {
                    (Some(index), _) => list.push((index, plain(&value, walk)?)),
                    (None, Value::String(name)) => {
                        let name = name.to_string_lossy();
                        walk.count(name.len())?;
                        fields.push((name, plain(&value, walk)?));
                    }
                    _ => return Err(format!("has the key {}; use texts, or a list", describe_key(&key))),
                }
            }
            walk.path.pop();
            list.sort_by_key(|(index, _)| *index);
            let whole = list.iter().enumerate().all(|(i, (index, _))| *index == i + 1);
            if !list.is_empty() && (!fields.is_empty() || !whole) {
                return Err("mixes named fields and a list, or has a list with holes".into());
            }
            fields.sort_by(|a: &(String, effect::Value), b| a.0.cmp(&b.0));
            match list.is_empty() {
                true => effect::Value::Map(fields),
                false => effect::Value::List(list.into_iter().map(|(_, v)| v).collect()),
            }
        }
        other => return Err(format!("holds a {}, which cannot be sent", other.type_name())),
    })
}

impl Chunks {
    /// A line of a chunk as a place.
    pub(super) fn place(&self, chunk: &str, line: u32) -> Place {
        match self.source(chunk) {
            Some(source) => Place { source: source.name, line },
            None => Place::default(),
        }
    }
}
