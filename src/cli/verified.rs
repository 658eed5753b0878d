//! Whether what a kept plan says is what is found here: it is planned again, as `apply` does, and the
//! words are held against each other. May import: everything.

use super::approvals;
use super::args_plan::{HeldArgs, PlanningArgs};
use super::failure::Failure;
use super::planning::{self, Judged, Made, Planning, Request};
use crate::change::Plan;
use crate::change::stale;
use crate::text::short_commit;
use jiff::Timestamp;
use std::path::Path;

/// A kept plan, planned again.
pub struct Again {
    /// What is planned now; made and expiring when the kept one says.
    pub planning: Box<Planning>,
    /// What the kept one says otherwise, a sentence each; none: it says the same.
    pub why: Vec<String>,
}

/// Plans again what a kept plan is of: from HEAD, the target and the base that are found here, never
/// from what the plan names.
///
/// # Errors
/// Where there is no repository, the target is not reached, or policies do not load.
pub fn again(kept: &Plan, held: &HeldArgs, now: Timestamp) -> Result<Again, Failure> {
    let args = PlanningArgs { held: held.clone(), allow_prune: kept.allow_prune };
    let paths = planning::scope_of(kept)?;
    let request = Request { paths: &paths, args: &args, told: true, now, of: None };
    let mut planning = match planning::make(&request)? {
        Made::Planned(planning) => planning,
        Made::Broken(..) => {
            return Err(Failure::usage(
                "the policies of HEAD do not load, so nothing can be planned from them",
            ));
        }
    };
    let mut why = stale::differing(kept, &planning.plan);
    let head = planning.head.to_string();
    if !why.is_empty() && kept.git.head != head {
        why.push(format!(
            "it is of the commit {}, and HEAD is {}",
            short_commit(&kept.git.head),
            short_commit(&head)
        ));
    }
    planning.plan.created = kept.created.clone();
    planning.plan.expires = kept.expires.clone();
    Ok(Again { planning, why })
}

impl Again {
    /// How the approvals beside the plan stand, as far as that can be told from here: it is judged
    /// when the plan is applied.
    ///
    /// # Errors
    /// Where the repository or an approval cannot be read.
    pub fn judged(&self, kept: &Plan, file: &Path, now: Timestamp) -> Result<Judged, Failure> {
        let standing = self.planning.standing(Some(&stale::touched(kept)), false)?;
        let verdict = standing.verdict(&kept.changes_digest, &approvals::given(file)?, now);
        Ok(Judged { verdict, standing })
    }
}
