//! A site as the runner makes it has no finding; each thing of it that is weakened is found by its own check.

use super::{Facts, not_well};
use crate::cloud::Foundation;
use crate::report::Verdict;
use crate::resource::sample::Sample;
use crate::resource::{Found, Inventory, Kind, desired};
use serde_json::{Value, json};
use std::collections::BTreeMap;

const KINDS: [Kind; 9] = [
    Kind::DatabaseSecret,
    Kind::WordpressSecret,
    Kind::AccessPoint,
    Kind::TaskRole,
    Kind::ExecutionRole,
    Kind::TargetGroup,
    Kind::ListenerRule,
    Kind::Service,
    Kind::Distribution,
];

/// What is desired of `acme`, as if it stood.
pub(super) fn sound() -> (Foundation, Inventory) {
    let mut sample = Sample::new();
    sample.foundation.viewer.scheme = "https".to_owned();
    let mut inventory = Inventory::default();
    let context = sample.context();
    for kind in KINDS {
        let mut found = Found {
            tenant: "acme".parse().unwrap(),
            id: "id".to_owned(),
            fields: desired(kind, &context).unwrap(),
            attributes: sample.known.get(&kind).cloned().unwrap_or_default(),
        };
        if kind == Kind::AccessPoint {
            found.attributes.insert("uid", "20001".to_owned());
        }
        inventory.add(&[kind], Ok(vec![(kind, found)]));
    }
    let secret = sample.origin_secret.clone();
    inventory.origin_secrets.insert("a".to_owned(), secret);
    (sample.foundation, inventory)
}

fn acme(facts: &mut Facts) -> &mut BTreeMap<Kind, Found> {
    let tenant = "acme".parse().unwrap();
    facts.inventory.found.get_mut(&tenant).unwrap()
}

fn of(facts: &mut Facts, kind: Kind) -> &mut Found {
    acme(facts).get_mut(&kind).unwrap()
}

/// Adds a statement to a role's policy; `part` replaces what it says.
fn allow(facts: &mut Facts, kind: Kind, part: Value) {
    let mut statement = json!({
        "Effect": "Allow", "Action": ["s3:GetObject"],
        "Resource": ["arn:aws:s3:::bbws-dev-artifacts-111111111111/code/acme/*"],
    });
    let whole = statement.as_object_mut().unwrap();
    whole.extend(part.as_object().unwrap().clone());
    whole.retain(|_, value| !value.is_null());
    let statements = &mut of(facts, kind).fields["policies"]["bbws"]["Statement"];
    statements.as_array_mut().unwrap().push(statement);
}

/// Weakens a fresh environment and expects one finding.
fn finds(check: &str, weaken: impl FnOnce(&mut Facts)) {
    let mut facts = super::sound();
    weaken(&mut facts);
    assert_eq!(not_well(&facts), [(check, Verdict::Finding)], "{check}");
}

#[test]
fn a_role_that_may_do_more_is_found() {
    use Kind::{ExecutionRole, TaskRole};
    let reaches = |kind, resource: &str| {
        let part = json!({ "Resource": [resource] });
        finds("role-resources", |f| allow(f, kind, part));
    };
    finds("role-actions", |f| {
        allow(f, TaskRole, json!({"Action": ["s3:*"]}));
    });
    finds("role-actions", |f| {
        allow(
            f,
            TaskRole,
            json!({"Action": null, "NotAction": ["s3:PutObject"]}),
        );
    });
    finds("role-attached", |f| {
        let attached = json!(["arn:aws:iam::aws:policy/ReadOnlyAccess"]);
        of(f, ExecutionRole).fields["managed_policies"] = attached;
    });
    finds("role-resources", |f| {
        allow(f, TaskRole, json!({"Resource": null, "NotResource": ["a"]}));
    });
    reaches(TaskRole, "*");
    reaches(TaskRole, "arn:aws:s3:::bbws-dev-artifacts-111111111111/*");
    reaches(
        TaskRole,
        "arn:aws:s3:::bbws-dev-artifacts-111111111111/tenants/acme*",
    );
    reaches(
        TaskRole,
        "arn:aws:s3:::bbws-dev-artifacts-111111111111/tenants/bolt/*",
    );
    reaches(TaskRole, "arn:aws:iam::*:role/bbws/*/snapshots/*");
    reaches(
        ExecutionRole,
        "arn:aws:secretsmanager:af-south-1:111111111111:secret:bbws/dev/acme/*",
    );
    // Without the condition that narrows it to the tenant's own.
    reaches(ExecutionRole, "arn:aws:kms:af-south-1:111111111111:key/1");
    reaches(
        TaskRole,
        "arn:aws:elasticfilesystem:af-south-1:111111111111:file-system/fs-1",
    );
}

#[test]
fn a_policy_that_cannot_be_understood_allows_everything() {
    let mut facts = super::sound();
    of(&mut facts, Kind::TaskRole).fields["policies"]["more"] = json!("no JSON");
    let found: Vec<_> = not_well(&facts);
    let wanted = ["role-actions", "role-resources"];
    assert_eq!(found, wanted.map(|check| (check, Verdict::Finding)));
}

#[test]
fn a_role_that_others_may_assume_is_found() {
    for part in [
        json!({"Principal": {"AWS": ["*"]}}),
        json!({"Principal": {"Service": ["ecs-tasks.amazonaws.com"]}}),
    ] {
        finds("role-trust", |f| {
            let mut statement = part.clone();
            statement["Effect"] = "Allow".into();
            let trust = &mut of(f, Kind::TaskRole).fields["trust"]["Statement"];
            trust.as_array_mut().unwrap().push(statement);
        });
    }
}

#[test]
fn what_is_shared_between_tenants_is_found() {
    finds("tenant-own", |f| {
        let acme = acme(f);
        acme.remove(&Kind::WordpressSecret);
        // The execution role then reads a secret that nobody owns: that is another check's.
        acme.remove(&Kind::ExecutionRole);
    });
    finds("tenant-secrets", |f| {
        of(f, Kind::WordpressSecret).fields["kms_key"] = Value::Null;
    });
    finds("tenant-files", |f| {
        of(f, Kind::AccessPoint).fields["user"] = "0:0 []".into();
    });
    let mut facts = super::sound();
    let mut shared = of(&mut facts, Kind::AccessPoint).clone();
    shared.tenant = "bolt".parse().unwrap();
    let points = Ok(vec![(Kind::AccessPoint, shared)]);
    facts.inventory.add(&[Kind::AccessPoint], points);
    let both = [("tenant-files", Verdict::Finding); 2];
    assert_eq!(not_well(&facts), both);
}

#[test]
fn a_way_in_that_passes_the_edge_by_is_found() {
    finds("tenant-rule", |f| {
        of(f, Kind::ListenerRule).fields["paths"] = json!(["/tenant-acme", "/tenant-bolt/*"]);
    });
    finds("tenant-rule", |f| {
        of(f, Kind::ListenerRule).fields["forward_to"] = json!(["arn of another"]);
    });
    finds("tenant-rule", |f| {
        of(f, Kind::ListenerRule).fields["also"] = json!(["arn of a second"]);
    });
    finds("tenant-origin", |f| {
        of(f, Kind::ListenerRule).fields["header"] = json!({"name": null, "values": []});
    });
    finds("tenant-origin", |f| {
        of(f, Kind::ListenerRule).fields["header"]["values"] = json!(["(secret 00000000)"]);
    });
    finds("site-origin", |f| {
        of(f, Kind::Distribution).fields["origins"][0]["headers"] = json!({});
    });
}

#[test]
fn an_edge_that_is_weaker_is_found() {
    let site = |f: &mut Facts, pointer: &str, value: Value| {
        let fields = &mut of(f, Kind::Distribution).fields;
        *fields.pointer_mut(pointer).unwrap() = value;
    };
    finds("site-waf", |f| site(f, "/web_acl", "".into()));
    finds("site-https", |f| {
        site(f, "/behaviors/*.php/viewer_protocol", "allow-all".into());
    });
    finds("site-tls", |f| {
        site(f, "/certificate/oldest_tls", "TLSv1.1_2016".into());
    });
    finds("site-tls", |f| site(f, "/certificate", Value::Null));
    finds("site-origin-https", |f| {
        site(f, "/origins/0/protocol", "match-viewer".into());
    });
}
