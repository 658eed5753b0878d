//! `keda.sh/v1alpha1` ScaledObject. May import: `text`, `model`, siblings.

use super::super::{Dialect, Remarks, behavior, clock};
use super::{Options, common};
use crate::model::{Activation, Metric, MetricSource, Missing, Mode, Per, Policy};
use crate::text::Span;
use serde_json::{Map, Value, json};

/// Stands where the address of a Prometheus is not known.
const NO_SERVER: &str = "http://prometheus.example:9090";

/// The object; `None` where there is nothing that it could go by.
pub(super) fn object(policy: &Policy, options: &Options, remarks: &mut Remarks) -> Option<Value> {
    common::unsaid(policy, Dialect::Keda, remarks);
    let target = common::target(policy, remarks);
    let zero = policy.replicas.min.value == 0;
    let mut triggers: Vec<Value> = Vec::new();
    for track in &policy.track {
        let Some(metric) = policy.metrics.get(track.metric) else { continue };
        let wakes = if zero { wakes(policy, track.metric) } else { None };
        triggers.extend(trigger(metric, track.target, wakes, track.span, options, remarks));
    }
    if zero {
        waking(policy, remarks);
    }
    if triggers.is_empty() {
        let why = "a ScaledObject goes by tracked metrics, and the policy tracks none that KEDA can read";
        remarks.lost("track", policy.span, why, "track a metric: track = { rps = 100 }");
        return None;
    }
    triggers.extend(policy.schedule.iter().filter_map(|schedule| {
        let field = format!("schedule \"{}\"", schedule.name);
        let place = schedule.span;
        if schedule.max.is_some() {
            remarks.lost(format!("{field}.max"), place, "KEDA's cron trigger only raises the count", "");
        }
        let min = schedule.min?;
        let Some(end) = clock::end(&schedule.cron, schedule.duration) else {
            let why = format!("no cron expression names the end of {} after `{}`", schedule.duration, schedule.cron);
            remarks.lost(field, place, why, "write one opening a day, that ends on the same day or is open every day");
            return None;
        };
        remarks.note(field, place, "KEDA rises to it within scaleUp's limits, not at once", "");
        Some(json!({ "type": "cron", "metadata": {
            "timezone": schedule.timezone, "start": schedule.cron, "end": end, "desiredReplicas": min.to_string(),
        }}))
    }));
    let (reference, namespace) = target?;
    let mut metadata = json!({ "name": common::object_name(policy, remarks), "namespace": namespace });
    if policy.mode == Mode::Observe {
        metadata["annotations"] = json!({ "autoscaling.keda.sh/paused": "true" });
    }
    let mut spec = Map::new();
    spec.insert("scaleTargetRef".into(), reference);
    let polling = behavior::whole_seconds("interval", policy.interval, policy.span, remarks);
    spec.insert("pollingInterval".into(), json!(polling));
    if zero {
        let window = policy.stabilization_window.scale_in;
        let seconds = behavior::whole_seconds("stabilization_window.scale_in", window, policy.span, remarks);
        spec.insert("cooldownPeriod".into(), json!(seconds));
    }
    spec.insert("minReplicaCount".into(), json!(policy.replicas.min.value));
    spec.insert("maxReplicaCount".into(), json!(policy.replicas.max.value));
    if let Some(fallback) = policy.fallback {
        let failures = fallback.after.0.div_euclid(policy.interval.0.max(1)).max(1);
        if failures.saturating_mul(policy.interval.0) != fallback.after.0 {
            let why = format!("{} becomes {failures} polls in a row that fail", fallback.after);
            remarks.lost("fallback.after", policy.span, why, "write a multiple of the interval");
        }
        spec.insert(
            "fallback".into(),
            json!({ "failureThreshold": failures, "replicas": fallback.replicas, "behavior": "currentReplicasIfHigher" }),
        );
    }
    let behavior = behavior::write(policy, remarks);
    spec.insert("advanced".into(), json!({ "horizontalPodAutoscalerConfig": { "behavior": behavior } }));
    spec.insert("triggers".into(), Value::Array(triggers));
    Some(
        json!({ "apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject", "metadata": metadata, "spec": spec }),
    )
}

/// Above which value a metric wakes the policy from zero.
fn wakes(policy: &Policy, metric: usize) -> Option<f64> {
    match &policy.activation {
        Some(Activation::Above(all)) => all.iter().find(|(m, _)| *m == metric).map(|(_, above)| *above),
        _ => None,
    }
}

/// What of the way to and from zero is lost.
fn waking(policy: &Policy, remarks: &mut Remarks) {
    let place = policy.replicas.min.span;
    let tracked = |metric: usize| policy.track.iter().any(|t| t.metric == metric);
    let why = "a trigger of KEDA wakes above its activationThreshold, 0 by default";
    match &policy.activation {
        None => {
            remarks.lost("activation", place, format!("{why}: this policy has none, and would not wake"), "")
        }
        Some(Activation::When(_, span)) => {
            let instead = "write activation = { METRIC = value }";
            remarks.lost("activation", *span, "a ScaledObject runs no code", instead);
        }
        Some(Activation::Above(all)) => {
            for (metric, _) in all.iter().filter(|(m, _)| !tracked(*m)) {
                let name = policy.metrics.get(*metric).map_or("", |m| m.name.value.as_str());
                let why = format!("KEDA wakes by its triggers, and `{name}` is not tracked");
                remarks.lost(format!("activation.{name}"), place, why, "track it, too");
            }
            for track in policy.track.iter().filter(|t| !all.iter().any(|(m, _)| *m == t.metric)) {
                let name = policy.metrics.get(track.metric).map_or("", |m| m.name.value.as_str());
                let why = format!("{why}: `{name}` would wake it, and does not here");
                let per = policy.metrics.get(track.metric).and_then(|m| m.per);
                let instead = if per == Some(Per::Replica) { "" } else { "name it under activation" };
                remarks.lost(format!("track.{name}"), track.span, why, instead);
            }
        }
    }
}

fn trigger(
    metric: &Metric,
    target: f64,
    wakes: Option<f64>,
    place: Span,
    options: &Options,
    remarks: &mut Remarks,
) -> Option<Value> {
    let name = &metric.name.value;
    if let Some((resource, kind, value)) = common::resource(metric, target, place, remarks) {
        common::missing(metric, &format!("metrics.{name}"), remarks);
        if !matches!(resource.as_str(), "cpu" | "memory") {
            let why = format!("KEDA has triggers for cpu and memory, not for {resource}");
            remarks.lost(format!("track.{name}"), place, why, "export --to hpa");
            return None;
        }
        let value = match value {
            Value::String(text) => text,
            other => other.to_string(),
        };
        return Some(
            json!({ "type": resource, "name": name, "metricType": kind, "metadata": { "value": value } }),
        );
    }
    let MetricSource::Prometheus { query, url } = &metric.source else {
        let why = "KEDA cannot read it where the policy does";
        remarks.lost(format!("metrics.{name}"), metric.name.span, why, "read it from Prometheus");
        return None;
    };
    if metric.replica_label.is_some() {
        let why = "KEDA reads one number, not one sample a replica: the rules for replicas that are not ready do not hold";
        remarks.lost(
            format!("metrics.{name}.replica_label"),
            metric.name.span,
            why,
            "export --to hpa, or average in the query",
        );
    }
    let server = url.clone().or_else(|| options.prometheus.clone()).unwrap_or_else(|| {
        let why = format!("the policy does not name the server: {NO_SERVER} stands for it");
        remarks.note(format!("metrics.{name}.url"), metric.name.span, why, "name it: --prometheus URL");
        NO_SERVER.to_owned()
    });
    let mut metadata = Map::new();
    metadata.insert("serverAddress".into(), json!(server));
    metadata.insert("query".into(), json!(query.value.trim()));
    metadata.insert("threshold".into(), json!(decimal(&format!("track.{name}"), target, place, remarks)));
    if let Some(above) = wakes {
        metadata.insert("activationThreshold".into(), json!(above.to_string()));
    }
    match metric.missing {
        Missing::Zero => {}
        // An answer without a series counts as an error then, as it does in the language.
        _ => {
            metadata.insert("ignoreNullValues".into(), json!("false"));
            common::missing(metric, &format!("metrics.{name}"), remarks);
        }
    }
    let kind = if metric.per == Some(Per::Replica) { "Value" } else { "AverageValue" };
    Some(json!({ "type": "prometheus", "name": name, "metricType": kind, "metadata": metadata }))
}

/// A threshold as KEDA reads it; what the HPA behind it rounds is lost.
fn decimal(field: &str, value: f64, place: Span, remarks: &mut Remarks) -> String {
    let text = remarks.quantity(field, place, value);
    crate::model::quantity::parse(&text).unwrap_or(value).to_string()
}
