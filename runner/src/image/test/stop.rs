//! The end of a task, as ECS brings it about: SIGTERM, and 30 seconds later SIGKILL.

use std::{
    sync::{
        OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use bollard::query_parameters::KillContainerOptionsBuilder;
use futures::future::join_all;

use super::{
    browser::{Browser, CutOff},
    check::{Checks, needs},
    editor::People,
    engine::until,
    site::{Site, Task},
};
use crate::resource::STOP_TIMEOUT;

const CLIENTS: usize = 4;
/// How long the database holds up the pages that are under way, in seconds; the task is told to stop in the middle.
const HELD: &str = "8";
/// A request is in the task's hands that long after it was begun.
const ARRIVES: Duration = Duration::from_millis(50);

pub(super) async fn check(
    site: &Site<'_>,
    task: &Task,
    people: Option<&People>,
    checks: &Checks<'_>,
) {
    checks
        .run("a task stops without dropping a request", async {
            stop(site, task, needs(people, "log in")?).await
        })
        .await;
}

/// Four strangers visit all the time and four editors wait for pages whose table is locked when the task is told to stop.
/// What was sent before must be answered. Later requests may find the door closed, but an answer that begins must be good
/// and whole.
async fn stop(site: &Site<'_>, task: &Task, people: &People) -> Result<()> {
    let (told, answered) = (OnceLock::new(), AtomicUsize::new(0));
    let lock = format!("LOCK TABLES wp_posts WRITE; DO SLEEP({HELD})");
    let strangers = (0..CLIENTS).map(|_| keep_visiting(site.visitor(task), &told, &answered));
    let editors = async {
        doing(site, "User sleep", 1).await?;
        let pages = (0..CLIENTS).map(|_| {
            let mut editor = people.editor.at(task.at);
            async move { editor.get("/").await?.expect(200).map(drop) }
        });
        let pages: Vec<Result<()>> = join_all(pages).await;
        pages.into_iter().collect::<Result<()>>()
    };
    let end = async {
        doing(site, "Waiting for table", CLIENTS).await?;
        told.get_or_init(Instant::now);
        let docker = &site.engine.docker;
        let options = KillContainerOptionsBuilder::default()
            .signal("SIGTERM")
            .build();
        docker
            .kill_container(&task.container, Some(options))
            .await?;
        let limit = Duration::from_secs(u64::from(STOP_TIMEOUT.unsigned_abs()));
        let began = Instant::now();
        let code = tokio::time::timeout(limit, site.engine.ended(&task.container))
            .await
            .with_context(|| format!("it still runs {} s after SIGTERM", limit.as_secs()))??;
        anyhow::Ok((code, began.elapsed()))
    };
    let (locked, strangers, editors, end) =
        tokio::join!(site.sql(&lock), join_all(strangers), editors, end);
    locked?;
    let (code, took) = end?;
    strangers.into_iter().collect::<Result<()>>()?;
    editors.context("a page that was under way")?;
    ensure!(
        answered.load(Ordering::Relaxed) > 0,
        "no visitor was answered before"
    );
    ensure!(
        code == 0,
        "it ends with {code}, after {:.1} s",
        took.as_secs_f64()
    );
    Ok(())
}

/// Waits until so many of the database's connections do this.
async fn doing(site: &Site<'_>, state: &str, many: usize) -> Result<()> {
    until(Duration::from_secs(15), async || {
        let all = site.sql("SHOW FULL PROCESSLIST").await?;
        let found = all.lines().filter(|line| line.contains(state)).count();
        ensure!(
            found >= many,
            "{found} connections are in the state {state}, not {many}"
        );
        Ok(())
    })
    .await
}

/// Visits until the door is closed.
async fn keep_visiting(
    mut visitor: Browser,
    told: &OnceLock<Instant>,
    answered: &AtomicUsize,
) -> Result<()> {
    loop {
        let began = Instant::now();
        match visitor.get("/").await {
            Ok(page) => {
                page.expect(200).context("a visitor")?;
                answered.fetch_add(1, Ordering::Relaxed);
            }
            Err(reason) => {
                let late = told.get().is_some_and(|told| began + ARRIVES > *told);
                ensure!(
                    late && reason.downcast_ref::<CutOff>().is_none(),
                    "a visitor who came {}: {reason:#}",
                    if late { "later" } else { "before" }
                );
                return Ok(());
            }
        }
    }
}
