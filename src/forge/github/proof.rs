//! What GitHub says, at this moment, of how a commit came to its branch: pull requests, reviews,
//! check runs, environments. Facts alone; `change::proof` judges them. May import: siblings, the
//! modules above, `change`.
//!
//! Whatever the server does not say is kept as unknown, and where a list may not be whole there is
//! an error: an approval that is not proved does not count.

use super::super::{Failed, Why};
use super::client::Client;
use crate::change::proof::{Account, CheckRun, Deployment, Hand, Request, Review, Run};
use crate::report::segment;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::collections::BTreeMap;

const REVIEWS: &str = "query($owner:String!,$name:String!,$number:Int!,$after:String){repository(owner:$owner,name:$name){pullRequest(number:$number){latestOpinionatedReviews(first:100,after:$after){pageInfo{hasNextPage endCursor}nodes{fullDatabaseId state submittedAt authorCanPushToRepository commit{oid}author{__typename login}}}}}}";

const COMMITS: &str = "query($owner:String!,$name:String!,$number:Int!,$after:String){repository(owner:$owner,name:$name){pullRequest(number:$number){commits(first:100,after:$after){pageInfo{hasNextPage endCursor}nodes{commit{oid authors(first:50){totalCount nodes{name email user{login}}}committer{name email user{login}}}}}}}}";

const DECISION: &str = "query($owner:String!,$name:String!,$number:Int!){repository(owner:$owner,name:$name){pullRequest(number:$number){reviewDecision}}}";

const TEAM: &str = "query($organisation:String!,$team:String!,$after:String){organization(login:$organisation){team(slug:$team){members(first:100,after:$after,membership:ALL){pageInfo{hasNextPage endCursor}nodes{login}}}}}";

/// How many commits are asked for at once.
const AT_ONCE: usize = 50;

/// Who commits where people press a button on GitHub.
const WEB: &str = "noreply@github.com";

/// Whether GitHub itself keeps everybody from pushing to a branch.
///
/// # Errors
/// As the server says.
pub fn protected(client: &Client, branch: &str) -> Result<bool, Failed> {
    let found = client.get(&format!("branches/{}", segment(branch)))?;
    Ok(found.get("protected").and_then(Value::as_bool) == Some(true))
}

/// The branch that the repository has as its own.
///
/// # Errors
/// As the server says.
pub fn default_branch(client: &Client) -> Result<String, Failed> {
    let found = client.get("")?;
    text(&found, "/default_branch").ok_or_else(|| Failed::odd("the repository has no default branch"))
}

/// Whether a rule of the branch asks for the owners of code. Without the right to see rules there
/// is none that proves anything.
///
/// # Errors
/// As the server says.
pub fn owners_are_asked(client: &Client, branch: &str) -> Result<bool, Failed> {
    let rules = match client.list(&format!("rules/branches/{}", segment(branch)), "") {
        Err(failed) if matches!(failed.why, Why::Missing | Why::Forbidden) => return Ok(false),
        other => other?,
    };
    Ok(rules.iter().any(|rule| {
        text(rule, "/type").as_deref() == Some("pull_request")
            && rule.pointer("/parameters/require_code_owner_review").and_then(Value::as_bool) == Some(true)
    }))
}

/// The pull request that a commit came by: merged into the branch of this repository. `Err` of the
/// inner kind says why there is none.
///
/// # Errors
/// As the server says.
pub fn request_of(client: &Client, commit: &str, branch: &str) -> Result<Result<u64, String>, Failed> {
    let found = client.list(&format!("commits/{}/pulls", segment(commit)), "")?;
    let here = format!("{}/{}", client.owner(), client.repository());
    let merged = |pull: &&Value| {
        pull.pointer("/merged_at").is_some_and(|at| !at.is_null())
            && text(pull, "/base/ref").as_deref() == Some(branch)
            && text(pull, "/base/repo/full_name").is_some_and(|name| name.eq_ignore_ascii_case(&here))
    };
    let became = |pull: &&&Value| text(pull, "/merge_commit_sha").as_deref() == Some(commit);
    let merged: Vec<&Value> = found.iter().filter(merged).collect();
    let one = merged.iter().find(became).or(merged.first());
    let number = one.and_then(|pull| pull.get("number")?.as_u64());
    Ok(number.ok_or_else(|| format!("it came by no pull request that was merged into {branch}")))
}

/// All that is known of a merged pull request. Owners of code are left open: they are in git.
///
/// # Errors
/// As the server says; where it does not say all.
pub fn request(client: &Client, number: u64, check: &str) -> Result<Request, Failed> {
    let pull = client.get(&format!("pulls/{number}"))?;
    let said = |at: &str| text(&pull, at).ok_or_else(|| Failed::odd(&format!("#{number} has no {at}")));
    let head = said("/head/sha")?;
    let files = client.list(&format!("pulls/{number}/files"), "")?;
    let count = pull.get("changed_files").and_then(Value::as_u64);
    if count != u64::try_from(files.len()).ok() {
        let message = format!("#{number} changes more files than GitHub lists, so its owners cannot be told");
        return Err(Failed::odd(&message));
    }
    let names = ["/filename", "/previous_filename"];
    let files = files.iter().flat_map(|file| names.iter().filter_map(|at| text(file, at))).collect();
    let variables = json!({ "owner": client.owner(), "name": client.repository(), "number": number });
    let nodes = |document: &str, kind: &str| {
        client.nodes(document, &variables, &format!("/repository/pullRequest/{kind}"))
    };
    let reviews = nodes(REVIEWS, "latestOpinionatedReviews")?.iter().map(review).collect();
    let commits = nodes(COMMITS, "commits")?;
    if pull.get("commits").and_then(Value::as_u64) != u64::try_from(commits.len()).ok() {
        let message = format!("#{number} has more commits than GitHub lists, so its authors cannot be told");
        return Err(Failed::odd(&message));
    }
    let mut hands = Vec::new();
    for node in commits {
        let commit = node.get("commit").ok_or_else(|| Failed::odd("a commit is not told"))?;
        hands.extend(hands_of(commit)?);
    }
    let decision = client.graphql(DECISION, &variables)?;
    Ok(Request {
        number,
        merged: pull.get("merged").and_then(Value::as_bool) == Some(true),
        base: said("/base/ref")?,
        merge_commit: text(&pull, "/merge_commit_sha"),
        author: pull.get("user").and_then(account),
        reviews,
        hands,
        checks: checks(client, &head, check)?,
        head,
        files,
        decision: text(&decision, "/repository/pullRequest/reviewDecision"),
        owners: None,
        members: BTreeMap::new(),
    })
}

fn checks(client: &Client, head: &str, name: &str) -> Result<Vec<CheckRun>, Failed> {
    let path = format!("commits/{}/check-runs?check_name={}&filter=all", segment(head), segment(name));
    let found = client.list(&path, "/check_runs")?;
    let one = |run: &Value| {
        Some(CheckRun {
            id: run.get("id")?.as_u64()?,
            name: text(run, "/name")?,
            app: run.pointer("/app/id").and_then(Value::as_u64),
            conclusion: text(run, "/conclusion"),
            completed: time(run, "/completed_at"),
            external_id: text(run, "/external_id").filter(|id| !id.is_empty()),
            text: text(run, "/output/text"),
        })
    };
    found.iter().map(|run| one(run).ok_or_else(|| Failed::odd("a check run has no number or name"))).collect()
}

fn review(node: &Value) -> Review {
    // GitHub gives large numbers as texts.
    let id = node.get("fullDatabaseId");
    let id = id.and_then(|id| id.as_u64().or_else(|| id.as_str()?.parse().ok())).unwrap_or_default();
    let by = node.get("author").filter(|by| !by.is_null()).and_then(|by| {
        Some(Account {
            login: text(by, "/login")?,
            person: text(by, "/__typename").as_deref() == Some("User"),
        })
    });
    Review {
        id,
        by,
        state: text(node, "/state").unwrap_or_default(),
        commit: text(node, "/commit/oid"),
        at: time(node, "/submittedAt"),
        may_write: node.get("authorCanPushToRepository").and_then(Value::as_bool) == Some(true),
    }
}

/// Who had a hand in a commit: authors, with those that trailers name, and who committed it.
fn hands_of(commit: &Value) -> Result<Vec<Hand>, Failed> {
    let oid = text(commit, "/oid").ok_or_else(|| Failed::odd("a commit has no id"))?;
    let hand = |who: &Value| Hand {
        commit: oid.clone(),
        login: text(who, "/user/login"),
        named: text(who, "/name").or_else(|| text(who, "/email")).unwrap_or_else(|| "somebody".into()),
    };
    let authors = commit.pointer("/authors/nodes").and_then(Value::as_array);
    let authors = authors.ok_or_else(|| Failed::odd("a commit has no authors"))?;
    let count = commit.pointer("/authors/totalCount").and_then(Value::as_u64);
    if authors.is_empty() || count != u64::try_from(authors.len()).ok() {
        return Err(Failed::odd(&format!("the authors of {oid} are not all told")));
    }
    let mut hands: Vec<Hand> = authors.iter().map(hand).collect();
    let committer = commit.get("committer").filter(|who| !who.is_null());
    if let Some(committer) = committer.filter(|who| text(who, "/email").as_deref() != Some(WEB)) {
        hands.push(hand(committer));
    }
    hands.dedup();
    Ok(hands)
}

/// Who had a hand in some commits of the repository.
///
/// # Errors
/// As the server says; where it does not know one of them.
pub fn hands(client: &Client, commits: &[String]) -> Result<Vec<Hand>, Failed> {
    const FIELDS: &str = "...on Commit{oid authors(first:50){totalCount nodes{name email user{login}}}committer{name email user{login}}}";
    let mut hands = Vec::new();
    for some in commits.chunks(AT_ONCE) {
        let names: String = (0..some.len()).map(|at| format!(",$c{at}:GitObjectID!")).collect();
        let parts: String =
            (0..some.len()).map(|at| format!("c{at}:object(oid:$c{at}){{{FIELDS}}}")).collect();
        let document = format!(
            "query($owner:String!,$name:String!{names}){{repository(owner:$owner,name:$name){{{parts}}}}}"
        );
        let mut variables = json!({ "owner": client.owner(), "name": client.repository() });
        if let Some(map) = variables.as_object_mut() {
            map.extend(some.iter().enumerate().map(|(at, commit)| (format!("c{at}"), json!(commit))));
        }
        let data = client.graphql(&document, &variables)?;
        for (at, commit) in some.iter().enumerate() {
            let found = data.pointer(&format!("/repository/c{at}")).filter(|found| !found.is_null());
            let found =
                found.ok_or_else(|| Failed::odd(&format!("GitHub does not know the commit {commit}")))?;
            hands.extend(hands_of(found)?);
        }
    }
    Ok(hands)
}

/// Whether each of some accounts is of a team, `@organisation/team`. A team that the credentials
/// may not see has no members that count.
///
/// # Errors
/// As the server says.
pub fn members(client: &Client, team: &str) -> Result<Option<Vec<String>>, Failed> {
    let Some((organisation, slug)) = team.trim_start_matches('@').split_once('/') else { return Ok(None) };
    let variables = json!({ "organisation": organisation, "team": slug });
    match client.nodes(TEAM, &variables, "/organization/team/members") {
        Err(failed) if matches!(failed.why, Why::Missing | Why::Forbidden) => Ok(None),
        other => Ok(Some(other?.iter().filter_map(|node| text(node, "/login")).collect())),
    }
}

/// A workflow run, and what was said of it where it waited for an environment.
///
/// # Errors
/// As the server says.
pub fn run(client: &Client, id: u64) -> Result<Run, Failed> {
    let found = client.get(&format!("actions/runs/{id}"))?;
    let head = text(&found, "/head_sha").ok_or_else(|| Failed::odd("the run is of no commit"))?;
    let said = client.get(&format!("actions/runs/{id}/approvals"))?;
    let said = said.as_array().ok_or_else(|| Failed::odd("the approvals of the run are no list"))?;
    let one = |said: &Value| Deployment {
        by: said.get("user").and_then(account),
        state: text(said, "/state").unwrap_or_default(),
        environments: said
            .get("environments")
            .and_then(Value::as_array)
            .map(|all| all.iter().filter_map(|one| text(one, "/name")).collect())
            .unwrap_or_default(),
    };
    Ok(Run { id, head, said: said.iter().map(one).collect() })
}

/// An account as REST tells it.
fn account(user: &Value) -> Option<Account> {
    Some(Account { login: text(user, "/login")?, person: text(user, "/type").as_deref() == Some("User") })
}

fn text(value: &Value, at: &str) -> Option<String> {
    value.pointer(at).and_then(Value::as_str).map(str::to_owned)
}

fn time(value: &Value, at: &str) -> Option<Timestamp> {
    text(value, at)?.parse().ok()
}
