//! The parser's errors as findings: in the order of the text, in the words of a person, without
//! those that only follow from an earlier one. May import: `text`, `model`.

use super::token::{Kind, Token};
use crate::model::finding::Finding;
use crate::text::{LineIndex, Source, Span};
use full_moon::Error;
use full_moon::tokenizer::TokenizerErrorType;

/// An error and what is known of it.
struct Found {
    span: Span,
    message: String,
    help: Option<String>,
    /// It says no more than that the parser had to find its way again.
    generic: bool,
}

/// Turns the errors of one parse into findings. `text` is what was parsed.
pub(super) fn findings(source: &Source, text: &str, tokens: &[Token<'_>], errors: &[Error]) -> Vec<Finding> {
    let lines = LineIndex::new(text);
    let unclosed = unclosed(source, tokens, text.len());
    let mut found: Vec<Found> = errors.iter().map(|error| read(error, text, tokens)).collect();
    // Of two at one place, the one that says more comes first.
    found.sort_by_key(|f| (f.span.start, f.generic));

    let mut findings: Vec<Finding> = Vec::new();
    let mut last: Option<Span> = None;
    let end = tokens.last().map_or(0, |t| t.start);
    for error in found {
        if let Some(last) = last {
            let same_line = lines.line(error.span.start) == lines.line(last.start);
            if same_line || (error.generic && !fresh_statement(&lines, tokens, last, error.span)) {
                continue;
            }
        }
        // What goes wrong at the end goes wrong because something is still open.
        if unclosed.is_some() && error.span.end as usize >= end {
            continue;
        }
        last = Some(error.span);
        let mut finding = Finding::error("syntax-error", error.message).at(source, error.span, "");
        finding.help = error.help;
        findings.push(finding);
    }
    // An open bracket is often why the rest went wrong; said first where nothing else was.
    if let Some(unclosed) = unclosed
        && (findings.is_empty() || !errors.is_empty())
    {
        findings.push(unclosed);
    }
    findings
}

/// Whether a statement of the file itself begins between two places: a word at the start of a
/// line, other than one that closes or continues a block.
fn fresh_statement(lines: &LineIndex, tokens: &[Token<'_>], after: Span, until: Span) -> bool {
    let between = tokens.iter().filter(|t| t.start >= after.end as usize && t.start <= until.start as usize);
    let starts = |t: &Token<'_>| {
        let at = u32::try_from(t.start).unwrap_or(u32::MAX);
        at == 0 || lines.line(at) != lines.line(at - 1)
    };
    let continues = ["end", "else", "elseif", "until", "then", "do", "and", "or"];
    between.into_iter().any(|t| t.kind == Kind::Word && starts(t) && !continues.contains(&t.text))
}

fn read(error: &Error, text: &str, tokens: &[Token<'_>]) -> Found {
    let (start, end) = error.range();
    let (mut start, mut end) = (start.bytes(), end.bytes());
    // A line end is no part of what is wrong.
    while end > start && text.get(end - 1..end).is_some_and(|c| c == "\n" || c == "\r") {
        end -= 1;
    }
    if start == end && start >= text.trim_end().len() {
        // At the end of the text there is nothing to point at: point at what came last.
        if let Some(token) = tokens.last() {
            (start, end) = (token.start, token.end());
        }
    }
    let span = Span::new(start, end);
    let token = text.get(start..end).unwrap_or_default();
    let (message, help, generic) = match error {
        Error::TokenizerError(error) => match error.error() {
            TokenizerErrorType::UnclosedString => {
                let close = if token.starts_with('[') { "]]" } else { token.get(..1).unwrap_or("\"") };
                ("this string is not closed".into(), Some(format!("write `{close}` where it ends")), false)
            }
            TokenizerErrorType::UnclosedComment => {
                ("this comment is not closed".into(), Some("write `]]` where it ends".into()), false)
            }
            TokenizerErrorType::InvalidNumber => {
                (format!("`{token}` is no number"), Some("write 1, 0.5, 1e6 or 0xff".into()), false)
            }
            TokenizerErrorType::UnexpectedToken(c) => {
                (format!("the character `{c}` has no meaning here"), None, false)
            }
            other => (format!("{other}"), None, false),
        },
        Error::AstError(error) => words(error.error_message(), token),
    };
    Found { span, message, help, generic }
}

/// The parser's message in words of our own: what, what to write, and whether it is generic.
fn words(message: &str, token: &str) -> (String, Option<String>, bool) {
    let at = |what: &str| {
        if token.is_empty() { what.to_string() } else { format!("{what} at `{}`", short(token)) }
    };
    match message {
        "unexpected token, this needs to be a statement" => {
            (format!("`{}` is not expected here", short(token)), None, true)
        }
        "unexpected expression when looking for a statement" => (
            "a value stands alone where a statement is expected".into(),
            Some("give it a name (`local x = …`), return it, or call it".into()),
            true,
        ),
        "unexpected statement after last statement" => (
            "nothing may follow `return`, `break` or `continue` in its block".into(),
            Some("take out what follows, or write `do return end`".into()),
            false,
        ),
        "expected `}` after last field" => {
            (at("a `,` or `}` is missing"), Some("entries of a table are set apart by commas".into()), false)
        }
        message => {
            let message =
                message.strip_prefix("expected ").map_or(message.to_string(), |m| format!("{m} is expected"));
            (at(&message), None, false)
        }
    }
}

fn short(token: &str) -> String {
    let line = token.lines().next().unwrap_or_default();
    match line.char_indices().nth(30) {
        Some((at, _)) => format!("{}…", line.get(..at).unwrap_or_default()),
        None => line.to_string(),
    }
}

/// The innermost bracket or block that is still open at the end, where nothing crosses before.
fn unclosed(source: &Source, tokens: &[Token<'_>], end: usize) -> Option<Finding> {
    let mut open: Vec<&Token<'_>> = Vec::new();
    for token in tokens.iter().filter(|t| t.kind == Kind::Sign) {
        match token.text {
            "(" | "[" | "{" => open.push(token),
            ")" | "]" | "}" => {
                let opened = open.pop()?;
                if !matches!((opened.text, token.text), ("(", ")") | ("[", "]") | ("{", "}")) {
                    return None;
                }
            }
            _ => {}
        }
    }
    let token = open.last()?;
    let close = match token.text {
        "(" => ")",
        "[" => "]",
        _ => "}",
    };
    Some(
        Finding::error("syntax-error", format!("this `{}` is never closed", token.text))
            .at(source, Span::new(token.start, token.end()), "opened here")
            .at(source, Span::new(end, end), "the file ends here")
            .help(format!("write `{close}` where it ends")),
    )
}
