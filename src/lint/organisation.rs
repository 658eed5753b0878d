//! The plain view of a policy that an organisation's rules look at: what is in force, defaults
//! included, times in seconds, each value with its place. May import: `text`, `model`.

use super::PolicyView;
use crate::model::organisation::{Plain, PlainValue};
use crate::model::raw::Node;
use crate::model::{
    Action, Activation, Amount, Duration, Form, Metric, MetricSource, Missing, Mode, Model, PerDirection,
    RateLimit, Rule, Select,
};
use crate::text::Span;

/// Where a part of the policy stands.
#[derive(Clone, Copy)]
struct Seat<'a> {
    node: Option<&'a Node>,
    /// Of what is written; else of what it would be a part of.
    span: Span,
}

impl<'a> Seat<'a> {
    fn of(self, node: Option<&'a Node>) -> Seat<'a> {
        let place = |n: &Node| if n.children.is_empty() { n.value } else { n.key };
        Seat { node, span: node.map(place).filter(|s| !s.is_empty()).unwrap_or(self.span) }
    }

    fn field(self, name: &str) -> Seat<'a> {
        self.of(self.node.and_then(|n| n.field(name)))
    }

    fn index(self, at: usize) -> Seat<'a> {
        self.of(u32::try_from(at + 1).ok().and_then(|at| self.node?.index(at)))
    }

    /// The place that the model knows, where the text does not show one.
    fn or(self, span: Span) -> Seat<'a> {
        if self.node.is_some() || span.is_empty() { self } else { Seat { span, ..self } }
    }

    fn is(self, value: PlainValue) -> Plain {
        Plain { place: self.span, value }
    }

    fn number(self, n: impl Into<f64>) -> Plain {
        self.is(PlainValue::Number(n.into()))
    }

    fn text(self, text: impl Into<String>) -> Plain {
        self.is(PlainValue::Text(text.into()))
    }

    fn bool(self, b: bool) -> Plain {
        self.is(PlainValue::Bool(b))
    }

    fn time(self, t: Duration) -> Plain {
        self.number(t.0 as f64 / 1000.0)
    }

    fn maybe<T>(self, value: Option<T>, show: impl FnOnce(Seat<'a>, T) -> Plain) -> Plain {
        match value {
            Some(value) => show(self, value),
            None => self.is(PlainValue::Absent),
        }
    }

    fn record(self, what: &'static str, fields: Vec<(&str, Plain)>) -> Plain {
        let mut fields: Vec<_> = fields.into_iter().map(|(k, v)| (k.to_owned(), v)).collect();
        fields.sort_by(|a, b| a.0.cmp(&b.0));
        self.is(PlainValue::Record { what, fields, known: true })
    }

    /// Fields whose names are the user's.
    fn open(self, what: &'static str, mut fields: Vec<(String, Plain)>) -> Plain {
        fields.sort_by(|a, b| a.0.cmp(&b.0));
        fields.dedup_by(|a, b| a.0 == b.0);
        self.is(PlainValue::Record { what, fields, known: false })
    }

    fn list<T>(self, all: &[T], show: impl Fn(Seat<'a>, &T) -> Plain) -> Plain {
        let all = all.iter().enumerate().map(|(at, one)| show(self.index(at), one));
        self.is(PlainValue::List(all.collect()))
    }

    fn directions<T>(
        self,
        what: &'static str,
        both: &PerDirection<T>,
        show: impl Fn(Seat<'a>, &T) -> Plain,
    ) -> Plain {
        let (out, inward) = (self.field("scale_out"), self.field("scale_in"));
        self.record(
            what,
            vec![("scale_out", show(out, &both.scale_out)), ("scale_in", show(inward, &both.scale_in))],
        )
    }
}

/// The plain view of a policy.
pub fn plain(view: &PolicyView<'_>) -> Plain {
    let p = view.policy;
    let root = Seat { node: view.outline.map(|o| &o.root), span: p.name.span };
    let of = |name: &str| root.field(name);
    let form = match p.form {
        Form::Rules => "rules",
        Form::Decide(_) => "decide",
        Form::Script => "script",
    };
    let mode = if p.mode == Mode::Observe { "observe" } else { "scale" };
    let metrics = of("metrics");
    let mut by_name: Vec<(String, Plain)> = p
        .metrics
        .iter()
        .map(|m| (m.name.value.clone(), metric(metrics.field(&m.name.value).or(m.name.span), m, view)))
        .collect();
    by_name.sort_by(|a, b| a.0.cmp(&b.0));
    let name = |at: usize| p.metrics.get(at).map_or_else(String::new, |m| m.name.value.clone());
    let track = of("track");
    let tracked = p.track.iter().map(|t| {
        let name = name(t.metric);
        let seat = track.field(&name).or(t.span);
        (name, seat.number(t.target))
    });
    let on = of("on");
    let hooks =
        p.on.iter().map(|h| (h.event.name().to_owned(), on.field(h.event.name()).or(h.span).bool(true)));
    root.record(
        "a policy",
        vec![
            ("name", root.text(p.name.value.clone())),
            ("file", root.text(&*p.source)),
            ("form", root.text(form)),
            ("mode", of("mode").text(mode)),
            (
                "target",
                of("target").maybe(p.target.as_ref(), |seat, t| {
                    let seat = seat.or(t.span);
                    let own = t.arguments.iter().map(|(k, v)| (k.clone(), seat.field(k).text(v.clone())));
                    // An argument by the name of `kind` is that of `kubernetes.scale`.
                    let kind = [("constructor".to_owned(), seat.text(t.kind.clone()))];
                    seat.open("a target", kind.into_iter().chain(own).collect())
                }),
            ),
            ("replicas", {
                let seat = of("replicas");
                let (min, max) = (p.replicas.min, p.replicas.max);
                seat.record(
                    "replicas",
                    vec![
                        ("min", seat.field("min").or(min.span).number(min.value)),
                        ("max", seat.field("max").or(max.span).number(max.value)),
                    ],
                )
            }),
            ("interval", of("interval").time(p.interval)),
            ("startup", of("startup").time(p.startup)),
            ("metrics", metrics.is(PlainValue::Map(by_name))),
            ("track", track.open("track", tracked.collect())),
            ("scale_out", of("scale_out").list(&p.scale_out, rule)),
            ("scale_in", of("scale_in").list(&p.scale_in, rule)),
            (
                "stabilization_window",
                of("stabilization_window").directions(
                    "stabilization_window",
                    &p.stabilization_window,
                    |s, t| s.time(*t),
                ),
            ),
            ("cooldown", of("cooldown").directions("cooldown", &p.cooldown, |s, t| s.maybe(*t, Seat::time))),
            ("rate_limit", of("rate_limit").directions("rate_limit", &p.rate_limit, limits)),
            ("tolerance", of("tolerance").directions("tolerance", &p.tolerance, |s, t| s.number(*t))),
            ("anti_flap", of("anti_flap").bool(p.anti_flap)),
            (
                "activation",
                of("activation").maybe(p.activation.as_ref(), |seat, a| match a {
                    Activation::When(_, span) => seat.or(*span).text("function"),
                    Activation::Above(all) => {
                        let above = all.iter().map(|(at, value)| {
                            let name = name(*at);
                            let seat = seat.field(&name);
                            (name, seat.number(*value))
                        });
                        seat.open("activation", above.collect())
                    }
                }),
            ),
            (
                "fallback",
                of("fallback").maybe(p.fallback, |seat, f| {
                    let (after, replicas) = (seat.field("after"), seat.field("replicas"));
                    seat.record(
                        "fallback",
                        vec![("after", after.time(f.after)), ("replicas", replicas.number(f.replicas))],
                    )
                }),
            ),
            (
                "schedule",
                of("schedule").list(&p.schedule, |seat, w| {
                    let seat = seat.or(w.span);
                    seat.record(
                        "a window",
                        vec![
                            ("name", seat.field("name").text(w.name.clone())),
                            ("cron", seat.field("cron").text(w.cron.clone())),
                            ("timezone", seat.field("timezone").text(w.timezone.clone())),
                            ("duration", seat.field("duration").time(w.duration)),
                            ("min", seat.field("min").maybe(w.min, Seat::number)),
                            ("max", seat.field("max").maybe(w.max, Seat::number)),
                        ],
                    )
                }),
            ),
            (
                "predict",
                of("predict").maybe(p.predict.as_ref(), |seat, d| {
                    let seat = seat.or(d.span);
                    let mode = if d.acts { "forecast_and_scale" } else { "forecast_only" };
                    seat.record(
                        "predict",
                        vec![
                            ("metric", seat.field("metric").text(name(d.metric))),
                            ("per_replica", seat.field("per_replica").number(d.per_replica)),
                            ("horizon", seat.field("horizon").time(d.horizon)),
                            ("history", seat.field("history").time(d.history)),
                            ("model", seat.field("model").text(d.model.clone())),
                            ("mode", seat.field("mode").text(mode)),
                        ],
                    )
                }),
            ),
            (
                "regions",
                of("regions").maybe(p.regions.as_ref(), |seat, r| {
                    let seat = seat.or(r.span);
                    let each = |seat: Seat<'_>, one: &crate::model::Region| {
                        seat.record(
                            "a region",
                            vec![
                                ("name", seat.text(one.name.clone())),
                                ("weight", seat.field("weight").number(one.weight)),
                                ("min", seat.field("min").maybe(one.min, Seat::number)),
                                ("max", seat.field("max").maybe(one.max, Seat::number)),
                            ],
                        )
                    };
                    seat.record(
                        "regions",
                        vec![
                            ("list", seat.list(&r.regions, each)),
                            ("max_total", seat.field("max_total").maybe(r.max_total, Seat::number)),
                            ("failover", seat.field("failover").bool(r.failover.is_some())),
                        ],
                    )
                }),
            ),
            ("on", on.open("on", hooks.collect())),
            (
                "cost",
                of("cost").maybe(p.cost.as_ref(), |seat, c| {
                    let (price, currency) = (seat.field("per_replica_hour"), seat.field("currency"));
                    seat.record(
                        "cost",
                        vec![
                            ("per_replica_hour", price.number(c.per_replica_hour)),
                            ("currency", currency.text(c.currency.clone())),
                        ],
                    )
                }),
            ),
        ],
    )
}

fn rule<'a>(seat: Seat<'a>, rule: &Rule) -> Plain {
    let seat = seat.or(rule.span);
    let number = |name: &str, value: Option<f64>| seat.field(name).maybe(value, Seat::number);
    let (mut add, mut remove, mut percent, mut to, mut by) = (None, None, None, None, false);
    match rule.action {
        Action::Add(n) => add = Some(f64::from(n)),
        Action::Remove(n) => remove = Some(f64::from(n)),
        Action::Percent(p) => percent = Some(p),
        Action::To(n) => to = Some(f64::from(n)),
        Action::By(_) => by = true,
    }
    seat.record(
        "a rule",
        vec![
            ("name", seat.field("name").text(rule.name.clone())),
            ("sustained_for", seat.field("sustained_for").time(rule.sustained_for)),
            ("cooldown", seat.field("cooldown").maybe(rule.cooldown, Seat::time)),
            ("add", number("add", add)),
            ("remove", number("remove", remove)),
            ("percent", number("percent", percent)),
            ("to", number("to", to)),
            ("by", seat.field("by").bool(by)),
        ],
    )
}

fn limits<'a>(seat: Seat<'a>, limit: &RateLimit) -> Plain {
    let select = match limit.select {
        Select::Max => "max",
        Select::Min => "min",
        Select::Disabled => "disabled",
    };
    seat.record(
        "a rate limit",
        vec![
            ("select", seat.field("select").text(select)),
            (
                "limits",
                seat.list(&limit.limits, |seat, one| {
                    let (replicas, percent) = match one.amount {
                        Amount::Replicas(n) => (Some(f64::from(n)), None),
                        Amount::Percent(p) => (None, Some(p)),
                    };
                    seat.record(
                        "a limit",
                        vec![
                            ("replicas", seat.field("replicas").maybe(replicas, Seat::number)),
                            ("percent", seat.field("percent").maybe(percent, Seat::number)),
                            ("per", seat.field("per").time(one.per)),
                        ],
                    )
                }),
            ),
        ],
    )
}

fn metric<'a>(seat: Seat<'a>, metric: &Metric, view: &PolicyView<'_>) -> Plain {
    let (source, query, url) = match &metric.source {
        MetricSource::Prometheus { query, url } => ("prometheus", Some(query.value.clone()), url.clone()),
        MetricSource::Scrape(scrape) => {
            let from = scrape.from.as_ref().map_or("scrape", |(kind, _)| kind.as_str());
            (from, None, Some(scrape.url.clone()))
        }
        MetricSource::Mcp { server, .. } => ("mcp", None, Some(server.clone())),
        MetricSource::File { .. } => ("file", None, None),
        MetricSource::Samples => ("samples", None, None),
    };
    let (missing, max_age) = match metric.missing {
        Missing::Hold => ("hold", None),
        Missing::Zero => ("zero", None),
        Missing::Last { max_age } => ("last", Some(max_age)),
        Missing::Fail => ("fail", None),
    };
    let other = |at: usize| view.policy.metrics.get(at).map(|m| m.name.value.clone());
    let (models, load, arrivals) = match metric.models {
        Some(Model::Latency { load }) => (Some("latency"), other(load), None),
        Some(Model::Queue { arrivals }) => (Some("queue"), None, other(arrivals)),
        None => (None, None, None),
    };
    let per = metric.per.map(|per| if per == crate::model::Per::Replica { "replica" } else { "total" });
    seat.record(
        "a metric",
        vec![
            ("name", seat.text(metric.name.value.clone())),
            ("source", seat.text(source)),
            ("query", seat.field("query").maybe(query, Seat::text)),
            ("url", seat.field("url").maybe(url, Seat::text)),
            ("unit", seat.field("unit").maybe(metric.unit.map(|u| u.name()), Seat::text)),
            ("per", seat.field("per").maybe(per, Seat::text)),
            ("saturation", seat.field("saturation").maybe(metric.saturation, Seat::number)),
            ("capacity", seat.field("capacity").maybe(metric.capacity, Seat::number)),
            ("models", seat.field("models").maybe(models, Seat::text)),
            ("load", seat.field("load").maybe(load, Seat::text)),
            ("arrivals", seat.field("arrivals").maybe(arrivals, Seat::text)),
            ("missing", seat.field("missing").text(missing)),
            ("max_age", seat.field("max_age").maybe(max_age, Seat::time)),
            ("replica_label", seat.field("replica_label").maybe(metric.replica_label.clone(), Seat::text)),
            ("resource", seat.field("resource").maybe(metric.resource.clone(), Seat::text)),
        ],
    )
}
