//! Reading an object whose unknown fields are named, not refused. May import: `text`, `model`,
//! `yaml`, siblings.

use super::super::Remarks;
use crate::model::quantity;
use crate::text::Span;
use crate::yaml::{Node, Reader, Yaml};

/// Findings for what is not sound, remarks for what does not cross over.
pub(super) struct Fields<'r, 's> {
    pub reader: &'r mut Reader<'s>,
    pub remarks: &'r mut Remarks,
}

impl<'r, 's> Fields<'r, 's> {
    pub fn new(reader: &'r mut Reader<'s>, remarks: &'r mut Remarks) -> Fields<'r, 's> {
        Fields { reader, remarks }
    }

    /// Names each field that is not among those read.
    pub fn only(&mut self, node: &Node, what: &str, read: &[&str]) {
        let Yaml::Map(entries) = &node.value else {
            if node.value != Yaml::Null {
                self.reader.wrong(node, what, "a map");
            }
            return;
        };
        for (key, _) in entries.iter().filter(|(key, _)| !read.contains(&key.value.as_str())) {
            let field = if what.is_empty() { key.value.clone() } else { format!("{what}.{}", key.value) };
            self.remarks.lost(field, key.span, "a policy has nothing that says this", "");
        }
    }

    /// A text.
    pub fn text(&mut self, node: &Node, what: &str) -> Option<String> {
        self.reader.text(node, what).map(|text| text.value)
    }

    /// A text that may be written as a number, as the metadata of triggers are.
    pub fn scalar(&mut self, node: &Node, what: &str) -> Option<String> {
        match &node.value {
            Yaml::Number(n) => Some(n.to_string()),
            Yaml::Bool(b) => Some(b.to_string()),
            _ => self.text(node, what),
        }
    }

    /// A whole number of a range, where the field is there.
    pub fn whole(
        &mut self,
        node: &Node,
        what: &str,
        key: &str,
        range: std::ops::RangeInclusive<u32>,
    ) -> Option<u32> {
        self.reader.whole(node.get(key)?, &format!("{what}.{key}"), range)
    }

    /// A positive quantity.
    pub fn quantity(&mut self, node: &Node, what: &str) -> Option<f64> {
        let text = self.scalar(node, what)?;
        let value = quantity::parse(&text).filter(|v| *v > 0.0);
        if value.is_none() {
            let help = "write a number above 0, with a suffix or without: 600m, 0.6, 120";
            self.reader.report("bad-value", format!("`{what}` cannot be `{text}`"), node.span, help);
        }
        value
    }

    /// A number that a trigger writes as a text.
    pub fn decimal(&mut self, node: &Node, what: &str) -> Option<f64> {
        let text = self.scalar(node, what)?;
        let value = text.trim().parse::<f64>().ok().filter(|v| v.is_finite());
        if value.is_none() {
            self.reader.report(
                "bad-value",
                format!("`{what}` cannot be `{text}`"),
                node.span,
                "write a number: \"120\"",
            );
        }
        value
    }

    /// Something required that is not there.
    pub fn absent(&mut self, what: &str, key: &str, place: Span, example: &str) {
        self.reader.report(
            "missing-field",
            format!("`{what}` has no `{key}`"),
            place,
            format!("add it: {example}"),
        );
    }
}
