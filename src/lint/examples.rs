//! The examples of a rule's page, as files that can be checked. May import: siblings.

use super::page::Block;
use std::collections::BTreeSet;

/// The file that a Lua block without a name is.
pub const MAIN: &str = "policy.lua";

/// Blocks that are one check.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Example {
    /// Texts by the names of their files.
    pub files: Vec<(String, String)>,
    /// Line of its last block in the page, from 1.
    pub line: u32,
}

/// Examples, and the reasons of those that are not run.
pub type Sorted = (Vec<Example>, Vec<String>);

/// Sorts blocks into examples: a named one (`lua lib/a.lua`) goes with the unnamed one that
/// follows, and one in `text not run: why` is not run. `others` are the languages beside Lua, each
/// with the name of its file.
///
/// # Errors
/// A sentence about a block in any other language.
pub fn examples(blocks: &[Block<'_>], others: &[(&str, &str)]) -> Result<Sorted, String> {
    let (mut done, mut idle) = (Vec::new(), Vec::new());
    let mut open = Example::default();
    for block in blocks {
        if let Some(reason) = block.language.strip_prefix("text not run: ") {
            idle.push(reason.to_owned());
            continue;
        }
        let other = || others.iter().find(|(language, _)| *language == block.language);
        let name = match block.language.strip_prefix("lua") {
            Some("") => MAIN,
            Some(named) if named.starts_with(' ') => named.trim(),
            _ => match other() {
                Some((_, name)) => name,
                None => {
                    let (line, language) = (block.line, block.language);
                    return Err(format!("line {line}: a block in `{language}` is nothing that can be run"));
                }
            },
        };
        open.files.push((name.to_owned(), block.text.to_owned()));
        open.line = block.line;
        if block.language == "lua" {
            done.push(std::mem::take(&mut open));
        }
    }
    if !open.files.is_empty() {
        done.push(open);
    }
    Ok((done, idle))
}

/// A text without its marks (`-- !` or `# !` at a line's end), and the lines, from 1, that had one.
pub fn unmarked(text: &str) -> (String, BTreeSet<u32>) {
    let mut marked = BTreeSet::new();
    let mut out = String::new();
    for (number, line) in (1..).zip(text.lines()) {
        match line.strip_suffix("-- !").or_else(|| line.strip_suffix("# !")) {
            Some(plain) => {
                marked.insert(number);
                out.push_str(plain.trim_end());
            }
            None => out.push_str(line),
        }
        out.push('\n');
    }
    (out, marked)
}
