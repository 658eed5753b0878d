//! Policies as objects of other autoscalers, and back: the Kubernetes HPA and KEDA.
//!
//! What cannot be said there is named, field by field; nothing is left out in silence. Pure:
//! a policy or a text comes in, a text goes out. May import: `text`, `model`, `yaml`.
//!
//! Sources: the API reference of `autoscaling/v2` (Kubernetes 1.36) and of KEDA's
//! `keda.sh/v1alpha1` ScaledObject (2.20).

mod behavior;
mod clock;
pub mod export;
pub mod import;
mod lua;

use crate::model::quantity;
use crate::text::Span;
use serde::Serialize;

/// Another autoscaler.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// `autoscaling/v2` HorizontalPodAutoscaler.
    Hpa,
    /// `keda.sh/v1alpha1` ScaledObject.
    Keda,
}

impl Dialect {
    /// What people call it.
    pub fn name(self) -> &'static str {
        match self {
            Dialect::Hpa => "an HPA",
            Dialect::Keda => "a ScaledObject",
        }
    }
}

/// Something that does not cross over as it is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Remark {
    /// The field, as written where it comes from: `cooldown.scale_in`, `spec.triggers[2]`.
    pub field: String,
    /// Whether the two then decide or act differently. Where not, something has to be provided or
    /// looked at for them to be the same.
    pub lost: bool,
    /// Why, in a sentence.
    pub why: String,
    /// What to do instead; may be empty.
    pub instead: String,
    /// Where the field stands.
    pub place: Span,
}

/// Remarks in the order in which they are found.
#[derive(Debug, Default)]
pub(crate) struct Remarks(pub Vec<Remark>);

impl Remarks {
    /// Something that is lost.
    pub fn lost(
        &mut self,
        field: impl Into<String>,
        place: Span,
        why: impl Into<String>,
        instead: impl Into<String>,
    ) {
        let (field, why, instead) = (field.into(), why.into(), instead.into());
        self.0.push(Remark { field, lost: true, why, instead, place });
    }

    /// Something that has to be provided, or looked at.
    pub fn note(
        &mut self,
        field: impl Into<String>,
        place: Span,
        why: impl Into<String>,
        instead: impl Into<String>,
    ) {
        let (field, why, instead) = (field.into(), why.into(), instead.into());
        self.0.push(Remark { field, lost: false, why, instead, place });
    }

    /// A number as a quantity; what is rounded is lost.
    fn quantity(&mut self, field: &str, place: Span, value: f64) -> String {
        let (text, exact) = quantity::format(value);
        if !exact {
            let why = format!("{value} becomes {text}: Kubernetes counts in thousandths");
            self.lost(field, place, why, "write a target in whole thousandths");
        }
        text
    }
}
