//! Reports of dry-runs and findings in every format; the HTML file is opened in tests/html.rs.

#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test that reads the schemas")]

#[path = "support/runs.rs"]
mod runs;

use anstream::adapter::strip_str;
use luascale::decide::reason;
use luascale::model::{Duration, EventKind, Finding, Policy};
use luascale::report::tested::{self, Tested};
use luascale::report::{self, Charset, Layout, When};
use luascale::sim::expect::{Expectation, Expected, Outcome};
use luascale::sim::trace::Run;
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
    // One a run with ticks, two for the code.
    assert_eq!(told.matches("<script").count(), 4 + 2);
    assert_eq!(told.matches("</script>").count(), 4 + 2);
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
    insta::assert_snapshot!("tested_junit", tested::junit(&[case, calm]));
    let document: Value = serde_json::from_str(&tested::json(&[case, calm])).unwrap();
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
    let junit = tested::junit(&[case]);
    assert!(!junit.contains("<img") && junit.contains("errors=\"1\""), "{junit}");
    assert!(!junit.chars().any(|c| c.is_control() && c != '\n'), "{junit:?}");
    assert_valid(&schema("test"), &serde_json::from_str(&tested::json(&[case])).unwrap());
}
