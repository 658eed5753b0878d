//! Requests and answers: verbs on objects, as the API server has them.

use super::changes::scale_of;
use super::kinds::{self, KINDS, Kind};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// A request.
#[derive(Debug, Clone)]
pub struct Request {
    pub method: String,
    pub path: String,
    pub query: BTreeMap<String, String>,
    pub kind: String,
    pub accept: String,
    pub token: Option<String>,
    pub body: Vec<u8>,
}

/// An answer.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub kind: &'static str,
    pub body: String,
}

impl Answer {
    pub fn json(status: u16, body: &Value) -> Answer {
        Answer { status, kind: "application/json", body: body.to_string() }
    }

    pub fn text(status: u16, body: &str) -> Answer {
        Answer { status, kind: "text/plain; charset=utf-8", body: body.into() }
    }
}

pub type Key = (String, String, String);

pub struct Event {
    pub version: u64,
    pub key: Key,
    /// `None`: it was deleted.
    pub object: Option<Value>,
    /// As it was before.
    pub old: Option<Value>,
}

/// The objects, and all that happened to them.
#[derive(Default)]
pub struct Store {
    pub version: u64,
    pub uids: u64,
    pub generated: u64,
    pub objects: BTreeMap<Key, Value>,
    pub events: Vec<Event>,
    /// The oldest version that is still known.
    pub oldest: u64,
}

impl Store {
    /// Forgets what was before, as a server does after a while.
    pub fn compact(&mut self) {
        self.version += 1;
        self.oldest = self.version;
        self.version += 1;
    }
}

/// A refusal.
pub type Refused = Answer;

pub fn status(code: u16, reason: &str, message: &str, details: Option<Value>) -> Answer {
    let mut body = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": message,
    });
    if !reason.is_empty() {
        body["reason"] = json!(reason);
    }
    if let Some(details) = details {
        body["details"] = details;
    }
    body["code"] = json!(code);
    Answer::json(code, &body)
}

pub fn details(name: &str, group: &str, kind: &str) -> Value {
    let mut out = json!({ "name": name, "kind": kind });
    if !group.is_empty() {
        out["group"] = json!(group);
    }
    out
}

pub fn not_found(kind: &Kind, name: &str) -> Answer {
    let message = format!("{} \"{name}\" not found", kind.resource());
    status(404, "NotFound", &message, Some(details(name, kind.group, kind.plural)))
}

pub fn modified(kind: &Kind, name: &str) -> Answer {
    let message = format!(
        "Operation cannot be fulfilled on {} \"{name}\": the object has been modified; please apply your changes to the latest version and try again",
        kind.resource()
    );
    status(409, "Conflict", &message, Some(details(name, kind.group, kind.plural)))
}

pub fn invalid(named: &str, group: &str, kind: &str, name: &str, causes: &[kinds::Cause]) -> Answer {
    let mut said: Vec<String> =
        causes.iter().map(|(_, message, field)| format!("{field}: {message}")).collect();
    said.dedup();
    let said = if said.len() == 1 { said[0].clone() } else { format!("[{}]", said.join(", ")) };
    let list: Vec<Value> =
        causes.iter().map(|(r, m, f)| json!({ "reason": r, "message": m, "field": f })).collect();
    let mut of = if name.is_empty() { json!({ "kind": kind }) } else { details(name, "", kind) };
    if !group.is_empty() {
        of["group"] = json!(group);
    }
    of["causes"] = Value::Array(list);
    status(422, "Invalid", &format!("{named} \"{name}\" is invalid: {said}"), Some(of))
}

pub fn options(kind: &str, cause: kinds::Cause) -> Answer {
    invalid(&format!("{kind}.meta.k8s.io"), "meta.k8s.io", kind, "", &[cause])
}

pub fn bad(message: &str) -> Answer {
    status(400, "BadRequest", message, None)
}

pub fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// Where a path leads.
pub struct Place<'a> {
    pub kind: &'static Kind,
    pub namespace: String,
    pub name: Option<String>,
    pub sub: Option<&'a str>,
}

fn place<'a>(path: &'a str) -> Option<Place<'a>> {
    let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    let (group, version, rest) = match parts.as_slice() {
        ["api", version, rest @ ..] => ("", *version, rest),
        ["apis", group, version, rest @ ..] => (*group, *version, rest),
        _ => return None,
    };
    let of =
        |plural: &str| KINDS.iter().find(|k| k.group == group && k.version == version && k.plural == plural);
    let (namespace, rest) = match rest {
        ["namespaces", namespace, plural, rest @ ..] if of(plural).is_some_and(|k| k.namespaced) => {
            ((*namespace).to_owned(), [&[*plural][..], rest].concat())
        }
        _ => (String::new(), rest.to_vec()),
    };
    let kind = of(rest.first()?)?;
    Some(Place { kind, namespace, name: rest.get(1).map(|n| (*n).to_owned()), sub: rest.get(2).copied() })
}

impl Store {
    /// What a request comes to.
    pub fn handle(&mut self, request: &Request, user: &str, now: &str) -> Answer {
        if let Some(answer) = kinds::discovery(request) {
            return answer;
        }
        let Some(place) = place(&request.path) else {
            let known = request.path.strip_prefix("/apis/").and_then(|p| p.split('/').next());
            return match known.is_some_and(|g| kinds::groups().contains(&g))
                || request.path.starts_with("/api/v1")
            {
                true => status(
                    404,
                    "NotFound",
                    "the server could not find the requested resource",
                    Some(json!({})),
                ),
                false => Answer::text(404, "404 page not found\n"),
            };
        };
        self.serve(request, &place, user, now).unwrap_or_else(|refused| refused)
    }

    fn serve(
        &mut self,
        request: &Request,
        place: &Place<'_>,
        user: &str,
        now: &str,
    ) -> Result<Answer, Refused> {
        let scale = match place.sub {
            None => false,
            Some("scale") if place.kind.scale => true,
            Some(_) => {
                return Err(status(
                    404,
                    "NotFound",
                    "the server could not find the requested resource",
                    Some(json!({})),
                ));
            }
        };
        let verb = match (request.method.as_str(), &place.name) {
            ("GET", Some(_)) => "get",
            ("GET", None) if request.query.contains_key("watch") => "watch",
            ("GET", None) => "list",
            ("POST", None) => "create",
            ("PUT", Some(_)) => "update",
            ("PATCH", Some(_)) => "patch",
            ("DELETE", Some(_)) if !scale => "delete",
            ("DELETE", None) => "deletecollection",
            _ => {
                let message = "the server does not allow this method on the requested resource";
                return Err(status(405, "MethodNotAllowed", message, Some(json!({}))));
            }
        };
        self.may(user, verb, place)?;
        let kind = place.kind;
        let name = place.name.clone().unwrap_or_default();
        match verb {
            "get" if scale => {
                self.find(kind, &place.namespace, &name).map(|o| Answer::json(200, &scale_of(o)))
            }
            "get" => {
                let object = self.find(kind, &place.namespace, &name)?;
                Ok(Answer::json(200, &metadata_only(request, object, kind)))
            }
            "list" => self.list(request, place),
            "watch" => self.watch(request, place),
            "delete" => self.delete(request, place, now),
            "deletecollection" => {
                let answer = self.list(request, place)?;
                let list: Value = serde_json::from_str(&answer.body).unwrap();
                for item in list["items"].as_array().unwrap() {
                    self.drop(&key(kind, &place.namespace, text(item, "/metadata/name")));
                }
                Ok(answer)
            }
            _ => self.write(request, place, scale, now),
        }
    }

    fn find(&self, kind: &Kind, namespace: &str, name: &str) -> Result<&Value, Refused> {
        self.objects.get(&key(kind, namespace, name)).ok_or_else(|| not_found(kind, name))
    }

    /// Roles and bindings; the administrator may do everything.
    fn may(&self, user: &str, verb: &str, place: &Place<'_>) -> Result<(), Refused> {
        let Some((_, account)) = user.split_once("serviceaccount ") else { return Ok(()) };
        let (namespace, account) = account.split_once('/').unwrap();
        let resource = match place.sub {
            Some(sub) => format!("{}/{sub}", place.kind.plural),
            None => place.kind.plural.to_owned(),
        };
        let has =
            |list: &Value, item: &str| list.as_array().into_iter().flatten().any(|v| v == item || v == "*");
        let roles = self.objects.iter().filter(|((kind, ns, _), binding)| {
            kind == "rolebindings.rbac.authorization.k8s.io"
                && *ns == place.namespace
                && binding["subjects"].as_array().into_iter().flatten().any(|s| s["name"] == account)
        });
        for (_, binding) in roles {
            let role = key(&KINDS[8], &place.namespace, text(binding, "/roleRef/name"));
            for rule in self.objects.get(&role).and_then(|r| r["rules"].as_array()).into_iter().flatten() {
                let named = match rule["resourceNames"].as_array() {
                    Some(names) => place.name.as_ref().is_some_and(|n| names.iter().any(|v| v == n)),
                    None => true,
                };
                if named
                    && has(&rule["apiGroups"], place.kind.group)
                    && has(&rule["resources"], &resource)
                    && has(&rule["verbs"], verb)
                {
                    return Ok(());
                }
            }
        }
        let called = match &place.name {
            Some(name) => format!("{} \"{name}\" is", place.kind.resource()),
            None => format!("{} is", place.kind.resource()),
        };
        let own = match place.kind.kind {
            "Namespace" => place.name.clone().unwrap_or_default(),
            _ => place.namespace.clone(),
        };
        let scope = match own.as_str() {
            "" => "at the cluster scope".to_owned(),
            own => format!("in the namespace \"{own}\""),
        };
        let message = format!(
            "{called} forbidden: User \"system:serviceaccount:{namespace}:{account}\" cannot {verb} resource \"{resource}\" in API group \"{}\" {scope}",
            place.kind.group
        );
        let mut of = json!({ "kind": place.kind.plural });
        if let Some(name) = &place.name {
            of["name"] = json!(name);
        }
        if !place.kind.group.is_empty() {
            of["group"] = json!(place.kind.group);
        }
        Err(status(403, "Forbidden", &message, Some(of)))
    }

    fn drop(&mut self, key: &Key) {
        if let Some(mut object) = self.objects.remove(key) {
            self.version += 1;
            let old = object.clone();
            object["metadata"]["resourceVersion"] = json!(self.version.to_string());
            self.events.push(Event { version: self.version, key: key.clone(), object: None, old: Some(old) });
        }
    }

    fn delete(&mut self, request: &Request, place: &Place<'_>, now: &str) -> Result<Answer, Refused> {
        let (kind, name) = (place.kind, place.name.clone().unwrap());
        let options: Value = serde_json::from_slice(&request.body).unwrap_or(Value::Null);
        let live = self.find(kind, &place.namespace, &name)?.clone();
        for (field, called) in [("uid", "UID"), ("resourceVersion", "ResourceVersion")] {
            let (Some(wanted), is) =
                (options["preconditions"][field].as_str(), text(&live, &format!("/metadata/{field}")))
            else {
                continue;
            };
            if wanted != is {
                let why = if field == "uid" { "deleted and then recreated" } else { "modified" };
                let message = format!(
                    "Operation cannot be fulfilled on {} \"{name}\": the {called} in the precondition ({wanted}) does not match the {called} in record ({is}). The object might have been {why}",
                    kind.named()
                );
                return Err(status(409, "Conflict", &message, Some(details(&name, kind.group, kind.kind))));
            }
        }
        let own = key(kind, &place.namespace, &name);
        if live["metadata"].get("finalizers").is_some() {
            let object = self.objects.get_mut(&own).unwrap();
            self.version += 1;
            object["metadata"]["deletionTimestamp"] = json!(now);
            object["metadata"]["deletionGracePeriodSeconds"] = json!(0);
            object["metadata"]["resourceVersion"] = json!(self.version.to_string());
            return Ok(Answer::json(200, object));
        }
        if options["dryRun"] != json!(["All"]) {
            self.drop(&own);
        }
        let mut of = details(&name, kind.group, kind.plural);
        of["uid"] = live["metadata"]["uid"].clone();
        Ok(Answer::json(
            200,
            &json!({ "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": of }),
        ))
    }
}

pub fn key(kind: &Kind, namespace: &str, name: &str) -> Key {
    let namespace = if kind.namespaced { namespace } else { "" };
    (kind.resource(), namespace.to_owned(), name.to_owned())
}

pub fn metadata_only(request: &Request, object: &Value, _: &Kind) -> Value {
    if request.accept.contains("as=PartialObjectMetadata;") {
        return json!({ "kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": object["metadata"] });
    }
    object.clone()
}
