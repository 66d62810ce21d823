//! `bbws image lock`, as far as it asks nobody.

use serde_json::Value;

use crate::{bbws, outcome, repository};

fn folder() -> String {
    repository().join("image").display().to_string()
}

#[test]
fn what_is_pinned_is_printed() {
    let arguments = ["image", "lock", "--folder", &folder()];
    let (code, table, stderr) = outcome(&mut bbws(&arguments));
    assert_eq!((code, stderr.as_str()), (0, ""));
    let (code, json, _) = outcome(bbws(&arguments).arg("--json"));
    assert_eq!(code, 0);
    let json: Value = serde_json::from_str(&json).unwrap();
    let lock = &json["result"];

    let row = |name: &str| -> Vec<String> {
        let mut rows = table.lines().map(str::split_whitespace);
        let row = rows.find(|row| row.clone().next() == Some(name)).unwrap();
        row.map(str::to_owned).collect()
    };
    let wordpress = &lock["components"]["wordpress"]["version"];
    assert_eq!(row("wordpress")[1], wordpress.as_str().unwrap());
    let nginx = &lock["packages"]["locked"]["amd64"]["pins"]["nginx"];
    let nginx = nginx.as_str().unwrap();
    assert!(nginx.starts_with(&format!("{} sha256:", row("nginx")[1])));
    assert!(row("nginx").contains(&"amd64".to_owned()), "{table}");
}

#[test]
fn a_lock_that_is_wrong_is_exit_3_and_says_where() {
    let copy = tempfile::tempdir().unwrap();
    let lock = std::fs::read_to_string(repository().join("image/image.lock.yaml")).unwrap();
    let wrong = lock.replacen(" sha256:", " sha1:", 1);
    std::fs::write(copy.path().join("image.lock.yaml"), wrong).unwrap();
    let folder = copy.path().display().to_string();
    for more in [&[][..], &["--update"], &["--check"]] {
        let arguments = [&["image", "lock", "--folder", &folder][..], more].concat();
        let (code, stdout, stderr) = outcome(&mut bbws(&arguments));
        assert_eq!((code, stdout.as_str()), (3, ""), "{stderr}");
        assert!(stderr.contains("image.lock.yaml"), "{stderr}");
        assert!(stderr.contains("sha1:"), "{stderr}");
    }
}

#[test]
fn without_an_engine_nothing_is_updated() {
    let arguments = ["image", "lock", "--update", "--folder", &folder()];
    let mut bbws = bbws(&arguments);
    let (code, stdout, stderr) = outcome(bbws.env("DOCKER_HOST", "unix:///nonexistent.sock"));
    assert_eq!((code, stdout.as_str()), (1, ""), "{stderr}");
    assert!(stderr.contains("Docker engine"), "{stderr}");
}

#[test]
fn updating_and_checking_exclude_each_other() {
    let (code, _, stderr) = outcome(&mut bbws(&["image", "lock", "--update", "--check"]));
    assert_eq!(code, 64, "{stderr}");
}
