//! The site's CloudWatch alarms: answers with 5xx, unhealthy targets, CPU, memory. They tell the environment's topic; those
//! of a suspended site tell nobody.
//!
//! All are one resource to a plan. An alarm is a site's when its name is `bbws-<environment>-<tenant>-<word>` and it watches
//! that site's target group or service: an environment's own alarms may have names of the same form.

use super::read::Reader;
use super::{Attributes, Context, Found, Kind};
use crate::cloud::{Class, Cloud, CloudError, Limit, aws};
use crate::manifest::{SiteState, TenantId};
use aws_sdk_cloudwatch::types::{
    AlarmType, ComparisonOperator, Dimension, MetricAlarm, Statistic, Tag,
};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Seconds; what ELB and ECS publish their metrics at.
const PERIOD: i32 = 60;

/// What one alarm watches.
#[derive(Clone, Debug)]
struct Watch {
    /// The last part of its name; without a hyphen, or the tenant could not be told from it.
    word: &'static str,
    says: &'static str,
    namespace: &'static str,
    metric: &'static str,
    statistic: Statistic,
    /// Bad at this value and above.
    threshold: f64,
    /// Minutes looked at.
    minutes: i32,
    /// How many of them must be bad.
    bad: i32,
    /// What a minute without data counts as.
    missing: &'static str,
}

const LOAD_BALANCER: &str = "AWS/ApplicationELB";
const SERVICE: &str = "AWS/ECS";

const WATCHES: [Watch; 4] = [
    Watch {
        word: "5xx",
        says: "answers with server errors",
        namespace: LOAD_BALANCER,
        metric: "HTTPCode_Target_5XX_Count",
        statistic: Statistic::Sum,
        threshold: 5.0,
        minutes: 5,
        bad: 3,
        // ELB publishes no zeros: no data is no error.
        missing: "notBreaching",
    },
    Watch {
        word: "unhealthy",
        says: "has unhealthy targets, or none",
        namespace: LOAD_BALANCER,
        metric: "UnHealthyHostCount",
        statistic: Statistic::Maximum,
        threshold: 1.0,
        minutes: 5,
        bad: 3,
        // ELB publishes it as long as any target is registered: no data is a site without a task.
        missing: "breaching",
    },
    Watch {
        word: "cpu",
        says: "is short of CPU although it may scale out",
        namespace: SERVICE,
        metric: "CPUUtilization",
        statistic: Statistic::Average,
        threshold: 90.0,
        minutes: 15,
        bad: 15,
        // Without a task there is no load; that is the matter of `unhealthy`.
        missing: "notBreaching",
    },
    Watch {
        word: "memory",
        says: "is short of memory",
        namespace: SERVICE,
        metric: "MemoryUtilization",
        statistic: Statistic::Average,
        threshold: 90.0,
        minutes: 15,
        bad: 15,
        missing: "notBreaching",
    },
];

impl Watch {
    fn dimensions(&self, context: &Context<'_>) -> Vec<Dimension> {
        let pairs = match self.namespace {
            SERVICE => [
                ("ClusterName", context.foundation.cluster.name.clone()),
                ("ServiceName", context.who.name()),
            ],
            _ => [
                ("LoadBalancer", context.cell.load_balancer.full_name.clone()),
                ("TargetGroup", context.known(Kind::TargetGroup, "full_name")),
            ],
        };
        pairs
            .map(|(name, value)| Dimension::builder().name(name).value(value).build())
            .into()
    }

    /// As AWS would describe it.
    fn alarm(&self, context: &Context<'_>) -> MetricAlarm {
        let topic = &context.foundation.alarms.topic_arn;
        MetricAlarm::builder()
            .alarm_name(format!("{}-{}", context.who.name(), self.word))
            .alarm_description(format!(
                "{} in {} {}",
                context.who.tenant, context.who.environment, self.says
            ))
            .namespace(self.namespace)
            .metric_name(self.metric)
            .set_dimensions(Some(self.dimensions(context)))
            .statistic(self.statistic.clone())
            .period(PERIOD)
            .evaluation_periods(self.minutes)
            .datapoints_to_alarm(self.bad)
            .threshold(self.threshold)
            .comparison_operator(ComparisonOperator::GreaterThanOrEqualToThreshold)
            .treat_missing_data(self.missing)
            .alarm_actions(topic)
            .ok_actions(topic)
            .actions_enabled(context.site().state == SiteState::Active)
            .build()
    }
}

/// See [`super`]. By the last part of each alarm's name.
#[must_use]
pub(super) fn desired(context: &Context<'_>) -> Value {
    WATCHES
        .iter()
        .map(|watch| (watch.word.to_owned(), normalise(&watch.alarm(context))))
        .collect::<Map<_, _>>()
        .into()
}

fn normalise(alarm: &MetricAlarm) -> Value {
    json!({
        "description": alarm.alarm_description(),
        "namespace": alarm.namespace(),
        "metric": alarm.metric_name(),
        "dimensions": alarm.dimensions().iter().map(|d| (d.name().unwrap_or_default(), d.value())).collect::<BTreeMap<_, _>>(),
        "statistic": alarm.statistic().map(Statistic::as_str),
        "period_seconds": alarm.period(),
        "periods": alarm.evaluation_periods(),
        "bad_periods": alarm.datapoints_to_alarm().or(alarm.evaluation_periods()),
        "threshold": alarm.threshold(),
        "comparison": alarm.comparison_operator().map(ComparisonOperator::as_str),
        "missing_data": alarm.treat_missing_data().unwrap_or("missing"),
        "on_alarm": alarm.alarm_actions(),
        "on_ok": alarm.ok_actions(),
        "on_insufficient_data": alarm.insufficient_data_actions(),
        "actions_enabled": alarm.actions_enabled(),
    })
}

/// The tenant that an alarm is of, and the last part of its name.
fn owner<'a>(environment: &str, alarm: &'a MetricAlarm) -> Option<(TenantId, &'a str)> {
    let (name, word) = alarm.alarm_name()?.rsplit_once('-')?;
    let tenant = name
        .strip_prefix(&format!("bbws-{environment}-"))?
        .parse()
        .ok()?;
    let watches_it = alarm
        .dimensions()
        .iter()
        .any(|dimension| match dimension.name() {
            Some("ServiceName") => dimension.value() == Some(name),
            Some("TargetGroup") => dimension
                .value()
                .is_some_and(|v| v.starts_with(&format!("targetgroup/{name}/"))),
            _ => false,
        });
    watches_it.then_some((tenant, word))
}

/// `DescribeAlarms` by prefix, 100 a page.
///
/// # Errors
/// AWS's.
pub(super) async fn read_all(reader: &Reader<'_>) -> Result<Vec<(Kind, Found)>, CloudError> {
    let environment = reader.environment.as_str();
    let mut pages = reader
        .cloud
        .cloudwatch
        .describe_alarms()
        .alarm_name_prefix(format!("bbws-{environment}-"))
        .alarm_types(AlarmType::MetricAlarm)
        .max_records(100)
        .into_paginator()
        .send();
    let mut sites: BTreeMap<TenantId, Map<String, Value>> = BTreeMap::new();
    while let Some(page) = pages.next().await {
        for alarm in page
            .map_err(aws("cloudwatch:DescribeAlarms"))?
            .metric_alarms()
        {
            let Some((tenant, word)) = owner(environment, alarm) else {
                continue;
            };
            sites
                .entry(tenant)
                .or_default()
                .insert(word.to_owned(), normalise(alarm));
        }
    }
    let found = sites.into_iter().map(|(tenant, alarms)| {
        let id = format!("bbws-{environment}-{tenant}-*");
        (
            Kind::Alarms,
            Found {
                tenant,
                id,
                fields: alarms.into(),
                attributes: Attributes::new(),
            },
        )
    });
    Ok(found.collect())
}

/// See [`super`]. Writes the alarms that differ, deletes those that nothing asks for.
///
/// # Errors
/// AWS's.
pub(super) async fn ensure(
    cloud: &Cloud,
    context: &Context<'_>,
    found: Option<&Found>,
) -> Result<Attributes, CloudError> {
    for watch in &WATCHES {
        let alarm = watch.alarm(context);
        if found.is_none_or(|found| found.fields[watch.word] != normalise(&alarm)) {
            put(cloud, context, alarm).await?;
        }
    }
    let words = found
        .and_then(|found| found.fields.as_object())
        .into_iter()
        .flat_map(Map::keys);
    let surplus = words.filter(|word| WATCHES.iter().all(|watch| watch.word != *word));
    delete(cloud, context, surplus).await?;
    Ok(Attributes::new())
}

/// CloudWatch takes the tags of a new alarm only; an alarm that exists keeps those it has.
async fn put(cloud: &Cloud, context: &Context<'_>, alarm: MetricAlarm) -> Result<(), CloudError> {
    let tags = context
        .tags()
        .into_iter()
        .map(|(key, value)| Tag::builder().key(key).value(value).build());
    cloud.pace.wait(Limit::PutMetricAlarm).await;
    cloud
        .cloudwatch
        .put_metric_alarm()
        .set_alarm_name(alarm.alarm_name)
        .set_alarm_description(alarm.alarm_description)
        .set_namespace(alarm.namespace)
        .set_metric_name(alarm.metric_name)
        .set_dimensions(alarm.dimensions)
        .set_statistic(alarm.statistic)
        .set_period(alarm.period)
        .set_evaluation_periods(alarm.evaluation_periods)
        .set_datapoints_to_alarm(alarm.datapoints_to_alarm)
        .set_threshold(alarm.threshold)
        .set_comparison_operator(alarm.comparison_operator)
        .set_treat_missing_data(alarm.treat_missing_data)
        .set_alarm_actions(alarm.alarm_actions)
        .set_ok_actions(alarm.ok_actions)
        .set_actions_enabled(alarm.actions_enabled)
        .set_tags(Some(tags.collect()))
        .send()
        .await
        .map_err(aws("cloudwatch:PutMetricAlarm"))
        .map(drop)
}

/// See [`super`].
///
/// # Errors
/// AWS's.
pub(super) async fn remove(
    cloud: &Cloud,
    context: &Context<'_>,
    found: &Found,
) -> Result<(), CloudError> {
    delete(
        cloud,
        context,
        found.fields.as_object().into_iter().flat_map(Map::keys),
    )
    .await
}

async fn delete(
    cloud: &Cloud,
    context: &Context<'_>,
    words: impl Iterator<Item = &String>,
) -> Result<(), CloudError> {
    let names: Vec<_> = words
        .map(|word| format!("{}-{word}", context.who.name()))
        .collect();
    if names.is_empty() {
        return Ok(());
    }
    cloud.pace.wait(Limit::OtherWrites).await;
    let gone = cloud
        .cloudwatch
        .delete_alarms()
        .set_alarm_names(Some(names))
        .send()
        .await;
    super::unless(
        gone.map_err(aws("cloudwatch:DeleteAlarms")),
        Class::NotFound,
    )
    .map(drop)
}
