//! What is measured: our image as its tasks run, and the two plain ones as Debian configures them.

use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use hyper::Request;
use serde::Serialize;
use serde_json::json;
use tokio::process::Command;

use super::engine::{Engine, docker};
use super::load::Visitor;
use crate::http;
use crate::programs::{output, succeed};

/// The three, in the order of the tables.
pub(super) const ALL: [Kind; 3] = [Kind::Apache, Kind::Nginx, Kind::Ours];
/// No resolver knows it; requests name it, and WordPress believes that it is there.
const HOST: &str = "bench.test";
const ADMIN: &str = "keeper";
const PORT: u16 = 8080;
/// What a task of the smallest size has; for all three.
const MEMORY: &str = "--memory=512m";
const STARTS: Duration = Duration::from_secs(60);
const PERMALINKS: &str = "/%year%/%monthnum%/%postname%/";

/// Which one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kind {
    Apache,
    Nginx,
    Ours,
}

/// An image and how it is run.
#[derive(Debug)]
pub(super) struct Contestant {
    pub(super) kind: Kind,
    image: String,
}

/// A contestant with WordPress installed in its database.
pub(super) struct Prepared {
    pub(super) contestant: Contestant,
    /// The container of the round.
    pub(super) container: String,
    network: String,
    password: String,
}

/// Unpacked, and as registries and their readers get it.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct Size {
    pub(super) bytes: u64,
    pub(super) gzipped_bytes: u64,
}

/// Builds the two plain images; a repeat takes them from the engine's cache.
pub(super) async fn build_plain(root: &Path, image: &str) -> Result<()> {
    for kind in [Kind::Apache, Kind::Nginx] {
        let folder = root.join("tests/bench");
        let file = folder.join(kind.slug()).join("Dockerfile");
        let mut build = Command::new("docker");
        build
            .args([
                "build",
                "-q",
                "-t",
                &kind.plain_image(),
                "--build-arg",
                &format!("IMAGE={image}"),
                "-f",
            ])
            .arg(file)
            .arg(folder)
            .stdout(std::process::Stdio::null())
            .kill_on_drop(true);
        succeed(build).await?;
    }
    Ok(())
}

impl Kind {
    fn slug(self) -> &'static str {
        match self {
            Self::Apache => "apache",
            Self::Nginx => "nginx",
            Self::Ours => "bbws",
        }
    }

    fn plain_image(self) -> String {
        format!("bbws/bench-{}", self.slug())
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Apache => "Apache, mod_php",
            Self::Nginx => "nginx, PHP-FPM",
            Self::Ours => "bbws/wordpress",
        }
    }
}

impl Contestant {
    pub(super) fn new(kind: Kind, ours: &str) -> Self {
        let image = match kind {
            Kind::Ours => ours.to_owned(),
            plain => plain.plain_image(),
        };
        Self { kind, image }
    }

    pub(super) fn name(&self) -> &'static str {
        self.kind.name()
    }

    /// Reads the whole image, as a push does.
    pub(super) async fn size(&self) -> Result<Size> {
        let bytes = docker(&["image", "inspect", "--format", "{{.Size}}", &self.image]).await?;
        let mut packed = Command::new("sh");
        packed.args(["-c", "docker save \"$0\" | gzip -6 | wc -c", &self.image]);
        let packed = String::from_utf8(output(packed).await?)?;
        Ok(Size {
            bytes: bytes.parse()?,
            gzipped_bytes: packed.trim().parse()?,
        })
    }

    /// Makes the database and installs WordPress.
    pub(super) async fn prepare(self, engine: &Engine, network: &str) -> Result<Prepared> {
        let (name, password) = (self.kind.slug(), engine.password.clone());
        let database = format!(
            "CREATE DATABASE {name}; CREATE USER {name}@'%' IDENTIFIED BY '{password}'; GRANT ALL ON {name}.* TO {name}@'%'"
        );
        engine.sql(&database).await?;
        let prepared = Prepared {
            contestant: self,
            container: engine.name(name),
            network: network.to_owned(),
            password,
        };
        for words in prepared.installation() {
            let mut arguments = vec!["run".to_owned(), "--rm".to_owned()];
            arguments.extend(prepared.options(engine));
            arguments.extend(words);
            let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
            docker(&arguments).await?;
        }
        Ok(prepared)
    }
}

impl Prepared {
    /// Image and command of each run that an installation takes, after options of their own.
    fn installation(&self) -> Vec<Vec<String>> {
        let image = &self.contestant.image;
        let home = format!("http://{HOST}");
        if self.contestant.kind == Kind::Ours {
            let settings = json!({
                "title": "Bench", "admin_user": ADMIN, "admin_email": "keeper@bench.test", "home": home, "locale": "en_US",
                "timezone": "Africa/Johannesburg", "permalinks": PERMALINKS,
            });
            let request = json!({
                "version": 1, "id": "bench", "environment": "prod", "bucket": "", "outcome_key": "",
                "work": {"kind": "install", "settings": settings},
            });
            let words = [
                "-e",
                &format!("BBWS_JOB={request}"),
                "-e",
                "AWS_REGION=af-south-1",
                image,
                "run",
                "--print",
            ];
            return vec![words.map(str::to_owned).to_vec()];
        }
        let wp = |words: &[&str]| {
            let first = [
                image,
                "php",
                "/usr/local/lib/wp-cli.phar",
                "--allow-root",
                "--path=/var/www/html",
            ];
            first
                .iter()
                .chain(words)
                .map(|&word| word.to_owned())
                .collect()
        };
        let password = format!("--admin_password={}", self.password);
        let url = format!("--url={home}");
        vec![
            wp(&[
                "core",
                "install",
                "--skip-email",
                "--title=Bench",
                "--admin_user=keeper",
                "--admin_email=keeper@bench.test",
                &password,
                &url,
            ]),
            wp(&["rewrite", "structure", PERMALINKS, &url]),
        ]
    }

    /// What containers of this contestant are started with.
    fn options(&self, engine: &Engine) -> Vec<String> {
        let name = self.contestant.kind.slug();
        let password = &self.password;
        let mut options = vec![
            MEMORY.to_owned(),
            format!("--label={}", engine.label()),
            format!("--network={}", self.network),
            // What administrators' pages would ask for must not depend on where this runs.
            "--add-host=api.wordpress.org:127.0.0.1".to_owned(),
        ];
        let mut variables = vec![
            "DB_HOST=database".to_owned(),
            format!("DB_NAME={name}"),
            format!("DB_USER={name}"),
            format!("DB_PASSWORD={password}"),
        ];
        if self.contestant.kind == Kind::Ours {
            options.extend(
                [
                    "--read-only",
                    "--cap-drop=ALL",
                    "--tmpfs=/run:rw,noexec,nosuid,nodev,mode=1777,size=16m",
                    "--tmpfs=/tmp:rw,noexec,nosuid,nodev,mode=1777,size=192m",
                ]
                .map(str::to_owned),
            );
            variables.extend([
                "BBWS_ENVIRONMENT=prod".to_owned(),
                "BBWS_TENANT=bench".to_owned(),
                format!("WP_HOME=http://{HOST}"),
                format!("WP_DOMAINS={HOST}"),
                format!("WP_ADMIN_PASSWORD={password}"),
            ]);
            for purpose in ["AUTH", "SECURE_AUTH", "LOGGED_IN", "NONCE"] {
                variables.push(format!(
                    "WP_{purpose}_KEY=only for measuring: {purpose} key"
                ));
                variables.push(format!(
                    "WP_{purpose}_SALT=only for measuring: {purpose} salt"
                ));
            }
        }
        options.extend(
            variables
                .into_iter()
                .map(|variable| format!("--env={variable}")),
        );
        options
    }

    pub(super) fn visitor(&self, at: SocketAddr) -> Visitor {
        Visitor {
            at,
            host: HOST.to_owned(),
        }
    }

    /// Starts a new container; how long until its first page, and where it is.
    pub(super) async fn start(&self, engine: &Engine) -> Result<(Duration, SocketAddr)> {
        let mut create = vec!["create".to_owned(), format!("--name={}", self.container)];
        create.extend(self.options(engine));
        create.push(self.contestant.image.clone());
        docker(&create.iter().map(String::as_str).collect::<Vec<_>>()).await?;
        let began = Instant::now();
        docker(&["start", &self.container]).await?;
        let format = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}";
        let address = docker(&["inspect", "--format", format, &self.container]).await?;
        let at = format!("{address}:{PORT}")
            .parse()
            .context("the container has no address")?;
        loop {
            let page = Request::get(format!("http://{at}/")).header("host", HOST);
            match http::send(page.body(http_body_util::Full::default())?).await {
                Ok(page) if page.status() == 200 => return Ok((began.elapsed(), at)),
                _ if began.elapsed() > STARTS => {
                    bail!("{} does not answer", self.contestant.name());
                }
                _ => tokio::time::sleep(Duration::from_millis(5)).await,
            }
        }
    }

    pub(super) async fn stop(&self) -> Result<()> {
        docker(&["rm", "-f", "-v", &self.container]).await.map(drop)
    }

    /// The cookies of an administrator who has logged in.
    pub(super) async fn log_in(&self, at: SocketAddr) -> Result<String> {
        let form = format!(
            "log={ADMIN}&pwd={}&wp-submit=Log+In&testcookie=1",
            self.password
        );
        let request = Request::post(format!("http://{at}/wp-login.php"))
            .header("host", HOST)
            .header("content-type", "application/x-www-form-urlencoded")
            .header("cookie", "wordpress_test_cookie=WP%20Cookie%20check")
            .body(form.into())?;
        let answer = http::send(request).await?;
        let cookies = answer.headers().get_all("set-cookie").iter();
        let cookies: Vec<_> = cookies
            .filter_map(|cookie| cookie.to_str().ok()?.split(';').next())
            .collect();
        let in_ = cookies
            .iter()
            .any(|cookie| cookie.starts_with("wordpress_logged_in_"));
        ensure!(in_, "{} lets nobody log in", self.contestant.name());
        Ok(cookies.join("; "))
    }
}
