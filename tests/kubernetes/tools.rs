//! What was applied, by other people's programs: kubectl, and the schemas of Kubernetes.

use super::{CONFIG_MAPS, NOW, apply, claim, journal, one, open, two};
use crate::k8s::Fake;
use luascale::target::Target;
use serde_json::{Value, json};
use std::process::Command;

/// A program of the test tools: what a variable names, what `scripts/test` installed, else the PATH's.
fn tool(variable: &str, name: &str) -> std::path::PathBuf {
    let own = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(".tools/python/bin").join(name);
    let named = std::env::var_os(variable).map(std::path::PathBuf::from);
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&paths).map(|p| p.join(name)).find(|p| p.is_file());
    let tool = named.or_else(|| Some(own).filter(|p| p.is_file())).or(found);
    let Some(tool) = tool else { panic!("{name} is missing: scripts/test installs it") };
    tool
}

#[test]
fn kubectl_sees_what_was_applied() {
    let kubectl = tool("KUBECTL", "kubectl");
    let fake = Fake::start(&["engine"]);
    fake.trust();
    apply(&fake, "a", &one());
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("kubeconfig");
    std::fs::write(&config, fake.kubeconfig()).unwrap();
    let run = |args: &[&str]| {
        let output = Command::new(&kubectl)
            .args(args)
            .env("KUBECONFIG", &config)
            .env("HOME", folder.path())
            .output()
            .unwrap();
        let both =
            format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        (output.status.success(), both)
    };
    let (good, said) = run(&["get", "configmaps", "-n", "engine", "-o", "name"]);
    assert!(
        good && said.contains("configmap/luascale\n") && said.contains("configmap/luascale-policy-web-"),
        "{said}"
    );
    let (good, said) =
        run(&["get", "lease", "luascale", "-n", "engine", "-o", "jsonpath={.spec.leaseTransitions}"]);
    assert!(good && said == "1", "{said}");
    // Another writer over the state is refused by the server, and told who owns it.
    let file = folder.path().join("theirs.yaml");
    std::fs::write(&file, "apiVersion: v1\nkind: ConfigMap\nmetadata: { name: luascale, namespace: engine }\ndata: { serial: \"9\" }\n").unwrap();
    let (good, said) = run(&["apply", "--server-side", "--validate=false", "-f", &file.to_string_lossy()]);
    assert!(!good && said.contains("conflict with \"luascale\""), "{said}");
}

#[test]
fn every_object_is_valid_by_the_schemas_of_kubernetes() {
    let validate = tool("KUBERNETES_VALIDATE", "kubernetes-validate");
    let fake = Fake::start(&["engine"]);
    let target = open(&fake);
    apply(&fake, "a", &one());
    let lock = target.lock(&claim("b"), NOW).unwrap();
    let journal = journal(&target, "b", &two()).unwrap();
    target.begin(&lock, &journal).unwrap();
    let mut objects: Vec<Value> = fake.get(CONFIG_MAPS)["items"].as_array().unwrap().clone();
    assert!(objects.len() >= 6, "{objects:?}");
    for object in &mut objects {
        object["apiVersion"] = json!("v1");
        object["kind"] = json!("ConfigMap");
    }
    objects.push(fake.get("/apis/coordination.k8s.io/v1/namespaces/engine/leases/luascale"));
    let folder = tempfile::tempdir().unwrap();
    for (number, object) in objects.iter().enumerate() {
        let file = folder.path().join(format!("{number}.yaml"));
        std::fs::write(&file, object.to_string()).unwrap();
        let output = Command::new(&validate).args(["--strict", "-k", "1.36"]).arg(&file).output().unwrap();
        let said =
            format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{object}\n{said}");
    }
}
