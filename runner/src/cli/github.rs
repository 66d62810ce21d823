//! `bbws github`: what workflows tell GitHub.

use super::{CliError, ExitCode, Global, Interrupt};
use crate::github::{self, Checks, Client, GithubError, Plan, Run, Validation};
use crate::manifest::EnvironmentName;
use crate::output;
use clap::Subcommand;
use std::path::PathBuf;

/// Tells GitHub of plans, applies and checks, from the JSON that they print. For workflows.
///
/// Needs what a workflow has: GITHUB_REPOSITORY, GITHUB_API_URL, and GITHUB_TOKEN with the permissions that each names.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  bbws github plan --env dev --pull-request 12 --commit \"$HEAD_SHA\" --plan plan.json
  bbws github apply --env dev --commit \"$GITHUB_SHA\" --run apply.json")]
pub(super) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Report a plan: the pull request's one comment and labels, a check run, the step summary.
    ///
    /// Permissions: checks, issues and pull-requests, write.
    #[command(after_help = "\
Examples:
  bbws plan --env dev --json > plan.json
  bbws validate --json > validation.json
  bbws github plan --env dev --pull-request 12 --commit \"$HEAD_SHA\" --plan plan.json --validation validation.json")]
    Plan(PlanArgs),
    /// Say which plan was approved with the pull request that a commit merged.
    ///
    /// Permissions: checks and pull-requests, read.
    #[command(after_help = "\
Examples:
  bbws github approved --env dev --commit \"$GITHUB_SHA\" --json > approved.json
  bbws apply --env dev --approved approved.json")]
    Approved(AtCommit),
    /// Report an apply: a deployment for each site, the step summary, and an issue while something merged is not live.
    ///
    /// Permissions: deployments and issues, write.
    #[command(after_help = "\
Examples:
  bbws apply --env dev --json > apply.json
  bbws github apply --env dev --commit \"$GITHUB_SHA\" --run apply.json")]
    Apply(ApplyArgs),
    /// Report a plan of main: an issue while AWS differs from git.
    ///
    /// Permission: issues, write.
    #[command(after_help = "\
Examples:
  bbws plan --env dev --deep --json > plan.json
  bbws github drift --env dev --plan plan.json")]
    Drift(DriftArgs),
    /// Report what a doctor or an audit checked: the step summary, and an issue while they do not end well.
    ///
    /// Permission: issues, write.
    #[command(after_help = "\
Examples:
  bbws audit --env dev --json > audit.json
  bbws github checks --env dev --checks audit.json")]
    Checks(ChecksArgs),
}

#[derive(Debug, clap::Args)]
struct PlanArgs {
    #[command(flatten)]
    at: AtCommit,
    /// The pull request's number.
    #[arg(long, value_name = "NUMBER")]
    pull_request: u64,
    /// What `bbws plan --json` printed.
    #[arg(long, value_name = "FILE")]
    plan: PathBuf,
    /// What `bbws validate --json` printed: its findings become annotations.
    #[arg(long, value_name = "FILE")]
    validation: Option<PathBuf>,
    /// Where to write the whole text when it is too long for a comment.
    #[arg(long, value_name = "FILE")]
    details: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
struct ApplyArgs {
    #[command(flatten)]
    at: AtCommit,
    /// What `bbws apply --json` printed.
    #[arg(long, value_name = "FILE")]
    run: PathBuf,
}

#[derive(Debug, clap::Args)]
struct DriftArgs {
    /// The environment.
    #[arg(long, value_name = "NAME")]
    env: EnvironmentName,
    /// What `bbws plan --json` printed.
    #[arg(long, value_name = "FILE")]
    plan: PathBuf,
}

#[derive(Debug, clap::Args)]
struct ChecksArgs {
    /// The environment.
    #[arg(long, value_name = "NAME")]
    env: EnvironmentName,
    /// What `bbws doctor --json` or `bbws audit --json` printed.
    #[arg(long, value_name = "FILE")]
    checks: PathBuf,
}

#[derive(Debug, clap::Args)]
struct AtCommit {
    /// The environment.
    #[arg(long, value_name = "NAME")]
    env: EnvironmentName,
    /// The commit: 40 or 64 hexadecimal digits.
    #[arg(long, value_name = "SHA", value_parser = commit)]
    commit: String,
}

fn commit(text: &str) -> Result<String, String> {
    let digits = text.chars().all(|c| c.is_ascii_hexdigit());
    match digits && matches!(text.len(), 40 | 64) {
        true => Ok(text.to_owned()),
        false => Err("not the whole SHA of a commit".to_owned()),
    }
}

/// Runs the verb.
pub(super) async fn run(
    global: &Global,
    args: Args,
    mut interrupt: Interrupt,
) -> Result<ExitCode, CliError> {
    let client = Client::of_workflow()?;
    let (name, work) = match args.action {
        Action::Plan(args) => ("github plan", interrupt.ends(plan(&client, args)).await),
        Action::Apply(args) => ("github apply", interrupt.ends(apply(&client, args)).await),
        Action::Drift(args) => ("github drift", interrupt.ends(drift(&client, args)).await),
        Action::Checks(args) => ("github checks", interrupt.ends(checks(&client, args)).await),
        Action::Approved(args) => {
            return interrupt.ends(approved(global, &client, args)).await;
        }
    };
    work?;
    if global.json {
        output::print(output::result(name, ExitCode::Done, &serde_json::json!({})));
    }
    Ok(ExitCode::Done)
}

async fn plan(client: &Client, args: PlanArgs) -> Result<(), CliError> {
    let environment = args.at.env.as_str();
    let printed = github::read::<Plan>(&args.plan, &["plan"])?;
    let validation = args.validation.as_deref();
    let validation = validation
        .map(|file| github::read::<Validation>(file, &["validate"]))
        .transpose()?;
    let validation = validation.as_ref().and_then(|read| read.result.as_ref());
    github::of_plan(environment, &printed)?;
    github::check(client, &args.at.commit, environment, &printed, validation).await?;
    let whole = github::comment(client, args.pull_request, environment, &printed).await?;
    github::label(client, args.pull_request, environment, &printed).await?;
    if let (Some(file), Some(whole)) = (args.details, whole) {
        std::fs::write(&file, whole).map_err(|error| GithubError::File {
            file: file.display().to_string(),
            reason: error.to_string(),
        })?;
    }
    Ok(())
}

async fn apply(client: &Client, args: ApplyArgs) -> Result<(), CliError> {
    let environment = args.at.env.as_str();
    let printed = github::read::<Run>(&args.run, &["apply"])?;
    github::of_run(environment, &printed)?;
    // The issue first: it matters more than the pages of deployments.
    github::not_live(client, &args.at.commit, environment, &printed).await?;
    if let Some(run) = &printed.result {
        github::deploy(client, &args.at.commit, run).await?;
    }
    Ok(())
}

async fn drift(client: &Client, args: DriftArgs) -> Result<(), CliError> {
    let printed = github::read::<Plan>(&args.plan, &["plan"])?;
    github::of_plan(args.env.as_str(), &printed)?;
    github::drift(client, args.env.as_str(), &printed).await?;
    Ok(())
}

async fn checks(client: &Client, args: ChecksArgs) -> Result<(), CliError> {
    let environment = args.env.as_str();
    let printed = github::read::<Checks>(&args.checks, &["doctor", "audit"])?;
    github::of_checks(environment, &printed)?;
    github::checked(client, environment, &printed).await?;
    Ok(())
}

async fn approved(global: &Global, client: &Client, args: AtCommit) -> Result<ExitCode, CliError> {
    let environment = args.env.as_str();
    let approved = github::approved(client, &args.commit, environment).await?;
    let approved = approved.ok_or_else(|| {
        CliError::new(
            ExitCode::Refused,
            format!(
                "no plan of {environment} was approved with commit {}: it was not merged by a pull request, or not planned",
                args.commit
            ),
        )
        .next("look at `bbws plan`, then apply by dispatch of the workflow, which has approvers of its own")
    })?;
    if global.json {
        output::print(output::result("github approved", ExitCode::Done, &approved));
    } else {
        output::print(&approved.fingerprint.plan);
    }
    Ok(ExitCode::Done)
}

impl From<GithubError> for CliError {
    fn from(error: GithubError) -> Self {
        let next = match &error {
            GithubError::Missing(_) | GithubError::Unusable(..) => {
                "`bbws github --help` says what it needs"
            }
            GithubError::Unanswered { .. } | GithubError::Limited { .. } => {
                "run the same command again later: it carries on from what is there"
            }
            GithubError::Refused { .. } => {
                "give the job's token the permissions that `bbws github --help` names"
            }
            GithubError::Stale(_) => "nothing was opened",
            GithubError::File { .. } => "`bbws github --help` says which file is wanted",
        };
        Self::new(ExitCode::Failed, error.to_string()).next(next)
    }
}
