//! Patches, scales, and what is refused of a change.

use super::api::{Answer, Refused, bad, invalid, status, text};
use super::fields;
use super::kinds::Kind;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Conflicts of an apply, as the server tells them.
pub fn conflict(conflicts: &[fields::Conflict]) -> Answer {
    let n = conflicts.len();
    let owners: BTreeSet<&String> = conflicts.iter().map(|(owner, _)| owner).collect();
    let mut message = format!("Apply failed with {n} conflict{}: ", if n == 1 { "" } else { "s" });
    let said: Vec<String> = owners
        .iter()
        .map(|owner| {
            let of: Vec<&String> = conflicts.iter().filter(|(o, _)| o == *owner).map(|(_, f)| f).collect();
            match of.as_slice() {
                [one] => format!("conflict with {owner}: {one}"),
                all => format!(
                    "conflicts with {owner}:\n- {}",
                    all.iter().map(|f| f.as_str()).collect::<Vec<_>>().join("\n- ")
                ),
            }
        })
        .collect();
    message.push_str(&said.join("\n"));
    let causes: Vec<Value> = conflicts.iter().map(|(owner, field)| {
        json!({ "reason": "FieldManagerConflict", "message": format!("conflict with {owner}"), "field": field })
    }).collect();
    status(409, "Conflict", &message, Some(json!({ "causes": causes })))
}

/// A value of a wrong type in a ConfigMap or a Lease.
pub fn mistyped(kind: &Kind, object: &Value) -> Option<Answer> {
    if kind.kind == "ConfigMap"
        && object["data"].as_object().into_iter().flatten().any(|(_, v)| !v.is_string())
    {
        return Some(status(422, "Invalid", "a value of data is no string", Some(json!({}))));
    }
    for field in ["acquireTime", "renewTime"] {
        let Some(time) = object["spec"][field].as_str().filter(|_| kind.kind == "Lease") else { continue };
        let good = time.len() == 27 && time.ends_with('Z') && time.as_bytes()[19] == b'.';
        if !good {
            let layout = "2006-01-02T15:04:05.000000Z07:00";
            let (rest, part) = match time.strip_suffix("789Z") {
                Some(_) => ("789Z", "Z07:00"),
                None if time.contains("+02:00") => (".5+02:00", ".000000"),
                None => (time, "2006"),
            };
            return Some(bad(&format!(
                "Lease in version \"v1\" cannot be handled as a Lease: parsing time {time:?} as {layout:?}: cannot parse {rest:?} as {part:?}"
            )));
        }
    }
    None
}

/// The scale of an object.
pub fn scale_of(object: &Value) -> Value {
    let mut metadata = json!({});
    for field in ["name", "namespace", "uid", "resourceVersion", "creationTimestamp"] {
        metadata[field] = object["metadata"][field].clone();
    }
    let replicas = object["spec"]["replicas"].as_i64().unwrap_or(0);
    let spec = if replicas == 0 { json!({}) } else { json!({ "replicas": replicas }) };
    let mut status = json!({ "replicas": object["status"]["replicas"].as_i64().unwrap_or(0) });
    let labels = object.pointer("/spec/selector/matchLabels").and_then(Value::as_object);
    let selector: Vec<String> =
        labels.into_iter().flatten().map(|(k, v)| format!("{k}={}", v.as_str().unwrap())).collect();
    if !selector.is_empty() {
        status["selector"] = json!(selector.join(","));
    }
    json!({ "kind": "Scale", "apiVersion": "autoscaling/v1", "metadata": metadata, "spec": spec, "status": status })
}

/// A written scale as a change of its object.
pub fn onto(live: &Value, scale: &Value, name: &str, apply: bool) -> Result<Value, Refused> {
    let replicas = match scale["spec"].get("replicas") {
        None | Some(Value::Null) => 0,
        Some(value) => value.as_i64().filter(|n| i32::try_from(*n).is_ok()).ok_or_else(|| {
            status(422, "Invalid", "spec.replicas is no number of 32 bits", Some(json!({})))
        })?,
    };
    if replicas < 0 {
        let cause = (
            "FieldValueInvalid",
            format!("Invalid value: {replicas}: must be greater than or equal to 0"),
            "spec.replicas",
        );
        return Err(invalid("Scale.autoscaling", "autoscaling", "Scale", name, &[cause]));
    }
    if apply {
        return Ok(json!({ "spec": { "replicas": replicas } }));
    }
    let mut object = live.clone();
    object["spec"]["replicas"] = json!(replicas);
    Ok(object)
}

pub fn merge_patch(into: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *into = patch.clone();
        return;
    };
    if !into.is_object() {
        *into = json!({});
    }
    for (key, value) in patch {
        if value.is_null() {
            into.as_object_mut().unwrap().shift_remove(key);
        } else {
            merge_patch(into.as_object_mut().unwrap().entry(key.clone()).or_insert(Value::Null), value);
        }
    }
}

pub fn json_patch(base: &Value, patch: &Value) -> Result<Value, Refused> {
    let refused = || {
        status(
            422,
            "Invalid",
            "the server rejected our request due to an error in our request",
            Some(json!({})),
        )
    };
    let mut next = base.clone();
    let Some(steps) = patch.as_array() else {
        return Err(bad(
            "error decoding patch: json: cannot unmarshal object into Go value of type []handlers.jsonPatchOp",
        ));
    };
    for step in steps {
        let slot = next.pointer_mut(text(step, "/path"));
        match (text(step, "/op"), slot) {
            ("test", Some(slot)) if *slot == step["value"] => {}
            ("replace" | "add", Some(slot)) => *slot = step["value"].clone(),
            _ => return Err(refused()),
        }
    }
    Ok(next)
}
