//! Where rules put what they find: identifier and level come from the rule's page.

use super::rules::Rule;
use crate::model::{Finding, Level};

/// Takes the findings of one rule.
pub struct Sink<'a> {
    rule: &'a Rule,
    findings: &'a mut Vec<Finding>,
}

impl<'a> Sink<'a> {
    /// A sink for a rule.
    pub fn new(rule: &'a Rule, findings: &'a mut Vec<Finding>) -> Sink<'a> {
        Sink { rule, findings }
    }

    /// Raises a finding; `shape` adds places, help and fix.
    pub fn raise(&mut self, message: impl Into<String>, shape: impl FnOnce(Finding) -> Finding) {
        let level = self.rule.page().map_or(Level::Warning, |page| page.level);
        self.findings.push(shape(Finding { level, ..Finding::error(self.rule.id, message) }));
    }
}
