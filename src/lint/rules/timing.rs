//! Times and rates of a policy that do not fit each other. May import: `model`, `lint`'s own
//! modules.

use super::dynamics::{bounds, called};
use super::pairs::count;
use crate::lint::{PolicyView, Sink};
use crate::model::raw::{Key, Node};
use crate::model::{Action, Amount, Duration, Form, Limit, Rule, Select};
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
fn rule_place(view: &PolicyView<'_>, rule: &Rule, field: &str) -> Span {
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
