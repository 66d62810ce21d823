//! The role by which one site's tasks read one snapshot, perhaps of another account. It exists as long as it is needed.

use crate::cloud::{Class, Cloud, CloudError, Limit, aws};
use crate::manifest::TenantId;
use aws_sdk_iam::types::Tag;
use serde_json::json;
use std::collections::BTreeMap;

const POLICY: &str = "bbws";

fn path(cloud: &Cloud) -> String {
    format!("/bbws/{}/snapshots/", cloud.foundation.environment)
}

/// A tenant's id has no dot, so that a pattern for one tenant's roles fits no other's.
fn name(tenant: &TenantId, run: &str) -> String {
    format!("{tenant}.{run}")
}

/// Makes the role in the account of `source`: `reader` may read what is below `prefix` in its artifact bucket. Returns its ARN.
/// A repeat makes what is missing.
///
/// # Errors
/// AWS's.
pub(super) async fn lend(
    source: &Cloud,
    (tenant, run): (&TenantId, &str),
    prefix: &str,
    reader: &str,
    tags: &BTreeMap<String, String>,
) -> Result<String, CloudError> {
    let foundation = &source.foundation;
    let name = name(tenant, run);
    let trust = json!({
        "Version": "2012-10-17",
        "Statement": [{ "Effect": "Allow", "Principal": { "AWS": reader }, "Action": "sts:AssumeRole" }],
    });
    let policy = json!({
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "ReadTheSnapshot",
                "Effect": "Allow",
                "Action": "s3:GetObject",
                "Resource": format!("arn:{}:s3:::{}/{prefix}*", foundation.partition, foundation.artifacts.bucket),
            },
            {
                "Sid": "DecryptTheSnapshot",
                "Effect": "Allow",
                "Action": "kms:Decrypt",
                "Resource": foundation.encryption.key_arn,
                "Condition": { "StringEquals": { "kms:ViaService": format!("s3.{}.amazonaws.com", foundation.region) } },
            },
        ],
    });
    let tags = tags
        .iter()
        .map(|(key, value)| Tag::builder().key(key).value(value).build())
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| CloudError::Unusable(error.to_string()))?;
    source.pace.wait(Limit::IdentityWrites).await;
    let made = source
        .iam
        .create_role()
        .path(path(source))
        .role_name(&name)
        .description("Reads one content snapshot of a bbws site; removed with the promotion's end")
        .assume_role_policy_document(trust.to_string())
        .max_session_duration(3600)
        .set_tags(Some(tags))
        .send()
        .await
        .map_err(aws("iam:CreateRole"));
    match made {
        Err(error) if error.class() != Class::Conflict => return Err(error),
        _ => {}
    }
    source.pace.wait(Limit::IdentityWrites).await;
    source
        .iam
        .put_role_policy()
        .role_name(&name)
        .policy_name(POLICY)
        .policy_document(policy.to_string())
        .send()
        .await
        .map_err(aws("iam:PutRolePolicy"))?;
    Ok(format!(
        "arn:{}:iam::{}:role{}{name}",
        foundation.partition,
        foundation.account,
        path(source)
    ))
}

/// Removes the role. A repeat finds nothing.
///
/// # Errors
/// AWS's.
pub(super) async fn take_back(
    source: &Cloud,
    tenant: &TenantId,
    run: &str,
) -> Result<(), CloudError> {
    let name = name(tenant, run);
    source.pace.wait(Limit::IdentityWrites).await;
    let policy = source
        .iam
        .delete_role_policy()
        .role_name(&name)
        .policy_name(POLICY)
        .send()
        .await;
    let policy = policy.map(drop).map_err(aws("iam:DeleteRolePolicy"));
    unless_gone(source, &name, policy).await?;
    source.pace.wait(Limit::IdentityWrites).await;
    let role = source.iam.delete_role().role_name(&name).send().await;
    let role = role.map(drop).map_err(aws("iam:DeleteRole"));
    unless_gone(source, &name, role).await
}

/// No error where there is no such role. Whoever may touch roles of a path alone is told so only by their list: IAM knows no path of
/// what is not there, and denies.
async fn unless_gone(
    source: &Cloud,
    name: &str,
    outcome: Result<(), CloudError>,
) -> Result<(), CloudError> {
    match outcome {
        Err(error) if error.class() == Class::NotFound => Ok(()),
        Err(error) if error.class() == Class::Denied => {
            let roles = source.iam.list_roles().path_prefix(path(source));
            let mut roles = roles.into_paginator().items().send();
            while let Some(role) = roles.next().await {
                if role.map_err(aws("iam:ListRoles"))?.role_name() == name {
                    return Err(error);
                }
            }
            Ok(())
        }
        outcome => outcome,
    }
}
