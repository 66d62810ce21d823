//! What a check of an account says, whoever makes it.

use crate::cloud::CloudError;
use serde::Serialize;
use std::fmt;

/// What a check says of one thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It is as it should be.
    Pass,
    /// It is not.
    Finding,
    /// AWS did not say.
    Unreadable,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Pass => "pass",
            Self::Finding => "finding",
            Self::Unreadable => "unreadable",
        })
    }
}

/// One check of one thing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Outcome {
    /// The check's id, such as `efs-tls`.
    pub check: &'static str,
    /// What the business asked for, that this proves; some checks are about what works.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ask: Option<&'static str>,
    /// The thing, such as a load balancer's name.
    pub subject: String,
    /// Whether it is well.
    pub verdict: Verdict,
    /// What was found, or AWS's error.
    pub found: String,
    /// What mends a finding, or lets the check look. Empty for a pass.
    pub fix: String,
}

impl Outcome {
    pub(super) fn pass(
        check: &'static str,
        subject: impl Into<String>,
        found: impl Into<String>,
    ) -> Self {
        Self {
            check,
            ask: None,
            subject: subject.into(),
            verdict: Verdict::Pass,
            found: found.into(),
            fix: String::new(),
        }
    }

    pub(super) fn finding(
        check: &'static str,
        subject: impl Into<String>,
        found: impl Into<String>,
        fix: impl Into<String>,
    ) -> Self {
        Self {
            verdict: Verdict::Finding,
            fix: fix.into(),
            ..Self::pass(check, subject, found)
        }
    }

    pub(super) fn unreadable(
        check: &'static str,
        subject: impl Into<String>,
        found: impl Into<String>,
        fix: impl Into<String>,
    ) -> Self {
        Self {
            verdict: Verdict::Unreadable,
            ..Self::finding(check, subject, found, fix)
        }
    }

    pub(super) fn error(
        check: &'static str,
        subject: impl Into<String>,
        error: &CloudError,
    ) -> Self {
        Self::unreadable(check, subject, error.to_string(), error.next_step())
    }
}
