//! Looking into the zips of sites that are to run something else than they do.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Cursor;

use bytes::Bytes;
use futures::StreamExt as _;
use site_job::package::{self, Sort};

use super::{Versions, fetch, packages};
use crate::cloud::{Cloud, CloudError};
use crate::image::{Registry, image_labels};
use crate::manifest::{Package, TenantId};
use crate::output::narrate;
use crate::resource::{Context, Inventory, Kind, desired, stored_zip};

/// How many zips are fetched at once.
const AT_ONCE: usize = 4;

/// Adds to `inventory` what the packages of sites that change say of themselves, and what their images run. An unchanged fleet
/// costs no call.
pub async fn look(cloud: &Cloud, contexts: &[Context<'_>], inventory: &mut Inventory) {
    let changing: Vec<_> = contexts
        .iter()
        .filter(|context| context.hold.is_none() && packages(context.site()).next().is_some())
        .filter(|context| changes(context, inventory))
        .collect();
    let images: BTreeSet<_> = changing.iter().map(|context| &context.image).collect();
    for image in images.into_iter().filter(|image| !image.is_empty()) {
        let digest = image.rsplit('@').next().unwrap_or_default();
        match image_labels(Registry::of(cloud), digest).await {
            Ok(labels) => {
                let versions = Versions::of(&labels);
                inventory.versions.insert(image.clone(), versions);
            }
            Err(error) => {
                let error = CloudError::Unusable(format!("reading the labels of {image}: {error}"));
                inventory
                    .unreadable
                    .push((vec![Kind::TaskDefinition], error));
            }
        }
    }
    let mut wanted: BTreeMap<&str, (&TenantId, Sort, &Package, bool)> = BTreeMap::new();
    for context in &changing {
        let tenant = &context.who.tenant;
        let found = inventory
            .found
            .get(tenant)
            .and_then(|found| found.get(&Kind::Code));
        for (sort, package) in packages(context.site()) {
            let sha256 = package.sha256.as_str();
            let is_stored = found.is_some_and(|found| found.fields.get(sha256).is_some());
            wanted
                .entry(sha256)
                .or_insert((tenant, sort, package, is_stored));
        }
    }
    let looks = wanted
        .into_iter()
        .map(async |(sha256, (tenant, sort, package, is_stored))| {
            let zip = match is_stored {
                true => of_bucket(cloud, tenant, package).await,
                false => fetch(package).await.map(Bytes::from),
            };
            let looked =
                zip.and_then(|zip| package::inspect(Cursor::new(zip), sort, package.slug.as_str()));
            (sha256.to_owned(), looked)
        });
    let looks: Vec<_> = looks.collect();
    let looked = futures::stream::iter(looks).buffer_unordered(AT_ONCE);
    inventory.packages = looked.collect().await;
}

/// What the bucket holds is what tasks will get; its source may be gone since.
async fn of_bucket(cloud: &Cloud, tenant: &TenantId, package: &Package) -> Result<Bytes, String> {
    match stored_zip(cloud, tenant, package).await {
        Ok(zip) => super::fetch::check(&zip, package).map(|()| zip),
        Err(error) => {
            narrate(format_args!(
                "{} {} of {tenant} is fetched from its source again: {error}",
                package.slug, package.version
            ));
            fetch(package).await.map(Bytes::from)
        }
    }
}

fn changes(context: &Context<'_>, inventory: &Inventory) -> bool {
    let kind = Kind::TaskDefinition;
    let found = inventory
        .found
        .get(&context.who.tenant)
        .and_then(|found| found.get(&kind));
    match (found, desired(kind, context)) {
        (Some(found), Some(desired)) => !kind.differences(&found.fields, &desired).is_empty(),
        _ => true,
    }
}
