//! What the columns of a table mean, and what to say where they do not fit the policies.

use super::number;
use super::place::shown;
use super::table::{Field, Role, Table};
use crate::model::{Finding, finding::did_you_mean};

const FIELDS: [(&str, Field); 8] = [
    ("request", Field::Request),
    ("phase", Field::Phase),
    ("started", Field::Started),
    ("ready", Field::Ready),
    ("ready_changed", Field::ReadyChanged),
    ("sampled", Field::Sampled),
    ("window", Field::Window),
    ("deleting", Field::Deleting),
];

impl Table<'_> {
    /// Whether these columns make a long table.
    pub fn layout<'n>(&mut self, columns: impl Iterator<Item = &'n str>) {
        let (mut metric, mut value) = (false, false);
        for column in columns {
            for here in self.options.names_here(column) {
                metric |= here == "metric";
                value |= here == "value";
            }
        }
        self.long = metric && value;
    }

    /// What a column means; empty where nothing uses it.
    pub fn roles(&mut self, column: &str) -> Vec<Role> {
        let mut roles = Vec::new();
        self.met.add(column);
        for (at, (only, _)) in self.options.only.iter().enumerate() {
            if only == column {
                roles.push(Role::Filter(at));
            }
        }
        let options = self.options;
        for here in options.names_here(column) {
            let lower = here.to_ascii_lowercase();
            if lower == "time" || lower == "timestamp" {
                roles.push(Role::Time);
                continue;
            }
            let field = FIELDS.iter().find(|(name, _)| *name == here);
            match (self.long, here) {
                (_, "region") => roles.push(Role::Region),
                (true, "metric") => roles.push(Role::Name),
                (true, "value") => roles.push(Role::Value),
                (true, "replica" | "id") => roles.push(Role::Replica),
                (true, _) if field.is_some() => roles.extend(field.map(|(_, f)| Role::Field(*f))),
                (_, "replicas") => roles.push(Role::Replicas),
                (false, "ready") => roles.push(Role::Ready),
                _ => {}
            }
            // A policy may well have a metric called `ready`; then the column is both.
            let reserved = roles.iter().any(|r| !matches!(r, Role::Filter(_)));
            if !self.long && self.options.wants(here) && (!reserved || self.options.metrics.is_some()) {
                roles.push(Role::Metric(self.builder.metric(here)));
            }
        }
        if roles.is_empty() && !column.is_empty() {
            self.ignored.push(column.to_string());
        }
        roles
    }

    /// The header of a file, checked as a whole: the role of each column, sorted in the order of reading.
    pub fn header(&mut self, columns: &[String]) -> Vec<(Role, usize)> {
        self.layout(columns.iter().map(String::as_str));
        let mut plan = Vec::new();
        for (at, column) in columns.iter().enumerate() {
            if let Some(first) = columns.iter().take(at).position(|c| c == column && !c.is_empty()) {
                let what =
                    format!("the column `{}` is there twice: {} and {}", shown(column), first + 1, at + 1);
                self.problems.whole(
                    Finding::error("samples-columns", what).help("name the columns apart, or remove one"),
                );
                continue;
            }
            plan.extend(self.roles(column).into_iter().map(|role| (role, at)));
        }
        // `time` is the time where `timestamp` is there too.
        let times: Vec<usize> = plan.iter().filter(|(r, _)| *r == Role::Time).map(|(_, at)| *at).collect();
        if times.len() > 1 {
            let named = |at: &usize| columns.get(*at).is_some_and(|c| c.eq_ignore_ascii_case("time"));
            let mapped = |at: &usize| {
                self.options.columns.iter().any(|(h, t)| h == "time" && Some(t) == columns.get(*at))
            };
            let keep = times
                .iter()
                .find(|at| mapped(at))
                .or_else(|| times.iter().find(|at| named(at)))
                .or(times.first());
            let keep = keep.copied();
            plan.retain(|(role, at)| *role != Role::Time || Some(*at) == keep);
            self.ignored.extend(
                times.iter().filter(|at| Some(**at) != keep).filter_map(|at| columns.get(*at).cloned()),
            );
        }
        plan.sort();
        self.alone(columns, &mut plan);
        if times.is_empty() {
            self.no_time(columns);
        } else if !plan
            .iter()
            .any(|(r, _)| matches!(r, Role::Metric(_) | Role::Value | Role::Replicas | Role::Ready))
        {
            self.no_metric(columns);
        }
        plan
    }

    /// A file of `time,value` for the only metric there is.
    fn alone(&mut self, columns: &[String], plan: &mut Vec<(Role, usize)>) {
        let used = plan.iter().any(|(r, _)| !matches!(r, Role::Time | Role::Filter(_)));
        let Some([metric]) = self.options.metrics.as_deref() else { return };
        let Some(at) = columns.iter().position(|c| c.eq_ignore_ascii_case("value")).filter(|_| !used) else {
            return;
        };
        if columns.len() == 2 {
            let number = self.builder.metric(metric);
            plan.push((Role::Metric(number), at));
            self.ignored.retain(|c| !c.eq_ignore_ascii_case("value"));
            self.builder.note(format!("the column `value` is taken as {metric}, the only metric"));
        }
    }

    /// Where every column is a metric, one of texts (a host's name) is none: judged by the first row.
    pub fn drop_texts(
        &mut self,
        plan: &mut Vec<(Role, usize)>,
        columns: &[String],
        first: &dyn Fn(usize) -> String,
    ) {
        if self.options.metrics.is_some() {
            return;
        }
        plan.retain(|(role, at)| {
            let cell = first(*at);
            let text = matches!(role, Role::Metric(_))
                && cell.trim().chars().next().is_some_and(char::is_alphabetic)
                && number::number(&cell, false).is_err()
                && !["null", "na", "n/a", "none", "nil"].contains(&cell.trim().to_ascii_lowercase().as_str());
            if text {
                self.ignored.extend(columns.get(*at).cloned());
            }
            !text
        });
    }

    fn no_time(&mut self, columns: &[String]) {
        let near = columns.iter().find(|c| {
            let c = c.to_ascii_lowercase();
            ["date", "datetime", "ts", "@timestamp", "epoch", "when", "period"].contains(&c.as_str())
                || c.contains("time")
        });
        let help = match near {
            Some(column) => format!("if `{0}` is it, say so: columns: {{ time: {0} }}", shown(column)),
            None => "the first line names the columns: time,cpu,rps".into(),
        };
        let message = format!("no column is called `time` or `timestamp`; {}", list("columns", columns));
        self.problems.whole(Finding::error("samples-columns", message).help(help));
    }

    pub(super) fn no_metric(&mut self, columns: &[String]) {
        let metrics = self.options.metrics.clone().unwrap_or_default();
        let near = columns
            .iter()
            .find_map(|c| {
                let names = || metrics.iter().map(String::as_str);
                Some((did_you_mean(c, names()).or_else(|| names().find(|m| c.contains(m)))?, c))
            })
            .map(|(metric, column)| {
                format!("if `{column}` is {metric}, say so: columns: {{ {metric}: {column} }}")
            });
        let message = format!(
            "no column is a metric of the policy; {}; {}",
            list("columns", columns),
            list("metrics", &metrics)
        );
        self.problems.whole(Finding::error("samples-columns", message).help(near.unwrap_or_else(|| {
            "map them: columns: { METRIC: COLUMN } beside the path in luascale.yaml".into()
        })));
    }

    /// Names of `columns` and `only` that the file does not have.
    pub(super) fn unmet(&mut self) {
        let met = std::mem::take(&mut self.met);
        for (here, there) in &self.options.columns {
            let relevant = self.options.metrics.is_none() || self.options.wants(here) || reserved(here);
            if relevant && !met.has(there) {
                self.missing(&format!("there is no `{there}` to be {here}"), there, &met.list);
            }
        }
        for (column, _) in &self.options.only {
            if !met.has(column) {
                self.missing(&format!("there is no column `{column}` to choose rows by"), column, &met.list);
            }
        }
    }

    fn missing(&mut self, what: &str, name: &str, met: &[String]) {
        let help = match did_you_mean(name, met.iter().map(String::as_str)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => list("columns", met),
        };
        self.problems.whole(Finding::error("samples-columns", what).help(help));
    }
}

/// Names that are no metrics.
fn reserved(name: &str) -> bool {
    matches!(name, "time" | "timestamp" | "replicas" | "region" | "metric" | "value" | "replica" | "id")
        || FIELDS.iter().any(|(field, _)| *field == name)
}

/// `columns are a, b, c`.
pub(super) fn list(what: &str, names: &[String]) -> String {
    if names.is_empty() {
        return format!("there are no {what}");
    }
    let more = names.len().saturating_sub(12);
    let head = names.iter().take(12).map(|n| shown(n)).collect::<Vec<_>>().join(", ");
    if more > 0 { format!("{what} are {head} and {more} more") } else { format!("{what} are {head}") }
}
