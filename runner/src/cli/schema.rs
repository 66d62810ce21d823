//! `bbws schema`: the JSON Schemas of the manifests, for editors.

use super::{CliError, ExitCode, Global};
use crate::manifest::{ManifestKind, json_schema};
use crate::output;

/// Print the JSON Schema of a kind of manifest.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  bbws schema site                    the keys of tenants/<tenant>/<environment>.yaml
  bbws schema environment > docs/schema/environment.json

An editor with the YAML language server reads the schema that a file's first line names:
  # yaml-language-server: $schema=../../docs/schema/site.json")]
pub(super) struct Args {
    /// Which manifest.
    kind: ManifestKind,
}

/// Prints the schema itself, with `--json` too: what editors read has a form of its own.
///
/// # Errors
/// None in practice.
pub(super) async fn run(_: &Global, args: Args) -> Result<ExitCode, CliError> {
    output::print(format_args!("{:#}", json_schema(args.kind)));
    Ok(ExitCode::Done)
}
