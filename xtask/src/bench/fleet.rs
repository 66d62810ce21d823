//! A copy of the sample fleet, and a tenant that is added to it and taken away.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};

/// Copies the manifests of `from`.
pub(super) fn copy(from: &Path, to: &Path) -> Result<()> {
    for folder in ["environments", "tenants"] {
        copy_manifests(&from.join(folder), &to.join(folder))
            .with_context(|| format!("cannot copy {}", from.join(folder).display()))?;
    }
    Ok(())
}

fn copy_manifests(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let path = entry?.path();
        let Some(name) = path.file_name() else {
            continue;
        };
        if path.is_dir() {
            copy_manifests(&path, &to.join(name))?;
        } else if path
            .extension()
            .is_some_and(|extension| extension == "yaml")
        {
            fs::copy(&path, to.join(name))?;
        }
    }
    Ok(())
}

/// The site's only domain.
pub(super) fn domain(tenant: &str, environment: &str) -> String {
    format!("{tenant}.{environment}.localhost")
}

/// Adds a tenant with one site, everything else as the environment says.
pub(super) fn add(fleet: &Path, tenant: &str, environment: &str) -> Result<()> {
    let folder = fleet.join("tenants").join(tenant);
    fs::create_dir_all(&folder)?;
    fs::write(folder.join("tenant.yaml"), "version: 1\nname: Benchmark\n")?;
    let site = format!(
        "version: 1\ntitle: Benchmark\ndomains:\n  - {}\nadmin:\n  user: bench-admin\n  email: admin@bench.example\n",
        domain(tenant, environment)
    );
    Ok(fs::write(folder.join(format!("{environment}.yaml")), site)?)
}

/// Takes the tenant away.
pub(super) fn remove(fleet: &Path, tenant: &str) -> Result<()> {
    Ok(fs::remove_dir_all(fleet.join("tenants").join(tenant))?)
}
