//! Scanning an image: findings from the scanners at hand, judged by one policy.
//!
//! A scanner that could not run is never a pass: without a required one, or with one that failed, the verdict is
//! [`Verdict::Incomplete`].

mod changelog;
mod debian;
mod ecr;
mod finding;
mod policy;
#[cfg(test)]
mod policy_tests;
mod sarif;
mod trivy;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use serde::Serialize;
use serde_json::Value;
use time::OffsetDateTime;

pub use finding::{Finding, Fix, Outcome, Scanner, Severity};
pub use policy::{Decision, Judged, Judgement, Policy, Verdict};

use super::{ImageError, Lock, Registry, build::connect, contents, push::stored};
use crate::output::narrate;

/// What to scan, and with what.
#[derive(Debug)]
pub struct Scan<'a> {
    /// The image on this machine.
    pub reference: &'a str,
    /// Its tag, which a registry knows it by.
    pub tag: &'a str,
    /// Whose base image has the apt that knows Debian's archive.
    pub lock: &'a Lock,
    /// By which to judge.
    pub policy: &'a Policy,
    /// A report of Trivy that was made elsewhere.
    pub trivy_report: Option<PathBuf>,
    /// An environment's registry, whose own scan is to count.
    pub registry: Option<&'a Registry>,
}

/// What came of a scan.
#[derive(Clone, Debug, Serialize)]
pub struct Scanned {
    /// What was scanned.
    pub reference: String,
    /// The engine's id of it.
    pub id: String,
    /// How each scanner fared.
    pub scanners: BTreeMap<Scanner, Outcome>,
    /// The verdict.
    pub judgement: Judgement,
}

/// Scans and judges. Changes nothing, but that ECR is asked to scan where it has not yet.
///
/// # Errors
/// When the image cannot be read; a scanner that cannot run is no error but in the result.
pub async fn scan(scan: &Scan<'_>) -> Result<Scanned, ImageError> {
    let docker = connect().await?;
    let contents = contents::read(&docker, scan.reference).await?;
    narrate(format_args!(
        "scanning {}: {} Debian packages",
        scan.reference,
        contents.packages.len()
    ));
    let codename = contents.os.get("VERSION_CODENAME");
    let (debian, (trivy, from_trivy), ecr) = tokio::join!(
        debian::scan(&docker, &scan.lock.base, &contents.packages, codename),
        async {
            match &scan.trivy_report {
                Some(path) => trivy::report(path, &contents.id),
                None => trivy::run(&docker, &contents.id).await,
            }
        },
        by_registry(scan, &contents.id),
    );
    let mut scanners = BTreeMap::from([(Scanner::Trivy, trivy)]);
    let mut findings = from_trivy;
    let mut add = |scanner, result: Result<(Vec<Finding>, String), String>| match result {
        Ok((found, against)) => {
            findings.extend(found);
            scanners.insert(scanner, Outcome::Ran { against });
        }
        Err(reason) => {
            scanners.insert(scanner, Outcome::Failed { reason });
        }
    };
    add(Scanner::Debian, debian);
    match ecr {
        Some(result) => add(Scanner::Ecr, result),
        None => {
            let reason = "no environment was named (--env)".to_owned();
            scanners.insert(Scanner::Ecr, Outcome::Absent { reason });
        }
    }
    let today = OffsetDateTime::now_utc().date();
    let judgement = scan.policy.judge(&scanners, findings, today);
    Ok(Scanned {
        reference: scan.reference.to_owned(),
        id: contents.id,
        scanners,
        judgement,
    })
}

/// What the registry's own scan of the pushed image `digest` found and `policy` does not let pass, a line each. Waits for the scan, and
/// starts one where there is none.
///
/// # Errors
/// Why there is no complete scan, in words.
pub async fn of_pushed(
    registry: &Registry,
    digest: &str,
    policy: &Policy,
) -> Result<Vec<String>, String> {
    let (findings, against) = ecr::scan(registry, digest).await?;
    let scanners = BTreeMap::from([(Scanner::Ecr, Outcome::Ran { against })]);
    let today = OffsetDateTime::now_utc().date();
    let judged = policy
        .judge(&scanners, findings, today)
        .findings
        .into_iter();
    let failing = judged.filter_map(|judged| match judged.decision {
        Decision::Fails { .. } => Some(format!(
            "{} in {}",
            judged.finding.id, judged.finding.package
        )),
        _ => None,
    });
    Ok(failing.collect())
}

/// The registry's findings, if it holds this very image under the tag.
async fn by_registry(scan: &Scan<'_>, id: &str) -> Option<Result<(Vec<Finding>, String), String>> {
    let registry = scan.registry?;
    let name = format!("{}:{}", registry.repository, scan.tag);
    Some(match stored(registry, scan.tag).await {
        Ok(Some(there)) if there.config == id => ecr::scan(registry, &there.digest).await,
        Ok(Some(_)) => Err(format!(
            "{name} in the registry is another image than this machine's"
        )),
        Ok(None) => Err(format!("the registry has no {name} yet")),
        Err(error) => Err(format!("{error}: {}", error.causes())),
    })
}

impl Scanned {
    /// As SARIF 2.1.0; findings are shown at `artifact`, a path in the repository.
    #[must_use]
    pub fn sarif(&self, artifact: &Path) -> Value {
        sarif::sarif(&self.scanners, &self.judgement, &artifact.to_string_lossy())
    }
}
