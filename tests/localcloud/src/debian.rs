//! Programs of Debian packages that this machine's own release lacks: unpacked into the cache, nothing is installed.

use std::fs::File;
use std::path::PathBuf;

use anyhow::{Context as _, Result};

use crate::command::{command, run};
use crate::paths;
use crate::progress::Progress;

/// Where Debian itself is; apt checks its signatures, so plain HTTP will do.
const MIRROR: &str = "http://deb.debian.org/debian";
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// `/usr/bin/<package>` of a package of `suite`, which needs nothing that this machine lacks. It is fetched once a machine.
///
/// # Errors
/// Says what cannot be fetched: it takes apt and Debian's archive.
pub async fn program(suite: &str, package: &str) -> Result<PathBuf> {
    let folder = paths::cache()?.join(format!("debian-{suite}-{package}"));
    let program = folder.join("root/usr/bin").join(package);
    let complete = folder.join("complete");
    if complete.exists() {
        return Ok(program);
    }
    std::fs::create_dir_all(folder.join("state/lists/partial"))?;
    std::fs::create_dir_all(folder.join("cache/archives/partial"))?;
    let lock = File::create(folder.join("lock"))?;
    let _lock = tokio::task::spawn_blocking(move || lock.lock().map(|()| lock)).await??;
    if complete.exists() {
        return Ok(program);
    }
    Progress::new().stage(&format!("fetching {package} of Debian {suite} (once)"));
    let sources = folder.join("sources.list");
    std::fs::write(
        &sources,
        format!("deb [signed-by={KEYRING}] {MIRROR} {suite} main\n"),
    )?;
    let own = [
        format!("Dir::Etc::SourceList={}", sources.display()),
        "Dir::Etc::SourceParts=-".to_owned(),
        format!("Dir::State={}", folder.join("state").display()),
        "Dir::State::status=/var/lib/dpkg/status".to_owned(),
        format!("Dir::Cache={}", folder.join("cache").display()),
    ];
    let apt = |arguments: &[&str]| {
        let mut apt = command("apt-get", &["-q"]);
        apt.args(own.iter().flat_map(|option| ["-o", option]));
        apt.args(arguments).current_dir(&folder);
        apt
    };
    let unpack = "dpkg-deb -x \"$1\"_*.deb root && rm \"$1\"_*.deb";
    let mut unpack = command("sh", &["-euc", unpack, "sh", package]);
    unpack.current_dir(&folder);
    for step in [apt(&["update"]), apt(&["download", package]), unpack] {
        run(step)
            .await
            .with_context(|| format!("cannot fetch {package} from {MIRROR} ({suite})"))?;
    }
    File::create(complete)?;
    Ok(program)
}
