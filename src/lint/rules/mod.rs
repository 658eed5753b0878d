//! All rules: identifier, page, and the function that looks. May import: `lint`'s own modules.
//!
//! The list is sorted by identifier; `tests/rules.rs` holds it against the folder `rules/`.

use super::Check;
use super::page::{self, Page};
use std::sync::OnceLock;

/// A rule.
pub struct Rule {
    /// Identifier in kebab case; it names the fault.
    pub id: &'static str,
    /// Its page, as it is written.
    pub text: &'static str,
    /// What it looks at, and how.
    pub check: Check,
    read: OnceLock<Option<Page<'static>>>,
}

impl Rule {
    const fn new(id: &'static str, text: &'static str, check: Check) -> Rule {
        Rule { id, text, check, read: OnceLock::new() }
    }

    /// Its page, read; `None` where the page is not sound, which a test keeps from happening.
    pub fn page(&self) -> Option<&Page<'static>> {
        self.read.get_or_init(|| page::parse(self.text).ok()).as_ref()
    }
}

/// A rule by its identifier.
pub fn rule(id: &str) -> Option<&'static Rule> {
    RULES.iter().find(|rule| rule.id == id)
}

macro_rules! rules {
    ($($id:literal $check:expr,)*) => {
        /// Every rule, sorted by identifier.
        pub static RULES: [Rule; [$($id),*].len()] = [
            $(Rule::new($id, include_str!(concat!("../../../rules/", $id, ".md")), $check),)*
        ];
    };
}

rules! {
    "bad-cron" Check::Elsewhere,
}
