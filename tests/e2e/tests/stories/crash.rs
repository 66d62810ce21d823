//! The runner dies right after any of its requests, and the next run finishes what it began.
//!
//! By default a sample of the points at which it may die; with `BBWS_CRASH_POINTS=all` every single one.

use anyhow::{Result, ensure};
use e2e::{Census, Fleet, World, story, until};
use localcloud::Options;
use localcloud::proxy::Request;

/// Points of the sample.
const SAMPLE: usize = 10;
/// Sites that are begun, killed, and then finished together.
const BATCH: usize = 10;

#[tokio::test(flavor = "multi_thread")]
async fn crash() {
    story("crash", Options::for_test(&["dev"]), Fleet::of(&["whole"]), async |world| {
        let bbws = world.bbws()?.named("whole");
        bbws.succeed(&["apply", "--env", "dev"]).await?;
        let requests = world.requests(&bbws.requests());
        let whole = nameless(world, "whole").await?;
        let points = points(&requests);
        world.note(&format!("a first apply makes {} requests", requests.len()));
        let mut reached = 0;
        for batch in points.chunks(BATCH) {
            reached += run_batch(world, batch, &whole).await?;
        }
        ensure!(reached * 10 >= points.len() * 9, "only {reached} of {} points were reached", points.len());
        world.note(&format!(
            "killed after {reached} requests ({} asked for, of {} of a first apply): every site was finished, with nothing twice",
            points.len(),
            requests.len()
        ));
        Ok(())
    })
    .await;
}

/// After which requests to kill, counted from 1: all, or evenly from those that change something, first and last among
/// them.
fn points(requests: &[Request]) -> Vec<u64> {
    let count = |index: usize| index as u64 + 1;
    if std::env::var("BBWS_CRASH_POINTS").is_ok_and(|value| value == "all") {
        return (0..requests.len()).map(count).collect();
    }
    let changes: Vec<_> = (0..requests.len())
        .filter(|index| !requests[*index].reads())
        .collect();
    let mut chosen: Vec<_> = (0..SAMPLE)
        .map(|n| count(changes[n * (changes.len() - 1) / (SAMPLE - 1)]))
        .collect();
    chosen.dedup();
    chosen
}

/// Kills a first apply at each point, then finishes all those sites with one apply. How many points were reached.
async fn run_batch(world: &World, points: &[u64], whole: &Census) -> Result<usize> {
    let tenants: Vec<_> = points
        .iter()
        .map(|point| format!("killed{point}"))
        .collect();
    let mut reached = 0;
    for (tenant, point) in tenants.iter().zip(points) {
        world.fleet.add(tenant)?;
        forget_the_cells_job(world).await?;
        match kill_after(world, tenant, *point).await? {
            Some(request) => {
                reached += 1;
                world.note(&format!(
                    "{tenant}: killed after {}:{}",
                    request.service, request.operation
                ));
            }
            None => world.note(&format!("{tenant}: made fewer requests")),
        }
    }
    world.apply().await?;
    world.bbws()?.plan_is_empty().await?;
    for tenant in &tenants {
        let mut seen = Census::new();
        until(&format!("{tenant} to be whole"), async || {
            let census = nameless(world, tenant).await?;
            if &census != whole && census != seen {
                world.note(&format!(
                    "{tenant} is not whole yet: {:#?}",
                    differences(&census, whole)
                ));
            }
            let is_whole = &census == whole;
            seen = census;
            Ok(is_whole.then_some(()))
        })
        .await?;
        world.visitor(tenant).get("/").await?.expect_status(200)?;
    }
    let jobs = jobs(world).await?;
    ensure!(
        jobs.len() == 1,
        "the cell's job is defined more than once: {jobs:?}"
    );
    remove(world, &tenants).await?;
    Ok(reached)
}

/// The definition of the cell's job belongs to no site, but the first apply of all makes it.
async fn forget_the_cells_job(world: &World) -> Result<()> {
    for definition in jobs(world).await? {
        world
            .aws
            .ecs
            .deregister_task_definition()
            .task_definition(definition)
            .send()
            .await?;
    }
    Ok(())
}

async fn jobs(world: &World) -> Result<Vec<String>> {
    let list = world
        .aws
        .ecs
        .list_task_definitions()
        .family_prefix("bbws-dev-job-a")
        .status("ACTIVE".into());
    Ok(list.send().await?.task_definition_arns.unwrap_or_default())
}

/// Starts a first apply of a site and kills it when AWS has handled its request of this number, before it learns so.
async fn kill_after(world: &World, tenant: &str, point: u64) -> Result<Option<Request>> {
    let bbws = world.bbws()?.named(tenant);
    let gate = world.cloud.proxy().gates().after(point, bbws.requests());
    let mut run = bbws.start(&["apply", "--env", "dev", "--tenant", tenant])?;
    let request = tokio::select! {
        request = gate.closed() => Some(request),
        ended = run.ended() => { ended?; None }
    };
    run.kill().await?;
    Ok(request)
}

async fn remove(world: &World, tenants: &[String]) -> Result<()> {
    let mut arguments = vec!["apply", "--env", "dev"];
    for tenant in tenants {
        world.fleet.remove(tenant)?;
        arguments.extend(["--confirm", tenant]);
    }
    world.bbws()?.succeed(&arguments).await?;
    for tenant in tenants {
        let left = world.census(tenant).await?;
        ensure!(left.is_empty(), "of {tenant} remains {left:#?}");
    }
    world.note("removed again");
    Ok(())
}

/// What exists of a site, whoever's it is.
async fn nameless(world: &World, tenant: &str) -> Result<Census> {
    let mut census = world.census(tenant).await?;
    for name in census.values_mut().flatten() {
        *name = name.replace(tenant, "X");
    }
    Ok(census)
}

fn differences(census: &Census, whole: &Census) -> Vec<String> {
    let kinds = census
        .keys()
        .chain(whole.keys())
        .filter(|kind| census.get(*kind) != whole.get(*kind));
    kinds
        .map(|kind| format!("{kind}: {:?}, not {:?}", census.get(kind), whole.get(kind)))
        .collect()
}
