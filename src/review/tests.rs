//! What a request's readers see after one run, and after the next.

use super::*;
use crate::model::{Edit, Fix};
use crate::text::Span;
use proptest::prelude::*;

const PATH: &str = "policies/web.lua";

fn text(lines: u32) -> Source {
    let text: Vec<String> = (1..=lines).map(|n| format!("line {n}")).collect();
    Source::new(PATH, text.join("\n"))
}

fn finding(rule: &str) -> Finding {
    Finding::warning(rule, format!("what {rule} says"))
}

fn touched(patch: &str) -> Vec<Touched> {
    vec![Touched { path: PATH.into(), hunks: Some(parse(patch)) }]
}

/// Lines 11 to 16 with 12 and 13 added.
const PATCH: &str = "@@ -11,4 +11,6 @@\n a\n+b\n+c\n d\n e\n f";

struct Case {
    source: Source,
    findings: Vec<(Finding, u32)>,
    touched: Vec<Touched>,
    filter: Filter,
    summary: String,
    head: String,
}

impl Case {
    fn new(findings: &[(&str, u32)]) -> Case {
        Case {
            source: text(2000),
            findings: findings.iter().map(|(rule, line)| (finding(rule), *line)).collect(),
            touched: touched(PATCH),
            filter: Filter::DiffContext,
            summary: "max 40 → 60".into(),
            head: "0123abcd".into(),
        }
    }

    fn run(&self, existing: &[Existing]) -> Vec<Operation> {
        let findings: Vec<Placed<'_>> = self
            .findings
            .iter()
            .map(|(finding, line)| Placed {
                finding,
                path: PATH,
                line: *line,
                source: Some(&self.source),
                words: &finding.message,
            })
            .collect();
        operations(&Situation {
            scope: "all",
            head: &self.head,
            touched: &self.touched,
            findings: &findings,
            existing,
            summary: &self.summary,
            filter: self.filter,
        })
    }
}

/// Does operations as a forge would.
fn perform(existing: &mut Vec<Existing>, operations: &[Operation]) {
    let mut next = existing.iter().map(|c| c.id).max().unwrap_or(0) + 1;
    let mut add = |existing: &mut Vec<Existing>, body: &str, place: Place| {
        existing.push(Existing {
            id: next,
            node: format!("N{next}"),
            body: body.into(),
            own: true,
            place: match place {
                Place::Thread { resolved, settled, .. } => {
                    Place::Thread { node: format!("T{next}"), resolved, settled }
                }
                other => other,
            },
            minimised: false,
        });
        next += 1;
    };
    for operation in operations {
        match operation {
            Operation::Say { body } => add(existing, body, Place::Conversation),
            Operation::Change { id, body } => {
                existing.iter_mut().find(|c| c.id == *id).unwrap().body = body.clone();
            }
            Operation::Review { body, comments, .. } => {
                add(existing, body, Place::Review);
                for comment in comments {
                    add(
                        existing,
                        &comment.body,
                        Place::Thread { node: String::new(), resolved: false, settled: false },
                    );
                }
            }
            Operation::Resolve { thread, .. } | Operation::Reopen { thread } => {
                let gone = matches!(operation, Operation::Resolve { .. });
                let found = existing.iter_mut().find_map(|c| match &mut c.place {
                    Place::Thread { node, resolved, .. } if node == thread => Some(resolved),
                    _ => None,
                });
                *found.unwrap() = gone;
            }
            Operation::Minimise { node } => {
                existing.iter_mut().find(|c| c.node == *node).unwrap().minimised = true;
            }
            Operation::Unfold { node } => {
                existing.iter_mut().find(|c| c.node == *node).unwrap().minimised = false;
            }
        }
    }
}

fn review(operations: &[Operation]) -> (&str, &[Inline]) {
    operations
        .iter()
        .find_map(|o| match o {
            Operation::Review { body, comments, .. } => Some((body.as_str(), comments.as_slice())),
            _ => None,
        })
        .unwrap_or_else(|| panic!("no review in {operations:?}"))
}

#[test]
fn lines_of_the_diff_are_commented_on_and_the_rest_is_listed_where_asked_for() {
    let mut case = Case::new(&[("a", 12), ("b", 11), ("c", 500)]);
    let comments = |case: &Case| -> Vec<u32> { review(&case.run(&[])).1.iter().map(|c| c.line).collect() };
    assert_eq!(comments(&case), [12, 11]);
    assert!(!review(&case.run(&[])).0.contains("&#42;&#42;c"), "line 500 is not touched");
    case.filter = Filter::Added;
    assert_eq!(comments(&case), [12]);
    case.filter = Filter::File;
    assert_eq!(comments(&case), [12, 11]);
    assert!(review(&case.run(&[])).0.contains("policies/web.lua:500 **c** what c says"));
}

#[test]
fn thirty_comments_at_most_and_the_thirty_first_is_in_the_body() {
    let rules: Vec<String> = (0..31).map(|n| format!("rule-{n}")).collect();
    let of = |n: usize| -> Vec<(&str, u32)> { rules.iter().take(n).map(|r| (r.as_str(), 12)).collect() };
    let thirty = Case::new(&of(30)).run(&[]);
    assert_eq!(review(&thirty).1.len(), 30);
    assert!(!review(&thirty).0.contains("rule-"));
    let more = Case::new(&of(31)).run(&[]);
    assert_eq!(review(&more).1.len(), 30);
    assert!(review(&more).0.contains("**rule-30**"), "{}", review(&more).0);
}

#[test]
fn what_is_gone_is_resolved_and_what_comes_back_is_opened() {
    let (mut case, mut existing) = (Case::new(&[("a", 12), ("b", 13)]), Vec::new());
    let first = case.run(&existing);
    perform(&mut existing, &first);
    case.findings.remove(0);
    let gone = case.run(&existing);
    assert!(gone.iter().any(|o| matches!(o, Operation::Resolve { .. })), "{gone:?}");
    perform(&mut existing, &gone);
    assert_eq!(case.run(&existing), []);
    case.findings.insert(0, (finding("a"), 12));
    let back = case.run(&existing);
    assert!(back.iter().any(|o| matches!(o, Operation::Reopen { .. })), "{back:?}");
    assert!(!back.iter().any(|o| matches!(o, Operation::Review { .. })), "it is not said twice: {back:?}");
}

#[test]
fn where_threads_may_not_be_resolved_their_comments_are_folded_and_unfolded() {
    let (mut case, mut existing) = (Case::new(&[("a", 12)]), Vec::new());
    let first = case.run(&existing);
    perform(&mut existing, &first);
    case.findings.clear();
    let Some(Operation::Resolve { comment, .. }) =
        case.run(&existing).into_iter().find(|o| matches!(o, Operation::Resolve { .. }))
    else {
        panic!("it is gone")
    };
    existing.iter_mut().find(|c| c.node == comment).unwrap().minimised = true;
    assert!(!case.run(&existing).iter().any(|o| matches!(o, Operation::Resolve { .. })));
    case.findings.push((finding("a"), 12));
    assert!(case.run(&existing).contains(&Operation::Unfold { node: comment }));
}

#[test]
fn what_a_person_resolved_stays_resolved() {
    let (case, mut existing) = (Case::new(&[("a", 12)]), Vec::new());
    let first = case.run(&existing);
    perform(&mut existing, &first);
    for comment in &mut existing {
        if let Place::Thread { resolved, settled, .. } = &mut comment.place {
            (*resolved, *settled) = (true, true);
        }
    }
    assert_eq!(case.run(&existing), []);
}

#[test]
fn a_suggestion_is_told_whole_or_not_at_all() {
    let mut case = Case::new(&[("a", 12)]);
    let start = case.source.text.find("line 12\n").unwrap();
    let text = format!("{}\n", "x\n".repeat(MOST_CHARACTERS / 2));
    let edits = vec![Edit { source: PATH.into(), span: Span::new(start, start + 8), text }];
    case.findings[0].0.fix = Some(Box::new(Fix { title: "write it so".into(), safe: true, edits }));
    let operations = case.run(&[]);
    let body = &review(&operations).1[0].body;
    assert!(!body.contains("suggestion") && body.contains("what a says"), "{body}");
}

#[test]
fn a_finding_stays_the_same_as_its_line_moves() {
    let (mut case, mut existing) = (Case::new(&[("a", 12)]), Vec::new());
    let first = case.run(&existing);
    perform(&mut existing, &first);
    case.source = Source::new(PATH, format!("new\nnew\n{}", text(2000).text));
    case.findings[0].1 = 14;
    assert_eq!(case.run(&existing), []);
}

#[test]
fn a_strangers_marker_means_nothing() {
    let case = Case::new(&[("a", 12)]);
    let mut seeded = Vec::new();
    perform(&mut seeded, &case.run(&[]));
    seeded.iter_mut().for_each(|comment| comment.own = false);
    let operations = case.run(&seeded);
    assert_eq!(operations, case.run(&[]), "as if the stranger had said nothing");
}

#[test]
fn of_two_runs_at_once_the_second_is_folded_away() {
    let case = Case::new(&[("a", 12)]);
    let (mut existing, both) = (Vec::new(), case.run(&[]));
    perform(&mut existing, &both);
    perform(&mut existing, &both);
    let operations = case.run(&existing);
    assert_eq!(operations.len(), 3, "the comment, its review and the summary: {operations:?}");
    assert!(operations.iter().all(|o| matches!(o, Operation::Minimise { .. })));
    perform(&mut existing, &operations);
    assert_eq!(case.run(&existing), []);
}

#[test]
fn a_fix_is_suggested_on_the_lines_that_it_replaces() {
    let mut case = Case::new(&[("a", 12)]);
    let text = case.source.text.clone();
    let edit = |from: &str, to: &str, new: &str| {
        let start = text.find(from).unwrap();
        let end = start + text[start..].find(to).unwrap();
        Edit { source: PATH.into(), span: Span::new(start, end), text: new.into() }
    };
    let mut with = |edits: Vec<Edit>| {
        let fix = Fix { title: "write it so".into(), safe: true, edits };
        case.findings[0].0.fix = Some(Box::new(fix));
        let operations = case.run(&[]);
        let comment = review(&operations).1[0].clone();
        (comment.start_line, comment.line, comment.body)
    };
    let two = with(vec![edit("line 12\n", "line 14", "``` @x\n")]);
    assert_eq!((two.0, two.1), (Some(12), 13));
    assert!(two.2.ends_with("````suggestion\n``` @x\n````\n"), "{}", two.2);
    let gone = with(vec![edit("line 12\n", "line 13", "")]);
    assert!(gone.2.ends_with("```suggestion\n```\n"), "{}", gone.2);
    let part = with(vec![edit("12\n", "\nline 13", "twelve")]);
    assert_eq!((part.0, part.1), (None, 12));
    assert!(part.2.ends_with("```suggestion\nline twelve\n```\n"), "{}", part.2);
    let outside = with(vec![edit("line 12\n", "line 19\n", "x\n")]);
    assert!(!outside.2.contains("suggestion"), "lines 17 and 18 are outside the hunk: {}", outside.2);
}

#[test]
fn a_request_with_nothing_to_say_stays_quiet() {
    let mut case = Case::new(&[]);
    case.summary.clear();
    assert_eq!(case.run(&[]), []);
}

#[test]
fn thousands_of_findings_are_said_once() {
    let rules: Vec<String> = (0..3000).map(|n| format!("rule-{n}")).collect();
    let mut case = Case::new(&rules.iter().map(|r| (r.as_str(), 900)).collect::<Vec<_>>());
    case.filter = Filter::NoFilter;
    let mut existing = Vec::new();
    let operations = case.run(&existing);
    let (body, _) = review(&operations);
    assert!(body.chars().count() <= MOST_CHARACTERS);
    perform(&mut existing, &operations);
    assert_eq!(case.run(&existing), []);
}

proptest! {
    #[test]
    fn a_second_run_does_nothing(
        first in prop::collection::vec((0u8..6, 8u32..20), 0..50),
        second in prop::collection::vec((0u8..6, 8u32..20), 0..50),
        filter in prop::sample::select(vec![Filter::Added, Filter::DiffContext, Filter::File, Filter::NoFilter]),
        twice in any::<bool>(),
    ) {
        let case = |findings: &[(u8, u32)]| {
            let rules: Vec<(String, u32)> = findings.iter().map(|(rule, line)| (format!("rule-{rule}"), *line)).collect();
            let mut case = Case::new(&rules.iter().map(|(r, l)| (r.as_str(), *l)).collect::<Vec<_>>());
            case.filter = filter;
            case
        };
        let mut existing = Vec::new();
        let operations = case(&first).run(&existing);
        perform(&mut existing, &operations);
        if twice {
            perform(&mut existing, &operations);
        }
        let next = case(&second);
        let operations = next.run(&existing);
        perform(&mut existing, &operations);
        prop_assert_eq!(next.run(&existing), vec![]);
    }
}
