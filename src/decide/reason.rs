//! The steps of a decision in words: the policy's own names, its numbers with their units.
//!
//! May import: `model`. Every sentence stands alone, since reports show one at a time.

use crate::model::decision::Why;
use crate::model::{Action, Duration, Form, Policy, Step, Unit};
use std::fmt::Write as _;

/// The step's name in machine-readable output. Names are stable: several reasons of one step of
/// the language share one.
pub fn name(why: &Why) -> &'static str {
    match why {
        Why::ScheduleOpen { .. } => "schedule",
        Why::MinAboveMax { .. }
        | Why::BelowMin { .. }
        | Why::AboveMax { .. }
        | Why::AtMax { .. }
        | Why::AtMin { .. } => "bounds",
        Why::Paused => "paused",
        Why::MetricFailed { .. }
        | Why::MetricMissing { .. }
        | Why::MetricLast { .. }
        | Why::MetricZero { .. }
        | Why::Grouped { .. }
        | Why::NoRequest { .. } => "metric",
        Why::Woken { .. } | Why::Asleep | Why::ActivationUnknown { .. } | Why::KeptAwake { .. } => {
            "activation"
        }
        Why::RuleFalse { .. }
        | Why::RuleWaiting { .. }
        | Why::RuleOneSample { .. }
        | Why::RuleUnknown { .. }
        | Why::RuleFailed { .. }
        | Why::RuleNothing { .. }
        | Why::RuleFires { .. } => "rule",
        Why::Track { .. }
        | Why::TrackTolerance { .. }
        | Why::TrackUnknown { .. }
        | Why::TrackGuard { .. }
        | Why::TrackRefilled { .. }
        | Why::TrackAtZero { .. } => "track",
        Why::Proposed | Why::ProposedNothing | Why::ProposedUnknown { .. } | Why::ProposedFailed => "decide",
        Why::Largest => "largest",
        Why::Mildest => "mildest",
        Why::TrackHoldsIn { .. } | Why::Floor { .. } => "floor",
        Why::Held { .. } => "held",
        Why::AntiFlap { .. } => "anti_flap",
        Why::CooldownOut { .. } | Why::CooldownIn { .. } | Why::CooldownRule { .. } => "cooldown",
        Why::Fallback { .. } => "fallback",
        Why::WindowOut { .. } | Why::WindowIn { .. } => "stabilization_window",
        Why::RateOut { .. } | Why::RateIn { .. } | Why::Disabled { .. } => "rate_limit",
        Why::NoChange => "no_change",
    }
}

/// The steps that kept the count from changing, or from changing further, the most decisive
/// first: what held a proposal back, the last to do so leading; then what came closest to
/// proposing something.
pub fn why_not<'a>(steps: &'a [Step]) -> Vec<&'a Step> {
    let mut found: Vec<(f64, &'a Step)> = Vec::new();
    for (at, step) in steps.iter().enumerate() {
        let rank = match step.why {
            Why::Paused
            | Why::MetricFailed { .. }
            | Why::Held { .. }
            | Why::Asleep
            | Why::ActivationUnknown { .. }
            | Why::KeptAwake { .. }
            | Why::AntiFlap { .. }
            | Why::CooldownOut { .. }
            | Why::CooldownIn { .. }
            | Why::CooldownRule { .. }
            | Why::TrackHoldsIn { .. }
            | Why::Floor { .. }
            | Why::WindowOut { .. }
            | Why::WindowIn { .. }
            | Why::RateOut { .. }
            | Why::RateIn { .. }
            | Why::Disabled { .. }
            | Why::AtMax { .. }
            | Why::AtMin { .. }
            | Why::AboveMax { limit: Some(_), .. } => -1.0 - at as f64,
            Why::RuleOneSample { .. } => 0.0,
            Why::RuleWaiting { for_ms, needs_ms, .. } => 1.0 - for_ms as f64 / needs_ms.max(1) as f64,
            Why::TrackTolerance { .. } | Why::TrackGuard { .. } | Why::TrackRefilled { .. } => 2.0,
            Why::Track { .. } | Why::Proposed if step.input == step.output => 2.0,
            Why::RuleUnknown { .. }
            | Why::RuleFailed { .. }
            | Why::TrackUnknown { .. }
            | Why::ProposedUnknown { .. }
            | Why::ProposedFailed => 3.0,
            Why::TrackAtZero { .. } | Why::RuleNothing { .. } | Why::ProposedNothing => 4.0,
            Why::RuleFires { .. } if step.input == step.output => 4.0,
            Why::RuleFalse { .. } => 5.0,
            _ => continue,
        };
        found.push((rank, step));
    }
    found.sort_by(|a, b| a.0.total_cmp(&b.0));
    found.into_iter().map(|(_, step)| step).collect()
}

/// One plain sentence for a step, without a full stop.
pub fn words(policy: &Policy, step: &Step) -> String {
    let (from, to) = (step.input, step.output);
    let names = Names(policy);
    match step.why {
        Why::ScheduleOpen { schedule, min, max } => {
            let bounds = [min.map(|n| format!("min {n}")), max.map(|n| format!("max {n}"))];
            let bounds: Vec<String> = bounds.into_iter().flatten().collect();
            format!("schedule \"{}\" is open: {}", names.schedule(schedule), bounds.join(", "))
        }
        Why::MinAboveMax { min, max } => {
            format!("min {min} would be above max {max} with the schedules that are open: max wins")
        }
        Why::Paused => "paused: someone set 0 replicas although min is higher, so it is left alone".into(),
        Why::BelowMin { min } => format!("{} below min {min}: up to {to} at once", replicas_are(from)),
        Why::AboveMax { max, limit: None } => {
            format!("{} above max {max}: down to {to} at once", replicas_are(from))
        }
        Why::AboveMax { max, limit: Some(_) } if to == from => {
            format!("{} above max {max}: down as soon as the scale_in rate limit allows", replicas_are(from))
        }
        Why::AboveMax { max, limit: Some(_) } => {
            format!(
                "{} above max {max}: down to {to}, all that the scale_in rate limit allows",
                replicas_are(from)
            )
        }
        Why::MetricFailed { metric } => {
            let metric = names.metric(metric);
            format!("{metric} has no value and missing = \"fail\": nothing but bounds acts")
        }
        Why::MetricMissing { metric, for_ms: 0 } => format!("{} has no value", names.metric(metric)),
        Why::MetricMissing { metric, for_ms } => {
            format!("{} has had no value for {}", names.metric(metric), Duration(for_ms))
        }
        Why::Grouped { metric, counted, unready, missing, ignored } => {
            let mut text = format!("{}: {counted} of {} replicas counted", names.metric(metric), {
                counted + unready + missing + ignored
            });
            for (count, what) in
                [(unready, "not ready"), (missing, "without a sample"), (ignored, "ended or unknown")]
            {
                if count > 0 {
                    // Writing to a String cannot fail.
                    let _ = write!(text, ", {count} {what}");
                }
            }
            text
        }
        Why::NoRequest { metric } => {
            format!("{} has no value: a counted replica has no request", names.metric(metric))
        }
        Why::MetricLast { metric, age_ms } => {
            let age = Duration(age_ms);
            format!("{} has no value: its last one, {age} old, stands in", names.metric(metric))
        }
        Why::MetricZero { metric } => format!("{} has no value and counts as 0", names.metric(metric)),
        Why::Woken { metric: Some(metric), value, above } => {
            let (value, above) = names.pair(metric, value, above);
            format!("{} is {value}, above {above}: wakes to {to}", names.metric(metric))
        }
        Why::Woken { metric: None, .. } => format!("activation is true: wakes to {to}"),
        Why::Asleep => "activation is false: stays at 0".into(),
        Why::ActivationUnknown { metric } => {
            format!("activation cannot be told{}: stays at 0", names.since_missing(metric))
        }
        Why::KeptAwake { unknown: false } => format!("activation is true: not below {to}"),
        Why::KeptAwake { unknown: true } => format!("activation cannot be told: not below {to}"),
        Why::RuleFalse { rule } => format!("rule \"{}\" is false", names.rule(rule)),
        Why::RuleWaiting { rule, for_ms, needs_ms } => {
            let (so_far, needs) = (Duration(for_ms), Duration(needs_ms));
            format!("rule \"{}\" has been true for {so_far} of {needs}", names.rule(rule))
        }
        Why::RuleOneSample { rule } => {
            format!("rule \"{}\" has been true for long enough, but on one sample only", names.rule(rule))
        }
        Why::RuleUnknown { rule, metric } => {
            format!("rule \"{}\" cannot be told{}", names.rule(rule), names.since_missing(metric))
        }
        Why::RuleFailed { rule } => format!("rule \"{}\" failed and counts as unknown", names.rule(rule)),
        Why::RuleNothing { rule } => {
            format!("rule \"{}\" fires, but its function wants no change", names.rule(rule))
        }
        Why::RuleFires { rule, for_ms } => {
            let mut text = format!("rule \"{}\" fires", names.rule(rule));
            let declared = names.declared(rule);
            if declared.is_some_and(|r| r.sustained_for > Duration::ZERO) {
                let _ = write!(text, ", true for {}", Duration(for_ms));
            }
            if from == to {
                let _ = write!(text, ", but {} there already", replicas_are(from));
            } else {
                let what = declared.map_or(String::new(), |r| action(r.action));
                let _ = write!(text, ": {what}{from} to {to}");
            }
            text
        }
        Why::Track { metric, ready, value, target } => {
            let (value, target) = names.pair(metric, value, target);
            let metric = names.metric(metric);
            match ready {
                0 => format!("track {metric}: {value} against {target} a replica asks for {to}"),
                1 => format!("track {metric}: {value} against {target} at 1 ready replica asks for {to}"),
                _ => format!(
                    "track {metric}: {value} against {target} at {ready} ready replicas asks for {to}"
                ),
            }
        }
        Why::TrackTolerance { metric, value, ratio } => {
            let target =
                policy.track.iter().find(|t| t.metric == usize::from(metric)).map_or(value, |t| t.target);
            let tolerance =
                if ratio > 1.0 { policy.tolerance.scale_out } else { policy.tolerance.scale_in } * 100.0;
            let (at, a_replica) = if names.is_total(metric) {
                (format!(" at {to}"), " a replica")
            } else {
                (String::new(), "")
            };
            let (value, target) = names.pair(metric, value, target);
            let (metric, tolerance) = (names.metric(metric), number(tolerance, 1));
            format!(
                "track {metric}: {value}{at} is within {tolerance}% of {target}{a_replica}, so it keeps {to}"
            )
        }
        Why::TrackUnknown { metric, none_ready: true } => {
            format!("track {} cannot be told, since no replica is ready", names.metric(metric))
        }
        Why::TrackUnknown { metric, none_ready: false } => {
            let metric = names.metric(metric);
            format!("track {metric} cannot be told, since {metric} has no value")
        }
        Why::TrackGuard { metric, value, target } => {
            let limit = if value > target { "above target: not fewer" } else { "below target: not more" };
            let (value, target) = names.pair(metric, value, target);
            format!(
                "track {}: {value} against {target} is {limit} than the current {to}",
                names.metric(metric)
            )
        }
        Why::TrackRefilled { metric, value, refilled } => {
            let (value, refilled) = names.pair(metric, value, refilled);
            format!(
                "track {}: {value} would be {refilled} with the replicas that are missing or not ready, \
                 so it keeps {to}",
                names.metric(metric)
            )
        }
        Why::TrackAtZero { metric } => {
            format!("track {} cannot wake: at 0 replicas it has no value", names.metric(metric))
        }
        Why::Proposed => match (names.code(), to.cmp(&from)) {
            (code, std::cmp::Ordering::Equal) => format!("{code} wants the current {to}"),
            (code, _) => format!("{code} wants {to}"),
        },
        Why::ProposedNothing => format!("{} wants no change", names.code()),
        Why::ProposedUnknown { metric } => {
            format!("{} cannot be told{}", names.code(), names.since_missing(metric))
        }
        Why::ProposedFailed => format!("{} failed and counts as unknown", names.code()),
        Why::Largest => format!("of several proposals the largest wins: {to}"),
        Why::TrackHoldsIn { metric } => {
            format!("track {} wants {to}, which holds off scaling in to {from}", names.metric(metric))
        }
        Why::Mildest => format!("of several ways in the mildest counts: {to}"),
        Why::Floor { metric } => {
            format!("track {} needs {to}: not down to {from}", names.metric(metric))
        }
        Why::Held { metric, for_ms } => {
            let why = names.since_missing(metric);
            let why = if why.is_empty() { ", since something is unknown".into() } else { why };
            match for_ms {
                0 => format!("scaling in is held{why}"),
                _ => format!("scaling in has been held for {}{why}", Duration(for_ms)),
            }
        }
        Why::AntiFlap { rule, at } if at == to => {
            format!("no scaling in to {from}: rule \"{}\" is true at {at} already", names.rule(rule))
        }
        Why::AntiFlap { rule, at } => {
            format!(
                "{to} instead of {from}: at {at} rule \"{}\" would be true and scale out again",
                names.rule(rule)
            )
        }
        Why::CooldownOut { rule, base, left_ms } => {
            let who = rule.map_or("the script".into(), |rule| format!("rule \"{}\"", names.rule(rule)));
            let left = Duration(left_ms);
            format!("scale_out cooldown, {left} left: {who} counts from {base}, so {to} instead of {from}")
        }
        Why::CooldownIn { left_ms } => {
            format!("scale_in cooldown, {} left: {to} instead of {from}", Duration(left_ms))
        }
        Why::CooldownRule { rule, left_ms } => {
            format!("rule \"{}\" is in its own cooldown for another {}", names.rule(rule), Duration(left_ms))
        }
        Why::Fallback { for_ms, replicas } => {
            format!("metrics lost for {}: fallback to at least {replicas}", Duration(for_ms))
        }
        Why::WindowOut { window_ms } => format!(
            "stabilization window: {to} instead of {from}, as {to} or fewer were proposed within the last {}",
            Duration(window_ms)
        ),
        Why::WindowIn { window_ms } => format!(
            "stabilization window: {to} instead of {from}, as {to} or more were proposed within the last {}",
            Duration(window_ms)
        ),
        Why::RateOut { start, per_ms, .. } => rate("scale_out", from, to, start, per_ms),
        Why::RateIn { start, per_ms, .. } => rate("scale_in", from, to, start, per_ms),
        Why::Disabled { out } => {
            let direction = if out { "scale_out" } else { "scale_in" };
            format!("{direction} is disabled by its rate limit: {to} instead of {from}")
        }
        Why::AtMax { max } => format!("at max {max}: {to} instead of {from}"),
        Why::AtMin { min } => format!("at min {min}: {to} instead of {from}"),
        Why::NoChange => format!("nothing asks for a change: stays at {to}"),
    }
}

fn replicas_are(count: u32) -> String {
    if count == 1 { "1 replica is".into() } else { format!("{count} replicas are") }
}

fn rate(direction: &str, from: u32, to: u32, start: u32, per_ms: i64) -> String {
    let per = Duration(per_ms);
    format!("{direction} rate limit: {to} instead of {from} ({start} at the start of the last {per})")
}

fn action(action: Action) -> String {
    match action {
        Action::Add(n) => format!("add {n}, "),
        Action::Remove(n) => format!("remove {n}, "),
        Action::Percent(p) => format!("{}%, ", number(p, 3)),
        Action::To(_) | Action::By(_) => String::new(),
    }
}

/// A number with at most so many decimals, without zeros at its end.
fn number(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').into() } else { text }
}

/// Names and units, where the policy has them. A step of another policy gives `?`, no panic.
struct Names<'a>(&'a Policy);

impl<'a> Names<'a> {
    fn metric(&self, index: u16) -> &'a str {
        self.0.metrics.get(usize::from(index)).map_or("?", |m| &m.name.value)
    }

    fn is_total(&self, index: u16) -> bool {
        let per = self.0.metrics.get(usize::from(index)).and_then(|m| m.per);
        per == Some(crate::model::Per::Total)
    }

    fn declared(&self, index: u16) -> Option<&'a crate::model::Rule> {
        self.0.scale_out.iter().chain(&self.0.scale_in).nth(usize::from(index))
    }

    fn rule(&self, index: u16) -> &'a str {
        self.declared(index).map_or("?", |r| &r.name)
    }

    fn schedule(&self, index: u16) -> &'a str {
        self.0.schedule.get(usize::from(index)).map_or("?", |s| &s.name)
    }

    fn code(&self) -> &'static str {
        if self.0.form == Form::Script { "the script" } else { "decide" }
    }

    fn since_missing(&self, metric: Option<u16>) -> String {
        metric.map_or(String::new(), |m| format!(", since {} has no value", self.metric(m)))
    }

    /// Two values of a metric, with as many decimals as either needs and their unit.
    fn pair(&self, metric: u16, a: f64, b: f64) -> (String, String) {
        let unit = self.0.metrics.get(usize::from(metric)).and_then(|m| m.unit);
        let (scale, suffix) = match unit {
            None | Some(Unit::Ratio | Unit::Count) => (1.0, ""),
            Some(Unit::Percent) => (1.0, "%"),
            Some(Unit::Seconds) => (1.0, " s"),
            Some(Unit::Milliseconds) => (1.0, " ms"),
            Some(Unit::PerSecond) => (1.0, "/s"),
            Some(Unit::TokensPerSecond) => (1.0, " tokens/s"),
            Some(Unit::Bytes) => bytes(a.abs().max(b.abs())),
        };
        let (a, b) = (a / scale, b / scale);
        let decimals = decimals(a).max(decimals(b));
        (format!("{a:.decimals$}{suffix}"), format!("{b:.decimals$}{suffix}"))
    }
}

/// Decimals that a value needs, so that four of its digits show: none from 1000 on.
fn decimals(value: f64) -> usize {
    let most = match value.abs() {
        x if x >= 1000.0 => 0,
        x if x >= 100.0 => 1,
        x if x >= 10.0 => 2,
        x if x >= 0.1 || x == 0.0 => 3,
        x if x >= 0.01 => 4,
        _ => 6,
    };
    number(value, most).split_once('.').map_or(0, |(_, fraction)| fraction.len())
}

/// The binary unit that a number of bytes is best told in.
fn bytes(size: f64) -> (f64, &'static str) {
    const UNITS: [(f64, &str); 4] =
        [(1_099_511_627_776.0, " TiB"), (1_073_741_824.0, " GiB"), (1_048_576.0, " MiB"), (1024.0, " KiB")];
    UNITS.into_iter().find(|(unit, _)| size >= *unit).unwrap_or((1.0, " B"))
}
