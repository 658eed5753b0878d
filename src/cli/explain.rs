//! `luascale explain`: a rule's page, for the terminal. May import: everything.

use super::Outcome;
use super::args::Explain;
use super::failure::{Failure, status};
use super::terminal::Terminal;
use crate::lint::rules::{RULES, rule};
use crate::model::finding::did_you_mean;
use crate::report::pages;

/// Runs the command.
pub fn run(args: &Explain, terminal: &Terminal) -> Outcome {
    let found = rule(&args.rule).and_then(|rule| Some((rule.id, rule.page()?)));
    let Some((id, page)) = found else {
        let failure = Failure::usage(format!("no rule is named {}", args.rule));
        return Err(match did_you_mean(&args.rule, RULES.iter().map(|rule| rule.id)) {
            Some(near) => failure.hint(format!("did you mean {near}?")),
            None => failure.hint("`luascale rules` lists them"),
        });
    };
    terminal.print(&pages::page(id, page, &terminal.layout(false, false)), None)?;
    Ok(status::CLEAN)
}
