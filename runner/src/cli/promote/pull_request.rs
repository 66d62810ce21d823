//! `bbws promote --pr`: what a site runs, for the environment above, and its content where that is asked for, as a pull request.

use super::super::proposal::{self, Proposal, propose};
use super::super::{CliError, ExitCode, Global, Interrupt, signed};
use super::{Pair, heed_stops, refuse};
use crate::github::{Client, File, code};
use crate::image::{self, Registry, scan};
use crate::manifest::{self, EnvironmentName, Fleet, Site, TenantId};
use crate::output;
use crate::promote::{self, Check, Order, Side};
use crate::session::{Scope, run_id};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use serde::Serialize;
use site_job::protocol::Content;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Of a site's manifest, what it runs. All else is the environment's own.
const BUNDLE: [&str; 3] = ["plugins", "themes", "theme"];

/// Checks both sites, brings the image into the target's registry, and opens the pull request.
pub(super) async fn open(
    global: &Global,
    pair: &Pair<'_>,
    (order, content): (&Order, Option<&Content>),
    (client, mut interrupt): (Option<Client>, Interrupt),
) -> Result<ExitCode, CliError> {
    if promote::is_down(&order.from, &order.to) {
        let message = format!(
            "what goes from {} down to {} is a copy, which no manifest keeps: without --pr it is made at once",
            order.from, order.to
        );
        return Err(CliError::new(ExitCode::Usage, message));
    }
    heed_stops(&pair.target, (&order.tenant, &order.to))?;
    let check = interrupt.ends(check(pair, order)).await?;
    output::narrate(super::beside(&check, order));
    refuse(&check)?;
    let release = (check.source_image != check.target_image).then_some(&*check.source_image);
    if let Some(digest) = release {
        interrupt.ends(bring(global, pair, order, digest)).await?;
    }
    let file = file(global, order, release, content)?;
    let proposal = Proposal {
        verb: "promote",
        branch: format!("promote/{}-{}", order.tenant, order.to),
        title: format!(
            "Promote {} from {} to {}",
            order.tenant, order.from, order.to
        ),
        body: body(&check, order, content),
        files: vec![file],
    };
    propose(global, proposal, client, interrupt).await
}

async fn check(pair: &Pair<'_>, order: &Order) -> Result<Check, CliError> {
    let scope = Scope::default();
    let (source, target) = tokio::join!(pair.source.read(), pair.target.read());
    let source_context = promote::site(&pair.source, &scope, &source, &order.tenant)?;
    let target_context = promote::site(&pair.target, &scope, &target, &order.tenant)?;
    let (source_jobs, target_jobs) = (pair.source.jobs("", &source), pair.target.jobs("", &target));
    let check = promote::check(
        Side {
            cloud: &pair.source.cloud,
            context: &source_context,
            jobs: &source_jobs,
        },
        (
            Side {
                cloud: &pair.target.cloud,
                context: &target_context,
                jobs: &target_jobs,
            },
            pair.target.environment,
        ),
        &order.content,
    );
    Ok(check.await?)
}

/// The image of `digest` is in the target's registry, signed where the target wants that, and its registry's scan found nothing that
/// the policy forbids.
async fn bring(
    global: &Global,
    pair: &Pair<'_>,
    order: &Order,
    digest: &str,
) -> Result<(), CliError> {
    let registry = Registry::of(&pair.target.cloud);
    let copied = image::copy(Registry::of(&pair.source.cloud), registry.clone(), digest).await?;
    output::narrate(format_args!("{} is in {}", copied.reference, order.to));
    if pair.target.environment.require_signed {
        let images = BTreeMap::from([(copied.reference, vec![order.tenant.to_string()])]);
        signed::verify(&pair.target, images, &global.fleet).await?;
    }
    let policy = scan::Policy::load(&global.fleet.join("image/scan-policy.yaml"))?;
    let refused = |message: String| {
        CliError::new(ExitCode::Refused, message).next(format!(
            "build, scan and push an image that passes to {}; nothing was opened",
            order.from
        ))
    };
    let forbidden = scan::of_pushed(&registry, digest, &policy)
        .await
        .map_err(|reason| refused(format!("{digest} is not scanned: {reason}")))?;
    if forbidden.is_empty() {
        return Ok(());
    }
    let lines: Vec<_> = forbidden.iter().map(ToString::to_string).collect();
    Err(refused(format!(
        "the scan of {digest} found what image/scan-policy.yaml forbids:\n{}",
        lines.join("\n")
    )))
}

/// The target's manifest with what the source runs.
fn file(
    global: &Global,
    order: &Order,
    release: Option<&str>,
    content: Option<&Content>,
) -> Result<File, CliError> {
    let path =
        |environment: &EnvironmentName| format!("tenants/{}/{environment}.yaml", order.tenant);
    let (from, to) = (path(&order.from), path(&order.to));
    let source = proposal::read(&global.fleet, &from)?;
    let before = proposal::read(&global.fleet, &to)?;
    let mut changes = Vec::new();
    for key in BUNDLE {
        let value = manifest::get(&source, key).ok_or_else(|| proposal::by_hand(&from, key))?;
        changes.push((key, value));
    }
    if let Some(digest) = release {
        changes.push(("release", Some(format!(" {digest}"))));
    }
    if let Some(content) = content {
        let value = format!(
            "\n  from: {}\n  content: {content}\n  request: {}",
            order.from,
            run_id()
        );
        changes.push(("promotion", Some(value)));
    }
    let mut after = before.clone();
    for (key, value) in changes {
        let held = manifest::get(&after, key).ok_or_else(|| proposal::by_hand(&to, key))?;
        if held != value {
            after = manifest::set(&after, key, value.as_deref())
                .ok_or_else(|| proposal::by_hand(&to, key))?;
        }
    }
    if after == before {
        let message = format!(
            "{} runs in {} what it runs in {}; nothing was opened",
            order.tenant, order.to, order.from
        );
        return Err(CliError::new(ExitCode::Refused, message)
            .next("add --content to promote what it holds"));
    }
    Ok(File {
        path: to,
        before: Some(before),
        after: Some(after),
    })
}

fn body(check: &Check, order: &Order, content: Option<&Content>) -> String {
    let mut text = format!("| | {} | {} |\n|---|---|---|\n", order.from, order.to);
    for (what, source, target) in &check.compared {
        // A bar would end the cell, even in a code span.
        let cell = |value: &str| code(&value.replace('|', " "));
        let _ = writeln!(text, "| {what} | {} | {} |", cell(source), cell(target));
    }
    let then = match content {
        None => "The content stays.".to_owned(),
        Some(content) => format!(
            "Then its content ({}) takes the place of what {} has: loaded beside it, proved and tried first; a snapshot is kept, and \
             `bbws promote undo` puts it back. Accounts, orders and other tables that visitors write stay.",
            code(&content.to_string()),
            order.to
        ),
    };
    let _ = write!(
        text,
        "\nThe merge makes {} run in {} what it runs in {}. {then}\n",
        order.tenant, order.to, order.from
    );
    text
}

/// Histories that are read at a time: a fleet may ask for the content of hundreds at once.
const AT_ONCE: usize = 32;

/// Content that a manifest asks for and that was not brought yet.
#[derive(Serialize)]
struct Open<'a> {
    tenant: &'a TenantId,
    from: &'a EnvironmentName,
    content: String,
    request: &'a str,
}

/// `bbws promote requested`.
pub(super) async fn requested(
    global: &Global,
    fleet: &Fleet,
    name: &EnvironmentName,
) -> Result<ExitCode, CliError> {
    let environment = super::environment(fleet, name)?;
    let asking: Vec<_> = fleet
        .sites
        .iter()
        .filter(|site| site.environment == *name && site.promotion.is_some())
        .collect();
    let cloud = crate::cloud::Cloud::connect(environment).await?;
    let histories = asking
        .iter()
        .map(|site| promote::history(&cloud, &site.tenant));
    let histories: Vec<_> = stream::iter(histories)
        .buffered(AT_ONCE)
        .try_collect()
        .await?;
    let open = asking.iter().zip(&histories).filter_map(|(site, history)| {
        let asked = site.promotion.as_ref()?;
        let ended = history
            .iter()
            .any(|record| record.has_ended(&asked.request));
        (!ended).then(|| Open {
            tenant: &site.tenant,
            from: &asked.from,
            content: asked.content.to_string(),
            request: &asked.request,
        })
    });
    let open: Vec<_> = open.collect();
    if global.json {
        let result = serde_json::json!({ "requested": open });
        output::print(output::result("promote requested", ExitCode::Done, &result));
        return Ok(ExitCode::Done);
    }
    let heading = ["TENANT", "FROM", "CONTENT", "REQUEST"].map(str::to_owned);
    let rows = open.iter().map(|open| {
        [
            open.tenant.to_string(),
            open.from.to_string(),
            open.content.clone(),
            open.request.to_owned(),
        ]
    });
    output::print(output::table(std::iter::once(heading).chain(rows)));
    Ok(ExitCode::Done)
}

/// The request of `site`'s manifest that a promotion of `content` from `from` carries out.
pub(super) fn request_of(
    site: Option<&&Site>,
    from: &EnvironmentName,
    content: &Content,
) -> Option<String> {
    let asked = site?.promotion.as_ref()?;
    (asked.from == *from && asked.content == *content).then(|| asked.request.clone())
}
