//! What a task of the site runs: the release's image with this tenant's environment, secrets, files, roles and log.
//!
//! Task definitions can't be listed with their content. Each revision carries the digest of what it was made from in a
//! tag, and the service carries the digest of the revision it was given: an unchanged site costs no call of its own.

mod content;

pub(super) use content::CONTAINER;
pub(crate) use content::{STOP_TIMEOUT, TEMPORARY, TEMPORARY_OPTIONS, UPLOADS, USER, linux};

use super::managed_tags::with_backup;
use super::{Attributes, Context, Found, PENDING};
use crate::cloud::task_definition::register;
use crate::cloud::{Class, Cloud, CloudError, Limit, aws};
use crate::plan::{self, FieldChange};
use aws_sdk_ecs::operation::describe_task_definition::DescribeTaskDefinitionOutput;
use aws_sdk_ecs::types::{Tag, TaskDefinition, TaskDefinitionField, TaskDefinitionStatus};
use content::{definition, normalise};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// The tag that tells what a revision was made from.
const DIGEST_TAG: &str = "bbws:digest";
/// See [`super`]. In the same form as [`detail`].
#[must_use]
pub(super) fn desired(context: &Context<'_>) -> Value {
    normalise(&definition(context))
}

/// Sixteen hexadecimal digits that differ when what is desired differs.
#[must_use]
pub(super) fn digest(desired: &Value) -> String {
    // Object keys are sorted in `serde_json::Value`, so equal values have one text.
    hex::encode(Sha256::digest(desired.to_string()))[..16].to_owned()
}

/// Compares by digest while no more is known of what was found, field by field once it was read in full.
#[must_use]
pub(super) fn differences(found: &Value, desired: &Value) -> Vec<FieldChange> {
    match found.get("digest") {
        Some(Value::String(found)) if *found == digest(desired) => Vec::new(),
        Some(found) => {
            let after = if desired.to_string().contains(PENDING) {
                PENDING.to_owned()
            } else {
                digest(desired)
            };
            vec![FieldChange {
                path: "digest".to_owned(),
                before: Some(found.clone()),
                after: Some(after.into()),
            }]
        }
        None => plan::differences(found, desired),
    }
}

/// Reads the definition `arn` (or the newest revision of a family) in full, in the form of [`desired`].
///
/// # Errors
/// AWS's.
pub(super) async fn detail(cloud: &Cloud, arn: &str) -> Result<Value, CloudError> {
    let answer = describe(cloud, arn).await?;
    Ok(answer
        .as_ref()
        .and_then(|answer| answer.task_definition())
        .map_or(Value::Null, normalise))
}

/// The images of the containers of the definition `arn`; none when there is no such definition.
///
/// # Errors
/// AWS's.
pub async fn images(cloud: &Cloud, arn: &str) -> Result<Vec<String>, CloudError> {
    let answer = describe(cloud, arn).await?;
    let definition = answer.as_ref().and_then(|answer| answer.task_definition());
    let containers = definition.map_or(&[][..], TaskDefinition::container_definitions);
    let images = containers.iter().filter_map(|container| container.image());
    Ok(images.map(str::to_owned).collect())
}

/// None for what does not exist, and for a family without an active revision.
async fn describe(
    cloud: &Cloud,
    reference: &str,
) -> Result<Option<DescribeTaskDefinitionOutput>, CloudError> {
    let answer = cloud
        .ecs
        .describe_task_definition()
        .task_definition(reference)
        .include(TaskDefinitionField::Tags)
        .send()
        .await
        .map_err(aws("ecs:DescribeTaskDefinition"));
    match answer {
        Ok(answer) => Ok(Some(answer)),
        // ECS has no code of its own for what isn't there (DescribeTaskDefinition, Errors).
        Err(CloudError::Aws { code, .. }) if code == "ClientException" => Ok(None),
        Err(error) if error.class() == Class::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// What is known of a family's newest active revision; none when it has none.
///
/// Attributes: `arn`, `revision`, `digest`.
pub(super) async fn newest(cloud: &Cloud, family: &str) -> Result<Option<Attributes>, CloudError> {
    let Some(answer) = describe(cloud, family).await? else {
        return Ok(None);
    };
    let active =
        |definition: &&TaskDefinition| definition.status() == Some(&TaskDefinitionStatus::Active);
    let Some(definition) = answer.task_definition().filter(active) else {
        return Ok(None);
    };
    let arn = definition.task_definition_arn().unwrap_or_default();
    let digest = answer
        .tags()
        .iter()
        .find(|tag| tag.key() == Some(DIGEST_TAG))
        .and_then(Tag::value);
    Ok(Some(attributes(arn, digest.unwrap_or_default())))
}

pub(super) fn attributes(arn: &str, digest: &str) -> Attributes {
    let revision = arn.rsplit(':').next().unwrap_or_default().to_owned();
    Attributes::from([
        ("arn", arn.to_owned()),
        ("revision", revision),
        ("digest", digest.to_owned()),
    ])
}

/// Registers a revision, unless the newest one was made from the same: a run that died right after registering, or a
/// rollout that went wrong, leaves a revision that is taken again.
///
/// # Errors
/// AWS's.
pub(super) async fn ensure(
    cloud: &Cloud,
    context: &Context<'_>,
    _: Option<&Found>,
) -> Result<Attributes, CloudError> {
    let wanted = desired(context);
    if wanted.to_string().contains(PENDING) {
        return Err(CloudError::Unusable(format!(
            "the task definition of {} was asked for before what it refers to was there",
            context.who.name()
        )));
    }
    let digest = digest(&wanted);
    let definition = definition(context);
    let mut tags = with_backup(context);
    tags.insert(DIGEST_TAG.to_owned(), digest.clone());
    let tags = tags
        .into_iter()
        .map(|(key, value)| Tag::builder().key(key).value(value).build());
    let request = cloud
        .ecs
        .register_task_definition()
        .set_family(definition.family)
        .set_requires_compatibilities(definition.requires_compatibilities)
        .set_network_mode(definition.network_mode)
        .set_cpu(definition.cpu)
        .set_memory(definition.memory)
        .set_task_role_arn(definition.task_role_arn)
        .set_execution_role_arn(definition.execution_role_arn)
        .set_volumes(definition.volumes)
        .set_container_definitions(definition.container_definitions)
        .set_tags(Some(tags.collect()));
    let family = context.who.name();
    let arn = register(cloud, &request, || async {
        let newest = newest(cloud, &family).await?;
        let same = newest.filter(|newest| newest["digest"] == digest);
        Ok(same.map(|newest| newest["arn"].clone()))
    })
    .await?;
    Ok(attributes(&arn, &digest))
}

/// See [`super`]. ECS deletes only what was deregistered. The newest active revision goes last and on its own, so that
/// until nearly the end the family is found by a repeat; one left inactive by a crash is found too.
///
/// # Errors
/// AWS's; a revision that ECS would not delete.
pub(super) async fn remove(
    cloud: &Cloud,
    context: &Context<'_>,
    _: &Found,
) -> Result<(), CloudError> {
    let family = context.who.name();
    let mut active = revisions(cloud, &family, &TaskDefinitionStatus::Active).await?;
    let newest = active.pop();
    deregister(cloud, &active).await?;
    delete(
        cloud,
        &revisions(cloud, &family, &TaskDefinitionStatus::Inactive).await?,
    )
    .await?;
    if let Some(newest) = newest {
        deregister(cloud, std::slice::from_ref(&newest)).await?;
        delete(cloud, &[newest]).await?;
    }
    Ok(())
}

/// ARNs of a family's revisions, oldest first. The API's filter is a prefix: `acme` also brings `acme-shop`.
pub(super) async fn revisions(
    cloud: &Cloud,
    family: &str,
    status: &TaskDefinitionStatus,
) -> Result<Vec<String>, CloudError> {
    let all: Vec<String> = cloud
        .ecs
        .list_task_definitions()
        .family_prefix(family)
        .status(status.clone())
        .into_paginator()
        .items()
        .send()
        .collect::<Result<_, _>>()
        .await
        .map_err(aws("ecs:ListTaskDefinitions"))?;
    Ok(of_family(all, family))
}

fn of_family(arns: Vec<String>, family: &str) -> Vec<String> {
    let revision = |arn: &str| -> Option<u32> {
        let (_, name) = arn.split_once('/')?;
        let (of, revision) = name.split_once(':')?;
        (of == family).then(|| revision.parse().ok())?
    };
    let mut own: Vec<_> = arns
        .into_iter()
        .filter(|arn| revision(arn).is_some())
        .collect();
    own.sort_by_key(|arn| revision(arn));
    own
}

async fn deregister(cloud: &Cloud, arns: &[String]) -> Result<(), CloudError> {
    for arn in arns {
        cloud.pace.wait(Limit::RegisterTaskDefinition).await;
        let gone = cloud
            .ecs
            .deregister_task_definition()
            .task_definition(arn)
            .send()
            .await;
        gone.map_err(aws("ecs:DeregisterTaskDefinition"))?;
    }
    Ok(())
}

/// `DeleteTaskDefinitions`, 10 a call. It answers with failures instead of an error.
async fn delete(cloud: &Cloud, arns: &[String]) -> Result<(), CloudError> {
    for some in arns.chunks(10) {
        cloud.pace.wait(Limit::RegisterTaskDefinition).await;
        let answer = cloud
            .ecs
            .delete_task_definitions()
            .set_task_definitions(Some(some.to_vec()))
            .send()
            .await
            .map_err(aws("ecs:DeleteTaskDefinitions"))?;
        let failure = answer
            .failures()
            .iter()
            .find(|failure| failure.reason() != Some("TASK_DEFINITION_NOT_FOUND"));
        if let Some(failure) = failure {
            return Err(CloudError::Unusable(format!(
                "ECS did not delete {}: {}",
                failure.arn().unwrap_or("a revision"),
                failure.reason().unwrap_or("no reason given")
            )));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resource::sample::Sample;
    use serde_json::json;

    #[test]
    fn a_digest_is_compared_until_the_definition_was_read() {
        let sample = Sample::new();
        let wanted = desired(&sample.context());
        assert_eq!(
            differences(&json!({ "digest": digest(&wanted) }), &wanted),
            []
        );
        assert_eq!(
            differences(&json!({ "digest": "0" }), &wanted)[0].path,
            "digest"
        );
        assert_eq!(
            differences(&json!({ "digest": null }), &wanted)[0].path,
            "digest"
        );
        let mut read = wanted.clone();
        read["cpu"] = 1024.into();
        assert_eq!(differences(&read, &wanted)[0].path, "cpu");
    }

    #[test]
    fn the_digest_follows_the_image_and_nothing_else_of_the_run() {
        let sample = Sample::new();
        let context = sample.context();
        let mut next = sample.context();
        next.image.push('1');
        assert_eq!(
            digest(&desired(&context)),
            digest(&desired(&sample.context()))
        );
        assert_ne!(digest(&desired(&context)), digest(&desired(&next)));
    }

    #[test]
    fn revisions_of_a_longer_name_are_not_taken_for_ones_own() {
        let arn =
            |name: &str| format!("arn:aws:ecs:af-south-1:111111111111:task-definition/{name}");
        let listed = vec![
            arn("bbws-dev-acme:10"),
            arn("bbws-dev-acme-shop:1"),
            arn("bbws-dev-acme:9"),
        ];
        assert_eq!(
            of_family(listed, "bbws-dev-acme"),
            [arn("bbws-dev-acme:9"), arn("bbws-dev-acme:10")]
        );
    }
}
