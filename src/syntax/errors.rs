//! The parser's errors as findings: in the order of the text, in the words of a person, without
//! those that only follow from an earlier one. May import: `text`, `model`.

use super::depth;
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
    class: Class,
}

/// How much an error says; of several on a line, the first class counts.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Class {
    /// What is no token at all.
    Token,
    /// What is expected here.
    Specific,
    /// No more than that the parser had to find its way again.
    Generic,
    /// Something is still open at the end; said better by [`unclosed`].
    Open,
}

/// Turns the errors of one parse into findings. `text` is what was parsed.
pub(super) fn findings(source: &Source, text: &str, tokens: &[Token<'_>], errors: &[Error]) -> Vec<Finding> {
    if errors.is_empty() {
        return Vec::new();
    }
    let lines = LineIndex::new(text);
    let unclosed = unclosed(source, tokens, text.len());
    let end = tokens.last().map_or(0, |t| t.start);
    let mut found: Vec<Found> = errors.iter().map(|error| read(error, text, tokens)).collect();
    if unclosed.is_some() {
        // What goes wrong at the end goes wrong because something is still open.
        found.retain(|f| f.class == Class::Token || (f.class != Class::Open && (f.span.end as usize) < end));
    }
    found.sort_by_key(|f| (lines.line(f.span.start), f.class, f.span.start));
    let fresh = fresh_statements(&lines, tokens);

    let mut findings: Vec<Finding> = Vec::new();
    let mut last: Option<Span> = None;
    for error in found {
        if let Some(last) = last {
            let same_line = lines.line(error.span.start) == lines.line(last.start);
            let follows = error.class >= Class::Generic && !within(&fresh, last.end, error.span.start);
            if same_line || follows {
                continue;
            }
        }
        last = Some(error.span);
        let mut finding = Finding::error("syntax-error", error.message).at(source, error.span, "");
        finding.help = error.help;
        findings.push(finding);
    }
    match unclosed {
        Some(unclosed) if findings.is_empty() => vec![unclosed],
        _ => findings,
    }
}

/// Where statements of the file itself begin: at a word at the start of a line, other than one
/// that closes or continues a block.
fn fresh_statements(lines: &LineIndex, tokens: &[Token<'_>]) -> Vec<u32> {
    let continues = ["end", "else", "elseif", "until", "then", "do", "and", "or"];
    let words = tokens.iter().filter(|t| t.kind == Kind::Word && !continues.contains(&t.text));
    let starts = words.map(|t| u32::try_from(t.start).unwrap_or(u32::MAX));
    starts.filter(|at| *at == 0 || lines.line(*at) != lines.line(at - 1)).collect()
}

/// Whether one of the sorted places lies between two others.
fn within(places: &[u32], from: u32, to: u32) -> bool {
    places.get(places.partition_point(|at| *at < from)).is_some_and(|at| *at <= to)
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
    let (message, help, class) = match error {
        Error::TokenizerError(error) => match error.error() {
            TokenizerErrorType::UnclosedString => {
                let close = if token.starts_with('[') { "]]" } else { token.get(..1).unwrap_or("\"") };
                (
                    "this string is not closed".into(),
                    Some(format!("write `{close}` where it ends")),
                    Class::Token,
                )
            }
            TokenizerErrorType::UnclosedComment => {
                ("this comment is not closed".into(), Some("write `]]` where it ends".into()), Class::Token)
            }
            TokenizerErrorType::InvalidNumber => {
                (format!("`{token}` is no number"), Some("write 1, 0.5, 1e6 or 0xff".into()), Class::Token)
            }
            TokenizerErrorType::UnexpectedToken(c) => {
                let help = (!c.is_ascii()).then(|| "names have the letters a to z, digits and _".to_string());
                (format!("the character `{c}` has no meaning here"), help, Class::Token)
            }
            other => (other.to_string(), None, Class::Token),
        },
        Error::AstError(error) => words(error.error_message(), token),
    };
    Found { span, message, help, class }
}

/// The parser's message in words of our own: what, what to write, and its class.
fn words(message: &str, token: &str) -> (String, Option<String>, Class) {
    let last = "take out what follows, or write `do return end`";
    match message {
        "unexpected token, this needs to be a statement" => {
            (format!("`{}` is not expected here", short(token)), None, Class::Generic)
        }
        "unexpected expression when looking for a statement" => (
            "a value stands alone where a statement is expected".into(),
            Some("give it a name (`local x = …`), return it, or call it".into()),
            Class::Generic,
        ),
        "unexpected statement after last statement" => (
            "nothing may follow `return`, `break` or `continue` in its block".into(),
            Some(last.into()),
            Class::Specific,
        ),
        message if message.starts_with("expected `end`") && ["break", "continue"].contains(&token) => {
            (format!("nothing may follow `{token}` in its block"), Some(last.into()), Class::Specific)
        }
        "expected `}` after last field" => (
            format!("a `,` or `}}` is missing before `{}`", short(token)),
            Some("entries of a table are set apart by commas".into()),
            Class::Specific,
        ),
        "expected a field" | "expected `)` to close function call" | "expected expression after `{`" => {
            (missing(message), None, Class::Open)
        }
        "expected function name" => (
            "a function that stands alone needs a name".into(),
            Some("write `local function name() … end`".into()),
            Class::Specific,
        ),
        "expected values to set to" => ("the value to assign is missing".into(), None, Class::Specific),
        message => (missing(message), None, Class::Specific),
    }
}

/// "expected X" as "X is missing".
fn missing(message: &str) -> String {
    match message.strip_prefix("expected ") {
        Some(what) => format!("{what} is missing"),
        None => message.to_string(),
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
    let token = tokens.get(depth::unclosed(tokens)?)?;
    let close = match token.text {
        "(" => ")",
        "[" => "]",
        "{" => "}",
        "repeat" => "until",
        _ => "end",
    };
    Some(
        Finding::error("syntax-error", format!("this `{}` is never closed", token.text))
            .at(source, Span::new(token.start, token.end()), "opened here")
            .at(source, Span::new(end, end), "the file ends here")
            .help(format!("write `{close}` where it ends")),
    )
}
