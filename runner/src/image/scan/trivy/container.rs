//! Trivy in a container, on an engine that has its image.
//!
//! The image to scan is handed over as an archive. The engine's own socket is not: whoever holds it holds the machine.
//! Trivy's database of flaws stays in a volume between runs.

use super::ARGUMENTS;
use bollard::{
    Docker,
    container::LogOutput,
    errors::Error,
    models::{ContainerCreateBody, HostConfig},
    query_parameters::{
        LogsOptionsBuilder, RemoveContainerOptionsBuilder, UploadToContainerOptionsBuilder,
        WaitContainerOptions,
    },
};
use futures::{StreamExt, TryStreamExt};
use std::io::{Seek, SeekFrom, Write};
use tokio::io::AsyncReadExt;

/// As Trivy's project publishes it; whichever version the operator has pulled.
pub(super) const IMAGE: &str = "aquasec/trivy";
/// Keeps Trivy's database.
const CACHE: &str = "bbws-trivy-cache:/root/.cache/trivy";
/// The archive's name in the container.
const ARCHIVE: &str = "scanned.tar";
/// Bytes sent at a time.
const CHUNK: usize = 1 << 20;

/// Trivy's report on the image `id`, or nothing when the engine has no image of Trivy. A crash leaves a container that the
/// operator sees, and never the archive.
///
/// # Errors
/// Why it could not run, in words.
pub(super) async fn run(docker: &Docker, id: &str) -> Result<Option<Vec<u8>>, String> {
    let mut command: Vec<String> = ARGUMENTS.map(str::to_owned).into();
    command.extend(["--input".to_owned(), format!("/{ARCHIVE}")]);
    let body = ContainerCreateBody {
        image: Some(IMAGE.to_owned()),
        cmd: Some(command),
        host_config: Some(HostConfig {
            binds: Some(vec![CACHE.to_owned()]),
            ..HostConfig::default()
        }),
        ..ContainerCreateBody::default()
    };
    let container = match docker.create_container(None, body).await {
        Err(Error::DockerResponseServerError {
            status_code: 404, ..
        }) => return Ok(None),
        created => created.map_err(|error| format!("making a container of {IMAGE}: {error}"))?,
    };
    let report = report(docker, &container.id, id).await;
    let options = RemoveContainerOptionsBuilder::default().force(true).build();
    // Nothing is told by what it leaves.
    let _ = docker.remove_container(&container.id, Some(options)).await;
    report.map(Some)
}

async fn report(docker: &Docker, container: &str, id: &str) -> Result<Vec<u8>, String> {
    hand_over(docker, container, id).await?;
    let failed = |error: Error| format!("running {IMAGE}: {error}");
    docker
        .start_container(container, None)
        .await
        .map_err(failed)?;
    let ended = docker
        .wait_container(container, None::<WaitContainerOptions>)
        .try_next()
        .await;
    let (out, words) = logs(docker, container).await.map_err(failed)?;
    match ended {
        // The engine's client takes an exit code for an error.
        Err(Error::DockerContainerWaitError { code, .. }) => Err(format!(
            "{IMAGE} ended with {code}: {}",
            words.trim().replace('\n', " / ")
        )),
        Err(error) => Err(failed(error)),
        Ok(_) => Ok(out),
    }
}

/// Puts the image's archive into the container: an archive of one file, whose size must be known before it is sent.
async fn hand_over(docker: &Docker, container: &str, id: &str) -> Result<(), String> {
    let attempt = |what: &str, error: &dyn std::fmt::Display| format!("{what}: {error}");
    let mut file = tempfile::tempfile().map_err(|e| attempt("making a temporary file", &e))?;
    let mut archive = docker.export_image(id);
    while let Some(bytes) = archive.next().await {
        let bytes = bytes.map_err(|e| attempt("exporting the image", &e))?;
        file.write_all(&bytes)
            .map_err(|e| attempt("writing a temporary file", &e))?;
    }
    let size = file
        .stream_position()
        .and_then(|size| file.seek(SeekFrom::Start(0)).map(|_| size))
        .map_err(|e| attempt("reading a temporary file", &e))?;
    let mut header = tar::Header::new_gnu();
    header.set_size(size);
    header.set_mode(0o644);
    let named = header
        .set_path(ARCHIVE)
        .map_err(|e| attempt("naming the archive", &e));
    named?;
    header.set_cksum();
    // The file, up to the next block, and two empty blocks: how an archive ends.
    let padding = usize::try_from((512 - size % 512) % 512).unwrap_or_default() + 1024;
    let file = tokio::fs::File::from_std(file);
    let whole = std::io::Cursor::new(header.as_bytes().to_vec())
        .chain(file)
        .chain(std::io::Cursor::new(vec![0; padding]));
    let chunks = futures::stream::try_unfold(whole, async |mut whole| {
        let mut chunk = Vec::with_capacity(CHUNK);
        let read = (&mut whole)
            .take(CHUNK as u64)
            .read_to_end(&mut chunk)
            .await?;
        Ok::<_, std::io::Error>((read > 0).then_some((bytes::Bytes::from(chunk), whole)))
    });
    let options = UploadToContainerOptionsBuilder::default().path("/").build();
    docker
        .upload_to_container(container, Some(options), bollard::body_try_stream(chunks))
        .await
        .map_err(|e| attempt("handing the image to Trivy", &e))
}

/// What it printed: its report, and its words.
async fn logs(docker: &Docker, container: &str) -> Result<(Vec<u8>, String), Error> {
    let options = LogsOptionsBuilder::default()
        .stdout(true)
        .stderr(true)
        .build();
    let mut logs = docker.logs(container, Some(options));
    let (mut out, mut words) = (Vec::new(), Vec::new());
    while let Some(part) = logs.try_next().await? {
        match part {
            LogOutput::StdErr { message } => words.extend(message),
            part => out.extend(part.into_bytes()),
        }
    }
    Ok((out, String::from_utf8_lossy(&words).into_owned()))
}
