//! A job from request to outcome and exit code.

use std::{env, future::Future};

use aws_sdk_s3::primitives::ByteStream;
use serde::Serialize;
use tokio::signal::unix::{SignalKind, signal};

use crate::{
    aws::{self, Aws},
    code, database,
    export::{self, Export},
    leaks, load,
    log::{self, Level},
    protocol::{
        ExitCode, Failure, FailureCode, Installed, Outcome, REQUEST_VARIABLE, Request, Settings,
        TenantResult, VERSION, Work,
    },
    trial, wipe, wordpress,
};

/// Where the tenant's access point is mounted.
pub const UPLOADS: &str = "/srv/uploads";

/// Does the work that the environment asks for and returns the exit code. Everything a human needs is in the log. The
/// outcome goes to S3, or with `print` to standard output, as one line.
pub fn main(print: bool) -> ExitCode {
    let request = match env::var(REQUEST_VARIABLE)
        .map_err(|e| e.to_string())
        .and_then(|text| parse(&text))
    {
        Ok(request) => request,
        Err(error) => {
            log::line(
                "job",
                Level::Error,
                None,
                &format!("{REQUEST_VARIABLE}: {error}"),
            );
            return ExitCode::BadRequest;
        }
    };
    let runtime = match tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            log::line(
                "job",
                Level::Error,
                Some(&request.id),
                &format!("starting the runtime: {error}"),
            );
            return ExitCode::Failed;
        }
    };
    runtime.block_on(run(request, print))
}

fn parse(text: &str) -> Result<Request, String> {
    let request: Request = serde_json::from_str(text).map_err(|error| error.to_string())?;
    if request.version == VERSION {
        Ok(request)
    } else {
        Err(format!(
            "version {} is not {VERSION}, which this image speaks",
            request.version
        ))
    }
}

async fn run(request: Request, print: bool) -> ExitCode {
    let id = Some(request.id.as_str());
    let aws = Aws::from_environment().await;
    let results = tokio::select! {
        results = work(&request, &aws) => results,
        () = told_to_stop() => vec![result(tenant(), Err::<(), _>(Failure::new(
            FailureCode::Interrupted,
            "the task was told to stop before the work was done; it can be repeated",
        )))],
    };
    for failed in results.iter().filter(|result| !result.ok) {
        let reason = failed
            .error
            .as_ref()
            .map_or("", |error| error.message.as_str());
        log::line(
            "job",
            Level::Error,
            id,
            &format!("{}: {reason}", failed.tenant),
        );
    }
    let ok = results.iter().all(|result| result.ok);
    let outcome = Outcome {
        version: VERSION,
        id: request.id.clone(),
        ok,
        results,
    };
    let code = ExitCode::of(&outcome);
    let stored = if print {
        show(&outcome)
    } else {
        store(&request, &aws, &outcome).await
    };
    match stored {
        Ok(()) => {
            log::line(
                "job",
                Level::Info,
                id,
                if ok {
                    "done"
                } else {
                    "failed; the outcome says why"
                },
            );
            code
        }
        Err(error) => {
            let outcome = serde_json::to_string(&outcome).unwrap_or_default();
            log::line(
                "job",
                Level::Error,
                id,
                &format!("{error}; the outcome was {outcome}"),
            );
            ExitCode::StorageFailed
        }
    }
}

async fn work(request: &Request, aws: &Aws) -> Vec<TenantResult> {
    match &request.work {
        Work::EnsureDatabases { tenants } => {
            let names = tenants.iter().map(|t| t.tenant.clone()).collect();
            let admin = database::connect_admin().await;
            each(names, admin, async |admin, at| {
                database::ensure(admin, aws, &tenants[at]).await
            })
            .await
        }
        Work::DropDatabases { tenants } => {
            let names = tenants.iter().map(|t| t.tenant.clone()).collect();
            let admin = database::connect_admin().await;
            each(names, admin, async |admin, at| {
                database::remove(admin, &tenants[at]).await
            })
            .await
        }
        Work::Inspect { tenants } => {
            let names = tenants.iter().map(|t| t.tenant.clone()).collect();
            let admin = database::connect_admin().await;
            each(names, admin, async |admin, at| {
                database::inspect(admin, &tenants[at]).await
            })
            .await
        }
        Work::Install {
            settings,
            try_pages,
            try_leaks,
        } => one(install(settings, *try_pages, *try_leaks, aws)).await,
        Work::Export { prefix } => {
            let export = Export {
                s3: &aws.s3,
                bucket: &request.bucket,
                prefix,
                tenant: &tenant(),
                environment: &request.environment,
                uploads: UPLOADS.as_ref(),
            };
            one(export::export(&export)).await
        }
        Work::Load(load) => one(load::load(load, &tenant(), aws)).await,
        Work::Switch { run } => one(load::switch(run)).await,
        Work::SwitchBack { run } => one(load::switch_back(run)).await,
        Work::Settle => one(load::settle()).await,
        Work::Lift => one(load::lift()).await,
        Work::Wipe => one(async { wipe::wipe(UPLOADS.as_ref()) }).await,
    }
}

/// The site's own plugins and themes are tried here, where no visitor is.
async fn install(
    settings: &Settings,
    try_pages: bool,
    try_leaks: bool,
    aws: &Aws,
) -> Result<Installed, Failure> {
    let code = code::wanted()?;
    if let Some(code) = &code {
        code::prepare(code, &aws.s3).await?;
    }
    let mut installed = wordpress::install(settings).await?;
    if code.is_some() || try_pages {
        trial::run().await?;
    }
    if try_leaks {
        installed.leak_test = Some(leaks::run().await?);
    }
    Ok(installed)
}

/// One tenant after the other over one connection: what fails for one says nothing of the next.
async fn each<T: Serialize>(
    tenants: Vec<String>,
    admin: Result<mysql_async::Conn, Failure>,
    mut act: impl AsyncFnMut(&mut mysql_async::Conn, usize) -> Result<T, Failure>,
) -> Vec<TenantResult> {
    let mut admin = match admin {
        Ok(admin) => admin,
        Err(failure) => {
            return tenants
                .into_iter()
                .map(|t| result(t, Err::<(), _>(failure.clone())))
                .collect();
        }
    };
    let mut results = Vec::with_capacity(tenants.len());
    for (at, tenant) in tenants.into_iter().enumerate() {
        let done = act(&mut admin, at).await;
        results.push(result(tenant, done));
    }
    results
}

async fn one<T: Serialize>(work: impl Future<Output = Result<T, Failure>>) -> Vec<TenantResult> {
    vec![result(tenant(), work.await)]
}

fn tenant() -> String {
    env::var("BBWS_TENANT").unwrap_or_default()
}

fn result(tenant: String, done: Result<impl Serialize, Failure>) -> TenantResult {
    match done {
        Ok(data) => TenantResult {
            tenant,
            ok: true,
            error: None,
            data: serde_json::to_value(data).unwrap_or(serde_json::Value::Null),
        },
        Err(error) => TenantResult {
            tenant,
            ok: false,
            error: Some(error),
            data: serde_json::Value::Null,
        },
    }
}

async fn store(request: &Request, aws: &Aws, outcome: &Outcome) -> Result<(), String> {
    let body = serde_json::to_vec(outcome).map_err(|error| error.to_string())?;
    aws.s3
        .put_object()
        .bucket(&request.bucket)
        .key(&request.outcome_key)
        .content_type("application/json")
        .body(ByteStream::from(body))
        .send()
        .await
        .map(drop)
        .map_err(|error| {
            format!(
                "writing s3://{}/{}: {}",
                request.bucket,
                request.outcome_key,
                aws::describe(&error)
            )
        })
}

fn show(outcome: &Outcome) -> Result<(), String> {
    let mut line = serde_json::to_vec(outcome).map_err(|error| error.to_string())?;
    line.push(b'\n');
    log::raw(&line);
    Ok(())
}

/// Completes when the platform asks the task to stop. As process 1 there is no default action for these signals.
async fn told_to_stop() {
    match (
        signal(SignalKind::terminate()),
        signal(SignalKind::interrupt()),
    ) {
        (Ok(mut terminate), Ok(mut interrupt)) => {
            tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
        }
        _ => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_of_another_version_is_refused_by_name() {
        let text = r#"{"version":2,"id":"j","environment":"dev","bucket":"b","outcome_key":"k","work":{"kind":"wipe"}}"#;
        assert!(parse(text).unwrap_err().contains("version 2 is not 1"));
        assert!(parse(&text.replace("\"version\":2", "\"version\":1")).is_ok());
    }
}
