//! Conformance with Kubernetes' Horizontal Pod Autoscaler: the numbers of its own tests
//! (`tests/data/hpa`), run through `decide`. A case of one step lifts the limits of the others.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a case that cannot be read ends the test")]

use luascale::decide::decide;
use luascale::model::bare::{Closures, Want, When};
use luascale::model::decision::Why;
use luascale::model::{
    Action, Amount, Decision, Duration, FnRef, Form, Input, Limit, Metric, Per, PerDirection, Phase, Policy,
    RateLimit, Reading, ReplicaSample, Rule, Select, State, Time, Track, Unit,
};
use luascale::text::Span;
use serde_json::Value;
use std::cell::Cell;

const NOW: Time = Time(1_700_000_000_000);

/// How many cases there are of each kind. A change here is a change of what is claimed.
const KINDS: [(&str, usize); 8] = [
    ("behavior_limit", 2),
    ("behavior_rate", 30),
    ("clamp_legacy", 4),
    ("event_window", 4),
    ("group_pods", 11),
    ("reconcile", 9),
    ("replica_calc", 51),
    ("stabilize_behavior", 8),
];
const STABILIZE_LEGACY: (&str, usize) = ("stabilize_legacy", 4);

/// The kinds that do not apply, and why.
const NOT_APPLICABLE: [(&str, &str); 2] = [
    ("clamp_legacy", "the limits of an autoscaler without `behavior`; rate_limit always has `behavior`'s"),
    ("stabilize_legacy", "the window of an autoscaler without `behavior`, whose far end is inside"),
];

#[test]
fn every_case_of_kubernetes_holds() {
    let file: Value = serde_json::from_str(include_str!("data/hpa/cases.json")).unwrap();
    let cases = file["cases"].as_array().unwrap();
    let mut wrong = Vec::new();
    let (mut applied, mut skipped) = (0, 0);
    for case in cases {
        let kind = case["kind"].as_str().unwrap();
        if NOT_APPLICABLE.iter().any(|(k, _)| *k == kind) {
            skipped += 1;
            continue;
        }
        let (input, expect) = (&case["input"], &case["expect"]);
        let result = match kind {
            "replica_calc" => replica_calc(input, expect),
            "group_pods" => group_pods(input, expect),
            "behavior_rate" => behavior_rate(input, expect),
            "behavior_limit" => behavior_limit(input, expect),
            "stabilize_behavior" => stabilize_behavior(input, expect),
            "event_window" => event_window(input, expect),
            "reconcile" => reconcile(input, expect),
            other => Err(format!("unknown kind {other}")),
        };
        applied += 1;
        if let Err(why) = result {
            wrong.push(format!("{} {} {}: {why}", case["id"], case["source"]["test"], case["note"]));
        }
    }
    assert!(wrong.is_empty(), "{} of {applied}:\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!((applied, skipped), (115, 8));
    for (kind, count) in KINDS.into_iter().chain([STABILIZE_LEGACY]) {
        assert_eq!(cases.iter().filter(|c| c["kind"] == kind).count(), count, "{kind}");
    }
}

// ---- building blocks -------------------------------------------------------------------------

fn int(value: &Value) -> u32 {
    value.as_u64().map_or(0, |n| u32::try_from(n).unwrap())
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap()
}

fn ago(value: &Value) -> Option<Time> {
    value.as_i64().map(|s| NOW - Duration::from_secs(s))
}

fn check<T: PartialEq + std::fmt::Debug>(what: &str, found: T, expected: T) -> Result<(), String> {
    if found == expected { Ok(()) } else { Err(format!("{what} is {found:?}, expected {expected:?}")) }
}

fn span() -> Span {
    Span::default()
}

/// A policy whose limits are lifted, with an empty history that is not to be seeded.
fn lifted(min: u32, max: u32) -> (Policy, State) {
    (Policy::bare("hpa", min, max).unlimited(), State { history: Some(Vec::new()), ..State::default() })
}

/// Runs a policy whose `decide` wants this many.
fn wanting(policy: &mut Policy, state: State, current: u32, desired: u32) -> (Decision, State) {
    policy.form = Form::Decide(FnRef(0));
    let input = Input { now: NOW, current, ready: current, ..Input::default() };
    let propose: Want<'_> = Box::new(move |_, _| Some(Action::To(desired)));
    decide(policy, &input, state, &Closures { propose: Some(propose), ..Closures::default() })
}

fn rules(value: &Value) -> RateLimit {
    let select = match value["select"].as_str().unwrap() {
        "Max" => Select::Max,
        "Min" => Select::Min,
        "Disabled" => Select::Disabled,
        other => panic!("select {other}"),
    };
    let limit = |policy: &Value| Limit {
        amount: match policy["type"].as_str().unwrap() {
            "Pods" => Amount::Replicas(int(&policy["value"])),
            "Percent" => Amount::Percent(number(&policy["value"])),
            other => panic!("type {other}"),
        },
        per: Duration::from_secs(policy["period_s"].as_i64().unwrap()),
    };
    RateLimit { select, limits: value["policies"].as_array().unwrap().iter().map(limit).collect() }
}

fn changes(input: &Value) -> Vec<(Time, i64)> {
    let of = |key: &str, sign: i64| -> Vec<(Time, i64)> {
        let events = input[key].as_array().map_or(&[][..], |events| events);
        events.iter().map(|e| (ago(&e["age_s"]).unwrap(), sign * e["change"].as_i64().unwrap())).collect()
    };
    let mut all = of("scale_up_events", 1);
    all.extend(of("scale_down_events", -1));
    all.extend(of("events", 1));
    all.sort();
    all
}

/// A pod of `replica_calc` or `reconcile`, in the state that the case names.
fn pod(index: usize, pod: &Value) -> ReplicaSample {
    let milli = |key: &str| pod[key].as_f64().map(|m| m / 1000.0);
    let mut sample = ReplicaSample {
        id: format!("pod-{index}"),
        value: milli("usage_milli"),
        request: milli("request_milli"),
        started: Some(NOW - Duration::from_secs(3600)),
        ready: Some(true),
        ready_changed: Some(NOW - Duration::from_secs(3500)),
        sampled: Some(NOW),
        window: Some(Duration::from_secs(60)),
        ..ReplicaSample::default()
    };
    match pod["state"].as_str().unwrap() {
        "counted" => assert!(sample.value.is_some()),
        "missing" => assert!(sample.value.is_none()),
        "ignored" => sample.deleting = true,
        "unready" if sample.value.is_none() => sample.phase = Phase::Pending,
        "unready" => {
            sample.ready = Some(false);
            sample.ready_changed = sample.started;
        }
        other => panic!("state {other}"),
    }
    sample
}

/// Adds the metric of a `replica_calc` or of an entry of `reconcile`, tracked.
fn add_metric(policy: &mut Policy, input: &mut Input, case: &Value, name: &str) {
    let mut metric = Metric::bare(name, Some(Per::Replica));
    let mut reading = Reading::Missing;
    let mut target = 1.0;
    let scalar = |key: &str| Reading::Value { value: number(&case[key]) / 1000.0, at: NOW };
    match case["metric_type"].as_str() {
        None => assert_eq!(case["error"], true),
        Some("resource_utilization") => {
            metric.unit = Some(Unit::Ratio);
            metric.resource = Some("cpu".into());
            target = number(&case["target_percent"]) / 100.0;
        }
        Some("pods_average") => target = number(&case["target_milli"]) / 1000.0,
        Some("object_value" | "external_value") => {
            reading = scalar("value_milli");
            target = number(&case["target_milli"]) / 1000.0;
        }
        Some("object_average" | "external_average") => {
            metric.per = Some(Per::Total);
            reading = scalar("value_milli");
            target = number(&case["target_milli"]) / 1000.0;
        }
        Some(other) => panic!("metric_type {other}"),
    }
    if let Some(pods) = case["pods"].as_array() {
        let mut samples: Vec<_> = pods.iter().enumerate().map(|(i, p)| pod(i, p)).collect();
        input.known = Some(samples.iter().map(|s| s.id.clone()).collect());
        let strangers = case["metrics_of_unknown_pods_milli"].as_array();
        for (index, value) in strangers.into_iter().flatten().enumerate() {
            let value = Some(number(value) / 1000.0);
            samples.push(ReplicaSample {
                id: format!("stranger-{index}"),
                value,
                ..ReplicaSample::default()
            });
        }
        reading = Reading::Replicas { samples, at: NOW };
    }
    policy.track.push(Track { metric: policy.metrics.len(), target, span: span() });
    policy.metrics.push(metric);
    input.metrics.push(reading);
}

// ---- the kinds -------------------------------------------------------------------------------

fn replica_calc(case: &Value, expect: &Value) -> Result<(), String> {
    let (mut policy, state) = lifted(0, u32::MAX);
    let current = int(&case["current_replicas"]);
    let ready = case["ready_replicas"].as_u64().map_or(current, |_| int(&case["ready_replicas"]));
    let mut input = Input { now: NOW, current, ready, ..Input::default() };
    add_metric(&mut policy, &mut input, case, "load");
    policy.tolerance = PerDirection {
        scale_out: number(&case["tolerance"]["up"]),
        scale_in: number(&case["tolerance"]["down"]),
    };
    // A rule that is never true, to see the value that rules see.
    let seen = Cell::new(None);
    policy.scale_out.push(Rule::bare("looks", Action::Add(1)));
    let look: When<'_> = Box::new(|m| {
        // Later calls see the metric projected onto a smaller count.
        seen.set(seen.get().or(m.has(0).then(|| m.get(0))));
        false
    });
    let (decision, _) =
        decide(&policy, &input, state, &Closures { when: vec![look], scale_out: 1, ..Closures::default() });
    if let Some(error) = expect["error"].as_str() {
        let said = |found: fn(&Why) -> bool| decision.steps.iter().any(|s| found(&s.why));
        check("unknown", said(|why| matches!(why, Why::TrackUnknown { .. })), true)?;
        check("no request", said(|why| matches!(why, Why::NoRequest { .. })), error == "missing_request")?;
        return check("replicas", decision.to, current);
    }
    if let Some(percent) = expect["utilization_percent"].as_f64() {
        check("utilization", seen.get().map(|v| (v * 100.0_f64).round()), Some(percent))?;
    } else if case["metric_type"] == "pods_average" {
        check("average", seen.get().map(|v| (v * 1000.0_f64).round()), expect["average_milli"].as_f64())?;
    }
    check("replicas", decision.to, int(&expect["replicas"]))
}

fn group_pods(case: &Value, expect: &Value) -> Result<(), String> {
    let (mut policy, state) = lifted(0, u32::MAX);
    let pods = case["pods"].as_array().unwrap();
    let secs = |key: &str| Duration::from_secs(case[key].as_i64().unwrap());
    let metric = Metric {
        resource: case["resource"].as_str().map(String::from),
        cpu_initialization_period: secs("cpu_initialization_period_s"),
        initial_readiness_delay: secs("initial_readiness_delay_s"),
        unit: Some(Unit::Ratio),
        ..Metric::bare("load", Some(Per::Replica))
    };
    let sample = |pod: &Value| ReplicaSample {
        id: pod["name"].as_str().unwrap().into(),
        value: pod["metric"].is_object().then_some(0.0),
        request: Some(1.0),
        phase: serde_json::from_value(pod["phase"].as_str().unwrap().to_lowercase().into()).unwrap(),
        started: ago(&pod["started_ago_s"]),
        ready: pod["ready"].as_bool(),
        ready_changed: ago(&pod["ready_changed_ago_s"]),
        sampled: ago(&pod["metric"]["sampled_ago_s"]),
        window: pod["metric"]["window_s"].as_i64().map(Duration::from_secs),
        deleting: pod["deleting"] == true,
    };
    policy.metrics.push(metric);
    policy.track.push(Track { metric: 0, target: 0.5, span: span() });
    let count = u32::try_from(pods.len()).unwrap();
    let samples = pods.iter().map(sample).collect();
    let metrics = vec![Reading::Replicas { samples, at: NOW }];
    let input = Input { now: NOW, current: count, ready: count, metrics, ..Input::default() };
    let (decision, _) = decide(&policy, &input, state, &Closures::default());
    let grouped = decision.steps.iter().find_map(|step| match step.why {
        Why::Grouped { counted, unready, missing, ignored, .. } => Some([counted, unready, missing, ignored]),
        _ => None,
    });
    let names = |key: &str| u32::try_from(expect[key].as_array().unwrap().len()).unwrap();
    let expected = [int(&expect["counted"]), names("unready"), names("missing"), names("ignored")];
    check("counted, unready, missing, ignored", grouped, Some(expected))
}

/// Kubernetes' name for what cut the count.
fn reason(decision: &Decision) -> &'static str {
    match decision.steps.last().map(|step| step.why) {
        Some(Why::RateOut { .. }) => "ScaleUpLimit",
        Some(Why::RateIn { .. }) => "ScaleDownLimit",
        Some(Why::AtMax { .. } | Why::AboveMax { .. }) => "TooManyReplicas",
        Some(Why::AtMin { .. } | Why::BelowMin { .. }) => "TooFewReplicas",
        Some(Why::Paused) => "ScalingDisabled",
        _ => "DesiredWithinRange",
    }
}

fn behavior_rate(case: &Value, expect: &Value) -> Result<(), String> {
    let (mut policy, mut state) = lifted(int(&case["min"]), int(&case["max"]));
    policy.rate_limit =
        PerDirection { scale_out: rules(&case["scale_up"]), scale_in: rules(&case["scale_down"]) };
    state.changes = changes(case);
    let (current, desired) = (int(&case["current_replicas"]), int(&case["desired_replicas"]));
    let (decision, _) = wanting(&mut policy, state, current, desired);
    check("replicas", decision.to, int(&expect["replicas"]))?;
    check("reason", reason(&decision), expect["reason"].as_str().unwrap())
}

fn behavior_limit(case: &Value, expect: &Value) -> Result<(), String> {
    let (mut policy, mut state) = lifted(0, u32::MAX);
    let current = int(&case["current_replicas"]);
    let desired = match case["direction"].as_str().unwrap() {
        "up" => {
            policy.rate_limit.scale_out = rules(&case["rules"]);
            1_000_000
        }
        "down" => {
            policy.rate_limit.scale_in = rules(&case["rules"]);
            0
        }
        other => panic!("direction {other}"),
    };
    state.changes = changes(case);
    let (decision, _) = wanting(&mut policy, state, current, desired);
    check("limit", decision.to, int(&expect["limit"]))
}

fn stabilize_behavior(case: &Value, expect: &Value) -> Result<(), String> {
    let (mut policy, mut state) = lifted(0, u32::MAX);
    let window = |key: &str| Duration::from_secs(case[key].as_i64().unwrap());
    policy.stabilization_window =
        PerDirection { scale_out: window("window_up_s"), scale_in: window("window_down_s") };
    let recommendations = case["recommendations"].as_array().unwrap();
    let mut history: Vec<(Time, u32)> =
        recommendations.iter().map(|r| (ago(&r["age_s"]).unwrap(), int(&r["replicas"]))).collect();
    history.sort();
    state.history = Some(history.clone());
    let (current, desired) = (int(&case["current_replicas"]), int(&case["desired_replicas"]));
    let (decision, after) = wanting(&mut policy, state, current, desired);
    check("replicas", decision.to, int(&expect["replicas"]))?;
    // Kubernetes overwrites an outdated recommendation where there is one and lets others lie;
    // here the log keeps no outdated ones. What is inside the windows must be the same.
    if let Some(log) = expect["log_replicas"].as_array() {
        let longest = window("window_up_s").max(window("window_down_s"));
        let inside = history.iter().filter(|(at, _)| *at > NOW - longest).count();
        let found: Vec<u32> = after.history.unwrap().iter().map(|(_, n)| *n).collect();
        check("length of the log", found.len(), inside + 1)?;
        check("raw", found.last().copied(), Some(desired))?;
        for entry in &found {
            check("entry is in Kubernetes' log", log.iter().any(|n| int(n) == *entry), true)?;
        }
    }
    Ok(())
}

fn event_window(case: &Value, expect: &Value) -> Result<(), String> {
    let (mut policy, mut state) = lifted(0, u32::MAX);
    let per = Duration::from_secs(case["period_s"].as_i64().unwrap());
    policy.rate_limit.scale_out.limits.push(Limit { amount: Amount::Replicas(1000), per });
    state.changes = changes(case);
    let (decision, _) = wanting(&mut policy, state, 100, 1_000_000);
    let start = decision.steps.iter().find_map(|step| match step.why {
        Why::RateOut { start, .. } => Some(start),
        _ => None,
    });
    check("start of the period", start, Some(100 - int(&expect["change"])))
}

fn reconcile(case: &Value, expect: &Value) -> Result<(), String> {
    let mut policy = Policy::bare("hpa", int(&case["min"]), int(&case["max"]));
    for (key, out) in [("scale_up", true), ("scale_down", false)] {
        if case[key].is_object() {
            let limits = &mut policy.rate_limit;
            *(if out { &mut limits.scale_out } else { &mut limits.scale_in }) = rules(&case[key]);
        }
    }
    let current = int(&case["current_replicas"]);
    let mut input = Input { now: NOW, current, ready: current, ..Input::default() };
    for (index, metric) in case["metrics"].as_array().unwrap().iter().enumerate() {
        add_metric(&mut policy, &mut input, metric, &format!("load-{index}"));
        if metric["ready_replicas"].is_u64() {
            input.ready = int(&metric["ready_replicas"]);
        }
    }
    let history = case["recommendations"].as_array().map(|recommendations| {
        recommendations.iter().map(|r| (ago(&r["age_s"]).unwrap(), int(&r["replicas"]))).collect()
    });
    let (decision, _) = decide(&policy, &input, State { history, ..State::default() }, &Closures::default());
    check("replicas", decision.to, int(&expect["replicas"]))?;
    if let Some(expected) = expect["reason"].as_str() {
        check("reason", reason(&decision), expected)?;
    }
    if expect["metrics_read"] == false {
        let read = |why: &Why| {
            matches!(
                why,
                Why::Track { .. }
                    | Why::TrackUnknown { .. }
                    | Why::MetricMissing { .. }
                    | Why::Grouped { .. }
            )
        };
        check("metrics read", decision.steps.iter().any(|step| read(&step.why)), false)?;
    }
    Ok(())
}
