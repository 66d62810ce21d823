//! `bbws capacity`: how many more tenants an environment can take.

use super::scope::{environment, refused};
use super::{CliError, ExitCode, Global};
use crate::manifest::EnvironmentName;
use crate::output;
use crate::plan::Input;
use crate::resource::Room;
use crate::session::{Scope, Session};
use serde::Serialize;

/// Shows how many more tenants each cell of an environment can take, and what binds. Changes nothing.
///
/// Sites of manifests that AWS holds nothing of yet count as if they were there. Connections are those of all PHP workers of
/// the fewest tasks, busy at once; one more site is taken for as large as the largest there is.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  bbws capacity --env prod
  bbws capacity --env prod --json | jq .result.left")]
pub(super) struct Args {
    /// The environment.
    #[arg(long, value_name = "NAME")]
    env: EnvironmentName,
}

/// The JSON result.
#[derive(Serialize)]
struct Capacity<'a> {
    environment: &'a str,
    /// How many more tenants fit into all cells.
    left: u32,
    cells: &'a [Room],
}

/// Prints it.
pub(super) async fn run(global: &Global, args: Args) -> Result<ExitCode, CliError> {
    let fleet = super::fleet(global)?;
    let environment = environment(&fleet, &args.env)?;
    let session = Session::open(&fleet, environment).await?;
    let inventory = session.read().await;
    let scope = Scope::default();
    let input: Input<'_> = session.input(&scope, &inventory);
    let unreadable = input.unknown();
    if !unreadable.is_empty() {
        return Err(refused(&unreadable, &environment.name));
    }
    let cells = &inventory.placement.rooms;
    let left = cells.iter().map(Room::left).sum();
    if global.json {
        let capacity = Capacity {
            environment: environment.name.as_str(),
            left,
            cells,
        };
        output::print(output::result("capacity", ExitCode::Done, &capacity));
    } else {
        let heading = ["CELL", "LIMIT", "USED", "OF", "MORE SITES", ""].map(str::to_owned);
        let rows = cells.iter().flat_map(rows);
        output::print(output::table(std::iter::once(heading).chain(rows)));
        let more = output::count(left as usize, "more site");
        output::print(format_args!("{more} fit into {}", environment.name));
    }
    Ok(ExitCode::Done)
}

fn rows(room: &Room) -> Vec<[String; 6]> {
    let walls = room.walls.iter();
    walls
        .map(|wall| {
            let binds = if wall == room.binds() { "binds" } else { "" };
            [
                room.cell.clone(),
                wall.resource.to_owned(),
                wall.used.to_string(),
                wall.limit.to_string(),
                wall.left().to_string(),
                binds.to_owned(),
            ]
        })
        .collect()
}
