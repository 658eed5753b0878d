//! Lists and watches, and what selects.

use super::api::{Answer, Key, Place, Refused, Request, Store, bad, metadata_only, options, status, text};
use serde_json::{Value, json};
use std::collections::BTreeMap;

const TOO_OLD: &str = "The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token results in an inconsistent list - objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list.";

/// A version that is no longer known.
fn expired(message: &str, metadata: Value) -> Answer {
    let mut answer = status(410, "Expired", message, None);
    let mut body: Value = serde_json::from_str(&answer.body).unwrap();
    body["metadata"] = metadata;
    answer.body = body.to_string();
    answer
}

impl Store {
    /// The objects as they were at a version.
    fn at(&self, version: u64) -> BTreeMap<Key, Value> {
        let mut objects = self.objects.clone();
        for event in self.events.iter().rev().take_while(|e| e.version > version) {
            match &event.old {
                Some(old) => objects.insert(event.key.clone(), old.clone()),
                None => objects.remove(&event.key),
            };
        }
        objects
    }

    pub fn list(&self, request: &Request, place: &Place<'_>) -> Result<Answer, Refused> {
        let query = |name: &str| request.query.get(name).map(String::as_str);
        let chosen = Chosen::read(request)?;
        if query("resourceVersionMatch").is_some() && query("resourceVersion").is_none() {
            let message =
                "Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided".into();
            return Err(options("ListOptions", ("FieldValueForbidden", message, "resourceVersionMatch")));
        }
        let (mut version, mut after) = (self.version, None);
        if query("resourceVersionMatch") == Some("Exact") {
            version = query("resourceVersion").unwrap().parse().unwrap();
            if version < self.oldest {
                return Err(expired("The resourceVersion for the provided list is too old.", json!({})));
            }
        }
        let asked = query("resourceVersion").and_then(|v| v.parse::<u64>().ok());
        if let Some(asked) = asked.filter(|asked| *asked > self.version) {
            let message = format!("Timeout: Too large resource version: {asked}, current: {}", self.version);
            let cause =
                json!({ "reason": "ResourceVersionTooLarge", "message": "Too large resource version" });
            return Err(status(
                504,
                "Timeout",
                &message,
                Some(json!({ "causes": [cause], "retryAfterSeconds": 1 })),
            ));
        }
        if let Some(token) = query("continue") {
            let read = token.split_once(' ').and_then(|(v, name)| Some((v.parse().ok()?, name.to_owned())));
            let Some((at, name)) = read else {
                return Err(bad(
                    "invalid continue token: continue key is not valid: invalid character 'o' in literal null (expecting 'u')",
                ));
            };
            if at < self.oldest {
                // Whoever goes on with this one sees the present version.
                return Err(expired(TOO_OLD, json!({ "continue": format!("{} {name}", self.version) })));
            }
            (version, after) = (at, Some(name));
        }
        let resource = place.kind.resource();
        let objects = self.at(version);
        let all: Vec<&Value> = objects
            .iter()
            .filter(|((kind, ns, _), object)| {
                *kind == resource
                    && (place.namespace.is_empty() || *ns == place.namespace)
                    && chosen.has(object)
            })
            .map(|(_, object)| object)
            .filter(|o| after.as_deref().is_none_or(|after| text(o, "/metadata/name") > after))
            .collect();
        let limit = query("limit").and_then(|l| l.parse::<i64>().ok()).filter(|l| *l > 0).unwrap_or(i64::MAX)
            as usize;
        let mut metadata = json!({ "resourceVersion": version.to_string() });
        if all.len() > limit {
            metadata["continue"] = json!(format!("{version} {}", text(all[limit - 1], "/metadata/name")));
            if chosen.all() {
                metadata["remainingItemCount"] = json!(all.len() - limit);
            }
        }
        let partial = request.accept.contains("as=PartialObjectMetadataList");
        let items: Vec<Value> = all.iter().take(limit).map(|object| {
            if partial {
                return json!({ "kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": object["metadata"] });
            }
            let mut item = (*object).clone();
            item.as_object_mut().unwrap().shift_remove("kind");
            item.as_object_mut().unwrap().shift_remove("apiVersion");
            item
        }).collect();
        let (kind, version) = match partial {
            true => ("PartialObjectMetadataList".to_owned(), "meta.k8s.io/v1".to_owned()),
            false => (format!("{}List", place.kind.kind), place.kind.api_version()),
        };
        Ok(Answer::json(
            200,
            &json!({ "kind": kind, "apiVersion": version, "metadata": metadata, "items": items }),
        ))
    }

    /// What happened so far; a server may end a watch whenever it wants.
    pub fn watch(&mut self, request: &Request, place: &Place<'_>) -> Result<Answer, Refused> {
        let chosen = Chosen::read(request)?;
        let from = match request.query.get("resourceVersion").map(String::as_str) {
            None | Some("0") => None,
            Some(text) => Some(text.parse::<u64>().map_err(|_| {
                status(500, "", &format!("resourceVersion: Invalid value: {text:?}: strconv.ParseUint: parsing {text:?}: invalid syntax"), None)
            })?),
        };
        let query = |name: &str| request.query.get(name).map(String::as_str);
        if query("sendInitialEvents").is_some() && query("resourceVersionMatch") != Some("NotOlderThan") {
            let message =
                "Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan".into();
            return Err(options("ListOptions", ("FieldValueForbidden", message, "resourceVersionMatch")));
        }
        if let Some(gone) = from.filter(|from| *from < self.oldest) {
            let message = format!("too old resource version: {gone} ({})", self.oldest);
            let object: Value = serde_json::from_str(&expired(&message, json!({})).body).unwrap();
            let event = json!({ "type": "ERROR", "object": object });
            return Ok(Answer { status: 200, kind: "application/json", body: format!("{event}\n") });
        }
        if query("sendInitialEvents") == Some("true") {
            // Such a list is of a version that was made for it.
            self.version += 1;
        }
        let resource = place.kind.resource();
        let mine = |key: &Key| key.0 == resource && (place.namespace.is_empty() || key.1 == place.namespace);
        let mut events = Vec::new();
        let mut tell = |kind: &str, object: &Value| {
            events.push(
                json!({ "type": kind, "object": metadata_only(request, object, place.kind) }).to_string(),
            );
        };
        match from {
            None => self
                .objects
                .iter()
                .filter(|(k, o)| mine(k) && chosen.has(o))
                .for_each(|(_, o)| tell("ADDED", o)),
            Some(from) => {
                for event in self.events.iter().filter(|e| e.version > from && mine(&e.key)) {
                    let had = event.old.as_ref().is_some_and(|o| chosen.has(o));
                    let has = event.object.as_ref().is_some_and(|o| chosen.has(o));
                    let gone = || {
                        let mut old = event.old.clone().unwrap();
                        old["metadata"]["resourceVersion"] = json!(event.version.to_string());
                        old
                    };
                    match (had, has) {
                        (false, true) => tell("ADDED", event.object.as_ref().unwrap()),
                        (true, true) => tell("MODIFIED", event.object.as_ref().unwrap()),
                        (true, false) => tell("DELETED", &gone()),
                        (false, false) => {}
                    }
                }
            }
        }
        if query("allowWatchBookmarks") == Some("true") && from.is_none() {
            let metadata = json!({
                "resourceVersion": self.version.to_string(),
                "annotations": { "k8s.io/initial-events-end": "true" },
            });
            let object = json!({
                "kind": place.kind.kind, "apiVersion": place.kind.api_version(), "metadata": metadata,
            });
            events.push(json!({ "type": "BOOKMARK", "object": object }).to_string());
        }
        Ok(Answer {
            status: 200,
            kind: "application/json",
            body: events.iter().map(|e| format!("{e}\n")).collect(),
        })
    }
}

/// Selectors.
struct Chosen {
    labels: Vec<(String, Wanted)>,
    fields: Vec<(String, String)>,
}

enum Wanted {
    In(Vec<String>),
    NotIn(Vec<String>),
    There,
    Absent,
}

impl Chosen {
    fn read(request: &Request) -> Result<Chosen, Refused> {
        let mut chosen = Chosen { labels: Vec::new(), fields: Vec::new() };
        let selector = request.query.get("labelSelector").cloned().unwrap_or_default();
        if selector.contains("===") {
            return Err(bad("unable to parse requirement: found '=', expected: identifier"));
        }
        // Commas inside parentheses do not part requirements.
        let (mut depth, mut parts) = (0, vec![String::new()]);
        for c in selector.chars() {
            depth += i32::from(c == '(') - i32::from(c == ')');
            if c == ',' && depth == 0 { parts.push(String::new()) } else { parts.last_mut().unwrap().push(c) }
        }
        for part in parts.iter().map(|p| p.trim()).filter(|p| !p.is_empty()) {
            let list =
                |rest: &str| rest.trim_matches(['(', ')']).split(',').map(|v| v.trim().to_owned()).collect();
            let one = if let Some((name, rest)) = part.split_once(" notin ") {
                (name, Wanted::NotIn(list(rest)))
            } else if let Some((name, rest)) = part.split_once(" in ") {
                (name, Wanted::In(list(rest)))
            } else if let Some((name, value)) = part.split_once("!=") {
                (name, Wanted::NotIn(vec![value.into()]))
            } else if let Some((name, value)) = part.split_once("==").or_else(|| part.split_once('=')) {
                (name, Wanted::In(vec![value.into()]))
            } else if let Some(name) = part.strip_prefix('!') {
                (name, Wanted::Absent)
            } else {
                (part, Wanted::There)
            };
            chosen.labels.push((one.0.trim().to_owned(), one.1));
        }
        for part in request.query.get("fieldSelector").into_iter().flat_map(|s| s.split(',')) {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            if !matches!(name, "metadata.name" | "metadata.namespace") {
                return Err(bad(&format!(
                    "{name:?} is not a known field selector: only \"metadata.name\", \"metadata.namespace\""
                )));
            }
            chosen
                .fields
                .push((name.replace("metadata.", "/metadata/"), value.trim_start_matches('=').to_owned()));
        }
        Ok(chosen)
    }

    fn all(&self) -> bool {
        self.labels.is_empty() && self.fields.is_empty()
    }

    fn has(&self, object: &Value) -> bool {
        let label =
            |name: &str| object["metadata"]["labels"].get(name).and_then(Value::as_str).map(str::to_owned);
        self.fields.iter().all(|(pointer, value)| text(object, pointer) == value)
            && self.labels.iter().all(|(name, wanted)| match (label(name), wanted) {
                (is, Wanted::In(all)) => is.is_some_and(|v| all.contains(&v)),
                (is, Wanted::NotIn(all)) => is.is_none_or(|v| !all.contains(&v)),
                (is, Wanted::There) => is.is_some(),
                (is, Wanted::Absent) => is.is_none(),
            })
    }
}
