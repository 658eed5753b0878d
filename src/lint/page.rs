//! A rule's page: front matter, why, bad and good examples. May import: `model`.
//!
//! ```text
//! ---
//! level: warning
//! since: 0.1.0
//! fix: none
//! tags: [dynamics]
//! ---
//! Why it matters, in a paragraph or two.
//!
//! ## Bad
//! (Lua blocks; the lines that the rule marks end in `-- !`)
//!
//! ## Good
//! (Lua blocks that no rule marks)
//! ```

use crate::model::Level;

/// A page, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<'a> {
    /// How much its findings matter.
    pub level: Level,
    /// The version that first had it.
    pub since: &'a str,
    /// Whether it can be fixed.
    pub fix: FixKind,
    /// Its family first: language, sandbox, model, dynamics, promql, change, run, online.
    pub tags: Vec<&'a str>,
    /// The text before the first heading.
    pub why: &'a str,
    /// Everything after the front matter.
    pub body: &'a str,
    /// Blocks under `## Bad`.
    pub bad: Vec<Block<'a>>,
    /// Blocks under `## Good`.
    pub good: Vec<Block<'a>>,
}

/// A fenced block of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block<'a> {
    /// The word after the fence: `lua`, `yaml`, or `lua` with a file name (`lua lib/a.lua`).
    pub language: &'a str,
    /// What is in it.
    pub text: &'a str,
    /// Line of its first line in the page, from 1.
    pub line: u32,
}

/// Whether a rule's findings can be fixed by an edit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FixKind {
    /// No.
    None,
    /// Yes, without a change of meaning.
    Safe,
    /// Yes, where a flag allows a change of meaning.
    Unsafe,
}

/// Reads a page.
///
/// # Errors
/// A sentence that says what the page lacks.
pub fn parse(text: &str) -> Result<Page<'_>, String> {
    let rest = text.strip_prefix("---\n").ok_or("it does not begin with front matter (`---`)")?;
    let (front, body) = rest.split_once("\n---\n").ok_or("its front matter has no end (`---`)")?;
    let mut page = Page {
        level: Level::Warning,
        since: "",
        fix: FixKind::None,
        tags: Vec::new(),
        why: body.split("\n## ").next().unwrap_or_default().trim(),
        body: body.trim(),
        bad: Vec::new(),
        good: Vec::new(),
    };
    let mut level = None;
    for line in front.lines() {
        let (key, value) = line.split_once(':').ok_or_else(|| format!("`{line}` is no `key: value`"))?;
        let value = value.trim();
        match key.trim() {
            "level" => {
                level = match value {
                    "note" => Some(Level::Note),
                    "warning" => Some(Level::Warning),
                    "error" => Some(Level::Error),
                    _ => return Err(format!("`{value}` is no level: note, warning, error")),
                }
            }
            "since" => page.since = value,
            "fix" => {
                page.fix = match value {
                    "none" => FixKind::None,
                    "safe" => FixKind::Safe,
                    "unsafe" => FixKind::Unsafe,
                    _ => return Err(format!("`{value}` is no fix: none, safe, unsafe")),
                }
            }
            "tags" => {
                let list = value.trim_start_matches('[').trim_end_matches(']');
                page.tags = list.split(',').map(str::trim).filter(|t| !t.is_empty()).collect();
            }
            other => return Err(format!("front matter has no `{other}`: level, since, fix, tags")),
        }
    }
    page.level = level.ok_or("front matter has no `level`")?;
    if page.since.is_empty() || page.tags.is_empty() {
        return Err("front matter needs `since` and `tags`".into());
    }
    if page.why.is_empty() {
        return Err("it does not say why".into());
    }
    let first = text.len() - body.len();
    blocks(text, first, &mut page)?;
    Ok(page)
}

/// Sorts the fenced blocks under their headings.
fn blocks<'a>(text: &'a str, from: usize, page: &mut Page<'a>) -> Result<(), String> {
    let mut heading = "";
    let mut open: Option<(&str, usize, u32)> = None;
    let mut at = 0;
    for (number, line) in (1..).zip(text.split_inclusive('\n')) {
        let start = at;
        at += line.len();
        if start < from {
            continue;
        }
        let plain = line.trim_end();
        match (open, plain.strip_prefix("```")) {
            (None, Some(language)) => open = Some((language, at, number + 1)),
            (Some((language, begin, first)), Some("")) => {
                let block = Block { language, text: text.get(begin..start).unwrap_or_default(), line: first };
                match heading {
                    "Bad" => page.bad.push(block),
                    "Good" => page.good.push(block),
                    _ => {}
                }
                open = None;
            }
            (None, None) => {
                if let Some(name) = plain.strip_prefix("## ") {
                    heading = name.trim();
                }
            }
            _ => {}
        }
    }
    if open.is_some() { Err("a fence has no end".into()) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "---\nlevel: note\nsince: 0.1.0\nfix: safe\ntags: [model, a]\n---\nWhy.\n\n## Bad\n```lua\nx -- !\n```\n## Good\n```lua\ny\n```\n";

    #[test]
    fn a_page_gives_its_parts() {
        let page = parse(PAGE).unwrap();
        assert_eq!((page.level, page.since, page.fix), (Level::Note, "0.1.0", FixKind::Safe));
        assert_eq!((page.tags.as_slice(), page.why), (["model", "a"].as_slice(), "Why."));
        assert_eq!(page.bad, [Block { language: "lua", text: "x -- !\n", line: 11 }]);
        assert_eq!(page.good[0].text, "y\n");
    }

    #[test]
    fn a_page_that_lacks_something_says_what() {
        for (from, to, part) in [
            ("level: note\n", "", "no `level`"),
            ("since: 0.1.0\n", "", "`since`"),
            ("fix: safe", "fix: maybe", "maybe"),
            ("Why.", "", "why"),
            ("y\n```\n", "y\n", "fence"),
            ("tags", "tag", "no `tag`"),
        ] {
            let error = parse(&PAGE.replace(from, to)).unwrap_err();
            assert!(error.contains(part), "{from:?}: {error}");
        }
    }
}
