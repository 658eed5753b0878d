//! Which files make one recording, and which are recordings of their own. May import: the core.
//!
//! Files that hold different metrics are parts of one recording and are merged; a file that
//! holds a metric which an earlier one has is another recording, and is run by itself. YAML
//! samples are always by themselves: their expectations are about what they say.

use super::SampleFile;
use crate::model::{Finding, Time};
use crate::sim::samples;
use crate::sim::series::{Samples, Series, Values};
use crate::text::Source;

/// A recording, ready to be run on.
#[derive(Debug)]
pub struct Recording {
    /// Names of its files.
    pub names: Vec<String>,
    /// What they hold.
    pub samples: Samples,
}

/// What is wrong with the files, and their texts.
pub type Refused = (Vec<Finding>, Vec<Source>);

/// A file that was read.
struct Part {
    name: String,
    samples: Samples,
    alone: bool,
    column: bool,
}

/// Reads the files and sorts them into recordings, in the order of their first files. Without
/// any file there is one recording of nothing, to look at a policy on its own.
///
/// # Errors
/// The findings of all files, and the texts that they point into.
pub fn read(files: &[SampleFile]) -> Result<Vec<Recording>, Refused> {
    let mut findings = Vec::new();
    let mut sources = Vec::new();
    let mut parts = Vec::new();
    for file in files {
        let read = match &file.column {
            None => samples::read(&file.bytes, &file.name, &file.options),
            Some((metric, column)) => {
                samples::read_column(&file.bytes, &file.name, column, metric, &file.options)
            }
        };
        match read {
            Ok(samples) => parts.push(Part {
                name: file.name.clone(),
                samples,
                alone: file.name.ends_with(".yaml") || file.name.ends_with(".yml"),
                column: file.column.is_some(),
            }),
            Err(found) => {
                findings.extend(found);
                sources.push(Source::new(file.name.as_str(), String::from_utf8_lossy(&file.bytes)));
            }
        }
    }
    if !findings.is_empty() {
        return Err((findings, sources));
    }
    let (columns, parts): (Vec<Part>, Vec<Part>) = parts.into_iter().partition(|p| p.column);
    let mut groups: Vec<Vec<Part>> = Vec::new();
    for part in parts {
        let place = groups
            .iter_mut()
            .find(|g| !part.alone && g.iter().all(|p| !p.alone && !overlap(&p.samples, &part.samples)));
        match place {
            Some(group) => group.push(part),
            None => groups.push(vec![part]),
        }
    }
    if groups.is_empty() {
        groups.push(Vec::new());
    }
    let mut recordings = Vec::new();
    for group in groups {
        let mut names: Vec<String> = group.iter().map(|p| p.name.clone()).collect();
        let mut all: Vec<(String, Samples)> = group.into_iter().map(|p| (p.name, p.samples)).collect();
        // A column that a metric names is read where the recording does not hold the metric.
        for column in &columns {
            if all.iter().all(|(_, s)| !overlap(s, &column.samples)) {
                names.push(column.name.clone());
                all.push((column.name.clone(), column.samples.clone()));
            }
        }
        names.dedup();
        match samples::merge(all) {
            Ok(samples) => recordings.push(Recording { names, samples }),
            Err(found) => findings.extend(found),
        }
    }
    if findings.is_empty() { Ok(recordings) } else { Err((findings, sources)) }
}

/// Whether two files tell the same metric of the same region at the same time. Files that follow
/// each other in time are one recording.
fn overlap(a: &Samples, b: &Samples) -> bool {
    let meet = |x: &Series, y: &Series| {
        let ((from, to), (start, end)) = match (range(x), range(y)) {
            (Some(x), Some(y)) => (x, y),
            _ => return false,
        };
        from <= end && start <= to
    };
    a.series
        .iter()
        .any(|x| b.series.iter().any(|y| x.metric == y.metric && x.region == y.region && meet(x, y)))
}

fn range(series: &Series) -> Option<(Time, Time)> {
    match &series.values {
        Values::Scalar(track) => track.range(),
        Values::Replicas(track) => track.range(),
    }
}
