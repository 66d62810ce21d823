//! Waiting for AWS to settle: a question asked again and again until it is answered or time is up.

use super::CloudError;
use std::future::Future;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// What one look at AWS said.
#[derive(Debug)]
pub enum Seen<T> {
    /// It is so; stop waiting.
    Done(T),
    /// Not yet; the words say what is there now.
    NotYet(String),
}

/// Asks `look` until it says [`Seen::Done`]: at once, then after 250 ms, each pause half as long again, up to 10 s.
/// Asking repeats no effect; a crash leaves nothing behind.
///
/// # Errors
/// What `look` fails with, or [`CloudError::TimedOut`] after `limit`.
pub async fn until<T, F>(
    what: &str,
    limit: Duration,
    mut look: impl FnMut() -> F,
) -> Result<T, CloudError>
where
    F: Future<Output = Result<Seen<T>, CloudError>>,
{
    let start = Instant::now();
    let mut pause = Duration::from_millis(250);
    loop {
        match look().await? {
            Seen::Done(value) => return Ok(value),
            Seen::NotYet(last) if start.elapsed() + pause > limit => {
                return Err(CloudError::TimedOut {
                    what: what.to_owned(),
                    after: limit,
                    last,
                });
            }
            Seen::NotYet(_) => sleep(pause).await,
        }
        pause = (pause * 3 / 2).min(Duration::from_secs(10));
    }
}
