//! Words of servers and to them: what one says, why one cannot be reached, a path on one. May
//! import: siblings.

use super::safe;

/// Characters kept of what a server says.
const SAID: usize = 300;

/// What a server says, as one short line that is safe to show wherever it goes.
pub fn said(text: &str) -> String {
    let line = safe(&text.split_whitespace().collect::<Vec<_>>().join(" "));
    match line.char_indices().nth(SAID) {
        None => line,
        Some((at, _)) => format!("{}…", line.get(..at).unwrap_or_default()),
    }
}

/// An error with what caused it, each said once.
pub fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    text
}

/// One segment of a path; what could lead elsewhere is encoded.
pub fn segment(text: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_');
    // A path's own dots would be taken for folders.
    let dots = matches!(text, "." | "..");
    text.bytes().fold(String::new(), |mut out, b| {
        if plain(b) && !dots {
            out.push(char::from(b))
        } else {
            out.push_str(&format!("%{b:02X}"))
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_lead_out_of_its_path() {
        for (name, encoded) in [
            ("web-1.a", "web-1.a"),
            ("../../secrets", "..%2F..%2Fsecrets"),
            ("..", "%2E%2E"),
            ("a?b", "a%3Fb"),
        ] {
            assert_eq!(segment(name), encoded);
        }
    }
}
