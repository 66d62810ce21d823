//! One environment's account: its clients, its rate limits, its foundation. Knows AWS, knows nothing of sites.

mod error;
mod foundation;
mod pace;
mod record;
mod secret;
pub mod task;
pub(crate) mod task_definition;
pub mod wait;

pub use error::{Class, CloudError, aws};
pub use foundation::*;
pub use pace::{Limit, Pace};
pub use secret::Secret;

use crate::manifest::Environment;
use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_smithy_http_client::tls;
use std::time::Duration;

/// Clients of one environment's account, in its region and, where AWS demands it, in the edge's.
#[derive(Clone, Debug)]
pub struct Cloud {
    /// What the tenants share.
    pub foundation: Foundation,
    /// Client-side rate limits.
    pub pace: std::sync::Arc<Pace>,
    /// Of distributions, in the edge's region.
    pub acm: aws_sdk_acm::Client,
    /// Of load balancers, in the environment's region.
    pub listener_acm: aws_sdk_acm::Client,
    /// Application Auto Scaling.
    pub autoscaling: aws_sdk_applicationautoscaling::Client,
    /// AWS Backup.
    pub backup: aws_sdk_backup::Client,
    /// AWS Budgets.
    pub budgets: aws_sdk_budgets::Client,
    /// CloudFront.
    pub cloudfront: aws_sdk_cloudfront::Client,
    /// CloudWatch alarms.
    pub cloudwatch: aws_sdk_cloudwatch::Client,
    /// Cognito user pools.
    pub cognito: aws_sdk_cognitoidentityprovider::Client,
    /// The registry.
    pub ecr: aws_sdk_ecr::Client,
    /// Services and tasks.
    pub ecs: aws_sdk_ecs::Client,
    /// File systems.
    pub efs: aws_sdk_efs::Client,
    /// Load balancers.
    pub elb: aws_sdk_elasticloadbalancingv2::Client,
    /// Roles.
    pub iam: aws_sdk_iam::Client,
    /// Keys that sign images.
    pub kms: aws_sdk_kms::Client,
    /// Log groups.
    pub logs: aws_sdk_cloudwatchlogs::Client,
    /// Service quotas.
    pub quotas: aws_sdk_servicequotas::Client,
    /// The same in the edge's region.
    pub edge_quotas: aws_sdk_servicequotas::Client,
    /// In the region to recover in, where the foundation names one.
    pub recovery: Option<RecoveryClients>,
    /// Databases.
    pub rds: aws_sdk_rds::Client,
    /// DNS.
    pub route53: aws_sdk_route53::Client,
    /// The artifact bucket.
    pub s3: aws_sdk_s3::Client,
    /// Secrets.
    pub secrets: aws_sdk_secretsmanager::Client,
    /// Whose the credentials are.
    pub sts: aws_sdk_sts::Client,
    /// The tagging API in the edge's region: the one bulk view of which tenant a certificate belongs to.
    pub edge_tags: aws_sdk_resourcegroupstagging::Client,
    /// Web ACLs of the edge.
    pub waf: aws_sdk_wafv2::Client,
}

/// Clients in the region to recover in.
#[derive(Clone, Debug)]
pub struct RecoveryClients {
    /// AWS Backup.
    pub backup: aws_sdk_backup::Client,
    /// The replica of the environment's key.
    pub kms: aws_sdk_kms::Client,
    /// The copy of the artifact bucket.
    pub s3: aws_sdk_s3::Client,
}

impl RecoveryClients {
    fn of(config: &SdkConfig, recovery: &Recovery) -> Self {
        let region = Region::new(recovery.region.clone());
        let config = config.to_builder().region(region).build();
        Self {
            backup: aws_sdk_backup::Client::new(&config),
            kms: aws_sdk_kms::Client::new(&config),
            s3: storage(&config),
        }
    }
}

impl Cloud {
    /// Opens `environment`'s account with the credentials that the environment's variables or profile name, and reads
    /// its foundation. Reads only.
    ///
    /// # Errors
    /// The credentials are of another account, the foundation is missing or of another version, or AWS does not answer.
    pub async fn connect(environment: &Environment) -> Result<Self, CloudError> {
        Self::connect_as(environment, None).await
    }

    /// The same with the credentials of a profile of AWS's configuration files, for verbs that are about two accounts.
    ///
    /// # Errors
    /// See [`Self::connect`].
    pub async fn connect_as(
        environment: &Environment,
        profile: Option<&str>,
    ) -> Result<Self, CloudError> {
        let config = load(environment.region.as_str(), profile).await;
        let sts = aws_sdk_sts::Client::new(&config);
        let identity = sts
            .get_caller_identity()
            .send()
            .await
            .map_err(aws("sts:GetCallerIdentity"))?;
        let account = identity.account().unwrap_or_default();
        if account != environment.account.as_str() {
            return Err(CloudError::Unusable(format!(
                "the credentials are of account {account}, but environment {} lives in {}: choose its profile or role",
                environment.name, environment.account
            )));
        }
        let foundation = read_foundation(&config, environment).await?;
        Ok(Self::of(&config, foundation))
    }

    fn of(config: &SdkConfig, foundation: Foundation) -> Self {
        let edge = config
            .to_builder()
            .region(Region::new(foundation.edge.certificate_region.clone()))
            .build();
        Self {
            pace: std::sync::Arc::default(),
            acm: aws_sdk_acm::Client::new(&edge),
            listener_acm: aws_sdk_acm::Client::new(config),
            autoscaling: aws_sdk_applicationautoscaling::Client::new(config),
            backup: aws_sdk_backup::Client::new(config),
            budgets: aws_sdk_budgets::Client::new(&edge),
            cloudfront: aws_sdk_cloudfront::Client::new(&edge),
            cloudwatch: aws_sdk_cloudwatch::Client::new(config),
            cognito: aws_sdk_cognitoidentityprovider::Client::new(config),
            ecr: aws_sdk_ecr::Client::new(config),
            ecs: aws_sdk_ecs::Client::new(config),
            efs: aws_sdk_efs::Client::new(config),
            elb: aws_sdk_elasticloadbalancingv2::Client::new(config),
            iam: aws_sdk_iam::Client::new(&edge),
            kms: aws_sdk_kms::Client::new(config),
            logs: aws_sdk_cloudwatchlogs::Client::new(config),
            quotas: aws_sdk_servicequotas::Client::new(config),
            edge_quotas: aws_sdk_servicequotas::Client::new(&edge),
            recovery: foundation
                .recovery
                .as_ref()
                .map(|recovery| RecoveryClients::of(config, recovery)),
            rds: aws_sdk_rds::Client::new(config),
            route53: aws_sdk_route53::Client::new(&edge),
            s3: storage(config),
            secrets: aws_sdk_secretsmanager::Client::new(config),
            sts: aws_sdk_sts::Client::new(config),
            edge_tags: aws_sdk_resourcegroupstagging::Client::new(&edge),
            waf: aws_sdk_wafv2::Client::new(&edge),
            foundation,
        }
    }
}

/// A bucket name as a path segment works on every S3; as a host name it needs DNS that a local cloud lacks.
fn storage(config: &SdkConfig) -> aws_sdk_s3::Client {
    let config = aws_sdk_s3::config::Builder::from(config);
    aws_sdk_s3::Client::from_conf(config.force_path_style(true).build())
}

/// Nine retries with jittered exponential backoff of at most 20 s each ride out minutes of throttling; a single attempt
/// hangs for 20 s at the most, and the whole call for three minutes.
async fn load(region: &str, profile: Option<&str>) -> SdkConfig {
    let http = aws_smithy_http_client::Builder::new()
        .tls_provider(tls::Provider::Rustls(
            tls::rustls_provider::CryptoMode::Ring,
        ))
        .build_https();
    let mut loader = aws_config::defaults(BehaviorVersion::latest()).http_client(http.clone());
    if let Some(profile) = profile {
        // Named outright, so it counts more than credentials in the environment's variables.
        let region = Region::new(region.to_owned());
        let provider = ProviderConfig::default()
            .with_http_client(http)
            .with_region(Some(region));
        let credentials = ProfileFileCredentialsProvider::builder()
            .configure(&provider)
            .profile_name(profile)
            .build();
        loader = loader
            .profile_name(profile)
            .credentials_provider(credentials);
    }
    loader
        .region(Region::new(region.to_owned()))
        .retry_config(RetryConfig::standard().with_max_attempts(10))
        .timeout_config(
            TimeoutConfig::builder()
                .connect_timeout(Duration::from_secs(5))
                .operation_attempt_timeout(Duration::from_secs(20))
                .operation_timeout(Duration::from_secs(180))
                .build(),
        )
        .load()
        .await
}

async fn read_foundation(
    config: &SdkConfig,
    environment: &Environment,
) -> Result<Foundation, CloudError> {
    let name = format!("/bbws/{}/foundation", environment.name);
    let answer = aws_sdk_ssm::Client::new(config)
        .get_parameter()
        .name(&name)
        .send()
        .await
        .map_err(aws("ssm:GetParameter"))
        .map_err(|error| match error.class() {
            Class::NotFound => CloudError::Unusable(format!(
                "SSM parameter {name} does not exist in account {}: apply the environment's Terraform first",
                environment.account
            )),
            _ => error,
        })?;
    let text = answer
        .parameter()
        .and_then(|p| p.value())
        .unwrap_or_default();
    let foundation: Foundation = serde_json::from_str(text).map_err(|error| {
        CloudError::Unusable(format!(
            "SSM parameter {name} is not a foundation document: {error}"
        ))
    })?;
    let checks = [
        (
            "version",
            foundation.version.to_string(),
            VERSION.to_string(),
        ),
        (
            "environment",
            foundation.environment.clone(),
            environment.name.to_string(),
        ),
        (
            "account",
            foundation.account.clone(),
            environment.account.to_string(),
        ),
        (
            "region",
            foundation.region.clone(),
            environment.region.to_string(),
        ),
        (
            "zone",
            foundation.zone.name.clone(),
            environment.domain.to_string(),
        ),
    ];
    for (field, found, wanted) in checks {
        if found != wanted {
            return Err(CloudError::Unusable(format!(
                "SSM parameter {name} says {field} {found}, the environment's manifest and this bbws say {wanted}"
            )));
        }
    }
    if foundation.cells.is_empty() {
        return Err(CloudError::Unusable(format!(
            "SSM parameter {name} names no cell"
        )));
    }
    Ok(foundation)
}
