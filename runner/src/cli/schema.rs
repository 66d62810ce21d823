//! `bbws schema`: the JSON Schemas of the manifests, for editors, and of the foundation document, for whoever writes one.

use super::{CliError, ExitCode, Global};
use crate::cloud::foundation_schema;
use crate::manifest::{self, ManifestKind};
use crate::output;

/// Print the JSON Schema of a kind of manifest, or of the foundation document.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  bbws schema site                    the keys of tenants/<tenant>/<environment>.yaml
  bbws schema environment > docs/schema/environment.json

An editor with the YAML language server reads the schema that a file's first line names:
  # yaml-language-server: $schema=../../docs/schema/site.json")]
pub(super) struct Args {
    /// Of what.
    kind: Kind,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Kind {
    #[value(help = "environments/<environment>/environment.yaml")]
    Environment,
    #[value(help = "tenants/<tenant>/tenant.yaml")]
    Tenant,
    #[value(help = "tenants/<tenant>/<environment>.yaml")]
    Site,
    #[value(help = "The SSM parameter /bbws/<environment>/foundation, which Terraform writes")]
    Foundation,
}

/// Prints the schema itself, with `--json` too: what editors read has a form of its own.
///
/// # Errors
/// None in practice.
pub(super) async fn run(_: &Global, args: Args) -> Result<ExitCode, CliError> {
    let schema = match args.kind {
        Kind::Environment => manifest::json_schema(ManifestKind::Environment),
        Kind::Tenant => manifest::json_schema(ManifestKind::Tenant),
        Kind::Site => manifest::json_schema(ManifestKind::Site),
        Kind::Foundation => foundation_schema(),
    };
    output::print(format_args!("{schema:#}"));
    Ok(ExitCode::Done)
}
