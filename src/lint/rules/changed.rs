//! Changes that a reviewer must not miss: guards that are weaker, ceilings that are higher, new
//! places that something is sent to. May import: `model`, `change`, `lint`'s own modules.

use crate::change::meaning::{Change, Class};
use crate::lint::changed::{ChangeView, ChangedPolicy, Guards, LostRule};
use crate::lint::{Sink, suppress};
use crate::model::{Finding, Level};
use crate::text::{Source, Span};
use std::collections::BTreeMap;

/// A ceiling raised by more than this share of what it was is told.
const RAISED: f64 = 0.5;

fn each(view: &ChangeView<'_>, see: &mut dyn FnMut(&ChangedPolicy<'_>, &Change)) {
    for policy in &view.policies {
        policy.changes.iter().for_each(|change| see(policy, change));
    }
}

/// The place of a change in the newer file; of what is gone, the policy's name.
fn at(finding: Finding, policy: &ChangedPolicy<'_>, change: &Change, text: &str) -> Finding {
    finding.at(policy.source, change.after_span.unwrap_or(policy.policy.name.span), text)
}

fn shown(value: &Option<String>) -> &str {
    value.as_deref().unwrap_or("none")
}

/// `ceiling-raised`
pub(super) fn ceiling_raised(view: &ChangeView<'_>, sink: &mut Sink<'_>) {
    each(view, &mut |policy, change| {
        let ceiling = change.field.ends_with(".max") || change.field == "regions.max_total";
        let numbers = (change.before.as_deref().map(str::parse), change.after.as_deref().map(str::parse));
        let (true, (Some(Ok(before)), Some(Ok(after)))) = (ceiling, numbers) else { return };
        let (before, after): (f64, f64) = (before, after);
        if after <= before * (1.0 + RAISED) {
            return;
        }
        let message = format!("{} goes from {before} to {after}: {}", change.field, change.words);
        sink.raise(message, |f| {
            at(f, policy, change, "raised here")
                .help("if that much is meant, say in the pull request who pays for it")
        });
    });
}

/// `floor-lowered`
pub(super) fn floor_lowered(view: &ChangeView<'_>, sink: &mut Sink<'_>) {
    each(view, &mut |policy, change| {
        let loosens = change.classes.contains(&Class::Loosens);
        if !change.field.ends_with(".min") || !loosens {
            return;
        }
        let message = format!(
            "{} goes from {} to {}: {}",
            change.field,
            shown(&change.before),
            shown(&change.after),
            change.words
        );
        sink.raise(message, |f| {
            at(f, policy, change, "lowered here")
                .help("a dry-run on a busy day shows whether that many still hold")
        });
    });
}

/// `guard-removed`
pub(super) fn guard_removed(view: &ChangeView<'_>, sink: &mut Sink<'_>) {
    each(view, &mut |policy, change| {
        let guard = ["cooldown.", "stabilization_window.", "rate_limit.", "anti_flap", "fallback"]
            .iter()
            .any(|field| change.field.starts_with(field))
            || change.field.ends_with("].cooldown");
        // Without a cooldown of its own, a policy may rest for its startup at least.
        let implied = change.after.as_ref().is_some_and(|after| after.ends_with(" (startup)"));
        let gone = implied || matches!(change.after.as_deref(), None | Some("none" | "0s" | "false"));
        let weaker = change.field.starts_with("rate_limit.") || gone;
        if !guard || !weaker || !change.classes.contains(&Class::Loosens) {
            return;
        }
        let message = format!(
            "{} was {} and is {}: {}",
            change.field,
            shown(&change.before),
            shown(&change.after),
            change.words
        );
        sink.raise(message, |f| {
            at(f, policy, change, "here").help("keep the guard, or show by a dry-run that nothing needs it")
        });
    });
}

/// `new-host`
pub(super) fn new_host(view: &ChangeView<'_>, sink: &mut Sink<'_>) {
    each(view, &mut |policy, change| {
        let Some(host) = change.after.as_ref().filter(|_| change.field == "hosts") else { return };
        let span = written(policy.source, host);
        sink.raise(format!("the policy names a host that it did not name: {host}"), |f| {
            f.at(policy.source, span.unwrap_or(policy.policy.name.span), "here")
                .help("see who runs it, and what the policy sends there")
        });
    });
}

/// `new-secret`
pub(super) fn new_secret(view: &ChangeView<'_>, sink: &mut Sink<'_>) {
    each(view, &mut |policy, change| {
        let Some(secret) = change.after.as_ref().filter(|_| change.field == "secrets") else { return };
        let span = written(policy.source, secret);
        sink.raise(format!("the policy uses a secret that it did not use: {secret}"), |f| {
            f.at(policy.source, span.unwrap_or(policy.policy.name.span), "here")
                .help("`secrets:` of luascale.yaml says where it may be sent; see that this is meant")
        });
    });
}

/// Where a text is written first.
fn written(source: &Source, text: &str) -> Option<Span> {
    let at = source.text.find(text)?;
    Some(Span::new(at, at + text.len()))
}

/// `new-suppression`
pub(super) fn new_suppression(view: &ChangeView<'_>, sink: &mut Sink<'_>) {
    for (before, after) in &view.files {
        let mut known: BTreeMap<(Vec<String>, String), u32> = BTreeMap::new();
        let read = |source: &Source| suppress::read(source).0;
        for old in before.map(read).unwrap_or_default() {
            *known.entry(key(&old)).or_default() += 1;
        }
        for new in read(after) {
            if let Some(left) = known.get_mut(&key(&new)).filter(|left| **left > 0) {
                *left -= 1;
                continue;
            }
            let rules: Vec<&str> = new.rules.iter().map(|rule| rule.value.as_str()).collect();
            sink.raise(format!("a new suppression allows {}: {}", rules.join(", "), new.reason), |f| {
                f.at(after, new.comment.span, "new here").help("what it hides is no longer told to anybody")
            });
        }
    }
}

/// What a suppression is known by, wherever it stands.
fn key(suppression: &suppress::Suppression) -> (Vec<String>, String) {
    let mut rules: Vec<String> = suppression.rules.iter().map(|rule| rule.value.clone()).collect();
    rules.sort();
    let until = suppression.until.as_ref().map(|day| day.value.to_string()).unwrap_or_default();
    (rules, until)
}

/// `weaker-settings`
pub(super) fn weaker_settings(view: &ChangeView<'_>, sink: &mut Sink<'_>) {
    for lost in &view.lost {
        let LostRule { id, was, now, place: (source, span) } = lost;
        let message = match now {
            None => format!("the organisation's rule `{id}` is taken out"),
            Some(now) => format!("the organisation's rule `{id}` goes from {} to {}", word(*was), word(*now)),
        };
        sink.raise(message, |f| {
            f.at(source, *span, "")
                .help("this change is judged by the rule as it was; take it out in a change of its own")
        });
    }
    for (before, after) in &view.configurations {
        for (message, span) in weaker(before, after) {
            sink.raise(message, |f| {
                f.at(&after.source, span.unwrap_or_default(), "").help(
                    "what a change is held against is read from before it; weaken it in a change of its own",
                )
            });
        }
    }
}

fn word(level: Level) -> &'static str {
    match level {
        Level::Note => "note",
        Level::Warning => "warning",
        Level::Error => "error",
    }
}

/// What is weaker than it was, and where.
fn weaker(a: &Guards, b: &Guards) -> Vec<(String, Option<Span>)> {
    let mut found = Vec::new();
    let key = |word: &str| written(&b.source, word);
    for name in b.ignore.iter().filter(|name| !a.ignore.iter().any(|old| old.value == name.value)) {
        found.push((format!("lint.ignore: `{}` is not checked any more", name.value), Some(name.span)));
    }
    let narrower = !b.select.is_empty()
        && (a.select.is_empty()
            || a.select.iter().any(|old| !b.select.iter().any(|new| new.value == old.value)));
    if narrower {
        found.push(("lint.select: fewer rules are checked".into(), key("select")));
    }
    if b.strictness < a.strictness {
        found.push(("lint.fail_on: less fails a check".into(), key("fail_on")));
    }
    if let Some(baseline) =
        b.baseline.as_ref().filter(|new| a.baseline.as_ref().map(|old| &old.value) != Some(&new.value))
    {
        found.push((format!("lint.baseline: what {} knows is let be", baseline.value), Some(baseline.span)));
    }
    for rule in a.rules.iter().filter(|rule| !b.rules.contains(rule)) {
        found.push((
            format!("lint.rules: the organisation's rules in {rule} are not run any more"),
            key("lint"),
        ));
    }
    // Where nothing is said of approval, none is needed.
    let (x, y) = (a.reviews.unwrap_or(0), b.reviews.unwrap_or(0));
    if y < x {
        found.push((format!("approval.reviews: {y} instead of {x}"), key("reviews").or(key("approval"))));
    }
    if a.branch.is_some() && a.branch != b.branch {
        let new = b.branch.as_deref().unwrap_or("none");
        found.push((
            format!("approval.branch: another branch is protected: {new}"),
            key("branch").or(key("approval")),
        ));
    }
    for (name, hosts) in &b.secrets {
        let old = a.secrets.iter().find(|(old, _)| old.value == name.value);
        let new = |host: &&String| old.is_none_or(|(_, known)| !known.contains(host));
        for host in hosts.iter().filter(new) {
            found.push((format!("secrets: {} may be sent to {host}", name.value), Some(name.span)));
        }
    }
    found
}
