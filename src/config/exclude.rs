//! Which files `lint: exclude:` leaves out of a check. A pattern without `/` is the name of a file or a
//! folder anywhere below; one with `/` is a path from luascale.yaml's folder on. What is below a
//! folder that a pattern names is left out with it. Pure. May import: `text`, siblings.

use super::rules::pattern;
use crate::text::Spanned;
use globset::GlobMatcher;

/// Patterns, ready to be held against paths.
pub struct Excluding(Vec<(bool, GlobMatcher)>);

impl Excluding {
    /// The patterns of a configuration, which have been read and so are sound.
    pub fn new(written: &[Spanned<String>]) -> Excluding {
        let one = |text: &str| (text.contains('/'), pattern(text).ok());
        let all = written.iter().map(|written| one(&written.value));
        Excluding(all.filter_map(|(is_path, glob)| Some((is_path, glob?))).collect())
    }

    /// Which of the patterns name a file, by their place in the list. The path is from
    /// luascale.yaml's folder on, with `/`.
    pub fn matching(&self, path: &str) -> Vec<usize> {
        let ends = path.match_indices('/').map(|(at, _)| at).chain([path.len()]);
        let above: Vec<&str> = ends.filter_map(|end| path.get(..end)).collect();
        let names = |is_path: bool, glob: &GlobMatcher| {
            above.iter().any(|path| {
                let name = if is_path { path } else { path.rsplit('/').next().unwrap_or(path) };
                glob.is_match(name)
            })
        };
        let all = self.0.iter().enumerate();
        all.filter(|(_, (is_path, glob))| names(*is_path, glob)).map(|(at, _)| at).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::Span;

    #[test]
    fn a_name_is_met_anywhere_and_a_path_from_the_folder_on() {
        for (written, path, out) in [
            ("old", "old/web.lua", true),
            ("old", "team/old/deep/web.lua", true),
            ("old", "older/web.lua", false),
            ("old", "team/old.lua", false),
            ("old.lua", "team/old.lua", true),
            ("*_generated.lua", "a/web_generated.lua", true),
            ("team/old", "team/old/web.lua", true),
            ("team/old", "other/team/old/web.lua", false),
            ("team/*.lua", "team/web.lua", true),
            ("team/*.lua", "team/deep/web.lua", false),
            ("team/**/*.lua", "team/deep/web.lua", true),
            ("**/old", "a/b/old/web.lua", true),
            ("{a,b}/x.lua", "b/x.lua", true),
            ("*", "web.lua", true),
        ] {
            let excluding = Excluding::new(&[Spanned::new(written.to_owned(), Span::default())]);
            assert_eq!(!excluding.matching(path).is_empty(), out, "{written} {path}");
        }
    }
}
