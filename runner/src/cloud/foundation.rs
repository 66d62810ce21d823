//! The foundation document: what an environment's tenants share, written by Terraform, read here and nowhere else. Its form
//! is published as docs/schema/foundation.json.

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The version of the document that this runner reads.
pub const VERSION: u32 = 1;

const ARN: &str = "^arn:aws[a-z-]*:[a-z0-9-]+:";
const REGION: &str = "^[a-z]{2}(-[a-z]+)+-[0-9]$";

/// The JSON Schema (draft 2020-12) of the document.
#[must_use]
pub fn foundation_schema() -> Value {
    let generator = SchemaSettings::draft2020_12().into_generator();
    generator.into_root_schema_for::<Foundation>().to_value()
}

/// SSM parameter `/bbws/<environment>/foundation`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "bbws foundation document")]
pub struct Foundation {
    /// Of this shape; see [`VERSION`].
    #[schemars(extend("const" = VERSION))]
    pub version: u32,
    /// The environment it describes.
    #[schemars(regex(pattern = "^(dev|sit|prod)$"))]
    pub environment: String,
    /// Twelve digits.
    #[schemars(regex(pattern = "^[0-9]{12}$"))]
    pub account: String,
    /// The region that everything but the edge lives in.
    #[schemars(regex(pattern = REGION))]
    pub region: String,
    /// `aws`, or another partition.
    #[schemars(regex(pattern = "^aws(-[a-z]+)*$"))]
    pub partition: String,
    /// How browsers reach sites.
    pub viewer: Viewer,
    /// What distributions share.
    pub edge: Edge,
    /// The public Route 53 zone of the environment's domain.
    pub zone: Zone,
    /// The ECS cluster.
    pub cluster: Cluster,
    /// Where tasks run.
    pub network: Network,
    /// Where images come from.
    pub registry: Registry,
    /// The Cognito pool.
    pub users: Users,
    /// The bucket of dumps, job outcomes, journals and leases.
    pub artifacts: Artifacts,
    /// Where alarms go.
    pub alarms: Alarms,
    /// The environment's customer-managed key.
    pub encryption: Encryption,
    /// What the batched administrative job of a cell runs as.
    pub job: Job,
    /// Where backups go, and what another region holds for the day that this one is lost. Without it, nothing is prepared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovery: Option<Recovery>,
    /// At least one.
    #[schemars(length(min = 1))]
    pub cells: Vec<Cell>,
}

/// Scheme and port of the URLs that visitors type.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Viewer {
    /// `https` on AWS.
    #[schemars(regex(pattern = "^https?$"))]
    pub scheme: String,
    /// 443 on AWS.
    pub port: u16,
}

/// What distributions share.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Edge {
    /// The one region whose certificates CloudFront takes, `us-east-1`.
    #[schemars(regex(pattern = REGION))]
    pub certificate_region: String,
    /// The WAF web ACL of every distribution.
    #[schemars(regex(pattern = ARN))]
    pub web_acl_arn: String,
    /// A CloudFront function that answers 503 with a page; suspended sites get it.
    #[schemars(regex(pattern = ARN))]
    pub suspended_function_arn: String,
    /// For static assets.
    #[schemars(length(min = 1))]
    pub static_cache_policy_id: String,
    /// For everything else: caches nothing.
    #[schemars(length(min = 1))]
    pub dynamic_cache_policy_id: String,
    /// Passes all that the viewer sent.
    #[schemars(length(min = 1))]
    pub origin_request_policy_id: String,
}

/// A Route 53 hosted zone.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Zone {
    /// `Z…`.
    #[schemars(regex(pattern = "^Z[0-9A-Z]+$"))]
    pub id: String,
    /// Without the trailing dot.
    #[schemars(regex(pattern = "^[a-z0-9-]+(\\.[a-z0-9-]+)+$"))]
    pub name: String,
}

/// An ECS cluster.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cluster {
    /// Its name.
    pub name: String,
    /// Its ARN.
    #[schemars(regex(pattern = ARN))]
    pub arn: String,
}

/// Where tasks run.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Network {
    /// The VPC.
    #[schemars(regex(pattern = "^vpc-"))]
    pub vpc_id: String,
    /// Private subnets, one a zone.
    #[schemars(length(min = 1), inner(regex(pattern = "^subnet-")))]
    pub subnets: Vec<String>,
    /// Lets the load balancer in, and the tasks out to database and file system.
    #[schemars(regex(pattern = "^sg-"))]
    pub task_security_group: String,
}

/// An ECR repository.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Registry {
    /// Its name.
    #[schemars(length(min = 1))]
    pub repository: String,
    /// What an image reference starts with.
    #[schemars(length(min = 1))]
    pub uri: String,
}

/// A Cognito user pool.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Users {
    /// Its id.
    #[schemars(length(min = 1))]
    pub pool_id: String,
}

/// An S3 bucket.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Artifacts {
    /// Its name.
    #[schemars(length(min = 3, max = 63))]
    pub bucket: String,
}

/// An SNS topic.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Alarms {
    /// Its ARN.
    #[schemars(regex(pattern = ARN))]
    pub topic_arn: String,
}

/// A KMS key.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Encryption {
    /// Its ARN.
    #[schemars(regex(pattern = ARN))]
    pub key_arn: String,
}

/// What the batched administrative job of a cell runs as.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Job {
    /// Reads the cells' administrator secrets.
    #[schemars(regex(pattern = ARN))]
    pub execution_role_arn: String,
    /// Reads the tenants' database secrets and writes outcomes.
    #[schemars(regex(pattern = ARN))]
    pub task_role_arn: String,
    /// Where its output goes.
    #[schemars(length(min = 1))]
    pub log_group: String,
}

/// What is kept for a recovery.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Recovery {
    /// The backup vault, of the same name in both regions.
    #[schemars(length(min = 2, max = 50))]
    pub vault: String,
    /// The region to recover in.
    #[schemars(regex(pattern = REGION))]
    pub region: String,
    /// The copy of the artifact bucket there.
    #[schemars(length(min = 3, max = 63))]
    pub bucket: String,
    /// The replica there of the environment's key.
    #[schemars(regex(pattern = ARN))]
    pub key_arn: String,
}

/// One load balancer, database instance and file system.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cell {
    /// `a`, `b`, ….
    pub name: String,
    /// Its application load balancer.
    pub load_balancer: LoadBalancer,
    /// The secret whose value the origin header must carry.
    #[schemars(regex(pattern = ARN))]
    pub origin_secret_arn: String,
    /// Its MySQL instance.
    pub database: Database,
    /// Its EFS file system.
    #[schemars(regex(pattern = "^fs-"))]
    pub file_system_id: String,
}

/// An application load balancer.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LoadBalancer {
    /// Its ARN.
    #[schemars(regex(pattern = ARN))]
    pub arn: String,
    /// What CloudFront connects to.
    #[schemars(length(min = 1))]
    pub dns_name: String,
    /// The listener that tenants' rules belong to.
    #[schemars(regex(pattern = ARN))]
    pub listener_arn: String,
    /// `app/<name>/<id>`, the CloudWatch dimension.
    #[schemars(regex(pattern = "^app/"))]
    pub full_name: String,
}

/// An RDS MySQL instance.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Database {
    /// Its identifier.
    #[schemars(length(min = 1))]
    pub instance: String,
    /// Its endpoint's host.
    #[schemars(length(min = 1))]
    pub host: String,
    /// Its endpoint's port.
    pub port: u16,
    /// JSON with `username` and `password`.
    #[schemars(regex(pattern = ARN))]
    pub admin_secret_arn: String,
}

impl Foundation {
    /// The origin that a browser shows for `domain`, without a trailing slash: `https://acme.com`.
    #[must_use]
    pub fn url(&self, domain: &str) -> String {
        let Viewer { scheme, port } = &self.viewer;
        match (scheme.as_str(), port) {
            ("https", 443) | ("http", 80) => format!("{scheme}://{domain}"),
            _ => format!("{scheme}://{domain}:{port}"),
        }
    }

    /// The ARN of a cell's file system.
    #[must_use]
    pub fn file_system_arn(&self, id: &str) -> String {
        self.regional_arn("elasticfilesystem", &format!("file-system/{id}"))
    }

    /// The ARN of a cell's database.
    #[must_use]
    pub fn database_arn(&self, instance: &str) -> String {
        self.regional_arn("rds", &format!("db:{instance}"))
    }

    fn regional_arn(&self, service: &str, resource: &str) -> String {
        let Self {
            partition,
            region,
            account,
            ..
        } = self;
        format!("arn:{partition}:{service}:{region}:{account}:{resource}")
    }

    /// A foundation that knows only what the environment's manifest says: for showing what manifests become.
    #[must_use]
    pub fn placeholder(environment: &str, account: &str, region: &str, domain: &str) -> Self {
        let unknown = || "(foundation)".to_owned();
        Self {
            version: VERSION,
            environment: environment.to_owned(),
            account: account.to_owned(),
            region: region.to_owned(),
            partition: "aws".to_owned(),
            viewer: Viewer {
                scheme: "https".to_owned(),
                port: 443,
            },
            edge: Edge {
                certificate_region: "us-east-1".to_owned(),
                web_acl_arn: unknown(),
                suspended_function_arn: unknown(),
                static_cache_policy_id: unknown(),
                dynamic_cache_policy_id: unknown(),
                origin_request_policy_id: unknown(),
            },
            zone: Zone {
                id: unknown(),
                name: domain.to_owned(),
            },
            cluster: Cluster {
                name: format!("bbws-{environment}"),
                arn: unknown(),
            },
            network: Network {
                vpc_id: unknown(),
                subnets: vec![unknown()],
                task_security_group: unknown(),
            },
            registry: Registry {
                repository: unknown(),
                uri: unknown(),
            },
            users: Users { pool_id: unknown() },
            artifacts: Artifacts { bucket: unknown() },
            alarms: Alarms {
                topic_arn: unknown(),
            },
            encryption: Encryption { key_arn: unknown() },
            job: Job {
                execution_role_arn: unknown(),
                task_role_arn: unknown(),
                log_group: unknown(),
            },
            recovery: None,
            cells: vec![Cell {
                name: "a".to_owned(),
                load_balancer: LoadBalancer {
                    arn: unknown(),
                    dns_name: unknown(),
                    listener_arn: unknown(),
                    full_name: unknown(),
                },
                origin_secret_arn: unknown(),
                database: Database {
                    instance: unknown(),
                    host: unknown(),
                    port: 3306,
                    admin_secret_arn: unknown(),
                },
                file_system_id: unknown(),
            }],
        }
    }
}
