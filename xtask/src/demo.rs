//! `cargo xtask demo`: from a fresh checkout to sites in the browser; `cargo xtask down`: back.

use std::net::{Ipv4Addr, TcpListener};
use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::Args;
use localcloud::{Options, State, background, prerequisites};

use crate::image;
use crate::programs::{Programs, status, succeed};
use crate::sites::{self, CLOUD, Site, print};
use crate::stages::{Stages, seconds};
use crate::table::table;

/// The environment of the sample fleet that the demo provisions.
const ENVIRONMENT: &str = "dev";
/// The edge's port where it is free: the one that people guess.
const VIEWER_PORT: u16 = 8080;

const AGAIN: &str =
    "mend what the lines above say, then run `cargo xtask demo` again: it carries on";

/// Start a local cloud and provision the sample fleet's dev environment on it.
///
/// Everything that is there already is used again, so a repeat is quick. The cloud is left running.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  cargo xtask demo                     two WordPress sites, from nothing
  cargo xtask password acme            the password of acme's administrator
  eval \"$(cargo xtask env)\"            then use bbws by hand
  cargo xtask down                     end it all")]
pub(crate) struct DemoArgs {
    /// Port of the sites on loopback, for a cloud that does not run yet. 8080 where that is free, else any.
    #[arg(long)]
    viewer_port: Option<u16>,
}

/// Runs the demo. A repeat uses what is there; after a crash too.
pub(crate) async fn run(args: &DemoArgs) -> Result<ExitCode> {
    let (programs, stages) = (Programs::find()?, Stages::new());
    stages
        .run(
            "check this machine's programs",
            AGAIN,
            prerequisites::ensure(),
        )
        .await?;
    let options = Options {
        viewer_port: viewer_port(args.viewer_port),
        ..Options::demo()
    };
    // The compiler and the downloads of the cloud's first start hardly compete.
    let (built, state) = futures::future::join(
        stages.run(
            "build bbws, site-job and the tests",
            "mend what cargo says above, then run `cargo xtask demo` again",
            programs.build(),
        ),
        stages.run(
            "start the local cloud",
            AGAIN,
            background::up(&programs.own, &["cloud"], &options),
        ),
    )
    .await;
    built?;
    let state = state?;
    provision(&programs, &stages, &state).await?;
    let sites = front_pages(&programs, &stages, &state).await?;
    stages
        .run(
            "plan again",
            "see what `bbws plan` shows above: an apply should leave nothing to do",
            plan_again(&programs, &state),
        )
        .await?;
    summary(&stages, &state, &sites);
    Ok(ExitCode::SUCCESS)
}

/// Ends the demo's cloud, and the Docker daemon if the demo started it.
pub(crate) async fn down() -> Result<ExitCode> {
    let ended = background::down(CLOUD).await?;
    print(if ended {
        "ended the local cloud"
    } else {
        "no local cloud was running"
    });
    Ok(ExitCode::SUCCESS)
}

/// The port asked for; else the usual one, unless something has it.
fn viewer_port(asked: Option<u16>) -> Option<u16> {
    asked.or_else(|| {
        TcpListener::bind((Ipv4Addr::LOCALHOST, VIEWER_PORT))
            .is_ok()
            .then_some(VIEWER_PORT)
    })
}

async fn provision(programs: &Programs, stages: &Stages, state: &State) -> Result<()> {
    let bbws = |arguments: &[&str]| {
        let mut command = programs.bbws(&programs.root, Some((state, ENVIRONMENT)))?;
        command.args(arguments);
        anyhow::Ok(command)
    };
    image::build(programs, stages, AGAIN).await?;
    let push = succeed(bbws(&["image", "push", "--env", ENVIRONMENT])?);
    stages.run("bbws image push", AGAIN, push).await?;
    let apply = succeed(bbws(&["apply", "--env", ENVIRONMENT])?);
    stages.run("bbws apply", AGAIN, apply).await
}

async fn front_pages(programs: &Programs, stages: &Stages, state: &State) -> Result<Vec<Site>> {
    let next = format!(
        "the logs of the cloud and of its containers: {} and `docker logs` of a container of `docker ps`",
        state.directory.display()
    );
    let wait = async {
        let sites = sites::list(programs, state, ENVIRONMENT).await?;
        if sites.is_empty() {
            bail!("the sample fleet has no site in {ENVIRONMENT}");
        }
        for site in &sites {
            sites::await_front_page(stages, state.viewer_port, site).await?;
        }
        Ok(sites)
    };
    stages.run("wait for every front page", &next, wait).await
}

/// Exit code 2 of a plan says that something is left to do.
async fn plan_again(programs: &Programs, state: &State) -> Result<()> {
    let mut plan = programs.bbws(&programs.root, Some((state, ENVIRONMENT)))?;
    plan.args(["plan", "--env", ENVIRONMENT, "--detailed-exitcode"]);
    let status = status(&mut plan).await?;
    match status.code() {
        Some(0) => Ok(()),
        Some(2) => bail!("something is left to do after the apply"),
        _ => bail!("`bbws plan` ended with {status}"),
    }
}

fn summary(stages: &Stages, state: &State, sites: &[Site]) {
    let rows: Vec<Vec<String>> = sites
        .iter()
        .map(|site| {
            let secret = sites::secret_name(ENVIRONMENT, &site.tenant);
            vec![
                site.tenant.clone(),
                site.url.clone(),
                format!("cargo xtask password {}", site.tenant),
                secret,
            ]
        })
        .collect();
    let mut times = stages.rows();
    times.push(vec!["all".to_owned(), seconds(stages.elapsed())]);
    print(&format!(
        "\n{}\n\n{}\n\n\
         Every front page answered 200. Log in at /wp-admin/. The cloud keeps running: {} (accounts: {}).\n\
         To use bbws by hand:  eval \"$(cargo xtask env)\" && bbws plan --env {ENVIRONMENT}\n\
         To end it all:        cargo xtask down",
        table(
            &[
                "tenant",
                "URL",
                "admin's password",
                "which is in Secrets Manager as"
            ],
            &rows,
            &[]
        ),
        table(&["stage", "took"], &times, &[1]),
        state.endpoint,
        accounts(state),
    ));
}

fn accounts(state: &State) -> String {
    let named = state
        .options
        .accounts
        .iter()
        .map(|account| format!("{} {}", account.environment, account.id));
    named.collect::<Vec<_>>().join(", ")
}
