//! What AWS holds of an environment's sites, and what could not be read.

use super::read::Reader;
use super::{Found, Kind, Placement};
use crate::cloud::{Cloud, CloudError, Secret, aws};
use crate::code::Versions;
use crate::manifest::{Release, TenantId};
use aws_sdk_ecr::types::ImageIdentifier;
use site_job::package::Package;
use std::collections::{BTreeMap, BTreeSet};

/// Everything that was found. A kind that could not be read is in `unreadable`, never silently absent.
#[derive(Clone, Debug, Default)]
pub struct Inventory {
    /// Each tenant's resources.
    pub found: BTreeMap<TenantId, BTreeMap<Kind, Found>>,
    /// What a failed read leaves unknown.
    pub unreadable: Vec<(Vec<Kind>, CloudError)>,
    /// The value of each cell's origin header.
    pub origin_secrets: BTreeMap<String, Secret>,
    /// Image references of releases that the registry holds.
    pub images: BTreeMap<Release, String>,
    /// What the plugins and themes of sites that change say of themselves, by the checksum of the zip, or why a zip is of no use.
    pub packages: BTreeMap<String, Result<Package, String>>,
    /// What the images of those sites run, by image.
    pub versions: BTreeMap<String, Versions>,
    /// Which cells new sites go to, decided when all was read.
    pub placement: Placement,
}

impl Inventory {
    /// `<registry>@sha256:…` of `release`, if the registry holds it.
    #[must_use]
    pub fn image(&self, release: &Release) -> Option<String> {
        self.images.get(release).cloned()
    }

    /// Adds what one read brought.
    pub fn add(&mut self, kinds: &[Kind], read: Result<Vec<(Kind, Found)>, CloudError>) {
        match read {
            Ok(found) => {
                for (kind, found) in found {
                    self.found
                        .entry(found.tenant.clone())
                        .or_default()
                        .insert(kind, found);
                }
            }
            Err(error) => self.unreadable.push((kinds.to_vec(), error)),
        }
    }
}

/// The origin header's value of every cell.
///
/// # Errors
/// AWS's.
pub(super) async fn origin_secrets(cloud: &Cloud) -> Result<BTreeMap<String, Secret>, CloudError> {
    let reads = cloud.foundation.cells.iter().map(|cell| async {
        let value = cloud
            .secrets
            .get_secret_value()
            .secret_id(&cell.origin_secret_arn)
            .send()
            .await
            .map_err(aws("secretsmanager:GetSecretValue"))?;
        Ok((
            cell.name.clone(),
            Secret::new(value.secret_string().unwrap_or_default()),
        ))
    });
    futures::future::try_join_all(reads)
        .await
        .map(|all| all.into_iter().collect())
}

/// The digests of `releases`: one `DescribeImages` each.
///
/// # Errors
/// AWS's; a release that is not there is no error but missing from the answer.
pub(super) async fn images(
    reader: &Reader<'_>,
    releases: BTreeSet<&Release>,
) -> Result<BTreeMap<Release, String>, CloudError> {
    let registry = &reader.cloud.foundation.registry;
    let mut images = BTreeMap::new();
    // One absent tag fails a whole DescribeImages call, so each release is asked for on its own; a fleet runs few.
    for release in releases {
        let id = match release.is_digest() {
            true => ImageIdentifier::builder().image_digest(release.as_str()),
            false => ImageIdentifier::builder().image_tag(release.as_str()),
        };
        let answer = reader
            .cloud
            .ecr
            .describe_images()
            .repository_name(&registry.repository)
            .image_ids(id.build())
            .send()
            .await
            .map_err(aws("ecr:DescribeImages"));
        let answer = super::unless(answer, crate::cloud::Class::NotFound)?;
        let digest = answer
            .as_ref()
            .and_then(|a| a.image_details().first())
            .and_then(|d| d.image_digest());
        if let Some(digest) = digest {
            images.insert(release.clone(), format!("{}@{digest}", registry.uri));
        }
    }
    Ok(images)
}
