//! Whether a site with new tasks is healthy: as the load balancer sees it, as a visitor does, and by its alarms.

use super::visit::Visitor;
use crate::cloud::wait::{Seen, until};
use crate::cloud::{Cloud, CloudError, aws};
use crate::manifest::SiteState;
use crate::resource::{Context, Kind};
use aws_sdk_cloudwatch::types::StateValue;
use aws_sdk_elasticloadbalancingv2::types::TargetHealthStateEnum;
use std::time::Duration;
use time::OffsetDateTime;

/// CloudFront keeps an origin's error for 10 s, and the load balancer needs a few checks to see a task drained.
const PATIENCE: Duration = Duration::from_secs(120);
/// The alarms that tell of a bad release; see [`crate::resource::Kind::Alarms`].
const TELLING: [&str; 2] = ["5xx", "unhealthy"];

/// Waits until the site is healthy: every target of its group is, `/readyz` answers 200, and the front page anything but a
/// server error. An alarm that went off after `since` is a failure at once. A suspended site has nothing to look at.
///
/// # Errors
/// [`CloudError::Unhealthy`]; AWS's.
pub async fn check(
    cloud: &Cloud,
    context: &Context<'_>,
    since: OffsetDateTime,
) -> Result<(), CloudError> {
    if context.site().state == SiteState::Suspended {
        return Ok(());
    }
    let visitor = Visitor::new().map_err(|error| {
        CloudError::Unusable(format!(
            "no TLS without the machine's certificates: {error}"
        ))
    })?;
    let looked = until("the site to be healthy", PATIENCE, || async {
        Ok(match look(cloud, context, &visitor).await? {
            None => Seen::Done(()),
            Some(reason) => Seen::NotYet(reason),
        })
    });
    match looked.await {
        Ok(()) => {}
        Err(CloudError::TimedOut { last, .. }) => {
            return Err(CloudError::Unhealthy { reason: last });
        }
        Err(error) => return Err(error),
    }
    match alarms(cloud, context, since).await?.as_slice() {
        [] => Ok(()),
        ringing => Err(CloudError::Unhealthy {
            reason: format!("alarms went off: {}", ringing.join(", ")),
        }),
    }
}

/// What is not healthy yet.
async fn look(
    cloud: &Cloud,
    context: &Context<'_>,
    visitor: &Visitor,
) -> Result<Option<String>, CloudError> {
    if let Some(reason) = targets(cloud, context).await? {
        return Ok(Some(reason));
    }
    let home = context.home();
    for (path, is_good) in [
        ("/readyz", (|status| status == 200) as fn(u16) -> bool),
        // A redirect or a page behind a login is the tenant's own choice.
        ("/", |status| status < 500),
    ] {
        let url = format!("{home}{path}");
        match visitor.status(&url).await {
            Ok(status) if is_good(status) => {}
            Ok(status) => return Ok(Some(format!("{url} answers {status}"))),
            Err(reason) => return Ok(Some(format!("{url}: {reason}"))),
        }
    }
    Ok(None)
}

async fn targets(cloud: &Cloud, context: &Context<'_>) -> Result<Option<String>, CloudError> {
    let answer = cloud
        .elb
        .describe_target_health()
        .target_group_arn(context.known(Kind::TargetGroup, "arn"))
        .send()
        .await
        .map_err(aws("elasticloadbalancing:DescribeTargetHealth"))?;
    let states: Vec<_> = answer
        .target_health_descriptions()
        .iter()
        .filter_map(|target| target.target_health())
        .collect();
    let serving = |state: &TargetHealthStateEnum| *state == TargetHealthStateEnum::Healthy;
    let leaving = |state: &TargetHealthStateEnum| *state == TargetHealthStateEnum::Draining;
    let bad = states.iter().find(|health| {
        let state = health.state();
        !state.is_some_and(|state| serving(state) || leaving(state))
    });
    if let Some(bad) = bad {
        let state = bad.state().map_or("unknown", |state| state.as_str());
        let why = bad.description().unwrap_or("no reason given");
        return Ok(Some(format!("a target is {state}: {why}")));
    }
    let any = states
        .iter()
        .any(|health| health.state().is_some_and(serving));
    Ok((!any).then(|| "no target is healthy".to_owned()))
}

async fn alarms(
    cloud: &Cloud,
    context: &Context<'_>,
    since: OffsetDateTime,
) -> Result<Vec<&'static str>, CloudError> {
    let name = context.who.name();
    let names = TELLING.map(|word| format!("{name}-{word}"));
    let answer = cloud
        .cloudwatch
        .describe_alarms()
        .set_alarm_names(Some(names.to_vec()))
        .state_value(StateValue::Alarm)
        .send()
        .await
        .map_err(aws("cloudwatch:DescribeAlarms"))?;
    let rang = |name: &String| {
        answer.metric_alarms().iter().any(|alarm| {
            let after = |at: &aws_smithy_types::DateTime| at.secs() >= since.unix_timestamp();
            // Some answers come unfiltered.
            alarm.state_value() == Some(&StateValue::Alarm)
                && alarm.alarm_name() == Some(name)
                && alarm.state_transitioned_timestamp().is_some_and(after)
        })
    };
    let rang = names.iter().zip(TELLING).filter(|(name, _)| rang(name));
    Ok(rang.map(|(_, word)| word).collect())
}
