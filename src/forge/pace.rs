//! How fast a server is written to and how long one waits for it: GitHub takes 80 writes a minute
//! and 500 an hour from one account, and asks whoever sends more to wait. May import: siblings.

#![expect(clippy::disallowed_methods, reason = "limits are a matter of time")]

use super::{Failed, Why};
use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

/// Windows and the writes that each takes.
const WINDOWS: [(Duration, usize); 2] = [(Duration::from_secs(60), 80), (Duration::from_secs(3600), 500)];

/// Longest time that a run waits for limits, in all.
const PATIENCE: Duration = Duration::from_secs(15 * 60);

/// How long one waits where the server does not say.
pub(super) const UNSAID: Duration = Duration::from_secs(60);

/// The time, and waiting.
pub trait Clock: Send + Sync {
    /// Time since 1970, UTC.
    fn now(&self) -> Duration;

    /// Waits.
    fn sleep(&self, time: Duration);
}

/// The clock of the machine.
#[derive(Debug, Clone, Copy)]
pub struct System;

impl Clock for System {
    fn now(&self) -> Duration {
        SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
    }

    fn sleep(&self, time: Duration) {
        std::thread::sleep(time);
    }
}

/// Keeps the pace of one connection.
pub(super) struct Pace {
    clock: Box<dyn Clock>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// When writes were sent, the oldest first.
    writes: VecDeque<Duration>,
    waited: Duration,
}

impl Pace {
    pub fn new(clock: Box<dyn Clock>) -> Pace {
        Pace { clock, state: Mutex::default() }
    }

    pub fn now(&self) -> Duration {
        self.clock.now()
    }

    /// Waits until a write fits into every window, and counts it.
    pub fn write(&self) -> Result<(), Failed> {
        loop {
            let wait = {
                let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
                let now = self.clock.now();
                let longest = WINDOWS.iter().map(|(window, _)| *window).max().unwrap_or_default();
                while state.writes.front().is_some_and(|at| *at + longest <= now) {
                    state.writes.pop_front();
                }
                let waits = WINDOWS.iter().filter_map(|(window, most)| {
                    let oldest = *state.writes.get(state.writes.len().checked_sub(*most)?)?;
                    (oldest + *window).checked_sub(now).filter(|wait| !wait.is_zero())
                });
                let wait = waits.max();
                if wait.is_none() {
                    state.writes.push_back(now);
                }
                wait
            };
            match wait {
                None => return Ok(()),
                Some(wait) => self.wait(wait, "80 writes a minute and 500 an hour are its limit")?,
            }
        }
    }

    /// Waits for as long as a server asks, as long as the run's patience lasts.
    pub fn wait(&self, time: Duration, why: &str) -> Result<(), Failed> {
        {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            if state.waited + time > PATIENCE {
                let minutes = time.as_secs().div_ceil(60);
                let s = if minutes == 1 { "" } else { "s" };
                let message =
                    format!("it was asked too often ({why}); it can be asked again in {minutes} minute{s}");
                return Err(Failed::new(0, Why::Limited, &message));
            }
            state.waited += time;
        }
        self.clock.sleep(time);
        Ok(())
    }

    /// Waits a little before a read is sent again.
    pub fn pause(&self, attempt: u32) {
        self.clock.sleep(Duration::from_millis(250 << attempt.min(4)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[derive(Clone, Default)]
    struct Virtual(Arc<Mutex<Duration>>);

    impl Clock for Virtual {
        fn now(&self) -> Duration {
            *self.0.lock().unwrap()
        }

        fn sleep(&self, time: Duration) {
            *self.0.lock().unwrap() += time;
        }
    }

    #[test]
    fn eighty_writes_fit_into_a_minute_and_the_next_waits_for_its_end() {
        let clock = Virtual::default();
        let pace = Pace::new(Box::new(clock.clone()));
        (0..80).for_each(|_| pace.write().unwrap());
        assert_eq!(clock.now(), Duration::ZERO);
        pace.write().unwrap();
        assert_eq!(clock.now(), Duration::from_secs(60));
        (0..79).for_each(|_| pace.write().unwrap());
        assert_eq!(clock.now(), Duration::from_secs(60));
        pace.write().unwrap();
        assert_eq!(clock.now(), Duration::from_secs(120));
    }

    #[test]
    fn the_five_hundred_and_first_write_of_an_hour_is_not_waited_for() {
        let clock = Virtual::default();
        let pace = Pace::new(Box::new(clock.clone()));
        (0..500).for_each(|_| pace.write().unwrap());
        assert_eq!(clock.now(), Duration::from_secs(360));
        let failed = pace.write().unwrap_err();
        assert_eq!(failed.why, Why::Limited, "{failed}");
        assert!(failed.message.contains("in 54 minutes"), "{failed}");
    }
}
