//! The site's TLS certificate in the edge's region, one for all its domains, validated by DNS records in the environment's
//! zone.
//!
//! A certificate's domains can't change. Other domains ask for another certificate; the old ones are *retired*: deleted
//! once the distribution has moved to the new one.

mod validation;

use super::read::Reader;
use super::{Attributes, Context, Found, Kind};
use crate::cloud::wait::{Seen, until};
use crate::cloud::{Class, Cloud, CloudError, Limit, aws};
use crate::manifest::{Site, TenantId};
use aws_sdk_acm::types::{
    CertificateStatus, CertificateSummary, Filters, KeyAlgorithm, Tag, ValidationMethod,
};
use aws_sdk_resourcegroupstagging::types::TagFilter;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// ACM is eventually consistent: a certificate just requested may be unknown for a moment.
const VISIBLE_WITHIN: Duration = Duration::from_secs(30);
/// CloudFront lets go of a certificate some time after a distribution was moved or deleted.
const RELEASED_WITHIN: Duration = Duration::from_secs(30 * 60);
/// All that ACM knows; unless asked, `ListCertificates` tells of RSA keys up to 2,048 bits only.
pub(crate) const KEYS: [KeyAlgorithm; 7] = [
    KeyAlgorithm::Rsa1024,
    KeyAlgorithm::Rsa2048,
    KeyAlgorithm::Rsa3072,
    KeyAlgorithm::Rsa4096,
    KeyAlgorithm::EcPrime256v1,
    KeyAlgorithm::EcSecp384r1,
    KeyAlgorithm::EcSecp521r1,
];

/// See [`super`].
#[must_use]
pub(super) fn desired(context: &Context<'_>) -> Value {
    json!({ "domains": domains(context.site()), "status": CertificateStatus::Issued.as_str() })
}

fn domains(site: &Site) -> BTreeSet<String> {
    site.domains.iter().map(ToString::to_string).collect()
}

/// A certificate as the bulk reads tell it.
#[derive(Clone, Debug, PartialEq)]
struct Listed {
    arn: String,
    domains: BTreeSet<String>,
    status: CertificateStatus,
    /// Seconds since 1970.
    created: i64,
}

impl Listed {
    fn of(summary: CertificateSummary) -> Option<Self> {
        let names = summary
            .subject_alternative_name_summaries
            .unwrap_or_default();
        Some(Self {
            arn: summary.certificate_arn?,
            domains: names.into_iter().chain(summary.domain_name).collect(),
            status: summary.status?,
            created: summary.created_at.map_or(0, |at| at.secs()),
        })
    }

    fn serves(&self, wanted: &BTreeSet<String>) -> bool {
        self.domains == *wanted
            && matches!(
                self.status,
                CertificateStatus::Issued | CertificateStatus::PendingValidation
            )
    }
}

/// The certificate of a site and its retired ones. The one in place is the issued, else the latest, of those for exactly
/// the `wanted` domains. Where none is, the latest of all stands for it, to be replaced, and is retired as well, so that
/// one run finishes the whole move.
fn sort_out(
    mut all: Vec<Listed>,
    wanted: Option<&BTreeSet<String>>,
) -> (Option<Listed>, Vec<Listed>) {
    all.sort_by_key(|c| (c.status != CertificateStatus::Issued, Reverse(c.created)));
    if let Some(place) = wanted.and_then(|wanted| all.iter().position(|c| c.serves(wanted))) {
        return (Some(all.remove(place)), all);
    }
    let Some(latest) = (0..all.len()).max_by_key(|place| all[*place].created) else {
        return (None, all);
    };
    match wanted {
        Some(_) => (Some(all[latest].clone()), all),
        None => (Some(all.remove(latest)), all),
    }
}

/// `GetResources` of the tagging API, 100 a page, tells whose a certificate is; `ListCertificates`, 1,000 a page, its
/// domains and status. The tagging API lags behind: a certificate that it does not know, but for exactly a site's domains,
/// is taken for the site's.
///
/// # Errors
/// AWS's.
pub(super) async fn read_all(reader: &Reader<'_>) -> Result<Vec<(Kind, Found)>, CloudError> {
    let (owners, listed) = tokio::try_join!(owners(reader), list(reader.cloud))?;
    let (owned, others): (Vec<_>, Vec<_>) = listed
        .into_iter()
        .partition(|c| owners.contains_key(&c.arn));
    let mut by_tenant: BTreeMap<TenantId, Vec<Listed>> = BTreeMap::new();
    for certificate in owned {
        by_tenant
            .entry(owners[&certificate.arn].clone())
            .or_default()
            .push(certificate);
    }
    for (tenant, site) in &reader.sites {
        let wanted = domains(site);
        let all = by_tenant.entry(tenant.clone()).or_default();
        if !all.iter().any(|c| c.serves(&wanted)) {
            all.extend(others.iter().find(|c| c.serves(&wanted)).cloned());
        }
    }
    let found = by_tenant.into_iter().flat_map(|(tenant, all)| {
        let wanted = reader.sites.get(&tenant).map(|site| domains(site));
        let (current, retired) = sort_out(all, wanted.as_ref());
        let current = current.map(|c| (Kind::Certificate, current_found(&tenant, c)));
        let retired = (!retired.is_empty())
            .then(|| (Kind::RetiredCertificate, retired_found(&tenant, &retired)));
        current.into_iter().chain(retired)
    });
    Ok(found.collect())
}

/// Attribute `arn`.
fn current_found(tenant: &TenantId, certificate: Listed) -> Found {
    Found {
        tenant: tenant.clone(),
        fields: json!({ "domains": certificate.domains, "status": certificate.status.as_str() }),
        attributes: Attributes::from([("arn", certificate.arn.clone())]),
        id: certificate.arn,
    }
}

/// All retired ones together; attribute `arns`, joined by commas.
fn retired_found(tenant: &TenantId, certificates: &[Listed]) -> Found {
    let arns = certificates
        .iter()
        .map(|c| c.arn.as_str())
        .collect::<BTreeSet<_>>();
    let arns = arns.into_iter().collect::<Vec<_>>().join(",");
    Found {
        tenant: tenant.clone(),
        fields: certificates
            .iter()
            .map(|c| (c.arn.clone(), json!(c.domains)))
            .collect(),
        attributes: Attributes::from([("arns", arns.clone())]),
        id: arns,
    }
}

async fn owners(reader: &Reader<'_>) -> Result<BTreeMap<String, TenantId>, CloudError> {
    let of_environment = TagFilter::builder()
        .key("bbws:environment")
        .values(reader.environment.as_str())
        .build();
    let mappings: Vec<_> = reader
        .cloud
        .edge_tags
        .get_resources()
        .resource_type_filters("acm:certificate")
        .tag_filters(of_environment)
        .into_paginator()
        .page_size(100)
        .items()
        .send()
        .collect::<Result<_, _>>()
        .await
        .map_err(aws("tag:GetResources"))?;
    let owners = mappings.into_iter().filter_map(|mapping| {
        let tenant = mapping
            .tags()
            .iter()
            .find(|tag| tag.key() == "bbws:tenant")?
            .value()
            .parse()
            .ok()?;
        Some((mapping.resource_arn?, tenant))
    });
    Ok(owners.collect())
}

async fn list(cloud: &Cloud) -> Result<Vec<Listed>, CloudError> {
    let summaries: Vec<_> = cloud
        .acm
        .list_certificates()
        .includes(Filters::builder().set_key_types(Some(KEYS.into())).build())
        .into_paginator()
        .page_size(1_000)
        .items()
        .send()
        .collect::<Result<_, _>>()
        .await
        .map_err(aws("acm:ListCertificates"))?;
    Ok(summaries.into_iter().filter_map(Listed::of).collect())
}

/// See [`super`]. Waits until the certificate is issued. A repeat within an hour, also after a crash, is answered by ACM
/// with the certificate of the first request; its validation records are written again, to the same effect.
///
/// # Errors
/// AWS's; ACM's reason for not issuing it; time ran out.
pub(super) async fn ensure(
    cloud: &Cloud,
    context: &Context<'_>,
    found: Option<&Found>,
) -> Result<Attributes, CloudError> {
    let wanted = desired(context);
    let pending = CertificateStatus::PendingValidation.as_str();
    let in_place = |found: &&Found| {
        let status = &found.fields["status"];
        found.fields["domains"] == wanted["domains"]
            && (*status == wanted["status"] || status == pending)
    };
    let arn = match found.filter(in_place) {
        Some(found) => found.id.clone(),
        None => request(cloud, context).await?,
    };
    validation::validate(cloud, &arn).await?;
    Ok(Attributes::from([("arn", arn)]))
}

async fn request(cloud: &Cloud, context: &Context<'_>) -> Result<String, CloudError> {
    // A certificate that failed or was retired must not be what the repeated request is answered with.
    let arn = request_once(
        cloud,
        context,
        &context.known(Kind::RetiredCertificate, "arns"),
    )
    .await?;
    let visible = until(
        &format!("certificate {arn} to be visible"),
        VISIBLE_WITHIN,
        || async {
            let request = cloud.acm.describe_certificate().certificate_arn(&arn);
            match super::unless(
                request.send().await.map_err(aws("acm:DescribeCertificate")),
                Class::NotFound,
            )? {
                Some(_) => Ok(Seen::Done(())),
                None => Ok(Seen::NotYet("unknown to ACM".to_owned())),
            }
        },
    )
    .await;
    match visible {
        Ok(()) => Ok(arn),
        // One that was deleted within the hour.
        Err(CloudError::TimedOut { .. }) => request_once(cloud, context, &arn).await,
        Err(error) => Err(error),
    }
}

async fn request_once(
    cloud: &Cloud,
    context: &Context<'_>,
    not_these: &str,
) -> Result<String, CloudError> {
    let site = context.site();
    let tags = context.tags().into_iter().map(|(key, value)| {
        Tag::builder()
            .key(key)
            .value(value)
            .build()
            .expect("it has a key")
    });
    cloud.pace.wait(Limit::RequestCertificate).await;
    let made = cloud
        .acm
        .request_certificate()
        .domain_name(site.domains[0].as_str())
        .set_subject_alternative_names(Some(site.domains.iter().map(ToString::to_string).collect()))
        .validation_method(ValidationMethod::Dns)
        .idempotency_token(token(&domains(site), not_these))
        .set_tags(Some(tags.collect()))
        .send()
        .await
        .map_err(aws("acm:RequestCertificate"))?;
    made.certificate_arn.ok_or_else(|| {
        CloudError::Unusable("RequestCertificate answered without an ARN".to_owned())
    })
}

/// At most 32 word characters (<https://docs.aws.amazon.com/acm/latest/APIReference/API_RequestCertificate.html>).
fn token(domains: &BTreeSet<String>, not_these: &str) -> String {
    let mut hash = Sha256::new();
    for domain in domains {
        hash.update(domain);
        hash.update([0]);
    }
    hash.update(not_these);
    hex::encode(&hash.finalize()[..16])
}

/// See [`super`], for both kinds. Certificates without this site's tags are left alone; so are validation records that
/// another certificate needs. Deleting one that is in use is tried again until CloudFront has let go of it.
///
/// # Errors
/// AWS's, or time ran out.
pub(super) async fn remove(
    cloud: &Cloud,
    context: &Context<'_>,
    found: &Found,
) -> Result<(), CloudError> {
    let known = [
        (Kind::Certificate, "arn"),
        (Kind::RetiredCertificate, "arns"),
    ]
    .map(|(k, a)| context.known(k, a));
    let own: BTreeSet<_> = known
        .iter()
        .flat_map(|arns| arns.split(','))
        .chain(found.id.split(','))
        .collect();
    let others = list(cloud)
        .await?
        .into_iter()
        .filter(|c| !own.contains(c.arn.as_str()))
        .flat_map(|c| c.domains);
    let still_needed: BTreeSet<_> = others
        .chain(context.site.into_iter().flat_map(domains))
        .collect();
    for arn in found.id.split(',') {
        let request = cloud.acm.list_tags_for_certificate().certificate_arn(arn);
        let tags = request
            .send()
            .await
            .map_err(aws("acm:ListTagsForCertificate"));
        let Some(tags) = super::unless(tags, Class::NotFound)? else {
            continue;
        };
        let has = |key, value| {
            tags.tags()
                .iter()
                .any(|tag| tag.key() == key && tag.value() == Some(value))
        };
        if !has("bbws:environment", context.who.environment.as_str())
            || !has("bbws:tenant", context.who.tenant.as_str())
        {
            continue;
        }
        validation::remove_records(cloud, arn, &still_needed).await?;
        delete(cloud, arn).await?;
    }
    Ok(())
}

async fn delete(cloud: &Cloud, arn: &str) -> Result<(), CloudError> {
    until(
        &format!("certificate {arn} to be let go by CloudFront"),
        RELEASED_WITHIN,
        || async {
            cloud.pace.wait(Limit::OtherWrites).await;
            let gone = cloud
                .acm
                .delete_certificate()
                .certificate_arn(arn)
                .send()
                .await;
            match gone.map_err(aws("acm:DeleteCertificate")) {
                Err(error) if error.class() == Class::Conflict => {
                    Ok(Seen::NotYet(error.to_string()))
                }
                gone => super::unless(gone, Class::NotFound).map(|_| Seen::Done(())),
            }
        },
    )
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    fn listed(arn: &str, domains: &[&str], status: CertificateStatus, created: i64) -> Listed {
        Listed {
            arn: arn.to_owned(),
            domains: names(domains),
            status,
            created,
        }
    }

    fn arns(
        (current, retired): (Option<Listed>, Vec<Listed>),
    ) -> (Option<String>, BTreeSet<String>) {
        (
            current.map(|c| c.arn),
            retired.into_iter().map(|c| c.arn).collect(),
        )
    }

    #[test]
    fn the_issued_certificate_for_exactly_the_domains_is_the_one_in_place() {
        let all = vec![
            listed(
                "pending",
                &["a.com", "b.com"],
                CertificateStatus::PendingValidation,
                9,
            ),
            listed("issued", &["a.com", "b.com"], CertificateStatus::Issued, 5),
            listed("fewer", &["a.com"], CertificateStatus::Issued, 7),
        ];
        let told = arns(sort_out(all, Some(&names(&["b.com", "a.com"]))));
        assert_eq!(
            told,
            (Some("issued".to_owned()), names(&["pending", "fewer"]))
        );
    }

    #[test]
    fn with_other_domains_the_latest_is_both_replaced_and_retired() {
        let all = vec![
            listed("older", &["a.com"], CertificateStatus::Issued, 1),
            listed("latest", &["a.com"], CertificateStatus::Failed, 2),
        ];
        let told = arns(sort_out(all, Some(&names(&["a.com", "b.com"]))));
        assert_eq!(
            told,
            (Some("latest".to_owned()), names(&["latest", "older"]))
        );
    }

    #[test]
    fn a_failed_certificate_is_not_in_place() {
        let all = vec![listed(
            "failed",
            &["a.com"],
            CertificateStatus::ValidationTimedOut,
            2,
        )];
        let told = arns(sort_out(all, Some(&names(&["a.com"]))));
        assert_eq!(told, (Some("failed".to_owned()), names(&["failed"])));
    }

    #[test]
    fn without_a_manifest_each_certificate_is_told_once() {
        let all = vec![
            listed("1", &["a.com"], CertificateStatus::Issued, 1),
            listed("2", &["a.com", "b.com"], CertificateStatus::Issued, 2),
        ];
        assert_eq!(
            arns(sort_out(all, None)),
            (Some("2".to_owned()), names(&["1"]))
        );
    }

    #[test]
    fn a_token_fits_and_differs_after_a_failure() {
        let first = token(&names(&["a.com", "b.com"]), "");
        assert!(first.len() == 32 && first.bytes().all(|b| b.is_ascii_alphanumeric()));
        assert_ne!(first, token(&names(&["a.com", "b.com"]), "arn:failed"));
        assert_ne!(first, token(&names(&["a.comb.com"]), ""));
    }
}
