//! Findings that are known and let be: a check then tells new ones alone. A finding is known by
//! its rule, its file and the text of its line, so that it stays the same as lines move. What was
//! cured leaves the baseline when it is written anew, and nothing new ever comes in.
//! May import: `text`, `model`.

use super::suppress::can_be_allowed;
use crate::model::Finding;
use crate::text::{LineIndex, Source};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The version that stands in the file.
const VERSION: u32 = 1;

/// Known findings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Baseline {
    version: u32,
    findings: Vec<Known>,
}

impl Default for Baseline {
    fn default() -> Baseline {
        Baseline { version: VERSION, findings: Vec::new() }
    }
}

/// A finding that is known, perhaps several times.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Known {
    path: String,
    rule: String,
    /// The line, with single blanks.
    text: String,
    count: u32,
}

/// What a baseline makes of findings.
#[derive(Debug, Clone, PartialEq)]
pub struct Held {
    /// Which of the findings are known, in their order.
    pub known: Vec<bool>,
    /// How many that the baseline knows were not found.
    pub cured: u32,
    /// The baseline without those.
    pub left: Baseline,
}

/// What a finding is known by: path, rule, text.
type Key = (String, String, String);

/// The texts that findings point into, and the paths that a baseline calls files by.
pub struct Texts<'a> {
    /// The texts.
    pub sources: &'a [Source],
    /// From a source's name to its path.
    pub path: &'a dyn Fn(&str) -> String,
}

impl Texts<'_> {
    /// What a finding is known by. What keeps a policy from loading is never known.
    fn key(&self, finding: &Finding) -> Option<Key> {
        let label = finding.labels.first().filter(|_| can_be_allowed(finding))?;
        let source = self.sources.iter().find(|source| source.name == label.source)?;
        let lines = LineIndex::new(&source.text);
        let span = lines.line_span(&source.text, lines.line(label.span.start))?;
        let line = source.text.get(span.start as usize..span.end as usize)?;
        let text = line.split_whitespace().collect::<Vec<_>>().join(" ");
        Some(((self.path)(&label.source), finding.rule.clone(), text))
    }
}

impl Baseline {
    /// A baseline that knows these findings.
    pub fn of(findings: &[&Finding], texts: &Texts<'_>) -> Baseline {
        let mut counts: BTreeMap<Key, u32> = BTreeMap::new();
        for key in findings.iter().filter_map(|f| texts.key(f)) {
            *counts.entry(key).or_insert(0) += 1;
        }
        Baseline::from(counts)
    }

    fn from(counts: BTreeMap<Key, u32>) -> Baseline {
        let known = counts.into_iter().filter(|(_, count)| *count > 0);
        let findings = known.map(|((path, rule, text), count)| Known { path, rule, text, count }).collect();
        Baseline { findings, ..Baseline::default() }
    }

    /// By how many findings it knows more than an older one, and the line of the first of them.
    pub fn beyond(&self, older: &Baseline) -> (u32, Option<String>) {
        let key = |known: &Known| (known.path.clone(), known.rule.clone(), known.text.clone());
        let mut old: BTreeMap<Key, u32> = BTreeMap::new();
        for known in &older.findings {
            *old.entry(key(known)).or_insert(0) += known.count;
        }
        let (mut by, mut first) = (0, None);
        for known in &self.findings {
            let left = old.get(&key(known)).copied().unwrap_or(0);
            old.insert(key(known), left.saturating_sub(known.count));
            let more = known.count.saturating_sub(left);
            if more > 0 && first.is_none() {
                first = Some(known.text.clone());
            }
            by += more;
        }
        (by, first)
    }

    /// Reads a baseline.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Baseline, String> {
        let read: Baseline = serde_json::from_str(text).map_err(|error| error.to_string())?;
        match read.version {
            VERSION => Ok(read),
            other => Err(format!("it is of version {other}, and this program writes version {VERSION}")),
        }
    }

    /// The baseline as a file: JSON, sorted, a line end at the end.
    pub fn text(&self) -> String {
        let mut out = serde_json::to_string_pretty(self).unwrap_or_default();
        out.push('\n');
        out
    }

    /// Holds findings against the baseline.
    pub fn hold(&self, findings: &[&Finding], texts: &Texts<'_>) -> Held {
        let mut left: BTreeMap<Key, u32> = BTreeMap::new();
        for known in &self.findings {
            *left.entry((known.path.clone(), known.rule.clone(), known.text.clone())).or_insert(0) +=
                known.count;
        }
        let mut found: BTreeMap<Key, u32> = BTreeMap::new();
        let known = findings.iter().map(|finding| {
            let Some(key) = texts.key(finding) else { return false };
            match left.get_mut(&key).filter(|count| **count > 0) {
                Some(count) => {
                    *count -= 1;
                    *found.entry(key).or_insert(0) += 1;
                    true
                }
                None => false,
            }
        });
        let known = known.collect();
        Held { known, cured: left.values().sum(), left: Baseline::from(found) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::Span;

    fn held(baseline: &Baseline, text: &str, at: &[usize]) -> (Vec<bool>, u32) {
        let (source, findings) = (Source::new("a.lua", text), found(text, at));
        let texts = Texts { sources: std::slice::from_ref(&source), path: &|name| format!("p/{name}") };
        let held = baseline.hold(&findings.iter().collect::<Vec<_>>(), &texts);
        (held.known, held.cured)
    }

    fn found(text: &str, at: &[usize]) -> Vec<Finding> {
        let source = Source::new("a.lua", text);
        at.iter()
            .map(|at| Finding::warning("duplicate-key", "x").at(&source, Span::new(*at, *at), ""))
            .collect()
    }

    #[test]
    fn a_finding_is_known_as_its_line_moves_and_no_more_often_than_it_was() {
        let before = "a = 1\nb  =  2\n";
        let source = Source::new("a.lua", before);
        let texts = Texts { sources: std::slice::from_ref(&source), path: &|name| format!("p/{name}") };
        let findings = found(before, &[6]);
        let baseline = Baseline::of(&findings.iter().collect::<Vec<_>>(), &texts);
        let baseline = Baseline::parse(&baseline.text()).unwrap();
        assert_eq!(held(&baseline, "c\n\n  b = 2\n", &[5]), (vec![true], 0));
        assert_eq!(held(&baseline, "b = 2\nb = 2\n", &[0, 6]), (vec![true, false], 0));
        assert_eq!(held(&baseline, "b = 3\n", &[0]), (vec![false], 1));
    }

    #[test]
    fn what_a_baseline_knows_beyond_an_older_one_is_counted() {
        let of = |known: &[(&str, u32)]| {
            let keys = known.iter().map(|(text, count)| (("p".into(), "r".into(), (*text).into()), *count));
            Baseline::from(keys.collect())
        };
        let older = of(&[("a", 2), ("b", 1)]);
        for (newer, by, first) in [
            (of(&[("a", 2), ("b", 1)]), 0, None),
            (of(&[("a", 1)]), 0, None),
            (of(&[("a", 3), ("b", 1)]), 1, Some("a")),
            (of(&[("a", 2), ("c", 2)]), 2, Some("c")),
        ] {
            assert_eq!(newer.beyond(&older), (by, first.map(str::to_owned)));
        }
        assert_eq!(older.beyond(&Baseline::default()), (3, Some("a".to_owned())));
    }

    #[test]
    fn another_version_and_unknown_keys_are_errors() {
        assert!(Baseline::parse("{\"version\": 2, \"findings\": []}").unwrap_err().contains("version 2"));
        assert!(Baseline::parse("{\"version\": 1, \"findings\": [], \"x\": 1}").unwrap_err().contains('x'));
    }
}
