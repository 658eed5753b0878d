//! A policy as an HPA or a ScaledObject. May import: `text`, `model`, siblings.

mod common;
mod hpa;
mod keda;

use super::{Dialect, Remark, Remarks};
use crate::model::Policy;

/// What an export needs beside the policy.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Address of the Prometheus that KEDA asks, for queries that name no server.
    pub prometheus: Option<String>,
}

/// What came of an export.
#[derive(Debug, Clone)]
pub struct Exported {
    /// The object in YAML; `None` where nothing of the policy's decisions can be expressed.
    pub document: Option<String>,
    /// What does not cross over as it is.
    pub remarks: Vec<Remark>,
}

/// Writes a policy as an object of another autoscaler.
///
/// The numbers are exact to a thousandth, as Kubernetes counts; durations to a second.
pub fn export(policy: &Policy, to: Dialect, options: &Options) -> Exported {
    let mut remarks = Remarks::default();
    let object = match to {
        Dialect::Hpa => hpa::object(policy, &mut remarks),
        Dialect::Keda => keda::object(policy, options, &mut remarks),
    };
    // Values of these shapes always print.
    let document = object.and_then(|object| serde_yaml::to_string(&object).ok());
    Exported { document, remarks: remarks.0 }
}
