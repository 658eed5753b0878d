//! Steps 2 to 4: rules, tracking, missing metrics, and the way in.

use super::*;
use crate::model::{Fallback, Missing, Model, Phase, ReplicaSample, Unit};

#[test]
fn a_rule_fires_when_it_has_held_for_long_enough_at_every_evaluation() {
    let rule = Rule { sustained_for: secs(60), ..add(1) };
    let mut world = World::new(1, 99, 5).out(rule, above(0, 0.8));
    // True at 0, 15, 30, 45 and 60 s: at 60 s it fires, and goes on firing.
    assert_eq!(world.ticks(6, [0.9, 0.0, 0.0]), [5, 5, 5, 5, 6, 7]);
    // False once, or unknown once: it starts again.
    world.tick([0.8, 0.0, 0.0]);
    assert_eq!(world.ticks(5, [0.9, 0.0, 0.0]), [7, 7, 7, 7, 8]);
    world.tick([NONE, 0.0, 0.0]);
    assert_eq!(world.ticks(5, [0.9, 0.0, 0.0]), [8, 8, 8, 8, 9]);
}

#[test]
fn two_distinct_samples_must_agree() {
    let rule = Rule { sustained_for: secs(30), ..add(1) };
    let mut world = World::new(1, 99, 5).out(rule, above(0, 0.8));
    world.sampled = Some(START);
    assert_eq!(world.ticks(4, [0.9, 0.0, 0.0]), [5, 5, 5, 5]);
    assert!(has(&world.look([0.9, 0.0, 0.0]), |w| matches!(w, Why::RuleOneSample { .. })));
    world.sampled = Some(START + secs(60));
    assert_eq!(world.tick([0.9, 0.0, 0.0]).to, 6);
}

#[test]
fn a_zero_that_stands_in_can_be_sustained() {
    let rule = Rule { sustained_for: secs(30), ..remove(1) };
    let mut world =
        World::new(1, 99, 5).inward(rule, below(1, 1.0)).with(|p| p.metrics[1].missing = Missing::Zero);
    world.sampled = Some(START);
    assert_eq!(world.ticks(3, [0.5, NONE, 0.5]), [5, 5, 4]);
}

#[test]
fn tracking_uses_ready_replicas_for_averages_and_none_for_totals() {
    for (metric, values, ready, to) in [
        // 10 x 0.78 / 0.6 = 13
        (0, [0.78, 0.0, 0.0], 10, 13),
        // 8 x 0.78 / 0.6 = 10.4
        (0, [0.78, 0.0, 0.0], 8, 11),
        // 5 x 0.78 / 0.6 = 6.5, but above target it is never fewer
        (0, [0.78, 0.0, 0.0], 5, 10),
        // 20 x 0.48 / 0.6 = 16 with those that are ending, but below target it is never more
        (0, [0.48, 0.0, 0.0], 20, 10),
        // 1250 / 120 = 10.4: not less than 10, within 10 % of it
        (1, [0.0, 1250.0, 0.0], 5, 10),
        (1, [0.0, 1321.0, 0.0], 5, 12),
        (1, [0.0, 240.0, 0.0], 5, 2),
    ] {
        let mut world = World::new(1, 99, 10).track(metric, [0.6, 120.0, 1.0][metric]);
        world.ready = Some(ready);
        assert_eq!(world.tick(values).to, to, "{values:?} at {ready} ready");
    }
    let mut world = World::new(1, 99, 2).track(0, 0.3);
    assert_eq!(world.tick([1.05, 0.0, 0.0]).to, 7);
}

#[test]
fn no_ready_replica_makes_an_average_unknown_and_holds() {
    let mut world = World::new(1, 99, 10).track(0, 0.6).inward(remove(1), always());
    world.ready = Some(0);
    let decision = world.tick([0.1, 0.0, 0.0]);
    assert_eq!(decision.to, 10);
    assert!(has(&decision, |w| matches!(w, Why::TrackUnknown { none_ready: true, .. })));
    assert_eq!(decision.held, Some(Duration::ZERO));
    assert!(decision.events.is_empty());
}

#[test]
fn tolerance_may_differ_by_direction_and_holds_off_scale_in_rules() {
    let world = |cpu: f64| {
        let mut world = World::new(1, 99, 10).track(0, 0.5).inward(remove(1), always());
        world.policy.tolerance.scale_out = 0.2;
        world.tick([cpu, 0.0, 0.0])
    };
    for (cpu, to) in [(0.61, 13), (0.6, 10), (0.45, 10), (0.44, 9)] {
        assert_eq!(world(cpu).to, to, "cpu {cpu}");
    }
    assert!(has(&world(0.45), |w| matches!(w, Why::TrackHoldsIn { metric: 0 })));
}

#[test]
fn of_several_ways_in_the_mildest_counts_and_track_is_a_floor() {
    let mut world = World::new(1, 99, 10).inward(remove(5), always()).inward(remove(2), always());
    assert_eq!(world.tick([0.0; 3]).to, 8);
    // track needs 6 of 10: remove 5 stops there.
    let mut world = World::new(1, 99, 10).track(1, 10.0).inward(remove(5), always());
    let decision = world.tick([0.0, 60.0, 0.0]);
    assert_eq!(decision.to, 6);
    assert!(has(&decision, |w| matches!(w, Why::Floor { metric: 1 })));
    // track would go to 3, the rule only to 9.
    let mut world = World::new(1, 99, 10).track(1, 10.0).inward(remove(1), always());
    assert_eq!(world.tick([0.0, 30.0, 0.0]).to, 9);
}

#[test]
fn out_beats_in_and_the_largest_wins() {
    let mut world = World::new(1, 99, 10)
        .out(add(2), always())
        .out(Rule::bare("double", Action::Percent(45.0)), always())
        .out(Rule::bare("to", Action::To(4)), always())
        .inward(remove(5), always());
    let decision = world.tick([0.0; 3]);
    // 45 % of 10 is 4.5, rounded up.
    assert_eq!((decision.to, decision.proposed), (15, 15));
    assert!(has(&decision, |w| matches!(w, Why::Largest)));
}

#[test]
fn a_percentage_removes_no_more_than_it_says_but_one_at_least() {
    for (current, to) in [(72, 65), (10, 9), (3, 2)] {
        let mut world = World::new(0, 99, current).inward(Rule::bare("in", Action::Percent(10.0)), always());
        assert_eq!(world.tick([0.0; 3]).to, to, "10 % off {current}");
    }
}

#[test]
fn no_step_in_that_a_scale_out_rule_would_undo() {
    let world = |n: u32, change: fn(&mut Policy)| {
        World::new(1, 99, 10).out(add(1), above(0, 0.8)).inward(remove(n), always()).with(change)
    };
    // 0.5 x 10 / 5 = 1.0 and 0.5 x 10 / 6 = 0.83 are above 0.8, 0.5 x 10 / 7 = 0.71 is not.
    let decision = world(5, |_| ()).tick([0.5, 0.0, 0.0]);
    assert_eq!(decision.to, 7);
    assert!(has(&decision, |w| matches!(w, Why::AntiFlap { rule: 0, at: 6 })));
    assert_eq!(world(5, |p| p.anti_flap = false).tick([0.5, 0.0, 0.0]).to, 5);
    // A metric with a model of its own is not projected.
    let modelled = |p: &mut Policy| p.metrics[0].models = Some(Model::Latency { load: 1 });
    assert_eq!(world(5, modelled).tick([0.5, 0.0, 0.0]).to, 5);
    // 0.79 leaves no room at all.
    assert_eq!(world(1, |_| ()).tick([0.79, 0.0, 0.0]).to, 10);
    // True already, though it has not held for long enough: nothing goes in.
    let sustained = |p: &mut Policy| p.scale_out[0].sustained_for = secs(300);
    let decision = world(1, sustained).tick([0.81, 0.0, 0.0]);
    assert_eq!(decision.to, 10);
    assert!(has(&decision, |w| matches!(w, Why::AntiFlap { at: 10, .. })));
}

#[test]
fn the_projection_finds_the_border_in_a_long_way_down() {
    let mut world =
        World::new(1, 100_000, 50_000).out(add(1), above(0, 0.8)).inward(remove(49_000), always());
    // 0.08 x 50,000 / n is at most 0.8 from n = 5,000 on.
    assert_eq!(world.tick([0.08, 0.0, 0.0]).to, 5000);
}

#[test]
fn at_zero_a_projected_average_has_no_value_and_does_not_block() {
    let mut world = World::new(0, 9, 1).out(add(1), above(0, 0.8)).inward(remove(1), always());
    assert_eq!(world.tick([0.1, 0.0, 0.0]).to, 0);
}

#[test]
fn while_something_that_is_read_is_unknown_nothing_scales_in_and_others_scale_out() {
    let mut world = World::new(1, 99, 10)
        .out(add(1), above(0, 0.8))
        .out(add(3), above(2, 0.5))
        .inward(remove(1), below(0, 0.4));
    assert_eq!(world.tick([0.3, 0.0, 0.2]).to, 9);
    let first = world.tick([0.3, 0.0, NONE]);
    assert_eq!(
        (first.to, first.held, kinds(&first)),
        (9, Some(Duration::ZERO), vec![EventKind::MetricsLost])
    );
    let second = world.tick([0.3, 0.0, NONE]);
    assert_eq!((second.to, second.held, kinds(&second)), (9, Some(secs(15)), vec![]));
    let third = world.tick([0.9, 0.0, NONE]);
    assert_eq!((third.to, third.held), (10, Some(secs(30))));
    // A metric that nobody reads may be missing: rps is read by none.
    let back = world.tick([0.3, NONE, 0.2]);
    assert_eq!((back.to, back.held, kinds(&back)), (9, None, vec![EventKind::ScaleIn]));
    // A new episode is said anew.
    assert_eq!(kinds(&world.tick([0.3, 0.0, NONE])), [EventKind::MetricsLost]);
}

#[test]
fn the_last_value_stands_in_until_it_is_too_old() {
    let max_age = secs(45);
    let mut world = World::new(1, 99, 10)
        .out(add(1), above(0, 0.8))
        .with(|p| p.metrics[0].missing = Missing::Last { max_age });
    assert_eq!(world.tick([0.9, 0.0, 0.0]).to, 11);
    // 15, 30 and 45 s old, then too old.
    assert_eq!(world.ticks(4, [NONE, 0.0, 0.0]), [12, 13, 14, 14]);
    assert!(world.look([NONE, 0.0, 0.0]).held.is_some());
}

#[test]
fn fallback_raises_after_its_time_and_never_lowers() {
    let world = |current: u32| {
        World::new(1, 99, current)
            .track(0, 0.5)
            .with(|p| p.fallback = Some(Fallback { after: secs(30), replicas: 8 }))
    };
    assert_eq!(world(3).ticks(4, [NONE, 0.0, 0.0]), [3, 3, 8, 8]);
    assert_eq!(world(12).ticks(4, [NONE, 0.0, 0.0]), [12, 12, 12, 12]);
    // Where no replica is there or ready, an average has no value, which is no loss.
    let mut asleep = world(0).out(add(1), above(0, 0.8)).with(|p| p.replicas.min.value = 0);
    assert_eq!(asleep.ticks(4, [NONE, 0.0, 0.0]), [0, 0, 0, 0]);
    let mut starting = world(3).out(add(1), above(0, 0.8));
    starting.ready = Some(0);
    assert_eq!(starting.ticks(4, [NONE, 0.0, 0.0]), [3, 3, 3, 3]);
    assert!(starting.look([NONE, 0.0, 0.0]).events.is_empty());
}

#[test]
fn code_proposes_and_limits_still_hold() {
    let mut world = World::new(1, 20, 10).code(DECIDE, wants(Action::To(50)));
    assert_eq!(world.tick([0.0; 3]).to, 20);
    let mut world = World::new(1, 20, 10).code(DECIDE, wants(Action::To(3))).with(|p| {
        p.rate_limit = crate::model::RateLimit::kubernetes();
        p.stabilization_window.scale_in = secs(30);
    });
    world.state.history = None;
    assert_eq!(world.ticks(4, [0.0; 3]), [10, 10, 3, 3]);
    for (action, to) in [(Action::Add(2), 12), (Action::Remove(3), 7), (Action::To(4), 4)] {
        let mut world = World::new(1, 20, 10).code(Form::Script, wants(action));
        assert_eq!(world.tick([0.0; 3]).to, to);
    }
    // It reads what has no value: unknown, and nothing goes in.
    let reads: Want<'_> = Box::new(|m, _| Some(Action::To(if m.get(0) > 0.5 { 9 } else { 1 })));
    let decision = World::new(1, 20, 10).code(DECIDE, reads).tick([NONE, 0.0, 0.0]);
    assert_eq!((decision.to, decision.held), (10, Some(Duration::ZERO)));
}

#[test]
fn a_rule_by_function_and_a_count_that_is_already_there() {
    let by = Rule::bare("by", Action::By(FnRef(3)));
    let mut world = World::new(1, 99, 10).out(by, always());
    world.conditions.propose = Some(Box::new(|m, ctx| Some(Action::To(ctx.current + m.get(1) as u32))));
    assert_eq!(world.tick([0.0, 4.0, 0.0]).to, 14);
    let decision = World::new(1, 99, 10).out(Rule::bare("to", Action::To(6)), always()).tick([0.0; 3]);
    assert_eq!(decision.to, 10);
}

fn sample(value: Option<f64>, request: Option<f64>) -> ReplicaSample {
    ReplicaSample { value, request, phase: Phase::Running, ..ReplicaSample::default() }
}

#[test]
fn a_counted_replica_without_a_request_makes_the_metric_unknown_where_others_have_one() {
    let decide_on = |samples: Vec<ReplicaSample>, unit: Option<Unit>| {
        let world = World::new(1, 99, 2).track(0, 0.5).with(|p| p.metrics[0].unit = unit);
        let metrics = vec![Reading::Replicas { samples, at: START }];
        let input = Input { now: START, current: 2, ready: 2, metrics, ..Input::default() };
        decide(&world.policy, &input, world.state, &world.conditions).0
    };
    let decision = decide_on(vec![sample(Some(1.0), Some(1.0)), sample(Some(1.0), None)], Some(Unit::Ratio));
    assert_eq!(decision.to, 2);
    assert!(has(&decision, |w| matches!(w, Why::NoRequest { metric: 0 })));
    // Where none has one, the values are what is tracked: 2 x 1.0 / 0.5.
    assert_eq!(decide_on(vec![sample(Some(1.0), None); 2], Some(Unit::Ratio)).to, 4);
    // NaN and infinity are no samples.
    let odd = vec![sample(Some(1.0), None), sample(Some(f64::INFINITY), None)];
    assert!(has(&decide_on(odd, None), |w| matches!(w, Why::Grouped { counted: 1, missing: 1, .. })));
}
