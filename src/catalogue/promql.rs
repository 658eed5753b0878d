//! From a reading to the PromQL query that has the same meaning. May import: siblings, `model`.

use crate::model::policy::{Family, ScrapeReading};
use std::fmt::Write;

/// The query of a reading, over `window` where it needs one.
pub fn query(reading: &ScrapeReading, scale: f64, window: &str) -> String {
    let rate = |family: &Family| format!("sum(rate({}[{window}]))", selector(&family.name, &family.labels));
    let body = match reading {
        ScrapeReading::Sum(f) => format!("sum({})", selector(&f.name, &f.labels)),
        ScrapeReading::Max(f) => format!("max({})", selector(&f.name, &f.labels)),
        ScrapeReading::Avg(f) => format!("avg({})", selector(&f.name, &f.labels)),
        ScrapeReading::Rate(f) => rate(f),
        // Series of failures are often absent until the first one: no failure is 0, not nothing.
        // Without any event there is no ratio, and a division would make NaN of it.
        ScrapeReading::RateRatio(a, b) => format!("({} or vector(0)) / ({} > 0)", rate(a), rate(b)),
        ScrapeReading::Quantile(q, f) => {
            let buckets = selector(&format!("{}_bucket", f.name), &f.labels);
            format!("histogram_quantile({q}, sum by (le) (rate({buckets}[{window}])))")
        }
    };
    if scale == 1.0 { body } else { format!("{body} * {scale}") }
}

/// A hand-written query with its `$labels` and `$window` filled in.
pub fn fill(template: &str, labels: &[(String, String)], window: &str) -> String {
    let matchers = matchers(labels);
    let braces = if matchers.is_empty() { String::new() } else { format!("{{{matchers}}}") };
    // Braces that hold nothing else go with them; what a user writes is filled in last.
    template.replace("$window", window).replace("{$labels}", &braces).replace("$labels", &matchers)
}

fn selector(name: &str, labels: &[(String, String)]) -> String {
    if labels.is_empty() { name.to_owned() } else { format!("{name}{{{}}}", matchers(labels)) }
}

fn matchers(labels: &[(String, String)]) -> String {
    let mut out = String::new();
    for (name, value) in labels {
        let (operator, value) = split_matcher(value);
        if !out.is_empty() {
            out.push(',');
        }
        let _ = write!(out, "{name}{operator}\"");
        for c in value.chars() {
            match c {
                '"' => out.push_str("\\\""),
                '\\' => out.push_str("\\\\"),
                '\n' => out.push_str("\\n"),
                c => out.push(c),
            }
        }
        out.push('"');
    }
    out
}

/// The operator that a label's value begins with, `=` where there is none, and the rest.
pub fn split_matcher(value: &str) -> (&'static str, &str) {
    for operator in ["=~", "!=", "!~"] {
        if let Some(rest) = value.strip_prefix(operator) {
            return (operator, rest);
        }
    }
    ("=", value)
}

/// What is wrong with a query's brackets and quotes, if anything is.
pub fn unbalanced(query: &str) -> Option<String> {
    let mut open = Vec::new();
    let mut chars = query.chars();
    while let Some(c) = chars.next() {
        match c {
            '(' => open.push(')'),
            '[' => open.push(']'),
            '{' => open.push('}'),
            ')' | ']' | '}' if open.pop() != Some(c) => return Some(format!("`{c}` closes nothing")),
            '"' | '\'' | '`' => loop {
                match chars.next() {
                    None => return Some(format!("a {c} is not closed")),
                    Some('\\') if c != '`' => {
                        chars.next();
                    }
                    Some(end) if end == c => break,
                    Some(_) => {}
                }
            },
            _ => {}
        }
    }
    open.pop().map(|c| format!("`{c}` is missing"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_user_writes_cannot_leave_its_quotes() {
        let labels = [
            ("a".to_owned(), "=~x\"} or vector(1) #\n\\".to_owned()),
            ("b".to_owned(), "$window".to_owned()),
        ];
        assert_eq!(
            fill("rate(x{$labels}[$window])", &labels, "1m"),
            r##"rate(x{a=~"x\"} or vector(1) #\n\\",b="$window"}[1m])"##
        );
        assert_eq!(fill("sum(x{$labels}) + y{k=\"v\",$labels}", &[], "1m"), "sum(x) + y{k=\"v\",}");
    }

    #[test]
    fn brackets_and_quotes_are_matched() {
        for whole in ["sum(rate(x{a=\"(\"}[5m]))", "x{a='\\''}", "x{a=`\\`}", ""] {
            assert_eq!(unbalanced(whole), None, "{whole}");
        }
        for broken in ["sum(x", "sum(x]", "x)", "x{a=\"}", "x{a='\\'}"] {
            assert!(unbalanced(broken).is_some(), "{broken}");
        }
    }
}
