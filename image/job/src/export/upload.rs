//! Streams bytes of unknown length into one S3 object, hashing them on the way.

use aws_sdk_s3::{
    Client,
    primitives::ByteStream,
    types::{CompletedMultipartUpload, CompletedPart},
};
use sha2::{Digest, Sha256};

use crate::{
    aws,
    log::{self, Level},
    protocol::{ExportedFile, Failure, FailureCode},
};

/// S3 takes parts of at least 5 MiB (but the last) and at most 10,000 of them
/// (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html>): with these sizes an object may have 570 GiB,
/// and memory holds two of the smaller parts.
const PART: usize = 8 << 20;
const LARGE_PART: usize = 64 << 20;
const LARGE_FROM: usize = 1_000;

/// One object on its way.
pub(super) struct Upload<'a> {
    s3: &'a Client,
    bucket: &'a str,
    key: String,
    buffer: Vec<u8>,
    hash: Sha256,
    bytes: u64,
    multipart: Option<String>,
    parts: Vec<CompletedPart>,
}

impl<'a> Upload<'a> {
    pub(super) fn new(s3: &'a Client, bucket: &'a str, key: String) -> Self {
        let (buffer, hash) = (Vec::new(), Sha256::new());
        Self {
            s3,
            bucket,
            key,
            buffer,
            hash,
            bytes: 0,
            multipart: None,
            parts: Vec::new(),
        }
    }

    /// Takes bytes, and sends a part when there are enough.
    pub(super) async fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.hash.update(bytes);
        self.bytes += bytes.len() as u64;
        self.buffer.extend_from_slice(bytes);
        let enough = if self.parts.len() < LARGE_FROM {
            PART
        } else {
            LARGE_PART
        };
        while self.buffer.len() >= enough {
            let rest = self.buffer.split_off(enough);
            let part = std::mem::replace(&mut self.buffer, rest);
            self.send_part(part).await?;
        }
        Ok(())
    }

    /// Sends the rest and makes the object visible.
    pub(super) async fn finish(mut self) -> Result<ExportedFile, Failure> {
        if self.multipart.is_none() {
            let body = ByteStream::from(std::mem::take(&mut self.buffer));
            let put = self
                .s3
                .put_object()
                .bucket(self.bucket)
                .key(&self.key)
                .body(body);
            if let Err(error) = put.send().await {
                return Err(self.failure("writing", aws::describe(&error)));
            }
        } else {
            if let Err(failure) = self.complete().await {
                self.abort().await;
                return Err(failure);
            }
        }
        let sha256 = hex::encode(self.hash.finalize());
        Ok(ExportedFile {
            key: self.key,
            bytes: self.bytes,
            sha256,
        })
    }

    /// Takes back what was sent; a failure leaves it to the bucket's lifecycle rule.
    pub(super) async fn abort(&self) {
        if let Some(id) = &self.multipart {
            let abort = self
                .s3
                .abort_multipart_upload()
                .bucket(self.bucket)
                .key(&self.key)
                .upload_id(id);
            if let Err(error) = abort.send().await {
                let failure = self.failure("aborting", aws::describe(&error));
                log::line("job", Level::Warning, None, &failure.message);
            }
        }
    }

    async fn complete(&mut self) -> Result<(), Failure> {
        if !self.buffer.is_empty() {
            let rest = std::mem::take(&mut self.buffer);
            self.send_part(rest).await?;
        }
        let parts = CompletedMultipartUpload::builder()
            .set_parts(Some(std::mem::take(&mut self.parts)))
            .build();
        let complete = self
            .s3
            .complete_multipart_upload()
            .bucket(self.bucket)
            .key(&self.key);
        let complete = complete
            .set_upload_id(self.multipart.clone())
            .multipart_upload(parts);
        complete
            .send()
            .await
            .map(drop)
            .map_err(|error| self.failure("completing", aws::describe(&error)))
    }

    async fn send_part(&mut self, part: Vec<u8>) -> Result<(), Failure> {
        if self.multipart.is_none() {
            let create = self
                .s3
                .create_multipart_upload()
                .bucket(self.bucket)
                .key(&self.key);
            let created = create
                .send()
                .await
                .map_err(|error| self.failure("beginning", aws::describe(&error)))?;
            self.multipart = created.upload_id;
        }
        let number = i32::try_from(self.parts.len() + 1).unwrap_or(i32::MAX);
        let upload = self
            .s3
            .upload_part()
            .bucket(self.bucket)
            .key(&self.key)
            .part_number(number);
        let upload = upload
            .set_upload_id(self.multipart.clone())
            .body(ByteStream::from(part));
        let sent = upload
            .send()
            .await
            .map_err(|error| self.failure("sending a part of", aws::describe(&error)))?;
        let completed = CompletedPart::builder()
            .part_number(number)
            .set_e_tag(sent.e_tag);
        self.parts.push(
            completed
                .set_checksum_crc32(sent.checksum_crc32)
                .set_checksum_crc32_c(sent.checksum_crc32_c)
                .set_checksum_crc64_nvme(sent.checksum_crc64_nvme)
                .build(),
        );
        Ok(())
    }

    fn failure(&self, attempt: &str, error: impl std::fmt::Display) -> Failure {
        Failure::new(
            FailureCode::StorageFailed,
            format!("{attempt} s3://{}/{}: {error}", self.bucket, self.key),
        )
    }
}
