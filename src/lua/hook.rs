//! Hooks: what a policy does when something scales, recorded as effects.
//! May import: `model`, siblings.

use super::value;
use crate::model::effect::{Effect, EffectKind};
use crate::model::finding::did_you_mean;
use mlua::Table;

/// Most effects of one call of a hook.
const MOST_EFFECTS: usize = 100;

/// The functions of `act` that take a table, with their arguments: required, then optional.
const ARGUMENTS: [(EffectKind, &[&str], &[&str]); 6] = [
    (EffectKind::Webhook, &["url"], &["body", "method", "headers"]),
    (EffectKind::Slack, &["url", "text"], &[]),
    (EffectKind::Github, &["repo", "workflow"], &["ref", "inputs"]),
    (EffectKind::Mcp, &["server", "tool"], &["arguments"]),
    (EffectKind::Llm, &["gateway", "model", "prompt"], &[]),
    (EffectKind::Log, &["text"], &[]),
];

/// Records what `act.KIND { … }` asks for.
///
/// # Errors
/// A sentence for the person who wrote the hook.
pub(super) fn record(kind: &str, table: &Table, effects: &mut Vec<Effect>) -> Result<(), String> {
    let Some((kind, required, optional)) = ARGUMENTS.iter().find(|(k, ..)| k.name() == kind) else {
        return Err(format!("act has no {kind}"));
    };
    let name = kind.name();
    if effects.len() >= MOST_EFFECTS {
        return Err(format!("a hook asks for more than {MOST_EFFECTS} effects"));
    }
    let arguments = value::arguments(table).map_err(|why| format!("the table of act.{name} {why}"))?;
    let known = || required.iter().chain(*optional).copied();
    if let Some((key, _)) = arguments.iter().find(|(key, _)| !known().any(|k| k == key)) {
        let key: String = key.chars().take(64).collect();
        let near = did_you_mean(&key, known()).map_or_else(String::new, |k| format!(": did you mean {k}?"));
        let all = known().collect::<Vec<_>>().join(", ");
        return Err(format!("act.{name} has no argument {key}{near}; it takes {all}"));
    }
    if let Some(key) = required.iter().find(|key| !arguments.iter().any(|(k, _)| k == *key)) {
        return Err(format!("act.{name} needs {key}"));
    }
    effects.push(Effect { kind: *kind, arguments });
    Ok(())
}
