//! Changes that a reviewer must not miss: guards that are weaker, ceilings that are higher, new
//! places that something is sent to. May import: `model`, `change`, `lint`'s own modules.

use crate::change::meaning::{Change, Class};
use crate::lint::changed::{
    Budget, ChangeView, ChangedPolicy, Grown, Guards, Joined, LostRule, Moved, Place, Said,
};
use crate::lint::{Sink, suppress};
use crate::model::{Finding, Level};
use crate::text::{Source, Span};
use std::collections::{BTreeMap, BTreeSet};

/// A ceiling raised by more than this share of what it was is told.
const RAISED: f64 = 0.5;

/// Most policies that a finding names.
const MOST_NAMED: usize = 5;

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
    for Grown { path, by, place: (source, span) } in view.grown.iter().copied() {
        let s = if *by == 1 { "" } else { "s" };
        sink.raise(format!("the baseline {path} knows {by} finding{s} that it did not know"), |f| {
            f.at(source, *span, "new here").help(
                "what a change is held against is read from before it: mend what was found, or allow it with a reason",
            )
        });
    }
    for Joined { who, place: (source, span) } in view.joined.iter().copied() {
        sink.raise(format!("approval: {who} may approve from the next change on"), |f| {
            f.at(source, *span, "new here")
                .help("add who approves in a change of its own, which those approve who were there before")
        });
    }
    // A configuration above several folders is weaker for each of them, and told once.
    let mut told: BTreeSet<(String, String, Span)> = BTreeSet::new();
    for (before, after) in &view.configurations {
        for (message, (source, span)) in weaker(before, after) {
            if !told.insert((message.clone(), source.name.to_string(), span)) {
                continue;
            }
            sink.raise(message, |f| {
                f.at(&source, span, "").help(
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
fn weaker(a: &Guards, b: &Guards) -> Vec<(String, Place)> {
    let mut found = Vec::new();
    let mut tell = |message: String, place: &Option<Place>| {
        found.push((message, place.as_ref().unwrap_or(&b.home).clone()));
    };
    let known = |old: &[Said<String>], new: &Said<String>| old.iter().any(|old| old.value == new.value);
    for name in b.ignore.iter().filter(|name| !known(&a.ignore, name)) {
        tell(format!("lint.ignore: `{}` is not checked any more", name.value), &name.place);
    }
    for name in b.exclude.iter().filter(|name| !known(&a.exclude, name)) {
        tell(format!("lint.exclude: {} is not checked any more", name.value), &name.place);
    }
    let (old, new) = (&a.select.value, &b.select.value);
    if !new.is_empty() && (old.is_empty() || old.iter().any(|name| !new.contains(name))) {
        tell("lint.select: fewer rules are checked".into(), &b.select.place);
    }
    if b.strictness.value < a.strictness.value {
        tell("lint.fail_on: less fails a check".into(), &b.strictness.place);
    }
    let old = a.baseline.as_ref().map(|old| &old.value);
    if let Some(new) = b.baseline.as_ref().filter(|new| old != Some(&new.value)) {
        tell(format!("lint.baseline: what {} knows is let be", new.value), &new.place);
    }
    for rule in a.rules.iter().filter(|rule| !b.rules.contains(rule)) {
        tell(format!("lint.rules: the organisation's rules in {rule} are not run any more"), &None);
    }
    match (&a.budget, &b.budget) {
        (Some(old), None) => {
            tell(format!("lint.budget: there is none any more, and it was {}", old.value), &None)
        }
        (Some(old), Some(new)) if new.value > old.value => {
            tell(format!("lint.budget: {} instead of {}", new.value, old.value), &new.place);
        }
        _ => {}
    }
    if b.reviews.value < a.reviews.value {
        let message = format!("approval.reviews: {} instead of {}", b.reviews.value, a.reviews.value);
        tell(message, &b.reviews.place);
    }
    if a.branch.value.is_some() && a.branch.value != b.branch.value {
        let new = b.branch.value.as_deref().unwrap_or("none");
        tell(format!("approval.branch: another branch is protected: {new}"), &b.branch.place);
    }
    if let (Some(old), Some(new)) = (&a.signers.value, &b.signers.value)
        && old != new
    {
        tell(format!("approval.allowed_signers: others approve, those of {new}"), &b.signers.place);
    }
    if let Some(new) = &b.forge.value
        && b.forge.value != a.forge.value
    {
        tell(format!("approval.github: others approve, those of {new}"), &b.forge.place);
    }
    for (name, hosts) in &b.secrets {
        let old = a.secrets.iter().find(|(old, _)| old.value == name.value);
        let new = |host: &&String| old.is_none_or(|(_, known)| !known.contains(host));
        for host in hosts.iter().filter(new) {
            tell(format!("secrets: {} may be sent to {host}", name.value), &name.place);
        }
    }
    found
}

/// `budget-exceeded`
pub(super) fn budget_exceeded(view: &ChangeView<'_>, sink: &mut Sink<'_>) {
    for Budget { most, said, moved } in view.budgets.iter().copied() {
        let sum: i64 = moved.iter().map(Moved::by).sum();
        if sum <= i64::from(*most) {
            continue;
        }
        let mut moved: Vec<&Moved<'_>> = moved.iter().filter(|moved| moved.by() != 0).collect();
        moved.sort_by_key(|moved| (-moved.by(), moved.name));
        let named = moved.iter().take(MOST_NAMED);
        let mut words: Vec<String> =
            named.clone().map(|moved| format!("{} {:+}", moved.name, moved.by())).collect();
        if moved.len() > MOST_NAMED {
            words.push(format!("{} more", moved.len() - MOST_NAMED));
        }
        let message = format!(
            "this change lets policies have {sum} more replicas together ({}), and {said} allows {most} in one change",
            words.join(", ")
        );
        sink.raise(message, |mut f| {
            for Moved { before, after, version, .. } in named {
                let Some((policy, source)) = version.filter(|_| after > before) else { continue };
                let text = match before {
                    0 => format!("new, up to {after}"),
                    _ => format!("from {before} to {after}"),
                };
                f = f.at(source, policy.replicas.max.span, text);
            }
            f.help("make it several changes, or raise `lint: budget` in a change of its own")
        });
    }
}
