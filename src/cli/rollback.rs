//! `luascale rollback`: an earlier generation of a target, live again. May import: everything.

use super::args::{Rollback, TextOrJson};
use super::delivery::{self, Delivery};
use super::failure::{Failure, status};
use super::terminal::Terminal;
use super::{Outcome, targets};
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
    let to = match args.to {
        Some(to) => to,
        None if live.serial > 1 => live.serial - 1,
        None => {
            let said = if live.serial == 0 {
                format!("nothing was ever applied to {}", opened.target.shown())
            } else {
                "the live generation is the first one: there is none before it".into()
            };
            return Err(Failure::usage(said));
        }
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
        operations: operations.iter().map(Did::from).collect(),
        ..Report::default()
    };
    if !operations.is_empty() {
        let earlier = opened.target.history()?.into_iter().find(|g| g.serial == to);
        let commits = earlier.as_ref().map(Generation::commits).unwrap_or_default();
        let commit = earlier.and_then(|generation| generation.origin.commit);
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
