//! `site-job doctor`: what somebody inside the container wants to know, where there is no shell to look around with.
//!
//! Changes nothing but for a file that it writes and removes where writing must work.

use std::{
    env, fs,
    io::{Read, Write},
    os::unix::{fs::MetadataExt, net::UnixStream},
    process::Command,
    time::{Duration, Instant},
};

use mysql_async::{Conn, prelude::Queryable};
use serde_json::Value;

use crate::{
    database::connect_site,
    healthcheck,
    serve::{STATUS_SOCKET, Size},
    tend::{GENERATION, LOCK, next_due, pages},
    wordpress::PHP,
};

const WRITABLE: [&str; 3] = ["/tmp", "/run/bbws", "/srv/uploads"];
const TIMEOUT: Duration = Duration::from_secs(5);
const MIB: u64 = 1 << 20;

/// One line of the answer.
#[derive(Debug)]
pub struct Check {
    name: &'static str,
    /// What was found, or why it is wrong.
    outcome: Result<String, String>,
}

impl Check {
    fn new(name: &'static str, outcome: Result<String, String>) -> Self {
        Self { name, outcome }
    }

    /// Whether nothing is wrong.
    #[must_use]
    pub fn ok(&self) -> bool {
        self.outcome.is_ok()
    }
}

impl std::fmt::Display for Check {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (word, text) = match &self.outcome {
            Ok(text) => ("ok", text),
            Err(text) => ("failed", text),
        };
        write!(f, "{word:<7} {:<12} {text}", self.name)
    }
}

/// Examines this container. What one check finds does not keep the others from running.
#[must_use]
pub fn examine() -> Vec<Check> {
    let mut checks = vec![
        Check::new("versions", versions()),
        Check::new("user", user()),
        Check::new("root", read_only_root()),
    ];
    checks.extend(WRITABLE.map(|folder| Check::new("writable", writable(folder))));
    checks.push(Check::new("memory", memory()));
    checks.push(Check::new("healthz", page("/healthz")));
    checks.push(Check::new("readyz", page("/readyz")));
    checks.push(Check::new("php-fpm", fpm()));
    checks.push(Check::new("php caches", php_caches()));
    let (count, bytes) = pages::count();
    let limit = Size::of_container().page_cache();
    let text = format!("{count} pages, {:.1} of {limit} MiB", mebibytes(bytes));
    checks.push(Check::new("page cache", Ok(text)));
    match tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => checks.extend(runtime.block_on(database())),
        Err(error) => checks.push(Check::new("database", Err(error.to_string()))),
    }
    checks
}

fn versions() -> Result<String, String> {
    let run = |program: &str, argument: &str| {
        let output = Command::new(program)
            .arg(argument)
            .output()
            .map_err(|error| format!("{program}: {error}"))?;
        let text = [output.stdout, output.stderr].concat();
        let line = String::from_utf8_lossy(&text)
            .lines()
            .next()
            .unwrap_or_default()
            .to_owned();
        Ok::<_, String>(line)
    };
    let nginx = run("/usr/sbin/nginx", "-v")?;
    let php = run(PHP, "-v")?;
    let wordpress = fs::read_to_string("/srv/wordpress/wp-includes/version.php")
        .map_err(|error| format!("WordPress's version: {error}"))?;
    let wordpress = wordpress
        .split_once("$wp_version = '")
        .and_then(|(_, rest)| rest.split_once('\''))
        .map_or("unknown", |(version, _)| version);
    Ok(format!(
        "site-job {}, WordPress {wordpress}, {}, {}",
        env!("CARGO_PKG_VERSION"),
        php.split(" (").next().unwrap_or_default(),
        nginx.trim_start_matches("nginx version: "),
    ))
}

fn user() -> Result<String, String> {
    let (uid, gid) = (rustix::process::geteuid(), rustix::process::getegid());
    let text = format!("uid {}, gid {}", uid.as_raw(), gid.as_raw());
    if uid.is_root() {
        return Err(format!("{text}: runs as root"));
    }
    Ok(text)
}

fn read_only_root() -> Result<String, String> {
    let root = rustix::fs::statvfs("/").map_err(|error| error.to_string())?;
    if root.f_flag.contains(rustix::fs::StatVfsMountFlags::RDONLY) {
        Ok("read-only".to_owned())
    } else {
        Err("the root file system can be written; the task definition should say readonlyRootFilesystem".to_owned())
    }
}

fn writable(folder: &str) -> Result<String, String> {
    let probe = format!("{folder}/.doctor-{}", std::process::id());
    let wrote = fs::write(&probe, "x").and_then(|()| fs::remove_file(&probe));
    let owner = fs::metadata(folder).map_or_else(|_| "nobody".to_owned(), |m| m.uid().to_string());
    wrote.map_err(|error| format!("{folder} (owner {owner}): {error}"))?;
    let disk = rustix::fs::statvfs(folder).map_err(|error| format!("{folder}: {error}"))?;
    let (free, all) = (disk.f_bavail * disk.f_frsize, disk.f_blocks * disk.f_frsize);
    let text = format!(
        "{folder}: {:.0} of {:.0} MiB free",
        mebibytes(free),
        mebibytes(all)
    );
    if free < MIB {
        return Err(text);
    }
    Ok(text)
}

fn memory() -> Result<String, String> {
    let read = |path| -> Option<u64> { fs::read_to_string(path).ok()?.trim().parse().ok() };
    let used = read("/sys/fs/cgroup/memory.current")
        .or_else(|| read("/sys/fs/cgroup/memory/memory.usage_in_bytes"));
    let size = Size::of_container();
    let used = used.map_or("unknown".to_owned(), |used| {
        format!("{:.0}", mebibytes(used))
    });
    Ok(format!(
        "{used} of {:.0} MiB used, at most {} PHP workers",
        mebibytes(size.0),
        size.workers()
    ))
}

fn page(path: &str) -> Result<String, String> {
    let started = Instant::now();
    match healthcheck::status(8080, path) {
        Ok(200) => Ok(format!("200 in {} ms", started.elapsed().as_millis())),
        Ok(status) => Err(format!("answered {status}")),
        Err(error) => Err(format!("no answer: {error}")),
    }
}

/// What the web server's private socket answers; HTTP/1.0, so that there are no chunks.
fn status(path: &str) -> Result<Value, String> {
    let ask = || -> std::io::Result<String> {
        let mut stream = UnixStream::connect(STATUS_SOCKET)?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        stream.set_write_timeout(Some(TIMEOUT))?;
        write!(stream, "GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    };
    let answer = ask().map_err(|error| format!("{STATUS_SOCKET}: {error}"))?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    serde_json::from_str(body).map_err(|_| {
        format!(
            "{path}: {}",
            head.lines().next().unwrap_or("an empty answer")
        )
    })
}

fn fpm() -> Result<String, String> {
    let status = status("/fpm?json")?;
    let number = |name: &str| status[name].as_u64().unwrap_or_default();
    let text = format!(
        "{} workers, {} busy, {} waiting; {} requests, {} slow; the limit was reached {} times",
        number("total processes"),
        number("active processes"),
        number("listen queue"),
        number("accepted conn"),
        number("slow requests"),
        number("max children reached"),
    );
    if number("listen queue") > 0 {
        Err(text)
    } else {
        Ok(text)
    }
}

fn php_caches() -> Result<String, String> {
    let caches = status("/caches")?;
    let used = |name: &str| mebibytes(caches[name]["used"].as_u64().unwrap_or_default());
    if !caches["opcache"].is_object() {
        return Err("OPcache is off".to_owned());
    }
    let text = format!(
        "OPcache {} scripts, {:.0} MiB; APCu {:.1} MiB",
        caches["opcache"]["scripts"],
        used("opcache"),
        used("apcu"),
    );
    if caches["opcache"]["full"] == true {
        Err(format!("{text}: OPcache is full"))
    } else {
        Ok(text)
    }
}

async fn database() -> Vec<Check> {
    let host = env::var("DB_HOST").unwrap_or_default();
    let started = Instant::now();
    let mut connection = match connect_site().await {
        Ok(connection) => connection,
        Err(failure) => return vec![Check::new("database", Err(failure.message))],
    };
    let took = started.elapsed().as_millis();
    let checks = vec![
        Check::new("database", tls(&mut connection, &host, took).await),
        Check::new("wordpress", installed(&mut connection).await),
        Check::new("cron", cron(&mut connection).await),
    ];
    let _ = connection.disconnect().await;
    checks
}

async fn tls(connection: &mut Conn, host: &str, took: u128) -> Result<String, String> {
    let row: Option<(String, String)> = connection
        .query_first("SHOW SESSION STATUS LIKE 'Ssl_version'")
        .await
        .map_err(|error| error.to_string())?;
    let version = row.map(|(_, version)| version).unwrap_or_default();
    if version.is_empty() {
        return Err(format!("{host}: the connection is not encrypted"));
    }
    let verified = match env::var("DB_CA_FILE") {
        Ok(file) if !file.is_empty() => "verified",
        _ => "not verified, DB_CA_FILE is not set",
    };
    Ok(format!(
        "{host}, MySQL {}, {version} ({verified}), connected in {took} ms",
        {
            let (major, minor, patch) = connection.server_version();
            format!("{major}.{minor}.{patch}")
        }
    ))
}

async fn option(connection: &mut Conn, name: &str) -> Result<Option<String>, String> {
    connection
        .exec_first(
            "SELECT option_value FROM wp_options WHERE option_name = ?",
            (name,),
        )
        .await
        .map_err(|error| error.to_string())
}

async fn installed(connection: &mut Conn) -> Result<String, String> {
    let tables = option(connection, "db_version")
        .await?
        .ok_or("WordPress is not installed")?;
    let generation = option(connection, GENERATION).await?;
    Ok(format!(
        "tables {tables}, content {}",
        generation.as_deref().unwrap_or("never changed")
    ))
}

async fn cron(connection: &mut Conn) -> Result<String, String> {
    let holder: Option<Option<u64>> = connection
        .query_first(format!("SELECT IS_USED_LOCK({LOCK})"))
        .await
        .map_err(|error| error.to_string())?;
    let lock = match holder.flatten() {
        Some(connection) => format!("a task is at work (connection {connection})"),
        None => "nobody is at work".to_owned(),
    };
    let schedule = option(connection, "cron").await?.unwrap_or_default();
    let now = time::OffsetDateTime::now_utc().unix_timestamp();
    let due = next_due(&schedule).and_then(|due| i64::try_from(due).ok());
    match due.map(|due| due - now) {
        None => Ok(format!("nothing is scheduled, {lock}")),
        // Looked at once a minute, and run one after the other.
        Some(seconds) if seconds < -900 => Err(format!("work is due for {} s, {lock}", -seconds)),
        Some(seconds) => Ok(format!("next in {} s, {lock}", seconds.max(0))),
    }
}

#[expect(clippy::cast_precision_loss, reason = "a size for reading")]
fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / MIB as f64
}
