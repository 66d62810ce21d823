//! `site-job`: the one program of ours inside the image. Argument parsing and exit codes, nothing else.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use site_job::{
    doctor, healthcheck, job,
    log::{self, Level},
    serve, tend,
};

/// The program inside the WordPress image: serves the site, answers health checks, does a job's work.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Start PHP-FPM and nginx and run until told to stop. The container's default command.
    Serve {
        /// Answer requests alone, as a job does that tries the site: no scheduled work.
        #[arg(long, hide = true)]
        only_requests: bool,
    },
    /// Do the work that the environment variable BBWS_JOB asks for.
    ///
    /// Writes an outcome to S3, or prints it. Exit codes: 0 done; 1 failed otherwise; 10 some tenants failed, see the outcome; 11 bad
    /// request; 12 database unreachable; 13 secret unreadable; 14 storage failed.
    #[command(verbatim_doc_comment)]
    Run {
        /// Print the outcome instead of writing it to S3; for work that needs nothing of AWS.
        #[arg(long)]
        print: bool,
    },
    /// Say how this container is: for somebody inside, where there is no shell.
    ///
    /// One line a check; exit code 1 when one failed. Changes nothing.
    Doctor,
    /// Keep the page cache fresh and run scheduled work, beside the web server (what `serve` starts)
    #[command(hide = true)]
    Tend,
    /// Ask this container's web server for a page; exit code 0 when it answers 200.
    Healthcheck {
        /// The page: /healthz asks PHP, /readyz the database too.
        #[arg(default_value = "/healthz")]
        path: String,
        /// The web server's port.
        #[arg(long, default_value_t = 8080)]
        port: u16,
    },
}

fn main() -> ExitCode {
    match Arguments::parse().verb {
        Verb::Serve { only_requests } => match serve::serve(!only_requests) {
            Ok(true) => ExitCode::SUCCESS,
            Ok(false) => ExitCode::FAILURE,
            Err(error) => {
                log::line("init", Level::Error, None, &format!("{error:#}"));
                ExitCode::FAILURE
            }
        },
        Verb::Run { print } => ExitCode::from(job::main(print) as u8),
        Verb::Doctor => examine(),
        Verb::Tend => match tend::tend() {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                log::line("tend", Level::Error, None, &format!("{error:#}"));
                ExitCode::FAILURE
            }
        },
        Verb::Healthcheck { path, port } => match healthcheck::status(port, &path) {
            Ok(200) => ExitCode::SUCCESS,
            Ok(status) => {
                log::line(
                    "healthcheck",
                    Level::Error,
                    None,
                    &format!("{path} answered {status}"),
                );
                ExitCode::FAILURE
            }
            Err(error) => {
                log::line(
                    "healthcheck",
                    Level::Error,
                    None,
                    &format!("{path}: {error}"),
                );
                ExitCode::FAILURE
            }
        },
    }
}

#[expect(
    clippy::print_stdout,
    reason = "results of the command belong on stdout"
)]
fn examine() -> ExitCode {
    let checks = doctor::examine();
    for check in &checks {
        println!("{check}");
    }
    if checks.iter().all(doctor::Check::ok) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
