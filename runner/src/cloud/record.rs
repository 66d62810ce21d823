//! Objects of the artifact bucket that are read and written whole: records, ledgers, packages.

use super::{Cloud, CloudError, aws};
use bytes::Bytes;
use serde::Serialize;

impl Cloud {
    /// Writes `record` as JSON under `key`.
    ///
    /// # Errors
    /// AWS's.
    pub(crate) async fn write_record(
        &self,
        key: &str,
        record: &impl Serialize,
    ) -> Result<(), CloudError> {
        let body =
            serde_json::to_vec(record).map_err(|error| CloudError::Unusable(error.to_string()))?;
        let put = self.s3.put_object().content_type("application/json");
        put.bucket(&self.foundation.artifacts.bucket)
            .key(key)
            .body(body.into())
            .send()
            .await
            .map_err(aws("s3:PutObject"))
            .map(drop)
    }

    /// The object under `key`.
    ///
    /// # Errors
    /// AWS's; it breaks off.
    pub(crate) async fn read_object(&self, key: &str) -> Result<Bytes, CloudError> {
        let bucket = &self.foundation.artifacts.bucket;
        let object = self.s3.get_object().bucket(bucket).key(key).send().await;
        let body = object.map_err(aws("s3:GetObject"))?.body.collect().await;
        body.map(aws_sdk_s3::primitives::AggregatedBytes::into_bytes)
            .map_err(|error| {
                CloudError::Unusable(format!("s3://{bucket}/{key} broke off: {error}"))
            })
    }
}
