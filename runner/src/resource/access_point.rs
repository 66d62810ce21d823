//! The site's EFS access point: its own directory on the cell's file system, entered as its own user whatever user the
//! container runs as.

use super::managed_tags::{managed, with_backup};
use super::read::Reader;
use super::{Attributes, Context, Found, Kind};
use crate::cloud::wait::{Seen, until};
use crate::cloud::{Class, Cloud, CloudError, Limit, aws};
use crate::manifest::TenantId;
use aws_sdk_efs::types::{
    AccessPointDescription, CreationInfo, LifeCycleState, PosixUser, RootDirectory, Tag,
};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::time::Duration;

const ROOTS: &str = "/tenants/";
/// The site's user alone writes; nobody else so much as lists.
const PERMISSIONS: &str = "0750";
/// The lowest user id of a site: above those of systems and of images.
const FIRST_UID: i64 = 20_000;
/// So many that two tenants hardly ever meet; the sum stays below 2^31, where some NFS clients turn negative.
const UIDS: i64 = 1_000_000_000;
const AVAILABLE: Duration = Duration::from_secs(120);

/// See [`super`]. The user's number is no part of it: it is chosen when the access point is made, and never changes.
#[must_use]
pub(super) fn desired(context: &Context<'_>) -> Value {
    json!({
        "file_system": context.cell.file_system_id,
        "root": root(&context.who.tenant),
        "permissions": PERMISSIONS,
        "user": "own",
        "tags": with_backup(context),
    })
}

fn root(tenant: &TenantId) -> String {
    format!("{ROOTS}{tenant}")
}

fn normalise(point: &AccessPointDescription) -> Value {
    let root = point.root_directory();
    json!({
        "file_system": point.file_system_id(),
        "root": root.and_then(|root| root.path()),
        "permissions": root.and_then(|root| root.creation_info()).map(|info| info.permissions()),
        "user": point.posix_user().map(user),
        "tags": managed(point.tags().iter().map(|tag| (Some(tag.key()), Some(tag.value())))),
    })
}

/// `own` for a user and group of a site's own, else who it is.
fn user(user: &PosixUser) -> String {
    if user.uid() >= FIRST_UID && user.gid() == user.uid() && user.secondary_gids().is_empty() {
        "own".to_owned()
    } else {
        format!("{}:{} {:?}", user.uid(), user.gid(), user.secondary_gids())
    }
}

/// `DescribeAccessPoints`, 100 a page, for each cell's file system. Whose one is, its root tells: tags can be changed.
///
/// Attributes: `id`, `arn`, `uid`.
///
/// # Errors
/// AWS's.
pub(super) async fn read_all(reader: &Reader<'_>) -> Result<Vec<(Kind, Found)>, CloudError> {
    let cells = &reader.cloud.foundation.cells;
    let file_systems: BTreeSet<&str> = cells
        .iter()
        .map(|cell| cell.file_system_id.as_str())
        .collect();
    let reads = file_systems.into_iter().map(|id| list(reader.cloud, id));
    let points = futures::future::try_join_all(reads).await?;
    let found = points.iter().flatten().filter_map(|point| {
        let tenant = reader.tenant(point.root_directory()?.path()?.strip_prefix(ROOTS)?)?;
        let id = point.access_point_id()?.to_owned();
        Some((
            Kind::AccessPoint,
            Found {
                tenant,
                id,
                fields: normalise(point),
                attributes: attributes(point),
            },
        ))
    });
    Ok(found.collect())
}

/// Those that are not on their way out.
async fn list(cloud: &Cloud, file_system: &str) -> Result<Vec<AccessPointDescription>, CloudError> {
    let points: Vec<_> = cloud
        .efs
        .describe_access_points()
        .file_system_id(file_system)
        .max_results(100)
        .into_paginator()
        .items()
        .send()
        .collect::<Result<_, _>>()
        .await
        .map_err(aws("elasticfilesystem:DescribeAccessPoints"))?;
    let leaving = |state: Option<&LifeCycleState>| {
        matches!(
            state,
            Some(LifeCycleState::Deleting | LifeCycleState::Deleted | LifeCycleState::Error)
        )
    };
    Ok(points
        .into_iter()
        .filter(|point| !leaving(point.life_cycle_state()))
        .collect())
}

fn attributes(point: &AccessPointDescription) -> Attributes {
    let uid = point.posix_user().map(|user| user.uid().to_string());
    let known = [
        ("id", point.access_point_id().map(str::to_owned)),
        ("arn", point.access_point_arn().map(str::to_owned)),
        ("uid", uid),
    ];
    known
        .into_iter()
        .filter_map(|(attribute, value)| Some((attribute, value?)))
        .collect()
}

/// See [`super`]. EFS changes nothing but tags of an access point; one with another root or user is left for a person
/// to judge, as its files belong to that user. The client token, made from the name, lets no repeat make a second one.
///
/// # Errors
/// AWS's.
pub(super) async fn ensure(
    cloud: &Cloud,
    context: &Context<'_>,
    found: Option<&Found>,
) -> Result<Attributes, CloudError> {
    let wanted = desired(context);
    if let Some(found) = found {
        if let Some(field) = ["file_system", "root", "permissions", "user"]
            .iter()
            .find(|f| found.fields[f] != wanted[f])
        {
            return Err(CloudError::Unusable(format!(
                "access point {} has {field} {}, not {}, and EFS can't change that: move the files, then delete it",
                found.id, found.fields[field], wanted[field]
            )));
        }
        tag(cloud, context, &found.id).await?;
        return Ok(found.attributes.clone());
    }
    let id = match create_unless_there(cloud, context).await? {
        Some(id) => id,
        // Made in the meantime, perhaps by an attempt of ours whose answer was lost.
        None => create_unless_there(cloud, context).await?.ok_or_else(|| {
            CloudError::Unusable(format!(
                "access point {} exists and can't be found",
                context.who.name()
            ))
        })?,
    };
    available(cloud, &id).await.map(|point| attributes(&point))
}

/// None when EFS knows the client token although the list did not show the access point.
async fn create_unless_there(
    cloud: &Cloud,
    context: &Context<'_>,
) -> Result<Option<String>, CloudError> {
    let all = list(cloud, &context.cell.file_system_id).await?;
    let path = root(&context.who.tenant);
    let own = all
        .iter()
        .find(|point| point.root_directory().and_then(|root| root.path()) == Some(&path));
    if let Some(id) = own.and_then(|point| point.access_point_id()) {
        tag(cloud, context, id).await?;
        return Ok(Some(id.to_owned()));
    }
    let made = create(cloud, context, free_uid(&context.who.tenant, &taken(&all))).await;
    super::unless(made, Class::Conflict)
}

fn taken(points: &[AccessPointDescription]) -> BTreeSet<i64> {
    points
        .iter()
        .filter_map(|point| point.posix_user())
        .map(PosixUser::uid)
        .collect()
}

/// The user id that follows from the tenant's name, or the next one that is free. The same name gets the same number
/// again, so files outlive their access point.
fn free_uid(tenant: &TenantId, taken: &BTreeSet<i64>) -> i64 {
    let hash = Sha256::digest(tenant.as_str());
    let first = i64::from(u32::from_be_bytes([hash[0], hash[1], hash[2], hash[3]])) % UIDS;
    let candidates = (0..UIDS).map(|step| FIRST_UID + (first + step) % UIDS);
    candidates
        .into_iter()
        .find(|uid| !taken.contains(uid))
        .unwrap_or(FIRST_UID)
}

async fn create(cloud: &Cloud, context: &Context<'_>, uid: i64) -> Result<String, CloudError> {
    let unusable = |error: aws_smithy_types::error::operation::BuildError| {
        CloudError::Unusable(error.to_string())
    };
    let owner = CreationInfo::builder()
        .owner_uid(uid)
        .owner_gid(uid)
        .permissions(PERMISSIONS);
    let directory = RootDirectory::builder()
        .path(root(&context.who.tenant))
        .creation_info(owner.build().map_err(unusable)?)
        .build();
    cloud.pace.wait(Limit::OtherWrites).await;
    let made = cloud
        .efs
        .create_access_point()
        .client_token(context.who.name())
        .file_system_id(&context.cell.file_system_id)
        .posix_user(
            PosixUser::builder()
                .uid(uid)
                .gid(uid)
                .build()
                .map_err(unusable)?,
        )
        .root_directory(directory)
        .set_tags(Some(tags(context)?))
        .send()
        .await
        .map_err(aws("elasticfilesystem:CreateAccessPoint"))?;
    made.access_point_id
        .ok_or_else(|| CloudError::Unusable("CreateAccessPoint answered without an id".to_owned()))
}

fn tags(context: &Context<'_>) -> Result<Vec<Tag>, CloudError> {
    let name = [("Name".to_owned(), context.who.name())];
    let tags = with_backup(context).into_iter().chain(name);
    tags.map(|(key, value)| Tag::builder().key(key).value(value).build())
        .collect::<Result<_, _>>()
        .map_err(|error| CloudError::Unusable(error.to_string()))
}

async fn tag(cloud: &Cloud, context: &Context<'_>, id: &str) -> Result<(), CloudError> {
    cloud.pace.wait(Limit::OtherWrites).await;
    cloud
        .efs
        .tag_resource()
        .resource_id(id)
        .set_tags(Some(tags(context)?))
        .send()
        .await
        .map_err(aws("elasticfilesystem:TagResource"))
        .map(drop)
}

async fn available(cloud: &Cloud, id: &str) -> Result<AccessPointDescription, CloudError> {
    until(
        &format!("access point {id} to be available"),
        AVAILABLE,
        || async {
            let looked = cloud
                .efs
                .describe_access_points()
                .access_point_id(id)
                .send()
                .await;
            let looked = super::unless(
                looked.map_err(aws("elasticfilesystem:DescribeAccessPoints")),
                Class::NotFound,
            )?;
            let point = looked
                .as_ref()
                .and_then(|answer| answer.access_points().first());
            Ok(
                match (point, point.and_then(|point| point.life_cycle_state())) {
                    (Some(point), Some(LifeCycleState::Available)) => Seen::Done(point.clone()),
                    (_, state) => {
                        Seen::NotYet(state.map_or("not found", LifeCycleState::as_str).to_owned())
                    }
                },
            )
        },
    )
    .await
}

/// See [`super`]. The directory and its files stay on the file system: emptying it is a job's work, before.
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
        .efs
        .delete_access_point()
        .access_point_id(&found.id)
        .send()
        .await;
    super::unless(
        gone.map_err(aws("elasticfilesystem:DeleteAccessPoint")),
        Class::NotFound,
    )
    .map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resource::sample::Sample;

    fn tenant(id: &str) -> TenantId {
        id.parse().unwrap()
    }

    #[test]
    fn a_tenant_keeps_its_number_and_never_gets_one_that_is_taken() {
        let first = free_uid(&tenant("acme"), &BTreeSet::new());
        assert_eq!(
            first,
            free_uid(&tenant("acme"), &BTreeSet::from([first + 1]))
        );
        assert_ne!(first, free_uid(&tenant("bolt"), &BTreeSet::new()));
        let taken = BTreeSet::from([first, first + 1]);
        let second = free_uid(&tenant("acme"), &taken);
        assert!(!taken.contains(&second) && second >= FIRST_UID);
        // Files on disk carry this number: it must not change between versions of bbws.
        assert_eq!(first, 183_889_357);
    }

    #[test]
    fn an_access_point_as_efs_returns_it_equals_the_desired_one() {
        let sample = Sample::new();
        let context = sample.context();
        let owner = CreationInfo::builder()
            .owner_uid(30_000)
            .owner_gid(30_000)
            .permissions(PERMISSIONS)
            .build()
            .unwrap();
        let point = |uid: i64| {
            AccessPointDescription::builder()
                .file_system_id("fs-1")
                .posix_user(PosixUser::builder().uid(uid).gid(uid).build().unwrap())
                .root_directory(
                    RootDirectory::builder()
                        .path("/tenants/acme")
                        .creation_info(owner.clone())
                        .build(),
                )
                .set_tags(Some(tags(&context).unwrap()))
                .build()
        };
        assert_eq!(normalise(&point(30_000)), desired(&context));
        assert_ne!(normalise(&point(0)), desired(&context));
    }
}
