//! The error that ends a verb.

use std::error::Error;
use std::fmt;

use super::ExitCode;

/// Why a verb ended without doing what it was asked: a message for people, the next step, and the exit code.
///
/// Each verb's file turns the errors of the library into this one, and only there: `impl From<PlanError> for CliError`.
#[derive(Debug)]
pub struct CliError {
    /// How the process ends.
    pub exit: ExitCode,
    /// What was attempted, on which tenant and environment, and what went wrong. One sentence or a few lines.
    pub message: String,
    /// What state remains, and the command to run next.
    pub next: Option<String>,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl CliError {
    /// An error with its exit code and message.
    #[must_use]
    pub fn new(exit: ExitCode, message: impl Into<String>) -> Self {
        Self {
            exit,
            message: message.into(),
            next: None,
            source: None,
        }
    }

    /// Says what to do next.
    #[must_use]
    pub fn next(mut self, next: impl Into<String>) -> Self {
        self.next = Some(next.into());
        self
    }

    /// Keeps the error underneath; its chain is printed as "caused by" lines, so the message must not repeat it.
    #[must_use]
    pub fn because(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// The messages of the errors underneath, outermost first.
    #[must_use]
    pub fn causes(&self) -> Vec<String> {
        let mut causes = Vec::new();
        let mut current = self.source();
        while let Some(cause) = current {
            causes.push(cause.to_string());
            current = cause.source();
        }
        causes
    }
}

impl fmt::Display for CliError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for CliError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source
            .as_deref()
            .map(|source| source as &(dyn Error + 'static))
    }
}
