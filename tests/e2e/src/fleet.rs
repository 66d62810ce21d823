//! A fleet of manifests in a directory of its own.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use tempfile::TempDir;

const ENVIRONMENT: &str = r#"version: 1
account: "111111111111"
region: af-south-1
domain: dev.localhost
release: RELEASE
defaults:
  cpu: 256
  memory: 512
  tasks:
    min: 1
    max: 2
  price_class: cheapest
  backup: none
  monthly_budget: 15
"#;

/// A directory with `environments/` and `tenants/`; gone when it is dropped.
#[derive(Debug)]
pub struct Fleet {
    directory: TempDir,
}

impl Fleet {
    /// A copy of the repository's sample fleet.
    ///
    /// # Errors
    /// The file system's.
    pub fn sample() -> Result<Self> {
        let fleet = Self {
            directory: TempDir::new()?,
        };
        for part in ["environments", "tenants"] {
            copy(&repository().join(part), &fleet.path().join(part))?;
        }
        Ok(fleet)
    }

    /// The environment `dev` and nobody in it, following the sample fleet's release.
    ///
    /// # Errors
    /// The file system's.
    pub fn empty() -> Result<Self> {
        let release = release(&repository().join("environments/dev/environment.yaml"))?;
        let fleet = Self {
            directory: TempDir::new()?,
        };
        fleet.write(
            "environments/dev/environment.yaml",
            &ENVIRONMENT.replace("RELEASE", &release),
        )?;
        Ok(fleet)
    }

    /// [`Self::empty`] with sites of these tenants in `dev`.
    ///
    /// # Errors
    /// The file system's.
    pub fn of(tenants: &[&str]) -> Result<Self> {
        let fleet = Self::empty()?;
        for tenant in tenants {
            fleet.add(tenant)?;
        }
        Ok(fleet)
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// A tenant with a site in `dev`.
    ///
    /// # Errors
    /// The file system's.
    pub fn add(&self, tenant: &str) -> Result<()> {
        self.write(
            &format!("tenants/{tenant}/tenant.yaml"),
            &format!("version: 1\nname: {tenant} Ltd\n"),
        )?;
        let site = format!(
            "version: 1\ntitle: The site of {tenant}\ndomains:\n  - {tenant}.dev.localhost\nadmin:\n  user: {tenant}-admin\n  \
             email: admin@{tenant}.example\n"
        );
        self.write(&format!("tenants/{tenant}/dev.yaml"), &site)
    }

    /// Sets a top-level key of a tenant's site in `dev` to a one-line value.
    ///
    /// # Errors
    /// The file system's.
    pub fn set(&self, tenant: &str, key: &str, value: &str) -> Result<()> {
        self.edit(&format!("tenants/{tenant}/dev.yaml"), key, value)
    }

    /// Takes a top-level key out of a tenant's site in `dev`, where it is one line.
    ///
    /// # Errors
    /// The file system's.
    pub fn unset(&self, tenant: &str, key: &str) -> Result<()> {
        let name = format!("tenants/{tenant}/dev.yaml");
        let text = std::fs::read_to_string(self.path().join(&name))?;
        let start = format!("{key}:");
        let lines = text.lines().filter(|line| !line.starts_with(&start));
        self.write(&name, &(lines.collect::<Vec<_>>().join("\n") + "\n"))
    }

    /// Sets a top-level key of the environment `dev` to a one-line value.
    ///
    /// # Errors
    /// The file system's.
    pub fn set_environment(&self, key: &str, value: &str) -> Result<()> {
        self.edit("environments/dev/environment.yaml", key, value)
    }

    fn edit(&self, name: &str, key: &str, value: &str) -> Result<()> {
        let text = std::fs::read_to_string(self.path().join(name))?;
        let start = format!("{key}:");
        let mut lines: Vec<&str> = text
            .lines()
            .filter(|line| !line.starts_with(&start))
            .collect();
        let line = format!("{key}: {value}");
        lines.push(&line);
        self.write(name, &(lines.join("\n") + "\n"))
    }

    /// The release that the environment `dev` names.
    ///
    /// # Errors
    /// The file system's; it names none.
    pub fn release(&self) -> Result<String> {
        release(&self.path().join("environments/dev/environment.yaml"))
    }

    /// Deletes all manifests of a tenant.
    ///
    /// # Errors
    /// The file system's.
    pub fn remove(&self, tenant: &str) -> Result<()> {
        std::fs::remove_dir_all(self.path().join("tenants").join(tenant))?;
        Ok(())
    }

    fn write(&self, name: &str, text: &str) -> Result<()> {
        self.put(name, text.as_bytes())
    }

    /// Puts a file there, or another in its place.
    ///
    /// # Errors
    /// The file system's.
    pub fn put(&self, name: &str, content: &[u8]) -> Result<()> {
        let file = self.path().join(name);
        std::fs::create_dir_all(file.parent().context("a manifest lies in a folder")?)?;
        std::fs::write(&file, content).with_context(|| format!("cannot write {}", file.display()))
    }
}

fn release(environment: &Path) -> Result<String> {
    let text = std::fs::read_to_string(environment)?;
    let release = text.lines().find_map(|line| line.strip_prefix("release: "));
    release
        .map(str::to_owned)
        .context("the environment names no release")
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in
        std::fs::read_dir(from).with_context(|| format!("cannot read {}", from.display()))?
    {
        let entry = entry?;
        // Of somebody who works here.
        if entry.file_name() == ".terraform" {
            continue;
        }
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            std::fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
