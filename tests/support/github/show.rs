//! What the fake shows of what it holds: as REST and as GraphQL have it.

use super::store::{Check, Comment, Commit, File, Pull, Review, Side, Store, Thread};
use serde_json::{Value, json};
use std::ops::RangeInclusive;

pub fn time(seconds: u64) -> String {
    jiff::Timestamp::from_second(i64::try_from(seconds).unwrap()).unwrap().to_string()
}

fn user(login: &str) -> Value {
    let bot = login.ends_with("[bot]");
    json!({ "login": login, "type": if bot { "Bot" } else { "User" } })
}

fn actor(login: &str) -> Value {
    match login.strip_suffix("[bot]") {
        Some(slug) => json!({ "__typename": "Bot", "login": slug }),
        None => json!({ "__typename": "User", "login": login }),
    }
}

pub fn repository(store: &Store, name: &str) -> Value {
    let repository = &store.repositories[name];
    json!({ "id": repository.id, "full_name": name, "default_branch": repository.default_branch })
}

fn side(store: &Store, side: &Side) -> Value {
    let repo = side.repository.as_ref().map(|name| {
        // A fork need not be held: it is another one.
        let id = store.repositories.get(name).map_or(999_999, |r| r.id);
        json!({ "id": id, "full_name": name, "fork": !store.repositories.contains_key(name) })
    });
    json!({ "ref": side.branch, "sha": side.sha, "repo": repo })
}

pub fn pull(store: &Store, name: &str, pull: &Pull, whole: bool) -> Value {
    let _ = name;
    let merged = pull.merge_commit.is_some();
    let mut out = json!({
        "number": pull.number,
        "state": if pull.closed || merged { "closed" } else { "open" },
        "draft": pull.draft,
        "user": user(&pull.author),
        "head": side(store, &pull.head),
        "base": side(store, &pull.base),
        "merge_commit_sha": pull.merge_commit,
        "merged_at": pull.merged_at.map(time),
    });
    // Lists leave these out.
    if whole {
        out["merged"] = json!(merged);
        out["changed_files"] = json!(pull.files.len());
        out["commits"] = json!(pull.commits.len());
    }
    out
}

pub fn file(file: &File) -> Value {
    let mut out = json!({ "filename": file.path, "status": file.status });
    if let Some(patch) = &file.patch {
        out["patch"] = json!(patch);
    }
    out
}

pub fn commit(commit: &Commit) -> Value {
    json!({
        "sha": commit.sha,
        "author": commit.author.as_deref().map(user),
        "committer": commit.committer.as_deref().map(user),
        "commit": { "message": commit.message },
    })
}

pub fn review(store: &Store, review: &Review) -> Value {
    let _ = store;
    json!({
        "id": review.id,
        "node_id": format!("PRR_{}", review.id),
        "user": user(&review.author),
        "body": review.body,
        "state": review.state,
        "commit_id": review.commit,
        "submitted_at": time(review.submitted),
    })
}

pub fn comment(store: &Store, comment: &Comment, kind: &str) -> Value {
    let _ = store;
    let prefix = if kind == "IssueComment" { "IC" } else { "PRRC" };
    json!({
        "id": comment.id,
        "node_id": format!("{prefix}_{}", comment.id),
        "user": user(&comment.author),
        "body": comment.body,
        "created_at": time(comment.created),
    })
}

pub fn check(check: &Check) -> Value {
    json!({
        "id": check.id,
        "name": check.name,
        "head_sha": check.head,
        "status": check.status,
        "conclusion": check.conclusion,
        "external_id": check.external_id,
        "app": { "id": check.app.id, "slug": check.app.slug },
        "output": {
            "title": check.title,
            "summary": check.summary,
            "text": check.text,
            "annotations_count": check.annotations.len(),
        },
        "started_at": time(check.started),
        "completed_at": check.completed.map(time),
    })
}

/// The lines that a patch shows on a side, a range a hunk.
pub fn hunks(patch: &str, side: &str) -> Vec<RangeInclusive<u64>> {
    let header = |line: &str| {
        let inside = line.strip_prefix("@@ -")?.split(" @@").next()?;
        let (old, new) = inside.split_once(" +")?;
        let range = if side == "LEFT" { old } else { new };
        let (start, lines) = range.split_once(',').unwrap_or((range, "1"));
        let (start, lines): (u64, u64) = (start.parse().ok()?, lines.parse().ok()?);
        (lines > 0).then(|| start..=start + lines - 1)
    };
    patch.lines().filter_map(header).collect()
}

/// A node of GraphQL: what both kinds of comment and reviews have.
fn node(
    viewer: &str,
    id: u64,
    prefix: &str,
    kind: &str,
    author: &str,
    body: &str,
    minimised: Option<&str>,
) -> Value {
    json!({
        "__typename": kind,
        "id": format!("{prefix}_{id}"),
        "databaseId": id,
        "fullDatabaseId": id.to_string(),
        "author": actor(author),
        "body": body,
        "isMinimized": minimised.is_some(),
        "minimizedReason": minimised,
        "viewerDidAuthor": viewer == author,
    })
}

pub fn graph_comment(viewer: &str, comment: &Comment, kind: &str) -> Value {
    let prefix = if kind == "IssueComment" { "IC" } else { "PRRC" };
    let minimised = comment.minimised.as_deref();
    let mut out = node(viewer, comment.id, prefix, kind, &comment.author, &comment.body, minimised);
    out["createdAt"] = json!(time(comment.created));
    out
}

pub fn graph_review(viewer: &str, pull: &Pull, review: &Review) -> Value {
    let minimised = review.minimised.as_deref();
    let mut out =
        node(viewer, review.id, "PRR", "PullRequestReview", &review.author, &review.body, minimised);
    out["state"] = json!(review.state);
    out["submittedAt"] = json!(time(review.submitted));
    out["commit"] = json!({ "__typename": "Commit", "oid": review.commit });
    out["authorCanPushToRepository"] = Value::Null;
    let of = |t: &&Thread| t.review == review.id;
    let comments: Vec<Value> = pull
        .threads
        .iter()
        .filter(of)
        .map(|t| graph_comment(viewer, &t.comments[0], "PullRequestReviewComment"))
        .collect();
    out["comments"] = Value::from(comments);
    out
}

pub fn graph_thread(viewer: &str, thread: &Thread) -> Value {
    let comments: Vec<Value> =
        thread.comments.iter().map(|c| graph_comment(viewer, c, "PullRequestReviewComment")).collect();
    json!({
        "__typename": "PullRequestReviewThread",
        "id": format!("PRRT_{}", thread.id),
        "isResolved": thread.resolved,
        "isOutdated": false,
        "path": thread.path,
        "line": thread.line,
        "startLine": thread.start_line,
        "resolvedBy": thread.resolved_by.as_deref().map(actor),
        "comments": comments,
    })
}

/// A commit as GraphQL has it.
pub fn graph_commit(commit: &Commit) -> Value {
    let who = |login: &Option<String>| {
        // Buttons on GitHub are pressed as `web-flow`.
        let web = login.as_deref() == Some("web-flow");
        let name = login.as_deref().unwrap_or("Somebody");
        let email = if web { "noreply@github.com".into() } else { format!("{name}@example.com") };
        json!({ "__typename": "GitActor", "name": name, "email": email, "user": login.as_deref().map(actor) })
    };
    let authors: Vec<Value> = std::iter::once(&commit.author).chain(&commit.co_authors).map(who).collect();
    json!({
        "__typename": "Commit",
        "oid": commit.sha,
        "message": commit.message,
        "author": who(&commit.author),
        "committer": who(&commit.committer),
        "authors": authors,
    })
}

/// A pull request as GraphQL has it; its lists are connections.
pub fn graph_pull(store: &Store, name: &str, viewer: &str, pull: &Pull) -> Value {
    let merged = pull.merge_commit.is_some();
    let repository = &store.repositories[name];
    let reviews: Vec<Value> = pull
        .reviews
        .iter()
        .map(|review| {
            let mut shown = graph_review(viewer, pull, review);
            let may = repository.collaborators.get(&review.author);
            shown["authorCanPushToRepository"] = json!(may.is_some_and(|may| may != "read"));
            shown
        })
        .collect();
    let of = |list: &[Comment], kind| -> Vec<Value> {
        list.iter().map(|c| graph_comment(viewer, c, kind)).collect()
    };
    let commits: Vec<Value> = pull
        .commits
        .iter()
        .take(250)
        .map(|c| json!({ "__typename": "PullRequestCommit", "commit": graph_commit(c) }))
        .collect();
    json!({
        "__typename": "PullRequest",
        "id": format!("PR_{}", pull.number),
        "number": pull.number,
        "state": if merged { "MERGED" } else if pull.closed { "CLOSED" } else { "OPEN" },
        "merged": merged,
        "isDraft": pull.draft,
        "author": actor(&pull.author),
        "headRefOid": pull.head.sha,
        "headRefName": pull.head.branch,
        "baseRefName": pull.base.branch,
        "baseRefOid": pull.base.sha,
        "isCrossRepository": pull.head.repository.as_deref() != Some(name),
        "mergeCommit": pull.merge_commit.as_ref().map(|oid| json!({ "__typename": "Commit", "oid": oid })),
        "mergedAt": pull.merged_at.map(time),
        "reviewDecision": pull.decision,
        "comments": of(&pull.conversation, "IssueComment"),
        "reviews": reviews,
        "reviewThreads": pull.threads.iter().map(|t| graph_thread(viewer, t)).collect::<Vec<_>>(),
        "commits": commits,
    })
}
