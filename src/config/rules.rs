//! Which files `lint: rules:` names. Pure: the names of the files there are come in, from a folder
//! or from a commit. May import: nothing of this crate.

use globset::GlobBuilder;

/// A pattern for files of rules.
///
/// # Errors
/// Why it is none.
pub fn pattern(written: &str) -> Result<globset::GlobMatcher, String> {
    let glob = GlobBuilder::new(written).literal_separator(true).build();
    glob.map(|glob| glob.compile_matcher()).map_err(|error| error.kind().to_string())
}

/// The files that a pattern names, in their order: those it matches, and the Lua files below a
/// folder that it names. Paths are relative to luascale.yaml, with `/`.
pub fn named<'a>(written: &str, files: &'a [String]) -> Vec<&'a str> {
    let Ok(glob) = pattern(written) else { return Vec::new() };
    let lua = |file: &str| file.ends_with(".lua") || file.ends_with(".luau");
    let below = |file: &str| file.strip_prefix(written).is_some_and(|rest| rest.starts_with('/'));
    let wanted = |file: &&String| lua(file) && (glob.is_match(file.as_str()) || below(file));
    files.iter().filter(wanted).map(String::as_str).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_names_files_and_a_folder_all_below_it() {
        let files: Vec<String> =
            ["rules/a.lua", "rules/a.md", "rules/deep/b.lua", "rulesets/c.lua", "web.lua"]
                .map(String::from)
                .into();
        for (written, expected) in [
            ("rules/*.lua", vec!["rules/a.lua"]),
            ("rules/**/*.lua", vec!["rules/a.lua", "rules/deep/b.lua"]),
            ("rules", vec!["rules/a.lua", "rules/deep/b.lua"]),
            ("rules/a.lua", vec!["rules/a.lua"]),
            ("rules/*", vec!["rules/a.lua"]),
            ("rule", vec![]),
        ] {
            assert_eq!(named(written, &files), expected, "{written}");
        }
        assert!(pattern("rules/[").is_err());
    }
}
