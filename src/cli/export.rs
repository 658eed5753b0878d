//! `luascale export`: a policy as an object of another autoscaler. May import: everything.

use super::args::{Export, ExportTo};
use super::failure::{Failure, status};
use super::project::{Gathered, Project};
use super::terminal::Terminal;
use super::{Outcome, dry_run, files, jobs, remarks};
use crate::interop::Dialect;
use crate::interop::export::{Options, export};
use crate::lua::Limits;
use crate::model::Policy;
use crate::model::finding::{Finding, Level, did_you_mean};
use crate::text::{Source, Span};
use crate::worker::{LoadRequest, Lost, Worker, own_binary};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Runs the command.
pub fn run(args: &Export, terminal: &Terminal) -> Outcome {
    let named = Path::new(&args.policy);
    let is_file = named.extension().is_some_and(|e| e == "lua" || e == "luau");
    let path: PathBuf = if is_file { named.to_owned() } else { args.path.clone() };
    let Some(Gathered { projects, .. }) = dry_run::open(&path, terminal)? else { return Ok(status::USAGE) };
    let mut found = Loaded::default();
    for project in &projects {
        for file in &project.files {
            found.load(project, file)?;
        }
    }
    let wanted = |policy: &&Policy| is_file || policy.name.value == args.policy;
    let policies: Vec<&Policy> = found.policies.iter().filter(wanted).collect();
    let errors: Vec<Finding> = found.findings.iter().filter(|f| f.level == Level::Error).cloned().collect();
    if policies.is_empty() || is_file {
        terminal.findings(&errors, &found.sources, &terminal.layout(false, false));
    }
    if policies.is_empty() {
        return if errors.is_empty() {
            Err(unknown(args, &found.policies, is_file))
        } else {
            Ok(status::FINDINGS)
        };
    }
    let to = match args.to {
        ExportTo::Hpa => Dialect::Hpa,
        ExportTo::Keda => Dialect::Keda,
    };
    let options = Options { prometheus: args.prometheus.clone() };
    let mut documents = Vec::new();
    let mut lost = false;
    for policy in policies {
        let exported = export(policy, to, &options);
        lost |= exported.remarks.iter().any(|r| r.lost);
        terminal.tell(&remarks::text(
            &policy.name.value,
            to.name(),
            exported.document.is_some(),
            &exported.remarks,
        ));
        documents.extend(exported.document);
    }
    if !documents.is_empty() {
        terminal.print(&documents.join("---\n"), args.output.as_deref())?;
    }
    Ok(if lost || (is_file && !errors.is_empty()) { status::FINDINGS } else { status::CLEAN })
}

fn unknown(args: &Export, policies: &[Policy], is_file: bool) -> Failure {
    if is_file {
        return Failure::usage(format!("{} declares no policy", files::shown(Path::new(&args.policy))));
    }
    let names: Vec<&str> = policies.iter().map(|p| p.name.value.as_str()).collect();
    let failure =
        Failure::usage(format!("no policy in {} is named {}", files::shown(&args.path), args.policy));
    match did_you_mean(&args.policy, names.iter().copied()) {
        Some(near) => failure.hint(format!("did you mean {near}?")),
        None => failure.hint(format!("policies there are: {}", names.join(", "))),
    }
}

/// The policies of files, and what is wrong with those that do not load.
#[derive(Default)]
struct Loaded {
    policies: Vec<Policy>,
    findings: Vec<Finding>,
    sources: Vec<Source>,
    worker: Option<Worker>,
}

impl Loaded {
    fn load(&mut self, project: &Project, path: &Path) -> Result<(), Failure> {
        let source = match project.source(path) {
            Ok(source) => source,
            Err(finding) => {
                self.findings.push(finding);
                return Ok(());
            }
        };
        let limits = Limits::default();
        let request = LoadRequest {
            source: source.clone(),
            entry: project.entry(path),
            catalogue: project.catalogue.clone(),
            limits,
        };
        let declared = request.entry.is_some();
        match self.ask(request, project) {
            // A script that nothing declares is no policy.
            Ok(reply) if reply.script && !declared => {}
            Ok(reply) => {
                self.policies.extend(reply.policies);
                self.findings.extend(reply.findings);
                self.sources.extend(reply.sources);
            }
            Err(lost) => {
                self.findings.push(jobs::told(&lost, "loading", &source, Span::default())?);
                self.sources.push(source);
            }
        }
        Ok(())
    }

    fn ask(&mut self, request: LoadRequest, project: &Project) -> Result<crate::worker::LoadReply, Lost> {
        if self.worker.as_ref().is_none_or(Worker::is_lost) {
            let binary = own_binary().map_err(|e| Lost::Start(e.to_string()))?;
            self.worker = Some(Worker::start(&binary, jobs::BASE_MEMORY)?);
        }
        let patience = Duration::from_millis(request.limits.load_ms) + jobs::GRACE;
        match &mut self.worker {
            Some(worker) => worker.load(request, &project.root, patience),
            None => Err(Lost::Start("there is none".into())),
        }
    }
}
