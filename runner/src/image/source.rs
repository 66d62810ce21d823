//! Fetching components and keeping them in a cache, checked on every use.
//!
//! `<cache>/archives/<sha512>` holds downloads, `<cache>/trees/<tree>` the files taken from them. Everything is written
//! under a temporary name and renamed when it is whole and right, so two builds at once, or one cut off, do no harm.

use std::{
    env, fs,
    io::Read,
    path::{Path, PathBuf},
    process::Stdio,
};

use flate2::read::GzDecoder;
use sha2::{Digest, Sha512};
use tokio::process::Command;

use super::{Component, ImageError, Source, tree};
use crate::output::narrate;

/// `$BBWS_CACHE`, else `$XDG_CACHE_HOME/bbws`, else `~/.cache/bbws`.
#[must_use]
pub fn cache_directory() -> PathBuf {
    let set = |name: &str| {
        env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    set("BBWS_CACHE")
        .or_else(|| set("XDG_CACHE_HOME").map(|cache| cache.join("bbws")))
        .or_else(|| set("HOME").map(|home| home.join(".cache/bbws")))
        .unwrap_or_else(|| env::temp_dir().join("bbws"))
}

/// The component's files: a folder, or a file when the component is one. From the cache when they are there and right,
/// otherwise from the first source whose files are right.
///
/// # Errors
/// When no source gives the pinned files; the error has each source's reason, with both values of a mismatch.
pub(super) async fn fetch(
    cache: &Path,
    name: &str,
    component: &Component,
) -> Result<PathBuf, ImageError> {
    let path = cache.join("trees").join(&component.tree);
    if path.exists() {
        if blocking(path.clone(), |path| {
            tree::hash(&path).map_err(|error| error.to_string())
        })
        .await
        .as_ref()
            == Ok(&component.tree)
        {
            return Ok(path);
        }
        narrate(format_args!(
            "{name}: the cached files are damaged; fetching them again"
        ));
        remove(&path).map_err(ImageError::io(format_args!("removing {}", path.display())))?;
    }
    let mut reasons = Vec::new();
    for source in &component.sources {
        match take(cache, source, &component.tree, &path).await {
            Ok(()) => return Ok(path),
            Err(reason) => reasons.push(format!("{}: {reason}", source.name())),
        }
    }
    Err(ImageError::Sources {
        component: format!("{name} {}", component.version),
        reasons,
    })
}

/// Downloads what nothing is known of yet. Gives its SHA-512 and where the cache keeps it.
///
/// # Errors
/// In words.
pub(super) async fn discover(cache: &Path, source: &Source) -> Result<(String, PathBuf), String> {
    narrate(format_args!("fetching {}", source.name()));
    let scratch = scratch(cache)?;
    let download = source.download(scratch.path()).await?;
    let sum = blocking(download.clone(), |path| sha512(&path)).await?;
    let kept = cache.join("archives").join(&sum);
    fs::rename(&download, &kept).map_err(|error| format!("keeping the download: {error}"))?;
    Ok((sum, kept))
}

/// The files of an archive that the cache keeps, by the source's path: their tree hash, and what `read` makes of them.
///
/// # Errors
/// In words.
pub(super) async fn examine<T: Send + 'static>(
    cache: &Path,
    archive: PathBuf,
    source: &Source,
    read: impl FnOnce(&Path) -> T + Send + 'static,
) -> Result<(String, T), String> {
    let scratch = scratch(cache)?;
    let files = scratch.path().join("files");
    let inner = source.path.clone();
    blocking(archive, move |archive| {
        lay_out(&archive, inner.as_deref(), &files)?;
        let tree = tree::hash(&files).map_err(|error| error.to_string())?;
        Ok((tree, read(&files)))
    })
    .await
}

/// Puts the files of one source at `target`, if they are the pinned ones.
async fn take(cache: &Path, source: &Source, wanted: &str, target: &Path) -> Result<(), String> {
    let archive = archive(cache, source).await?;
    let scratch = scratch(cache)?;
    let unpacked = scratch.path().join("files");
    let inner = source.path.clone();
    let destination = unpacked.clone();
    let found = blocking(archive.path().to_owned(), move |archive| {
        lay_out(&archive, inner.as_deref(), &destination)?;
        tree::hash(&destination).map_err(|error| error.to_string())
    })
    .await?;
    if found != wanted {
        return Err(format!(
            "the files' tree hash is {found}, the lock file says {wanted}"
        ));
    }
    match fs::rename(&unpacked, target) {
        // Another build was faster; its files have the same hash in their name.
        Err(_) if target.exists() => Ok(()),
        done => done.map_err(|error| format!("keeping the files: {error}")),
    }
}

/// A download, either kept in the cache or gone with this value.
enum Archive {
    Kept(PathBuf),
    Passing(
        PathBuf,
        #[expect(dead_code, reason = "held so that the download is removed at the end")] Scratch,
    ),
}

impl Archive {
    fn path(&self) -> &Path {
        match self {
            Self::Kept(path) | Self::Passing(path, _) => path,
        }
    }
}

/// Downloads the source's archive, unless the cache has it. One without a checksum is not kept: nothing says what it is.
async fn archive(cache: &Path, source: &Source) -> Result<Archive, String> {
    let kept = source
        .sha512
        .as_ref()
        .map(|sum| cache.join("archives").join(sum));
    if let (Some(kept), Some(sum)) = (&kept, &source.sha512)
        && kept.exists()
    {
        if blocking(kept.clone(), |path| sha512(&path)).await.as_ref() == Ok(sum) {
            return Ok(Archive::Kept(kept.clone()));
        }
        fs::remove_file(kept).map_err(|error| format!("removing a damaged download: {error}"))?;
    }
    narrate(format_args!("fetching {}", source.name()));
    let scratch = scratch(cache)?;
    let download = source.download(scratch.path()).await?;
    let Some((kept, wanted)) = kept.zip(source.sha512.as_ref()) else {
        return Ok(Archive::Passing(download, scratch));
    };
    let found = blocking(download.clone(), |path| sha512(&path)).await?;
    if found != *wanted {
        return Err(format!(
            "the archive's sha512 is {found}, the lock file says {wanted}"
        ));
    }
    fs::rename(&download, &kept).map_err(|error| format!("keeping the download: {error}"))?;
    Ok(Archive::Kept(kept))
}

impl Source {
    /// How it is told: the package or the address.
    #[must_use]
    pub fn name(&self) -> &str {
        self.npm
            .as_deref()
            .or(self.url.as_deref())
            .unwrap_or("a source without an address")
    }

    /// Downloads into an empty folder and returns the file. npm's and curl's own settings choose registry and proxy.
    async fn download(&self, folder: &Path) -> Result<PathBuf, String> {
        if let Some(package) = &self.npm {
            let mut npm = Command::new("npm");
            npm.args(["pack", "--silent", "--ignore-scripts", package])
                .current_dir(folder);
            run(npm, "npm").await?;
        } else if let Some(url) = &self.url {
            download(url, folder).await?;
        }
        let mut files = fs::read_dir(folder).map_err(|error| error.to_string())?;
        match (files.next(), files.next()) {
            (Some(Ok(file)), None) => Ok(file.path()),
            _ => Err("the download is not one file".to_owned()),
        }
    }
}

/// Downloads from an `https://` address into the file `download` of a folder. curl's own settings choose the proxy.
pub(crate) async fn download(url: &str, folder: &Path) -> Result<(), String> {
    let mut curl = Command::new("curl");
    curl.args([
        "--fail",
        "--silent",
        "--show-error",
        "--location",
        "--proto",
        "=https",
        "--connect-timeout",
        "20",
    ]);
    curl.args(["--output", "download", url]).current_dir(folder);
    run(curl, "curl").await.map(drop)
}

/// What npm's registry has as a package's latest version.
pub(super) async fn latest_of_npm(package: &str) -> Result<String, String> {
    let mut npm = Command::new("npm");
    npm.args(["view", "--silent", package, "version"]);
    let version = run(npm, "npm").await?;
    Ok(version.trim().to_owned())
}

/// A program's standard output.
async fn run(mut command: Command, name: &str) -> Result<String, String> {
    let output = command
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => format!("this machine has no {name}"),
            _ => format!("running {name}: {error}"),
        })?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let words = String::from_utf8_lossy(&output.stderr);
    Err(format!(
        "{name} ended with {}: {}",
        output.status,
        words.trim().replace('\n', " / ")
    ))
}

/// Puts a source's files at `destination`: those under `inner` of an archive, or the download itself.
fn lay_out(download: &Path, inner: Option<&str>, destination: &Path) -> Result<(), String> {
    match inner {
        Some(inner) => unpack(download, inner, destination),
        None => fs::copy(download, destination)
            .map(drop)
            .map_err(|error| error.to_string()),
    }
}

/// Takes the regular files under `inner` (or the one file that it names) out of a gzipped tar archive.
fn unpack(archive: &Path, inner: &str, destination: &Path) -> Result<(), String> {
    let file = fs::File::open(archive).map_err(|error| error.to_string())?;
    let mut archive = tar::Archive::new(GzDecoder::new(file));
    let wrong = |error: std::io::Error| format!("unpacking: {error}");
    let mut any = false;
    for entry in archive.entries().map_err(wrong)? {
        let mut entry = entry.map_err(wrong)?;
        if !entry.header().entry_type().is_file() {
            continue;
        }
        let path = entry.path().map_err(wrong)?.into_owned();
        let Ok(relative) = path.strip_prefix(inner) else {
            continue;
        };
        if relative
            .components()
            .any(|part| !matches!(part, std::path::Component::Normal(_)))
        {
            return Err(format!("unpacking: {} leads outside", path.display()));
        }
        let target = if relative.as_os_str().is_empty() {
            destination.to_owned()
        } else {
            destination.join(relative)
        };
        if let Some(parent) = target.parent() {
            fs::create_dir_all(parent).map_err(wrong)?;
        }
        let mut out = fs::File::create(&target).map_err(wrong)?;
        std::io::copy(&mut entry, &mut out).map_err(wrong)?;
        any = true;
    }
    if any {
        Ok(())
    } else {
        Err(format!("the archive has no {inner}"))
    }
}

fn sha512(path: &Path) -> Result<String, String> {
    let mut file = fs::File::open(path).map_err(|error| error.to_string())?;
    let mut hash = Sha512::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer).map_err(|error| error.to_string())? {
            0 => return Ok(hex::encode(hash.finalize())),
            read => hash.update(&buffer[..read]),
        }
    }
}

/// A folder inside the cache, on its file system so that renames work, that goes with this value.
struct Scratch(PathBuf);

impl Scratch {
    fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn scratch(cache: &Path) -> Result<Scratch, String> {
    let wrong = |error: std::io::Error| format!("making folders in {}: {error}", cache.display());
    for folder in ["archives", "trees", "scratch"] {
        fs::create_dir_all(cache.join(folder)).map_err(wrong)?;
    }
    let path = cache.join("scratch").join(format!(
        "{}-{:016x}",
        std::process::id(),
        rand::random::<u64>()
    ));
    fs::create_dir(&path).map_err(wrong)?;
    Ok(Scratch(path))
}

fn remove(path: &Path) -> std::io::Result<()> {
    if path.is_dir() {
        fs::remove_dir_all(path)
    } else {
        fs::remove_file(path)
    }
}

async fn blocking<T: Send + 'static>(
    path: PathBuf,
    work: impl FnOnce(PathBuf) -> Result<T, String> + Send + 'static,
) -> Result<T, String> {
    tokio::task::spawn_blocking(move || work(path))
        .await
        .map_err(|error| error.to_string())?
}
