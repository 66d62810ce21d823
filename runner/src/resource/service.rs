//! The site's ECS service: keeps its tasks running, behind the load balancer, and replaces them when the definition
//! changes, back again when the new ones fail.

mod rollout;
mod state;

pub(super) use state::desired;

use super::read::Reader;
use super::{Attributes, Context, Found, Kind, TenantRef, task_definition};
use crate::cloud::wait::{Seen, until};
use crate::cloud::{Class, Cloud, CloudError, Foundation, Limit, Secret, aws};
use crate::manifest::{SiteState, TenantId};
use aws_sdk_ecs::types::{
    AvailabilityZoneRebalancing, PropagateTags, Service, ServiceField, TaskDefinitionFamilyStatus,
    TaskDefinitionStatus,
};
use futures::{StreamExt, TryStreamExt};
use serde_json::{Value, json};
use state::{
    GRACE, HOLD_TAG, capacity, deployment, held, load_balancer, network, normalise, recorded, tags,
};
use std::collections::BTreeSet;
use std::time::Duration;

/// A task has 30 s to stop, after the load balancer let its requests end; many may be asked to at once.
const GONE: Duration = Duration::from_secs(600);
/// `DescribeServices` takes ten names.
const DESCRIBED: usize = 10;

/// `ListServices`, 100 a page, and `DescribeServices`, 10 a call; `ListTaskDefinitionFamilies` for what was begun or
/// removed half way. Brings the services and their task definitions.
///
/// Attributes of a service: `arn`, `name`, its numbers of tasks, `running` and `desired`, the `rollout`'s state, and `hold`,
/// the revision that it is held at, if it is. Of a task definition: `arn`, `revision`, `digest` of the revision that the
/// service was given, and `runs`, the one that it runs.
///
/// # Errors
/// AWS's.
pub(super) async fn read_all(reader: &Reader<'_>) -> Result<Vec<(Kind, Found)>, CloudError> {
    let (services, families) = tokio::try_join!(list(reader), families(reader))?;
    let mut found = Vec::new();
    let mut seen = BTreeSet::new();
    for service in services
        .iter()
        .filter(|service| service.status() == Some("ACTIVE"))
    {
        let Some(name) = service.service_name() else {
            continue;
        };
        let Some(tenant) = reader.tenant_of_name(name) else {
            continue;
        };
        let site = reader.sites.get(&tenant).copied();
        found.push((
            Kind::TaskDefinition,
            given(service, &tenant, &reader.cloud.foundation),
        ));
        let mut attributes = attributes(name, service.service_arn().unwrap_or_default());
        attributes.insert("running", service.running_count().to_string());
        attributes.insert("desired", service.desired_count().to_string());
        attributes.insert("rollout", rollout::state(service).to_owned());
        let hold = held(service).map(|hold| ("hold", hold.to_string()));
        attributes.extend(hold);
        let fields = normalise(service, site);
        found.push((
            Kind::Service,
            Found {
                tenant: tenant.clone(),
                id: name.to_owned(),
                fields,
                attributes,
            },
        ));
        seen.insert(tenant);
    }
    let alone = families
        .into_iter()
        .filter(|(tenant, ..)| !seen.contains(tenant));
    let alone = futures::stream::iter(alone).map(|(tenant, family, is_active)| async move {
        without_service(reader.cloud, tenant, &family, is_active).await
    });
    let alone: Vec<_> = alone.buffer_unordered(DESCRIBED).try_collect().await?;
    found.extend(
        alone
            .into_iter()
            .flatten()
            .map(|definition| (Kind::TaskDefinition, definition)),
    );
    Ok(found)
}

async fn list(reader: &Reader<'_>) -> Result<Vec<Service>, CloudError> {
    let cluster = &reader.cloud.foundation.cluster.name;
    let arns: Vec<String> = reader
        .cloud
        .ecs
        .list_services()
        .cluster(cluster)
        .max_results(100)
        .into_paginator()
        .items()
        .send()
        .collect::<Result<_, _>>()
        .await
        .map_err(aws("ecs:ListServices"))?;
    let calls = arns
        .chunks(DESCRIBED)
        .map(|some| describe(reader.cloud, some.to_vec()));
    let described: Vec<_> = futures::stream::iter(calls)
        .buffer_unordered(4)
        .try_collect()
        .await?;
    Ok(described.into_iter().flatten().collect())
}

async fn describe(cloud: &Cloud, services: Vec<String>) -> Result<Vec<Service>, CloudError> {
    let answer = cloud
        .ecs
        .describe_services()
        .cluster(&cloud.foundation.cluster.name)
        .set_services(Some(services))
        .include(ServiceField::Tags)
        .send()
        .await
        .map_err(aws("ecs:DescribeServices"))?;
    Ok(answer.services.unwrap_or_default())
}

/// The service `name`, whatever its status; none when ECS knows nothing of it.
pub(super) async fn one(cloud: &Cloud, name: &str) -> Result<Option<Service>, CloudError> {
    describe(cloud, vec![name.to_owned()])
        .await
        .map(|services| services.into_iter().next())
}

/// Families that are named like a site's, and whether any of their revisions is active.
async fn families(reader: &Reader<'_>) -> Result<Vec<(TenantId, String, bool)>, CloudError> {
    let of = |status: TaskDefinitionFamilyStatus| async {
        let families = reader.cloud.ecs.list_task_definition_families();
        let families = families
            .family_prefix(format!("bbws-{}-", reader.environment))
            .status(status);
        let all = families
            .into_paginator()
            .items()
            .send()
            .collect::<Result<Vec<String>, _>>()
            .await;
        all.map_err(aws("ecs:ListTaskDefinitionFamilies"))
    };
    let (active, inactive) = tokio::try_join!(
        of(TaskDefinitionFamilyStatus::Active),
        of(TaskDefinitionFamilyStatus::Inactive)
    )?;
    let known: BTreeSet<_> = active.iter().cloned().collect();
    let inactive = inactive
        .into_iter()
        .filter(|family| !known.contains(family))
        .map(|family| (family, false));
    let all = active
        .into_iter()
        .map(|family| (family, true))
        .chain(inactive);
    let jobs = |family: &str| {
        reader
            .cloud
            .foundation
            .cells
            .iter()
            .any(|cell| family.ends_with(&format!("-job-{}", cell.name)))
    };
    let own = all.filter(|(family, _)| !jobs(family));
    Ok(own
        .filter_map(|(family, is_active)| {
            Some((reader.tenant_of_name(&family)?, family, is_active))
        })
        .collect())
}

/// The task definition that a service was given, as its tag tells without a further call.
fn given(service: &Service, tenant: &TenantId, foundation: &Foundation) -> Found {
    let runs = service.task_definition().unwrap_or_default();
    let (mut attributes, digest) = match recorded(service) {
        Some(revision) => {
            let who = TenantRef {
                environment: foundation.environment.clone(),
                tenant: tenant.clone(),
            };
            let attributes = revision.attributes(&who, foundation);
            (attributes, Some(revision.digest().to_owned()))
        }
        None => (task_definition::attributes(runs, ""), None),
    };
    attributes.insert("runs", runs.to_owned());
    Found {
        tenant: tenant.clone(),
        id: attributes["arn"].clone(),
        fields: json!({ "digest": digest }),
        attributes,
    }
}

/// A family that no service uses: of a first run that stopped before the service, or of a removal that stopped after.
/// One with inactive revisions only is nothing to build on, but still to be cleaned up.
async fn without_service(
    cloud: &Cloud,
    tenant: TenantId,
    family: &str,
    is_active: bool,
) -> Result<Option<Found>, CloudError> {
    if is_active && let Some(attributes) = task_definition::newest(cloud, family).await? {
        let (id, fields) = (
            attributes["arn"].clone(),
            json!({ "digest": attributes["digest"] }),
        );
        return Ok(Some(Found {
            tenant,
            id,
            fields,
            attributes,
        }));
    }
    // ECS goes on listing families whose revisions are all being deleted.
    let left = task_definition::revisions(cloud, family, &TaskDefinitionStatus::Inactive).await?;
    let nothing = Attributes::new();
    Ok((!left.is_empty()).then(|| Found {
        tenant,
        id: family.to_owned(),
        fields: Value::Null,
        attributes: nothing,
    }))
}

fn attributes(name: &str, arn: &str) -> Attributes {
    Attributes::from([("arn", arn.to_owned()), ("name", name.to_owned())])
}

/// See [`super`]. Waits until the rollout is complete, so that what follows meets a site that answers. A repeat after a
/// crash goes on waiting for the rollout under way; it starts another only if the last one failed.
///
/// The revision's tag is written before the service is told to run it: a crash between leaves a difference to mend.
///
/// # Errors
/// AWS's; [`CloudError::RolledBack`] when the new tasks don't come up.
pub(super) async fn ensure(
    cloud: &Cloud,
    context: &Context<'_>,
    _: Option<&Found>,
) -> Result<Attributes, CloudError> {
    let name = context.who.name();
    let live = match one(cloud, &name).await? {
        Some(live) if live.status() == Some("DRAINING") => {
            gone(cloud, &name).await?;
            None
        }
        live => live.filter(|live| live.status() == Some("ACTIVE")),
    };
    let service = match live {
        Some(live) => update(cloud, context, &live).await?,
        None => match create(cloud, context).await {
            Ok(service) => service,
            // ECS has no code of its own for a name that is taken: look whether an attempt of ours took it.
            Err(error) => match one(cloud, &name)
                .await?
                .filter(|live| live.status() == Some("ACTIVE"))
            {
                Some(live) => update(cloud, context, &live).await?,
                None => return Err(error),
            },
        },
    };
    rollout::follow(cloud, context, &service).await?;
    Ok(attributes(&name, service.service_arn().unwrap_or_default()))
}

/// The token is the same in every attempt that the SDK makes of this call, so a lost answer makes no second service.
async fn create(cloud: &Cloud, context: &Context<'_>) -> Result<Service, CloudError> {
    let site = context.site();
    let count = if site.state == SiteState::Suspended {
        0
    } else {
        site.tasks.min
    };
    cloud.pace.wait(Limit::ServiceWrites).await;
    let made = cloud
        .ecs
        .create_service()
        .cluster(&cloud.foundation.cluster.name)
        .service_name(context.who.name())
        .client_token(Secret::generate(32).expose())
        .task_definition(context.known(Kind::TaskDefinition, "arn"))
        .desired_count(i32::try_from(count).unwrap_or(i32::MAX))
        .capacity_provider_strategy(capacity())
        .deployment_configuration(deployment())
        .health_check_grace_period_seconds(GRACE)
        .availability_zone_rebalancing(AvailabilityZoneRebalancing::Enabled)
        .load_balancers(load_balancer(context))
        .network_configuration(network(context))
        .propagate_tags(PropagateTags::Service)
        .enable_execute_command(false)
        .set_tags(Some(tags(context)))
        .send()
        .await
        .map_err(aws("ecs:CreateService"))?;
    made.service
        .ok_or_else(|| CloudError::Unusable("CreateService answered without a service".to_owned()))
}

/// Sends what differs and nothing else: some fields start a rollout even when they are sent unchanged.
async fn update(
    cloud: &Cloud,
    context: &Context<'_>,
    live: &Service,
) -> Result<Service, CloudError> {
    let site = context.site();
    let (held, wanted) = (normalise(live, Some(site)), desired(context));
    let differs = |field: &str| held[field] != wanted[field];
    let mut request = cloud
        .ecs
        .update_service()
        .cluster(&cloud.foundation.cluster.name)
        .service(context.who.name());
    if differs("task_definition") {
        request = request.task_definition(context.known(Kind::TaskDefinition, "arn"));
    }
    if differs("running") {
        let range = if site.state == SiteState::Suspended {
            (0, 0)
        } else {
            (site.tasks.min, site.tasks.max)
        };
        let count = live.desired_count().unsigned_abs().clamp(range.0, range.1);
        request = request.desired_count(i32::try_from(count).unwrap_or(i32::MAX));
    }
    if differs("capacity") {
        request = request.capacity_provider_strategy(capacity());
    }
    if differs("deployment") {
        request = request.deployment_configuration(deployment());
    }
    if differs("health_check_grace_seconds") {
        request = request.health_check_grace_period_seconds(GRACE);
    }
    if differs("zone_rebalancing") {
        request = request.availability_zone_rebalancing(AvailabilityZoneRebalancing::Enabled);
    }
    if differs("load_balancer") {
        request = request.load_balancers(load_balancer(context));
    }
    if differs("network") {
        request = request.network_configuration(network(context));
    }
    if differs("propagate_tags") {
        request = request.propagate_tags(PropagateTags::Service);
    }
    if differs("execute_command") {
        request = request.enable_execute_command(false);
    }
    // The circuit breaker gave up on this very definition; only a new deployment tries it again.
    if held["rollout"] == "failed" && !differs("task_definition") {
        request = request.force_new_deployment(true);
    }
    tag(cloud, context, live).await?;
    let untouched = ["tags", "revision_recorded", "held_at", "rollout"];
    let fields = wanted
        .as_object()
        .into_iter()
        .flatten()
        .map(|(field, _)| field.as_str());
    let is_same = fields
        .into_iter()
        .all(|field| untouched.contains(&field) || !differs(field));
    if is_same && held["rollout"] != "failed" {
        return Ok(live.clone());
    }
    cloud.pace.wait(Limit::ServiceWrites).await;
    let updated = request.send().await.map_err(aws("ecs:UpdateService"))?;
    updated
        .service
        .ok_or_else(|| CloudError::Unusable("UpdateService answered without a service".to_owned()))
}

async fn tag(cloud: &Cloud, context: &Context<'_>, live: &Service) -> Result<(), CloudError> {
    let arn = live.service_arn().unwrap_or_default();
    let wanted = tags(context);
    if !wanted.iter().all(|tag| live.tags().contains(tag)) {
        cloud.pace.wait(Limit::OtherWrites).await;
        let tagged = cloud.ecs.tag_resource().resource_arn(arn);
        let tagged = tagged.set_tags(Some(wanted)).send().await;
        tagged.map_err(aws("ecs:TagResource"))?;
    }
    if context.hold.is_none() && held(live).is_some() {
        cloud.pace.wait(Limit::OtherWrites).await;
        let untagged = cloud.ecs.untag_resource().resource_arn(arn);
        let untagged = untagged.tag_keys(HOLD_TAG).send().await;
        untagged.map_err(aws("ecs:UntagResource"))?;
    }
    Ok(())
}

/// See [`super`]. Stops the tasks whatever their number; returns when ECS has let go of the name and the load balancer.
///
/// # Errors
/// AWS's.
pub(super) async fn remove(
    cloud: &Cloud,
    _: &Context<'_>,
    found: &Found,
) -> Result<(), CloudError> {
    cloud.pace.wait(Limit::ServiceWrites).await;
    let deleted = cloud
        .ecs
        .delete_service()
        .cluster(&cloud.foundation.cluster.name)
        .service(&found.id)
        .force(true)
        .send()
        .await
        .map_err(aws("ecs:DeleteService"));
    super::unless(deleted, Class::NotFound)?;
    gone(cloud, &found.id).await
}

async fn gone(cloud: &Cloud, name: &str) -> Result<(), CloudError> {
    until(&format!("service {name} to be gone"), GONE, || async {
        let live = one(cloud, name).await?;
        Ok(match live.as_ref().and_then(Service::status) {
            None | Some("INACTIVE") => Seen::Done(()),
            Some(status) => Seen::NotYet(status.to_lowercase()),
        })
    })
    .await
}
