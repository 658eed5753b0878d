//! What a reader must know about a run, most important first. May import: `model`, siblings.

use super::run::RunOptions;
use super::series::{Samples, Series, Values};
use super::trace::{Loop, Run};
use super::world::{World, region, series};
use super::{many, units};
use crate::model::{Duration, Mode, Model, Per, Policy};

/// A run and what it was made of.
pub(super) struct About<'a, 'w> {
    pub policy: &'a Policy,
    pub samples: &'a Samples,
    pub options: &'a RunOptions,
    /// Replicas that were assumed where none were recorded.
    pub assumed: u32,
    /// Whether they were counted from samples of single replicas.
    pub counted: bool,
    pub world: &'a World<'w>,
    /// Whether there were samples at all.
    pub recorded: bool,
}

impl About<'_, '_> {
    /// The notes; those of scenarios and of the samples come in their places.
    pub fn notes(&self, run: &Run, scenarios: Vec<String>) -> Vec<String> {
        let mut notes = Vec::new();
        if !self.recorded {
            notes.push(format!(
                "there are no samples: one tick, with no metrics and {}",
                many(self.assumed as usize, "replica")
            ));
            if !self.options.scenarios.is_empty() {
                notes.push("scenarios need samples: nothing was done".into());
            }
        } else {
            // What makes the rest worth little comes before it.
            self.never(run, &mut notes);
            let doubted = self.doubts(&mut notes);
            notes.extend(scenarios);
            self.replicas(run.kind, &mut notes);
            self.metrics(run, &doubted, &mut notes);
        }
        self.not_simulated(&mut notes);
        notes.extend(self.samples.notes.iter().cloned());
        notes
    }

    /// The metrics that never had a value, by cause.
    fn never(&self, run: &Run, notes: &mut Vec<String>) {
        let series = series(self.policy, self.samples);
        let mut causes: Vec<(String, Vec<&str>)> = Vec::new();
        for (metric, series) in self.policy.metrics.iter().zip(series) {
            let name = metric.name.value.as_str();
            if !run.never.iter().any(|n| n == name) {
                continue;
            }
            let of = |at: usize| self.policy.metrics.get(at).map_or("", |m| m.name.value.as_str());
            let cause = match (series, metric.models) {
                (None, _) => "the samples do not hold it".into(),
                (Some(series), _) if !has_value(series) => "no sample of it is a number".into(),
                (_, Some(Model::Latency { load: of_it } | Model::Queue { arrivals: of_it })) => {
                    format!("it is modelled by {}, which has none", of(of_it))
                }
                (_, None) => "at every tick a ready replica was missing, recorded or simulated".into(),
            };
            match causes.iter_mut().find(|(known, _)| *known == cause) {
                Some((_, names)) => names.push(name),
                None => causes.push((cause, vec![name])),
            }
        }
        for (cause, names) in causes {
            let (have, cause) = match names.len() {
                1 => ("has", cause),
                _ => ("have", cause.replace("hold it", "hold them").replace("of it", "of them")),
            };
            notes.push(format!(
                "{} {have} no value at any tick, since {cause}: this run says nothing about what reads {}",
                names.join(", "),
                if names.len() == 1 { "it" } else { "them" }
            ));
        }
    }

    /// What contradicts the units; returns whose.
    fn doubts(&self, notes: &mut Vec<String>) -> Vec<bool> {
        let series = series(self.policy, self.samples).into_iter().enumerate();
        let of = series.map(|(at, s)| s.map_or_else(Vec::new, |s| units::doubts(self.policy, at, s)));
        of.map(|doubts| {
            let any = !doubts.is_empty();
            notes.extend(doubts);
            any
        })
        .collect()
    }

    fn replicas(&self, kind: Loop, notes: &mut Vec<String>) {
        let assumed = many(self.assumed as usize, "replica");
        let told = self.options.recorded_replicas.is_some();
        let source = match (told, *self.policy.replicas.min) {
            (true, _) => "as --recorded-replicas says",
            (false, 0) => "the policy's min is 0",
            (false, _) => "the policy's min",
        };
        match (kind, &self.samples.replicas) {
            (_, None) if self.counted => notes.push(format!(
                "the samples have no `replicas`: at each tick those are counted that are sampled, without those deleted or ended{}",
                match kind {
                    Loop::Closed => "",
                    Loop::Open => "; open loop: what is decided has no effect on the next tick",
                }
            )),
            (Loop::Closed, None) if told => notes.push(format!(
                "the samples do not say how many replicas ran when they were recorded: {assumed}, {source}"
            )),
            (Loop::Closed, None) => notes.push(format!(
                "the samples do not say how many replicas ran when they were recorded: {assumed} assumed ({source}; --recorded-replicas N says otherwise)"
            )),
            (Loop::Open, None) => {
                let asked = self.options.kind.is_some();
                let single =
                    series(self.policy, self.samples).into_iter().flatten().any(|s| s.of_replicas());
                let why = match (asked, single) {
                    (true, _) => "",
                    (false, true) => ", since samples of single replicas are judged as they are",
                    (false, false) => ", since the samples have neither replicas nor a demand",
                };
                let mut note = format!(
                    "open loop{why}: each tick is decided from {assumed} ({source}), and what is decided has no effect on the next"
                );
                if !asked && single {
                    note.push_str("; --loop closed closes it");
                } else if !asked {
                    note.push_str(&format!(
                        "; to close the loop, say how many ran (--recorded-replicas N), or take {assumed} for it (--loop closed)"
                    ));
                }
                notes.push(note);
            }
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

    fn metrics(&self, run: &Run, doubted: &[bool], notes: &mut Vec<String>) {
        let names = |filter: &dyn Fn(&crate::model::Metric) -> bool| -> Vec<&str> {
            self.policy.metrics.iter().filter(|m| filter(m)).map(|m| m.name.value.as_str()).collect()
        };
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
            // What is in the wrong unit passes its saturation for that reason alone.
            let trusted = self.policy.metrics.iter().zip(&self.world.saturated).zip(doubted);
            for ((metric, ticks), _) in trusted.filter(|(_, doubted)| !**doubted) {
                if *ticks > 0 && metric.per == Some(Per::Replica) {
                    notes.push(format!(
                        "{} was recorded at its saturation at {}: demand was at least that, and may have been more",
                        metric.name.value,
                        many(*ticks as usize, "tick")
                    ));
                }
            }
            if self.world.unknown_demand > 0 {
                let count = self.world.unknown_demand;
                notes.push(format!(
                    "{} of per-replica metrics {} missing, since no replica was ready (recorded or simulated)",
                    many(count as usize, "value"),
                    if count == 1 { "is" } else { "are" }
                ));
            }
        }
        let unmeasured = run.ticks.iter().filter(|t| t.under.is_none()).count();
        if unmeasured > 0 && unmeasured < run.ticks.len() {
            let time = Duration(self.policy.interval.0.saturating_mul(unmeasured as i64));
            notes.push(format!(
                "under-provisioned time could not be measured for {time}, in which load has no value"
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

fn has_value(series: &Series) -> bool {
    match &series.values {
        Values::Scalar(track) => track.values.iter().any(|v| v.is_finite()),
        Values::Replicas(track) => track.values.iter().flatten().any(|s| s.value.is_some()),
    }
}
