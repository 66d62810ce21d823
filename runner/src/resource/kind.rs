//! The closed list of kinds and what each needs before it.

use serde::Serialize;

/// A kind of resource; every site has at most one of each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Log group with retention.
    LogGroup,
    /// Secret with the database's address and password.
    DatabaseSecret,
    /// Secret with WordPress's salts and the administrator's password.
    WordpressSecret,
    /// Role that the site's containers act as.
    TaskRole,
    /// Role that starts them and may read this site's secrets alone.
    ExecutionRole,
    /// Schema, user and grants.
    Database,
    /// The site's own directory on the cell's file system.
    AccessPoint,
    /// The zips of the site's own plugins and themes.
    Code,
    /// What a task of the site runs.
    TaskDefinition,
    /// WordPress installed in the database, and its files.
    Wordpress,
    /// Target group.
    TargetGroup,
    /// Listener rule on path and origin header.
    ListenerRule,
    /// ECS service.
    Service,
    /// Scalable target and its policies.
    Autoscaling,
    /// TLS certificate for the edge, validated by DNS.
    Certificate,
    /// CloudFront distribution.
    Distribution,
    /// A certificate that no distribution of the site uses any more.
    RetiredCertificate,
    /// Route 53 health check.
    HealthCheck,
    /// Route 53 records.
    Records,
    /// Cognito group.
    UserGroup,
    /// CloudWatch alarms.
    Alarms,
    /// Monthly cost budget.
    Budget,
}

/// Every kind, each after all that it needs.
pub const ALL: [Kind; 22] = [
    Kind::LogGroup,
    Kind::DatabaseSecret,
    Kind::WordpressSecret,
    Kind::AccessPoint,
    Kind::Code,
    Kind::TaskRole,
    Kind::ExecutionRole,
    Kind::Database,
    Kind::TaskDefinition,
    Kind::Wordpress,
    Kind::TargetGroup,
    Kind::ListenerRule,
    Kind::Service,
    Kind::Autoscaling,
    Kind::Certificate,
    Kind::Distribution,
    Kind::RetiredCertificate,
    Kind::HealthCheck,
    Kind::Records,
    Kind::UserGroup,
    Kind::Alarms,
    Kind::Budget,
];

impl Kind {
    /// What must be in place before this kind is created, and gone only after it.
    #[must_use]
    pub fn needs(self) -> &'static [Self] {
        match self {
            Self::LogGroup
            | Self::DatabaseSecret
            | Self::WordpressSecret
            | Self::AccessPoint
            | Self::Code
            | Self::TargetGroup
            | Self::Certificate
            | Self::UserGroup
            | Self::Budget => &[],
            // Its policy names the one access point that it may mount.
            Self::TaskRole => &[Self::AccessPoint],
            Self::ExecutionRole => &[Self::DatabaseSecret, Self::WordpressSecret],
            Self::Database => &[Self::DatabaseSecret],
            Self::TaskDefinition => &[
                Self::LogGroup,
                Self::TaskRole,
                Self::ExecutionRole,
                Self::AccessPoint,
            ],
            Self::Wordpress => &[Self::TaskDefinition, Self::Database, Self::Code],
            Self::ListenerRule => &[Self::TargetGroup],
            // A target group takes targets only once a listener's rule points at it.
            Self::Service => &[Self::Wordpress, Self::TaskDefinition, Self::ListenerRule],
            Self::Autoscaling => &[Self::Service],
            Self::Alarms => &[Self::TargetGroup, Self::Service],
            Self::Distribution => &[Self::Certificate, Self::ListenerRule],
            Self::RetiredCertificate => &[Self::Distribution],
            Self::HealthCheck => &[Self::Distribution],
            Self::Records => &[Self::Distribution, Self::HealthCheck],
        }
    }

    /// As people read it in a plan.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::LogGroup => "log group",
            Self::DatabaseSecret => "database secret",
            Self::WordpressSecret => "wordpress secret",
            Self::TaskRole => "task role",
            Self::ExecutionRole => "execution role",
            Self::Database => "database",
            Self::AccessPoint => "access point",
            Self::Code => "plugins and themes",
            Self::TaskDefinition => "task definition",
            Self::Wordpress => "wordpress",
            Self::TargetGroup => "target group",
            Self::ListenerRule => "listener rule",
            Self::Service => "service",
            Self::Autoscaling => "autoscaling",
            Self::Certificate => "certificate",
            Self::Distribution => "distribution",
            Self::RetiredCertificate => "retired certificate",
            Self::HealthCheck => "health check",
            Self::Records => "records",
            Self::UserGroup => "user group",
            Self::Alarms => "alarms",
            Self::Budget => "budget",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_comes_after_what_it_needs() {
        for (position, kind) in ALL.iter().enumerate() {
            for need in kind.needs() {
                assert!(ALL[..position].contains(need), "{kind:?} needs {need:?}");
            }
        }
    }
}
