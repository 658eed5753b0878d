//! What a command works on: the policy files, their root, the configuration beside them.
//! May import: everything.

use super::configuration::Configuration;
use super::failure::Failure;
use super::files::{self, Followed, Root};
use super::layers::{Layer, Layers};
use super::organisation;
use super::store::{Given, Store};
use crate::config;
use crate::model::Finding;
use crate::program::Entry;
use crate::text::Source;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A policy root and the files in it that are asked for.
pub struct Project {
    /// Where `require` and sample paths start.
    pub root: Root,
    /// What every luascale.yaml upward says, the nearest first.
    pub layers: Layers,
    /// The kinds of gateways that they add.
    pub catalogue: Vec<Source>,
    /// The organisation's files of rules; they are not among `files`.
    pub rules: Vec<Source>,
    /// What its files are judged by instead of its own layers and rules: where a change is judged,
    /// the configuration of the base.
    pub base: Option<Configuration>,
    /// The files, sorted.
    pub files: Vec<PathBuf>,
    /// Files that `lint: exclude:` leaves out of a check; they are not among `files`.
    pub excluded: Vec<PathBuf>,
    /// Whether all files below the root are among them, so that what the configuration names and
    /// they do not have is a mistake in it.
    pub whole: bool,
}

/// What several paths hold.
#[derive(Default)]
pub struct Gathered {
    /// Whether a folder was asked for: then a file that declares nothing is no policy.
    pub folder: bool,
    /// The projects.
    pub projects: Vec<Project>,
    /// What is wrong with configurations that cannot be used.
    pub findings: Vec<Finding>,
    /// Their texts.
    pub sources: Vec<Source>,
}

/// A configuration that cannot be used, with what is wrong in it.
pub enum Unusable {
    /// A failure without a place.
    Failure(Failure),
    /// Findings in luascale.yaml and in what it names, with their texts.
    Config(Vec<Finding>, Vec<Source>),
}

impl From<Failure> for Unusable {
    fn from(failure: Failure) -> Unusable {
        Unusable::Failure(failure)
    }
}

impl Project {
    /// The projects on the disk that several paths belong to; see [`Project::gather_from`].
    ///
    /// # Errors
    /// Those of [`Project::gather_from`].
    pub fn gather(paths: &[PathBuf], given: bool) -> Result<Gathered, Failure> {
        Project::gather_from(&Store::Disk, paths, given)
    }

    /// The projects that the files of several paths belong to, each file once: that of the
    /// nearest luascale.yaml upward of the file, wherever the paths start; without one, of the
    /// file's own folder. Where a configuration cannot be used, its files stand in a project
    /// without one. Where the text is `given`, the path need not be there; a path that a snapshot
    /// does not have is passed over, and so is a folder of it without a policy.
    ///
    /// # Errors
    /// A path that is not there, a folder without a policy.
    pub fn gather_from(store: &Store<'_>, paths: &[PathBuf], given: bool) -> Result<Gathered, Failure> {
        let mut gathered = Gathered::default();
        let followed = Followed::default();
        let mut seen = BTreeSet::new();
        let mut folders = Vec::new();
        // The configurations of a folder, the nearest first.
        let mut configs: BTreeMap<PathBuf, Vec<PathBuf>> = BTreeMap::new();
        // By the nearest configuration; without one, by the file's own folder.
        let mut groups: BTreeMap<PathBuf, (PathBuf, Vec<PathBuf>, Vec<PathBuf>)> = BTreeMap::new();
        for path in paths {
            // A configuration stands for all that it is about: a change of it may concern each of them.
            let is_config = !given && path.file_name().is_some_and(|name| name == config::FILE_NAME);
            let path = if is_config { &store.parent(path).to_owned() } else { path };
            let folder = !given
                && match store.given(path)? {
                    Given::Folder => true,
                    Given::File => lua(path)?,
                    Given::Absent => continue,
                };
            let files = if folder { store.lua_files(path)? } else { vec![path.clone()] };
            if files.is_empty() && matches!(store, Store::Disk) {
                return Err(no_policy(path));
            }
            if folder {
                gathered.folder = true;
                folders.push(store.key(path, &followed));
            }
            for file in files {
                if !seen.insert(store.key(&file, &followed)) {
                    continue;
                }
                let folder = store.parent(&file);
                let found = match configs.get(folder) {
                    Some(found) => found,
                    None => configs
                        .entry(folder.to_owned())
                        .or_insert_with(|| store.upward(folder, config::FILE_NAME)),
                };
                let root = store.parent(found.first().unwrap_or(&file)).to_owned();
                let key = store.key(&root, &followed);
                groups.entry(key).or_insert_with(|| (root, found.clone(), Vec::new())).2.push(file);
            }
        }
        let mut read = Read { store, followed: &followed, folders: &folders, layers: BTreeMap::new() };
        for (key, (root, configs, files)) in groups {
            let whole = folders.iter().any(|folder| key.starts_with(folder));
            let root = store.root(&root)?;
            let usable = read.all(&configs, &mut gathered)?;
            let parts = usable
                .map(|layers| Ok((organisation::sources(store, &layers)?, layers.catalogue()?, layers)));
            let (rules, catalogue, layers) = match parts {
                None => Default::default(),
                Some(Ok(parts)) => parts,
                Some(Err(Unusable::Failure(failure))) => return Err(failure),
                Some(Err(Unusable::Config(findings, sources))) => {
                    gathered.findings.extend(findings);
                    gathered.sources.extend(sources);
                    Default::default()
                }
            };
            let files = files.into_iter().filter(|path| !organisation::is_rules(&layers, path)).collect();
            gathered.projects.push(Project {
                root,
                layers,
                catalogue,
                rules,
                base: None,
                files,
                excluded: Vec::new(),
                whole,
            });
        }
        // What is wrong in a file far up is told once.
        gathered.findings.sort_by(Finding::order);
        gathered.findings.dedup();
        Ok(gathered)
    }

    /// The organisation's files of rules that every luascale.yaml upward of a folder names.
    ///
    /// # Errors
    /// A configuration that cannot be used.
    pub fn rules_at(folder: &Path) -> Result<Vec<Source>, Failure> {
        let store = Store::Disk;
        let paths = store.upward(folder, config::FILE_NAME);
        let layers: Result<Vec<_>, _> =
            paths.iter().map(|path| Layer::read(&store, path, &[]).map(Arc::new)).collect();
        let rules = layers.and_then(|layers| organisation::sources(&store, &Layers(layers)));
        rules.map_err(|unusable| match unusable {
            Unusable::Failure(failure) => failure,
            Unusable::Config(..) => Failure::usage("the configuration cannot be used")
                .hint("`luascale check` shows what is wrong in it"),
        })
    }

    /// A part of it: some of its files, not yet judged by the configuration of a base.
    pub fn part(&self, files: Vec<PathBuf>) -> Project {
        Project {
            root: self.root.clone(),
            layers: self.layers.clone(),
            catalogue: self.catalogue.clone(),
            rules: self.rules.clone(),
            base: None,
            files,
            excluded: Vec::new(),
            whole: false,
        }
    }

    /// The configuration that its files are judged by.
    pub fn in_force(&self) -> &Layers {
        self.base.as_ref().map_or(&self.layers, |base| &base.layers)
    }

    /// The organisation's files of rules that its files are judged by.
    pub fn rules_in_force(&self) -> &[Source] {
        self.base.as_ref().map_or(&self.rules, |base| &base.rules)
    }

    /// The text of one of its files.
    ///
    /// # Errors
    /// A finding that says why it cannot be read.
    pub fn source(&self, path: &Path) -> Result<Source, Finding> {
        let name = files::shown(path);
        self.root
            .read_file(path, files::MAX_SOURCE)
            .map_err(|why| Finding::error("cannot-read", format!("cannot read {name}: {why}")))
            .and_then(|bytes| files::source(&name, bytes))
    }

    /// The entry of a file under `policies:`.
    pub fn entry(&self, path: &Path) -> Option<Entry> {
        let (layer, found) = self.layers.nearest(|layer| layer.config.policy(&layer.root.relative(path)?))?;
        Some(Entry { source: layer.source.clone(), table: found.table.clone(), node: found.node.clone() })
    }
}

/// Layers by their path, each read once.
struct Read<'a> {
    store: &'a Store<'a>,
    followed: &'a Followed,
    folders: &'a [PathBuf],
    layers: BTreeMap<PathBuf, Option<Arc<Layer>>>,
}

impl Read<'_> {
    /// The layers of a project; `None`, and what is wrong is gathered, where one cannot be used.
    fn all(&mut self, paths: &[PathBuf], gathered: &mut Gathered) -> Result<Option<Layers>, Failure> {
        let mut layers = Vec::new();
        for path in paths {
            let key = self.store.key(path, self.followed);
            if !self.layers.contains_key(&key) {
                let layer = match Layer::read(self.store, path, self.folders) {
                    Ok(layer) => Some(Arc::new(layer)),
                    Err(Unusable::Failure(failure)) => return Err(failure),
                    Err(Unusable::Config(findings, sources)) => {
                        gathered.findings.extend(findings);
                        gathered.sources.extend(sources);
                        None
                    }
                };
                self.layers.insert(key.clone(), layer);
            }
            layers.push(self.layers.get(&key).cloned().flatten());
        }
        Ok(layers.into_iter().collect::<Option<Vec<_>>>().map(Layers))
    }
}

/// Says that a file is Lua, which is no folder; other files are not read as policies.
fn lua(path: &Path) -> Result<bool, Failure> {
    let lua = path.extension().is_some_and(|e| e == "lua" || e == "luau");
    if path.extension().is_some() && !lua {
        return Err(Failure::usage(format!("{} is no Lua file", files::shown(path))).hint(
            "give a policy file (.lua), or a folder with policies in it; recordings go with --samples",
        ));
    }
    Ok(false)
}

fn no_policy(path: &Path) -> Failure {
    Failure::usage(format!("there is no policy in {}", files::shown(path))).hint(
        "a policy is a .lua file that calls `policy \"name\" { … }`, or a script with an entry in luascale.yaml",
    )
}

/// The folder that holds a path.
pub fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}
