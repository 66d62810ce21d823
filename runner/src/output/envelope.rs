//! The JSON that `--json` prints: one object on stdout, of one form for every verb.
//!
//! `{"schema_version": 1, "command": "plan", "exit_code": 0, "result": {…}}`, or `"error": {…}` in place of `result`.
//! Fields may be added within a version; none changes its meaning or goes away without a new one.

use serde::Serialize;
use serde_json::{Value, json};

use crate::cli::{CliError, ExitCode};

/// The version of the JSON output.
pub const SCHEMA_VERSION: u32 = 1;

/// The envelope of a verb's result.
#[must_use]
pub fn result(command: &str, exit: ExitCode, result: &impl Serialize) -> Value {
    json!({
        "schema_version": SCHEMA_VERSION,
        "command": command,
        "exit_code": exit.code(),
        "result": result,
    })
}

/// The envelope of a verb that failed.
#[must_use]
pub fn failure(command: &str, error: &CliError) -> Value {
    json!({
        "schema_version": SCHEMA_VERSION,
        "command": command,
        "exit_code": error.exit.code(),
        "error": {
            "message": error.message,
            "causes": error.causes(),
            "next": error.next,
        },
    })
}
