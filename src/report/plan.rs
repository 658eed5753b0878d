//! Plans and approvals, for people: text and Markdown. May import: siblings, `change`.

use super::markdown;
use super::paint::{Tone, clean, inert, pad, width, wrap};
use crate::change::approval::Verdict;
use crate::change::live::Identity;
use crate::change::plan::{Meaning, Op, Plan, Planned};
use crate::model::Time;
use crate::report::Layout;
use crate::text::{short_commit, short_digest};

/// Policies of a plan that Markdown shows one by one.
const MOST_ROWS: usize = 200;

/// A plan for a terminal: what happens first, what it is worth last.
pub fn text(plan: &Plan, layout: &Layout) -> String {
    let mut out = String::new();
    out.push_str(&Tone::Strong.paint(&format!("Plan for {}", clean(&target(plan)))));
    out.push_str(&Tone::Dim.paint(&format!(
        ", generation {}, from {}{}\n",
        plan.target.serial,
        short_commit(&plan.git.head),
        plan.git.merge_base.as_ref().map_or(String::new(), |base| format!(" (base {})", short_commit(base)))
    )));
    let shown: Vec<&Planned> =
        plan.policies.iter().filter(|policy| policy.op != Op::None || policy.held.is_some()).collect();
    let column = shown.iter().map(|policy| width(&clean(&policy.id))).max().unwrap_or(0).min(40);
    let paths = shown.iter().map(|policy| width(&clean(&policy.path))).max().unwrap_or(0).min(40);
    if !shown.is_empty() {
        out.push('\n');
    }
    for policy in shown {
        let (mark, tone) = mark(policy);
        let word = if policy.held.is_some() { "held" } else { policy.op.word() };
        let head = format!("  {mark} {word:6}  {}", pad(&clean(&policy.id), column, false));
        out.push_str(&tone.paint(&head));
        out.push_str(&Tone::Dim.paint(&format!(
            "  {}  {}\n",
            pad(&clean(&policy.path), paths, false),
            versions(policy)
        )));
        let details = details(policy);
        let labels = details.iter().map(|(what, _)| width(&clean(what))).max().unwrap_or(0).clamp(13, 40);
        for (what, said) in details {
            let room = layout.columns().saturating_sub(labels + 11);
            for (at, line) in wrap(&clean(&said), room).into_iter().enumerate() {
                let label = if at == 0 { what.as_str() } else { "" };
                out.push_str(&format!("        {}  {line}\n", pad(&clean(label), labels, false)));
            }
        }
    }
    out.push('\n');
    for said in plan.approval.iter().flat_map(|altered| &altered.words) {
        out.push_str(&Tone::Warn.paint(&format!("it changes who has to approve: {}\n", clean(said))));
    }
    out.push_str(&format!("{}\n", Tone::Strong.paint(&counts(plan))));
    if let Some(allowed) = plan.allow_prune {
        out.push_str(&Tone::Warn.paint(&format!("it allows {}\n", deletions(allowed))));
    }
    if plan.changes().next().is_some() {
        out.push_str(&Tone::Dim.paint(&format!("changes  {}\n", plan.changes_digest)));
        out.push_str(&Tone::Dim.paint(&format!("expires  {}\n", clean(&Time::said_of(&plan.expires)))));
    }
    inert(out)
}

/// A plan for a pull request or a job's summary.
pub fn markdown(plan: &Plan) -> String {
    let word = |raw: &str| markdown::text(raw);
    let mut out = format!(
        "### Plan: {}\n\nFor {}, generation {}, from `{}`.\n\n",
        counts(plan),
        word(&target(plan)),
        plan.target.serial,
        short_commit(&plan.git.head).replace(['`', '\n'], "")
    );
    let changes: Vec<&Planned> =
        plan.policies.iter().filter(|policy| policy.op != Op::None || policy.held.is_some()).collect();
    for said in plan.approval.iter().flat_map(|altered| &altered.words) {
        out.push_str(&format!("**It changes who has to approve:** {}\n\n", word(said)));
    }
    if let Some(allowed) = plan.allow_prune {
        out.push_str(&format!("**It allows {}.**\n\n", deletions(allowed)));
    }
    if changes.is_empty() {
        return out;
    }
    out.push_str("| | policy | file | what it means |\n|-|-|-|-|\n");
    for policy in changes.iter().take(MOST_ROWS) {
        let op = if policy.held.is_some() { "held" } else { policy.op.word() };
        let said: Vec<String> = details(policy)
            .into_iter()
            .map(|(what, said)| format!("{}: {}", word(&what), word(&said)))
            .collect();
        let said = if said.is_empty() { versions(policy) } else { said.join("<br>") };
        out.push_str(&format!("| {op} | {} | {} | {said} |\n", word(&policy.id), word(&policy.path)));
    }
    if changes.len() > MOST_ROWS {
        out.push_str(&format!("\nand {} more\n", changes.len() - MOST_ROWS));
    }
    out.push_str(&format!(
        "\n`{}`, to be applied until {}\n",
        plan.changes_digest,
        word(&Time::said_of(&plan.expires))
    ));
    out
}

fn deletions(allowed: u32) -> String {
    format!("{allowed} deletion{}", if allowed == 1 { "" } else { "s" })
}

/// Which target it is for.
fn target(plan: &Plan) -> String {
    let kind = &plan.target.kind;
    match plan.target.identity.as_str() {
        id if Identity::is_new_id(id) => format!("a new {kind}"),
        id => format!("the {kind} {}", short_digest(id)),
    }
}

/// What a plan comes to, in a sentence.
pub fn counts(plan: &Plan) -> String {
    let held = plan.policies.iter().filter(|policy| policy.held.is_some()).count();
    let parts = [
        (plan.count(Op::Create), "to create"),
        (plan.count(Op::Update), "to update"),
        (plan.count(Op::Delete), "to delete"),
        (held, "held by a rollback"),
        (plan.count(Op::None).saturating_sub(held), "unchanged"),
    ];
    let said: Vec<String> =
        parts.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}")).collect();
    match (plan.policies.is_empty(), plan.changes().next().is_some()) {
        (true, _) => "nothing in git, nothing live".to_owned(),
        (false, true) => said.join(", "),
        (false, false) => format!("no changes: {}", said.join(", ")),
    }
}

/// Who approved, and what does not count and why; without colours.
pub fn approvals(verdict: &Verdict) -> String {
    let mut out = String::new();
    let (have, needed) = (verdict.approvals.len(), verdict.needed);
    out.push_str(&match (needed, verdict.approved()) {
        (0, _) => "no approval is asked for\n".to_owned(),
        (_, true) => format!("approved: {have} of {needed}\n"),
        (_, false) => format!("not approved: {have} of {needed}\n"),
    });
    for approval in &verdict.approvals {
        out.push_str(&format!("  by {}  {}\n", clean(&approval.who), clean(&approval.by)));
    }
    for refused in &verdict.refused {
        out.push_str(&format!("  {} does not count: {}\n", clean(&refused.from), clean(&refused.why)));
    }
    inert(out)
}

/// Whether what a plan says was verified, and why not.
pub fn checked(said: &str, why: &[String], as_markdown: bool) -> String {
    if as_markdown {
        let items: String = why.iter().map(|why| format!("- {}\n", markdown::text(why))).collect();
        let gap = if why.is_empty() { "" } else { "\n" };
        return format!("\n**{}**\n{gap}{items}", markdown::text(said));
    }
    let items: String = why.iter().map(|why| format!("  {}\n", clean(why))).collect();
    inert(format!("{}\n{items}", clean(said)))
}

/// Who approved, for a pull request.
pub fn approvals_markdown(verdict: &Verdict) -> String {
    let said = approvals(verdict);
    let mut lines = said.lines();
    let mut out = format!("\n**{}**\n", markdown::text(lines.next().unwrap_or_default()));
    for (at, line) in lines.enumerate() {
        out.push_str(&format!("{}- {}\n", if at == 0 { "\n" } else { "" }, markdown::text(line.trim())));
    }
    out
}

fn mark(policy: &Planned) -> (char, Tone) {
    match policy.op {
        Op::Create => ('+', Tone::Good),
        Op::Update => ('~', Tone::Warn),
        Op::Delete => ('-', Tone::Bad),
        Op::None => ('=', Tone::Dim),
    }
}

fn versions(policy: &Planned) -> String {
    let version =
        |digest: &Option<String>| digest.as_deref().map_or("none".to_owned(), |d| clean(short_digest(d)));
    match policy.op {
        Op::None => version(&policy.before),
        _ => format!("{} → {}", version(&policy.before), version(&policy.after)),
    }
}

/// All classes of a change, and its field with both values and the words.
fn means(meaning: &Meaning) -> (String, String) {
    let Some(change) = &meaning.change else { return (meaning.class.clone(), meaning.text.clone()) };
    let (field, words) = meaning.text.split_once(": ").unwrap_or(("", &meaning.text));
    (meaning.classes.join(", "), format!("{field}: {change}, {words}"))
}

/// What is told of a policy: a word and a sentence each.
fn details(policy: &Planned) -> Vec<(String, String)> {
    let mut out: Vec<(String, String)> = policy.meaning.iter().map(means).collect();
    if let Some(by) = policy.held {
        let held = format!("rolled back by generation {by}, which holds until git has another version");
        out.push(("rollback".into(), held));
    }
    if let Some(behaviour) = &policy.behaviour {
        out.extend(behaviour.summary.iter().map(|line| ("behaviour".to_owned(), line.clone())));
    }
    if let Some(lint) = policy.lint.as_ref().filter(|lint| lint.errors + lint.warnings + lint.notes > 0) {
        let parts = [(lint.errors, "error"), (lint.warnings, "warning"), (lint.notes, "note")];
        let said: Vec<String> = parts
            .iter()
            .filter(|(n, _)| *n > 0)
            .map(|(n, what)| format!("{n} {what}{}", if *n == 1 { "" } else { "s" }))
            .collect();
        out.push(("check".into(), said.join(", ")));
    }
    out
}
