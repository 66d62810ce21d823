//! Which files a fleet has, and which it should not have. Reads folders only, never a file's content.

use std::fs;
use std::path::Path;

use super::finding::{Finding, Rule};
use super::suggest;
use super::{EnvironmentName, TenantId};

const TENANT_FILE: &str = "tenant.yaml";
const ENVIRONMENT_FILE: &str = "environment.yaml";

/// The manifests of a fleet by their place, in order of their names. Paths are relative to the fleet's root.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Every environment's folder, and its manifest when there is one.
    pub(super) environments: Vec<(EnvironmentName, Option<String>)>,
    pub(super) tenants: Vec<FoundTenant>,
}

#[derive(Debug)]
pub(super) struct FoundTenant {
    pub(super) id: TenantId,
    pub(super) manifest: Option<String>,
    pub(super) sites: Vec<(EnvironmentName, String)>,
}

/// Looks through `environments/` and `tenants/` below `root`.
pub(super) fn discover(root: &Path, findings: &mut Vec<Finding>) -> Found {
    let mut walk = Walk { root, findings };
    let mut found = Found::default();
    walk.environments(&mut found);
    walk.tenants(&mut found);
    found
}

struct Walk<'a> {
    root: &'a Path,
    findings: &'a mut Vec<Finding>,
}

struct Entry {
    name: String,
    path: String,
    is_folder: bool,
}

impl Walk<'_> {
    fn environments(&mut self, found: &mut Found) {
        if !self.root.join("environments").is_dir() {
            self.report(
                "environments".to_owned(),
                Rule::MissingFile,
                "there is no folder `environments` here".to_owned(),
                "run bbws at the root of a fleet, or name it with `--fleet DIR`".to_owned(),
            );
            return;
        }
        for entry in self.list("environments") {
            // Terraform modules that the environments share live beside them.
            if entry.is_folder && entry.name == "modules" {
                continue;
            }
            if !entry.is_folder {
                if is_yaml(&entry.name) {
                    self.unexpected(
                        entry.path,
                        "an environment is a folder with an `environment.yaml` in it".to_owned(),
                    );
                }
                continue;
            }
            let Some(name) = self.folder_name::<EnvironmentName>(&entry) else {
                continue;
            };
            // An environment's folder also holds its Terraform root, which is none of our business.
            let path = format!("{}/{ENVIRONMENT_FILE}", entry.path);
            let exists = self.root.join(&path).is_file();
            if !exists {
                self.report(
                    path.clone(),
                    Rule::MissingFile,
                    format!("environment `{name}` has no `{ENVIRONMENT_FILE}`"),
                    "add the file (`bbws schema environment` tells its keys), or remove the folder"
                        .to_owned(),
                );
            }
            found.environments.push((name, exists.then_some(path)));
        }
    }

    fn tenants(&mut self, found: &mut Found) {
        if !self.root.join("tenants").is_dir() {
            return;
        }
        let known: Vec<EnvironmentName> = found
            .environments
            .iter()
            .map(|(name, _)| name.clone())
            .collect();
        for entry in self.list("tenants") {
            if !entry.is_folder {
                if !is_note(&entry.name) {
                    self.unexpected(
                        entry.path,
                        "a tenant is a folder with a `tenant.yaml` in it".to_owned(),
                    );
                }
                continue;
            }
            let Some(id) = self.folder_name::<TenantId>(&entry) else {
                continue;
            };
            let tenant = self.tenant(id, &entry.path, &known);
            found.tenants.push(tenant);
        }
    }

    fn tenant(&mut self, id: TenantId, folder: &str, known: &[EnvironmentName]) -> FoundTenant {
        let mut tenant = FoundTenant {
            id,
            manifest: None,
            sites: Vec::new(),
        };
        for entry in self.list(folder) {
            if is_note(&entry.name) && !entry.is_folder {
                continue;
            }
            let stem = entry
                .name
                .strip_suffix(".yaml")
                .filter(|_| !entry.is_folder);
            match (stem, stem.map(str::parse::<EnvironmentName>)) {
                (Some("tenant"), _) => tenant.manifest = Some(entry.path),
                // A name of no environment is the rules' business, unless it looks like a slip for `tenant`.
                (Some(stem), Some(Ok(environment)))
                    if known.contains(&environment)
                        || suggest::closest(stem, ["tenant"]).is_none() =>
                {
                    tenant.sites.push((environment, entry.path));
                }
                _ => {
                    let help = unexpected_help(&entry.name, entry.is_folder);
                    self.unexpected(entry.path, help);
                }
            }
        }
        if tenant.manifest.is_none() {
            self.report(
                format!("{folder}/{TENANT_FILE}"),
                Rule::MissingFile,
                format!("tenant `{}` has no `{TENANT_FILE}`", tenant.id),
                "add the file with `version: 1` and the organization's `name:`".to_owned(),
            );
        }
        tenant
    }

    /// The entries of a folder in order of their names; hidden ones don't count.
    fn list(&mut self, folder: &str) -> Vec<Entry> {
        let read = match fs::read_dir(self.root.join(folder)) {
            Ok(read) => read,
            Err(error) => {
                self.unreadable(folder, &error);
                return Vec::new();
            }
        };
        let mut entries = Vec::new();
        for item in read {
            let item = match item {
                Ok(item) => item,
                Err(error) => {
                    self.unreadable(folder, &error);
                    continue;
                }
            };
            let name = item.file_name().to_string_lossy().into_owned();
            if name.starts_with('.') {
                continue;
            }
            let path = format!("{folder}/{name}");
            match item.file_type() {
                Ok(kind) if kind.is_symlink() => {
                    self.unexpected(
                        path,
                        "put the file itself here: symbolic links are not followed".to_owned(),
                    );
                }
                Ok(kind) => entries.push(Entry {
                    name,
                    path,
                    is_folder: kind.is_dir(),
                }),
                Err(error) => self.unreadable(&path, &error),
            }
        }
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        entries
    }

    fn folder_name<T: std::str::FromStr<Err = super::InvalidName>>(
        &mut self,
        entry: &Entry,
    ) -> Option<T> {
        match entry.name.parse() {
            Ok(name) => Some(name),
            Err(error) => {
                self.report(
                    entry.path.clone(),
                    Rule::InvalidValue,
                    format!("the folder's name `{}` {}", entry.name, error.problem),
                    error.help,
                );
                None
            }
        }
    }

    fn unexpected(&mut self, path: String, help: String) {
        let name = path.rsplit('/').next().unwrap_or(&path);
        let message = format!("`{name}` has no meaning here");
        self.report(path, Rule::UnexpectedFile, message, help);
    }

    fn unreadable(&mut self, path: &str, error: &std::io::Error) {
        self.report(
            path.to_owned(),
            Rule::UnreadableFile,
            format!("could not be read: {error}"),
            "make it readable for the user who runs bbws".to_owned(),
        );
    }

    fn report(&mut self, file: String, rule: Rule, message: String, help: String) {
        self.findings
            .push(Finding::on_file(file, rule, message, help));
    }
}

fn unexpected_help(name: &str, is_folder: bool) -> String {
    if is_folder {
        return "a tenant's folder holds files only: `tenant.yaml` and one `<environment>.yaml` a site".to_owned();
    }
    if let Some(stem) = name.strip_suffix(".yml") {
        return format!("rename it to `{stem}.yaml`");
    }
    match suggest::closest(name, [TENANT_FILE]) {
        Some(near) => format!("did you mean `{near}`?"),
        None => {
            "a tenant's folder holds `tenant.yaml` and one `<environment>.yaml` a site".to_owned()
        }
    }
}

/// Notes for people may lie anywhere.
fn is_note(name: &str) -> bool {
    name.ends_with(".md")
}

fn is_yaml(name: &str) -> bool {
    name.ends_with(".yaml") || name.ends_with(".yml")
}
