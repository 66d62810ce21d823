//! ECR's own scan of a pushed image: basic, or enhanced by Amazon Inspector.
//! <https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-scanning.html>

use std::time::Duration;

use aws_sdk_ecr::{
    error::{ProvideErrorMetadata, SdkError},
    operation::describe_image_scan_findings::DescribeImageScanFindingsOutput,
    types::{EnhancedImageScanFinding, ImageIdentifier, ImageScanFinding, ScanStatus},
};
use time::{Date, OffsetDateTime};
use tokio::time::{Instant, sleep};

use super::{
    super::{push::describe, registry::Registry},
    finding::{Finding, Fix, Scanner, Severity},
};

/// How long a scan is waited for, and how often it is asked after. AWS names no duration; a basic scan takes seconds to
/// minutes.
const DEADLINE: Duration = Duration::from_secs(600);
const PAUSE: Duration = Duration::from_secs(5);

/// The most that a page may have, per DescribeImageScanFindings' reference.
const PAGE: i32 = 1000;

/// Waits for the scan of the image with this digest, starts one where there is none yet, and reads all its findings.
///
/// # Errors
/// Why there is no complete scan, in words.
pub(super) async fn scan(
    registry: &Registry,
    digest: &str,
) -> Result<(Vec<Finding>, String), String> {
    finished(registry, digest, PAUSE, DEADLINE).await?;
    let mut pages = request(registry, digest)
        .max_results(PAGE)
        .into_paginator()
        .send();
    let (mut findings, mut against) = (Vec::new(), String::new());
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| format!("reading ECR's findings: {}", describe(&error)))?;
        against = time_of(&page);
        if let Some(found) = page.image_scan_findings() {
            findings.extend(found.findings().iter().map(of_basic));
            findings.extend(found.enhanced_findings().iter().filter_map(of_enhanced));
        }
    }
    Ok((findings, against))
}

fn request(
    registry: &Registry,
    digest: &str,
) -> aws_sdk_ecr::operation::describe_image_scan_findings::builders::DescribeImageScanFindingsFluentBuilder
{
    registry
        .ecr
        .describe_image_scan_findings()
        .repository_name(&registry.repository)
        .image_id(ImageIdentifier::builder().image_digest(digest).build())
}

/// Returns when findings can be read.
async fn finished(
    registry: &Registry,
    digest: &str,
    pause: Duration,
    deadline: Duration,
) -> Result<(), String> {
    let end = Instant::now() + deadline;
    let mut started = false;
    loop {
        let last = match request(registry, digest).max_results(1).send().await {
            Ok(answer) => {
                let status = answer.image_scan_status();
                let state = status.and_then(|status| status.status());
                match state {
                    Some(ScanStatus::Complete | ScanStatus::Active) => return Ok(()),
                    Some(ScanStatus::InProgress | ScanStatus::Pending) | None => {}
                    Some(other) => {
                        let why = status
                            .and_then(|status| status.description())
                            .unwrap_or_default();
                        return Err(format!("ECR's scan ended as {}: {why}", other.as_str()));
                    }
                }
                state.map_or("no state", ScanStatus::as_str).to_owned()
            }
            Err(error) if code(&error) == Some("ScanNotFoundException") && !started => {
                start(registry, digest).await?;
                started = true;
                "started".to_owned()
            }
            // A scan that was just started may take a moment to be seen.
            Err(error) if code(&error) == Some("ScanNotFoundException") => {
                "not seen yet".to_owned()
            }
            Err(error) => return Err(format!("asking for ECR's scan: {}", describe(&error))),
        };
        if Instant::now() + pause > end {
            return Err(format!(
                "ECR's scan did not end within {} s; its last state: {last}",
                deadline.as_secs()
            ));
        }
        sleep(pause).await;
    }
}

/// Basic scanning can be started by hand, once a day an image; enhanced scanning starts by itself and refuses this.
async fn start(registry: &Registry, digest: &str) -> Result<(), String> {
    let id = ImageIdentifier::builder().image_digest(digest).build();
    let started = registry
        .ecr
        .start_image_scan()
        .repository_name(&registry.repository)
        .image_id(id)
        .send()
        .await;
    started.map(drop).map_err(|error| {
        format!(
            "ECR has no scan of this image, and starting one failed: {}",
            describe(&error)
        )
    })
}

fn code<E: ProvideErrorMetadata>(error: &SdkError<E>) -> Option<&str> {
    error
        .as_service_error()
        .and_then(ProvideErrorMetadata::code)
}

fn time_of(page: &DescribeImageScanFindingsOutput) -> String {
    let updated = page
        .image_scan_findings()
        .and_then(|findings| findings.vulnerability_source_updated_at())
        .and_then(|time| OffsetDateTime::from_unix_timestamp(time.secs()).ok());
    match updated {
        Some(time) => format!("ECR's source of {}", time.date()),
        None => "ECR's source".to_owned(),
    }
}

/// Basic findings tell no fix.
fn of_basic(found: &ImageScanFinding) -> Finding {
    let attribute = |key: &str| {
        let attributes = found.attributes().iter();
        let mut values = attributes.filter(|attribute| attribute.key() == key);
        values
            .next()
            .and_then(|attribute| attribute.value())
            .unwrap_or_default()
            .to_owned()
    };
    Finding {
        scanner: Scanner::Ecr,
        id: found.name().unwrap_or_default().to_owned(),
        package: attribute("package_name"),
        installed: attribute("package_version"),
        fix: Fix::Unknown,
        severity: Severity::of_word(found.severity().map_or("", |severity| severity.as_str())),
        title: found.description().unwrap_or_default().to_owned(),
        url: found.uri().map(str::to_owned),
        since: None,
    }
}

/// None for a finding that Inspector has closed. One that Inspector suppresses counts: exceptions are the policy's alone.
fn of_enhanced(found: &EnhancedImageScanFinding) -> Option<Finding> {
    if found.status() == Some("CLOSED") {
        return None;
    }
    let details = found.package_vulnerability_details();
    let package = details.and_then(|details| details.vulnerable_packages().first());
    let installed = package.map(|package| {
        let release = package.release().map(|release| format!("-{release}"));
        format!(
            "{}{}",
            package.version().unwrap_or_default(),
            release.unwrap_or_default()
        )
    });
    let fixed = package
        .and_then(|package| package.fixed_in_version())
        .filter(|version| *version != "NotAvailable" && !version.is_empty());
    Some(Finding {
        scanner: Scanner::Ecr,
        id: details
            .and_then(|details| details.vulnerability_id())
            .or(found.title())
            .unwrap_or_default()
            .to_owned(),
        package: package
            .and_then(|package| package.name())
            .unwrap_or_default()
            .to_owned(),
        installed: installed.unwrap_or_default(),
        fix: match (fixed, found.fix_available()) {
            (Some(version), _) => Fix::In(version.to_owned()),
            (None, Some("NO")) => Fix::None,
            (None, _) => Fix::Unknown,
        },
        severity: Severity::of_word(found.severity().unwrap_or_default()),
        title: found.title().unwrap_or_default().to_owned(),
        url: details
            .and_then(|details| details.source_url())
            .map(str::to_owned),
        since: found.first_observed_at().and_then(|time| day(time.secs())),
    })
}

fn day(seconds: i64) -> Option<Date> {
    OffsetDateTime::from_unix_timestamp(seconds)
        .ok()
        .map(OffsetDateTime::date)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::answers::Answers;

    const BASIC: &str = r#"{"imageScanStatus": {"status": "COMPLETE"}, "nextToken": "2", "imageScanFindings": {
        "vulnerabilitySourceUpdatedAt": 1795564800, "findings": [
        {"name": "CVE-2026-1", "uri": "https://security-tracker.debian.org/tracker/CVE-2026-1", "severity": "HIGH",
         "attributes": [{"key": "package_version", "value": "1-1"}, {"key": "package_name", "value": "curl"}]}]}}"#;
    const ENHANCED: &str = r#"{"imageScanStatus": {"status": "ACTIVE"}, "imageScanFindings": {"enhancedFindings": [
        {"status": "ACTIVE", "severity": "CRITICAL", "title": "CVE-2026-2 - perl", "fixAvailable": "YES",
         "firstObservedAt": 1795478400, "score": 9.8, "packageVulnerabilityDetails": {"vulnerabilityId": "CVE-2026-2",
         "vulnerablePackages": [{"name": "perl", "version": "5.40.1", "release": "6", "fixedInVersion": "5.40.1-7"}]}},
        {"status": "CLOSED", "severity": "HIGH", "score": 7.1, "title": "gone"}]}}"#;
    const PENDING: &str = r#"{"imageScanStatus": {"status": "PENDING"}}"#;
    const NOT_FOUND: &str = r#"{"__type": "ScanNotFoundException", "message": "none"}"#;

    async fn registry(answers: &[(u16, &str)]) -> (Registry, Answers) {
        let server = Answers::start(answers).await;
        (Registry::at(server.address()), server)
    }

    #[tokio::test]
    async fn pages_of_both_kinds_are_read_once_the_scan_has_ended() {
        let first = BASIC.replace("\"nextToken\": \"2\", ", "");
        let (registry, server) = registry(&[(200, &first), (200, BASIC), (200, ENHANCED)]).await;
        let (findings, against) = scan(&registry, "sha256:aa").await.unwrap();
        let told: Vec<_> = findings
            .iter()
            .map(|f| (f.id.as_str(), f.package.as_str(), f.severity, f.fix.clone()))
            .collect();
        assert_eq!(
            told,
            [
                ("CVE-2026-1", "curl", Severity::High, Fix::Unknown),
                (
                    "CVE-2026-2",
                    "perl",
                    Severity::Critical,
                    Fix::In("5.40.1-7".to_owned())
                ),
            ]
        );
        assert_eq!(findings[1].installed, "5.40.1-6");
        assert_eq!(against, "ECR's source");
        assert!(server.requests()[2].contains(r#""nextToken":"2""#));
    }

    #[tokio::test]
    async fn a_missing_scan_is_started_and_waited_for_until_the_deadline() {
        let soon = Duration::from_millis(1);
        let (one, server) = registry(&[
            (400, NOT_FOUND),
            (200, "{}"),
            (400, NOT_FOUND),
            (200, PENDING),
            (200, BASIC),
        ])
        .await;
        finished(&one, "sha256:aa", soon, Duration::from_secs(60))
            .await
            .unwrap();
        assert_eq!(server.requests().len(), 5);

        let (other, _server) = registry(&[(200, PENDING)]).await;
        let error = finished(&other, "sha256:aa", soon, Duration::ZERO)
            .await
            .unwrap_err();
        assert!(error.contains("its last state: PENDING"), "{error}");
    }

    #[tokio::test]
    async fn a_scan_that_failed_is_no_scan() {
        let failed =
            r#"{"imageScanStatus": {"status": "UNSUPPORTED_IMAGE", "description": "no OS"}}"#;
        let (registry, _server) = registry(&[(200, failed)]).await;
        let error = scan(&registry, "sha256:aa").await.unwrap_err();
        assert!(error.contains("UNSUPPORTED_IMAGE: no OS"), "{error}");
    }
}
