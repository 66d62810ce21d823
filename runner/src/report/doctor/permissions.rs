//! Whether whoever runs this may apply: IAM's own simulation, boundaries and the organization's policies included.

use super::{Outcome, Patient};
use crate::cloud::{Cloud, CloudError, aws};
use aws_sdk_iam::types::{ContextEntry, ContextKeyTypeEnum, PolicyEvaluationDecisionType};
use futures::future::join_all;
use std::collections::BTreeSet;

/// A site that is never made: names of the form that sites have, so that narrow policies answer as for a real one.
const SITE: &str = "doctor-probe";

pub(super) async fn check(patient: &Patient<'_>) -> Vec<Outcome> {
    let cloud = &patient.session.cloud;
    let principal = match principal(cloud).await {
        Ok(Some(principal)) => principal,
        Ok(None) => {
            let found = "the account's root, which the account's policies do not limit";
            return vec![Outcome::pass("permission", "root", found)];
        }
        Err(error) => return vec![Outcome::error("permission", "caller", &error)],
    };
    let groups = groups(patient);
    let asked = groups
        .iter()
        .map(|(resource, actions)| simulate(patient, &principal, resource, actions));
    let mut denied = BTreeSet::new();
    for answer in join_all(asked).await {
        match answer {
            Ok(actions) => denied.extend(actions),
            Err(error) => return vec![Outcome::error("permission", principal, &error)],
        }
    }
    let count: usize = groups.iter().map(|(_, actions)| actions.len()).sum();
    if denied.is_empty() {
        return vec![Outcome::pass(
            "permission",
            principal,
            format!("it may do all {count} actions that were tried"),
        )];
    }
    let environment = patient.environment();
    let fix = format!(
        "run bbws as arn:{}:iam::{}:role/bbws/github/bbws-{environment}-github-apply or with its policy; {} writes it",
        cloud.foundation.partition,
        cloud.foundation.account,
        patient.terraform()
    );
    let found = format!(
        "it may not {}",
        denied.into_iter().collect::<Vec<_>>().join(", ")
    );
    vec![Outcome::finding("permission", principal, found, fix)]
}

/// ARN of the caller's user or role; none for the root, which IAM simulates nothing of.
async fn principal(cloud: &Cloud) -> Result<Option<String>, CloudError> {
    let caller = cloud.sts.get_caller_identity().send().await;
    let caller = caller.map_err(aws("sts:GetCallerIdentity"))?;
    let arn = caller.arn().unwrap_or_default();
    let Some((_, session)) = arn.split_once(":assumed-role/") else {
        return Ok((!arn.ends_with(":root")).then(|| arn.to_owned()));
    };
    // A session's ARN lacks the role's path.
    let name = session.split('/').next().unwrap_or_default();
    let role = cloud
        .iam
        .get_role()
        .role_name(name)
        .send()
        .await
        .map_err(aws("iam:GetRole"))?;
    Ok(role.role.map(|role| role.arn))
}

/// What an apply does, by the resource that it does it to.
fn groups(patient: &Patient<'_>) -> Vec<(String, Vec<&'static str>)> {
    let foundation = &patient.session.cloud.foundation;
    let (partition, region, account) = (
        &foundation.partition,
        &foundation.region,
        &foundation.account,
    );
    let name = format!("bbws-{}-{SITE}", foundation.environment);
    let arn = |service: &str, rest: String| {
        format!("arn:{partition}:{service}:{region}:{account}:{rest}")
    };
    let global = |service: &str, rest: String| format!("arn:{partition}:{service}::{rest}");
    let cell = &foundation.cells[0];
    let secret = format!(
        "secret:bbws/{}/{SITE}/database-AAAAAA",
        foundation.environment
    );
    let role = format!("{account}:role/bbws/{}/{name}-task", foundation.environment);
    vec![
        (
            "*".to_owned(),
            vec!["acm:RequestCertificate", "cloudfront:CreateDistribution"],
        ),
        (
            arn("ecs", format!("service/{}/{name}", foundation.cluster.name)),
            vec!["ecs:CreateService", "ecs:UpdateService"],
        ),
        (
            arn("ecs", format!("task-definition/{name}:1")),
            vec!["ecs:RegisterTaskDefinition", "ecs:RunTask"],
        ),
        (
            cell.load_balancer.listener_arn.clone(),
            vec!["elasticloadbalancing:CreateRule"],
        ),
        (
            arn("elasticloadbalancing", format!("targetgroup/{name}/0")),
            vec!["elasticloadbalancing:CreateTargetGroup"],
        ),
        (
            arn(
                "elasticfilesystem",
                format!("file-system/{}", cell.file_system_id),
            ),
            vec!["elasticfilesystem:CreateAccessPoint"],
        ),
        (
            global("iam", role),
            vec!["iam:CreateRole", "iam:PutRolePolicy", "iam:PassRole"],
        ),
        (
            arn(
                "logs",
                format!("log-group:/bbws/{}/{SITE}", foundation.environment),
            ),
            vec!["logs:CreateLogGroup"],
        ),
        (
            global("route53", format!(":hostedzone/{}", foundation.zone.id)),
            vec!["route53:ChangeResourceRecordSets"],
        ),
        (
            format!(
                "arn:{partition}:s3:::{}/journal",
                foundation.artifacts.bucket
            ),
            vec!["s3:GetObject", "s3:PutObject"],
        ),
        (
            arn("secretsmanager", secret),
            vec!["secretsmanager:CreateSecret"],
        ),
        (
            arn("cloudwatch", format!("alarm:{name}-down")),
            vec!["cloudwatch:PutMetricAlarm"],
        ),
    ]
}

/// The actions that are denied.
async fn simulate(
    patient: &Patient<'_>,
    principal: &str,
    resource: &str,
    actions: &[&'static str],
) -> Result<Vec<String>, CloudError> {
    let cloud = &patient.session.cloud;
    let environment = patient.environment();
    let context = [
        ("aws:ResourceTag/bbws:environment", environment),
        ("aws:RequestTag/bbws:environment", environment),
        ("ecs:cluster", &cloud.foundation.cluster.arn),
        ("iam:PassedToService", "ecs-tasks.amazonaws.com"),
    ];
    let entry = |(key, value): (&str, &str)| {
        let entry = ContextEntry::builder()
            .context_key_name(key)
            .context_key_values(value);
        entry.context_key_type(ContextKeyTypeEnum::String).build()
    };
    let pages = cloud
        .iam
        .simulate_principal_policy()
        .policy_source_arn(principal)
        .set_action_names(Some(actions.iter().map(ToString::to_string).collect()))
        .resource_arns(resource)
        .set_context_entries(Some(context.map(entry).into()));
    let results = pages
        .into_paginator()
        .items()
        .send()
        .collect::<Result<Vec<_>, _>>()
        .await;
    let results = results.map_err(aws("iam:SimulatePrincipalPolicy"))?;
    let allowed = |decision: &PolicyEvaluationDecisionType| {
        *decision == PolicyEvaluationDecisionType::Allowed
    };
    let allowed: BTreeSet<_> = results
        .iter()
        .filter(|r| allowed(r.eval_decision()))
        .map(|r| r.eval_action_name())
        .collect();
    // What IAM did not answer is not allowed.
    Ok(actions
        .iter()
        .filter(|action| !allowed.contains(**action))
        .map(ToString::to_string)
        .collect())
}
