//! Files as fixes have changed them, before they are written. Edge.

#![expect(clippy::disallowed_methods, reason = "fixed files are written")]

use super::failure::Failure;
use super::files;
use crate::disk;
use crate::lint::fix::Fixed;
use crate::text::Source;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Files that fixes have changed, by name.
#[derive(Default)]
pub struct Edited {
    /// A file as it came in, instead of what is on the disk.
    pub given: Option<Source>,
    /// The files.
    pub files: BTreeMap<String, File>,
    /// How many findings were cured.
    pub cured: usize,
}

/// A changed file.
pub struct File {
    path: PathBuf,
    before: Source,
    after: Source,
}

impl Edited {
    /// A file as it is now, where it was changed.
    pub fn get(&self, name: &str) -> Option<&Source> {
        let changed = self.files.get(name).map(|file| &file.after);
        changed.or_else(|| self.given.as_ref().filter(|source| *source.name == *name))
    }

    /// Takes changes on; `before` are the files that they were made to.
    pub fn take<'a>(&mut self, fixed: Fixed, before: &[Source], paths: impl Iterator<Item = &'a Path>) {
        let paths: Vec<&Path> = paths.collect();
        self.cured += fixed.cured;
        for after in fixed.sources {
            if let Some(file) = self.files.get_mut(&*after.name) {
                file.after = after;
                continue;
            }
            let path = paths.iter().find(|path| files::shown(path) == *after.name);
            let source = before.iter().find(|source| source.name == after.name);
            if let (Some(path), Some(before)) = (path, source) {
                let file = File { path: path.to_path_buf(), before: before.clone(), after: after.clone() };
                self.files.insert(after.name.to_string(), file);
            }
        }
    }

    /// What changed, as a unified diff.
    pub fn diff(&self) -> String {
        let one = |(name, file): (&String, &File)| {
            let diff = similar::TextDiff::from_lines(&*file.before.text, &*file.after.text);
            diff.unified_diff().header(&format!("a/{name}"), &format!("b/{name}")).to_string()
        };
        self.files.iter().map(one).collect()
    }

    /// Writes the files. Each is written beside itself and then takes its own place, so that
    /// none is ever left half written.
    ///
    /// # Errors
    /// Where a file cannot be written; those before it are.
    pub fn write(&self) -> Result<(), Failure> {
        for (name, file) in &self.files {
            let fail = |e: std::io::Error| Failure::environment(format!("cannot write {name}: {e}"));
            // A link stays one: what it leads to is replaced.
            let path = std::fs::canonicalize(&file.path).map_err(fail)?;
            let kept = std::fs::metadata(&path).map_err(fail)?.permissions();
            disk::replace(&path, file.after.text.as_bytes(), Some(kept)).map_err(fail)?;
        }
        Ok(())
    }
}
