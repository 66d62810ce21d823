//! The exit codes: a contract with scripts and workflows.

use std::process;

/// How `bbws` ends. Numbers never change their meaning; scripts rely on them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitCode {
    /// Done: what was asked for is so.
    Done,
    /// It failed; the message says what state remains.
    Failed,
    /// A plan holds changes. Only with `--detailed-exitcode`.
    ChangesPresent,
    /// The manifests are invalid; nothing was done.
    InvalidManifests,
    /// Refused by a guard, a lock or a freeze; nothing was done.
    Refused,
    /// A deadline passed before AWS reached the wanted state.
    TimedOut,
    /// A deployment failed and the version before it runs again.
    RolledBack,
    /// Wrong usage: unknown verb, missing or contradicting arguments (`EX_USAGE` of sysexits.h).
    Usage,
    /// Interrupted by SIGINT or SIGTERM; the same command run again carries on.
    Interrupted,
}

impl ExitCode {
    /// The number that the process ends with.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::ChangesPresent => 2,
            Self::InvalidManifests => 3,
            Self::Refused => 4,
            Self::TimedOut => 5,
            Self::RolledBack => 6,
            Self::Usage => 64,
            Self::Interrupted => 130,
        }
    }
}

impl From<ExitCode> for process::ExitCode {
    fn from(code: ExitCode) -> Self {
        Self::from(code.code())
    }
}

/// The table of exit codes that `bbws --help` ends with.
pub(super) const HELP: &str = "\
Exit codes:
    0  done
    1  failed
    2  changes present (plan with --detailed-exitcode)
    3  invalid manifests
    4  refused by a guard, a lock or a freeze
    5  timed out
    6  rolled back
   64  wrong usage
  130  interrupted";
