//! Whether one pull request approves, and what. May import: siblings.

use super::super::approval::Approval;
use super::{Changes, CheckRun, Hand, Needed, Part, Request, Review};
use crate::text::short_commit;

/// What came of looking at a part.
pub(super) struct Judged {
    /// The policies whose change it states.
    pub states: Vec<String>,
    /// Who approved it.
    pub approvals: Vec<Approval>,
    /// Why it approves nothing.
    pub why: Vec<String>,
    label: String,
}

impl Judged {
    fn none(label: String, why: Vec<String>) -> Judged {
        Judged { states: Vec::new(), approvals: Vec::new(), why, label }
    }

    /// Why it does not approve the change of a policy.
    pub fn objections(&self, policy: &str) -> Vec<String> {
        if !self.why.is_empty() {
            return self.why.iter().map(|why| format!("{}: {why}", self.label)).collect();
        }
        if self.states.iter().any(|id| id == policy) {
            return Vec::new();
        }
        vec![format!(
            "{}: its check states another change of this policy, or none: what is merged or live is not what was reviewed",
            self.label
        )]
    }
}

/// Holds a part against everything that an approval needs.
///
/// `from_here` are the part's commit and those after it: a request that was rebased is several
/// commits, and the forge names the last.
pub(super) fn judge(
    part: &Part,
    from_here: &[&str],
    needed: Needed<'_>,
    changes: Changes<'_>,
    hands: &[Hand],
) -> Judged {
    let request = match &part.request {
        Ok(request) => request,
        Err(why) => return Judged::none(short_commit(&part.commit).to_owned(), vec![why.clone()]),
    };
    let label = format!("#{}", request.number);
    let mut why = merged(request, from_here, needed);
    let run = match check(request, needed) {
        Ok(run) => Some(run),
        Err(wrong) => {
            why.push(wrong);
            None
        }
    };
    for hand in request.hands.iter().chain(hands).filter(|hand| hand.login.is_none()) {
        let said = format!(
            "the forge has no account for {} ({}), so nobody can tell whether a review is their own",
            hand.named,
            short_commit(&hand.commit)
        );
        if !why.contains(&said) {
            why.push(said);
        }
    }
    let mut approvals = Vec::new();
    let mut objections = Vec::new();
    for review in &request.reviews {
        match counts(review, request, run, hands) {
            Ok(Some(approval)) => approvals.push(approval),
            Ok(None) => {}
            Err(objection) => objections.push(objection),
        }
    }
    if approvals.len() < needed.reviews as usize {
        let count = approvals.len();
        let reviews = match needed.reviews {
            1 => "1 review that approves".to_owned(),
            n => format!("{n} reviews that approve"),
        };
        why.push(format!("it needs {reviews} its head, and {count} count"));
        why.extend(objections);
    } else {
        // One who asks for changes stands in the way, however many approved.
        why.extend(objections.into_iter().filter(|objection| objection.contains("asks for changes")));
    }
    // What the forge saw to itself need not be seen again, by who may not look into teams.
    let seen_to = needed.owners_are_asked && request.decision.as_deref() == Some("APPROVED");
    if !seen_to {
        why.extend(unowned(request, &approvals));
    }
    let states = run.map(|run| changes.stated_by(run)).unwrap_or_default();
    let approvals = if why.is_empty() { approvals } else { Vec::new() };
    Judged { states, approvals, why, label }
}

/// What speaks against it having been merged as it should.
fn merged(request: &Request, from_here: &[&str], needed: Needed<'_>) -> Vec<String> {
    let mut why = Vec::new();
    if !request.merged {
        why.push("it is not merged".to_owned());
    }
    if request.base != needed.branch {
        why.push(format!("it was merged into {}, and {} is what is applied", request.base, needed.branch));
    }
    match request.merge_commit.as_deref() {
        None => why.push("the forge does not say which commit it became".into()),
        Some(commit) if !from_here.contains(&commit) => {
            let here = from_here.first().copied().unwrap_or_default();
            why.push(format!("it became {}, not {}", short_commit(commit), short_commit(here)));
        }
        Some(_) => {}
    }
    why
}

/// The check run that counts: the last of the app's of that name, which has to have succeeded.
fn check<'a>(request: &'a Request, needed: Needed<'_>) -> Result<&'a CheckRun, String> {
    let named = || request.checks.iter().filter(|run| run.name == needed.check);
    let Some(run) = named().filter(|run| run.app == Some(needed.app)).max_by_key(|run| run.id) else {
        return Err(match named().next() {
            None => format!("its head {} has no check run `{}`", short_commit(&request.head), needed.check),
            Some(other) => format!(
                "the check run `{}` on its head is of the app {}, not of {}",
                needed.check,
                other.app.map_or("?".into(), |app| app.to_string()),
                needed.app
            ),
        });
    };
    match run.conclusion.as_deref() {
        Some("success") if run.external_id.is_some() => Ok(run),
        Some("success") => Err(format!("the check run `{}` carries no digest", needed.check)),
        Some(other) => Err(format!("the check run `{}` on its head ended with {other}", needed.check)),
        None => Err(format!("the check run `{}` on its head has not ended", needed.check)),
    }
}

/// Whether a review approves; nothing where it says neither yes nor no.
fn counts(
    review: &Review,
    request: &Request,
    run: Option<&CheckRun>,
    hands: &[Hand],
) -> Result<Option<Approval>, String> {
    let Some(by) = &review.by else {
        return Err(format!("the review {} is of an account that is gone", review.id));
    };
    let login = &by.login;
    match review.state.as_str() {
        "CHANGES_REQUESTED" if review.may_write => return Err(format!("{login} asks for changes")),
        "APPROVED" => {}
        _ => return Ok(None),
    }
    if !by.person {
        return Err(format!("{login} is no person"));
    }
    if !review.may_write {
        return Err(format!("{login} may not write to the repository"));
    }
    if review.commit.as_deref() != Some(request.head.as_str()) {
        let of = review.commit.as_deref().map_or("an unknown commit", short_commit);
        return Err(format!("{login} approved {of}, and the head is {}", short_commit(&request.head)));
    }
    let same = |other: &str| other.eq_ignore_ascii_case(login);
    let own = request.hands.iter().chain(hands).find(|hand| hand.login.as_deref().is_some_and(same));
    if request.author.as_ref().is_none_or(|author| same(&author.login)) {
        return Err(format!("{login} opened it: an author's own approval does not count"));
    }
    if let Some(hand) = own {
        return Err(format!(
            "{login} has a hand in {}: an author's own approval does not count",
            short_commit(&hand.commit)
        ));
    }
    // The same changes may have been checked again since; what was approved had to be there.
    let before = request.checks.iter().any(|other| {
        let same = run.is_some_and(|run| {
            other.app == run.app && other.name == run.name && other.external_id == run.external_id
        });
        let ended = other.conclusion.as_deref() == Some("success");
        same && ended && matches!((other.completed, review.at), (Some(done), Some(at)) if done < at)
    });
    if run.is_some() && !before {
        return Err(format!("{login} approved before the check had said what is changed"));
    }
    let from = format!("review {} of #{}", review.id, request.number);
    Ok(Some(Approval { who: login.clone(), by: from.clone(), from }))
}

/// The files of whose owners nobody approved, in a sentence each; a few of them.
fn unowned(request: &Request, approvals: &[Approval]) -> Vec<String> {
    const MOST: usize = 5;
    let Some(owners) = &request.owners else { return Vec::new() };
    let approved = |owner: &str| {
        approvals.iter().any(|approval| match owner.strip_prefix('@') {
            Some(team) if team.contains('/') => {
                let key = (owner.to_lowercase(), approval.who.to_lowercase());
                request.members.get(&key) == Some(&true)
            }
            Some(login) => login.eq_ignore_ascii_case(&approval.who),
            // An address: the forge does not tell whose it is.
            None => false,
        })
    };
    let mut why: Vec<String> = Vec::new();
    let mut more = 0;
    for file in &request.files {
        let of = owners.of(file);
        if of.is_empty() || of.iter().any(|owner| approved(owner)) {
            continue;
        }
        if why.len() < MOST {
            why.push(format!("{file} is owned by {}, of whom none approved", of.join(", ")));
        } else {
            more += 1;
        }
    }
    if more > 0 {
        why.push(format!("and {more} more files without the approval of an owner"));
    }
    why
}
