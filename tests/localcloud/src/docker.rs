//! Docker, through its command line: the few questions the local cloud has.

use std::net::Ipv4Addr;

use anyhow::{Context as _, Result};

use crate::command::{command, run};

/// The label whose value is a cloud's identity; the launcher sets it too.
pub(crate) const LABEL: &str = "bbws.localcloud";

async fn docker(arguments: &[&str]) -> Result<String> {
    run(command("docker", arguments)).await
}

async fn lines(arguments: &[&str]) -> Result<Vec<String>> {
    Ok(docker(arguments)
        .await?
        .lines()
        .map(str::to_owned)
        .filter(|line| !line.is_empty())
        .collect())
}

/// The interface of Docker's default bridge.
pub(crate) const BRIDGE: &str = "docker0";

/// IPv4 addresses of the default bridge on the host. Docker's own answer lacks the gateway where it is the default.
pub(crate) async fn bridge_addresses() -> Result<Vec<Ipv4Addr>> {
    let shown = run(command("ip", &["-4", "-o", "addr", "show", "dev", BRIDGE]))
        .await
        .context("the local cloud needs Docker's default bridge on this machine (a Docker Engine for Linux)")?;
    let address = |line: &str| line.split_once(" inet ")?.1.split_once('/')?.0.parse().ok();
    Ok(shown.lines().filter_map(address).collect())
}

/// The address at which containers reach the host.
pub(crate) async fn bridge_address() -> Result<Ipv4Addr> {
    let addresses = bridge_addresses().await?;
    addresses
        .into_iter()
        .find(|address| !address.is_link_local())
        .context("Docker's bridge has no IPv4 address")
}

pub(crate) async fn has_image(name: &str) -> bool {
    docker(&["image", "inspect", "--format", "{{.Id}}", name])
        .await
        .is_ok()
}

/// Removes the containers and volumes that carry the label of the cloud. Repeating it is harmless.
pub(crate) async fn remove_all(identity: &str) -> Result<usize> {
    let filter = format!("label={LABEL}={identity}");
    let containers = lines(&["ps", "-aq", "--filter", &filter]).await?;
    if !containers.is_empty() {
        let mut arguments = vec!["rm", "-f", "-v"];
        arguments.extend(containers.iter().map(String::as_str));
        // One may have ended by itself in between.
        let _ = docker(&arguments).await;
    }
    let volumes = lines(&["volume", "ls", "-q", "--filter", &filter]).await?;
    if !volumes.is_empty() {
        let mut arguments = vec!["volume", "rm", "-f"];
        arguments.extend(volumes.iter().map(String::as_str));
        docker(&arguments).await?;
    }
    Ok(containers.len() + volumes.len())
}

/// Forgets the names under which Docker keeps images of a loopback registry that is gone. Layers that other names use
/// stay.
pub(crate) async fn forget_registry(port: u16) -> Result<()> {
    let prefix = format!("127.0.0.1:{port}/");
    let listed = lines(&[
        "images",
        "--digests",
        "--format",
        "{{.Repository}} {{.Tag}} {{.Digest}}",
    ])
    .await?;
    for line in listed.iter().filter(|line| line.starts_with(&prefix)) {
        let [repository, tag, digest] = line.split(' ').collect::<Vec<_>>()[..] else {
            continue;
        };
        let name = if tag == "<none>" {
            format!("{repository}@{digest}")
        } else {
            format!("{repository}:{tag}")
        };
        // Still used by a container of another cloud: then it is not ours to insist.
        let _ = docker(&["image", "rm", &name]).await;
    }
    Ok(())
}
