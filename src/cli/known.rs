//! Baselines of a check: which findings are known, and the file that says so. Edge.

use super::failure::Failure;
use super::{files, output};
use crate::git::{self, Snapshot};
use crate::lint::baseline::{Baseline, Texts};
use crate::lint::{Review, Told};
use crate::model::Finding;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A baseline, wherever it is kept.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Kept {
    /// As it is shown.
    shown: String,
    from: From,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum From {
    /// A file of the disk.
    Disk(PathBuf),
    /// What a side of a repository has; nothing where it has no such file.
    Side(Option<Vec<u8>>),
}

impl Kept {
    /// A file of the disk.
    pub fn of_disk(path: PathBuf) -> Kept {
        Kept { shown: files::shown(&path), from: From::Disk(path) }
    }

    /// What a side of a repository has at a path; `side` is what it is called.
    ///
    /// # Errors
    /// Where it is there and cannot be read.
    pub fn at(snapshot: &Snapshot, path: &Path, side: &str) -> Result<Kept, Failure> {
        let bytes = git::from_path(path);
        let shown = format!("{} at {side}", files::shown(path));
        let there =
            match snapshot.entry(&bytes)? {
                None => None,
                Some(_) => Some(snapshot.read(&bytes, files::MAX_SOURCE).map_err(|why| {
                    Failure::environment(format!("cannot read the baseline {shown}: {why}"))
                })?),
            };
        Ok(Kept { shown, from: From::Side(there) })
    }

    fn read(&self, findings: &[&Finding], texts: &Texts<'_>, update: bool) -> Result<Baseline, Failure> {
        let shown = &self.shown;
        let parse = |bytes: &[u8]| {
            Baseline::parse(&String::from_utf8_lossy(bytes))
                .map_err(|why| Failure::usage(format!("{shown} is no baseline: {why}")))
        };
        match &self.from {
            From::Side(there) => there.as_deref().map_or_else(|| Ok(Baseline::default()), parse),
            From::Disk(path) if path.exists() => {
                let bytes = files::read_limited(path, files::MAX_SOURCE)
                    .map_err(|why| Failure::environment(format!("cannot read {shown}: {why}")))?;
                parse(&bytes)
            }
            From::Disk(_) if update => Ok(Baseline::of(findings, texts)),
            From::Disk(_) => Err(Failure::usage(format!("there is no baseline {shown}"))
                .hint("write one of all that is found now: --update-baseline")),
        }
    }
}

/// What baselines came to.
#[derive(Default)]
pub struct Known {
    /// Findings that are known.
    pub known: usize,
    /// Findings that baselines know and that are cured.
    pub cured: u32,
    /// What was written.
    pub written: Vec<String>,
}

/// Takes the findings that baselines know out of a review. `kept` has the baseline of each of
/// the review's groups. Where `update` is set, baselines lose what was cured, and those that are
/// not there yet are written of all findings.
///
/// # Errors
/// A baseline that cannot be read, written or understood.
pub fn apply(
    review: &mut Review,
    kept: &[Option<Kept>],
    texts: &Texts<'_>,
    update: bool,
) -> Result<Known, Failure> {
    let mut files: BTreeMap<&Kept, Vec<usize>> = BTreeMap::new();
    for (group, kept) in kept.iter().enumerate() {
        if let Some(kept) = kept {
            files.entry(kept).or_default().push(group);
        }
    }
    let mut out = Known::default();
    for (kept, groups) in files {
        if let From::Disk(path) = &kept.from
            && update
        {
            output::checked(path)?;
        }
        let (own, others): (Vec<Told>, Vec<Told>) =
            std::mem::take(&mut review.told).into_iter().partition(|told| groups.contains(&told.group));
        let findings: Vec<_> = own.iter().map(|told| &told.finding).collect();
        let held = kept.read(&findings, texts, update)?.hold(&findings, texts);
        match &kept.from {
            From::Disk(path) if update => {
                output::write(path, held.left.text().as_bytes())?;
                out.written.push(kept.shown.clone());
            }
            From::Disk(_) => out.cured += held.cured,
            // Of a change only what it touches is looked at.
            From::Side(_) => {}
        }
        out.known += held.known.iter().filter(|known| **known).count();
        let new = own.into_iter().zip(held.known).filter(|(_, known)| !known).map(|(told, _)| told);
        review.told = others.into_iter().chain(new).collect();
    }
    review.told.sort_by(|a, b| a.finding.order(&b.finding));
    Ok(out)
}
