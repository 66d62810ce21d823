//! `cargo xtask bench`: how long the main verbs take, how many AWS requests they make, and who the time belongs to.
//!
//! `cargo xtask bench image` measures the image instead, `cargo xtask bench promote` the promotion of content.
//!
//! Everything happens on a cloud of its own, with a copy of the sample fleet to which one tenant is added and taken away.

mod fleet;
mod image;
mod measure;
mod promote;
mod report;

use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::{Args, Subcommand};
use localcloud::{LocalCloud, Options, prerequisites};

use crate::programs::{Programs, succeed};
use crate::sites::{self, Site};
use crate::stages::Stages;
use measure::{Measurement, Scene};

const ENVIRONMENT: &str = "dev";
/// The tenant that comes and goes.
const TENANT: &str = "bench";

const AGAIN: &str =
    "mend what the lines above say, then run `cargo xtask bench` again: it begins anew";

/// Measure planning, provisioning and destroying on a local cloud; or the image; or promotion.
///
/// Wall time and AWS requests by service: of a plan of an unchanged fleet, of one new site from nothing until its front
/// page answers 200, of a change for which its tasks are replaced, without and with plugins of its own, and of its destruction.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  cargo xtask bench                    three runs of each
  cargo xtask bench --runs 10 --json   more, for a machine to read
  cargo xtask bench image              the image beside two plain ones
  cargo xtask bench promote            a site of 1 GB into the next environment")]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct BenchArgs {
    #[command(subcommand)]
    what: Option<What>,
    /// How often each is measured.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=100))]
    runs: u8,
    /// Print the result as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum What {
    Image(image::ImageArgs),
    Promote(promote::PromoteArgs),
}

/// Measures and prints. The cloud ends with the run, also when it is interrupted.
pub(crate) async fn run(args: &BenchArgs) -> Result<ExitCode> {
    match &args.what {
        Some(What::Image(args)) => return image::run(args).await,
        Some(What::Promote(args)) => return promote::run(args).await,
        None => {}
    }
    let (programs, stages) = (Programs::find()?, Stages::new());
    stages
        .run(
            "check this machine's programs",
            AGAIN,
            prerequisites::ensure(),
        )
        .await?;
    stages
        .run(
            "build bbws, site-job and the tests",
            AGAIN,
            programs.build(),
        )
        .await?;
    let mut options = Options::for_test(&[ENVIRONMENT]);
    options.name.insert_str(0, "bench");
    let cloud = stages
        .run("start a local cloud", AGAIN, LocalCloud::start(options))
        .await?;
    let outcome = tokio::select! {
        outcome = measure_all(args, &programs, &stages, &cloud) => outcome,
        _ = tokio::signal::ctrl_c() => Err(anyhow::anyhow!("interrupted")),
    };
    cloud.stop().await?;
    let measurements = outcome?;
    sites::print(&if args.json {
        report::json(&measurements)?
    } else {
        report::text(&measurements)
    });
    Ok(ExitCode::SUCCESS)
}

async fn measure_all(
    args: &BenchArgs,
    programs: &Programs,
    stages: &Stages,
    cloud: &LocalCloud,
) -> Result<Vec<Measurement>> {
    let folder = tempfile::tempdir().context("cannot make a folder for the fleet")?;
    fleet::copy(&programs.root, folder.path())?;
    let scene = Scene {
        programs,
        cloud,
        fleet: folder.path(),
        environment: ENVIRONMENT,
    };
    prepare(&scene, stages).await?;
    let mut measurements = Vec::new();
    for run in 1..=args.runs {
        stages.say(format_args!("run {run} of {}", args.runs));
        measurements.push(
            scene
                .measure("plan an unchanged fleet", async || plan(&scene).await)
                .await?,
        );
        fleet::add(folder.path(), TENANT, ENVIRONMENT)?;
        measurements.push(
            scene
                .measure("provision a new site", async || {
                    provision(&scene, stages).await
                })
                .await?,
        );
        // The same change three times: what plugins cost is the difference.
        fleet::set(folder.path(), TENANT, ENVIRONMENT, "memory: 1024")?;
        measurements.push(
            scene
                .measure("replace its tasks", async || {
                    provision(&scene, stages).await
                })
                .await?,
        );
        for (megabytes, name) in [
            (10, "replace its tasks, 10 MB of plugins"),
            (50, "replace its tasks, 50 MB of plugins"),
        ] {
            let plugin = fleet::plugin(folder.path(), megabytes)?;
            fleet::set(folder.path(), TENANT, ENVIRONMENT, &plugin)?;
            measurements.push(
                scene
                    .measure(name, async || provision(&scene, stages).await)
                    .await?,
            );
        }
        measurements.push(
            scene
                .measure("destroy it", async || destroy(&scene).await)
                .await?,
        );
        fleet::remove(folder.path(), TENANT)?;
    }
    Ok(measurements)
}

/// The image in the registry and the sample fleet provisioned: what a new site finds.
async fn prepare(scene: &Scene<'_>, stages: &Stages) -> Result<()> {
    crate::image::build(scene.programs, stages, AGAIN).await?;
    for arguments in [
        &["image", "push", "--env", ENVIRONMENT] as &[&str],
        &["apply", "--env", ENVIRONMENT],
    ] {
        let run = succeed(scene.bbws(arguments)?);
        stages.run("prepare the fleet", AGAIN, run).await?;
    }
    Ok(())
}

async fn plan(scene: &Scene<'_>) -> Result<()> {
    // Exit code 2, changes present, would be an error: then the fleet is not unchanged.
    succeed(scene.bbws(&["plan", "--env", ENVIRONMENT, "--detailed-exitcode"])?).await
}

async fn provision(scene: &Scene<'_>, stages: &Stages) -> Result<()> {
    succeed(scene.bbws(&["apply", "--env", ENVIRONMENT, "--tenant", TENANT])?).await?;
    let url = format!("http://{}/", fleet::domain(TENANT, ENVIRONMENT));
    sites::await_front_page(
        stages,
        scene.cloud.viewer_port(),
        &Site {
            tenant: TENANT.to_owned(),
            url,
        },
    )
    .await
}

async fn destroy(scene: &Scene<'_>) -> Result<()> {
    succeed(scene.bbws(&["destroy", TENANT, "--env", ENVIRONMENT, "--confirm", TENANT])?).await
}
