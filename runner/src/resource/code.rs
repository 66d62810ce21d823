//! The zips of a site's own plugins and themes, in the artifact bucket below `code/<tenant>/`, each named by its SHA-256. What
//! was once there stays as long as the site does: to go back to an earlier revision, its tasks need its zips.

use super::read::Reader;
use super::{Attributes, Context, Found, Kind};
use crate::cloud::{Cloud, CloudError, Limit, aws};
use crate::code;
use crate::manifest::{Package, TenantId};
use crate::plan::FieldChange;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{ChecksumAlgorithm, Delete, ObjectIdentifier};
use bytes::Bytes;
use serde_json::{Map, Value, json};
use site_job::protocol::{Code, Package as Zip};
use std::collections::BTreeMap;

const PREFIX: &str = "code/";
/// How many objects `DeleteObjects` takes.
const DELETED: usize = 1000;

/// What the site's tasks are told; none for a site without plugins and themes of its own.
#[must_use]
pub(super) fn of_tasks(context: &Context<'_>) -> Option<Code> {
    let code = &context.site().code;
    let zips = |packages: &[Package]| {
        let zip = |package: &Package| Zip {
            slug: package.slug.to_string(),
            version: package.version.to_string(),
            sha256: package.sha256.to_string(),
        };
        packages.iter().map(zip).collect()
    };
    Code::new(
        &context.foundation.artifacts.bucket,
        prefix(&context.who.tenant),
        zips(&code.plugins),
        zips(&code.themes),
        code.theme.as_ref().map(ToString::to_string),
    )
}

/// The one form in which code is compared.
#[must_use]
pub(super) fn normalise(code: Option<&Code>) -> Value {
    let zips = |zips: &[Zip]| {
        let zip = |zip: &Zip| {
            let one = format!("{} sha256:{}", zip.version, zip.sha256);
            (zip.slug.clone(), one.into())
        };
        Value::Object(zips.iter().map(zip).collect())
    };
    json!({
        "plugins": zips(code.map_or(&[], |code| &code.plugins)),
        "themes": zips(code.map_or(&[], |code| &code.themes)),
        "theme": code.and_then(|code| code.theme.as_deref()),
        "from": code.map(|code| format!("s3://{}/{}", code.bucket, code.prefix)),
    })
}

/// The same in a line.
#[must_use]
pub(super) fn told(context: &Context<'_>) -> String {
    let names = code::packages(context.site()).map(|(_, package)| {
        let short = &package.sha256.as_str()[..8];
        format!("{} {} {short}", package.slug, package.version)
    });
    let theme = context.site().code.theme.iter();
    let theme = theme.map(|theme| format!("theme {theme}"));
    names.chain(theme).collect::<Vec<_>>().join(", ")
}

fn prefix(tenant: &TenantId) -> String {
    format!("{PREFIX}{tenant}/")
}

fn key(tenant: &TenantId, sha256: &str) -> String {
    format!("{}{sha256}.zip", prefix(tenant))
}

/// See [`super`]. By checksum, what each zip is.
#[must_use]
pub(super) fn desired(context: &Context<'_>) -> Option<Value> {
    let zips = code::packages(context.site()).map(|(sort, package)| {
        let name = format!("{} {} {}", sort.as_str(), package.slug, package.version);
        (package.sha256.to_string(), Value::from(name))
    });
    let zips: Map<_, _> = zips.collect();
    (!zips.is_empty()).then_some(Value::Object(zips))
}

/// What is missing. Others may be there.
#[must_use]
pub(super) fn differences(found: &Value, desired: &Value) -> Vec<FieldChange> {
    let missing = desired
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(sha256, _)| found.get(sha256.as_str()).is_none());
    let change = |(sha256, name): (&String, &Value)| FieldChange {
        path: name.as_str().unwrap_or_default().to_owned(),
        before: None,
        after: Some(sha256.as_str().into()),
    };
    missing.map(change).collect()
}

/// `ListObjectsV2`, 1000 a page.
///
/// # Errors
/// AWS's.
pub(super) async fn read_all(reader: &Reader<'_>) -> Result<Vec<(Kind, Found)>, CloudError> {
    let mut pages = reader
        .cloud
        .s3
        .list_objects_v2()
        .bucket(&reader.cloud.foundation.artifacts.bucket)
        .prefix(PREFIX)
        .into_paginator()
        .send();
    let mut zips: BTreeMap<TenantId, Map<String, Value>> = BTreeMap::new();
    while let Some(page) = pages.next().await {
        let page = page.map_err(aws("s3:ListObjectsV2"))?;
        for key in page.contents().iter().filter_map(|object| object.key()) {
            let parts = key
                .strip_prefix(PREFIX)
                .and_then(|rest| rest.split_once('/'));
            let known = parts.and_then(|(tenant, file)| {
                Some((reader.tenant(tenant)?, file.strip_suffix(".zip")?))
            });
            if let Some((tenant, sha256)) = known {
                let stored = zips.entry(tenant).or_default();
                stored.insert(sha256.to_owned(), "stored".into());
            }
        }
    }
    let found = zips.into_iter().map(|(tenant, zips)| {
        let found = Found {
            id: prefix(&tenant),
            tenant,
            fields: Value::Object(zips),
            attributes: Attributes::new(),
        };
        (Kind::Code, found)
    });
    Ok(found.collect())
}

/// See [`super`]. Stores what is missing; a zip is there whole or not at all.
///
/// # Errors
/// A zip that cannot be had, or is another than the manifest says; AWS's.
pub(super) async fn ensure(
    cloud: &Cloud,
    context: &Context<'_>,
    found: Option<&Found>,
) -> Result<Attributes, CloudError> {
    for (sort, package) in code::packages(context.site()) {
        let sha256 = package.sha256.as_str();
        if found.is_some_and(|found| found.fields.get(sha256).is_some()) {
            continue;
        }
        let zip = code::fetch(package).await.map_err(|reason| {
            CloudError::Unusable(format!(
                "{} {} {}: {reason}",
                sort.as_str(),
                package.slug,
                package.version
            ))
        })?;
        cloud.pace.wait(Limit::OtherWrites).await;
        cloud
            .s3
            .put_object()
            .bucket(&context.foundation.artifacts.bucket)
            .key(key(&context.who.tenant, sha256))
            .content_type("application/zip")
            .checksum_algorithm(ChecksumAlgorithm::Sha256)
            .body(ByteStream::from(zip))
            .send()
            .await
            .map_err(aws("s3:PutObject"))?;
    }
    Ok(Attributes::new())
}

/// The zip of a package that the bucket holds.
///
/// # Errors
/// AWS's.
pub(crate) async fn stored(
    cloud: &Cloud,
    tenant: &TenantId,
    package: &Package,
) -> Result<Bytes, CloudError> {
    cloud
        .read_object(&key(tenant, package.sha256.as_str()))
        .await
}

/// See [`super`]. `DeleteObjects` answers with errors instead of one.
///
/// # Errors
/// AWS's; a zip that S3 would not delete.
pub(super) async fn remove(
    cloud: &Cloud,
    context: &Context<'_>,
    found: &Found,
) -> Result<(), CloudError> {
    let zips: Vec<_> = found
        .fields
        .as_object()
        .into_iter()
        .flatten()
        .map(|(sha256, _)| key(&context.who.tenant, sha256))
        .collect();
    for some in zips.chunks(DELETED) {
        let objects = some
            .iter()
            .map(|key| ObjectIdentifier::builder().key(key).build())
            .collect::<Result<_, _>>();
        let unusable = |error: aws_smithy_types::error::operation::BuildError| {
            CloudError::Unusable(error.to_string())
        };
        let delete = Delete::builder()
            .set_objects(Some(objects.map_err(unusable)?))
            .build()
            .map_err(unusable)?;
        cloud.pace.wait(Limit::OtherWrites).await;
        let answer = cloud
            .s3
            .delete_objects()
            .bucket(&context.foundation.artifacts.bucket)
            .delete(delete)
            .send()
            .await
            .map_err(aws("s3:DeleteObjects"))?;
        if let Some(error) = answer.errors().first() {
            return Err(CloudError::Unusable(format!(
                "S3 did not delete {}: {}",
                error.key().unwrap_or("a zip"),
                error.message().unwrap_or("no reason given")
            )));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resource::sample::Sample;

    #[test]
    fn a_zip_that_is_missing_differs_and_one_too_many_does_not() {
        let desired = json!({"aa": "plugin hello 1.0", "bb": "theme blue 2.0"});
        let found = json!({"aa": "stored", "cc": "stored"});
        let changes = differences(&found, &desired);
        assert_eq!(changes.len(), 1);
        assert_eq!(changes[0].path, "theme blue 2.0");
        assert_eq!(changes[0].after, Some("bb".into()));
    }

    #[test]
    fn a_site_without_code_wants_no_zips() {
        let sample = Sample::new();
        assert_eq!(desired(&sample.context()), None);
        assert_eq!(of_tasks(&sample.context()), None);
    }
}
