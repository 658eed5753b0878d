//! What the files of a check require. May import: everything.

use super::edited::Edited;
use super::project::Project;
use crate::text::Source;
use std::collections::HashMap;
use std::sync::Mutex;

/// Modules of a project, as they were edited. Many files require the same ones, so what was found
/// is kept.
pub struct Modules<'a> {
    /// The project.
    pub project: &'a Project,
    edited: &'a Edited,
    kept: Mutex<Kept>,
}

/// Answers by the names that were asked for, and how many bytes they take.
#[derive(Default)]
struct Kept {
    answers: HashMap<String, Result<Source, String>>,
    bytes: usize,
}

impl<'a> Modules<'a> {
    /// Most that is kept, in bytes of texts and names.
    const MOST: usize = 4 << 20;

    /// Nothing was found yet.
    pub fn new(project: &'a Project, edited: &'a Edited) -> Modules<'a> {
        Modules { project, edited, kept: Mutex::default() }
    }
}

impl crate::lua::Modules for Modules<'_> {
    fn find(&self, name: &str) -> Result<Source, String> {
        // A thread that panicked holding the lock left it whole: answers are only added.
        let kept = || self.kept.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(answer) = kept().answers.get(name) {
            return answer.clone();
        }
        let found = self.project.root.find(name);
        let answer = found.map(|found| self.edited.get(&found.name).cloned().unwrap_or(found));
        let size = name.len() + answer.as_ref().map_or_else(String::len, |source| source.text.len());
        let mut kept = kept();
        if kept.bytes + size <= Self::MOST {
            kept.bytes += size;
            kept.answers.insert(name.to_owned(), answer.clone());
        }
        answer
    }
}
