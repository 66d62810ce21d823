//! What AWS tells of secrets without their values.

use crate::cloud::{Cloud, CloudError, aws};
use aws_sdk_secretsmanager::types::{Filter, FilterNameStringType, SecretListEntry};
use aws_smithy_types::DateTime;
use std::collections::BTreeMap;

/// What is known of a secret without its value.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Dates {
    pub(super) changed: Option<DateTime>,
    pub(super) deleted: Option<DateTime>,
    pub(super) rotates: bool,
    pub(super) next_rotation: Option<DateTime>,
}

/// # Errors
/// AWS's.
pub(super) async fn describe(cloud: &Cloud, arn: &str) -> Result<Dates, CloudError> {
    let described = cloud.secrets.describe_secret().secret_id(arn).send().await;
    let secret = described.map_err(aws("secretsmanager:DescribeSecret"))?;
    Ok(Dates {
        changed: secret.last_changed_date.or(secret.created_date),
        deleted: secret.deleted_date,
        rotates: secret.rotation_enabled.unwrap_or(false),
        next_rotation: secret.next_rotation_date,
    })
}

/// By name, those that begin with `prefix`: `ListSecrets`, 100 a page, those that wait for their deletion too.
///
/// # Errors
/// AWS's.
pub(super) async fn list(
    cloud: &Cloud,
    prefix: &str,
) -> Result<BTreeMap<String, Dates>, CloudError> {
    let named = Filter::builder()
        .key(FilterNameStringType::Name)
        .values(prefix)
        .build();
    let pages = cloud
        .secrets
        .list_secrets()
        .filters(named)
        .include_planned_deletion(true)
        .max_results(100);
    let pages = pages
        .into_paginator()
        .send()
        .collect::<Result<Vec<_>, _>>()
        .await;
    let pages = pages
        .map_err(aws("secretsmanager:ListSecrets"))?
        .into_iter();
    let all = pages.flat_map(|page| page.secret_list.unwrap_or_default());
    let dated = |secret: SecretListEntry| {
        let dates = Dates {
            changed: secret.last_changed_date.or(secret.created_date),
            deleted: secret.deleted_date,
            rotates: secret.rotation_enabled.unwrap_or(false),
            next_rotation: secret.next_rotation_date,
        };
        Some((secret.name?, dates))
    };
    Ok(all.filter_map(dated).collect())
}
