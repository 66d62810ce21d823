//! Whether the world asks the zone's own name servers: what Route 53 gave the zone beside what a resolver answers.

mod message;

use super::{Outcome, Patient};
use crate::cloud::aws;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::UdpSocket;
use tokio::time::timeout;

/// A resolver that has to ask others answers within this, or not at all.
const PATIENCE: Duration = Duration::from_secs(3);
const ATTEMPTS: usize = 2;

pub(super) async fn check(patient: &Patient<'_>) -> Vec<Outcome> {
    let cloud = &patient.session.cloud;
    let zone = &cloud.foundation.zone;
    let (held, answered) = tokio::join!(
        cloud.route53.get_hosted_zone().id(&zone.id).send(),
        name_servers(patient.resolver, &zone.name)
    );
    let held = match held.map_err(aws("route53:GetHostedZone")) {
        Ok(held) => held,
        Err(error) => return vec![Outcome::error("dns", &zone.name, &error)],
    };
    let held = held
        .delegation_set()
        .map_or(&[][..], |set| set.name_servers());
    let held: BTreeSet<_> = held.iter().map(|name| normal(name)).collect();
    vec![match answered {
        Err(found) => {
            Outcome::unreadable("dns", &zone.name, found, format!("dig NS {}", zone.name))
        }
        Ok(answered) => judge(&zone.name, &held, &answered),
    }]
}

fn judge(zone: &str, held: &BTreeSet<String>, answered: &BTreeSet<String>) -> Outcome {
    let list = |names: &BTreeSet<String>| names.iter().cloned().collect::<Vec<_>>().join(", ");
    if !held.is_empty() && held == answered {
        return Outcome::pass("dns", zone, format!("it is delegated to {}", list(held)));
    }
    let found = match answered.is_empty() {
        true => format!("nobody is named for it; the zone has {}", list(held)),
        false => format!(
            "it is delegated to {}; the zone has {}",
            list(answered),
            list(held)
        ),
    };
    let records: Vec<_> = held
        .iter()
        .map(|name| format!("{{\"Value\":\"{name}.\"}}"))
        .collect();
    let fix = format!(
        "aws route53 change-resource-record-sets --hosted-zone-id <the parent zone's> --change-batch '{{\"Changes\":[{{\
         \"Action\":\"UPSERT\",\"ResourceRecordSet\":{{\"Name\":\"{zone}\",\"Type\":\"NS\",\"TTL\":300,\
         \"ResourceRecords\":[{}]}}}}]}}'",
        records.join(",")
    );
    Outcome::finding("dns", zone, found, fix)
}

fn normal(name: &str) -> String {
    name.trim_end_matches('.').to_ascii_lowercase()
}

/// The NS records that `resolver`, or the first of the machine's that answers, has for `zone`: none where the name is unknown.
async fn name_servers(
    resolver: Option<SocketAddr>,
    zone: &str,
) -> Result<BTreeSet<String>, String> {
    let resolvers = match resolver {
        Some(resolver) => vec![resolver],
        None => of_machine("/etc/resolv.conf")?,
    };
    let mut failures = Vec::new();
    for resolver in resolvers.iter().cycle().take(resolvers.len() * ATTEMPTS) {
        match timeout(PATIENCE, ask(*resolver, zone)).await {
            Ok(Ok(names)) => return Ok(names),
            Ok(Err(failure)) => failures.push(format!("{resolver}: {failure}")),
            Err(_) => failures.push(format!("{resolver}: no answer in {} s", PATIENCE.as_secs())),
        }
    }
    Err(format!("no resolver tells: {}", failures.join("; ")))
}

/// `nameserver` lines, see resolv.conf(5).
fn of_machine(file: &str) -> Result<Vec<SocketAddr>, String> {
    let text = std::fs::read_to_string(file).map_err(|error| format!("{file}: {error}"))?;
    let addresses = text
        .lines()
        .filter_map(|line| line.trim().strip_prefix("nameserver")?.trim().parse().ok());
    let found: Vec<_> = addresses
        .map(|address| SocketAddr::new(address, 53))
        .collect();
    if found.is_empty() {
        return Err(format!("{file} names no resolver"));
    }
    Ok(found)
}

async fn ask(resolver: SocketAddr, zone: &str) -> Result<BTreeSet<String>, String> {
    let fail = |error: std::io::Error| error.to_string();
    let any: SocketAddr = match resolver {
        SocketAddr::V4(_) => ([0, 0, 0, 0], 0).into(),
        SocketAddr::V6(_) => ([0_u16; 8], 0).into(),
    };
    let socket = UdpSocket::bind(any).await.map_err(fail)?;
    // Connected, so that nobody else's answers arrive.
    socket.connect(resolver).await.map_err(fail)?;
    let id = rand::random();
    socket
        .send(&message::question(id, zone))
        .await
        .map_err(fail)?;
    let mut buffer = [0; 4096];
    let length = socket.recv(&mut buffer).await.map_err(fail)?;
    let servers = message::servers(&buffer[..length], id)?;
    Ok(servers.iter().map(|name| normal(name)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Verdict;

    fn set(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| normal(name)).collect()
    }

    #[test]
    fn a_zone_is_delegated_when_the_same_servers_answer_whatever_their_spelling() {
        let held = set(&["NS-1.example.", "ns-2.example"]);
        assert_eq!(
            judge("a.example", &held, &set(&["ns-2.example.", "ns-1.Example"])).verdict,
            Verdict::Pass
        );
        let nobody = judge("a.example", &held, &set(&[]));
        assert_eq!(nobody.verdict, Verdict::Finding);
        assert!(
            nobody.fix.contains("\"Name\":\"a.example\"") && nobody.fix.contains("ns-1.example."),
            "{}",
            nobody.fix
        );
        assert_eq!(
            judge("a.example", &held, &set(&["ns-1.example"])).verdict,
            Verdict::Finding
        );
        // A zone without servers of its own proves nothing.
        assert_eq!(
            judge("a.example", &set(&[]), &set(&[])).verdict,
            Verdict::Finding
        );
    }
}
