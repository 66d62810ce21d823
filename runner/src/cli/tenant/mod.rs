//! `bbws tenant`: manifests for people who would rather not write them.

mod state;

use super::proposal::{Proposal, client, propose, unusable};
use super::{CliError, ExitCode, Global, Interrupt};
use crate::github::File;
use crate::manifest::{Domain, Draft, Email, EnvironmentName, Line, Login, SiteState, TenantId};
use clap::Subcommand;
use state::{Of, Removal};
use std::path::{Path, PathBuf};

/// Write and change manifests of tenants.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  bbws tenant new acme --env dev --name \"Acme Ltd\" --title Acme --domain acme.dev.example.com --user ada --email ada@acme.example
  bbws tenant suspend acme --env prod --pr
  bbws tenant remove acme --env prod --reason \"contract ended\" --pr")]
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
    /// Serve a site's visitors a 503 page from the edge, and run no task of it. Its content is kept.
    #[command(after_help = "\
Examples:
  bbws tenant suspend acme --env prod         then commit the manifest, or `bbws apply`
  bbws tenant suspend acme --env prod --pr    as a pull request")]
    Suspend(Of),
    /// Serve a suspended site's visitors again.
    #[command(after_help = "\
Examples:
  bbws tenant resume acme --env prod")]
    Resume(Of),
    /// Remove a site, in two steps: the first suspends it and sets a grace, the second, once that has ended, deletes its manifest.
    ///
    /// Until the second is applied everything of the site is kept, and `bbws tenant restore` calls it back. It then needs no
    /// confirmation: it is dumped a last time and destroyed, and its report lies in removals/<tenant>/ in the artifact bucket.
    #[command(after_help = "\
Examples:
  bbws tenant remove acme --env prod --reason \"contract ended, ticket 4711\" --pr    kept for 30 days
  bbws tenant remove acme --env prod --grace 90 --reason \"…\"
  bbws tenant remove acme --env prod --pr                                            after that")]
    Remove(Removal),
    /// Call a removal back during its grace: the site is served as before.
    #[command(after_help = "\
Examples:
  bbws tenant restore acme --env prod --pr")]
    Restore(Of),
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
    interrupt: Interrupt,
) -> Result<ExitCode, CliError> {
    let (draft, client): (Draft, _) = match args.action {
        Action::New(new) => (new.answers.into(), client(new.pr)?),
        Action::Request(request) => (requested(&request.form)?, client(true)?),
        Action::Suspend(of) => {
            let client = client(of.pr)?;
            let proposal = state::serve(global, &of, SiteState::Suspended)?;
            return propose(global, proposal, client, interrupt).await;
        }
        Action::Resume(of) => {
            let client = client(of.pr)?;
            let proposal = state::serve(global, &of, SiteState::Active)?;
            return propose(global, proposal, client, interrupt).await;
        }
        Action::Remove(removal) => {
            let client = client(removal.of.pr)?;
            let proposal = state::remove(global, &removal)?;
            return propose(global, proposal, client, interrupt).await;
        }
        Action::Restore(of) => {
            let client = client(of.pr)?;
            let proposal = state::restore(global, &of)?;
            return propose(global, proposal, client, interrupt).await;
        }
    };
    let files = draft.files(&global.fleet).into_iter();
    let files = files.map(|(path, text)| File {
        path,
        before: None,
        after: Some(text),
    });
    let proposal = Proposal {
        verb: "tenant new",
        branch: format!("tenant/{}-{}", draft.tenant, draft.environment),
        title: format!("Add {} in {}", draft.tenant, draft.environment),
        body: "The manifests of a new site.".to_owned(),
        files: files.collect(),
    };
    propose(global, proposal, client, interrupt).await
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
    let text = std::fs::read_to_string(form).map_err(|error| unusable(form, &error))?;
    Draft::of_form(&text).map_err(|problems| {
        let lines: Vec<_> = problems.iter().map(ToString::to_string).collect();
        CliError::new(ExitCode::InvalidManifests, lines.join("\n"))
            .next("open another issue with these answers corrected")
    })
}
