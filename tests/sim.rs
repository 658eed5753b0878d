//! Runs over recordings: numbers worked out by hand, what is modelled and what not, scenarios.

#![expect(clippy::unwrap_used, reason = "a test says what it relies on")]

use luascale::decide;
use luascale::model::bare::{Closures, When};
use luascale::model::input::Fault;
use luascale::model::{
    Action, Conditions, Context, Cost, Duration, Effect, Event, EventKind, Fallback, FnRef, HookReport,
    Metric, Missing, Model, Per, Policy, Projected, Proposed, Rule, Schedule, Time, Track, Verdict,
    effect::EffectKind, policy::Hook,
};
use luascale::sim::cases::read_cases;
use luascale::sim::expect;
use luascale::sim::samples::{self, ReadOptions};
use luascale::sim::series::{Samples, Values};
use luascale::sim::trace::{Loop, Run};
use luascale::sim::{RunOptions, Scenario, run};
use luascale::text::{LineIndex, Span};
use proptest::prelude::*;

const START: &str = "2024-03-01T12:00:00Z";

fn utc(text: &str) -> Time {
    Time(text.parse::<jiff::Timestamp>().unwrap().as_millisecond())
}

/// A wide recording: a header without its time column, and rows that come every 15 s.
fn record(header: &str, rows: &[&str]) -> Samples {
    let mut text = format!("time,{header}\n");
    for (at, row) in (0..).zip(rows) {
        text.push_str(&format!("{},{row}\n", utc(START) + Duration::from_secs(at * 15)));
    }
    samples::read(text.as_bytes(), "x.csv", &ReadOptions::default()).unwrap()
}

fn metric(name: &str, per: Option<Per>) -> Metric {
    Metric::bare(name, per)
}

fn track(policy: &Policy, name: &str, target: f64) -> Track {
    Track { metric: policy.metric(name).unwrap(), target, span: Span::default() }
}

/// Tracks cpu at 0.5, between 1 and 20, without windows and limits.
fn tracking() -> Policy {
    let mut policy = Policy::bare("web", 1, 20).unlimited();
    policy.metrics = vec![metric("cpu", Some(Per::Replica))];
    policy.track = vec![track(&policy, "cpu", 0.5)];
    policy
}

fn go(policy: &Policy, samples: &Samples, options: &RunOptions) -> Run {
    run(policy, samples, &Closures::default(), options, &mut |_, _| {})
}

fn plain(policy: &Policy, samples: &Samples) -> Run {
    go(policy, samples, &RunOptions::default())
}

fn open() -> RunOptions {
    RunOptions { kind: Some(Loop::Open), ..RunOptions::default() }
}

fn with(scenario: &str) -> RunOptions {
    RunOptions { scenarios: vec![Scenario::parse(scenario).unwrap()], ..RunOptions::default() }
}

fn desired(run: &Run) -> Vec<u32> {
    run.ticks.iter().map(|t| t.desired).collect()
}

fn ready(run: &Run) -> Vec<u32> {
    run.ticks.iter().map(|t| t.ready).collect()
}

fn value(run: &Run, tick: usize, metric: &str) -> f64 {
    let at = run.metrics.iter().position(|m| m == metric).unwrap();
    run.values_of(tick)[at]
}

fn near(a: f64, b: f64) -> bool {
    (a - b).abs() < 1e-9
}

#[test]
fn a_closed_loop_shares_the_recorded_demand_among_ready_replicas() {
    let mut policy = tracking();
    policy.startup = Duration::from_secs(30);
    policy.metrics[0].saturation = Some(0.8);
    policy.cost = Some(Cost { per_replica_hour: 0.24, currency: "USD".into() });
    let samples = record("cpu,replicas", &["0.5,4", "0.9,4", "0.9,4", "0.9,4", "0.2,4", "0.2,4"]);
    let run = plain(&policy, &samples);
    assert_eq!(run.kind, Loop::Closed);
    // Demand is 4 x 0.9 = 3.6; while 4 are ready each is at 0.9, of which it shows 0.8: ceil(4 x 0.8 / 0.5) = 7.
    // Wanted at 15 s, they are ready at 45 s: 3.6 / 7 = 0.514. Then 0.8 / 7 = 0.114: ceil(0.8 / 0.5) = 2.
    assert_eq!(desired(&run), [4, 7, 7, 7, 2, 2]);
    assert_eq!(run.ticks.iter().map(|t| t.current).collect::<Vec<_>>(), [4, 4, 7, 7, 7, 2]);
    assert_eq!(ready(&run), [4, 4, 4, 7, 7, 2]);
    for (tick, want) in [0.5, 0.8, 0.8, 3.6 / 7.0, 0.8 / 7.0, 0.4].into_iter().enumerate() {
        assert!(near(value(&run, tick, "cpu"), want), "tick {tick}: {}", value(&run, tick, "cpu"));
    }
    let under: Vec<_> = run.ticks.iter().map(|t| t.under).collect();
    assert_eq!(under, [false, true, true, false, false, false].map(Some));
    let score = &run.score;
    assert!(near(score.replica_hours.unwrap(), 29.0 * 15.0 / 3600.0));
    assert!(near(score.cost.unwrap(), 29.0 * 15.0 / 3600.0 * 0.24));
    assert_eq!(score.currency.as_deref(), Some("USD"));
    assert_eq!(score.under_provisioned_minutes, Some(0.5));
    assert_eq!((score.scaling_events, score.flaps, score.peak), (Some(2), Some(1), Some(7)));
    assert_eq!(score.minutes_at_max, Some(0.0));
    assert_eq!(
        run.notes,
        ["cpu was recorded at its saturation at 3 ticks: demand was at least that, and may have been more"]
    );
    assert_eq!(run.samples, ["x.csv"]);
}

#[test]
fn an_open_loop_decides_from_what_was_recorded() {
    let samples = record("cpu,replicas,ready", &["0.5,4,4", "0.9,4,2", "0.9,8,8", "0.2,8,8"]);
    let run = go(&tracking(), &samples, &open());
    assert_eq!(run.ticks.iter().map(|t| t.current).collect::<Vec<_>>(), [4, 4, 8, 8]);
    assert_eq!(ready(&run), [4, 2, 8, 8]);
    // ceil(ready x value / target): 2 x 0.9 / 0.5 = 3.6, but a value above target never proposes less than now.
    assert_eq!(desired(&run), [4, 4, 15, 4]);
    assert_eq!(value(&run, 3, "cpu"), 0.2);
    // Nothing declared what a replica can take.
    assert_eq!(run.score.under_provisioned_minutes, None);
    assert!(run.notes[0].starts_with("open loop: each tick is decided from the replicas that were recorded"));
}

#[test]
fn the_loop_is_closed_where_replicas_or_a_demand_is_there() {
    let policy = tracking();
    let bare = record("cpu", &["0.5", "0.9"]);
    let run = plain(&policy, &bare);
    assert_eq!((run.kind, run.ticks[1].current), (Loop::Open, 1));
    assert_eq!(
        run.notes[0],
        "open loop, since the samples have neither replicas nor a demand: each tick is decided from 1 replica (the policy's min), and what is decided has no effect on the next; to close the loop, say how many ran (--recorded-replicas N), or take 1 replica for it (--loop closed)"
    );
    let mut to_zero = tracking();
    to_zero.replicas.min.value = 0;
    assert!(plain(&to_zero, &bare).notes[0].contains("from 1 replica (the policy's min is 0), and"));
    // Asked for, it needs no reason and no way out.
    let asked = go(&policy, &bare, &open());
    assert!(asked.notes[0].starts_with("open loop: each") && asked.notes[0].ends_with("on the next"));
    let options = RunOptions { recorded_replicas: Some(4), ..RunOptions::default() };
    let run = go(&policy, &bare, &options);
    assert_eq!((run.kind, desired(&run)), (Loop::Closed, vec![4, 8]));
    assert!(run.notes[0].ends_with("recorded: 4 replicas, as --recorded-replicas says"), "{:?}", run.notes);
    // A total with a capacity is a demand.
    let mut demand = Policy::bare("web", 2, 20).unlimited();
    demand.metrics = vec![Metric { capacity: Some(50.0), ..metric("rps", Some(Per::Total)) }];
    demand.track = vec![track(&demand, "rps", 50.0)];
    let run = plain(&demand, &record("rps", &["100", "300", "300", "90"]));
    assert_eq!((run.kind, desired(&run)), (Loop::Closed, vec![2, 6, 6, 2]));
    assert!(run.notes[0].contains("2 replicas assumed (the policy's min;"), "{:?}", run.notes);
    // 300 is more than 2 x 50 at the tick in which it is first seen.
    assert_eq!(run.score.under_provisioned_minutes, Some(0.25));
}

#[test]
fn latency_follows_the_utilization_of_its_load() {
    let mut policy = tracking();
    policy.metrics.push(Metric { models: Some(Model::Latency { load: 0 }), ..metric("p95", None) });
    policy.metrics.push(metric("errors", None));
    let samples =
        record("cpu,p95,errors,replicas", &["0.8,1,0.1,4", "0.8,1,0.2,4", "0.999,2,0.3,4", ",2,0.3,4"]);
    let run = plain(&policy, &samples);
    // 4 x 0.8 / 0.5 = 6.4: 7 replicas, at 3.2 / 7 each.
    assert_eq!(desired(&run)[0], 7);
    assert_eq!(value(&run, 0, "p95"), 1.0);
    assert!(near(value(&run, 1, "p95"), (1.0 - 0.8) / (1.0 - 3.2 / 7.0)));
    // Utilization counts as 0.99 at most.
    assert!(near(value(&run, 2, "p95"), 2.0 * (1.0 - 0.99) / (1.0 - 4.0 * 0.999 / 7.0)));
    // Without utilization there is no telling.
    assert!(value(&run, 3, "p95").is_nan());
    assert_eq!(value(&run, 2, "errors"), 0.3);
    assert!(
        run.notes.iter().any(|n| n.starts_with("not modelled, used as recorded: errors (")),
        "{:?}",
        run.notes
    );
}

#[test]
fn a_queue_fills_by_arrivals_and_drains_by_capacity() {
    let mut policy = Policy::bare("web", 2, 20).unlimited();
    policy.metrics =
        vec![metric("queue", None), Metric { capacity: Some(20.0), ..metric("rps", Some(Per::Total)) }];
    policy.metrics[0].models = Some(Model::Queue { arrivals: 1 });
    policy.scale_out = vec![Rule { when: FnRef(0), ..Rule::bare("long", Action::To(10)) }];
    let long: When<'_> = Box::new(|m| m.get(0) > 1000.0);
    let conditions = Closures { when: vec![long], scale_out: 1, ..Closures::default() };
    let rows = ["5,100,2", "9,100,2", "9,100,2", "9,100,2", "9,100,2", "9,,2", "9,0,2"];
    let run = run(
        &policy,
        &record("queue,rps,replicas", &rows),
        &conditions,
        &RunOptions::default(),
        &mut |_, _| {},
    );
    // 5, then (100 - 2 x 20) x 15 = 900 more a tick; 10 replicas take (100 - 200) x 15 = 1500 off.
    assert_eq!(desired(&run), [2, 2, 10, 10, 10, 10, 10]);
    let queue: Vec<f64> = (0..5).map(|tick| value(&run, tick, "queue")).collect();
    assert_eq!(queue, [5.0, 905.0, 1805.0, 305.0, 0.0]);
    assert!(value(&run, 5, "queue").is_nan());
    assert_eq!(value(&run, 6, "queue"), 0.0);
}

#[test]
fn a_value_holds_for_two_steps_and_then_is_missing() {
    let mut text = String::from("time,cpu\n");
    for at in [0, 15, 30, 45, 180] {
        text.push_str(&format!("{},0.5\n", utc(START) + Duration::from_secs(at)));
    }
    let samples = samples::read(text.as_bytes(), "x.csv", &ReadOptions::default()).unwrap();
    let run = plain(&tracking(), &samples);
    let missing: Vec<bool> = (0..run.ticks.len()).map(|tick| value(&run, tick, "cpu").is_nan()).collect();
    // Ticks at 0, 15 … 180; the value of 45 s holds until 75 s.
    let want = [false, false, false, false, false, true, true, true, true, true, true, true, false];
    assert_eq!(missing, want);
    // A single sample holds for two ticks, and a slower series between its samples.
    let one = samples::read(format!("time,cpu\n{START},0.5\n").as_bytes(), "x.csv", &ReadOptions::default())
        .unwrap();
    assert_eq!(plain(&tracking(), &one).ticks.len(), 1);
    let slow = format!("time,cpu\n{START},0.5\n2024-03-01T12:05:00Z,0.9\n");
    let slow = samples::read(slow.as_bytes(), "x.csv", &ReadOptions::default()).unwrap();
    let run = plain(&tracking(), &slow);
    assert_eq!(run.ticks.len(), 21);
    assert!((0..20).all(|tick| value(&run, tick, "cpu") == 0.5) && value(&run, 20, "cpu") == 0.9);
}

#[test]
fn without_samples_there_is_one_tick() {
    let run = plain(&tracking(), &Samples::default());
    assert_eq!((run.ticks.len(), run.ticks[0].current, run.ticks[0].ready), (1, 1, 1));
    assert_eq!(run.notes, ["there are no samples: one tick, with no metrics and 1 replica"]);
    assert_eq!(run.score.replica_hours, None);
    assert!(run.samples.is_empty());
}

#[test]
fn samples_that_span_too_long_end_the_run_before_it_begins() {
    let text = "time,cpu\n1970-01-01T00:00:00Z,0.5\n2024-03-01T12:00:00Z,0.5\n";
    let samples = samples::read(text.as_bytes(), "x.csv", &ReadOptions::default()).unwrap();
    let run = plain(&tracking(), &samples);
    assert!(run.ticks.is_empty());
    assert!(run.ended.as_deref().unwrap().contains("is a date wrong?"), "{:?}", run.ended);
}

#[test]
fn what_is_not_simulated_is_said() {
    let mut policy = tracking();
    policy.predict = Some(luascale::model::Predict {
        metric: 0,
        per_replica: 100.0,
        horizon: Duration::from_secs(600),
        history: Duration::from_secs(86_400),
        model: "auto".into(),
        acts: false,
        span: Span::default(),
    });
    policy.mode = luascale::model::Mode::Observe;
    let run = plain(&policy, &record("cpu,replicas", &["0.5,4"]));
    assert_eq!(run.notes[0], "predict was not simulated");
    assert!(run.notes[1].starts_with("mode is \"observe\""));
    // What predict says a replica serves is the capacity of its metric, where that has none of its own.
    let mut demand = Policy::bare("web", 1, 9).unlimited();
    demand.metrics = vec![metric("rps", Some(Per::Total))];
    demand.predict = policy.predict.clone();
    let run = plain(&demand, &record("rps", &["90", "110"]));
    assert_eq!((run.kind, run.ticks[0].under, run.ticks[1].under), (Loop::Closed, Some(false), Some(true)));
}

#[test]
fn a_metric_that_no_sample_holds_is_said_to_be_missing() {
    let mut policy = tracking();
    policy.metrics.push(metric("zeal", None));
    let run = plain(&policy, &record("cpu,replicas", &["0.5,4"]));
    assert_eq!(
        run.notes,
        [
            "zeal has no value at any tick, since the samples do not hold it: this run says nothing about what reads it"
        ]
    );
    assert_eq!(run.never, ["zeal"]);
    // A column of NaN is none either; a value at one tick is one; without samples there is nothing to tell.
    let nan = plain(&policy, &record("cpu,zeal,replicas", &["NaN,NaN,4", "NaN,3,4"]));
    assert_eq!(nan.never, ["cpu"]);
    assert!(
        nan.notes[0].starts_with("cpu has no value at any tick, since no sample of it is a number"),
        "{:?}",
        nan.notes
    );
    policy.metrics.push(metric("zest", None));
    let both = go(&policy, &record("cpu,replicas", &["0.5,4"; 60]), &with("gap"));
    assert_eq!(both.never, ["zeal", "zest"]);
    assert!(
        both.notes[0].starts_with("zeal, zest have no value at any tick, since the samples do not hold them")
    );
    // A gap on purpose is no want of samples, and comes next.
    assert!(both.notes[1].starts_with("scenario gap: no metric has a value from"), "{:?}", both.notes);
    // No replica was there to have a value.
    let paused = plain(&tracking(), &record("cpu,replicas", &["0.5,0"; 4]));
    assert_eq!(paused.never, ["cpu"]);
    assert!(paused.notes[0].contains("at every tick a ready replica was missing"), "{:?}", paused.notes);
    assert!(plain(&policy, &Samples::default()).never.is_empty());
}

#[test]
fn samples_that_contradict_the_unit_are_told_first() {
    use luascale::model::Unit;
    let noted = |unit, per, cells: &[&str]| {
        let mut policy = Policy::bare("web", 1, 20).unlimited();
        policy.metrics = vec![Metric { unit: Some(unit), saturation: Some(1.0), ..metric("cpu", per) }];
        policy.metrics[0].saturation = policy.metrics[0].per.map(|_| 1.0);
        let rows: Vec<String> = cells.iter().map(|c| format!("{c},4")).collect();
        let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
        go(&policy, &record("cpu,replicas", &rows), &RunOptions::default()).notes
    };
    let replica = Some(Per::Replica);
    // Its saturation is passed for no other reason, so that note does not come.
    assert_eq!(
        noted(Unit::Ratio, replica, &["85", "90", "80"]),
        [
            "cpu is a ratio (0 to 1), and the samples hold up to 90 at 2024-03-01T12:00:15Z: they look like percent; declare unit = \"percent\", with its limits from 0 to 100, or divide the samples by 100"
        ]
    );
    assert_eq!(
        noted(Unit::Percent, replica, &["0.5", "0.75"])[0],
        "cpu is in percent (0 to 100), and the samples never pass 0.75 (at 2024-03-01T12:00:15Z): they look like a ratio; declare unit = \"ratio\", with its limits from 0 to 1, or multiply the samples by 100"
    );
    for (unit, per, cells, want) in [
        (
            Unit::Ratio,
            None,
            ["0.5", "0.6", "12", "0.4"],
            "hold up to 12 at 2024-03-01T12:00:30Z: most are at or below 1",
        ),
        (
            Unit::Ratio,
            None,
            ["25000", "26000", "0", "0"],
            "hold up to 26000 at 2024-03-01T12:00:15Z: is the unit right?",
        ),
        (
            Unit::Ratio,
            replica,
            ["0.5", "-0.25", "0", "0"],
            "hold -0.25 at 2024-03-01T12:00:15Z: it is never negative",
        ),
        (Unit::Count, None, ["5", "9", "-1", "3"], "cpu is a count, and the samples hold -1 at"),
        (Unit::Bytes, None, ["5", "9", "-1", "3"], "cpu is in bytes, and"),
        (Unit::Seconds, None, ["5", "9", "-1", "3"], "cpu is in seconds, and"),
        (Unit::PerSecond, None, ["5", "9", "-1", "3"], "cpu is in events per second, and"),
        (Unit::Percent, None, ["0.5", "0.6", "0.4", "0.4"], "they look like a ratio"),
    ] {
        let notes = noted(unit, per, &cells);
        assert!(notes[0].contains(want), "{unit:?} {cells:?}: {notes:?}");
    }
    // More than was requested, errors below 1%, nothing at all, and what a subtraction leaves are as they may be.
    for (unit, per, cells) in [
        (Unit::Ratio, replica, ["0.5", "3.5", "9.9", "0.4"]),
        (Unit::Percent, None, ["0.1", "0.9", "0.1", "0"]),
        (Unit::Percent, replica, ["0", "0", "0", "0"]),
        (Unit::Percent, replica, ["0.4", "1.5", "0", "0"]),
        (Unit::Seconds, None, ["0.1", "-1e-12", "0.1", "0"]),
    ] {
        let notes = noted(unit, per, &cells);
        assert!(!notes.iter().any(|n| n.contains("and the samples")), "{unit:?} {cells:?}: {notes:?}");
    }
}

#[test]
fn a_paused_target_is_not_measured() {
    let mut policy = tracking();
    policy.metrics[0].saturation = Some(0.8);
    // Paused from the third row on; the last values before hold for two steps.
    let mut text = String::from("time,metric,value\n");
    for at in 0..6 {
        let time = utc(START) + Duration::from_secs(at * 15);
        text.push_str(&format!("{time},replicas,{}\n", if at < 2 { 4 } else { 0 }));
        if at < 2 {
            text.push_str(&format!("{time},cpu,0.9\n"));
        }
    }
    let samples = samples::read(text.as_bytes(), "x.csv", &ReadOptions::default()).unwrap();
    let run = go(&policy, &samples, &open());
    assert_eq!(ready(&run), [4, 4, 0, 0, 0, 0]);
    let under: Vec<_> = run.ticks.iter().map(|t| t.under).collect();
    assert_eq!(under, [Some(true), Some(true), None, None, None, None]);
    assert!(
        run.notes.iter().any(|n| n.starts_with("under-provisioned time could not be measured for 1m, in")),
        "{:?}",
        run.notes
    );
    let closed = plain(&policy, &record("cpu,replicas", &["0.9,0", "0.9,0", "0.5,4"]));
    assert_eq!(closed.ticks.iter().map(|t| t.under).take(2).collect::<Vec<_>>(), [None, None]);
    // A demand is measured all the same: nobody takes it.
    policy.metrics.push(Metric { capacity: Some(10.0), ..metric("rps", Some(Per::Total)) });
    let run = go(&policy, &record("cpu,rps,replicas", &["NaN,5,0", "NaN,0,0"]), &open());
    assert_eq!(run.ticks.iter().map(|t| t.under).collect::<Vec<_>>(), [Some(true), Some(false)]);
}

#[test]
fn replicas_are_counted_where_each_is_sampled_and_no_count_was_recorded() {
    let rows = [
        "00,cpu,a,0.9,,true,",
        "00,cpu,b,0.7,,,",
        "00,cpu,c,0.8,,false,",
        "00,mem,d,5,,true,",
        "15,cpu,a,0.9,,true,",
        "15,cpu,b,0.7,,true,true",
        "15,cpu,c,0.8,Failed,true,",
        "15,cpu,e,,Succeeded,,",
        "15,mem,d,5,Pending,,",
    ];
    let mut text = String::from("time,metric,replica,value,phase,ready,deleting\n");
    rows.iter().for_each(|row| text.push_str(&format!("2024-03-01T12:00:{}\n", row.replacen(',', "Z,", 1))));
    let samples = samples::read(text.as_bytes(), "x.csv", &ReadOptions::default()).unwrap();
    let mut policy = tracking();
    policy.metrics.push(metric("mem", Some(Per::Replica)));
    let run = plain(&policy, &samples);
    let counts = |run: &Run| run.ticks.iter().map(|t| (t.current, t.ready)).collect::<Vec<_>>();
    // a, b, c, d, of which c is not ready; then a and d, of which d is pending.
    assert_eq!((run.kind, counts(&run)), (Loop::Open, vec![(4, 3), (2, 1)]));
    assert!(
        run.notes[0]
            .starts_with("the samples have no `replicas`: at each tick those are counted that are sampled")
            && run.notes[0].ends_with("; open loop: what is decided has no effect on the next tick"),
        "{:?}",
        run.notes
    );
    // What is said on purpose counts more, and what was recorded most.
    let told = go(&policy, &samples, &RunOptions { recorded_replicas: Some(7), ..RunOptions::default() });
    assert_eq!(counts(&told), [(7, 7), (7, 7)]);
    let mut recorded = samples.clone();
    recorded.replicas = Some(luascale::sim::series::Track { times: vec![utc(START)], values: vec![6] });
    assert_eq!(counts(&plain(&policy, &recorded)), [(6, 6), (6, 6)]);
}

#[test]
fn demand_is_missing_while_nobody_is_ready() {
    let mut policy = tracking();
    policy.metrics[0].saturation = Some(0.9);
    let samples = record("cpu,replicas,ready", &["0.5,4,4", "0.5,4,0", "0.5,4,4"]);
    let run = plain(&policy, &samples);
    assert!(value(&run, 1, "cpu").is_nan());
    assert!(
        run.notes.iter().any(|n| n.starts_with("1 value of per-replica metrics is missing")),
        "{:?}",
        run.notes
    );
    let none =
        go(&policy, &record("cpu,replicas", &["0.5,4", "0.5,4", "0.5,4", "0.5,4"]), &with("none-ready"));
    assert_eq!(ready(&none), [4, 4, 0, 0]);
    // Load that nobody takes is more than can be taken.
    assert_eq!(none.ticks.iter().map(|t| t.under).collect::<Vec<_>>(), [false, false, true, true].map(Some));
}

#[test]
fn samples_of_single_replicas_go_through_an_open_loop_as_they_are() {
    let text = format!(
        "time,metric,replica,value,request,ready\n{START},cpu,a,0.9,1,true\n{START},cpu,b,0.7,1,true\n{START},replicas,,2,,\n"
    );
    let samples = samples::read(text.as_bytes(), "x.csv", &ReadOptions::default()).unwrap();
    let mut policy = tracking();
    let run = plain(&policy, &samples);
    assert_eq!(run.kind, Loop::Open);
    // Kubernetes: 1.6 / 2 is 80% of the requests, target 50%: ceil(1.6 x 2) = 4.
    assert_eq!(desired(&run), [4]);
    policy.metrics[0].saturation = Some(0.75);
    let closed = RunOptions { kind: Some(Loop::Closed), ..RunOptions::default() };
    let run = go(&policy, &samples, &closed);
    assert_eq!(value(&run, 0, "cpu"), 0.75);
    assert!(
        run.notes.iter().any(|n| n.starts_with("cpu: one sample a replica was recorded")),
        "{:?}",
        run.notes
    );
}

/// Conditions whose hooks, rules and prints are seen.
struct Loud {
    fatal_at: Option<Time>,
    printed: std::cell::RefCell<Vec<String>>,
}

impl Conditions for Loud {
    fn when(&self, _: Projected, _: &[f64], context: &Context<'_>, verdicts: &mut Vec<Verdict>) {
        let fatal = self.fatal_at == Some(context.now);
        self.printed.borrow_mut().push(format!("{} replicas", context.current));
        let fault = Fault {
            function: "scale_out[1]".into(),
            message: format!("at {}", context.now),
            source: "x.lua".into(),
            line: 3,
            fatal,
        };
        verdicts.push(Verdict { holds: None, missing: None, fault: Some(Box::new(fault)) });
    }
    fn activation(&self, _: &[f64], _: &Context<'_>) -> Verdict {
        Verdict::default()
    }
    fn by(&self, _: usize, _: &[f64], _: &Context<'_>) -> Proposed {
        Proposed::default()
    }
    fn propose(&self, _: &[f64], _: &Context<'_>) -> Proposed {
        Proposed::default()
    }
    fn hook(&self, hook: usize, event: &Event, context: &Context<'_>) -> HookReport {
        self.printed.borrow_mut().push(format!("hook {hook}"));
        let arguments = vec![("to".to_string(), luascale::model::effect::Value::Number(f64::from(event.to)))];
        assert_eq!(event.time, context.now);
        HookReport { effects: vec![Effect { kind: EffectKind::Log, arguments }], fault: None }
    }
    fn printed(&self) -> Vec<String> {
        self.printed.take()
    }
}

#[test]
fn hooks_prints_and_failures_are_recorded() {
    let mut policy = tracking();
    policy.scale_out = vec![Rule::bare("broken", Action::Add(1))];
    let hook = |event| Hook { event, function: FnRef(0), span: Span::default() };
    policy.on = vec![hook(EventKind::ScaleIn), hook(EventKind::ScaleOut), hook(EventKind::ScaleOut)];
    let samples = record("cpu,replicas", &["0.5,4", "0.9,4", "0.9,4", "0.9,4"]);
    let loud = Loud { fatal_at: None, printed: vec!["loading".to_string()].into() };
    let run = |loud: &Loud| run(&policy, &samples, loud, &RunOptions::default(), &mut |_, _| {});
    let all = run(&loud);
    assert_eq!(desired(&all), [4, 8, 8, 8]);
    let scaled: Vec<_> = all.events.iter().filter(|e| e.event.kind == EventKind::ScaleOut).collect();
    assert_eq!(scaled.len(), 1);
    assert_eq!((scaled[0].tick, scaled[0].effects.len()), (1, 2));
    assert_eq!(scaled[0].effects[0].summary(), "log to=8");
    // One function at one line is told once, from its first tick, with how often.
    assert_eq!(all.faults.len(), 1);
    assert_eq!((all.faults[0].tick, all.faults[0].times), (0, 4));
    assert_eq!((all.printed[0].tick, all.printed[0].text.as_str()), (None, "loading"));
    assert!(all.printed.iter().any(|p| p.tick == Some(1) && p.text == "hook 2"));
    assert_eq!(all.ended, None);
    // A fatal one ends this run at its tick.
    let fatal = run(&Loud { fatal_at: Some(all.ticks[2].time), printed: Vec::new().into() });
    assert_eq!(fatal.ticks.len(), 3);
    assert!(fatal.ended.unwrap().starts_with("scale_out[1]: at 2024-03-01T12:00:30Z"));
}

#[test]
fn a_metric_that_must_not_be_missing_fails_the_run() {
    let mut policy = tracking();
    policy.metrics[0].missing = Missing::Fail;
    let run = plain(&policy, &record("cpu,replicas", &["0.5,4", ",4", ",4", "0.5,4", "0.5,4"]));
    assert_eq!(run.faults.len(), 1);
    assert_eq!((run.faults[0].tick, run.faults[0].times), (1, 2));
    assert_eq!(run.faults[0].fault.function, "metrics.cpu");
    // `missing` that stands in for a value shows what the policy saw.
    policy.metrics[0].missing = Missing::Zero;
    let run = plain(&policy, &record("cpu,replicas", &["0.5,4", ",4", "0.5,4", "0.5,4"]));
    assert_eq!(value(&run, 1, "cpu"), 0.0);
}

/// Two hours of a load that rises and falls, with everything that keeps a state.
fn eventful() -> (Policy, Samples, Closures<'static>) {
    let mut policy = Policy::bare("web", 2, 30);
    policy.metrics =
        vec![Metric { saturation: Some(1.0), ..metric("cpu", Some(Per::Replica)) }, metric("p95", None)];
    policy.startup = Duration::from_secs(45);
    policy.track = vec![track(&policy, "cpu", 0.6)];
    let rule = |name, action, seconds| Rule {
        sustained_for: Duration::from_secs(seconds),
        ..Rule::bare(name, action)
    };
    policy.scale_out = vec![rule("hot", Action::Add(2), 60), rule("slow", Action::Percent(50.0), 0)];
    policy.scale_in = vec![rule("idle", Action::Remove(1), 120)];
    policy.cooldown.scale_out = Some(Duration::from_secs(120));
    policy.cooldown.scale_in = Some(Duration::from_secs(180));
    policy.fallback = Some(Fallback { after: Duration::from_secs(300), replicas: 12 });
    let rows: Vec<String> = (0..480)
        .map(|at| {
            let wave = f64::from(at % 160) / 160.0;
            format!("{:.3},{:.3},{}", 0.2 + 0.9 * wave, 0.1 + wave * wave, 5)
        })
        .collect();
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    let when: Vec<When<'static>> = vec![
        Box::new(|m| m.get(0) > 0.8),
        Box::new(|m| m.get(1) > 0.9),
        Box::new(|m| m.get(0) < 0.35 && m.get(1) < 0.5),
    ];
    (policy, record("cpu,p95,replicas", &rows), Closures { when, scale_out: 2, ..Closures::default() })
}

#[test]
fn a_restart_in_the_middle_changes_nothing() {
    let (policy, samples, conditions) = eventful();
    let run = |options: &RunOptions| run(&policy, &samples, &conditions, options, &mut |_, _| {});
    let (whole, restarted) = (run(&RunOptions::default()), run(&with("restart")));
    assert!(whole.score.scaling_events.unwrap() > 10, "{:?}", whole.score);
    assert_eq!(whole.ticks, restarted.ticks);
    assert_eq!(whole.steps, restarted.steps);
    assert_eq!(whole.events, restarted.events);
    assert!(restarted.notes.iter().any(|n| n.ends_with("both are what it was")), "{:?}", restarted.notes);
}

#[test]
fn the_same_run_gives_the_same_bytes_and_survives_the_way_between_processes() {
    let (policy, samples, conditions) = eventful();
    let bytes =
        || postcard::to_stdvec(&run(&policy, &samples, &conditions, &with("spike"), &mut |_, _| {})).unwrap();
    let (first, second) = (bytes(), bytes());
    assert!(first == second);
    let back: Run = postcard::from_bytes(&first).unwrap();
    assert_eq!(postcard::to_stdvec(&back).unwrap(), first);
    // Two metrics, three rules and track: what a tick costs on that way.
    assert!(first.len() / back.ticks.len() < 160, "{} bytes a tick", first.len() / back.ticks.len());
}

#[test]
fn progress_is_told_to_the_end() {
    let (policy, samples, conditions) = eventful();
    let mut told = Vec::new();
    run(&policy, &samples, &conditions, &RunOptions::default(), &mut |done, total| told.push((done, total)));
    assert_eq!((told.first(), told.last()), (Some(&(0, 480)), Some(&(480, 480))));
}

fn trace(path: &str, columns: &[(&str, &str)]) -> Samples {
    let name = format!("{}/tests/data/traces/{path}", env!("CARGO_MANIFEST_DIR"));
    #[expect(clippy::disallowed_methods, reason = "a test that reads the repository")]
    let bytes = std::fs::read(name).unwrap();
    let columns = columns.iter().map(|(a, b)| ((*a).to_string(), (*b).to_string())).collect();
    let metrics = ["cpu", "rps", "queue", "kv_cache"].map(String::from).to_vec();
    let options = ReadOptions { columns, metrics: Some(metrics), ..ReadOptions::default() };
    samples::read(&bytes, path, &options).unwrap()
}

/// Tracks requests a second at so many a replica, without windows and limits.
fn by_rate(per_replica: f64, max: u32) -> Policy {
    let mut policy = Policy::bare("web", 1, max).unlimited();
    policy.metrics = vec![Metric { capacity: Some(per_replica), ..metric("rps", Some(Per::Total)) }];
    policy.track = vec![track(&policy, "rps", per_replica)];
    policy.interval = Duration::from_secs(60);
    policy
}

#[test]
fn nasa_holds_while_logs_are_lost_and_scales_in_while_the_server_is_down() {
    let run = plain(&by_rate(0.5, 30), &trace("nasa-http-1995/nasa_http_5m_outages.csv", &[]));
    let at = |text: &str| run.ticks.iter().position(|t| t.time == utc(text)).unwrap();
    // The last row before the gap is of 17:30 and holds for ten minutes; the next is of 08-01 04:00.
    let gap = at("1995-07-28T17:40:00Z")..at("1995-08-01T04:00:00Z");
    assert!(gap.clone().all(|tick| value(&run, tick, "rps").is_nan()));
    let held = run.ticks[gap.start - 1].desired;
    assert!(held > 1, "{held}");
    assert!(run.ticks[gap.clone()].iter().all(|t| t.desired == held && t.under.is_none()));
    // Rows of 0 are really 0.
    let down = at("1995-08-02T12:00:00Z");
    assert_eq!(
        (value(&run, down, "rps"), run.ticks[down].desired, run.ticks[down].under),
        (0.0, 1, Some(false))
    );
    assert!(
        run.notes.iter().any(|n| n.starts_with("under-provisioned time could not be measured for 3d10h20m")),
        "{:?}",
        run.notes
    );
}

#[test]
fn phpa_closed_loop_by_hand_at_three_ticks() {
    let run = plain(&by_rate(1.0, 20), &trace("phpa-vs-hpa-2020/hpa.csv", &[]));
    assert_eq!(run.kind, Loop::Closed);
    let at =
        |minute: usize| (value(&run, minute, "rps"), run.ticks[minute].current, run.ticks[minute].desired);
    // 1.9333 is more than 1 replica serves: 2. A minute later 3.3 (99 in 30 s): 4. At 2 min 3.8333: within a
    // tenth of 4, so 4 stay.
    assert_eq!([at(0), at(1), at(2)], [(1.9333, 1, 2), (3.3, 2, 4), (3.8333, 4, 4)]);
    assert_eq!(
        run.ticks[..3].iter().map(|t| t.under).collect::<Vec<_>>(),
        [Some(true), Some(true), Some(false)]
    );
}

#[test]
fn llmd_open_loop_by_hand_at_three_ticks() {
    let columns = [("queue", "num_requests_waiting"), ("kv_cache", "kv_cache_usage_perc")];
    let samples = trace("llmd-hpa-runs/high-load-hpa-20251124-155733.csv", &columns);
    let mut policy = Policy::bare("vllm", 1, 10).unlimited();
    policy.metrics = vec![metric("kv_cache", Some(Per::Replica)), metric("queue", Some(Per::Total))];
    policy.track = vec![track(&policy, "kv_cache", 0.5), track(&policy, "queue", 20.0)];
    policy.interval = Duration::from_secs(21);
    let run = go(&policy, &samples, &open());
    let at = |text: &str| {
        run.ticks.iter().rfind(|t| t.time <= utc(text)).map(|t| (t.current, t.proposed, t.desired))
    };
    // Nothing waits and the cache is empty: 0, of which min makes 1. 16:02:11 sees the row of 16:01:51, in
    // which 355 wait: ceil(355 / 20) = 18, of which 10 are allowed.
    assert_eq!(at("2025-11-24T15:58:20Z"), Some((1, 0, 1)));
    assert_eq!(at("2025-11-24T16:02:11Z"), Some((5, 18, 10)));
    // The row of 16:05:03 has 0 waiting and 0.19 of the cache at 10 replicas: ceil(10 x 0.19 / 0.5) = 4.
    assert_eq!(at("2025-11-24T16:05:20Z"), Some((10, 4, 4)));
}

#[test]
fn the_world_cup_in_a_closed_loop() {
    let samples = trace("worldcup98/worldcup98_5m_four_days.csv", &[("rps", "count_raw")]);
    // Requests in 5 minutes: 30,000 of them are 100 a second.
    let run = plain(&by_rate(30_000.0, 60), &samples);
    assert_eq!(run.ticks.len(), 1151 * 5 + 1);
    let most = (0..run.ticks.len()).map(|t| value(&run, t, "rps")).fold(0.0, f64::max);
    assert_eq!(run.score.peak, Some((most / 30_000.0).ceil() as u32));
    // The count follows at the tick that sees a rise, so load is above what runs for a minute at a time.
    assert!(run.score.under_provisioned_minutes.unwrap() > 0.0);
}

/// The ticks at which a metric has no value.
fn missing(run: &Run, metric: &str) -> Vec<usize> {
    (0..run.ticks.len()).filter(|tick| value(run, *tick, metric).is_nan()).collect()
}

#[test]
fn gap_dropout_zero_and_nan_change_what_is_read_in_the_middle() {
    let (policy, samples, conditions) = eventful();
    let run = |scenario: &str| run(&policy, &samples, &conditions, &with(scenario), &mut |_, _| {});
    // Ten minutes, from the middle of two hours; as long as a fallback of 5 minutes takes, and 5 more.
    let window: Vec<usize> = (240..280).collect();
    let gap = run("gap");
    assert_eq!(missing(&gap, "cpu"), window);
    assert_eq!(missing(&gap, "p95"), window);
    assert!(gap.notes[0].starts_with(
        "scenario gap: no metric has a value from 2024-03-01T13:00:00Z to 2024-03-01T13:10:00Z"
    ));
    let low = gap.ticks[window[20]..280].iter().map(|t| t.desired).min();
    assert!(low >= Some(12), "the fallback raises to 12: {low:?}");
    // Load that cannot be read is there all the same.
    assert!(gap.ticks[250].under.is_some());
    let dropout = run("dropout=p95");
    assert_eq!((missing(&dropout, "cpu"), missing(&dropout, "p95")), (vec![], window.clone()));
    let zero = run("zero");
    assert!(window.iter().all(|tick| value(&zero, *tick, "cpu") == 0.0 && value(&zero, *tick, "p95") == 0.0));
    assert!(value(&zero, 239, "cpu") > 0.0 && value(&zero, 280, "cpu") > 0.0);
    let nan = run("nan");
    assert_eq!(missing(&nan, "cpu"), (240..280).step_by(2).collect::<Vec<_>>());
}

#[test]
fn surge_and_spike_change_the_replicas_and_the_load() {
    let policy = tracking();
    let flat: Vec<&str> = vec!["0.5,8"; 120];
    let samples = record("cpu,replicas", &flat);
    let surge = go(&policy, &samples, &with("surge"));
    // 8 and a quarter more take load; the count that was asked for is still 8.
    assert_eq!((surge.ticks[59].ready, surge.ticks[60].ready, surge.ticks[60].current), (8, 10, 8));
    assert!(near(value(&surge, 60, "cpu"), 0.4));
    // Open loop: the same, since the values are those of 8.
    let open_surge = go(&policy, &samples, &RunOptions { kind: Some(Loop::Open), ..with("surge") });
    assert!(near(value(&open_surge, 60, "cpu"), 0.4));
    // Nothing ever scales here, so there is no cooldown for a spike.
    let spike = go(&policy, &samples, &with("spike"));
    assert!(spike.notes[0].starts_with("scenario spike: nothing scaled"), "{:?}", spike.notes);
    let rising: Vec<&str> = (0..120).map(|at| if at < 10 { "0.5,8" } else { "0.6,8" }).collect();
    let spike = go(&policy, &record("cpu,replicas", &rising), &with("spike"));
    // 8 x 0.6 / 0.5 = 9.6 at tick 10; from tick 11 on the load is trebled for 5 minutes, 20 ticks.
    assert_eq!(spike.ticks[10].desired, 10);
    assert!(near(value(&spike, 11, "cpu"), 8.0 * 1.8 / 10.0));
    assert_eq!(spike.score.peak, Some(20));
    assert!(near(value(&spike, 31, "cpu"), 8.0 * 0.6 / f64::from(spike.ticks[31].ready)));
    assert!(
        spike.notes[0].contains("from 2024-03-01T12:02:45Z to 2024-03-01T12:07:45Z"),
        "{:?}",
        spike.notes
    );
}

#[test]
fn dst_moves_the_recording_onto_the_change_of_the_schedules_zone() {
    let mut policy = tracking();
    policy.schedule = vec![Schedule {
        name: "morning".into(),
        span: Span::default(),
        // Half past two does not exist on the day of the change.
        cron: "30 2 * * *".into(),
        timezone: "Europe/Paris".into(),
        duration: Duration::from_secs(3600),
        min: Some(6),
        max: None,
    }];
    let text: String = (0..240)
        .map(|at| format!("{},0.5,2\n", utc("2024-02-10T00:00:00Z") + Duration::from_secs(at * 60)))
        .collect();
    let samples =
        samples::read(format!("time,cpu,replicas\n{text}").as_bytes(), "x.csv", &ReadOptions::default())
            .unwrap();
    policy.interval = Duration::from_secs(60);
    let forward = go(&policy, &samples, &with("dst"));
    assert_eq!(forward.ticks[0].time, utc("2024-03-31T00:00:00Z"));
    // The gap ends at 01:00 UTC: it opens there, and stays open for an hour.
    let open: Vec<Time> = forward.ticks.iter().filter(|t| t.bounds.min == 6).map(|t| t.time).collect();
    assert_eq!((open[0], open.len()), (utc("2024-03-31T01:00:00Z"), 60));
    assert!(
        forward.notes[0].contains(
            "moved by 50 days onto the change to summer time at 2024-03-31T01:00:00Z in Europe/Paris"
        )
    );
    let back = go(&policy, &samples, &with("dst=back"));
    assert_eq!(back.ticks[0].time, utc("2024-10-27T00:00:00Z"));
    let open: Vec<Time> = back.ticks.iter().filter(|t| t.bounds.min == 6).map(|t| t.time).collect();
    assert_eq!((open[0], open.len()), (utc("2024-10-27T00:30:00Z"), 60));
    policy.schedule[0].timezone = "UTC".into();
    assert!(
        go(&policy, &samples, &with("dst")).notes[0].starts_with("scenario dst: clocks do not change in UTC")
    );
}

#[test]
fn scenarios_are_read_from_words() {
    for (text, part) in [
        ("gab", "did you mean `gap`?"),
        ("none_ready", "did you mean `none-ready`?"),
        ("dropout", "needs a metric"),
        ("dropout=", "needs a metric"),
        ("gap=5", "takes no value"),
        ("dst=autumn", "`dst=back`"),
        ("", "there are gap, dropout=METRIC"),
    ] {
        let said = Scenario::parse(text).unwrap_err();
        assert!(said.contains(part), "{text}: {said}");
    }
    let dropout = Scenario::parse("dropout=cqu").unwrap();
    assert!(dropout.fits(&tracking()).unwrap_err().contains("did you mean dropout=cpu?"));
    assert_eq!(Scenario::parse("dropout=cpu").unwrap().fits(&tracking()), Ok(()));
}

#[test]
fn scores_of_small_runs() {
    let policy = tracking();
    let of = |cpu: &[&str]| {
        let rows: Vec<String> = cpu.iter().map(|c| format!("{c},4")).collect();
        let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
        go(&policy, &record("cpu,replicas", &rows), &open()).score
    };
    // Always 4: no change, no flap.
    let score = of(&["0.5", "0.5", "0.5", "0.5"]);
    assert_eq!((score.scaling_events, score.flaps, score.peak), (Some(0), Some(0), Some(4)));
    // 4 -> 8 -> 4 -> 8: three changes, two of which turn round.
    let score = of(&["0.5", "1.0", "0.5", "1.0"]);
    assert_eq!((score.scaling_events, score.flaps, score.peak), (Some(3), Some(2), Some(8)));
    // 4 -> 8 -> 16: no turn. 16 would be 32, but max is 20.
    let score = of(&["0.5", "1.0", "2.0", "4.0"]);
    assert_eq!((score.scaling_events, score.flaps, score.peak), (Some(3), Some(0), Some(20)));
    assert_eq!(score.minutes_at_max, Some(0.25));
    // A turn after ten minutes and one tick is none.
    let mut slow = vec!["1.0"];
    slow.extend(["0.95"; 40]);
    slow.push("0.5");
    assert_eq!(of(&slow).flaps, Some(0));
    let mut quick = vec!["1.0"];
    quick.extend(["0.95"; 39]);
    quick.push("0.5");
    assert_eq!(of(&quick).flaps, Some(1));
}

const CASE: &str = "
start: 2024-03-01T12:00:00Z
interval: 15s
series:
  cpu: \"0.5x3 0.9x3 _ stale 0.2\"
  replicas: \"4x10\"
expect:
  - { at: 45s, replicas: 4, event: none }
  - { at: 1m, replicas: 8 }
  - { at: 1m5s, replicas: 8 }
  - { at: 0s..2m, event: scale_out }
  - { at: 1m..2m, replicas: 5..9, no_event: scale_in }
  - { at: 2024-03-01T12:02:30Z, replicas: ..8 }
";

#[test]
fn expectations_that_hold() {
    let cases = read_cases(CASE.as_bytes(), "web.yaml", &ReadOptions::default()).unwrap();
    assert_eq!(cases.len(), 1);
    let case = &cases[0];
    assert_eq!((case.name.as_str(), case.expectations.len()), ("test 1", 8));
    let run = go(&tracking(), &case.samples, &case.options);
    let outcomes = expect::evaluate(&tracking(), &run, &case.expectations);
    let wrong: Vec<_> = outcomes.iter().filter(|o| !o.holds).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    // The same file is a recording: its blanks and `stale` are missing.
    let samples = samples::read(CASE.as_bytes(), "web.yaml", &ReadOptions::default()).unwrap();
    // NaN equals nothing, so as text.
    assert_eq!(format!("{samples:?}"), format!("{:?}", case.samples));
    assert_eq!(missing(&run, "cpu"), [8, 9]);
}

#[test]
fn expectations_that_fail_say_what_was_there_and_why() {
    let text = CASE
        .replace("replicas: 8 }", "replicas: 9..12 }")
        .replace("event: none", "event: at_max")
        .replace("no_event: scale_in", "no_event: scale_out")
        .replace("0s..2m, event: scale_out", "9h, replicas: 1..");
    let cases = read_cases(text.as_bytes(), "web.yaml", &ReadOptions::default()).unwrap();
    let run = go(&tracking(), &cases[0].samples, &cases[0].options);
    let outcomes = expect::evaluate(&tracking(), &run, &cases[0].expectations);
    let shown: Vec<String> = outcomes
        .iter()
        .filter(|o| !o.holds)
        .map(|o| format!("{}: {} | {} ({} reasons)", o.time, o.expected, o.got, o.reasons.len()))
        .collect();
    // The reasons are those of the tick that failed.
    let late = outcomes.iter().find(|o| o.expected == "replicas 9..12").unwrap();
    let steps = run.steps_of(late.tick.unwrap() as usize);
    let words: Vec<String> = steps.iter().map(|step| decide::reason::words(&tracking(), step)).collect();
    assert_eq!((late.reasons.clone(), late.reasons[0].contains("cpu")), (words, true));
    insta::assert_snapshot!(shown.join("\n"), @r###"
    2024-03-01T12:00:45Z: event at_max | no event, replicas 4 (1 reasons)
    2024-03-01T12:01:00Z: replicas 9..12 | replicas 8 (1 reasons)
    2024-03-01T12:01:00Z: replicas 9..12 | replicas 8 (1 reasons)
    2024-03-01T21:00:00Z: replicas 1 or more | no tick: the run goes from 2024-03-01T12:00:00Z to 2024-03-01T12:02:30Z (0 reasons)
    2024-03-01T12:01:00Z: no event scale_out | event scale_out (1 reasons)
    "###);
}

#[test]
fn several_tests_in_a_file() {
    let text = "
tests:
  - name: closed
    policy: web
    recorded_replicas: 4
    series: { cpu: [0.5, 0.9, 0.9] }
    expect: [ { at: 15s, replicas: 8 } ]
  - name: a gap
    loop: open
    scenarios: [ gap ]
    interval: 1m
    series: { cpu: 0.5x40, replicas: 3x40 }
    expect: [ { at: 20m..25m, replicas: 3 } ]
";
    let cases = read_cases(text.as_bytes(), "web.yaml", &ReadOptions::default()).unwrap();
    for case in &cases {
        let run = go(&tracking(), &case.samples, &case.options);
        let outcomes = expect::evaluate(&tracking(), &run, &case.expectations);
        assert!(outcomes.iter().all(|o| o.holds), "{}: {outcomes:#?}", case.name);
    }
    assert_eq!(cases[0].policy.as_ref().map(|p| p.value.as_str()), Some("web"));
    assert_eq!(
        (cases[1].options.kind, cases[1].options.scenarios.clone()),
        (Some(Loop::Open), vec![Scenario::Gap])
    );
    let findings = samples::read(text.as_bytes(), "web.yaml", &ReadOptions::default()).unwrap_err();
    assert!(findings[0].message.contains("holds 2 tests, and samples are one recording"), "{findings:?}");
}

#[test]
fn series_of_single_replicas_in_a_test_file() {
    let text = "series: { cpu: { a: 0.9x1, b: 0.7 _ }, replicas: 2x1 }";
    let samples = samples::read(text.as_bytes(), "web.yaml", &ReadOptions::default()).unwrap();
    let Values::Replicas(track) = &samples.series[0].values else { panic!("one a replica") };
    assert_eq!(track.values.iter().map(Vec::len).collect::<Vec<_>>(), [2, 1]);
}

#[test]
fn test_files_that_are_wrong_are_told_with_their_places() {
    let text = "
start: yesterday
interval: 0s
loop: closd
recorded_replicas: -1
scenarios: [ gab ]
seres: {}
series:
  cpu: \"0.5x3 0.9y3\"
  rps: { a: [1, true] }
  replicas: 2.5x3
expect:
  - { at: 5 minutes, replicas: 3 }
  - { replicas: 3 }
  - { at: 5m }
  - { at: 10m..5m, replicas: 3 }
  - { at: 5m, replicas: 8..3, event: scaleout, replica: 2 }
  - { at: 5m, replicas: [3] }
";
    let findings = read_cases(text.as_bytes(), "web.yaml", &ReadOptions::default()).unwrap_err();
    let index = LineIndex::new(text);
    let shown: Vec<String> = findings
        .iter()
        .map(|f| {
            let span = f.labels[0].span;
            let at = index.position(text, span.start);
            let piece =
                text.get(span.start as usize..span.end as usize).unwrap_or("?").lines().next().unwrap_or("");
            format!(
                "{}:{} {piece:?} {} | {}",
                at.line,
                at.column,
                f.message,
                f.help.as_deref().unwrap_or("-")
            )
        })
        .collect();
    insta::assert_snapshot!(shown.join("\n"), @r###"
    2:8 "yesterday" `start`: `yesterday` is no time | write 2024-03-01T12:00:00Z, 2024-03-01 12:00:00, or seconds or milliseconds since 1970
    3:11 "0s" `interval` is not a positive duration | write interval: 15s
    4:7 "closd" `loop` cannot be `closd` | did you mean `closed`? One of: open, closed
    5:20 "-1" `recorded_replicas` cannot be -1 | a whole number from 0 to 1000000
    6:14 "gab" `gab` is no scenario (did you mean `gap`?); there are gap, dropout=METRIC, zero, nan, restart, surge, none-ready, spike, dst, dst=back | write scenarios: [ gap ]
    7:1 "seres" there is no `seres` | did you mean `series`? Known here: name, policy, start, interval, loop, recorded_replicas, scenarios, series, expect
    9:15 "0.9y3" `series.cpu`: `0.9y3` is no number | write a number such as 0.75 or 1200; leave the cell empty where there is no value
    10:17 "true" `series.rps.a` is a boolean, but a number was expected | write a number
    11:13 "2.5x3" `series.replicas`: 2.5 is no number of replicas | replicas are whole and not negative; an average over time is not a count
    13:11 "5 minutes" `expect[1].at`: "5 minutes": the unit " minutes" is not known; units are d, h, m, s, ms; write "5m" | write 15s, 5m or 1h30m
    14:5 "{ replicas: 3 }" `expect[2]` has no `at` | add it: `at: 5m`
    15:5 "{ at: 5m }" `expect[3]` expects nothing | write what is expected: { at: 5m, replicas: 3 } or { at: 5m, event: scale_out }
    16:11 "10m..5m" `expect[4].at` ends before it begins | write 5m..10m
    17:25 "8..3" `expect[5].replicas` cannot be `8..3` | write 3, 3..8, 3.. (or more) or ..8 (or fewer)
    17:38 "scaleout" `expect[5].event` cannot be `scaleout` | did you mean `scale_out`? One of: at_max, at_min, metrics_lost, scale_in, scale_out, none
    17:48 "replica" there is no `replica` in `expect[5]` | did you mean `replicas`? Known here: at, replicas, event, no_event
    18:25 "[3]" `expect[6].replicas` is a list, but a number or a range such as 3..8 was expected | write a number or a range such as 3..8
    "###);
    for (text, part) in [
        ("", "is empty"),
        ("series: {}", "there are no series"),
        ("policy: web", "has no `series`"),
        ("tests: []", "there are no tests"),
        ("tests: [ {name: a, series: {c: 1}}, {name: a, series: {c: 1}} ]", "two tests are called `a`"),
        ("series: { cpu: 1x2000000 }", "longer than 1000000 values"),
        ("series: [", "no YAML"),
    ] {
        let findings = read_cases(text.as_bytes(), "web.yaml", &ReadOptions::default()).unwrap_err();
        assert!(findings.iter().any(|f| f.message.contains(part)), "{text}: {findings:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// A restart changes no decision, whatever was recorded.
    #[test]
    fn a_restart_changes_no_decision(cpu in proptest::collection::vec(prop_oneof![4 => 0.0f64..1.5, 1 => Just(f64::NAN)], 4..160)) {
        let (policy, _, conditions) = eventful();
        let rows: Vec<String> = cpu.iter().map(|c| format!("{c},{c},5")).collect();
        let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
        let samples = record("cpu,p95,replicas", &rows);
        let run = |options: &RunOptions| run(&policy, &samples, &conditions, options, &mut |_, _| {});
        let (whole, restarted) = (run(&RunOptions::default()), run(&with("restart")));
        prop_assert_eq!(&whole.ticks, &restarted.ticks);
        prop_assert!(!restarted.notes.iter().any(|n| n.contains("fault of luascale")), "{:?}", restarted.notes);
        // Replicas never leave the bounds, and readiness never passes the count.
        prop_assert!(whole.ticks.iter().all(|t| (2..=30).contains(&t.desired) && t.ready <= t.current));
    }
}
