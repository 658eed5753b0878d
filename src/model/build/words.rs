//! Values and choices in words. May import: `text`, `model`.

use crate::model::raw::RawValue;
use crate::text::steers;

/// "did you mean `x`? Accepted are …": the nearest, then all of them.
pub(super) fn suggestion(near: Option<&str>, all: &str) -> String {
    let Some(near) = near else { return all.to_string() };
    let mut rest = all.chars();
    let first = rest.next().map(|c| c.to_ascii_uppercase());
    format!("did you mean `{near}`? {}{}", first.map(String::from).unwrap_or_default(), rest.as_str())
}

/// A number as a person writes it.
pub(super) fn figure(n: f64) -> String {
    if n.is_nan() {
        return "NaN".into();
    }
    if n.is_infinite() {
        return if n > 0.0 { "infinity".into() } else { "-infinity".into() };
    }
    if n != 0.0 && (n.abs() >= 1e15 || n.abs() < 1e-6) { format!("{n:e}") } else { format!("{n}") }
}

/// A text in quotes, shortened and on one line.
pub(super) fn quoted(text: &str) -> String {
    format!("\"{}\"", shown(text))
}

/// A text shortened and on one line.
pub(super) fn shown(text: &str) -> String {
    let mut out = String::new();
    for (i, c) in text.chars().enumerate() {
        if i == 40 {
            out.push('…');
            break;
        }
        match c {
            '\n' => out.push_str("\\n"),
            '"' => out.push_str("\\\""),
            c if steers(c) => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

/// A value in a few words: `the text "3"`, `a function`.
pub(super) fn describe(value: &RawValue) -> String {
    match value {
        RawValue::Nil => "nil".into(),
        RawValue::Bool(b) => b.to_string(),
        RawValue::Number(n) => format!("the number {}", figure(*n)),
        RawValue::String(text) => format!("the text {}", quoted(text)),
        RawValue::Secret(_) => "a secret".into(),
        RawValue::Function(..) => "a function".into(),
        RawValue::Table(table) => match &table.constructor {
            Some(name) => format!("{name} {{ … }}"),
            None => "a table".into(),
        },
        RawValue::Other(kind) => format!("a {kind}"),
        RawValue::Unknown => "a computed value".into(),
    }
}

/// The number that a text holds, as it should be written; `50%` too where a percentage is meant.
pub(super) fn numeral(text: &str, percentage: bool) -> Option<String> {
    let bare = text.trim();
    let bare = if percentage { bare.trim_end_matches('%').trim_end() } else { bare };
    bare.parse::<f64>().ok().filter(|n| n.is_finite()).map(figure)
}
