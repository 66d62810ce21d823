//! The lock file: components and Debian's packages; versions, sources, checksums.

pub(super) mod edit;
mod packages;

use std::{collections::BTreeMap, fs, path::Path};

use serde::{Deserialize, Serialize};

use super::ImageError;
pub use packages::{Locked, Packages, Pin};

/// `image.lock.yaml`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Lock {
    /// Always 1.
    pub version: u32,
    /// Counts changes of the image within a version of WordPress.
    pub revision: u32,
    /// The base image.
    pub base: String,
    /// By name; the build knows what to do with each of [`COMPONENTS`].
    pub components: BTreeMap<String, Component>,
    /// Debian's.
    pub packages: Packages,
}

/// What the build puts into the image, and under which name the build context holds it.
pub(super) const COMPONENTS: [(&str, &str); 3] = [
    ("wordpress", "wordpress"),
    ("languages", "languages"),
    ("wp-cli", "wp-cli.phar"),
];

/// A pinned component.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Component {
    /// Its version, for labels and the tag.
    pub version: String,
    /// The hash of its files; see [`super::tree`].
    pub tree: String,
    /// Tried in order.
    pub sources: Vec<Source>,
}

/// Where a component can be had: exactly one of `npm` and `url`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// A package of the npm registry that this machine's npm uses, `name@version`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub npm: Option<String>,
    /// An HTTPS address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Of the archive. Without it, only `tree` decides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha512: Option<String>,
    /// The folder or file inside the archive. Without it, the download itself is the component's one file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
}

impl Lock {
    /// Reads and checks the file.
    ///
    /// # Errors
    /// When it cannot be read, or is not a lock file that this version understands.
    pub fn load(path: &Path) -> Result<Self, ImageError> {
        let wrong = |reason: String| ImageError::Lock {
            path: path.to_owned(),
            reason,
        };
        let text = fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
        Self::parse(&text).map_err(wrong)
    }

    /// Reads and checks the file's text.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let lock: Self = serde_saphyr::from_str(text).map_err(|error| error.to_string())?;
        lock.check()?;
        Ok(lock)
    }

    fn check(&self) -> Result<(), String> {
        if self.version != 1 {
            return Err(format!(
                "version {} is not 1, which this bbws reads",
                self.version
            ));
        }
        for (name, _) in COMPONENTS {
            if !self.components.contains_key(name) {
                return Err(format!("components has no {name}"));
            }
        }
        for (name, component) in &self.components {
            if !COMPONENTS.iter().any(|(known, _)| known == name) {
                return Err(format!(
                    "components.{name}: the build does not know what to do with it"
                ));
            }
            check_hex(&component.tree, 64)
                .map_err(|reason| format!("components.{name}.tree: {reason}"))?;
            if component.sources.is_empty() {
                return Err(format!("components.{name}: there is no source"));
            }
            for (at, source) in component.sources.iter().enumerate() {
                source
                    .check()
                    .map_err(|reason| format!("components.{name}.sources[{at}]: {reason}"))?;
            }
        }
        self.packages
            .check()
            .map_err(|reason| format!("packages.{reason}"))
    }

    /// A component that [`Self::load`] has found to be there.
    #[must_use]
    pub fn component(&self, name: &str) -> Option<&Component> {
        self.components.get(name)
    }

    /// The image's version, which is its tag: `<version of wordpress>-<revision>`.
    #[must_use]
    pub fn image_version(&self) -> String {
        let wordpress = self
            .component("wordpress")
            .map_or("unknown", |component| component.version.as_str());
        format!("{wordpress}-{}", self.revision)
    }
}

impl Source {
    fn check(&self) -> Result<(), String> {
        match (&self.npm, &self.url) {
            (Some(npm), None) if self.sha512.is_none() => Err(format!("{npm} needs a sha512")),
            (Some(_), None) => Ok(()),
            (None, Some(url)) if !url.starts_with("https://") => Err(format!("{url} is not https")),
            (None, Some(_)) => Ok(()),
            _ => Err("it needs exactly one of npm and url".to_owned()),
        }?;
        self.sha512.as_ref().map_or(Ok(()), |sum| {
            check_hex(sum, 128).map_err(|reason| format!("sha512: {reason}"))
        })
    }
}

fn check_hex(text: &str, length: usize) -> Result<(), String> {
    let hex = text.len() == length
        && text
            .bytes()
            .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    if hex {
        Ok(())
    } else {
        Err(format!("{text:?} is not {length} hexadecimal digits"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own() -> String {
        fs::read_to_string(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../image/image.lock.yaml"
        ))
        .unwrap()
    }

    fn load(text: &str) -> Result<Lock, String> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("image.lock.yaml");
        fs::write(&path, text).unwrap();
        Lock::load(&path).map_err(|error| error.to_string())
    }

    #[test]
    fn the_projects_own_lock_gives_the_images_version() {
        let lock = load(&own()).unwrap();
        let wordpress = &lock.component("wordpress").unwrap().version;
        assert_eq!(
            lock.image_version(),
            format!("{wordpress}-{}", lock.revision)
        );
    }

    #[test]
    fn mistakes_are_named_by_their_place() {
        let cases = [
            (
                own().replace(
                    "npm: wp-studio@1.22.0",
                    "npm: wp-studio@1.22.0\n        url: https://example.org/",
                ),
                "exactly one",
            ),
            (
                own().replace("https://wordpress.org", "http://wordpress.org"),
                "components.wordpress.sources[1]",
            ),
            (
                own().replace("tree: de71", "tree: zz71"),
                "components.wordpress.tree",
            ),
            (own().replacen("sha512:", "sha265:", 1), "sha265"),
            (
                own().replace("version: 1\n", "version: 2\n"),
                "version 2 is not 1",
            ),
            (
                own().replace("    - nginx\n", "    - nginx; reboot\n"),
                "packages.install: \"nginx; reboot\"",
            ),
            (
                own().replacen(" sha256:", " sha256:zz", 1),
                "packages.locked.amd64",
            ),
            (
                own().replacen(" sha256:", " ", 1),
                "a version, a blank, sha256: and the checksum",
            ),
            (
                own().replacen("snapshot: 2", "snapshot: x2", 1),
                "packages.locked.amd64.snapshot",
            ),
            (
                own().replace("        nginx: ", "        not-nginx: "),
                "packages.locked.amd64: nginx, which is to be installed, is not locked",
            ),
        ];
        for (text, expected) in cases {
            let error = load(&text).unwrap_err();
            assert!(error.contains(expected), "{expected}: {error}");
        }
    }
}
