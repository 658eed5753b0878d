//! The parts of a PromQL query, with their places: the parser tells none.
//!
//! May import: `text`.

use crate::text::Span;

/// A part of a query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token<'q> {
    /// What it is.
    pub kind: TokenKind,
    /// As it is written.
    pub text: &'q str,
    /// Where it stands, in bytes of the query.
    pub span: Span,
}

/// What a part of a query is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenKind {
    /// A name or a word: of a metric, a function, an operator such as `and`.
    Word,
    /// A number or a duration.
    Number,
    /// A text in quotes.
    Text,
    /// An operator or a bracket.
    Sign,
}

/// Why a query is no row of parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stray {
    /// What is wrong, as a sentence.
    pub message: String,
    /// Where.
    pub span: Span,
}

/// Operators of two characters.
const PAIRS: [&str; 6] = ["==", "!=", "=~", "!~", "<=", ">="];

/// Cuts a query into its parts; comments and blanks are left out.
///
/// # Errors
/// A text without an end, a character that PromQL does not have, a bracket without its other one.
pub fn tokens(query: &str) -> Result<Vec<Token<'_>>, Stray> {
    let mut out = Vec::new();
    let mut open: Vec<(char, Span)> = Vec::new();
    let mut at = 0;
    while let Some(c) = query.get(at..).and_then(|rest| rest.chars().next()) {
        let rest = query.get(at..).unwrap_or_default();
        let in_range = open.last().is_some_and(|(bracket, _)| *bracket == '[');
        let (kind, length) = match c {
            c if c.is_ascii_whitespace() => {
                at += 1;
                continue;
            }
            '#' => {
                at += rest.find(['\n', '\r']).unwrap_or(rest.len());
                continue;
            }
            '"' | '\'' | '`' => match quoted(rest, c) {
                Some(length) => (TokenKind::Text, length),
                None => return Err(stray(format!("the text that begins here has no closing {c}"), at, 1)),
            },
            c if c.is_ascii_digit() || (c == '.' && rest[1..].starts_with(|d: char| d.is_ascii_digit())) => {
                (TokenKind::Number, number(rest))
            }
            c if c.is_ascii_alphabetic() || c == '_' || (c == ':' && !in_range) => {
                let word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
                (TokenKind::Word, rest.find(|c| !word(c)).unwrap_or(rest.len()))
            }
            '$' => {
                return Err(stray(
                    "`$` is a variable of a dashboard; nothing fills it in here".into(),
                    at,
                    1,
                ));
            }
            _ if PAIRS.iter().any(|pair| rest.starts_with(pair)) => (TokenKind::Sign, 2),
            '(' | ')' | '[' | ']' | '{' | '}' | ',' | '+' | '-' | '*' | '/' | '%' | '^' | '=' | '<' | '>'
            | '@' | ':' => (TokenKind::Sign, 1),
            c => {
                let message = format!("PromQL has no character {}", c.escape_debug());
                return Err(stray(message, at, c.len_utf8()));
            }
        };
        let span = Span::new(at, at + length);
        match c {
            '(' | '[' | '{' if kind == TokenKind::Sign => open.push((c, span)),
            ')' | ']' | '}' => match (open.pop(), c) {
                (Some(('(', _)), ')') | (Some(('[', _)), ']') | (Some(('{', _)), '}') => {}
                (Some((other, _)), _) => {
                    return Err(stray(format!("`{c}` stands where `{other}` is still open"), at, 1));
                }
                (None, _) => return Err(stray(format!("`{c}` closes nothing"), at, 1)),
            },
            _ => {}
        }
        out.push(Token { kind, text: query.get(at..at + length).unwrap_or_default(), span });
        at += length;
    }
    match open.last() {
        Some((bracket, span)) => Err(Stray { message: format!("`{bracket}` is never closed"), span: *span }),
        None => Ok(out),
    }
}

fn stray(message: String, at: usize, length: usize) -> Stray {
    Stray { message, span: Span::new(at, at + length) }
}

/// Length of a text with its quotes; `None` where it has no end.
fn quoted(rest: &str, quote: char) -> Option<usize> {
    let mut chars = rest.char_indices().skip(1);
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' if quote != '`' => {
                chars.next();
            }
            '\n' if quote != '`' => return None,
            c if c == quote => return Some(at + 1),
            _ => {}
        }
    }
    None
}

/// Length of a number or a duration: `5m`, `1h30m`, `0x1f`, `1.5e-3`.
fn number(rest: &str) -> usize {
    let hex = rest.starts_with("0x") || rest.starts_with("0X");
    let mut before = '0';
    let end = rest.find(|c: char| {
        let exponent = matches!(c, '+' | '-') && matches!(before, 'e' | 'E') && !hex;
        before = c;
        !(c.is_ascii_alphanumeric() || c == '.' || c == '_' || exponent)
    });
    end.unwrap_or(rest.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(query: &str) -> Vec<&str> {
        tokens(query).unwrap().into_iter().map(|t| t.text).collect()
    }

    #[test]
    fn a_query_is_cut_where_promql_cuts_it() {
        assert_eq!(
            texts("sum by(le)(rate(a:b_c{x=~\"(]\",y!=''}[5m:30s])) >= -1e-3 # end )"),
            [
                "sum", "by", "(", "le", ")", "(", "rate", "(", "a:b_c", "{", "x", "=~", "\"(]\"", ",", "y",
                "!=", "''", "}", "[", "5m", ":", "30s", "]", ")", ")", ">=", "-", "1e-3"
            ]
        );
        assert_eq!(texts("a offset 1h30m @ .5 ^ 0x1F"), ["a", "offset", "1h30m", "@", ".5", "^", "0x1F"]);
    }

    #[test]
    fn what_does_not_fit_is_told_at_its_place() {
        for (query, at) in [
            ("sum(x", 3),
            ("sum(x]", 5),
            ("x)", 1),
            ("x{a=\"}", 4),
            ("x{a='\\'}", 4),
            ("x[$__interval]", 2),
            ("é", 0),
            ("(a[5m)", 5),
        ] {
            assert_eq!(tokens(query).unwrap_err().span.start, at, "{query}");
        }
    }
}
