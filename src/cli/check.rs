//! `luascale check`: finds faults in policies. May import: everything.

use super::args::{Check, CheckFormat};
use super::failure::{Failure, status};
use super::project::{Gathered, Project};
use super::terminal::Terminal;
use super::{Outcome, files, jobs};
use crate::lint::{self, Checked};
use crate::lua::Limits;
use crate::model::{Finding, Level};
use crate::report;
use crate::syntax::Parsed;
use crate::text::{Source, Span};
use crate::worker::{LoadRequest, Lost, Worker, own_binary};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Runs the command.
pub fn run(args: &Check, terminal: &Terminal) -> Outcome {
    let Gathered { projects, findings: unusable, sources } = Project::gather(&args.paths)?;
    let files = look(&projects, args, terminal)?;
    let mut findings = unusable.clone();
    findings.extend(lint::review(&files));
    let sources = all_sources(&files, sources);
    let text = match args.format {
        CheckFormat::Text => {
            let layout = terminal.layout(false, false);
            let mut text = report::findings(&findings, &sources, &layout, true);
            text.push_str(&report::findings::summary(&findings, files.len()));
            text
        }
        CheckFormat::Json => report::findings_json(&findings, &sources),
    };
    terminal.print(&text, args.output.as_deref())?;
    Ok(match findings.iter().any(|f| f.level >= Level::Warning) {
        _ if !unusable.is_empty() => status::USAGE,
        true => status::FINDINGS,
        false => status::CLEAN,
    })
}

/// Every file once, by its own rules, in the order of projects and names.
fn look(projects: &[Project], args: &Check, terminal: &Terminal) -> Result<Vec<Checked>, Failure> {
    let limits = Limits { load_ms: args.load_timeout, ..Limits::default() };
    let binary =
        own_binary().map_err(|e| Failure::environment(format!("cannot find luascale's own binary: {e}")))?;
    let files: Vec<(&Project, &PathBuf)> =
        projects.iter().flat_map(|p| p.files.iter().map(move |file| (p, file))).collect();
    let progress = terminal.progress("check");
    let done = std::sync::atomic::AtomicUsize::new(0);
    let results = jobs::parallel(
        &files,
        || None,
        |worker: &mut Option<Worker>, _, (project, path)| {
            let checked = file(worker, &binary, project, path, limits);
            let done = done.fetch_add(1, std::sync::atomic::Ordering::Relaxed) + 1;
            progress.set((done * 1000 / files.len()) as u64);
            checked
        },
    );
    results.into_iter().collect()
}

fn file(
    worker: &mut Option<Worker>,
    binary: &Path,
    project: &Project,
    path: &Path,
    limits: Limits,
) -> Result<Checked, Failure> {
    let name = files::shown(path);
    let whole = Source::new(name.as_str(), "");
    let read = files::read_limited(path, files::MAX_SOURCE)
        .map_err(|why| {
            Finding::error("cannot-read", format!("cannot read {name}: {why}")).at(
                &whole,
                Span::default(),
                "",
            )
        })
        .and_then(|bytes| files::source(&name, bytes));
    let alone = |finding: Finding, sources: Vec<Source>| Checked {
        policies: Vec::new(),
        findings: vec![finding],
        sources,
        parsed: Parsed::default(),
    };
    let source = match read {
        Ok(source) => source,
        Err(finding) => return Ok(alone(finding, Vec::new())),
    };
    let request = LoadRequest {
        source: source.clone(),
        entry: project.entry(path),
        catalogue: project.catalogue.clone(),
        limits,
    };
    match ask(worker, binary, project, request) {
        Ok(mut checked) => {
            checked.sources.extend(project.config_source.clone());
            Ok(checked)
        }
        Err(lost) => {
            let finding = jobs::told(&lost, "checking", &source, Span::default())?;
            Ok(alone(finding, vec![source]))
        }
    }
}

fn ask(
    worker: &mut Option<Worker>,
    binary: &Path,
    project: &Project,
    request: LoadRequest,
) -> Result<Checked, Lost> {
    if worker.as_ref().is_some_and(Worker::is_lost) {
        *worker = None;
    }
    let worker = match worker {
        Some(worker) => worker,
        None => worker.insert(Worker::start(binary, jobs::BASE_MEMORY)?),
    };
    let patience = Duration::from_millis(request.limits.load_ms) + jobs::GRACE;
    worker.check(request, &project.root, patience)
}

/// The texts that findings may point into, each once.
fn all_sources(files: &[Checked], more: Vec<Source>) -> Vec<Source> {
    let mut seen = std::collections::HashSet::new();
    let all = files.iter().flat_map(|file| file.sources.iter().cloned()).chain(more);
    all.filter(|source| seen.insert(source.name.clone())).collect()
}
