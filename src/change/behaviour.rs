//! How two versions of a policy behave on the same recording: their figures, where they part and
//! why, both lines of replicas. May import: `model`, `decide`, `sim`.

use crate::decide::reason;
use crate::model::decision::EventKind;
use crate::model::{Policy, Time};
use crate::sim::trace::{Loop, Run, Score};
use serde::{Deserialize, Serialize};

/// How many partings are told one by one.
const MOST_PARTINGS: usize = 5;

/// How many columns the chart's lines have at most.
const COLUMNS: usize = 160;

/// Both versions on one recording.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Compared {
    /// Names of the recording's files.
    pub samples: Vec<String>,
    /// Open or closed loop, of the newer version.
    pub kind: Loop,
    /// First tick of either.
    pub start: Time,
    /// Last tick of either.
    pub end: Time,
    /// Ticks of the newer version.
    pub ticks: u32,
    /// The older version's figures.
    pub before: Score,
    /// The newer version's figures.
    pub after: Score,
    /// How often they part: a stretch of ticks in which they want different counts is one.
    pub partings: u32,
    /// For how long they are apart, in milliseconds, all in all.
    pub apart_ms: i64,
    /// The first partings.
    pub first: Vec<Parting>,
    /// The lines of both: time, older, newer. Of each column those ticks at which either is lowest
    /// and highest, so that no peak and no flapping between two points is lost.
    pub lines: Vec<(Time, u32, u32)>,
    /// What failed in the newer version, and what cut a run short.
    pub faults: Vec<String>,
    /// What a reader must know of the runs.
    pub notes: Vec<String>,
}

/// A tick at which the versions part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parting {
    /// When.
    pub time: Time,
    /// What the older version wants.
    pub before: u32,
    /// What the newer version wants.
    pub after: u32,
    /// Why, of the older one.
    pub before_why: String,
    /// Why, of the newer one.
    pub after_why: String,
}

impl Compared {
    /// Whether both want the same at every tick.
    pub fn is_same(&self) -> bool {
        self.partings == 0
    }
}

/// Holds two runs over the same recording against each other. A count holds until the next tick
/// of its version, so that versions with different intervals can be compared.
pub fn compare((p, before): (&Policy, &Run), (q, after): (&Policy, &Run)) -> Compared {
    let mut out = Compared {
        samples: after.samples.clone(),
        kind: after.kind,
        start: Time(0),
        end: Time(0),
        ticks: u32::try_from(after.ticks.len()).unwrap_or(u32::MAX),
        before: before.score.clone(),
        after: after.score.clone(),
        partings: 0,
        apart_ms: 0,
        first: Vec::new(),
        lines: Vec::new(),
        faults: Vec::new(),
        notes: notes(before, after),
    };
    out.faults.extend(after.ended.iter().map(|why| format!("the run ended early: {why}")));
    for failed in after.faults.iter().take(3) {
        out.faults.push(format!("{} failed: {}", failed.fault.function, failed.fault.message));
    }
    let times = |run: &Run| Some((run.ticks.first()?.time, run.ticks.last()?.time));
    let (Some(x), Some(y)) = (times(before), times(after)) else { return out };
    out.start = x.0.min(y.0);
    out.end = x.1.max(y.1);
    let span = out.end.since(out.start).0.max(1);
    let columns = before.ticks.len().max(after.ticks.len()).clamp(1, COLUMNS);
    let mut lines: Vec<Option<Extremes>> = vec![None; columns];
    // Compared where both have a tick, from the later start to the earlier end.
    let (from, to) = (x.0.max(y.0), x.1.min(y.1));
    let (mut i, mut j) = (0usize, 0usize);
    let mut apart = false;
    let mut last: Option<Time> = None;
    loop {
        let next = |run: &Run, at: usize| run.ticks.get(at).map(|t| t.time);
        let time = match (next(before, i), next(after, j)) {
            (Some(a), Some(b)) => a.min(b),
            (Some(a), None) => a,
            (None, Some(b)) => b,
            (None, None) => break,
        };
        i += usize::from(next(before, i) == Some(time));
        j += usize::from(next(after, j) == Some(time));
        let held = |run: &Run, at: usize| run.ticks.get(at.saturating_sub(1)).map_or(0, |t| t.desired);
        let (a, b) = (held(before, i), held(after, j));
        let column = (time.since(out.start).0 as i128 * columns as i128 / (i128::from(span) + 1)) as usize;
        if let Some(slot) = lines.get_mut(column) {
            let point = (time, a, b);
            slot.get_or_insert([point; 4]).iter_mut().zip(FURTHER).for_each(|(kept, further)| {
                if further(&point, kept) {
                    *kept = point;
                }
            });
        }
        if time < from || time > to {
            continue;
        }
        if apart && let Some(last) = last {
            out.apart_ms = out.apart_ms.saturating_add(time.since(last).0);
        }
        last = Some(time);
        if a != b && !apart {
            out.partings += 1;
            if out.first.len() < MOST_PARTINGS {
                out.first.push(Parting {
                    time,
                    before: a,
                    after: b,
                    before_why: why(p, before, i.saturating_sub(1)),
                    after_why: why(q, after, j.saturating_sub(1)),
                });
            }
        }
        apart = a != b;
    }
    for mut column in lines.into_iter().flatten() {
        column.sort_by_key(|point| point.0);
        out.lines.extend(column);
    }
    out.lines.dedup_by_key(|point| point.0);
    out
}

/// A time, and what the older and the newer version want then.
type Point = (Time, u32, u32);

/// The ticks of a column at which the older one is lowest and highest, and the newer one; of
/// several the first.
type Extremes = [Point; 4];

/// Whether a point is further out than the one that is kept, for each of [`Extremes`].
const FURTHER: [fn(&Point, &Point) -> bool; 4] =
    [|a, b| a.1 < b.1, |a, b| a.1 > b.1, |a, b| a.2 < b.2, |a, b| a.2 > b.2];

/// What decided a tick, in words.
fn why(policy: &Policy, run: &Run, tick: usize) -> String {
    let steps = run.steps_of(tick);
    let Some(about) = run.ticks.get(tick) else { return "it has no tick there".into() };
    let words = |at: usize| steps.get(at).map(|step| reason::words(policy, step));
    if about.desired == about.current {
        let first = reason::why_not(steps).into_iter().next();
        return first.map_or_else(|| "nothing asks for a change".into(), |step| reason::words(policy, step));
    }
    let scaled = |kind| matches!(kind, EventKind::ScaleIn | EventKind::ScaleOut);
    let event = run.events.iter().find(|e| e.tick as usize == tick && scaled(e.event.kind));
    let decided = event.and_then(|e| e.event.step).map(usize::from);
    let last = steps.iter().rposition(|s| s.input != s.output && s.output == about.desired);
    let told: Vec<String> = match (decided, last) {
        (Some(first), Some(last))
            if last > first && steps.get(first).is_some_and(|s| s.output != about.desired) =>
        {
            [words(first), words(last)].into_iter().flatten().collect()
        }
        (Some(at), _) | (None, Some(at)) => words(at).into_iter().collect(),
        (None, None) => Vec::new(),
    };
    told.join("; ")
}

/// Notes of both runs, each once; what only the older one says is told as such.
fn notes(before: &Run, after: &Run) -> Vec<String> {
    let mut notes = after.notes.clone();
    let old = before.notes.iter().filter(|note| !after.notes.contains(note));
    notes.extend(old.map(|note| format!("before: {note}")));
    if before.kind != after.kind {
        notes.push("the older version runs in another loop than the newer one (open, closed): their figures are not alike".into());
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::trace::Tick;

    fn run(counts: &[u32], every: i64) -> Run {
        let tick = |(at, desired): (usize, &u32)| Tick {
            time: Time(at as i64 * every),
            current: *desired,
            ready: *desired,
            bounds: crate::model::Bound { min: 1, max: 9 },
            proposed: *desired,
            desired: *desired,
            under: None,
            first_step: 0,
        };
        Run {
            policy: "p".into(),
            source: "p.lua".into(),
            samples: vec!["s.csv".into()],
            kind: Loop::Closed,
            metrics: Vec::new(),
            values: Vec::new(),
            ticks: counts.iter().enumerate().map(tick).collect(),
            steps: Vec::new(),
            events: Vec::new(),
            printed: Vec::new(),
            faults: Vec::new(),
            ended: None,
            never: Vec::new(),
            notes: Vec::new(),
            score: Score::default(),
        }
    }

    fn compared(a: Run, b: Run) -> Compared {
        let policy = Policy::bare("p", 1, 9);
        compare((&policy, &a), (&policy, &b))
    }

    #[test]
    fn each_stretch_apart_is_one_parting() {
        let found = compared(run(&[2, 2, 3, 3, 2, 2], 1000), run(&[2, 4, 4, 3, 2, 1], 1000));
        assert_eq!(found.partings, 2);
        // From 1 s to 3 s; the last tick holds for no time that is known.
        assert_eq!(found.apart_ms, 2000);
        assert_eq!(found.first[0].time, Time(1000));
        assert_eq!((found.first[1].before, found.first[1].after), (2, 1));
        assert_eq!(found.lines.len(), 6);
        assert!(compared(run(&[1, 2], 1000), run(&[1, 2], 1000)).is_same());
    }

    #[test]
    fn the_lines_keep_every_peak_and_what_flaps_between_two_columns() {
        // Many more ticks than columns: both rest at 5, the older one flaps, the newer one peaks once.
        let flat = vec![5; 5000];
        let flapping: Vec<u32> = (0..5000).map(|at| if at % 7 == 3 { 2 } else { 8 }).collect();
        let mut peak = flat;
        peak[2501] = 40;
        let found = compared(run(&flapping, 1000), run(&peak, 1000));
        assert!(found.lines.len() <= 4 * COLUMNS, "{}", found.lines.len());
        assert!(found.lines.is_sorted_by(|a, b| a.0 < b.0), "each time once");
        for (time, a, b) in &found.lines {
            let tick = (time.0 / 1000) as usize;
            assert_eq!((*a, *b), (flapping[tick], peak[tick]), "at {tick}");
        }
        assert!(found.lines.contains(&(Time(2_501_000), flapping[2501], 40)));
        for column in found.lines.chunk_by(|a, b| a.0.0 * 160 / 4_999_001 == b.0.0 * 160 / 4_999_001) {
            let seen: Vec<u32> = column.iter().map(|point| point.1).collect();
            assert!(seen.contains(&2) && seen.contains(&8), "{column:?}");
        }
    }

    #[test]
    fn versions_with_other_intervals_are_compared_by_time() {
        let found = compared(run(&[2, 2, 2, 3], 1000), run(&[2, 3], 2000));
        // The newer one turns at 2 s, the older at 3 s, which is after the newer one's last tick.
        assert_eq!((found.partings, found.first[0].time), (1, Time(2000)));
    }

    #[test]
    fn an_empty_run_parts_nowhere() {
        assert!(compared(run(&[], 1000), run(&[1], 1000)).is_same());
    }
}
