//! `bbws promote history`: what was promoted into a site, and the ends of its quarantines.

use crate::cli::scope::environment;
use crate::cli::{CliError, ExitCode, Global};
use crate::cloud::Cloud;
use crate::manifest::{EnvironmentName, Fleet, TenantId};
use crate::output;
use crate::promote::{self, Lift, Record};
use serde::Serialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

#[derive(Serialize)]
struct History {
    promotions: Vec<Record>,
    lifts: Vec<Lift>,
}

pub(super) async fn show(
    global: &Global,
    fleet: &Fleet,
    tenant: &TenantId,
    env: &EnvironmentName,
) -> Result<ExitCode, CliError> {
    let cloud = Cloud::connect(environment(fleet, env)?).await?;
    let (promotions, lifts) = tokio::try_join!(
        promote::history(&cloud, tenant),
        promote::lifts(&cloud, tenant)
    )?;
    if global.json {
        output::print(output::result(
            "promote history",
            ExitCode::Done,
            &History { promotions, lifts },
        ));
        return Ok(ExitCode::Done);
    }
    let heading = ["RUN", "FROM", "CONTENT", "STATE", "ENDED", "BY"].map(str::to_owned);
    let promotions = promotions.iter().map(row);
    // Run ids sort by time.
    let mut rows: Vec<_> = promotions.chain(lifts.iter().map(row_of_lift)).collect();
    rows.sort();
    output::print(output::table(std::iter::once(heading).chain(rows)));
    Ok(ExitCode::Done)
}

fn row(record: &Record) -> [String; 6] {
    let from = match &record.order.undoes {
        Some(run) => format!("undo of {run}"),
        None => record.order.from.to_string(),
    };
    let ended = record
        .attempts
        .iter()
        .filter_map(|attempt| attempt.ended)
        .max();
    let state = match &record.reason {
        Some(reason) => format!(
            "{}: {}",
            record.state,
            reason.lines().next().unwrap_or_default()
        ),
        None => record.state.to_string(),
    };
    [
        record.run.clone(),
        from,
        record.order.content.to_string(),
        state,
        at(ended),
        record.holder.clone(),
    ]
}

fn row_of_lift(lift: &Lift) -> [String; 6] {
    let state = match lift.was_quarantined {
        Some(true) => "quarantine lifted",
        Some(false) => "was not quarantined",
        None => "unfinished",
    };
    [
        lift.run.clone(),
        "lift".to_owned(),
        "-".to_owned(),
        state.to_owned(),
        at(lift.ended),
        lift.holder.clone(),
    ]
}

fn at(time: Option<OffsetDateTime>) -> String {
    time.and_then(|at| at.format(&Rfc3339).ok())
        .unwrap_or_else(|| "-".to_owned())
}
