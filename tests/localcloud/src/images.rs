//! Base images: pulled where a registry answers, else built from Debian's packages.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use tokio::io::{AsyncBufReadExt as _, BufReader};

use crate::command::{command, run};
use crate::progress::Progress;
use crate::{docker, paths};

/// The base of everything that is built here.
pub(crate) const DEBIAN: &str = "debian:trixie-slim";
/// What RDS runs for MySQL 8.4.
pub(crate) const MYSQL: &str = "mysql:8.4";

/// A registry that has not answered by then is taken for unreachable.
const REGISTRY_ANSWERS: Duration = Duration::from_secs(15);
const PULL: Duration = Duration::from_secs(600);

/// Makes sure that both images are there. A repeat does nothing; a crash leaves at most an unused directory in the cache.
pub(crate) async fn ensure(progress: Progress) -> Result<()> {
    if docker::has_image(DEBIAN).await && docker::has_image(MYSQL).await {
        return Ok(());
    }
    let lock = std::fs::File::create(paths::cache()?.join("images.lock"))?;
    let _lock = tokio::task::spawn_blocking(move || lock.lock().map(|()| lock)).await??;
    if !docker::has_image(DEBIAN).await && !pull(progress, DEBIAN).await? {
        progress.stage(&format!("building {DEBIAN} from Debian's packages"));
        build_debian().await?;
    }
    if !docker::has_image(MYSQL).await && !pull(progress, MYSQL).await? {
        progress.stage(&format!(
            "building a stand-in for {MYSQL} from Debian's packages"
        ));
        build_mysql().await?;
    }
    Ok(())
}

/// False when no registry answers; an answer counts, then the whole pull has to work.
async fn pull(progress: Progress, image: &str) -> Result<bool> {
    progress.stage(&format!("pulling {image}"));
    let mut child = command("docker", &["pull", image])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let output = child.stdout.take().context("docker pull has no output")?;
    let mut lines = BufReader::new(output).lines();
    // The first line comes once the registry has answered.
    let Ok(Ok(Some(_))) = tokio::time::timeout(REGISTRY_ANSWERS, lines.next_line()).await else {
        let _ = child.kill().await;
        return Ok(false);
    };
    let whole = async {
        while let Ok(Some(_)) = lines.next_line().await {}
        child.wait().await
    };
    match tokio::time::timeout(PULL, whole).await {
        Ok(status) => Ok(status?.success()),
        Err(_) => bail!(
            "pulling {image} takes longer than {} s: check the network, then try again",
            PULL.as_secs()
        ),
    }
}

/// Debian's mirrors of this machine: (packages, security).
fn mirrors() -> Result<(String, String)> {
    let mut entries = Vec::new();
    let mut files = vec![std::path::PathBuf::from("/etc/apt/sources.list")];
    if let Ok(parts) = std::fs::read_dir("/etc/apt/sources.list.d") {
        files.extend(parts.filter_map(|part| Some(part.ok()?.path())));
    }
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap_or_default();
        entries.extend(if file.extension().is_some_and(|e| e == "sources") {
            stanzas(&text)
        } else {
            lines(&text)
        });
    }
    let security = entries
        .iter()
        .find(|(_, suite)| suite.ends_with("-security"))
        .map(|(uri, _)| uri.clone());
    let main = entries
        .iter()
        .find(|(_, suite)| !suite.contains('-'))
        .map(|(uri, _)| uri.clone());
    main.zip(security).context(
        "apt's sources name no Debian mirror with security updates, from which to build images",
    )
}

/// (URI, suite) of the one-line format: `deb [options] URI suite components`.
fn lines(text: &str) -> Vec<(String, String)> {
    let one = |line: &str| {
        let rest = line.trim().strip_prefix("deb ")?;
        let rest = if rest.trim_start().starts_with('[') {
            rest.split_once(']')?.1
        } else {
            rest
        };
        let mut words = rest.split_whitespace();
        Some((words.next()?.to_owned(), words.next()?.to_owned()))
    };
    text.lines().filter_map(one).collect()
}

/// (URI, suite) of the deb822 format.
fn stanzas(text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for stanza in text.split("\n\n") {
        let field = |name: &str| {
            stanza
                .lines()
                .find_map(|line| line.strip_prefix(name))
                .map(str::trim)
                .unwrap_or_default()
        };
        for suite in field("Suites:").split_whitespace() {
            if let Some(uri) = field("URIs:").split_whitespace().next() {
                found.push((uri.to_owned(), suite.to_owned()));
            }
        }
    }
    found
}

/// Debian's smallest system, as one layer.
async fn build_debian() -> Result<()> {
    let (main, security) = mirrors()?;
    let base = paths::cache()?.join(format!("trixie-{}", std::process::id()));
    let root = base.to_str().context("the cache's path is not text")?;
    let suite = "trixie";
    let mut bootstrap = command(
        "debootstrap",
        &[
            "--variant=minbase",
            "--include=ca-certificates",
            suite,
            root,
            &main,
        ],
    );
    bootstrap.env(
        "PATH",
        "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    );
    let built = async {
        run(bootstrap)
            .await
            .context("debootstrap cannot build Debian trixie from this machine's mirrors")?;
        let sources = format!("deb {main} {suite} main\ndeb {security} {suite}-security main\n");
        std::fs::write(base.join("etc/apt/sources.list"), sources)?;
        let script = "rm -rf \"$0\"/var/cache/apt/archives/*.deb \"$0\"/var/lib/apt/lists/* \"$0\"/usr/share/doc/* \
                      \"$0\"/usr/share/locale/* && tar -C \"$0\" -c . | docker import --change 'CMD [\"bash\"]' - \"$1\"";
        run(command("sh", &["-c", script, root, DEBIAN]))
            .await
            .context("docker cannot import the Debian image")
    };
    let outcome = built.await;
    let _ = std::fs::remove_dir_all(&base);
    outcome.map(drop)
}

async fn build_mysql() -> Result<()> {
    let context = paths::emulator().join("mysql");
    build(&context, MYSQL)
        .await
        .context("cannot build the MySQL stand-in")
}

async fn build(context: &Path, tag: &str) -> Result<()> {
    let mut build = command("docker", &["build", "-q", "-t", tag]);
    build.arg(context);
    run(build).await.map(drop)
}

#[cfg(test)]
mod tests {
    use super::{lines, stanzas};

    #[test]
    fn mirrors_are_read_from_both_formats() {
        let one_line =
            "# deb http://old stable main\ndeb [signed-by=/k] http://a/debian trixie main\n";
        assert_eq!(
            lines(one_line),
            [("http://a/debian".to_owned(), "trixie".to_owned())]
        );
        let deb822 = "Types: deb\nURIs: http://a/debian\nSuites: trixie trixie-updates\n\nTypes: deb\nURIs: http://s\nSuites: trixie-security\n";
        let found = stanzas(deb822);
        assert_eq!(found.len(), 3);
        assert_eq!(
            found[2],
            ("http://s".to_owned(), "trixie-security".to_owned())
        );
    }
}
