//! A service in the form in which it is compared, and the parts of the requests that make it so.

use super::rollout;
use crate::manifest::{Site, SiteState};
use crate::resource::managed_tags::{managed, with_backup};
use crate::resource::target_group::PORT;
use crate::resource::task_definition::{self, CONTAINER};
use crate::resource::{Context, Kind, Revision};
use aws_sdk_ecs::types::{
    AssignPublicIp, AvailabilityZoneRebalancing, AwsVpcConfiguration, CapacityProviderStrategyItem,
    DeploymentCircuitBreaker, DeploymentConfiguration, LoadBalancer, NetworkConfiguration,
    PropagateTags, Service, Tag,
};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// The tag that tells which revision the service was last given, and its digest: `<revision>:<digest>`.
const REVISION_TAG: &str = "bbws:task-definition";
/// The tag of a held site: the revision that it stays on.
pub(super) const HOLD_TAG: &str = "bbws:hold";
/// Seconds in which a new task may fail the load balancer's check: PHP and the first connection to the database.
pub(super) const GRACE: i32 = 60;
/// See [`super`]. Within the manifest's range, the number of tasks is autoscaling's to choose.
#[must_use]
pub(in crate::resource) fn desired(context: &Context<'_>) -> Value {
    let site = context.site();
    let network = &context.foundation.network;
    let mut subnets = network.subnets.clone();
    subnets.sort();
    json!({
        "task_definition": context.known(Kind::TaskDefinition, "arn"),
        "revision_recorded": true,
        "held_at": context.hold,
        "rollout": "completed",
        "running": range(site),
        "capacity": [{ "provider": "FARGATE", "base": 1, "weight": 1 }],
        "deployment": {
            "circuit_breaker": true,
            "rollback": true,
            "minimum_healthy_percent": 100,
            "maximum_percent": 200,
        },
        "health_check_grace_seconds": GRACE,
        "zone_rebalancing": "ENABLED",
        "load_balancer": {
            "target_group": context.known(Kind::TargetGroup, "arn"),
            "container": CONTAINER,
            "port": PORT,
        },
        "network": {
            "subnets": subnets,
            "security_groups": [network.task_security_group],
            "public_ip": "DISABLED",
        },
        "propagate_tags": "SERVICE",
        "execute_command": false,
        "tags": with_backup(context),
    })
}

fn range(site: &Site) -> String {
    match site.state {
        SiteState::Suspended => "0".to_owned(),
        SiteState::Active => format!("{} to {}", site.tasks.min, site.tasks.max),
    }
}

fn running(count: i32, site: Option<&Site>) -> String {
    let within = |site: &&Site| (site.tasks.min..=site.tasks.max).contains(&count.unsigned_abs());
    match site
        .filter(|site| site.state == SiteState::Active)
        .filter(within)
    {
        Some(site) => range(site),
        None => count.to_string(),
    }
}

pub(super) fn normalise(service: &Service, site: Option<&Site>) -> Value {
    let deployment = service.deployment_configuration();
    let breaker = deployment.and_then(|deployment| deployment.deployment_circuit_breaker());
    let vpc = service
        .network_configuration()
        .and_then(|network| network.awsvpc_configuration());
    let sorted = |values: &[String]| values.iter().cloned().collect::<BTreeSet<_>>();
    let mut capacity: Vec<_> = service
        .capacity_provider_strategy()
        .iter()
        .map(capacity_item)
        .collect();
    capacity.sort_by_key(Value::to_string);
    json!({
        "task_definition": service.task_definition(),
        "revision_recorded": recorded(service).is_some(),
        "held_at": held(service),
        "rollout": rollout::state(service),
        "running": running(service.desired_count(), site),
        "capacity": capacity,
        "deployment": {
            "circuit_breaker": breaker.is_some_and(|breaker| breaker.enable()),
            "rollback": breaker.is_some_and(|breaker| breaker.rollback()),
            "minimum_healthy_percent": deployment.and_then(|deployment| deployment.minimum_healthy_percent()),
            "maximum_percent": deployment.and_then(|deployment| deployment.maximum_percent()),
        },
        "health_check_grace_seconds": service.health_check_grace_period_seconds(),
        // A service that was made without saying has the default of CreateService.
        "zone_rebalancing": service
            .availability_zone_rebalancing()
            .map_or("ENABLED", AvailabilityZoneRebalancing::as_str),
        "load_balancer": service.load_balancers().first().map(|balancer| json!({
            "target_group": balancer.target_group_arn(),
            "container": balancer.container_name(),
            "port": balancer.container_port(),
        })),
        "network": {
            "subnets": sorted(vpc.map(AwsVpcConfiguration::subnets).unwrap_or_default()),
            "security_groups": sorted(vpc.map(AwsVpcConfiguration::security_groups).unwrap_or_default()),
            "public_ip": vpc.and_then(|vpc| vpc.assign_public_ip()).map(AssignPublicIp::as_str),
        },
        "propagate_tags": service.propagate_tags().map(PropagateTags::as_str),
        "execute_command": service.enable_execute_command(),
        "tags": managed(service.tags().iter().map(|tag| (tag.key(), tag.value()))),
    })
}

fn capacity_item(item: &CapacityProviderStrategyItem) -> Value {
    json!({ "provider": item.capacity_provider(), "base": item.base(), "weight": item.weight() })
}

/// The revision that the service was last given, as its tag tells.
pub(super) fn recorded(service: &Service) -> Option<Revision> {
    revision(service, REVISION_TAG)
}

/// The revision that the service is held at, as its tag tells.
pub(super) fn held(service: &Service) -> Option<Revision> {
    revision(service, HOLD_TAG)
}

fn revision(service: &Service, key: &str) -> Option<Revision> {
    let tag = service.tags().iter().find(|tag| tag.key() == Some(key));
    tag.and_then(Tag::value)?.parse().ok()
}

pub(super) fn tags(context: &Context<'_>) -> Vec<Tag> {
    let mut tags = with_backup(context);
    let given = match &context.hold {
        Some(hold) => hold.to_string(),
        None => {
            let arn = context.known(Kind::TaskDefinition, "arn");
            let number = arn.rsplit(':').next().unwrap_or_default();
            let digest = task_definition::digest(&task_definition::desired(context));
            format!("{number}:{digest}")
        }
    };
    tags.insert(REVISION_TAG.to_owned(), given);
    let hold = context.hold.as_ref().map(Revision::to_string);
    tags.extend(hold.map(|hold| (HOLD_TAG.to_owned(), hold)));
    tags.into_iter()
        .map(|(key, value)| Tag::builder().key(key).value(value).build())
        .collect()
}

/// On demand for every task: a site may have one task only, and Spot may take it away at two minutes' notice.
pub(super) fn capacity() -> CapacityProviderStrategyItem {
    let item = CapacityProviderStrategyItem::builder()
        .capacity_provider("FARGATE")
        .base(1)
        .weight(1);
    item.build().expect("the provider is set")
}

pub(super) fn deployment() -> DeploymentConfiguration {
    let breaker = DeploymentCircuitBreaker::builder()
        .enable(true)
        .rollback(true)
        .build();
    DeploymentConfiguration::builder()
        .deployment_circuit_breaker(breaker)
        .minimum_healthy_percent(100)
        .maximum_percent(200)
        .build()
}

pub(super) fn load_balancer(context: &Context<'_>) -> LoadBalancer {
    LoadBalancer::builder()
        .target_group_arn(context.known(Kind::TargetGroup, "arn"))
        .container_name(CONTAINER)
        .container_port(PORT)
        .build()
}

pub(super) fn network(context: &Context<'_>) -> NetworkConfiguration {
    let network = &context.foundation.network;
    let vpc = AwsVpcConfiguration::builder()
        .set_subnets(Some(network.subnets.clone()))
        .security_groups(&network.task_security_group)
        .assign_public_ip(AssignPublicIp::Disabled)
        .build()
        .expect("the subnets are set");
    NetworkConfiguration::builder()
        .awsvpc_configuration(vpc)
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::differences;
    use crate::resource::sample::Sample;
    use crate::resource::service::given;
    use aws_sdk_ecs::types::{Deployment, DeploymentRolloutState};

    /// As `DescribeServices` returns what [`create`] asks for.
    fn answered(context: &Context<'_>) -> Service {
        let primary = Deployment::builder()
            .status("PRIMARY")
            .rollout_state(DeploymentRolloutState::Completed)
            .build();
        let mut network = network(context);
        network
            .awsvpc_configuration
            .as_mut()
            .unwrap()
            .subnets
            .reverse();
        Service::builder()
            .service_name(context.who.name())
            .task_definition(context.known(Kind::TaskDefinition, "arn"))
            .desired_count(2)
            .capacity_provider_strategy(capacity())
            .deployment_configuration(deployment())
            .health_check_grace_period_seconds(GRACE)
            .availability_zone_rebalancing(AvailabilityZoneRebalancing::Enabled)
            .load_balancers(load_balancer(context))
            .network_configuration(network)
            .propagate_tags(PropagateTags::Service)
            .deployments(primary)
            .set_tags(Some(tags(context)))
            .build()
    }

    #[test]
    fn a_service_as_ecs_returns_it_equals_the_desired_one() {
        let sample = Sample::new();
        let context = sample.context();
        let found = normalise(&answered(&context), Some(&sample.site));
        assert_eq!(differences(&found, &desired(&context)), []);
    }

    #[test]
    fn the_number_of_tasks_differs_only_outside_the_manifests_range() {
        let mut sample = Sample::new();
        assert_eq!(running(3, Some(&sample.site)), "1 to 3");
        assert_eq!(running(4, Some(&sample.site)), "4");
        assert_eq!(running(0, Some(&sample.site)), "0");
        assert_eq!(running(2, None), "2");
        sample.site.state = SiteState::Suspended;
        assert_eq!(running(2, Some(&sample.site)), "2");
        assert_eq!(running(0, Some(&sample.site)), range(&sample.site));
    }

    #[test]
    fn another_revision_run_by_hand_is_told_and_what_was_given_is_still_known() {
        let sample = Sample::new();
        let context = sample.context();
        let mut service = answered(&context);
        service.task_definition =
            Some("arn:aws:ecs:af-south-1:111111111111:task-definition/bbws-dev-acme:1".to_owned());
        let changes = differences(&normalise(&service, Some(&sample.site)), &desired(&context));
        assert_eq!(
            changes
                .iter()
                .map(|change| change.path.as_str())
                .collect::<Vec<_>>(),
            ["task_definition"]
        );
        let given = given(&service, &context.who.tenant, context.foundation);
        assert_eq!(
            given.attributes["arn"],
            context.known(Kind::TaskDefinition, "arn")
        );
        assert_eq!(
            task_definition::differences(&given.fields, &task_definition::desired(&context)),
            []
        );
    }

    #[test]
    fn a_service_without_its_tag_is_told_to_be_given_it_again() {
        let sample = Sample::new();
        let context = sample.context();
        let mut service = answered(&context);
        service
            .tags
            .as_mut()
            .unwrap()
            .retain(|tag| tag.key() != Some(REVISION_TAG));
        assert_eq!(
            normalise(&service, Some(&sample.site))["revision_recorded"],
            false
        );
        assert_eq!(
            given(&service, &context.who.tenant, context.foundation).fields,
            json!({ "digest": null })
        );
    }
}
