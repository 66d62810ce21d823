//! What an image holds, read out of its files through the Docker engine. Nothing of the image runs: it may have no shell,
//! and what is being examined must not have a say.

use std::{
    collections::HashMap,
    io::Read,
    path::{Path, PathBuf},
};

use bollard::{
    Docker,
    errors::Error,
    models::ContainerCreateBody,
    query_parameters::{DownloadFromContainerOptionsBuilder, RemoveContainerOptionsBuilder},
};
use futures::TryStreamExt;
use sha2::{Digest, Sha256};
use site_job::package::header;

use super::{
    ImageError,
    packages::{Package, installed},
};

/// Headers of plugins and themes stand in a file's first 8 KiB,
/// <https://developer.wordpress.org/reference/functions/get_file_data/>.
const HEADER: usize = 8 * 1024;

/// An image and what is inside.
#[derive(Clone, Debug)]
pub(super) struct Contents {
    /// The engine's id, which is the digest of the image's configuration.
    pub(super) id: String,
    /// What it was asked for as.
    pub(super) reference: String,
    /// RFC 3339.
    pub(super) created: String,
    /// `linux/amd64`.
    pub(super) platform: String,
    /// As the build set them.
    pub(super) labels: HashMap<String, String>,
    /// `ID`, `VERSION_ID` and so on of `os-release`.
    pub(super) os: HashMap<String, String>,
    /// Debian's packages.
    pub(super) packages: Vec<Package>,
    /// WordPress's own version.
    pub(super) wordpress: Option<String>,
    /// Plugins, must-use plugins and themes.
    pub(super) extensions: Vec<Extension>,
    /// SHA-256 of the program `site-job`, in hexadecimal.
    pub(super) site_job: Option<String>,
}

/// A plugin or theme.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Extension {
    /// `plugin`, `mu-plugin` or `theme`.
    pub(super) kind: &'static str,
    /// Its folder, or its file without `.php`.
    pub(super) slug: String,
    /// From its header.
    pub(super) name: String,
    /// From its header; empty when it has none.
    pub(super) version: String,
}

/// Reads the image that this machine has under `reference`. The container that is made for it never starts and is removed;
/// a crash between leaves one that did nothing.
///
/// # Errors
/// When the image is not there, holds no package records, or the engine fails.
pub(super) async fn read(docker: &Docker, reference: &str) -> Result<Contents, ImageError> {
    let image = match docker.inspect_image(reference).await {
        Err(Error::DockerResponseServerError {
            status_code: 404, ..
        }) => return Err(ImageError::NotBuilt(reference.to_owned())),
        found => found.map_err(ImageError::docker(format_args!("reading {reference}")))?,
    };
    let id = image.id.unwrap_or_default();
    let container = docker
        .create_container(
            None,
            ContainerCreateBody {
                image: Some(id.clone()),
                cmd: Some(vec!["never-started".to_owned()]),
                ..ContainerCreateBody::default()
            },
        )
        .await
        .map_err(ImageError::docker(format_args!("opening {reference}")))?;
    let files = Files {
        docker,
        container: &container.id,
        reference,
    };
    let found = files.read_all().await;
    let options = RemoveContainerOptionsBuilder::default().force(true).build();
    let removed = docker.remove_container(&container.id, Some(options)).await;
    let (packages, os, wordpress, extensions, site_job) = found?;
    removed.map_err(ImageError::docker(format_args!("closing {reference}")))?;
    Ok(Contents {
        id,
        reference: reference.to_owned(),
        created: image
            .created
            .map(|time| time.to_string())
            .unwrap_or_default(),
        platform: format!(
            "{}/{}",
            image.os.unwrap_or_default(),
            image.architecture.unwrap_or_default()
        ),
        labels: image
            .config
            .and_then(|config| config.labels)
            .unwrap_or_default(),
        os,
        packages,
        wordpress,
        extensions,
        site_job,
    })
}

type Found = (
    Vec<Package>,
    HashMap<String, String>,
    Option<String>,
    Vec<Extension>,
    Option<String>,
);

struct Files<'a> {
    docker: &'a Docker,
    container: &'a str,
    reference: &'a str,
}

impl Files<'_> {
    async fn read_all(&self) -> Result<Found, ImageError> {
        let mut status = self.text("/var/lib/dpkg/status").await?.unwrap_or_default();
        for (path, content) in self.folder("/var/lib/dpkg/status.d", 1 << 20).await? {
            // Images in this form keep lists of checksums beside the records.
            if path
                .extension()
                .is_none_or(|extension| extension != "md5sums")
            {
                status.push_str("\n\n");
                status.push_str(&String::from_utf8_lossy(&content));
            }
        }
        let packages = installed(&status);
        if packages.is_empty() {
            return Err(ImageError::Answer(format!(
                "{} has no records of Debian packages under /var/lib/dpkg, so nobody can tell what is in it",
                self.reference
            )));
        }
        let os = self.text("/usr/lib/os-release").await?;
        let version = self
            .text("/srv/wordpress/wp-includes/version.php")
            .await?
            .as_deref()
            .and_then(wordpress_version);
        let mut extensions = Vec::new();
        for (kind, folder) in [
            ("plugin", "plugins"),
            ("mu-plugin", "mu-plugins"),
            ("theme", "themes"),
        ] {
            let path = format!("/srv/wordpress/wp-content/{folder}");
            let files = self.folder(&path, HEADER).await?;
            extensions.extend(files.iter().filter_map(|file| extension(kind, file)));
        }
        let site_job = self.folder("/usr/local/bin/site-job", usize::MAX).await?;
        let site_job = site_job
            .first()
            .map(|(_, program)| hex::encode(Sha256::digest(program)));
        Ok((
            packages,
            variables(&os.unwrap_or_default()),
            version,
            extensions,
            site_job,
        ))
    }

    async fn text(&self, path: &str) -> Result<Option<String>, ImageError> {
        let files = self.folder(path, usize::MAX).await?;
        Ok(files
            .first()
            .map(|(_, content)| String::from_utf8_lossy(content).into_owned()))
    }

    /// The regular files at or below `path`, each with its path from there and the first `limit` bytes; none when it is absent.
    async fn folder(
        &self,
        path: &str,
        limit: usize,
    ) -> Result<Vec<(PathBuf, Vec<u8>)>, ImageError> {
        let attempt = || format!("reading {path} of {}", self.reference);
        let options = DownloadFromContainerOptionsBuilder::default()
            .path(path)
            .build();
        let chunks = self
            .docker
            .download_from_container(self.container, Some(options));
        let archive: Vec<u8> = match chunks.map_ok(|chunk| chunk.to_vec()).try_concat().await {
            Err(Error::DockerResponseServerError {
                status_code: 404, ..
            }) => return Ok(Vec::new()),
            archive => archive.map_err(ImageError::docker(attempt()))?,
        };
        unpack(&archive, limit).map_err(ImageError::io(attempt()))
    }
}

fn unpack(archive: &[u8], limit: usize) -> std::io::Result<Vec<(PathBuf, Vec<u8>)>> {
    let mut files = Vec::new();
    for entry in tar::Archive::new(archive).entries()? {
        let entry = entry?;
        if !entry.header().entry_type().is_file() {
            continue;
        }
        // Every path begins with the last part of what was asked for.
        let path: PathBuf = entry.path()?.components().skip(1).collect();
        let mut content = Vec::new();
        entry.take(limit as u64).read_to_end(&mut content)?;
        files.push((path, content));
    }
    files.sort();
    Ok(files)
}

fn variables(text: &str) -> HashMap<String, String> {
    text.lines()
        .filter_map(|line| line.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.trim_matches('"').to_owned()))
        .collect()
}

/// The version that `wp-includes/version.php` states.
pub(super) fn wordpress_version(php: &str) -> Option<String> {
    let rest = php.split_once("$wp_version = '")?.1;
    Some(rest.split_once('\'')?.0.to_owned())
}

/// The plugin or theme that a file declares: a PHP file or `style.css`, at most one folder deep, with the header that
/// WordPress looks for.
fn extension(kind: &'static str, (path, content): &(PathBuf, Vec<u8>)) -> Option<Extension> {
    let text = String::from_utf8_lossy(content);
    let (file, title) = match kind {
        "theme" => (path.ends_with("style.css"), "Theme Name"),
        _ => (path.extension()? == "php", "Plugin Name"),
    };
    let deepest = if kind == "mu-plugin" { 1 } else { 2 };
    if !file || path.components().count() > deepest {
        return None;
    }
    let slug = path.components().next()?.as_os_str();
    Some(Extension {
        kind,
        slug: Path::new(slug).with_extension("").to_str()?.to_owned(),
        name: header(&text, title)?,
        version: header(&text, "Version").unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(kind: &'static str, path: &str, content: &str) -> Option<(String, String, String)> {
        let extension = extension(kind, &(path.into(), content.into()))?;
        Some((extension.slug, extension.name, extension.version))
    }

    #[test]
    fn plugins_and_themes_are_told_by_their_headers() {
        let some = |a: &str, b: &str, c: &str| Some((a.to_owned(), b.to_owned(), c.to_owned()));
        let plugin = "<?php\n/**\n * Plugin Name: Akismet Anti-spam\n * Version: 5.5\n */";
        assert_eq!(
            found("plugin", "akismet/akismet.php", plugin),
            some("akismet", "Akismet Anti-spam", "5.5")
        );
        let single = "<?php\n/*\nPlugin Name: Hello Dolly\n*/";
        assert_eq!(
            found("plugin", "hello.php", single),
            some("hello", "Hello Dolly", "")
        );
        let theme = "/*\nTheme Name: Twenty Five\nVersion: 1.3\n*/";
        assert_eq!(
            found("theme", "twentyfive/style.css", theme),
            some("twentyfive", "Twenty Five", "1.3")
        );
        assert_eq!(found("plugin", "akismet/views/deep/x.php", plugin), None);
        assert_eq!(found("mu-plugin", "folder/x.php", plugin), None);
        assert_eq!(found("plugin", "akismet/class.php", "<?php"), None);
    }

    #[test]
    fn wordpress_says_its_version_in_one_place() {
        let php = "<?php\n/** @global string $wp_version */\n$wp_version = '7.1.1';\n";
        assert_eq!(wordpress_version(php).as_deref(), Some("7.1.1"));
        assert_eq!(wordpress_version("<?php"), None);
    }
}
