//! What Debian's mirrors have, asked in a container of the base image with the script that builds use.

use std::{collections::BTreeSet, fs, path::Path};

use bollard::Docker;
use serde::Serialize;
use time::{OffsetDateTime, Time, macros::format_description};

use super::super::{ImageError, Lock, Locked, Pin, base::Base, build::connect, platform::Platform};
use crate::output::narrate;

const SCRIPT: &str = "/packages.sh";

/// Which pinned packages the mirrors no longer have.
#[derive(Clone, Debug, Serialize)]
pub struct Missing {
    /// Debian's name of the architecture.
    pub architecture: &'static str,
    /// How many packages are pinned.
    pub pinned: usize,
    /// `<name> <version>` of each that is missing.
    pub missing: Vec<String>,
}

/// Asks the mirrors which packages that the lock of `folder` pins for `platform` (if not the engine's own) they do not have.
///
/// # Errors
/// When the lock pins nothing for it, or engine or mirrors cannot be asked.
pub async fn missing(folder: &Path, platform: Option<&str>) -> Result<Missing, ImageError> {
    let path = folder.join("image.lock.yaml");
    let lock = Lock::load(&path)?;
    let docker = connect().await?;
    let platform = Platform::of(&docker, platform).await?;
    let locked = lock.packages.locked.get(platform.debian);
    let locked = locked.ok_or(ImageError::NotLocked {
        path,
        platform: platform.name,
    })?;
    let base = Base::start(&docker, &lock.base, Some(platform.name))
        .await
        .map_err(ImageError::Mirrors)?;
    let asked = async {
        lay(&base, folder, &lock, &locked.lines()).await?;
        base.run(&["sh", SCRIPT, "update"]).await?;
        base.run(&["sh", SCRIPT, "missing"]).await
    };
    let asked = asked.await;
    base.remove().await;
    let missing = asked.map_err(ImageError::Mirrors)?;
    Ok(Missing {
        architecture: platform.debian,
        pinned: locked.pins.len(),
        missing: missing.lines().map(str::to_owned).collect(),
    })
}

/// What a build with the newest packages would consist of.
pub(super) async fn newest(
    docker: &Docker,
    folder: &Path,
    lock: &Lock,
    platform: Platform,
) -> Result<Locked, String> {
    narrate("installing the newest Debian packages in a container of the base image");
    let base = Base::start(docker, &lock.base, Some(platform.name)).await?;
    let asked = async {
        lay(&base, folder, lock, "").await?;
        base.run(&["sh", SCRIPT, "refreshed"]).await?;
        base.run(&["sh", SCRIPT, "list"]).await
    };
    let listed = asked.await;
    base.remove().await;
    locked(&listed?, OffsetDateTime::now_utc())
}

async fn lay(base: &Base<'_>, folder: &Path, lock: &Lock, locked: &str) -> Result<(), String> {
    let script = folder.join("packages.sh");
    let script = fs::read_to_string(&script)
        .map_err(|error| format!("reading {}: {error}", script.display()))?;
    base.lay("/", &[(SCRIPT.trim_start_matches('/'), &script)])
        .await?;
    let files = [
        ("packages/wanted", lock.packages.wanted()),
        ("packages/locked", locked.to_owned()),
    ];
    let files = files.each_ref().map(|(name, text)| (*name, text.as_str()));
    base.lay("/usr/local/share", &files).await
}

/// Reads what `packages.sh list` prints.
fn locked(listed: &str, now: OffsetDateTime) -> Result<Locked, String> {
    let mut suites = BTreeSet::new();
    let mut locked = Locked {
        suites: Vec::new(),
        snapshot: snapshot(now)?,
        pins: std::collections::BTreeMap::new(),
    };
    for line in listed.lines() {
        let [name, version, sha256, suite] = line.split(' ').collect::<Vec<_>>()[..] else {
            return Err(format!("packages.sh lists {line:?}"));
        };
        suites.insert(suite.to_owned());
        let (version, sha256) = (version.to_owned(), sha256.to_owned());
        locked.pins.insert(name.to_owned(), Pin { version, sha256 });
    }
    locked.suites = suites.into_iter().collect();
    Ok(locked)
}

/// The midnight after `now`: snapshots are taken a few times a day, and what the mirrors have now is in the next one at the
/// latest.
fn snapshot(now: OffsetDateTime) -> Result<String, String> {
    let day = now.date().next_day().ok_or("there is no next day")?;
    let form = format_description!("[year][month][day]T[hour][minute][second]Z");
    let midnight = day.with_time(Time::MIDNIGHT).format(form);
    midnight.map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    #[test]
    fn what_is_installed_is_locked() {
        let listed =
            "libgd3 1:2.3-1 ab trixie\nnginx 1.26-1 cd trixie-security\nzlib1g 3 ef trixie\n";
        let locked = locked(listed, datetime!(2026-12-31 23:59 UTC)).unwrap();
        assert_eq!(locked.suites, ["trixie", "trixie-security"]);
        assert_eq!(locked.snapshot, "20270101T000000Z");
        assert_eq!(
            locked.lines(),
            "libgd3 1:2.3-1 ab\nnginx 1.26-1 cd\nzlib1g 3 ef\n"
        );
    }

    #[test]
    fn a_line_of_another_form_is_refused() {
        let error = locked("nginx 1.26-1\n", OffsetDateTime::UNIX_EPOCH).unwrap_err();
        assert!(error.contains("nginx 1.26-1"), "{error}");
    }
}
