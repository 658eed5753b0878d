use super::*;
use crate::change::signers;
use crate::text::Source;
use ssh_key::private::Ed25519Keypair;
use ssh_key::{LineEnding, PrivateKey};

const DIGEST: &str = "sha256:1111111111111111111111111111111111111111111111111111111111111111";

fn key(seed: u8) -> PrivateKey {
    PrivateKey::from(Ed25519Keypair::from_seed(&[seed; 32]))
}

fn public(seed: u8) -> String {
    key(seed).public_key().to_openssh().unwrap()
}

fn signed(seed: u8, namespace: &str, text: &str) -> Given {
    let signature = key(seed).sign(namespace, HashAlg::Sha512, text.as_bytes()).unwrap();
    Given { from: format!("{seed}.sig"), text: signature.to_pem(LineEnding::LF).unwrap().into_bytes() }
}

fn signers(text: &str) -> Vec<Signer> {
    let (signers, findings) = signers::parse(&Source::new("allowed_signers", text));
    assert!(findings.is_empty(), "{findings:?}");
    signers
}

fn author(name: &str, address: &str) -> Author {
    Author { name: name.into(), address: address.into(), commit: "c0ffee".into(), key: None }
}

/// What a signature by key 1 over the digest comes to, under signers and authors.
fn judged(base: &str, head: &str, authors: &[Author]) -> Result<Approval, String> {
    judged_of(&signed(1, NAMESPACE, &format!("{DIGEST}\n")), base, head, authors)
}

fn judged_of(given: &Given, base: &str, head: &str, authors: &[Author]) -> Result<Approval, String> {
    let facts = Facts {
        changes_digest: DIGEST,
        base: &signers(base),
        head: &signers(head),
        newer: &[],
        authors,
        now: "2026-11-25T12:00:00Z".parse().unwrap(),
    };
    signature(given, &facts).map_err(|refused| refused.why)
}

#[test]
fn a_signature_of_somebody_else_counts() {
    let base = format!("ann@example.com {}", public(1));
    let approval = judged(&base, &base, &[author("Bob", "bob@example.com")]).unwrap();
    assert_eq!(approval.who, "ann@example.com");
    assert!(approval.by.starts_with("SHA256:"));
    // As `printf` gives it, without the end of the line.
    assert!(judged_of(&signed(1, NAMESPACE, DIGEST), &base, &base, &[]).is_ok());
}

#[test]
fn what_speaks_against_a_signature_is_said() {
    let ann = format!("ann@example.com {}", public(1));
    let with = |options: &str| format!("ann@example.com {options} {}", public(1));
    let bob = author("Bob", "bob@example.com");
    let cases: Vec<(&str, String, String, Author)> = vec![
        ("is not among the signers", String::new(), String::new(), bob.clone()),
        ("by this very change", String::new(), ann.clone(), bob.clone()),
        ("author's own", ann.clone(), ann.clone(), author("A. N.", "Ann@Example.com")),
        ("author's own", format!("ann {}", public(1)), ann.clone(), author("A. N.", "ann@example.com")),
        ("author's own", format!("*@example.com {}", public(1)), ann.clone(), bob.clone()),
        // A second name for the key does not make it somebody else's.
        (
            "author's own",
            format!("{ann}\nzoe@example.com {}", public(1)),
            ann.clone(),
            author("", "ann@example.com"),
        ),
        ("cert-authority", with("cert-authority"), ann.clone(), bob.clone()),
        ("other namespaces", with("namespaces=\"git,file\""), ann.clone(), bob.clone()),
        ("valid later", with("valid-after=\"20270101\""), ann.clone(), bob.clone()),
        ("ran out", with("valid-before=\"20261125120000Z\""), ann.clone(), bob.clone()),
    ];
    for (why, base, head, author) in cases {
        let said = judged(&base, &head, &[author]).unwrap_err();
        assert!(said.contains(why), "{base}: {said}");
    }
    let open = with("namespaces=\"git,luas*\",valid-after=\"20260101\",valid-before=\"20261125120001Z\"");
    assert!(judged(&open, &open, std::slice::from_ref(&bob)).is_ok());
    let own = Author { key: Some(key(1).fingerprint(HashAlg::Sha256).to_string()), ..bob };
    assert!(judged(&ann, &ann, &[own]).unwrap_err().contains("signed the commit c0ffee"));
}

#[test]
fn a_signature_of_something_else_is_none() {
    let ann = format!("ann@example.com {}", public(1));
    let amended = signed(1, NAMESPACE, &format!("{}\n", DIGEST.replace('1', "2")));
    assert!(judged_of(&amended, &ann, &ann, &[]).unwrap_err().contains("amended"));
    let commit = signed(1, "git", &format!("{DIGEST}\n"));
    assert!(judged_of(&commit, &ann, &ann, &[]).unwrap_err().contains("namespace git"));
    let text = Given { from: "x".into(), text: b"approved: yes".to_vec() };
    assert!(judged_of(&text, &ann, &ann, &[]).unwrap_err().contains("no SSH signature"));
    // Ann's key in the envelope of Zoe's signature.
    let zoe = SshSig::from_pem(&signed(2, NAMESPACE, &format!("{DIGEST}\n")).text).unwrap();
    let public = key(1).public_key().key_data().clone();
    let forged = SshSig::new(public, NAMESPACE, HashAlg::Sha512, zoe.signature().clone()).unwrap();
    let forged = Given { from: "x".into(), text: forged.to_pem(LineEnding::LF).unwrap().into_bytes() };
    assert!(judged_of(&forged, &ann, &ann, &[]).unwrap_err().contains("does not sign"));
}

#[test]
fn a_person_counts_once() {
    let base = format!(
        "ann@example.com {}\nann@example.com {}\nzoe@example.com {}",
        public(1),
        public(2),
        public(3)
    );
    let all = signers(&base);
    let facts = Facts {
        changes_digest: DIGEST,
        base: &all,
        head: &all,
        newer: &[],
        authors: &[],
        now: "2026-11-25T12:00:00Z".parse().unwrap(),
    };
    let given = |seeds: &[u8]| {
        let one = |seed: &u8| signature(&signed(*seed, NAMESPACE, &format!("{DIGEST}\n")), &facts);
        Verdict::new(2, seeds.iter().map(one).collect())
    };
    assert!(!given(&[1, 2]).approved());
    assert_eq!(given(&[1, 2]).refused.first().unwrap().why, "ann@example.com approved already, in 1.sig");
    assert!(!given(&[1, 1]).approved());
    assert!(given(&[1, 3]).approved());
    assert!(Verdict::new(0, Vec::new()).approved());
}
