//! Reports of dry-runs and findings in every format; the HTML file is opened in tests/html.rs.

#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test that reads the schemas")]

#[path = "support/runs.rs"]
mod runs;

use anstream::adapter::strip_str;
use luascale::decide::reason;
use luascale::model::decision::{Step, Why};
use luascale::model::effect::EffectKind;
use luascale::model::input::Fault;
use luascale::model::{Duration, Effect, EventKind, Finding, Policy};
use luascale::report::tested::{self, Tested};
use luascale::report::{self, Charset, Layout, When, facts};
use luascale::sim::expect::{Expectation, Expected, Outcome};
use luascale::sim::trace::{Failed, Loop, Run, Tick};
use luascale::text::{Source, Span};
use serde_json::Value;

/// A day of 15 s ticks.
const DAY: usize = 5760;

fn day() -> (Policy, Run) {
    let policy = runs::policy("checkout-api");
    let run = runs::run(&policy, DAY);
    (policy, run)
}

fn silent() -> (Policy, Run) {
    let policy = runs::script("classic");
    let run = runs::silent(&policy);
    (policy, run)
}

fn empty() -> (Policy, Run) {
    let policy = runs::policy("empty");
    let run = runs::run(&policy, 0);
    (policy, run)
}

/// Every kind of run that reports must cope with.
fn all() -> Vec<(Policy, Run)> {
    let short = runs::policy("short");
    let few = runs::run(&short, 3);
    vec![day(), silent(), runs::hostile(), empty(), (short, few)]
}

fn pairs(runs: &[(Policy, Run)]) -> Vec<report::Pair<'_>> {
    runs.iter().map(|(policy, run)| (policy, run)).collect()
}

fn layout(width: usize) -> Layout {
    Layout { width, ..Layout::default() }
}

fn plain(text: &str) -> String {
    strip_str(text).to_string()
}

#[test]
fn the_text_report_of_a_day() {
    let (policy, run) = day();
    insta::assert_snapshot!("day", plain(&report::text(&[(&policy, &run)], &layout(100))));
}

#[test]
fn the_text_report_of_a_narrow_terminal_in_ascii() {
    let (policy, run) = day();
    let layout = Layout { width: 48, charset: Charset::Ascii, all_events: false };
    let text = plain(&report::text(&[(&policy, &run)], &layout));
    assert!(text.is_ascii(), "{text}");
    insta::assert_snapshot!("narrow", text);
}

#[test]
fn a_script_that_does_nothing_is_told_why() {
    let (policy, run) = silent();
    insta::assert_snapshot!("silent", plain(&report::text(&[(&policy, &run)], &layout(80))));
}

#[test]
fn several_policies_begin_with_a_line_each() {
    let runs = all();
    let text = plain(&report::text(&pairs(&runs), &layout(100)));
    let head: Vec<&str> = text.lines().take(6).collect();
    insta::assert_snapshot!("summary", head.join("\n"));
}

#[test]
fn past_eight_policies_only_the_summary_is_told() {
    let runs: Vec<_> = (0..30).map(|_| silent()).collect();
    let text = report::text(&pairs(&runs), &layout(100));
    assert_eq!(text.lines().count(), 33, "{text}");
}

#[test]
fn one_tick_is_explained() {
    let (policy, run) = day();
    let pair = [(&policy, &run)];
    let of_day = |h: i64, m: i64| When::OfDay((h * 60 + m) * 60_000);
    insta::assert_snapshot!("at", plain(&report::at(&pair, of_day(18, 31), &layout(90))));
    insta::assert_snapshot!("at_gap", plain(&report::at(&pair, of_day(8, 22), &layout(90))));
}

#[test]
fn what_kept_it_from_scaling_is_told_for_a_tick_and_for_the_run() {
    let (policy, run) = day();
    let pair = [(&policy, &run)];
    let at = Some(When::OfDay((12 * 60 + 31) * 60_000));
    insta::assert_snapshot!("why_not_at", plain(&report::why_not(&pair, at, &layout(90))));
    insta::assert_snapshot!("why_not", plain(&report::why_not(&pair, None, &layout(90))));
}

#[test]
fn why_not_says_so_where_it_did_scale() {
    let (policy, run) = day();
    let change = run.ticks.iter().find(|t| t.desired > t.current).unwrap();
    let text = plain(&report::why_not(&[(&policy, &run)], Some(When::Instant(change.time)), &layout(90)));
    assert!(text.contains("did scale: 3 → 4"), "{text}");
}

#[test]
fn no_line_is_wider_than_the_terminal_and_nothing_steers_it() {
    let runs = all();
    for width in [40, 41, 57, 80, 100, 133, 200] {
        for charset in [Charset::Unicode, Charset::Ascii] {
            for all_events in [false, true] {
                let layout = Layout { width, charset, all_events };
                let mut texts = vec![report::text(&pairs(&runs), &layout)];
                for (policy, run) in &runs {
                    let pair = [(policy, run)];
                    texts.push(report::text(&pair, &layout));
                    texts.push(report::at(&pair, When::OfDay(90_000), &layout));
                    texts.push(report::why_not(&pair, None, &layout));
                    texts.push(report::why_not(&pair, Some(When::OfDay(90_000)), &layout));
                }
                for line in texts.iter().flat_map(|t| t.lines()) {
                    let line = plain(line);
                    let columns = unicode_width::UnicodeWidthStr::width(line.as_str());
                    assert!(columns <= width, "{columns} columns of {width}: {line}");
                    assert!(!line.chars().any(|c| c.is_control() || c == '\u{202e}'), "{line:?}");
                }
            }
        }
    }
}

#[test]
fn a_fortnight_fits_two_screens_and_says_how_to_see_the_rest() {
    let policy = runs::policy("checkout-api");
    let run = runs::run(&policy, 14 * DAY);
    let text = plain(&report::text(&[(&policy, &run)], &layout(100)));
    assert!(text.lines().count() <= 80, "{} lines", text.lines().count());
    assert!(text.contains("more events of less weight: --events lists all"), "{text}");
    let all = plain(&report::text(&[(&policy, &run)], &Layout { all_events: true, ..layout(100) }));
    assert!(all.matches('▲').count() > 100 && !all.contains("--events"));
    let kept = plain(&report::why_not(&[(&policy, &run)], None, &layout(100)));
    assert!(kept.lines().count() <= 80, "{kept}");
}

#[test]
fn a_peak_of_one_tick_is_seen_in_the_chart_of_a_fortnight() {
    let policy = runs::policy("checkout-api");
    let mut run = runs::run(&policy, 14 * DAY);
    for tick in &mut run.ticks {
        (tick.desired, tick.under) = (3, Some(false));
    }
    run.ticks[40_000].desired = 16;
    run.ticks[40_000].under = Some(true);
    let text = report::text(&[(&policy, &run)], &layout(80));
    let chart = plain(&text);
    let top = chart.lines().skip_while(|l| *l != "replicas").nth(1).unwrap();
    assert!(top.contains('│'), "{chart}");
    let red: String = text.split("\u{1b}[31m").skip(1).filter_map(|t| t.chars().next()).collect();
    assert!(red.contains(['█', '▇', '▆', '▅', '▄', '▃', '▂', '▁']), "{text:?}");
}

#[test]
fn times_are_read_as_reports_print_them() {
    let (_, run) = day();
    let noon = runs::START + Duration::from_secs(12 * 3600);
    for text in [
        "12:00",
        "12:00:00",
        "Nov 29 12:00:00",
        "2024-11-29 12:00",
        "2024-11-29T12:00:00Z",
        "2024-11-29T13:00:00+01:00",
        "2024-11-29 12:00:00 UTC",
    ] {
        assert_eq!(report::when(text).unwrap().of(&run), noon, "{text}");
    }
    assert_eq!(report::when("2024-11-29").unwrap().of(&run), runs::START);
    for text in ["", "noon", "25:00", "12", "2024-13-01", "Nov 31 10:00"] {
        let said = report::when(text).unwrap_err();
        assert!(said.contains("write \"15:00\""), "{said}");
    }
}

#[test]
fn a_time_of_day_before_the_first_tick_is_the_next_days() {
    let policy = runs::policy("checkout-api");
    let mut run = runs::run(&policy, DAY);
    for tick in &mut run.ticks {
        tick.time = tick.time + Duration::from_secs(20 * 3600);
    }
    let ten = runs::START + Duration::from_secs(34 * 3600);
    assert_eq!(When::OfDay(10 * 3_600_000).of(&run), ten);
}

fn schema(name: &str) -> jsonschema::Validator {
    let path = format!("{}/docs/schema/{name}.schema.json", env!("CARGO_MANIFEST_DIR"));
    let schema: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    jsonschema::validator_for(&schema).unwrap()
}

fn assert_valid(schema: &jsonschema::Validator, document: &Value) {
    let errors: Vec<String> =
        schema.iter_errors(document).take(5).map(|e| format!("{}: {e}", e.instance_path())).collect();
    assert!(errors.is_empty(), "{errors:#?}");
}

#[test]
fn the_json_of_every_run_is_what_the_schema_says() {
    let schema = schema("dry-run");
    let runs = all();
    let document: Value = serde_json::from_str(&report::json::json(&pairs(&runs), &[], &[])).unwrap();
    assert_valid(&schema, &document);
    assert_valid(&schema, &serde_json::from_str(&report::json::json(&[], &[], &[])).unwrap());
    // The schema is closed: a field that it does not know is refused, wherever it is.
    for path in [
        "",
        "/policies/0",
        "/policies/0/score",
        "/policies/0/ticks/0",
        "/policies/0/ticks/0/why/0",
        "/policies/0/events/0",
        "/policies/2/faults/0",
        "/policies/2/printed/0",
        "/policies/2/events/0/effects/0",
    ] {
        let mut changed = document.clone();
        let object = changed.pointer_mut(path).unwrap_or_else(|| panic!("{path}"));
        object.as_object_mut().unwrap().insert("extra".into(), Value::Null);
        assert!(!schema.is_valid(&changed), "{path} takes unknown fields");
    }
}

#[test]
fn the_json_says_what_the_run_says() {
    let runs = all();
    let document: Value = serde_json::from_str(&report::json::json(&pairs(&runs), &[], &[])).unwrap();
    for ((policy, run), told) in runs.iter().zip(document["policies"].as_array().unwrap()) {
        assert_eq!(told["name"], *policy.name.value);
        let ticks = told["ticks"].as_array().unwrap();
        assert_eq!(ticks.len(), run.ticks.len());
        for (index, (tick, told)) in run.ticks.iter().zip(ticks).enumerate() {
            assert_eq!(told["time"], tick.time.to_string());
            assert_eq!((&told["current"], &told["desired"]), (&tick.current.into(), &tick.desired.into()));
            for (name, value) in run.metrics.iter().zip(run.values_of(index)) {
                let expected = if value.is_finite() { Value::from(*value) } else { Value::Null };
                assert_eq!(told["metrics"][name], expected);
            }
            let said: Vec<&str> =
                told["why"].as_array().unwrap().iter().map(|w| w["text"].as_str().unwrap()).collect();
            let expected: Vec<String> =
                run.steps_of(index).iter().map(|s| reason::words(policy, s)).collect();
            assert_eq!(said, expected);
        }
        assert_eq!(told["events"].as_array().unwrap().len(), run.events.len());
    }
    let silent = &document["policies"][1];
    assert_eq!(silent["score"]["under_provisioned_minutes"], Value::Null, "not measured is null, never 0");
    assert_eq!(silent["ticks"][0]["under_provisioned"], Value::Null);
}

#[test]
fn a_secret_stands_in_no_report() {
    let runs = all();
    let pairs = pairs(&runs);
    let layout = Layout { all_events: true, ..Layout::default() };
    for told in [
        report::text(&pairs[2..3], &layout),
        report::at(&pairs, When::Instant(runs[2].1.events[0].event.time), &layout),
        report::json::json(&pairs, &[], &[]),
        report::csv::csv(&pairs),
        report::markdown::markdown(&pairs),
        report::html::html(&pairs),
    ] {
        assert!(!told.contains("TOKEN"), "{}", &told[..200]);
    }
    assert!(plain(&report::text(&pairs[2..3], &layout)).contains("***"));
}

#[test]
fn the_csv_reads_back_with_a_row_a_tick() {
    let runs = all();
    let told = report::csv::csv(&pairs(&runs));
    let mut reader = csv::Reader::from_reader(told.as_bytes());
    let head = reader.headers().unwrap().clone();
    let column = |name: &str| head.iter().position(|h| h == name).unwrap_or_else(|| panic!("{name}"));
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    assert_eq!(rows.len(), runs.iter().map(|(_, run)| run.ticks.len()).sum::<usize>());
    let (_, run) = &runs[0];
    for (index, tick) in run.ticks.iter().enumerate() {
        assert_eq!(&rows[index][column("time")], tick.time.to_string());
        assert_eq!(&rows[index][column("desired")], tick.desired.to_string());
        let cpu = run.values_of(index)[0];
        let expected = if cpu.is_finite() { cpu.to_string() } else { String::new() };
        assert_eq!(&rows[index][column("cpu")], expected);
    }
    let change = run.ticks.iter().position(|t| t.desired > t.current).unwrap();
    assert!(rows[change][column("reason")].starts_with("track cpu: 0.684 against 0.600"));
    // A change that was cut says so, in the words of the events.
    let event = run
        .events
        .iter()
        .find(|e| e.event.kind == EventKind::ScaleOut && facts::why((&runs[0].0, run), e).contains("; "));
    let event = event.expect("a change that a later step had the last word on");
    let reason = &rows[event.tick as usize][column("reason")];
    assert_eq!(reason, facts::why((&runs[0].0, run), event));
}

#[test]
fn a_run_without_samples_judges_nothing_in_any_format() {
    let (policy, run) = silent();
    let pair = [(&policy, &run)];
    let two = [(&policy, &run), (&policy, &run)];
    let head = plain(&report::text(&pair, &layout(100)));
    assert!(head.starts_with("– classic  not judged: no samples"), "{head}");
    let head = plain(&report::text(&two, &layout(100)));
    assert!(head.starts_with("2 policies, none judged\n  – classic  not judged: no samples"), "{head}");
    let ascii = Layout { charset: Charset::Ascii, ..layout(100) };
    assert!(plain(&report::text(&pair, &ascii)).starts_with("-- classic  not judged"));
    let markdown = report::markdown::markdown(&pair);
    assert!(markdown.contains("– **classic** not judged: no samples"), "{markdown}");
    let html = report::html::html(&pair);
    assert!(html.contains("<i class=\"mark dim\"></i>classic"), "neither good nor bad");
    assert!(html.contains("<li class=\"dim\">not judged: no samples</li>"));
    assert!(html.contains("No chart: there are no samples") && !html.contains("class=\"data\""));
    assert!(html.contains("<li>the script wants no change</li>"), "the reasons stand without a chart");
    // What the charts' code says is no word of the report.
    let words = html.split("<script>").next().unwrap_or_default().to_owned();
    for told in [head, markdown, words, plain(&report::at(&pair, When::OfDay(0), &layout(100)))] {
        assert!(
            !told.contains("00:00:00") && !told.contains("✓") && !told.contains("🟢"),
            "no time, no praise"
        );
    }
    // Code that failed has failed, samples or none.
    let mut broken = run.clone();
    broken.faults.push(fault("classic", 1));
    let head = plain(&report::text(&[(&policy, &broken)], &layout(100)));
    assert!(head.starts_with("✗ classic  not judged: no samples, never scaled, 1 fault"), "{head}");
}

fn fault(function: &str, times: u32) -> Failed {
    let fault = Fault {
        function: function.into(),
        message: "attempt to index nil".into(),
        source: "api.lua".into(),
        line: 4,
        fatal: false,
    };
    Failed { tick: 0, times, fault }
}

#[test]
fn a_script_that_could_not_be_told_is_not_said_to_ask_for_nothing() {
    let (policy, run) = silent();
    let told = |unknown: usize, of: usize| {
        let mut run = run.clone();
        run.samples = vec!["day.csv".into()];
        run.notes = vec!["it reads metrics.cpu".into()];
        run.ticks = (0..of).map(|i| Tick { first_step: i as u32, ..run.ticks[0] }).collect();
        let why = |i: usize| match i < unknown {
            true => Why::ProposedUnknown { metric: None },
            false => Why::ProposedNothing,
        };
        run.steps = (0..of).map(|i| Step { input: 1, output: 1, why: why(i) }).collect();
        facts::why_nothing((&policy, &run), 3)
    };
    let all = told(5, 5);
    assert!(
        all[0].contains(
            "ran at 5 ticks, and what it wants is unknown at each of them: something that it reads"
        ) && all[1] == "it reads metrics.cpu",
        "{all:?}"
    );
    assert!(told(2, 5)[0].contains("At 2 of them what it wants is unknown"), "{:?}", told(2, 5));
    assert!(told(0, 5)[0].contains("asked the engine for no change"), "{:?}", told(0, 5));
}

#[test]
fn a_function_that_failed_is_the_first_reason_why_nothing_happened() {
    let policy = runs::policy("checkout-api");
    let mut run = runs::run(&policy, 4);
    run.events.clear();
    run.score.scaling_events = Some(0);
    run.steps.clear();
    for (index, tick) in run.ticks.iter_mut().enumerate() {
        tick.desired = tick.current;
        tick.first_step = 2 * index as u32;
        let step = |why| Step { input: tick.current, output: tick.current, why };
        run.steps.push(step(Why::RuleFailed { rule: 0 }));
        run.steps.push(step(Why::Held { metric: None, for_ms: 0 }));
    }
    run.faults = vec![fault("hot cpu", 4), fault("on.at_max", 1)];
    let told = facts::why_nothing((&policy, &run), 3);
    assert_eq!(told[0], "rule \"hot cpu\" failed at every tick: attempt to index nil (api.lua:4)");
    assert_eq!(told[1], "on.at_max failed at 1 of 4 ticks: attempt to index nil (api.lua:4)");
    let held =
        "scaling in is held, since something is unknown: rule \"hot cpu\" failed and counts as unknown";
    assert!(told[2].ends_with(held), "{told:?}");
    let text = plain(&report::why_not(&[(&policy, &run)], None, &layout(200)));
    assert!(
        text.lines().nth(1).is_some_and(|l| l.starts_with("  rule \"hot cpu\" failed at every tick")),
        "{text}"
    );
}

#[test]
fn a_metric_that_never_had_a_value_is_bad_news() {
    let policy = runs::policy("checkout-api");
    let mut run = runs::run(&policy, 4);
    run.never = vec!["p95".into()];
    run.score.under_provisioned_minutes = Some(0.0);
    let text = plain(&report::text(&[(&policy, &run)], &layout(120)));
    assert!(text.starts_with("✗ checkout-api") && text.contains(", p95 never had a value,"), "{text}");
    let document: Value = serde_json::from_str(&report::json::json(&[(&policy, &run)], &[], &[])).unwrap();
    assert_eq!(document["policies"][0]["metrics_without_value"], serde_json::json!(["p95"]));
    assert_valid(&schema("dry-run"), &document);
    run.never.push("rps".into());
    let text = plain(&report::text(&[(&policy, &run)], &layout(120)));
    assert!(text.contains("2 metrics never had a value"), "{text}");
}

#[test]
fn several_runs_of_one_policy_are_told_apart_by_their_recordings() {
    let policy = runs::policy("api");
    let (mut one, mut other) = (runs::run(&policy, 4), runs::run(&policy, 4));
    one.samples = vec!["samples/calm.csv".into()];
    other.samples = vec!["samples/rush.csv".into()];
    let alone = runs::policy("worker");
    let third = runs::run(&alone, 4);
    let pairs = [(&policy, &one), (&policy, &other), (&alone, &third)];
    for told in [
        plain(&report::text::summary(&pairs, &layout(100))),
        report::markdown::markdown(&pairs),
        report::html::html(&pairs),
    ] {
        assert!(
            told.contains("api on samples/calm.csv") && told.contains("api on samples/rush.csv"),
            "{told}"
        );
        assert!(!told.contains("worker on"), "{told}");
    }
}

#[test]
fn an_open_loop_says_what_it_would_have_done() {
    let policy = runs::policy("api");
    let mut run = runs::run(&policy, 4);
    run.kind = Loop::Open;
    run.score.scaling_events = Some(3);
    let text = plain(&report::text(&[(&policy, &run)], &layout(100)));
    assert!(text.contains("api  would have scaled 3 times,"), "{text}");
}

/// Ticks from 09:00 and so many seconds, with these counts.
fn plateau(seconds: i64, interval: i64, counts: &[u32], max: u32) -> Run {
    let policy = runs::policy("api");
    let mut run = runs::run(&policy, counts.len());
    for (index, (tick, count)) in run.ticks.iter_mut().zip(counts).enumerate() {
        tick.time = runs::START + Duration::from_secs(9 * 3600 + seconds + interval * index as i64);
        (tick.desired, tick.current) = (*count, *count);
        (tick.bounds.min, tick.bounds.max) = (1, max);
    }
    run
}

#[test]
fn labels_of_the_axis_are_times_of_ticks_in_their_columns() {
    let policy = runs::policy("api");
    for (seconds, interval, ticks, width) in [
        (0, 15, 3, 100),
        (0, 15, 11, 100),
        (7, 15, 41, 100),
        (5, 60, 700, 61),
        (0, 15, 5760, 80),
        (0, 1, 9, 200),
    ] {
        let run = plateau(seconds, interval, &vec![3; ticks], 12);
        let text = plain(&report::text(&[(&policy, &run)], &layout(width)));
        let lines: Vec<&str> = text.lines().collect();
        let axis = lines.iter().position(|l| l.trim_start().starts_with('└')).unwrap();
        let marks: Vec<char> = lines[axis].chars().collect();
        let labels: Vec<char> = lines[axis + 1].chars().collect();
        let left = marks.iter().position(|c| *c == '└').unwrap() + 1;
        let columns = width - left;
        let mut seen = Vec::new();
        for cell in (0..marks.len()).filter(|c| marks[*c] == '┬') {
            let label: String = labels[cell..].iter().collect();
            let label = label.split("  ").next().unwrap().trim().to_owned();
            let column = cell - left;
            let start = column * ticks / columns;
            let end = ((column + 1) * ticks / columns).max(start + 1);
            let times: Vec<String> = run.ticks[start..end].iter().map(|t| t.time.to_string()).collect();
            let midnight = label == "Nov 30" && times.iter().any(|t| t.contains("11-30T00:00:00"));
            let full = if label.len() == 5 { format!("T{label}:00Z") } else { format!("T{label}Z") };
            assert!(midnight || times.iter().any(|t| t.ends_with(&full)), "{label} of {times:?}\n{text}");
            seen.push(label);
        }
        let all = seen.len();
        seen.dedup();
        assert!(!seen.is_empty() && seen.len() == all, "{text}");
    }
}

#[test]
fn a_row_is_labelled_with_its_own_count() {
    let policy = runs::policy("api");
    for (counts, max) in
        [([1, 8, 8, 8, 12], 12), ([1, 7, 8, 8, 12], 12), ([3, 5, 9, 9, 16], 16), ([2, 3, 3, 4, 5], 5)]
    {
        let mut run = plateau(0, 15, &counts, max);
        run.events.clear();
        let text = plain(&report::text(&[(&policy, &run)], &layout(100)));
        let rows: Vec<&str> =
            text.lines().skip_while(|l| *l != "replicas").skip(1).take_while(|l| !l.contains('└')).collect();
        // The middle of the third tick's columns.
        for count in [counts[2], counts[4]] {
            let tick = if count == counts[2] { 2 } else { 4 };
            let columns = 100 - rows[0].chars().position(|c| c == '┤').unwrap() - 1;
            let cell = 100 - columns + (tick * 2 + 1) * columns / 10;
            let row = rows.iter().find(|r| r.chars().nth(cell) == Some('─')).unwrap();
            if let Some((label, _)) = row.split_once('┤') {
                assert_eq!(label.trim(), count.to_string(), "{text}");
            }
        }
    }
    let text = plain(&report::text(&[(&policy, &plateau(0, 15, &[1, 8, 8, 8, 12], 12))], &layout(100)));
    assert!(
        text.lines().any(|l| l.trim_start().starts_with("8┤")),
        "the one count of the middle row: {text}"
    );
}

#[test]
fn no_cell_of_the_csv_is_a_formula() {
    let mut policy = runs::policy("=cmd|'/c calc'!A0");
    policy.metrics[0].name.value = "@SUM(1)".into();
    let run = runs::run(&policy, 2);
    let told = report::csv::csv(&[(&policy, &run)]);
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(told.as_bytes());
    for record in reader.records() {
        for cell in &record.unwrap() {
            assert!(!cell.starts_with(['=', '+', '@', '\t']), "{cell}");
        }
    }
}

#[test]
fn the_markdown_of_a_run() {
    let policy = runs::policy("checkout-api");
    let run = runs::run(&policy, 12);
    insta::assert_snapshot!("markdown", report::markdown::markdown(&[(&policy, &run)]));
}

#[test]
fn hostile_names_are_plain_words_in_markdown() {
    let runs = all();
    let told = report::markdown::markdown(&pairs(&runs));
    let mut fenced = false;
    for line in told.lines() {
        if line.starts_with("```") {
            fenced = !fenced;
            continue;
        }
        if fenced {
            assert!(!line.contains("pwned"), "{line}");
            continue;
        }
        let ours = ["<details><summary>", "</summary>", "</details>", "<b>", "</b>"];
        let rest = ours.iter().fold(line.to_owned(), |line, tag| line.replace(tag, ""));
        let body = rest.strip_prefix("> ").unwrap_or(&rest);
        assert!(!body.contains(['<', '>', '`', '@', '[', ']', '\u{1b}']), "{line}");
        assert!(!line.contains("@team") && !line.contains("](") && !line.contains(" #1"), "{line}");
        if line.starts_with('|') {
            assert!([4, 3, 8].contains(&(line.matches('|').count())), "a cell broke out: {line}");
        }
    }
    assert!(!fenced);
}

#[test]
fn the_markdown_of_many_policies_fits_a_comment() {
    let runs: Vec<_> = (0..3).map(|_| day()).chain([runs::hostile()]).collect();
    let many: Vec<report::Pair<'_>> = pairs(&runs).into_iter().cycle().take(400).collect();
    let told = report::markdown::markdown(&many);
    assert!(told.len() < 65_536, "{} bytes", told.len());
    assert_eq!(told.matches("<details>").count(), told.matches("</details>").count());
    assert!(told.matches("<details>").count() > 3 && told.contains("told in no more detail"), "{told}");
}

#[test]
fn the_html_escapes_what_it_embeds() {
    let runs = all();
    let told = report::html::html(&pairs(&runs));
    assert!(!told.contains("<img"), "a policy's text became markup");
    // One a run with more than a tick, two for the code.
    assert_eq!(told.matches("<script").count(), 3 + 2);
    assert_eq!(told.matches("</script>").count(), 3 + 2);
    assert!(told.contains("default-src 'none'"));
}

#[test]
fn a_fortnight_in_html_stays_small() {
    let policy = runs::policy("checkout-api");
    let run = runs::run(&policy, 14 * DAY);
    let told = report::html::html(&[(&policy, &run)]);
    assert!(told.len() < 5_000_000, "{} bytes", told.len());
    // Past the limit ticks share their words rather than grow the file.
    let four = report::html::html(&[(&policy, &run); 4]);
    assert!(four.len() < 10_000_000, "{} bytes", four.len());
}

fn found() -> (Vec<Finding>, Vec<Source>) {
    let policy = Source::new(
        "policies/checkout.lua",
        "policy \"checkout\" {\n  replica = { min = 3, max = 60 },\n}\n",
    );
    let config = Source::new("luascale.yaml", "policies:\n  policies/classic.lua: {}\n");
    let findings = vec![
        Finding::warning("unused-metric", "p95 is declared and never read"),
        Finding::error("unknown-field", "replica is no field of a policy")
            .at(&policy, Span::new(22, 29), "not known")
            .at(&config, Span::new(12, 32), "declared here too")
            .help("did you mean replicas?"),
        Finding::note("open-loop", "no demand is recorded").at(&config, Span::new(0, 8), ""),
    ];
    (findings, vec![policy, config])
}

#[test]
fn findings_show_their_places_in_several_sources() {
    let (findings, sources) = found();
    insta::assert_snapshot!("findings", report::findings(&findings, &sources, &layout(80), false));
}

#[test]
fn findings_come_in_one_order_whatever_the_order_they_were_found_in() {
    let (mut findings, sources) = found();
    let first = report::findings_json(&findings, &sources);
    findings.reverse();
    assert_eq!(report::findings_json(&findings, &sources), first);
    let document: Value = serde_json::from_str(&first).unwrap();
    assert_valid(&schema("findings"), &document);
    let label = &document["findings"][2]["labels"][0];
    assert_eq!((&label["line"], &label["column"], &label["end_column"]), (&2.into(), &3.into(), &10.into()));
}

#[test]
fn findings_survive_places_that_are_not_there_and_sources_that_are_hostile() {
    let long = format!("x = \"{}\"", "é".repeat(3_000_000));
    let sources = [
        Source::new("a.lua", "local x = \"\u{1b}[2J\u{202e}\u{9b}\"\r\nü"),
        Source::new("empty.lua", ""),
        Source::new("long.lua", long.as_str()),
    ];
    let mut findings = Vec::new();
    for source in &sources {
        for span in [
            Span::new(0, 0),
            Span::new(11, 16),
            Span::new(29, 30),
            Span::new(9_000_000, 9_000_001),
            Span::new(0, 8_000_000),
        ] {
            findings.push(
                Finding::error("odd-place", "\u{1b}[31mred").at(source, span, "here\u{7}").help("a\nb\u{1b}"),
            );
        }
    }
    let elsewhere = Source::new("elsewhere.lua", "");
    findings.push(Finding::error("no-source", "gone").at(&elsewhere, Span::new(3, 4), "was here"));
    let told = report::findings(&findings, &sources, &layout(80), false);
    assert!(!told.chars().any(|c| (c.is_control() && c != '\n') || c == '\u{202e}'), "{told:?}");
    assert_eq!(told.matches("odd-place").count(), 15);
    assert!(told.contains("gone (elsewhere.lua: was here)"), "{told}");
    assert!(told.len() < 60_000, "a line of six megabytes is shown in part: {}", told.len());
    let coloured = report::findings(&findings, &sources, &layout(80), true);
    assert_eq!(plain(&coloured), told, "colour changes nothing else");
    assert_valid(
        &schema("findings"),
        &serde_json::from_str(&report::findings_json(&findings, &sources)).unwrap(),
    );
}

#[test]
fn of_many_findings_the_worst_are_shown_at_their_lines_and_all_are_in_json() {
    let text: String = (1..=10_000).map(|n| format!("línea{n} = 1\r\n")).collect();
    let source = Source::new("many.lua", text.as_str());
    let at = |n: usize| {
        let start = text.find(&format!("línea{n} ")).unwrap();
        Span::new(start, start + 6)
    };
    // Every place is found anew above: few, and warnings at the others' place.
    let mut findings = vec![Finding::warning("minor", "a warning").at(&source, at(1), ""); 9_998];
    findings.push(Finding::error("grave", "first").at(&source, at(9_000), "here").at(
        &source,
        at(2),
        "there",
    ));
    findings.push(Finding::error("grave", "second").at(&source, at(10_000), "here"));
    let sources = [source.clone()];
    let told = report::findings(&findings, &sources, &layout(100), false);
    assert_eq!((told.matches("a warning").count(), told.matches("grave").count()), (48, 2));
    assert!(
        told.ends_with("and 9,950 more findings: --format json lists all that are of policies and samples\n")
    );
    for place in [
        "[many.lua:9000:1]",
        "[many.lua:10000:1]",
        " 8999 │ línea8999 = 1\n",
        " 9001 │ línea9001 = 1\n",
        "[many.lua:2:1]",
    ] {
        assert!(told.contains(place), "{place} in {told}");
    }
    assert!(!told.contains("línea500 "), "lines between places far apart are no context");
    let all: Value = serde_json::from_str(&report::findings_json(&findings, &sources)).unwrap();
    assert_eq!(all["findings"].as_array().unwrap().len(), 10_000);
    let lines: Vec<u64> =
        all["findings"].as_array().unwrap().iter().filter_map(|f| f["labels"][0]["line"].as_u64()).collect();
    assert_eq!((lines[0], lines[9_998], lines[9_999]), (1, 9_000, 10_000));
}

#[test]
fn no_text_of_a_policy_commands_the_runner_of_a_pipeline() {
    let evil = "wide words before it ::stop-commands::pause ##[group]x ::error::fake";
    let source = Source::new("p.lua", "x = 1 -- ::error::fake\n::error::fake\n");
    let finding = Finding::error("odd", evil).at(&source, Span::new(23, 25), evil).help(evil.repeat(3));
    let policy = runs::policy(evil);
    let mut run = runs::run(&policy, DAY);
    run.notes = vec![evil.into(), "::error::fake".into()];
    run.ended = Some(evil.into());
    let case = Tested { source: &source, case: evil, policy: evil, error: Some(evil), outcomes: &[] };
    for width in (40..100).step_by(7) {
        let layout = layout(width);
        for text in [
            report::findings(std::slice::from_ref(&finding), std::slice::from_ref(&source), &layout, false),
            report::text(&[(&policy, &run)], &layout),
            report::text(&[(&policy, &run), (&policy, &run)], &layout),
            report::why_not(&[(&policy, &run)], None, &layout),
            tested::text(&[case], &layout),
        ] {
            let text = plain(&text);
            assert!(text.contains(": :error::fake") || text.contains("stop-comma"), "{text}");
            assert!(
                !text.lines().any(|l| l.trim_start().starts_with("::")) && !text.contains("##["),
                "{text}"
            );
        }
    }
    assert_eq!(report::safe("error: ::x\n  ::x \u{202e}\u{1b}[2J"), "error: ::x\n  : :x \\u{202e}\\u{1b}[2J");
}

#[test]
fn what_an_effect_sends_is_cut_for_people_and_whole_in_json() {
    let policy = runs::policy("web");
    let mut run = runs::run(&policy, DAY);
    let body = "ä".repeat(340_000);
    let arguments = vec![("body".into(), luascale::model::effect::Value::Text(body.as_str().into()))];
    let effect = Effect { kind: EffectKind::Webhook, arguments };
    let kind = effect.kind.name();
    run.events.first_mut().unwrap().effects.push(effect);
    let note = format!("… (340,{:03} characters)", format!("{kind} body=\"\"").len());
    let pairs = [(&policy, &run)];
    let all = Layout { all_events: true, ..layout(100) };
    for told in [plain(&report::text(&pairs, &all)), report::html::html(&pairs)] {
        let told: String = told.split_whitespace().collect();
        let note: String = note.split_whitespace().collect();
        assert!(told.contains(&note), "{kind} {}", told.chars().take(5000).collect::<String>());
        assert!(told.matches('ä').count() < 300);
    }
    assert!(report::markdown::markdown(&pairs).matches('ä').count() < 300);
    assert!(report::json::json(&pairs, &[], &[]).contains(&body));
}

#[test]
fn findings_are_errors_of_a_test_beside_its_cases() {
    let (source, outcomes) = tested();
    let case =
        Tested { source: &source, case: "rush", policy: "web", error: None, outcomes: &outcomes[1..2] };
    let findings = [
        Finding::error("bad-sample", "no \u{fffe}number")
            .at(&source, Span::new(10, 12), "")
            .help("write one"),
        Finding::error("no-file", "gone"),
        Finding::warning("odd", "only a warning"),
    ];
    let sources = [source.clone()];
    let junit = tested::junit(&[case], &findings, &sources);
    assert!(junit.contains("tests=\"3\" skipped=\"0\" failures=\"0\" errors=\"2\""), "{junit}");
    assert!(
        junit.contains("tests/day.yaml:2:3\nwrite one") && junit.contains("no \\u{fffe}number"),
        "{junit}"
    );
    assert!(!junit.contains("only a warning") && !junit.contains('\u{fffe}'), "{junit}");
    assert_eq!(junit.matches("<testsuite ").count(), 2, "the finding is in the suite of its file: {junit}");
    let document: Value = serde_json::from_str(&tested::json(&[case], &findings, &sources)).unwrap();
    assert_valid(&schema("test"), &document);
    assert_eq!((&document["errors"], document["findings"].as_array().unwrap().len()), (&2.into(), 3));
}

/// Two cases: one with a failure of each kind, one that holds.
fn tested() -> (Source, Vec<Outcome>) {
    let (policy, run) = day();
    let text = "expect:\n  - { at: 12h31m, replicas: 6 }\n  - { at: 18h..19h, event: at_max }\n  - { at: 48h, no_event: any }\n";
    let source = Source::new("tests/day.yaml", text);
    let time = |minutes: i64| runs::START + Duration::from_secs(minutes * 60);
    let expectation = |from, until, what, line: usize| {
        let start = text.match_indices('{').nth(line).unwrap().0;
        Expectation { from: time(from), until, what, span: Span::new(start, start + 1) }
    };
    let expectations = [
        expectation(751, None, Expected::Replicas { min: 6, max: 6 }, 0),
        expectation(1080, Some(time(1140)), Expected::Event(EventKind::AtMax), 1),
        expectation(48 * 60, None, Expected::NoEvent(None), 2),
    ];
    (source, luascale::sim::expect::evaluate(&policy, &run, &expectations))
}

#[test]
fn failed_expectations_are_diffs_with_their_reasons() {
    let (source, outcomes) = tested();
    let case =
        Tested { source: &source, case: "rush", policy: "checkout-api", error: None, outcomes: &outcomes };
    let calm = Tested { case: "calm", outcomes: &outcomes[1..2], ..case };
    insta::assert_snapshot!("tested", plain(&tested::text(&[case, calm], &layout(90))));
    insta::assert_snapshot!("tested_junit", tested::junit(&[case, calm], &[], &[]));
    let document: Value = serde_json::from_str(&tested::json(&[case, calm], &[], &[])).unwrap();
    assert_valid(&schema("test"), &document);
    assert_eq!((&document["passed"], &document["failed"]), (&2.into(), &2.into()));
    let held = plain(&tested::text(&[calm], &layout(90)));
    assert_eq!(held, "✓ the one expectation holds\n");
}

#[test]
fn a_case_that_cannot_be_run_is_an_error_and_its_hostile_name_stays_inside() {
    let source = Source::new(runs::HOSTILE, "");
    let case = Tested {
        source: &source,
        case: runs::HOSTILE,
        policy: runs::HOSTILE,
        error: Some(runs::HOSTILE),
        outcomes: &[],
    };
    let text = plain(&tested::text(&[case], &layout(60)));
    assert!(text.starts_with("✗ 1 of 1 case could not be run to the end"), "{text}");
    assert!(!text.chars().any(|c| c.is_control() && c != '\n'));
    let junit = tested::junit(&[case], &[], &[]);
    assert!(!junit.contains("<img") && junit.contains("errors=\"1\""), "{junit}");
    assert!(!junit.chars().any(|c| c.is_control() && c != '\n'), "{junit:?}");
    assert_valid(&schema("test"), &serde_json::from_str(&tested::json(&[case], &[], &[])).unwrap());
}
