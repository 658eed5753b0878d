//! A small lexer: names, numbers, strings and operators with their places, for what must be
//! known before or beside a parse. It never fails; what is no token is passed over.
//!
//! May import: nothing of this crate.

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A name or a keyword.
    Word,
    /// A number.
    Number,
    /// A string, or a literal piece of an interpolated one.
    Text,
    /// Anything else.
    Sign,
}

/// A token: its kind, its text, and its bytes `start..start + text.len()`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Token<'a> {
    pub kind: Kind,
    pub text: &'a str,
    pub start: usize,
}

impl Token<'_> {
    pub fn end(&self) -> usize {
        self.start + self.text.len()
    }

    /// Whether it is this keyword or sign.
    pub fn is(&self, text: &str) -> bool {
        self.kind != Kind::Text && self.text == text
    }

    /// Whether it is a name, no keyword.
    pub fn is_name(&self) -> bool {
        self.kind == Kind::Word && !KEYWORDS.contains(&self.text)
    }
}

/// The keywords of Luau; `continue`, `type`, `export` and `const` are names.
pub(super) const KEYWORDS: [&str; 21] = [
    "and", "break", "do", "else", "elseif", "end", "false", "for", "function", "if", "in", "local", "nil",
    "not", "or", "repeat", "return", "then", "true", "until", "while",
];

/// All tokens of a text, comments and blanks left out.
pub(super) fn tokens(text: &str) -> Vec<Token<'_>> {
    tokens_and_comments(text).0
}

/// All tokens of a text, and the bytes of its comments.
pub(super) fn tokens_and_comments(text: &str) -> (Vec<Token<'_>>, Vec<(usize, usize)>) {
    let (out, comments, braces) = (Vec::new(), Vec::new(), Vec::new());
    Lexer { text, bytes: text.as_bytes(), at: 0, out, comments, braces }.run()
}

struct Lexer<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    out: Vec<Token<'a>>,
    comments: Vec<(usize, usize)>,
    /// For each open brace whether it belongs to an interpolated string.
    braces: Vec<bool>,
}

impl<'a> Lexer<'a> {
    fn run(mut self) -> (Vec<Token<'a>>, Vec<(usize, usize)>) {
        while let Some(byte) = self.byte(0) {
            let start = self.at;
            match byte {
                b if b.is_ascii_whitespace() || b == 0x0b => self.at += 1,
                b'-' if self.byte(1) == Some(b'-') => self.comment(),
                b'[' if self.long_bracket().is_some() => self.long_string(start),
                b'"' | b'\'' => self.string(byte),
                b'`' => {
                    self.at += 1;
                    self.interpolated(start);
                }
                b if b.is_ascii_alphabetic() || b == b'_' => {
                    self.skip(|b| b.is_ascii_alphanumeric() || b == b'_');
                    self.push(Kind::Word, start);
                }
                b if b.is_ascii_digit()
                    || (b == b'.' && self.byte(1).is_some_and(|b| b.is_ascii_digit())) =>
                {
                    self.number(start);
                }
                _ => self.sign(start),
            }
        }
        (self.out, self.comments)
    }

    fn byte(&self, ahead: usize) -> Option<u8> {
        self.bytes.get(self.at + ahead).copied()
    }

    fn skip(&mut self, while_: impl Fn(u8) -> bool) {
        while self.byte(0).is_some_and(&while_) {
            self.at += 1;
        }
    }

    fn push(&mut self, kind: Kind, start: usize) {
        // Tokens begin and end at ASCII bytes or whole characters, so the slice is there.
        if let Some(text) = self.text.get(start..self.at) {
            self.out.push(Token { kind, text, start });
        }
    }

    /// The number of `=` of a `[==[` here.
    fn long_bracket(&self) -> Option<usize> {
        let level = self.bytes.get(self.at + 1..)?.iter().take_while(|b| **b == b'=').count();
        (self.byte(level + 1) == Some(b'[')).then_some(level)
    }

    fn comment(&mut self) {
        let start = self.at;
        self.at += 2;
        if self.byte(0) == Some(b'[')
            && let Some(level) = self.long_bracket()
        {
            self.long(level);
        } else {
            // Luau ends a comment at a carriage return that stands alone, too.
            self.skip(|b| !matches!(b, b'\n' | b'\r'));
        }
        self.comments.push((start, self.at));
    }

    fn long_string(&mut self, start: usize) {
        if let Some(level) = self.long_bracket() {
            self.long(level);
        }
        self.push(Kind::Text, start);
    }

    /// Passes over a long bracket of a level; to the end where it is not closed.
    fn long(&mut self, level: usize) {
        let close = format!("]{}]", "=".repeat(level));
        let from = self.at + level + 2;
        let rest = self.bytes.get(from..).unwrap_or_default();
        self.at = match memchr::memmem::find(rest, close.as_bytes()) {
            Some(found) => from + found + close.len(),
            None => self.bytes.len(),
        };
    }

    fn string(&mut self, quote: u8) {
        let start = self.at;
        self.at += 1;
        while let Some(byte) = self.byte(0) {
            match byte {
                b'\\' if self.byte(1) == Some(b'z') => {
                    self.at += 2;
                    self.skip(|b| b.is_ascii_whitespace());
                }
                b'\\' => {
                    // A line may end after a backslash, in one byte or in two.
                    self.at += if self.byte(1) == Some(b'\r') && self.byte(2) == Some(b'\n') { 3 } else { 2 };
                }
                b'\n' => break,
                b if b == quote => {
                    self.at += 1;
                    break;
                }
                _ => self.at += 1,
            }
        }
        self.at = self.boundary(self.at);
        self.push(Kind::Text, start);
    }

    /// A piece of an interpolated string, up to `{` or the closing backtick.
    fn interpolated(&mut self, start: usize) {
        while let Some(byte) = self.byte(0) {
            match byte {
                b'\\' => self.at += 2,
                b'{' => {
                    self.push(Kind::Text, start);
                    let brace = self.at;
                    self.at += 1;
                    self.push(Kind::Sign, brace);
                    self.braces.push(true);
                    return;
                }
                b'`' => {
                    self.at += 1;
                    break;
                }
                b'\n' => break,
                _ => self.at += 1,
            }
        }
        self.at = self.boundary(self.at);
        self.push(Kind::Text, start);
    }

    /// A whole character's end at or after a byte.
    fn boundary(&self, mut at: usize) -> usize {
        at = at.min(self.bytes.len());
        while !self.text.is_char_boundary(at) {
            at += 1;
        }
        at
    }

    fn number(&mut self, start: usize) {
        let hex = self.byte(0) == Some(b'0') && matches!(self.byte(1), Some(b'x' | b'X'));
        while let Some(byte) = self.byte(0) {
            let exponent = !hex && matches!(byte, b'e' | b'E');
            if byte == b'.' && self.byte(1) == Some(b'.') {
                break;
            }
            if !(byte.is_ascii_alphanumeric() || byte == b'.' || byte == b'_') {
                break;
            }
            self.at += 1;
            if exponent && matches!(self.byte(0), Some(b'+' | b'-')) {
                self.at += 1;
            }
        }
        self.push(Kind::Number, start);
    }

    fn sign(&mut self, start: usize) {
        let long = match (self.byte(0), self.byte(1), self.byte(2)) {
            (Some(b'.'), Some(b'.'), Some(b'.' | b'=')) | (Some(b'/'), Some(b'/'), Some(b'=')) => 3,
            (Some(b'.' | b':' | b'/' | b'&' | b'|'), second, _) if self.byte(0) == second => 2,
            (Some(b'-'), Some(b'>'), _) => 2,
            (
                Some(b'=' | b'~' | b'!' | b'<' | b'>' | b'+' | b'-' | b'*' | b'/' | b'%' | b'^'),
                Some(b'='),
                _,
            ) => 2,
            (Some(byte), ..) if byte.is_ascii() => 1,
            _ => self.text.get(start..).and_then(|rest| rest.chars().next()).map_or(1, char::len_utf8),
        };
        self.at += long;
        self.push(Kind::Sign, start);
        match self.out.last().map(|t| t.text) {
            Some("{") => self.braces.push(false),
            Some("}") if self.braces.pop() == Some(true) => {
                let start = self.at;
                self.interpolated(start);
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str) -> Vec<&str> {
        tokens(text).iter().map(|t| t.text).collect()
    }

    #[test]
    fn tokens_are_cut_where_luau_cuts_them() {
        let cut = |text: &'static str| texts(text).join(" ");
        assert_eq!(cut("a..b 1..2 .5 1e-3 0xffz"), "a .. b 1 .. 2 .5 1e-3 0xffz");
        assert_eq!(cut("x//=2 ::l:: a~=b"), "x //= 2 :: l :: a ~= b");
        assert_eq!(cut("--[==[ ]] goto ]==] a -- goto\nb"), "a b");
        assert_eq!(cut("[=[ ]] ]=] .. \"a\\\"b\" '\\z\n x'"), "[=[ ]] ]=] .. \"a\\\"b\" '\\z\n x'");
    }

    #[test]
    fn interpolated_strings_are_pieces_around_expressions() {
        assert_eq!(
            texts("`a{ {1}[1] }b\\{` x"),
            ["`a", "{", "{", "1", "}", "[", "1", "]", "}", "b\\{`", "x"]
        );
    }

    #[test]
    fn an_open_string_ends_with_its_line() {
        assert_eq!(texts("\"abc\nx"), ["\"abc", "x"]);
        assert_eq!(texts("[[abc\nx"), ["[[abc\nx"]);
    }
}
