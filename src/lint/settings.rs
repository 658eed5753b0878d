//! Which rules are wanted, and which findings fail a check. May import: `model`.

use super::rules::{RULES, Rule, rule};
use crate::model::finding::did_you_mean;
use crate::model::organisation::FAMILY;
use crate::model::{Finding, Level};
use serde::{Deserialize, Serialize};

/// The rules that are to look. The others would look for nothing: what they found would not be told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wanted(
    /// One for each of [`RULES`].
    Vec<bool>,
);

impl Wanted {
    /// All rules.
    pub fn all() -> Wanted {
        Wanted(vec![true; RULES.len()])
    }

    /// Those that any of these settings want.
    pub fn by<'a>(settings: impl IntoIterator<Item = &'a Settings> + Clone) -> Wanted {
        let wants = |rule: &Rule| settings.clone().into_iter().any(|settings| settings.wants(rule.id));
        Wanted(RULES.iter().map(wants).collect())
    }

    /// The rules that are wanted.
    pub fn rules(&self) -> impl Iterator<Item = &'static Rule> {
        RULES.iter().zip(&self.0).filter_map(|(rule, wanted)| wanted.then_some(rule))
    }
}

/// What a configuration or a command line asks of the linter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Rules and tags (`dynamics`) to run, or `all`; empty means all.
    pub select: Vec<String>,
    /// Rules and tags not to run.
    pub ignore: Vec<String>,
    /// From which level on a finding fails the check; `None`: no finding does.
    pub fail_on: Option<Level>,
    /// Names of the organisation's own rules; their family is [`FAMILY`].
    pub own: Vec<String>,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings { select: Vec::new(), ignore: Vec::new(), fail_on: Some(Level::Warning), own: Vec::new() }
    }
}

impl Settings {
    /// Whether a rule is wanted. A rule's own name says more than a tag; where both lists say the
    /// same much, it is not.
    pub fn wants(&self, id: &str) -> bool {
        let own = self.own.iter().any(|own| own == id);
        let tags = match rule(id).and_then(|rule| rule.page()) {
            Some(page) => &page.tags[..],
            None if own => &[FAMILY],
            None => &[],
        };
        let named = |list: &[String]| list.iter().any(|name| name == id);
        let tagged = |list: &[String]| list.iter().any(|name| name == "all" || tags.contains(&name.as_str()));
        if named(&self.ignore) {
            false
        } else if named(&self.select) {
            true
        } else {
            !tagged(&self.ignore) && (self.select.is_empty() || tagged(&self.select))
        }
    }

    /// Whether a finding fails the check.
    pub fn fails(&self, finding: &Finding) -> bool {
        self.fail_on.is_some_and(|level| finding.level >= level)
    }
}

/// What to write instead of a name that is neither that of a rule nor a tag; `None` where it is
/// one. `own` are the names of the organisation's own rules.
pub fn unknown(name: &str, own: &[String]) -> Option<String> {
    let tags = || RULES.iter().filter_map(|rule| rule.page()).flat_map(|page| page.tags.iter().copied());
    let own = || own.iter().map(String::as_str);
    let known = || RULES.iter().map(|rule| rule.id).chain(own()).chain(tags()).chain(["all", FAMILY]);
    if known().any(|k| k == name) {
        return None;
    }
    Some(match did_you_mean(name, known()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "`luascale rules` lists the rules and their families".into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wants(select: &[&str], ignore: &[&str]) -> (bool, bool) {
        let owned = |list: &[&str]| list.iter().map(ToString::to_string).collect();
        let settings = Settings { select: owned(select), ignore: owned(ignore), ..Settings::default() };
        (settings.wants("bad-cron"), settings.wants("duplicate-key"))
    }

    #[test]
    fn a_rule_s_name_says_more_than_its_family() {
        assert_eq!(wants(&[], &[]), (true, true));
        assert_eq!(wants(&["model"], &[]), (true, false));
        assert_eq!(wants(&["all"], &["bad-cron"]), (false, true));
        assert_eq!(wants(&["bad-cron"], &["model"]), (true, false));
        assert_eq!(wants(&[], &["model"]), (false, true));
        assert_eq!(wants(&["model"], &["model"]), (false, false));
    }

    #[test]
    fn unknown_names_are_told_the_nearest() {
        let own = ["silent-ceiling".to_owned()];
        let unknown = |name| unknown(name, &own);
        for known in ["bad-cron", "model", "all", "silent-ceiling", "organisation"] {
            assert_eq!(unknown(known), None, "{known}");
        }
        assert!(unknown("bad-corn").unwrap().contains("bad-cron"));
        assert!(unknown("silent-ceilin").unwrap().contains("silent-ceiling"));
        assert!(unknown("xyzzyx").unwrap().contains("luascale rules"));
    }

    #[test]
    fn an_organisation_s_rules_are_a_family() {
        let settings = |ignore: &str| Settings {
            ignore: vec![ignore.to_owned()],
            own: vec!["silent-ceiling".to_owned()],
            ..Settings::default()
        };
        assert!(settings("model").wants("silent-ceiling"));
        assert!(!settings("organisation").wants("silent-ceiling"));
        assert!(!settings("silent-ceiling").wants("silent-ceiling"));
        assert!(settings("organisation").wants("bad-cron"));
    }
}
