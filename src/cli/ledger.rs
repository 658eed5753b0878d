//! `luascale ledger` and `luascale unlock`. May import: everything.

use super::args::{
    Ledger, LedgerArgs, LedgerCommand, LedgerShow, LedgerVerify, LockArgs, TextOrJson, Unlock,
};
use super::delivery::{self, Delivery};
use super::failure::{Failure, status};
use super::targets;
use super::terminal::Terminal;
use super::{Outcome, files};
use crate::ledger::{self, Anchor, Fault, Verdict};
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
struct Which {
    path: PathBuf,
    anchors: Vec<Anchor>,
    /// What is amiss where the file is not there, though something was applied.
    gone: Option<String>,
}

/// Finds a ledger. `needed`: it is an error where nothing was ever applied to a target.
fn which(args: &LedgerArgs, needed: bool) -> Result<Which, Failure> {
    if let Some(path) = &args.ledger {
        if !path.is_file() {
            return Err(Failure::usage(format!("there is no ledger {}", files::shown(path))));
        }
        return Ok(Which { path: path.clone(), anchors: Vec::new(), gone: None });
    }
    let opened = targets::configured(args.target.target.as_deref())?;
    let running = opened.target.journal()?.map(|journal| journal.id);
    let there = opened.ledger.exists();
    let mut anchors = Vec::new();
    let mut gone = None;
    for generation in opened.target.history()? {
        if let Some(head) = generation.ledger {
            anchors.push(Anchor::Seen(format!("generation {}", generation.serial), head));
        }
        // The line of one that did not come to its end is still to be written.
        if running.as_ref() != Some(&generation.run) {
            let serial = generation.serial;
            gone = (!there).then(|| format!("the ledger is gone, though generation {serial} was applied"));
            anchors.push(Anchor::Made(generation.serial, generation.run));
        }
    }
    if needed && !there && anchors.is_empty() && running.is_none() {
        return Err(Failure::usage(format!("nothing was ever applied to {}", opened.target.shown()))
            .hint("name the target with --target, or the ledger with --ledger FILE"));
    }
    Ok(Which { path: opened.ledger, anchors, gone })
}

fn verify(args: &LedgerVerify, terminal: &Terminal) -> Outcome {
    let wanted: Vec<String> = args.has.iter().map(|has| prefix(has)).collect::<Result<_, _>>()?;
    let Which { path, anchors, gone } = which(&args.which, true)?;
    let bytes = ledger::read(&path).map_err(Failure::environment)?;
    let mut verdict = match &gone {
        Some(what) => Verdict { head: None, faults: vec![Fault { line: 0, what: what.clone() }] },
        None => ledger::verify(&bytes, &anchors),
    };
    let lines = ledger::lines(&bytes);
    let last = lines.last().map_or(0, |line| line.line);
    for wanted in wanted.iter().filter(|_| gone.is_none()) {
        match lines.iter().filter(|line| line.digest.starts_with(wanted)).count() {
            1 => {}
            0 => {
                let what = format!("no line has the digest {wanted}: it was cut off, or replaced");
                verdict.faults.push(Fault { line: last, what });
            }
            several => {
                return Err(Failure::usage(format!(
                    "{several} lines have a digest that begins with {wanted}"
                ))
                .hint("give more of its digits"));
            }
        }
    }
    let text = match args.which.format {
        TextOrJson::Text => report::verified(&files::shown(&path), &verdict, terminal.width()),
        TextOrJson::Json => report::verified_json(&verdict),
    };
    terminal.print(&text, None)?;
    Ok(if verdict.faults.is_empty() { status::CLEAN } else { status::FINDINGS })
}

/// A digest, or its first digits, as lines have it.
fn prefix(given: &str) -> Result<String, Failure> {
    let hex = given.strip_prefix("sha256:").unwrap_or(given).to_ascii_lowercase();
    if !(8..=64).contains(&hex.len()) || !hex.bytes().all(|b| b.is_ascii_hexdigit()) {
        let given = files::shown_word(given.as_ref());
        return Err(Failure::usage(format!("--has {given}: this is no digest"))
            .hint("give the one that an apply printed, sha256: and 64 digits, or at least its first 8"));
    }
    Ok(format!("sha256:{hex}"))
}

fn show(args: &LedgerShow, terminal: &Terminal) -> Outcome {
    let named = args.which.target.target.as_deref().is_some_and(|target| target.contains(':'));
    let Which { path, gone, .. } = which(&args.which, named)?;
    if let Some(what) = gone {
        return Err(Failure::environment(format!("{}: {what}", files::shown(&path))));
    }
    let bytes = ledger::read(&path).map_err(Failure::environment)?;
    let verdict = ledger::verify(&bytes, &[]);
    let lines = ledger::lines(&bytes);
    let skipped = args.last.map_or(0, |last| lines.len().saturating_sub(last));
    let shown = lines.get(skipped..).unwrap_or_default();
    let text = match args.which.format {
        TextOrJson::Text => report::shown(shown, &terminal.layout(false, false)),
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
