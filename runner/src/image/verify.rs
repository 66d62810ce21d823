//! Whether an image is signed by somebody who is trusted, and what they say of it.

use aws_smithy_types::base64;
use serde::Serialize;
use serde_json::Value;

use super::{
    ImageError, PublicKey, Registry, attest,
    oci::{Descriptor, Store},
    sign::{DSSE, SIGNATURE, SIMPLE, tag},
};

/// What is known of an image whose signatures hold.
#[derive(Clone, Debug, Serialize)]
pub struct Verified {
    /// `<registry>/<repository>@sha256:…`.
    pub reference: String,
    /// `sha256:…` of the manifest.
    pub digest: String,
    /// The key that signed it.
    pub key: String,
    /// The commit that it was built from, if that is known.
    pub revision: Option<String>,
    /// SHA-256 of the lock file that it was built from.
    pub lock: Option<String>,
    /// Who built it.
    pub builder: Option<String>,
    /// How many components its bill of materials names.
    pub components: usize,
}

/// Checks the signature of the image with this digest, or under this tag, and the signatures of its provenance and bill
/// of materials. Reads only.
///
/// # Errors
/// [`ImageError::Unverified`] when one is missing, or no key's, or about another image; AWS's.
pub async fn verify_image(
    registry: Registry,
    reference: &str,
    keys: &[PublicKey],
) -> Result<Verified, ImageError> {
    verify(&Store::new(registry)?, reference, keys).await
}

pub(super) async fn verify(
    store: &Store,
    reference: &str,
    keys: &[PublicKey],
) -> Result<Verified, ImageError> {
    let uri = &store.registry.uri;
    let image = store.manifest(reference).await?.ok_or_else(|| {
        ImageError::NotPushed(match reference.starts_with("sha256:") {
            true => format!("{uri}@{reference}"),
            false => format!("{uri}:{reference}"),
        })
    })?;
    let image = format!("{uri}@{}", image.digest);
    let digest = image.rsplit('@').next().unwrap_or_default().to_owned();
    let unverified = |reason: String| ImageError::Unverified {
        image: image.clone(),
        reason,
    };
    let key = signature(store, &digest, keys).await?.map_err(unverified)?;
    let attestations = attestations(store, &digest, keys).await?;
    let find = |kind: &str, what: &str| {
        let found = attestations.found.iter().find(|(found, _)| found == kind);
        found
            .map(|(_, predicate)| predicate.clone())
            .ok_or_else(|| {
                let why = attestations.why_not.first();
                let why = why.map_or("it was never attached".to_owned(), Clone::clone);
                unverified(format!("its {what} is not attested: {why}"))
            })
    };
    let provenance = find(attest::PROVENANCE, "provenance")?;
    let bill = find(attest::BILL, "bill of materials")?;
    let text = |pointer: &str| Some(provenance.pointer(pointer)?.as_str()?.to_owned());
    Ok(Verified {
        reference: image.clone(),
        digest: digest.clone(),
        key,
        revision: text("/buildDefinition/externalParameters/revision"),
        lock: text("/buildDefinition/resolvedDependencies/0/digest/sha256"),
        builder: text("/runDetails/builder/id"),
        components: bill["components"].as_array().map_or(0, Vec::len),
    })
}

/// The name of the key that signed the digest, or why none did.
pub(super) async fn signature(
    store: &Store,
    digest: &str,
    keys: &[PublicKey],
) -> Result<Result<String, String>, ImageError> {
    let mut why_not = "it is not signed".to_owned();
    for layer in layers(store, digest, "sig", SIMPLE).await? {
        let payload = store.blob(&layer).await?;
        let signature = layer.annotations.get(SIGNATURE).map(base64::decode);
        let Some(Ok(signature)) = signature else {
            why_not = "its signature is not of cosign's form".to_owned();
            continue;
        };
        let Some(key) = keys.iter().find(|key| key.verifies(&payload, &signature)) else {
            why_not = by_none(keys);
            continue;
        };
        match attest::subject_of_payload(&payload) {
            Some(subject) if subject == digest => return Ok(Ok(key.name.clone())),
            subject => {
                let subject = subject.unwrap_or_else(|| "nothing".to_owned());
                why_not = format!("its signature is of another image, {subject}");
            }
        }
    }
    Ok(Err(why_not))
}

pub(super) struct Attestations {
    /// Kind and content of those that hold.
    pub(super) found: Vec<(String, Value)>,
    /// Why others do not.
    why_not: Vec<String>,
}

pub(super) async fn attestations(
    store: &Store,
    digest: &str,
    keys: &[PublicKey],
) -> Result<Attestations, ImageError> {
    let (mut found, mut why_not) = (Vec::new(), Vec::new());
    for layer in layers(store, digest, "att", DSSE).await? {
        let Some(opened) = attest::open(&store.blob(&layer).await?) else {
            why_not.push("an attestation is not of in-toto's form".to_owned());
            continue;
        };
        let holds = |key: &PublicKey| {
            let mut signatures = opened.signatures.iter();
            signatures.any(|signature| key.verifies(&opened.signed, signature))
        };
        if !keys.iter().any(holds) {
            why_not.push(by_none(keys));
        } else if !opened.subjects.iter().any(|subject| subject == digest) {
            let subjects = opened.subjects.join(", ");
            why_not.push(format!("the attestation is of another image, {subjects}"));
        } else {
            found.push((opened.predicate_type, opened.predicate));
        }
    }
    Ok(Attestations { found, why_not })
}

fn by_none(keys: &[PublicKey]) -> String {
    let names: Vec<_> = keys.iter().map(|key| key.name.as_str()).collect();
    format!(
        "it is signed, but by none of the trusted keys ({})",
        names.join(", ")
    )
}

/// What is attached to a digest under this suffix and of this type.
async fn layers(
    store: &Store,
    digest: &str,
    suffix: &str,
    media_type: &str,
) -> Result<Vec<Descriptor>, ImageError> {
    let Some(manifest) = store.manifest(&tag(digest, suffix)).await? else {
        return Ok(Vec::new());
    };
    let layers = manifest.parse()?.layers.into_iter();
    Ok(layers
        .filter(|layer| layer.media_type == media_type)
        .collect())
}
