//! Findings for people, through miette, and for programs as JSON. May import: `text`, `model`.

use super::numbers::count;
use super::paint::{clean, commands, inert};
use super::{Charset, Layout};
use crate::model::{Edit, Finding, Label, Level};
use crate::text::{LineIndex, Source, Span, steers};
use miette::{
    Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteError, MietteSpanContents,
    Severity, SourceCode, SourceSpan, SpanContents, ThemeCharacters, ThemeStyles,
};
use serde_json::{Value, json};
use std::collections::{HashMap, HashSet};
use std::fmt;

/// Longest stretch of a source shown around a place, in bytes.
const SHOWN: usize = 4096;

/// Most findings shown to people; nobody reads on, and each takes a dozen lines.
const MOST: usize = 50;

/// Findings in their one order: by source, place, rule, message; those without a place first.
pub fn sorted<'a>(findings: impl IntoIterator<Item = &'a Finding>) -> Vec<&'a Finding> {
    let mut out: Vec<&Finding> = findings.into_iter().collect();
    out.sort_by(|a, b| a.order(b));
    out
}

/// Findings as miette shows them: the rule as code, the message, the places in their sources,
/// the help. Sources are found by name; a place in a source that is not given is named in words.
/// ANSI colours where `colour` is set. Empty for no finding; ends with a line end otherwise.
///
/// Of more than 50 the most severe are shown, in their one order, and how many more there are.
pub fn findings(findings: &[Finding], sources: &[Source], layout: &Layout, colour: bool) -> String {
    let mut told = sorted(findings);
    if told.len() > MOST {
        // The sort is stable: among equals the order stays.
        told.sort_by_key(|f| std::cmp::Reverse(f.level));
        told.truncate(MOST);
        told = sorted(told);
    }
    let named: HashSet<&str> = told.iter().flat_map(|f| &f.labels).map(|l| &*l.source).collect();
    let sources = sources.iter().filter(|s| named.contains(&*s.name));
    let shown: HashMap<&str, Shown> = sources.map(|s| (&*s.name, Shown::new(s))).collect();
    let theme = GraphicalTheme {
        characters: match layout.charset {
            Charset::Unicode => ThemeCharacters::unicode(),
            Charset::Ascii => ThemeCharacters::ascii(),
        },
        styles: if colour { ThemeStyles::ansi() } else { ThemeStyles::none() },
    };
    let handler = GraphicalReportHandler::new_themed(theme)
        .with_width(layout.columns())
        .with_links(false)
        .with_context_lines(1);
    let mut out = String::new();
    for finding in &told {
        let report = Report::new(finding, &shown);
        let mut text = String::new();
        if handler.render_report(&mut text, &report).is_err() {
            // Only a place that miette cannot read gets here; the words must not be lost with it.
            text = format!("{}: {}\n", clean(&finding.rule), clean(&finding.message));
        }
        if !out.is_empty() {
            out.push('\n');
        }
        for line in text.trim_end().lines() {
            out.push_str(line.trim_end());
            out.push('\n');
        }
    }
    if findings.len() > told.len() {
        let more = count((findings.len() - told.len()) as u64, "more finding");
        out.push_str(&format!("\nand {more}: --format json lists all that are of policies and samples\n"));
    }
    inert(out)
}

/// How often each rule was broken, most often first; ends with a line end.
pub fn statistics(findings: &[Finding], files: usize) -> String {
    let mut counts: Vec<(&str, Level, usize)> = Vec::new();
    for finding in findings {
        match counts.iter_mut().find(|(rule, ..)| *rule == finding.rule) {
            Some((_, level, count)) => (*level, *count) = ((*level).max(finding.level), *count + 1),
            None => counts.push((&finding.rule, finding.level, 1)),
        }
    }
    counts.sort_by(|a, b| b.2.cmp(&a.2).then_with(|| a.0.cmp(b.0)));
    let digits = counts.first().map_or(1, |(_, _, count)| count.to_string().len());
    let mut out = String::new();
    for (rule, level, count) in counts {
        out.push_str(&format!("{count:>digits$}  {:<7}  {}\n", super::pages::level(level), clean(rule)));
    }
    out.push_str(&summary(findings, files, 0));
    out
}

/// One line that counts findings and files; ends with a line end.
pub fn summary(findings: &[Finding], files: usize, suppressed: usize) -> String {
    let many = |n: usize, what: &str| format!("{n} {what}{}", if n == 1 { "" } else { "s" });
    let of = |level| findings.iter().filter(|f| f.level == level).count();
    let levels = [(Level::Error, "error"), (Level::Warning, "warning"), (Level::Note, "note")];
    let counts: Vec<String> = levels
        .iter()
        .map(|(level, what)| (of(*level), what))
        .filter(|(n, _)| *n > 0)
        .map(|(n, w)| many(n, w))
        .collect();
    let files = many(files, "file");
    let fixable = findings.iter().filter(|f| f.fix.as_ref().is_some_and(|fix| fix.safe)).count();
    let beside = if suppressed > 0 { format!(" ({suppressed} suppressed)") } else { String::new() };
    match counts.as_slice() {
        [] => format!("{files} checked, nothing found{beside}\n"),
        counts => {
            let fix = if fixable > 0 { format!("; --fix cures {fixable}") } else { String::new() };
            format!("\n{} in {files}{beside}{fix}\n", counts.join(", "))
        }
    }
}

/// Findings as JSON, version 1: `findings[]` of `rule`, `level`, `message`, `help`, `labels[]`
/// with lines and columns from 1, columns in characters; the end is exclusive. Places in a source
/// that is not given have null lines. Ends with a line end.
pub fn findings_json(findings: &[Finding], sources: &[Source]) -> String {
    let findings = findings_values(findings, sources);
    let mut out =
        serde_json::to_string_pretty(&json!({ "version": 1, "findings": findings })).unwrap_or_default();
    out.push('\n');
    out
}

/// The findings of [`findings_json`].
pub fn findings_values(findings: &[Finding], sources: &[Source]) -> Vec<Value> {
    let lines: HashMap<&str, (&Source, LineIndex)> =
        sources.iter().map(|s| (&*s.name, (s, LineIndex::new(&s.text)))).collect();
    let label = |label: &Label| {
        let place = lines.get(&*label.source).map(|(source, index)| {
            (index.position(&source.text, label.span.start), index.position(&source.text, label.span.end))
        });
        json!({
            "source": &*label.source,
            "line": place.map(|p| p.0.line),
            "column": place.map(|p| p.0.column),
            "end_line": place.map(|p| p.1.line),
            "end_column": place.map(|p| p.1.column),
            "text": label.text,
        })
    };
    let edit =
        |edit: &Edit| label(&Label { source: edit.source.clone(), span: edit.span, text: edit.text.clone() });
    sorted(findings)
        .into_iter()
        .map(|f| {
            json!({
                "rule": f.rule,
                "level": f.level,
                "message": f.message,
                "help": f.help,
                "labels": f.labels.iter().map(label).collect::<Vec<_>>(),
                "fix": f.fix.as_ref().map(|fix| json!({
                    "title": fix.title,
                    "safe": fix.safe,
                    "edits": fix.edits.iter().map(edit).collect::<Vec<_>>(),
                })),
            })
        })
        .collect()
}

/// A source with every byte in its place and nothing in it that steers a terminal.
#[derive(Debug)]
struct Shown {
    name: String,
    text: String,
    lines: LineIndex,
}

impl Shown {
    fn new(source: &Source) -> Shown {
        let mut text = String::with_capacity(source.text.len());
        for (at, c) in source.text.char_indices() {
            let rest = source.text.get(at..).unwrap_or_default();
            let kept = match c {
                // Alone it ends no line of Lua, YAML or CSV; miette would count one.
                '\r' => rest.starts_with("\r\n"),
                '#' => !commands(rest),
                c => matches!(c, '\n' | '\t') || !steers(c),
            };
            match c.len_utf8() {
                _ if kept => text.push(c),
                3 => text.push('\u{fffd}'),
                n => text.push_str(&"?".repeat(n)),
            }
        }
        Shown { name: clean(&source.name), lines: LineIndex::new(&text), text }
    }

    /// The nearest start of a character at or before a byte.
    fn floor(&self, at: usize) -> usize {
        let mut at = at.min(self.text.len());
        while !self.text.is_char_boundary(at) {
            at -= 1;
        }
        at
    }

    /// A span inside the text, on character boundaries.
    fn inside(&self, span: Span) -> SourceSpan {
        let start = self.floor(span.start as usize);
        SourceSpan::new(start.into(), self.floor(span.end as usize).max(start) - start)
    }

    /// Line, from 0, of a byte.
    fn line(&self, at: usize) -> usize {
        self.lines.line(u32::try_from(at).unwrap_or(u32::MAX)).saturating_sub(1) as usize
    }

    /// First byte of a line, from 0; the end of the text for one past it.
    fn start(&self, line: usize) -> usize {
        self.lines.start(line).map_or(self.text.len(), |at| at as usize)
    }
}

/// As miette reads a text, but by the index of its lines: miette counts them anew from the first
/// byte for each place.
impl SourceCode for Shown {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        before: usize,
        after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let (start, end) = (span.offset(), span.offset() + span.len());
        if end > self.text.len() {
            return Err(MietteError::OutOfBounds);
        }
        let (first, last) = (self.line(start), self.line(end.max(start + 1) - 1));
        let (mut from, mut to) = (
            self.start(first.saturating_sub(before)),
            self.start(last.saturating_add(after).saturating_add(1)),
        );
        // Without lines around it miette asks for the place alone: where it begins is what it tells.
        if before == 0 && after == 0 {
            (from, to) = (start, end);
        }
        if to - from > SHOWN {
            // A line of this length is no line of a person's: the place and a little around it.
            from = self.floor(start.saturating_sub(60)).max(from);
            to = self.floor(start + span.len().clamp(1, 200) + 60).min(to);
        }
        let line = self.line(from);
        let column = self.text.get(self.start(line)..from).map_or(0, |t| t.chars().count());
        let data = self.text.as_bytes().get(from..to).unwrap_or_default();
        Ok(Box::new(MietteSpanContents::new_named(
            self.name.clone(),
            data,
            SourceSpan::new(from.into(), data.len()),
            line,
            column,
            self.line(to.max(1) - 1).saturating_sub(line) + 1,
        )))
    }
}

/// A finding as miette wants it: the places of one source, those of others as related.
#[derive(Debug)]
struct Report<'a> {
    code: Option<String>,
    level: Level,
    message: String,
    help: Option<String>,
    source: Option<&'a Shown>,
    labels: Vec<LabeledSpan>,
    related: Vec<Report<'a>>,
}

impl<'a> Report<'a> {
    fn new(finding: &Finding, shown: &'a HashMap<&str, Shown>) -> Report<'a> {
        let mut report = Report {
            code: Some(clean(&finding.rule)),
            level: finding.level,
            message: clean(&finding.message),
            help: finding.help.as_ref().map(|h| h.lines().map(clean).collect::<Vec<_>>().join("\n")),
            source: None,
            labels: Vec::new(),
            related: Vec::new(),
        };
        let home = finding.labels.first().map(|l| l.source.clone());
        for label in &finding.labels {
            let text = (!label.text.is_empty()).then(|| clean(&label.text));
            let Some(source) = shown.get(&*label.source) else {
                let text = text.map_or_else(String::new, |t| format!(": {t}"));
                if text.is_empty() && finding.message.contains(&*label.source) {
                    continue;
                }
                report.message.push_str(&format!(" ({}{text})", clean(&label.source)));
                continue;
            };
            let span = source.inside(label.span);
            if Some(&label.source) == home.as_ref() {
                report.source = Some(source);
                report.labels.push(match report.labels.is_empty() {
                    true => LabeledSpan::new_primary_with_span(text, span),
                    false => LabeledSpan::new_with_span(text, span),
                });
            } else {
                report.related.push(Report {
                    code: None,
                    level: Level::Note,
                    message: text.unwrap_or_else(|| "see here".into()),
                    help: None,
                    source: Some(source),
                    labels: vec![LabeledSpan::new_primary_with_span(None, span)],
                    related: Vec::new(),
                });
            }
        }
        report
    }
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Report<'_> {}

impl Diagnostic for Report<'_> {
    fn code<'b>(&'b self) -> Option<Box<dyn fmt::Display + 'b>> {
        self.code.as_ref().map(|c| Box::new(c) as Box<dyn fmt::Display>)
    }

    fn severity(&self) -> Option<Severity> {
        Some(match self.level {
            Level::Error => Severity::Error,
            Level::Warning => Severity::Warning,
            Level::Note => Severity::Advice,
        })
    }

    fn help<'b>(&'b self) -> Option<Box<dyn fmt::Display + 'b>> {
        self.help.as_ref().map(|h| Box::new(h) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.source.map(|s| s as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        (!self.labels.is_empty()).then(|| Box::new(self.labels.iter().cloned()) as Box<_>)
    }

    fn related<'b>(&'b self) -> Option<Box<dyn Iterator<Item = &'b dyn Diagnostic> + 'b>> {
        (!self.related.is_empty())
            .then(|| Box::new(self.related.iter().map(|r| r as &dyn Diagnostic)) as Box<_>)
    }
}
