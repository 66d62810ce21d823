//! A sound environment has no finding; each weakening is found, and nothing else.

mod sites;

use super::facts::{
    Aged, Backups, Balancer, Bucket, Database, Default, FileSystem, Instance, Listener, Pool,
    Vault, WebAcl,
};
use super::{Facts, Outcome, audit};
use crate::cloud::{Class, CloudError};
use crate::report::Verdict;
use crate::resource::Kind;
use serde_json::json;
use std::collections::BTreeMap;
use time::{Duration, OffsetDateTime};

const DATABASE: &str = "arn:aws:rds:af-south-1:111111111111:db:bbws-dev-a";
const FILES: &str = "arn:aws:elasticfilesystem:af-south-1:111111111111:file-system/fs-1";

fn sound() -> Facts {
    let attributes = [
        "routing.http.drop_invalid_header_fields.enabled",
        "deletion_protection.enabled",
        "access_logs.s3.enabled",
    ];
    let listener = |port, encrypted, policy: &str, default| Listener {
        port,
        encrypted,
        policy: policy.to_owned(),
        default,
    };
    let modern = "ELBSecurityPolicy-TLS13-1-2-Res-2021-06";
    let now = OffsetDateTime::UNIX_EPOCH + Duration::days(1_000);
    let vault = |name: &str, hours| Vault {
        name: name.to_owned(),
        locked: Ok(true),
        newest: Ok([DATABASE, FILES]
            .map(|arn| (arn.to_owned(), now - Duration::hours(hours)))
            .into()),
    };
    let aged = |name: &str, days, of_rds| Aged {
        name: name.to_owned(),
        changed: Some(now - Duration::days(days)),
        of_rds,
    };
    let (foundation, inventory) = sites::sound();
    Facts {
        foundation,
        inventory,
        now,
        databases: vec![Database {
            name: "bbws-dev-a".to_owned(),
            instance: Ok(Instance {
                arn: DATABASE.to_owned(),
                encrypted: true,
                public: false,
                protected: true,
                retention: 7,
                managed_password: true,
                plan: Some("daily".to_owned()),
            }),
            secure_transport: Ok(Some("1".to_owned())),
        }],
        backups: Some(Backups {
            here: vault("here", 31),
            away: vault("away", 37),
        }),
        web_acl: Ok(WebAcl {
            groups: ["Common", "KnownBadInputs", "SQLi", "PHP", "WordPress"]
                .map(|group| format!("AWSManagedRules{group}RuleSet"))
                .into(),
            limits_logins: true,
        }),
        secrets: Ok(vec![
            aged("cell a: administrator", 14, true),
            aged("bbws/dev/acme/database", 365, false),
        ]),
        balancers: vec![Balancer {
            name: "app/bbws-dev-a/1".to_owned(),
            attributes: Ok(attributes.map(|a| (a.to_owned(), "true".to_owned())).into()),
            listeners: Ok(vec![
                listener(80, false, "", Default::RedirectToHttps),
                listener(443, true, modern, Default::Refuses),
            ]),
        }],
        file_systems: vec![FileSystem {
            id: "fs-1".to_owned(),
            encrypted: Ok(true),
            plan: Ok(Some("daily".to_owned())),
            policy: Ok(Some(json!({"Statement": [
                {"Effect": "Deny", "Principal": "*", "Action": ["elasticfilesystem:ClientMount"],
                 "Condition": {"Null": {"elasticfilesystem:AccessPointArn": "true"}}},
                {"Effect": "Deny", "Principal": {"AWS": "*"}, "Action": "*",
                 "Condition": {"Bool": {"aws:SecureTransport": "false"}}},
            ]}))),
        }],
        bucket: Bucket {
            name: "artifacts".to_owned(),
            arn: "arn:aws:s3:::artifacts".to_owned(),
            open_ways: Ok(Vec::new()),
            encryption: Ok(Some("aws:kms".to_owned())),
            versioned: Ok(true),
            policy: Ok(Some(json!({"Statement": {
                "Effect": "Deny", "Principal": "*", "Action": "s3:*",
                "Resource": ["arn:aws:s3:::artifacts", "arn:aws:s3:::artifacts/*"],
                "Condition": {"Bool": {"aws:SecureTransport": "false"}}}}))),
        },
        pool: Ok(Pool {
            password_length: 12,
            missing_classes: Vec::new(),
            mfa: "ON".to_owned(),
            invitation_only: true,
        }),
    }
}

fn not_well(facts: &Facts) -> Vec<(&'static str, Verdict)> {
    let outcomes = audit(facts).into_iter();
    let bad = outcomes.filter(|outcome: &Outcome| outcome.verdict != Verdict::Pass);
    bad.map(|outcome| (outcome.check, outcome.verdict))
        .collect()
}

#[test]
fn a_sound_environment_has_no_finding() {
    assert_eq!(not_well(&sound()), []);
}

fn listeners(facts: &mut Facts) -> &mut Vec<Listener> {
    facts.balancers[0].listeners.as_mut().unwrap()
}

fn turn_off(facts: &mut Facts, attribute: &str) {
    let attributes = facts.balancers[0].attributes.as_mut().unwrap();
    attributes.insert(attribute.to_owned(), "false".to_owned());
}

fn statement(policy: &mut serde_json::Value, index: usize) -> &mut serde_json::Value {
    match policy["Statement"] {
        serde_json::Value::Array(_) => &mut policy["Statement"][index],
        _ => &mut policy["Statement"],
    }
}

fn database(facts: &mut Facts) -> &mut Instance {
    facts.databases[0].instance.as_mut().unwrap()
}

type Choose = fn(&mut Backups) -> &mut Vault;

fn newest(facts: &mut Facts, vault: Choose) -> &mut BTreeMap<String, OffsetDateTime> {
    let vault = vault(facts.backups.as_mut().unwrap());
    vault.newest.as_mut().unwrap()
}

fn age(facts: &mut Facts, vault: Choose, arn: &str) {
    *newest(facts, vault).get_mut(arn).unwrap() -= Duration::hours(1);
}

fn secret(facts: &mut Facts, index: usize, days: i64) {
    let changed = facts.now - Duration::days(days);
    facts.secrets.as_mut().unwrap()[index].changed = Some(changed);
}

#[test]
fn each_weakening_is_found_and_nothing_else() {
    type Weaken = fn(&mut Facts);
    let weakenings: &[(&str, Weaken)] = &[
        ("viewer-https", |f| {
            f.foundation.viewer.scheme = "http".to_owned()
        }),
        ("alb-http", |f| listeners(f)[0].default = Default::Refuses),
        ("alb-tls-policy", |f| {
            listeners(f)[1].policy = "ELBSecurityPolicy-2016-08".to_owned()
        }),
        ("alb-tls-policy", |f| {
            listeners(f)[1].policy = "ELBSecurityPolicy-TLS13-1-0-2021-06".to_owned();
        }),
        ("alb-tls-policy", |f| {
            listeners(f)[1].policy = "ELBSecurityPolicy-TLS13-1-2-Ext2-2021-06".to_owned();
        }),
        ("alb-tls-policy", |f| drop(listeners(f).pop())),
        ("alb-default", |f| listeners(f)[1].default = Default::Serves),
        ("alb-headers", |f| {
            turn_off(f, "routing.http.drop_invalid_header_fields.enabled")
        }),
        ("alb-deletion-protection", |f| {
            turn_off(f, "deletion_protection.enabled")
        }),
        ("alb-access-logs", |f| turn_off(f, "access_logs.s3.enabled")),
        ("efs-encryption", |f| {
            f.file_systems[0].encrypted = Ok(false)
        }),
        ("efs-access-points", |f| {
            let policy = f.file_systems[0].policy.as_mut().unwrap().as_mut().unwrap();
            statement(policy, 0)["Effect"] = json!("Allow");
        }),
        ("efs-tls", |f| {
            let policy = f.file_systems[0].policy.as_mut().unwrap().as_mut().unwrap();
            statement(policy, 1)["Principal"] = json!({"AWS": "arn:aws:iam::111122223333:root"});
        }),
        ("bucket-public-access", |f| {
            f.bucket.open_ways = Ok(vec!["BlockPublicAcls"])
        }),
        ("bucket-encryption", |f| {
            f.bucket.encryption = Ok(Some("AES256".to_owned()))
        }),
        ("bucket-versioning", |f| f.bucket.versioned = Ok(false)),
        ("bucket-tls", |f| f.bucket.policy = Ok(None)),
        ("bucket-tls", |f| {
            let policy = f.bucket.policy.as_mut().unwrap().as_mut().unwrap();
            statement(policy, 0)["Condition"]["StringEquals"] = json!({"aws:PrincipalTag/a": "b"});
        }),
        ("bucket-tls", |f| {
            let policy = f.bucket.policy.as_mut().unwrap().as_mut().unwrap();
            statement(policy, 0)["Resource"] = json!("arn:aws:s3:::artifacts");
        }),
        ("users-password", |f| {
            f.pool.as_mut().unwrap().password_length = 11
        }),
        ("users-password", |f| {
            f.pool.as_mut().unwrap().missing_classes = vec!["digits"]
        }),
        ("users-mfa", |f| {
            f.pool.as_mut().unwrap().mfa = "OPTIONAL".to_owned()
        }),
        ("users-invitation", |f| {
            f.pool.as_mut().unwrap().invitation_only = false
        }),
        ("rds-encryption", |f| database(f).encrypted = false),
        ("rds-tls", |f| f.databases[0].secure_transport = Ok(None)),
        ("rds-tls", |f| {
            f.databases[0].secure_transport = Ok(Some("0".to_owned()))
        }),
        ("rds-public-access", |f| database(f).public = true),
        ("rds-deletion-protection", |f| database(f).protected = false),
        ("rds-backups", |f| database(f).retention = 6),
        ("rds-password", |f| database(f).managed_password = false),
        ("backup-recent", |f| age(f, |b| &mut b.here, FILES)),
        ("backup-recent", |f| {
            newest(f, |b| &mut b.here).remove(DATABASE);
        }),
        ("backup-copied", |f| age(f, |b| &mut b.away, DATABASE)),
        ("backup-copied", |f| {
            newest(f, |b| &mut b.away).remove(FILES);
        }),
        ("backup-locked", |f| {
            f.backups.as_mut().unwrap().away.locked = Ok(false)
        }),
        ("waf-rules", |f| {
            let acl = f.web_acl.as_mut().unwrap();
            acl.groups.remove("AWSManagedRulesSQLiRuleSet");
        }),
        ("waf-rules", |f| {
            f.web_acl.as_mut().unwrap().limits_logins = false
        }),
        ("secret-age", |f| secret(f, 0, 15)),
        ("secret-age", |f| secret(f, 1, 366)),
    ];
    for (check, weaken) in weakenings {
        let mut facts = sound();
        weaken(&mut facts);
        assert_eq!(not_well(&facts), [(*check, Verdict::Finding)], "{check}");
    }
}

#[test]
fn an_hourly_plan_leaves_less_time_and_no_plan_none() {
    let mut facts = sound();
    database(&mut facts).plan = Some("hourly".to_owned());
    let late = [
        ("backup-recent", Verdict::Finding),
        ("backup-copied", Verdict::Finding),
    ];
    assert_eq!(not_well(&facts), late);
    for vault in [(|b| &mut b.here) as Choose, |b| &mut b.away] {
        newest(&mut facts, vault).insert(DATABASE.to_owned(), sound().now - Duration::hours(8));
    }
    assert_eq!(not_well(&facts), []);
    facts.file_systems[0].plan = Ok(None);
    assert_eq!(not_well(&facts), late);
}

#[test]
fn a_document_without_vaults_is_a_finding_of_each_check_of_backups() {
    let mut facts = sound();
    facts.backups = None;
    let found: Vec<_> = not_well(&facts).into_iter().collect();
    let wanted = [
        "backup-recent",
        "backup-recent",
        "backup-copied",
        "backup-copied",
        "backup-locked",
    ];
    assert_eq!(found, wanted.map(|check| (check, Verdict::Finding)));
}

#[test]
fn what_cannot_be_read_is_never_a_pass() {
    let mut facts = sound();
    let denied = || CloudError::Aws {
        operation: "some:Operation",
        code: "AccessDenied".to_owned(),
        message: "no".to_owned(),
        request_id: None,
        class: Class::Denied,
    };
    facts.balancers[0].listeners = Err(denied());
    facts.file_systems[0].policy = Err(denied());
    facts.pool = Err(denied());
    facts.databases[0].instance = Err(denied());
    facts.databases[0].secure_transport = Err(denied());
    facts.backups.as_mut().unwrap().away.newest = Err(denied());
    facts.web_acl = Err(denied());
    facts.secrets = Err(denied());
    let roles = vec![Kind::TaskRole, Kind::ExecutionRole];
    facts.inventory.unreadable.push((roles, denied()));
    let unreadable: Vec<_> = not_well(&facts);
    assert!(unreadable.iter().all(|(_, v)| *v == Verdict::Unreadable));
    let checks: Vec<_> = unreadable.into_iter().map(|(check, _)| check).collect();
    let wanted = [
        "alb-http",
        "alb-tls-policy",
        "alb-default",
        "efs-tls",
        "efs-access-points",
        "rds-encryption",
        "rds-tls",
        "rds-public-access",
        "rds-deletion-protection",
        "rds-backups",
        "rds-password",
        "backup-recent",
        "backup-copied",
        "backup-copied",
        "users-password",
        "users-mfa",
        "users-invitation",
        "waf-rules",
        "secret-age",
        "role-trust",
        "role-trust",
        "role-actions",
        "role-actions",
        "role-attached",
        "role-attached",
        "role-resources",
        "role-resources",
        "tenant-own",
    ];
    assert_eq!(checks, wanted);
}
