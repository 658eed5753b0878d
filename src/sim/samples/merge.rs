//! Several recordings of one policy as one.

use super::builder::{gaps, median};
use crate::model::{Finding, Time};
use crate::sim::series::{Samples, Series, Track, Values};

/// Puts the recordings of a policy together, each with the name of its file. Series that follow each
/// other in time are joined; `replicas` and `ready` may be in several files where they agree.
///
/// # Errors
/// A finding for each metric that two files have for the same time, and for counts that disagree.
pub fn merge(parts: Vec<(String, Samples)>) -> Result<Samples, Vec<Finding>> {
    let mut findings = Vec::new();
    let mut whole = Samples::default();
    let mut replicas: Vec<(String, Track<u32>)> = Vec::new();
    let mut ready: Vec<(String, Track<u32>)> = Vec::new();
    let mut all: Vec<Series> = Vec::new();
    for (name, part) in parts {
        whole.notes.extend(part.notes);
        replicas.extend(part.replicas.map(|t| (name.clone(), t)));
        ready.extend(part.ready.map(|t| (name.clone(), t)));
        all.extend(part.series);
    }
    let start = |s: &Series| s.times().first().copied();
    all.sort_by(|a, b| (&a.region, &a.metric, start(a)).cmp(&(&b.region, &b.metric, start(b))));
    for series in all {
        match whole.series.last_mut() {
            Some(last) if last.region == series.region && last.metric == series.metric => {
                join(last, series, &mut findings, &mut whole.notes);
            }
            _ => whole.series.push(series),
        }
    }
    whole.replicas = counts("replicas", replicas, &mut findings);
    whole.ready = counts("ready", ready, &mut findings);
    if findings.is_empty() { Ok(whole) } else { Err(findings) }
}

fn join(first: &mut Series, second: Series, findings: &mut Vec<Finding>, notes: &mut Vec<String>) {
    let (a, b) = (first.source.clone(), second.source.clone());
    let apart = match (first.times().last(), second.times().first()) {
        (Some(end), Some(start)) => end < start,
        _ => true,
    };
    let fits = match (&mut first.values, second.values) {
        _ if !apart => false,
        (Values::Scalar(x), Values::Scalar(y)) => {
            x.times.extend(y.times);
            x.values.extend(y.values);
            true
        }
        (Values::Replicas(x), Values::Replicas(y)) => {
            x.times.extend(y.times);
            x.values.extend(y.values);
            true
        }
        _ => false,
    };
    if !fits {
        let name = &first.metric;
        let both = if a == b { format!("{a} is given twice") } else { format!("{a} and {b} both have it") };
        let finding = if apart {
            Finding::error(
                "samples-overlap",
                format!("{name} is one number in one file and one a replica in another: {both}"),
            )
            .help("record it the same way in both")
        } else {
            Finding::error("samples-overlap", format!("{name} is recorded twice for the same time: {both}"))
                .help("give one of the files, or map the columns of one to another metric (columns in luascale.yaml)")
        };
        findings.push(finding);
        return;
    }
    first.step = median(first.times());
    if let Some(text) = gaps(first.times(), first.step) {
        notes.push(format!("{a}, {b}: {}: {text}", first.metric));
    }
}

fn counts(what: &str, parts: Vec<(String, Track<u32>)>, findings: &mut Vec<Finding>) -> Option<Track<u32>> {
    let mut all: Vec<(Time, u32, usize)> = Vec::new();
    for (at, (_, track)) in parts.iter().enumerate() {
        all.extend(track.times.iter().zip(&track.values).map(|(t, v)| (*t, *v, at)));
    }
    if all.is_empty() {
        return None;
    }
    all.sort_by_key(|(time, _, at)| (*time, *at));
    let mut track: Track<u32> = Track::default();
    let mut from = 0;
    for (time, value, at) in all {
        if track.times.last() != Some(&time) {
            track.times.push(time);
            track.values.push(value);
            from = at;
        } else if track.values.last() != Some(&value) {
            let name = |at: usize| parts.get(at).map_or("", |(name, _)| name.as_str());
            findings.push(
                Finding::error(
                    "samples-overlap",
                    format!(
                        "`{what}` is {} in {} and {value} in {} at {time}",
                        track.values.last().copied().unwrap_or_default(),
                        name(from),
                        name(at)
                    ),
                )
                .help(format!("keep the column `{what}` in one of the files")),
            );
            return None;
        }
    }
    Some(track)
}
