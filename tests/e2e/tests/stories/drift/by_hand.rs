//! What somebody with too many rights does to acme at the console, one thing each.

use anyhow::{Context as _, Result, ensure};
use aws_sdk_ecs::types::DeploymentRolloutState;
use e2e::{Aws, Database, World, until};

pub(super) async fn hand_registered_revision(aws: &Aws) -> Result<()> {
    let mut definition = aws.task_definition("acme").await?;
    let container = definition
        .container_definitions
        .as_mut()
        .and_then(|containers| containers.first_mut());
    let variable = aws_sdk_ecs::types::KeyValuePair::builder()
        .name("BY_HAND")
        .value("yes")
        .build();
    container
        .context("it has no container")?
        .environment
        .get_or_insert_default()
        .push(variable);
    let arn = aws.register("bbws-dev-acme", definition).await?;
    let update = aws
        .ecs
        .update_service()
        .cluster(aws.foundation("/cluster/name"))
        .service("bbws-dev-acme");
    update.task_definition(arn).send().await?;
    // An unfinished rollout is a difference of its own.
    until("the rollout by hand to be complete", async || {
        let service = aws.service("acme").await?;
        let deployments = service.deployments();
        let complete = deployments.iter().all(|deployment| {
            deployment.rollout_state() == Some(&DeploymentRolloutState::Completed)
        });
        Ok(complete.then_some(()))
    })
    .await
}

async fn rule(aws: &Aws) -> Result<aws_sdk_elasticloadbalancingv2::types::Rule> {
    let listener = aws.foundation("/cells/0/load_balancer/listener_arn");
    let answer = aws
        .elb
        .describe_rules()
        .listener_arn(listener)
        .send()
        .await?;
    let is_acmes = |rule: &&aws_sdk_elasticloadbalancingv2::types::Rule| {
        let paths = rule
            .conditions()
            .iter()
            .filter_map(|condition| condition.path_pattern_config());
        paths
            .flat_map(|config| config.values())
            .any(|path| path == "/tenant-acme")
    };
    answer
        .rules()
        .iter()
        .find(is_acmes)
        .cloned()
        .context("acme has no listener rule")
}

pub(super) async fn listener_rule_without_header(aws: &Aws) -> Result<()> {
    let rule = rule(aws).await?;
    let paths = rule
        .conditions()
        .iter()
        .filter(|condition| condition.path_pattern_config().is_some())
        .map(|condition| {
            let mut condition = condition.clone();
            // Answers hold both the old and the new spelling; requests take one.
            condition.values = None;
            condition
        });
    aws.elb
        .modify_rule()
        .set_rule_arn(rule.rule_arn.clone())
        .set_conditions(Some(paths.collect()))
        .send()
        .await?;
    Ok(())
}

pub(super) async fn listener_rule_to_another_site(aws: &Aws) -> Result<()> {
    let groups = aws
        .elb
        .describe_target_groups()
        .names("bbws-dev-bolt")
        .send()
        .await?;
    let arn = groups
        .target_groups()
        .first()
        .and_then(|group| group.target_group_arn())
        .context("bolt has no group")?;
    let action = aws_sdk_elasticloadbalancingv2::types::Action::builder()
        .r#type("forward".into())
        .target_group_arn(arn);
    let rule = rule(aws).await?;
    aws.elb
        .modify_rule()
        .set_rule_arn(rule.rule_arn)
        .actions(action.build())
        .send()
        .await?;
    Ok(())
}

pub(super) async fn secret_with_another_tag(aws: &Aws) -> Result<()> {
    let tag = aws_sdk_secretsmanager::types::Tag::builder()
        .key("bbws:tenant")
        .value("somebody");
    aws.secrets
        .tag_resource()
        .secret_id("bbws/dev/acme/wordpress")
        .tags(tag.build())
        .send()
        .await?;
    Ok(())
}

pub(super) async fn distribution(
    aws: &Aws,
    edit: impl FnOnce(&mut aws_sdk_cloudfront::types::DistributionConfig) -> Result<()>,
) -> Result<()> {
    let list = aws.cloudfront.list_distributions().send().await?;
    let items = list
        .distribution_list()
        .map(|list| list.items())
        .unwrap_or_default();
    let id = items
        .iter()
        .find(|item| item.comment() == "bbws-dev-acme")
        .context("acme has no distribution")?
        .id();
    let answer = aws
        .cloudfront
        .get_distribution_config()
        .id(id)
        .send()
        .await?;
    let mut config = answer
        .distribution_config
        .context("the distribution has no configuration")?;
    edit(&mut config)?;
    let update = aws
        .cloudfront
        .update_distribution()
        .id(id)
        .set_if_match(answer.e_tag);
    update.distribution_config(config).send().await?;
    Ok(())
}

pub(super) async fn deleted_alarm(aws: &Aws) -> Result<String> {
    let alarms = aws
        .cloudwatch
        .describe_alarms()
        .alarm_name_prefix("bbws-dev-acme-")
        .send()
        .await?;
    let name = alarms
        .metric_alarms()
        .first()
        .and_then(|alarm| alarm.alarm_name())
        .context("acme has no alarm")?;
    aws.cloudwatch
        .delete_alarms()
        .alarm_names(name)
        .send()
        .await?;
    Ok(name.trim_start_matches("bbws-dev-acme-").to_owned())
}

pub(super) async fn log_retention(aws: &Aws) -> Result<()> {
    aws.logs
        .put_retention_policy()
        .log_group_name("/bbws/dev/acme")
        .retention_in_days(1)
        .send()
        .await?;
    Ok(())
}

pub(super) async fn role_policy(aws: &Aws) -> Result<()> {
    let role = "bbws-dev-acme-task";
    let policies = aws.iam.list_role_policies().role_name(role).send().await?;
    let policy = policies
        .policy_names()
        .first()
        .context("the role has no policy")?;
    let all =
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;
    aws.iam
        .put_role_policy()
        .role_name(role)
        .policy_name(policy)
        .policy_document(all)
        .send()
        .await?;
    Ok(())
}

pub(super) async fn access_point_tag(aws: &Aws) -> Result<()> {
    let points = aws.efs.describe_access_points().send().await?;
    let is_acmes = |point: &&aws_sdk_efs::types::AccessPointDescription| {
        point.root_directory().and_then(|root| root.path()) == Some("/tenants/acme")
    };
    let point = points
        .access_points()
        .iter()
        .find(is_acmes)
        .context("acme has no access point")?;
    let id = point.access_point_id().unwrap_or_default();
    let tag = aws_sdk_efs::types::Tag::builder()
        .key("bbws:cell")
        .value("z")
        .build()?;
    aws.efs
        .tag_resource()
        .resource_id(id)
        .tags(tag)
        .send()
        .await?;
    Ok(())
}

pub(super) async fn autoscaling_maximum(aws: &Aws) -> Result<()> {
    let register = aws
        .autoscaling
        .register_scalable_target()
        .service_namespace("ecs".into());
    let register = register.resource_id(format!(
        "service/{}/bbws-dev-acme",
        aws.foundation("/cluster/name")
    ));
    register
        .scalable_dimension("ecs:service:DesiredCount".into())
        .min_capacity(1)
        .max_capacity(9)
        .send()
        .await?;
    Ok(())
}

pub(super) async fn record_to_elsewhere(aws: &Aws) -> Result<()> {
    use aws_sdk_route53::types::{Change, ChangeAction, ChangeBatch};
    let zone = aws.foundation("/zone/id");
    let records = aws
        .route53
        .list_resource_record_sets()
        .hosted_zone_id(zone)
        .send()
        .await?;
    let is_acmes = |set: &&aws_sdk_route53::types::ResourceRecordSet| {
        set.name().trim_end_matches('.') == "acme.dev.localhost" && set.r#type().as_str() == "A"
    };
    let mut record = records
        .resource_record_sets()
        .iter()
        .find(is_acmes)
        .cloned()
        .context("acme has no A record")?;
    record
        .alias_target
        .as_mut()
        .context("the record is no alias")?
        .dns_name = "elsewhere.cloudfront.net".to_owned();
    let change = Change::builder()
        .action(ChangeAction::Upsert)
        .resource_record_set(record)
        .build()?;
    let batch = ChangeBatch::builder().changes(change).build()?;
    aws.route53
        .change_resource_record_sets()
        .hosted_zone_id(zone)
        .change_batch(batch)
        .send()
        .await?;
    Ok(())
}

pub(super) async fn user_group_description(aws: &Aws) -> Result<()> {
    let pool = aws.foundation("/users/pool_id");
    let groups = aws.cognito.list_groups().user_pool_id(pool).send().await?;
    let group = groups
        .groups()
        .iter()
        .find(|group| group.group_name() == Some("acme"))
        .context("acme has no group")?;
    let described = format!("by hand {}", group.description().unwrap_or_default());
    aws.cognito
        .update_group()
        .user_pool_id(pool)
        .group_name("acme")
        .description(described)
        .send()
        .await?;
    Ok(())
}

pub(super) async fn budget(aws: &Aws) -> Result<()> {
    let account = aws.foundation("/account");
    let budgets = aws
        .budgets
        .describe_budgets()
        .account_id(account)
        .send()
        .await?;
    let is_acmes =
        |budget: &&aws_sdk_budgets::types::Budget| e2e::mentions(budget.budget_name(), "acme");
    let mut budget = budgets
        .budgets()
        .iter()
        .find(is_acmes)
        .cloned()
        .context("acme has no budget")?;
    budget
        .budget_limit
        .as_mut()
        .context("the budget has no limit")?
        .amount = "9999".to_owned();
    aws.budgets
        .update_budget()
        .account_id(account)
        .new_budget(budget)
        .send()
        .await?;
    Ok(())
}

pub(super) async fn target_group_check(aws: &Aws) -> Result<()> {
    let groups = aws
        .elb
        .describe_target_groups()
        .names("bbws-dev-acme")
        .send()
        .await?;
    let arn = groups
        .target_groups()
        .first()
        .and_then(|group| group.target_group_arn())
        .context("acme has no group")?;
    aws.elb
        .modify_target_group()
        .target_group_arn(arn)
        .health_check_path("/elsewhere")
        .send()
        .await?;
    Ok(())
}

pub(super) async fn database_by_hand(world: &World) -> Result<()> {
    let admin = world.database().await?;
    let user = acmes_user(&admin).await?;
    admin
        .query(&format!(
            "GRANT SELECT ON mysql.* TO {user}; ALTER USER {user} REQUIRE NONE"
        ))
        .await?;
    Ok(())
}

/// `'name'@'host'` of acme's user.
async fn acmes_user(admin: &Database) -> Result<String> {
    let user = admin
        .query(
            "SELECT CONCAT(QUOTE(user), '@', QUOTE(host)) FROM mysql.user WHERE user LIKE '%acme%'",
        )
        .await?;
    ensure!(user.lines().count() == 1, "acme's users: {user}");
    Ok(user.trim().to_owned())
}

pub(super) async fn settings_by_hand(world: &World) -> Result<()> {
    let admin = world.database().await?;
    let schema = admin.query("SHOW DATABASES LIKE '%acme%'").await?;
    let schema = schema.trim();
    admin
        .query(&format!(
            "UPDATE `{schema}`.wp_options SET option_value = 'By hand' WHERE option_name = 'blogname'; \
             UPDATE `{schema}`.wp_options SET option_value = '' WHERE option_name = 'permalink_structure'"
        ))
        .await?;
    Ok(())
}
