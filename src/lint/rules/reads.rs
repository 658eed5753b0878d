//! What a policy reads and what then holds: metrics that are missing, tracked, unread; zero.
//!
//! May import: `model`, `lint`'s own modules.

use super::dynamics::{also, bounds, called, conditioned, domain};
use super::thresholds::metrics_read;
use super::timing::{place, rule_place};
use crate::lint::intervals::{Set, figure};
use crate::lint::point::{Read, read};
use crate::lint::solve::{Claim, Solver};
use crate::lint::{PolicyView, Sink};
use crate::model::expr::{Apply, Expr, Kind};
use crate::model::{Action, Activation, Form, Missing, Mode, Model, Per};
use crate::text::Span;
use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap};

/// A metric whose loss reads as 0 and so removes replicas.
pub(super) fn zero_for_missing(view: &PolicyView<'_>, sink: &mut Sink<'_>) {
    let policy = view.policy;
    let base = domain(policy);
    let everywhere = policy.metrics.iter().map(|metric| (metric, None));
    let regions = (1..).zip(policy.regions.iter().flat_map(|r| &r.regions));
    let own = regions.flat_map(|(at, region)| region.metrics.iter().map(move |m| (m, Some((at, region)))));
    for (metric, region) in everywhere.chain(own) {
        let Some(index) = policy.metric(&metric.name.value) else { continue };
        // A region's metric that says nothing of it is as the policy's, told once.
        let told = region.is_some() && policy.metrics.get(index).is_some_and(|m| m.missing == Missing::Zero);
        if metric.missing != Missing::Zero || told {
            continue;
        }
        let name = &metric.name.value;
        let there = region.map_or(String::new(), |(_, region)| format!(" in the region `{}`", region.name));
        let span = match region {
            None => place(view, &["metrics", name, "missing"]),
            Some((at, _)) => view.outline.and_then(|o| {
                let region = o.root.field("regions")?.index(at)?;
                Some(region.field("metrics")?.field(name)?.field("missing")?.value)
            }),
        };
        let span = span.unwrap_or(metric.name.span);
        let mut raise = |who: &str, what: &str, other: Span| {
            let message = format!("where `{name}` is lost{there} it counts as 0, and {who} {what}");
            sink.raise(message, |finding| {
                finding
                    .at(view.source, span, "a loss reads as 0")
                    .at(view.source, other, "scales in on it")
                    .help("write `missing = \"hold\"` (the default): nothing scales in while the metric is unknown")
            });
        };
        let domain = base.with(Read::Metric(name.clone()), Set::point(0.0));
        let solver = Solver { domain: &domain };
        for condition in conditioned(view).iter().filter(|c| !c.out) {
            let reads = metrics_read(condition.when).contains(name);
            if reads && matches!(solver.together(&[(condition.when, true)]), Claim::At(_)) {
                raise(&called(condition.rule), "removes replicas under load", condition.rule.when_span);
            }
        }
        if let Some(track) = policy.track.iter().find(|t| t.metric == index) {
            raise("`track`", &format!("goes to min ({}) under load", policy.replicas.min.value), track.span);
        }
    }
}

/// A target that nothing wakes from zero.
pub(super) fn never_wakes(view: &PolicyView<'_>, sink: &mut Sink<'_>) {
    let policy = view.policy;
    let (min, _) = bounds(policy);
    if min > 0 {
        return;
    }
    let message = "at 0 replicas no rule runs, and nothing wakes the target again";
    match &policy.activation {
        None => sink.raise(message, |finding| {
            finding
                .at(view.declared, policy.replicas.min.span, "allows 0 replicas")
                .help("declare what wakes it: `activation = { queue = 0 }`, a metric that is there without replicas")
        }),
        Some(Activation::When(_, span)) => {
            let domain = domain(policy);
            let Some(when) = view.parsed.functions.at(*span) else { return };
            if (Solver { domain: &domain }).holds(when).may.is_empty() {
                sink.raise(message, |finding| {
                    finding
                        .at(view.source, *span, "never true")
                        .at(view.source, policy.replicas.min.span, "allows 0 replicas")
                        .help("correct the condition's thresholds")
                });
            }
        }
        Some(Activation::Above(_)) => {}
    }
}

/// A rule on a tracked metric that goes against the target.
pub(super) fn track_against_rule(view: &PolicyView<'_>, sink: &mut Sink<'_>) {
    let policy = view.policy;
    let base = domain(policy);
    for track in &policy.track {
        let Some(metric) = policy.metrics.get(track.metric).filter(|m| m.per == Some(Per::Replica)) else {
            continue;
        };
        let name = &metric.name.value;
        let above = track.target * (1.0 + policy.tolerance.scale_out);
        let below = track.target * (1.0 - policy.tolerance.scale_in);
        for condition in conditioned(view) {
            if metrics_read(condition.when) != [name.clone()] {
                continue;
            }
            let (against, what) = if condition.out {
                (Set::between(-f64::MAX, below.next_down()), "adds where the target removes")
            } else {
                (Set::between(above.next_up(), f64::MAX), "removes where the target adds")
            };
            let read = Read::Metric(name.clone());
            let domain = base.with(read.clone(), base.of(&read).and(&against));
            let Claim::At(point) = (Solver { domain: &domain }).together(&[(condition.when, true)]) else {
                continue;
            };
            let value = point.get(&read).copied().unwrap_or_default();
            let message = format!(
                "{} {what}: at `{name}` = {} it is true, and `track` holds {}",
                called(condition.rule),
                figure(value),
                figure(track.target)
            );
            sink.raise(message, |finding| {
                finding
                    .at(view.source, condition.rule.when_span, "against the target")
                    .at(view.source, track.span, "the target")
                    .help("leave the metric to `track`, or set the threshold on the other side of the target")
            });
        }
    }
}

/// A metric that is declared and that nothing reads.
pub(super) fn unread_metric(view: &PolicyView<'_>, sink: &mut Sink<'_>) {
    let policy = view.policy;
    let text = &view.source.text;
    // What a module reads is not all in sight; a policy without rules is only begun.
    let decides = !policy.scale_out.is_empty() || !policy.scale_in.is_empty() || !policy.track.is_empty();
    if policy.form != Form::Rules || !decides || text.contains("require") {
        return;
    }
    let on = place(view, &["on"]);
    let part = |from: u32, to: u32| text.get(from as usize..to as usize).unwrap_or_default();
    let hooks = on.map_or(String::new(), |on| part(on.start, on.end).to_string());
    // Where not all functions are plain from their text, a metric that it names at all is read.
    let elsewhere = match on {
        Some(on) => part(0, on.start).to_string() + part(on.end, text.len() as u32),
        None => text.to_string(),
    };
    let known = read_by_rules(view);
    for (index, metric) in policy.metrics.iter().enumerate() {
        let name = &metric.name.value;
        let used = policy.track.iter().any(|t| t.metric == index)
            || policy.predict.as_ref().is_some_and(|p| p.metric == index)
            || matches!(&policy.activation, Some(Activation::Above(all)) if all.iter().any(|(m, _)| *m == index))
            || policy.metrics.iter().any(|m| match m.models {
                Some(Model::Latency { load }) => load == index,
                Some(Model::Queue { arrivals }) => arrivals == index,
                None => false,
            })
            // A dry-run measures with these.
            || metric.capacity.is_some()
            || metric.saturation.is_some();
        let reads = [format!(".{name}"), format!("\"{name}\""), format!("'{name}'")];
        let named = |text: &str| reads.iter().any(|read| text.contains(read.as_str()));
        let read = match &known {
            Some(known) => known.contains(name),
            None => named(&elsewhere),
        };
        if used || read {
            continue;
        }
        let hooked = named(&hooks);
        let message = match hooked {
            true => {
                format!("no rule reads the metric `{name}`: it is named in `on` only, where it has no value")
            }
            false => format!("nothing reads the metric `{name}`"),
        };
        sink.raise(message, |finding| {
            let finding = finding.at(view.source, metric.name.span, "declared here");
            let finding = match on.filter(|_| hooked) {
                Some(on) => finding.at(view.source, on, "a hook gets the event, and no metrics"),
                None => finding,
            };
            finding.help("read it in a rule, or take it out")
        });
    }
}

/// The metrics that the policy's functions read, where the text of each tells all of them.
fn read_by_rules(view: &PolicyView<'_>) -> Option<BTreeSet<String>> {
    let policy = view.policy;
    let rules = || policy.scale_out.iter().chain(&policy.scale_in);
    let mut places: Vec<Span> = rules().map(|rule| rule.when_span).collect();
    if let Some(Activation::When(_, span)) = &policy.activation {
        places.push(*span);
    }
    for rule in rules().filter(|rule| matches!(rule.action, Action::By(_))) {
        places.push(rule_place(view, rule, "by"));
    }
    let mut names = BTreeSet::new();
    for place in places {
        let mut whole = true;
        view.parsed.functions.at(place)?.each(&mut |e| match &e.kind {
            Kind::CannotTell(_) | Kind::Required(..) | Kind::Call(..) => whole = false,
            Kind::Has(_, name) => {
                names.insert(name.clone());
            }
            Kind::Field(..) => names.extend(match read(e) {
                Some(Read::Metric(name)) => Some(name),
                _ => None,
            }),
            _ => {}
        });
        if !whole {
            return None;
        }
    }
    Some(names)
}

/// An `or` whose left side makes the rule unknown where its metric is missing, though the right
/// side could tell.
pub(super) fn missing_order(view: &PolicyView<'_>, sink: &mut Sink<'_>) {
    let holds = |name: &String| {
        let metric = view.policy.metrics.iter().find(|m| m.name.value == *name);
        metric.is_some_and(|m| m.missing == Missing::Hold)
    };
    for condition in conditioned(view).iter().filter(|c| c.out) {
        let asked = asked(condition.when);
        condition.when.each(&mut |e| {
            let (left, right) = match &e.kind {
                Kind::Or(left, right) => (left, right),
                // `if a then return true end return b`
                Kind::If(left, then, right) if then.kind == Kind::Bool(true) => (left, right),
                _ => return,
            };
            let (first, second) = (metrics_read(left), metrics_read(right));
            let lost = first.iter().find(|m| !second.contains(m) && !asked.contains(m) && holds(m));
            let (Some(lost), Some(other)) = (lost, second.iter().find(|m| !first.contains(m))) else {
                return;
            };
            if left.at.source != view.source.name {
                return;
            }
            let message = format!(
                "without `{lost}` {} cannot fire, whatever `{other}` says; without `{other}` it still can",
                called(condition.rule)
            );
            sink.raise(message, |finding| {
                let finding = also(finding, &left.at, format!("unknown without `{lost}`"));
                also(finding, &right.at, "not read then")
                    .help(format!("make it two rules, or ask first: `m.has(\"{lost}\") and …`"))
            });
        });
    }
}

/// The metrics that a condition asks for by `m.has`.
fn asked(when: &Expr) -> Vec<String> {
    let mut names = Vec::new();
    when.each(&mut |e| {
        if let Kind::Has(_, name) = &e.kind {
            names.push(name.clone());
        }
    });
    names
}

/// Two policies that scale one target.
pub(super) fn same_target(views: &[PolicyView<'_>], sink: &mut Sink<'_>) {
    let scales = views.iter().filter(|view| view.policy.mode == Mode::Scale);
    let mut first: HashMap<String, &PolicyView<'_>> = HashMap::new();
    for view in scales {
        let Some(target) = &view.policy.target else { continue };
        let before = match first.entry(format!("{:?}", target.value)) {
            Entry::Vacant(free) => {
                free.insert(view);
                continue;
            }
            Entry::Occupied(taken) => *taken.get(),
        };
        let (one, two) = (&before.policy.name.value, &view.policy.name.value);
        let message =
            format!("`{one}` and `{two}` scale the same target, each undoing what the other decides");
        let other = before.policy.target.as_ref().map_or(before.policy.span, |t| t.span);
        sink.raise(message, |finding| {
            finding
                .at(view.declared, target.span, format!("the target of `{two}`"))
                .at(before.declared, other, format!("the target of `{one}`"))
                .help("put their rules into one policy (the largest count wins), or set one to `mode = \"observe\"`")
        });
    }
}

/// A bound of a clamp.
#[derive(Clone, Copy)]
enum Bound {
    Number(f64),
    /// `ctx.min`
    Min,
    /// `ctx.max`
    Max,
}

impl Bound {
    /// Whether it is sure to be above another. `ctx.min` may be as high as `ctx.max`, and often is
    /// not.
    fn is_above(self, other: Bound) -> bool {
        match (self, other) {
            (Bound::Number(a), Bound::Number(b)) => a > b,
            (Bound::Max, Bound::Min) => true,
            _ => false,
        }
    }

    fn shown(self) -> String {
        match self {
            Bound::Number(x) => figure(x),
            Bound::Min => "ctx.min".into(),
            Bound::Max => "ctx.max".into(),
        }
    }
}

/// Bounds of a clamp the wrong way round.
pub(super) fn reversed_clamp(view: &PolicyView<'_>, sink: &mut Sink<'_>) {
    let mut seen = Vec::new();
    for (_, function) in &view.parsed.functions.functions {
        function.each(&mut |e| {
            let Kind::Apply(apply, all) = &e.kind else { return };
            let number = |e: &Expr| match (&e.kind, read(e)) {
                (Kind::Number(x), _) => Some(Bound::Number(*x)),
                (_, Some(Read::Context(name))) if name == "min" => Some(Bound::Min),
                (_, Some(Read::Context(name))) if name == "max" => Some(Bound::Max),
                _ => None,
            };
            let inner = |of: Apply| {
                all.iter().find_map(|e| match &e.kind {
                    Kind::Apply(apply, all) if *apply == of => all.iter().find_map(number),
                    _ => None,
                })
            };
            let own = all.iter().find_map(number);
            let (least, most) = match apply {
                Apply::Clamp => (all.get(1).and_then(number), all.get(2).and_then(number)),
                Apply::Max => (own, inner(Apply::Min)),
                Apply::Min => (inner(Apply::Max), own),
                _ => return,
            };
            let (Some(least), Some(most)) = (least, most) else { return };
            if !least.is_above(most) || e.at.source != view.source.name || seen.contains(&e.at.span) {
                return;
            }
            seen.push(e.at.span);
            let (least, most) = (least.shown(), most.shown());
            let then = match apply {
                Apply::Clamp => "the call fails".to_string(),
                Apply::Max => format!("the result is always {least}"),
                _ => format!("the result is always {most}"),
            };
            sink.raise(
                format!("at least {least} and at most {most} are the wrong way round: {then}"),
                |finding| also(finding, &e.at, "").help(format!("exchange {least} and {most}")),
            );
        });
    }
}
