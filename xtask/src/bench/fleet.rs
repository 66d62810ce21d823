//! A copy of the sample fleet, and a tenant that is added to it and taken away.

use std::fs;
use std::io::{Cursor, Write as _};
use std::path::Path;

use anyhow::{Context as _, Result};
use sha2::{Digest, Sha256};
use zip::{ZipWriter, write::SimpleFileOptions};

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

/// Writes a line into the site's manifest, in place of one with the same key.
pub(super) fn set(fleet: &Path, tenant: &str, environment: &str, line: &str) -> Result<()> {
    let file = fleet
        .join("tenants")
        .join(tenant)
        .join(format!("{environment}.yaml"));
    let (key, _) = line.split_once(':').context("a line has a key")?;
    let text = fs::read_to_string(&file)?;
    let others = text
        .lines()
        .filter(|other| other.split(':').next() != Some(key));
    let lines: Vec<_> = others.chain([line]).collect();
    Ok(fs::write(&file, lines.join("\n") + "\n")?)
}

/// Puts a plugin of so many MB zipped into the fleet: files of 16 KB that nobody loads, as most files of a large plugin. The line
/// of the manifest that lists it.
pub(super) fn plugin(fleet: &Path, megabytes: usize) -> Result<String> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let mut file = |name: &str, content: &[u8]| -> Result<usize> {
        zip.start_file(name, SimpleFileOptions::default())?;
        zip.write_all(content)?;
        Ok(content.len())
    };
    let header = format!("<?php\n/* Plugin Name: Bench\n * Version: {megabytes}.0\n */\n");
    file("bench/bench.php", header.as_bytes())?;
    // Hexadecimal digits of hashes: incompressible but for their alphabet, so half of what is written remains.
    let mut written = 0;
    for number in 0.. {
        if written >= megabytes * 2_000_000 {
            break;
        }
        let digits = (0..256).map(|part| hex::encode(Sha256::digest(format!("{number} {part}"))));
        let content = format!("<?php\n// {}\n", digits.collect::<String>());
        let name = format!("bench/inc/{}/{number}.php", number / 100);
        written += file(&name, content.as_bytes())?;
    }
    let zip = zip.finish()?.into_inner();
    let folder = fleet.join("packages");
    fs::create_dir_all(&folder)?;
    fs::write(folder.join(format!("bench-{megabytes}.zip")), &zip)?;
    let sha256 = hex::encode(Sha256::digest(&zip));
    Ok(format!(
        "plugins: [{{slug: bench, version: \"{megabytes}.0\", sha256: \"{sha256}\", source: packages/bench-{megabytes}.zip}}]"
    ))
}

/// Takes the tenant away.
pub(super) fn remove(fleet: &Path, tenant: &str) -> Result<()> {
    Ok(fs::remove_dir_all(fleet.join("tenants").join(tenant))?)
}
