//! Policies that would scale one target once a plan is done: those that git has, and those that a
//! rollback holds as they are live. May import: everything.

use super::failure::Failure;
use super::revision::Revision;
use super::{files, jobs};
use crate::change::Bundle;
use crate::change::live::Live;
use crate::change::plan::Planned;
use crate::config;
use crate::lua::{Limits, Modules};
use crate::model::{Mode, Policy};
use crate::program::Entry;
use crate::target::Refusal;
use crate::text::Source;
use crate::worker::{LoadRequest, Worker, own_binary};
use std::collections::BTreeMap;
use std::time::Duration;

/// What was found.
#[derive(Debug, Default)]
pub struct Clashes {
    /// Policies that cannot be applied as long as another one is held.
    pub refused: Vec<Refusal>,
    /// What is to be said before anything is done, a sentence each.
    pub warned: Vec<String>,
}

/// Finds them. A policy that only observes scales nothing.
///
/// # Errors
/// Where luascale itself fails.
pub fn find(
    planned: &[Planned],
    live: &Live,
    revision: &Revision,
    limits: Limits,
) -> Result<Clashes, Failure> {
    let mut found = Clashes::default();
    let mut held: BTreeMap<String, String> = BTreeMap::new();
    let mut worker = None;
    for policy in planned.iter().filter(|policy| policy.held.is_some()) {
        let Some(there) = live.policies.get(&policy.id) else { continue };
        match load(&mut worker, &policy.id, &there.bundle, revision, limits)? {
            Some(policy) => held.extend(scaled(&policy).map(|target| (target, policy.name.value.clone()))),
            None => found.warned.push(format!(
                "{}: what is held does not load, so it cannot be told whether another policy has its target",
                policy.id
            )),
        }
    }
    let mut first: BTreeMap<String, &str> = BTreeMap::new();
    let comes = |id: &str| planned.iter().any(|p| p.id == id && p.held.is_none() && p.after.is_some());
    for policy in revision.policies.iter().filter(|policy| comes(&policy.id)) {
        let Some(target) = scaled(&policy.policy) else { continue };
        if let Some(other) = held.get(&target) {
            let why = format!(
                "it scales what {other} scales, which a rollback holds live: each would undo what the other \
                 decides; change {other} in git, or roll back to where one of them is alone"
            );
            found.refused.push(Refusal { id: policy.id.clone(), why });
        }
        if let Some(other) = first.insert(target, &policy.id) {
            let ids = format!("{other} and {}", policy.id);
            found.warned.push(format!("{ids} scale the same target, each undoing what the other decides"));
        }
    }
    Ok(found)
}

/// What a policy scales, as a key.
fn scaled(policy: &Policy) -> Option<String> {
    let target = policy.target.as_ref().filter(|_| policy.mode == Mode::Scale)?;
    Some(format!("{:?}", target.value))
}

/// Loads a policy as it is live; none where it does not load.
fn load(
    worker: &mut Option<Worker>,
    id: &str,
    bundle: &Bundle,
    revision: &Revision,
    limits: Limits,
) -> Result<Option<Policy>, Failure> {
    let kept = Kept(bundle);
    let Ok(source) = kept.source(&bundle.path) else { return Ok(None) };
    // The kinds of gateways are those that git has now: of what is live they say nothing here.
    let catalogue = revision.projects.first().map(|project| project.catalogue.clone()).unwrap_or_default();
    let request = LoadRequest { source, entry: entry(bundle), catalogue, limits };
    let patience = Duration::from_millis(limits.load_ms) + jobs::GRACE;
    let own =
        own_binary().map_err(|e| Failure::environment(format!("cannot find luascale's own binary: {e}")))?;
    if worker.as_ref().is_none_or(Worker::is_lost) {
        let start = Worker::start(&own, jobs::BASE_MEMORY);
        *worker = Some(start.map_err(|lost| Failure::environment(format!("loading {id} failed: {lost}")))?);
    }
    let Some(worker) = worker else { return Ok(None) };
    let Ok(studied) = worker.study(request, &kept, patience) else { return Ok(None) };
    Ok(studied.loaded.policies.into_iter().find(|policy| policy.name.value == id))
}

/// The entry of a bundle, as luascale.yaml would have it.
fn entry(bundle: &Bundle) -> Option<Entry> {
    let path = serde_json::to_string(&bundle.path).ok()?;
    let text = format!("{{\"policies\": {{{path}: {}}}}}\n", bundle.entry.as_ref()?);
    let source = Source::new(config::FILE_NAME, text);
    let (config, _) = config::parse(&source);
    let found = config.policy(&bundle.path)?;
    let (table, node) = (found.table.clone(), found.node.clone());
    Some(Entry { source, table, node })
}

/// The files of a bundle.
struct Kept<'a>(&'a Bundle);

impl Kept<'_> {
    fn source(&self, path: &str) -> Result<Source, String> {
        let bytes = self.0.files.get(path).ok_or_else(|| format!("{path} is not there"))?;
        files::source(path, bytes.clone()).map_err(|finding| finding.message)
    }
}

impl Modules for Kept<'_> {
    fn find(&self, name: &str) -> Result<Source, String> {
        self.source(&format!("{}.lua", name.replace('.', "/")))
    }
}
