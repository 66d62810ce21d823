//! Pushing a built image into an environment's registry.

use aws_sdk_ecr::types::{ImageIdentifier, ImageTagMutability};
use bollard::{
    Docker,
    auth::DockerCredentials,
    query_parameters::{PushImageOptionsBuilder, TagImageOptionsBuilder},
};
use futures::StreamExt;
use serde::Serialize;

use super::{ImageError, LOCAL_NAME, Registry, build::connect, registry::Login};
use crate::output::narrate;

/// An image in a registry.
#[derive(Clone, Debug, Serialize)]
pub struct Pushed {
    /// How a task definition names it: `<registry>/<repository>@sha256:…`.
    pub reference: String,
    /// `sha256:…` of the manifest.
    pub digest: String,
    /// The tag.
    pub tag: String,
    /// It was there before; nothing was sent.
    pub already_there: bool,
}

/// Pushes the local image of that tag. When the registry has this very image under it, nothing is sent; a push that is cut
/// off leaves layers without a tag, which the repeat uses.
///
/// # Errors
/// When the image is not built, the tag is taken by another image in a repository with immutable tags, or Docker or AWS
/// fail.
pub async fn push(registry: &Registry, tag: &str) -> Result<Pushed, ImageError> {
    let local = format!("{LOCAL_NAME}:{tag}");
    let docker = connect().await?;
    let id = match docker.inspect_image(&local).await {
        Ok(image) => image.id.unwrap_or_default(),
        Err(bollard::errors::Error::DockerResponseServerError {
            status_code: 404, ..
        }) => {
            return Err(ImageError::NotBuilt(local));
        }
        Err(source) => {
            return Err(ImageError::Docker {
                attempt: format!("reading {local}"),
                source,
            });
        }
    };
    let pushed = |digest: String, already_there| Pushed {
        reference: format!("{}@{digest}", registry.uri),
        digest,
        tag: tag.to_owned(),
        already_there,
    };
    if let Some(there) = stored(registry, tag).await? {
        if there.config == id {
            return Ok(pushed(there.digest, true));
        }
        if immutable(registry).await? {
            return Err(ImageError::TagTaken {
                repository: registry.repository.clone(),
                tag: tag.to_owned(),
                digest: there.digest,
            });
        }
        narrate(format_args!(
            "{}:{tag} moves from {}",
            registry.repository, there.digest
        ));
    }
    send(&docker, registry, tag, &local).await?;
    match stored(registry, tag).await? {
        Some(there) if there.config == id => Ok(pushed(there.digest, false)),
        _ => Err(ImageError::Answer(format!(
            "{}:{tag} is not there after the push",
            registry.repository
        ))),
    }
}

/// What a registry has under a tag.
pub(super) struct Stored {
    /// Of the manifest.
    pub(super) digest: String,
    /// The digest of the image's configuration, which is the engine's image id.
    pub(super) config: String,
}

/// What the registry has under the tag. An image of several platforms has no configuration of its own, so it never
/// counts as the same.
pub(super) async fn stored(registry: &Registry, tag: &str) -> Result<Option<Stored>, ImageError> {
    let id = ImageIdentifier::builder().image_tag(tag).build();
    let found = registry
        .ecr
        .batch_get_image()
        .repository_name(&registry.repository)
        .image_ids(id)
        .send()
        .await;
    let found = found.map_err(registry.failed("looking for the tag in"))?;
    let Some(image) = found.images().first() else {
        return Ok(None);
    };
    let manifest: serde_json::Value =
        serde_json::from_str(image.image_manifest().unwrap_or_default()).map_err(|error| {
            ImageError::Answer(format!(
                "the manifest of {}:{tag}: {error}",
                registry.repository
            ))
        })?;
    let config = manifest
        .pointer("/config/digest")
        .and_then(|digest| digest.as_str())
        .unwrap_or_default()
        .to_owned();
    let digest = image
        .image_id()
        .and_then(|id| id.image_digest())
        .unwrap_or_default()
        .to_owned();
    Ok(Some(Stored { digest, config }))
}

pub(super) async fn immutable(registry: &Registry) -> Result<bool, ImageError> {
    let found = registry
        .ecr
        .describe_repositories()
        .repository_names(&registry.repository)
        .send()
        .await;
    let found = found.map_err(registry.failed("reading the repository"))?;
    let mutability = found
        .repositories()
        .first()
        .and_then(|repository| repository.image_tag_mutability());
    Ok(mutability.is_some_and(|mutability| *mutability != ImageTagMutability::Mutable))
}

async fn send(
    docker: &Docker,
    registry: &Registry,
    tag: &str,
    local: &str,
) -> Result<(), ImageError> {
    let Login { host, token } = registry.login().await?;
    let (username, password) = token.split_once(':').unwrap_or_default();
    let credentials = DockerCredentials {
        username: Some(username.to_owned()),
        password: Some(password.to_owned()),
        serveraddress: Some(host.clone()),
        ..DockerCredentials::default()
    };
    let name = format!("{host}/{}", registry.repository);
    let target = TagImageOptionsBuilder::default()
        .repo(&name)
        .tag(tag)
        .build();
    let tagging = docker.tag_image(local, Some(target)).await;
    tagging.map_err(ImageError::docker(format_args!(
        "tagging {local} as {name}:{tag}"
    )))?;
    narrate(format_args!("pushing {name}:{tag}"));
    let options = PushImageOptionsBuilder::default().tag(tag).build();
    let mut progress = Box::pin(docker.push_image(&name, Some(options), Some(credentials)));
    while let Some(message) = progress.next().await {
        let message = message.map_err(ImageError::docker(format_args!("pushing {name}:{tag}")))?;
        // Layers report bytes many times a second; without a count it is the change of a state.
        let counted = message
            .progress_detail
            .is_some_and(|detail| detail.total.is_some());
        if let (Some(status), false) = (message.status, counted) {
            narrate(format_args!("  {status}"));
        }
    }
    Ok(())
}

/// Code, message and request id.
pub(super) fn describe<E>(error: &aws_sdk_ecr::error::SdkError<E>) -> String
where
    E: aws_sdk_ecr::error::ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    match error.as_service_error() {
        Some(service) => {
            let id = service
                .meta()
                .extra("aws_request_id")
                .map_or(String::new(), |id| format!(" (request {id})"));
            let (code, message) = (
                service.code().unwrap_or("no code"),
                service.message().unwrap_or("no message"),
            );
            format!("{code}: {message}{id}")
        }
        None => aws_sdk_ecr::error::DisplayErrorContext(error).to_string(),
    }
}
