//! Work inside the VPC, asked for by resources and done by `site-job` in one-off tasks.

mod batch;
mod definition;

use crate::cloud::task::{self, OneOff};
use crate::cloud::{Cell, Cloud, CloudError};
use crate::resource::{TenantRef, tags_of_cell};
use batch::{Batch, Item};
use serde::de::DeserializeOwned;
use serde_json::Value;
use site_job::protocol::{
    DatabaseName, DatabaseTarget, DroppedDatabase, EnsuredDatabase, Inspection, Outcome, Request,
    VERSION, Work,
};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use tokio::sync::Mutex;

/// Starts the jobs of one run and gives each an id.
#[derive(Clone, Debug)]
pub struct Jobs {
    cloud: Cloud,
    run: String,
    image: Option<String>,
    next: Arc<AtomicU32>,
    ensure: Batches<DatabaseTarget>,
    drop: Batches<DatabaseName>,
    inspect: Batches<DatabaseName>,
    definitions: Arc<Mutex<BTreeMap<String, String>>>,
}

/// What waits for the next job of each cell.
type Batches<T> = Arc<Mutex<BTreeMap<String, Arc<Batch<T>>>>>;

impl Jobs {
    /// Jobs of `run`; those of a cell run `image`, the environment's release, if the registry holds it.
    #[must_use]
    pub fn new(cloud: Cloud, run: String, image: Option<String>) -> Self {
        Self {
            cloud,
            run,
            image,
            next: Arc::default(),
            ensure: Arc::default(),
            drop: Arc::default(),
            inspect: Arc::default(),
            definitions: Arc::default(),
        }
    }

    /// The run's id.
    #[must_use]
    pub fn run(&self) -> &str {
        &self.run
    }

    /// Does `work` in a task of the site's own task definition, and returns the data that the work promises.
    ///
    /// # Errors
    /// The job's, AWS's.
    pub async fn of_site<T: DeserializeOwned>(
        &self,
        who: &TenantRef,
        task_definition: &str,
        work: Work,
    ) -> Result<T, CloudError> {
        self.named(self.id(), who, task_definition, work).await
    }

    /// The same with an id of the caller's: a repeat with the same id and work starts no second task, but waits for the first and
    /// returns what became of it (ECS remembers ids as tokens).
    ///
    /// # Errors
    /// The job's, AWS's.
    pub async fn named<T: DeserializeOwned>(
        &self,
        id: String,
        who: &TenantRef,
        task_definition: &str,
        work: Work,
    ) -> Result<T, CloudError> {
        let outcome_key = format!("tenants/{}/jobs/{id}.json", who.tenant);
        let job = OneOff {
            request: self.request(id, outcome_key, work),
            task_definition: task_definition.to_owned(),
            container: "wordpress",
            log_group: who.log_group(),
            tags: BTreeMap::from([
                ("bbws:environment".to_owned(), who.environment.clone()),
                ("bbws:tenant".to_owned(), who.tenant.to_string()),
            ]),
        };
        let outcome = task::run(&self.cloud, &job).await?;
        data(result_of(&outcome, who.tenant.as_str())?)
    }

    /// Makes a tenant's schema, user and grants so, together with those of others that ask at about the same time.
    ///
    /// # Errors
    /// The job's, AWS's, this tenant's own.
    pub async fn ensure_database(
        &self,
        cell: &str,
        target: DatabaseTarget,
    ) -> Result<EnsuredDatabase, CloudError> {
        self.batched(&self.ensure, cell, target, |tenants| {
            Work::EnsureDatabases { tenants }
        })
        .await
    }

    /// Drops a tenant's schema and user; see [`Self::ensure_database`].
    ///
    /// # Errors
    /// The job's, AWS's, this tenant's own.
    pub async fn drop_database(
        &self,
        cell: &str,
        name: DatabaseName,
    ) -> Result<DroppedDatabase, CloudError> {
        self.batched(&self.drop, cell, name, |tenants| Work::DropDatabases {
            tenants,
        })
        .await
    }

    /// Looks into a tenant's schema; see [`Self::ensure_database`].
    ///
    /// # Errors
    /// The job's, AWS's, this tenant's own.
    pub async fn inspect(&self, cell: &str, name: DatabaseName) -> Result<Inspection, CloudError> {
        self.batched(&self.inspect, cell, name, |tenants| Work::Inspect {
            tenants,
        })
        .await
    }

    async fn batched<T: Item, D: DeserializeOwned>(
        &self,
        batches: &Batches<T>,
        cell: &str,
        item: T,
        work: impl Fn(Vec<T>) -> Work,
    ) -> Result<D, CloudError> {
        let batch = Arc::clone(batches.lock().await.entry(cell.to_owned()).or_default());
        data(
            batch
                .run(item, |items| self.of_cell(cell, work(items)))
                .await?,
        )
    }

    /// Runs one administrative job.
    async fn of_cell(&self, cell: &str, work: Work) -> Result<Outcome, CloudError> {
        let foundation = &self.cloud.foundation;
        let cell = foundation
            .cells
            .iter()
            .find(|known| known.name == cell)
            .ok_or_else(|| CloudError::Unusable(format!("the foundation has no cell {cell}")))?;
        let id = self.id();
        let outcome_key = format!("jobs/{id}.json");
        let job = OneOff {
            request: self.request(id, outcome_key, work),
            task_definition: self.definition(cell).await?,
            container: "job",
            log_group: foundation.job.log_group.clone(),
            tags: tags_of_cell(&foundation.environment, &cell.name),
        };
        task::run(&self.cloud, &job).await
    }

    /// The task definition of `cell`'s administrative job, registered when it is missing or runs another image.
    async fn definition(&self, cell: &Cell) -> Result<String, CloudError> {
        let mut definitions = self.definitions.lock().await;
        if let Some(arn) = definitions.get(&cell.name) {
            return Ok(arn.clone());
        }
        let image = self.image.as_deref().ok_or_else(|| {
            CloudError::Unusable(format!(
                "jobs run the environment's release, which the registry {} does not hold: push it with `bbws image push`",
                self.cloud.foundation.registry.uri
            ))
        })?;
        let arn = definition::ensure(&self.cloud, cell, image).await?;
        definitions.insert(cell.name.clone(), arn.clone());
        Ok(arn)
    }

    fn id(&self) -> String {
        format!("{}-{}", self.run, self.next.fetch_add(1, Ordering::Relaxed))
    }

    fn request(&self, id: String, outcome_key: String, work: Work) -> Request {
        Request {
            version: VERSION,
            id,
            environment: self.cloud.foundation.environment.clone(),
            bucket: self.cloud.foundation.artifacts.bucket.clone(),
            outcome_key,
            work,
        }
    }
}

/// The data of `tenant`'s result in a job's outcome.
fn result_of(outcome: &Outcome, tenant: &str) -> Result<Value, CloudError> {
    let failed = |reason: String| CloudError::Job {
        job: outcome.id.clone(),
        reason,
        log: Vec::new(),
    };
    let result = outcome
        .results
        .iter()
        .find(|result| result.tenant == tenant)
        .ok_or_else(|| failed(format!("its outcome says nothing of {tenant}")))?;
    match (&result.error, result.ok) {
        (None, true) => Ok(result.data.clone()),
        (Some(error), _) => Err(failed(error.to_string())),
        (None, false) => Err(failed("it gave no reason".to_owned())),
    }
}

fn data<T: DeserializeOwned>(data: Value) -> Result<T, CloudError> {
    serde_json::from_value(data).map_err(|error| {
        CloudError::Unusable(format!(
            "a job's outcome is of another shape than promised: {error}"
        ))
    })
}
