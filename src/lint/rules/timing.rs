//! Times and rates of a policy that do not fit each other. May import: `model`, `lint`'s own
//! modules.

use super::dynamics::{bounds, called};
use super::pairs::count;
use crate::lint::intervals::figure;
use crate::lint::{PolicyView, Sink};
use crate::model::raw::{Key, Node};
use crate::model::{Action, Amount, Duration, Form, Limit, Metric, Per, Rule, Select, Unit};
use crate::text::Span;

/// Within which time max should be reached from min.
const STATED: Duration = Duration::from_secs(30 * 60);

/// The place of a field of the policy's table, by its path.
pub(super) fn place(view: &PolicyView<'_>, path: &[&str]) -> Option<Span> {
    let mut node: &Node = &view.outline?.root;
    for key in path {
        node = node.field(key)?;
    }
    Some(node.value)
}

/// The place of a field of a rule; of the rule, where that is not known.
pub(super) fn rule_place(view: &PolicyView<'_>, rule: &Rule, field: &str) -> Span {
    let lists = ["scale_out", "scale_in"];
    let entries =
        lists.iter().filter_map(|list| view.outline?.root.field(list)).flat_map(|list| &list.children);
    let node =
        entries.filter(|(key, _)| matches!(key, Key::Index(_))).find(|(_, node)| node.value == rule.span);
    node.and_then(|(_, node)| node.field(field)).map_or(rule.span, |node| node.value)
}

/// Durations that a tick cannot tell from nothing.
pub(super) fn shorter_than_interval(view: &PolicyView<'_>, sink: &mut Sink<'_>) {
    let policy = view.policy;
    let interval = policy.interval;
    let mut raise = |what: String, value: Duration, span: Span, help: &str| {
        if value <= Duration::ZERO || value >= interval {
            return;
        }
        let message = format!("{what} is {value}, and the policy is evaluated only every {interval}");
        sink.raise(message, |finding| {
            let finding = finding.at(view.source, span, "shorter than the interval");
            let finding = match place(view, &["interval"]) {
                Some(span) => finding.at(view.source, span, "the interval"),
                None => finding,
            };
            finding.help(help)
        });
    };
    for rule in policy.scale_out.iter().chain(&policy.scale_in) {
        let name = called(rule);
        let help = "give it at least two intervals, or leave it out";
        raise(
            format!("`sustained_for` of {name}"),
            rule.sustained_for,
            rule_place(view, rule, "sustained_for"),
            help,
        );
        if let Some(cooldown) = rule.cooldown {
            raise(format!("the cooldown of {name}"), cooldown, rule_place(view, rule, "cooldown"), help);
        }
    }
    let help = "it is over before the next evaluation: make it longer, or leave it out";
    for (direction, cooldown, window) in [
        ("scale_out", policy.cooldown.scale_out, policy.stabilization_window.scale_out),
        ("scale_in", policy.cooldown.scale_in, policy.stabilization_window.scale_in),
    ] {
        for (field, value) in [("cooldown", cooldown), ("stabilization_window", Some(window))] {
            let (Some(value), Some(span)) = (value, place(view, &[field, direction])) else { continue };
            raise(format!("`{field}.{direction}`"), value, span, help);
        }
    }
    for (direction, limit) in
        [("scale_out", &policy.rate_limit.scale_out), ("scale_in", &policy.rate_limit.scale_in)]
    {
        if limit.select == Select::Disabled {
            continue;
        }
        for (written, span) in limit.limits.iter().zip(limit_places(view, direction)) {
            let amount = match written.amount {
                Amount::Replicas(1) => "1 replica".to_string(),
                Amount::Replicas(n) => format!("{n} replicas"),
                Amount::Percent(p) => format!("{p} percent"),
            };
            let help = format!(
                "it allows {amount} at each evaluation, which is {amount} per {interval}: write `per = \"{interval}\"` or more"
            );
            raise(format!("`per` of `rate_limit.{direction}`"), written.per, span, &help);
        }
    }
}

/// The places of the `per` of each limit of a direction, in order; none where they are not known.
fn limit_places(view: &PolicyView<'_>, direction: &str) -> Vec<Span> {
    let node = view.outline.and_then(|o| o.root.field("rate_limit")?.field(direction));
    let Some(node) = node else { return Vec::new() };
    if let Some(per) = node.field("per") {
        return vec![per.value];
    }
    (1..)
        .map_while(|at| node.index(at))
        .map(|limit| limit.field("per").map_or(limit.value, |p| p.value))
        .collect()
}

/// A tolerance within which every count in the bounds lies: the target holds none of them back.
pub(super) fn wide_tolerance(view: &PolicyView<'_>, sink: &mut Sink<'_>) {
    let policy = view.policy;
    let tolerance = policy.tolerance.scale_in;
    let Some(track) = policy.track.first() else { return };
    let written = place(view, &["tolerance", "scale_in"]).or_else(|| place(view, &["tolerance"]));
    let Some(span) = written else { return };
    let (min, max) = bounds(policy);
    // At a load of min replicas at the target, max of them are at min / max of it.
    if min == 0 || min >= max || f64::from(max) * (1.0 - tolerance) > f64::from(min) {
        return;
    }
    let name = policy.metrics.get(track.metric).map_or("", |m| m.name.value.as_str());
    let least = f64::from(min) / f64::from(max);
    let narrower = ((1.0 - least) * 100.0).floor() / 100.0;
    let message = format!(
        "with a tolerance of {} nothing scales in from {max} until `{name}` is under {} at {max} replicas: the load of fewer than {min}",
        figure(tolerance),
        figure(significant(track.target * (1.0 - tolerance) * per_count(view, track.metric, max)))
    );
    sink.raise(message, |finding| {
        finding
            .at(view.source, span, "all of the bounds lie within it")
            .at(view.source, track.span, "the target")
            .at(view.source, policy.replicas.min.span, "min")
            .help(format!(
                "write a tolerance well under {}, the distance from max to min; the default is 0.1",
                figure(narrower)
            ))
    });
}

/// What a target is multiplied with to compare the metric at a count: 1 where it is an average.
fn per_count(view: &PolicyView<'_>, metric: usize, count: u32) -> f64 {
    let per = view.policy.metrics.get(metric).and_then(|m| m.per);
    if per == Some(Per::Total) { f64::from(count) } else { 1.0 }
}

/// A number with four digits that count, as people write one.
fn significant(x: f64) -> f64 {
    format!("{x:.3e}").parse().unwrap_or(x)
}

/// A scale_out cooldown that ends before the replicas it waits for take load.
pub(super) fn cooldown_under_startup(view: &PolicyView<'_>, sink: &mut Sink<'_>) {
    let policy = view.policy;
    let Some(cooldown) = policy.cooldown.scale_out.filter(|c| *c < policy.startup) else { return };
    let adds = |rule: &&Rule| matches!(rule.action, Action::Add(_) | Action::Percent(_));
    let Some(rule) = policy.scale_out.iter().find(adds) else { return };
    let Some(span) = place(view, &["cooldown", "scale_out"]) else { return };
    let startup = policy.startup;
    let again = startup.0.div_euclid(cooldown.0.max(policy.interval.0).max(1));
    let times = if again == 1 { "once more".to_string() } else { format!("{again} times more") };
    let message = format!(
        "the scale_out cooldown of {cooldown} is over before new replicas take load ({startup}): {} may add {times} for the same load",
        called(rule)
    );
    sink.raise(message, |finding| {
        let finding = finding.at(view.source, span, "over too early");
        let finding = match place(view, &["startup"]) {
            Some(span) => finding.at(view.source, span, "how long a replica takes"),
            None => finding,
        };
        finding.at(view.source, rule.span, "counts from the replicas there are").help(format!(
            "write `cooldown = {{ scale_out = \"{startup}\" }}`, or leave it out: it is `startup` then"
        ))
    });
}

/// A cooldown of a scale_in rule that is over before that of the policy.
pub(super) fn hidden_cooldown(view: &PolicyView<'_>, sink: &mut Sink<'_>) {
    let policy = view.policy;
    let Some(whole) = policy.cooldown.scale_in else { return };
    for rule in &policy.scale_in {
        let Some(own) = rule.cooldown.filter(|own| *own > Duration::ZERO && *own <= whole) else { continue };
        let message = format!(
            "the cooldown of {} ({own}) never bars it: after each of its steps nothing scales in for {whole} anyway",
            called(rule)
        );
        sink.raise(message, |finding| {
            let finding =
                finding.at(view.source, rule_place(view, rule, "cooldown"), "over too early to matter");
            let policy_s = place(view, &["cooldown", "scale_in"]).or_else(|| place(view, &["cooldown"]));
            let finding = match policy_s {
                Some(span) => finding.at(view.source, span, "the policy's own, for every step in"),
                None => finding,
            };
            finding.help(format!("leave it out, or make it longer than {whole}"))
        });
    }
}

/// A rate limit that takes too long from min to max.
pub(super) fn slow_to_max(view: &PolicyView<'_>, sink: &mut Sink<'_>) {
    let policy = view.policy;
    let limit = &policy.rate_limit.scale_out;
    let (min, max) = (*policy.replicas.min, *policy.replicas.max);
    let Some(span) = place(view, &["rate_limit", "scale_out"]) else { return };
    if limit.select == Select::Disabled || limit.limits.is_empty() || min >= max {
        return;
    }
    let step = policy.interval.0.max(1000);
    let mut current = min.max(1);
    let mut changes: Vec<(i64, u32)> = Vec::new();
    let mut now = 0;
    while now <= STATED.0 && current < max {
        let allows = |limit: &Limit| {
            let recent =
                changes.iter().filter(|(at, _)| *at > now - limit.per.0).map(|(_, by)| *by).sum::<u32>();
            let start = current.saturating_sub(recent);
            match limit.amount {
                Amount::Replicas(n) => start.saturating_add(n),
                Amount::Percent(p) => (f64::from(start) * (100.0 + p) / 100.0 - 1e-9).ceil() as u32,
            }
        };
        let all = limit.limits.iter().map(allows);
        let to = if limit.select == Select::Max { all.max() } else { all.min() };
        let to = to.unwrap_or(max).clamp(current, max);
        if to > current {
            changes.push((now, to - current));
            current = to;
        }
        now += step;
    }
    if current >= max {
        return;
    }
    let message = format!(
        "the rate limit lets {} replicas grow to {current} in {STATED}, and not to max ({max})",
        min.max(1)
    );
    sink.raise(message, |finding| {
        let finding = finding.at(view.source, span, "too slow for these bounds");
        finding
            .at(view.source, policy.replicas.max.span, "max")
            .help("add a limit in percent (the larger of several counts), or lower max")
    });
}

/// A min that no rule ever comes down to.
pub(super) fn unreachable_floor(view: &PolicyView<'_>, sink: &mut Sink<'_>) {
    let policy = view.policy;
    tracked_zero(view, sink);
    let tracks = !policy.track.is_empty() && policy.tolerance.scale_in < 1.0;
    if policy.form != Form::Rules || policy.scale_in.is_empty() || tracks {
        return;
    }
    let (min, max) = bounds(policy);
    let mut lowest = max;
    // Each rule goes down at most one step a turn; the mildest counts, so each is tried alone.
    loop {
        let all: Option<Vec<u32>> =
            policy.scale_in.iter().map(|rule| count(rule.action, lowest, false)).collect();
        let Some(next) = all.and_then(|all| all.into_iter().min()) else { return };
        let next = next.max(min);
        if next >= lowest {
            break;
        }
        lowest = next;
    }
    if lowest <= min {
        return;
    }
    let Some(rule) =
        policy.scale_in.iter().find(|r| count(r.action, max, false).is_some_and(|to| to >= lowest))
    else {
        return;
    };
    let message = format!("nothing comes down to min ({min}): the rules of scale_in stop at {lowest}");
    sink.raise(message, |finding| {
        finding
            .at(view.source, policy.replicas.min.span, "never reached")
            .at(view.source, rule.span, format!("goes no lower than {lowest}"))
            .help(format!("write `remove = 1` or `to = {min}` in a rule of scale_in, or set min to {lowest}"))
    });
}

/// A min of 0 under a target on what each replica uses, which is never quite nothing.
fn tracked_zero(view: &PolicyView<'_>, sink: &mut Sink<'_>) {
    let policy = view.policy;
    // Where nothing wakes it, `never-wakes` says so: that it does not sleep is no comfort.
    if policy.form != Form::Rules || bounds(policy).0 > 0 || policy.activation.is_none() {
        return;
    }
    let used = |metric: &&Metric| {
        metric.per == Some(Per::Replica)
            && matches!(metric.unit, Some(Unit::Ratio | Unit::Percent | Unit::Bytes))
    };
    let tracked = policy.track.iter().find_map(|track| {
        let metric = policy.metrics.get(track.metric)?;
        Some((track, metric)).filter(|(_, metric)| used(metric))
    });
    let Some((track, metric)) = tracked else { return };
    let name = &metric.name.value;
    let message = format!(
        "nothing comes down to min (0): while `{name}` of the last replica is above 0, `track` asks for 1"
    );
    sink.raise(message, |finding| {
        finding
            .at(view.source, policy.replicas.min.span, "never reached")
            .at(view.source, track.span, "any value above 0 asks for a replica")
            .help("track what is 0 without work (a queue, requests a second, `per = \"total\"`), or set min to 1")
    });
}
