//! Baselines of a check: which findings are known, and the file that says so. Edge.

use super::failure::Failure;
use super::{files, output};
use crate::lint::baseline::{Baseline, Texts};
use crate::lint::{Review, Told};
use std::collections::BTreeMap;
use std::path::PathBuf;

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

/// Takes the findings that baselines know out of a review. `paths` has the baseline of each of
/// the review's groups. Where `update` is set, baselines lose what was cured, and those that are
/// not there yet are written of all findings.
///
/// # Errors
/// A baseline that cannot be read, written or understood.
pub fn apply(
    review: &mut Review,
    paths: &[Option<PathBuf>],
    texts: &Texts<'_>,
    update: bool,
) -> Result<Known, Failure> {
    let mut files: BTreeMap<&PathBuf, Vec<usize>> = BTreeMap::new();
    for (group, path) in paths.iter().enumerate() {
        if let Some(path) = path {
            files.entry(path).or_default().push(group);
        }
    }
    let mut out = Known::default();
    for (path, groups) in files {
        let shown = files::shown(path);
        if update {
            output::checked(path)?;
        }
        let (own, others): (Vec<Told>, Vec<Told>) =
            std::mem::take(&mut review.told).into_iter().partition(|told| groups.contains(&told.group));
        let findings: Vec<_> = own.iter().map(|told| &told.finding).collect();
        let baseline = match path.exists() {
            true => {
                let bytes = files::read_limited(path, files::MAX_SOURCE)
                    .map_err(|why| Failure::environment(format!("cannot read {shown}: {why}")))?;
                Baseline::parse(&String::from_utf8_lossy(&bytes))
                    .map_err(|why| Failure::usage(format!("{shown} is no baseline: {why}")))?
            }
            false if update => Baseline::of(&findings, texts),
            false => {
                return Err(Failure::usage(format!("there is no baseline {shown}"))
                    .hint("write one of all that is found now: --update-baseline"));
            }
        };
        let held = baseline.hold(&findings, texts);
        if update {
            output::write(path, held.left.text().as_bytes())?;
            out.written.push(shown);
        } else {
            out.cured += held.cured;
        }
        out.known += held.known.iter().filter(|known| **known).count();
        let new = own.into_iter().zip(held.known).filter(|(_, known)| !known).map(|(told, _)| told);
        review.told = others.into_iter().chain(new).collect();
    }
    review.told.sort_by(|a, b| a.finding.order(&b.finding));
    Ok(out)
}
