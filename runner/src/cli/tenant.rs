//! `bbws tenant`: manifests for people who would rather not write them.

use super::{CliError, ExitCode, Global, Interrupt};
use crate::github::{Client, open_pull_request};
use crate::manifest::{self, Domain, Draft, Email, EnvironmentName, Line, Login, TenantId};
use crate::output;
use clap::Subcommand;
use std::path::{Path, PathBuf};

/// Write manifests of tenants.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  bbws tenant new acme --env dev --name \"Acme Ltd\" --title Acme --domain acme.dev.example.com --user ada --email ada@acme.example")]
pub(super) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Write the manifests of a new site, and of its tenant where that is new too.
    ///
    /// The whole fleet is checked with them; when it is not valid, nothing stays written.
    #[command(after_help = "\
Examples:
  bbws tenant new acme --env dev --name \"Acme Ltd\" --title Acme --domain acme.dev.example.com --user ada --email ada@acme.example
  bbws tenant new acme --env dev … --pr    as a pull request: nothing is written here")]
    New(New),
    /// Open the pull request that an issue made by the form "New site" asks for.
    ///
    /// Needs GITHUB_REPOSITORY, GITHUB_API_URL, and GITHUB_TOKEN with contents and pull-requests, write.
    #[command(after_help = "\
Examples:
  bbws tenant request --form issue.md")]
    Request(Request),
}

#[derive(Debug, clap::Args)]
struct New {
    #[command(flatten)]
    answers: Answers,
    /// Open a pull request instead of writing the files; needs what `bbws tenant request` needs.
    #[arg(long)]
    pr: bool,
}

#[derive(Debug, clap::Args)]
struct Request {
    /// The text.
    #[arg(long, value_name = "FILE")]
    form: PathBuf,
}

#[derive(Debug, clap::Args)]
struct Answers {
    /// The tenant's id.
    tenant: TenantId,
    /// The environment.
    #[arg(long, value_name = "NAME")]
    env: EnvironmentName,
    /// The organization.
    #[arg(long)]
    name: Line,
    /// The site's title.
    #[arg(long)]
    title: Line,
    /// The site's primary domain.
    #[arg(long)]
    domain: Domain,
    /// The first administrator's login name.
    #[arg(long)]
    user: Login,
    /// The first administrator's mail address.
    #[arg(long)]
    email: Email,
}

/// Runs the verb.
pub(super) async fn run(
    global: &Global,
    args: Args,
    mut interrupt: Interrupt,
) -> Result<ExitCode, CliError> {
    let (draft, pr) = match args.action {
        Action::New(new) => (new.answers.into(), new.pr),
        Action::Request(request) => (requested(&request.form)?, true),
    };
    let files = draft.files(&global.fleet);
    let site = format!("{} in {}", draft.tenant, draft.environment);
    write(&global.fleet, &files)?;
    let made = if pr {
        remove(&global.fleet, &files)?;
        let client = Client::of_workflow()?;
        let branch = format!("tenant/{}-{}", draft.tenant, draft.environment);
        let title = format!("Add {site}");
        let body = "The manifests of a new site.";
        let opened = open_pull_request(&client, &branch, (&title, body), &files);
        interrupt
            .ends(async { opened.await.map_err(CliError::from) })
            .await?
    } else {
        let names: Vec<_> = files.iter().map(|(name, _)| name.as_str()).collect();
        names.join(", ")
    };
    if global.json {
        let result = serde_json::json!({"made": made});
        output::print(output::result("tenant new", ExitCode::Done, &result));
    } else {
        output::print(made);
    }
    Ok(ExitCode::Done)
}

impl From<Answers> for Draft {
    fn from(answers: Answers) -> Self {
        Self {
            tenant: answers.tenant,
            environment: answers.env,
            organization: answers.name,
            title: answers.title,
            domain: answers.domain,
            user: answers.user,
            email: answers.email,
        }
    }
}

fn requested(form: &Path) -> Result<Draft, CliError> {
    let text = std::fs::read_to_string(form).map_err(|error| failed(form, &error))?;
    Draft::of_form(&text).map_err(|problems| {
        let lines: Vec<_> = problems.iter().map(ToString::to_string).collect();
        CliError::new(ExitCode::InvalidManifests, lines.join("\n"))
            .next("open another issue with these answers corrected")
    })
}

/// Writes files that are not there yet, and takes them back when the fleet is not valid with them. A crash in between leaves
/// them, for git to show.
fn write(root: &Path, files: &[(String, String)]) -> Result<(), CliError> {
    if let Some((name, _)) = files.iter().find(|(name, _)| root.join(name).exists()) {
        let message = format!("{name} is there already; nothing was written");
        return Err(CliError::new(ExitCode::Refused, message).next("change it instead"));
    }
    for (name, text) in files {
        let file = root.join(name);
        let folder = file.parent().unwrap_or(root);
        std::fs::create_dir_all(folder).map_err(|error| failed(folder, &error))?;
        std::fs::write(&file, text).map_err(|error| failed(&file, &error))?;
    }
    let Err(invalid) = manifest::load(root) else {
        return Ok(());
    };
    remove(root, files)?;
    let palette = output::Palette::stderr();
    output::narrate(output::findings(&invalid.findings, invalid.files, palette));
    let message = format!("{invalid} with the new site; nothing was written");
    Err(CliError::new(ExitCode::InvalidManifests, message)
        .next("choose other answers, or correct the fleet"))
}

fn remove(root: &Path, files: &[(String, String)]) -> Result<(), CliError> {
    for (name, _) in files {
        let file = root.join(name);
        std::fs::remove_file(&file).map_err(|error| failed(&file, &error))?;
        // Gone with the last of its files; a tenant who had others keeps it.
        let _ = std::fs::remove_dir(file.parent().unwrap_or(root));
    }
    Ok(())
}

fn failed(path: &Path, error: &std::io::Error) -> CliError {
    CliError::new(ExitCode::Failed, format!("{}: {error}", path.display()))
}
