//! Releases reach sites in waves, bad ones reach few, and what was good is a command away. Visitors notice nothing.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, ensure};
use e2e::{Crowd, Fleet, World, docker, story};
use localcloud::Options;
use serde_json::Value;

const TENANTS: [&str; 6] = ["acme", "bolt", "cask", "dune", "echo", "fern"];
/// People at once on the site that is rolled out.
const CROWD: usize = 4;

#[tokio::test(flavor = "multi_thread")]
async fn rollout() {
    let fleet = Fleet::of(&TENANTS);
    story(
        "rollout",
        Options::for_test(&["dev"]),
        fleet,
        async |world| {
            let releases = Releases::of(world)?;
            let told = tell(world, &releases).await;
            releases.forget().await?;
            told
        },
    )
    .await;
}

async fn tell(world: &World, releases: &Releases<'_>) -> Result<()> {
    world
        .fleet
        .set_environment("rollout", "{canaries: [acme], at_once: 3}")?;
    world.apply().await?;
    let first = runs(world).await?;

    a_good_release_goes_round_in_waves(world, releases).await?;
    let second = runs(world).await?;
    for tenant in TENANTS {
        ensure!(first[tenant] != second[tenant], "{tenant} was left out");
    }
    taken_back_and_resumed(world, &first, &second).await?;

    let crashes = releases
        .make("crashes", r#"CMD ["no-such-verb"]"#, &[])
        .await?;
    a_bad_release_stops_at_the_canary(world, &crashes, "exit code").await?;
    let refuses = [(
        "/srv/health/readyz.php",
        "<?php http_response_code( 503 );\n",
    )];
    let refuses = releases.make("refuses", "LABEL bad=503", &refuses).await?;
    a_bad_release_stops_at_the_canary(world, &refuses, "health checks").await?;
    // Its programs start, and never answer.
    let hangs = [("/srv/health/readyz.php", "<?php sleep( 600 );\n")];
    let hangs = releases.make("hangs", "LABEL bad=hangs", &hangs).await?;
    a_bad_release_stops_at_the_canary(world, &hangs, "health checks").await?;

    let breaks = [(
        "/srv/wordpress/index.php",
        "<?php http_response_code( 500 );\n",
    )];
    let breaks = releases.make("breaks", "LABEL bad=500", &breaks).await?;
    an_unhealthy_site_halts_the_rollout(world, &breaks).await
}

async fn a_good_release_goes_round_in_waves(world: &World, releases: &Releases<'_>) -> Result<()> {
    let good = releases.make("good", "LABEL round=2", &[]).await?;
    world.fleet.set_environment("release", &good)?;
    // As a newer WordPress finds an older one's tables.
    let (set, get) = (
        "UPDATE t_acme.wp_options SET option_value = '50000' WHERE option_name = 'db_version'",
        "SELECT option_value FROM t_acme.wp_options WHERE option_name = 'db_version'",
    );
    let database = world.database().await?;
    let present = database.query(get).await?;
    database.query(set).await?;

    let crowds = TENANTS.map(|tenant| {
        let size = if tenant == "acme" { CROWD } else { 1 };
        Crowd::of(size, tenant, &world.visitor(tenant))
    });
    let applied = world.bbws()?.succeed(&["apply", "--env", "dev"]).await;
    let mut visits = 0;
    for crowd in crowds {
        visits += crowd.go_home().await?;
    }
    ensure!(visits > 20, "only {visits} visits prove nothing");
    let told = applied?.stderr;
    let healthy: Vec<_> = told
        .lines()
        .filter_map(|line| line.split_once("wave ").map(|(_, rest)| rest))
        .collect();
    ensure!(
        healthy.len() == 3
            && healthy[0].starts_with("1 of 3 is healthy: acme")
            && healthy[1].starts_with("2 of 3 is healthy: bolt, cask, dune")
            && healthy[2].starts_with("3 of 3 is healthy: echo, fern"),
        "the waves were others: {told}"
    );
    ensure!(
        database.query(get).await? == present,
        "acme's tables were not upgraded"
    );
    world.bbws()?.plan_is_empty().await?;
    for (tenant, history) in history(world).await? {
        ensure!(
            history == ["good", "good"],
            "{tenant}'s ledger says {history:?}"
        );
    }
    world.note(&format!(
        "a good release went round in 3 waves; {visits} visits, none failed"
    ));
    Ok(())
}

async fn taken_back_and_resumed(
    world: &World,
    first: &BTreeMap<&'static str, String>,
    second: &BTreeMap<&'static str, String>,
) -> Result<()> {
    let usage = world
        .bbws()?
        .run(&["rollout", "undo", "--env", "dev"])
        .await?;
    usage.expect_code(64)?;
    let undo = ["rollout", "undo", "--env", "dev", "--tenant", "bolt"];
    // Asked for twice, it goes back once.
    for _ in 0..2 {
        world.bbws()?.succeed(&undo).await?;
        let now = runs(world).await?;
        ensure!(now["bolt"] == first["bolt"], "bolt runs {}", now["bolt"]);
        ensure!(now["cask"] == second["cask"], "cask was touched");
        world.bbws()?.plan_is_empty().await?;
    }
    let plan = world.bbws()?.succeed(&["plan", "--env", "dev"]).await?;
    ensure!(
        plan.stdout.contains("Held: bolt"),
        "the plan does not say that bolt is held: {}",
        plan.stdout
    );
    world.bbws()?.succeed(&["apply", "--env", "dev"]).await?;
    ensure!(
        runs(world).await?["bolt"] == first["bolt"],
        "an apply undid the undoing"
    );
    world.visitor("bolt").get("/").await?.expect_status(200)?;
    let resume = ["rollout", "resume", "--env", "dev", "--all"];
    world.bbws()?.succeed(&resume).await?;
    ensure!(
        runs(world).await? == *second,
        "after the resumption something else runs"
    );
    world.bbws()?.plan_is_empty().await?;
    world.note("bolt went back to its last good release, stayed there, and came along again");
    Ok(())
}

/// The release never comes up: ECS goes back, nobody else gets it, nobody notices.
async fn a_bad_release_stops_at_the_canary(
    world: &World,
    release: &str,
    reason: &str,
) -> Result<()> {
    let before = runs(world).await?;
    let good = world.fleet.release()?;
    world.fleet.set_environment("release", release)?;
    let crowds = [
        Crowd::of(CROWD, "acme", &world.visitor("acme")),
        Crowd::of(1, "bolt", &world.visitor("bolt")),
    ];
    let outcome = world.bbws()?.run(&["apply", "--env", "dev"]).await?;
    let mut visits = 0;
    for crowd in crowds {
        visits += crowd.go_home().await?;
    }
    ensure!(visits > 20, "only {visits} visits prove nothing");
    let told = outcome.expect_code(6)?.stderr;
    for part in [
        "rolled back",
        reason,
        "the rollout halted at acme: 5 sites",
        "next:",
    ] {
        ensure!(
            told.contains(part),
            "{release}: {part:?} is not told: {told}"
        );
    }
    ensure!(
        runs(world).await? == before,
        "{release}: something else runs now"
    );
    let history = history(world).await?;
    ensure!(
        history["acme"].last().is_some_and(|last| last == "bad"),
        "{release}: acme's ledger says {:?}",
        history["acme"]
    );
    ensure!(
        history["bolt"].last().is_some_and(|last| last == "good"),
        "{release}: bolt's ledger says {:?}",
        history["bolt"]
    );
    world.fleet.set_environment("release", &good)?;
    world.apply().await?;
    world.bbws()?.plan_is_empty().await?;
    world.note(&format!(
        "{release} was rolled back at the canary; {visits} visits, none failed"
    ));
    Ok(())
}

/// Its tasks are ready, but visitors get errors.
async fn an_unhealthy_site_halts_the_rollout(world: &World, release: &str) -> Result<()> {
    let before = runs(world).await?;
    world.fleet.set_environment("release", release)?;
    let outcome = world.bbws()?.run(&["apply", "--env", "dev"]).await?;
    let told = outcome.expect_code(1)?.stderr;
    for part in [
        "not healthy",
        "answers 500",
        "the rollout halted at acme: 5 sites",
        "bbws rollout undo",
    ] {
        ensure!(told.contains(part), "{part:?} is not told: {told}");
    }
    let after = runs(world).await?;
    let touched: Vec<_> = TENANTS
        .into_iter()
        .filter(|tenant| before[tenant] != after[tenant])
        .collect();
    ensure!(touched == ["acme"], "the bad release reached {touched:?}");
    let undo = ["rollout", "undo", "--env", "dev", "--tenant", "acme"];
    world.bbws()?.succeed(&undo).await?;
    ensure!(
        runs(world).await? == before,
        "the good release does not run"
    );
    world.visitor("acme").get("/").await?.expect_status(200)?;
    world.note("a site that answered with errors halted the rollout, and was taken back");
    Ok(())
}

/// Of each tenant the image that its service runs.
async fn runs(world: &World) -> Result<BTreeMap<&'static str, String>> {
    let mut runs = BTreeMap::new();
    for tenant in TENANTS {
        let definition = world.aws.task_definition(tenant).await?;
        let container = definition.container_definitions().first();
        let image = container.and_then(|container| container.image());
        runs.insert(tenant, image.context("it has no image")?.to_owned());
    }
    Ok(runs)
}

/// Each tenant's verdicts, oldest first.
async fn history(world: &World) -> Result<BTreeMap<String, Vec<String>>> {
    let status = ["rollout", "status", "--env", "dev", "--json"];
    let json = world.bbws()?.succeed(&status).await?.json()?;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let sites = json["result"]["sites"].as_array();
    let sites = sites.with_context(|| format!("not a status: {json}"))?;
    let history = sites.iter().map(|site| {
        let entries = site["history"].as_array().into_iter().flatten();
        let verdicts = entries.map(|entry| text(&entry["verdict"]));
        (text(&site["tenant"]), verdicts.collect())
    });
    Ok(history.collect())
}

/// Releases made from the fleet's own by changing a little.
pub(super) struct Releases<'a> {
    world: &'a World,
    from: String,
}

impl<'a> Releases<'a> {
    pub(super) fn of(world: &'a World) -> Result<Self> {
        let from = format!("bbws/wordpress:{}", world.fleet.release()?);
        Ok(Self { world, from })
    }

    fn tag(&self, name: &str) -> String {
        format!("{name}-{}", self.world.cloud.state().identity)
    }

    /// Makes one with an instruction of a Dockerfile and files replaced, and pushes it. Its tag.
    pub(super) async fn make(
        &self,
        name: &str,
        instruction: &str,
        files: &[(&str, &str)],
    ) -> Result<String> {
        let container = docker(&["create", &self.from], b"").await?;
        let (container, tag) = (container.trim(), self.tag(name));
        for (path, content) in files {
            let (folder, file) = path.rsplit_once('/').context("a path has a folder")?;
            let mut archive = tar::Builder::new(Vec::new());
            let mut header = tar::Header::new_gnu();
            header.set_size(content.len() as u64);
            header.set_mode(0o644);
            archive.append_data(&mut header, file, content.as_bytes())?;
            let target = format!("{container}:{folder}");
            docker(&["cp", "-", &target], &archive.into_inner()?).await?;
        }
        let image = format!("bbws/wordpress:{tag}");
        docker(&["commit", "--change", instruction, container, &image], b"").await?;
        docker(&["rm", container], b"").await?;
        let push = ["image", "push", "--env", "dev", "--tag", &tag];
        self.world.bbws()?.succeed(&push).await?;
        Ok(tag)
    }

    /// Removes all of them from the machine.
    pub(super) async fn forget(&self) -> Result<()> {
        let images = format!("bbws/wordpress:*-{}", self.world.cloud.state().identity);
        let list = ["images", "--format", "{{.Repository}}:{{.Tag}}", &images];
        for image in docker(&list, b"").await?.lines() {
            docker(&["rmi", image], b"").await?;
        }
        Ok(())
    }
}
