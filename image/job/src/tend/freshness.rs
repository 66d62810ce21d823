//! Empties this task's page cache when another task changed the site's content.
//!
//! The must-use plugin leaves a new generation in the database with every change, and empties the cache of its own task.
//! Looking once a second takes one connection; a task that holds no pages needs none, so an idle site has none open.

use std::time::Duration;

use mysql_async::{Conn, prelude::Queryable};
use tokio::time::{Instant, sleep};

use super::pages;
use crate::{
    database::connect_site,
    log::{self, Level},
    protocol::Failure,
};

/// The option that holds the generation; the must-use plugin writes it.
pub const GENERATION: &str = "bbws_content_generation";
const EVERY: Duration = Duration::from_secs(1);
/// A page that PHP had begun before the change may be stored after it: the cache is emptied again.
const AGAIN: [Duration; 2] = [Duration::from_secs(2), Duration::from_secs(10)];

#[derive(Default)]
struct Freshness {
    connection: Option<Conn>,
    known: Option<String>,
    again: Vec<Instant>,
    failing: bool,
}

/// Never returns.
pub(super) async fn keep() {
    let mut freshness = Freshness::default();
    loop {
        sleep(EVERY).await;
        freshness.look().await;
    }
}

impl Freshness {
    async fn look(&mut self) {
        let now = Instant::now();
        if self.again.iter().any(|at| *at <= now) {
            pages::purge();
            self.again.retain(|at| *at > now);
        }
        if !pages::any() {
            if let Some(connection) = self.connection.take() {
                let _ = connection.disconnect().await;
            }
            return;
        }
        match self.generation().await {
            Ok(found) => {
                self.failing = false;
                if self.known.as_ref() != Some(&found) {
                    pages::purge();
                    // At the first look pages may be older than what is found, which is no change that has just happened.
                    if self.known.is_some() {
                        self.again = AGAIN.iter().map(|delay| now + *delay).collect();
                    }
                    self.known = Some(found);
                }
            }
            // Without the database no other task changes anything, and visitors are better served old pages than none.
            Err(failure) => {
                self.connection = None;
                if !std::mem::replace(&mut self.failing, true) {
                    let message = format!(
                        "cannot tell whether cached pages are old: {}",
                        failure.message
                    );
                    log::line("cache", Level::Warning, None, &message);
                }
            }
        }
    }

    async fn generation(&mut self) -> Result<String, Failure> {
        if self.connection.is_none() {
            self.connection = Some(connect_site().await?);
        }
        let Some(connection) = &mut self.connection else {
            return Ok(String::new());
        };
        let query =
            format!("SELECT option_value FROM wp_options WHERE option_name = '{GENERATION}'");
        let found: Option<String> =
            connection
                .query_first(query)
                .await
                .map_err(crate::database::failed(
                    "reading the generation of the content",
                ))?;
        Ok(found.unwrap_or_default())
    }
}
