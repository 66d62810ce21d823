//! How many tasks the site runs: a range, and two metrics that are kept near their targets. The alarms by which target
//! tracking works are Application Auto Scaling's own.

use super::read::Reader;
use super::{Attributes, Context, Found, Kind};
use crate::cloud::{Class, Cloud, CloudError, Limit, aws};
use crate::manifest::SiteState;
use aws_sdk_applicationautoscaling::types::{
    MetricType, PolicyType, PredefinedMetricSpecification, ScalableDimension, ScalableTarget,
    ScalingPolicy, ServiceNamespace, TargetTrackingScalingPolicyConfiguration,
};
use serde_json::{Map, Value, json};

const CPU_PERCENT: f64 = 60.0;
/// Requests a minute and target, for one vCPU. Uncached WordPress pages were measured at 26 a second on one vCPU
/// (53 on two); 60 percent of that a minute, rounded down. Requests tell what CPU hides: PHP waiting for the database.
/// Memory would be no signal: PHP's workers keep what they once took, so it never asks for fewer tasks.
const REQUESTS_PER_VCPU: f64 = 900.0;
/// Seconds; a flapping number of tasks costs more than a task too many.
const SCALE_IN_COOLDOWN: i32 = 300;
const SCALE_OUT_COOLDOWN: i32 = 60;

/// One of the two policies.
struct Policy {
    suffix: &'static str,
    metric: MetricType,
    target: f64,
    /// The load balancer's target group, for the metric that is counted there.
    label: Option<String>,
}

fn policies(context: &Context<'_>) -> [Policy; 2] {
    let target_group = context.known(Kind::TargetGroup, "full_name");
    let balancer = &context.cell.load_balancer.full_name;
    [
        Policy {
            suffix: "cpu",
            metric: MetricType::EcsServiceAverageCpuUtilization,
            target: CPU_PERCENT,
            label: None,
        },
        Policy {
            suffix: "requests",
            metric: MetricType::AlbRequestCountPerTarget,
            target: REQUESTS_PER_VCPU * f64::from(context.site().cpu) / 1024.0,
            label: Some(format!("{balancer}/{target_group}")),
        },
    ]
}

fn range(context: &Context<'_>) -> (u32, u32) {
    let site = context.site();
    if site.state == SiteState::Suspended {
        (0, 0)
    } else {
        (site.tasks.min, site.tasks.max)
    }
}

/// See [`super`].
#[must_use]
pub(super) fn desired(context: &Context<'_>) -> Value {
    let (min, max) = range(context);
    let policies = policies(context);
    let policies = policies.iter().map(|policy| {
        (
            name(context, policy),
            normalise_configuration(&configuration(policy)),
        )
    });
    json!({ "min": min, "max": max, "paused": false, "policies": policies.collect::<Map<_, _>>() })
}

fn name(context: &Context<'_>, policy: &Policy) -> String {
    format!("{}-{}", context.who.name(), policy.suffix)
}

fn configuration(policy: &Policy) -> TargetTrackingScalingPolicyConfiguration {
    let metric = PredefinedMetricSpecification::builder()
        .predefined_metric_type(policy.metric.clone())
        .set_resource_label(policy.label.clone())
        .build()
        .expect("the metric is set");
    TargetTrackingScalingPolicyConfiguration::builder()
        .target_value(policy.target)
        .predefined_metric_specification(metric)
        .scale_in_cooldown(SCALE_IN_COOLDOWN)
        .scale_out_cooldown(SCALE_OUT_COOLDOWN)
        .build()
        .expect("the target is set")
}

fn normalise_configuration(configuration: &TargetTrackingScalingPolicyConfiguration) -> Value {
    let metric = configuration.predefined_metric_specification();
    json!({
        "metric": metric.map(|metric| metric.predefined_metric_type().as_str()),
        "of": metric.and_then(|metric| metric.resource_label()),
        "target": configuration.target_value(),
        "scale_in_cooldown_seconds": configuration.scale_in_cooldown(),
        "scale_out_cooldown_seconds": configuration.scale_out_cooldown(),
        "scale_in_disabled": configuration.disable_scale_in().filter(|disabled| *disabled),
    })
}

fn normalise(target: &ScalableTarget, policies: &[ScalingPolicy]) -> Value {
    let paused = target.suspended_state().is_some_and(|paused| {
        let any = [
            paused.dynamic_scaling_in_suspended(),
            paused.dynamic_scaling_out_suspended(),
            paused.scheduled_scaling_suspended(),
        ];
        any.contains(&Some(true))
    });
    let own = policies
        .iter()
        .filter(|policy| policy.resource_id() == target.resource_id());
    let own = own.map(|policy| {
        let configuration = policy.target_tracking_scaling_policy_configuration();
        (
            policy.policy_name().to_owned(),
            configuration.map_or(json!("of another kind"), normalise_configuration),
        )
    });
    json!({
        "min": target.min_capacity(),
        "max": target.max_capacity(),
        "paused": paused,
        "policies": own.collect::<Map<_, _>>(),
    })
}

/// `DescribeScalableTargets` and `DescribeScalingPolicies` of all of ECS, 50 a page.
///
/// # Errors
/// AWS's.
pub(super) async fn read_all(reader: &Reader<'_>) -> Result<Vec<(Kind, Found)>, CloudError> {
    let client = &reader.cloud.autoscaling;
    let targets = async {
        let all = client
            .describe_scalable_targets()
            .service_namespace(ServiceNamespace::Ecs)
            .into_paginator();
        let all = all.items().send().collect::<Result<Vec<_>, _>>().await;
        all.map_err(aws("application-autoscaling:DescribeScalableTargets"))
    };
    let policies = async {
        let all = client
            .describe_scaling_policies()
            .service_namespace(ServiceNamespace::Ecs)
            .into_paginator();
        let all = all.items().send().collect::<Result<Vec<_>, _>>().await;
        all.map_err(aws("application-autoscaling:DescribeScalingPolicies"))
    };
    let (targets, policies) = tokio::try_join!(targets, policies)?;
    let prefix = format!("service/{}/", reader.cloud.foundation.cluster.name);
    let found = targets.into_iter().filter_map(|target| {
        let tenant = reader.tenant_of_name(target.resource_id().strip_prefix(&prefix)?)?;
        let id = target.resource_id().to_owned();
        let fields = normalise(&target, &policies);
        Some((
            Kind::Autoscaling,
            Found {
                tenant,
                fields,
                attributes: Attributes::from([("id", id.clone())]),
                id,
            },
        ))
    });
    Ok(found.collect())
}

/// See [`super`]. Each call sets the whole of what it names, so a repeat changes nothing and a crash between two leaves a
/// difference to mend.
///
/// # Errors
/// AWS's.
pub(super) async fn ensure(
    cloud: &Cloud,
    context: &Context<'_>,
    found: Option<&Found>,
) -> Result<Attributes, CloudError> {
    let id = format!(
        "service/{}/{}",
        cloud.foundation.cluster.name,
        context.who.name()
    );
    register(cloud, context, &id).await?;
    for policy in policies(context) {
        cloud.pace.wait(Limit::OtherWrites).await;
        cloud
            .autoscaling
            .put_scaling_policy()
            .service_namespace(ServiceNamespace::Ecs)
            .resource_id(&id)
            .scalable_dimension(ScalableDimension::EcsServiceDesiredCount)
            .policy_name(name(context, &policy))
            .policy_type(PolicyType::TargetTrackingScaling)
            .target_tracking_scaling_policy_configuration(configuration(&policy))
            .send()
            .await
            .map_err(aws("application-autoscaling:PutScalingPolicy"))?;
    }
    let wanted = policies(context).map(|policy| name(context, &policy));
    let held = found
        .and_then(|found| found.fields["policies"].as_object())
        .into_iter()
        .flatten();
    for (foreign, _) in held.filter(|(name, _)| !wanted.contains(name)) {
        cloud.pace.wait(Limit::OtherWrites).await;
        let gone = cloud
            .autoscaling
            .delete_scaling_policy()
            .service_namespace(ServiceNamespace::Ecs)
            .resource_id(&id)
            .scalable_dimension(ScalableDimension::EcsServiceDesiredCount)
            .policy_name(foreign)
            .send()
            .await
            .map_err(aws("application-autoscaling:DeleteScalingPolicy"));
        super::unless(gone, Class::NotFound)?;
    }
    Ok(Attributes::from([("id", id)]))
}

async fn register(cloud: &Cloud, context: &Context<'_>, id: &str) -> Result<(), CloudError> {
    use aws_sdk_applicationautoscaling::types::SuspendedState;
    let (min, max) = range(context);
    let resumed = SuspendedState::builder()
        .dynamic_scaling_in_suspended(false)
        .dynamic_scaling_out_suspended(false)
        .scheduled_scaling_suspended(false)
        .build();
    cloud.pace.wait(Limit::OtherWrites).await;
    cloud
        .autoscaling
        .register_scalable_target()
        .service_namespace(ServiceNamespace::Ecs)
        .resource_id(id)
        .scalable_dimension(ScalableDimension::EcsServiceDesiredCount)
        .min_capacity(i32::try_from(min).unwrap_or(i32::MAX))
        .max_capacity(i32::try_from(max).unwrap_or(i32::MAX))
        .suspended_state(resumed)
        .set_tags(Some(context.tags().into_iter().collect()))
        .send()
        .await
        .map_err(aws("application-autoscaling:RegisterScalableTarget"))
        .map(drop)
}

/// See [`super`]. The policies and their alarms go with the target.
///
/// # Errors
/// AWS's.
pub(super) async fn remove(
    cloud: &Cloud,
    _: &Context<'_>,
    found: &Found,
) -> Result<(), CloudError> {
    cloud.pace.wait(Limit::OtherWrites).await;
    let gone = cloud
        .autoscaling
        .deregister_scalable_target()
        .service_namespace(ServiceNamespace::Ecs)
        .resource_id(&found.id)
        .scalable_dimension(ScalableDimension::EcsServiceDesiredCount)
        .send()
        .await
        .map_err(aws("application-autoscaling:DeregisterScalableTarget"));
    super::unless(gone, Class::NotFound).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resource::sample::Sample;
    use aws_smithy_types::DateTime;

    const ID: &str = "service/bbws-dev/bbws-dev-acme";

    fn answered(context: &Context<'_>) -> (ScalableTarget, Vec<ScalingPolicy>) {
        let (min, max) = range(context);
        let target = ScalableTarget::builder()
            .service_namespace(ServiceNamespace::Ecs)
            .resource_id(ID)
            .scalable_dimension(ScalableDimension::EcsServiceDesiredCount)
            .min_capacity(i32::try_from(min).unwrap())
            .max_capacity(i32::try_from(max).unwrap())
            .role_arn("role")
            .creation_time(DateTime::from_secs(0))
            .build()
            .unwrap();
        let answer = |policy: Policy| {
            ScalingPolicy::builder()
                .policy_arn("arn")
                .policy_name(name(context, &policy))
                .service_namespace(ServiceNamespace::Ecs)
                .resource_id(ID)
                .scalable_dimension(ScalableDimension::EcsServiceDesiredCount)
                .policy_type(PolicyType::TargetTrackingScaling)
                .target_tracking_scaling_policy_configuration(configuration(&policy))
                .creation_time(DateTime::from_secs(0))
                .build()
                .unwrap()
        };
        (target, policies(context).map(answer).to_vec())
    }

    #[test]
    fn what_aws_returns_equals_the_desired_range_and_policies() {
        let mut sample = Sample::new();
        let (target, policies) = answered(&sample.context());
        assert_eq!(normalise(&target, &policies), desired(&sample.context()));
        let fewer = normalise(&target, &policies[..1]);
        assert_ne!(fewer, desired(&sample.context()));
        sample.site.state = SiteState::Suspended;
        assert_ne!(normalise(&target, &policies), desired(&sample.context()));
        let (target, policies) = answered(&sample.context());
        assert_eq!((target.min_capacity(), target.max_capacity()), (0, 0));
        assert_eq!(normalise(&target, &policies), desired(&sample.context()));
    }

    #[test]
    fn requests_a_target_follow_its_cpu() {
        let mut sample = Sample::new();
        assert_eq!(policies(&sample.context())[1].target, 225.0);
        sample.site.cpu = 1024;
        assert_eq!(policies(&sample.context())[1].target, 900.0);
        let label = policies(&sample.context())[1].label.clone();
        assert_eq!(
            label.as_deref(),
            Some("app/bbws-dev-a/1/targetgroup/bbws-dev-acme/0123456789abcdef")
        );
    }
}
