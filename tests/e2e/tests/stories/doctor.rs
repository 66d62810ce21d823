//! `doctor` on an account that is well, and then on what goes wrong with accounts: each is found by itself, with the command
//! that mends it, and is gone once it is mended.

use anyhow::{Context as _, Result, ensure};
use aws_sdk_ecr::types::ImageIdentifier;
use aws_sdk_route53::types::{
    Change, ChangeAction, ChangeBatch, ResourceRecord, ResourceRecordSet, RrType,
};
use e2e::{Fleet, World, story};
use localcloud::Options;
use localcloud::proxy::{Filter, Kind, Rule};
use serde_json::Value;

const DOCTOR: [&str; 4] = ["doctor", "--env", "dev", "--json"];
const VCPU: &str = "L-3032A538";
const TARGET_GROUPS: &str = "L-822D1B1B";

#[tokio::test(flavor = "multi_thread")]
async fn doctor() {
    story(
        "doctor",
        Options::for_test(&["dev"]),
        Fleet::of(&["acme", "bolt"]),
        async |world| {
            world.apply().await?;
            world.cloud.proxy().requests().clear();
            is_well(world).await?;
            ensure!(
                world.changes(&world.bbws()?.requests()).is_empty(),
                "doctor changed something"
            );
            a_low_quota(world).await?;
            a_secret_on_its_way_out(world).await?;
            a_missing_certificate(world).await?;
            a_lost_delegation(world).await?;
            what_cannot_be_read(world).await?;
            a_key_that_is_switched_off(world).await?;
            // Last: a deleted image is not put back in a moment.
            a_deleted_image(world).await
        },
    )
    .await;
}

async fn is_well(world: &World) -> Result<()> {
    let json = world.bbws()?.succeed(&DOCTOR).await?.json()?;
    let checks = json["result"]["checks"].as_array().context("no checks")?;
    let names = [
        "foundation",
        "quota",
        "permission",
        "dns",
        "certificate",
        "image",
        "secret",
        "clock",
        "version",
    ];
    for name in names {
        ensure!(
            checks.iter().any(|check| check["check"] == name),
            "nothing checks {name}: {json:#}"
        );
    }
    Ok(())
}

/// Expects exactly these checks not to pass, all alike, and returns the first.
async fn only(world: &World, wanted: &[&str], verdict: &str, code: i32) -> Result<Value> {
    let json = world
        .bbws()?
        .run(&DOCTOR)
        .await?
        .expect_code(code)?
        .json()?;
    let checks = json["result"]["checks"].as_array().context("no checks")?;
    let bad: Vec<_> = checks
        .iter()
        .filter(|check| check["verdict"] != "pass")
        .collect();
    let names: Vec<_> = bad
        .iter()
        .map(|check| check["check"].as_str().unwrap_or_default())
        .collect();
    ensure!(
        names == wanted && bad.iter().all(|check| check["verdict"] == verdict),
        "{wanted:?}: {bad:#?}"
    );
    Ok(bad[0].clone())
}

fn fixes(check: &Value, parts: &[&str]) -> Result<()> {
    let fix = check["fix"].as_str().unwrap_or_default();
    ensure!(
        parts.iter().all(|part| fix.contains(part)),
        "{parts:?} is not in {check:#}"
    );
    Ok(())
}

async fn a_low_quota(world: &World) -> Result<()> {
    let quotas = world.cloud.proxy().quotas();
    quotas.apply(VCPU, 0.5);
    let found = only(world, &["quota"], "finding", 1).await?;
    fixes(
        &found,
        &[
            "request-service-quota-increase",
            "--service-code fargate",
            VCPU,
            "--desired-value",
        ],
    )?;
    quotas.reset(VCPU);
    // AWS never raises this one: another cell is the way.
    quotas.apply(TARGET_GROUPS, 1.0);
    fixes(
        &only(world, &["quota"], "finding", 1).await?,
        &["add a cell", "terraform"],
    )?;
    quotas.reset(TARGET_GROUPS);
    world.note("low quotas were found");
    is_well(world).await
}

async fn a_secret_on_its_way_out(world: &World) -> Result<()> {
    let secrets = &world.aws.secrets;
    let name = "bbws/dev/bolt/wordpress";
    secrets
        .delete_secret()
        .secret_id(name)
        .recovery_window_in_days(7)
        .send()
        .await?;
    let found = only(world, &["secret"], "finding", 1).await?;
    fixes(&found, &["restore-secret", name])?;
    secrets.restore_secret().secret_id(name).send().await?;
    world.note("a secret that waits for its deletion was found");
    is_well(world).await
}

async fn a_missing_certificate(world: &World) -> Result<()> {
    let all = world.aws.acm.list_certificates().send().await?;
    let of_acme = |c: &&aws_sdk_acm::types::CertificateSummary| {
        c.domain_name().is_some_and(|d| d.starts_with("acme"))
    };
    let certificate = all
        .certificate_summary_list()
        .iter()
        .find(of_acme)
        .context("acme has no certificate")?;
    let arn = certificate.certificate_arn().context("no ARN")?;
    world
        .aws
        .acm
        .delete_certificate()
        .certificate_arn(arn)
        .send()
        .await?;
    let found = only(world, &["certificate"], "finding", 1).await?;
    fixes(&found, &["bbws apply --env dev --tenant acme"])?;
    // The command does what it promises.
    world
        .bbws()?
        .succeed(&["apply", "--env", "dev", "--tenant", "acme"])
        .await?;
    world.note("a deleted certificate was found, and the command made another");
    is_well(world).await
}

async fn a_lost_delegation(world: &World) -> Result<()> {
    let (zone, name) = (
        world.aws.foundation("/zone/id"),
        world.aws.foundation("/zone/name"),
    );
    let held = world.aws.route53.get_hosted_zone().id(zone).send().await?;
    let own = held
        .delegation_set()
        .context("no name servers")?
        .name_servers()
        .to_vec();
    name_servers(world, zone, name, &["ns.elsewhere.example.".to_owned()]).await?;
    let found = only(world, &["dns"], "finding", 1).await?;
    fixes(
        &found,
        &[
            "change-resource-record-sets",
            name,
            own[0].trim_end_matches('.'),
        ],
    )?;
    name_servers(world, zone, name, &own).await?;
    // A resolver that does not answer proves nothing.
    let silent = [&DOCTOR[..], &["--resolver", "127.0.0.1:9"]].concat();
    let unread = world.bbws()?.run(&silent).await?.expect_code(4)?;
    ensure!(
        unread.stdout.contains("no resolver tells"),
        "{}",
        unread.stdout
    );
    world.note("a zone that is delegated elsewhere was found");
    is_well(world).await
}

async fn name_servers(world: &World, zone: &str, name: &str, servers: &[String]) -> Result<()> {
    let records = servers
        .iter()
        .map(|server| ResourceRecord::builder().value(server).build());
    let set = ResourceRecordSet::builder()
        .name(name)
        .r#type(RrType::Ns)
        .ttl(300)
        .set_resource_records(Some(records.collect::<Result<_, _>>()?));
    let change = Change::builder()
        .action(ChangeAction::Upsert)
        .resource_record_set(set.build()?)
        .build()?;
    let batch = ChangeBatch::builder().changes(change).build()?;
    world
        .aws
        .route53
        .change_resource_record_sets()
        .hosted_zone_id(zone)
        .change_batch(batch)
        .send()
        .await?;
    Ok(())
}

async fn what_cannot_be_read(world: &World) -> Result<()> {
    let filter = Filter {
        service: Some("secretsmanager".to_owned()),
        operation: Some("DescribeSecret".to_owned()),
        ..Filter::default()
    };
    world
        .cloud
        .proxy()
        .faults()
        .add(Rule::new(filter, Kind::AccessDenied));
    let found = only(world, &["secret", "secret"], "unreadable", 4).await?;
    fixes(&found, &["allow secretsmanager:DescribeSecret"])?;
    world.cloud.proxy().faults().reset(0);
    world.note("what could not be read was no pass");
    is_well(world).await
}

async fn a_key_that_is_switched_off(world: &World) -> Result<()> {
    let (kms, key) = (&world.aws.kms, world.aws.foundation("/encryption/key_arn"));
    kms.disable_key().key_id(key).send().await?;
    let json = world.bbws()?.run(&DOCTOR).await?.json()?;
    kms.enable_key().key_id(key).send().await?;
    let checks = json["result"]["checks"].as_array().context("no checks")?;
    let found = checks
        .iter()
        .find(|check| check["subject"] == format!("key {key}"));
    let found = found.context("nothing looks at the key")?;
    ensure!(found["verdict"] == "finding", "{found:#}");
    fixes(found, &["terraform"])?;
    world.note("a key that is switched off was found");
    is_well(world).await
}

async fn a_deleted_image(world: &World) -> Result<()> {
    let repository = world.aws.foundation("/registry/repository");
    let images = world
        .aws
        .ecr
        .describe_images()
        .repository_name(repository)
        .send()
        .await?;
    for image in images.image_details() {
        let digest = image.image_digest().context("no digest")?;
        let id = ImageIdentifier::builder().image_digest(digest).build();
        world
            .aws
            .ecr
            .batch_delete_image()
            .repository_name(repository)
            .image_ids(id)
            .send()
            .await?;
    }
    let found = only(world, &["image"], "finding", 1).await?;
    fixes(&found, &["bbws image push --env dev"])?;
    world.note("a deleted image was found");
    Ok(())
}
