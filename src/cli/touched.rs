//! Which policy files a change touches: those that changed, those that require something that
//! did, those whose entry or gateways in luascale.yaml did. What nothing touches is not loaded.
//! May import: everything.

use super::files::MAX_SOURCE;
use super::layers::Layer;
use super::project::Project;
use super::revision::entry_json;
use crate::config::FILE_NAME;
use crate::git::{self, FileChange, Snapshot};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// The files of both sides that a change touches.
pub fn touched(
    changes: &[FileChange],
    snapshot: &Snapshot,
    before: &[Project],
    after: &[Project],
) -> BTreeSet<PathBuf> {
    let changed: BTreeSet<PathBuf> = changes
        .iter()
        .flat_map(|change| [&change.before, &change.after])
        .flatten()
        .map(|path| git::to_path(path))
        .collect();
    let mut found = changed.clone();
    for project in after {
        let old = before.iter().find(|old| old.root.folder == project.root.folder);
        let gateways = |p: &Project| -> Vec<PathBuf> {
            let of = |layer: &Layer| -> Vec<PathBuf> {
                layer.config.catalogue.iter().map(|c| layer.root.folder.join(&c.value)).collect()
            };
            p.layers.iter().flat_map(of).collect()
        };
        let configs = |p: &Project| -> Vec<PathBuf> {
            p.layers.iter().map(|layer| layer.root.folder.join(FILE_NAME)).collect()
        };
        let gateways_changed = old.is_some_and(|old| gateways(old) != gateways(project))
            || gateways(project).iter().any(|path| changed.contains(path));
        // Where a configuration comes or goes, what its folder is the root of is another project.
        let moved = match old {
            None => changed.contains(&project.root.folder.join(FILE_NAME)),
            Some(old) => configs(old) != configs(project),
        };
        if gateways_changed || moved {
            found.extend(project.files.iter().cloned());
            found.extend(old.into_iter().flat_map(|old| old.files.iter().cloned()));
            continue;
        }
        if let Some(old) = old.filter(|_| configs(project).iter().any(|path| changed.contains(path))) {
            // The nearer entry of a file comes later, and counts.
            let entries = |p: &Project| -> BTreeMap<PathBuf, String> {
                let of = |layer: &Layer| -> Vec<(PathBuf, String)> {
                    let entries = layer.config.policies.iter();
                    entries.map(|e| (layer.root.folder.join(&e.path.value), entry_json(&e.table))).collect()
                };
                p.layers.0.iter().rev().flat_map(|layer| of(layer)).collect()
            };
            let (old, new) = (entries(old), entries(project));
            for path in old.keys().chain(new.keys()).filter(|path| old.get(*path) != new.get(*path)) {
                found.insert(path.clone());
            }
        }
        if changed.iter().any(|path| is_lua(path)) {
            let mut walk = Walk { snapshot, changed: &changed, seen: BTreeMap::new() };
            let root = &project.root.folder;
            found.extend(project.files.iter().filter(|file| walk.reaches(root, file)).cloned());
        }
    }
    // Of a project that is gone, everything is.
    for old in before.iter().filter(|old| !after.iter().any(|new| new.root.folder == old.root.folder)) {
        found.extend(old.files.iter().cloned());
    }
    found
}

fn is_lua(path: &Path) -> bool {
    path.extension().is_some_and(|e| e == "lua" || e == "luau")
}

/// Follows what files require.
struct Walk<'a> {
    snapshot: &'a Snapshot,
    changed: &'a BTreeSet<PathBuf>,
    /// What is known of files that were met; of one that is being followed, that it does not.
    seen: BTreeMap<PathBuf, bool>,
}

impl Walk<'_> {
    /// Whether a file is changed or requires, directly or not, something that is.
    fn reaches(&mut self, root: &Path, file: &Path) -> bool {
        if self.changed.contains(file) {
            return true;
        }
        if let Some(known) = self.seen.get(file) {
            return *known;
        }
        self.seen.insert(file.to_owned(), false);
        let bytes = self.snapshot.read(&git::from_path(file), MAX_SOURCE).unwrap_or_default();
        let reaches = match required(&bytes) {
            // What a computed name means is not known before it is run.
            None => true,
            Some(names) => names
                .iter()
                .any(|name| self.reaches(root, &root.join(format!("{}.lua", name.replace('.', "/"))))),
        };
        self.seen.insert(file.to_owned(), reaches);
        reaches
    }
}

/// Names that a text requires, those in comments too; `None` where one is computed.
fn required(bytes: &[u8]) -> Option<Vec<String>> {
    let mut names = Vec::new();
    for at in memchr::memmem::find_iter(bytes, b"require") {
        let around = |byte: Option<&u8>| byte.is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'_');
        let rest = bytes.get(at + b"require".len()..).unwrap_or_default();
        let before = at.checked_sub(1).and_then(|at| bytes.get(at));
        if around(before) || around(rest.first()) {
            continue;
        }
        let rest = rest.trim_ascii_start();
        let rest = rest.strip_prefix(b"(").unwrap_or(rest).trim_ascii_start();
        let quote = match rest.first() {
            Some(quote @ (b'"' | b'\'')) => *quote,
            _ => return None,
        };
        let body = rest.get(1..)?;
        let end = memchr::memchr(quote, body)?;
        names.push(String::from_utf8_lossy(body.get(..end)?).into_owned());
    }
    Some(names)
}

#[cfg(test)]
mod tests {
    use super::required;

    #[test]
    fn names_are_read_as_they_may_be_written() {
        let of = |text: &str| required(text.as_bytes());
        assert_eq!(
            of("local a = require \"lib.a\"\nlocal b = require('b')"),
            Some(vec!["lib.a".into(), "b".into()])
        );
        assert_eq!(of("local requires = 1 -- nothing"), Some(vec![]));
        assert_eq!(of("local a = require(name)"), None);
        assert_eq!(of("local a = require [[lib.a]]"), None);
        assert_eq!(of("require \"never closed"), None);
    }
}
