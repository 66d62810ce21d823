//! The Terraform of the foundation: formatted, valid, and its modules' own tests pass. Nothing is made: the providers are
//! mocked. A scanner of the ecosystem looks at all of it.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use e2e::{Fleet, Terraform, folders};
use serde_json::Value;
use tokio::process::Command;

#[tokio::test(flavor = "multi_thread")]
async fn the_foundation_is_valid_and_its_modules_pass_their_tests() -> Result<()> {
    let Some(terraform) = Terraform::find().await? else {
        return Ok(());
    };
    let fleet = Fleet::sample()?;
    let environments = fleet.path().join("environments");
    let fmt = ["fmt", "-check", "-diff", "-recursive"];
    terraform.run(&environments, &fmt).await?;
    let mut tested = 0;
    for folder in folders(&environments.join("modules"))? {
        if !folder.join("tests").is_dir() {
            continue;
        }
        terraform.init(&folder, &["-backend=false"]).await?;
        let out = terraform.run(&folder, &["test", "-no-color"]).await?;
        ensure!(
            out.contains(" passed, 0 failed") && !out.contains(" 0 passed"),
            "{}: {out}",
            folder.display()
        );
        tested += 1;
    }
    ensure!(tested >= 14, "only {tested} modules have tests");
    for name in ["dev", "sit", "prod"] {
        let root = environments.join(name);
        terraform.init(&root, &["-backend=false"]).await?;
        terraform.run(&root, &["validate", "-no-color"]).await?;
    }
    Ok(())
}

/// checkov finds nothing, of whatever severity: without its maker's service it knows none. Exceptions stand at the resource, each
/// with its reason.
#[tokio::test(flavor = "multi_thread")]
async fn a_scanner_finds_nothing_in_the_foundation() -> Result<()> {
    if Terraform::find().await?.is_none() {
        return Ok(());
    }
    let requirements = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/checkov.txt"));
    let checkov = localcloud::prerequisites::python_program(requirements, "checkov").await?;
    let fleet = Fleet::sample()?;
    let output = Command::new(checkov)
        .args([
            "--framework",
            "terraform",
            "--skip-download",
            "--output",
            "json",
            "--directory",
        ])
        .arg(fleet.path().join("environments"))
        .kill_on_drop(true)
        .output()
        .await?;
    let report: Value = serde_json::from_slice(&output.stdout)
        .with_context(|| String::from_utf8_lossy(&output.stderr).into_owned())?;
    let summary = &report["summary"];
    let failed = report["results"]["failed_checks"].as_array();
    let failed = failed.into_iter().flatten().map(|check| {
        format!(
            "{} {} {}",
            check["check_id"], check["file_path"], check["check_name"]
        )
    });
    let failed: Vec<_> = failed.collect();
    ensure!(
        failed.is_empty() && summary["parsing_errors"] == 0,
        "{summary}: {failed:#?}"
    );
    ensure!(
        summary["passed"].as_u64() > Some(200),
        "the scanner saw little: {summary}"
    );
    Ok(())
}
