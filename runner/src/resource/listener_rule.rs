//! The rule that sends the cell's requests for `/tenant-<id>` to the site's target group, but only those that carry the
//! secret origin header: whoever reaches the load balancer without passing CloudFront gets the listener's default answer.
//!
//! A suspended site keeps its rule: its target group is empty then, and the edge answers before anyone gets here.

use super::read::Reader;
use super::single::{first_of_each, surplus};
use super::{Attributes, Context, Found, Kind};
use crate::cloud::{Class, Cloud, CloudError, Limit, Secret, aws};
use crate::manifest::TenantId;
use aws_sdk_elasticloadbalancingv2::types::{
    Action, ActionTypeEnum, HttpHeaderConditionConfig, PathPatternConditionConfig, Rule,
    RuleCondition, Tag,
};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use tokio::sync::Mutex;

/// The header by which the load balancer knows CloudFront.
pub(crate) const ORIGIN_HEADER: &str = "x-bbws-origin";
/// A listener's rules have priorities 1 to 50,000
/// (<https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateRule.html>).
const PRIORITIES: std::ops::RangeInclusive<u32> = 1..=50_000;
/// How often another process may snatch the priority that was chosen.
const ATTEMPTS: u32 = 5;
/// Held from choosing a priority to using it, so that two creations here never choose the same. ELBv2's rate of 3 writes
/// a second is slower than one creation after the other.
static CREATING: Mutex<()> = Mutex::const_new(());

/// See [`super`].
#[must_use]
pub(super) fn desired(context: &Context<'_>) -> Value {
    json!({
        "listener": context.cell.load_balancer.listener_arn,
        "paths": paths(&context.who.prefix()),
        "header": { "name": ORIGIN_HEADER, "values": [context.origin_secret.fingerprint()] },
        "forward_to": [context.known(Kind::TargetGroup, "arn")],
    })
}

fn paths(prefix: &str) -> [String; 2] {
    [prefix.to_owned(), format!("{prefix}/*")]
}

/// Conditions that we never set are named in `others`, so that they show as a difference.
fn normalise(listener: &str, rule: &Rule) -> Value {
    let header = rule
        .conditions()
        .iter()
        .find_map(RuleCondition::http_header_config);
    let fingerprints: BTreeSet<_> = header
        .into_iter()
        .flat_map(|h| h.values())
        .map(|v| Secret::new(v).fingerprint())
        .collect();
    let others: BTreeSet<_> = rule
        .conditions()
        .iter()
        .filter_map(RuleCondition::field)
        .filter(|field| !["path-pattern", "http-header"].contains(field))
        .collect();
    let mut fields = json!({
        "listener": listener,
        "paths": path_patterns(rule).collect::<BTreeSet<_>>(),
        "header": {
            "name": header.and_then(|h| h.http_header_name()).map(str::to_ascii_lowercase),
            "values": fingerprints,
        },
        "forward_to": rule.actions().iter().flat_map(targets).collect::<BTreeSet<_>>(),
    });
    if !others.is_empty() {
        fields["others"] = json!(others);
    }
    fields
}

fn path_patterns(rule: &Rule) -> impl Iterator<Item = &str> {
    rule.conditions()
        .iter()
        .filter_map(RuleCondition::path_pattern_config)
        .flat_map(PathPatternConditionConfig::values)
        .map(String::as_str)
}

/// AWS answers a forward to one group with `TargetGroupArn` and with `ForwardConfig`.
fn targets(action: &Action) -> Vec<&str> {
    match action.forward_config() {
        Some(config) => config
            .target_groups()
            .iter()
            .filter_map(|group| group.target_group_arn())
            .collect(),
        None => action.target_group_arn().into_iter().collect(),
    }
}

/// The tenant whose path a rule is for.
fn tenant_of(rule: &Rule) -> Option<TenantId> {
    path_patterns(rule).find_map(|path| {
        path.strip_prefix("/tenant-")?
            .trim_end_matches("/*")
            .parse()
            .ok()
    })
}

/// `DescribeRules` of each cell's listener, 400 a page; a load balancer holds 100 rules by default.
///
/// # Errors
/// AWS's.
pub(super) async fn read_all(reader: &Reader<'_>) -> Result<Vec<(Kind, Found)>, CloudError> {
    let mut all = Vec::new();
    for cell in &reader.cloud.foundation.cells {
        let listener = &cell.load_balancer.listener_arn;
        let rules = rules(reader.cloud, listener).await?;
        all.extend(rules.iter().filter_map(|rule| {
            let arn = rule.rule_arn()?;
            Some(Found {
                tenant: tenant_of(rule)?,
                id: arn.to_owned(),
                fields: normalise(listener, rule),
                attributes: attributes(arn),
            })
        }));
    }
    Ok(first_of_each(all)
        .into_iter()
        .map(|found| (Kind::ListenerRule, found))
        .collect())
}

async fn rules(cloud: &Cloud, listener: &str) -> Result<Vec<Rule>, CloudError> {
    let request = cloud
        .elb
        .describe_rules()
        .listener_arn(listener)
        .page_size(400);
    let rules: Result<_, _> = request.into_paginator().items().send().collect().await;
    rules.map_err(aws("elasticloadbalancing:DescribeRules"))
}

/// `arn`.
fn attributes(arn: &str) -> Attributes {
    Attributes::from([("arn", arn.to_owned())])
}

/// See [`super`]. A rule keeps its priority; a new one takes the lowest that is free. A rule in another listener than the
/// cell's, and those beyond the first, are deleted once the right one stands.
///
/// # Errors
/// AWS's.
pub(super) async fn ensure(
    cloud: &Cloud,
    context: &Context<'_>,
    found: Option<&Found>,
) -> Result<Attributes, CloudError> {
    let listener = context.cell.load_balancer.listener_arn.as_str();
    let in_place = found.filter(|found| found.fields["listener"] == listener);
    let arn = match in_place {
        Some(found) => {
            modify(cloud, context, &found.id).await?;
            found.id.clone()
        }
        None => create(cloud, context, listener).await?,
    };
    if let Some(found) = found {
        for other in surplus(found)
            .iter()
            .chain([&found.id])
            .filter(|other| **other != arn)
        {
            delete(cloud, other).await?;
        }
    }
    Ok(attributes(&arn))
}

async fn create(
    cloud: &Cloud,
    context: &Context<'_>,
    listener: &str,
) -> Result<String, CloudError> {
    let _one_at_a_time = CREATING.lock().await;
    let mut attempt = 1;
    loop {
        let present = rules(cloud, listener).await?;
        // A creation whose answer got lost has left a rule that was not there when the inventory was read.
        if let Some(rule) = present
            .iter()
            .find(|rule| tenant_of(rule).as_ref() == Some(&context.who.tenant))
        {
            let arn = rule.rule_arn().unwrap_or_default().to_owned();
            return modify(cloud, context, &arn).await.map(|()| arn);
        }
        let Some(priority) = free_priority(&present) else {
            return Err(CloudError::Unusable(format!(
                "listener {listener} has no free rule priority"
            )));
        };
        cloud.pace.wait(Limit::LoadBalancerWrites).await;
        let tags = context
            .tags()
            .into_iter()
            .map(|(key, value)| Tag::builder().key(key).value(value).build());
        let made = cloud
            .elb
            .create_rule()
            .listener_arn(listener)
            .priority(priority)
            .set_conditions(Some(conditions(context)))
            .actions(forward(context))
            .set_tags(Some(tags.collect()))
            .send()
            .await
            .map_err(aws("elasticloadbalancing:CreateRule"));
        match made {
            Err(error) if error.class() == Class::Conflict && attempt < ATTEMPTS => attempt += 1,
            made => {
                let arn = made?.rules().first().and_then(|rule| rule.rule_arn.clone());
                return arn.ok_or_else(|| {
                    CloudError::Unusable("CreateRule answered without a rule".to_owned())
                });
            }
        }
    }
}

/// The default rule's priority is the word `default`.
fn free_priority(present: &[Rule]) -> Option<i32> {
    let taken: BTreeSet<u32> = present
        .iter()
        .filter_map(|rule| rule.priority()?.parse().ok())
        .collect();
    PRIORITIES
        .into_iter()
        .find(|priority| !taken.contains(priority))
        .and_then(|priority| priority.try_into().ok())
}

async fn modify(cloud: &Cloud, context: &Context<'_>, arn: &str) -> Result<(), CloudError> {
    cloud.pace.wait(Limit::LoadBalancerWrites).await;
    cloud
        .elb
        .modify_rule()
        .rule_arn(arn)
        .set_conditions(Some(conditions(context)))
        .actions(forward(context))
        .send()
        .await
        .map_err(aws("elasticloadbalancing:ModifyRule"))
        .map(drop)
}

fn conditions(context: &Context<'_>) -> Vec<RuleCondition> {
    let paths = PathPatternConditionConfig::builder()
        .set_values(Some(paths(&context.who.prefix()).into()))
        .build();
    let header = HttpHeaderConditionConfig::builder()
        .http_header_name(ORIGIN_HEADER)
        .values(context.origin_secret.expose())
        .build();
    vec![
        RuleCondition::builder()
            .field("path-pattern")
            .path_pattern_config(paths)
            .build(),
        RuleCondition::builder()
            .field("http-header")
            .http_header_config(header)
            .build(),
    ]
}

fn forward(context: &Context<'_>) -> Action {
    Action::builder()
        .r#type(ActionTypeEnum::Forward)
        .target_group_arn(context.known(Kind::TargetGroup, "arn"))
        .build()
}

/// See [`super`].
///
/// # Errors
/// AWS's.
pub(super) async fn remove(
    cloud: &Cloud,
    _: &Context<'_>,
    found: &Found,
) -> Result<(), CloudError> {
    for arn in surplus(found).iter().chain([&found.id]) {
        delete(cloud, arn).await?;
    }
    Ok(())
}

async fn delete(cloud: &Cloud, arn: &str) -> Result<(), CloudError> {
    cloud.pace.wait(Limit::LoadBalancerWrites).await;
    let gone = cloud
        .elb
        .delete_rule()
        .rule_arn(arn)
        .send()
        .await
        .map_err(aws("elasticloadbalancing:DeleteRule"));
    super::unless(gone, Class::NotFound).map(drop)
}
