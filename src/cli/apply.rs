//! `luascale apply`: makes what git has live. May import: everything.
//!
//! A plan that is given is evidence, never authority: it is planned again from git and from what
//! is live, under the lock, and what was approved has to be exactly what is done.

use super::args::{Apply, TextOrJson};
use super::delivery::{self, Delivery};
use super::failure::{Failure, status};
use super::figures::{self, Figures};
use super::planning::{self, Judged, Made, Planning, Request};
use super::terminal::Terminal;
use super::{Outcome, approvals, output, show};
#[cfg(not(feature = "forge"))]
use crate::change::approval::Refused;
use crate::change::approval::Verdict;
use crate::change::chain::Did;
use crate::change::plan::{self, Op, Plan};
use crate::change::rollback::kept;
use crate::change::stale::{self, Agreement};
use crate::report::delivered::{self, Report};
use crate::target::{Operation, Origin};
use crate::text::short_commit;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Runs the command.
pub fn run(args: &Apply, terminal: &Terminal) -> Outcome {
    args.output_dir.as_deref().map_or(Ok(()), output::checked)?;
    // A folder is the policy root that is planned, a file a plan that was made.
    let (folder, file) = match args.plan.as_deref() {
        Some(path) if path.is_dir() => (Some(path.to_owned()), None),
        other => (None, other),
    };
    let kept = match file.map(show::read).transpose()? {
        Some(Err((finding, source))) => return Ok(show::unread(&finding, source, terminal)),
        Some(Ok(plan)) => Some(plan),
        None => None,
    };
    let asked: Vec<PathBuf> = folder.into_iter().collect();
    let paths = kept.as_ref().map_or_else(|| planning::scope(&asked), planning::scope_of)?;
    let mut planning_args = args.planning.clone();
    let allowed = kept.as_ref().and_then(|plan| plan.allow_prune);
    planning_args.allow_prune = planning_args.allow_prune.or(allowed);
    let make = || {
        planning::make(&Request {
            paths: &paths,
            args: &planning_args,
            told: false,
            of: None,
            now: delivery::timestamp(),
        })
    };
    let first = match make()? {
        Made::Planned(planning) => planning,
        Made::Broken(findings, sources) => {
            terminal.findings(&findings, &sources, &terminal.layout(false, false));
            terminal.say("nothing was applied: what does not load cannot be applied");
            return Ok(status::FINDINGS);
        }
    };
    // What is refused for good is refused before anybody has to wait for a lock.
    let asked = Asked { args, file, kept: kept.as_ref() };
    if let Next::Refused(why) = asked.next(&first)? {
        return asked.refused(&why, &first, terminal);
    }
    let (mut delivery, resumed) = Delivery::begin(&first.opened, &args.lock, terminal)?;
    if let Some(resumed) = &resumed {
        terminal.say(&format!("finished: generation {} is live", resumed.outcome.generation.serial));
    }
    if first.repo.head()? != Some(first.head) {
        return Err(Failure::environment("HEAD moved while this was planned; nothing was applied")
            .hint("run it again"));
    }
    let second;
    let planning = if resumed.is_none() && first.opened.target.live()? == first.live {
        &first
    } else {
        second = make()?;
        match &second {
            Made::Planned(planning) => planning,
            Made::Broken(..) => {
                return Err(Failure::environment("the policies of HEAD changed while they were read"));
            }
        }
    };
    let (operations, judged) = match asked.next(planning)? {
        Next::Refused(why) => return asked.refused(&why, planning, terminal),
        Next::Nothing => (Vec::new(), None),
        Next::Due(operations, judged) => (operations, Some(judged)),
    };
    let mut report = Report {
        target: planning.opened.target.shown(),
        generation: planning.live.serial,
        operations: operations.iter().map(Did::from).collect(),
        held: planning.plan.policies.iter().filter(|p| p.held.is_some()).map(|p| p.id.clone()).collect(),
        ..Report::default()
    };
    let hold = hold(planning, &operations);
    report.released = planning.live.hold.keys().filter(|id| !hold.contains_key(*id)).cloned().collect();
    // A plan that was kept and is done does nothing at all; git and what is live, compared anew,
    // may at least end a hold.
    let ends = kept.is_none() && !report.released.is_empty();
    if !operations.is_empty() || ends {
        let plan = kept.as_ref().unwrap_or(&planning.plan);
        report.approvals = judged.iter().flat_map(|judged| approvers(judged)).collect();
        report.changes_digest = Some(plan.changes_digest.clone());
        let origin = Origin {
            action: "apply".into(),
            commit: Some(planning.head.to_string()),
            changes_digest: report.changes_digest.clone(),
            plan: kept.as_ref().map(|plan| plan.sha256.clone()),
            approvals: report.approvals.clone(),
            actor: delivery::actor(),
            rollback_of: None,
            governed: Some(planning.governed.clone()),
            overrode: judged.as_ref().and_then(|judged| judged.standing.overrode.clone()),
        };
        report.overrode = origin.overrode.clone();
        planning.clashes.warned.iter().for_each(|warned| terminal.say(&format!("warning: {warned}")));
        #[cfg(feature = "forge")]
        let mirror = super::mirror::Mirror::begin(planning, &plan.changes_digest, terminal);
        let done = delivery.deliver(origin, hold, BTreeMap::new(), operations, planning.live.serial);
        #[cfg(feature = "forge")]
        match (mirror, &done) {
            (Some(mirror), Ok(done)) => mirror.end(done.outcome.generation.serial, done.head.as_ref()),
            (Some(mirror), Err(failure)) => mirror.fail(&failure.error),
            (None, _) => {}
        }
        let done = done?;
        report.generation = done.outcome.generation.serial;
        report.ledger = done.head;
    } else {
        report.released.clear();
    }
    if let Some(folder) = &args.output_dir {
        let (changes, digest) = (Some(report.operations.len()), report.changes_digest.clone());
        let json = delivered::json(&report);
        let figures = Figures { changes, digest, ..Figures::default() };
        figures::write(folder, &figures, &[("apply.json".to_owned(), json)])?;
    }
    let text = match args.format {
        TextOrJson::Text => delivered::text(&report),
        TextOrJson::Json => delivered::json(&report),
    };
    terminal.print(&text, None)?;
    planning.notes.iter().for_each(|note| terminal.say(&format!("note: {note}")));
    Ok(status::CLEAN)
}

/// What is to happen.
enum Next {
    /// Nothing may be done: why, a sentence each.
    Refused(Vec<String>),
    /// There is nothing to do.
    Nothing,
    /// This is to be done, and this approves it.
    Due(Vec<Operation>, Box<Judged>),
}

/// What was asked for.
struct Asked<'a> {
    args: &'a Apply,
    file: Option<&'a Path>,
    kept: Option<&'a Plan>,
}

impl Asked<'_> {
    /// Holds what was asked for against what is planned now.
    fn next(&self, now: &Planning) -> Result<Next, Failure> {
        if now.plan.policies.is_empty() {
            return Err(Failure::usage("no policy matched: neither git nor the target has one here").hint(
                "a policy is a .lua file that calls `policy \"name\" { … }`, committed below the policy root",
            ));
        }
        let time = delivery::timestamp();
        let touched: Vec<&str> = match self.kept {
            None => stale::touched(&now.plan),
            Some(kept) => match self.agreement(kept, now)? {
                Agreement::Stale(why) => return Ok(Next::Refused(why)),
                Agreement::Applied => return Ok(Next::Nothing),
                Agreement::Fresh => stale::touched(kept),
            },
        };
        let operations: Vec<Operation> = now
            .operations
            .iter()
            .filter(|operation| touched.contains(&operation.id.as_str()))
            .cloned()
            .collect();
        if operations.is_empty() {
            return Ok(Next::Nothing);
        }
        let mut why = self.disallowed(now, &touched);
        why.extend(older(now, self.kept.is_some())?);
        why.extend(off_branch(now, self.args.trust_base)?);
        why.extend(self.untrusted(now));
        // What part of a plan was done already needs no approval; what was approved is the whole.
        let digest = self.kept.map_or(&now.plan.changes_digest, |kept| &kept.changes_digest);
        let given = match self.file {
            Some(file) => approvals::given(file)?,
            None => Vec::new(),
        };
        let standing = now.standing(Some(&touched), self.args.trust_base)?;
        let verdict = standing.verdict(digest, &given, time);
        let mut judged = Judged { verdict, standing };
        let reviewed = match judged.verdict.approved() {
            true => None,
            false => self.reviewed(now, &judged)?,
        };
        match reviewed {
            Some(reviewed) if reviewed.approved() => judged.verdict = reviewed,
            Some(reviewed) => {
                judged.verdict.refused.extend(reviewed.refused);
                why.extend(unapproved(&judged, true));
            }
            None => why.extend(unapproved(&judged, self.file.is_some())),
        }
        Ok(if why.is_empty() { Next::Due(operations, Box::new(judged)) } else { Next::Refused(why) })
    }

    /// What reviews on a forge come to; nothing where they do not count here.
    #[cfg(feature = "forge")]
    fn reviewed(&self, now: &Planning, judged: &Judged) -> Result<Option<Verdict>, Failure> {
        let plan = self.kept.unwrap_or(&now.plan);
        let trust_base = self.args.trust_base;
        super::proof::Asked { now, plan, standing: &judged.standing, trust_base }.verdict()
    }

    /// Without the feature no forge can be asked, and what it says does not count.
    #[cfg(not(feature = "forge"))]
    #[expect(clippy::unnecessary_wraps, reason = "the other build asks a forge")]
    fn reviewed(&self, now: &Planning, judged: &Judged) -> Result<Option<Verdict>, Failure> {
        let counts = now.configuration.approval().is_some_and(|approval| approval.github.is_some());
        let why = "this luascale was built without `forge`, so it cannot ask".to_owned();
        let refused = vec![Refused { from: "GitHub".into(), why }];
        let needed = judged.standing.needed;
        Ok(counts.then_some(Verdict { needed, approvals: Vec::new(), refused }))
    }

    /// Whether the plan that was kept is still what would be planned.
    fn agreement(&self, kept: &Plan, now: &Planning) -> Result<Agreement, Failure> {
        let agreement = stale::agreement(kept, &now.plan, delivery::timestamp());
        let began = crate::target::Identity::is_new_id(&kept.target.identity)
            && kept.target.kind == now.plan.target.kind
            && !crate::target::Identity::is_new_id(&now.plan.target.identity);
        if began {
            // It was made before anything was applied here. What it did may be what is live; it
            // is not done a second time on a directory that has a past by now.
            let history = now.opened.target.history()?;
            let own = |digest: &Option<String>| digest.as_deref() == Some(kept.changes_digest.as_str());
            let live = kept.changes().all(|p| now.live.digest(&p.id) == p.after.as_deref());
            if live && history.iter().any(|generation| own(&generation.origin.changes_digest)) {
                return Ok(Agreement::Applied);
            }
            return Ok(Agreement::Stale(vec![
                "it was made when nothing had been applied to this target yet, and something has been since"
                    .into(),
            ]));
        }
        // A part of it may be done already, and what governs the target with it.
        let after = |plan: &Plan| plan.approval.as_ref().map(|altered| altered.after.clone());
        if after(&now.plan).is_some() && after(&now.plan) != after(kept) && agreement == Agreement::Fresh {
            return Ok(Agreement::Stale(vec![
                "who has to approve is changed by it now in another way than when it was planned".into(),
            ]));
        }
        if agreement == Agreement::Fresh {
            // All of it is still to be done: then the digests are the same, or something is amiss.
            let all = kept.changes().all(|p| now.live.digest(&p.id) == p.before.as_deref());
            let mut same = Plan { allow_prune: kept.allow_prune, ..now.plan.clone() };
            same.policies.retain(|policy| kept.changes().any(|planned| planned.id == policy.id));
            if all && plan::changes_digest(&same) != kept.changes_digest {
                return Ok(Agreement::Stale(vec!["its changes are not those that are planned now".into()]));
            }
        }
        Ok(agreement)
    }

    /// Why history has to be there, or must not be left aside.
    fn untrusted(&self, now: &Planning) -> Option<String> {
        match (self.args.trust_base, &now.past) {
            (true, None) => Some(
                "--trust-base is for a target that keeps no record of who has to approve, and this one does"
                    .to_owned(),
            ),
            (true, Some(_)) => None,
            (false, _) => now.cut(),
        }
    }

    /// Tells why nothing was applied.
    fn refused(&self, why: &[String], planning: &Planning, terminal: &Terminal) -> Outcome {
        if let Some(folder) = &self.args.output_dir {
            let digest = self.kept.map_or(&planning.plan.changes_digest, |kept| &kept.changes_digest).clone();
            let figures = Figures { changes: Some(0), digest: Some(digest), ..Figures::default() };
            figures::write(folder, &figures, &[])?;
        }
        terminal.say(&format!("refused: nothing was applied to {}", planning.opened.target.shown()));
        why.iter().for_each(|why| terminal.say(&format!("  {why}")));
        Ok(status::FINDINGS)
    }

    /// What the target or the limits of deletion refuse, of what is to be done.
    fn disallowed(&self, now: &Planning, touched: &[&str]) -> Vec<String> {
        let mut why: Vec<String> = now
            .refused
            .iter()
            .filter(|refused| touched.contains(&refused.id.as_str()))
            .map(|refused| format!("the target refuses {}: {}", refused.id, refused.why))
            .collect();
        let clashing = now.clashes.refused.iter().filter(|refused| touched.contains(&refused.id.as_str()));
        why.extend(clashing.map(|refused| format!("{}: {}", refused.id, refused.why)));
        let mut policies = now.plan.policies.clone();
        policies.iter_mut().filter(|p| !touched.contains(&p.id.as_str())).for_each(|p| p.op = Op::None);
        let allowed = self.args.planning.allow_prune.or(self.kept.and_then(|kept| kept.allow_prune));
        if let Some(refused) = plan::prune_refused(&policies, now.live.policies.len(), allowed) {
            let count = policies.iter().filter(|policy| policy.op == Op::Delete).count();
            why.push(format!("{refused}; if that is meant: --allow-prune {count}"));
        }
        why
    }
}

/// Why a commit before the one that is live is not applied: an old pipeline that runs again
/// would undo what came after it.
fn older(now: &Planning, planned: bool) -> Result<Option<String>, Failure> {
    let Some(commit) = now.live.commit.as_deref() else { return Ok(None) };
    let Ok(live) = now.repo.resolve(commit) else {
        let what = format!(
            "the commit that is live ({}) is not in this clone, so it cannot be told whether HEAD is older",
            short_commit(commit)
        );
        return Ok(match (now.repo.is_shallow(), planned) {
            (true, _) => Some(format!("{what}; a fetch-depth of 0 (git fetch --unshallow) brings it")),
            (false, false) => Some(format!(
                "{what}; git fetch may bring it, and where it is in no branch any more, a plan of these changes says that they are meant"
            )),
            // What is live is what the plan says to replace.
            (false, true) => None,
        });
    };
    let head = now.head.to_string();
    if live.id == now.head || !now.repo.descends(live.id, now.head)? {
        return Ok(None);
    }
    Ok(Some(format!(
        "HEAD ({}) is older than the commit that is live ({}); to go back, use `luascale rollback`",
        short_commit(&head),
        short_commit(&live.id.to_string())
    )))
}

/// Why a commit is not on the branch that `approval:` names, or that was named when what is live
/// was applied.
fn off_branch(now: &Planning, trust_base: bool) -> Result<Option<String>, Failure> {
    let configured = now.configuration.approval().and_then(|approval| approval.branch.as_ref());
    let kept = now.live.governed.as_ref().and_then(|governed| governed.branch.as_ref());
    let past = now.past.as_ref().filter(|_| !trust_base).and_then(|past| past.governed.branch.as_ref());
    for name in configured.map(|branch| &branch.value).into_iter().chain(kept).chain(past) {
        if let Some(why) = not_on(now, name)? {
            return Ok(Some(why));
        }
    }
    Ok(None)
}

fn not_on(now: &Planning, name: &str) -> Result<Option<String>, Failure> {
    let tips = [format!("refs/remotes/origin/{name}"), format!("refs/heads/{name}")];
    let Some(tip) = tips.iter().find_map(|tip| now.repo.resolve(tip).ok()) else {
        return Ok(Some(format!(
            "there is no branch {name} here, so it cannot be told whether HEAD is on it"
        )));
    };
    let on = tip.id == now.head || now.repo.descends(tip.id, now.head)?;
    Ok((!on).then(|| format!("HEAD is not on {name}, the branch that is applied; merge it first")))
}

/// Why what is planned is not approved.
fn unapproved(judged: &Judged, planned: bool) -> Vec<String> {
    let verdict = &judged.verdict;
    if verdict.approved() {
        return Vec::new();
    }
    let people = if verdict.needed == 1 { "1 person" } else { &format!("{} people", verdict.needed) };
    let given = match verdict.approvals.len() {
        0 if !verdict.refused.is_empty() => "no approval counts".to_owned(),
        0 => "nobody approved it".to_owned(),
        n => format!("{n} approved it"),
    };
    let mut why = vec![format!("it needs the approval of {people} who did not write it, and {given}")];
    why.extend(judged.standing.lacks());
    why.extend(judged.standing.findings.0.iter().map(|finding| finding.message.clone()));
    why.extend(verdict.refused.iter().map(|refused| format!("{}: {}", refused.from, refused.why)));
    if !planned {
        why.push("approvals are kept beside a plan: luascale plan -o plan.json, luascale approve plan.json, luascale apply plan.json".into());
    }
    why
}

/// Who approved, in words.
fn approvers(judged: &Judged) -> Vec<String> {
    judged.verdict.approvals.iter().map(|approval| format!("{} ({})", approval.who, approval.by)).collect()
}

/// What is held once it is done.
fn hold(planning: &Planning, operations: &[Operation]) -> BTreeMap<String, crate::target::Hold> {
    kept(&planning.live, operations, &|id| {
        match planning.plan.policies.iter().find(|policy| policy.id == id) {
            Some(policy) => Some(policy.after.clone()),
            // Neither in git nor live: git has none, if all of git was looked at.
            None => planning.is_whole().then_some(None),
        }
    })
}
