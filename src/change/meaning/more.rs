//! Changes of schedules, forecasts, regions, hooks and prices. May import: siblings.

use super::{Class, Diff, sides};
use crate::change::say;
use crate::model::{Policy, Predict, Region, Schedule};
use std::collections::BTreeSet;

impl Diff<'_> {
    pub(super) fn more(&mut self) {
        let (a, b) = (self.before.policy, self.after.policy);
        self.schedules(&a.schedule, &b.schedule);
        self.predict(a, b);
        self.regions(a, b);
        self.hooks(a, b);
        self.reach();
        if a.cost != b.cost {
            let shown = |p: &Policy| {
                p.cost
                    .as_ref()
                    .map(|c| format!("{} {} a replica and hour", c.currency, say::number(c.per_replica_hour)))
            };
            let words = "costs are told by another price; decisions are the same";
            self.put("cost", &[Class::Cosmetic], (shown(a), shown(b)), words);
        }
    }

    fn schedules(&mut self, before: &[Schedule], after: &[Schedule]) {
        const CLASSES: &[Class] = &[Class::Availability, Class::Cost];
        let shown = |s: &Schedule| {
            let bounds = [s.min.map(|n| format!("min {n}")), s.max.map(|n| format!("max {n}"))];
            let bounds: Vec<String> = bounds.into_iter().flatten().collect();
            format!("{} for {} ({}): {}", s.cron, s.duration, s.timezone, bounds.join(", "))
        };
        for old in before.iter().filter(|old| !after.iter().any(|new| new.name == old.name)) {
            let field = format!("schedule[{}]", old.name);
            self.put(
                field,
                CLASSES,
                (Some(shown(old)), None),
                "its bounds do not hold at these times any more",
            );
        }
        for (at, new) in after.iter().enumerate() {
            let field = format!("schedule[{}]", new.name);
            let path = format!("schedule[{}]", at + 1);
            let Some(i) = before.iter().position(|old| old.name == new.name) else {
                let words = "other bounds hold at these times";
                self.put_at(&field, ("schedule", &path), CLASSES, (None, Some(shown(new))), words);
                continue;
            };
            let Some(old) = before.get(i) else { continue };
            let times = (&old.cron, &old.timezone, old.duration) != (&new.cron, &new.timezone, new.duration);
            if !times && old.min == new.min && old.max == new.max {
                continue;
            }
            let mut parts = Vec::new();
            let mut about: Vec<Class> = Vec::new();
            if times {
                parts.push("its bounds hold at other times".to_string());
                about.extend(CLASSES);
            }
            about.extend(bounds(
                old.min,
                new.min,
                (&[Class::Cost, Class::Tightens], &[Class::Availability, Class::Loosens]),
            ));
            about.extend(bounds(
                old.max,
                new.max,
                (&[Class::Loosens, Class::Cost], &[Class::Availability, Class::Tightens]),
            ));
            let classes: Vec<Class> = Class::ALL.into_iter().filter(|class| about.contains(class)).collect();
            if old.min != new.min {
                parts.push(format!("min {} in the window", bound(old.min, new.min)));
            }
            if old.max != new.max {
                parts.push(format!("max {} in the window", bound(old.max, new.max)));
            }
            let old_path = format!("schedule[{}]", i + 1);
            self.put_at(
                &field,
                (&old_path, &path),
                &classes,
                sides(shown(old), shown(new)),
                parts.join(", "),
            );
        }
    }

    fn predict(&mut self, a: &Policy, b: &Policy) {
        let shown = |p: &Policy, predict: &Predict| {
            let metric = p.metrics.get(predict.metric).map_or("", |m| m.name.value.as_str());
            format!(
                "{metric} at {} a replica, {} ahead, from {} of history, model {}, {}",
                say::number(predict.per_replica),
                predict.horizon,
                predict.history,
                predict.model,
                if predict.acts { "forecast_and_scale" } else { "forecast_only" }
            )
        };
        let text = |p: &Policy| p.predict.as_ref().map(|predict| shown(p, predict));
        let (x, y) = (text(a), text(b));
        if x == y {
            return;
        }
        let acts = |p: &Policy| p.predict.as_ref().is_some_and(|p| p.acts);
        let (classes, words): (&[Class], _) = match (acts(a), acts(b)) {
            (false, true) => (&[Class::Loosens, Class::Cost], "it scales on a forecast from now on"),
            (true, false) => (&[Class::Availability, Class::Tightens], "it scales on no forecast any more"),
            (true, true) => (&[Class::Availability, Class::Cost], "it forecasts otherwise"),
            (false, false) => (&[Class::Cosmetic], "what is only recorded is forecast otherwise"),
        };
        self.put("predict", classes, (x, y), words);
    }

    fn regions(&mut self, a: &Policy, b: &Policy) {
        const CLASSES: &[Class] = &[Class::Availability, Class::Cost];
        let list = |p: &Policy| p.regions.as_ref().map_or_else(Vec::new, |r| r.regions.clone());
        let (before, after) = (list(a), list(b));
        let find = |list: &[Region], name: &str| list.iter().position(|r| r.name == name);
        for old in before.iter().filter(|old| find(&after, &old.name).is_none()) {
            let field = format!("regions[{}]", old.name);
            self.put(
                field,
                &[Class::Effects, Class::Availability],
                (Some("scaled".into()), None),
                "this region is not scaled any more",
            );
        }
        for new in &after {
            let field = format!("regions[{}]", new.name);
            let Some(old) = find(&before, &new.name).and_then(|at| before.get(at)) else {
                self.put(
                    field,
                    &[Class::Effects, Class::Cost],
                    (None, Some("scaled".into())),
                    "a region that was not scaled before",
                );
                continue;
            };
            if old.weight != new.weight {
                let texts = sides(say::number(old.weight), say::number(new.weight));
                self.put(
                    format!("{field}.weight"),
                    CLASSES,
                    texts,
                    "its share of a lost region's demand is another",
                );
            }
            for (part, x, y) in [("min", old.min, new.min), ("max", old.max, new.max)] {
                match (x, y) {
                    _ if x == y => {}
                    (Some(x), Some(y)) if part == "min" => self.least(&format!("{field}.min"), x, y),
                    (Some(x), Some(y)) => self.most(&format!("{field}.max"), x, y),
                    _ => {
                        let texts = (x.map(|n| n.to_string()), y.map(|n| n.to_string()));
                        self.put(format!("{field}.{part}"), CLASSES, texts, "its own bound");
                    }
                }
            }
            self.target(&format!("{field}.target"), old.target.as_ref(), new.target.as_ref());
            self.metrics_of(&format!("{field}.metrics"), (a, &old.metrics), (b, &new.metrics));
        }
        let total = |p: &Policy| p.regions.as_ref().and_then(|r| r.max_total);
        match (total(a), total(b)) {
            (Some(x), Some(y)) => self.most("regions.max_total", x, y),
            (None, None) => {}
            (x, y) => {
                let (classes, words): (&[Class], _) = if y.is_none() {
                    (&[Class::Loosens, Class::Cost], "nothing bounds the sum of the regions any more")
                } else {
                    (&[Class::Availability, Class::Tightens], "the sum of the regions is bounded")
                };
                self.put(
                    "regions.max_total",
                    classes,
                    (x.map(|n| n.to_string()), y.map(|n| n.to_string())),
                    words,
                );
            }
        }
        let fails_over = |p: &Policy| p.regions.as_ref().is_some_and(|r| r.failover.is_some());
        match (fails_over(a), fails_over(b)) {
            (true, true) => {
                let words = "when a region's demand moves is decided otherwise";
                self.function("regions.failover", "regions.failover", "regions.failover", CLASSES, words);
            }
            (x, y) if x != y => {
                let words = if y {
                    "a lost region's demand moves to the others"
                } else {
                    "a lost region's demand moves nowhere any more"
                };
                self.put("regions.failover", CLASSES, sides(x, y), words);
            }
            _ => {}
        }
    }

    fn hooks(&mut self, a: &Policy, b: &Policy) {
        let has = |p: &Policy, name: &str| p.on.iter().any(|hook| hook.event.name() == name);
        for event in crate::model::EventKind::ALL {
            let name = event.name();
            let field = format!("on.{name}");
            match (has(a, name), has(b, name)) {
                (true, true) => {
                    self.function(&field, &field, &field, &[Class::Effects], "the hook does something else");
                }
                (true, false) => {
                    self.put(field, &[Class::Effects], (Some("a hook".into()), None), "the hook is gone");
                }
                (false, true) => {
                    let words = self.after.code.functions.get(&field).map_or_else(
                        || "a new hook".to_string(),
                        |hook| match hook.hosts.iter().next() {
                            Some(host) => format!("a new hook, which calls {host}"),
                            None => "a new hook".to_string(),
                        },
                    );
                    self.put(field, &[Class::Effects], (None, Some("a hook".into())), words);
                }
                (false, false) => {}
            }
        }
    }

    /// Hosts and secrets that the policy's files name and did not name before.
    fn reach(&mut self) {
        let (a, b) = (self.before.code, self.after.code);
        let new = |old: &BTreeSet<String>, new: &BTreeSet<String>| -> Vec<String> {
            new.difference(old).cloned().collect()
        };
        let hosts = new(&a.hosts, &b.hosts);
        let secrets = new(&a.secrets, &b.secrets);
        for host in hosts {
            self.put(
                "hosts",
                &[Class::Effects],
                (None, Some(host.clone())),
                format!("it names a new host: {host}"),
            );
        }
        for secret in secrets {
            let words = format!("it uses a secret that it did not use: {secret}");
            self.put("secrets", &[Class::Effects], (None, Some(secret)), words);
        }
    }
}

/// What another bound of a window is about: where it rises, and where it falls.
fn bounds(a: Option<u32>, b: Option<u32>, (up, down): (&[Class], &[Class])) -> Vec<Class> {
    match (a, b) {
        _ if a == b => Vec::new(),
        (Some(a), Some(b)) if b > a => up.to_vec(),
        (Some(_), Some(_)) => down.to_vec(),
        // Which bound holds instead, the rest of the policy says.
        _ => vec![Class::Availability, Class::Cost],
    }
}

fn bound(a: Option<u32>, b: Option<u32>) -> String {
    let shown = |n: Option<u32>| n.map_or_else(|| "none".into(), |n| n.to_string());
    format!("{} -> {}", shown(a), shown(b))
}
