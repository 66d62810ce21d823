//! Fetching zips and keeping them in a cache, checked on every use.

use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::image::{cache_directory, download};
use crate::manifest::{Package, Source};
use crate::output::narrate;

/// The package's zip: from the cache, or from its source, which must give the one that the manifest names.
///
/// # Errors
/// Why not, with both checksums where they differ.
pub async fn fetch(package: &Package) -> Result<Vec<u8>, String> {
    let folder = cache_directory().join("packages");
    let kept = folder.join(format!("{}.zip", package.sha256));
    if let Ok(zip) = std::fs::read(&kept)
        && check(&zip, package).is_ok()
    {
        return Ok(zip);
    }
    let zip = from_source(package, &folder).await?;
    check(&zip, package)?;
    keep(&folder, &kept, &zip)
        .map_err(|error| format!("keeping it in {}: {error}", folder.display()))?;
    Ok(zip)
}

/// # Errors
/// It is another one; says both checksums.
pub(super) fn check(zip: &[u8], package: &Package) -> Result<(), String> {
    let found = hex::encode(Sha256::digest(zip));
    if found == package.sha256.as_str() {
        return Ok(());
    }
    Err(format!(
        "the zip of {} has the SHA-256 {found}, the manifest says {}",
        package.source, package.sha256
    ))
}

async fn from_source(package: &Package, folder: &Path) -> Result<Vec<u8>, String> {
    let read = |path: PathBuf| {
        std::fs::read(&path).map_err(|error| format!("reading {}: {error}", path.display()))
    };
    match &package.source {
        Source::File(path) => read(path.clone()),
        Source::Url(url) => {
            narrate(format_args!("fetching {url}"));
            let unable = |error: std::io::Error| format!("making {}: {error}", folder.display());
            std::fs::create_dir_all(folder).map_err(unable)?;
            let scratch = tempfile::tempdir_in(folder).map_err(unable)?;
            download(url, scratch.path())
                .await
                .map_err(|reason| format!("{url}: {reason}"))?;
            read(scratch.path().join("download"))
        }
    }
}

/// Under a temporary name until it is whole: two runs at once, or one cut off, do no harm.
fn keep(folder: &Path, kept: &Path, zip: &[u8]) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    std::io::Write::write_all(&mut file, zip)?;
    file.persist(kept)?;
    Ok(())
}
