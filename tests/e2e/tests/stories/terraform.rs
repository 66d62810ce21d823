//! The Terraform of the foundation: formatted, valid, and its modules' own tests pass. Nothing is made: the providers are
//! mocked.
//!
//! Needs `terraform` and the AWS provider, which is taken from a mirror of this machine where one is found, else from the
//! registry. `BBWS_WITHOUT_TERRAFORM=1` leaves the story out on a machine that can have neither; CI does not set it.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context as _, Result, bail, ensure};
use tokio::process::Command;

/// What the roots pin.
const PROVIDER: &str = "registry.terraform.io/hashicorp/aws/5.100.0";
/// Where packages and administrators put mirrors of providers.
const PLACES: [&str; 7] = [
    "/opt",
    "/srv",
    "/usr/lib",
    "/usr/local/lib",
    "/usr/local/share",
    "/usr/share",
    "/var/lib",
];

#[tokio::test(flavor = "multi_thread")]
async fn the_foundation_is_valid_and_its_modules_pass_their_tests() -> Result<()> {
    if std::env::var_os("BBWS_WITHOUT_TERRAFORM").is_some_and(|value| value == "1") {
        return Ok(());
    }
    let copy = tempfile::tempdir()?;
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../environments");
    copy_folder(&source, copy.path())?;
    let terraform = Terraform::find()?;
    terraform
        .run(copy.path(), &["fmt", "-check", "-diff", "-recursive"])
        .await?;
    let mut tested = 0;
    for folder in folders(&copy.path().join("modules"))? {
        if !folder.join("tests").is_dir() {
            continue;
        }
        terraform.init(&folder).await?;
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
        let root = copy.path().join(name);
        terraform.init(&root).await?;
        terraform.run(&root, &["validate", "-no-color"]).await?;
    }
    Ok(())
}

struct Terraform {
    mirror: Option<PathBuf>,
}

impl Terraform {
    fn find() -> Result<Self> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        ensure!(
            std::env::split_paths(&path).any(|folder| folder.join("terraform").is_file()),
            "there is no `terraform` on PATH: install Terraform 1.11 (https://developer.hashicorp.com/terraform/install), or \
             set BBWS_WITHOUT_TERRAFORM=1 to leave this story out"
        );
        let home = std::env::var_os("HOME").map(PathBuf::from);
        let places = PLACES.iter().map(PathBuf::from).chain(home);
        Ok(Self {
            mirror: places.flat_map(|place| mirrors(&place)).next(),
        })
    }

    async fn init(&self, folder: &Path) -> Result<()> {
        let mut arguments = vec!["init", "-backend=false", "-input=false", "-no-color"];
        let mirror = self
            .mirror
            .as_ref()
            .map(|mirror| format!("-plugin-dir={}", mirror.display()));
        arguments.extend(mirror.as_deref());
        let done = self.run(folder, &arguments).await;
        done.map(drop).context(
            "the AWS provider can be had neither from a mirror of this machine nor from the registry; \
             BBWS_WITHOUT_TERRAFORM=1 leaves this story out",
        )
    }

    /// Its output.
    async fn run(&self, folder: &Path, arguments: &[&str]) -> Result<String> {
        let output = Command::new("terraform")
            .args(arguments)
            .current_dir(folder)
            .env_remove("TF_CLI_CONFIG_FILE")
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output()
            .await?;
        let out = String::from_utf8_lossy(&output.stdout).into_owned();
        if !output.status.success() {
            let errors = String::from_utf8_lossy(&output.stderr);
            bail!(
                "terraform {} in {}: {out}\n{errors}",
                arguments.join(" "),
                folder.display()
            );
        }
        Ok(out)
    }
}

/// Folders at `place` and one and two levels below it that hold the provider as `terraform init -plugin-dir` wants it.
fn mirrors(place: &Path) -> Vec<PathBuf> {
    let below = |folder: &PathBuf| folders(folder).unwrap_or_default();
    let first = below(&place.to_owned());
    let second: Vec<_> = first.iter().flat_map(below).collect();
    let all = std::iter::once(place.to_owned()).chain(first).chain(second);
    all.filter(|folder| folder.join(PROVIDER).is_dir())
        .collect()
}

fn folders(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut folders: Vec<_> = std::fs::read_dir(folder)?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.is_dir())
        .collect();
    folders.sort();
    Ok(folders)
}

fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let (path, name) = (entry.path(), entry.file_name());
        // Of somebody who works here.
        if name == ".terraform" {
            continue;
        }
        if path.is_dir() {
            copy_folder(&path, &to.join(name))?;
        } else {
            std::fs::copy(&path, to.join(name))?;
        }
    }
    Ok(())
}
