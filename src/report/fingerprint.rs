//! What makes a finding the same finding in the next run. May import: nothing of this crate.
//!
//! GitHub tells alerts apart by `primaryLocationLineHash`: for each line the hash of the 100
//! UTF-16 units that begin there, blanks and tabs left out and every line end counted as one
//! `\n`, and how often that hash has come in the file. The algorithm is that of
//! `github/codeql-action` (src/fingerprints.ts); the tests hold its published values.

use std::collections::HashMap;

/// Units that are hashed from the beginning of a line on.
const BLOCK: usize = 100;

/// The factor of the rolling hash.
const FACTOR: u64 = 37;

/// The unit that stands for the end of the file.
const END: u16 = 65535;

/// The hash of every line of a text, in order.
pub fn line_hashes(text: &str) -> Vec<String> {
    let mut window = [0u16; BLOCK];
    let mut begins = [false; BLOCK];
    let first = (0..BLOCK).fold(1u64, |product, _| product.wrapping_mul(FACTOR));
    let (mut hash, mut at) = (0u64, 0);
    let mut counts: HashMap<u64, u32> = HashMap::new();
    let mut out = Vec::new();
    let mut step = |unit: u16, starts: bool, pushes: bool| {
        // The slot that is overwritten is the one whose block is complete.
        if std::mem::take(&mut begins[at]) {
            let count = counts.entry(hash).or_insert(0);
            *count += 1;
            out.push(format!("{hash:x}:{count}"));
        }
        if pushes {
            begins[at] = starts;
        }
        let before = std::mem::replace(&mut window[at], unit);
        hash = FACTOR
            .wrapping_mul(hash)
            .wrapping_add(u64::from(unit))
            .wrapping_sub(first.wrapping_mul(u64::from(before)));
        at = (at + 1) % BLOCK;
    };
    let (mut line_start, mut after_return) = (true, false);
    for unit in text.encode_utf16().chain([END]) {
        let skipped = unit == u16::from(b' ') || unit == u16::from(b'\t');
        if skipped || (after_return && unit == u16::from(b'\n')) {
            after_return = false;
            continue;
        }
        after_return = unit == u16::from(b'\r');
        let unit = if after_return { u16::from(b'\n') } else { unit };
        step(unit, line_start, true);
        line_start = unit == u16::from(b'\n');
    }
    for _ in 0..BLOCK {
        step(0, false, false);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::line_hashes;

    #[test]
    fn the_published_values_come_out() {
        let after = ["e9496ae3ebfced30:1", "fb7c023a8b9ccb3f:1", "ce8ba1a563dcdaca:1", "e20e36e16fcb0cc8:1"];
        let after: Vec<&str> = after
            .into_iter()
            .chain(["b3edc88f2938467e:1", "c8e28b0b4002a3a0:1", "c129715d7a2bc9a3:1"])
            .collect();
        let repeated = "Lorem ipsum dolor sit amet.\n".repeat(10);
        for (text, hashes) in [
            ("", vec!["c129715d7a2bc9a3:1"]),
            (
                " a\nb\n  \t\tc\n d",
                vec!["271789c17abda88f:1", "54703d4cd895b18:1", "180aee12dab6264:1", "a23a3dc5e078b07b:1"],
            ),
            (" hello; \t\nworld!!!\n\n\n  \t\tGreetings\n End\n", after.clone()),
            (" hello; \t\nworld!!!\r\r\r  \t\tGreetings\r End\r", after.clone()),
            (" hello; \t\r\nworld!!!\r\n\r\n\r\n  \t\tGreetings\r\n End\r\n", after.clone()),
            (" hello; \t\nworld!!!\r\n\n\r  \t\tGreetings\r End\r\n", after),
            (
                &repeated,
                vec![
                    "a7f2ff13bc495cf2:1",
                    "a7f2ff13bc495cf2:2",
                    "a7f2ff13bc495cf2:3",
                    "a7f2ff13bc495cf2:4",
                    "a7f2ff13bc495cf2:5",
                    "a7f2ff13bc495cf2:6",
                    "a7f2ff1481e87703:1",
                    "a9cf91f7bbf1862b:1",
                    "55ec222b86bcae53:1",
                    "cc97dc7b1d7d8f7b:1",
                    "c129715d7a2bc9a3:1",
                ],
            ),
        ] {
            assert_eq!(line_hashes(text), hashes, "{text:?}");
        }
    }
}
