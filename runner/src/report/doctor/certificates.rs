//! Whether sites and load balancers have certificates that browsers and the edge will go on to take.

use super::{Outcome, Patient};
use crate::cloud::{Cell, Cloud, CloudError, aws};
use crate::resource::{KEYS, Kind};
use aws_sdk_acm::types::{CertificateStatus, CertificateSummary, Filters};
use aws_sdk_elasticloadbalancingv2::types::ProtocolEnum;
use futures::future::join_all;
use std::collections::BTreeSet;
use time::{Duration, OffsetDateTime};

/// ACM renews 60 days before the end (ACM User Guide, "Managed certificate renewal"): later than this, it has failed to.
const RENEWED: Duration = Duration::days(45);

pub(super) async fn check(patient: &Patient<'_>) -> Vec<Outcome> {
    let (mut outcomes, of_listeners) = tokio::join!(sites(patient), listeners(patient));
    outcomes.extend(of_listeners);
    outcomes
}

/// The default certificate of each listener with TLS: the edge looks whether it is of the load balancer's name. Where nothing
/// speaks TLS there is nothing to look at, which `audit` finds.
async fn listeners(patient: &Patient<'_>) -> Vec<Outcome> {
    let cloud = &patient.session.cloud;
    let all = match list(&cloud.listener_acm).await {
        Ok(all) => all,
        Err(error) => return vec![Outcome::error("certificate", "load balancers", &error)],
    };
    let cells = cloud.foundation.cells.iter();
    let cells = cells.map(|cell| async {
        match certified(cloud, cell).await {
            Err(error) => {
                let subject = format!("cell {}", cell.name);
                vec![Outcome::error("certificate", subject, &error)]
            }
            Ok(listeners) => {
                let judged = listeners.into_iter().map(|(port, arn)| {
                    let mut known = all.iter();
                    let held =
                        known.find(|c| c.certificate_arn() == arn.as_deref() && arn.is_some());
                    let subject = format!("cell {}: port {port}", cell.name);
                    let name = cell.load_balancer.dns_name.as_str();
                    match judge([name], held, patient.now) {
                        Ok(found) => Outcome::pass("certificate", subject, found),
                        Err(found) => {
                            Outcome::finding("certificate", subject, found, patient.terraform())
                        }
                    }
                });
                judged.collect()
            }
        }
    });
    join_all(cells).await.into_iter().flatten().collect()
}

/// Port and certificate of the listeners with TLS.
async fn certified(cloud: &Cloud, cell: &Cell) -> Result<Vec<(i32, Option<String>)>, CloudError> {
    let listeners = cloud.elb.describe_listeners();
    let listeners = listeners
        .load_balancer_arn(&cell.load_balancer.arn)
        .into_paginator()
        .items()
        .send()
        .collect::<Result<Vec<_>, _>>()
        .await
        .map_err(aws("elasticloadbalancing:DescribeListeners"))?;
    let with_tls = listeners
        .iter()
        .filter(|listener| listener.protocol() == Some(&ProtocolEnum::Https));
    Ok(with_tls
        .map(|listener| {
            let first = listener.certificates().first();
            let arn = first.and_then(|c| c.certificate_arn()).map(str::to_owned);
            (listener.port().unwrap_or_default(), arn)
        })
        .collect())
}

async fn sites(patient: &Patient<'_>) -> Vec<Outcome> {
    if !patient.knows(Kind::Certificate) {
        return Vec::new(); // told as unread
    }
    let all = match list(&patient.session.cloud.acm).await {
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
            let domains = site.domains.iter().map(|domain| domain.as_str());
            match judge(domains, certificate, patient.now) {
                Ok(found) => Outcome::pass("certificate", tenant.as_str(), found),
                Err(found) => {
                    Outcome::finding("certificate", tenant.as_str(), found, patient.apply(tenant))
                }
            }
        })
        .collect()
}

fn judge<'a>(
    domains: impl IntoIterator<Item = &'a str>,
    certificate: Option<&CertificateSummary>,
    now: OffsetDateTime,
) -> Result<String, String> {
    let certificate = certificate.ok_or("it has none")?;
    let names = certificate.subject_alternative_name_summaries().iter();
    let names: BTreeSet<_> = names
        .map(String::as_str)
        .chain(certificate.domain_name())
        .collect();
    let bare = domains.into_iter().filter(|domain| {
        // A wildcard stands for one label (RFC 6125, 6.4.3).
        let wider = domain.split_once('.').map(|(_, rest)| format!("*.{rest}"));
        !names.contains(domain) && !wider.is_some_and(|wider| names.contains(wider.as_str()))
    });
    let bare: Vec<_> = bare.collect();
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

/// All certificates of a region, 1,000 a page.
///
/// # Errors
/// AWS's.
pub(super) async fn list(acm: &aws_sdk_acm::Client) -> Result<Vec<CertificateSummary>, CloudError> {
    let all_keys = Filters::builder().set_key_types(Some(KEYS.into())).build();
    let pages = acm.list_certificates().includes(all_keys).into_paginator();
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
    use aws_smithy_types::DateTime;

    #[test]
    fn a_certificate_must_cover_the_domains_and_outlive_its_renewal() {
        let (site, now) = (
            ["acme.example", "www.acme.example"],
            OffsetDateTime::UNIX_EPOCH,
        );
        let ends = |days: i64| {
            let names = site.map(str::to_owned).into();
            CertificateSummary::builder()
                .status(CertificateStatus::Issued)
                .set_subject_alternative_name_summaries(Some(names))
                .not_after(DateTime::from_secs(days * 86_400))
        };
        assert!(judge(site, Some(&ends(300).build()), now).is_ok());
        assert!(judge(site, None, now).is_err());
        assert!(
            judge(site, Some(&ends(44).build()), now)
                .unwrap_err()
                .contains("in 44 days")
        );
        let pending = ends(300)
            .status(CertificateStatus::PendingValidation)
            .build();
        assert_eq!(
            judge(site, Some(&pending), now).unwrap_err(),
            "it is PENDING_VALIDATION"
        );
        let other = ends(300)
            .set_subject_alternative_name_summaries(None)
            .domain_name("other.example")
            .build();
        assert!(
            judge(site, Some(&other), now)
                .unwrap_err()
                .starts_with("it does not cover")
        );
        let wide = ends(300).set_subject_alternative_name_summaries(None);
        let wide = wide.domain_name("*.acme.example").build();
        assert!(judge(["origin-a.acme.example"], Some(&wide), now).is_ok());
        for uncovered in ["acme.example", "a.b.acme.example"] {
            assert!(judge([uncovered], Some(&wide), now).is_err());
        }
    }
}
