//! Terraform on a copy of `environments/`. The AWS provider comes from a mirror of this machine where one is found, else from
//! the registry. `BBWS_WITHOUT_TERRAFORM=1` leaves out what needs it, on a machine that can have neither; CI does not set it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use anyhow::{Context as _, Result, bail};
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

/// The program, and the account that it acts in.
#[derive(Debug, Clone)]
pub struct Terraform {
    program: PathBuf,
    mirror: Option<PathBuf>,
    variables: BTreeMap<&'static str, String>,
}

impl Terraform {
    /// None where `BBWS_WITHOUT_TERRAFORM=1` leaves it out.
    ///
    /// # Errors
    /// There is no Terraform, and it cannot be fetched.
    pub async fn find() -> Result<Option<Self>> {
        if std::env::var_os("BBWS_WITHOUT_TERRAFORM").is_some_and(|value| value == "1") {
            return Ok(None);
        }
        let program = localcloud::terraform::ensure()
            .await
            .context("BBWS_WITHOUT_TERRAFORM=1 leaves this story out")?;
        let home = std::env::var_os("HOME").map(PathBuf::from);
        let places = PLACES.iter().map(PathBuf::from).chain(home);
        Ok(Some(Self {
            program,
            mirror: places.flat_map(|place| mirrors(&place)).next(),
            variables: BTreeMap::new(),
        }))
    }

    /// The same with an account's variables.
    #[must_use]
    pub fn of(mut self, variables: BTreeMap<&'static str, String>) -> Self {
        self.variables = variables;
        self
    }

    /// `terraform init` with further arguments.
    ///
    /// # Errors
    /// The provider or the backend cannot be had.
    pub async fn init(&self, folder: &Path, further: &[&str]) -> Result<()> {
        let mut arguments = vec!["init", "-input=false", "-no-color"];
        arguments.extend(further);
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
    ///
    /// # Errors
    /// It ends with anything but 0.
    pub async fn run(&self, folder: &Path, arguments: &[&str]) -> Result<String> {
        let output = self.output(folder, arguments).await?;
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

    /// Expects that a plan changes nothing.
    ///
    /// # Errors
    /// It would, or no plan can be made.
    pub async fn plan_is_empty(&self, folder: &Path) -> Result<()> {
        let plan = ["plan", "-input=false", "-no-color", "-detailed-exitcode"];
        let done = self.run(folder, &plan).await;
        done.map(drop).context("a second plan should be empty")
    }

    async fn output(&self, folder: &Path, arguments: &[&str]) -> Result<Output> {
        let mut command = Command::new(&self.program);
        for (name, _) in std::env::vars_os() {
            // Nothing of the caller's settings may reach another cloud.
            let text = name.to_string_lossy();
            if text.starts_with("AWS_") || text.starts_with("TF_") {
                command.env_remove(name);
            }
        }
        let output = command
            .args(arguments)
            .current_dir(folder)
            .envs(&self.variables)
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output();
        Ok(output.await?)
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

/// The folders in a folder, sorted.
///
/// # Errors
/// It cannot be read.
pub fn folders(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut folders: Vec<_> = std::fs::read_dir(folder)?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.is_dir())
        .collect();
    folders.sort();
    Ok(folders)
}
