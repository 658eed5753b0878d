//! `luascale dry-run`: what policies would have done on recorded metrics. May import: everything.

use super::args::{DryRun, Format, LoopArg, RunArgs, SampleArgs};
use super::failure::{Failure, status};
use super::jobs::{self, FileResult, Work};
use super::mapped;
use super::project::{Gathered, Project};
use super::terminal::Terminal;
use super::{Outcome, args};
use crate::lua::Limits;
use crate::model::Policy;
use crate::model::finding::{Finding, Level, did_you_mean};
use crate::report;
use crate::sim::samples::ReadOptions;
use crate::sim::trace::{Loop, Run};
use crate::sim::{RunOptions, Scenario};
use crate::text::Source;
use crate::worker::{self, Purpose};
use std::path::{Path, PathBuf};

/// Runs the command.
pub fn run(args: &DryRun, terminal: &Terminal) -> Outcome {
    let layout = terminal.layout(args.output.ascii, args.output.events);
    let format = args.output.format();
    let Some(gathered) = open(&args.path, terminal)? else { return Ok(status::USAGE) };
    let task = Task {
        gathered: &gathered,
        policies: &args.policy,
        samples: &args.samples,
        run: &args.run,
        limits: &args.limits,
        purpose: Purpose::DryRun,
    };
    let Done { results, findings, sources } = task.perform(terminal, &args.path)?;
    let pairs: Vec<(&Policy, &Run)> = results
        .iter()
        .flat_map(|r| &r.runs)
        .flat_map(|(p, runs)| runs.iter().map(move |r| (p, &r.run)))
        .collect();
    let at = match &args.output.at {
        Some(text) => Some(report::when(text).map_err(Failure::usage)?),
        None => None,
    };
    if format != Format::Json {
        terminal.findings(&findings, &sources, &layout);
    }
    let explained = args.output.why_not || at.is_some();
    if explained && format != Format::Text {
        return Err(Failure::usage("--at and --why-not explain in text")
            .hint("leave out --format, and name an --output that ends in .txt; the JSON report has the reasons of every tick"));
    }
    let text = match (format, at) {
        (Format::Text, time) if args.output.why_not => report::why_not(&pairs, time, &layout),
        (Format::Text, Some(time)) => report::at(&pairs, time, &layout),
        (Format::Text, None) if pairs.is_empty() => String::new(),
        (Format::Text, None) => report::text(&pairs, &layout),
        (Format::Json, _) => report::json::json(&pairs, &findings, &sources),
        (Format::Csv, _) if args.output.output.is_none() => {
            report::csv::for_stream(&report::csv::csv(&pairs))
        }
        (Format::Csv, _) => report::csv::csv(&pairs),
        (Format::Markdown, _) => report::markdown::markdown(&pairs),
        (Format::Html, _) => report::html::html(&pairs),
    };
    terminal.print(&text, args.output.output.as_deref())?;
    let failed = pairs.iter().any(|(_, run)| !run.faults.is_empty() || run.ended.is_some());
    let wrong = findings.iter().any(|f| f.level == Level::Error);
    Ok(if failed || wrong { status::FINDINGS } else { status::CLEAN })
}

/// The projects of a path; `None` where the findings of their configurations were printed.
pub fn open(path: &Path, terminal: &Terminal) -> Result<Option<Gathered>, Failure> {
    let gathered = Project::gather(std::slice::from_ref(&path.to_owned()), false)?;
    if gathered.findings.is_empty() {
        return Ok(Some(gathered));
    }
    terminal.findings(&gathered.findings, &gathered.sources, &terminal.layout(false, false));
    Ok(None)
}

/// Policies to run, however their runs are to be used.
pub struct Task<'a> {
    /// Where they are.
    pub gathered: &'a Gathered,
    /// Their names; empty: all.
    pub policies: &'a [String],
    /// The recordings.
    pub samples: &'a SampleArgs,
    /// The simulation.
    pub run: &'a RunArgs,
    /// The fences.
    pub limits: &'a args::LimitArgs,
    /// What for.
    pub purpose: Purpose,
}

/// What came of a [`Task`].
pub struct Done {
    /// The files that declare policies.
    pub results: Vec<FileResult>,
    /// All findings.
    pub findings: Vec<Finding>,
    /// The texts that they point into.
    pub sources: Vec<Source>,
}

impl Task<'_> {
    /// Runs everything.
    ///
    /// # Errors
    /// Options that mean nothing, a name that no policy has, a failure of luascale itself.
    pub fn perform(&self, terminal: &Terminal, path: &Path) -> Result<Done, Failure> {
        let (read, options) = options(self.samples, self.run)?;
        let limits = Limits {
            load_ms: self.limits.load_timeout,
            tick_ms: self.limits.tick_timeout,
            run_ms: self.limits.run_timeout,
            ..Limits::default()
        };
        let binary = worker::own_binary()
            .map_err(|e| Failure::environment(format!("cannot find luascale's own binary: {e}")))?;
        let samples: Vec<PathBuf> = self.samples.samples.clone();
        let work = Work {
            projects: &self.gathered.projects,
            folder: self.gathered.folder,
            policies: self.policies,
            samples: &samples,
            read,
            options,
            purpose: self.purpose,
            limits,
            binary: &binary,
        };
        let progress = terminal.progress("dry-run");
        let mut results = jobs::run(&work, &|done| progress.set(done));
        drop(progress);
        if let Some(failure) = results.iter_mut().find_map(|r| r.failure.take()) {
            return Err(failure);
        }
        self.known(&results)?;
        let unfit: Vec<&String> = results.iter().flat_map(|r| &r.unfit).collect();
        let ran = results.iter().map(|r| r.runs.len()).sum::<usize>();
        match unfit.first() {
            // A scenario that fits nothing that was run is a slip, not a scenario.
            Some(why) if unfit.len() >= ran => return Err(Failure::usage(why.as_str())),
            _ => unfit.iter().for_each(|why| terminal.say(&format!("note: {why}; run without it"))),
        }
        let required: Vec<String> = results.iter().flat_map(|r| r.required.clone()).collect();
        for idle in results.iter().filter(|r| r.idle && !required.contains(&r.name)) {
            terminal.say(&format!(
                "note: {} declares no policy and luascale.yaml has no entry for it: left out",
                idle.name
            ));
        }
        let idle = results.iter().all(|r| r.idle);
        results.retain(|r| !r.idle);
        if idle {
            return Err(Failure::usage(format!("there is no policy in {}", super::files::shown(path)))
                .hint("a policy is a .lua file that calls `policy \"name\" { … }`, or a script with an entry in luascale.yaml"));
        }
        let mut findings: Vec<Finding> = results.iter().flat_map(|r| r.findings.clone()).collect();
        findings.extend(mapped::unmatched(&self.gathered.projects, &results));
        let configs = self.gathered.projects.iter().flat_map(|p| p.layers.sources());
        let mut sources: Vec<Source> = Vec::new();
        for source in results.iter().flat_map(|r| &r.sources).chain(configs) {
            if !sources.iter().any(|s| s.name == source.name) {
                sources.push(source.clone());
            }
        }
        Ok(Done { results, findings, sources })
    }

    /// Every name asked for must be that of a policy.
    fn known(&self, results: &[FileResult]) -> Result<(), Failure> {
        let names: Vec<&str> = results.iter().flat_map(|r| &r.names).map(String::as_str).collect();
        let Some(wrong) = self.policies.iter().find(|p| !names.contains(&p.as_str())) else { return Ok(()) };
        let failure = Failure::usage(format!("no policy is named {wrong}"));
        Err(match did_you_mean(wrong, names.iter().copied()) {
            Some(near) => failure.hint(format!("did you mean {near}?")),
            None => failure.hint(format!("there are: {}", names.join(", "))),
        })
    }
}

/// How recordings are read and the world is simulated.
///
/// # Errors
/// A time zone or a scenario that there is none of.
pub fn options(samples: &SampleArgs, run: &RunArgs) -> Result<(ReadOptions, RunOptions), Failure> {
    if let Some(zone) = &samples.timezone
        && jiff::tz::TimeZone::get(zone).is_err()
    {
        return Err(Failure::usage(format!("`{zone}` is no time zone"))
            .hint("write an IANA name, such as Europe/Paris"));
    }
    let scenarios = run.scenario.iter().map(|text| Scenario::parse(text)).collect::<Result<Vec<_>, String>>();
    let options = RunOptions {
        kind: run.kind.map(|kind| match kind {
            LoopArg::Open => Loop::Open,
            LoopArg::Closed => Loop::Closed,
        }),
        recorded_replicas: run.recorded_replicas,
        scenarios: scenarios.map_err(Failure::usage)?,
    };
    let read = ReadOptions {
        timezone: samples.timezone.clone(),
        quantities: samples.quantities,
        format: samples.samples_format,
        ..ReadOptions::default()
    };
    Ok((read, options))
}
