//! Counters, gauges and what becomes of them in a query. May import: `model`, `lint`'s own modules.

use crate::lint::promql::{Kind, Node};
use crate::lint::{QueryView, Sink};
use crate::model::Missing;
use crate::text::Span;

/// Functions that take a counter for what it is.
const OF_COUNTERS: [&str; 11] = [
    "rate",
    "irate",
    "increase",
    "resets",
    "changes",
    "absent",
    "absent_over_time",
    "count_over_time",
    "present_over_time",
    "timestamp",
    "histogram_count",
];

/// Functions over a window that take a counter's fall to 0 for a change of what it counts.
const OF_GAUGES: [&str; 4] = ["delta", "idelta", "deriv", "predict_linear"];

/// Gauges that end as counters do.
const IN_SPITE_OF_ITS_NAME: [&str; 1] = ["kong_nginx_connections_total"];

/// Whether a name is that of a counter, by its ending. A sum or a count is one where its unit says
/// that it is a histogram's.
fn is_counter(name: &str) -> bool {
    if name.ends_with("_total") || name.ends_with("_bucket") {
        return !IN_SPITE_OF_ITS_NAME.contains(&name);
    }
    let histogram =
        |base: &str| ["_seconds", "_milliseconds", "_ms", "_bytes"].iter().any(|unit| base.ends_with(unit));
    ["_sum", "_count"].iter().any(|end| name.strip_suffix(end).is_some_and(histogram))
}

/// Whether a name is that of a gauge, by its ending.
fn is_gauge(name: &str) -> bool {
    const ENDS: [&str; 40] = [
        "_active_connections",
        "_available",
        "_backlog",
        "_capacity",
        "_celsius",
        "_concurrency",
        "_connections_active",
        "_depth",
        "_fds",
        "_goroutines",
        "_heap_inuse_bytes",
        "_in_flight",
        "_in_progress",
        "_inflight",
        "_info",
        "_lag",
        "_length",
        "_limit",
        "_limits",
        "_load1",
        "_load15",
        "_load5",
        "_memory_bytes",
        "_memory_rss",
        "_memory_usage_bytes",
        "_pending",
        "_percent",
        "_queue_size",
        "_queued",
        "_ratio",
        "_ready",
        "_replicas",
        "_running",
        "_temperature",
        "_threads",
        "_timestamp_seconds",
        "_up",
        "_utilization",
        "_waiting",
        "_working_set_bytes",
    ];
    if ["_total", "_sum", "_count", "_bucket", "_created"].iter().any(|end| name.ends_with(end)) {
        return false;
    }
    name == "up"
        || name.starts_with("kube_")
        || ENDS.iter().any(|end| name.ends_with(end) || *name == end[1..])
}

/// A counter that is read as it stands: it only rises, and begins at 0 with each restart.
pub(super) fn without_rate(view: &QueryView<'_>, sink: &mut Sink<'_>) {
    let Ok(node) = &view.read else { return };
    let mut found = Vec::new();
    counters(node, &mut found);
    for Read { counter, at, by } in found {
        let message = match by {
            Some(function) => format!(
                "`{function}` of the counter `{counter}` is far below 0 after each restart of what counts"
            ),
            None => format!(
                "`{}` reads the counter `{counter}` as it stands: it only rises, and begins at 0 with each restart",
                view.name()
            ),
        };
        sink.raise(message, |finding| {
            finding.at(view.policy.declared, view.at(at), "a counter").help(match (view.scraped, by) {
                (true, _) => "write `rate = true` beside `metric`".to_owned(),
                (false, Some(_)) => "use `rate(…)` or `increase(…)`, which see the restart".to_owned(),
                (false, None) => format!("write `rate({counter}[2m])`"),
            })
        });
    }
}

/// A counter that is read, where, and by which function for gauges.
struct Read<'n> {
    counter: &'n str,
    at: Span,
    by: Option<&'n str>,
}

fn counters<'n>(node: &'n Node, out: &mut Vec<Read<'n>>) {
    let counter = |node: &'n Node| match &node.kind {
        Kind::Selector(selector) => selector.name.as_deref().filter(|name| is_counter(name)),
        _ => None,
    };
    match &node.kind {
        Kind::Selector(selector) => {
            if let (Some(counter), None) = (counter(node), selector.window) {
                out.push(Read { counter, at: node.span, by: None });
            }
        }
        Kind::Call { name, .. } if OF_COUNTERS.contains(&name.as_str()) => {}
        Kind::Call { name, arguments, .. } => {
            for argument in arguments {
                match counter(argument) {
                    Some(counter) if OF_GAUGES.contains(&name.as_str()) => {
                        out.push(Read { counter, at: argument.span, by: Some(name) });
                    }
                    Some(counter) => out.push(Read { counter, at: argument.span, by: None }),
                    None => counters(argument, out),
                }
            }
        }
        Kind::Aggregate { name, .. } if ["count", "group", "count_values"].contains(&name.as_str()) => {}
        Kind::Aggregate { of, .. } | Kind::Negated(of) | Kind::Subquery(of, _) => counters(of, out),
        // What rose between two times is an increase.
        Kind::Binary { operator, left, right, .. }
            if operator == "-" && !left.is_scalar() && !right.is_scalar() => {}
        // What only filters is not in the result.
        Kind::Binary { operator, left, .. } if operator == "and" || operator == "unless" => {
            counters(left, out);
        }
        Kind::Binary { left, right, .. } => {
            counters(left, out);
            counters(right, out);
        }
        Kind::Number(_) | Kind::Text => {}
    }
}

/// A rate of what rises and falls.
pub(super) fn rate_of_gauge(view: &QueryView<'_>, sink: &mut Sink<'_>) {
    let Ok(node) = &view.read else { return };
    node.each(&mut |node| {
        let Kind::Call { name, at, arguments } = &node.kind else { return };
        let Some(Kind::Selector(selector)) = arguments.first().map(|a| &a.kind) else { return };
        let rates = ["rate", "irate", "increase"].contains(&name.as_str());
        let Some(gauge) = selector.name.as_deref().filter(|name| rates && is_gauge(name)) else { return };
        let message = format!(
            "`{name}` of the gauge `{gauge}`: each time that it falls is taken for a restart, and the rest of it for growth"
        );
        sink.raise(message, |finding| {
            finding.at(view.policy.declared, view.at(*at), "for counters").help(match view.scraped {
                true => "leave `rate` out".to_owned(),
                false => format!(
                    "read it as it is (`{gauge}`, `avg_over_time({gauge}[5m])`), or its slope (`deriv({gauge}[5m])`)"
                ),
            })
        });
    });
}

/// A division by what is 0 while nothing happens.
pub(super) fn zero_over_zero(view: &QueryView<'_>, sink: &mut Sink<'_>) {
    // What stands in for a missing value is said.
    if matches!(view.metric.missing, Missing::Zero | Missing::Last { .. }) {
        return;
    }
    let Ok(node) = &view.read else { return };
    let mut found = Vec::new();
    divisions(node, &mut found);
    for (left, right) in found {
        let both = !left.is_scalar() && can_be_zero(left);
        let what = if both { "0/0" } else { "a division by 0" };
        let message = format!(
            "`{}` is {what} while `{}` is 0, which is no number: without load the metric is missing, and nothing scales in",
            view.name(),
            view.shown(right.span)
        );
        sink.raise(message, |finding| {
            finding.at(view.policy.declared, view.at(right.span), "0 while nothing happens").help(
                "divide by `clamp_min(…, 1e-9)` for 0 instead, or by `(… > 0)` where it is to be missing; or say what stands in: `missing = \"zero\"`",
            )
        });
    }
}

/// The divisions by what can be 0, but for those whose result is caught.
fn divisions<'n>(node: &'n Node, out: &mut Vec<(&'n Node, &'n Node)>) {
    if let Kind::Binary { operator, left, right, .. } = &node.kind {
        if operator == "/" && can_be_zero(right) {
            out.push((left, right));
        }
        // `(a / b >= 0) or vector(0)`: a comparison drops what is no number.
        if operator == "or" && is_filter(left) {
            return divisions(right, out);
        }
    }
    node.below().into_iter().for_each(|below| divisions(below, out));
}

fn is_filter(node: &Node) -> bool {
    matches!(&node.kind, Kind::Binary { operator, returns_bool: false, .. }
        if ["==", "!=", ">", "<", ">=", "<="].contains(&operator.as_str()))
}

/// Whether a part is 0 while nothing happens: a rate, and what is made of rates alone.
fn can_be_zero(node: &Node) -> bool {
    match &node.kind {
        Kind::Number(number) => *number == 0.0,
        Kind::Call { name, arguments, .. } => match name.as_str() {
            "rate" | "irate" | "increase" => true,
            "clamp_min" => {
                arguments.first().is_some_and(can_be_zero)
                    && arguments.get(1).and_then(Node::constant).is_none_or(|least| least <= 0.0)
            }
            "abs" | "ceil" | "floor" | "round" | "scalar" | "sort" | "sort_desc" | "label_replace"
            | "label_join" | "avg_over_time" | "min_over_time" | "max_over_time" | "sum_over_time"
            | "last_over_time" | "clamp_max" | "vector" => arguments.first().is_some_and(can_be_zero),
            _ => false,
        },
        Kind::Aggregate { name, of, .. } => {
            !["count", "group", "count_values"].contains(&name.as_str()) && can_be_zero(of)
        }
        Kind::Subquery(of, _) | Kind::Negated(of) => can_be_zero(of),
        Kind::Binary { operator, left, right, returns_bool, .. } => match operator.as_str() {
            "+" => can_be_zero(left) && can_be_zero(right),
            "*" => can_be_zero(left) || can_be_zero(right),
            "/" | "and" | "unless" => can_be_zero(left),
            "or" => can_be_zero(left) || can_be_zero(right),
            ">" | "!=" if !returns_bool => {
                right.constant().is_none_or(|n| n < 0.0 || (operator == "!=" && n != 0.0))
                    && can_be_zero(left)
            }
            ">=" if !returns_bool => right.constant().is_none_or(|n| n <= 0.0) && can_be_zero(left),
            _ => false,
        },
        Kind::Selector(_) | Kind::Text => false,
    }
}
