//! The REST API of the fake.

use super::answer::{Answer, Request, missing, ok, refused, unprocessable};
use super::show;
use super::store::{Account, Check, Comment, Review, Store, Thread};
use serde_json::{Value, json};

/// Most characters of a body.
const BODY: usize = 65_536;

/// Answers a request to a path, already without the prefix of a server of one's own.
pub fn answer(store: &mut Store, request: &Request, account: &Account) -> Answer {
    let path: Vec<&str> = request.path.trim_matches('/').split('/').collect();
    match path.as_slice() {
        ["repos", owner, name, rest @ ..] => {
            let name = format!("{owner}/{name}");
            if !store.repositories.contains_key(&name) {
                return missing();
            }
            below(store, &name, rest, request, account)
        }
        ["app", "installations", id, "access_tokens"] if request.method == "POST" => token(store, id),
        _ => missing(),
    }
}

fn may(account: &Account, what: &[&str]) -> Result<(), Answer> {
    let may = what.iter().any(|what| account.permissions.get(*what).is_some_and(|how| how == "write"));
    if may { Ok(()) } else { Err(Answer::forbidden()) }
}

fn below(store: &mut Store, repository: &str, path: &[&str], request: &Request, account: &Account) -> Answer {
    let done = match (request.method.as_str(), path) {
        ("GET", []) => Ok(ok(show::repository(store, repository))),
        ("GET", ["pulls"]) => Ok(pulls(store, repository, request)),
        ("GET", ["commits", sha, "pulls"]) => {
            let of = |p: &&super::store::Pull| {
                p.head.sha == **sha
                    || p.merge_commit.as_deref() == Some(*sha)
                    || p.commits.iter().any(|c| c.sha == **sha)
            };
            let found = store.repositories[repository].pulls.values().filter(of);
            let shown: Vec<Value> = found.map(|p| show::pull(store, repository, p, false)).collect();
            Ok(request.page(shown, ""))
        }
        ("GET", ["commits", sha, "check-runs"]) => Ok(check_runs(store, repository, sha, request)),
        ("GET", ["check-runs", id]) => {
            let found = store.repositories[repository].checks.iter().find(|c| c.id.to_string() == **id);
            Ok(found.map_or_else(missing, |check| ok(show::check(check))))
        }
        ("POST", ["check-runs"]) => {
            may(account, &["checks"]).map(|()| create_check(store, repository, request, account))
        }
        ("PATCH", ["check-runs", id]) => {
            may(account, &["checks"]).map(|()| update_check(store, repository, id, request, account))
        }
        ("GET", ["installation"]) => Ok(match &store.repositories[repository].installation {
            Some((app, id)) => ok(json!({ "id": id, "app_id": app.id, "app_slug": app.slug })),
            None => missing(),
        }),
        ("PATCH", ["issues", "comments", id]) => {
            may(account, &["issues", "pull_requests"]).map(|()| edit(store, repository, id, request, account))
        }
        (method, [kind @ ("pulls" | "issues"), number, rest @ ..])
            if number.parse::<u64>().is_ok_and(|n| store.repositories[repository].pulls.contains_key(&n)) =>
        {
            let number = number.parse::<u64>().unwrap();
            match (method, *kind, rest) {
                ("GET", "pulls", []) => Ok(ok(show::pull(
                    store,
                    repository,
                    &store.repositories[repository].pulls[&number],
                    true,
                ))),
                ("GET", "pulls", ["files"]) => {
                    let files = &store.repositories[repository].pulls[&number].files;
                    // GitHub ends the list there.
                    Ok(request.page(files.iter().take(3000).map(show::file).collect(), ""))
                }
                ("GET", "pulls", ["commits"]) => {
                    let commits = &store.repositories[repository].pulls[&number].commits;
                    Ok(request.page(commits.iter().take(250).map(show::commit).collect(), ""))
                }
                ("GET", "pulls", ["reviews"]) => {
                    let reviews = &store.repositories[repository].pulls[&number].reviews;
                    Ok(request.page(reviews.iter().map(|r| show::review(store, r)).collect(), ""))
                }
                ("POST", "pulls", ["reviews"]) => may(account, &["pull_requests"])
                    .and_then(|()| review(store, repository, number, request, account)),
                ("POST", "issues", ["comments"]) => may(account, &["issues", "pull_requests"])
                    .map(|()| say(store, repository, number, request, account)),
                _ => Ok(missing()),
            }
        }
        ("GET", rest) => {
            let found = store.repositories[repository].canned.get(&rest.join("/")).cloned();
            Ok(match found {
                Some(Value::Array(items)) => request.page(items, ""),
                Some(other) => ok(other),
                None => missing(),
            })
        }
        ("POST", ["deployments"]) => may(account, &["deployments"]).map(|()| {
            let id = store.number();
            let mut made = request.json.clone();
            made["id"] = json!(id);
            made["statuses"] = json!([]);
            store.repositories.get_mut(repository).unwrap().deployments.push(made.clone());
            Answer::json(201, made)
        }),
        ("POST", ["deployments", id, "statuses"]) => may(account, &["deployments"]).map(|()| {
            let status = request.json.clone();
            let all = &mut store.repositories.get_mut(repository).unwrap().deployments;
            match all.iter_mut().find(|d| d["id"].as_u64() == id.parse().ok()) {
                Some(found) => {
                    found["statuses"].as_array_mut().unwrap().push(status.clone());
                    Answer::json(201, status)
                }
                None => missing(),
            }
        }),
        ("POST", ["code-scanning", "sarifs"]) => may(account, &["security_events"]).map(|()| {
            let id = store.number().to_string();
            store.repositories.get_mut(repository).unwrap().scanned.push(request.json.clone());
            Answer::json(202, json!({ "id": id }))
        }),
        _ => Ok(missing()),
    };
    done.unwrap_or_else(|refusal| refusal)
}

fn token(store: &mut Store, id: &str) -> Answer {
    let found = store.repositories.values().find_map(|r| {
        r.installation
            .as_ref()
            .filter(|(_, installed)| installed.to_string() == id)
            .map(|(app, _)| app.clone())
    });
    let Some(app) = found else { return missing() };
    let token = format!("ghs_{}", store.number());
    let permissions =
        [("contents", "read"), ("pull_requests", "write"), ("checks", "write"), ("deployments", "write")];
    let account = Account {
        login: format!("{}[bot]", app.slug),
        app: Some(app),
        permissions: permissions.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect(),
    };
    store.tokens.insert(token.clone(), account);
    Answer::json(201, json!({ "token": token, "expires_at": "2030-01-01T00:00:00Z", "permissions": {} }))
}

fn pulls(store: &Store, repository: &str, request: &Request) -> Answer {
    let state = request.query.get("state").map_or("open", String::as_str);
    let shown = store.repositories[repository].pulls.values().filter(|pull| {
        let open = !pull.closed && pull.merge_commit.is_none();
        let head = format!(
            "{}:{}",
            pull.head.repository.as_deref().unwrap_or("").split('/').next().unwrap(),
            pull.head.branch
        );
        (state == "all" || (state == "open") == open)
            && request.query.get("head").is_none_or(|wanted| *wanted == head)
            && request.query.get("base").is_none_or(|wanted| *wanted == pull.base.branch)
    });
    request.page(shown.map(|pull| show::pull(store, repository, pull, false)).collect(), "")
}

fn body_of(request: &Request) -> Result<String, Answer> {
    let Some(body) = request.json["body"].as_str().filter(|body| !body.trim().is_empty()) else {
        return Err(unprocessable("IssueComment", "body", "body can't be blank"));
    };
    if body.chars().count() > BODY {
        return Err(unprocessable("IssueComment", "body", "Body is too long (maximum is 65536 characters)"));
    }
    Ok(body.to_owned())
}

fn say(store: &mut Store, repository: &str, number: u64, request: &Request, account: &Account) -> Answer {
    let body = match body_of(request) {
        Ok(body) => body,
        Err(refusal) => return refusal,
    };
    let (id, created) = (store.number(), store.tick());
    let comment = Comment { id, author: account.login.clone(), body, minimised: None, created };
    let shown = show::comment(store, &comment, "IssueComment");
    store.pull(repository, number).conversation.push(comment);
    Answer::json(201, shown)
}

fn edit(store: &mut Store, repository: &str, id: &str, request: &Request, account: &Account) -> Answer {
    let body = match body_of(request) {
        Ok(body) => body,
        Err(refusal) => return refusal,
    };
    let all = store.repositories.get_mut(repository).unwrap().pulls.values_mut();
    let Some(found) = all.flat_map(|p| &mut p.conversation).find(|c| c.id.to_string() == id) else {
        return missing();
    };
    if found.author != account.login {
        return Answer::forbidden();
    }
    found.body = body;
    let found = found.clone();
    ok(show::comment(store, &found, "IssueComment"))
}

fn review(
    store: &mut Store,
    repository: &str,
    number: u64,
    request: &Request,
    account: &Account,
) -> Result<Answer, Answer> {
    let wrong = |field: &str, message: &str| {
        unprocessable("PullRequestReviewComment", &format!("pull_request_review_thread.{field}"), message)
    };
    let pull = store.pull(repository, number).clone();
    let event = request.json["event"].as_str().unwrap_or("PENDING");
    let state = match event {
        "COMMENT" => "COMMENTED",
        "APPROVE" if account.login != pull.author => "APPROVED",
        "REQUEST_CHANGES" if account.login != pull.author => "CHANGES_REQUESTED",
        _ => return Err(refused("Review Can not approve your own pull request")),
    };
    let commit = request.json["commit_id"].as_str().unwrap_or(&pull.head.sha).to_owned();
    if commit != pull.head.sha && !pull.commits.iter().any(|c| c.sha == commit) {
        return Err(refused("commit_id is not part of the pull request"));
    }
    let body = request.json["body"].as_str().unwrap_or_default().to_owned();
    let comments = request.json["comments"].as_array().cloned().unwrap_or_default();
    if state == "COMMENTED" && body.trim().is_empty() && comments.is_empty() {
        return Err(refused("body can't be blank"));
    }
    if body.chars().count() > BODY {
        return Err(unprocessable(
            "PullRequestReview",
            "body",
            "Body is too long (maximum is 65536 characters)",
        ));
    }
    let mut threads = Vec::new();
    // All or nothing.
    for comment in &comments {
        let text = |key: &str| comment[key].as_str().unwrap_or_default().to_owned();
        let file = pull.files.iter().find(|f| f.path == text("path"));
        let patch = file
            .and_then(|f| f.patch.as_deref())
            .ok_or_else(|| wrong("path", "Path could not be resolved"))?;
        let line = comment["line"].as_u64().ok_or_else(|| wrong("line", "is missing"))?;
        let start_line = comment.get("start_line").and_then(Value::as_u64);
        if start_line.is_some_and(|start| start >= line) {
            return Err(wrong("start_line", "must precede the end line."));
        }
        let side = comment["side"].as_str().unwrap_or("RIGHT");
        if !show::hunks(patch, side)
            .iter()
            .any(|lines| lines.contains(&line) && lines.contains(&start_line.unwrap_or(line)))
        {
            return Err(wrong("line", "must be part of the diff"));
        }
        let body = text("body");
        if body.trim().is_empty() || body.chars().count() > BODY {
            return Err(wrong("body", "is blank or too long (maximum is 65536 characters)"));
        }
        threads.push((text("path"), line, start_line, body));
    }
    let (id, submitted) = (store.number(), store.tick());
    let author = account.login.clone();
    let state = state.to_owned();
    let made = Review { id, author: author.clone(), body, state, commit, minimised: None, submitted };
    let shown = show::review(store, &made);
    for (path, line, start_line, body) in threads {
        let (thread, comment) = (store.number(), store.number());
        let comment =
            Comment { id: comment, author: author.clone(), body, minimised: None, created: submitted };
        let thread = Thread {
            id: thread,
            review: id,
            path,
            line,
            start_line,
            comments: vec![comment],
            ..Thread::default()
        };
        store.pull(repository, number).threads.push(thread);
    }
    store.pull(repository, number).reviews.push(made);
    // GitHub answers 200 here, not 201.
    Ok(ok(shown))
}

fn check_runs(store: &Store, repository: &str, sha: &str, request: &Request) -> Answer {
    let name = request.query.get("check_name");
    let mut found: Vec<&Check> = store.repositories[repository]
        .checks
        .iter()
        .filter(|c| c.head == sha && name.is_none_or(|name| *name == c.name))
        .collect();
    if request.query.get("filter").is_none_or(|filter| filter == "latest") {
        let all = found.clone();
        found.retain(|c| {
            !all.iter().any(|other| other.name == c.name && other.app == c.app && other.id > c.id)
        });
    }
    request.page(found.into_iter().map(show::check).collect(), "check_runs")
}

fn create_check(store: &mut Store, repository: &str, request: &Request, account: &Account) -> Answer {
    // People's tokens write none.
    let Some(app) = account.app.clone() else { return Answer::forbidden() };
    let text = |key: &str| request.json[key].as_str().unwrap_or_default().to_owned();
    let (id, started) = (store.number(), store.tick());
    let (name, head, external_id) = (text("name"), text("head_sha"), text("external_id"));
    let check =
        Check { id, name, head, external_id, app, started, status: "queued".into(), ..Check::default() };
    store.repositories.get_mut(repository).unwrap().checks.push(check);
    let answer = update_check(store, repository, &id.to_string(), request, account);
    if answer.status != 200 {
        store.repositories.get_mut(repository).unwrap().checks.pop();
        return answer;
    }
    Answer { status: 201, ..answer }
}

fn update_check(
    store: &mut Store,
    repository: &str,
    id: &str,
    request: &Request,
    account: &Account,
) -> Answer {
    let now = store.tick();
    let all = &mut store.repositories.get_mut(repository).unwrap().checks;
    let Some(check) = all.iter_mut().find(|c| c.id.to_string() == id) else { return missing() };
    if Some(&check.app) != account.app.as_ref() {
        return Answer::forbidden();
    }
    let output = &request.json["output"];
    let summary = output["summary"].as_str().unwrap_or(&check.summary).to_owned();
    if summary.len() > 65_535 {
        return unprocessable("CheckRun", "summary", "is too long (maximum is 65535 bytes)");
    }
    let annotations = output["annotations"].as_array().cloned().unwrap_or_default();
    if annotations.len() > 50 {
        return unprocessable("CheckRun", "annotations", "exceeds a maximum quantity of 50");
    }
    let text = output["text"].as_str();
    if text.is_some_and(|text| text.len() > 65_535) {
        return unprocessable("CheckRun", "text", "is too long (maximum is 65535 bytes)");
    }
    check.summary = summary;
    if let Some(text) = text {
        check.text = Some(text.to_owned());
    }
    if let Some(title) = output["title"].as_str() {
        title.clone_into(&mut check.title);
    }
    check.annotations.extend(annotations);
    if let Some(status) = request.json["status"].as_str() {
        status.clone_into(&mut check.status);
    }
    if let Some(conclusion) = request.json["conclusion"].as_str() {
        check.conclusion = Some(conclusion.to_owned());
        check.status = "completed".into();
        check.completed = Some(now);
    }
    let check = check.clone();
    ok(show::check(&check))
}
