//! Whether the programs and engines are of the versions that the fleet was written for.

use super::{Outcome, Patient};
use crate::cloud::aws;
use futures::future::join_all;
use serde_json::Value;
use std::process::Stdio;
use tokio::process::Command;

/// What the module rds asks for.
const MYSQL: &str = "8.4";
const PROVIDER: &str = "registry.terraform.io/hashicorp/aws";

pub(super) async fn check(patient: &Patient<'_>) -> Vec<Outcome> {
    let (engines, terraform) = tokio::join!(engines(patient), terraform(patient));
    engines.into_iter().chain(terraform).collect()
}

async fn engines(patient: &Patient<'_>) -> Vec<Outcome> {
    let cloud = &patient.session.cloud;
    let reads = cloud.foundation.cells.iter().map(|cell| async move {
        let instance = &cell.database.instance;
        let subject = format!("cell {}: database", cell.name);
        let described = cloud
            .rds
            .describe_db_instances()
            .db_instance_identifier(instance)
            .send()
            .await;
        let described = match described.map_err(aws("rds:DescribeDBInstances")) {
            Ok(described) => described,
            Err(error) => return Outcome::error("version", subject, &error),
        };
        let instance = described.db_instances().first();
        let engine = instance.and_then(|i| i.engine()).unwrap_or("nothing");
        let version = instance
            .and_then(|i| i.engine_version())
            .unwrap_or_default();
        let found = format!("{engine} {version}");
        match engine == "mysql" && within(version, MYSQL) {
            true => Outcome::pass("version", subject, found),
            false => Outcome::finding(
                "version",
                subject,
                format!("{found} instead of mysql {MYSQL}"),
                patient.terraform(),
            ),
        }
    });
    join_all(reads).await
}

/// Whether a version is of a series: 8.4 and 8.4.7 of 8.4, and not 8.40.
fn within(version: &str, series: &str) -> bool {
    let rest = version.strip_prefix(series);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// A fleet without a root here has its foundation from elsewhere, and asks nothing of this machine.
async fn terraform(patient: &Patient<'_>) -> Vec<Outcome> {
    let Ok(root) = std::fs::read_to_string(patient.root.join("main.tf")) else {
        return Vec::new();
    };
    let mut command = Command::new("terraform");
    command
        .args(["version", "-json"])
        .current_dir(patient.root)
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let told = match command.output().await {
        Ok(output) if output.status.success() => {
            serde_json::from_slice(&output.stdout).map_err(|e| e.to_string())
        }
        Ok(output) => Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
        Err(error) => Err(error.to_string()),
    };
    let init = format!(
        "terraform -chdir=environments/{} init",
        patient.environment()
    );
    match told {
        Ok(told) => judge(&root, &told, &init),
        Err(error) => vec![Outcome::unreadable(
            "version",
            "terraform",
            format!("`terraform version`: {error}"),
            "install the Terraform that environments/*/main.tf asks for, and run this again",
        )],
    }
}

fn judge(root: &str, told: &Value, init: &str) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    let wanted = setting(root, "required_version").unwrap_or_default();
    let version = told["terraform_version"].as_str().unwrap_or_default();
    let found = format!("{version}, of {wanted}");
    outcomes.push(match takes(wanted, version) {
        true => Outcome::pass("version", "terraform", found),
        false => Outcome::finding(
            "version",
            "terraform",
            found,
            format!("install Terraform {wanted}, then {init}"),
        ),
    });
    // Only a root that was initialised has chosen one.
    let provider = told["provider_selections"][PROVIDER].as_str();
    let wanted = setting(root, "version").unwrap_or_default();
    outcomes.extend(provider.map(|version| {
        let found = format!("{version}, of {wanted}");
        match takes(wanted, version) {
            true => Outcome::pass("version", "AWS provider", found),
            false => Outcome::finding("version", "AWS provider", found, format!("{init} -upgrade")),
        }
    }));
    outcomes
}

/// The first `<name> = "<value>"` of a file of Terraform's.
fn setting<'a>(file: &'a str, name: &str) -> Option<&'a str> {
    file.lines().find_map(|line| {
        let (key, value) = line.split_once('=')?;
        (key.trim() == name).then(|| value.trim().trim_matches('"'))
    })
}

/// Whether `~> 1.11` (that minor or a later one of the same major), or one exact version, takes `version`.
fn takes(constraint: &str, version: &str) -> bool {
    let parts = |text: &str| -> Option<Vec<u32>> {
        text.trim()
            .split('.')
            .map(|part| part.parse().ok())
            .collect()
    };
    match constraint.strip_prefix("~>") {
        None => constraint == version,
        Some(least) => match (parts(least), parts(version)) {
            (Some(least), Some(version)) if least.len() > 1 => {
                let fixed = least.len() - 1;
                version.get(..fixed) == least.get(..fixed) && version >= least
            }
            _ => false,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Verdict;
    use serde_json::json;

    #[test]
    fn versions_are_compared_by_number() {
        assert!(within("8.4.7", "8.4") && !within("8.40", "8.4") && !within("9.1", "8.4"));
        assert!(
            takes("~> 1.11", "1.12.3") && takes("~> 1.11", "1.11.0") && takes("5.100.0", "5.100.0")
        );
        assert!(
            !takes("~> 1.11", "1.9.8")
                && !takes("~> 1.11", "2.0.0")
                && !takes("5.100.0", "5.100.1")
        );
    }

    #[test]
    fn terraform_and_its_provider_are_those_of_the_root() {
        let root = include_str!("../../../../environments/dev/main.tf");
        let told = |terraform: &str, provider: &str| json!({"terraform_version": terraform, "provider_selections": {PROVIDER: provider}});
        let verdicts = |told: &Value| {
            judge(root, told, "init")
                .iter()
                .map(|o| o.verdict)
                .collect::<Vec<_>>()
        };
        assert_eq!(
            verdicts(&told("1.11.4", "5.100.0")),
            [Verdict::Pass, Verdict::Pass]
        );
        assert_eq!(
            verdicts(&told("1.5.7", "6.0.0")),
            [Verdict::Finding, Verdict::Finding]
        );
        assert_eq!(
            verdicts(&json!({"terraform_version": "1.11.4"})),
            [Verdict::Pass]
        );
    }
}
