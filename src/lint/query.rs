//! The PromQL queries of a policy, read once for all rules, and their places in the text.
//!
//! May import: `text`, `model`, `syntax`, siblings.

use super::promql::{self, Node, Refused};
use super::{Assumptions, PolicyView};
use crate::model::policy::{Family, ScrapeReading};
use crate::model::{Metric, MetricSource};
use crate::syntax::literal;
use crate::text::Span;

/// A query of a policy.
pub struct QueryView<'a> {
    /// The policy.
    pub policy: PolicyView<'a>,
    /// The metric.
    pub metric: &'a Metric,
    /// The query.
    pub text: String,
    /// What it says, or why it says nothing.
    pub read: Result<Node, Refused>,
    /// Whether it stands for a `scrape`, which has no query in the text.
    pub scraped: bool,
    /// What is taken for granted.
    pub assumptions: Assumptions,
    /// Where it stands; the metric's name, where it stands nowhere.
    whole: Span,
    /// For each byte of the query, and for its end, the byte of the text; `None` where the query
    /// is not written as it is (a join of texts, a call).
    map: Option<Vec<u32>>,
}

/// All queries of a policy, those of its regions after its own.
pub fn views<'a>(view: &PolicyView<'a>, assumptions: Assumptions) -> Vec<QueryView<'a>> {
    let policy = view.policy;
    let regions = policy.regions.iter().flat_map(|r| &r.regions).flat_map(|r| &r.metrics);
    let one = |metric: &'a Metric| {
        let (text, span, scraped) = match &metric.source {
            MetricSource::Prometheus { query, .. } => (query.value.clone(), query.span, false),
            MetricSource::Scrape(scrape) if scrape.from.is_none() => {
                (scraped(&scrape.reading)?, Span::default(), true)
            }
            _ => return None,
        };
        let (whole, map) = match span.is_empty() {
            true => (metric.name.span, None),
            false => (span, written(&view.declared.text, span, &text)),
        };
        let read = promql::read(&text);
        Some(QueryView { policy: *view, metric, text, read, scraped, assumptions, whole, map })
    };
    policy.metrics.iter().chain(regions).filter_map(one).collect()
}

/// What a declared scrape reads, as a query; labels aside, which are exact there.
fn scraped(reading: &ScrapeReading) -> Option<String> {
    let name = |family: &Family| family.name.clone();
    match reading {
        ScrapeReading::Sum(family) => Some(format!("sum({})", name(family))),
        // Its window is the time between two evaluations, whatever that is.
        ScrapeReading::Rate(family) => Some(format!("sum(rate({}[1d]))", name(family))),
        _ => None,
    }
}

/// Where each byte of a query is written in a text.
fn written(text: &str, span: Span, query: &str) -> Option<Vec<u32>> {
    let here = text.get(span.start as usize..span.end as usize)?;
    if let Some(mapped) = literal::mapped(here)
        && mapped.bytes == query.as_bytes()
    {
        return Some(mapped.from.iter().map(|at| at + span.start).collect());
    }
    // YAML: as it is, once.
    let mut found = here.match_indices(query);
    match (found.next(), found.next()) {
        (Some((at, _)), None) => {
            let start = span.start + u32::try_from(at).ok()?;
            Some((start..).take(query.len() + 1).collect())
        }
        _ => None,
    }
}

impl QueryView<'_> {
    /// The place of a part of the query in the text; of the whole query, where its parts cannot
    /// be told.
    pub fn at(&self, part: Span) -> Span {
        let place = |map: &Vec<u32>| {
            let start = *map.get(part.start as usize)?;
            let end = *map.get(part.end as usize)?;
            // What an escape stands for ends where the next byte begins.
            (end > start).then_some(Span { start, end })
        };
        self.map.as_ref().and_then(place).unwrap_or(self.whole)
    }

    /// The whole query in the text.
    pub fn whole(&self) -> Span {
        self.whole
    }

    /// The text of a part, for a message: on one line, and not too long.
    pub fn shown(&self, part: Span) -> String {
        let text = self.text.get(part.start as usize..part.end as usize).unwrap_or_default();
        let line: Vec<&str> = text.split_whitespace().collect();
        let line = line.join(" ");
        match line.char_indices().nth(60) {
            Some((at, _)) => format!("{}…", line.get(..at).unwrap_or_default()),
            None => line,
        }
    }

    /// Its metric's name, in a message.
    pub fn name(&self) -> &str {
        &self.metric.name.value
    }
}
