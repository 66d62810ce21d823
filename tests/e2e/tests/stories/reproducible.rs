//! Two builds of one lock hold the same files.

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::hash::{Hash as _, Hasher as _};
use std::io::Read as _;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use e2e::{Bbws, docker};
use tempfile::TempDir;

use crate::lock::{self, Copy};

/// Of so many files is told what differs, and of each so many lines.
const SHOWN: usize = 5;

/// What the engine lays into every container.
const OF_THE_ENGINE: [&str; 6] = [
    ".dockerenv",
    "dev/console",
    "etc/hostname",
    "etc/hosts",
    "etc/mtab",
    "etc/resolv.conf",
];

/// Given one lock, when it is built twice, every step anew and the second time on a base with a changed library, then the two
/// images hold the same files: contents, modes, owners, links and times; and of Debian's packages those that the lock pins.
///
/// Mirrors drop old packages. When they no longer have a pinned one, what is proved is that two builds with the packages of the
/// moment hold the same files, and that is told.
#[tokio::test]
async fn two_builds_of_one_lock_hold_the_same_files() -> Result<()> {
    let folder = TempDir::new()?;
    let before = unnamed().await?;
    let gone = lock::gone().await?;
    if !gone.is_empty() {
        eprintln!(
            "NOT PROVED: that a build holds what the lock pins. Debian's mirrors no longer have {gone:?}. What follows is of \
             two builds with the mirrors' newest packages."
        );
    }
    let (own, other) = (Copy::new()?, Copy::new()?);
    let option: &[&str] = match gone.is_empty() {
        true => &[],
        false => &["--refresh-packages"],
    };
    let first = build(&folder, "one", &own, option).await;
    let second = async {
        if gone.is_empty() {
            let base = OtherBase::build(&other).await?;
            let second = build(&folder, "two", &other, option).await;
            base.remove().await?;
            return second;
        }
        build(&folder, "two", &other, option).await
    };
    let second = second.await;
    // The stage in which Debian's packages are installed is over a gigabyte, and no later build can use it.
    for image in unnamed().await?.difference(&before) {
        let _ = docker(&["image", "rm", image], b"").await;
    }
    let (first, second) = (first?, second?);
    ensure!(first.len() > 3_000, "only {} files", first.len());
    let differs = |path: &&String| first.get(*path) != second.get(*path);
    let all: BTreeSet<_> = first.keys().chain(second.keys()).collect();
    let different: Vec<_> = all.into_iter().filter(differs).collect();
    let shown = different.iter().take(SHOWN).map(|path| {
        let facts = [first.get(*path), second.get(*path)];
        let contents = [
            content(&folder, "one", path)?,
            content(&folder, "two", path)?,
        ];
        Ok(format!("{path}: {facts:?}{}", bytes(&contents)))
    });
    let shown = shown.collect::<Result<Vec<_>>>()?;
    ensure!(
        different.is_empty(),
        "different: {different:?}\n{}",
        shown.join("\n")
    );
    if gone.is_empty() {
        packages_are_the_locks(&folder, &first).await?;
    }
    Ok(())
}

/// Every package that the image has a record of is there in the version that the lock pins.
async fn packages_are_the_locks(folder: &TempDir, files: &BTreeMap<String, String>) -> Result<()> {
    let pins = lock::pins().await?;
    let records: Vec<_> = files
        .keys()
        .filter_map(|path| path.strip_prefix("var/lib/dpkg/status.d/"))
        .filter(|name| !name.is_empty())
        .collect();
    ensure!(records.len() > 50, "only {} records", records.len());
    for name in records {
        let path = format!("var/lib/dpkg/status.d/{name}");
        let record = String::from_utf8(content(folder, "one", &path)?)?;
        let version = record
            .lines()
            .find_map(|line| line.strip_prefix("Version: "));
        ensure!(
            pins.get(name).map(String::as_str) == version,
            "{name}: the lock pins {:?}, the image holds {version:?}",
            pins.get(name)
        );
    }
    Ok(())
}

/// What an archive holds at a path: nothing for what is no file.
fn content(folder: &TempDir, archive: &str, path: &str) -> Result<Vec<u8>> {
    let mut content = Vec::new();
    let mut archive = tar::Archive::new(File::open(folder.path().join(archive))?);
    for entry in archive.entries()? {
        let mut entry = entry?;
        if entry.path()?.as_os_str() == path {
            entry.read_to_end(&mut content)?;
        }
    }
    Ok(content)
}

/// Where two contents differ, with what is around: lines of 16 bytes.
fn bytes([one, two]: &[Vec<u8>; 2]) -> String {
    let lines = one.chunks(16).zip(two.chunks(16)).enumerate();
    let different = lines.filter(|(_, (one, two))| one != two).take(SHOWN);
    let texts = different
        .map(|(line, (one, two))| format!("\n  at {}: {one:02x?}, {two:02x?}", line * 16))
        .collect::<String>();
    format!("\n  {} and {} bytes{texts}", one.len(), two.len())
}

/// Images of the engine without a name.
async fn unnamed() -> Result<BTreeSet<String>> {
    let listed = docker(&["images", "-q", "--filter", "dangling=true"], b"").await?;
    Ok(listed.lines().map(str::to_owned).collect())
}

/// A base image whose zlib has other bytes than Debian's, in a lock.
struct OtherBase(String);

impl OtherBase {
    async fn build(copy: &Copy) -> Result<Self> {
        let lock = copy.lock()?;
        let base = lock.lines().find_map(|line| line.strip_prefix("base: "));
        let base = base.context("the lock names no base")?;
        let change =
            "find /usr/lib -name 'libz.so.1.*' -exec sh -c 'echo changed >> \"$0\"' {} \\;";
        let recipe = format!("FROM {base}\nRUN {change}\n");
        let name = format!("bbws-other-base:{}", std::process::id());
        docker(&["build", "-q", "-t", &name, "-"], recipe.as_bytes()).await?;
        let (from, to) = (format!("\nbase: {base}\n"), format!("\nbase: {name}\n"));
        copy.write(&lock.replace(&from, &to))?;
        Ok(Self(name))
    }

    async fn remove(&self) -> Result<()> {
        docker(&["image", "rm", &self.0], b"").await.map(drop)
    }
}

/// Everything that an image holds, by path.
async fn build(
    folder: &TempDir,
    name: &str,
    copy: &Copy,
    option: &[&str],
) -> Result<BTreeMap<String, String>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let source = copy.folder.path().display().to_string();
    let tag = format!("reproducible-{name}-{}", std::process::id());
    let bbws = Bbws::new(&root, BTreeMap::new())?;
    let arguments = [
        "image",
        "build",
        "--no-cache",
        "--folder",
        &source,
        "--tag",
        &tag,
    ];
    bbws.succeed(&[&arguments[..], option].concat()).await?;
    let image = format!("bbws/wordpress:{tag}");
    let container = docker(&["create", &image], b"").await?;
    let archive = folder.path().join(name);
    let exported = docker(
        &[
            "export",
            "-o",
            &archive.display().to_string(),
            container.trim(),
        ],
        b"",
    )
    .await;
    docker(&["rm", container.trim()], b"").await?;
    docker(&["image", "rm", &image], b"").await?;
    exported?;
    files(&archive)
}

fn files(archive: &Path) -> Result<BTreeMap<String, String>> {
    let mut files = BTreeMap::new();
    for entry in tar::Archive::new(File::open(archive)?).entries()? {
        let mut entry = entry?;
        let path = entry.path()?.display().to_string();
        if OF_THE_ENGINE.contains(&path.as_str()) {
            continue;
        }
        let mut content = Vec::new();
        entry.read_to_end(&mut content)?;
        let mut hash = DefaultHasher::new();
        content.hash(&mut hash);
        let header = entry.header();
        // The engine makes what it mounts over, at the time of the container.
        let time = match header.entry_type().is_dir() {
            true => 0,
            false => header.mtime()?,
        };
        let facts = format!(
            "{:?} {:o} {}:{} {time} {:?} {:x}",
            header.entry_type(),
            header.mode()?,
            header.uid()?,
            header.gid()?,
            entry.link_name()?,
            hash.finish()
        );
        files.insert(path, facts);
    }
    Ok(files)
}
