//! A fake of the Kubernetes API server, stateful, on loopback: enough of it for luascale and for
//! `kubectl`. `tests/kubernetes.rs` holds it against the recorded answers of a real server.
#![allow(dead_code, clippy::disallowed_methods, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod api;
mod changes;
mod fields;
mod kinds;
mod lists;
#[path = "../percent.rs"]
mod percent;
pub mod replay;
mod writes;

use api::{Answer, Request, Store, status};
use axum::body::Bytes;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use percent::decode;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// The token of a user who may do everything.
pub const ADMIN: &str = "admin-token";

/// What goes wrong at a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It is not done, and nobody answers.
    Before,
    /// It is done, and nobody answers.
    After,
}

#[derive(Default)]
struct Shared {
    store: Store,
    /// A fault at the n-th write from now, and at everything after it.
    fault: Option<(u32, Fault)>,
    dead: bool,
    /// A user who is answered "too many requests", this many times.
    throttled: Option<(String, u32)>,
    /// Whether whoever gives no credentials may do everything.
    open: bool,
    /// Writes so far, dry runs aside.
    writes: u32,
    /// Method and path of every request.
    log: Vec<String>,
}

/// A server; it ends with the value.
pub struct Fake {
    /// `http://127.0.0.1:PORT`.
    pub address: String,
    shared: Arc<Mutex<Shared>>,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Fake {
    /// A server with the namespaces `kube-system`, `default` and those given.
    pub fn start(namespaces: &[&str]) -> Fake {
        let shared = Arc::new(Mutex::new(Shared::default()));
        let (stop, stopped) = tokio::sync::oneshot::channel();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        listener.set_nonblocking(true).unwrap();
        let state = shared.clone();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let app = axum::Router::new()
                    .fallback(move |method: Method, uri: Uri, headers: HeaderMap, body: Bytes| {
                        let state = state.clone();
                        async move { answer(&state, &method, &uri, &headers, &body) }
                    })
                    .layer(axum::extract::DefaultBodyLimit::max(8 << 20));
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                let served = axum::serve(listener, app).with_graceful_shutdown(async { drop(stopped.await) });
                // Connections that a client keeps open do not hold the end up.
                tokio::select! { _ = async { served.await.unwrap() } => {} }
            });
            runtime.shutdown_background();
        });
        let fake = Fake { address, shared, stop: Some(stop), thread: Some(thread) };
        for namespace in [&["kube-system", "default"], namespaces].concat() {
            fake.create(
                "/api/v1/namespaces",
                serde_json::json!({
                    "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": namespace },
                }),
            );
        }
        fake
    }

    /// A kubeconfig that leads to it.
    pub fn kubeconfig(&self) -> String {
        format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: fake\nclusters: [{{ name: fake, cluster: {{ server: \"{}\" }} }}]\n\
             contexts: [{{ name: fake, context: {{ cluster: fake, user: admin }} }}]\nusers: [{{ name: admin, user: {{ token: {ADMIN} }} }}]\n",
            self.address
        )
    }

    /// Sends a request as the administrator: status and body.
    pub fn call(
        &self,
        method: &str,
        path: &str,
        kind: &str,
        body: &serde_json::Value,
    ) -> (u16, serde_json::Value) {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let request = Request {
            method: method.into(),
            path: path.into(),
            query: parse_query(query),
            kind: kind.into(),
            accept: "application/json".into(),
            token: Some(ADMIN.into()),
            body: if body.is_null() { Vec::new() } else { body.to_string().into_bytes() },
        };
        let mut shared = self.shared.lock().unwrap();
        let answer = shared.store.handle(&request, "admin", &now());
        (answer.status, serde_json::from_str(&answer.body).unwrap_or(serde_json::Value::Null))
    }

    /// Creates an object.
    pub fn create(&self, path: &str, object: serde_json::Value) -> serde_json::Value {
        let (status, created) = self.call("POST", path, "application/json", &object);
        assert_eq!(status, 201, "{created}");
        created
    }

    /// Reads an object or a list.
    pub fn get(&self, path: &str) -> serde_json::Value {
        let (status, found) = self.call("GET", path, "", &serde_json::Value::Null);
        assert_eq!(status, 200, "{found}");
        found
    }

    /// The n-th write from now (from 0) and everything after it goes wrong.
    pub fn fail(&self, at: u32, fault: Fault) {
        let mut shared = self.shared.lock().unwrap();
        shared.fault = Some((shared.writes + at, fault));
    }

    /// All is well again; whether anything had gone wrong.
    pub fn heal(&self) -> bool {
        let mut shared = self.shared.lock().unwrap();
        shared.fault = None;
        std::mem::take(&mut shared.dead)
    }

    /// Lets whoever gives no credentials do everything: `kubectl` sends none without TLS.
    pub fn trust(&self) {
        self.shared.lock().unwrap().open = true;
    }

    /// Answers "too many requests" to a user for a while.
    pub fn throttle(&self, user: &str, times: u32) {
        self.shared.lock().unwrap().throttled = Some((user.into(), times));
    }

    /// Method and path of every request so far.
    pub fn log(&self) -> Vec<String> {
        self.shared.lock().unwrap().log.clone()
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            // A server that has ended already needs no telling.
            let _ = stop.send(());
        }
        // The thread ends when its last client has gone; nothing waits for that.
        drop(self.thread.take());
    }
}

fn now() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

fn parse_query(query: &str) -> BTreeMap<String, String> {
    query
        .split('&')
        .filter(|p| !p.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(name), decode(value))
        })
        .collect()
}

/// Who calls, by the token; `None` where nobody is known by it.
fn user(token: Option<&str>) -> Option<String> {
    match token? {
        ADMIN => Some("admin".into()),
        token => token.strip_prefix("sa:").map(|account| format!("serviceaccount {account}")),
    }
}

fn answer(shared: &Mutex<Shared>, method: &Method, uri: &Uri, headers: &HeaderMap, body: &[u8]) -> Response {
    let header = |name: &str| headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or_default().to_owned();
    let request = Request {
        method: method.to_string(),
        path: decode(uri.path()),
        query: parse_query(uri.query().unwrap_or_default()),
        kind: header("content-type").split(';').next().unwrap_or_default().trim().into(),
        accept: header("accept"),
        token: header("authorization").strip_prefix("Bearer ").map(str::to_owned),
        body: body.to_vec(),
    };
    let mut shared = shared.lock().unwrap();
    shared.log.push(format!("{method} {uri}"));
    let write = *method != Method::GET
        && !request.query.contains_key("dryRun")
        && !String::from_utf8_lossy(body).contains("\"dryRun\"");
    if write {
        let number = shared.writes;
        shared.writes += 1;
        if let Some((at, fault)) = shared.fault.filter(|(at, _)| number >= *at) {
            if fault == Fault::After && number == at {
                shared.store.handle(&request, "admin", &now());
            }
            shared.dead = true;
        }
    }
    if shared.dead {
        // As a proxy says it when nobody is behind it.
        return (StatusCode::BAD_GATEWAY, "bad gateway").into_response();
    }
    let answer = served(&mut shared, &request);
    let status = StatusCode::from_u16(answer.status).unwrap();
    (status, [("content-type", answer.kind)], answer.body).into_response()
}

fn served(shared: &mut Shared, request: &Request) -> Answer {
    let unknown = shared.open.then(|| "admin".to_owned());
    let Some(user) = user(request.token.as_deref()).or(unknown) else {
        return status(401, "Unauthorized", "Unauthorized", None);
    };
    if let Some((who, times)) = &mut shared.throttled
        && *who == user
        && *times > 0
    {
        *times -= 1;
        return Answer::text(429, "Too many requests, please try again later.\n");
    }
    shared.store.handle(request, &user, &now())
}
