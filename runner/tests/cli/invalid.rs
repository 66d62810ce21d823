//! Every folder of `tests/fixtures/invalid` is a fleet with mistakes; its snapshot holds what `bbws validate` says.

use std::collections::BTreeSet;
use std::fs;

use insta::{Settings, assert_snapshot};
use serde_json::Value;

use crate::{bbws, fixture, outcome};

/// One test a fixture, and their list.
macro_rules! fixtures {
    ($($name:ident),+ $(,)?) => {
        $(
            #[test]
            fn $name() {
                tells_its_problems(stringify!($name));
            }
        )+

        const FIXTURES: &[&str] = &[$(stringify!($name)),+];
    };
}

fixtures! {
    bad_account, bad_admin, bad_digest, bad_domains, bad_folder_names, bad_freeze, bad_locale, bad_packages, bad_region, bad_release, bad_timezone, bad_words, cell_claimed, control_characters, domain_claimed_by_invalid_site, domain_claimed_by_two, domain_claimed_twice, domain_in_inner_zone, domain_outside_zone, domain_too_long, empty_values, environment_without_manifest, everything_at_once, fargate_size, flow_style_positions, huge_number, misplaced_files, missing_keys, name_too_long, nested_list_of_domains, no_domains, no_environments, not_utf8, numbers_out_of_range, task_range, tenant_without_manifest, timezone_spelling, title_with_outer_spaces, too_many_domains, unknown_canary, unknown_environment, unknown_keys, unsupported_version, unusable_key, windows_line_ends, wrong_types, yaml_alias, yaml_bad_indentation, yaml_deep_nesting, yaml_duplicate_key, yaml_empty_file, yaml_list_as_root, yaml_mapping_as_key, yaml_merge_key, yaml_tab_indentation, yaml_tag, yaml_two_documents, yaml_unclosed_list, yaml_unclosed_quote, zone_claimed,
}

/// When an invalid fleet is validated, then people read its problems, programs the same ones, and the exit code says so.
fn tells_its_problems(name: &str) {
    let fleet = fixture(name);
    let fleet = fleet.to_str().unwrap();

    let (code, text, narration) = outcome(&mut bbws(&["validate", "--fleet", fleet]));
    assert_eq!(code, 3);
    assert_eq!(narration, "");
    assert!(
        !text.contains('\u{1b}'),
        "no colour and no control sequence without a terminal"
    );
    let mut settings = Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| assert_snapshot!(name, text));

    let (code, json, narration) = outcome(&mut bbws(&["validate", "--json", "--fleet", fleet]));
    assert_eq!(code, 3);
    assert_eq!(narration, "");
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["schema_version"], 1);
    assert_eq!(json["exit_code"], 3);
    let findings = json["result"]["findings"].as_array().unwrap();
    assert_eq!(findings.len(), text.matches("error[").count());
    for finding in findings {
        let rule = finding["rule"].as_str().unwrap();
        let message = finding["message"].as_str().unwrap();
        assert!(text.contains(&format!("error[{rule}]: {message}\n")));
        let file = finding["file"].as_str().unwrap();
        let start = &finding["span"]["start"];
        let place = match start["line"].as_u64() {
            Some(line) => format!("--> {file}:{line}:{}\n", start["column"]),
            None => format!("--> {file}\n"),
        };
        assert!(text.contains(&place), "{place}");
        assert_ne!(finding["help"], "");
    }
}

#[test]
fn every_fixture_has_its_test() {
    let folders: BTreeSet<String> = fs::read_dir(fixture(""))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(
        folders,
        FIXTURES.iter().map(|&name| name.to_owned()).collect()
    );
    assert!(folders.len() >= 30);
}

#[test]
fn every_rule_has_a_fixture() {
    let mut seen = BTreeSet::new();
    for name in FIXTURES {
        let fleet = fixture(name);
        let (_, json, _) = outcome(&mut bbws(&[
            "validate",
            "--json",
            "--fleet",
            fleet.to_str().unwrap(),
        ]));
        let json: Value = serde_json::from_str(&json).unwrap();
        for finding in json["result"]["findings"].as_array().unwrap() {
            seen.insert(finding["rule"].as_str().unwrap().to_owned());
        }
    }
    let all: BTreeSet<String> = bbws::manifest::Rule::ALL
        .iter()
        .filter(|rule| !rule.is_warning())
        .map(|rule| rule.id().to_owned())
        .collect();
    assert_eq!(seen, all);
}

/// Readers and their diffs rely on it: findings come by file, then by place, however the file system lists folders.
#[test]
fn findings_are_in_order_and_the_same_every_time() {
    let fleet = fixture("everything_at_once");
    let fleet = fleet.to_str().unwrap();
    let (_, first, _) = outcome(&mut bbws(&["validate", "--json", "--fleet", fleet]));
    for _ in 0..5 {
        let (_, again, _) = outcome(&mut bbws(&["validate", "--json", "--fleet", fleet]));
        assert_eq!(again, first);
    }

    let json: Value = serde_json::from_str(&first).unwrap();
    let places: Vec<(String, u64, u64)> = json["result"]["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|finding| {
            let start = &finding["span"]["start"];
            let number = |key: &str| start[key].as_u64().unwrap_or(0);
            (
                finding["file"].as_str().unwrap().to_owned(),
                number("line"),
                number("column"),
            )
        })
        .collect();
    assert!(places.is_sorted(), "{places:#?}");
    assert!(places.len() > 5);
}
