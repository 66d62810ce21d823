//! Registering revisions of task definitions, each of them once.

use super::wait::{Seen, until};
use super::{Class, Cloud, CloudError, Limit, aws};
use aws_config::retry::RetryConfig;
use aws_sdk_ecs::config;
use aws_sdk_ecs::operation::register_task_definition::builders::RegisterTaskDefinitionFluentBuilder;
use std::time::Duration;

/// As long as any other call may take with all its retries.
const PATIENCE: Duration = Duration::from_secs(180);

/// The ARN of the revision that `look` finds, else of the one that `request` registers.
///
/// `RegisterTaskDefinition` takes no token: an attempt whose answer was lost has made a revision, and another would make a
/// second one. So each attempt is a call of its own that begins with a look. A repeat after a crash finds what was made.
///
/// # Errors
/// AWS's, and [`CloudError::TimedOut`] when it stays unavailable.
pub(crate) async fn register<F>(
    cloud: &Cloud,
    request: &RegisterTaskDefinitionFluentBuilder,
    look: impl Fn() -> F,
) -> Result<String, CloudError>
where
    F: Future<Output = Result<Option<String>, CloudError>>,
{
    let family = request.get_family().as_deref().unwrap_or_default();
    until(
        &format!("a revision of {family} to be registered"),
        PATIENCE,
        || async {
            if let Some(arn) = look().await? {
                return Ok(Seen::Done(arn));
            }
            cloud.pace.wait(Limit::RegisterTaskDefinition).await;
            let once = config::Builder::new().retry_config(RetryConfig::disabled());
            let made = request.clone().customize().config_override(once).send();
            let made = match made.await.map_err(aws("ecs:RegisterTaskDefinition")) {
                Err(error) if matches!(error.class(), Class::Throttled | Class::Unavailable) => {
                    return Ok(Seen::NotYet(error.to_string()));
                }
                made => made?,
            };
            made.task_definition()
                .and_then(|definition| definition.task_definition_arn.clone())
                .map(Seen::Done)
                .ok_or_else(|| {
                    CloudError::Unusable(
                        "RegisterTaskDefinition answered without an ARN".to_owned(),
                    )
                })
        },
    )
    .await
}
