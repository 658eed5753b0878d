//! Reads a kind's file, with findings for all that is wrong. May import: siblings, `text`,
//! `model`, `yaml`.

use super::data::{Argument, ExposedBy, Kind, MetricType, Reading, Series, Signal, SignalName, Status};
use super::expand::{COMMON, reference};
use crate::model::finding::capped;
use crate::model::{Finding, Per};
use crate::text::{Source, Span, Spanned};
use crate::yaml::{self, Node, Reader, Yaml};

/// Reads a kind and the place of its name; `None` where there are errors.
pub fn kind(source: &Source) -> (Option<(Kind, Span)>, Vec<Finding>) {
    let (root, mut findings) = yaml::parse(source);
    let Some(root) = root else { return (None, findings) };
    let mut reader = Reader::new(source);
    let kind = top(&mut reader, &root);
    findings.append(&mut reader.findings);
    findings.sort_by_key(|f| f.labels.first().map(|label| label.span.start));
    (kind.filter(|_| findings.is_empty()), capped(findings, 0, &source.name))
}

fn top(reader: &mut Reader<'_>, root: &Node) -> Option<(Kind, Span)> {
    const KNOWN: [&str; 11] = [
        "kind",
        "title",
        "status",
        "source",
        "fixtures",
        "endpoint",
        "url",
        "exposed_by",
        "arguments",
        "signals",
        "notes",
    ];
    reader.map(root, "", &KNOWN);
    let mut required = |key: &str, example: &str| reader.required(root, "", key, example);
    let name = required("kind", "kind: gateway.mine");
    let title = required("title", "title: My gateway");
    let endpoint = required("endpoint", "endpoint: the admin port, `GET /metrics`");
    let url = required("url", "url: http://mine:9090/metrics");
    let signals = required("signals", "signals: { rps: { read: rate, family: …, type: counter } }");

    let name = name.and_then(|node| constructor(reader, node));
    let title = title.and_then(|node| reader.text(node, "title"));
    let endpoint = endpoint.and_then(|node| reader.text(node, "endpoint"));
    let url = url.and_then(|node| reader.text(node, "url"));
    let status = root.get("status").and_then(|node| reader.choice(node, "status", &["run", "source", "doc"]));
    let exposed_by =
        root.get("exposed_by").and_then(|node| reader.choice(node, "exposed_by", &["gateway", "replica"]));
    let source = root.get("source").and_then(|node| reader.text(node, "source"));
    let mut texts = |key: &str| -> Vec<String> {
        let texts = root.get(key).map(|node| reader.texts(node, key)).unwrap_or_default();
        texts.into_iter().map(|text| text.value).collect()
    };
    let (fixtures, notes) = (texts("fixtures"), texts("notes"));
    let arguments = root.get("arguments").map(|node| arguments(reader, node)).unwrap_or_default();
    let names: Vec<&str> = arguments.iter().map(|a| a.name.as_str()).collect();
    let signals = signals.map(|node| signal_list(reader, node, &names)).unwrap_or_default();
    let name = name?;
    Some((
        Kind {
            title: title?.value,
            status: match status.as_deref().map(String::as_str) {
                Some("run") => Status::Run,
                Some("source") => Status::Source,
                _ => Status::Doc,
            },
            source: source.map(|text| text.value),
            fixtures,
            endpoint: endpoint?.value,
            url: url?.value,
            exposed_by: match exposed_by.as_deref().map(String::as_str) {
                Some("replica") => ExposedBy::Replica,
                _ => ExposedBy::Gateway,
            },
            arguments,
            signals,
            notes,
            name: name.value,
        },
        name.span,
    ))
}

fn identifier(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
        && !text.starts_with(|c: char| c.is_ascii_digit())
}

fn constructor(reader: &mut Reader<'_>, node: &Node) -> Option<Spanned<String>> {
    let name = reader.text(node, "kind")?;
    let fits = name
        .split_once('.')
        .is_some_and(|(family, rest)| matches!(family, "gateway" | "llm_gateway") && identifier(rest));
    if !fits {
        let message = format!("`{}` is no name of a kind", name.value);
        let help = "write `gateway.NAME` or `llm_gateway.NAME`, with small letters, digits and `_`";
        reader.report("bad-value", message, name.span, help);
    }
    fits.then_some(name)
}

fn arguments(reader: &mut Reader<'_>, node: &Node) -> Vec<Argument> {
    let mut arguments = Vec::new();
    for (key, value) in reader.entries(node, "arguments") {
        let what = format!("arguments.{}", key.value);
        if !identifier(&key.value) {
            let help = "use small letters, digits and `_`";
            reader.report("bad-value", format!("`{}` is no name of an argument", key.value), key.span, help);
            continue;
        }
        if COMMON.contains(&key.value.as_str()) || ["labels", "signal"].contains(&key.value.as_str()) {
            let help = "every kind takes it already; leave it out";
            reader.report("bad-value", format!("the argument `{}` is reserved", key.value), key.span, help);
            continue;
        }
        let (text, required) = match &value.value {
            Yaml::Map(_) => {
                reader.map(value, &what, &["text", "required"]);
                let text = reader.required(value, &what, "text", "text: what it names");
                let text = text.and_then(|node| reader.text(node, &format!("{what}.text")));
                let required = value.get("required");
                (
                    text,
                    required
                        .and_then(|node| reader.boolean(node, &format!("{what}.required")))
                        .unwrap_or(false),
                )
            }
            _ => (reader.text(value, &what), false),
        };
        if let Some(text) = text {
            arguments.push(Argument { name: key.value.clone(), text: text.value, required });
        }
    }
    arguments
}

fn signal_list(reader: &mut Reader<'_>, node: &Node, arguments: &[&str]) -> Vec<Signal> {
    let entries = reader.entries(node, "signals");
    if entries.is_empty() && matches!(node.value, Yaml::Map(_) | Yaml::Null) {
        let help = "declare at least one: `rps: { read: rate, family: …, type: counter }`";
        reader.report("missing-field", "the kind has no signals", node.span, help);
    }
    let names = SignalName::ALL.map(SignalName::name);
    let mut signals = Vec::new();
    for (key, value) in entries {
        match SignalName::ALL.into_iter().find(|name| name.name() == key.value) {
            Some(name) => signals.extend(signal(reader, name, value, arguments)),
            None => reader.unknown(key, "signals", &names),
        }
    }
    signals.sort_by_key(|s| s.name);
    signals
}

fn signal(reader: &mut Reader<'_>, name: SignalName, node: &Node, arguments: &[&str]) -> Option<Signal> {
    const KNOWN: [&str; 10] =
        ["read", "family", "type", "labels", "over", "quantile", "scale", "per", "promql", "note"];
    let what = format!("signals.{}", name.name());
    let before = reader.findings.len();
    reader.map(node, &what, &KNOWN);
    let of = |key: &str| format!("{what}.{key}");
    let promql = node.get("promql").and_then(|n| template(reader, n, &of("promql")));
    let labels =
        node.get("labels").map(|n| matchers(reader, n, &of("labels"), arguments)).unwrap_or_default();
    let scale = match node.get("scale") {
        Some(n) => positive(reader, n, &of("scale"))?,
        None => 1.0,
    };
    let per = match node.get("per") {
        Some(n) => match reader.choice(n, &of("per"), &["total", "replica", "none"])?.value.as_str() {
            "total" => Some(Per::Total),
            "replica" => Some(Per::Replica),
            _ => None,
        },
        None => name.per(),
    };
    let note = node.get("note").and_then(|n| reader.text(n, &of("note"))).map(|text| text.value);
    let reading = match node.get("read") {
        Some(n) => Some(reading(reader, n, node, &what, arguments, &labels)?),
        None if node.get("promql").is_some() => {
            for key in ["family", "type", "over", "quantile", "scale"] {
                if let Some(n) = node.get(key) {
                    let help = "say how with `read`, or leave it out: `promql` is the whole query";
                    reader.report("bad-value", format!("`{what}` has `{key}`, but no `read`"), n.span, help);
                }
            }
            None
        }
        None => {
            let help = "add `read: sum|max|avg|rate|rate_ratio|quantile` with a `family`, or `promql: …`";
            reader.report("missing-field", format!("`{what}` does not say how it is read"), node.span, help);
            None
        }
    };
    (reader.findings.len() == before).then_some(Signal { name, per, reading, scale, promql, labels, note })
}

fn positive(reader: &mut Reader<'_>, node: &Node, what: &str) -> Option<f64> {
    let number = reader.number(node, what)?;
    if number > 0.0 {
        return Some(number);
    }
    reader.report("bad-value", format!("`{what}` cannot be {number}"), node.span, "a number above 0");
    None
}

fn template(reader: &mut Reader<'_>, node: &Node, what: &str) -> Option<String> {
    let text = reader.text(node, what)?;
    if !text.value.contains("$labels") {
        let help = "put `{$labels}` after each family, so that arguments and `labels` can narrow it";
        reader.report("bad-value", format!("`{what}` has no `$labels`"), text.span, help);
    }
    if let Some(why) = super::promql::unbalanced(&text.value) {
        reader.report(
            "bad-value",
            format!("`{what}` is no PromQL: {why}"),
            text.span,
            "check its brackets and quotes",
        );
    }
    Some(text.value)
}

fn reading(
    reader: &mut Reader<'_>,
    read: &Node,
    node: &Node,
    what: &str,
    arguments: &[&str],
    labels: &[(String, String)],
) -> Option<Reading> {
    const HOW: [&str; 6] = ["sum", "max", "avg", "rate", "rate_ratio", "quantile"];
    let how = reader.choice(read, &format!("{what}.read"), &HOW);
    let first = series(reader, node, what, labels.to_vec());
    let how = how?.value;
    for (key, of) in [("over", "rate_ratio"), ("quantile", "quantile")] {
        if let Some(n) = node.get(key).filter(|_| how != of) {
            let message = format!("`{what}` has `{key}`, which `read: {how}` does not take");
            reader.report("bad-value", message, n.span, format!("`{key}` is of `read: {of}`"));
        }
    }
    let reading = match how.as_str() {
        "sum" => Reading::Sum(first?),
        "max" => Reading::Max(first?),
        "avg" => Reading::Avg(first?),
        "rate" => Reading::Rate(first?),
        "rate_ratio" => {
            let over = reader.required(node, what, "over", "over: { family: …, type: counter }")?;
            let what = format!("{what}.over");
            reader.map(over, &what, &["family", "type", "labels"]);
            let labels =
                over.get("labels").map(|n| matchers(reader, n, &format!("{what}.labels"), arguments));
            let over = series(reader, over, &what, labels.unwrap_or_default());
            Reading::RateRatio(first?, over?)
        }
        _ => {
            let quantile = reader.required(node, what, "quantile", "quantile: 0.95")?;
            let what = format!("{what}.quantile");
            let number = reader.number(quantile, &what)?;
            if !(number > 0.0 && number < 1.0) {
                let help = "a number between 0 and 1, such as 0.95";
                reader.report("bad-value", format!("`{what}` cannot be {number}"), quantile.span, help);
            }
            Reading::Quantile(number, first?)
        }
    };
    fits(reader, &reading, node, what);
    Some(reading)
}

/// A rate of a gauge or a quantile of a counter means nothing.
fn fits(reader: &mut Reader<'_>, reading: &Reading, node: &Node, what: &str) {
    let (allowed, text): (&[MetricType], &str) = match reading {
        Reading::Sum(_) | Reading::Max(_) | Reading::Avg(_) => {
            (&[MetricType::Gauge, MetricType::Summary], "of a gauge, or of a quantile of a summary")
        }
        Reading::Rate(_) | Reading::RateRatio(..) => (
            &[MetricType::Counter, MetricType::Histogram, MetricType::Summary],
            "of a counter, or of the `_count` or `_sum` of a histogram or summary",
        ),
        Reading::Quantile(..) => (&[MetricType::Histogram], "of a histogram"),
    };
    for series in reading.series() {
        if !allowed.contains(&series.kind) {
            let message = format!("`{what}` cannot be read so from a {}", series.kind.name());
            reader.report("bad-value", message, node.span, format!("such a reading is {text}"));
        }
    }
}

fn series(reader: &mut Reader<'_>, node: &Node, what: &str, labels: Vec<(String, String)>) -> Option<Series> {
    let name = reader.required(node, what, "family", "family: mine_requests_total");
    let kind = reader.required(node, what, "type", "type: counter");
    let name = name.and_then(|n| reader.text(n, &format!("{what}.family")));
    let types = ["counter", "gauge", "histogram", "summary"];
    let kind = kind.and_then(|n| reader.choice(n, &format!("{what}.type"), &types));
    let name = name?;
    let letters = name.value.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b':'));
    if !letters || name.value.starts_with(|c: char| c.is_ascii_digit()) {
        let help = "letters, digits, `_` and `:`, and no digit first";
        reader.report("bad-value", format!("`{}` is no name of a family", name.value), name.span, help);
        return None;
    }
    let kind = match kind?.value.as_str() {
        "counter" => MetricType::Counter,
        "gauge" => MetricType::Gauge,
        "histogram" => MetricType::Histogram,
        _ => MetricType::Summary,
    };
    Some(Series { name: name.value, kind, labels })
}

fn matchers(reader: &mut Reader<'_>, node: &Node, what: &str, arguments: &[&str]) -> Vec<(String, String)> {
    let mut labels = Vec::new();
    for (key, value) in reader.entries(node, what) {
        let what = format!("{what}.{}", key.value);
        let Some(text) = reader.text(value, &what) else { continue };
        if let Some((name, _)) = reference(&text.value).filter(|(name, _)| !arguments.contains(name)) {
            let known = match arguments {
                [] => "the kind declares no arguments".to_owned(),
                names => format!("declared are: {}", names.join(", ")),
            };
            reader.report(
                "bad-value",
                format!("`{what}` takes an argument `{name}` that is not declared"),
                text.span,
                known,
            );
        }
        labels.push((key.value.clone(), text.value));
    }
    labels
}
