//! What gateways and servers of language models tell about themselves: their endpoints, and the
//! signals that can be read there, under common names and units.
//!
//! It is data: one file a kind in `kinds/`, and users may bring files of their own. A metric
//! declared by kind expands to a scrape or to a PromQL query before a policy is built. May
//! import: `text`, `model`, `yaml`.

mod data;
mod expand;
mod promql;
mod read;

pub use data::{Argument, ExposedBy, Kind, MetricType, Reading, Series, Signal, SignalName, Status};

use crate::model::Finding;
use crate::model::build::{Catalogue, CatalogueError, Expanded, Request};
use crate::text::Source;
use std::borrow::Cow;
use std::sync::OnceLock;

/// The built-in kinds by constructor, sorted, and their files.
macro_rules! built_in {
    ($($family:literal . $name:literal),* $(,)?) => {
        /// Constructor, file name and text of every built-in kind.
        const BUILT_IN: &[(&str, &str, &str)] = &[$((
            concat!($family, ".", $name),
            concat!("kinds/", $name, ".yaml"),
            include_str!(concat!("kinds/", $name, ".yaml")),
        )),*];
    };
}

built_in!(
    "gateway"."apisix",
    "gateway"."aws_alb",
    "gateway"."aws_api_gateway",
    "gateway"."caddy",
    "gateway"."envoy",
    "gateway"."haproxy",
    "gateway"."ingress_nginx",
    "gateway"."istio",
    "gateway"."kong",
    "gateway"."krakend",
    "gateway"."nginx",
    "gateway"."traefik",
    "gateway"."tyk",
    "llm_gateway"."apisix_ai",
    "llm_gateway"."envoy_ai",
    "llm_gateway"."kong_ai",
    "llm_gateway"."litellm",
    "llm_gateway"."llama_cpp",
    "llm_gateway"."lmdeploy",
    "llm_gateway"."sglang",
    "llm_gateway"."tgi",
    "llm_gateway"."triton",
    "llm_gateway"."vllm",
);

/// The built-in kinds, read when first asked for: a command that meets no gateway reads none.
static READ: [OnceLock<Option<Kind>>; BUILT_IN.len()] = [const { OnceLock::new() }; BUILT_IN.len()];

/// The catalogue: the built-in kinds and those that a user added.
#[derive(Debug, Clone, Default)]
pub struct Table {
    /// Added kinds, sorted by name.
    extra: Vec<Kind>,
}

impl Table {
    /// The built-in kinds alone.
    pub fn new() -> Table {
        Table::default()
    }

    /// Adds kinds, one a source, in the form of the built-in files.
    ///
    /// # Errors
    /// Everything that is wrong with them, each with its place: what is no YAML, unknown and
    /// missing fields, names that are taken.
    pub fn with(mut self, sources: &[Source]) -> Result<Table, Vec<Finding>> {
        let mut findings = Vec::new();
        for source in sources {
            let (kind, mut found) = read::kind(source);
            if let Some((kind, span)) = kind {
                let built_in = position(&kind.name).is_some();
                if built_in || self.extra.iter().any(|k| k.name == kind.name) {
                    let by = if built_in { "built in" } else { "added by another file" };
                    found.push(
                        Finding::error("bad-value", format!("there is a `{}` already, {by}", kind.name))
                            .at(source, span, "this name")
                            .help(format!("give yours a name of its own, such as `{}_2`", kind.name)),
                    );
                } else {
                    self.extra.push(kind);
                }
            }
            findings.append(&mut found);
        }
        self.extra.sort_by(|a, b| a.name.cmp(&b.name));
        if findings.is_empty() { Ok(self) } else { Err(findings) }
    }

    /// A kind by its constructor (`gateway.haproxy`).
    pub fn kind(&self, constructor: &str) -> Option<&Kind> {
        match position(constructor) {
            Some(at) => built_in(at),
            None => self.extra.iter().find(|k| k.name == constructor),
        }
    }

    /// All kinds, sorted by name.
    pub fn kinds(&self) -> Vec<&Kind> {
        let mut kinds: Vec<&Kind> = self.extra.iter().collect();
        for at in 0..BUILT_IN.len() {
            kinds.extend(built_in(at));
        }
        kinds.sort_by(|a, b| a.name.cmp(&b.name));
        kinds
    }
}

/// Where a built-in kind stands.
fn position(constructor: &str) -> Option<usize> {
    BUILT_IN.binary_search_by_key(&constructor, |(name, _, _)| name).ok()
}

/// A built-in kind; `None` only where its file has an error, which a test rules out.
fn built_in(at: usize) -> Option<&'static Kind> {
    let (_, file, text) = BUILT_IN.get(at)?;
    READ.get(at)?.get_or_init(|| read::kind(&Source::new(*file, *text)).0.map(|(kind, _)| kind)).as_ref()
}

impl Catalogue for Table {
    fn expand(&self, request: &Request<'_>) -> Result<Expanded, Vec<CatalogueError>> {
        match self.kind(request.constructor) {
            Some(kind) => expand::expand(kind, request),
            None => {
                let family = request.constructor.split('.').next().unwrap_or_default();
                let known = self.constructors();
                let same = known.iter().filter(|n| n.split('.').next() == Some(family)).cloned();
                let same: Vec<String> = same.collect();
                let known = if same.is_empty() { known } else { same };
                Err(vec![CatalogueError::UnknownConstructor { known }])
            }
        }
    }

    fn constructors(&self) -> Vec<String> {
        let built_in = BUILT_IN.iter().map(|(name, _, _)| Cow::Borrowed(*name));
        let extra = self.extra.iter().map(|k| Cow::Borrowed(k.name.as_str()));
        let mut names: Vec<String> = built_in.chain(extra).map(Cow::into_owned).collect();
        names.sort();
        names
    }
}
