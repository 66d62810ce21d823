//! The published JSON Schemas, and the files that point at them.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::{bbws, outcome, repository};

#[test]
fn the_published_schemas_are_current() {
    for kind in ["environment", "tenant", "site", "foundation"] {
        let (code, printed, _) = outcome(&mut bbws(&["schema", kind]));
        assert_eq!(code, 0);
        let path = repository().join(format!("docs/schema/{kind}.json"));
        let published = fs::read_to_string(&path).unwrap();
        assert!(
            printed == published,
            "{} is stale: run `cargo run -p bbws -- schema {kind} > docs/schema/{kind}.json`",
            path.display()
        );
        let schema: Value = serde_json::from_str(&printed).unwrap();
        assert_eq!(
            schema["$schema"],
            "https://json-schema.org/draft/2020-12/schema"
        );
    }
}

/// Given an editor that reads a manifest's first line, then it finds the schema of that kind of manifest.
#[test]
fn the_sample_fleet_points_editors_at_its_schemas() {
    let mut seen = 0;
    for (folder, kind) in [("environments", "environment"), ("tenants", "site")] {
        for entry in fs::read_dir(repository().join(folder)).unwrap() {
            let folder = entry.unwrap().path();
            if !folder.is_dir() || folder.ends_with("modules") {
                continue;
            }
            for file in fs::read_dir(folder).unwrap() {
                let file = file.unwrap().path();
                if file
                    .extension()
                    .is_some_and(|extension| extension == "yaml")
                {
                    let kind = if file.ends_with("tenant.yaml") {
                        "tenant"
                    } else {
                        kind
                    };
                    points_at(&file, kind);
                    seen += 1;
                }
            }
        }
    }
    assert!(seen >= 9, "{seen} manifests");
}

fn points_at(file: &Path, kind: &str) {
    let text = fs::read_to_string(file).unwrap();
    let first = text.lines().next().unwrap();
    let target = first.strip_prefix("# yaml-language-server: $schema=");
    let target = target.unwrap_or_else(|| panic!("{} names no schema", file.display()));
    let schema = file.parent().unwrap().join(target).canonicalize().unwrap();
    assert_eq!(
        schema,
        repository()
            .join(format!("docs/schema/{kind}.json"))
            .canonicalize()
            .unwrap()
    );
}

/// The reference for people names every key that the schemas have.
#[test]
fn the_reference_knows_every_key() {
    let reference = fs::read_to_string(repository().join("docs/manifests.md")).unwrap();
    for kind in ["environment", "tenant", "site"] {
        let (_, schema, _) = outcome(&mut bbws(&["schema", kind]));
        let schema: Value = serde_json::from_str(&schema).unwrap();
        let nested =
            ["Defaults", "Tasks", "AdminFile"].map(|name| &schema["$defs"][name]["properties"]);
        for properties in nested.into_iter().chain([&schema["properties"]]) {
            for key in properties
                .as_object()
                .into_iter()
                .flat_map(|keys| keys.keys())
            {
                assert!(
                    reference.contains(&format!("`{key}")),
                    "docs/manifests.md lacks `{key}` of {kind}"
                );
            }
        }
    }
}
