//! The fake against the recorded answers of a real server.

use crate::k8s::{Fake, replay};
use serde_json::{Value, json};

/// The recorder changed three values after it had noted them: two numbers that were sent, and a time in
/// an answer, which the next request then sent. What was answered and what follows show what they were.
fn as_it_was(name: &str, transcript: &mut Value) {
    let steps = &mut transcript["steps"];
    match name {
        // Between these two requests the recorder had the server drop its old versions.
        "01e-expired" => steps[10]["compacted"] = json!(true),
        "02b-statefulset-scale" => steps[18]["request"]["body"]["spec"]["replicas"] = json!(2),
        "02a-deployment-scale" => steps[26]["request"]["body"]["spec"]["replicas"] = json!(2),
        "05-auth" => {
            let sent = steps[37]["request"]["body"]["spec"]["renewTime"].clone();
            steps[37]["response"]["body"]["spec"]["renewTime"] = sent;
        }
        _ => {}
    }
}

/// What the fake does not do as the real server does, by transcript and step: messages that repeat an
/// object as Go prints it (01a 40; 02a 16 to 18), tables (01c 29), refusals of kinds that it does not
/// have and of roles of the whole cluster (05 from 35), priority levels (06b), and discovery, which
/// lists its own kinds (07).
const PARTS: [(&str, &[usize]); 11] = [
    ("01a-configmap-crud", &[40]),
    ("01b-configmap-apply", &[]),
    ("01c-configmap-list", &[29]),
    ("01d-configmap-watch", &[]),
    ("01e-expired", &[]),
    ("02a-deployment-scale", &[16, 17, 18]),
    ("02b-statefulset-scale", &[]),
    ("03-lease", &[]),
    ("05-auth", &[15, 17, 35, 36, 44, 45, 46, 48, 49, 50, 51, 52, 53, 54, 55]),
    ("06b-throttled", &[0, 1]),
    ("07-cluster", &[0, 1, 2, 3, 8, 10, 11, 12, 13, 15, 16, 17, 18, 19]),
];

#[test]
fn the_fake_answers_as_a_real_server_did() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/k8s");
    let mut wrong = Vec::new();
    let (mut same, mut all) = (0, 0);
    for (name, parts) in PARTS {
        let text = std::fs::read_to_string(folder.join(format!("{name}.json"))).unwrap();
        let mut transcript: Value = serde_json::from_str(&text).unwrap();
        as_it_was(name, &mut transcript);
        let fake = Fake::start(&[]);
        if name == "06b-throttled" {
            // What another transcript had left there.
            fake.create(
                "/api/v1/namespaces",
                json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "demo-auth" } }),
            );
            fake.create("/apis/apps/v1/namespaces/demo-auth/deployments", json!({
                "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": "web" },
                "spec": { "replicas": 4, "selector": { "matchLabels": { "app": "web" } }, "template": { "spec": {} } },
            }));
            fake.throttle("serviceaccount demo-auth/luascale", 3);
        }
        let replayed = replay::replay(&fake, &transcript);
        same += replayed.same.len();
        all += replayed.same.len() + replayed.parted.len();
        for (step, why) in &replayed.parted {
            if !parts.contains(step) {
                wrong.push(format!("{name} {step}: {why}"));
            }
        }
        wrong.extend(
            parts.iter().filter(|s| replayed.same.contains(s)).map(|s| format!("{name} {s}: is as recorded")),
        );
    }
    println!("{same} of {all} recorded answers");
    assert!(wrong.is_empty(), "{same} of {all}; {} part:\n{}", wrong.len(), wrong.join("\n"));
}
