//! The sections of luascale.yaml but for `policies:`. May import: siblings, `text`, `yaml`.

use super::{Apply, Approval, FailOn, GitHub, Kubernetes, Lint, SampleFile, SamplesEntry, Secret, path};
use crate::model::Duration;
use crate::model::build::zone;
use crate::model::time::parse_duration;
use crate::text::Spanned;
use crate::yaml::{Node, Reader, Yaml};
use std::collections::HashSet;

/// `samples:` by policy name.
pub fn samples(reader: &mut Reader<'_>, node: &Node) -> Vec<SamplesEntry> {
    let mut entries = Vec::new();
    for (policy, value) in reader.entries(node, "samples") {
        let what = format!("samples.{}", policy.value);
        let items = reader.list(value, &what);
        if items.is_empty() && matches!(value.value, Yaml::List(_) | Yaml::Null) {
            let help = "name at least one recording, or leave the policy out";
            reader.report("bad-value", format!("`{what}` names no recording"), policy.span, help);
        }
        let mut files: Vec<SampleFile> = Vec::new();
        let mut seen: HashSet<String> = HashSet::new();
        for (at, item) in (1..).zip(items) {
            if let Some(file) = sample(reader, item, &format!("{what}[{at}]")) {
                if !seen.insert(file.path.value.clone()) {
                    let message = format!("`{}` is named twice for `{}`", file.path.value, policy.value);
                    reader.report("duplicate-field", message, file.path.span, "keep one of them");
                } else {
                    files.push(file);
                }
            }
        }
        entries.push(SamplesEntry { policy: policy.clone(), files });
    }
    entries
}

/// `catalogue:`, the files of further kinds of gateways.
pub fn catalogue(reader: &mut Reader<'_>, node: &Node) -> Vec<Spanned<String>> {
    let written = reader.texts(node, "catalogue");
    (1..).zip(written).filter_map(|(at, file)| path(reader, file, &format!("catalogue[{at}]"))).collect()
}

fn sample(reader: &mut Reader<'_>, node: &Node, what: &str) -> Option<SampleFile> {
    if let Yaml::Text(_) = node.value {
        let written = reader.text(node, what)?;
        let path = path(reader, written, what)?;
        return Some(SampleFile { path, columns: Vec::new(), timezone: None });
    }
    if !matches!(node.value, Yaml::Map(_)) {
        reader.wrong(node, what, "a path or { path, columns, timezone }");
        return None;
    }
    reader.map(node, what, &["path", "columns", "timezone"]);
    let written = reader.required(node, what, "path", "path: samples/monday.csv");
    let written = written.and_then(|n| reader.text(n, &format!("{what}.path")));
    let path = written.and_then(|written| path(reader, written, &format!("{what}.path")));
    let mut columns = Vec::new();
    if let Some(map) = node.get("columns") {
        let what = format!("{what}.columns");
        for (metric, column) in reader.entries(map, &what) {
            if let Some(column) = reader.text(column, &format!("{what}.{}", metric.value)) {
                columns.push((metric.value.clone(), column.value));
            }
        }
    }
    let timezone = node.get("timezone").and_then(|n| timezone(reader, n, &format!("{what}.timezone")));
    Some(SampleFile { path: path?, columns, timezone })
}

/// The name of a zone that is compiled in.
fn timezone(reader: &mut Reader<'_>, node: &Node, what: &str) -> Option<String> {
    let name = reader.text(node, what)?;
    match zone(&name.value) {
        Ok(zone) => Some(zone),
        Err(near) => {
            let help = match near {
                Some(near) => format!("did you mean `{near}`?"),
                None => "write an IANA name, such as `Europe/Paris` or `UTC`".to_owned(),
            };
            reader.report(
                "unknown-timezone",
                format!("there is no time zone `{}`", name.value),
                name.span,
                help,
            );
            None
        }
    }
}

/// `secrets:` by name.
pub fn secrets(reader: &mut Reader<'_>, node: &Node) -> Vec<Secret> {
    let mut secrets = Vec::new();
    for (name, value) in reader.entries(node, "secrets") {
        let what = format!("secrets.{}", name.value);
        variable(reader, name, "a name of a secret");
        if !matches!(value.value, Yaml::Map(_)) {
            reader.wrong(value, &what, "a map");
            continue;
        }
        reader.map(value, &what, &["env", "hosts"]);
        let env = reader.required(value, &what, "env", "env: SLACK_URL");
        let env = env.and_then(|n| reader.text(n, &format!("{what}.env")));
        let env = env.filter(|env| variable(reader, env, "a name of an environment variable"));
        let list = reader.required(value, &what, "hosts", "hosts: [ hooks.slack.com ]");
        let hosts = list.map(|n| hosts(reader, n, &format!("{what}.hosts"))).unwrap_or_default();
        if let Some(env) = env {
            secrets.push(Secret { name: name.clone(), env: env.value, hosts });
        }
    }
    secrets
}

fn variable(reader: &mut Reader<'_>, name: &Spanned<String>, what: &str) -> bool {
    let letters = name.value.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    let fits = letters && !name.value.is_empty() && !name.value.starts_with(|c: char| c.is_ascii_digit());
    if !fits {
        let help = "letters, digits and `_`, and no digit first";
        reader.report("bad-name", format!("`{}` is not {what}", name.value), name.span, help);
    }
    fits
}

fn hosts(reader: &mut Reader<'_>, node: &Node, what: &str) -> Vec<String> {
    let written = reader.texts(node, what);
    let nothing = match &node.value {
        Yaml::List(items) => items.is_empty(),
        Yaml::Null => true,
        _ => false,
    };
    if nothing {
        let help = "name the hosts that the secret may be sent to";
        reader.report(
            "bad-value",
            format!("`{what}` is empty, so the secret could go nowhere"),
            node.span,
            help,
        );
    }
    let mut hosts = Vec::new();
    for host in written {
        match bad_host(&host.value) {
            None => hosts.push(host.value.to_ascii_lowercase()),
            Some(help) => {
                reader.report("bad-value", format!("`{}` is no host", host.value), host.span, help);
            }
        }
    }
    hosts
}

/// Why a text is no `host` or `host:port`.
fn bad_host(text: &str) -> Option<String> {
    if let Some((_, rest)) = text.split_once("://") {
        let host = rest.split('/').next().unwrap_or_default();
        return Some(format!("write the host alone: `{host}`; it is always https"));
    }
    if let Some((host, _)) = text.split_once('/') {
        return Some(format!("write the host without a path: `{host}`"));
    }
    if text.contains('*') {
        return Some(
            "write each host out; a pattern would let the secret go where nobody meant it to".to_owned(),
        );
    }
    // An IPv6 address is in brackets, as in an address.
    let (host, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, port)) if host.parse::<std::net::Ipv6Addr>().is_ok() => ("v6", port.strip_prefix(':')),
        Some(_) => return Some("write an IPv6 address in brackets: `[2001:db8::1]`".to_owned()),
        None => match text.rsplit_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        },
    };
    if port.is_some_and(|port| !port.parse::<u16>().is_ok_and(|n| n > 0)) {
        return Some("a port is a number from 1 to 65535".to_owned());
    }
    let part = |part: &str| {
        !part.is_empty()
            && part.len() <= 63
            && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
            && !part.starts_with('-')
            && !part.ends_with('-')
    };
    let fits = host.len() <= 253 && host.split('.').all(part);
    (!fits).then(|| "a host has letters, digits, `-` and dots: `hooks.slack.com`".to_owned())
}

/// `lint:`.
pub fn lint(reader: &mut Reader<'_>, node: &Node) -> Lint {
    let mut lint = Lint::default();
    let fields = ["select", "ignore", "fail_on", "baseline", "rules", "scrape_interval", "exclude", "budget"];
    for (key, value) in reader.map(node, "lint", &fields) {
        let what = format!("lint.{}", key.value);
        match key.value.as_str() {
            "select" => lint.select = reader.texts(value, &what),
            "ignore" => lint.ignore = reader.texts(value, &what),
            "fail_on" => {
                let level = reader.choice(value, &what, &["note", "warning", "error", "never"]);
                lint.fail_on = level.map(|level| match level.value.as_str() {
                    "note" => FailOn::Note,
                    "warning" => FailOn::Warning,
                    "error" => FailOn::Error,
                    _ => FailOn::Never,
                });
            }
            "scrape_interval" => lint.scrape_interval = at_least_a_second(reader, value, &what),
            "budget" => {
                let most = reader.whole(value, &what, 0..=1_000_000);
                lint.budget = most.map(|most| Spanned::new(most, value.span));
            }
            "exclude" => {
                let written = reader.texts(value, &what);
                let help = "write a file, a folder, or a pattern such as `generated/**/*.lua`";
                lint.exclude = written.into_iter().filter_map(|g| pattern(reader, g, &what, help)).collect();
            }
            "baseline" => {
                let written = reader.text(value, &what);
                lint.baseline = written.and_then(|written| path(reader, written, &what));
            }
            _ => {
                let written = reader.texts(value, &what);
                let help = "write a file, a folder, or a pattern such as `rules/*.lua`";
                lint.rules = written.into_iter().filter_map(|g| pattern(reader, g, &what, help)).collect();
            }
        }
    }
    lint
}

/// A duration of a second or more.
fn at_least_a_second(reader: &mut Reader<'_>, node: &Node, what: &str) -> Option<Duration> {
    let written = reader.text(node, what)?;
    match parse_duration(&written.value) {
        Ok(duration) if duration >= Duration::from_secs(1) => Some(duration),
        Ok(duration) => {
            let message = format!("`{what}` cannot be {duration}: it is too short");
            reader.report("bad-duration", message, written.span, "write at least `1s`");
            None
        }
        Err(error) => {
            let help = "write it as `15s` or `1m`";
            reader.report("bad-duration", format!("`{what}`: {error}"), written.span, help);
            None
        }
    }
}

/// A glob, a file or a folder below the configuration's folder.
fn pattern(
    reader: &mut Reader<'_>,
    written: Spanned<String>,
    what: &str,
    help: &str,
) -> Option<Spanned<String>> {
    let folder = written.value.trim_end_matches('/').to_owned();
    let written = path(reader, Spanned::new(folder, written.span), what)?;
    match super::rules::pattern(&written.value) {
        Ok(_) => Some(written),
        Err(why) => {
            let message = format!("`{}` is no pattern: {why}", written.value);
            reader.report("bad-value", message, written.span, help);
            None
        }
    }
}

/// `approval:`.
pub fn approval(reader: &mut Reader<'_>, node: &Node) -> Approval {
    let mut approval = Approval { branch: None, reviews: None, allowed_signers: None, github: None };
    for (key, value) in reader.map(node, "approval", &["branch", "reviews", "allowed_signers", "github"]) {
        match key.value.as_str() {
            "github" => approval.github = Some(github(reader, value)),
            "branch" => approval.branch = reader.text(value, "approval.branch"),
            "reviews" => approval.reviews = reader.whole(value, "approval.reviews", 0..=100),
            _ => {
                let written = reader.text(value, "approval.allowed_signers");
                approval.allowed_signers =
                    written.and_then(|written| path(reader, written, "approval.allowed_signers"));
            }
        }
    }
    approval
}

/// `approval.github`.
fn github(reader: &mut Reader<'_>, node: &Node) -> GitHub {
    let mut github = GitHub::default();
    for (key, value) in reader.map(node, "approval.github", &["repository", "check", "app", "environment"]) {
        let what = format!("approval.github.{}", key.value);
        match key.value.as_str() {
            "repository" => {
                let written = reader.text(value, &what);
                github.repository = written.filter(|name| is_repository(reader, name));
            }
            "check" => github.check = reader.text(value, &what).map_or(github.check, |check| check.value),
            "app" => github.app = reader.whole(value, &what, 1..=u32::MAX).unwrap_or(github.app),
            _ => github.environment = reader.text(value, &what),
        }
    }
    github
}

/// Whether a text names a repository of GitHub.
fn is_repository(reader: &mut Reader<'_>, name: &Spanned<String>) -> bool {
    let part = |text: &str| {
        !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
    };
    let fits = name.value.split_once('/').is_some_and(|(owner, name)| part(owner) && part(name));
    if !fits {
        let message = format!("`{}` is no repository", name.value);
        reader.report("bad-name", message, name.span, "write its owner and its name: `example/shop`");
    }
    fits
}

/// `apply:`.
pub fn apply(reader: &mut Reader<'_>, node: &Node) -> Apply {
    let mut apply = Apply::default();
    for (key, value) in reader.map(node, "apply", &["directory", "kubernetes"]) {
        if key.value == "directory" {
            reader.map(value, "apply.directory", &["path"]);
            let written = reader.required(value, "apply.directory", "path", "path: live/");
            apply.directory = written.and_then(|n| reader.text(n, "apply.directory.path"));
            continue;
        }
        reader.map(value, "apply.kubernetes", &["namespace", "context", "ledger"]);
        let written = reader.required(value, "apply.kubernetes", "namespace", "namespace: luascale");
        let namespace = written.and_then(|n| reader.text(n, "apply.kubernetes.namespace"));
        let namespace = namespace.filter(|namespace| is_namespace(reader, namespace));
        let context = value.get("context").and_then(|n| reader.text(n, "apply.kubernetes.context"));
        let written = value.get("ledger").and_then(|n| reader.text(n, "apply.kubernetes.ledger"));
        let ledger = written.and_then(|written| path(reader, written, "apply.kubernetes.ledger"));
        apply.kubernetes = namespace.map(|namespace| Kubernetes { namespace, context, ledger });
    }
    apply
}

/// Whether a text names a namespace: a label of DNS.
fn is_namespace(reader: &mut Reader<'_>, name: &Spanned<String>) -> bool {
    let part = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    let text = &name.value;
    let fits = (1..=63).contains(&text.len())
        && text.bytes().all(part)
        && !text.starts_with('-')
        && !text.ends_with('-');
    if !fits {
        let help = "small letters, digits and inner `-`, at most 63: `luascale`";
        reader.report("bad-name", format!("`{text}` is no name of a namespace"), name.span, help);
    }
    fits
}
