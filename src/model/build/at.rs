//! Values with their places: what `build` reads from, and where its findings go.
//!
//! May import: `text`, `model`.

use super::catalogue::Catalogue;
use super::read::shown;
use crate::model::finding::{Finding, Label};
use crate::model::raw::{Key, Node, Place, RawTable, RawValue, Read};
use crate::text::{LineIndex, Source, Span};
use std::collections::HashMap;
use std::sync::Arc;

/// A place in one of the sources at hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Where {
    pub source: Arc<str>,
    pub span: Span,
}

/// A value, the path that leads to it, and where it stands.
#[derive(Debug, Clone)]
pub(super) struct At<'a> {
    pub value: &'a RawValue,
    /// Its node in the outline; none where the value is computed.
    pub node: Option<&'a Node>,
    /// Where the value stands, or the nearest place in the text that led to it.
    pub place: Where,
    /// Where its key stands; the value's own place where it has none.
    pub key: Where,
    /// `metrics.cpu.unit`, `scale_out[2]`.
    pub path: String,
}

impl At<'_> {
    /// The span of the value, where it stands in the policy's own source.
    pub fn span(&self) -> Span {
        self.place.span
    }
}

/// A table that was opened for reading.
#[derive(Debug, Clone)]
pub(super) struct Table<'a> {
    pub at: At<'a>,
    pub raw: &'a RawTable,
}

/// What is read from and written to while a file is built.
pub(super) struct Builder<'a> {
    /// The source of the policies first, then what it required.
    sources: Vec<(&'a Source, LineIndex)>,
    pub catalogue: &'a dyn Catalogue,
    /// What functions read of their first parameter, by the function's place.
    pub reads: HashMap<Span, Vec<&'a Read>>,
    pub findings: Vec<Finding>,
}

impl<'a> Builder<'a> {
    pub fn new(sources: impl IntoIterator<Item = &'a Source>, catalogue: &'a dyn Catalogue) -> Builder<'a> {
        let sources = sources.into_iter().map(|s| (s, LineIndex::new(&s.text))).collect();
        Builder { sources, catalogue, reads: HashMap::new(), findings: Vec::new() }
    }

    /// The place of a line, in whichever source it is; `None` where it is not known.
    pub fn line(&self, place: &Place) -> Option<Where> {
        if place.line == 0 {
            return None;
        }
        let (source, index) = self.sources.iter().find(|(s, _)| s.name == place.source)?;
        let span = index.line_span(&source.text, place.line)?;
        Some(Where { source: place.source.clone(), span })
    }

    /// The cursor at the root of a policy.
    pub fn root(&self, value: &'a RawValue, node: Option<&'a Node>, place: Where) -> At<'a> {
        At { value, node, key: place.clone(), place, path: String::new() }
    }

    /// The entry of a table under a text key.
    pub fn field(&self, table: &Table<'a>, name: &str) -> Option<At<'a>> {
        let value = table.raw.get(name)?;
        Some(self.child(&table.at, Key::Field(name.into()), value))
    }

    /// All entries of a table under text keys.
    pub fn fields(&self, table: &Table<'a>) -> Vec<(&'a str, At<'a>)> {
        let raw = table.raw;
        raw.fields
            .iter()
            .map(|(k, v)| (k.as_str(), self.child(&table.at, Key::Field(k.clone()), v)))
            .collect()
    }

    /// The list part of a table.
    pub fn list(&self, table: &Table<'a>) -> Vec<At<'a>> {
        let raw = table.raw;
        let index = |i: usize| Key::Index(u32::try_from(i + 1).unwrap_or(u32::MAX));
        raw.list.iter().enumerate().map(|(i, v)| self.child(&table.at, index(i), v)).collect()
    }

    fn child(&self, parent: &At<'a>, key: Key, value: &'a RawValue) -> At<'a> {
        let node = parent.node.and_then(|n| match &key {
            Key::Field(name) => n.field(name),
            Key::Index(at) => n.index(*at),
        });
        let path = match (&key, parent.path.is_empty()) {
            (Key::Field(name), true) => shown(name),
            (Key::Field(name), false) => format!("{}.{}", parent.path, shown(name)),
            (Key::Index(at), _) => format!("{}[{at}]", parent.path),
        };
        let (place, key) = match node {
            // A node lies in the source that its policy lies in, whatever the parent's place.
            Some(node) => {
                let source = &parent.place.source;
                let at = |span| Where { source: source.clone(), span };
                (at(node.value), at(node.key))
            }
            None => {
                let own = match value {
                    RawValue::Table(table) => self.line(&table.place),
                    RawValue::Function(_, place) => self.line(place),
                    _ => None,
                };
                let place = own.unwrap_or_else(|| parent.place.clone());
                (place.clone(), place)
            }
        };
        At { value, node, place, key, path }
    }

    /// Reports an error at a place.
    pub fn error(&mut self, rule: &str, place: &Where, message: impl Into<String>, help: impl Into<String>) {
        let label = Label { source: place.source.clone(), span: place.span, text: String::new() };
        let finding = Finding::error(rule, message).help(help);
        self.findings.push(Finding { labels: vec![label], ..finding });
    }

    /// Adds a second place to the finding reported last.
    pub fn also(&mut self, place: &Where, text: impl Into<String>) {
        if let Some(last) = self.findings.last_mut() {
            last.labels.push(Label { source: place.source.clone(), span: place.span, text: text.into() });
        }
    }

    /// Says what the first place of the finding reported last has to do with it.
    pub fn label(&mut self, text: impl Into<String>) {
        if let Some(label) = self.findings.last_mut().and_then(|f| f.labels.first_mut()) {
            label.text = text.into();
        }
    }
}
