//! Recordings in, [`Samples`] out: CSV, JSON lines, Prometheus answers, YAML, Parquet.
//!
//! Every reader is a function of bytes that never panics: what is wrong with a file comes back as
//! findings with their places, all of them up to a cap, and nothing of a wrong file is used.
//! What is odd but has a stated meaning (no zone, rows out of order, gaps) becomes a note.
//! May import: `text`, `model`, `yaml`.

mod builder;
mod columns;
mod delimited;
mod instant;
mod json;
mod merge;
mod notation;
mod number;
#[cfg(feature = "parquet")]
mod parquet;
mod place;
mod prometheus;
mod table;
mod yaml;

pub use merge::merge;
pub(super) use place::Text;
pub(super) use yaml::{duration, instant, recording};

use super::series::Samples;
use crate::model::{Finding, finding::did_you_mean};
use place::Problems;
use serde::{Deserialize, Serialize};

/// How a recording is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Format {
    /// Comma, semicolon or tab separated; wide, or long where the header has `metric` and `value`.
    Csv,
    /// One JSON object a line, with the columns of CSV as keys.
    JsonLines,
    /// The answer of a Prometheus `query_range`.
    Prometheus,
    /// Series in a notation, with expectations.
    Yaml,
    /// Columns as in CSV; read where the feature `parquet` is built in.
    Parquet,
}

impl Format {
    /// All of them, by the name that options use.
    pub const ALL: [(&'static str, Format); 5] = [
        ("csv", Format::Csv),
        ("jsonl", Format::JsonLines),
        ("prometheus", Format::Prometheus),
        ("yaml", Format::Yaml),
        ("parquet", Format::Parquet),
    ];

    /// The format of a name.
    ///
    /// # Errors
    /// A sentence that lists the formats.
    pub fn parse(name: &str) -> Result<Format, String> {
        if let Some((_, format)) = Format::ALL.iter().find(|(n, _)| *n == name) {
            return Ok(*format);
        }
        let near = did_you_mean(name, Format::ALL.iter().map(|(n, _)| *n));
        let near = near.map(|n| format!(" (did you mean `{n}`?)")).unwrap_or_default();
        Err(format!(
            "`{name}` is no format of samples{near}; formats are csv, jsonl, prometheus, yaml, parquet"
        ))
    }
}

/// How a recording is to be read.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ReadOptions {
    /// The format; `None`: by the name's extension, else by the content.
    pub format: Option<Format>,
    /// `(name here, name in the file)`: a metric, `time`, `replicas`, `ready`, `region` or a field
    /// of the long form, and the column (or series) that holds it.
    pub columns: Vec<(String, String)>,
    /// IANA name of the zone of times that name none; `None`: UTC, with a note.
    pub timezone: Option<String>,
    /// Whether numbers may have the suffixes of Kubernetes quantities (`12500m` is 12.5).
    pub quantities: bool,
    /// Metrics that policies use; other columns are ignored with a note. `None`: all are taken.
    pub metrics: Option<Vec<String>>,
    /// `(metric, label)`: the label that tells replicas apart in a Prometheus answer.
    pub replica_labels: Vec<(String, String)>,
    /// The metric that a series without a name is (the answer to an expression has none).
    pub metric: Option<String>,
    /// `(column, text)`: only rows that have this text in this column are read.
    pub only: Vec<(String, String)>,
}

impl ReadOptions {
    /// Whether a metric is to be kept.
    fn wants(&self, metric: &str) -> bool {
        self.metrics.as_ref().is_none_or(|m| m.iter().any(|name| name == metric))
    }

    /// The names here of a name in the file: what `columns` maps to it, or itself where `columns`
    /// does not say that its own name is found elsewhere.
    fn names_here<'a>(&'a self, there: &'a str) -> impl Iterator<Item = &'a str> {
        let mapped = self.columns.iter().filter(move |(_, t)| t == there).map(|(here, _)| here.as_str());
        let own = !self.columns.iter().any(|(here, t)| here == there || t == there);
        mapped.chain(own.then_some(there))
    }
}

/// Reads one recording. `name` is the path as it was given: it decides the format and stands in
/// findings and notes.
///
/// # Errors
/// Findings, all of the file up to a cap: what cannot be read, with line and column.
pub fn read(bytes: &[u8], name: &str, options: &ReadOptions) -> Result<Samples, Vec<Finding>> {
    let format = match options.format {
        Some(format) => format,
        None => detect(bytes, name).map_err(|f| vec![f])?,
    };
    match format {
        Format::Csv => read_csv(bytes, name, options),
        Format::JsonLines => read_json_lines(bytes, name, options),
        Format::Prometheus => read_prometheus(bytes, name, options),
        Format::Yaml => read_yaml(bytes, name, options),
        Format::Parquet => read_parquet(bytes, name, options),
    }
}

/// Reads one column of a recording as a metric: what `file { path, column }` declares.
///
/// # Errors
/// As [`read`].
pub fn read_column(
    bytes: &[u8],
    name: &str,
    column: &str,
    metric: &str,
    options: &ReadOptions,
) -> Result<Samples, Vec<Finding>> {
    let mut options = options.clone();
    options.columns.retain(|(here, _)| here == "time");
    options.columns.push((metric.to_string(), column.to_string()));
    options.metrics = Some(vec![metric.to_string()]);
    let mut samples = read(bytes, name, &options)?;
    samples.replicas = None;
    samples.ready = None;
    Ok(samples)
}

/// Reads separated values, wide or long.
///
/// # Errors
/// As [`read`].
pub fn read_csv(bytes: &[u8], name: &str, options: &ReadOptions) -> Result<Samples, Vec<Finding>> {
    delimited::read(Text::new(bytes, name)?, options)
}

/// Reads one JSON object a line, wide or long.
///
/// # Errors
/// As [`read`].
pub fn read_json_lines(bytes: &[u8], name: &str, options: &ReadOptions) -> Result<Samples, Vec<Finding>> {
    json::read(Text::new(bytes, name)?, options)
}

/// Reads the answer of a Prometheus `query_range`; several answers may follow each other.
///
/// # Errors
/// As [`read`].
pub fn read_prometheus(bytes: &[u8], name: &str, options: &ReadOptions) -> Result<Samples, Vec<Finding>> {
    prometheus::read(Text::new(bytes, name)?, options)
}

/// Reads the series of a test file that has one case; its expectations are left alone.
///
/// # Errors
/// As [`read`].
pub fn read_yaml(bytes: &[u8], name: &str, options: &ReadOptions) -> Result<Samples, Vec<Finding>> {
    let mut cases = super::cases::read_cases(bytes, name, options)?;
    match (cases.pop(), cases.len()) {
        (Some(case), 0) => Ok(case.samples),
        (_, more) => Err(vec![
            Finding::error(
                "samples-several",
                format!("{name} holds {} tests, and samples are one recording", more + 1),
            )
            .help("run them with luascale test, or put one into a file of its own"),
        ]),
    }
}

/// Reads the rows of a Parquet file, wide or long.
///
/// # Errors
/// As [`read`]; always, where the feature `parquet` is not built in.
pub fn read_parquet(bytes: &[u8], name: &str, options: &ReadOptions) -> Result<Samples, Vec<Finding>> {
    #[cfg(feature = "parquet")]
    return parquet::read(bytes, name, options);
    #[cfg(not(feature = "parquet"))]
    {
        let _ = (bytes, options);
        let message = format!("{name} is a Parquet file, which this build does not read");
        Err(vec![
            Finding::error("samples-format", message)
                .help("build with --features parquet, or export it as CSV"),
        ])
    }
}

/// The format by extension, or by content where the extension leaves it open.
fn detect(bytes: &[u8], name: &str) -> Result<Format, Finding> {
    let extension = name.rsplit_once('.').map(|(_, e)| e.to_ascii_lowercase()).unwrap_or_default();
    match extension.as_str() {
        "csv" | "tsv" => return Ok(Format::Csv),
        "jsonl" | "ndjson" => return Ok(Format::JsonLines),
        "yaml" | "yml" => return Ok(Format::Yaml),
        "parquet" => return Ok(Format::Parquet),
        _ => {}
    }
    if bytes.starts_with(b"PAR1") {
        return Ok(Format::Parquet);
    }
    let head = bytes.get(..65_536).unwrap_or(bytes);
    let head = head.strip_prefix("\u{feff}".as_bytes()).unwrap_or(head).trim_ascii_start();
    if head.starts_with(b"{") || extension == "json" {
        let has = |what: &str| memchr::memmem::find(head, what.as_bytes()).is_some();
        let prometheus = has("\"resultType\"") || (has("\"status\"") && has("\"error\""));
        return Ok(if prometheus { Format::Prometheus } else { Format::JsonLines });
    }
    let first = head.split(|b| *b == b'\n').next().unwrap_or_default();
    if first.iter().any(|b| matches!(b, b',' | b';' | b'\t')) {
        return Ok(Format::Csv);
    }
    if head.split(|b| *b == b'\n').any(|line| line.starts_with(b"series:")) {
        return Ok(Format::Yaml);
    }
    // What is empty or no text at all has a better message than "unknown format".
    if let Err(mut findings) = Text::new(bytes, name)
        && let Some(finding) = findings.pop()
    {
        return Err(finding);
    }
    Err(Finding::error("samples-format", format!("{name}: the format of these samples cannot be told")).help(
        "name the file .csv, .jsonl, .json, .yaml or .parquet, or say which it is with --samples-format",
    ))
}

/// The zone of times that name none.
fn zone(options: &ReadOptions, problems: &mut Problems<'_>) -> Option<jiff::tz::TimeZone> {
    let name = options.timezone.as_deref()?;
    match jiff::tz::TimeZone::get(name) {
        Ok(zone) => Some(zone),
        Err(_) => {
            problems.whole(
                Finding::error("unknown-timezone", format!("`{name}` is no time zone"))
                    .help("write an IANA name, such as Europe/Paris or America/New_York"),
            );
            None
        }
    }
}
