//! `bbws promote history`: what was promoted into a site.

use crate::cli::scope::environment;
use crate::cli::{CliError, ExitCode, Global};
use crate::cloud::Cloud;
use crate::manifest::{EnvironmentName, Fleet, TenantId};
use crate::output;
use crate::promote::{self, Record};
use serde::Serialize;
use time::format_description::well_known::Rfc3339;

#[derive(Serialize)]
struct History {
    promotions: Vec<Record>,
}

pub(super) async fn show(
    global: &Global,
    fleet: &Fleet,
    tenant: &TenantId,
    env: &EnvironmentName,
) -> Result<ExitCode, CliError> {
    let cloud = Cloud::connect(environment(fleet, env)?).await?;
    let promotions = promote::history(&cloud, tenant).await?;
    if global.json {
        output::print(output::result(
            "promote history",
            ExitCode::Done,
            &History { promotions },
        ));
        return Ok(ExitCode::Done);
    }
    let heading = ["RUN", "FROM", "CONTENT", "STATE", "ENDED", "BY"].map(str::to_owned);
    let rows = promotions.iter().map(|record| {
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
            ended
                .and_then(|at| at.format(&Rfc3339).ok())
                .unwrap_or_else(|| "-".to_owned()),
            record.holder.clone(),
        ]
    });
    output::print(output::table(std::iter::once(heading).chain(rows)));
    Ok(ExitCode::Done)
}
