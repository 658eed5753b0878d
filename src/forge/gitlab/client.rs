//! The connection to GitLab: requests of one account for one project, in plain JSON. May import:
//! siblings, the modules above, `report`.

use super::super::pace::{Clock, Pace};
use super::super::wire::{self, Answer, converse};
use super::super::{Failed, Secret, Why};
use crate::report::{causes, segment};
use serde_json::Value;

/// Who asks.
#[derive(Debug, Clone)]
pub enum Auth {
    /// Nobody: what is public can be read.
    Nobody,
    /// Whoever a token was made for: it needs the scope `api`.
    Token(Secret),
    /// The job of a pipeline, which may read little and comment nothing.
    Job(Secret),
}

/// Where the API is and who asks.
#[derive(Debug, Clone)]
pub struct Access {
    /// Address of the API: `https://gitlab.com/api/v4`.
    pub api: String,
    /// Who asks.
    pub auth: Auth,
    /// The project: its number or its path.
    pub project: String,
}

/// A connection for one project.
pub(super) struct Client {
    runtime: tokio::runtime::Runtime,
    http: reqwest::Client,
    pace: Pace,
    auth: Auth,
    base: String,
}

impl Client {
    pub fn connect(access: &Access, clock: Box<dyn Clock>) -> Result<Client, Failed> {
        let wrong = |why: String| Failed::new(0, Why::Refused, &why);
        let api: reqwest::Url = access
            .api
            .trim_end_matches('/')
            .parse()
            .map_err(|e| wrong(format!("{} is no address of an API: {e}", access.api)))?;
        let host = api.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
        let loopback =
            host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback());
        if !(api.scheme() == "https" || loopback || matches!(access.auth, Auth::Nobody)) {
            return Err(wrong(format!("a token goes to {api} over https only")));
        }
        // Where another part of the process installed a provider already, that one serves as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            .user_agent(concat!("luascale/", env!("CARGO_PKG_VERSION")))
            .timeout(wire::PATIENCE)
            // A token goes where it was meant to go.
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|e| wrong(format!("no client could be made: {}", causes(&e))))?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|e| wrong(format!("cannot begin to ask servers: {e}")))?;
        let api = api.as_str().trim_end_matches('/').to_owned();
        let base = format!("{api}/projects/{}", segment(&access.project));
        Ok(Client { runtime, http, pace: Pace::new(clock), auth: access.auth.clone(), base })
    }

    /// Reads from below the project.
    pub fn get(&self, path: &str) -> Result<Value, Failed> {
        self.send("GET", &format!("{}/{path}", self.base), None)?.json()
    }

    /// All items of a list below the project.
    pub fn list(&self, path: &str) -> Result<Vec<Value>, Failed> {
        let and = if path.contains('?') { '&' } else { '?' };
        let path = format!("{}/{path}{and}per_page=100", self.base);
        wire::pages(&path, "", &mut |at| self.send("GET", at, None))
    }

    /// Writes below the project.
    pub fn write(&self, method: &str, path: &str, body: &Value) -> Result<Value, Failed> {
        self.send(method, &format!("{}/{path}", self.base), Some(body))?.json()
    }

    /// The account that asks; none where it is nobody or a job.
    pub fn viewer(&self) -> Result<Option<String>, Failed> {
        let Auth::Token(_) = self.auth else { return Ok(None) };
        let api = self.base.split("/projects/").next().unwrap_or_default();
        let user = self.send("GET", &format!("{api}/user"), None)?.json()?;
        Ok(user.get("username").and_then(Value::as_str).map(str::to_owned))
    }

    fn send(&self, method: &str, address: &str, body: Option<&Value>) -> Result<Answer, Failed> {
        let method = reqwest::Method::from_bytes(method.as_bytes())
            .map_err(|_| Failed::odd(&format!("{method} is no method")))?;
        converse(&self.pace, method != reqwest::Method::GET, &mut || {
            self.runtime.block_on(async {
                let mut request = self.http.request(method.clone(), address);
                request = match &self.auth {
                    Auth::Nobody => request,
                    Auth::Token(token) => request.header("PRIVATE-TOKEN", token.reveal()),
                    Auth::Job(token) => request.header("JOB-TOKEN", token.reveal()),
                };
                if let Some(body) = body {
                    request = request.json(body);
                }
                let gone = |e: reqwest::Error| self.hide(&causes(&e.without_url()));
                let mut answer = request.send().await.map_err(gone)?;
                let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
                let mut bytes = Vec::new();
                while let Some(chunk) = answer.chunk().await.map_err(gone)? {
                    if bytes.len() + chunk.len() > wire::MOST_BYTES {
                        return Err("its answer is too long".into());
                    }
                    bytes.extend_from_slice(&chunk);
                }
                Ok(Answer { status, headers, body: bytes })
            })
        })
    }

    fn hide(&self, text: &str) -> String {
        match &self.auth {
            Auth::Nobody => text.to_owned(),
            Auth::Token(token) | Auth::Job(token) => token.hide(text),
        }
    }
}
