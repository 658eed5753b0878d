//! How many series a query gives: one, or one for each value of some labels.
//!
//! May import: siblings.

use super::{Grouping, Kind, Matching, Node, Selector};
use promql_parser::label::MatchOp;
use std::collections::BTreeSet;

/// The labels that tell the series of a result apart.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Spread {
    /// Whether there may be any label: one series for each that is selected.
    pub all: bool,
    /// Labels with several values.
    pub by: BTreeSet<String>,
    /// Labels that have one value, by a matcher with `=`.
    pub fixed: BTreeSet<String>,
}

impl Spread {
    /// Whether there is at most one series.
    pub fn is_one(&self) -> bool {
        !self.all && self.by.is_empty()
    }
}

/// The labels that tell the series of a part apart.
pub fn spread(node: &Node) -> Spread {
    match &node.kind {
        Kind::Number(_) | Kind::Text => Spread::default(),
        Kind::Selector(selector) => of_selector(selector),
        Kind::Subquery(of, _) | Kind::Negated(of) => spread(of),
        Kind::Call { name, arguments, .. } => of_call(name, arguments),
        Kind::Aggregate { name, grouping, parameter, of, .. } => {
            let inner = spread(of);
            match name.as_str() {
                "topk" | "bottomk" | "limitk" | "limit_ratio" => {
                    let one = parameter.as_ref().is_some_and(|p| p.constant() == Some(1.0));
                    let grouped = grouping != &Grouping::By(Vec::new());
                    if one && !grouped { Spread { all: false, by: BTreeSet::new(), ..inner } } else { inner }
                }
                "count_values" => {
                    let mut left = grouped(inner, grouping);
                    left.by.insert("the value".into());
                    left
                }
                _ => grouped(inner, grouping),
            }
        }
        Kind::Binary { operator, matching, left, right, .. } => {
            if left.is_scalar() || right.is_scalar() {
                return spread(if left.is_scalar() { right } else { left });
            }
            let (left, right) = (spread(left), spread(right));
            match (operator.as_str(), matching) {
                ("and" | "unless", _) | (_, Matching::Left) => left,
                (_, Matching::Right) => right,
                ("or", _) => either(left, right),
                (_, Matching::On(labels)) => grouped(left, &Grouping::By(labels.clone())),
                (_, Matching::Ignoring(_)) => both(left, right),
            }
        }
    }
}

fn of_selector(selector: &Selector) -> Spread {
    // The name of a recording rule (`level:metric:operation`) says at which level it was
    // aggregated; whether anything else tells its series apart cannot be told from here.
    // Programs that write `:` in their names (`vllm:`) keep the endings of counters.
    let raw = |name: &str| ["_total", "_sum", "_count", "_bucket"].iter().any(|end| name.ends_with(end));
    if selector.name.as_ref().is_some_and(|name| name.contains(':') && !raw(name)) {
        return Spread::default();
    }
    let equal = |m: &promql_parser::label::Matcher| m.op == MatchOp::Equal && !m.value.is_empty();
    let fixed = selector.matchers.iter().filter(|(m, _)| equal(m)).map(|(m, _)| m.name.clone());
    Spread { all: true, by: BTreeSet::new(), fixed: fixed.collect() }
}

fn of_call(name: &str, arguments: &[Node]) -> Spread {
    match name {
        "absent" | "absent_over_time" | "scalar" | "vector" | "time" | "pi" => Spread::default(),
        "histogram_quantile" => {
            let mut inner = arguments.get(1).map(spread).unwrap_or_default();
            inner.by.remove("le");
            inner
        }
        _ => {
            let of = arguments.iter().find(|a| !a.is_scalar() && a.kind != Kind::Text);
            of.map(spread).unwrap_or_default()
        }
    }
}

/// What an aggregation leaves.
fn grouped(inner: Spread, grouping: &Grouping) -> Spread {
    match grouping {
        Grouping::By(labels) => {
            let kept =
                |label: &&String| inner.all || inner.by.contains(*label) || inner.fixed.contains(*label);
            let (fixed, by) =
                labels.iter().filter(kept).cloned().partition(|label| inner.fixed.contains(label));
            Spread { all: false, by, fixed }
        }
        Grouping::Without(labels) => {
            let keep = |set: BTreeSet<String>| set.into_iter().filter(|l| !labels.contains(l)).collect();
            Spread { all: inner.all, by: keep(inner.by), fixed: keep(inner.fixed) }
        }
    }
}

/// Series that are in both sides with the same labels.
fn both(left: Spread, right: Spread) -> Spread {
    match (left.all, right.all) {
        (true, true) => Spread { fixed: left.fixed.union(&right.fixed).cloned().collect(), ..left },
        (true, false) => right,
        (false, true) => left,
        // Labels of one side alone leave nothing over, which is another fault.
        (false, false) => Spread {
            all: false,
            by: left.by.intersection(&right.by).cloned().collect(),
            fixed: left.fixed.union(&right.fixed).cloned().collect(),
        },
    }
}

/// Series of the left side, and those of the right that have other labels.
fn either(left: Spread, right: Spread) -> Spread {
    let same = left == right || (left.is_one() && right.is_one() && left.fixed == right.fixed);
    if same {
        return left;
    }
    let mut by: BTreeSet<String> = left.by.union(&right.by).cloned().collect();
    by.extend(left.fixed.symmetric_difference(&right.fixed).cloned());
    Spread { all: left.all || right.all, by, fixed: left.fixed.intersection(&right.fixed).cloned().collect() }
}
