//! Content of prod on its way down: masked, and in a quarantine that holds.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use e2e::{Crowd, World, until};
use serde_json::{Value, json};

use super::sites::{Sites, site};
use super::{CROWD, unchanged};

/// Of people in prod (`persons.php`, `live.php`), and what opens doors there.
const PERSONAL: [&str; 11] = [
    "Thandi",
    "Nkosi",
    "thandi.nkosi@example.net",
    "thandi.example.net",
    "198.51.100.77",
    "082 555 0123",
    "Kloofstraße",
    "customer-3@example.org",
    "Telephone of",
    "sk_live_51H",
    "hünter2-live",
];
const PROMOTE: [&str; 7] = [
    "promote",
    "acme",
    "--from",
    "prod",
    "--to",
    "dev",
    "--confirm=acme",
];

pub(super) const SIT_TO_PROD: [&str; 7] = [
    "promote",
    "acme",
    "--from",
    "sit",
    "--to",
    "prod",
    "--confirm=acme",
];

/// The next account up gets the same, so that prod has content to give.
pub(super) async fn content_goes_on_to_prod(world: &World, sites: &Sites) -> Result<()> {
    let sit = sites.look("sit", &["nothing.example"]).await?;
    let prod = sites.look("prod", &["nothing.example"]).await?;
    what_nobody_could_restore_is_not_overwritten(world, sites).await?;
    sites.run(&SIT_TO_PROD).await?.expect_code(0)?;
    let after = sites
        .look("prod", &["acme.sit.localhost", "acme.dev.localhost"])
        .await?;
    super::arrived(&sit, &prod, &after)?;
    world.note("the content went on to prod");
    Ok(())
}

/// Prod's manifest wants that its backups were restored within 8 days.
async fn what_nobody_could_restore_is_not_overwritten(world: &World, sites: &Sites) -> Result<()> {
    let foundation = &sites.aws["prod"];
    let arn = |service: &str, resource: &str| {
        let (region, account) = (
            foundation.foundation("/region"),
            foundation.foundation("/account"),
        );
        format!("arn:aws:{service}:{region}:{account}:{resource}")
    };
    let database = foundation.foundation("/cells/0/database/instance");
    let database = arn("rds", &format!("db:{database}"));
    let files = foundation.foundation("/cells/0/file_system_id");
    let files = arn("elasticfilesystem", &format!("file-system/{files}"));
    let days = |days: u64| Duration::from_secs(days * 24 * 60 * 60);
    let restores = world.cloud.proxy().restores();
    restores.tell(&database, days(9), "COMPLETED", Some("SUCCESSFUL"));
    restores.tell(&database, days(2), "COMPLETED", Some("FAILED"));
    restores.tell(&database, days(1), "FAILED", None);
    let refused = sites.run(&SIT_TO_PROD).await?.expect_code(4)?;
    for part in [
        format!("{database} was restored within 8 days"),
        "the last was 9 days ago".to_owned(),
        format!("{files} was restored within 8 days"),
        "none ever was".to_owned(),
    ] {
        ensure!(refused.stderr.contains(&part), "{part}: {}", refused.stderr);
    }
    // The newest is not the last one told, as AWS promises no order.
    restores.tell(&database, days(7), "COMPLETED", None);
    restores.tell(&files, days(1), "COMPLETED", Some("SUCCESSFUL"));
    restores.tell(&files, days(30), "COMPLETED", Some("SUCCESSFUL"));
    world.note("content that nobody could restore was not overwritten");
    Ok(())
}

pub(super) async fn what_leaves_prod_is_quarantined(world: &World, sites: &Sites) -> Result<()> {
    sites.php("prod", include_str!("persons.php"), &[]).await?;
    let prod = sites.look("prod", &PERSONAL).await?;
    let left = prod["left"].as_array().context("nothing was looked for")?;
    for word in PERSONAL {
        let held = |line: &Value| {
            line.as_str()
                .is_some_and(|line| line.starts_with(&format!("{word} ")))
        };
        ensure!(
            left.iter().any(held),
            "prod does not hold {word} itself: {left:#?}"
        );
    }
    let dev = sites.look("dev", &["nothing.example"]).await?;
    let partly = [&PROMOTE[..], &["--content", "code"]].concat();
    let refused = sites.run(&partly).await?.expect_code(4)?;
    ensure!(
        refused.stderr.contains("--content all"),
        "{}",
        refused.stderr
    );

    let crowds = [
        Crowd::of(CROWD, "acme in dev", &site(world, "dev")),
        Crowd::of(CROWD, "acme in prod", &site(world, "prod")),
    ];
    leaks_are_found(world, sites, &dev).await?;
    let done = sites
        .run(&[&PROMOTE[..], &["--json"]].concat())
        .await?
        .expect_code(0)?;
    for crowd in crowds {
        let visits = crowd.go_home().await?;
        ensure!(visits > 5, "only {visits} visits prove nothing");
    }
    unchanged(&prod, &sites.look("prod", &PERSONAL).await?)?;

    let mut words = PERSONAL.to_vec();
    words.push("acme.prod.localhost");
    let after = sites.look("dev", &words).await?;
    super::arrived(&prod, &dev, &after)?;
    let report = done.json()?;
    let attempts = report["result"]["attempts"]
        .as_array()
        .context("no attempts")?;
    let load = attempts.iter().find(|attempt| attempt["step"] == "load");
    let load = &load.context("no load")?["result"];
    ensure!(
        load["leak_test"]["blocked"]
            == json!([
                "curl",
                "indexed",
                "mail",
                "scheduled",
                "url",
                "wp_http",
                "wp_mail"
            ])
            && load["masked"].as_u64() > Some(10),
        "{load:#}"
    );
    world.note("a copy of prod is in dev, and nothing personal in it");
    it_keeps_to_itself(world, sites).await
}

/// A plugin that goes round the quarantine is found before its site is anywhere to be seen.
async fn leaks_are_found(world: &World, sites: &Sites, dev: &Value) -> Result<()> {
    let leak = |set: &str| format!("<?php update_option( 'leaks_in', '{set}' );");
    sites.php("prod", &leak("dev"), &[]).await?;
    let refused = sites.run(&PROMOTE).await?.expect_code(6)?;
    ensure!(
        refused
            .stderr
            .contains("the quarantine does not hold: curl got out")
            && refused.stderr.contains("served before"),
        "{}",
        refused.stderr
    );
    unchanged(dev, &sites.look("dev", &["nothing.example"]).await?)?;
    sites.php("prod", &leak(""), &[]).await?;
    world.note("a quarantine that leaks is found, and nothing was shown");
    Ok(())
}

async fn it_keeps_to_itself(world: &World, sites: &Sites) -> Result<()> {
    let said = sites
        .php("dev", include_str!("quarantined.php"), &[])
        .await?;
    let last = said.lines().next_back().context("it said nothing")?;
    let found: Value = serde_json::from_str(last).with_context(|| said.clone())?;
    let address = found["address"].as_str().context("no address")?;
    ensure!(
        found["from"] == "prod"
            && found["mail"] == true
            && found["http"] == true
            && found["inside"] == 200
            && found["author"]
                .as_str()
                .is_some_and(|name| name.starts_with("Person "))
            && address.ends_with("@masked.invalid"),
        "{found:#}"
    );
    // The same person everywhere, and values that PHP still reads.
    ensure!(
        found["content"]
            .as_str()
            .is_some_and(|text| text.contains(&format!("Write to {address} or")))
            && found["form"] == json!({"größe": "L", "mail": address})
            && found["cards"] == json!({"title": "Kärten", "secret_key": "", "to": address})
            && found["mailer"] == json!({"host": "smtp.example.net", "password": ""}),
        "{found:#}"
    );
    let mut visitor = site(world, "dev");
    for path in ["/", "/wp-login.php", "/wp-json/"] {
        let page = visitor.get(path).await?.expect_status(200)?;
        let robots = page.headers.get("x-robots-tag");
        let robots = robots.and_then(|value| value.to_str().ok());
        ensure!(
            robots.is_some_and(|value| value.starts_with("noindex")),
            "search engines may have {path}"
        );
    }
    let page = visitor.get("/").await?.expect_status(200)?;
    ensure!(
        page.text().contains("Our customers"),
        "dev shows old content"
    );
    let robots = visitor.get("/robots.txt").await?.expect_status(200)?;
    ensure!(robots.text().contains("Disallow: /\n"), "{}", robots.text());
    visitor
        .get("/wp-content/uploads/wp-personal-data-exports/thandi.txt")
        .await?
        .expect_status(404)?;
    world.note("the quarantined site renders and keeps to itself");
    Ok(())
}

/// It goes nowhere up, and ends when somebody says so.
pub(super) async fn it_is_lifted(world: &World, sites: &Sites) -> Result<()> {
    let refused = sites.run(&super::PROMOTE).await?.expect_code(1)?;
    ensure!(
        refused
            .stderr
            .contains("masked content of prod and is quarantined"),
        "{}",
        refused.stderr
    );
    let lift = ["promote", "lift", "acme", "--env", "dev"];
    let dev = sites.promoter("dev");
    dev.run(&lift).await?.expect_code(4)?;
    let confirmed = [&lift[..], &["--confirm=acme"]].concat();
    dev.succeed(&confirmed).await?;
    let again = dev.succeed(&confirmed).await?;
    ensure!(
        again.stdout.contains("was not quarantined"),
        "{}",
        again.stdout
    );
    let history = ["promote", "history", "acme", "--env", "dev"];
    let told = dev.succeed(&history).await?.stdout;
    ensure!(
        told.contains("quarantine lifted") && told.contains("was not quarantined"),
        "{told}"
    );
    until("dev to be found again", async || {
        let robots = site(world, "dev")
            .get("/robots.txt")
            .await?
            .expect_status(200)?;
        Ok((!robots.text().contains("Disallow: /\n")).then_some(()))
    })
    .await?;
    sites.plan_is_empty("dev").await?;
    world.note("the quarantine was lifted");
    Ok(())
}
