//! What came of expectations: text with diffs, JUnit XML, JSON. May import: `text`, `model`, `sim`.

use super::Layout;
use super::findings::{findings_values, sorted};
use super::numbers::{Clock, count};
use super::paint::{Tone, clean, inert};
use super::text::push_wrapped;
use crate::model::{Finding, Level};
use crate::sim::expect::Outcome;
use crate::text::{LineIndex, Source};
use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};
use serde_json::{Value, json};
use std::collections::HashMap;

/// Reasons shown of a failure in a terminal; the last of them decided.
const REASONS: usize = 12;

/// A case of a test file, run for one policy.
#[derive(Debug, Clone, Copy)]
pub struct Tested<'a> {
    /// The test file.
    pub source: &'a Source,
    /// Name of the case.
    pub case: &'a str,
    /// Name of the policy.
    pub policy: &'a str,
    /// Why the run cannot be trusted: it ended early, or policy code failed.
    pub error: Option<&'a str>,
    /// What came of its expectations, in the order written.
    pub outcomes: &'a [Outcome],
}

impl Tested<'_> {
    fn failed(&self) -> usize {
        self.outcomes.iter().filter(|o| !o.holds).count()
    }

    /// Whether all holds.
    pub fn passed(&self) -> bool {
        self.error.is_none() && self.failed() == 0
    }
}

/// The lines of the test files, each indexed once however many cases it holds.
struct Lines<'a>(HashMap<&'a str, LineIndex>);

impl<'a> Lines<'a> {
    fn new(tested: &[Tested<'a>]) -> Lines<'a> {
        let mut lines = HashMap::new();
        for Tested { source, .. } in tested {
            lines.entry(&*source.name).or_insert_with(|| LineIndex::new(&source.text));
        }
        Lines(lines)
    }

    fn of(&self, case: &Tested<'_>, outcome: &Outcome) -> u32 {
        self.0.get(&*case.source.name).map_or(1, |lines| lines.line(outcome.expectation.span.start))
    }
}

/// `at 12:02:00`, or `from 12:02:00 to 12:05:00`.
fn place(outcome: &Outcome) -> String {
    let expectation = &outcome.expectation;
    match expectation.until {
        None => format!("at {}", Clock::Full.show(expectation.from)),
        Some(until) => {
            let end = match Clock::between(expectation.from, until) {
                Clock::Day => Clock::Day,
                _ => Clock::Full,
            };
            format!("from {} to {}", Clock::Full.show(expectation.from), end.show(until))
        }
    }
}

/// The result for a terminal: how many held, then each failure as a diff with its reasons. With
/// ANSI colours.
pub fn text(tested: &[Tested<'_>], layout: &Layout) -> String {
    let glyphs = layout.charset.glyphs();
    let all: usize = tested.iter().map(|t| t.outcomes.len()).sum();
    let failed: usize = tested.iter().map(Tested::failed).sum();
    let errors = tested.iter().filter(|t| t.error.is_some()).count();
    let cases = count(tested.len() as u64, "case");
    let (mark, tone) = match (failed, errors) {
        (0, 0) if all == 0 => (glyphs.bad, Tone::Warn),
        (0, 0) => (glyphs.good, Tone::Good),
        _ => (glyphs.bad, Tone::Bad),
    };
    let head = match (all, failed, errors) {
        (0, _, 0) => "nothing was expected of any policy".to_owned(),
        (1, 0, 0) => "the one expectation holds".into(),
        (_, 0, 0) => format!("all {} in {cases} hold", count(all as u64, "expectation")),
        (_, 0, _) => format!("{errors} of {cases} could not be run to the end"),
        _ => format!("{failed} of {} in {cases} failed", count(all as u64, "expectation")),
    };
    let lines = Lines::new(tested);
    let mut out = String::new();
    push_wrapped(&mut out, "", &format!("{mark} {head}"), tone, layout);
    for case in tested.iter().filter(|t| !t.passed()) {
        out.push('\n');
        let name = format!(
            "{} {}, case {}, policy {}",
            glyphs.bad,
            clean(&case.source.name),
            clean(case.case),
            clean(case.policy)
        );
        push_wrapped(&mut out, "", &name, Tone::Strong, layout);
        if let Some(error) = case.error {
            push_wrapped(&mut out, "  ", &clean(error), Tone::Bad, layout);
        }
        for outcome in case.outcomes.iter().filter(|o| !o.holds) {
            failure(&mut out, case, outcome, &lines, layout);
        }
    }
    inert(out)
}

fn failure(out: &mut String, case: &Tested<'_>, outcome: &Outcome, lines: &Lines<'_>, layout: &Layout) {
    let head = format!("line {}, {}", lines.of(case, outcome), place(outcome));
    push_wrapped(out, "  ", &head, Tone::Plain, layout);
    push_wrapped(out, "    - ", &clean(&outcome.expected), Tone::Good, layout);
    let at = match outcome.expectation.until {
        Some(_) if outcome.tick.is_some() => format!(" at {}", Clock::Full.show(outcome.time)),
        _ => String::new(),
    };
    push_wrapped(out, "    + ", &(clean(&outcome.got) + &at), Tone::Bad, layout);
    let skipped = outcome.reasons.len().saturating_sub(REASONS);
    if skipped > 0 {
        let more = count(skipped as u64, "earlier step");
        push_wrapped(out, "      ", &format!("{more} left out"), Tone::Dim, layout);
    }
    let dot = layout.charset.glyphs().dot;
    for reason in outcome.reasons.iter().skip(skipped) {
        push_wrapped(out, &format!("      {dot} "), &clean(reason), Tone::Dim, layout);
    }
}

/// JUnit XML: a suite a test file, a test case an expectation, named by its case, policy and
/// line; and each finding of level error, in the suite of its file, as a test case that could not
/// be run. It holds no times of day, so that the same results give the same bytes.
pub fn junit(tested: &[Tested<'_>], findings: &[Finding], sources: &[Source]) -> String {
    let lines = Lines::new(tested);
    let mut report = Report::new("luascale test");
    let mut suites: Vec<(&str, TestSuite)> = Vec::new();
    for case in tested {
        let Some(suite) = suite_of(&mut suites, &case.source.name) else { continue };
        if let Some(error) = case.error {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
            status.set_message(clean(error));
            suite.add_test_case(test_case(case, &format!("{}: run", case.case), status));
        }
        for outcome in case.outcomes {
            let status = match outcome.holds {
                true => TestCaseStatus::success(),
                false => {
                    let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
                    status.set_message(clean(&format!("expected {}, got {}", outcome.expected, outcome.got)));
                    let reasons: Vec<String> = outcome.reasons.iter().map(|r| clean(r)).collect();
                    status.set_description(format!(
                        "{}:{}\n- {}\n+ {}\n{}",
                        clean(&case.source.name),
                        lines.of(case, outcome),
                        clean(&outcome.expected),
                        clean(&outcome.got),
                        reasons.join("\n")
                    ));
                    status
                }
            };
            let name = format!("{}: {}, {}", case.case, place(outcome), outcome.expected);
            let mut told = test_case(case, &name, status);
            told.extra.insert("line".into(), lines.of(case, outcome).to_string().into());
            suite.add_test_case(told);
        }
    }
    let at: HashMap<&str, (&Source, LineIndex)> =
        sources.iter().map(|s| (&*s.name, (s, LineIndex::new(&s.text)))).collect();
    for finding in sorted(findings).into_iter().filter(|f| f.level == Level::Error) {
        let label = finding.labels.first();
        let name = label.map_or("luascale", |l| &*l.source);
        let Some(suite) = suite_of(&mut suites, name) else { continue };
        let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
        status.set_type(clean(&finding.rule));
        status.set_message(clean(&finding.message));
        let place = label.and_then(|l| Some((l, at.get(&*l.source)?)));
        let place = place.map(|(l, (source, lines))| lines.position(&source.text, l.span.start));
        let mut told = match place {
            Some(p) => format!("{}:{}:{}", clean(name), p.line, p.column),
            None => clean(name),
        };
        for line in finding.help.iter().flat_map(|help| help.lines()) {
            told.push('\n');
            told.push_str(&clean(line));
        }
        status.set_description(told);
        let mut case = TestCase::new(clean(&format!("{}: {}", finding.rule, finding.message)), status);
        case.set_classname(clean(name));
        if let Some(place) = place {
            case.extra.insert("file".into(), clean(name).into());
            case.extra.insert("line".into(), place.line.to_string().into());
        }
        suite.add_test_case(case);
    }
    report.add_test_suites(suites.into_iter().map(|(_, suite)| suite));
    // Writing to memory does not fail.
    let mut out = report.to_string().unwrap_or_default();
    if !out.ends_with('\n') {
        out.push('\n');
    }
    out
}

/// The suite of a file, a new one where there is none.
fn suite_of<'s, 'a>(suites: &'s mut Vec<(&'a str, TestSuite)>, name: &'a str) -> Option<&'s mut TestSuite> {
    let at = match suites.iter().position(|(suite, _)| *suite == name) {
        Some(at) => at,
        None => {
            suites.push((name, TestSuite::new(clean(name))));
            suites.len() - 1
        }
    };
    suites.get_mut(at).map(|(_, suite)| suite)
}

fn test_case(case: &Tested<'_>, name: &str, status: TestCaseStatus) -> TestCase {
    let mut told = TestCase::new(clean(name), status);
    told.set_classname(clean(case.policy));
    told.extra.insert("file".into(), clean(&case.source.name).into());
    told
}

/// The result as JSON, version 1: docs/schema/test.schema.json describes it. Ends with a line end.
pub fn json(tested: &[Tested<'_>], findings: &[Finding], sources: &[Source]) -> String {
    let lines = Lines::new(tested);
    let cases: Vec<Value> = tested
        .iter()
        .map(|case| {
            let expectations: Vec<Value> = case
                .outcomes
                .iter()
                .map(|outcome| {
                    json!({
                        "line": lines.of(case, outcome),
                        "from": outcome.expectation.from.to_string(),
                        "until": outcome.expectation.until.map(|t| t.to_string()),
                        "holds": outcome.holds,
                        "expected": outcome.expected,
                        "got": outcome.got,
                        "time": outcome.tick.map(|_| outcome.time.to_string()),
                        "reasons": outcome.reasons,
                    })
                })
                .collect();
            json!({
                "file": &*case.source.name,
                "case": case.case,
                "policy": case.policy,
                "error": case.error,
                "expectations": expectations,
            })
        })
        .collect();
    let all: usize = tested.iter().map(|t| t.outcomes.len()).sum();
    let failed: usize = tested.iter().map(Tested::failed).sum();
    let errors = tested.iter().filter(|t| t.error.is_some()).count()
        + findings.iter().filter(|f| f.level == Level::Error).count();
    let told = json!({
        "version": 1,
        "passed": all - failed,
        "failed": failed,
        "errors": errors,
        "cases": cases,
        "findings": findings_values(findings, sources),
    });
    let mut out = serde_json::to_string_pretty(&told).unwrap_or_default();
    out.push('\n');
    out
}
