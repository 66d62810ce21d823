//! Following a service's rollout to its end, and finding out why one failed.

use super::one;
use crate::cloud::task::STREAM_PREFIX;
use crate::cloud::wait::{Seen, until};
use crate::cloud::{Cloud, CloudError, aws};
use crate::resource::Context;
use crate::resource::task_definition::CONTAINER;
use aws_sdk_ecs::types::{Deployment, DeploymentRolloutState, DesiredStatus, Service, Task};
use std::time::Duration;

/// Fargate starts a task in one to three minutes; a slow image and a few failed attempts fit in too.
const DEADLINE: Duration = Duration::from_secs(15 * 60);
/// How many of the last log lines a failure shows.
const LOG_LINES: i32 = 10;

/// `completed`, `in progress` or `failed`: the state of the deployment that the service is to come to.
pub(super) fn state(service: &Service) -> &'static str {
    match primary(service).and_then(Deployment::rollout_state) {
        Some(DeploymentRolloutState::Completed) => "completed",
        Some(DeploymentRolloutState::Failed) => "failed",
        _ => "in progress",
    }
}

fn primary(service: &Service) -> Option<&Deployment> {
    service
        .deployments()
        .iter()
        .find(|deployment| deployment.status() == Some("PRIMARY"))
}

/// Waits until the deployment that `service` has as its primary one is complete. Judged by the deployment's id: a
/// service that was rolled back is steady too, and even runs the same definition if something else had changed.
///
/// # Errors
/// [`CloudError::RolledBack`] with what is known of the reason; [`CloudError::TimedOut`]; AWS's.
pub(super) async fn follow(
    cloud: &Cloud,
    context: &Context<'_>,
    service: &Service,
) -> Result<(), CloudError> {
    let name = context.who.name();
    let id = primary(service)
        .and_then(Deployment::id)
        .ok_or_else(|| CloudError::Unusable(format!("service {name} has no primary deployment")))?;
    let ended = until(&format!("the rollout of {name}"), DEADLINE, || async {
        // Right after a create, ECS may not show the service yet.
        let Some(live) = one(cloud, &name).await? else {
            return Ok(Seen::NotYet("not visible yet".to_owned()));
        };
        Ok(look(&live, id))
    })
    .await;
    match ended {
        Ok(Outcome::Complete) => Ok(()),
        Ok(Outcome::RolledBack(reason)) => Err(CloudError::RolledBack {
            reason: format!("{reason}{}", why(cloud, context, id).await),
        }),
        Err(CloudError::TimedOut { what, after, last }) => {
            let last = format!("{last}{}", why(cloud, context, id).await);
            Err(CloudError::TimedOut { what, after, last })
        }
        Err(error) => Err(error),
    }
}

#[derive(Debug, PartialEq)]
enum Outcome {
    Complete,
    RolledBack(String),
}

fn look(service: &Service, id: &str) -> Seen<Outcome> {
    let ours = service
        .deployments()
        .iter()
        .find(|deployment| deployment.id() == Some(id));
    let primary = primary(service);
    let said = |deployment: &Deployment| {
        deployment
            .rollout_state_reason()
            .unwrap_or("no reason given")
            .to_owned()
    };
    match (ours, primary) {
        (Some(ours), _) if ours.rollout_state() == Some(&DeploymentRolloutState::Failed) => {
            Seen::Done(Outcome::RolledBack(said(ours)))
        }
        (Some(ours), Some(primary)) if primary.id() == ours.id() => {
            let complete = ours.rollout_state() == Some(&DeploymentRolloutState::Completed);
            let (running, wanted) = (ours.running_count(), ours.desired_count());
            // A change of the number alone leaves a complete deployment complete while tasks are still starting.
            if complete && running >= wanted {
                return Seen::Done(Outcome::Complete);
            }
            let failed = match ours.failed_tasks() {
                0 => String::new(),
                failed => format!(", {failed} failed"),
            };
            Seen::NotYet(format!("{running} of {wanted} tasks running{failed}"))
        }
        (_, Some(primary)) => {
            let definition = primary.task_definition().unwrap_or("an unknown one");
            let revision = definition.rsplit('/').next().unwrap_or(definition);
            Seen::Done(Outcome::RolledBack(match ours {
                Some(ours) => format!("ECS went back to {revision}: {}", said(ours)),
                None => format!("ECS went back to {revision}"),
            }))
        }
        (_, None) => Seen::NotYet(service.status().unwrap_or("no deployment").to_lowercase()),
    }
}

/// What the last stopped task of deployment `id` says. Best effort: failing to find out must not hide the failure.
async fn why(cloud: &Cloud, context: &Context<'_>, id: &str) -> String {
    let Ok(tasks) = stopped(cloud, &context.who.name()).await else {
        return String::new();
    };
    let last = tasks
        .iter()
        .filter(|task| task.started_by() == Some(id))
        .max_by_key(|task| task.stopped_at().map(|at| at.as_secs_f64() as i64));
    let Some(task) = last else {
        return String::new();
    };
    let lines = last_lines(cloud, context, task).await;
    let log = if lines.is_empty() {
        String::new()
    } else {
        format!("\nlast log lines:\n  {}", lines.join("\n  "))
    };
    format!("; {}{log}", describe(task))
}

fn describe(task: &Task) -> String {
    let id = task
        .task_arn()
        .and_then(|arn| arn.rsplit('/').next())
        .unwrap_or("?");
    let container = task
        .containers()
        .iter()
        .find(|container| container.name() == Some(CONTAINER));
    let code = container
        .and_then(|container| container.exit_code())
        .map(|code| format!(", exit code {code}"));
    let reason = container
        .and_then(|container| container.reason())
        .map(|reason| format!(", {reason}"));
    format!(
        "task {id} stopped: {}{}{}",
        task.stopped_reason().unwrap_or("no reason given"),
        code.unwrap_or_default(),
        reason.unwrap_or_default()
    )
}

/// ECS keeps stopped tasks for about an hour.
async fn stopped(cloud: &Cloud, service: &str) -> Result<Vec<Task>, CloudError> {
    let cluster = &cloud.foundation.cluster.name;
    let listed = cloud
        .ecs
        .list_tasks()
        .cluster(cluster)
        .service_name(service)
        .desired_status(DesiredStatus::Stopped)
        .send()
        .await
        .map_err(aws("ecs:ListTasks"))?;
    let arns = listed.task_arns.unwrap_or_default();
    if arns.is_empty() {
        return Ok(Vec::new());
    }
    let described = cloud
        .ecs
        .describe_tasks()
        .cluster(cluster)
        .set_tasks(Some(arns))
        .send()
        .await;
    Ok(described
        .map_err(aws("ecs:DescribeTasks"))?
        .tasks
        .unwrap_or_default())
}

async fn last_lines(cloud: &Cloud, context: &Context<'_>, task: &Task) -> Vec<String> {
    let Some(id) = task.task_arn().and_then(|arn| arn.rsplit('/').next()) else {
        return Vec::new();
    };
    let events = cloud
        .logs
        .get_log_events()
        .log_group_name(context.who.log_group())
        .log_stream_name(format!("{STREAM_PREFIX}/{CONTAINER}/{id}"))
        .limit(LOG_LINES)
        .start_from_head(false)
        .send()
        .await;
    let events = events
        .ok()
        .and_then(|events| events.events)
        .unwrap_or_default();
    events
        .into_iter()
        .filter_map(|event| event.message)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deployment(
        id: &str,
        status: &str,
        state: DeploymentRolloutState,
        running: i32,
    ) -> Deployment {
        Deployment::builder()
            .id(id)
            .status(status)
            .task_definition("site:1")
            .rollout_state(state)
            .rollout_state_reason(format!("words of {id}"))
            .desired_count(2)
            .running_count(running)
            .build()
    }

    fn service(deployments: Vec<Deployment>) -> Service {
        Service::builder()
            .status("ACTIVE")
            .set_deployments(Some(deployments))
            .build()
    }

    use DeploymentRolloutState::{Completed, Failed, InProgress};

    #[test]
    fn it_is_complete_when_our_own_deployment_is_and_its_tasks_run() {
        let seen = |state, running| {
            look(
                &service(vec![deployment("new", "PRIMARY", state, running)]),
                "new",
            )
        };
        assert!(matches!(seen(Completed, 2), Seen::Done(Outcome::Complete)));
        assert!(matches!(seen(Completed, 1), Seen::NotYet(_)));
        assert!(matches!(seen(InProgress, 2), Seen::NotYet(_)));
    }

    #[test]
    fn a_steady_service_that_was_rolled_back_is_no_success() {
        let back = deployment("back", "PRIMARY", Completed, 2);
        for others in [
            vec![],
            vec![deployment("new", "ACTIVE", Failed, 0)],
            vec![deployment("new", "ACTIVE", InProgress, 1)],
        ] {
            let live = service(std::iter::once(back.clone()).chain(others).collect());
            assert!(
                matches!(look(&live, "new"), Seen::Done(Outcome::RolledBack(_))),
                "{live:?}"
            );
        }
    }

    #[test]
    fn a_first_rollout_with_nothing_to_go_back_to_has_failed_in_its_own_words() {
        let live = service(vec![deployment("new", "PRIMARY", Failed, 0)]);
        let Seen::Done(outcome) = look(&live, "new") else {
            panic!("still waiting")
        };
        assert_eq!(outcome, Outcome::RolledBack("words of new".to_owned()));
        assert_eq!(state(&live), "failed");
    }
}
