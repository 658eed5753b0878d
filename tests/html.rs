//! The HTML report in a real browser: tests/browser/report.mjs opens it, hovers, zooms, reads.
//!
//! Needs Node.js, playwright-core (`npm ci` in tests/browser) and Chromium (`CHROMIUM` names it);
//! scripts/test installs them. Where one is missing the test says so and is skipped, but fails
//! where `CI=true`.

#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test that starts a browser")]

#[path = "support/runs.rs"]
mod runs;

use luascale::decide::reason;
use luascale::model::{EventKind, Policy, Time};
use luascale::report;
use luascale::sim::trace::Run;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Command;

const DAY: usize = 5760;

/// As the report prints an instant.
fn moment(time: Time) -> String {
    time.to_string().replace('T', " ").replace('Z', "")
}

fn change(run: &Run, tick: usize) -> String {
    let tick = run.ticks[tick];
    match tick.current == tick.desired {
        true => format!("{} stays", tick.current),
        false => format!("{} → {}", tick.current, tick.desired),
    }
}

fn tick(policy: &Policy, run: &Run, at: usize) -> Value {
    let metrics: Vec<Value> = run
        .metrics
        .iter()
        .zip(run.values_of(at))
        .map(|(name, value)| json!({ "name": name, "value": value.is_finite().then_some(value) }))
        .collect();
    json!({
        "tick": at,
        "time": moment(run.ticks[at].time),
        "change": change(run, at),
        "metrics": metrics,
        "sentences": run.steps_of(at).iter().map(|s| reason::words(policy, s)).collect::<Vec<_>>(),
    })
}

/// Writes the reports and what they must say.
fn prepare(folder: &Path) {
    let policy = runs::policy("checkout-api");
    let run = runs::run(&policy, DAY);
    let script = runs::script("classic");
    let silent = runs::silent(&script);
    let (hostile, broken) = runs::hostile();
    let fortnight = runs::run(&policy, 14 * DAY);
    let write = |name: &str, text: String| std::fs::write(folder.join(name), text).unwrap();
    write("day.html", report::html::html(&[(&policy, &run)]));
    write("many.html", report::html::html(&[(&policy, &run), (&hostile, &broken), (&script, &silent)]));
    write("long.html", report::html::html(&[(&policy, &fortnight)]));
    write("wide.html", report::html::html(&[(&policy, &fortnight); 4]));
    let scaled = run.events.iter().find(|e| e.event.kind == EventKind::ScaleOut).unwrap();
    let ticks = [0, 2, 2005, 3000, 4445, DAY - 1].map(|at| tick(&policy, &run, at));
    let facts = json!({
        "length": DAY,
        "metrics": run.metrics,
        "ticks": ticks,
        // Three tenths of the day.
        "zoomed": "2024-11-29 07:1",
        "first_change": format!("{}, from {} to {} replicas", moment(scaled.event.time), scaled.event.from, scaled.event.to),
        "events": run.events.iter().map(|e| json!({ "time": moment(e.event.time) })).collect::<Vec<_>>(),
        "policies": [
            "checkout-api",
            // What would steer a reader is written as an escape.
            runs::HOSTILE.replace('\u{1b}', "\\u{1b}").replace('\u{202e}', "\\u{202e}"),
            "classic",
        ],
        // Data of the two policies that have charts, the charts, our own.
        "scripts": 4,
        "long": { "tick": 40_000, "length": 14 * DAY, "day": "2024-12-05" },
        "verdict": "scaled 37 times",
    });
    write("facts.json", facts.to_string());
}

/// What is needed, or what is missing.
fn browser() -> Result<(PathBuf, String), String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser");
    let runs = |program: &str| {
        let output = Command::new(program).arg("--version").output();
        output.is_ok_and(|o| o.status.success())
    };
    if !runs("node") {
        return Err("Node.js is missing".into());
    }
    if !folder.join("node_modules/playwright-core").is_dir() {
        return Err("playwright-core is missing: run `npm ci` in tests/browser".into());
    }
    let named = std::env::var("CHROMIUM").ok();
    let known = ["chromium", "chromium-browser", "google-chrome-stable", "google-chrome"].map(String::from);
    let chromium = named.into_iter().chain(known).find(|program| runs(program));
    let chromium = chromium.ok_or("Chromium is missing: set CHROMIUM to the path of a Chromium or Chrome")?;
    // Playwright wants a path, not a name.
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).map(|p| p.join(&chromium)).find(|p| p.is_file());
    let chromium = found.map_or(chromium, |p| p.to_string_lossy().into_owned());
    Ok((folder, chromium))
}

#[test]
fn the_report_works_in_a_browser() {
    let (folder, chromium) = match browser() {
        Ok(found) => found,
        Err(missing) => {
            let ci = std::env::var("CI").is_ok_and(|v| v == "true");
            assert!(!ci, "the browser test cannot run: {missing}");
            println!("skipped: the report in a browser: {missing}");
            return;
        }
    };
    let reports = tempfile::tempdir().unwrap();
    prepare(reports.path());
    let output = Command::new("node")
        .arg(folder.join("report.mjs"))
        .arg(reports.path())
        .env("CHROMIUM", chromium)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}\n{errors}");
    assert!(said.contains("all checks passed"), "{said}\n{errors}");
}
