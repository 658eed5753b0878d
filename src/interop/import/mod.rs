//! An HPA or a ScaledObject as a policy. May import: `text`, `model`, `yaml`, siblings.

mod behavior;
mod fields;
mod hpa;
mod keda;

use super::lua::Draft;
use super::{Remark, Remarks};
use crate::model::Finding;
use crate::text::{Source, Span};
use crate::yaml::{self, Node, Reader, Yaml};
use fields::Fields;

/// What came of an import.
#[derive(Debug, Clone)]
pub struct Imported {
    /// The policy file; `None` where the object is not sound.
    pub lua: Option<String>,
    /// What is wrong with the object.
    pub findings: Vec<Finding>,
    /// What does not cross over as it is.
    pub remarks: Vec<Remark>,
}

/// Writes an HPA (`autoscaling/v2`, `v1`) or a ScaledObject (`keda.sh/v1alpha1`) as a policy.
///
/// `taken_over` is the HPA's sync period that the object lived with; the HPA itself does not
/// say it. Findings are in the words of the object, with their places.
pub fn import(source: &Source) -> Imported {
    let (node, findings) = yaml::parse(source);
    let none = |findings| Imported { lua: None, findings, remarks: Vec::new() };
    let Some(node) = node.filter(|_| findings.is_empty()) else { return none(findings) };
    let mut reader = Reader::new(source);
    let mut remarks = Remarks::default();
    let text = |key: &str| match node.get(key).map(|n| &n.value) {
        Some(Yaml::Text(text)) => text.as_str(),
        _ => "",
    };
    let draft = match (text("apiVersion"), text("kind")) {
        ("autoscaling/v2" | "autoscaling/v1", "HorizontalPodAutoscaler") => {
            hpa::read(&node, &mut Fields::new(&mut reader, &mut remarks))
        }
        ("keda.sh/v1alpha1", "ScaledObject") => {
            keda::read(&node, &mut Fields::new(&mut reader, &mut remarks))
        }
        (api, kind) => {
            let what = if api.is_empty() && kind.is_empty() {
                "the file is no object of Kubernetes".to_owned()
            } else {
                format!("a {kind} of {api} cannot be imported")
            };
            let known =
                "autoscaling/v2 and v1 HorizontalPodAutoscaler, and keda.sh/v1alpha1 ScaledObject, are read";
            let place = node.get("kind").map_or_else(|| Span::new(0, 0), |kind| kind.span);
            reader.report("bad-value", what, place, known);
            None
        }
    };
    let findings = reader.findings;
    let lua = draft.filter(|_| findings.is_empty()).map(|draft: Draft| draft.write());
    Imported { lua, findings, remarks: remarks.0 }
}

/// The name, the namespace and the target that an object has.
fn head(node: &Node, draft: &mut Draft, fields: &mut Fields<'_, '_>) -> String {
    let empty = Node { value: Yaml::Null, span: node.span };
    let metadata = node.get("metadata").unwrap_or(&empty);
    draft.name = match metadata.get("name") {
        Some(name) => fields.text(name, "metadata.name").unwrap_or_default(),
        None => {
            fields.reader.report(
                "missing-field",
                "`metadata` has no `name`",
                metadata.span,
                "add it: name: web",
            );
            String::new()
        }
    };
    match metadata.get("namespace") {
        Some(namespace) => fields.text(namespace, "metadata.namespace").unwrap_or_default(),
        None => {
            let why = "the object names no namespace: `default` stands for it";
            fields.remarks.note(
                "metadata.namespace",
                metadata.span,
                why,
                "write the namespace into the policy's target",
            );
            "default".to_owned()
        }
    }
}

/// `scaleTargetRef`, where `kind` may be left out for a Deployment.
fn target(spec: &Node, namespace: &str, draft: &mut Draft, fields: &mut Fields<'_, '_>) {
    let what = "spec.scaleTargetRef";
    let Some(reference) = fields.reader.required(
        spec,
        "spec",
        "scaleTargetRef",
        "scaleTargetRef: { kind: Deployment, name: web }",
    ) else {
        return;
    };
    fields.only(reference, what, &["apiVersion", "kind", "name"]);
    let mut of = |key: &str| reference.get(key).and_then(|n| fields.text(n, &format!("{what}.{key}")));
    let (api, kind, name) = (of("apiVersion"), of("kind"), of("name"));
    let Some(name) = name else {
        fields.reader.report(
            "missing-field",
            format!("`{what}` has no `name`"),
            reference.span,
            "add it: name: web",
        );
        return;
    };
    let api = api.unwrap_or_else(|| "apps/v1".into());
    let kind = kind.unwrap_or_else(|| "Deployment".into());
    let names = |more: Vec<(&'static str, String)>| {
        more.into_iter().chain([("namespace", namespace.to_owned()), ("name", name)]).collect()
    };
    draft.target = Some(match (api.as_str(), kind.as_str()) {
        ("apps/v1", "Deployment") => ("kubernetes.deployment", names(Vec::new())),
        ("apps/v1", "StatefulSet") => ("kubernetes.statefulset", names(Vec::new())),
        _ => ("kubernetes.scale", names(vec![("api_version", api), ("kind", kind)])),
    });
}
