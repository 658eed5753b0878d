//! A deployment on GitHub that mirrors what the ledger says. Nothing depends on it: where it cannot
//! be written that is said, and what was applied stays applied. May import: everything.

use super::pipeline;
use super::planning::Planning;
use super::terminal::Terminal;
use crate::change::live::Head;
use crate::forge::Failed;
use crate::forge::github::Client;
use crate::text::short_digest;

use serde_json::{Value, json};

/// Name of the environment where luascale.yaml names none.
const ENVIRONMENT: &str = "luascale";

/// Most characters of a status' description.
const MOST: usize = 140;

/// A deployment that was begun.
pub struct Mirror<'a> {
    client: Client,
    id: u64,
    terminal: &'a Terminal,
}

impl<'a> Mirror<'a> {
    /// Begins one, where the configuration of the base is about GitHub and there is a token.
    pub fn begin(planning: &Planning, digest: &str, terminal: &'a Terminal) -> Option<Mirror<'a>> {
        let github = planning.configuration.approval()?.github.as_ref()?;
        let named = github.repository.as_ref().map(|name| name.value.as_str());
        let repository = pipeline::repository(named, &planning.repo)?;
        let client = pipeline::github(&repository).ok().flatten()?;
        let environment = github.environment.as_ref().map_or(ENVIRONMENT, |name| name.value.as_str());
        let identity = planning.opened.target.identity();
        let body = json!({
            "ref": planning.head.to_string(),
            "task": "luascale",
            // The commit as it is, whatever the checks of others say: it was approved.
            "auto_merge": false,
            "required_contexts": [],
            "environment": environment,
            "description": cut(&format!("policies to {identity}")),
            "payload": { "changes_digest": digest, "target": { "kind": identity.kind, "id": identity.id } },
        });
        let made = client.post("deployments", &body);
        let id = made.and_then(|made| {
            made.get("id").and_then(Value::as_u64).ok_or_else(|| Failed::odd("the deployment has no number"))
        });
        let mirror = match id {
            Ok(id) => Mirror { client, id, terminal },
            Err(failed) => {
                unmirrored(terminal, &failed);
                return None;
            }
        };
        mirror.say("in_progress", "the target is locked");
        Some(mirror)
    }

    /// Says how it ended.
    pub fn end(self, generation: u64, ledger: Option<&Head>) {
        let line = ledger.map(|head| format!(", ledger line {} {}", head.lines, short_digest(&head.digest)));
        self.say("success", &format!("generation {generation}{}", line.unwrap_or_default()));
    }

    /// Says that it did not come to its end.
    pub fn fail(self, why: &str) {
        self.say("failure", why);
    }

    fn say(&self, state: &str, description: &str) {
        let mut body = json!({ "state": state, "description": cut(description), "auto_inactive": true });
        if let (Some(url), Some(map)) = (pipeline::run_url(), body.as_object_mut()) {
            map.insert("log_url".into(), url.into());
        }
        if let Err(failed) = self.client.post(&format!("deployments/{}/statuses", self.id), &body) {
            unmirrored(self.terminal, &failed);
        }
    }
}

fn cut(text: &str) -> String {
    crate::report::safe(text).chars().take(MOST).collect()
}

fn unmirrored(terminal: &Terminal, failed: &Failed) {
    terminal.say(&format!(
        "note: GitHub shows no deployment of this: {failed} (a job may with `permissions: deployments: write`)"
    ));
}
