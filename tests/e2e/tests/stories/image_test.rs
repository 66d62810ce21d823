//! `bbws image test`: it passes the image that was built, finds what is wrong with broken ones, and leaves nothing behind.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use e2e::{Bbws, docker, until};
use serde_json::Value;

/// What is known of a test that ended.
struct Verdict {
    ok: bool,
    failed: BTreeSet<String>,
    all: Value,
}

/// What follows would meet what the first leaves, so they are one test.
#[tokio::test(flavor = "multi_thread")]
async fn images_are_tested() -> Result<()> {
    a_killed_test_leaves_nothing_for_long().await?;
    the_good_pass_and_the_bad_fail_by_name().await
}

/// Given the built image, one whose WordPress cannot start, and one whose page cache overlooks who is logged in, when they are
/// tested, then the first passes and the others fail by name.
async fn the_good_pass_and_the_bad_fail_by_name() -> Result<()> {
    let fatal = Derived::build(
        "fatal",
        "srv/wordpress/wp-content/mu-plugins/broken.php",
        "<?php\nno_such_function();\n",
    );
    let fatal = fatal.await?;
    let cache = std::fs::read_to_string(folder().join("rootfs/etc/bbws/cache.conf"))?;
    let blind = cache.replace(
        "$bbws_unsafe_method $bbws_known_visitor",
        "$bbws_unsafe_method",
    );
    ensure!(cache != blind, "the cache's configuration has another form");
    let blind = Derived::build("blind", "etc/bbws/cache.conf", &blind).await?;

    let outcome = async {
        let (good, fatal, blind) =
            tokio::join!(test(None), test(Some(&fatal.tag)), test(Some(&blind.tag)));
        let (good, fatal, blind) = (good?, fatal?, blind?);
        ensure!(good.ok && good.failed.is_empty(), "{:#}", good.all);
        ensure!(
            !fatal.ok && fatal.failed.contains("install"),
            "{:#}",
            fatal.all
        );
        let mixed = "page cache: nobody gets another's page";
        ensure!(!blind.ok && blind.failed.contains(mixed), "{:#}", blind.all);
        ensure!(!blind.failed.contains("install"), "{:#}", blind.all);
        Ok(())
    };
    let outcome = outcome.await;
    fatal.remove().await?;
    blind.remove().await?;
    outcome?;
    nothing_is_left().await
}

/// Given a test under way, when its process is killed, then the next test removes what it left.
async fn a_killed_test_leaves_nothing_for_long() -> Result<()> {
    let arguments = ["image", "test", "--folder", &shown(&folder())];
    let running = bbws()?.start(&arguments)?;
    until("the test to begin", async || {
        let names = docker(&["ps", "--format", "{{.Names}}"], b"").await?;
        Ok(names.contains("bbws-image-test-").then_some(()))
    })
    .await?;
    ensure!(running.kill().await?, "the test had ended already");
    // It stops at once, but not before it has looked for leftovers.
    let unknown = [&arguments[..], &["--tag", "no-such-tag"]].concat();
    let next = bbws()?.run(&unknown).await?.expect_code(1)?;
    ensure!(next.stderr.contains("no-such-tag"), "{}", next.stderr);
    nothing_is_left().await
}

fn bbws() -> Result<Bbws> {
    Bbws::new(&folder(), BTreeMap::new())
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../image")
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

async fn test(tag: Option<&str>) -> Result<Verdict> {
    let folder = shown(&folder());
    let mut arguments = vec!["image", "test", "--json", "--folder", &folder];
    if let Some(tag) = tag {
        arguments.extend(["--tag", tag]);
    }
    let outcome = bbws()?.run(&arguments).await?;
    let (code, json) = (outcome.code, outcome.json()?);
    let result = &json["result"];
    let checks = result["checks"].as_array();
    let checks = checks.with_context(|| format!("no checks: {json}"))?;
    let failed = checks.iter().filter(|check| check["ok"] == false);
    let failed: BTreeSet<_> = failed
        .filter_map(|check| check["name"].as_str().map(str::to_owned))
        .collect();
    let ok = result["ok"] == true;
    ensure!(code == Some(i32::from(!ok)), "exit code {code:?}: {json}");
    Ok(Verdict {
        ok,
        failed,
        all: result["checks"].clone(),
    })
}

/// What a test makes has its name.
async fn nothing_is_left() -> Result<()> {
    for arguments in [
        &["ps", "-a", "--format", "{{.Names}}"] as &[&str],
        &["network", "ls", "--format", "{{.Name}}"],
        &["volume", "ls", "--format", "{{.Name}}"],
    ] {
        let names = docker(arguments, b"").await?;
        ensure!(!names.contains("bbws-image-test-"), "left behind: {names}");
    }
    Ok(())
}

/// The built image with one file more, or another one.
struct Derived {
    tag: String,
}

impl Derived {
    async fn build(name: &str, path: &str, content: &str) -> Result<Self> {
        let lock = std::fs::read_to_string(folder().join("image.lock.yaml"))?;
        let field = |name: &str| {
            let line = lock.lines().find_map(|line| line.trim().strip_prefix(name));
            line.map(str::trim)
                .with_context(|| format!("the lock file has no {name}"))
        };
        let version = format!("{}-{}", field("version: 7")?, field("revision:")?);
        let tag = format!("test-{name}-{}", std::process::id());
        let context = tempfile::tempdir()?;
        std::fs::write(context.path().join("file"), content)?;
        let recipe = format!("FROM bbws/wordpress:7{version}\nCOPY file /{path}\n");
        std::fs::write(context.path().join("Dockerfile"), recipe)?;
        let image = format!("bbws/wordpress:{tag}");
        docker(&["build", "-q", "-t", &image, &shown(context.path())], b"").await?;
        Ok(Self { tag })
    }

    async fn remove(&self) -> Result<()> {
        let image = format!("bbws/wordpress:{}", self.tag);
        docker(&["image", "rm", &image], b"").await.map(drop)
    }
}
