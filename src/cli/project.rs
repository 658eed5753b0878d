//! What a command works on: the policy files, their root, the configuration beside them.
//! May import: everything.

#![expect(clippy::disallowed_methods, reason = "whether a path is a folder decides what is meant")]

use super::failure::Failure;
use super::files::{self, Root};
use crate::catalogue::Table;
use crate::config::{self, Config};
use crate::model::Finding;
use crate::program::Entry;
use crate::text::Source;
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
    /// Whether a folder was asked for: then a file that declares nothing is no policy.
    pub folder: bool,
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
    /// Finds the files of a path and the configuration nearest to it, upward.
    ///
    /// # Errors
    /// A path that is not there, a folder without a policy, a configuration with a mistake.
    pub fn open(path: &Path) -> Result<Project, Unusable> {
        let about = std::fs::metadata(path).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => Failure::usage(format!("there is no {}", files::shown(path)))
                .hint("give a policy file, or a folder with policies in it"),
            _ => Failure::environment(format!("cannot read {}: {error}", files::shown(path))),
        })?;
        let folder = about.is_dir();
        let lua = path.extension().is_some_and(|e| e == "lua" || e == "luau");
        if !folder && path.extension().is_some() && !lua {
            return Err(Failure::usage(format!("{} is no Lua file", files::shown(path)))
                .hint("give a policy file (.lua), or a folder with policies in it; recordings go with --samples")
                .into());
        }
        let start = if folder { path } else { parent(path) };
        let config_path = files::upward(start, config::FILE_NAME);
        let root = Root::new(config_path.as_deref().map_or(start, parent))?;
        let (config, config_source) = match &config_path {
            Some(path) => read_config(path)?,
            None => (Config::default(), None),
        };
        let catalogue = read_catalogue(&root, &config, config_source.as_ref())?;
        let files = if folder { files::lua_files(path)? } else { vec![path.to_owned()] };
        if files.is_empty() {
            let failure = Failure::usage(format!("there is no policy in {}", files::shown(path)))
                .hint("a policy is a .lua file that calls `policy \"name\" { … }`, or a script with an entry in luascale.yaml");
            return Err(failure.into());
        }
        Ok(Project { root, config, config_source, catalogue, files, folder })
    }

    /// The entry of a file under `policies:`.
    pub fn entry(&self, path: &Path) -> Option<Entry> {
        let found = self.config.policy(&self.root.relative(path)?)?;
        let source = self.config_source.clone()?;
        Some(Entry { source, table: found.table.clone(), node: found.node.clone() })
    }
}

/// The folder that holds a path.
fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

fn read_config(path: &Path) -> Result<(Config, Option<Source>), Unusable> {
    let shown = files::shown(path);
    let bytes = files::read_limited(path, files::MAX_SOURCE)
        .map_err(|why| Failure::environment(format!("cannot read {shown}: {why}")))?;
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
