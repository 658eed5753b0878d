//! What is scaled. May import: `text`, `model`.

use super::at::{At, Builder, Table};
use super::read::{Known, Shape};
use super::sources::url;
use super::words::{quoted, suggestion};
use crate::model::finding::did_you_mean;
use crate::model::policy::Target;
use crate::text::Spanned;

/// Constructors of targets, their required and their optional fields.
pub(super) const TARGETS: [(&str, &[&str], &[&str]); 4] = [
    ("http", &["url"], &["method"]),
    ("kubernetes.deployment", &["namespace", "name"], &["context"]),
    ("kubernetes.scale", &["api_version", "kind", "namespace", "name"], &["context"]),
    ("kubernetes.statefulset", &["namespace", "name"], &["context"]),
];

/// Reads a target.
pub(super) fn target<'a>(b: &mut Builder<'a>, at: &At<'a>) -> Option<Spanned<Target>> {
    let write = "kubernetes.deployment { namespace = \"shop\", name = \"checkout\" }";
    let crate::model::raw::RawValue::Table(raw) = at.value else {
        b.wrong_type(at, "a target", Some(write.into()));
        return None;
    };
    let kinds = || TARGETS.iter().map(|(name, ..)| *name);
    let all = kinds().map(|n| format!("`{n}`")).collect::<Vec<_>>().join(", ");
    let Some(constructor) = raw.constructor.as_deref() else {
        b.error(
            "unknown-target",
            &at.place,
            format!("`{}` is a table that does not say what kind of target it is", at.path),
            format!("write {write}; kinds are {all}"),
        );
        return None;
    };
    let Some((kind, required, optional)) = TARGETS.iter().find(|(name, ..)| *name == constructor) else {
        let help = suggestion(did_you_mean(constructor, kinds()), &format!("kinds of target are {all}"));
        b.error("unknown-target", &at.place, format!("`{}` cannot be {constructor} {{ … }}", at.path), help);
        return None;
    };
    let known: Vec<&str> = required.iter().chain(optional.iter()).copied().collect();
    let table = b.table(at, &format!("a {kind} target"), Known::Only(&known), Shape::Map)?;
    let mut arguments = Vec::new();
    let mut good = true;
    for name in required.iter() {
        let example = format!("{name} = {}", example(name));
        match b.required(&table, &format!("the {kind} target"), name, &example) {
            Some(at) => push(b, &at, name, &mut arguments, &mut good),
            None => good = false,
        }
    }
    for name in optional.iter() {
        if let Some(at) = b.field(&table, name) {
            push(b, &at, name, &mut arguments, &mut good);
        }
    }
    arguments.sort();
    good.then(|| Spanned::new(Target { kind: kind.to_string(), arguments }, at.span()))
}

fn push<'a>(
    b: &mut Builder<'a>,
    at: &At<'a>,
    name: &str,
    arguments: &mut Vec<(String, String)>,
    good: &mut bool,
) {
    let value = match name {
        "url" => url(b, at),
        "method" => {
            let methods = [("PUT", "PUT"), ("POST", "POST"), ("PATCH", "PATCH")];
            b.choice(at, "a method", &methods).map(String::from)
        }
        "namespace" => kubernetes(b, at, 63, false),
        "name" => kubernetes(b, at, 253, true),
        _ => b.name(at, &format!("a text, such as {}", example(name))).map(String::from),
    };
    match value {
        Some(value) => arguments.push((name.to_string(), value)),
        None => *good = false,
    }
}

fn example(name: &str) -> &'static str {
    match name {
        "url" => "\"http://scaler:8080/replicas\"",
        "api_version" => "\"apps/v1\"",
        "kind" => "\"Deployment\"",
        "namespace" => "\"shop\"",
        _ => "\"checkout\"",
    }
}

/// A name as Kubernetes takes it (RFC 1123).
fn kubernetes<'a>(b: &mut Builder<'a>, at: &At<'a>, most: usize, dots: bool) -> Option<String> {
    let text = b.text(at, "the name of a Kubernetes object")?;
    let ends = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let inner = |c: char| ends(c) || c == '-' || (dots && c == '.');
    if text.len() <= most && text.chars().all(inner) && text.starts_with(ends) && text.ends_with(ends) {
        return Some(text.to_string());
    }
    let dot = if dots { ", - and ." } else { " and -" };
    b.error(
        "bad-name",
        &at.place,
        format!("`{}` cannot be {}: that is no name of a Kubernetes object", at.path, quoted(text)),
        format!("it has small letters, digits{dot}, begins and ends with a letter or digit, and has at most {most} characters"),
    );
    None
}

/// Whether a constructor makes a target.
pub(super) fn is_target(name: &str) -> bool {
    TARGETS.iter().any(|(n, ..)| *n == name)
}

/// Reads the target of one region.
pub(super) fn of_region<'a>(b: &mut Builder<'a>, region: &Table<'a>) -> Option<Option<Target>> {
    match b.field(region, "target") {
        None => Some(None),
        Some(at) => target(b, &at).map(|t| Some(t.value)),
    }
}
