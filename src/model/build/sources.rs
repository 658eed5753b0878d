//! Where a metric's values come from: the constructors and their own fields.
//! May import: `text`, `model`.

use super::at::{At, Builder, Table};
use super::catalogue::{CatalogueError, Request};
use super::metrics::COMMON;
use super::read::{Known, Shape};
use super::words::{figure, quoted, suggestion};
use crate::model::effect::{Text, Value};
use crate::model::finding::did_you_mean;
use crate::model::policy::{Family, MetricSource, Per, Scrape, ScrapeReading, Unit};
use crate::model::raw::RawValue;
use crate::text::Spanned;

/// A source, and what a catalogue knows of its values.
pub(super) struct Found {
    pub source: MetricSource,
    pub unit: Option<Unit>,
    pub per: Option<Per>,
}

impl From<MetricSource> for Found {
    fn from(source: MetricSource) -> Found {
        Found { source, unit: None, per: None }
    }
}

/// Constructors of metrics that are no gateway, and their fields.
pub(super) const CONSTRUCTORS: [(&str, &[&str]); 4] = [
    ("prometheus", &["query", "url"]),
    ("scrape", &["url", "metric", "labels", "rate"]),
    ("mcp", &["server", "tool", "arguments", "field"]),
    ("file", &["path", "column"]),
];

/// Whether a constructor makes a metric.
pub(super) fn is_source(name: &str) -> bool {
    CONSTRUCTORS.iter().any(|(n, _)| *n == name) || is_gateway(name)
}

fn is_gateway(name: &str) -> bool {
    name.starts_with("gateway.") || name.starts_with("llm_gateway.")
}

/// Reads the source of a metric, whose table was opened without looking at its fields.
pub(super) fn source<'a>(b: &mut Builder<'a>, table: &Table<'a>, key: &str) -> Option<Found> {
    let Some(constructor) = table.raw.constructor.as_deref() else {
        known(b, table, "a metric without a source", &[]);
        return Some(MetricSource::Samples.into());
    };
    if is_gateway(constructor) {
        return gateway(b, table, constructor, key);
    }
    let Some((name, own)) = CONSTRUCTORS.iter().find(|(n, _)| *n == constructor) else {
        b.error(
            "not-a-metric",
            &table.at.place,
            format!("`{}` is {constructor} {{ … }}, which is no metric", table.at.path),
            "metrics are made by prometheus, scrape, mcp, file, gateway.… and llm_gateway.…",
        );
        return None;
    };
    known(b, table, &format!("a {name} metric"), own);
    match *name {
        "prometheus" => prometheus(b, table),
        "scrape" => scrape(b, table),
        "mcp" => mcp(b, table),
        _ => file(b, table),
    }
    .map(Found::from)
}

fn known<'a>(b: &mut Builder<'a>, table: &Table<'a>, what: &str, own: &[&str]) {
    let all: Vec<&str> = own.iter().chain(COMMON.iter()).copied().collect();
    for (key, entry) in b.fields(table) {
        if !all.contains(&key) {
            b.unknown_field(&entry, key, what, &all);
        }
    }
}

fn prometheus<'a>(b: &mut Builder<'a>, table: &Table<'a>) -> Option<MetricSource> {
    let query = b
        .required(table, "a prometheus metric", "query", "query = [[sum(rate(http_requests_total[2m]))]]")
        .and_then(|at| b.text(&at, "a query").map(|q| Spanned::new(q.to_string(), at.span())));
    let url = match b.field(table, "url") {
        None => Some(None),
        Some(at) => url(b, &at).map(Some),
    };
    Some(MetricSource::Prometheus { query: query?, url: url? })
}

fn scrape<'a>(b: &mut Builder<'a>, table: &Table<'a>) -> Option<MetricSource> {
    let what = "a scrape metric";
    let url = b.required(table, what, "url", "url = \"http://app:9090/metrics\"").and_then(|at| url(b, &at));
    let name = b.required(table, what, "metric", "metric = \"http_requests_total\"").and_then(|at| {
        let text = b.text(&at, "the name of an exposed metric")?;
        let word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
        if text.chars().all(word) && !text.starts_with(|c: char| c.is_ascii_digit()) {
            return Some(text.to_string());
        }
        b.error(
            "bad-name",
            &at.place,
            format!("`{}` cannot be {}: that is no name of an exposed metric", at.path, quoted(text)),
            "a name has letters, digits, _ and :; labels stand in `labels = { name = \"value\" }`",
        );
        None
    });
    let labels = match b.field(table, "labels") {
        None => Some(Vec::new()),
        Some(at) => labels(b, &at),
    };
    let rate = b.field(table, "rate").map_or(Some(false), |at| b.boolean(&at));
    let family = Family { name: name?, labels: labels? };
    let reading = if rate? { ScrapeReading::Rate(family) } else { ScrapeReading::Sum(family) };
    Some(MetricSource::Scrape(Scrape { url: url?, from: None, reading, scale: 1.0 }))
}

fn mcp<'a>(b: &mut Builder<'a>, table: &Table<'a>) -> Option<MetricSource> {
    let what = "an mcp metric";
    let mut text = |name: &str, example: &str, expected: &str| {
        b.required(table, what, name, example).and_then(|at| b.text(&at, expected).map(str::to_string))
    };
    let server = text("server", "server = \"http://mcp:8080\"", "a server");
    let tool = text("tool", "tool = \"queue_depth\"", "a tool");
    let field = text("field", "field = \"depth\"", "a path into the answer");
    let arguments = match b.field(table, "arguments") {
        None => Some(Vec::new()),
        Some(at) => b.table(&at, "a table of arguments", Known::Any, Shape::Map).and_then(|table| {
            let read: Vec<_> =
                b.fields(&table).iter().map(|(k, at)| Some((k.to_string(), data(b, at, 0)?))).collect();
            read.into_iter().collect()
        }),
    };
    Some(MetricSource::Mcp { server: server?, tool: tool?, arguments: arguments?, field: field? })
}

/// JSON-like data.
fn data<'a>(b: &mut Builder<'a>, at: &At<'a>, depth: usize) -> Option<Value> {
    match at.value {
        RawValue::Bool(value) => Some(Value::Bool(*value)),
        RawValue::Number(_) => b.number(at, "an argument").map(Value::Number),
        RawValue::String(text) => Some(Value::Text(Text::from(text.as_str()))),
        RawValue::Table(raw) if depth < 32 => {
            let shape = if raw.fields.is_empty() { Shape::List } else { Shape::Map };
            let table = b.table(at, "an argument", Known::Any, shape)?;
            if shape == Shape::List {
                let read: Vec<_> = b.entries(&table).iter().map(|at| data(b, at, depth + 1)).collect();
                return read.into_iter().collect::<Option<_>>().map(Value::List);
            }
            let read: Vec<_> = b
                .fields(&table)
                .iter()
                .map(|(k, at)| Some((k.to_string(), data(b, at, depth + 1)?)))
                .collect();
            read.into_iter().collect::<Option<_>>().map(Value::Map)
        }
        _ => {
            b.wrong_type(
                at,
                "an argument",
                Some("a text, a number, true, false, or a table of those".into()),
            );
            None
        }
    }
}

fn file<'a>(b: &mut Builder<'a>, table: &Table<'a>) -> Option<MetricSource> {
    let path = b.required(table, "a file metric", "path", "path = \"samples/cpu.csv\"").and_then(|at| {
        let text = b.text(&at, "the path of a file")?;
        let outside = text.starts_with('/')
            || text.starts_with('\\')
            || text.get(1..2) == Some(":")
            || text.split(['/', '\\']).any(|part| part == "..");
        if outside || text.contains('\0') {
            b.error(
                "bad-path",
                &at.place,
                format!("`{}` leads out of the policy root: {}", at.path, quoted(text)),
                "write a path relative to the policy root, without \"..\"",
            );
            return None;
        }
        Some(Spanned::new(text.to_string(), at.span()))
    });
    let column = b
        .required(table, "a file metric", "column", "column = \"cpu\"")
        .and_then(|at| b.name(&at, "the name of a column").map(str::to_string));
    Some(MetricSource::File { path: path?, column: column? })
}

/// An `http://` or `https://` address.
pub(super) fn url<'a>(b: &mut Builder<'a>, at: &At<'a>) -> Option<String> {
    let text = b.text(at, "an address")?;
    let host = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
    if host.is_some_and(|h| !h.is_empty() && !h.starts_with('/'))
        && !text.contains(|c: char| c.is_whitespace() || c.is_control())
    {
        return Some(text.to_string());
    }
    b.error(
        "bad-url",
        &at.place,
        format!("`{}` cannot be {}: that is no address", at.path, quoted(text)),
        "write the whole address, such as \"http://prometheus:9090\"",
    );
    None
}

/// `{ label = "value" }`, sorted by label.
fn labels<'a>(b: &mut Builder<'a>, at: &At<'a>) -> Option<Vec<(String, String)>> {
    let table = b.table(at, "a table of labels", Known::Any, Shape::Map)?;
    let read: Vec<_> = b
        .fields(&table)
        .iter()
        .map(|(name, at)| match at.value {
            // An empty value matches series without the label.
            RawValue::String(text) => Some((name.to_string(), text.clone())),
            _ => b.text(at, "the value of a label").map(|text| (name.to_string(), text.to_string())),
        })
        .collect();
    read.into_iter().collect()
}

fn gateway<'a>(b: &mut Builder<'a>, table: &Table<'a>, constructor: &str, key: &str) -> Option<Found> {
    let mut good = true;
    let signal_at = b.field(table, "signal");
    let signal = match &signal_at {
        None => None,
        Some(at) => match b.text(at, "the name of a signal") {
            Some(text) => Some(text),
            None => {
                good = false;
                None
            }
        },
    };
    let labels = match b.field(table, "labels") {
        None => Vec::new(),
        Some(at) => labels(b, &at).unwrap_or_else(|| {
            good = false;
            Vec::new()
        }),
    };
    let mut arguments: Vec<(String, String)> = Vec::new();
    for (name, at) in b.fields(table) {
        if name == "signal" || name == "labels" || COMMON.contains(&name) {
            continue;
        }
        match at.value {
            RawValue::Number(_) => match b.number(&at, "an argument") {
                Some(n) => arguments.push((name.into(), figure(n))),
                None => good = false,
            },
            RawValue::Bool(value) => arguments.push((name.into(), value.to_string())),
            _ => match b.text(&at, "an argument") {
                Some(text) => arguments.push((name.into(), text.into())),
                None => good = false,
            },
        }
    }
    if !good {
        return None;
    }
    let request = Request { constructor, signal, key, arguments: &arguments, labels: &labels };
    match b.catalogue.expand(&request) {
        Ok(expanded) => Some(Found { source: expanded.source, unit: Some(expanded.unit), per: expanded.per }),
        Err(errors) => {
            for error in errors {
                report(b, table, constructor, key, signal_at.as_ref(), error);
            }
            None
        }
    }
}

fn report<'a>(
    b: &mut Builder<'a>,
    table: &Table<'a>,
    constructor: &str,
    key: &str,
    signal_at: Option<&At<'a>>,
    error: CatalogueError,
) {
    let list = |names: &[String]| names.iter().map(|n| format!("`{n}`")).collect::<Vec<_>>().join(", ");
    let hint = |typed: &str, names: &[String], all: String| {
        suggestion(did_you_mean(typed, names.iter().map(String::as_str)), &all)
    };
    let place = |b: &Builder<'a>, name: &str, key: bool| match b.field(table, name) {
        Some(at) if key => at.key,
        Some(at) => at.place,
        None => table.at.place.clone(),
    };
    match error {
        CatalogueError::UnknownConstructor { known } => {
            let help = match known.is_empty() {
                true => "no kind of gateway is known here".to_string(),
                false => hint(constructor, &known, format!("kinds are {}", list(&known))),
            };
            b.error("unknown-gateway", &table.at.place, format!("there is no {constructor}"), help);
        }
        CatalogueError::UnknownSignal { signal, known } => {
            let place = match signal_at {
                Some(at) => at.place.clone(),
                None => table.at.key.clone(),
            };
            let named = match signal_at {
                Some(_) => "",
                None => "; a metric with a name of its own says which it is: signal = \"…\"",
            };
            b.error(
                "unknown-signal",
                &place,
                format!("{constructor} has no signal `{signal}`"),
                hint(&signal, &known, format!("it has {}{named}", list(&known))),
            );
        }
        CatalogueError::UnknownArgument { name, known } => {
            let at = place(b, &name, true);
            let common: Vec<String> = COMMON.iter().map(|c| c.to_string()).collect();
            let all: Vec<String> = known.iter().chain(&common).cloned().collect();
            b.error(
                "unknown-field",
                &at,
                format!("{constructor} has no field `{name}`"),
                hint(&name, &all, format!("fields are {}", list(&all))),
            );
        }
        CatalogueError::MissingArgument { name, example } => b.error(
            "missing-field",
            &table.at.place,
            format!("{constructor} has no `{name}`, which is required for `{key}`"),
            format!("write {example}"),
        ),
        CatalogueError::BadArgument { name, message, help } => {
            let at = place(b, &name, false);
            let help = help.unwrap_or_else(|| format!("see the catalogue's entry for {constructor}"));
            b.error("bad-argument", &at, message, help);
        }
    }
}
