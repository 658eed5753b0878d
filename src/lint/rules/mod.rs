//! All rules: identifier, page, and the function that looks. May import: `lint`'s own modules.
//!
//! The list is sorted by identifier; `tests/rules.rs` holds it against the folder `rules/`.

mod ast;
mod changed;
mod counters;
mod dynamics;
mod expressions;
mod flow;
pub mod known;
mod library;
mod loops;
mod names;
mod online;
mod overwritten;
mod pairs;
mod queries;
mod reads;
mod regions;
mod runs;
mod sandbox;
mod schedules;
pub mod signatures;
mod thresholds;
mod timing;

use super::Check;
use super::page::{self, Page};
use std::sync::OnceLock;

/// A rule.
pub struct Rule {
    /// Identifier in kebab case; it names the fault.
    pub id: &'static str,
    /// Its page, as it is written.
    pub text: &'static str,
    /// What it looks at, and how.
    pub check: Check,
    read: OnceLock<Option<Page<'static>>>,
}

impl Rule {
    const fn new(id: &'static str, text: &'static str, check: Check) -> Rule {
        Rule { id, text, check, read: OnceLock::new() }
    }

    /// Its page, read; `None` where the page is not sound, which a test keeps from happening.
    pub fn page(&self) -> Option<&Page<'static>> {
        self.read.get_or_init(|| page::parse(self.text).ok()).as_ref()
    }
}

/// A rule by its identifier.
pub fn rule(id: &str) -> Option<&'static Rule> {
    RULES.iter().find(|rule| rule.id == id)
}

macro_rules! rules {
    ($($id:literal $check:expr,)*) => {
        /// Every rule, sorted by identifier.
        pub static RULES: [Rule; [$($id),*].len()] = [
            $(Rule::new($id, include_str!(concat!("../../../rules/", $id, ".md")), $check),)*
        ];
    };
}

rules! {
    "absent-library" Check::Tree(names::absent),
    "absent-replica-label" Check::Online(online::absent_replica_label),
    "absent-secret" Check::Online(online::absent_secret),
    "absent-target" Check::Online(online::absent_target),
    "activation-per-replica" Check::Elsewhere,
    "always-fires" Check::Policy(thresholds::always_fires),
    "assigned-global" Check::Elsewhere,
    "assigned-outer-local" Check::Elsewhere,
    "bad-argument" Check::Elsewhere,
    "bad-cron" Check::Elsewhere,
    "bad-duration" Check::Elsewhere,
    "bad-name" Check::Elsewhere,
    "bad-number" Check::Elsewhere,
    "bad-path" Check::Elsewhere,
    "bad-plan" Check::Elsewhere,
    "bad-signer" Check::Elsewhere,
    "bad-suppression" Check::Elsewhere,
    "bad-url" Check::Elsewhere,
    "bad-value" Check::Elsewhere,
    "both-ways" Check::Policy(pairs::both_ways),
    "bounds-crossed" Check::Elsewhere,
    "broken-rule" Check::Elsewhere,
    "budget-exceeded" Check::Change(changed::budget_exceeded),
    "cannot-read" Check::Elsewhere,
    "ceiling-raised" Check::Change(changed::ceiling_raised),
    "changed-outer-table" Check::Tree(sandbox::changed_outer),
    "clock-change" Check::Dated(schedules::clock_change),
    "compare-nan" Check::Tree(expressions::compare_nan),
    "compare-new-table" Check::Tree(expressions::compare_new_table),
    "constant-condition" Check::Tree(flow::constant_condition),
    "cooldown-under-startup" Check::Policy(timing::cooldown_under_startup),
    "counter-without-rate" Check::Query(counters::without_rate),
    "covered-condition" Check::Tree(flow::covered),
    "crossed-windows" Check::Dated(schedules::crossed),
    "decide-with-rules" Check::Elsewhere,
    "deprecated-name" Check::Tree(library::deprecated),
    "discarded-result" Check::Tree(library::discarded),
    "division-by-zero" Check::Tree(expressions::division_by_zero),
    "duplicate-field" Check::Elsewhere,
    "duplicate-key" Check::Tree(expressions::duplicate_key),
    "duplicate-name" Check::Elsewhere,
    "effect-in-condition" Check::Tree(sandbox::effect_in_condition),
    "empty-branch" Check::Tree(flow::empty_branch),
    "empty-loop" Check::Tree(loops::empty),
    "empty-value" Check::Elsewhere,
    "expired-suppression" Check::Elsewhere,
    "failover-too-small" Check::Policy(regions::survivors),
    "fails-on-samples" Check::Run(runs::fails_on_samples),
    "fallback-above-max" Check::Elsewhere,
    "flap-margin" Check::Policy(pairs::flap_margin),
    "flapping" Check::Run(runs::flapping),
    "floor-lowered" Check::Change(changed::floor_lowered),
    "foreign-syntax" Check::Elsewhere,
    "guard-removed" Check::Change(changed::guard_removed),
    "held-step" Check::Policy(pairs::held_step),
    "hidden-cooldown" Check::Policy(timing::hidden_cooldown),
    "hidden-engine-name" Check::Tree(names::hidden_engine_name),
    "hidden-rule" Check::Policy(pairs::hidden_rule),
    "hidden-window" Check::Dated(schedules::hidden),
    "histogram-without-le" Check::Query(queries::histogram_without_le),
    "history-too-short" Check::Elsewhere,
    "horizon-too-short" Check::Elsewhere,
    "identical-branches" Check::Tree(flow::identical_branches),
    "implicit-global" Check::Tree(names::implicit_global),
    "limit-exceeded" Check::Elsewhere,
    "load-only-call" Check::Tree(sandbox::load_only),
    "lost-replica-label" Check::Query(queries::lost_replica_label),
    "matches-everything" Check::Query(queries::matches_everything),
    "max-over-total" Check::Policy(regions::max_over_total),
    "misplaced-not" Check::Tree(expressions::misplaced_not),
    "misplaced-secret" Check::Elsewhere,
    "missing-action" Check::Elsewhere,
    "missing-field" Check::Elsewhere,
    "missing-order" Check::Policy(reads::missing_order),
    "mixed-rate-limit" Check::Elsewhere,
    "model-mismatch" Check::Elsewhere,
    "more-findings" Check::Elsewhere,
    "nameless-entry" Check::Elsewhere,
    "never-fired" Check::Run(runs::never_fired),
    "never-fires" Check::Policy(thresholds::never_fires),
    "never-read" Check::Tree(names::never_read),
    "never-set" Check::Tree(names::never_set),
    "never-wakes" Check::Policy(reads::never_wakes),
    "new-host" Check::Change(changed::new_host),
    "new-secret" Check::Change(changed::new_secret),
    "new-suppression" Check::Change(changed::new_suppression),
    "nil-entry" Check::Elsewhere,
    "not-a-metric" Check::Elsewhere,
    "not-in-script" Check::Elsewhere,
    "not-text" Check::Elsewhere,
    "not-whole" Check::Elsewhere,
    "odd-key" Check::Elsewhere,
    "out-of-range" Check::Elsewhere,
    "overwritten-value" Check::Tree(overwritten::overwritten),
    "pairs-order" Check::Tree(sandbox::pairs_order),
    "parser-failed" Check::Elsewhere,
    "parser-limit" Check::Elsewhere,
    "per-mismatch" Check::Elsewhere,
    "per-required" Check::Elsewhere,
    "quantile-outside-range" Check::Query(queries::quantile_outside_range),
    "query-empty" Check::Online(online::empty),
    "query-not-a-number" Check::Online(online::not_a_number),
    "query-refused" Check::Online(online::refused),
    "query-several" Check::Online(online::several),
    "query-stale" Check::Online(online::stale),
    "query-syntax" Check::Query(queries::syntax),
    "query-too-large" Check::Query(queries::too_large),
    "query-unit" Check::Query(queries::unit),
    "rate-limit-without-direction" Check::Elsewhere,
    "rate-of-gauge" Check::Query(counters::rate_of_gauge),
    "ratio-for-percent" Check::Policy(thresholds::ratio_for_percent),
    "regions-over-total" Check::Elsewhere,
    "repeated-condition" Check::Tree(flow::repeated),
    "replicas-outside-bounds" Check::Online(online::outside_bounds),
    "require-outside-root" Check::Tree(sandbox::require_outside),
    "reserved-name" Check::Elsewhere,
    "reversed-clamp" Check::Policy(reads::reversed_clamp),
    "reversed-for" Check::Tree(expressions::reversed_for),
    "rule-outside-list" Check::Elsewhere,
    "runtime-error" Check::Elsewhere,
    "same-target" Check::Set(reads::same_target),
    "samples-cell" Check::Elsewhere,
    "samples-columns" Check::Elsewhere,
    "samples-empty" Check::Elsewhere,
    "samples-format" Check::Elsewhere,
    "samples-histogram" Check::Elsewhere,
    "samples-label" Check::Elsewhere,
    "samples-mixed" Check::Elsewhere,
    "samples-overlap" Check::Elsewhere,
    "samples-several" Check::Elsewhere,
    "samples-unnamed" Check::Elsewhere,
    "samples-unreadable" Check::Elsewhere,
    "scale-in-while-hot" Check::Policy(pairs::while_hot),
    "second-scaler" Check::Online(online::second_scaler),
    "secret-as-text" Check::Tree(sandbox::secret_as_text),
    "self-assignment" Check::Tree(expressions::self_assignment),
    "several-actions" Check::Elsewhere,
    "several-series" Check::Query(queries::several_series),
    "shadowed-name" Check::Tree(names::shadowed),
    "short-rate-window" Check::Query(queries::short_rate_window),
    "shorter-than-interval" Check::Policy(timing::shorter_than_interval),
    "single-turn-loop" Check::Tree(loops::single_turn),
    "slow-to-max" Check::Policy(timing::slow_to_max),
    "suppression-without-reason" Check::Elsewhere,
    "swapped-assignment" Check::Tree(expressions::swapped),
    "syntax-error" Check::Elsewhere,
    "test-not-run" Check::Elsewhere,
    "threshold-outside-unit" Check::Policy(thresholds::outside_unit),
    "too-deep" Check::Elsewhere,
    "too-long" Check::Elsewhere,
    "too-many-policies" Check::Elsewhere,
    "track-against-rule" Check::Policy(reads::track_against_rule),
    "unbalanced-assignment" Check::Tree(expressions::unbalanced),
    "unbounded-loop" Check::Tree(flow::unbounded_loop),
    "undefined-name" Check::Tree(names::undefined),
    "unit-mismatch" Check::Elsewhere,
    "unknown-event" Check::Elsewhere,
    "unknown-field" Check::Elsewhere,
    "unknown-file" Check::Elsewhere,
    "unknown-gateway" Check::Elsewhere,
    "unknown-input" Check::Tree(sandbox::unknown_input),
    "unknown-metric" Check::Elsewhere,
    "unknown-on-samples" Check::Run(runs::unknown_on_samples),
    "unknown-policy" Check::Elsewhere,
    "unknown-rule" Check::Elsewhere,
    "unknown-signal" Check::Elsewhere,
    "unknown-target" Check::Elsewhere,
    "unknown-timezone" Check::Elsewhere,
    "unknown-value" Check::Elsewhere,
    "unreachable-code" Check::Tree(flow::unreachable),
    "unreachable-floor" Check::Policy(timing::unreachable_floor),
    "unread-metric" Check::Policy(reads::unread_metric),
    "unused-exclude" Check::Elsewhere,
    "unused-local" Check::Tree(names::unused_local),
    "unused-parameter" Check::Tree(names::unused_parameter),
    "unused-suppression" Check::Elsewhere,
    "useless-entry" Check::Elsewhere,
    "useless-field" Check::Elsewhere,
    "wants-more-than-max" Check::Run(runs::wants_more_than_max),
    "weaker-settings" Check::Change(changed::weaker_settings),
    "wide-tolerance" Check::Policy(timing::wide_tolerance),
    "window-under-interval" Check::Query(queries::window_under_interval),
    "wrong-arguments" Check::Tree(library::wrong_arguments),
    "wrong-direction" Check::Elsewhere,
    "wrong-time-unit" Check::Policy(thresholds::wrong_time_unit),
    "wrong-type" Check::Elsewhere,
    "yaml-limit" Check::Elsewhere,
    "yaml-syntax" Check::Elsewhere,
    "zero-for-missing" Check::Policy(reads::zero_for_missing),
    "zero-over-zero" Check::Query(counters::zero_over_zero),
}

#[cfg(test)]
mod tests;
