//! One check: its name, whether it is so, why not, how long it took.

use std::{
    future::Future,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, anyhow};
use serde::Serialize;

/// None takes longer; one that hangs must not hold up the others.
const LIMIT: Duration = Duration::from_secs(150);

/// A check that has ended.
#[derive(Clone, Debug, Serialize)]
pub struct Check {
    /// What was checked.
    pub name: &'static str,
    /// Whether it is so.
    pub ok: bool,
    /// Why not, in one line.
    pub reason: Option<String>,
    /// How long it took.
    pub seconds: f64,
}

/// Takes down what ends.
pub(super) struct Checks<'a> {
    ended: Mutex<Vec<Check>>,
    seen: &'a (dyn Fn(&Check) + Sync),
}

impl<'a> Checks<'a> {
    pub(super) fn new(seen: &'a (dyn Fn(&Check) + Sync)) -> Self {
        Self {
            ended: Mutex::default(),
            seen,
        }
    }

    /// Does a check, and gives what it found to those that need it.
    pub(super) async fn run<T>(
        &self,
        name: &'static str,
        work: impl Future<Output = Result<T>>,
    ) -> Option<T> {
        let began = Instant::now();
        let outcome = tokio::time::timeout(LIMIT, work)
            .await
            .with_context(|| format!("not done after {} s", LIMIT.as_secs()))
            .flatten();
        let reason = outcome.as_ref().err().map(|reason| {
            let text = format!("{reason:#}");
            text.split_whitespace().collect::<Vec<_>>().join(" ")
        });
        let check = Check {
            name,
            ok: reason.is_none(),
            reason,
            seconds: began.elapsed().as_secs_f64(),
        };
        (self.seen)(&check);
        self.ended
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(check);
        outcome.ok()
    }

    /// All, in the order in which they ended.
    pub(super) fn ended(self) -> Vec<Check> {
        self.ended
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// What another check brought about, or that it did not.
pub(super) fn needs<'t, T>(found: Option<&'t T>, check: &str) -> Result<&'t T> {
    found.ok_or_else(|| anyhow!("could not be tried: it needs `{check}`"))
}
