//! What a dry-run costs without its VM: 14 days at 15 s, closed loop, three rules with closures.

#![allow(missing_docs, clippy::print_stdout, reason = "a benchmark says what it measured")]

use criterion::{Criterion, criterion_group, criterion_main};
use luascale::model::bare::{Closures, When};
use luascale::model::{Action, Duration, Metric, Model, Per, Policy, Rule, Time};
use luascale::report;
use luascale::sim::samples::{self, ReadOptions};
use luascale::sim::series::Samples;
use luascale::sim::trace::Run;
use luascale::sim::{RunOptions, run};
use std::fmt::Write;
use std::hint::black_box;

/// 14 days of 15 s.
const TICKS: u32 = 14 * 24 * 240;
const START: Time = Time(1_709_251_200_000);

/// Days that rise and fall, with a bump every hour.
fn csv(ticks: u32) -> String {
    let mut text = String::from("time,cpu,p95,rps,replicas\n");
    for at in 0..ticks {
        let day = f64::from(at % 5760) / 5760.0;
        let hour = f64::from(at % 240) / 240.0;
        let load = 0.5 - 0.35 * (day * std::f64::consts::TAU).cos() + if hour < 0.1 { 0.3 } else { 0.0 };
        let time = START + Duration::from_secs(i64::from(at) * 15);
        let _ = writeln!(text, "{time},{load:.4},{:.4},{:.2},12", 0.05 + load * load / 4.0, load * 1440.0);
    }
    text
}

fn policy() -> Policy {
    let mut policy = Policy::bare("bench", 3, 60);
    policy.startup = Duration::from_secs(90);
    policy.metrics = vec![
        Metric { saturation: Some(1.0), ..Metric::bare("cpu", Some(Per::Replica)) },
        Metric { models: Some(Model::Latency { load: 0 }), ..Metric::bare("p95", None) },
        Metric { capacity: Some(120.0), ..Metric::bare("rps", Some(Per::Total)) },
    ];
    let sustained_for = Duration::from_secs(300);
    policy.scale_out = vec![
        Rule { sustained_for, ..Rule::bare("hot", Action::Add(2)) },
        Rule::bare("slow", Action::Percent(50.0)),
    ];
    policy.scale_in = vec![Rule { sustained_for, ..Rule::bare("idle", Action::Remove(1)) }];
    policy
}

fn conditions() -> Closures<'static> {
    let when: Vec<When<'static>> = vec![
        Box::new(|m| m.get(0) > 0.8),
        Box::new(|m| m.get(1) > 0.5),
        Box::new(|m| m.get(0) < 0.35 && m.get(1) < 0.2),
    ];
    Closures { when, scale_out: 2, ..Closures::default() }
}

fn read(text: &str) -> Samples {
    samples::read(text.as_bytes(), "bench.csv", &ReadOptions::default()).unwrap_or_default()
}

fn simulations(c: &mut Criterion) {
    let mut group = c.benchmark_group("sim");
    group.sample_size(10);
    let (policy, conditions) = (policy(), conditions());
    let go = |samples: &Samples| -> Run {
        run(&policy, black_box(samples), &conditions, &RunOptions::default(), &mut |_, _| {})
    };
    for (name, ticks) in [("tenth", TICKS / 10), ("bare", TICKS), ("tenfold", TICKS * 10)] {
        let samples = read(&csv(ticks));
        group.bench_function(name, |b| b.iter(|| go(&samples)));
    }
    let text = csv(TICKS);
    group.bench_function("read_csv", |b| b.iter(|| read(black_box(&text))));
    let samples = read(&text);
    group.bench_function("trace_json", |b| {
        b.iter(|| report::json::json(&[(&policy, &go(&samples))], &[], &[]))
    });
    let run = go(&samples);
    let bytes = postcard::to_stdvec(&run).unwrap_or_default();
    let changes = run.score.scaling_events.unwrap_or_default();
    println!(
        "{} ticks, {} steps, {changes} changes, {} bytes as postcard",
        run.ticks.len(),
        run.steps.len(),
        bytes.len()
    );
    group.bench_function("to_postcard", |b| b.iter(|| postcard::to_stdvec(black_box(&run))));
    group.bench_function("from_postcard", |b| b.iter(|| postcard::from_bytes::<Run>(black_box(&bytes))));
    group.finish();
}

criterion_group!(benches, simulations);
criterion_main!(benches);
