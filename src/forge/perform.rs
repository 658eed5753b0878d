//! Performing what `review` computed: never over a newer push, never twice. May import: siblings,
//! `review`.

use super::{Facts, Failed, Forge, Why};
use crate::review::{Existing, Inline, MOST_CHARACTERS, Operation, Place, cut, neutral};

/// How often an operation is sent whose answer was lost and of which nothing is to be seen.
const ATTEMPTS: u32 = 3;

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Done {
    /// Operations that were performed.
    pub writes: usize,
}

/// Why not all was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stopped {
    /// The head is another commit by now, which another run looks at.
    Moved {
        /// The commit that it is.
        to: String,
        /// Operations that were performed before.
        writes: usize,
    },
    /// An operation failed.
    Failed {
        /// Its place among the operations.
        at: usize,
        /// Why.
        failed: Failed,
        /// Operations that were performed before.
        writes: usize,
    },
}

/// Performs operations. Before anything is said the head is read again, and where it moved the
/// rest is left to the run that looks at the newer push. After something new was said the
/// comments are read again, and what another run said at the same time is folded away: `again`
/// computes the operations from comments.
///
/// # Errors
/// Why not all was done.
pub fn perform(
    forge: &dyn Forge,
    facts: &Facts,
    operations: &[Operation],
    again: &dyn Fn(&[Existing]) -> Vec<Operation>,
) -> Result<Done, Stopped> {
    let mut done = Done::default();
    let mut said = false;
    for (at, operation) in operations.iter().enumerate() {
        let stopped = |failed: Failed| Stopped::Failed { at, failed, writes: done.writes };
        // Limits may have made it wait for minutes, so it is asked each time.
        if speaks(operation) || at == 0 {
            let now = forge.request(facts.number).map_err(stopped)?;
            if now.head != facts.head {
                return Err(Stopped::Moved { to: now.head, writes: done.writes });
            }
        }
        one(forge, facts, operation).map_err(stopped)?;
        said = said || matches!(operation, Operation::Say { .. } | Operation::Review { .. });
        done.writes += 1;
    }
    if said {
        let at = operations.len();
        let stopped = |failed: Failed| Stopped::Failed { at, failed, writes: done.writes };
        let existing = forge.existing(facts.number).map_err(stopped)?;
        let folds = again(&existing).into_iter().filter(|next| matches!(next, Operation::Minimise { .. }));
        for fold in folds {
            let stopped = |failed: Failed| Stopped::Failed { at, failed, writes: done.writes };
            one(forge, facts, &fold).map_err(stopped)?;
            done.writes += 1;
        }
    }
    Ok(done)
}

/// Whether it writes what people read.
fn speaks(operation: &Operation) -> bool {
    matches!(operation, Operation::Say { .. } | Operation::Change { .. } | Operation::Review { .. })
}

/// Performs one operation. A review that is refused is refused as a whole, and its comments are
/// then sent singly: what is refused again stands in the conversation.
fn one(forge: &dyn Forge, facts: &Facts, operation: &Operation) -> Result<(), Failed> {
    let refused = match (send(forge, facts, operation), operation) {
        (Err(failed), Operation::Review { body, comments, listed })
            if failed.why == Why::Refused && !comments.is_empty() =>
        {
            (body, comments, *listed)
        }
        (done, _) => return done,
    };
    let (body, comments, listed) = refused;
    let alone = |comment: &Inline| Operation::Review {
        body: "luascale commented on a line.".into(),
        comments: vec![comment.clone()],
        listed: 0,
    };
    for comment in comments {
        match send(forge, facts, &alone(comment)) {
            Err(failed) if failed.why == Why::Refused => {
                let (marker, rest) = comment.body.split_once('\n').unwrap_or((&comment.body, ""));
                let place = neutral(&format!("{}:{}", comment.path, comment.line));
                // A suggestion has no lines to replace there.
                let rest = rest.replacen("```suggestion\n", "```\n", 1);
                let body = cut(&format!("{marker}\n{place}\n\n{rest}"), MOST_CHARACTERS);
                send(forge, facts, &Operation::Say { body })?;
            }
            done => done?,
        }
    }
    if listed == 0 {
        return Ok(());
    }
    send(forge, facts, &Operation::Review { body: body.clone(), comments: Vec::new(), listed })
}

/// Performs one operation; where its answer is lost it is looked up before it is sent again.
fn send(forge: &dyn Forge, facts: &Facts, operation: &Operation) -> Result<(), Failed> {
    let mut attempt = 1;
    loop {
        let failed = match forge.write(facts, operation) {
            Ok(()) => return Ok(()),
            Err(failed) => failed,
        };
        if failed.why != Why::Unknown {
            return Err(failed);
        }
        if is_done(operation, &forge.existing(facts.number)?) {
            return Ok(());
        }
        if attempt == ATTEMPTS {
            return Err(failed);
        }
        attempt += 1;
    }
}

/// Whether comments show that an operation was performed.
fn is_done(operation: &Operation, existing: &[Existing]) -> bool {
    let plain = |text: &str| text.replace("\r\n", "\n").trim_end().to_owned();
    let same = |comment: &Existing, body: &str| plain(&comment.body) == plain(body);
    let mut own = existing.iter().filter(|comment| comment.own);
    let node = |comment: &&Existing, node: &str| comment.node == node;
    match operation {
        Operation::Say { body } => own.any(|c| c.place == Place::Conversation && same(c, body)),
        Operation::Change { id, body } => {
            own.any(|c| c.place == Place::Conversation && c.id == *id && same(c, body))
        }
        // A review is created as a whole or not at all, so one of its comments tells of all.
        Operation::Review { body, comments, .. } => match comments.first() {
            Some(first) => own.any(|c| matches!(c.place, Place::Thread { .. }) && same(c, &first.body)),
            // GitLab has no reviews: there it is a note.
            None => own.any(|c| !matches!(c.place, Place::Thread { .. }) && !c.minimised && same(c, body)),
        },
        Operation::Resolve { thread, comment } => own.any(|c| {
            let resolved =
                matches!(&c.place, Place::Thread { node, resolved, .. } if node == thread && *resolved);
            resolved || c.node == *comment && c.minimised
        }),
        Operation::Reopen { thread } => own
            .any(|c| matches!(&c.place, Place::Thread { node, resolved, .. } if node == thread && !resolved)),
        Operation::Minimise { node: at } => own.find(|c| node(c, at)).is_some_and(|c| c.minimised),
        Operation::Unfold { node: at } => own.find(|c| node(c, at)).is_some_and(|c| !c.minimised),
    }
}
