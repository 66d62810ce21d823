//! Narration on standard error: each stage with the time since the start.

use std::time::Instant;

/// The clock of one start.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Progress {
    began: Instant,
}

impl Progress {
    pub(crate) fn new() -> Self {
        Self {
            began: Instant::now(),
        }
    }

    /// Says what happens now.
    pub(crate) fn stage(self, what: &str) {
        eprintln!("[{:6.1} s] local cloud: {what}", self.seconds());
    }

    pub(crate) fn seconds(self) -> f64 {
        self.began.elapsed().as_secs_f64()
    }
}
