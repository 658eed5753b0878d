//! Properties of `decide`: what holds whatever the policy and whatever the metrics say.

#![expect(clippy::unwrap_used, reason = "a test")]

use luascale::decide::decide;
use luascale::model::bare::{Closures, When};
use luascale::model::decision::Why;
use luascale::model::{
    Action, Activation, Amount, Decision, Duration, Fallback, Input, Limit, Metric, Missing, Per,
    PerDirection, Policy, RateLimit, Reading, Rule, Schedule, Select, State, Time, Track, Work,
};
use luascale::text::Span;
use proptest::prelude::*;

/// Metrics of every generated policy: a per-replica one, a total, one that is neither.
const METRICS: [(&str, Option<Per>); 3] =
    [("cpu", Some(Per::Replica)), ("rps", Some(Per::Total)), ("p95", None)];
const STEP: i64 = 15_000;

// ---- what is generated -----------------------------------------------------------------------

/// A condition: a metric above (or below) a threshold.
#[derive(Debug, Clone, Copy)]
struct Threshold {
    metric: usize,
    above: bool,
    value: f64,
}

#[derive(Debug, Clone)]
struct Case {
    policy: Policy,
    conditions: Vec<Threshold>,
    ticks: Vec<Tick>,
}

/// What the world says at a tick: values, how many replicas are not ready, whether someone
/// else sets the count first.
#[derive(Debug, Clone)]
struct Tick {
    values: [Option<f64>; 3],
    unready: u32,
    interference: Option<u32>,
}

fn secs(all: &'static [i64]) -> impl Strategy<Value = Duration> {
    prop::sample::select(all).prop_map(Duration::from_secs)
}

fn maybe(all: &'static [i64]) -> impl Strategy<Value = Option<Duration>> {
    prop::option::of(secs(all))
}

fn threshold() -> impl Strategy<Value = Threshold> {
    (0usize..3, any::<bool>(), 0.1f64..2.0).prop_map(|(metric, above, value)| Threshold {
        metric,
        above,
        value: if metric == 1 { value * 100.0 } else { value },
    })
}

fn rule(out: bool) -> impl Strategy<Value = (Rule, Threshold)> {
    let action = (0u32..4, 1u32..6).prop_map(move |(kind, n)| match (kind, out) {
        (0, _) => Action::To(n * 4),
        (1, _) => Action::Percent(f64::from(n) * 15.0),
        (_, true) => Action::Add(n),
        (_, false) => Action::Remove(n),
    });
    (action, secs(&[0, 0, 30, 60]), maybe(&[45, 120]), threshold()).prop_map(
        move |(action, sustained_for, cooldown, threshold)| {
            (Rule { sustained_for, cooldown, ..Rule::bare("rule", action) }, threshold)
        },
    )
}

fn rate_limit() -> impl Strategy<Value = RateLimit> {
    let amount = prop_oneof![
        (1u32..6).prop_map(Amount::Replicas),
        (10u32..200).prop_map(|p| Amount::Percent(f64::from(p)))
    ];
    let limit = (amount, secs(&[15, 30, 60, 120])).prop_map(|(amount, per)| Limit { amount, per });
    let select = prop::sample::select(&[Select::Max, Select::Max, Select::Min, Select::Disabled][..]);
    (select, prop::collection::vec(limit, 1..3)).prop_map(|(select, limits)| RateLimit { select, limits })
}

fn tracks() -> impl Strategy<Value = Vec<Track>> {
    let track = |metric, target| Track { metric, target, span: Span::default() };
    (any::<[bool; 2]>(), 0.3f64..1.0).prop_map(move |([cpu, rps], target)| {
        let cpu = cpu.then_some(track(0, target));
        cpu.into_iter().chain(rps.then_some(track(1, target * 50.0))).collect()
    })
}

fn schedules() -> impl Strategy<Value = Vec<Schedule>> {
    let schedule =
        (1i64..9, prop::option::of(0u32..9), prop::option::of(2u32..20)).prop_map(|(minutes, min, max)| {
            Schedule {
                name: "now and then".into(),
                span: Span::default(),
                cron: "*/10 * * * *".into(),
                timezone: "Europe/Paris".into(),
                duration: Duration::from_secs(minutes * 60),
                min,
                max,
            }
        });
    prop::collection::vec(schedule, 0..2)
}

fn policy() -> impl Strategy<Value = (Policy, Vec<Threshold>)> {
    let bounds = (0u32..4, 4u32..40);
    let rules = (prop::collection::vec(rule(true), 0..3), prop::collection::vec(rule(false), 0..3));
    let limits = (rate_limit(), rate_limit(), secs(&[0, 0, 30, 60]), secs(&[0, 60, 300]));
    let cooldowns = (maybe(&[0, 30, 120]), maybe(&[0, 30, 120, 300]), secs(&[0, 45, 120]));
    let rest = (
        any::<[bool; 2]>(),
        prop::option::of((secs(&[15, 60]), 1u32..12)),
        prop::sample::select(&[Missing::Hold, Missing::Hold, Missing::Zero, LAST][..]),
        schedules(),
    );
    (bounds, tracks(), rules, limits, cooldowns, rest).prop_map(
        |((min, max), track, (outs, ins), (out, in_, window_out, window_in), cooldowns, rest)| {
            let mut policy = Policy::bare("random", min, max);
            policy.metrics = METRICS.iter().map(|(name, per)| Metric::bare(name, *per)).collect();
            policy.track = track;
            let (outs, conditions): (Vec<Rule>, Vec<Threshold>) = outs.into_iter().unzip();
            let (ins, more): (Vec<Rule>, Vec<Threshold>) = ins.into_iter().unzip();
            (policy.scale_out, policy.scale_in) = (outs, ins);
            policy.rate_limit = PerDirection { scale_out: out, scale_in: in_ };
            policy.stabilization_window = PerDirection { scale_out: window_out, scale_in: window_in };
            policy.cooldown = PerDirection { scale_out: cooldowns.0, scale_in: cooldowns.1 };
            policy.startup = cooldowns.2;
            let ([anti_flap, activated], fallback, missing, schedule) = rest;
            policy.anti_flap = anti_flap;
            policy.activation = (activated && min == 0).then(|| Activation::Above(vec![(1, 5.0)]));
            policy.fallback = fallback.map(|(after, replicas)| Fallback { after, replicas });
            policy.metrics[2].missing = missing;
            policy.schedule = schedule;
            (policy, conditions.into_iter().chain(more).collect())
        },
    )
}

const LAST: Missing = Missing::Last { max_age: Duration::from_secs(60) };

fn ticks() -> impl Strategy<Value = Vec<Tick>> {
    let value = |scale: f64| {
        prop_oneof![
            8 => (0.0f64..1.5).prop_map(move |v| Some(v * scale)),
            1 => Just(None),
            1 => Just(Some(f64::NAN)),
        ]
    };
    // Values stay for a while, so that what is to be sustained can be.
    let stretch = (
        [value(1.0).boxed(), value(200.0).boxed(), value(1.0).boxed()],
        prop::sample::select(&[0u32, 0, 0, 1, 99][..]),
        prop::option::weighted(0.05, 0u32..30),
        1usize..12,
    );
    prop::collection::vec(stretch, 1..14).prop_map(|stretches| {
        let each = |(values, unready, interference, times): ([Option<f64>; 3], u32, Option<u32>, usize)| {
            (0..times).map(move |n| Tick { values, unready, interference: interference.filter(|_| n == 0) })
        };
        stretches.into_iter().flat_map(each).collect()
    })
}

fn case() -> impl Strategy<Value = Case> {
    (policy(), ticks()).prop_map(|((policy, conditions), ticks)| Case { policy, conditions, ticks })
}

// ---- running a case --------------------------------------------------------------------------

/// One tick of a run.
#[derive(Debug, Clone, PartialEq)]
struct Done {
    now: Time,
    current: u32,
    decision: Decision,
}

impl Case {
    fn conditions(&self) -> Closures<'_> {
        let when = self.conditions.iter().map(|t| {
            let when: When<'_> = Box::new(move |m| {
                let value = m.get(t.metric);
                if t.above { value > t.value } else { value < t.value }
            });
            when
        });
        Closures { when: when.collect(), scale_out: self.policy.scale_out.len(), ..Closures::default() }
    }

    fn now(at: usize) -> Time {
        Time(1_700_000_000_000 + i64::try_from(at).unwrap() * STEP)
    }

    fn input(at: usize, current: u32, tick: &Tick) -> Input {
        let now = Case::now(at);
        let reading =
            |value: &Option<f64>| value.map_or(Reading::Missing, |value| Reading::Value { value, at: now });
        Input {
            now,
            current,
            ready: current.saturating_sub(tick.unready),
            metrics: tick.values.iter().map(reading).collect(),
            ..Input::default()
        }
    }

    /// Runs all ticks, each change being made at once; `between` may replace the state.
    fn run(&self, mut between: impl FnMut(usize, State) -> State) -> (Vec<Done>, State) {
        let conditions = self.conditions();
        let mut state = State::default();
        let mut current = *self.policy.replicas.min;
        let mut done = Vec::new();
        for (at, tick) in self.ticks.iter().enumerate() {
            current = tick.interference.unwrap_or(current);
            let (decision, after) = decide(&self.policy, &Case::input(at, current, tick), state, &conditions);
            let to = decision.to;
            done.push(Done { now: Case::now(at), current, decision });
            current = to;
            state = between(at, after);
        }
        (done, state)
    }
}

fn says(decision: &Decision, what: fn(&Why) -> bool) -> bool {
    decision.steps.iter().any(|step| what(&step.why))
}

/// Whether a jump to a bound decided: past windows, rate limits and cooldowns.
fn jumped(decision: &Decision) -> bool {
    says(decision, |why| matches!(why, Why::BelowMin { .. } | Why::AboveMax { .. } | Why::Paused))
}

proptest! {
    #[test]
    fn never_leaves_the_bounds(case in case()) {
        for tick in case.run(|_, state| state).0 {
            let Decision { bounds, to, .. } = tick.decision;
            if says(&tick.decision, |why| matches!(why, Why::Paused)) {
                prop_assert_eq!((to, tick.current), (0, 0));
            } else if tick.current > bounds.max {
                prop_assert!(bounds.max <= to && to <= tick.current, "{tick:?}");
            } else {
                prop_assert!(bounds.min <= to && to <= bounds.max, "{tick:?}");
            }
        }
    }

    #[test]
    fn a_restart_changes_nothing(case in case(), at in any::<prop::sample::Index>()) {
        let straight = case.run(|_, state| state);
        let at = at.index(case.ticks.len());
        let json = case.run(|tick, state| match tick == at {
            true => serde_json::from_str(&serde_json::to_string(&state).unwrap()).unwrap(),
            false => state,
        });
        prop_assert_eq!(&straight, &json);
        let postcard = case.run(|tick, state| match tick == at {
            true => postcard::from_bytes(&postcard::to_stdvec(&state).unwrap()).unwrap(),
            false => state,
        });
        prop_assert_eq!(&straight, &postcard);
    }

    #[test]
    fn the_same_input_gives_the_same_bytes(case in case()) {
        let bytes = |run: (Vec<Done>, State)| {
            let decisions: Vec<Decision> = run.0.into_iter().map(|d| d.decision).collect();
            postcard::to_stdvec(&(decisions, run.1)).unwrap()
        };
        let once = bytes(case.run(|_, state| state));
        prop_assert_eq!(&once, &bytes(case.run(|_, state| state)));
        // What is remembered to save work decides nothing.
        prop_assert_eq!(&once, &bytes(case.run(|_, state| State { work: Work::default(), ..state })));
    }

    #[test]
    fn an_unknown_metric_never_scales_in(case in case()) {
        for tick in case.run(|_, state| state).0 {
            let unknown = |why: &Why| matches!(why, Why::RuleUnknown { .. } | Why::TrackUnknown { .. } | Why::ActivationUnknown { .. });
            if says(&tick.decision, unknown) && !jumped(&tick.decision) {
                prop_assert!(tick.decision.to >= tick.current, "{tick:?}");
            }
        }
    }

    #[test]
    fn a_tracked_metric_that_is_lost_never_scales_in(mut case in case(), at in any::<prop::sample::Index>()) {
        prop_assume!(!case.policy.track.is_empty());
        let at = at.index(case.ticks.len());
        case.ticks[at].values = [None; 3];
        let tick = &case.run(|_, state| state).0[at];
        if !jumped(&tick.decision) {
            prop_assert!(tick.decision.to >= tick.current, "{tick:?}");
        }
    }

    #[test]
    fn a_higher_tracked_metric_never_gives_fewer(
        case in case(), track in tracks(), ready in 0u32..60, values in any::<[(u16, u16); 2]>(),
    ) {
        let mut case = case;
        case.policy.scale_out.clear();
        case.policy.scale_in.clear();
        case.conditions.clear();
        case.policy.track = track;
        // Any state that a run can lead to, and any current count.
        let (done, state) = case.run(|_, state| state);
        let current = done.last().map_or(1, |tick| tick.decision.to);
        let to = |pick: fn((u16, u16)) -> u16| {
            let reading = |n: u16, scale: f64| Reading::Value { value: f64::from(n) / 30000.0 * scale, at: Case::now(999) };
            let metrics = vec![reading(pick(values[0]), 1.0), reading(pick(values[1]), 300.0)];
            let input = Input { now: Case::now(999), current, ready, metrics, ..Input::default() };
            decide(&case.policy, &input, state.clone(), &case.conditions()).0.to
        };
        let (low, high) = (to(|(a, b)| a.min(b)), to(|(a, b)| a.max(b)));
        prop_assert!(low <= high, "{low} for the lower values, {high} for the higher");
    }

    #[test]
    fn the_rate_limit_holds_over_every_window(mut case in case()) {
        case.policy.schedule.clear();
        for tick in &mut case.ticks {
            tick.interference = None;
        }
        let done = case.run(|_, state| state).0;
        for (at, tick) in done.iter().enumerate() {
            let (from, to) = (tick.current, tick.decision.to);
            let woken = says(&tick.decision, |why| matches!(why, Why::Woken { .. }));
            if from == to || jumped(&tick.decision) || woken {
                continue;
            }
            let limits = if to > from { &case.policy.rate_limit.scale_out } else { &case.policy.rate_limit.scale_in };
            prop_assert_ne!(limits.select, Select::Disabled, "{:?}", tick);
            // The count that ran when the period began, by the run itself.
            let allowed = limits.limits.iter().map(|limit| {
                let began = tick.now - limit.per;
                let start = done[..at].iter().rev().find(|t| t.now <= began).map_or(done[0].current, |t| t.decision.to);
                let start = f64::from(start);
                match (limit.amount, to > from) {
                    (Amount::Replicas(n), true) => start + f64::from(n),
                    (Amount::Replicas(n), false) => start - f64::from(n),
                    (Amount::Percent(p), true) => (start * (100.0 + p) / 100.0).ceil(),
                    (Amount::Percent(p), false) => (start * (100.0 - p) / 100.0).floor(),
                }
            });
            let within = |limit: f64| if to > from { f64::from(to) <= limit } else { f64::from(to) >= limit };
            let mut within = allowed.map(within);
            let holds = if limits.select == Select::Max { within.any(|w| w) } else { within.all(|w| w) };
            prop_assert!(holds, "{tick:?}");
        }
    }

    #[test]
    fn no_scale_in_within_the_cooldown_of_a_change(case in case()) {
        let Some(cooldown) = case.policy.cooldown.scale_in else { return Ok(()) };
        let mut last = None;
        let mut before: Option<Done> = None;
        for tick in case.run(|_, state| state).0 {
            // A change counts if it was made: if nobody set another count right after.
            if let Some(before) = before.filter(|b| b.decision.to != b.current && b.decision.to == tick.current) {
                last = Some(before.now);
            }
            let shrinks = tick.decision.to < tick.current && !jumped(&tick.decision);
            if let Some(last) = last.filter(|_| shrinks) {
                prop_assert!(tick.now.since(last) >= cooldown, "{tick:?}");
            }
            before = Some(tick);
        }
    }

    #[test]
    fn every_step_has_its_sentence(case in case()) {
        for tick in case.run(|_, state| state).0 {
            prop_assert!(!tick.decision.steps.is_empty(), "{tick:?}");
            for step in &tick.decision.steps {
                let words = luascale::decide::reason::words(&case.policy, step);
                prop_assert!(!words.is_empty() && !words.contains(['?', '\n']) && !words.ends_with('.'), "{words}");
            }
            // A tick that changes nothing can say what kept it.
            if tick.decision.to == tick.current && !says(&tick.decision, |why| matches!(why, Why::NoChange | Why::AboveMax { .. })) {
                prop_assert!(!luascale::decide::reason::why_not(&tick.decision.steps).is_empty(), "{tick:?}");
            }
        }
    }
}

/// The generated runs do reach what the properties speak of.
#[test]
fn the_generated_runs_are_not_idle() {
    use proptest::strategy::ValueTree;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let (mut grew, mut shrank, mut held, mut flapped, mut limited, mut cooled) = (0, 0, 0, 0, 0, 0);
    for _ in 0..300 {
        let case = case().new_tree(&mut runner).unwrap().current();
        for tick in case.run(|_, state| state).0 {
            let decision = &tick.decision;
            let jumped = jumped(decision);
            grew += u32::from(decision.to > tick.current && !jumped);
            shrank += u32::from(decision.to < tick.current && !jumped);
            held += u32::from(decision.held.is_some());
            flapped += u32::from(says(decision, |why| matches!(why, Why::AntiFlap { .. })));
            limited +=
                u32::from(says(decision, |why| matches!(why, Why::RateOut { .. } | Why::RateIn { .. })));
            cooled += u32::from(says(decision, |why| {
                matches!(why, Why::CooldownOut { .. } | Why::CooldownIn { .. })
            }));
        }
    }
    for (what, count) in [
        ("grew", grew),
        ("shrank", shrank),
        ("held", held),
        ("flapped", flapped),
        ("limited", limited),
        ("cooled", cooled),
    ] {
        assert!(count > 50, "{what}: {count}");
    }
}

#[test]
fn a_step_is_small() {
    assert!(std::mem::size_of::<luascale::model::Step>() <= 40);
}
