//! What may not become, or pass as, a good image: wrong sources, findings, and scanners that could not look.

use anyhow::{Context as _, Result, ensure};
use aws_sdk_ecr::types::ImageIdentifier;
use aws_smithy_types::body::SdkBody;
use e2e::{Aws, World, docker};
use localcloud::proxy::{Kind, Rule};
use serde_json::json;

use super::{IMAGE, REPOSITORY, Shop, image, refused};

const POLICY: &str =
    "version: 1\nfail_at: high\nunknown_counts_as: high\ngrace_days: {}\nrequired: [ecr]\n";

pub(super) async fn tell(world: &World, shop: &Shop, digest: &str) -> Result<()> {
    sources_that_differ_are_not_built(world, shop).await?;
    the_newest_packages_pass(world).await?;
    exceptions_end(world, shop, digest).await?;
    an_outage_is_no_pass(world, shop).await
}

/// The lock's packages pass for as long as Debian's security team has nothing newer; the newest always do.
async fn the_newest_packages_pass(world: &World) -> Result<()> {
    let scan = ["image", "scan", "--json", "--folder", IMAGE[1], "--tag"];
    let scan = |tag: &'static str| [&scan[..], &[tag]].concat();
    let scanned = world.bbws()?.run(&scan(IMAGE[3])).await?;
    if scanned.code == Some(0) {
        world.note("the scan passes");
        return Ok(());
    }
    let scanned = scanned.expect_code(4)?.json()?;
    let findings = scanned["result"]["judgement"]["findings"].as_array();
    let findings = findings.context("no findings")?;
    let old = findings
        .iter()
        .all(|finding| finding["scanner"] == "debian");
    ensure!(old, "{scanned:#}");
    world.note(
        "the lock is older than updates of Debian's: an image with the newest packages is scanned",
    );
    let tag = "supply-newest";
    let build = ["image", "build", "--folder", IMAGE[1], "--tag", tag];
    let newest = ["--refresh-packages", "--no-cache"];
    world
        .bbws()?
        .succeed(&[&build[..], &newest].concat())
        .await?;
    let passed = world.bbws()?.succeed(&scan(tag)).await;
    docker(&["image", "rm", &format!("{REPOSITORY}:{tag}")], b"").await?;
    passed?;
    world.note("the scan of the newest packages passes");
    Ok(())
}

async fn sources_that_differ_are_not_built(world: &World, shop: &Shop) -> Result<()> {
    let lock = std::fs::read_to_string(format!("{}/image.lock.yaml", IMAGE[1]))?;
    let line = lock
        .lines()
        .find(|line| line.trim_start().starts_with("tree: "));
    let right = line
        .and_then(|line| line.split_once(": "))
        .context("no tree")?
        .1;
    let wrong = "0".repeat(64);
    // Sources on the web would be tried next, and be as wrong.
    let web = |line: &&str| {
        !line.contains("url: https://wordpress.org") && *line != "        path: wordpress"
    };
    let kept: Vec<_> = lock.lines().filter(web).collect();
    std::fs::write(
        shop.path("image.lock.yaml"),
        (kept.join("\n") + "\n").replace(right, &wrong),
    )?;
    let folder = shop.folder.path().to_str().context("a path is text")?;
    let outcome = world
        .bbws()?
        .run(&[
            "image",
            "build",
            "--tag",
            "supply-wrong",
            "--folder",
            folder,
        ])
        .await?
        .expect_code(1)?;
    for value in [right, &wrong] {
        ensure!(
            outcome.stderr.contains(value),
            "both values are told: {}",
            outcome.stderr
        );
    }
    world.note("a wrong checksum was refused");
    Ok(())
}

/// A finding that the policy accepts until a day fails the scan after it.
async fn exceptions_end(world: &World, shop: &Shop, digest: &str) -> Result<()> {
    findings(&world.aws, digest, true).await?;
    let until = |day: &str| {
        format!(
            "{POLICY}exceptions:\n  - id: CVE-2026-0001\n    reason: not reached\n    owner: platform team\n    expires: {day}\n"
        )
    };
    let policy = shop.path("policy.yaml");
    let path = policy.to_str().context("a path is text")?.to_owned();
    let scan = image(&["scan", "--env", "dev", "--policy", &path]);
    std::fs::write(&policy, until("2099-12-31"))?;
    let passed = world.bbws()?.succeed(&scan).await?;
    ensure!(
        passed.stdout.contains("excepted until 2099-12-31"),
        "{}",
        passed.stdout
    );
    std::fs::write(&policy, until("2026-01-01"))?;
    refused(
        world,
        world.bbws()?,
        &scan,
        &["CVE-2026-0001", "2026-01-01"],
    )
    .await?;
    world.note("an expired exception was refused");
    Ok(())
}

async fn an_outage_is_no_pass(world: &World, shop: &Shop) -> Result<()> {
    let policy = shop.path("policy.yaml");
    std::fs::write(&policy, format!("{POLICY}exceptions: []\n"))?;
    let path = policy.to_str().context("a path is text")?;
    let faults = world.cloud.proxy().faults();
    let asked = world
        .bbws()?
        .requests_of("ecr", "DescribeImageScanFindings");
    faults.add(Rule::new(asked, Kind::AccessDenied));
    let outcome = world
        .bbws()?
        .run(&image(&["scan", "--env", "dev", "--policy", path]))
        .await?
        .expect_code(1)?;
    faults.reset(0);
    ensure!(
        outcome.stdout.contains("no verdict") && outcome.stderr.contains("AccessDenied"),
        "the outage is told: {}\n{}",
        outcome.stdout,
        outcome.stderr
    );
    world.note("a scanner's outage was no pass");
    Ok(())
}

/// What the local cloud's ECR is to have found, the first critical or not: the operation is the local cloud's own.
pub(in super::super) async fn findings(aws: &Aws, digest: &str, critical: bool) -> Result<()> {
    let found = |id: &str, severity: &str| {
        json!({
            "findingArn": format!("arn:aws:inspector2:af-south-1:111111111111:finding/{id}"),
            "severity": severity, "status": "ACTIVE", "title": id, "fixAvailable": "YES",
            "packageVulnerabilityDetails": {"vulnerabilityId": id, "vulnerablePackages": [
                {"name": "openssl", "version": "3.5.1", "release": "1", "fixedInVersion": "3.5.4-1"}]},
        })
    };
    let severity = if critical { "CRITICAL" } else { "LOW" };
    let body = json!({
        "repositoryName": REPOSITORY,
        "imageId": {"imageDigest": digest},
        "imageScanFindings": {"enhancedFindings": [found("CVE-2026-0001", severity), found("CVE-2026-0002", "LOW")]},
    })
    .to_string();
    aws.ecr
        .start_image_scan()
        .repository_name(REPOSITORY)
        .image_id(ImageIdentifier::builder().image_digest(digest).build())
        .customize()
        .mutate_request(move |request| {
            let headers = request.headers_mut();
            headers.insert(
                "x-amz-target",
                "AmazonEC2ContainerRegistry_V20150921.PutImageScanFindings",
            );
            headers.insert("content-length", body.len().to_string());
            *request.body_mut() = SdkBody::from(body.clone());
        })
        .send()
        .await?;
    Ok(())
}
