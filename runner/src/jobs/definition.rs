//! The task definition of a cell's administrative job. Shared by tenants, so it is no resource of a site: it is
//! registered when a job is about to need it.

use crate::cloud::task::STREAM_PREFIX;
use crate::cloud::{Cell, Class, Cloud, CloudError, aws, task_definition};
use crate::resource::{TEMPORARY, TEMPORARY_OPTIONS, USER, linux, tags_of_cell};
use aws_sdk_ecs::operation::register_task_definition::builders::RegisterTaskDefinitionFluentBuilder;
use aws_sdk_ecs::types::{
    Compatibility, ContainerDefinition, KeyValuePair, LogConfiguration, LogDriver, NetworkMode,
    Secret, Tag, TaskDefinitionField,
};
use serde_json::json;
use sha2::{Digest, Sha256};
use std::collections::HashMap;

/// The tag that tells what a revision was made from.
const DIGEST_TAG: &str = "bbws:digest";
/// CPU units and MiB: the smallest that Fargate offers; `site-job` streams.
const SIZE: (&str, &str) = ("256", "512");

/// The ARN of the newest revision if it is what `cell` and `image` ask for, else of a new one.
/// Two runs at once may register one revision each; both are right.
///
/// # Errors
/// AWS's.
pub(super) async fn ensure(cloud: &Cloud, cell: &Cell, image: &str) -> Result<String, CloudError> {
    let family = format!("bbws-{}-job-{}", cloud.foundation.environment, cell.name);
    let digest = digest(cloud, cell, image);
    let request = request(cloud, cell, image, &family, &digest)?;
    task_definition::register(cloud, &request, || newest(cloud, &family, &digest)).await
}

/// The ARN of the newest revision, if it was made from what `digest` tells.
async fn newest(cloud: &Cloud, family: &str, digest: &str) -> Result<Option<String>, CloudError> {
    let newest = cloud
        .ecs
        .describe_task_definition()
        .task_definition(family)
        .include(TaskDefinitionField::Tags)
        .send()
        .await
        .map_err(aws("ecs:DescribeTaskDefinition"));
    let newest = match newest {
        // ECS says ClientException, not a code of its own, for a family without an active revision.
        Err(error) if is_client_error(&error) => return Ok(None),
        newest => newest?,
    };
    let same = newest
        .tags()
        .iter()
        .any(|t| t.key() == Some(DIGEST_TAG) && t.value() == Some(digest));
    let arn = newest
        .task_definition
        .and_then(|definition| definition.task_definition_arn);
    Ok(arn.filter(|_| same))
}

fn is_client_error(error: &CloudError) -> bool {
    matches!(error, CloudError::Aws { code, .. } if code == "ClientException")
        || error.class() == Class::NotFound
}

fn digest(cloud: &Cloud, cell: &Cell, image: &str) -> String {
    let made_from = json!([
        image,
        cell,
        cloud.foundation.job,
        SIZE,
        USER,
        TEMPORARY,
        TEMPORARY_OPTIONS
    ]);
    hex::encode(Sha256::digest(made_from.to_string()))[..16].to_owned()
}

fn request(
    cloud: &Cloud,
    cell: &Cell,
    image: &str,
    family: &str,
    digest: &str,
) -> Result<RegisterTaskDefinitionFluentBuilder, CloudError> {
    let mut tags = tags_of_cell(&cloud.foundation.environment, &cell.name);
    tags.insert(DIGEST_TAG.to_owned(), digest.to_owned());
    let tags = tags
        .into_iter()
        .map(|(key, value)| Tag::builder().key(key).value(value).build());
    Ok(cloud
        .ecs
        .register_task_definition()
        .family(family)
        .requires_compatibilities(Compatibility::Fargate)
        .network_mode(NetworkMode::Awsvpc)
        .cpu(SIZE.0)
        .memory(SIZE.1)
        .execution_role_arn(&cloud.foundation.job.execution_role_arn)
        .task_role_arn(&cloud.foundation.job.task_role_arn)
        .container_definitions(container(cloud, cell, image)?)
        .set_tags(Some(tags.collect())))
}

fn container(cloud: &Cloud, cell: &Cell, image: &str) -> Result<ContainerDefinition, CloudError> {
    let admin = &cell.database.admin_secret_arn;
    let secret = |name: &str, field: &str| {
        Secret::builder()
            .name(name)
            .value_from(format!("{admin}:{field}::"))
            .build()
            .map_err(unusable)
    };
    let variable =
        |name: &str, value: &str| KeyValuePair::builder().name(name).value(value).build();
    let logs = LogConfiguration::builder()
        .log_driver(LogDriver::Awslogs)
        .set_options(Some(HashMap::from([
            (
                "awslogs-group".to_owned(),
                cloud.foundation.job.log_group.clone(),
            ),
            ("awslogs-region".to_owned(), cloud.foundation.region.clone()),
            ("awslogs-stream-prefix".to_owned(), STREAM_PREFIX.to_owned()),
        ])))
        .build()
        .map_err(unusable)?;
    Ok(ContainerDefinition::builder()
        .name("job")
        .image(image)
        .essential(true)
        .command("run")
        .user(USER)
        .readonly_root_filesystem(true)
        .linux_parameters(linux())
        .environment(variable("DB_HOST", &cell.database.host))
        .environment(variable("DB_PORT", &cell.database.port.to_string()))
        .secrets(secret("DB_ADMIN_USER", "username")?)
        .secrets(secret("DB_ADMIN_PASSWORD", "password")?)
        .log_configuration(logs)
        .build())
}

fn unusable(error: aws_smithy_types::error::operation::BuildError) -> CloudError {
    CloudError::Unusable(error.to_string())
}
