//! How a policy decides: rules, tracking, `decide`, activation, hooks.
//! May import: `text`, `model`.

use super::at::{At, Builder, Table};
use super::metrics::{Metrics, check_unit};
use super::read::{Known, Shape};
use super::words::{quoted, shown, suggestion};
use crate::model::decision::EventKind;
use crate::model::finding::did_you_mean;
use crate::model::policy::{Action, Activation, Form, Hook, Per, Replicas, Rule, Schedule, Track};
use crate::model::raw::RawValue;
use crate::model::time::Duration;

/// Which way a rule goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    Out,
    In,
}

impl Direction {
    fn name(self) -> &'static str {
        if self == Direction::Out { "scale_out" } else { "scale_in" }
    }

    /// The actions that a rule of this direction may have.
    fn actions(self) -> [&'static str; 4] {
        if self == Direction::Out {
            ["add", "percent", "to", "by"]
        } else {
            ["remove", "percent", "to", "by"]
        }
    }
}

/// Every action, whatever its direction.
const ACTIONS: [&str; 5] = ["add", "percent", "to", "remove", "by"];

/// Reads `decide`, and reports what stands beside it that it would replace.
pub(super) fn form<'a>(b: &mut Builder<'a>, table: &Table<'a>) -> Option<Form> {
    let Some(at) = b.field(table, "decide") else { return Some(Form::Rules) };
    let function = b.function(&at, "decide = function(m, ctx) return ctx.replicas end");
    let mut alone = true;
    for name in ["scale_out", "scale_in", "track", "predict"] {
        let Some(other) = b.field(table, name) else { continue };
        alone = false;
        b.error(
            "decide-with-rules",
            &other.key,
            format!("`{name}` stands beside `decide`, which decides alone"),
            "leave one of them out; bounds, windows, rate limits and cooldowns hold around `decide` as well",
        );
        b.label("never used");
        b.also(&at.key, "decides alone");
    }
    function.map(Form::Decide).filter(|_| alone)
}

/// Reads `track`.
pub(super) fn track<'a>(
    b: &mut Builder<'a>,
    policy: &Table<'a>,
    metrics: &Metrics<'a>,
) -> Option<Vec<Track>> {
    let Some(at) = b.field(policy, "track") else { return Some(Vec::new()) };
    let table = b.table(&at, "a table of targets", Known::Any, Shape::Map)?;
    let mut tracks = Some(Vec::new());
    for (name, at) in b.fields(&table) {
        let index = metrics.resolve(b, name, &at.key.clone(), "`track`");
        let target = b.positive(&at, "the value to hold");
        let per = index.and_then(|i| metrics.per(b, i, &at.key.clone(), "`track` holds"));
        let fits = match (index.and_then(|i| metrics.metric(i)), target) {
            (Some(metric), Some(target)) => check_unit(b, metric, target, &at),
            _ => true,
        };
        match (index, target, per, fits, &mut tracks) {
            (Some(metric), Some(target), Some(_), true, Some(all)) => {
                all.push(Track { metric, target, span: at.span() });
            }
            (.., tracks) => *tracks = None,
        }
    }
    tracks
}

/// Reads the rules of one direction.
pub(super) fn rules<'a>(
    b: &mut Builder<'a>,
    policy: &Table<'a>,
    metrics: &Metrics<'a>,
    direction: Direction,
) -> Option<Vec<Rule>> {
    let Some(at) = b.field(policy, direction.name()) else { return Some(Vec::new()) };
    let field = direction.name();
    if let RawValue::Table(raw) = at.value
        && raw.list.is_empty()
        && raw.get("when").is_some()
    {
        b.error(
            "rule-outside-list",
            &at.place,
            format!("`{field}` is a list of rules, and this is one rule"),
            format!("put it between braces of its own: {field} = {{ {{ when = … }} }}"),
        );
        return None;
    }
    let list = b.table(&at, "a list of rules", Known::Any, Shape::List)?;
    let mut rules = Some(Vec::new());
    let mut names: Vec<(String, At<'a>)> = Vec::new();
    for entry in b.entries(&list) {
        let rule = rule(b, &entry, metrics, direction, &mut names);
        match (rule, &mut rules) {
            (Some(rule), Some(all)) => all.push(rule),
            (_, rules) => *rules = None,
        }
    }
    rules
}

fn rule<'a>(
    b: &mut Builder<'a>,
    entry: &At<'a>,
    metrics: &Metrics<'a>,
    direction: Direction,
    names: &mut Vec<(String, At<'a>)>,
) -> Option<Rule> {
    let fields = ["name", "when", "sustained_for", "cooldown", "add", "percent", "to", "remove", "by"];
    if let RawValue::Function(..) = entry.value {
        b.wrong_type(
            entry,
            "a rule",
            Some(format!("{{ when = function(m) return … end, {} = 1 }}", direction.actions()[0])),
        );
        return None;
    }
    let table = b.table(entry, "a rule", Known::Only(&fields), Shape::Map)?;
    let name = match b.field(&table, "name") {
        None => Some(entry.path.clone()),
        Some(at) => b.name(&at, "a name").map(|name| {
            unique(b, name, &at, names, "rules");
            name.to_string()
        }),
    };
    let example = "when = function(m) return m.cpu > 0.8 end";
    let when_at = b.required(&table, "the rule", "when", example);
    let when = when_at.as_ref().and_then(|at| b.function(at, example));
    for at in when_at.iter().chain(&b.field(&table, "by")) {
        metrics.check_reads(b, at);
    }
    let sustained_for =
        b.field(&table, "sustained_for").map_or(Some(Duration::ZERO), |at| b.duration(&at, Duration::ZERO));
    let cooldown = match b.field(&table, "cooldown") {
        None => Some(None),
        Some(at) => b.duration(&at, Duration::ZERO).map(Some),
    };
    let action = action(b, &table, direction);
    Some(Rule {
        name: name?,
        span: entry.span(),
        when: when?,
        when_span: when_at?.span(),
        sustained_for: sustained_for?,
        action: action?,
        cooldown: cooldown?,
    })
}

fn action<'a>(b: &mut Builder<'a>, rule: &Table<'a>, direction: Direction) -> Option<Action> {
    let given: Vec<(&str, At<'a>)> =
        ACTIONS.iter().filter_map(|name| Some((*name, b.field(rule, name)?))).collect();
    let legal = direction.actions();
    let all = legal.map(|name| format!("`{name}`")).join(", ");
    let field = direction.name();
    let mut good = true;
    for (name, at) in &given {
        if legal.contains(name) {
            continue;
        }
        good = false;
        let (instead, other) = match direction {
            Direction::Out => ("add", "scale_in"),
            Direction::In => ("remove", "scale_out"),
        };
        b.error(
            "wrong-direction",
            &at.key,
            format!("a rule of `{field}` cannot `{name}` replicas"),
            format!("write `{instead}`, or move the rule to `{other}`; actions of `{field}` are {all}"),
        );
    }
    match given.as_slice() {
        [] => {
            b.error(
                "missing-action",
                &rule.at.place,
                "the rule does not say what it does",
                format!("write one of {all}: {} = 1", legal[0]),
            );
            return None;
        }
        [_] => {}
        [(first, at), rest @ ..] => {
            good = false;
            let others = rest.iter().map(|(n, _)| format!("`{n}`")).collect::<Vec<_>>().join(", ");
            b.error(
                "several-actions",
                &at.key,
                format!("the rule has `{first}` and {others}: one of them must do"),
                "a rule does one thing; write a second rule for the other",
            );
            for (_, at) in rest {
                b.also(&at.key, "");
            }
        }
    }
    let mut actions = Vec::new();
    for (name, at) in &given {
        actions.push(match *name {
            "add" => b.replicas(at, 1).map(Action::Add),
            "remove" => b.replicas(at, 1).map(Action::Remove),
            "to" => b.replicas(at, u32::from(direction == Direction::Out)).map(Action::To),
            "percent" => {
                let most = if direction == Direction::In { 100.0 } else { 1e6 };
                b.number_in(at, "a percentage of the current replicas", (0.0, true), most)
                    .map(Action::Percent)
            }
            _ => b.function(at, "by = function(m, ctx) return 2 end").map(Action::By),
        });
    }
    actions.into_iter().next().flatten().filter(|_| good)
}

/// Reports a name that was used before in the same list.
pub(super) fn unique<'a>(
    b: &mut Builder<'a>,
    name: &str,
    at: &At<'a>,
    names: &mut Vec<(String, At<'a>)>,
    of: &str,
) {
    match names.iter().find(|(n, _)| n == name) {
        None => names.push((name.to_string(), at.clone())),
        Some((_, first)) => {
            let first = first.place.clone();
            b.error(
                "duplicate-name",
                &at.place,
                format!("two {of} are named {}", quoted(name)),
                "give each a name of its own: reports go by it",
            );
            b.also(&first, "the first of them");
        }
    }
}

/// Reads `activation`.
pub(super) fn activation<'a>(
    b: &mut Builder<'a>,
    policy: &Table<'a>,
    metrics: &Metrics<'a>,
    bounds: Option<&Replicas>,
    schedule: Option<&[Schedule]>,
) -> Option<Option<Activation>> {
    let Some(at) = b.field(policy, "activation") else { return Some(None) };
    if let (Some(bounds), Some(schedule)) = (bounds, schedule)
        && bounds.min.value > 0
        && !schedule.iter().any(|s| s.min == Some(0))
    {
        b.error(
            "useless-field",
            &at.key,
            format!("`activation` wakes from zero, and min is {}", bounds.min.value),
            "write replicas = { min = 0, … } to allow scale to zero, or leave `activation` out",
        );
    }
    let table = match at.value {
        RawValue::Function(function, _) => {
            metrics.check_reads(b, &at);
            return Some(Some(Activation::When(*function, at.span())));
        }
        RawValue::Table(_) => b.table(&at, "a table of thresholds", Known::Any, Shape::Map)?,
        _ => {
            b.wrong_type(
                &at,
                "a condition",
                Some("{ queue = 5 }, or function(m) return m.queue > 5 end".into()),
            );
            return None;
        }
    };
    let mut above = Some(Vec::new());
    for (name, at) in b.fields(&table) {
        let index = metrics.resolve(b, name, &at.key.clone(), "`activation`");
        let value = b.number_in(&at, "a threshold", (0.0, false), f64::INFINITY);
        let metric = index.and_then(|i| metrics.metric(i));
        let mut fits = true;
        if let Some(metric) = metric {
            if metric.per == Some(Per::Replica) {
                fits = false;
                b.error(
                    "activation-per-replica",
                    &at.key,
                    format!("`{name}` is an average over replicas, and at zero there are none"),
                    "wake by a metric that exists at zero: a queue, or the requests that arrive",
                );
                if let Some((_, declared)) = metrics.get(name) {
                    let place = declared.at.place.clone();
                    b.also(&place, format!("`{name}` is declared here with per = \"replica\""));
                }
            }
            if let Some(value) = value {
                fits &= check_unit(b, metric, value, &at);
            }
        }
        match (index, value, metric, fits, &mut above) {
            (Some(index), Some(value), Some(_), true, Some(all)) => all.push((index, value)),
            (.., above) => *above = None,
        }
    }
    if table.raw.fields.is_empty() && table.raw.list.is_empty() {
        b.error(
            "empty-value",
            &at.place,
            "`activation` names no metric, so nothing would ever wake it",
            "write { queue = 5 }, or function(m) return m.queue > 5 end",
        );
        return None;
    }
    above.map(|above| Some(Activation::Above(above)))
}

/// Reads `on`.
pub(super) fn hooks<'a>(b: &mut Builder<'a>, policy: &Table<'a>) -> Option<Vec<Hook>> {
    let Some(at) = b.field(policy, "on") else { return Some(Vec::new()) };
    let table = b.table(&at, "a table of hooks", Known::Any, Shape::Map)?;
    let mut hooks = Some(Vec::new());
    for (name, at) in b.fields(&table) {
        let kinds = || EventKind::ALL.iter().map(|k| k.name());
        let kind = EventKind::ALL.iter().find(|k| k.name() == name);
        if kind.is_none() {
            let all = kinds().map(|n| format!("\"{n}\"")).collect::<Vec<_>>().join(", ");
            b.error(
                "unknown-event",
                &at.key,
                format!("there is no event `{}`", shown(name)),
                suggestion(did_you_mean(name, kinds()), &format!("events are {all}")),
            );
        }
        let function = b.function(&at, &format!("{name} = function(event, act) act.log(\"…\") end"));
        match (kind, function, &mut hooks) {
            (Some(event), Some(function), Some(all)) => {
                all.push(Hook { event: *event, function, span: at.span() });
            }
            (.., hooks) => *hooks = None,
        }
    }
    hooks
}
