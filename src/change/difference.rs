//! All that differs between two sides, as it is reported. May import: siblings.

use super::behaviour::Compared;
use super::meaning::{Change, Class};
use serde::{Deserialize, Serialize};

/// What became of a policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Fate {
    /// It is new.
    Added,
    /// It is gone.
    Removed,
    /// It has another name.
    Renamed,
    /// It is another version.
    Changed,
}

impl Fate {
    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Fate::Added => "added",
            Fate::Removed => "removed",
            Fate::Renamed => "renamed",
            Fate::Changed => "changed",
        }
    }
}

/// A policy that differs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Differing {
    /// Its name; of one that is gone, the one it had.
    pub id: String,
    /// What became of it.
    pub fate: Fate,
    /// The name it had, where that is another.
    pub was: Option<String>,
    /// Its file; of one that is gone, the one it had.
    pub path: String,
    /// The file it had, where that is another.
    pub was_path: Option<String>,
    /// Of one that is new or gone, what it is in a line.
    pub summary: String,
    /// What changed; none where it decides and acts as before.
    pub changes: Vec<Change>,
    /// Whether what changed was not asked for, and so is left out of [`Differing::changes`].
    pub untold: bool,
    /// Files whose change is a change of it.
    pub because: Vec<String>,
    /// How both versions behave, one a recording; `None` where that was not asked for, or cannot be
    /// told.
    pub behaviour: Option<Vec<Compared>>,
    /// Why there is no behaviour, where it was asked for.
    pub no_behaviour: Option<String>,
}

impl Differing {
    /// Whether it is there on both sides and decides and acts as before.
    pub fn is_cosmetic(&self) -> bool {
        matches!(self.fate, Fate::Changed | Fate::Renamed)
            && !self.untold
            && self.changes.iter().all(|change| change.classes == [Class::Cosmetic])
    }

    /// What its changes are about, the weightiest first.
    pub fn classes(&self) -> Vec<Class> {
        let has = |class: &Class| self.changes.iter().any(|change| change.classes.contains(class));
        Class::ALL.into_iter().filter(has).collect()
    }
}

/// All that differs.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Difference {
    /// What the older side is called.
    pub before: String,
    /// What the newer side is called.
    pub after: String,
    /// The policies that differ, sorted by name.
    pub policies: Vec<Differing>,
    /// Paths that were left out, and why.
    pub skipped: Vec<(String, String)>,
    /// Files that do not load, and the side that they are on.
    pub broken: Vec<(String, String)>,
}
