//! The lines that a diff shows, read from a patch of a forge. May import: siblings.

/// A stretch of lines that a diff shows, at the head's side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hunk {
    /// The first line, from 1.
    pub start: u32,
    /// How many lines; none where only lines are removed.
    pub lines: u32,
    /// The lines that are added or changed.
    pub added: Vec<u32>,
}

/// The hunks of one file, in order.
pub type Hunks = Vec<Hunk>;

impl Hunk {
    /// Whether it shows all lines from one to another.
    pub fn shows(&self, from: u32, to: u32) -> bool {
        from >= self.start && to >= from && u64::from(to) < u64::from(self.start) + u64::from(self.lines)
    }
}

/// Reads a patch as forges give it for one file: hunks without the file's header lines. What is
/// no hunk gives none, so that no line is taken for shown that is not.
pub fn parse(patch: &str) -> Hunks {
    let mut hunks: Hunks = Vec::new();
    // Next line at the head's side, and how many lines of each side are still to come.
    let (mut at, mut before, mut after) = (0u32, 0u32, 0u32);
    for line in patch.split('\n') {
        let line = line.strip_suffix('\r').unwrap_or(line);
        if before == 0 && after == 0 {
            if let Some(((_, old), (start, new))) = header(line) {
                (at, before, after) = (start, old, new);
                hunks.push(Hunk { start, lines: new, added: Vec::new() });
            }
            continue;
        }
        let Some(hunk) = hunks.last_mut() else { break };
        match line.as_bytes().first() {
            Some(b'+') => {
                hunk.added.push(at);
                at = at.saturating_add(1);
                after = after.saturating_sub(1);
            }
            Some(b'-') => before = before.saturating_sub(1),
            // "\ No newline at end of file" is no line.
            Some(b'\\') => {}
            // A context line that is empty may have lost its blank.
            _ => {
                at = at.saturating_add(1);
                before = before.saturating_sub(1);
                after = after.saturating_sub(1);
            }
        }
    }
    hunks
}

/// The hunks between two texts, as a forge would show them: with three lines around.
pub fn between(before: &str, after: &str) -> Hunks {
    let diff = similar::TextDiff::from_lines(before, after);
    let number = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
    let hunk = |group: &Vec<similar::DiffOp>| {
        let (first, last) = (group.first()?.new_range(), group.last()?.new_range());
        let added = group
            .iter()
            .filter(|op| matches!(op.tag(), similar::DiffTag::Insert | similar::DiffTag::Replace))
            .flat_map(|op| op.new_range().map(|at| number(at + 1)));
        let lines = number(last.end.saturating_sub(first.start));
        Some(Hunk { start: number(first.start + 1), lines, added: added.collect() })
    };
    diff.grouped_ops(3).iter().filter_map(hunk).collect()
}

/// `@@ -3,7 +3,9 @@ …`: start and number of lines of both sides.
fn header(line: &str) -> Option<((u32, u32), (u32, u32))> {
    let (old, rest) = line.strip_prefix("@@ -")?.split_once(" +")?;
    let (new, _) = rest.split_once(" @@")?;
    let range = |text: &str| match text.split_once(',') {
        Some((start, lines)) => Some((start.parse().ok()?, lines.parse().ok()?)),
        None => Some((text.parse().ok()?, 1)),
    };
    Some((range(old)?, range(new)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_patch_shows_the_lines_of_the_head() {
        let patch = "@@ -1,3 +1,4 @@ policy\n a\n-b\n+B\n+b2\n c\n@@ -10,2 +11,1 @@\n x\n-y\n\\ No newline at end of file";
        let hunks = parse(patch);
        assert_eq!(hunks.len(), 2);
        assert_eq!(hunks[0], Hunk { start: 1, lines: 4, added: vec![2, 3] });
        assert_eq!(hunks[1], Hunk { start: 11, lines: 1, added: vec![] });
        assert!(hunks[0].shows(1, 4) && !hunks[0].shows(4, 5) && !hunks[0].shows(0, 1));
    }

    #[test]
    fn two_texts_have_the_hunks_that_a_patch_would_show() {
        let lines = |changed: &str| {
            (1..=20).map(|n| if n == 10 { changed.to_owned() } else { format!("{n}\n") }).collect::<String>()
        };
        assert_eq!(
            between(&lines("10\n"), &lines("x\ny\n")),
            [Hunk { start: 7, lines: 8, added: vec![10, 11] }]
        );
        assert_eq!(between(&lines("10\n"), &lines("")), [Hunk { start: 7, lines: 6, added: vec![] }]);
        assert_eq!(between("", "a\n"), [Hunk { start: 1, lines: 1, added: vec![1] }]);
        assert_eq!(between("a\n", "a\n"), []);
    }

    #[test]
    fn a_line_that_looks_like_a_header_is_a_line() {
        let hunks = parse("@@ -1,1 +1,3 @@\n a\n+@@ -9,9 +90,9 @@\n+b");
        assert_eq!(hunks, vec![Hunk { start: 1, lines: 3, added: vec![2, 3] }]);
        assert_eq!(parse("no patch"), vec![]);
        assert_eq!(parse("@@ -1 +1 @@\n-a\n+b"), vec![Hunk { start: 1, lines: 1, added: vec![1] }]);
        let removed = parse("@@ -5,2 +4,0 @@\n-a\n-b");
        assert!(!removed[0].shows(4, 4), "a hunk without lines shows none");
    }
}
