//! The cells' load balancers.

use super::facts::{Balancer, Default, Listener};
use super::{CLOSED, Check, Facts, Found, IN_TRANSIT, ISOLATED, Judged, KEPT, TRACED, when};

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "alb-http",
        ask: IN_TRANSIT,
        fix: "apply the environment's Terraform: module alb redirects port 80",
        judge: |facts| each(facts, http),
    },
    Check {
        id: "alb-tls-policy",
        ask: IN_TRANSIT,
        fix: "apply the environment's Terraform: module alb sets the policy",
        judge: |facts| each(facts, tls),
    },
    Check {
        id: "alb-default",
        ask: ISOLATED,
        fix: "apply the environment's Terraform: module alb answers 404",
        judge: |facts| each(facts, default),
    },
    Check {
        id: "alb-headers",
        ask: CLOSED,
        fix: "apply the environment's Terraform: module alb drops invalid header fields",
        judge: |facts| attribute(facts, "routing.http.drop_invalid_header_fields.enabled"),
    },
    Check {
        id: "alb-deletion-protection",
        ask: KEPT,
        fix: "apply the environment's Terraform with module alb protected",
        judge: |facts| attribute(facts, "deletion_protection.enabled"),
    },
    Check {
        id: "alb-access-logs",
        ask: TRACED,
        fix: "apply the environment's Terraform: module alb writes access logs",
        judge: |facts| attribute(facts, "access_logs.s3.enabled"),
    },
];

/// Policies that allow TLS 1.0 or 1.1 say so (`TLS13-1-0`, `TLS13-1-1`), those with older ciphers are called `Ext`.
/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/describe-ssl-policies.html>
fn is_modern(policy: &str) -> bool {
    let version = policy.strip_prefix("ELBSecurityPolicy-TLS13-");
    version.is_some_and(|v| (v.starts_with("1-2-") || v.starts_with("1-3-")) && !v.contains("Ext"))
}

fn each(facts: &Facts, judge: fn(&[Listener]) -> Found) -> Judged {
    let balancers = facts.balancers.iter();
    balancers
        .map(|b| {
            let listeners = b.listeners.as_ref().map_err(Clone::clone);
            (b.name.clone(), listeners.map(|l| judge(l)))
        })
        .collect()
}

fn attribute(facts: &Facts, name: &str) -> Judged {
    let is_on = |balancer: &Balancer| {
        let attributes = balancer.attributes.as_ref().map_err(Clone::clone)?;
        let value = attributes.get(name).map_or("not set", String::as_str);
        let found = format!("{name} is {value}");
        Ok(when(value == "true", found.clone(), found))
    };
    let balancers = facts.balancers.iter();
    balancers.map(|b| (b.name.clone(), is_on(b))).collect()
}

fn http(listeners: &[Listener]) -> Found {
    let plain = listeners.iter().filter(|listener| !listener.encrypted);
    let serving = plain.filter(|listener| listener.default != Default::RedirectToHttps);
    let ports: Vec<_> = serving.map(|listener| listener.port.to_string()).collect();
    when(
        ports.is_empty(),
        "no listener serves plain HTTP",
        format!("plain HTTP is served on port {}", ports.join(", ")),
    )
}

fn tls(listeners: &[Listener]) -> Found {
    let encrypted = listeners.iter().filter(|listener| listener.encrypted);
    let policies: Vec<_> = encrypted.map(|listener| listener.policy.as_str()).collect();
    let well = !policies.is_empty() && policies.iter().all(|policy| is_modern(policy));
    when(
        well,
        policies.join(", "),
        match policies.as_slice() {
            [] => "no listener uses TLS".to_owned(),
            policies => policies.join(", "),
        },
    )
}

fn default(listeners: &[Listener]) -> Found {
    let strangers = listeners
        .iter()
        .filter(|listener| listener.default == Default::Serves);
    let ports: Vec<_> = strangers
        .map(|listener| listener.port.to_string())
        .collect();
    when(
        !listeners.is_empty() && ports.is_empty(),
        "all default actions refuse or redirect",
        match ports.as_slice() {
            [] => "it has no listener".to_owned(),
            ports => format!("the default action serves on port {}", ports.join(", ")),
        },
    )
}
