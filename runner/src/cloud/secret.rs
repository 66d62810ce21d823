//! A value that must never be seen: not in logs, plans, reports, arguments.

use sha2::{Digest, Sha256};
use std::fmt;

/// A secret string. Its `Debug` shows nothing of it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps `value`.
    #[must_use]
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// `length` characters out of letters and digits, from the operating system's generator.
    #[must_use]
    pub fn generate(length: usize) -> Self {
        use rand::distr::{Alphanumeric, SampleString};
        Self(Alphanumeric.sample_string(&mut rand::rng(), length))
    }

    /// The value itself, for the one call that hands it to AWS.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// A short fingerprint: equal for equal values, and safe to show.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        format!(
            "(secret {})",
            &hex::encode(Sha256::digest(self.0.as_bytes()))[..8]
        )
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}
