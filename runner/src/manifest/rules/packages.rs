//! Plugins and themes: what must hold between them, and of the zips that lie in the fleet.

use std::fs;
use std::path::Path;

use sha2::{Digest, Sha256};

use super::{Document, Documents, Finding, Node, Rule, valid};
use crate::manifest::{Checksum, PackageSource, Slug};

const LISTS: [&str; 2] = ["plugins", "themes"];

pub(super) fn listed_twice(documents: &Documents, findings: &mut Vec<Finding>) {
    for (document, list, items) in lists(documents) {
        let mut seen: Vec<(Slug, usize)> = Vec::new();
        for node in items.iter().filter_map(|item| item.get("slug")) {
            let Some(slug) = valid::<Slug>(node) else {
                continue;
            };
            let Some((_, line)) = seen.iter().find(|(known, _)| *known == slug) else {
                seen.push((slug, node.span.start.line));
                continue;
            };
            document.report(
                node,
                Rule::PackageListedTwice,
                format!("`{list}` has `{slug}` on line {line} already"),
                "list each slug once, with the version that is to run".to_owned(),
                findings,
            );
        }
    }
}

/// Zips in the fleet at `root` are there, and are those that the manifests mean. Others are fetched only for a plan.
pub(in crate::manifest) fn unusable(
    root: &Path,
    documents: &Documents,
    findings: &mut Vec<Finding>,
) {
    for (document, _, items) in lists(documents) {
        for item in items {
            let Some(node) = item.get("source") else {
                continue;
            };
            let source = valid::<PackageSource>(node);
            let Some(source) = source.filter(|source| !source.as_str().starts_with("https://"))
            else {
                continue;
            };
            let (at, message, help) = match fs::read(root.join(source.as_str())) {
                Err(error) => (
                    node,
                    format!("the zip `{source}` cannot be read: {error}"),
                    "give its path from the fleet's folder, and put it into git".to_owned(),
                ),
                Ok(zip) => {
                    let found = hex::encode(Sha256::digest(zip));
                    let named = item
                        .get("sha256")
                        .and_then(|node| Some((node, valid::<Checksum>(node)?)));
                    match named {
                        Some((node, wanted)) if wanted.as_str() != found => (
                            node,
                            format!("the zip `{source}` has the SHA-256 {found}"),
                            "if that is the zip that you mean, write this one".to_owned(),
                        ),
                        _ => continue,
                    }
                }
            };
            document.report(at, Rule::UnusablePackage, message, help, findings);
        }
    }
}

/// Every site's lists, by their key.
fn lists(documents: &Documents) -> impl Iterator<Item = (&Document, &'static str, &[Node])> {
    documents.site_documents().flat_map(|(_, document)| {
        LISTS.into_iter().filter_map(move |list| {
            let node = document.at(&[list])?;
            Some((document, list, node.items()))
        })
    })
}
