//! What a command works on: the policy files, their root, the configuration beside them.
//! May import: everything.

use super::failure::Failure;
use super::files::{self, Root};
use super::store::{Given, Store};
use crate::catalogue::Table;
use crate::config::{self, Config};
use crate::model::Finding;
use crate::program::Entry;
use crate::text::Source;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// A policy root and the files in it that are asked for.
pub struct Project {
    /// Where `require` and sample paths start.
    pub root: Root,
    /// What luascale.yaml says; empty where there is none.
    pub config: Config,
    /// Its text.
    pub config_source: Option<Source>,
    /// The kinds of gateways that it adds.
    pub catalogue: Vec<Source>,
    /// The files, sorted.
    pub files: Vec<PathBuf>,
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
        let mut seen = BTreeSet::new();
        let mut folders = Vec::new();
        // The nearest configuration of a folder.
        let mut configs: BTreeMap<PathBuf, Option<PathBuf>> = BTreeMap::new();
        // By configuration; without one, by the file's own folder.
        let mut groups: BTreeMap<PathBuf, (PathBuf, Option<PathBuf>, Vec<PathBuf>)> = BTreeMap::new();
        for path in paths {
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
                folders.push(store.key(path));
            }
            for file in files {
                if !seen.insert(store.key(&file)) {
                    continue;
                }
                let folder = store.parent(&file);
                let config = match configs.get(folder) {
                    Some(found) => found.clone(),
                    None => {
                        let found = store.upward(folder, config::FILE_NAME);
                        configs.insert(folder.to_owned(), found.clone());
                        found
                    }
                };
                let root = store.parent(config.as_deref().unwrap_or(&file)).to_owned();
                let key = store.key(&root);
                groups.entry(key).or_insert_with(|| (root, config, Vec::new())).2.push(file);
            }
        }
        for (key, (root, config_path, files)) in groups {
            let whole = folders.iter().any(|folder| key.starts_with(folder));
            let root = store.root(&root)?;
            let read =
                config_path.as_deref().map_or(Ok((Config::default(), None)), |path| read_config(&root, path));
            let read = read.and_then(|(config, source)| {
                Ok((read_catalogue(&root, &config, source.as_ref())?, config, source))
            });
            let (catalogue, config, config_source) = match read {
                Ok(read) => read,
                Err(Unusable::Failure(failure)) => return Err(failure),
                Err(Unusable::Config(findings, sources)) => {
                    gathered.findings.extend(findings);
                    gathered.sources.extend(sources);
                    (Vec::new(), Config::default(), None)
                }
            };
            gathered.projects.push(Project { root, config, config_source, catalogue, files, whole });
        }
        Ok(gathered)
    }

    /// The entry of a file under `policies:`.
    pub fn entry(&self, path: &Path) -> Option<Entry> {
        let found = self.config.policy(&self.root.relative(path)?)?;
        let source = self.config_source.clone()?;
        Some(Entry { source, table: found.table.clone(), node: found.node.clone() })
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

fn read_config(root: &Root, path: &Path) -> Result<(Config, Option<Source>), Unusable> {
    let shown = files::shown(path);
    let bytes = root
        .read_file(path, files::MAX_SOURCE)
        .map_err(|why| Failure::usage(format!("cannot read {shown}: {why}")))?;
    let source = files::source(&shown, bytes)
        .map_err(|f| Failure::usage(f.message).hint("luascale.yaml is YAML in UTF-8"))?;
    let (config, findings) = config::parse(&source);
    if findings.is_empty() {
        Ok((config, Some(source)))
    } else {
        Err(Unusable::Config(findings, vec![source]))
    }
}

/// The files under `catalogue:`. They are checked here, once, and not again for each policy.
fn read_catalogue(root: &Root, config: &Config, source: Option<&Source>) -> Result<Vec<Source>, Unusable> {
    let mut findings = Vec::new();
    let mut kinds = Vec::new();
    for file in &config.catalogue {
        let name = files::shown(&root.folder.join(&file.value));
        let read = root.read(&file.value, files::MAX_SOURCE).map_err(|why| {
            let finding =
                Finding::error("cannot-read", format!("cannot read the kind of gateway {name}: {why}"));
            source.map_or(finding.clone(), |source| finding.at(source, file.span, "named here"))
        });
        match read.and_then(|bytes| files::source(&name, bytes)) {
            Ok(kind) => kinds.push(kind),
            Err(finding) => findings.push(finding),
        }
    }
    if let Err(found) = Table::new().with(&kinds) {
        findings.extend(found);
    }
    if findings.is_empty() {
        return Ok(kinds);
    }
    kinds.extend(source.cloned());
    Err(Unusable::Config(findings, kinds))
}
