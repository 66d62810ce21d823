//! Carrying out a plan: as wide as dependencies and rate limits allow; a failure stops only what depends on it.

mod bypass;
mod event;
mod graph;
mod holder;
mod journal;
mod lease;
mod removed;

pub use bypass::Bypass;
pub use event::{Event, Failure, Item, Summary};
pub use holder::holder;
pub use journal::Journal;
pub use lease::{Lease, LeaseError};
pub use removed::Removed;

use crate::cloud::{Cloud, CloudError};
use crate::jobs::Jobs;
use crate::manifest::TenantId;
use crate::plan::{Change, Input, Op, Plan};
use crate::resource::{Attributes, Context, Kind, PENDING, Revision, desired, ensure, remove};
use crate::rollout::{self, Entry, Ledger, Verdict};
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use graph::{Graph, Step};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};
use time::OffsetDateTime;
use tokio::sync::mpsc::UnboundedSender;

/// Resources under way at once. Rate limits hold the calls back; this only bounds open connections and memory.
const WIDTH: usize = 64;

/// All that carrying out a plan takes.
#[derive(Debug)]
pub struct Execution<'a> {
    /// The account.
    pub cloud: &'a Cloud,
    /// The run's jobs.
    pub jobs: &'a Jobs,
    /// What the plan was made from.
    pub input: Input<'a>,
    /// The plan.
    pub plan: &'a Plan,
    /// The tenants that this run may change.
    pub leases: &'a BTreeMap<TenantId, Lease>,
    /// Where progress goes.
    pub events: UnboundedSender<Event>,
}

/// What is known of each tenant's resources, growing while the run goes on.
type Known = BTreeMap<TenantId, BTreeMap<Kind, Attributes>>;

/// How a step ended: a change's attributes, a gate's nothing, or what went wrong.
type Outcome = Result<Attributes, Vec<Failure>>;

impl Execution<'_> {
    /// Carries out the whole plan, or as much of it as can be. Killed at any point and run again, the next plan starts
    /// from what exists and finishes.
    pub async fn run(&self) -> Summary {
        let (start, since) = (Instant::now(), OffsetDateTime::now_utc());
        let mut graph = Graph::new(self.plan);
        let mut known: Known = self
            .plan
            .tenants()
            .into_iter()
            .map(|tenant| {
                let known = self.input.context(&tenant).known;
                (tenant, known)
            })
            .collect();
        let mut summary = Summary::default();
        let mut running = FuturesUnordered::new();
        loop {
            while running.len() < WIDTH
                && let Some(step) = graph.next()
            {
                if let Step::Change(index) = step {
                    self.tell(Event::Started(self.item(index)));
                }
                let contexts = self.contexts(step, &known);
                running.push(async move {
                    let begun = Instant::now();
                    let outcome = match step {
                        Step::Change(index) => self.change(index, contexts).await,
                        Step::Gate(_) => self.gate(contexts, since).await,
                    };
                    (step, outcome, begun.elapsed())
                });
            }
            let Some((step, outcome, elapsed)) = running.next().await else {
                break;
            };
            match outcome {
                Ok(attributes) => {
                    graph.done(step);
                    self.succeeded(step, attributes, elapsed, &mut known, &mut summary);
                }
                Err(failures) => {
                    let lost = graph.failed(step);
                    self.failed(failures, lost, elapsed, &mut summary);
                }
            }
        }
        summary.elapsed = start.elapsed();
        summary
    }

    fn item(&self, index: usize) -> Item {
        let change = &self.plan.changes[index];
        Item {
            tenant: change.tenant.clone(),
            kind: change.kind,
            op: change.op,
        }
    }

    /// Of the tenants that a step is about, with all that is known by now.
    fn contexts(&self, step: Step, known: &Known) -> Vec<Context<'_>> {
        let tenants = match step {
            Step::Change(index) => std::slice::from_ref(&self.plan.changes[index].tenant),
            Step::Gate(wave) => &self.plan.waves[wave],
        };
        let context = |tenant| {
            let mut context = self.input.context(tenant);
            context
                .known
                .extend(known.get(tenant).cloned().into_iter().flatten());
            context
        };
        tenants.iter().map(context).collect()
    }

    fn succeeded(
        &self,
        step: Step,
        attributes: Attributes,
        elapsed: Duration,
        known: &mut Known,
        summary: &mut Summary,
    ) {
        match step {
            Step::Change(index) => {
                let item = self.item(index);
                let known = known.entry(item.tenant.clone()).or_default();
                known.insert(item.kind, attributes);
                summary.done.push(item.clone());
                self.tell(Event::Finished { item, elapsed });
            }
            Step::Gate(wave) => self.tell(Event::Healthy {
                wave: wave + 1,
                of: self.plan.waves.len(),
                tenants: self.plan.waves[wave].clone(),
                elapsed,
            }),
        }
    }

    fn failed(
        &self,
        failures: Vec<Failure>,
        lost: BTreeSet<usize>,
        elapsed: Duration,
        summary: &mut Summary,
    ) {
        let because = failures.first().map(|failure| failure.item.clone());
        for failure in failures {
            self.tell(Event::Failed {
                failure: failure.clone(),
                elapsed,
            });
            summary.failed.push(failure);
        }
        let Some(because) = because else {
            return;
        };
        let lost: Vec<_> = lost.into_iter().map(|index| self.item(index)).collect();
        summary.skipped.extend(lost.iter().cloned());
        let (own, others): (Vec<_>, Vec<_>) = lost
            .into_iter()
            .partition(|item| item.tenant == because.tenant);
        for item in own {
            let because = because.kind;
            self.tell(Event::Skipped { item, because });
        }
        let sites: BTreeSet<_> = others.into_iter().map(|item| item.tenant).collect();
        if !sites.is_empty() {
            let by = because.tenant;
            self.tell(Event::Halted { by, sites });
        }
    }

    async fn change(&self, index: usize, contexts: Vec<Context<'_>>) -> Outcome {
        let change = &self.plan.changes[index];
        let made = match contexts.as_slice() {
            [context] => self.perform(change, context).await,
            _ => unreachable!("a change is of one tenant"),
        };
        made.map_err(|error| {
            let item = self.item(index);
            vec![Failure { item, error }]
        })
    }

    async fn perform(
        &self,
        change: &Change,
        context: &Context<'_>,
    ) -> Result<Attributes, CloudError> {
        if !self.leases.get(&change.tenant).is_some_and(Lease::held) {
            return Err(CloudError::Unusable(format!(
                "this run no longer holds the lease of {}",
                change.tenant
            )));
        }
        let found = self
            .input
            .inventory
            .found
            .get(&change.tenant)
            .and_then(|found| found.get(&change.kind));
        match (change.op, found) {
            (Op::Delete, Some(found)) => remove(self.cloud, self.jobs, change.kind, context, found)
                .await
                .map(|()| Attributes::new()),
            (Op::Delete, None) => Ok(Attributes::new()),
            (Op::Create | Op::Update | Op::Replace, found) => {
                // What desired refers to has been made by now, or the graph is wrong.
                if desired(change.kind, context)
                    .is_some_and(|desired| desired.to_string().contains(PENDING))
                {
                    return Err(CloudError::Unusable(format!(
                        "the {} refers to something that is not there: plan again",
                        change.kind.label()
                    )));
                }
                let made = ensure(self.cloud, self.jobs, change.kind, context, found).await;
                match (change.kind, &made) {
                    (Kind::Service, _) => {
                        self.judge_service(change, context, made.as_ref().err())
                            .await?;
                    }
                    // Its own plugins break it: no service is given this revision.
                    (Kind::Wordpress, Err(error @ CloudError::RolledBack { .. })) => {
                        let _ = self.judge(context, Some(error)).await;
                    }
                    _ => {}
                }
                made
            }
        }
    }

    /// A first rollout that ended is good, as no visitor knows the site yet; one that did not come up is bad. Between the two,
    /// the gate decides.
    async fn judge_service(
        &self,
        change: &Change,
        context: &Context<'_>,
        error: Option<&CloudError>,
    ) -> Result<(), CloudError> {
        match error {
            None if change.op == Op::Create => self.judge(context, None).await,
            Some(error @ (CloudError::RolledBack { .. } | CloudError::TimedOut { .. })) => {
                // The failure itself says more than one to write it down.
                let _ = self.judge(context, Some(error)).await;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Are the sites of a wave healthy? Their verdicts are written down.
    async fn gate(&self, contexts: Vec<Context<'_>>, since: OffsetDateTime) -> Outcome {
        let checks = contexts.iter().map(|context| async move {
            let health = rollout::check(self.cloud, context, since).await;
            let noted = self.judge(context, health.as_ref().err()).await;
            let error = health.and(noted).err()?;
            let item = Item {
                tenant: context.who.tenant.clone(),
                kind: Kind::Service,
                op: Op::Update,
            };
            Some(Failure { item, error })
        });
        let failures = futures::future::join_all(checks).await;
        let failures: Vec<_> = failures.into_iter().flatten().collect();
        match failures.is_empty() {
            true => Ok(Attributes::new()),
            false => Err(failures),
        }
    }

    async fn judge(
        &self,
        context: &Context<'_>,
        error: Option<&CloudError>,
    ) -> Result<(), CloudError> {
        let given = context.known.get(&Kind::TaskDefinition);
        let Some(revision) = given.and_then(Revision::of) else {
            return Ok(());
        };
        let entry = Entry {
            at: OffsetDateTime::now_utc(),
            run: self.jobs.run().to_owned(),
            release: context.site().release.to_string(),
            image: context.image.clone(),
            revision,
            verdict: match error {
                None => Verdict::Good,
                Some(_) => Verdict::Bad,
            },
            reason: error.map(ToString::to_string),
        };
        Ledger::add(self.cloud, &context.who.tenant, entry).await
    }

    fn tell(&self, event: Event) {
        // Nobody listening is no reason to stop.
        let _ = self.events.send(event);
    }
}
