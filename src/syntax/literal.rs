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
    let bytes = text.as_bytes();
    let mut out: Vec<u8> = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        at += 1;
        if *byte != b'\\' {
            out.push(*byte);
            continue;
        }
        let Some(escape) = bytes.get(at) else { break };
        at += 1;
        match escape {
            b'a' => out.push(7),
            b'b' => out.push(8),
            b'f' => out.push(12),
            b'n' => out.push(b'\n'),
            b'r' => out.push(b'\r'),
            b't' => out.push(b'\t'),
            b'v' => out.push(11),
            b'z' => {
                while bytes.get(at).is_some_and(u8::is_ascii_whitespace) {
                    at += 1;
                }
            }
            b'\r' => {
                out.push(b'\n');
                at += usize::from(bytes.get(at) == Some(&b'\n'));
            }
            b'x' => {
                let digits = text.get(at..at + 2).and_then(|d| u8::from_str_radix(d, 16).ok());
                out.push(digits.unwrap_or(b'?'));
                at += 2;
            }
            b'u' if bytes.get(at) == Some(&b'{') => {
                let rest = text.get(at + 1..).unwrap_or_default();
                let digits = rest.split('}').next().unwrap_or_default();
                let code = u32::from_str_radix(digits, 16).ok().and_then(char::from_u32);
                let mut buffer = [0; 4];
                out.extend(code.unwrap_or('\u{fffd}').encode_utf8(&mut buffer).as_bytes());
                at += digits.len() + 2;
            }
            digit if digit.is_ascii_digit() => {
                let start = at - 1;
                let count = bytes.iter().skip(start).take(3).take_while(|b| b.is_ascii_digit()).count();
                let code = text.get(start..start + count).and_then(|d| d.parse::<u8>().ok());
                out.push(code.unwrap_or(b'?'));
                at = start + count;
            }
            other => out.push(*other),
        }
    }
    out
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
}
