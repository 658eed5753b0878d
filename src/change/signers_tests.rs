use super::*;
use proptest::prelude::*;

const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIqI4910CfGV/VLbLTy6XXLKZwm/HZQSG/N0iAG0D29c";

fn read(text: &str) -> Result<Signer, String> {
    let (signers, findings) = parse(&Source::new("allowed_signers", text));
    match (signers.into_iter().next(), findings.into_iter().next()) {
        (Some(signer), None) => Ok(signer),
        (None, Some(finding)) => Err(finding.message),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_line_is_read_as_ssh_keygen_does() {
    let line = format!(
        "ann@example.com,\"a b\" NAMESPACES=\"git,luascale\",valid-after=\"20260102\",valid-before=\"20260102030405Z\" {KEY} Ann's key"
    );
    let signer = read(&line).unwrap();
    assert_eq!(signer.principals, ["ann@example.com", "a b"]);
    assert_eq!(signer.namespaces.unwrap(), ["git", "luascale"]);
    assert_eq!(signer.valid_after.unwrap().to_string(), "2026-01-02T00:00:00Z");
    assert_eq!(signer.valid_before.unwrap().to_string(), "2026-01-02T03:04:05Z");
    assert!(!signer.authority);
    assert_eq!(signer.line, 1);
}

#[test]
fn a_line_that_cannot_be_read_is_told_and_the_others_count() {
    for (line, why) in [
        ("ann@example.com".to_owned(), "it has no key"),
        ("ann@example.com ssh-ed25519".to_owned(), "no key"),
        ("ann@example.com ssh-ed25519 AAAA".to_owned(), "no key of the kind"),
        (format!("ann@example.com valid-after=\"soon\" {KEY}"), "soon is no time"),
        (format!("ann@example.com valid-after=\"20261301\" {KEY}"), "is no time"),
        (format!("ann@example.com agent-forwarding {KEY}"), "no option agent-forwarding"),
        (format!("\"ann {KEY}"), "without an end"),
    ] {
        let said = read(&line).unwrap_err();
        assert!(said.contains(why) && said.contains(":1 "), "{line}: {said}");
    }
    let (signers, findings) = parse(&Source::new("s", format!("# who may\n\nnobody\nzoe {KEY}\n")));
    assert_eq!((signers.len(), findings.len()), (1, 1));
    assert_eq!(signers[0].line, 4);
}

#[test]
fn patterns_are_those_of_ssh() {
    let list = |text: &str| text.split(',').map(String::from).collect::<Vec<_>>();
    assert!(matches(&list("*@example.com"), "ann@example.com"));
    assert!(!matches(&list("*@example.com"), "ann@example.org"));
    assert!(matches(&list("a?n@*"), "ann@x"));
    assert!(!matches(&list("*,!ann@x"), "ann@x"));
    assert!(!matches(&list("!ann@x"), "zoe@x"));
    assert!(matches(&list("**a**b*"), "xxaxxbxx"));
    assert!(!matches(&[], "x"));
}

proptest! {
    #[test]
    fn no_text_makes_it_fail(text in "\\PC{0,80}|[a-z@*?!,=\"# ]{0,60}ssh-ed25519 [A-Za-z0-9+/=]{0,80}") {
        let _ = parse(&Source::new("s", text));
    }

    #[test]
    fn a_pattern_without_signs_takes_itself_alone(text in "[a-z@.]{0,12}", other in "[a-z@.]{0,12}") {
        prop_assert!(glob(&text, &text));
        prop_assert_eq!(glob(&text, &other), text == other);
        prop_assert!(glob("*", &text) && glob(&"?".repeat(text.len()), &text));
    }
}
