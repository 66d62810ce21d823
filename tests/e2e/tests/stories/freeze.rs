//! What git freezes or holds is not changed: apply says why and where, plan still plans, and a way around it leaves a trace.

use anyhow::{Context as _, Result, ensure};
use e2e::{Fleet, World, story};
use localcloud::Options;

const APPLY: [&str; 3] = ["apply", "--env", "dev"];
const FREEZE: &str = "{reason: Black Friday, by: Ada}";

#[tokio::test(flavor = "multi_thread")]
async fn freeze() {
    story(
        "freeze",
        Options::for_test(&["dev"]),
        Fleet::of(&["acme", "bolt"]),
        async |world| {
            world.apply().await?;
            a_held_site_is_left_alone(world).await?;
            a_held_tenant_outlives_its_manifest(world).await?;
            a_frozen_environment_is_refused(world).await?;
            a_bypass_leaves_a_trace(world).await?;
            a_freeze_that_has_ended_forbids_nothing(world).await
        },
    )
    .await;
}

async fn a_held_site_is_left_alone(world: &World) -> Result<()> {
    for tenant in ["acme", "bolt"] {
        world.fleet.set(tenant, "title", &format!("New {tenant}"))?;
    }
    world.fleet.set("acme", "hold", "being audited")?;
    let place = "acme: being audited (tenants/acme/dev.yaml:8)";
    let plan = world.bbws()?.succeed(&["plan", "--env", "dev"]).await?;
    ensure!(
        plan.stdout.contains(&format!("Left alone: {place}"))
            && plan.stdout.ends_with("1 to change, 0 to destroy\n"),
        "the plan does not tell: {}",
        plan.stdout
    );
    world.apply().await?;
    shows(world, "bolt", "New bolt").await?;
    shows(world, "acme", "The site of acme").await?;

    // Nothing but the held site is left.
    world.cloud.proxy().requests().clear();
    refused(
        world,
        &APPLY,
        "acme is on hold: being audited (tenants/acme/dev.yaml:8)",
    )
    .await?;
    let destroy = ["destroy", "acme", "--env", "dev", "--confirm", "acme"];
    refused(world, &destroy, "tenants/acme/dev.yaml:8").await?;
    let status = world.bbws()?.succeed(&["status", "--env", "dev"]).await?;
    for part in ["Not live yet: 1 of 2 sites", &format!("On hold: {place}")] {
        ensure!(status.stdout.contains(part), "{part}: {}", status.stdout);
    }

    // Without its name, the bypass of a freeze does not lift a hold.
    let bypass = "--bypass-freeze=the auditors asked for it";
    refused(world, &[&APPLY[..], &[bypass]].concat(), "acme is on hold").await?;
    let named = [&APPLY[..], &["--tenant", "acme", bypass]].concat();
    world.bbws()?.succeed(&named).await?;
    shows(world, "acme", "New acme").await?;
    world.fleet.unset("acme", "hold")?;
    world.note("a held site was left alone, and the other changed");
    Ok(())
}

async fn a_held_tenant_outlives_its_manifest(world: &World) -> Result<()> {
    let manifest = "tenants/bolt/dev.yaml";
    let site = std::fs::read(world.fleet.path().join(manifest))?;
    std::fs::remove_file(world.fleet.path().join(manifest))?;
    let tenant = |more: &str| format!("version: 1\nname: bolt Ltd\n{more}");
    let file = "tenants/bolt/tenant.yaml";
    world
        .fleet
        .put(file, tenant("hold: in court\n").as_bytes())?;
    let confirmed = [&APPLY[..], &["--confirm", "bolt"]].concat();
    refused(
        world,
        &confirmed,
        "bolt is on hold: in court (tenants/bolt/tenant.yaml:3)",
    )
    .await?;
    shows(world, "bolt", "New bolt").await?;
    world.fleet.put(manifest, &site)?;
    world.fleet.put(file, tenant("").as_bytes())?;
    world.note("a held tenant outlived its manifest");
    Ok(())
}

async fn a_frozen_environment_is_refused(world: &World) -> Result<()> {
    world.fleet.set_environment("freeze", FREEZE)?;
    // As the manifests say: nothing is refused.
    world.apply().await?;
    world.fleet.set("acme", "title", "Sale")?;
    let said = "dev is frozen by Ada: Black Friday (environments/dev/environment.yaml:15)";
    let commands: [&[&str]; 4] = [
        &APPLY,
        &["destroy", "bolt", "--env", "dev", "--confirm", "bolt"],
        &["rollout", "hold", "--env", "dev", "--tenant", "bolt"],
        &["rollout", "hold", "--env", "dev", "--all"],
    ];
    for command in commands {
        refused(world, command, said).await?;
    }
    let plan = ["plan", "--env", "dev", "--json", "--detailed-exitcode"];
    let plan = world.bbws()?.run(&plan).await?.expect_code(2)?;
    let json = plan.json()?;
    ensure!(
        json["result"]["verdict"] == "frozen"
            && json["result"]["freeze"]["reason"] == "Black Friday"
            && json["result"]["to_change"] == 1,
        "the plan's verdict is another: {json}"
    );
    world.note("a frozen environment was refused");
    Ok(())
}

async fn a_bypass_leaves_a_trace(world: &World) -> Result<()> {
    let why = "acme is down, ticket 4711";
    let bypass = format!("--bypass-freeze={why}");
    world
        .bbws()?
        .succeed(&[&APPLY[..], &[&bypass]].concat())
        .await?;
    shows(world, "acme", "Sale").await?;
    let keys = world.aws.keys("bypasses/").await?;
    let last = keys.last().context("no bypass is recorded")?;
    let run = last.trim_start_matches("bypasses/");
    for key in [last.clone(), format!("runs/{run}")] {
        let record = String::from_utf8(world.aws.object(&key).await?)?;
        for part in [why, "environments/dev/environment.yaml:15"] {
            ensure!(record.contains(part), "{key} lacks {part}: {record}");
        }
    }
    let status = world.bbws()?.succeed(&["status", "--env", "dev"]).await?;
    for part in ["dev is as its manifests say", "Frozen by Ada", why] {
        ensure!(status.stdout.contains(part), "{part}: {}", status.stdout);
    }
    world.note("a bypass left a trace");
    Ok(())
}

async fn a_freeze_that_has_ended_forbids_nothing(world: &World) -> Result<()> {
    let ended = "{reason: Black Friday, by: Ada, until: 2026-01-01T00:00:00Z}";
    world.fleet.set_environment("freeze", ended)?;
    world.fleet.set("acme", "title", "After the sale")?;
    world.apply().await?;
    shows(world, "acme", "After the sale").await
}

/// Exit code 4, these words, and no request that changes anything.
async fn refused(world: &World, command: &[&str], words: &str) -> Result<()> {
    world.cloud.proxy().requests().clear();
    let outcome = world.bbws()?.run(command).await?.expect_code(4)?;
    ensure!(
        outcome.stderr.contains(words),
        "{command:?} should say {words:?}: {}",
        outcome.stderr
    );
    let changes = world.changes(&world.bbws()?.requests());
    ensure!(changes.is_empty(), "{command:?} changed {changes:?}");
    Ok(())
}

async fn shows(world: &World, tenant: &str, title: &str) -> Result<()> {
    let page = world.visitor(tenant).get("/").await?.expect_status(200)?;
    let page = page.text();
    ensure!(page.contains(title), "{tenant} lacks {title}: {page:.2000}");
    Ok(())
}
