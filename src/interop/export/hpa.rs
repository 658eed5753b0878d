//! `autoscaling/v2` HorizontalPodAutoscaler. May import: `text`, `model`, siblings.
//!
//! An external metric is compared as the language does: `AverageValue` is ceil(value / target),
//! `Value` is ceil(ready x value / target).

use super::super::{Dialect, Remarks, behavior};
use super::common;
use crate::model::{Duration, Metric, MetricSource, Mode, Per, Policy};
use serde_json::{Value, json};

/// How often the controller of a cluster decides, where it was not told otherwise.
const SYNC: Duration = Duration::from_secs(15);

/// The object; `None` where there is nothing that it could go by.
pub(super) fn object(policy: &Policy, remarks: &mut Remarks) -> Option<Value> {
    common::unsaid(policy, Dialect::Hpa, remarks);
    beside(policy, remarks);
    let target = common::target(policy, remarks);
    let metrics: Vec<Value> = policy
        .track
        .iter()
        .filter_map(|track| {
            let metric = policy.metrics.get(track.metric)?;
            common::missing(metric, &format!("metrics.{}", metric.name.value), remarks);
            Some(one(metric, track.target, track.span, remarks))
        })
        .collect();
    if metrics.is_empty() {
        let why = "an HPA goes by tracked metrics alone, and the policy tracks none";
        remarks.lost("track", policy.span, why, "track a metric: track = { cpu = 0.6 }");
        return None;
    }
    let (reference, namespace) = target?;
    let name = common::object_name(policy, remarks);
    let min = policy.replicas.min.value.max(1);
    Some(json!({
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": { "name": name, "namespace": namespace },
        "spec": {
            "scaleTargetRef": reference,
            "minReplicas": min,
            "maxReplicas": policy.replicas.max.value,
            "metrics": metrics,
            "behavior": behavior::write(policy, remarks),
        },
    }))
}

fn one(metric: &Metric, target: f64, place: crate::text::Span, remarks: &mut Remarks) -> Value {
    if let Some((name, kind, value)) = common::resource(metric, target, place, remarks) {
        let key = if kind == "Utilization" { "averageUtilization" } else { "averageValue" };
        return json!({ "type": "Resource", "resource": { "name": name, "target": { "type": kind, key: value } } });
    }
    let name = &metric.name.value;
    let quantity = remarks.quantity(&format!("track.{name}"), place, target);
    if metric.replica_label.is_some() {
        let why = format!("the HPA asks the custom metrics API for the pods' metric `{name}`");
        remarks.note(format!("metrics.{name}"), metric.name.span, why, served(metric));
        let target = json!({ "type": "AverageValue", "averageValue": quantity });
        return json!({ "type": "Pods", "pods": { "metric": { "name": name }, "target": target } });
    }
    let why = format!("the HPA asks the external metrics API for `{name}`");
    remarks.note(format!("metrics.{name}"), metric.name.span, why, served(metric));
    let target = match metric.per {
        Some(Per::Replica) => json!({ "type": "Value", "value": quantity }),
        _ => json!({ "type": "AverageValue", "averageValue": quantity }),
    };
    json!({ "type": "External", "external": { "metric": { "name": name }, "target": target } })
}

/// What has to be served to the HPA.
fn served(metric: &Metric) -> String {
    match &metric.source {
        MetricSource::Prometheus { query, .. } => {
            let query = query.value.split_whitespace().collect::<Vec<_>>().join(" ");
            format!("serve it by a metrics adapter that answers {query}")
        }
        _ => "serve it by a metrics adapter".to_owned(),
    }
}

/// What an HPA cannot say and a ScaledObject can.
fn beside(policy: &Policy, remarks: &mut Remarks) {
    let place = policy.span;
    if policy.mode == Mode::Observe {
        let why = "an HPA acts: it cannot only observe";
        remarks.lost("mode", place, why, "do not apply it before the policy may scale");
    }
    if policy.interval != SYNC {
        let why = format!(
            "an HPA is evaluated as often as its cluster has it, 15s by default, not every {}",
            policy.interval
        );
        remarks.lost("interval", place, why, "set --horizontal-pod-autoscaler-sync-period of the cluster");
    }
    if policy.replicas.min.value == 0 {
        let why = "an HPA keeps 1 replica: minReplicas 0 is behind a feature gate";
        remarks.lost("replicas.min", policy.replicas.min.span, why, "export --to keda");
    }
    if policy.activation.is_some() {
        remarks.lost("activation", place, "an HPA wakes nothing from zero", "export --to keda");
    }
    if policy.fallback.is_some() {
        let why = "an HPA has no floor for lost metrics";
        remarks.lost("fallback", place, why, "export --to keda, or raise replicas.min");
    }
    for schedule in &policy.schedule {
        let field = format!("schedule \"{}\"", schedule.name);
        remarks.lost(
            field,
            schedule.span,
            "an HPA has no schedules",
            "export --to keda, or patch minReplicas by a CronJob",
        );
    }
}
