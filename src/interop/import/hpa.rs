//! `autoscaling/v2` and `v1` HorizontalPodAutoscaler. May import: `text`, `model`, `yaml`,
//! siblings.

use super::super::lua::{self, Draft, DraftMetric};
use super::fields::Fields;
use super::{behavior, head, target};
use crate::model::{Per, Unit};
use crate::text::Span;
use crate::yaml::{Node, Yaml};

/// What an HPA without metrics goes by, in percent of the requests.
const DEFAULT_CPU: f64 = 80.0;
/// Largest utilization of the requests that a policy can track.
const MOST_UTILIZATION: f64 = 1000.0;

/// Reads the object.
pub(super) fn read(node: &Node, fields: &mut Fields<'_, '_>) -> Option<Draft> {
    let mut draft = Draft::default();
    fields.only(node, "", &["apiVersion", "kind", "metadata", "spec", "status"]);
    let namespace = head(node, &mut draft, fields);
    let spec = fields.reader.required(node, "", "spec", "spec: { … }")?;
    let read = [
        "scaleTargetRef",
        "minReplicas",
        "maxReplicas",
        "metrics",
        "behavior",
        "targetCPUUtilizationPercentage",
    ];
    fields.only(spec, "spec", &read);
    target(spec, &namespace, &mut draft, fields);
    draft.min = fields.whole(spec, "spec", "minReplicas", 0..=i32::MAX as u32).unwrap_or(1);
    match fields.reader.required(spec, "spec", "maxReplicas", "maxReplicas: 10") {
        Some(max) => {
            draft.max = fields.reader.whole(max, "spec.maxReplicas", 1..=i32::MAX as u32).unwrap_or(1)
        }
        None => return None,
    }
    let workload = draft.target.as_ref().map(|(_, arguments)| arguments.clone()).unwrap_or_default();
    let of = |key: &str| workload.iter().find(|(k, _)| *k == key).map_or("", |(_, v)| v.as_str());
    let pods = Pods { namespace: of("namespace"), name: of("name") };
    let old = spec.get("targetCPUUtilizationPercentage");
    let listed = spec.get("metrics").map_or(&[][..], |n| fields.reader.list(n, "spec.metrics"));
    if let Some(old) = old {
        let percent = fields.reader.whole(old, "spec.targetCPUUtilizationPercentage", 1..=u32::MAX)?;
        resource("cpu", Some(f64::from(percent)), None, &pods, old.span, &mut draft, fields);
    } else if listed.is_empty() {
        let why = "an HPA without metrics goes by 80% of the requested cpu";
        fields.remarks.note("spec.metrics", spec.span, why, "");
        resource("cpu", Some(DEFAULT_CPU), None, &pods, spec.span, &mut draft, fields);
    }
    for (at, item) in listed.iter().enumerate() {
        metric(item, &format!("spec.metrics[{at}]"), &pods, &mut draft, fields);
    }
    if draft.min == 0 {
        let why = "an HPA at 0 wakes when a metric asks for a replica; a policy wakes by activation";
        fields.remarks.lost("spec.minReplicas", spec.span, why, "add activation = { METRIC = value }");
    }
    if let Some(node) = spec.get("behavior") {
        behavior::read(node, "spec.behavior", &mut draft, fields);
    }
    Some(draft)
}

/// The pods that the target owns, as Prometheus commonly labels them.
pub(super) struct Pods<'a> {
    pub namespace: &'a str,
    pub name: &'a str,
}

impl Pods<'_> {
    fn labels(&self) -> String {
        // In a pattern, a dot of the name is itself; in PromQL's text the backslash is doubled.
        let name = self.name.replace('.', "\\\\.");
        format!("namespace=\"{}\",pod=~\"{name}-.*\"", self.namespace)
    }
}

/// One entry of `spec.metrics`.
fn metric(item: &Node, what: &str, pods: &Pods<'_>, draft: &mut Draft, fields: &mut Fields<'_, '_>) {
    let kinds = ["Resource", "ContainerResource", "Pods", "Object", "External"];
    let Some(kind) = item.get("type") else {
        fields.absent(what, "type", item.span, "type: Resource");
        return;
    };
    let Some(kind) = fields.reader.choice(kind, &format!("{what}.type"), &kinds) else { return };
    let key = match kind.value.as_str() {
        "Resource" => "resource",
        "ContainerResource" => "containerResource",
        "Pods" => "pods",
        "Object" => "object",
        _ => "external",
    };
    fields.only(item, what, &["type", key]);
    let what = format!("{what}.{key}");
    let Some(body) = item.get(key) else {
        fields.absent(
            what.trim_end_matches(key).trim_end_matches('.'),
            key,
            item.span,
            &format!("{key}: {{ … }}"),
        );
        return;
    };
    let Some(aim) = body.get("target") else {
        fields.absent(&what, "target", body.span, "target: { type: Utilization, averageUtilization: 60 }");
        return;
    };
    let Some(aim) = Aim::read(aim, &format!("{what}.target"), fields) else { return };
    match key {
        "resource" | "containerResource" => {
            fields.only(body, &what, &["name", "container", "target"]);
            let Some(name) = body.get("name").and_then(|n| fields.text(n, &format!("{what}.name"))) else {
                fields.absent(&what, "name", body.span, "name: cpu");
                return;
            };
            let container = body.get("container").and_then(|n| fields.text(n, &format!("{what}.container")));
            match aim {
                Aim::Utilization(percent) => {
                    resource(&name, Some(percent), container.as_deref(), pods, body.span, draft, fields);
                }
                Aim::Average(value) => {
                    amount(&name, value, container.as_deref(), pods, body.span, draft, fields)
                }
                Aim::Value(_) => {
                    let message = format!("`{what}.target` of a resource cannot be a Value");
                    fields.reader.report(
                        "bad-value",
                        message,
                        body.span,
                        "one of: Utilization, AverageValue",
                    );
                }
            }
        }
        _ => named(body, &what, key, aim, pods, draft, fields),
    }
}

/// What a metric is compared with.
enum Aim {
    /// Percent of the requests.
    Utilization(f64),
    /// An average over the replicas.
    Average(f64),
    /// The value as it is.
    Value(f64),
}

impl Aim {
    fn read(node: &Node, what: &str, fields: &mut Fields<'_, '_>) -> Option<Aim> {
        fields.only(node, what, &["type", "value", "averageValue", "averageUtilization"]);
        let (key, value) = ["averageUtilization", "averageValue", "value"]
            .into_iter()
            .find_map(|key| node.get(key).filter(|n| n.value != Yaml::Null).map(|n| (key, n)))
            .or_else(|| {
                fields.absent(
                    what,
                    "averageUtilization, averageValue or value",
                    node.span,
                    "averageUtilization: 60",
                );
                None
            })?;
        let what = format!("{what}.{key}");
        Some(match key {
            "averageUtilization" => {
                Aim::Utilization(f64::from(fields.reader.whole(value, &what, 1..=i32::MAX as u32)?))
            }
            "averageValue" => Aim::Average(fields.quantity(value, &what)?),
            _ => Aim::Value(fields.quantity(value, &what)?),
        })
    }
}

fn check(key: &str, place: Span, fields: &mut Fields<'_, '_>) {
    let why = "an HPA reads the metrics API; the query is the usual one of cAdvisor and kube-state-metrics";
    fields.remarks.note(format!("metrics.{key}.query"), place, why, "hold it against your Prometheus");
}

/// Utilization: sum of what the containers use over the sum of what they request.
pub(super) fn resource(
    name: &str,
    percent: Option<f64>,
    container: Option<&str>,
    pods: &Pods<'_>,
    place: Span,
    draft: &mut Draft,
    fields: &mut Fields<'_, '_>,
) {
    if percent.is_some_and(|p| p > MOST_UTILIZATION) {
        let help = format!("a target of at most {MOST_UTILIZATION} % of the requests is read");
        fields.reader.report(
            "bad-value",
            format!("`{name}` cannot be held at more than ten times its request"),
            place,
            help,
        );
    }
    let key = lua::key(name, &draft.metrics);
    let used = usage(name, container, pods);
    let requested = format!(
        "sum by (pod) (kube_pod_container_resource_requests{{{},resource=\"{name}\"{}}})",
        pods.labels(),
        container.map(|c| format!(",container=\"{c}\"")).unwrap_or_default(),
    );
    check(&key, place, fields);
    draft.metrics.push(DraftMetric {
        key,
        query: format!("{used} / {requested}"),
        url: None,
        // A ratio above 1 is one of a resource alone.
        unit: (container.is_none() || percent.is_none_or(|p| p <= 100.0)).then_some(Unit::Ratio),
        per: Per::Replica,
        replica_label: Some("pod"),
        resource: of_pod(name, container, place, fields),
        zero: false,
        target: percent.unwrap_or(DEFAULT_CPU) / 100.0,
    });
}

/// An average amount of a resource.
pub(super) fn amount(
    name: &str,
    value: f64,
    container: Option<&str>,
    pods: &Pods<'_>,
    place: Span,
    draft: &mut Draft,
    fields: &mut Fields<'_, '_>,
) {
    let key = lua::key(name, &draft.metrics);
    check(&key, place, fields);
    draft.metrics.push(DraftMetric {
        key,
        query: usage(name, container, pods),
        url: None,
        unit: (name == "memory").then_some(Unit::Bytes),
        per: Per::Replica,
        replica_label: Some("pod"),
        resource: of_pod(name, container, place, fields),
        zero: false,
        target: value,
    });
}

/// The resource that a policy names: that of whole pods. What an HPA measures of one container it reads
/// by its query alone, and exported again it must not become the pods'.
fn of_pod(name: &str, container: Option<&str>, place: Span, fields: &mut Fields<'_, '_>) -> Option<String> {
    let Some(container) = container else { return Some(name.to_owned()) };
    let why = format!(
        "a policy knows the {name} of whole pods; that of `{container}` it reads by its query, without the HPA's rules for pods that start"
    );
    fields.remarks.lost(format!("{name} of {container}"), place, why, "");
    None
}

fn usage(name: &str, container: Option<&str>, pods: &Pods<'_>) -> String {
    let container = container.map_or_else(|| "container!=\"\"".to_owned(), |c| format!("container=\"{c}\""));
    let labels = format!("{},{container}", pods.labels());
    match name {
        "cpu" => format!("sum by (pod) (rate(container_cpu_usage_seconds_total{{{labels}}}[2m]))"),
        "memory" => format!("sum by (pod) (container_memory_working_set_bytes{{{labels}}})"),
        other => format!("sum by (pod) (container_{other}{{{labels}}})"),
    }
}

/// A metric that an adapter serves under a name.
fn named(
    body: &Node,
    what: &str,
    kind: &str,
    aim: Aim,
    pods: &Pods<'_>,
    draft: &mut Draft,
    fields: &mut Fields<'_, '_>,
) {
    fields.only(body, what, &["metric", "target", "describedObject"]);
    let metric = body.get("metric");
    let Some(name) =
        metric.and_then(|m| m.get("name")).and_then(|n| fields.text(n, &format!("{what}.metric.name")))
    else {
        fields.absent(what, "metric.name", body.span, "metric: { name: requests_per_second }");
        return;
    };
    let mut labels = selector(metric, what, fields);
    if kind == "pods" {
        labels.insert(0, pods.labels());
    }
    if kind == "object" {
        let object = body.get("describedObject").and_then(|o| o.get("name")).and_then(|n| match &n.value {
            Yaml::Text(text) => Some(text.clone()),
            _ => None,
        });
        let of = object.map(|o| format!(" of {o}")).unwrap_or_default();
        let why = format!("the HPA reads `{name}`{of} from the custom metrics API; the query has no object");
        fields.remarks.note(format!("{what}.describedObject"), body.span, why, "select it in the query");
    }
    let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
    let (per, target, replica_label, query) = match (kind, aim) {
        ("pods", Aim::Average(value)) => {
            (Per::Replica, value, Some("pod"), format!("sum by (pod) ({name}{labels})"))
        }
        ("external" | "object", Aim::Average(value)) => {
            (Per::Total, value, None, format!("sum({name}{labels})"))
        }
        ("external" | "object", Aim::Value(value)) => {
            (Per::Replica, value, None, format!("sum({name}{labels})"))
        }
        _ => {
            let message = format!("`{what}.target` cannot be of this type");
            let help = if kind == "pods" { "use averageValue" } else { "one of: value, averageValue" };
            fields.reader.report("bad-value", message, body.span, help);
            return;
        }
    };
    let key = lua::key(&name, &draft.metrics);
    let why = format!("the HPA reads `{name}` from a metrics adapter, which may compute it otherwise");
    fields.remarks.note(
        format!("metrics.{key}.query"),
        body.span,
        why,
        "take the query from the adapter's rules",
    );
    draft.metrics.push(DraftMetric {
        key,
        query,
        url: None,
        unit: None,
        per,
        replica_label,
        resource: None,
        zero: false,
        target,
    });
}

/// Matchers of a selector; expressions are named as lost.
fn selector(metric: Option<&Node>, what: &str, fields: &mut Fields<'_, '_>) -> Vec<String> {
    let Some(selector) = metric.and_then(|m| m.get("selector")) else { return Vec::new() };
    let what = format!("{what}.metric.selector");
    fields.only(selector, &what, &["matchLabels"]);
    let Some(labels) = selector.get("matchLabels") else { return Vec::new() };
    let entries = fields.reader.entries(labels, &format!("{what}.matchLabels"));
    entries
        .into_iter()
        .filter_map(|(key, value)| {
            let value = fields.scalar(value, &format!("{what}.matchLabels.{}", key.value))?;
            Some(format!("{}=\"{}\"", key.value, value.replace('\\', "\\\\").replace('"', "\\\"")))
        })
        .collect()
}
