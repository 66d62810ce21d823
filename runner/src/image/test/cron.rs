//! WP-Cron: what is due is done without a visit, and once however many tasks the site has.
//!
//! Whoever takes a due event off the list has to write the option that holds the list. With that row locked, runs wait in
//! the database, where they can be counted.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::json;
use tokio::time::Instant;

use super::{
    check::{Checks, needs},
    engine::until,
    site::{Site, Task},
};

/// Every task looks once a minute; this covers a busy machine.
const MINUTE: Duration = Duration::from_secs(65);
/// What else is due is run first.
const DONE: Duration = Duration::from_secs(30);
const SOON: time::Duration = time::Duration::seconds(2);

pub(super) async fn check(site: &Site<'_>, checks: &Checks<'_>) {
    let scheduled = async {
        site.install().await?;
        let one = site.task("1", &[]).await?;
        site.task("2", &[]).await?;
        schedule(site, &one).await
    };
    let scheduled = scheduled.await;
    // Named like what it would have led to: the same steps have checks of their own.
    let once = checks
        .run("due events are run by one task", async {
            let post = scheduled
                .as_ref()
                .map_err(|reason| anyhow::anyhow!("{reason:#}"))?;
            one_runs(site).await.map(|()| *post)
        })
        .await;
    checks
        .run("due events are done without a visit", async {
            let post = needs(once.as_ref(), "due events are run by one task")?;
            until(DONE, async || {
                let status = site
                    .sql(&format!(
                        "SELECT post_status FROM wp_posts WHERE ID = {post}"
                    ))
                    .await?;
                ensure!(
                    status == "publish",
                    "the post that was due is still `{status}`"
                );
                Ok(())
            })
            .await
        })
        .await;
}

/// A post that WordPress is to publish in a moment; its id.
async fn schedule(site: &Site<'_>, task: &Task) -> Result<u64> {
    let mut admin = site.admin(task).await?;
    let due = (time::OffsetDateTime::now_utc() + SOON).format(
        time::macros::format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]"),
    )?;
    let post = json!({"title": "On time", "status": "future", "date_gmt": due});
    let made = admin.create("/wp/v2/posts", &post).await?;
    made["id"].as_u64().context("the post has no id")
}

/// Holds the list of events for as long as every task needs to look, and counts who wants to write it.
async fn one_runs(site: &Site<'_>) -> Result<()> {
    let lock = "START TRANSACTION; SELECT option_id FROM wp_options WHERE option_name = 'cron' FOR UPDATE; DO SLEEP(140)";
    let waiting = async {
        let mut most = 0;
        let begin = Instant::now();
        while begin.elapsed() < MINUTE {
            let count = site
                .sql("SELECT COUNT(*) FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'")
                .await?;
            most = most.max(count.parse().unwrap_or(0));
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        ensure!(
            most > 0,
            "nobody looked for due events within {} s",
            MINUTE.as_secs()
        );
        ensure!(most == 1, "{most} tasks run the same events at once");
        Ok(())
    };
    tokio::select! {
        locked = site.sql(lock) => {
            locked?;
            anyhow::bail!("the database gave the lock back too early")
        }
        outcome = waiting => {
            release(site).await?;
            outcome
        }
    }
}

async fn release(site: &Site<'_>) -> Result<()> {
    let all = site.sql("SHOW FULL PROCESSLIST").await?;
    let holder = all.lines().find(|line| line.contains("SLEEP(140)"));
    let id = holder.and_then(|line| line.split('\t').next());
    let id = id.context("the lock's holder is gone")?;
    site.sql(&format!("KILL {id}")).await.map(drop)
}
