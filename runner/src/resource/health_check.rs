//! The Route 53 health check that watches the site's primary domain from outside, through CloudFront, as visitors see it.
//!
//! It is known by its caller reference, `bbws-<environment>-<tenant>-<n>`. Route 53 never takes a reference twice, not even
//! after the check was deleted, so each new check of a site has the next n.

use super::read::Reader;
use super::single::{first_of_each, surplus};
use super::{Attributes, Context, Found, Kind};
use crate::cloud::{Class, Cloud, CloudError, Limit, aws};
use crate::manifest::{SiteState, TenantId};
use aws_sdk_route53::types::{
    HealthCheck, HealthCheckConfig, HealthCheckType, Tag, TagResourceType,
};
use serde_json::{Value, json};

/// What the container answers with 200 while PHP works.
const PATH: &str = "/healthz";
/// Seconds between two looks of one checker; the alternative, 10, costs extra. It can't be changed later.
const INTERVAL: i32 = 30;
/// Failures in a row that make it unhealthy.
const THRESHOLD: i32 = 3;
/// What a check is made with. It gets [`THRESHOLD`] after its tags, which no bulk read shows: a crash between making and
/// tagging it is then seen as a difference.
const UNTAGGED_THRESHOLD: i32 = 10;
/// Health checks that one site may go through before its caller references are looked for in vain.
const REFERENCES: std::ops::RangeInclusive<u32> = 1..=1_000;

/// See [`super`]. A suspended site's check is disabled, which Route 53 takes for healthy: a 503 that is meant must not
/// make DNS fail over.
#[must_use]
pub(super) fn desired(context: &Context<'_>) -> Value {
    let viewer = &context.foundation.viewer;
    json!({
        "type": viewer.scheme.to_ascii_uppercase(),
        "domain": context.site().domains[0],
        "port": viewer.port,
        "path": PATH,
        "interval_seconds": INTERVAL,
        "failure_threshold": THRESHOLD,
        "disabled": context.site().state == SiteState::Suspended,
    })
}

fn normalise(config: &HealthCheckConfig) -> Value {
    json!({
        "type": config.r#type().as_str(),
        "domain": config.fully_qualified_domain_name(),
        "port": config.port(),
        "path": config.resource_path(),
        "interval_seconds": config.request_interval(),
        "failure_threshold": config.failure_threshold(),
        "disabled": config.disabled().unwrap_or_default(),
    })
}

/// The tenant and the n of a caller reference. Tenants' ids hold hyphens, so it is read from the right.
fn parse(environment: &str, reference: &str) -> Option<(TenantId, u32)> {
    let (name, n) = reference.rsplit_once('-')?;
    let tenant = name.strip_prefix(&format!("bbws-{environment}-"))?;
    Some((tenant.parse().ok()?, n.parse().ok()?))
}

/// `ListHealthChecks`, 1,000 a page.
///
/// # Errors
/// AWS's.
pub(super) async fn read_all(reader: &Reader<'_>) -> Result<Vec<(Kind, Found)>, CloudError> {
    let found = first_of_each(list(reader.cloud, reader.environment.as_str()).await?);
    Ok(found
        .into_iter()
        .map(|found| (Kind::HealthCheck, found))
        .collect())
}

/// All checks of an environment's sites, the latest of each first.
async fn list(cloud: &Cloud, environment: &str) -> Result<Vec<Found>, CloudError> {
    let request = cloud.route53.list_health_checks().max_items(1_000);
    let checks: Vec<_> = request
        .into_paginator()
        .items()
        .send()
        .collect::<Result<_, _>>()
        .await
        .map_err(aws("route53:ListHealthChecks"))?;
    let mut found: Vec<_> = checks
        .iter()
        .filter_map(|check| found(environment, check))
        .collect();
    found.sort_by_key(|(n, _)| std::cmp::Reverse(*n));
    Ok(found.into_iter().map(|(_, found)| found).collect())
}

fn found(environment: &str, check: &HealthCheck) -> Option<(u32, Found)> {
    let (tenant, n) = parse(environment, check.caller_reference())?;
    let found = Found {
        tenant,
        id: check.id().to_owned(),
        fields: normalise(check.health_check_config()?),
        attributes: attributes(check.id(), n),
    };
    Some((n, found))
}

/// `id`, and the `n` of the caller reference.
fn attributes(id: &str, n: u32) -> Attributes {
    Attributes::from([("id", id.to_owned()), ("n", n.to_string())])
}

/// See [`super`]. Type and interval of a check can't be changed: where they differ, another takes its place. Checks beyond
/// the latest are deleted.
///
/// # Errors
/// AWS's.
pub(super) async fn ensure(
    cloud: &Cloud,
    context: &Context<'_>,
    found: Option<&Found>,
) -> Result<Attributes, CloudError> {
    let wanted = desired(context);
    let fixed = |found: &&Found| {
        ["type", "interval_seconds"]
            .iter()
            .all(|field| found.fields[field] == wanted[field])
    };
    let attributes = match found.filter(fixed) {
        Some(found) => found.attributes.clone(),
        None => create(cloud, context, found).await?,
    };
    let id = attributes["id"].as_str();
    tag(cloud, context, id).await?;
    update(cloud, context, id, found).await?;
    if let Some(found) = found {
        for other in surplus(found)
            .iter()
            .chain([&found.id])
            .filter(|other| *other != id)
        {
            delete(cloud, other).await?;
        }
    }
    Ok(attributes)
}

/// Makes the site's next check, or takes the one whose making another run did not live to see.
async fn create(
    cloud: &Cloud,
    context: &Context<'_>,
    old: Option<&Found>,
) -> Result<Attributes, CloudError> {
    let old_n = old
        .and_then(|old| old.attributes["n"].parse().ok())
        .unwrap_or(0);
    let mut looked = false;
    for n in REFERENCES.filter(|n| *n > old_n) {
        cloud.pace.wait(Limit::CreateHealthCheck).await;
        let made = cloud
            .route53
            .create_health_check()
            .caller_reference(format!("{}-{n}", context.who.name()))
            .health_check_config(config(context))
            .send()
            .await
            .map_err(aws("route53:CreateHealthCheck"));
        if let Some(check) =
            super::unless(made, Class::Conflict)?.and_then(|made| made.health_check)
        {
            return Ok(attributes(check.id(), n));
        }
        if !looked {
            looked = true;
            let all = list(cloud, &context.who.environment).await?;
            let is_new = |found: &&Found| {
                found.tenant == context.who.tenant && old.is_none_or(|old| old.id != found.id)
            };
            if let Some(found) = all.iter().find(is_new) {
                return Ok(found.attributes.clone());
            }
        }
    }
    Err(CloudError::Unusable(format!(
        "Route 53 refuses every caller reference of {}",
        context.who.name()
    )))
}

fn config(context: &Context<'_>) -> HealthCheckConfig {
    let viewer = &context.foundation.viewer;
    let https = viewer.scheme == "https";
    HealthCheckConfig::builder()
        .r#type(if https {
            HealthCheckType::Https
        } else {
            HealthCheckType::Http
        })
        .set_enable_sni(https.then_some(true))
        .fully_qualified_domain_name(context.site().domains[0].as_str())
        .port(viewer.port.into())
        .resource_path(PATH)
        .request_interval(INTERVAL)
        .failure_threshold(UNTAGGED_THRESHOLD)
        .build()
        .expect("it has a type")
}

async fn tag(cloud: &Cloud, context: &Context<'_>, id: &str) -> Result<(), CloudError> {
    let tags = context
        .tags()
        .into_iter()
        .map(|(key, value)| Tag::builder().key(key).value(value).build());
    cloud.pace.wait(Limit::OtherWrites).await;
    cloud
        .route53
        .change_tags_for_resource()
        .resource_type(TagResourceType::Healthcheck)
        .resource_id(id)
        .set_add_tags(Some(tags.collect()))
        .send()
        .await
        .map_err(aws("route53:ChangeTagsForResource"))
        .map(drop)
}

async fn update(
    cloud: &Cloud,
    context: &Context<'_>,
    id: &str,
    found: Option<&Found>,
) -> Result<(), CloudError> {
    let suspended = context.site().state == SiteState::Suspended;
    let was_disabled = found.is_some_and(|found| found.fields["disabled"] == true);
    cloud.pace.wait(Limit::OtherWrites).await;
    cloud
        .route53
        .update_health_check()
        .health_check_id(id)
        .fully_qualified_domain_name(context.site().domains[0].as_str())
        .port(context.foundation.viewer.port.into())
        .resource_path(PATH)
        .failure_threshold(THRESHOLD)
        .set_disabled((suspended || was_disabled).then_some(suspended))
        .send()
        .await
        .map_err(aws("route53:UpdateHealthCheck"))
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
    for id in surplus(found).iter().chain([&found.id]) {
        delete(cloud, id).await?;
    }
    Ok(())
}

async fn delete(cloud: &Cloud, id: &str) -> Result<(), CloudError> {
    cloud.pace.wait(Limit::OtherWrites).await;
    let gone = cloud
        .route53
        .delete_health_check()
        .health_check_id(id)
        .send()
        .await;
    super::unless(
        gone.map_err(aws("route53:DeleteHealthCheck")),
        Class::NotFound,
    )
    .map(drop)
}
