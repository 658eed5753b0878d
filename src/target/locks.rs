//! The lock of a directory: one file that says who holds it, and two kinds of advisory locks of
//! the operating system. May import: siblings, `model`, `disk`.
//!
//! `guard` is held for the moment of each change, so that checking the fence and changing
//! something are one step. `run-ID` is held by a run as long as it lives: where nobody has it any
//! more and the holder was on this machine, the holder is dead, and nobody has to wait until its
//! time runs out. A holder on another machine, which shares the directory, is waited for.

#![expect(clippy::disallowed_methods, reason = "this is where a target's locks are")]

use super::layout::{failed, json};
use super::{Claim, Error, Lock};
use crate::disk;
use crate::model::Time;
use serde::{Deserialize, Serialize};
use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// Folder of the locks, in the directory.
const FOLDER: &str = ".locks";

/// How often the guard is tried, a hundredth of a second apart. It is held for moments.
const TRIES: u32 = 1000;

/// What the file says.
#[derive(Serialize, Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct Stored {
    fence: u64,
    lock: Option<Lock>,
}

/// The locks of one directory.
pub struct Locks {
    folder: PathBuf,
    /// Held open, and so locked, as long as the run lives.
    alive: Mutex<Option<File>>,
}

impl Locks {
    /// Those of a directory, which need not be there yet.
    pub fn of(directory: &Path) -> Locks {
        Locks { folder: directory.join(FOLDER), alive: Mutex::new(None) }
    }

    fn file(&self) -> PathBuf {
        self.folder.join("lock.json")
    }

    fn run(&self, id: &str) -> PathBuf {
        self.folder.join(format!("run-{id}"))
    }

    fn stored(&self) -> Result<Stored, Error> {
        let path = self.file();
        match disk::read(&path, 1 << 20) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Stored::default()),
            Err(error) => Err(failed("read", &path)(error)),
            Ok(bytes) => {
                let stored: Stored = serde_json::from_slice(&bytes).map_err(|error| {
                    Error::Damaged(format!("{} is not as it was written: {error}", path.display()))
                })?;
                match stored.lock.as_ref().is_some_and(|lock| !is_plain(&lock.id)) {
                    true => Err(Error::Damaged(format!("{} names a run that is none", path.display()))),
                    false => Ok(stored),
                }
            }
        }
    }

    fn store(&self, stored: &Stored) -> Result<(), Error> {
        let path = self.file();
        disk::replace(&path, &json(stored), None).map_err(failed("write", &path))
    }

    /// Who holds it.
    pub fn holder(&self) -> Result<Option<Lock>, Error> {
        Ok(self.stored()?.lock)
    }

    /// Holds the guard for the time of a change.
    fn guard(&self) -> Result<File, Error> {
        let path = self.folder.join("guard");
        if std::fs::symlink_metadata(&path).is_ok_and(|about| !about.is_file()) {
            return Err(Error::Damaged(format!("{} is no file", path.display())));
        }
        let file = File::options().create(true).write(true).truncate(false).open(&path);
        let file = file.map_err(failed("write", &path))?;
        for _ in 0..TRIES {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(TryLockError::WouldBlock) => std::thread::sleep(std::time::Duration::from_millis(10)),
                Err(TryLockError::Error(error)) => return Err(failed("lock", &path)(error)),
            }
        }
        Err(Error::Unavailable(format!("{} is held by a process that does not go on", path.display())))
    }

    /// Takes the lock.
    pub fn take(&self, claim: &Claim, now: Time) -> Result<Lock, Error> {
        disk::folders(&self.folder).map_err(failed("make", &self.folder))?;
        let _guard = self.guard()?;
        let stored = self.stored()?;
        if let Some(held) = stored.lock.filter(|held| held.id != claim.id) {
            if !self.gone(&held, claim, now)? {
                return Err(Error::Locked(Box::new(held)));
            }
            // Left behind by the dead; whether it goes does not matter.
            let _ = std::fs::remove_file(self.run(&held.id));
        }
        let path = self.run(&claim.id);
        disk::write(&path, b"").map_err(failed("write", &path))?;
        let alive = File::open(&path).map_err(failed("read", &path))?;
        alive.lock().map_err(failed("lock", &path))?;
        let lock = Lock {
            id: claim.id.clone(),
            holder: claim.holder.clone(),
            host: claim.host.clone(),
            acquired: now,
            renewed: now,
            ttl: claim.ttl,
            fence: stored.fence.saturating_add(1),
        };
        self.store(&Stored { fence: lock.fence, lock: Some(lock.clone()) })?;
        if let Ok(mut held) = self.alive.lock() {
            *held = Some(alive);
        }
        Ok(lock)
    }

    /// Whether a holder is known to be gone.
    fn gone(&self, held: &Lock, claim: &Claim, now: Time) -> Result<bool, Error> {
        let path = self.run(&held.id);
        let locked = match File::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => false,
            Err(error) => return Err(failed("read", &path)(error)),
            Ok(file) => match file.try_lock() {
                Ok(()) => false,
                Err(TryLockError::WouldBlock) => true,
                Err(TryLockError::Error(error)) => return Err(failed("lock", &path)(error)),
            },
        };
        let here = !held.host.is_empty() && held.host == claim.host;
        // A sign of life from the future says nothing: a clock went backwards.
        let age = now.since(held.renewed).0;
        Ok(!locked && (here || age > held.ttl.0))
    }

    /// Holds the guard while something is done, if the lock is still the caller's.
    pub fn fenced<T>(&self, lock: &Lock, change: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
        let _guard = self.guard()?;
        let ours = self.stored()?.lock.is_some_and(|held| held.id == lock.id && held.fence == lock.fence);
        if ours { change() } else { Err(Error::Fenced(lock.id.clone())) }
    }

    /// Says that the holder is still there.
    pub fn renew(&self, lock: &Lock, now: Time) -> Result<Lock, Error> {
        self.fenced(lock, || {
            let renewed = Lock { renewed: now, ..lock.clone() };
            self.store(&Stored { fence: lock.fence, lock: Some(renewed.clone()) })?;
            Ok(renewed)
        })
    }

    /// Gives it back.
    pub fn release(&self, lock: &Lock) -> Result<(), Error> {
        let given = self.fenced(lock, || self.store(&Stored { fence: lock.fence, lock: None }));
        if let Ok(mut held) = self.alive.lock() {
            *held = None;
        }
        let _ = std::fs::remove_file(self.run(&lock.id));
        match given {
            Err(Error::Fenced(_)) => Ok(()),
            other => other,
        }
    }

    /// Takes it away from its holder.
    pub fn unlock(&self, id: &str) -> Result<Lock, Error> {
        let missing = || Error::Unlocked(id.to_owned());
        if !self.folder.is_dir() {
            return Err(missing());
        }
        let _guard = self.guard()?;
        let stored = self.stored()?;
        let lock = stored.lock.filter(|held| held.id == id).ok_or_else(missing)?;
        self.store(&Stored { fence: stored.fence, lock: None })?;
        let _ = std::fs::remove_file(self.run(id));
        Ok(lock)
    }
}

/// Whether the id of a run is a plain name, which leads nowhere as a part of a path.
pub(super) fn is_plain(id: &str) -> bool {
    (1..=128).contains(&id.len())
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Duration;

    fn claim(id: &str, host: &str) -> Claim {
        Claim {
            id: id.into(),
            holder: format!("{id}@{host}"),
            host: host.into(),
            ttl: Duration::from_secs(60),
        }
    }

    fn at(seconds: i64) -> Time {
        Time(1_800_000_000_000 + seconds * 1000)
    }

    #[test]
    fn one_holds_it_and_the_next_has_a_higher_fence() {
        let folder = tempfile::tempdir().unwrap();
        let (one, two) = (Locks::of(folder.path()), Locks::of(folder.path()));
        let first = one.take(&claim("a", "here"), at(0)).unwrap();
        // However late: the process lives.
        for late in [1, 1_000_000] {
            let refused = two.take(&claim("b", "here"), at(late)).unwrap_err();
            assert_eq!(refused, Error::Locked(Box::new(first.clone())));
        }
        one.fenced(&first, || Ok(())).unwrap();
        one.release(&first).unwrap();
        let second = two.take(&claim("b", "here"), at(2)).unwrap();
        assert!(second.fence > first.fence);
        assert_eq!(one.fenced(&first, || Ok(())), Err(Error::Fenced("a".into())));
        assert_eq!(one.renew(&first, at(3)), Err(Error::Fenced("a".into())));
        one.release(&first).unwrap();
        assert_eq!(two.holder().unwrap(), Some(second));
    }

    #[test]
    fn a_dead_holder_of_this_machine_is_not_waited_for_and_one_elsewhere_is() {
        let folder = tempfile::tempdir().unwrap();
        let dead = Locks::of(folder.path());
        let first = dead.take(&claim("a", "here"), at(0)).unwrap();
        drop(dead);
        let next = Locks::of(folder.path());
        let elsewhere = |seconds| next.take(&claim("b", "there"), at(seconds));
        assert_eq!(elsewhere(59), Err(Error::Locked(Box::new(first.clone()))));
        // The clock went backwards: its sign of life lies in the future.
        assert_eq!(elsewhere(-3600), Err(Error::Locked(Box::new(first.clone()))));
        let second = next.take(&claim("c", "here"), at(1)).unwrap();
        assert_eq!(second.fence, first.fence + 1);
        drop(next);
        let third = Locks::of(folder.path()).take(&claim("d", "there"), at(62)).unwrap();
        assert_eq!(third.fence, first.fence + 2);
    }

    #[test]
    fn it_can_be_taken_away_by_its_id_alone() {
        let folder = tempfile::tempdir().unwrap();
        let locks = Locks::of(folder.path());
        assert_eq!(locks.unlock("a"), Err(Error::Unlocked("a".into())));
        let first = locks.take(&claim("a", "here"), at(0)).unwrap();
        assert_eq!(locks.unlock("b"), Err(Error::Unlocked("b".into())));
        assert_eq!(locks.unlock("a").unwrap(), first);
        assert_eq!(locks.fenced(&first, || Ok(())), Err(Error::Fenced("a".into())));
        let other = Locks::of(folder.path());
        let second = other.take(&claim("b", "here"), at(1)).unwrap();
        assert!(second.fence > first.fence);
    }
}
