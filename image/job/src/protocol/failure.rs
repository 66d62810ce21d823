//! Why work was not done, and the exit code that says so.

use serde::{Deserialize, Serialize};

use super::Outcome;

/// Why work was not done. Never holds a secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// The class of the failure.
    pub code: FailureCode,
    /// What was attempted and what was answered.
    pub message: String,
}

impl Failure {
    /// A failure of this class.
    pub fn new(code: FailureCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
        }
    }
}

/// The classes of failures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureCode {
    /// The request or the job's environment cannot be used as it is.
    BadRequest,
    /// No connection to the database.
    DatabaseUnreachable,
    /// The database answered with an error.
    DatabaseFailed,
    /// A secret could not be fetched or is not of the expected form.
    SecretUnreadable,
    /// S3 refused or failed.
    StorageFailed,
    /// The uploads could not be read or deleted.
    FilesFailed,
    /// WP-CLI failed.
    WordpressFailed,
    /// The image has no language pack for the locale.
    LocaleUnavailable,
    /// The site does not work with its own plugins and themes.
    CodeBroken,
    /// The site is quarantined, and mails or calls out all the same.
    Leaks,
    /// The task was told to stop.
    Interrupted,
}

/// The exit codes of `site-job run`; see [`ExitCode::of`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum ExitCode {
    /// Everything was done.
    Done = 0,
    /// Anything without a code of its own.
    Failed = 1,
    /// Some tenants failed; the outcome says which and why.
    SomeFailed = 10,
    /// The request could not be understood.
    BadRequest = 11,
    /// The database could not be reached.
    DatabaseUnreachable = 12,
    /// A secret could not be read.
    SecretUnreadable = 13,
    /// S3 failed; when it was the outcome that could not be written, the log has it.
    StorageFailed = 14,
}

impl ExitCode {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Done,
        Self::Failed,
        Self::SomeFailed,
        Self::BadRequest,
        Self::DatabaseUnreachable,
        Self::SecretUnreadable,
        Self::StorageFailed,
    ];

    /// The meaning of a container's exit code, or `None` when it is not one of ours (137: killed, out of memory).
    pub fn from_code(code: i64) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|known| i64::from(*known as u8) == code)
    }

    /// An outcome's exit code: 0 when all is done; the code of the failure when no tenant succeeded and all failed alike;
    /// otherwise "some failed".
    pub fn of(outcome: &Outcome) -> Self {
        if outcome.ok {
            return Self::Done;
        }
        let mut classes = outcome
            .results
            .iter()
            .map(|result| result.error.as_ref().map(|e| Self::of_failure(e.code)));
        match classes.next() {
            Some(Some(first)) if classes.all(|class| class == Some(first)) => first,
            _ => Self::SomeFailed,
        }
    }

    fn of_failure(code: FailureCode) -> Self {
        match code {
            FailureCode::BadRequest => Self::BadRequest,
            FailureCode::DatabaseUnreachable => Self::DatabaseUnreachable,
            FailureCode::SecretUnreadable => Self::SecretUnreadable,
            FailureCode::StorageFailed => Self::StorageFailed,
            FailureCode::Interrupted => Self::Failed,
            FailureCode::DatabaseFailed
            | FailureCode::FilesFailed
            | FailureCode::WordpressFailed
            | FailureCode::CodeBroken
            | FailureCode::Leaks
            | FailureCode::LocaleUnavailable => Self::SomeFailed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{TenantResult, VERSION};
    use super::*;

    fn result(error: Option<FailureCode>) -> TenantResult {
        let error = error.map(|code| Failure::new(code, "x"));
        TenantResult {
            tenant: "acme".into(),
            ok: error.is_none(),
            error,
            data: serde_json::Value::Null,
        }
    }

    fn exit(results: Vec<TenantResult>) -> ExitCode {
        let ok = results.iter().all(|r| r.ok);
        ExitCode::of(&Outcome {
            version: VERSION,
            id: "1".into(),
            ok,
            results,
        })
    }

    #[test]
    fn exit_codes_tell_a_common_cause_from_a_mixture() {
        assert_eq!(exit(vec![result(None)]), ExitCode::Done);
        assert_eq!(
            exit(vec![result(Some(FailureCode::SecretUnreadable))]),
            ExitCode::SecretUnreadable
        );
        assert_eq!(
            exit(vec![
                result(Some(FailureCode::DatabaseUnreachable)),
                result(Some(FailureCode::DatabaseUnreachable))
            ]),
            ExitCode::DatabaseUnreachable
        );
        assert_eq!(
            exit(vec![
                result(None),
                result(Some(FailureCode::SecretUnreadable))
            ]),
            ExitCode::SomeFailed
        );
        assert_eq!(
            exit(vec![result(Some(FailureCode::DatabaseFailed))]),
            ExitCode::SomeFailed
        );
    }

    #[test]
    fn every_exit_code_has_a_meaning_and_no_other_has() {
        for code in ExitCode::ALL {
            assert_eq!(ExitCode::from_code(i64::from(code as u8)), Some(code));
        }
        assert_eq!(ExitCode::from_code(137), None);
    }
}
