//! Values of literals as Luau reads them. May import: nothing of this crate.

/// The value of a number: decimal, `0x` or `0b`, with `_` between digits.
pub fn number(text: &str) -> Option<f64> {
    let text: String = text.chars().filter(|c| *c != '_').collect();
    let lower = text.to_ascii_lowercase();
    let radix = |digits: &str, radix: u32| {
        let valid = !digits.is_empty() && digits.chars().all(|c| c.is_digit(radix));
        valid.then(|| {
            digits
                .chars()
                .filter_map(|c| c.to_digit(radix))
                .fold(0.0, |n, d| n * f64::from(radix) + f64::from(d))
        })
    };
    match lower.get(..2) {
        Some("0x") => radix(lower.get(2..)?, 16),
        Some("0b") => radix(lower.get(2..)?, 2),
        _ => text.parse().ok(),
    }
}

/// The bytes of what stands between quotes, which need make no characters.
pub fn bytes(text: &str) -> Vec<u8> {
    unescaped(text).bytes
}

/// A text's value byte by byte, and where in what was written each byte comes from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Mapped {
    /// The value.
    pub bytes: Vec<u8>,
    /// For each byte of the value, and for its end, the byte where it is written.
    pub from: Vec<u32>,
}

impl Mapped {
    fn push(&mut self, byte: u8, at: usize) {
        self.bytes.push(byte);
        self.from.push(u32::try_from(at).unwrap_or(u32::MAX));
    }

    fn end(mut self, at: usize) -> Mapped {
        self.from.push(u32::try_from(at).unwrap_or(u32::MAX));
        self
    }
}

/// A whole literal with its quotes or long brackets, mapped; `None` where the text is more or
/// less than one literal.
pub fn mapped(text: &str) -> Option<Mapped> {
    let bytes = text.as_bytes();
    if let Some(rest) = text.strip_prefix('[') {
        let level = rest.bytes().take_while(|b| *b == b'=').count();
        let open = level + 2;
        let (begin, close) = (text.get(..open)?, format!("]{}]", "=".repeat(level)));
        let body = text.get(open..)?.strip_suffix(close.as_str())?;
        if !begin.ends_with('[') || body.contains(close.as_str()) {
            return None;
        }
        let end = open + body.len();
        // The first end of line is left out, and every other is one byte.
        let first = if body.starts_with("\r\n") { 2 } else { usize::from(body.starts_with('\n')) };
        let mut out = Mapped::default();
        for at in open + first..end {
            if bytes.get(at) == Some(&b'\r') && bytes.get(at + 1) == Some(&b'\n') && at + 1 < end {
                continue;
            }
            out.push(*bytes.get(at)?, at);
        }
        return Some(out.end(end));
    }
    let quote = text.chars().next().filter(|c| matches!(c, '"' | '\'' | '`'))?;
    let body = text.get(1..)?.strip_suffix(quote)?;
    let mut escaped = false;
    for c in body.chars() {
        // A quote in the middle ends the text, and `{` begins a value in a text with backticks.
        if !escaped && (c == quote || (quote == '`' && c == '{')) {
            return None;
        }
        escaped = !escaped && c == '\\';
    }
    let mut out = if escaped { return None } else { unescaped(body) };
    out.from.iter_mut().for_each(|at| *at += 1);
    Some(out)
}

/// What stands between quotes, its escapes resolved.
fn unescaped(text: &str) -> Mapped {
    let bytes = text.as_bytes();
    let mut out = Mapped::default();
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let start = at;
        at += 1;
        if *byte != b'\\' {
            out.push(*byte, start);
            continue;
        }
        let Some(escape) = bytes.get(at) else { break };
        at += 1;
        match escape {
            b'a' => out.push(7, start),
            b'b' => out.push(8, start),
            b'f' => out.push(12, start),
            b'n' => out.push(b'\n', start),
            b'r' => out.push(b'\r', start),
            b't' => out.push(b'\t', start),
            b'v' => out.push(11, start),
            b'z' => {
                while bytes.get(at).is_some_and(u8::is_ascii_whitespace) {
                    at += 1;
                }
            }
            b'\r' => {
                out.push(b'\n', start);
                at += usize::from(bytes.get(at) == Some(&b'\n'));
            }
            b'x' => {
                let digits = text.get(at..at + 2).and_then(|d| u8::from_str_radix(d, 16).ok());
                out.push(digits.unwrap_or(b'?'), start);
                at += 2;
            }
            b'u' if bytes.get(at) == Some(&b'{') => {
                let rest = text.get(at + 1..).unwrap_or_default();
                let digits = rest.split('}').next().unwrap_or_default();
                let code = u32::from_str_radix(digits, 16).ok().and_then(char::from_u32);
                let mut buffer = [0; 4];
                for byte in code.unwrap_or('\u{fffd}').encode_utf8(&mut buffer).bytes() {
                    out.push(byte, start);
                }
                at += digits.len() + 2;
            }
            digit if digit.is_ascii_digit() => {
                let count = bytes.iter().skip(start + 1).take(3).take_while(|b| b.is_ascii_digit()).count();
                let code = text.get(start + 1..start + 1 + count).and_then(|d| d.parse::<u8>().ok());
                out.push(code.unwrap_or(b'?'), start);
                at = start + 1 + count;
            }
            other => out.push(*other, start),
        }
    }
    out.end(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_strings_read_as_in_luau() {
        for (text, value) in
            [("1", 1.0), (".5", 0.5), ("1e-3", 0.001), ("0xFF", 255.0), ("0b101", 5.0), ("1_000", 1000.0)]
        {
            assert_eq!(number(text), Some(value), "{text}");
        }
        assert_eq!(number("1x"), None);
        let read = |text| String::from_utf8_lossy(&bytes(text)).into_owned();
        assert_eq!(read(r#"a\n\"\x41\u{e9}\65\z   b\\"#), "a\n\"AéAb\\");
        assert_ne!(bytes("\\x90"), bytes("\\x91"));
        assert_eq!(read("é\\"), "é");
        assert_eq!(read("\\x4é"), read("\\x4é"));
    }

    #[test]
    fn a_literal_s_bytes_know_where_they_are_written() {
        for literal in [
            "[[sum(x)]]",
            "[==[\r\na\r\nb]]c\n]==]",
            "[[\nx]]",
            r#""a\"b\x41\u{e9}\65\z   b\n""#,
            r"'it\'s'",
            "`a`",
            "\"\"",
            "[[]]",
        ] {
            let mapped = mapped(literal).unwrap_or_else(|| panic!("{literal}"));
            assert_eq!(mapped.from.len(), mapped.bytes.len() + 1, "{literal}");
            for (byte, at) in mapped.bytes.iter().zip(&mapped.from) {
                let written = literal.as_bytes()[*at as usize];
                assert!(written == *byte || written == b'\\', "{literal}: {} at {at}", *byte as char);
            }
        }
        let long = mapped("[==[\r\na\r\nb]==]").unwrap();
        assert_eq!(
            (long.bytes.as_slice(), long.from.as_slice()),
            (b"a\nb".as_slice(), [6, 8, 9, 10].as_slice())
        );
        let short = mapped(r#""\"x""#).unwrap();
        assert_eq!(
            (short.bytes.as_slice(), short.from.as_slice()),
            (b"\"x".as_slice(), [1, 3, 4].as_slice())
        );
        for no in [r#""a" .. "b""#, "x", "`{y}`", "[[a]] .. [[b]]", r#""a\""#, "[=[a]]", "[x]", "\"", ""] {
            assert_eq!(mapped(no), None, "{no}");
        }
    }
}
