//! Where a query stops being one: the parser says what is wrong, and not where.
//!
//! May import: `text`, siblings.

use super::Refused;
use super::tokens::{Token, TokenKind};
use crate::text::Span;

/// Aggregations: they may stand before `by`.
const AGGREGATES: [&str; 14] = [
    "sum",
    "avg",
    "min",
    "max",
    "count",
    "group",
    "stddev",
    "stdvar",
    "topk",
    "bottomk",
    "quantile",
    "count_values",
    "limitk",
    "limit_ratio",
];

/// Words between two values.
const OPERATORS: [&str; 4] = ["and", "or", "unless", "atan2"];

/// Words that say how two sides find each other, or what an aggregation leaves; a list may follow.
const MODIFIERS: [&str; 9] =
    ["bool", "on", "ignoring", "group_left", "group_right", "fill", "fill_left", "fill_right", "without"];

/// The finding for what the parser said.
pub(super) fn place(said: &str, parts: &[Token<'_>], whole: Span) -> Refused {
    let at = |message: String, span: Span| Refused { message, span, too_large: false };
    // What it quotes is what it is about.
    let quoted = said.split('\'').nth(1).filter(|word| !word.is_empty());
    let function = quoted.and_then(|word| {
        let here = parts.iter().position(|t| t.kind == TokenKind::Word && t.text == word)?;
        parts.get(here + 1).filter(|next| next.text == "(")?;
        parts.get(here)
    });
    if let Some(token) = function {
        let name = token.text;
        return match said.starts_with("unknown function") {
            true => at(format!("PromQL has no function `{name}`"), token.span),
            false => at(sentence(said), token.span),
        };
    }
    if let Some((message, span)) = stray(parts, whole) {
        return at(message, span);
    }
    let word = quoted.and_then(|word| parts.iter().find(|t| t.text.trim_matches(['"', '\'']) == word));
    match word {
        Some(token) => at(sentence(said), token.span),
        None if said.starts_with("invalid promql") => at("it is no PromQL".into(), whole),
        None => at(sentence(said), whole),
    }
}

/// What the parser said, on one line, quoted as elsewhere.
fn sentence(said: &str) -> String {
    let line: Vec<&str> = said.split_whitespace().collect();
    let line = line.join(" ").replace('\'', "`");
    line.trim_end_matches('.').to_owned()
}

/// The first part that stands where another is needed: a value where an operator is, an operator
/// where a value is, an end in the middle.
fn stray(parts: &[Token<'_>], whole: Span) -> Option<(String, Span)> {
    let word = |t: &Token<'_>, list: &[&str]| {
        t.kind == TokenKind::Word && list.iter().any(|w| t.text.eq_ignore_ascii_case(w))
    };
    let mut wants_value = true;
    let mut at = 0;
    while let Some(token) = parts.get(at) {
        let next = parts.get(at + 1).map(|t| t.text);
        match (token.kind, token.text) {
            (TokenKind::Sign, "{") | (TokenKind::Sign, "[") => {
                // What is in them is not of the kind that is looked for here.
                let close = if token.text == "{" { "}" } else { "]" };
                at = at + parts.get(at..)?.iter().position(|t| t.text == close)?;
                wants_value = false;
            }
            (TokenKind::Sign, "(") => wants_value = true,
            (TokenKind::Sign, ")") => {
                let empty = at.checked_sub(1).and_then(|b| parts.get(b)).is_some_and(|t| t.text == "(");
                if wants_value && !empty {
                    return Some(("a value is missing before `)`".into(), token.span));
                }
                wants_value = false;
            }
            (TokenKind::Sign, "+" | "-") => wants_value = true,
            (TokenKind::Sign, sign) => {
                if wants_value {
                    return Some((format!("a value is missing before `{sign}`"), token.span));
                }
                if sign == "=" {
                    return Some(("`=` compares nothing here: write `==`".into(), token.span));
                }
                wants_value = true;
            }
            _ if word(token, &OPERATORS) => {
                if wants_value {
                    return Some((format!("a value is missing before `{}`", token.text), token.span));
                }
                wants_value = true;
            }
            _ if word(token, &["offset"]) => wants_value = true,
            _ if word(token, &MODIFIERS) || word(token, &["by"]) => {
                let list = next == Some("(");
                if !list && !word(token, &["bool", "group_left", "group_right"]) {
                    return Some((
                        format!("`{}` needs a list of labels in brackets", token.text),
                        token.span,
                    ));
                }
                if list {
                    at = at + parts.get(at..)?.iter().position(|t| t.text == ")")?;
                }
                // Before the brackets of an aggregation, and after an operator, a value follows.
                let after = parts.get(at + 1).map(|t| t.text);
                wants_value = wants_value || after == Some("(");
            }
            (_, text) => {
                if !wants_value {
                    let message = format!("an operator is missing before `{text}`");
                    return Some((message, token.span));
                }
                let grouped =
                    next.is_some_and(|n| ["by", "without"].iter().any(|w| n.eq_ignore_ascii_case(w)));
                let name = token.kind == TokenKind::Word;
                wants_value = name && grouped && AGGREGATES.iter().any(|a| a.eq_ignore_ascii_case(text));
                if name && next == Some("(") {
                    wants_value = true;
                }
            }
        }
        at += 1;
    }
    let last = parts.last();
    match last {
        None => Some(("it is empty".into(), whole)),
        Some(last) if wants_value => {
            Some((format!("it ends after `{}`, where a value is missing", last.text), last.span))
        }
        Some(_) => None,
    }
}
