//! Suppressions: comments that allow a rule somewhere, with a reason, perhaps until a day.
//!
//! ```text
//! -- luascale: allow(no-ceiling): the vendor's quota is the ceiling until 2027-01-31
//! ```
//!
//! At the end of a line they are about that line; on a line of their own about what follows, to
//! the end of the block that it opens; `allow-file` is about the file. YAML files have them after
//! `#`. What keeps a policy from loading cannot be allowed.
//! May import: `text`, `model`, `yaml`, `syntax`.

use super::Check;
use super::rules::{RULES, rule};
use super::sink::Sink;
use crate::model::finding::did_you_mean;
use crate::model::{Edit, Finding, Fix, Level};
use crate::syntax;
use crate::text::{Comment, Source, Span, Spanned};
use crate::yaml;
use jiff::civil::Date;

/// What introduces a suppression.
const MARK: &str = "luascale:";

/// A suppression, read.
#[derive(Debug, Clone, PartialEq)]
pub struct Suppression {
    /// The comment.
    pub comment: Comment,
    /// What is allowed; at least one.
    pub rules: Vec<Spanned<String>>,
    /// Where; the whole text for `allow-file`.
    pub covers: Span,
    /// Why.
    pub reason: String,
    /// The last day that it holds.
    pub until: Option<Spanned<Date>>,
}

/// A finding of a rule of this module, at its page's level.
fn raise(id: &'static str, message: String, shape: impl FnOnce(Finding) -> Finding) -> Option<Finding> {
    let mut found = Vec::new();
    Sink::new(rule(id)?, &mut found).raise(message, shape);
    found.pop()
}

/// The suppressions of a file, and findings where one cannot be read.
pub fn read(source: &Source) -> (Vec<Suppression>, Vec<Finding>) {
    let (mut read, mut wrong) = (Vec::new(), Vec::new());
    if !may_have(source) {
        return (read, wrong);
    }
    let found = match is_yaml(source) {
        true => yaml::comments::comments(&source.text),
        false => syntax::comments::comments(&source.blanked()),
    };
    for comment in found {
        let span = comment.span;
        let text = source.text.get(span.start as usize..span.end as usize).unwrap_or_default();
        let body = text.trim_start_matches(['-', '#']).trim_start();
        let Some(after) = body.strip_prefix(MARK) else { continue };
        let at = span.start as usize + text.len() - after.len();
        match suppression(source, comment, after, at) {
            Ok(found) => read.push(found),
            Err(why) => wrong.extend(raise("bad-suppression", why, |f| {
                f.at(source, span, "").help(format!("write `{} luascale: allow(rule): the reason`, perhaps with `until 2027-01-31` at its end", mark(source)))
            })),
        }
    }
    (read, wrong)
}

/// Whether a file is YAML; any other is Lua.
pub fn is_yaml(source: &Source) -> bool {
    source.name.ends_with(".yaml") || source.name.ends_with(".yml")
}

/// What begins a comment.
fn mark(source: &Source) -> &'static str {
    if is_yaml(source) { "#" } else { "--" }
}

/// Whether a file may have suppressions.
pub fn may_have(source: &Source) -> bool {
    source.text.contains(MARK)
}

/// Reads what stands after the mark; `at` is its place.
fn suppression(source: &Source, comment: Comment, after: &str, at: usize) -> Result<Suppression, String> {
    let words = after.trim_start();
    let (verb, rest) = words.split_once('(').ok_or("this names no rule to allow")?;
    let covers = match verb.trim() {
        "allow" => comment.covers,
        "allow-file" => Span::new(0, source.text.len()),
        other => return Err(format!("`{other}` is nothing that a comment can ask for: allow, allow-file")),
    };
    let (list, tail) = rest.split_once(')').ok_or("the list of rules is never closed")?;
    let mut start = at + (after.len() - words.len()) + verb.len() + 1;
    let mut rules = Vec::new();
    for part in list.split(',') {
        let id = part.trim();
        let from = start + part.len() - part.trim_start().len();
        if id.is_empty() {
            return Err("a rule's name is missing in the list".into());
        }
        rules.push(Spanned::new(id.to_owned(), Span::new(from, from + id.len())));
        start += part.len() + 1;
    }
    let tail_at = start;
    let reason = tail.trim_start_matches(':').trim();
    let mut until = None;
    let mut words = reason.to_owned();
    if let Some((before, day)) = split_until(reason) {
        let date: Date = day.parse().map_err(|_| format!("`{day}` is no day: write it as 2027-01-31"))?;
        let from = tail_at + tail.rfind(day).unwrap_or_default();
        until = Some(Spanned::new(date, Span::new(from, from + day.len())));
        before.clone_into(&mut words);
    }
    Ok(Suppression { comment, rules, covers, reason: words, until })
}

/// The reason, and the day after a last `until`; a word there that has no digit is a part of
/// the reason (`until the migration`).
fn split_until(reason: &str) -> Option<(&str, &str)> {
    let (before, day) = match reason.strip_prefix("until ") {
        Some(day) => ("", day),
        None => reason.rsplit_once(" until ")?,
    };
    let day = day.trim();
    day.starts_with(|c: char| c.is_ascii_digit()).then_some((before.trim_end_matches([',', ';']).trim(), day))
}

/// What suppressions do to the findings of their file.
pub struct Applied {
    /// Why each of the findings is suppressed, in their order; `None`: it is not.
    pub suppressed: Vec<Option<String>>,
    /// What is wrong with the suppressions themselves.
    pub findings: Vec<Finding>,
}

/// Holds the suppressions of a file against the findings in it. `ran` tells whether a rule has looked at
/// this file: only then is an allowance that nothing needs unused. `own` are the names of the
/// organisation's own rules.
pub fn apply(
    source: &Source,
    all: &[&Finding],
    ran: &dyn Fn(&str) -> bool,
    own: &[String],
    today: Date,
) -> Applied {
    let (suppressions, mut findings) = read(source);
    let mut suppressed = vec![None; all.len()];
    for one in &suppressions {
        let expired = one.until.as_ref().filter(|until| until.value < today);
        if let Some(until) = expired {
            findings.extend(raise("expired-suppression", format!("this held until {}", until.value), |f| {
                let f = f.at(source, until.span, "").help("mend what it allows, or give it a new day");
                f.fix(remove(source, one, None, "remove the suppression"))
            }));
            continue;
        }
        if one.reason.is_empty() {
            let message = "this suppression gives no reason".to_owned();
            findings.extend(raise("suppression-without-reason", message, |f| {
                let fix = remove(source, one, None, "remove the suppression");
                f.at(source, one.comment.span, "")
                    .help(format!("write why: `{} luascale: allow(rule): the reason`", mark(source)))
                    .fix(Fix { safe: false, ..fix })
            }));
        }
        for named in &one.rules {
            let id = named.value.as_str();
            if rule(id).is_none() && !own.contains(&named.value) {
                findings.extend(unknown(source, one, named, own));
                continue;
            }
            let mut used = false;
            for (finding, slot) in all.iter().zip(&mut suppressed) {
                if can_be_allowed(finding) && finding.rule == id && covers(source, one, finding) {
                    (used, *slot) = (true, Some(one.reason.clone()));
                }
            }
            if !used && ran(id) {
                let stays = all.iter().any(|f| f.rule == id && covers(source, one, f));
                let message = match stays {
                    true if GUARDS.contains(&id) => format!("`{id}` cannot be allowed where it is told"),
                    true => format!("`{id}` keeps the policy from loading, and cannot be allowed"),
                    false => format!("`{id}` raises nothing here"),
                };
                findings.extend(raise("unused-suppression", message, |f| {
                    f.at(source, named.span, "").help("remove it").fix(remove(
                        source,
                        one,
                        Some(named),
                        "remove the unused suppression",
                    ))
                }));
            }
        }
    }
    Applied { suppressed, findings }
}

/// Rules that tell of what switches rules off. Were they allowed by what a change brings, nobody would be
/// told that it does.
const GUARDS: [&str; 2] = ["new-suppression", "weaker-settings"];

/// What keeps a policy from loading stays: without it the check would be green, and no rule
/// would have looked at the policy. So does what tells of suppressions and settings themselves.
pub fn can_be_allowed(finding: &Finding) -> bool {
    !keeps_from_loading(finding) && !GUARDS.contains(&&*finding.rule)
}

/// Whether a finding keeps a policy from loading.
pub fn keeps_from_loading(finding: &Finding) -> bool {
    let elsewhere = rule(&finding.rule).is_some_and(|rule| matches!(rule.check, Check::Elsewhere));
    finding.level == Level::Error && elsewhere
}

fn covers(source: &Source, one: &Suppression, finding: &Finding) -> bool {
    finding.labels.first().is_some_and(|label| {
        label.source == source.name
            && one.covers.start <= label.span.start
            && label.span.start <= one.covers.end
    })
}

fn unknown(source: &Source, one: &Suppression, named: &Spanned<String>, own: &[String]) -> Option<Finding> {
    let own = own.iter().map(String::as_str);
    let near = did_you_mean(&named.value, RULES.iter().map(|rule| rule.id).chain(own));
    raise("unknown-rule", format!("no rule is named `{}`", named.value), |f| {
        let f = f.at(source, named.span, "");
        match near {
            Some(near) => f.help(format!("did you mean `{near}`?")).fix(Fix {
                title: format!("write `{near}`"),
                safe: true,
                edits: vec![Edit { source: source.name.clone(), span: named.span, text: near.into() }],
            }),
            None => f.help("`luascale rules` lists them").fix(remove(
                source,
                one,
                Some(named),
                "remove the suppression",
            )),
        }
    })
}

/// Removes a suppression, or one rule of several.
fn remove(source: &Source, one: &Suppression, named: Option<&Spanned<String>>, title: &str) -> Fix {
    let text = &source.text;
    let at = named.and_then(|named| one.rules.iter().position(|rule| rule.span == named.span));
    let span = match (at, one.rules.as_slice()) {
        (Some(0), [first, second, ..]) => Span { start: first.span.start, end: second.span.start },
        (Some(at), rules) if rules.len() > 1 => match (rules.get(at - 1), rules.get(at)) {
            (Some(before), Some(this)) => Span { start: before.span.end, end: this.span.end },
            _ => one.comment.span,
        },
        _ => {
            let (start, end) = (one.comment.span.start as usize, one.comment.span.end as usize);
            let blanks = text.get(..start).map_or(start, |t| t.trim_end_matches([' ', '\t']).len());
            let rest = text.get(end..).unwrap_or_default();
            let line_end = rest.find('\n').filter(|at| rest[..*at].trim().is_empty()).map_or(0, |at| at + 1);
            // Alone on its line it takes the line along; else the blanks before it.
            Span::new(blanks, if one.comment.alone { end + line_end } else { end })
        }
    };
    Fix {
        title: title.into(),
        safe: true,
        edits: vec![Edit { source: source.name.clone(), span, text: String::new() }],
    }
}
