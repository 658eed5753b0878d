//! Who owns which field: managed fields as the API server keeps them, for plain updates and for
//! server-side apply.

use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// A field: `f:data`, `f:k`; an entry of a list by its keys, `k:{"name":"app"}`; a value of a set,
/// `v:"x"`.
type Path = Vec<String>;

/// What an object has: `None` where something lies below.
type Members = BTreeMap<Path, Option<Value>>;

/// Structs that are always there, so that nobody owns them themselves.
const PLAIN: [&str; 6] = ["f:metadata", "f:spec", "f:status", "f:strategy", "f:template", "f:updateStrategy"];
/// Values that have one owner as a whole.
const ATOMIC: [&str; 5] = ["f:selector", "f:metrics", "f:rules", "f:subjects", "f:roleRef"];

/// Metadata that the server keeps.
const SERVERS: [&str; 9] = [
    "name",
    "namespace",
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "managedFields",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
];

fn keys(field: &str) -> Option<&'static [&'static str]> {
    Some(match field {
        "f:containers" | "f:env" | "f:volumes" => &["name"],
        "f:ports" => &["containerPort", "protocol"],
        "f:conditions" => &["type"],
        "f:ownerReferences" => &["uid"],
        _ => return None,
    })
}

fn item_key(keys: &[&str], item: &Value) -> String {
    let of: Map<String, Value> =
        keys.iter().filter_map(|k| Some(((*k).to_owned(), item.get(*k)?.clone()))).collect();
    format!("k:{}", Value::Object(of))
}

fn members(object: &Value, apply: bool) -> Members {
    let mut out = Members::new();
    for (key, value) in object.as_object().into_iter().flatten() {
        if !matches!(key.as_str(), "apiVersion" | "kind" | "status") {
            walk(value, &mut vec![format!("f:{key}")], apply, &mut out);
        }
    }
    let own = |path: &Path| {
        let server = path.get(1).and_then(|p| p.strip_prefix("f:")).is_some_and(|p| SERVERS.contains(&p));
        !(path[0] == "f:metadata" && server)
    };
    out.retain(|path, _| own(path));
    out
}

fn walk(value: &Value, path: &mut Path, apply: bool, out: &mut Members) {
    let last = path.last().unwrap().clone();
    match value {
        Value::Null => {}
        Value::Object(map) if !ATOMIC.contains(&last.as_str()) => {
            let plain = PLAIN.contains(&last.as_str());
            if map.is_empty() && (apply || !plain) {
                out.insert(path.clone(), Some(json!({})));
            } else if !apply && !plain || last.starts_with("k:") {
                out.insert(path.clone(), None);
            }
            for (key, value) in map {
                path.push(format!("f:{key}"));
                walk(value, path, apply, out);
                path.pop();
            }
        }
        Value::Array(items) if keys(&last).is_some() || last == "f:finalizers" => {
            if !apply && last != "f:containers" {
                out.insert(path.clone(), None);
            }
            for item in items {
                match keys(&last) {
                    Some(keys) => {
                        path.push(item_key(keys, item));
                        walk(item, path, apply, out);
                    }
                    None => {
                        path.push(format!("v:{item}"));
                        out.insert(path.clone(), Some(item.clone()));
                    }
                }
                path.pop();
            }
        }
        leaf => {
            out.insert(path.clone(), Some(leaf.clone()));
        }
    }
}

fn decode(fields: &Value, path: &mut Path, out: &mut BTreeSet<Path>) {
    let map = fields.as_object().unwrap();
    if map.is_empty() || map.contains_key(".") {
        out.insert(path.clone());
    }
    for (key, below) in map.iter().filter(|(key, _)| *key != ".") {
        path.push(key.clone());
        decode(below, path, out);
        path.pop();
    }
}

fn encode(set: &BTreeSet<Path>) -> Value {
    let mut root = Map::new();
    for path in set {
        let mut at = &mut root;
        for part in path {
            at = at.entry(part.clone()).or_insert_with(|| json!({})).as_object_mut().unwrap();
        }
        if set.iter().any(|other| other.len() > path.len() && other.starts_with(path)) {
            at.insert(".".into(), json!({}));
        }
    }
    Value::Object(root)
}

/// One entry of `managedFields`.
struct Entry {
    manager: String,
    apply: bool,
    version: String,
    subresource: Option<String>,
    time: Option<String>,
    set: BTreeSet<Path>,
}

fn entries(object: &Value) -> Vec<Entry> {
    let text = |v: &Value, k: &str| v.get(k).and_then(Value::as_str).map(str::to_owned);
    object["metadata"]["managedFields"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|entry| {
            let mut set = BTreeSet::new();
            decode(&entry["fieldsV1"], &mut Vec::new(), &mut set);
            set.remove(&Vec::new());
            Entry {
                manager: text(entry, "manager").unwrap(),
                apply: entry["operation"] == "Apply",
                version: text(entry, "apiVersion").unwrap(),
                subresource: text(entry, "subresource"),
                time: text(entry, "time"),
                set,
            }
        })
        .collect()
}

fn store(object: &mut Value, mut entries: Vec<Entry>) {
    entries.retain(|entry| !entry.set.is_empty());
    entries.sort_by_key(|e| {
        (!e.apply, e.time.clone(), e.manager.clone(), e.version.clone(), e.subresource.clone())
    });
    let list: Vec<Value> = entries
        .iter()
        .map(|entry| {
            let mut out = json!({
                "manager": entry.manager, "operation": if entry.apply { "Apply" } else { "Update" },
                "apiVersion": entry.version,
            });
            if let Some(time) = &entry.time {
                out["time"] = json!(time);
            }
            out["fieldsType"] = json!("FieldsV1");
            out["fieldsV1"] = encode(&entry.set);
            if let Some(subresource) = &entry.subresource {
                out["subresource"] = json!(subresource);
            }
            out
        })
        .collect();
    let metadata = object["metadata"].as_object_mut().unwrap();
    metadata.shift_remove("managedFields");
    if !list.is_empty() {
        metadata.insert("managedFields".into(), Value::Array(list));
    }
}

/// Who writes, and when.
pub struct By<'a> {
    pub manager: &'a str,
    pub version: &'a str,
    pub subresource: Option<&'a str>,
    pub time: &'a str,
}

/// A plain write: what it changed is the writer's.
pub fn update(old: Option<&Value>, new: &mut Value, by: &By<'_>) {
    let before = old.map(|old| members(old, false)).unwrap_or_default();
    let mut after = members(new, false);
    if by.subresource == Some("scale") && new["spec"]["replicas"] == 0 {
        // A scale of 0 has no field, so nobody owns it.
        after.remove(&vec!["f:spec".to_owned(), "f:replicas".to_owned()]);
    }
    let changed: BTreeSet<Path> = after
        .iter()
        .filter(|(path, value)| before.get(*path) != Some(value))
        .map(|(p, _)| p.clone())
        .collect();
    let gone = |path: &Path| !after.contains_key(path) && before.contains_key(path);
    let mut all = old.map(entries).unwrap_or_default();
    let mine = |e: &Entry| {
        e.manager == by.manager
            && !e.apply
            && e.version == by.version
            && e.subresource.as_deref() == by.subresource
    };
    for entry in &mut all {
        let own = mine(entry);
        // Containers are shared; only values change hands.
        entry.set.retain(|path| {
            !gone(path) && (own || !changed.contains(path) || before.get(path).is_some_and(Option::is_none))
        });
    }
    if !changed.is_empty() {
        let time = by.subresource.is_none().then(|| by.time.to_owned());
        match all.iter_mut().find(|e| mine(e)) {
            Some(entry) => {
                entry.set.extend(changed);
                entry.time = time;
            }
            None => all.push(Entry {
                manager: by.manager.into(),
                apply: false,
                version: by.version.into(),
                subresource: by.subresource.map(str::to_owned),
                time,
                set: changed,
            }),
        }
    }
    store(new, all);
}

/// A conflict: the other owner, as the server names it, and the field.
pub type Conflict = (String, String);

/// A server-side apply: the object that comes of it, or who owns what it would change.
pub fn apply(live: Option<&Value>, given: &Value, force: bool, by: &By<'_>) -> Result<Value, Vec<Conflict>> {
    let wanted = members(given, true);
    let have = live.map(|live| members(live, false)).unwrap_or_default();
    let mut all = live.map(entries).unwrap_or_default();
    let mine = |e: &Entry| e.manager == by.manager && e.apply && e.subresource.as_deref() == by.subresource;
    let mut conflicts = Vec::new();
    for (path, value) in &wanted {
        let Some(value) = value else { continue };
        let Some(Some(now)) = have.get(path) else { continue };
        if now == value {
            continue;
        }
        for entry in all.iter_mut().filter(|e| !mine(e) && e.set.contains(path)) {
            let using = if entry.apply { String::new() } else { format!(" using {}", entry.version) };
            let sub =
                entry.subresource.as_ref().map_or(String::new(), |s| format!(" with subresource \"{s}\""));
            conflicts.push((format!("\"{}\"{sub}{using}", entry.manager), shown(path)));
            if force {
                entry.set.remove(path);
            }
        }
    }
    if !conflicts.is_empty() && !force {
        return Err(conflicts);
    }
    let mut object = live.cloned().unwrap_or_else(|| json!({}));
    merge(&mut object, given, "");
    let before: BTreeSet<Path> = all.iter().filter(|e| mine(e)).flat_map(|e| e.set.clone()).collect();
    for path in before.iter().filter(|path| !wanted.contains_key(*path)) {
        let others = all.iter().any(|e| !mine(e) && e.set.contains(path));
        let below = wanted.keys().any(|other| other.starts_with(path));
        if !others && !below {
            remove(&mut object, path);
        }
    }
    prune(&mut object);
    let unchanged = live.is_some_and(|live| bare(live) == bare(&object));
    let set: BTreeSet<Path> = wanted.into_keys().collect();
    let at = all.iter().position(&mine);
    let time = match at {
        Some(at) if unchanged => all[at].time.clone(),
        None if unchanged => None,
        _ => by.subresource.is_none().then(|| by.time.to_owned()),
    };
    if let Some(at) = at {
        all.remove(at);
    }
    all.push(Entry {
        manager: by.manager.into(),
        apply: true,
        version: by.version.into(),
        subresource: by.subresource.map(str::to_owned),
        time,
        set,
    });
    store(&mut object, all);
    Ok(object)
}

/// An object without what writing it changes by itself.
pub fn bare(object: &Value) -> Value {
    let mut object = object.clone();
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.shift_remove("managedFields");
        metadata.shift_remove("resourceVersion");
    }
    object
}

fn shown(path: &Path) -> String {
    path.iter()
        .map(|part| match part.split_once(':') {
            Some(("f", name)) => format!(".{name}"),
            Some(("k", keys)) => {
                let keys: Map<String, Value> = serde_json::from_str(keys).unwrap();
                let keys: Vec<String> = keys.iter().map(|(k, v)| format!("{k}={v}")).collect();
                format!("[{}]", keys.join(","))
            }
            _ => format!("[={}]", &part[2..]),
        })
        .collect()
}

fn merge(into: &mut Value, from: &Value, field: &str) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) if !ATOMIC.contains(&field) => {
            for (key, value) in from {
                match into.get_mut(key) {
                    Some(slot) => merge(slot, value, &format!("f:{key}")),
                    None => {
                        into.insert(key.clone(), value.clone());
                    }
                }
            }
        }
        (Value::Array(into), Value::Array(from)) if keys(field).is_some() => {
            let keys = keys(field).unwrap();
            for item in from {
                match into.iter_mut().find(|old| item_key(keys, old) == item_key(keys, item)) {
                    Some(old) => merge(old, item, "k:"),
                    None => into.push(item.clone()),
                }
            }
        }
        (into, from) => *into = from.clone(),
    }
}

fn remove(object: &mut Value, path: &[String]) {
    let Some((first, rest)) = path.split_first() else { return };
    if let Some(items) = object.as_array_mut() {
        let found = items.iter().position(|item| match first.split_once(':') {
            Some(("k", wanted)) => {
                let wanted: Map<String, Value> = serde_json::from_str(wanted).unwrap();
                wanted.iter().all(|(k, v)| item.get(k) == Some(v))
            }
            _ => format!("v:{item}") == *first,
        });
        match found {
            Some(at) if rest.is_empty() => {
                items.remove(at);
            }
            Some(at) => remove(&mut items[at], rest),
            None => {}
        }
    } else if let Some(map) = object.as_object_mut() {
        let name = &first[2..];
        if rest.is_empty() {
            map.shift_remove(name);
        } else if let Some(below) = map.get_mut(name) {
            remove(below, rest);
        }
    }
}

/// Takes out maps that have nothing in them: the server writes none.
pub fn prune(object: &mut Value) {
    let Some(map) = object.as_object_mut() else { return };
    for name in ["data", "binaryData"] {
        if map.get(name).and_then(Value::as_object).is_some_and(Map::is_empty) {
            map.shift_remove(name);
        }
    }
    if let Some(metadata) = map.get_mut("metadata").and_then(Value::as_object_mut) {
        for name in ["labels", "annotations", "finalizers"] {
            let empty = |v: &Value| {
                v.as_object().is_some_and(Map::is_empty) || v.as_array().is_some_and(Vec::is_empty)
            };
            if metadata.get(name).is_some_and(|v| empty(v) || v.is_null()) {
                metadata.shift_remove(name);
            }
        }
    }
}
