//! Whether what the foundation document names is there.

use super::{Outcome, Patient, unless_missing};
use crate::cloud::{Cell, Class, Cloud, CloudError, VERSION, aws};
use futures::future::{BoxFuture, FutureExt, join_all};

/// A thing, and what AWS says of it; `None` where it is not there.
type Look<'a> = BoxFuture<'a, (String, Result<Option<String>, CloudError>)>;

pub(super) async fn check(patient: &Patient<'_>) -> Vec<Outcome> {
    let cloud = &patient.session.cloud;
    let found = format!(
        "it has version {VERSION}, which bbws {} reads",
        env!("CARGO_PKG_VERSION")
    );
    let document = format!("/bbws/{}/foundation", patient.environment());
    let document = Outcome::pass("foundation", document, found);
    let looks = shared(cloud).into_iter().chain(
        cloud
            .foundation
            .cells
            .iter()
            .flat_map(|cell| of_cell(cloud, cell)),
    );
    let seen = seen(patient, "foundation", looks.collect()).await;
    std::iter::once(document).chain(seen).collect()
}

/// What the document says of the region to recover in.
pub(super) async fn recovery(patient: &Patient<'_>) -> Vec<Outcome> {
    let cloud = &patient.session.cloud;
    let (Some(recovery), Some(clients)) = (&cloud.foundation.recovery, &cloud.recovery) else {
        let found = "the document names no region to recover in";
        return vec![Outcome::finding(
            "recovery",
            "foundation",
            found,
            patient.terraform(),
        )];
    };
    let region = &recovery.region;
    let vaults = [
        (&cloud.backup, &cloud.foundation.region),
        (&clients.backup, region),
    ];
    let vaults = vaults.map(|(client, region)| {
        let described = client.describe_backup_vault();
        let described = described.backup_vault_name(&recovery.vault).send();
        look(format!("{region}: vault {}", recovery.vault), async move {
            there(described.await.map_err(aws("backup:DescribeBackupVault")))
        })
    });
    let (s3, kms) = (&clients.s3, &clients.kms);
    let looks = vaults.into_iter().chain([
        look(
            format!("{region}: bucket {}", recovery.bucket),
            bucket(s3, &recovery.bucket),
        ),
        look(
            format!("{region}: key {}", recovery.key_arn),
            key(kms, &recovery.key_arn),
        ),
    ]);
    seen(patient, "recovery", looks.collect()).await
}

async fn seen(patient: &Patient<'_>, check: &'static str, looks: Vec<Look<'_>>) -> Vec<Outcome> {
    let seen = join_all(looks).await.into_iter();
    let seen = seen.map(|(subject, answer)| match answer {
        Ok(Some(found)) => Outcome::pass(check, subject, found),
        Ok(None) => Outcome::finding(check, subject, "it is not there", patient.terraform()),
        Err(error) => Outcome::error(check, subject, &error),
    });
    seen.collect()
}

fn look<'a>(
    subject: String,
    read: impl Future<Output = Result<Option<String>, CloudError>> + Send + 'a,
) -> Look<'a> {
    async move { (subject, read.await) }.boxed()
}

fn there<T>(answer: Result<T, CloudError>) -> Result<Option<String>, CloudError> {
    Ok(unless_missing(answer)?.map(|_| "it is there".to_owned()))
}

fn shared(cloud: &Cloud) -> Vec<Look<'_>> {
    let foundation = &cloud.foundation;
    let (zone, pool) = (&foundation.zone, &foundation.users.pool_id);
    vec![
        look(
            format!("cluster {}", foundation.cluster.name),
            cluster(cloud),
        ),
        look(
            format!("bucket {}", foundation.artifacts.bucket),
            bucket(&cloud.s3, &foundation.artifacts.bucket),
        ),
        look(format!("zone {}", zone.name), async move {
            there(
                cloud
                    .route53
                    .get_hosted_zone()
                    .id(&zone.id)
                    .send()
                    .await
                    .map_err(aws("route53:GetHostedZone")),
            )
        }),
        look(format!("user pool {pool}"), async move {
            let described = cloud
                .cognito
                .describe_user_pool()
                .user_pool_id(pool)
                .send()
                .await;
            there(described.map_err(aws("cognito-idp:DescribeUserPool")))
        }),
        look(
            format!("key {}", foundation.encryption.key_arn),
            key(&cloud.kms, &foundation.encryption.key_arn),
        ),
    ]
}

async fn bucket(s3: &aws_sdk_s3::Client, name: &str) -> Result<Option<String>, CloudError> {
    let listed = s3.list_objects_v2().bucket(name).max_keys(1).send().await;
    there(listed.map_err(aws("s3:ListBucket")))
}

/// One that waits for its deletion, or is switched off, opens nothing.
async fn key(kms: &aws_sdk_kms::Client, arn: &str) -> Result<Option<String>, CloudError> {
    let described = kms.describe_key().key_id(arn).send().await;
    let described = unless_missing(described.map_err(aws("kms:DescribeKey")))?;
    let state = described.and_then(|answer| answer.key_metadata?.key_state);
    Ok(state
        .filter(|state| state.as_str() == "Enabled")
        .map(|_| "it is enabled".to_owned()))
}

async fn cluster(cloud: &Cloud) -> Result<Option<String>, CloudError> {
    let described = cloud
        .ecs
        .describe_clusters()
        .clusters(&cloud.foundation.cluster.arn)
        .send()
        .await;
    let answer = described.map_err(aws("ecs:DescribeClusters"))?;
    let active = answer
        .clusters()
        .iter()
        .any(|cluster| cluster.status() == Some("ACTIVE"));
    Ok(active.then(|| "it is active".to_owned()))
}

fn of_cell<'a>(cloud: &'a Cloud, cell: &'a Cell) -> Vec<Look<'a>> {
    let (name, balancer) = (&cell.name, &cell.load_balancer);
    vec![
        look(format!("cell {name}: listener"), async move {
            let described = cloud
                .elb
                .describe_listeners()
                .listener_arns(&balancer.listener_arn)
                .send()
                .await;
            there(described.map_err(aws("elasticloadbalancing:DescribeListeners")))
        }),
        look(
            format!("cell {name}: file system {}", cell.file_system_id),
            async move {
                let described = cloud
                    .efs
                    .describe_file_systems()
                    .file_system_id(&cell.file_system_id)
                    .send()
                    .await;
                absent(
                    described.map_err(aws("elasticfilesystem:DescribeFileSystems")),
                    "FileSystemNotFound",
                )
            },
        ),
        look(
            format!("cell {name}: database {}", cell.database.instance),
            async move {
                let described = cloud
                    .rds
                    .describe_db_instances()
                    .db_instance_identifier(&cell.database.instance)
                    .send()
                    .await;
                absent(
                    described.map_err(aws("rds:DescribeDBInstances")),
                    "DBInstanceNotFound",
                )
            },
        ),
    ]
}

/// The services' own words for what is not there.
fn absent<T>(answer: Result<T, CloudError>, missing: &str) -> Result<Option<String>, CloudError> {
    match answer {
        Err(CloudError::Aws { code, class, .. })
            if code.starts_with(missing) && class != Class::Denied =>
        {
            Ok(None)
        }
        answer => there(answer),
    }
}
