//! The command line: `localcloud up | down | status | env`.

use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::{Parser, Subcommand};

use crate::background;
use crate::options::Options;
use crate::state::State;

/// An AWS organization on this machine, for trying bbws and for its tests.
#[derive(Debug, Parser)]
#[command(name = "localcloud", version)]
pub struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Start the cloud in the background and wait until it is ready; harmless when it runs
    Up {
        /// Small letters and digits; clouds of different names run side by side
        #[arg(long, default_value = "demo")]
        name: String,
        /// Evaluate signatures and IAM policies
        #[arg(long)]
        auth: bool,
        /// Port of the sites on loopback [default: 8080, or any free one]
        #[arg(long)]
        viewer_port: Option<u16>,
    },
    /// End the cloud and remove everything it made
    Down {
        #[arg(long, default_value = "demo")]
        name: String,
    },
    /// Say whether the cloud runs, and where
    Status {
        #[arg(long, default_value = "demo")]
        name: String,
    },
    /// Print the variables with which AWS clients use the cloud, for `eval`
    Env {
        #[arg(long, default_value = "demo")]
        name: String,
        /// The environment whose account to act in
        #[arg(long, default_value = "dev")]
        environment: String,
    },
    /// Own a cloud in the foreground (what `up` starts)
    #[command(hide = true)]
    Serve {
        #[arg(long)]
        options: String,
    },
}

/// Runs the command. Results are on stdout, narration on stderr. `through` are the arguments behind which the program that
/// runs takes a command of this kind: a cloud's owner is that program, too.
#[must_use]
pub fn run(cli: &Cli, through: &[&str]) -> ExitCode {
    let outcome = tokio::runtime::Runtime::new()
        .context("cannot start")
        .and_then(|runtime| runtime.block_on(act(&cli.verb, through)));
    match outcome {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn act(verb: &Verb, through: &[&str]) -> Result<ExitCode> {
    match verb {
        Verb::Up {
            name,
            auth,
            viewer_port,
        } => {
            let options = Options {
                name: name.clone(),
                auth: *auth,
                viewer_port: viewer_port.or_else(Options::usual_viewer_port),
                ..Options::default()
            };
            let state = background::up(&std::env::current_exe()?, through, &options).await?;
            print(&describe(&state));
        }
        Verb::Down { name } => {
            let ended = background::down(name).await?;
            print(if ended {
                "ended"
            } else {
                "nothing was running"
            });
        }
        Verb::Status { name } => match background::status(name)? {
            Some(state) => print(&describe(&state)),
            None => {
                print(&format!(
                    "the cloud {name} does not run; `localcloud up --name {name}` starts it"
                ));
                return Ok(ExitCode::FAILURE);
            }
        },
        Verb::Env { name, environment } => {
            let state = background::status(name)?.with_context(|| {
                format!(
                    "the cloud {name} does not run: start it with `localcloud up --name {name}`"
                )
            })?;
            let variables = state
                .environment(environment)
                .with_context(|| format!("the cloud has no environment {environment}"))?;
            for (variable, value) in variables {
                print(&format!("export {variable}={value}"));
            }
        }
        Verb::Serve { options } => background::serve(serde_json::from_str(options)?).await?,
    }
    Ok(ExitCode::SUCCESS)
}

fn describe(state: &State) -> String {
    let accounts: Vec<String> = state
        .options
        .accounts
        .iter()
        .map(|account| format!("{} {}", account.environment, account.id))
        .collect();
    format!(
        "{}\nendpoint  {}\nsites     http://<tenant>.<environment>.localhost:{}/\naccounts  {}\nfiles     {}",
        if state.ready { "ready" } else { "starting" },
        state.endpoint,
        state.viewer_port,
        accounts.join(", "),
        state.directory.display(),
    )
}

#[expect(
    clippy::print_stdout,
    reason = "results of the command belong on stdout"
)]
fn print(text: &str) {
    println!("{text}");
}
