//! A site as it runs in an environment: a database that wants TLS, a volume for uploads, and tasks with what the task
//! definition gives them.

use std::{collections::HashMap, net::SocketAddr, time::Duration};

use anyhow::{Context as _, Result, ensure};
use bollard::models::{ContainerCreateBody, HostConfig};
use site_job::protocol::{Outcome, Request, Settings, VERSION, Work};

use super::{
    browser::Browser,
    engine::{Engine, until},
};
use crate::{
    image::ImageError,
    resource::{PORT, STOP_TIMEOUT, TEMPORARY, TEMPORARY_OPTIONS, UPLOADS, USER},
};

/// MiB: the smallest task that Fargate offers.
const MEMORY: i64 = 512;
/// MySQL makes its files at the first start.
const DATABASE_STARTS: Duration = Duration::from_secs(90);
/// As the load balancer's checks: three times ten seconds, and the start of a busy machine.
const TASK_STARTS: Duration = Duration::from_secs(60);
const ADMIN: &str = "keeper";
const TITLE: &str = "A site under test";
const PREFIX: &str = "/tenant-image-test";

/// Where WordPress asks for news and updates, and tells of new posts.
const ELSEWHERE: [&str; 3] = ["api.wordpress.org", "wordpress.org", "rpc.pingomatic.com"];

/// What is tested.
pub(super) struct Site<'a> {
    pub(super) engine: &'a Engine,
    image: &'a str,
    /// Tells this site from another of the same run.
    name: &'static str,
    network: String,
    uploads: String,
    database: String,
    /// Every secret of the site; none may be in a log.
    pub(super) secrets: Secrets,
}

/// Made up for the run; all tasks of the site share them.
pub(super) struct Secrets {
    root: String,
    database: String,
    salt: String,
    admin: String,
}

impl Secrets {
    pub(super) fn all(&self) -> [&str; 4] {
        [&self.root, &self.database, &self.salt, &self.admin]
    }
}

/// A running task.
#[derive(Clone, Debug)]
pub(super) struct Task {
    pub(super) container: String,
    pub(super) at: SocketAddr,
}

impl<'a> Site<'a> {
    /// Makes the site's network, volume and database; returns when the database answers.
    pub(super) async fn prepare(
        engine: &'a Engine,
        name: &'static str,
        (image, database): (&'a str, &str),
    ) -> Result<Self, ImageError> {
        let network = engine.network(name).await?;
        let uploads = engine.volume(name).await?;
        let secret = || hex::encode(rand::random::<[u8; 16]>());
        let secrets = Secrets {
            root: secret(),
            database: secret(),
            salt: secret(),
            admin: secret(),
        };
        let body = ContainerCreateBody {
            image: Some(database.to_owned()),
            env: Some(vec![
                format!("MYSQL_ROOT_PASSWORD={}", secrets.root),
                "MYSQL_DATABASE=site".to_owned(),
                "MYSQL_USER=site".to_owned(),
                format!("MYSQL_PASSWORD={}", secrets.database),
            ]),
            ..ContainerCreateBody::default()
        };
        let what = format!("{name}-database");
        let database = engine
            .start(&what, (&network, "database"), body, HostConfig::default())
            .await?;
        let site = Self {
            engine,
            image,
            name,
            network,
            uploads,
            database,
            secrets,
        };
        // As the job that makes a tenant's database; a cron run that has to wait must not give up.
        let setting = "ALTER USER site REQUIRE SSL; SET GLOBAL innodb_lock_wait_timeout = 300";
        let answered = until(DATABASE_STARTS, async || site.sql(setting).await).await;
        answered.map_err(|reason| {
            ImageError::Answer(format!("the database does not answer: {reason:#}"))
        })?;
        Ok(site)
    }

    /// What the database's administrator gets for a statement. Over TCP: the official image's first server, which only
    /// prepares, listens on no port.
    pub(super) async fn sql(&self, statement: &str) -> Result<String> {
        let command = [
            "mysql",
            "--protocol=TCP",
            "--host=127.0.0.1",
            "--user=root",
            "--batch",
            "--skip-column-names",
            "--execute",
            statement,
            "site",
        ];
        let password = vec![format!("MYSQL_PWD={}", self.secrets.root)];
        let (code, out, words) = self.engine.run(&self.database, &command, password).await?;
        ensure!(code == 0, "{}", words.trim());
        Ok(out.trim().to_owned())
    }

    /// Stops the database or starts it again.
    pub(super) async fn database(&self, runs: bool) -> Result<()> {
        let docker = &self.engine.docker;
        if runs {
            docker.start_container(&self.database, None).await?;
        } else {
            docker.stop_container(&self.database, None).await?;
        }
        Ok(())
    }

    /// The host name of the site, in a domain that no resolver but the engine's knows (RFC 6761, section 6.2).
    fn host(&self) -> String {
        format!("{}.image.test", self.name)
    }

    pub(super) fn authority(&self) -> String {
        format!("{}:{PORT}", self.host())
    }

    pub(super) fn home(&self) -> String {
        format!("http://{}", self.authority())
    }

    pub(super) fn title(&self) -> &'static str {
        TITLE
    }

    /// A visitor without cookies at a task.
    pub(super) fn visitor(&self, task: &Task) -> Browser {
        Browser::new(task.at, &self.authority(), PREFIX)
    }

    /// The site's administrator, logged in.
    pub(super) async fn admin(&self, task: &Task) -> Result<Browser> {
        let mut browser = self.visitor(task);
        browser.log_in(ADMIN, &self.secrets.admin).await?;
        Ok(browser)
    }

    pub(super) fn admin_name(&self) -> &'static str {
        ADMIN
    }

    /// The variables of the task definition.
    fn variables(&self) -> Vec<(&'static str, String)> {
        let values = [
            // Not one that WordPress takes for a place to develop: then it would skip tests of Site Health.
            "prod".to_owned(),
            MEMORY.to_string(),
            PREFIX.to_owned(),
            "image-test".to_owned(),
            "database".to_owned(),
            "site".to_owned(),
            self.secrets.database.clone(),
            "3306".to_owned(),
            "site".to_owned(),
            self.secrets.admin.clone(),
            self.host(),
            self.home(),
        ];
        let salts = SALTS.map(|name| (name, format!("{name}{}", self.secrets.salt)));
        VARIABLES.into_iter().zip(values).chain(salts).collect()
    }

    fn body(&self, command: Option<&[&str]>, more: &[(&str, String)]) -> ContainerCreateBody {
        let variables = self.variables();
        let own = variables.iter().map(|(name, value)| (*name, value));
        let more = more.iter().map(|(name, value)| (*name, value));
        ContainerCreateBody {
            image: Some(self.image.to_owned()),
            user: Some(USER.to_owned()),
            env: Some(
                own.chain(more)
                    .map(|(name, value)| format!("{name}={value}"))
                    .collect(),
            ),
            cmd: command.map(|words| words.iter().map(|&word| word.to_owned()).collect()),
            stop_timeout: Some(i64::from(STOP_TIMEOUT)),
            ..ContainerCreateBody::default()
        }
    }

    fn limits(&self) -> HostConfig {
        let temporary = TEMPORARY.iter().map(|(path, mebibytes)| {
            let options = format!("{},size={mebibytes}m", TEMPORARY_OPTIONS.join(","));
            ((*path).to_owned(), options)
        });
        HostConfig {
            readonly_rootfs: Some(true),
            memory: Some(MEMORY << 20),
            memory_swap: Some(MEMORY << 20),
            cap_drop: Some(vec!["ALL".to_owned()]),
            tmpfs: Some(temporary.collect::<HashMap<_, _>>()),
            binds: Some(vec![format!("{}:{UPLOADS}", self.uploads)]),
            // The network leads nowhere, and the engine leaves questions for names outside unanswered. What WordPress asks for
            // fails at once all the same, rather than when its patience ends.
            extra_hosts: Some(ELSEWHERE.map(|host| format!("{host}:127.0.0.1")).to_vec()),
            dns_options: Some(vec!["timeout:1".to_owned(), "attempts:1".to_owned()]),
            ..HostConfig::default()
        }
    }

    /// Installs WordPress with the job that the runner starts; what it says it did.
    pub(super) async fn install(&self) -> Result<site_job::protocol::Installed> {
        let request = Request {
            version: VERSION,
            id: format!("image-test-{}", self.name),
            environment: "prod".to_owned(),
            bucket: String::new(),
            outcome_key: String::new(),
            work: Work::Install {
                settings: Settings {
                    title: TITLE.to_owned(),
                    admin_user: ADMIN.to_owned(),
                    admin_email: "keeper@image.test".to_owned(),
                    home: self.home(),
                    locale: "en_US".to_owned(),
                    timezone: "Africa/Johannesburg".to_owned(),
                    permalinks: "/%year%/%monthnum%/%postname%/".to_owned(),
                },
                try_pages: false,
                try_leaks: false,
            },
        };
        let more = [
            ("BBWS_JOB", serde_json::to_string(&request)?),
            ("AWS_REGION", "af-south-1".to_owned()),
        ];
        let body = self.body(Some(&["run", "--print"]), &more);
        let what = format!(
            "{}-job-{}",
            self.name,
            hex::encode(rand::random::<[u8; 2]>())
        );
        let network = (self.network.as_str(), "job");
        let container = self
            .engine
            .start(&what, network, body, self.limits())
            .await?;
        let code = self.engine.ended(&container).await?;
        let (out, words) = self.engine.logs(&container).await?;
        let last = || words.lines().chain(out.lines()).next_back().unwrap_or("");
        let outcome: Outcome = out
            .lines()
            .find_map(|line| serde_json::from_str(line).ok())
            .with_context(|| format!("the job ended with {code} and no outcome: {}", last()))?;
        let result = outcome.results.first().context("the outcome is empty")?;
        if let Some(failure) = &result.error {
            return Err(failure.clone().into());
        }
        ensure!(code == 0, "the job ended with {code}: {}", last());
        Ok(result.data()?)
    }

    /// Starts a task of the site, perhaps with more variables; returns when it is ready, as the load balancer judges it.
    pub(super) async fn task(&self, which: &str, more: &[(&str, String)]) -> Result<Task> {
        let what = format!("{}-{which}", self.name);
        let body = self.body(None, more);
        let host = self.host();
        let network = (self.network.as_str(), host.as_str());
        let container = self
            .engine
            .start(&what, network, body, self.limits())
            .await?;
        let address = self.engine.address(&container).await;
        let Ok(address) = address else {
            let (out, words) = self.engine.logs(&container).await?;
            let last = words.lines().chain(out.lines()).next_back().unwrap_or("");
            anyhow::bail!("the container ended at once: {last}");
        };
        let at = format!("{address}:{PORT}").parse()?;
        let task = Task { container, at };
        let mut visitor = self.visitor(&task);
        let ready = until(TASK_STARTS, async || {
            visitor.get("/readyz").await?.expect(200)
        });
        if let Err(reason) = ready.await {
            let (out, words) = self.engine.logs(&task.container).await?;
            let last = words.lines().chain(out.lines()).next_back().unwrap_or("");
            return Err(reason.context(format!("the task's last words: {last}")));
        }
        Ok(task)
    }
}

/// The names of the variables that tasks are tested with, sorted.
#[cfg(test)]
pub(crate) fn variable_names() -> Vec<&'static str> {
    let mut names: Vec<_> = VARIABLES.iter().chain(&SALTS).copied().collect();
    names.sort_unstable();
    names
}

/// In the order of their values in [`Site::variables`].
const VARIABLES: [&str; 12] = [
    "BBWS_ENVIRONMENT",
    "BBWS_MEMORY_MIB",
    "BBWS_PREFIX",
    "BBWS_TENANT",
    "DB_HOST",
    "DB_NAME",
    "DB_PASSWORD",
    "DB_PORT",
    "DB_USER",
    "WP_ADMIN_PASSWORD",
    "WP_DOMAINS",
    "WP_HOME",
];

const SALTS: [&str; 8] = [
    "WP_AUTH_KEY",
    "WP_SECURE_AUTH_KEY",
    "WP_LOGGED_IN_KEY",
    "WP_NONCE_KEY",
    "WP_AUTH_SALT",
    "WP_SECURE_AUTH_SALT",
    "WP_LOGGED_IN_SALT",
    "WP_NONCE_SALT",
];
