//! The Cognito group whose members work on the tenant's site.
//!
//! A pool has other groups too (administrators, operators, viewers). Ours is the one whose description ends with
//! `(bbws-<environment>-<group name>)`: a group that merely has a tenant's name is left alone.

use super::read::Reader;
use super::{Attributes, Context, Found, Kind};
use crate::cloud::{Class, Cloud, CloudError, Limit, aws};
use serde_json::{Value, json};

/// See [`super`].
#[must_use]
pub(super) fn desired(context: &Context<'_>) -> Value {
    json!({ "description": description(context) })
}

fn description(context: &Context<'_>) -> String {
    format!(
        "{} {}",
        context.site().organization,
        mark(&context.who.name())
    )
}

/// What a description of ours ends with.
fn mark(name: &str) -> String {
    format!("({name})")
}

/// `ListGroups`, 60 a page.
///
/// # Errors
/// AWS's.
pub(super) async fn read_all(reader: &Reader<'_>) -> Result<Vec<(Kind, Found)>, CloudError> {
    let groups: Vec<_> = reader
        .cloud
        .cognito
        .list_groups()
        .user_pool_id(&reader.cloud.foundation.users.pool_id)
        .into_paginator()
        .page_size(60)
        .items()
        .send()
        .collect::<Result<_, _>>()
        .await
        .map_err(aws("cognito-idp:ListGroups"))?;
    let found = groups.into_iter().filter_map(|group| {
        let (name, description) = (group.group_name?, group.description?);
        if !description.ends_with(&mark(&format!("bbws-{}-{name}", reader.environment))) {
            return None;
        }
        let found = Found {
            tenant: reader.tenant(&name)?,
            fields: json!({ "description": description }),
            attributes: Attributes::from([("name", name.clone())]),
            id: name,
        };
        Some((Kind::UserGroup, found))
    });
    Ok(found.collect())
}

/// See [`super`]. Members stay in a group that is corrected.
///
/// # Errors
/// AWS's.
pub(super) async fn ensure(
    cloud: &Cloud,
    context: &Context<'_>,
    found: Option<&Found>,
) -> Result<Attributes, CloudError> {
    let name = context.who.tenant.as_str();
    if found.is_some() || !create(cloud, context, name).await? {
        cloud.pace.wait(Limit::UserGroupWrites).await;
        cloud
            .cognito
            .update_group()
            .user_pool_id(&context.foundation.users.pool_id)
            .group_name(name)
            .description(description(context))
            .send()
            .await
            .map_err(aws("cognito-idp:UpdateGroup"))?;
    }
    Ok(Attributes::from([("name", name.to_owned())]))
}

/// Whether it was made; not so when a group of that name exists.
async fn create(cloud: &Cloud, context: &Context<'_>, name: &str) -> Result<bool, CloudError> {
    cloud.pace.wait(Limit::UserGroupWrites).await;
    let made = cloud
        .cognito
        .create_group()
        .user_pool_id(&context.foundation.users.pool_id)
        .group_name(name)
        .description(description(context))
        .send()
        .await
        .map_err(aws("cognito-idp:CreateGroup"));
    super::unless(made, Class::Conflict).map(|made| made.is_some())
}

/// See [`super`]. Its members lose the group, not their accounts.
///
/// # Errors
/// AWS's.
pub(super) async fn remove(
    cloud: &Cloud,
    context: &Context<'_>,
    found: &Found,
) -> Result<(), CloudError> {
    cloud.pace.wait(Limit::UserGroupWrites).await;
    let gone = cloud
        .cognito
        .delete_group()
        .user_pool_id(&context.foundation.users.pool_id)
        .group_name(&found.id)
        .send()
        .await
        .map_err(aws("cognito-idp:DeleteGroup"));
    super::unless(gone, Class::NotFound).map(drop)
}
