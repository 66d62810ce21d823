//! `bbws image sbom`: what is in an image.

use std::path::PathBuf;

use super::{CliError, ExitCode, Global, Local};
use crate::{image::sbom, output};

/// Print what is in the built image: a CycloneDX 1.6 document.
///
/// Lists Debian's packages, PHP, WordPress, WP-CLI, plugins, themes, and the crates of site-job, from the image's files. The
/// same image gives the same document.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  bbws image sbom > sbom.cdx.json
  bbws image sbom --tag try --output sbom.cdx.json
  bbws image sbom | jq -r '.components[].purl'")]
pub(super) struct Args {
    #[command(flatten)]
    local: Local,
    /// Write the document into a file instead of printing it.
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Runs the verb.
pub(super) async fn run(global: &Global, args: Args) -> Result<ExitCode, CliError> {
    let bill = sbom::sbom(&args.local.reference()?).await?;
    if let Some(path) = &args.output {
        sbom::write(&bill, path)?;
        output::narrate(format_args!("{} written", path.display()));
    }
    if global.json {
        output::print(output::result("image sbom", ExitCode::Done, &bill));
    } else if args.output.is_none() {
        output::print(format_args!("{bill:#}"));
    }
    Ok(ExitCode::Done)
}
