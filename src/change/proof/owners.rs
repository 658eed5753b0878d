//! The file CODEOWNERS: who has to look at which files. Read as GitHub documents it (About code
//! owners, docs.github.com): the last line that fits a file counts; a line that cannot be read is
//! left out by GitHub, and here makes its owners unknown, so that nobody passes by an error in it.
//! May import: siblings.

use globset::{GlobBuilder, GlobMatcher};

/// Where the file may lie, the first that is there counts.
pub const PLACES: [&str; 3] = [".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS"];

/// Largest file that GitHub reads, in bytes: 3 MB.
pub const MOST_BYTES: u64 = 3_000_000;

/// Owners by patterns of paths.
#[derive(Debug, Clone)]
pub struct Owners {
    lines: Vec<Line>,
}

#[derive(Debug, Clone)]
struct Line {
    text: String,
    patterns: Vec<GlobMatcher>,
    owners: Vec<String>,
}

impl PartialEq for Owners {
    fn eq(&self, other: &Owners) -> bool {
        let texts = |of: &Owners| of.lines.iter().map(|line| line.text.clone()).collect::<Vec<_>>();
        texts(self) == texts(other)
    }
}

impl Eq for Owners {}

impl Owners {
    /// Reads the file.
    ///
    /// # Errors
    /// The number and text of the first line with a pattern that cannot be read.
    pub fn parse(text: &str) -> Result<Owners, (usize, String)> {
        let mut lines = Vec::new();
        for (number, line) in text.lines().enumerate() {
            let mut words = words(line).into_iter();
            let Some(pattern) = words.next() else { continue };
            let patterns = globs(&pattern).ok_or_else(|| (number + 1, line.to_owned()))?;
            lines.push(Line { text: line.to_owned(), patterns, owners: words.collect() });
        }
        Ok(Owners { lines })
    }

    /// Who owns a file, by its path from the repository's root; nobody where no line fits, or the
    /// last that does names nobody.
    pub fn of(&self, path: &str) -> &[String] {
        let fits = |line: &&Line| line.patterns.iter().any(|pattern| pattern.is_match(path));
        self.lines.iter().rev().find(fits).map_or(&[], |line| &line.owners)
    }

    /// Every team that is named, `@organisation/team`, in lower case.
    pub fn teams(&self) -> Vec<String> {
        let all = self.lines.iter().flat_map(|line| &line.owners);
        let mut teams: Vec<String> =
            all.filter(|owner| owner.contains('/')).map(|owner| owner.to_lowercase()).collect();
        teams.sort();
        teams.dedup();
        teams
    }
}

/// The words of a line before a comment; a space after a backslash belongs to its word.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word) = (Vec::new(), String::new());
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => word.extend(chars.next()),
            // GitHub knows a comment after a space only.
            '#' if word.is_empty() => break,
            c if c.is_whitespace() => {
                if !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
            }
            c => word.push(c),
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

/// The globs of a pattern, as .gitignore has them, with GitHub's difference: what ends in `/*`
/// is of the folder's own files alone. `!` and `[ ]` do not work there.
fn globs(pattern: &str) -> Option<Vec<GlobMatcher>> {
    if pattern.starts_with('!') || pattern.contains(['[', ']']) {
        return None;
    }
    let folder = pattern.ends_with('/');
    let body = pattern.trim_end_matches('/');
    let anchored = body.contains('/');
    let body = body.trim_start_matches('/');
    if body.is_empty() {
        // `/` alone is the root, as a folder.
        return Some(vec![glob("**")?]);
    }
    let body = if anchored { body.to_owned() } else { format!("**/{body}") };
    let below = glob(&format!("{body}/**"));
    if folder {
        return Some(vec![below?]);
    }
    // `/*` and `docs/*` are of the folder's own files alone.
    if anchored && (body == "*" || body.ends_with("/*")) {
        return Some(vec![glob(&body)?]);
    }
    Some(vec![glob(&body)?, below?])
}

fn glob(pattern: &str) -> Option<GlobMatcher> {
    // Braces mean nothing in this file.
    let plain = pattern.replace('{', "[{]").replace('}', "[}]");
    Some(GlobBuilder::new(&plain).literal_separator(true).build().ok()?.compile_matcher())
}
