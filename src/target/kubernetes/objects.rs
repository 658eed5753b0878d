//! How policies and generations lie in a cluster: ConfigMaps as data, made and read.
//! May import: siblings, `change`.
//!
//! A policy is a ConfigMap that never changes (`immutable`), named by what is in it. A generation
//! is one too: it names the ConfigMaps of its policies, with their UIDs. The ConfigMap `luascale`
//! alone changes: it says which generation is live, so an engine that follows it sees all of the
//! old one or all of the new one.

use super::super::{Generation, LivePolicy};
use crate::change::Bundle;
use crate::change::canonical::sha256;
use data_encoding::BASE64;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// The ConfigMap that says what is live, and the Lease that is the lock.
pub const STATE: &str = "luascale";

/// The ConfigMap of an apply that runs.
pub const JOURNAL: &str = "luascale.journal";

/// Who manages an object: the field manager, and the value of its label.
pub const MANAGER: &str = "luascale";

/// The label of what luascale manages.
pub const MANAGED_BY: &str = "app.kubernetes.io/managed-by";

/// The label that says what an object is: `state`, `generation`, `policy`, `journal`.
pub const PART: &str = "luascale.dev/part";

/// Most bytes of keys and values in a ConfigMap; the API server refuses more.
pub const MOST_BYTES: usize = 1 << 20;

/// Bytes of a piece of a journal: what JSON's escapes add leaves it below the limit of a request.
const PIECE: usize = 900_000;

/// The key of what a policy is in none of its files.
const ABOUT: &str = "policy.json";

/// What of a policy is in none of its files.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct About {
    id: String,
    path: String,
    entry: Option<String>,
    /// The key under which each file lies, by its path.
    files: BTreeMap<String, String>,
}

/// What the ConfigMap `luascale` says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct State {
    /// Number of the live generation; 0 where there is none.
    pub serial: u64,
    /// The ConfigMap of the live generation.
    pub generation: String,
    /// Those of the generations that are kept, the oldest first, the live one last.
    pub history: Vec<String>,
    /// The fence of the lock under which it was last written.
    pub fence: u64,
}

/// A policy's ConfigMap, as a generation names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Held {
    /// Its name.
    pub config_map: String,
    /// Its UID when the generation was made.
    pub uid: String,
}

/// A policy's ConfigMaps by its name.
pub type Inventory = BTreeMap<String, Held>;

fn config_map(name: &str, namespace: &str, part: &str, immutable: bool) -> Value {
    let mut object = json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": { "name": name, "namespace": namespace, "labels": { MANAGED_BY: MANAGER, PART: part } },
        "data": {},
    });
    if immutable {
        put(&mut object, "immutable", json!(true));
    }
    object
}

/// Sets a field of an object that is known to be one.
fn put(object: &mut Value, field: &str, value: Value) {
    if let Some(map) = object.as_object_mut() {
        map.insert(field.to_owned(), value);
    }
}

fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// A text's part of a name: what a name may not have is `-`, and it is short.
fn slug(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars().take(100) {
        match c.to_ascii_lowercase() {
            c if c.is_ascii_lowercase() || c.is_ascii_digit() => out.push(c),
            _ if out.ends_with('-') || out.is_empty() => {}
            _ => out.push('-'),
        }
    }
    out.trim_end_matches('-').to_owned()
}

/// The name of a policy's ConfigMap: the policy's name, for people, and the start of a digest of
/// name and contents.
pub fn policy_name(id: &str, digest: &str) -> String {
    let both = sha256(format!("{id}\0{digest}").as_bytes());
    let short = both.trim_start_matches("sha256:").get(..16).unwrap_or_default().to_owned();
    match slug(id).as_str() {
        "" => format!("luascale-policy-{short}"),
        slug => format!("luascale-policy-{slug}-{short}"),
    }
}

/// The ConfigMap of a policy; or why it cannot be one.
///
/// # Errors
/// One sentence.
pub fn policy(namespace: &str, id: &str, bundle: &Bundle) -> Result<Value, String> {
    let digest = bundle.digest();
    let mut object = config_map(&policy_name(id, &digest), namespace, "policy", true);
    let (mut data, mut binary, mut files) = (Map::new(), Map::new(), BTreeMap::new());
    for (number, (path, bytes)) in bundle.files.iter().enumerate() {
        // A key has no slash; the number keeps two paths apart that would read the same.
        let plain = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_') { c } else { '_' };
        let key: String = format!("{number:04}-{path}").chars().map(plain).take(200).collect();
        match std::str::from_utf8(bytes) {
            Ok(text) => data.insert(key.clone(), json!(text)),
            Err(_) => binary.insert(key.clone(), json!(BASE64.encode(bytes))),
        };
        files.insert(path.clone(), key);
    }
    let about = About { id: id.to_owned(), path: bundle.path.clone(), entry: bundle.entry.clone(), files };
    data.insert(ABOUT.into(), json!(serde_json::to_string(&about).map_err(|e| e.to_string())?));
    // Of binary data the decoded bytes count.
    let keys: usize = data.keys().chain(binary.keys()).map(String::len).sum();
    let about = data.get(ABOUT).and_then(Value::as_str).map_or(0, str::len);
    let size = keys + about + bundle.size();
    if size > MOST_BYTES {
        return Err(format!(
            "it is {size} bytes with all that it requires, and a ConfigMap holds {MOST_BYTES} (1 MiB)"
        ));
    }
    put(&mut object, "data", Value::Object(data));
    if !binary.is_empty() {
        put(&mut object, "binaryData", Value::Object(binary));
    }
    if let Some(annotations) = object.get_mut("metadata") {
        put(annotations, "annotations", json!({ "luascale.dev/policy": id, "luascale.dev/digest": digest }));
    }
    Ok(object)
}

/// The policy in a ConfigMap, by what is in it now.
pub fn read_policy(object: &Value) -> LivePolicy {
    match policy_in(object) {
        Ok(bundle) => LivePolicy { digest: bundle.digest(), bundle },
        Err(why) => LivePolicy { digest: format!("unreadable: {why}"), bundle: Bundle::default() },
    }
}

fn policy_in(object: &Value) -> Result<Bundle, String> {
    let data = |key: &str| object.get("data")?.get(key)?.as_str();
    let about = data(ABOUT).ok_or_else(|| format!("it has no {ABOUT}"))?;
    let about: About = serde_json::from_str(about).map_err(|e| format!("{ABOUT}: {e}"))?;
    let mut files = BTreeMap::new();
    for (path, key) in about.files {
        let binary = || object.get("binaryData")?.get(&key)?.as_str();
        let bytes = match (data(&key), binary()) {
            (Some(text), _) => text.as_bytes().to_vec(),
            (None, Some(text)) => BASE64.decode(text.as_bytes()).map_err(|e| format!("{key}: {e}"))?,
            (None, None) => return Err(format!("{key} is not there")),
        };
        files.insert(path, bytes);
    }
    Ok(Bundle { path: about.path, files, entry: about.entry })
}

/// The name of a generation's ConfigMap. Two runs may try the same number; each has its own.
pub fn generation_name(generation: &Generation) -> String {
    let run = sha256(generation.run.as_bytes());
    let short = run.trim_start_matches("sha256:").get(..8).unwrap_or_default();
    format!("luascale-generation-{}-{short}", generation.serial)
}

/// The ConfigMap of a generation.
///
/// # Errors
/// Why it cannot be one.
pub fn generation(namespace: &str, generation: &Generation, inventory: &Inventory) -> Result<Value, String> {
    let mut object = config_map(&generation_name(generation), namespace, "generation", true);
    let says = |value: serde_json::Result<String>| value.map_err(|e| e.to_string());
    let (one, two) = (says(serde_json::to_string(generation))?, says(serde_json::to_string(inventory))?);
    let size = one.len() + two.len() + 64;
    if size > MOST_BYTES {
        return Err(format!(
            "the list of policies is {size} bytes, and a ConfigMap holds {MOST_BYTES} (1 MiB)"
        ));
    }
    put(&mut object, "data", json!({ "generation.json": one, "policies.json": two }));
    Ok(object)
}

/// What a generation's ConfigMap says.
///
/// # Errors
/// What is wrong in it.
pub fn read_generation(object: &Value) -> Result<(Generation, Inventory), String> {
    let name = text(object, "/metadata/name");
    let read = |key: &str| {
        let text = object.get("data").and_then(|data| data.get(key)).and_then(Value::as_str);
        text.ok_or_else(|| format!("the ConfigMap {name} has no {key}"))
    };
    let wrong = |key: &'static str| move |e| format!("the ConfigMap {name}, {key}: {e}");
    Ok((
        serde_json::from_str(read("generation.json")?).map_err(wrong("generation.json"))?,
        serde_json::from_str(read("policies.json")?).map_err(wrong("policies.json"))?,
    ))
}

/// The ConfigMap `luascale`, to be written where it is still at a version; `None`: where it was not
/// there.
pub fn state(namespace: &str, state: &State, version: Option<&str>) -> Value {
    let mut object = config_map(STATE, namespace, "state", false);
    let history = serde_json::to_string(&state.history).unwrap_or_default();
    put(
        &mut object,
        "data",
        json!({
            "serial": state.serial.to_string(), "generation": state.generation, "history": history,
            "fence": state.fence.to_string(),
        }),
    );
    if let (Some(version), Some(metadata)) = (version, object.get_mut("metadata")) {
        put(metadata, "resourceVersion", json!(version));
    }
    object
}

/// What the ConfigMap `luascale` says.
///
/// # Errors
/// What is wrong in it.
pub fn read_state(object: &Value) -> Result<State, String> {
    let wrong = |key: &str| format!("the ConfigMap {STATE} has no sound `{key}`");
    let number = |key: &str| text(object, &format!("/data/{key}")).parse::<u64>().map_err(|_| wrong(key));
    Ok(State {
        serial: number("serial")?,
        fence: number("fence")?,
        generation: text(object, "/data/generation").to_owned(),
        history: serde_json::from_str(text(object, "/data/history")).map_err(|_| wrong("history"))?,
    })
}

/// A journal's text in pieces that fit into ConfigMaps.
pub fn pieces(text: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while rest.len() > PIECE {
        let (piece, more) = rest.split_at(rest.floor_char_boundary(PIECE));
        pieces.push(piece);
        rest = more;
    }
    pieces.push(rest);
    pieces
}

/// A ConfigMap of a journal. A short one is in the head, which has no number; a long one in numbered
/// pieces, and the head says how many. The head is written last and deleted first, so that a journal
/// is there as a whole or not at all.
pub fn journal(namespace: &str, number: Option<usize>, data: Value) -> Value {
    let name = number.map_or_else(|| JOURNAL.to_owned(), |number| format!("{JOURNAL}-{number}"));
    let mut object = config_map(&name, namespace, "journal", false);
    put(&mut object, "data", data);
    object
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bundle() -> Bundle {
        let files =
            [("lib/peak.lua", &b"return 3"[..]), ("lib_peak.lua", b"return 4"), ("odd.bin", &[0xff, 0])];
        Bundle {
            path: "lib/peak.lua".into(),
            files: files.iter().map(|(p, b)| ((*p).to_owned(), b.to_vec())).collect(),
            entry: Some("{}".into()),
        }
    }

    #[test]
    fn a_policy_comes_back_from_its_config_map_as_it_was() {
        let object = policy("shop", "Web API ☃", &bundle()).unwrap();
        assert_eq!(read_policy(&object).bundle, bundle());
        assert_eq!(read_policy(&object).digest, bundle().digest());
        let name = text(&object, "/metadata/name");
        assert!(name.starts_with("luascale-policy-web-api-") && name.len() < 253, "{name}");
        assert_eq!(object.get("immutable"), Some(&json!(true)));
        assert_eq!(policy_name("☃", "x").len(), "luascale-policy-".len() + 16);
    }

    #[test]
    fn whatever_was_changed_in_it_by_hand_shows() {
        let mut object = policy("shop", "web", &bundle()).unwrap();
        *object.pointer_mut("/data/0000-lib_peak.lua").unwrap() = json!("return 99");
        assert_ne!(read_policy(&object).digest, bundle().digest());
        put(&mut object, "data", json!({}));
        assert!(read_policy(&object).digest.starts_with("unreadable: "));
    }

    #[test]
    fn one_byte_over_the_limit_of_a_config_map_is_told_with_its_size() {
        let with = |n: usize| {
            let mut bundle = bundle();
            bundle.files.insert("big.lua".into(), vec![b'x'; n]);
            policy("shop", "web", &bundle)
        };
        let free = (0..MOST_BYTES).rev().take(4096).find(|n| with(*n).is_ok()).unwrap();
        let why = with(free + 1).unwrap_err();
        assert!(why.contains("1048577 bytes") && why.contains("1 MiB"), "{why}");
    }

    #[test]
    fn a_journal_is_cut_between_characters() {
        let text = format!("x{}", "é".repeat(PIECE));
        let pieces = pieces(&text);
        assert_eq!(pieces.len(), 3);
        assert!(pieces.iter().all(|piece| piece.len() <= PIECE));
        assert_eq!(pieces.concat(), text);
        assert_eq!(super::pieces(""), [""]);
    }
}
