//! Signing an image in a registry, as cosign does: the signature under the tag `sha256-<digest>.sig`, attestations under
//! `sha256-<digest>.att`. Both also name the image as their subject, so that registries list them with it.

use aws_smithy_types::base64;
use serde::Serialize;
use serde_json::json;

use super::{
    ImageError, LOCAL_NAME, Registry, attest,
    build::connect,
    contents,
    keys::Signer,
    oci::{self, Descriptor, Manifest, Raw, Store},
    origin::{DIRTY, Origin},
    sbom, verify,
};
use crate::output::narrate;

/// Of the payload of a signature.
pub(super) const SIMPLE: &str = "application/vnd.dev.cosign.simplesigning.v1+json";
/// Of an attestation.
pub(super) const DSSE: &str = "application/vnd.dsse.envelope.v1+json";
/// The annotation of a layer that holds its signature; empty for envelopes, which hold their own.
pub(super) const SIGNATURE: &str = "dev.cosignproject.cosign/signature";
const PREDICATE: &str = "predicateType";

/// The tag under which cosign looks for something of an image.
pub(super) fn tag(digest: &str, suffix: &str) -> String {
    format!("{}.{suffix}", digest.replace(':', "-"))
}

/// A signed image.
#[derive(Clone, Debug, Serialize)]
pub struct Signed {
    /// `<registry>/<repository>@sha256:…`.
    pub reference: String,
    /// `sha256:…` of the manifest.
    pub digest: String,
    /// The key.
    pub key: String,
    /// Its public half in PEM.
    pub public_key: String,
    /// The commit that it was built from, if that is known.
    pub revision: Option<String>,
    /// It was signed by this key before; nothing was written.
    pub already_signed: bool,
}

/// Signs the image that was built here under `tag` and pushed: its digest, where it comes from, and its bill of materials.
///
/// A repeat with the same key writes nothing. One that was cut off is finished by a repeat: attestations are written
/// before the signature, and what is there and holds is kept. Another key's signatures are kept beside this one's.
///
/// # Errors
/// The image is not built, not pushed, or another one is; the registry keeps tags as they are and a signature of another
/// key has the tag; the key cannot be used; Docker or AWS fail.
pub async fn sign(
    registry: Registry,
    image_tag: &str,
    signer: &Signer,
) -> Result<Signed, ImageError> {
    let local = format!("{LOCAL_NAME}:{image_tag}");
    let contents = contents::read(&connect().await?, &local).await?;
    let store = Store::new(registry)?;
    let uri = store.registry.uri.clone();
    let image = store.manifest(image_tag).await?;
    let image = image.ok_or_else(|| ImageError::NotPushed(format!("{uri}:{image_tag}")))?;
    if image.parse()?.config.digest != contents.id {
        return Err(ImageError::OtherImage {
            local,
            remote: format!("{uri}:{image_tag}"),
        });
    }
    let origin = Origin::from_labels(&contents.labels).ok_or_else(|| {
        ImageError::Answer(format!("{local} does not say what it was built from"))
    })?;
    match &origin.revision {
        Some(revision) if revision.ends_with(DIRTY) => narrate(format_args!(
            "{local} was built from changed sources: its provenance says {revision}"
        )),
        Some(_) => {}
        None => narrate(format_args!(
            "{local} was built outside git: its provenance names no commit"
        )),
    }
    let reference = format!("{uri}@{}", image.digest);
    let mut signed = Signed {
        reference,
        digest: image.digest.clone(),
        key: signer.public.name.clone(),
        public_key: signer.public.pem()?,
        revision: origin.revision.clone(),
        already_signed: false,
    };
    let keys = std::slice::from_ref(&signer.public);
    let attested = verify::attestations(&store, &image.digest, keys).await?;
    let is_signed = verify::signature(&store, &image.digest, keys)
        .await?
        .is_ok();
    let base = contents.labels.get("org.opencontainers.image.base.name");
    let statements = [
        (
            attest::PROVENANCE,
            attest::provenance(&origin, base.map_or("", String::as_str), &contents.created),
        ),
        (attest::BILL, sbom::bill(&contents)?),
    ];
    let mut layers = Vec::new();
    let missing = |kind: &str| attested.found.iter().all(|(found, _)| found != kind);
    for (kind, predicate) in statements.into_iter().filter(|(kind, _)| missing(kind)) {
        let statement = attest::statement(&uri, &image.digest, kind, &predicate);
        let signature = signer.sign(&attest::to_sign(&statement)).await?;
        let layer = layer(&store, DSSE, &attest::envelope(&statement, &signature)).await?;
        layers.push(annotated(
            layer,
            [(SIGNATURE, String::new()), (PREDICATE, kind.to_owned())],
        ));
    }
    signed.already_signed = is_signed && layers.is_empty();
    if !layers.is_empty() {
        attach(&store, &image, "att", layers).await?;
    }
    if is_signed {
        return Ok(signed);
    }
    let payload = attest::signed_payload(&uri, &image.digest);
    let signature = base64::encode(signer.sign(&payload).await?);
    let layer = layer(&store, SIMPLE, &payload).await?;
    attach(
        &store,
        &image,
        "sig",
        vec![annotated(layer, [(SIGNATURE, signature)])],
    )
    .await?;
    Ok(signed)
}

async fn layer(store: &Store, media_type: &str, content: &[u8]) -> Result<Descriptor, ImageError> {
    store.put_blob(content).await?;
    Ok(Descriptor::of(media_type, content))
}

fn annotated<const N: usize>(
    mut layer: Descriptor,
    annotations: [(&str, String); N],
) -> Descriptor {
    let annotations = annotations.into_iter();
    layer
        .annotations
        .extend(annotations.map(|(name, value)| (name.to_owned(), value)));
    layer
}

/// Adds layers to what is attached to the image under this suffix.
async fn attach(
    store: &Store,
    image: &Raw,
    suffix: &str,
    added: Vec<Descriptor>,
) -> Result<(), ImageError> {
    let tag = tag(&image.digest, suffix);
    let mut layers = match store.manifest(&tag).await? {
        Some(there) => there.parse()?.layers,
        None => Vec::new(),
    };
    layers.extend(added);
    let contents: Vec<_> = layers.iter().map(|layer| &layer.digest).collect();
    // Cosign makes artifacts as images of no platform.
    let config = json!({
        "architecture": "", "os": "", "created": "0001-01-01T00:00:00Z", "config": {},
        "history": vec![json!({"created": "0001-01-01T00:00:00Z"}); layers.len()],
        "rootfs": {"type": "layers", "diff_ids": contents},
    })
    .to_string();
    store.put_blob(config.as_bytes()).await?;
    let manifest = Manifest {
        schema_version: 2,
        media_type: oci::MANIFEST.to_owned(),
        config: Descriptor::of(oci::CONFIG, config.as_bytes()),
        layers,
        subject: Some(image.descriptor()),
    };
    let text = serde_json::to_string(&manifest).unwrap_or_default();
    let raw = Raw {
        digest: oci::digest(text.as_bytes()),
        media_type: oci::MANIFEST.to_owned(),
        text,
    };
    store.put_manifest(&raw, Some(&tag)).await
}
