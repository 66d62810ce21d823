//! The stages of a task: narrated on stderr as they begin and end, and remembered with their times.

use std::cell::RefCell;
use std::fmt;
use std::time::{Duration, Instant};

use anyhow::Result;

/// The stages of one run, in the order in which they ended.
#[derive(Debug)]
pub(crate) struct Stages {
    began: Instant,
    ended: RefCell<Vec<(&'static str, Duration)>>,
}

impl Stages {
    pub(crate) fn new() -> Self {
        Self {
            began: Instant::now(),
            ended: RefCell::default(),
        }
    }

    /// Does `work` as the stage `name`. When it fails, the error says what to do `next`.
    pub(crate) async fn run<T>(
        &self,
        name: &'static str,
        next: &str,
        work: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        let began = Instant::now();
        self.say(format_args!("{name}"));
        let outcome = work.await;
        let took = began.elapsed();
        match outcome {
            Ok(value) => {
                self.say(format_args!("{name}: done in {}", seconds(took)));
                self.ended.borrow_mut().push((name, took));
                Ok(value)
            }
            Err(error) => Err(error.context(Advice {
                stage: name,
                next: next.to_owned(),
            })),
        }
    }

    /// Says something between the stages.
    pub(crate) fn say(&self, what: fmt::Arguments<'_>) {
        eprintln!("[{:>8}] {what}", seconds(self.began.elapsed()));
    }

    /// Since the first stage began.
    pub(crate) fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// Each stage and how long it took.
    pub(crate) fn rows(&self) -> Vec<Vec<String>> {
        self.ended
            .borrow()
            .iter()
            .map(|(name, took)| vec![(*name).to_owned(), seconds(*took)])
            .collect()
    }
}

/// `12.3 s`.
pub(crate) fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}

/// Which stage failed, and what whoever ran it can do.
#[derive(Debug)]
pub(crate) struct Advice {
    stage: &'static str,
    pub(crate) next: String,
}

impl fmt::Display for Advice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "failed at: {}", self.stage)
    }
}
