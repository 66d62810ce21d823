//! `bbws image key`: a key for a laptop.

use std::path::PathBuf;

use serde::Serialize;

use super::{CliError, ExitCode, Global};
use crate::{image, output};

/// Make a key that signs images: for trying it out, where there is no KMS.
///
/// Writes the private key into the file, for its owner alone, and the public one beside it with `.pub` behind its name. The
/// private one has no password: keep it off shared machines, and sign releases with a key in KMS.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  bbws image key laptop.key && bbws image sign --env dev --key laptop.key
  cosign verify --key laptop.key.pub --insecure-ignore-tlog=true <registry>/bbws/wordpress@sha256:…")]
pub(super) struct Args {
    /// Where the private key goes; nothing may be there.
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

#[derive(Serialize)]
struct Made {
    private_key: PathBuf,
    public_key: PathBuf,
}

/// Runs the verb.
pub(super) fn run(global: &Global, args: &Args) -> Result<ExitCode, CliError> {
    let made = Made {
        public_key: image::generate(&args.file)?,
        private_key: args.file.clone(),
    };
    if global.json {
        output::print(output::result("image key", ExitCode::Done, &made));
    } else {
        output::print(made.public_key.display());
    }
    Ok(ExitCode::Done)
}
