//! Two rules of one policy: true at once, one hidden by the other, one undoing the other.
//!
//! May import: `model`, `lint`'s own modules.

use super::dynamics::{Conditioned, bounds, called, comparisons, conditioned, domain};
use crate::lint::intervals::{Set, figure};
use crate::lint::point::{Point, Read, truth_at};
use crate::lint::solve::{Cell, Claim, Domain, Solver};
use crate::lint::{PolicyView, Sink};
use crate::model::expr::Expr;
use crate::model::{Action, Finding, Per, Policy};

/// The most counts that are gone through.
const MOST_COUNTS: u32 = 400;

/// A scale_out and a scale_in rule that are true for the same values of the same metric.
pub(super) fn both_ways(view: &PolicyView<'_>, sink: &mut Sink<'_>) {
    let domain = domain(view.policy);
    let solver = Solver { domain: &domain };
    let all = conditioned(view);
    for out in all.iter().filter(|c| c.out) {
        let grows = solver.holds(out.when).sure;
        for inward in all.iter().filter(|c| !c.out) {
            let shrinks = solver.holds(inward.when).sure;
            // Rules on different metrics may well disagree: then the larger count wins.
            if !grows.iter().any(|a| shrinks.iter().any(|b| share(a, b))) {
                continue;
            }
            let Claim::At(point) = solver.together(&[(out.when, true), (inward.when, true)]) else {
                continue;
            };
            let (more, less) = (called(out.rule), called(inward.rule));
            let message = format!(
                "{more} and {less} are both true at {}: the larger count wins, so {less} does nothing there",
                words(&point)
            );
            sink.raise(message, |finding| {
                let finding = finding.at(view.source, inward.rule.when_span, "scales in");
                let finding = finding.at(view.source, out.rule.when_span, "scales out for the same values");
                let finding = comparisons(finding, inward.when, "");
                comparisons(finding, out.when, "").help("set the two thresholds apart")
            });
        }
    }
}

/// Whether two cells meet, over a metric that both name.
fn share(a: &Cell, b: &Cell) -> bool {
    let both = a.iter().filter_map(|(read, set)| Some((read, set.and(b.get(read)?))));
    let mut shared = false;
    for (read, set) in both {
        if set.is_empty() {
            return false;
        }
        shared |= matches!(read, Read::Metric(_));
    }
    shared
}

/// A scale_in rule that is content with one idle metric of several (`or`), while another is so high that
/// a scale_out rule is true.
pub(super) fn while_hot(view: &PolicyView<'_>, sink: &mut Sink<'_>) {
    let domain = domain(view.policy);
    let solver = Solver { domain: &domain };
    let all = conditioned(view);
    for inward in all.iter().filter(|c| !c.out) {
        let ways = solver.holds(inward.when).sure;
        for out in all.iter().filter(|c| c.out) {
            let hot = solver.holds(out.when).sure;
            // What contradicts over a metric that both name, `both-ways` tells.
            if ways.iter().any(|a| hot.iter().any(|b| share(a, b))) {
                continue;
            }
            // One way in says that the metric has to be low, another does not look at it.
            let names = |way: &Cell, hot: &Cell| {
                hot.keys().any(|read| matches!(read, Read::Metric(_)) && way.contains_key(read))
            };
            // By the hour, or by nothing at all, is no metric that is low.
            let reads = |way: &&Cell| way.keys().any(|read| matches!(read, Read::Metric(_)));
            let forgets = |hot: &Cell| {
                ways.iter().any(|way| names(way, hot))
                    && ways.iter().filter(reads).any(|way| !names(way, hot))
            };
            if !hot.iter().any(forgets) {
                continue;
            }
            let Claim::At(point) = solver.together(&[(inward.when, true), (out.when, true)]) else {
                continue;
            };
            let (less, more) = (called(inward.rule), called(out.rule));
            let message = format!(
                "{less} is true as soon as one of its metrics is low: at {} it scales in while {more} is true",
                words(&point)
            );
            sink.raise(message, |finding| {
                let finding = finding.at(view.source, inward.rule.when_span, "scales in");
                let finding = finding.at(view.source, out.rule.when_span, "needs the replicas");
                comparisons(finding, inward.when, "").help(format!(
                    "join them with `and`; that the larger count wins is no help while {more} waits (`sustained_for`, cooldown) or is not yet true"
                ))
            });
            break;
        }
    }
}

/// `cpu` = 0.5 and `p95` = 0.3
fn words(point: &Point) -> String {
    let mut parts: Vec<String> = Vec::new();
    for (read, value) in point {
        match read {
            Read::Metric(name) => parts.push(format!("`{name}` = {}", figure(*value))),
            Read::Context(name) => parts.push(format!("`ctx.{name}` = {}", figure(*value))),
            Read::Has(_) => {}
        }
    }
    match parts.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
        None => "any values".into(),
    }
}

/// What an action makes of a count; `None` for a function.
pub(super) fn count(action: Action, base: u32, out: bool) -> Option<u32> {
    let share = |percent: f64| f64::from(base) * percent / 100.0;
    Some(match action {
        Action::Add(n) => base.saturating_add(n),
        Action::Remove(n) => base.saturating_sub(n),
        Action::To(n) if out => n.max(base),
        Action::To(n) => n.min(base),
        Action::Percent(p) if out => base.saturating_add((share(p) - 1e-9).ceil().max(0.0) as u32),
        Action::Percent(p) => base.saturating_sub(((share(p) + 1e-9).floor() as u32).max(1)),
        Action::By(_) => return None,
    })
}

/// A rule that, whenever it fires, another fires too and decides.
pub(super) fn hidden_rule(view: &PolicyView<'_>, sink: &mut Sink<'_>) {
    let policy = view.policy;
    let domain = domain(policy);
    let solver = Solver { domain: &domain };
    let (min, max) = bounds(policy);
    let all = conditioned(view);
    for hidden in &all {
        let hides = |other: &&Conditioned<'_>| {
            let (a, b) = (hidden.rule, other.rule);
            if a.span == b.span || hidden.out != other.out || b.cooldown.is_some() {
                return false;
            }
            // Alike in all: only the later one is told of.
            let later = a.span.start > b.span.start;
            let relative = |action| matches!(action, Action::Add(_) | Action::Percent(_));
            if b.sustained_for > a.sustained_for || (hidden.out && relative(a.action) != relative(b.action)) {
                return false;
            }
            let mut same = true;
            let counts = min.max(1)..=max.min(min.saturating_add(MOST_COUNTS));
            let decides = counts.clone().all(|n| {
                let (Some(mine), Some(its)) = (count(a.action, n, hidden.out), count(b.action, n, other.out))
                else {
                    return false;
                };
                same &= mine == its;
                // Of those that ask for more the largest counts; of those that ask for less, too.
                its >= mine
            });
            if !decides {
                return false;
            }
            let implied = solver.together(&[(hidden.when, true), (other.when, false)]) == Claim::Never;
            let back = solver.together(&[(other.when, true), (hidden.when, false)]) == Claim::Never;
            let alike = same && back && a.sustained_for == b.sustained_for && a.cooldown.is_none();
            implied && (!alike || later)
        };
        if solver.holds(hidden.when).may.is_empty() {
            continue;
        }
        let Some(other) = all.iter().find(hides) else { continue };
        let (name, by) = (called(hidden.rule), called(other.rule));
        let why = if hidden.out {
            format!("{by} fires whenever it does and never adds less")
        } else {
            format!("{by} fires whenever it does, and of two that remove the one that removes less decides")
        };
        sink.raise(format!("{name} never decides anything: {why}"), |finding| {
            let finding = finding.at(view.source, hidden.rule.when_span, "implies the other condition");
            let finding = finding.at(view.source, other.rule.when_span, "true whenever the first is");
            let help = if hidden.out {
                "let the stricter condition add more, or take the rule out".to_string()
            } else {
                format!("let {by} end where {name} begins (a lower bound in its condition), or take one out")
            };
            finding.help(help)
        });
    }
}

/// A step in and the rule that would take it back.
struct Turn {
    from: u32,
    to: u32,
    before: Point,
    after: Point,
    /// What is left of the step where the engine shrinks it.
    shrunk: u32,
}

impl Turn {
    /// `cpu` = 0.45 on 2 replicas is 0.9 on 1
    fn projected(&self, is: &str) -> String {
        let all =
            self.before.iter().zip(self.after.values()).filter_map(|((read, before), after)| match read {
                Read::Metric(name) => {
                    let (from, to) = (self.from, self.to);
                    let after = (after * 1e4).round() / 1e4;
                    Some(format!("`{name}` = {} on {from} replicas {is} {after} on {to}", figure(*before)))
                }
                _ => None,
            });
        all.collect::<Vec<_>>().join(" and ")
    }
}

/// A scale_in step after which a scale_out rule would be true, where nothing shrinks the step.
pub(super) fn flap_margin(view: &PolicyView<'_>, sink: &mut Sink<'_>) {
    if view.policy.anti_flap {
        return;
    }
    each_turn(view, |inward, out, turns| {
        let Some(turn) = turns.first() else { return };
        let (less, more) = (called(inward.rule), called(out.rule));
        let message = format!(
            "{less} and {more} undo each other {}: {}, where {more} is true",
            at_counts(turns),
            turn.projected("is")
        );
        sink.raise(message, |finding| {
            labels(view, finding, inward, out)
                .help("set the thresholds further apart, remove fewer at a time, or leave `anti_flap` on")
        });
    });
}

/// The same, where `anti_flap` shrinks the step.
pub(super) fn held_step(view: &PolicyView<'_>, sink: &mut Sink<'_>) {
    if !view.policy.anti_flap {
        return;
    }
    each_turn(view, |inward, out, turns| {
        let Some(turn) = turns.first() else { return };
        let (less, more) = (called(inward.rule), called(out.rule));
        let then = if turn.shrunk >= turn.from {
            format!("`anti_flap` keeps all {}", turn.from)
        } else {
            format!("`anti_flap` goes no lower than {}", turn.shrunk)
        };
        let message = format!(
            "{less} is held back {}: {}, where {more} is true, so {then}",
            at_counts(turns),
            turn.projected("would be")
        );
        sink.raise(message, |finding| {
            labels(view, finding, inward, out)
                .help("nothing flaps; set the thresholds further apart for the count to come down there")
        });
    });
}

fn labels(
    view: &PolicyView<'_>,
    finding: Finding,
    inward: &Conditioned<'_>,
    out: &Conditioned<'_>,
) -> Finding {
    let finding = finding.at(view.source, inward.rule.when_span, "scales in");
    let finding = finding.at(view.source, out.rule.when_span, "scales out again");
    let finding = comparisons(finding, inward.when, "");
    comparisons(finding, out.when, "")
}

/// `at 2 replicas`, `from 2 to 7 replicas`
fn at_counts(turns: &[Turn]) -> String {
    let (Some(first), Some(last)) = (turns.first(), turns.last()) else { return String::new() };
    let whole = turns.len() as u64 == u64::from(last.from - first.from) + 1;
    match (first.from == last.from, whole) {
        (true, _) => format!("at {} replicas", first.from),
        (false, true) => format!("at {} to {} replicas", first.from, last.from),
        (false, false) => {
            let all: Vec<String> = turns.iter().take(5).map(|t| t.from.to_string()).collect();
            let more = if turns.len() > 5 { ", …" } else { "" };
            format!("at {}{more} replicas", all.join(", "))
        }
    }
}

/// Calls `tell` for each pair of a scale_in and a scale_out rule with the counts at which the one
/// would make the other true.
fn each_turn(view: &PolicyView<'_>, mut tell: impl FnMut(&Conditioned<'_>, &Conditioned<'_>, &[Turn])) {
    let policy = view.policy;
    let base = domain(policy);
    let (min, max) = bounds(policy);
    let all = conditioned(view);
    for inward in all.iter().filter(|c| !c.out) {
        for out in all.iter().filter(|c| c.out) {
            let mut turns = Vec::new();
            for from in (min.max(1) + 1)..=max.min(min.saturating_add(MOST_COUNTS)) {
                let Some(to) = count(inward.rule.action, from, false) else { break };
                let to = to.max(min);
                if to < from && to > 0 {
                    turns.extend(turn(policy, &base, inward.when, out.when, from, to));
                }
            }
            if !turns.is_empty() {
                tell(inward, out, &turns);
            }
        }
    }
}

/// Whether a step turns round: values for which the one rule is true before it, and the other
/// after it and not before.
fn turn(policy: &Policy, base: &Domain, inward: &Expr, out: &Expr, from: u32, to: u32) -> Option<Turn> {
    let at = |n: u32| {
        let n = Set::point(f64::from(n));
        base.with(Read::Context("replicas".into()), n)
    };
    let (before, after) = (at(from), at(to));
    let shrinks = Solver { domain: &before }.holds(inward).sure;
    let grows = Solver { domain: &after }.holds(out).sure;
    for first in &shrinks {
        for second in &grows {
            let Some(point) = meet(policy, base, first, second, f64::from(from) / f64::from(to)) else {
                continue;
            };
            let point = complete(point, base, &[inward, out], from);
            let later = |n: u32| project(policy, &point, from, n);
            let grows_at = |n: u32| truth_at(out, &later(n)) == Some(true);
            if truth_at(inward, &point) != Some(true) || grows_at(from) || !grows_at(to) {
                continue;
            }
            let shrunk = (to..=from).find(|n| !grows_at(*n)).unwrap_or(from);
            let reads = |read: &Read| matches!(read, Read::Metric(name) if scales(policy, name) && first.contains_key(read));
            let after = later(to);
            let shown =
                |all: &Point| all.iter().filter(|(r, _)| reads(r)).map(|(r, v)| (r.clone(), *v)).collect();
            return Some(Turn { from, to, before: shown(&point), after: shown(&after), shrunk });
        }
    }
    None
}

/// Whether a metric falls as replicas are added.
fn scales(policy: &Policy, name: &str) -> bool {
    let metric = policy.metric(name).and_then(|i| policy.metrics.get(i));
    metric.is_some_and(|m| m.per == Some(Per::Replica) && m.models.is_none())
}

/// Values in the one cell that are in the other once they are projected.
fn meet(policy: &Policy, base: &Domain, first: &Cell, second: &Cell, by: f64) -> Option<Point> {
    let mut point = Point::new();
    let mut shared = false;
    let metrics = first.keys().chain(second.keys()).filter(|read| !matches!(read, Read::Context(_)));
    for read in metrics {
        let all = || base.of(read);
        let (before, after) =
            (first.get(read).cloned().unwrap_or_else(all), second.get(read).cloned().unwrap_or_else(all));
        let scaled = matches!(read, Read::Metric(name) if scales(policy, name));
        shared |= scaled && first.contains_key(read) && second.contains_key(read);
        let set = before.and(&if scaled { after.scaled(1.0 / by) } else { after });
        point.insert(read.clone(), set.pick()?);
    }
    shared.then_some(point)
}

/// A point with a value for all that is read.
fn complete(mut point: Point, base: &Domain, all: &[&Expr], count: u32) -> Point {
    for e in all {
        e.each(&mut |e| {
            let Some(read) = crate::lint::point::read(e) else { return };
            let value = match &read {
                Read::Context(name) if name == "replicas" => Some(f64::from(count)),
                Read::Has(_) => Some(1.0),
                other => base.of(other).pick(),
            };
            if let Some(value) = value {
                point.entry(read).or_insert(value);
            }
        });
    }
    point
}

/// The values with another count, as the engine projects them.
fn project(policy: &Policy, point: &Point, from: u32, to: u32) -> Point {
    let each = point.iter().map(|(read, value)| {
        let value = match read {
            Read::Metric(name) if scales(policy, name) => value * f64::from(from) / f64::from(to),
            Read::Context(name) if name == "replicas" => f64::from(to),
            _ => *value,
        };
        (read.clone(), value)
    });
    each.collect()
}
