//! From a situation to operations. May import: `model`, siblings.

use super::body::{self, count, cut, item};
use super::suggest::Suggestion;
use super::{
    Existing, Filter, Hunk, Inline, MOST_CHARACTERS, MOST_INLINE, Marker, Operation, Place, Placed,
    Situation, mark,
};
use std::collections::HashSet;

/// Most findings that one review lists in its body, and marks as said.
const MOST_LISTED: usize = 300;
/// Stands among the fingerprints of a review that counts findings without listing them.
const MORE: &str = "more";

/// What is to be done, in the order in which it is to be done: the summary first, since it alone
/// says everything.
pub fn operations(situation: &Situation<'_>) -> Vec<Operation> {
    let prints = mark::prints(situation.findings);
    let said = Said::of(situation);
    let mut out = Vec::new();
    out.extend(summary(situation, &said));
    out.extend(review(situation, &prints, &said));
    let found: HashSet<&str> = prints.iter().map(String::as_str).collect();
    out.extend(said.gone(&found));
    out
}

/// What earlier runs said, by this account and of this scope.
struct Said<'a> {
    summaries: Vec<(&'a Existing, String)>,
    threads: Vec<(&'a Existing, String)>,
    rests: Vec<(&'a Existing, Vec<String>)>,
}

impl<'a> Said<'a> {
    fn of(situation: &Situation<'a>) -> Said<'a> {
        let mut said = Said { summaries: Vec::new(), threads: Vec::new(), rests: Vec::new() };
        for comment in situation.existing.iter().filter(|comment| comment.own) {
            match Marker::read(&comment.body, situation.scope) {
                Some(Marker::Summary(head)) => said.summaries.push((comment, head)),
                Some(Marker::Finding(print)) => said.threads.push((comment, print)),
                Some(Marker::Rest(prints)) => said.rests.push((comment, prints)),
                None => {}
            }
        }
        // The oldest is the one that stays.
        said.summaries.sort_by_key(|(comment, _)| comment.id);
        said.threads.sort_by_key(|(comment, _)| comment.id);
        said.rests.sort_by_key(|(comment, _)| comment.id);
        said
    }

    fn knows(&self, print: &str) -> bool {
        self.threads.iter().any(|(_, known)| known == print)
            || self
                .rests
                .iter()
                .any(|(c, known)| !c.minimised && known.iter().any(|k| k == print || k == MORE))
    }

    /// Resolves what is gone, opens what came back, and folds what two runs said twice.
    fn gone(&self, found: &HashSet<&str>) -> Vec<Operation> {
        let mut out = Vec::new();
        let mut once: HashSet<&str> = HashSet::new();
        for (comment, print) in &self.threads {
            let twice = !once.insert(print);
            let here = found.contains(print.as_str());
            let Place::Thread { node, resolved, settled } = &comment.place else {
                // A line that the forge would not take a comment on is talked about beside it.
                if comment.minimised == (here && !twice) {
                    let node = comment.node.clone();
                    out.push(if comment.minimised {
                        Operation::Unfold { node }
                    } else {
                        Operation::Minimise { node }
                    });
                }
                continue;
            };
            if twice {
                if !comment.minimised {
                    out.push(Operation::Minimise { node: comment.node.clone() });
                }
            } else if !here {
                // Where it may not be resolved its comment was folded away instead.
                if !resolved && !comment.minimised {
                    let (thread, comment) = (node.clone(), comment.node.clone());
                    out.push(Operation::Resolve { thread, comment });
                }
            } else if !settled {
                if *resolved {
                    out.push(Operation::Reopen { thread: node.clone() });
                }
                if comment.minimised {
                    out.push(Operation::Unfold { node: comment.node.clone() });
                }
            }
        }
        // Two runs at once tell the same in two reviews.
        let mut told: HashSet<&str> = HashSet::new();
        for (comment, prints) in self.rests.iter().filter(|(comment, _)| !comment.minimised) {
            let here = |print: &String| print == MORE && !found.is_empty() || found.contains(print.as_str());
            if !prints.iter().any(here) || prints.iter().all(|print| told.contains(print.as_str())) {
                out.push(Operation::Minimise { node: comment.node.clone() });
            } else {
                told.extend(prints.iter().map(String::as_str));
            }
        }
        for (comment, _) in self.summaries.iter().skip(1).filter(|(comment, _)| !comment.minimised) {
            out.push(Operation::Minimise { node: comment.node.clone() });
        }
        out
    }
}

fn summary(situation: &Situation<'_>, said: &Said<'_>) -> Option<Operation> {
    let before = said.summaries.first();
    // A request on which nothing was ever said and there is nothing to say stays quiet.
    if before.is_none() && situation.summary.is_empty() && situation.findings.is_empty() {
        return None;
    }
    let line = Marker::Summary(situation.head.to_owned()).line(situation.scope);
    let all: Vec<&Placed<'_>> = situation.findings.iter().collect();
    let text = format!("{line}\n### luascale: {}\n\n{}", count(&all), situation.summary);
    let body = cut(text.trim_end(), MOST_CHARACTERS);
    match before {
        None => Some(Operation::Say { body }),
        Some((comment, _)) if comment.body.replace("\r\n", "\n") == body => None,
        Some((comment, _)) => Some(Operation::Change { id: comment.id, body }),
    }
}

fn review(situation: &Situation<'_>, prints: &[String], said: &Said<'_>) -> Option<Operation> {
    let mut comments = Vec::new();
    let mut told_now: Vec<String> = Vec::new();
    let mut rest: Vec<(&Placed<'_>, &str)> = Vec::new();
    for (placed, print) in situation.findings.iter().zip(prints) {
        if !told(situation, placed) || said.knows(print) {
            continue;
        }
        match inline(situation, placed, print) {
            Some(comment) if comments.len() < MOST_INLINE => {
                comments.push(comment);
                told_now.push(print.clone());
            }
            _ => rest.push((placed, print)),
        }
    }
    if comments.is_empty() && rest.is_empty() {
        return None;
    }
    let more = rest.len().saturating_sub(MOST_LISTED);
    told_now.extend(rest.iter().take(MOST_LISTED).map(|(_, print)| (*print).to_owned()));
    if more > 0 {
        told_now.push(MORE.to_owned());
    }
    let mut body = format!("{}\n", Marker::Rest(told_now).line(situation.scope));
    if rest.is_empty() {
        body.push_str(&format!("luascale commented on {}.", lines(comments.len())));
    } else {
        let all: Vec<&Placed<'_>> = rest.iter().map(|(placed, _)| *placed).collect();
        let beside = if comments.is_empty() { "" } else { ", beside the comments on lines" };
        body.push_str(&format!("luascale: {}{beside}\n\n", count(&all)));
        for (placed, _) in rest.iter().take(MOST_LISTED) {
            body.push_str(&item(placed));
        }
        if more > 0 {
            body.push_str(&format!("- and {more} more: `luascale check` tells them all\n"));
        }
    }
    let body = cut(body.trim_end(), MOST_CHARACTERS);
    Some(Operation::Review { body, comments, listed: rest.len() })
}

fn lines(n: usize) -> String {
    format!("{n} line{}", if n == 1 { "" } else { "s" })
}

fn hunks<'a>(situation: &Situation<'a>, path: &str) -> Option<&'a [Hunk]> {
    situation.touched.iter().find(|file| file.path == path)?.hunks.as_deref()
}

/// Whether the filter lets a finding through.
fn told(situation: &Situation<'_>, placed: &Placed<'_>) -> bool {
    let touched = situation.touched.iter().find(|file| file.path == placed.path);
    let line = placed.line;
    match (situation.filter, touched) {
        (Filter::NoFilter, _) => true,
        (_, None) => false,
        (Filter::File, Some(_)) => true,
        // A file whose patch the forge does not give is touched somewhere.
        (_, Some(file)) if file.hunks.is_none() => true,
        (Filter::Added, Some(file)) => file.hunks.iter().flatten().any(|hunk| hunk.added.contains(&line)),
        (Filter::DiffContext, Some(file)) => file.hunks.iter().flatten().any(|hunk| hunk.shows(line, line)),
    }
}

/// The comment on a line, where the diff shows it.
fn inline(situation: &Situation<'_>, placed: &Placed<'_>, print: &str) -> Option<Inline> {
    let hunks = hunks(situation, placed.path)?;
    hunks.iter().find(|hunk| hunk.shows(placed.line, placed.line))?;
    // A suggestion replaces the lines that its comment is on.
    let suggestion = Suggestion::of(placed, hunks);
    let (from, line) = suggestion.as_ref().map_or((placed.line, placed.line), |s| (s.from, s.to));
    Some(Inline {
        path: placed.path.to_owned(),
        line,
        start_line: (from < line).then_some(from),
        body: body::inline(placed, print, situation.scope, suggestion.as_ref()),
    })
}
