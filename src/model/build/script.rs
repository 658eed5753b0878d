//! The script form: a policy from its entry in `luascale.yaml`, or from nothing.
//! May import: `text`, `model`.

use super::at::{Builder, Table, Where};
use super::catalogue::Catalogue;
use super::metrics::COMMON;
use super::policy::{FIELDS, check_fields, fields};
use super::read::MOST;
use super::sources::is_source;
use super::target::is_target;
use crate::model::finding::Finding;
use crate::model::policy::{Form, Policy};
use crate::model::raw::{Key, Node, RawTable, RawValue};
use crate::text::{Source, Span, Spanned};
use std::collections::HashMap;

/// An entry under `policies:`, as the configuration read it.
///
/// Constructors may be written as the only key of a table (`target: { kubernetes.deployment:
/// { … } }`) or, in a metric, as one key among its common fields (`cpu: { file: { … }, unit:
/// ratio }`); or the reader may have set [`RawTable::constructor`] itself.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'a> {
    /// Its fields.
    pub table: &'a RawTable,
    /// Where they stand; the root's value is the whole entry.
    pub node: &'a Node,
    /// The configuration file.
    pub source: &'a Source,
}

/// Fields of a policy that an entry cannot hold, and why.
const NOT_HERE: [(&str, &str); 5] = [
    ("scale_out", "a script decides by calling scale_out(n) itself"),
    ("scale_in", "a script decides by calling scale_in(n) itself"),
    ("track", "a script decides alone; tracking needs the policy form"),
    ("decide", "the script itself decides"),
    ("on", "a hook is a function, which a configuration cannot hold; it needs the policy form"),
];

/// Builds the policy of a script. `name` is what reports call it: the file's stem.
///
/// Without an entry it has no metrics, no target, and the default minimum of 1 under a maximum
/// that binds nothing (a million), so that a script on its own runs in a dry-run.
pub fn script(
    name: &str,
    script: &Source,
    entry: Option<Entry<'_>>,
    catalogue: &dyn Catalogue,
) -> (Option<Policy>, Vec<Finding>) {
    let whole = Span::new(0, script.text.len());
    let name = Spanned::nowhere(name.to_string());
    let (given, node, source) = match entry {
        Some(entry) => (unfold(entry.table), Some(unfold_node(entry.node, entry.table)), entry.source),
        None => (unbounded(), None, script),
    };
    let allowed = |field: &str| !NOT_HERE.iter().any(|(name, _)| *name == field);
    let mut kept = given.clone();
    kept.fields.retain(|(field, _)| allowed(field));

    let mut builder = Builder::new([source], catalogue);
    let b = &mut builder;
    let span = node.as_ref().map_or(Span::default(), |n| n.value);
    let place = Where { source: source.name.clone(), span };
    let at = b.root(&RawValue::Unknown, node.as_ref(), place);
    let table = Table { at, raw: &given };
    for (field, why) in NOT_HERE {
        if let Some(at) = b.field(&table, field) {
            b.error(
                "not-in-script",
                &at.key,
                format!("the entry of a script cannot hold `{field}`"),
                format!("{why}; to declare it, write `policy \"…\" {{ … }}` in the Lua file"),
            );
        }
    }
    let table = Table { raw: &kept, ..table };
    let known: Vec<&str> = FIELDS.into_iter().filter(|field| allowed(field)).collect();
    check_fields(b, &table, "the entry of a script", &known);
    let policy = fields(b, &table, name, whole, Some(Form::Script));
    let findings = builder.finish(&source.name);
    let failed = !findings.is_empty();
    (policy.filter(|_| !failed).map(|p| Policy { source: script.name.clone(), ..p }), findings)
}

/// The entry of a script that has none.
fn unbounded() -> RawTable {
    let max = ("max".to_string(), RawValue::Number(f64::from(MOST)));
    let bounds = RawTable { fields: vec![max], ..RawTable::default() };
    let replicas = ("replicas".to_string(), RawValue::Table(bounds));
    RawTable { fields: vec![replicas], ..RawTable::default() }
}

/// The same table with constructors in their place.
fn unfold(table: &RawTable) -> RawTable {
    let mut table = table.clone();
    for (key, value) in &mut table.fields {
        match (key.as_str(), value) {
            ("target", RawValue::Table(target)) => *target = lift(target, is_target),
            ("metrics", RawValue::Table(metrics)) => {
                for (_, metric) in &mut metrics.fields {
                    if let RawValue::Table(metric) = metric {
                        *metric = lift(metric, is_source);
                    }
                }
            }
            ("regions", RawValue::Table(regions)) => {
                for region in &mut regions.list {
                    if let RawValue::Table(region) = region {
                        *region = unfold(region);
                    }
                }
            }
            _ => {}
        }
    }
    table
}

/// Lifts the arguments of a constructor key to their table.
fn lift(table: &RawTable, is: impl Fn(&str) -> bool) -> RawTable {
    let Some((constructor, arguments)) = constructor(table, is) else { return table.clone() };
    let mut lifted = table.clone();
    lifted.constructor = Some(constructor.to_string());
    lifted.fields.retain(|(k, _)| k != constructor);
    lifted.fields.extend(arguments.fields.iter().cloned());
    lifted.fields.sort_by(|a, b| a.0.cmp(&b.0));
    lifted.list.extend(arguments.list.iter().cloned());
    lifted
}

/// The key that is a constructor: a known one, else the first that could be meant as one, which
/// is then reported as the constructor that it is not.
fn constructor(table: &RawTable, is: impl Fn(&str) -> bool) -> Option<(&str, &RawTable)> {
    if table.constructor.is_some() {
        return None;
    }
    let tables = || {
        table.fields.iter().filter_map(|(key, value)| match value {
            RawValue::Table(arguments) => Some((key.as_str(), arguments)),
            _ => None,
        })
    };
    let meant = |key: &str| key != "labels" && !COMMON.contains(&key);
    tables().find(|(key, _)| is(key)).or_else(|| tables().find(|(key, _)| meant(key)))
}

/// The same nodes with constructors in their place.
fn unfold_node(node: &Node, table: &RawTable) -> Node {
    let mut node = node.clone();
    for (key, child) in &mut node.children {
        let Key::Field(name) = key else { continue };
        if !["target", "metrics", "regions"].contains(&name.as_str()) {
            continue;
        }
        let Some(RawValue::Table(raw)) = table.get(name) else { continue };
        match name.as_str() {
            "target" => *child = lift_node(child, raw, is_target),
            "metrics" => {
                let raw: HashMap<&str, &RawValue> = raw.fields.iter().map(|(k, v)| (k.as_str(), v)).collect();
                for (key, metric) in &mut child.children {
                    if let Key::Field(name) = key
                        && let Some(RawValue::Table(raw)) = raw.get(name.as_str())
                    {
                        *metric = lift_node(metric, raw, is_source);
                    }
                }
            }
            "regions" => {
                for (key, region) in &mut child.children {
                    if let Key::Index(i) = key
                        && let Some(RawValue::Table(raw)) = raw.list.get(*i as usize - 1)
                    {
                        *region = unfold_node(region, raw);
                    }
                }
            }
            _ => {}
        }
    }
    node
}

fn lift_node(node: &Node, table: &RawTable, is: impl Fn(&str) -> bool) -> Node {
    let Some((constructor, _)) = constructor(table, is) else { return node.clone() };
    let mut lifted = node.clone();
    let inner = lifted.children.iter().position(|(k, _)| matches!(k, Key::Field(f) if f == constructor));
    if let Some(at) = inner {
        let (_, inner) = lifted.children.remove(at);
        lifted.children.extend(inner.children);
    }
    lifted
}
