//! The same image in the next environment, what registries hold, and what may go.

use anyhow::{Context as _, Result, ensure};
use e2e::{Bbws, World};
use serde_json::Value;

use super::{Shop, refused};

pub(super) async fn tell(world: &World, shop: &Shop, digest: &str, other: &str) -> Result<()> {
    copies_verify(world, shop, digest).await?;
    let listed = list(world).await?;
    let image = |digest: &str| {
        listed
            .iter()
            .find(|image| image["digest"] == digest)
            .cloned()
    };
    let released = image(digest).context("the released image is not listed")?;
    ensure!(released["signed"] == true, "it is signed: {released}");
    for by in [
        "the manifest of dev",
        "the service bbws-dev-acme",
        "the ledger of acme",
    ] {
        let needed = released["needed_by"].as_array().context("no list")?;
        ensure!(
            needed.iter().any(|needed| needed == by),
            "{by} needs it: {released}"
        );
    }
    let unneeded = image(other).context("the changed image is not listed")?;
    ensure!(
        unneeded["needed_by"] == serde_json::json!([]),
        "nobody needs it: {unneeded}"
    );

    let prune = [
        "image",
        "prune",
        "--env",
        "dev",
        "--keep-last",
        "0",
        "--keep-days",
        "0",
    ];
    refused(world, world.bbws()?, &prune, &[other, "--confirm=dev"]).await?;
    let confirmed = [&prune[..], &["--confirm", "dev", "--json"]].concat();
    let pruned = world.bbws()?.succeed(&confirmed).await?.json()?;
    let gone: Vec<_> = pruned["result"]["images"]
        .as_array()
        .into_iter()
        .flatten()
        .collect();
    ensure!(
        gone.iter().any(|image| image["digest"] == other),
        "{other} is gone: {pruned}"
    );
    ensure!(
        gone.iter().all(|image| image["digest"] != digest),
        "what runs was deleted: {pruned}"
    );
    ensure!(
        list(world)
            .await?
            .iter()
            .all(|image| image["digest"] != other),
        "it is still there"
    );
    world
        .bbws()?
        .succeed(&["image", "verify", "--env", "dev", digest])
        .await?;
    world.note("what nobody needs is gone, what runs is there");
    Ok(())
}

async fn list(world: &World) -> Result<Vec<Value>> {
    let listed = world
        .bbws()?
        .succeed(&["image", "list", "--env", "dev", "--json"])
        .await?
        .json()?;
    let images = listed["result"]["images"].as_array().cloned();
    images.context("no list of images")
}

/// The copy has the same digest, and is as signed as the original.
async fn copies_verify(world: &World, shop: &Shop, digest: &str) -> Result<()> {
    let (dev, sit) = (
        world.cloud.environment("dev"),
        world.cloud.environment("sit"),
    );
    let profile = |name: &str, variables: &std::collections::BTreeMap<&'static str, String>| {
        format!(
            "[profile {name}]\nregion = {}\naws_access_key_id = {}\naws_secret_access_key = {}\n",
            variables["AWS_REGION"],
            variables["AWS_ACCESS_KEY_ID"],
            variables["AWS_SECRET_ACCESS_KEY"]
        )
    };
    let config = shop.path("aws-config");
    std::fs::write(&config, profile("one", &dev) + &profile("two", &sit))?;
    let mut variables = dev;
    variables.insert(
        "AWS_CONFIG_FILE",
        config.to_str().context("a path is text")?.to_owned(),
    );
    let bbws = Bbws::new(world.fleet.path(), variables)?;
    let copy = [
        "image",
        "copy",
        "--from",
        "dev",
        "--to",
        "sit",
        "--from-profile",
        "one",
        "--to-profile",
        "two",
        "--json",
    ];
    let copied = bbws.succeed(&copy).await?.json()?;
    ensure!(
        copied["result"]["digest"] == digest,
        "another digest: {copied}"
    );
    ensure!(
        copied["result"]["blobs_sent"].as_u64() > Some(3),
        "nothing was sent: {copied}"
    );
    let again = bbws.succeed(&copy).await?.json()?;
    ensure!(
        again["result"]["blobs_sent"] == 0,
        "a repeat sends nothing: {again}"
    );
    let key = world.fleet.path().join("keys/release.pub");
    let key = key.to_str().context("a path is text")?;
    Bbws::new(world.fleet.path(), sit)?
        .succeed(&["image", "verify", "--env", "sit", digest, "--key", key])
        .await?;
    world.note("the copy verifies in the next environment");
    Ok(())
}
