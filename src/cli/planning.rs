//! Making a plan: from the commit that is checked out and from what is live. May import:
//! everything.
//!
//! What is planned is the commit, never the work tree. The configuration, the target and the
//! signers are those of the base, so that a change cannot choose them for itself.

#![expect(clippy::disallowed_methods, reason = "pipelines say in the environment which change it is")]

use super::approvals::{self, Rules, Standing};
use super::args_plan::PlanningArgs;
use super::clash::{self, Clashes};
use super::configuration::Configuration;
use super::failure::Failure;
use super::files;
use super::hands::{DEEPER, Policies};
use super::linted;
use super::past::{self, Past};
use super::planned;
use super::revision::{self, Revision, Scope};
use super::targets::{self, Opened};
use crate::change::governed::Governed;
use crate::change::live::{Live, Operation};
use crate::change::plan::{self, Op, Plan, Revisions, TargetId, Tool, Version};
use crate::config;
use crate::git::{self, Oid, Repo, Side};
use crate::lua::Limits;
use crate::model::Finding;
use crate::target::{Refusal, directory};
use crate::text::Source;
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// What is to be planned.
pub struct Request<'a> {
    /// Paths of the repository; none: all of it.
    pub paths: &'a [PathBuf],
    /// How.
    pub args: &'a PlanningArgs,
    /// Whether it is told what the changes mean and do, and what `check` finds: what people read
    /// and nothing that is applied depends on.
    pub told: bool,
    /// The time.
    pub now: Timestamp,
    /// The commit and what its change starts from, where it is not the one that is checked out.
    pub of: Option<(Oid, Base)>,
}

/// A plan and all that it was made of.
pub struct Planning {
    /// The repository.
    pub repo: Repo,
    /// The commit.
    pub head: Oid,
    /// What the change starts from.
    pub base: Base,
    /// The base's configuration.
    pub configuration: Configuration,
    /// Where it is applied to.
    pub opened: Opened,
    /// What is there.
    pub live: Live,
    /// The plan.
    pub plan: Plan,
    /// What governs the target once it is applied: what the planned commit says.
    pub governed: Governed,
    /// What history ever asked for, where the target keeps no record of what governs it.
    pub past: Option<Past>,
    /// What performs it, sorted by name.
    pub operations: Vec<Operation>,
    /// What the target would refuse.
    pub refused: Vec<Refusal>,
    /// Why so many deletions are refused, in a sentence.
    pub prune: Option<String>,
    /// Policies that would scale one target.
    pub clashes: Clashes,
    /// What else is to be said, a sentence each.
    pub notes: Vec<String>,
    /// The policies that git has, with what they are made of.
    pub revision: Revision,
    /// The policy root, from the repository's root on.
    folder: PathBuf,
}

/// What a change starts from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Base {
    /// The branch or revision that it was told by.
    pub name: Option<String>,
    /// The commit; none where there is no commit before the change.
    pub commit: Option<Oid>,
    /// Whether the change is on the default branch already.
    pub merged: bool,
}

/// A plan, or why there is none.
pub enum Made {
    /// It is made.
    Planned(Box<Planning>),
    /// Policies of the commit do not load: what was found, and the texts.
    Broken(Vec<Finding>, Vec<Source>),
}

/// Makes a plan.
///
/// # Errors
/// Where the repository, the configuration or the target cannot be read.
pub fn make(request: &Request<'_>) -> Result<Made, Failure> {
    make_where(request, &|_| true)?.ok_or_else(|| Failure::bug("no plan was made"))
}

/// Makes a plan where the base's configuration has it so.
///
/// # Errors
/// Where the repository, the configuration or the target cannot be read.
pub fn make_where(
    request: &Request<'_>,
    wanted: &dyn Fn(&Configuration) -> bool,
) -> Result<Option<Made>, Failure> {
    let start = request.paths.first().map_or(Path::new("."), PathBuf::as_path);
    let repo = Repo::discover(start)?;
    let (head, base) = match &request.of {
        Some(given) => given.clone(),
        None => {
            let Some(head) = repo.head()? else {
                return Err(Failure::usage("there is no commit to plan yet")
                    .hint("commit the policies: what is planned is a commit, never the work tree"));
            };
            (head, base(&repo, head, request.args.held.base.as_deref())?)
        }
    };
    let paths = revision::paths(&repo, request.paths)?;
    let limits = Limits { load_ms: request.args.held.load_timeout, ..Limits::default() };
    let scope = Scope { paths: &paths, only: None };
    let revision = revision::load(&repo, &Side::Commit(head), scope, limits, "HEAD")?;
    if !revision.is_sound() {
        return Ok(Some(Made::Broken(revision.findings, revision.sources)));
    }
    let held = base.commit.unwrap_or(head);
    let several = roots(&revision);
    if several.len() > 1 {
        // Which one is meant matters only where one of them is applied to somewhere.
        let mut any = false;
        for root in several {
            any = any || wanted(&Configuration::at(&repo, held, root)?);
        }
        if !any {
            return Ok(None);
        }
    }
    let folder = root(&repo, head, &revision, &paths)?;
    let configuration = Configuration::at(&repo, held, &folder)?;
    if !wanted(&configuration) {
        return Ok(None);
    }
    let nothing = config::Apply::default();
    let (from, apply) = configuration.apply().unwrap_or((&folder, &nothing));
    let top = repo.workdir().unwrap_or(repo.folder());
    let opened = targets::open(request.args.held.target.as_deref(), apply, &top.join(from), top)?;
    let target = opened.target.as_ref();
    let live = target.live()?;
    let in_scope = |path: &str| {
        let whole = folder.join(path);
        paths.is_empty() || paths.iter().any(|scope| whole.starts_with(scope))
    };
    let mut policies = plan::policies(&of_live(&live), &of_git(&revision), &in_scope, &|id, after| {
        live.held(id, after).map(|hold| hold.by)
    });
    for policy in policies.iter_mut().filter(|policy| policy.op != Op::None) {
        policy.since = live.came(&policy.id).and_then(|came| came.by);
    }
    let prune = plan::prune_refused(&policies, live.policies.len(), request.args.allow_prune);
    let operations = operations(&policies, &live, &revision);
    let refused = target.validate(&operations)?;
    let clashes = clash::find(&policies, &live, &revision, limits)?;
    let identity = target.identity();
    let mut notes: Vec<String> = match repo.head()? == Some(head) {
        true => uncommitted(&repo, head, &paths, &own(&repo, &opened)).into_iter().collect(),
        // The work tree is of another commit.
        false => Vec::new(),
    };
    notes.extend(
        revision.skipped.iter().map(|skipped| format!("{} is left out: {}", skipped.path, skipped.why)),
    );
    let there = Configuration::at(&repo, head, &folder)?;
    let governed = approvals::governed(&repo, &there, head)?;
    let past = match &live.governed {
        Some(_) => None,
        None => Some(past::past(&repo, held, head, &folder)?),
    };
    let before = match (&live.governed, &past) {
        (Some(kept), _) => kept.clone(),
        (None, past) => {
            let base = approvals::governed(&repo, &configuration, held)?;
            let past = past.as_ref().map(|past| &past.governed);
            past.filter(|past| past.reviews > base.reviews).cloned().unwrap_or(base)
        }
    };
    let mut plan = Plan {
        format: String::new(),
        tool: Tool { version: env!("CARGO_PKG_VERSION").to_owned(), rules: planned::rule_set() },
        created: String::new(),
        expires: String::new(),
        git: Revisions {
            repository: repo.origin(),
            pull_request: pull_request(),
            base: base.name.clone(),
            merge_base: base.commit.map(|id| id.to_string()),
            head: head.to_string(),
        },
        config: configuration.digest.clone(),
        scope: paths.iter().map(|path| files::shown(path)).collect(),
        allow_prune: request.args.allow_prune,
        target: TargetId { kind: identity.kind.clone(), identity: identity.id.clone(), serial: live.serial },
        policies,
        approval: before.altered(&governed),
        changes_digest: String::new(),
        sha256: String::new(),
    };
    if request.told {
        let judging = linted::Judging { base: held, fail_on: None, limits, change: None };
        let linted = linted::lint(&repo, judging, &revision, planned::today())?;
        planned::tell_lint(&mut plan.policies, &revision, &linted);
        let sides =
            planned::Sides { repo: &repo, head, revision: &revision, live: &live, paths: &paths, limits };
        notes.extend(planned::tell_change(&mut plan.policies, &sides)?);
    }
    let plan = plan.sealed(request.now);
    Ok(Some(Made::Planned(Box::new(Planning {
        repo,
        head,
        base,
        configuration,
        opened,
        live,
        plan,
        governed,
        past,
        operations,
        refused,
        prune,
        clashes,
        notes,
        revision,
        folder,
    }))))
}

impl Planning {
    /// What the approvals of the changes of some policies are judged by; without a name, of all that
    /// change. With `trust_base`, history does not count for a target that keeps no record.
    ///
    /// # Errors
    /// Where the repository cannot be read.
    pub fn standing(&self, touched: Option<&[&str]>, trust_base: bool) -> Result<Standing, Failure> {
        let live = match self.live.commit.as_deref().and_then(|commit| commit.parse::<Oid>().ok()) {
            Some(commit)
                if self.base.merged && commit != self.head && self.repo.descends(self.head, commit)? =>
            {
                Some((commit, Configuration::at(&self.repo, commit, &self.folder)?))
            }
            _ => None,
        };
        let rules = Rules {
            configuration: &self.configuration,
            base: self.base.commit,
            live: live.as_ref().map(|(commit, there)| (*commit, there)),
            head: self.head,
            kept: self.live.governed.as_ref(),
            past: self.past.as_ref().filter(|_| !trust_base),
        };
        let mut standing = rules.standing(&self.repo)?;
        if trust_base {
            standing.overrode = self.past.as_ref().and_then(|past| past.beyond(standing.needed));
        }
        if standing.needed > 0 {
            let counts = |operation: &&Operation| touched.is_none_or(|ids| ids.contains(&&*operation.id));
            let operations: Vec<&Operation> = self.operations.iter().filter(counts).collect();
            let policies =
                Policies { repo: &self.repo, head: self.head, folder: &self.folder, live: &self.live };
            standing.add(policies.hands(&operations)?);
        }
        Ok(standing)
    }

    /// Whether all of the policy root was looked at.
    pub fn is_whole(&self) -> bool {
        let scope = &self.plan.scope;
        scope.is_empty() || scope.iter().any(|path| self.folder.starts_with(path))
    }

    /// Why nobody can tell whether history ever asked for approval, where that decides.
    pub fn cut(&self) -> Option<String> {
        self.past.as_ref().filter(|past| past.cut).map(|_| {
            format!(
                "nothing was applied to this target yet that says who has to approve, and this clone is shallow, so it \
                 cannot be told whether approval was ever asked for; {DEEPER}, and `apply --trust-base` does without"
            )
        })
    }

    /// What is to be said beside the plan: a sentence each.
    pub fn remarks(&self, standing: &Standing) -> Vec<String> {
        let mut remarks = self.notes.clone();
        remarks.extend(standing.lacks());
        remarks.extend(self.cut().filter(|_| standing.unknown.is_none()));
        if self.base.commit.is_none() && standing.lack.is_none() {
            remarks.push(
                "there is no commit before this one, so the configuration is read from it itself".into(),
            );
        }
        remarks
    }
}

/// A verdict and what it was judged by.
pub struct Judged {
    /// What the approvals come to.
    pub verdict: crate::change::approval::Verdict,
    /// The facts.
    pub standing: Standing,
}

/// What a change starts from: what was asked for; on the default branch the first parent, which
/// is what that branch was before; elsewhere the merge base with it.
///
/// # Errors
/// Where the repository or the configuration cannot be read.
pub fn base(repo: &Repo, head: Oid, asked: Option<&str>) -> Result<Base, Failure> {
    if let Some(asked) = asked {
        let commit = repo.resolve(asked)?.id;
        return Ok(Base { name: Some(asked.to_owned()), commit: Some(commit), merged: commit != head });
    }
    let (name, tip) = repo.default_branch()?;
    let merge_base = repo.merge_base((&name, tip), ("HEAD", head))?;
    if merge_base != head {
        return Ok(Base { name: Some(name), commit: Some(merge_base), merged: false });
    }
    let parent = repo.commit(head)?.parents.first().copied();
    if parent.is_none() && repo.is_cut(head) {
        return Err(Failure::environment(
            "the commit before HEAD is not in this shallow clone; a fetch-depth of 0 (git fetch --unshallow) brings it",
        ));
    }
    Ok(Base { name: Some(name), commit: parent, merged: true })
}

/// The policy root that is planned: the only one that the paths have; where they have no policy
/// any more, that of the nearest luascale.yaml upward of the first of them.
///
/// # Errors
/// Where the repository or the configuration cannot be read.
pub fn root(repo: &Repo, head: Oid, revision: &Revision, paths: &[PathBuf]) -> Result<PathBuf, Failure> {
    match roots(revision).as_slice() {
        [one] => return Ok(one.to_path_buf()),
        _ if revision.policies.is_empty() => {}
        several => {
            let shown = several.iter().map(|folder| files::shown(folder));
            let roots: Vec<String> =
                shown.map(|at| if at.is_empty() { ".".to_owned() } else { at }).collect();
            let first = roots.iter().find(|at| *at != ".").map_or(".", String::as_str);
            return Err(Failure::usage("these policies have several roots, and a plan is of one")
                .hint(format!(
                    "there are {}: give one as the PATH, as in `luascale ci {first}` or `luascale plan {first}`",
                    roots.join(", ")
                ))
                .hint("a folder with a luascale.yaml is the root of all that is below it"));
        }
    }
    let snapshot = repo.snapshot(&Side::Commit(head))?;
    let start = paths.first().map_or(Path::new(""), PathBuf::as_path);
    for folder in start.ancestors() {
        if snapshot.entry(&git::from_path(&folder.join(config::FILE_NAME)))?.is_some() {
            return Ok(folder.to_owned());
        }
    }
    Ok(PathBuf::new())
}

/// The policy roots of a revision.
fn roots(revision: &Revision) -> Vec<&Path> {
    // A folder of modules alone, or of the organisation's rules, is nothing that is planned.
    let with_policies: BTreeSet<usize> = revision.policies.iter().map(|policy| policy.project).collect();
    let with_files = |at: &usize| revision.projects.get(*at).is_some_and(|p| !p.files.is_empty());
    let roots: Vec<usize> = match with_policies.is_empty() {
        true => (0..revision.projects.len()).filter(with_files).collect(),
        false => with_policies.into_iter().collect(),
    };
    roots.into_iter().filter_map(|at| Some(revision.projects.get(at)?.root.folder.as_path())).collect()
}

/// The paths of a command: those that were given; without any, the working directory where it has
/// a luascale.yaml of its own and is not the whole repository.
///
/// # Errors
/// Where the repository cannot be read.
pub fn scope(asked: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    if !asked.is_empty() || !Path::new(config::FILE_NAME).is_file() {
        return Ok(asked.to_vec());
    }
    let here = vec![PathBuf::from(".")];
    let below = revision::paths(&Repo::discover(Path::new("."))?, &here)?;
    Ok(if below.iter().all(|path| path.as_os_str().is_empty()) { Vec::new() } else { here })
}

/// The paths that a plan is of, from where the command runs.
///
/// # Errors
/// Where the repository cannot be read.
pub fn scope_of(plan: &Plan) -> Result<Vec<PathBuf>, Failure> {
    let repo = Repo::discover(Path::new("."))?;
    let root = repo.workdir().unwrap_or(Path::new(".")).to_owned();
    Ok(plan.scope.iter().map(|path| root.join(path)).collect())
}

fn of_live(live: &Live) -> BTreeMap<String, Version> {
    let version = |(id, policy): (&String, &crate::change::live::LivePolicy)| {
        (id.clone(), Version { path: policy.bundle.path.clone(), digest: policy.digest.clone() })
    };
    live.policies.iter().map(version).collect()
}

fn of_git(revision: &Revision) -> BTreeMap<String, Version> {
    let version = |policy: &revision::Versioned| {
        (policy.id.clone(), Version { path: policy.bundle.path.clone(), digest: policy.bundle.digest() })
    };
    revision.policies.iter().map(version).collect()
}

/// What performs a plan.
fn operations(policies: &[plan::Planned], live: &Live, revision: &Revision) -> Vec<Operation> {
    let operation = |policy: &plan::Planned| Operation {
        id: policy.id.clone(),
        before: policy.before.clone(),
        replaced: live.policies.get(&policy.id).map(|live| live.bundle.clone()),
        after: match policy.op {
            Op::Delete => None,
            _ => revision.policy(&policy.id).map(|policy| policy.bundle.clone()),
        },
    };
    policies.iter().filter(|policy| policy.op != Op::None).map(operation).collect()
}

/// The folder that a directory target keeps in the repository: what lies there is luascale's work.
fn own(repo: &Repo, opened: &Opened) -> Vec<PathBuf> {
    let folder = opened.ledger.parent().filter(|_| opened.target.identity().kind == directory::KIND);
    let folder = folder.map(|folder| if folder.as_os_str().is_empty() { Path::new(".") } else { folder });
    // One outside of the repository has nothing in it; the whole of it is no folder of its own.
    let below = folder.and_then(|folder| revision::paths(repo, &[folder.to_owned()]).ok());
    below.into_iter().flatten().filter(|path| !path.as_os_str().is_empty()).collect()
}

/// What the work tree has and the commit does not, in a sentence.
fn uncommitted(repo: &Repo, head: Oid, paths: &[PathBuf], own: &[PathBuf]) -> Option<String> {
    repo.workdir()?;
    // Where the work tree cannot be read, nothing of it is planned either.
    let changes = repo.changes(&Side::Commit(head), &Side::WorkTree).ok()?;
    let mut counted: Vec<String> = changes
        .iter()
        .map(git::FileChange::shown)
        .filter(|path| [".lua", ".luau", config::FILE_NAME].iter().any(|end| path.ends_with(end)))
        .filter(|path| !own.iter().any(|live| Path::new(path).starts_with(live)))
        .filter(|path| paths.is_empty() || paths.iter().any(|scope| Path::new(path).starts_with(scope)))
        .collect();
    counted.sort();
    let (count, first) = (counted.len(), counted.first()?);
    let more = if count == 1 { String::new() } else { format!(" and {} more files are", count - 1) };
    let is = if count == 1 { " is" } else { "" };
    Some(format!("{first}{is}{more} not committed, and so not planned"))
}

/// The number of the pull request, where a pipeline says.
fn pull_request() -> Option<u64> {
    let github = std::env::var("GITHUB_REF").ok();
    let github = github.as_deref().and_then(|name| name.strip_prefix("refs/pull/")?.split('/').next());
    let gitlab = std::env::var("CI_MERGE_REQUEST_IID").ok();
    github.map(str::to_owned).or(gitlab)?.parse().ok()
}
