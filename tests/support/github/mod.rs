//! A fake of GitHub, stateful, on loopback: pull requests, reviews, threads, comments and check
//! runs over REST and GraphQL, with its limits, its permissions and its faults.
//!
//! Every request is kept, so that tests can hold it against GitHub's own description. It also runs
//! by itself: see `tests/forge/serve.rs`.
#![allow(dead_code, clippy::disallowed_methods, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

pub mod answer;
pub mod graph;
mod graphql;
#[path = "../percent.rs"]
mod percent;
mod rest;
pub mod show;
pub mod store;

use answer::{Answer, Request, missing};
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::Response;
use percent::decode;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use store::{Account, Store};

/// What goes wrong with a request.
#[derive(Debug, Clone)]
pub enum Fault {
    /// It is not done, and answered so.
    Answer(u16, Vec<(&'static str, String)>, String),
    /// It is done, and answered with this status all the same.
    Done(u16),
    /// It is not done, and the connection ends.
    Close,
    /// It is done, and the connection ends before the answer does.
    DoneClose,
    /// It is done, and the answer begins and never ends.
    Stall,
}

impl Fault {
    /// A secondary limit, as GitHub tells it.
    pub fn limit(status: u16, after: Option<u64>) -> Fault {
        let headers = after.map(|seconds| ("retry-after", seconds.to_string()));
        let body = match status {
            422 => json!({ "message": "Validation Failed", "errors": [{
                "resource": "IssueComment", "code": "unprocessable", "field": "data",
                "message": "was submitted too quickly",
            }] }),
            _ => {
                json!({ "message": "You have exceeded a secondary rate limit. Please wait a few minutes before you try again." })
            }
        };
        Fault::Answer(status, headers.into_iter().collect(), body.to_string())
    }
}

type Hook = Box<dyn FnMut(&mut Store) + Send>;

#[derive(Default)]
struct Shared {
    store: Store,
    /// What is in `METHOD /path BODY` of the requests that go wrong, how many go well before, how
    /// many go wrong, and how.
    faults: Vec<(String, u32, u32, Fault)>,
    /// What happens just before a request like it is looked at, once.
    hooks: Vec<(String, Hook)>,
    log: Vec<Value>,
    /// Where the store is kept.
    file: Option<std::path::PathBuf>,
    /// Times of writes, in the time of whoever set it, and that time: GitHub takes 80 a minute.
    clock: Option<Arc<Mutex<Duration>>>,
    writes: Vec<Duration>,
}

/// A server; it ends with the value.
pub struct Fake {
    /// `http://127.0.0.1:PORT`.
    pub address: String,
    shared: Arc<Mutex<Shared>>,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
}

impl Fake {
    /// A server on any port that is free.
    pub fn start(store: Store) -> Fake {
        Fake::listen(store, 0, None)
    }

    /// A server on a port, which keeps what it holds in a file.
    pub fn listen(store: Store, port: u16, file: Option<std::path::PathBuf>) -> Fake {
        let shared = Arc::new(Mutex::new(Shared { store, file, ..Shared::default() }));
        let (stop, stopped) = tokio::sync::oneshot::channel();
        let listener = std::net::TcpListener::bind(("127.0.0.1", port)).unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        listener.set_nonblocking(true).unwrap();
        let (state, own) = (shared.clone(), address.clone());
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let app = axum::Router::new()
                    .fallback(move |method: Method, uri: Uri, headers: HeaderMap, body: Bytes| {
                        let (state, own) = (state.clone(), own.clone());
                        async move { answer(&state, &own, &method, &uri, &headers, &body) }
                    })
                    .layer(axum::extract::DefaultBodyLimit::max(32 << 20));
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                let served = axum::serve(listener, app).with_graceful_shutdown(async { drop(stopped.await) });
                // Connections that a client keeps open do not hold the end up.
                tokio::select! { _ = async { served.await.unwrap() } => {} }
            });
            runtime.shutdown_background();
        });
        Fake { address, shared, stop: Some(stop) }
    }

    /// Looks at or changes what it holds.
    pub fn with<T>(&self, change: impl FnOnce(&mut Store) -> T) -> T {
        change(&mut self.shared.lock().unwrap().store)
    }

    /// Lets requests go wrong whose `METHOD /path BODY` has a text in it: after so many that go
    /// well, so many times.
    pub fn fail(&self, like: &str, after: u32, times: u32, fault: Fault) {
        self.shared.lock().unwrap().faults.push((like.into(), after, times, fault));
    }

    /// Lets everything go well again.
    pub fn heal(&self) {
        self.shared.lock().unwrap().faults.clear();
    }

    /// Does something just before the next request is looked at whose `METHOD /path BODY` has a
    /// text in it.
    pub fn before(&self, like: &str, hook: impl FnMut(&mut Store) + Send + 'static) {
        self.shared.lock().unwrap().hooks.push((like.into(), Box::new(hook)));
    }

    /// Holds writes to 80 in 60 seconds of a time that the test goes by.
    pub fn clocked(&self, clock: Arc<Mutex<Duration>>) {
        self.shared.lock().unwrap().clock = Some(clock);
    }

    /// Every request so far: `method`, `path`, `query`, `body`, `accept`, `version`, `agent`.
    pub fn log(&self) -> Vec<Value> {
        self.shared.lock().unwrap().log.clone()
    }

    /// The requests so far that write, as `METHOD /path`, of GraphQL the mutation's name.
    pub fn writes(&self) -> Vec<String> {
        self.log().iter().filter_map(write_of).collect()
    }

    /// Forgets the requests so far.
    pub fn forget(&self) {
        self.shared.lock().unwrap().log.clear();
    }

    /// What leads a command to it, as a pipeline of GitHub sets it.
    pub fn environment(&self, token: &str) -> Vec<(String, String)> {
        let pairs = [
            ("GITHUB_API_URL", self.address.clone()),
            ("GITHUB_GRAPHQL_URL", format!("{}/graphql", self.address)),
            ("GITHUB_SERVER_URL", self.address.clone()),
            ("GITHUB_TOKEN", token.to_owned()),
        ];
        pairs.map(|(name, value)| (name.to_owned(), value)).to_vec()
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            // A server that has ended already needs no telling.
            let _ = stop.send(());
        }
    }
}

/// What a request of the log writes; none where it reads.
pub fn write_of(request: &Value) -> Option<String> {
    let (method, path) = (request["method"].as_str()?, request["path"].as_str()?);
    match (method, path) {
        ("GET", _) => None,
        ("POST", "/graphql") => {
            let operation = graph::parse(request["body"]["query"].as_str()?, &json!({})).ok()?;
            operation.mutation.then(|| operation.roots().first().unwrap().name.clone())
        }
        _ => Some(format!("{method} {path}")),
    }
}

fn answer(
    shared: &Arc<Mutex<Shared>>,
    own: &str,
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
    body: &Bytes,
) -> Response {
    let mut shared = shared.lock().unwrap();
    let shared = &mut *shared;
    let query: BTreeMap<String, String> = uri
        .query()
        .unwrap_or("")
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(key, value)| (decode(key), decode(value)))
        .collect();
    let asked = decode(uri.path());
    let json: Value = serde_json::from_slice(body).unwrap_or(Value::Null);
    if asked == "/_fake/state" {
        if method == Method::PUT {
            shared.store = serde_json::from_value(json).unwrap();
            keep(shared);
        }
        return respond(Answer::json(200, serde_json::to_value(&shared.store).unwrap()));
    }
    // A server of one's own has both below /api.
    let path = match asked.strip_prefix("/api") {
        Some("/graphql") => "/graphql".to_owned(),
        Some(rest) => match rest.strip_prefix("/v3") {
            Some("/graphql") | None => return respond(missing()),
            Some(rest) => rest.to_owned(),
        },
        None => asked.clone(),
    };
    let header = |name: &str| {
        headers.get_all(name).iter().filter_map(|v| v.to_str().ok()).collect::<Vec<_>>().join(", ")
    };
    let entry = json!({
        "method": method.as_str(), "path": path, "query": query, "body": json,
        "accept": header("accept"), "version": header("x-github-api-version"), "agent": header("user-agent"),
    });
    let line = format!("{method} {path} {json}");
    let write = write_of(&entry).is_some();
    shared.log.push(entry);
    if let Some(at) = shared.hooks.iter().position(|(like, _)| line.contains(like.as_str())) {
        let (_, mut hook) = shared.hooks.remove(at);
        hook(&mut shared.store);
    }
    if let Some(clock) = shared.clock.clone().filter(|_| write) {
        let now = *clock.lock().unwrap();
        shared.writes.retain(|at| *at + Duration::from_secs(60) > now);
        if shared.writes.len() >= 80 {
            return fail(Fault::limit(403, None), None);
        }
        shared.writes.push(now);
    }
    let mut fault = None;
    for (like, after, times, what) in &mut shared.faults {
        if fault.is_some() || *times == 0 || !line.contains(like.as_str()) {
            continue;
        }
        if *after > 0 {
            *after -= 1;
            continue;
        }
        *times -= 1;
        fault = Some(what.clone());
    }
    if let Some(fault @ (Fault::Answer(..) | Fault::Close)) = fault {
        return fail(fault, None);
    }
    let address = format!("{own}{asked}");
    let request = Request { method: method.as_str().into(), path, query, json, address };
    let bearer = header("authorization");
    let token = bearer.strip_prefix("Bearer ").or(bearer.strip_prefix("token "));
    let answered = route(&mut shared.store, &request, token);
    if write {
        keep(shared);
    }
    match fault {
        Some(fault) => fail(fault, Some(answered)),
        None => respond(answered),
    }
}

fn route(store: &mut Store, request: &Request, token: Option<&str>) -> Answer {
    let graph = request.path == "/graphql";
    let bad = || Answer::json(401, json!({ "message": "Bad credentials" }));
    let account = match token {
        None if graph => {
            return Answer::json(
                401,
                json!({ "message": "This endpoint requires you to be authenticated." }),
            );
        }
        None => Account::default(),
        // An App says who it is by a signed token of its own.
        Some(token) if token.split('.').count() == 3 => {
            if !request.path.ends_with("/installation") && !request.path.ends_with("/access_tokens") {
                return bad();
            }
            Account::default()
        }
        Some(token) => match store.tokens.get(token) {
            Some(account) => account.clone(),
            None => return bad(),
        },
    };
    if graph { graphql::answer(store, request, &account) } else { rest::answer(store, request, &account) }
}

fn keep(shared: &Shared) {
    if let Some(file) = &shared.file {
        let beside = file.with_extension("new");
        std::fs::write(&beside, serde_json::to_vec_pretty(&shared.store).unwrap()).unwrap();
        std::fs::rename(&beside, file).unwrap();
    }
}

fn respond(answer: Answer) -> Response {
    let mut response = Response::builder()
        .status(StatusCode::from_u16(answer.status).unwrap())
        .header("content-type", "application/json; charset=utf-8");
    for (name, value) in &answer.headers {
        response = response.header(name, value);
    }
    response.body(Body::from(answer.body)).unwrap()
}

/// An answer that is none.
fn fail(fault: Fault, answered: Option<Answer>) -> Response {
    let broken = || {
        let error = std::io::Error::other("the connection ends");
        let body = Body::new(Broken(Some(error)));
        Response::builder().status(200).header("content-length", "1000").body(body).unwrap()
    };
    match (fault, answered) {
        (Fault::Answer(status, headers, body), _) => {
            let headers = headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
            respond(Answer { status, headers, body })
        }
        (Fault::Done(status), _) => {
            respond(Answer { status, headers: Vec::new(), body: "<html>unicorn</html>".into() })
        }
        (Fault::Close | Fault::DoneClose, _) => broken(),
        (Fault::Stall, _) => Response::builder().status(200).body(Body::new(Broken(None))).unwrap(),
    }
}

/// A body that breaks off, or never ends.
struct Broken(Option<std::io::Error>);

impl axum::body::HttpBody for Broken {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<http_body::Frame<Bytes>, Self::Error>>> {
        match self.0.take() {
            Some(error) => std::task::Poll::Ready(Some(Err(error))),
            None => std::task::Poll::Pending,
        }
    }
}
