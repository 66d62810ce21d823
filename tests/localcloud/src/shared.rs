//! One cloud for all tests of a binary. Rust's test harness has no end at which to stop it: it ends with the process, whose
//! death the emulators notice, and the next start removes the directory that stays.

use anyhow::Result;
use tokio::runtime::Runtime;

use crate::cloud::LocalCloud;
use crate::options::Options;

/// A cloud and the runtime that it and the tests live on. Keep it in a `static` `LazyLock`.
#[derive(Debug)]
pub struct Shared {
    runtime: Runtime,
    cloud: LocalCloud,
}

impl Shared {
    /// Installs what is missing and starts the cloud.
    ///
    /// # Errors
    /// As [`LocalCloud::start`].
    pub fn start(options: Options) -> Result<Self> {
        let runtime = Runtime::new()?;
        let cloud = runtime.block_on(async {
            crate::prerequisites::ensure().await?;
            LocalCloud::start(options).await
        })?;
        Ok(Self { runtime, cloud })
    }

    /// The cloud.
    #[must_use]
    pub fn cloud(&self) -> &LocalCloud {
        &self.cloud
    }

    /// Runs a test to its end. Tests of several threads may run at once.
    pub fn run<T>(&self, test: impl Future<Output = T>) -> T {
        self.runtime.block_on(test)
    }
}
