//! What scanners report, in one form.

use serde::{Deserialize, Serialize};
use time::Date;

time::serde::format_description!(pub(super) day, Date, "[year]-[month]-[day]");

/// The scanners that there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scanner {
    /// The image's packages against Debian's own archive.
    Debian,
    /// Trivy on this machine, or a report of it.
    Trivy,
    /// The registry's scan of the pushed image.
    Ecr,
}

impl Scanner {
    /// As policies and reports write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Debian => "debian",
            Self::Trivy => "trivy",
            Self::Ecr => "ecr",
        }
    }
}

/// How bad a finding is; ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The scanner does not say. Never compared: the policy says what it counts as.
    Unknown,
    /// Informational.
    Negligible,
    /// CVSS below 4.
    Low,
    /// CVSS below 7.
    Medium,
    /// CVSS below 9.
    High,
    /// CVSS of 9 and above.
    Critical,
}

impl Severity {
    /// As reports write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Negligible => "negligible",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }

    /// By the words of Trivy and ECR; a word that is none of theirs is unknown.
    pub(super) fn of_word(word: &str) -> Self {
        match word {
            "CRITICAL" => Self::Critical,
            "HIGH" => Self::High,
            "MEDIUM" => Self::Medium,
            "LOW" => Self::Low,
            "INFORMATIONAL" | "NEGLIGIBLE" => Self::Negligible,
            _ => Self::Unknown,
        }
    }
}

/// Whether there is a version without the flaw.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Fix {
    /// In this version of the package.
    In(String),
    /// There is none.
    None,
    /// The scanner does not say. Never a pass: it counts as fixable unless another scanner knows that there is none.
    Unknown,
}

/// One flaw in one package.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Who reports it.
    pub scanner: Scanner,
    /// `CVE-…`, or the scanner's own.
    pub id: String,
    /// The package; of Debian's, the source package.
    pub package: String,
    /// The version in the image.
    pub installed: String,
    /// Whether and where it is fixed.
    pub fix: Fix,
    /// How bad it is.
    pub severity: Severity,
    /// One line.
    pub title: String,
    /// Where to read more.
    pub url: Option<String>,
    /// The day from which grace is counted: when the fix came out, or the nearest earlier day that the scanner tells.
    #[serde(with = "day::option")]
    pub since: Option<Date>,
}

/// How a scanner fared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase", tag = "state")]
pub enum Outcome {
    /// It ran to its end.
    Ran {
        /// What it scanned against: indexes, a report's time.
        against: String,
    },
    /// It is not on this machine, or there is nothing for it to look at.
    Absent {
        /// Why.
        reason: String,
    },
    /// It could not do its work.
    Failed {
        /// Why.
        reason: String,
    },
}
