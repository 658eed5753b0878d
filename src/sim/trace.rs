//! What a dry-run leaves: every tick with its reasons, the events, the score. May import: `model`.

use crate::model::decision::Step;
use crate::model::input::Fault;
use crate::model::{Bound, Effect, Event, Time};
use serde::{Deserialize, Serialize};

/// How recorded metrics and simulated replicas relate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Loop {
    /// Current and ready are what was recorded; values as recorded.
    Open,
    /// Current is what was decided; per-replica values follow the simulated replicas.
    Closed,
}

/// One policy's dry-run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// Name of the policy.
    pub policy: String,
    /// Name of the policy's source.
    pub source: String,
    /// Names of the files that the recording was read from; none where there was no recording.
    pub samples: Vec<String>,
    /// Open or closed loop.
    pub kind: Loop,
    /// Names of the metrics, in the order of [`Run::values`].
    pub metrics: Vec<String>,
    /// One number a metric a tick, tick after tick, as the policy saw them; NaN is none.
    pub values: Vec<f64>,
    /// The ticks, in order.
    pub ticks: Vec<Tick>,
    /// Steps of all ticks, tick after tick.
    pub steps: Vec<Step>,
    /// What happened, in order, with what hooks asked for.
    pub events: Vec<Happened>,
    /// What scripts and hooks printed.
    pub printed: Vec<Printed>,
    /// What failed.
    pub faults: Vec<Failed>,
    /// Whether the run ended before the samples did, and why.
    pub ended: Option<String>,
    /// Names of the metrics that something reads and that had no value at any tick though there are samples, in the policy's order:
    /// what reads them was never put to the test, so the run says little.
    pub never: Vec<String>,
    /// What a reader must know, most important first.
    pub notes: Vec<String>,
    /// The figures.
    pub score: Score,
}

/// One tick.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Tick {
    /// When.
    pub time: Time,
    /// Replicas that the target had.
    pub current: u32,
    /// Replicas that took load.
    pub ready: u32,
    /// Bounds in force.
    pub bounds: Bound,
    /// Raw proposal, before window, rate limit and bounds.
    pub proposed: u32,
    /// What was decided.
    pub desired: u32,
    /// Whether the load was more than the ready replicas could take; `None`: not measured.
    pub under: Option<bool>,
    /// Number of its first step in [`Run::steps`]; the next tick's first ends it.
    pub first_step: u32,
}

/// An event and what came of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Happened {
    /// Index of the tick.
    pub tick: u32,
    /// The event.
    pub event: Event,
    /// What hooks asked for; recorded, never performed.
    pub effects: Vec<Effect>,
}

/// A line that policy code printed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Printed {
    /// Index of the tick; `None`: while loading.
    pub tick: Option<u32>,
    /// The line.
    pub text: String,
}

/// A failure of policy code, or a metric whose absence fails the tick.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failed {
    /// Index of the tick at which it first happened.
    pub tick: u32,
    /// In how many ticks it happened.
    pub times: u32,
    /// What failed.
    pub fault: Fault,
}

/// The figures of a run. What was not measured is `None`, never 0.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Score {
    /// Replicas times hours, over the whole run.
    pub replica_hours: Option<f64>,
    /// Minutes in which the load was more than the ready replicas could take.
    pub under_provisioned_minutes: Option<f64>,
    /// Ticks in which the wanted count changed.
    pub scaling_events: Option<u32>,
    /// Changes that turned round within ten minutes.
    pub flaps: Option<u32>,
    /// Most replicas.
    pub peak: Option<u32>,
    /// Minutes at the max in force.
    pub minutes_at_max: Option<f64>,
    /// Price, where the policy names one.
    pub cost: Option<f64>,
    /// Its currency.
    pub currency: Option<String>,
}

impl Run {
    /// The steps of a tick.
    pub fn steps_of(&self, tick: usize) -> &[Step] {
        let start = self.ticks.get(tick).map_or(0, |t| t.first_step as usize);
        let end = self.ticks.get(tick + 1).map_or(self.steps.len(), |t| t.first_step as usize);
        self.steps.get(start..end).unwrap_or_default()
    }

    /// The values of a tick, one a metric.
    pub fn values_of(&self, tick: usize) -> &[f64] {
        let width = self.metrics.len();
        self.values.get(tick * width..(tick + 1) * width).unwrap_or_default()
    }
}
