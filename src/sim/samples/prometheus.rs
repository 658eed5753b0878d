//! The answer of a Prometheus `query_range`: a matrix, one series a set of labels.

use super::ReadOptions;
use super::builder::Builder;
use super::columns::list;
use super::number::{self, Number};
use super::place::{Complaint, Problems, Text, shown};
use super::table::Names;
use crate::model::{Finding, ReplicaSample, Time};
use crate::sim::series::Samples;
use serde::de::{self, Deserialize, Deserializer, MapAccess, Visitor};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

/// The answer, or its `data` alone.
#[derive(serde::Deserialize)]
struct Answer<'a> {
    status: Option<Cow<'a, str>>,
    error: Option<Cow<'a, str>>,
    #[serde(borrow)]
    data: Option<Data<'a>>,
    #[serde(rename = "resultType")]
    result_type: Option<Cow<'a, str>>,
    result: Option<Outcome<'a>>,
}

#[derive(serde::Deserialize)]
struct Data<'a> {
    #[serde(rename = "resultType")]
    result_type: Option<Cow<'a, str>>,
    #[serde(borrow)]
    result: Option<Outcome<'a>>,
}

/// The items of `result`: series, or what a scalar has instead (`None`).
struct Outcome<'a>(Vec<Option<One<'a>>>);

impl<'de: 'a, 'a> Deserialize<'de> for Outcome<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Vec::<Item<'de>>::deserialize(deserializer)
            .map(|items| Outcome(items.into_iter().map(|i| i.0).collect()))
    }
}

struct Item<'a>(Option<One<'a>>);

impl<'de: 'a, 'a> Deserialize<'de> for Item<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct V;
        impl<'de> Visitor<'de> for V {
            type Value = Item<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a series: {\"metric\":{…},\"values\":[…]}")
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                One::deserialize(de::value::MapAccessDeserializer::new(map)).map(|one| Item(Some(one)))
            }
            fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
                Ok(Item(None))
            }
            fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
                Ok(Item(None))
            }
            fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> {
                Ok(Item(None))
            }
        }
        deserializer.deserialize_any(V)
    }
}

/// A value: Prometheus writes a text; a number is taken as well.
#[derive(Clone)]
struct Written<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Written<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct V;
        impl<'de> Visitor<'de> for V {
            type Value = Written<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value such as \"0.5\"")
            }
            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Written(Cow::Borrowed(text)))
            }
            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Written(Cow::Owned(text.to_owned())))
            }
            fn visit_f64<E>(self, number: f64) -> Result<Self::Value, E> {
                Ok(Written(Cow::Owned(number.to_string())))
            }
            fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
                Ok(Written(Cow::Owned(number.to_string())))
            }
            fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
                Ok(Written(Cow::Owned(number.to_string())))
            }
        }
        deserializer.deserialize_any(V)
    }
}

#[derive(serde::Deserialize)]
struct One<'a> {
    #[serde(default)]
    metric: BTreeMap<String, String>,
    #[serde(borrow)]
    values: Option<Vec<(f64, Written<'a>)>>,
    value: Option<serde::de::IgnoredAny>,
    histograms: Option<serde::de::IgnoredAny>,
}

/// Reads a whole file; several answers may follow each other.
///
/// # Errors
/// Findings with places.
pub(super) fn read(text: Text<'_>, options: &ReadOptions) -> Result<Samples, Vec<Finding>> {
    let mut reader = Reader {
        options,
        problems: Problems::new(&text),
        builder: Builder::new(&text.name),
        ignored: Vec::new(),
        seen: Names::default(),
    };
    let mut answers = serde_json::Deserializer::from_str(text.text).into_iter::<Answer<'_>>();
    let mut series = Vec::new();
    loop {
        let start = answers.byte_offset();
        match answers.next() {
            None => break,
            Some(Ok(answer)) => reader.answer(answer, start, &mut series),
            Some(Err(error)) => {
                let (line_start, line_end) = text.line_span(error.line());
                let at = (line_start + error.column().saturating_sub(1)).min(line_end);
                let words = error.to_string();
                let words = words.split(" at line ").next().unwrap_or_default();
                let what = Complaint::new(
                    format!("this is no answer of a Prometheus query_range: {}", shown(words)),
                    "save the whole answer of /api/v1/query_range; samples in JSON lines are named .jsonl",
                );
                reader.problems.at((at, (at + 1).min(line_end)), what, "");
                break;
            }
        }
    }
    reader.series(series);
    reader.finish(&text)
}

struct Reader<'a> {
    options: &'a ReadOptions,
    problems: Problems<'a>,
    builder: Builder,
    ignored: Vec<String>,
    /// Names of series in the file.
    seen: Names,
}

impl Reader<'_> {
    fn answer<'d>(&mut self, answer: Answer<'d>, at: usize, series: &mut Vec<One<'d>>) {
        let mut fail = |message: String, help: &str| {
            self.problems.at((at, at + 1), Complaint::new(message, help), "");
        };
        if answer.status.as_deref() == Some("error") {
            let why = answer.error.as_deref().unwrap_or("it does not say why");
            return fail(
                format!("Prometheus answered with an error: {}", shown(why)),
                "ask again, and save the answer",
            );
        }
        let (kind, outcome) = match answer.data {
            Some(data) => (data.result_type, data.result),
            None => (answer.result_type, answer.result),
        };
        let help = "ask /api/v1/query_range with start, end and step, and save the whole answer";
        match (kind.as_deref(), outcome) {
            (Some("matrix") | None, Some(Outcome(found))) if found.iter().all(Option::is_some) => {
                series.extend(found.into_iter().flatten());
            }
            (Some(kind), _) if kind != "matrix" => {
                fail(format!("the answer is a {}: one instant, not a recording", shown(kind)), help);
            }
            _ => fail("the answer has no list `data.result`".into(), help),
        }
    }

    fn series(&mut self, series: Vec<One<'_>>) {
        if series.is_empty() && self.problems.none() {
            self.problems.whole(
                Finding::error("samples-empty", "the answer holds no series")
                    .help("the query found nothing in that time: check its labels and the range"),
            );
        }
        let unnamed = series.iter().filter(|s| !s.metric.contains_key("__name__")).count();
        let only = match (&self.options.metric, self.options.metrics.as_deref()) {
            (Some(metric), _) => Some(metric.clone()),
            (None, Some([metric])) if unnamed > 0 => {
                self.builder.note(format!("series without a name are taken as {metric}, the only metric"));
                Some(metric.clone())
            }
            _ => None,
        };
        // Series by name here and region: several need a label that tells replicas apart.
        let mut groups: BTreeMap<(String, String), Vec<One<'_>>> = BTreeMap::new();
        for one in series {
            let name = one.metric.get("__name__").cloned().or_else(|| only.clone());
            let Some(name) = name else {
                self.problems.whole(
                    Finding::error("samples-unnamed", format!("a series has no name; {}", labels(&one.metric))).help(
                        "the answer to an expression has none: say which metric it is (--samples METRIC=FILE)",
                    ),
                );
                continue;
            };
            self.seen.add(&name);
            let region = one.metric.get("region").cloned().unwrap_or_default();
            let options = self.options;
            let heres: Vec<&str> = options
                .names_here(&name)
                .filter(|here| options.wants(here) || matches!(*here, "replicas" | "ready"))
                .collect();
            match heres.as_slice() {
                [] => self.ignored.push(name),
                [here] => groups.entry(((*here).to_string(), region)).or_default().push(one),
                several => {
                    for here in several {
                        let copy = One {
                            metric: one.metric.clone(),
                            values: one.values.clone(),
                            value: None,
                            histograms: None,
                        };
                        groups.entry(((*here).to_string(), region.clone())).or_default().push(copy);
                    }
                }
            }
        }
        for ((name, region), group) in groups {
            self.group(&name, &region, group);
        }
    }

    fn group(&mut self, name: &str, region: &str, group: Vec<One<'_>>) {
        let label =
            self.options.replica_labels.iter().find(|(metric, _)| metric == name).map(|(_, l)| l.clone());
        let count = matches!(name, "replicas" | "ready");
        if group.len() > 1 && (label.is_none() || count) {
            let differ = differing(&group);
            self.problems.whole(
                Finding::error(
                    "samples-several",
                    format!("{} series are {name}; they differ in {}", group.len(), differ.join(", ")),
                )
                .help(format!(
                    "aggregate in the query, as in sum({name}), or set replica_label = \"{}\" on the metric where each is a replica",
                    differ.first().map_or("pod", String::as_str)
                )),
            );
            return;
        }
        let metric = if count { None } else { Some(self.builder.metric(name)) };
        let region = self.builder.region(region);
        for one in group {
            if one.histograms.is_some() && one.values.is_none() {
                self.problems.whole(
                    Finding::error("samples-histogram", format!("{name} is a native histogram, not numbers"))
                        .help("ask for a quantile: histogram_quantile(0.95, …)"),
                );
                continue;
            }
            if one.values.is_none() && one.value.is_some() {
                self.problems.whole(
                    Finding::error("samples-cell", format!("{name} has one `value`, not a list of `values`"))
                        .help("ask /api/v1/query_range with start, end and step"),
                );
                continue;
            }
            let id = label.as_ref().map(|l| one.metric.get(l).cloned().unwrap_or_default());
            if let (Some(id), Some(label)) = (&id, &label)
                && id.is_empty()
            {
                self.problems.whole(
                    Finding::error("samples-label", format!("a series of {name} has no label `{label}`"))
                        .help(labels(&one.metric)),
                );
                continue;
            }
            self.values(name, metric, region, id, &one);
        }
    }

    fn values(
        &mut self,
        name: &str,
        metric: Option<usize>,
        region: usize,
        id: Option<String>,
        one: &One<'_>,
    ) {
        for (seconds, Written(value)) in one.values.as_deref().unwrap_or_default() {
            let time = Time((seconds * 1000.0).round() as i64);
            if !(-1e10..1e12).contains(seconds) {
                let what = Complaint::new(
                    format!("{seconds} is no time in seconds since 1970"),
                    "Prometheus writes seconds, such as 1700000000.123",
                );
                self.problems.at(self.find(value), what, name);
                continue;
            }
            let number = match number::number(value, self.options.quantities) {
                Ok(number) => number,
                Err(complaint) => {
                    let complaint =
                        Complaint::new(format!("{} ({name} at {time})", complaint.message), complaint.help);
                    self.problems.at(self.find(value), complaint, "");
                    continue;
                }
            };
            let row = self.builder.row(time, 0);
            match (metric, &id, number) {
                (Some(metric), Some(id), number) => {
                    let value = if let Number::Value(value) = number { Some(value) } else { None };
                    let sample = ReplicaSample { id: id.clone(), value, ..ReplicaSample::default() };
                    self.builder.replica(metric, region, row, sample);
                }
                (Some(metric), None, Number::Value(value)) => self.builder.value(metric, region, row, value),
                (Some(metric), None, _) => self.builder.value(metric, region, row, f64::NAN),
                (None, _, Number::Value(value)) => match number::count(value) {
                    Ok(count) if name == "replicas" => self.builder.count(region, row, count),
                    Ok(count) => self.builder.ready(region, row, count),
                    Err(complaint) => self.problems.at(self.find_text(&value.to_string()), complaint, name),
                },
                (None, _, _) => {}
            }
        }
    }

    /// The first place at which a value is written: JSON's values come without places.
    fn find(&self, value: &str) -> (usize, usize) {
        self.find_text(&format!("\"{value}\""))
    }

    fn find_text(&self, what: &str) -> (usize, usize) {
        let all = self.problems.text.map_or("", |t| t.text);
        // Looking for each of many wrong values would be quadratic; the first ones are enough.
        if self.problems.full() {
            return (0, 0);
        }
        all.find(what).map_or((0, 0), |at| (at, at + what.len()))
    }

    fn finish(mut self, text: &Text<'_>) -> Result<Samples, Vec<Finding>> {
        if self.problems.none() && self.builder.is_empty() {
            let metrics = self.options.metrics.clone().unwrap_or_default();
            self.problems.whole(
                Finding::error(
                    "samples-columns",
                    format!(
                        "no series is a metric of the policy; {}; {}",
                        list("series", &self.seen.list),
                        list("metrics", &metrics)
                    ),
                )
                .help("map them: columns: { METRIC: SERIES } beside the path in luascale.yaml"),
            );
        }
        for (here, there) in &self.options.columns {
            if self.options.wants(here) && !self.seen.has(there) && self.problems.none() {
                let what = format!("there is no series `{}` to be {here}", shown(there));
                self.problems
                    .whole(Finding::error("samples-columns", what).help(list("series", &self.seen.list)));
            }
        }
        if !self.problems.none() {
            return Err(self.problems.finish());
        }
        if !self.ignored.is_empty() {
            self.ignored.sort();
            self.ignored.dedup();
            let note =
                format!("series that the policies do not use were ignored: {}", self.ignored.join(", "));
            self.builder.note(note);
        }
        self.builder.finish(Some(text), &[]).map_err(|metric| {
            vec![Finding::error(
                "samples-mixed",
                format!("{metric} has numbers and samples of replicas both"),
            )]
        })
    }
}

fn labels(metric: &BTreeMap<String, String>) -> String {
    if metric.is_empty() {
        return "it has no labels".into();
    }
    let labels: Vec<String> =
        metric.iter().take(8).map(|(k, v)| format!("{}=\"{}\"", shown(k), shown(v))).collect();
    format!("its labels are {{{}}}", labels.join(", "))
}

/// Labels that are not the same in all of a group.
fn differing(group: &[One<'_>]) -> Vec<String> {
    let mut names: Vec<&String> = group.iter().flat_map(|one| one.metric.keys()).collect();
    names.sort();
    names.dedup();
    let differ: Vec<String> = names
        .into_iter()
        .filter(|name| {
            let mut values = group.iter().map(|one| one.metric.get(*name));
            let first = values.next();
            values.any(|value| Some(value) != first)
        })
        .take(8)
        .map(|name| shown(name))
        .collect();
    if differ.is_empty() { vec!["nothing: the same series is there twice".into()] } else { differ }
}
