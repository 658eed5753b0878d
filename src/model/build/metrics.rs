//! Metrics: the fields that every one has, and what they mean to each other. Where they come
//! from is read in `sources`. May import: `text`, `model`.

use super::at::{At, Builder, Table, Where};
use super::read::{Known, Shape};
use super::sources;
use super::words::{figure, quoted, shown, suggestion};
use crate::model::finding::did_you_mean;
use crate::model::policy::{Metric, Missing, Model, Per, Predict, Unit};
use crate::model::raw::RawValue;
use crate::model::time::Duration;
use crate::text::Spanned;

/// Fields of a metric whatever its source.
pub(super) const COMMON: [&str; 13] = [
    "unit",
    "per",
    "saturation",
    "capacity",
    "models",
    "load",
    "arrivals",
    "missing",
    "max_age",
    "replica_label",
    "resource",
    "cpu_initialization_period",
    "initial_readiness_delay",
];

/// Most declared metrics that are listed where a name is none of them.
const NAMED: usize = 12;

/// Names that mean something else where metrics are read or recorded.
const RESERVED: [(&str, &str); 6] = [
    ("has", "`m.has(\"name\")` asks whether a metric is known"),
    ("time", "it is the column of instants in samples"),
    ("timestamp", "it is the column of instants in samples"),
    ("replicas", "it is the column of recorded replicas in samples"),
    ("ready", "it is the column of replicas that took load in samples"),
    ("region", "it is the column of regions in samples"),
];

/// One declared metric; `None` where it could not be read.
pub(super) struct Declared<'a> {
    pub name: String,
    pub at: At<'a>,
    pub metric: Option<Metric>,
}

/// The metrics of a policy, sorted by name, the unreadable ones among them.
pub(super) struct Metrics<'a> {
    declared: Vec<Declared<'a>>,
    /// Whether all names are known.
    closed: bool,
}

impl<'a> Metrics<'a> {
    /// All of them, where each could be read.
    pub fn complete(self) -> Option<Vec<Metric>> {
        self.declared.into_iter().map(|d| d.metric).collect()
    }

    /// A metric by name.
    pub fn get(&self, name: &str) -> Option<(usize, &Declared<'a>)> {
        self.declared.iter().enumerate().find(|(_, d)| d.name == name)
    }

    /// A metric by index, where it could be read.
    pub fn metric(&self, index: usize) -> Option<&Metric> {
        self.declared.get(index)?.metric.as_ref()
    }

    /// The metric that a name means; reports a name that is none, at `place`.
    pub fn resolve(&self, b: &mut Builder<'a>, name: &str, place: &Where, by: &str) -> Option<usize> {
        if let Some((index, _)) = self.get(name) {
            return Some(index);
        }
        if self.closed {
            let names = || self.declared.iter().map(|d| d.name.as_str());
            let most = if b.full() { 0 } else { NAMED };
            let mut all = names().take(most).map(|n| format!("`{n}`")).collect::<Vec<_>>().join(", ");
            if self.declared.len() > NAMED {
                all.push_str(&format!(" and {} more", self.declared.len() - NAMED));
            }
            let help = match all.is_empty() {
                true => format!("declare it: metrics = {{ {} = … }}", shown(name)),
                false if b.full() => String::new(),
                false => suggestion(did_you_mean(name, names()), &format!("declared metrics are {all}")),
            };
            b.error(
                "unknown-metric",
                place,
                format!("{by} names the metric `{}`, which is not declared", shown(name)),
                help,
            );
        }
        None
    }

    /// Whether a function of the metrics reads only those that are declared; reports others. Only
    /// what it reads of its own first parameter is seen; the rest is the VM's to tell.
    pub fn check_reads(&self, b: &mut Builder<'a>, function: &At<'a>) {
        if function.node.is_none() {
            return;
        }
        let mut seen: Vec<&str> = Vec::new();
        let reads = b.reads.get(&function.span()).cloned().unwrap_or_default();
        for read in reads.into_iter().filter(|r| r.name != "has") {
            if !seen.contains(&read.name.as_str()) {
                seen.push(&read.name);
                let place = Where { span: read.span, ..function.place.clone() };
                self.resolve(b, &read.name, &place, &format!("`{}`", function.path));
            }
        }
    }

    /// What a metric that is tracked or predicted from is an aggregate of; it must be declared.
    pub fn per(&self, b: &mut Builder<'a>, index: usize, place: &Where, by: &str) -> Option<Per> {
        let declared = self.declared.get(index)?;
        let metric = declared.metric.as_ref()?;
        if metric.per.is_none() {
            let name = &declared.name;
            b.error(
                "per-required",
                place,
                format!("{by} `{name}`, which does not say whether it is an average over replicas or a sum"),
                "write per = \"replica\" for an average over replicas (it falls as replicas are added), per = \"total\" for a sum over all of them; guessed wrong, the count would run away",
            );
            b.label("used here");
            b.also(&declared.at.place, format!("`{name}` is declared here without `per`"));
        }
        metric.per
    }
}

/// Reads `metrics`.
pub(super) fn metrics<'a>(b: &mut Builder<'a>, policy: &Table<'a>) -> Metrics<'a> {
    let mut metrics = Metrics { declared: Vec::new(), closed: true };
    let Some(at) = b.field(policy, "metrics") else { return metrics };
    let what = "a table of metrics";
    let Some(table) = b.table(&at, what, Known::Any, Shape::Map) else {
        metrics.closed = false;
        return metrics;
    };
    for (name, at) in b.fields(&table) {
        if let Some((_, why)) = RESERVED.iter().find(|(n, _)| *n == name) {
            b.error(
                "reserved-name",
                &at.key,
                format!("a metric cannot be named `{name}`"),
                format!("{why}; choose another name"),
            );
        } else {
            b.check_name(&at.key.clone(), &format!("the name of the metric {}", quoted(name)), name);
        }
        let metric = metric(b, &at, name, None);
        metrics.declared.push(Declared { name: name.to_string(), at, metric });
    }
    metrics.declared.sort_by(|a, b| a.name.cmp(&b.name));
    for i in 0..metrics.declared.len() {
        let at = metrics.declared[i].at.clone();
        let models = models(b, &at, &metrics);
        if let Some(declared) = metrics.declared.get_mut(i)
            && let Some(metric) = &mut declared.metric
        {
            match models {
                Ok(models) => metric.models = models,
                Err(()) => declared.metric = None,
            }
        }
    }
    metrics
}

/// Reads one metric. `base` is the policy's metric of the same name, for one of a region.
pub(super) fn metric<'a>(
    b: &mut Builder<'a>,
    at: &At<'a>,
    name: &str,
    base: Option<&Metric>,
) -> Option<Metric> {
    let RawValue::Table(_) = at.value else {
        let write = match at.value {
            RawValue::String(text) => Some(format!("prometheus {{ query = {} }}", quoted(text))),
            RawValue::Number(_) => Some("where its values come from: file { path = …, column = … }".into()),
            _ => None,
        };
        b.wrong_type(at, "a metric", write);
        return None;
    };
    let table = b.table(at, "a metric", Known::Any, Shape::Map)?;
    let source = sources::source(b, &table, name);
    let expanded = source.as_ref();

    let units: Vec<_> = Unit::ALL.iter().map(|u| (u.name(), *u)).collect();
    let mut good = true;
    let mut keep = |read: bool| good &= read;
    let unit = b.field(&table, "unit").map(|at| (b.choice(&at, "a unit", &units), at));
    if let Some((unit, at)) = &unit {
        keep(unit.is_some());
        if let (Some(unit), Some(known)) = (unit, expanded.and_then(|e| e.unit))
            && *unit != known
        {
            b.error(
                "unit-mismatch",
                &at.place,
                format!("`{}` says {}, and the signal is in {}", at.path, unit.name(), known.name()),
                format!(
                    "leave `unit` out, or write \"{}\": signals have one unit, whatever the gateway's own",
                    known.name()
                ),
            );
        }
    }
    let pers = [("replica", Per::Replica), ("total", Per::Total)];
    let per = b.field(&table, "per").map(|at| (b.choice(&at, "what a metric is an aggregate of", &pers), at));
    if let Some((per, at)) = &per {
        keep(per.is_some());
        if let (Some(per), Some(known)) = (per, expanded.and_then(|e| e.per))
            && *per != known
        {
            let known = if known == Per::Total { "total" } else { "replica" };
            b.error(
                "per-mismatch",
                &at.place,
                format!("`{}` contradicts the signal, which is per \"{known}\"", at.path),
                format!("leave `per` out, or write \"{known}\""),
            );
        }
    }
    let unit = match unit {
        Some((unit, _)) => unit,
        None => expanded.and_then(|e| e.unit).or(base.and_then(|m| m.unit)),
    };
    let declared_per = per.is_some();
    let per = match per {
        Some((per, _)) => per,
        None => expanded.and_then(|e| e.per).or(base.and_then(|m| m.per)),
    };

    let aggregate = |b: &mut Builder<'a>, field: &str, needs: Per, word: &str, why: &str| {
        let Some(at) = b.field(&table, field) else {
            return Some(base.and_then(|m| if field == "capacity" { m.capacity } else { m.saturation }));
        };
        let value = b.positive(&at, &format!("a {field}"))?;
        // A `per` that could not be read was reported; it proves nothing here.
        if per != Some(needs) && (per.is_some() || !declared_per) && source.is_some() {
            b.error(
                "useless-field",
                &at.key,
                format!("`{}` counts only for a metric with per = \"{word}\"", at.path),
                why.to_string(),
            );
            return None;
        }
        Some(Some(value))
    };
    let saturation = aggregate(
        b,
        "saturation",
        Per::Replica,
        "replica",
        "saturation is the value that one replica cannot exceed: declare per = \"replica\", or leave it out",
    );
    let capacity = aggregate(
        b,
        "capacity",
        Per::Total,
        "total",
        "capacity is how much of a total one replica serves: declare per = \"total\", or leave it out",
    );

    let missing = missing(b, &table, base);
    let replica_label = match b.field(&table, "replica_label") {
        None => Some(base.and_then(|m| m.replica_label.clone())),
        Some(at) => label(b, &at).map(Some),
    };
    let resource = match b.field(&table, "resource") {
        None => Some(base.and_then(|m| m.resource.clone())),
        Some(at) => {
            b.choice(&at, "a resource", &[("cpu", "cpu"), ("memory", "memory")]).map(|r| Some(r.into()))
        }
    };
    let mut period = |name: &str, inherited: Option<Duration>, default: i64| match b.field(&table, name) {
        None => Some(inherited.unwrap_or(Duration::from_secs(default))),
        Some(at) => b.duration(&at, Duration::ZERO),
    };
    let cpu_initialization_period =
        period("cpu_initialization_period", base.map(|m| m.cpu_initialization_period), 300);
    let initial_readiness_delay =
        period("initial_readiness_delay", base.map(|m| m.initial_readiness_delay), 30);

    Some(Metric {
        name: Spanned::new(name.to_string(), at.key.span),
        source: source?.source,
        unit,
        per,
        saturation: saturation?,
        capacity: capacity?,
        models: base.and_then(|m| m.models),
        missing: missing?,
        replica_label: replica_label?,
        resource: resource?,
        cpu_initialization_period: cpu_initialization_period?,
        initial_readiness_delay: initial_readiness_delay?,
    })
    .filter(|_| good)
}

fn missing<'a>(b: &mut Builder<'a>, table: &Table<'a>, base: Option<&Metric>) -> Option<Missing> {
    let choices = [("hold", 0), ("zero", 1), ("last", 2), ("fail", 3)];
    let chosen = match b.field(table, "missing") {
        None => None,
        Some(at) => Some((b.choice(&at, "what holds while a metric has no value", &choices)?, at)),
    };
    let max_age = b.field(table, "max_age");
    let age = max_age.as_ref().map(|at| b.duration(at, Duration(1)));
    match (chosen, &max_age) {
        (Some((2, _)), Some(_)) => age.flatten().map(|max_age| Missing::Last { max_age }),
        (Some((2, at)), None) => {
            b.error(
                "missing-field",
                &at.place,
                format!("`{}` is \"last\", which needs a `max_age`", at.path),
                "write max_age = \"2m\" beside it: for how long the last value may stand in",
            );
            None
        }
        (_, Some(at)) => {
            b.error(
                "useless-field",
                &at.key,
                format!("`{}` counts only with missing = \"last\"", at.path),
                "write missing = \"last\" beside it, or leave it out",
            );
            None
        }
        (Some((0, _)), None) => Some(Missing::Hold),
        (Some((1, _)), None) => Some(Missing::Zero),
        (Some(_), None) => Some(Missing::Fail),
        (None, None) => Some(base.map_or(Missing::Hold, |m| m.missing)),
    }
}

fn label<'a>(b: &mut Builder<'a>, at: &At<'a>) -> Option<String> {
    let text = b.text(at, "the name of a label")?;
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if text.chars().all(word) && !text.starts_with(|c: char| c.is_ascii_digit()) {
        return Some(text.to_string());
    }
    b.error(
        "bad-name",
        &at.place,
        format!("`{}` cannot be {}: that is no name of a label", at.path, quoted(text)),
        "a label has letters, digits and _, and starts with no digit: replica_label = \"pod\"",
    );
    None
}

/// Reads `models`, `load` and `arrivals`; the metrics they name are judged in `check_models`.
fn models<'a>(b: &mut Builder<'a>, at: &At<'a>, metrics: &Metrics<'a>) -> Result<Option<Model>, ()> {
    let RawValue::Table(raw) = at.value else { return Err(()) };
    let table = Table { at: at.clone(), raw };
    let model = match b.field(&table, "models") {
        None => None,
        Some(at) => {
            let choices = [("latency", "load"), ("queue", "arrivals")];
            Some((b.choice(&at, "how a closed loop changes a metric", &choices).ok_or(())?, at))
        }
    };
    let mut failed = false;
    for (field, model_name) in [("load", "latency"), ("arrivals", "queue")] {
        if let Some(entry) = b.field(&table, field)
            && model.as_ref().is_none_or(|(needs, _)| *needs != field)
        {
            failed = true;
            b.error(
                "useless-field",
                &entry.key,
                format!("`{}` counts only with models = \"{model_name}\"", entry.path),
                format!("write models = \"{model_name}\" beside it, or leave it out"),
            );
        }
    }
    let Some((field, model_at)) = model else { return if failed { Err(()) } else { Ok(None) } };
    let Some(named) = b.field(&table, field) else {
        let (model_name, example) = match field {
            "load" => ("latency", "load = \"cpu\": the utilization that it grows with"),
            _ => ("queue", "arrivals = \"rps\": the total that fills it"),
        };
        b.error(
            "missing-field",
            &model_at.place,
            format!("`{}` is \"{model_name}\", which needs `{field}`", model_at.path),
            format!("write {example}"),
        );
        return Err(());
    };
    let name = b.text(&named, "the name of a metric").ok_or(())?;
    let index = metrics.resolve(b, name, &named.place.clone(), &format!("`{}`", named.path)).ok_or(())?;
    Ok(Some(if field == "load" { Model::Latency { load: index } } else { Model::Queue { arrivals: index } }))
}

/// Gives the predicted metric its capacity, where it is a total and has none of its own.
pub(super) fn fill_capacity(metrics: &mut Metrics<'_>, predict: Option<&Predict>) {
    if let Some(predict) = predict
        && let Some(metric) = metrics.declared.get_mut(predict.metric).and_then(|d| d.metric.as_mut())
        && metric.per == Some(Per::Total)
    {
        metric.capacity.get_or_insert(predict.per_replica);
    }
}

/// Whether the metrics that `load` and `arrivals` name are of the right kind.
pub(super) fn check_models<'a>(b: &mut Builder<'a>, metrics: &Metrics<'a>) {
    for (i, declared) in metrics.declared.iter().enumerate() {
        let Some(model) = declared.metric.as_ref().and_then(|m| m.models) else { continue };
        let (field, index) = match model {
            Model::Latency { load } => ("load", load),
            Model::Queue { arrivals } => ("arrivals", arrivals),
        };
        let RawValue::Table(raw) = declared.at.value else { continue };
        let table = Table { at: declared.at.clone(), raw };
        let Some(at) = b.field(&table, field) else { continue };
        let Some(other) = metrics.metric(index) else { continue };
        let name = &other.name.value;
        let why = match model {
            _ if index == i => Some("a metric cannot be modelled on itself".to_string()),
            Model::Latency { .. } if other.per != Some(Per::Replica) || other.unit != Some(Unit::Ratio) => {
                Some(format!(
                    "declare unit = \"ratio\" and per = \"replica\" at `{name}`: latency grows with the utilization of one replica"
                ))
            }
            Model::Queue { .. } if other.per != Some(Per::Total) => {
                Some(format!("declare per = \"total\" at `{name}`: a queue fills by all that arrives"))
            }
            Model::Queue { .. } if other.capacity.is_none() => {
                Some(format!("declare `capacity` at `{name}`: what one replica takes from the queue"))
            }
            _ => None,
        };
        if let Some(why) = why {
            b.error("model-mismatch", &at.place, format!("`{}` cannot be `{name}`", at.path), why);
            if let Some((_, d)) = metrics.get(name) {
                let place = d.at.place.clone();
                b.also(&place, format!("`{name}` is declared here"));
            }
        }
    }
}

/// How many times what it requested a replica can be meant to use: HPAs aim at 150 %, and a
/// target of 80 is a ratio taken for percent.
const MOST_OF_REQUEST: f64 = 10.0;

/// Whether a target or threshold can be a value of the metric's unit; reports it where not.
pub(super) fn check_unit<'a>(b: &mut Builder<'a>, metric: &Metric, value: f64, at: &At<'a>) -> bool {
    let (most, help) = match metric.unit {
        Some(Unit::Ratio) if metric.resource.is_some() && value <= MOST_OF_REQUEST => return true,
        Some(Unit::Percent) if metric.resource.is_some() && value <= 100.0 * MOST_OF_REQUEST => return true,
        Some(Unit::Ratio) if value > 1.0 => (
            1.0,
            if value <= 100.0 {
                format!(
                    "a ratio goes from 0 to 1: write {}, or declare unit = \"percent\"",
                    figure(value / 100.0)
                )
            } else {
                "a ratio goes from 0 to 1; declare the metric's real unit".to_string()
            },
        ),
        Some(Unit::Percent) if value > 100.0 => {
            (100.0, "a percentage goes from 0 to 100; declare the metric's real unit".to_string())
        }
        _ => return true,
    };
    let unit = metric.unit.map_or("", Unit::name);
    b.error(
        "unit-mismatch",
        &at.place,
        format!(
            "`{}` is {}, and the {unit} `{}` is never above {most}",
            at.path,
            figure(value),
            metric.name.value
        ),
        help,
    );
    false
}
