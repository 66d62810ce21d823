//! All that exists of a tenant: every service that the runner uses is searched, by listing everything and looking for
//! the tenant's id. What a list can't tell (the file system, the database, containers) is looked at directly.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Result;

use crate::{Aws, World};

/// Kind of thing, and the names of those that there are, sorted. Kinds without any are left out. Names hold no random
/// part, so that two tenants' censuses can be compared after replacing the id.
pub type Census = BTreeMap<&'static str, Vec<String>>;

/// Whether a tenant's id stands in a text as a word of its own: `acme` in `bbws-dev-acme-task`, not in `acmecorp`.
#[must_use]
pub fn mentions(text: &str, tenant: &str) -> bool {
    text.split(|c: char| !c.is_ascii_alphanumeric())
        .any(|word| word == tenant)
}

/// See [`World::census`].
pub(crate) async fn census(world: &World, tenant: &str) -> Result<Census> {
    let aws = &world.aws;
    let mut all: Vec<(&'static str, Vec<String>)> = Vec::new();
    all.extend(compute(aws).await?);
    all.extend(network(aws, tenant).await?);
    all.extend(edge(aws).await?);
    all.extend(identity(aws).await?);
    all.extend(watching(aws).await?);
    all.extend(storage(world).await?);
    let mut census = Census::new();
    for (kind, names) in all {
        let mut mine: Vec<_> = names
            .into_iter()
            .filter(|name| mentions(name, tenant))
            .collect();
        mine.sort();
        if !mine.is_empty() {
            census.insert(kind, mine);
        }
    }
    Ok(census)
}

type Listed = Vec<(&'static str, Vec<String>)>;

fn last(arn: &str) -> String {
    arn.rsplit('/').next().unwrap_or(arn).to_owned()
}

async fn compute(aws: &Aws) -> Result<Listed> {
    let cluster = aws.foundation("/cluster/name");
    let mut pages = aws
        .ecs
        .list_services()
        .cluster(cluster)
        .into_paginator()
        .items()
        .send();
    let mut services = Vec::new();
    while let Some(arn) = pages.next().await {
        services.push(last(&arn?));
    }
    let mut pages = aws
        .ecs
        .list_task_definitions()
        .status("ACTIVE".into())
        .into_paginator()
        .items()
        .send();
    let mut definitions = Vec::new();
    while let Some(arn) = pages.next().await {
        // Without the revision: how many are active counts, not which.
        definitions.push(last(&arn?).split(':').next().unwrap_or_default().to_owned());
    }
    let mut pages = aws
        .ecs
        .list_tasks()
        .cluster(cluster)
        .into_paginator()
        .items()
        .send();
    let mut tasks = Vec::new();
    while let Some(arn) = pages.next().await {
        let described = aws
            .ecs
            .describe_tasks()
            .cluster(cluster)
            .tasks(arn?)
            .send()
            .await?;
        tasks.extend(
            described
                .tasks()
                .iter()
                .filter_map(|task| task.group().map(str::to_owned)),
        );
    }
    let targets = aws
        .autoscaling
        .describe_scalable_targets()
        .service_namespace("ecs".into())
        .send()
        .await?;
    let scalable = targets
        .scalable_targets()
        .iter()
        .map(|target| target.resource_id().to_owned());
    let policies = aws
        .autoscaling
        .describe_scaling_policies()
        .service_namespace("ecs".into())
        .send()
        .await?;
    let policies = policies.scaling_policies().iter();
    let policies =
        policies.map(|policy| format!("{} {}", policy.resource_id(), policy.policy_name()));
    Ok(vec![
        ("service", services),
        ("task definition", definitions),
        ("task", tasks),
        ("scalable target", scalable.collect()),
        ("scaling policy", policies.collect()),
    ])
}

async fn network(aws: &Aws, tenant: &str) -> Result<Listed> {
    let groups = aws.elb.describe_target_groups().send().await?;
    let groups: Vec<_> = groups
        .target_groups()
        .iter()
        .filter_map(|group| group.target_group_name().map(str::to_owned))
        .collect();
    let listener = aws.foundation("/cells/0/load_balancer/listener_arn");
    let answer = aws
        .elb
        .describe_rules()
        .listener_arn(listener)
        .send()
        .await?;
    let mut rules = Vec::new();
    for rule in answer.rules() {
        let paths = rule
            .conditions()
            .iter()
            .filter_map(|condition| condition.path_pattern_config());
        let paths: Vec<_> = paths
            .flat_map(|config| config.values().iter().map(String::as_str))
            .collect();
        let actions = rule
            .actions()
            .iter()
            .filter_map(|action| action.target_group_arn())
            .map(ToOwned::to_owned);
        let mut text = paths.join(" ");
        // A rule of another path that leads here would be found too.
        for arn in actions.filter(|arn| mentions(arn, tenant)) {
            text = format!("{text} -> {}", arn.split('/').nth(1).unwrap_or_default());
        }
        rules.push(text);
    }
    Ok(vec![("target group", groups), ("listener rule", rules)])
}

async fn edge(aws: &Aws) -> Result<Listed> {
    let list = aws.cloudfront.list_distributions().send().await?;
    let items = list
        .distribution_list()
        .map(|list| list.items())
        .unwrap_or_default();
    let distributions = items.iter().map(|item| {
        let aliases = item
            .aliases()
            .map(|aliases| aliases.items().join(" "))
            .unwrap_or_default();
        format!("{} {aliases}", item.comment())
    });
    let distributions = distributions.collect();
    let list = aws.acm.list_certificates().send().await?;
    let certificates = list.certificate_summary_list().iter();
    let certificates = certificates
        .filter_map(|certificate| certificate.domain_name().map(str::to_owned))
        .collect();
    let zone = aws.foundation("/zone/id");
    let list = aws
        .route53
        .list_resource_record_sets()
        .hosted_zone_id(zone)
        .max_items(300)
        .send()
        .await?;
    let record = |name: &str, kind: &str| {
        // The first label of a certificate's validation record is random.
        let name = if name.starts_with('_') {
            name.split_once('.').map_or(name, |(_, rest)| rest)
        } else {
            name
        };
        format!("{kind} {name}")
    };
    let records = list
        .resource_record_sets()
        .iter()
        .map(|set| record(set.name(), set.r#type().as_str()))
        .collect();
    let list = aws.route53.list_health_checks().send().await?;
    let checks = list.health_checks().iter().filter_map(|check| {
        let config = check.health_check_config()?;
        Some(format!(
            "{}{}",
            config.fully_qualified_domain_name()?,
            config.resource_path().unwrap_or_default()
        ))
    });
    let checks = checks.collect();
    Ok(vec![
        ("distribution", distributions),
        ("certificate", certificates),
        ("record", records),
        ("health check", checks),
    ])
}

async fn identity(aws: &Aws) -> Result<Listed> {
    let mut roles = Vec::new();
    let mut pages = aws.iam.list_roles().into_paginator().items().send();
    while let Some(role) = pages.next().await {
        roles.push(role?.role_name().to_owned());
    }
    let groups = aws
        .cognito
        .list_groups()
        .user_pool_id(aws.foundation("/users/pool_id"))
        .send()
        .await?;
    let groups = groups
        .groups()
        .iter()
        .filter_map(|group| group.group_name().map(str::to_owned))
        .collect();
    let mut secrets = Vec::new();
    let mut pages = aws.secrets.list_secrets().into_paginator().send();
    while let Some(page) = pages.next().await {
        secrets.extend(
            page?
                .secret_list()
                .iter()
                .filter_map(|secret| secret.name().map(str::to_owned)),
        );
    }
    Ok(vec![
        ("role", roles),
        ("user group", groups),
        ("secret", secrets),
    ])
}

async fn watching(aws: &Aws) -> Result<Listed> {
    let mut logs = Vec::new();
    let mut pages = aws
        .logs
        .describe_log_groups()
        .into_paginator()
        .items()
        .send();
    while let Some(group) = pages.next().await {
        logs.push(group?.log_group_name().unwrap_or_default().to_owned());
    }
    let mut alarms = Vec::new();
    let mut pages = aws.cloudwatch.describe_alarms().into_paginator().send();
    while let Some(page) = pages.next().await {
        alarms.extend(
            page?
                .metric_alarms()
                .iter()
                .filter_map(|alarm| alarm.alarm_name().map(str::to_owned)),
        );
    }
    let budgets = aws
        .budgets
        .describe_budgets()
        .account_id(aws.foundation("/account"))
        .send()
        .await?;
    let budgets = budgets
        .budgets()
        .iter()
        .map(|budget| budget.budget_name().to_owned())
        .collect();
    Ok(vec![
        ("log group", logs),
        ("alarm", alarms),
        ("budget", budgets),
    ])
}

async fn storage(world: &World) -> Result<Listed> {
    let file_system = world.aws.foundation("/cells/0/file_system_id");
    let points = world
        .aws
        .efs
        .describe_access_points()
        .file_system_id(file_system)
        .send()
        .await?;
    let points = points.access_points().iter();
    let points = points
        .filter_map(|point| point.root_directory()?.path().map(str::to_owned))
        .collect();
    let database = world.database().await?;
    let schemas = database.query("SHOW DATABASES").await?;
    let users = database
        .query("SELECT CONCAT(user, '@', host) FROM mysql.user")
        .await?;
    let lines = |text: &str| text.lines().map(str::to_owned).collect();
    let containers = world.containers().described().await?;
    let containers = containers
        .into_iter()
        .filter_map(|(_, text)| container(&text))
        .collect();
    Ok(vec![
        ("access point", points),
        ("file", files(&world.cloud.state().directory.join("efs"))),
        ("schema", lines(&schemas)),
        ("database user", lines(&users)),
        ("container", containers),
    ])
}

/// `container of acme`, from its environment; `container of acme (job)`. Of a task that has ended the emulator keeps the
/// container for a while, as ECS keeps the task's description: it is nobody's any more.
fn container(text: &str) -> Option<String> {
    let (state, environment) = text.split_once(' ')?;
    let tenant = environment
        .split_once("\"BBWS_TENANT=")?
        .1
        .split('"')
        .next()?;
    let job = if environment.contains("\"BBWS_JOB=") {
        " (job)"
    } else {
        ""
    };
    (state == "running").then(|| format!("container of {tenant}{job}"))
}

/// Paths below the file systems' host directories, as deep as tenants' roots and what lies in them.
fn files(directory: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut waiting = vec![directory.to_owned()];
    while let Some(directory) = waiting.pop() {
        for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
            if entry.path().is_dir() {
                waiting.push(entry.path());
            } else {
                found.push(entry.path().display().to_string());
            }
        }
    }
    found
}
