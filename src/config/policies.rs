//! The section `policies:` as what running a policy file would have declared, for `build` to
//! check. May import: siblings, `text`, `model`, `yaml`.

use super::{PolicyEntry, path};
use crate::model::Finding;
use crate::model::raw::{Key, Node as Outline, Place, RawTable, RawValue};
use crate::text::{LineIndex, Span};
use crate::yaml::{Node, Reader, Yaml};
use std::collections::HashMap;

/// Reads the section.
pub fn policies(reader: &mut Reader<'_>, node: &Node) -> Vec<PolicyEntry> {
    let lines = LineIndex::new(&reader.source.text);
    let mut entries: Vec<PolicyEntry> = Vec::new();
    let mut seen: HashMap<String, Span> = HashMap::new();
    for (key, value) in reader.entries(node, "policies") {
        let Some(file) = path(reader, key.clone(), "policies") else { continue };
        if ![".lua", ".luau"].iter().any(|end| file.value.ends_with(end)) {
            let help = "write the path of the Lua file, as in `policies/classic.lua`";
            reader.report("bad-path", format!("`{}` is no policy file", key.value), key.span, help);
            continue;
        }
        if let Some(first) = seen.get(&file.value) {
            let finding = Finding::error("duplicate-field", format!("`{}` has two entries", file.value))
                .at(reader.source, key.span, "again here")
                .at(reader.source, *first, "first here")
                .help("keep one of them");
            reader.findings.push(finding);
            continue;
        }
        if !matches!(value.value, Yaml::Map(_)) {
            let message = format!("`{}` is {}, but a map was expected", file.value, value.kind());
            let help = "declare at least `{ replicas: { max: 10 } }`";
            reader.report("wrong-type", message, value.span, help);
            continue;
        }
        constructors(reader, value);
        let table = match raw(reader, &lines, value, &file.value) {
            RawValue::Table(table) => table,
            _ => continue,
        };
        seen.insert(file.value.clone(), file.span);
        entries.push(PolicyEntry { path: file, table, node: outline(key.span, value) });
    }
    entries
}

/// A value as a file would have declared it.
fn raw(reader: &mut Reader<'_>, lines: &LineIndex, node: &Node, what: &str) -> RawValue {
    let mut table = RawTable {
        place: Place { source: reader.source.name.clone(), line: lines.line(node.span.start) },
        ..RawTable::default()
    };
    match &node.value {
        Yaml::Null => {
            let help = "write a value, or leave the key out";
            reader.report("wrong-type", format!("`{what}` has no value"), node.span, help);
            return RawValue::Unknown;
        }
        Yaml::Bool(b) => return RawValue::Bool(*b),
        Yaml::Number(n) => return RawValue::Number(*n),
        Yaml::Text(text) => return RawValue::String(text.clone()),
        Yaml::List(items) => {
            for (at, item) in items.iter().enumerate() {
                table.list.push(raw(reader, lines, item, &format!("{what}[{}]", at + 1)));
            }
        }
        Yaml::Map(entries) => {
            for (key, value) in entries {
                // An empty value stands where its key does, for want of a place of its own.
                let value =
                    Node { span: if value.span.is_empty() { key.span } else { value.span }, ..value.clone() };
                table.fields.push((key.value.clone(), raw(reader, lines, &value, &key.value)));
            }
            table.fields.sort_by(|a, b| a.0.cmp(&b.0));
        }
    }
    RawValue::Table(table)
}

/// The places of a value and of all in it.
fn outline(key: Span, node: &Node) -> Outline {
    let children = match &node.value {
        Yaml::List(items) => {
            let places = (1..).zip(items);
            places.map(|(at, item)| (Key::Index(at), outline(item.span, item))).collect()
        }
        Yaml::Map(entries) => {
            entries.iter().map(|(k, v)| (Key::Field(k.value.clone()), outline(k.span, v))).collect()
        }
        _ => Vec::new(),
    };
    Outline { key, value: node.span, children }
}

/// Finds metrics and targets that name two constructors, or one field both inside and beside
/// theirs: only one of them could count.
fn constructors(reader: &mut Reader<'_>, entry: &Node) {
    let mut places: Vec<&Node> = Vec::new();
    let list = match entry.get("regions").map(|n| &n.value) {
        Some(Yaml::List(items)) => items.iter().collect(),
        _ => Vec::new(),
    };
    for holder in std::iter::once(entry).chain(list) {
        places.extend(holder.get("target"));
        if let Some(Yaml::Map(metrics)) = holder.get("metrics").map(|n| &n.value) {
            places.extend(metrics.iter().map(|(_, metric)| metric));
        }
    }
    for place in places {
        let Yaml::Map(fields) = &place.value else { continue };
        let mut found = fields.iter().filter(|(key, value)| is_constructor(&key.value) && is_map(value));
        let Some((first, arguments)) = found.next() else { continue };
        for (second, _) in found {
            let message = format!("`{}` and `{}` stand side by side", first.value, second.value);
            let finding = Finding::error("duplicate-field", message)
                .at(reader.source, second.span, "the second")
                .at(reader.source, first.span, "the first")
                .help("keep one of them");
            reader.findings.push(finding);
        }
        let Yaml::Map(inner) = &arguments.value else { continue };
        let outside: HashMap<&str, Span> = fields.iter().map(|(k, _)| (k.value.as_str(), k.span)).collect();
        for (inside, _) in inner {
            if let Some(beside) = outside.get(inside.value.as_str()) {
                let message = format!("`{}` stands both in `{}` and beside it", inside.value, first.value);
                let finding = Finding::error("duplicate-field", message)
                    .at(reader.source, *beside, "beside it")
                    .at(reader.source, inside.span, "in it")
                    .help("keep one of them");
                reader.findings.push(finding);
            }
        }
    }
}

fn is_constructor(key: &str) -> bool {
    matches!(key, "prometheus" | "scrape" | "mcp" | "file") || key.contains('.')
}

fn is_map(node: &Node) -> bool {
    matches!(node.value, Yaml::Map(_))
}
