//! The GraphQL API of the fake: its roots and mutations.

use super::answer::{Answer, Request, ok};
use super::graph::{Field, Operation, parse};
use super::show;
use super::store::{Account, Comment, Pull, Store};
use serde_json::{Map, Value, json};

/// Answers a request to the GraphQL API.
pub fn answer(store: &mut Store, request: &Request, account: &Account) -> Answer {
    let document = request.json["query"].as_str().unwrap_or_default();
    let operation = match parse(document, &request.json["variables"]) {
        Ok(operation) => operation,
        Err(why) => return ok(json!({ "errors": [{ "message": why }] })),
    };
    let mut data = Map::new();
    let mut errors = Vec::new();
    for field in operation.roots() {
        let found = if operation.mutation {
            mutate(store, account, &field.name, &field.arguments["input"])
        } else {
            root(store, account, field)
        };
        let value = found.and_then(|value| select(store, account, &operation, &value, field));
        data.insert(field.alias.clone(), value.clone().unwrap_or(Value::Null));
        if let Err((kind, message)) = value {
            errors.push(json!({ "type": kind, "path": [field.alias], "message": message }));
        }
    }
    let mut body = json!({ "data": data });
    if !errors.is_empty() {
        body["errors"] = Value::from(errors);
    }
    ok(body)
}

type Found = Result<Value, (&'static str, String)>;

fn select(store: &Store, account: &Account, operation: &Operation, value: &Value, field: &Field) -> Found {
    let special = |object: &Value, field: &Field| special(store, account, object, field);
    operation.take(value, &field.selected, &special).map_err(|why| ("undefinedField", why))
}

fn root(store: &Store, account: &Account, field: &Field) -> Found {
    let text = |key: &str| field.arguments.get(key).and_then(Value::as_str).unwrap_or_default();
    match field.name.as_str() {
        "organization" => {
            let login = text("login");
            let known = store.repositories.values().any(|r| r.teams.keys().any(|t| t.starts_with(login)));
            let wrong =
                ("NOT_FOUND", format!("Could not resolve to an Organization with the login of '{login}'."));
            known.then(|| json!({ "__typename": "Organization", "login": login })).ok_or(wrong)
        }
        "viewer" => Ok(json!({ "__typename": "User", "login": account.login })),
        "repository" => {
            let name = format!("{}/{}", text("owner"), text("name"));
            match store.repositories.get(&name) {
                Some(repository) => Ok(json!({
                    "__typename": "Repository",
                    "id": format!("R_{}", repository.id),
                    "nameWithOwner": name,
                    "defaultBranchRef": { "__typename": "Ref", "name": repository.default_branch },
                })),
                None => {
                    Err(("NOT_FOUND", format!("Could not resolve to a Repository with the name '{name}'.")))
                }
            }
        }
        other => Err(("undefinedField", format!("the fake knows no query {other}"))),
    }
}

/// Fields with arguments.
fn special(store: &Store, account: &Account, object: &Value, field: &Field) -> Option<Value> {
    let name = || object["nameWithOwner"].as_str().map(str::to_owned);
    let pull = |name: &str, pull: &Pull| {
        let mut shown = show::graph_pull(store, name, &account.login, pull);
        shown["repositoryName"] = json!(name);
        shown
    };
    match (object["__typename"].as_str()?, field.name.as_str()) {
        ("Repository", "pullRequest") => {
            let (name, number) = (name()?, field.arguments.get("number")?.as_u64()?);
            let found = store.repositories[&name].pulls.get(&number);
            Some(found.map_or(Value::Null, |found| pull(&name, found)))
        }
        ("Repository", "object") => {
            let oid = field.arguments.get("oid").or(field.arguments.get("expression"))?;
            let repository = &store.repositories[&name()?];
            let mut all = repository.pulls.values().flat_map(|p| &p.commits).chain(&repository.commits);
            let found = all.find(|commit| *oid == commit.sha)?;
            let mut shown = show::graph_commit(found);
            shown["repositoryName"] = json!(name()?);
            Some(shown)
        }
        ("Organization", "team") => {
            let name = format!("{}/{}", object["login"].as_str()?, field.arguments.get("slug")?.as_str()?);
            let members = store.repositories.values().find_map(|r| r.teams.get(&name))?;
            let users: Vec<Value> =
                members.iter().map(|login| json!({ "__typename": "User", "login": login })).collect();
            Some(json!({ "__typename": "Team", "members": users }))
        }
        ("Commit", "associatedPullRequests") => {
            let (name, oid) = (object["repositoryName"].as_str()?, object["oid"].as_str()?);
            let of = |p: &&Pull| {
                p.head.sha == oid
                    || p.merge_commit.as_deref() == Some(oid)
                    || p.commits.iter().any(|c| c.sha == oid)
            };
            Some(store.repositories[name].pulls.values().filter(of).map(|p| pull(name, p)).collect())
        }
        // The last opinion of each who may write, of those asked for.
        ("PullRequest", "latestOpinionatedReviews") => {
            let writers = field.arguments.get("writersOnly") == Some(&json!(true));
            let mut latest: Vec<Value> = Vec::new();
            for review in object["reviews"].as_array()? {
                let opinion =
                    matches!(review["state"].as_str()?, "APPROVED" | "CHANGES_REQUESTED" | "DISMISSED");
                if !opinion || writers && review["authorCanPushToRepository"] != json!(true) {
                    continue;
                }
                latest.retain(|other| other["author"] != review["author"]);
                latest.push(review.clone());
            }
            Some(Value::from(latest))
        }
        _ => None,
    }
}

fn mutate(store: &mut Store, account: &Account, name: &str, input: &Value) -> Found {
    let forbidden = || Err(("FORBIDDEN", "Resource not accessible by integration".to_owned()));
    let may = |what: &str| account.permissions.get(what).is_some_and(|how| how == "write");
    let id = |key: &str| {
        let text = input[key].as_str().unwrap_or_default();
        text.rsplit_once('_').and_then(|(_, id)| id.parse::<u64>().ok()).unwrap_or(0)
    };
    let missing = || Err(("NOT_FOUND", "Could not resolve to a node with the global id".to_owned()));
    let payload =
        |kind: &str| Ok(json!({ "__typename": kind, "clientMutationId": input["clientMutationId"] }));
    store.tick();
    let pulls = store.repositories.values_mut().flat_map(|r| r.pulls.values_mut());
    match name {
        "resolveReviewThread" | "unresolveReviewThread" => {
            // Odd, and so it is: https://github.com/orgs/community/discussions/44650
            if !may("contents") || !may("pull_requests") {
                return forbidden();
            }
            let Some(thread) = pulls.flat_map(|p| &mut p.threads).find(|t| t.id == id("threadId")) else {
                return missing();
            };
            thread.resolved = name == "resolveReviewThread";
            thread.resolved_by = (thread.resolved && account.app.is_none()).then(|| account.login.clone());
            let mut payload = payload("ResolveReviewThreadPayload")?;
            payload["thread"] = show::graph_thread(&account.login, thread);
            Ok(payload)
        }
        "minimizeComment" | "unminimizeComment" => {
            if !may("pull_requests") && !may("issues") {
                return forbidden();
            }
            let reason =
                input["classifier"].as_str().map(str::to_lowercase).filter(|_| name == "minimizeComment");
            let wanted = id("subjectId");
            for pull in pulls {
                if let Some(review) = pull.reviews.iter_mut().find(|r| r.id == wanted) {
                    review.minimised = reason;
                    return payload("MinimizeCommentPayload");
                }
                let threads = pull.threads.iter_mut().flat_map(|t| &mut t.comments);
                let found: Option<&mut Comment> =
                    threads.chain(&mut pull.conversation).find(|c| c.id == wanted);
                if let Some(found) = found {
                    found.minimised = reason;
                    return payload("MinimizeCommentPayload");
                }
            }
            missing()
        }
        other => Err(("undefinedField", format!("the fake knows no mutation {other}"))),
    }
}
