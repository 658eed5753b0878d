//! The configuration of a project: every luascale.yaml from its folder upward to the repository's
//! root, the nearest first. What stands nearer counts more; each key keeps the file that it was
//! written in, for paths and for findings. May import: everything.

use super::failure::Failure;
use super::files::{self, Followed, Root};
use super::project::Unusable;
use super::store::Store;
use crate::catalogue::Table;
use crate::config::{self, Config, SampleFile, Secret};
use crate::model::Finding;
use crate::text::Source;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A luascale.yaml.
pub struct Layer {
    /// Its folder: paths in it start there.
    pub root: Root,
    /// What it says.
    pub config: Config,
    /// Its text.
    pub source: Source,
    /// Whether all files below its folder are asked for, so that what it names and they do not
    /// have is a mistake in it.
    pub whole: bool,
}

/// The layers of a project, the nearest first; none where there is no luascale.yaml.
#[derive(Clone, Default)]
pub struct Layers(pub Vec<Arc<Layer>>);

impl Layer {
    /// Reads a luascale.yaml; `folders` are the keys of those asked for.
    ///
    /// # Errors
    /// Where it cannot be read, or has findings.
    pub fn read(store: &Store<'_>, path: &Path, folders: &[PathBuf]) -> Result<Layer, Unusable> {
        let shown = files::shown(path);
        let folder = store.parent(path);
        let root = store.root(folder)?;
        let bytes = root
            .read_file(path, files::MAX_SOURCE)
            .map_err(|why| Failure::usage(format!("cannot read {shown}: {why}")))?;
        let source = files::source(&shown, bytes)
            .map_err(|f| Failure::usage(f.message).hint("luascale.yaml is YAML in UTF-8"))?;
        let (config, findings) = config::parse(&source);
        if !findings.is_empty() {
            return Err(Unusable::Config(findings, vec![source]));
        }
        let whole = folders.iter().any(|asked| store.key(folder, &Followed::default()).starts_with(asked));
        Ok(Layer { root, config, source, whole })
    }
}

impl Layers {
    /// The layers, the nearest first.
    pub fn iter(&self) -> impl Iterator<Item = &Layer> {
        self.0.iter().map(|layer| &**layer)
    }

    /// The nearest layer that says something of a kind, and what it says: how sections are found
    /// that are taken whole (`approval`, `apply`), and entries by their name.
    pub fn nearest<'a, T>(&'a self, says: impl Fn(&'a Layer) -> Option<T>) -> Option<(&'a Layer, T)> {
        self.iter().find_map(|layer| Some((layer, says(layer)?)))
    }

    /// The recordings of a policy, and the layer that names them.
    pub fn samples(&self, policy: &str) -> Option<(&Layer, &[SampleFile])> {
        self.nearest(|layer| Some(layer.config.samples(policy)).filter(|files| !files.is_empty()))
    }

    /// The names that `secret` may resolve, each from the nearest layer that has it.
    pub fn secrets(&self) -> impl Iterator<Item = (&Layer, &Secret)> {
        let all =
            self.iter().flat_map(|layer| layer.config.secrets.iter().map(move |secret| (layer, secret)));
        let mut seen = std::collections::HashSet::new();
        all.filter(move |(_, secret)| seen.insert(secret.name.value.as_str()))
    }

    /// The texts.
    pub fn sources(&self) -> impl Iterator<Item = &Source> {
        self.iter().map(|layer| &layer.source)
    }

    /// The files under `catalogue:` of all layers, the farthest first. They are checked here, once,
    /// and not again for each policy.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn catalogue(&self) -> Result<Vec<Source>, Unusable> {
        let mut findings = Vec::new();
        let mut kinds = Vec::new();
        for layer in self.0.iter().rev() {
            for file in &layer.config.catalogue {
                let name = files::shown(&layer.root.folder.join(&file.value));
                let read = layer.root.read(&file.value, files::MAX_SOURCE).map_err(|why| {
                    let message = format!("cannot read the kind of gateway {name}: {why}");
                    Finding::error("cannot-read", message).at(&layer.source, file.span, "named here")
                });
                match read.and_then(|bytes| files::source(&name, bytes)) {
                    Ok(kind) => kinds.push(kind),
                    Err(finding) => findings.push(finding),
                }
            }
        }
        if let Err(found) = Table::new().with(&kinds) {
            findings.extend(found);
        }
        if findings.is_empty() {
            return Ok(kinds);
        }
        kinds.extend(self.sources().cloned());
        Err(Unusable::Config(findings, kinds))
    }
}
