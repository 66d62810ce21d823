//! The site's two IAM roles: what its containers act as, and what starts them.
//!
//! IAM is eventually consistent: for some seconds after a role is made, ECS may be unable to assume it. The service's
//! scheduler tries again by itself; one-off tasks are retried by whoever starts them.

mod policy;

use super::managed_tags::managed;
use super::read::Reader;
use super::{Attributes, Context, Found, Kind};
use crate::cloud::wait::{Seen, until};
use crate::cloud::{Class, Cloud, CloudError, Limit, aws};
use aws_sdk_iam::types::{EntityType, RoleDetail, Tag};
use serde_json::{Map, Value, json};
use std::time::Duration;

/// The one inline policy of each role.
const POLICY: &str = "bbws";
/// IAM spreads a change within seconds; it promises nothing.
const VISIBLE: Duration = Duration::from_secs(60);

/// See [`super`].
#[must_use]
pub(super) fn desired_task(context: &Context<'_>) -> Value {
    desired(context, &policy::task(context))
}

/// See [`super`].
#[must_use]
pub(super) fn desired_execution(context: &Context<'_>) -> Value {
    desired(context, &policy::execution(context))
}

fn desired(context: &Context<'_>, document: &Value) -> Value {
    json!({
        "trust": policy::normalise(&policy::trust(context)),
        "policies": { POLICY: policy::normalise(document) },
        "managed_policies": [],
        "tags": context.tags(),
    })
}

fn normalise(role: &RoleDetail) -> Value {
    let inline = role.role_policy_list().iter().filter_map(|policy| {
        Some((
            policy.policy_name()?.to_owned(),
            policy::decode(policy.policy_document().unwrap_or_default()),
        ))
    });
    let mut attached: Vec<_> = role
        .attached_managed_policies()
        .iter()
        .filter_map(|p| p.policy_arn())
        .collect();
    attached.sort_unstable();
    json!({
        "trust": policy::decode(role.assume_role_policy_document().unwrap_or_default()),
        "policies": inline.collect::<Map<_, _>>(),
        "managed_policies": attached,
        "tags": managed(role.tags().iter().map(|tag| (Some(tag.key()), Some(tag.value())))),
    })
}

/// `GetAccountAuthorizationDetails`, the one bulk read that has inline policies and tags. It has no filter on paths, so
/// it returns every role of the account.
///
/// Attributes: `arn`, `name`.
///
/// # Errors
/// AWS's.
pub(super) async fn read_all(reader: &Reader<'_>) -> Result<Vec<(Kind, Found)>, CloudError> {
    let path = path(reader.environment.as_str());
    let mut pages = reader
        .cloud
        .iam
        .get_account_authorization_details()
        .filter(EntityType::Role)
        .max_items(1000)
        .into_paginator()
        .send();
    let mut found = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.map_err(aws("iam:GetAccountAuthorizationDetails"))?;
        let ours = page
            .role_detail_list()
            .iter()
            .filter(|role| role.path() == Some(&path));
        found.extend(ours.filter_map(|role| {
            let name = role.role_name()?;
            let (tenant, kind) = match name.strip_suffix("-task") {
                Some(rest) => (rest, Kind::TaskRole),
                None => (name.strip_suffix("-execution")?, Kind::ExecutionRole),
            };
            let tenant = reader.tenant_of_name(tenant)?;
            let attributes = attributes(name, role.arn()?);
            Some((
                kind,
                Found {
                    tenant,
                    id: name.to_owned(),
                    fields: normalise(role),
                    attributes,
                },
            ))
        }));
    }
    Ok(found)
}

fn path(environment: &str) -> String {
    format!("/bbws/{environment}/")
}

fn attributes(name: &str, arn: &str) -> Attributes {
    Attributes::from([("arn", arn.to_owned()), ("name", name.to_owned())])
}

/// See [`super`] and [`ensure`].
///
/// # Errors
/// AWS's.
pub(super) async fn ensure_task(
    cloud: &Cloud,
    context: &Context<'_>,
    found: Option<&Found>,
) -> Result<Attributes, CloudError> {
    ensure(cloud, context, "task", &policy::task(context), found).await
}

/// See [`super`] and [`ensure`].
///
/// # Errors
/// AWS's.
pub(super) async fn ensure_execution(
    cloud: &Cloud,
    context: &Context<'_>,
    found: Option<&Found>,
) -> Result<Attributes, CloudError> {
    ensure(
        cloud,
        context,
        "execution",
        &policy::execution(context),
        found,
    )
    .await
}

/// A role is made with trust and tags in one call and gets its policy in a second: a crash between the two leaves a role
/// that may do nothing, and a difference to mend.
async fn ensure(
    cloud: &Cloud,
    context: &Context<'_>,
    suffix: &str,
    document: &Value,
    found: Option<&Found>,
) -> Result<Attributes, CloudError> {
    let name = format!("{}-{suffix}", context.who.name());
    let wanted = desired(context, document);
    let held = match found {
        Some(found) => found.fields.clone(),
        None => create(cloud, context, &name).await?,
    };
    let differs = |field: &str| held[field] != wanted[field];
    if differs("trust") {
        cloud.pace.wait(Limit::IdentityWrites).await;
        cloud
            .iam
            .update_assume_role_policy()
            .role_name(&name)
            .policy_document(policy::trust(context).to_string())
            .send()
            .await
            .map_err(aws("iam:UpdateAssumeRolePolicy"))?;
    }
    if differs("tags") {
        cloud.pace.wait(Limit::IdentityWrites).await;
        let tagged = cloud
            .iam
            .tag_role()
            .role_name(&name)
            .set_tags(Some(tags(context)?));
        tagged.send().await.map_err(aws("iam:TagRole"))?;
    }
    if held["policies"][POLICY] != wanted["policies"][POLICY] {
        cloud.pace.wait(Limit::IdentityWrites).await;
        cloud
            .iam
            .put_role_policy()
            .role_name(&name)
            .policy_name(POLICY)
            .policy_document(document.to_string())
            .send()
            .await
            .map_err(aws("iam:PutRolePolicy"))?;
    }
    if found.is_some() && (differs("policies") || differs("managed_policies")) {
        strip(cloud, &name, Some(POLICY)).await?;
    }
    Ok(attributes(&name, &context.role_arn(suffix)))
}

/// Makes the role and returns what it then holds; of one that is there already nothing is taken for right.
async fn create(cloud: &Cloud, context: &Context<'_>, name: &str) -> Result<Value, CloudError> {
    let path = path(&context.who.environment);
    cloud.pace.wait(Limit::IdentityWrites).await;
    let made = cloud
        .iam
        .create_role()
        .path(&path)
        .role_name(name)
        .description("A bbws site; see its tags")
        .assume_role_policy_document(policy::trust(context).to_string())
        .set_tags(Some(tags(context)?))
        .send()
        .await
        .map_err(aws("iam:CreateRole"));
    let made = super::unless(made, Class::Conflict)?;
    let held_path = until(&format!("role {name} to be visible"), VISIBLE, || async {
        let seen = cloud
            .iam
            .get_role()
            .role_name(name)
            .send()
            .await
            .map_err(aws("iam:GetRole"));
        Ok(match super::unless(seen, Class::NotFound)? {
            Some(seen) => Seen::Done(
                seen.role()
                    .map(|role| role.path().to_owned())
                    .unwrap_or_default(),
            ),
            None => Seen::NotYet("not found".to_owned()),
        })
    })
    .await?;
    if held_path != path {
        // Role names are unique whatever their path: this one is somebody else's.
        return Err(CloudError::Unusable(format!(
            "role {name} exists at {held_path}, not at {path}: rename or delete it"
        )));
    }
    match made {
        Some(_) => Ok(
            json!({ "trust": policy::normalise(&policy::trust(context)), "tags": context.tags() }),
        ),
        None => Ok(Value::Null),
    }
}

fn tags(context: &Context<'_>) -> Result<Vec<Tag>, CloudError> {
    let tags = context
        .tags()
        .into_iter()
        .map(|(key, value)| Tag::builder().key(key).value(value).build());
    tags.collect::<Result<_, _>>()
        .map_err(|error| CloudError::Unusable(error.to_string()))
}

/// Removes every policy but the inline one named `keep`.
async fn strip(cloud: &Cloud, role: &str, keep: Option<&str>) -> Result<(), CloudError> {
    let inline = cloud
        .iam
        .list_role_policies()
        .role_name(role)
        .into_paginator()
        .items()
        .send();
    let inline: Vec<String> = inline
        .collect::<Result<_, _>>()
        .await
        .map_err(aws("iam:ListRolePolicies"))?;
    for policy in inline.iter().filter(|policy| Some(policy.as_str()) != keep) {
        cloud.pace.wait(Limit::IdentityWrites).await;
        let gone = cloud
            .iam
            .delete_role_policy()
            .role_name(role)
            .policy_name(policy)
            .send()
            .await;
        super::unless(gone.map_err(aws("iam:DeleteRolePolicy")), Class::NotFound)?;
    }
    let attached = cloud
        .iam
        .list_attached_role_policies()
        .role_name(role)
        .into_paginator()
        .items()
        .send();
    let attached: Vec<_> = attached
        .collect::<Result<_, _>>()
        .await
        .map_err(aws("iam:ListAttachedRolePolicies"))?;
    for arn in attached.iter().filter_map(|policy| policy.policy_arn()) {
        cloud.pace.wait(Limit::IdentityWrites).await;
        let gone = cloud
            .iam
            .detach_role_policy()
            .role_name(role)
            .policy_arn(arn)
            .send()
            .await;
        super::unless(gone.map_err(aws("iam:DetachRolePolicy")), Class::NotFound)?;
    }
    Ok(())
}

/// See [`super`]. IAM deletes a role only once its policies are gone.
///
/// # Errors
/// AWS's.
pub(super) async fn remove(
    cloud: &Cloud,
    _: &Context<'_>,
    found: &Found,
) -> Result<(), CloudError> {
    let Some(()) = super::unless(strip(cloud, &found.id, None).await, Class::NotFound)? else {
        return Ok(());
    };
    cloud.pace.wait(Limit::IdentityWrites).await;
    let gone = cloud
        .iam
        .delete_role()
        .role_name(&found.id)
        .send()
        .await
        .map_err(aws("iam:DeleteRole"));
    super::unless(gone, Class::NotFound).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resource::sample::Sample;
    use aws_sdk_iam::types::{AttachedPolicy, PolicyDetail};

    #[test]
    fn a_role_as_iam_returns_it_equals_the_desired_one_until_somebody_attaches_more() {
        let sample = Sample::new();
        let context = sample.context();
        let encoded = |document: &Value| -> String {
            document
                .to_string()
                .bytes()
                .map(|byte| format!("%{byte:02x}"))
                .collect()
        };
        let policy = PolicyDetail::builder()
            .policy_name(POLICY)
            .policy_document(encoded(&policy::execution(&context)))
            .build();
        let role = RoleDetail::builder()
            .role_name("bbws-dev-acme-execution")
            .assume_role_policy_document(encoded(&policy::trust(&context)))
            .role_policy_list(policy)
            .set_tags(Some(tags(&context).unwrap()));
        assert_eq!(
            normalise(&role.clone().build()),
            desired_execution(&context)
        );

        let attached = AttachedPolicy::builder()
            .policy_arn("arn:aws:iam::aws:policy/AdministratorAccess")
            .build();
        let widened = normalise(&role.attached_managed_policies(attached).build());
        assert_ne!(widened, desired_execution(&context));
    }
}
