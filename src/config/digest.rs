//! What tells one configuration from another. May import: `text`, `yaml`, `change`.

use crate::change::canonical::{canonical, sha256};
use crate::text::Source;
use crate::yaml::{self, Node, Yaml};
use serde_json::Value;

/// The digest of what a luascale.yaml says, `policies:` aside, which is content that is reviewed
/// as the policies are. Comments, order and layout do not count. Nothing where it is no YAML.
pub fn digest(source: &Source) -> Option<String> {
    let (root, findings) = yaml::parse(source);
    if !findings.is_empty() {
        return None;
    }
    let mut value = root.as_ref().map_or(Value::Null, json);
    if let Some(entries) = value.as_object_mut() {
        entries.remove("policies");
    }
    Some(sha256(canonical(&value).as_bytes()))
}

fn json(node: &Node) -> Value {
    match &node.value {
        Yaml::Null => Value::Null,
        Yaml::Bool(b) => Value::from(*b),
        Yaml::Number(n) => {
            serde_json::Number::from_f64(*n).map_or_else(|| Value::from(n.to_string()), Value::Number)
        }
        Yaml::Text(text) => Value::from(text.as_str()),
        Yaml::List(items) => items.iter().map(json).collect(),
        Yaml::Map(entries) => entries.iter().map(|(key, value)| (key.value.clone(), json(value))).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_counts_and_not_how() {
        let digest = |text: &str| digest(&Source::new("luascale.yaml", text)).unwrap();
        let one = digest("approval: { branch: main, reviews: 1 }\n");
        assert_eq!(one, digest("# who\napproval:\n  reviews: 1.0\n  branch: 'main'\n"));
        assert_eq!(
            one,
            digest("policies: { a.lua: { replicas: { max: 3 } } }\napproval: { branch: main, reviews: 1 }")
        );
        assert_ne!(one, digest("approval: { branch: main, reviews: 2 }\n"));
        assert_ne!(one, digest("approval: { branch: main, reviews: '1' }\n"));
    }
}
