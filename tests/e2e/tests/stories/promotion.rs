//! A site's content on its way from one account into the next: complete, with its new addresses, without a visitor who notices,
//! whatever ends on the way; and back; and down again, quarantined. All under the roles that Terraform makes for it.

mod down;
mod roles;
mod sites;

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use e2e::{Browser, Crowd, Fleet, Outcome, World, artifacts, story};
use localcloud::Options;
use localcloud::proxy::{Filter, Gate};
use serde_json::{Value, json};
use tokio::time::timeout;

use sites::{Sites, site};

/// For one step.
const PATIENCE: Duration = Duration::from_secs(120);
/// People at once on each site.
const CROWD: usize = 2;
const ALL: [&str; 3] = ["dev", "sit", "prod"];

#[tokio::test(flavor = "multi_thread")]
async fn promotion() {
    let fleet = Fleet::of(&["acme"]);
    story(
        "promotion",
        Options::for_test(&["dev", "sit", "prod"]).with_auth(),
        fleet,
        async |world| {
            let sites = Sites::provision(world).await?;
            world.note("three sites in three accounts");
            nothing_is_done_unasked(world, &sites).await?;
            content_arrives_whatever_ends_on_the_way(world, &sites).await?;
            tokio::try_join!(
                it_shows_in_a_browser(world),
                down::content_goes_on_to_prod(world, &sites)
            )?;
            what_breaks_the_site_never_shows(world, &sites).await?;
            what_is_too_new_is_refused(world, &sites).await?;
            what_the_database_alters_is_refused(world, &sites).await?;
            tokio::try_join!(
                it_can_be_taken_back(world, &sites),
                down::what_leaves_prod_is_quarantined(world, &sites)
            )?;
            down::it_is_lifted(world, &sites).await?;
            sites.nothing_is_left(world, &ALL).await?;
            roles::a_release_is_proposed(world, &sites).await?;
            roles::nobody_reaches_up(world, &sites).await?;
            roles::promote_changes_content_alone(world, &sites).await?;
            roles::nothing_is_granted_for_nothing(world, &sites).await
        },
    )
    .await;
}

async fn nothing_is_done_unasked(world: &World, sites: &Sites) -> Result<()> {
    let asked = ["promote", "acme", "--from", "dev", "--to", "sit"];
    let refused = sites.run(&asked).await?.expect_code(4)?;
    ensure!(
        refused.stderr.contains("--confirm=acme") && refused.stderr.contains("acme.sit.localhost"),
        "{}",
        refused.stderr
    );
    let shortcut = [
        "promote",
        "acme",
        "--from",
        "dev",
        "--to",
        "prod",
        "--confirm=acme",
    ];
    let unknown = [
        "promote",
        "bolt",
        "--from",
        "dev",
        "--to",
        "sit",
        "--confirm=bolt",
    ];
    for (arguments, code, words) in [
        (
            shortcut,
            4,
            "content goes from dev up to sit or down, not to prod",
        ),
        (unknown, 1, "bolt has no site in dev"),
    ] {
        let refused = sites.run(&arguments).await?.expect_code(code)?;
        ensure!(refused.stderr.contains(words), "{}", refused.stderr);
    }
    let jobs = world.requests(&Filter {
        operation: Some("RunTask".to_owned()),
        ..sites.promoter("sit").requests()
    });
    ensure!(
        jobs.is_empty(),
        "a refused promotion started {} jobs",
        jobs.len()
    );
    world.note("nothing is done unasked");
    Ok(())
}

const PROMOTE: [&str; 7] = [
    "promote",
    "acme",
    "--from",
    "dev",
    "--to",
    "sit",
    "--confirm=acme",
];

/// In their order.
const STEPS: [&str; 8] = [
    "export", "keep", "lend", "load", "switch", "purge", "verify", "settle",
];
/// Those that a job does.
const JOBS: [&str; 5] = ["export", "keep", "load", "switch", "settle"];

async fn content_arrives_whatever_ends_on_the_way(world: &World, sites: &Sites) -> Result<()> {
    let dev = sites.look("dev", &["nothing.example"]).await?;
    let sit = sites.look("sit", &["nothing.example"]).await?;
    let crowds = [
        Crowd::of(CROWD, "acme in dev", &site(world, "dev")),
        Crowd::of(CROWD, "acme in sit", &site(world, "sit")),
    ];
    for step in STEPS {
        let kill = async |gate: Gate, when: &str| {
            let running = sites.start(&PROMOTE)?;
            let came = timeout(PATIENCE, gate.closed()).await;
            let killed = running.kill().await?;
            ensure!(killed && came.is_ok(), "it ended before {step} {when}");
            world.note(&format!("killed when {step} {when}"));
            Ok(())
        };
        let gates = world.cloud.proxy().gates();
        if JOBS.contains(&step) {
            let asked = Filter {
                operation: Some("RunTask".to_owned()),
                ..sites.promoter("sit").requests()
            };
            kill(gates.after(1, asked), "had a job that nobody knows of").await?;
        }
        // A step that is left to do is noted when it begins and when it has ended.
        let noted = Filter {
            path: Some("/promotions/acme/".to_owned()),
            ..Filter::service("s3").operation("PutObject")
        };
        kill(gates.after(2, noted), "had ended").await?;
        let last = sites.history().await?.pop().context("no record")?;
        let attempts = last["attempts"].as_array().context("no attempts")?;
        let ended = attempts.last().context("no attempt")?;
        ensure!(
            ended["step"] == step && ended["ended"] != Value::Null && last["state"] == "running",
            "killed elsewhere than after {step}: {last:#}"
        );
    }
    let other = [&PROMOTE[..], &["--content", "uploads"]].concat();
    let refused = sites.run(&other).await?.expect_code(4)?;
    ensure!(
        refused.stderr.contains("--content all --confirm=acme"),
        "{}",
        refused.stderr
    );
    let done = sites
        .run(&[&PROMOTE[..], &["--json"]].concat())
        .await?
        .expect_code(0)?;
    for crowd in crowds {
        let visits = crowd.go_home().await?;
        ensure!(visits > 20, "only {visits} visits prove nothing");
        world.note(&format!("{visits} visits, none failed"));
    }
    let record = &done.json()?["result"];
    ensure!(record["state"] == "done", "{record}");
    let runs = sites.history().await?;
    ensure!(runs.len() == 1, "a new run was begun instead: {runs:#?}");
    let requested = ["promote", "requested", "--env", "sit", "--json"];
    let requested = sites.promoter("sit").succeed(&requested).await?.json()?;
    ensure!(
        requested["result"]["requested"] == json!([]),
        "no manifest asked for it: {requested}"
    );
    arrived(
        &dev,
        &sit,
        &sites.look("sit", &["acme.dev.localhost"]).await?,
    )?;
    let after = sites.look("dev", &["nothing.example"]).await?;
    unchanged(&dev, &after)?;
    sites.nothing_is_left(world, &ALL).await?;
    sites.plan_is_empty("sit").await?;
    world.note("all content arrived, and nothing else changed");
    Ok(())
}

/// The rows of a site's content are what they were.
fn unchanged(before: &Value, after: &Value) -> Result<()> {
    for table in [
        "wp_posts",
        "wp_postmeta",
        "wp_users",
        "wp_comments",
        "wp_blobs",
        "wp_terms",
    ] {
        let sum = checksum(before, table);
        ensure!(
            sum.is_some() && sum == checksum(after, table),
            "{table} changed"
        );
    }
    Ok(())
}

fn checksum(site: &Value, table: &str) -> Option<String> {
    let tables = site["checked"].as_array()?;
    let named = |row: &&Value| {
        row[0]
            .as_str()
            .is_some_and(|name| name.ends_with(&format!(".{table}")))
    };
    tables.iter().find(named).map(|row| row[1].to_string())
}

/// `after` is `dev`'s content at `sit`'s address, with what is `sit`'s own, and nothing that was looked for.
fn arrived(dev: &Value, sit: &Value, after: &Value) -> Result<()> {
    ensure!(
        after["left"] == json!([]),
        "what may not be here is: {:#}",
        after["left"]
    );
    ensure!(
        after["broken"] == json!([]),
        "broken values: {:#}",
        after["broken"]
    );
    for table in [
        "wp_posts",
        "wp_postmeta",
        "wp_comments",
        "wp_terms",
        "wp_blobs",
    ] {
        ensure!(
            dev["rows"][table] == after["rows"][table] && dev["rows"][table].as_u64() > Some(0),
            "{table}: {} rows, then {}",
            dev["rows"][table],
            after["rows"][table]
        );
    }
    let uploads = |site: &Value| site["uploads"].as_object().cloned().context("no uploads");
    let (of_dev, of_sit, now) = (uploads(dev)?, uploads(sit)?, uploads(after)?);
    ensure!(of_dev.len() >= 60, "{} uploads", of_dev.len());
    let mut all = of_sit;
    all.extend(of_dev);
    all.retain(|path, _| !path.starts_with("wp-personal-data-exports/"));
    for (path, sha256) in &all {
        ensure!(now.get(path) == Some(sha256), "{path} is another file");
    }
    ensure!(now.len() == all.len(), "{} uploads", now.len());
    for own in ["orders", "users", "home"] {
        ensure!(
            sit[own] == after[own],
            "its own {own} changed: {}",
            after[own]
        );
    }
    ensure!(
        after["tagline"] == "Of the developers",
        "{}",
        after["tagline"]
    );
    // Eva has an account in both, under other numbers; whoever has none leaves the posts to the administrator.
    ensure!(
        after["authors"] == json!(["acme-admin", "eva", "acme-admin"]),
        "{}",
        after["authors"]
    );
    let home = after["home"].as_str().context("no home")?;
    ensure!(
        after["settings"]
            == json!([
                home,
                {"über": format!("{home}/ü"), "json": json!({"u": format!("{home}/j")}).to_string().replace('/', "\\/")},
                {"u": format!("{home}/j/ö")}
            ]),
        "{:#}",
        after["settings"]
    );
    ensure!(
        after["layout"]["hero"]["link"] == format!("{home}/größe/7"),
        "{:#}",
        after["layout"]
    );
    ensure!(
        after["blob"]["u"] == format!("{home}/blob"),
        "{:#}",
        after["blob"]
    );
    ensure!(
        after["small"] == dev["small"],
        "{} became {}",
        dev["small"],
        after["small"]
    );
    Ok(())
}

async fn it_shows_in_a_browser(world: &World) -> Result<()> {
    let mut visitor = site(world, "sit");
    let page = visitor.get("/").await?.expect_status(200)?;
    ensure!(
        page.text().contains("Story 199") && !page.text().contains("acme.dev.localhost"),
        "the front page shows old content"
    );
    let file = artifacts("promotion")?.join("promoted.png");
    Browser::new()?.screenshot(&visitor.url("/"), &file).await?;
    world.note(&format!("a screenshot is in {}", file.display()));
    Ok(())
}

/// Content that the target's code cannot show is found before it is in place.
async fn what_breaks_the_site_never_shows(world: &World, sites: &Sites) -> Result<()> {
    let before = sites.look("sit", &["nothing.example"]).await?;
    sites
        .php("dev", "<?php update_option( 'breaks_in', 'sit' ); update_option( 'blogdescription', 'Broken' );", &[])
        .await?;
    let crowd = Crowd::of(CROWD, "acme in sit", &site(world, "sit"));
    let outcome = sites.run(&PROMOTE).await;
    let visits = crowd.go_home().await?;
    let outcome: Outcome = outcome?.expect_code(6)?;
    ensure!(
        outcome.stderr.contains("broken by its content")
            && outcome.stderr.contains("served before"),
        "{}",
        outcome.stderr
    );
    let after = sites.look("sit", &["nothing.example"]).await?;
    for same in ["tagline", "orders", "users", "uploads", "authors"] {
        ensure!(
            before[same] == after[same],
            "{same} changed to {:#}",
            after[same]
        );
    }
    sites.nothing_is_left(world, &ALL).await?;
    world.note(&format!(
        "content that breaks the site was not shown; {visits} visits, none failed"
    ));
    Ok(())
}

/// Nor does content whose tables the target's WordPress does not know.
async fn what_is_too_new_is_refused(world: &World, sites: &Sites) -> Result<()> {
    let version = |set: &str| {
        format!("<?php update_option( 'breaks_in', '' ); update_option( 'db_version', {set} );")
    };
    sites.php("dev", &version("999999"), &[]).await?;
    let refused = sites.run(&PROMOTE).await?.expect_code(1)?;
    ensure!(
        refused.stderr.contains("newer WordPress (version 999999)")
            && refused.stderr.contains("served before"),
        "{}",
        refused.stderr
    );
    sites
        .php("dev", &version("$GLOBALS['wp_db_version']"), &[])
        .await?;
    sites.nothing_is_left(world, &ALL).await?;
    world.note("content of a newer WordPress is refused");
    Ok(())
}

/// A database cuts what is too long for its column, and puts the keys of JSON in an order of its own. No row that is another
/// afterwards is put in place.
async fn what_the_database_alters_is_refused(world: &World, sites: &Sites) -> Result<()> {
    let table = "<?php global $wpdb; $wpdb->query( 'DROP TABLE IF EXISTS wp_tight' );
        if ( $args ) {
            $wpdb->query( \"CREATE TABLE wp_tight (id int PRIMARY KEY, host {$args[1]})\" );
            $wpdb->insert( 'wp_tight', array( 'id' => 1, 'host' => $args[0] ) );
        }";
    let host = "acme.dev.localhost";
    let cut = format!("varchar({})", host.len());
    let keys = r#"{"https://acme.dev.localhost": 1, "https://acme.few.localhost": 2}"#;
    let tight = [&PROMOTE[..], &["--content", "tables=wp_tight"]].concat();
    for (value, column, said) in [
        (host, cut.as_str(), "column 'host'"),
        (keys, "json", "wp_tight are others"),
    ] {
        sites.php("dev", table, &[value, column]).await?;
        let refused = sites.run(&tight).await?.expect_code(1)?;
        ensure!(
            refused.stderr.contains("wp_tight are others") && refused.stderr.contains(said),
            "{}",
            refused.stderr
        );
    }
    sites.php("dev", table, &[]).await?;
    sites.nothing_is_left(world, &ALL).await?;
    world.note("rows that the database altered are not put in place");
    Ok(())
}

async fn it_can_be_taken_back(world: &World, sites: &Sites) -> Result<()> {
    let undo = ["promote", "undo", "acme", "--env", "sit", "--confirm=acme"];
    sites.promoter("sit").succeed(&undo).await?;
    let after = sites.look("sit", &["nothing.example"]).await?;
    ensure!(
        after["tagline"] == "Of the customers",
        "{}",
        after["tagline"]
    );
    let orders = after["orders"].as_array().map(Vec::len);
    ensure!(orders == Some(5), "{orders:?} orders");
    let page = site(world, "sit").get("/").await?.expect_status(200)?;
    ensure!(
        page.text().contains("Only here"),
        "the old front page is not back"
    );
    sites.nothing_is_left(world, &["sit"]).await?;
    sites.promoter("sit").run(&undo).await?.expect_code(1)?;
    let runs = sites.history().await?;
    let states: Vec<_> = runs.iter().map(|run| run["state"].clone()).collect();
    ensure!(
        states
            == [
                "done",
                "rolled_back",
                "rolled_back",
                "rolled_back",
                "rolled_back",
                "done"
            ],
        "{states:?}"
    );
    world.note("the promotion was taken back");
    Ok(())
}
