//! What approves a change: the rules, over facts that others gathered. Whatever cannot be told
//! is no approval. May import: siblings.
//!
//! Today approvals are SSH signatures (SSHSIG, the format of `ssh-keygen -Y sign`, in the
//! namespace [`NAMESPACE`]) over the line `changes_digest`. Reviews of a forge join them in
//! [`Verdict::new`]: whatever the kind, an approval has a person and evidence.

use super::signers::Signer;
use jiff::Timestamp;
use ssh_key::{HashAlg, PublicKey, SshSig};

/// What the signatures are made for, so that one made for a commit approves nothing.
pub const NAMESPACE: &str = "luascale";

/// Who wrote a part of the change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Author {
    /// The name in the commit.
    pub name: String,
    /// The address in the commit.
    pub address: String,
    /// The commit.
    pub commit: String,
    /// Fingerprint of the key that the commit is signed with, where it is by an SSH key.
    pub key: Option<String>,
}

/// A signature that somebody handed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Given {
    /// The file that it is in.
    pub from: String,
    /// Its bytes.
    pub text: Vec<u8>,
}

/// What is known of a change that was signed.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// What is to be approved.
    pub changes_digest: &'a str,
    /// The signers that the base has.
    pub base: &'a [Signer],
    /// The signers that the head has: those that are not in the base were added by the change.
    pub head: &'a [Signer],
    /// Signers that the base has, and history does not bear out: see the edge that gathers them.
    pub newer: &'a [Signer],
    /// Who wrote the commits from the base to the head.
    pub authors: &'a [Author],
    /// The time of the check.
    pub now: Timestamp,
}

/// An approval that counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approval {
    /// The person, as the signers name them.
    pub who: String,
    /// What shows it: a key's fingerprint.
    pub by: String,
    /// Where it was found.
    pub from: String,
}

/// An approval that does not count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Where it was found.
    pub from: String,
    /// Why, in a sentence.
    pub why: String,
}

/// What the approvals of a change come to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Verdict {
    /// How many people have to approve.
    pub needed: u32,
    /// Those that count, one a person.
    pub approvals: Vec<Approval>,
    /// Those that do not.
    pub refused: Vec<Refused>,
}

impl Verdict {
    /// Counts approvals, each person once.
    pub fn new(needed: u32, given: Vec<Result<Approval, Refused>>) -> Verdict {
        let mut verdict = Verdict { needed, ..Verdict::default() };
        for given in given {
            match given {
                Err(refused) => verdict.refused.push(refused),
                Ok(approval) => {
                    let same = |other: &&Approval| other.who == approval.who || other.by == approval.by;
                    if let Some(first) = verdict.approvals.iter().find(same) {
                        let why = format!("{} approved already, in {}", first.who, first.from);
                        verdict.refused.push(Refused { from: approval.from, why });
                    } else {
                        verdict.approvals.push(approval);
                    }
                }
            }
        }
        verdict
    }

    /// Whether enough people approved.
    pub fn approved(&self) -> bool {
        self.approvals.len() >= self.needed as usize
    }
}

/// What a signature over changes is made of: the digest and the end of its line.
pub fn message(changes_digest: &str) -> Vec<u8> {
    format!("{changes_digest}\n").into_bytes()
}

/// Whether a signature approves the changes.
///
/// # Errors
/// Why it does not: the first of what speaks against it.
pub fn signature(given: &Given, facts: &Facts<'_>) -> Result<Approval, Refused> {
    let refuse = |why: String| Refused { from: given.from.clone(), why };
    let signed = SshSig::from_pem(&given.text).map_err(|_| refuse("it is no SSH signature".into()))?;
    let key = PublicKey::from(signed.public_key().clone());
    let fingerprint = key.fingerprint(HashAlg::Sha256).to_string();
    if signed.namespace() != NAMESPACE {
        let other = signed.namespace().escape_debug().to_string();
        return Err(refuse(format!("it was made for the namespace {other}, not for {NAMESPACE}")));
    }
    // Signed without the end of the line, as `printf` gives it, it means the same.
    let verified = key.verify(NAMESPACE, &message(facts.changes_digest), &signed);
    if verified.or_else(|_| key.verify(NAMESPACE, facts.changes_digest.as_bytes(), &signed)).is_err() {
        return Err(refuse(format!(
            "it does not sign these changes ({}): they were amended after it was made, or it is of another plan",
            facts.changes_digest
        )));
    }
    let of = |signer: &&Signer| signer.key.key_data() == key.key_data();
    let lines: Vec<&Signer> = facts.base.iter().filter(of).collect();
    if lines.is_empty() {
        return Err(refuse(if facts.newer.iter().any(|signer| of(&signer)) {
            format!(
                "the key {fingerprint} was added to the signers after approval was first asked for here; as long as the \
                 target keeps no record of its signers, a key counts that every list of history has"
            )
        } else if facts.head.iter().any(|signer| of(&signer)) {
            format!(
                "the key {fingerprint} was added to the signers by this very change, so it does not count yet"
            )
        } else {
            format!("the key {fingerprint} is not among the signers of the base")
        }));
    }
    if let Some(author) = facts.authors.iter().find(|author| author.key.as_ref() == Some(&fingerprint)) {
        return Err(refuse(format!(
            "the key {fingerprint} signed the commit {} of the change",
            author.commit
        )));
    }
    let mut why = String::new();
    let mut valid = Vec::new();
    for line in lines {
        if let Some(author) = facts.authors.iter().find(|author| line.is(&author.name, &author.address)) {
            // Whatever other lines say of the key: it is the author's.
            return Err(refuse(format!(
                "the key {fingerprint} is of {}, who wrote {} of the change: an author's own approval does not count",
                line.principals.join(","),
                author.commit
            )));
        }
        match line.objection(NAMESPACE, facts.now) {
            Some(objection) => why = objection,
            None => valid.push(line),
        }
    }
    match valid.first() {
        Some(line) => {
            Ok(Approval { who: line.principals.join(","), by: fingerprint, from: given.from.clone() })
        }
        None => Err(refuse(format!("the key {fingerprint} may not approve this: {why}"))),
    }
}

#[cfg(test)]
#[path = "approval_tests.rs"]
mod tests;
