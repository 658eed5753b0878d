//! The connection to GitHub: requests of one account, REST and GraphQL, in plain JSON. May import:
//! siblings, the modules above, `report`.
//!
//! The transport, the tokens of an App and the addresses of a GitHub Enterprise Server are
//! octocrab's; bodies are our own, since its models cannot express a review, and so are limits and
//! repetition, since its own would send a write again that was done.

use super::super::pace::{Clock, Pace};
use super::super::wire::{self, Answer, converse};
use super::super::{Failed, Secret, Why};
use crate::report::{causes, segment};
use http_body_util::{BodyExt, Limited};
use octocrab::Octocrab;
use octocrab::models::AppId;
use serde_json::{Value, json};
use std::sync::OnceLock;
use std::time::Duration;

/// Who asks.
#[derive(Debug, Clone)]
pub enum Auth {
    /// Nobody: what is public can be read.
    Nobody,
    /// Whoever a token was made for.
    Token(Secret),
    /// An App, as it is installed in the repository that is asked about.
    App {
        /// Its number.
        id: u64,
        /// Its private key, as PEM.
        key: Secret,
    },
}

/// Where the API is and who asks.
#[derive(Debug, Clone)]
pub struct Access {
    /// Address of the REST API: `https://api.github.com`, of a server of one's own
    /// `https://HOST/api/v3`.
    pub api: String,
    /// Address of the GraphQL API; it is no path below the other on a server of one's own.
    pub graphql: String,
    /// Who asks.
    pub auth: Auth,
    /// The repository, as OWNER/NAME.
    pub repository: String,
}

impl Access {
    /// The address of the GraphQL API that belongs to one of the REST API.
    pub fn graphql_of(api: &str) -> String {
        let api = api.trim_end_matches('/');
        format!("{}/graphql", api.strip_suffix("/v3").unwrap_or(api))
    }
}

/// Longest time to connect.
const CONNECTING: Duration = Duration::from_secs(10);

/// A connection for one repository.
pub struct Client {
    runtime: tokio::runtime::Runtime,
    rest: Octocrab,
    graph: Octocrab,
    pace: Pace,
    patience: Duration,
    secrets: Vec<Secret>,
    owner: String,
    name: String,
    viewer: OnceLock<String>,
}

impl Client {
    /// Connects. Only of an App something is sent: for its token.
    ///
    /// # Errors
    /// What is wrong with the address, the repository's name or the key; as the server says.
    pub fn connect(access: &Access, clock: Box<dyn Clock>) -> Result<Client, Failed> {
        let wrong = |why: String| Failed::new(0, Why::Refused, &why);
        let (owner, name) = access
            .repository
            .split_once('/')
            .filter(|(owner, name)| !owner.is_empty() && !name.is_empty() && !name.contains('/'))
            .ok_or_else(|| wrong(format!("{} is no repository: it is OWNER/NAME", access.repository)))?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|e| wrong(format!("cannot begin to ask servers: {e}")))?;
        let (token, secrets) = match &access.auth {
            Auth::Nobody => (None, Vec::new()),
            Auth::Token(token) => (Some(token.clone()), vec![token.clone()]),
            Auth::App { id, key } => {
                let token = runtime.block_on(app_token(&access.api, *id, key, owner, name))?;
                (Some(token.clone()), vec![token, key.clone()])
            }
        };
        let graph = access.graphql.strip_suffix("/graphql").ok_or_else(|| {
            wrong(format!("{} is no address of a GraphQL API: it ends in /graphql", access.graphql))
        })?;
        let (rest, graph) = {
            let _inside = runtime.enter();
            let credentials = || match &token {
                Some(token) => Credentials::Token(token),
                None => Credentials::None,
            };
            (crab(&access.api, credentials())?, crab(graph, credentials())?)
        };
        let patience = wire::PATIENCE;
        let (owner, name) = (owner.to_owned(), name.to_owned());
        Ok(Client {
            runtime,
            rest,
            graph,
            pace: Pace::new(clock),
            patience,
            secrets,
            owner,
            name,
            viewer: OnceLock::new(),
        })
    }

    /// The same connection with another longest time for an answer.
    #[must_use]
    pub fn patient(mut self, patience: Duration) -> Client {
        self.patience = patience;
        self
    }

    /// The owner of the repository.
    pub fn owner(&self) -> &str {
        &self.owner
    }

    /// The name of the repository.
    pub fn repository(&self) -> &str {
        &self.name
    }

    /// The account that asks; of an App its name with `[bot]` behind.
    ///
    /// # Errors
    /// As the server says.
    pub fn viewer(&self) -> Result<&str, Failed> {
        if let Some(known) = self.viewer.get() {
            return Ok(known);
        }
        let data = self.graphql("query{viewer{login}}", &json!({}))?;
        let login = data.pointer("/viewer/login").and_then(Value::as_str);
        let login = login.ok_or_else(|| Failed::odd("the server does not say whose the token is"))?;
        Ok(self.viewer.get_or_init(|| login.to_owned()))
    }

    /// Reads from below the repository: `pulls/7`, `pulls/7/files?per_page=100`.
    ///
    /// # Errors
    /// As the server says.
    pub fn get(&self, path: &str) -> Result<Value, Failed> {
        self.rest("GET", path, None)?.json()
    }

    /// All items of a list below the repository, from every page; `inside` leads to them where
    /// the answer is an object: `/check_runs`, else empty.
    ///
    /// # Errors
    /// As the server says; where there is no end of pages.
    pub fn list(&self, path: &str, inside: &str) -> Result<Vec<Value>, Failed> {
        let and = if path.contains('?') { '&' } else { '?' };
        wire::pages(&format!("{path}{and}per_page=100"), inside, &mut |at| self.rest("GET", at, None))
    }

    /// Sends a new object below the repository.
    ///
    /// # Errors
    /// As the server says. With [`Why::Unknown`] it may be there all the same.
    pub fn post(&self, path: &str, body: &Value) -> Result<Value, Failed> {
        self.rest("POST", path, Some(body))?.json()
    }

    /// Changes an object below the repository.
    ///
    /// # Errors
    /// As the server says. With [`Why::Unknown`] it may be changed all the same.
    pub fn patch(&self, path: &str, body: &Value) -> Result<Value, Failed> {
        self.rest("PATCH", path, Some(body))?.json()
    }

    /// Asks in GraphQL and gives what is under `data`. A document that begins with `mutation`
    /// is a write.
    ///
    /// # Errors
    /// As the server says, also where it answers a part.
    pub fn graphql(&self, document: &str, variables: &Value) -> Result<Value, Failed> {
        let write = document.trim_start().starts_with("mutation");
        let body = json!({ "query": document, "variables": variables });
        let mut json = self.send(&self.graph, "POST", "/graphql", Some(&body), write)?.json()?;
        if let Some(error) = json.pointer("/errors/0") {
            let text = |key: &str| error.get(key).and_then(Value::as_str).unwrap_or_default();
            let why = match text("type") {
                "FORBIDDEN" | "INSUFFICIENT_SCOPES" => Why::Forbidden,
                "NOT_FOUND" => Why::Missing,
                _ => Why::Refused,
            };
            return Err(Failed::new(0, why, &self.hide(text("message"))));
        }
        match json.get_mut("data").map(Value::take) {
            Some(data) if data.is_object() => Ok(data),
            _ => Err(Failed::odd("the answer is not that of a GraphQL API")),
        }
    }

    /// All nodes of a connection, from every page: `at` leads to it inside `data`, and the
    /// document pages by the variable `$after`.
    ///
    /// # Errors
    /// As the server says; where there is no end of pages.
    pub fn nodes(&self, document: &str, variables: &Value, at: &str) -> Result<Vec<Value>, Failed> {
        let mut variables = variables.clone();
        let mut out = Vec::new();
        let mut before = String::new();
        loop {
            let mut data = self.graphql(document, &variables)?;
            let Some(connection) = data.pointer_mut(at).filter(|found| found.is_object()) else {
                return Err(Failed::new(404, Why::Missing, "there is no such pull request to be seen"));
            };
            match connection.get_mut("nodes").map(Value::take) {
                Some(Value::Array(nodes)) => out.extend(nodes),
                _ => return Err(Failed::odd("the answer has no list in it")),
            }
            let more = connection.pointer("/pageInfo/hasNextPage").and_then(Value::as_bool);
            let cursor = connection.pointer("/pageInfo/endCursor").and_then(Value::as_str);
            match (more, cursor) {
                (Some(false), _) => return Ok(out),
                (Some(true), Some(cursor)) if cursor != before => before = cursor.to_owned(),
                _ => return Err(Failed::odd("the list does not end")),
            }
            if let Some(map) = variables.as_object_mut() {
                map.insert("after".into(), Value::from(before.clone()));
            }
        }
    }

    fn rest(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Answer, Failed> {
        let path = format!("/repos/{}/{}/{path}", segment(&self.owner), segment(&self.name));
        self.send(&self.rest, method, path.trim_end_matches('/'), body, method != "GET")
    }

    fn send(
        &self,
        crab: &Octocrab,
        method: &str,
        path: &str,
        body: Option<&Value>,
        write: bool,
    ) -> Result<Answer, Failed> {
        let text = body.map(Value::to_string).unwrap_or_default();
        converse(&self.pace, write, &mut || {
            let exchange = exchange(crab, method, path, &text);
            let bounded = async { tokio::time::timeout(self.patience, exchange).await };
            match self.runtime.block_on(bounded) {
                Ok(answer) => answer.map_err(|why| self.hide(&why)),
                Err(_) => Err(format!("there was no answer within {} seconds", self.patience.as_secs())),
            }
        })
    }

    fn hide(&self, text: &str) -> String {
        self.secrets.iter().fold(text.to_owned(), |text, secret| secret.hide(&text))
    }
}

async fn exchange(crab: &Octocrab, method: &str, path: &str, body: &str) -> Result<Answer, String> {
    let mut request = http::Request::builder().method(method).uri(path);
    if !body.is_empty() {
        request = request.header(http::header::CONTENT_TYPE, "application/json");
    }
    let request = request.body(body.to_owned()).map_err(|e| format!("{path} is no path: {e}"))?;
    let answer = crab.execute(request).await.map_err(|e| reason(&e))?;
    let (parts, body) = answer.into_parts();
    let body = Limited::new(body, wire::MOST_BYTES).collect().await.map_err(|e| reason(e.as_ref()))?;
    Ok(Answer { status: parts.status.as_u16(), headers: parts.headers, body: body.to_bytes().to_vec() })
}

/// Why there was no answer. The outer errors of octocrab and hyper say only that there is an error.
fn reason(error: &(dyn std::error::Error + 'static)) -> String {
    match error.source() {
        Some(inner) => reason(inner),
        None => causes(error),
    }
}

/// The token of an App for one repository.
async fn app_token(api: &str, id: u64, key: &Secret, owner: &str, name: &str) -> Result<Secret, Failed> {
    let crab = crab(api, Credentials::App(id, key))?;
    let ask = async |method: &str, path: String, body: String| {
        let answer = tokio::time::timeout(wire::PATIENCE, exchange(&crab, method, &path, &body)).await;
        match answer {
            Ok(Ok(answer)) => answer.success()?.json(),
            Ok(Err(why)) => Err(Failed::new(0, Why::Unknown, &key.hide(&why))),
            Err(_) => Err(Failed::new(0, Why::Unknown, "there was no answer about the App's token")),
        }
    };
    let path = format!("/repos/{}/{}/installation", segment(owner), segment(name));
    let found = ask("GET", path, String::new()).await.map_err(|failed| match failed.why {
        Why::Missing => Failed { message: format!("the App is not installed in {owner}/{name}"), ..failed },
        _ => failed,
    })?;
    let installation = found.get("id").and_then(Value::as_u64);
    let installation = installation.ok_or_else(|| Failed::odd("the installation of the App has no id"))?;
    let body = json!({ "repositories": [name] }).to_string();
    let made = ask("POST", format!("/app/installations/{installation}/access_tokens"), body).await?;
    let token = made.get("token").and_then(Value::as_str).and_then(Secret::new);
    token.ok_or_else(|| Failed::odd("the App was given no token"))
}

enum Credentials<'a> {
    None,
    Token(&'a Secret),
    App(u64, &'a Secret),
}

/// A client for one address. Inside a runtime.
fn crab(address: &str, credentials: Credentials<'_>) -> Result<Octocrab, Failed> {
    let wrong = |why: String| Failed::new(0, Why::Refused, &why);
    let uri: http::Uri = address
        .trim_end_matches('/')
        .parse()
        .ok()
        .filter(|uri: &http::Uri| uri.host().is_some() && uri.scheme().is_some())
        .ok_or_else(|| wrong(format!("{address} is no address of an API: it begins with https://")))?;
    let host = uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    let loopback = host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback());
    let secure = uri.scheme_str() == Some("https") || loopback;
    if !secure && !matches!(credentials, Credentials::None) {
        return Err(wrong(format!("a token goes to {address} over https only")));
    }
    let no_client = |e: octocrab::Error| wrong(format!("no client could be made: {}", reason(&e)));
    let mut builder = Octocrab::builder()
        .base_uri(uri)
        .map_err(no_client)?
        .add_header(http::header::ACCEPT, "application/vnd.github+json".into())
        .add_header(http::HeaderName::from_static("x-github-api-version"), "2022-11-28".into());
    match credentials {
        Credentials::None => {}
        // What fits into no header would end the process in octocrab.
        Credentials::Token(token) if !token.reveal().bytes().all(|b| b.is_ascii_graphic()) => {
            return Err(wrong("the token has characters that no token has".into()));
        }
        Credentials::Token(token) => builder = builder.personal_token(token.reveal().to_owned()),
        Credentials::App(id, key) => {
            builder = builder
                .app_from_rsa_pem(AppId(id), key.reveal())
                .map_err(|_| wrong("the App's private key is no RSA key in PEM".into()))?;
        }
    }
    // Where another part of the process installed a provider already, that one serves as well.
    let _ = rustls::crypto::ring::default_provider().install_default();
    // octocrab's own knows no proxy, and pipelines behind one name it in the environment.
    let client = reqwest::Client::builder()
        .connect_timeout(CONNECTING)
        // A token goes where it was meant to go.
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .map_err(|e| wrong(format!("no client could be made: {}", causes(&e))))?;
    builder.build_with_reqwest(client).map_err(no_client)
}
