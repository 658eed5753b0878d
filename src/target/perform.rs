//! The one way to change a target: operation by operation, to be resumed after a kill anywhere.
//! May import: siblings, `model`.

use super::{Error, Generation, Journal, Lock, Operation, Target};
use crate::model::Time;

/// What `perform` needs of the world.
pub struct World<'a> {
    /// The time now.
    pub clock: &'a dyn Fn() -> Time,
    /// Whether to stop before the next operation.
    pub stop: &'a dyn Fn() -> bool,
    /// Told before each operation that is done: its number from 0.
    pub progress: &'a dyn Fn(usize),
    /// Writes down what was done, after the generation is live and before the journal goes.
    pub record: &'a dyn Fn(&Generation) -> Result<(), Error>,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The generation that is live now.
    pub generation: Generation,
    /// How many operations were done now.
    pub done: usize,
    /// How many an earlier run had done.
    pub skipped: usize,
}

/// Why it did not come to its end. The journal is still there: the next run resumes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Interrupted {
    /// It was asked to stop, after so many operations.
    Stopped(usize),
    /// The target failed, after so many operations.
    Failed(usize, Error),
}

/// How an operation stands to what is live.
enum Stand {
    /// It is to be done.
    Due,
    /// It is done.
    Done,
}

/// Does what a journal says: an operation whose result is live is skipped, one whose `before` is
/// live is done, and anything else is a conflict, found before the first operation is done.
///
/// # Errors
/// [`Interrupted`], with the journal left in its place unless it was never written.
pub fn perform(
    target: &dyn Target,
    lock: &mut Lock,
    journal: &Journal,
    world: &World<'_>,
) -> Result<Outcome, Interrupted> {
    let failed = |done: usize| move |error: Error| Interrupted::Failed(done, error);
    target.begin(lock, journal).map_err(failed(0))?;
    let live = target.live().map_err(failed(0))?;
    let mut due: Vec<&Operation> = Vec::new();
    // A generation of another run is a conflict that `finish` tells.
    if live.serial == journal.serial {
        for operation in &journal.operations {
            if let Stand::Due = stands(operation, live.digest(&operation.id)).map_err(failed(0))? {
                due.push(operation);
            }
        }
    }
    let skipped = journal.operations.len() - due.len();
    for (done, operation) in due.iter().enumerate() {
        if (world.stop)() {
            return Err(Interrupted::Stopped(done));
        }
        (world.progress)(done);
        keep(target, lock, (world.clock)()).map_err(failed(done))?;
        target.write(lock, journal, operation).map_err(failed(done))?;
    }
    // Until here nothing may have changed for those who read the target: a last chance to stop.
    if (world.stop)() {
        return Err(Interrupted::Stopped(due.len()));
    }
    keep(target, lock, (world.clock)()).map_err(failed(due.len()))?;
    let generation = target.finish(lock, journal).map_err(failed(due.len()))?;
    (world.record)(&generation).map_err(failed(due.len()))?;
    target.close(lock, journal).map_err(failed(due.len()))?;
    Ok(Outcome { generation, done: due.len(), skipped })
}

/// How an operation stands to the digest that is live.
fn stands(operation: &Operation, live: Option<&str>) -> Result<Stand, Error> {
    if live == operation.result().as_deref() {
        return Ok(Stand::Done);
    }
    if live == operation.before.as_deref() {
        return Ok(Stand::Due);
    }
    Err(Error::Conflict { id: operation.id.clone(), found: live.unwrap_or("nothing").to_owned() })
}

/// Renews a lock of whose time a third has gone. A clock that went backwards renews it too.
fn keep(target: &dyn Target, lock: &mut Lock, now: Time) -> Result<(), Error> {
    let age = now.since(lock.renewed).0;
    if age < 0 || age >= lock.ttl.0 / 3 {
        *lock = target.renew(lock, now)?;
    }
    Ok(())
}
