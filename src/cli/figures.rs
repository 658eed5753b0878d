//! What a run came to in figures, in the folder of its reports, for the variables of a pipeline. May
//! import: siblings.

use super::failure::Failure;
use super::output;
use std::path::Path;

/// The file with the figures: lines `NAME=VALUE`, as GitLab reads variables (`artifacts: reports: dotenv`).
const FILE: &str = "figures.env";

/// What a run came to. What is not known is not written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Figures {
    /// Findings, and policies that do not load.
    pub findings: Option<usize>,
    /// Policies: those that a change alters, that an apply changed, or that differ from git.
    pub changes: Option<usize>,
    /// The changes_digest.
    pub digest: Option<String>,
}

impl Figures {
    fn text(&self) -> String {
        let number = |name: &str, value: Option<usize>| value.map(|n| format!("LUASCALE_{name}={n}\n"));
        let digest = self.digest.as_ref().map(|digest| format!("LUASCALE_DIGEST={digest}\n"));
        [number("FINDINGS", self.findings), number("CHANGES", self.changes), digest]
            .into_iter()
            .flatten()
            .collect()
    }
}

/// Writes a folder of reports, making it where it is not there: the figures, and reports by the names of
/// their files.
///
/// # Errors
/// Where it cannot be written.
pub fn write(folder: &Path, figures: &Figures, reports: &[(String, String)]) -> Result<(), Failure> {
    output::folder(folder)?;
    let own = (FILE.to_owned(), figures.text());
    for (name, text) in reports.iter().chain([&own]) {
        output::write(&folder.join(name), text.as_bytes())?;
    }
    Ok(())
}
