//! A policy as the text of a Lua file. May import: `model`, siblings.

use crate::model::{Amount, Duration, Per, PerDirection, RateLimit, Select, Unit};
use crate::text::steers;

/// What an import gathers of a policy; what is `None` keeps the language's default.
#[derive(Debug, Default)]
pub(super) struct Draft {
    pub name: String,
    /// Constructor and arguments.
    pub target: Option<(&'static str, Vec<(&'static str, String)>)>,
    pub min: u32,
    pub max: u32,
    pub observe: bool,
    pub interval: Option<Duration>,
    pub metrics: Vec<DraftMetric>,
    /// Metric above value, in any of which it wakes.
    pub activation: Vec<(String, f64)>,
    pub windows: [Option<Duration>; 2],
    pub rates: [Option<RateLimit>; 2],
    pub tolerances: [Option<f64>; 2],
    /// `after`, `replicas`.
    pub fallback: Option<(Duration, u32)>,
    /// Cron, time zone, duration, min.
    pub schedule: Vec<(String, String, Duration, u32)>,
}

/// A tracked metric.
#[derive(Debug)]
pub(super) struct DraftMetric {
    pub key: String,
    pub query: String,
    pub url: Option<String>,
    pub unit: Option<Unit>,
    pub per: Per,
    pub replica_label: Option<&'static str>,
    pub resource: Option<String>,
    pub zero: bool,
    pub target: f64,
}

/// The two directions, as the language names them.
pub(super) const DIRECTIONS: [&str; 2] = ["scale_out", "scale_in"];

impl Draft {
    /// The file.
    pub(super) fn write(&self) -> String {
        let mut out = format!("policy {} {{\n", text(&self.name));
        let mut line = |text: String| {
            out.push_str("  ");
            out.push_str(&text);
            out.push_str(",\n");
        };
        if let Some((constructor, arguments)) = &self.target {
            let arguments: Vec<String> =
                arguments.iter().map(|(k, v)| format!("{k} = {}", text(v))).collect();
            line(format!("target = {constructor} {{ {} }}", arguments.join(", ")));
        }
        line(format!("replicas = {{ min = {}, max = {} }}", self.min, self.max));
        if self.observe {
            line("mode = \"observe\"".into());
        }
        if let Some(interval) = self.interval {
            line(format!("interval = \"{interval}\""));
        }
        if !self.metrics.is_empty() {
            let metrics: String = self.metrics.iter().map(DraftMetric::write).collect();
            line(format!("metrics = {{\n{metrics}  }}"));
            let track: Vec<String> =
                self.metrics.iter().map(|m| format!("{} = {}", m.key, m.target)).collect();
            line(format!("track = {{ {} }}", track.join(", ")));
        }
        if !self.activation.is_empty() {
            let all: Vec<String> =
                self.activation.iter().map(|(key, above)| format!("{key} = {above}")).collect();
            line(format!("activation = {{ {} }}", all.join(", ")));
        }
        let defaults = [Duration::ZERO, Duration::from_secs(300)];
        if let Some(both) = directions(&others(&self.windows, &defaults), |window| format!("\"{window}\"")) {
            line(format!("stabilization_window = {both}"));
        }
        let PerDirection { scale_out, scale_in } = RateLimit::kubernetes();
        if let Some(both) = directions(&others(&self.rates, &[scale_out, scale_in]), rate) {
            line(format!("rate_limit = {both}"));
        }
        if let Some(both) = directions(&self.tolerances, f64::to_string) {
            line(format!("tolerance = {both}"));
        }
        if let Some((after, replicas)) = self.fallback {
            line(format!("fallback = {{ after = \"{after}\", replicas = {replicas} }}"));
        }
        if !self.schedule.is_empty() {
            let windows: String = self
                .schedule
                .iter()
                .map(|(cron, zone, duration, min)| {
                    let (cron, zone) = (text(cron), text(zone));
                    format!("    {{ cron = {cron}, timezone = {zone}, duration = \"{duration}\", min = {min} }},\n")
                })
                .collect();
            line(format!("schedule = {{\n{windows}  }}"));
        }
        out.push_str("}\n");
        out
    }
}

impl DraftMetric {
    fn write(&self) -> String {
        let mut fields = vec![format!("query = {}", text(&self.query))];
        fields.extend(self.url.as_ref().map(|url| format!("url = {}", text(url))));
        fields.extend(self.unit.map(|unit| format!("unit = \"{}\"", unit.name())));
        let per = if self.per == Per::Replica { "replica" } else { "total" };
        fields.push(format!("per = \"{per}\""));
        fields.extend(self.replica_label.map(|label| format!("replica_label = \"{label}\"")));
        fields.extend(self.resource.as_ref().map(|resource| format!("resource = {}", text(resource))));
        if self.zero {
            fields.push("missing = \"zero\"".into());
        }
        let key = &self.key;
        let flat = fields.join(", ");
        if flat.len() <= 90 {
            return format!("    {key} = prometheus {{ {flat} }},\n");
        }
        let lines: String = fields.iter().map(|field| format!("      {field},\n")).collect();
        format!("    {key} = prometheus {{\n{lines}    }},\n")
    }
}

/// What is not the language's default.
fn others<T: Clone + PartialEq>(values: &[Option<T>; 2], defaults: &[T; 2]) -> [Option<T>; 2] {
    let other = |at: usize| values[at].clone().filter(|value| *value != defaults[at]);
    [other(0), other(1)]
}

fn directions<T>(values: &[Option<T>; 2], write: impl Fn(&T) -> String) -> Option<String> {
    let fields: Vec<String> = DIRECTIONS
        .iter()
        .zip(values)
        .filter_map(|(name, value)| Some(format!("{name} = {}", write(value.as_ref()?))))
        .collect();
    (!fields.is_empty()).then(|| format!("{{ {} }}", fields.join(", ")))
}

fn rate(rate: &RateLimit) -> String {
    if rate.select == Select::Disabled {
        return "{ select = \"disabled\" }".into();
    }
    let mut parts: Vec<String> = rate
        .limits
        .iter()
        .map(|limit| match limit.amount {
            Amount::Replicas(n) => format!("{{ replicas = {n}, per = \"{}\" }}", limit.per),
            Amount::Percent(p) => format!("{{ percent = {p}, per = \"{}\" }}", limit.per),
        })
        .collect();
    if rate.select == Select::Min {
        parts.push("select = \"min\"".into());
    }
    format!("{{ {} }}", parts.join(", "))
}

/// A text as a Lua string: in quotes, or in long brackets where it has quotes or lines of its own.
pub(super) fn text(value: &str) -> String {
    // A line that begins as a command to the runner of a pipeline does is none of the file's own.
    let command = value.lines().any(|line| line.trim_start().starts_with("::") || line.contains("##"));
    let plain = !command && value.chars().all(|c| !steers(c) || c == '\n');
    let awkward = value.contains(['"', '\\', '\n']);
    // A long bracket drops a line break that follows it at once.
    if plain && awkward && !value.contains("]]") && !value.ends_with(']') && !value.starts_with('\n') {
        return format!("[[{value}]]");
    }
    let mut out = String::from("\"");
    for c in value.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            c if steers(c) => out.push_str(&format!("\\u{{{:x}}}", c as u32)),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// A name as a key of `metrics`: letters, digits and `_`; not taken, not Lua's, not the engine's.
pub(super) fn key(name: &str, taken: &[DraftMetric]) -> String {
    const RESERVED: [&str; 28] = [
        "and",
        "break",
        "do",
        "else",
        "elseif",
        "end",
        "false",
        "for",
        "function",
        "goto",
        "if",
        "in",
        "local",
        "nil",
        "not",
        "or",
        "repeat",
        "return",
        "then",
        "true",
        "until",
        "while",
        "has",
        "time",
        "timestamp",
        "replicas",
        "ready",
        "region",
    ];
    let mut key: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' }).collect();
    if key.starts_with(|c: char| c.is_ascii_digit()) || key.is_empty() || RESERVED.contains(&key.as_str()) {
        key.insert_str(0, "m_");
    }
    let base = key.clone();
    let mut number = 2;
    while taken.iter().any(|m| m.key == key) {
        key = format!("{base}_{number}");
        number += 1;
    }
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_come_back_as_they_were() {
        for (value, written) in [
            ("web", "\"web\""),
            ("sum(rate(x{a=\"b\"}[2m]))", "[[sum(rate(x{a=\"b\"}[2m]))]]"),
            ("x{a=\"b\"}[1m]", "\"x{a=\\\"b\\\"}[1m]\""),
            ("a]]b\"", "\"a]]b\\\"\""),
            ("\n\"", "\"\\n\\\"\""),
            ("a\u{0}\u{202e}", "\"a\\u{0}\\u{202e}\""),
            ("up\n ::error::x{a=\"\"}", "\"up\\n ::error::x{a=\\\"\\\"}\""),
        ] {
            assert_eq!(text(value), written);
        }
    }
}
