//! Several regions under one ceiling. May import: `text`, `model`.

use super::at::{At, Builder, Table, Where};
use super::metrics::{Metrics, metric};
use super::read::{Known, Shape};
use super::rules::unique;
use super::schedule::check_bounds;
use super::target;
use crate::model::policy::{Metric, Region, Regions, Replicas, Schedule};
use crate::model::raw::RawValue;

/// Reads `regions`.
pub(super) fn regions<'a>(
    b: &mut Builder<'a>,
    policy: &Table<'a>,
    metrics: &Metrics<'a>,
    bounds: Option<&Replicas>,
    schedule: Option<&[Schedule]>,
) -> Option<Option<Regions>> {
    let Some(at) = b.field(policy, "regions") else { return Some(None) };
    let known = Known::Only(&["max_total", "failover"]);
    let table = b.table(&at, "a list of regions", known, Shape::Both)?;
    let mut regions = Some(Vec::new());
    let mut names = Vec::new();
    let entries = b.entries(&table);
    for entry in &entries {
        let region = region(b, entry, metrics, bounds, &mut names);
        match (region, &mut regions) {
            (Some(region), Some(all)) => all.push(region),
            (_, regions) => *regions = None,
        }
    }
    if entries.is_empty() {
        b.error(
            "empty-value",
            &at.place,
            "`regions` names no region",
            "write regions = { \"eu-west-1\", \"us-east-1\", max_total = 80 }, or leave it out",
        );
        return None;
    }
    let max_total = match b.field(&table, "max_total") {
        None => Some(None),
        Some(at) => b.replicas(&at, 1).map(|n| Some((n, at))),
    };
    if let (Some(Some((total, total_at))), Some(regions), Some(bounds)) = (&max_total, &regions, bounds) {
        let minima = |r: &Region| u64::from(r.min.unwrap_or(bounds.min.value));
        let sum: u64 = regions.iter().map(minima).sum();
        if sum > u64::from(*total) {
            let each = regions.iter().map(|r| minima(r).to_string()).collect::<Vec<_>>().join(" + ");
            b.error(
                "regions-over-total",
                &total_at.place,
                format!("the minima of the regions need {sum} replicas ({each}), and `max_total` is {total}"),
                format!("write at least {sum}, or lower the minima: `replicas` holds for each region"),
            );
        } else {
            windows_over_total(b, regions, schedule.unwrap_or_default(), *total, total_at);
        }
    }
    if let (Some(regions), Some(schedule)) = (&regions, schedule) {
        for (region, entry) in regions.iter().zip(&entries) {
            crossed_by_windows(b, region, entry, schedule);
        }
    }
    let failover = match b.field(&table, "failover") {
        None => Some(None),
        Some(at) => b.function(&at, "failover = function(ctx) return not ctx.region.healthy end").map(Some),
    };
    Some(Some(Regions {
        regions: regions?,
        max_total: max_total?.map(|(n, _)| n),
        failover: failover?,
        span: at.span(),
    }))
}

/// Windows whose min, asked of each region that has none of its own, needs more than the ceiling.
fn windows_over_total<'a>(
    b: &mut Builder<'a>,
    regions: &[Region],
    schedule: &[Schedule],
    total: u32,
    total_at: &At<'a>,
) {
    let over = schedule.iter().filter_map(|window| {
        let sum: u64 = regions.iter().map(|r| u64::from(r.min.or(window.min).unwrap_or(0))).sum();
        (window.min.is_some() && sum > u64::from(total)).then_some((window, sum))
    });
    for (window, sum) in over {
        let each = regions
            .iter()
            .map(|r| r.min.or(window.min).unwrap_or(0).to_string())
            .collect::<Vec<_>>()
            .join(" + ");
        b.error(
            "regions-over-total",
            &total_at.place,
            format!(
                "while `{}` is open, the minima of the regions need {sum} replicas ({each}), and `max_total` is {total}",
                window.name
            ),
            format!("write at least {sum}, or lower the min of the window: it holds for each region"),
        );
        b.label(format!("max_total {total}"));
        let place = Where { span: window.span, ..total_at.place.clone() };
        b.also(&place, format!("min {} a region", window.min.unwrap_or(0)));
    }
}

/// Windows that ask of a region what its own bound forbids; where both of a kind are named, which
/// of the two holds is no mistake.
fn crossed_by_windows<'a>(b: &mut Builder<'a>, region: &Region, entry: &At<'a>, schedule: &[Schedule]) {
    for window in schedule {
        let (kind, own, other, asked) = match (window.min, window.max, region.min, region.max) {
            (Some(min), None, None, Some(max)) if min > max => ("max", max, "min", min),
            (None, Some(max), Some(min), None) if max < min => ("min", min, "max", max),
            _ => continue,
        };
        b.error(
            "bounds-crossed",
            &entry.place,
            format!(
                "the region `{}` has {kind} {own}, and the window `{}` asks for {other} {asked}",
                region.name, window.name
            ),
            format!("give the region a {other} of its own, or change one of the two numbers"),
        );
        b.label(format!("{kind} {own}"));
        let place = Where { span: window.span, ..entry.place.clone() };
        b.also(&place, format!("{other} {asked}"));
    }
}

fn region<'a>(
    b: &mut Builder<'a>,
    entry: &At<'a>,
    metrics: &Metrics<'a>,
    bounds: Option<&Replicas>,
    names: &mut Vec<(String, At<'a>)>,
) -> Option<Region> {
    if let RawValue::String(_) = entry.value {
        let name = b.name(entry, "the name of a region")?.to_string();
        unique(b, &name, entry, names, "regions");
        let (min, max, target, metrics) = (None, None, None, Vec::new());
        return Some(Region { name, weight: 1.0, min, max, target, metrics });
    }
    let fields = ["name", "weight", "min", "max", "target", "metrics"];
    let table = b.table(entry, "a region", Known::Only(&fields), Shape::Map)?;
    let name = b.required(&table, "the region", "name", "name = \"eu-west-1\"").and_then(|at| {
        let name = b.name(&at, "the name of a region")?;
        unique(b, name, &at, names, "regions");
        Some(name.to_string())
    });
    let weight = b.field(&table, "weight").map_or(Some(1.0), |at| b.positive(&at, "a weight"));
    let min_at = b.field(&table, "min");
    let max_at = b.field(&table, "max");
    let min = min_at.as_ref().map(|at| b.replicas(at, 0));
    let max = max_at.as_ref().map(|at| b.replicas(at, 1));
    let own = "the bounds of the region";
    check_bounds(
        b,
        (min.flatten(), min_at.as_ref()),
        (max.flatten(), max_at.as_ref()),
        bounds,
        &entry.place,
        own,
    );
    let target = target::of_region(b, &table);
    let own = own_metrics(b, &table, metrics);
    let min = match min {
        Some(min) => Some(min?),
        None => None,
    };
    let max = match max {
        Some(max) => Some(max?),
        None => None,
    };
    Some(Region { name: name?, weight: weight?, min, max, target: target?, metrics: own? })
}

/// Metrics of one region: the policy's, read from elsewhere. What is left out is as there.
fn own_metrics<'a>(b: &mut Builder<'a>, region: &Table<'a>, metrics: &Metrics<'a>) -> Option<Vec<Metric>> {
    let Some(at) = b.field(region, "metrics") else { return Some(Vec::new()) };
    let table = b.table(&at, "a table of metrics", Known::Any, Shape::Map)?;
    let mut own = Some(Vec::new());
    for (name, at) in b.fields(&table) {
        let base = metrics.resolve(b, name, &at.key.clone(), "the region");
        let base = base.and_then(|i| metrics.metric(i));
        let metric = metric(b, &at, name, base);
        if let (Some(metric), Some(base)) = (&metric, base)
            && (metric.per, metric.unit) != (base.per, base.unit)
        {
            b.error(
                "unit-mismatch",
                &at.place,
                format!("`{}` differs from the policy's metric in `unit` or `per`", at.path),
                "one metric means the same in all regions: leave both out here",
            );
        }
        match (metric, &mut own) {
            (Some(metric), Some(all)) => all.push(metric),
            (_, own) => *own = None,
        }
    }
    own
}
