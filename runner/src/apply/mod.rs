//! Carrying out a plan: as wide as dependencies and rate limits allow; a failure stops only what depends on it.

mod event;
mod graph;
mod holder;
mod journal;
mod lease;

pub use event::{Event, Failure, Summary};
pub use holder::holder;
pub use journal::Journal;
pub use lease::{Lease, LeaseError};

use crate::cloud::{Cloud, CloudError};
use crate::jobs::Jobs;
use crate::manifest::TenantId;
use crate::plan::{Change, Input, Op, Plan};
use crate::resource::{Attributes, Kind, PENDING, desired, ensure, remove};
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use graph::Graph;
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};
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

impl Execution<'_> {
    /// Carries out the whole plan, or as much of it as can be. Killed at any point and run again, the next plan starts
    /// from what exists and finishes.
    pub async fn run(&self) -> Summary {
        let start = Instant::now();
        let mut graph = Graph::new(&self.plan.changes);
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
                && let Some(index) = graph.next()
            {
                let change = &self.plan.changes[index];
                self.tell(Event::Started {
                    tenant: change.tenant.clone(),
                    kind: change.kind,
                    op: change.op,
                });
                let known = known.get(&change.tenant).cloned().unwrap_or_default();
                running.push(async move {
                    let begun = Instant::now();
                    (index, self.perform(change, known).await, begun.elapsed())
                });
            }
            let Some((index, outcome, elapsed)) = running.next().await else {
                break;
            };
            self.settle(
                index,
                outcome,
                elapsed,
                &mut graph,
                &mut known,
                &mut summary,
            );
        }
        summary.elapsed = start.elapsed();
        summary
    }

    fn settle(
        &self,
        index: usize,
        outcome: Result<Attributes, CloudError>,
        elapsed: Duration,
        graph: &mut Graph,
        known: &mut Known,
        summary: &mut Summary,
    ) {
        let change = &self.plan.changes[index];
        let (tenant, kind, op) = (change.tenant.clone(), change.kind, change.op);
        match outcome {
            Ok(attributes) => {
                graph.done(index);
                known
                    .entry(tenant.clone())
                    .or_default()
                    .insert(kind, attributes);
                summary.done.push((tenant.clone(), kind, op));
                self.tell(Event::Finished {
                    tenant,
                    kind,
                    op,
                    elapsed,
                });
            }
            Err(error) => {
                let skipped: BTreeSet<usize> = graph.failed(index);
                let failure = Failure {
                    tenant,
                    kind,
                    op,
                    error,
                };
                self.tell(Event::Failed {
                    failure: failure.clone(),
                    elapsed,
                });
                for index in skipped {
                    let change = &self.plan.changes[index];
                    summary
                        .skipped
                        .push((change.tenant.clone(), change.kind, change.op));
                    let (tenant, kind, because) =
                        (change.tenant.clone(), change.kind, failure.kind);
                    self.tell(Event::Skipped {
                        tenant,
                        kind,
                        op: change.op,
                        because,
                    });
                }
                summary.failed.push(failure);
            }
        }
    }

    async fn perform(
        &self,
        change: &Change,
        known: BTreeMap<Kind, Attributes>,
    ) -> Result<Attributes, CloudError> {
        if !self.leases.get(&change.tenant).is_some_and(Lease::held) {
            return Err(CloudError::Unusable(format!(
                "this run no longer holds the lease of {}",
                change.tenant
            )));
        }
        let mut context = self.input.context(&change.tenant);
        context.known = known;
        let found = self
            .input
            .inventory
            .found
            .get(&change.tenant)
            .and_then(|found| found.get(&change.kind));
        match (change.op, found) {
            (Op::Delete, Some(found)) => {
                remove(self.cloud, self.jobs, change.kind, &context, found)
                    .await
                    .map(|()| Attributes::new())
            }
            (Op::Delete, None) => Ok(Attributes::new()),
            (Op::Create | Op::Update | Op::Replace, found) => {
                // What desired refers to has been made by now, or the graph is wrong.
                if desired(change.kind, &context)
                    .is_some_and(|desired| desired.to_string().contains(PENDING))
                {
                    return Err(CloudError::Unusable(format!(
                        "the {} refers to something that is not there: plan again",
                        change.kind.label()
                    )));
                }
                ensure(self.cloud, self.jobs, change.kind, &context, found).await
            }
        }
    }

    fn tell(&self, event: Event) {
        // Nobody listening is no reason to stop.
        let _ = self.events.send(event);
    }
}
