//! What a check of an account says, whoever makes it.

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
