//! The real binary, run as a person or a workflow runs it: nothing of this process's environment but PATH and HOME.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use localcloud::proxy::Filter;
use serde_json::Value;
use tokio::process::{Child, Command};

use crate::artifacts;

/// Far above what any verb takes; a run that hangs must end the test.
const LIMIT: Duration = Duration::from_secs(600);

/// The name under which a runner's requests are told apart from the story's own, unless it is given another.
const APP_ID: &str = "bbws-runner";

/// How to run it.
#[derive(Debug, Clone)]
pub struct Bbws {
    binary: PathBuf,
    fleet: PathBuf,
    variables: BTreeMap<&'static str, String>,
    app_id: String,
}

impl Bbws {
    /// On a fleet, with the AWS settings of an environment.
    ///
    /// # Errors
    /// The binary was not built.
    pub fn new(fleet: &Path, variables: BTreeMap<&'static str, String>) -> Result<Self> {
        Ok(Self {
            binary: artifacts::binary()?,
            fleet: fleet.to_owned(),
            variables,
            app_id: APP_ID.to_owned(),
        })
    }

    /// The program itself.
    #[must_use]
    pub fn binary(&self) -> &Path {
        &self.binary
    }

    /// The same under a name of its own, so that its requests are told apart from other runs'.
    #[must_use]
    pub fn named(mut self, name: &str) -> Self {
        self.app_id = format!("{APP_ID}-{name}-run");
        self
    }

    /// Chooses the requests of the runs that this starts; without a name of its own, those of all runs.
    #[must_use]
    pub fn requests(&self) -> Filter {
        Filter {
            user_agent: Some(format!("app/{}", self.app_id)),
            ..Filter::default()
        }
    }

    /// Of these, the requests of one operation, by the name that its service signs with.
    #[must_use]
    pub fn requests_of(&self, service: &str, operation: &str) -> Filter {
        Filter {
            service: Some(service.to_owned()),
            operation: Some(operation.to_owned()),
            ..self.requests()
        }
    }

    /// Starts it without waiting.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn start(&self, arguments: &[&str]) -> Result<Running> {
        let mut command = Command::new(&self.binary);
        command
            .env_clear()
            .envs(&self.variables)
            .env("AWS_SDK_UA_APP_ID", &self.app_id)
            .env("BBWS_FLEET", &self.fleet);
        for kept in ["PATH", "HOME"] {
            if let Some(value) = std::env::var_os(kept) {
                command.env(kept, value);
            }
        }
        let child = command
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot start {}", self.binary.display()))?;
        Ok(Running {
            child,
            command: format!("bbws {}", arguments.join(" ")),
        })
    }

    /// Runs it to its end, whatever that is.
    ///
    /// # Errors
    /// It cannot be started, or does not end.
    pub async fn run(&self, arguments: &[&str]) -> Result<Outcome> {
        self.start(arguments)?.outcome().await
    }

    /// Runs it and expects exit code 0.
    ///
    /// # Errors
    /// Any other end.
    pub async fn succeed(&self, arguments: &[&str]) -> Result<Outcome> {
        self.run(arguments).await?.expect_code(0)
    }

    /// What `plan` of `dev` says is to change.
    ///
    /// # Errors
    /// No plan can be made.
    pub async fn plan(&self) -> Result<Vec<Drift>> {
        self.planned(&[]).await
    }

    /// The same when it also looks into databases.
    ///
    /// # Errors
    /// No plan can be made.
    pub async fn plan_deep(&self) -> Result<Vec<Drift>> {
        self.planned(&["--deep"]).await
    }

    async fn planned(&self, more: &[&str]) -> Result<Vec<Drift>> {
        let usual = ["plan", "--env", "dev", "--json", "--detailed-exitcode"];
        let outcome = self.run(&[&usual, more].concat()).await?;
        let drifts = outcome.drifts()?;
        // The exit code is a contract: it must say the same as the plan.
        outcome.expect_code(if drifts.is_empty() { 0 } else { 2 })?;
        Ok(drifts)
    }

    /// Expects that nothing is left to do.
    ///
    /// # Errors
    /// There is, or no plan can be made.
    pub async fn plan_is_empty(&self) -> Result<()> {
        let drifts = self.plan().await?;
        anyhow::ensure!(drifts.is_empty(), "the plan should be empty: {drifts:#?}");
        Ok(())
    }
}

/// A run under way; killed when it is dropped.
#[derive(Debug)]
pub struct Running {
    child: Child,
    command: String,
}

impl Running {
    /// Waits for its end.
    ///
    /// # Errors
    /// It does not end.
    pub async fn outcome(self) -> Result<Outcome> {
        let Self { child, command } = self;
        let Ok(output) = tokio::time::timeout(LIMIT, child.wait_with_output()).await else {
            bail!("`{command}` has not ended after {} s", LIMIT.as_secs());
        };
        let output = output?;
        Ok(Outcome {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
            command,
        })
    }

    /// Waits until it has ended by itself.
    ///
    /// # Errors
    /// The system's.
    pub async fn ended(&mut self) -> Result<()> {
        self.child.wait().await?;
        Ok(())
    }

    /// SIGKILL: it gets no chance to tidy up. Whether it was still running.
    ///
    /// # Errors
    /// The system's.
    pub async fn kill(mut self) -> Result<bool> {
        let running = self.child.try_wait()?.is_none();
        self.child.kill().await?;
        Ok(running)
    }
}

/// How a run ended.
#[derive(Debug)]
pub struct Outcome {
    /// None if a signal ended it.
    pub code: Option<i32>,
    /// Results.
    pub stdout: String,
    /// Narration.
    pub stderr: String,
    command: String,
}

impl Outcome {
    /// Expects this exit code.
    ///
    /// # Errors
    /// Another one; the error holds all that the run said.
    pub fn expect_code(self, code: i32) -> Result<Self> {
        if self.code != Some(code) {
            bail!(
                "`{}` should exit with {code}, not {:?}\n--- stdout\n{}\n--- stderr\n{}",
                self.command,
                self.code,
                self.stdout,
                self.stderr
            );
        }
        Ok(self)
    }

    /// The JSON on standard output.
    ///
    /// # Errors
    /// It is none, or not of schema version 1.
    pub fn json(&self) -> Result<Value> {
        let value: Value = serde_json::from_str(&self.stdout).with_context(|| {
            format!(
                "`{}` printed no JSON\n--- stdout\n{}\n--- stderr\n{}",
                self.command, self.stdout, self.stderr
            )
        })?;
        anyhow::ensure!(
            value["schema_version"] == 1,
            "an unknown form of JSON: {value}"
        );
        Ok(value)
    }

    /// The changes of a plan.
    ///
    /// # Errors
    /// It is not a plan.
    pub fn drifts(&self) -> Result<Vec<Drift>> {
        let json = self.json()?;
        let changes = json.pointer("/result/changes").and_then(Value::as_array);
        let changes =
            changes.with_context(|| format!("not a plan: {json}\n--- stderr\n{}", self.stderr))?;
        Ok(changes.iter().map(Drift::read).collect())
    }

    /// `tenant/resource` of every entry of a list (`changed`, `failed`, `skipped`) of an apply's or a destroy's report.
    ///
    /// # Errors
    /// It is not such a report.
    pub fn items(&self, list: &str) -> Result<BTreeSet<String>> {
        let json = self.json()?;
        let items = json["result"][list]
            .as_array()
            .with_context(|| format!("no list {list} in {json}"))?;
        Ok(items
            .iter()
            .map(|item| format!("{}/{}", text(&item["tenant"]), text(&item["resource"])))
            .collect())
    }
}

/// One change of a plan, as far as stories look.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Drift {
    /// Whose.
    pub tenant: String,
    /// The kind of resource.
    pub resource: String,
    /// `create`, `update`, `replace`, `delete`.
    pub action: String,
    /// Why.
    pub reason: String,
    /// The paths of the fields.
    pub fields: Vec<String>,
}

impl Drift {
    fn read(change: &Value) -> Self {
        let fields = change["fields"]
            .as_array()
            .map(Vec::as_slice)
            .unwrap_or_default();
        Self {
            tenant: text(&change["tenant"]),
            resource: text(&change["resource"]),
            action: text(&change["action"]),
            reason: text(&change["reason"]),
            fields: fields.iter().map(|field| text(&field["path"])).collect(),
        }
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
