//! Policies and conditions made by hand, with the language's defaults: for tests, benches and
//! whoever decides without a policy file.
//!
//! May import: siblings.

use super::input::{Conditions, Context, Projected, Proposed, Verdict};
use super::policy::{
    Action, Amount, FnRef, Form, Limit, Metric, MetricSource, Missing, Mode, Per, PerDirection, Policy,
    RateLimit, Replicas, Rule, Select,
};
use super::time::Duration;
use crate::text::{Span, Spanned};
use std::cell::Cell;

impl Policy {
    /// A policy with these bounds that does nothing yet; every other field has the language's
    /// default.
    pub fn bare(name: &str, min: u32, max: u32) -> Policy {
        Policy {
            name: Spanned::nowhere(name.into()),
            source: "".into(),
            span: Span::default(),
            form: Form::Rules,
            target: None,
            replicas: Replicas { min: Spanned::nowhere(min), max: Spanned::nowhere(max) },
            mode: Mode::Scale,
            interval: Duration::from_secs(15),
            startup: Duration::ZERO,
            metrics: Vec::new(),
            track: Vec::new(),
            scale_out: Vec::new(),
            scale_in: Vec::new(),
            stabilization_window: PerDirection {
                scale_out: Duration::ZERO,
                scale_in: Duration::from_secs(300),
            },
            cooldown: PerDirection::default(),
            rate_limit: RateLimit::kubernetes(),
            tolerance: PerDirection { scale_out: 0.1, scale_in: 0.1 },
            anti_flap: true,
            activation: None,
            fallback: None,
            schedule: Vec::new(),
            predict: None,
            regions: None,
            on: Vec::new(),
            cost: None,
        }
    }

    /// The policy with its stabilization windows and rate limits lifted.
    pub fn unlimited(mut self) -> Policy {
        let none = || RateLimit { select: Select::Max, limits: Vec::new() };
        self.stabilization_window = PerDirection::default();
        self.rate_limit = PerDirection { scale_out: none(), scale_in: none() };
        self
    }
}

impl RateLimit {
    /// The defaults of Kubernetes: +4 or 100 % a 15 s out, whichever is more; 100 % a 15 s in.
    pub fn kubernetes() -> PerDirection<RateLimit> {
        let per = Duration::from_secs(15);
        let all = Limit { amount: Amount::Percent(100.0), per };
        let four = Limit { amount: Amount::Replicas(4), per };
        PerDirection {
            scale_out: RateLimit { select: Select::Max, limits: vec![four, all] },
            scale_in: RateLimit { select: Select::Max, limits: vec![all] },
        }
    }
}

impl Metric {
    /// A metric read from samples by its name, with the language's defaults.
    pub fn bare(name: &str, per: Option<Per>) -> Metric {
        Metric {
            name: Spanned::nowhere(name.into()),
            source: MetricSource::Samples,
            unit: None,
            per,
            saturation: None,
            capacity: None,
            models: None,
            missing: Missing::Hold,
            replica_label: None,
            resource: None,
            cpu_initialization_period: Duration::from_secs(300),
            initial_readiness_delay: Duration::from_secs(30),
        }
    }
}

impl Rule {
    /// A rule that fires as soon as it is true.
    pub fn bare(name: &str, action: Action) -> Rule {
        Rule {
            name: name.into(),
            span: Span::default(),
            when: FnRef(0),
            when_span: Span::default(),
            sustained_for: Duration::ZERO,
            action,
            cooldown: None,
        }
    }
}

/// The metrics as a closure sees them; it keeps the first that has no value and was read.
#[derive(Debug)]
pub struct Values<'a> {
    values: &'a [f64],
    missing: Cell<Option<usize>>,
}

impl<'a> Values<'a> {
    fn new(values: &'a [f64]) -> Values<'a> {
        Values { values, missing: Cell::new(None) }
    }

    /// Reads a metric by its index; NaN where it has no value.
    pub fn get(&self, metric: usize) -> f64 {
        let value = self.values.get(metric).copied().unwrap_or(f64::NAN);
        if value.is_nan() && self.missing.get().is_none() {
            self.missing.set(Some(metric));
        }
        value
    }

    /// Whether a metric has a value; asking is not reading.
    pub fn has(&self, metric: usize) -> bool {
        self.values.get(metric).is_some_and(|v| !v.is_nan())
    }
}

/// A condition as a closure.
pub type When<'a> = Box<dyn Fn(&Values<'_>) -> bool + 'a>;
/// A `by`, `decide` or script as a closure.
pub type Want<'a> = Box<dyn Fn(&Values<'_>, &Context<'_>) -> Option<Action> + 'a>;

/// Conditions as closures. One that is not there is unknown.
#[derive(Default)]
pub struct Closures<'a> {
    /// One a rule: those of `scale_out`, then those of `scale_in`.
    pub when: Vec<When<'a>>,
    /// How many of them belong to `scale_out`.
    pub scale_out: usize,
    /// The activation function.
    pub activation: Option<When<'a>>,
    /// `decide` or the script, and every rule's `by`.
    pub propose: Option<Want<'a>>,
}

fn verdict(when: &When<'_>, values: &[f64]) -> Verdict {
    let values = Values::new(values);
    let holds = when(&values);
    let missing = values.missing.get();
    Verdict { holds: missing.is_none().then_some(holds), missing, fault: None }
}

impl Conditions for Closures<'_> {
    fn when(&self, which: Projected, values: &[f64], _: &Context<'_>, verdicts: &mut Vec<Verdict>) {
        let count = if which == Projected::All { self.when.len() } else { self.scale_out };
        verdicts.extend(self.when.iter().take(count).map(|when| verdict(when, values)));
    }

    fn activation(&self, values: &[f64], _: &Context<'_>) -> Verdict {
        self.activation.as_ref().map_or_else(Verdict::default, |when| verdict(when, values))
    }

    fn by(&self, _: usize, values: &[f64], context: &Context<'_>) -> Proposed {
        self.propose(values, context)
    }

    fn propose(&self, values: &[f64], context: &Context<'_>) -> Proposed {
        let Some(propose) = &self.propose else {
            return Proposed { unknown: true, ..Proposed::default() };
        };
        let values = Values::new(values);
        let want = propose(&values, context);
        let missing = values.missing.get();
        Proposed { want, unknown: missing.is_some(), missing, fault: None }
    }
}
