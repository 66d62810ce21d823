//! What findings are allowed: `scan-policy.yaml`, and the verdict by it. Pure, the day is given.

use std::{collections::BTreeMap, fs, path::Path};

use serde::{Deserialize, Serialize};
use time::{Date, Duration};

use super::{
    super::ImageError,
    finding::{Finding, Fix, Outcome, Scanner, Severity, day},
};

/// `scan-policy.yaml`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    version: u32,
    fail_at: Severity,
    unknown_counts_as: Severity,
    #[serde(default)]
    grace_days: BTreeMap<Severity, u16>,
    required: Vec<Scanner>,
    #[serde(default)]
    exceptions: Vec<Exception>,
}

/// A finding that is accepted for a while.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Exception {
    id: String,
    #[serde(default)]
    package: Option<String>,
    reason: String,
    owner: String,
    /// The last day on which it holds.
    #[serde(with = "day")]
    expires: Date,
}

/// What becomes of a finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "decision")]
pub enum Decision {
    /// It fails the scan.
    Fails {
        /// Why now, when it was tolerated or accepted before.
        #[serde(skip_serializing_if = "Option::is_none")]
        because: Option<String>,
    },
    /// It will, after this day.
    Grace {
        /// The last day of grace.
        #[serde(with = "day")]
        until: Date,
    },
    /// An exception covers it.
    Excepted {
        /// Who answers for it.
        owner: String,
        /// Why.
        reason: String,
        /// The last day on which it does.
        #[serde(with = "day")]
        expires: Date,
    },
    /// There is nothing to update to.
    Unfixed,
    /// It is less severe than what fails.
    Minor,
}

/// A finding with what becomes of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Judged {
    /// The finding.
    pub finding: Finding,
    /// What becomes of it.
    #[serde(flatten)]
    pub decision: Decision,
}

/// Whether an image may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Yes.
    Pass,
    /// No: findings.
    Fail,
    /// Nobody knows: a scanner could not do its work.
    Incomplete,
}

/// The verdict and how it came about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Judgement {
    /// Whether the image may be used.
    pub verdict: Verdict,
    /// The worst first.
    pub findings: Vec<Judged>,
    /// What is missing, when the verdict is [`Verdict::Incomplete`]; one sentence each.
    pub missing: Vec<String>,
    /// Exceptions that are of no use any more; one sentence each.
    pub stale: Vec<String>,
}

impl Policy {
    /// Reads and checks the file.
    ///
    /// # Errors
    /// When it cannot be read or is not a policy that this version understands; an exception without its reason, owner or
    /// expiry is none.
    pub fn load(path: &Path) -> Result<Self, ImageError> {
        let wrong = |reason: String| ImageError::Policy {
            path: path.to_owned(),
            reason,
        };
        let text = fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
        let policy: Self =
            serde_saphyr::from_str(&text).map_err(|error| wrong(error.to_string()))?;
        policy.check().map_err(wrong)?;
        Ok(policy)
    }

    fn check(&self) -> Result<(), String> {
        if self.version != 1 {
            return Err(format!(
                "version {} is not 1, which this bbws reads",
                self.version
            ));
        }
        for (key, severity) in [
            ("fail_at", self.fail_at),
            ("unknown_counts_as", self.unknown_counts_as),
        ] {
            if severity == Severity::Unknown {
                return Err(format!("{key} may not be unknown"));
            }
        }
        if self.required.is_empty() {
            return Err("required names no scanner: nothing would have to run".to_owned());
        }
        for (at, exception) in self.exceptions.iter().enumerate() {
            let blank = [
                ("id", &exception.id),
                ("reason", &exception.reason),
                ("owner", &exception.owner),
            ]
            .into_iter()
            .find(|(_, text)| text.trim().is_empty());
            if let Some((key, _)) = blank {
                return Err(format!("exceptions[{at}].{key} is empty"));
            }
        }
        Ok(())
    }

    /// Judges what the scanners found, on the day `today`.
    #[must_use]
    pub fn judge(
        &self,
        scanners: &BTreeMap<Scanner, Outcome>,
        findings: Vec<Finding>,
        today: Date,
    ) -> Judgement {
        let missing = self.missing(scanners);
        let fixable_in_debian = match scanners.get(&Scanner::Debian) {
            Some(Outcome::Ran { .. }) => Some(
                findings
                    .iter()
                    .filter(|finding| finding.scanner == Scanner::Debian)
                    .map(|finding| finding.package.clone())
                    .collect::<Vec<_>>(),
            ),
            _ => None,
        };
        let mut used = vec![false; self.exceptions.len()];
        let mut judged: Vec<_> = findings
            .into_iter()
            .map(|mut finding| {
                // What Debian has no update for cannot be fixed by building again.
                if let (Fix::Unknown, Some(fixable)) = (&finding.fix, &fixable_in_debian)
                    && !fixable.contains(&finding.package)
                {
                    finding.fix = Fix::None;
                }
                let decision = self.decide(&finding, today, &mut used);
                Judged { finding, decision }
            })
            .collect();
        judged.sort_by(|a, b| {
            let key = |judged: &Judged| {
                let fails = matches!(judged.decision, Decision::Fails { .. });
                (
                    !fails,
                    std::cmp::Reverse(self.weight(judged.finding.severity)),
                )
            };
            let names =
                |judged: &Judged| (judged.finding.package.clone(), judged.finding.id.clone());
            key(a).cmp(&key(b)).then_with(|| names(a).cmp(&names(b)))
        });
        let fails = judged
            .iter()
            .any(|judged| matches!(judged.decision, Decision::Fails { .. }));
        let verdict = match (fails, missing.is_empty()) {
            (true, _) => Verdict::Fail,
            (false, false) => Verdict::Incomplete,
            (false, true) => Verdict::Pass,
        };
        let stale = self.exceptions.iter().zip(used).filter(|(_, used)| !used);
        Judgement {
            verdict,
            findings: judged,
            missing,
            stale: stale
                .map(|(exception, _)| {
                    format!(
                        "the exception for {} matches no finding: remove it",
                        exception.id
                    )
                })
                .collect(),
        }
    }

    fn missing(&self, scanners: &BTreeMap<Scanner, Outcome>) -> Vec<String> {
        let failed = scanners
            .iter()
            .filter_map(|(scanner, outcome)| match outcome {
                Outcome::Failed { reason } => Some(format!(
                    "the scanner {} could not run: {reason}",
                    scanner.name()
                )),
                Outcome::Absent { reason } if self.required.contains(scanner) => Some(format!(
                    "the scanner {}, which the policy requires, did not run: {reason}",
                    scanner.name()
                )),
                Outcome::Ran { .. } | Outcome::Absent { .. } => None,
            });
        let unheard = self
            .required
            .iter()
            .filter(|scanner| !scanners.contains_key(scanner));
        let unheard = unheard.map(|scanner| {
            format!(
                "the scanner {}, which the policy requires, did not run",
                scanner.name()
            )
        });
        failed.chain(unheard).collect()
    }

    fn weight(&self, severity: Severity) -> Severity {
        match severity {
            Severity::Unknown => self.unknown_counts_as,
            known => known,
        }
    }

    fn decide(&self, finding: &Finding, today: Date, used: &mut [bool]) -> Decision {
        let mut expired = None;
        for (exception, used) in self.exceptions.iter().zip(used) {
            if !exception.covers(finding) {
                continue;
            }
            *used = true;
            if exception.expires >= today {
                return Decision::Excepted {
                    owner: exception.owner.clone(),
                    reason: exception.reason.clone(),
                    expires: exception.expires,
                };
            }
            expired = Some(format!(
                "the exception of {} expired on {}",
                exception.owner, exception.expires
            ));
        }
        let severity = self.weight(finding.severity);
        if severity < self.fail_at {
            return Decision::Minor;
        }
        if finding.fix == Fix::None {
            return Decision::Unfixed;
        }
        let grace = self.grace_days.get(&severity).copied().unwrap_or(0);
        let until = finding
            .since
            .and_then(|since| since.checked_add(Duration::days(i64::from(grace))));
        match until {
            Some(until) if grace > 0 && until >= today && expired.is_none() => {
                Decision::Grace { until }
            }
            Some(until) if grace > 0 && expired.is_none() => Decision::Fails {
                because: Some(format!("its {grace} days of grace ended on {until}")),
            },
            _ => Decision::Fails { because: expired },
        }
    }
}

impl Exception {
    fn covers(&self, finding: &Finding) -> bool {
        self.id == finding.id
            && self
                .package
                .as_ref()
                .is_none_or(|package| *package == finding.package)
    }
}
