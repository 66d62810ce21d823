//! The sites of the demo's cloud: what they are, whether they answer, and how to reach the account that holds them.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use clap::Args;
use localcloud::State;
use serde_json::{Value, json};

use crate::http;
use crate::programs::{Programs, output};
use crate::stages::Stages;

/// The name of the cloud that `demo` starts.
pub(crate) const CLOUD: &str = "demo";
/// Healthy tasks answer at once; this covers a busy machine.
const ANSWERS: Duration = Duration::from_secs(120);

/// Print the variables with which `bbws` and other AWS clients act on the demo's cloud.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  eval \"$(cargo xtask env)\" && bbws plan --env dev\n  cargo xtask env prod"
)]
pub(crate) struct EnvArgs {
    /// The environment whose account to act in.
    #[arg(default_value = "dev")]
    environment: String,
}

/// Print the password of a site's administrator, from Secrets Manager of the demo's cloud.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  cargo xtask password acme")]
pub(crate) struct PasswordArgs {
    /// The tenant.
    tenant: String,
    /// The environment.
    #[arg(long, default_value = "dev")]
    env: String,
}

/// A site as `bbws status` tells it.
#[derive(Debug)]
pub(crate) struct Site {
    pub(crate) tenant: String,
    pub(crate) url: String,
}

impl Site {
    /// The host name in the URL, without a port.
    pub(crate) fn host(&self) -> &str {
        let rest = self
            .url
            .split_once("://")
            .map_or(self.url.as_str(), |(_, rest)| rest);
        rest.split(['/', ':']).next().unwrap_or(rest)
    }
}

/// The demo's cloud.
///
/// # Errors
/// When it does not run.
pub(crate) fn running() -> Result<State> {
    let state = localcloud::background::status(CLOUD)?.filter(|state| state.ready);
    state.context("the local cloud does not run: `cargo xtask demo` starts it")
}

/// Prints the variables.
pub(crate) fn env(args: &EnvArgs) -> Result<ExitCode> {
    let lines = exports(&running()?, &args.environment, &Programs::find()?)?;
    print(&lines);
    Ok(ExitCode::SUCCESS)
}

/// `export` lines for a shell. `bbws` is put on its path too.
pub(crate) fn exports(state: &State, environment: &str, programs: &Programs) -> Result<String> {
    let variables = state.environment(environment).with_context(|| {
        let known: Vec<_> = state
            .options
            .accounts
            .iter()
            .map(|account| account.environment.as_str())
            .collect();
        format!(
            "the local cloud has no environment {environment}; it has {}",
            known.join(", ")
        )
    })?;
    let mut lines: Vec<String> = variables
        .into_iter()
        .map(|(name, value)| format!("export {name}={value}"))
        .collect();
    lines.push(format!(
        "export PATH=\"{}:$PATH\"",
        programs.folder.display()
    ));
    Ok(lines.join("\n"))
}

/// Prints the password on stdout, and whose it is on stderr.
pub(crate) async fn password(args: &PasswordArgs) -> Result<ExitCode> {
    let state = running()?;
    let account = state
        .options
        .accounts
        .iter()
        .find(|account| account.environment == args.env);
    let account =
        account.with_context(|| format!("the local cloud has no environment {}", args.env))?;
    let name = secret_name(&args.env, &args.tenant);
    let request = json!({"SecretId": name});
    let answer = http::aws_json(
        &state.endpoint,
        &account.id,
        "secretsmanager.GetSecretValue",
        &request,
    )
    .await;
    let answer = answer.with_context(|| {
        format!(
            "cannot read the secret {name}; is there a site {}?",
            args.tenant
        )
    })?;
    let secret: Value = serde_json::from_str(answer["SecretString"].as_str().unwrap_or_default())?;
    let field = |field: &str| {
        secret[field]
            .as_str()
            .with_context(|| format!("the secret {name} has no {field}"))
    };
    eprintln!("password of {} (secret {name}):", field("admin_user")?);
    print(field("admin_password")?);
    Ok(ExitCode::SUCCESS)
}

/// Where a site's administrator's password is.
pub(crate) fn secret_name(environment: &str, tenant: &str) -> String {
    format!("bbws/{environment}/{tenant}/wordpress")
}

/// The environment's sites, as `bbws status` reads them from AWS.
pub(crate) async fn list(
    programs: &Programs,
    state: &State,
    environment: &str,
) -> Result<Vec<Site>> {
    let mut status = programs.bbws(&programs.root, Some((state, environment)))?;
    status.args(["status", "--env", environment, "--json"]);
    let answer: Value = serde_json::from_slice(&output(status).await?)?;
    let sites = answer["result"]["sites"]
        .as_array()
        .context("`bbws status` lists no sites")?;
    let text = |site: &Value, field: &str| {
        site[field]
            .as_str()
            .map(str::to_owned)
            .with_context(|| format!("`bbws status` shows a site without {field}"))
    };
    sites
        .iter()
        .map(|site| {
            Ok(Site {
                tenant: text(site, "tenant")?,
                url: text(site, "url")?,
            })
        })
        .collect()
}

/// Waits until the front page answers 200.
pub(crate) async fn await_front_page(stages: &Stages, port: u16, site: &Site) -> Result<()> {
    let began = Instant::now();
    let mut said = String::new();
    loop {
        let seen = match http::page_status(port, site.host()).await {
            Ok(200) => return Ok(()),
            Ok(status) => format!("answers {status}"),
            Err(error) => format!("does not answer: {error:#}"),
        };
        if began.elapsed() > ANSWERS {
            bail!("{} {seen}, even after {} s", site.url, ANSWERS.as_secs());
        }
        if seen != said {
            stages.say(format_args!("{} {seen}", site.url));
            said = seen;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

#[expect(clippy::print_stdout, reason = "results belong on stdout")]
pub(crate) fn print(text: &str) {
    println!("{text}");
}

#[cfg(test)]
mod tests {
    use super::Site;

    #[test]
    fn the_host_of_a_url_has_neither_scheme_nor_port() {
        for url in [
            "http://acme.dev.localhost:8080/",
            "https://acme.dev.localhost",
            "acme.dev.localhost/x",
        ] {
            assert_eq!(
                Site {
                    tenant: String::new(),
                    url: url.to_owned()
                }
                .host(),
                "acme.dev.localhost"
            );
        }
    }
}
