//! The sentences as people read them.

use super::*;
use crate::decide::reason::{name, why_not, words};
use crate::model::{Schedule, Step, Unit};

/// A policy with a name for everything.
fn named() -> Policy {
    let world = World::new(3, 60, 10)
        .track(0, 0.6)
        .track(1, 120.0)
        .out(Rule { sustained_for: secs(300), ..Rule::bare("hot cpu", Action::Add(2)) }, always())
        .out(Rule::bare("slow p95", Action::Percent(50.0)), always())
        .inward(Rule::bare("idle", Action::Remove(1)), always());
    let mut policy = world.policy;
    policy.metrics[1].unit = Some(Unit::PerSecond);
    policy.metrics[2].unit = Some(Unit::Seconds);
    policy.schedule.push(Schedule {
        name: "office hours".into(),
        span: Span::default(),
        cron: "0 7 * * 1-5".into(),
        timezone: "Europe/Paris".into(),
        duration: secs(7200),
        min: Some(10),
        max: None,
    });
    policy
}

#[test]
fn every_reason_in_words() {
    let policy = named();
    let min = |n: i64| n * 60_000;
    let all = [
        (10, 10, Why::ScheduleOpen { schedule: 0, min: Some(10), max: None }),
        (10, 10, Why::MinAboveMax { min: 20, max: 15 }),
        (0, 0, Why::Paused),
        (3, 10, Why::BelowMin { min: 10 }),
        (1, 10, Why::BelowMin { min: 10 }),
        (20, 10, Why::AboveMax { max: 10, limit: None }),
        (20, 18, Why::AboveMax { max: 10, limit: Some(18) }),
        (20, 20, Why::AboveMax { max: 10, limit: Some(20) }),
        (10, 10, Why::MetricFailed { metric: 2 }),
        (10, 10, Why::MetricMissing { metric: 2, for_ms: 0 }),
        (10, 10, Why::MetricMissing { metric: 2, for_ms: min(3) }),
        (10, 10, Why::Grouped { metric: 0, counted: 6, unready: 2, missing: 1, ignored: 1 }),
        (10, 10, Why::NoRequest { metric: 0 }),
        (10, 10, Why::MetricLast { metric: 2, age_ms: 45_000 }),
        (10, 10, Why::MetricZero { metric: 1 }),
        (0, 1, Why::Woken { metric: Some(1), value: 7.0, above: 5.0 }),
        (0, 1, Why::Woken { metric: None, value: 0.0, above: 0.0 }),
        (0, 0, Why::Asleep),
        (0, 0, Why::ActivationUnknown { metric: Some(1) }),
        (0, 1, Why::KeptAwake { unknown: false }),
        (10, 10, Why::RuleFalse { rule: 0 }),
        (10, 10, Why::RuleWaiting { rule: 0, for_ms: min(3), needs_ms: min(5) }),
        (10, 10, Why::RuleOneSample { rule: 0 }),
        (10, 10, Why::RuleUnknown { rule: 1, metric: Some(2) }),
        (10, 10, Why::RuleFailed { rule: 1 }),
        (10, 10, Why::RuleNothing { rule: 1 }),
        (10, 12, Why::RuleFires { rule: 0, for_ms: min(5) }),
        (10, 15, Why::RuleFires { rule: 1, for_ms: 0 }),
        (10, 9, Why::RuleFires { rule: 2, for_ms: 0 }),
        (10, 10, Why::RuleFires { rule: 1, for_ms: 0 }),
        (10, 13, Why::Track { metric: 0, ready: 10, value: 0.78, target: 0.6 }),
        (10, 11, Why::Track { metric: 1, ready: 0, value: 1310.5, target: 120.0 }),
        (10, 10, Why::TrackTolerance { metric: 0, value: 0.62, ratio: 1.0333 }),
        (10, 10, Why::TrackTolerance { metric: 1, value: 1190.0, ratio: 0.9917 }),
        (10, 10, Why::TrackUnknown { metric: 0, none_ready: true }),
        (10, 10, Why::TrackUnknown { metric: 0, none_ready: false }),
        (10, 10, Why::TrackGuard { metric: 0, value: 0.78, target: 0.6 }),
        (10, 10, Why::TrackRefilled { metric: 0, value: 0.78, refilled: 0.55 }),
        (0, 0, Why::TrackAtZero { metric: 0 }),
        (10, 12, Why::Proposed),
        (10, 10, Why::Proposed),
        (10, 10, Why::ProposedNothing),
        (10, 10, Why::ProposedUnknown { metric: Some(2) }),
        (10, 10, Why::ProposedFailed),
        (10, 15, Why::Largest),
        (9, 10, Why::TrackHoldsIn { metric: 0 }),
        (10, 9, Why::Mildest),
        (6, 8, Why::Floor { metric: 1 }),
        (9, 10, Why::Held { metric: Some(2), for_ms: min(3) }),
        (9, 10, Why::Held { metric: None, for_ms: 0 }),
        (5, 7, Why::AntiFlap { rule: 0, at: 6 }),
        (9, 10, Why::AntiFlap { rule: 0, at: 10 }),
        (14, 12, Why::CooldownOut { rule: Some(0), base: 10, left_ms: 90_000 }),
        (14, 12, Why::CooldownOut { rule: None, base: 10, left_ms: 90_000 }),
        (9, 10, Why::CooldownIn { left_ms: min(3) }),
        (10, 10, Why::CooldownRule { rule: 1, left_ms: min(2) }),
        (3, 10, Why::Fallback { for_ms: min(6), replicas: 10 }),
        (14, 12, Why::WindowOut { window_ms: min(1) }),
        (6, 9, Why::WindowIn { window_ms: min(5) }),
        (30, 20, Why::RateOut { limit: 20, start: 10, per_ms: min(1) }),
        (2, 8, Why::RateIn { limit: 8, start: 10, per_ms: min(1) }),
        (14, 10, Why::Disabled { out: true }),
        (72, 60, Why::AtMax { max: 60 }),
        (1, 3, Why::AtMin { min: 3 }),
        (10, 10, Why::NoChange),
    ];
    let told: Vec<String> = all
        .iter()
        .map(|(input, output, why)| {
            let step = Step { input: *input, output: *output, why: *why };
            format!("{:21}{}", name(why), words(&policy, &step))
        })
        .collect();
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn numbers_have_their_units_and_no_more_digits_than_tell() {
    let mut policy = named();
    let mut tell = |unit: Option<Unit>, value: f64, target: f64| {
        policy.metrics[2].unit = unit;
        let why = Why::Track { metric: 2, ready: 4, value, target };
        words(&policy, &Step { input: 4, output: 5, why }).split(" at ").next().map(String::from)
    };
    for (unit, value, target, text) in [
        (None, 0.123456, 0.5, "0.123 against 0.500"),
        (Some(Unit::Ratio), 0.78, 0.6, "0.78 against 0.60"),
        (Some(Unit::Percent), 78.0, 60.5, "78.0% against 60.5%"),
        (Some(Unit::Milliseconds), 1234.5678, 500.0, "1235 ms against 500 ms"),
        (Some(Unit::Bytes), 1.5 * 1024.0 * 1024.0 * 1024.0, 1073741824.0, "1.5 GiB against 1.0 GiB"),
        (Some(Unit::Bytes), 12.0, 10.0, "12 B against 10 B"),
        (Some(Unit::TokensPerSecond), 99.99, 50.0, "99.99 tokens/s against 50.00 tokens/s"),
        (Some(Unit::Count), 0.0, 5.0, "0 against 5"),
        (Some(Unit::Count), 0.000012, 5.0, "0.000012 against 5.000000"),
    ] {
        assert_eq!(tell(unit, value, target), Some(format!("track p95: {text}")));
    }
}

#[test]
fn what_kept_it_from_scaling_leads_with_the_most_decisive() {
    let mut world = World::new(1, 99, 10)
        .out(Rule { sustained_for: secs(300), ..Rule::bare("slow", Action::Add(2)) }, above(2, 0.5))
        .inward(remove(4), below(0, 0.5))
        .with(|p| {
            p.cooldown.scale_in = Some(secs(300));
            p.track.push(Track { metric: 1, target: 10.0, span: Span::default() });
        });
    world.state.last_change = Some(START - secs(60));
    let told = |decision: &Decision, policy: &Policy| -> Vec<String> {
        why_not(&decision.steps).iter().map(|step| words(policy, step)).collect()
    };
    // The rule would remove 4, track stops it at 8, and the cooldown bars even that.
    let decision = world.tick([0.2, 80.0, 0.1]);
    assert_eq!(
        told(&decision, &world.policy),
        [
            "scale_in cooldown, 4m left: 10 instead of 8",
            "track rps needs 8: not down to 6",
            "rule \"slow\" is false",
        ]
    );
    // A quiet tick: what came closest leads.
    world.tick([0.6, 100.0, 0.9]);
    let decision = world.tick([0.6, 100.0, 0.9]);
    assert_eq!(
        told(&decision, &world.policy),
        [
            "rule \"slow\" has been true for 15s of 5m",
            "track rps: 100 at 10 is within 10% of 10 a replica, so it keeps 10",
            "rule \"idle\" is false",
        ]
    );
}
