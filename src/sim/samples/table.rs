//! Rows of named columns, wide or long: what each column means, and what its cells become.
//! CSV, JSON lines and Parquet feed it.

use super::builder::Builder;
use super::instant::Clock;
use super::number::{self, Number};
use super::place::{Complaint, Problems, shown};
use super::{ReadOptions, zone};
use crate::model::{Finding, ReplicaSample, Time};
use crate::sim::series::Samples;
use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::Arc;

/// What a column holds. The order is that in which a row is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Role {
    /// A column of `only`, by its position there.
    Filter(usize),
    Time,
    Region,
    /// Long form: the metric's name.
    Name,
    /// Long form: the replica's name.
    Replica,
    /// Long form: another field of a replica.
    Field(Field),
    /// Long form: the value.
    Value,
    Replicas,
    Ready,
    /// Wide form: a metric, by its number.
    Metric(usize),
}

/// Fields of one replica's sample besides its id and value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Field {
    Request,
    Phase,
    Started,
    Ready,
    ReadyChanged,
    Sampled,
    Window,
    Deleting,
}

/// What stands in a cell.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Cell<'a> {
    Text(Cow<'a, str>),
    Number(f64),
    Bool(bool),
    /// An instant, where the format has a type for it.
    #[cfg(feature = "parquet")]
    Instant(Time),
    /// Something that no column can hold, by its name (`an object`).
    Other(&'static str),
}

impl Cell<'_> {
    /// As text, for what is written as text.
    fn text(&self) -> Cow<'_, str> {
        match self {
            Cell::Text(text) => Cow::Borrowed(text.trim()),
            Cell::Number(number) => Cow::Owned(number.to_string()),
            Cell::Bool(value) => Cow::Owned(value.to_string()),
            #[cfg(feature = "parquet")]
            Cell::Instant(time) => Cow::Owned(time.to_string()),
            Cell::Other(what) => Cow::Borrowed(what),
        }
    }
}

/// Names in the order first met, each once.
#[derive(Default)]
pub(super) struct Names {
    pub list: Vec<String>,
    known: HashSet<String>,
}

impl Names {
    /// Adds a name; whether it is new.
    pub fn add(&mut self, name: &str) -> bool {
        let new = !self.known.contains(name);
        if new {
            self.known.insert(name.to_string());
            self.list.push(name.to_string());
        }
        new
    }

    /// Whether a name was met.
    pub fn has(&self, name: &str) -> bool {
        self.known.contains(name)
    }
}

/// Reads the rows of one file.
pub(super) struct Table<'a> {
    pub(super) options: &'a ReadOptions,
    pub problems: Problems<'a>,
    pub builder: Builder,
    clock: Clock,
    /// Whether rows have a metric's name and its value, instead of one column a metric.
    pub(super) long: bool,
    /// Columns that nothing uses, in the order seen.
    pub(super) ignored: Vec<String>,
    /// Names in the file that were met, for `columns` and `only` that were not.
    pub(super) met: Names,
    filtered: usize,
}

impl<'a> Table<'a> {
    pub fn new(options: &'a ReadOptions, mut problems: Problems<'a>, file: &Arc<str>) -> Table<'a> {
        let zone = zone(options, &mut problems);
        Table {
            options,
            problems,
            builder: Builder::new(file),
            clock: Clock::new(zone, options.timezone.as_deref()),
            long: false,
            ignored: Vec::new(),
            met: Names::default(),
            filtered: 0,
        }
    }

    /// Reads a row. `cells` come in the order of their roles; `place` gives the bytes of a column.
    pub fn row<'c>(
        &mut self,
        offset: usize,
        cells: impl Iterator<Item = (Role, Cell<'c>, usize)>,
        place: &dyn Fn(usize) -> (usize, usize),
    ) {
        let mut row = None;
        let mut timed = false;
        let mut region = 0;
        let mut long = Long::default();
        for (role, cell, column) in cells {
            if let Err(complaint) = self.cell(role, &cell, column, offset, &mut row, &mut region, &mut long) {
                if complaint.message.is_empty() {
                    self.filtered += 1;
                    return;
                }
                timed |= role == Role::Time;
                if self.problems.full() {
                    self.problems.count();
                } else {
                    self.problems.at(place(column), complaint, "");
                }
            }
        }
        match row {
            Some(row) if self.long => self.long_row(row, region, long, place),
            Some(_) => {}
            None if timed => {}
            None => self.problems.at(
                place(usize::MAX),
                Complaint::new("this row has no time", "give it a time"),
                "",
            ),
        }
    }

    #[expect(clippy::too_many_arguments, reason = "the row's parts are filled one by one")]
    #[inline]
    fn cell(
        &mut self,
        role: Role,
        cell: &Cell<'_>,
        column: usize,
        offset: usize,
        row: &mut Option<u32>,
        region: &mut usize,
        long: &mut Long,
    ) -> Result<(), Complaint> {
        match role {
            Role::Filter(at) => {
                // An empty complaint: the row is not for us.
                if self.options.only.get(at).is_some_and(|(_, text)| *text != cell.text()) {
                    return Err(Complaint::new("", ""));
                }
            }
            Role::Time => {
                let time = self.time(cell)?;
                *row = Some(self.builder.row(time, offset));
            }
            Role::Region => *region = self.builder.region(&cell.text()),
            Role::Name => long.name = Some((cell.text().into_owned(), column)),
            Role::Replica => long.sample.id = cell.text().into_owned(),
            Role::Field(field) => {
                long.fields |= !cell.text().is_empty();
                self.field(field, cell, &mut long.sample)?;
            }
            Role::Value => {
                long.column = column;
                long.value = Some(self.number(cell)?);
            }
            Role::Replicas | Role::Ready => {
                let value = match self.number(cell)? {
                    Number::Value(value) => number::count(value)?,
                    Number::Blank | Number::None => return Ok(()),
                };
                match (row, role) {
                    (Some(row), Role::Replicas) => self.builder.count(*region, *row, value),
                    (Some(row), _) => self.builder.ready(*region, *row, value),
                    (None, _) => {}
                }
            }
            Role::Metric(metric) => {
                let number = self.number(cell)?;
                match (row, number) {
                    (Some(row), Number::Value(value)) => self.builder.value(metric, *region, *row, value),
                    (Some(row), Number::Blank) => self.builder.blank(metric, *region, *row),
                    (Some(row), Number::None) => self.builder.value(metric, *region, *row, f64::NAN),
                    (None, _) => {}
                }
            }
        }
        Ok(())
    }

    fn time(&mut self, cell: &Cell<'_>) -> Result<Time, Complaint> {
        match cell {
            Cell::Text(text) => self.clock.read(text),
            Cell::Number(number) => self.clock.epoch(*number),
            #[cfg(feature = "parquet")]
            Cell::Instant(time) => Ok(*time),
            Cell::Bool(_) => Err(Complaint::new("a boolean is no time", "write 2024-03-01T12:00:00Z")),
            Cell::Other(what) => {
                Err(Complaint::new(format!("{what} is no time"), "write 2024-03-01T12:00:00Z"))
            }
        }
    }

    #[inline]
    fn number(&self, cell: &Cell<'_>) -> Result<Number, Complaint> {
        match cell {
            Cell::Text(text) => number::number(text, self.options.quantities),
            Cell::Number(value) if value.is_finite() => Ok(Number::Value(*value)),
            Cell::Number(_) => Ok(Number::None),
            Cell::Bool(value) => number::number(if *value { "true" } else { "false" }, false),
            #[cfg(feature = "parquet")]
            Cell::Instant(_) => Err(Complaint::new("a time is no number", "write a number such as 0.75")),
            Cell::Other(what) => {
                Err(Complaint::new(format!("{what} is no number"), "write a number such as 0.75"))
            }
        }
    }

    fn field(&mut self, field: Field, cell: &Cell<'_>, sample: &mut ReplicaSample) -> Result<(), Complaint> {
        let text = cell.text();
        let mut instant = |text: &str| match cell {
            Cell::Number(number) => self.clock.epoch(*number).map(Some),
            _ if text.is_empty() => Ok(None),
            _ => self.clock.quiet(text).map(Some),
        };
        match field {
            Field::Started => sample.started = instant(&text)?,
            Field::ReadyChanged => sample.ready_changed = instant(&text)?,
            Field::Sampled => sample.sampled = instant(&text)?,
            Field::Ready => sample.ready = number::flag(&text)?,
            Field::Deleting => sample.deleting = number::flag(&text)?.unwrap_or(false),
            Field::Phase => sample.phase = number::phase(&text)?,
            Field::Window => sample.window = number::window(&text)?,
            Field::Request => {
                sample.request = match self.number(cell)? {
                    Number::Value(value) => Some(value),
                    Number::Blank | Number::None => None,
                }
            }
        }
        Ok(())
    }

    fn long_row(&mut self, row: u32, region: usize, long: Long, place: &dyn Fn(usize) -> (usize, usize)) {
        let Some((name, column)) = long.name.filter(|(name, _)| !name.is_empty()) else {
            let what = Complaint::new("this row names no metric", "the column `metric` holds its name");
            return self.problems.at(place(usize::MAX), what, "");
        };
        // The value was wrong, and that has been said.
        let Some(value) = long.value else { return };
        let first = self.met.add(&name);
        let options = self.options;
        let mut used = false;
        for here in options.names_here(&name) {
            if matches!(here, "replicas" | "ready") && long.sample.id.is_empty() {
                used = true;
                if let Number::Value(value) = value {
                    match number::count(value) {
                        Ok(count) if here == "replicas" => self.builder.count(region, row, count),
                        Ok(count) => self.builder.ready(region, row, count),
                        Err(complaint) => self.problems.at(place(long.column), complaint, ""),
                    }
                }
                if !options.metrics.as_ref().is_some_and(|m| m.iter().any(|n| n == here)) {
                    continue;
                }
            }
            if !options.wants(here) {
                continue;
            }
            used = true;
            let metric = self.builder.metric(here);
            if long.sample.id.is_empty() {
                if long.fields {
                    let what = Complaint::new(
                        "this row has fields of a replica but does not name it",
                        "the column `replica` (or `id`) holds its name",
                    );
                    self.problems.at(place(column), what, "");
                }
                match value {
                    Number::Value(value) => self.builder.value(metric, region, row, value),
                    Number::Blank => self.builder.blank(metric, region, row),
                    Number::None => self.builder.value(metric, region, row, f64::NAN),
                }
            } else {
                let mut sample = long.sample.clone();
                if let Number::Value(value) = value {
                    sample.value = Some(value);
                }
                self.builder.replica(metric, region, row, sample);
            }
        }
        if !used && first {
            self.ignored.push(name);
        }
    }

    /// The samples, or what is wrong.
    ///
    /// # Errors
    /// The findings, up to their cap.
    pub fn finish(mut self) -> Result<Samples, Vec<Finding>> {
        if self.builder.rows() == 0 && self.problems.none() {
            let message = match (self.filtered, self.options.only.first()) {
                (1.., Some((column, text))) => format!("no row has `{text}` in the column `{column}`"),
                _ => "there is a header but no row".into(),
            };
            self.problems
                .whole(Finding::error("samples-empty", message).help("samples have at least one row"));
        }
        self.unmet();
        if self.problems.none() && self.builder.is_empty() {
            let met = std::mem::take(&mut self.ignored);
            self.no_metric(&met);
        }
        if !self.ignored.is_empty() {
            let what = if self.long {
                "metrics that the policies do not use"
            } else {
                "columns that no metric names"
            };
            let shown = self.ignored.iter().take(8).map(|c| shown(c)).collect::<Vec<_>>().join(", ");
            let more = self.ignored.len().saturating_sub(8);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            self.builder.note(format!("{what} were ignored: {shown}{more}"));
        }
        let mut clock = Vec::new();
        let text = self.problems.text;
        if self.problems.none() {
            self.clock.notes(&mut clock, &self.problems.name());
            match self.builder.finish(text, &clock) {
                Ok(samples) => return Ok(samples),
                Err(metric) => self.problems.whole(
                    Finding::error(
                        "samples-mixed",
                        format!("some rows of {metric} name a replica, and some do not"),
                    )
                    .help("write one number a time, or one row a replica, not both"),
                ),
            }
        }
        Err(self.problems.finish())
    }
}

/// A row of the long form while it is read.
#[derive(Default)]
struct Long {
    name: Option<(String, usize)>,
    value: Option<Number>,
    column: usize,
    fields: bool,
    sample: ReplicaSample,
}
