//! Versions of policies as a target stores them, loaded: each from its own files, with nothing of
//! the repository. May import: everything.

use super::failure::Failure;
use super::{files, jobs};
use crate::change::Bundle;
use crate::change::code::Code;
use crate::config;
use crate::lua::{Limits, Modules};
use crate::model::Policy;
use crate::program::Entry;
use crate::text::Source;
use crate::worker::{LoadRequest, Worker, own_binary};
use std::time::Duration;

/// Loads stored versions, in one worker.
pub struct Loader<'a> {
    /// The kinds of gateways: those that git has now, since of what is stored they are not told apart
    /// from other files.
    catalogue: &'a [Source],
    limits: Limits,
    worker: Option<Worker>,
}

impl<'a> Loader<'a> {
    /// One that has loaded nothing yet.
    pub fn new(catalogue: &'a [Source], limits: Limits) -> Loader<'a> {
        Loader { catalogue, limits, worker: None }
    }

    /// Loads a policy; none where it does not load.
    ///
    /// # Errors
    /// Where luascale itself fails.
    pub fn load(&mut self, id: &str, bundle: &Bundle) -> Result<Option<(Policy, Code)>, Failure> {
        let kept = Kept(bundle);
        let Ok(source) = kept.source(&bundle.path) else { return Ok(None) };
        let (catalogue, limits) = (self.catalogue.to_vec(), self.limits);
        let request = LoadRequest { source, entry: entry(bundle), catalogue, limits };
        let patience = Duration::from_millis(limits.load_ms) + jobs::GRACE;
        let own = own_binary()
            .map_err(|e| Failure::environment(format!("cannot find luascale's own binary: {e}")))?;
        if self.worker.as_ref().is_none_or(Worker::is_lost) {
            let start = Worker::start(&own, jobs::BASE_MEMORY);
            let failed = |lost| Failure::environment(format!("loading {id} failed: {lost}"));
            self.worker = Some(start.map_err(failed)?);
        }
        let Some(worker) = &mut self.worker else { return Ok(None) };
        let Ok(studied) = worker.study(request, &kept, patience) else { return Ok(None) };
        let mut all = studied.loaded.policies.into_iter().zip(studied.codes);
        Ok(all.find(|(policy, _)| policy.name.value == id))
    }
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
