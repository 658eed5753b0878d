//! What is claimed of a condition without running it, held against the VM that runs it: random
//! conditions, printed as Lua, on sampled values and on the values around each constant.

#![expect(clippy::unwrap_used, reason = "a test is its own edge")]

use luascale::catalogue::Table;
use luascale::lint::intervals::Set;
use luascale::lint::point::{Point, Read, truth_at};
use luascale::lint::solve::{Cell, Claim, Domain, Solver};
use luascale::lua::{Limits, Modules};
use luascale::model::expr::{Expr, Functions};
use luascale::model::{Conditions, Context, Projected, Time};
use luascale::program::Program;
use luascale::syntax;
use luascale::text::Source;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, TestRunner};
use std::collections::BTreeMap;
use std::sync::Arc;

const LIMITS: &str = r#"
local M = { low = 0.2, nested = { half = 0.5 } }
M.hot = 0.8
function M.above(x, limit) return x > limit end
function M.busy(m)
  if m.a > M.hot then return true end
  local b = m.b
  return b >= M.nested.half
end
return M
"#;

/// What every random file begins with.
const HEAD: &str = r#"
local limits = require "lib.limits"
local HOT = 0.8
local named = { low = 0.2, high = 0.5 }
local function above(x, limit) return x > limit end
local function band(m, low, high)
  if m.a < low then return false end
  local inside = m.a <= high
  return inside
end
local function level(m)
  if m.a > HOT then return 2 elseif m.a > named.high then return 1 end
  return 0
end
"#;

struct Shelf;

impl Modules for Shelf {
    fn find(&self, name: &str) -> Result<Source, String> {
        match name {
            "lib.limits" => Ok(Source::new("policies/lib/limits.lua", LIMITS)),
            _ => Err("there is no such module".into()),
        }
    }
}

fn constant() -> impl Strategy<Value = String> {
    select(vec![
        "0",
        "0.2",
        "0.35",
        "0.5",
        "0.8",
        "1",
        "3",
        "80",
        "-1",
        "HOT",
        "named.low",
        "named.high",
        "limits.hot",
        "limits.nested.half",
    ])
    .prop_map(String::from)
}

fn metric() -> impl Strategy<Value = String> {
    select(vec!["m.a", "m.a", "m.b", "m.b", "m[\"a\"]", "ctx.replicas"]).prop_map(String::from)
}

/// A number: mostly a metric, at times through arithmetic.
fn number() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![5 => metric(), 1 => constant()];
    leaf.prop_recursive(2, 6, 2, |inner| {
        prop_oneof![
            4 => inner.clone(),
            2 => (inner.clone(), select(vec!["+", "-", "*", "/"]), constant()).prop_map(|(a, op, b)| format!("({a} {op} {b})")),
            1 => (constant(), select(vec!["+", "-", "*", "/"]), inner.clone()).prop_map(|(a, op, b)| format!("({a} {op} {b})")),
            1 => (inner.clone(), select(vec!["+", "-", "*", "//"]), inner.clone()).prop_map(|(a, op, b)| format!("({a} {op} {b})")),
            1 => (select(vec!["min", "max"]), inner.clone(), inner.clone()).prop_map(|(f, a, b)| format!("math.{f}({a}, {b})")),
            1 => (select(vec!["abs", "floor", "ceil"]), inner.clone()).prop_map(|(f, a)| format!("math.{f}({a})")),
            1 => inner.clone().prop_map(|a| format!("(-({a}))")),
            1 => Just("level(m)".to_string()),
            1 => inner.prop_map(|a| format!("(if m.b > 0.5 then {a} else 0.35)")),
        ]
    })
}

fn condition() -> impl Strategy<Value = String> {
    let compare = (number(), select(vec![">", ">=", "<", "<=", "==", "~="]), constant(), any::<bool>())
        .prop_map(
            |(a, op, b, turned)| if turned { format!("{b} {op} {a}") } else { format!("{a} {op} {b}") },
        );
    let leaf = prop_oneof![
        10 => compare,
        1 => (metric(), constant()).prop_map(|(a, b)| format!("above({a}, {b})")),
        1 => (metric(), constant()).prop_map(|(a, b)| format!("limits.above({a}, {b})")),
        1 => (constant(), constant()).prop_map(|(a, b)| format!("band(m, {a}, {b})")),
        1 => Just("limits.busy(m)".to_string()),
        1 => select(vec!["m.has(\"a\")", "m.has(\"b\")", "true", "false"]).prop_map(String::from),
        1 => (number(), number()).prop_map(|(a, b)| format!("{a} < {b}")),
    ];
    leaf.prop_recursive(3, 12, 2, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} and {b})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} or {b})")),
            inner.clone().prop_map(|a| format!("not ({a})")),
            (inner.clone(), inner.clone(), inner).prop_map(|(c, a, b)| format!("(if {c} then {a} else {b})")),
        ]
    })
}

/// A body that returns a condition, straight, through a local, or through branches.
fn body() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => condition().prop_map(|c| format!("return {c}")),
        1 => condition().prop_map(|c| format!("local is_so = {c}\n return is_so")),
        1 => (condition(), condition(), condition()).prop_map(|(c, a, b)| {
            format!("if {c} then return {a} end\n do local x = 1 end\n return {b}")
        }),
        1 => (condition(), condition(), condition()).prop_map(|(c, d, a)| {
            format!("if {c} then\n if {d} then return true end\n elseif {a} then return false end\n return m.b > HOT")
        }),
    ]
}

/// The conditions of a file as data, linked, and the program that runs them.
fn load(text: &str) -> (Vec<Expr>, Program) {
    let source = Source::new("policies/p.lua", text);
    // A clock that stands still: a loaded machine must not end a tick.
    let program = Program::load(&source, None, &Shelf, &Table::new(), &Limits::default(), Arc::new(|| 0));
    assert!(!program.policies.is_empty(), "{text}\n{:#?}", program.findings);
    let mut functions: Functions = syntax::parse(&source).functions;
    functions.link(&program.modules);
    let policy = &program.policies[0];
    let rules = policy.scale_out.iter().chain(&policy.scale_in);
    let exprs = rules.map(|rule| functions.at(rule.when_span).unwrap().clone()).collect();
    (exprs, program)
}

fn file(out: &str, in_: &str) -> String {
    format!(
        "{HEAD}\npolicy \"p\" {{ replicas = {{ min = 1, max = 6 }},\n metrics = {{ a = prometheus {{ query = \"a\" }}, b = prometheus {{ query = \"b\" }} }},\n scale_out = {{ {{ when = function(m, ctx)\n {out}\n end, add = 1 }} }},\n scale_in = {{ {{ when = function(m, ctx)\n {in_}\n end, remove = 1 }} }} }}\n"
    )
}

fn domain() -> Domain {
    Domain(BTreeMap::from([
        (Read::Metric("a".into()), Set::between(0.0, 1.0)),
        (Read::Metric("b".into()), Set::between(0.0, f64::MAX)),
        (Read::Context("replicas".into()), Set::between(1.0, 6.0)),
    ]))
}

/// The VM's answers at a point.
fn ask(conditions: &dyn Conditions, a: f64, b: f64, replicas: u32) -> Vec<Option<bool>> {
    let context = Context { now: Time(0), current: replicas, ready: replicas, min: 1, max: 6, region: None };
    let mut verdicts = Vec::new();
    conditions.when(Projected::All, &[a, b], &context, &mut verdicts);
    verdicts.into_iter().map(|v| v.holds).collect()
}

fn value(point: &Point, name: &str) -> f64 {
    let read = Read::Metric(name.into());
    let has = point.get(&Read::Has(name.into())).is_none_or(|has| *has != 0.0);
    if has { point.get(&read).copied().unwrap_or(0.3) } else { f64::NAN }
}

fn inside(cells: &[Cell], point: &Point) -> bool {
    cells.iter().any(|cell| cell.iter().all(|(read, set)| set.contains(point[read])))
}

#[derive(Default, Debug)]
struct Count {
    conditions: usize,
    told: usize,
    never: usize,
    always: usize,
    overlap: usize,
    apart: usize,
    pair_unknown: usize,
}

fn check(out: &str, in_: &str, extra: &[(f64, f64)], count: &mut Count) -> Result<(), TestCaseError> {
    let text = file(out, in_);
    let (exprs, program) = load(&text);
    let conditions = program.conditions(&program.policies[0]).unwrap();
    let domain = domain();
    let solver = Solver { domain: &domain };
    let regions: Vec<_> = exprs.iter().map(|e| (solver.holds(e), solver.fails(e))).collect();
    for (holds, fails) in &regions {
        count.conditions += 1;
        count.told += usize::from(holds.sure == holds.may && fails.sure == fails.may);
        count.never += usize::from(holds.may.is_empty());
        count.always += usize::from(fails.may.is_empty());
    }
    let both = solver.together(&[(&exprs[0], true), (&exprs[1], true)]);
    let beyond = solver.together(&[(&exprs[0], true), (&exprs[1], false)]);
    for (claim, second) in [(&both, true), (&beyond, false)] {
        match claim {
            Claim::Never => count.apart += 1,
            Claim::CannotTell => count.pair_unknown += 1,
            Claim::At(point) => {
                count.overlap += 1;
                let replicas = point.get(&Read::Context("replicas".into())).copied().unwrap_or(2.0);
                let said = ask(&conditions, value(point, "a"), value(point, "b"), replicas as u32);
                prop_assert_eq!(said, vec![Some(true), Some(second)], "{} at {:?}", text, point);
            }
        }
    }
    let edges: [f64; 10] = [0.0, 0.2, 0.35, 0.5, 0.8, 1.0, 3.0, 80.0, 0.4, 2.5];
    let around: Vec<f64> = edges.iter().flat_map(|x| [x.next_down(), *x, x.next_up()]).collect();
    let mut points: Vec<(f64, f64)> = extra.to_vec();
    points.extend(around.iter().map(|x| (*x, 0.6)));
    points.extend(around.iter().map(|x| (0.6, *x)));
    points.extend([(f64::NAN, 0.1), (0.9, f64::NAN), (f64::NAN, f64::NAN)]);
    for (i, (a, b)) in points.into_iter().enumerate() {
        let replicas = 1 + (i % 6) as u32;
        if !(a.is_nan() || (0.0..=1.0).contains(&a)) || b < 0.0 {
            continue;
        }
        let stands_in = |x: f64| if x.is_nan() { 0.3 } else { x };
        let has = |x: f64| f64::from(u8::from(!x.is_nan()));
        let point = Point::from([
            (Read::Metric("a".into()), stands_in(a)),
            (Read::Metric("b".into()), stands_in(b)),
            (Read::Has("a".into()), has(a)),
            (Read::Has("b".into()), has(b)),
            (Read::Context("replicas".into()), f64::from(replicas)),
        ]);
        let said = ask(&conditions, a, b, replicas);
        for ((holds, fails), (said, expr)) in regions.iter().zip(said.iter().zip(&exprs)) {
            let at = || format!("{text} at a = {a}, b = {b}, {replicas} replicas: {said:?}\n{holds:?}");
            if let Some(truth) = truth_at(expr, &point) {
                prop_assert_eq!(Some(truth), *said, "truth_at: {}", at());
            }
            let missing = a.is_nan() || b.is_nan();
            prop_assert!(*said != Some(true) || inside(&holds.may, &point), "true, not in may: {}", at());
            prop_assert!(*said != Some(false) || inside(&fails.may, &point), "false, not in may: {}", at());
            if !missing {
                prop_assert!(!inside(&holds.sure, &point) || *said == Some(true), "sure to hold: {}", at());
                prop_assert!(!inside(&fails.sure, &point) || *said == Some(false), "sure to fail: {}", at());
            }
        }
        // Without a missing value, a claim of "never both" is one of all points.
        prop_assert!(
            both != Claim::Never || said != [Some(true), Some(true)],
            "never both: {text} at {a} {b}"
        );
        prop_assert!(
            beyond != Claim::Never || said != [Some(true), Some(false)],
            "implied: {text} at {a} {b}"
        );
    }
    Ok(())
}

#[test]
fn claims_of_random_conditions_agree_with_the_vm() {
    let mut runner = TestRunner::new(Config {
        cases: 400,
        max_shrink_iters: 300,
        failure_persistence: None,
        ..Config::default()
    });
    let count = std::cell::RefCell::new(Count::default());
    let extra = prop::collection::vec((0.0..1.0f64, 0.0..4.0f64), 12);
    runner
        .run(&(body(), body(), extra), |(out, in_, extra)| check(&out, &in_, &extra, &mut count.borrow_mut()))
        .unwrap();
    let count = count.into_inner();
    println!("{count:?}");
    // A solver that can tell nothing agrees with everything.
    assert!(count.told * 10 > count.conditions * 6, "{count:?}");
    assert!(count.never * 25 > count.conditions && count.always * 25 > count.conditions, "{count:?}");
    assert!(count.pair_unknown * 2 < count.overlap + count.apart, "{count:?}");
}
