//! A sound environment has no finding; each weakening is found, and nothing else.

use super::facts::{Balancer, Bucket, Default, FileSystem, Listener, Pool};
use super::{Facts, Outcome, Verdict, audit};
use serde_json::json;

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
    Facts {
        viewer_scheme: "https".to_owned(),
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
        pool_id: "pool".to_owned(),
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

#[test]
fn each_weakening_is_found_and_nothing_else() {
    type Weaken = fn(&mut Facts);
    let weakenings: &[(&str, Weaken)] = &[
        ("viewer-https", |f| f.viewer_scheme = "http".to_owned()),
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
    ];
    for (check, weaken) in weakenings {
        let mut facts = sound();
        weaken(&mut facts);
        assert_eq!(not_well(&facts), [(*check, Verdict::Finding)], "{check}");
    }
}

#[test]
fn what_cannot_be_read_is_never_a_pass() {
    let mut facts = sound();
    let denied = || "AccessDenied".to_owned();
    facts.balancers[0].listeners = Err(denied());
    facts.file_systems[0].policy = Err(denied());
    facts.pool = Err(denied());
    let unreadable: Vec<_> = not_well(&facts);
    assert!(unreadable.iter().all(|(_, v)| *v == Verdict::Unreadable));
    let checks: Vec<_> = unreadable.into_iter().map(|(check, _)| check).collect();
    let wanted = [
        "alb-http",
        "alb-tls-policy",
        "alb-default",
        "efs-tls",
        "efs-access-points",
        "users-password",
        "users-mfa",
        "users-invitation",
    ];
    assert_eq!(checks, wanted);
}
