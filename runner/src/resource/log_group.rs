//! The site's log group: container output, kept for a fixed time.

use super::read::Reader;
use super::{Attributes, Context, Found, Kind};
use crate::cloud::{Class, Cloud, CloudError, Limit, aws};
use serde_json::{Value, json};

/// Days that container output is kept.
const RETENTION_DAYS: i32 = 30;

/// See [`super`].
#[must_use]
pub(super) fn desired(_: &Context<'_>) -> Value {
    json!({ "retention_days": RETENTION_DAYS })
}

/// `DescribeLogGroups`, 50 a page.
///
/// # Errors
/// AWS's.
pub(super) async fn read_all(reader: &Reader<'_>) -> Result<Vec<(Kind, Found)>, CloudError> {
    let prefix = format!("/bbws/{}/", reader.environment);
    let groups: Vec<_> = reader
        .cloud
        .logs
        .describe_log_groups()
        .log_group_name_prefix(&prefix)
        .into_paginator()
        .items()
        .send()
        .collect::<Result<_, _>>()
        .await
        .map_err(aws("logs:DescribeLogGroups"))?;
    let found = groups.into_iter().filter_map(|group| {
        let name = group.log_group_name?;
        let tenant = reader.tenant(name.strip_prefix(&prefix)?)?;
        Some((
            Kind::LogGroup,
            Found {
                tenant,
                fields: json!({ "retention_days": group.retention_in_days }),
                attributes: Attributes::from([("name", name.clone())]),
                id: name,
            },
        ))
    });
    Ok(found.collect())
}

/// See [`super`]. `CreateLogGroup` sets no retention, so a crash between the two calls leaves a difference to mend.
///
/// # Errors
/// AWS's.
pub(super) async fn ensure(
    cloud: &Cloud,
    context: &Context<'_>,
    found: Option<&Found>,
) -> Result<Attributes, CloudError> {
    let name = context.who.log_group();
    if found.is_none() {
        cloud.pace.wait(Limit::LogGroupWrites).await;
        let made = cloud
            .logs
            .create_log_group()
            .log_group_name(&name)
            .kms_key_id(&context.foundation.encryption.key_arn)
            .set_tags(Some(context.tags().into_iter().collect()))
            .send()
            .await
            .map_err(aws("logs:CreateLogGroup"));
        super::unless(made, Class::Conflict)?;
    }
    cloud.pace.wait(Limit::LogGroupWrites).await;
    cloud
        .logs
        .put_retention_policy()
        .log_group_name(&name)
        .retention_in_days(RETENTION_DAYS)
        .send()
        .await
        .map_err(aws("logs:PutRetentionPolicy"))?;
    Ok(Attributes::from([("name", name)]))
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
    cloud.pace.wait(Limit::LogGroupWrites).await;
    let gone = cloud
        .logs
        .delete_log_group()
        .log_group_name(&found.id)
        .send()
        .await
        .map_err(aws("logs:DeleteLogGroup"));
    super::unless(gone, Class::NotFound).map(drop)
}
