//! The linter: rules that look at a file's text, at a policy, at all policies together, at a run.
//!
//! A rule is a page in `rules/`, a function, and a line in [`rules::RULES`]. The page is its only
//! metadata. Findings of loading (`unknown-field`, `bad-cron`) are rules too, with pages, raised
//! elsewhere. May import: `text`, `model`, `syntax`, `decide`, `sim`.

pub mod baseline;
pub mod changed;
pub mod examples;
pub mod fix;
pub mod intervals;
pub mod online;
pub mod organisation;
pub mod page;
pub mod point;
pub mod promql;
pub mod query;
pub mod review;
pub mod rules;
pub mod scopes;
pub mod settings;
pub mod sink;
mod slope;
pub mod solve;
pub mod suppress;
pub mod ticks;

pub use page::{FixKind, Page};
pub use query::QueryView;
pub use review::{Group, Review, Suppressed, Told, review};
pub use scopes::Scopes;
pub use settings::{Settings, Wanted};
pub use sink::Sink;
pub use ticks::Ticks;

use crate::model::raw::OutlinePolicy;
use crate::model::{Duration, Finding, Form, Policy};
use crate::sim::trace::Run;
use crate::syntax::{Parsed, Tree, walk};
use crate::text::Source;
use full_moon::ast::Stmt;
use full_moon::node::Node;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

/// What a rule looks at; the scope is the variant.
#[derive(Clone, Copy)]
pub enum Check {
    /// Nothing: loading, reading or another rule's function raises it.
    Elsewhere,
    /// The syntax tree of one file.
    Tree(fn(&TreeView<'_>, &mut Sink<'_>)),
    /// One policy that loads.
    Policy(fn(&PolicyView<'_>, &mut Sink<'_>)),
    /// One PromQL query of a policy.
    Query(fn(&QueryView<'_>, &mut Sink<'_>)),
    /// All policies of a check together.
    Set(fn(&[PolicyView<'_>], &mut Sink<'_>)),
    /// One policy, on the days that follow one.
    Dated(fn(&PolicyView<'_>, Date, &mut Sink<'_>)),
    /// A policy's runs on recorded metrics.
    Run(fn(&RunView<'_>, &mut Sink<'_>)),
    /// A change in git.
    Change(fn(&changed::ChangeView<'_>, &mut Sink<'_>)),
    /// What servers say about all policies of a check.
    Online(fn(&online::OnlineView<'_>, &mut Sink<'_>)),
}

/// What a file is to the engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// It declares policies.
    Policy,
    /// It is run at each tick.
    Script,
    /// A policy or a script requires it.
    Module,
    /// Lua that the engine does not run, as far as can be told: what a policy can see and do is
    /// no measure for it.
    Other,
}

impl Role {
    /// The role of a file: `entry` where luascale.yaml has one for it, `required` where a
    /// policy or a script requires it. Without either, one that uses the engine's functions is a
    /// script.
    pub fn of(tree: &Tree<'_>, scopes: &Scopes<'_>, entry: bool, required: bool) -> Role {
        const ACTS: [&str; 3] = ["scale_out", "scale_in", "set_replicas"];
        // A table of this name may be anything; one that decides is meant to be the engine's.
        let decides = |name: &str| {
            name == "metrics"
                && tree.block.stmts().any(|stmt| match stmt {
                    Stmt::If(choice) => choice.condition().tokens().any(|t| walk::word(t) == "metrics"),
                    _ => false,
                })
        };
        let names = |name: &str| ACTS.contains(&name) || decides(name);
        match (tree.declares, entry, required) {
            (true, ..) => Role::Policy,
            (_, true, _) => Role::Script,
            (_, _, true) => Role::Module,
            _ if scopes.globals.iter().any(|g| g.name == "metrics" || names(g.name)) => Role::Script,
            _ if scopes.variables.iter().any(|v| v.function == 0 && names(v.name)) => Role::Script,
            _ => Role::Other,
        }
    }

    /// Whether the engine's VM runs it.
    pub fn is_ours(self) -> bool {
        self != Role::Other
    }
}

/// A file's text and its syntax tree.
pub struct TreeView<'a> {
    /// The file.
    pub source: &'a Source,
    /// The tree and what was learnt of it.
    pub tree: &'a Tree<'a>,
    /// What the file is to the engine.
    pub role: Role,
    /// Its names, and its parts in lists.
    pub scopes: Scopes<'a>,
    /// The functions that run at a tick.
    pub ticks: Ticks,
}

impl<'a> TreeView<'a> {
    /// Looks at a file's tree; `entry` and `required` as in [`Role::of`].
    pub fn new(source: &'a Source, tree: &'a Tree<'a>, entry: bool, required: bool) -> TreeView<'a> {
        let scopes = Scopes::new(tree.block, tree.text);
        let role = Role::of(tree, &scopes, entry, required);
        let ticks = Ticks::new(&scopes, role);
        TreeView { source, tree, role, scopes, ticks }
    }

    /// The text at a place.
    pub fn text(&self, span: crate::text::Span) -> &'a str {
        self.tree.text.get(span.start as usize..span.end as usize).unwrap_or_default()
    }
}

/// A policy, and the text that declares it.
#[derive(Clone, Copy)]
pub struct PolicyView<'a> {
    /// The policy.
    pub policy: &'a Policy,
    /// Its file.
    pub source: &'a Source,
    /// The text that its fields are declared in: luascale.yaml for a script, else its file.
    pub declared: &'a Source,
    /// What the text of the file says.
    pub parsed: &'a Parsed,
    /// Where its parts stand, where that can be told.
    pub outline: Option<&'a OutlinePolicy>,
}

/// A policy and what it did on its recordings.
pub struct RunView<'a> {
    /// The policy.
    pub policy: PolicyView<'a>,
    /// One run a recording; at least one.
    pub runs: &'a [Run],
}

/// What the linter takes for granted where a policy does not say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assumptions {
    /// How often Prometheus takes a sample.
    pub scrape_interval: Duration,
}

impl Default for Assumptions {
    fn default() -> Assumptions {
        Assumptions { scrape_interval: Duration::from_secs(30) }
    }
}

/// A file that was loaded as far as it can be, and what the rules that look at it alone found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Checked {
    /// The policies that are sound, in the order declared.
    pub policies: Vec<Policy>,
    /// What was found.
    pub findings: Vec<Finding>,
    /// The file, then all that findings may point into.
    pub sources: Vec<Source>,
    /// What the text of the file says.
    pub parsed: Parsed,
}

impl Checked {
    /// A finding that no file's own check made, with the text that it points into.
    pub fn said(finding: Finding, source: Option<Source>) -> Checked {
        let (findings, sources) = (vec![finding], source.into_iter().collect());
        Checked { policies: Vec::new(), findings, sources, parsed: Parsed::default() }
    }

    /// Its policies, as rules look at them.
    pub fn views(&self) -> Vec<PolicyView<'_>> {
        let Some(source) = self.sources.first() else { return Vec::new() };
        // A script's entry stands right after it.
        let entry = self.sources.get(1).unwrap_or(source);
        let declared = |policy: &Policy| if policy.form == Form::Script { entry } else { source };
        self.policies.iter().map(|policy| view(policy, source, declared(policy), &self.parsed)).collect()
    }
}

fn view<'a>(
    policy: &'a Policy,
    source: &'a Source,
    declared: &'a Source,
    parsed: &'a Parsed,
) -> PolicyView<'a> {
    let name = &policy.name;
    let outline =
        parsed.outline.policies.iter().find(|o| {
            o.name_span == name.span && o.name.as_ref().is_none_or(|written| *written == name.value)
        });
    PolicyView { policy, source, declared, parsed, outline }
}

/// Runs the rules that look at a file's tree; `entry` and `required` as in [`Role::of`].
pub fn tree(
    source: &Source,
    tree: &Tree<'_>,
    (entry, required): (bool, bool),
    wanted: &Wanted,
) -> Vec<Finding> {
    if !wanted.rules().any(|rule| matches!(rule.check, Check::Tree(_))) {
        return Vec::new();
    }
    let view = TreeView::new(source, tree, entry, required);
    each(wanted, |check, sink| {
        if let Check::Tree(check) = check {
            check(&view, sink);
        }
    })
}

/// Runs the rules that look at one policy and at its queries.
pub fn policy(view: &PolicyView<'_>, assumptions: Assumptions, wanted: &Wanted) -> Vec<Finding> {
    let asks = wanted.rules().any(|rule| matches!(rule.check, Check::Query(_)));
    let queries = if asks { query::views(view, assumptions) } else { Vec::new() };
    each(wanted, |check, sink| match check {
        Check::Policy(check) => check(view, sink),
        Check::Query(check) => queries.iter().for_each(|query| check(query, sink)),
        _ => {}
    })
}

/// Runs the rules that look at all policies together.
pub fn set(views: &[PolicyView<'_>], wanted: &Wanted) -> Vec<Finding> {
    each(wanted, |check, sink| {
        if let Check::Set(check) = check {
            check(views, sink);
        }
    })
}

/// Runs the rules that look at one policy and the days from `today` on.
pub fn dated(view: &PolicyView<'_>, today: Date, wanted: &Wanted) -> Vec<Finding> {
    each(wanted, |check, sink| {
        if let Check::Dated(check) = check {
            check(view, today, sink);
        }
    })
}

/// Runs the rules that look at a policy's runs.
pub fn run(view: &RunView<'_>, wanted: &Wanted) -> Vec<Finding> {
    each(wanted, |check, sink| {
        if let Check::Run(check) = check {
            check(view, sink);
        }
    })
}

/// The rules that are wanted look; what is told is settled where findings are reviewed.
fn each(wanted: &Wanted, run: impl Fn(Check, &mut Sink<'_>)) -> Vec<Finding> {
    let mut findings = Vec::new();
    for rule in wanted.rules() {
        run(rule.check, &mut Sink::new(rule, &mut findings));
    }
    findings
}
