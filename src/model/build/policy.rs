//! The table of one policy: its fields, in the order of the documentation, and what must fit
//! together between them. May import: `text`, `model`.

use super::at::{At, Builder, Table, Where};
use super::read::{Known, MOST, Shape};
use super::{limits, metrics, regions, rules, schedule, target};
use crate::model::policy::{Form, Mode, Policy, Replicas};
use crate::model::raw::{Node, RawPolicy, RawValue};
use crate::model::time::Duration;
use crate::text::{Span, Spanned};

/// The fields of a policy.
pub(super) const FIELDS: [&str; 22] = [
    "target",
    "replicas",
    "mode",
    "interval",
    "startup",
    "metrics",
    "track",
    "scale_out",
    "scale_in",
    "decide",
    "stabilization_window",
    "cooldown",
    "rate_limit",
    "tolerance",
    "anti_flap",
    "activation",
    "fallback",
    "schedule",
    "predict",
    "regions",
    "on",
    "cost",
];

/// Names that other autoscalers use, and what is written here.
const FOREIGN: [(&str, &str); 13] = [
    ("name", "the name stands before the table: policy \"NAME\" { … }"),
    ("min", "bounds are `replicas = { min = 1, max = 10 }`"),
    ("max", "bounds are `replicas = { min = 1, max = 10 }`"),
    ("minReplicas", "bounds are `replicas = { min = 1, max = 10 }`"),
    ("maxReplicas", "bounds are `replicas = { min = 1, max = 10 }`"),
    ("minReplicaCount", "bounds are `replicas = { min = 1, max = 10 }`"),
    ("maxReplicaCount", "bounds are `replicas = { min = 1, max = 10 }`"),
    ("scaleTargetRef", "the target is `target = kubernetes.deployment { namespace = …, name = … }`"),
    ("pollingInterval", "it is called `interval`"),
    ("cooldownPeriod", "it is called `cooldown`, or `stabilization_window` for the time before scaling in"),
    ("triggers", "metrics are declared under `metrics` and read by `track`, `scale_out` and `scale_in`"),
    ("behavior", "it is `stabilization_window` and `rate_limit`"),
    ("rules", "rules stand in `scale_out` and `scale_in`"),
];

/// Builds one policy.
pub(super) fn policy<'a>(
    b: &mut Builder<'a>,
    raw: &'a RawPolicy,
    node: Option<&'a Node>,
    whole: &Where,
    name_span: Span,
) -> Option<Policy> {
    let place = match node {
        Some(node) => Where { span: node.value, ..whole.clone() },
        None => whole.clone(),
    };
    // The table itself is no RawValue of its own; a cursor at its root only lends its place.
    let at = b.root(&RawValue::Unknown, node, place);
    let table = Table { at, raw: &raw.table };
    check_fields(b, &table, "a policy", &FIELDS);
    let name = Spanned::new(raw.name.clone(), name_span);
    let form = rules::form(b, &table);
    fields(b, &table, name, whole.span, form)
}

/// Reports what a policy's table, or a script's entry, holds that it may not.
pub(super) fn check_fields<'a>(b: &mut Builder<'a>, table: &Table<'a>, what: &str, known: &[&str]) {
    for (key, entry) in b.fields(table) {
        if known.contains(&key) {
            continue;
        }
        if let Some((_, help)) = FOREIGN.iter().find(|(name, _)| *name == key) {
            b.error("unknown-field", &entry.key, format!("{what} has no field `{key}`"), *help);
        } else {
            b.unknown_field(&entry, key, what, known);
        }
    }
    b.check_shape(table, what, Shape::Map);
}

/// Reads all fields; the form was read before, as scripts have their own.
pub(super) fn fields<'a>(
    b: &mut Builder<'a>,
    table: &Table<'a>,
    name: Spanned<String>,
    span: Span,
    form: Option<Form>,
) -> Option<Policy> {
    let target = b.field(table, "target").map(|at| target::target(b, &at));
    let replicas = replicas(b, table);
    let mode = b.field(table, "mode").map_or(Some(Mode::Scale), |at| {
        b.choice(&at, "a mode", &[("scale", Mode::Scale), ("observe", Mode::Observe)])
    });
    let interval = b
        .field(table, "interval")
        .map_or(Some(Duration::from_secs(15)), |at| b.duration(&at, Duration::from_secs(1)));
    let startup =
        b.field(table, "startup").map_or(Some(Duration::ZERO), |at| b.duration(&at, Duration::ZERO));
    let mut metrics = metrics::metrics(b, table);
    if let Some(decide) = b.field(table, "decide") {
        metrics.check_reads(b, &decide);
    }
    let track = rules::track(b, table, &metrics);
    let scale_out = rules::rules(b, table, &metrics, rules::Direction::Out);
    let scale_in = rules::rules(b, table, &metrics, rules::Direction::In);
    let stabilization_window = limits::stabilization_window(b, table);
    let cooldown = limits::cooldown(b, table);
    let rate_limit = limits::rate_limit(b, table);
    let tolerance = limits::tolerance(b, table);
    let anti_flap = b.field(table, "anti_flap").map_or(Some(true), |at| b.boolean(&at));
    let schedule = schedule::schedule(b, table, replicas.as_ref());
    let activation = rules::activation(b, table, &metrics, replicas.as_ref(), schedule.as_deref());
    let fallback = limits::fallback(b, table, replicas.as_ref());
    let predict = schedule::predict(b, table, &metrics, startup.zip(interval));
    metrics::fill_capacity(&mut metrics, predict.as_ref().and_then(|p| p.as_ref()));
    metrics::check_models(b, &metrics);
    let regions = regions::regions(b, table, &metrics, replicas.as_ref(), schedule.as_deref());
    let on = rules::hooks(b, table);
    let cost = limits::cost(b, table);
    let source = table.at.place.source.clone();
    let target = match target {
        Some(target) => Some(target?),
        None => None,
    };
    Some(Policy {
        name,
        source,
        span,
        form: form?,
        target,
        replicas: replicas?,
        mode: mode?,
        interval: interval?,
        startup: startup?,
        metrics: metrics.complete()?,
        track: track?,
        scale_out: scale_out?,
        scale_in: scale_in?,
        stabilization_window: stabilization_window?,
        cooldown: cooldown?,
        rate_limit: rate_limit?,
        tolerance: tolerance?,
        anti_flap: anti_flap?,
        activation: activation?,
        fallback: fallback?,
        schedule: schedule?,
        predict: predict?,
        regions: regions?,
        on: on?,
        cost: cost?,
    })
}

fn replicas<'a>(b: &mut Builder<'a>, table: &Table<'a>) -> Option<Replicas> {
    let example = "replicas = { min = 1, max = 10 }: nothing is assumed for max";
    let at = b.required(table, "the policy", "replicas", example)?;
    if let RawValue::Number(n) = at.value {
        let n = super::words::figure(*n);
        b.wrong_type(&at, "a table of bounds", Some(format!("{{ min = 1, max = {n} }}")));
        return None;
    }
    let bounds = b.table(&at, "a table of bounds", Known::Only(&["min", "max"]), Shape::Map)?;
    let min_at = b.field(&bounds, "min");
    let min = match &min_at {
        Some(min) => b.replicas(min, 0).map(|n| Spanned::new(n, min.span())),
        None => Some(Spanned::nowhere(1)),
    };
    let max_at = b.required(&bounds, "`replicas`", "max", "max = 10: nothing is assumed for it");
    let max = max_at.as_ref().and_then(|at| b.replicas(at, 1).map(|n| Spanned::new(n, at.span())));
    let (min, max) = (min?, max?);
    if min.value > max.value
        && let Some(max_at) = &max_at
    {
        crossed(b, (min.value, min_at.as_ref()), (max.value, max_at), "the base bounds");
    }
    debug_assert!(max.value <= MOST);
    Some(Replicas { min, max })
}

/// Reports a minimum above a maximum; both places are shown.
pub(super) fn crossed<'a>(
    b: &mut Builder<'a>,
    (min, min_at): (u32, Option<&At<'a>>),
    (max, max_at): (u32, &At<'a>),
    whose: &str,
) {
    let (first, second) = match min_at {
        Some(min_at) => (&min_at.place, Some(&max_at.place)),
        None => (&max_at.place, None),
    };
    b.error(
        "bounds-crossed",
        first,
        format!("{whose} cross: min is {min} and max is {max}"),
        match min_at {
            Some(_) => format!("write a min of at most {max}, or a max of at least {min}"),
            None => format!("write a max of at least {min}, or a min of at most {max} (min is {min} here)"),
        },
    );
    if let Some(second) = second {
        b.label(format!("min {min}"));
        b.also(second, format!("max {max}"));
    }
}
