//! Loads a content snapshot beside a site's content, and puts it in its place.
//!
//! A site's user owns three schemas: the live one, `…$next` for what is loaded, and `…$before` for what it takes the place of. One
//! `RENAME TABLE` moves all tables at once, or none. Uploads are loaded into a folder beside the others and moved one by one:
//! a new file never takes the place of one that the old content shows, unless it has the same name.
//!
//! Everything can be repeated: a load begins anew, a switch knows whether it was done.

mod download;
mod fill;
mod prove;
mod quarantine;
mod rows;
mod settle;
mod statements;
mod switch;
mod tables;
mod uploads;

use std::{env, process::Stdio, sync::Arc, time::Duration};

use mysql_async::{Conn, prelude::Queryable};
use sha2::{Digest, Sha256};
use tokio::{
    process::Command,
    time::{Instant, sleep},
};

pub use quarantine::lift;
pub(crate) use quarantine::of_site as quarantined;
pub use settle::settle;
pub use switch::{switch, switch_back};

use crate::{
    aws::{self, Aws},
    cost::peak_memory,
    database::{self, failed, sql},
    job::UPLOADS,
    log::{self, Level},
    protocol::{
        ExportedFile, Failure, FailureCode, Installed, LeakTest, Load, Loaded, LoadedTable,
        Manifest, Outcome, REQUEST_VARIABLE, Request, VERSION, Work,
    },
    rewrite::Rewriter,
};
use download::through;
use fill::{Filled, fill};
use statements::Edits;

/// The folder beside the uploads, in their root; the web server does not show it.
pub(crate) const BESIDE: &str = ".bbws";
/// The table that says which run loaded or switched a schema.
const MARK: &str = "bbws_run";
/// A role that was just made is not known everywhere at once
/// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html>, "Changes that I make are not always immediately visible").
const PATIENCE: Duration = Duration::from_secs(90);

/// The schemas of one site.
struct Schemas {
    live: String,
    next: String,
    before: String,
}

impl Schemas {
    fn of_site() -> Result<Self, Failure> {
        let live = env::var("DB_NAME")
            .map_err(|_| Failure::new(FailureCode::BadRequest, "the environment has no DB_NAME"))?;
        Ok(Self {
            next: database::next(&live),
            before: database::before(&live),
            live,
        })
    }
}

/// Loads, proves and tries; see [`Work::Load`]. A repeat begins anew.
///
/// # Errors
/// The snapshot is another than the one asked for; the storage's, the database's and the files'; an old address is left; rows are
/// missing; [`FailureCode::CodeBroken`] when the site does not answer with what was loaded.
pub async fn load(load: &Load, tenant: &str, aws: &Aws) -> Result<Loaded, Failure> {
    let snapshot = &load.snapshot;
    let s3 = aws
        .storage(&snapshot.region, snapshot.role_arn.as_deref())
        .await;
    let manifest = manifest(&s3, load, tenant).await?;
    let rewriter = match load.hosts.as_slice() {
        [] => None,
        hosts => Some(Rewriter::new(hosts, load.to.clone())?),
    };
    quarantine::guard(load, &manifest)?;
    let schemas = Schemas::of_site()?;
    let mut loaded = Loaded {
        views: manifest.views.clone(),
        ..Loaded::default()
    };

    settle::empty_beside(UPLOADS.as_ref(), uploads::NEXT)?;
    let mut connection = connect(&schemas.live).await?;
    let present = tables::list(&mut connection, &schemas.live).await?;
    let fates = tables::fates(load, &manifest, &present)?;
    tables::guard(&mut connection, load, &manifest).await?;
    let edits = Arc::new(Edits {
        rewriter,
        masker: quarantine::masker(&mut connection, load, &schemas).await?,
    });
    begin(&mut connection, &schemas.next, &load.run).await?;

    let mut began = Instant::now();
    let files = async {
        if !load.content.has_uploads() {
            return Ok((0, Duration::ZERO));
        }
        let file = file(&manifest, "uploads.tar.zst")?;
        let leave = match load.quarantine {
            Some(_) => quarantine::PRIVATE_UPLOADS,
            None => &[],
        };
        let (unpacked, waited) = through(&s3, &snapshot.bucket, file, move |chunks| {
            uploads::unpack(chunks, UPLOADS.as_ref(), leave)
        })
        .await?;
        Ok((uploads::complete(unpacked, manifest.uploads)?, waited))
    };
    let rows = async {
        if !load.content.has_tables() {
            return Ok(Filled::default());
        }
        let dump = file(&manifest, "database.sql.zst")?;
        fill(&s3, load, dump, &schemas, &fates, Arc::clone(&edits)).await
    };
    let (files, filled) = tokio::join!(files, rows);
    let (files, waited_for_files) = files?;
    (loaded.uploads, loaded.left_out) = (files, fates.left_out(&manifest));
    let mut filled = filled?;
    if !load.content.has_tables() {
        return Ok(loaded);
    }
    loaded.took.filled = milliseconds(&mut began);
    loaded.took.edited = millis(filled.edited);
    loaded.took.waited = millis(waited_for_files.max(filled.waited));

    let mut arrived = Vec::new();
    for table in &manifest.tables {
        if !fates.fills(&table.name) {
            continue;
        }
        let sent = filled.tables.remove(&table.name).unwrap_or_default();
        loaded.masked += sent.edited.masked;
        let stays = fates.takes(&table.name);
        if stays {
            loaded.tables.push(LoadedTable {
                name: table.name.clone(),
                rows: table.rows,
                rewritten: sent.edited.rewritten,
            });
        }
        arrived.push(prove::Arrived {
            table: table.clone(),
            sent,
            stays,
        });
    }
    prove::rows(&schemas.next, arrived, &edits).await?;
    for name in fates.made_empty() {
        loaded.tables.push(LoadedTable {
            name: name.clone(),
            rows: 0,
            rewritten: 0,
        });
    }
    tables::age(&mut connection, &schemas, &fates).await?;
    loaded.orphans = tables::authors(&mut connection, load, &schemas, &fates).await?;
    tables::options(&mut connection, load, &schemas, &fates).await?;
    if fates.takes(tables::OPTIONS) {
        quarantine::state(&mut connection, load, &schemas).await?;
        // With the environment's own among them.
        if let Some(rewriter) = &edits.rewriter {
            prove::no_addresses(&schemas.next, tables::OPTIONS, rewriter).await?;
        }
    }
    tables::surround(&mut connection, &schemas, &present, &fates).await?;
    tables::mark(&mut connection, &schemas.next, &loaded.tables).await?;
    let _ = connection.disconnect().await;
    loaded.took.proved = milliseconds(&mut began);
    loaded.leak_test = attempt(load, &schemas.next).await?;
    loaded.took.tried = milliseconds(&mut began);
    loaded.took.peak_memory = peak_memory();
    Ok(loaded)
}

/// Since `began`, which begins again.
fn milliseconds(began: &mut Instant) -> u64 {
    millis(std::mem::replace(began, Instant::now()).elapsed())
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// A connection whose statements mean what those of a dump mean, on `schema`.
async fn connect(schema: &str) -> Result<Conn, Failure> {
    let mut connection = database::connect_site().await?;
    for statement in [
        format!("USE {}", sql::identifier(schema)),
        "SET NAMES utf8mb4".to_owned(),
        "SET SESSION time_zone = '+00:00', sql_mode = 'NO_AUTO_VALUE_ON_ZERO', foreign_key_checks = 0, \
         unique_checks = 0, net_read_timeout = 600, lock_wait_timeout = 60"
            .to_owned(),
    ] {
        connection
            .query_drop(statement)
            .await
            .map_err(failed("preparing the session"))?;
    }
    Ok(connection)
}

/// An empty schema for `run`.
async fn begin(connection: &mut Conn, schema: &str, run: &str) -> Result<(), Failure> {
    let name = sql::identifier(schema);
    for statement in [
        format!("DROP DATABASE IF EXISTS {name}"),
        format!("CREATE DATABASE {name} CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_520_ci"),
        format!(
            "CREATE TABLE {name}.{MARK} (run varchar(64) NOT NULL, name varchar(64) NOT NULL, PRIMARY KEY (run, name))"
        ),
        format!(
            "INSERT INTO {name}.{MARK} VALUES ({}, '')",
            sql::string(run)
        ),
    ] {
        connection
            .query_drop(statement)
            .await
            .map_err(failed("making a schema beside the site's"))?;
    }
    Ok(())
}

/// Reads the snapshot's manifest and checks that it is the one asked for.
async fn manifest(s3: &aws_sdk_s3::Client, load: &Load, tenant: &str) -> Result<Manifest, Failure> {
    let snapshot = &load.snapshot;
    let key = format!("{}manifest.json", snapshot.prefix);
    let wrong = |reason: String| {
        Failure::new(
            FailureCode::StorageFailed,
            format!("s3://{}/{key}: {reason}", snapshot.bucket),
        )
    };
    let deadline = Instant::now() + PATIENCE;
    let body = loop {
        let get = s3.get_object().bucket(&snapshot.bucket).key(&key).send();
        match get.await {
            Ok(answer) => match answer.body.collect().await {
                Ok(body) => break body.into_bytes(),
                Err(error) if Instant::now() > deadline => return Err(wrong(error.to_string())),
                Err(_) => {}
            },
            Err(error) if snapshot.role_arn.is_none() || Instant::now() > deadline => {
                return Err(wrong(aws::describe(&error)));
            }
            Err(_) => {}
        }
        sleep(Duration::from_secs(2)).await;
    };
    let sha256 = hex::encode(Sha256::digest(&body));
    if sha256 != snapshot.manifest_sha256 {
        return Err(wrong(format!(
            "its SHA-256 is {sha256}, not {}",
            snapshot.manifest_sha256
        )));
    }
    let manifest: Manifest =
        serde_json::from_slice(&body).map_err(|error| wrong(error.to_string()))?;
    if manifest.version != VERSION || manifest.tenant != tenant {
        return Err(wrong(format!(
            "it is of version {} and of {}, not of {VERSION} and of {tenant}",
            manifest.version, manifest.tenant
        )));
    }
    Ok(manifest)
}

fn file<'m>(manifest: &'m Manifest, name: &str) -> Result<&'m ExportedFile, Failure> {
    let found = manifest.files.iter().find(|file| file.key.ends_with(name));
    found.ok_or_else(|| {
        Failure::new(
            FailureCode::StorageFailed,
            format!("the snapshot has no {name}"),
        )
    })
}

/// Makes the site's settings so in `schema`, upgrades its tables where this image needs that, and asks for pages: what an
/// install job does, with another schema. What a quarantined site tried in vain.
async fn attempt(load: &Load, schema: &str) -> Result<Option<LeakTest>, Failure> {
    let unable = |reason: String| {
        Failure::new(
            FailureCode::WordpressFailed,
            format!("trying the site with what was loaded: {reason}"),
        )
    };
    let request = Request {
        version: VERSION,
        id: load.run.clone(),
        environment: env::var("BBWS_ENVIRONMENT").unwrap_or_default(),
        bucket: String::new(),
        outcome_key: String::new(),
        work: Work::Install {
            settings: load.settings.clone(),
            try_pages: true,
            try_leaks: load.quarantine.is_some(),
        },
    };
    let request = serde_json::to_string(&request).map_err(|error| unable(error.to_string()))?;
    let program = env::current_exe().map_err(|error| unable(error.to_string()))?;
    let output = Command::new(program)
        .args(["run", "--print"])
        .env("DB_NAME", schema)
        .env(REQUEST_VARIABLE, request)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .kill_on_drop(true)
        .output()
        .await
        .map_err(|error| unable(error.to_string()))?;
    // Its log comes the same way; the outcome is the last line.
    let mut outcome = None;
    for line in output.stdout.split_inclusive(|byte| *byte == b'\n') {
        match serde_json::from_slice::<Outcome>(line) {
            Ok(found) => outcome = Some(found),
            Err(_) => log::raw(line),
        }
    }
    let outcome = outcome.ok_or_else(|| unable(format!("it ended with {}", output.status)))?;
    let result = outcome.results.into_iter().next();
    let result = result.ok_or_else(|| unable("it gave no result".to_owned()))?;
    if let Some(failure) = result.error {
        return Err(failure);
    }
    log::line(
        "job",
        Level::Info,
        None,
        "the site answers with what was loaded",
    );
    if load.quarantine.is_none() {
        return Ok(None);
    }
    let leaks = result
        .data::<Installed>()
        .map_err(|error| unable(error.to_string()))?
        .leak_test;
    leaks
        .map(Some)
        .ok_or_else(|| unable("it tried no leaks".to_owned()))
}
