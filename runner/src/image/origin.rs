//! Where a build comes from: the source's commit, the lock file, who builds. The build writes it into the image's labels,
//! signing takes it from there, so a signer cannot say otherwise.

use std::{collections::HashMap, env, path::Path, process::Command};

use sha2::{Digest, Sha256};

use super::ImageError;

/// Behind the commit of sources that were changed since.
pub(super) const DIRTY: &str = "-dirty";

/// The labels of the OCI image specification, <https://specs.opencontainers.org/image-spec/annotations/>.
const REVISION: &str = "org.opencontainers.image.revision";
const SOURCE: &str = "org.opencontainers.image.source";
const CREATED: &str = "org.opencontainers.image.created";
const LOCK: &str = "bbws.lock.sha256";
const BUILDER: &str = "bbws.builder";

/// Where a build comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Origin {
    /// The commit of the sources, with [`DIRTY`] behind it if files of the image's folder differ from it. None outside git.
    pub(super) revision: Option<String>,
    /// When that commit was made, RFC 3339.
    pub(super) created: Option<String>,
    /// The repository's address; known in GitHub Actions.
    pub(super) source: Option<String>,
    /// SHA-256 of the lock file, in hexadecimal.
    pub(super) lock: String,
    /// A URI: the workflow in GitHub Actions, otherwise that it was a workstation.
    pub(super) builder: String,
}

impl Origin {
    /// Of a build of `folder` in this process's environment.
    ///
    /// # Errors
    /// The lock file cannot be read.
    pub(super) fn of(folder: &Path) -> Result<Self, ImageError> {
        let path = folder.join("image.lock.yaml");
        let lock = std::fs::read(&path)
            .map_err(ImageError::io(format_args!("reading {}", path.display())))?;
        let changed = git(folder, &["status", "--porcelain", "--", "."]);
        let revision = git(folder, &["rev-parse", "HEAD"]).map(|commit| match changed.as_deref() {
            Some("") => commit,
            _ => format!("{commit}{DIRTY}"),
        });
        let set = |name: &str| env::var(name).ok().filter(|value| !value.is_empty());
        let server = set("GITHUB_SERVER_URL");
        let address = |path: String| Some(format!("{}/{path}", server.as_ref()?));
        Ok(Self {
            created: git(folder, &["log", "-1", "--format=%cI"]),
            revision,
            source: set("GITHUB_REPOSITORY").and_then(address),
            lock: hex::encode(Sha256::digest(lock)),
            builder: set("GITHUB_WORKFLOW_REF")
                .and_then(address)
                .unwrap_or_else(|| "urn:bbws:workstation".to_owned()),
        })
    }

    /// As labels of the image.
    pub(super) fn labels(&self) -> Vec<(&'static str, String)> {
        let some = [
            (REVISION, self.revision.clone()),
            (CREATED, self.created.clone()),
            (SOURCE, self.source.clone()),
            (LOCK, Some(self.lock.clone())),
            (BUILDER, Some(self.builder.clone())),
        ];
        some.into_iter()
            .filter_map(|(label, value)| Some((label, value?)))
            .collect()
    }

    /// From an image's labels; none if its build recorded nothing.
    pub(super) fn from_labels(labels: &HashMap<String, String>) -> Option<Self> {
        let label = |name: &str| labels.get(name).cloned();
        Some(Self {
            revision: label(REVISION),
            created: label(CREATED),
            source: label(SOURCE),
            lock: label(LOCK)?,
            builder: label(BUILDER)?,
        })
    }
}

/// What git prints; none where there is no git or no repository.
fn git(folder: &Path, arguments: &[&str]) -> Option<String> {
    let output = Command::new("git")
        .arg("-C")
        .arg(folder)
        .args(arguments)
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_hold_an_origin() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("image.lock.yaml"), "version: 1\n").unwrap();
        let origin = Origin::of(folder.path()).unwrap();
        assert_eq!(origin.revision, None, "the folder is in no repository");
        let labels = origin.labels().into_iter();
        let labels = labels
            .map(|(name, value)| (name.to_owned(), value))
            .collect();
        assert_eq!(Origin::from_labels(&labels), Some(origin));
        assert_eq!(Origin::from_labels(&HashMap::new()), None);
    }

    #[test]
    fn changed_sources_are_told() {
        let folder = tempfile::tempdir().unwrap();
        let lock = folder.path().join("image.lock.yaml");
        std::fs::write(&lock, "version: 1\n").unwrap();
        for arguments in [
            &["init", "-q"][..],
            &["add", "."],
            &[
                "-c",
                "user.name=a",
                "-c",
                "user.email=a@example.org",
                "commit",
                "-qm",
                "a",
            ],
        ] {
            git(folder.path(), arguments).unwrap();
        }
        let clean = Origin::of(folder.path()).unwrap().revision.unwrap();
        assert_eq!(clean.len(), 40, "{clean}");
        std::fs::write(&lock, "version: 2\n").unwrap();
        let dirty = Origin::of(folder.path()).unwrap().revision.unwrap();
        assert_eq!(dirty, format!("{clean}{DIRTY}"));
    }
}
