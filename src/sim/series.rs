//! Recorded metrics, whatever format they came in. May import: `model`.

use crate::model::{Duration, ReplicaSample, Time};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// All recordings of one dry-run, merged.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Samples {
    /// Sorted by region, then name; each (region, name) once.
    pub series: Vec<Series>,
    /// What ran when it was recorded.
    pub replicas: Option<Track<u32>>,
    /// How many of them took load; where absent, all did.
    pub ready: Option<Track<u32>>,
    /// What a reader should know about how the recordings were read.
    pub notes: Vec<String>,
}

/// One metric's recording.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Series {
    /// Name of the metric, after `columns` of the configuration was applied.
    pub metric: String,
    /// The region, where the recording names one.
    pub region: Option<String>,
    /// Its values.
    pub values: Values,
    /// Median distance of its times; how long a value holds is twice that.
    pub step: Duration,
    /// Name of the source it was read from.
    pub source: Arc<str>,
}

/// Values of a series: times rise strictly.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Values {
    /// One number a time; NaN where the recording says "no value".
    Scalar(Track<f64>),
    /// One sample a replica a time.
    Replicas(Track<Vec<ReplicaSample>>),
}

/// Values at rising times.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Track<T> {
    /// Strictly rising.
    pub times: Vec<Time>,
    /// As many as `times`.
    pub values: Vec<T>,
}

impl Series {
    /// Whether it has one sample a replica.
    pub fn of_replicas(&self) -> bool {
        matches!(self.values, Values::Replicas(_))
    }

    /// Its times, rising strictly.
    pub fn times(&self) -> &[Time] {
        match &self.values {
            Values::Scalar(track) => &track.times,
            Values::Replicas(track) => &track.times,
        }
    }
}

impl<T> Track<T> {
    /// Position of the last value at or before `now`.
    pub fn at(&self, now: Time) -> Option<usize> {
        self.times.partition_point(|t| *t <= now).checked_sub(1)
    }

    /// First and last time.
    pub fn range(&self) -> Option<(Time, Time)> {
        Some((*self.times.first()?, *self.times.last()?))
    }
}
