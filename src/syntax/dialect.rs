//! Constructs of other Luas, and slips from other languages: each gets one error that names it
//! and says what to write, and is replaced in the text by something of the same width that
//! parses, so that it hides no other error and causes none.
//!
//! Looked for only where a text does not parse: what Luau accepts is never such a construct.
//! May import: `text`, `model`.

use super::token::{Kind, Token};
use crate::model::finding::Finding;
use crate::text::{Source, Span};

/// A construct, and the bytes that stand in for it.
struct Foreign {
    rule: &'static str,
    span: Span,
    message: String,
    help: String,
    /// What to put at the start of the span; the rest becomes blanks.
    instead: &'static str,
}

/// Finds foreign constructs, and gives the text with them replaced.
pub(super) fn check(source: &Source, text: &str, tokens: &[Token<'_>]) -> (Vec<Finding>, String) {
    let mut repaired = text.as_bytes().to_vec();
    let mut findings = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let Some((foreign, used)) = construct(tokens, at) else {
            at += 1;
            continue;
        };
        at += used;
        let range = foreign.span.start as usize..foreign.span.end as usize;
        if let Some(bytes) = repaired.get_mut(range) {
            let instead = foreign.instead.bytes().chain(std::iter::repeat(b' '));
            // Line ends stay, so that lines keep their numbers.
            bytes.iter_mut().zip(instead).for_each(|(b, new)| *b = if *b == b'\n' { b'\n' } else { new });
        }
        findings.push(
            Finding::error(foreign.rule, foreign.message).at(source, foreign.span, "").help(foreign.help),
        );
    }
    // Only whole tokens were replaced, by ASCII; the text is as sound as it was.
    let repaired = String::from_utf8(repaired).unwrap_or_else(|_| text.to_string());
    (findings, repaired)
}

/// The construct at a token, and how many tokens it is made of.
fn construct(tokens: &[Token<'_>], at: usize) -> Option<(Foreign, usize)> {
    let token = tokens.get(at)?;
    let next = |ahead: usize| tokens.get(at + ahead);
    let before = at.checked_sub(1).and_then(|i| tokens.get(i));
    let cover = |count: usize| {
        let last = tokens.get(at + count - 1).unwrap_or(token);
        Span::new(token.start, last.end())
    };
    let dialect = |count: usize, message: &str, help: String, instead: &'static str| {
        let rule = "foreign-syntax";
        Some((Foreign { rule, span: cover(count), message: message.into(), help, instead }, count))
    };
    if token.kind == Kind::Text {
        return None;
    }
    if token.kind == Kind::Number {
        let upper = token.text.to_ascii_uppercase();
        let plain = ["ULL", "LL", "I"].iter().find_map(|end| upper.strip_suffix(end))?;
        if plain.is_empty() || !plain.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let number = token.text.get(..plain.len())?;
        let message = format!("the number `{}` is LuaJIT; numbers have no suffix", token.text);
        return dialect(1, &message, format!("write {number}"), "0");
    }
    match token.text {
        "goto" if next(1).is_some_and(Token::is_name) && starts_statement(before) => {
            let label = next(1).map_or("", |t| t.text);
            let help = if label.contains("continue") || label.contains("next") {
                "write `continue`: it goes on with the next turn of the loop"
            } else {
                "`continue` goes on with the next turn of a loop, `break` leaves it; for the rest, call a function and return from it"
            };
            dialect(2, &format!("`goto {label}` is Lua 5.2 and later; Luau has no goto"), help.into(), "")
        }
        "::" if next(1).is_some_and(Token::is_name) && next(2).is_some_and(|t| t.is("::")) => {
            let label = next(1).map_or("", |t| t.text);
            let message =
                format!("the label `::{label}::` is Lua 5.2 and later; Luau has no goto and no labels");
            dialect(3, &message, "take it out; a `goto continue` to it is written `continue`".into(), "")
        }
        "<" if next(1).is_some_and(|t| t.is("const") || t.is("close"))
            && next(2).is_some_and(|t| t.is(">"))
            && before.is_some_and(Token::is_name) =>
        {
            let name = before.map_or("", |t| t.text);
            match next(1).map_or("", |t| t.text) {
                "const" => dialect(
                    3,
                    "the attribute `<const>` is Lua 5.4; Luau has a statement for it",
                    format!("write `const {name} = …` instead of `local {name} <const> = …`"),
                    "",
                ),
                _ => dialect(
                    3,
                    "the attribute `<close>` is Lua 5.4; Luau closes nothing by itself",
                    format!("write `local {name} = …`: a policy holds nothing that needs closing"),
                    "",
                ),
            }
        }
        "!=" => slip(token, "`!=` is not Lua", "write `~=`", "~="),
        "&&" => slip(token, "`&&` is not Lua", "write `and`", "+"),
        "||" => slip(token, "`||` is not Lua", "write `or`", "+"),
        "!" => slip(token, "`!` is not Lua", "write `not`", "-"),
        ";" if before.is_none_or(|t| ["then", "do", "else", "repeat"].contains(&t.text) || t.is(";")) => {
            dialect(1, "an empty statement is Lua 5.2 and later", "take the `;` out".into(), "")
        }
        "&" if !in_type(tokens, at) => bits(token, 1, "&", "band(a, b)", "+", tokens, at),
        "|" if !in_type(tokens, at) => bits(token, 1, "|", "bor(a, b)", "+", tokens, at),
        "~" if ends_value(before) => bits(token, 1, "~", "bxor(a, b)", "+", tokens, at),
        "~" => bits(token, 1, "~", "bnot(a)", "-", tokens, at),
        "<" if adjacent(token, next(1), "<") && ends_value(before) => {
            bits(token, 2, "<<", "lshift(a, n)", "+", tokens, at)
        }
        ">" if adjacent(token, next(1), ">") && !in_type(tokens, at) => {
            bits(token, 2, ">>", "rshift(a, n)", "+", tokens, at)
        }
        _ => None,
    }
}

fn bits(
    token: &Token<'_>,
    count: usize,
    sign: &str,
    call: &str,
    instead: &'static str,
    tokens: &[Token<'_>],
    at: usize,
) -> Option<(Foreign, usize)> {
    let end = tokens.get(at + count - 1).map_or(token.end(), Token::end);
    let foreign = Foreign {
        rule: "foreign-syntax",
        span: Span::new(token.start, end),
        message: format!("the bit operator `{sign}` is Lua 5.3 and later; Luau has functions for it"),
        help: format!("write `bit32.{call}`"),
        instead,
    };
    Some((foreign, count))
}

/// An operator of another language.
fn slip(token: &Token<'_>, message: &str, help: &str, instead: &'static str) -> Option<(Foreign, usize)> {
    let span = Span::new(token.start, token.end());
    Some((Foreign { rule: "foreign-syntax", span, message: message.into(), help: help.into(), instead }, 1))
}

fn adjacent(token: &Token<'_>, next: Option<&Token<'_>>, text: &str) -> bool {
    next.is_some_and(|n| n.is(text) && n.start == token.end())
}

/// Whether a statement may begin after a token.
fn starts_statement(before: Option<&Token<'_>>) -> bool {
    before.is_none_or(|t| {
        ends_value(Some(t)) || t.is(";") || ["then", "do", "else", "repeat", "::", "break"].contains(&t.text)
    })
}

/// Whether a value may end with a token.
fn ends_value(token: Option<&Token<'_>>) -> bool {
    token.is_some_and(|t| match t.kind {
        Kind::Number | Kind::Text => true,
        Kind::Word => t.is_name() || ["end", "nil", "true", "false"].contains(&t.text),
        Kind::Sign => [")", "]", "}", "..."].contains(&t.text),
    })
}

/// Whether a token stands in a type: after `:` of a declaration, `::`, `->` or `type X =`.
/// Looks back over what a type may be made of.
fn in_type(tokens: &[Token<'_>], at: usize) -> bool {
    let mut i = at;
    let mut closed = 0usize;
    // A type longer than this is no reason to be slow on hostile input.
    for _ in 0..200 {
        let Some(before) = i.checked_sub(1) else { return false };
        i = before;
        let Some(token) = tokens.get(i) else { return false };
        match token.text {
            _ if token.kind == Kind::Text => {}
            ")" | "}" | "]" => closed += 1,
            "(" | "{" | "[" if closed > 0 => closed -= 1,
            "(" | "{" | "[" => {}
            _ if closed > 0 => {}
            "::" | "->" => return true,
            ":" => {
                // `x: T`, unless `x:method(…)`.
                let called =
                    tokens.get(i + 2).is_some_and(|t| t.kind == Kind::Text || t.is("(") || t.is("{"));
                return !called;
            }
            "=" => {
                // `type Name =` and `type Name<T> =`.
                let head = tokens.get(i.saturating_sub(8)..i).unwrap_or_default();
                return head.iter().any(|t| t.is("type"))
                    && !head.iter().any(|t| t.is("local") || t.is("=") || t.is("return"));
            }
            "," | "." | "?" | "|" | "&" | "<" | ">" | "nil" | "true" | "false" => {}
            _ if token.is_name() => {}
            _ => return false,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::super::token::tokens;
    use super::*;

    fn found(text: &str) -> (Vec<String>, String) {
        let source = Source::new("x.lua", text);
        let (findings, repaired) = check(&source, text, &tokens(text));
        let spans = findings.iter().filter_map(|f| {
            let span = f.labels.first()?.span;
            text.get(span.start as usize..span.end as usize)
        });
        (spans.map(str::to_string).collect(), repaired)
    }

    #[test]
    fn each_construct_is_found_once_and_replaced_in_place() {
        let text = "for i = 1, 2 do goto continue ::continue:: end\nlocal x <const>, y <close> = 1, ~2\nx = 1 & 2 | 3 ~ 4 << 5 >> 6;;";
        let (spans, repaired) = found(text);
        let expected =
            ["goto continue", "::continue::", "<const>", "<close>", "~", "&", "|", "~", "<<", ">>", ";"];
        assert_eq!(spans, expected);
        assert_eq!(repaired.len(), text.len());
        assert_eq!(full_moon::parse(&repaired).map(|_| ()), Ok(()), "{repaired}");
    }

    #[test]
    fn types_and_strings_hold_no_bit_operators() {
        for text in [
            "type T = { a: number } & { b: string } | nil",
            "type T<A> = Map<string, List<A>> | number",
            "local x: number | string = 1",
            "function f(a: A | B, b: Map<A, List<B>>): C & D end",
            "local y = x :: A | B",
            "local s = \"a | b & c goto d\" -- ~x",
            "type F = (a: number) -> string | number",
            "local goto = 1; goto = 2",
        ] {
            assert_eq!(found(text).0, Vec::<String>::new(), "{text}");
        }
        assert_eq!(found("local x = a:b(1) | 2").0, ["|"]);
        assert_eq!(found("local x = { y = a | 2 }").0, ["|"]);
    }
}
