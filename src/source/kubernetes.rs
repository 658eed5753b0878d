//! What a cluster knows of the targets of policies: their replicas, and what else scales them.
//! Reads only. Edge.
//!
//! May import: the core, `cluster`.

use crate::cluster::{Cluster, Failed};
use crate::lint::online::{Scaler, TargetFact};
use crate::model::Target;
use crate::report::segment;
use serde_json::Value;

/// Most names of a kind that are looked through for one that was meant.
const MOST_OTHERS: usize = 500;

/// A target, as a cluster names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// `apps/v1`.
    pub api_version: String,
    /// `Deployment`.
    pub kind: String,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// The context of the kubeconfig that leads to its cluster.
    pub context: Option<String>,
}

impl Place {
    /// The place of a target; `None` where it is none of Kubernetes'.
    pub fn of(target: &Target) -> Option<Place> {
        let argument = |name: &str| target.arguments.iter().find(|(k, _)| k == name).map(|(_, v)| v.clone());
        let (api_version, kind) = match target.kind.as_str() {
            "kubernetes.deployment" => ("apps/v1".into(), "Deployment".into()),
            "kubernetes.statefulset" => ("apps/v1".into(), "StatefulSet".into()),
            "kubernetes.scale" => (argument("api_version")?, argument("kind")?),
            _ => return None,
        };
        Some(Place {
            api_version,
            kind,
            namespace: argument("namespace")?,
            name: argument("name")?,
            context: argument("context"),
        })
    }

    /// Whether another place is the same object of one cluster, whatever version it is asked for by.
    pub fn is_same(&self, other: &Place) -> bool {
        let key = |place: &Place| (place.kind.clone(), place.namespace.clone(), place.name.clone());
        self.group() == other.group() && key(self) == key(other)
    }

    /// The API group, without the version; empty for the core's.
    fn group(&self) -> &str {
        group(&self.api_version)
    }

    /// The path of the group's version.
    fn api(&self) -> String {
        match self.api_version.contains('/') {
            true => format!("/apis/{}", self.api_version),
            false => format!("/api/{}", self.api_version),
        }
    }
}

fn group(api_version: &str) -> &str {
    api_version.split_once('/').map_or("", |(group, _)| group)
}

/// What the cluster knows of a target.
///
/// # Errors
/// Where the cluster cannot be asked.
pub async fn look(cluster: &Cluster, place: &Place) -> Result<TargetFact, Failed> {
    let mut fact = TargetFact::default();
    let plural = match (place.api_version.as_str(), place.kind.as_str()) {
        ("apps/v1", "Deployment") => "deployments".to_owned(),
        ("apps/v1", "StatefulSet") => "statefulsets".to_owned(),
        _ => match plural(cluster, place).await? {
            Ok(plural) => plural,
            Err(why) => {
                fact.unscalable = Some(why);
                return Ok(fact);
            }
        },
    };
    let all = format!("{}/namespaces/{}/{plural}", place.api(), segment(&place.namespace));
    let Some(scale) = cluster.find(&format!("{all}/{}/scale", segment(&place.name))).await? else {
        fact.others = names(&cluster.get(&format!("{all}?limit={MOST_OTHERS}")).await?);
        return Ok(fact);
    };
    // The server leaves the field out where it is 0.
    let replicas = scale.pointer("/spec/replicas").map_or(Some(0), Value::as_u64);
    fact.replicas = replicas.and_then(|n| u32::try_from(n).ok());
    fact.scalers = scalers(cluster, place).await?;
    Ok(fact)
}

/// The name of a kind in paths; or why it cannot be scaled.
async fn plural(cluster: &Cluster, place: &Place) -> Result<Result<String, String>, Failed> {
    let parts: Vec<String> = place.api_version.split('/').map(segment).collect();
    let api = if parts.len() == 2 {
        format!("/apis/{}", parts.join("/"))
    } else {
        format!("/api/{}", parts.join("/"))
    };
    let Some(list) = cluster.find(&api).await? else {
        return Ok(Err(format!("the cluster does not serve {}", place.api_version)));
    };
    let resources: Vec<&Value> =
        list.get("resources").and_then(Value::as_array).into_iter().flatten().collect();
    let text =
        |value: &Value, key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let found = resources.iter().find(|r| text(r, "kind") == place.kind && !text(r, "name").contains('/'));
    let Some(found) = found else {
        return Ok(Err(format!("{} has no kind {}", place.api_version, place.kind)));
    };
    let name = text(found, "name");
    if resources.iter().any(|r| text(r, "name") == format!("{name}/scale")) {
        Ok(Ok(name))
    } else {
        Ok(Err(format!("{} {} has no subresource `scale`", place.api_version, place.kind)))
    }
}

fn items(list: &Value) -> impl Iterator<Item = &Value> {
    list.get("items").and_then(Value::as_array).into_iter().flatten()
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn names(list: &Value) -> Vec<String> {
    items(list).map(|item| text(item, "/metadata/name").to_owned()).collect()
}

/// Whether a `scaleTargetRef` means a target; a reference leaves out what `kind` and `api_version`
/// say by default.
fn means(reference: &Value, place: &Place, defaults: (&str, &str)) -> bool {
    let or = |key: &str, default: &str| match text(reference, key) {
        "" => default.to_owned(),
        given => given.to_owned(),
    };
    text(reference, "/name") == place.name
        && or("/kind", defaults.1) == place.kind
        && group(&or("/apiVersion", defaults.0)) == place.group()
}

/// What else scales a target: HorizontalPodAutoscalers, and KEDA's ScaledObjects.
async fn scalers(cluster: &Cluster, place: &Place) -> Result<Vec<Scaler>, Failed> {
    let mut found = Vec::new();
    let namespace = segment(&place.namespace);
    let hpas =
        cluster.get(&format!("/apis/autoscaling/v2/namespaces/{namespace}/horizontalpodautoscalers")).await?;
    let keda = cluster.find(&format!("/apis/keda.sh/v1alpha1/namespaces/{namespace}/scaledobjects")).await?;
    for hpa in items(&hpas) {
        let owners = hpa.pointer("/metadata/ownerReferences").and_then(Value::as_array);
        // KEDA's own is told as the ScaledObject that it belongs to.
        let of_keda = owners.into_iter().flatten().any(|owner| text(owner, "/kind") == "ScaledObject");
        let reference = hpa.pointer("/spec/scaleTargetRef").unwrap_or(&Value::Null);
        if means(reference, place, ("", "")) && !(of_keda && keda.is_some()) {
            found.push(Scaler {
                kind: "HorizontalPodAutoscaler".into(),
                name: text(hpa, "/metadata/name").into(),
                bounds: bounds(hpa, "/spec/minReplicas", 1, "/spec/maxReplicas"),
            });
        }
    }
    for scaled in keda.iter().flat_map(items) {
        let reference = scaled.pointer("/spec/scaleTargetRef").unwrap_or(&Value::Null);
        if means(reference, place, ("apps/v1", "Deployment")) {
            found.push(Scaler {
                kind: "ScaledObject".into(),
                name: text(scaled, "/metadata/name").into(),
                bounds: bounds(scaled, "/spec/minReplicaCount", 0, "/spec/maxReplicaCount"),
            });
        }
    }
    Ok(found)
}

fn bounds(object: &Value, min: &str, least: u64, max: &str) -> String {
    let min = object.pointer(min).and_then(Value::as_u64).unwrap_or(least);
    object
        .pointer(max)
        .and_then(Value::as_u64)
        .map_or(String::new(), |max| format!("{min} to {max} replicas"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_mean_a_group_and_not_its_version() {
        let place = Place {
            api_version: "apps/v1".into(),
            kind: "Deployment".into(),
            namespace: "shop".into(),
            name: "web".into(),
            context: None,
        };
        let reference = |json: &str| serde_json::from_str::<Value>(json).unwrap();
        let keda = ("apps/v1", "Deployment");
        let full = reference(r#"{"apiVersion":"apps/v1beta2","kind":"Deployment","name":"web"}"#);
        assert!(means(&full, &place, ("", "")));
        assert!(means(&reference(r#"{"name":"web"}"#), &place, keda));
        assert!(!means(&reference(r#"{"name":"web","kind":"StatefulSet"}"#), &place, keda));
        assert!(!means(&reference(r#"{"name":"wab"}"#), &place, keda));
        assert!(!means(&reference(r#"{"apiVersion":"v1","kind":"Deployment","name":"web"}"#), &place, keda));
    }
}
