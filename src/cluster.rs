//! A connection to a Kubernetes API server: which one, requests, and its refusals in words. Edge;
//! only with the feature `online`.
//!
//! May import: the core.

use crate::report::{causes, said};
use kube::config::{KubeConfigOptions, Kubeconfig};
use serde_json::Value;
use std::fmt;
use std::time::Duration;

/// Longest time for an answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// Longest time to connect.
const CONNECTING: Duration = Duration::from_secs(5);

/// How often a request is sent that the server has no time for.
const ATTEMPTS: u32 = 4;

/// Why a request was not answered as was asked.
#[derive(Debug, Clone, PartialEq)]
pub struct Failed {
    /// The HTTP status; 0 where there was no answer.
    pub code: u16,
    /// The server's reason (`Conflict`, `Forbidden`), empty where it gives none.
    pub reason: String,
    /// What it says, or why there was no answer.
    pub message: String,
    /// What the server says of each cause: `(field, message)`.
    pub causes: Vec<(String, String)>,
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.code {
            0 => write!(f, "{}", self.message),
            401 => f.write_str("the server does not know these credentials (401)"),
            code => write!(f, "{} ({code})", self.message),
        }
    }
}

impl std::error::Error for Failed {}

impl Failed {
    fn unreachable(message: impl Into<String>) -> Failed {
        Failed { code: 0, reason: String::new(), message: message.into(), causes: Vec::new() }
    }

    /// Whether it says that there is no such object.
    pub fn is_absent(&self) -> bool {
        self.code == 404
    }
}

/// How an object is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Write {
    /// POST: it must not be there.
    Create,
    /// PUT: as a whole, at the resourceVersion in it.
    Replace,
    /// PATCH by server-side apply: the fields given, and conflicts are refused.
    Apply,
}

/// A connection.
#[derive(Clone)]
pub struct Cluster {
    client: kube::Client,
    /// The address, for people.
    pub address: String,
}

impl Cluster {
    /// Connects to the cluster of a context of the kubeconfig; without one, to its current context,
    /// and inside a cluster without a kubeconfig to that cluster. Nothing is sent yet.
    ///
    /// # Errors
    /// What is missing, as a sentence.
    pub async fn connect(context: Option<&str>) -> Result<Cluster, Failed> {
        let named = || KubeConfigOptions { context: context.map(str::to_owned), ..Default::default() };
        let config = match context {
            Some(context) => kube::Config::from_kubeconfig(&named()).await.map_err(|e| {
                Failed::unreachable(format!(
                    "there is no context {context} to use in the kubeconfig: {}",
                    causes(&e)
                ))
            })?,
            None => kube::Config::infer().await.map_err(|e| {
                let why = std::error::Error::source(&e).map(causes).unwrap_or_default();
                Failed::unreachable(format!(
                    "this is no pod of a cluster, and there is no kubeconfig to use: {why}"
                ))
            })?,
        };
        Cluster::with(config)
    }

    /// Connects by the text of a kubeconfig.
    ///
    /// # Errors
    /// What is wrong in it.
    pub async fn by_kubeconfig(text: &str) -> Result<Cluster, Failed> {
        let wrong = |e: &dyn std::error::Error| Failed::unreachable(format!("the kubeconfig: {}", causes(e)));
        let read = Kubeconfig::from_yaml(text).map_err(|e| wrong(&e))?;
        let config = kube::Config::from_custom_kubeconfig(read, &KubeConfigOptions::default()).await;
        Cluster::with(config.map_err(|e| wrong(&e))?)
    }

    fn with(mut config: kube::Config) -> Result<Cluster, Failed> {
        config.connect_timeout = Some(CONNECTING);
        config.read_timeout = Some(PATIENCE);
        config.write_timeout = Some(PATIENCE);
        // Its own would send a write again that may have been made.
        config.default_retry = false;
        let address = config.cluster_url.to_string().trim_end_matches('/').to_owned();
        let client = kube::Client::try_from(config)
            .map_err(|e| Failed::unreachable(format!("cannot use the kubeconfig: {}", causes(&e))))?;
        Ok(Cluster { client, address })
    }

    /// Reads an object or a list.
    ///
    /// # Errors
    /// As the server says.
    pub async fn get(&self, path: &str) -> Result<Value, Failed> {
        self.send("GET", path, None, Vec::new()).await
    }

    /// Reads an object; `None` where it is not there.
    ///
    /// # Errors
    /// As the server says.
    pub async fn find(&self, path: &str) -> Result<Option<Value>, Failed> {
        match self.get(path).await {
            Ok(value) => Ok(Some(value)),
            Err(failed) if failed.is_absent() => Ok(None),
            Err(failed) => Err(failed),
        }
    }

    /// Writes an object under the field manager `luascale`; of a dry run the server says what would
    /// come of it and stores nothing.
    ///
    /// # Errors
    /// As the server says.
    pub async fn write(
        &self,
        how: Write,
        path: &str,
        object: &Value,
        dry_run: bool,
    ) -> Result<Value, Failed> {
        let (method, kind) = match how {
            Write::Create => ("POST", "application/json"),
            Write::Replace => ("PUT", "application/json"),
            Write::Apply => ("PATCH", "application/apply-patch+yaml"),
        };
        let dry = if dry_run { "&dryRun=All" } else { "" };
        let path = format!("{path}?fieldManager=luascale&fieldValidation=Strict{dry}");
        self.send(method, &path, Some(kind), object.to_string().into_bytes()).await
    }

    /// Deletes the very object that was seen: of that uid, at that resourceVersion.
    ///
    /// # Errors
    /// As the server says; a conflict where it is another one by now.
    pub async fn delete(&self, path: &str, uid: &str, version: &str, dry_run: bool) -> Result<(), Failed> {
        let mut options = serde_json::json!({
            "apiVersion": "v1", "kind": "DeleteOptions",
            "preconditions": { "uid": uid, "resourceVersion": version },
        });
        if dry_run && let Some(options) = options.as_object_mut() {
            options.insert("dryRun".into(), serde_json::json!(["All"]));
        }
        let body = options.to_string().into_bytes();
        self.send("DELETE", path, Some("application/json"), body).await.map(|_| ())
    }

    async fn send(
        &self,
        method: &str,
        path: &str,
        kind: Option<&str>,
        body: Vec<u8>,
    ) -> Result<Value, Failed> {
        let mut attempt = 1;
        loop {
            let mut request = http::Request::builder().method(method).uri(path);
            request = request.header(http::header::ACCEPT, "application/json");
            if let Some(kind) = kind {
                request = request.header(http::header::CONTENT_TYPE, kind);
            }
            let request = request
                .body(body.clone())
                .map_err(|e| Failed::unreachable(format!("{path} is no path: {e}")))?;
            let failed = match self.client.request_text(request).await {
                Ok(text) => {
                    return serde_json::from_str(&text).map_err(|_| {
                        Failed::unreachable("the answer is not that of a Kubernetes API server")
                    });
                }
                Err(kube::Error::Api(status)) => Failed {
                    code: status.code,
                    reason: status.reason.clone(),
                    message: said(&status.message),
                    causes: status
                        .details
                        .iter()
                        .flat_map(|d| &d.causes)
                        .map(|c| (said(&c.field), said(&c.message)))
                        .collect(),
                },
                Err(error) => Failed::unreachable(causes(&error)),
            };
            // Asked too often: it was not even looked at.
            if failed.code != 429 || attempt == ATTEMPTS {
                return Err(failed);
            }
            tokio::time::sleep(Duration::from_millis(250 << attempt)).await;
            attempt += 1;
        }
    }
}
