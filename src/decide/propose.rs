//! Steps 2 and 3: what rules, target tracking, code and the fallback propose.
//!
//! May import: `model`, siblings.

use super::rules::{self, Firing};
use super::tick::{Tick, index};
use super::{read, track};
use crate::model::decision::Why;
use crate::model::{Action, Form, Projected, Proposed, Verdict};

/// What proposes a count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    Rule { rule: u16, relative: bool },
    Track { metric: u16 },
    Code { relative: bool },
    Other,
}

/// A proposed count, and the step that says so.
#[derive(Debug, Clone, Copy)]
pub(super) struct Proposal {
    pub count: u32,
    pub by: By,
    pub step: u16,
}

/// Everything proposed at a tick, from the current count on.
#[derive(Default)]
pub(super) struct Proposals {
    /// The largest above the current count, cooldowns applied.
    pub grow: Option<Proposal>,
    /// How many ask for more.
    pub growing: u32,
    /// Something asks for more, whatever cooldowns say.
    pub wants_more: bool,
    /// The mildest of those that ask for less.
    pub shrink: Option<Proposal>,
    /// How many ask for less, track aside.
    pub shrinking: u32,
    /// The largest that track computes, the floor of everything else.
    pub floor: Option<(Proposal, u16)>,
}

impl Proposals {
    fn grow(&mut self, proposal: Proposal) {
        self.growing += 1;
        if self.grow.is_none_or(|best| proposal.count > best.count) {
            self.grow = Some(proposal);
        }
    }

    fn shrink(&mut self, proposal: Proposal) {
        self.shrinking += 1;
        if self.shrink.is_none_or(|best| proposal.count > best.count) {
            self.shrink = Some(proposal);
        }
    }
}

impl Tick<'_> {
    /// Step 2 and the rules' part of step 3.
    pub(super) fn rules(&mut self, proposals: &mut Proposals) {
        let (policy, input) = (self.policy, self.input);
        if policy.scale_out.is_empty() && policy.scale_in.is_empty() {
            return;
        }
        let mut verdicts = std::mem::take(&mut self.state.work.verdicts);
        verdicts.clear();
        self.conditions.when(Projected::All, &self.state.work.values, &self.context(), &mut verdicts);
        // An answer that was not given is unknown.
        verdicts.resize(policy.scale_out.len() + policy.scale_in.len(), Verdict::default());
        let rules =
            policy.scale_out.iter().map(|r| (r, true)).chain(policy.scale_in.iter().map(|r| (r, false)));
        for ((at, verdict), (rule, out)) in verdicts.iter_mut().enumerate().zip(rules) {
            let number = index(at);
            let mut state = self.state.rules.get(at).copied().unwrap_or_default();
            let firing = match verdict.holds {
                Some(holds) => rules::sustain(rule, number, &mut state, holds, input.now, || {
                    let reads = self.conditions.reads(at, &self.state.work.values, &self.context());
                    read::newest(policy, input, &self.state, reads.as_deref())
                }),
                None => {
                    rules::start_again(&mut state);
                    self.note_unknown(verdict.missing);
                    Firing::No(if verdict.fault.is_some() {
                        Why::RuleFailed { rule: number }
                    } else {
                        Why::RuleUnknown { rule: number, metric: verdict.missing.map(index) }
                    })
                }
            };
            self.fault(&mut verdict.fault);
            if let Some(slot) = self.state.rules.get_mut(at) {
                *slot = state;
            }
            match (firing, rules::barred(rule, &state, input.now)) {
                (Firing::No(why), _) => {
                    self.say(input.current, input.current, why);
                }
                (Firing::Yes { .. }, Some(left_ms)) => {
                    self.say(input.current, input.current, Why::CooldownRule { rule: number, left_ms });
                }
                (Firing::Yes { for_ms }, None) => self.fires(rule.action, out, at, for_ms, proposals),
            }
        }
        self.state.work.verdicts = verdicts;
    }

    /// A rule fires: what it proposes.
    pub(super) fn fires(
        &mut self,
        action: Action,
        out: bool,
        at: usize,
        for_ms: i64,
        proposals: &mut Proposals,
    ) {
        let (current, rule) = (self.input.current, index(at));
        let action = match action {
            Action::By(_) => {
                let proposed = self.conditions.by(at, &self.state.work.values, &self.context());
                match self.proposed(proposed, Some(rule)) {
                    Some(action) => action,
                    None => return,
                }
            }
            action => action,
        };
        let Some(count) = rules::count(action, current, out) else { return };
        let relative = rules::is_relative(action);
        let count = if out { count.max(current) } else { count.min(current) };
        let step = self.say(current, count, Why::RuleFires { rule, for_ms });
        let proposal = Proposal { count, by: By::Rule { rule, relative }, step };
        if !out {
            if count < current {
                proposals.shrink(proposal);
            }
        } else if count > current {
            self.grow(action, proposal, Some(rule), proposals);
        }
    }

    /// Takes a proposal of more, as far as the scale-out cooldown lets it (step 5).
    pub(super) fn grow(
        &mut self,
        action: Action,
        proposal: Proposal,
        rule: Option<u16>,
        proposals: &mut Proposals,
    ) {
        let current = self.input.current;
        proposals.wants_more = true;
        let mut proposal = proposal;
        if rules::is_relative(action)
            && let Some((cooldown, left_ms)) = rules::running(self.state.cooldown, self.input.now)
        {
            let base = cooldown.base.min(current);
            let count = rules::count(action, base, true).unwrap_or(base).max(current);
            if count < proposal.count {
                proposal.step = self.say(proposal.count, count, Why::CooldownOut { rule, base, left_ms });
                proposal.count = count;
            }
        }
        if proposal.count > current {
            proposals.grow(proposal);
        }
    }

    /// What a function wants; a failure or an unknown is noted and said.
    pub(super) fn proposed(&mut self, mut proposed: Proposed, rule: Option<u16>) -> Option<Action> {
        let current = self.input.current;
        let failed = proposed.fault.is_some();
        self.fault(&mut proposed.fault);
        if failed || proposed.unknown {
            self.note_unknown(proposed.missing);
            let metric = proposed.missing.map(index);
            let why = match (rule, failed) {
                (Some(rule), true) => Why::RuleFailed { rule },
                (Some(rule), false) => Why::RuleUnknown { rule, metric },
                (None, true) => Why::ProposedFailed,
                (None, false) => Why::ProposedUnknown { metric },
            };
            self.say(current, current, why);
            return None;
        }
        if proposed.want.is_none() {
            let why = rule.map_or(Why::ProposedNothing, |rule| Why::RuleNothing { rule });
            self.say(current, current, why);
        }
        proposed.want
    }

    /// Step 3: target tracking.
    pub(super) fn track(&mut self, proposals: &mut Proposals) {
        let current = self.input.current;
        for declared in &self.policy.track {
            let value = self.state.work.values.get(declared.metric).copied().unwrap_or(f64::NAN);
            let (count, why) = track::propose(self.policy, self.input, declared, value);
            let step = self.say(current, count.unwrap_or(current), why);
            let Some(count) = count else {
                if !matches!(why, Why::TrackAtZero { .. }) {
                    self.note_unknown(Some(declared.metric));
                }
                continue;
            };
            let metric = index(declared.metric);
            let proposal = Proposal { count, by: By::Track { metric }, step };
            if count > current {
                proposals.wants_more = true;
                proposals.grow(proposal);
            }
            if proposals.floor.is_none_or(|(floor, _)| count > floor.count) {
                proposals.floor = Some((proposal, metric));
            }
        }
    }

    /// Step 3: `decide`, or the script.
    pub(super) fn code(&mut self, proposals: &mut Proposals) {
        if matches!(self.policy.form, Form::Rules) {
            return;
        }
        let current = self.input.current;
        let proposed = self.conditions.propose(&self.state.work.values, &self.context());
        let Some(action) = self.proposed(proposed, None) else { return };
        let out = !matches!(action, Action::Remove(_));
        let Some(count) = rules::count(action, current, out) else { return };
        let step = self.say(current, count, Why::Proposed);
        let proposal = Proposal { count, by: By::Code { relative: rules::is_relative(action) }, step };
        if count > current {
            self.grow(action, proposal, None, proposals);
        } else {
            // The current count is wanted, too: it keeps track from going below.
            proposals.shrink(proposal);
        }
    }

    /// Metrics that have been lost for long: at least the fallback's count.
    pub(super) fn fallback(&mut self, proposals: &mut Proposals) {
        let (Some(fallback), Some(metric)) = (self.policy.fallback, self.lost) else { return };
        let Some(since) = self.state.lost.get(usize::from(metric)).copied().flatten() else { return };
        let lost = self.input.now.since(since);
        let so_far = proposals.grow.map_or(self.input.current, |p| p.count);
        if lost >= fallback.after && fallback.replicas > so_far {
            let why = Why::Fallback { for_ms: lost.0, replicas: fallback.replicas };
            let step = self.say(so_far, fallback.replicas, why);
            proposals.wants_more = true;
            proposals.grow = Some(Proposal { count: fallback.replicas, by: By::Other, step });
        }
    }
}
