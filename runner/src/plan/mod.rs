//! The difference between what manifests ask for and what AWS holds, as data. Pure: no clock, no network, no chance.

mod adopt;
mod cost;
mod diff;
mod fingerprint;
mod refusal;
mod stop;
mod waves;

pub use adopt::{Adopted, adopt};
pub use diff::{FieldChange, differences};
pub use fingerprint::Fingerprint;
pub use refusal::Refusal;
pub use stop::{LeftAlone, Verdict};

use crate::cloud::{Foundation, Secret};
use crate::code::{Judgement, judge};
use crate::manifest::{Freeze, Hold, Lines, Moment, Rollout, Site, TenantId};
use crate::report::Amount;
use crate::resource::{
    ALL, Context, Found, Inventory, Kind, Revision, TenantRef, cell_of, desired,
};
use serde::Serialize;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

/// What is to happen to one resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Op {
    /// It does not exist yet.
    Create,
    /// It exists and differs.
    Update,
    /// It exists, and what differs can only be changed by making another.
    Replace,
    /// It should not exist.
    Delete,
}

impl Op {
    /// As plans show it.
    #[must_use]
    pub fn symbol(self) -> &'static str {
        match self {
            Self::Create => "+",
            Self::Update => "~",
            Self::Replace => "-/+",
            Self::Delete => "-",
        }
    }

    /// As JSON names it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Replace => "replace",
            Self::Delete => "delete",
        }
    }
}

/// Why a change is in the plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Nothing of this site exists yet.
    NewSite,
    /// Other parts of the site exist, this one does not: it was deleted, or a run stopped half way.
    Missing,
    /// AWS holds something else than the manifest asks for.
    Differs,
    /// Only because a resource that it refers to changes.
    Follows,
    /// No manifest names this tenant in this environment any more.
    TenantRemoved,
    /// `destroy` was asked for.
    Requested,
    /// Another resource has taken its place.
    Superseded,
}

impl Reason {
    /// As plans show it.
    #[must_use]
    pub fn text(&self) -> &'static str {
        match self {
            Self::NewSite => "new site",
            Self::Missing => "missing in AWS",
            Self::Differs => "differs from the manifest",
            Self::Follows => "follows a change it depends on",
            Self::TenantRemoved => "no manifest names this tenant",
            Self::Requested => "destroy was asked for",
            Self::Superseded => "superseded",
        }
    }
}

/// One resource that is to change.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Change {
    /// Whose.
    pub tenant: TenantId,
    /// What.
    pub kind: Kind,
    /// How.
    pub op: Op,
    /// Why.
    pub reason: Reason,
    /// AWS's id of what exists.
    pub id: Option<String>,
    /// Which fields, from what, to what.
    pub fields: Vec<FieldChange>,
}

/// Where a site is, for whoever reads of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Address {
    /// None where no manifest names it any more.
    pub url: Option<String>,
    /// None where it has none any more.
    pub manifest: Option<Lines>,
}

/// Everything that is to change in one environment, tenant by tenant, dependencies first.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Plan {
    /// The environment's name.
    pub environment: String,
    /// In order of tenant and dependency.
    pub changes: Vec<Change>,
    /// Sites whose tasks are replaced, wave by wave; each starts when all of the one before are healthy.
    pub waves: Vec<Vec<TenantId>>,
    /// Sites that stay on a revision whatever their release says.
    pub held: BTreeMap<TenantId, Revision>,
    /// Why none of this may be carried out.
    pub freeze: Option<Freeze>,
    /// Sites that differ, and whose manifests have a hold.
    pub left_alone: Vec<LeftAlone>,
    /// Which cells new sites go to where there is a choice, and which are nearly full.
    pub notes: Vec<String>,
    /// Where the sites that differ are.
    pub sites: BTreeMap<TenantId, Address>,
    /// Sites to be destroyed whose manifests had said so before, and when their grace ends.
    pub scheduled: BTreeMap<TenantId, Moment>,
    /// What it adds to the month's bill; none where no price is known.
    pub monthly: Option<Amount>,
}

impl Plan {
    /// How many resources are added, changed (replaced ones included), and destroyed.
    #[must_use]
    pub fn counts(&self) -> (usize, usize, usize) {
        let count = |ops: &[Op]| self.changes.iter().filter(|c| ops.contains(&c.op)).count();
        (
            count(&[Op::Create]),
            count(&[Op::Update, Op::Replace]),
            count(&[Op::Delete]),
        )
    }

    /// The tenants that change.
    #[must_use]
    pub fn tenants(&self) -> BTreeSet<TenantId> {
        self.changes.iter().map(|c| c.tenant.clone()).collect()
    }

    /// The tenants whose site is to be destroyed.
    #[must_use]
    pub fn destroyed(&self) -> BTreeSet<TenantId> {
        let removed = |c: &&Change| matches!(c.reason, Reason::TenantRemoved | Reason::Requested);
        self.changes
            .iter()
            .filter(removed)
            .map(|c| c.tenant.clone())
            .collect()
    }
}

/// What a plan is made from.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    /// What tenants share.
    pub foundation: &'a Foundation,
    /// The environment's sites.
    pub sites: &'a BTreeMap<TenantId, &'a Site>,
    /// What AWS holds.
    pub inventory: &'a Inventory,
    /// Only these tenants, if given.
    pub only: Option<&'a BTreeSet<TenantId>>,
    /// This tenant's site is to be destroyed although a manifest may name it.
    pub destroy: Option<&'a TenantId>,
    /// What is to be held from now on, or no longer; others stay held or not as they are.
    pub holds: &'a BTreeMap<TenantId, Option<Revision>>,
    /// How new tasks reach sites; none: all at once.
    pub rollout: Option<&'a Rollout>,
    /// The environment's freeze, if it is in force.
    pub freeze: Option<&'a Freeze>,
    /// Why tenants' sites may not be changed. Not the same as `holds`, which are of releases.
    pub manifest_holds: &'a BTreeMap<TenantId, &'a Hold>,
    /// Whose manifest's hold does not count.
    pub lifted: &'a BTreeSet<TenantId>,
}

impl<'a> Input<'a> {
    /// The tenants that the plan is about: those with a manifest, and those that AWS holds something of.
    #[must_use]
    pub fn tenants(&self) -> BTreeSet<TenantId> {
        let all = self
            .sites
            .keys()
            .chain(self.inventory.found.keys())
            .cloned();
        match (self.destroy, self.only) {
            (Some(tenant), _) => BTreeSet::from([tenant.clone()]),
            (None, Some(only)) => all.filter(|t| only.contains(t)).collect(),
            (None, None) => all.collect(),
        }
    }

    /// What `tenant`'s desired state follows from.
    #[must_use]
    pub fn context(&self, tenant: &TenantId) -> Context<'a> {
        let site = self
            .sites
            .get(tenant)
            .copied()
            .filter(|_| self.destroy != Some(tenant));
        let found = self.inventory.found.get(tenant);
        let mut known: BTreeMap<_, _> = found
            .into_iter()
            .flatten()
            .map(|(kind, found)| (*kind, found.attributes.clone()))
            .collect();
        let cells = &self.foundation.cells;
        let home = found
            .and_then(cell_of)
            .or_else(|| self.inventory.placement.new.get(tenant).map(String::as_str));
        let cell = cells
            .iter()
            .find(|cell| Some(&*cell.name) == home)
            .unwrap_or(&cells[0]);
        let who = TenantRef {
            environment: self.foundation.environment.clone(),
            tenant: tenant.clone(),
        };
        let hold = self.hold(tenant).filter(|_| site.is_some());
        let pinned = hold.as_ref().map(|hold| {
            let attributes = hold.attributes(&who, self.foundation);
            (Kind::TaskDefinition, attributes)
        });
        known.extend(pinned);
        Context {
            site,
            who,
            foundation: self.foundation,
            cell,
            origin_secret: self
                .inventory
                .origin_secrets
                .get(&cell.name)
                .unwrap_or(&NO_SECRET),
            image: site
                .and_then(|site| self.inventory.image(&site.release))
                .unwrap_or_default(),
            hold,
            known,
        }
    }

    /// Why `tenant`'s site may not be changed, whether or not it is to be destroyed.
    fn manifest_hold(&self, tenant: &TenantId) -> Option<&'a Hold> {
        let hold = self.manifest_holds.get(tenant).copied()?;
        (!self.lifted.contains(tenant)).then_some(hold)
    }

    /// What was found out of the plugins and themes of sites that change.
    pub(super) fn judged(&self) -> Vec<(TenantId, Judgement)> {
        let contexts = self.tenants().into_iter();
        let contexts = contexts.map(|tenant| self.context(&tenant));
        contexts
            .filter_map(|context| {
                let versions = self.inventory.versions.get(&context.image)?;
                let judgement = judge(context.site?, &self.inventory.packages, versions);
                Some((context.who.tenant, judgement))
            })
            .collect()
    }

    /// The revision that `tenant`'s site stays on, if it is held.
    #[must_use]
    pub fn hold(&self, tenant: &TenantId) -> Option<Revision> {
        if let Some(asked) = self.holds.get(tenant) {
            return asked.clone();
        }
        let service = self.inventory.found.get(tenant)?.get(&Kind::Service)?;
        service.attributes.get("hold")?.parse().ok()
    }
}

static NO_SECRET: std::sync::LazyLock<Secret> = std::sync::LazyLock::new(|| Secret::new(""));

/// Compares desired with found, resource by resource.
///
/// # Errors
/// All reasons why a plan would not be true.
pub fn plan(input: &Input<'_>) -> Result<Plan, Vec<Refusal>> {
    let refusals = refusal::refusals(input);
    if !refusals.is_empty() {
        return Err(refusals);
    }
    let (mut changes, mut left_alone) = (Vec::new(), Vec::new());
    let (mut held, mut sites) = (BTreeMap::new(), BTreeMap::new());
    let mut scheduled = BTreeMap::new();
    for tenant in input.tenants() {
        let context = input.context(&tenant);
        let address = Address {
            url: context.site.map(|_| context.home()),
            manifest: context.site.map(|site| site.lines.clone()),
        };
        held.extend(context.hold.clone().map(|hold| (tenant.clone(), hold)));
        let found = input.inventory.found.get(&tenant);
        if context.site.is_none() {
            scheduled.extend(removal(found).map(|after| (tenant.clone(), after)));
        }
        let own: Vec<_> = match context.site {
            Some(_) => converge(context, found),
            None => found
                .into_iter()
                .flat_map(|found| destroy(&tenant, found, input))
                .collect(),
        };
        if own.is_empty() {
            continue;
        }
        sites.insert(tenant.clone(), address);
        match input.manifest_hold(&tenant) {
            Some(hold) => left_alone.push(LeftAlone {
                hold: hold.clone(),
                changes: own,
                tenant,
            }),
            None => changes.extend(own),
        }
    }
    let waves = input
        .rollout
        .map(|rollout| waves::waves(&changes, input.sites, rollout));
    Ok(Plan {
        environment: input.foundation.environment.clone(),
        monthly: cost::monthly(input, &changes),
        notes: notes(input),
        changes,
        waves: waves.unwrap_or_default(),
        held,
        sites,
        scheduled,
        freeze: input.freeze.cloned(),
        left_alone,
    })
}

/// What whoever approves should know.
fn notes(input: &Input<'_>) -> Vec<String> {
    let tenants = input.tenants();
    let mut notes = input.inventory.placement.notes(&tenants);
    let leaving = tenants.iter().filter_map(|tenant| {
        let removal = input.sites.get(tenant)?.removal.as_ref()?;
        Some(format!(
            "{tenant} is to be removed ({}): kept until {}, and `bbws tenant restore {tenant}` calls it back",
            removal.reason, removal.after
        ))
    });
    notes.extend(leaving);
    for (tenant, judgement) in input.judged() {
        let of_site = judgement.notes.into_iter();
        notes.extend(of_site.map(|note| format!("{tenant}: {note}")));
    }
    notes
}

/// When the grace of a site ends whose manifest is gone, as its last one said.
fn removal(found: Option<&BTreeMap<Kind, Found>>) -> Option<Moment> {
    let secret = found?.get(&Kind::WordpressSecret)?;
    secret.attributes.get("removal")?.parse().ok()
}

fn converge(mut context: Context<'_>, found: Option<&BTreeMap<Kind, Found>>) -> Vec<Change> {
    let new_site = found.is_none_or(BTreeMap::is_empty);
    let mut changes: Vec<Change> = Vec::new();
    for kind in ALL {
        // A held site keeps the revision that it has.
        if kind == Kind::TaskDefinition && context.hold.is_some() {
            continue;
        }
        // Null fields: it waits to be cleaned up, but never became usable.
        let existing = found
            .and_then(|found| found.get(&kind))
            .filter(|found| !found.fields.is_null());
        let (op, reason, fields) = match (desired(kind, &context), existing) {
            (None, None) => continue,
            // Revisions that the site may go back to need them.
            (None, Some(_)) if kind == Kind::Code => continue,
            (None, Some(existing)) => (
                Op::Delete,
                Reason::Superseded,
                differences(&existing.fields, &Value::Object(Map::new())),
            ),
            (Some(desired), None) => {
                let reason = if new_site {
                    Reason::NewSite
                } else {
                    Reason::Missing
                };
                (
                    Op::Create,
                    reason,
                    differences(&Value::Object(Map::new()), &desired),
                )
            }
            (Some(desired), Some(existing)) => {
                let fields = kind.differences(&existing.fields, &desired);
                if fields.is_empty() {
                    continue;
                }
                let follows = fields.iter().all(FieldChange::is_pending);
                let op = if kind.is_replaced(&fields) {
                    Op::Replace
                } else {
                    Op::Update
                };
                (
                    op,
                    if follows {
                        Reason::Follows
                    } else {
                        Reason::Differs
                    },
                    fields,
                )
            }
        };
        if kind.is_renewed_by_update() {
            context.known.remove(&kind);
        }
        let id = existing.map(|existing| existing.id.clone());
        changes.push(Change {
            tenant: context.who.tenant.clone(),
            kind,
            op,
            reason,
            id,
            fields,
        });
    }
    changes
}

fn destroy(tenant: &TenantId, found: &BTreeMap<Kind, Found>, input: &Input<'_>) -> Vec<Change> {
    let reason = if input.destroy == Some(tenant) {
        Reason::Requested
    } else {
        Reason::TenantRemoved
    };
    ALL.iter()
        .rev()
        .filter_map(|kind| Some((found.get(kind)?, kind)))
        .map(|(existing, kind)| Change {
            tenant: tenant.clone(),
            kind: *kind,
            op: Op::Delete,
            reason: reason.clone(),
            id: Some(existing.id.clone()),
            fields: Vec::new(),
        })
        .collect()
}
