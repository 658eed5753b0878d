//! `luascale test`: policies against the expectations in YAML samples. May import: everything.

use super::Outcome;
use super::args::{Test, TestFormat};
use super::dry_run::{Done, Task, open};
use super::failure::{Failure, status};
use super::jobs::FileResult;
use super::terminal::Terminal;
use crate::model::finding::{Finding, Level, did_you_mean};
use crate::report::tested::{self, Tested};
use crate::sim::trace::Run;
use crate::worker::{Purpose, Recorded};

/// Runs the command.
pub fn run(args: &Test, terminal: &Terminal) -> Outcome {
    let layout = terminal.layout(false, false);
    let Some(gathered) = open(&args.path, terminal)? else { return Ok(status::USAGE) };
    let task = Task {
        gathered: &gathered,
        policies: &args.policy,
        samples: &args.samples,
        run: &args.run,
        limits: &args.limits,
        purpose: Purpose::Test,
    };
    let Done { results, mut findings, sources } = task.perform(terminal, &args.path)?;
    if args.policy.is_empty() {
        findings.extend(never_run(&results));
    }
    let errors: Vec<Option<String>> = recorded(&results).map(|(_, r)| cannot_be_trusted(&r.run)).collect();
    let cases: Vec<Tested<'_>> = recorded(&results)
        .zip(&errors)
        .filter_map(|((policy, recorded), error)| {
            let test = recorded.test.as_ref()?;
            Some(Tested {
                source: &test.source,
                case: &test.name,
                policy,
                error: error.as_deref(),
                outcomes: &test.outcomes,
            })
        })
        .collect();
    terminal.findings(&findings, &sources, &layout);
    let wrong = findings.iter().any(|f| f.level == Level::Error);
    if cases.is_empty() && !wrong {
        return Err(Failure::usage("there is no test: no samples hold an expectation")
            .hint("write some in YAML (docs/samples.md) and name them under `samples:` in luascale.yaml, or give them with --samples"));
    }
    let text = match args.format() {
        TestFormat::Text if cases.is_empty() => String::new(),
        TestFormat::Text => tested::text(&cases, &layout),
        TestFormat::Json => tested::json(&cases, &findings, &sources),
        TestFormat::Junit => tested::junit(&cases, &findings, &sources),
    };
    terminal.print(&text, args.output.as_deref())?;
    let passed = cases.iter().all(Tested::passed);
    Ok(if passed && !wrong { status::CLEAN } else { status::FINDINGS })
}

fn recorded(results: &[FileResult]) -> impl Iterator<Item = (&str, &Recorded)> {
    let runs = results.iter().flat_map(|r| &r.runs);
    runs.flat_map(|(policy, runs)| runs.iter().map(move |r| (policy.name.value.as_str(), r)))
}

/// Why a run proves nothing, even where its expectations hold.
fn cannot_be_trusted(run: &Run) -> Option<String> {
    let fault = |f: &crate::sim::trace::Failed| format!("{} failed: {}", f.fault.function, f.fault.message);
    run.ended.clone().or_else(|| run.faults.first().map(fault))
}

/// Tests that name a policy which nobody held them against: they would never fail.
fn never_run(results: &[FileResult]) -> Vec<Finding> {
    let names: Vec<&str> = results.iter().flat_map(|r| &r.names).map(String::as_str).collect();
    let ran = |file: &str, policy: &str| {
        recorded(results)
            .any(|(name, r)| name == policy && r.test.as_ref().is_some_and(|t| &*t.source.name == file))
    };
    let mut missed: Vec<(&str, &str)> = Vec::new();
    for (file, policy) in results.iter().flat_map(|r| &r.foreign) {
        let one = (file.as_str(), policy.value.as_str());
        if !missed.contains(&one) && !ran(one.0, one.1) {
            missed.push(one);
        }
    }
    let finding = |(file, policy): (&str, &str)| {
        let message = format!("{file} has a test of the policy \"{policy}\", which was not run");
        let help = match did_you_mean(policy, names.iter().copied().filter(|n| *n != policy)) {
            _ if names.contains(&policy) => {
                format!("name {file} among the samples of {policy} in luascale.yaml")
            }
            Some(near) => format!("no policy is named so; did you mean {near}?"),
            None => format!("no policy is named so; there are: {}", names.join(", ")),
        };
        Finding::error("test-not-run", message).help(help)
    };
    missed.into_iter().map(finding).collect()
}
