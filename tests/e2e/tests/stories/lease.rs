//! Two runs never change one tenant at a time, and a run that died stands in nobody's way for long.

use anyhow::{Context as _, Result, ensure};
use e2e::{Fleet, World, story};
use localcloud::Options;
use localcloud::proxy::Gate;
use serde_json::Value;

const KEY: &str = "leases/acme.json";

#[tokio::test(flavor = "multi_thread")]
async fn lease() {
    story(
        "lease",
        Options::for_test(&["dev"]),
        Fleet::of(&["acme"]),
        async |world| {
            let left = the_second_of_two_runs_is_refused(world).await?;
            a_killed_run_is_followed_by_another(world).await?;
            a_lease_from_elsewhere_counts_until_it_expires(world, left).await
        },
    )
    .await;
}

/// Stops runs at their first log group, after they have taken the lease.
fn hold(world: &World) -> Result<Gate> {
    let log_group = world.bbws()?.requests_of("logs", "CreateLogGroup");
    Ok(world.cloud.proxy().gates().after(1, log_group))
}

/// Returns the first run's lease as it was.
async fn the_second_of_two_runs_is_refused(world: &World) -> Result<Value> {
    let gate = hold(world)?;
    let apply = ["apply", "--env", "dev"];
    let first = world.bbws()?.named("first").start(&apply)?;
    gate.closed().await;
    let lease: Value = serde_json::from_slice(&world.aws.object(KEY).await?)?;
    let second = world.bbws()?.named("second");
    let refused = second.run(&apply).await?.expect_code(4)?;
    let run = lease["run"].as_str().context("the lease names no run")?;
    ensure!(
        refused.stderr.contains(run),
        "the other run is not named: {}",
        refused.stderr
    );
    ensure!(
        refused.stderr.contains("nothing was changed"),
        "what stands is not told: {}",
        refused.stderr
    );
    let changes = world.changes(&second.requests());
    ensure!(changes.is_empty(), "refused, and yet: {changes:?}");
    gate.open();
    first.outcome().await?.expect_code(0)?;
    ensure!(
        world.aws.keys(KEY).await?.is_empty(),
        "the first run did not give its lease back"
    );
    world.bbws()?.plan_is_empty().await?;
    world.note("the second of two runs was refused");
    Ok(lease)
}

async fn a_killed_run_is_followed_by_another(world: &World) -> Result<()> {
    world.fleet.add("bolt")?;
    let gate = hold(world)?;
    let killed = world.bbws()?.start(&["apply", "--env", "dev"])?;
    gate.closed().await;
    ensure!(killed.kill().await?, "the run had ended already");
    drop(gate);
    ensure!(
        !world.aws.keys("leases/bolt.json").await?.is_empty(),
        "the killed run should leave its lease"
    );
    world.apply().await?;
    world.bbws()?.plan_is_empty().await?;
    world.note("a killed run was followed by another");
    Ok(())
}

async fn a_lease_from_elsewhere_counts_until_it_expires(
    world: &World,
    mut lease: Value,
) -> Result<()> {
    world.fleet.set("acme", "title", "Another title")?;
    lease["holder"] = "a workflow on another machine".into();
    lease["process"] = Value::Null;
    lease["expires"] = "2099-01-01T00:00:00Z".into();
    put(world, &lease).await?;
    let refused = world
        .bbws()?
        .run(&["apply", "--env", "dev"])
        .await?
        .expect_code(4)?;
    ensure!(
        refused.stderr.contains("a workflow on another machine"),
        "the holder is not named: {}",
        refused.stderr
    );
    ensure!(
        world.bbws()?.plan().await?.len() == 1,
        "the title should be all that differs"
    );

    lease["expires"] = "2001-01-01T00:00:00Z".into();
    put(world, &lease).await?;
    world.apply().await?;
    world.bbws()?.plan_is_empty().await?;
    let page = world
        .visitor("acme")
        .get("/")
        .await?
        .expect_status(200)?
        .text();
    ensure!(
        page.contains("Another title"),
        "the title is another one: {page:.2000}"
    );
    world.note("a lease from elsewhere counted until it expired");
    Ok(())
}

async fn put(world: &World, lease: &Value) -> Result<()> {
    let bucket = world.aws.foundation("/artifacts/bucket");
    world
        .aws
        .s3
        .put_object()
        .bucket(bucket)
        .key(KEY)
        .body(lease.to_string().into_bytes().into())
        .send()
        .await?;
    Ok(())
}
