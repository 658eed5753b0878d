use super::*;
use proptest::prelude::*;

fn read(text: &str) -> (Option<Node>, Vec<Finding>) {
    parse(&Source::new("x.yaml", text))
}

/// The messages, each with the text that its first label covers.
fn told(text: &str) -> Vec<String> {
    let (_, findings) = read(text);
    findings
        .iter()
        .map(|f| {
            let span = f.labels[0].span;
            format!("{} @ {:?}", f.message, &text[span.start as usize..span.end as usize])
        })
        .collect()
}

fn as_serde(node: &Node) -> serde_yaml::Value {
    use serde_yaml::Value;
    match &node.value {
        Yaml::Null => Value::Null,
        Yaml::Bool(b) => Value::Bool(*b),
        Yaml::Number(n) => Value::Number((*n).into()),
        Yaml::Text(text) => Value::String(text.clone()),
        Yaml::List(items) => Value::Sequence(items.iter().map(as_serde).collect()),
        Yaml::Map(entries) => Value::Mapping(
            entries.iter().map(|(k, v)| (Value::String(k.value.clone()), as_serde(v))).collect(),
        ),
    }
}

/// Whole numbers as floats, so that 1 and 1.0 are the same.
fn floats(value: serde_yaml::Value) -> serde_yaml::Value {
    use serde_yaml::Value;
    match value {
        Value::Number(n) => n.as_f64().map_or(Value::Null, |n| Value::Number(n.into())),
        Value::Sequence(items) => Value::Sequence(items.into_iter().map(floats).collect()),
        Value::Mapping(map) => Value::Mapping(map.into_iter().map(|(k, v)| (k, floats(v))).collect()),
        other => other,
    }
}

#[test]
fn spans_cover_what_is_written() {
    let text = "a: 1\nb:\n  - x y\n  - \"q\\\"\"\n  - {c: [1, 2], d: ü}\ne: |\n  one\n  two\n\nf: end\n";
    let (node, findings) = read(text);
    assert_eq!(findings, []);
    let node = node.expect("reads");
    let slice = |span: Span| &text[span.start as usize..span.end as usize];
    let at = |key: &str| slice(node.get(key).expect(key).span);
    assert_eq!(at("a"), "1");
    assert_eq!(at("f"), "end");
    assert!(at("b").trim_start_matches("- ").starts_with("x y"), "{:?}", at("b"));
    assert!(at("b").ends_with("d: ü}"), "{:?}", at("b"));
    let Yaml::List(items) = &node.get("b").expect("b").value else { panic!("no list") };
    assert_eq!(
        items.iter().map(|i| slice(i.span)).collect::<Vec<_>>(),
        ["x y", "\"q\\\"\"", "{c: [1, 2], d: ü}"]
    );
    assert_eq!(items[2].get("d").map(|d| slice(d.span)), Some("ü"));
    let Yaml::Map(entries) = &node.value else { panic!("no map") };
    assert_eq!(entries.iter().map(|(k, _)| slice(k.span)).collect::<Vec<_>>(), ["a", "b", "e", "f"]);
}

#[test]
fn a_byte_order_mark_and_carriage_returns_move_no_place() {
    let text = "\u{feff}a: 1\r\nü: two\r\n";
    let (node, findings) = read(text);
    assert_eq!(findings, []);
    let span = node.expect("reads").get("ü").expect("ü").span;
    assert_eq!(&text[span.start as usize..span.end as usize], "two");
}

#[test]
fn scalars_mean_what_serde_yaml_says() {
    for text in [
        "~",
        "null",
        "Null",
        "true",
        "True",
        "FALSE",
        "yes",
        "no",
        "on",
        "1",
        "-1",
        "+1",
        "0x1f",
        "0o17",
        "017",
        "1.5",
        ".5",
        "1e3",
        "1_000",
        ".inf",
        "-.inf",
        "12:30",
        "2024-01-01",
        "15s",
        "1.2.3",
        "-",
        "'1'",
        "\"true\"",
        "a b",
        "[]",
        "{}",
        "",
        "5%",
    ] {
        let ours = read(text).0.map(|n| as_serde(&n));
        let theirs = serde_yaml::from_str::<serde_yaml::Value>(text).ok().map(floats);
        assert_eq!(ours, theirs, "{text}");
    }
    // serde_yaml has no number that large; a text would be an odd surprise.
    assert_eq!(read("99999999999999999999999").0.map(|n| n.value), Some(Yaml::Number(1e23)));
}

#[test]
fn what_is_wrong_is_told_with_its_place() {
    assert_eq!(told("a: 1\nb: 2\na: 3\n"), ["`a` is written twice @ \"a\""]);
    assert_eq!(told("a:\n\tb: 1\n"), ["a tab indents this line @ \"\\t\""]);
    assert_eq!(told("a: \u{fffd}\n"), ["the file is not UTF-8 @ \"\u{fffd}\""]);
    assert_eq!(told("a: x\0\n"), ["the file has a NUL byte @ \"\\0\""]);
    assert_eq!(told("a: !ruby/object x\n"), ["the tag `!ruby/object` is not read here @ \"!ruby/object x\""]);
    assert_eq!(told("a: 1\n---\nb: 2\n"), ["a second YAML document begins @ \"---\""]);
    assert_eq!(told("a: &b {c: 1}\nd:\n  <<: *b\n"), ["merge keys (`<<`) are not read @ \"<<\""]);
    assert_eq!(told("? [1]\n: 2\n"), ["a list cannot be a key @ \"[1]\""]);
    assert_eq!(told("a: &x [*x]\n"), ["this alias is inside the value it stands for @ \"*x\""]);
    for broken in ["a: [1, 2", "a: b: c", "a: 'x", "- a\nb: 1", "a: *nope", "%YAML 9", "\"\\q\""] {
        let told = told(broken);
        assert_eq!(told.len(), 1, "{broken}: {told:?}");
        assert!(told[0].starts_with("this is no YAML: "), "{broken}: {told:?}");
    }
}

#[test]
fn aliases_stand_for_their_values_within_limits() {
    let (node, findings) = read("a: &x {b: 1}\nc: *x\n");
    assert_eq!(findings, []);
    assert!(node.expect("reads").get("c").and_then(|c| c.get("b")).is_some());

    let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for n in 1..12 {
        let row = vec![format!("*a{}", n - 1); 10].join(", ");
        bomb.push_str(&format!("a{n}: &a{n} [{row}]\n"));
    }
    assert_eq!(told(&bomb)[0].split(" @").next(), Some("the file holds too many values"));

    let long = format!("a: &a \"{}\"\nb: [{}]\n", "x".repeat(1_000_000), "*a, ".repeat(1000));
    assert_eq!(told(&long)[0].split(" @").next(), Some("the file holds too many values"));
}

#[test]
fn depth_and_size_are_bounded() {
    for deep in ["[".repeat(1_000_000), "{a: ".repeat(100_000), "- ".repeat(100_000), "? ".repeat(100_000)] {
        let (node, findings) = read(&deep);
        assert_eq!(node, None);
        assert!(matches!(findings[0].rule.as_str(), "yaml-limit" | "yaml-syntax"), "{findings:?}");
    }
    let (node, findings) = read(&"x".repeat(MAX_BYTES as usize + 1));
    assert_eq!((node, findings[0].rule.as_str()), (None, "yaml-limit"));
}

#[test]
fn an_empty_file_is_null() {
    for empty in ["", "\n\n", "# only a comment\n", "\u{feff}", "---\n"] {
        let (node, findings) = read(empty);
        assert_eq!(findings, [], "{empty:?}");
        assert_eq!(node.map(|n| n.value), Some(Yaml::Null), "{empty:?}");
    }
}

proptest! {
    /// Whatever the text, reading it ends without a panic, and every place lies in it.
    #[test]
    fn any_text_is_read_or_told(text in "([a-c]|[0-9]|ü|[-:\\[\\]{},&*!|>'\"#%@? \t\r\n]){0,60}") {
        let (node, findings) = read(&text);
        prop_assert!(node.is_some() || !findings.is_empty());
        for finding in &findings {
            for label in &finding.labels {
                prop_assert!(text.get(label.span.start as usize..label.span.end as usize).is_some());
            }
        }
        if let Some(node) = node {
            fn inside(text: &str, node: &Node) -> bool {
                text.get(node.span.start as usize..node.span.end as usize).is_some()
                    && match &node.value {
                        Yaml::List(items) => items.iter().all(|n| inside(text, n)),
                        Yaml::Map(entries) => entries.iter().all(|(_, n)| inside(text, n)),
                        _ => true,
                    }
            }
            prop_assert!(inside(&text, &node));
        }
    }
}
