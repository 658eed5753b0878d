//! Requests and answers: verbs on objects, as the API server has them.

use super::fields::{self, By};
use super::kinds::{self, KINDS, Kind};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

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

type Key = (String, String, String);

struct Event {
    version: u64,
    key: Key,
    /// `None`: it was deleted.
    object: Option<Value>,
    /// As it was before.
    old: Option<Value>,
}

/// The objects, and all that happened to them.
#[derive(Default)]
pub struct Store {
    version: u64,
    uids: u64,
    generated: u64,
    objects: BTreeMap<Key, Value>,
    events: Vec<Event>,
}

/// A refusal.
type Refused = Answer;

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

fn details(name: &str, group: &str, kind: &str) -> Value {
    let mut out = json!({ "name": name, "kind": kind });
    if !group.is_empty() {
        out["group"] = json!(group);
    }
    out
}

fn not_found(kind: &Kind, name: &str) -> Answer {
    let message = format!("{} \"{name}\" not found", kind.resource());
    status(404, "NotFound", &message, Some(details(name, kind.group, kind.plural)))
}

fn modified(kind: &Kind, name: &str) -> Answer {
    let message = format!(
        "Operation cannot be fulfilled on {} \"{name}\": the object has been modified; please apply your changes to the latest version and try again",
        kind.resource()
    );
    status(409, "Conflict", &message, Some(details(name, kind.group, kind.plural)))
}

fn invalid(named: &str, group: &str, kind: &str, name: &str, causes: &[kinds::Cause]) -> Answer {
    let said: Vec<String> = causes.iter().map(|(_, message, field)| format!("{field}: {message}")).collect();
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

fn options(kind: &str, cause: kinds::Cause) -> Answer {
    invalid(&format!("{kind}.meta.k8s.io"), "meta.k8s.io", kind, "", &[cause])
}

fn bad(message: &str) -> Answer {
    status(400, "BadRequest", message, None)
}

fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// Where a path leads.
struct Place<'a> {
    kind: &'static Kind,
    namespace: String,
    name: Option<String>,
    sub: Option<&'a str>,
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
        if let Some(answer) = discovery(request) {
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
        let message = format!(
            "{called} forbidden: User \"system:serviceaccount:{namespace}:{account}\" cannot {verb} resource \"{resource}\" in API group \"{}\" in the namespace \"{}\"",
            place.kind.group, place.namespace
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

    fn write(
        &mut self,
        request: &Request,
        place: &Place<'_>,
        scale: bool,
        now: &str,
    ) -> Result<Answer, Refused> {
        let kind = place.kind;
        let patch = request.method == "PATCH";
        let called = match request.method.as_str() {
            "POST" => "CreateOptions",
            "PUT" => "UpdateOptions",
            _ => "PatchOptions",
        };
        let apply = request.kind == "application/apply-patch+yaml";
        let dry = match request.query.get("dryRun").map(String::as_str) {
            None => false,
            Some("All") => true,
            Some(other) => {
                let message = format!("Unsupported value: [{other:?}]: supported values: \"All\"");
                return Err(options(called, ("FieldValueNotSupported", message, "dryRun")));
            }
        };
        let manager = request.query.get("fieldManager").cloned().unwrap_or_default();
        if manager.len() > 128 {
            return Err(options(
                called,
                ("FieldValueTooLong", "Too long: may not be more than 128 bytes".into(), "fieldManager"),
            ));
        }
        if apply && manager.is_empty() {
            return Err(options(
                called,
                ("FieldValueRequired", "Required value: is required for apply patch".into(), "fieldManager"),
            ));
        }
        let force = request.query.get("force").is_some_and(|f| f == "true");
        if patch && !apply && force {
            return Err(options(
                called,
                (
                    "FieldValueForbidden",
                    "Forbidden: may not be specified for non-apply patch".into(),
                    "force",
                ),
            ));
        }
        if request.body.len() > 3 << 20 {
            return Err(status(
                413,
                "RequestEntityTooLarge",
                "Request entity too large: limit is 3145728",
                Some(json!({})),
            ));
        }
        let body: Value = match apply {
            true => serde_yaml::from_slice(&request.body).map_err(|_| {
                bad("error decoding YAML: error converting YAML to JSON: yaml: line 2: did not find expected node content")
            })?,
            false => serde_json::from_slice(&request.body).map_err(|e| bad(&format!("error decoding: {e}")))?,
        };
        let version = if scale { "autoscaling/v1".to_owned() } else { kind.api_version() };
        let whole = !patch || apply;
        if apply
            && (text(&body, "/apiVersion") != version
                || text(&body, "/kind") != if scale { "Scale" } else { kind.kind })
        {
            let called = (text(&body, "/apiVersion"), text(&body, "/kind"));
            let called = if called.0.is_empty() { ("/", called.1) } else { called };
            return Err(bad(&format!("invalid object type: {}, Kind={}", called.0, called.1)));
        }
        if scale && !patch && text(&body, "/kind") != "Scale" {
            return Err(bad(
                "Deployment in version \"v1\" cannot be handled as a Scale: converting (v1.Deployment) to (autoscaling.Scale): unknown conversion",
            ));
        }
        let given = text(&body, "/metadata/name").to_owned();
        let mut name = place.name.clone().unwrap_or_else(|| given.clone());
        if whole && place.name.is_some() && !given.is_empty() && given != name {
            return Err(bad(&format!(
                "the name of the object ({given}) does not match the name on the URL ({name})"
            )));
        }
        let inside = text(&body, "/metadata/namespace");
        if whole && kind.namespaced && !inside.is_empty() && inside != place.namespace {
            return Err(bad(
                "the namespace of the provided object does not match the namespace sent on the request",
            ));
        }
        if request.method == "POST" {
            if name.is_empty() {
                let Some(prefix) = body["metadata"]["generateName"].as_str() else {
                    let cause = (
                        "FieldValueRequired",
                        "Required value: name or generateName is required".into(),
                        "metadata.name",
                    );
                    return Err(invalid(&kind.named(), kind.group, kind.kind, "", &[cause]));
                };
                self.generated += 1;
                name = format!("{prefix}{:05x}", 0xbcdf0 + self.generated);
            }
            if !text(&body, "/metadata/resourceVersion").is_empty() {
                return Err(status(
                    500,
                    "",
                    "resourceVersion should not be set on objects to be created",
                    None,
                ));
            }
        }
        if apply && body["metadata"].get("managedFields").is_some() {
            return Err(bad("metadata.managedFields must be nil"));
        }
        let own = key(kind, &place.namespace, &name);
        let live = self.objects.get(&own).cloned();
        let creates =
            request.method == "POST" || !scale && (apply || request.method == "PUT" && kind.kind == "Lease");
        if live.is_none() && !creates {
            return Err(not_found(kind, &name));
        }
        if request.method == "POST" && live.is_some() {
            let message = format!("{} \"{name}\" already exists", kind.resource());
            return Err(status(
                409,
                "AlreadyExists",
                &message,
                Some(details(&name, kind.group, kind.plural)),
            ));
        }
        if kind.namespaced
            && live.is_none()
            && !self.objects.contains_key(&key(&KINDS[0], "", &place.namespace))
        {
            return Err(not_found(&KINDS[0], &place.namespace));
        }
        let by = By {
            manager: if manager.is_empty() { "unknown" } else { &manager },
            version: &version,
            subresource: scale.then_some("scale"),
            time: now,
        };
        let base = live.as_ref().map(|live| if scale { scale_of(live) } else { live.clone() });
        let mut next = match (request.kind.as_str(), &base) {
            ("application/apply-patch+yaml", _) => body.clone(),
            ("application/json-patch+json", Some(base)) => json_patch(base, &body)?,
            ("application/merge-patch+json" | "application/strategic-merge-patch+json", Some(base)) => {
                if !body.is_object() {
                    return Err(bad(
                        "error decoding patch: json: cannot unmarshal array into Go value of type map[string]interface {}",
                    ));
                }
                let mut next = base.clone();
                merge_patch(&mut next, &body);
                next
            }
            _ if patch => {
                return Err(status(
                    415,
                    "UnsupportedMediaType",
                    "415: Unsupported Media Type",
                    Some(json!({})),
                ));
            }
            _ => body.clone(),
        };
        let said = text(&next, "/metadata/resourceVersion").to_owned();
        let uid = text(&body, "/metadata/uid").to_owned();
        if let Some(live) = &live {
            if said.is_empty() && request.method == "PUT" && kind.kind == "Lease" {
                let cause = (
                    "FieldValueInvalid",
                    "Invalid value: 0: must be specified for an update".into(),
                    "metadata.resourceVersion",
                );
                return Err(invalid(&kind.resource(), kind.group, kind.plural, &name, &[cause]));
            }
            if !said.is_empty() && said != text(live, "/metadata/resourceVersion") {
                return Err(modified(kind, &name));
            }
            let is = text(live, "/metadata/uid");
            if !uid.is_empty() && uid != is {
                if scale {
                    let plural = format!("{}/scale", kind.plural);
                    let message = format!(
                        "Operation cannot be fulfilled on {plural}.{} \"{name}\": Precondition failed: UID in precondition: {uid}, UID in object meta: {is}",
                        kind.group
                    );
                    return Err(status(409, "Conflict", &message, Some(details(&name, kind.group, &plural))));
                }
                let cause = (
                    "FieldValueInvalid",
                    format!("Invalid value: {uid:?}: field is immutable"),
                    "metadata.uid",
                );
                return Err(invalid(&kind.named(), kind.group, kind.kind, &name, &[cause.clone(), cause]));
            }
        } else if apply && !uid.is_empty() {
            let message = format!(
                "Operation cannot be fulfilled on {} \"{name}\": uid mismatch: the provided object specified uid {uid}, and no existing object was found",
                kind.resource()
            );
            return Err(status(409, "Conflict", &message, Some(details(&name, kind.group, kind.plural))));
        }
        if scale {
            next = onto(live.as_ref().unwrap(), &next, &name, apply)?;
        }
        let mut object = if apply {
            if kind.kind == "ConfigMap" {
                let known = ["apiVersion", "kind", "metadata", "data", "binaryData", "immutable"];
                if let Some(odd) = body.as_object().unwrap().keys().find(|k| !known.contains(&k.as_str())) {
                    let message = format!(
                        "failed to create typed patch object ({}/{name}; /v1, Kind=ConfigMap): .{odd}: field not declared in schema",
                        place.namespace
                    );
                    return Err(status(500, "", &message, None));
                }
            }
            let live = live.as_ref();
            fields::apply(live, &next, force, &by).map_err(|conflicts| conflict(&conflicts))?
        } else {
            next
        };
        fields::prune(&mut object);
        self.keep(kind, place, &name, live.as_ref(), &mut object, now);
        if live.is_none() {
            kinds::defaults(kind, &mut object);
        }
        if let Some(cause) = mistyped(kind, &object) {
            return Err(cause);
        }
        let mut causes = kinds::refuses(kind, &object);
        if let Some(live) = live.as_ref().filter(|live| live["immutable"] == true) {
            if live.get("data") != object.get("data") {
                causes.push((
                    "FieldValueForbidden",
                    "Forbidden: field is immutable when `immutable` is set".into(),
                    "data",
                ));
            }
            if live.get("immutable") != object.get("immutable") {
                causes.push((
                    "FieldValueForbidden",
                    "Forbidden: field is immutable when `immutable` is set".into(),
                    "immutable",
                ));
            }
        }
        if !causes.is_empty() {
            return Err(invalid(&kind.named(), kind.group, kind.kind, &name, &causes));
        }
        if !apply {
            fields::update(live.as_ref(), &mut object, &by);
        }
        let same = live.as_ref().is_some_and(|live| {
            fields::bare(live) == fields::bare(&object)
                && live["metadata"].get("managedFields") == object["metadata"].get("managedFields")
        });
        let status = if live.is_none() { 201 } else { 200 };
        if let Some(live) = live.as_ref().filter(|_| same) {
            return Ok(Answer::json(200, &if scale { scale_of(live) } else { live.clone() }));
        }
        if !dry {
            self.version += 1;
            object["metadata"]["resourceVersion"] = json!(self.version.to_string());
            let doomed = !text(&object, "/metadata/deletionTimestamp").is_empty()
                && object["metadata"].get("finalizers").is_none();
            self.events.push(Event {
                version: self.version,
                key: own.clone(),
                old: live,
                object: (!doomed).then(|| object.clone()),
            });
            if doomed {
                self.objects.remove(&own);
            } else {
                self.objects.insert(own, object.clone());
            }
        }
        Ok(Answer::json(status, &if scale { scale_of(&object) } else { object }))
    }

    /// Metadata that the server keeps, whatever is given.
    fn keep(
        &mut self,
        kind: &Kind,
        place: &Place<'_>,
        name: &str,
        live: Option<&Value>,
        object: &mut Value,
        now: &str,
    ) {
        let metadata = object["metadata"].take();
        let mut kept = json!({});
        if let Some(prefix) = metadata.get("generateName") {
            kept["generateName"] = prefix.clone();
        }
        kept["name"] = json!(name);
        if kind.namespaced {
            kept["namespace"] = json!(place.namespace);
        }
        match live {
            Some(live) => {
                for field in [
                    "uid",
                    "resourceVersion",
                    "generation",
                    "creationTimestamp",
                    "deletionTimestamp",
                    "deletionGracePeriodSeconds",
                ] {
                    if let Some(value) = live["metadata"].get(field) {
                        kept[field] = value.clone();
                    }
                }
                let spec = |o: &Value| o.get("spec").cloned();
                if let Some(generation) = kept.get("generation").and_then(Value::as_u64)
                    && spec(live) != spec(object)
                {
                    kept["generation"] = json!(generation + 1);
                }
            }
            None => {
                self.uids += 1;
                kept["uid"] = json!(format!("00000000-0000-4000-8000-{:012x}", self.uids));
                if matches!(kind.kind, "Deployment" | "StatefulSet" | "Worker" | "ScaledObject") {
                    kept["generation"] = json!(1);
                }
                kept["creationTimestamp"] = json!(now);
            }
        }
        for field in ["labels", "annotations", "ownerReferences", "finalizers", "managedFields"] {
            if let Some(value) = metadata.get(field) {
                kept[field] = value.clone();
            }
        }
        object["metadata"] = kept;
        object["kind"] = json!(kind.kind);
        object["apiVersion"] = json!(kind.api_version());
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
                let verb = if field == "uid" { "have been" } else { "have been" };
                let message = format!(
                    "Operation cannot be fulfilled on {} \"{name}\": the {called} in the precondition ({wanted}) does not match the {called} in record ({is}). The object might {verb} {why}",
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

    fn list(&self, request: &Request, place: &Place<'_>) -> Result<Answer, Refused> {
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
        }
        if let Some(token) = query("continue") {
            let read = token.split_once(' ').and_then(|(v, name)| Some((v.parse().ok()?, name.to_owned())));
            let Some((at, name)) = read else {
                return Err(bad(
                    "invalid continue token: continue key is not valid: invalid character 'o' in literal null (expecting 'u')",
                ));
            };
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
    fn watch(&self, request: &Request, place: &Place<'_>) -> Result<Answer, Refused> {
        let chosen = Chosen::read(request)?;
        let from = match request.query.get("resourceVersion").map(String::as_str) {
            None | Some("0") => None,
            Some(text) => Some(text.parse::<u64>().map_err(|_| {
                status(500, "", &format!("resourceVersion: Invalid value: {text:?}: strconv.ParseUint: parsing {text:?}: invalid syntax"), None)
            })?),
        };
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
        Ok(Answer {
            status: 200,
            kind: "application/json",
            body: events.iter().map(|e| format!("{e}\n")).collect(),
        })
    }
}

fn key(kind: &Kind, namespace: &str, name: &str) -> Key {
    let namespace = if kind.namespaced { namespace } else { "" };
    (kind.resource(), namespace.to_owned(), name.to_owned())
}

fn metadata_only(request: &Request, object: &Value, _: &Kind) -> Value {
    if request.accept.contains("as=PartialObjectMetadata;") {
        return json!({ "kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": object["metadata"] });
    }
    object.clone()
}

/// Conflicts of an apply, as the server tells them.
fn conflict(conflicts: &[fields::Conflict]) -> Answer {
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
fn mistyped(kind: &Kind, object: &Value) -> Option<Answer> {
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
fn scale_of(object: &Value) -> Value {
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
fn onto(live: &Value, scale: &Value, name: &str, apply: bool) -> Result<Value, Refused> {
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

fn merge_patch(into: &mut Value, patch: &Value) {
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

fn json_patch(base: &Value, patch: &Value) -> Result<Value, Refused> {
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

fn discovery(request: &Request) -> Option<Answer> {
    if request.method != "GET" {
        return None;
    }
    let parts: Vec<&str> = request.path.trim_matches('/').split('/').collect();
    let found = match parts.as_slice() {
        ["version"] => {
            json!({ "major": "1", "minor": "36", "gitVersion": "v1.36.2", "platform": "linux/amd64" })
        }
        ["readyz" | "livez" | "healthz"] | ["readyz", "ping"] => return Some(Answer::text(200, "ok")),
        ["api"] => {
            json!({ "kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": [{ "clientCIDR": "0.0.0.0/0", "serverAddress": "127.0.0.1:443" }] })
        }
        ["api", version] => kinds::resources("", version)?,
        ["apis"] => {
            json!({ "kind": "APIGroupList", "apiVersion": "v1", "groups": kinds::groups().iter().filter_map(|g| {
            let mut group = kinds::group(g)?;
            group.as_object_mut().unwrap().shift_remove("kind");
            Some(group)
        }).collect::<Vec<_>>() })
        }
        ["apis", group] => {
            let mut out = json!({ "kind": "APIGroup", "apiVersion": "v1" });
            for (key, value) in kinds::group(group)?.as_object().unwrap() {
                out[key] = value.clone();
            }
            out
        }
        ["apis", group, version] => kinds::resources(group, version)?,
        _ => return None,
    };
    Some(Answer::json(200, &found))
}
