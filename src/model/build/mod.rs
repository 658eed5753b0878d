//! From what a file declared to policies that can be decided with: every name resolved, every
//! default filled in, every mistake a finding with its place.
//!
//! May import: `text`, `model`.

pub mod catalogue;

pub use catalogue::{Catalogue, CatalogueError, Expanded, NoCatalogue, Request};
