//! A revision of a site's task definition, as tags of its service tell it.

use super::{Attributes, TenantRef, task_definition};
use crate::cloud::{Cloud, CloudError, Foundation};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// A revision and the digest of what it was made from; `<revision>:<digest>` in tags and ledgers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Revision {
    number: u32,
    digest: String,
}

/// A text is no revision.
#[derive(Debug, thiserror::Error)]
#[error("not of the form <revision>:<digest of 16 hexadecimal digits>")]
pub struct InvalidRevision;

/// The image that a revision of `who`'s task definition runs; empty when ECS no longer has that revision.
///
/// # Errors
/// AWS's.
pub async fn revision_image(
    cloud: &Cloud,
    revision: &Revision,
    who: &TenantRef,
) -> Result<String, CloudError> {
    let attributes = revision.attributes(who, &cloud.foundation);
    let arn = attributes.get("arn").map_or("", String::as_str);
    let images = task_definition::images(cloud, arn).await?;
    Ok(images.into_iter().next().unwrap_or_default())
}

impl Revision {
    /// The revision that attributes of a task definition tell; none when it was not made by us.
    #[must_use]
    pub fn of(attributes: &Attributes) -> Option<Self> {
        let number = attributes.get("arn")?.rsplit(':').next()?;
        format!("{number}:{}", attributes.get("digest")?)
            .parse()
            .ok()
    }

    /// The attributes that a task definition of this revision has.
    #[must_use]
    pub fn attributes(&self, who: &TenantRef, foundation: &Foundation) -> Attributes {
        let Foundation {
            partition,
            region,
            account,
            ..
        } = foundation;
        let family = who.name();
        let arn = format!(
            "arn:{partition}:ecs:{region}:{account}:task-definition/{family}:{}",
            self.number
        );
        task_definition::attributes(&arn, &self.digest)
    }

    /// What [`task_definition::digest`] says of what it was made from.
    #[must_use]
    pub fn digest(&self) -> &str {
        &self.digest
    }
}

impl FromStr for Revision {
    type Err = InvalidRevision;

    fn from_str(text: &str) -> Result<Self, InvalidRevision> {
        let (number, digest) = text.split_once(':').ok_or(InvalidRevision)?;
        let number = number.parse().map_err(|_| InvalidRevision)?;
        let is_hex = digest.len() == 16 && digest.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !is_hex {
            return Err(InvalidRevision);
        }
        let digest = digest.to_owned();
        Ok(Self { number, digest })
    }
}

impl TryFrom<String> for Revision {
    type Error = InvalidRevision;

    fn try_from(text: String) -> Result<Self, InvalidRevision> {
        text.parse()
    }
}

impl From<Revision> for String {
    fn from(revision: Revision) -> Self {
        revision.to_string()
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.number, self.digest)
    }
}
