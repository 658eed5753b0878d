//! Live sources: servers that are asked for metrics. Edge; only with the feature `online`.
//!
//! May import: the core, `cluster`.

pub mod kubernetes;
pub mod prometheus;
