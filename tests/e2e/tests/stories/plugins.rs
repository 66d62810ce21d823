//! A site's own plugins and themes: installed, updated and removed by its manifest, judged before anything is written, tried
//! before any visitor meets them.

pub(super) mod shop;

use anyhow::{Context as _, Result, ensure};
use aws_sdk_s3::primitives::ByteStream;
use e2e::{Crowd, Fleet, Outcome, World, story};
use localcloud::Options;

use shop::{Zip, evening, greeter, list};

/// People at once on the site.
const CROWD: usize = 4;

#[tokio::test(flavor = "multi_thread")]
async fn plugins() {
    let fleet = Fleet::of(&["acme", "bolt"]);
    story(
        "plugins",
        Options::for_test(&["dev"]).with_auth(),
        fleet,
        async |world| {
            let first = greeter(&world.fleet, "1.0.0", "", "")?;
            a_plugin_comes_with_the_site(world, &first).await?;
            let second = greeter(&world.fleet, "1.1.0", " * Tested up to: 6.0\n", "")?;
            updates_are_changes_like_any_other(world, &second).await?;
            what_does_not_fit_is_refused(world, &second).await?;
            what_breaks_the_site_never_reaches_it(world, &second).await?;
            all_goes_back_together(world).await?;
            what_is_stored_is_watched(world, &second).await?;
            what_the_manifest_drops_is_gone(world).await
        },
    )
    .await;
}

async fn a_plugin_comes_with_the_site(world: &World, zip: &Zip) -> Result<()> {
    world.fleet.set("acme", "plugins", &list(&[zip]))?;
    world.apply().await?;
    world.bbws()?.plan_is_empty().await?;
    shows(world, "acme", "greetings of 1.0.0").await?;
    lacks(world, "bolt", "greetings").await?;
    let style = world
        .visitor("acme")
        .get("/wp-content/plugins/greeter/greeter.css?ver=1.0.0")
        .await?
        .expect_status(200)?;
    ensure!(style.text().contains("/* 1.0.0 */"), "{}", style.text());
    let tables = world
        .database()
        .await?
        .query("SHOW TABLES FROM t_acme LIKE 'wp_greeter'")
        .await?;
    ensure!(!tables.is_empty(), "its activation was not told to it");

    let password = world
        .aws
        .secret_field("bbws/dev/acme/wordpress", "admin_password")
        .await?;
    let mut admin = world.visitor("acme");
    admin.log_in("acme-admin", &password).await?;
    let page = admin
        .get("/wp-admin/plugins.php")
        .await?
        .expect_status(200)?;
    let page = page.text();
    ensure!(page.contains("Greeter"), "the dashboard does not list it");
    for offer in ["action=deactivate", "action=delete-selected"] {
        ensure!(!page.contains(offer), "the dashboard offers {offer}");
    }
    world.note("acme has a plugin, bolt has none");
    Ok(())
}

async fn updates_are_changes_like_any_other(world: &World, zip: &Zip) -> Result<()> {
    let theme = evening(&world.fleet)?;
    world.fleet.set("acme", "plugins", &list(&[zip]))?;
    world.fleet.set("acme", "themes", &list(&[&theme]))?;
    world.fleet.set("acme", "theme", "evening")?;
    let plan = world.bbws()?.succeed(&["plan", "--env", "dev"]).await?;
    says(
        &plan.stdout,
        &[
            "~ plugins and themes code/acme/",
            "plugin greeter 1.1.0:",
            r#"container.code.plugins.greeter: "1.0.0 sha256:"#,
            r#" -> "1.1.0 sha256:"#,
            r#"container.code.theme: (none) -> "evening""#,
            "acme: plugin greeter 1.1.0: its makers tested it up to WordPress 6.0",
        ],
    )?;
    let crowd = Crowd::of(CROWD, "acme", &world.visitor("acme"));
    let applied = world.apply().await;
    let visits = crowd.go_home().await?;
    applied?;
    ensure!(visits > 20, "only {visits} visits prove nothing");
    world.bbws()?.plan_is_empty().await?;
    shows(world, "acme", "greetings of 1.1.0").await?;
    shows(world, "acme", "/wp-content/site-themes/evening/style.css").await?;
    world
        .visitor("acme")
        .get("/wp-content/site-themes/evening/style.css")
        .await?
        .expect_status(200)?;
    let began = world
        .database()
        .await?
        .query("SELECT option_value FROM t_acme.wp_options WHERE option_name = 'evening_began'")
        .await?;
    ensure!(
        began.trim() == "yes",
        "the theme was not told that it is shown"
    );
    world.note(&format!(
        "a plugin was updated and a theme shown; {visits} visits, none failed"
    ));
    Ok(())
}

/// Everything at once, before anything is written.
async fn what_does_not_fit_is_refused(world: &World, good: &Zip) -> Result<()> {
    let needs = " * Requires at least: 99.1\n * Requires PHP: 9.0\n * Requires Plugins: nowhere\n";
    let unfit = greeter(&world.fleet, "1.2.0", needs, "")?;
    world.fleet.set("acme", "plugins", &list(&[&unfit]))?;
    world.cloud.proxy().requests().clear();
    let refused = world.bbws()?.run(&["apply", "--env", "dev"]).await?;
    let refused = refused.expect_code(1)?;
    let reasons = [
        "acme in dev: plugin greeter 1.2.0: it needs WordPress 99.1, the image has 7.",
        "it needs PHP 9.0, the image has 8.4",
        "it needs the plugin nowhere, which the site lacks",
        "next:",
    ];
    says(&refused.stderr, &reasons)?;
    let changes = world.changes(&world.bbws()?.requests());
    ensure!(changes.is_empty(), "refused, and yet: {changes:?}");

    // A zip that was changed without a word.
    let listed = list(&[good]).replace(&good.sha256, &"0a".repeat(32));
    world.fleet.set("acme", "plugins", &listed)?;
    let refused = world.bbws()?.run(&["validate"]).await?.expect_code(3)?;
    says(&refused.stdout, &["unusable-package", &good.sha256])?;
    // One that says another version than the manifest.
    let listed = list(&[good]).replace("\"1.1.0\"", "\"1.1.9\"");
    world.fleet.set("acme", "plugins", &listed)?;
    let plan = ["plan", "--env", "dev"];
    let refused = world.bbws()?.run(&plan).await?.expect_code(1)?;
    let reason = "plugin greeter 1.1.9: the version in greeter/greeter.php is 1.1.0";
    says(&refused.stderr, &[reason])?;
    world.fleet.set("acme", "plugins", &list(&[good]))?;
    world.bbws()?.plan_is_empty().await?;
    world.note("what does not fit was refused");
    Ok(())
}

async fn what_breaks_the_site_never_reaches_it(world: &World, good: &Zip) -> Result<()> {
    let before = runs(world).await?;
    for (then, reasons) in [
        // Not even WP-CLI can load it.
        ("nobody_knows_this();", ["nobody_knows_this", "greeter.php"]),
        // All goes well, but for visitors.
        (
            "add_action( 'template_redirect', function () { throw new Error( 'no pages today' ); } );",
            ["/ answers 500", "no pages today"],
        ),
    ] {
        let bad = greeter(&world.fleet, "2.0.0", "", then)?;
        world.fleet.set("acme", "plugins", &list(&[&bad]))?;
        let crowds = [
            Crowd::of(CROWD, "acme", &world.visitor("acme")),
            Crowd::of(1, "bolt", &world.visitor("bolt")),
        ];
        let outcome = world.bbws()?.run(&["apply", "--env", "dev"]).await?;
        let mut visits = 0;
        for crowd in crowds {
            visits += crowd.go_home().await?;
        }
        let told = outcome.expect_code(6)?.stderr;
        says(&told, &["rolled back"])?;
        says(&told, &reasons)?;
        ensure!(runs(world).await? == before, "something else runs now");
        let status = ["rollout", "status", "--env", "dev", "--tenant", "acme"];
        let status = world.bbws()?.succeed(&status).await?;
        says(&status.stdout, &["bad", reasons[0]])?;
        shows(world, "acme", "greetings of 1.1.0").await?;
        world.note(&format!(
            "{:?} was rolled back; {visits} visits, none failed",
            reasons[0]
        ));
    }
    world.fleet.set("acme", "plugins", &list(&[good]))?;
    world.apply().await?;
    world.bbws()?.plan_is_empty().await?;
    shows(world, "acme", "greetings of 1.1.0").await
}

/// Image, task definition and plugins.
async fn all_goes_back_together(world: &World) -> Result<()> {
    let third = greeter(&world.fleet, "1.3.0", "", "")?;
    world.fleet.set("acme", "plugins", &list(&[&third]))?;
    world.apply().await?;
    shows(world, "acme", "greetings of 1.3.0").await?;
    let undo = ["rollout", "undo", "--env", "dev", "--tenant", "acme"];
    world.bbws()?.succeed(&undo).await?;
    shows(world, "acme", "greetings of 1.1.0").await?;
    world.bbws()?.plan_is_empty().await?;
    let resume = ["rollout", "resume", "--env", "dev", "--tenant", "acme"];
    world.bbws()?.succeed(&resume).await?;
    shows(world, "acme", "greetings of 1.3.0").await?;
    world.bbws()?.plan_is_empty().await?;
    world.note("an undo took the plugin along");
    Ok(())
}

async fn what_is_stored_is_watched(world: &World, unused: &Zip) -> Result<()> {
    let keys = world.aws.keys("code/acme/").await?;
    let bucket = world.aws.foundation("/artifacts/bucket");
    ensure!(
        keys.iter().any(|key| key.contains(&unused.sha256)),
        "an earlier version's zip is gone: {keys:?}"
    );
    let definition = world.aws.task_definition("acme").await?;
    let variables = definition.container_definitions()[0].environment();
    let code = variables
        .iter()
        .find(|variable| variable.name() == Some("BBWS_CODE"))
        .and_then(|variable| variable.value())
        .context("its tasks know of no code")?;
    let used = |key: &&String| {
        let sha256 = key.trim_start_matches("code/acme/");
        code.contains(sha256.trim_end_matches(".zip"))
    };
    let used: Vec<_> = keys.iter().filter(used).collect();
    ensure!(used.len() == 2, "of {keys:?} {used:?} are used");

    world
        .aws
        .s3
        .delete_object()
        .bucket(bucket)
        .key(used[0])
        .send()
        .await?;
    let drifts = world.bbws()?.plan().await?;
    ensure!(
        drifts.len() == 1 && drifts[0].resource == "plugins and themes",
        "{drifts:?}"
    );
    world.apply().await?;
    ensure!(
        world.aws.keys("code/acme/").await? == keys,
        "it is not back"
    );

    // Somebody puts another zip in its place.
    let other = shop::packed(&[("greeter/greeter.php", "<?php /* Plugin Name: Evil */")])?;
    for key in &used {
        world
            .aws
            .s3
            .put_object()
            .bucket(bucket)
            .key(*key)
            .body(ByteStream::from(other.clone()))
            .send()
            .await?;
    }
    world.fleet.set("acme", "title", "Another title")?;
    let failed = world.bbws()?.run(&["apply", "--env", "dev"]).await?;
    let failed: Outcome = failed.expect_code(1)?;
    says(&failed.stderr, &["has the sha256", "not "])?;
    world.note("a zip that was deleted came back, and one that was replaced was not run");
    for key in used {
        world
            .aws
            .s3
            .delete_object()
            .bucket(bucket)
            .key(key)
            .send()
            .await?;
    }
    world.apply().await?;
    world.bbws()?.plan_is_empty().await
}

async fn what_the_manifest_drops_is_gone(world: &World) -> Result<()> {
    for key in ["plugins", "themes", "theme"] {
        world.fleet.unset("acme", key)?;
    }
    let plan = world.bbws()?.succeed(&["plan", "--env", "dev"]).await?;
    let removed = [
        r#"container.code.plugins.greeter: "1.3.0 sha256:"#,
        r#"" -> (none)"#,
    ];
    says(&plan.stdout, &removed)?;
    world.apply().await?;
    lacks(world, "acme", "greetings").await?;
    world.bbws()?.plan_is_empty().await?;
    let destroy = ["destroy", "acme", "--env", "dev", "--confirm", "acme"];
    world.bbws()?.succeed(&destroy).await?;
    let left = world.aws.keys("code/").await?;
    ensure!(left.is_empty(), "of acme remains {left:?}");
    world.note("what the manifest dropped is gone");
    Ok(())
}

fn says(text: &str, parts: &[&str]) -> Result<()> {
    for part in parts {
        ensure!(text.contains(part), "{part:?} is not told: {text}");
    }
    Ok(())
}

async fn page(world: &World, tenant: &str) -> Result<String> {
    let page = world.visitor(tenant).get("/").await?;
    Ok(page.expect_status(200)?.text())
}

async fn shows(world: &World, tenant: &str, text: &str) -> Result<()> {
    let page = page(world, tenant).await?;
    ensure!(
        page.contains(text),
        "{tenant} does not show {text:?}: {page}"
    );
    Ok(())
}

async fn lacks(world: &World, tenant: &str, text: &str) -> Result<()> {
    let page = page(world, tenant).await?;
    ensure!(!page.contains(text), "{tenant} shows {text:?}");
    Ok(())
}

/// The revision that acme's service runs.
async fn runs(world: &World) -> Result<String> {
    let service = world.aws.service("acme").await?;
    Ok(service.task_definition().unwrap_or_default().to_owned())
}
