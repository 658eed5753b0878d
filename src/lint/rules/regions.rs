//! Regions: what one can run, and what the others can take over when it is lost.
//!
//! May import: `model`, `lint`'s own modules.

use super::timing::place;
use crate::lint::{PolicyView, Sink};
use crate::model::{Policy, Region};
use crate::text::Span;

/// The highest min that the policy ever asks of a region by itself: its own, else that of the base
/// or of a window.
fn most_asked(policy: &Policy, region: &Region) -> u64 {
    let windows = policy.schedule.iter().filter_map(|s| s.min).max().unwrap_or(0);
    u64::from(region.min.unwrap_or(windows.max(*policy.replicas.min)))
}

/// The highest max that ever holds for a region.
fn most_allowed(policy: &Policy, region: &Region) -> u64 {
    let windows = policy.schedule.iter().filter_map(|s| s.max).max().unwrap_or(0);
    u64::from(region.max.unwrap_or(*policy.replicas.max).max(windows))
}

/// A failover whose survivors cannot run what the lost region, or what the minima, stand for.
pub(super) fn survivors(view: &PolicyView<'_>, sink: &mut Sink<'_>) {
    let policy = view.policy;
    let Some(regions) = policy.regions.as_ref().filter(|r| r.failover.is_some()) else { return };
    let here = place(view, &["regions", "failover"]).unwrap_or(regions.span);
    if let [only] = regions.regions.as_slice() {
        let message =
            format!("`{}` is the only region: where it is lost, none takes its load over", only.name);
        sink.raise(message, |finding| {
            finding
                .at(view.declared, here, "nobody to give it to")
                .help("name a second region, or leave `failover` out")
        });
        return;
    }
    let total = regions.max_total.map_or(u64::MAX, u64::from);
    let all: u64 = regions.regions.iter().map(|r| most_allowed(policy, r)).sum();
    let asked: u64 = regions.regions.iter().map(|r| most_asked(policy, r)).sum();
    // The region whose loss leaves most without a place.
    let each = (1..).zip(&regions.regions).map(|(at, lost)| {
        let own = most_allowed(policy, lost);
        let left = (all - own).min(total);
        (at, lost, own.min(total), left)
    });
    let Some((at, lost, own, left)) =
        each.max_by_key(|(_, _, own, left)| (*own).max(asked).saturating_sub(*left))
    else {
        return;
    };
    let (what, need) = match () {
        () if asked > left => (format!("the minima alone stand for a load of {asked}"), asked),
        () if own > left => {
            (format!("it may run {own} by itself, so even idle they cannot take its load over"), own)
        }
        () => return,
    };
    let message = format!("where `{}` is lost, the others may run {left} in all, and {what}", lost.name);
    let region = view.outline.and_then(|o| o.root.field("regions")?.index(at));
    sink.raise(message, |finding| {
        let finding = finding.at(view.declared, here, "gives them more than they hold");
        let finding = match region {
            Some(region) => finding.at(view.declared, region.value, "the region that is lost"),
            None => finding,
        };
        finding
            .at(view.declared, policy.replicas.max.span, "max of a region without its own")
            .help(format!("let the other regions run {need} in all: raise their max"))
    });
}

/// A max that the ceiling of all regions keeps every region from.
pub(super) fn max_over_total(view: &PolicyView<'_>, sink: &mut Sink<'_>) {
    let policy = view.policy;
    let Some(regions) = &policy.regions else { return };
    let Some(total) = regions.max_total else { return };
    let mut raise = |what: String, max: u32, span: Span| {
        if max <= total {
            return;
        }
        sink.raise(
            format!("{what} is {max}, and all regions together get no more than {total}"),
            |finding| {
                let finding = finding.at(view.declared, span, "never reached");
                let finding = match place(view, &["regions", "max_total"]) {
                    Some(span) => finding.at(view.declared, span, "the ceiling of all"),
                    None => finding,
                };
                finding.help(format!("write {total} or fewer, or raise `max_total` to {max} or more"))
            },
        );
    };
    if regions.regions.iter().any(|r| r.max.is_none()) {
        raise("max".into(), *policy.replicas.max, policy.replicas.max.span);
        for window in &policy.schedule {
            raise(format!("max of `{}`", window.name), window.max.unwrap_or(0), window.span);
        }
    }
    for (index, region) in (1..).zip(&regions.regions) {
        let own = view.outline.and_then(|o| o.root.field("regions")?.index(index)?.field("max"));
        let span = own.map_or(regions.span, |node| node.value);
        raise(format!("max of `{}`", region.name), region.max.unwrap_or(0), span);
    }
}
