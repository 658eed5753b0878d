//! `check --online`: asks the servers that policies are about, reading only. May import: everything.

use super::args::Check;
use super::failure::Failure;
use super::project::Project;
use crate::lint::Checked;
use crate::model::Finding;

/// What came of asking.
#[derive(Default)]
pub struct Asked {
    /// What the rules of the family Online found.
    pub findings: Vec<Finding>,
    /// What could not be asked, each said once.
    pub failures: Vec<Failure>,
    /// What is to be said beside that, a sentence each.
    pub notes: Vec<String>,
}

/// Without the feature nothing can be asked.
#[cfg(not(feature = "online"))]
pub fn ask(_: &Check, _: &[Project], _: &[Vec<Checked>]) -> Result<Asked, Failure> {
    Err(Failure::usage("this luascale is built without the feature `online`, so it asks no server")
        .hint("build it with `--features online`, or leave --online out"))
}

/// Asks for everything that the checked policies name.
#[cfg(feature = "online")]
pub fn ask(args: &Check, projects: &[Project], checked: &[Vec<Checked>]) -> Result<Asked, Failure> {
    asking::ask(args, projects, checked)
}

#[cfg(feature = "online")]
mod asking {
    #![expect(clippy::disallowed_methods, reason = "credentials and secrets are in the environment")]

    use super::{Asked, Check, Checked, Failure, Project};
    use crate::cli::stored::Loader;
    use crate::cluster::Cluster;
    use crate::lint::PolicyView;
    use crate::lint::online::{
        DeclaredSecret, OnlineFacts, OnlineView, QueryFact, Scaler, TargetFact, online, targets,
    };
    use crate::lua::Limits;
    use crate::model::{MetricSource, Mode};
    use crate::source::kubernetes::{Place, look};
    use crate::source::prometheus::{Credentials, Failed, Prometheus};
    use crate::target::kubernetes::{self, Applied};
    use std::collections::BTreeMap;
    use tokio::task::JoinSet;

    /// The server of queries whose metric names none.
    const SERVER: &str = "LUASCALE_PROMETHEUS_URL";
    /// A bearer token for it.
    const TOKEN: &str = "LUASCALE_PROMETHEUS_TOKEN";
    /// A user for it.
    const USER: &str = "LUASCALE_PROMETHEUS_USER";
    /// The user's password.
    const PASSWORD: &str = "LUASCALE_PROMETHEUS_PASSWORD";

    /// Most questions asked at a time: a check is no load test.
    const AT_A_TIME: usize = 8;

    /// A variable that has a value.
    fn variable(name: &str) -> Option<String> {
        std::env::var(name).ok().filter(|value| !value.is_empty())
    }

    pub fn ask(args: &Check, projects: &[Project], checked: &[Vec<Checked>]) -> Result<Asked, Failure> {
        let views: Vec<PolicyView<'_>> = checked.iter().flatten().flat_map(Checked::views).collect();
        let server = args.prometheus.clone().or_else(|| variable(SERVER));
        let credentials = match (variable(TOKEN), variable(USER)) {
            (Some(token), _) => Some(Credentials::Bearer(token)),
            (None, Some(user)) => Some(Credentials::Basic(user, variable(PASSWORD).unwrap_or_default())),
            (None, None) => None,
        };
        let own = server.as_deref().map(|url| Prometheus::new(url, credentials).map_err(|e| Failure::usage(e).hint(
            "--prometheus, or LUASCALE_PROMETHEUS_URL, is the base address of a server: http://prometheus:9090",
        ))).transpose()?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|e| Failure::environment(format!("cannot begin to ask servers: {e}")))?;
        let mut asked = Asked::default();
        let mut facts = OnlineFacts::default();
        let (mut places, mut applied) = (Vec::new(), Vec::new());
        runtime.block_on(async {
            queries(&views, own.as_ref(), server.as_deref(), &mut facts, &mut asked).await;
            places = clusters(&views, &mut facts, &mut asked, &mut applied).await;
        });
        applied_too(projects, &applied, &places, &mut facts)?;
        // A configuration above several projects is asked about once, and a name of it that a nearer
        // one has too is not read.
        let mut seen = std::collections::HashSet::new();
        let declared =
            projects.iter().flat_map(|project| project.layers.secrets()).filter_map(|(layer, s)| {
                let secret = DeclaredSecret { name: &s.name, env: &s.env, source: &layer.source };
                seen.insert((&*layer.source.name, s.name.span)).then_some(secret)
            });
        let secrets: Vec<DeclaredSecret<'_>> = declared.collect();
        let unset = secrets.iter().filter(|s| variable(s.env).is_none());
        facts.unset = unset.map(|s| s.env.to_owned()).collect();
        let view = OnlineView { policies: &views, secrets: &secrets, facts: &facts };
        asked.findings = online(&view);
        Ok(asked)
    }

    /// A query to be asked, and where.
    struct Question {
        fact: QueryFact,
        query: String,
        server: Prometheus,
        address: String,
    }

    async fn queries(
        views: &[PolicyView<'_>],
        own: Option<&Prometheus>,
        own_address: Option<&str>,
        facts: &mut OnlineFacts,
        asked: &mut Asked,
    ) {
        let mut questions = Vec::new();
        let mut homeless = Vec::new();
        for view in views {
            let policy = view.policy;
            let regions = policy.regions.iter().flat_map(|r| &r.regions);
            let regional = regions.flat_map(|r| r.metrics.iter().map(move |m| (Some(&r.name), m)));
            for (region, metric) in policy.metrics.iter().map(|m| (None, m)).chain(regional) {
                let MetricSource::Prometheus { query, url } = &metric.source else { continue };
                let fact = QueryFact {
                    policy: policy.name.value.clone(),
                    region: region.cloned(),
                    metric: metric.name.value.clone(),
                    ..QueryFact::default()
                };
                // The operator's own server is asked as the operator, whoever names it.
                let server = match (url, own) {
                    (Some(url), Some(own)) if own_address.is_some_and(|own| same(own, url)) => {
                        Ok(own.clone())
                    }
                    (Some(url), _) => Prometheus::new(url, None),
                    (None, Some(own)) => Ok(own.clone()),
                    (None, None) => {
                        homeless.push(format!("{}: {}", fact.policy, fact.metric));
                        continue;
                    }
                };
                let address = url.as_deref().or(own_address).unwrap_or_default().to_owned();
                match server {
                    Ok(server) => {
                        questions.push(Question { fact, query: query.value.clone(), server, address })
                    }
                    Err(why) => asked.failures.push(Failure::usage(format!(
                        "cannot ask for {} of {}: {why}",
                        fact.metric, fact.policy
                    ))),
                }
            }
        }
        if !homeless.is_empty() {
            let n = homeless.len();
            let s = if n == 1 { "" } else { "s" };
            let first: Vec<String> = homeless.into_iter().take(3).collect();
            let more = if n > 3 { ", …" } else { "" };
            let message =
                format!("{n} metric{s} not asked for: no Prometheus is named ({}{more})", first.join(", "));
            asked
                .failures
                .push(Failure::usage(message).hint(
                    "name the server: --prometheus http://prometheus:9090, or LUASCALE_PROMETHEUS_URL",
                ));
        }
        // Addresses that gave no answer are asked no more: each would take its whole patience.
        let mut gone: BTreeMap<String, (String, usize)> = BTreeMap::new();
        let mut rest = questions.into_iter().peekable();
        while rest.peek().is_some() {
            let mut running = JoinSet::new();
            for question in rest.by_ref().take(AT_A_TIME) {
                if let Some((_, metrics)) = gone.get_mut(&question.address) {
                    *metrics += 1;
                    continue;
                }
                running.spawn(async move {
                    let Question { mut fact, query, server, address } = question;
                    let answer = match server.query(&query).await {
                        Ok(series) => {
                            fact.series = series;
                            server.inputs(&query).await.map(|inputs| fact.inputs = inputs)
                        }
                        Err(Failed::Refused(why)) => {
                            fact.refused = Some(why);
                            Ok(())
                        }
                        Err(failed) => Err(failed),
                    };
                    (address, answer.map(|()| fact))
                });
            }
            while let Some(done) = running.join_next().await {
                match done {
                    Ok((_, Ok(fact))) => facts.queries.push(fact),
                    Ok((address, Err(failed))) => {
                        gone.entry(address).or_insert_with(|| (failed.to_string(), 0)).1 += 1;
                    }
                    Err(error) => asked.failures.push(Failure::bug(format!("a question was lost: {error}"))),
                }
            }
        }
        facts
            .queries
            .sort_by(|a, b| (&a.policy, &a.region, &a.metric).cmp(&(&b.policy, &b.region, &b.metric)));
        for (address, (why, metrics)) in gone {
            let s = if metrics == 1 { "" } else { "s" };
            asked.failures.push(Failure::environment(format!(
                "Prometheus at {address} cannot be asked ({metrics} metric{s}): {why}"
            )));
        }
    }

    /// Whether two addresses are of one server.
    fn same(one: &str, other: &str) -> bool {
        one.trim_end_matches('/') == other.trim_end_matches('/')
    }

    /// Looks for all targets. Gives the place of each fact that was learnt, in their order, and adds what
    /// luascale has live in the clusters.
    async fn clusters(
        views: &[PolicyView<'_>],
        facts: &mut OnlineFacts,
        asked: &mut Asked,
        applied: &mut Vec<(Option<String>, Applied)>,
    ) -> Vec<Place> {
        let mut learnt = Vec::new();
        let mut contexts: BTreeMap<Option<String>, Vec<(TargetFact, Place)>> = BTreeMap::new();
        for view in views {
            for (region, target) in targets(view.policy) {
                let Some(place) = Place::of(target) else { continue };
                let fact = TargetFact {
                    policy: view.policy.name.value.clone(),
                    region: region.map(str::to_owned),
                    ..TargetFact::default()
                };
                contexts.entry(place.context.clone()).or_default().push((fact, place));
            }
        }
        'contexts: for (context, places) in contexts {
            let count = places.len();
            let s = if count == 1 { "" } else { "s" };
            let cluster = match Cluster::connect(context.as_deref()).await {
                Ok(cluster) => cluster,
                Err(failed) => {
                    let message = format!("{count} target{s} not looked for: {failed}");
                    asked.failures.push(
                        Failure::environment(message).hint("set KUBECONFIG to the path of a kubeconfig"),
                    );
                    continue;
                }
            };
            for (at, (fact, place)) in places.into_iter().enumerate() {
                match look(&cluster, &place).await {
                    Ok(found) => {
                        facts.targets.push(TargetFact { policy: fact.policy, region: fact.region, ..found });
                        learnt.push(place);
                    }
                    Err(failed) => {
                        let left = count - at;
                        let s = if left == 1 { "" } else { "s" };
                        let message = match failed.code {
                            // Nobody is there: the others would not be answered either.
                            0 | 401 => format!(
                                "the cluster at {} cannot be asked ({left} target{s}): {failed}",
                                cluster.address
                            ),
                            _ => format!("the target of {} cannot be looked for: {failed}", fact.policy),
                        };
                        let failure = Failure::environment(message);
                        asked.failures.push(match failed.code {
                            403 => failure.hint("allow get and list on what is scaled, its `scale`, horizontalpodautoscalers and scaledobjects"),
                            _ => failure,
                        });
                        if matches!(failed.code, 0 | 401) {
                            continue 'contexts;
                        }
                    }
                }
            }
            match kubernetes::applied(&cluster).await {
                Ok(live) => applied.extend(live.into_iter().map(|live| (context.clone(), live))),
                // Not everybody may see all ConfigMaps, and a policy is sound without.
                Err(failed) => asked.notes.push(format!(
                    "whether luascale itself scales these targets from another namespace was not looked at: {failed}"
                )),
            }
        }
        learnt
    }

    /// Adds policies that luascale has live and that scale the targets of others.
    fn applied_too(
        projects: &[Project],
        applied: &[(Option<String>, Applied)],
        places: &[Place],
        facts: &mut OnlineFacts,
    ) -> Result<(), Failure> {
        // Where the policies that are checked are applied to; what is live there by the same name is
        // the policy itself.
        let own: Vec<&str> = projects
            .iter()
            .filter_map(|project| project.layers.nearest(|l| l.config.apply.kubernetes.as_ref()))
            .map(|(_, target)| target.namespace.value.as_str())
            .collect();
        let catalogue = projects.first().map(|project| project.catalogue.clone()).unwrap_or_default();
        let mut loader = Loader::new(&catalogue, Limits::default());
        for (context, live) in applied {
            let policy = loader.load(&live.id, &live.bundle)?;
            let Some((policy, _)) = policy.filter(|(policy, _)| policy.mode == Mode::Scale) else { continue };
            let scaled: Vec<Place> = targets(&policy).into_iter().filter_map(|(_, t)| Place::of(t)).collect();
            for (fact, place) in facts.targets.iter_mut().zip(places) {
                let itself = fact.policy == live.id && (own.is_empty() || own.contains(&&*live.namespace));
                if itself || place.context != *context || !scaled.iter().any(|other| other.is_same(place)) {
                    continue;
                }
                let (min, max) = (*policy.replicas.min, *policy.replicas.max);
                fact.scalers.push(Scaler {
                    kind: "luascale policy".into(),
                    name: live.id.clone(),
                    bounds: format!("{min} to {max} replicas, applied to the namespace {}", live.namespace),
                });
            }
        }
        Ok(())
    }
}
