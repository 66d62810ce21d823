//! The one visible list: which module stands behind which kind.

use super::{
    Attributes, Context, Found, Kind, access_point, alarms, autoscaling, budget, certificate, code,
    database, distribution, health_check, listener_rule, log_group, recorded, records, role,
    secret, service, target_group, task_definition, user_group, wordpress,
};
use crate::cloud::{Cloud, CloudError};
use crate::jobs::Jobs;
use crate::plan::{self, FieldChange};
use serde_json::Value;

/// What should exist; none for what only ever is to be cleaned up, and for plugins and themes where a site has none of its own.
///
/// # Panics
/// When `context` has no site: then nothing is desired, and nothing may ask.
#[must_use]
pub fn desired(kind: Kind, context: &Context<'_>) -> Option<Value> {
    Some(match kind {
        Kind::LogGroup => log_group::desired(context),
        Kind::DatabaseSecret => secret::desired_database(context),
        Kind::WordpressSecret => secret::desired_wordpress(context),
        Kind::TaskRole => role::desired_task(context),
        Kind::ExecutionRole => role::desired_execution(context),
        Kind::Database => database::desired(context),
        Kind::AccessPoint => access_point::desired(context),
        Kind::Code => return code::desired(context),
        Kind::TaskDefinition => task_definition::desired(context),
        Kind::Wordpress => wordpress::desired(context),
        Kind::TargetGroup => target_group::desired(context),
        Kind::ListenerRule => listener_rule::desired(context),
        Kind::Service => service::desired(context),
        Kind::Autoscaling => autoscaling::desired(context),
        Kind::Certificate => certificate::desired(context),
        Kind::Distribution => distribution::desired(context),
        Kind::RetiredCertificate => return None,
        Kind::HealthCheck => health_check::desired(context),
        Kind::Records => records::desired(context),
        Kind::UserGroup => user_group::desired(context),
        Kind::Alarms => alarms::desired(context),
        Kind::Budget => budget::desired(context),
    })
}

/// Creates or corrects one resource and waits until others can use it. Repeating it is harmless.
///
/// # Errors
/// AWS's, a job's.
pub async fn ensure(
    cloud: &Cloud,
    jobs: &Jobs,
    kind: Kind,
    context: &Context<'_>,
    found: Option<&Found>,
) -> Result<Attributes, CloudError> {
    match kind {
        Kind::LogGroup => log_group::ensure(cloud, context, found).await,
        Kind::DatabaseSecret => secret::ensure_database(cloud, context, found).await,
        Kind::WordpressSecret => secret::ensure_wordpress(cloud, context, found).await,
        Kind::TaskRole => role::ensure_task(cloud, context, found).await,
        Kind::ExecutionRole => role::ensure_execution(cloud, context, found).await,
        Kind::Database => database::ensure(cloud, jobs, context).await,
        Kind::AccessPoint => access_point::ensure(cloud, context, found).await,
        Kind::Code => code::ensure(cloud, context, found).await,
        Kind::TaskDefinition => task_definition::ensure(cloud, context, found).await,
        Kind::Wordpress => wordpress::ensure(cloud, jobs, context).await,
        Kind::TargetGroup => target_group::ensure(cloud, context, found).await,
        Kind::ListenerRule => listener_rule::ensure(cloud, context, found).await,
        Kind::Service => service::ensure(cloud, context, found).await,
        Kind::Autoscaling => autoscaling::ensure(cloud, context, found).await,
        Kind::Certificate => certificate::ensure(cloud, context, found).await,
        Kind::Distribution => distribution::ensure(cloud, context, found).await,
        Kind::RetiredCertificate => Ok(Attributes::new()),
        Kind::HealthCheck => health_check::ensure(cloud, context, found).await,
        Kind::Records => records::ensure(cloud, context, found).await,
        Kind::UserGroup => user_group::ensure(cloud, context, found).await,
        Kind::Alarms => alarms::ensure(cloud, context, found).await,
        Kind::Budget => budget::ensure(cloud, context, found).await,
    }
}

/// Deletes one resource. What is gone already counts as deleted.
///
/// # Errors
/// AWS's, a job's.
pub async fn remove(
    cloud: &Cloud,
    jobs: &Jobs,
    kind: Kind,
    context: &Context<'_>,
    found: &Found,
) -> Result<(), CloudError> {
    match kind {
        Kind::LogGroup => log_group::remove(cloud, context, found).await,
        Kind::DatabaseSecret | Kind::WordpressSecret => secret::remove(cloud, context, found).await,
        Kind::TaskRole | Kind::ExecutionRole => role::remove(cloud, context, found).await,
        Kind::Database => database::remove(jobs, context, found).await,
        Kind::AccessPoint => access_point::remove(cloud, context, found).await,
        Kind::Code => code::remove(cloud, context, found).await,
        Kind::TaskDefinition => task_definition::remove(cloud, context, found).await,
        Kind::Wordpress => wordpress::remove(cloud, jobs, context, found).await,
        Kind::TargetGroup => target_group::remove(cloud, context, found).await,
        Kind::ListenerRule => listener_rule::remove(cloud, context, found).await,
        Kind::Service => service::remove(cloud, context, found).await,
        Kind::Autoscaling => autoscaling::remove(cloud, context, found).await,
        Kind::Certificate | Kind::RetiredCertificate => {
            certificate::remove(cloud, context, found).await
        }
        Kind::Distribution => distribution::remove(cloud, context, found).await,
        Kind::HealthCheck => health_check::remove(cloud, context, found).await,
        Kind::Records => records::remove(cloud, context, found).await,
        Kind::UserGroup => user_group::remove(cloud, context, found).await,
        Kind::Alarms => alarms::remove(cloud, context, found).await,
        Kind::Budget => budget::remove(cloud, context, found).await,
    }
}

impl Kind {
    /// Which fields are to change. Both sides are normalised.
    #[must_use]
    pub fn differences(self, found: &Value, desired: &Value) -> Vec<FieldChange> {
        match self {
            Self::Database | Self::Wordpress => recorded::differences(found, desired),
            Self::TaskDefinition => task_definition::differences(found, desired),
            Self::Code => code::differences(found, desired),
            _ => plan::differences(found, desired),
        }
    }

    /// Whether these fields can only change by making another resource.
    #[must_use]
    pub fn is_replaced(self, fields: &[FieldChange]) -> bool {
        match self {
            Self::Certificate => fields.iter().any(|field| field.path.starts_with("domains")),
            _ => false,
        }
    }

    /// Whether what others refer to (a revision, an ARN) is another one after a change.
    #[must_use]
    pub fn is_renewed_by_update(self) -> bool {
        matches!(self, Self::TaskDefinition | Self::Certificate)
    }
}

#[cfg(test)]
mod tests {
    use super::desired;
    use crate::manifest::SiteState;
    use crate::resource::{ALL, Kind, sample::Sample};

    /// What nothing is known of yet stands as a placeholder, so a first plan can be made.
    #[test]
    fn every_kind_can_be_desired_of_a_new_and_of_a_suspended_site() {
        let mut new = Sample::new();
        new.known.clear();
        let mut suspended = Sample::new();
        suspended.site.state = SiteState::Suspended;
        for sample in [new, suspended] {
            for kind in ALL {
                let value = desired(kind, &sample.context());
                assert_eq!(
                    value.is_some_and(|value| value.is_object()),
                    !matches!(kind, Kind::RetiredCertificate | Kind::Code),
                    "{kind:?}"
                );
            }
        }
    }
}
