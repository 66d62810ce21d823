//! Reading all that exists, every kind at once. The number of calls depends on page sizes, never on tenants.

use super::inventory::{Inventory, images, origin_secrets};
use super::{
    Context, Found, Kind, access_point, alarms, autoscaling, budget, certificate, code, database,
    distribution, health_check, listener_rule, log_group, recorded, records, role, secret, service,
    target_group, task_definition, user_group, wordpress,
};
use crate::cloud::{Cloud, CloudError};
use crate::manifest::{EnvironmentName, Release, Site, TenantId};
use futures::StreamExt;
use serde_json::Value;
use std::collections::BTreeMap;

/// What a kind's `read_all` works with.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    /// The account.
    pub cloud: &'a Cloud,
    /// Whose names to look for.
    pub environment: &'a EnvironmentName,
    /// What the environment's jobs run, whatever its sites do.
    pub release: &'a Release,
    /// The sites that the manifests declare.
    pub sites: BTreeMap<TenantId, &'a Site>,
}

impl Reader<'_> {
    /// A tenant's id, if `text` has the form of one.
    #[must_use]
    pub fn tenant(&self, text: &str) -> Option<TenantId> {
        text.parse().ok()
    }

    /// The tenant that the name `bbws-<environment>-<tenant>` is of.
    #[must_use]
    pub fn tenant_of_name(&self, name: &str) -> Option<TenantId> {
        self.tenant(name.strip_prefix(&format!("bbws-{}-", self.environment))?)
    }

    /// Reads everything. What fails is told in [`Inventory::unreadable`]; nothing is taken for absent because of it.
    pub async fn read(&self) -> Inventory {
        let of_sites = self.sites.values().map(|site| &site.release);
        let releases = of_sites.chain([self.release]).collect();
        let (named, shared) = tokio::join!(self.read_resources(), async {
            tokio::join!(origin_secrets(self.cloud), images(self, releases))
        });
        let mut inventory = Inventory::default();
        for (kinds, found) in named {
            inventory.add(kinds, found);
        }
        match shared.0 {
            Ok(secrets) => inventory.origin_secrets = secrets,
            Err(error) => inventory
                .unreadable
                .push((vec![Kind::ListenerRule, Kind::Distribution], error)),
        }
        match shared.1 {
            Ok(images) => inventory.images = images,
            Err(error) => inventory
                .unreadable
                .push((vec![Kind::TaskDefinition], error)),
        }
        inventory.derive_recorded();
        inventory
    }

    /// Task definitions have no bulk describe: an unchanged one is known by the digest in its service's tag. Those that
    /// differ from what `contexts` ask for are read in full, so that a plan can name the fields.
    pub async fn describe_changed(&self, inventory: &mut Inventory, contexts: &[Context<'_>]) {
        let reads = contexts.iter().filter_map(|context| {
            let found = inventory
                .found
                .get(&context.who.tenant)?
                .get(&Kind::TaskDefinition)?;
            let desired = super::desired(Kind::TaskDefinition, context)?;
            if Kind::TaskDefinition
                .differences(&found.fields, &desired)
                .is_empty()
            {
                return None;
            }
            let arn = found.attributes.get("arn")?.clone();
            let tenant = context.who.tenant.clone();
            Some(async move { (tenant, task_definition::detail(self.cloud, &arn).await) })
        });
        let reads: Vec<_> = reads.collect();
        for (tenant, read) in futures::stream::iter(reads)
            .buffer_unordered(8)
            .collect::<Vec<_>>()
            .await
        {
            match read {
                Ok(fields) => {
                    let found = inventory
                        .found
                        .get_mut(&tenant)
                        .and_then(|found| found.get_mut(&Kind::TaskDefinition));
                    found
                        .into_iter()
                        .for_each(|found| found.fields = fields.clone());
                }
                Err(error) => inventory
                    .unreadable
                    .push((vec![Kind::TaskDefinition], error)),
            }
        }
    }

    async fn read_resources(
        &self,
    ) -> Vec<(&'static [Kind], Result<Vec<(Kind, Found)>, CloudError>)> {
        use Kind::*;
        let all = tokio::join!(
            log_group::read_all(self),
            secret::read_all(self),
            role::read_all(self),
            access_point::read_all(self),
            service::read_all(self),
            target_group::read_all(self),
            listener_rule::read_all(self),
            autoscaling::read_all(self),
            certificate::read_all(self),
            distribution::read_all(self),
            health_check::read_all(self),
            records::read_all(self),
            user_group::read_all(self),
            alarms::read_all(self),
            budget::read_all(self),
            code::read_all(self),
        );
        vec![
            (&[LogGroup], all.0),
            (
                &[DatabaseSecret, WordpressSecret, Database, Wordpress],
                all.1,
            ),
            (&[TaskRole, ExecutionRole], all.2),
            (&[AccessPoint], all.3),
            (&[TaskDefinition, Service], all.4),
            (&[TargetGroup], all.5),
            (&[ListenerRule], all.6),
            (&[Autoscaling], all.7),
            (&[Certificate, RetiredCertificate], all.8),
            (&[Distribution], all.9),
            (&[HealthCheck], all.10),
            (&[Records], all.11),
            (&[UserGroup], all.12),
            (&[Alarms], all.13),
            (&[Budget], all.14),
            (&[Code], all.15),
        ]
    }
}

impl Inventory {
    /// Database and WordPress stand in no AWS list: what is known of them are tags on the site's secrets. Without a
    /// tag their state is null: they may have been begun, so a removal cleans up, but they are not there yet.
    fn derive_recorded(&mut self) {
        for (tenant, found) in &mut self.found {
            let recorded = |secret: Kind, tag: &str| {
                let tag = found
                    .get(&secret)
                    .and_then(|secret| secret.attributes.get(tag));
                tag.map_or(Value::Null, |tag| recorded::decode(tag))
            };
            let database = recorded(Kind::DatabaseSecret, "database");
            let last_dump = found
                .get(&Kind::WordpressSecret)
                .and_then(|secret| secret.attributes.get("final"))
                .cloned();
            // A site whose removal took its final dump holds no content any more: it is as good as not installed.
            let wordpress = match &last_dump {
                Some(_) => Value::Null,
                None => recorded(Kind::WordpressSecret, "wordpress"),
            };
            let exists = found.contains_key(&Kind::DatabaseSecret);
            let of = |id: &str, fields| Found {
                tenant: tenant.clone(),
                id: id.to_owned(),
                fields,
                attributes: last_dump
                    .iter()
                    .map(|prefix| ("final", prefix.clone()))
                    .collect(),
            };
            if exists {
                found.insert(Kind::Database, of(database::TAG, database));
                found.insert(Kind::Wordpress, of(wordpress::TAG, wordpress));
            }
        }
    }
}
