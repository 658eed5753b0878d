//! `behavior` of the HPA as windows, rate limits and tolerance. What is left out has the same
//! defaults on both sides. May import: `model`, `yaml`, siblings.

use super::super::lua::Draft;
use super::fields::Fields;
use crate::model::{Amount, Duration, Limit, RateLimit, Select};
use crate::yaml::Node;

/// Reads it into the draft.
pub(super) fn read(behavior: &Node, what: &str, draft: &mut Draft, fields: &mut Fields<'_, '_>) {
    fields.only(behavior, what, &["scaleUp", "scaleDown"]);
    for (at, key) in ["scaleUp", "scaleDown"].into_iter().enumerate() {
        let Some(node) = behavior.get(key) else { continue };
        let what = format!("{what}.{key}");
        fields.only(node, &what, &["stabilizationWindowSeconds", "selectPolicy", "policies", "tolerance"]);
        let window = fields.whole(node, &what, "stabilizationWindowSeconds", 0..=3600);
        if let (Some(seconds), Some(slot)) = (window, draft.windows.get_mut(at)) {
            *slot = Some(Duration::from_secs(i64::from(seconds)));
        }
        let tolerance = node.get("tolerance").and_then(|n| {
            let text = fields.scalar(n, &format!("{what}.tolerance"))?;
            let value = crate::model::quantity::parse(&text).filter(|v| *v >= 0.0);
            if value.is_none() {
                let message = format!("`{what}.tolerance` cannot be `{text}`");
                fields.reader.report("bad-value", message, n.span, "write a share: 0.05, 50m");
            }
            value
        });
        if let Some(slot) = draft.tolerances.get_mut(at) {
            *slot = tolerance;
        }
        let rate = rate(node, &what, at, fields);
        if let Some(slot) = draft.rates.get_mut(at) {
            *slot = rate;
        }
    }
}

fn rate(node: &Node, what: &str, direction: usize, fields: &mut Fields<'_, '_>) -> Option<RateLimit> {
    let select = node
        .get("selectPolicy")
        .and_then(|n| fields.reader.choice(n, &format!("{what}.selectPolicy"), &["Max", "Min", "Disabled"]));
    let select = match select.as_ref().map(|s| s.value.as_str()) {
        Some("Disabled") => return Some(RateLimit { select: Select::Disabled, limits: Vec::new() }),
        Some("Min") => Select::Min,
        _ => Select::Max,
    };
    let what = format!("{what}.policies");
    let mut limits: Vec<Limit> = Vec::new();
    for (at, item) in
        node.get("policies").map_or(&[][..], |n| fields.reader.list(n, &what)).iter().enumerate()
    {
        let what = format!("{what}[{at}]");
        fields.only(item, &what, &["type", "value", "periodSeconds"]);
        let kind = item
            .get("type")
            .and_then(|n| fields.reader.choice(n, &format!("{what}.type"), &["Pods", "Percent"]));
        let value = fields.whole(item, &what, "value", 1..=i32::MAX as u32);
        let seconds = fields.whole(item, &what, "periodSeconds", 1..=1800);
        let (Some(kind), Some(value), Some(seconds)) = (kind, value, seconds) else {
            if ["type", "value", "periodSeconds"].iter().any(|key| item.get(key).is_none()) {
                fields.absent(
                    &what,
                    "type, value and periodSeconds",
                    item.span,
                    "{ type: Pods, value: 4, periodSeconds: 15 }",
                );
            }
            continue;
        };
        let amount =
            if kind.value == "Pods" { Amount::Replicas(value) } else { Amount::Percent(f64::from(value)) };
        limits.push(Limit { amount, per: Duration::from_secs(i64::from(seconds)) });
    }
    if limits.is_empty() {
        // The default limits, whichever of them counts.
        let defaults = RateLimit::kubernetes();
        let default = if direction == 0 { defaults.scale_out } else { defaults.scale_in };
        return (select == Select::Min).then_some(RateLimit { select, ..default });
    }
    Some(RateLimit { select, limits })
}
