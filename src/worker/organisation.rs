//! An organisation's rules: what the child does with them, loading them and looking at policies.
//!
//! May import: the core.

use crate::lint::{Checked, organisation, rules};
use crate::lua::{Clock, Limits, RuleFile};
use crate::model::Finding;
use crate::model::organisation::OrgRule;
use crate::text::{LineIndex, Source};
use serde::{Deserialize, Serialize};

/// What an organisation's files of rules declare.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct RulesReply {
    /// The rules, in the order of the files and of their texts.
    pub rules: Vec<OrgRule>,
    /// What is wrong with the files, each with its place.
    pub findings: Vec<Finding>,
}

/// Loads files of rules, to learn what they declare. Where one of their names is taken, by a rule
/// of the program or of another file, that is an error.
pub fn declared(files: &[Source], limits: &Limits, clock: &Clock) -> RulesReply {
    let mut reply = RulesReply::default();
    for file in files {
        let loaded = match RuleFile::load(file, limits, clock.clone(), end(limits, clock)) {
            Ok(loaded) => loaded,
            Err(finding) => {
                reply.findings.push(finding);
                continue;
            }
        };
        for rule in loaded.rules {
            let taken = match reply.rules.iter().find(|other| other.id == rule.id) {
                Some(other) => Some(format!("{} declares a rule of this name too", other.place.source)),
                None => rules::rule(&rule.id).map(|_| "luascale has a rule of this name".to_owned()),
            };
            match taken {
                Some(why) => {
                    let message = format!("the rule `{}` has a name that is taken", rule.id);
                    let place = LineIndex::new(&file.text).line_span(&file.text, rule.place.line);
                    let finding = Finding::error("broken-rule", message);
                    reply
                        .findings
                        .push(finding.at(file, place.unwrap_or_default(), why).help("give it another name"));
                }
                None => reply.rules.push(rule),
            }
        }
    }
    reply
}

/// When a file of rules must be done, by the clock.
fn end(limits: &Limits, clock: &Clock) -> u64 {
    clock().saturating_add(limits.load_ms)
}

/// Has the rules look at the policies of a file. What keeps a file of rules from loading was told
/// when it was [`declared`].
pub fn look(
    checked: &Checked,
    files: &[Source],
    limits: &Limits,
    clock: &Clock,
) -> (Vec<Finding>, Vec<Source>) {
    let (mut findings, mut broken) = (Vec::new(), Vec::new());
    let views: Vec<_> = checked.views().into_iter().map(|v| (v.source, organisation::plain(&v))).collect();
    if views.is_empty() {
        return (findings, broken);
    }
    for file in files {
        let end = end(limits, clock);
        let load = || RuleFile::load(file, limits, clock.clone(), end).ok();
        let Some(mut loaded) = load() else { continue };
        let all = loaded.rules.clone();
        for (at, rule) in all.iter().enumerate().filter(|(_, rule)| rules::rule(&rule.id).is_none()) {
            for (source, plain) in &views {
                match loaded.look(at, plain) {
                    Ok(reported) => findings.extend(reported.into_iter().map(|one| {
                        let mut finding =
                            Finding { level: rule.level, ..Finding::error(&rule.id, one.message) };
                        finding.help = one.help;
                        finding.at(source, one.place, "")
                    })),
                    Err(finding) => {
                        findings.push(finding);
                        broken.push(file.clone());
                        // What fails on one policy fails on the next: once is enough.
                        match load() {
                            Some(anew) => loaded = anew,
                            None => return (findings, broken),
                        }
                        break;
                    }
                }
            }
        }
    }
    broken.dedup();
    (findings, broken)
}
