//! The site's CloudFront distribution: what visitors talk to.
//!
//! The default behaviour caches nothing and passes all that the viewer sent; only the static files below `/wp-content/` and
//! `/wp-includes/` are cached, without the viewer's cookies. So `wp-admin`, `wp-login.php`, everything for somebody who is
//! logged in, and for now also anonymous pages, come from the site itself each time. PHP files are never cached, wherever
//! they lie.
//!
//! A distribution is known by its comment, `bbws-<environment>-<tenant>`. What it is configured to do is in
//! [`config`]; this file carries that to CloudFront.

mod config;

use super::read::Reader;
use super::{Attributes, Context, Found, Kind};
use crate::cloud::wait::{Seen, until};
use crate::cloud::{Class, Cloud, CloudError, Limit, aws};
use aws_sdk_cloudfront::types::{
    Distribution, DistributionConfig, DistributionConfigWithTags, Tag, Tags,
};
use config::{View, configure, normalise};
use serde_json::Value;
use std::time::Duration;

/// Changes reach all edge locations within minutes as a rule.
const DEPLOYED_WITHIN: Duration = Duration::from_secs(30 * 60);
/// How often another writer may get in between reading a configuration and changing it.
const ATTEMPTS: u32 = 5;
/// Caller references are taken for ever; a site that was destroyed and comes back takes the next.
const REFERENCES: std::ops::RangeInclusive<u32> = 1..=100;

/// See [`super`].
#[must_use]
pub(super) fn desired(context: &Context<'_>) -> Value {
    normalise(&View::of_config(&configure(context, None)))
}

/// `ListDistributions`, 100 a page, tells all that is managed here.
///
/// # Errors
/// AWS's.
pub(super) async fn read_all(reader: &Reader<'_>) -> Result<Vec<(Kind, Found)>, CloudError> {
    let distributions: Vec<_> = reader
        .cloud
        .cloudfront
        .list_distributions()
        .max_items(100)
        .into_paginator()
        .items()
        .send()
        .collect::<Result<_, _>>()
        .await
        .map_err(aws("cloudfront:ListDistributions"))?;
    let found = distributions.iter().filter_map(|summary| {
        let found = Found {
            tenant: reader.tenant_of_name(summary.comment())?,
            id: summary.id().to_owned(),
            fields: normalise(&View::of_summary(summary)),
            attributes: attributes(summary.id(), summary.domain_name(), summary.arn()),
        };
        Some((Kind::Distribution, found))
    });
    Ok(found.collect())
}

/// `id`, `domain` (`….cloudfront.net`), `arn`.
fn attributes(id: &str, domain: &str, arn: &str) -> Attributes {
    Attributes::from([
        ("id", id.to_owned()),
        ("domain", domain.to_owned()),
        ("arn", arn.to_owned()),
    ])
}

/// See [`super`]. Waits until all edge locations have it.
///
/// # Errors
/// AWS's, or time ran out.
pub(super) async fn ensure(
    cloud: &Cloud,
    context: &Context<'_>,
    found: Option<&Found>,
) -> Result<Attributes, CloudError> {
    let id = match found {
        Some(found) => {
            change(cloud, &found.id, |config| configure(context, Some(config))).await?;
            found.id.clone()
        }
        None => create(cloud, context).await?,
    };
    let (distribution, _) = deployed(cloud, &id).await?;
    Ok(attributes(
        distribution.id(),
        distribution.domain_name(),
        distribution.arn(),
    ))
}

/// CloudFront knows a repeated request by its caller reference, and answers with an error. Then the distribution of an
/// earlier run is looked for by its comment; if there is none, it was deleted, and the reference with it.
async fn create(cloud: &Cloud, context: &Context<'_>) -> Result<String, CloudError> {
    let name = context.who.name();
    for n in REFERENCES {
        let mut config = configure(context, None);
        config.caller_reference = if n == 1 {
            name.clone()
        } else {
            format!("{name}-{n}")
        };
        let config = DistributionConfigWithTags::builder()
            .distribution_config(config)
            .tags(tags(context))
            .build();
        cloud.pace.wait(Limit::OtherWrites).await;
        let made = cloud
            .cloudfront
            .create_distribution_with_tags()
            .distribution_config_with_tags(config)
            .send()
            .await
            .map_err(aws("cloudfront:CreateDistributionWithTags"));
        if let Some(made) = super::unless(made, Class::Conflict)?.and_then(|made| made.distribution)
        {
            return Ok(made.id);
        }
        if let Some(id) = find(cloud, &name).await? {
            change(cloud, &id, |config| configure(context, Some(config))).await?;
            return Ok(id);
        }
    }
    Err(CloudError::Unusable(format!(
        "CloudFront refuses every caller reference of {name}"
    )))
}

fn tags(context: &Context<'_>) -> Tags {
    let tags = context.tags().into_iter().map(|(key, value)| {
        Tag::builder()
            .key(key)
            .value(value)
            .build()
            .expect("it has a key")
    });
    Tags::builder().set_items(Some(tags.collect())).build()
}

async fn find(cloud: &Cloud, comment: &str) -> Result<Option<String>, CloudError> {
    let mut all = cloud
        .cloudfront
        .list_distributions()
        .max_items(100)
        .into_paginator()
        .items()
        .send();
    while let Some(summary) = all.next().await {
        let summary = summary.map_err(aws("cloudfront:ListDistributions"))?;
        if summary.comment() == comment {
            return Ok(Some(summary.id));
        }
    }
    Ok(None)
}

/// Reads the configuration, changes it, and writes it back if anything managed is another then. Another writer in between
/// makes it start over.
async fn change(
    cloud: &Cloud,
    id: &str,
    edit: impl Fn(DistributionConfig) -> DistributionConfig,
) -> Result<(), CloudError> {
    let mut attempt = 1;
    loop {
        let request = cloud.cloudfront.get_distribution_config().id(id);
        let answer = request
            .send()
            .await
            .map_err(aws("cloudfront:GetDistributionConfig"))?;
        let before = answer.distribution_config.ok_or_else(|| {
            CloudError::Unusable(format!(
                "GetDistributionConfig of {id} answered without one"
            ))
        })?;
        let after = edit(before.clone());
        if normalise(&View::of_config(&after)) == normalise(&View::of_config(&before)) {
            return Ok(());
        }
        cloud.pace.wait(Limit::OtherWrites).await;
        let request = cloud
            .cloudfront
            .update_distribution()
            .id(id)
            .distribution_config(after);
        let updated = request
            .set_if_match(answer.e_tag)
            .send()
            .await
            .map_err(aws("cloudfront:UpdateDistribution"));
        match updated {
            Err(error) if error.class() == Class::Conflict && attempt < ATTEMPTS => attempt += 1,
            updated => return updated.map(drop),
        }
    }
}

/// Waits until no edge location has an older state. The distribution, and the version that a deletion must name.
async fn deployed(cloud: &Cloud, id: &str) -> Result<(Distribution, Option<String>), CloudError> {
    until(
        &format!("distribution {id} to be deployed"),
        DEPLOYED_WITHIN,
        || async {
            let request = cloud.cloudfront.get_distribution().id(id);
            let answer = request
                .send()
                .await
                .map_err(aws("cloudfront:GetDistribution"))?;
            match answer.distribution {
                Some(distribution) if distribution.status == "Deployed" => {
                    Ok(Seen::Done((distribution, answer.e_tag)))
                }
                other => Ok(Seen::NotYet(other.map_or_else(
                    || "nothing".to_owned(),
                    |distribution| distribution.status,
                ))),
            }
        },
    )
    .await
}

/// See [`super`]. CloudFront deletes a distribution only after it was disabled everywhere; a crash in between leaves it
/// disabled, and the next run goes on from there.
///
/// # Errors
/// AWS's, or time ran out.
pub(super) async fn remove(
    cloud: &Cloud,
    _: &Context<'_>,
    found: &Found,
) -> Result<(), CloudError> {
    super::unless(take_down(cloud, &found.id).await, Class::NotFound).map(drop)
}

async fn take_down(cloud: &Cloud, id: &str) -> Result<(), CloudError> {
    let disable = |mut config: DistributionConfig| {
        config.enabled = false;
        config
    };
    change(cloud, id, disable).await?;
    let (_, version) = deployed(cloud, id).await?;
    cloud.pace.wait(Limit::OtherWrites).await;
    let request = cloud
        .cloudfront
        .delete_distribution()
        .id(id)
        .set_if_match(version);
    request
        .send()
        .await
        .map_err(aws("cloudfront:DeleteDistribution"))
        .map(drop)
}
