//! What a policy asks Prometheus: queries that are none, that give no one number, that look back
//! over too little. May import: `text`, `model`, `lint`'s own modules.

use crate::lint::intervals::figure;
use crate::lint::promql::spread::spread;
use crate::lint::promql::unit::{Quantity, quantity};
use crate::lint::promql::{Grouping, Kind, Matching, Node, Window};
use crate::lint::{QueryView, Sink};
use crate::model::{Duration, Unit};
use crate::text::Span;
use promql_parser::label::{MatchOp, Matcher};

/// Samples that a rate needs to be steady, and to survive a scrape that fails.
const SAMPLES: i64 = 4;

/// Aggregations that keep the labels of what they choose.
const CHOOSING: [&str; 4] = ["topk", "bottomk", "limitk", "limit_ratio"];

/// A query that Prometheus refuses.
pub(super) fn syntax(view: &QueryView<'_>, sink: &mut Sink<'_>) {
    let Some(refused) = view.read.as_ref().err().filter(|r| !r.too_large) else { return };
    let message = format!("the query of `{}` is no PromQL: {}", view.name(), refused.message);
    sink.raise(message, |finding| {
        finding
            .at(view.policy.declared, view.at(refused.span), "here")
            .help("Prometheus refuses it, so the metric never has a value: correct the query")
    });
}

/// A query with more parts than are looked at.
pub(super) fn too_large(view: &QueryView<'_>, sink: &mut Sink<'_>) {
    let Some(refused) = view.read.as_ref().err().filter(|r| r.too_large) else { return };
    let message = format!("the query of `{}` was not looked at: {}", view.name(), refused.message);
    sink.raise(message, |finding| {
        finding
            .at(view.policy.declared, view.whole(), "not looked at")
            .help("let a recording rule compute it, and ask for that rule's name")
    });
}

/// A query that gives several series, or no number at all.
pub(super) fn several_series(view: &QueryView<'_>, sink: &mut Sink<'_>) {
    let Ok(node) = &view.read else { return };
    let name = view.name();
    if let Some(window) = ranged(node) {
        let message = format!("the query of `{name}` gives the samples of a whole window, not one number");
        return sink.raise(message, |finding| {
            finding
                .at(view.policy.declared, view.at(window.span), "a window, and no function over it")
                .help("take one number of it: `rate(…)` of a counter, `avg_over_time(…)` of a gauge")
        });
    }
    if node.kind == Kind::Text {
        let message = format!("the query of `{name}` gives a text, not a number");
        return sink.raise(message, |finding| finding.at(view.policy.declared, view.whole(), "a text"));
    }
    // One sample a replica is what is asked for; and of series that are only selected nobody can
    // tell here how many there are.
    if view.metric.replica_label.is_some() || is_selected(node) {
        return;
    }
    let spread = spread(node);
    if spread.is_one() {
        return;
    }
    let by: Vec<String> = spread.by.iter().map(|label| format!("`{label}`")).collect();
    let each = match spread.all {
        true => "each series that is selected".into(),
        false => format!("each value of {}", by.join(" and ")),
    };
    let message = format!("the query of `{name}` gives one number for {each}, and a metric is one number");
    sink.raise(message, |finding| {
        let finding = finding.at(view.policy.declared, view.at(spreading(node)), "several series");
        finding.help(match spread.all {
            true => "put `sum(…)`, `avg(…)` or `max(…)` around it; for one sample a replica declare `replica_label`",
            false => "leave the label out of the aggregation; for one sample a replica declare `replica_label`",
        })
    });
}

/// The window of a part that is a row of samples.
fn ranged(node: &Node) -> Option<Window> {
    match &node.kind {
        Kind::Selector(selector) => selector.window,
        Kind::Subquery(_, window) => Some(*window),
        _ => None,
    }
}

/// Whether series are only selected, and at most compared with or multiplied by numbers.
fn is_selected(node: &Node) -> bool {
    match &node.kind {
        Kind::Selector(_) => true,
        Kind::Negated(of) => is_selected(of),
        Kind::Binary { left, right, .. } => {
            (left.is_scalar() && is_selected(right)) || (right.is_scalar() && is_selected(left))
        }
        _ => false,
    }
}

/// The place of what makes a result several series: the outermost aggregation, else all of it.
fn spreading(node: &Node) -> Span {
    match &node.kind {
        Kind::Aggregate { .. } => node.span,
        Kind::Binary { left, right, .. } => match (spread(left).is_one(), spread(right).is_one()) {
            (false, true) => spreading(left),
            (true, false) => spreading(right),
            _ => node.span,
        },
        Kind::Negated(of) => spreading(of),
        _ => node.span,
    }
}

/// A rate over so short a window that a scrape which fails leaves it without a value.
pub(super) fn short_rate_window(view: &QueryView<'_>, sink: &mut Sink<'_>) {
    let Ok(node) = &view.read else { return };
    let scrape = view.assumptions.scrape_interval;
    let needs = Duration(scrape.0.saturating_mul(SAMPLES));
    node.each(&mut |node| {
        let Kind::Call { name, arguments, .. } = &node.kind else { return };
        let Some(Kind::Selector(selector)) = arguments.first().map(|a| &a.kind) else { return };
        let steady = ["rate", "increase", "delta", "deriv"].contains(&name.as_str());
        let Some(window) = selector.window.filter(|w| steady && w.length < needs && !view.scraped) else {
            return;
        };
        let samples = window.length.0 / scrape.0.max(1);
        let holds = match samples {
            0 | 1 => "holds no two samples, so that it has no value".to_owned(),
            n => format!("holds {n} samples, and has no value where one or two are missing"),
        };
        let message =
            format!("`{name}` over {} {holds} (Prometheus is taken to scrape every {scrape})", window.length);
        sink.raise(message, |finding| {
            finding.at(view.policy.declared, view.at(window.span), "too short").help(format!(
                "write [{needs}] or more; if Prometheus scrapes more often, say so: `lint: {{ scrape_interval: 15s }}` in luascale.yaml"
            ))
        });
    });
}

/// A window that is shorter than the time between two evaluations.
pub(super) fn window_under_interval(view: &QueryView<'_>, sink: &mut Sink<'_>) {
    let Ok(node) = &view.read else { return };
    let interval = view.policy.policy.interval;
    node.each(&mut |node| {
        let Some(window) = ranged(node).filter(|w| w.length < interval && !view.scraped) else { return };
        let unseen = Duration(interval.0 - window.length.0);
        let message = format!(
            "`{}` looks back over {}, and the policy is evaluated every {interval}: of each {interval}, {unseen} are never seen",
            view.name(),
            window.length
        );
        sink.raise(message, |finding| {
            finding
                .at(view.policy.declared, view.at(window.span), "shorter than the interval")
                .help(format!("look back over [{interval}] or more, or shorten `interval`"))
        });
    });
}

/// A quantile of a histogram whose buckets are told apart no more.
pub(super) fn histogram_without_le(view: &QueryView<'_>, sink: &mut Sink<'_>) {
    let Ok(node) = &view.read else { return };
    node.each(&mut |node| {
        let Kind::Call { name, at, arguments } = &node.kind else { return };
        let Some(of) = arguments.get(1).filter(|_| name == "histogram_quantile") else { return };
        if !has_buckets(of) {
            return;
        }
        let Some((place, grouping)) = drops_le(of) else { return };
        let message = format!(
            "`histogram_quantile` of `{}` has no value: the buckets under it have lost their label `le`",
            view.name()
        );
        let instead = match grouping {
            Grouping::By(labels) if !labels.is_empty() => format!("by ({}, le)", labels.join(", ")),
            Grouping::By(_) => "by (le)".into(),
            Grouping::Without(labels) => {
                let kept: Vec<&str> = labels.iter().map(String::as_str).filter(|l| *l != "le").collect();
                format!("without ({})", kept.join(", "))
            }
        };
        sink.raise(message, |finding| {
            finding
                .at(view.policy.declared, view.at(place), "`le` is lost here")
                .at(view.policy.declared, view.at(*at), "needs it")
                .help(format!("write `sum {instead} (rate(…_bucket[5m]))`"))
        });
    });
}

/// A quantile that is none: Prometheus answers with an infinity, which is no number here.
pub(super) fn quantile_outside_range(view: &QueryView<'_>, sink: &mut Sink<'_>) {
    let Ok(node) = &view.read else { return };
    node.each(&mut |node| {
        let (name, number) = match &node.kind {
            Kind::Call { name, arguments, .. }
                if ["histogram_quantile", "quantile_over_time"].contains(&name.as_str()) =>
            {
                (name, arguments.first())
            }
            Kind::Aggregate { name, parameter, .. } if name == "quantile" => (name, parameter.as_deref()),
            _ => return,
        };
        let Some((number, value)) = number.and_then(|n| Some((n, n.constant()?))) else { return };
        if (0.0..=1.0).contains(&value) {
            return;
        }
        let shown = figure(value);
        let message =
            format!("`{name}` takes a quantile from 0 to 1, and `{}` asks for {shown}", view.name());
        let help = match value > 1.0 && value <= 100.0 {
            true => format!("write {}, if the {shown} percent quantile is meant", figure(value / 100.0)),
            false => "write a number from 0 to 1, such as 0.95".to_owned(),
        };
        sink.raise(message, |finding| {
            finding.at(view.policy.declared, view.at(number.span), "outside 0 to 1").help(help)
        });
    });
}

/// A query without the label that is to tell replicas apart.
pub(super) fn lost_replica_label(view: &QueryView<'_>, sink: &mut Sink<'_>) {
    let (Ok(node), Some(label), false) = (&view.read, &view.metric.replica_label, view.scraped) else {
        return;
    };
    let Some(at) = loses(node, label) else { return };
    let name = view.name();
    let message =
        format!("the query of `{name}` has no label `{label}` left, which is to tell replicas apart");
    let help = match &at.kind {
        Kind::Aggregate { name, grouping: Grouping::By(labels), .. } => {
            let mut kept = labels.clone();
            kept.push(label.clone());
            format!("write `{name} by ({}) (…)`, or leave `replica_label` out", kept.join(", "))
        }
        Kind::Aggregate { .. } => {
            format!("take `{label}` out of `without (…)`, or leave `replica_label` out")
        }
        _ => format!("keep `{label}`, or leave `replica_label` out"),
    };
    sink.raise(message, |finding| {
        finding.at(view.policy.declared, view.at(at.span), format!("`{label}` is lost here")).help(help)
    });
}

/// The part of a query that has a label no more; `None` where it has it, or where that cannot be told.
fn loses<'n>(node: &'n Node, label: &str) -> Option<&'n Node> {
    let has = |labels: &[String]| labels.iter().any(|l| l == label);
    match &node.kind {
        Kind::Number(_) | Kind::Text => Some(node),
        // Which labels a recording rule keeps cannot be told from here.
        Kind::Selector(_) => None,
        Kind::Subquery(of, _) | Kind::Negated(of) => loses(of, label),
        Kind::Call { name, arguments, .. } => match name.as_str() {
            // They may make the label.
            "label_replace" | "label_join" => None,
            "absent" | "absent_over_time" | "scalar" | "vector" | "time" | "pi" => Some(node),
            _ => arguments
                .iter()
                .find(|a| !a.is_scalar() && a.kind != Kind::Text)
                .and_then(|a| loses(a, label)),
        },
        Kind::Aggregate { name, of, .. } if CHOOSING.contains(&name.as_str()) => loses(of, label),
        Kind::Aggregate { grouping, of, .. } => {
            let dropped = match grouping {
                Grouping::By(labels) => !has(labels),
                Grouping::Without(labels) => has(labels),
            };
            if dropped { Some(node) } else { loses(of, label) }
        }
        Kind::Binary { left, right, .. } if left.is_scalar() => loses(right, label),
        Kind::Binary { left, right, .. } if right.is_scalar() => loses(left, label),
        Kind::Binary { operator, matching, left, right, .. } => {
            match (operator.to_ascii_lowercase().as_str(), matching) {
                ("and" | "unless", _) | (_, Matching::Left) => loses(left, label),
                (_, Matching::Right) => loses(right, label),
                ("or", _) => loses(left, label).filter(|_| loses(right, label).is_some()),
                (_, Matching::On(labels)) if !has(labels) => Some(node),
                (_, Matching::Ignoring(labels)) if has(labels) => Some(node),
                _ => loses(left, label),
            }
        }
    }
}

/// Whether buckets of a classic histogram are selected.
fn has_buckets(node: &Node) -> bool {
    let mut found = false;
    node.each(&mut |node| {
        if let Kind::Selector(selector) = &node.kind {
            found |= selector.name.as_ref().is_some_and(|name| name.ends_with("_bucket"));
        }
    });
    found
}

/// The aggregation that loses `le`.
fn drops_le(node: &Node) -> Option<(Span, &Grouping)> {
    match &node.kind {
        Kind::Aggregate { name, grouping, of, .. } if !CHOOSING.contains(&name.as_str()) => {
            let kept = match grouping {
                Grouping::By(labels) => labels.iter().any(|l| l == "le"),
                Grouping::Without(labels) => labels.iter().all(|l| l != "le"),
            };
            if kept { drops_le(of) } else { Some((node.span, grouping)) }
        }
        _ => node.below().into_iter().find_map(drops_le),
    }
}

/// A label matcher that leaves nothing out.
pub(super) fn matches_everything(view: &QueryView<'_>, sink: &mut Sink<'_>) {
    let Ok(node) = &view.read else { return };
    node.each(&mut |node| {
        let Kind::Selector(selector) = &node.kind else { return };
        for (matcher, place) in selector.matchers.iter().filter(|(m, _)| lets_all_through(m)) {
            let message = format!(
                "`{}=~\"{}\"` matches every series, those without the label too",
                matcher.name, matcher.value
            );
            sink.raise(message, |finding| {
                finding.at(view.policy.declared, view.at(*place), "leaves nothing out").help(format!(
                    "leave it out, or name what is meant: `{}=\"…\"`; `=~\".+\"` asks that the label be there",
                    matcher.name
                ))
            });
        }
    });
}

/// Whether a regular expression matches whatever a label says: held against the empty text, each
/// printable character, and texts of all of them.
fn lets_all_through(matcher: &Matcher) -> bool {
    if !matches!(matcher.op, MatchOp::Re(_)) {
        return false;
    }
    let printable: String = (' '..='~').collect();
    let mut one = [0; 4];
    matcher.is_match("")
        && (' '..='~').chain(['é', '語', '\u{1f600}']).all(|c| matcher.is_match(c.encode_utf8(&mut one)))
        && matcher.is_match(&printable)
        && matcher.is_match(&printable.chars().rev().collect::<String>())
}

/// A result in another unit than the metric declares.
pub(super) fn unit(view: &QueryView<'_>, sink: &mut Sink<'_>) {
    let (Ok(node), Some(unit)) = (&view.read, view.metric.unit) else { return };
    let Some(found) = quantity(node) else { return };
    let declared = Quantity::of(unit);
    if found.is(&declared) {
        return;
    }
    let name = view.name();
    let message = format!("the query of `{name}` gives {}, and its unit is `{}`", found.words(), unit.name());
    let same: Vec<String> = Unit::ALL
        .iter()
        .filter(|unit| Quantity::of(**unit).is(&found))
        .map(|unit| format!("`unit = \"{}\"`", unit.name()))
        .collect();
    let factor = found.scale / declared.scale;
    let mut ways = Vec::new();
    if found.measures(&declared) {
        let (sign, number) = if factor >= 1.0 { ("*", factor) } else { ("/", 1.0 / factor) };
        ways.push(format!("write `… {sign} {}`", figure(number.round())));
    }
    if !same.is_empty() {
        ways.push(format!("declare {}", same.join(" or ")));
    }
    if ways.is_empty() {
        ways.push("ask for what the unit says, or leave `unit` out".into());
    }
    sink.raise(message, |finding| {
        finding
            .at(view.policy.declared, view.whole(), format!("gives {}", found.words()))
            .at(view.policy.declared, view.metric.name.span, format!("declared in `{}`", unit.name()))
            .help(ways.join(", or "))
    });
}
