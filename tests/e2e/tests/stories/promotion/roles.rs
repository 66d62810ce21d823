//! Who promotes: a job in a GitHub environment `<name>-promote`, by the roles `promote` that the module `github-oidc` makes in the
//! three accounts. Where Terraform is left out, the accounts' administrators.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result, ensure};
use aws_sdk_ecs::error::ProvideErrorMetadata;
use e2e::{Aws, Bbws, FLEET_REPOSITORY, Github, Role, Terraform, World, job_token, repository};
use serde_json::{Value, json};

use super::super::rollout::Releases;
use super::sites::{ACCOUNTS, Sites};

/// Actions that the role has and this story does not use, each with its reason.
const UNUSED: &str = include_str!("unused.txt");
/// Where Terraform's root lies in the fleet.
const FOLDER: &str = "workflow-roles";

fn role(environment: &str) -> Role {
    let account = ACCOUNTS.iter().find(|(name, _)| *name == environment);
    Role::new(account.map_or("", |(_, id)| id), environment, "promote")
}

/// Makes the roles in all accounts. Whether there are any.
pub(super) async fn make(world: &World, aws: &BTreeMap<&'static str, Aws>) -> Result<bool> {
    let Some(terraform) = Terraform::find().await? else {
        return Ok(false);
    };
    let root = root(world, aws)?.to_string();
    let file = format!("{FOLDER}/main.tf.json");
    world.fleet.put(&file, root.as_bytes())?;
    let folder = world.fleet.path().join(FOLDER);
    let terraform = terraform.of(world.cloud.environment("dev"));
    terraform.init(&folder, &[]).await?;
    let apply = ["apply", "-input=false", "-no-color", "-auto-approve"];
    terraform.run(&folder, &apply).await?;
    world.note("Terraform has made the workflows' roles");
    Ok(true)
}

/// The module once an account, fed with what the foundation's document says.
fn root(world: &World, aws: &BTreeMap<&'static str, Aws>) -> Result<Value> {
    let source = repository("environments/modules/github-oidc").canonicalize()?;
    let (mut providers, mut modules) = (Vec::new(), BTreeMap::new());
    for (environment, aws) in aws {
        let variables = world.cloud.environment(environment);
        let (account, region) = (aws.foundation("/account"), aws.foundation("/region"));
        providers.push(json!({
            "alias": environment, "region": region, "allowed_account_ids": [account],
            "access_key": variables["AWS_ACCESS_KEY_ID"], "secret_key": variables["AWS_SECRET_ACCESS_KEY"],
        }));
        let registry = aws.foundation("/registry/repository");
        let (owner, name) = FLEET_REPOSITORY.split_once('/').context("owner/name")?;
        let module = json!({
            "source": source, "providers": {"aws": format!("aws.{environment}")},
            "environment": environment,
            "repository": {"owner": owner, "name": name},
            "artifacts_bucket": aws.foundation("/artifacts/bucket"),
            "key_arn": aws.foundation("/encryption/key_arn"),
            "cluster_arn": aws.foundation("/cluster/arn"),
            "pool_id": aws.foundation("/users/pool_id"),
            "zone_id": aws.foundation("/zone/id"),
            "repository_arns": [format!("arn:aws:ecr:{region}:{account}:repository/{registry}")],
            "job": {
                "execution_role_arn": aws.foundation("/job/execution_role_arn"),
                "task_role_arn": aws.foundation("/job/task_role_arn"),
            },
            "dr": {
                "region": aws.foundation("/recovery/region"),
                "bucket": aws.foundation("/recovery/bucket"),
                "key_arn": aws.foundation("/recovery/key_arn"),
                // The local cloud's seed has none; the role `dr` passes it.
                "backup_role_arn": format!("arn:aws:iam::{account}:role/bbws/{environment}/bbws-{environment}-backup"),
            },
        });
        modules.insert(*environment, module);
    }
    Ok(json!({
        "terraform": {"required_providers": {"aws": {"source": "hashicorp/aws", "version": "5.100.0"}}},
        "provider": {"aws": providers},
        "module": modules,
    }))
}

/// bbws in a job whose GitHub environment is that of `decider`, with a profile for each account and the `job`'s own variables.
pub(super) fn promoter(
    world: &World,
    decider: &'static str,
    by_roles: bool,
    job: &BTreeMap<&'static str, String>,
) -> Result<Bbws> {
    let folder = world.fleet.path();
    let token = job_token(folder, FLEET_REPOSITORY, &format!("{decider}-promote"))?;
    let mut profiles = String::new();
    for (name, _) in ACCOUNTS {
        let variables = world.cloud.environment(name);
        let keys = match by_roles {
            true => format!(
                "role_arn = {}\nrole_session_name = story\nweb_identity_token_file = {}",
                role(name).arn,
                token.display()
            ),
            false => format!(
                "aws_access_key_id = {}\naws_secret_access_key = {}",
                variables["AWS_ACCESS_KEY_ID"], variables["AWS_SECRET_ACCESS_KEY"]
            ),
        };
        let region = &variables["AWS_REGION"];
        profiles.push_str(&format!("[profile {name}]\nregion = {region}\n{keys}\n"));
    }
    let config = format!("aws-config-{decider}");
    world.fleet.put(&config, profiles.as_bytes())?;
    let mut variables = world.cloud.environment(decider);
    if by_roles {
        variables = role(decider).assumed(variables, &token);
    }
    variables.extend(job.clone());
    variables.insert("AWS_CONFIG_FILE", folder.join(config).display().to_string());
    Ok(Bbws::new(folder, variables)?.named("promote"))
}

/// Whoever decides about a lower environment neither promotes into a higher one nor reads it.
pub(super) async fn nobody_reaches_up(world: &World, sites: &Sites) -> Result<()> {
    if !sites.by_roles {
        return Ok(());
    }
    for decider in ["dev", "sit"] {
        let refused = sites
            .promoter(decider)
            .run(
                &[
                    &super::down::SIT_TO_PROD[..],
                    &["--from-profile", "sit", "--to-profile", "prod"],
                ]
                .concat(),
            )
            .await?
            .expect_code(1)?;
        ensure!(
            refused.stderr.contains("AssumeRoleWithWebIdentity"),
            "{decider}-promote is refused for another reason: {}",
            refused.stderr
        );
    }
    let token = job_token(world.fleet.path(), FLEET_REPOSITORY, "dev-promote")?;
    let dev = role("dev").credentials(&sites.aws["dev"], &token).await?;
    let prod = sites.aws["prod"].acting_as(dev);
    let bucket = prod.foundation("/artifacts/bucket");
    let key = "promotions/acme/by-hand.json";
    let read = prod.s3.get_object().bucket(bucket).key(key).send().await;
    let listed = prod.s3.list_objects_v2().bucket(bucket).send().await;
    let body = b"{}".to_vec().into();
    let put = prod.s3.put_object().bucket(bucket).key(key).body(body);
    let written = put.send().await;
    for (action, refused) in [
        (
            "s3:GetObject",
            told(&read.err().context("dev reads prod's bucket")?),
        ),
        (
            "s3:ListBucket",
            told(&listed.err().context("dev lists prod's bucket")?),
        ),
        (
            "s3:PutObject",
            told(&written.err().context("dev writes to prod's bucket")?),
        ),
    ] {
        denied(action, &refused)?;
    }
    world.note("nobody reaches up");
    Ok(())
}

/// Whoever promotes into sit changes content, and not what serves it, nor what protects it.
pub(super) async fn promote_changes_content_alone(world: &World, sites: &Sites) -> Result<()> {
    if !sites.by_roles {
        return Ok(());
    }
    let token = job_token(world.fleet.path(), FLEET_REPOSITORY, "sit-promote")?;
    let administrator = &sites.aws["sit"];
    let sit = administrator.acting_as(role("sit").credentials(administrator, &token).await?);
    let cluster = sit.foundation("/cluster/name");
    let update = sit.ecs.update_service().cluster(cluster);
    let update = update.service("bbws-sit-acme").desired_count(0);
    // Its task reads the databases' secrets of all tenants.
    let run = sit.ecs.run_task().cluster(cluster);
    let run = run.task_definition("bbws-sit-job-a");
    let secret = sit.secrets.get_secret_value();
    let secret = secret.secret_id("bbws/sit/acme/database");
    let policy = sit.iam.put_role_policy().role_name("bbws-sit-acme-task");
    let policy = policy.policy_name("more").policy_document(
        json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}).to_string(),
    );
    for (action, refused) in [
        (
            "ecs:UpdateService",
            told(&update.send().await.err().context("it changes a service")?),
        ),
        (
            "iam:PassRole",
            told(
                &run.send()
                    .await
                    .err()
                    .context("it runs an administrative job")?,
            ),
        ),
        (
            "secretsmanager:GetSecretValue",
            told(
                &secret
                    .send()
                    .await
                    .err()
                    .context("it reads a site's secret")?,
            ),
        ),
        (
            "iam:PutRolePolicy",
            told(
                &policy
                    .send()
                    .await
                    .err()
                    .context("it changes a site's role")?,
            ),
        ),
    ] {
        denied(action, &refused)?;
    }
    world.note("the role promote changes content alone");
    Ok(())
}

/// A refusal's code and message.
fn told(error: &impl ProvideErrorMetadata) -> (String, String) {
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    (text(error.code()), text(error.message()))
}

fn denied(action: &str, (code, message): &(String, String)) -> Result<()> {
    ensure!(
        code.starts_with("AccessDenied") && message.contains(action),
        "{action} fails for another reason: {code} {message}"
    );
    Ok(())
}

/// A release goes up by the same roles: from registry to registry, and by a pull request that reads what a scan of it found.
pub(super) async fn a_release_is_proposed(world: &World, sites: &Sites) -> Result<()> {
    let releases = Releases::of(world)?;
    let made = releases.make("proposed", "LABEL proposed=1", &[]).await;
    releases.forget().await?;
    let tag = made?;
    world.fleet.set("acme", "release", &tag)?;
    let apply = ["apply", "--env", "dev"];
    sites.of("dev")?.succeed(&apply).await?;
    let copy = ["image", "copy", "--from", "dev", "--to", "sit", &tag];
    let copied = sites.run(&copy).await?.expect_code(0)?;
    let sit = sites.aws["sit"].foundation("/registry/uri");
    ensure!(
        copied.stdout.starts_with(&format!("{sit}@sha256:")),
        "{}",
        copied.stdout
    );
    let policy = std::fs::read(repository("image/scan-policy.yaml"))?;
    world.fleet.put("image/scan-policy.yaml", &policy)?;
    let manifest = "tenants/acme/sit.yaml";
    let held = std::fs::read_to_string(world.fleet.path().join(manifest))?;
    let github = Github::start().await?;
    let files = [(manifest.to_owned(), held)];
    github.repository().files.extend(files);
    let proposer = promoter(world, "sit", sites.by_roles, &github.variables())?;
    let profiles = ["--from-profile", "dev", "--to-profile", "sit", "--pr"];
    // Without its confirmation.
    let promote = &super::PROMOTE[..6];
    proposer.succeed(&[promote, &profiles].concat()).await?;
    let opened = github.repository().opened.len();
    ensure!(opened == 1, "{opened} pull requests were opened");
    world.note("a release was proposed");
    Ok(())
}

/// Every action of the role was used, or stands on the list of those that are for something else.
pub(super) async fn nothing_is_granted_for_nothing(world: &World, sites: &Sites) -> Result<()> {
    if !sites.by_roles {
        return Ok(());
    }
    let mut scaling = sites.promoter("sit").requests();
    scaling.service = Some("application-autoscaling".to_owned());
    let mut allowed = BTreeSet::new();
    for (environment, _) in ACCOUNTS {
        // One document: what one account lends, another takes.
        allowed.extend(role(environment).allowed(world, &scaling).await?);
    }
    let mut problems = Vec::new();
    for (environment, _) in ACCOUNTS {
        let aws = &sites.aws[environment];
        problems.extend(
            role(environment)
                .granted_for_nothing(aws, &allowed, UNUSED)
                .await?,
        );
    }
    ensure!(problems.is_empty(), "{problems:#?}");
    world.note("every action that was granted is used or explained");
    Ok(())
}
