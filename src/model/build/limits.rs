//! What holds a policy back or up: windows, cooldowns, rate limits, tolerance, fallback; and
//! what a replica costs. May import: `text`, `model`.

use super::at::{At, Builder, Table};
use super::read::{Known, MOST, Shape};
use super::words::figure;
use crate::model::policy::{Amount, Cost, Fallback, Limit, PerDirection, RateLimit, Replicas, Select};
use crate::model::raw::RawValue;
use crate::model::time::Duration;

/// Longest period of a rate limit, as in Kubernetes.
const LONGEST_PERIOD: Duration = Duration::from_secs(1800);

/// A field that holds one value for both directions, or a table of `scale_out` and `scale_in`.
fn directed<'a, T: Clone>(
    b: &mut Builder<'a>,
    table: &Table<'a>,
    name: &str,
    what: &str,
    (out, in_): (T, T),
    mut read: impl FnMut(&mut Builder<'a>, &At<'a>) -> Option<T>,
) -> Option<PerDirection<T>> {
    let Some(at) = b.field(table, name) else {
        return Some(PerDirection { scale_out: out, scale_in: in_ });
    };
    let RawValue::Table(_) = at.value else {
        let both = read(b, &at)?;
        return Some(PerDirection { scale_out: both.clone(), scale_in: both });
    };
    let pair = b.table(&at, what, Known::Only(&["scale_out", "scale_in"]), Shape::Map)?;
    let mut one = |name: &str, default: T| match b.field(&pair, name) {
        Some(at) => read(b, &at),
        None => Some(default),
    };
    let (scale_out, scale_in) = (one("scale_out", out), one("scale_in", in_));
    Some(PerDirection { scale_out: scale_out?, scale_in: scale_in? })
}

pub(super) fn stabilization_window<'a>(
    b: &mut Builder<'a>,
    table: &Table<'a>,
) -> Option<PerDirection<Duration>> {
    let defaults = (Duration::ZERO, Duration::from_secs(300));
    directed(b, table, "stabilization_window", "a pair of windows", defaults, |b, at| {
        b.duration(at, Duration::ZERO)
    })
}

pub(super) fn cooldown<'a>(b: &mut Builder<'a>, table: &Table<'a>) -> Option<PerDirection<Option<Duration>>> {
    directed(b, table, "cooldown", "a pair of cooldowns", (None, None), |b, at| {
        b.duration(at, Duration::ZERO).map(Some)
    })
}

pub(super) fn tolerance<'a>(b: &mut Builder<'a>, table: &Table<'a>) -> Option<PerDirection<f64>> {
    directed(b, table, "tolerance", "a pair of tolerances", (0.1, 0.1), |b, at| {
        let n = b.number(at, "a tolerance")?;
        if (0.0..1.0).contains(&n) {
            return Some(n);
        }
        let help = match n {
            n if (1.0..100.0).contains(&n) => {
                format!(
                    "a tolerance is a share, 0 or more and below 1: {} % is {}",
                    figure(n),
                    figure(n / 100.0)
                )
            }
            _ => "a tolerance is a share, 0 or more and below 1; the default is 0.1".into(),
        };
        b.error(
            "out-of-range",
            &at.place,
            format!("`{}` is {}, which is out of range", at.path, figure(n)),
            help,
        );
        None
    })
}

pub(super) fn rate_limit<'a>(b: &mut Builder<'a>, table: &Table<'a>) -> Option<PerDirection<RateLimit>> {
    let PerDirection { scale_out: out, scale_in: in_ } = RateLimit::kubernetes();
    let Some(at) = b.field(table, "rate_limit") else {
        return Some(PerDirection { scale_out: out, scale_in: in_ });
    };
    if let RawValue::Table(raw) = at.value
        && (!raw.list.is_empty()
            || ["percent", "replicas", "per", "select"].iter().any(|k| raw.get(k).is_some()))
    {
        b.error(
            "rate-limit-without-direction",
            &at.place,
            "`rate_limit` does not say which direction it limits",
            "write rate_limit = { scale_out = { percent = 100, per = \"1m\" }, scale_in = { replicas = 2, per = \"1m\" } }",
        );
        return None;
    }
    let pair = b.table(&at, "a table of rate limits", Known::Only(&["scale_out", "scale_in"]), Shape::Map)?;
    let mut one = |name: &str, default: RateLimit| match b.field(&pair, name) {
        Some(at) => limits(b, &at),
        None => Some(default),
    };
    let (scale_out, scale_in) = (one("scale_out", out), one("scale_in", in_));
    Some(PerDirection { scale_out: scale_out?, scale_in: scale_in? })
}

/// One limit, or a list of them, with `select`.
fn limits<'a>(b: &mut Builder<'a>, at: &At<'a>) -> Option<RateLimit> {
    let fields = ["percent", "replicas", "per", "select"];
    if let RawValue::String(text) = at.value {
        let write = (text == "disabled").then(|| "{ select = \"disabled\" }".to_string());
        b.wrong_type(at, "a rate limit", write.or(Some("{ percent = 100, per = \"1m\" }".into())));
        return None;
    }
    let table = b.table(at, "a rate limit", Known::Only(&fields), Shape::Both)?;
    let select = b.field(&table, "select").map(|at| {
        let choices = [("max", Select::Max), ("min", Select::Min), ("disabled", Select::Disabled)];
        b.choice(&at, "a choice between limits", &choices)
    });
    let entries = b.entries(&table);
    let single = ["percent", "replicas", "per"].iter().any(|k| table.raw.get(k).is_some());
    let limits = match (single, entries.is_empty()) {
        (true, false) => {
            b.error(
                "mixed-rate-limit",
                &at.place,
                format!("`{}` is both one limit and a list of limits", at.path),
                "write one, { percent = 100, per = \"1m\" }, or a list, { { percent = 100, per = \"1m\" }, { replicas = 4, per = \"1m\" } }",
            );
            None
        }
        (true, true) => limit(b, &table).map(|limit| vec![limit]),
        (false, _) => {
            let read: Vec<_> = entries
                .iter()
                .map(|entry| {
                    let known = Known::Only(&["percent", "replicas", "per"]);
                    b.table(entry, "a limit", known, Shape::Map).and_then(|table| limit(b, &table))
                })
                .collect();
            read.into_iter().collect()
        }
    };
    let select = match select {
        Some(select) => select?,
        None => Select::Max,
    };
    let limits: Vec<Limit> = limits?;
    if limits.is_empty() && select != Select::Disabled {
        b.error(
            "empty-value",
            &at.place,
            format!("`{}` has no limit", at.path),
            "write { percent = 100, per = \"1m\" }; to allow no change at all, { select = \"disabled\" }",
        );
        return None;
    }
    Some(RateLimit { select, limits })
}

fn limit<'a>(b: &mut Builder<'a>, table: &Table<'a>) -> Option<Limit> {
    let percent = b.field(table, "percent");
    let replicas = b.field(table, "replicas");
    let amount = match (&percent, &replicas) {
        (Some(percent), Some(replicas)) => {
            b.error(
                "mixed-rate-limit",
                &percent.key,
                "one limit has both `percent` and `replicas`",
                "write two limits: { { percent = …, per = … }, { replicas = …, per = … } }; `select` says which counts",
            );
            b.also(&replicas.key, "");
            None
        }
        (Some(at), None) => b.number_in(at, "a percentage", (0.0, true), 1e6).map(Amount::Percent),
        (None, Some(at)) => b.replicas(at, 1).map(Amount::Replicas),
        (None, None) => {
            b.error(
                "missing-field",
                &table.at.place,
                "the limit says neither `percent` nor `replicas`",
                "write { percent = 100, per = \"1m\" } or { replicas = 4, per = \"1m\" }",
            );
            None
        }
    };
    let per = b.required(table, "the limit", "per", "per = \"1m\"").and_then(|at| {
        let per = b.duration(&at, Duration(1))?;
        if per > LONGEST_PERIOD {
            b.error(
                "out-of-range",
                &at.place,
                format!("`{}` is {per}, which is too long", at.path),
                "the period of a rate limit is at most 30m, as in Kubernetes",
            );
            return None;
        }
        Some(per)
    });
    Some(Limit { amount: amount?, per: per? })
}

pub(super) fn fallback<'a>(
    b: &mut Builder<'a>,
    table: &Table<'a>,
    bounds: Option<&Replicas>,
) -> Option<Option<Fallback>> {
    let Some(at) = b.field(table, "fallback") else { return Some(None) };
    if let RawValue::Number(n) = at.value {
        let write = format!("{{ after = \"5m\", replicas = {} }}", figure(*n));
        b.wrong_type(&at, "a table", Some(write));
        return None;
    }
    let table = b.table(&at, "a fallback", Known::Only(&["after", "replicas"]), Shape::Map)?;
    let after = b
        .required(&table, "`fallback`", "after", "after = \"5m\"")
        .and_then(|at| b.duration(&at, Duration::ZERO));
    let replicas = b.required(&table, "`fallback`", "replicas", "replicas = 10");
    let replicas = replicas.and_then(|at| {
        let n = b.replicas(&at, 1)?;
        if let Some(bounds) = bounds
            && n > bounds.max.value
        {
            let max = bounds.max.value;
            b.error(
                "fallback-above-max",
                &at.place,
                format!("`fallback` asks for {n} replicas, and `replicas.max` allows {max}"),
                format!("write {max} or fewer, or raise `replicas.max`"),
            );
            b.also(
                &super::at::Where { span: bounds.max.span, ..table.at.place.clone() },
                format!("max {max}"),
            );
            return None;
        }
        Some(n)
    });
    Some(Some(Fallback { after: after?, replicas: replicas? }))
}

pub(super) fn cost<'a>(b: &mut Builder<'a>, table: &Table<'a>) -> Option<Option<Cost>> {
    let Some(at) = b.field(table, "cost") else { return Some(None) };
    if let RawValue::Number(n) = at.value {
        let write = format!("{{ per_replica_hour = {}, currency = \"USD\" }}", figure(*n));
        b.wrong_type(&at, "a table", Some(write));
        return None;
    }
    let table = b.table(&at, "a cost", Known::Only(&["per_replica_hour", "currency"]), Shape::Map)?;
    let per_replica_hour = b
        .required(&table, "`cost`", "per_replica_hour", "per_replica_hour = 0.19")
        .and_then(|at| b.number_in(&at, "a price", (0.0, false), f64::from(MOST)));
    let currency = match b.field(&table, "currency") {
        None => Some("USD".to_string()),
        Some(at) => b.text(&at, "a currency").and_then(|code| {
            if code.len() == 3 && code.bytes().all(|c| c.is_ascii_uppercase()) {
                return Some(code.to_string());
            }
            let upper = code.trim().to_ascii_uppercase();
            let hint = upper.len() == 3 && upper.bytes().all(|c| c.is_ascii_alphabetic());
            b.error(
                "unknown-value",
                &at.place,
                format!("`{}` cannot be {}: that is no currency", at.path, super::words::quoted(code)),
                match hint {
                    true => format!("write \"{upper}\""),
                    false => "write its ISO code of three letters, such as \"USD\" or \"EUR\"".into(),
                },
            );
            None
        }),
    };
    Some(Some(Cost { per_replica_hour: per_replica_hour?, currency: currency? }))
}
