//! `bbws image sign`: vouching for a pushed image.

use std::path::Path;

use super::super::scope::environment;
use super::{CliError, ExitCode, Global, Local};
use crate::{
    cloud::Cloud,
    image::{self, KeyReference, Registry, Signer},
    manifest::EnvironmentName,
    output,
};

/// Sign the image that was built here and pushed: its digest, its provenance, its bill of materials.
///
/// The provenance says what the build recorded: the commit, the lock file, the builder. All of it is attached to the digest
/// in cosign's formats, so `cosign verify --key` works as well. An image that this key has signed is left as it is.
///
/// The key is ECDSA on P-256: in AWS KMS (ECC_NIST_P256, SIGN_VERIFY; needs kms:Sign and kms:GetPublicKey) or, on a laptop, a
/// PEM file from `bbws image key`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  bbws image sign --env dev --key awskms:///alias/bbws-release
  bbws image sign --env dev --key laptop.key --tag try
  bbws image sign --env dev --key awskms:///alias/bbws-release --json | jq -r .result.public_key > keys/release.pub")]
pub(super) struct Args {
    /// The environment whose registry has the image.
    #[arg(long, value_name = "NAME")]
    env: EnvironmentName,
    /// awskms:/// and a key's id, alias or ARN; or a PEM file with the private key.
    #[arg(long, value_name = "KEY")]
    key: String,
    #[command(flatten)]
    local: Local,
}

/// Runs the verb.
pub(super) async fn run(global: &Global, args: Args) -> Result<ExitCode, CliError> {
    let fleet = super::super::fleet(global)?;
    let tag = args.local.tag()?;
    let cloud = Cloud::connect(environment(&fleet, &args.env)?).await?;
    let reference = KeyReference::new(&args.key, Path::new(""));
    let signer = Signer::open(&cloud.kms, &reference).await?;
    let signed = image::sign(Registry::of(&cloud), &tag, &signer).await?;
    if signed.already_signed {
        output::narrate("this key has signed it before; nothing was written");
    }
    if global.json {
        output::print(output::result("image sign", ExitCode::Done, &signed));
    } else {
        output::print(&signed.reference);
    }
    Ok(ExitCode::Done)
}
