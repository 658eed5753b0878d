//! `luascale rules`: the rules of `check`. May import: everything.

use super::Outcome;
use super::args::{Rules, RulesFormat};
use super::failure::status;
use super::terminal::Terminal;
use crate::report::pages;

/// Runs the command.
pub fn run(args: &Rules, terminal: &Terminal) -> Outcome {
    let text = match args.format {
        RulesFormat::Text => pages::list(&terminal.layout(false, false)),
        RulesFormat::Json => pages::json(),
        RulesFormat::Markdown => pages::markdown(),
    };
    terminal.print(&text, None)?;
    Ok(status::CLEAN)
}
