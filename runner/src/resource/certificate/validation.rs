//! The DNS records by which ACM sees that a certificate's domains are ours. They stay as long as the certificate: ACM looks
//! at them again for each renewal. Certificates of one account for the same domain share one record.

use super::super::records::{change, of_name, submit};
use crate::cloud::wait::{Seen, until};
use crate::cloud::{Class, Cloud, CloudError, aws};
use aws_sdk_acm::types::{CertificateDetail, CertificateStatus, DomainValidation};
use aws_sdk_route53::types::{Change, ChangeAction, ResourceRecord, ResourceRecordSet, RrType};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// ACM sees a validation record within minutes as a rule.
const ISSUED_WITHIN: Duration = Duration::from_secs(30 * 60);
/// The names of the validation records follow the request by some seconds.
const DESCRIBED_WITHIN: Duration = Duration::from_secs(2 * 60);
/// Seconds.
const TTL: i64 = 300;

/// Writes the validation records of a certificate and waits until it is issued.
///
/// # Errors
/// AWS's; ACM's reason for not issuing it; time ran out.
pub(super) async fn validate(cloud: &Cloud, arn: &str) -> Result<(), CloudError> {
    let records = until(
        &format!("ACM to name the validation records of {arn}"),
        DESCRIBED_WITHIN,
        || async {
            let detail = describe(cloud, arn).await?;
            let options = detail.domain_validation_options();
            let records = cnames(options, |_| true);
            // A domain without a record yet would be left out, and never be validated.
            let complete = !options.is_empty()
                && options
                    .iter()
                    .all(|option| option.resource_record().is_some());
            match complete || is_final(&detail) {
                true => Ok(Seen::Done(records)),
                false => Ok(Seen::NotYet(format!(
                    "{} of {} named",
                    records.len(),
                    options.len()
                ))),
            }
        },
    )
    .await?;
    let changes = records
        .into_iter()
        .map(|(name, value)| change(ChangeAction::Upsert, cname(&name, &value)));
    submit(cloud, changes.collect()).await?;
    until(
        &format!("certificate {arn} to be issued"),
        ISSUED_WITHIN,
        || async {
            let detail = describe(cloud, arn).await?;
            match detail.status() {
                Some(CertificateStatus::Issued) => Ok(Seen::Done(())),
                _ if is_final(&detail) => Err(CloudError::Unusable(refusal(arn, &detail))),
                status => Ok(Seen::NotYet(
                    status
                        .map_or("no status", CertificateStatus::as_str)
                        .to_owned(),
                )),
            }
        },
    )
    .await
}

async fn describe(cloud: &Cloud, arn: &str) -> Result<CertificateDetail, CloudError> {
    let request = cloud.acm.describe_certificate().certificate_arn(arn);
    let answer = request
        .send()
        .await
        .map_err(aws("acm:DescribeCertificate"))?;
    answer
        .certificate
        .ok_or_else(|| CloudError::Unusable(format!("ACM describes nothing of {arn}")))
}

fn is_final(detail: &CertificateDetail) -> bool {
    detail
        .status()
        .is_some_and(|status| *status != CertificateStatus::PendingValidation)
}

fn refusal(arn: &str, detail: &CertificateDetail) -> String {
    let status = detail
        .status()
        .map_or("no status", CertificateStatus::as_str);
    let reason = detail
        .failure_reason()
        .map_or("no reason given", |reason| reason.as_str());
    format!("ACM did not issue certificate {arn}: {status}: {reason}")
}

/// Name and value of the records of the domains that `of` says, each once.
fn cnames(options: &[DomainValidation], of: impl Fn(&str) -> bool) -> BTreeMap<String, String> {
    let records = options
        .iter()
        .filter(|option| of(option.domain_name()))
        .filter_map(DomainValidation::resource_record);
    records
        .map(|record| (record.name().to_owned(), record.value().to_owned()))
        .collect()
}

fn cname(name: &str, value: &str) -> ResourceRecordSet {
    let value = ResourceRecord::builder()
        .value(value)
        .build()
        .expect("it has a value");
    ResourceRecordSet::builder()
        .name(name)
        .r#type(RrType::Cname)
        .ttl(TTL)
        .resource_records(value)
        .build()
        .expect("it has a name and a type")
}

/// Deletes the validation records of a certificate, but those of the domains that are `still_needed`. What is gone
/// already counts as deleted.
///
/// # Errors
/// AWS's, or time ran out.
pub(super) async fn remove_records(
    cloud: &Cloud,
    arn: &str,
    still_needed: &BTreeSet<String>,
) -> Result<(), CloudError> {
    let detail = match describe(cloud, arn).await {
        Err(error) if error.class() == Class::NotFound => return Ok(()),
        detail => detail?,
    };
    let records = cnames(detail.domain_validation_options(), |domain| {
        !still_needed.contains(domain)
    });
    match submit(cloud, deletions(cloud, &records).await?).await {
        // Another certificate's removal may have deleted a record in the meantime, which fails the whole batch.
        Err(_) => submit(cloud, deletions(cloud, &records).await?).await,
        Ok(()) => Ok(()),
    }
}

async fn deletions(
    cloud: &Cloud,
    records: &BTreeMap<String, String>,
) -> Result<Vec<Change>, CloudError> {
    let mut changes = Vec::new();
    for (name, value) in records {
        let plain = |name: &str| name.trim_end_matches('.').to_owned();
        let is_ours = |record: &ResourceRecordSet| {
            *record.r#type() == RrType::Cname
                && record
                    .resource_records()
                    .iter()
                    .all(|found| plain(found.value()) == plain(value))
        };
        let found = of_name(cloud, name).await?.into_iter().filter(is_ours);
        changes.extend(found.map(|record| change(ChangeAction::Delete, record)));
    }
    Ok(changes)
}
