//! Reads what the checks judge. Reads only; each fact may fail on its own.

mod backups;
mod database;
mod secrets;
mod web_acl;

pub(super) use backups::{Backups, Vault};
pub(super) use database::{Database, Instance};
pub(super) use secrets::Aged;
pub(super) use web_acl::WebAcl;

use super::{Found, Judged, Read};
use crate::cloud::{Cell, Cloud, CloudError, Foundation, aws};
use crate::manifest::TenantId;
use crate::resource::{Found as Resource, Inventory, Kind};
use crate::session::Session;
use aws_sdk_cognitoidentityprovider::types::UserPoolType;
use aws_sdk_efs::types::FileSystemDescription;
use aws_sdk_elasticloadbalancingv2::types::{self as elb, ActionTypeEnum, ProtocolEnum};
use futures::future::{join, join_all, join3};
use serde_json::Value;
use std::collections::BTreeMap;
use time::OffsetDateTime;

/// What an environment's audit is about.
#[derive(Clone, Debug)]
pub struct Facts {
    pub(super) foundation: Foundation,
    pub(super) balancers: Vec<Balancer>,
    pub(super) file_systems: Vec<FileSystem>,
    pub(super) databases: Vec<Database>,
    pub(super) bucket: Bucket,
    /// None where the foundation document says nothing of backups.
    pub(super) backups: Option<Backups>,
    pub(super) pool: Read<Pool>,
    pub(super) web_acl: Read<WebAcl>,
    pub(super) secrets: Read<Vec<Aged>>,
    /// What is known of sites.
    pub(super) inventory: Inventory,
    pub(super) now: OffsetDateTime,
}

impl Facts {
    /// The resources of a kind, with their tenants.
    pub(super) fn of(&self, kind: Kind) -> impl Iterator<Item = (&TenantId, &Resource)> {
        let found = self.inventory.found.iter();
        found.filter_map(move |(tenant, found)| Some((tenant, found.get(&kind)?)))
    }

    /// A tenant's resource of a kind.
    pub(super) fn own(&self, tenant: &TenantId, kind: Kind) -> Option<&Resource> {
        self.inventory.found.get(tenant)?.get(&kind)
    }

    /// AWS's error, where one of the kinds could not be read.
    pub(super) fn unread(&self, kinds: &[Kind]) -> Option<&CloudError> {
        let mut unread = self.inventory.unreadable.iter();
        let hit = unread.find(|(hidden, _)| kinds.iter().any(|kind| hidden.contains(kind)));
        hit.map(|(_, error)| error)
    }

    /// Each tenant's resource of the first of `kinds`, judged. What could not be read of any of them leaves one subject.
    pub(super) fn each(
        &self,
        kinds: &[Kind],
        judge: impl Fn(&Self, &TenantId, &Resource) -> Found,
    ) -> Judged {
        if let Some(error) = self.unread(kinds) {
            return vec![("all".to_owned(), Err(error.clone()))];
        }
        let judged = kinds.first().into_iter().flat_map(|kind| self.of(*kind));
        judged
            .map(|(tenant, found)| (tenant.to_string(), Ok(judge(self, tenant, found))))
            .collect()
    }
}

#[derive(Clone, Debug)]
pub(super) struct Balancer {
    pub(super) name: String,
    pub(super) attributes: Read<BTreeMap<String, String>>,
    pub(super) listeners: Read<Vec<Listener>>,
}

#[derive(Clone, Debug)]
pub(super) struct Listener {
    pub(super) port: i32,
    pub(super) encrypted: bool,
    /// Of TLS; empty without.
    pub(super) policy: String,
    pub(super) default: Default,
}

/// What happens to requests that no rule matches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Default {
    RedirectToHttps,
    /// A fixed response of 403 or 404.
    Refuses,
    /// Anything else.
    Serves,
}

#[derive(Clone, Debug)]
pub(super) struct FileSystem {
    pub(super) id: String,
    pub(super) encrypted: Read<bool>,
    /// The value of its tag `bbws:backup`.
    pub(super) plan: Read<Option<String>>,
    pub(super) policy: Read<Option<Value>>,
}

#[derive(Clone, Debug)]
pub(super) struct Bucket {
    pub(super) name: String,
    pub(super) arn: String,
    /// Names of the settings of the public access block that are off.
    pub(super) open_ways: Read<Vec<&'static str>>,
    pub(super) encryption: Read<Option<String>>,
    pub(super) versioned: Read<bool>,
    pub(super) policy: Read<Option<Value>>,
}

#[derive(Clone, Debug)]
pub(super) struct Pool {
    pub(super) password_length: i32,
    pub(super) missing_classes: Vec<&'static str>,
    /// `ON`, `OPTIONAL` or `OFF`.
    pub(super) mfa: String,
    pub(super) invitation_only: bool,
}

/// The tag that says which backup plan takes a thing: `hourly` or `daily`.
const BACKUP: &str = "bbws:backup";

/// Reads all facts of the environment at once.
pub async fn read(session: &Session<'_>) -> Facts {
    let cloud = &session.cloud;
    let cells = || cloud.foundation.cells.iter();
    let (balancers, file_systems, databases, bucket, backups, pool, web_acl, secrets, inventory) = tokio::join!(
        join_all(cells().map(|cell| balancer(cloud, cell))),
        join_all(cells().map(|cell| file_system(cloud, cell))),
        join_all(cells().map(|cell| database::read(cloud, cell))),
        bucket(cloud),
        backups::read(cloud),
        pool(cloud),
        web_acl::read(cloud),
        secrets::read(cloud),
        session.read(),
    );
    Facts {
        foundation: cloud.foundation.clone(),
        balancers,
        file_systems,
        databases,
        bucket,
        backups,
        pool,
        web_acl,
        secrets,
        inventory,
        now: OffsetDateTime::now_utc(),
    }
}

/// `None` where AWS says with `code` that there is no such setting.
fn absent<T>(answer: Read<T>, missing: &str) -> Read<Option<T>> {
    match answer {
        Err(CloudError::Aws { code, .. }) if code == missing => Ok(None),
        answer => answer.map(Some),
    }
}

fn json(text: Option<&str>) -> Read<Value> {
    serde_json::from_str(text.unwrap_or_default())
        .map_err(|error| CloudError::Unusable(format!("the policy cannot be read: {error}")))
}

async fn balancer(cloud: &Cloud, cell: &Cell) -> Balancer {
    let arn = &cell.load_balancer.arn;
    let attributes = cloud.elb.describe_load_balancer_attributes();
    let listeners = cloud.elb.describe_listeners().load_balancer_arn(arn);
    let (attributes, listeners) = join(
        attributes.load_balancer_arn(arn).send(),
        listeners
            .into_paginator()
            .items()
            .send()
            .collect::<Result<Vec<_>, _>>(),
    )
    .await;
    let attributes = attributes.map_err(aws("elbv2:DescribeLoadBalancerAttributes"));
    let listeners = listeners.map_err(aws("elbv2:DescribeListeners"));
    Balancer {
        name: cell.load_balancer.full_name.clone(),
        attributes: attributes.map(|answer| {
            let all = answer.attributes().iter();
            all.filter_map(|a| Some((a.key()?.to_owned(), a.value()?.to_owned())))
                .collect()
        }),
        listeners: listeners.map(|all| all.iter().map(listener).collect()),
    }
}

fn listener(listener: &elb::Listener) -> Listener {
    Listener {
        port: listener.port().unwrap_or_default(),
        encrypted: listener.protocol() == Some(&ProtocolEnum::Https),
        policy: listener.ssl_policy().unwrap_or_default().to_owned(),
        default: match listener.default_actions() {
            [action] => default(action),
            _ => Default::Serves,
        },
    }
}

fn default(action: &elb::Action) -> Default {
    let status = action.fixed_response_config().and_then(|c| c.status_code());
    let scheme = action.redirect_config().and_then(|c| c.protocol());
    match (action.r#type(), status, scheme) {
        (Some(ActionTypeEnum::FixedResponse), Some("403" | "404"), _) => Default::Refuses,
        (Some(ActionTypeEnum::Redirect), _, Some("HTTPS")) => Default::RedirectToHttps,
        _ => Default::Serves,
    }
}

async fn file_system(cloud: &Cloud, cell: &Cell) -> FileSystem {
    let id = &cell.file_system_id;
    let system = cloud.efs.describe_file_systems().file_system_id(id);
    let policy = cloud.efs.describe_file_system_policy().file_system_id(id);
    let (system, policy) = join(system.send(), policy.send()).await;
    let system = system.map_err(aws("elasticfilesystem:DescribeFileSystems"));
    let policy = policy.map_err(aws("elasticfilesystem:DescribeFileSystemPolicy"));
    let policy = absent(policy, "PolicyNotFound").and_then(|answer| {
        let text = answer.map(|answer| json(answer.policy()));
        text.transpose()
    });
    let system = system.and_then(|answer| match answer.file_systems() {
        [system] => Ok(system.clone()),
        _ => Err(CloudError::Unusable(format!(
            "AWS knows no file system {id}"
        ))),
    });
    let plan = |system: &FileSystemDescription| {
        let mut tags = system.tags().iter();
        let tag = tags.find(|tag| tag.key() == BACKUP);
        tag.map(|tag| tag.value().to_owned())
    };
    FileSystem {
        id: id.clone(),
        encrypted: system
            .as_ref()
            .map(|system| system.encrypted().unwrap_or(false))
            .map_err(Clone::clone),
        plan: system.as_ref().map(plan).map_err(Clone::clone),
        policy,
    }
}

async fn bucket(cloud: &Cloud) -> Bucket {
    let foundation = &cloud.foundation;
    let name = &foundation.artifacts.bucket;
    let (policy, (block, encryption, versioning)) = join(
        cloud.s3.get_bucket_policy().bucket(name).send(),
        join3(
            cloud.s3.get_public_access_block().bucket(name).send(),
            cloud.s3.get_bucket_encryption().bucket(name).send(),
            cloud.s3.get_bucket_versioning().bucket(name).send(),
        ),
    )
    .await;
    let policy = absent(
        policy.map_err(aws("s3:GetBucketPolicy")),
        "NoSuchBucketPolicy",
    );
    let block = absent(
        block.map_err(aws("s3:GetBucketPublicAccessBlock")),
        "NoSuchPublicAccessBlockConfiguration",
    );
    let encryption = absent(
        encryption.map_err(aws("s3:GetEncryptionConfiguration")),
        "ServerSideEncryptionConfigurationNotFoundError",
    );
    let versioning = versioning.map_err(aws("s3:GetBucketVersioning"));
    Bucket {
        name: name.clone(),
        arn: format!("arn:{}:s3:::{name}", foundation.partition),
        open_ways: block.map(|answer| {
            let block = answer.and_then(|answer| answer.public_access_block_configuration);
            let is_on =
                |way: fn(&aws_sdk_s3::types::PublicAccessBlockConfiguration) -> Option<bool>| {
                    block.as_ref().and_then(way).unwrap_or(false)
                };
            let ways = [
                ("BlockPublicAcls", is_on(|b| b.block_public_acls())),
                ("IgnorePublicAcls", is_on(|b| b.ignore_public_acls())),
                ("BlockPublicPolicy", is_on(|b| b.block_public_policy())),
                (
                    "RestrictPublicBuckets",
                    is_on(|b| b.restrict_public_buckets()),
                ),
            ];
            off(&ways)
        }),
        encryption: encryption.map(|answer| {
            let rules = answer?.server_side_encryption_configuration?.rules;
            let default = rules.first()?.apply_server_side_encryption_by_default()?;
            Some(default.sse_algorithm().as_str().to_owned())
        }),
        versioned: versioning.map(|answer| {
            answer
                .status()
                .is_some_and(|status| status.as_str() == "Enabled")
        }),
        policy: policy.and_then(|answer| answer.map(|answer| json(answer.policy())).transpose()),
    }
}

/// Names of what is off.
fn off(settings: &[(&'static str, bool)]) -> Vec<&'static str> {
    let off = settings.iter().filter(|(_, on)| !on);
    off.map(|(name, _)| *name).collect()
}

async fn pool(cloud: &Cloud) -> Read<Pool> {
    let id = &cloud.foundation.users.pool_id;
    let answer = cloud.cognito.describe_user_pool().user_pool_id(id).send();
    let answer = answer.await.map_err(aws("cognito-idp:DescribeUserPool"))?;
    let found = answer.user_pool().map(judged);
    found.ok_or_else(|| CloudError::Unusable(format!("AWS describes nothing of user pool {id}")))
}

fn judged(pool: &UserPoolType) -> Pool {
    let password = pool.policies().and_then(|p| p.password_policy());
    let classes = password.map_or([false; 4], |p| {
        [
            p.require_uppercase(),
            p.require_lowercase(),
            p.require_numbers(),
            p.require_symbols(),
        ]
    });
    let names = ["capitals", "small letters", "digits", "symbols"];
    let pairs: Vec<_> = names.into_iter().zip(classes).collect();
    Pool {
        password_length: password
            .and_then(|p| p.minimum_length())
            .unwrap_or_default(),
        missing_classes: off(&pairs),
        mfa: pool
            .mfa_configuration()
            .map_or("OFF", |mfa| mfa.as_str())
            .to_owned(),
        invitation_only: pool
            .admin_create_user_config()
            .is_some_and(|config| config.allow_admin_create_user_only()),
    }
}
