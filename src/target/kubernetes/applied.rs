//! What luascale has live in all namespaces of a cluster, whoever applied it: for those who look for
//! two that scale the same. Reads only. May import: siblings, `change`, `cluster`.

use super::objects::{self, MANAGED_BY, MANAGER, PART, STATE};
use super::reach::text;
use crate::change::Bundle;
use crate::cluster::{Cluster, Failed};
use crate::report::segment;
use serde_json::Value;

/// How many objects a list gives at a time.
const PAGE: usize = 200;

/// A policy that a namespace has live.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// The namespace that it was applied to.
    pub namespace: String,
    /// Its name.
    pub id: String,
    /// What it is made of.
    pub bundle: Bundle,
}

/// The live policies of all namespaces, in the order of namespace and name. What is damaged, or changes
/// while it is read, is left out: `drift` tells of that.
///
/// # Errors
/// Where the cluster cannot be asked; it needs `list` and `get` on ConfigMaps.
pub async fn applied(cluster: &Cluster) -> Result<Vec<Applied>, Failed> {
    let selector = format!(
        "labelSelector={}%3D{MANAGER},{}%3Dstate",
        MANAGED_BY.replace('/', "%2F"),
        PART.replace('/', "%2F")
    );
    let first = format!("/api/v1/configmaps?{selector}&limit={PAGE}");
    let (mut states, mut path) = (Vec::new(), first.clone());
    loop {
        let mut list = cluster.get(&path).await?;
        let more = segment(text(&list, "/metadata/continue"));
        if let Some(Value::Array(items)) = list.get_mut("items").map(Value::take) {
            states.extend(items);
        }
        if more.is_empty() {
            break;
        }
        path = format!("{first}&continue={more}");
    }
    let mut found = Vec::new();
    for object in states.iter().filter(|object| text(object, "/metadata/name") == STATE) {
        let namespace = text(object, "/metadata/namespace").to_owned();
        let Ok(state) = objects::read_state(object) else { continue };
        if state.serial == 0 {
            continue;
        }
        let there =
            |name: &str| format!("/api/v1/namespaces/{}/configmaps/{}", segment(&namespace), segment(name));
        let Some(generation) = cluster.find(&there(&state.generation)).await? else { continue };
        let Ok((_, inventory)) = objects::read_generation(&generation) else { continue };
        for (id, held) in inventory {
            let Some(policy) = cluster.find(&there(&held.config_map)).await? else { continue };
            let bundle = objects::read_policy(&policy).bundle;
            if !bundle.files.is_empty() {
                found.push(Applied { namespace: namespace.clone(), id, bundle });
            }
        }
    }
    found.sort_by(|a, b| (&a.namespace, &a.id).cmp(&(&b.namespace, &b.id)));
    Ok(found)
}
