//! A metric of a policy: where it comes from, what its values are, what holds without one.
//!
//! May import: `text`, siblings. Field meanings, units and defaults are those of docs/language.md.

use super::time::Duration;
use crate::text::Spanned;
use serde::{Deserialize, Serialize};

/// A metric and where it comes from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Metric {
    /// Its key in `metrics`.
    pub name: Spanned<String>,
    /// Where live values come from; a dry-run reads samples by name instead, `file` aside.
    pub source: MetricSource,
    /// Unit of its values.
    pub unit: Option<Unit>,
    /// What it is an aggregate of.
    pub per: Option<Per>,
    /// The value per replica that a replica cannot exceed; positive.
    pub saturation: Option<f64>,
    /// Total units that one replica serves; positive.
    pub capacity: Option<f64>,
    /// How a closed loop changes it.
    pub models: Option<Model>,
    /// What holds while it has no value.
    pub missing: Missing,
    /// Label that tells replicas apart, where it arrives as one sample a replica.
    pub replica_label: Option<String>,
    /// `cpu` switches Kubernetes' rules for starting replicas on.
    pub resource: Option<String>,
    /// Default 5 min.
    pub cpu_initialization_period: Duration,
    /// Default 30 s.
    pub initial_readiness_delay: Duration,
}

/// Units of metric values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// 0..1
    Ratio,
    /// 0..100
    Percent,
    /// Time in seconds.
    Seconds,
    /// Time in milliseconds.
    Milliseconds,
    /// Bytes.
    Bytes,
    /// Events a second.
    PerSecond,
    /// A number of things.
    Count,
    /// Tokens a second.
    TokensPerSecond,
}

impl Unit {
    /// All of them, in the order the documentation lists them.
    pub const ALL: [Unit; 8] = [
        Unit::Ratio,
        Unit::Percent,
        Unit::Seconds,
        Unit::Milliseconds,
        Unit::Bytes,
        Unit::PerSecond,
        Unit::Count,
        Unit::TokensPerSecond,
    ];

    /// As written in a policy.
    pub fn name(self) -> &'static str {
        match self {
            Unit::Ratio => "ratio",
            Unit::Percent => "percent",
            Unit::Seconds => "seconds",
            Unit::Milliseconds => "milliseconds",
            Unit::Bytes => "bytes",
            Unit::PerSecond => "per_second",
            Unit::Count => "count",
            Unit::TokensPerSecond => "tokens_per_second",
        }
    }
}

/// What a metric is an aggregate of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Per {
    /// An average over replicas.
    Replica,
    /// A sum over all, independent of their number.
    Total,
}

/// Where a metric's live values come from. Gateways are expanded to a scrape or a query.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum MetricSource {
    /// A PromQL query.
    Prometheus {
        /// The query.
        query: Spanned<String>,
        /// Base address of the server, where the policy names one.
        url: Option<String>,
    },
    /// An exposition-format endpoint.
    Scrape(Scrape),
    /// A tool of an MCP server.
    Mcp {
        /// Address or name of the server.
        server: String,
        /// Tool to call.
        tool: String,
        /// Its arguments, sorted by name.
        arguments: Vec<(String, super::effect::Value)>,
        /// Path of the number in the answer.
        field: String,
    },
    /// A column of a recorded file, relative to the policy root.
    File {
        /// The file.
        path: Spanned<String>,
        /// Its column.
        column: String,
    },
    /// Declared without a source, as the metrics of a dry-run without a configuration are.
    Samples,
}

/// How a value is read from an exposition-format endpoint.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Scrape {
    /// The endpoint.
    pub url: String,
    /// Catalogue kind and signal it was expanded from (`gateway.haproxy`, `rps`).
    pub from: Option<(String, String)>,
    /// How the value comes from the exposed families.
    pub reading: ScrapeReading,
    /// Multiplier to the metric's unit (milliseconds to seconds: 0.001).
    pub scale: f64,
}

/// Families, matched by labels, and what is done with them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum ScrapeReading {
    /// Sum of the matching series.
    Sum(Family),
    /// Largest of the matching series.
    Max(Family),
    /// Mean of the matching series.
    Avg(Family),
    /// Increase a second of the sum of the matching counters.
    Rate(Family),
    /// Rate of the first over the rate of the second; where the second has series and the first
    /// none (no failure yet), 0; nothing where the second is 0.
    RateRatio(Family, Family),
    /// A quantile (0..1) of the rates of a histogram's buckets.
    Quantile(f64, Family),
}

/// A metric family and the label values its series must have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Family {
    /// Name of the series as exposed (`…_count`, `…_sum` included); of a histogram whose quantile
    /// is read, without `_bucket`.
    pub name: String,
    /// `(label, value)`; a value with `=~`, `!=` or `!~` in front matches so.
    pub labels: Vec<(String, String)>,
}

/// How a closed loop changes a metric that is neither per replica nor total.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Model {
    /// Grows as 1 / (1 - utilization); `load` is the index of the utilization metric.
    Latency {
        /// A per-replica ratio metric.
        load: usize,
    },
    /// Fills by arrivals, drains by capacity; `arrivals` is the index of a total metric.
    Queue {
        /// A total metric with a capacity.
        arrivals: usize,
    },
}

/// What holds while a metric has no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Missing {
    /// Unknown; nothing scales in.
    Hold,
    /// Counts as 0.
    Zero,
    /// The last value, while it is no older than this.
    Last {
        /// Longest age.
        max_age: Duration,
    },
    /// The tick changes nothing but bounds, and a dry-run fails.
    Fail,
}
