//! What a pipeline says of the request that it runs for, and how its forge is reached. May import:
//! everything.

#![expect(clippy::disallowed_methods, reason = "pipelines speak through the environment")]

use super::args_review::{ForgeName, Review};
use super::failure::Failure;
use super::files;
use crate::forge::{Forge, Origin, Secret, System, github, gitlab};
use crate::git::Repo;
use serde_json::Value;
use std::path::Path;

/// Most bytes of a file that describes an event.
const MOST_EVENT: u64 = 32 << 20;

/// Which request it is about, as far as that is said.
#[derive(Debug, Default)]
pub struct Request {
    /// The repository on the forge.
    pub repository: Option<String>,
    /// The number.
    pub number: Option<u64>,
    /// The head commit.
    pub head: Option<String>,
    /// What it is to be merged into: the commit.
    pub base: Option<String>,
    /// Where the head comes from, where the number is not said.
    pub origin: Option<Origin>,
    /// Whether it is a merge queue's: several requests at once, of which none is commented.
    pub queue: bool,
}

/// A variable of the environment; one that is empty is none.
pub fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// The forge that was asked for, or whose pipeline this is.
pub fn forge(args: &Review) -> ForgeName {
    match args.forge {
        Some(forge) => forge,
        None if variable("GITLAB_CI").is_some() => ForgeName::Gitlab,
        None => ForgeName::Github,
    }
}

/// What is said of the request: by the command line, else by the pipeline.
///
/// # Errors
/// Where the file of the event cannot be read.
pub fn request(args: &Review, forge: ForgeName, repo: &Repo) -> Result<Request, Failure> {
    let mut request = match forge {
        ForgeName::Github => of_github()?,
        ForgeName::Gitlab => Request {
            repository: variable("CI_MERGE_REQUEST_PROJECT_ID").or_else(|| variable("CI_PROJECT_ID")),
            number: variable("CI_MERGE_REQUEST_IID").and_then(|iid| iid.parse().ok()),
            // A merged-results pipeline runs on a commit that nobody pushed.
            head: variable("CI_MERGE_REQUEST_SOURCE_BRANCH_SHA").or_else(|| variable("CI_COMMIT_SHA")),
            ..Request::default()
        },
    };
    if args.pr.is_some_and(|number| request.number != Some(number)) {
        // Another request than the one that the pipeline runs for.
        request = Request { repository: request.repository, number: args.pr, ..Request::default() };
    }
    request.repository = args.repo.clone().or(request.repository).or_else(|| of_remote(&repo.origin()?));
    Ok(request)
}

fn of_github() -> Result<Request, Failure> {
    let mut request = Request { repository: variable("GITHUB_REPOSITORY"), ..Request::default() };
    let number = variable("GITHUB_REF");
    request.number = number.and_then(|name| name.strip_prefix("refs/pull/")?.split('/').next()?.parse().ok());
    let Some(path) = variable("GITHUB_EVENT_PATH") else { return Ok(request) };
    let path = Path::new(&path);
    let unreadable = |why: String| Failure::environment(format!("cannot read {}: {why}", files::shown(path)));
    let bytes = files::read_regular(path, MOST_EVENT).map_err(unreadable)?;
    let event: Value = serde_json::from_slice(&bytes).map_err(|e| unreadable(e.to_string()))?;
    let text = |at: &str| event.pointer(at).and_then(Value::as_str).map(str::to_owned);
    let number = |at: &str| event.pointer(at).and_then(Value::as_u64);
    if event.get("pull_request").is_some() {
        request.number = number("/pull_request/number").or(request.number);
        request.head = text("/pull_request/head/sha");
        request.base = text("/pull_request/base/sha");
    } else if event.get("merge_group").is_some() {
        request.head = text("/merge_group/head_sha");
        request.base = text("/merge_group/base_sha");
        request.queue = true;
    } else if let Some(head) = text("/workflow_run/head_sha") {
        // Of a fork the run names no request, so it is looked for by where its commits come from.
        let owner = text("/workflow_run/head_repository/owner/login");
        let branch = owner.zip(text("/workflow_run/head_branch"));
        request.origin = Some(Origin { head: head.clone(), branch });
        request.head = Some(head);
    } else if event.pointer("/issue/pull_request").is_some() {
        request.number = number("/issue/number");
    }
    Ok(request)
}

/// OWNER/NAME of a remote's address.
fn of_remote(address: &str) -> Option<String> {
    let path = match address.split_once("://") {
        Some((_, rest)) => rest.split_once('/')?.1,
        // git@github.com:owner/name.git
        None => address.split_once(':')?.1,
    };
    let path = path.trim_matches('/');
    let path = path.strip_suffix(".git").unwrap_or(path);
    (path.split('/').count() >= 2 && !path.is_empty()).then(|| path.to_owned())
}

/// The connection to the forge; whether there are credentials beside it.
///
/// # Errors
/// What is missing or wrong.
pub fn connect(
    forge: ForgeName,
    repository: &str,
    quality: gitlab::Writer,
) -> Result<(Box<dyn Forge>, bool), Failure> {
    match forge {
        ForgeName::Github => {
            let (client, known) = github_client(repository)?;
            Ok((Box::new(github::GitHub::new(client)), known))
        }
        ForgeName::Gitlab => {
            let api = variable("CI_API_V4_URL").unwrap_or_else(|| "https://gitlab.com/api/v4".into());
            let auth = match (secret(&["GITLAB_TOKEN"]), secret(&["CI_JOB_TOKEN"])) {
                (Some(token), _) => gitlab::Auth::Token(token),
                (None, Some(token)) => gitlab::Auth::Job(token),
                (None, None) => gitlab::Auth::Nobody,
            };
            let known = !matches!(auth, gitlab::Auth::Nobody);
            let access = gitlab::Access { api, auth, project: repository.to_owned() };
            let forge = gitlab::GitLab::connect(&access, Box::new(System), quality).map_err(refused)?;
            Ok((Box::new(forge), known))
        }
    }
}

fn refused(failed: crate::forge::Failed) -> Failure {
    match failed.why {
        crate::forge::Why::Refused => Failure::usage(failed.to_string()),
        _ => Failure::environment(failed.to_string()),
    }
}

/// The connection to GitHub, and whether there are credentials.
fn github_client(repository: &str) -> Result<(github::Client, bool), Failure> {
    let api = variable("GITHUB_API_URL").unwrap_or_else(|| "https://api.github.com".into());
    let graphql = variable("GITHUB_GRAPHQL_URL");
    let graphql = graphql.unwrap_or_else(|| github::Access::graphql_of(&api));
    let auth = match of_app()? {
        Some(app) => app,
        None => match secret(&["GITHUB_TOKEN", "GH_TOKEN"]) {
            Some(token) => github::Auth::Token(token),
            None => github::Auth::Nobody,
        },
    };
    let known = !matches!(auth, github::Auth::Nobody);
    let access = github::Access { api, graphql, auth, repository: repository.to_owned() };
    let client = github::Client::connect(&access, Box::new(System)).map_err(refused)?;
    Ok((client, known))
}

/// The connection to GitHub; nothing where there are no credentials.
///
/// # Errors
/// What is wrong with the addresses or the credentials.
pub fn github(repository: &str) -> Result<Option<github::Client>, Failure> {
    let (client, known) = github_client(repository)?;
    Ok(known.then_some(client))
}

/// The repository of GitHub that something is about: what is named, else what the pipeline says,
/// else where the clone came from.
pub fn repository(named: Option<&str>, repo: &Repo) -> Option<String> {
    let named = named.map(str::to_owned).or_else(|| variable("GITHUB_REPOSITORY"));
    named.or_else(|| of_remote(&repo.origin()?))
}

/// The number of the workflow run that this is.
pub fn run() -> Option<u64> {
    variable("GITHUB_RUN_ID")?.parse().ok()
}

/// The page of the workflow run that this is.
pub fn run_url() -> Option<String> {
    let (server, repository) = (variable("GITHUB_SERVER_URL")?, variable("GITHUB_REPOSITORY")?);
    Some(format!("{server}/{repository}/actions/runs/{}", run()?))
}

fn secret(names: &[&str]) -> Option<Secret> {
    names.iter().find_map(|name| variable(name)).and_then(Secret::new)
}

fn of_app() -> Result<Option<github::Auth>, Failure> {
    const ID: &str = "LUASCALE_GITHUB_APP_ID";
    const KEY: &str = "LUASCALE_GITHUB_APP_KEY";
    match (variable(ID), secret(&[KEY])) {
        (None, None) => Ok(None),
        (Some(id), Some(key)) => match id.trim().parse() {
            Ok(id) => Ok(Some(github::Auth::App { id, key })),
            Err(_) => Err(Failure::usage(format!("{ID} is the App's number, and not {id}"))),
        },
        (id, _) => {
            let (there, missing) = if id.is_some() { (ID, KEY) } else { (KEY, ID) };
            Err(Failure::usage(format!("{there} is set and {missing} is not"))
                .hint("an App is its number and its private key, as PEM"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_remote_names_its_repository() {
        for (address, name) in [
            ("https://github.com/acme/policies.git", Some("acme/policies")),
            ("git@github.com:acme/policies.git", Some("acme/policies")),
            ("ssh://git@host:22/acme/policies", Some("acme/policies")),
            ("https://gitlab.com/a/b/c/", Some("a/b/c")),
            ("/srv/policies.git", None),
            ("https://github.com/acme", None),
        ] {
            assert_eq!(of_remote(address).as_deref(), name, "{address}");
        }
    }
}
