//! WordPress's scheduled work, once a site however many tasks it has: whoever gets the site's lock in MySQL does it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use mysql_async::{Conn, prelude::Queryable};
use tokio::{sync::watch, time::sleep};

use crate::{
    database::{connect_site, failed},
    load::quarantined,
    log::{self, Level},
    protocol::Failure,
    wordpress,
};

const EVERY: Duration = Duration::from_secs(60);
/// The lock's name as an SQL expression. Locks are the server's, so the schema is in the name; MySQL frees one when its
/// connection ends.
pub const LOCK: &str = "CONCAT('bbws-cron-', DATABASE())";

/// Looks once a minute until told to stop, and finishes what it does then.
pub(super) async fn every_minute(mut told: watch::Receiver<bool>) {
    let mut failing = false;
    loop {
        tokio::select! {
            _ = told.changed() => return,
            () = sleep(EVERY) => {}
        }
        match run_due().await {
            Ok(()) => failing = false,
            Err(failure) => {
                if !std::mem::replace(&mut failing, true) {
                    let message = format!("scheduled work waits: {}", failure.message);
                    log::line("cron", Level::Warning, None, &message);
                }
            }
        }
    }
}

async fn run_due() -> Result<(), Failure> {
    let mut connection = connect_site().await?;
    let outcome = run_due_with(&mut connection).await;
    let _ = connection.disconnect().await;
    outcome
}

async fn run_due_with(connection: &mut Conn) -> Result<(), Failure> {
    if !is_due(connection).await? || quarantined(connection).await?.is_some() {
        return Ok(());
    }
    let got: Option<i64> = connection
        .query_first(format!("SELECT GET_LOCK({LOCK}, 0)"))
        .await
        .map_err(failed("taking the lock of scheduled work"))?;
    // Another task of the site is at it, or just was.
    if got != Some(1) || !is_due(connection).await? {
        return Ok(());
    }
    wordpress::run_scheduled().await
}

async fn is_due(connection: &mut Conn) -> Result<bool, Failure> {
    let schedule: Option<String> = connection
        .query_first("SELECT option_value FROM wp_options WHERE option_name = 'cron'")
        .await
        .map_err(failed("reading WordPress's schedule"))?;
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Ok(next_due(&schedule.unwrap_or_default()).is_some_and(|due| due <= now.as_secs()))
}

/// When the first event of WordPress's option `cron` is due, in seconds since 1970. The option is a serialized array by
/// time, sorted by WordPress: `a:2:{i:1764102000;a:1:{…}…}`. Starting PHP every minute to find nothing due would cost a
/// small task a noticeable part of its processor.
#[must_use]
pub fn next_due(schedule: &str) -> Option<u64> {
    let (_, events) = schedule.split_once("{i:")?;
    let (time, rest) = events.split_once(';')?;
    rest.starts_with("a:").then(|| time.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_event_is_read_from_wordpresss_own_form() {
        let schedule = "a:3:{i:1764102000;a:1:{s:16:\"wp_version_check\";a:0:{}}i:1764105600;a:0:{}s:7:\"version\";i:2;}";
        assert_eq!(next_due(schedule), Some(1_764_102_000));
        assert_eq!(next_due("a:1:{s:7:\"version\";i:2;}"), None);
        assert_eq!(next_due("a:1:{i:2;i:3;}"), None);
        assert_eq!(next_due(""), None);
    }
}
