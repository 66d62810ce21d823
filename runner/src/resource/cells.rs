//! Which cell a new site goes to, and how many more each cell can take. Pure.
//!
//! A site that AWS holds anything of stays where that is, whatever the numbers say: nothing is moved silently.

use super::{Found, Inventory, Kind};
use crate::manifest::{CellChoice, Site, TenantId};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// Target groups of one load balancer. AWS does not raise it: it is why there are cells.
/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-limits.html>
const TARGET_GROUPS: u32 = 100;
/// Rules of one load balancer, without default rules; AWS raises it on request (same page).
const RULES: u32 = 100;
/// Access points of one file system. <https://docs.aws.amazon.com/efs/latest/ug/limits.html>
const ACCESS_POINTS: u32 = 10_000;
/// Tables that RDS advises one MySQL instance to stay under.
/// <https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/CHAP_BestPractices.html>
const TABLES: u32 = 10_000;
/// Tables of a WordPress with a few plugins; bare it has 12.
const TABLES_OF_A_SITE: u32 = 40;
/// Bytes of an instance's memory for each connection that RDS allows: the default of `max_connections`.
const BYTES_OF_A_CONNECTION: u64 = 12_582_880;
/// MiB of a task for each PHP worker, and so for each connection when all are busy.
const MEMORY_OF_A_WORKER: u32 = 100;
/// A warning comes when this many more sites, or fewer, fit.
const FEW: u32 = 5;

/// One limit of a cell.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Wall {
    /// What is counted.
    pub resource: &'static str,
    /// How many there are.
    pub used: u32,
    /// How many there can be.
    pub limit: u32,
    /// How many one more site takes.
    pub each: u32,
    /// Whether AWS refuses to go beyond; otherwise it is advice, or can be raised.
    pub hard: bool,
}

impl Wall {
    /// How many more sites fit.
    #[must_use]
    pub fn left(&self) -> u32 {
        self.limit.saturating_sub(self.used) / self.each.max(1)
    }
}

/// How full a cell is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Room {
    /// The cell's name.
    pub cell: String,
    /// Sites in it, those that are to come included.
    pub sites: u32,
    /// Its limits.
    pub walls: Vec<Wall>,
}

impl Room {
    /// The limit that is reached first.
    #[must_use]
    pub fn binds(&self) -> &Wall {
        let tightest = self.walls.iter().min_by_key(|wall| wall.left());
        tightest.expect("every cell has limits")
    }

    /// How many more sites fit before anything binds.
    #[must_use]
    pub fn left(&self) -> u32 {
        self.binds().left()
    }

    fn is_full(&self) -> bool {
        self.walls.iter().any(|wall| wall.hard && wall.left() == 0)
    }

    fn take(&mut self, site: Option<&Site>) {
        self.sites += 1;
        for wall in &mut self.walls {
            wall.used += match (wall.resource, site) {
                (CONNECTIONS, Some(site)) => connections(site),
                _ => wall.each,
            };
        }
    }
}

const CONNECTIONS: &str = "database connections";

/// Connections of a site when all workers of its fewest tasks are busy.
fn connections(site: &Site) -> u32 {
    site.tasks.min * (site.memory / MEMORY_OF_A_WORKER).max(1)
}

/// Where the sites of an environment are, or are to be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Placement {
    /// The cell of each site that AWS holds nothing of yet.
    pub new: BTreeMap<TenantId, String>,
    /// New sites that no cell has room for.
    pub homeless: BTreeSet<TenantId>,
    /// How full each cell is with them.
    pub rooms: Vec<Room>,
}

/// Places the sites that are new, in the order of their tenants, each into the cell with the most room.
#[must_use]
pub fn place(
    names: &[&str],
    choices: &[CellChoice],
    sites: &BTreeMap<TenantId, &Site>,
    inventory: &Inventory,
) -> Placement {
    let each = sites.values().map(|site| connections(site)).max();
    let mut rooms: Vec<_> = names
        .iter()
        .map(|name| empty(name, choices, each.unwrap_or(MEMORY_OF_A_WORKER)))
        .collect();
    let mut new = Vec::new();
    let tenants: BTreeSet<_> = inventory.found.keys().chain(sites.keys()).collect();
    for tenant in tenants {
        let site = sites.get(tenant).copied();
        let home = inventory.found.get(tenant).and_then(cell_of);
        match rooms.iter_mut().find(|room| Some(&*room.cell) == home) {
            Some(room) => room.take(site),
            None => new.extend(site.map(|site| (tenant, site))),
        }
    }
    let mut placement = Placement::default();
    for (tenant, site) in new {
        let open = rooms.iter_mut().filter(|room| !room.is_full());
        // The first of equals: `max_by_key` would take the last.
        match open.rev().max_by_key(|room| room.left()) {
            Some(room) => {
                room.take(Some(site));
                placement.new.insert(tenant.clone(), room.cell.clone());
            }
            None => {
                placement.homeless.insert(tenant.clone());
            }
        }
    }
    placement.rooms = rooms;
    placement
}

/// The cell that what was found of a tenant is in. Everything carries the tag; the database decides.
pub(crate) fn cell_of(found: &BTreeMap<Kind, Found>) -> Option<&str> {
    let database = found.get(&Kind::DatabaseSecret);
    let database = database.and_then(|found| found.attributes.get("cell"));
    database
        .map(String::as_str)
        .or_else(|| found.values().find_map(tag))
}

fn tag(found: &Found) -> Option<&str> {
    found.fields.pointer("/tags/bbws:cell")?.as_str()
}

fn empty(name: &str, choices: &[CellChoice], connections: u32) -> Room {
    let wall = |resource, limit, each, hard| Wall {
        resource,
        used: 0,
        limit,
        each,
        hard,
    };
    let mut walls = vec![
        wall("target groups", TARGET_GROUPS, 1, true),
        wall("listener rules", RULES, 1, false),
        wall("access points", ACCESS_POINTS, 1, true),
        wall("database tables", TABLES, TABLES_OF_A_SITE, false),
    ];
    let choice = choices.iter().find(|choice| choice.name.as_str() == name);
    let memory = choice.and_then(|choice| memory(choice.database_class.as_str()));
    walls.extend(memory.map(|bytes| {
        let limit = u32::try_from(bytes / BYTES_OF_A_CONNECTION).unwrap_or(u32::MAX);
        wall(CONNECTIONS, limit, connections, false)
    }));
    Room {
        cell: name.to_owned(),
        sites: 0,
        walls,
    }
}

/// Bytes of memory of an instance class, for the families that MySQL is usually run on.
/// <https://aws.amazon.com/rds/instance-types/>
fn memory(class: &str) -> Option<u64> {
    let (family, size) = class.strip_prefix("db.")?.split_once('.')?;
    let large = match family.chars().next()? {
        't' | 'm' => 8,
        'r' => 16,
        _ => return None,
    };
    let gibibytes = match size {
        "micro" => 1,
        "small" => 2,
        "medium" => 4,
        "large" => large,
        "xlarge" => large * 2,
        _ => large * 2 * size.strip_suffix("xlarge")?.parse::<u64>().ok()?,
    };
    Some(gibibytes << 30)
}

impl Placement {
    /// What people should know of where `tenants` go: each cell that gets some, and why; each that is nearly full.
    #[must_use]
    pub(crate) fn notes(&self, tenants: &BTreeSet<TenantId>) -> Vec<String> {
        let mut notes = Vec::new();
        for room in &self.rooms {
            let new: Vec<_> = self
                .new
                .iter()
                .filter(|(tenant, cell)| **cell == room.cell && tenants.contains(*tenant))
                .map(|(tenant, _)| tenant.as_str())
                .collect();
            if !new.is_empty() && self.rooms.len() > 1 {
                let others = self.rooms.iter().filter(|other| other.cell != room.cell);
                let others: Vec<_> = others.map(described).collect();
                notes.push(format!(
                    "Cell {}: {}; it has the most room ({}; without them {})",
                    room.cell,
                    new.join(", "),
                    described(room),
                    others.join("; ")
                ));
            }
            if !new.is_empty() && room.left() <= FEW {
                let wall = room.binds();
                notes.push(format!(
                    "Warning: cell {} then has room for {} more: {} {} of {}; add a cell to the environment's foundation",
                    room.cell,
                    room.left(),
                    wall.used,
                    wall.resource,
                    wall.limit,
                ));
            }
        }
        notes
    }
}

fn described(room: &Room) -> String {
    let wall = room.binds();
    format!(
        "{} left in {}, by {}",
        room.left(),
        room.cell,
        wall.resource
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resource::sample::site;
    use serde_json::json;

    fn choice(name: &str, class: &str) -> CellChoice {
        CellChoice {
            name: name.parse().unwrap(),
            database_class: class.parse().unwrap(),
            database_storage: 20,
            database_standby: crate::manifest::Standby::None,
        }
    }

    fn tenant(number: u32) -> TenantId {
        format!("tenant-{number:03}").parse().unwrap()
    }

    /// A fleet whose first `placed` sites are in cell a.
    fn fleet(placed: u32) -> Inventory {
        let mut inventory = Inventory::default();
        for number in 1..=placed {
            let found = Found {
                tenant: tenant(number),
                id: "group".to_owned(),
                fields: json!({"tags": {"bbws:cell": "a"}}),
                attributes: BTreeMap::new(),
            };
            let found = BTreeMap::from([(Kind::TargetGroup, found)]);
            inventory.found.insert(tenant(number), found);
        }
        inventory
    }

    fn placed(existing: u32, all: u32, cells: &[&str]) -> Placement {
        let site = site();
        let sites = (1..=all).map(|number| (tenant(number), &site)).collect();
        let choices: Vec<_> = cells
            .iter()
            .map(|name| choice(name, "db.r6g.xlarge"))
            .collect();
        place(cells, &choices, &sites, &fleet(existing))
    }

    /// Given a cell with 100 sites, when a second cell is there, then it takes the 101st, and the plan says why.
    #[test]
    fn a_second_cell_takes_the_101st_tenant() {
        let placement = placed(100, 101, &["a", "b"]);
        assert_eq!(placement.new[&tenant(101)], "b");
        let notes = placement.notes(&BTreeSet::from([tenant(101)]));
        assert_eq!(
            notes,
            [
                "Cell b: tenant-101; it has the most room (99 left in b, by target groups; without them 0 left in a, by target \
                 groups)"
            ]
        );
    }

    #[test]
    fn without_a_second_cell_the_101st_has_no_home_and_the_99th_is_warned_of() {
        assert!(placed(100, 101, &["a"]).homeless.contains(&tenant(101)));
        let placement = placed(98, 99, &["a"]);
        let notes = placement.notes(&BTreeSet::from([tenant(99)]));
        assert!(
            notes[0]
                .starts_with("Warning: cell a then has room for 1 more: 99 target groups of 100"),
            "{notes:?}"
        );
    }

    /// What exists stays where it is, however full; new sites spread evenly, and the same way every time.
    #[test]
    fn new_sites_go_where_the_most_room_is() {
        let placement = placed(10, 20, &["a", "b"]);
        let count = |cell: &str| {
            placement
                .rooms
                .iter()
                .find(|room| room.cell == cell)
                .unwrap()
                .sites
        };
        assert_eq!((count("a"), count("b")), (10, 10));
        assert!(!placement.new.contains_key(&tenant(1)));
        assert_eq!(placement, placed(10, 20, &["a", "b"]));
    }

    /// <https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/CHAP_Limits.html>: about 170 connections for 2 GiB.
    #[test]
    fn a_small_database_binds_first() {
        let site = site();
        let sites = BTreeMap::from([(tenant(1), &site)]);
        let placement = place(&["a"], &[choice("a", "db.t4g.small")], &sites, &fleet(0));
        let wall = placement.rooms[0].binds();
        assert_eq!(
            (wall.resource, wall.used, wall.limit),
            (CONNECTIONS, 5, 170)
        );
        assert_eq!(memory("db.m7g.2xlarge"), Some(32 << 30));
        assert_eq!(memory("db.x2g.large"), None);
    }
}
