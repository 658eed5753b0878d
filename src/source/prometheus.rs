//! A Prometheus server, asked for one instant over its HTTP API. Edge.
//!
//! Policies name servers, and policies come from pull requests: so an answer is bounded in size and
//! time, a redirect leads to no other host, and credentials go to the operator's own server alone.
//! May import: the core.

use crate::lint::online::{InputFact, SeriesFact};
use crate::report::{causes, said};
use crate::text::size;
use promql_parser::parser::{Expr, VectorSelector};
use promql_parser::util::{ExprVisitor, walk_expr};
use reqwest::redirect;
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// Longest time for an answer, connecting included.
const PATIENCE: Duration = Duration::from_secs(15);

/// Longest time to connect.
const CONNECTING: Duration = Duration::from_secs(5);

/// Most bytes of an answer: some 50,000 series, of which one is needed.
const MOST_BYTES: usize = 8 << 20;

/// Most redirects followed, all on one host.
const MOST_REDIRECTS: usize = 3;

/// Most selectors of a query that are asked for by themselves.
const MOST_INPUTS: usize = 5;

/// Who asks; it shows as `***`.
#[derive(Clone)]
pub enum Credentials {
    /// A bearer token.
    Bearer(String),
    /// A user and a password.
    Basic(String, String),
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Why a server gave no answer to go by.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failed {
    /// The server will not evaluate the query, in its words: the query's fault.
    #[error("{0}")]
    Refused(String),
    /// There was no answer, or none of Prometheus': the environment's fault.
    #[error("{0}")]
    Unreachable(String),
}

/// A server.
#[derive(Debug, Clone)]
pub struct Prometheus {
    client: reqwest::Client,
    base: reqwest::Url,
    credentials: Option<Credentials>,
}

impl Prometheus {
    /// A server by its base address (`http://prometheus:9090`, with a path where it stands behind one).
    ///
    /// # Errors
    /// Why the address cannot be used.
    pub fn new(base: &str, credentials: Option<Credentials>) -> Result<Prometheus, String> {
        let mut base: reqwest::Url = base.parse().map_err(|e| format!("{base} is no address: {e}"))?;
        if !matches!(base.scheme(), "http" | "https") || base.host_str().is_none() {
            return Err(format!("{base} is no address of a server: it begins with http:// or https://"));
        }
        if !base.username().is_empty() || base.password().is_some() {
            return Err("an address does not hold a user or a password: it is shown in reports".into());
        }
        if credentials.is_some() && base.scheme() == "http" && !is_loopback(&base) {
            return Err(format!("credentials go to {base} over https only"));
        }
        base.set_query(None);
        base.set_fragment(None);
        let path = format!("{}/api/v1/query", base.path().trim_end_matches('/'));
        base.set_path(&path);
        let same_host = redirect::Policy::custom(|attempt| {
            let begun = attempt.previous().first();
            let at_home = begun.is_some_and(|url| url.origin() == attempt.url().origin());
            if !at_home {
                attempt.error("it redirects to another host, which is not followed")
            } else if attempt.previous().len() > MOST_REDIRECTS {
                attempt.error("it redirects in a circle")
            } else {
                attempt.follow()
            }
        });
        // Where another part of the process installed a provider already, that one serves as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder()
            .user_agent(concat!("luascale/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECTING)
            .timeout(PATIENCE)
            .redirect(same_host)
            .build()
            .map_err(|e| format!("no client could be made: {}", causes(&e)))?;
        Ok(Prometheus { client, base, credentials })
    }

    /// Asks for a query's value now: its series, a scalar as one without labels.
    ///
    /// # Errors
    /// See [`Failed`].
    pub async fn query(&self, query: &str) -> Result<Vec<SeriesFact>, Failed> {
        let body: String = form(&[("query", query), ("timeout", "10s")]);
        let mut request = self
            .client
            .post(self.base.clone())
            .header(reqwest::header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(body);
        request = match &self.credentials {
            Some(Credentials::Bearer(token)) => request.bearer_auth(token),
            Some(Credentials::Basic(user, password)) => request.basic_auth(user, Some(password)),
            None => request,
        };
        let gone = |e: reqwest::Error| Failed::Unreachable(causes(&e.without_url()));
        let mut answer = request.send().await.map_err(gone)?;
        let status = answer.status();
        let mut bytes = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(gone)? {
            if bytes.len() + chunk.len() > MOST_BYTES {
                let most = size(MOST_BYTES as u64);
                return Err(Failed::Unreachable(format!("its answer is longer than {most}")));
            }
            bytes.extend_from_slice(&chunk);
        }
        read(status.as_u16(), &bytes)
    }

    /// Asks for the youngest sample of each selector in a query.
    ///
    /// # Errors
    /// Where the server is gone; what it will not evaluate is left out.
    pub async fn inputs(&self, query: &str) -> Result<Vec<InputFact>, Failed> {
        let mut facts = Vec::new();
        for selector in selectors(query) {
            match self.query(&format!("time() - max(timestamp({selector}))")).await {
                Ok(series) => {
                    let age = series.first().map(|s| s.value).filter(|age| age.is_finite());
                    facts.push(InputFact { selector, age });
                }
                Err(Failed::Refused(_)) => {}
                Err(gone) => return Err(gone),
            }
        }
        Ok(facts)
    }
}

/// Whether an address is this machine's own.
fn is_loopback(url: &reqwest::Url) -> bool {
    url.host_str().is_some_and(|host| {
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        host == "localhost" || bare.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
    })
}

/// Fields of a form, percent-encoded.
fn form(fields: &[(&str, &str)]) -> String {
    let encode = |text: &str| {
        text.bytes().fold(String::new(), |mut out, b| {
            match b {
                b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                    out.push(char::from(b))
                }
                _ => out.push_str(&format!("%{b:02X}")),
            }
            out
        })
    };
    let pairs: Vec<String> = fields.iter().map(|(k, v)| format!("{k}={}", encode(v))).collect();
    pairs.join("&")
}

/// Reads an answer of the query API.
fn read(status: u16, bytes: &[u8]) -> Result<Vec<SeriesFact>, Failed> {
    let Ok(json) = serde_json::from_slice::<serde_json::Value>(bytes) else {
        let what = match status {
            401 | 403 => "it wants other credentials",
            404 => "it has no query API there",
            _ => "its answer is not that of a Prometheus",
        };
        return Err(Failed::Unreachable(format!("{what} (HTTP {status})")));
    };
    let text = |key: &str| json.get(key).and_then(serde_json::Value::as_str);
    if text("status") != Some("success") {
        let said = said(text("error").unwrap_or("it gives no reason"));
        return Err(match (status, text("errorType")) {
            // What the query asks for cannot be had: more than it may read counts too.
            (400 | 422, Some("bad_data" | "execution")) => Failed::Refused(said),
            _ => Failed::Unreachable(format!("it answers: {said} (HTTP {status})")),
        });
    }
    let odd = || Failed::Unreachable("its answer is not that of a Prometheus".into());
    let data = json.get("data").ok_or_else(odd)?;
    let result = data.get("result").ok_or_else(odd)?;
    let value = |pair: &serde_json::Value| -> Option<f64> {
        let text = pair.get(1)?.as_str()?;
        match text {
            "+Inf" | "Inf" => Some(f64::INFINITY),
            "-Inf" => Some(f64::NEG_INFINITY),
            other => other.parse().ok(),
        }
    };
    match data.get("resultType").and_then(serde_json::Value::as_str) {
        Some("scalar") => {
            let value = value(result).ok_or_else(odd)?;
            Ok(vec![SeriesFact { labels: BTreeMap::new(), value }])
        }
        Some("vector") => {
            let series = result.as_array().ok_or_else(odd)?.iter().map(|series| {
                let labels =
                    series.get("metric").and_then(serde_json::Value::as_object).into_iter().flatten();
                let labels = labels.map(|(k, v)| (k.clone(), v.as_str().unwrap_or_default().to_owned()));
                let labels = labels.collect();
                // A native histogram has no one value.
                let value = series.get("value").map_or(Some(f64::NAN), value);
                Some(SeriesFact { labels, value: value? })
            });
            series.collect::<Option<_>>().ok_or_else(odd)
        }
        Some("matrix") => Err(Failed::Refused(
            "it gives a range of samples, not a number: aggregate it over time, as in rate(…[5m])".into(),
        )),
        Some("string") => Err(Failed::Refused("it gives a text, not a number".into())),
        _ => Err(odd()),
    }
}

/// The selectors of a query, each once, as PromQL without offsets.
fn selectors(query: &str) -> Vec<String> {
    struct Found(Vec<String>);
    impl Found {
        fn add(&mut self, selector: &VectorSelector) {
            let plain = VectorSelector { offset: None, at: None, ..selector.clone() }.to_string();
            if self.0.len() < MOST_INPUTS && !self.0.contains(&plain) {
                self.0.push(plain);
            }
        }
    }
    impl ExprVisitor for Found {
        type Error = ();
        fn pre_visit(&mut self, expr: &Expr) -> Result<bool, ()> {
            match expr {
                Expr::VectorSelector(selector) => self.add(selector),
                Expr::MatrixSelector(matrix) => self.add(&matrix.vs),
                _ => {}
            }
            Ok(true)
        }
    }
    let mut found = Found(Vec::new());
    // What the rules refuse is not handed to the parser, which panics on some of it.
    if crate::lint::promql::read(query).is_ok()
        && let Ok(expr) = promql_parser::parser::parse(query)
    {
        // The visitor never fails.
        let _ = walk_expr(&mut found, &expr);
    }
    found.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selectors_are_found_wherever_they_stand() {
        let query = r#"sum(rate(busy{job="a"}[5m] offset 1h)) / ignoring(x) (sum(total) or vector(0)) + max_over_time(sum(total)[1h:1m])"#;
        assert_eq!(selectors(query), [r#"busy{job="a"}"#, "total"]);
        assert_eq!(selectors("((("), [""; 0]);
    }

    #[test]
    fn answers_are_read_and_others_are_told() {
        let vector = br#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{"a":"b"},"value":[1,"0.5"]},{"metric":{},"value":[1,"NaN"]}]}}"#;
        let series = read(200, vector).unwrap();
        assert_eq!((series[0].labels["a"].as_str(), series[0].value), ("b", 0.5));
        assert!(series[1].value.is_nan());
        let scalar = br#"{"status":"success","data":{"resultType":"scalar","result":[1,"+Inf"]}}"#;
        assert_eq!(read(200, scalar).unwrap()[0].value, f64::INFINITY);
        let matrix = br#"{"status":"success","data":{"resultType":"matrix","result":[]}}"#;
        assert!(matches!(read(200, matrix), Err(Failed::Refused(_))));
        let bad = br#"{"status":"error","errorType":"bad_data","error":"parse error"}"#;
        assert_eq!(read(400, bad), Err(Failed::Refused("parse error".into())));
        let hostile =
            br#"{"status":"error","errorType":"execution","error":"a\u001b[31m\u202e\n::error::b"}"#;
        let Err(Failed::Refused(told)) = read(422, hostile) else { panic!("it was refused") };
        assert!(!told.contains(['\u{1b}', '\u{202e}', '\n']) && told.len() < 100, "{told:?}");
        let long = format!(r#"{{"status":"error","errorType":"bad_data","error":"{}"}}"#, "y".repeat(5000));
        let Err(Failed::Refused(told)) = read(400, long.as_bytes()) else { panic!("it was refused") };
        assert_eq!(told.chars().count(), 301);
        for (status, body) in [
            (503, &br#"{"status":"error","errorType":"unavailable","error":"starting"}"#[..]),
            (200, b"<html>"),
            (401, b""),
            (200, b"{}"),
            (200, br#"{"status":"success","data":{"resultType":"vector","result":[{"value":[1,"x"]}]}}"#),
        ] {
            assert!(matches!(read(status, body), Err(Failed::Unreachable(_))), "{status}");
        }
    }

    #[test]
    fn credentials_keep_to_https_and_out_of_addresses() {
        let bearer = || Some(Credentials::Bearer("x".into()));
        for (url, credentials, good) in [
            ("http://prometheus:9090", None, true),
            ("http://prometheus:9090", bearer(), false),
            ("http://127.0.0.1:9090", bearer(), true),
            ("http://[::1]:9090", bearer(), true),
            ("http://127.0.0.1.example.org", bearer(), false),
            ("https://example.org/prom/", bearer(), true),
            ("https://u:p@example.org", None, false),
            ("file:///etc/passwd", None, false),
            ("prometheus:9090", None, false),
        ] {
            assert_eq!(Prometheus::new(url, credentials).is_ok(), good, "{url}");
        }
        assert_eq!(format!("{:?}", bearer()), "Some(***)");
    }
}
