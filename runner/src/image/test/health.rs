//! What the platform and operators ask: is it alive, is it ready, what does it say of itself.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use hyper::Method;
use serde::Deserialize as _;
use serde_json::Value;

use super::{
    browser::Browser,
    check::{Checks, needs},
    editor::{People, path_of},
    engine::until,
    site::{Site, Task},
};

/// The load balancer's checks are ten seconds apart; what they ask must be so by the next.
const TELLS: Duration = Duration::from_secs(10);
const DATABASE_RETURNS: Duration = Duration::from_secs(60);
/// Asks wordpress.org, which the test's network does not lead to.
const NEEDS_INTERNET: &str = "dotorg_communication";

pub(super) async fn check(
    site: &Site<'_>,
    task: &Task,
    people: Option<&People>,
    checks: &Checks<'_>,
) {
    checks
        .run("Site Health has no critical issue", async {
            site_health(needs(people, "log in")?.admin.clone()).await
        })
        .await;
    checks
        .run("a program inside tells how it is", doctor(site, task))
        .await;
    checks
        .run("without its database it is alive and not ready", async {
            without_database(site, task).await
        })
        .await;
}

/// As the administrator's page shows it: tests that are done at once are in the page, others have an address.
async fn site_health(mut admin: Browser) -> Result<()> {
    let page = admin
        .open("/wp-admin/site-health.php")
        .await?
        .expect(200)?
        .text();
    let (_, data) = page
        .split_once("var SiteHealth = ")
        .context("the page has no results")?;
    let data = Value::deserialize(&mut serde_json::Deserializer::from_str(data))?;
    let tests = &data["site_status"];
    let mut results = tests["direct"].as_array().cloned().unwrap_or_default();
    ensure!(results.len() > 5, "only {} tests were done", results.len());
    for test in tests["async"].as_array().into_iter().flatten() {
        if test["test"]
            .as_str()
            .is_some_and(|address| address.contains("dotorg-communication"))
        {
            continue;
        }
        ensure!(test["has_rest"] == true, "{} is no REST test", test["test"]);
        let path = path_of(&test["test"])?;
        let path = path.strip_prefix("/wp-json").unwrap_or(&path).to_owned();
        results.push(
            admin
                .rest(Method::GET, &path, None)
                .await?
                .expect(200)?
                .json()?,
        );
    }
    let critical: Vec<_> = results
        .iter()
        .filter(|result| result["status"] == "critical" && result["test"] != NEEDS_INTERNET)
        .map(|result| format!("{}: {}", result["test"], result["label"]))
        .collect();
    ensure!(critical.is_empty(), "{}", critical.join("; "));
    Ok(())
}

async fn doctor(site: &Site<'_>, task: &Task) -> Result<()> {
    let command = ["/usr/local/bin/site-job", "doctor"];
    let (code, out, words) = site
        .engine
        .run(&task.container, &command, Vec::new())
        .await?;
    ensure!(
        code == 0,
        "`site-job doctor` ends with {code}: {out} {words}"
    );
    let told = site.secrets.all().iter().any(|secret| out.contains(secret));
    ensure!(!told, "`site-job doctor` prints a password");
    Ok(())
}

async fn without_database(site: &Site<'_>, task: &Task) -> Result<()> {
    site.database(false).await?;
    let mut visitor = site.visitor(task);
    let outcome = async {
        let not_ready = until(TELLS, async || visitor.get("/readyz").await?.expect(503));
        let answer = not_ready.await.context("/readyz")?;
        ensure!(
            !answer.shows("site"),
            "/readyz tells strangers of the database"
        );
        visitor
            .get("/healthz")
            .await?
            .expect(200)
            .context("/healthz")?;
        let page = visitor.get("/?uncached=1").await?;
        ensure!(
            page.status >= 500,
            "a page that needs the database answers {}",
            page.status
        );
        ensure!(
            !page.shows("mysqli"),
            "a page tells strangers of the database"
        );
        Ok(())
    };
    let outcome = outcome.await;
    site.database(true).await?;
    outcome?;
    let ready = until(DATABASE_RETURNS, async || {
        visitor.get("/readyz").await?.expect(200)
    });
    ready.await.context("/readyz, after the database is back")?;
    visitor.get("/?uncached=2").await?.expect(200)?;
    Ok(())
}
