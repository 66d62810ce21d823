//! `cargo xtask bench image`: our image beside the two that one would build first, in one run.
//!
//! All three hold the same WordPress and speak to the same MySQL server, each with a database of its own and the same
//! content. Only one is under load at a time; rounds are interleaved, so that what else the machine does hits all alike.

mod contestant;
mod engine;
mod load;
mod report;

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use localcloud::prerequisites;

use crate::programs::Programs;
use crate::sites;
use crate::stages::{Stages, seconds};
use contestant::{ALL, Contestant, Kind, Prepared};
use engine::Engine;
use report::{Report, Round};

/// Makes the load; its own cost is small beside a page's.
const LOAD: (&str, &[&str]) = ("wrk", &["wrk"]);
const AGAIN: &str =
    "mend what the lines above say, then run `cargo xtask bench image` again: it begins anew";

/// Measure the image beside plain Apache with mod_php and plain nginx with PHP-FPM.
///
/// Requests per second and the 99th percentile of the front page, uncached and cached, and of an administrator's page; the
/// time from start to the first page; memory; sizes. Builds the two plain images from tests/bench/.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  cargo xtask bench image
  cargo xtask bench image --rounds 9 --seconds 10
  cargo xtask bench image --json > bench.json")]
pub(crate) struct ImageArgs {
    /// How often each is measured.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u8).range(1..=100))]
    rounds: u8,
    /// How long each load lasts, in seconds.
    #[arg(long, default_value_t = 6, value_parser = clap::value_parser!(u8).range(1..=120))]
    seconds: u8,
    /// Measure an image that is there already instead of building it: the tag of bbws/wordpress.
    #[arg(long)]
    tag: Option<String>,
    /// Print the result as JSON.
    #[arg(long)]
    json: bool,
}

/// Measures and prints. What it started is removed, also when it is interrupted; the images stay for the next run.
pub(super) async fn run(args: &ImageArgs) -> Result<ExitCode> {
    let (programs, stages) = (Programs::find()?, Stages::new());
    let ready = async {
        prerequisites::ensure_with(&[LOAD]).await?;
        prerequisites::prepare().await
    };
    stages
        .run("check this machine's programs", AGAIN, ready)
        .await?;
    let image = match &args.tag {
        Some(tag) => format!("bbws/wordpress:{tag}"),
        None => build(&programs, &stages).await?,
    };
    let plain = contestant::build_plain(&programs.root, &image);
    stages.run("build the plain images", AGAIN, plain).await?;
    let engine = Engine::begin();
    let outcome = tokio::select! {
        outcome = measure(args, &stages, &engine, &image) => outcome,
        _ = tokio::signal::ctrl_c() => Err(anyhow::anyhow!("interrupted")),
    };
    engine.end().await?;
    let report = outcome?;
    sites::print(&if args.json {
        serde_json::to_string_pretty(&report)?
    } else {
        report.text()
    });
    Ok(ExitCode::SUCCESS)
}

async fn build(programs: &Programs, stages: &Stages) -> Result<String> {
    let all = programs.build();
    stages
        .run("build bbws, site-job and the tests", AGAIN, all)
        .await?;
    crate::image::build(programs, stages, AGAIN).await
}

async fn measure(
    args: &ImageArgs,
    stages: &Stages,
    engine: &Engine,
    image: &str,
) -> Result<Report> {
    let network = stages
        .run("start the database", AGAIN, engine.prepare())
        .await?;
    let mut running = Vec::new();
    for kind in ALL {
        let contestant = Contestant::new(kind, image);
        let prepared = contestant.prepare(engine, &network);
        let prepared = stages.run(kind.name(), AGAIN, prepared).await?;
        running.push(prepared);
    }
    let mut report = Report::new(image, args.rounds, args.seconds);
    for prepared in &running {
        report.sizes(prepared.contestant.size().await?);
    }
    for round in 1..=args.rounds {
        stages.say(format_args!(
            "round {round} of {}, load average {}",
            args.rounds,
            load_average()
        ));
        for at in 0..running.len() {
            // Whoever begins changes from round to round.
            let at = (at + usize::from(round)) % running.len();
            let figures = one(&running[at], engine, args.seconds).await?;
            stages.say(format_args!(
                "  {}: first page {}, uncached {:.0}/s",
                running[at].contestant.name(),
                seconds(figures.first_page),
                figures.uncached.per_second
            ));
            report.add(at, figures);
        }
    }
    Ok(report)
}

/// Starts a contestant afresh and measures everything of it once.
async fn one(prepared: &Prepared, engine: &Engine, seconds: u8) -> Result<Round> {
    let (first_page, at) = prepared.start(engine).await?;
    let visitor = prepared.visitor(at);
    // A comment's author has a cookie with which no page comes from a cache.
    let author = "comment_author_0123=Bench";
    // Workers start and code is compiled: what is measured is the time after.
    load::warm(&visitor, "/", Some(author)).await;
    let idle = engine.memory(&prepared.container).await?;
    let before = engine.processor(&prepared.container).await?;
    let uncached = load::run(&visitor, "/", Some(author), seconds).await?;
    let after = engine.processor(&prepared.container).await?;
    let loaded = engine.memory(&prepared.container).await?;
    let cached = match prepared.contestant.kind {
        Kind::Ours => {
            load::warm(&visitor, "/", None).await;
            Some(load::run(&visitor, "/", None, seconds).await?)
        }
        // They keep no pages: it would be the same figure again.
        Kind::Apache | Kind::Nginx => None,
    };
    let cookies = prepared.log_in(at).await?;
    let page = "/wp-admin/edit.php";
    load::warm(&visitor, page, Some(&cookies)).await;
    let admin = load::run(&visitor, page, Some(&cookies), seconds).await?;
    prepared.stop().await?;
    Ok(Round {
        first_page,
        uncached,
        processor: (after - before) / uncached.requests,
        cached,
        admin,
        idle,
        loaded,
        load_average: load_average(),
    })
}

/// Of the last minute: what else the machine does.
fn load_average() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().unwrap_or("?").to_owned()
}
