//! What keeps a tenant from another's beside its roles: secrets, files and the way in of its own.

use super::{AT_REST, Check, Facts, Found, ISOLATED, Judged, when};
use crate::manifest::TenantId;
use crate::resource::{Found as Resource, Kind, ORIGIN_HEADER, TenantRef, cell_of};
use serde_json::{Value, json};

/// What a site that runs has of its own.
const OWN: [Kind; 6] = [
    Kind::DatabaseSecret,
    Kind::WordpressSecret,
    Kind::AccessPoint,
    Kind::TaskRole,
    Kind::ExecutionRole,
    Kind::ListenerRule,
];

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "tenant-own",
        ask: ISOLATED,
        fix: "`bbws apply` makes what is missing",
        judge: |facts| facts.each(&[&[Kind::Service], &OWN[..]].concat(), own),
    },
    Check {
        id: "tenant-secrets",
        ask: AT_REST,
        fix: "`bbws apply` encrypts it with the environment's key",
        judge: secrets,
    },
    Check {
        id: "tenant-files",
        ask: ISOLATED,
        fix: "nobody can change it: make another access point, move the files, then delete this one",
        judge: |facts| facts.each(&[Kind::AccessPoint], files),
    },
    Check {
        id: "tenant-rule",
        ask: ISOLATED,
        fix: "`bbws apply` writes the rule anew",
        judge: |facts| facts.each(&[Kind::ListenerRule, Kind::TargetGroup], rule),
    },
    Check {
        id: "tenant-origin",
        ask: ISOLATED,
        fix: "`bbws apply` makes the load balancer take requests from the edge alone",
        judge: |facts| facts.each(&[Kind::ListenerRule], demanded),
    },
    Check {
        id: "site-origin",
        ask: ISOLATED,
        fix: "`bbws apply` makes the edge send the header",
        judge: |facts| facts.each(&[Kind::Distribution], sent),
    },
];

fn own(facts: &Facts, tenant: &TenantId, _: &Resource) -> Found {
    let missing = OWN
        .iter()
        .filter(|kind| facts.own(tenant, **kind).is_none());
    let missing: Vec<_> = missing.map(|kind| kind.label()).collect();
    when(
        missing.is_empty(),
        "secrets, access point, roles and rule",
        format!("it has no {}", missing.join(", ")),
    )
}

fn secrets(facts: &Facts) -> Judged {
    let kinds = [Kind::DatabaseSecret, Kind::WordpressSecret];
    let all = kinds.into_iter().flat_map(|kind| {
        let judged = facts.each(&[kind], key).into_iter();
        judged.map(move |(tenant, found)| (format!("{tenant}: {}", kind.label()), found))
    });
    all.collect()
}

fn key(facts: &Facts, _: &TenantId, secret: &Resource) -> Found {
    match secret.fields["kms_key"].as_str() {
        Some(key) if key == facts.foundation.encryption.key_arn => {
            Ok("under the environment's key".to_owned())
        }
        Some(other) => Err(format!("under {other}")),
        None => Err("under AWS's own key".to_owned()),
    }
}

fn files(facts: &Facts, tenant: &TenantId, point: &Resource) -> Found {
    if point.fields["user"] != "own" {
        return Err(format!("its user is {}", point.fields["user"]));
    }
    let uid = point.attributes.get("uid");
    let others = facts
        .of(Kind::AccessPoint)
        .filter(|(other, theirs)| *other != tenant && theirs.attributes.get("uid") == uid);
    let others: Vec<_> = others.map(|(other, _)| other.as_str()).collect();
    when(
        others.is_empty(),
        format!(
            "{} as a user of its own",
            point.fields["root"].as_str().unwrap_or_default()
        ),
        format!("it shares its user with {}", others.join(", ")),
    )
}

fn rule(facts: &Facts, tenant: &TenantId, rule: &Resource) -> Found {
    let who = TenantRef {
        environment: facts.foundation.environment.clone(),
        tenant: tenant.clone(),
    };
    let prefix = who.prefix();
    if rule.fields["paths"] != json!([prefix, format!("{prefix}/*")]) {
        return Err(format!("it is for {}", rule.fields["paths"]));
    }
    let own = facts.own(tenant, Kind::TargetGroup);
    let own = own.and_then(|group| group.attributes.get("arn"));
    if own.is_none_or(|arn| rule.fields["forward_to"] != json!([arn])) {
        return Err(format!("it leads to {}", rule.fields["forward_to"]));
    }
    when(
        rule.fields["also"].is_null(),
        "its path leads to its target group",
        format!("there are further ones: {}", rule.fields["also"]),
    )
}

/// What the header must carry, as it is shown: none where AWS holds no such secret.
fn secret_of(facts: &Facts, tenant: &TenantId) -> Option<Value> {
    let cell = cell_of(facts.inventory.found.get(tenant)?)?;
    let secret = facts.inventory.origin_secrets.get(cell)?;
    Some(secret.fingerprint().into())
}

fn demanded(facts: &Facts, tenant: &TenantId, rule: &Resource) -> Found {
    let header = &rule.fields["header"];
    let secret = secret_of(facts, tenant);
    when(
        header["name"] == ORIGIN_HEADER
            && secret.is_some_and(|secret| header["values"] == json!([secret])),
        "its rule demands the secret header",
        "its rule does not demand the secret header of its cell",
    )
}

fn sent(facts: &Facts, tenant: &TenantId, site: &Resource) -> Found {
    let secret = secret_of(facts, tenant);
    let mut origins = site.fields["origins"].as_array().into_iter().flatten();
    when(
        secret
            .is_some_and(|secret| origins.all(|origin| origin["headers"][ORIGIN_HEADER] == secret)),
        "its requests carry the secret header",
        "its requests do not carry the secret header of its cell",
    )
}
