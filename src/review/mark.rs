//! The hidden first line by which a later run knows its own comments. May import: siblings.

use super::Placed;
use sha2::{Digest, Sha256};
use std::collections::HashMap;

/// What a comment is to the tool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Marker {
    /// The summary, and the commit that it is about.
    Summary(String),
    /// A comment on a finding.
    Finding(String),
    /// A review, and the findings that it tells, on lines or in its body.
    Rest(Vec<String>),
}

const HEAD: &str = "<!-- luascale v1 ";
const TAIL: &str = " -->";

impl Marker {
    /// As the first line of a comment. The scope comes as its hash, so that no name of a path
    /// can end the comment early.
    pub fn line(&self, scope: &str) -> String {
        let what = match self {
            Marker::Summary(head) => format!("summary {}", plain(head)),
            Marker::Finding(print) => format!("finding {print}"),
            Marker::Rest(prints) => format!("rest {}", prints.join(",")),
        };
        format!("{HEAD}{} {what}{TAIL}", hash(&[scope], 8))
    }

    /// The marker of a comment of this scope; only a comment's first line counts.
    pub fn read(body: &str, scope: &str) -> Option<Marker> {
        let first = body.split('\n').next().unwrap_or_default();
        let first = first.strip_suffix('\r').unwrap_or(first);
        let inside = first.strip_prefix(HEAD)?.strip_suffix(TAIL)?;
        let mut words = inside.split(' ');
        if words.next()? != hash(&[scope], 8) {
            return None;
        }
        let marker = match (words.next()?, words.next()?) {
            ("summary", head) => Marker::Summary(head.to_owned()),
            ("finding", print) => Marker::Finding(print.to_owned()),
            ("rest", prints) => Marker::Rest(prints.split(',').map(str::to_owned).collect()),
            _ => return None,
        };
        words.next().is_none().then_some(marker)
    }
}

fn plain(text: &str) -> String {
    text.chars().filter(char::is_ascii_alphanumeric).collect()
}

/// The first `bytes` bytes of a SHA-256, in hexadecimal; the parts cannot run into one another.
fn hash(parts: &[&str], bytes: usize) -> String {
    let mut sha = Sha256::new();
    for part in parts {
        sha.update((part.len() as u64).to_le_bytes());
        sha.update(part.as_bytes());
    }
    sha.finalize().iter().take(bytes).map(|b| format!("{b:02x}")).collect()
}

/// The fingerprint of each finding: rule, path, the text of its line with single blanks, and how
/// many like it come before. No line number: a finding stays the same as lines move.
pub(super) fn prints(findings: &[Placed<'_>]) -> Vec<String> {
    let mut seen: HashMap<String, u32> = HashMap::new();
    findings
        .iter()
        .map(|placed| {
            let line = placed.source.and_then(|source| {
                source.text.split('\n').nth((placed.line as usize).saturating_sub(1)).map(str::to_owned)
            });
            let text = line.unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ");
            let base = hash(&[&placed.finding.rule, placed.path, &text], 16);
            let count = seen.entry(base.clone()).or_insert(0);
            *count += 1;
            if *count == 1 { base } else { format!("{base}-{count}") }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markers_are_read_where_they_stand_and_nowhere_else() {
        let marker = Marker::Finding("ab12".into());
        let line = marker.line("prod --> @everyone");
        assert_eq!(line.matches("-->").count(), 1, "{line}");
        assert_eq!(Marker::read(&format!("{line}\nbody"), "prod --> @everyone"), Some(marker.clone()));
        assert_eq!(Marker::read(&format!("{line}\r\nbody"), "prod --> @everyone"), Some(marker));
        assert_eq!(Marker::read(&format!("body\n{line}"), "prod --> @everyone"), None);
        assert_eq!(Marker::read(&line, "staging"), None);
        let rest = Marker::Rest(vec!["a".into(), "b".into()]);
        assert_eq!(Marker::read(&rest.line("x"), "x"), Some(rest));
        let summary = Marker::Summary("0123abcd".into());
        assert_eq!(Marker::read(&summary.line("x"), "x"), Some(summary));
    }
}
