//! One measurement: the wall time of some work, the AWS requests it made, and the time its containers took.

use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result};
use localcloud::LocalCloud;
use localcloud::proxy::Request;
use serde_json::{Value, json};
use tokio::process::Command;

use crate::http::{USER_AGENT, aws_json};
use crate::programs::Programs;

const ECS: &str = "AmazonEC2ContainerServiceV20141113";

/// What is measured on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scene<'a> {
    pub(super) programs: &'a Programs,
    pub(super) cloud: &'a LocalCloud,
    pub(super) fleet: &'a Path,
    pub(super) environment: &'a str,
}

/// What some work took. Times are seconds; a span is `(begin, end)` since the Unix epoch.
#[derive(Debug)]
pub(super) struct Measurement {
    pub(super) name: &'static str,
    pub(super) wall: Duration,
    /// In order of arrival; those of jobs too.
    pub(super) requests: Vec<Request>,
    /// During at least one request of the runner.
    pub(super) in_requests: f64,
    /// During none, while a job or a rollout was under way.
    pub(super) in_containers: f64,
}

impl Scene<'_> {
    /// `bbws` on this fleet and cloud.
    pub(super) fn bbws(&self, arguments: &[&str]) -> Result<Command> {
        let mut command = self
            .programs
            .bbws(self.fleet, Some((self.cloud.state(), self.environment)))?;
        command.args(arguments);
        Ok(command)
    }

    /// Does the work and tells what it took.
    pub(super) async fn measure(
        &self,
        name: &'static str,
        work: impl AsyncFnOnce() -> Result<()>,
    ) -> Result<Measurement> {
        let mark = self.cloud.proxy().requests().mark();
        let began = now();
        work().await?;
        let ended = now();
        let mut requests = self.cloud.proxy().requests().all();
        requests.retain(|request| request.sequence > mark && request.user_agent != USER_AGENT);
        let of_runner = requests
            .iter()
            .filter(|request| request.origin == localcloud::proxy::Origin::Host);
        let requests_at: Vec<_> = of_runner
            .map(|request| (request.time, request.time + request.seconds.unwrap_or(0.0)))
            .collect();
        let containers_at = self.containers().await?;
        let either: Vec<_> = requests_at.iter().chain(&containers_at).copied().collect();
        let in_requests = covered(&requests_at, (began, ended));
        Ok(Measurement {
            name,
            wall: Duration::from_secs_f64((ended - began).max(0.0)),
            in_requests,
            in_containers: covered(&either, (began, ended)) - in_requests,
            requests,
        })
    }

    /// When jobs ran, from their request to their end, and when services' deployments were under way.
    async fn containers(&self) -> Result<Vec<(f64, f64)>> {
        let mut spans = Vec::new();
        let tasks = self
            .ecs("ListTasks", json!({"desiredStatus": "STOPPED"}))
            .await?;
        let arns = tasks["taskArns"].as_array().cloned().unwrap_or_default();
        for some in arns.chunks(100) {
            let tasks = self.ecs("DescribeTasks", json!({"tasks": some})).await?;
            let tasks = tasks["tasks"].as_array().cloned().unwrap_or_default();
            let jobs = tasks.iter().filter(|task| task["startedBy"] == "bbws");
            spans.extend(jobs.filter_map(|task| span(task, "createdAt", "stoppedAt")));
        }
        let services = self.ecs("ListServices", json!({"maxResults": 100})).await?;
        let arns = services["serviceArns"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        for some in arns.chunks(10) {
            let services = self
                .ecs("DescribeServices", json!({"services": some}))
                .await?;
            let services = services["services"].as_array().cloned().unwrap_or_default();
            let deployments = services
                .iter()
                .filter_map(|service| service["deployments"].as_array())
                .flatten();
            spans.extend(
                deployments.filter_map(|deployment| span(deployment, "createdAt", "updatedAt")),
            );
        }
        Ok(spans)
    }

    async fn ecs(&self, operation: &str, mut request: Value) -> Result<Value> {
        let accounts = &self.cloud.state().options.accounts;
        let account = accounts
            .iter()
            .find(|account| account.environment == self.environment);
        let account = account.context("the cloud has no such environment")?;
        request["cluster"] = json!(format!("bbws-{}", self.environment));
        aws_json(
            self.cloud.endpoint(),
            &account.id,
            &format!("{ECS}.{operation}"),
            &request,
        )
        .await
    }
}

fn span(of: &Value, from: &str, to: &str) -> Option<(f64, f64)> {
    Some((of[from].as_f64()?, of[to].as_f64()?))
}

fn now() -> f64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0.0, |since| since.as_secs_f64())
}

/// How much of `within` at least one of the spans covers.
fn covered(spans: &[(f64, f64)], within: (f64, f64)) -> f64 {
    let mut inside: Vec<_> = spans
        .iter()
        .map(|(from, to)| (from.max(within.0), to.min(within.1)))
        .filter(|(from, to)| from < to)
        .collect();
    inside.sort_by(|one, other| one.0.total_cmp(&other.0));
    let (mut sum, mut reached) = (0.0, within.0);
    for (from, to) in inside {
        sum += (to - from.max(reached)).max(0.0);
        reached = reached.max(to);
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::covered;

    #[test]
    fn what_overlaps_counts_once_and_what_is_outside_not_at_all() {
        let spans = [(5.0, 7.0), (0.0, 2.0), (1.0, 3.0), (1.5, 2.5), (9.0, 20.0)];
        assert!((covered(&spans, (1.0, 10.0)) - 5.0).abs() < 1e-9);
        assert!(covered(&[], (0.0, 1.0)).abs() < 1e-9);
    }
}
