//! What a create, an update, a patch and an apply come to.

use super::api::{
    Answer, Event, Place, Refused, Request, Store, bad, details, invalid, key, modified, not_found, options,
    status, text,
};
use super::changes::{conflict, json_patch, merge_patch, mistyped, onto, scale_of};
use super::fields::{self, By};
use super::kinds::{self, KINDS, Kind};
use serde_json::{Value, json};

impl Store {
    pub fn write(
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
        let version = kind.api_version();
        let asked = if scale { "autoscaling/v1".to_owned() } else { version.clone() };
        let whole = !patch || apply;
        if apply
            && (text(&body, "/apiVersion") != asked
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
            fields::apply(live, &next, force, &by).map_err(|mut conflicts| {
                // On the scale, versions are told as those of the scale.
                for (owner, _) in &mut conflicts {
                    *owner = owner.replace(&format!("using {version}"), &format!("using {asked}"));
                }
                conflict(&conflicts)
            })?
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
        if live.is_none() {
            kinds::unowned(kind, &mut object);
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
            let doomed = !text(&object, "/metadata/deletionTimestamp").is_empty()
                && object["metadata"].get("finalizers").is_none();
            // What goes with its last finalizer is told as it was.
            if !doomed {
                object["metadata"]["resourceVersion"] = json!(self.version.to_string());
            }
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
}
