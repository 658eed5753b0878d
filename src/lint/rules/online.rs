//! What servers say against a policy: its queries, its target, its secrets.
//!
//! May import: `model`, `lint`'s own modules.

use super::dynamics::bounds;
use crate::lint::intervals::figure;
use crate::lint::online::{OnlineView, QueryFact, TargetFact};
use crate::lint::{PolicyView, Sink};
use crate::model::finding::did_you_mean;
use crate::model::policy::MetricSource;
use crate::model::{Finding, Label, Metric, Missing, Mode, Target};
use crate::text::Span;

/// No sample is called stale that is younger than this, in seconds: scrape intervals of a minute
/// are common, and a sample may just have been missed.
const FRESH: f64 = 150.0;

/// Most names listed in a help.
const MOST_NAMED: usize = 5;

/// A query and the metric that it is of.
struct Asked<'a> {
    view: &'a PolicyView<'a>,
    metric: &'a Metric,
    fact: &'a QueryFact,
}

impl Asked<'_> {
    /// The metric, as a message calls it.
    fn called(&self) -> String {
        match &self.fact.region {
            Some(region) => format!("`{}` of region `{region}`", self.metric.name.value),
            None => format!("`{}`", self.metric.name.value),
        }
    }

    fn at(&self, finding: Finding, text: &str) -> Finding {
        let span = match &self.metric.source {
            MetricSource::Prometheus { query, .. } if !query.span.is_empty() => query.span,
            _ => self.metric.name.span,
        };
        labelled(finding, self.view, span, text)
    }
}

/// A label in the file that declares the policy, which for a script is luascale.yaml.
fn labelled(mut finding: Finding, view: &PolicyView<'_>, span: Span, text: &str) -> Finding {
    finding.labels.push(Label { source: view.declared.name.clone(), span, text: text.to_owned() });
    finding
}

/// The metrics that were asked for, with the answers.
fn asked<'a>(view: &'a OnlineView<'a>) -> impl Iterator<Item = Asked<'a>> {
    view.facts.queries.iter().filter_map(|fact| {
        let policy = view.policy(&fact.policy)?;
        let regions = policy.policy.regions.iter().flat_map(|r| &r.regions);
        let metrics = match &fact.region {
            None => &policy.policy.metrics,
            Some(name) => regions.into_iter().find(|r| r.name == *name).map(|r| &r.metrics)?,
        };
        let metric = metrics.iter().find(|m| m.name.value == fact.metric)?;
        Some(Asked { view: policy, metric, fact })
    })
}

/// A query that the server will not evaluate.
pub(super) fn refused(view: &OnlineView<'_>, sink: &mut Sink<'_>) {
    for asked in asked(view) {
        let Some(why) = &asked.fact.refused else { continue };
        sink.raise(format!("Prometheus refuses the query of {}: {why}", asked.called()), |f| {
            asked.at(f, "this query").help("it must be PromQL that this server evaluates, to one number")
        });
    }
}

/// A query that answers with nothing.
pub(super) fn empty(view: &OnlineView<'_>, sink: &mut Sink<'_>) {
    for asked in asked(view) {
        // With "zero", no series is a value: the policy says so.
        let silent = asked.fact.refused.is_none() && asked.fact.series.is_empty();
        if !silent || asked.metric.missing == Missing::Zero {
            continue;
        }
        let nothing: Vec<String> = asked
            .fact
            .inputs
            .iter()
            .filter(|input| input.age.is_none())
            .map(|input| format!("`{}`", input.selector))
            .collect();
        let help = match nothing.as_slice() {
            [] if asked.fact.inputs.is_empty() => {
                "see whether its series are there, and its label matchers and window fit them".to_owned()
            }
            [] => "each selector matches series, but what is done with them leaves none: labels that do not \
                   match between two sides, a window with fewer than two samples, a filter"
                .to_owned(),
            all => format!("nothing matches {}: see its name and its label matchers", all.join(", nor ")),
        };
        sink.raise(format!("the query of {} answers with no series now", asked.called()), |f| {
            asked.at(f, "answers with nothing").help(help)
        });
    }
}

/// A query that answers with more than the number that is needed.
pub(super) fn several(view: &OnlineView<'_>, sink: &mut Sink<'_>) {
    for asked in asked(view) {
        let count = asked.fact.series.len();
        if asked.metric.replica_label.is_some() || count < 2 {
            continue;
        }
        let first = asked.fact.series.first().map(|s| &s.labels);
        let differ = first
            .into_iter()
            .flatten()
            .filter(|(name, value)| asked.fact.series.iter().any(|s| s.labels.get(*name) != Some(*value)));
        let differ: Vec<String> = differ.take(MOST_NAMED).map(|(name, _)| format!("`{name}`")).collect();
        let by = if differ.is_empty() {
            String::new()
        } else {
            format!(", which differ in {}", differ.join(", "))
        };
        let message =
            format!("the query of {} answers with {count} series{by}; one number is needed", asked.called());
        sink.raise(message, |f| {
            asked.at(f, "answers with several series").help(
                "aggregate them (`sum(…)`, `avg(…)`, `max(…)`), or name the label that tells replicas apart: `replica_label = \"pod\"`",
            )
        });
    }
}

/// Series that lack the label which is to tell replicas apart.
pub(super) fn absent_replica_label(view: &OnlineView<'_>, sink: &mut Sink<'_>) {
    for asked in asked(view) {
        let Some(label) = &asked.metric.replica_label else { continue };
        let Some(series) = asked.fact.series.iter().find(|s| !s.labels.contains_key(label)) else { continue };
        let has: Vec<String> = series.labels.keys().take(MOST_NAMED).map(|l| format!("`{l}`")).collect();
        let help = match did_you_mean(label, series.labels.keys().map(String::as_str)) {
            Some(near) => format!("did you mean `{near}`?"),
            None if has.is_empty() => format!("keep it through aggregations: `sum by ({label}) (…)`"),
            None => format!("its labels are {}", has.join(", ")),
        };
        let message =
            format!("series of {} have no label `{label}`, which is to tell replicas apart", asked.called());
        sink.raise(message, |f| asked.at(f, "the series of this query").help(help));
    }
}

/// An answer that is no number.
pub(super) fn not_a_number(view: &OnlineView<'_>, sink: &mut Sink<'_>) {
    for asked in asked(view) {
        let Some(series) = asked.fact.series.iter().find(|s| !s.value.is_finite()) else { continue };
        let what = if series.value.is_nan() { "NaN" } else { "infinity" };
        sink.raise(format!("the query of {} answers with {what}, which counts as missing", asked.called()), |f| {
            asked.at(f, "no number now").help(
                "a division by 0 gives it, and so does a quantile of no observations; give the case without load a meaning, as in `… or vector(0)`",
            )
        });
    }
}

/// An answer from samples that are too old.
pub(super) fn stale(view: &OnlineView<'_>, sink: &mut Sink<'_>) {
    for asked in asked(view) {
        let interval = asked.view.policy.interval.0 as f64 / 1000.0;
        let most = FRESH.max(3.0 * interval);
        for input in &asked.fact.inputs {
            let Some(age) = input.age.filter(|age| *age > most) else { continue };
            let message =
                format!("{} is not fresh: the youngest sample is {} old", asked.called(), span_of(age));
            sink.raise(message, |f| {
                asked.at(f, "reads old samples").help(format!(
                    "nothing new came for `{}`; at an interval of {}, samples should be no older than {}",
                    input.selector,
                    span_of(interval),
                    span_of(most)
                ))
            });
        }
    }
}

/// Seconds, as people say them.
fn span_of(seconds: f64) -> String {
    match seconds {
        s if s < 120.0 => format!("{} s", figure(s.round())),
        s if s < 7200.0 => format!("{} min", figure((s / 60.0).round())),
        s => format!("{} h", figure((s / 3600.0).round())),
    }
}

/// A target that was looked for.
struct Looked<'a> {
    view: &'a PolicyView<'a>,
    target: &'a Target,
    fact: &'a TargetFact,
}

impl Looked<'_> {
    fn at(&self, finding: Finding, text: &str) -> Finding {
        let policy = self.view.policy;
        let own = policy.target.as_ref().filter(|_| self.fact.region.is_none()).map(|t| t.span);
        let span = own.or(policy.regions.as_ref().map(|r| r.span)).unwrap_or(policy.name.span);
        labelled(finding, self.view, span, text)
    }

    /// The target, as `kubectl` names it: `deployment shop/web`.
    fn called(&self) -> String {
        let argument = |name: &str| {
            self.target.arguments.iter().find(|(k, _)| k == name).map_or("", |(_, v)| v.as_str())
        };
        let kind = match self.target.kind.strip_prefix("kubernetes.") {
            Some("scale") => argument("kind"),
            Some(kind) => kind,
            None => self.target.kind.as_str(),
        };
        format!("{kind} {}/{}", argument("namespace"), argument("name"))
    }
}

fn looked<'a>(view: &'a OnlineView<'a>) -> impl Iterator<Item = Looked<'a>> {
    view.facts.targets.iter().filter_map(|fact| {
        let view = view.policy(&fact.policy)?;
        let target = crate::lint::online::targets(view.policy)
            .into_iter()
            .find(|(region, _)| *region == fact.region.as_deref())
            .map(|(_, target)| target)?;
        Some(Looked { view, target, fact })
    })
}

/// A target that is not there, or that cannot be scaled.
pub(super) fn absent_target(view: &OnlineView<'_>, sink: &mut Sink<'_>) {
    for looked in looked(view).filter(|l| l.fact.replicas.is_none()) {
        let called = looked.called();
        if let Some(why) = &looked.fact.unscalable {
            sink.raise(format!("the target {called} cannot be scaled: {why}"), |f| {
                looked.at(f, "this target").help("a target needs the subresource `scale`")
            });
            continue;
        }
        let name = called.rsplit('/').next().unwrap_or_default();
        let others = &looked.fact.others;
        let near = did_you_mean(name, others.iter().map(String::as_str));
        let help = match (near, others.as_slice()) {
            (Some(near), _) => format!("did you mean `{near}`?"),
            (None, []) => "the cluster has none of this kind in this namespace".to_owned(),
            (None, all) => {
                let named: Vec<String> = all.iter().take(MOST_NAMED).map(|n| format!("`{n}`")).collect();
                format!("this namespace has {}", named.join(", "))
            }
        };
        sink.raise(format!("the target {called} is not there"), |f| looked.at(f, "this target").help(help));
    }
}

/// A count that the first tick would jump from.
pub(super) fn outside_bounds(view: &OnlineView<'_>, sink: &mut Sink<'_>) {
    for looked in looked(view) {
        let (policy, Some(now)) = (looked.view.policy, looked.fact.replicas) else { continue };
        if policy.mode == Mode::Observe {
            continue;
        }
        let (mut min, mut max) = bounds(policy);
        let regions = policy.regions.iter().flat_map(|r| &r.regions);
        if let Some(region) = regions.into_iter().find(|r| Some(&r.name) == looked.fact.region.as_ref()) {
            (min, max) = (region.min.unwrap_or(min), region.max.unwrap_or(max));
        }
        // A target at 0 was paused by a person, and stays so.
        let (bound, jump) = match now {
            0 => continue,
            n if n < min => (policy.replicas.min.span, format!("jumps to min ({min}) at once")),
            n if n > max => {
                (policy.replicas.max.span, format!("goes down to max ({max}) at the scale_in rate limit"))
            }
            _ => continue,
        };
        let message = format!("{} has {now} replicas, outside {min} to {max}: it {jump}", looked.called());
        sink.raise(message, |f| {
            let f = labelled(f, looked.view, bound, "this bound");
            looked
                .at(f, "the target")
                .help("widen the bound, or scale the target by hand first, where the jump is not meant")
        });
    }
}

/// A target that something else scales too.
pub(super) fn second_scaler(view: &OnlineView<'_>, sink: &mut Sink<'_>) {
    for looked in looked(view).filter(|l| l.view.policy.mode == Mode::Scale) {
        for scaler in &looked.fact.scalers {
            let bounds =
                if scaler.bounds.is_empty() { String::new() } else { format!(" ({})", scaler.bounds) };
            let message = format!(
                "the {} `{}`{bounds} scales {} too: each undoes what the other decides",
                scaler.kind,
                scaler.name,
                looked.called()
            );
            sink.raise(message, |f| {
                looked.at(f, "the target of both").help(
                    "delete one of the two; until then `mode = \"observe\"` says what the policy would do, and changes nothing",
                )
            });
        }
    }
}

/// A secret whose variable has no value.
pub(super) fn absent_secret(view: &OnlineView<'_>, sink: &mut Sink<'_>) {
    for secret in view.secrets.iter().filter(|s| view.facts.unset.iter().any(|env| env == s.env)) {
        let message = format!(
            "the secret `{}` has no value: the environment variable {} is not set",
            secret.name.value, secret.env
        );
        sink.raise(message, |f| {
            f.at(secret.source, secret.name.span, "declared here")
                .help("set it where the engine runs; what needs the secret fails until then")
        });
    }
}
