//! What GitHub proves of the commit that is about to be applied: which pull requests it came by,
//! who reviewed them, and what they had been shown. May import: everything.

use super::approvals::{self, Standing};
use super::failure::Failure;
use super::pipeline;
use super::planning::Planning;
use crate::change::approval::{Refused, Verdict};
use crate::change::plan::Plan;
use crate::change::proof::{self, Changes, Hand, Needed, Part, Request, owners};
use crate::config;
use crate::forge::github::{Client, proof as facts};
use crate::forge::{Failed, Why};
use crate::git::{self, Oid, Side};
use std::collections::BTreeSet;
use std::collections::btree_map::{BTreeMap, Entry};

/// Most commits of the branch that are looked at as parts of a change, the newest: who had a hand
/// in older ones is known from git all the same.
const MOST: usize = 100;

/// What is to be proved.
pub struct Asked<'a> {
    /// What is planned now.
    pub now: &'a Planning,
    /// The plan that is applied.
    pub plan: &'a Plan,
    /// What the change is judged by.
    pub standing: &'a Standing,
    /// Whether history counts for a target that keeps no record.
    pub trust_base: bool,
}

impl Asked<'_> {
    /// Who approves on GitHub, where the configuration of the base lets reviews count there;
    /// nothing where it does not.
    ///
    /// # Errors
    /// Where the repository cannot be read, or the server does not say.
    pub fn verdict(&self) -> Result<Option<Verdict>, Failure> {
        let approval = self.now.configuration.approval();
        let Some(github) = approval.and_then(|approval| approval.github.as_ref()) else { return Ok(None) };
        let none = |why: String| {
            let refused = vec![Refused { from: "GitHub".into(), why }];
            Ok(Some(Verdict { needed: self.standing.needed, approvals: Vec::new(), refused }))
        };
        if let Some(why) = self.otherwise_governed() {
            return none(why);
        }
        if let Some(why) = &self.standing.unknown {
            return none(why.clone());
        }
        let Some(repository) =
            pipeline::repository(github.repository.as_ref().map(|name| name.value.as_str()), &self.now.repo)
        else {
            return none("it is not said which repository this is: set GITHUB_REPOSITORY, or approval.github.repository".into());
        };
        let Some(client) = pipeline::github(&repository)? else {
            return none("there is no token to ask it with: set GITHUB_TOKEN".into());
        };
        let branch = match approval.and_then(|approval| approval.branch.as_ref()) {
            Some(branch) => branch.value.clone(),
            None => facts::default_branch(&client).map_err(failed)?,
        };
        self.asked(&client, github, &branch).map(Some)
    }

    /// Why reviews do not count for this target, whatever the base says: it keeps another rule.
    fn otherwise_governed(&self) -> Option<String> {
        let own = self.now.configuration.approval().and_then(approvals::reviewed);
        let past = self.now.past.as_ref().filter(|_| !self.trust_base).map(|past| &past.governed);
        let kept = self.now.live.governed.as_ref().or(past).filter(|kept| kept.reviews > 0)?;
        (kept.reviewed != own).then(|| {
            format!(
                "what counts for this target is {}, and luascale.yaml names {}; what counted before approves that change",
                kept.reviewed.as_deref().unwrap_or("signatures alone"),
                own.as_deref().unwrap_or("none"),
            )
        })
    }

    fn asked(&self, client: &Client, github: &config::GitHub, branch: &str) -> Result<Verdict, Failure> {
        let needed = self.standing.needed;
        let hands = self.hands(client)?;
        let plan = self.plan;
        let changes = Changes {
            target: &plan.target,
            policies: &plan.policies,
            approval: plan.approval.as_ref().map(|altered| altered.after.as_str()),
            allow_prune: plan.allow_prune,
            digest: &plan.changes_digest,
        };
        let mut reviewed = if facts::protected(client, branch).map_err(failed)? {
            let rule = Needed {
                reviews: needed,
                branch,
                check: &github.check,
                app: u64::from(github.app),
                owners_are_asked: facts::owners_are_asked(client, branch).map_err(failed)?,
            };
            proof::verdict(rule, changes, &self.parts(client, branch, &github.check)?, &hands)
        } else {
            let why = format!("the branch {branch} is not protected: anybody who may write can push to it");
            Verdict { needed, approvals: Vec::new(), refused: vec![Refused { from: "GitHub".into(), why }] }
        };
        if !reviewed.approved()
            && let Some(environment) = &github.environment
            && let Some(run) = pipeline::run()
        {
            let run = facts::run(client, run).map_err(failed)?;
            let head = self.now.head.to_string();
            let by = proof::environment(needed, &environment.value, &head, &run, &hands);
            if by.approved() {
                return Ok(by);
            }
            reviewed.refused.extend(by.refused);
        }
        Ok(reviewed)
    }

    /// Everybody who had a hand in what is changed, as accounts.
    fn hands(&self, client: &Client) -> Result<Vec<Hand>, Failure> {
        let commits: BTreeSet<&Oid> = self.standing.commits.values().flatten().collect();
        let commits: Vec<String> = commits.into_iter().map(ToString::to_string).collect();
        facts::hands(client, &commits).map_err(failed)
    }

    /// The commits of the branch that brought what is changed, oldest first, and the one that is
    /// applied.
    fn parts(&self, client: &Client, branch: &str, check: &str) -> Result<Vec<Part>, Failure> {
        let of = &self.standing.commits;
        let all: BTreeSet<Oid> = of.values().flatten().copied().collect();
        let brought = self.now.repo.brought(self.now.head, &all)?;
        let older = brought.len().saturating_sub(MOST);
        let mut known: BTreeMap<u64, Result<Request, String>> = BTreeMap::new();
        let mut parts = Vec::new();
        for (commit, here) in brought.into_iter().skip(older) {
            let touches = |commits: &BTreeSet<Oid>| commits.iter().any(|commit| here.contains(commit));
            let policies = of.iter().filter(|(_, commits)| touches(commits)).map(|(id, _)| id.clone());
            let name = commit.to_string();
            let request = match facts::request_of(client, &name, branch).map_err(failed)? {
                Err(why) => Err(why),
                Ok(number) => match known.entry(number) {
                    Entry::Occupied(found) => found.get().clone(),
                    Entry::Vacant(open) => open.insert(self.request(client, number, commit, check)?).clone(),
                },
            };
            parts.push(Part { commit: name, policies: policies.collect(), request });
        }
        Ok(parts)
    }

    /// A request with the owners of code that the branch had before it; or why it proves nothing.
    fn request(
        &self,
        client: &Client,
        number: u64,
        commit: Oid,
        check: &str,
    ) -> Result<Result<Request, String>, Failure> {
        let mut request = match facts::request(client, number, check) {
            Err(error) if error.why == Why::Odd => return Ok(Err(error.to_string())),
            other => other.map_err(failed)?,
        };
        let Some(before) = self.now.repo.commit(commit)?.parents.first().copied() else {
            return Ok(Ok(request));
        };
        let snapshot = self.now.repo.snapshot(&Side::Commit(before))?;
        for place in owners::PLACES {
            if snapshot.entry(place.as_bytes())?.is_none() {
                continue;
            }
            let text = snapshot.read(place.as_bytes(), owners::MOST_BYTES).map_err(|why| why.to_string());
            let text =
                text.and_then(|bytes| String::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned()));
            let parsed = text.and_then(|text| {
                let unread = |(line, _)| format!("GitHub does not read its line {line}");
                owners::Owners::parse(&text).map_err(unread)
            });
            match parsed {
                Ok(owners) => request.owners = Some(owners),
                Err(why) => {
                    return Ok(Err(format!("{place} of {} cannot be used: {why}", git::short(before))));
                }
            }
            break;
        }
        let teams = request.owners.as_ref().map(owners::Owners::teams).unwrap_or_default();
        for team in teams {
            // A team that may not be seen has nobody who counts.
            let members = facts::members(client, &team).map_err(failed)?.unwrap_or_default();
            let members = members.into_iter().map(|login| ((team.clone(), login.to_lowercase()), true));
            request.members.extend(members);
        }
        Ok(Ok(request))
    }
}

fn failed(error: Failed) -> Failure {
    Failure::environment(format!("GitHub cannot be asked who approved this: {error}"))
        .hint("nothing was applied: what is not proved does not count")
}
