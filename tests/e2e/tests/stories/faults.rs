//! AWS has a bad day: what can be ridden out is, what can't stops as little as possible and says so.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, ensure};
use e2e::{Fleet, World, story, until};
use localcloud::Options;
use localcloud::proxy::{Filter, Kind, Request, Rule};

/// Any; the same one makes the same dice.
const SEED: u64 = 20_261_124;

#[tokio::test(flavor = "multi_thread")]
async fn faults() {
    story(
        "faults",
        Options::for_test(&["dev"]),
        Fleet::of(&["calm"]),
        async |world| {
            world.apply().await?;
            an_apply_rides_out_random_faults(world).await?;
            a_denial_stops_only_what_depends_on_it(world).await?;
            a_failed_read_refuses_to_plan(world).await
        },
    )
    .await;
}

/// What makes the parts of a site, by the name that its service signs with. What a lost answer leaves must be found.
const CREATIONS: [(&str, &str); 14] = [
    ("acm", "RequestCertificate"),
    ("budgets", "CreateBudget"),
    ("cloudfront", "CreateDistribution*"),
    ("cognito-idp", "CreateGroup"),
    ("ecs", "CreateService"),
    ("ecs", "RegisterTaskDefinition"),
    ("ecs", "RunTask"),
    ("elasticfilesystem", "CreateAccessPoint"),
    ("elasticloadbalancing", "CreateRule"),
    ("elasticloadbalancing", "CreateTargetGroup"),
    ("iam", "CreateRole"),
    ("logs", "CreateLogGroup"),
    ("route53", "CreateHealthCheck"),
    ("secretsmanager", "CreateSecret"),
];

async fn an_apply_rides_out_random_faults(world: &World) -> Result<()> {
    world.fleet.add("storm")?;
    let (bbws, faults) = (world.bbws()?.named("storm"), world.cloud.proxy().faults());
    faults.reset(SEED);
    for (service, operation) in CREATIONS {
        faults.add(Rule::new(bbws.requests_of(service, operation), Kind::DropAfter).times(1));
    }
    let rules = [
        (Kind::Throttle, 0.08, u64::MAX),
        (Kind::ServerError(500), 0.04, u64::MAX),
        (Kind::ServerError(503), 0.04, u64::MAX),
        (Kind::DropBefore, 0.03, u64::MAX),
        (Kind::DropAfter, 0.05, u64::MAX),
        (Kind::Delay(1500), 0.02, u64::MAX),
        // Each costs the runner the time that it allows an attempt.
        (Kind::Hang, 0.02, 2),
    ];
    for (kind, probability, times) in rules {
        faults.add(
            Rule::new(bbws.requests(), kind)
                .with_probability(probability)
                .times(times),
        );
    }
    let applied = bbws.run(&["apply", "--env", "dev"]).await?.expect_code(0);
    faults.reset(0);
    applied?;
    let requests = world.requests(&bbws.requests());
    for (service, operation) in CREATIONS {
        let filter = bbws.requests_of(service, operation);
        let lost = |request: &Request| request.fault == Some(Kind::DropAfter.name());
        ensure!(
            world.requests(&filter).iter().any(lost),
            "no answer to {operation} of {service} was lost"
        );
    }
    let struck: Vec<_> = requests
        .iter()
        .filter_map(|request| request.fault.clone())
        .collect();
    let kinds: BTreeSet<_> = struck
        .iter()
        .map(|fault| fault.split(' ').take(2).collect::<Vec<_>>().join(" "))
        .collect();
    ensure!(
        struck.len() > 10 && kinds.len() >= 5,
        "too few faults to prove anything: {struck:?}"
    );
    world.bbws()?.plan_is_empty().await?;
    let calm = alike(world, "calm").await?;
    let mut different = Vec::new();
    let waited = until("the stormy site to be like the calm one", async || {
        let storm = alike(world, "storm").await?;
        let only = |name, these: &BTreeSet<String>, those| {
            let lines = these.difference(those);
            lines
                .map(|line| format!("{name}: {line}"))
                .collect::<Vec<_>>()
        };
        different = [only("calm", &calm, &storm), only("storm", &storm, &calm)].concat();
        Ok(different.is_empty().then_some(()))
    });
    let waited = waited.await;
    waited.with_context(|| format!("different: {different:#?}"))?;
    world.visitor("storm").get("/").await?.expect_status(200)?;
    world.note(&format!(
        "{} of {} requests met a fault ({kinds:?}), and the apply converged",
        struck.len(),
        requests.len()
    ));
    Ok(())
}

/// What exists of a tenant, without its name: nothing is missing, nothing is there twice.
async fn alike(world: &World, tenant: &str) -> Result<BTreeSet<String>> {
    let census = world.census(tenant).await?;
    let lines = census
        .iter()
        .map(|(kind, names)| format!("{kind}: {names:?}").replace(tenant, "X"));
    Ok(lines.collect())
}

async fn a_denial_stops_only_what_depends_on_it(world: &World) -> Result<()> {
    world.fleet.add("denied")?;
    let faults = world.cloud.proxy().faults();
    faults.reset(SEED);
    let group = world.bbws()?.requests_of("cognito-idp", "CreateGroup");
    let rule = world
        .bbws()?
        .requests_of("elasticloadbalancing", "CreateRule");
    faults.add(Rule::new(group, Kind::AccessDenied));
    faults.add(Rule::new(rule, Kind::AccessDenied));
    let outcome = world
        .bbws()?
        .run(&["apply", "--env", "dev", "--json"])
        .await?
        .expect_code(1)?;
    faults.reset(0);

    let set = |names: &[&str]| {
        names
            .iter()
            .map(|name| format!("denied/{name}"))
            .collect::<BTreeSet<_>>()
    };
    ensure!(
        outcome.items("failed")? == set(&["listener rule", "user group"]),
        "other failures: {}",
        outcome.stdout
    );
    let dependent = set(&[
        "service",
        "autoscaling",
        "alarms",
        "distribution",
        "health check",
        "records",
    ]);
    ensure!(
        outcome.items("skipped")? == dependent,
        "not only what depends on it was skipped: {}",
        outcome.stdout
    );
    let independent = set(&[
        "log group",
        "database",
        "wordpress",
        "access point",
        "certificate",
        "budget",
    ]);
    ensure!(
        outcome.items("changed")?.is_superset(&independent),
        "what does not depend on it is missing: {}",
        outcome.stdout
    );
    let json = outcome.json()?;
    for (resource, operation) in [
        ("user group", "cognito-idp:CreateGroup"),
        ("listener rule", "elasticloadbalancing:CreateRule"),
    ] {
        let failed = json["result"]["failed"].as_array().into_iter().flatten();
        let failed = failed
            .filter(|item| item["resource"] == resource)
            .map(ToString::to_string)
            .collect::<String>();
        ensure!(
            failed.contains(operation),
            "the error of the {resource} does not name {operation}: {failed}"
        );
        ensure!(
            failed.contains("allow"),
            "the error of the {resource} names no next step: {failed}"
        );
    }
    world.visitor("calm").get("/").await?.expect_status(200)?;
    // The same command again, once it is allowed.
    world.apply().await?;
    world.bbws()?.plan_is_empty().await?;
    world.visitor("denied").get("/").await?.expect_status(200)?;
    world.note("a denial stopped only what depends on it");
    Ok(())
}

async fn a_failed_read_refuses_to_plan(world: &World) -> Result<()> {
    world.fleet.add("unplanned")?;
    let faults = world.cloud.proxy().faults();
    faults.reset(SEED);
    faults.add(Rule::new(
        world.bbws()?.requests_of("monitoring", "DescribeAlarms"),
        Kind::AccessDenied,
    ));
    world.cloud.proxy().requests().clear();
    for verb in ["plan", "apply"] {
        let refused = world
            .bbws()?
            .run(&[verb, "--env", "dev"])
            .await?
            .expect_code(1)?;
        ensure!(
            refused.stderr.contains("DescribeAlarms"),
            "the operation is not named: {}",
            refused.stderr
        );
        ensure!(
            refused.stderr.contains("alarms could not be read"),
            "what is unknown is not named: {}",
            refused.stderr
        );
        ensure!(
            refused.stderr.contains("next:"),
            "no next step is named: {}",
            refused.stderr
        );
        ensure!(
            !refused.stdout.contains("Plan:"),
            "a plan was shown: {}",
            refused.stdout
        );
    }
    faults.reset(0);
    let writes = Filter {
        reads: Some(false),
        ..world.bbws()?.requests()
    };
    ensure!(
        world.requests(&writes).is_empty(),
        "refused, and yet: {:?}",
        world.requests(&writes)
    );
    world.note("a failed read refuses to plan");
    Ok(())
}
