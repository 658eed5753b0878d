//! A policy's runs on its recordings, one after the other. May import: the core.

use super::recordings::{self, Recordings, Refused};
use super::{Recorded, RunRequest, Tested};
use crate::program::Program;
use crate::sim::{self, expect};
use crate::text::Spanned;

/// What was run.
pub struct Ran {
    /// One a recording.
    pub runs: Vec<Recorded>,
    /// Tests that are about another policy: the file, the name, its place.
    pub foreign: Vec<(String, Spanned<String>)>,
}

/// Runs one policy of a loaded file; `None` where the file has none of this number. `progress` is
/// told how many ticks of how many are done.
///
/// # Errors
/// What is wrong in the samples, and their texts.
pub fn run(
    program: &Program,
    request: &RunRequest,
    progress: &mut dyn FnMut(u64, u64),
) -> Option<Result<Ran, Refused>> {
    let policy = program.policies.get(request.policy as usize)?;
    let conditions = program.conditions(policy)?;
    let read = recordings::read(&request.samples, request.purpose, &policy.name.value);
    let Recordings { recordings, foreign } = match read {
        Ok(recordings) => recordings,
        Err(refused) => return Some(Err(refused)),
    };
    let declared: Vec<&str> = policy.metrics.iter().map(|m| m.name.value.as_str()).collect();
    let mut runs = Vec::new();
    let total = recordings.len().max(1);
    for (done, recording) in recordings.into_iter().enumerate() {
        let mut tell = |ticks: usize, of: usize| progress((done * of + ticks) as u64, (of * total) as u64);
        let options = recording.options(&request.options);
        let mut run = sim::run(policy, &recording.samples, &conditions, &options, &mut tell);
        run.samples = recording.names;
        run.notes.splice(0..0, program.facts.notes(&declared));
        let test = recording.test.map(|test| Tested {
            outcomes: expect::evaluate(policy, &run, &test.case.expectations),
            name: test.case.name,
            source: test.source,
        });
        runs.push(Recorded { run, test });
    }
    Some(Ok(Ran { runs, foreign }))
}
