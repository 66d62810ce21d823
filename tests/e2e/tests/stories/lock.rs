//! The image's lock: what it pins is what is built, and it can be brought up to date.

use std::collections::BTreeMap;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use e2e::{Bbws, docker};
use serde_json::Value;
use tempfile::TempDir;

const LOCK: &str = "image.lock.yaml";

/// Given a lock with another checksum for a package, when the image is built, then it is not, and both checksums are told.
#[tokio::test]
async fn a_package_with_another_checksum_is_not_built() -> Result<()> {
    let copy = Copy::new()?;
    if !gone().await?.is_empty() {
        // What nobody has anymore can have no other checksum either: the newest packages take its place.
        copy.run(&["lock", "--update"]).await?.expect_code(0)?;
    }
    let lock = copy.lock()?;
    let line = line_of(&lock, &architecture().await?, "nginx")?;
    let right = line.rsplit(':').next().context("no checksum")?;
    let wrong = "0".repeat(64);
    copy.write(&lock.replace(right, &wrong))?;
    let built = copy.build("lock-wrong").await?.expect_code(1)?;
    for value in [right, &wrong, "nginx"] {
        ensure!(built.stderr.contains(value), "{value}: {}", built.stderr);
    }
    let images = docker(&["images", "-q", "bbws/wordpress:lock-wrong"], b"").await?;
    ensure!(images.is_empty(), "there is an image: {images}");
    Ok(())
}

/// Given a lock with a version that no mirror has, when the image is built, then it is not, and what to do is told. When the
/// lock is brought up to date, then what changed is told, the comments stay, a second time changes nothing, and the image can be
/// built from it.
#[tokio::test]
async fn a_lock_is_brought_up_to_date() -> Result<()> {
    let copy = Copy::new()?;
    let lock = copy.lock()?;
    let architecture = architecture().await?;
    let line = line_of(&lock, &architecture, "nginx")?;
    let of_long_ago = format!("        nginx: 1.0-1 sha256:{}", "0".repeat(64));
    copy.write(&lock.replace(line, &of_long_ago))?;
    let checked = copy.run(&["lock", "--check"]).await?.expect_code(1)?;
    ensure!(checked.stdout.contains("nginx 1.0-1"), "{}", checked.stdout);
    let built = copy.build("lock-old").await?.expect_code(1)?;
    for says in ["nginx 1.0-1", "bbws image lock --update"] {
        ensure!(built.stderr.contains(says), "{says}: {}", built.stderr);
    }

    let updated = copy.run(&["lock", "--update"]).await?.expect_code(0)?;
    let told = format!("nginx:{architecture} 1.0-1 -> ");
    ensure!(updated.stdout.contains(&told), "{}", updated.stdout);
    let new = copy.lock()?;
    ensure!(revision(&new)? == revision(&lock)? + 1, "{new:.900}");
    let comments = |text: &str| -> Vec<String> {
        let lines = text.lines().filter(|line| line.trim().starts_with('#'));
        lines.map(str::to_owned).collect()
    };
    ensure!(comments(&new) == comments(&lock), "{new:.900}");

    let again = copy.run(&["lock", "--update"]).await?.expect_code(0)?;
    ensure!(
        again.stdout.contains("nothing is newer"),
        "{}",
        again.stdout
    );
    ensure!(copy.lock()? == new, "the lock was written again");

    let built = copy.build("lock-new").await?.expect_code(0)?;
    docker(&["image", "rm", "bbws/wordpress:lock-new"], b"").await?;
    ensure!(
        !built.stderr.contains("not those of the lock"),
        "{}",
        built.stderr
    );
    Ok(())
}

/// Given a program of another kind of machine, when the image is built with it, then it is not, and both kinds are told. No
/// image is built for a platform without pins.
#[tokio::test]
async fn platforms_do_not_mix() -> Result<()> {
    let copy = Copy::new()?;
    let program = copy.folder.path().join("site-job");
    // The header of a program for another machine than any that tests run on: RISC-V.
    std::fs::write(
        &program,
        b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x03\0\xf3\0",
    )?;
    let program = program.display().to_string();
    let build = ["build", "--tag", "lock-platform", "--site-job", &program];
    let built = copy.run(&build).await?.expect_code(1)?;
    for says in ["machines of kind 243", "the image is for linux/"] {
        ensure!(built.stderr.contains(says), "{says}: {}", built.stderr);
    }
    let other = [
        "build",
        "--tag",
        "lock-platform",
        "--platform",
        "windows/amd64",
    ];
    let built = copy.run(&other).await?.expect_code(1)?;
    ensure!(built.stderr.contains("windows/amd64"), "{}", built.stderr);
    let lock = copy.lock()?;
    let (without, _) = lock.split_once("\n    arm64:").context("no arm64")?;
    copy.write(&format!("{without}\n"))?;
    let unpinned = copy.run(&["lock", "--check", "--platform", "linux/arm64"]);
    let unpinned = unpinned.await?.expect_code(1)?;
    let says = "pins no packages for linux/arm64";
    ensure!(unpinned.stderr.contains(says), "{}", unpinned.stderr);
    Ok(())
}

/// Which packages of the project's lock Debian's mirrors no longer have.
pub(crate) async fn gone() -> Result<Vec<String>> {
    let asked = ["image", "lock", "--check", "--json", "--folder"];
    let folder = folder().display().to_string();
    let asked = bbws()?.run(&[&asked[..], &[&folder]].concat()).await?;
    let missing = asked.json()?["result"]["missing"].clone();
    serde_json::from_value(missing).with_context(|| format!("no answer: {}", asked.stderr))
}

/// The packages that the project's lock pins for this engine: versions by name.
pub(crate) async fn pins() -> Result<BTreeMap<String, String>> {
    let lock = locked().await?;
    let pins = &lock["packages"]["locked"][architecture().await?]["pins"];
    let pins: BTreeMap<String, String> = serde_json::from_value(pins.clone())?;
    let version = |(name, pin): (String, String)| {
        let version = pin.split(' ').next().unwrap_or_default();
        (name, version.to_owned())
    };
    Ok(pins.into_iter().map(version).collect())
}

/// The option with which `bbws image build` takes Debian's packages from where this machine's image has them.
pub(crate) async fn packages_option() -> Result<&'static [&'static str]> {
    let lock = locked().await?;
    let wordpress = &lock["components"]["wordpress"]["version"];
    let wordpress = wordpress.as_str().context("no version")?;
    let image = format!("bbws/wordpress:{wordpress}-{}", lock["revision"]);
    let label = "{{index .Config.Labels \"bbws.packages\"}}";
    let label = docker(&["image", "inspect", "--format", label, &image], b"").await?;
    match label.trim() {
        "locked" => Ok(&[]),
        "refreshed" => Ok(&["--refresh-packages"]),
        other => anyhow::bail!("the label of {image} says {other:?}"),
    }
}

async fn locked() -> Result<Value> {
    let folder = folder().display().to_string();
    let arguments = ["image", "lock", "--json", "--folder", &folder];
    let printed = bbws()?.succeed(&arguments).await?.json()?;
    Ok(printed["result"].clone())
}

fn bbws() -> Result<Bbws> {
    Bbws::new(&folder(), BTreeMap::new())
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../image")
}

/// The engine's own.
async fn architecture() -> Result<String> {
    let said = docker(&["version", "--format", "{{.Server.Arch}}"], b"").await?;
    Ok(said.trim().to_owned())
}

fn line_of<'a>(lock: &'a str, architecture: &str, package: &str) -> Result<&'a str> {
    let (section, start) = (
        format!("    {architecture}:"),
        format!("        {package}: "),
    );
    let mut lines = lock.lines().skip_while(|line| **line != section);
    let line = lines.find(|line| line.starts_with(&start));
    line.with_context(|| format!("{package} is not locked"))
}

fn revision(lock: &str) -> Result<u32> {
    let line = lock
        .lines()
        .find_map(|line| line.strip_prefix("revision: "));
    Ok(line.context("no revision")?.parse()?)
}

/// The image's folder with a lock of its own.
pub(crate) struct Copy {
    pub(crate) folder: TempDir,
}

impl Copy {
    pub(crate) fn new() -> Result<Self> {
        let copy = Self {
            folder: TempDir::new()?,
        };
        for entry in std::fs::read_dir(folder())? {
            let entry = entry?;
            let place = copy.folder.path().join(entry.file_name());
            if entry.file_name() == LOCK {
                std::fs::copy(entry.path(), place)?;
            } else {
                symlink(entry.path().canonicalize()?, place)?;
            }
        }
        Ok(copy)
    }

    pub(crate) fn lock(&self) -> Result<String> {
        Ok(std::fs::read_to_string(self.folder.path().join(LOCK))?)
    }

    pub(crate) fn write(&self, lock: &str) -> Result<()> {
        Ok(std::fs::write(self.folder.path().join(LOCK), lock)?)
    }

    async fn build(&self, tag: &str) -> Result<e2e::Outcome> {
        self.run(&["build", "--tag", tag]).await
    }

    async fn run(&self, arguments: &[&str]) -> Result<e2e::Outcome> {
        let folder = self.folder.path().display().to_string();
        let arguments = [&["image"], arguments, &["--folder", &folder]].concat();
        bbws()?.run(&arguments).await
    }
}
