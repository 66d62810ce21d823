//! Roles of GitHub's workflows, as Terraform makes them, assumed as a workflow assumes them: by a token that names a repository and a
//! GitHub environment. (The local cloud reads what a token claims, and does not check its signature.)

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use aws_credential_types::Credentials;
use aws_smithy_types::base64;
use localcloud::proxy::Filter;
use serde_json::{Value, json};

use crate::{Aws, World};

/// Whose workflows `environments/*/main.tf` trusts.
pub const FLEET_REPOSITORY: &str = "example/fleet";

/// Writes the token of a job of `repository` in the GitHub environment `within`.
///
/// # Errors
/// The file system's.
pub fn job_token(folder: &Path, repository: &str, within: &str) -> Result<PathBuf> {
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
    let file = folder.join(format!("{}-{within}.token", repository.replace('/', "-")));
    std::fs::write(&file, token)?;
    Ok(file)
}

/// One of the roles of an environment's account.
#[derive(Debug, Clone)]
pub struct Role {
    account: String,
    /// `plan`, `apply`, `promote`, `dr`.
    pub kind: &'static str,
    /// Its name in IAM.
    pub name: String,
    /// Its ARN.
    pub arn: String,
}

impl Role {
    /// The role `kind` of `environment`, which lives in `account`.
    #[must_use]
    pub fn new(account: &str, environment: &str, kind: &'static str) -> Self {
        let name = format!("bbws-{environment}-github-{kind}");
        let arn = format!("arn:aws:iam::{account}:role/bbws/github/{name}");
        Self {
            account: account.to_owned(),
            kind,
            name,
            arn,
        }
    }

    /// `variables` without their keys, and as this role by a job's token.
    #[must_use]
    pub fn assumed(
        &self,
        mut variables: BTreeMap<&'static str, String>,
        token: &Path,
    ) -> BTreeMap<&'static str, String> {
        for root in ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"] {
            variables.remove(root);
        }
        variables.extend([
            ("AWS_WEB_IDENTITY_TOKEN_FILE", token.display().to_string()),
            ("AWS_ROLE_ARN", self.arn.clone()),
            ("AWS_ROLE_SESSION_NAME", "story".to_owned()),
        ]);
        variables
    }

    /// As this role, by a job's token.
    ///
    /// # Errors
    /// The role does not trust the token.
    pub async fn credentials(&self, aws: &Aws, token: &Path) -> Result<Credentials> {
        let token = std::fs::read_to_string(token)?;
        aws.assumed(&self.arn, &token).await
    }

    /// The actions that IAM let the role do so far; and those of the requests that `scaling` chooses, since moto, which stands in for
    /// Application Auto Scaling, asks no IAM.
    ///
    /// # Errors
    /// The emulator does not answer.
    pub async fn allowed(&self, world: &World, scaling: &Filter) -> Result<BTreeSet<String>> {
        let allowed = world.cloud.proxy().allowed(&self.account).await?;
        let own = format!("{} ", self.name);
        let allowed = allowed
            .iter()
            .filter_map(|line| line.strip_prefix(&own).map(str::to_owned));
        let scaling = world.requests(scaling).into_iter();
        let scaling = scaling.map(|request| format!("{}:{}", request.service, request.operation));
        Ok(allowed.chain(scaling).collect())
    }

    /// What is wrong with the role's grants: actions that were neither used nor are explained in `explained` (lines of a role, an
    /// action, and a reason), and lines there that say what is not so. `allowed` is
    /// what it was let do.
    ///
    /// # Errors
    /// The role has no such policy.
    pub async fn granted_for_nothing(
        &self,
        aws: &Aws,
        allowed: &BTreeSet<String>,
        explained: &str,
    ) -> Result<Vec<String>> {
        let (granted, kind) = (self.granted(aws).await?, self.kind);
        let excused: BTreeSet<_> = explained
            .lines()
            .filter_map(|line| {
                let mut words = line.split_whitespace();
                (words.next() == Some(kind)).then(|| words.next().map(str::to_owned))?
            })
            .collect();
        let unused = granted
            .difference(allowed)
            .filter(|action| !excused.contains(*action))
            .map(|action| format!("{kind} has {action}, which nothing used and nothing explains"));
        let used = excused
            .intersection(allowed)
            .map(|action| format!("{kind} used {action}, which is explained as unused"));
        let gone = excused
            .difference(&granted)
            .map(|action| format!("{action} of {kind} is explained, but not granted"));
        Ok(unused.chain(used).chain(gone).collect())
    }

    async fn granted(&self, aws: &Aws) -> Result<BTreeSet<String>> {
        let get = aws.iam.get_role_policy().role_name(&self.name);
        let document = get.policy_name(self.kind).send().await?;
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
