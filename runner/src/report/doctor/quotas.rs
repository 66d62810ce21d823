//! What the fleet needs beside what AWS allows, before AWS refuses it in the middle of a run.

use super::{Outcome, Patient};
use crate::cloud::{Cloud, CloudError, aws};
use crate::manifest::{Site, SiteState};
use crate::resource::{Kind, Room};
use aws_sdk_servicequotas::Client;
use aws_sdk_servicequotas::types::ServiceQuota;
use futures::future::join_all;

/// A quota by the codes of Service Quotas, and what the fleet needs of it.
struct Need {
    subject: String,
    service: &'static str,
    code: &'static str,
    /// CloudFront and its certificates are counted in the edge's region.
    edge: bool,
    wanted: Result<f64, CloudError>,
    what: String,
}

pub(super) async fn check(patient: &Patient<'_>) -> Vec<Outcome> {
    let cloud = &patient.session.cloud;
    let (certificates, distributions) = tokio::join!(certificates(cloud), distributions(cloud));
    let missing = |kind| {
        let sites = patient.session.sites.keys();
        let held = |tenant| Some(patient.inventory.found.get(tenant)?.contains_key(&kind));
        sites.filter(|tenant| held(*tenant) != Some(true)).count() as f64
    };
    let edge = |subject: &str, service, code, held: Result<usize, CloudError>, kind| Need {
        subject: subject.to_owned(),
        service,
        code,
        edge: true,
        what: match &held {
            Ok(held) => format!("{held} are there, {} are to come", missing(kind)),
            Err(_) => String::new(),
        },
        wanted: held.map(|held| held as f64 + missing(kind)),
    };
    let mut needs = vec![
        vcpus(patient),
        edge(
            "certificates",
            "acm",
            "L-F141DD1D",
            certificates,
            Kind::Certificate,
        ),
        edge(
            "distributions",
            "cloudfront",
            "L-24B04930",
            distributions,
            Kind::Distribution,
        ),
    ];
    needs.extend(patient.inventory.placement.rooms.iter().flat_map(of_cell));
    let reads = needs.iter().map(|need| {
        let client = if need.edge {
            &cloud.edge_quotas
        } else {
            &cloud.quotas
        };
        quota(client, need)
    });
    let quotas = join_all(reads).await;
    let mut outcomes: Vec<_> = needs
        .iter()
        .zip(quotas)
        .map(|(need, quota)| judge(patient, need, quota))
        .collect();
    outcomes.extend(
        patient
            .inventory
            .placement
            .rooms
            .iter()
            .map(|room| access_points(patient, room)),
    );
    outcomes
}

/// All tasks at their most, and the largest wave of a rollout twice: old and new tasks run side by side.
fn vcpus(patient: &Patient<'_>) -> Need {
    let active = patient
        .session
        .sites
        .values()
        .filter(|site| site.state == SiteState::Active);
    let mut each: Vec<_> = active
        .map(|site: &&Site| f64::from(site.tasks.max * site.cpu) / 1024.0)
        .collect();
    each.sort_by(f64::total_cmp);
    let wave: f64 = each
        .iter()
        .rev()
        .take(patient.session.environment.rollout.at_once)
        .sum();
    Need {
        subject: "Fargate vCPU".to_owned(),
        service: "fargate",
        code: "L-3032A538",
        edge: false,
        wanted: Ok(each.iter().sum::<f64>() + wave),
        what: format!(
            "{} sites at their most tasks, and a wave of a rollout twice",
            each.len()
        ),
    }
}

fn of_cell(room: &Room) -> Vec<Need> {
    let named = [
        ("target groups", "L-822D1B1B"),
        ("listener rules", "L-7EED9B64"),
    ];
    let walls = room.walls.iter();
    walls
        .filter_map(|wall| {
            let (_, code) = named
                .iter()
                .find(|(resource, _)| *resource == wall.resource)?;
            Some(Need {
                subject: format!("cell {}: {}", room.cell, wall.resource),
                service: "elasticloadbalancing",
                code,
                edge: false,
                wanted: Ok(f64::from(wall.used)),
                what: format!("{} sites", room.sites),
            })
        })
        .collect()
}

/// Service Quotas tells only of those of file systems that are about throughput and sizes: the limit is the documented one.
fn access_points(patient: &Patient<'_>, room: &Room) -> Outcome {
    let wall = room
        .walls
        .iter()
        .find(|wall| wall.resource == "access points");
    let subject = format!("cell {}: access points", room.cell);
    match wall {
        Some(wall) if wall.used > wall.limit => {
            let found = format!("{} are needed, {} can be", wall.used, wall.limit);
            Outcome::finding("quota", subject, found, add_cell(patient))
        }
        Some(wall) => Outcome::pass(
            "quota",
            subject,
            format!("{} of {} are needed", wall.used, wall.limit),
        ),
        None => Outcome::unreadable(
            "quota",
            subject,
            "nothing counts them",
            format!("bbws capacity --env {}", patient.environment()),
        ),
    }
}

fn add_cell(patient: &Patient<'_>) -> String {
    let environment = patient.environment();
    format!(
        "add a cell to `foundation` in environments/{environment}/environment.yaml, then {}",
        patient.terraform()
    )
}

/// The value that applies to the account, or AWS's default where none of its own does.
async fn quota(client: &Client, need: &Need) -> Result<ServiceQuota, CloudError> {
    let applied = client.get_service_quota();
    let applied = applied
        .service_code(need.service)
        .quota_code(need.code)
        .send()
        .await;
    let applied = applied.map_err(aws("servicequotas:GetServiceQuota"));
    if let Some(quota) = super::unless_missing(applied)?.and_then(|answer| answer.quota) {
        return Ok(quota);
    }
    let default = client.get_aws_default_service_quota();
    let default = default
        .service_code(need.service)
        .quota_code(need.code)
        .send()
        .await;
    let default = default.map_err(aws("servicequotas:GetAWSDefaultServiceQuota"))?;
    let unknown = || {
        CloudError::Unusable(format!(
            "Service Quotas knows no {} of {}",
            need.code, need.service
        ))
    };
    default.quota.ok_or_else(unknown)
}

fn judge(patient: &Patient<'_>, need: &Need, quota: Result<ServiceQuota, CloudError>) -> Outcome {
    let (subject, foundation) = (&need.subject, &patient.session.cloud.foundation);
    let (wanted, quota) = match (&need.wanted, quota) {
        (Err(error), _) => return Outcome::error("quota", subject, error),
        (_, Err(error)) => return Outcome::error("quota", subject, &error),
        (Ok(wanted), Ok(quota)) => (*wanted, quota),
    };
    let Some(value) = quota.value() else {
        let found = format!("Service Quotas gives no value for {}", need.code);
        return Outcome::unreadable(
            "quota",
            subject,
            found,
            "look at it in the console of Service Quotas",
        );
    };
    let found = format!("{wanted} needed of {value} ({})", need.what);
    if wanted <= value {
        return Outcome::pass("quota", subject, found);
    }
    let region = if need.edge {
        &foundation.edge.certificate_region
    } else {
        &foundation.region
    };
    let fix = if quota.adjustable() {
        format!(
            "aws service-quotas request-service-quota-increase --region {region} --service-code {} --quota-code {} \
             --desired-value {}",
            need.service,
            need.code,
            wanted.ceil()
        )
    } else {
        add_cell(patient)
    };
    Outcome::finding("quota", subject, found, fix)
}

async fn certificates(cloud: &Cloud) -> Result<usize, CloudError> {
    Ok(super::certificates::list(&cloud.acm).await?.len())
}

async fn distributions(cloud: &Cloud) -> Result<usize, CloudError> {
    let pages = cloud
        .cloudfront
        .list_distributions()
        .max_items(100)
        .into_paginator();
    let all = pages.items().send().collect::<Result<Vec<_>, _>>().await;
    Ok(all.map_err(aws("cloudfront:ListDistributions"))?.len())
}
