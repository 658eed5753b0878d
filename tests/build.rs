//! From the text of a policy to the policy, or to findings: what a user reads who made a slip.
//! The literals of the text feed `build` here; that the VM gives the same is tested with it.

use luascale::model::build::{self, Catalogue, CatalogueError, Expanded, Request};
use luascale::model::policy::{Family, MetricSource, Per, Policy, Scrape, ScrapeReading, Unit};
use luascale::model::{Finding, Level};
use luascale::syntax;
use luascale::text::{LineIndex, Source};

/// A catalogue of one gateway with two signals.
struct Haproxy;

impl Catalogue for Haproxy {
    fn expand(&self, request: &Request<'_>) -> Result<Expanded, Vec<CatalogueError>> {
        if request.constructor != "gateway.haproxy" {
            return Err(vec![CatalogueError::UnknownConstructor { known: self.constructors() }]);
        }
        let mut errors = Vec::new();
        let signal = request.signal.unwrap_or(request.key);
        if !["rps", "queue"].contains(&signal) {
            let known = vec!["rps".into(), "queue".into()];
            errors.push(CatalogueError::UnknownSignal { signal: signal.into(), known });
        }
        let known = ["url", "backend"];
        for (name, _) in request.arguments.iter().filter(|(n, _)| !known.contains(&n.as_str())) {
            let known = known.map(String::from).to_vec();
            errors.push(CatalogueError::UnknownArgument { name: name.clone(), known });
        }
        let url = request.arguments.iter().find(|(n, _)| n == "url");
        if url.is_none() {
            let example = "url = \"http://haproxy:8405/metrics\"".into();
            errors.push(CatalogueError::MissingArgument { name: "url".into(), example });
        }
        let (Some((_, url)), true) = (url, errors.is_empty()) else { return Err(errors) };
        let unit = if signal == "rps" { Unit::PerSecond } else { Unit::Count };
        let family = Family { name: "haproxy".into(), labels: request.labels.to_vec() };
        let from = Some((request.constructor.to_string(), signal.to_string()));
        let source = Scrape { url: url.clone(), from, reading: ScrapeReading::Rate(family), scale: 1.0 };
        Ok(Expanded {
            signal: signal.into(),
            source: MetricSource::Scrape(source),
            unit,
            per: Some(Per::Total),
        })
    }

    fn constructors(&self) -> Vec<String> {
        vec!["gateway.haproxy".into()]
    }
}

/// Everything that is found in a file, and its policies.
fn load(text: &str) -> (Vec<Policy>, Vec<Finding>) {
    let source = Source::new("policy.lua", text);
    let parsed = syntax::parse(&source);
    let (policies, findings) = build::policies(&build::File {
        raw: &parsed.literals,
        source: &source,
        required: &[],
        outline: &parsed.outline,
        catalogue: &Haproxy,
    });
    (policies, [parsed.findings, parsed.purity, findings].concat())
}

/// A finding in lines: rule and message, what is pointed at, help.
fn render(text: &str, finding: &Finding) -> String {
    let lines = LineIndex::new(text);
    let mut out = format!("{}: {}\n", finding.rule, finding.message);
    for label in &finding.labels {
        let at = lines.position(text, label.span.start);
        let what = text.get(label.span.start as usize..label.span.end as usize).unwrap_or("?");
        let what = what.split('\n').next().unwrap_or_default();
        let says = if label.text.is_empty() { String::new() } else { format!("  ({})", label.text) };
        out.push_str(&format!("  {}:{}:{}  {what}{says}\n", label.source, at.line, at.column));
    }
    if let Some(help) = &finding.help {
        out.push_str(&format!("  = {help}\n"));
    }
    out
}

fn rendered(text: &str) -> String {
    load(text).1.iter().map(|f| render(text, f)).collect::<Vec<_>>().join("")
}

const FULL: &str = include_str!("data/policies/full.lua");

#[test]
fn the_policy_of_the_language_reference_loads_clean() {
    let (policies, _) = load(FULL);
    assert_eq!(rendered(FULL), "");
    let policy = &policies[0];
    assert_eq!(policy.name.value, "checkout-api");
    assert_eq!(
        policy.metrics.iter().map(|m| m.name.value.as_str()).collect::<Vec<_>>(),
        ["cpu", "p95", "rps"]
    );
}
