//! What the engine tells of a task, and of the image's files.

use std::{collections::BTreeMap, io::Read, path::Path};

use anyhow::{Context as _, Result, ensure};
use bollard::{models::ChangeType, query_parameters::TopOptionsBuilder};
use bytes::Bytes;
use futures::StreamExt as _;
use hyper::Method;
use serde_json::Value;
use tokio::sync::mpsc;

use super::{
    check::Checks,
    engine::Engine,
    site::{Site, Task},
};
use crate::resource::{TEMPORARY, UPLOADS, USER};

const SHELLS: [&str; 9] = [
    "sh", "bash", "dash", "ash", "busybox", "zsh", "ksh", "csh", "fish",
];
const COMPILERS: [&str; 10] = [
    "cc", "gcc", "g++", "c++", "clang", "tcc", "as", "ld", "make", "rustc",
];
const INSTALLERS: [&str; 6] = ["apt", "apt-get", "dpkg", "pip", "npm", "composer"];

pub(super) async fn check(site: &Site<'_>, task: &Task, checks: &Checks<'_>) {
    checks
        .run("nothing is written to the root", async {
            let changes = site
                .engine
                .docker
                .container_changes(&task.container)
                .await?;
            let written: Vec<_> = changes
                .into_iter()
                .flatten()
                .filter(|change| !is_mount_point(&change.path) || change.kind == ChangeType::_2)
                .map(|change| change.path)
                .collect();
            ensure!(written.is_empty(), "{}", written.join(", "));
            Ok(())
        })
        .await;
    checks
        .run("no process is root", async {
            let options = TopOptionsBuilder::default()
                .ps_args("-eo pid,uid,args")
                .build();
            let top = site
                .engine
                .docker
                .top_processes(&task.container, Some(options))
                .await?;
            let processes = top.processes.unwrap_or_default();
            ensure!(
                processes.len() >= 4,
                "only {} processes run",
                processes.len()
            );
            for process in &processes {
                let [_, uid, program] = &process[..] else {
                    anyhow::bail!("the engine answers {process:?}");
                };
                ensure!(uid == user(), "{program} runs as the user {uid}");
            }
            Ok(())
        })
        .await;
}

/// The user of task definitions, without the group.
fn user() -> &'static str {
    USER.split_once(':').map_or(USER, |(user, _)| user)
}

/// The engine makes the places that something is mounted at, where the image lacks them.
fn is_mount_point(path: &str) -> bool {
    let mounts = TEMPORARY.iter().map(|(path, _)| *path).chain([UPLOADS]);
    mounts
        .into_iter()
        .any(|mount| Path::new(mount).starts_with(path))
}

/// Looks through the image's files. Nothing of it runs.
pub(super) async fn files(engine: &Engine, image: &str, checks: &Checks<'_>) {
    let found = checks
        .run("the image's files can be read", async {
            let container = engine.open("files", image).await?;
            list(engine, &container).await
        })
        .await;
    let Some(files) = found else {
        return;
    };
    let none = async |name, reason: &dyn Fn(&File) -> bool| {
        checks
            .run(name, async {
                let bad: Vec<_> = files.iter().filter(|file| reason(file)).collect();
                let shown = bad.iter().take(5).map(|file| file.path.as_str());
                let shown: Vec<_> = shown.collect();
                ensure!(bad.is_empty(), "{} files: {}", bad.len(), shown.join(", "));
                Ok(())
            })
            .await
    };
    none("no setuid or setgid files", &|file| {
        !file.folder && file.mode & 0o6000 != 0
    })
    .await;
    none("no shell, compiler or installer", &|file| {
        let name = Path::new(&file.path).file_name();
        let name = name.and_then(|name| name.to_str()).unwrap_or_default();
        let place = Path::new(&file.path).parent();
        let program = place.is_some_and(|place| place.ends_with("bin") || place.ends_with("sbin"));
        program
            && [&SHELLS[..], &COMPILERS, &INSTALLERS]
                .iter()
                .any(|them| them.contains(&name))
    })
    .await;
    none("the site's user owns no code", &|file| {
        let code = file.path.starts_with("srv/wordpress/")
            || file.path.starts_with("usr/")
            || file.path.starts_with("etc/");
        code && !file.link && (file.owner.to_string() == user() || file.mode & 0o002 != 0)
    })
    .await;
}

struct File {
    path: String,
    mode: u32,
    owner: u64,
    folder: bool,
    link: bool,
}

/// All entries of a container's file system, from the engine's stream of it.
async fn list(engine: &Engine, container: &str) -> Result<Vec<File>> {
    let (sender, receiver) = mpsc::channel::<std::io::Result<Bytes>>(8);
    let reading = tokio::task::spawn_blocking(move || {
        let stream = Chunks {
            receiver,
            rest: Bytes::new(),
        };
        let mut files = Vec::new();
        for entry in tar::Archive::new(stream).entries()? {
            let entry = entry?;
            let header = entry.header();
            let kind = header.entry_type();
            files.push(File {
                path: entry
                    .path()?
                    .to_string_lossy()
                    .trim_start_matches("./")
                    .to_owned(),
                mode: header.mode()?,
                owner: header.uid()?,
                folder: kind.is_dir(),
                link: kind.is_symlink(),
            });
        }
        anyhow::Ok(files)
    });
    let mut chunks = Box::pin(engine.docker.export_container(container));
    while let Some(chunk) = chunks.next().await {
        // The reader ends at the archive's end mark, a little before the stream does.
        if sender
            .send(chunk.map_err(std::io::Error::other))
            .await
            .is_err()
        {
            break;
        }
    }
    drop(sender);
    let files = reading.await??;
    ensure!(files.len() > 1000, "there are only {} files", files.len());
    Ok(files)
}

/// Chunks as a reader, for a thread of its own.
struct Chunks {
    receiver: mpsc::Receiver<std::io::Result<Bytes>>,
    rest: Bytes,
}

impl Read for Chunks {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        while self.rest.is_empty() {
            match self.receiver.blocking_recv() {
                Some(chunk) => self.rest = chunk?,
                None => return Ok(0),
            }
        }
        let length = into.len().min(self.rest.len());
        into[..length].copy_from_slice(&self.rest.split_to(length));
        Ok(length)
    }
}

/// What the tasks wrote: JSON alone, with ids of requests, without anything that only the visitor should know.
pub(super) async fn logs(site: &Site<'_>, tasks: &[&Task], checks: &Checks<'_>) {
    checks
        .run("logs are JSON with request ids and no secrets", async {
            let mut visitor = site.visitor(tasks[1]);
            let secret = hex::encode(rand::random::<[u8; 8]>());
            let trace = "Root=1-67891233-abcdef012345678912345678";
            let referer = format!("{}/?key={secret}", site.home());
            let headers = [("x-amzn-trace-id", trace), ("referer", referer.as_str())];
            let answer = visitor
                .send(Method::GET, &format!("/?s={secret}"), &headers, "")
                .await?
                .expect(200)?;
            let id = answer.header("x-request-id").to_owned();
            ensure!(!id.is_empty(), "answers have no X-Request-Id");
            let own = visitor.get("/").await?;
            ensure!(
                !own.header("x-request-id").is_empty() && own.header("x-request-id") != id,
                "a request without an id gets none of its own"
            );
            let mut found = false;
            for task in tasks {
                let (out, words) = site.engine.logs(&task.container).await?;
                for line in out.lines().chain(words.lines()) {
                    let entry: BTreeMap<String, Value> = serde_json::from_str(line)
                        .with_context(|| format!("a line is no JSON object: {line:.200}"))?;
                    found |= entry.get("source").is_some_and(|source| source == "access")
                        && entry.values().any(|value| *value == id);
                }
                let all = out + &words;
                ensure!(
                    !all.contains(&secret),
                    "the query of a request is in the log"
                );
                for secret in site.secrets.all() {
                    ensure!(
                        !all.contains(secret),
                        "a password of the site is in the log"
                    );
                }
            }
            ensure!(
                found,
                "no line of the log has the id that the answer had ({id})"
            );
            Ok(())
        })
        .await;
}
