//! Typed reading of a YAML tree: what does not fit becomes a finding, and reading goes on.
//!
//! May import: siblings, `text`, `model`.

use super::{Node, Yaml};
use crate::model::Finding;
use crate::model::finding::did_you_mean;
use crate::text::{Source, Span, Spanned};

/// Reads values of a tree and gathers what is wrong with them.
///
/// In every method `what` names the value for people: `lint.fail_on`.
#[derive(Debug)]
pub struct Reader<'a> {
    /// The text that the tree came from.
    pub source: &'a Source,
    /// What was found so far.
    pub findings: Vec<Finding>,
}

impl<'a> Reader<'a> {
    /// A reader that has found nothing yet.
    pub fn new(source: &'a Source) -> Reader<'a> {
        Reader { source, findings: Vec::new() }
    }

    /// Adds an error at a place.
    pub fn report(&mut self, rule: &str, message: impl Into<String>, span: Span, help: impl Into<String>) {
        self.findings.push(Finding::error(rule, message).at(self.source, span, "here").help(help));
    }

    /// Adds an error for a value of the wrong type; `expected` reads `a text`.
    pub fn wrong(&mut self, node: &Node, what: &str, expected: &str) {
        let message = format!("`{what}` is {}, but {expected} was expected", node.kind());
        let help = match (&node.value, expected) {
            (Yaml::Bool(_) | Yaml::Number(_), "a text") => {
                "put it in quotes, if it is meant as a text".to_owned()
            }
            (Yaml::Text(_), "a list") => "put it in brackets: `[ … ]`".to_owned(),
            _ => format!("write {expected}"),
        };
        self.report("wrong-type", message, node.span, help);
    }

    /// The entries of a map; nothing written is an empty map. Keys that are not `known` are
    /// reported and left out.
    pub fn map<'n>(
        &mut self,
        node: &'n Node,
        what: &str,
        known: &[&str],
    ) -> Vec<&'n (Spanned<String>, Node)> {
        let mut entries = self.entries(node, what);
        entries.retain(|(key, _)| {
            let fits = known.contains(&key.value.as_str());
            if !fits {
                self.unknown(key, what, known);
            }
            fits
        });
        entries
    }

    /// The entries of a map whose keys are the user's own; nothing written is an empty map.
    pub fn entries<'n>(&mut self, node: &'n Node, what: &str) -> Vec<&'n (Spanned<String>, Node)> {
        match &node.value {
            Yaml::Map(entries) => entries.iter().collect(),
            Yaml::Null => Vec::new(),
            _ => {
                self.wrong(node, what, "a map");
                Vec::new()
            }
        }
    }

    /// Reports a key that is not among those known.
    pub fn unknown(&mut self, key: &Spanned<String>, what: &str, known: &[&str]) {
        let place = if what.is_empty() { String::new() } else { format!(" in `{what}`") };
        let message = format!("there is no `{}`{place}", key.value);
        let list = known.join(", ");
        let help = match did_you_mean(&key.value, known.iter().copied()) {
            Some(name) => format!("did you mean `{name}`? Known here: {list}"),
            None => format!("known here: {list}"),
        };
        self.report("unknown-field", message, key.span, help);
    }

    /// A value that has to be there; `what` is empty for the whole file.
    pub fn required<'n>(&mut self, node: &'n Node, what: &str, key: &str, example: &str) -> Option<&'n Node> {
        let found = node.get(key);
        if found.is_none() && matches!(node.value, Yaml::Map(_) | Yaml::Null) {
            let help = format!("add it: `{example}`");
            let what = if what.is_empty() { "the file".to_owned() } else { format!("`{what}`") };
            self.report("missing-field", format!("{what} has no `{key}`"), node.span, help);
        }
        found
    }

    /// A text that is not empty.
    pub fn text(&mut self, node: &Node, what: &str) -> Option<Spanned<String>> {
        match &node.value {
            Yaml::Text(text) if text.trim().is_empty() => {
                let help = "write a text that is not empty, or leave it out if it is optional";
                self.report("bad-value", format!("`{what}` is empty"), node.span, help);
                None
            }
            Yaml::Text(text) => Some(Spanned::new(text.clone(), node.span)),
            _ => {
                self.wrong(node, what, "a text");
                None
            }
        }
    }

    /// One of several words.
    pub fn choice(&mut self, node: &Node, what: &str, known: &[&str]) -> Option<Spanned<String>> {
        let text = self.text(node, what)?;
        if known.contains(&text.value.as_str()) {
            return Some(text);
        }
        let list = known.join(", ");
        let help = match did_you_mean(&text.value, known.iter().copied()) {
            Some(name) => format!("did you mean `{name}`? One of: {list}"),
            None => format!("one of: {list}"),
        };
        self.report("bad-value", format!("`{what}` cannot be `{}`", text.value), node.span, help);
        None
    }

    /// The items of a list; nothing written is an empty list.
    pub fn list<'n>(&mut self, node: &'n Node, what: &str) -> &'n [Node] {
        match &node.value {
            Yaml::List(items) => items,
            Yaml::Null => &[],
            _ => {
                self.wrong(node, what, "a list");
                &[]
            }
        }
    }

    /// A list of texts, none of them empty.
    pub fn texts(&mut self, node: &Node, what: &str) -> Vec<Spanned<String>> {
        let items = self.list(node, what);
        items
            .iter()
            .enumerate()
            .filter_map(|(at, item)| self.text(item, &format!("{what}[{}]", at + 1)))
            .collect()
    }

    /// A finite number.
    pub fn number(&mut self, node: &Node, what: &str) -> Option<f64> {
        match &node.value {
            Yaml::Number(n) if n.is_finite() => Some(*n),
            Yaml::Number(n) => {
                let help = "write a finite number";
                self.report("bad-value", format!("`{what}` cannot be {n}"), node.span, help);
                None
            }
            _ => {
                self.wrong(node, what, "a number");
                None
            }
        }
    }

    /// A whole number of `range`.
    pub fn whole(&mut self, node: &Node, what: &str, range: std::ops::RangeInclusive<u32>) -> Option<u32> {
        let number = self.number(node, what)?;
        let (low, high) = (f64::from(*range.start()), f64::from(*range.end()));
        if number.fract() == 0.0 && (low..=high).contains(&number) {
            return Some(number as u32);
        }
        let help = format!("a whole number from {low} to {high}");
        self.report("bad-value", format!("`{what}` cannot be {number}"), node.span, help);
        None
    }

    /// `true` or `false`.
    pub fn boolean(&mut self, node: &Node, what: &str) -> Option<bool> {
        match &node.value {
            Yaml::Bool(b) => Some(*b),
            _ => {
                self.wrong(node, what, "true or false");
                None
            }
        }
    }
}
