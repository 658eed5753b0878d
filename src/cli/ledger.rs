//! `luascale ledger` and `luascale unlock`. May import: everything.

use super::args::{
    Ledger, LedgerArgs, LedgerCommand, LedgerShow, LedgerVerify, LockArgs, TextOrJson, Unlock,
};
use super::delivery::{self, Delivery};
use super::failure::{Failure, status};
use super::targets;
use super::terminal::Terminal;
use super::{Outcome, files};
use crate::ledger::{self, Anchor, Fault};
use crate::report::ledger as report;
use crate::target::Error;
use std::path::PathBuf;

/// Runs `ledger`.
pub fn run(args: &Ledger, terminal: &Terminal) -> Outcome {
    match &args.command {
        LedgerCommand::Verify(args) => verify(args, terminal),
        LedgerCommand::Show(args) => show(args, terminal),
    }
}

/// A ledger's path, and what its target knows of it.
fn which(args: &LedgerArgs) -> Result<(PathBuf, Vec<Anchor>), Failure> {
    if let Some(path) = &args.ledger {
        if !path.is_file() {
            return Err(Failure::usage(format!("there is no ledger {}", files::shown(path))));
        }
        return Ok((path.clone(), Vec::new()));
    }
    let opened = targets::configured(args.target.target.as_deref())?;
    let running = opened.target.journal()?.map(|journal| journal.id);
    let mut anchors = Vec::new();
    for generation in opened.target.history()? {
        if let Some(head) = generation.ledger {
            anchors.push(Anchor::Seen(format!("generation {}", generation.serial), head));
        }
        // The line of one that did not come to its end is still to be written.
        if running.as_ref() != Some(&generation.run) {
            anchors.push(Anchor::Made(generation.serial, generation.run));
        }
    }
    Ok((opened.ledger, anchors))
}

fn verify(args: &LedgerVerify, terminal: &Terminal) -> Outcome {
    let (path, anchors) = which(&args.which)?;
    let bytes = ledger::read(&path).map_err(Failure::environment)?;
    let mut verdict = ledger::verify(&bytes, &anchors);
    let lines = ledger::lines(&bytes);
    let last = lines.last().map_or(0, |line| line.line);
    for wanted in &args.has {
        if !lines.iter().any(|line| line.digest == *wanted) {
            let what = format!("no line has the digest {wanted}: it was cut off, or replaced");
            verdict.faults.push(Fault { line: last, what });
        }
    }
    let text = match args.which.format {
        TextOrJson::Text => report::verified(&files::shown(&path), &verdict, terminal.width()),
        TextOrJson::Json => report::verified_json(&verdict),
    };
    terminal.print(&text, None)?;
    Ok(if verdict.faults.is_empty() { status::CLEAN } else { status::FINDINGS })
}

fn show(args: &LedgerShow, terminal: &Terminal) -> Outcome {
    let (path, _) = which(&args.which)?;
    let bytes = ledger::read(&path).map_err(Failure::environment)?;
    let verdict = ledger::verify(&bytes, &[]);
    let lines = ledger::lines(&bytes);
    let skipped = args.last.map_or(0, |last| lines.len().saturating_sub(last));
    let shown = lines.get(skipped..).unwrap_or_default();
    let text = match args.which.format {
        TextOrJson::Text => report::shown(shown),
        TextOrJson::Json => report::shown_json(shown),
    };
    terminal.print(&text, None)?;
    if let Some(fault) = verdict.faults.first() {
        terminal.say(&format!("warning: line {}: {} (luascale ledger verify)", fault.line, fault.what));
    }
    Ok(status::CLEAN)
}

/// Runs `unlock`.
pub fn unlock(args: &Unlock, terminal: &Terminal) -> Outcome {
    let opened = targets::configured(args.target.target.as_deref())?;
    let target = opened.target.identity().clone();
    let mut done = false;
    match opened.target.unlock(&args.id) {
        Ok(lock) => {
            terminal.say(&format!("took the lock {} away from {}", lock.id, lock.holder));
            delivery::note(&opened, "unlock", target, &lock.id, Vec::new())?;
            done = true;
        }
        Err(Error::Unlocked(_)) => {}
        Err(error) => return Err(error.into()),
    }
    let journal = opened.target.journal()?.filter(|journal| journal.id == args.id);
    match journal {
        Some(journal) if args.abandon => {
            let delivery = Delivery::locked(&opened, &LockArgs { lock_timeout: 0 }, terminal)?;
            delivery.abandon(&journal)?;
            terminal.say(&format!("gave up what the run {} had begun; see `luascale drift`", journal.id));
            done = true;
        }
        Some(_) if !done => {
            return Err(Failure::usage(format!(
                "no lock has the id {}; that run did not come to its end",
                args.id
            ))
            .hint("run `luascale apply` to finish it, or give --abandon to leave it as it is"));
        }
        Some(_) => terminal.say("what it had begun is finished by the next apply; --abandon gives it up"),
        None => {}
    }
    if done {
        return Ok(status::CLEAN);
    }
    let failure = Failure::usage(format!("no lock has the id {}", args.id));
    Err(match opened.target.holder()? {
        Some(lock) => failure.hint(format!("{} holds the lock {}", lock.holder, lock.id)),
        None => failure.hint("nobody holds the lock"),
    })
}
