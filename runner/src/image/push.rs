//! Pushing a built image into an environment's registry.

use aws_sdk_ecr::types::{ImageIdentifier, ImageTagMutability};
use bollard::{
    Docker,
    auth::DockerCredentials,
    query_parameters::{PushImageOptionsBuilder, TagImageOptionsBuilder},
};
use futures::StreamExt;
use serde::Serialize;

use super::{ImageError, LOCAL_NAME, build::connect};
use crate::output::narrate;

/// What to push, and where to.
pub struct Push<'a> {
    /// The registry of the environment's account and region.
    pub ecr: &'a aws_sdk_ecr::Client,
    /// The repository's name.
    pub repository: &'a str,
    /// What task definitions write before the digest.
    pub uri: &'a str,
    /// The tag, here and there.
    pub tag: &'a str,
}

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
pub async fn push(push: &Push<'_>) -> Result<Pushed, ImageError> {
    let local = format!("{LOCAL_NAME}:{}", push.tag);
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
    if let Some(there) = stored(push).await? {
        if there.config == id {
            return Ok(push.pushed(there.digest, true));
        }
        if immutable(push).await? {
            let (repository, tag) = (push.repository.to_owned(), push.tag.to_owned());
            return Err(ImageError::TagTaken {
                repository,
                tag,
                digest: there.digest,
            });
        }
        narrate(format_args!(
            "{}:{} moves from {}",
            push.repository, push.tag, there.digest
        ));
    }
    send(&docker, push, &local).await?;
    match stored(push).await? {
        Some(there) if there.config == id => Ok(push.pushed(there.digest, false)),
        _ => Err(ImageError::Answer(format!(
            "{}:{} is not there after the push",
            push.repository, push.tag
        ))),
    }
}

impl Push<'_> {
    fn pushed(&self, digest: String, already_there: bool) -> Pushed {
        let reference = format!("{}@{digest}", self.uri);
        Pushed {
            reference,
            digest,
            tag: self.tag.to_owned(),
            already_there,
        }
    }

    fn failed<E>(&self, action: &str) -> impl FnOnce(aws_sdk_ecr::error::SdkError<E>) -> ImageError
    where
        E: aws_sdk_ecr::error::ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        let attempt = format!("{action} {}", self.repository);
        move |error| ImageError::Aws {
            attempt,
            source: describe(&error).into(),
        }
    }
}

struct Stored {
    digest: String,
    /// The digest of the image's configuration, which is the engine's image id.
    config: String,
}

/// What the registry has under the tag. An image of several platforms has no configuration of its own, so it never
/// counts as the same.
async fn stored(push: &Push<'_>) -> Result<Option<Stored>, ImageError> {
    let id = ImageIdentifier::builder().image_tag(push.tag).build();
    let found = push
        .ecr
        .batch_get_image()
        .repository_name(push.repository)
        .image_ids(id)
        .send()
        .await;
    let found = found.map_err(push.failed("looking for the tag in"))?;
    let Some(image) = found.images().first() else {
        return Ok(None);
    };
    let manifest: serde_json::Value =
        serde_json::from_str(image.image_manifest().unwrap_or_default()).map_err(|error| {
            ImageError::Answer(format!(
                "the manifest of {}:{}: {error}",
                push.repository, push.tag
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

async fn immutable(push: &Push<'_>) -> Result<bool, ImageError> {
    let found = push
        .ecr
        .describe_repositories()
        .repository_names(push.repository)
        .send()
        .await;
    let found = found.map_err(push.failed("reading the repository"))?;
    let mutability = found
        .repositories()
        .first()
        .and_then(|repository| repository.image_tag_mutability());
    Ok(mutability.is_some_and(|mutability| *mutability != ImageTagMutability::Mutable))
}

async fn send(docker: &Docker, push: &Push<'_>, local: &str) -> Result<(), ImageError> {
    let login = push
        .ecr
        .get_authorization_token()
        .send()
        .await
        .map_err(push.failed("getting a login for"))?;
    let credentials = login
        .authorization_data()
        .first()
        .and_then(credentials)
        .ok_or_else(|| {
            ImageError::Answer(
                "ECR's login is not of the form that its documentation says".to_owned(),
            )
        })?;
    let host = credentials.serveraddress.clone().unwrap_or_default();
    let name = format!("{host}/{}", push.repository);

    let target = TagImageOptionsBuilder::default()
        .repo(&name)
        .tag(push.tag)
        .build();
    let tagging = docker.tag_image(local, Some(target)).await;
    tagging.map_err(ImageError::docker(format_args!(
        "tagging {local} as {name}:{}",
        push.tag
    )))?;
    narrate(format_args!("pushing {name}:{}", push.tag));
    let options = PushImageOptionsBuilder::default().tag(push.tag).build();
    let mut progress = Box::pin(docker.push_image(&name, Some(options), Some(credentials)));
    while let Some(message) = progress.next().await {
        let message = message.map_err(ImageError::docker(format_args!(
            "pushing {name}:{}",
            push.tag
        )))?;
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

/// The token is `AWS:<password>` in Base64; the endpoint is a URL whose host Docker is to be given.
fn credentials(data: &aws_sdk_ecr::types::AuthorizationData) -> Option<DockerCredentials> {
    let token = aws_smithy_types::base64::decode(data.authorization_token()?).ok()?;
    let token = String::from_utf8(token).ok()?;
    let (username, password) = token.split_once(':')?;
    let endpoint = data.proxy_endpoint()?;
    let host = endpoint
        .split_once("://")
        .map_or(endpoint, |(_scheme, host)| host)
        .trim_end_matches('/');
    Some(DockerCredentials {
        username: Some(username.to_owned()),
        password: Some(password.to_owned()),
        serveraddress: Some(host.to_owned()),
        ..DockerCredentials::default()
    })
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

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_ecr::types::AuthorizationData;

    #[test]
    fn a_login_is_taken_apart_whatever_the_endpoints_scheme() {
        for (endpoint, host) in [
            (
                "https://111111111111.dkr.ecr.af-south-1.amazonaws.com",
                "111111111111.dkr.ecr.af-south-1.amazonaws.com",
            ),
            ("http://127.0.0.1:5000/", "127.0.0.1:5000"),
        ] {
            let data = AuthorizationData::builder()
                .authorization_token("QVdTOnA6dw==")
                .proxy_endpoint(endpoint)
                .build();
            let login = credentials(&data).unwrap();
            assert_eq!(login.username.as_deref(), Some("AWS"));
            assert_eq!(login.password.as_deref(), Some("p:w"));
            assert_eq!(login.serveraddress.as_deref(), Some(host));
        }
    }
}
