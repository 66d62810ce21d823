//! The site's DNS: for each domain an IPv4 and an IPv6 alias of the distribution, as the PRIMARY of a failover pair (the
//! SECONDARY is for the environment's disaster recovery).
//!
//! Their set identifier, `bbws-<environment>-<tenant>`, tells whose they are.

use super::read::Reader;
use super::{Attributes, Context, Found, Kind};
use crate::cloud::wait::{Seen, until};
use crate::cloud::{Class, Cloud, CloudError, Limit, aws};
use crate::manifest::TenantId;
use aws_sdk_route53::types::{
    AliasTarget, Change, ChangeAction, ChangeBatch, ChangeStatus, ResourceRecordSet,
    ResourceRecordSetFailover, RrType,
};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// The hosted zone of every CloudFront distribution
/// (<https://docs.aws.amazon.com/Route53/latest/APIReference/API_AliasTarget.html>).
const CLOUDFRONT_ZONE: &str = "Z2FDTNDATAQYW2";
/// Records a page; AWS's largest.
const PAGE: i32 = 300;
/// Changes reach all of Route 53's servers within 60 s as a rule.
const IN_SYNC: Duration = Duration::from_secs(10 * 60);
/// IPv4 and IPv6.
const TYPES: [RrType; 2] = [RrType::A, RrType::Aaaa];

/// See [`super`]. By name and type: `acme.com A`.
#[must_use]
pub(super) fn desired(context: &Context<'_>) -> Value {
    wanted(context)
        .iter()
        .map(|record| (key(record), normalise(record)))
        .collect::<Map<_, _>>()
        .into()
}

fn wanted(context: &Context<'_>) -> Vec<ResourceRecordSet> {
    let domains = &context.site().domains;
    domains
        .iter()
        .flat_map(|domain| TYPES.map(|kind| record(context, domain.as_str(), kind)))
        .collect()
}

/// CloudFront's aliases do not allow `EvaluateTargetHealth`; the health check stands in for it.
fn record(context: &Context<'_>, domain: &str, kind: RrType) -> ResourceRecordSet {
    let target = AliasTarget::builder()
        .hosted_zone_id(CLOUDFRONT_ZONE)
        .dns_name(context.known(Kind::Distribution, "domain"))
        .evaluate_target_health(false)
        .build()
        .expect("all its fields are given");
    ResourceRecordSet::builder()
        .name(domain)
        .r#type(kind)
        .set_identifier(context.who.name())
        .failover(ResourceRecordSetFailover::Primary)
        .health_check_id(context.known(Kind::HealthCheck, "id"))
        .alias_target(target)
        .build()
        .expect("it has a name and a type")
}

fn normalise(record: &ResourceRecordSet) -> Value {
    let alias = record.alias_target();
    json!({
        "alias": alias.map(|alias| plain(alias.dns_name())),
        "alias_zone": alias.map(AliasTarget::hosted_zone_id),
        "evaluate_target_health": alias.map(AliasTarget::evaluate_target_health),
        "failover": record.failover().map(ResourceRecordSetFailover::as_str),
        "health_check": record.health_check_id(),
    })
}

fn key(record: &ResourceRecordSet) -> String {
    format!("{} {}", plain(record.name()), record.r#type())
}

/// Route 53 answers in lower case with a final dot.
fn plain(name: &str) -> String {
    name.trim_end_matches('.').to_ascii_lowercase()
}

/// `ListResourceRecordSets` of the zone, 300 a page.
///
/// # Errors
/// AWS's.
pub(super) async fn read_all(reader: &Reader<'_>) -> Result<Vec<(Kind, Found)>, CloudError> {
    let zone = &reader.cloud.foundation.zone.id;
    let mut sites: BTreeMap<TenantId, Map<String, Value>> = BTreeMap::new();
    let mut next = Start::default();
    loop {
        let page = list(reader.cloud, zone, &next).await?;
        for record in &page.records {
            let Some(tenant) = record
                .set_identifier()
                .and_then(|name| reader.tenant_of_name(name))
            else {
                continue;
            };
            sites
                .entry(tenant)
                .or_default()
                .insert(key(record), normalise(record));
        }
        match page.next {
            Some(start) => next = start,
            None => break,
        }
    }
    let found = sites.into_iter().map(|(tenant, records)| {
        let id = format!("bbws-{}-{tenant} in {zone}", reader.environment);
        (
            Kind::Records,
            Found {
                tenant,
                id,
                fields: records.into(),
                attributes: Attributes::new(),
            },
        )
    });
    Ok(found.collect())
}

/// Where a page of records begins.
#[derive(Clone, Debug, Default)]
struct Start {
    name: Option<String>,
    kind: Option<RrType>,
    identifier: Option<String>,
}

struct Page {
    records: Vec<ResourceRecordSet>,
    next: Option<Start>,
}

/// The SDK has no paginator for this call.
async fn list(cloud: &Cloud, zone: &str, start: &Start) -> Result<Page, CloudError> {
    let page = cloud
        .route53
        .list_resource_record_sets()
        .hosted_zone_id(zone)
        .set_start_record_name(start.name.clone())
        .set_start_record_type(start.kind.clone())
        .set_start_record_identifier(start.identifier.clone())
        .max_items(PAGE)
        .send()
        .await
        .map_err(aws("route53:ListResourceRecordSets"))?;
    let next = page.is_truncated.then_some(Start {
        name: page.next_record_name,
        kind: page.next_record_type,
        identifier: page.next_record_identifier,
    });
    Ok(Page {
        records: page.resource_record_sets,
        next,
    })
}

/// The records called `name` as they stand now, those of other owners included.
///
/// # Errors
/// AWS's.
pub(super) async fn of_name(
    cloud: &Cloud,
    name: &str,
) -> Result<Vec<ResourceRecordSet>, CloudError> {
    let start = Start {
        name: Some(name.to_owned()),
        ..Start::default()
    };
    let page = list(cloud, &cloud.foundation.zone.id, &start).await?;
    Ok(page
        .records
        .into_iter()
        .filter(|record| plain(record.name()) == plain(name))
        .collect())
}

/// See [`super`]. All changes of a site are one batch, which Route 53 carries out as a whole or not at all.
///
/// # Errors
/// AWS's, or the change did not reach Route 53's servers in time.
pub(super) async fn ensure(
    cloud: &Cloud,
    context: &Context<'_>,
    found: Option<&Found>,
) -> Result<Attributes, CloudError> {
    let wanted = wanted(context);
    let kept: BTreeSet<_> = wanted.iter().map(key).collect();
    let mut changes = deletions(cloud, context, found, &kept).await?;
    changes.extend(
        wanted
            .into_iter()
            .map(|record| change(ChangeAction::Upsert, record)),
    );
    submit(cloud, changes).await?;
    Ok(Attributes::new())
}

/// A deletion must name the record exactly as it stands, so those that are to go are read once more.
async fn deletions(
    cloud: &Cloud,
    context: &Context<'_>,
    found: Option<&Found>,
    kept: &BTreeSet<String>,
) -> Result<Vec<Change>, CloudError> {
    let known = found
        .and_then(|found| found.fields.as_object())
        .into_iter()
        .flatten();
    let gone: BTreeSet<_> = known
        .map(|(key, _)| key)
        .filter(|key| !kept.contains(*key))
        .collect();
    let names: BTreeSet<_> = gone
        .iter()
        .filter_map(|key| key.split(' ').next())
        .collect();
    let mut changes = Vec::new();
    for name in names {
        let ours = |record: &ResourceRecordSet| {
            record.set_identifier() == Some(&context.who.name()) && gone.contains(&key(record))
        };
        let records = of_name(cloud, name).await?.into_iter().filter(ours);
        changes.extend(records.map(|record| change(ChangeAction::Delete, record)));
    }
    Ok(changes)
}

/// One change of a batch.
pub(super) fn change(action: ChangeAction, record: ResourceRecordSet) -> Change {
    Change::builder()
        .action(action)
        .resource_record_set(record)
        .build()
        .expect("both its fields are given")
}

/// Sends the changes as one batch and waits until all of Route 53's servers have them. Nothing to change is no call.
///
/// # Errors
/// AWS's, or time ran out.
pub(super) async fn submit(cloud: &Cloud, changes: Vec<Change>) -> Result<(), CloudError> {
    if changes.is_empty() {
        return Ok(());
    }
    let batch = ChangeBatch::builder()
        .set_changes(Some(changes))
        .build()
        .expect("it has changes");
    let request = cloud
        .route53
        .change_resource_record_sets()
        .hosted_zone_id(&cloud.foundation.zone.id)
        .change_batch(batch);
    cloud.pace.wait(Limit::RecordChanges).await;
    let change = request
        .send()
        .await
        .map_err(aws("route53:ChangeResourceRecordSets"))?;
    let id = change.change_info.map(|info| info.id).unwrap_or_default();
    until("DNS records to be in sync", IN_SYNC, || async {
        let answer = cloud
            .route53
            .get_change()
            .id(&id)
            .send()
            .await
            .map_err(aws("route53:GetChange"))?;
        match answer.change_info().map(|info| info.status()) {
            Some(ChangeStatus::Insync) => Ok(Seen::Done(())),
            status => Ok(Seen::NotYet(
                status.map_or("unknown", ChangeStatus::as_str).to_owned(),
            )),
        }
    })
    .await
}

/// See [`super`].
///
/// # Errors
/// AWS's, or time ran out.
pub(super) async fn remove(
    cloud: &Cloud,
    context: &Context<'_>,
    found: &Found,
) -> Result<(), CloudError> {
    let changes = deletions(cloud, context, Some(found), &BTreeSet::new()).await?;
    super::unless(submit(cloud, changes).await, Class::NotFound).map(drop)
}
