//! One exchange with a server: what it answers, when it is asked again, and what its refusals
//! mean. May import: siblings, `report`.

use super::pace::{Pace, UNSAID};
use super::{Failed, Why};
use http::HeaderMap;
use serde_json::Value;
use std::time::Duration;

/// How often a read is sent that is not answered.
const READS: u32 = 3;

/// Most bytes of an answer: a page of 100 files with their patches.
pub(super) const MOST_BYTES: usize = 32 << 20;

/// Longest time for an answer, connecting included.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// Most pages of one list: more than the 3,000 files or the comments of any request.
const MOST_PAGES: usize = 200;

/// An answer.
pub(super) struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Answer {
    /// The body as JSON; null where there is none.
    pub fn json(&self) -> Result<Value, Failed> {
        if self.body.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&self.body)
            .map_err(|_| Failed::new(0, Why::Odd, "the answer is not JSON: is this the address of an API?"))
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// What the server says of a request that it refused.
    fn says(&self) -> String {
        let Ok(json) = serde_json::from_slice::<Value>(&self.body) else {
            return match self.status {
                502..=504 => "the server is not there right now".into(),
                _ => "the server gives no reason".into(),
            };
        };
        let flat = |value: &Value| match value {
            Value::String(text) => text.clone(),
            Value::Null => String::new(),
            other => other.to_string(),
        };
        let message = json.get("message").or_else(|| json.get("error")).map(flat).unwrap_or_default();
        let mut parts: Vec<String> = vec![message];
        for error in json.get("errors").and_then(Value::as_array).into_iter().flatten() {
            let of = |key: &str| error.get(key).map(flat).unwrap_or_default();
            parts.push(match error {
                Value::String(text) => text.clone(),
                _ => [of("resource"), of("field"), of("code"), of("message")].join(" "),
            });
        }
        parts.retain(|part| !part.trim().is_empty());
        parts.join("; ")
    }

    /// How long the server wants whoever asks too often to wait; `None` where that is not what it
    /// says. Limits show as 403, 429 and 422, with a header or with words alone.
    fn limited(&self, now: Duration) -> Option<Duration> {
        let graph = self.status == 200;
        if !graph && !matches!(self.status, 403 | 422 | 429) {
            return None;
        }
        let spent = !graph && self.header("x-ratelimit-remaining") == Some("0");
        let after = self.header("retry-after").and_then(|text| text.trim().parse::<u64>().ok());
        let words = || {
            let text = self.errors().to_ascii_lowercase();
            ["rate limit", "rate_limited", "abuse detection", "submitted too quickly"]
                .iter()
                .any(|sign| text.contains(sign))
        };
        if !(self.status == 429 || spent || !graph && after.is_some() || words()) {
            return None;
        }
        let reset = self.header("x-ratelimit-reset").and_then(|text| text.trim().parse::<u64>().ok());
        let reset = reset.filter(|_| spent || self.header("x-ratelimit-remaining") == Some("0"));
        let wait = match (after, reset) {
            (Some(seconds), _) => Duration::from_secs(seconds),
            (None, Some(at)) => Duration::from_secs(at + 1).saturating_sub(now),
            (None, None) => UNSAID,
        };
        Some(wait.max(Duration::from_secs(1)))
    }

    /// The words in which limits are told: not those of the data that GraphQL answers with.
    fn errors(&self) -> String {
        match self.status {
            200 => {
                let json = serde_json::from_slice::<Value>(&self.body).unwrap_or_default();
                json.get("errors").map(Value::to_string).unwrap_or_default()
            }
            _ => String::from_utf8_lossy(&self.body).into_owned(),
        }
    }

    /// Itself, where it says that all is well.
    pub fn success(self) -> Result<Answer, Failed> {
        if (200..300).contains(&self.status) { Ok(self) } else { Err(self.failed()) }
    }

    fn failed(&self) -> Failed {
        let why = match self.status {
            401 => Why::Credentials,
            403 => Why::Forbidden,
            404 | 410 => Why::Missing,
            400..=499 => Why::Refused,
            500..=599 => Why::Unknown,
            _ => Why::Odd,
        };
        match self.header("location").filter(|_| (300..400).contains(&self.status)) {
            Some(to) => Failed::new(self.status, why, &format!("it has moved to {to}")),
            None => Failed::new(self.status, why, &self.says()),
        }
    }

    /// The query of the next page.
    pub fn next(&self) -> Option<String> {
        let link = self.header("link")?;
        link.split(',').find_map(|part| {
            let (address, rel) = part.split_once(';')?;
            let next = rel.split(';').any(|word| matches!(word.trim(), "rel=\"next\"" | "rel=next"));
            let address = address.trim().strip_prefix('<')?.strip_suffix('>')?;
            Some(address.split_once('?')?.1.to_owned()).filter(|_| next)
        })
    }
}

/// Sends until there is an answer to go by. A read that is not answered is sent again, a write is
/// not, since it may have been done; what a limit refused was not even looked at.
pub(super) fn converse(
    pace: &Pace,
    write: bool,
    once: &mut dyn FnMut() -> Result<Answer, String>,
) -> Result<Answer, Failed> {
    let mut attempt = 1;
    loop {
        if write {
            pace.write()?;
        }
        let failed = match once() {
            Ok(answer) => match answer.limited(pace.now()) {
                Some(wait) => {
                    pace.wait(wait, &answer.says())?;
                    continue;
                }
                None => match answer.success() {
                    Ok(answer) => return Ok(answer),
                    Err(failed) => failed,
                },
            },
            Err(why) => Failed::new(0, Why::Unknown, &why),
        };
        if write || failed.why != Why::Unknown || attempt == READS {
            return Err(failed);
        }
        pace.pause(attempt);
        attempt += 1;
    }
}

/// All items of a list: of a page, what holds them comes as its path.
pub(super) fn pages(
    path: &str,
    inside: &str,
    get: &mut dyn FnMut(&str) -> Result<Answer, Failed>,
) -> Result<Vec<Value>, Failed> {
    let bare = path.split('?').next().unwrap_or(path);
    let mut at = path.to_owned();
    let mut out = Vec::new();
    for _ in 0..MOST_PAGES {
        let answer = get(&at)?;
        let mut json = answer.json()?;
        match json.pointer_mut(inside).map(Value::take) {
            Some(Value::Array(items)) => out.extend(items),
            _ => return Err(Failed::odd("the answer is not the list that was asked for")),
        }
        match answer.next() {
            // The query alone: an address behind a proxy may name another host.
            Some(query) => at = format!("{bare}?{query}"),
            None => return Ok(out),
        }
    }
    Err(Failed::odd("the list does not end"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> Answer {
        let pairs = headers.iter().map(|(name, value)| {
            (name.parse::<http::HeaderName>().unwrap(), value.parse::<http::HeaderValue>().unwrap())
        });
        Answer { status, headers: pairs.collect(), body: body.as_bytes().to_vec() }
    }

    #[test]
    fn limits_are_known_however_they_are_told() {
        let now = Duration::from_secs(1000);
        let abuse = r#"{"message":"Validation Failed","errors":[{"resource":"IssueComment","code":"unprocessable","field":"data","message":"was submitted too quickly"}]}"#;
        let secondary = r#"{"message":"You have exceeded a secondary rate limit."}"#;
        let graph = r#"{"data":null,"errors":[{"type":"RATE_LIMITED","message":"API rate limit exceeded"}]}"#;
        for (status, headers, body, wait) in [
            (403, &[("retry-after", "7")][..], "", Some(7)),
            (403, &[], secondary, Some(60)),
            (403, &[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "1030")], "{}", Some(31)),
            (429, &[], "", Some(60)),
            (429, &[("retry-after", "0")], "", Some(1)),
            (422, &[], abuse, Some(60)),
            (200, &[], graph, Some(60)),
            (200, &[("x-ratelimit-remaining", "0")], r#"{"data":{"body":"rate limit"}}"#, None),
            (403, &[], r#"{"message":"Resource not accessible by integration"}"#, None),
            (422, &[], r#"{"message":"Validation Failed"}"#, None),
            (404, &[("retry-after", "7")], "", None),
        ] {
            let given = answer(status, headers, body).limited(now);
            assert_eq!(given, wait.map(Duration::from_secs), "{status} {headers:?} {body}");
        }
    }

    #[test]
    fn the_next_page_is_the_one_that_the_server_names() {
        let of = |link: &str| answer(200, &[("link", link)], "").next();
        let link = r#"<https://api/x?page=1>; rel="prev", <https://api/x?per_page=100&page=3>; rel="next""#;
        assert_eq!(of(link).as_deref(), Some("per_page=100&page=3"));
        assert_eq!(of(r#"<https://api/x?page=1>; rel="last""#), None);
        assert_eq!(of("nonsense"), None);
    }

    #[test]
    fn refusals_are_told_in_the_servers_words() {
        let body = r#"{"message":"Validation Failed","errors":[{"resource":"PullRequestReviewComment","code":"custom","field":"pull_request_review_thread.line","message":"must be part of the diff"}]}"#;
        let failed = answer(422, &[], body).failed();
        assert_eq!(failed.why, Why::Refused);
        assert_eq!(
            failed.to_string(),
            "Validation Failed; PullRequestReviewComment pull_request_review_thread.line custom must be part of the diff (422)"
        );
        assert_eq!(
            answer(502, &[], "<html>").failed().to_string(),
            "the server is not there right now (502)"
        );
        let moved = answer(301, &[("location", "https://api.github.com/repositories/1")], "{}").failed();
        assert!(moved.to_string().contains("moved to https://api.github.com/repositories/1"), "{moved}");
    }
}
