//! The lock of a cluster: a Lease, changed by compare-and-swap on its version. May import:
//! siblings, `model`.
//!
//! `holderIdentity` is the id of the run, `leaseTransitions` the fence. Whoever takes it reads it,
//! and writes it at the version that was read: of two, one is refused.

use super::objects::{MANAGED_BY, MANAGER, STATE};
use super::{Claim, Lock};
use crate::model::{Duration, Time};
use serde_json::{Value, json};

/// Annotations with what the fields of a Lease have no place for.
const HOLDER: &str = "luascale.dev/holder";
const HOST: &str = "luascale.dev/host";

/// A time as a Lease has it: with exactly six digits after the point.
fn micros(time: Time) -> String {
    let (seconds, millis) = (time.0.div_euclid(1000), time.0.rem_euclid(1000));
    let stamp = jiff::Timestamp::from_second(seconds).unwrap_or_default();
    format!("{}.{millis:03}000Z", stamp.strftime("%Y-%m-%dT%H:%M:%S"))
}

fn time(text: &str) -> Option<Time> {
    text.parse::<jiff::Timestamp>().ok().map(|stamp| Time(stamp.as_millisecond()))
}

/// How long a claim lasts, in whole seconds and at least one: a Lease has no fractions.
pub fn ttl(claim: &Claim) -> Duration {
    Duration::from_secs(claim.ttl.0.max(1).saturating_add(999) / 1000)
}

/// The Lease that says that a lock is held, or (`None`) that nobody holds it.
pub fn lease(namespace: &str, lock: Option<&Lock>, fence: u64, version: Option<&str>) -> Value {
    let mut metadata = json!({ "name": STATE, "namespace": namespace, "labels": { MANAGED_BY: MANAGER } });
    let mut spec = json!({ "holderIdentity": "", "leaseDurationSeconds": 1, "leaseTransitions": fence });
    let set = |object: &mut Value, key: &str, value: Value| {
        if let Some(map) = object.as_object_mut() {
            map.insert(key.to_owned(), value);
        }
    };
    if let Some(lock) = lock {
        set(&mut metadata, "annotations", json!({ HOLDER: lock.holder, HOST: lock.host }));
        set(&mut spec, "holderIdentity", json!(lock.id));
        set(&mut spec, "leaseDurationSeconds", json!(lock.ttl.0 / 1000));
        set(&mut spec, "acquireTime", json!(micros(lock.acquired)));
        set(&mut spec, "renewTime", json!(micros(lock.renewed)));
    }
    if let Some(version) = version {
        set(&mut metadata, "resourceVersion", json!(version));
    }
    json!({ "apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata, "spec": spec })
}

/// What a Lease says: who holds it, if anybody, and the fence.
pub fn read(lease: &Value) -> (Option<Lock>, u64) {
    let text = |pointer: &str| lease.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    let annotation = |name: &str| text(&format!("/metadata/annotations/{}", name.replace('/', "~1")));
    let fence = lease.pointer("/spec/leaseTransitions").and_then(Value::as_u64).unwrap_or(0);
    let id = text("/spec/holderIdentity");
    if id.is_empty() {
        return (None, fence);
    }
    let seconds = lease.pointer("/spec/leaseDurationSeconds").and_then(Value::as_i64).unwrap_or(0);
    let renewed = time(&text("/spec/renewTime")).unwrap_or(Time(0));
    let lock = Lock {
        id,
        holder: annotation(HOLDER),
        host: annotation(HOST),
        acquired: time(&text("/spec/acquireTime")).unwrap_or(renewed),
        renewed,
        ttl: Duration::from_secs(seconds),
        fence,
    };
    (Some(lock), fence)
}

/// Whether a holder's time has run out. A sign of life from the future says nothing: a clock went
/// backwards.
pub fn is_over(lock: &Lock, now: Time) -> bool {
    now.since(lock.renewed).0 > lock.ttl.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_comes_back_from_its_lease_as_it_was() {
        let lock = Lock {
            id: "run".into(),
            holder: "ann@laptop".into(),
            host: "laptop".into(),
            acquired: Time(1_800_000_000_001),
            renewed: Time(1_800_000_007_250),
            ttl: Duration::from_secs(60),
            fence: 7,
        };
        let lease = lease("shop", Some(&lock), lock.fence, Some("12"));
        assert_eq!(lease.pointer("/spec/renewTime").unwrap(), "2027-01-15T08:00:07.250000Z");
        assert_eq!(read(&lease), (Some(lock.clone()), 7));
        assert!(
            !is_over(&lock, Time(lock.renewed.0 + 60_000)) && is_over(&lock, Time(lock.renewed.0 + 60_001))
        );
        assert!(!is_over(&lock, Time(0)));
        assert_eq!(read(&super::lease("shop", None, 7, None)), (None, 7));
    }
}
