//! Someone at the AWS console of an account: clients with the root's credentials, and the few things stories do often.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use aws_config::retry::RetryConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use serde_json::Value;

use crate::until;

/// Clients of one account.
#[derive(Debug, Clone)]
#[expect(
    missing_docs,
    reason = "each field is the client of the service that it is named after"
)]
pub struct Aws {
    /// What the environment's tenants share: the foundation document.
    pub foundation: Value,
    pub acm: aws_sdk_acm::Client,
    pub autoscaling: aws_sdk_applicationautoscaling::Client,
    pub backup: aws_sdk_backup::Client,
    /// In the region to recover in.
    pub backup_away: aws_sdk_backup::Client,
    pub budgets: aws_sdk_budgets::Client,
    pub cloudfront: aws_sdk_cloudfront::Client,
    pub cloudwatch: aws_sdk_cloudwatch::Client,
    pub cognito: aws_sdk_cognitoidentityprovider::Client,
    pub ecr: aws_sdk_ecr::Client,
    pub ecs: aws_sdk_ecs::Client,
    pub efs: aws_sdk_efs::Client,
    pub elb: aws_sdk_elasticloadbalancingv2::Client,
    pub iam: aws_sdk_iam::Client,
    pub kms: aws_sdk_kms::Client,
    /// In the region to recover in.
    pub kms_away: aws_sdk_kms::Client,
    pub logs: aws_sdk_cloudwatchlogs::Client,
    pub rds: aws_sdk_rds::Client,
    pub route53: aws_sdk_route53::Client,
    pub s3: aws_sdk_s3::Client,
    pub secrets: aws_sdk_secretsmanager::Client,
    pub waf: aws_sdk_wafv2::Client,
    config: SdkConfig,
}

impl Aws {
    /// Of the account whose environment variables these are.
    ///
    /// # Errors
    /// The account has no foundation.
    pub async fn new(
        environment: &str,
        variables: &BTreeMap<&'static str, String>,
    ) -> Result<Self> {
        let config = configuration(variables).await;
        let name = format!("/bbws/{environment}/foundation");
        let parameter = aws_sdk_ssm::Client::new(&config)
            .get_parameter()
            .name(name)
            .send()
            .await?;
        let foundation = parameter
            .parameter()
            .and_then(|p| p.value())
            .context("the foundation document is empty")?;
        let foundation: Value = serde_json::from_str(foundation)?;
        Ok(Self::of(config, foundation))
    }

    fn of(config: SdkConfig, foundation: Value) -> Self {
        let within = |region| config.to_builder().region(Region::new(region)).build();
        let (edge, away) = (within("us-east-1"), within("eu-west-1"));
        Self {
            acm: aws_sdk_acm::Client::new(&edge),
            autoscaling: aws_sdk_applicationautoscaling::Client::new(&config),
            backup: aws_sdk_backup::Client::new(&config),
            backup_away: aws_sdk_backup::Client::new(&away),
            budgets: aws_sdk_budgets::Client::new(&edge),
            cloudfront: aws_sdk_cloudfront::Client::new(&edge),
            cloudwatch: aws_sdk_cloudwatch::Client::new(&config),
            cognito: aws_sdk_cognitoidentityprovider::Client::new(&config),
            ecr: aws_sdk_ecr::Client::new(&config),
            ecs: aws_sdk_ecs::Client::new(&config),
            efs: aws_sdk_efs::Client::new(&config),
            elb: aws_sdk_elasticloadbalancingv2::Client::new(&config),
            iam: aws_sdk_iam::Client::new(&edge),
            kms: aws_sdk_kms::Client::new(&config),
            kms_away: aws_sdk_kms::Client::new(&away),
            logs: aws_sdk_cloudwatchlogs::Client::new(&config),
            rds: aws_sdk_rds::Client::new(&config),
            route53: aws_sdk_route53::Client::new(&edge),
            s3: storage(&config),
            secrets: aws_sdk_secretsmanager::Client::new(&config),
            waf: aws_sdk_wafv2::Client::new(&edge),
            foundation,
            config,
        }
    }

    /// A string of the foundation document.
    ///
    /// # Panics
    /// When the document has none there.
    #[must_use]
    pub fn foundation(&self, pointer: &str) -> &str {
        match self.foundation.pointer(pointer).and_then(Value::as_str) {
            Some(text) => text,
            None => panic!(
                "the foundation document has no {pointer}: {:#}",
                self.foundation
            ),
        }
    }

    /// The same clients as somebody else.
    #[must_use]
    pub fn acting_as(&self, credentials: Credentials) -> Self {
        let credentials = SharedCredentialsProvider::new(credentials);
        let config = self.config.to_builder().credentials_provider(credentials);
        Self::of(config.build(), self.foundation.clone())
    }

    /// The credentials of a role that trusts a token.
    ///
    /// # Errors
    /// It does not.
    pub async fn assumed(&self, role: &str, token: &str) -> Result<Credentials> {
        let assume = aws_sdk_sts::Client::new(&self.config)
            .assume_role_with_web_identity()
            .role_arn(role)
            .role_session_name("story")
            .web_identity_token(token);
        let assumed = assume.send().await.with_context(|| role.to_owned())?;
        let session = assumed.credentials.context("no credentials")?;
        Ok(Credentials::new(
            session.access_key_id,
            session.secret_access_key,
            Some(session.session_token),
            None,
            "a workflow's role",
        ))
    }

    /// The value of a secret.
    ///
    /// # Errors
    /// There is none.
    pub async fn secret(&self, id: &str) -> Result<String> {
        let value = self
            .secrets
            .get_secret_value()
            .secret_id(id)
            .send()
            .await
            .with_context(|| format!("secret {id}"))?;
        Ok(value
            .secret_string()
            .context("the secret is empty")?
            .to_owned())
    }

    /// A string field of a secret's JSON.
    ///
    /// # Errors
    /// There is none.
    pub async fn secret_field(&self, id: &str, field: &str) -> Result<String> {
        let value: Value = serde_json::from_str(&self.secret(id).await?)?;
        Ok(value[field]
            .as_str()
            .with_context(|| format!("secret {id} has no {field}"))?
            .to_owned())
    }

    /// The site's only service.
    ///
    /// # Errors
    /// There is none.
    pub async fn service(&self, tenant: &str) -> Result<aws_sdk_ecs::types::Service> {
        let (cluster, name) = (
            self.foundation("/cluster/name"),
            format!("bbws-dev-{tenant}"),
        );
        let answer = self
            .ecs
            .describe_services()
            .cluster(cluster)
            .services(&name)
            .send()
            .await?;
        let service = answer
            .services()
            .iter()
            .find(|service| service.status() == Some("ACTIVE"));
        service
            .cloned()
            .with_context(|| format!("there is no service {name}"))
    }

    /// The task definition that the site's service runs.
    ///
    /// # Errors
    /// There is none.
    pub async fn task_definition(
        &self,
        tenant: &str,
    ) -> Result<aws_sdk_ecs::types::TaskDefinition> {
        let service = self.service(tenant).await?;
        let describe = self
            .ecs
            .describe_task_definition()
            .task_definition(service.task_definition().unwrap_or_default());
        describe
            .send()
            .await?
            .task_definition
            .context("the service's task definition is gone")
    }

    /// Registers a hand-edited copy of a task definition; returns its ARN.
    ///
    /// # Errors
    /// ECS refuses it.
    pub async fn register(
        &self,
        family: &str,
        copy: aws_sdk_ecs::types::TaskDefinition,
    ) -> Result<String> {
        let registered = self
            .ecs
            .register_task_definition()
            .family(family)
            .set_container_definitions(copy.container_definitions)
            .set_volumes(copy.volumes)
            .set_cpu(copy.cpu)
            .set_memory(copy.memory)
            .set_network_mode(copy.network_mode)
            .set_task_role_arn(copy.task_role_arn)
            .set_execution_role_arn(copy.execution_role_arn)
            .set_requires_compatibilities(copy.requires_compatibilities)
            .send()
            .await?;
        let arn = registered
            .task_definition()
            .and_then(|definition| definition.task_definition_arn());
        Ok(arn.context("the revision has no ARN")?.to_owned())
    }

    /// Runs a task to its end.
    ///
    /// # Errors
    /// It does not start, or does not end.
    pub async fn run_task(&self, definition: &str) -> Result<aws_sdk_ecs::types::Task> {
        use aws_sdk_ecs::types::{AwsVpcConfiguration, LaunchType, NetworkConfiguration};
        let cluster = self.foundation("/cluster/name");
        let vpc = AwsVpcConfiguration::builder()
            .subnets(self.foundation("/network/subnets/0"))
            .security_groups(self.foundation("/network/task_security_group"))
            .build()?;
        let network = NetworkConfiguration::builder()
            .awsvpc_configuration(vpc)
            .build();
        let run = self
            .ecs
            .run_task()
            .cluster(cluster)
            .task_definition(definition)
            .launch_type(LaunchType::Fargate);
        let started = run.network_configuration(network).send().await?;
        let arn = started
            .tasks()
            .first()
            .and_then(|task| task.task_arn())
            .context("no task was started")?;
        until("the task to end", async || {
            let answer = self
                .ecs
                .describe_tasks()
                .cluster(cluster)
                .tasks(arn)
                .send()
                .await?;
            let task = answer
                .tasks()
                .first()
                .filter(|task| task.last_status() == Some("STOPPED"));
            Ok(task.cloned())
        })
        .await
    }

    /// ARNs of the running tasks of the site's service.
    ///
    /// # Errors
    /// AWS's.
    pub async fn tasks(&self, tenant: &str) -> Result<Vec<String>> {
        let list = self
            .ecs
            .list_tasks()
            .cluster(self.foundation("/cluster/name"));
        let answer = list
            .service_name(format!("bbws-dev-{tenant}"))
            .send()
            .await?;
        Ok(answer.task_arns().to_vec())
    }

    /// Keys below a prefix of the artifact bucket.
    ///
    /// # Errors
    /// AWS's.
    pub async fn keys(&self, prefix: &str) -> Result<Vec<String>> {
        let list = self
            .s3
            .list_objects_v2()
            .bucket(self.foundation("/artifacts/bucket"))
            .prefix(prefix);
        let answer = list.send().await?;
        Ok(answer
            .contents()
            .iter()
            .filter_map(|object| object.key().map(str::to_owned))
            .collect())
    }

    /// An object of the artifact bucket.
    ///
    /// # Errors
    /// There is none.
    pub async fn object(&self, key: &str) -> Result<Vec<u8>> {
        let get = self
            .s3
            .get_object()
            .bucket(self.foundation("/artifacts/bucket"))
            .key(key);
        let object = get.send().await.with_context(|| format!("object {key}"))?;
        Ok(object.body.collect().await?.to_vec())
    }
}

async fn configuration(variables: &BTreeMap<&'static str, String>) -> SdkConfig {
    let variable = |name: &str| variables.get(name).cloned().unwrap_or_default();
    let credentials = Credentials::new(
        variable("AWS_ACCESS_KEY_ID"),
        variable("AWS_SECRET_ACCESS_KEY"),
        variables.get("AWS_SESSION_TOKEN").cloned(),
        None,
        "story",
    );
    let http = aws_smithy_http_client::Builder::new().build_http();
    aws_config::defaults(BehaviorVersion::latest())
        .http_client(http)
        .region(Region::new(variable("AWS_REGION")))
        .endpoint_url(variable("AWS_ENDPOINT_URL"))
        .credentials_provider(credentials)
        .retry_config(RetryConfig::standard().with_max_attempts(5))
        .load()
        .await
}

fn storage(config: &SdkConfig) -> aws_sdk_s3::Client {
    let config = aws_sdk_s3::config::Builder::from(config).force_path_style(true);
    aws_sdk_s3::Client::from_conf(config.build())
}

/// Makes a bucket in the account whose environment variables these are.
///
/// # Errors
/// S3 refuses.
pub async fn make_bucket(variables: &BTreeMap<&'static str, String>, name: &str) -> Result<()> {
    use aws_sdk_s3::types::{BucketLocationConstraint, CreateBucketConfiguration};
    let region = variables.get("AWS_REGION").map_or("", String::as_str);
    let place = CreateBucketConfiguration::builder()
        .location_constraint(BucketLocationConstraint::from(region))
        .build();
    let s3 = storage(&configuration(variables).await);
    let create = s3.create_bucket().bucket(name);
    create.create_bucket_configuration(place).send().await?;
    Ok(())
}
