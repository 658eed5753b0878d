//! What a tick decides, and the compact trace from which its reasons are told.
//!
//! May import: siblings.

use super::input::Fault;
use super::time::{Duration, Time};
use serde::{Deserialize, Serialize};

/// Bounds in force at a tick.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Bound {
    /// Least replicas.
    pub min: u32,
    /// Most replicas.
    pub max: u32,
}

/// The outcome of a tick.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Decision {
    /// Bounds in force.
    pub bounds: Bound,
    /// The raw proposal: after cooldowns, before stabilization window, rate limit and bounds.
    pub proposed: u32,
    /// The number of replicas wanted.
    pub to: u32,
    /// How it came to that, in order.
    pub steps: Vec<Step>,
    /// What happened that hooks may want to know.
    pub events: Vec<Event>,
    /// Functions that failed.
    pub faults: Vec<Fault>,
    /// How long scaling in has been held for want of a metric.
    pub held: Option<Duration>,
    /// A metric with `missing = "fail"` had no value.
    pub failed: bool,
}

/// One step of the decision: what came in, what went out, and why, in numbers.
///
/// `decide::reason::words` turns it into a sentence.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// Replicas before the step.
    pub input: u32,
    /// Replicas after it.
    pub output: u32,
    /// What happened.
    pub why: Why,
}

/// What a step did. Indices refer to the policy: metrics, rules (scale_out, then scale_in),
/// schedules. Fields ending in `_ms` are milliseconds, the others replicas or metric values.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the fields say what they are; the variants are documented")]
pub enum Why {
    /// A schedule's window is open and its bounds hold.
    ScheduleOpen { schedule: u16, min: Option<u32>, max: Option<u32> },
    /// Open schedules ask for a min above the max; max wins.
    MinAboveMax { min: u32, max: u32 },
    /// A person set 0 replicas; nothing is done.
    Paused,
    /// Below min: up to it at once.
    BelowMin { min: u32 },
    /// Above max: down to it, as fast as the scale_in rate limit allows.
    AboveMax { max: u32, limit: Option<u32> },
    /// A metric with `missing = "fail"` has no value; nothing but bounds acts.
    MetricFailed { metric: u16 },
    /// A metric has no value.
    MetricMissing { metric: u16, for_ms: i64 },
    /// A metric's samples, one a replica, grouped as Kubernetes HPA does.
    Grouped { metric: u16, counted: u32, unready: u32, missing: u32, ignored: u32 },
    /// A counted replica has no request, so that the metric has no value.
    NoRequest { metric: u16 },
    /// A metric's last value stands in.
    MetricLast { metric: u16, age_ms: i64 },
    /// A metric without a value counts as 0.
    MetricZero { metric: u16 },
    /// Activation is true: awake.
    Woken { metric: Option<u16>, value: f64, above: f64 },
    /// At zero, and activation is false.
    Asleep,
    /// At zero, activation cannot be told.
    ActivationUnknown { metric: Option<u16> },
    /// Activation keeps it above zero.
    KeptAwake { unknown: bool },
    /// A rule's condition is false.
    RuleFalse { rule: u16 },
    /// A rule's condition is true, but not yet for long enough.
    RuleWaiting { rule: u16, for_ms: i64, needs_ms: i64 },
    /// It held for long enough, but only one sample says so.
    RuleOneSample { rule: u16 },
    /// A rule's condition is unknown.
    RuleUnknown { rule: u16, metric: Option<u16> },
    /// A rule failed.
    RuleFailed { rule: u16 },
    /// A rule fires, but its function wants no change.
    RuleNothing { rule: u16 },
    /// A rule fires.
    RuleFires { rule: u16, for_ms: i64 },
    /// `track` computes a count; `ready` is the number of replicas that it multiplies (0 for a
    /// total).
    Track { metric: u16, ready: u32, value: f64, target: f64 },
    /// `track` is within its tolerance and proposes the current count.
    TrackTolerance { metric: u16, value: f64, ratio: f64 },
    /// `track` cannot compute: no value, or no replica is ready.
    TrackUnknown { metric: u16, none_ready: bool },
    /// `track` would say less though the value is above target, or more though it is below;
    /// the current count is kept.
    TrackGuard { metric: u16, value: f64, target: f64 },
    /// With replicas that are missing or not ready filled in, `track` no longer points the same
    /// way; the current count is kept.
    TrackRefilled { metric: u16, value: f64, refilled: f64 },
    /// At 0 replicas a per-replica metric has no value and cannot wake.
    TrackAtZero { metric: u16 },
    /// `decide` or the script gave a count.
    Proposed,
    /// `decide` or the script wants no change.
    ProposedNothing,
    /// `decide` or the script is unknown.
    ProposedUnknown { metric: Option<u16> },
    /// `decide` or the script failed.
    ProposedFailed,
    /// The largest proposal wins.
    Largest,
    /// A scale_in rule is held off, since track proposes the current count or more.
    TrackHoldsIn { metric: u16 },
    /// Of several ways in, the mildest counts.
    Mildest,
    /// A proposal is below the floor that track sets.
    Floor { metric: u16 },
    /// Scaling in is held while something is unknown.
    Held { metric: Option<u16>, for_ms: i64 },
    /// The step in was made smaller (or nothing), since a scale_out rule would fire at once.
    AntiFlap { rule: u16, at: u32 },
    /// The scale_out cooldown: `add` counts from its base. No rule: the script's `scale_out`.
    CooldownOut { rule: Option<u16>, base: u32, left_ms: i64 },
    /// The scale_in cooldown bars the step.
    CooldownIn { left_ms: i64 },
    /// A rule's own cooldown bars it.
    CooldownRule { rule: u16, left_ms: i64 },
    /// Metrics are lost for long; fallback raises.
    Fallback { for_ms: i64, replicas: u32 },
    /// The stabilization window for growing: the least of the raw proposals in it.
    WindowOut { window_ms: i64 },
    /// The stabilization window for shrinking: the most of the raw proposals in it.
    WindowIn { window_ms: i64 },
    /// The rate limit for growing; `start` is the count at the start of the period.
    RateOut { limit: u32, start: u32, per_ms: i64 },
    /// The rate limit for shrinking.
    RateIn { limit: u32, start: u32, per_ms: i64 },
    /// Growing or shrinking is disabled.
    Disabled { out: bool },
    /// Cut at max.
    AtMax { max: u32 },
    /// Raised to min.
    AtMin { min: u32 },
    /// Nothing asked for a change.
    NoChange,
}

/// What hooks can be attached to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    /// The raw proposal first passes max.
    AtMax,
    /// The raw proposal first falls under min.
    AtMin,
    /// A metric that the policy reads has no value, once an episode.
    MetricsLost,
    /// Fewer replicas.
    ScaleIn,
    /// More replicas.
    ScaleOut,
}

impl EventKind {
    /// All of them, sorted by name.
    pub const ALL: [EventKind; 5] =
        [EventKind::AtMax, EventKind::AtMin, EventKind::MetricsLost, EventKind::ScaleIn, EventKind::ScaleOut];

    /// The key in `on`.
    pub fn name(self) -> &'static str {
        match self {
            EventKind::AtMax => "at_max",
            EventKind::AtMin => "at_min",
            EventKind::MetricsLost => "metrics_lost",
            EventKind::ScaleIn => "scale_in",
            EventKind::ScaleOut => "scale_out",
        }
    }
}

/// Something that happened at a tick.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// What.
    pub kind: EventKind,
    /// When.
    pub time: Time,
    /// Replicas before.
    pub from: u32,
    /// Replicas after.
    pub to: u32,
    /// The step that decided it, by its position in the decision's steps.
    pub step: Option<u16>,
    /// Index of the metric concerned (`metrics_lost`).
    pub metric: Option<u16>,
}
