//! Somebody changes things by hand: the plan shows exactly that, and an apply repairs it.

mod by_hand;

use anyhow::{Context as _, Result, ensure};
use by_hand::*;
use e2e::{Drift, Fleet, World, story};
use localcloud::Options;

#[tokio::test(flavor = "multi_thread")]
async fn drift() {
    let fleet = Fleet::of(&["acme", "bolt"]);
    story("drift", Options::for_test(&["dev"]), fleet, async |world| {
        world.apply().await?;
        world.bbws()?.plan_is_empty().await?;
        world.note("the plan is empty");
        unknown_tenants_are_told(world).await?;
        let aws = &world.aws;

        hand_registered_revision(aws).await?;
        repaired(world, "service", &["task_definition"]).await?;
        listener_rule_without_header(aws).await?;
        repaired(world, "listener rule", &["header.name", "header.values"]).await?;
        listener_rule_to_another_site(aws).await?;
        repaired(world, "listener rule", &["forward_to.0"]).await?;
        secret_with_another_tag(aws).await?;
        repaired(world, "wordpress secret", &["tags.bbws:tenant"]).await?;
        distribution(aws, |config| {
            config.price_class = Some("PriceClass_All".into());
            Ok(())
        })
        .await?;
        repaired(world, "distribution", &["price_class"]).await?;
        let caching = world
            .aws
            .foundation("/edge/static_cache_policy_id")
            .to_owned();
        distribution(aws, |config| {
            let behavior = config
                .default_cache_behavior
                .as_mut()
                .context("there is no default behaviour")?;
            behavior.cache_policy_id = Some(caching);
            Ok(())
        })
        .await?;
        repaired(world, "distribution", &["behaviors.default.cache_policy"]).await?;
        let alarm = deleted_alarm(aws).await?;
        repaired_whole(world, "alarms", &alarm).await?;
        log_retention(aws).await?;
        let adopt = ["drift", "adopt", "--env", "dev"];
        let refused = world.bbws()?.run(&adopt).await?.expect_code(4)?;
        ensure!(
            refused.stderr.contains("log group: retention_days"),
            "{}",
            refused.stderr
        );
        repaired(world, "log group", &["retention_days"]).await?;
        role_policy(aws).await?;
        repaired_whole(world, "task role", "policies").await?;
        access_point_tag(aws).await?;
        repaired(world, "access point", &["tags.bbws:cell"]).await?;
        autoscaling_maximum(aws).await?;
        adopted(world).await?;
        repaired(world, "autoscaling", &["max"]).await?;
        record_to_elsewhere(aws).await?;
        repaired(world, "records", &["acme.dev.localhost A.alias"]).await?;
        user_group_description(aws).await?;
        repaired(world, "user group", &["description"]).await?;
        budget(aws).await?;
        repaired(world, "budget", &["limit"]).await?;
        target_group_check(aws).await?;
        repaired(world, "target group", &["health_check.path"]).await?;

        ensure!(
            world.bbws()?.plan_deep().await?.is_empty(),
            "a deep plan of untouched databases should be empty"
        );
        database_by_hand(world).await?;
        repaired_deep(world, "database", &["grants", "require_tls"]).await?;
        settings_by_hand(world).await?;
        repaired_deep(world, "wordpress", &["permalinks", "title"]).await?;
        world.visitor("acme").get("/").await?.expect_status(200)?;
        Ok(())
    })
    .await;
}

/// A misspelt tenant must not look like one that is as it should be.
async fn unknown_tenants_are_told(world: &World) -> Result<()> {
    for verb in [&["plan"][..], &["apply"], &["status"], &["rollout", "undo"]] {
        let arguments = [verb, &["--env", "dev", "--tenant", "acne"]].concat();
        let refused = world.bbws()?.run(&arguments).await?.expect_code(1)?;
        ensure!(
            refused.stderr.contains("dev has no site of acne"),
            "{verb:?} says {}",
            refused.stderr
        );
    }
    Ok(())
}

/// A manifest can say what autoscaling has: then nothing is left to plan.
async fn adopted(world: &World) -> Result<()> {
    let path = world.fleet.path().join("tenants/acme/dev.yaml");
    let before = std::fs::read_to_string(&path)?;
    world
        .bbws()?
        .succeed(&["drift", "adopt", "--env", "dev"])
        .await?;
    world.bbws()?.plan_is_empty().await?;
    let after = std::fs::read_to_string(&path)?;
    let more = after.strip_prefix(&before);
    ensure!(
        more.is_some_and(|more| more.starts_with("tasks:\n  min: ")),
        "more than that was changed: {after}"
    );
    std::fs::write(&path, before)?;
    Ok(())
}

/// The plan holds one change of acme's, in exactly these fields; an apply leaves nothing to plan.
async fn repaired(world: &World, resource: &str, fields: &[&str]) -> Result<()> {
    let drift = only_drift(world, resource).await?;
    ensure!(
        drift.fields == fields,
        "the plan shows {:?} of the {resource}, not {fields:?}",
        drift.fields
    );
    mended(world, resource).await
}

/// The same where a whole part is compared: every field lies below it.
async fn repaired_whole(world: &World, resource: &str, part: &str) -> Result<()> {
    let drift = only_drift(world, resource).await?;
    let below = |field: &String| field == part || field.starts_with(&format!("{part}."));
    ensure!(
        !drift.fields.is_empty() && drift.fields.iter().all(below),
        "the plan shows {:?} of the {resource}, not only {part}",
        drift.fields
    );
    mended(world, resource).await
}

/// The same for what only a look into the database shows.
async fn repaired_deep(world: &World, resource: &str, fields: &[&str]) -> Result<()> {
    world.bbws()?.plan_is_empty().await?;
    let seen = world.bbws()?.named(&format!("deep-{resource}"));
    let mut drift = only(seen.plan_deep().await?, resource)?;
    drift.fields.sort();
    ensure!(
        drift.fields == fields,
        "the deep plan shows {:?} of the {resource}, not {fields:?}",
        drift.fields
    );
    let tasks = world.requests(&seen.requests_of("ecs", "RunTask"));
    ensure!(
        tasks.len() == 1,
        "two databases of one cell took {} tasks to look at",
        tasks.len()
    );
    world
        .bbws()?
        .succeed(&["apply", "--env", "dev", "--deep"])
        .await?;
    let left = world.bbws()?.plan_deep().await?;
    ensure!(left.is_empty(), "after the repair remains {left:#?}");
    world.note(&format!("the {resource} was looked into and repaired"));
    Ok(())
}

async fn only_drift(world: &World, resource: &str) -> Result<Drift> {
    only(world.bbws()?.plan().await?, resource)
}

fn only(mut drifts: Vec<Drift>, resource: &str) -> Result<Drift> {
    ensure!(
        drifts.len() == 1,
        "the plan should show the {resource} alone: {drifts:#?}"
    );
    let drift = drifts.remove(0);
    ensure!(
        (
            drift.tenant.as_str(),
            drift.resource.as_str(),
            drift.action.as_str()
        ) == ("acme", resource, "update"),
        "the plan should show an update of acme's {resource}: {drift:#?}"
    );
    ensure!(
        drift.reason == "differs from the manifest",
        "another reason: {}",
        drift.reason
    );
    Ok(drift)
}

async fn mended(world: &World, resource: &str) -> Result<()> {
    world.bbws()?.succeed(&["apply", "--env", "dev"]).await?;
    world.bbws()?.plan_is_empty().await?;
    world.note(&format!("the {resource} was shown and repaired"));
    Ok(())
}
