//! What `build` asks of the catalogue of gateways. May import: `text`, `model`.

use crate::model::policy::{MetricSource, Per, Unit};

/// The catalogue of gateways and language-model gateways, as `build` sees it: a metric's
/// constructor and arguments go in, the source to read comes out.
pub trait Catalogue {
    /// Expands one metric.
    ///
    /// # Errors
    /// Everything that is wrong with the request, at once; at least one entry.
    fn expand(&self, request: &Request<'_>) -> Result<Expanded, Vec<CatalogueError>>;

    /// Every constructor it knows (`gateway.haproxy`, `llm_gateway.vllm`), sorted.
    fn constructors(&self) -> Vec<String>;
}

/// One metric, as the policy declares it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Request<'a> {
    /// The constructor: `gateway.haproxy`.
    pub constructor: &'a str,
    /// `signal = "…"`, where it was given.
    pub signal: Option<&'a str>,
    /// The metric's own key, which names the signal where `signal` was left out.
    pub key: &'a str,
    /// The other arguments, texts (numbers and booleans in their usual spelling), sorted by
    /// name. Fields that every metric has (`unit`, `per`, `capacity`, …) and `labels` are not
    /// among them.
    pub arguments: &'a [(String, String)],
    /// `labels = { name = "value" }`: further label matchers, sorted by name.
    pub labels: &'a [(String, String)],
}

/// What a request expands to.
#[derive(Debug, Clone, PartialEq)]
pub struct Expanded {
    /// The name of the signal (`rps`).
    pub signal: String,
    /// Where its values come from.
    pub source: MetricSource,
    /// Unit of the values after scaling.
    pub unit: Unit,
    /// What they are an aggregate of.
    pub per: Option<Per>,
}

/// Why a request cannot be expanded. `build` finds the place and writes the sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CatalogueError {
    /// No such kind of gateway; the names that exist.
    UnknownConstructor {
        /// Constructors of the same family (`gateway.…`), sorted.
        known: Vec<String>,
    },
    /// The kind has no such signal.
    UnknownSignal {
        /// What was asked for.
        signal: String,
        /// The signals that it has.
        known: Vec<String>,
    },
    /// An argument that the kind does not take.
    UnknownArgument {
        /// Its name.
        name: String,
        /// The arguments that it takes.
        known: Vec<String>,
    },
    /// A required argument was left out.
    MissingArgument {
        /// Its name.
        name: String,
        /// How it may be written: `url = "http://haproxy:8405/metrics"`.
        example: String,
    },
    /// An argument whose value cannot be used.
    BadArgument {
        /// Its name.
        name: String,
        /// What is wrong with it, one sentence without a full stop.
        message: String,
        /// What to write.
        help: Option<String>,
    },
}

/// A catalogue that knows no gateway.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoCatalogue;

impl Catalogue for NoCatalogue {
    fn expand(&self, _: &Request<'_>) -> Result<Expanded, Vec<CatalogueError>> {
        Err(vec![CatalogueError::UnknownConstructor { known: Vec::new() }])
    }

    fn constructors(&self) -> Vec<String> {
        Vec::new()
    }
}
