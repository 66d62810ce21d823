//! Who needs which image of an environment: manifests, services and tasks, holds, ledgers.

use std::collections::BTreeMap;

use futures::{StreamExt as _, TryStreamExt as _, stream};

use super::shelf::References;
use crate::{
    cloud::{Cloud, CloudError, aws},
    manifest::Fleet,
    resource::{revision_image, task_definition_images},
    rollout::Ledger,
    session::{Scope, Session},
};

/// Reads at once.
const AT_ONCE: usize = 10;
/// The most that DescribeServices and DescribeTasks take.
const SERVICES: usize = 10;
const TASKS: usize = 100;

/// Everything that names an image of `session`'s environment. Releases of all environments count: what one runs, another may
/// be about to. Reads only.
///
/// # Errors
/// AWS's: what cannot be read is not taken for unneeded.
pub async fn references(fleet: &Fleet, session: &Session<'_>) -> Result<References, CloudError> {
    let mut references = References::default();
    for environment in fleet.environments.values() {
        let by = format!("the manifest of {}", environment.name);
        references.add(environment.release.as_str(), by);
    }
    for site in &fleet.sites {
        let by = format!("the manifest of {} in {}", site.tenant, site.environment);
        references.add(site.release.as_str(), by);
    }
    let cloud = &session.cloud;
    let mut definitions = services(cloud).await?;
    for (definition, image) in tasks(cloud, &mut references).await? {
        definitions.entry(definition).or_insert(image);
    }
    let read = stream::iter(definitions).map(async |(definition, by)| {
        let images = task_definition_images(cloud, &definition).await?;
        Ok::<_, CloudError>((images, by))
    });
    let read: Vec<_> = read.buffer_unordered(AT_ONCE).try_collect().await?;
    for (images, by) in read {
        for image in images {
            references.add(&image, &by);
        }
    }
    of_sites(session, &mut references).await?;
    Ok(references)
}

/// Task definitions that services run or are about to, and whose they are.
async fn services(cloud: &Cloud) -> Result<BTreeMap<String, String>, CloudError> {
    let cluster = &cloud.foundation.cluster.name;
    let mut arns = Vec::new();
    let mut pages = cloud
        .ecs
        .list_services()
        .cluster(cluster)
        .into_paginator()
        .items()
        .send();
    while let Some(arn) = pages.next().await {
        arns.push(arn.map_err(aws("ecs:ListServices"))?);
    }
    let mut definitions = BTreeMap::new();
    for arns in arns.chunks(SERVICES) {
        let described = cloud.ecs.describe_services().cluster(cluster);
        let described = described.set_services(Some(arns.to_vec())).send().await;
        for service in described.map_err(aws("ecs:DescribeServices"))?.services() {
            let by = format!("the service {}", service.service_name().unwrap_or_default());
            let deployed = service
                .deployments()
                .iter()
                .filter_map(|d| d.task_definition());
            for definition in deployed.chain(service.task_definition()) {
                definitions.insert(definition.to_owned(), by.clone());
            }
        }
    }
    Ok(definitions)
}

/// Task definitions of what runs right now, one-off tasks included; the images of its containers are added right away.
async fn tasks(
    cloud: &Cloud,
    references: &mut References,
) -> Result<BTreeMap<String, String>, CloudError> {
    let cluster = &cloud.foundation.cluster.name;
    let mut arns = Vec::new();
    let mut pages = cloud
        .ecs
        .list_tasks()
        .cluster(cluster)
        .into_paginator()
        .items()
        .send();
    while let Some(arn) = pages.next().await {
        arns.push(arn.map_err(aws("ecs:ListTasks"))?);
    }
    let mut definitions = BTreeMap::new();
    for arns in arns.chunks(TASKS) {
        let described = cloud.ecs.describe_tasks().cluster(cluster);
        let described = described.set_tasks(Some(arns.to_vec())).send().await;
        for task in described.map_err(aws("ecs:DescribeTasks"))?.tasks() {
            let by = format!("a task of {}", task.group().unwrap_or("nobody"));
            for container in task.containers() {
                let names = [container.image(), container.image_digest()];
                names
                    .into_iter()
                    .flatten()
                    .for_each(|name| references.add(name, &by));
            }
            definitions.extend(task.task_definition_arn().map(|arn| (arn.to_owned(), by)));
        }
    }
    Ok(definitions)
}

/// Holds and ledgers.
async fn of_sites(session: &Session<'_>, references: &mut References) -> Result<(), CloudError> {
    let (inventory, scope) = (session.read().await, Scope::default());
    if let Some((_, error)) = inventory.unreadable.into_iter().next() {
        return Err(error);
    }
    let inventory = crate::resource::Inventory {
        unreadable: Vec::new(),
        ..inventory
    };
    let input = session.input(&scope, &inventory);
    let cloud = &session.cloud;
    let read = stream::iter(input.tenants()).map(|tenant| {
        let context = input.context(&tenant);
        async move {
            let ledger = Ledger::read(cloud, &tenant).await?;
            let held = match &context.hold {
                Some(revision) => revision_image(cloud, revision, &context.who).await?,
                None => String::new(),
            };
            Ok::<_, CloudError>((tenant, ledger, held))
        }
    });
    let read: Vec<_> = read.buffer_unordered(AT_ONCE).try_collect().await?;
    for (tenant, ledger, held) in read {
        if !held.is_empty() {
            references.add(&held, format!("the hold of {tenant}"));
        }
        for entry in ledger.entries {
            references.add(&entry.image, format!("the ledger of {tenant}"));
        }
    }
    Ok(())
}
