//! A version of a policy: everything that decides what it does. It is what lies on a target, and
//! its digest is what a plan compares. May import: siblings.

use super::canonical::{canonical, sha256};
use data_encoding::BASE64;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The files that a policy is made of.
///
/// Paths are relative to the policy root (the folder of luascale.yaml), with `/` between their
/// parts, so that the same policy in another checkout is the same bundle.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bundle {
    /// Path of the policy file; it is among the files.
    pub path: String,
    /// The policy file, everything it requires and the kinds of gateways that luascale.yaml
    /// adds: contents by path.
    #[serde(with = "bodies")]
    pub files: BTreeMap<String, Vec<u8>>,
    /// Its entry under `policies:` of luascale.yaml as canonical JSON, where it has one.
    pub entry: Option<String>,
}

impl Bundle {
    /// What tells this version from any other: `sha256:` and the digest of the canonical JSON of
    /// `{"entry": …, "files": [[path, digest], …], "path": …}`, with the digests of the entry (or
    /// null) and of each file, sorted by path.
    pub fn digest(&self) -> String {
        let files: Vec<[String; 2]> =
            self.files.iter().map(|(path, bytes)| [path.clone(), sha256(bytes)]).collect();
        let entry = self.entry.as_ref().map(|entry| sha256(entry.as_bytes()));
        let parts = serde_json::json!({ "entry": entry, "files": files, "path": self.path });
        sha256(canonical(&parts).as_bytes())
    }

    /// Bytes of all files together.
    pub fn size(&self) -> usize {
        self.files.values().map(Vec::len).sum()
    }
}

/// Contents as texts where they are UTF-8, as base64 otherwise.
mod bodies {
    use super::{BASE64, BTreeMap, Deserialize, Serialize};
    use serde::de::Error;
    use serde::{Deserializer, Serializer};

    #[derive(Serialize, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Body {
        Text(String),
        Base64(String),
    }

    pub fn serialize<S: Serializer>(files: &BTreeMap<String, Vec<u8>>, to: S) -> Result<S::Ok, S::Error> {
        let body = |bytes: &Vec<u8>| match std::str::from_utf8(bytes) {
            Ok(text) => Body::Text(text.to_owned()),
            Err(_) => Body::Base64(BASE64.encode(bytes)),
        };
        files.iter().map(|(path, bytes)| (path, body(bytes))).collect::<BTreeMap<_, _>>().serialize(to)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<BTreeMap<String, Vec<u8>>, D::Error> {
        let bodies = BTreeMap::<String, Body>::deserialize(from)?;
        let bytes = |body: Body| match body {
            Body::Text(text) => Ok(text.into_bytes()),
            Body::Base64(text) => BASE64.decode(text.as_bytes()).map_err(D::Error::custom),
        };
        bodies.into_iter().map(|(path, body)| Ok((path, bytes(body)?))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bundle() -> Bundle {
        let files = [("lib/peak.lua", "return 3"), ("web.lua", "policy \"web\" {}")];
        Bundle {
            path: "web.lua".into(),
            files: files.iter().map(|(p, t)| ((*p).to_owned(), t.as_bytes().to_vec())).collect(),
            entry: None,
        }
    }

    #[test]
    fn the_digest_is_that_of_the_documented_text() {
        // Computed by another program from the documented form.
        assert_eq!(
            bundle().digest(),
            "sha256:20c44a2b914586de3e9ef0467169c7f972e7a43e7b2724799dfdc1558ca1149d"
        );
    }

    #[test]
    fn every_part_counts() {
        let one = bundle();
        let mut seen = vec![one.digest()];
        let mut changed = |change: &dyn Fn(&mut Bundle)| {
            let mut other = one.clone();
            change(&mut other);
            seen.push(other.digest());
        };
        changed(&|b| b.path = "other.lua".into());
        changed(&|b| b.entry = Some("{}".into()));
        changed(&|b| drop(b.files.insert("lib/peak.lua".into(), b"return 4".to_vec())));
        changed(&|b| drop(b.files.remove("lib/peak.lua")));
        changed(&|b| drop(b.files.insert("lib/more.lua".into(), Vec::new())));
        // The same bytes under swapped names.
        changed(&|b| {
            let (one, two) = (b.files["web.lua"].clone(), b.files["lib/peak.lua"].clone());
            b.files.insert("web.lua".into(), two);
            b.files.insert("lib/peak.lua".into(), one);
        });
        let count = seen.len();
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), count);
    }

    #[test]
    fn it_comes_back_as_it_was_from_json() {
        let mut one = bundle();
        one.files.insert("odd.bin".into(), vec![0xff, 0, b'a']);
        one.entry = Some(r#"{"replicas":{"max":3}}"#.into());
        let text = serde_json::to_string(&one).unwrap();
        assert!(text.contains("return 3"), "{text}");
        assert_eq!(serde_json::from_str::<Bundle>(&text).unwrap(), one);
        assert!(serde_json::from_str::<Bundle>(&text.replacen("entry", "entri", 1)).is_err());
    }
}
