//! Queries, their places, how many series they give, and their units.

use super::spread::spread;
use super::unit::quantity;
use super::*;

fn text(query: &str, span: Span) -> &str {
    &query[span.start as usize..span.end as usize]
}

/// Every place in a query, each node by its text.
fn places(query: &str) -> Vec<&str> {
    let node = read(query).unwrap_or_else(|e| panic!("{query}: {e:?}"));
    let mut out = Vec::new();
    node.each(&mut |node| out.push(text(query, node.span)));
    out
}

#[test]
fn every_node_knows_its_place() {
    assert_eq!(
        places("(sum by (a) (rate(x{b=\"1\", c=~\"2|3\"}[5m] offset 1m)) or vector(0)) / -+y  # end"),
        [
            "(sum by (a) (rate(x{b=\"1\", c=~\"2|3\"}[5m] offset 1m)) or vector(0)) / -+y",
            "(sum by (a) (rate(x{b=\"1\", c=~\"2|3\"}[5m] offset 1m)) or vector(0))",
            "sum by (a) (rate(x{b=\"1\", c=~\"2|3\"}[5m] offset 1m))",
            "rate(x{b=\"1\", c=~\"2|3\"}[5m] offset 1m)",
            "x{b=\"1\", c=~\"2|3\"}[5m] offset 1m",
            "vector(0)",
            "0",
            "-+y",
            "+y",
        ]
    );
    // None of these may part the tree from the text: each leaf would be the whole query then.
    for (query, leaves) in [
        ("quantile(0.9, {__name__=\"a\"}) without (b)", 2),
        ("avg_over_time(a [5m] offset 1m)", 1),
        ("a + on(x) group_left(y) b * ignoring(z) c", 3),
        ("a > bool on() 5 ^ -2 atan2 d", 4),
        ("max_over_time(rate(a[5m])[1h:30s] @ end() offset -5m)", 1),
        ("count_values(\"v\", a @ 1609746000) unless (b and c)", 4),
        ("SUM(a) BY (x) OR label_replace(b, \"x\", \"$1\", \"y\", \"(.*)\")", 6),
        ("topk(3, a{b!=\"\" or c=\"1\"}) - NaN + Inf", 4),
        ("histogram_quantile(0.95, sum by (le) (rate({\"x.y\", z=\"1\"}[5m])))", 2),
        ("time() - -1", 2),
        ("a * on(b) group_right c", 2),
        ("avg_over_time(a[5m:])", 1),
    ] {
        let node = read(query).unwrap_or_else(|refused| panic!("{query}: {refused:?}"));
        let mut found = Vec::new();
        node.each(&mut |n| {
            if n.below().is_empty() {
                found.push(text(query, n.span));
            }
        });
        assert_eq!(found.len(), leaves, "{query}: {found:?}");
        assert!(found.iter().all(|leaf| leaf.len() < query.len()), "{query}: {found:?}");
    }
}

#[test]
fn what_is_no_query_is_told_at_its_place() {
    for (query, at, part) in [
        ("sum(rate(x[5m])", "(", "never closed"),
        ("rat(x[5m])", "rat", "no function `rat`"),
        ("rate(x)", "rate", "rate"),
        ("sum(x) /", "/", "ends after"),
        ("sum(x) sum(y)", "sum", "operator is missing"),
        ("sum(x) / / sum(y)", "/", "before `/`"),
        ("x{a=b}", "b", "b"),
        ("x[5 m]", "m", ""),
        ("sum(x) by pod", "by", "list of labels"),
        ("avg(cpu{pod=\"a\"}) = 1", "=", "`==`"),
        ("x[$__rate_interval]", "$", "dashboard"),
        ("", "", "empty"),
        ("sum()", "sum", "no arguments"),
        ("x{a=~\"(\"}", "(", "regex"),
    ] {
        let refused = read(query).unwrap_err();
        assert!(!refused.too_large);
        assert!(refused.message.contains(part), "{query}: {refused:?}");
        let here = text(query, refused.span);
        assert!(here.contains(at) && (at.is_empty() || !here.is_empty()), "{query}: {refused:?} at {here:?}");
    }
}

#[test]
fn deep_and_long_queries_are_refused_before_anything_descends_into_them() {
    for query in [
        format!("{}x{}", "(".repeat(200_000), ")".repeat(200_000)),
        vec!["x"; 100_000].join("+"),
        format!("{}x", "-".repeat(100_000)),
        format!("sum({{{}}})", vec!["a=\"b\""; 10_000].join(",")),
    ] {
        assert!(read(&query).unwrap_err().too_large);
    }
    let widest = vec!["x"; 500].join("+");
    assert!(read(&widest).is_ok());
    assert!(read(&format!("{}x{}", "(".repeat(DEEPEST), ")".repeat(DEEPEST))).is_ok());
}

/// What tells the series of a query apart: nothing, `*`, or labels.
fn apart(query: &str) -> String {
    let spread = spread(&read(query).unwrap());
    let by: Vec<&str> = spread.by.iter().map(String::as_str).collect();
    if spread.all { "*".into() } else { by.join(",") }
}

#[test]
fn how_many_series_there_are() {
    for (query, by) in [
        ("x", "*"),
        ("rate(x[5m])", "*"),
        ("sum(x)", ""),
        ("sum by (pod) (x)", "pod"),
        ("sum by (pod) (x{pod=\"a\"})", ""),
        ("sum without (instance) (x)", "*"),
        ("sum without (pod) (sum by (pod, zone) (x))", "zone"),
        ("histogram_quantile(0.9, sum by (le) (rate(x_bucket[5m])))", ""),
        ("histogram_quantile(0.9, sum by (le, pod) (rate(x_bucket[5m])))", "pod"),
        ("sum(x) / sum(y)", ""),
        ("sum by (a) (x) / sum by (a) (y)", "a"),
        ("x / on() sum(y)", ""),
        ("x / on() group_left sum(y)", "*"),
        ("x and on() sum(y)", "*"),
        ("sum(x) or vector(0)", ""),
        ("sum by (q) (x{q=\"a\"}) or vector(0)", "q"),
        ("2 * sum(x) + 1", ""),
        ("topk(1, x)", ""),
        ("topk(3, x)", "*"),
        ("topk by (zone) (1, x)", "*"),
        ("count_values(\"v\", x)", "the value"),
        ("absent(x)", ""),
        ("scalar(x)", ""),
        ("time()", ""),
        ("job:requests:rate5m", ""),
        ("label_replace(sum(x), \"a\", \"b\", \"c\", \"d\")", ""),
        ("sum by (a) (sum by (b) (x))", ""),
    ] {
        assert_eq!(apart(query), by, "{query}");
    }
}

#[test]
fn units_follow_from_names_and_nothing_is_guessed() {
    for (query, words) in [
        ("x_seconds", "seconds"),
        ("rate(x_total[5m])", "events a second"),
        ("sum(rate(x_bytes_total[5m]))", "bytes a second"),
        ("sum(rate(cpu_seconds_total[5m]))", "a ratio or a count"),
        ("sum(rate(x_errors_total[5m])) / sum(rate(x_total[5m]))", "a ratio or a count"),
        ("100 * sum(rate(x_errors_total[5m])) / sum(rate(x_total[5m]))", "percent"),
        ("histogram_quantile(0.9, sum by (le) (rate(x_seconds_bucket[5m])))", "seconds"),
        ("histogram_quantile(0.9, sum by (le) (rate(x_seconds_bucket[5m]))) * 1000", "milliseconds"),
        ("sum(rate(x_seconds_sum[5m])) / sum(rate(x_seconds_count[5m]))", "seconds"),
        ("sum(rate(x_seconds_count[5m]))", "events a second"),
        ("avg(x_ratio)", "a ratio or a count"),
        ("avg(x_percent) / 100", "a ratio or a count"),
        ("1 - avg(x_ratio)", "a ratio or a count"),
        ("increase(x_total[5m])", "a ratio or a count"),
        ("count(x_seconds)", "a ratio or a count"),
        ("x_bytes / 1024", "?"),
        ("rate(request_time_total[5m])", "?"),
        ("queue_depth", "?"),
        ("job:latency:p95", "?"),
        ("x_seconds + y_bytes", "?"),
        ("x_timestamp_seconds", "?"),
        ("sum(x_seconds) or vector(0)", "seconds"),
    ] {
        let said = quantity(&read(query).unwrap()).map_or("?".into(), |q| q.words());
        assert_eq!(said, words, "{query}");
    }
}

/// Queries of many shapes, some of which the parser refuses for their types.
fn queries() -> impl proptest::strategy::Strategy<Value = String> {
    use proptest::prelude::*;
    let leaf = prop_oneof![
        Just("x".to_owned()),
        Just("x:y{a=\"(\", b=~'c|d'}".to_owned()),
        Just("{__name__=\"up\"} @ 5 offset -1m".to_owned()),
        Just("1.5e3".to_owned()),
        Just("rate(x_total [5m] offset 1h)".to_owned()),
        Just("Inf".to_owned()),
        Just("time ( )".to_owned()),
    ];
    leaf.prop_recursive(5, 40, 2, |inner| {
        let one = (
            inner.clone(),
            prop_oneof![
                Just(("(", " )")),
                Just(("-", "")),
                Just(("+ ", "")),
                Just(("sum by (a,) (", ")")),
                Just(("SUM(", ") without (le, b)")),
                Just(("topk(2, ", ")")),
                Just(("count_values(\"v\", ", ")")),
                Just(("max_over_time((", ")[1h:5m] @ end() offset 1m)")),
                Just(("histogram_quantile(0.9, # why\n", ")")),
                Just(("label_replace(", ", \"a\", \"$1\", \"b\", '.*')")),
                Just(("clamp(", ", 0, 1)")),
            ],
        );
        let two = (
            inner.clone(),
            inner,
            prop_oneof![
                Just(" + "),
                Just("-"),
                Just(" / on (a) group_left (b) "),
                Just(" * ignoring(c) group_right "),
                Just(" > bool "),
                Just("<="),
                Just(" and on() "),
                Just(" OR "),
                Just(" unless "),
                Just("^"),
                Just(" atan2 "),
            ],
        );
        prop_oneof![
            one.prop_map(|(of, (open, close))| format!("{open}{of}{close}")),
            two.prop_map(|(left, right, operator)| format!("{left}{operator}{right}")),
        ]
    })
}

fn kind(node: &Node) -> std::mem::Discriminant<Kind> {
    std::mem::discriminant(&node.kind)
}

/// What stands at a node's place is the node: read by itself it gives the same tree.
#[test]
fn every_part_reads_by_itself_as_it_does_in_its_query() {
    use proptest::test_runner::{Config, TestRunner};
    use std::cell::{Cell, RefCell};
    const CASES: u32 = 600;
    let config = Config { cases: CASES, failure_persistence: None, ..Config::default() };
    let looked = Cell::new(0);
    let skipped: RefCell<std::collections::BTreeMap<String, u32>> = RefCell::default();
    let outcome = TestRunner::new(config).run(&queries(), |query| {
        let whole = match read(&query) {
            Ok(whole) => whole,
            Err(refused) => {
                // Most are refused for their types.
                *skipped.borrow_mut().entry(refused.message).or_default() += 1;
                return Ok(());
            }
        };
        looked.set(looked.get() + 1);
        let mut parts = Vec::new();
        whole.each(&mut |node| parts.push(node));
        for node in parts {
            let alone = text(&query, node.span);
            if node.kind == Kind::Text {
                proptest::prop_assert!(alone.starts_with(['"', '\'']), "{} in {}", alone, query);
                continue;
            }
            let again = read(alone);
            proptest::prop_assert!(again.is_ok(), "{:?}: {:?} in {}", again, alone, query);
            if let Ok(again) = again {
                proptest::prop_assert_eq!(kind(&again), kind(node), "{} in {}", alone, query);
                let (mut here, mut there) = (0, 0);
                node.each(&mut |_| here += 1);
                again.each(&mut |_| there += 1);
                proptest::prop_assert_eq!(here, there, "{} in {}", alone, query);
            }
            // Whatever is asked of a part has an answer.
            let _ = (spread(node), quantity(node), node.constant());
        }
        Ok(())
    });
    let skipped = skipped.into_inner();
    let count: u32 = skipped.values().sum();
    let mut why: Vec<(String, u32)> = skipped.into_iter().collect();
    why.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    println!("{} of {CASES} queries looked at, {count} skipped, which are none:", looked.get());
    why.iter().for_each(|(why, count)| println!("  {count:4}  {why}"));
    if let Err(error) = outcome {
        panic!("{error}");
    }
    // A property that skips nearly all says nothing.
    assert!(looked.get() >= CASES / 4, "only {} of {CASES} queries are any", looked.get());
}

proptest::proptest! {
    #![proptest_config(proptest::test_runner::Config { cases: 600, failure_persistence: None, ..Default::default() })]

    /// A number that no duration holds is refused where it stands.
    #[test]
    fn a_duration_without_end_is_told(number in proptest::sample::select(vec!["1e999", "1e20", "NaN", "Inf"]), at in 0..4usize) {
        let query = [
            format!("x offset {number}"),
            format!("x offset - {number}"),
            format!("rate(x[{number}])"),
            format!("max_over_time(x[5m:{number}])"),
        ];
        if let Err(refused) = read(&query[at]) {
            proptest::prop_assert!(!refused.message.is_empty());
        } else {
            proptest::prop_assert!(false, "{} is taken", query[at]);
        }
    }

    /// No row of parts, however wrong, ends in anything but a tree or a reason with a place.
    #[test]
    fn no_row_of_parts_is_too_wrong(parts in proptest::collection::vec(
        proptest::sample::select(vec![
            "x", "sum", "rate", "by", "(", ")", "[", "]", "{", "}", "5m", "99999999999y", "1e999", "offset", "@",
            "-", "+", "/", ",", "=", "=~", "\"(\"", "\"a\"", "'", "or", "bool", "on", "group_left", ":", "$", "é", "start",
            "0x", "..", "fill", "NaN",
        ]), 0..24)) {
        let query = parts.join(" ");
        if let Err(refused) = read(&query) {
            proptest::prop_assert!(query.get(refused.span.start as usize..refused.span.end as usize).is_some());
            proptest::prop_assert!(!refused.message.is_empty() && !refused.message.contains('\n'));
        }
    }
}
