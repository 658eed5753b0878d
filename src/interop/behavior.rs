//! `behavior` of the HPA: windows, rate limits, tolerance. May import: `text`, `model`, siblings.

use super::Remarks;
use crate::model::{Amount, Duration, Limit, PerDirection, Policy, RateLimit, Select};
use crate::text::Span;
use serde_json::{Map, Value, json};

/// Longest stabilization window that Kubernetes takes, in seconds.
const LONGEST_WINDOW: i64 = 3600;
/// Largest amount of a scaling policy.
const MOST: f64 = i32::MAX as f64;
/// Tolerance of a cluster that was not told otherwise.
const CLUSTER_TOLERANCE: f64 = 0.1;

/// The whole of it.
pub(super) fn write(policy: &Policy, remarks: &mut Remarks) -> Value {
    let PerDirection { scale_out, scale_in } = &policy.rate_limit;
    let window = policy.stabilization_window;
    let tolerance = policy.tolerance;
    let up = direction("scale_out", window.scale_out, scale_out, tolerance.scale_out, policy.span, remarks);
    let down = direction("scale_in", window.scale_in, scale_in, tolerance.scale_in, policy.span, remarks);
    json!({ "scaleUp": up, "scaleDown": down })
}

fn direction(
    name: &str,
    window: Duration,
    rate: &RateLimit,
    tolerance: f64,
    place: Span,
    remarks: &mut Remarks,
) -> Value {
    let mut out = Map::new();
    let field = format!("stabilization_window.{name}");
    let mut seconds = whole_seconds(&field, window, place, remarks);
    if seconds > LONGEST_WINDOW {
        let why = format!("{window} becomes 1h: Kubernetes takes no longer window");
        remarks.lost(field, place, why, "");
        seconds = LONGEST_WINDOW;
    }
    out.insert("stabilizationWindowSeconds".into(), json!(seconds));
    let field = format!("rate_limit.{name}");
    let zero = |limit: &&Limit| match limit.amount {
        Amount::Replicas(n) => n == 0,
        Amount::Percent(percent) => percent == 0.0,
    };
    let zeros = rate.limits.iter().filter(zero).count();
    // A limit of nothing is the smallest there is, and never the largest of several.
    let stopped = match rate.select {
        Select::Disabled => true,
        Select::Min => zeros > 0,
        Select::Max => zeros > 0 && zeros == rate.limits.len(),
    };
    let select = match rate.select {
        _ if stopped => "Disabled",
        Select::Min => "Min",
        _ => "Max",
    };
    out.insert("selectPolicy".into(), json!(select));
    if !stopped {
        let mut policies: Vec<Value> =
            rate.limits.iter().filter(|l| !zero(l)).map(|l| limit(&field, l, place, remarks)).collect();
        if policies.is_empty() {
            policies.push(json!({ "type": "Pods", "value": i32::MAX, "periodSeconds": 15 }));
        }
        out.insert("policies".into(), Value::Array(policies));
    }
    if tolerance != CLUSTER_TOLERANCE {
        let field = format!("tolerance.{name}");
        let text = remarks.quantity(&field, place, tolerance);
        out.insert("tolerance".into(), json!(text));
        let why = "a tolerance in an HPA needs Kubernetes 1.35 or the feature HPAConfigurableTolerance";
        remarks.note(field, place, why, "");
    }
    Value::Object(out)
}

fn limit(field: &str, limit: &Limit, place: Span, remarks: &mut Remarks) -> Value {
    let seconds = whole_seconds(field, limit.per, place, remarks).max(1);
    match limit.amount {
        Amount::Replicas(n) => {
            json!({ "type": "Pods", "value": n.min(i32::MAX as u32), "periodSeconds": seconds })
        }
        Amount::Percent(percent) => {
            let whole = percent.trunc().clamp(1.0, MOST);
            if whole != percent && percent < MOST {
                let why = format!("{percent} % becomes {whole} %: Kubernetes takes whole percents");
                remarks.lost(field, place, why, "");
            }
            json!({ "type": "Percent", "value": whole as i64, "periodSeconds": seconds })
        }
    }
}

/// A duration in seconds, rounded up; what is rounded is lost.
pub(super) fn whole_seconds(field: &str, duration: Duration, place: Span, remarks: &mut Remarks) -> i64 {
    let seconds = duration.0.div_euclid(1000);
    if duration.0.rem_euclid(1000) == 0 {
        return seconds;
    }
    let up = seconds.saturating_add(1);
    remarks.lost(field, place, format!("{duration} becomes {up}s: Kubernetes counts in seconds"), "");
    up
}
