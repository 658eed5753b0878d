//! The parts of a policy after `build`: every name resolved, every default filled in.
//!
//! May import: `text`. Field meanings, units and defaults are those of docs/language.md.

pub use super::metric::*;

use super::time::Duration;
use crate::text::{Span, Spanned};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A policy, ready to be decided with. Metrics are referred to by their index in `metrics`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Policy {
    /// The name given to `policy "…"`, or the file's stem for a script.
    pub name: Spanned<String>,
    /// Name of the source that declares it.
    pub source: Arc<str>,
    /// The whole declaration.
    pub span: Span,
    /// How it decides.
    pub form: Form,
    /// What is scaled; a dry-run does not need one.
    pub target: Option<Spanned<Target>>,
    /// The base bounds.
    pub replicas: Replicas,
    /// Whether decisions are to be carried out.
    pub mode: Mode,
    /// How often it is evaluated; at least 1 s.
    pub interval: Duration,
    /// From "wanted" to "takes load".
    pub startup: Duration,
    /// Sorted by name.
    pub metrics: Vec<Metric>,
    /// Target tracking, sorted by metric name.
    pub track: Vec<Track>,
    /// Rules that add, in the order written.
    pub scale_out: Vec<Rule>,
    /// Rules that remove, in the order written.
    pub scale_in: Vec<Rule>,
    /// Defaults: 0 s out, 5 min in.
    pub stabilization_window: PerDirection<Duration>,
    /// `None` where left out; see section 4.5 of the language for what then holds.
    pub cooldown: PerDirection<Option<Duration>>,
    /// Defaults: +4 or 100 % a 15 s out, 100 % a 15 s in, the larger of them.
    pub rate_limit: PerDirection<RateLimit>,
    /// Relative tolerance of `track`, both ends inside. Default 0.1.
    pub tolerance: PerDirection<f64>,
    /// Whether scale-in is projected onto the scale-out rules first. Default true.
    pub anti_flap: bool,
    /// What wakes it from zero.
    pub activation: Option<Activation>,
    /// What holds when metrics are lost for long.
    pub fallback: Option<Fallback>,
    /// Windows that replace the base bounds.
    pub schedule: Vec<Schedule>,
    /// Forecasting.
    pub predict: Option<Predict>,
    /// Several regions under one ceiling.
    pub regions: Option<Regions>,
    /// Functions that run after a decision, in the order of their event's name.
    pub on: Vec<Hook>,
    /// Price of a replica.
    pub cost: Option<Cost>,
}

/// A function of the policy, by its number in the VM that loaded it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct FnRef(pub u32);

/// How a policy decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Form {
    /// `track`, `scale_out`, `scale_in`, `predict`.
    Rules,
    /// `decide = function(m, ctx)`.
    Decide(FnRef),
    /// A file that never calls `policy`, run anew at each tick.
    Script,
}

/// What is scaled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// `kubernetes.deployment`, `kubernetes.statefulset`, `kubernetes.scale`, `http`, …
    pub kind: String,
    /// Its arguments, sorted by name.
    pub arguments: Vec<(String, String)>,
}

/// Bounds of the number of replicas, both inside; `min <= max`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replicas {
    /// Default 1; 0 allows scale to zero.
    pub min: Spanned<u32>,
    /// Required, at least 1.
    pub max: Spanned<u32>,
}

/// Whether decisions are carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Decide and scale.
    Scale,
    /// Decide and say; change nothing.
    Observe,
}

/// A value for each direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct PerDirection<T> {
    /// For growing.
    pub scale_out: T,
    /// For shrinking.
    pub scale_in: T,
}

/// Target tracking of one metric.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Track {
    /// Index of the metric; its `per` is set.
    pub metric: usize,
    /// Value to hold, in the metric's unit; positive.
    pub target: f64,
    /// Where it is declared.
    pub span: Span,
}

/// A threshold rule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rule {
    /// As declared, or `scale_out[1]`.
    pub name: String,
    /// The whole entry.
    pub span: Span,
    /// The condition.
    pub when: FnRef,
    /// Where the condition is written.
    pub when_span: Span,
    /// How long the condition must hold.
    pub sustained_for: Duration,
    /// What it does.
    pub action: Action,
    /// The rule's own cooldown.
    pub cooldown: Option<Duration>,
}

/// What a rule does when it fires.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum Action {
    /// Replicas more.
    Add(u32),
    /// Percent of the current count more (in `scale_out`) or fewer (in `scale_in`).
    Percent(f64),
    /// This many replicas.
    To(u32),
    /// Replicas fewer.
    Remove(u32),
    /// The count that a function returns.
    By(FnRef),
}

/// Limits on how fast the count changes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RateLimit {
    /// Which limit counts.
    pub select: Select,
    /// At least one unless disabled.
    pub limits: Vec<Limit>,
}

/// Which of several limits counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Select {
    /// The one that allows the largest change.
    Max,
    /// The one that allows the smallest change.
    Min,
    /// No change in this direction at all.
    Disabled,
}

/// One limit.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Limit {
    /// How much.
    pub amount: Amount,
    /// In how long; positive, at most 30 min.
    pub per: Duration,
}

/// A number of replicas, absolute or relative to the start of the period.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum Amount {
    /// Replicas.
    Replicas(u32),
    /// Percent, 0 or more.
    Percent(f64),
}

/// What wakes a policy from zero and keeps it awake.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Activation {
    /// A function of the metrics.
    When(FnRef, Span),
    /// Any of these metrics strictly above its value.
    Above(Vec<(usize, f64)>),
}

/// A floor while metrics are lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fallback {
    /// For how long they must be lost.
    pub after: Duration,
    /// At least this many replicas then.
    pub replicas: u32,
}

/// A window that replaces bounds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Schedule {
    /// As declared, or `schedule[1]`.
    pub name: String,
    /// The whole entry.
    pub span: Span,
    /// Five-field cron expression of its openings, checked.
    pub cron: String,
    /// IANA name of the time zone, checked; `UTC` by default.
    pub timezone: String,
    /// Elapsed time that it stays open; positive.
    pub duration: Duration,
    /// Replaces the base minimum.
    pub min: Option<u32>,
    /// Replaces the base maximum.
    pub max: Option<u32>,
}

/// Forecasting; validated here, simulated elsewhere.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Predict {
    /// Index of the metric; its `per` is set.
    pub metric: usize,
    /// Units of the metric that one replica serves; positive.
    pub per_replica: f64,
    /// How far ahead; at least `startup + interval`.
    pub horizon: Duration,
    /// How much history is read.
    pub history: Duration,
    /// Name of the model, or `auto`.
    pub model: String,
    /// Whether it acts (`forecast_and_scale`) or only records (`forecast_only`).
    pub acts: bool,
    /// Where it is declared.
    pub span: Span,
}

/// Several regions; validated here, simulated elsewhere.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Regions {
    /// In the order written; at least one.
    pub regions: Vec<Region>,
    /// Ceiling of their sum.
    pub max_total: Option<u32>,
    /// Whether a region's demand moves to the others.
    pub failover: Option<FnRef>,
    /// Where they are declared.
    pub span: Span,
}

/// One region.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Region {
    /// Its name.
    pub name: String,
    /// Share of a lost region's demand; positive, default 1.
    pub weight: f64,
    /// Own minimum.
    pub min: Option<u32>,
    /// Own maximum.
    pub max: Option<u32>,
    /// Own target.
    pub target: Option<Target>,
    /// Own metrics, by name, instead of the policy's.
    pub metrics: Vec<Metric>,
}

/// A function that runs after a decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hook {
    /// When.
    pub event: super::decision::EventKind,
    /// What.
    pub function: FnRef,
    /// Where it is declared.
    pub span: Span,
}

/// Price of a replica.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cost {
    /// Per replica and hour; 0 or more.
    pub per_replica_hour: f64,
    /// ISO code, such as `USD`.
    pub currency: String,
}

impl Policy {
    /// Index of a metric by name.
    pub fn metric(&self, name: &str) -> Option<usize> {
        self.metrics.iter().position(|m| m.name.value == name)
    }
}
