//! Jobs: one-off ECS tasks that do work inside the VPC, followed to their end.

use super::wait::{Seen, until};
use super::{Class, Cloud, CloudError, Limit, aws};
use aws_sdk_ecs::types::{
    AssignPublicIp, AwsVpcConfiguration, ContainerOverride, KeyValuePair, LaunchType,
    NetworkConfiguration, Tag, Task, TaskOverride,
};
use site_job::protocol::{ExitCode, Failure, FailureCode, Outcome, REQUEST_VARIABLE, Request};
use std::collections::BTreeMap;
use std::time::Duration;

/// The log stream prefix of every task definition of ours: streams are `<prefix>/<container>/<task id>`.
pub const STREAM_PREFIX: &str = "task";
/// From the request to a stopped task. Fargate takes up to a few minutes to start one; a dump or an import may be long.
const TIME_LIMIT: Duration = Duration::from_secs(45 * 60);
/// How many of the last log lines a failure shows.
const LOG_LINES: i32 = 20;

/// What to run.
#[derive(Clone, Debug)]
pub struct OneOff {
    /// ARN or `family:revision`.
    pub task_definition: String,
    /// The container whose command is replaced.
    pub container: &'static str,
    /// What `site-job` is asked to do. Its id is unique: it is also the token that keeps a repeated call from starting a
    /// second task.
    pub request: Request,
    /// The log group of the task definition.
    pub log_group: String,
    /// Tags of the task.
    pub tags: BTreeMap<String, String>,
}

/// Starts the task, waits until it has stopped, and returns the outcome that `site-job` wrote.
/// A crash of the runner leaves the job running to its end; every job is made to be repeated.
///
/// # Errors
/// [`CloudError::Job`] when it could not start, died, or wrote no outcome; [`CloudError::RolledBack`] when the site does not work
/// with its own code or content, or leaks, which then never reaches its tasks; AWS's errors.
pub async fn run(cloud: &Cloud, job: &OneOff) -> Result<Outcome, CloudError> {
    let arn = start(cloud, job).await?;
    let task = follow(cloud, job, &arn).await?;
    let outcome = read_outcome(cloud, job).await?;
    let code = exit_code(&task, job.container);
    let failure = outcome.as_ref().and_then(first_error);
    let speaks_of_the_site =
        |failure: &&Failure| matches!(failure.code, FailureCode::CodeBroken | FailureCode::Leaks);
    if let Some(failure) = failure.filter(speaks_of_the_site) {
        return Err(CloudError::RolledBack {
            reason: failure.message.clone(),
        });
    }
    match (code.map(i64::from).and_then(ExitCode::from_code), outcome) {
        (Some(ExitCode::Done | ExitCode::SomeFailed), Some(outcome)) => Ok(outcome),
        (_, outcome) => {
            let said = outcome
                .as_ref()
                .and_then(first_error)
                .map(ToString::to_string);
            Err(CloudError::Job {
                job: job.request.id.clone(),
                reason: said.unwrap_or_else(|| why_stopped(&task, job.container, code)),
                log: last_lines(cloud, job, &arn).await,
            })
        }
    }
}

async fn start(cloud: &Cloud, job: &OneOff) -> Result<String, CloudError> {
    let request_text = serde_json::to_string(&job.request)
        .map_err(|error| CloudError::Unusable(error.to_string()))?;
    let network = AwsVpcConfiguration::builder()
        .set_subnets(Some(cloud.foundation.network.subnets.clone()))
        .security_groups(&cloud.foundation.network.task_security_group)
        .assign_public_ip(AssignPublicIp::Disabled)
        .build()
        .map_err(|error| CloudError::Unusable(error.to_string()))?;
    let container = ContainerOverride::builder()
        .name(job.container)
        .command("run")
        .environment(
            KeyValuePair::builder()
                .name(REQUEST_VARIABLE)
                .value(request_text)
                .build(),
        )
        .build();
    let tags = job
        .tags
        .iter()
        .map(|(key, value)| Tag::builder().key(key).value(value).build());
    let request = cloud
        .ecs
        .run_task()
        .cluster(&cloud.foundation.cluster.name)
        .task_definition(&job.task_definition)
        .launch_type(LaunchType::Fargate)
        .network_configuration(
            NetworkConfiguration::builder()
                .awsvpc_configuration(network)
                .build(),
        )
        .overrides(
            TaskOverride::builder()
                .container_overrides(container)
                .build(),
        )
        .client_token(&job.request.id)
        .started_by("bbws")
        .set_tags(Some(tags.collect()));
    // Capacity and a role that IAM has not spread yet come as `failures` or an error that a little patience mends.
    until(
        &format!("job {} to start", job.request.id),
        Duration::from_secs(180),
        || async {
            cloud.pace.wait(Limit::RunTask).await;
            let answer = request.clone().send().await.map_err(aws("ecs:RunTask"))?;
            if let Some(arn) = answer.tasks().first().and_then(Task::task_arn) {
                return Ok(Seen::Done(arn.to_owned()));
            }
            let failure = answer.failures().first();
            let reason = failure
                .and_then(|f| f.reason())
                .unwrap_or("RunTask started nothing and gave no reason");
            Ok(Seen::NotYet(reason.to_owned()))
        },
    )
    .await
}

async fn follow(cloud: &Cloud, job: &OneOff, arn: &str) -> Result<Task, CloudError> {
    until(
        &format!("job {} to end", job.request.id),
        TIME_LIMIT,
        || async {
            let answer = cloud
                .ecs
                .describe_tasks()
                .cluster(&cloud.foundation.cluster.name)
                .tasks(arn)
                .send()
                .await
                .map_err(aws("ecs:DescribeTasks"))?;
            // ECS is eventually consistent: a task just started may be MISSING for a moment.
            let Some(task) = answer.tasks().first() else {
                return Ok(Seen::NotYet("not visible yet".to_owned()));
            };
            match task.last_status() {
                Some("STOPPED") => Ok(Seen::Done(task.clone())),
                status => Ok(Seen::NotYet(status.unwrap_or("unknown").to_owned())),
            }
        },
    )
    .await
}

async fn read_outcome(cloud: &Cloud, job: &OneOff) -> Result<Option<Outcome>, CloudError> {
    let bucket = &cloud.foundation.artifacts.bucket;
    let body = match cloud.read_object(&job.request.outcome_key).await {
        Ok(body) => body,
        Err(error) if error.class() == Class::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    serde_json::from_slice(&body).map(Some).map_err(|error| {
        CloudError::Unusable(format!(
            "outcome s3://{bucket}/{} is not one: {error}",
            job.request.outcome_key
        ))
    })
}

fn exit_code(task: &Task, container: &str) -> Option<i32> {
    task.containers()
        .iter()
        .find(|c| c.name() == Some(container))
        .and_then(|c| c.exit_code())
}

fn first_error(outcome: &Outcome) -> Option<&Failure> {
    outcome
        .results
        .iter()
        .find_map(|result| result.error.as_ref())
}

fn why_stopped(task: &Task, container: &str, code: Option<i32>) -> String {
    let stopped = task.stopped_reason().unwrap_or("no stopped reason");
    let of_container = task
        .containers()
        .iter()
        .find(|c| c.name() == Some(container))
        .and_then(|c| c.reason());
    let code = code.map_or_else(
        || "no exit code".to_owned(),
        |code| format!("exit code {code}"),
    );
    format!(
        "{stopped}; {code}{}",
        of_container.map(|r| format!("; {r}")).unwrap_or_default()
    )
}

/// Best effort: a failure to read the log must not hide why the job failed.
async fn last_lines(cloud: &Cloud, job: &OneOff, arn: &str) -> Vec<String> {
    let id = arn.rsplit('/').next().unwrap_or(arn);
    let events = cloud
        .logs
        .get_log_events()
        .log_group_name(&job.log_group)
        .log_stream_name(format!("{STREAM_PREFIX}/{}/{id}", job.container))
        .limit(LOG_LINES)
        .start_from_head(false)
        .send()
        .await;
    match events {
        Ok(events) => events
            .events()
            .iter()
            .filter_map(|e| e.message().map(str::to_owned))
            .collect(),
        Err(_) => vec![format!("(log group {} could not be read)", job.log_group)],
    }
}
