//! The command line. One file a verb holds its arguments and its `run`; this file only lists and dispatches them.
//!
//! To add a verb: a variant of [`Verb`] and its arm in `dispatch` (with its name in `Verb::name`).

mod apply;
mod audit;
mod capacity;
mod change;
mod checks;
mod cost;
mod destroy;
mod doctor;
mod drift;
mod error;
mod exit;
mod github;
mod image;
mod plan;
mod promote;
mod proposal;
mod render;
mod rollout;
mod schema;
mod scope;
mod signed;
mod status;
mod tenant;
mod validate;

use std::future::Future;
use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::{Args, Parser, Subcommand};
use tokio::signal::unix::{Signal, SignalKind, signal};

pub use error::CliError;
pub use exit::ExitCode;

use crate::manifest::{self, Fleet};
use crate::output;

/// GitOps for WordPress hosting of many tenants on AWS.
#[derive(Debug, Parser)]
#[command(name = "bbws", version, about, after_help = exit::HELP, arg_required_else_help = true)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    verb: Verb,
}

/// What every verb takes.
#[derive(Clone, Debug, Args)]
pub struct Global {
    /// The folder that holds `environments/` and `tenants/`.
    #[arg(
        long,
        global = true,
        value_name = "DIR",
        default_value = ".",
        env = "BBWS_FLEET"
    )]
    pub fleet: PathBuf,
    /// Print the result as JSON.
    #[arg(long, global = true)]
    pub json: bool,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Validate(validate::Args),
    Schema(schema::Args),
    Plan(plan::PlanArgs),
    Apply(apply::ApplyArgs),
    Destroy(destroy::DestroyArgs),
    Render(render::RenderArgs),
    Status(status::StatusArgs),
    Rollout(rollout::Args),
    Promote(promote::Args),
    Image(image::Args),
    Cost(cost::Args),
    Capacity(capacity::Args),
    Audit(audit::Args),
    Github(github::Args),
    Doctor(doctor::Args),
    Drift(drift::Args),
    Tenant(tenant::Args),
}

/// Runs the command that the process's arguments say.
#[must_use]
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return usage(&error),
    };
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            let error =
                CliError::new(ExitCode::Failed, "could not start the runtime").because(error);
            return report("bbws", cli.global.json, &error);
        }
    };
    let Cli { global, verb } = cli;
    let (name, json) = (verb.name(), global.json);
    match runtime.block_on(dispatch(&global, verb)) {
        Ok(code) => code,
        Err(error) => report(name, json, &error),
    }
}

impl Verb {
    const fn name(&self) -> &'static str {
        match self {
            Self::Validate(_) => "validate",
            Self::Schema(_) => "schema",
            Self::Plan(_) => "plan",
            Self::Apply(_) => "apply",
            Self::Destroy(_) => "destroy",
            Self::Render(_) => "render",
            Self::Status(_) => "status",
            Self::Rollout(_) => "rollout",
            Self::Promote(_) => "promote",
            Self::Image(_) => "image",
            Self::Cost(_) => "cost",
            Self::Capacity(_) => "capacity",
            Self::Audit(_) => "audit",
            Self::Github(_) => "github",
            Self::Doctor(_) => "doctor",
            Self::Drift(_) => "drift",
            Self::Tenant(_) => "tenant",
        }
    }
}

async fn dispatch(global: &Global, verb: Verb) -> Result<ExitCode, CliError> {
    let mut interrupt = Interrupt::listen()?;
    match verb {
        Verb::Validate(args) => validate::run(global, args).await,
        Verb::Schema(args) => schema::run(global, args).await,
        Verb::Plan(args) => interrupt.ends(plan::run(global, args)).await,
        // These give their leases back when they are interrupted.
        Verb::Apply(args) => apply::run(global, args, interrupt).await,
        Verb::Destroy(args) => destroy::run(global, args, interrupt).await,
        Verb::Rollout(args) => rollout::run(global, args, interrupt).await,
        Verb::Promote(args) => promote::run(global, args, interrupt).await,
        Verb::Render(args) => render::run(global, args).await,
        Verb::Status(args) => interrupt.ends(status::run(global, args)).await,
        Verb::Image(args) => image::run(global, args, interrupt).await,
        Verb::Cost(args) => cost::run(global, args),
        Verb::Capacity(args) => interrupt.ends(capacity::run(global, args)).await,
        Verb::Audit(args) => interrupt.ends(audit::run(global, args)).await,
        Verb::Github(args) => github::run(global, args, interrupt).await,
        Verb::Doctor(args) => interrupt.ends(doctor::run(global, args)).await,
        Verb::Drift(args) => drift::run(global, args, interrupt).await,
        Verb::Tenant(args) => tenant::run(global, args, interrupt).await,
    }
}

/// SIGINT and SIGTERM, listened for from the moment this is made.
struct Interrupt {
    interrupt: Signal,
    terminate: Signal,
}

impl Interrupt {
    fn listen() -> Result<Self, CliError> {
        let failed =
            |error| CliError::new(ExitCode::Failed, "could not listen for signals").because(error);
        Ok(Self {
            interrupt: signal(SignalKind::interrupt()).map_err(failed)?,
            terminate: signal(SignalKind::terminate()).map_err(failed)?,
        })
    }

    /// Ends `work` at the first signal. Dropping it midway is safe: every verb can be run again at any point.
    async fn ends<T>(
        &mut self,
        work: impl Future<Output = Result<T, CliError>>,
    ) -> Result<T, CliError> {
        tokio::select! {
            outcome = work => outcome,
            _ = self.interrupt.recv() => Err(interrupted()),
            _ = self.terminate.recv() => Err(interrupted()),
        }
    }
}

/// The fleet that the arguments name, for verbs that need a valid one. Findings go to stderr.
///
/// # Errors
/// [`ExitCode::InvalidManifests`] when it has any problem.
pub fn fleet(global: &Global) -> Result<Fleet, CliError> {
    manifest::load(&global.fleet).map_err(|invalid| {
        output::narrate(output::findings(
            &invalid.findings,
            invalid.files,
            output::Palette::stderr(),
        ));
        CliError::new(ExitCode::InvalidManifests, invalid.to_string())
            .next("correct them, then check with `bbws validate`")
    })
}

fn interrupted() -> CliError {
    CliError::new(ExitCode::Interrupted, "interrupted")
        .next("run the same command again: it carries on from what exists")
}

/// Help and version are results; everything else that the parser says is wrong usage.
fn usage(error: &clap::Error) -> ExitCode {
    let _ = error.print();
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => ExitCode::Done,
        _ => ExitCode::Usage,
    }
}

fn report(command: &str, json: bool, error: &CliError) -> ExitCode {
    if json {
        output::print(output::failure(command, error));
    }
    let palette = output::Palette::stderr();
    output::narrate(format_args!(
        "{}: {error}",
        palette.paint(palette.bad, "error")
    ));
    for cause in error.causes() {
        output::narrate(format_args!("  caused by: {cause}"));
    }
    if let Some(next) = &error.next {
        output::narrate(format_args!(
            "  {}: {next}",
            palette.paint(palette.strong, "next")
        ));
    }
    error.exit
}
