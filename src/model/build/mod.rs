//! From what a file declared to policies that can be decided with: every name resolved, every
//! default filled in, every mistake a finding with its place, all of a file at once.
//!
//! May import: `text`, `model`.

mod at;
pub mod catalogue;
mod limits;
mod metrics;
mod policy;
mod read;
mod regions;
mod rules;
mod schedule;
mod script;
mod sources;
mod target;
mod words;

pub use catalogue::{Catalogue, CatalogueError, Expanded, NoCatalogue, Request};
pub use schedule::zone;
pub use script::{Entry, script};

use super::finding::Finding;
use super::policy::Policy;
use super::raw::{Outline, OutlinePolicy, RawFile, RawPolicy};
use crate::text::Source;
use at::{Builder, Where};
use std::collections::HashMap;

/// A file that was run (or read, where it will not run) and all that is known of its text.
#[derive(Clone, Copy)]
pub struct File<'a> {
    /// What it declared.
    pub raw: &'a RawFile,
    /// Its text.
    pub source: &'a Source,
    /// The files that it required, for the places of what they made.
    pub required: &'a [Source],
    /// Where its parts stand.
    pub outline: &'a Outline,
    /// The gateways that its metrics may come from.
    pub catalogue: &'a dyn Catalogue,
}

/// Builds the policies of a file. Those with an error are left out, and each error is a
/// finding, up to 100 of a file; findings come in the order of the text.
pub fn policies(file: &File<'_>) -> (Vec<Policy>, Vec<Finding>) {
    let sources = std::iter::once(file.source).chain(file.required);
    let mut builder = Builder::new(sources, file.catalogue);
    for read in &file.outline.reads {
        builder.reads.entry(read.function).or_default().push(read);
    }
    let mut taken = vec![false; file.outline.policies.len()];
    let mut names: HashMap<&str, Where> = HashMap::new();
    let mut built = Vec::new();
    for raw in &file.raw.policies {
        let before = builder.errors();
        let outline = place_of(raw, &file.outline.policies, &mut taken);
        let whole = match outline {
            Some(outline) => Where { source: file.source.name.clone(), span: outline.span },
            None => builder
                .line(&raw.place)
                .unwrap_or(Where { source: file.source.name.clone(), span: Default::default() }),
        };
        let name = match outline {
            Some(outline) => Where { source: file.source.name.clone(), span: outline.name_span },
            None => whole.clone(),
        };
        if builder.check_name(&name, "the name of the policy", &raw.name) {
            match names.get(raw.name.as_str()).cloned() {
                None => {
                    names.insert(&raw.name, name.clone());
                }
                Some(first) => {
                    builder.error(
                        "duplicate-name",
                        &name,
                        format!("two policies of this file are named {}", words::quoted(&raw.name)),
                        "give each policy a name of its own: state, reports and samples go by it",
                    );
                    builder.also(&first, "the first of them");
                }
            }
        }
        let policy = policy::policy(&mut builder, raw, outline.map(|o| &o.root), &whole, name.span);
        let failed = builder.errors() > before;
        built.extend(policy.filter(|_| !failed));
    }
    (built, builder.finish(&file.source.name))
}

/// The outline of a policy: the first free one of its name, by preference on its line; else one
/// whose name is computed and that stands on its line (a loop declares several from one place).
fn place_of<'o>(
    raw: &RawPolicy,
    outlines: &'o [OutlinePolicy],
    taken: &mut [bool],
) -> Option<&'o OutlinePolicy> {
    let named = |(i, o): &(usize, &OutlinePolicy), taken: &[bool]| {
        !taken[*i] && o.name.as_deref() == Some(raw.name.as_str())
    };
    let all = || outlines.iter().enumerate();
    let found = all()
        .find(|entry| named(entry, taken) && entry.1.line == raw.place.line)
        .or_else(|| all().find(|entry| named(entry, taken)));
    if let Some((i, outline)) = found {
        taken[i] = true;
        return Some(outline);
    }
    outlines.iter().find(|o| o.name.is_none() && o.line == raw.place.line)
}
