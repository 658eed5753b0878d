//! `luascale review`: what is found of a request's head, said on the request. May import: everything.
//!
//! Only git's objects are read, so nothing of the request is checked out. What is to be said is
//! computed by the core from what is there already, and then performed.

use super::args::{FailOnArg, TextOrJson};
use super::args_review::{ForgeName, Review};
use super::failure::{Failure, status};
use super::ladder::{self, Handed};
use super::looked::{Asked, Looked, look};
use super::pipeline::{self, Request};
use super::planning::{self, Base};
use super::terminal::Terminal;
use super::{Outcome, ci, output, preview, said};
use crate::forge::{self, Facts, Failed, Files, Forge, Report, State, Stopped, Why};
use crate::git::{Oid, Repo, short};
use crate::review::{Existing, Operation, Placed, Situation, operations};
use std::path::{Path, PathBuf};

/// What GitLab calls the report that its pages show.
const QUALITY: &str = "gl-code-quality-report.json";

/// What is known of the request, and how it was learnt.
pub struct Known {
    /// The request; none where there is none, or it cannot be asked for.
    pub facts: Option<Facts>,
    /// The files that it touches.
    pub files: Files,
    /// What stands on it, or why that cannot be read: then nothing is added to it.
    pub existing: Result<Vec<Existing>, Failed>,
    /// What is to be said about that, a sentence each.
    pub notes: Vec<String>,
}

/// Runs the command.
pub fn run(args: &Review, terminal: &Terminal) -> Outcome {
    args.output_dir.as_deref().map_or(Ok(()), output::checked)?;
    let start = args.paths.first().map_or(Path::new("."), PathBuf::as_path);
    let repo = Repo::discover(start)?;
    let name = pipeline::forge(args);
    let request = pipeline::request(args, name, &repo)?;
    let paths = planning::scope(&args.paths)?;
    let (forge, number) = reach(args, name, &request)?;
    let forge = forge.as_deref();
    let mut notes = Vec::new();
    let facts = match forge.zip(number) {
        None => None,
        Some((forge, number)) => match forge.request(number) {
            Ok(facts) => Some(facts),
            Err(failed) if args.dry_run => {
                notes.push(format!(
                    "{} cannot be asked, so nothing is assumed to be there: {failed}",
                    forge.name()
                ));
                None
            }
            // The token of a job of GitLab may not read merge requests; the report needs none.
            Err(failed) if name == ForgeName::Gitlab && failed.why == Why::Credentials => {
                notes.push("the request is not commented: its token may not; set GITLAB_TOKEN to one with the scope api".into());
                None
            }
            Err(failed) => return Err(unanswered(forge, number, &failed)),
        },
    };
    let head = head(&repo, args, &request, facts.as_ref())?;
    if let Some(facts) = facts.as_ref().filter(|facts| facts.head != head.to_string()) {
        terminal.say(&moved(facts.number, &facts.head, head));
        return Ok(status::CLEAN);
    }
    let base = base(&repo, args, &request, facts.as_ref(), head);
    let asked = Asked {
        repo: &repo,
        head,
        base: base.clone(),
        paths: &paths,
        planning: &args.planning,
        samples: &args.samples,
        fail_on: args.fail_on,
    };
    let looked = look(asked, terminal)?;
    let status = looked.parts.iter().map(|part| part.status).max().unwrap_or(status::CLEAN);
    let before = base.ok().and_then(|base| base.commit);
    let known = known(args, (&repo, before, head), forge, facts, notes)?;
    let scope = scope(args, &repo, &paths)?;
    let texts = said::texts(&looked, head);
    let report = said::report(&looked, status, head, &scope, args.fail_on == Some(FailOnArg::Never));
    if let Some(folder) = &args.output_dir {
        let (text, markdown) = (
            ci::summary(&looked.parts, status, &short(head)),
            ci::summary_markdown(&looked.parts, status, &short(head)),
        );
        ci::write(folder, &looked.parts, &text, &markdown)?;
    }
    let placed = said::placed(&looked);
    let findings: Vec<Placed<'_>> = placed.iter().map(|placed| placed.of(&looked)).collect();
    let head = head.to_string();
    let compute = |existing: &[Existing]| {
        // What is closed is talked about no more.
        if known.facts.as_ref().is_some_and(|facts| facts.state != State::Open) || request.queue {
            return Vec::new();
        }
        operations(&Situation {
            scope: &scope,
            head: &head,
            touched: &known.files.touched,
            findings: &findings,
            existing,
            summary: &texts,
            filter: args.filter.filter(),
        })
    };
    let operations = compute(known.existing.as_deref().unwrap_or_default());
    if args.dry_run {
        let preview = preview::Preview {
            forge: forge.map_or("no forge", Forge::name),
            repository: request.repository.as_deref(),
            number,
            notes: &known.notes,
            operations: &operations,
            report: &report,
            status,
        };
        let text = if args.format == TextOrJson::Json { preview.json() } else { preview.text() };
        terminal.print(&text, None)?;
        return Ok(status);
    }
    known.notes.iter().for_each(|note| terminal.say(note));
    let Some(forge) = forge else { return Err(Failure::bug("there is nobody to tell")) };
    let told = match &known.existing {
        Ok(_) => post(forge, known.facts.as_ref(), &operations, &compute, &report, terminal)?,
        Err(failed) => {
            let told = post(forge, None, &[], &compute, &report, terminal)?;
            Told { comments: Some(failed.clone()), ..told }
        }
    };
    finish(told, &looked, status, &short_of(&head), terminal)
}

/// What came of telling it.
struct Told {
    /// Why there are no comments, or not all.
    comments: Option<Failed>,
    /// Why there is no report.
    report: Option<Failed>,
    /// Whether a newer push is being looked at.
    moved: bool,
    /// Operations performed.
    writes: usize,
}

fn post(
    forge: &dyn Forge,
    facts: Option<&Facts>,
    operations: &[Operation],
    compute: &dyn Fn(&[Existing]) -> Vec<Operation>,
    report: &Report,
    terminal: &Terminal,
) -> Result<Told, Failure> {
    let mut told = Told { comments: None, report: None, moved: false, writes: 0 };
    if let Some(facts) = facts {
        match forge::perform(forge, facts, operations, compute) {
            Ok(done) => told.writes = done.writes,
            Err(Stopped::Moved { to, .. }) => {
                terminal.say(&moved(facts.number, &to, &report.head));
                told.moved = true;
                return Ok(told);
            }
            Err(Stopped::Failed { failed, writes, .. }) => {
                told.writes = writes;
                told.comments = Some(failed);
            }
        }
    }
    match forge.report(report) {
        Ok(wrote) => told.writes += usize::from(wrote),
        Err(failed) => told.report = Some(failed),
    }
    Ok(told)
}

/// Whether the credentials may not do it, so that there is another way to be sought.
fn may_not(failed: &Failed) -> bool {
    matches!(failed.why, Why::Forbidden | Why::Missing | Why::Credentials)
}

fn finish(told: Told, looked: &Looked, status: u8, head: &str, terminal: &Terminal) -> Outcome {
    if told.moved {
        return Ok(status);
    }
    let text = ci::summary(&looked.parts, status, head);
    let wrong = told.comments.iter().chain(&told.report).find(|failed| !may_not(failed));
    let (comments, report) = (told.comments.as_ref(), told.report.as_ref());
    match (comments, report) {
        (None, None) => {
            let s = if told.writes == 1 { "" } else { "s" };
            let nothing = "everything was said already";
            terminal.say(&match told.writes {
                0 => nothing.to_owned(),
                writes => format!("reviewed: {writes} write{s}"),
            });
        }
        (Some(failed), None) => {
            terminal.say(&uncommented(&told, failed));
            terminal.say("all that was found is in the report beside the commit");
        }
        (None, Some(failed)) => terminal.say(&format!("there is no report beside the commit: {failed}")),
        (Some(comments), Some(report)) => {
            terminal.say(&uncommented(&told, comments));
            terminal.say(&format!("there is no report beside the commit: {report}"));
            let markdown = ci::summary_markdown(&looked.parts, status, head);
            let (findings, sources) = (&looked.findings, &looked.sources);
            let handed = Handed { findings, sources, markdown: &markdown, text: &text };
            let used = ladder::down(&handed, terminal)?;
            terminal.say(&format!("all that was found is told by {}", used.join(" and ")));
        }
    }
    match wrong {
        // What was found stands; that it could not be said is another fault.
        Some(_) => Ok(status.max(status::ENVIRONMENT)),
        None => Ok(status),
    }
}

fn uncommented(told: &Told, failed: &Failed) -> String {
    // The report beside the commit is a write too.
    match told.writes > usize::from(told.report.is_none()) {
        true => format!("the request is commented in part: {failed}"),
        false => format!("the request is not commented: {failed}"),
    }
}

/// The forge, and the number of the request; neither where a dry run can do without.
#[expect(clippy::type_complexity, reason = "two things that are learnt together")]
fn reach(
    args: &Review,
    name: ForgeName,
    request: &Request,
) -> Result<(Option<Box<dyn Forge>>, Option<u64>), Failure> {
    let Some(repository) = &request.repository else {
        if args.dry_run {
            return Ok((None, request.number));
        }
        return Err(Failure::usage("it is not said which repository of the forge this is")
            .hint("name it: --repo OWNER/NAME"));
    };
    let path = args.output_dir.as_deref().unwrap_or(Path::new("")).join(QUALITY);
    let quality = Box::new(move |text: &str| {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        folder.map_or(Ok(()), output::folder).map_err(|failure| failure.error)?;
        output::write(&path, text.as_bytes()).map_err(|failure| failure.error)
    });
    let (forge, known) = pipeline::connect(name, repository, quality)?;
    if !known && !args.dry_run {
        let names = match name {
            ForgeName::Github => "GITHUB_TOKEN",
            ForgeName::Gitlab => "GITLAB_TOKEN",
        };
        return Err(Failure::usage(format!("there is no token to write to {} with", forge.name()))
            .hint(format!("set {names}; --dry-run prints what would be said and needs none")));
    }
    let number = match (request.number, &request.origin) {
        (None, Some(origin)) => forge.find(origin).map_err(|failed| {
            Failure::environment(format!("{} cannot be asked for the request: {failed}", forge.name()))
        })?,
        (number, _) => number,
    };
    if number.is_none() && !args.dry_run && !request.queue {
        return Err(match &request.origin {
            Some(origin) => Failure::usage(format!("there is no open request whose head is {}", origin.head)),
            None => Failure::usage("it is not said which request is to be reviewed"),
        }
        .hint("name it: --pr N"));
    }
    Ok((Some(forge), number))
}

fn unanswered(forge: &dyn Forge, number: u64, failed: &Failed) -> Failure {
    match failed.why {
        Why::Missing => {
            Failure::usage(format!("{} has no request {number} to be seen: {failed}", forge.name()))
        }
        _ => {
            Failure::environment(format!("{} cannot be asked about request {number}: {failed}", forge.name()))
        }
    }
}

/// The commit that is looked at.
fn head(repo: &Repo, args: &Review, request: &Request, facts: Option<&Facts>) -> Result<Oid, Failure> {
    if let Some(asked) = &args.head {
        return Ok(repo.resolve(asked)?.id);
    }
    let said = request.head.as_deref().or(facts.map(|facts| &*facts.head));
    let Some(said) = said else {
        return repo.head()?.ok_or_else(|| {
            Failure::usage("there is no commit yet").hint("commit the policies: what is reviewed is a commit")
        });
    };
    let number = request.number.or(facts.map(|facts| facts.number));
    let fetch = number
        .map_or("git fetch origin".to_owned(), |number| format!("git fetch origin refs/pull/{number}/head"));
    let id: Oid = said.parse().map_err(|_| Failure::environment("the head of the request is no commit"))?;
    match repo.commit(id) {
        Ok(commit) => Ok(commit.id),
        Err(_) => Err(Failure::environment(format!(
            "{} is not in this clone: it is the head of the request",
            short(id)
        ))
        .hint(format!("fetch it first: {fetch}"))
        .hint("a checkout with fetch-depth: 0 has it, and what it starts from")),
    }
}

/// What the change starts from: where the head left the branch that it is to be merged into.
fn base(
    repo: &Repo,
    args: &Review,
    request: &Request,
    facts: Option<&Facts>,
    head: Oid,
) -> Result<Base, Failure> {
    let tip = request.base.as_deref().or(facts.map(|facts| &*facts.base));
    let tip = tip.and_then(|tip| tip.parse::<Oid>().ok()).filter(|tip| repo.commit(*tip).is_ok());
    match tip {
        Some(tip) if args.planning.held.base.is_none() => {
            let name = facts.map_or_else(|| short(tip), |facts| facts.base_branch.clone());
            let commit = repo.merge_base((&name, tip), ("the head", head))?;
            Ok(Base { name: Some(name), commit: Some(commit), merged: false })
        }
        _ => planning::base(repo, head, args.planning.held.base.as_deref()),
    }
}

/// What is known of the request beside its facts.
fn known(
    args: &Review,
    (repo, before, head): (&Repo, Option<Oid>, Oid),
    forge: Option<&dyn Forge>,
    facts: Option<Facts>,
    mut notes: Vec<String>,
) -> Result<Known, Failure> {
    let local = || -> Result<Files, Failure> {
        Ok(Files { touched: said::touched(repo, before, head)?, complete: true })
    };
    let Some((forge, facts)) = forge.zip(facts) else {
        return Ok(Known { facts: None, files: local()?, existing: Ok(Vec::new()), notes });
    };
    let files = match forge.touched(&facts) {
        Ok(files) => files,
        Err(failed) if args.dry_run || may_not(&failed) => {
            notes.push(format!("{} does not tell which lines it touches: {failed}", forge.name()));
            local()?
        }
        Err(failed) => return Err(unanswered(forge, facts.number, &failed)),
    };
    let existing = match forge.existing(facts.number) {
        Err(failed) if args.dry_run => {
            let note =
                format!("{} does not tell its comments, so nothing is assumed to be there", forge.name());
            notes.push(format!("{note}: {failed}"));
            Ok(Vec::new())
        }
        Err(failed) if !may_not(&failed) => return Err(unanswered(forge, facts.number, &failed)),
        // Whoever cannot see what was said would say it again with each push.
        other => other,
    };
    if !files.complete {
        notes.push(format!(
            "{} lists {} files of the request and no more: findings in others are told beside the commit alone",
            forge.name(),
            files.touched.len()
        ));
    }
    Ok(Known { facts: Some(facts), files, existing, notes })
}

/// What tells this review from others: the name that was given, else the paths.
fn scope(args: &Review, repo: &Repo, paths: &[PathBuf]) -> Result<String, Failure> {
    if let Some(scope) = &args.scope {
        return Ok(scope.clone());
    }
    let paths = super::revision::paths(repo, paths)?;
    let shown: Vec<String> = paths.iter().map(|path| super::files::shown(path)).collect();
    Ok(shown.join(", "))
}

fn moved(number: u64, to: &str, from: impl std::fmt::Display) -> String {
    let (to, from) = (short_of(to), short_of(&from.to_string()));
    format!(
        "{from} is not the head of request {number} any more: {to} is, and a newer push is being looked at by its own run"
    )
}

fn short_of(commit: &str) -> String {
    commit.chars().take(9).collect()
}
