//! What every change of a target has around it: the lock, what an earlier run left, signals, the
//! ledger. May import: everything.

#![expect(clippy::disallowed_methods, reason = "the clock, and who runs the command, come in here")]

use super::args::LockArgs;
use super::failure::Failure;
use super::targets::Opened;
use super::terminal::Terminal;
use crate::ledger::{self, Did, Entry};
use crate::model::{Duration, Time};
use crate::target::perform::World;
use crate::target::{
    Claim, Error, Generation, Head, Hold, Identity, Interrupted, Journal, Lock, Operation, Origin, Outcome,
    Target, perform,
};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::hash::{BuildHasher, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// How long a lock lasts without a sign of life.
const TTL: Duration = Duration::from_secs(60);

/// How often a lock that somebody holds is asked for.
const PAUSE: std::time::Duration = std::time::Duration::from_millis(200);

/// A target that is locked for this run; given back when this is dropped.
pub struct Delivery<'a> {
    opened: &'a Opened,
    terminal: &'a Terminal,
    run: String,
    lock: Lock,
    stop: Arc<AtomicBool>,
}

/// What came of a change.
pub struct Delivered {
    /// The generation and how much was done for it.
    pub outcome: Outcome,
    /// Where the ledger ends now.
    pub head: Option<Head>,
}

impl<'a> Delivery<'a> {
    /// Locks the target, and finishes what an earlier run had begun.
    ///
    /// # Errors
    /// Where somebody else holds the lock, or what was begun cannot be finished.
    pub fn begin(
        opened: &'a Opened,
        args: &LockArgs,
        terminal: &'a Terminal,
    ) -> Result<(Delivery<'a>, Option<Delivered>), Failure> {
        let mut delivery = Delivery::locked(opened, args, terminal)?;
        let Some(journal) = opened.target.journal()? else { return Ok((delivery, None)) };
        terminal.say(&format!(
            "the run {} of {} did not come to its end; finishing it first",
            journal.id, journal.origin.actor
        ));
        let resumed = delivery.perform(&journal, true).map_err(|failure| {
            failure.hint(format!("or leave it as it is: luascale unlock --id {} --abandon", journal.id))
        })?;
        Ok((delivery, Some(resumed)))
    }

    /// Locks the target, and leaves a journal where it is.
    ///
    /// # Errors
    /// Where somebody else holds the lock.
    pub fn locked(
        opened: &'a Opened,
        args: &LockArgs,
        terminal: &'a Terminal,
    ) -> Result<Delivery<'a>, Failure> {
        let stop = Arc::new(AtomicBool::new(false));
        heed(&stop)?;
        let run = id();
        let claim = Claim { id: run.clone(), holder: actor(), host: host(), ttl: TTL };
        let begun = std::time::Instant::now();
        let lock = loop {
            match opened.target.lock(&claim, now()) {
                Ok(lock) => break lock,
                Err(Error::Locked(_)) if begun.elapsed().as_millis() < u128::from(args.lock_timeout) => {
                    std::thread::sleep(PAUSE);
                }
                Err(error) => return Err(error.into()),
            }
        };
        Ok(Delivery { opened, terminal, run, lock, stop })
    }

    /// Does some operations as this run, and writes them down; `from` says of policies that do not
    /// come from the commit of the origin where they come from.
    ///
    /// # Errors
    /// Where the target failed or somebody asked for a stop; the next run finishes it.
    pub fn deliver(
        &mut self,
        origin: Origin,
        hold: BTreeMap<String, Hold>,
        from: BTreeMap<String, Option<String>>,
        operations: Vec<Operation>,
        serial: u64,
    ) -> Result<Delivered, Failure> {
        let bytes = ledger::read(&self.opened.ledger).map_err(Failure::environment)?;
        let verdict = ledger::verify(&bytes, &[]);
        if let Some(fault) = verdict.faults.first() {
            self.terminal.say(&format!(
                "warning: the ledger is damaged at line {}: {} (luascale ledger verify)",
                fault.line, fault.what
            ));
        }
        let journal = Journal {
            id: self.run.clone(),
            serial,
            started: now(),
            origin,
            hold,
            from,
            ledger: ledger::head(&bytes),
            operations,
        };
        self.perform(&journal, false)
    }

    /// Gives up what an earlier run had begun: its journal goes, what it did stays.
    ///
    /// # Errors
    /// Where the target or the ledger cannot be written.
    pub fn abandon(&self, journal: &Journal) -> Result<(), Failure> {
        self.opened.target.close(&self.lock, journal)?;
        let target = self.opened.target.identity().clone();
        note(self.opened, "abandon", target, &journal.id, journal.operations.iter().map(Did::from).collect())
    }

    fn perform(&mut self, journal: &Journal, resumed: bool) -> Result<Delivered, Failure> {
        let count = journal.operations.len();
        let target: &dyn Target = self.opened.target.as_ref();
        let head = RefCell::new(None);
        let record = |generation: &Generation| {
            let bytes = ledger::read(&self.opened.ledger).map_err(Error::Unavailable)?;
            let told = |line: &ledger::Line| {
                line.entry.run == generation.run && line.entry.generation == Some(generation.serial)
            };
            if ledger::lines(&bytes).iter().rev().any(told) {
                *head.borrow_mut() = ledger::head(&bytes);
                return Ok(());
            }
            let entry = Entry {
                at: now().to_string(),
                event: generation.origin.action.clone(),
                target: lineage(target.identity(), generation),
                run: generation.run.clone(),
                generation: Some(generation.serial),
                resumed,
                origin: generation.origin.clone(),
                operations: journal.operations.iter().map(Did::from).collect(),
            };
            *head.borrow_mut() =
                Some(ledger::append(&self.opened.ledger, entry).map_err(Error::Unavailable)?);
            Ok(())
        };
        let bar = self.terminal.progress("apply");
        let world = World {
            clock: &now,
            stop: &|| self.stop.load(Ordering::Relaxed),
            progress: &|done| bar.set((done * 1000 / count.max(1)) as u64),
            record: &record,
        };
        let done = perform(target, &mut self.lock, journal, &world);
        drop(bar);
        match done {
            Ok(outcome) => Ok(Delivered { outcome, head: head.into_inner() }),
            Err(Interrupted::Stopped(done)) => {
                let said = format!(
                    "stopped after {done} of {count} operations, as a signal asked; the lock was given back"
                );
                Err(Failure::environment(said).hint("run it again: it goes on where this ended"))
            }
            Err(Interrupted::Failed(_, error)) => Err(error.into()),
        }
    }
}

impl Drop for Delivery<'_> {
    fn drop(&mut self) {
        if let Err(error) = self.opened.target.release(&self.lock) {
            self.terminal.say(&format!("warning: the lock could not be given back: {error}"));
            self.terminal.say(&format!("  hint: luascale unlock --id {}", self.lock.id));
        }
    }
}

/// Writes a line that tells of no generation.
///
/// # Errors
/// Where the ledger cannot be written.
pub fn note(
    opened: &Opened,
    event: &str,
    target: Identity,
    run: &str,
    operations: Vec<Did>,
) -> Result<(), Failure> {
    let origin = Origin { action: event.into(), actor: actor(), ..Origin::default() };
    let entry = Entry {
        at: now().to_string(),
        event: event.into(),
        target,
        run: run.into(),
        generation: None,
        resumed: false,
        origin,
        operations,
    };
    ledger::append(&opened.ledger, entry).map(|_| ()).map_err(Failure::environment)
}

/// Which target it is, now that something was applied to it: a lineage is named by its first run.
fn lineage(identity: &Identity, generation: &Generation) -> Identity {
    let id = if identity.is_new() { generation.run.clone() } else { identity.id.clone() };
    Identity { kind: identity.kind.clone(), id }
}

/// The time.
pub fn now() -> Time {
    Time(jiff::Timestamp::now().as_millisecond())
}

/// The time, for plans.
pub fn timestamp() -> jiff::Timestamp {
    jiff::Timestamp::now()
}

/// Who runs the command, in words: what the pipeline says, else the user and the machine.
pub fn actor() -> String {
    let env = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    if let (Some(server), Some(repository), Some(run)) =
        (env("GITHUB_SERVER_URL"), env("GITHUB_REPOSITORY"), env("GITHUB_RUN_ID"))
    {
        let who = env("GITHUB_ACTOR").unwrap_or_else(|| "github".into());
        return format!("{who} ({server}/{repository}/actions/runs/{run})");
    }
    if let Some(job) = env("CI_JOB_URL") {
        return format!("{} ({job})", env("GITLAB_USER_LOGIN").unwrap_or_else(|| "gitlab".into()));
    }
    let user = env("USER").or_else(|| env("LOGNAME")).or_else(account);
    let user =
        user.or_else(|| crate::git::user(std::path::Path::new("."))).unwrap_or_else(|| "unknown".into());
    match std::fs::read_to_string("/proc/sys/kernel/hostname") {
        Ok(host) => format!("{user}@{}", host.trim()),
        Err(_) => user,
    }
}

/// The name of the user that the process runs as, where the machine knows it.
#[cfg(unix)]
fn account() -> Option<String> {
    let own = rustix::process::getuid().as_raw().to_string();
    let all = std::fs::read_to_string("/etc/passwd").ok()?;
    named(&all, &own)
}

/// Elsewhere the environment says it.
#[cfg(not(unix))]
fn account() -> Option<String> {
    None
}

/// The name that a table of users (`name:password:number:…`) has for a number.
#[cfg(unix)]
fn named(table: &str, number: &str) -> Option<String> {
    table.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next().filter(|name| !name.is_empty())?;
        (fields.nth(1) == Some(number)).then(|| name.to_owned())
    })
}

/// The machine, as long as it runs: processes of the same one see each other's locks on files.
/// Nothing where that cannot be told.
fn host() -> String {
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id");
    boot.map(|id| id.trim().to_owned()).unwrap_or_default()
}

/// An id that no other run has: 64 bits from the operating system's randomness.
fn id() -> String {
    let mut hasher = std::hash::RandomState::new().build_hasher();
    hasher.write_u32(std::process::id());
    hasher.write_i64(now().0);
    format!("{:016x}", hasher.finish())
}

/// Has SIGTERM and SIGINT ask for a stop between two operations; the second one ends at once.
#[cfg(unix)]
fn heed(stop: &Arc<AtomicBool>) -> Result<(), Failure> {
    use signal_hook::consts::{SIGINT, SIGTERM};
    for signal in [SIGTERM, SIGINT] {
        signal_hook::flag::register_conditional_default(signal, Arc::clone(stop))
            .and_then(|_| signal_hook::flag::register(signal, Arc::clone(stop)))
            .map_err(|error| Failure::environment(format!("cannot listen to signals: {error}")))?;
    }
    Ok(())
}

/// Without signals there is nothing to heed.
#[cfg(not(unix))]
fn heed(_: &Arc<AtomicBool>) -> Result<(), Failure> {
    Ok(())
}

#[cfg(all(test, unix))]
mod tests {
    #[test]
    fn a_user_without_an_environment_has_the_name_of_the_account() {
        let table = "root:x:0:0:root:/root:/bin/sh\n:x:7:7::/:\nann:x:1000:1000::/home/ann:/bin/sh\nbroken\n";
        assert_eq!(super::named(table, "1000").as_deref(), Some("ann"));
        assert_eq!(super::named(table, "7"), None);
        assert_eq!(super::named(table, "100"), None);
    }
}
