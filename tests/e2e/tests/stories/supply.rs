//! An image from its sources to a site, as somebody who has to trust it; and everything that must be refused on the way.

mod judged;
mod shelf;
mod tampered;

pub(super) use judged::findings;

use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use aws_sdk_kms::types::{KeySpec, KeyUsageType};
use e2e::{Bbws, Fleet, World, story};
use localcloud::Options;
use serde_json::Value;
use tempfile::TempDir;

use crate::lock;

const REPOSITORY: &str = "bbws/wordpress";
/// The image's folder, and a tag that no other story uses.
const IMAGE: [&str; 4] = [
    "--folder",
    concat!(env!("CARGO_MANIFEST_DIR"), "/../../image"),
    "--tag",
    "supply",
];

#[tokio::test(flavor = "multi_thread")]
async fn supply() {
    story(
        "supply",
        Options::for_test(&["dev", "sit"]),
        Fleet::sample(),
        async |world| {
            let shop = Shop::new(world).await?;
            let digest = shop.build_and_push(world).await?;
            judged::tell(world, &shop, &digest).await?;
            tampered::unsigned_images_do_not_run(world, &shop, &digest).await?;
            shop.sign(world, &digest).await?;
            let other = tampered::signatures_of_others_do_not_count(world, &digest).await?;
            a_signed_image_runs(world).await?;
            shelf::tell(world, &shop, &digest, &other).await
        },
    )
    .await;
}

/// Keys and files that the story works with; gone when it ends.
struct Shop {
    folder: TempDir,
    /// ARN of the key in KMS.
    key: String,
}

impl Shop {
    async fn new(world: &World) -> Result<Self> {
        let made = world
            .aws
            .kms
            .create_key()
            .key_spec(KeySpec::EccNistP256)
            .key_usage(KeyUsageType::SignVerify)
            .send()
            .await?;
        let key = made.key_metadata.and_then(|key| key.arn);
        Ok(Self {
            folder: TempDir::new()?,
            key: key.context("the key has no ARN")?,
        })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    async fn build_and_push(&self, world: &World) -> Result<String> {
        let bbws = world.bbws()?;
        // With packages from where the image of this machine has them, so that its steps are used again.
        let from = lock::packages_option().await?;
        let build = [&["build", "--json"], from].concat();
        let built = bbws.succeed(&image(&build)).await?.json()?;
        ensure!(
            built["result"]["cached_steps"].as_u64() > Some(0),
            "nothing was cached: {built}"
        );
        let bill = bbws.succeed(&image(&["sbom"])).await?;
        let bill: Value = serde_json::from_str(&bill.stdout)?;
        ensure!(
            bill["bomFormat"] == "CycloneDX",
            "no bill of materials: {bill:.300}"
        );
        let pushed = bbws
            .succeed(&image(&["push", "--env", "dev", "--json"]))
            .await?
            .json()?;
        world.note("the image is built and pushed");
        text(&pushed["result"]["digest"])
    }

    /// With the key in KMS, which the environment trusts from now on by its public half in git.
    async fn sign(&self, world: &World, digest: &str) -> Result<()> {
        let arguments = image(&["sign", "--env", "dev", "--key", &self.key, "--json"]);
        let signed = world.bbws()?.succeed(&arguments).await?.json()?;
        ensure!(
            signed["result"]["digest"] == digest,
            "another image was signed: {signed}"
        );
        let pem = text(&signed["result"]["public_key"])?;
        std::fs::write(world.fleet.path().join("keys/release.pub"), pem)?;

        let again = world.bbws()?.named("again");
        let repeated = again.succeed(&arguments).await?.json()?;
        ensure!(
            repeated["result"]["already_signed"] == true,
            "it was signed twice: {repeated}"
        );
        let changes = world.changes(&again.requests());
        ensure!(
            changes.is_empty(),
            "a repeat writes nothing, and yet: {changes:?}"
        );

        let verified = world
            .bbws()?
            .succeed(&["image", "verify", "--env", "dev", "supply", "--json"])
            .await?
            .json()?;
        ensure!(
            verified["result"]["components"].as_u64() > Some(100),
            "the bill is attested: {verified}"
        );
        ensure!(
            verified["result"]["lock"].is_string(),
            "the provenance names the lock: {verified}"
        );
        tampered::cosign_agrees(world, self, digest).await?;
        world.note("the image is signed");
        Ok(())
    }
}

async fn a_signed_image_runs(world: &World) -> Result<()> {
    world
        .bbws()?
        .succeed(&["apply", "--env", "dev", "--tenant", "acme"])
        .await?;
    world.visitor("acme").get("/").await?.expect_status(200)?;
    world.note("the signed image runs");
    Ok(())
}

/// `bbws image …` on the story's own image.
fn image<'a>(verb: &[&'a str]) -> Vec<&'a str> {
    [&["image"][..], verb, &IMAGE[..]].concat()
}

fn text(value: &Value) -> Result<String> {
    Ok(value.as_str().context("no text")?.to_owned())
}

/// Runs something that must be refused with exit code 4, say all this, and change nothing.
async fn refused(world: &World, bbws: Bbws, arguments: &[&str], says: &[&str]) -> Result<()> {
    let bbws = bbws.named("refused");
    world.cloud.proxy().requests().clear();
    let outcome = bbws.run(arguments).await?.expect_code(4)?;
    for says in says {
        ensure!(
            outcome.stderr.contains(says),
            "it does not say {says:?}: {}",
            outcome.stderr
        );
    }
    let changes = world.changes(&bbws.requests());
    ensure!(changes.is_empty(), "refused, and yet: {changes:?}");
    Ok(())
}
