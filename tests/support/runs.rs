//! Policies and runs made by hand for the tests of reports: a day with two peaks, a silent
//! script, and texts that want to break out of whatever they are put in.

use luascale::model::decision::{Step, Why};
use luascale::model::effect::{EffectKind, Value};
use luascale::model::input::Fault;
use luascale::model::*;
use luascale::sim::trace::{Failed, Happened, Loop, Printed, Run, Score, Tick};
use luascale::text::{Span, Spanned};

/// A name that breaks out of HTML, JavaScript, Markdown, JSON, CSV and terminals, if anything lets it.
pub const HOSTILE: &str =
    "</script><img src=x onerror=\"window.pwned=1\">`|@team #1 --> \u{1b}[31m\u{202e}=cmd|'/c calc'!A0";

/// 2024-11-29T00:00:00Z.
pub const START: Time = Time(1_732_838_400_000);

fn at<T>(value: T) -> Spanned<T> {
    Spanned::nowhere(value)
}

fn metric(name: &str, unit: Unit, per: Option<Per>) -> Metric {
    Metric {
        name: at(name.into()),
        source: MetricSource::Samples,
        unit: Some(unit),
        per,
        saturation: None,
        capacity: None,
        models: None,
        missing: Missing::Hold,
        replica_label: None,
        resource: None,
        cpu_initialization_period: Duration::from_secs(300),
        initial_readiness_delay: Duration::from_secs(30),
    }
}

fn rule(name: &str, sustained_for: i64, action: Action) -> Rule {
    Rule {
        name: name.into(),
        span: Span::default(),
        when: FnRef(0),
        when_span: Span::default(),
        sustained_for: Duration::from_secs(sustained_for),
        action,
        cooldown: None,
    }
}

fn limit() -> RateLimit {
    RateLimit {
        select: Select::Max,
        limits: vec![Limit { amount: Amount::Percent(100.0), per: Duration::from_secs(15) }],
    }
}

/// Three metrics, one tracked, a rule each way.
pub fn policy(name: &str) -> Policy {
    let mut rps = metric("rps", Unit::PerSecond, Some(Per::Total));
    rps.capacity = Some(120.0);
    let mut cpu = metric("cpu", Unit::Ratio, Some(Per::Replica));
    cpu.saturation = Some(1.0);
    Policy {
        name: at(name.into()),
        source: "policies/checkout.lua".into(),
        span: Span::default(),
        form: Form::Rules,
        target: None,
        replicas: Replicas { min: at(3), max: at(16) },
        mode: Mode::Scale,
        interval: Duration::from_secs(15),
        startup: Duration::from_secs(90),
        metrics: vec![cpu, metric("p95", Unit::Seconds, None), rps],
        track: vec![Track { metric: 0, target: 0.6, span: Span::default() }],
        scale_out: vec![rule("hot cpu", 300, Action::Add(2))],
        scale_in: vec![rule("idle", 600, Action::Remove(1))],
        stabilization_window: PerDirection { scale_out: Duration::ZERO, scale_in: Duration::from_secs(300) },
        cooldown: PerDirection { scale_out: Some(Duration::from_secs(120)), scale_in: None },
        rate_limit: PerDirection { scale_out: limit(), scale_in: limit() },
        tolerance: PerDirection { scale_out: 0.1, scale_in: 0.1 },
        anti_flap: true,
        activation: None,
        fallback: None,
        schedule: Vec::new(),
        predict: None,
        regions: None,
        on: Vec::new(),
        cost: Some(Cost { per_replica_hour: 0.19, currency: "USD".into() }),
    }
}

/// A policy in script form without metrics.
pub fn script(name: &str) -> Policy {
    Policy {
        form: Form::Script,
        metrics: Vec::new(),
        track: Vec::new(),
        scale_out: Vec::new(),
        scale_in: Vec::new(),
        cost: None,
        ..policy(name)
    }
}

/// The rules' conditions: `cpu > 0.8` scales out, `cpu < 0.35` in.
struct Rules;

impl Conditions for Rules {
    fn when(&self, which: Projected, values: &[f64], _: &Context<'_>, verdicts: &mut Vec<Verdict>) {
        let cpu = values[0];
        let missing = cpu.is_nan().then_some(0);
        let verdict = |holds| Verdict { holds: missing.is_none().then_some(holds), missing, fault: None };
        verdicts.clear();
        verdicts.push(verdict(cpu > 0.8));
        if which == Projected::All {
            verdicts.push(verdict(cpu < 0.35));
        }
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
}

/// Load over a day, the same every time: two peaks, the second with a sudden rush, and a little unrest.
fn load(tick: usize) -> f64 {
    let hour = tick as f64 / 240.0 % 24.0;
    let hump = |middle: f64, width: f64| (-((hour - middle) / width).powi(2)).exp();
    let unrest = ((tick * 7919) % 101) as f64 / 101.0 * 60.0;
    let rush = if (18.5..18.75).contains(&hour) { 900.0 } else { 0.0 };
    (300.0 + 900.0 * hump(10.0, 2.2) + 1300.0 * hump(19.5, 1.6) + rush + unrest).round()
}

/// A closed-loop run of so many ticks of 15 s, decided by the real thing, with a gap in the
/// metrics of ten minutes a day.
pub fn run(policy: &Policy, ticks: usize) -> Run {
    let mut run = Run {
        policy: policy.name.value.clone(),
        source: policy.source.to_string(),
        kind: Loop::Closed,
        samples: vec!["samples/day.csv".into()],
        metrics: policy.metrics.iter().map(|m| m.name.value.clone()).collect(),
        values: Vec::new(),
        ticks: Vec::new(),
        steps: Vec::new(),
        events: Vec::new(),
        printed: Vec::new(),
        faults: Vec::new(),
        ended: None,
        never: Vec::new(),
        notes: vec!["p95 is neither per replica nor modelled: used as recorded".into()],
        score: Score::default(),
    };
    let (mut current, mut ready) = (3_u32, 3_u32);
    let mut state = State::default();
    for tick in 0..ticks {
        let now = START + Duration::from_secs(15 * tick as i64);
        let rps = load(tick);
        let cpu = (rps / f64::from(ready) / 170.0).min(1.0);
        let values = match (2000..2040).contains(&(tick % 5760)) {
            true => [f64::NAN; 3],
            false => [cpu, 0.08 / (1.0 - cpu.min(0.97)), rps],
        };
        run.values.extend(values);
        let reading = |value: f64| match value.is_nan() {
            true => Reading::Missing,
            false => Reading::Value { value, at: now },
        };
        let metrics = values.map(reading).into();
        let input = Input { now, current, ready, metrics, ..Input::default() };
        let (decision, next) = luascale::decide::decide(policy, &input, state, &Rules);
        state = next;
        run.ticks.push(Tick {
            time: now,
            current,
            ready,
            bounds: decision.bounds,
            proposed: decision.proposed,
            desired: decision.to,
            under: Some(rps > f64::from(ready) * 120.0),
            first_step: run.steps.len() as u32,
        });
        run.steps.extend(decision.steps);
        let happened = |event| Happened { tick: tick as u32, event, effects: Vec::new() };
        run.events.extend(decision.events.into_iter().map(happened));
        // Six ticks are the 90 s of startup.
        ready = run.ticks[run.ticks.len().saturating_sub(6)].desired.min(decision.to);
        current = decision.to;
    }
    run.score = score(policy, &run);
    run
}

fn score(policy: &Policy, run: &Run) -> Score {
    let hours = |n: usize| n as f64 * policy.interval.seconds() / 3600.0;
    let replica_hours: f64 = run.ticks.iter().map(|t| f64::from(t.desired) * hours(1)).sum();
    let scaling =
        run.events.iter().filter(|e| matches!(e.event.kind, EventKind::ScaleIn | EventKind::ScaleOut));
    Score {
        replica_hours: Some(replica_hours),
        under_provisioned_minutes: Some(
            hours(run.ticks.iter().filter(|t| t.under == Some(true)).count()) * 60.0,
        ),
        scaling_events: Some(scaling.count() as u32),
        flaps: Some(2),
        peak: run.ticks.iter().map(|t| t.desired).max(),
        minutes_at_max: Some(hours(run.ticks.iter().filter(|t| t.desired == t.bounds.max).count()) * 60.0),
        cost: policy.cost.as_ref().map(|c| c.per_replica_hour * replica_hours),
        currency: policy.cost.as_ref().map(|c| c.currency.clone()),
    }
}

/// One tick of a script that asks for nothing.
pub fn silent(policy: &Policy) -> Run {
    let tick = Tick {
        time: START,
        current: 1,
        ready: 1,
        bounds: Bound { min: 1, max: 10 },
        proposed: 1,
        desired: 1,
        under: None,
        first_step: 0,
    };
    Run {
        policy: policy.name.value.clone(),
        source: policy.source.to_string(),
        kind: Loop::Open,
        samples: Vec::new(),
        metrics: Vec::new(),
        values: Vec::new(),
        ticks: vec![tick],
        steps: vec![Step { input: 1, output: 1, why: Why::ProposedNothing }],
        events: Vec::new(),
        printed: vec![Printed { tick: Some(0), text: "nothing to do".into() }],
        faults: Vec::new(),
        ended: None,
        never: Vec::new(),
        notes: vec![
            "The script declares its own `metrics`, `scale_out` and `scale_in`: these hide the engine's, so nothing could ever scale".into(),
            "No sample was given: one tick with no metrics and 1 replica".into(),
        ],
        score: Score::default(),
    }
}

/// A policy and a run all of whose texts are hostile.
pub fn hostile() -> (Policy, Run) {
    let mut policy = policy(HOSTILE);
    for metric in &mut policy.metrics {
        metric.name = at(format!("{}{HOSTILE}", metric.name.value));
    }
    policy.scale_out[0].name = HOSTILE.into();
    policy.scale_in[0].name = HOSTILE.into();
    let mut run = run(&policy, 1200);
    run.source = HOSTILE.into();
    run.samples.push(HOSTILE.into());
    run.never.push(HOSTILE.into());
    run.notes.push(HOSTILE.into());
    run.printed.push(Printed { tick: Some(3), text: HOSTILE.into() });
    run.ended = Some(HOSTILE.into());
    run.faults.push(Failed {
        tick: 5,
        times: 3,
        fault: Fault {
            function: HOSTILE.into(),
            message: HOSTILE.into(),
            source: HOSTILE.into(),
            line: 7,
            fatal: true,
        },
    });
    if let Some(happened) = run.events.first_mut() {
        happened.effects.push(Effect {
            kind: EffectKind::Webhook,
            arguments: vec![
                (HOSTILE.into(), Value::Text(HOSTILE.into())),
                ("secret".into(), Value::Text(Text(vec![effect::TextPart::Secret("TOKEN".into())]))),
            ],
        });
    }
    (policy, run)
}
