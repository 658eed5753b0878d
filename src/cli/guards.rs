//! What guards a folder: what every luascale.yaml from it upward comes to, as far as a change could
//! weaken it. May import: everything.

use super::approvals::SIGNERS;
use super::files;
use super::layers::{Layer, Layers};
use super::store::Store;
use crate::config::{self, Config, FailOn, GitHub};
use crate::git::Snapshot;
use crate::lint::changed::{Guards, Place, Said};
use crate::text::{Source, Span, Spanned};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A luascale.yaml, and its folder from the repository's root on.
#[derive(Clone, Copy)]
pub struct Stated<'a> {
    /// What it says.
    pub config: &'a Config,
    /// Its text.
    pub source: &'a Source,
    /// Its folder.
    pub folder: &'a Path,
}

impl<'a> Stated<'a> {
    fn of(layer: &'a Layer) -> Stated<'a> {
        Stated { config: &layer.config, source: &layer.source, folder: &layer.root.folder }
    }

    fn path(&self, below: &str) -> String {
        files::shown(&self.folder.join(below))
    }

    fn said(&self, name: &Spanned<String>, value: String) -> Said<String> {
        Said { value, place: Some((self.source.clone(), name.span)) }
    }

    /// The place of a key, where it is written first.
    fn key(&self, word: &str) -> Option<Place> {
        let at = self.source.text.find(word)?;
        Some((self.source.clone(), Span::new(at, at + word.len())))
    }
}

/// What guards a folder under some configurations, the nearest first; `home` is a file to tell of
/// what none of them says.
pub fn guards(layers: &[Stated<'_>], home: Option<Place>) -> Option<Guards> {
    let first = layers.first().map(|first| (first.source.clone(), Span::default()));
    let (mut select, mut ignore) = (Said { value: Vec::new(), place: None }, Vec::<Said<String>>::new());
    for layer in layers.iter().rev() {
        let lint = &layer.config.lint;
        let selected: Vec<String> = lint.select.iter().map(|name| name.value.clone()).collect();
        ignore.retain(|name| !selected.contains(&name.value));
        ignore.extend(lint.ignore.iter().map(|name| layer.said(name, name.value.clone())));
        if !selected.is_empty() {
            select = Said { value: selected, place: layer.key("select") };
        }
    }
    let nearest = |says: &dyn Fn(&Config) -> bool| layers.iter().find(|layer| says(layer.config));
    let stated = nearest(&|config| config.lint.fail_on.is_some());
    let strictness = match stated.and_then(|layer| layer.config.lint.fail_on) {
        Some(FailOn::Note) => 3,
        None | Some(FailOn::Warning) => 2,
        Some(FailOn::Error) => 1,
        Some(FailOn::Never) => 0,
    };
    let strictness = Said { value: strictness, place: stated.and_then(|layer| layer.key("fail_on")) };
    let baseline = nearest(&|config| config.lint.baseline.is_some());
    let baseline = baseline.and_then(|layer| {
        let path = layer.config.lint.baseline.as_ref()?;
        Some(layer.said(path, layer.path(&path.value)))
    });
    let exclude = layers.iter().flat_map(|layer| {
        let all = &layer.config.lint.exclude;
        all.iter().map(|pattern| layer.said(pattern, layer.path(&pattern.value)))
    });
    let rules = layers.iter().flat_map(|layer| {
        let all = &layer.config.lint.rules;
        all.iter().map(|pattern| layer.path(&pattern.value))
    });
    let budget = nearest(&|config| config.lint.budget.is_some());
    let budget = budget.and_then(|layer| {
        let most = layer.config.lint.budget.as_ref()?;
        Some(Said { value: most.value, place: Some((layer.source.clone(), most.span)) })
    });
    let approving = nearest(&|config| config.approval.is_some());
    let approval = approving.and_then(|layer| Some((layer, layer.config.approval.as_ref()?)));
    let key = |word: &str| approval.and_then(|(layer, _)| layer.key(word).or_else(|| layer.key("approval")));
    let mut secrets: Vec<(Said<String>, Vec<String>)> = Vec::new();
    for layer in layers {
        for secret in &layer.config.secrets {
            if !secrets.iter().any(|(nearer, _)| nearer.value == secret.name.value) {
                secrets.push((layer.said(&secret.name, secret.name.value.clone()), secret.hosts.clone()));
            }
        }
    }
    Some(Guards {
        home: first.or(home)?,
        select,
        ignore,
        exclude: exclude.collect(),
        strictness,
        baseline,
        rules: rules.collect(),
        budget,
        branch: Said {
            value: approval.and_then(|(_, a)| a.branch.as_ref()).map(|branch| branch.value.clone()),
            place: key("branch"),
        },
        reviews: Said { value: approval.map_or(0, |(_, a)| a.reviews.unwrap_or(1)), place: key("reviews") },
        signers: Said {
            value: approval.map(|(layer, a)| {
                layer.path(a.allowed_signers.as_ref().map_or(SIGNERS, |path| path.value.as_str()))
            }),
            place: key("allowed_signers"),
        },
        forge: Said {
            value: approval.and_then(|(_, a)| a.github.as_ref()).map(GitHub::words),
            place: key("github"),
        },
        secrets,
    })
}

/// The configurations of a side, each read once.
pub struct Side<'a> {
    store: Store<'a>,
    read: BTreeMap<PathBuf, Option<Arc<Layer>>>,
}

impl<'a> Side<'a> {
    /// Those of a snapshot.
    pub fn of(snapshot: &'a Snapshot) -> Side<'a> {
        Side { store: Store::of(snapshot), read: BTreeMap::new() }
    }

    /// The folder of the luascale.yaml nearest to a folder.
    pub fn nearest(&self, folder: &Path) -> Option<PathBuf> {
        let found = self.store.upward(folder, config::FILE_NAME);
        found.first().map(|path| self.store.parent(path).to_owned())
    }

    /// Every luascale.yaml of a folder and upward; none where one cannot be used.
    pub fn layers(&mut self, folder: &Path) -> Option<Layers> {
        let paths = self.store.upward(folder, config::FILE_NAME);
        let all = paths.into_iter().map(|path| {
            let store = &self.store;
            let read = self.read.entry(path.clone());
            read.or_insert_with(|| Layer::read(store, &path, &[]).ok().map(Arc::new)).clone()
        });
        all.collect::<Option<Vec<_>>>().map(Layers)
    }

    /// What guards a folder; see [`guards`].
    pub fn guards(&mut self, folder: &Path, home: Option<Place>) -> Option<Guards> {
        let layers = self.layers(folder)?;
        guards(&layers.iter().map(Stated::of).collect::<Vec<_>>(), home)
    }
}

/// Files by the folder of the luascale.yaml that was nearest to them at a side; `path` gives a file's
/// path from the repository's root on.
pub fn grouped<'f>(
    side: &Side<'_>,
    files: &'f [PathBuf],
    path: &dyn Fn(&Path) -> Option<PathBuf>,
) -> BTreeMap<Option<PathBuf>, Vec<&'f PathBuf>> {
    let mut nearest: BTreeMap<PathBuf, Option<PathBuf>> = BTreeMap::new();
    let mut groups: BTreeMap<Option<PathBuf>, Vec<&PathBuf>> = BTreeMap::new();
    for file in files {
        let folder = path(file).and_then(|path| path.parent().map(Path::to_owned));
        let of = folder.and_then(|folder| {
            nearest.entry(folder).or_insert_with_key(|folder| side.nearest(folder)).clone()
        });
        groups.entry(of).or_default().push(file);
    }
    groups
}
