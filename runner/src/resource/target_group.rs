//! The target group that the site's tasks register in, with the health check that decides what visitors reach.

use super::read::Reader;
use super::{Attributes, Context, Found, Kind};
use crate::cloud::{Class, Cloud, CloudError, Limit, aws};
use aws_sdk_elasticloadbalancingv2::types::{
    ProtocolEnum, Tag, TargetGroup, TargetGroupAttribute, TargetTypeEnum,
};
use serde_json::{Value, json};

/// nginx in the container.
pub(crate) const PORT: i32 = 8080;
/// Seconds that a target which left keeps its open requests; the container stops within ECS's 30 s.
const DEREGISTRATION_DELAY: &str = "20";

/// See [`super`].
#[must_use]
pub(super) fn desired(context: &Context<'_>) -> Value {
    json!({
        "port": PORT,
        "protocol": "HTTP",
        "vpc": context.foundation.network.vpc_id,
        "target_type": "ip",
        "health_check": {
            "path": "/readyz",
            "interval_seconds": 10,
            "timeout_seconds": 5,
            "healthy_threshold": 2,
            "unhealthy_threshold": 3,
            "codes": "200",
        },
    })
}

fn normalise(group: &TargetGroup) -> Value {
    json!({
        "port": group.port,
        "protocol": group.protocol.as_ref().map(ProtocolEnum::as_str),
        "vpc": group.vpc_id,
        "target_type": group.target_type.as_ref().map(TargetTypeEnum::as_str),
        "health_check": {
            "path": group.health_check_path,
            "interval_seconds": group.health_check_interval_seconds,
            "timeout_seconds": group.health_check_timeout_seconds,
            "healthy_threshold": group.healthy_threshold_count,
            "unhealthy_threshold": group.unhealthy_threshold_count,
            "codes": group.matcher.as_ref().and_then(|m| m.http_code.as_deref()),
        },
    })
}

/// `DescribeTargetGroups`, 400 a page. Attributes have no bulk read: they are set when the group is made.
///
/// # Errors
/// AWS's.
pub(super) async fn read_all(reader: &Reader<'_>) -> Result<Vec<(Kind, Found)>, CloudError> {
    let groups: Vec<_> = reader
        .cloud
        .elb
        .describe_target_groups()
        .page_size(400)
        .into_paginator()
        .items()
        .send()
        .collect::<Result<_, _>>()
        .await
        .map_err(aws("elasticloadbalancing:DescribeTargetGroups"))?;
    let found = groups.into_iter().filter_map(|group| {
        let tenant = reader.tenant_of_name(group.target_group_name.as_deref()?)?;
        let arn = group.target_group_arn.clone()?;
        Some((
            Kind::TargetGroup,
            Found {
                tenant,
                id: arn.clone(),
                fields: normalise(&group),
                attributes: attributes(&arn),
            },
        ))
    });
    Ok(found.collect())
}

/// `arn`, and `full_name` (`targetgroup/<name>/<id>`), the CloudWatch dimension.
fn attributes(arn: &str) -> Attributes {
    let full_name = arn.rsplit(':').next().unwrap_or(arn).to_owned();
    Attributes::from([("arn", arn.to_owned()), ("full_name", full_name)])
}

/// See [`super`]. `CreateTargetGroup` with the same name and settings answers with the group that exists.
///
/// # Errors
/// AWS's.
pub(super) async fn ensure(
    cloud: &Cloud,
    context: &Context<'_>,
    found: Option<&Found>,
) -> Result<Attributes, CloudError> {
    let arn = match found {
        Some(found) => {
            modify(cloud, &found.id).await?;
            found.id.clone()
        }
        None => create(cloud, context).await?,
    };
    cloud.pace.wait(Limit::LoadBalancerWrites).await;
    let delay = TargetGroupAttribute::builder()
        .key("deregistration_delay.timeout_seconds")
        .value(DEREGISTRATION_DELAY)
        .build();
    cloud
        .elb
        .modify_target_group_attributes()
        .target_group_arn(&arn)
        .attributes(delay)
        .send()
        .await
        .map_err(aws("elasticloadbalancing:ModifyTargetGroupAttributes"))?;
    Ok(attributes(&arn))
}

async fn create(cloud: &Cloud, context: &Context<'_>) -> Result<String, CloudError> {
    cloud.pace.wait(Limit::LoadBalancerWrites).await;
    let tags = context
        .tags()
        .into_iter()
        .map(|(key, value)| Tag::builder().key(key).value(value).build());
    let made = cloud
        .elb
        .create_target_group()
        .name(context.who.name())
        .port(PORT)
        .protocol(ProtocolEnum::Http)
        .vpc_id(&context.foundation.network.vpc_id)
        .target_type(TargetTypeEnum::Ip)
        .health_check_path("/readyz")
        .health_check_interval_seconds(10)
        .health_check_timeout_seconds(5)
        .healthy_threshold_count(2)
        .unhealthy_threshold_count(3)
        .matcher(
            aws_sdk_elasticloadbalancingv2::types::Matcher::builder()
                .http_code("200")
                .build(),
        )
        .set_tags(Some(tags.collect()))
        .send()
        .await
        .map_err(aws("elasticloadbalancing:CreateTargetGroup"))?;
    made.target_groups()
        .first()
        .and_then(|group| group.target_group_arn.clone())
        .ok_or_else(|| {
            CloudError::Unusable("CreateTargetGroup answered without a group".to_owned())
        })
}

/// Port, protocol, VPC and type of a group can't be changed; the names follow from the tenant, so they never should.
async fn modify(cloud: &Cloud, arn: &str) -> Result<(), CloudError> {
    cloud.pace.wait(Limit::LoadBalancerWrites).await;
    cloud
        .elb
        .modify_target_group()
        .target_group_arn(arn)
        .health_check_path("/readyz")
        .health_check_interval_seconds(10)
        .health_check_timeout_seconds(5)
        .healthy_threshold_count(2)
        .unhealthy_threshold_count(3)
        .matcher(
            aws_sdk_elasticloadbalancingv2::types::Matcher::builder()
                .http_code("200")
                .build(),
        )
        .send()
        .await
        .map_err(aws("elasticloadbalancing:ModifyTargetGroup"))
        .map(drop)
}

/// See [`super`].
///
/// # Errors
/// AWS's.
pub(super) async fn remove(
    cloud: &Cloud,
    _: &Context<'_>,
    found: &Found,
) -> Result<(), CloudError> {
    cloud.pace.wait(Limit::LoadBalancerWrites).await;
    let gone = cloud
        .elb
        .delete_target_group()
        .target_group_arn(&found.id)
        .send()
        .await
        .map_err(aws("elasticloadbalancing:DeleteTargetGroup"));
    super::unless(gone, Class::NotFound).map(drop)
}
