//! What a repository holds, who needs it, and what may go.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ecr::types::{ImageDetail, ImageIdentifier};
use serde::Serialize;
use time::{Duration, OffsetDateTime};

use super::{ImageError, Registry, sign::tag};

/// How many images BatchDeleteImage takes.
const AT_ONCE: usize = 100;

/// An image in a repository.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Shelved {
    /// `sha256:…` of the manifest.
    pub digest: String,
    /// Sorted.
    pub tags: Vec<String>,
    /// When it was pushed.
    #[serde(with = "time::serde::rfc3339")]
    pub pushed_at: OffsetDateTime,
    /// Bytes in the registry, compressed.
    pub size: i64,
    /// A signature is attached; whose, `bbws image verify` tells.
    pub signed: bool,
    /// Tags of its signature and attestations.
    #[serde(skip)]
    pub artifacts: Vec<String>,
}

/// Who needs which image: by digest or by tag, as each names it.
#[derive(Clone, Debug, Default)]
pub struct References(BTreeMap<String, BTreeSet<String>>);

impl References {
    /// `image` is a tag, a digest, or ends in one: `<registry>/<repository>@sha256:…`.
    pub fn add(&mut self, image: &str, by: impl Into<String>) {
        let name = match image.rsplit_once('@') {
            Some((_, digest)) => digest,
            None if image.starts_with("sha256:") => image,
            None => image.rsplit_once(':').map_or(image, |(_, tag)| tag),
        };
        self.0.entry(name.to_owned()).or_default().insert(by.into());
    }

    /// Who needs this image.
    #[must_use]
    pub fn of(&self, image: &Shelved) -> BTreeSet<&str> {
        let names = std::iter::once(&image.digest).chain(&image.tags);
        names
            .filter_map(|name| self.0.get(name))
            .flatten()
            .map(String::as_str)
            .collect()
    }
}

/// What is kept whoever needs it or not.
#[derive(Clone, Copy, Debug)]
pub struct Keep {
    /// So many of the newest.
    pub last: usize,
    /// What was pushed more recently.
    pub younger_than: Duration,
}

/// The images that nobody needs and no rule keeps, oldest first. Pure.
#[must_use]
pub fn which_to_delete<'a>(
    images: &'a [Shelved],
    references: &References,
    keep: Keep,
    now: OffsetDateTime,
) -> Vec<&'a Shelved> {
    let mut by_age: Vec<_> = images.iter().collect();
    by_age.sort_by_key(|image| std::cmp::Reverse((image.pushed_at, &image.digest)));
    let old = by_age.into_iter().skip(keep.last);
    let mut gone: Vec<_> = old
        .filter(|image| now - image.pushed_at >= keep.younger_than)
        .filter(|image| references.of(image).is_empty())
        .collect();
    gone.reverse();
    gone
}

/// All images of a repository, newest first. Signatures and attestations are parts of what they are about.
///
/// # Errors
/// AWS's.
pub async fn shelf(registry: &Registry) -> Result<Vec<Shelved>, ImageError> {
    let mut pages = registry
        .ecr
        .describe_images()
        .repository_name(&registry.repository)
        .into_paginator()
        .send();
    let mut details = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.map_err(registry.failed("listing the images of"))?;
        details.extend(page.image_details.unwrap_or_default());
    }
    Ok(shelved(&details))
}

fn shelved(details: &[ImageDetail]) -> Vec<Shelved> {
    let held: BTreeSet<_> = details.iter().flat_map(ImageDetail::image_tags).collect();
    let artifact =
        |digest: &str, suffix: &str| Some(tag(digest, suffix)).filter(|tag| held.contains(tag));
    let is_artifact = |image: &&ImageDetail| {
        let mut tags = image.image_tags().iter();
        tags.any(|tag| tag.starts_with("sha256-"))
    };
    let images = details.iter().filter(|image| !is_artifact(image));
    let mut images: Vec<_> = images
        .map(|image| {
            let digest = image.image_digest().unwrap_or_default().to_owned();
            let mut tags = image.image_tags().to_vec();
            tags.sort();
            let pushed = image.image_pushed_at().map_or(0, |time| time.secs());
            let (signature, attestations) = (artifact(&digest, "sig"), artifact(&digest, "att"));
            Shelved {
                tags,
                pushed_at: OffsetDateTime::from_unix_timestamp(pushed)
                    .unwrap_or(OffsetDateTime::UNIX_EPOCH),
                size: image.image_size_in_bytes().unwrap_or_default(),
                signed: signature.is_some(),
                artifacts: signature.into_iter().chain(attestations).collect(),
                digest,
            }
        })
        .collect();
    images.sort_by_key(|image| std::cmp::Reverse(image.pushed_at));
    images
}

/// Deletes images and what is attached to them. A repeat finds less to do; one that was cut off is finished by a repeat.
///
/// # Errors
/// AWS's; images that could not be deleted, each with its reason.
pub async fn delete(registry: &Registry, images: &[&Shelved]) -> Result<(), ImageError> {
    // What is attached goes first: without its image, nobody would find it again.
    // It goes by its tag: somebody may have given another image's signature to this one, and that image keeps it.
    let attached = images.iter().flat_map(|image| &image.artifacts);
    let attached = attached.map(|tag| ImageIdentifier::builder().image_tag(tag).build());
    let digests = images.iter().map(|image| &image.digest);
    let digests = digests.map(|digest| ImageIdentifier::builder().image_digest(digest).build());
    let ids: Vec<_> = attached.chain(digests).collect();
    let mut failures = Vec::new();
    for ids in ids.chunks(AT_ONCE) {
        let answer = registry
            .ecr
            .batch_delete_image()
            .repository_name(&registry.repository)
            .set_image_ids(Some(ids.to_vec()))
            .send()
            .await
            .map_err(registry.failed("deleting images of"))?;
        failures.extend(answer.failures().iter().map(|failure| {
            let id = failure.image_id();
            let image = id.and_then(|id| id.image_digest().or(id.image_tag()));
            format!(
                "{}: {}",
                image.unwrap_or("an image"),
                failure.failure_reason().unwrap_or("no reason given")
            )
        }));
    }
    if failures.is_empty() {
        Ok(())
    } else {
        Err(ImageError::Answer(format!(
            "ECR did not delete everything:\n  {}",
            failures.join("\n  ")
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_ecr::primitives::DateTime;

    const NOW: OffsetDateTime = time::macros::datetime!(2026-11-25 12:00 UTC);

    fn image(name: &str, days_old: i64, tags: &[&str]) -> Shelved {
        Shelved {
            digest: format!("sha256:{name}"),
            tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
            pushed_at: NOW - Duration::days(days_old),
            size: 1,
            signed: false,
            artifacts: Vec::new(),
        }
    }

    fn gone(images: &[Shelved], references: &References, last: usize, days: i64) -> Vec<String> {
        let keep = Keep {
            last,
            younger_than: Duration::days(days),
        };
        let gone = which_to_delete(images, references, keep, NOW);
        gone.iter().map(|image| image.digest.clone()).collect()
    }

    #[test]
    fn what_is_new_young_or_needed_stays() {
        let images = [
            image("a", 1, &["5"]),
            image("b", 10, &["4"]),
            image("c", 40, &["3"]),
            image("d", 50, &["2"]),
            image("e", 60, &[]),
        ];
        let mut references = References::default();
        assert_eq!(
            gone(&images, &references, 1, 30),
            ["sha256:e", "sha256:d", "sha256:c"]
        );
        assert_eq!(gone(&images, &references, 4, 30), ["sha256:e"]);
        assert_eq!(gone(&images, &references, 0, 0).len(), 5);
        references.add("2", "the manifest of acme in dev");
        references.add(
            "registry.example:5000/bbws/wordpress@sha256:e",
            "the service of acme",
        );
        assert_eq!(gone(&images, &references, 1, 30), ["sha256:c"]);
    }

    #[test]
    fn a_policy_that_keeps_all_deletes_nothing_and_ages_count_exactly() {
        let images = [image("a", 30, &[]), image("b", 29, &[])];
        let none = References::default();
        assert_eq!(gone(&images, &none, 2, 0), [""; 0]);
        assert_eq!(gone(&images, &none, 0, 30), ["sha256:a"]);
    }

    #[test]
    fn references_are_read_in_every_form() {
        let mut references = References::default();
        references.add("7.1.1-1", "a");
        references.add("registry.example:5000/bbws/wordpress:7.1.1-1", "b");
        references.add("sha256:x", "c");
        let found = image("x", 0, &["7.1.1-1"]);
        assert_eq!(references.of(&found), BTreeSet::from(["a", "b", "c"]));
    }

    #[test]
    fn signatures_belong_to_their_image() {
        let detail = |digest: &str, tag: &str| {
            ImageDetail::builder()
                .image_digest(digest)
                .image_tags(tag)
                .image_pushed_at(DateTime::from_secs(1_000))
                .build()
        };
        let images = shelved(&[
            detail("sha256:1", "sha256-0.sig"),
            detail("sha256:0", "7.1.1-1"),
            detail("sha256:2", "sha256-0.att"),
            detail("sha256:3", "7.1.1-2"),
        ]);
        assert_eq!(images.len(), 2);
        let signed = images.iter().find(|image| image.signed).unwrap();
        assert_eq!(signed.digest, "sha256:0");
        assert_eq!(signed.artifacts, ["sha256-0.sig", "sha256-0.att"]);
    }
}
