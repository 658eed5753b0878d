//! How far past its deadline a hostile program goes: milliseconds, in process and in a worker.
//!
//! `cargo bench --bench hostile` runs every program of `tests/data/hostile` at load, under a
//! deadline of 100 ms and without a budget, so that the clock alone ends it, and prints the
//! latest first. A program that ends by itself, by an error or by the memory limit is on time.

#![allow(clippy::disallowed_methods, clippy::expect_used, clippy::print_stdout)]

use luascale::lua::{Clock, Limits, NoModules, load};
use luascale::text::Source;
use luascale::worker::{LoadRequest, Worker};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

const DEADLINE_MS: u64 = 100;

/// The goal: no program ends later than this after its deadline.
const GOAL_MS: f64 = 100.0;

/// Each program is run this often; the median counts.
const RUNS: usize = 5;

fn main() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/hostile");
    let mut programs: Vec<PathBuf> =
        std::fs::read_dir(folder).expect("the programs").map(|e| e.expect("a program").path()).collect();
    programs.retain(|path| path.extension().is_some_and(|e| e == "lua"));
    programs.sort();
    let mut rows: Vec<(f64, f64, String)> = programs.iter().map(|path| measure(path)).collect();
    rows.sort_by(|a, b| b.0.max(b.1).total_cmp(&a.0.max(a.1)));
    println!("milliseconds past a deadline of {DEADLINE_MS} ms, median of {RUNS}; 0 is on time");
    println!("{:>10} {:>10}  program", "in process", "worker");
    for (inside, worker, name) in &rows {
        println!("{inside:>10.1} {worker:>10.1}  {name}");
    }
    let late = rows.iter().filter(|(a, b, _)| a.max(*b) > GOAL_MS).count();
    println!("{} programs, {late} later than the goal of {GOAL_MS} ms", rows.len());
}

fn measure(path: &Path) -> (f64, f64, String) {
    let name = path.file_stem().map_or_else(String::new, |s| s.to_string_lossy().into_owned());
    let program = std::fs::read_to_string(path).expect("a text").replace("\nreturn ", "\nlocal _ = ");
    let text = format!("{program}\npolicy 'last' {{ replicas = {{ max = 5 }} }}\n");
    let source = Source::new(name.as_str(), text.as_str());
    let limits = Limits { load_ms: DEADLINE_MS, load_budget: u64::MAX, ..Limits::default() };
    let inside = median(|| {
        let start = Instant::now();
        let clock: Clock = Arc::new(move || start.elapsed().as_millis() as u64);
        let _ = load(&source, &NoModules, &limits, clock);
    });
    let binary = Path::new(env!("CARGO_BIN_EXE_luascale"));
    let mut worker = Worker::start(binary, 512 << 20).expect("a worker");
    let outside = median(|| {
        let request = LoadRequest { source: source.clone(), entry: None, catalogue: Vec::new(), limits };
        worker.load(request, &NoModules, Duration::from_secs(60)).expect("an answer");
    });
    (inside, outside, name)
}

/// Median of the milliseconds past the deadline.
fn median(mut run: impl FnMut()) -> f64 {
    let mut late: Vec<f64> = (0..RUNS)
        .map(|_| {
            let start = Instant::now();
            run();
            (start.elapsed().as_secs_f64() * 1000.0 - DEADLINE_MS as f64).max(0.0)
        })
        .collect();
    late.sort_by(f64::total_cmp);
    late[RUNS / 2]
}
