//! `bbws image verify`: whether a trusted key vouches for an image.

use std::path::Path;

use super::super::scope::environment;
use super::{CliError, ExitCode, Global};
use crate::{
    cloud::Cloud,
    image::{self, KeyReference, PublicKey, Registry, Verified},
    manifest::{EnvironmentName, Release},
    output,
};

/// Check an image's signature, provenance and bill of materials in an environment's registry.
///
/// This is what `bbws apply` checks where the environment says `require_signed: true`. Exits with 4 when the image does not
/// verify.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  bbws image verify --env prod                     the environment's release, by the keys in its manifest
  bbws image verify --env prod sha256:…            another digest
  bbws image verify --env dev --key laptop.key.pub")]
pub(super) struct Args {
    /// A tag or a digest. Without it, the environment's release.
    #[arg(value_name = "IMAGE")]
    image: Option<Release>,
    /// The environment whose registry has the image.
    #[arg(long, value_name = "NAME")]
    env: EnvironmentName,
    /// A key that is trusted: awskms:/// and a key's id, alias or ARN; or a PEM file with the public key. May be repeated.
    /// Without it, the environment's `signing_keys`.
    #[arg(long = "key", value_name = "KEY")]
    keys: Vec<String>,
}

/// Runs the verb.
pub(super) async fn run(global: &Global, args: Args) -> Result<ExitCode, CliError> {
    let fleet = super::super::fleet(global)?;
    let environment = environment(&fleet, &args.env)?;
    let mut references: Vec<_> = args
        .keys
        .iter()
        .map(|key| KeyReference::new(key, Path::new("")))
        .collect();
    if references.is_empty() {
        let trusted = environment.signing_keys.iter();
        references.extend(trusted.map(|key| KeyReference::new(key.as_str(), &global.fleet)));
    }
    if references.is_empty() {
        let message = format!("{} trusts no key, and none was named", environment.name);
        return Err(CliError::new(ExitCode::Usage, message)
            .next("add `signing_keys:` to the environment's manifest, or name one with --key"));
    }
    let cloud = Cloud::connect(environment).await?;
    let mut keys = Vec::new();
    for reference in &references {
        keys.push(PublicKey::open(&cloud.kms, reference).await?);
    }
    let image = args.image.as_ref().unwrap_or(&environment.release);
    let verified = image::verify_image(Registry::of(&cloud), image.as_str(), &keys).await?;
    if global.json {
        output::print(output::result("image verify", ExitCode::Done, &verified));
    } else {
        print(&verified);
    }
    Ok(ExitCode::Done)
}

fn print(verified: &Verified) {
    let or_unknown = |text: &Option<String>| text.clone().unwrap_or_else(|| "unknown".to_owned());
    for (name, value) in [
        ("image", verified.reference.clone()),
        ("key", verified.key.clone()),
        ("revision", or_unknown(&verified.revision)),
        ("lock", or_unknown(&verified.lock)),
        ("builder", or_unknown(&verified.builder)),
        ("bill", output::count(verified.components, "component")),
    ] {
        output::print(format_args!("{name:<8}  {value}"));
    }
}
