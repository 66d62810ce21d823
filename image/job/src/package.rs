//! Plugins and themes as zips: what is in one, and unpacking it. One judgement for the runner's plan and for the task's start.

use std::{
    fs::{self, File},
    io::{self, Read, Seek},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use zip::{ZipArchive, read::ZipFile};

/// WordPress looks for headers in a file's first 8 KiB (`get_file_data` in wp-includes/functions.php).
const HEADERS: u64 = 8 * 1024;
/// Bytes of the largest readme that is looked into.
const README: u64 = 256 * 1024;
/// Bytes that one package may have unpacked. All of a site's live in the memory of its tasks.
const LARGEST: u64 = 200 << 20;

/// What a zip holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sort {
    /// A plugin.
    Plugin,
    /// A theme.
    Theme,
}

impl Sort {
    /// As people read it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Plugin => "plugin",
            Self::Theme => "theme",
        }
    }
}

/// What a package says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Package {
    /// The file that has the headers, by its path in the zip: `<slug>/<file>.php`, `<slug>/style.css`.
    pub entry: String,
    /// `Version`.
    pub version: Option<String>,
    /// `Requires at least`: the oldest WordPress.
    pub requires_wordpress: Option<String>,
    /// `Requires PHP`: the oldest PHP.
    pub requires_php: Option<String>,
    /// `Tested up to`: the newest WordPress that its makers tried.
    pub tested: Option<String>,
    /// `Requires Plugins`: slugs.
    pub requires_plugins: Vec<String>,
    /// `Template`: the slug of a child theme's parent.
    pub template: Option<String>,
    /// Bytes of all its files.
    pub size: u64,
}

/// Looks into a zip.
///
/// # Errors
/// Why it is no package of that slug, in words for whoever wrote the manifest.
pub fn inspect(zip: impl Read + Seek, sort: Sort, slug: &str) -> Result<Package, String> {
    let mut archive = open(zip)?;
    let (mut size, mut files) = (0_u64, Vec::new());
    for at in 0..archive.len() {
        let file = archive.by_index(at).map_err(unreadable)?;
        let path = path(&file, slug)?;
        if file.is_file() {
            size = size.saturating_add(file.size());
            if path.components().count() == 2 {
                files.push((at, path.display().to_string()));
            }
        }
    }
    if size > LARGEST {
        return Err(format!(
            "it holds {} MiB, more than {}",
            size >> 20,
            LARGEST >> 20
        ));
    }
    files.sort_by(|a, b| a.1.cmp(&b.1));
    let mut package = headed(&mut archive, &files, sort, slug)?;
    package.size = size;
    let readme = files
        .iter()
        .find(|(_, path)| path.eq_ignore_ascii_case(&format!("{slug}/readme.txt")));
    if let Some((at, _)) = readme {
        let text = start(&mut archive, *at, README)?;
        let or = |own: &mut Option<String>, name| {
            if own.is_none() {
                *own = header(&text, name);
            }
        };
        or(&mut package.requires_wordpress, "Requires at least");
        or(&mut package.requires_php, "Requires PHP");
        or(&mut package.tested, "Tested up to");
    }
    Ok(package)
}

/// Unpacks a zip that [`inspect`] accepts into `folder`, below its slug; nobody may write there afterwards.
///
/// # Errors
/// As [`inspect`]; the file system's.
pub fn unpack(
    mut zip: impl Read + Seek,
    sort: Sort,
    slug: &str,
    folder: &Path,
) -> Result<Package, String> {
    let package = inspect(&mut zip, sort, slug)?;
    let mut archive = open(zip)?;
    let wrong = |error: io::Error| format!("unpacking: {error}");
    for at in 0..archive.len() {
        let mut file = archive.by_index(at).map_err(unreadable)?;
        let target = folder.join(path(&file, slug)?);
        if file.is_dir() {
            continue;
        }
        if let Some(parent) = target.parent() {
            fs::create_dir_all(parent).map_err(wrong)?;
        }
        let mut out = File::create_new(&target).map_err(wrong)?;
        let declared = file.size();
        // One byte more than it says would be seen as one.
        let written = io::copy(&mut (&mut file).take(declared + 1), &mut out).map_err(wrong)?;
        if written != declared {
            return Err(format!("{} is not as long as it says", target.display()));
        }
        out.set_permissions(fs::Permissions::from_mode(0o444))
            .map_err(wrong)?;
    }
    close(&folder.join(slug)).map_err(wrong)?;
    Ok(package)
}

/// Takes the right to write away from a folder and those in it.
fn close(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            close(&entry.path())?;
        }
    }
    fs::set_permissions(folder, fs::Permissions::from_mode(0o555))
}

fn open<R: Read + Seek>(zip: R) -> Result<ZipArchive<R>, String> {
    ZipArchive::new(zip).map_err(unreadable)
}

fn unreadable(error: zip::result::ZipError) -> String {
    format!("it is no zip that can be read: {error}")
}

/// Where a file goes: below the slug's folder, and nowhere else.
fn path<R: Read>(file: &ZipFile<'_, R>, slug: &str) -> Result<PathBuf, String> {
    let named = file.name().map_err(unreadable)?.into_owned();
    if file.is_symlink() {
        return Err(format!("{named} is a link"));
    }
    let path = file
        .enclosed_name()
        .ok_or_else(|| format!("{named} leads outside"))?;
    if !path.starts_with(slug) {
        return Err(format!(
            "{named} is outside of the folder {slug}/, which is what a package of that slug holds"
        ));
    }
    Ok(path)
}

/// The package by its headers, which are in one of `files`, those right below its folder.
fn headed<R: Read + Seek>(
    archive: &mut ZipArchive<R>,
    files: &[(usize, String)],
    sort: Sort,
    slug: &str,
) -> Result<Package, String> {
    let (title, end) = match sort {
        Sort::Plugin => ("Plugin Name", ".php"),
        Sort::Theme => ("Theme Name", "/style.css"),
    };
    let mut found = Vec::new();
    for (at, path) in files.iter().filter(|(_, path)| path.ends_with(end)) {
        let text = start(archive, *at, HEADERS)?;
        if header(&text, title).is_some() {
            found.push((path.clone(), text));
        }
    }
    let usual = format!("{slug}/{slug}.php");
    if let Some(at) = found.iter().position(|(path, _)| *path == usual) {
        found = vec![found.swap_remove(at)];
    }
    match found.as_slice() {
        [] => Err(format!("no file in {slug}/ has the header `{title}:`")),
        [(entry, text)] => Ok(said(entry, text)),
        several => {
            let names: Vec<_> = several.iter().map(|(path, _)| path.as_str()).collect();
            Err(format!("it holds several plugins: {}", names.join(", ")))
        }
    }
}

fn said(entry: &str, text: &str) -> Package {
    let slugs = header(text, "Requires Plugins").unwrap_or_default();
    let slugs = slugs.split(',').map(str::trim);
    Package {
        entry: entry.to_owned(),
        version: header(text, "Version"),
        requires_wordpress: header(text, "Requires at least"),
        requires_php: header(text, "Requires PHP"),
        tested: header(text, "Tested up to"),
        requires_plugins: slugs
            .filter(|slug| !slug.is_empty())
            .map(str::to_owned)
            .collect(),
        template: header(text, "Template"),
        size: 0,
    }
}

fn start<R: Read + Seek>(
    archive: &mut ZipArchive<R>,
    at: usize,
    bytes: u64,
) -> Result<String, String> {
    let file = archive.by_index(at).map_err(unreadable)?;
    let mut content = Vec::new();
    file.take(bytes)
        .read_to_end(&mut content)
        .map_err(|error| format!("it cannot be read: {error}"))?;
    Ok(String::from_utf8_lossy(&content).into_owned())
}

/// The value of a header, as WordPress finds it: at the start of a line, behind what makes it a comment, in any case.
pub fn header(text: &str, name: &str) -> Option<String> {
    text.split(['\n', '\r']).find_map(|line| {
        let line = line.trim_start_matches([' ', '\t']);
        let line = line.strip_prefix("<?php").unwrap_or(line);
        let line = line.trim_start_matches([' ', '\t', '/', '*', '#', '@']);
        let (start, value) = line.split_at_checked(name.len())?;
        let value = value.strip_prefix(':')?;
        let value = value.split("*/").next()?.split("?>").next()?.trim();
        (start.eq_ignore_ascii_case(name) && !value.is_empty()).then(|| value.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Cursor, Write as _};
    use zip::{ZipWriter, write::SimpleFileOptions};

    fn zip(files: &[(&str, &str)]) -> Cursor<Vec<u8>> {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, content) in files {
            match content.strip_prefix("-> ") {
                Some(target) => writer
                    .add_symlink(*name, target, SimpleFileOptions::default())
                    .unwrap(),
                None => {
                    writer
                        .start_file(*name, SimpleFileOptions::default())
                        .unwrap();
                    writer.write_all(content.as_bytes()).unwrap();
                }
            }
        }
        writer.finish().unwrap()
    }

    const PLUGIN: &str = "<?php\n/**\n * Plugin Name: Hello\n * version: 1.2\n * Requires PHP: 8.1 */\n * Requires Plugins: woo, mail\n";

    #[test]
    fn a_package_is_known_by_its_headers() {
        let files = [
            ("hello/a.php", "<?php // nothing"),
            ("hello/hello.php", PLUGIN),
            ("hello/other.php", PLUGIN),
            (
                "hello/readme.txt",
                "=== Hello ===\nRequires PHP: 5.0\nTested up to: 7.0\n",
            ),
            ("hello/deep/x.css", "1234"),
        ];
        let package = inspect(zip(&files), Sort::Plugin, "hello").unwrap();
        assert_eq!(package.entry, "hello/hello.php");
        assert_eq!(package.version.as_deref(), Some("1.2"));
        assert_eq!(package.requires_php.as_deref(), Some("8.1"));
        assert_eq!(package.tested.as_deref(), Some("7.0"));
        assert_eq!(package.requires_plugins, ["woo", "mail"]);
        let theme = [(
            "blue/style.css",
            "/*\nTheme Name: Blue\nTemplate: twentytwentyfive\n*/",
        )];
        let theme = inspect(zip(&theme), Sort::Theme, "blue").unwrap();
        assert_eq!(theme.template.as_deref(), Some("twentytwentyfive"));
    }

    #[test]
    fn what_is_no_package_of_the_slug_is_refused() {
        let cases: [(&[(&str, &str)], &str); 6] = [
            (&[("hello/a.txt", "")], "has the header `Plugin Name:`"),
            (
                &[("other/hello.php", PLUGIN)],
                "outside of the folder hello/",
            ),
            (&[("hello/../../x.php", PLUGIN)], "leads outside"),
            (
                &[("hello/../x.php", PLUGIN)],
                "outside of the folder hello/",
            ),
            (
                &[("hello/a.php", PLUGIN), ("hello/b.php", PLUGIN)],
                "several plugins: hello/a.php, hello/b.php",
            ),
            (
                &[("hello/hello.php", PLUGIN), ("hello/link", "-> /etc")],
                "hello/link is a link",
            ),
        ];
        for (files, reason) in cases {
            let refused = inspect(zip(files), Sort::Plugin, "hello").unwrap_err();
            assert!(refused.contains(reason), "{reason}: {refused}");
            let folder = tempfile::tempdir().unwrap();
            let done = unpack(zip(files), Sort::Plugin, "hello", folder.path());
            assert_eq!(done, Err(refused));
            assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        }
        let page = Cursor::new(b"<html>".to_vec());
        let refused = inspect(page, Sort::Plugin, "hello").unwrap_err();
        assert!(refused.contains("no zip"), "{refused}");
    }

    #[test]
    fn what_was_unpacked_cannot_be_written() {
        let files = [("hello/hello.php", PLUGIN), ("hello/deep/x.css", "1234")];
        let folder = tempfile::tempdir().unwrap();
        unpack(zip(&files), Sort::Plugin, "hello", folder.path()).unwrap();
        let mode = |path: &str| {
            let metadata = fs::metadata(folder.path().join(path)).unwrap();
            metadata.permissions().mode() & 0o777
        };
        assert_eq!(
            ["hello", "hello/deep", "hello/deep/x.css"].map(mode),
            [0o555, 0o555, 0o444]
        );
        assert_eq!(
            fs::read_to_string(folder.path().join("hello/deep/x.css")).unwrap(),
            "1234"
        );
        let again = unpack(zip(&files), Sort::Plugin, "hello", folder.path());
        assert!(again.is_err(), "a second one over the first");
    }
}
