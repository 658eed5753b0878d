//! Recorded requests and answers, sent again and held against what the fake answers.

use super::{Fake, Request, served};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// What placeholders stand for, in both directions.
#[derive(Default)]
struct Bound {
    real: BTreeMap<String, String>,
    recorded: BTreeMap<String, String>,
}

/// A placeholder for a changing value.
fn placeholder(text: &str) -> Option<&str> {
    let (kind, rest) = text.split_once('-')?;
    let plain = !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    (plain && matches!(kind, "rv" | "uid" | "time" | "continue" | "gen")).then_some(kind)
}

/// A text with a name replaced where it stands alone: rv-1 is also how rv-10 begins.
fn replaced(text: &str, name: &str, by: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(name) {
        let whole = !after.starts_with(|c: char| c.is_ascii_alphanumeric());
        out.push_str(before);
        out.push_str(if whole { by } else { name });
        rest = after;
    }
    out + rest
}

impl Bound {
    /// A recorded value with what its placeholders stand for here.
    fn fill(&self, value: &Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.text(text)),
            Value::Array(items) => items.iter().map(|item| self.fill(item)).collect(),
            Value::Object(map) => {
                if let Some(made) = map.get("$generated") {
                    let text = |key: &str| made[key].as_str().unwrap_or_default();
                    let times = usize::try_from(made["times"].as_u64().unwrap()).unwrap();
                    return Value::String(format!(
                        "{}{}{}",
                        text("prefix"),
                        text("repeat").repeat(times),
                        text("suffix")
                    ));
                }
                map.iter().map(|(k, v)| (k.clone(), self.fill(v))).collect::<Map<_, _>>().into()
            }
            other => other.clone(),
        }
    }

    fn text(&self, text: &str) -> String {
        if placeholder(text) == Some("time") {
            return "2026-01-01T00:00:00Z".into();
        }
        if let Some(real) = self.real.get(text) {
            return real.clone();
        }
        // Inside a sentence or a path.
        self.real.iter().fold(text.to_owned(), |text, (name, real)| replaced(&text, name, real))
    }

    /// Whether an answer is the recorded one; else where they part.
    fn same(&mut self, recorded: &Value, real: &Value, at: &str) -> Result<(), String> {
        let differ = || Err(format!("{at}: recorded {recorded}, answered {real}"));
        match (recorded, real) {
            (Value::String(a), Value::String(b)) => match placeholder(a) {
                Some("time") => {
                    if b.parse::<jiff::Timestamp>().is_ok() {
                        Ok(())
                    } else {
                        differ()
                    }
                }
                Some(kind) => {
                    let known = self.real.get(a).is_none_or(|known| known == b)
                        && self.recorded.get(b).is_none_or(|known| known == a || !known.starts_with(kind));
                    if known {
                        self.real.insert(a.clone(), b.clone());
                        self.recorded.insert(b.clone(), a.clone());
                    }
                    if known && self.in_order() { Ok(()) } else { differ() }
                }
                None if self.sentence(a, b) => Ok(()),
                None => differ(),
            },
            (Value::Object(a), Value::Object(b)) => {
                if let Some(missing) = a.keys().find(|k| !b.contains_key(*k)) {
                    return Err(format!("{at}.{missing}: recorded {}, and not there", a[missing]));
                }
                if let Some(more) = b.keys().find(|k| !a.contains_key(*k)) {
                    return Err(format!("{at}.{more}: not recorded, and {}", b[more]));
                }
                a.iter().try_for_each(|(key, value)| self.same(value, &b[key], &format!("{at}.{key}")))
            }
            (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
                a.iter().zip(b).enumerate().try_for_each(|(i, (a, b))| self.same(a, b, &format!("{at}[{i}]")))
            }
            (a, b) if a == b => Ok(()),
            _ => differ(),
        }
    }

    /// Whether a sentence is the recorded one; a version that is first told of in it is known then.
    fn sentence(&mut self, recorded: &str, real: &str) -> bool {
        let filled = self.text(recorded);
        if filled == real {
            return true;
        }
        let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
        let Some((before, rest)) = filled.split_once("rv-") else { return false };
        let Some(here) = real.strip_prefix(before) else { return false };
        let (name, version) = (&rest[..digits(rest)], &here[..digits(here)]);
        if name.is_empty() || version.is_empty() {
            return false;
        }
        self.real.insert(format!("rv-{name}"), version.to_owned());
        self.recorded.insert(version.to_owned(), format!("rv-{name}"));
        self.in_order() && self.sentence(recorded, real)
    }

    /// Whether versions that were recorded in an order came in that order.
    fn in_order(&self) -> bool {
        let mut versions: Vec<(u64, u64)> = self
            .real
            .iter()
            .filter_map(|(name, real)| Some((name.strip_prefix("rv-")?.parse().ok()?, real.parse().ok()?)))
            .collect();
        versions.sort_unstable();
        versions.windows(2).all(|pair| pair[0].1 < pair[1].1)
    }
}

/// How a transcript went: the steps that were answered as recorded, and where others part.
pub struct Replayed {
    pub same: Vec<usize>,
    pub parted: BTreeMap<usize, String>,
}

/// Sends the requests of a transcript.
pub fn replay(fake: &Fake, transcript: &Value) -> Replayed {
    let mut bound = Bound::default();
    let mut replayed = Replayed { same: Vec::new(), parted: BTreeMap::new() };
    for (number, step) in transcript["steps"].as_array().unwrap().iter().enumerate() {
        let asked = &step["request"];
        let body = bound.fill(&asked["body"]);
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let user = step["as"].as_str();
        let token = match user {
            None => Some(super::ADMIN.to_owned()),
            Some(user) => user.strip_prefix("serviceaccount ").map(|account| format!("sa:{account}")),
        };
        let query = asked["query"].as_object().unwrap();
        let request = Request {
            method: text(&asked["method"]),
            path: bound.text(asked["path"].as_str().unwrap()),
            query: query.iter().map(|(k, v)| (k.clone(), bound.text(v.as_str().unwrap()))).collect(),
            kind: text(&asked["headers"]["Content-Type"]),
            accept: text(&asked["headers"]["Accept"]),
            token,
            body: match &body {
                Value::Null => Vec::new(),
                Value::String(text) => text.clone().into_bytes(),
                json => json.to_string().into_bytes(),
            },
        };
        if step["compacted"] == true {
            fake.shared.lock().unwrap().store.compact();
        }
        let answer = served(&mut fake.shared.lock().unwrap(), &request);
        let recorded = &step["response"];
        let real = match (&recorded["body"], request.query.contains_key("watch") && answer.status == 200) {
            (_, true) => {
                let events = answer.body.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
                Value::Array(events.collect())
            }
            (Value::String(_), _) => Value::String(answer.body.clone()),
            _ => serde_json::from_str(&answer.body).unwrap_or_else(|_| Value::String(answer.body.clone())),
        };
        let held = if recorded["status"] != answer.status {
            Err(format!(
                "status {} instead of {}: {}",
                answer.status,
                recorded["status"],
                answer.body.chars().take(300).collect::<String>()
            ))
        } else if recorded["body"].get("$omitted").is_some() {
            Ok(())
        } else {
            bound.same(&recorded["body"], &real, "")
        };
        match held {
            Ok(()) => replayed.same.push(number),
            Err(why) => drop(replayed.parted.insert(number, why)),
        }
    }
    replayed
}
