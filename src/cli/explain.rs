//! `luascale explain`: a rule's page, for the terminal. May import: everything.

use super::args::Explain;
use super::failure::{Failure, status};
use super::terminal::Terminal;
use super::{Outcome, rules};
use crate::lint::rules::{RULES, rule};
use crate::model::finding::did_you_mean;
use crate::report::pages;

/// Runs the command.
pub fn run(args: &Explain, terminal: &Terminal) -> Outcome {
    let layout = terminal.layout(false, false);
    if let Some((rule, page)) = rule(&args.rule).and_then(|rule| Some((rule, rule.page()?))) {
        terminal.print(&pages::page(rule.id, page, &layout), None)?;
        return Ok(status::CLEAN);
    }
    let own = rules::own()?;
    if let Some(own) = own.iter().find(|own| own.rule.id == args.rule) {
        own.with(|page| terminal.print(&pages::page(&own.rule.id, page, &layout), None))?;
        return Ok(status::CLEAN);
    }
    let failure = Failure::usage(format!("no rule is named {}", args.rule));
    let known = RULES.iter().map(|rule| rule.id).chain(own.iter().map(|own| own.rule.id.as_str()));
    Err(match did_you_mean(&args.rule, known) {
        Some(near) => failure.hint(format!("did you mean {near}?")),
        None => failure.hint("`luascale rules` lists them"),
    })
}
