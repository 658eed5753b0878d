//! GitHub as a forge: pull requests, reviews, comments and check runs. May import: siblings, the
//! modules above, `review`, `model`.

mod checks;
mod client;
mod existing;
pub mod proof;

pub use client::{Access, Auth, Client};

use super::{Facts, Failed, Files, Forge, Origin, Report, State, Why};
use crate::report::segment;
use crate::review::{Existing, Inline, Operation, Touched, parse};
use serde_json::{Map, Value, json};

/// Most files that GitHub lists of a request.
const MOST_FILES: usize = 3000;

/// GitHub, for one repository.
pub struct GitHub {
    client: Client,
}

impl GitHub {
    /// GitHub by a connection.
    pub fn new(client: Client) -> GitHub {
        GitHub { client }
    }

    /// The connection.
    pub fn client(&self) -> &Client {
        &self.client
    }

    fn mutate(&self, name: &str, input: &str, fields: &Value) -> Result<(), Failed> {
        let document = format!("mutation($input:{input}!){{{name}(input:$input){{clientMutationId}}}}");
        self.client.graphql(&document, &json!({ "input": fields })).map(|_| ())
    }
}

impl Forge for GitHub {
    fn name(&self) -> &'static str {
        "GitHub"
    }

    fn request(&self, number: u64) -> Result<Facts, Failed> {
        read(&self.client.get(&format!("pulls/{number}"))?)
            .ok_or_else(|| Failed::odd("the answer is no pull request"))
    }

    fn find(&self, origin: &Origin) -> Result<Option<u64>, Failed> {
        let path = match &origin.branch {
            Some((owner, branch)) => {
                format!("pulls?state=open&head={}:{}", segment(owner), segment(branch))
            }
            None => format!("commits/{}/pulls", segment(&origin.head)),
        };
        let found = self.client.list(&path, "")?;
        let of_head = |pull: &&Value| {
            pull.pointer("/head/sha").and_then(Value::as_str) == Some(&*origin.head)
                && pull.get("state").and_then(Value::as_str) == Some("open")
        };
        Ok(found.iter().filter(of_head).filter_map(|pull| pull.get("number")?.as_u64()).max())
    }

    fn touched(&self, facts: &Facts) -> Result<Files, Failed> {
        let listed = self.client.list(&format!("pulls/{}/files", facts.number), "")?;
        let complete = match facts.changed_files {
            Some(count) => u64::try_from(listed.len()).is_ok_and(|listed| listed >= count),
            None => listed.len() < MOST_FILES,
        };
        let touched = listed.iter().filter_map(|file| {
            let path = file.get("filename")?.as_str()?.to_owned();
            Some(Touched { path, hunks: file.get("patch").and_then(Value::as_str).map(parse) })
        });
        Ok(Files { touched: touched.collect(), complete })
    }

    fn existing(&self, number: u64) -> Result<Vec<Existing>, Failed> {
        existing::read(&self.client, number)
    }

    fn write(&self, facts: &Facts, operation: &Operation) -> Result<(), Failed> {
        let number = facts.number;
        match operation {
            Operation::Say { body } => {
                self.client.post(&format!("issues/{number}/comments"), &json!({ "body": body })).map(|_| ())
            }
            Operation::Change { id, body } => {
                self.client.patch(&format!("issues/comments/{id}"), &json!({ "body": body })).map(|_| ())
            }
            Operation::Review { body, comments, .. } => {
                let comments: Vec<Value> = comments.iter().map(inline).collect();
                let mut review = Map::new();
                review.insert("commit_id".into(), json!(facts.head));
                review.insert("event".into(), json!("COMMENT"));
                review.insert("body".into(), json!(body));
                if !comments.is_empty() {
                    review.insert("comments".into(), json!(comments));
                }
                self.client.post(&format!("pulls/{number}/reviews"), &Value::Object(review)).map(|_| ())
            }
            Operation::Resolve { thread, comment } => {
                let resolved = self.mutate(
                    "resolveReviewThread",
                    "ResolveReviewThreadInput",
                    &json!({ "threadId": thread }),
                );
                match resolved {
                    // GitHub asks for `contents: write` here, which a review has no other use for.
                    Err(failed) if failed.why == Why::Forbidden => self.minimise(comment),
                    other => other,
                }
            }
            Operation::Reopen { thread } => self.mutate(
                "unresolveReviewThread",
                "UnresolveReviewThreadInput",
                &json!({ "threadId": thread }),
            ),
            Operation::Minimise { node } => self.minimise(node),
            Operation::Unfold { node } => {
                self.mutate("unminimizeComment", "UnminimizeCommentInput", &json!({ "subjectId": node }))
            }
        }
    }

    fn report(&self, report: &Report) -> Result<bool, Failed> {
        checks::report(&self.client, report)
    }
}

impl GitHub {
    fn minimise(&self, node: &str) -> Result<(), Failed> {
        let fields = json!({ "subjectId": node, "classifier": "OUTDATED" });
        self.mutate("minimizeComment", "MinimizeCommentInput", &fields)
    }
}

fn inline(comment: &Inline) -> Value {
    let mut fields = Map::new();
    fields.insert("path".into(), json!(comment.path));
    // GitHub refuses a first line that is the last.
    if let Some(start) = comment.start_line {
        fields.insert("start_line".into(), json!(start));
        fields.insert("start_side".into(), json!("RIGHT"));
    }
    fields.insert("line".into(), json!(comment.line));
    fields.insert("side".into(), json!("RIGHT"));
    fields.insert("body".into(), json!(comment.body));
    Value::Object(fields)
}

fn read(pull: &Value) -> Option<Facts> {
    let text = |at: &str| pull.pointer(at).and_then(Value::as_str).map(str::to_owned);
    let id = |at: &str| pull.pointer(at).and_then(Value::as_u64);
    let open = pull.get("state")?.as_str()? == "open";
    let merged = pull.get("merged").and_then(Value::as_bool).unwrap_or(false);
    Some(Facts {
        number: pull.get("number")?.as_u64()?,
        state: match (open, merged) {
            (true, _) => State::Open,
            (false, true) => State::Merged,
            (false, false) => State::Closed,
        },
        draft: pull.get("draft").and_then(Value::as_bool).unwrap_or(false),
        head: text("/head/sha")?,
        base: text("/base/sha")?,
        base_branch: text("/base/ref")?,
        start: None,
        // An account that is gone has no name.
        author: text("/user/login").unwrap_or_default(),
        fork: id("/head/repo/id").is_none() || id("/head/repo/id") != id("/base/repo/id"),
        changed_files: id("/changed_files"),
    })
}
