//! Requests to the cluster in the words of a target: objects read, applied and deleted, and what
//! lies there put together. May import: siblings, `change`, `model`, `disk`, `cluster`.

use super::super::{Error, Generation, Journal, Live, LivePolicy, Lock, Refusal, Target};
use super::objects::{self, Inventory, JOURNAL, MANAGED_BY, MANAGER, PART, STATE, State};
use super::{Kubernetes, TRIES, lease};
use crate::cluster::{Failed, Write};
use crate::disk;
use crate::report::segment;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// How many objects a list gives at a time.
const PAGE: usize = 200;

/// The ConfigMap `luascale`, and the version at which it was read; none where it is not there.
type Seen = (State, Option<String>);

/// A text in an object; empty where it has none there.
pub(super) fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

impl Kubernetes {
    pub(super) fn path(&self, plural: &str, name: &str) -> String {
        let api = if plural == "leases" { "/apis/coordination.k8s.io/v1" } else { "/api/v1" };
        let slash = if name.is_empty() { "" } else { "/" };
        format!("{api}/namespaces/{}/{plural}{slash}{name}", self.namespace)
    }

    pub(super) fn down(&self, failed: &Failed) -> Error {
        let hint = match failed.code {
            403 => "; it needs get, list, create, patch, update and delete on configmaps and leases there",
            404 if failed.message.starts_with("namespaces") => "; create the namespace first",
            _ => "",
        };
        Error::Unavailable(format!("the cluster at {}: {failed}{hint}", self.cluster.address))
    }

    pub(super) fn get(&self, path: &str) -> Result<Value, Error> {
        self.runtime.block_on(self.cluster.get(path)).map_err(|e| self.down(&e))
    }

    pub(super) fn find(&self, path: &str) -> Result<Option<Value>, Error> {
        self.runtime.block_on(self.cluster.find(path)).map_err(|e| self.down(&e))
    }

    pub(super) fn config_map(&self, name: &str) -> Result<Option<Value>, Error> {
        self.find(&self.path("configmaps", name))
    }

    pub(super) fn send(&self, how: Write, path: &str, object: &Value) -> Result<Value, Failed> {
        // Counted as a step of a disk, so that tests have the process killed at each of them.
        disk::step().map_err(|e| Failed {
            code: 0,
            reason: String::new(),
            message: e.to_string(),
            causes: Vec::new(),
        })?;
        self.runtime.block_on(self.cluster.write(how, path, object, false))
    }

    /// Server-side apply of a ConfigMap; a refusal is told as one of `id`.
    pub(super) fn apply(&self, id: &str, object: &Value) -> Result<Value, Error> {
        let path = self.path("configmaps", text(object, "/metadata/name"));
        self.send(Write::Apply, &path, object).map_err(|failed| match refusal(&failed) {
            Some(why) => Error::Refused(Refusal { id: id.to_owned(), why }),
            None => self.down(&failed),
        })
    }

    pub(super) fn delete(&self, object: &Value) -> Result<(), Error> {
        disk::step().map_err(|e| Error::Unavailable(e.to_string()))?;
        let path = self.path("configmaps", text(object, "/metadata/name"));
        let (uid, version) = (text(object, "/metadata/uid"), text(object, "/metadata/resourceVersion"));
        match self.runtime.block_on(self.cluster.delete(&path, uid, version, false)) {
            Err(failed) if !failed.is_absent() => Err(self.down(&failed)),
            _ => Ok(()),
        }
    }

    /// All ConfigMaps of a part, page by page.
    pub(super) fn all(&self, part: &str) -> Result<Vec<Value>, Error> {
        let selector = format!(
            "labelSelector={}%3D{MANAGER},{}%3D{part}",
            MANAGED_BY.replace('/', "%2F"),
            PART.replace('/', "%2F")
        );
        let first = format!("{}?{selector}&limit={PAGE}", self.path("configmaps", ""));
        'again: for _ in 0..TRIES {
            let (mut found, mut path) = (Vec::new(), first.clone());
            loop {
                let mut list = match self.runtime.block_on(self.cluster.get(&path)) {
                    Ok(list) => list,
                    // The pages that were begun are too old by now.
                    Err(failed) if failed.code == 410 => continue 'again,
                    Err(failed) => return Err(self.down(&failed)),
                };
                let more = segment(text(&list, "/metadata/continue"));
                if let Some(Value::Array(items)) = list.get_mut("items").map(Value::take) {
                    found.extend(items);
                }
                if more.is_empty() {
                    return Ok(found);
                }
                path = format!("{first}&continue={more}");
            }
        }
        Err(Error::Unavailable(format!("{} changes faster than it can be read", self.shown())))
    }

    pub(super) fn state(&self) -> Result<Seen, Error> {
        let Some(object) = self.config_map(STATE)? else { return Ok((State::default(), None)) };
        let version = text(&object, "/metadata/resourceVersion").to_owned();
        Ok((objects::read_state(&object).map_err(Error::Damaged)?, Some(version)))
    }

    pub(super) fn generation_of(&self, name: &str) -> Result<(Generation, Inventory), Error> {
        let gone = || Error::Damaged(format!("the ConfigMap {name} of a generation is gone"));
        let object = self.config_map(name)?.ok_or_else(gone)?;
        objects::read_generation(&object).map_err(Error::Damaged)
    }

    /// The live generation; none where nothing was ever applied.
    pub(super) fn live_generation(&self, state: &State) -> Result<Option<(Generation, Inventory)>, Error> {
        if state.serial == 0 { Ok(None) } else { self.generation_of(&state.generation).map(Some) }
    }

    pub(super) fn policy(&self, name: &str) -> Result<Option<(LivePolicy, String)>, Error> {
        let object = self.config_map(name)?;
        Ok(object.map(|object| (objects::read_policy(&object), text(&object, "/metadata/uid").to_owned())))
    }

    /// Digest of a policy as it is live.
    pub(super) fn digest(
        &self,
        live: Option<&(Generation, Inventory)>,
        id: &str,
    ) -> Result<Option<String>, Error> {
        let Some(held) = live.and_then(|(_, inventory)| inventory.get(id)) else { return Ok(None) };
        Ok(self.policy(&held.config_map)?.map(|(policy, _)| policy.digest))
    }

    pub(super) fn look(&self, state: &State) -> Result<Live, Error> {
        let Some((generation, inventory)) = self.live_generation(state)? else { return Ok(Live::default()) };
        let mut live = Live {
            serial: generation.serial,
            commit: generation.origin.commit.clone(),
            governed: generation.origin.governed.clone(),
            inventory: generation.inventory.clone(),
            applied: generation.applied.clone(),
            hold: generation.hold.clone(),
            ..Live::default()
        };
        let there = self.all("policy")?;
        let by_name: BTreeMap<&str, &Value> = there.iter().map(|o| (text(o, "/metadata/name"), o)).collect();
        for (id, held) in &inventory {
            if let Some(object) = by_name.get(held.config_map.as_str()) {
                live.policies.insert(id.clone(), objects::read_policy(object));
            }
        }
        let strange = there.iter().filter(|object| !is_own(object));
        live.foreign = strange.map(|o| format!("configmap {}", text(o, "/metadata/name"))).collect();
        Ok(live)
    }

    pub(super) fn read_lease(&self) -> Result<Option<Value>, Error> {
        self.find(&self.path("leases", STATE))
    }

    /// Whether the lock is still the caller's.
    pub(super) fn fenced(&self, lock: &Lock) -> Result<Value, Error> {
        let lost = || Error::Fenced(lock.id.clone());
        let object = self.read_lease()?.ok_or_else(lost)?;
        match lease::read(&object) {
            (Some(held), _) if held.id == lock.id && held.fence == lock.fence => Ok(object),
            _ => Err(lost()),
        }
    }

    /// Writes a Lease at the version that was read; `false` where another was faster.
    pub(super) fn swap(&self, object: &Value, there: bool) -> Result<bool, Error> {
        let (how, path) = match there {
            true => (Write::Replace, self.path("leases", STATE)),
            false => (Write::Create, self.path("leases", "")),
        };
        match self.send(how, &path, object) {
            Ok(_) => Ok(true),
            Err(failed) if failed.code == 409 => Ok(false),
            Err(failed) => Err(self.down(&failed)),
        }
    }

    /// Writes the ConfigMap `luascale` at the version that was read.
    pub(super) fn point(&self, lock: &Lock, state: &State, version: Option<&str>) -> Result<(), Error> {
        let object = objects::state(&self.namespace, state, version);
        match self.send(Write::Apply, &self.path("configmaps", STATE), &object) {
            Ok(_) => Ok(()),
            // Somebody else wrote it since: a run that took the lock.
            Err(failed) if failed.code == 409 && failed.causes.is_empty() => {
                Err(Error::Fenced(lock.id.clone()))
            }
            Err(failed) => Err(match refusal(&failed) {
                Some(why) => Error::Unavailable(format!("the ConfigMap {STATE}: {why}")),
                None => self.down(&failed),
            }),
        }
    }

    /// The journal of an apply that runs, with the object that says so.
    pub(super) fn read_journal(&self) -> Result<Option<(Journal, Value)>, Error> {
        let Some(head) = self.config_map(JOURNAL)? else { return Ok(None) };
        let damaged =
            |why: String| Error::Damaged(format!("the ConfigMap {JOURNAL} is not as it was written: {why}"));
        let count: usize =
            text(&head, "/data/pieces").parse().map_err(|_| damaged("no number of pieces".into()))?;
        let mut all = text(&head, "/data/journal").to_owned();
        for number in 0..count {
            let piece = self.config_map(&format!("{JOURNAL}-{number}"))?;
            let piece = piece.ok_or_else(|| damaged(format!("piece {number} is gone")))?;
            all.push_str(text(&piece, "/data/piece"));
        }
        let journal = serde_json::from_str(&all).map_err(|e| damaged(e.to_string()))?;
        Ok(Some((journal, head)))
    }

    /// Whether the lock is ours and the journal is the one that is written down.
    pub(super) fn journaled(&self, lock: &Lock, journal: &Journal) -> Result<Option<Value>, Error> {
        self.fenced(lock)?;
        match self.config_map(JOURNAL)? {
            Some(head) if text(&head, "/data/run") != journal.id => {
                Err(Error::Interrupted(text(&head, "/data/run").to_owned()))
            }
            head => Ok(head),
        }
    }

    /// Fails where a generation came that the journal does not know.
    pub(super) fn in_order(&self, journal: &Journal, state: &State) -> Result<(), Error> {
        if state.serial == journal.serial {
            return Ok(());
        }
        Err(Error::Conflict { id: "luascale".into(), found: format!("generation {}", state.serial) })
    }

    /// Deletes policies and generations that no kept generation names, of its own ones.
    pub(super) fn tidy(&self) -> Result<(), Error> {
        let (state, _) = self.state()?;
        let mut kept: BTreeSet<String> = state.history.iter().cloned().collect();
        for name in &state.history {
            let (_, inventory) = self.generation_of(name)?;
            kept.extend(inventory.into_values().map(|held| held.config_map));
        }
        for part in ["generation", "policy"] {
            for object in self.all(part)? {
                if is_own(&object) && !kept.contains(text(&object, "/metadata/name")) {
                    self.delete(&object)?;
                }
            }
        }
        Ok(())
    }
}

/// Whether luascale put an object there, by its managed fields: a label anybody can write.
pub(super) fn is_own(object: &Value) -> bool {
    let entries = object.pointer("/metadata/managedFields").and_then(Value::as_array);
    entries
        .into_iter()
        .flatten()
        .any(|entry| text(entry, "/manager") == MANAGER && text(entry, "/operation") == "Apply")
}

/// What the server refuses of an object, in words; `None` where it is no fault of the object.
pub(super) fn refusal(failed: &Failed) -> Option<String> {
    match failed.code {
        409 if failed.causes.is_empty() => None,
        409 => {
            let owned: Vec<String> =
                failed.causes.iter().map(|(field, why)| format!("{field} ({why})")).collect();
            Some(format!("fields belong to another manager, and are not taken from it: {}", owned.join(", ")))
        }
        400 | 413 | 422 => Some(failed.to_string()),
        _ => None,
    }
}
