//! What a reader must know about a run, most important first. May import: `model`, siblings.

use super::run::RunOptions;
use super::series::{Samples, Series, Values};
use super::trace::{Loop, Run};
use super::world::{World, region};
use crate::model::{Mode, Per, Policy};

/// A run and what it was made of.
pub(super) struct About<'a, 'w> {
    pub policy: &'a Policy,
    pub samples: &'a Samples,
    pub options: &'a RunOptions,
    /// Replicas that were assumed where none were recorded.
    pub assumed: u32,
    pub world: &'a World<'w>,
    /// Whether there were samples at all.
    pub recorded: bool,
}

impl About<'_, '_> {
    /// The notes; those of scenarios and of the samples come in their places.
    pub fn notes(&self, run: &Run, scenarios: Vec<String>) -> Vec<String> {
        let mut notes = Vec::new();
        if !self.recorded {
            let s = if self.assumed == 1 { "" } else { "s" };
            notes.push(format!(
                "there are no samples: one tick, with no metrics and {} replica{s}",
                self.assumed
            ));
        } else {
            self.replicas(run.kind, &mut notes);
            notes.extend(scenarios);
            self.metrics(run, &mut notes);
        }
        self.not_simulated(&mut notes);
        notes.extend(self.samples.notes.iter().cloned());
        notes
    }

    fn replicas(&self, kind: Loop, notes: &mut Vec<String>) {
        let assumed = self.assumed;
        let source =
            if self.options.recorded_replicas.is_some() { "--recorded-replicas" } else { "the policy's min" };
        let s = if assumed == 1 { "" } else { "s" };
        match (kind, &self.samples.replicas) {
            (Loop::Closed, None) => notes.push(format!(
                "the samples do not say how many replicas ran when they were recorded: {assumed} replica{s} assumed ({source}; --recorded-replicas N says otherwise)"
            )),
            (Loop::Open, None) => notes.push(format!(
                "open loop, since the samples have neither replicas nor a demand: each tick is decided from {assumed} replica{s} ({source}), and what is decided has no effect on the next"
            )),
            (Loop::Open, Some(_)) => notes.push(
                "open loop: each tick is decided from the replicas that were recorded, and what is decided has no effect on the next"
                    .into(),
            ),
            (Loop::Closed, Some(_)) => {}
        }
    }

    fn series(&self, metric: &str) -> Option<&Series> {
        self.samples.series.iter().find(|s| s.metric == metric)
    }

    fn metrics(&self, run: &Run, notes: &mut Vec<String>) {
        let names = |filter: &dyn Fn(&crate::model::Metric) -> bool| -> Vec<&str> {
            self.policy.metrics.iter().filter(|m| filter(m)).map(|m| m.name.value.as_str()).collect()
        };
        let absent = names(&|m| self.series(&m.name.value).is_none());
        if !absent.is_empty() {
            notes.push(format!("the samples do not hold {}: missing at every tick", absent.join(", ")));
        }
        if run.kind == Loop::Closed {
            let plain =
                names(&|m| m.per.is_none() && m.models.is_none() && self.series(&m.name.value).is_some());
            if !plain.is_empty() {
                notes.push(format!(
                    "not modelled, used as recorded: {} (models = \"latency\" or \"queue\" makes a metric follow the replicas)",
                    plain.join(", ")
                ));
            }
            let single = names(&|m| {
                self.series(&m.name.value).is_some_and(|s| matches!(s.values, Values::Replicas(_)))
            });
            if !single.is_empty() {
                notes.push(format!(
                    "{}: one sample a replica was recorded; in a closed loop their average follows the simulated replicas, and the rules for single replicas do not apply",
                    single.join(", ")
                ));
            }
            for (metric, ticks) in self.policy.metrics.iter().zip(&self.world.saturated) {
                if *ticks > 0 && metric.per == Some(Per::Replica) {
                    let s = if *ticks == 1 { "" } else { "s" };
                    notes.push(format!(
                        "{} was recorded at its saturation at {ticks} tick{s}: demand was at least that, and may have been more",
                        metric.name.value
                    ));
                }
            }
            if self.world.unknown_demand > 0 {
                notes.push(format!(
                    "{} values of per-replica metrics are missing, since no replica was ready (recorded or simulated)",
                    self.world.unknown_demand
                ));
            }
        }
        let unmeasured = run.ticks.iter().filter(|t| t.under.is_none()).count();
        if unmeasured > 0 && unmeasured < run.ticks.len() {
            let minutes = unmeasured as f64 * self.policy.interval.seconds() / 60.0;
            notes.push(format!(
                "under-provisioned time could not be measured in {minutes:.0} minutes, in which load has no value"
            ));
        }
        if let Some(region) = region(self.policy, self.samples)
            && self.policy.regions.is_none()
        {
            notes.push(format!("the samples name regions; this run reads those of {region}"));
        }
    }

    fn not_simulated(&self, notes: &mut Vec<String>) {
        match (&self.policy.regions, &self.policy.predict) {
            (Some(_), Some(_)) => notes.push("regions and predict were not simulated".into()),
            (Some(_), None) => notes
                .push("regions were not simulated: this is one region with the policy's own bounds".into()),
            (None, Some(_)) => notes.push("predict was not simulated".into()),
            (None, None) => {}
        }
        if self.policy.mode == Mode::Observe {
            notes.push(
                "mode is \"observe\": live, nothing would be changed; this run shows what would be decided"
                    .into(),
            );
        }
    }
}
