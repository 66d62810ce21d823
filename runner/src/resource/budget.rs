//! The site's monthly cost budget: what carries its tag may cost this much. The environment's topic is told at 80% and at
//! 100% of it spent, and when the month's forecast passes it.
//!
//! A budget is a site's when its name and its filter say so: an environment's own budgets may have names of the same form.
//! Notifications have no bulk read (`DescribeBudgets` leaves them out): they are made with the budget, and written again
//! with each change of it.
#![expect(
    deprecated,
    reason = "a filter expression is for filters of many parts; CostFilters is what DescribeBudgets answers with unasked"
)]

use super::read::Reader;
use super::{Attributes, Context, Found, Kind};
use crate::cloud::{Class, Cloud, CloudError, Limit, aws};
use crate::manifest::TenantId;
use aws_sdk_budgets::types::{
    Budget, BudgetType, ComparisonOperator, Notification, NotificationType,
    NotificationWithSubscribers, ResourceTag, Spend, Subscriber, SubscriptionType, ThresholdType,
    TimeUnit,
};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// The filter by a tag's value; the value is written `user:<tag>$<value>`
/// (<https://docs.aws.amazon.com/cost-management/latest/userguide/budgets-create-filters.html>).
const BY_TAG: &str = "TagKeyValue";
/// When the topic is told, in per cent of the budget.
const NOTIFICATIONS: [(NotificationType, f64); 3] = [
    (NotificationType::Actual, 80.0),
    (NotificationType::Actual, 100.0),
    (NotificationType::Forecasted, 100.0),
];

/// See [`super`].
#[must_use]
pub(super) fn desired(context: &Context<'_>) -> Value {
    normalise(&budget(context))
}

/// As AWS would describe it.
fn budget(context: &Context<'_>) -> Budget {
    let limit = Spend::builder()
        .amount(context.site().monthly_budget.to_string())
        .unit("USD")
        .build();
    Budget::builder()
        .budget_name(context.who.name())
        .budget_type(BudgetType::Cost)
        .time_unit(TimeUnit::Monthly)
        .budget_limit(limit.expect("it has an amount and a unit"))
        .cost_filters(BY_TAG, vec![tag_value(&context.who.tenant)])
        .build()
        .expect("it has a name, a type and a time unit")
}

fn tag_value(tenant: &TenantId) -> String {
    format!("user:bbws:tenant${tenant}")
}

/// AWS answers with amounts such as `40.0`.
fn normalise(budget: &Budget) -> Value {
    let filters: BTreeMap<_, BTreeSet<_>> = budget
        .cost_filters()
        .into_iter()
        .flatten()
        .map(|(key, values)| (key, values.iter().collect()))
        .collect();
    json!({
        "type": budget.budget_type().as_str(),
        "period": budget.time_unit().as_str(),
        "limit": budget.budget_limit().map(|limit| limit.amount().parse::<f64>().unwrap_or(f64::NAN)),
        "unit": budget.budget_limit().map(Spend::unit),
        "filters": filters,
    })
}

/// `DescribeBudgets`, 100 a page.
///
/// # Errors
/// AWS's.
pub(super) async fn read_all(reader: &Reader<'_>) -> Result<Vec<(Kind, Found)>, CloudError> {
    let budgets: Vec<_> = reader
        .cloud
        .budgets
        .describe_budgets()
        .account_id(&reader.cloud.foundation.account)
        .into_paginator()
        .page_size(100)
        .items()
        .send()
        .collect::<Result<_, _>>()
        .await
        .map_err(aws("budgets:DescribeBudgets"))?;
    let found = budgets.iter().filter_map(|budget| {
        let tenant = reader.tenant_of_name(budget.budget_name())?;
        if !budget
            .cost_filters()?
            .get(BY_TAG)?
            .contains(&tag_value(&tenant))
        {
            return None;
        }
        let found = Found {
            tenant,
            id: budget.budget_name().to_owned(),
            fields: normalise(budget),
            attributes: Attributes::from([("name", budget.budget_name().to_owned())]),
        };
        Some((Kind::Budget, found))
    });
    Ok(found.collect())
}

/// See [`super`]. `CreateBudget` makes budget, notifications and tags in one.
///
/// # Errors
/// AWS's.
pub(super) async fn ensure(
    cloud: &Cloud,
    context: &Context<'_>,
    found: Option<&Found>,
) -> Result<Attributes, CloudError> {
    if found.is_some() || !create(cloud, context).await? {
        cloud.pace.wait(Limit::OtherWrites).await;
        cloud
            .budgets
            .update_budget()
            .account_id(&context.foundation.account)
            .new_budget(budget(context))
            .send()
            .await
            .map_err(aws("budgets:UpdateBudget"))?;
        for notification in notifications(context) {
            notify(cloud, context, notification).await?;
        }
    }
    Ok(Attributes::from([("name", context.who.name())]))
}

/// Whether it was made; not so when a budget of that name exists.
async fn create(cloud: &Cloud, context: &Context<'_>) -> Result<bool, CloudError> {
    let tags = context.tags().into_iter().map(|(key, value)| {
        ResourceTag::builder()
            .key(key)
            .value(value)
            .build()
            .expect("it has a key and a value")
    });
    cloud.pace.wait(Limit::OtherWrites).await;
    let made = cloud
        .budgets
        .create_budget()
        .account_id(&context.foundation.account)
        .budget(budget(context))
        .set_notifications_with_subscribers(Some(notifications(context)))
        .set_resource_tags(Some(tags.collect()))
        .send()
        .await
        .map_err(aws("budgets:CreateBudget"));
    super::unless(made, Class::Conflict).map(|made| made.is_some())
}

fn notifications(context: &Context<'_>) -> Vec<NotificationWithSubscribers> {
    let of = |(kind, percent): &(NotificationType, f64)| {
        let notification = Notification::builder()
            .notification_type(kind.clone())
            .comparison_operator(ComparisonOperator::GreaterThan)
            .threshold(*percent)
            .threshold_type(ThresholdType::Percentage)
            .build();
        let topic = Subscriber::builder()
            .subscription_type(SubscriptionType::Sns)
            .address(&context.foundation.alarms.topic_arn)
            .build();
        NotificationWithSubscribers::builder()
            .notification(notification.expect("it has a type, an operator and a threshold"))
            .subscribers(topic.expect("it has a type and an address"))
            .build()
            .expect("it has a notification and a subscriber")
    };
    NOTIFICATIONS.iter().map(of).collect()
}

/// Adds a notification, or the topic to one that exists. What is there already stays.
async fn notify(
    cloud: &Cloud,
    context: &Context<'_>,
    wanted: NotificationWithSubscribers,
) -> Result<(), CloudError> {
    let name = context.who.name();
    cloud.pace.wait(Limit::OtherWrites).await;
    let made = cloud
        .budgets
        .create_notification()
        .account_id(&context.foundation.account)
        .budget_name(&name)
        .set_notification(wanted.notification.clone())
        .set_subscribers(Some(wanted.subscribers.clone()))
        .send()
        .await
        .map_err(aws("budgets:CreateNotification"));
    if super::unless(made, Class::Conflict)?.is_some() {
        return Ok(());
    }
    for subscriber in wanted.subscribers {
        cloud.pace.wait(Limit::OtherWrites).await;
        let added = cloud
            .budgets
            .create_subscriber()
            .account_id(&context.foundation.account)
            .budget_name(&name)
            .set_notification(wanted.notification.clone())
            .subscriber(subscriber)
            .send()
            .await
            .map_err(aws("budgets:CreateSubscriber"));
        super::unless(added, Class::Conflict)?;
    }
    Ok(())
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
    cloud.pace.wait(Limit::OtherWrites).await;
    let gone = cloud
        .budgets
        .delete_budget()
        .account_id(&context.foundation.account)
        .budget_name(&found.id)
        .send()
        .await
        .map_err(aws("budgets:DeleteBudget"));
    super::unless(gone, Class::NotFound).map(drop)
}
