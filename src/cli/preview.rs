//! What `review --dry-run` prints: exactly what would be sent. May import: everything.

use crate::forge::Report;
use crate::model::Level;
use crate::report::safe;
use crate::review::Operation;
use serde_json::{Value, json};

/// All that would be sent.
pub struct Preview<'a> {
    /// The forge.
    pub forge: &'a str,
    /// The repository there.
    pub repository: Option<&'a str>,
    /// The request.
    pub number: Option<u64>,
    /// What could not be learnt.
    pub notes: &'a [String],
    /// What would be said on the request.
    pub operations: &'a [Operation],
    /// What would be said beside the commit.
    pub report: &'a Report,
    /// The exit status.
    pub status: u8,
}

impl Preview<'_> {
    /// For people.
    pub fn text(&self) -> String {
        let repository = self.repository.unwrap_or("this repository");
        let number = self.number.map(|number| format!("#{number}")).unwrap_or_default();
        let mut out = format!("{}: {repository}{number} at {}\n", self.forge, short(&self.report.head));
        self.notes.iter().for_each(|note| out.push_str(&format!("note: {note}\n")));
        if self.operations.is_empty() {
            out.push_str("\nNothing is to be said on the request.\n");
        }
        for (at, operation) in self.operations.iter().enumerate() {
            out.push_str(&format!("\n{}. {}\n", at + 1, described(operation)));
        }
        let report = self.report;
        let digest = report.digest.as_deref().unwrap_or("none");
        out.push_str(&format!(
            "\nBeside the commit: {} \"{}\", {}, {} annotations, digest {digest}\n\n{}",
            report.conclusion.name(),
            report.title,
            report.name,
            report.annotations.len(),
            indented(&report.summary)
        ));
        for annotation in &report.annotations {
            let lines = match annotation.to {
                to if to == annotation.from => format!("{to}"),
                to => format!("{}-{to}", annotation.from),
            };
            let level = level(annotation.level);
            let head = format!("{level} {}:{lines} {}", annotation.path, annotation.title);
            out.push_str(&format!("\n  {head}\n{}", indented(&annotation.message)));
        }
        out.push_str("\nNothing was sent.\n");
        safe(&out)
    }

    /// For programs.
    pub fn json(&self) -> String {
        let annotations: Vec<Value> = self
            .report
            .annotations
            .iter()
            .map(|annotation| {
                json!({
                    "path": annotation.path,
                    "start_line": annotation.from,
                    "end_line": annotation.to,
                    "level": level(annotation.level),
                    "title": annotation.title,
                    "message": annotation.message,
                })
            })
            .collect();
        let document = json!({
            "version": 1,
            "forge": self.forge,
            "repository": self.repository,
            "number": self.number,
            "head": self.report.head,
            "notes": self.notes,
            "operations": self.operations,
            "report": {
                "name": self.report.name,
                "conclusion": self.report.conclusion.name(),
                "digest": self.report.digest,
                "title": self.report.title,
                "summary": self.report.summary,
                "annotations": annotations,
            },
            "status": self.status,
        });
        format!("{document:#}\n")
    }
}

fn described(operation: &Operation) -> String {
    match operation {
        Operation::Say { body } => format!("a comment in the conversation\n\n{}", indented(body)),
        Operation::Change { id, body } => format!("in place of comment {id}\n\n{}", indented(body)),
        Operation::Review { body, comments, .. } => {
            let mut out = format!("a review\n\n{}", indented(body));
            for comment in comments {
                let from = comment.start_line.map(|start| format!("{start}-")).unwrap_or_default();
                let place = format!("{}:{from}{}", comment.path, comment.line);
                out.push_str(&format!("\n  on {place}\n\n{}", indented(&comment.body)));
            }
            out.trim_end().to_owned()
        }
        Operation::Resolve { thread, .. } => format!("thread {thread} is resolved: its finding is gone"),
        Operation::Reopen { thread } => format!("thread {thread} is opened again: its finding is back"),
        Operation::Minimise { node } => format!("comment {node} is folded away: it is no longer so"),
        Operation::Unfold { node } => format!("comment {node} is unfolded: its finding is back"),
    }
}

fn indented(text: &str) -> String {
    text.trim_end().lines().map(|line| format!("    {line}").trim_end().to_owned() + "\n").collect()
}

fn level(level: Level) -> &'static str {
    match level {
        Level::Error => "error",
        Level::Warning => "warning",
        Level::Note => "note",
    }
}

fn short(commit: &str) -> String {
    commit.chars().take(9).collect()
}
