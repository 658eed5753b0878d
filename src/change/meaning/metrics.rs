//! Changes of metrics and of the targets that are tracked. May import: siblings.

use super::{Class, Diff, sides};
use crate::change::say;
use crate::model::{Metric, MetricSource, Missing, Model, Policy, Scrape};

impl Diff<'_> {
    pub(super) fn metrics(&mut self) {
        let (a, b) = (self.before.policy, self.after.policy);
        self.metrics_of("metrics", (a, &a.metrics), (b, &b.metrics));
        self.track(a, b);
    }

    /// Metrics of a policy or a region, by name.
    pub(super) fn metrics_of(
        &mut self,
        field: &str,
        (a, before): (&Policy, &[Metric]),
        (b, after): (&Policy, &[Metric]),
    ) {
        let find = |list: &[Metric], name: &str| list.iter().position(|m| m.name.value == name);
        for metric in before {
            let name = &metric.name.value;
            if find(after, name).is_none() {
                let words = "it is not read any more";
                let text = (Some(source(&metric.source)), None);
                self.put(format!("{field}.{name}"), &[Class::Availability], text, words);
            }
        }
        for metric in after {
            let name = &metric.name.value;
            let field = format!("{field}.{name}");
            match find(before, name).and_then(|at| before.get(at)) {
                Some(old) => self.metric(&field, (a, old), (b, metric)),
                None => {
                    let text = (None, Some(source(&metric.source)));
                    self.put(field, &[Class::Availability], text, "a metric that was not read before");
                }
            }
        }
    }

    fn metric(&mut self, field: &str, (p, a): (&Policy, &Metric), (q, b): (&Policy, &Metric)) {
        const COUNTS: &[Class] = &[Class::Availability];
        let name = |part: &str| format!("{field}.{part}");
        if !same_source(&a.source, &b.source) {
            let moved = host(&a.source) != host(&b.source) && host(&b.source).is_some();
            let classes: &[Class] = if moved { &[Class::Effects, Class::Availability] } else { COUNTS };
            let words =
                if moved { "its values come from another place" } else { "its values are another number" };
            self.put(field, classes, sides(source(&a.source), source(&b.source)), words);
        }
        let text = |of: Option<&'static str>| of.map(String::from);
        let unit = |m: &Metric| text(m.unit.map(crate::model::Unit::name));
        if a.unit != b.unit {
            self.put(name("unit"), COUNTS, (unit(a), unit(b)), "its numbers are taken for another unit");
        }
        let per = |m: &Metric| {
            text(m.per.map(|per| match per {
                crate::model::Per::Replica => "replica",
                crate::model::Per::Total => "total",
            }))
        };
        if a.per != b.per {
            let words = "how the count follows from it is computed otherwise";
            self.put(name("per"), COUNTS, (per(a), per(b)), words);
        }
        let number = |n: Option<f64>| n.map(say::number);
        if a.saturation != b.saturation {
            let words = "a replica is taken to be full at another value";
            self.put(name("saturation"), COUNTS, (number(a.saturation), number(b.saturation)), words);
        }
        if a.capacity != b.capacity {
            let how = a.capacity.zip(b.capacity).and_then(|(a, b)| say::by(a, b));
            let words = match how {
                Some(how) => format!("a replica is taken to serve {how}"),
                None => "a replica is taken to serve another load".into(),
            };
            self.put(name("capacity"), COUNTS, (number(a.capacity), number(b.capacity)), words);
        }
        if a.missing != b.missing {
            let (classes, words): (&[Class], _) = match b.missing {
                Missing::Hold => (&[Class::Tightens], "without a value nothing scales in"),
                Missing::Zero => (
                    &[Class::Loosens, Class::Availability],
                    "without a value it counts as 0, which may scale in under load",
                ),
                Missing::Last { .. } => {
                    (&[Class::Loosens, Class::Availability], "without a value the last one stands in")
                }
                Missing::Fail => {
                    (&[Class::Tightens, Class::Availability], "without a value nothing changes but bounds")
                }
            };
            self.put(name("missing"), classes, sides(missing(a.missing), missing(b.missing)), words);
        }
        if model(p, a.models) != model(q, b.models) {
            let words = "a dry-run simulates it otherwise; decisions are the same";
            self.put(name("models"), &[Class::Cosmetic], (model(p, a.models), model(q, b.models)), words);
        }
        if a.replica_label != b.replica_label {
            let texts = (a.replica_label.clone(), b.replica_label.clone());
            self.put(name("replica_label"), COUNTS, texts, "replicas are told apart by another label");
        }
        if a.resource != b.resource {
            let words = "Kubernetes' rules for replicas that start count otherwise";
            self.put(name("resource"), COUNTS, (a.resource.clone(), b.resource.clone()), words);
        }
        for (part, x, y) in [
            ("cpu_initialization_period", a.cpu_initialization_period, b.cpu_initialization_period),
            ("initial_readiness_delay", a.initial_readiness_delay, b.initial_readiness_delay),
        ] {
            if x != y {
                let words = format!("a starting replica is treated as one for {y}");
                self.put(name(part), COUNTS, sides(x, y), words);
            }
        }
    }

    fn track(&mut self, a: &Policy, b: &Policy) {
        let named = |policy: &Policy| -> Vec<(String, f64)> {
            let name = |at: usize| policy.metrics.get(at).map_or_else(String::new, |m| m.name.value.clone());
            policy.track.iter().map(|track| (name(track.metric), track.target)).collect()
        };
        let (before, after) = (named(a), named(b));
        for (metric, target) in &before {
            if !after.iter().any(|(name, _)| name == metric) {
                let words = format!("{metric} is no longer held at a target");
                let text = (Some(say::number(*target)), None);
                self.put(format!("track.{metric}"), &[Class::Availability, Class::Loosens], text, words);
            }
        }
        for (metric, new) in &after {
            let field = format!("track.{metric}");
            let Some((_, old)) = before.iter().find(|(name, _)| name == metric) else {
                let words = format!("{metric} is held at {}", say::number(*new));
                let text = (None, Some(say::number(*new)));
                self.put(field, &[Class::Loosens, Class::Cost, Class::Availability], text, words);
                continue;
            };
            if old == new {
                continue;
            }
            // The count is load / target: a higher target is fewer replicas for the same load.
            let how = say::by(1.0 / old, 1.0 / new).map(|how| {
                let (size, direction) = how.split_once(' ').unwrap_or((&how, ""));
                let direction = if direction == "less" { "fewer" } else { direction };
                format!("about {size} {direction} replicas for the same load")
            });
            let classes: &[Class] = if new > old {
                &[Class::Availability, Class::Tightens]
            } else {
                &[Class::Loosens, Class::Cost]
            };
            self.put(field, classes, sides(say::number(*old), say::number(*new)), how.unwrap_or_default());
        }
    }
}

fn same_source(a: &MetricSource, b: &MetricSource) -> bool {
    match (a, b) {
        // How a query is laid out over lines does not matter to a server.
        (MetricSource::Prometheus { query: x, url: u }, MetricSource::Prometheus { query: y, url: v }) => {
            u == v && laid_out(&x.value) == laid_out(&y.value)
        }
        (MetricSource::File { path: x, column: c }, MetricSource::File { path: y, column: d }) => {
            x.value == y.value && c == d
        }
        _ => a == b,
    }
}

/// A query with single blanks, as long as no text in it has any.
fn laid_out(query: &str) -> String {
    if query.contains(['"', '\'', '`']) && query.contains("  ") {
        let mut out = String::new();
        let mut quote = None;
        for c in query.chars() {
            match quote {
                Some(q) => {
                    quote = (c != q).then_some(q);
                    out.push(c);
                }
                None if c.is_whitespace() => {
                    if !out.ends_with(' ') {
                        out.push(' ');
                    }
                }
                None => {
                    quote = matches!(c, '"' | '\'' | '`').then_some(c);
                    out.push(c);
                }
            }
        }
        return out.trim().to_string();
    }
    query.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn source(source: &MetricSource) -> String {
    match source {
        MetricSource::Prometheus { query, .. } => {
            format!("prometheus {}", query.value.split_whitespace().collect::<Vec<_>>().join(" "))
        }
        MetricSource::Scrape(Scrape { from: Some((kind, signal)), url, .. }) => {
            format!("{kind} {signal} {url}")
        }
        MetricSource::Scrape(scrape) => format!("scrape {}", scrape.url),
        MetricSource::Mcp { server, tool, .. } => format!("mcp {server} {tool}"),
        MetricSource::File { path, column } => format!("file {} {column}", path.value),
        MetricSource::Samples => "samples".into(),
    }
}

/// Where values come from, where the policy says so.
fn host(source: &MetricSource) -> Option<&str> {
    match source {
        MetricSource::Prometheus { url, .. } => url.as_deref(),
        MetricSource::Scrape(scrape) => Some(&scrape.url),
        MetricSource::Mcp { server, .. } => Some(server),
        MetricSource::File { .. } | MetricSource::Samples => None,
    }
}

fn missing(missing: Missing) -> String {
    match missing {
        Missing::Hold => "hold".into(),
        Missing::Zero => "zero".into(),
        Missing::Last { max_age } => format!("last, for {max_age}"),
        Missing::Fail => "fail".into(),
    }
}

fn model(policy: &Policy, model: Option<Model>) -> Option<String> {
    let name = |at: usize| policy.metrics.get(at).map_or("", |m| m.name.value.as_str());
    model.map(|model| match model {
        Model::Latency { load } => format!("latency of {}", name(load)),
        Model::Queue { arrivals } => format!("queue of {}", name(arrivals)),
    })
}
