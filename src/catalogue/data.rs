//! The catalogue's data types. May import: `model`.

use crate::model::{Per, Unit};

/// A kind of gateway or of language-model server.
#[derive(Debug, Clone, PartialEq)]
pub struct Kind {
    /// Its constructor: `gateway.haproxy`.
    pub name: String,
    /// What it is, for people.
    pub title: String,
    /// How well its names are known.
    pub status: Status,
    /// Where the names were read, unless it ran.
    pub source: Option<String>,
    /// Recorded answers that hold the names, by file name.
    pub fixtures: Vec<String>,
    /// Where it answers, for people.
    pub endpoint: String,
    /// An address as an example.
    pub url: String,
    /// Who answers.
    pub exposed_by: ExposedBy,
    /// What it takes beside `url`, `prometheus`, `window` and `labels`.
    pub arguments: Vec<Argument>,
    /// Its signals, in the order of [`SignalName::ALL`].
    pub signals: Vec<Signal>,
    /// Traps.
    pub notes: Vec<String>,
}

/// How well the names of a kind are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Read from the answer of a process that ran.
    Run,
    /// Read in its source code.
    Source,
    /// Read in its documentation only.
    Doc,
}

/// Who answers at the endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExposedBy {
    /// A gateway before the replicas: one answer for all of them.
    Gateway,
    /// Each replica for itself: one endpoint tells of one replica.
    Replica,
}

/// An argument that narrows a kind's signals.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Argument {
    /// Its name.
    pub name: String,
    /// What it is, for people.
    pub text: String,
    /// Whether it must be given.
    pub required: bool,
}

/// A signal of a kind.
#[derive(Debug, Clone, PartialEq)]
pub struct Signal {
    /// Its common name, which fixes its unit.
    pub name: SignalName,
    /// What it is an aggregate of, over all replicas.
    pub per: Option<Per>,
    /// How it is read from the endpoint; `None` where only a query can.
    pub reading: Option<Reading>,
    /// Multiplier from the exposed value to the signal's unit.
    pub scale: f64,
    /// The query, where it does not follow from the reading; `$labels` and `$window` stand in it.
    pub promql: Option<String>,
    /// Label matchers that take the place of `$labels`.
    pub labels: Vec<(String, String)>,
    /// A trap.
    pub note: Option<String>,
}

/// How a signal is read from the exposed series.
#[derive(Debug, Clone, PartialEq)]
pub enum Reading {
    /// Sum of the series.
    Sum(Series),
    /// Largest of the series.
    Max(Series),
    /// Mean of the series.
    Avg(Series),
    /// Increase a second of the sum.
    Rate(Series),
    /// Rate of the first over the rate of the second.
    RateRatio(Series, Series),
    /// A quantile (0..1) of a histogram.
    Quantile(f64, Series),
}

impl Reading {
    /// The series that it reads.
    pub fn series(&self) -> Vec<&Series> {
        match self {
            Reading::Sum(s)
            | Reading::Max(s)
            | Reading::Avg(s)
            | Reading::Rate(s)
            | Reading::Quantile(_, s) => {
                vec![s]
            }
            Reading::RateRatio(a, b) => vec![a, b],
        }
    }
}

/// Series of one name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Series {
    /// The name as exposed; of a histogram whose quantile is read, without `_bucket`.
    pub name: String,
    /// The type of its family.
    pub kind: MetricType,
    /// Label matchers: `value`, `=~regex`, `!=value`, `!~regex`; `$name` is the argument of that
    /// name, and `$name:value` has what holds where the argument is left out.
    pub labels: Vec<(String, String)>,
}

/// Types of exposed families.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricType {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Buckets, a sum and a count.
    Histogram,
    /// Quantiles, a sum and a count.
    Summary,
}

impl MetricType {
    /// As in a `# TYPE` line.
    pub fn name(self) -> &'static str {
        match self {
            MetricType::Counter => "counter",
            MetricType::Gauge => "gauge",
            MetricType::Histogram => "histogram",
            MetricType::Summary => "summary",
        }
    }
}

/// The common names of signals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SignalName {
    /// Requests a second.
    Rps,
    /// Requests (or connections) in progress.
    Active,
    /// Requests that wait.
    Queue,
    /// Share of requests that fail.
    ErrorRatio,
    /// 95th percentile of the time a request takes.
    P95,
    /// Requests that a model is working on.
    Running,
    /// Requests that wait for a model.
    Waiting,
    /// Tokens generated a second.
    TokensPerSecond,
    /// 95th percentile of the time to the first token.
    TtftP95,
    /// Share of the key-value cache in use.
    KvCache,
}

impl SignalName {
    /// All of them, in the order the documentation lists them.
    pub const ALL: [SignalName; 10] = [
        SignalName::Rps,
        SignalName::Active,
        SignalName::Queue,
        SignalName::ErrorRatio,
        SignalName::P95,
        SignalName::Running,
        SignalName::Waiting,
        SignalName::TokensPerSecond,
        SignalName::TtftP95,
        SignalName::KvCache,
    ];

    /// As written in a policy.
    pub fn name(self) -> &'static str {
        match self {
            SignalName::Rps => "rps",
            SignalName::Active => "active",
            SignalName::Queue => "queue",
            SignalName::ErrorRatio => "error_ratio",
            SignalName::P95 => "p95",
            SignalName::Running => "running",
            SignalName::Waiting => "waiting",
            SignalName::TokensPerSecond => "tokens_per_second",
            SignalName::TtftP95 => "ttft_p95",
            SignalName::KvCache => "kv_cache",
        }
    }

    /// What it is, for people.
    pub fn text(self) -> &'static str {
        match self {
            SignalName::Rps => "requests a second",
            SignalName::Active => "requests (or connections) in progress",
            SignalName::Queue => "requests that wait",
            SignalName::ErrorRatio => "share of requests that fail",
            SignalName::P95 => "95th percentile of a request's time",
            SignalName::Running => "requests that a model is working on",
            SignalName::Waiting => "requests that wait for a model",
            SignalName::TokensPerSecond => "tokens a second",
            SignalName::TtftP95 => "95th percentile of the time to the first token",
            SignalName::KvCache => "share of the key-value cache in use",
        }
    }

    /// The unit of its values, whatever the kind.
    pub fn unit(self) -> Unit {
        match self {
            SignalName::Rps => Unit::PerSecond,
            SignalName::Active | SignalName::Queue | SignalName::Running | SignalName::Waiting => Unit::Count,
            SignalName::ErrorRatio | SignalName::KvCache => Unit::Ratio,
            SignalName::P95 | SignalName::TtftP95 => Unit::Seconds,
            SignalName::TokensPerSecond => Unit::TokensPerSecond,
        }
    }

    /// What it is an aggregate of, over all replicas, unless the kind says otherwise.
    pub fn per(self) -> Option<Per> {
        match self {
            SignalName::Rps
            | SignalName::Active
            | SignalName::Queue
            | SignalName::Running
            | SignalName::Waiting
            | SignalName::TokensPerSecond => Some(Per::Total),
            SignalName::KvCache => Some(Per::Replica),
            SignalName::ErrorRatio | SignalName::P95 | SignalName::TtftP95 => None,
        }
    }
}
