//! A site is removed: nothing of it remains but its dump, and nobody else notices.

use anyhow::{Context as _, Result, ensure};
use e2e::{Census, Crowd, Fleet, PIXEL, World, story};
use localcloud::Options;

const POST: &str = "Ein Beitrag, der bleibt – \"ja\"";

#[tokio::test(flavor = "multi_thread")]
async fn destroy() {
    let fleet = Fleet::of(&["acme", "bolt"]);
    story(
        "destroy",
        Options::for_test(&["dev"]),
        fleet,
        async |world| {
            world.apply().await?;
            let image = acme_writes_something(world).await?;
            nothing_happens_without_confirmation(world).await?;
            acme_goes_while_bolt_is_visited(world).await?;
            ensure!(
                world.census("acme").await? == Census::new(),
                "of acme remains {:#?}",
                world.census("acme").await?
            );
            ensure!(
                !world.aws.keys("tenants/acme/final/").await?.is_empty(),
                "acme's dump is gone"
            );
            world.note("nothing of acme remains but its dump");
            the_dump_loads(world, &image).await?;
            a_deleted_manifest_needs_confirmation(world).await?;
            a_removal_can_be_called_back(world).await?;
            a_removal_whose_grace_has_ended_needs_no_confirmation(world).await
        },
    )
    .await;
}

async fn acme_writes_something(world: &World) -> Result<String> {
    let password = world
        .aws
        .secret_field("bbws/dev/acme/wordpress", "admin_password")
        .await?;
    let mut admin = world.visitor("acme");
    admin.log_in("acme-admin", &password).await?;
    admin.publish(POST).await?;
    admin.upload("kept.png", PIXEL).await
}

async fn nothing_happens_without_confirmation(world: &World) -> Result<()> {
    let before = world.census("acme").await?;
    ensure!(
        before.len() > 15,
        "the census finds too little to prove anything: {before:#?}"
    );
    world.cloud.proxy().requests().clear();
    for arguments in [
        &["destroy", "acme", "--env", "dev"][..],
        &["destroy", "acme", "--env", "dev", "--confirm", "bolt"],
    ] {
        let refused = world.bbws()?.run(arguments).await?.expect_code(4)?;
        ensure!(
            refused.stderr.contains("--confirm=acme"),
            "the next step is not told: {}",
            refused.stderr
        );
    }
    let changes = world.changes(&world.bbws()?.requests());
    ensure!(changes.is_empty(), "refused, and yet: {changes:?}");
    ensure!(world.census("acme").await? == before, "something changed");
    world.visitor("acme").get("/").await?.expect_status(200)?;
    world.note("nothing happens without confirmation");
    Ok(())
}

async fn acme_goes_while_bolt_is_visited(world: &World) -> Result<()> {
    let crowd = Crowd::of(1, "bolt", &world.visitor("bolt"));
    let destroyed = world
        .bbws()?
        .succeed(&["destroy", "acme", "--env", "dev", "--confirm", "acme"])
        .await;
    let visits = crowd.go_home().await?;
    destroyed?;
    ensure!(visits > 10, "only {visits} visits prove nothing");
    world.note(&format!(
        "acme is destroyed; {visits} visits of bolt, none failed"
    ));
    Ok(())
}

async fn the_dump_loads(world: &World, image: &str) -> Result<()> {
    let keys = world.aws.keys("tenants/acme/final/").await?;
    let key = |name: &str| {
        let key = keys.iter().find(|key| key.ends_with(name));
        key.with_context(|| format!("the final dump has no {name}: {keys:?}"))
    };
    let dump = zstd::decode_all(
        world
            .aws
            .object(key("/database.sql.zst")?)
            .await?
            .as_slice(),
    )?;
    let database = world.database().await?;
    database.query("CREATE DATABASE loaded").await?;
    database
        .load("loaded", &dump)
        .await
        .context("the final dump should load")?;
    let posts = database
        .query("SELECT post_title FROM loaded.wp_posts WHERE post_status = 'publish'")
        .await?;
    ensure!(
        posts.lines().any(|title| title == POST),
        "the post is not in the dump: {posts}"
    );

    let uploads = zstd::decode_all(world.aws.object(key("/uploads.tar.zst")?).await?.as_slice())?;
    let name = image.rsplit('/').next().unwrap_or(image);
    let mut archive = tar::Archive::new(uploads.as_slice());
    let mut kept = None;
    for entry in archive.entries()? {
        let mut entry = entry?;
        if entry.path()?.ends_with(name) {
            let mut content = Vec::new();
            std::io::Read::read_to_end(&mut entry, &mut content)?;
            kept = Some(content);
        }
    }
    ensure!(
        kept.as_deref() == Some(PIXEL),
        "the upload {name} is not in the archive"
    );
    world.note("the final dump loads, with the post and the upload in it");
    Ok(())
}

async fn a_deleted_manifest_needs_confirmation(world: &World) -> Result<()> {
    world.fleet.remove("acme")?;
    world.bbws()?.plan_is_empty().await?;
    let bolt = Manifests::take(world)?;
    let plan = world.bbws()?.plan().await?;
    ensure!(
        plan.len() > 15,
        "the plan should show bolt's removal: {plan:#?}"
    );
    for drift in &plan {
        let told = (
            drift.tenant.as_str(),
            drift.action.as_str(),
            drift.reason.as_str(),
        );
        ensure!(
            told == ("bolt", "delete", "no manifest names this tenant"),
            "the plan shows more: {drift:#?}"
        );
    }
    let before = world.census("bolt").await?;
    world.cloud.proxy().requests().clear();
    let refused = world
        .bbws()?
        .run(&["apply", "--env", "dev"])
        .await?
        .expect_code(4)?;
    ensure!(
        refused.stderr.contains("--confirm=bolt"),
        "the next step is not told: {}",
        refused.stderr
    );
    let changes = world.changes(&world.bbws()?.requests());
    ensure!(
        changes.is_empty() && world.census("bolt").await? == before,
        "refused, and yet: {changes:?}"
    );
    world.visitor("bolt").get("/").await?.expect_status(200)?;

    bolt.put_back(world)?;
    world.note("a deleted manifest needs confirmation too");
    Ok(())
}

/// bolt's, while they are out of the fleet.
struct Manifests([(&'static str, Vec<u8>); 2]);

impl Manifests {
    fn take(world: &World) -> Result<Self> {
        let read =
            |name| Ok::<_, std::io::Error>((name, std::fs::read(world.fleet.path().join(name))?));
        let taken = [
            read("tenants/bolt/tenant.yaml")?,
            read("tenants/bolt/dev.yaml")?,
        ];
        world.fleet.remove("bolt")?;
        Ok(Self(taken))
    }

    fn put_back(self, world: &World) -> Result<()> {
        let Self(files) = self;
        files
            .iter()
            .try_for_each(|(name, content)| world.fleet.put(name, content))
    }
}

fn of_bolt<'a>(verb: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&["tenant", verb, "bolt", "--env", "dev"][..], more].concat()
}

async fn a_removal_can_be_called_back(world: &World) -> Result<()> {
    let remove = ["--grace", "1", "--reason", "contract ended"];
    world.bbws()?.succeed(&of_bolt("remove", &remove)).await?;
    world.apply().await?;
    world.visitor("bolt").get("/").await?.expect_status(503)?;
    let plan = world.bbws()?.succeed(&["plan", "--env", "dev"]).await?;
    ensure!(
        plan.stdout
            .contains("bolt is to be removed (contract ended): kept until"),
        "the plan does not tell: {}",
        plan.stdout
    );

    // Nobody shortens the grace by deleting the manifest.
    let bolt = Manifests::take(world)?;
    let before = world.census("bolt").await?;
    let refused = world
        .bbws()?
        .run(&["apply", "--env", "dev"])
        .await?
        .expect_code(4)?;
    ensure!(
        refused.stderr.contains("Removal: bolt is kept until")
            && world.census("bolt").await? == before,
        "{}",
        refused.stderr
    );
    bolt.put_back(world)?;
    world
        .bbws()?
        .run(&of_bolt("remove", &[]))
        .await?
        .expect_code(4)?;

    world.bbws()?.succeed(&of_bolt("restore", &[])).await?;
    world.apply().await?;
    world.visitor("bolt").get("/").await?.expect_status(200)?;
    world.bbws()?.plan_is_empty().await?;
    world.note("a removal was called back, and the site serves as before");
    Ok(())
}

async fn a_removal_whose_grace_has_ended_needs_no_confirmation(world: &World) -> Result<()> {
    world.fleet.set(
        "bolt",
        "removal",
        "{after: 2026-01-01T00:00:00Z, reason: ended}",
    )?;
    world.apply().await?;
    world.bbws()?.succeed(&of_bolt("remove", &[])).await?;
    let applied = world.bbws()?.succeed(&["apply", "--env", "dev"]).await?;
    ensure!(
        world.census("bolt").await? == Census::new(),
        "of bolt remains {:#?}",
        world.census("bolt").await?
    );
    world.bbws()?.plan_is_empty().await?;
    let reports = world.aws.keys("removals/bolt/").await?;
    ensure!(reports.len() == 1, "{reports:?}");
    let report: serde_json::Value = serde_json::from_slice(&world.aws.object(&reports[0]).await?)?;
    let content = report["content"].as_str().unwrap_or_default();
    let (_, prefix) = content
        .split_once("/tenants/bolt/")
        .context("the report has no content")?;
    let kept = world.aws.keys(&format!("tenants/bolt/{prefix}")).await?;
    ensure!(
        kept.len() > 2 && report["scheduled"] == "2026-01-01T00:00:00Z",
        "{report:#}: {kept:?}"
    );
    let deleted = report["deleted"].as_array().map_or(0, Vec::len);
    ensure!(
        deleted > 15 && applied.stdout.contains(content),
        "{report:#} {}",
        applied.stdout
    );
    world.note("a removal whose grace has ended needs no confirmation, and leaves its report");
    Ok(())
}
