//! What policy code can and cannot do, load by load and tick by tick.

mod fence;
mod loading;
mod scripts;
mod ticks;

use super::*;
use crate::model::raw::{RawTable, RawValue};
use crate::model::{
    Action, Conditions, Context, Event, EventKind, Finding, FnRef, Form, Hook, Metric, MetricSource, Missing,
    Mode, PerDirection, Policy, Projected, Proposed, RateLimit, Replicas, Rule, Select, Time, Verdict,
};
use crate::text::{LineIndex, Span, Spanned};
use std::collections::BTreeMap;
use std::time::Instant;

/// Modules by name.
struct Shelf(BTreeMap<&'static str, &'static str>);

impl Modules for Shelf {
    fn find(&self, name: &str) -> Result<Source, String> {
        match self.0.get(name) {
            Some(text) => Ok(Source::new(format!("{}.lua", name.replace('.', "/")), *text)),
            None => Err(format!("there is no module \"{name}\"")),
        }
    }
}

fn clock() -> Clock {
    #[allow(clippy::disallowed_methods, reason = "a test is its own edge")]
    let start = Instant::now();
    Arc::new(move || u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX))
}

fn loaded(text: &str) -> Loaded {
    match load(&Source::new("p.lua", text), &NoModules, &Limits::default(), clock()) {
        Ok(loaded) => loaded,
        Err(findings) => panic!("{findings:#?}"),
    }
}

fn refused(text: &str) -> Finding {
    refused_with(text, &NoModules)
}

fn refused_with(text: &str, modules: &dyn Modules) -> Finding {
    match load(&Source::new("p.lua", text), modules, &Limits::default(), clock()) {
        Ok(_) => panic!("loaded: {text}"),
        Err(mut findings) => findings.remove(0),
    }
}

/// Line of a finding's first label.
fn line(finding: &Finding, text: &str) -> u32 {
    LineIndex::new(text).line(finding.labels[0].span.start)
}

fn functions<'a>(table: &'a RawTable, list: &str) -> Vec<(&'a RawTable, FnRef)> {
    let Some(RawValue::Table(list)) = table.get(list) else { return Vec::new() };
    let rules = list.list.iter().filter_map(|rule| match rule {
        RawValue::Table(rule) => Some(rule),
        _ => None,
    });
    rules.filter_map(|rule| Some((rule, function(rule, "when")?))).collect()
}

fn function(table: &RawTable, key: &str) -> Option<FnRef> {
    match table.get(key)? {
        RawValue::Function(at, _) => Some(*at),
        _ => None,
    }
}

/// A policy with the functions of a loaded one and nothing else; `build` checks and fills real ones.
pub(super) fn policy(loaded: &Loaded, metrics: &[&str]) -> Policy {
    let empty = RawTable::default();
    let table = loaded.raw.policies.first().map_or(&empty, |p| &p.table);
    let rules = |list: &str| -> Vec<Rule> {
        functions(table, list)
            .into_iter()
            .enumerate()
            .map(|(i, (rule, when))| Rule {
                name: match rule.get("name") {
                    Some(RawValue::String(name)) => name.clone(),
                    _ => format!("{list}[{}]", i + 1),
                },
                span: Span::default(),
                when,
                when_span: Span::default(),
                sustained_for: Default::default(),
                action: function(rule, "by").map_or(Action::Add(1), Action::By),
                cooldown: None,
            })
            .collect()
    };
    let mut on = Vec::new();
    if let Some(RawValue::Table(hooks)) = table.get("on") {
        for event in EventKind::ALL {
            if let Some(function) = function(hooks, event.name()) {
                on.push(Hook { event, function, span: Span::default() });
            }
        }
    }
    let metric = |name: &&str| Metric {
        name: Spanned::nowhere(name.to_string()),
        source: MetricSource::Samples,
        unit: None,
        per: None,
        saturation: None,
        capacity: None,
        models: None,
        missing: Missing::Hold,
        replica_label: None,
        resource: None,
        cpu_initialization_period: Default::default(),
        initial_readiness_delay: Default::default(),
    };
    let rate = || RateLimit { select: Select::Max, limits: Vec::new() };
    Policy {
        name: Spanned::nowhere(loaded.raw.policies.first().map_or("script".into(), |p| p.name.clone())),
        source: "p.lua".into(),
        span: Span::default(),
        form: match (loaded.script, function(table, "decide")) {
            (true, _) => Form::Script,
            (false, Some(at)) => Form::Decide(at),
            (false, None) => Form::Rules,
        },
        target: None,
        replicas: Replicas { min: Spanned::nowhere(1), max: Spanned::nowhere(10) },
        mode: Mode::Scale,
        interval: Default::default(),
        startup: Default::default(),
        metrics: metrics.iter().map(metric).collect(),
        track: Vec::new(),
        scale_out: rules("scale_out"),
        scale_in: rules("scale_in"),
        stabilization_window: PerDirection::default(),
        cooldown: PerDirection::default(),
        rate_limit: PerDirection { scale_out: rate(), scale_in: rate() },
        tolerance: PerDirection::default(),
        anti_flap: true,
        activation: function(table, "activation")
            .map(|at| crate::model::Activation::When(at, Span::default())),
        fallback: None,
        schedule: Vec::new(),
        predict: None,
        regions: None,
        on,
        cost: None,
    }
}

fn context(now: i64) -> Context<'static> {
    Context { now: Time(now), current: 3, ready: 2, min: 1, max: 10, region: None }
}

/// All verdicts of the rules in `text`, at the metrics' values.
fn verdicts(text: &str, metrics: &[(&str, f64)]) -> Vec<Verdict> {
    let loaded = loaded(text);
    let names: Vec<&str> = metrics.iter().map(|(name, _)| *name).collect();
    let values: Vec<f64> = metrics.iter().map(|(_, value)| *value).collect();
    let conditions = loaded.bind(&policy(&loaded, &names));
    let mut out = Vec::new();
    conditions.when(Projected::All, &values, &context(1_000), &mut out);
    out
}

/// The verdict of one condition, written as the body of `function(m, ctx)`.
fn condition(body: &str, metrics: &[(&str, f64)]) -> Verdict {
    let text = format!(
        "policy \"p\" {{ scale_out = {{ {{ name = \"r\", when = function(m, ctx)\n{body}\nend, add = 1 }} }} }}"
    );
    verdicts(&text, metrics).remove(0)
}

fn message(verdict: &Verdict) -> &str {
    verdict.fault.as_ref().map_or("", |fault| &fault.message)
}

const METRICS: &[(&str, f64)] = &[("cpu", 0.9), ("p95", f64::NAN), ("rps", 120.0)];
