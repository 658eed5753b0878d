//! A small lexer of Luau: enough to find loops, `require`s and calls of `policy` in a text that
//! the VM's compiler judges. May import: nothing of this crate.

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A name or a keyword.
    Word,
    /// A number.
    Number,
    /// A text in quotes or long brackets, or the last piece of an interpolated one.
    Text,
    /// A piece of an interpolated text that ends with `{`.
    Open,
    /// A piece between `}` and `{`.
    Middle,
    /// An operator or a bracket.
    Mark,
}

/// A token and its bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Token<'a> {
    pub(super) kind: Kind,
    pub(super) text: &'a str,
    pub(super) start: usize,
}

/// Goes through the tokens of a text; ends at the first thing that is none.
pub(super) struct Lexer<'a> {
    text: &'a str,
    at: usize,
    /// Open brackets: `{` of a table, or `` ` `` of an interpolated text.
    braces: Vec<u8>,
}

impl<'a> Lexer<'a> {
    pub(super) fn new(text: &'a str) -> Lexer<'a> {
        Lexer { text, at: 0, braces: Vec::new() }
    }

    fn rest(&self) -> &'a [u8] {
        self.text.as_bytes().get(self.at..).unwrap_or_default()
    }

    /// Length of `[[…]]` or `[=[…]=]` at the start, where one is there; the whole rest where it
    /// does not end.
    fn long_bracket(rest: &[u8]) -> Option<usize> {
        let level = rest.get(1..)?.iter().take_while(|b| **b == b'=').count();
        if rest.first() != Some(&b'[') || rest.get(level + 1) != Some(&b'[') {
            return None;
        }
        let close = format!("]{}]", "=".repeat(level));
        let body = level + 2;
        let found = memchr::memmem::find(rest.get(body..)?, close.as_bytes());
        Some(found.map_or(rest.len(), |at| body + at + close.len()))
    }

    fn skip_blanks(&mut self) {
        loop {
            let rest = self.rest();
            match rest {
                [b' ' | b'\t' | b'\r' | b'\n' | 0x0b | 0x0c, ..] => self.at += 1,
                [b'-', b'-', comment @ ..] => {
                    let length = Lexer::long_bracket(comment)
                        .unwrap_or_else(|| memchr::memchr2(b'\n', b'\r', comment).unwrap_or(comment.len()));
                    self.at += 2 + length;
                }
                _ => return,
            }
        }
    }

    /// Length of an interpolated text's piece up to its `{` or `` ` ``, that mark included.
    fn piece(rest: &[u8]) -> (usize, u8) {
        let mut at = 0;
        while let Some(byte) = rest.get(at) {
            match byte {
                b'\\' => at += 2,
                b'`' | b'{' => return (at + 1, *byte),
                _ => at += 1,
            }
        }
        (rest.len(), b'`')
    }
}

impl<'a> Iterator for Lexer<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        self.skip_blanks();
        let rest = self.rest();
        let start = self.at;
        let (kind, length) = match rest {
            [] => return None,
            [b'a'..=b'z' | b'A'..=b'Z' | b'_', ..] => {
                let length = rest.iter().take_while(|b| b.is_ascii_alphanumeric() || **b == b'_').count();
                (Kind::Word, length)
            }
            [b'0'..=b'9', ..] | [b'.', b'0'..=b'9', ..] => {
                let mut length = 0;
                while let Some(byte) = rest.get(length) {
                    let exponent = matches!(byte, b'+' | b'-')
                        && matches!(rest.get(length.wrapping_sub(1)), Some(b'e' | b'E'))
                        && !rest.starts_with(b"0x");
                    let dots = *byte == b'.' && rest.get(length + 1) == Some(&b'.');
                    if dots || !(byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.') || exponent) {
                        break;
                    }
                    length += 1;
                }
                (Kind::Number, length)
            }
            [quote @ (b'"' | b'\''), ..] => {
                let mut length = 1;
                loop {
                    match rest.get(length) {
                        None => return None,
                        Some(b'\\') => length += 2,
                        Some(byte) if byte == quote => break,
                        Some(_) => length += 1,
                    }
                }
                (Kind::Text, length + 1)
            }
            [b'`', inside @ ..] => match Lexer::piece(inside) {
                (length, b'{') => {
                    self.braces.push(b'`');
                    (Kind::Open, length + 1)
                }
                (length, _) => (Kind::Text, length + 1),
            },
            [b'}', inside @ ..] if self.braces.last() == Some(&b'`') => match Lexer::piece(inside) {
                (length, b'{') => (Kind::Middle, length + 1),
                (length, _) => {
                    self.braces.pop();
                    (Kind::Text, length + 1)
                }
            },
            [b'[', ..] => match Lexer::long_bracket(rest) {
                Some(length) => (Kind::Text, length),
                None => (Kind::Mark, 1),
            },
            [b'{', ..] => {
                self.braces.push(b'{');
                (Kind::Mark, 1)
            }
            [b'}', ..] => {
                self.braces.pop();
                (Kind::Mark, 1)
            }
            _ => {
                let length = match (rest.first(), rest.get(1), rest.get(2)) {
                    (Some(b'.'), Some(b'.'), Some(b'.' | b'=')) => 3,
                    (Some(b'/'), Some(b'/'), Some(b'=')) => 3,
                    (Some(b'.' | b':' | b'/' | b'<' | b'>' | b'&' | b'|'), second, _)
                        if rest.first() == second =>
                    {
                        2
                    }
                    (Some(b'='), Some(b'='), _) | (Some(b'-'), Some(b'>'), _) => 2,
                    (Some(b'~' | b'<' | b'>' | b'+' | b'-' | b'*' | b'/' | b'%' | b'^'), Some(b'='), _) => 2,
                    _ => 1,
                };
                // A byte of a longer character: the compiler reports it.
                let length = if rest.first().is_some_and(|b| !b.is_ascii()) {
                    self.text.get(start..)?.chars().next()?.len_utf8()
                } else {
                    length
                };
                (Kind::Mark, length)
            }
        };
        self.at = (start + length).min(self.text.len());
        while !self.text.is_char_boundary(self.at) {
            self.at += 1;
        }
        Some(Token { kind, text: self.text.get(start..self.at)?, start })
    }
}

/// Whether a text calls the global `policy`: it then declares policies, else it is a script.
pub(super) fn calls_policy(text: &str) -> bool {
    if memchr::memmem::find(text.as_bytes(), b"policy").is_none() {
        return false;
    }
    let tokens: Vec<Token<'_>> = Lexer::new(text).collect();
    tokens.iter().enumerate().any(|(i, token)| {
        let before = i.checked_sub(1).and_then(|i| tokens.get(i)).map_or("", |t| t.text);
        let call = tokens.get(i + 1).is_some_and(|next| {
            matches!(next.kind, Kind::Text | Kind::Open) || matches!(next.text, "(" | "{")
        });
        token.kind == Kind::Word
            && token.text == "policy"
            && call
            && !matches!(before, "." | ":" | "function" | "local")
    })
}

/// Names of the modules that a text requires by a plain text: `require "lib.x"`, `require("lib.x")`.
pub fn requires(text: &str) -> Vec<String> {
    if memchr::memmem::find(text.as_bytes(), b"require").is_none() {
        return Vec::new();
    }
    requires_tokens(&Lexer::new(text).collect::<Vec<_>>())
}

/// As [`requires`], by the tokens of the text.
pub(super) fn requires_tokens(tokens: &[Token<'_>]) -> Vec<String> {
    let mut found = Vec::new();
    for (i, token) in tokens.iter().enumerate() {
        if token.kind != Kind::Word || token.text != "require" {
            continue;
        }
        let next = match tokens.get(i + 1) {
            Some(t) if t.text == "(" => tokens.get(i + 2),
            other => other,
        };
        if let Some(name) = next.filter(|t| t.kind == Kind::Text).map(|t| t.text) {
            let name = name.trim_start_matches(['[', '=']).trim_end_matches([']', '=']);
            found.push(name.trim_matches(['"', '\'', '`']).to_string());
        }
    }
    found
}
