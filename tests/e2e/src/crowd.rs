//! People who keep visiting a site while something happens to it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Result, ensure};
use tokio::task::JoinHandle;

use crate::Visitor;

/// Visitors of one site, each asking for one thing after the other.
#[derive(Debug)]
pub struct Crowd {
    site: String,
    over: Arc<AtomicBool>,
    visits: Vec<JoinHandle<(usize, Vec<String>)>>,
}

impl Crowd {
    /// `size` copies of `visitor` begin to visit.
    #[must_use]
    pub fn of(size: usize, site: &str, visitor: &Visitor) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let visits = (0..size)
            .map(|_| tokio::spawn(keep_visiting(visitor.clone(), Arc::clone(&over))))
            .collect();
        let site = site.to_owned();
        Self { site, over, visits }
    }

    /// Sends them home. How many visits there were.
    ///
    /// # Errors
    /// One of them was not answered with 200.
    pub async fn go_home(self) -> Result<usize> {
        self.over.store(true, Ordering::Relaxed);
        let (mut visits, mut failures) = (0, Vec::new());
        for visitor in self.visits {
            let (made, failed) = visitor.await?;
            visits += made;
            failures.extend(failed);
        }
        ensure!(
            failures.is_empty(),
            "{} of {visits} visits of {} failed: {:?}",
            failures.len(),
            self.site,
            failures.first()
        );
        Ok(visits)
    }
}

/// Alternates between a page and a static file.
async fn keep_visiting(mut visitor: Visitor, over: Arc<AtomicBool>) -> (usize, Vec<String>) {
    let (mut visits, mut failures) = (0, Vec::new());
    while !over.load(Ordering::Relaxed) {
        for path in ["/", "/wp-includes/css/dashicons.min.css"] {
            visits += 1;
            match visitor.get(path).await {
                Ok(page) if page.status == 200 => {}
                Ok(page) => failures.push(format!("{path}: {}", page.status)),
                Err(error) => failures.push(format!("{path}: {error:#}")),
            }
        }
    }
    (visits, failures)
}
