//! A site and what it is made from, for the unit tests of this module's files.

use super::{Attributes, Context, Kind, TenantRef};
use crate::cloud::{Foundation, Secret};
use crate::manifest::{
    Admin, BackupPolicy, Code, ContentRules, Lines, PriceClass, Site, SiteState, TaskRange,
};
use serde_json::json;
use std::collections::BTreeMap;

/// Owns what a [`Context`] borrows.
pub(crate) struct Sample {
    pub(super) site: Site,
    pub(crate) foundation: Foundation,
    pub(crate) origin_secret: Secret,
    pub(crate) known: BTreeMap<Kind, Attributes>,
}

impl Sample {
    /// `acme` in `dev`, all that AWS hands out known.
    pub(crate) fn new() -> Self {
        let arn = |arn: &str| Attributes::from([("arn", arn.to_owned())]);
        let secret = |what: &str| {
            arn(&format!(
                "arn:aws:secretsmanager:af-south-1:111111111111:secret:bbws/dev/acme/{what}-AbCdEf"
            ))
        };
        let group = "targetgroup/bbws-dev-acme/0123456789abcdef";
        Self {
            site: site(),
            foundation: foundation(),
            origin_secret: Secret::new("origin"),
            known: BTreeMap::from([
                (Kind::DatabaseSecret, secret("database")),
                (Kind::WordpressSecret, secret("wordpress")),
                (
                    Kind::AccessPoint,
                    Attributes::from([
                        (
                            "arn",
                            "arn:aws:elasticfilesystem:af-south-1:111111111111:access-point/fsap-1"
                                .to_owned(),
                        ),
                        ("id", "fsap-1".to_owned()),
                    ]),
                ),
                (
                    Kind::TaskRole,
                    arn("arn:aws:iam::111111111111:role/bbws/dev/bbws-dev-acme-task"),
                ),
                (
                    Kind::ExecutionRole,
                    arn("arn:aws:iam::111111111111:role/bbws/dev/bbws-dev-acme-execution"),
                ),
                (
                    Kind::TaskDefinition,
                    arn("arn:aws:ecs:af-south-1:111111111111:task-definition/bbws-dev-acme:3"),
                ),
                (
                    Kind::TargetGroup,
                    Attributes::from([
                        (
                            "arn",
                            format!("arn:aws:elasticloadbalancing:af-south-1:111111111111:{group}"),
                        ),
                        ("full_name", group.to_owned()),
                    ]),
                ),
            ]),
        }
    }

    /// What the desired state follows from.
    pub(crate) fn context(&self) -> Context<'_> {
        Context {
            site: Some(&self.site),
            who: TenantRef {
                environment: "dev".to_owned(),
                tenant: "acme".parse().unwrap(),
            },
            foundation: &self.foundation,
            cell: &self.foundation.cells[0],
            origin_secret: &self.origin_secret,
            image: "111111111111.dkr.ecr.af-south-1.amazonaws.com/bbws/wordpress@sha256:00"
                .to_owned(),
            hold: None,
            known: self.known.clone(),
        }
    }
}

pub(crate) fn site() -> Site {
    Site {
        tenant: "acme".parse().unwrap(),
        environment: "dev".parse().unwrap(),
        organization: "Acme".to_owned(),
        title: "Acme".to_owned(),
        domains: vec![
            "acme.dev.localhost".parse().unwrap(),
            "www.acme.dev.localhost".parse().unwrap(),
        ],
        locale: "en_US".parse().unwrap(),
        timezone: "UTC".parse().unwrap(),
        admin: Admin {
            user: "ada".to_owned(),
            email: "ada@acme.example".parse().unwrap(),
        },
        release: "7.1.1-1".parse().unwrap(),
        code: Code::default(),
        cpu: 256,
        memory: 512,
        tasks: TaskRange { min: 1, max: 3 },
        price_class: PriceClass::Cheapest,
        backup: BackupPolicy::Daily,
        monthly_budget: 20,
        state: SiteState::Active,
        promotion: None,
        removal: None,
        hold: None,
        lines: Lines::default(),
        content: ContentRules::default(),
    }
}

fn foundation() -> Foundation {
    serde_json::from_value(json!({
        "version": 1, "environment": "dev", "account": "111111111111", "region": "af-south-1", "partition": "aws",
        "viewer": {"scheme": "http", "port": 8080},
        "edge": {
            "certificate_region": "us-east-1", "web_acl_arn": "acl", "suspended_function_arn": "function",
            "static_cache_policy_id": "static", "dynamic_cache_policy_id": "dynamic",
            "origin_request_policy_id": "request",
        },
        "zone": {"id": "Z1", "name": "dev.localhost"},
        "cluster": {"name": "bbws-dev", "arn": "arn:aws:ecs:af-south-1:111111111111:cluster/bbws-dev"},
        "network": {"vpc_id": "vpc-1", "subnets": ["subnet-b", "subnet-a"], "task_security_group": "sg-1"},
        "registry": {
            "repository": "bbws/wordpress", "uri": "111111111111.dkr.ecr.af-south-1.amazonaws.com/bbws/wordpress",
        },
        "users": {"pool_id": "pool"},
        "artifacts": {"bucket": "bbws-dev-artifacts-111111111111"},
        "alarms": {"topic_arn": "topic"},
        "encryption": {"key_arn": "arn:aws:kms:af-south-1:111111111111:key/1"},
        "job": {"execution_role_arn": "execution", "task_role_arn": "task", "log_group": "/bbws/dev/jobs"},
        "cells": [{
            "name": "a",
            "load_balancer": {
                "arn": "alb", "dns_name": "alb.example", "listener_arn": "listener", "full_name": "app/bbws-dev-a/1",
            },
            "origin_secret_arn": "origin",
            "database": {"instance": "bbws-dev-a", "host": "db.example", "port": 3306, "admin_secret_arn": "admin"},
            "file_system_id": "fs-1",
        }],
    }))
    .unwrap()
}
