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
            a_deleted_manifest_needs_confirmation(world).await
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
    world.fleet.remove("bolt")?;
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

    world
        .bbws()?
        .succeed(&["apply", "--env", "dev", "--confirm", "bolt"])
        .await?;
    ensure!(
        world.census("bolt").await? == Census::new(),
        "of bolt remains {:#?}",
        world.census("bolt").await?
    );
    world.bbws()?.plan_is_empty().await?;
    world.note("a deleted manifest needs confirmation too");
    Ok(())
}
