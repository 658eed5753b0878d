//! The numbers that a line has on both sides of a diff. May import nothing.

/// The number before the change of a line at the head that a diff shows and that is not changed;
/// none of what is added or not shown.
pub(super) fn old(diff: &str, line: u32) -> Option<u32> {
    let (mut before, mut after) = (0u32, 0u32);
    // Lines still to come of each side: a line may look like a header.
    let (mut left, mut right) = (0u32, 0u32);
    for text in diff.lines() {
        if left == 0 && right == 0 {
            let Some(header) = text.strip_prefix("@@ -").and_then(|rest| rest.split_once(" @@")) else {
                continue;
            };
            let (old, new) = header.0.split_once(" +")?;
            let range = |text: &str| -> Option<(u32, u32)> {
                let (start, lines) = text.split_once(',').unwrap_or((text, "1"));
                Some((start.parse().ok()?, lines.parse().ok()?))
            };
            ((before, left), (after, right)) = (range(old)?, range(new)?);
            continue;
        }
        match text.as_bytes().first() {
            Some(b'+') => {
                if after == line {
                    return None;
                }
                (after, right) = (after + 1, right.saturating_sub(1));
            }
            Some(b'-') => (before, left) = (before + 1, left.saturating_sub(1)),
            Some(b'\\') => {}
            _ => {
                if after == line {
                    return Some(before);
                }
                (before, after) = (before + 1, after + 1);
                (left, right) = (left.saturating_sub(1), right.saturating_sub(1));
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_stays_has_two_numbers() {
        let diff = "@@ -1,3 +1,4 @@ x\n a\n-b\n+B\n+b2\n c\n@@ -10,2 +11,2 @@\n x\n y\n";
        assert_eq!(
            [1, 2, 3, 4, 11, 12, 13].map(|line| old(diff, line)),
            [Some(1), None, None, Some(3), Some(10), Some(11), None]
        );
    }
}
