//! What a killed cloud leaves behind, and its removal.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use localcloud::{Options, State};

fn docker(arguments: &[&str]) -> String {
    let output = Command::new("docker")
        .args(arguments)
        .output()
        .expect("docker answers");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// Containers and volumes of a cloud.
fn things(identity: &str) -> String {
    let label = format!("label=bbws.localcloud={identity}");
    docker(&["ps", "-aq", "--filter", &label])
        + &docker(&["volume", "ls", "-q", "--filter", &label])
}

fn wait<T>(what: &str, seconds: u64, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(seconds);
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "{what} within {seconds} s");
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn a_killed_cloud_ends_its_emulators_and_is_removed_without_touching_others() {
    let options = Options::for_test(&["dev"]);
    let mut owner = Command::new(env!("CARGO_BIN_EXE_localcloud"))
        .args([
            "serve",
            "--options",
            &serde_json::to_string(&options).expect("options"),
        ])
        .stdin(Stdio::null())
        .spawn()
        .expect("the owner starts");
    // It runs: a daemon that somebody uses is not stopped.
    let bystander = docker(&[
        "run",
        "--detach",
        "--rm",
        "--label",
        "bbws.localcloud=somebody-else",
        "debian:trixie-slim",
        "sleep",
        "600",
    ]);
    let directory = directory(&options.name);
    let state = wait("ready", 180, || {
        assert!(
            owner.try_wait().expect("the owner is ours").is_none(),
            "the owner ended"
        );
        State::read(&directory)
            .ok()
            .flatten()
            .filter(|state| state.ready)
    });
    assert!(!things(&state.identity).is_empty(), "it has a database");

    owner.kill().expect("killed");
    owner.wait().expect("dead");
    wait("the emulators' end", 30, || {
        state
            .processes
            .iter()
            .all(|process| !process.alive())
            .then_some(())
    });

    let down = Command::new(env!("CARGO_BIN_EXE_localcloud"))
        .args(["down", "--name", &options.name])
        .status();
    assert!(down.expect("down runs").success());
    assert_eq!(things(&state.identity), "");
    assert!(!directory.exists());
    assert!(
        docker(&["ps", "-q", "--no-trunc"]).contains(&bystander),
        "others' containers stay"
    );
    docker(&["rm", "--force", &bystander]);
}

/// Where the cloud of this name keeps its state.
fn directory(name: &str) -> PathBuf {
    let set = |name: &str| {
        std::env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    let cache = set("BBWS_CACHE")
        .or_else(|| set("XDG_CACHE_HOME").map(|base| base.join("bbws")))
        .or_else(|| set("HOME").map(|home| home.join(".cache/bbws")));
    cache.expect("a cache").join("clouds").join(name)
}
