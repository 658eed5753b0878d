//! What governs a target: who has to approve what is applied to it. It is kept with every
//! generation, so that no revision of git can switch it off by itself. May import: siblings.

use super::canonical::{canonical, sha256};
use serde::{Deserialize, Serialize};

/// What governed a generation.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Governed {
    /// How many people have to approve.
    pub reviews: u32,
    /// The branch that is applied, where one is named.
    pub branch: Option<String>,
    /// Whose signatures count: principals and the key's fingerprint, sorted.
    pub signers: Vec<String>,
    /// Whose reviews count, in words: a forge's repository, check run and app; none where no
    /// reviews do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reviewed: Option<String>,
}

/// What a change does to what governs its target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Altered {
    /// Digest of what governs it afterwards: it is approved with the change.
    pub after: String,
    /// In words, one thing each.
    pub words: Vec<String>,
}

impl Governed {
    /// What becomes of it where something else follows; nothing where that is the same.
    pub fn altered(&self, to: &Governed) -> Option<Altered> {
        if self == to {
            return None;
        }
        let mut words = Vec::new();
        let count = |n: u32| if n == 0 { "none".to_owned() } else { n.to_string() };
        if self.reviews != to.reviews {
            words.push(format!("approval: {} → {}", count(self.reviews), count(to.reviews)));
        }
        if self.branch != to.branch {
            let name = |branch: &Option<String>| branch.clone().unwrap_or_else(|| "any".to_owned());
            words.push(format!("branch: {} → {}", name(&self.branch), name(&to.branch)));
        }
        if self.reviewed != to.reviewed {
            let name = |reviewed: &Option<String>| reviewed.clone().unwrap_or_else(|| "none".to_owned());
            words.push(format!("reviews that count: {} → {}", name(&self.reviewed), name(&to.reviewed)));
        }
        let only = |a: &Governed, b: &Governed, mark: &str| -> Vec<String> {
            let here = a.signers.iter().filter(|one| !b.signers.contains(one));
            here.map(|one| format!("signers: {mark} {one}")).collect()
        };
        words.extend(only(to, self, "+"));
        words.extend(only(self, to, "-"));
        let after = serde_json::to_value(to).unwrap_or_default();
        Some(Altered { after: sha256(canonical(&after).as_bytes()), words })
    }
}
