//! What a tick knows: its input, the state it goes on from, and who answers conditions.
//!
//! May import: siblings.

use super::decision::Event;
use super::effect::Effect;
use super::policy::{Action, Schedule};
use super::time::Time;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// What is known at a tick.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Input {
    /// The instant of the tick.
    pub now: Time,
    /// Replicas that the target has.
    pub current: u32,
    /// Replicas that take load; at most `current` unless some are ending.
    pub ready: u32,
    /// One reading a metric, in the order of the policy's metrics.
    pub metrics: Vec<Reading>,
    /// Names of the target's replicas, where they are known: samples of others are left out,
    /// and a name without a sample counts as missing. `None`: every sample's replica is one.
    pub known: Option<Vec<String>>,
    /// The region, where there are several.
    pub region: Option<String>,
}

/// What a metric said.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub enum Reading {
    /// Nothing, NaN or infinity.
    #[default]
    Missing,
    /// One finite number.
    Value {
        /// The number, in the metric's unit.
        value: f64,
        /// When it was sampled.
        at: Time,
    },
    /// One sample a replica.
    Replicas {
        /// In the order recorded.
        samples: Vec<ReplicaSample>,
        /// When they were read.
        at: Time,
    },
}

/// A metric's sample of one replica, with what Kubernetes knows of the replica.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ReplicaSample {
    /// Name of the replica.
    pub id: String,
    /// Value; absent where the replica has no sample.
    pub value: Option<f64>,
    /// Requested amount of the resource, in the same unit as `value`.
    pub request: Option<f64>,
    /// Phase of its life.
    pub phase: Phase,
    /// When it started.
    pub started: Option<Time>,
    /// Whether it is ready; absent where it has no such condition.
    pub ready: Option<bool>,
    /// When `ready` last changed.
    pub ready_changed: Option<Time>,
    /// When the value was sampled.
    pub sampled: Option<Time>,
    /// Length of the window that the value covers, in milliseconds.
    pub window: Option<super::time::Duration>,
    /// Whether it is being deleted.
    pub deleting: bool,
}

/// Phase of a replica.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// Not yet running.
    Pending,
    /// Running.
    #[default]
    Running,
    /// Ended well.
    Succeeded,
    /// Ended badly.
    Failed,
    /// Cannot be told.
    Unknown,
}

/// What a function of the policy is told besides the metrics.
#[derive(Debug, Clone, PartialEq)]
pub struct Context<'a> {
    /// The instant of the tick.
    pub now: Time,
    /// Replicas now.
    pub current: u32,
    /// Replicas that take load.
    pub ready: u32,
    /// Bounds in force.
    pub min: u32,
    /// Bounds in force.
    pub max: u32,
    /// The region, where there are several.
    pub region: Option<&'a str>,
}

/// Answer of a condition.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Verdict {
    /// True, false, or `None`: unknown, since it read a metric that has no value, or failed.
    pub holds: Option<bool>,
    /// Index of the first metric without a value that was read.
    pub missing: Option<usize>,
    /// Why it failed, where it did.
    pub fault: Option<Box<Fault>>,
}

/// A failure of policy code at a tick.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// Which function: a rule's name, `activation`, `decide`, `on.scale_out`, `script`.
    pub function: String,
    /// What went wrong, without a place.
    pub message: String,
    /// Name of the source.
    pub source: Arc<str>,
    /// Line in it, from 1; 0 where it is not known.
    pub line: u32,
    /// Whether the policy's run ends with it: a deadline or the memory limit, not a mere error.
    pub fatal: bool,
}

/// What `decide`, a script or a rule's `by` wants.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Proposed {
    /// What is wanted; `None`: no change.
    pub want: Option<Action>,
    /// Whether it is unknown: it read a metric that has no value, or failed.
    pub unknown: bool,
    /// Index of the first metric without a value that was read.
    pub missing: Option<usize>,
    /// Why it failed, where it did.
    pub fault: Option<Box<Fault>>,
}

/// What a hook did.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct HookReport {
    /// What it asked for, in order.
    pub effects: Vec<Effect>,
    /// Why it failed, where it did.
    pub fault: Option<Box<Fault>>,
}

/// Which conditions are asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Projected {
    /// All `when`s, on what was measured.
    All,
    /// The `when`s of scale_out alone, on metrics projected onto a smaller count.
    ScaleOut,
}

/// Who answers a policy's functions: the VM, or closures in a test.
///
/// `values` has one number a metric, in the order of the policy's metrics; NaN is a metric
/// without a value. Implementations answer alike for alike arguments.
pub trait Conditions {
    /// Fills `verdicts` with one answer a rule: those of `scale_out`, then (for
    /// [`Projected::All`]) those of `scale_in`, in their order.
    fn when(&self, which: Projected, values: &[f64], context: &Context<'_>, verdicts: &mut Vec<Verdict>);

    /// The activation function, where the policy has one.
    fn activation(&self, values: &[f64], context: &Context<'_>) -> Verdict;

    /// A rule's `by` function, by the rule's position in the order of [`Conditions::when`].
    fn by(&self, rule: usize, values: &[f64], context: &Context<'_>) -> Proposed;

    /// The `decide` function, or one run of the script.
    fn propose(&self, values: &[f64], context: &Context<'_>) -> Proposed;

    /// The metrics that a rule's `when` reads at these values, by the rule's position in the
    /// order of [`Conditions::when`]: only their samples tell whether two of them agree. A
    /// metric without a value, which gives no sample, may be left out. `None` where it is not
    /// known; then any metric's do.
    fn reads(&self, rule: usize, values: &[f64], context: &Context<'_>) -> Option<Vec<usize>> {
        let _ = (rule, values, context);
        None
    }

    /// Whether the policy's code may read a metric: false only where its text never says the name.
    fn mentions(&self, metric: &str) -> bool {
        let _ = metric;
        true
    }

    /// Runs the hook at this position of [`super::Policy::on`].
    fn hook(&self, hook: usize, event: &Event, context: &Context<'_>) -> HookReport {
        let _ = (hook, event, context);
        HookReport::default()
    }

    /// Takes what was printed since the last call.
    fn printed(&self) -> Vec<String> {
        Vec::new()
    }
}

/// What a tick leaves for the next one. Serialises, so that it survives a restart.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct State {
    /// Raw proposals inside the longer stabilization window, oldest first; equal ones in a row
    /// are one entry with the newest time. `None` where there is no history at all (it is then
    /// seeded with the current count).
    pub history: Option<Vec<(Time, u32)>>,
    /// Changes made inside the longest rate period, oldest first.
    pub changes: Vec<(Time, i64)>,
    /// One a rule: those of `scale_out`, then those of `scale_in`.
    pub rules: Vec<RuleState>,
    /// The scale-out cooldown that runs.
    pub cooldown: Option<Cooldown>,
    /// Last change either way.
    pub last_change: Option<Time>,
    /// Whether the target was set to zero by the tool itself.
    pub own_zero: bool,
    /// Last value of each metric and when it was sampled.
    pub last: Vec<Option<(Time, f64)>>,
    /// Since when each metric has had no value.
    pub lost: Vec<Option<Time>>,
    /// Since when scaling in has been held for want of a metric.
    pub held: Option<Time>,
    /// Whether the raw proposal is past max; one `at_max` an episode.
    pub past_max: bool,
    /// Whether the raw proposal is under min; one `at_min` an episode.
    pub under_min: bool,
    /// Whether `metrics_lost` was said in this episode.
    pub lost_said: bool,
    /// The change decided at the last tick. It counts (for cooldowns, rate limits and the
    /// tool's own zero) once the target is seen to have followed, so that a tick that only
    /// observes or replays leaves no trace of changes that never were.
    pub pending: Option<Pending>,
    /// Memory to work in; no part of what is known.
    #[serde(skip)]
    pub work: Work,
}

/// A change that was decided and is not yet seen to have been made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pending {
    /// When it was decided.
    pub at: Time,
    /// Replicas before.
    pub from: u32,
    /// Replicas after.
    pub to: u32,
    /// The scale-out cooldown that runs once it is made.
    pub cooldown: Option<Cooldown>,
}

/// Buffers and a cache that save work between ticks. Two are always equal, a copy starts with
/// empty buffers, and none is ever written: a decision is the same without them.
#[derive(Debug, Default)]
pub struct Work {
    /// One number a metric.
    pub values: Vec<f64>,
    /// The same, projected onto a smaller count.
    pub projected: Vec<f64>,
    /// One answer a rule.
    pub verdicts: Vec<Verdict>,
    /// Which schedules are open, and for how long that is known.
    pub openings: Option<Arc<Openings>>,
}

impl Clone for Work {
    fn clone(&self) -> Work {
        Work { openings: self.openings.clone(), ..Work::default() }
    }
}

impl PartialEq for Work {
    fn eq(&self, _: &Work) -> bool {
        true
    }
}

/// The schedules that are open from one instant to another.
#[derive(Debug, Clone, PartialEq)]
pub struct Openings {
    /// The schedules that this is about.
    pub schedules: Vec<Schedule>,
    /// First instant for which it holds.
    pub from: Time,
    /// First instant for which it no longer holds.
    pub until: Time,
    /// Indices of those that are open, rising.
    pub open: Vec<u16>,
}

/// How far a rule is on its way to firing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RuleState {
    /// First evaluation at which it has been true without a break.
    pub since: Option<Time>,
    /// Newest sample time at its first true evaluation.
    pub first_sample: Option<Time>,
    /// Whether a later sample agreed.
    pub confirmed: bool,
    /// When the rule last changed the count.
    pub fired: Option<Time>,
    /// Whether it is behind the pending change.
    pub acted: bool,
}

/// A scale-out cooldown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cooldown {
    /// When the clock last started.
    pub since: Time,
    /// When it ends.
    pub until: Time,
    /// Replicas before the change that began it.
    pub base: u32,
}
