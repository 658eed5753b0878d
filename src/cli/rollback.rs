//! `luascale rollback`: an earlier generation of a target, live again. May import: everything.

use super::Outcome;
use super::args::{Rollback, TextOrJson};
use super::delivery::{self, Delivery};
use super::failure::{Failure, status};
use super::targets::{self, Opened};
use super::terminal::Terminal;
use crate::change::chain::Did;
use crate::change::rollback::{holds, operations};
use crate::report::delivered::{self, Report};
use crate::target::{Error, Generation, Origin};
use std::collections::BTreeMap;

/// Runs the command.
pub fn run(args: &Rollback, terminal: &Terminal) -> Outcome {
    let opened = targets::configured(args.target.target.as_deref())?;
    let lost = matches!(opened.target.live(), Err(Error::Lost { .. })) && args.to.is_some();
    if lost {
        opened.target.forgo();
    }
    let (mut delivery, _) = Delivery::begin(&opened, &args.lock, terminal)?;
    let live = opened.target.live()?;
    let history = if live.serial == 0 { Vec::new() } else { opened.target.history()? };
    let to = match args.to.or_else(|| earlier(&history, live.serial)) {
        Some(to) => to,
        None => return Err(nothing_before(&opened, &history, live.serial)),
    };
    let wanted = opened.target.generation(to).map_err(|error| {
        let failure = match error {
            Error::Missing(_) => Failure::usage(error.to_string()),
            error => Failure::from(error),
        };
        let kept = opened.target.history().unwrap_or_default().into_iter().map(|g| g.serial);
        let whole = |serial: &u64| *serial != live.serial && opened.target.generation(*serial).is_ok();
        let whole: Vec<u64> = kept.filter(whole).collect();
        match whole.is_empty() {
            true => failure.hint("there is no generation to go back to"),
            false => failure.hint(format!("one can go back to {}", targets::ranges(&whole))),
        }
    })?;
    let operations = operations(&live, &wanted);
    let mut report = Report {
        target: opened.target.shown(),
        generation: live.serial,
        rollback_of: Some(to),
        is: Some(was(&history, to)).filter(|_| !operations.is_empty()),
        before: Some(live.serial).filter(|_| !lost),
        operations: operations.iter().map(Did::from).collect(),
        ..Report::default()
    };
    if !operations.is_empty() {
        let earlier = history.iter().find(|generation| generation.serial == to);
        let commits = earlier.map(Generation::commits).unwrap_or_default();
        let commit = earlier.and_then(|generation| generation.origin.commit.clone());
        // Who wrote what comes next is told from where each version came from, not from this run.
        let from = operations.iter().map(|o| (o.id.clone(), commits.get(&o.id).cloned().flatten())).collect();
        let origin = Origin {
            action: "rollback".into(),
            commit,
            actor: delivery::actor(),
            rollback_of: Some(to),
            // Going back to older policies does not bring older rules of approval back.
            governed: live.governed.clone(),
            ..Origin::default()
        };
        // What the one that is gone had is not known, so there is nothing to hold off.
        let hold = if lost { BTreeMap::new() } else { holds(&live, &operations) };
        report.held = operations.iter().map(|o| o.id.clone()).filter(|id| hold.contains_key(id)).collect();
        let done = delivery.deliver(origin, hold, from, operations, live.serial)?;
        report.generation = done.outcome.generation.serial;
        report.ledger = done.head;
    }
    let text = match args.format {
        TextOrJson::Text => delivered::text(&report),
        TextOrJson::Json => delivered::json(&report),
    };
    terminal.print(&text, None)?;
    if lost {
        terminal.say(&format!(
            "note: what generation {} had is not known, so nothing is held: the next apply makes live what git has",
            live.serial
        ));
    }
    Ok(status::CLEAN)
}

/// The generation that is gone back to where none is named: the nearest before the live one that
/// had other policies; after a rollback, before the one that it went back to. So each further
/// rollback goes further back, and none makes live again what was just rolled back from.
fn earlier(history: &[Generation], live: u64) -> Option<u64> {
    let now = history.iter().find(|generation| generation.serial == live)?;
    let at = was(history, live);
    let before = history.iter().rev().filter(|generation| generation.serial < at);
    before
        .into_iter()
        .find(|generation| generation.inventory != now.inventory)
        .map(|generation| generation.serial)
}

/// The generation whose policies another one has: that of a rollback is the one that it went back
/// to, and one that changed no policy is the one before it.
fn was(history: &[Generation], serial: u64) -> u64 {
    let find = |serial: u64| history.iter().find(|generation| generation.serial == serial);
    let mut at = serial;
    while let Some(generation) = find(at) {
        let same = |other: &u64| find(*other).is_some_and(|other| other.inventory == generation.inventory);
        let before = at.checked_sub(1).filter(same);
        match generation.origin.rollback_of.filter(|of| *of < at).or(before) {
            Some(of) => at = of,
            None => break,
        }
    }
    at
}

/// Says that there is no generation to go back to by itself.
fn nothing_before(opened: &Opened, history: &[Generation], live: u64) -> Failure {
    if live == 0 {
        return Failure::usage(format!("nothing was ever applied to {}", opened.target.shown()));
    }
    let others: Vec<u64> =
        history.iter().map(|generation| generation.serial).filter(|n| *n != live).collect();
    match was(history, live) {
        _ if others.is_empty() => Failure::usage("the live generation is the first one: there is none before it"),
        at => Failure::usage(format!(
            "generation {live} is what generation {at} was, and there is none before it that had other policies"
        ))
        .hint("luascale rollback --to N makes one live by its number")
        .hint(format!("kept: {}", targets::ranges(&others))),
    }
}
