//! `luascale rules`: the rules of `check`, those of the organisation among them. May import: everything.

use super::args::{Rules, RulesFormat};
use super::failure::{Failure, status};
use super::terminal::Terminal;
use super::{Outcome, organisation, rules_test};
use crate::report::pages;
use crate::worker::own_binary;

/// Runs the command.
pub fn run(args: &Rules, terminal: &Terminal) -> Outcome {
    if let Some(path) = &args.test {
        return rules_test::run(path, terminal);
    }
    let own = own()?;
    let text = match args.format {
        RulesFormat::Text => {
            pages::list(&own, terminal.watched().then(|| terminal.layout(false, false)).as_ref())
        }
        RulesFormat::Json => pages::json(&own),
        RulesFormat::Markdown => pages::markdown(&own),
    };
    terminal.print(&text, None)?;
    Ok(status::CLEAN)
}

/// The pages of the organisation's rules, for the configuration that is in force here.
pub fn own() -> Result<Vec<pages::Own>, Failure> {
    let binary =
        own_binary().map_err(|e| Failure::environment(format!("cannot find luascale's own binary: {e}")))?;
    let rules = organisation::here(&binary)?;
    Ok(rules.into_iter().map(|rule| pages::Own { page: organisation::page(&rule), rule }).collect())
}
