//! Whether content may be promoted, and what is to be seen beside each other before it is.

use super::{Side, proof};
use crate::cloud::{CloudError, aws};
use crate::manifest::{Environment, EnvironmentName, SiteState};
use crate::resource::Kind;
use crate::rollout;
use serde::Serialize;
use site_job::protocol::Content;
use time::OffsetDateTime;

/// The source and the target beside each other, and what forbids the promotion.
#[derive(Clone, Debug, Serialize)]
pub struct Check {
    /// The digest that the source runs.
    pub source_image: String,
    /// The digest that the target runs.
    pub target_image: String,
    /// What, at the source, at the target.
    pub compared: Vec<(&'static str, String, String)>,
    /// Reasons against it; none when it may begin.
    pub refusals: Vec<String>,
    /// What differs and is worth a thought.
    pub notes: Vec<String>,
}

/// On the way up content takes no shortcut; down it goes anywhere, masked.
fn above(environment: &EnvironmentName) -> Option<&'static str> {
    match environment.as_str() {
        "dev" => Some("sit"),
        "sit" => Some("prod"),
        _ => None,
    }
}

/// Whether content goes from an environment to one further down: it is masked then, and the site quarantined.
#[must_use]
pub fn is_down(from: &EnvironmentName, to: &EnvironmentName) -> bool {
    let mut higher = above(to);
    while let Some(name) = higher {
        if name == from.as_str() {
            return true;
        }
        higher = name.parse().ok().as_ref().and_then(above);
    }
    false
}

/// Looks at both sites, and at the target's backups where `target`'s environment wants that. Changes nothing.
///
/// # Errors
/// AWS's.
pub async fn check(
    source: Side<'_>,
    (target, environment): (Side<'_>, &Environment),
    content: &Content,
) -> Result<Check, CloudError> {
    let now = OffsetDateTime::now_utc();
    let (mut refusals, mut notes) = (Vec::new(), Vec::new());
    let (from, to) = (source.context.site(), target.context.site());
    let next = above(&from.environment);
    if is_down(&from.environment, &to.environment) {
        if *content != Content::All {
            refusals.push(format!(
                "content goes from {} down to {} whole (`--content all`): the quarantine is a setting in it",
                from.environment, to.environment
            ));
        }
        notes.push(format!(
            "{} is quarantined with it: personal data is masked; it sends no mail, calls nobody, runs no scheduled work, and is \
             hidden from search engines",
            to.environment
        ));
    } else if next != Some(to.environment.as_str()) {
        let next = next.map_or_else(String::new, |next| format!(" up to {next} or"));
        refusals.push(format!(
            "content goes from {}{next} down, not to {}",
            from.environment, to.environment
        ));
    } else if let Some(days) = environment.restore_proof_days {
        refusals.extend(proof::missing(target, days, now).await?);
    }
    for (side, site) in [(source, from), (target, to)] {
        if site.state == SiteState::Suspended {
            refusals.push(format!(
                "{} is suspended in {}",
                site.tenant, site.environment
            ));
            continue;
        }
        match rollout::check(side.cloud, side.context, now).await {
            Err(CloudError::Unhealthy { reason }) => refusals.push(format!(
                "{} is not healthy in {}: {reason}",
                site.tenant, site.environment
            )),
            checked => checked?,
        }
    }
    let (source_image, target_image) = (runs(source).await?, runs(target).await?);
    if source_image != target_image {
        notes.push(format!(
            "the two run other images: promote the release first if the content needs it (`release` in tenants/{}/{}.yaml or in \
             the environment's manifest)",
            to.tenant, to.environment
        ));
    }
    let packages = |site: &crate::manifest::Site| {
        let plugins = site
            .code
            .plugins
            .iter()
            .map(|plugin| format!("{} {}", plugin.slug, plugin.version));
        let themes = site
            .code
            .themes
            .iter()
            .map(|theme| format!("{} {}", theme.slug, theme.version));
        let all: Vec<_> = plugins.chain(themes).collect();
        if all.is_empty() {
            "-".to_owned()
        } else {
            all.join(", ")
        }
    };
    if packages(from) != packages(to) || from.code.theme != to.code.theme {
        notes.push(
            "the two have other plugins or themes: content that needs them shows without them"
                .to_owned(),
        );
    }
    let theme = |site: &crate::manifest::Site| {
        site.code.theme.as_ref().map_or_else(
            || "chosen by its administrators".to_owned(),
            ToString::to_string,
        )
    };
    Ok(Check {
        compared: vec![
            ("address", source.context.home(), target.context.home()),
            ("image", source_image.clone(), target_image.clone()),
            ("plugins and themes", packages(from), packages(to)),
            ("theme shown", theme(from), theme(to)),
        ],
        source_image,
        target_image,
        refusals,
        notes,
    })
}

/// The image that a site's service runs.
async fn runs(side: Side<'_>) -> Result<String, CloudError> {
    let definition = side.context.known(Kind::TaskDefinition, "arn");
    let answer = side
        .cloud
        .ecs
        .describe_task_definition()
        .task_definition(definition)
        .send()
        .await
        .map_err(aws("ecs:DescribeTaskDefinition"))?;
    let definition = answer.task_definition();
    let container = definition.and_then(|definition| definition.container_definitions().first());
    let image = container
        .and_then(|container| container.image())
        .unwrap_or_default();
    // Registries differ by account; the digest tells.
    Ok(image
        .rsplit_once('@')
        .map_or(image, |(_, digest)| digest)
        .to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn down_is_whatever_is_not_up() {
        let down = |from: &str, to: &str| is_down(&from.parse().unwrap(), &to.parse().unwrap());
        assert!(down("prod", "dev") && down("prod", "sit") && down("sit", "dev"));
        assert!(!down("dev", "sit") && !down("sit", "prod") && !down("dev", "dev"));
        assert!(!down("prod", "lab") && !down("lab", "dev"));
    }
}
