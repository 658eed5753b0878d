//! What servers said about policies, as data: the edge asks, the rules of the family Online judge.
//!
//! May import: `text`, `model`, `lint`'s own modules.

use super::{Check, PolicyView, Wanted, each};
use crate::model::{Finding, Policy, Target};
use crate::text::{Source, Spanned};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What was asked and answered. What could not be asked is not in it: that is no policy's fault.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OnlineFacts {
    /// One for each metric that was asked for.
    pub queries: Vec<QueryFact>,
    /// One for each target that was looked for.
    pub targets: Vec<TargetFact>,
    /// Environment variables of `secrets:` that have no value, by name.
    pub unset: Vec<String>,
}

/// What a server answered to a metric's query.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct QueryFact {
    /// Name of the policy.
    pub policy: String,
    /// The region whose own metric it is.
    pub region: Option<String>,
    /// Name of the metric.
    pub metric: String,
    /// Why the server would not evaluate the query, in its words.
    pub refused: Option<String>,
    /// The series of the answer; a scalar is one without labels.
    pub series: Vec<SeriesFact>,
    /// What the query reads, where it was asked for.
    pub inputs: Vec<InputFact>,
}

/// One series of an answer.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SeriesFact {
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its value; may be NaN or infinite.
    pub value: f64,
}

/// A selector of a query, asked for by itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InputFact {
    /// The selector, as PromQL.
    pub selector: String,
    /// Age of its youngest sample in seconds; `None` where it matches nothing.
    pub age: Option<f64>,
}

/// What a cluster knows of a target.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TargetFact {
    /// Name of the policy.
    pub policy: String,
    /// The region whose own target it is.
    pub region: Option<String>,
    /// The replicas that it is to have now; `None` where it is not there.
    pub replicas: Option<u32>,
    /// Why it cannot be scaled although its kind is known, in words.
    pub unscalable: Option<String>,
    /// Names of the same kind in the same namespace, where it is not there.
    pub others: Vec<String>,
    /// What else scales it.
    pub scalers: Vec<Scaler>,
}

/// Something else that scales a target.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Scaler {
    /// `HorizontalPodAutoscaler`, `ScaledObject`, `luascale policy`.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// Its bounds, in words (`2 to 20 replicas`); empty where they are not known.
    pub bounds: String,
}

/// An entry under `secrets:`.
#[derive(Debug, Clone, Copy)]
pub struct DeclaredSecret<'a> {
    /// Its name.
    pub name: &'a Spanned<String>,
    /// The environment variable that holds it.
    pub env: &'a str,
    /// Where it is declared.
    pub source: &'a Source,
}

/// What the rules of the family look at.
pub struct OnlineView<'a> {
    /// All policies of the check.
    pub policies: &'a [PolicyView<'a>],
    /// What the configurations declare as secrets.
    pub secrets: &'a [DeclaredSecret<'a>],
    /// What was asked and answered.
    pub facts: &'a OnlineFacts,
}

impl<'a> OnlineView<'a> {
    /// The policy of a name.
    pub fn policy(&self, name: &str) -> Option<&PolicyView<'a>> {
        self.policies.iter().find(|view| view.policy.name.value == name)
    }
}

/// Runs the rules of the family.
pub fn online(view: &OnlineView<'_>) -> Vec<Finding> {
    each(&Wanted::all(), |check, sink| {
        if let Check::Online(check) = check {
            check(view, sink);
        }
    })
}

/// The targets of a policy, each with the region whose own it is: what is to be asked for.
pub fn targets(policy: &Policy) -> Vec<(Option<&str>, &Target)> {
    let own = policy.target.iter().map(|target| (None, &target.value));
    let regions = policy.regions.iter().flat_map(|regions| &regions.regions);
    own.chain(regions.filter_map(|r| Some((Some(r.name.as_str()), r.target.as_ref()?)))).collect()
}
