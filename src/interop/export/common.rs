//! What both kinds of objects have in common, and what neither can say.
//!
//! May import: `text`, `model`, siblings.

use super::super::{Dialect, Remarks};
use crate::model::{Form, Metric, Missing, Policy, Target, Unit};
use crate::text::Span;
use serde_json::{Value, json};

/// The reference to what is scaled, and its namespace.
pub(super) fn target(policy: &Policy, remarks: &mut Remarks) -> Option<(Value, String)> {
    let Some(target) = &policy.target else {
        let write = "declare it: target = kubernetes.deployment { namespace = \"shop\", name = \"web\" }";
        remarks.lost("target", policy.span, "the policy does not say what is scaled", write);
        return None;
    };
    let place = target.span;
    let of = |name: &str| argument(&target.value, name);
    let (api, kind) = match target.value.kind.as_str() {
        "kubernetes.deployment" => ("apps/v1".to_owned(), "Deployment".to_owned()),
        "kubernetes.statefulset" => ("apps/v1".to_owned(), "StatefulSet".to_owned()),
        "kubernetes.scale" => (of("api_version")?, of("kind")?),
        other => {
            let why = format!("{other} is no object of Kubernetes");
            remarks.lost("target", place, why, "");
            return None;
        }
    };
    if let Some(context) = of("context") {
        let why = format!("the object does not name a cluster: apply it in the context `{context}`");
        remarks.note("target.context", place, why, "");
    }
    Some((json!({ "apiVersion": api, "kind": kind, "name": of("name")? }), of("namespace")?))
}

fn argument(target: &Target, name: &str) -> Option<String> {
    target.arguments.iter().find(|(n, _)| n == name).map(|(_, value)| value.clone())
}

/// A name that Kubernetes takes: small letters, digits, `-` and `.`.
pub(super) fn object_name(policy: &Policy, remarks: &mut Remarks) -> String {
    let name = &policy.name.value;
    let small = name.to_ascii_lowercase();
    let plain: String = small
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || matches!(c, '-' | '.') { c } else { '-' })
        .collect();
    let plain: String = plain.trim_matches(|c: char| !c.is_ascii_alphanumeric()).chars().take(253).collect();
    let plain = if plain.is_empty() { "policy".to_owned() } else { plain };
    if plain != *name {
        let why = format!("`{name}` is no name of an object in Kubernetes: it becomes `{plain}`");
        remarks.note("name", policy.name.span, why, "");
    }
    plain
}

/// What neither an HPA nor a ScaledObject can say.
pub(super) fn unsaid(policy: &Policy, to: Dialect, remarks: &mut Remarks) {
    let it = to.name();
    match policy.form {
        Form::Rules => {}
        Form::Decide(_) => {
            let why = format!("{it} runs no code: only tracked metrics can be expressed");
            remarks.lost("decide", policy.span, why, "track the metrics that it reads");
        }
        Form::Script => {
            let why = format!("{it} runs no code: only tracked metrics can be expressed");
            remarks.lost("script", policy.span, why, "write it as a policy that tracks its metrics");
        }
    }
    for (field, rules) in [("scale_out", &policy.scale_out), ("scale_in", &policy.scale_in)] {
        for rule in rules {
            let field = format!("{field} \"{}\"", rule.name);
            let why = format!("{it} has no threshold rules");
            remarks.lost(field, rule.span, why, "track the metric instead: track = { METRIC = target }");
        }
    }
    if policy.cooldown.scale_in.is_some_and(|c| c.0 > 0) {
        let why = format!("{it} has no cooldown between two steps");
        let instead = "a stabilization window holds scale-in back, too";
        remarks.lost("cooldown.scale_in", policy.span, why, instead);
    }
    if let Some(predict) = policy.predict.as_ref().filter(|p| p.acts) {
        remarks.lost("predict", predict.span, format!("{it} does not forecast"), "");
    }
    if let Some(regions) = &policy.regions {
        let why = format!("{it} knows one cluster: nothing shares max_total or takes over a lost region");
        remarks.lost("regions", regions.span, why, "export a policy for each region");
    }
    for hook in &policy.on {
        let field = format!("on.{}", hook.event.name());
        remarks.lost(field, hook.span, format!("{it} runs no hooks"), "watch its events instead");
    }
}

/// What a metric's own settings mean elsewhere.
pub(super) fn missing(metric: &Metric, field: &str, remarks: &mut Remarks) {
    let (why, instead) = match metric.missing {
        Missing::Hold => return,
        Missing::Zero => (
            "missing = \"zero\": a metric without a value holds scale-in there",
            "let the query answer 0: `… or vector(0)`",
        ),
        Missing::Last { .. } => {
            ("missing = \"last\": no value is kept there", "let the query do it: last_over_time(…)")
        }
        Missing::Fail => ("missing = \"fail\": other metrics go on scaling out there", ""),
    };
    remarks.lost(format!("{field}.missing"), metric.name.span, why, instead);
}

/// A resource of the containers as an HPA measures it: `(name, kind of target, value)`.
pub(super) fn resource(
    metric: &Metric,
    target: f64,
    place: Span,
    remarks: &mut Remarks,
) -> Option<(String, &'static str, Value)> {
    let name = metric.resource.clone()?;
    metric.replica_label.as_ref()?;
    let field = format!("track.{}", metric.name.value);
    let percent = match metric.unit {
        Some(Unit::Ratio) => target * 100.0,
        Some(Unit::Percent) => target,
        _ => return Some((name, "AverageValue", Value::String(remarks.quantity(&field, place, target)))),
    };
    let whole = percent.round().max(1.0);
    if (percent - whole).abs() > 1e-9 * whole {
        let why = format!("{percent} % becomes {whole} %: utilization is a whole percent of the requests");
        remarks.lost(field, place, why, "");
    }
    Some((name, "Utilization", json!(whole as i64)))
}
