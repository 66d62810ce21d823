//! `cargo xtask bench promote`: how fast content travels, what memory its jobs take, and how its rewriting compares with WP-CLI's.
//!
//! Two sites in two accounts of a cloud of its own. The first is filled, promoted, filled further, and promoted again: the job's
//! memory must not grow with the site. Then its own tables alone are promoted, for a rewriting without files beside it, and WP-CLI
//! rewrites the same rows in the first site. At last both sites' rows are compared, one by one.

mod report;
mod site;

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::Args;
use localcloud::{LocalCloud, Options, prerequisites};
use serde_json::Value;

use crate::programs::{Programs, output, succeed};
use crate::sites;
use crate::stages::Stages;
use report::Report;
use site::Site;

const ENVIRONMENTS: [&str; 2] = ["dev", "sit"];
const TENANT: &str = "bench";
const TABLES: &str = "tables=wp_posts,wp_postmeta,wp_comments,wp_commentmeta";
const AGAIN: &str =
    "mend what the lines above say, then run `cargo xtask bench promote` again: it begins anew";

/// Measure the promotion of a site's content, beside `wp search-replace`.
///
/// With `site-job` as releases have it, optimised: it is built first. The storage is the local cloud's and no match for S3.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  cargo xtask bench promote                                a site of 1 GB
  cargo xtask bench promote --database 50 --uploads 50     a small one, in minutes")]
pub(crate) struct PromoteArgs {
    /// MB in the database.
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(10..=10_000))]
    database: u32,
    /// MB of uploads.
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(10..=10_000))]
    uploads: u32,
    /// Print the result as JSON.
    #[arg(long)]
    json: bool,
}

/// Measures and prints. The cloud ends with the run, also when it is interrupted.
pub(crate) async fn run(args: &PromoteArgs) -> Result<ExitCode> {
    let (programs, stages) = (Programs::find()?, Stages::new());
    let check = prerequisites::ensure();
    stages
        .run("check this machine's programs", AGAIN, check)
        .await?;
    let all = programs.build();
    stages
        .run("build bbws, site-job and the tests", AGAIN, all)
        .await?;
    let mut cargo = programs.cargo();
    cargo.args(["build", "--locked", "--release", "--package", "site-job"]);
    stages
        .run("build site-job as releases have it", AGAIN, succeed(cargo))
        .await?;
    let mut options = Options::for_test(&ENVIRONMENTS);
    options.name.insert_str(0, "bench");
    let cloud = stages
        .run("start a local cloud", AGAIN, LocalCloud::start(options))
        .await?;
    let outcome = tokio::select! {
        outcome = measure(args, &programs, &stages, &cloud) => outcome,
        _ = tokio::signal::ctrl_c() => Err(anyhow::anyhow!("interrupted")),
    };
    cloud.stop().await?;
    let report = outcome?;
    sites::print(&if args.json {
        report.json()?
    } else {
        report.text()
    });
    Ok(ExitCode::SUCCESS)
}

async fn measure(
    args: &PromoteArgs,
    programs: &Programs,
    stages: &Stages,
    cloud: &LocalCloud,
) -> Result<Report> {
    let folder = tempfile::tempdir().context("cannot make a folder for the fleet")?;
    let fleet = folder.path();
    prepare(programs, stages, cloud, fleet).await?;
    let [dev, sit] = [
        Site::find(cloud, "dev").await?,
        Site::find(cloud, "sit").await?,
    ];
    let mut report = Report::default();
    for part in [5, 1] {
        let (database, uploads) = (args.database / part, args.uploads / part);
        let what = dev.fill(database, uploads);
        let size = stages.run("fill the first site", AGAIN, what).await?;
        let run = promote(programs, cloud, fleet, "all");
        let record = stages.run("promote its content", AGAIN, run).await?;
        report.runs.push(report::Run::read(size, &record)?);
    }
    let run = promote(programs, cloud, fleet, TABLES);
    let record = stages.run("promote its tables alone", AGAIN, run).await?;
    report.tables = Some(report::Run::read(report.runs[1].size, &record)?);
    let began = std::time::Instant::now();
    let replaced = dev.search_replace("bench.dev.localhost", "bench.sit.localhost");
    stages
        .run("rewrite the same with WP-CLI", AGAIN, replaced)
        .await?;
    report.search_replace = began.elapsed().as_secs_f64();
    let rows = async { tokio::try_join!(dev.rows(), sit.rows()) };
    let (of_dev, of_sit) = stages.run("compare all rows", AGAIN, rows).await?;
    report.rows = of_dev.len();
    report.differing = of_dev
        .symmetric_difference(&of_sit)
        .take(20)
        .cloned()
        .collect();
    Ok(report)
}

/// Two sites without content of their own.
async fn prepare(
    programs: &Programs,
    stages: &Stages,
    cloud: &LocalCloud,
    fleet: &Path,
) -> Result<()> {
    super::fleet::copy(&programs.root, fleet)?;
    for tenant in ["acme", "bolt"] {
        super::fleet::remove(fleet, tenant)?;
    }
    let site_job = programs.folder.with_file_name("release").join("site-job");
    for (at, environment) in ENVIRONMENTS.into_iter().enumerate() {
        super::fleet::add(fleet, TENANT, environment)?;
        let bbws = |arguments: &[&str]| {
            let mut command = programs.bbws(fleet, Some((cloud.state(), environment)))?;
            command.args(arguments);
            anyhow::Ok(command)
        };
        if at == 0 {
            let mut build = bbws(&["image", "build", "--site-job"])?;
            build.arg(&site_job);
            stages.run("build the image", AGAIN, succeed(build)).await?;
        }
        let push = bbws(&["image", "push", "--env", environment])?;
        stages.run("push it", AGAIN, succeed(push)).await?;
        let apply = bbws(&["apply", "--env", environment])?;
        stages
            .run("provision a site", AGAIN, succeed(apply))
            .await?;
    }
    let mut profiles = String::new();
    for environment in ENVIRONMENTS {
        let variables = cloud.environment(environment);
        profiles.push_str(&format!(
            "[profile {environment}]\nregion = {}\naws_access_key_id = {}\naws_secret_access_key = {}\n",
            variables["AWS_REGION"], variables["AWS_ACCESS_KEY_ID"], variables["AWS_SECRET_ACCESS_KEY"]
        ));
    }
    Ok(std::fs::write(fleet.join("aws-config"), profiles)?)
}

/// The record of a promotion.
async fn promote(
    programs: &Programs,
    cloud: &LocalCloud,
    fleet: &Path,
    content: &str,
) -> Result<Value> {
    let mut command = programs.bbws(fleet, Some((cloud.state(), "dev")))?;
    command.env("AWS_CONFIG_FILE", fleet.join("aws-config"));
    command.args([
        "promote",
        TENANT,
        "--from",
        "dev",
        "--to",
        "sit",
        "--confirm",
        TENANT,
    ]);
    command.args([
        "--from-profile",
        "dev",
        "--to-profile",
        "sit",
        "--json",
        "--content",
        content,
    ]);
    Ok(serde_json::from_slice(&output(command).await?)?)
}
