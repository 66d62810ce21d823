//! The versioned JSON that verbs print, as it is read here: a contract, apart from the inside.

use super::GithubError;
use crate::output::SCHEMA_VERSION;
use crate::plan::Fingerprint;
use crate::report::Amount;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;

/// What a verb printed: a result, or the error that it ended with.
#[derive(Debug, Deserialize)]
pub struct Printed<T> {
    schema_version: u32,
    /// The verb.
    pub command: String,
    /// How it ended.
    pub exit_code: u8,
    /// None when it failed.
    pub result: Option<T>,
    /// Why it failed.
    pub error: Option<Failure>,
}

/// Why a verb failed.
#[derive(Clone, Debug, Deserialize)]
pub struct Failure {
    /// What was attempted, and what went wrong.
    pub message: String,
    /// What to do.
    pub next: Option<String>,
}

/// `bbws plan --json`.
#[derive(Clone, Debug, Deserialize)]
pub struct Plan {
    /// Where.
    pub environment: String,
    /// Resources.
    pub to_add: usize,
    /// Resources.
    pub to_change: usize,
    /// Resources.
    pub to_destroy: usize,
    /// `nothing_to_do`, `ready`, `frozen` or `on_hold`.
    pub verdict: String,
    /// What git froze.
    pub freeze: Option<Stop>,
    /// In order of tenant and dependency.
    pub changes: Vec<Change>,
    /// Sites with a hold.
    pub left_alone: Vec<LeftAlone>,
    /// Tenants whose tasks are replaced.
    pub waves: Vec<Vec<String>>,
    /// What whoever approves should know.
    pub notes: Vec<String>,
    /// Of the month's bill.
    pub monthly_difference: Option<Amount>,
    /// Of the sites that differ.
    pub sites: BTreeMap<String, Site>,
    /// What the plan would do, in one word a tenant.
    pub fingerprint: Fingerprint,
}

/// A freeze or a hold.
#[derive(Clone, Debug, Deserialize)]
pub struct Stop {
    /// Why.
    pub reason: String,
    /// Where it is said.
    pub place: Place,
}

/// A line of a manifest.
#[derive(Clone, Debug, Deserialize)]
pub struct Place {
    /// Of the fleet.
    pub file: String,
    /// From 1.
    pub line: usize,
}

/// One resource.
#[derive(Clone, Debug, Deserialize)]
pub struct Change {
    /// Whose.
    pub tenant: String,
    /// What.
    pub resource: String,
    /// `create`, `update`, `replace` or `delete`.
    pub action: String,
    /// Why.
    pub reason: String,
    /// From what to what.
    pub fields: Vec<Field>,
}

/// One field.
#[derive(Clone, Debug, Deserialize)]
pub struct Field {
    /// Dotted.
    pub path: String,
    /// In AWS.
    pub before: Option<Value>,
    /// By the manifest.
    pub after: Option<Value>,
}

/// A site that differs and is not changed.
#[derive(Clone, Debug, Deserialize)]
pub struct LeftAlone {
    /// Whose.
    pub tenant: String,
    /// Why.
    pub hold: Stop,
    /// What would change.
    pub changes: Vec<Change>,
}

/// Where a site is.
#[derive(Clone, Debug, Deserialize)]
pub struct Site {
    /// None when no manifest names it.
    pub url: Option<String>,
    /// Its manifest, if it has one.
    pub manifest: Option<Manifest>,
}

/// A site's manifest.
#[derive(Clone, Debug, Deserialize)]
pub struct Manifest {
    /// Of the fleet.
    pub file: String,
    /// Of its top-level keys.
    pub lines: BTreeMap<String, usize>,
}

/// `bbws apply --json`.
#[derive(Clone, Debug, Deserialize)]
pub struct Run {
    /// Where.
    pub environment: String,
    /// Made.
    pub changed: Vec<Item>,
    /// Not made, with the reason.
    pub failed: Vec<Item>,
    /// Never begun.
    pub skipped: Vec<Item>,
    /// From first to last.
    pub seconds: f64,
    /// Of the sites that were to change.
    pub sites: BTreeMap<String, Site>,
}

/// One resource of a run.
#[derive(Clone, Debug, Deserialize)]
pub struct Item {
    /// Whose.
    pub tenant: String,
    /// What.
    pub resource: String,
    /// How.
    pub action: String,
    /// Why not.
    pub error: Option<String>,
    /// What to do.
    pub next: Option<String>,
}

/// `bbws doctor --json` and `bbws audit --json`.
#[derive(Clone, Debug, Deserialize)]
pub struct Checks {
    /// Each of one thing.
    pub checks: Vec<Checked>,
}

/// What a check says of one thing.
#[derive(Clone, Debug, Deserialize)]
pub struct Checked {
    /// Which check.
    pub check: String,
    /// The thing.
    pub subject: String,
    /// `pass`, `finding` or `unreadable`.
    pub verdict: String,
    /// What was found, or why nothing was.
    pub found: String,
    /// What to do.
    pub fix: String,
}

/// Reads what one of the verbs `commands` printed into `file`.
///
/// # Errors
/// The file system's; it is no such JSON.
pub fn read<T: DeserializeOwned>(
    file: &Path,
    commands: &[&str],
) -> Result<Printed<T>, GithubError> {
    let named = |ending: &str| {
        let each = commands.iter().map(|verb| format!("`bbws {verb}{ending}`"));
        each.collect::<Vec<_>>().join(" or ")
    };
    let failed = |reason: String| GithubError::File {
        file: file.display().to_string(),
        reason,
    };
    let text = std::fs::read(file).map_err(|error| failed(error.to_string()))?;
    let printed: Printed<T> = serde_json::from_slice(&text)
        .map_err(|error| failed(format!("not what {} prints: {error}", named(" --json"))))?;
    match (
        printed.schema_version,
        commands.contains(&printed.command.as_str()),
    ) {
        (SCHEMA_VERSION, true) => Ok(printed),
        (SCHEMA_VERSION, false) => Err(failed(format!(
            "holds the result of `bbws {}`, not of {}",
            printed.command,
            named("")
        ))),
        (other, _) => Err(failed(format!(
            "is of schema version {other}; this bbws reads {SCHEMA_VERSION}"
        ))),
    }
}
