//! What a change itself weakens: policies, suppressions, settings, baselines; the family Change, for
//! `check --diff` and `ci`. Files have their names from the repository's root on. May import:
//! everything.

use super::approvals::named;
use super::compare::Comparison;
use super::failure::Failure;
use super::files;
use super::guards::Side;
use crate::change::signers;
use crate::config::FILE_NAME;
use crate::git::{self, FileChange, Range, Repo, Snapshot};
use crate::lint::baseline::Baseline;
use crate::lint::changed::{
    Budget, ChangeView, ChangedPolicy, Grown, Guards, Joined, LostRule, Moved, Place, ceiling, changed,
};
use crate::lint::{rules, suppress};
use crate::model::Finding;
use crate::model::organisation::OrgRule;
use crate::text::{LineIndex, Source, Span};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// What was found, and the texts that it points into.
pub struct Weakened {
    /// The findings of the family Change.
    pub findings: Vec<Finding>,
    /// The texts.
    pub sources: Vec<Source>,
}

/// What a change weakens. `baselines` are files of known findings, from the repository's root on,
/// beside those that configurations name.
///
/// # Errors
/// Where the repository cannot be read.
pub fn weakened(
    repo: &Repo,
    range: &Range,
    comparison: &Comparison,
    baselines: &[PathBuf],
) -> Result<Weakened, Failure> {
    let (before, after) = (repo.snapshot(&range.before)?, repo.snapshot(&range.after)?);
    let mut view = ChangeView::default();
    for (policy, pair) in comparison.difference.policies.iter().zip(&comparison.pairs) {
        let old = pair.before.and_then(|at| comparison.before.policies.get(at));
        let new = pair.after.and_then(|at| comparison.after.policies.get(at));
        let (Some(old), Some(new)) = (old, new) else { continue };
        let (changes, source) = (policy.changes.as_slice(), &new.request.source);
        view.policies.push(ChangedPolicy { policy: &new.policy, source, before: &old.policy, changes });
    }
    let texts: Vec<(Option<Source>, Source)> =
        comparison.files.iter().filter_map(|file| texts(&before, &after, file)).collect();
    view.files = texts.iter().map(|(old, new)| (old.as_ref(), new)).collect();
    let mut sides = (Side::of(&before), Side::of(&after));
    let guarded = guarded(comparison, range, &mut sides);
    view.configurations = guarded.iter().map(|(_, a, b)| (a, b)).collect();
    let named = guarded.iter().filter_map(|(_, a, _)| a.baseline.as_ref().map(|said| said.value.clone()));
    let named: BTreeSet<PathBuf> = named.map(PathBuf::from).chain(baselines.iter().cloned()).collect();
    let grown: Vec<Grown> = named.iter().filter_map(|path| grown(&before, &after, path)).collect();
    view.grown = grown.iter().collect();
    let budgets = budgets(comparison, &guarded);
    view.budgets = budgets.iter().collect();
    let joined = joined(&comparison.files, &before, &after, &mut sides);
    view.joined = joined.iter().collect();
    let findings = changed(&view, &|id| rules::rule(id).is_some());
    let mut sources: Vec<Source> = texts.iter().map(|(_, new)| new.clone()).collect();
    sources.extend(grown.iter().map(|grown| grown.place.0.clone()));
    sources.extend(joined.iter().map(|joined| joined.place.0.clone()));
    sources.extend(comparison.after.sources.iter().cloned());
    sources.extend(guarded.iter().map(|(_, _, b)| b.home.0.clone()));
    Ok(Weakened { findings, sources })
}

/// Those whom a change adds to a list of signers, under another name or with another key too.
fn joined(
    files: &[FileChange],
    before: &Snapshot,
    after: &Snapshot,
    sides: &mut (Side<'_>, Side<'_>),
) -> Vec<Joined> {
    let mut found = Vec::new();
    for path in files.iter().filter_map(|file| file.after.as_ref()) {
        let shown = git::shown_path(path);
        let folder = Path::new(&shown).parent().and_then(|parent| sides.1.nearest(parent));
        let Some(folder) = folder else { continue };
        let (old, new) = (sides.0.guards(&folder, Some(nowhere())), sides.1.guards(&folder, Some(nowhere())));
        let (Some(old), Some(new)) = (old, new) else { continue };
        // Where nobody had to approve, whoever may is no weakening.
        if new.signers.value.as_deref() != Some(&*shown) || old.reviews.value == 0 {
            continue;
        }
        let Some(source) = text(after, path) else { continue };
        let list = |source: &Source| signers::parse(source).0;
        let known = old.signers.value.and_then(|path| text(before, path.as_bytes()));
        let known: Vec<String> = known.iter().flat_map(list).map(|one| named(&one)).collect();
        let lines = LineIndex::new(&source.text);
        for one in list(&source).iter().filter(|one| !known.contains(&named(one))) {
            let place = lines.line_span(&source.text, one.line).unwrap_or_default();
            found.push(Joined { who: one.principals.join(","), place: (source.clone(), place) });
        }
    }
    found
}

/// Both texts of a file that differs, where it may have suppressions.
fn texts(before: &Snapshot, after: &Snapshot, file: &FileChange) -> Option<(Option<Source>, Source)> {
    let path = file.after.as_ref()?;
    let kinds = [".lua", ".luau", ".yaml", ".yml"];
    if !kinds.iter().any(|kind| path.ends_with(kind.as_bytes())) {
        return None;
    }
    let new = text(after, path).filter(suppress::may_have)?;
    Some((file.before.as_ref().and_then(|path| text(before, path)), new))
}

/// A file of a side, as far as it is text.
fn text(snapshot: &Snapshot, path: &[u8]) -> Option<Source> {
    let bytes = snapshot.read(path, files::MAX_SOURCE).ok()?;
    files::source(&git::shown_path(path), bytes).ok()
}

/// What guards each folder with policies, before and after, where both can be told.
fn guarded(
    comparison: &Comparison,
    range: &Range,
    (before, after): &mut (Side<'_>, Side<'_>),
) -> Vec<(PathBuf, Guards, Guards)> {
    // Where there was nothing, nothing is weaker than it was.
    if matches!(range.before, git::Side::Empty) {
        return Vec::new();
    }
    let sides = [&comparison.before, &comparison.after];
    let projects = sides.iter().flat_map(|side| &side.projects);
    let folders: BTreeSet<&PathBuf> = projects.map(|project| &project.root.folder).collect();
    let there = || comparison.after.projects.iter().flat_map(|project| &project.files);
    let home = |folder: &Path| -> Option<Place> {
        let file = there().find(|file| file.starts_with(folder))?;
        let name = files::shown(file);
        let source = comparison.after.sources.iter().find(|source| *source.name == *name);
        Some((source.cloned().unwrap_or_else(|| Source::new(name, "")), Span::default()))
    };
    let one = |folder: &PathBuf| {
        let home = home(folder);
        let old = before.guards(folder, home.clone().or_else(|| Some(nowhere())))?;
        Some((folder.clone(), old, after.guards(folder, home)?))
    };
    folders.into_iter().filter_map(one).collect()
}

/// The place of what is never told.
fn nowhere() -> Place {
    (Source::new(FILE_NAME, ""), Span::default())
}

/// What the baseline of a path knows more than it did.
fn grown(before: &Snapshot, after: &Snapshot, path: &Path) -> Option<Grown> {
    let bytes = git::from_path(path);
    let new = text(after, &bytes)?;
    let read = |source: &Source| Baseline::parse(&source.text).ok();
    let old = text(before, &bytes).as_ref().and_then(read).unwrap_or_default();
    let (by, first) = read(&new)?.beyond(&old);
    let at = serde_json::to_string(&first?).ok().and_then(|words| {
        let at = new.text.find(&words)?;
        Some(Span::new(at, at + words.len()))
    });
    Some(Grown { path: files::shown(path), by, place: (new, at.unwrap_or_default()) })
}

/// What ceilings may rise by, of each configuration that says so before the change.
fn budgets<'a>(comparison: &'a Comparison, guarded: &[(PathBuf, Guards, Guards)]) -> Vec<Budget<'a>> {
    let of = |folder: &Path| {
        let (_, old, _) = guarded.iter().find(|(at, ..)| at == folder)?;
        let said = old.budget.as_ref()?;
        Some((said.place.as_ref()?.0.name.to_string(), said.value))
    };
    let mut budgets: BTreeMap<String, Budget<'a>> = BTreeMap::new();
    for (policy, pair) in comparison.difference.policies.iter().zip(&comparison.pairs) {
        let old = pair.before.and_then(|at| comparison.before.policies.get(at));
        let new = pair.after.and_then(|at| comparison.after.policies.get(at));
        let Some((said, most)) = new.or(old).and_then(|version| of(&version.folder)) else { continue };
        let budget = budgets.entry(said.clone()).or_insert(Budget { most, said, moved: Vec::new() });
        budget.moved.push(Moved {
            name: &policy.id,
            before: old.map_or(0, |old| ceiling(&old.policy)),
            after: new.map_or(0, |new| ceiling(&new.policy)),
            version: new.map(|new| (&new.policy, &new.request.source)),
        });
    }
    budgets.into_values().collect()
}

/// The rules of the organisation that `there` are and `now` are no more, or matter less; `place` says
/// where to tell of one.
pub fn lost(
    there: &[OrgRule],
    now: &[OrgRule],
    place: &dyn Fn(Option<&OrgRule>) -> Option<Place>,
) -> Vec<LostRule> {
    let mut lost = Vec::new();
    for rule in there {
        let now = now.iter().find(|now| now.id == rule.id);
        if now.is_none_or(|now| now.level < rule.level)
            && let Some(place) = place(now)
        {
            lost.push(LostRule {
                id: rule.id.clone(),
                was: rule.level,
                now: now.map(|now| now.level),
                place,
            });
        }
    }
    lost
}

/// What is told of rules that are lost.
pub fn told(lost: &[LostRule]) -> Vec<Finding> {
    let view = ChangeView { lost: lost.iter().collect(), ..ChangeView::default() };
    changed(&view, &|id| rules::rule(id).is_some())
}

/// The place of a rule in its file.
pub fn place_of(rule: &OrgRule, files: &[Source]) -> Option<Place> {
    let source = files.iter().find(|source| *source.name == *rule.place.source)?;
    let line = LineIndex::new(&source.text).line_span(&source.text, rule.place.line);
    Some((source.clone(), line.unwrap_or_default()))
}
