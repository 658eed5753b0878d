//! Step 1: bounds, pauses, zero and activation.

use super::*;
use crate::model::{Activation, Amount, Limit, RateLimit, Select};

#[test]
fn below_min_it_jumps_past_every_limit_and_reads_nothing() {
    let mut world = World::new(10, 60, 3).with(|p| {
        p.rate_limit.scale_out = RateLimit { select: Select::Disabled, limits: Vec::new() };
        p.stabilization_window.scale_out = secs(3600);
        p.cooldown.scale_out = Some(secs(3600));
    });
    let decision = world.tick([NONE; 3]);
    assert_eq!(decision.to, 10);
    assert_eq!(decision.steps.iter().map(|s| s.why).collect::<Vec<_>>(), [Why::BelowMin { min: 10 }]);
    assert_eq!(kinds(&decision), [EventKind::ScaleOut]);
}

#[test]
fn the_way_down_to_max_goes_at_the_rate_limit_of_scale_in() {
    let two_a_minute = Limit { amount: Amount::Replicas(2), per: secs(60) };
    let mut world = World::new(1, 10, 15).with(|p| {
        p.rate_limit.scale_in.limits.push(two_a_minute);
        p.cooldown.scale_in = Some(secs(3600));
    });
    assert_eq!(world.ticks(9, [NONE; 3]), [13, 13, 13, 13, 11, 11, 11, 11, 10]);
    let mut world = World::new(1, 10, 15)
        .with(|p| p.rate_limit.scale_in = RateLimit { select: Select::Disabled, limits: vec![two_a_minute] });
    assert_eq!(world.tick([NONE; 3]).to, 10);
    // The default of Kubernetes is at once.
    let mut world = World::new(1, 10, 15).with(|p| p.rate_limit = RateLimit::kubernetes());
    assert_eq!(world.tick([NONE; 3]).to, 10);
}

#[test]
fn a_zero_that_someone_else_set_is_left_alone_and_the_own_one_is_woken() {
    let mut paused = World::new(3, 9, 0);
    let decision = paused.tick([5.0; 3]);
    assert_eq!((decision.to, decision.steps[0].why), (0, Why::Paused));
    assert!(decision.events.is_empty());

    // Scaled to zero by itself, then min is raised.
    let mut own = World::new(0, 9, 2).code(DECIDE, wants(Action::To(0)));
    assert_eq!(own.tick([0.0; 3]).to, 0);
    let mut raised = own.with(|p| p.replicas.min.value = 3);
    assert_eq!(raised.tick([0.0; 3]).to, 3);

    // A person sets zero after that: it is no longer its own.
    raised.tick([0.0; 3]);
    raised.current = 0;
    assert_eq!(raised.tick([0.0; 3]).to, 0);
}

#[test]
fn what_was_true_before_a_pause_says_nothing_of_the_time_after_it() {
    let mut world = World::new(3, 9, 3).out(Rule { sustained_for: secs(60), ..add(1) }, always());
    world.ticks(3, [0.0; 3]);
    world.current = 0;
    world.ticks(20, [0.0; 3]);
    world.current = 3;
    assert_eq!(world.ticks(6, [0.0; 3]), [3, 3, 3, 3, 4, 5]);
}

fn sleeping<'a>() -> World<'a> {
    World::new(0, 40, 0).with(|p| {
        p.activation = Some(Activation::Above(vec![(1, 5.0), (2, 1.0)]));
        p.rate_limit = RateLimit::kubernetes();
        p.stabilization_window.scale_out = secs(600);
    })
}

#[test]
fn activation_is_strictly_greater_and_wakes_in_the_tick_that_sees_it() {
    for (rps, p95, to) in [(5.0, 1.0, 0), (5.1, 0.0, 1), (0.0, 1.1, 1), (NONE, 1.1, 1), (NONE, 0.0, 0)] {
        let decision = sleeping().track(1, 1.0).tick([NONE, rps, p95]);
        assert_eq!(decision.to, to, "rps {rps}, p95 {p95}: {:?}", decision.steps);
    }
    assert!(has(&sleeping().tick([NONE, 5.0, 0.0]), |w| matches!(w, Why::Asleep)));
    assert!(has(&sleeping().tick([NONE, NONE, 0.0]), |w| matches!(
        w,
        Why::ActivationUnknown { metric: Some(1) }
    )));
}

#[test]
fn activation_keeps_above_zero_while_true_or_unknown() {
    let awake = |rps: f64| {
        let mut world = sleeping().inward(remove(5), always()).with(|p| {
            p.stabilization_window.scale_in = Duration::ZERO;
        });
        world.current = 3;
        world.tick([0.0, rps, 0.0])
    };
    assert_eq!(awake(6.0).to, 1);
    assert!(has(&awake(6.0), |w| matches!(w, Why::KeptAwake { .. })));
    assert_eq!(awake(5.0).to, 0);
    assert_eq!(awake(NONE).to, 3);
}

#[test]
fn without_activation_a_total_wakes_and_an_average_cannot() {
    let mut world = World::new(0, 40, 0).track(1, 5.0);
    assert_eq!(world.tick([NONE, 20.0, NONE]).to, 4);
    let decision = World::new(0, 40, 0).track(0, 0.5).tick([0.9, 0.0, 0.0]);
    assert_eq!(decision.to, 0);
    assert!(has(&decision, |w| matches!(w, Why::TrackAtZero { metric: 0 })));
}

#[test]
fn a_missing_fail_metric_stops_all_but_bounds() {
    let mut world = World::new(2, 9, 4)
        .out(add(3), always())
        .with(|p| p.metrics[2].missing = crate::model::Missing::Fail);
    let decision = world.look([0.5, 1.0, NONE]);
    assert!(decision.failed);
    assert_eq!((decision.to, kinds(&decision)), (4, vec![EventKind::MetricsLost]));
    world.current = 1;
    let decision = world.look([0.5, 1.0, NONE]);
    assert_eq!((decision.to, decision.failed), (2, false));
}

#[test]
fn past_max_is_said_once_an_episode_and_being_there_is_no_event() {
    let mut world = World::new(1, 10, 8).track(1, 10.0);
    let mut said = Vec::new();
    for rps in [80.0, 100.0, 130.0, 140.0, 100.0, 130.0] {
        said.push(kinds(&world.tick([0.0, rps, 0.0])));
    }
    use EventKind::{AtMax, ScaleOut};
    // 80 is 8; 100 is just 10; 130 asks for 13 at 10; so does 140; 100 ends it; 130 begins anew.
    let expected = [vec![], vec![ScaleOut], vec![AtMax], vec![], vec![], vec![AtMax]];
    assert_eq!(said, expected);
}

#[test]
fn under_min_is_said_once_an_episode() {
    let mut world = World::new(3, 10, 4).track(1, 10.0);
    let said: Vec<_> = [10.0, 10.0, 40.0, 10.0].map(|rps| kinds(&world.tick([0.0, rps, 0.0]))).into();
    use EventKind::{AtMin, ScaleIn, ScaleOut};
    assert_eq!(said, [vec![AtMin, ScaleIn], vec![], vec![ScaleOut], vec![AtMin, ScaleIn]]);
}
