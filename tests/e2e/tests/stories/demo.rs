//! The sample fleet as a newcomer meets it.

mod pages;

use anyhow::{Context as _, Result, ensure};
use e2e::{Browser, Fleet, PIXEL, World, artifacts, story, until};
use localcloud::Options;

/// The titles as HTML must hold them: nothing of a title is markup.
const TITLES: [(&str, &str, &str); 2] = [
    ("acme", "<title>Acme &amp; Sons", "Acme & Sons"),
    (
        "bolt",
        "<title>Bolt Fahrräder",
        "Bolt Fahrräder – \"schnell & leise\"",
    ),
];

#[tokio::test(flavor = "multi_thread")]
async fn demo() {
    let options = Options::for_test(&["dev"]);
    story("demo", options, Fleet::sample(), async |world| {
        world.apply().await?;
        world.bbws()?.plan_is_empty().await?;
        world.note("the plan is empty");
        capacity_counts_both_sites(world).await?;
        front_pages_show_the_titles(world).await?;
        a_browser_shows_both_sites(world).await?;
        pages::are_kept_for_strangers_alone(world).await?;
        let image = the_admin_logs_in_and_uploads(world).await?;
        the_upload_survives_its_task(world, &image).await?;
        suspension_keeps_what_it_hides(world, &image).await
    })
    .await;
}

async fn capacity_counts_both_sites(world: &World) -> Result<()> {
    let capacity = ["capacity", "--env", "dev", "--json"];
    let json = world.bbws()?.succeed(&capacity).await?.json()?;
    let cell = &json["result"]["cells"][0];
    ensure!(cell["sites"] == 2, "two sites are there: {json}");
    ensure!(
        cell["walls"][0]["used"] == 2 && cell["walls"][0]["limit"] == 100,
        "each has a target group: {json}"
    );
    Ok(())
}

async fn front_pages_show_the_titles(world: &World) -> Result<()> {
    for (tenant, title, text) in TITLES {
        let page = world
            .visitor(tenant)
            .get("/")
            .await?
            .expect_status(200)?
            .text();
        ensure!(
            unescaped(&page).contains(text),
            "{tenant}'s front page lacks its title {text}: {page:.2000}"
        );
        let head = page.split("</title>").next().unwrap_or_default();
        ensure!(
            head.replace("&#038;", "&amp;").contains(title),
            "{tenant}'s title is not escaped: {head}"
        );
    }
    world.note("the front pages show the titles");
    Ok(())
}

/// What a browser makes of the entities that WordPress writes; typographic quotes count as plain ones.
fn unescaped(html: &str) -> String {
    let entities = [
        ("&#8222;", "\""),
        ("&#8220;", "\""),
        ("&#8221;", "\""),
        ("&quot;", "\""),
        ("&#8211;", "–"),
        ("&#038;", "&"),
        ("&amp;", "&"),
    ];
    entities
        .iter()
        .fold(html.to_owned(), |text, (entity, character)| {
            text.replace(entity, character)
        })
}

async fn a_browser_shows_both_sites(world: &World) -> Result<()> {
    let (browser, directory) = (Browser::new()?, artifacts("demo")?);
    for (tenant, _, text) in TITLES {
        let url = world.visitor(tenant).url("/");
        let document = browser.document(&url).await?;
        let first = text.split(' ').next().unwrap_or(text);
        ensure!(
            document.contains(first) && document.contains("</html>"),
            "the browser shows something else: {document:.2000}"
        );
        let file = directory.join(format!("{tenant}.png"));
        browser.screenshot(&url, &file).await?;
        let image = std::fs::read(&file)?;
        // An empty page of this size is a PNG of some 5 KB.
        ensure!(
            image.starts_with(b"\x89PNG") && image.len() > 10_000,
            "{} shows nothing",
            file.display()
        );
        world.note(&format!("{url} is in {}", file.display()));
    }
    Ok(())
}

async fn the_admin_logs_in_and_uploads(world: &World) -> Result<String> {
    let secret = "bbws/dev/acme/wordpress";
    let (user, password) = (
        world.aws.secret_field(secret, "admin_user"),
        world.aws.secret_field(secret, "admin_password"),
    );
    let mut admin = world.visitor("acme");
    admin
        .log_in(&user.await?, &password.await?)
        .await
        .context("with the generated password")?;
    let wrong = world.visitor("acme").log_in("acme-admin", "a guess").await;
    ensure!(wrong.is_err(), "any password logs in");
    let path = admin.upload("proof.png", PIXEL).await?;
    let image = world.visitor("acme").get(&path).await?.expect_status(200)?;
    ensure!(image.body == PIXEL, "another image is served");
    world.note(&format!("the admin logged in and uploaded {path}"));
    Ok(path)
}

async fn the_upload_survives_its_task(world: &World, image: &str) -> Result<()> {
    let cluster = world.aws.foundation("/cluster/name");
    let before = world.aws.tasks("acme").await?;
    ensure!(before.len() == 1, "one task should run: {before:?}");
    world
        .aws
        .ecs
        .stop_task()
        .cluster(cluster)
        .task(&before[0])
        .reason("a story")
        .send()
        .await?;
    until("a new task that serves", async || {
        let after = world.aws.tasks("acme").await?;
        let replaced = !after.is_empty() && !after.contains(&before[0]);
        let served = world
            .visitor("acme")
            .get("/")
            .await
            .is_ok_and(|page| page.status == 200);
        Ok((replaced && served).then_some(()))
    })
    .await?;
    let served = world.visitor("acme").get(image).await?.expect_status(200)?;
    ensure!(served.body == PIXEL, "another image is served");
    world.bbws()?.plan_is_empty().await?;
    world.note("the upload survived its task");
    Ok(())
}

async fn suspension_keeps_what_it_hides(world: &World, image: &str) -> Result<()> {
    world.fleet.set("acme", "state", "suspended")?;
    world.apply().await?;
    for path in ["/", image, "/wp-login.php"] {
        let page = world.visitor("acme").get(path).await?.expect_status(503)?;
        ensure!(
            page.text().contains("taking a break"),
            "not the edge's page: {}",
            page.text()
        );
    }
    until("no task of a suspended site", async || {
        let running = world.containers().serving("acme").await?;
        Ok((running.is_empty() && world.aws.tasks("acme").await?.is_empty()).then_some(()))
    })
    .await?;
    world.visitor("bolt").get("/").await?.expect_status(200)?;
    world.bbws()?.plan_is_empty().await?;
    world.note("suspended");

    world.fleet.set("acme", "state", "active")?;
    world.apply().await?;
    world.visitor("acme").get("/").await?.expect_status(200)?;
    let served = world.visitor("acme").get(image).await?.expect_status(200)?;
    ensure!(served.body == PIXEL, "another image is served");
    world.bbws()?.plan_is_empty().await?;
    world.note("active again");
    Ok(())
}
