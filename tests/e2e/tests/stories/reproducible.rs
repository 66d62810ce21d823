//! Two builds of one lock hold the same files.

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::hash::{Hash as _, Hasher as _};
use std::io::Read as _;
use std::path::Path;

use anyhow::{Result, ensure};
use e2e::{Bbws, docker};
use tempfile::TempDir;

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

/// Given one lock, when it is built twice, every step anew, then the two images hold the same files: contents, modes, owners,
/// links and times. (Debian's packages are those of the moment: the lock pins no version of them.)
#[tokio::test]
async fn two_builds_of_one_lock_hold_the_same_files() -> Result<()> {
    let folder = TempDir::new()?;
    let before = unnamed().await?;
    let first = build(&folder, "one").await;
    let second = build(&folder, "two").await;
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

/// Everything that an image holds, by path.
async fn build(folder: &TempDir, name: &str) -> Result<BTreeMap<String, String>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let source = root.join("image").display().to_string();
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
    bbws.succeed(&arguments).await?;
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
