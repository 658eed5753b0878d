//! Dry-runs as JSON, version 1: docs/schema/dry-run.schema.json describes it.
//! May import: `model`, `decide`, `sim`.
//!
//! Written straight into the buffer: a fortnight at 15 s has 80,640 ticks and some half a
//! million sentences, and a tree of values would take longer to build than the run itself.

use super::Pair;
use super::fast::{Memo, Times};
use super::findings::findings_values;
use crate::decide::reason;
use crate::model::{Finding, Policy, Step};
use crate::sim::trace::{Loop, Run, Score};
use crate::text::Source;
use serde::Serialize;

/// The version that stands in the document.
pub const VERSION: u32 = 1;

/// The JSON document of one or several dry-runs and of what was found in their files; ends with
/// a line end.
pub fn json(pairs: &[Pair<'_>], findings: &[Finding], sources: &[Source]) -> String {
    let steps: usize = pairs.iter().map(|(_, run)| run.steps.len()).sum();
    let ticks: usize = pairs.iter().map(|(_, run)| run.ticks.len()).sum();
    let mut out = Writer { buffer: Vec::with_capacity(4096 + steps * 120 + ticks * 160) };
    out.raw("{\"version\":");
    out.value(&VERSION);
    out.raw(",\"policies\":[");
    for (i, (policy, run)) in pairs.iter().enumerate() {
        out.raw(if i > 0 { ",\n" } else { "\n" });
        document(&mut out, policy, run);
    }
    out.raw("\n],\"findings\":");
    out.value(&findings_values(findings, sources));
    out.raw("}\n");
    out.finish()
}

/// Bytes of the document so far; all that is written is UTF-8.
struct Writer {
    buffer: Vec<u8>,
}

impl Writer {
    fn raw(&mut self, text: &str) {
        self.buffer.extend_from_slice(text.as_bytes());
    }

    /// Any value; a number that is not finite is null.
    fn value<T: Serialize + ?Sized>(&mut self, value: &T) {
        let length = self.buffer.len();
        if serde_json::to_writer(&mut self.buffer, value).is_err() {
            // Writing to memory fails only where a value refuses to be written.
            self.buffer.truncate(length);
            self.raw("null");
        }
    }

    /// `"key":value,` or, for the first of an object, without the comma before it.
    fn field<T: Serialize + ?Sized>(&mut self, lead: &str, value: &T) {
        self.raw(lead);
        self.value(value);
    }

    fn finish(self) -> String {
        String::from_utf8(self.buffer).unwrap_or_default()
    }
}

fn document(out: &mut Writer, policy: &Policy, run: &Run) {
    out.field("{\"name\":", &policy.name.value);
    out.field(",\"source\":", &run.source);
    out.field(",\"samples\":", &run.samples);
    out.field(
        ",\"loop\":",
        match run.kind {
            Loop::Open => "open",
            Loop::Closed => "closed",
        },
    );
    out.field(",\"interval_seconds\":", &policy.interval.seconds());
    out.field(",\"ended\":", &run.ended);
    out.field(",\"metrics_without_value\":", &run.never);
    out.raw(",\"score\":");
    score(out, &run.score);
    out.field(",\"notes\":", &run.notes);
    out.raw(",\"faults\":[");
    for (i, failed) in run.faults.iter().enumerate() {
        out.raw(if i > 0 { "," } else { "" });
        out.field("{\"time\":", &time_of(run, failed.tick));
        out.field(",\"times\":", &failed.times);
        out.field(",\"function\":", &failed.fault.function);
        out.field(",\"message\":", &failed.fault.message);
        out.field(",\"source\":", &*failed.fault.source);
        out.field(",\"line\":", &(failed.fault.line > 0).then_some(failed.fault.line));
        out.field(",\"fatal\":", &failed.fault.fatal);
        out.raw("}");
    }
    out.raw("],\"printed\":[");
    for (i, line) in run.printed.iter().enumerate() {
        out.raw(if i > 0 { "," } else { "" });
        out.field("{\"time\":", &line.tick.and_then(|t| time_of(run, t)));
        out.field(",\"text\":", &line.text);
        out.raw("}");
    }
    out.raw("],\"events\":[");
    events(out, policy, run);
    out.raw("],\"ticks\":[");
    ticks(out, policy, run);
    out.raw("]}");
}

fn time_of(run: &Run, tick: u32) -> Option<String> {
    run.ticks.get(tick as usize).map(|t| t.time.to_string())
}

fn score(out: &mut Writer, score: &Score) {
    out.field("{\"replica_hours\":", &score.replica_hours);
    out.field(",\"under_provisioned_minutes\":", &score.under_provisioned_minutes);
    out.field(",\"scaling_events\":", &score.scaling_events);
    out.field(",\"flaps\":", &score.flaps);
    out.field(",\"peak\":", &score.peak);
    out.field(",\"minutes_at_max\":", &score.minutes_at_max);
    out.field(",\"cost\":", &score.cost);
    out.field(",\"currency\":", &score.currency);
    out.raw("}");
}

fn events(out: &mut Writer, policy: &Policy, run: &Run) {
    for (i, happened) in run.events.iter().enumerate() {
        let event = &happened.event;
        out.raw(if i > 0 { ",\n" } else { "\n" });
        out.field("{\"time\":", &event.time.to_string());
        out.field(",\"kind\":", event.kind.name());
        out.field(",\"from\":", &event.from);
        out.field(",\"to\":", &event.to);
        out.field(",\"text\":", &super::facts::why((policy, run), happened));
        out.raw(",\"effects\":[");
        for (i, effect) in happened.effects.iter().enumerate() {
            out.raw(if i > 0 { "," } else { "" });
            out.field("{\"kind\":", effect.kind.name());
            out.raw(",\"arguments\":{");
            for (i, (key, value)) in effect.arguments.iter().enumerate() {
                out.raw(if i > 0 { "," } else { "" });
                out.value(key);
                out.field(":", &value.to_json());
            }
            out.raw("}}");
        }
        out.raw("]}");
    }
}

fn ticks(out: &mut Writer, policy: &Policy, run: &Run) {
    let keys: Vec<String> = run
        .metrics
        .iter()
        .enumerate()
        .map(|(i, name)| {
            let key = serde_json::Value::from(name.as_str());
            format!("{}{key}:", if i > 0 { "," } else { "" })
        })
        .collect();
    let mut times = Times::default();
    let mut steps = Memo::new();
    for (index, tick) in run.ticks.iter().enumerate() {
        out.raw(if index > 0 { ",\n{\"time\":\"" } else { "\n{\"time\":\"" });
        times.write(&mut out.buffer, tick.time);
        out.raw("\",\"metrics\":{");
        for (key, value) in keys.iter().zip(run.values_of(index)) {
            out.field(key, value);
        }
        out.field("},\"current\":", &tick.current);
        out.field(",\"ready\":", &tick.ready);
        out.field(",\"min\":", &tick.bounds.min);
        out.field(",\"max\":", &tick.bounds.max);
        out.field(",\"proposed\":", &tick.proposed);
        out.field(",\"desired\":", &tick.desired);
        out.field(",\"under_provisioned\":", &tick.under);
        out.raw(",\"why\":[");
        for (i, step) in run.steps_of(index).iter().enumerate() {
            out.raw(if i > 0 { "," } else { "" });
            out.raw(steps.get(step, || why(policy, step)));
        }
        out.raw("]}");
    }
}

/// A step as an object of `why`.
fn why(policy: &Policy, step: &Step) -> String {
    let mut out = Writer { buffer: Vec::with_capacity(160) };
    out.field("{\"step\":", reason::name(&step.why));
    out.field(",\"in\":", &step.input);
    out.field(",\"out\":", &step.output);
    out.field(",\"text\":", &reason::words(policy, step));
    out.raw("}");
    out.finish()
}
