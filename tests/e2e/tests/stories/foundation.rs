//! The foundation of `dev` as an operator makes it: Terraform applies the root as it stands in the repository, state and
//! locks in S3; the runner then provisions a site on what Terraform made, under the roles of workflows, and afterwards
//! everything is taken away.

mod roles;

use std::path::PathBuf;

use anyhow::{Result, ensure};
use e2e::{Fleet, Terraform, World, make_bucket, story_on};
use localcloud::{LocalCloud, Options};

/// As `environments/dev` names it.
const STATE_BUCKET: &str = "bbws-dev-terraform-111111111111";
const ACCOUNT: &str = "111111111111";
const TENANT: &str = "acme";

#[tokio::test(flavor = "multi_thread")]
async fn foundation() {
    let Some(terraform) = Terraform::find().await.expect("Terraform") else {
        return;
    };
    let options = Options::for_test(&["dev"])
        .with_auth()
        .without_foundation("dev");
    story_on(
        "foundation",
        options,
        Fleet::sample(),
        async |cloud, fleet| {
            let terraform = terraform.clone().of(cloud.environment("dev"));
            terraform_makes_it(&terraform, cloud, fleet).await
        },
        async |world| {
            let terraform = terraform.clone().of(world.cloud.environment("dev"));
            roles::plan_only_looks(world).await?;
            roles::nobody_else_gets_in(world).await?;
            roles::apply_stays_within_dev(world).await?;
            a_site_lives_on_it(world).await?;
            roles::nothing_is_granted_for_nothing(world).await?;
            nothing_is_left(&terraform, world).await
        },
    )
    .await;
}

fn root(fleet: &Fleet) -> PathBuf {
    fleet.path().join("environments/dev")
}

async fn terraform_makes_it(
    terraform: &Terraform,
    cloud: &LocalCloud,
    fleet: &Fleet,
) -> Result<()> {
    // docs/foundation.md: the one thing that is made by hand.
    make_bucket(&cloud.environment("dev"), STATE_BUCKET).await?;
    let root = root(fleet);
    terraform.init(&root, &[]).await?;
    let apply = ["apply", "-input=false", "-no-color", "-auto-approve"];
    terraform.run(&root, &apply).await?;
    terraform.plan_is_empty(&root).await
}

async fn a_site_lives_on_it(world: &World) -> Result<()> {
    let runner = roles::apply(world)?;
    runner.succeed(&scope(&["apply"])).await?;
    world.note("the site is provisioned");
    let page = world.visitor(TENANT).get("/").await?.expect_status(200)?;
    ensure!(
        page.text().contains("Acme"),
        "another page: {:.2000}",
        page.text()
    );
    let planner = roles::plan(world)?;
    planner
        .succeed(&scope(&["plan", "--detailed-exitcode"]))
        .await?;
    planner.succeed(&["status", "--env", "dev"]).await?;
    planner
        .succeed(&["rollout", "status", "--env", "dev"])
        .await?;
    world.note("the site answers, and nothing is left to do");
    roles::plan_examines(world).await?;
    for state in ["suspended", "active"] {
        world.fleet.set(TENANT, "state", state)?;
        runner.succeed(&scope(&["apply"])).await?;
    }
    world.visitor(TENANT).get("/").await?.expect_status(200)?;
    let destroy = ["destroy", TENANT, "--env", "dev", "--confirm", TENANT];
    runner.succeed(&destroy).await?;
    Ok(())
}

/// The verb for the one site.
fn scope<'a>(verb: &[&'a str]) -> Vec<&'a str> {
    [verb, &["--env", "dev", "--tenant", TENANT]].concat()
}

async fn nothing_is_left(terraform: &Terraform, world: &World) -> Result<()> {
    let root = root(&world.fleet);
    let destroy = ["destroy", "-input=false", "-no-color", "-auto-approve"];
    terraform.run(&root, &destroy).await?;
    world.note("Terraform has taken everything away");
    let left = world.cloud.proxy().inventory(ACCOUNT).await?;
    let state = |name: &String| name.contains(STATE_BUCKET);
    let left: Vec<_> = left.into_iter().filter(|name| !state(name)).collect();
    ensure!(left.is_empty(), "this is left: {left:#?}");
    Ok(())
}
