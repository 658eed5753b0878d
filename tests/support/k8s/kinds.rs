//! The kinds that the fake serves: their names, defaults, what is refused, discovery.

use super::api::{Answer, Request};
use serde_json::{Value, json};

/// A kind.
#[derive(Debug, Clone)]
pub struct Kind {
    pub group: &'static str,
    pub version: &'static str,
    pub kind: &'static str,
    pub plural: &'static str,
    pub short: &'static [&'static str],
    pub namespaced: bool,
    pub scale: bool,
}

const fn kind(
    group: &'static str,
    version: &'static str,
    kind: &'static str,
    plural: &'static str,
    short: &'static [&'static str],
    namespaced: bool,
    scale: bool,
) -> Kind {
    Kind { group, version, kind, plural, short, namespaced, scale }
}

pub const KINDS: [Kind; 12] = [
    kind("", "v1", "Namespace", "namespaces", &["ns"], false, false),
    kind("", "v1", "ConfigMap", "configmaps", &["cm"], true, false),
    kind("", "v1", "ServiceAccount", "serviceaccounts", &["sa"], true, false),
    kind("apps", "v1", "Deployment", "deployments", &["deploy"], true, true),
    kind("apps", "v1", "StatefulSet", "statefulsets", &["sts"], true, true),
    kind("apps", "v1", "DaemonSet", "daemonsets", &["ds"], true, false),
    kind("autoscaling", "v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers", &["hpa"], true, false),
    kind("coordination.k8s.io", "v1", "Lease", "leases", &[], true, false),
    kind("rbac.authorization.k8s.io", "v1", "Role", "roles", &[], true, false),
    kind("rbac.authorization.k8s.io", "v1", "RoleBinding", "rolebindings", &[], true, false),
    kind("keda.sh", "v1alpha1", "ScaledObject", "scaledobjects", &["so"], true, false),
    kind("example.org", "v1", "Worker", "workers", &[], true, true),
];

impl Kind {
    pub fn api_version(&self) -> String {
        if self.group.is_empty() { self.version.into() } else { format!("{}/{}", self.group, self.version) }
    }

    /// `configmaps`, `deployments.apps`.
    pub fn resource(&self) -> String {
        if self.group.is_empty() { self.plural.into() } else { format!("{}.{}", self.plural, self.group) }
    }

    /// `ConfigMap`, `Lease.coordination.k8s.io`.
    pub fn named(&self) -> String {
        if self.group.is_empty() { self.kind.into() } else { format!("{}.{}", self.kind, self.group) }
    }
}

/// The resources of a group's version, as discovery lists them; `None` where there is none.
pub fn resources(group: &str, version: &str) -> Option<Value> {
    let of: Vec<&Kind> = KINDS.iter().filter(|k| k.group == group && k.version == version).collect();
    if of.is_empty() {
        return None;
    }
    let mut list = Vec::new();
    for kind in &of {
        let mut one = json!({
            "name": kind.plural, "singularName": kind.kind.to_lowercase(), "namespaced": kind.namespaced,
            "kind": kind.kind,
            "verbs": ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"],
        });
        if !kind.short.is_empty() {
            one["shortNames"] = json!(kind.short);
        }
        list.push(one);
        if kind.scale {
            list.push(json!({
                "name": format!("{}/scale", kind.plural), "singularName": "", "namespaced": true,
                "group": "autoscaling", "version": "v1", "kind": "Scale", "verbs": ["get", "patch", "update"],
            }));
        }
    }
    let group_version = of[0].api_version();
    Some(
        json!({ "kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version, "resources": list }),
    )
}

/// The groups.
pub fn groups() -> Vec<&'static str> {
    let mut groups: Vec<&str> = KINDS.iter().map(|k| k.group).filter(|g| !g.is_empty()).collect();
    groups.dedup();
    groups
}

pub fn group(name: &str) -> Option<Value> {
    let kind = KINDS.iter().find(|k| k.group == name)?;
    let version = json!({ "groupVersion": kind.api_version(), "version": kind.version });
    Some(json!({ "name": name, "versions": [version], "preferredVersion": version }))
}

fn default(object: &mut Value, key: &str, value: Value) {
    let map = object.as_object_mut().unwrap();
    if !map.contains_key(key) {
        map.insert(key.into(), value);
    }
}

/// What the server fills in.
pub fn defaults(kind: &Kind, object: &mut Value) {
    match kind.kind {
        "Namespace" => {
            let name = object["metadata"]["name"].clone();
            default(&mut object["metadata"], "labels", json!({}));
            object["metadata"]["labels"]["kubernetes.io/metadata.name"] = name;
        }
        "Lease" => default(object, "spec", json!({})),
        "Deployment" => {
            let spec = &mut object["spec"];
            default(spec, "replicas", json!(1));
            default(
                spec,
                "strategy",
                json!({
                    "type": "RollingUpdate", "rollingUpdate": { "maxUnavailable": "25%", "maxSurge": "25%" },
                }),
            );
            default(spec, "revisionHistoryLimit", json!(10));
            default(spec, "progressDeadlineSeconds", json!(600));
            pod(&mut spec["template"]);
            default(object, "status", json!({}));
        }
        "StatefulSet" => {
            let spec = &mut object["spec"];
            default(spec, "replicas", json!(1));
            default(spec, "podManagementPolicy", json!("OrderedReady"));
            let rolling = json!({ "type": "RollingUpdate", "rollingUpdate": { "partition": 0 } });
            default(spec, "updateStrategy", rolling);
            default(spec, "revisionHistoryLimit", json!(10));
            let kept = json!({ "whenDeleted": "Retain", "whenScaled": "Retain" });
            default(spec, "persistentVolumeClaimRetentionPolicy", kept);
            pod(&mut spec["template"]);
            default(object, "status", json!({ "replicas": 0, "availableReplicas": 0 }));
        }
        _ => {}
    }
}

/// What the server fills in for itself: nobody owns it.
pub fn unowned(kind: &Kind, object: &mut Value) {
    if kind.kind == "Namespace" {
        default(object, "spec", json!({ "finalizers": ["kubernetes"] }));
        default(object, "status", json!({ "phase": "Active" }));
    }
}

fn pod(template: &mut Value) {
    let spec = &mut template["spec"];
    for container in spec["containers"].as_array_mut().into_iter().flatten() {
        default(container, "resources", json!({}));
        default(container, "terminationMessagePath", json!("/dev/termination-log"));
        default(container, "terminationMessagePolicy", json!("File"));
        let latest = container["image"].as_str().is_some_and(|image| {
            !image.rsplit('/').next().unwrap().contains(':') || image.ends_with(":latest")
        });
        default(container, "imagePullPolicy", json!(if latest { "Always" } else { "IfNotPresent" }));
    }
    default(spec, "restartPolicy", json!("Always"));
    default(spec, "terminationGracePeriodSeconds", json!(30));
    default(spec, "dnsPolicy", json!("ClusterFirst"));
    default(spec, "securityContext", json!({}));
    default(spec, "schedulerName", json!("default-scheduler"));
}

/// A cause of a refusal: reason, message, field.
pub type Cause = (&'static str, String, &'static str);

const NAME: &str = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";

/// Why the server refuses an object.
pub fn refuses(kind: &Kind, object: &Value) -> Vec<Cause> {
    let mut causes = Vec::new();
    let name = object["metadata"]["name"].as_str().unwrap_or_default();
    let edge = |b: Option<u8>| b.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    let good = name.len() <= 253
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'.')
        && edge(name.bytes().next())
        && edge(name.bytes().last());
    if !good {
        causes.push(("FieldValueInvalid", format!("Invalid value: {name:?}: {NAME}"), "metadata.name"));
    }
    match kind.kind {
        "ConfigMap" => {
            let size: usize = ["data", "binaryData"]
                .iter()
                .flat_map(|part| object[*part].as_object().into_iter().flatten())
                .map(|(key, value)| key.len() + value.as_str().map_or(0, str::len))
                .sum();
            if size > 1_048_576 {
                causes.push((
                    "FieldValueTooLong",
                    "Too long: may not be more than 1048576 bytes".into(),
                    "[]",
                ));
            }
        }
        "Lease" => {
            let spec = &object["spec"];
            if spec["leaseDurationSeconds"].as_i64().is_some_and(|n| n <= 0) {
                causes.push((
                    "FieldValueInvalid",
                    format!("Invalid value: {}: must be greater than 0", spec["leaseDurationSeconds"]),
                    "spec.leaseDurationSeconds",
                ));
            }
            if spec["leaseTransitions"].as_i64().is_some_and(|n| n < 0) {
                causes.push((
                    "FieldValueInvalid",
                    format!(
                        "Invalid value: {}: must be greater than or equal to 0",
                        spec["leaseTransitions"]
                    ),
                    "spec.leaseTransitions",
                ));
            }
        }
        _ => {}
    }
    causes
}

/// What the server says of itself; `None` where the request is about something else.
pub fn discovery(request: &Request) -> Option<Answer> {
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
        ["api", version] => resources("", version)?,
        ["apis"] => {
            json!({ "kind": "APIGroupList", "apiVersion": "v1", "groups": groups().iter().filter_map(|g| {
            let mut group = group(g)?;
            group.as_object_mut().unwrap().shift_remove("kind");
            Some(group)
        }).collect::<Vec<_>>() })
        }
        ["apis", named] => {
            let mut out = json!({ "kind": "APIGroup", "apiVersion": "v1" });
            for (key, value) in group(named)?.as_object().unwrap() {
                out[key] = value.clone();
            }
            out
        }
        ["apis", group, version] => resources(group, version)?,
        _ => return None,
    };
    Some(Answer::json(200, &found))
}
