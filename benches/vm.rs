//! What a tick of conditions costs: the VM path against a bare Luau driver loop.
//!
//! Three rules over ten metrics, of which they read five. `bare` is the same conditions called
//! one by one from a loop in Luau, with `pcall`, in a VM without interrupt, memory limit, sandbox
//! or missing metrics, entered once a tick; `floor` is the same loop entered once for all ticks.

#![allow(missing_docs, clippy::panic, clippy::disallowed_methods, reason = "a benchmark is its own edge")]

use criterion::{Criterion, criterion_group, criterion_main};
use luascale::catalogue::Table;
use luascale::lua::{Limits, Loaded, NoModules, VmConditions, load};
use luascale::model::raw::Outline;
use luascale::model::{Conditions, Context, Projected, Time, build};
use luascale::text::Source;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

const NAMES: [&str; 10] = ["m0", "m1", "m2", "m3", "m4", "m5", "m6", "m7", "m8", "m9"];
const RULES: [&str; 3] = [
    "function(m) return m.m0 > 0.8 end",
    "function(m) return m.m1 > 0.5 and m.m2 > 100 end",
    "function(m) return m.m0 < 0.3 and m.m3 < 0.2 and m.m4 < 10 end",
];

fn values(tick: u32) -> [f64; 10] {
    std::array::from_fn(|i| f64::from((tick + i as u32 * 7) % 100) / 100.0)
}

fn policy() -> (Loaded, VmConditions) {
    let metrics: String =
        NAMES.iter().map(|name| format!("{name} = file {{ path = 'x.csv', column = '{name}' }},")).collect();
    let text = format!(
        "policy 'p' {{ replicas = {{ max = 9 }}, metrics = {{ {metrics} }},
           scale_out = {{ {{ when = {}, add = 1 }}, {{ when = {}, add = 1 }} }},
           scale_in = {{ {{ when = {}, remove = 1 }} }} }}",
        RULES[0], RULES[1], RULES[2]
    );
    let source = Source::new("p.lua", text);
    let start = Instant::now();
    let clock = Arc::new(move || u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX));
    let limits = Limits { run_ms: u64::MAX / 2, ..Limits::default() };
    let loaded = load(&source, &NoModules, &limits, clock).unwrap_or_else(|f| panic!("{f:#?}"));
    let (policies, findings) = build::policies(&build::File {
        raw: &loaded.raw,
        source: &source,
        required: &[],
        outline: &Outline::default(),
        catalogue: &Table::new(),
    });
    let conditions = policies.first().map(|policy| loaded.bind(policy));
    (loaded, conditions.unwrap_or_else(|| panic!("{findings:#?}")))
}

/// The bare driver: one call a tick, and one call for all.
fn bare() -> (mlua::Lua, mlua::Function, mlua::Function) {
    let lua = mlua::Lua::new();
    let names = NAMES.join(", ");
    let set: String = NAMES.iter().map(|name| format!("m.{name} = {name}\n")).collect();
    let calls: String = (0..3)
        .map(|i| format!("ok, r = pcall(f{i}, m)\nif ok and r then mask += {} end\n", 1 << i))
        .collect();
    let rules: String = RULES.iter().enumerate().map(|(i, f)| format!("local f{i} = {f}\n")).collect();
    let text = format!(
        "{rules} local m = {{}}
         local function tick({names})\n{set} local mask, ok, r = 0\n{calls} return mask end
         local function all(ticks)
           local sum = 0
           for i = 1, ticks do
             local v = i % 100 / 100
             sum += tick(v, v, v, v, v, v, v, v, v, v)
           end
           return sum
         end
         return tick, all"
    );
    let (tick, all) = lua.load(text).eval().unwrap_or_else(|error| panic!("{error}"));
    (lua, tick, all)
}

fn benches(c: &mut Criterion) {
    let mut group = c.benchmark_group("vm");
    let (_lua, tick, all) = bare();
    let mut n = 0;
    group.bench_function("bare", |b| {
        b.iter(|| {
            n += 1;
            let [a, b, c, d, e, f, g, h, i, j] = values(n);
            tick.call::<f64>(black_box((a, b, c, d, e, f, g, h, i, j)))
        });
    });
    group.bench_function("floor of 1000", |b| b.iter(|| all.call::<f64>(black_box(1000))));

    let (_loaded, conditions) = policy();
    let mut verdicts = Vec::new();
    let mut ask = |tick: u32, gone: bool| {
        let mut values = values(tick);
        if gone {
            values[1] = f64::NAN;
        }
        let now = Time(i64::from(tick) * 15_000);
        let context = Context { now, current: 3, ready: 3, min: 1, max: 9, region: None };
        conditions.when(Projected::All, black_box(&values), &context, &mut verdicts);
        verdicts.len()
    };
    group.bench_function("conditions", |b| {
        b.iter(|| {
            n += 1;
            ask(n, false)
        });
    });
    group.bench_function("conditions, one metric missing", |b| {
        b.iter(|| {
            n += 1;
            ask(n, true)
        });
    });
    group.bench_function("load", |b| b.iter(|| policy().0.raw.policies.len()));
    group.finish();
}

criterion_group!(all, benches);
criterion_main!(all);
