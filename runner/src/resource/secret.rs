//! The site's two secrets: the database's address and password, and WordPress's salts and administrator password.
//! Values are generated here once and never read again, except to correct the address of a secret that comes back from
//! deletion in another cell.

use super::managed_tags::{REMOVAL, managed};
use super::read::Reader;
use super::{Attributes, Context, Found, Kind};
use crate::cloud::{Class, Cloud, CloudError, Limit, Secret, aws};
use aws_sdk_secretsmanager::operation::describe_secret::DescribeSecretOutput;
use aws_sdk_secretsmanager::types::{Filter, FilterNameStringType, SecretListEntry, Tag};
use serde_json::{Value, json};
use std::collections::BTreeMap;

type Tags = BTreeMap<String, String>;

/// The least that Secrets Manager offers is 7 days: `DeleteSecret`, `RecoveryWindowInDays`.
pub(crate) const RECOVERY_DAYS: i64 = 7;
/// Tags that remember what was made with the secret, and the attribute that shows each.
const REMEMBERED: [(&str, &str); 3] = [
    ("bbws:database", "database"),
    ("bbws:wordpress", "wordpress"),
    ("bbws:final", "final"),
];
/// WordPress's keys and salts, as the secret's JSON names them.
pub(super) const SALTS: [&str; 8] = [
    "auth_key",
    "secure_auth_key",
    "logged_in_key",
    "nonce_key",
    "auth_salt",
    "secure_auth_salt",
    "logged_in_salt",
    "nonce_salt",
];

/// See [`super`]. The value is no part of it: it is made once, and a plan never reads secrets.
#[must_use]
pub(super) fn desired_database(context: &Context<'_>) -> Value {
    desired(context, &context.tags())
}

/// See [`super`] and [`desired_database`]. Of all that is a site's own it goes last, so it also tells when the site may go: its
/// manifest is gone by then.
#[must_use]
pub(super) fn desired_wordpress(context: &Context<'_>) -> Value {
    desired(context, &with_removal(context))
}

fn desired(context: &Context<'_>, tags: &Tags) -> Value {
    json!({ "kms_key": context.foundation.encryption.key_arn, "tags": tags })
}

fn with_removal(context: &Context<'_>) -> Tags {
    let mut tags = context.tags();
    let removal = context.site().removal.as_ref();
    tags.extend(removal.map(|removal| (REMOVAL.to_owned(), removal.after.to_string())));
    tags
}

fn normalise(secret: &SecretListEntry) -> Value {
    json!({
        "kms_key": secret.kms_key_id,
        "tags": managed(secret.tags().iter().map(|tag| (tag.key(), tag.value()))),
    })
}

/// `ListSecrets`, 100 a page. Secrets that wait for their deletion are not in it.
///
/// Attributes: `arn`, `name`, `cell`, and what [`remember`] wrote: `database`, `wordpress`, `final`; `removal`, the moment from which the site may be removed.
///
/// # Errors
/// AWS's.
pub(super) async fn read_all(reader: &Reader<'_>) -> Result<Vec<(Kind, Found)>, CloudError> {
    let prefix = format!("bbws/{}/", reader.environment);
    let mut pages = reader
        .cloud
        .secrets
        .list_secrets()
        .filters(
            Filter::builder()
                .key(FilterNameStringType::Name)
                .values(&prefix)
                .build(),
        )
        .max_results(100)
        .into_paginator()
        .send();
    let mut secrets = Vec::new();
    while let Some(page) = pages.next().await {
        secrets.extend(
            page.map_err(aws("secretsmanager:ListSecrets"))?
                .secret_list
                .unwrap_or_default(),
        );
    }
    let found = secrets.into_iter().filter_map(|secret| {
        let (tenant, what) = secret.name()?.strip_prefix(&prefix)?.split_once('/')?;
        let kind = match what {
            "database" => Kind::DatabaseSecret,
            "wordpress" => Kind::WordpressSecret,
            _ => return None,
        };
        let tenant = reader.tenant(tenant)?;
        let id = secret.name()?.to_owned();
        Some((
            kind,
            Found {
                tenant,
                id,
                fields: normalise(&secret),
                attributes: attributes_of(&secret),
            },
        ))
    });
    Ok(found.collect())
}

fn attributes_of(secret: &SecretListEntry) -> Attributes {
    let tag = |key: &str| {
        secret
            .tags()
            .iter()
            .find(|tag| tag.key() == Some(key))
            .and_then(Tag::value)
    };
    let own = [
        ("arn", secret.arn()),
        ("name", secret.name()),
        ("cell", tag("bbws:cell")),
        ("removal", tag(REMOVAL)),
    ];
    let remembered = REMEMBERED.map(|(key, attribute)| (attribute, tag(key)));
    own.into_iter()
        .chain(remembered)
        .filter_map(|(attribute, value)| Some((attribute, value?.to_owned())))
        .collect()
}

/// See [`super`] and [`ensure`].
///
/// # Errors
/// AWS's.
pub(super) async fn ensure_database(
    cloud: &Cloud,
    context: &Context<'_>,
    _: Option<&Found>,
) -> Result<Attributes, CloudError> {
    let address = address(context);
    ensure(
        cloud,
        context,
        (&context.who.secret("database"), &context.tags()),
        Some(&address),
        || {
            let mut value = address.clone();
            value["password"] = Secret::generate(32).expose().into();
            value
        },
    )
    .await
}

/// See [`super`] and [`ensure`].
///
/// # Errors
/// AWS's.
pub(super) async fn ensure_wordpress(
    cloud: &Cloud,
    context: &Context<'_>,
    _: Option<&Found>,
) -> Result<Attributes, CloudError> {
    let user = &context.site().admin.user;
    ensure(
        cloud,
        context,
        (&context.who.secret("wordpress"), &with_removal(context)),
        None,
        || {
            let mut value =
                json!({ "admin_user": user, "admin_password": Secret::generate(24).expose() });
            for salt in SALTS {
                value[salt] = Secret::generate(64).expose().into();
            }
            value
        },
    )
    .await
}

fn address(context: &Context<'_>) -> Value {
    let database = &context.cell.database;
    let schema = context.who.schema();
    json!({ "host": database.host, "port": database.port, "dbname": schema, "username": schema })
}

/// Creates the secret with its value in one call, or corrects key and tags of the one that exists, whose value stays.
/// One that waits for its deletion is taken back: its name is free for nobody else.
///
/// The tag `bbws:cell` is written last: while it names another cell, a repeat corrects the address again.
async fn ensure(
    cloud: &Cloud,
    context: &Context<'_>,
    (name, tags): (&str, &Tags),
    address: Option<&Value>,
    value: impl FnOnce() -> Value,
) -> Result<Attributes, CloudError> {
    let existing = match look(cloud, name).await? {
        Some(existing) => existing,
        None => match super::unless(
            create(cloud, context, (name, tags), &value()).await,
            Class::Conflict,
        )? {
            Some(arn) => return Ok(attributes(context, name, arn)),
            // Made in the meantime, perhaps by an attempt of ours whose answer was lost.
            None => look(cloud, name).await?.ok_or_else(|| {
                CloudError::Unusable(format!("secret {name} exists and can't be found"))
            })?,
        },
    };
    if existing.deleted_date().is_some() {
        restore(cloud, name).await?;
    }
    let key = &context.foundation.encryption.key_arn;
    if existing.kms_key_id() != Some(key) {
        cloud.pace.wait(Limit::SecretWrites).await;
        cloud
            .secrets
            .update_secret()
            .secret_id(name)
            .kms_key_id(key)
            .send()
            .await
            .map_err(aws("secretsmanager:UpdateSecret"))?;
    }
    let cell = existing
        .tags()
        .iter()
        .find(|tag| tag.key() == Some("bbws:cell"))
        .and_then(Tag::value);
    if let Some(address) = address.filter(|_| cell != Some(&context.cell.name)) {
        correct_address(cloud, name, address).await?;
    }
    if existing.tags().iter().any(|tag| tag.key() == Some(REMOVAL)) && !tags.contains_key(REMOVAL) {
        untag(cloud, name, &[REMOVAL]).await?;
    }
    tag(cloud, name, listed(tags)).await?;
    Ok(attributes(
        context,
        name,
        existing.arn().unwrap_or_default().to_owned(),
    ))
}

fn attributes(context: &Context<'_>, name: &str, arn: String) -> Attributes {
    Attributes::from([
        ("arn", arn),
        ("name", name.to_owned()),
        ("cell", context.cell.name.clone()),
    ])
}

fn listed(tags: &Tags) -> Vec<Tag> {
    tags.iter()
        .map(|(key, value)| Tag::builder().key(key).value(value).build())
        .collect()
}

async fn look(cloud: &Cloud, name: &str) -> Result<Option<DescribeSecretOutput>, CloudError> {
    let looked = cloud
        .secrets
        .describe_secret()
        .secret_id(name)
        .send()
        .await
        .map_err(aws("secretsmanager:DescribeSecret"));
    super::unless(looked, Class::NotFound)
}

/// The token is the same in every attempt that the SDK makes of this call, so a lost answer makes no conflict.
async fn create(
    cloud: &Cloud,
    context: &Context<'_>,
    (name, tags): (&str, &Tags),
    value: &Value,
) -> Result<String, CloudError> {
    cloud.pace.wait(Limit::SecretWrites).await;
    let made = cloud
        .secrets
        .create_secret()
        .name(name)
        .client_request_token(Secret::generate(32).expose())
        .kms_key_id(&context.foundation.encryption.key_arn)
        .secret_string(value.to_string())
        .set_tags(Some(listed(tags)))
        .send()
        .await
        .map_err(aws("secretsmanager:CreateSecret"))?;
    Ok(made.arn().unwrap_or_default().to_owned())
}

/// What the tags remember went with the site; believing them would leave its database and WordPress unmade.
async fn restore(cloud: &Cloud, name: &str) -> Result<(), CloudError> {
    cloud.pace.wait(Limit::SecretWrites).await;
    cloud
        .secrets
        .restore_secret()
        .secret_id(name)
        .send()
        .await
        .map_err(aws("secretsmanager:RestoreSecret"))?;
    untag(cloud, name, &REMEMBERED.map(|(key, _)| key)).await
}

async fn untag(cloud: &Cloud, name: &str, keys: &[&str]) -> Result<(), CloudError> {
    cloud.pace.wait(Limit::SecretWrites).await;
    cloud
        .secrets
        .untag_resource()
        .secret_id(name)
        .set_tag_keys(Some(keys.iter().map(|key| (*key).to_owned()).collect()))
        .send()
        .await
        .map_err(aws("secretsmanager:UntagResource"))
        .map(drop)
}

/// Host, port and names made those of `address`; the password stays.
async fn correct_address(cloud: &Cloud, name: &str, address: &Value) -> Result<(), CloudError> {
    let answer = cloud
        .secrets
        .get_secret_value()
        .secret_id(name)
        .send()
        .await
        .map_err(aws("secretsmanager:GetSecretValue"))?;
    let held: Value =
        serde_json::from_str(answer.secret_string().unwrap_or_default()).map_err(|_| {
            CloudError::Unusable(format!(
                "secret {name} is not JSON: set it right or delete it"
            ))
        })?;
    let Some(value) = readdressed(&held, address) else {
        return Ok(());
    };
    cloud.pace.wait(Limit::SecretWrites).await;
    cloud
        .secrets
        .put_secret_value()
        .secret_id(name)
        .client_request_token(Secret::generate(32).expose())
        .secret_string(value.to_string())
        .send()
        .await
        .map_err(aws("secretsmanager:PutSecretValue"))
        .map(drop)
}

/// `held` with the fields of `address`; none when it has them already.
fn readdressed(held: &Value, address: &Value) -> Option<Value> {
    let mut value = held.as_object()?.clone();
    for (field, wanted) in address.as_object()? {
        value.insert(field.clone(), wanted.clone());
    }
    let value = Value::Object(value);
    (value != *held).then_some(value)
}

async fn tag(cloud: &Cloud, name: &str, tags: Vec<Tag>) -> Result<(), CloudError> {
    cloud.pace.wait(Limit::SecretWrites).await;
    cloud
        .secrets
        .tag_resource()
        .secret_id(name)
        .set_tags(Some(tags))
        .send()
        .await
        .map_err(aws("secretsmanager:TagResource"))
        .map(drop)
}

/// Writes the tag `key` on a secret: what no AWS list shows is remembered there. `value` may have 256 characters.
/// A repeat writes the same again.
///
/// # Errors
/// AWS's.
pub(super) async fn remember(
    cloud: &Cloud,
    secret_id: &str,
    key: &str,
    value: &str,
) -> Result<(), CloudError> {
    tag(
        cloud,
        secret_id,
        vec![Tag::builder().key(key).value(value).build()],
    )
    .await
}

/// Removes what [`remember`] wrote as `key`. A repeat finds nothing and is content.
///
/// # Errors
/// AWS's.
pub(super) async fn forget(cloud: &Cloud, secret_id: &str, key: &str) -> Result<(), CloudError> {
    untag(cloud, secret_id, &[key]).await
}

/// See [`super`]. Deletion takes effect after [`RECOVERY_DAYS`]; until then [`ensure`] takes the secret back. What its
/// tags remember is removed first: a secret that waits for its deletion takes no such call.
///
/// # Errors
/// AWS's.
pub(super) async fn remove(
    cloud: &Cloud,
    _: &Context<'_>,
    found: &Found,
) -> Result<(), CloudError> {
    let forgotten = untag(cloud, &found.id, &REMEMBERED.map(|(key, _)| key)).await;
    let Some(()) = super::unless(forgotten, Class::NotFound)? else {
        return Ok(());
    };
    cloud.pace.wait(Limit::SecretWrites).await;
    let gone = cloud
        .secrets
        .delete_secret()
        .secret_id(&found.id)
        .recovery_window_in_days(RECOVERY_DAYS)
        .send()
        .await
        .map_err(aws("secretsmanager:DeleteSecret"));
    super::unless(gone, Class::NotFound).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resource::sample;

    #[test]
    fn a_secret_as_aws_lists_it_equals_the_desired_one() {
        let sample = sample::Sample::new();
        let context = sample.context();
        let listed = SecretListEntry::builder()
            .arn("arn:aws:secretsmanager:af-south-1:111111111111:secret:bbws/dev/acme/database-AbCdEf")
            .name("bbws/dev/acme/database")
            .kms_key_id(&context.foundation.encryption.key_arn)
            .set_tags(Some(listed(&context.tags())))
            .tags(Tag::builder().key("bbws:database").value("schema=0123").build())
            .tags(Tag::builder().key("owner").value("somebody").build())
            .build();
        assert_eq!(normalise(&listed), desired_database(&context));
        let attributes = attributes_of(&listed);
        assert_eq!(attributes["database"], "schema=0123");
        assert_eq!(attributes["cell"], "a");
        assert!(!attributes.contains_key("final"));
    }

    #[test]
    fn a_new_address_keeps_the_password_and_the_same_address_writes_nothing() {
        let held = json!({"host": "old", "port": 3306, "password": "p"});
        let moved = readdressed(&held, &json!({"host": "new", "port": 3306})).unwrap();
        assert_eq!(moved, json!({"host": "new", "port": 3306, "password": "p"}));
        assert_eq!(
            readdressed(&moved, &json!({"host": "new", "port": 3306})),
            None
        );
    }
}
