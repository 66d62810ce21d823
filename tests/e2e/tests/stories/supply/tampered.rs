//! Images that are not signed, or not by whom one trusts, or signed as another.

use anyhow::{Context as _, Result, ensure};
use aws_sdk_ecr::types::ImageIdentifier;
use e2e::World;
use serde_json::{Value, json};
use tokio::process::Command;

use super::{REPOSITORY, Shop, image, refused};

const APPLY: [&str; 5] = ["apply", "--env", "dev", "--tenant", "acme"];

/// Nothing of an unsigned image is applied, nor of one that a stranger signed.
pub(super) async fn unsigned_images_do_not_run(
    world: &World,
    shop: &Shop,
    digest: &str,
) -> Result<()> {
    let keys = world.fleet.path().join("keys");
    std::fs::create_dir_all(&keys)?;
    for (name, file) in [
        ("trusted", keys.join("release.key")),
        ("stranger", shop.path("stranger.key")),
    ] {
        let file = file.to_str().context("a path is text")?;
        world.bbws()?.succeed(&["image", "key", file]).await?;
        world.note(&format!("the {name} has a key"));
    }
    std::fs::rename(keys.join("release.key.pub"), keys.join("release.pub"))?;
    world.fleet.set_environment("release", "supply")?;
    world.fleet.set_environment("require_signed", "true")?;
    world
        .fleet
        .set_environment("signing_keys", "[keys/release.pub]")?;
    let says = [
        "acme in dev",
        digest,
        "it is not signed",
        "bbws image sign --env dev",
    ];
    refused(world, world.bbws()?, &APPLY, &says).await?;
    // Not even a job that only looks runs it.
    let says = ["jobs in dev", digest, "it is not signed"];
    let plan = ["plan", "--env", "dev", "--deep"];
    refused(world, world.bbws()?, &plan, &says).await?;

    let stranger = shop.path("stranger.key");
    let stranger = stranger.to_str().context("a path is text")?;
    world
        .bbws()?
        .succeed(&image(&["sign", "--env", "dev", "--key", stranger]))
        .await?;
    let says = [digest, "by none of the trusted keys", "keys/release.pub"];
    refused(world, world.bbws()?, &APPLY, &says).await?;
    world.note("unsigned images, and a stranger's, were refused");
    Ok(())
}

/// Another manifest with the first one's signature under its name does not verify. Returns the other's digest.
pub(super) async fn signatures_of_others_do_not_count(
    world: &World,
    digest: &str,
) -> Result<String> {
    let mut manifest: Value = serde_json::from_str(&manifest(world, digest).await?)?;
    manifest["annotations"] = serde_json::json!({"changed": "by somebody"});
    let put = world
        .aws
        .ecr
        .put_image()
        .repository_name(REPOSITORY)
        .image_manifest(manifest.to_string())
        .image_manifest_media_type(manifest["mediaType"].as_str().unwrap_or_default())
        .image_tag("tampered");
    let put = put.send().await?.image.and_then(|image| image.image_id);
    let other = put.and_then(|id| id.image_digest).context("no digest")?;
    ensure!(other != digest, "a changed manifest has another digest");
    for suffix in ["sig", "att"] {
        let signature = manifest_at(world, &tag(digest, suffix)).await?;
        let put = world.aws.ecr.put_image().repository_name(REPOSITORY);
        put.image_manifest(signature)
            .image_manifest_media_type("application/vnd.oci.image.manifest.v1+json")
            .image_tag(tag(&other, suffix))
            .send()
            .await?;
    }
    let says = [other.as_str(), "its signature is of another image", digest];
    let verify = ["image", "verify", "--env", "dev", "tampered"];
    refused(world, world.bbws()?, &verify, &says).await?;
    world.fleet.set("acme", "release", "tampered")?;
    refused(world, world.bbws()?, &APPLY, &says).await?;
    world.fleet.set("acme", "release", "supply")?;
    world.note("a changed image was refused");
    Ok(other)
}

/// Cosign itself finds the signature and both attestations to be the key's, of the image.
pub(super) async fn cosign_agrees(world: &World, shop: &Shop, digest: &str) -> Result<()> {
    let cosign = localcloud::debian::program("forky", "cosign").await?;
    let answer = world.aws.ecr.get_authorization_token().send().await?;
    let data = answer.authorization_data().first().context("no token")?;
    let registry = data.proxy_endpoint().context("no registry")?;
    let (_, registry) = registry.split_once("://").context("no address")?;
    let docker = json!({"auths": {registry: {"auth": data.authorization_token()}}});
    std::fs::write(shop.path("config.json"), docker.to_string())?;
    let image = format!("{registry}/{REPOSITORY}@{digest}");
    let key = world.fleet.path().join("keys/release.pub");
    for what in [
        &["verify"][..],
        &["verify-attestation", "--type", "cyclonedx"],
        &["verify-attestation", "--type", "slsaprovenance1"],
    ] {
        let checked = Command::new(&cosign)
            .args(what)
            .arg("--key")
            .arg(&key)
            // The key is nobody's who keeps a public log.
            .args(["--insecure-ignore-tlog=true", &image])
            .env("DOCKER_CONFIG", shop.folder.path())
            .output()
            .await?;
        let said = String::from_utf8_lossy(&checked.stderr);
        ensure!(checked.status.success(), "cosign {what:?}: {said}");
        ensure!(
            !checked.stdout.is_empty(),
            "cosign {what:?} found nothing: {said}"
        );
    }
    world.note("cosign finds the image signed and attested");
    Ok(())
}

pub(super) fn tag(digest: &str, suffix: &str) -> String {
    format!("{}.{suffix}", digest.replace(':', "-"))
}

async fn manifest(world: &World, digest: &str) -> Result<String> {
    read(
        world,
        ImageIdentifier::builder().image_digest(digest).build(),
    )
    .await
}

async fn manifest_at(world: &World, tag: &str) -> Result<String> {
    read(world, ImageIdentifier::builder().image_tag(tag).build()).await
}

async fn read(world: &World, id: ImageIdentifier) -> Result<String> {
    let get = world.aws.ecr.batch_get_image().repository_name(REPOSITORY);
    let found = get.image_ids(id).send().await?;
    let image = found.images.and_then(|images| images.into_iter().next());
    image
        .and_then(|image| image.image_manifest)
        .context("the registry has no such image")
}
