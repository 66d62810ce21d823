//! What each tenant's two roles may do, and who may assume them.

use super::policy::many;
use super::{Check, Facts, Found, ISOLATED, Judged, LEAST, when};
use crate::manifest::TenantId;
use crate::resource::{Found as Resource, Kind, TenantRef};
use serde_json::{Value, json};

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "role-trust",
        ask: LEAST,
        fix: "`bbws apply` lets ECS tasks of this account alone assume it",
        judge: |facts| each(facts, trust),
    },
    Check {
        id: "role-actions",
        ask: LEAST,
        fix: "`bbws apply` writes the policy that the site needs",
        judge: |facts| each(facts, actions),
    },
    Check {
        id: "role-attached",
        ask: LEAST,
        fix: "`bbws apply` detaches it",
        judge: |facts| each(facts, attached),
    },
    Check {
        id: "role-resources",
        ask: ISOLATED,
        fix: "`bbws apply` writes the policy that names the tenant's own alone",
        judge: |facts| each(facts, resources),
    },
];

fn each(facts: &Facts, judge: fn(&Facts, &TenantId, &Resource) -> Found) -> Judged {
    // Policies are held against what is the tenant's own.
    let own = [
        Kind::DatabaseSecret,
        Kind::WordpressSecret,
        Kind::AccessPoint,
    ];
    [Kind::TaskRole, Kind::ExecutionRole]
        .into_iter()
        .flat_map(|kind| {
            let kinds = [&[kind], &own[..]].concat();
            let judged = facts.each(&kinds, judge).into_iter();
            judged.map(move |(tenant, found)| (format!("{tenant}: {}", kind.label()), found))
        })
        .collect()
}

/// Statements that allow something; those of a policy that is no JSON cannot be told, and are one that allows everything.
fn allowed(role: &Resource) -> Vec<Value> {
    let policies = role.fields["policies"].as_object().into_iter().flatten();
    let statements = policies.flat_map(|(_, policy)| match &policy["Statement"] {
        Value::Null => vec![json!({"Effect": "Allow", "Action": "*", "Resource": "*"})],
        statements => many(statements).into_iter().cloned().collect(),
    });
    statements.filter(|s| s["Effect"] == "Allow").collect()
}

fn trust(facts: &Facts, _: &TenantId, role: &Resource) -> Found {
    let statements = many(&role.fields["trust"]["Statement"]);
    let tasks = json!({"Service": ["ecs-tasks.amazonaws.com"]});
    let account = json!([facts.foundation.account]);
    let own = |statement: &&Value| {
        statement["Principal"] == tasks
            && statement["Condition"]["StringEquals"]["aws:SourceAccount"] == account
    };
    let others = statements
        .iter()
        .filter(|s| s["Effect"] == "Allow" && !own(s));
    let others: Vec<_> = others.map(|s| s["Principal"].to_string()).collect();
    when(
        others.is_empty() && !statements.is_empty(),
        "ECS tasks of this account",
        format!("it may be assumed by others: {}", others.join(", ")),
    )
}

fn actions(_: &Facts, _: &TenantId, role: &Resource) -> Found {
    let mut wide = Vec::new();
    for statement in allowed(role) {
        let actions = many(&statement["Action"]);
        let patterns = actions.iter().map(|action| text(action));
        wide.extend(
            patterns
                .filter(|a| a.contains(['*', '?']))
                .map(str::to_owned),
        );
        if !statement["NotAction"].is_null() {
            wide.push("all but some (NotAction)".to_owned());
        }
    }
    when(
        wide.is_empty(),
        "single actions",
        format!("it may do {}", wide.join(", ")),
    )
}

fn attached(_: &Facts, _: &TenantId, role: &Resource) -> Found {
    let attached = many(&role.fields["managed_policies"]);
    let attached: Vec<_> = attached.into_iter().map(text).collect();
    when(
        attached.is_empty(),
        "its own policy alone",
        format!("attached: {}", attached.join(", ")),
    )
}

fn resources(facts: &Facts, tenant: &TenantId, role: &Resource) -> Found {
    let mut others = Vec::new();
    for statement in allowed(role) {
        if !statement["NotResource"].is_null() {
            others.push("all but some (NotResource)".to_owned());
        }
        let resources = many(&statement["Resource"]);
        let foreign = resources
            .into_iter()
            .map(text)
            .filter(|resource| !is_own(facts, tenant, &statement, resource));
        others.extend(foreign.map(str::to_owned));
    }
    when(
        others.is_empty(),
        "the tenant's own",
        format!("it reaches {}", others.join(", ")),
    )
}

/// Whether what a statement allows on `resource` is the tenant's own, or opens nothing of another's.
fn is_own(facts: &Facts, tenant: &TenantId, statement: &Value, resource: &str) -> bool {
    let foundation = &facts.foundation;
    let (partition, bucket) = (&foundation.partition, &foundation.artifacts.bucket);
    let who = TenantRef {
        environment: foundation.environment.clone(),
        tenant: tenant.clone(),
    };
    let below = [
        format!("arn:{partition}:s3:::{bucket}/tenants/{tenant}/"),
        format!("arn:{partition}:s3:::{bucket}/code/{tenant}/"),
        // Another account may lend a snapshot, by a role that trusts this one.
        format!("arn:{partition}:iam::*:role/bbws/*/snapshots/{tenant}."),
        format!(
            "arn:{partition}:logs:{}:{}:log-group:{}:",
            foundation.region,
            foundation.account,
            who.log_group()
        ),
    ];
    let secrets = [Kind::DatabaseSecret, Kind::WordpressSecret];
    let held = |kind, what: &str| facts.own(tenant, kind)?.attributes.get(what).cloned();
    let equals = |key: &str| &statement["Condition"]["StringEquals"][key];
    let file_system = format!(
        "arn:{partition}:elasticfilesystem:{}:{}:file-system/",
        foundation.region, foundation.account
    );
    let image = format!(":repository/{}", foundation.registry.repository);
    if resource == "*" {
        // The token itself opens nothing, and IAM knows no resource for it.
        statement["Action"] == json!(["ecr:GetAuthorizationToken"])
    } else if resource == foundation.encryption.key_arn {
        // By a service, which asks for the thing itself first.
        !equals("kms:ViaService").is_null()
    } else if resource.starts_with(&file_system) {
        held(Kind::AccessPoint, "arn")
            .is_some_and(|own| equals("elasticfilesystem:AccessPointArn") == &json!([own]))
    } else if resource.starts_with("arn:") && resource.contains(":ecr:") {
        resource.ends_with(&image)
    } else {
        below.iter().any(|start| resource.starts_with(start))
            || secrets
                .iter()
                .any(|kind| held(*kind, "arn").as_deref() == Some(resource))
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
