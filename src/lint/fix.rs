//! Applies the fixes of findings: each whole or not at all, never over one another, and never
//! so that a file that parsed does no more. May import: `text`, `model`, `syntax`.

use crate::model::{Edit, Finding, Fix};
use crate::syntax;
use crate::text::Source;

/// What came of applying fixes.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Fixed {
    /// The sources that changed, with their new texts.
    pub sources: Vec<Source>,
    /// The edits that were made, in the order of sources and places.
    pub edits: Vec<Edit>,
    /// How many findings they cure.
    pub cured: usize,
    /// What fixes that would have broken a file were to do.
    pub dropped: Vec<String>,
}

/// Applies the fixes of findings to the sources that they are about; of fixes that touch one
/// another the first is made, and the others wait until the files were checked anew. Fixes that
/// may change what a file means are made where `unsafe_too` is set.
pub fn apply(sources: &[Source], findings: &[Finding], unsafe_too: bool) -> Fixed {
    let fits = |fix: &&Fix| {
        (fix.safe || unsafe_too)
            && !fix.edits.is_empty()
            && fix.edits.iter().all(|edit| sources.iter().any(|s| s.name == edit.source && inside(s, edit)))
    };
    let mut taken: Vec<&Fix> = Vec::new();
    for fix in findings.iter().filter_map(|f| f.fix.as_deref()).filter(fits) {
        let itself =
            fix.edits.iter().enumerate().any(|(i, a)| fix.edits.iter().skip(i + 1).any(|b| touch(a, b)));
        let others = || taken.iter().flat_map(|t| &t.edits).any(|a| fix.edits.iter().any(|b| touch(a, b)));
        if !itself && !others() {
            taken.push(fix);
        }
    }
    let mut dropped = Vec::new();
    if changed(sources, &taken).iter().any(|(before, after)| broken(before, after)) {
        // One of them breaks a file: they are tried one by one.
        let mut good: Vec<&Fix> = Vec::new();
        for fix in taken {
            good.push(fix);
            if changed(sources, &good).iter().any(|(before, after)| broken(before, after)) {
                good.pop();
                dropped.push(fix.title.clone());
            }
        }
        taken = good;
    }
    let mut edits: Vec<Edit> = taken.iter().flat_map(|fix| fix.edits.iter().cloned()).collect();
    edits.sort_by(|a, b| (&a.source, a.span).cmp(&(&b.source, b.span)));
    let sources = changed(sources, &taken).into_iter().map(|(_, after)| after).collect();
    Fixed { sources, edits, cured: taken.len(), dropped }
}

/// Whether an edit is of text that is there.
fn inside(source: &Source, edit: &Edit) -> bool {
    source.text.get(edit.span.start as usize..edit.span.end as usize).is_some()
}

/// Whether two edits overlap, or insert at one place.
fn touch(a: &Edit, b: &Edit) -> bool {
    let (x, y) = (a.span, b.span);
    let meet = if x.is_empty() || y.is_empty() {
        x.start <= y.end && y.start <= x.end
    } else {
        x.start < y.end && y.start < x.end
    };
    a.source == b.source && meet
}

/// The sources that fixes change, before and after.
fn changed<'a>(sources: &'a [Source], fixes: &[&Fix]) -> Vec<(&'a Source, Source)> {
    let mut out = Vec::new();
    for source in sources {
        let mut edits: Vec<&Edit> =
            fixes.iter().flat_map(|fix| &fix.edits).filter(|edit| edit.source == source.name).collect();
        if edits.is_empty() {
            continue;
        }
        edits.sort_by_key(|edit| std::cmp::Reverse(edit.span));
        let mut text = source.text.to_string();
        for edit in edits {
            text.replace_range(edit.span.start as usize..edit.span.end as usize, &edit.text);
        }
        out.push((source, Source::new(source.name.clone(), text)));
    }
    out
}

/// Whether a Lua file that parsed does no more.
fn broken(before: &Source, after: &Source) -> bool {
    let lua = before.name.ends_with(".lua") || before.name.ends_with(".luau");
    lua && syntax::parse(before).is_sound() && !syntax::parse(after).is_sound()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::Span;

    fn finding(edits: &[(usize, usize, &str)], safe: bool) -> Finding {
        let edit = |(start, end, text): &(usize, usize, &str)| Edit {
            source: "a.lua".into(),
            span: Span::new(*start, *end),
            text: (*text).into(),
        };
        let edits = edits.iter().map(edit).collect();
        Finding::warning("x", "x").fix(Fix { title: "t".into(), safe, edits })
    }

    fn fixed(text: &str, findings: &[Finding], unsafe_too: bool) -> (String, usize) {
        let source = Source::new("a.lua", text);
        let fixed = apply(std::slice::from_ref(&source), findings, unsafe_too);
        (fixed.sources.first().unwrap_or(&source).text.to_string(), fixed.cured)
    }

    #[test]
    fn fixes_are_made_whole_and_not_over_one_another() {
        let text = "local a = 1\nlocal b = 2\n";
        let first = finding(&[(6, 7, "x"), (10, 11, "9")], true);
        let over = finding(&[(10, 11, "8")], true);
        let second = finding(&[(18, 19, "y")], true);
        let all = [first, over, second];
        assert_eq!(fixed(text, &all, false), ("local x = 9\nlocal y = 2\n".into(), 2));
    }

    #[test]
    fn two_insertions_at_one_place_are_not_made_in_one_pass() {
        let all = [finding(&[(0, 0, "-- a\n")], true), finding(&[(0, 0, "-- b\n")], true)];
        assert_eq!(fixed("return 1\n", &all, false), ("-- a\nreturn 1\n".into(), 1));
    }

    #[test]
    fn unsafe_fixes_need_leave_and_what_breaks_the_file_is_dropped_alone() {
        let text = "local a = 1\nlocal b = 2\n";
        let risky = finding(&[(10, 11, "3")], false);
        assert_eq!(fixed(text, std::slice::from_ref(&risky), false), (text.into(), 0));
        assert_eq!(fixed(text, &[risky], true).1, 1);
        let breaks = finding(&[(6, 7, "=")], true);
        let fine = finding(&[(18, 19, "y")], true);
        assert_eq!(fixed(text, &[breaks, fine], false), ("local a = 1\nlocal y = 2\n".into(), 1));
    }

    #[test]
    fn edits_outside_the_text_or_inside_a_character_are_left_out() {
        let all = [finding(&[(5, 99, "")], true), finding(&[(7, 7, "x")], true)];
        assert_eq!(fixed("local ü = 1\n", &all, true), ("local ü = 1\n".into(), 0));
    }
}
