//! Strangers get kept pages, quickly and never old; everybody else gets their own.

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use e2e::{Page, Visitor, World, docker, until};
use hyper::Method;

/// The decisions of the must-use plugins, in the PHP that runs them.
const PLUGIN_TESTS: [&str; 5] = [
    include_str!("../../../../../image/tests/page-cache.php"),
    include_str!("../../../../../image/tests/closed.php"),
    include_str!("../../../../../image/tests/object-cache.php"),
    include_str!("../../../../../image/tests/quarantine.php"),
    include_str!("../../../../../image/tests/platform.php"),
];

pub(crate) async fn are_kept_for_strangers_alone(world: &World) -> Result<()> {
    plugins_decide_right(world).await?;
    let mut admins = Vec::new();
    for tenant in ["acme", "bolt"] {
        let secret = format!("bbws/dev/{tenant}/wordpress");
        let user = world.aws.secret_field(&secret, "admin_user").await?;
        let password = world.aws.secret_field(&secret, "admin_password").await?;
        let mut admin = world.visitor(tenant);
        admin.log_in(&user, &password).await?;
        kept(world, tenant).await?;
        admins.push((tenant, user, admin));
    }
    world.note("strangers get kept pages");

    for (tenant, user, admin) in &mut admins {
        let own = front_page(admin).await?;
        ensure!(
            cache(&own) == "BYPASS" && own.text().contains("wpadminbar"),
            "{user}'s page is {}: {:.2000}",
            cache(&own),
            own.text()
        );
        ensure!(own.text().contains(user.as_str()), "{user} is not greeted");
        let strangers = front_page(&mut world.visitor(tenant)).await?.text();
        ensure!(
            !strangers.contains("wpadminbar") && !strangers.contains(user.as_str()),
            "a stranger gets {user}'s page"
        );
    }
    let mut editor = colleague(world, &mut admins[0].2).await?;
    let own = front_page(&mut editor).await?;
    ensure!(
        own.text().contains("second-pair") && !own.text().contains(&admins[0].1),
        "two users of one tenant see each other's page"
    );
    world.note("whoever is logged in gets their own page");

    // Kept right before, so that the next visit would get the old page.
    kept(world, "acme").await?;
    let title = "Only acme has this";
    admins[0].2.publish(title).await?;
    let next = front_page(&mut world.visitor("acme")).await?;
    ensure!(
        next.text().contains(title),
        "the next visit ({}) does not show the new post",
        cache(&next)
    );
    let kept = kept(world, "acme").await?;
    ensure!(kept.text().contains(title), "the old page came back");
    let bolts = front_page(&mut world.visitor("bolt")).await?;
    ensure!(!bolts.text().contains(title), "bolt shows acme's post");
    world.note("a new post was on the next visitor's page");
    Ok(())
}

/// The front page as it comes out of the cache.
async fn kept(world: &World, tenant: &str) -> Result<Page> {
    until("a front page from the cache", async || {
        let page = front_page(&mut world.visitor(tenant)).await?;
        Ok((cache(&page) == "HIT").then_some(page))
    })
    .await
}

async fn front_page(visitor: &mut Visitor) -> Result<Page> {
    visitor.get("/").await?.expect_status(200)
}

fn cache(page: &Page) -> &str {
    let header = page.headers.get("x-bbws-cache");
    header
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
}

async fn colleague(world: &World, admin: &mut Visitor) -> Result<Visitor> {
    let password = "correct horse battery staple 1";
    let user = serde_json::json!({
        "username": "second-pair", "email": "second@acme.test", "password": password, "roles": ["editor"],
    });
    let json = [("content-type", "application/json")];
    let body = Bytes::from(user.to_string());
    admin
        .create("users", &json, body)
        .await
        .context("a second user")?;
    let mut editor = world.visitor("acme");
    editor.log_in("second-pair", password).await?;
    let form = editor
        .send(Method::GET, "/wp-login.php", &[], Bytes::new())
        .await?;
    ensure!(cache(&form) == "BYPASS", "the login form is kept");
    Ok(editor)
}

async fn plugins_decide_right(world: &World) -> Result<()> {
    let containers = world.containers().serving("acme").await?;
    let container = containers.first().context("acme runs no container")?;
    for test in PLUGIN_TESTS {
        let told = docker(&["exec", "-i", container, "php"], test.as_bytes()).await?;
        ensure!(told.trim_end().ends_with(" passed"), "{told}");
    }
    let doctor = docker(&["exec", container, "site-job", "doctor"], b"").await?;
    ensure!(!doctor.contains("failed"), "{doctor}");
    world.note("the plugins' tests pass, and the doctor finds nothing");
    Ok(())
}
