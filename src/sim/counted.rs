//! How many replicas ran, from samples of single replicas, where a recording has no `replicas` of its own.
//! May import: `model`, siblings.

use super::series::{Samples, Series, Track, Values};
use super::world::series;
use crate::model::{Duration, Phase, Policy, ReplicaSample, Time};
use std::collections::BTreeMap;

/// The counts at the times of the samples.
pub(super) struct Counted {
    /// Replicas that are neither being deleted nor ended.
    pub replicas: Track<u32>,
    /// Those of them that are ready, or say nothing of it.
    pub ready: Track<u32>,
}

/// Counts the replicas that are sampled for any metric of the policy; `None` where no metric has samples of
/// single replicas.
pub(super) fn counted(policy: &Policy, samples: &Samples) -> Option<Counted> {
    let mut all: Vec<Rows<'_>> =
        series(policy, samples).into_iter().flatten().filter_map(Rows::new).collect();
    let mut times: Vec<Time> = all.iter().flat_map(|rows| rows.track.times.iter().copied()).collect();
    times.sort_unstable();
    times.dedup();
    if times.is_empty() {
        return None;
    }
    let (mut replicas, mut ready) = (Vec::with_capacity(times.len()), Vec::with_capacity(times.len()));
    for time in &times {
        let mut here: BTreeMap<&str, bool> = BTreeMap::new();
        for sample in all.iter_mut().flat_map(|rows| rows.at(*time)).filter(|s| runs(s)) {
            *here.entry(sample.id.as_str()).or_insert(true) &= takes_load(sample);
        }
        replicas.push(here.len() as u32);
        ready.push(here.values().filter(|ready| **ready).count() as u32);
    }
    Some(Counted {
        replicas: Track { times: times.clone(), values: replicas },
        ready: Track { times, values: ready },
    })
}

fn runs(sample: &ReplicaSample) -> bool {
    !sample.deleting && !matches!(sample.phase, Phase::Failed | Phase::Succeeded)
}

fn takes_load(sample: &ReplicaSample) -> bool {
    sample.phase != Phase::Pending && sample.ready != Some(false)
}

/// The rows of a series, read forward.
struct Rows<'a> {
    track: &'a Track<Vec<ReplicaSample>>,
    at: usize,
    hold: Duration,
}

impl<'a> Rows<'a> {
    fn new(series: &'a Series) -> Option<Rows<'a>> {
        let Values::Replicas(track) = &series.values else { return None };
        Some(Rows { track, at: 0, hold: Duration(series.step.0.saturating_mul(2)) })
    }

    /// The samples that hold at a time, for two steps as their values do; times rise.
    fn at(&mut self, time: Time) -> &'a [ReplicaSample] {
        while self.track.times.get(self.at + 1).is_some_and(|next| *next <= time) {
            self.at += 1;
        }
        let holds = |from: &Time| *from <= time && (*from == time || time < *from + self.hold);
        match (self.track.times.get(self.at), self.track.values.get(self.at)) {
            (Some(from), Some(samples)) if holds(from) => samples,
            _ => &[],
        }
    }
}
