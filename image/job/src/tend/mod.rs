//! Beside the web server: keeps this task's cached pages true, and runs WordPress's scheduled work off the request path.
//!
//! A process of its own, so that the init stays small and reaps whatever it likes. `site-job serve` starts it and, should
//! it end, starts it again. Nothing here may end the site: what fails is told in the log and tried again.

mod cron;
mod freshness;
pub mod pages;

pub use cron::{LOCK, next_due};
pub use freshness::GENERATION;

use anyhow::Context;
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::watch,
};

/// Runs until told to stop; scheduled work that has begun is finished first. A repeat carries on: what must outlive this
/// process is in the database.
///
/// # Errors
/// When the runtime cannot be started.
pub fn tend() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("starting")?;
    runtime.block_on(async {
        let mut terminate =
            signal(SignalKind::terminate()).context("installing a signal handler")?;
        let (tell, told) = watch::channel(false);
        let freshness = tokio::spawn(freshness::keep());
        let cron = tokio::spawn(cron::every_minute(told));
        terminate.recv().await;
        freshness.abort();
        let _ = tell.send(true);
        cron.await.context("waiting for scheduled work")
    })
}
