//! `doctor` on an account that is well, and then on what goes wrong with accounts: each is found by itself, with the command
//! that mends it, and is gone once it is mended.

use anyhow::{Context as _, Result, ensure};
use aws_sdk_ecr::types::ImageIdentifier;
use aws_sdk_route53::types::{
    Change, ChangeAction, ChangeBatch, ResourceRecord, ResourceRecordSet, RrType,
};
use e2e::{Bbws, World};
use localcloud::proxy::{Filter, Kind, Rule};
use serde_json::Value;

const DOCTOR: [&str; 4] = ["doctor", "--env", "dev", "--json"];
const VCPU: &str = "L-3032A538";
const TARGET_GROUPS: &str = "L-822D1B1B";

pub(super) async fn tell(world: &World) -> Result<()> {
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
    a_copy_that_is_gone(world).await?;
    a_clock_that_is_late(world).await?;
    a_permission_that_is_missing(world).await?;
    a_deleted_image(world).await
}

async fn is_well(world: &World) -> Result<()> {
    let json = world.bbws()?.succeed(&DOCTOR).await?.json()?;
    let checks = json["result"]["checks"].as_array().context("no checks")?;
    let names = [
        "foundation",
        "recovery",
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

/// The key of the copies in the region to recover in: nothing there can be read without it.
async fn a_copy_that_is_gone(world: &World) -> Result<()> {
    let (kms, key) = (
        &world.aws.kms_away,
        world.aws.foundation("/recovery/key_arn"),
    );
    kms.disable_key().key_id(key).send().await?;
    let found = only(world, &["recovery"], "finding", 1).await?;
    ensure!(
        found["subject"] == format!("eu-west-1: key {key}"),
        "{found:#}"
    );
    fixes(&found, &["terraform"])?;
    kms.enable_key().key_id(key).send().await?;
    world.note("a key that is switched off in the other region was found");
    is_well(world).await
}

async fn a_clock_that_is_late(world: &World) -> Result<()> {
    let filter = Filter {
        service: Some("sts".to_owned()),
        operation: Some("GetCallerIdentity".to_owned()),
        ..Filter::default()
    };
    let faults = world.cloud.proxy().faults();
    faults.add(Rule::new(filter, Kind::Clock(120)));
    let found = only(world, &["clock"], "finding", 1).await?;
    faults.reset(0);
    fixes(&found, &["timedatectl"])?;
    let late = found["found"].as_str().unwrap_or_default();
    ensure!(late.contains("it is -1"), "{found:#}");
    world.note("a clock that is two minutes late was found");
    is_well(world).await
}

/// Somebody with a role of the account that may do all but write the artifact bucket.
async fn a_permission_that_is_missing(world: &World) -> Result<()> {
    let (iam, account) = (&world.aws.iam, world.aws.foundation("/account"));
    let name = "nearly-all";
    let trust = serde_json::json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": format!("arn:aws:iam::{account}:root")},
    }]});
    let role = iam.create_role().role_name(name);
    let role = role.assume_role_policy_document(trust.to_string()).send();
    let role = role.await?.role.context("no role")?;
    let policy = serde_json::json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "*", "Resource": "*"},
        {"Effect": "Deny", "Action": "s3:PutObject", "Resource": "*"},
    ]});
    let put = iam.put_role_policy().role_name(name).policy_name(name);
    put.policy_document(policy.to_string()).send().await?;
    let mut variables = world.variables();
    let mut root = |key| variables.remove(key).context("the root has no keys");
    // Variables would count more than a profile.
    let profiles = format!(
        "[profile {name}]\nrole_arn = {}\nsource_profile = root\n\n\
         [profile root]\naws_access_key_id = {}\naws_secret_access_key = {}\n",
        role.arn,
        root("AWS_ACCESS_KEY_ID")?,
        root("AWS_SECRET_ACCESS_KEY")?
    );
    let file = world.fleet.path().join("aws-config");
    std::fs::write(&file, profiles)?;
    variables.insert("AWS_CONFIG_FILE", file.display().to_string());
    variables.insert("AWS_PROFILE", name.to_owned());
    let somebody = Bbws::new(world.fleet.path(), variables)?;
    let json = somebody.run(&DOCTOR).await?.expect_code(1)?.json()?;
    let checks = json["result"]["checks"].as_array().context("no checks")?;
    let mut bad = checks.iter().filter(|check| check["verdict"] != "pass");
    let found = bad.next().context("nothing was found")?;
    ensure!(
        found["check"] == "permission"
            && found["subject"] == role.arn
            && found["found"] == "it may not s3:PutObject"
            && bad.next().is_none(),
        "{checks:#?}"
    );
    fixes(found, &["bbws-dev-github-apply"])?;
    world.note("a permission that is missing was found");
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
