//! The runner under the roles that Terraform made for workflows, assumed as a workflow assumes them: by a token that names a
//! repository and a GitHub environment. (The local cloud reads what a token claims, and does not check its signature.)

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, ensure};
use aws_smithy_types::base64;
use e2e::{Bbws, World};
use localcloud::proxy::Filter;
use serde_json::{Value, json};

use super::{ACCOUNT, TENANT};

const REPOSITORY: &str = "example/fleet";
/// Actions that a role has and this story does not use, each with its reason.
const UNUSED: &str = include_str!("unused.txt");

/// The runner as the role `name`, in a job of a repository and GitHub environment.
pub(super) fn workflow(world: &World, name: &str, repository: &str, within: &str) -> Result<Bbws> {
    let claims = json!({
        "iss": "https://token.actions.githubusercontent.com",
        "aud": "sts.amazonaws.com",
        "sub": format!("repo:{repository}:environment:{within}"),
    });
    // As RFC 7515 has it.
    let part = |value: &Value| {
        let text = base64::encode(value.to_string());
        text.replace('=', "").replace('+', "-").replace('/', "_")
    };
    let token = format!(
        "{}.{}.c2lnbmF0dXJl",
        part(&json!({"alg": "RS256"})),
        part(&claims)
    );
    let file = world.fleet.path().join(format!("{name}-{within}.token"));
    std::fs::write(&file, token)?;
    let mut variables = world.variables();
    for root in ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"] {
        variables.remove(root);
    }
    variables.extend([
        ("AWS_WEB_IDENTITY_TOKEN_FILE", file.display().to_string()),
        (
            "AWS_ROLE_ARN",
            format!("arn:aws:iam::{ACCOUNT}:role/bbws/github/bbws-dev-github-{name}"),
        ),
        ("AWS_ROLE_SESSION_NAME", "story".to_owned()),
    ]);
    Bbws::new(world.fleet.path(), variables)
}

pub(super) fn plan(world: &World) -> Result<Bbws> {
    workflow(world, "plan", REPOSITORY, "dev-plan")
}

pub(super) fn apply(world: &World) -> Result<Bbws> {
    workflow(world, "apply", REPOSITORY, "dev")
}

/// `plan` plans, and writes nothing.
pub(super) async fn plan_only_looks(world: &World) -> Result<()> {
    let outcome = plan(world)?
        .run(&["plan", "--env", "dev", "--json"])
        .await?;
    let planned = outcome.expect_code(0)?.drifts()?;
    ensure!(!planned.is_empty(), "there is a site to make");
    let apply = ["apply", "--env", "dev", "--tenant", TENANT];
    let refused = plan(world)?.run(&apply).await?.expect_code(1)?;
    ensure!(
        refused.stderr.contains("AccessDenied") && refused.stderr.contains("s3:PutObject"),
        "the refusal is not clear: {}",
        refused.stderr
    );
    let names = world.cloud.proxy().inventory(ACCOUNT).await?;
    let made: Vec<_> = names.iter().filter(|name| name.contains(TENANT)).collect();
    ensure!(made.is_empty(), "plan made {made:?}");
    world.note("the role plan looks, and cannot write");
    Ok(())
}

/// `plan` sees all that `audit` and `doctor` look at, and they find what `dev` leaves out, and what no day has brought yet.
pub(super) async fn plan_examines(world: &World) -> Result<()> {
    let unprotected = [
        "alb-deletion-protection",
        "rds-deletion-protection",
        "backup-locked",
    ];
    let unmade = ["backup-recent", "backup-copied"];
    let audited = [&unprotected[..], &unmade].concat();
    // A role that plans may not apply.
    for (verb, wanted) in [("audit", &audited[..]), ("doctor", &["permission"])] {
        let outcome = plan(world)?.run(&[verb, "--env", "dev", "--json"]).await?;
        let json = outcome.json()?;
        let checks = json["result"]["checks"].as_array().context("no checks")?;
        let mut bad = checks.iter().filter(|check| check["verdict"] != "pass");
        let found: BTreeSet<_> = bad.clone().filter_map(|c| c["check"].as_str()).collect();
        ensure!(
            bad.all(|check| check["verdict"] == "finding")
                && found == wanted.iter().copied().collect(),
            "{verb} under the role plan: {:#?}",
            checks
                .iter()
                .filter(|check| check["verdict"] != "pass")
                .collect::<Vec<_>>()
        );
    }
    world.note("the role plan audits and examines");
    Ok(())
}

/// Neither another repository nor another GitHub environment of the same one.
pub(super) async fn nobody_else_gets_in(world: &World) -> Result<()> {
    for (repository, within) in [
        ("example/other", "dev"),
        (REPOSITORY, "dev-plan"),
        (REPOSITORY, "prod"),
    ] {
        let stranger = workflow(world, "apply", repository, within)?;
        let status = stranger
            .run(&["status", "--env", "dev"])
            .await?
            .expect_code(1)?;
        ensure!(
            status.stderr.contains("AssumeRoleWithWebIdentity"),
            "{repository} in {within} is refused for another reason: {}",
            status.stderr
        );
    }
    world.note("nobody else may assume the roles");
    Ok(())
}

/// Whoever applies dev can neither change how dev is made, nor reach prod.
pub(super) async fn apply_stays_within_dev(world: &World) -> Result<()> {
    let prod = apply(world)?.run(&["plan", "--env", "prod"]).await?;
    let refused = prod.expect_code(1)?;
    ensure!(
        refused.stderr.contains(ACCOUNT),
        "prod is refused for another reason: {}",
        refused.stderr
    );
    Ok(())
}

/// Every action of the roles `plan` and `apply` was used, or stands on the list of those that are for something else.
pub(super) async fn nothing_is_granted_for_nothing(world: &World) -> Result<()> {
    let allowed = world.cloud.proxy().allowed(ACCOUNT).await?;
    let scaling = Filter::service("application-autoscaling");
    let scaling = world.requests(&scaling).into_iter();
    // moto, which stands in for this service, asks no IAM.
    let scaling: Vec<_> = scaling
        .map(|request| format!("{}:{}", request.service, request.operation))
        .collect();
    let mut problems = Vec::new();
    for name in ["plan", "apply"] {
        let role = format!("bbws-dev-github-{name}");
        let used = allowed
            .iter()
            .filter_map(|line| line.strip_prefix(&format!("{role} ")));
        let used: BTreeSet<_> = used
            .map(str::to_owned)
            .chain(scaling.iter().cloned())
            .collect();
        let excused: BTreeSet<_> = UNUSED
            .lines()
            .filter_map(|line| {
                line.strip_prefix(name)?
                    .split_whitespace()
                    .next()
                    .map(str::to_owned)
            })
            .collect();
        let granted = granted(world, &role, name).await?;
        problems.extend(
            granted
                .difference(&used)
                .filter(|action| !excused.contains(*action))
                .map(|action| {
                    format!(
                        "{name} has {action}, which nothing used and unused.txt does not explain"
                    )
                }),
        );
        problems.extend(
            excused
                .intersection(&used)
                .map(|action| format!("{name} used {action}, which unused.txt says it does not")),
        );
        problems.extend(
            excused
                .difference(&granted)
                .map(|action| format!("unused.txt explains {action} of {name}, which it has not")),
        );
    }
    ensure!(problems.is_empty(), "{problems:#?}");
    world.note("every action that was granted is used or explained");
    Ok(())
}

async fn granted(world: &World, role: &str, policy: &str) -> Result<BTreeSet<String>> {
    let get = world
        .aws
        .iam
        .get_role_policy()
        .role_name(role)
        .policy_name(policy);
    let document = get.send().await?;
    let document = percent_decoded(document.policy_document());
    let document: Value = serde_json::from_str(&document)?;
    let statements = document["Statement"].as_array().context("no statements")?;
    let allowed = statements
        .iter()
        .filter(|statement| statement["Effect"] == "Allow");
    let actions = allowed.flat_map(|statement| match &statement["Action"] {
        Value::Array(actions) => actions.clone(),
        one => vec![one.clone()],
    });
    Ok(actions
        .filter_map(|action| Some(action.as_str()?.to_owned()))
        .collect())
}

/// IAM answers with documents as in a URL (RFC 3986).
fn percent_decoded(text: &str) -> String {
    let mut parts = text.split('%');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        match part.get(..2).map(|code| u8::from_str_radix(code, 16)) {
            Some(Ok(byte)) => {
                bytes.push(byte);
                bytes.extend_from_slice(&part.as_bytes()[2..]);
            }
            _ => bytes.extend_from_slice(part.as_bytes()),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
