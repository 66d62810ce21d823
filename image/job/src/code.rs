//! A site's own plugins and themes: fetched and unpacked into memory when a task starts, so that every task has exactly what its
//! task definition names, and none waits for a network file system while it serves.

use std::{env, fs, io::Cursor, path::Path};

use aws_sdk_s3::Client;
use sha2::{Digest, Sha256};
use tokio::task::JoinSet;

use crate::{
    aws,
    log::{self, Level},
    package::{self, Sort, header},
    protocol::{CODE_VARIABLE, Code, Failure, FailureCode, Package, VERSION},
};

/// Where the code lies: a file system in memory.
pub(crate) const FOLDER: &str = "/srv/code";
/// What WordPress is told of it. Written last.
const SITE: &str = "/srv/code/site.php";
/// The image's own themes.
const IMAGE_THEMES: &str = "/srv/wordpress/wp-content/themes";
/// How many zips are fetched at once. Each is in memory until it is unpacked.
const AT_ONCE: usize = 4;
/// How often a zip is asked for: the SDK repeats requests, but not a body that breaks off.
const ATTEMPTS: u32 = 3;

/// What the environment says; none where the site has no code of its own.
///
/// # Errors
/// It cannot be understood.
pub fn wanted() -> Result<Option<Code>, Failure> {
    let Ok(text) = env::var(CODE_VARIABLE) else {
        return Ok(None);
    };
    let wrong = |reason: String| {
        Failure::new(
            FailureCode::BadRequest,
            format!("{CODE_VARIABLE}: {reason}"),
        )
    };
    let code: Code = serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?;
    match code.version {
        VERSION => Ok(Some(code)),
        other => Err(wrong(format!("version {other} is not {VERSION}"))),
    }
}

/// Fetches, checks and unpacks everything. Done once in a container.
///
/// # Errors
/// S3's; a zip that is another than the one named, or no package of its slug; a theme that nobody has.
pub async fn prepare(code: &Code, s3: &Client) -> Result<(), Failure> {
    let plugins = code.plugins.iter().map(|package| (Sort::Plugin, package));
    let themes = code.themes.iter().map(|package| (Sort::Theme, package));
    let all: Vec<_> = plugins.chain(themes).collect();
    let (mut active, mut bytes) = (Vec::new(), 0);
    for some in all.chunks(AT_ONCE) {
        let mut fetches = JoinSet::new();
        for (sort, package) in some {
            let (s3, bucket, key) = (s3.clone(), code.bucket.clone(), code.key(package));
            fetches.spawn(one(s3, bucket, key, *sort, (*package).clone()));
        }
        while let Some(fetched) = fetches.join_next().await {
            let fetched = fetched
                .map_err(|error| Failure::new(FailureCode::FilesFailed, error.to_string()))?;
            let (sort, package) = fetched?;
            bytes += package.size;
            if sort == Sort::Plugin {
                active.push(package.entry);
            }
        }
    }
    active.sort();
    let theme = code.theme.as_deref().map(theme).transpose()?;
    fs::write(SITE, site(&active, theme.as_deref())).map_err(unwritten)?;
    let message = format!(
        "{} plugins and {} themes are unpacked: {:.1} MiB",
        code.plugins.len(),
        code.themes.len(),
        bytes as f64 / f64::from(1 << 20)
    );
    log::line("code", Level::Info, None, &message);
    Ok(())
}

async fn one(
    s3: Client,
    bucket: String,
    key: String,
    sort: Sort,
    package: Package,
) -> Result<(Sort, package::Package), Failure> {
    let name = format!("{} {} {}", sort.as_str(), package.slug, package.version);
    let failed = |code, reason: String| Failure::new(code, format!("{name}: {reason}"));
    let zip = fetch(&s3, &bucket, &key)
        .await
        .map_err(|reason| failed(FailureCode::StorageFailed, reason))?;
    let found = hex::encode(Sha256::digest(&zip));
    if found != package.sha256 {
        let reason = format!(
            "s3://{bucket}/{key} has the sha256 {found}, not {}",
            package.sha256
        );
        return Err(failed(FailureCode::StorageFailed, reason));
    }
    let folder = Path::new(FOLDER).join(format!("{}s", sort.as_str()));
    let unpacked = tokio::task::spawn_blocking(move || {
        package::unpack(Cursor::new(zip), sort, &package.slug, &folder)
    });
    let unpacked = unpacked
        .await
        .map_err(|error| failed(FailureCode::FilesFailed, error.to_string()))?;
    unpacked
        .map(|package| (sort, package))
        .map_err(|reason| failed(FailureCode::FilesFailed, reason))
}

async fn fetch(s3: &Client, bucket: &str, key: &str) -> Result<Vec<u8>, String> {
    let mut attempt = 1;
    loop {
        let answer = s3.get_object().bucket(bucket).key(key).send().await;
        let answer = answer
            .map_err(|error| format!("reading s3://{bucket}/{key}: {}", aws::describe(&error)))?;
        match answer.body.collect().await {
            Ok(body) => return Ok(body.to_vec()),
            Err(_) if attempt < ATTEMPTS => attempt += 1,
            Err(error) => return Err(format!("reading s3://{bucket}/{key}: {error}")),
        }
    }
}

fn unwritten(error: std::io::Error) -> Failure {
    Failure::new(FailureCode::FilesFailed, format!("writing {SITE}: {error}"))
}

/// What WordPress asks its options for about the shown theme, as PHP: where it is, and where its parent is.
fn theme(slug: &str) -> Result<String, Failure> {
    let (root, style) = style(slug)?;
    let parent = header(&style, "Template").unwrap_or_else(|| slug.to_owned());
    let (parent_root, _) = self::style(&parent)?;
    Ok(format!(
        "array( 'stylesheet' => {}, 'stylesheet_root' => {}, 'template' => {}, 'template_root' => {} )",
        quoted(slug),
        quoted(root),
        quoted(&parent),
        quoted(parent_root)
    ))
}

/// Which of WordPress's folders for themes has the theme, as WordPress names it, and its style sheet.
fn style(slug: &str) -> Result<(&'static str, String), Failure> {
    let own = format!("{FOLDER}/themes");
    for (root, folder) in [("/site-themes", own.as_str()), ("/themes", IMAGE_THEMES)] {
        if let Ok(style) = fs::read(format!("{folder}/{slug}/style.css")) {
            return Ok((root, String::from_utf8_lossy(&style).into_owned()));
        }
    }
    Err(Failure::new(
        FailureCode::CodeBroken,
        format!("neither the site nor the image has the theme {slug}"),
    ))
}

/// A file of PHP that returns what this task's WordPress has.
fn site(plugins: &[String], theme: Option<&str>) -> String {
    let plugins: Vec<_> = plugins.iter().map(|entry| quoted(entry)).collect();
    format!(
        "<?php\nreturn array( 'plugins' => array( {} ), 'theme' => {} );\n",
        plugins.join(", "),
        theme.unwrap_or("array()")
    )
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_end_the_text_that_they_are_in() {
        let plugins = ["it's/a\\.php".to_owned(), "b/b.php".to_owned()];
        assert_eq!(
            site(&plugins, None),
            "<?php\nreturn array( 'plugins' => array( 'it\\'s/a\\\\.php', 'b/b.php' ), 'theme' => array() );\n"
        );
    }

    #[test]
    fn a_theme_that_nobody_has_is_named() {
        let missing = theme("no-such-theme").unwrap_err();
        assert_eq!(missing.code, FailureCode::CodeBroken);
        assert!(missing.message.contains("no-such-theme"));
    }
}
