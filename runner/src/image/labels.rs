//! What a pushed image says of itself.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{ImageError, Registry, oci::Store};

/// An image's configuration, <https://specs.opencontainers.org/image-spec/config/>, as far as it matters here.
#[derive(Deserialize)]
struct Configuration {
    #[serde(default)]
    config: Execution,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Execution {
    #[serde(default)]
    labels: Option<BTreeMap<String, String>>,
}

/// The labels of the image with this digest.
///
/// # Errors
/// AWS's; there is no such image, or it is of another form than it should be.
pub async fn image_labels(
    registry: Registry,
    digest: &str,
) -> Result<BTreeMap<String, String>, ImageError> {
    let store = Store::new(registry)?;
    let manifest = store
        .manifest(digest)
        .await?
        .ok_or_else(|| ImageError::NotPushed(digest.to_owned()))?;
    let configuration = store.blob(&manifest.parse()?.config).await?;
    let configuration: Configuration = serde_json::from_slice(&configuration)
        .map_err(|error| ImageError::Answer(format!("the configuration of {digest}: {error}")))?;
    Ok(configuration.config.labels.unwrap_or_default())
}
