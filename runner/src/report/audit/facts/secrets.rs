//! How old the environment's secrets are. Their values are not read.

use super::Read;
use crate::cloud::Cloud;
use crate::report::secrets::{Dates, describe, list};
use futures::future::try_join_all;
use time::OffsetDateTime;

/// A secret.
#[derive(Clone, Debug)]
pub(in super::super) struct Aged {
    pub(in super::super) name: String,
    /// When its value was last changed; none where AWS does not tell.
    pub(in super::super) changed: Option<OffsetDateTime>,
    /// Whether RDS made it and rotates it by itself.
    pub(in super::super) of_rds: bool,
}

/// Those of sites, and each cell's two.
pub(super) async fn read(cloud: &Cloud) -> Read<Vec<Aged>> {
    let prefix = format!("bbws/{}/", cloud.foundation.environment);
    let cells = cloud.foundation.cells.iter();
    let cells = cells.map(|cell| async {
        let admin = &cell.database.admin_secret_arn;
        let (admin, origin) = tokio::try_join!(
            describe(cloud, admin),
            describe(cloud, &cell.origin_secret_arn)
        )?;
        let name = |what| format!("cell {}: {what}", cell.name);
        Ok([
            aged(name("administrator"), &admin, true),
            aged(name("origin header"), &origin, false),
        ])
    });
    let (listed, cells) = tokio::try_join!(list(cloud, &prefix), try_join_all(cells))?;
    let of_cells = format!("{prefix}cells/");
    let sites = listed.into_iter().filter(|(name, dates)| {
        // What waits for its deletion opens nothing any more.
        dates.deleted.is_none() && !name.starts_with(&of_cells)
    });
    let sites = sites.map(|(name, dates)| aged(name, &dates, false));
    Ok(cells.into_iter().flatten().chain(sites).collect())
}

fn aged(name: String, dates: &Dates, of_rds: bool) -> Aged {
    let changed = dates.changed;
    Aged {
        name,
        changed: changed.and_then(|at| OffsetDateTime::from_unix_timestamp(at.secs()).ok()),
        of_rds,
    }
}
