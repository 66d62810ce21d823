//! Promotion of content between environments: a procedure whose every step is written down, so that whoever runs the same command
//! again carries on where it stopped.
//!
//! The content goes from bucket to task: nothing of it passes through the runner. The target's visitors see the old content until
//! the new one has been proved and tried, and get it back when it does not serve them.

mod check;
mod edge;
mod journal;
mod lend;
mod proof;

pub use check::{Check, check, is_down};
pub use journal::{Lift, Order, Record, State, Step, history, lifts};

use crate::apply::{Lease, holder};
use crate::cloud::{Cloud, CloudError};
use crate::jobs::Jobs;
use crate::manifest::TenantId;
use crate::resource::{Context, Inventory, Kind, settings};
use crate::session::{Scope, Session, run_id};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use site_job::protocol::{Address, Load, Loaded, Manifest, Quarantine, Snapshot, Switched, Work};
use std::time::{Duration, Instant};
use time::OffsetDateTime;

use edge::{invalidate, visit};

/// One of the two sites.
#[derive(Clone, Copy, Debug)]
pub struct Side<'a> {
    /// Its account.
    pub cloud: &'a Cloud,
    /// The site and what it is made of.
    pub context: &'a Context<'a>,
    /// Its jobs.
    pub jobs: &'a Jobs,
}

/// What became of a step.
#[derive(Clone, Copy, Debug)]
pub enum Told<'a> {
    /// It began.
    Began,
    /// It took so long and made this.
    Ended(Duration, &'a str),
    /// It failed.
    Failed(&'a CloudError),
}

/// A snapshot that was taken.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Taken {
    prefix: String,
    manifest_sha256: String,
    taken_at: String,
    tables: usize,
    uploads: u64,
    bytes: u64,
    #[serde(default)]
    peak_memory: u64,
}

/// Why a promotion does not go on.
enum Stop {
    /// What failed says nothing of the content: the same command carries on.
    Here(CloudError),
    /// The target is to have what it had before.
    Back(CloudError),
}

/// A promotion under way.
pub struct Promotion<'a> {
    /// Where the content comes from.
    pub source: Side<'a>,
    /// Where it goes.
    pub target: Side<'a>,
    /// The leases of both sites.
    pub leases: &'a [Lease],
    /// The record.
    pub record: Record,
    /// Follows the steps.
    pub tell: &'a (dyn Fn(Step, Told<'_>) + Sync),
}

/// The site of `tenant`, if its environment has one that runs.
///
/// # Errors
/// It is not declared, or not there yet.
pub fn site<'a>(
    session: &'a Session<'a>,
    scope: &'a Scope,
    inventory: &'a Inventory,
    tenant: &TenantId,
) -> Result<Context<'a>, CloudError> {
    let environment = &session.environment.name;
    if !session.sites.contains_key(tenant) {
        return Err(CloudError::Unusable(format!(
            "{tenant} has no site in {environment}: tenants/{tenant}/{environment}.yaml does not exist"
        )));
    }
    let context = session.input(scope, inventory).context(tenant);
    for kind in [Kind::TaskDefinition, Kind::Service, Kind::Distribution] {
        if !context.known.contains_key(&kind) {
            return Err(CloudError::Unusable(format!(
                "{tenant} has no {} in {environment} yet: `bbws apply --env {environment} --tenant {tenant}` makes it",
                kind.label()
            )));
        }
    }
    Ok(context)
}

/// The promotion of `tenant` into a site that was begun and has not ended, if there is one; there is never more than one.
///
/// # Errors
/// AWS's.
pub async fn unfinished(target: &Cloud, tenant: &TenantId) -> Result<Option<Record>, CloudError> {
    let records = history(target, tenant).await?;
    let mut records = records.into_iter().rev();
    Ok(records.find(|record| record.state == State::Running))
}

/// The record of a promotion that begins.
#[must_use]
pub fn begin(order: Order) -> Record {
    Record::new(run_id(), holder(), order)
}

impl Promotion<'_> {
    /// Does what is left to do. Killed at any point, another one with the same record goes on.
    ///
    /// # Errors
    /// [`CloudError::RolledBack`] when the target does not serve its visitors with the new content: it has its old content again. A
    /// job's when the content cannot be loaded: the target was not touched. AWS's: run again.
    pub async fn carry_out(&mut self) -> Result<(), CloudError> {
        let error = match self.record.reason.clone() {
            Some(reason) => CloudError::RolledBack { reason },
            None => match self.forward().await {
                Ok(()) => {
                    self.settle().await?;
                    return self.finish(State::Done).await;
                }
                Err(Stop::Here(error)) => return Err(error),
                Err(Stop::Back(error)) => error,
            },
        };
        if self.record.reason.is_none() {
            self.record.reason = Some(error.to_string());
            self.record.write(self.target.cloud).await?;
        }
        if self
            .record
            .attempts
            .iter()
            .any(|attempt| attempt.step == Step::Switch)
        {
            self.put_back().await?;
        }
        self.settle().await?;
        self.finish(State::RolledBack).await?;
        Err(error)
    }

    async fn forward(&mut self) -> Result<(), Stop> {
        let here = Stop::Here;
        let snapshot = match &self.record.order.undoes {
            None => self.take(Step::Export, self.source).await.map_err(here)?,
            Some(run) => kept(self.target.cloud, &self.record.order.tenant, run)
                .await
                .map_err(here)?,
        };
        self.take(Step::Keep, self.target).await.map_err(here)?;
        let role = self.lend(&snapshot).await.map_err(here)?;
        self.load(&snapshot, role).await.map_err(of_the_content)?;
        let switched = self.switch().await.map_err(of_the_content)?;
        self.purge().await.map_err(here)?;
        self.verify(switched.sample).await.map_err(of_the_content)
    }

    /// Takes a snapshot of a site.
    async fn take(&mut self, step: Step, side: Side<'_>) -> Result<Taken, CloudError> {
        let Record { run, order, .. } = &self.record;
        let prefix = format!("tenants/{}/snapshots/{run}-{}/", order.tenant, step.label());
        let describe = |taken: &Taken| {
            format!(
                "{} tables, {} uploads, {:.1} MB",
                taken.tables,
                taken.uploads,
                taken.bytes as f64 / 1e6
            )
        };
        self.step(step, describe, async |id| {
            let work = Work::Export {
                prefix: prefix.clone(),
            };
            let manifest: Manifest = job(side, id, work).await?;
            let written = side
                .cloud
                .read_object(&format!("{prefix}manifest.json"))
                .await?;
            Ok(Taken {
                prefix: prefix.clone(),
                manifest_sha256: hex::encode(Sha256::digest(&written)),
                taken_at: manifest.taken_at,
                tables: manifest.tables.len(),
                uploads: manifest.uploads,
                bytes: manifest.files.iter().map(|file| file.bytes).sum(),
                peak_memory: manifest.peak_memory,
            })
        })
        .await
    }

    async fn lend(&mut self, snapshot: &Taken) -> Result<String, CloudError> {
        let Record { run, order, .. } = &self.record;
        let (run, tenant) = (run.clone(), order.tenant.clone());
        let reader = self.target.context.role_arn("task");
        let (source, prefix) = (self.source, &snapshot.prefix);
        self.step(Step::Lend, String::clone, async |_| {
            let tags = source.context.tags();
            lend::lend(source.cloud, (&tenant, &run), prefix, &reader, &tags).await
        })
        .await
    }

    async fn load(&mut self, snapshot: &Taken, role: String) -> Result<Loaded, CloudError> {
        let (source, target) = (self.source, self.target);
        let from = &source.cloud.foundation;
        let home = target.context.home();
        let (scheme, authority) = home.split_once("://").unwrap_or(("https", &home));
        let order = &self.record.order;
        let taken_elsewhere = order.undoes.is_none();
        let hosts = source
            .context
            .site()
            .domains
            .iter()
            .filter(|_| taken_elsewhere);
        let rules = &target.context.site().content;
        let load = Box::new(Load {
            run: self.record.run.clone(),
            snapshot: Snapshot {
                bucket: from.artifacts.bucket.clone(),
                region: from.region.clone(),
                prefix: snapshot.prefix.clone(),
                manifest_sha256: snapshot.manifest_sha256.clone(),
                role_arn: Some(role),
            },
            content: order.content.clone(),
            rules: rules.tables.clone(),
            keep_options: rules.keep_options.iter().map(ToString::to_string).collect(),
            hosts: hosts.map(ToString::to_string).collect(),
            to: Address {
                scheme: scheme.to_owned(),
                authority: authority.to_owned(),
            },
            settings: settings(target.context),
            quarantine: is_down(&order.from, &order.to).then(|| Quarantine {
                from: order.from.to_string(),
                masks: rules.masks.clone(),
            }),
        });
        let describe = |loaded: &Loaded| {
            let rewritten: u64 = loaded.tables.iter().map(|table| table.rewritten).sum();
            let rows: u64 = loaded.tables.iter().map(|table| table.rows).sum();
            let quarantined = loaded.leak_test.as_ref().map_or_else(String::new, |test| {
                format!(
                    "; {} values masked, and the quarantine stopped {}",
                    loaded.masked,
                    test.blocked.join(", ")
                )
            });
            format!(
                "{} tables with {rows} rows, {rewritten} addresses rewritten and none left, {} uploads; the site answers with \
                 them{quarantined}",
                loaded.tables.len(),
                loaded.uploads
            )
        };
        self.step(Step::Load, describe, async |id| {
            job(target, id, Work::Load(load.clone())).await
        })
        .await
    }

    async fn switch(&mut self) -> Result<Switched, CloudError> {
        let (target, run) = (self.target, self.record.run.clone());
        let describe = |switched: &Switched| {
            format!(
                "{} tables and {} uploads are in place",
                switched.tables, switched.uploads
            )
        };
        self.step(Step::Switch, describe, async |id| {
            job(target, id, Work::Switch { run: run.clone() }).await
        })
        .await
    }

    /// Without this, the edge would show old uploads under the names of new ones for as long as browsers may keep them.
    async fn purge(&mut self) -> Result<(), CloudError> {
        let (target, run) = (self.target, self.record.run.clone());
        let describe = |id: &String| format!("invalidation {id}");
        let _: String = self
            .step(Step::Purge, describe, async |_| {
                invalidate(target, &run).await
            })
            .await?;
        Ok(())
    }

    async fn verify(&mut self, sample: Vec<String>) -> Result<(), CloudError> {
        let home = self.target.context.home();
        let describe = |pages: &usize| format!("{pages} pages and files are answered");
        let _: usize = self
            .step(Step::Verify, describe, async |_| {
                visit(&home, &sample).await
            })
            .await?;
        Ok(())
    }

    async fn put_back(&mut self) -> Result<(), CloudError> {
        let (target, run) = (self.target, self.record.run.clone());
        let describe = |back: &Switched| {
            format!(
                "{} tables and {} uploads are back",
                back.tables, back.uploads
            )
        };
        let _: Switched = self
            .step(Step::Return, describe, async |id| {
                let back = job(target, id, Work::SwitchBack { run: run.clone() }).await?;
                invalidate(target, &format!("{run}-return")).await?;
                Ok(back)
            })
            .await?;
        Ok(())
    }

    async fn settle(&mut self) -> Result<(), CloudError> {
        let (source, target) = (self.source, self.target);
        let Record { run, order, .. } = &self.record;
        let (run, tenant) = (run.clone(), order.tenant.clone());
        let describe = |(): &()| "nothing is left beside the site".to_owned();
        self.step(Step::Settle, describe, async |id| {
            lend::take_back(source.cloud, &tenant, &run).await?;
            job(target, id, Work::Settle).await
        })
        .await
    }

    async fn finish(&mut self, state: State) -> Result<(), CloudError> {
        self.record.state = state;
        self.record.write(self.target.cloud).await
    }

    /// Does a step unless it is done, and writes down that it began and how it ended. `act` gets an id for its job.
    async fn step<T: Serialize + DeserializeOwned>(
        &mut self,
        step: Step,
        describe: impl Fn(&T) -> String,
        act: impl AsyncFn(String) -> Result<T, CloudError>,
    ) -> Result<T, CloudError> {
        if let Some(done) = self.record.result(step) {
            return Ok(done);
        }
        loop {
            if let Some(lost) = self.leases.iter().find(|lease| !lease.held()) {
                return Err(CloudError::Unusable(format!(
                    "this run no longer holds the lease of {}",
                    lost.tenant()
                )));
            }
            let (number, joined) = self.record.begin(step);
            self.record.write(self.target.cloud).await?;
            (self.tell)(step, Told::Began);
            let begun = Instant::now();
            let outcome = act(format!("{}-{}-{number}", self.record.run, step.label())).await;
            let noted = match &outcome {
                Ok(made) => serde_json::to_value(made).map_err(|error| error.to_string()),
                Err(error) => Err(error.to_string()),
            };
            self.record.end(step, noted);
            self.record.write(self.target.cloud).await?;
            match outcome {
                Ok(made) => {
                    (self.tell)(step, Told::Ended(begun.elapsed(), &describe(&made)));
                    return Ok(made);
                }
                // What an earlier run left behind says nothing of another try.
                Err(error) if joined => (self.tell)(step, Told::Failed(&error)),
                Err(error) => {
                    (self.tell)(step, Told::Failed(&error));
                    return Err(error);
                }
            }
        }
    }
}

/// What a failed job, or a visitor, says of the content; everything else is no reason to go back.
fn of_the_content(error: CloudError) -> Stop {
    match error {
        CloudError::RolledBack { .. } | CloudError::Job { .. } => Stop::Back(error),
        error => Stop::Here(error),
    }
}

/// The snapshot that `run` took of the target before it changed it.
async fn kept(cloud: &Cloud, tenant: &TenantId, run: &str) -> Result<Taken, CloudError> {
    let records = history(cloud, tenant).await?;
    let record = records.iter().find(|record| record.run == run);
    record
        .and_then(|record| record.result(Step::Keep))
        .ok_or_else(|| CloudError::Unusable(format!("run {run} kept no snapshot of {tenant}")))
}

/// Ends the quarantine of a site, and has the edge forget that search engines were told to stay away. Whether it was quarantined. A
/// crash half way leaves a record without an end; a repeat makes another.
///
/// # Errors
/// The job's; AWS's.
pub async fn lift(target: Side<'_>) -> Result<bool, CloudError> {
    let tenant = &target.context.site().tenant;
    let mut record = Lift {
        version: 1,
        run: run_id(),
        holder: holder(),
        ended: None,
        was_quarantined: None,
    };
    record.write(target.cloud, tenant).await?;
    let lifted = job(target, format!("{}-lift", record.run), Work::Lift).await?;
    invalidate(target, &record.run).await?;
    record.ended = Some(OffsetDateTime::now_utc());
    record.was_quarantined = Some(lifted);
    record.write(target.cloud, tenant).await?;
    Ok(lifted)
}

async fn job<T: DeserializeOwned>(side: Side<'_>, id: String, work: Work) -> Result<T, CloudError> {
    let definition = side.context.known(Kind::TaskDefinition, "arn");
    side.jobs
        .named(id, &side.context.who, &definition, work)
        .await
}
