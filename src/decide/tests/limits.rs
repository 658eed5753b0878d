//! Steps 5 and 6: cooldowns, stabilization window, rate limits.

use super::*;
use crate::model::{Amount, Limit, RateLimit, Select};

#[test]
fn during_a_scale_out_cooldown_only_a_larger_need_adds_the_difference() {
    let mut world = World::new(1, 99, 10)
        .out(add(2), above(0, 0.7))
        .out(Rule::bare("very hot", Action::Percent(50.0)), above(0, 0.9))
        .with(|p| p.cooldown.scale_out = Some(secs(60)));
    // 10 + 2; in the cooldown the same need is met already.
    assert_eq!(world.ticks(2, [0.8, 0.0, 0.0]), [12, 12]);
    // 10 + 50 %: the difference, which starts the clock again and keeps the base.
    assert_eq!(world.tick([0.95, 0.0, 0.0]).to, 15);
    assert_eq!(world.ticks(3, [0.95, 0.0, 0.0]), [15, 15, 15]);
    // 60 s after that change it is over, and 15 is where it counts from.
    assert_eq!(world.tick([0.8, 0.0, 0.0]).to, 17);
}

#[test]
fn left_out_the_scale_out_cooldown_is_startup_and_for_add_and_percent_alone() {
    let mut world = World::new(1, 99, 10).out(add(2), always()).with(|p| p.startup = secs(30));
    assert_eq!(world.ticks(5, [0.0; 3]), [12, 12, 14, 14, 16]);
    // What track does begins none.
    let mut world =
        World::new(1, 99, 10).out(add(2), above(0, 0.7)).track(1, 10.0).with(|p| p.startup = secs(300));
    assert_eq!(world.tick([0.0, 200.0, 0.0]).to, 20);
    assert_eq!(world.tick([0.8, 200.0, 0.0]).to, 22);
    // A cooldown that is declared does begin with it; track itself is not bound.
    let mut world = World::new(1, 99, 10)
        .out(add(2), above(0, 0.7))
        .track(1, 10.0)
        .with(|p| p.cooldown.scale_out = Some(secs(300)));
    assert_eq!(world.tick([0.0, 200.0, 0.0]).to, 20);
    assert_eq!(world.tick([0.8, 200.0, 0.0]).to, 20);
    assert_eq!(world.tick([0.8, 300.0, 0.0]).to, 30);
}

#[test]
fn nothing_scales_in_within_the_scale_in_cooldown_of_a_change_either_way() {
    let mut world = World::new(1, 99, 10)
        .out(add(2), above(0, 0.7))
        .inward(remove(1), below(0, 0.3))
        .with(|p| p.cooldown.scale_in = Some(secs(45)));
    assert_eq!(world.tick([0.8, 0.0, 0.0]).to, 12);
    assert_eq!(world.ticks(6, [0.1, 0.0, 0.0]), [12, 12, 11, 11, 11, 10]);
    // A scale_out interrupts it.
    assert_eq!(world.tick([0.8, 0.0, 0.0]).to, 12);
    // What it bars is not recorded as raw.
    let decision = world.look([0.1, 0.0, 0.0]);
    assert_eq!((decision.to, decision.proposed), (12, 12));
    assert!(has(&decision, |w| matches!(w, Why::CooldownIn { left_ms: 30_000 })));
}

#[test]
fn a_rules_own_cooldown_bars_that_rule_alone() {
    let own = Rule { cooldown: Some(secs(45)), ..add(5) };
    let mut world = World::new(1, 99, 10).out(own, always()).out(add(1), always());
    // +5, then three times +1 by the other... and +5 again.
    assert_eq!(world.ticks(4, [0.0; 3]), [15, 16, 17, 22]);
}

#[test]
fn a_change_that_was_not_made_begins_no_cooldown_and_no_period() {
    let mut world = World::new(1, 99, 10).out(add(2), always()).with(|p| {
        p.cooldown.scale_out = Some(secs(300));
        p.rate_limit.scale_out.limits.push(Limit { amount: Amount::Replicas(2), per: secs(60) });
    });
    for _ in 0..3 {
        assert_eq!(world.look([0.0; 3]).to, 12);
        world.now = world.now + secs(15);
    }
    assert_eq!((world.state.cooldown, world.state.changes.len()), (None, 0));
}

#[test]
fn the_window_is_a_clamp_of_the_current_count_over_the_raw_proposals() {
    let rps = |world: &mut World<'_>, all: &[f64]| -> Vec<u32> {
        all.iter().map(|rps| world.tick([0.0, *rps, 0.0]).to).collect()
    };
    let mut world = World::new(1, 99, 10).track(1, 10.0).with(|p| p.stabilization_window.scale_in = secs(45));
    // 8 is the most of the last 45 s until it is exactly that old.
    assert_eq!(rps(&mut world, &[80.0, 50.0, 40.0, 40.0, 40.0]), [8, 8, 8, 5, 4]);
    // So it is where the other window keeps it on record for longer.
    let mut world = World::new(1, 99, 10).track(1, 10.0).with(|p| {
        p.stabilization_window.scale_in = secs(45);
        p.stabilization_window.scale_out = secs(300);
    });
    assert_eq!(rps(&mut world, &[80.0, 50.0, 40.0, 40.0, 40.0]), [8, 8, 8, 5, 4]);
    let mut world =
        World::new(1, 99, 10).track(1, 10.0).with(|p| p.stabilization_window.scale_out = secs(45));
    assert_eq!(rps(&mut world, &[120.0, 200.0, 110.0, 200.0, 200.0, 200.0]), [12, 12, 12, 12, 12, 20]);
}

#[test]
fn no_history_at_all_is_seeded_and_an_empty_one_is_not() {
    let world = |history: Option<Vec<(Time, u32)>>| {
        let mut world = World::new(1, 99, 10).track(1, 10.0);
        world.policy.stabilization_window.scale_in = secs(30);
        world.state.history = history;
        world.ticks(3, [0.0, 20.0, 0.0])
    };
    assert_eq!(world(None), [10, 10, 2]);
    assert_eq!(world(Some(Vec::new())), [2, 2, 2]);
}

fn limited<'a>(current: u32, want: u32, limits: &[(Amount, i64)], select: Select) -> World<'a> {
    let limits = limits.iter().map(|(amount, per)| Limit { amount: *amount, per: secs(*per) }).collect();
    let limit = RateLimit { select, limits };
    World::new(1, 9999, current).code(DECIDE, wants(Action::To(want))).with(|p| {
        p.rate_limit.scale_out = limit.clone();
        p.rate_limit.scale_in = limit;
    })
}

#[test]
fn limits_round_up_on_the_way_out_and_down_on_the_way_in() {
    let percent = |p: f64| [(Amount::Percent(p), 60)];
    for (current, want, p, to) in [
        (72, 1, 10.0, 64),
        // 3 x 1.01 = 3.03; 110 x 1.1 = 121, whatever the last bit says.
        (3, 1000, 1.0, 4),
        (110, 1000, 10.0, 121),
        (10, 1, 90.0, 1),
    ] {
        let mut world = limited(current, want, &percent(p), Select::Max);
        assert_eq!(world.tick([0.0; 3]).to, to, "{p} % of {current}");
    }
}

#[test]
fn of_several_limits_the_widest_the_narrowest_or_none() {
    let both = [(Amount::Replicas(4), 60), (Amount::Percent(10.0), 60)];
    for (select, out, inward) in [(Select::Max, 24, 16), (Select::Min, 22, 18), (Select::Disabled, 20, 20)] {
        assert_eq!(limited(20, 1000, &both, select).tick([0.0; 3]).to, out, "{select:?}");
        assert_eq!(limited(20, 1, &both, select).tick([0.0; 3]).to, inward, "{select:?}");
    }
}

#[test]
fn a_change_exactly_as_old_as_the_period_is_outside() {
    // The wider limit keeps the older change on record.
    let limits = [(Amount::Replicas(3), 30), (Amount::Replicas(100), 300)];
    let mut world = limited(10, 1000, &limits, Select::Min);
    assert_eq!(world.ticks(5, [0.0; 3]), [13, 13, 16, 16, 19]);
}

#[test]
fn both_directions_count_and_a_limit_never_pushes_past_the_current_count() {
    let mut world = limited(10, 1000, &[(Amount::Replicas(3), 60)], Select::Max);
    // +2 and -4 in the period: it began at 12, so 15 is the limit.
    world.state.changes = vec![(START - secs(30), 2), (START - secs(15), -4)];
    assert_eq!(world.look([0.0; 3]).to, 15);
    // +8: it began at 2, whose limit of 5 is below the current count.
    world.state.changes = vec![(START - secs(30), 8)];
    assert_eq!(world.look([0.0; 3]).to, 10);
}
