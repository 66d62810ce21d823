//! Whether sites have certificates that browsers will go on to take.

use super::{Outcome, Patient};
use crate::cloud::{Cloud, CloudError, aws};
use crate::manifest::Site;
use crate::resource::{KEYS, Kind};
use aws_sdk_acm::types::{CertificateStatus, CertificateSummary, Filters};
use std::collections::BTreeSet;
use time::{Duration, OffsetDateTime};

/// ACM renews 60 days before the end (ACM User Guide, "Managed certificate renewal"): later than this, it has failed to.
const RENEWED: Duration = Duration::days(45);

pub(super) async fn check(patient: &Patient<'_>) -> Vec<Outcome> {
    if !patient.knows(Kind::Certificate) {
        return Vec::new(); // told as unread
    }
    let all = match list(&patient.session.cloud).await {
        Ok(all) => all,
        Err(error) => return vec![Outcome::error("certificate", "all", &error)],
    };
    patient
        .live()
        .map(|(tenant, site)| {
            let held = &patient.inventory.found[tenant];
            let held = held.get(&Kind::Certificate).map(|found| found.id.as_str());
            let certificate = all
                .iter()
                .find(|c| c.certificate_arn() == held && held.is_some());
            match judge(site, certificate, patient.now) {
                Ok(found) => Outcome::pass("certificate", tenant.as_str(), found),
                Err(found) => {
                    Outcome::finding("certificate", tenant.as_str(), found, patient.apply(tenant))
                }
            }
        })
        .collect()
}

fn judge(
    site: &Site,
    certificate: Option<&CertificateSummary>,
    now: OffsetDateTime,
) -> Result<String, String> {
    let certificate = certificate.ok_or("it has none")?;
    let names = certificate.subject_alternative_name_summaries().iter();
    let names: BTreeSet<_> = names
        .map(String::as_str)
        .chain(certificate.domain_name())
        .collect();
    let domains = site.domains.iter().map(ToString::to_string);
    let bare: Vec<_> = domains
        .filter(|domain| !names.contains(domain.as_str()))
        .collect();
    if !bare.is_empty() {
        return Err(format!("it does not cover {}", bare.join(", ")));
    }
    match certificate.status() {
        Some(CertificateStatus::Issued) => {}
        status => {
            return Err(format!(
                "it is {}",
                status.map_or("of no status", |s| s.as_str())
            ));
        }
    }
    let end = certificate.not_after().ok_or("it has no end")?;
    let end = OffsetDateTime::from_unix_timestamp(end.secs()).map_err(|error| error.to_string())?;
    let found = format!(
        "it ends on {}, in {} days",
        end.date(),
        (end - now).whole_days()
    );
    if end - now < RENEWED {
        return Err(format!(
            "{found}: ACM has not renewed it; its validation records may be gone"
        ));
    }
    Ok(found)
}

/// All certificates of the edge's region, 1,000 a page.
///
/// # Errors
/// AWS's.
pub(super) async fn list(cloud: &Cloud) -> Result<Vec<CertificateSummary>, CloudError> {
    let all_keys = Filters::builder().set_key_types(Some(KEYS.into())).build();
    let pages = cloud
        .acm
        .list_certificates()
        .includes(all_keys)
        .into_paginator();
    let all = pages
        .page_size(1_000)
        .items()
        .send()
        .collect::<Result<_, _>>()
        .await;
    all.map_err(aws("acm:ListCertificates"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resource::sample::site;
    use aws_smithy_types::DateTime;

    #[test]
    fn a_certificate_must_cover_the_domains_and_outlive_its_renewal() {
        let (site, now) = (site(), OffsetDateTime::UNIX_EPOCH);
        let ends = |days: i64| {
            let names = site.domains.iter().map(ToString::to_string).collect();
            CertificateSummary::builder()
                .status(CertificateStatus::Issued)
                .set_subject_alternative_name_summaries(Some(names))
                .not_after(DateTime::from_secs(days * 86_400))
        };
        assert!(judge(&site, Some(&ends(300).build()), now).is_ok());
        assert!(judge(&site, None, now).is_err());
        assert!(
            judge(&site, Some(&ends(44).build()), now)
                .unwrap_err()
                .contains("in 44 days")
        );
        let pending = ends(300)
            .status(CertificateStatus::PendingValidation)
            .build();
        assert_eq!(
            judge(&site, Some(&pending), now).unwrap_err(),
            "it is PENDING_VALIDATION"
        );
        let other = ends(300)
            .set_subject_alternative_name_summaries(None)
            .domain_name("other.example")
            .build();
        assert!(
            judge(&site, Some(&other), now)
                .unwrap_err()
                .starts_with("it does not cover")
        );
    }
}
