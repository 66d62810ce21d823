//! Arguments, help and exit codes.

use serde_json::Value;

use crate::{bbws, fixture, outcome, repository};

#[test]
fn wrong_usage_is_exit_64_on_stderr() {
    let cases: [&[&str]; 6] = [
        &[],
        &["frobnicate"],
        &["validate", "--no-such-flag"],
        &["validate", "--fleet"],
        &["schema"],
        &["schema", "galaxy"],
    ];
    for arguments in cases {
        let (code, stdout, stderr) = outcome(&mut bbws(arguments));
        assert_eq!(code, 64, "{arguments:?}");
        assert_eq!(stdout, "", "{arguments:?}");
        assert!(stderr.contains("--help"), "{arguments:?}: {stderr}");
    }
}

#[test]
fn an_unknown_verb_is_met_with_a_suggestion() {
    let (_, _, stderr) = outcome(&mut bbws(&["validat"]));
    assert!(stderr.contains("'validate'"), "{stderr}");
}

#[test]
fn help_and_version_are_results() {
    let (code, help, stderr) = outcome(&mut bbws(&["--help"]));
    assert_eq!((code, stderr.as_str()), (0, ""));
    assert!(help.contains("Exit codes:"), "{help}");

    let (code, version, _) = outcome(&mut bbws(&["--version"]));
    assert_eq!(code, 0);
    assert_eq!(version, format!("bbws {}\n", env!("CARGO_PKG_VERSION")));
}

/// The verbs are read from the help itself, so a new verb without examples fails here.
#[test]
fn every_verb_has_examples_that_begin_with_its_name() {
    let (_, help, _) = outcome(&mut bbws(&["--help"]));
    let commands = help
        .split("Commands:\n")
        .nth(1)
        .unwrap()
        .split("\n\n")
        .next()
        .unwrap();
    let verbs: Vec<&str> = commands
        .lines()
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|verb| *verb != "help")
        .collect();
    assert!(
        verbs.contains(&"validate") && verbs.contains(&"schema"),
        "{verbs:?}"
    );
    for verb in verbs {
        let (code, help, _) = outcome(&mut bbws(&[verb, "--help"]));
        assert_eq!(code, 0, "{verb}");
        let examples = help.split("Examples:\n").nth(1).unwrap_or_default();
        assert!(
            examples.contains(&format!("  bbws {verb}")),
            "{verb}: {help}"
        );
    }
}

#[test]
fn a_folder_that_is_no_fleet_is_named_as_such() {
    let folder = tempfile::tempdir().unwrap();
    let (code, stdout, _) = outcome(bbws(&["validate"]).current_dir(&folder));
    assert_eq!(code, 3);
    assert!(stdout.contains("`--fleet DIR`"), "{stdout}");
}

/// What a pull request needs is asked for before AWS is, or anything is written.
#[test]
fn a_pull_request_needs_a_repository_first() {
    let verbs: [&[&str]; 4] = [
        &["tenant", "suspend", "acme", "--env", "dev", "--pr"],
        &[
            "tenant",
            "remove",
            "acme",
            "--env",
            "dev",
            "--reason=x",
            "--pr",
        ],
        &["drift", "adopt", "--env", "dev", "--pr"],
        &["promote", "acme", "--from", "dev", "--to", "sit", "--pr"],
    ];
    for arguments in verbs {
        let (code, stdout, stderr) = outcome(bbws(arguments).env("BBWS_FLEET", repository()));
        assert_eq!((code, stdout.as_str()), (1, ""), "{arguments:?}: {stderr}");
        assert!(
            stderr.contains("GITHUB_REPOSITORY"),
            "{arguments:?}: {stderr}"
        );
    }
}

#[test]
fn the_fleet_may_come_from_the_environment() {
    let fleet = fixture("bad_region");
    let (_, json, _) = outcome(bbws(&["validate", "--json"]).env("BBWS_FLEET", fleet));
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["command"], "validate");
    assert_eq!(json["result"]["valid"], false);
    assert_eq!(
        json["result"]["findings"][0]["file"],
        "environments/dev/environment.yaml"
    );
}

/// `bbws validate | head -1`: the reader goes away before everything is written.
#[test]
fn a_closed_pipe_is_no_failure() {
    use std::process::{Command, Stdio};
    let mut child = Command::new(env!("CARGO_BIN_EXE_bbws"))
        .args(["schema", "site"])
        .env_clear()
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
}
