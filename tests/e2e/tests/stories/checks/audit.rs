//! `audit` on an environment whose findings are known, and then on one thing that was weakened at a time: it finds exactly that,
//! and nothing once it is mended.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, ensure};
use aws_sdk_cognitoidentityprovider::types::UserPoolMfaType;
use aws_sdk_elasticloadbalancingv2::types::RuleCondition;
use aws_sdk_s3::types::PublicAccessBlockConfiguration;
use aws_sdk_wafv2::types::{Rule, Scope};
use e2e::World;
use localcloud::proxy::{Filter, Kind, Rule as Fault};
use serde_json::Value;

use super::TENANT;

const AUDIT: [&str; 4] = ["audit", "--env", "dev", "--json"];
/// What is no pass: check, subject, verdict.
type Findings = BTreeSet<(String, String, String)>;

pub(super) async fn tell(world: &World) -> Result<()> {
    a_backup_is_missed_until_it_is_made(world).await?;
    world.cloud.proxy().requests().clear();
    let found = findings(world, 1).await?;
    ensure!(found == known(), "{found:#?}");
    ensure!(
        world.changes(&world.bbws()?.requests()).is_empty(),
        "audit changed something"
    );
    world.note("what the local cloud lacks is known");
    a_database_that_takes_plain_connections(world).await?;
    a_file_system_that_is_mounted_in_plain(world).await?;
    a_bucket_that_may_be_made_public(world).await?;
    a_second_factor_that_is_left_to_people(world).await?;
    a_firewall_without_one_of_its_rules(world).await?;
    a_vault_that_can_be_emptied(world).await?;
    a_role_that_reaches_a_neighbour(world).await?;
    a_way_around_the_edge(world).await?;
    what_cannot_be_read(world).await?;
    let found = findings(world, 1).await?;
    ensure!(found == known(), "not all is mended: {found:#?}");
    Ok(())
}

/// The local cloud's viewers use plain HTTP, and so does all that follows from that.
fn known() -> Findings {
    let plain = [
        ("viewer-https", "foundation"),
        ("alb-http", BALANCER),
        ("alb-tls-policy", BALANCER),
        ("site-https", "acme"),
        ("site-https", "bolt"),
    ];
    plain.map(|(check, of)| finding(check, of)).into()
}

/// Stands for the load balancer, whose name ends with an id that is made anew each time.
const BALANCER: &str = "app/bbws-dev-a";

fn finding(check: &str, subject: &str) -> (String, String, String) {
    told(check, subject, "finding")
}

fn told(check: &str, subject: &str, verdict: &str) -> (String, String, String) {
    (check.to_owned(), subject.to_owned(), verdict.to_owned())
}

async fn findings(world: &World, code: i32) -> Result<Findings> {
    let outcome = world.bbws()?.run(&AUDIT).await?.expect_code(code)?;
    let json = outcome.json()?;
    let checks = json["result"]["checks"].as_array().context("no checks")?;
    ensure!(
        checks.iter().all(|check| check["ask"].is_string()),
        "a check proves nothing: {json:#}"
    );
    let text = |check: &Value, field: &str| check[field].as_str().unwrap_or_default().to_owned();
    let bad = checks.iter().filter(|check| check["verdict"] != "pass");
    let bad = bad.map(|check| {
        let subject = text(check, "subject");
        let subject = match subject.starts_with(BALANCER) {
            true => BALANCER.to_owned(),
            false => subject,
        };
        (text(check, "check"), subject, text(check, "verdict"))
    });
    Ok(bad.collect())
}

/// Expects the known findings and exactly one more: what was weakened before is mended, and gone.
async fn also(world: &World, check: &str, subject: &str) -> Result<()> {
    let found = findings(world, 1).await?;
    let mut wanted = known();
    wanted.insert(finding(check, subject));
    ensure!(
        found == wanted,
        "{check} of {subject} alone should be found: {found:#?}"
    );
    Ok(())
}

/// As the backup plan would: a backup of the database and the files, and a copy of each in the other region.
async fn a_backup_is_missed_until_it_is_made(world: &World) -> Result<()> {
    let aws = &world.aws;
    let (account, region) = (aws.foundation("/account"), aws.foundation("/region"));
    let database = aws.foundation("/cells/0/database/instance");
    let files = aws.foundation("/cells/0/file_system_id");
    let missed = |what| [finding(what, database), finding(what, files)];
    let missed: Findings = ["backup-recent", "backup-copied"]
        .into_iter()
        .flat_map(missed)
        .collect();
    let found = findings(world, 1).await?;
    ensure!(
        found.difference(&known()).cloned().collect::<Findings>() == missed,
        "nothing was backed up yet: {found:#?}"
    );
    let vault = aws.foundation("/recovery/vault");
    let away = aws.foundation("/recovery/region");
    let role = format!("arn:aws:iam::{account}:role/bbws/dev/bbws-dev-backup");
    for arn in [
        format!("arn:aws:rds:{region}:{account}:db:{database}"),
        format!("arn:aws:elasticfilesystem:{region}:{account}:file-system/{files}"),
    ] {
        let job = aws.backup.start_backup_job().backup_vault_name(vault);
        let job = job.resource_arn(arn).iam_role_arn(&role).send().await?;
        let copy = aws.backup.start_copy_job().source_backup_vault_name(vault);
        copy.set_recovery_point_arn(job.recovery_point_arn)
            .destination_backup_vault_arn(format!(
                "arn:aws:backup:{away}:{account}:backup-vault:{vault}"
            ))
            .iam_role_arn(&role)
            .send()
            .await?;
    }
    world.note("a backup and its copy were missed until they were made");
    Ok(())
}

async fn a_database_that_takes_plain_connections(world: &World) -> Result<()> {
    let database = world.aws.foundation("/cells/0/database/instance");
    let set = async |value: &str| {
        use aws_sdk_rds::types::{ApplyMethod, Parameter};
        let parameter = Parameter::builder()
            .parameter_name("require_secure_transport")
            .parameter_value(value)
            .apply_method(ApplyMethod::Immediate);
        let modify = world.aws.rds.modify_db_parameter_group();
        let modify = modify.db_parameter_group_name(format!("{database}-mysql84"));
        modify.parameters(parameter.build()).send().await
    };
    set("0").await?;
    also(world, "rds-tls", database).await?;
    set("1").await?;
    world.note("a database that takes plain connections was found");
    Ok(())
}

async fn a_file_system_that_is_mounted_in_plain(world: &World) -> Result<()> {
    let (efs, id) = (
        &world.aws.efs,
        world.aws.foundation("/cells/0/file_system_id"),
    );
    let described = efs.describe_file_system_policy().file_system_id(id);
    let before = described.send().await?.policy.context("no policy")?;
    let mut policy: Value = serde_json::from_str(&before)?;
    let statements = policy["Statement"].as_array_mut().context("none")?;
    statements.retain(|statement| statement["Sid"] != "OnlyTls");
    let put = async |policy: String| {
        let put = efs.put_file_system_policy().file_system_id(id);
        put.policy(policy).send().await
    };
    put(policy.to_string()).await?;
    also(world, "efs-tls", id).await?;
    put(before).await?;
    world.note("a file system that is mounted in plain was found");
    Ok(())
}

async fn a_bucket_that_may_be_made_public(world: &World) -> Result<()> {
    let (s3, bucket) = (&world.aws.s3, world.aws.foundation("/artifacts/bucket"));
    let block = async |policies: bool| {
        let block = PublicAccessBlockConfiguration::builder()
            .block_public_acls(true)
            .ignore_public_acls(true)
            .block_public_policy(policies)
            .restrict_public_buckets(true);
        let put = s3.put_public_access_block().bucket(bucket);
        put.public_access_block_configuration(block.build())
            .send()
            .await
    };
    block(false).await?;
    also(world, "bucket-public-access", bucket).await?;
    block(true).await?;
    world.note("a bucket that may be made public was found");
    Ok(())
}

async fn a_second_factor_that_is_left_to_people(world: &World) -> Result<()> {
    let (cognito, pool) = (&world.aws.cognito, world.aws.foundation("/users/pool_id"));
    let demand = async |mfa: UserPoolMfaType| {
        use aws_sdk_cognitoidentityprovider::types::SoftwareTokenMfaConfigType;
        let token = SoftwareTokenMfaConfigType::builder().enabled(true).build();
        let set = cognito.set_user_pool_mfa_config().user_pool_id(pool);
        let set = set.software_token_mfa_configuration(token);
        set.mfa_configuration(mfa).send().await
    };
    demand(UserPoolMfaType::Optional).await?;
    also(world, "users-mfa", pool).await?;
    demand(UserPoolMfaType::On).await?;
    world.note("a second factor that is left to people was found");
    Ok(())
}

async fn a_firewall_without_one_of_its_rules(world: &World) -> Result<()> {
    let (waf, arn) = (&world.aws.waf, world.aws.foundation("/edge/web_acl_arn"));
    let mut parts = arn.rsplit('/');
    let (id, name) = parts.next().zip(parts.next()).context("no web ACL")?;
    let rules = async |choose: &dyn Fn(Vec<Rule>) -> Vec<Rule>| {
        let get = waf.get_web_acl().scope(Scope::Cloudfront);
        let acl = get.name(name).id(id).send().await?;
        let lock = acl.lock_token().context("no token")?.to_owned();
        let acl = acl.web_acl.context("no web ACL")?;
        let before = acl.rules.unwrap_or_default();
        let update = waf.update_web_acl().scope(Scope::Cloudfront);
        let update = update.name(name).id(id).lock_token(lock);
        update
            .set_default_action(acl.default_action)
            .set_visibility_config(acl.visibility_config)
            .set_rules(Some(choose(before.clone())))
            .send()
            .await?;
        anyhow::Ok(before)
    };
    let without = |mut rules: Vec<Rule>| {
        rules.retain(|rule| rule.name() != "SQLiRuleSet");
        rules
    };
    let before = rules(&without).await?;
    also(world, "waf-rules", name).await?;
    rules(&|_| before.clone()).await?;
    world.note("a firewall without one of its rules was found");
    Ok(())
}

async fn a_vault_that_can_be_emptied(world: &World) -> Result<()> {
    let (away, vault) = (
        &world.aws.backup_away,
        world.aws.foundation("/recovery/vault"),
    );
    let unlock = away.delete_backup_vault_lock_configuration();
    unlock.backup_vault_name(vault).send().await?;
    let subject = format!("{} {vault}", world.aws.foundation("/recovery/region"));
    also(world, "backup-locked", &subject).await?;
    let lock = away.put_backup_vault_lock_configuration();
    let lock = lock.backup_vault_name(vault).min_retention_days(3);
    lock.max_retention_days(35).send().await?;
    world.note("a vault that can be emptied was found");
    Ok(())
}

async fn a_role_that_reaches_a_neighbour(world: &World) -> Result<()> {
    let (iam, role) = (&world.aws.iam, format!("bbws-dev-{TENANT}-task"));
    let bucket = world.aws.foundation("/artifacts/bucket");
    let policy = serde_json::json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Action": "s3:GetObject", "Resource": format!("arn:aws:s3:::{bucket}/code/*"),
    }]});
    let put = iam.put_role_policy().role_name(&role).policy_name("more");
    put.policy_document(policy.to_string()).send().await?;
    also(world, "role-resources", &format!("{TENANT}: task role")).await?;
    let delete = iam.delete_role_policy().role_name(&role);
    delete.policy_name("more").send().await?;
    world.note("a role that reaches a neighbour's was found");
    Ok(())
}

/// A rule that asks for no header lets in whoever reaches the load balancer. The command that the finding names mends it.
async fn a_way_around_the_edge(world: &World) -> Result<()> {
    let elb = &world.aws.elb;
    let listener = world.aws.foundation("/cells/0/load_balancer/listener_arn");
    let rules = elb.describe_rules().listener_arn(listener).send().await?;
    let of_tenant = |condition: &RuleCondition| {
        let paths = condition.path_pattern_config();
        paths.is_some_and(|paths| paths.values().contains(&format!("/tenant-{TENANT}")))
    };
    let mut rules = rules.rules().iter();
    let rule = rules
        .find(|rule| rule.conditions().iter().any(of_tenant))
        .context("the tenant has no rule")?;
    let path = rule.conditions().iter().find(|c| of_tenant(c)).cloned();
    let path = path.map(|condition| {
        // What is described has the values twice; a change takes one.
        RuleCondition::builder()
            .field("path-pattern")
            .set_path_pattern_config(condition.path_pattern_config)
            .build()
    });
    elb.modify_rule()
        .set_rule_arn(rule.rule_arn.clone())
        .set_conditions(path.map(|path| vec![path]))
        .send()
        .await?;
    also(world, "tenant-origin", TENANT).await?;
    let apply = ["apply", "--env", "dev", "--tenant", TENANT];
    world.bbws()?.succeed(&apply).await?;
    world.note("a way around the edge was found");
    Ok(())
}

async fn what_cannot_be_read(world: &World) -> Result<()> {
    let filter = Filter {
        service: Some("wafv2".to_owned()),
        operation: Some("GetWebACL".to_owned()),
        ..Filter::default()
    };
    let faults = world.cloud.proxy().faults();
    faults.add(Fault::new(filter, Kind::AccessDenied));
    let found = findings(world, 4).await?;
    faults.reset(0);
    let more: Vec<_> = found.difference(&known()).cloned().collect();
    ensure!(
        more == [told("waf-rules", "bbws-dev-viewers", "unreadable")],
        "{found:#?}"
    );
    world.note("what could not be read was no pass");
    Ok(())
}
