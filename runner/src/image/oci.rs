//! What a registry holds beside images, and images as a registry sees them: manifests and blobs, through ECR's own API. So
//! IAM decides what may be read and written, and there is no second login.
//!
//! Blobs are streamed in parts; nothing touches the disk. Digests are checked on every read.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ecr::{
    error::ProvideErrorMetadata,
    primitives::Blob,
    types::{ImageIdentifier, LayerAvailability},
};
use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt, Empty};
use hyper::{Request, StatusCode, body::Incoming};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{ImageError, Registry};

/// Of an image manifest, <https://specs.opencontainers.org/image-spec/manifest/>.
pub(super) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// Of an image's configuration.
pub(super) const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
/// The forms of manifest that are read; those of several images come with their parts.
const ACCEPTED: [&str; 4] = [
    MANIFEST,
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
];
/// Bytes of the largest blob that is read whole: a bill of materials has one or two million.
const LARGEST: u64 = 64 << 20;
/// Bytes of a part where ECR names none: UploadLayerPart takes 5 MiB at least, but for the last, and 20 MiB at most.
const PART: usize = 10 << 20;
/// How many layers BatchCheckLayerAvailability takes.
const AT_ONCE: usize = 100;

/// A reference to a blob or a manifest, <https://specs.opencontainers.org/image-spec/descriptor/>.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Descriptor {
    pub(super) media_type: String,
    pub(super) digest: String,
    pub(super) size: u64,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) annotations: BTreeMap<String, String>,
}

impl Descriptor {
    pub(super) fn of(media_type: &str, content: &[u8]) -> Self {
        Self {
            media_type: media_type.to_owned(),
            digest: digest(content),
            size: content.len() as u64,
            annotations: BTreeMap::new(),
        }
    }
}

/// An image manifest, as far as it matters here.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Manifest {
    pub(super) schema_version: u32,
    pub(super) media_type: String,
    pub(super) config: Descriptor,
    pub(super) layers: Vec<Descriptor>,
    /// The image that an artifact is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) subject: Option<Descriptor>,
}

/// A manifest, byte by byte as the registry holds it.
#[derive(Clone, Debug)]
pub(super) struct Raw {
    pub(super) digest: String,
    pub(super) media_type: String,
    pub(super) text: String,
}

impl Raw {
    /// # Errors
    /// It is of several images, or no manifest.
    pub(super) fn parse(&self) -> Result<Manifest, ImageError> {
        serde_json::from_str(&self.text).map_err(|error| {
            ImageError::Answer(format!(
                "{} ({}) is not the manifest of one image: {error}",
                self.digest, self.media_type
            ))
        })
    }

    /// What an artifact names its image by.
    pub(super) fn descriptor(&self) -> Descriptor {
        Descriptor::of(&self.media_type, self.text.as_bytes())
    }
}

/// `sha256:…`.
pub(super) fn digest(content: &[u8]) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(content)))
}

/// A repository whose manifests and blobs are read and written.
pub(super) struct Store {
    pub(super) registry: Registry,
    http: Client<HttpsConnector<HttpConnector>, Empty<Bytes>>,
}

impl Store {
    /// # Errors
    /// The machine trusts no certificates.
    pub(super) fn new(registry: Registry) -> Result<Self, ImageError> {
        let https = HttpsConnectorBuilder::new()
            .with_native_roots()
            .map_err(ImageError::io("reading this machine's certificates"))?
            .https_or_http()
            .enable_http1()
            .build();
        let http = Client::builder(TokioExecutor::new()).build(https);
        Ok(Self { registry, http })
    }

    /// The manifest under a tag or a digest; none where there is none.
    ///
    /// # Errors
    /// AWS's; the manifest's content is not what its digest says.
    pub(super) async fn manifest(&self, reference: &str) -> Result<Option<Raw>, ImageError> {
        let registry = &self.registry;
        let id = match reference.starts_with("sha256:") {
            true => ImageIdentifier::builder().image_digest(reference),
            false => ImageIdentifier::builder().image_tag(reference),
        };
        let found = registry
            .ecr
            .batch_get_image()
            .repository_name(&registry.repository)
            .image_ids(id.build())
            .set_accepted_media_types(Some(ACCEPTED.map(str::to_owned).to_vec()))
            .send()
            .await
            .map_err(registry.failed("reading a manifest of"))?;
        let Some(image) = found.images().first() else {
            return Ok(None);
        };
        let text = image.image_manifest().unwrap_or_default().to_owned();
        let wanted = image.image_id().and_then(|id| id.image_digest());
        let found = digest(text.as_bytes());
        if wanted != Some(found.as_str()) {
            return Err(ImageError::Answer(format!(
                "{} holds another manifest than it says under {reference}: {found}, not {}",
                registry.repository,
                wanted.unwrap_or("unnamed")
            )));
        }
        Ok(Some(Raw {
            digest: found,
            media_type: image
                .image_manifest_media_type()
                .unwrap_or(MANIFEST)
                .to_owned(),
            text,
        }))
    }

    /// Stores a manifest, under a tag if one is given. Its blobs must be there. A repeat changes nothing.
    ///
    /// # Errors
    /// AWS's; the tag is taken, and the repository keeps tags as they are.
    pub(super) async fn put_manifest(
        &self,
        manifest: &Raw,
        tag: Option<&str>,
    ) -> Result<(), ImageError> {
        let registry = &self.registry;
        let put = registry
            .ecr
            .put_image()
            .repository_name(&registry.repository)
            .image_manifest(&manifest.text)
            .image_manifest_media_type(&manifest.media_type)
            .image_digest(&manifest.digest)
            .set_image_tag(tag.map(str::to_owned))
            .send()
            .await;
        let code = |error: &aws_sdk_ecr::error::SdkError<_>| {
            let service: Option<&aws_sdk_ecr::operation::put_image::PutImageError> =
                error.as_service_error();
            service
                .and_then(ProvideErrorMetadata::code)
                .unwrap_or_default()
                .to_owned()
        };
        match (put, tag) {
            (Ok(_), _) => Ok(()),
            // It is there, under this very tag.
            (Err(error), _) if code(&error) == "ImageAlreadyExistsException" => Ok(()),
            (Err(error), Some(tag)) if code(&error) == "ImageTagAlreadyExistsException" => {
                match self.manifest(tag).await? {
                    Some(there) if there.digest == manifest.digest => Ok(()),
                    there => Err(ImageError::TagTaken {
                        repository: registry.repository.clone(),
                        tag: tag.to_owned(),
                        digest: there.map_or_else(String::new, |there| there.digest),
                    }),
                }
            }
            (Err(error), _) => Err(registry.failed("storing a manifest in")(error)),
        }
    }

    /// Which of these blobs are there.
    ///
    /// # Errors
    /// AWS's.
    pub(super) async fn present(&self, digests: &[String]) -> Result<BTreeSet<String>, ImageError> {
        let registry = &self.registry;
        let mut present = BTreeSet::new();
        for digests in digests.chunks(AT_ONCE) {
            let answer = registry
                .ecr
                .batch_check_layer_availability()
                .repository_name(&registry.repository)
                .set_layer_digests(Some(digests.to_vec()))
                .send()
                .await
                .map_err(registry.failed("looking for layers in"))?;
            let there = answer
                .layers()
                .iter()
                .filter(|layer| layer.layer_availability() == Some(&LayerAvailability::Available));
            present.extend(there.filter_map(|layer| Some(layer.layer_digest()?.to_owned())));
        }
        Ok(present)
    }

    /// A small blob, whole.
    ///
    /// # Errors
    /// AWS's; it is too large, or not what its digest says.
    pub(super) async fn blob(&self, blob: &Descriptor) -> Result<Vec<u8>, ImageError> {
        let wrong = |reason: String| {
            let repository = &self.registry.repository;
            ImageError::Answer(format!("blob {} of {repository}: {reason}", blob.digest))
        };
        if blob.size > LARGEST {
            return Err(wrong(format!("{} bytes are too many", blob.size)));
        }
        let mut body = self.open(&blob.digest).await?;
        let mut content = Vec::new();
        while let Some(chunk) = next(&mut body).await.map_err(wrong)? {
            content.extend_from_slice(&chunk);
            if content.len() as u64 > blob.size {
                return Err(wrong(format!("it is longer than {} bytes", blob.size)));
            }
        }
        let found = digest(&content);
        if found == blob.digest {
            Ok(content)
        } else {
            Err(wrong(format!("its content is {found}")))
        }
    }

    /// Stores a small blob, unless it is there.
    ///
    /// # Errors
    /// AWS's.
    pub(super) async fn put_blob(&self, content: &[u8]) -> Result<(), ImageError> {
        let digest = digest(content);
        if self
            .present(std::slice::from_ref(&digest))
            .await?
            .contains(&digest)
        {
            return Ok(());
        }
        let mut upload = Upload::begin(self).await?;
        upload.add(self, content).await?;
        upload.end(self, &digest).await
    }

    /// Brings a blob over from another repository, part by part as it arrives. One that is cut off leaves nothing.
    ///
    /// # Errors
    /// AWS's; the blob is not what its digest says, which the receiving registry checks.
    pub(super) async fn take(&self, from: &Self, digest: &str) -> Result<(), ImageError> {
        let mut body = from.open(digest).await?;
        let mut upload = Upload::begin(self).await?;
        while let Some(chunk) = next(&mut body)
            .await
            .map_err(|reason| ImageError::Answer(format!("reading blob {digest}: {reason}")))?
        {
            upload.add(self, &chunk).await?;
        }
        upload.end(self, digest).await
    }

    async fn open(&self, digest: &str) -> Result<Incoming, ImageError> {
        let registry = &self.registry;
        let answer = registry
            .ecr
            .get_download_url_for_layer()
            .repository_name(&registry.repository)
            .layer_digest(digest)
            .send()
            .await
            .map_err(registry.failed("asking for a blob of"))?;
        let wrong = |reason: String| {
            ImageError::Answer(format!(
                "reading blob {digest} of {}: {reason}",
                registry.repository
            ))
        };
        // The URL is signed, so it is a secret for as long as it is good: it stays out of messages.
        let request = Request::get(answer.download_url().unwrap_or_default())
            .body(Empty::new())
            .map_err(|error| wrong(error.to_string()))?;
        let answer = self
            .http
            .request(request)
            .await
            .map_err(|error| wrong(causes(&error)))?;
        match answer.status() {
            StatusCode::OK => Ok(answer.into_body()),
            status => Err(wrong(format!("the registry's storage answered {status}"))),
        }
    }
}

fn causes(error: &dyn std::error::Error) -> String {
    let all = std::iter::successors(Some(error), |error| error.source());
    all.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

async fn next(body: &mut Incoming) -> Result<Option<Bytes>, String> {
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| format!("the transfer broke off: {error}"))?;
        if let Ok(data) = frame.into_data() {
            return Ok(Some(data));
        }
    }
    Ok(None)
}

/// A blob on its way into a repository.
struct Upload {
    id: String,
    part: usize,
    sent: i64,
    buffer: BytesMut,
}

impl Upload {
    async fn begin(store: &Store) -> Result<Self, ImageError> {
        let registry = &store.registry;
        let answer = registry
            .ecr
            .initiate_layer_upload()
            .repository_name(&registry.repository)
            .send()
            .await
            .map_err(registry.failed("beginning an upload to"))?;
        Ok(Self {
            id: answer.upload_id().unwrap_or_default().to_owned(),
            part: answer
                .part_size()
                .and_then(|size| usize::try_from(size).ok())
                .unwrap_or(PART),
            sent: 0,
            buffer: BytesMut::new(),
        })
    }

    async fn add(&mut self, store: &Store, content: &[u8]) -> Result<(), ImageError> {
        self.buffer.extend_from_slice(content);
        while self.buffer.len() > self.part {
            let part = self.buffer.split_to(self.part);
            self.send(store, &part).await?;
        }
        Ok(())
    }

    async fn send(&mut self, store: &Store, part: &[u8]) -> Result<(), ImageError> {
        let (first, next) = (self.sent, self.sent + part.len() as i64);
        let registry = &store.registry;
        registry
            .ecr
            .upload_layer_part()
            .repository_name(&registry.repository)
            .upload_id(&self.id)
            .part_first_byte(first)
            .part_last_byte(next - 1)
            .layer_part_blob(Blob::new(part))
            .send()
            .await
            .map_err(registry.failed("sending a part of a blob to"))?;
        self.sent = next;
        Ok(())
    }

    async fn end(mut self, store: &Store, digest: &str) -> Result<(), ImageError> {
        let rest = std::mem::take(&mut self.buffer);
        self.send(store, &rest).await?;
        let registry = &store.registry;
        let ended = registry
            .ecr
            .complete_layer_upload()
            .repository_name(&registry.repository)
            .upload_id(&self.id)
            .layer_digests(digest)
            .send()
            .await;
        match ended {
            Ok(_) => Ok(()),
            // Another run was faster.
            Err(error)
                if error
                    .as_service_error()
                    .and_then(ProvideErrorMetadata::code)
                    == Some("LayerAlreadyExistsException") =>
            {
                Ok(())
            }
            Err(error) => Err(registry.failed("ending an upload to")(error)),
        }
    }
}
