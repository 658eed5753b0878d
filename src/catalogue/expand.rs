//! From a metric declared by kind to the source that it is read from. May import: siblings,
//! `model`.

use super::data::{ExposedBy, Kind, Reading, Series, Signal, SignalName};
use super::promql;
use crate::model::build::{CatalogueError, Expanded, Request};
use crate::model::policy::{Family, MetricSource, Per, Scrape, ScrapeReading};
use crate::model::time::{Duration, parse_duration};
use crate::text::Spanned;

/// Arguments that every kind takes.
pub const COMMON: [&str; 3] = ["prometheus", "url", "window"];

/// Expands a metric: with `url` to a scrape, else to a query, of the server that `prometheus`
/// names or of the default one.
pub fn expand(kind: &Kind, request: &Request<'_>) -> Result<Expanded, Vec<CatalogueError>> {
    let mut errors = Vec::new();
    let wanted = request.signal.unwrap_or(request.key);
    let signal = kind.signals.iter().find(|s| s.name.name() == wanted);
    if signal.is_none() {
        let known = kind.signals.iter().map(|s| s.name.name().to_owned()).collect();
        errors.push(CatalogueError::UnknownSignal { signal: wanted.to_owned(), known });
    }
    arguments(kind, signal, request, &mut errors);
    labels(request, &mut errors);
    match signal {
        Some(signal) if errors.is_empty() => source(kind, signal, request).map_err(|error| vec![error]),
        _ => Err(errors),
    }
}

fn argument<'a>(request: &Request<'a>, name: &str) -> Option<&'a str> {
    request.arguments.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
}

fn bad(name: &str, message: impl Into<String>, help: impl Into<String>) -> CatalogueError {
    CatalogueError::BadArgument { name: name.to_owned(), message: message.into(), help: Some(help.into()) }
}

/// Checks names and values of the arguments.
fn arguments(kind: &Kind, signal: Option<&Signal>, request: &Request<'_>, errors: &mut Vec<CatalogueError>) {
    for (name, value) in request.arguments {
        let own = kind.arguments.iter().any(|a| a.name == *name);
        if !own && !COMMON.contains(&name.as_str()) {
            let own = kind.arguments.iter().map(|a| a.name.as_str());
            let known = own.chain(COMMON).map(str::to_owned).collect();
            errors.push(CatalogueError::UnknownArgument { name: name.clone(), known });
            continue;
        }
        if value.trim().is_empty() {
            errors.push(bad(name, format!("`{name}` is empty"), format!("leave `{name}` out, or say which")));
            continue;
        }
        match name.as_str() {
            "url" | "prometheus" => errors.extend(address(name, value, &kind.url)),
            "window" => errors.extend(window(value).err()),
            _ => errors.extend(signal.and_then(|signal| not_used(kind, signal, name))),
        }
    }
    if argument(request, "url").is_some() {
        if argument(request, "prometheus").is_some() {
            let help = "keep `url` to read the endpoint, or `prometheus` to query the server that scrapes it";
            errors.push(bad("prometheus", "`url` and `prometheus` exclude each other", help));
        }
        if argument(request, "window").is_some() {
            let help = "leave `window` out: rates are taken between two readings of `url`";
            errors.push(bad("window", "`window` is of queries, and `url` is read directly", help));
        }
    }
    for argument in kind.arguments.iter().filter(|a| a.required) {
        if !request.arguments.iter().any(|(name, _)| *name == argument.name) {
            let example = format!("{} = \"…\"", argument.name);
            errors.push(CatalogueError::MissingArgument { name: argument.name.clone(), example });
        }
    }
}

/// An argument that the signal cannot be narrowed by would be ignored in silence.
fn not_used(kind: &Kind, signal: &Signal, name: &str) -> Option<CatalogueError> {
    if uses(signal, name) {
        return None;
    }
    let others: Vec<&str> = kind.signals.iter().filter(|s| uses(s, name)).map(|s| s.name.name()).collect();
    let message =
        format!("`{name}` cannot narrow the signal `{}`, which is not told apart by it", signal.name.name());
    let help = match others.as_slice() {
        [] => format!("leave `{name}` out"),
        others => format!("leave `{name}` out; it narrows {}", others.join(", ")),
    };
    Some(bad(name, message, help))
}

/// Whether a signal's labels take an argument.
pub fn uses(signal: &Signal, argument: &str) -> bool {
    let of_series = signal.reading.iter().flat_map(Reading::series).flat_map(|s| &s.labels);
    of_series
        .chain(&signal.labels)
        .any(|(_, value)| reference(value).is_some_and(|(name, _)| name == argument))
}

/// `$name` or `$name:otherwise` as (`name`, `otherwise`).
pub fn reference(value: &str) -> Option<(&str, Option<&str>)> {
    let value = value.strip_prefix('$')?;
    Some(match value.split_once(':') {
        Some((name, otherwise)) => (name, Some(otherwise)),
        None => (value, None),
    })
}

fn address(name: &str, value: &str, example: &str) -> Option<CatalogueError> {
    let rest = value.strip_prefix("http://").or_else(|| value.strip_prefix("https://"));
    let host = rest.and_then(|rest| rest.split(['/', '?', '#']).next()).unwrap_or_default();
    if !host.is_empty() && !value.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return None;
    }
    let example = if name == "url" { example } else { "http://prometheus:9090" };
    Some(bad(name, format!("`{value}` is no address"), format!("write it in full: `{name} = \"{example}\"`")))
}

/// A window: a duration, or a number of seconds.
fn window(value: &str) -> Result<Duration, CatalogueError> {
    let read = match value.parse::<f64>() {
        // Beyond a thousand years the text says so better.
        Ok(seconds) if (0.0..3e10).contains(&seconds) => Ok(Duration((seconds * 1000.0).round() as i64)),
        _ => parse_duration(value),
    };
    match read {
        Ok(duration) if duration.0 >= 1000 => Ok(duration),
        Ok(_) => Err(bad("window", format!("`{value}` is too short a window"), "write at least \"1s\"")),
        Err(error) => Err(bad("window", error.to_string(), "write it as \"1m\" or \"5m\"")),
    }
}

/// Checks further label matchers.
fn labels(request: &Request<'_>, errors: &mut Vec<CatalogueError>) {
    for (name, _) in request.labels {
        let letters = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        if !letters || name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
            let help = "a label's name has letters, digits and `_`, and does not begin with a digit";
            errors.push(bad("labels", format!("`{name}` is no name of a label"), help));
        }
    }
}

/// The source of a checked request.
fn source(kind: &Kind, signal: &Signal, request: &Request<'_>) -> Result<Expanded, CatalogueError> {
    let reading = signal.reading.as_ref().map(|reading| scrape_reading(reading, request));
    let (source, per) = match (argument(request, "url"), reading) {
        (Some(_), None) => {
            let message =
                format!("`{}` of `{}` cannot be read from its endpoint", signal.name.name(), kind.name);
            let help = "leave `url` out and let Prometheus scrape it; `prometheus` names a server other than the default";
            return Err(bad("url", message, help));
        }
        (Some(url), Some(reading)) => {
            let from = Some((kind.name.clone(), signal.name.name().to_owned()));
            let scrape = Scrape { url: url.to_owned(), from, reading, scale: signal.scale };
            let per = match (kind.exposed_by, signal.per) {
                // One replica's endpoint tells that replica's share; it stands for the average.
                (ExposedBy::Replica, Some(_)) => Some(Per::Replica),
                (_, per) => per,
            };
            (MetricSource::Scrape(scrape), per)
        }
        (None, reading) => {
            let window = match argument(request, "window") {
                // Printed as PromQL reads it, too.
                Some(given) => window(given)?.to_string(),
                None => default_window(signal.name).to_owned(),
            };
            let query = match (&signal.promql, &reading) {
                (Some(template), _) => promql::fill(template, &matchers(&signal.labels, request), &window),
                (None, Some(reading)) => promql::query(reading, signal.scale, &window),
                // The reader of kinds rules it out: a signal has one of them.
                (None, None) => String::new(),
            };
            let url = argument(request, "prometheus").map(str::to_owned);
            (MetricSource::Prometheus { query: Spanned::nowhere(query), url }, signal.per)
        }
    };
    Ok(Expanded { signal: signal.name.name().to_owned(), source, unit: signal.name.unit(), per })
}

/// Four samples where Prometheus scrapes every 30 s, as it does on most clusters; quantiles need
/// more than rates to be steady.
fn default_window(signal: SignalName) -> &'static str {
    match signal {
        SignalName::P95 | SignalName::TtftP95 => "5m",
        _ => "2m",
    }
}

fn scrape_reading(reading: &Reading, request: &Request<'_>) -> ScrapeReading {
    let family =
        |series: &Series| Family { name: series.name.clone(), labels: matchers(&series.labels, request) };
    match reading {
        Reading::Sum(s) => ScrapeReading::Sum(family(s)),
        Reading::Max(s) => ScrapeReading::Max(family(s)),
        Reading::Avg(s) => ScrapeReading::Avg(family(s)),
        Reading::Rate(s) => ScrapeReading::Rate(family(s)),
        Reading::RateRatio(a, b) => ScrapeReading::RateRatio(family(a), family(b)),
        Reading::Quantile(q, s) => ScrapeReading::Quantile(*q, family(s)),
    }
}

/// A kind's label matchers with the arguments filled in, and the request's own after them.
fn matchers(labels: &[(String, String)], request: &Request<'_>) -> Vec<(String, String)> {
    let own = labels.iter().filter_map(|(label, value)| {
        let value = match reference(value) {
            None => value.as_str(),
            Some((name, otherwise)) => argument(request, name).or(otherwise)?,
        };
        Some((label.clone(), value.to_owned()))
    });
    own.chain(request.labels.iter().cloned()).collect()
}
