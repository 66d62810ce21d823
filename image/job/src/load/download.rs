//! Streams one S3 object into a reader, hashing it on the way.

use std::{
    io::{self, Read},
    time::{Duration, Instant},
};

use aws_sdk_s3::Client;
use bytes::Bytes;
use sha2::{Digest, Sha256};
use tokio::sync::mpsc;

use crate::{
    aws,
    log::{self, Level},
    protocol::{ExportedFile, Failure, FailureCode},
};

/// How often a body that breaks off is asked for again from there: the SDK repeats requests, not bodies.
const ATTEMPTS: u32 = 5;
/// Chunks between the network and the reader; S3's are of 16 KiB to a few MiB.
const AHEAD: usize = 16;

/// Gives the object's bytes to `read`, which runs on a thread of its own and must read to the end, and checks their number and
/// SHA-256 afterwards. Returns how long it waited for the storage, too.
///
/// # Errors
/// S3's; `read`'s; an object that is another than the one that the manifest names.
pub(super) async fn through<T: Send + 'static>(
    s3: &Client,
    bucket: &str,
    file: &ExportedFile,
    read: impl FnOnce(Chunks) -> Result<T, Failure> + Send + 'static,
) -> Result<(T, Duration), Failure> {
    let (sender, receiver) = mpsc::channel(AHEAD);
    let chunks = Chunks {
        receiver,
        rest: Bytes::new(),
    };
    let reading = tokio::task::spawn_blocking(move || read(chunks));
    let fetched = fetch(s3, bucket, file, sender).await;
    let read = reading.await.map_err(|error| {
        Failure::new(
            FailureCode::StorageFailed,
            format!("reading {}: {error}", file.key),
        )
    })?;
    // When the bytes stop because the reader failed, its reason is the one to know; when the bytes broke off, theirs is.
    match (fetched, read) {
        (Ok(Some(waited)), read) => read.map(|read| (read, waited)),
        (Ok(None), Err(failure)) | (Err(failure), _) => Err(failure),
        (Ok(None), Ok(_)) => Err(Failure::new(
            FailureCode::StorageFailed,
            format!("{} was not read to its end", file.key),
        )),
    }
}

/// How long it waited for the storage until everything was handed over; `None` when the reader went away.
async fn fetch(
    s3: &Client,
    bucket: &str,
    file: &ExportedFile,
    sender: mpsc::Sender<Bytes>,
) -> Result<Option<Duration>, Failure> {
    let failed = |reason: String| {
        Failure::new(
            FailureCode::StorageFailed,
            format!("reading s3://{bucket}/{}: {reason}", file.key),
        )
    };
    let (mut hash, mut bytes, mut attempt) = (Sha256::new(), 0, 1);
    let mut waited = Duration::ZERO;
    loop {
        let asked = Instant::now();
        let answer = s3
            .get_object()
            .bucket(bucket)
            .key(&file.key)
            .set_range((bytes > 0).then(|| format!("bytes={bytes}-")))
            .send()
            .await
            .map_err(|error| failed(aws::describe(&error)))?;
        waited += asked.elapsed();
        let mut body = answer.body;
        let broken = loop {
            let asked = Instant::now();
            let chunk = body.next().await;
            waited += asked.elapsed();
            match chunk {
                Some(Ok(chunk)) => {
                    hash.update(&chunk);
                    bytes += chunk.len() as u64;
                    if sender.send(chunk).await.is_err() {
                        return Ok(None);
                    }
                }
                Some(Err(error)) => break Some(error),
                None => break None,
            }
        };
        match broken {
            Some(error) if attempt == ATTEMPTS => return Err(failed(error.to_string())),
            Some(error) => {
                attempt += 1;
                let message = format!("{} broke off after {bytes} bytes: {error}", file.key);
                log::line("job", Level::Warning, None, &message);
            }
            None => break,
        }
    }
    let sha256 = hex::encode(hash.finalize());
    if bytes == file.bytes && sha256 == file.sha256 {
        return Ok(Some(waited));
    }
    Err(failed(format!(
        "{bytes} bytes with SHA-256 {sha256}, but the manifest says {} bytes with {}",
        file.bytes, file.sha256
    )))
}

/// The object's bytes as they come.
pub(super) struct Chunks {
    receiver: mpsc::Receiver<Bytes>,
    rest: Bytes,
}

impl Read for Chunks {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.rest.is_empty() {
            match self.receiver.blocking_recv() {
                Some(chunk) => self.rest = chunk,
                None => return Ok(0),
            }
        }
        let length = buffer.len().min(self.rest.len());
        buffer[..length].copy_from_slice(&self.rest.split_to(length));
        Ok(length)
    }
}
