//! Terraform for the tests: the machine's own, else a pinned release, checked against its known checksum.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::command::{command, run};
use crate::paths;
use crate::progress::Progress;

const VERSION: &str = "1.11.4";
/// Of `terraform_1.11.4_SHA256SUMS`, by the architecture's name in Rust and in the file.
const CHECKSUMS: [(&str, &str, &str); 2] = [
    (
        "x86_64",
        "amd64",
        "1ce994251c00281d6845f0f268637ba50c0005657eb3cf096b92f753b42ef4dc",
    ),
    (
        "aarch64",
        "arm64",
        "a43d1d0da9b9bab214a8305a39db0e40869572594ccf50c416a7756499143633",
    ),
];

/// URL, checksum and target are its arguments. The program appears whole or not at all.
const INSTALL: &str = r#"
import hashlib, io, os, sys, urllib.request, zipfile

url, expected, target = sys.argv[1:]
content = urllib.request.urlopen(url, timeout=120).read()
found = hashlib.sha256(content).hexdigest()
if found != expected:
    sys.exit(f"{url} has the SHA-256 {found}, not {expected}")
partial = f"{target}.{os.getpid()}"
with open(partial, "wb") as out:
    out.write(zipfile.ZipFile(io.BytesIO(content)).read("terraform"))
os.chmod(partial, 0o755)
os.replace(partial, target)
"#;

/// Finds `terraform` on PATH, or installs it into the cache.
///
/// # Errors
/// It is missing and cannot be fetched.
pub async fn ensure() -> Result<PathBuf> {
    let places = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&places).map(|place| place.join("terraform"));
    if let Some(found) = found.into_iter().find(|program| program.is_file()) {
        return Ok(found);
    }
    let folder = paths::cache()?.join(format!("terraform-{VERSION}"));
    let target = folder.join("terraform");
    if target.is_file() {
        return Ok(target);
    }
    std::fs::create_dir_all(&folder)?;
    let (_, architecture, checksum) = CHECKSUMS
        .into_iter()
        .find(|(name, ..)| *name == std::env::consts::ARCH)
        .context("there is no `terraform` on PATH: install Terraform 1.11")?;
    let url = format!(
        "https://releases.hashicorp.com/terraform/{VERSION}/terraform_{VERSION}_linux_{architecture}.zip"
    );
    Progress::new().stage(&format!("installing Terraform {VERSION} (once)"));
    install(&url, checksum, &target).await.context(
        "there is no `terraform` on PATH, and it cannot be fetched: install Terraform 1.11 \
         (https://developer.hashicorp.com/terraform/install)",
    )?;
    Ok(target)
}

async fn install(url: &str, checksum: &str, target: &Path) -> Result<()> {
    let mut install = command("python3", &["-c", INSTALL, url, checksum]);
    install.arg(target);
    run(install).await.map(drop)
}

#[cfg(test)]
mod tests {
    use super::install;
    use crate::command::{command, run};
    use sha2::{Digest as _, Sha256};

    #[tokio::test]
    async fn only_the_known_release_is_installed() {
        let folder = std::env::temp_dir().join(format!("bbws-terraform-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let (archive, target) = (folder.join("release.zip"), folder.join("terraform"));
        let script = "import sys, zipfile; zipfile.ZipFile(sys.argv[1], 'w').writestr('terraform', '#!/bin/sh\\necho 1.11')";
        let mut zip = command("python3", &["-c", script]);
        zip.arg(&archive);
        run(zip).await.unwrap();
        let url = format!("file://{}", archive.display());
        let checksum = hex::encode(Sha256::digest(std::fs::read(&archive).unwrap()));

        let refused = install(&url, &"0".repeat(64), &target).await.unwrap_err();
        assert!(refused.to_string().contains(&checksum), "{refused}");
        assert!(!target.exists());

        install(&url, &checksum, &target).await.unwrap();
        let program = target.display().to_string();
        assert_eq!(run(command(&program, &[])).await.unwrap(), "1.11");
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
