//! The text of a recording, places in it, and the list of what is wrong with it.

use crate::model::{Finding, Label};
use crate::text::Span;
use std::sync::Arc;

/// Most findings that are told one by one; how many more there are is said after them.
const MOST: usize = 20;

/// A recording as text, without its byte order mark.
pub(in crate::sim) struct Text<'a> {
    pub name: Arc<str>,
    pub text: &'a str,
    /// Bytes in front of `text`: those of the byte order mark.
    base: usize,
}

impl<'a> Text<'a> {
    /// The bytes as text.
    ///
    /// # Errors
    /// A finding where they are empty, compressed, binary, or no UTF-8.
    pub fn new(bytes: &'a [u8], name: &str) -> Result<Text<'a>, Vec<Finding>> {
        let fail = |message: &str, help: &str| {
            Err(vec![Finding::error("samples-unreadable", format!("{name} {message}")).help(help)])
        };
        match bytes {
            [0x1f, 0x8b, ..] => return fail("is compressed (gzip)", "unpack it first: gunzip FILE"),
            [0x28, 0xb5, 0x2f, 0xfd, ..] => {
                return fail("is compressed (zstd)", "unpack it first: unzstd FILE");
            }
            [b'P', b'K', 3, 4, ..] => {
                return fail(
                    "is a spreadsheet or an archive",
                    "save the sheet as CSV, or unpack the archive",
                );
            }
            [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => return fail("is UTF-16", "save it as UTF-8"),
            [b'P', b'A', b'R', b'1', ..] => {
                return fail(
                    "is a Parquet file",
                    "name it .parquet, and use a build with the feature `parquet`",
                );
            }
            _ => {}
        }
        let head = bytes.get(..8192).unwrap_or(bytes);
        if head.contains(&0) {
            return fail(
                "is a binary file",
                "samples are CSV, JSON lines, a Prometheus answer, YAML or Parquet",
            );
        }
        let whole = match std::str::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => {
                // What is before the first wrong byte keeps its place when the rest is replaced.
                let at = error.valid_up_to();
                let line = memchr::memchr_iter(b'\n', bytes.get(..at).unwrap_or_default()).count() + 1;
                let finding = Finding {
                    labels: vec![Label {
                        source: name.into(),
                        span: Span::new(at, at + '\u{fffd}'.len_utf8()),
                        text: "not UTF-8 from here".into(),
                    }],
                    ..Finding::error("samples-unreadable", format!("{name} is not UTF-8, in line {line}"))
                };
                return Err(vec![finding.help("save it as UTF-8 (iconv -f latin1 -t utf-8 FILE)")]);
            }
        };
        let text = whole.strip_prefix('\u{feff}').unwrap_or(whole);
        if text.trim().is_empty() {
            return fail("is empty", "samples have a header or keys, and at least one row");
        }
        Ok(Text { name: name.into(), text, base: whole.len() - text.len() })
    }

    /// The place of bytes of `text`.
    pub fn span(&self, start: usize, end: usize) -> Span {
        Span::new(start + self.base, end + self.base)
    }

    /// The line, from 1, of a byte of `text`.
    pub fn line(&self, at: usize) -> usize {
        let before = self.text.as_bytes().get(..at).unwrap_or(self.text.as_bytes());
        memchr::memchr_iter(b'\n', before).count() + 1
    }

    /// The span of the line (from 1), without its end.
    pub fn line_span(&self, line: usize) -> (usize, usize) {
        let mut start = 0;
        if line > 1 {
            start = memchr::memchr_iter(b'\n', self.text.as_bytes()).nth(line - 2).map_or(start, |at| at + 1);
        }
        let rest = self.text.get(start..).unwrap_or_default();
        let body = rest.split('\n').next().unwrap_or_default().trim_end_matches('\r');
        (start, start + body.len())
    }
}

/// A message and what to write instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Complaint {
    pub message: String,
    pub help: String,
}

impl Complaint {
    pub fn new(message: impl Into<String>, help: impl Into<String>) -> Complaint {
        Complaint { message: message.into(), help: help.into() }
    }
}

/// What is wrong with a recording, up to a cap.
pub(super) struct Problems<'a> {
    pub text: Option<&'a Text<'a>>,
    name: Arc<str>,
    findings: Vec<Finding>,
    more: usize,
}

impl<'a> Problems<'a> {
    pub fn new(text: &'a Text<'a>) -> Problems<'a> {
        Problems { name: text.name.clone(), text: Some(text), findings: Vec::new(), more: 0 }
    }

    /// For a recording that is no text.
    #[cfg(feature = "parquet")]
    pub fn of(name: &str) -> Problems<'a> {
        Problems { name: name.into(), text: None, findings: Vec::new(), more: 0 }
    }

    /// Name of the file.
    pub fn name(&self) -> Arc<str> {
        self.name.clone()
    }

    /// Whether nothing is wrong so far.
    pub fn none(&self) -> bool {
        self.findings.is_empty()
    }

    /// How many findings there are.
    #[cfg(feature = "parquet")]
    pub fn told(&self) -> usize {
        self.findings.len()
    }

    /// Says of the findings from the `first` on which row they are of, where there are no places.
    #[cfg(feature = "parquet")]
    pub fn of_row(&mut self, first: usize, row: usize) {
        for finding in self.findings.iter_mut().skip(first) {
            finding.labels.clear();
            finding.message = format!("{}: row {row}: {}", self.name, finding.message);
        }
    }

    /// Whether the list is full, so that places need not be looked for any more.
    pub fn full(&self) -> bool {
        self.findings.len() >= MOST
    }

    /// Counts a problem past the cap.
    pub fn count(&mut self) {
        self.more += 1;
    }

    /// A problem of the whole file, which its message then names.
    pub fn whole(&mut self, mut finding: Finding) {
        if self.full() {
            return self.count();
        }
        finding.message = format!("{}: {}", self.name, finding.message);
        self.findings.push(finding);
    }

    /// A problem at bytes of the text.
    pub fn at(&mut self, (start, end): (usize, usize), what: Complaint, label: impl Into<String>) {
        if self.full() {
            return self.count();
        }
        let mut finding = Finding::error("samples-cell", what.message).help(what.help);
        let span = self.text.map_or(Span::default(), |t| t.span(start, end));
        finding.labels.push(Label { source: self.name.clone(), span, text: label.into() });
        self.findings.push(finding);
    }

    /// The findings; empty where nothing is wrong.
    pub fn finish(mut self) -> Vec<Finding> {
        if self.more > 0 {
            let s = if self.more == 1 { "" } else { "s" };
            self.findings.push(Finding::error(
                "samples-cell",
                format!("{}: {} more error{s} of this kind, not shown", self.name, self.more),
            ));
        }
        self.findings
    }
}

/// At most 40 characters of a cell, for a message.
pub(super) fn shown(cell: &str) -> String {
    let mut out: String = cell.chars().take(40).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if cell.chars().nth(40).is_some() {
        out.push('…');
    }
    out
}
