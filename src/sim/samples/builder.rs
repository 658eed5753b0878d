//! Rows become series: sorted, each time once, with a note for whatever had to be settled.

use super::place::Text;
use crate::model::{Duration, ReplicaSample, Time};
use crate::sim::series::{Samples, Series, Track, Values};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// A row's time and the byte it stands at.
#[derive(Debug, Clone, Copy)]
struct Row {
    time: Time,
    offset: u32,
}

/// One metric's values before they are settled.
#[derive(Default)]
struct Raw {
    scalars: Vec<(u32, f64)>,
    replicas: Vec<(u32, ReplicaSample)>,
}

/// A NaN of its own: nothing was written, where NaN alone says that there is no value.
const BLANK: u64 = 0x7ff8_0000_0000_b1a4;

/// Collects the rows of one file.
pub(super) struct Builder {
    file: Arc<str>,
    rows: Vec<Row>,
    /// Metrics in the order first seen.
    names: Vec<String>,
    numbers: HashMap<String, usize>,
    regions: Vec<Option<String>>,
    region_numbers: HashMap<String, usize>,
    /// With the numbers of their metric and region.
    series: Vec<(usize, usize, Raw)>,
    /// Places in `series` by metric, of the series without a region.
    plain: Vec<Option<usize>>,
    /// Places in `series` by metric and region.
    regional: HashMap<(usize, usize), usize>,
    /// With the number of their region.
    counts: Vec<(usize, u32, f64)>,
    ready: Vec<(usize, u32, f64)>,
    notes: Notes,
}

/// Notes that several metrics share are told once.
#[derive(Default)]
struct Notes {
    first: Vec<String>,
    /// Text by metric names; the text has no subject.
    shared: Vec<(String, Vec<String>)>,
}

impl Notes {
    fn share(&mut self, metric: &str, text: String) {
        match self.shared.iter_mut().find(|(t, _)| *t == text) {
            Some((_, metrics)) if metrics.iter().any(|m| m == metric) => {}
            Some((_, metrics)) => metrics.push(metric.to_string()),
            None => self.shared.push((text, vec![metric.to_string()])),
        }
    }
}

/// What settling a column found.
#[derive(Default)]
struct Oddities {
    unordered: usize,
    same: usize,
    conflicts: usize,
    /// The first conflict: its row's byte and time, and how many there are at that time.
    first: Option<(u32, Time, usize)>,
}

impl Builder {
    pub fn new(file: &Arc<str>) -> Builder {
        Builder {
            file: file.clone(),
            rows: Vec::new(),
            names: Vec::new(),
            numbers: HashMap::new(),
            regions: vec![None],
            region_numbers: HashMap::new(),
            series: Vec::new(),
            plain: Vec::new(),
            regional: HashMap::new(),
            counts: Vec::new(),
            ready: Vec::new(),
            notes: Notes::default(),
        }
    }

    /// Begins a row; what is added next belongs to it.
    pub fn row(&mut self, time: Time, offset: usize) -> u32 {
        self.rows.push(Row { time, offset: u32::try_from(offset).unwrap_or(u32::MAX) });
        (self.rows.len() - 1) as u32
    }

    /// How many rows there are.
    pub fn rows(&self) -> usize {
        self.rows.len()
    }

    /// The number of a metric.
    pub fn metric(&mut self, name: &str) -> usize {
        if let Some(at) = self.numbers.get(name) {
            return *at;
        }
        self.numbers.insert(name.to_string(), self.names.len());
        self.names.push(name.to_string());
        self.plain.push(None);
        self.names.len() - 1
    }

    /// The number of a region; an empty text is no region.
    pub fn region(&mut self, name: &str) -> usize {
        if name.is_empty() {
            return 0;
        }
        if let Some(at) = self.region_numbers.get(name) {
            return *at;
        }
        self.region_numbers.insert(name.to_string(), self.regions.len());
        self.regions.push(Some(name.to_string()));
        self.regions.len() - 1
    }

    fn raw(&mut self, metric: usize, region: usize) -> Option<&mut Raw> {
        let place = match region {
            0 => *self.plain.get(metric)?,
            _ => self.regional.get(&(metric, region)).copied(),
        };
        let place = place.unwrap_or_else(|| {
            let place = self.series.len();
            self.series.push((metric, region, Raw::default()));
            match region {
                0 => self.plain.iter_mut().skip(metric).take(1).for_each(|p| *p = Some(place)),
                _ => drop(self.regional.insert((metric, region), place)),
            }
            place
        });
        self.series.get_mut(place).map(|(_, _, raw)| raw)
    }

    /// Adds a value; NaN says that there is none.
    pub fn value(&mut self, metric: usize, region: usize, row: u32, value: f64) {
        if let Some(raw) = self.raw(metric, region) {
            raw.scalars.push((row, value));
        }
    }

    /// Adds a cell in which nothing is written.
    pub fn blank(&mut self, metric: usize, region: usize, row: u32) {
        self.value(metric, region, row, f64::from_bits(BLANK));
    }

    /// Adds the sample of one replica.
    pub fn replica(&mut self, metric: usize, region: usize, row: u32, sample: ReplicaSample) {
        if let Some(raw) = self.raw(metric, region) {
            raw.replicas.push((row, sample));
        }
    }

    /// Adds a number of replicas that ran.
    pub fn count(&mut self, region: usize, row: u32, replicas: u32) {
        self.counts.push((region, row, f64::from(replicas)));
    }

    /// Adds a number of replicas that took load.
    pub fn ready(&mut self, region: usize, row: u32, replicas: u32) {
        self.ready.push((region, row, f64::from(replicas)));
    }

    /// Adds a note about the file.
    pub fn note(&mut self, text: String) {
        self.notes.first.push(format!("{}: {text}", self.file));
    }

    /// Whether anything was added.
    pub fn is_empty(&self) -> bool {
        self.series.is_empty() && self.counts.is_empty() && self.ready.is_empty()
    }

    /// The recordings, sorted and settled. `clock` adds what is to be said of times.
    ///
    /// # Errors
    /// The name of a metric that has numbers and samples of replicas both.
    pub fn finish(mut self, text: Option<&Text<'_>>, clock: &[String]) -> Result<Samples, String> {
        let mut samples = Samples::default();
        let mut odd = Oddities::default();
        let names = std::mem::take(&mut self.names);
        let rows = std::mem::take(&mut self.rows);
        let regions = std::mem::take(&mut self.regions);
        let mut step_at_conflict = Duration::ZERO;
        for (metric, region, raw) in std::mem::take(&mut self.series) {
            let (Some(name), Some(region)) = (names.get(metric), regions.get(region)) else { continue };
            let written = raw.scalars.iter().any(|(_, v)| v.to_bits() != BLANK);
            if written && !raw.replicas.is_empty() {
                return Err(name.clone());
            }
            let before = odd.conflicts;
            let (values, step) = if raw.replicas.is_empty() {
                self.scalars(name, &rows, raw.scalars, &mut odd)
            } else {
                self.replicas(name, &rows, raw.replicas, &mut odd)
            };
            if odd.conflicts > before && step_at_conflict == Duration::ZERO {
                step_at_conflict = step;
            }
            samples.series.push(Series {
                metric: name.clone(),
                region: region.clone(),
                values,
                step,
                source: self.file.clone(),
            });
        }
        let (all, ready) = (std::mem::take(&mut self.counts), std::mem::take(&mut self.ready));
        let mut of: Vec<usize> = all.iter().chain(&ready).map(|(region, ..)| *region).collect();
        of.sort_by_key(|region| regions.get(*region));
        of.dedup();
        if let (Some(Some(first)), 2..) = (of.first().and_then(|r| regions.get(*r)), of.len()) {
            self.note(format!("replicas were recorded in {} regions; those of {first} are read", of.len()));
        }
        // A run reads one region, the first by name, so its counts are the ones that go with it.
        let of = of.first().copied().unwrap_or_default();
        samples.replicas = counts(&rows, all, of, &mut odd);
        samples.ready = counts(&rows, ready, of, &mut odd);
        samples.series.sort_by(|a, b| (&a.region, &a.metric).cmp(&(&b.region, &b.metric)));
        self.say(&odd, text, step_at_conflict, &samples);
        samples.notes.extend(clock.iter().cloned());
        samples.notes.append(&mut self.notes.first);
        for (text, metrics) in self.notes.shared {
            samples.notes.push(format!("{}: {}: {text}", self.file, metrics.join(", ")));
        }
        Ok(samples)
    }

    fn scalars(
        &mut self,
        name: &str,
        rows: &[Row],
        entries: Vec<(u32, f64)>,
        odd: &mut Oddities,
    ) -> (Values, Duration) {
        let all =
            settle(rows, entries, |v| v.to_bits() == BLANK, |a, b| a == b || (a.is_nan() && b.is_nan()), odd);
        let written = |value: &f64| value.to_bits() != BLANK;
        let present: Vec<Time> =
            all.times.iter().zip(&all.values).filter(|(_, v)| written(v)).map(|(t, _)| *t).collect();
        // A column that never has a value in two rows that follow each other is a slower series: its
        // blanks are no samples at all. In any other column a blank says that there is no value.
        let adjacent = all.values.windows(2).any(|pair| pair.iter().all(written));
        let sparse = !adjacent && present.len() >= 3;
        let step = if sparse { median(&present) } else { median(&all.times) };
        let mut track = Track::default();
        let mut nan = 0usize;
        for (time, value) in all.times.into_iter().zip(all.values) {
            let blank = !written(&value);
            if blank && sparse {
                continue;
            }
            nan += usize::from(value.is_nan() && !blank);
            track.times.push(time);
            track.values.push(if blank { f64::NAN } else { value });
        }
        if nan > 0 {
            let values = if nan == 1 { "value is" } else { "values are" };
            self.notes.share(name, format!("{nan} {values} NaN or infinite: missing there"));
        }
        if present.is_empty() {
            self.notes.share(name, "no row has a value".into());
        }
        self.gaps(name, &track.times, step);
        (Values::Scalar(track), step)
    }

    fn replicas(
        &mut self,
        name: &str,
        rows: &[Row],
        entries: Vec<(u32, ReplicaSample)>,
        odd: &mut Oddities,
    ) -> (Values, Duration) {
        let mut by_time: BTreeMap<Time, (Vec<ReplicaSample>, HashMap<String, usize>)> = BTreeMap::new();
        for (row, sample) in entries {
            let Some(row) = rows.get(row as usize) else { continue };
            let (at, places) = by_time.entry(row.time).or_default();
            // The last row of a replica at a time counts, as for a scalar.
            match places.get(&sample.id).and_then(|place| at.get_mut(*place)) {
                Some(same) if *same == sample => odd.same += 1,
                Some(other) => {
                    odd.conflict(*row);
                    *other = sample;
                }
                None => {
                    places.insert(sample.id.clone(), at.len());
                    at.push(sample);
                }
            }
        }
        let (times, values) = by_time.into_iter().map(|(time, (samples, _))| (time, samples)).unzip();
        let track: Track<Vec<ReplicaSample>> = Track { times, values };
        let step = median(&track.times);
        self.gaps(name, &track.times, step);
        (Values::Replicas(track), step)
    }

    fn gaps(&mut self, name: &str, times: &[Time], step: Duration) {
        if let Some(text) = gaps(times, step) {
            self.notes.share(name, text);
        }
    }

    fn say(&mut self, odd: &Oddities, text: Option<&Text<'_>>, step: Duration, samples: &Samples) {
        if odd.unordered > 0 {
            self.note(format!("{} out of time order; sorted", rows_are(odd.unordered)));
        }
        if odd.same > 0 {
            self.note(format!("{} repeated with the same value; merged", values_are(odd.same)));
        }
        let Some((offset, time, at_once)) = odd.first else { return };
        let place = text.map(|t| format!("line {}, ", t.line(offset as usize))).unwrap_or_default();
        let mut note = format!(
            "{} repeated with another value; the last one at each time counts (first: {place}{time})",
            values_are(odd.conflicts)
        );
        let columns = samples.series.len().max(1);
        let together = (at_once / columns).max(1) as i64;
        if let Some(gap) = before(samples, time)
            && gap.0 >= 1_800_000
            && (gap.0 - (together + 1) * step.0).abs() <= 2 * step.0
        {
            note.push_str("; it follows a gap as long as what was put together, as local times do at the change to summer time");
        }
        self.note(note);
    }
}

impl Oddities {
    fn conflict(&mut self, row: Row) {
        self.conflicts += 1;
        match &mut self.first {
            None => self.first = Some((row.offset, row.time, 1)),
            Some((_, time, count)) if *time == row.time => *count += 1,
            Some(_) => {}
        }
    }
}

/// Distance of a time to the one before it in any series.
fn before(samples: &Samples, time: Time) -> Option<Duration> {
    samples.series.iter().find_map(|series| {
        let times = series.times();
        let at = times.binary_search(&time).ok()?;
        Some(time.since(*times.get(at.checked_sub(1)?)?))
    })
}

fn rows_are(count: usize) -> String {
    if count == 1 { "1 row is".into() } else { format!("{count} rows are") }
}

fn values_are(count: usize) -> String {
    if count == 1 { "1 value is".into() } else { format!("{count} values are") }
}

/// Sorts entries by time and keeps the last of each time; a blank never replaces a value.
fn settle<T: Copy>(
    rows: &[Row],
    entries: Vec<(u32, T)>,
    blank: impl Fn(&T) -> bool,
    same: impl Fn(&T, &T) -> bool,
    odd: &mut Oddities,
) -> Track<T> {
    let mut timed: Vec<(Row, T)> =
        entries.into_iter().filter_map(|(row, value)| Some((*rows.get(row as usize)?, value))).collect();
    let mut newest = Time(i64::MIN);
    let mut unordered = 0;
    for (row, _) in &timed {
        unordered += usize::from(row.time < newest);
        newest = newest.max(row.time);
    }
    if unordered > 0 {
        timed.sort_by_key(|(row, _)| row.time);
    }
    odd.unordered = odd.unordered.max(unordered);
    let mut track = Track { times: Vec::with_capacity(timed.len()), values: Vec::with_capacity(timed.len()) };
    for (row, value) in timed {
        if track.times.last() != Some(&row.time) {
            track.times.push(row.time);
            track.values.push(value);
            continue;
        }
        let Some(last) = track.values.last_mut() else { continue };
        if blank(&value) {
            continue;
        }
        if same(last, &value) {
            odd.same += 1;
        } else if !blank(last) {
            odd.conflict(row);
        }
        *last = value;
    }
    track
}

fn counts(
    rows: &[Row],
    entries: Vec<(usize, u32, f64)>,
    region: usize,
    odd: &mut Oddities,
) -> Option<Track<u32>> {
    let entries: Vec<(u32, f64)> =
        entries.into_iter().filter(|(of, ..)| *of == region).map(|(_, row, count)| (row, count)).collect();
    if entries.is_empty() {
        return None;
    }
    let track = settle(rows, entries, |_| false, |a, b| a == b, odd);
    Some(Track { times: track.times, values: track.values.into_iter().map(|v| v as u32).collect() })
}

/// Median distance of rising times; 0 for fewer than two.
pub(super) fn median(times: &[Time]) -> Duration {
    let mut steps: Vec<i64> = times.windows(2).filter_map(|w| Some(w.get(1)?.0 - w.first()?.0)).collect();
    let middle = steps.len() / 2;
    if steps.is_empty() {
        return Duration::ZERO;
    }
    let (_, median, _) = steps.select_nth_unstable(middle);
    Duration(*median)
}

/// What is to be said of gaps: distances of more than two steps, in which a value does not hold.
pub(super) fn gaps(times: &[Time], step: Duration) -> Option<String> {
    let most = step.0.saturating_mul(2);
    let mut count = 0usize;
    let mut longest: Option<(Duration, Time)> = None;
    for pair in times.windows(2) {
        let (Some(from), Some(to)) = (pair.first(), pair.last()) else { continue };
        let length = to.since(*from);
        if length.0 > most {
            count += 1;
            if longest.is_none_or(|(l, _)| length > l) {
                longest = Some((length, *from));
            }
        }
    }
    let (length, from) = longest?;
    let s = if count == 1 { "gap" } else { "gaps" };
    let which = if count == 1 { "" } else { "the longest " };
    Some(format!("{count} {s} of more than two steps of {step}, {which}{length} after {from}; missing there"))
}
