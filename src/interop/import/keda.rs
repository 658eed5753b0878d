//! `keda.sh/v1alpha1` ScaledObject. May import: `text`, `model`, `yaml`, siblings.

use super::super::clock;
use super::super::lua::{self, Draft, DraftMetric};
use super::fields::Fields;
use super::hpa::{Pods, amount, resource};
use super::{behavior, head, target};
use crate::model::{Duration, Per};
use crate::yaml::{Node, Yaml};

/// Defaults of the ScaledObject: seconds between polls, replicas at most.
const POLLING: u32 = 30;
const MOST: u32 = 100;

/// Reads the object.
pub(super) fn read(node: &Node, fields: &mut Fields<'_, '_>) -> Option<Draft> {
    let mut draft = Draft::default();
    fields.only(node, "", &["apiVersion", "kind", "metadata", "spec", "status"]);
    let namespace = head(node, &mut draft, fields);
    draft.observe = node
        .get("metadata")
        .and_then(|m| m.get("annotations"))
        .and_then(|a| a.get("autoscaling.keda.sh/paused"))
        .is_some_and(|n| matches!(&n.value, Yaml::Text(t) if t == "true") || n.value == Yaml::Bool(true));
    let spec = fields.reader.required(node, "", "spec", "spec: { … }")?;
    let read = [
        "scaleTargetRef",
        "pollingInterval",
        "cooldownPeriod",
        "minReplicaCount",
        "maxReplicaCount",
        "fallback",
        "advanced",
        "triggers",
    ];
    fields.only(spec, "spec", &read);
    target(spec, &namespace, &mut draft, fields);
    let polling = fields.whole(spec, "spec", "pollingInterval", 1..=86_400).unwrap_or(POLLING);
    draft.interval = (polling != 15).then(|| Duration::from_secs(i64::from(polling)));
    draft.min = fields.whole(spec, "spec", "minReplicaCount", 0..=i32::MAX as u32).unwrap_or(0);
    draft.max = fields.whole(spec, "spec", "maxReplicaCount", 1..=i32::MAX as u32).unwrap_or(MOST);
    if let Some(advanced) = spec.get("advanced") {
        fields.only(advanced, "spec.advanced", &["horizontalPodAutoscalerConfig"]);
        if let Some(config) = advanced.get("horizontalPodAutoscalerConfig") {
            let what = "spec.advanced.horizontalPodAutoscalerConfig";
            fields.only(config, what, &["behavior"]);
            if let Some(node) = config.get("behavior") {
                behavior::read(node, &format!("{what}.behavior"), &mut draft, fields);
            }
        }
    }
    if draft.min == 0 {
        let period = fields.whole(spec, "spec", "cooldownPeriod", 0..=86_400).unwrap_or(300);
        let window = draft.windows.get(1).copied().flatten().unwrap_or(Duration::from_secs(300));
        if window != Duration::from_secs(i64::from(period)) {
            let why = format!(
                "the step from 1 to 0 waits {period}s in KEDA; here it waits for the scale-in window, {window}"
            );
            fields.remarks.lost("spec.cooldownPeriod", spec.span, why, "set stabilization_window.scale_in");
        }
    }
    if let Some(fallback) = spec.get("fallback") {
        read_fallback(fallback, polling, &mut draft, fields);
    }
    let Some(triggers) = fields.reader.required(spec, "spec", "triggers", "triggers: [ … ]") else {
        return Some(draft);
    };
    let arguments = draft.target.as_ref().map(|(_, arguments)| arguments.clone()).unwrap_or_default();
    let of = |key: &str| arguments.iter().find(|(k, _)| *k == key).map_or("", |(_, v)| v.as_str());
    let pods = Pods { namespace: of("namespace"), name: of("name") };
    for (at, item) in fields.reader.list(triggers, "spec.triggers").iter().enumerate() {
        trigger(item, &format!("spec.triggers[{at}]"), &pods, &mut draft, fields);
    }
    Some(draft)
}

fn read_fallback(fallback: &Node, polling: u32, draft: &mut Draft, fields: &mut Fields<'_, '_>) {
    let what = "spec.fallback";
    fields.only(fallback, what, &["failureThreshold", "replicas", "behavior"]);
    let failures = fields.whole(fallback, what, "failureThreshold", 1..=1_000_000).unwrap_or(3);
    let Some(replicas) = fields.whole(fallback, what, "replicas", 0..=i32::MAX as u32) else {
        fields.absent(what, "replicas", fallback.span, "replicas: 6");
        return;
    };
    let behavior = fallback.get("behavior").and_then(|n| fields.text(n, "spec.fallback.behavior"));
    if behavior.as_deref() != Some("currentReplicasIfHigher") {
        let name = behavior.unwrap_or_else(|| "static".into());
        let why = format!("behavior {name} may lower the count; a policy's fallback only raises it");
        fields.remarks.lost("spec.fallback.behavior", fallback.span, why, "");
    }
    let after = i64::from(failures).saturating_mul(i64::from(polling));
    draft.fallback = Some((Duration::from_secs(after), replicas));
}

fn trigger(item: &Node, what: &str, pods: &Pods<'_>, draft: &mut Draft, fields: &mut Fields<'_, '_>) {
    fields.only(item, what, &["type", "name", "metricType", "metadata"]);
    let kind = item.get("type").and_then(|n| fields.text(n, &format!("{what}.type")));
    let Some(kind) = kind else {
        fields.absent(what, "type", item.span, "type: prometheus");
        return;
    };
    let empty = Node { value: Yaml::Null, span: item.span };
    let metadata = item.get("metadata").unwrap_or(&empty);
    let metric_type = item
        .get("metricType")
        .and_then(|n| {
            fields.reader.choice(n, &format!("{what}.metricType"), &["Utilization", "AverageValue", "Value"])
        })
        .map(|m| m.value);
    let name = item.get("name").and_then(|n| fields.text(n, &format!("{what}.name")));
    let what = format!("{what}.metadata");
    match kind.as_str() {
        "prometheus" => prometheus(metadata, &what, name, metric_type, draft, fields),
        "cpu" | "memory" => {
            fields.only(metadata, &what, &["value", "containerName"]);
            let Some(value) = metadata.get("value") else {
                fields.absent(&what, "value", metadata.span, "value: \"60\"");
                return;
            };
            let container = metadata.get("containerName").and_then(|n| fields.text(n, &what));
            let container = container.as_deref();
            let Some(number) = fields.quantity(value, &format!("{what}.value")) else { return };
            match metric_type.as_deref() {
                Some("AverageValue") => amount(&kind, number, container, pods, item.span, draft, fields),
                _ => resource(&kind, Some(number), container, pods, item.span, draft, fields),
            }
        }
        "cron" => cron(metadata, &what, draft, fields),
        other => {
            let why = format!("a policy has no source that reads KEDA's `{other}`");
            let instead = "read it from Prometheus or from an endpoint: scrape { url = …, metric = … }";
            fields.remarks.lost(what.trim_end_matches(".metadata"), item.span, why, instead);
        }
    }
}

fn prometheus(
    metadata: &Node,
    what: &str,
    name: Option<String>,
    metric_type: Option<String>,
    draft: &mut Draft,
    fields: &mut Fields<'_, '_>,
) {
    let read = ["serverAddress", "query", "threshold", "activationThreshold", "ignoreNullValues"];
    fields.only(metadata, what, &read);
    let mut of = |key: &str| metadata.get(key).and_then(|n| fields.text(n, &format!("{what}.{key}")));
    let (server, query) = (of("serverAddress"), of("query"));
    let Some(query) = query else {
        fields.absent(what, "query", metadata.span, "query: sum(rate(http_requests_total[2m]))");
        return;
    };
    let Some(threshold) = metadata.get("threshold") else {
        fields.absent(what, "threshold", metadata.span, "threshold: \"120\"");
        return;
    };
    let Some(target) = fields.decimal(threshold, &format!("{what}.threshold")).filter(|t| *t > 0.0) else {
        return;
    };
    let above = match metadata.get("activationThreshold") {
        Some(node) => fields.decimal(node, &format!("{what}.activationThreshold")).unwrap_or(0.0),
        None => 0.0,
    };
    let null =
        metadata.get("ignoreNullValues").and_then(|n| fields.scalar(n, &format!("{what}.ignoreNullValues")));
    let per = match metric_type.as_deref() {
        Some("Value") => Per::Replica,
        _ => Per::Total,
    };
    let key = lua::key(name.as_deref().unwrap_or("prometheus"), &draft.metrics);
    if draft.min == 0 {
        if per == Per::Replica {
            let why = "an average over replicas has no value at 0, so a policy does not wake by it";
            fields.remarks.lost(format!("{what}.activationThreshold"), metadata.span, why, "wake by a total");
        } else {
            draft.activation.push((key.clone(), above));
        }
    }
    draft.metrics.push(DraftMetric {
        key,
        query,
        url: server,
        unit: None,
        per,
        replica_label: None,
        resource: None,
        zero: null.as_deref() != Some("false"),
        target,
    });
}

fn cron(metadata: &Node, what: &str, draft: &mut Draft, fields: &mut Fields<'_, '_>) {
    fields.only(metadata, what, &["timezone", "start", "end", "desiredReplicas"]);
    let mut of = |key: &str| {
        let text = metadata.get(key).and_then(|n| fields.scalar(n, &format!("{what}.{key}")));
        if text.is_none() {
            fields.absent(what, key, metadata.span, &format!("{key}: …"));
        }
        text
    };
    let (zone, start, end, replicas) = (of("timezone"), of("start"), of("end"), of("desiredReplicas"));
    let (Some(zone), Some(start), Some(end), Some(replicas)) = (zone, start, end, replicas) else { return };
    let Ok(min) = replicas.parse::<u32>() else {
        let message = format!("`{what}.desiredReplicas` cannot be `{replicas}`");
        fields.reader.report("bad-value", message, metadata.span, "a whole number: \"10\"");
        return;
    };
    match clock::duration(&start, &end) {
        Some(duration) => draft.schedule.push((start, zone, duration, min)),
        None => {
            let why = format!(
                "a policy's window has one opening and a duration; `{start}` to `{end}` is not of that form"
            );
            fields.remarks.lost(
                what.trim_end_matches(".metadata"),
                metadata.span,
                why,
                "write the schedule by hand",
            );
        }
    }
}
