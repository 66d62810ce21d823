//! One environment opened: its manifests and its account side by side, ready to be compared.

use crate::cloud::{Cloud, CloudError, Secret};
use crate::code;
use crate::jobs::Jobs;
use crate::manifest::{Environment, Fleet, Hold, Site, TenantId};
use crate::plan::{Input, Plan, Refusal, plan};
use crate::resource::{Inventory, Reader, Revision, look, place};
use std::collections::{BTreeMap, BTreeSet};
use time::OffsetDateTime;
use time::macros::format_description;

/// An environment's manifests and account.
#[derive(Debug)]
pub struct Session<'a> {
    /// The manifest.
    pub environment: &'a Environment,
    /// The account.
    pub cloud: Cloud,
    /// The environment's sites.
    pub sites: BTreeMap<TenantId, &'a Site>,
    /// Why tenants' sites may not be changed, by their own manifests or their tenants'.
    pub holds: BTreeMap<TenantId, &'a Hold>,
}

/// What a plan is to be about.
#[derive(Clone, Debug, Default)]
pub struct Scope {
    /// Only these tenants.
    pub only: Option<BTreeSet<TenantId>>,
    /// Destroy this tenant's site, whatever its manifest says.
    pub destroy: Option<TenantId>,
    /// Also check what no AWS list shows, by one job a cell.
    pub deep: bool,
    /// Sites that are to stay on a revision from now on, or no longer.
    pub holds: BTreeMap<TenantId, Option<Revision>>,
    /// Sites that are changed although their manifests have a hold.
    pub lifted: BTreeSet<TenantId>,
    /// Replace tasks everywhere at once instead of in waves: for what is known to be good.
    pub at_once: bool,
}

impl<'a> Session<'a> {
    /// Opens the account of `environment`. Reads only.
    ///
    /// # Errors
    /// See [`Cloud::connect`].
    pub async fn open(fleet: &'a Fleet, environment: &'a Environment) -> Result<Self, CloudError> {
        Self::open_as(fleet, environment, None).await
    }

    /// The same with the credentials of a profile, for verbs that are about two accounts.
    ///
    /// # Errors
    /// See [`Cloud::connect_as`].
    pub async fn open_as(
        fleet: &'a Fleet,
        environment: &'a Environment,
        profile: Option<&str>,
    ) -> Result<Self, CloudError> {
        let cloud = Cloud::connect_as(environment, profile).await?;
        let sites = fleet.sites.iter();
        let sites: Vec<_> = sites
            .filter(|site| site.environment == environment.name)
            .collect();
        let own = sites
            .iter()
            .filter_map(|site| Some((&site.tenant, site.hold.as_ref()?)));
        let holds = fleet.holds.iter().chain(own);
        let holds = holds.map(|(tenant, hold)| (tenant.clone(), hold));
        Ok(Self {
            environment,
            cloud,
            holds: holds.collect(),
            sites: sites
                .into_iter()
                .map(|site| (site.tenant.clone(), site))
                .collect(),
        })
    }

    fn reader(&self) -> Reader<'_> {
        Reader {
            cloud: &self.cloud,
            environment: &self.environment.name,
            release: &self.environment.release,
            sites: self.sites.clone(),
        }
    }

    /// Reads what AWS holds. Changes nothing.
    pub async fn read(&self) -> Inventory {
        let mut inventory = self.reader().read().await;
        self.place(&mut inventory);
        inventory
    }

    fn place(&self, inventory: &mut Inventory) {
        let cells = self.cloud.foundation.cells.iter();
        let names: Vec<_> = cells.map(|cell| cell.name.as_str()).collect();
        let choices = &self.environment.foundation.cells;
        inventory.placement = place(&names, choices, &self.sites, inventory);
    }

    /// Reads what AWS holds and compares. Changes nothing.
    ///
    /// # Errors
    /// All reasons why no plan can be made.
    pub async fn plan(&self, scope: &Scope) -> Result<(Inventory, Plan), Vec<Refusal>> {
        let reader = self.reader();
        let mut inventory = reader.read().await;
        self.place(&mut inventory);
        let snapshot = inventory.clone();
        let before = self.input(scope, &snapshot);
        let sited = before
            .tenants()
            .into_iter()
            .map(|tenant| before.context(&tenant));
        let contexts: Vec<_> = sited.filter(|context| context.site.is_some()).collect();
        reader.describe_changed(&mut inventory, &contexts).await;
        code::look(&self.cloud, &contexts, &mut inventory).await;
        if scope.deep {
            look(&self.jobs(&run_id(), &inventory), &contexts, &mut inventory).await;
        }
        let plan = plan(&self.input(scope, &inventory))?;
        Ok((inventory, plan))
    }

    /// The jobs of `run`. Those of a cell run the environment's release, or where the registry lacks it, any that it holds.
    #[must_use]
    pub fn jobs(&self, run: &str, inventory: &Inventory) -> Jobs {
        let image = self.job_image(inventory);
        Jobs::new(self.cloud.clone(), run.to_owned(), image)
    }

    /// What the jobs of a cell run.
    #[must_use]
    pub fn job_image(&self, inventory: &Inventory) -> Option<String> {
        inventory
            .image(&self.environment.release)
            .or_else(|| inventory.images.values().next().cloned())
    }

    /// What [`plan`] and an apply of its result work with.
    #[must_use]
    pub fn input<'b>(&'b self, scope: &'b Scope, inventory: &'b Inventory) -> Input<'b> {
        Input {
            foundation: &self.cloud.foundation,
            sites: &self.sites,
            inventory,
            only: scope.only.as_ref(),
            destroy: scope.destroy.as_ref(),
            holds: &scope.holds,
            freeze: self
                .environment
                .freeze
                .as_ref()
                .filter(|freeze| freeze.is_in_force(OffsetDateTime::now_utc())),
            manifest_holds: &self.holds,
            lifted: &scope.lifted,
            rollout: (!scope.at_once).then_some(&self.environment.rollout),
        }
    }
}

/// A run's id: sorts by time, and its tail keeps two runs of one second apart.
#[must_use]
pub fn run_id() -> String {
    let format = format_description!("[year][month][day]T[hour][minute][second]Z");
    let time = OffsetDateTime::now_utc()
        .format(&format)
        .unwrap_or_default();
    format!("{time}-{}", Secret::generate(6).expose().to_lowercase())
}
