//! What a decision costs, conditions answered by closures: 3 rules and 10 metrics.

#![allow(missing_docs, reason = "criterion's macros make public functions")]

use criterion::{Criterion, criterion_group, criterion_main};
use luascale::decide::decide;
use luascale::model::bare::{Closures, When};
use luascale::model::{
    Action, Duration, Input, Metric, Per, Policy, Reading, Rule, Schedule, State, Time, Track,
};
use luascale::text::Span;
use std::hint::black_box;

fn policy() -> Policy {
    let mut policy = Policy::bare("bench", 3, 60);
    policy.metrics = (0..10).map(|n| Metric::bare(&format!("m{n}"), Some(Per::Replica))).collect();
    let sustained_for = Duration::from_secs(300);
    policy.scale_out = vec![
        Rule { sustained_for, ..Rule::bare("hot", Action::Add(2)) },
        Rule::bare("slow", Action::Percent(50.0)),
    ];
    policy.scale_in = vec![Rule { sustained_for, ..Rule::bare("idle", Action::Remove(1)) }];
    policy
}

fn conditions<'a>() -> Closures<'a> {
    let when: Vec<When<'a>> = vec![
        Box::new(|m| m.get(0) > 0.8),
        Box::new(|m| m.get(1) > 0.5),
        Box::new(|m| m.get(0) < 0.35 && m.get(1) < 0.2),
    ];
    Closures { when, scale_out: 2, ..Closures::default() }
}

/// Decides tick after tick on a wave that `swing` makes large or small.
fn ticks(c: &mut Criterion, name: &str, policy: &Policy, swing: f64) {
    let conditions = conditions();
    let mut state = State::default();
    let mut input = Input { current: 10, ready: 10, ..Input::default() };
    let mut at = 0u32;
    c.bench_function(name, |b| {
        b.iter(|| {
            at = at.wrapping_add(1);
            input.now = Time(i64::from(at) * 15_000);
            let value = 0.5 + swing * (f64::from(at % 960) / 960.0 - 0.5);
            input.metrics.clear();
            input.metrics.extend((0..10).map(|_| Reading::Value { value, at: input.now }));
            let (decision, after) =
                decide(policy, black_box(&input), std::mem::take(&mut state), &conditions);
            state = after;
            input.current = decision.to;
            input.ready = decision.to;
            decision
        });
    });
}

fn decisions(c: &mut Criterion) {
    let quiet = policy();
    ticks(c, "quiet tick", &quiet, 0.0);
    ticks(c, "waves", &quiet, 0.9);
    let mut tracked = policy();
    tracked.track = vec![Track { metric: 0, target: 0.6, span: Span::default() }];
    ticks(c, "waves, tracked", &tracked, 0.9);
    let mut scheduled = policy();
    scheduled.schedule = vec![Schedule {
        name: "office hours".into(),
        span: Span::default(),
        cron: "0 7 * * 1-5".into(),
        timezone: "Europe/Paris".into(),
        duration: Duration::from_secs(7200),
        min: Some(10),
        max: None,
    }];
    ticks(c, "waves, with a schedule", &scheduled, 0.9);
}

criterion_group!(benches, decisions);
criterion_main!(benches);
