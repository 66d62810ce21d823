//! What must hold between the values of a file and between files.
//!
//! Rules look at documents that may still have other problems, take what is valid in them, and skip the rest: so one run
//! tells everything.

mod packages;

use std::collections::BTreeMap;
use std::path::Path;
use std::str::FromStr;

use crate::image::unusable_key;

use super::finding::{Finding, Rule};
use super::load::{Document, Documents};
use super::suggest;
use super::yaml::{Kind, Node};
use super::{CellName, Domain, EnvironmentName, SigningKey, TenantId};

/// Every rule. Their order doesn't matter: findings are sorted.
const RULES: [fn(&Documents, &mut Vec<Finding>); 11] = [
    signatures_without_keys,
    unknown_environments,
    names_too_long,
    fargate_sizes,
    task_ranges,
    canaries_without_site,
    cells_claimed,
    zones_claimed,
    domains_in_zone,
    domains_claimed,
    packages::listed_twice,
];

pub(super) use packages::unusable as unusable_packages;

/// The memory, in MiB, that Fargate offers with so many CPU units: least, most and step.
/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-tasks-services.html#fargate-tasks-size>
const FARGATE: [(i64, i64, i64, i64); 6] = [
    (512, 1_024, 4_096, 1_024),
    (1_024, 2_048, 8_192, 1_024),
    (2_048, 4_096, 16_384, 1_024),
    (4_096, 8_192, 30_720, 1_024),
    (8_192, 16_384, 61_440, 4_096),
    (16_384, 32_768, 122_880, 8_192),
];

/// The smallest CPU has no even step.
const FARGATE_SMALLEST: (i64, [i64; 3]) = (256, [512, 1_024, 2_048]);

/// A target group's name, <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateTargetGroup.html>:
/// the tightest limit on `bbws-<environment>-<tenant>`.
const LONGEST_NAME: usize = 32;

/// A certificate's first name, <https://docs.aws.amazon.com/acm/latest/APIReference/API_RequestCertificate.html>.
const LONGEST_PRIMARY_DOMAIN: usize = 64;

/// Applies every rule.
pub(super) fn check(documents: &Documents, findings: &mut Vec<Finding>) {
    for rule in RULES {
        rule(documents, findings);
    }
}

impl Document {
    fn at(&self, path: &[&str]) -> Option<&Node> {
        path.iter().try_fold(&self.node, |node, key| node.get(key))
    }

    fn report(
        &self,
        node: &Node,
        rule: Rule,
        message: String,
        help: String,
        findings: &mut Vec<Finding>,
    ) {
        findings.push(self.source.finding(node.span, rule, message, help));
    }
}

fn valid<T: FromStr>(node: &Node) -> Option<T> {
    node.text()?.parse().ok()
}

impl Documents {
    fn environment_documents(&self) -> impl Iterator<Item = (&EnvironmentName, &Document)> {
        self.environments
            .iter()
            .filter_map(|(name, document)| Some((name, document.as_ref()?)))
    }

    /// The sites of environments that exist: what the others should be, nobody knows.
    fn site_documents(&self) -> impl Iterator<Item = (&EnvironmentName, &Document)> {
        self.sites
            .iter()
            .filter(|((_, environment), _)| self.environments.contains_key(environment))
            .filter_map(|((_, environment), document)| Some((environment, document.as_ref()?)))
    }

    fn environment_document(&self, name: &EnvironmentName) -> Option<&Document> {
        self.environments.get(name)?.as_ref()
    }

    fn zones(&self) -> Vec<(&EnvironmentName, Domain)> {
        self.environment_documents()
            .filter_map(|(name, document)| Some((name, valid(document.at(&["domain"])?)?)))
            .collect()
    }
}

fn signatures_without_keys(documents: &Documents, findings: &mut Vec<Finding>) {
    for (_, document) in documents.environment_documents() {
        let Some(required) = document.at(&["require_signed"]) else {
            continue;
        };
        if matches!(required.kind, Kind::Bool(true)) && document.at(&["signing_keys"]).is_none() {
            document.report(
                required,
                Rule::MissingKey,
                "signatures are required, but no key is trusted".to_owned(),
                "add `signing_keys:` with a KMS key or the path of a public key".to_owned(),
                findings,
            );
        }
    }
}

/// The files of trusted keys, which lie in the fleet at `root`. Nothing could be verified with one that is of no use.
pub(super) fn unusable_keys(root: &Path, documents: &Documents, findings: &mut Vec<Finding>) {
    for (_, document) in documents.environment_documents() {
        let keys = document.at(&["signing_keys"]);
        for node in keys.map_or(&[][..], Node::items) {
            let Some(key) = valid::<SigningKey>(node) else {
                continue;
            };
            let Some(reason) = unusable_key(key.as_str(), root) else {
                continue;
            };
            document.report(
                node,
                Rule::UnusableKey,
                format!("the key `{}` cannot be used: {reason}", key.as_str()),
                "name a key of KMS (`awskms:///…`), or the path of a public key from the fleet's folder".to_owned(),
                findings,
            );
        }
    }
}

fn unknown_environments(documents: &Documents, findings: &mut Vec<Finding>) {
    for (tenant, environment) in documents.sites.keys() {
        if documents.environments.contains_key(environment) {
            continue;
        }
        let known: Vec<&str> = documents
            .environments
            .keys()
            .map(EnvironmentName::as_str)
            .collect();
        let help = match suggest::closest(environment.as_str(), known.iter().copied()) {
            Some(near) => format!("did you mean `{near}.yaml`?"),
            None if known.is_empty() => {
                "add the environment's folder below `environments/` first".to_owned()
            }
            None => format!("the environments are {}", known.join(", ")),
        };
        findings.push(Finding::on_file(
            format!("tenants/{tenant}/{environment}.yaml"),
            Rule::UnknownEnvironment,
            format!("there is no environment `{environment}`"),
            help,
        ));
    }
}

fn names_too_long(documents: &Documents, findings: &mut Vec<Finding>) {
    for (tenant, environment) in documents.sites.keys() {
        let name = format!("bbws-{environment}-{tenant}");
        if name.len() <= LONGEST_NAME {
            continue;
        }
        let room = LONGEST_NAME.saturating_sub("bbws--".len() + environment.as_str().len());
        findings.push(Finding::on_file(
            format!("tenants/{tenant}/{environment}.yaml"),
            Rule::NameTooLong,
            format!(
                "`{name}` has {} characters; AWS allows a target group {LONGEST_NAME}",
                name.len()
            ),
            format!("in environment `{environment}` a tenant's id may have {room} characters"),
        ));
    }
}

fn fargate_sizes(documents: &Documents, findings: &mut Vec<Finding>) {
    for (_, document) in documents.environment_documents() {
        let (Some(cpu), Some(memory)) = (
            document.at(&["defaults", "cpu"]),
            document.at(&["defaults", "memory"]),
        ) else {
            continue;
        };
        fargate_size(document, memory, cpu.integer(), memory.integer(), findings);
    }
    for (environment, document) in documents.site_documents() {
        let home = documents.environment_document(environment);
        let (own_cpu, own_memory) = (document.at(&["cpu"]), document.at(&["memory"]));
        // A pair that is the environment's alone is reported there.
        let Some(at) = own_memory.or(own_cpu) else {
            continue;
        };
        let inherited = |key| home.and_then(|home| home.at(&["defaults", key]));
        let number =
            |own: Option<&Node>, key| own.or_else(|| inherited(key)).and_then(Node::integer);
        fargate_size(
            document,
            at,
            number(own_cpu, "cpu"),
            number(own_memory, "memory"),
            findings,
        );
    }
}

fn fargate_size(
    document: &Document,
    at: &Node,
    cpu: Option<i64>,
    memory: Option<i64>,
    findings: &mut Vec<Finding>,
) {
    let (Some(cpu), Some(memory)) = (cpu, memory) else {
        return;
    };
    let Some(offered) = fargate_memories(cpu) else {
        // No CPU that Fargate has: the check of the shape says so.
        return;
    };
    if !is_fargate_size(cpu, memory) {
        let message = format!("Fargate has no task with cpu {cpu} and memory {memory}");
        let help = format!("cpu {cpu} goes with memory {offered}");
        document.report(at, Rule::FargateSize, message, help, findings);
    }
}

/// Whether Fargate offers tasks of so many CPU units and MiB.
pub(super) fn is_fargate_size(cpu: i64, memory: i64) -> bool {
    let (smallest, memories) = FARGATE_SMALLEST;
    (cpu == smallest && memories.contains(&memory))
        || FARGATE.iter().any(|(units, least, most, step)| {
            cpu == *units && (*least..=*most).contains(&memory) && (memory - least) % step == 0
        })
}

fn fargate_memories(cpu: i64) -> Option<String> {
    let (smallest, [first, second, third]) = FARGATE_SMALLEST;
    if cpu == smallest {
        return Some(format!("{first}, {second} or {third}"));
    }
    let (_, least, most, step) = FARGATE.iter().find(|row| row.0 == cpu)?;
    Some(format!("{least} to {most} in steps of {step}"))
}

fn task_ranges(documents: &Documents, findings: &mut Vec<Finding>) {
    let defaults = documents
        .environment_documents()
        .map(|(_, document)| (document, document.at(&["defaults", "tasks"])));
    let sites = documents
        .site_documents()
        .map(|(_, document)| (document, document.at(&["tasks"])));
    for (document, tasks) in defaults.chain(sites) {
        let Some((min, most)) =
            tasks.and_then(|tasks| Some((tasks.get("min")?.integer()?, tasks.get("max")?)))
        else {
            continue;
        };
        if let Some(max) = most.integer().filter(|max| *max < min) {
            let message = format!("at most {max} tasks, but at least {min}");
            document.report(
                most,
                Rule::TaskRange,
                message,
                format!("raise `max` to {min} or more, or lower `min`"),
                findings,
            );
        }
    }
}

fn canaries_without_site(documents: &Documents, findings: &mut Vec<Finding>) {
    for (environment, document) in documents.environment_documents() {
        let canaries = document.at(&["rollout", "canaries"]);
        for node in canaries.map_or(&[][..], Node::items) {
            let Some(tenant) = valid::<TenantId>(node) else {
                continue;
            };
            let sites = documents.sites.keys().filter(|(_, of)| of == environment);
            let tenants: Vec<_> = sites.map(|(tenant, _)| tenant.as_str()).collect();
            if tenants.contains(&tenant.as_str()) {
                continue;
            }
            let help = suggest::closest(tenant.as_str(), tenants).map_or_else(
                || format!("add `tenants/{tenant}/{environment}.yaml`, or take the canary out"),
                |near| format!("did you mean `{near}`?"),
            );
            document.report(
                node,
                Rule::UnknownCanary,
                format!("`{tenant}` has no site in `{environment}`"),
                help,
                findings,
            );
        }
    }
}

fn cells_claimed(documents: &Documents, findings: &mut Vec<Finding>) {
    for (_, document) in documents.environment_documents() {
        let mut names: Vec<CellName> = Vec::new();
        let cells = document.at(&["foundation", "cells"]);
        for node in cells.map_or(&[][..], Node::items) {
            let Some((node, name)) = node
                .get("name")
                .and_then(|node| Some((node, valid::<CellName>(node)?)))
            else {
                continue;
            };
            if names.contains(&name) {
                document.report(
                    node,
                    Rule::CellClaimed,
                    format!("there is a cell `{name}` already"),
                    "give each cell a name of its own".to_owned(),
                    findings,
                );
            }
            names.push(name);
        }
    }
}

fn zones_claimed(documents: &Documents, findings: &mut Vec<Finding>) {
    let mut owners: BTreeMap<Domain, &EnvironmentName> = BTreeMap::new();
    for (name, document) in documents.environment_documents() {
        let Some((node, zone)) = document
            .at(&["domain"])
            .and_then(|node| Some((node, valid::<Domain>(node)?)))
        else {
            continue;
        };
        if let Some(owner) = owners.get(&zone) {
            document.report(
                node,
                Rule::ZoneClaimed,
                format!("`{zone}` is already the zone of environment `{owner}`"),
                format!("give `{name}` a zone of its own, like `{name}.{zone}`"),
                findings,
            );
        } else {
            owners.insert(zone, name);
        }
    }
}

fn domains_in_zone(documents: &Documents, findings: &mut Vec<Finding>) {
    let zones = documents.zones();
    for (environment, document) in documents.site_documents() {
        let Some((_, zone)) = zones.iter().find(|(name, _)| *name == environment) else {
            continue;
        };
        for (index, node) in document
            .at(&["domains"])
            .map_or(&[][..], Node::items)
            .iter()
            .enumerate()
        {
            let Some(domain) = valid::<Domain>(node) else {
                continue;
            };
            if index == 0 && domain.as_str().len() > LONGEST_PRIMARY_DOMAIN {
                document.report(
                    node,
                    Rule::DomainTooLong,
                    format!("the primary domain has {} characters; a certificate's first name may have {LONGEST_PRIMARY_DOMAIN}", domain.as_str().len()),
                    "put a shorter domain first".to_owned(),
                    findings,
                );
            }
            if let Some((message, help)) = misplaced(&domain, environment, zone, &zones) {
                document.report(node, Rule::DomainOutsideZone, message, help, findings);
            }
        }
    }
}

/// Why `domain` can't be served by `environment`. The zone's own name is refused too: it belongs to all of its tenants.
fn misplaced(
    domain: &Domain,
    environment: &EnvironmentName,
    zone: &Domain,
    zones: &[(&EnvironmentName, Domain)],
) -> Option<(String, String)> {
    if domain == zone {
        let message =
            format!("`{domain}` is the zone itself, which all tenants of `{environment}` share");
        return Some((message, format!("use a name below it, like `www.{zone}`")));
    }
    if !domain.is_within(zone) {
        let message =
            format!("`{domain}` is outside of `{zone}`, the zone of environment `{environment}`");
        return Some((message, format!("use a name that ends with `.{zone}`")));
    }
    // A zone inside ours is delegated: records that we made for its names would never be asked for.
    let (owner, inner) = zones
        .iter()
        .find(|(_, other)| other != zone && other.is_within(zone) && domain.is_within(other))?;
    let message = format!("`{domain}` lies in `{inner}`, the zone of environment `{owner}`");
    Some((
        message,
        format!("use a name of `{zone}` that is not below `{inner}`"),
    ))
}

fn domains_claimed(documents: &Documents, findings: &mut Vec<Finding>) {
    let mut owners: BTreeMap<Domain, String> = BTreeMap::new();
    for (_, document) in documents.site_documents() {
        for node in document.at(&["domains"]).map_or(&[][..], Node::items) {
            let Some(domain) = valid::<Domain>(node) else {
                continue;
            };
            let here = &document.source.file;
            let Some(owner) = owners.get(&domain) else {
                owners.insert(domain, format!("{here}:{}", node.span.start.line));
                continue;
            };
            document.report(
                node,
                Rule::DomainClaimed,
                format!("`{domain}` is already claimed at {owner}"),
                "a domain belongs to one site: remove it from one of the two".to_owned(),
                findings,
            );
        }
    }
}
