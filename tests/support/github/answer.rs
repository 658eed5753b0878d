//! Requests and answers of the fake.

use serde_json::{Value, json};
use std::collections::BTreeMap;

/// A request, read.
#[derive(Debug, Clone, Default)]
pub struct Request {
    pub method: String,
    /// Without the query, and without the prefix of a server of one's own.
    pub path: String,
    pub query: BTreeMap<String, String>,
    /// The body; null where there is none.
    pub json: Value,
    /// `http://127.0.0.1:PORT/…` as it was asked for, without the query.
    pub address: String,
}

/// An answer.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Answer {
    pub fn json(status: u16, body: Value) -> Answer {
        Answer { status, headers: Vec::new(), body: body.to_string() }
    }

    pub fn forbidden() -> Answer {
        Answer::json(403, json!({ "message": "Resource not accessible by integration" }))
    }
}

pub fn ok(body: Value) -> Answer {
    Answer::json(200, body)
}

pub fn missing() -> Answer {
    Answer::json(404, json!({ "message": "Not Found" }))
}

pub fn refused(message: &str) -> Answer {
    Answer::json(422, json!({ "message": "Unprocessable Entity", "errors": [message] }))
}

pub fn unprocessable(resource: &str, field: &str, message: &str) -> Answer {
    let error = json!({ "resource": resource, "code": "custom", "field": field, "message": message });
    Answer::json(422, json!({ "message": "Validation Failed", "errors": [error] }))
}

impl Request {
    /// A page of a list, with the address of the next; `inside` names what holds the items.
    pub fn page(&self, items: Vec<Value>, inside: &str) -> Answer {
        let number =
            |key: &str, default: usize| self.query.get(key).map_or(default, |n| n.parse().unwrap_or(default));
        let (size, page) = (number("per_page", 30).clamp(1, 100), number("page", 1).max(1));
        let all = items.len();
        let shown: Vec<Value> = items.into_iter().skip((page - 1) * size).take(size).collect();
        let mut answer = match inside {
            "" => ok(Value::from(shown)),
            inside => ok(json!({ "total_count": all, inside: shown })),
        };
        if page * size < all {
            let mut query: Vec<String> =
                self.query.iter().filter(|(k, _)| *k != "page").map(|(k, v)| format!("{k}={v}")).collect();
            query.push(format!("page={}", page + 1));
            let next = format!("<{}?{}>; rel=\"next\"", self.address, query.join("&"));
            answer.headers.push(("link".into(), next));
        }
        answer
    }
}
