//! The target `kubernetes`: policies as ConfigMaps that an engine reads, in one namespace of a
//! cluster. May import: siblings, `change`, `model`, `disk`, `cluster`.
//!
//! How they lie there is in `objects`, the lock in `lease`. Everything is written by server-side
//! apply under the field manager `luascale`, and a conflict with another manager is refused, never
//! forced. The one change that an engine sees is that of the ConfigMap `luascale`, made by
//! compare-and-swap on the version that was read together with its fence: a run that lost its lock
//! between its last look at the lock and that write is refused by the server. What is written before
//! that is new objects, which nobody reads yet. Nothing that is scaled is ever written to.

mod applied;
mod lease;
mod objects;
mod reach;

pub use applied::{Applied, applied};

use super::{Claim, Error, Generation, Identity, Journal, Live, Lock, Operation, Refusal, Target};
use crate::change::Bundle;
use crate::cluster::{Cluster, Write};
use crate::model::Time;
use lease::is_over;
use objects::JOURNAL;
use reach::{is_own, refusal, text};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What this kind of target is called.
pub const KIND: &str = "kubernetes";

/// How many generations are kept, the live one among them.
const KEPT: usize = 20;

/// How often what changes while it is read is read anew.
const TRIES: usize = 5;

/// A namespace that policies are applied to.
pub struct Kubernetes {
    cluster: Cluster,
    namespace: String,
    identity: Identity,
    runtime: tokio::runtime::Runtime,
}

impl Kubernetes {
    /// Opens a namespace of the cluster of a context (without one, of the current context, or of
    /// the pod that this runs in). Nothing is written.
    ///
    /// # Errors
    /// Where the cluster cannot be reached, or does not say which one it is.
    pub fn open(context: Option<&str>, namespace: &str) -> Result<Kubernetes, Error> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|e| Error::Unavailable(format!("cannot begin to ask a cluster: {e}")))?;
        let cluster =
            runtime.block_on(Cluster::connect(context)).map_err(|e| Error::Unavailable(e.to_string()))?;
        Kubernetes::of(cluster, namespace, runtime)
    }

    /// Opens a namespace by the text of a kubeconfig.
    ///
    /// # Errors
    /// As [`Kubernetes::open`].
    pub fn by_kubeconfig(text: &str, namespace: &str) -> Result<Kubernetes, Error> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|e| Error::Unavailable(format!("cannot begin to ask a cluster: {e}")))?;
        let cluster =
            runtime.block_on(Cluster::by_kubeconfig(text)).map_err(|e| Error::Unavailable(e.to_string()))?;
        Kubernetes::of(cluster, namespace, runtime)
    }

    fn of(cluster: Cluster, namespace: &str, runtime: tokio::runtime::Runtime) -> Result<Kubernetes, Error> {
        let identity = Identity { kind: KIND.into(), id: String::new() };
        let mut target = Kubernetes { cluster, namespace: namespace.to_owned(), identity, runtime };
        let system = target.get("/api/v1/namespaces/kube-system")?;
        let uid = text(&system, "/metadata/uid");
        if uid.is_empty() {
            let why =
                format!("the cluster at {} does not say the UID of kube-system", target.cluster.address);
            return Err(Error::Unavailable(why));
        }
        target.identity.id = format!("{uid}/{namespace}");
        Ok(target)
    }
}

impl Target for Kubernetes {
    fn identity(&self) -> &Identity {
        &self.identity
    }

    fn shown(&self) -> String {
        format!("the namespace {} of {}", self.namespace, self.cluster.address)
    }

    fn live(&self) -> Result<Live, Error> {
        // An apply that ends in between may delete an old generation while it is read.
        for _ in 0..TRIES {
            let (state, _) = self.state()?;
            let live = self.look(&state);
            if self.state()?.0.generation == state.generation {
                return live;
            }
        }
        Err(Error::Unavailable(format!("{} changes faster than it can be read", self.shown())))
    }

    fn validate(&self, operations: &[Operation]) -> Result<Vec<Refusal>, Error> {
        let mut refusals = Vec::new();
        for operation in operations {
            let Some(bundle) = &operation.after else { continue };
            let refused = |why: String| Refusal { id: operation.id.clone(), why };
            let object = match objects::policy(&self.namespace, &operation.id, bundle) {
                Ok(object) => object,
                Err(why) => {
                    refusals.push(refused(why));
                    continue;
                }
            };
            let path = self.path("configmaps", text(&object, "/metadata/name"));
            let asked = self.cluster.write(Write::Apply, &path, &object, true);
            if let Err(failed) = self.runtime.block_on(asked) {
                refusals.push(refused(refusal(&failed).ok_or_else(|| self.down(&failed))?));
            }
        }
        Ok(refusals)
    }

    fn holder(&self) -> Result<Option<Lock>, Error> {
        Ok(self.read_lease()?.and_then(|lease| lease::read(&lease).0))
    }

    fn lock(&self, claim: &Claim, now: Time) -> Result<Lock, Error> {
        for _ in 0..TRIES {
            let found = self.read_lease()?;
            let (held, transitions) = found.as_ref().map_or((None, 0), lease::read);
            if let Some(held) = held.filter(|held| held.id != claim.id && !is_over(held, now)) {
                return Err(Error::Locked(Box::new(held)));
            }
            // A Lease that somebody deleted begins anew; the fence must not.
            let fence = transitions.max(self.state()?.0.fence).saturating_add(1);
            let lock = Lock {
                id: claim.id.clone(),
                holder: claim.holder.clone(),
                host: claim.host.clone(),
                acquired: now,
                renewed: now,
                ttl: lease::ttl(claim),
                fence,
            };
            let version = found.as_ref().map(|lease| text(lease, "/metadata/resourceVersion"));
            if self.swap(&lease::lease(&self.namespace, Some(&lock), fence, version), found.is_some())? {
                return Ok(lock);
            }
        }
        Err(Error::Unavailable(format!("the lock of {} changes faster than it can be taken", self.shown())))
    }

    fn renew(&self, lock: &Lock, now: Time) -> Result<Lock, Error> {
        let held = self.fenced(lock)?;
        let renewed = Lock { renewed: now, ..lock.clone() };
        let version = text(&held, "/metadata/resourceVersion");
        match self.swap(&lease::lease(&self.namespace, Some(&renewed), lock.fence, Some(version)), true)? {
            true => Ok(renewed),
            false => Err(Error::Fenced(lock.id.clone())),
        }
    }

    fn release(&self, lock: &Lock) -> Result<(), Error> {
        let held = match self.fenced(lock) {
            Err(Error::Fenced(_)) => return Ok(()),
            held => held?,
        };
        let version = text(&held, "/metadata/resourceVersion");
        // Where another was faster, it is not the caller's any more.
        self.swap(&lease::lease(&self.namespace, None, lock.fence, Some(version)), true).map(|_| ())
    }

    fn unlock(&self, id: &str) -> Result<Lock, Error> {
        for _ in 0..TRIES {
            let found = self.read_lease()?.unwrap_or(Value::Null);
            let lock = lease::read(&found).0.filter(|held| held.id == id);
            let lock = lock.ok_or_else(|| Error::Unlocked(id.to_owned()))?;
            let version = text(&found, "/metadata/resourceVersion");
            if self.swap(&lease::lease(&self.namespace, None, lock.fence, Some(version)), true)? {
                return Ok(lock);
            }
        }
        Err(Error::Unavailable(format!("the lock of {} changes faster than it can be taken", self.shown())))
    }

    fn journal(&self) -> Result<Option<Journal>, Error> {
        Ok(self.read_journal()?.map(|(journal, _)| journal))
    }

    fn begin(&self, lock: &Lock, journal: &Journal) -> Result<(), Error> {
        let head = self.journaled(lock, journal)?;
        let (mut state, version) = self.state()?;
        if state.fence > lock.fence {
            return Err(Error::Fenced(lock.id.clone()));
        }
        let finished = self.live_generation(&state)?.is_some_and(|(live, _)| live.run == journal.id);
        if !finished {
            self.in_order(journal, &state)?;
        }
        if head.is_none() && !finished {
            let text = serde_json::to_string(journal).map_err(|e| Error::Unavailable(e.to_string()))?;
            let pieces = objects::pieces(&text);
            let mut head = json!({ "run": journal.id, "pieces": "0", "journal": text });
            if pieces.len() > 1 {
                for (number, piece) in pieces.iter().enumerate() {
                    let object = objects::journal(&self.namespace, Some(number), json!({ "piece": piece }));
                    self.apply(JOURNAL, &object)?;
                }
                head = json!({ "run": journal.id, "pieces": pieces.len().to_string() });
            }
            self.apply(JOURNAL, &objects::journal(&self.namespace, None, head))?;
        }
        // From here on whoever held an older lock is refused at the one write that counts.
        state.fence = lock.fence;
        self.point(lock, &state, version.as_deref())
    }

    fn write(&self, lock: &Lock, journal: &Journal, operation: &Operation) -> Result<(), Error> {
        self.journaled(lock, journal)?;
        let (state, _) = self.state()?;
        let live = self.digest(self.live_generation(&state)?.as_ref(), &operation.id)?;
        if live != operation.before {
            let found = live.unwrap_or_else(|| "nothing".into());
            return Err(Error::Conflict { id: operation.id.clone(), found });
        }
        let Some(bundle) = &operation.after else { return Ok(()) };
        let object = objects::policy(&self.namespace, &operation.id, bundle)
            .map_err(|why| Error::Refused(Refusal { id: operation.id.clone(), why }))?;
        self.apply(&operation.id, &object).map(|_| ())
    }

    fn finish(&self, lock: &Lock, journal: &Journal) -> Result<Generation, Error> {
        self.journaled(lock, journal)?;
        let (mut state, version) = self.state()?;
        let live = self.live_generation(&state)?;
        if let Some((live, _)) = live.as_ref().filter(|(live, _)| live.run == journal.id) {
            return Ok(live.clone());
        }
        if state.fence != lock.fence {
            return Err(Error::Fenced(lock.id.clone()));
        }
        self.in_order(journal, &state)?;
        let mut held = live.as_ref().map(|(_, held)| held.clone()).unwrap_or_default();
        for operation in &journal.operations {
            let conflict = |found: Option<String>| Error::Conflict {
                id: operation.id.clone(),
                found: found.unwrap_or_else(|| "nothing".into()),
            };
            let now = self.digest(live.as_ref(), &operation.id)?;
            if now != operation.before && now != operation.result() {
                return Err(conflict(now));
            }
            let Some(digest) = operation.result() else {
                held.remove(&operation.id);
                continue;
            };
            let name = objects::policy_name(&operation.id, &digest);
            let (policy, uid) = self.policy(&name)?.ok_or_else(|| conflict(None))?;
            if policy.digest != digest {
                return Err(conflict(Some(policy.digest)));
            }
            held.insert(operation.id.clone(), objects::Held { config_map: name, uid });
        }
        let generation = Generation::next(live.as_ref().map(|(generation, _)| generation), journal);
        let refused = |why: String| Error::Unavailable(format!("the generation cannot be written: {why}"));
        self.apply(
            "generation",
            &objects::generation(&self.namespace, &generation, &held).map_err(refused)?,
        )?;
        state.serial = generation.serial;
        state.generation = objects::generation_name(&generation);
        state.history.push(state.generation.clone());
        let surplus = state.history.len().saturating_sub(KEPT);
        state.history.drain(..surplus);
        self.point(lock, &state, version.as_deref())?;
        Ok(generation)
    }

    fn close(&self, lock: &Lock, journal: &Journal) -> Result<(), Error> {
        if let Some(head) = self.journaled(lock, journal)? {
            self.delete(&head)?;
        }
        // Pieces without a head are nobody's journal, also those that a killed run left.
        for piece in self.all("journal")? {
            if is_own(&piece) {
                self.delete(&piece)?;
            }
        }
        self.tidy()
    }

    fn history(&self) -> Result<Vec<Generation>, Error> {
        let (state, _) = self.state()?;
        state.history.iter().map(|name| Ok(self.generation_of(name)?.0)).collect()
    }

    fn generation(&self, serial: u64) -> Result<BTreeMap<String, Bundle>, Error> {
        let (state, _) = self.state()?;
        for name in state.history.iter().rev() {
            let (generation, held) = self.generation_of(name)?;
            if generation.serial != serial {
                continue;
            }
            let mut policies = BTreeMap::new();
            for (id, digest) in generation.inventory {
                let lost =
                    || Error::Damaged(format!("{id} of generation {serial} is not kept as it was applied"));
                let held = held.get(&id).ok_or_else(lost)?;
                let found = self.policy(&held.config_map)?.filter(|(policy, _)| policy.digest == digest);
                policies.insert(id.clone(), found.ok_or_else(lost)?.0.bundle);
            }
            return Ok(policies);
        }
        Err(Error::Missing(serial))
    }
}
