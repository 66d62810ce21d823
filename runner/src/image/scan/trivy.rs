//! Trivy: run where it is installed or where the engine has its image, or its report taken from a file.
//! Its JSON is <https://trivy.dev/latest/docs/configuration/reporting/#json>, schema version 2.

use std::{fs, io::ErrorKind, path::Path, process::Stdio};

use bollard::Docker;
use serde::Deserialize;
use time::{Date, OffsetDateTime, format_description::well_known::Rfc3339};
use tokio::process::Command;

mod container;

use super::finding::{Finding, Fix, Outcome, Scanner, Severity};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Report {
    schema_version: u32,
    #[serde(default)]
    created_at: String,
    #[serde(default)]
    metadata: Metadata,
    #[serde(default)]
    results: Vec<Target>,
}

#[derive(Deserialize, Default)]
struct Metadata {
    #[serde(rename = "ImageID", default)]
    image_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Target {
    // Trivy writes null for a target without flaws.
    #[serde(default)]
    vulnerabilities: Option<Vec<Vulnerability>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Vulnerability {
    #[serde(rename = "VulnerabilityID")]
    id: String,
    pkg_name: String,
    #[serde(default)]
    installed_version: String,
    #[serde(default)]
    fixed_version: String,
    #[serde(default)]
    severity: String,
    #[serde(default)]
    title: String,
    #[serde(rename = "PrimaryURL", default)]
    url: Option<String>,
    #[serde(default)]
    published_date: Option<String>,
}

/// What to ask Trivy for, whatever it looks at.
const ARGUMENTS: [&str; 6] = ["image", "--quiet", "--format", "json", "--scanners", "vuln"];

/// Runs `trivy` on the image that the engine has under `id`: the program of this machine, or else the image of it that the
/// engine has. [`Outcome::Absent`] when there is neither.
pub(super) async fn run(docker: &Docker, id: &str) -> (Outcome, Vec<Finding>) {
    let output = Command::new("trivy")
        .args(ARGUMENTS)
        .arg(id)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await;
    let failed = |reason: String| (Outcome::Failed { reason }, Vec::new());
    match output {
        Err(error) if error.kind() == ErrorKind::NotFound => match container::run(docker, id).await
        {
            Ok(Some(report)) => read(&report, id).map_or_else(failed, ran),
            Ok(None) => {
                let reason = format!(
                    "this machine has no trivy, and its engine no image {}",
                    container::IMAGE
                );
                (Outcome::Absent { reason }, Vec::new())
            }
            Err(reason) => failed(reason),
        },
        Err(error) => failed(format!("running trivy: {error}")),
        Ok(output) if !output.status.success() => {
            let words = String::from_utf8_lossy(&output.stderr);
            failed(format!(
                "trivy ended with {}: {}",
                output.status,
                words.trim().replace('\n', " / ")
            ))
        }
        Ok(output) => read(&output.stdout, id).map_or_else(failed, ran),
    }
}

/// Takes the report that Trivy wrote elsewhere. It must be of this very image.
pub(super) fn report(path: &Path, id: &str) -> (Outcome, Vec<Finding>) {
    fs::read(path)
        .map_err(|error| error.to_string())
        .and_then(|text| read(&text, id))
        .map_or_else(
            |reason| {
                let reason = format!("{}: {reason}", path.display());
                (Outcome::Failed { reason }, Vec::new())
            },
            ran,
        )
}

fn ran((against, findings): (String, Vec<Finding>)) -> (Outcome, Vec<Finding>) {
    (Outcome::Ran { against }, findings)
}

fn read(text: &[u8], id: &str) -> Result<(String, Vec<Finding>), String> {
    let report: Report = serde_json::from_slice(text)
        .map_err(|error| format!("this is no report of Trivy: {error}"))?;
    if report.schema_version != 2 {
        return Err(format!(
            "the report's schema version is {}; this bbws reads 2",
            report.schema_version
        ));
    }
    if report.metadata.image_id != id {
        return Err(format!(
            "the report is of the image {}, not of {id}",
            report.metadata.image_id
        ));
    }
    let flaws = report
        .results
        .into_iter()
        .flat_map(|target| target.vulnerabilities.unwrap_or_default());
    let findings = flaws.map(|flaw| Finding {
        scanner: Scanner::Trivy,
        id: flaw.id,
        package: flaw.pkg_name,
        installed: flaw.installed_version,
        fix: match flaw.fixed_version.is_empty() {
            true => Fix::None,
            false => Fix::In(flaw.fixed_version),
        },
        severity: Severity::of_word(&flaw.severity),
        title: flaw.title,
        url: flaw.url,
        since: flaw.published_date.as_deref().and_then(day),
    });
    let against = match report.created_at.as_str() {
        "" => "Trivy's database".to_owned(),
        time => format!("Trivy's database at {time}"),
    };
    Ok((against, findings.collect()))
}

fn day(time: &str) -> Option<Date> {
    OffsetDateTime::parse(time, &Rfc3339)
        .ok()
        .map(OffsetDateTime::date)
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::date;

    /// The form that Trivy documents, shortened.
    const REPORT: &str = r#"{"SchemaVersion": 2, "CreatedAt": "2026-11-25T08:00:00Z", "ArtifactName": "x",
        "Metadata": {"ImageID": "sha256:aa", "OS": {"Family": "debian", "Name": "13.2"}},
        "Results": [
            {"Target": "x (debian 13.2)", "Class": "os-pkgs", "Type": "debian", "Vulnerabilities": [
                {"VulnerabilityID": "CVE-2026-1", "PkgName": "curl", "InstalledVersion": "8.14.1-2",
                 "FixedVersion": "8.14.1-3", "Severity": "CRITICAL", "Title": "t",
                 "PrimaryURL": "https://avd.aquasec.com/nvd/cve-2026-1", "PublishedDate": "2026-11-01T12:15:00.123Z"},
                {"VulnerabilityID": "CVE-2026-2", "PkgName": "perl", "InstalledVersion": "5.40", "Severity": "UNKNOWN"}]},
            {"Target": "app", "Class": "lang-pkgs", "Vulnerabilities": null}]}"#;

    #[test]
    fn findings_are_read_whatever_is_left_out() {
        let (_, findings) = read(REPORT.as_bytes(), "sha256:aa").unwrap();
        assert_eq!(findings.len(), 2);
        assert_eq!(findings[0].severity, Severity::Critical);
        assert_eq!(findings[0].fix, Fix::In("8.14.1-3".to_owned()));
        assert_eq!(findings[0].since, Some(date!(2026 - 11 - 01)));
        assert_eq!(findings[1].severity, Severity::Unknown);
        assert_eq!((&findings[1].fix, findings[1].since), (&Fix::None, None));
    }

    #[test]
    fn a_report_of_another_image_is_none() {
        let error = read(REPORT.as_bytes(), "sha256:bb").unwrap_err();
        assert!(error.contains("sha256:aa, not of sha256:bb"), "{error}");
        assert!(read(b"{}", "sha256:aa").is_err());
    }
}
