//! A recording written by hand: `start`, `interval` and `series` of a YAML map.

use super::ReadOptions;
use super::builder::Builder;
use super::instant::Clock;
use super::notation::{self, MOST_VALUES};
use super::number::{self, Number};
use super::place::Complaint;
use crate::model::time::parse_duration;
use crate::model::{Duration, ReplicaSample, Time};
use crate::sim::series::Samples;
use crate::text::Span;
use crate::yaml::{Node, Reader, Yaml};

/// The start where none is written: a Monday.
const START: Time = Time(1_704_067_200_000);
/// The last instant that a calendar here has: 9999-12-30T22:00:00Z.
const LAST: Time = Time(253_402_207_200_000);
/// The interval where none is written: that of a policy.
const INTERVAL: Duration = Duration::from_secs(15);

/// A recording and when it begins.
pub(in crate::sim) struct Recording {
    pub samples: Samples,
    pub start: Time,
}

/// Reads `start`, `interval` and `series` of a map. What is wrong goes to the reader; then the recording is
/// not to be used.
pub(in crate::sim) fn recording(reader: &mut Reader<'_>, node: &Node, options: &ReadOptions) -> Recording {
    let start = node.get("start").and_then(|n| instant(reader, n, "start")).unwrap_or(START);
    let interval = match node.get("interval") {
        Some(n) => duration(reader, n, "interval").filter(|d| d.0 > 0),
        None => Some(INTERVAL),
    };
    let interval = interval.unwrap_or_else(|| {
        let span = node.get("interval").map_or(node.span, |n| n.span);
        reader.report("bad-value", "`interval` is not a positive duration", span, "write interval: 15s");
        INTERVAL
    });
    let mut writer =
        Writer { builder: Builder::new(&reader.source.name), options, start, interval, values: 0 };
    let mut ignored = Vec::new();
    if let Some(series) = reader.required(node, "", "series", "series: { cpu: \"0.5x20 0.9x20\" }") {
        for (name, values) in reader.entries(series, "series") {
            let mut used = false;
            for here in options.names_here(&name.value) {
                let count = matches!(here, "replicas" | "ready");
                if count || options.wants(here) {
                    used = true;
                    writer.series(reader, here, count, values);
                }
            }
            if !used {
                ignored.push(name.value.clone());
            }
        }
        if matches!(&series.value, Yaml::Map(entries) if entries.is_empty()) || series.value == Yaml::Null {
            reader.report(
                "missing-field",
                "there are no series",
                series.span,
                "write series: { cpu: \"0.5x20\" }",
            );
        }
    }
    let mut builder = writer.builder;
    if !ignored.is_empty() {
        builder.note(format!("series that the policies do not use were ignored: {}", ignored.join(", ")));
    }
    let samples = builder.finish(None, &[]).unwrap_or_else(|metric| {
        let message = format!("{metric} has numbers and samples of replicas both");
        reader.report("samples-mixed", message, node.span, "write one of them");
        Samples::default()
    });
    Recording { samples, start }
}

struct Writer<'o> {
    builder: Builder,
    options: &'o ReadOptions,
    start: Time,
    interval: Duration,
    values: usize,
}

impl Writer<'_> {
    fn series(&mut self, reader: &mut Reader<'_>, name: &str, count: bool, node: &Node) {
        if let Yaml::Map(replicas) = &node.value
            && !count
        {
            for (id, values) in replicas {
                let what = format!("series.{name}.{}", id.value);
                self.numbers(reader, values, &what, |writer, row, number, _| {
                    let value = if let Number::Value(value) = number { Some(value) } else { None };
                    let sample = ReplicaSample { id: id.value.clone(), value, ..ReplicaSample::default() };
                    // A blank: the replica is not there.
                    if number != Number::Blank {
                        let metric = writer.builder.metric(name);
                        writer.builder.replica(metric, 0, row, sample);
                    }
                    Ok(())
                });
            }
            return;
        }
        self.numbers(reader, node, &format!("series.{name}"), |writer, row, number, also| {
            if count {
                if let Number::Value(value) = number {
                    let value = number::count(value)?;
                    match name {
                        "replicas" => writer.builder.count(0, row, value),
                        _ => writer.builder.ready(0, row, value),
                    }
                }
                if !also {
                    return Ok(());
                }
            }
            let metric = writer.builder.metric(name);
            match number {
                Number::Value(value) => writer.builder.value(metric, 0, row, value),
                Number::Blank => writer.builder.blank(metric, 0, row),
                Number::None => writer.builder.value(metric, 0, row, f64::NAN),
            }
            Ok(())
        });
    }

    /// The values of a node, each with its row; `add` is told whether a policy has a metric named like a count.
    fn numbers(
        &mut self,
        reader: &mut Reader<'_>,
        node: &Node,
        what: &str,
        mut add: impl FnMut(&mut Self, u32, Number, bool) -> Result<(), Complaint>,
    ) {
        let Some(values) = self.values(reader, node, what) else { return };
        let name = what.trim_start_matches("series.");
        let also = self.options.metrics.as_ref().is_some_and(|m| m.iter().any(|n| n == name));
        for (at, (number, span)) in (0i64..).zip(values) {
            let time = Time(self.start.0.saturating_add(self.interval.0.saturating_mul(at)));
            if time > LAST {
                let message = format!("`{what}`: value {} is later than the year 9999", at.saturating_add(1));
                reader.report(
                    "bad-value",
                    message,
                    span,
                    "let it begin earlier, or write a shorter interval",
                );
                return;
            }
            let row = self.builder.row(time, span.start as usize);
            if let Err(complaint) = add(self, row, number, also) {
                reader.report("bad-value", format!("`{what}`: {}", complaint.message), span, complaint.help);
                return;
            }
        }
    }

    fn values(&mut self, reader: &mut Reader<'_>, node: &Node, what: &str) -> Option<Vec<(Number, Span)>> {
        let room = MOST_VALUES.saturating_sub(self.values);
        let values: Vec<(Number, Span)> = match &node.value {
            Yaml::Text(text) => match notation::parse(text, room) {
                Ok(numbers) => numbers.into_iter().map(|n| (n, node.span)).collect(),
                Err((piece, complaint)) => {
                    let span = inside(reader, node.span, text, piece);
                    reader.report(
                        "bad-value",
                        format!("`{what}`: {}", complaint.message),
                        span,
                        complaint.help,
                    );
                    return None;
                }
            },
            Yaml::Number(number) => vec![(finite(*number), node.span)],
            Yaml::List(items) => {
                let mut numbers = Vec::new();
                for item in items {
                    match &item.value {
                        Yaml::Number(number) => numbers.push((finite(*number), item.span)),
                        Yaml::Null => numbers.push((Number::Blank, item.span)),
                        Yaml::Text(text) => match notation::parse(text, room.saturating_sub(numbers.len())) {
                            Ok(several) => numbers.extend(several.into_iter().map(|n| (n, item.span))),
                            Err((piece, complaint)) => {
                                let span = inside(reader, item.span, text, piece);
                                let message = format!("`{what}`: {}", complaint.message);
                                reader.report("bad-value", message, span, complaint.help);
                                return None;
                            }
                        },
                        _ => {
                            reader.wrong(item, what, "a number");
                            return None;
                        }
                    }
                }
                numbers
            }
            _ => {
                reader.wrong(node, what, "a series such as \"0.5x20 0.9x20\"");
                return None;
            }
        };
        self.values += values.len();
        Some(values)
    }
}

fn finite(number: f64) -> Number {
    if number.is_finite() { Number::Value(number) } else { Number::None }
}

/// The place of a piece of a text, where the text is written as it is read.
fn inside(reader: &Reader<'_>, span: Span, text: &str, (start, end): (usize, usize)) -> Span {
    let whole = reader.source.text.get(span.start as usize..span.end as usize).unwrap_or_default();
    match whole.find(text) {
        Some(lead) => Span::new(span.start as usize + lead + start, span.start as usize + lead + end),
        None => span,
    }
}

/// A duration as policies write it, or a number of seconds.
pub(in crate::sim) fn duration(reader: &mut Reader<'_>, node: &Node, what: &str) -> Option<Duration> {
    match &node.value {
        Yaml::Number(seconds) if (0.0..=1e9).contains(seconds) => {
            Some(Duration((seconds * 1000.0).round() as i64))
        }
        Yaml::Text(text) => match parse_duration(text.trim()) {
            Ok(duration) => Some(duration),
            Err(error) => {
                reader.report("bad-value", format!("`{what}`: {error}"), node.span, "write 15s, 5m or 1h30m");
                None
            }
        },
        _ => {
            reader.wrong(node, what, "a duration such as 15s");
            None
        }
    }
}

/// An instant; without a zone it is taken as UTC.
pub(in crate::sim) fn instant(reader: &mut Reader<'_>, node: &Node, what: &str) -> Option<Time> {
    let mut clock = Clock::new(None, None);
    let time = match &node.value {
        Yaml::Text(text) => clock.quiet(text),
        Yaml::Number(number) => clock.epoch(*number),
        _ => {
            reader.wrong(node, what, "a time such as 2024-03-01T12:00:00Z");
            return None;
        }
    };
    match time {
        Ok(time) => Some(time),
        Err(complaint) => {
            reader.report("bad-value", format!("`{what}`: {}", complaint.message), node.span, complaint.help);
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::Source;

    #[test]
    fn a_series_that_leaves_the_calendar_is_told_at_its_place() {
        let said = |start: &str, interval: &str| -> Vec<String> {
            let text = format!("start: {start}\ninterval: {interval}\nseries: {{ cpu: 0.5x9 }}\n");
            let source = Source::new("x.yaml", text);
            let (root, findings) = crate::yaml::parse(&source);
            assert!(findings.is_empty());
            let mut reader = Reader::new(&source);
            recording(&mut reader, &root.unwrap(), &ReadOptions::default());
            reader.findings.into_iter().map(|finding| finding.message).collect()
        };
        let late = ["`series.cpu`: value 4 is later than the year 9999"];
        assert_eq!(said("9999-12-30T21:59:00Z", "30s"), late);
        assert_eq!(said("9999-12-30T21:59:00Z", "1s"), [""; 0]);
    }
}
