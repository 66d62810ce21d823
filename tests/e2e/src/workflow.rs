//! The repository's own workflows, run step by step as a runner of GitHub's runs them, as far as they use what GitHub offers: their
//! command lines come from the YAML, and from nowhere else. What this does not know of a workflow is an error.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::Command;

/// A machine of GitHub's: a checkout, and what a job finds in its environment.
#[derive(Debug)]
pub struct Runner {
    /// The checkout. The step that would make it finds it.
    pub checkout: PathBuf,
    /// What every step's environment has.
    pub variables: BTreeMap<&'static str, String>,
    /// What expressions see: `github`, `inputs`, `matrix`, `vars`.
    pub context: Value,
}

/// How a job ended.
#[derive(Debug)]
pub struct Job {
    /// The exit code of each step that ran commands, by name.
    pub codes: BTreeMap<String, i32>,
    /// The actions that were used and not run here.
    pub actions: Vec<String>,
    /// What its steps wrote to GITHUB_OUTPUT.
    pub outputs: BTreeMap<String, String>,
    /// All that the steps printed.
    pub log: String,
}

impl Job {
    /// Whether GitHub would show it green.
    #[must_use]
    pub fn succeeded(&self) -> bool {
        self.codes.values().all(|code| *code == 0)
    }
}

/// What a job's steps share.
struct Machine<'a> {
    runner: &'a Runner,
    temp: TempDir,
    job: Job,
}

impl Runner {
    /// Runs a job of `.github/workflows/<name>.yml` of this repository.
    ///
    /// # Errors
    /// There is no such job, or it uses what is not known here.
    pub async fn run(&self, name: &str, job: &str) -> Result<Job> {
        let workflow = yaml(&repository(&format!(".github/workflows/{name}.yml")))?;
        let job = &workflow["jobs"][job];
        let steps = job["steps"].as_array().context("the job has no steps")?;
        let mut machine = Machine {
            runner: self,
            temp: TempDir::new()?,
            job: Job {
                codes: BTreeMap::new(),
                actions: Vec::new(),
                outputs: BTreeMap::new(),
                log: String::new(),
            },
        };
        for step in steps {
            machine.step(step, &job["env"], &self.context).await?;
        }
        Ok(machine.job)
    }
}

impl Machine<'_> {
    async fn step(&mut self, step: &Value, env: &Value, context: &Value) -> Result<()> {
        let wanted = match step["if"].as_str() {
            None => self.job.succeeded(),
            Some("always()") => true,
            Some("inputs.role != ''") => {
                self.job.succeeded()
                    && context["inputs"]["role"]
                        .as_str()
                        .is_some_and(|role| !role.is_empty())
            }
            Some(other) => bail!("the condition {other:?} is not known here"),
        };
        if !wanted {
            return Ok(());
        }
        match (step["uses"].as_str(), step["run"].as_str()) {
            (Some(local), None) if local.starts_with("./") => {
                self.composite(local, step, context).await
            }
            (Some(action), None) => {
                let known = ["actions/checkout@", "actions/upload-artifact@"];
                ensure!(
                    known.iter().any(|name| action.starts_with(name)),
                    "{action} is not known here"
                );
                self.job.actions.push(action.to_owned());
                Ok(())
            }
            (None, Some(script)) => {
                let name = step["name"].as_str().context("a step without a name")?;
                let mut variables = evaluated(env, context)?;
                variables.extend(evaluated(&step["env"], context)?);
                self.script(name, script, &variables).await
            }
            _ => bail!("a step of another kind: {step}"),
        }
    }

    async fn composite(&mut self, path: &str, step: &Value, context: &Value) -> Result<()> {
        let file = self.runner.checkout.join(path).join("action.yml");
        let action = yaml(&file)?;
        let mut inputs = json!({});
        for (name, input) in action["inputs"].as_object().into_iter().flatten() {
            let given = step["with"].get(name).unwrap_or(&input["default"]);
            inputs[name] = evaluate(given.as_str().unwrap_or_default(), context)?.into();
        }
        let mut inner = context.clone();
        inner["inputs"] = inputs;
        let steps = action["runs"]["steps"].as_array().context("no steps")?;
        for step in steps {
            Box::pin(self.step(step, &Value::Null, &inner)).await?;
        }
        Ok(())
    }

    async fn script(
        &mut self,
        name: &str,
        script: &str,
        variables: &BTreeMap<String, String>,
    ) -> Result<()> {
        ensure!(
            !script.contains("${{"),
            "{name}: an expression inside of a command line"
        );
        let file = |name: &str| self.temp.path().join(name);
        let text = |name: &str| std::fs::read_to_string(file(name)).unwrap_or_default();
        let mut command = Command::new("bash");
        command
            .args(["--noprofile", "--norc", "-e", "-c", script])
            .current_dir(&self.runner.checkout)
            .env_clear()
            .envs(&self.runner.variables)
            .env("RUNNER_TEMP", self.temp.path())
            .env("GITHUB_ENV", file("env"))
            .env("GITHUB_PATH", file("path"))
            .env("GITHUB_OUTPUT", file("output"))
            .env("GITHUB_STEP_SUMMARY", file("summary"))
            .stdin(Stdio::null())
            .kill_on_drop(true);
        let mut path = std::env::var("PATH").unwrap_or_default();
        for folder in text("path").lines() {
            path = format!("{folder}:{path}");
        }
        command.env("PATH", path);
        for line in text("env").lines() {
            let (key, value) = line.split_once('=').context("no line of GITHUB_ENV")?;
            command.env(key, value);
        }
        let output = command.envs(variables).output().await?;
        for line in text("output").lines() {
            let (key, value) = line.split_once('=').context("no line of GITHUB_OUTPUT")?;
            self.job.outputs.insert(key.to_owned(), value.to_owned());
        }
        let said = [output.stdout, output.stderr].concat();
        self.job.log += &format!("## {name}\n{}\n", String::from_utf8_lossy(&said));
        let code = output.status.code().context("ended by a signal")?;
        self.job.codes.insert(name.to_owned(), code);
        Ok(())
    }
}

fn evaluated(env: &Value, context: &Value) -> Result<BTreeMap<String, String>> {
    let pairs = env.as_object().into_iter().flatten();
    pairs
        .map(|(key, value)| {
            let value = value
                .as_str()
                .with_context(|| format!("{key} is no text"))?;
            Ok((key.clone(), evaluate(value, context)?))
        })
        .collect()
}

/// A text, or one expression that is a path into the context.
fn evaluate(text: &str, context: &Value) -> Result<String> {
    let Some(inner) = text
        .strip_prefix("${{")
        .and_then(|rest| rest.strip_suffix("}}"))
    else {
        ensure!(!text.contains("${{"), "{text:?} is not known here");
        return Ok(text.to_owned());
    };
    let pointer = format!("/{}", inner.trim().replace('.', "/"));
    let value = context.pointer(&pointer);
    match value.with_context(|| format!("{text} is not known here"))? {
        Value::String(text) => Ok(text.clone()),
        other => Ok(other.to_string()),
    }
}

fn yaml(file: &Path) -> Result<Value> {
    let text = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
    serde_saphyr::from_str(&text).with_context(|| file.display().to_string())
}

/// A path in this repository.
#[must_use]
pub fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .join(path)
}
