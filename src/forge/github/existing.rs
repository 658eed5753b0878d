//! The comments that stand on a pull request, by GraphQL: REST tells neither whether a thread is
//! resolved nor whether the account that asks wrote a comment. May import: siblings, the modules
//! above, `review`.

use super::super::Failed;
use super::client::Client;
use crate::review::{Existing, Place};
use serde_json::{Value, json};

const CONVERSATION: &str = "query($owner:String!,$name:String!,$number:Int!,$after:String){repository(owner:$owner,name:$name){pullRequest(number:$number){comments(first:100,after:$after){pageInfo{hasNextPage endCursor}nodes{id fullDatabaseId body isMinimized viewerDidAuthor}}}}}";

const REVIEWS: &str = "query($owner:String!,$name:String!,$number:Int!,$after:String){repository(owner:$owner,name:$name){pullRequest(number:$number){reviews(first:100,after:$after){pageInfo{hasNextPage endCursor}nodes{id fullDatabaseId body isMinimized viewerDidAuthor}}}}}";

const THREADS: &str = "query($owner:String!,$name:String!,$number:Int!,$after:String){repository(owner:$owner,name:$name){pullRequest(number:$number){reviewThreads(first:100,after:$after){pageInfo{hasNextPage endCursor}nodes{id isResolved resolvedBy{login}comments(first:1){nodes{id fullDatabaseId body isMinimized viewerDidAuthor}}}}}}}";

/// All comments, from every page; of a thread the first, which is the one that a marker is in.
pub(super) fn read(client: &Client, number: u64) -> Result<Vec<Existing>, Failed> {
    let variables = json!({ "owner": client.owner(), "name": client.repository(), "number": number });
    let all = |document: &str, kind: &str| {
        client.nodes(document, &variables, &format!("/repository/pullRequest/{kind}"))
    };
    let me = client.viewer()?;
    let mut out = Vec::new();
    for node in all(CONVERSATION, "comments")? {
        out.extend(comment(&node, Place::Conversation));
    }
    for node in all(REVIEWS, "reviews")? {
        out.extend(comment(&node, Place::Review));
    }
    for thread in all(THREADS, "reviewThreads")? {
        let Some(id) = thread.get("id").and_then(Value::as_str) else { continue };
        let resolved = thread.get("isResolved").and_then(Value::as_bool).unwrap_or(false);
        // A bot that resolved it is no user, and so is nobody: that was an earlier run.
        let settled = resolved
            && thread.pointer("/resolvedBy/login").and_then(Value::as_str).is_some_and(|by| by != me);
        let place = Place::Thread { node: id.to_owned(), resolved, settled };
        // A thread whose comments were all deleted has none.
        out.extend(thread.pointer("/comments/nodes/0").and_then(|node| comment(node, place)));
    }
    Ok(out)
}

fn comment(node: &Value, place: Place) -> Option<Existing> {
    let id = node.get("fullDatabaseId")?;
    let flag = |key: &str| node.get(key).and_then(Value::as_bool).unwrap_or(false);
    Some(Existing {
        // A number too large for JavaScript comes as a text.
        id: id.as_u64().or_else(|| id.as_str()?.parse().ok())?,
        node: node.get("id")?.as_str()?.to_owned(),
        body: node.get("body")?.as_str()?.to_owned(),
        own: flag("viewerDidAuthor"),
        place,
        minimised: flag("isMinimized"),
    })
}
