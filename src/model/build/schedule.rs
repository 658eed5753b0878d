//! Windows of time and forecasts. May import: `text`, `model`.

use super::at::{At, Builder, Table, Where};
use super::metrics::Metrics;
use super::policy::crossed;
use super::read::{Known, Shape};
use super::rules::unique;
use super::words::{quoted, suggestion};
use crate::model::finding::did_you_mean;
use crate::model::policy::{Predict, Replicas, Schedule};
use crate::model::raw::RawValue;
use crate::model::time::Duration;
use croner::parser::{CronParser, Seconds, Year};

/// The fields of a cron expression, their ranges and the names that some take.
const CRON: [(&str, u32, u32, &[&str]); 5] = [
    ("minute", 0, 59, &[]),
    ("hour", 0, 23, &[]),
    ("day of the month", 1, 31, &[]),
    ("month", 1, 12, &["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]),
    ("day of the week", 0, 7, &["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"]),
];

/// Models of `predict`.
const MODELS: [&str; 1] = ["auto"];

/// Reads `schedule`.
pub(super) fn schedule<'a>(
    b: &mut Builder<'a>,
    policy: &Table<'a>,
    bounds: Option<&Replicas>,
) -> Option<Vec<Schedule>> {
    let Some(at) = b.field(policy, "schedule") else { return Some(Vec::new()) };
    if let RawValue::Table(raw) = at.value
        && raw.list.is_empty()
        && raw.get("cron").is_some()
    {
        b.error(
            "rule-outside-list",
            &at.place,
            "`schedule` is a list of windows, and this is one window",
            "put it between braces of its own: schedule = { { cron = … } }",
        );
        return None;
    }
    let list = b.table(&at, "a list of windows", Known::Any, Shape::List)?;
    let mut windows = Some(Vec::new());
    let mut names = Vec::new();
    for entry in b.entries(&list) {
        let window = window(b, &entry, bounds, &mut names);
        match (window, &mut windows) {
            (Some(window), Some(all)) => all.push(window),
            (_, windows) => *windows = None,
        }
    }
    windows
}

fn window<'a>(
    b: &mut Builder<'a>,
    entry: &At<'a>,
    bounds: Option<&Replicas>,
    names: &mut Vec<(String, At<'a>)>,
) -> Option<Schedule> {
    let fields = ["name", "cron", "timezone", "duration", "min", "max"];
    let table = b.table(entry, "a window", Known::Only(&fields), Shape::Map)?;
    let name = match b.field(&table, "name") {
        None => Some(entry.path.clone()),
        Some(at) => b.name(&at, "a name").map(|name| {
            unique(b, name, &at, names, "windows");
            name.to_string()
        }),
    };
    let cron = b.required(&table, "the window", "cron", "cron = \"0 7 * * 1-5\"").and_then(|at| cron(b, &at));
    let timezone = b.field(&table, "timezone").map_or(Some("UTC".to_string()), |at| timezone(b, &at));
    let duration = b
        .required(&table, "the window", "duration", "duration = \"2h\": how long it stays open")
        .and_then(|at| b.duration(&at, Duration(1)));
    let min_at = b.field(&table, "min");
    let max_at = b.field(&table, "max");
    let min = min_at.as_ref().map(|at| b.replicas(at, 0));
    let max = max_at.as_ref().map(|at| b.replicas(at, 1));
    if min.is_none() && max.is_none() {
        b.error(
            "missing-field",
            &entry.place,
            "the window changes neither `min` nor `max`",
            "write min = 10, max = 20, or both: a window replaces the base bounds that it names",
        );
    }
    check_bounds(
        b,
        (min.flatten(), min_at.as_ref()),
        (max.flatten(), max_at.as_ref()),
        bounds,
        &entry.place,
        "the bounds of the window",
    );
    let min = match min {
        Some(min) => Some(min?),
        None => None,
    };
    let max = match max {
        Some(max) => Some(max?),
        None => None,
    };
    Some(Schedule {
        name: name?,
        span: entry.span(),
        cron: cron?,
        timezone: timezone?,
        duration: duration?,
        min,
        max,
    })
}

/// Whether own bounds cross each other, or the base bound that they leave as it is.
pub(super) fn check_bounds<'a>(
    b: &mut Builder<'a>,
    (min, min_at): (Option<u32>, Option<&At<'a>>),
    (max, max_at): (Option<u32>, Option<&At<'a>>),
    bounds: Option<&Replicas>,
    base: &Where,
    whose: &str,
) {
    match (min, min_at, max, max_at) {
        (Some(min), Some(min_at), Some(max), Some(max_at)) if min > max => {
            crossed(b, (min, Some(min_at)), (max, max_at), whose);
        }
        (Some(min), Some(min_at), None, None) => {
            if let Some(bounds) = bounds
                && min > bounds.max.value
            {
                let max = bounds.max.value;
                b.error(
                    "bounds-crossed",
                    &min_at.place,
                    format!("`{}` is {min}, above the base max of {max}", min_at.path),
                    format!("write {max} or fewer, or a max of {min} or more beside it"),
                );
                b.label(format!("min {min}"));
                b.also(&Where { span: bounds.max.span, ..base.clone() }, format!("max {max}"));
            }
        }
        (None, None, Some(max), Some(max_at)) => {
            if let Some(bounds) = bounds
                && max < bounds.min.value
            {
                let min = bounds.min.value;
                b.error(
                    "bounds-crossed",
                    &max_at.place,
                    format!("`{}` is {max}, below the base min of {min}", max_at.path),
                    format!("write {min} or more, or a min of {max} or fewer beside it"),
                );
                b.label(format!("max {max}"));
                if !bounds.min.span.is_empty() {
                    b.also(&Where { span: bounds.min.span, ..base.clone() }, format!("min {min}"));
                }
            }
        }
        _ => {}
    }
}

/// A cron expression of five fields.
fn cron<'a>(b: &mut Builder<'a>, at: &At<'a>) -> Option<String> {
    let text = b.text(at, "a cron expression")?;
    if let Err((message, help)) = check_cron(text) {
        b.error("bad-cron", &at.place, format!("`{}`: {message}", at.path), help);
        return None;
    }
    Some(text.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// What is wrong with a cron expression, and what to write.
fn check_cron(text: &str) -> Result<(), (String, String)> {
    let shape = "a cron expression has five fields, minute hour day month weekday: \"0 7 * * 1-5\"";
    let fields: Vec<&str> = text.split_whitespace().collect();
    if let Some(nick) = text.trim().strip_prefix('@') {
        let write = match nick.to_ascii_lowercase().as_str() {
            "hourly" => "0 * * * *",
            "daily" | "midnight" => "0 0 * * *",
            "weekly" => "0 0 * * 0",
            "monthly" => "0 0 1 * *",
            "yearly" | "annually" => "0 0 1 1 *",
            _ => return Err((format!("{} is not known", quoted(text)), shape.into())),
        };
        return Err((format!("{} is not written out", quoted(text)), format!("write \"{write}\"")));
    }
    if fields.len() != CRON.len() {
        let seconds = if fields.len() == 6 { "; there is no field for seconds" } else { "" };
        return Err((
            format!("{} has {} fields, not five{seconds}", quoted(text), fields.len()),
            shape.into(),
        ));
    }
    for (field, (what, low, high, names)) in fields.iter().zip(CRON) {
        for part in field.split(',') {
            check_part(part, field, what, low, high, names)?;
        }
    }
    let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build();
    let cron = parser
        .parse(text)
        .map_err(|e| (format!("{} is no cron expression: {e}", quoted(text)), shape.to_string()))?;
    // 2024 is a leap year; the next opening is sought from it, whatever today is.
    let from = jiff::civil::date(2024, 1, 1).at(0, 0, 0, 0).to_zoned(jiff::tz::TimeZone::UTC);
    let opens = from.is_ok_and(|from| cron.find_next_occurrence(&from, true).is_ok());
    if !opens {
        return Err((
            format!("{} never comes: no month has that day", quoted(text)),
            "write a day that the month has, or L for its last day".into(),
        ));
    }
    Ok(())
}

/// Numbers and names of one part of a field (`1-5/2`), in their range.
fn check_part(
    part: &str,
    field: &str,
    what: &str,
    low: u32,
    high: u32,
    names: &[&str],
) -> Result<(), (String, String)> {
    let wrong = |why: String| {
        let named = match names {
            [first, .., last] => format!(", or {first} to {last}"),
            _ => String::new(),
        };
        Err((
            why,
            format!(
                "the {what} is a number from {low} to {high}{named}, *, a list 1,2, a range 1-5 or a step */5"
            ),
        ))
    };
    let (range, step) = match part.split_once('/') {
        Some((range, step)) => (range, Some(step)),
        None => (part, None),
    };
    if let Some(step) = step
        && !step.parse::<u32>().is_ok_and(|n| n > 0 && n <= high)
    {
        return wrong(format!("the step {} of the {what} is no number from 1 to {high}", quoted(step)));
    }
    let mut ends = Vec::new();
    for end in range.split('-') {
        if end == "*" || end == "?" {
            continue;
        }
        let upper = end.to_ascii_uppercase();
        // `L`, `15W`, `5#2` and `5L` are croner's to judge; their number is not a plain one.
        let bare = upper.split('#').next().unwrap_or_default().trim_end_matches(['L', 'W']);
        if bare.is_empty() && upper.starts_with(['L', 'W']) {
            continue;
        }
        if let Some(at) = names.iter().position(|n| *n == bare) {
            ends.push(at as u32 + low);
            continue;
        }
        match bare.parse::<u32>() {
            Ok(n) if (low..=high).contains(&n) => ends.push(n),
            Ok(n) => return wrong(format!("the {what} {n} is out of range")),
            Err(_) => {
                return wrong(format!("{} is no {what}", quoted(if end.is_empty() { field } else { end })));
            }
        }
    }
    if let [first, last] = ends[..]
        && first > last
        && range.contains('-')
    {
        return wrong(format!("the range {} of the {what} runs backwards", quoted(range)));
    }
    Ok(())
}

/// An IANA time zone.
fn timezone<'a>(b: &mut Builder<'a>, at: &At<'a>) -> Option<String> {
    let text = b.text(at, "a time zone")?;
    match zone(text) {
        Ok(name) => Some(name),
        Err(near) => {
            b.error(
                "unknown-timezone",
                &at.place,
                format!("there is no time zone {}", quoted(text)),
                suggestion(
                    near.as_deref(),
                    "a time zone is an IANA name such as \"Europe/Paris\" or \"UTC\"",
                ),
            );
            None
        }
    }
}

/// The IANA name of a time zone that is compiled in.
///
/// # Errors
/// The nearest name, where there is no such zone and one is near.
pub fn zone(text: &str) -> Result<String, Option<String>> {
    let db = jiff::tz::db();
    if let Ok(zone) = db.get(text) {
        return Ok(zone.iana_name().unwrap_or(text).to_string());
    }
    let names: Vec<String> = db.available().map(|name| name.to_string()).collect();
    Err(nearest_zone(text, &names).map(str::to_string))
}

/// The nearest zone: by its whole name, or by the city alone.
fn nearest_zone<'n>(text: &str, names: &'n [String]) -> Option<&'n str> {
    let all = || names.iter().map(String::as_str);
    let city = |name: &'n str| name.rsplit('/').next().unwrap_or(name);
    let typed = text.rsplit('/').next().unwrap_or(text).replace(' ', "_");
    let exact = all().find(|name| city(name).eq_ignore_ascii_case(&typed));
    exact.or_else(|| did_you_mean(text, all()))
}

/// Reads `predict`. `times` are `startup` and `interval`.
pub(super) fn predict<'a>(
    b: &mut Builder<'a>,
    policy: &Table<'a>,
    metrics: &Metrics<'a>,
    times: Option<(Duration, Duration)>,
) -> Option<Option<Predict>> {
    let Some(at) = b.field(policy, "predict") else { return Some(None) };
    let fields = ["metric", "per_replica", "horizon", "history", "model", "mode"];
    let table = b.table(&at, "a forecast", Known::Only(&fields), Shape::Map)?;
    let metric_at = b.required(&table, "`predict`", "metric", "metric = \"rps\"");
    let metric = metric_at.as_ref().and_then(|at| {
        let name = b.text(at, "the name of a metric")?;
        let index = metrics.resolve(b, name, &at.place.clone(), "`predict`")?;
        metrics.per(b, index, &at.place.clone(), "`predict` looks ahead from").map(|_| index)
    });
    let capacity = metric.and_then(|i| metrics.metric(i)).and_then(|m| m.capacity);
    let per_replica = match (b.field(&table, "per_replica"), capacity) {
        (Some(at), _) => b.positive(&at, "what one replica serves"),
        (None, Some(capacity)) => Some(capacity),
        (None, None) => {
            // Where the metric itself is wrong, its capacity is not known.
            if metric.is_some() || metric_at.is_none() {
                b.required(
                    &table,
                    "`predict`",
                    "per_replica",
                    "per_replica = 120: how much of the metric one replica serves",
                );
            }
            None
        }
    };
    let horizon = b.required(&table, "`predict`", "horizon", "horizon = \"10m\"").and_then(|at| {
        let horizon = b.duration(&at, Duration(1))?;
        if let Some((startup, interval)) = times {
            let least = Duration(startup.0.saturating_add(interval.0));
            if horizon < least {
                b.error(
                    "horizon-too-short",
                    &at.place,
                    format!("`{}` is {horizon}, shorter than startup + interval ({startup} + {interval})", at.path),
                    format!("write at least \"{least}\": what is forecast later than it can be served comes too late"),
                );
                return None;
            }
        }
        Some(horizon)
    });
    let history = b.field(&table, "history").map_or(Some(Duration::from_secs(14 * 86_400)), |at| {
        let history = b.duration(&at, Duration(1))?;
        if horizon.is_some_and(|horizon| history < horizon) {
            b.error(
                "history-too-short",
                &at.place,
                format!("`{}` is {history}, shorter than the horizon", at.path),
                "write a history of several horizons; a daily pattern needs days: \"14d\"",
            );
            return None;
        }
        Some(history)
    });
    let model = b.field(&table, "model").map_or(Some("auto"), |at| {
        let models = MODELS.map(|name| (name, name));
        b.choice(&at, "a model of forecasting", &models)
    });
    let acts = b.field(&table, "mode").map_or(Some(false), |at| {
        let modes = [("forecast_only", false), ("forecast_and_scale", true)];
        b.choice(&at, "what a forecast does", &modes)
    });
    Some(Some(Predict {
        metric: metric?,
        per_replica: per_replica?,
        horizon: horizon?,
        history: history?,
        model: model?.to_string(),
        acts: acts?,
        span: at.span(),
    }))
}
