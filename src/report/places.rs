//! Places for other programs: lines, columns and paths, and what stands in them for formats that
//! have no second label. May import: `text`, `model`.

use crate::model::{Finding, Label};
use crate::text::{LineIndex, Position, Source};
use std::collections::HashMap;

/// Where names of files start: code hosts know files by their paths from the repository's root.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Base {
    /// The working directory as seen from the repository's root; empty where they are the same.
    pub prefix: String,
    /// The repository's root as an absolute path, with `/`; empty where there is none.
    pub root: String,
}

impl Base {
    /// A path from the repository's root on, as it is seen from the working directory.
    pub fn from_here(&self, path: &str) -> String {
        let mut folders: Vec<&str> = self.prefix.split('/').filter(|part| !part.is_empty()).collect();
        let mut rest = path;
        while let (Some(folder), Some((first, below))) = (folders.first(), rest.split_once('/')) {
            if *folder != first {
                break;
            }
            folders.remove(0);
            rest = below;
        }
        format!("{}{rest}", "../".repeat(folders.len()))
    }
}

/// Turns labels into lines and columns, and names into paths from the repository's root.
pub struct Places<'a> {
    sources: HashMap<&'a str, (&'a Source, LineIndex)>,
    base: &'a Base,
}

/// Where a finding is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Located {
    /// The file, from the repository's root, with `/`.
    pub path: String,
    /// The first character.
    pub start: Position,
    /// One past the last character.
    pub end: Position,
}

impl<'a> Places<'a> {
    /// Places in sources.
    pub fn new(sources: &'a [Source], base: &'a Base) -> Places<'a> {
        let sources = sources.iter().map(|s| (&*s.name, (s, LineIndex::new(&s.text)))).collect();
        Places { sources, base }
    }

    /// A label's place; the beginning of the file where its text is not at hand.
    pub fn of(&self, label: &Label) -> Located {
        let first = Position { line: 1, column: 1 };
        let (start, end) = match self.sources.get(&*label.source) {
            Some((source, lines)) => {
                let at = |byte| lines.position(&source.text, byte);
                (at(label.span.start), at(label.span.end))
            }
            None => (first, first),
        };
        Located { path: self.path(&label.source), start, end }
    }

    /// Where a finding is: its first label, else the beginning of the first file, since code
    /// hosts refuse a whole report for one finding without a place.
    pub fn home(&self, finding: &Finding, files: &[Source]) -> Located {
        let first = Position { line: 1, column: 1 };
        let file = |name| Located { path: self.path(name), start: first, end: first };
        match finding.labels.first() {
            Some(label) => self.of(label),
            None => file(files.first().map_or(".", |file| &file.name)),
        }
    }

    /// A source's path from the repository's root.
    pub fn path(&self, name: &str) -> String {
        if name.starts_with('/') {
            let below = name.strip_prefix(&self.base.root).and_then(|rest| rest.strip_prefix('/'));
            return below.filter(|_| !self.base.root.is_empty()).unwrap_or(name).to_owned();
        }
        let mut parts: Vec<&str> = Vec::new();
        for part in self.base.prefix.split('/').chain(name.split('/')) {
            match part {
                "" | "." => {}
                ".." if parts.last().is_some_and(|last| *last != "..") => {
                    parts.pop();
                }
                part => parts.push(part),
            }
        }
        if parts.is_empty() { ".".into() } else { parts.join("/") }
    }

    /// A source and its lines.
    pub fn lines(&self, name: &str) -> Option<(&'a Source, &LineIndex)> {
        self.sources.get(name).map(|(source, lines)| (*source, lines))
    }
}

/// A finding in one text: the message, what its other places say, and the help.
pub fn words(finding: &Finding, places: &Places<'_>) -> String {
    let mut out = finding.message.clone();
    for label in finding.labels.iter().skip(1).filter(|label| !label.text.is_empty()) {
        let at = places.of(label);
        out.push_str(&format!("\n{}:{}: {}", at.path, at.start.line, label.text));
    }
    if let Some(help) = &finding.help {
        out.push_str(&format!("\nhelp: {help}"));
    }
    out
}

/// A text for XML: markup escaped, and characters that XML cannot hold replaced.
pub fn xml(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' => out.push_str("&#10;"),
            '\r' => out.push_str("&#13;"),
            '\t' => out.push_str("&#9;"),
            '\u{0}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_start_at_the_repository_s_root() {
        let path = |prefix: &str, name| {
            let base = Base { prefix: prefix.into(), root: "/srv".into() };
            Places::new(&[], &base).path(name)
        };
        assert_eq!(path("", "a/b.lua"), "a/b.lua");
        assert_eq!(path("deploy", "./b.lua"), "deploy/b.lua");
        assert_eq!(path("deploy/x", "../b.lua"), "deploy/b.lua");
        assert_eq!(path("", "../b.lua"), "../b.lua");
        assert_eq!(path("deploy", "/abs/b.lua"), "/abs/b.lua");
        assert_eq!(path("deploy", "/srv/b.lua"), "b.lua");
        assert_eq!(path("deploy", "/srvshop/b.lua"), "/srvshop/b.lua");
    }
}
