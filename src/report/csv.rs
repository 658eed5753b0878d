//! Dry-runs as CSV, one row a tick. May import: `model`, `decide`, `sim`.

use super::Pair;
use super::fast::{Memo, Times};
use crate::decide::reason;
use crate::sim::trace::{Happened, Run};
use std::collections::BTreeSet;

/// One row a tick: `policy,time,current,ready,min,max,proposed,desired,under_provisioned`, a
/// column a metric (sorted by name; the metrics of all policies), and the reason: of a
/// tick that scales what its event says, else the step that had the last word. What has no value is an empty cell. Lines end with `\n`.
///
/// A text that a spreadsheet would take for a formula has a `'` before it.
pub fn csv(pairs: &[Pair<'_>]) -> String {
    let metrics: BTreeSet<&str> = pairs.iter().flat_map(|(_, r)| &r.metrics).map(String::as_str).collect();
    let mut writer = ::csv::WriterBuilder::new().from_writer(Vec::new());
    let mut head: Vec<String> =
        ["policy", "time", "current", "ready", "min", "max", "proposed", "desired", "under_provisioned"]
            .map(String::from)
            .to_vec();
    head.extend(metrics.iter().map(|m| guarded(m)));
    head.push("reason".into());
    // Writing to memory does not fail.
    let _ = writer.write_record(&head);
    let mut times = Times::default();
    for (policy, run) in pairs {
        let name = guarded(&policy.name.value);
        let mut reasons = Memo::new();
        let columns: Vec<Option<usize>> =
            metrics.iter().map(|m| run.metrics.iter().position(|n| n == m)).collect();
        for (index, tick) in run.ticks.iter().enumerate() {
            let mut time = Vec::with_capacity(24);
            times.write(&mut time, tick.time);
            let _ = writer.write_field(&name);
            let _ = writer.write_field(&time);
            for n in [tick.current, tick.ready, tick.bounds.min, tick.bounds.max, tick.proposed, tick.desired]
            {
                let _ = writer.write_field(n.to_string());
            }
            let _ = writer.write_field(match tick.under {
                None => "",
                Some(true) => "true",
                Some(false) => "false",
            });
            let values = run.values_of(index);
            for column in &columns {
                let value = column.and_then(|c| values.get(c)).copied().filter(|v| v.is_finite());
                let _ = writer.write_field(value.map_or_else(String::new, |v| v.to_string()));
            }
            // Of a tick that scales, what its event says in the other reports.
            if let Some(happened) = scaling(run, index).filter(|_| tick.desired != tick.current) {
                let _ = writer.write_field(guarded(&super::facts::why((policy, run), happened)));
            } else {
                let told = decisive(run, index)
                    .map_or("", |step| reasons.get(step, || guarded(&reason::words(policy, step))).as_str());
                let _ = writer.write_field(told);
            }
            let _ = writer.write_record(None::<&[u8]>);
        }
    }
    writer.into_inner().ok().and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default()
}

/// The change of a tick.
fn scaling(run: &Run, index: usize) -> Option<&Happened> {
    let at = run.events.partition_point(|e| (e.tick as usize) < index);
    run.events
        .iter()
        .skip(at)
        .take_while(|e| e.tick as usize == index)
        .find(|e| super::facts::is_scaling(e.event.kind))
}

/// The step that had the last word: what kept the count, or the last change.
fn decisive(run: &Run, index: usize) -> Option<&crate::model::Step> {
    let kept = super::kept::blockers(run, index).first().copied();
    kept.or_else(|| run.steps_of(index).iter().rev().find(|s| s.input != s.output))
}

/// As it goes to a stream, which may be the log of a pipeline: no line begins like a command to
/// the runner of the pipeline (`::error::…`), and none has one of the older kind (`##[…]`) in it.
pub fn for_stream(csv: &str) -> String {
    let mut out = String::with_capacity(csv.len());
    for line in csv.split_inclusive(['\n', '\r']) {
        if line.trim_start().starts_with("::") {
            out.push('\'');
        }
        out.push_str(&line.replace("##[", "##'["));
    }
    out
}

/// Keeps spreadsheets from running a cell.
fn guarded(text: &str) -> String {
    match text.chars().next() {
        Some('=' | '+' | '-' | '@' | '\t' | '\r') => format!("'{text}"),
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::for_stream;

    #[test]
    fn no_line_of_a_stream_is_a_command_to_a_runner() {
        for (written, streamed) in [
            ("policy,time\nweb,1\n", "policy,time\nweb,1\n"),
            ("::error::x,1\n", "'::error::x,1\n"),
            ("web,\"a\n  ::stop-commands::t\"\n", "web,\"a\n'  ::stop-commands::t\"\n"),
            ("a\r::add-mask::b", "a\r'::add-mask::b"),
            ("web,##[error]x ##[group]\n", "web,##'[error]x ##'[group]\n"),
            ("web,a::b\n", "web,a::b\n"),
        ] {
            assert_eq!(for_stream(written), streamed);
        }
    }
}
