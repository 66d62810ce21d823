//! Bringing an image from one environment's registry into another's, with its signatures and attestations.
//!
//! Registries of two accounts cannot mount each other's blobs, so what the other lacks passes through this process, part by
//! part; what it has is not sent.

use futures::{StreamExt as _, TryStreamExt as _, stream};
use serde::Serialize;

use super::{
    ImageError, Registry,
    oci::{Raw, Store},
    push::immutable,
    sign::tag,
};
use crate::output::narrate;

/// Blobs on their way at once; each holds one part in memory.
const AT_ONCE: usize = 4;

/// An image that two registries have.
#[derive(Clone, Debug, Serialize)]
pub struct Copied {
    /// `<registry>/<repository>@sha256:…`, in the other registry.
    pub reference: String,
    /// `sha256:…` of the manifest, which is the same in both.
    pub digest: String,
    /// Its tags in the other registry.
    pub tags: Vec<String>,
    /// What came with it: `sig`, `att`.
    pub artifacts: Vec<&'static str>,
    /// Blobs that were sent; the other ones were there.
    pub blobs_sent: usize,
}

/// Copies the image under a tag or digest. Tags come last, so one that is cut off leaves nothing that anybody would run; a
/// repeat sends only what is missing.
///
/// # Errors
/// There is no such image; one of its tags is another image there and the repository keeps tags as they are; AWS's.
pub async fn copy(from: Registry, to: Registry, reference: &str) -> Result<Copied, ImageError> {
    let (from, to) = (Store::new(from)?, Store::new(to)?);
    let uri = &from.registry.uri;
    let image = from.manifest(reference).await?.ok_or_else(|| {
        ImageError::NotPushed(match reference.starts_with("sha256:") {
            true => format!("{uri}@{reference}"),
            false => format!("{uri}:{reference}"),
        })
    })?;
    let tags = match reference.starts_with("sha256:") {
        true => tags_of(&from, &image.digest).await?,
        false => vec![reference.to_owned()],
    };
    for tag in &tags {
        movable(&to, tag, &image).await?;
    }
    let mut blobs_sent = blobs(&from, &to, &image).await?;
    to.put_manifest(&image, None).await?;
    let mut artifacts = Vec::new();
    for suffix in ["att", "sig"] {
        let tag = tag(&image.digest, suffix);
        let Some(artifact) = from.manifest(&tag).await? else {
            continue;
        };
        movable(&to, &tag, &artifact).await?;
        blobs_sent += blobs(&from, &to, &artifact).await?;
        to.put_manifest(&artifact, Some(&tag)).await?;
        artifacts.push(suffix);
    }
    for tag in &tags {
        to.put_manifest(&image, Some(tag)).await?;
    }
    Ok(Copied {
        reference: format!("{}@{}", to.registry.uri, image.digest),
        digest: image.digest,
        tags,
        artifacts,
        blobs_sent,
    })
}

async fn tags_of(store: &Store, digest: &str) -> Result<Vec<String>, ImageError> {
    let registry = &store.registry;
    let id = aws_sdk_ecr::types::ImageIdentifier::builder()
        .image_digest(digest)
        .build();
    let found = registry
        .ecr
        .describe_images()
        .repository_name(&registry.repository)
        .image_ids(id)
        .send()
        .await
        .map_err(registry.failed("reading an image's tags in"))?;
    let details = found.image_details().first();
    Ok(details.map_or_else(Vec::new, |details| details.image_tags().to_vec()))
}

/// Refuses a tag that is another image and has to stay so.
async fn movable(store: &Store, tag: &str, image: &Raw) -> Result<(), ImageError> {
    let registry = &store.registry;
    match store.manifest(tag).await? {
        Some(there) if there.digest != image.digest => {
            if immutable(registry).await? {
                return Err(ImageError::TagTaken {
                    repository: registry.repository.clone(),
                    tag: tag.to_owned(),
                    digest: there.digest,
                });
            }
            narrate(format_args!(
                "{}:{tag} moves from {}",
                registry.uri, there.digest
            ));
            Ok(())
        }
        _ => Ok(()),
    }
}

/// Sends the blobs of an image that the other registry lacks, and says how many those were.
async fn blobs(from: &Store, to: &Store, image: &Raw) -> Result<usize, ImageError> {
    let manifest = image.parse()?;
    let all = std::iter::once(&manifest.config).chain(&manifest.layers);
    let mut digests: Vec<_> = all.map(|blob| blob.digest.clone()).collect();
    digests.sort();
    digests.dedup();
    let present = to.present(&digests).await?;
    digests.retain(|digest| !present.contains(digest));
    let sent = stream::iter(&digests).map(|digest| {
        narrate(format_args!("copying {digest}"));
        to.take(from, digest)
    });
    sent.buffer_unordered(AT_ONCE)
        .try_collect::<Vec<_>>()
        .await?;
    Ok(digests.len())
}
