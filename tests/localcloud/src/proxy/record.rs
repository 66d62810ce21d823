//! What is remembered of every AWS request.

use std::collections::BTreeMap;
use std::net::{IpAddr, UdpSocket};
use std::sync::Mutex;

use serde::{Deserialize, Serialize};
use tokio::sync::broadcast;

use super::operation::{Operation, reads};

/// Who sent a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// A process of this machine: the runner.
    Host,
    /// A container of a task.
    Task,
}

impl Origin {
    /// Judged by the address of the other side: the host speaks from its own addresses, containers from theirs. Which one
    /// the host takes depends on its routes and address translation; an address that can be bound is its own.
    pub(crate) fn of(peer: IpAddr) -> Self {
        match UdpSocket::bind((peer, 0)) {
            Ok(_) => Self::Host,
            Err(_) => Self::Task,
        }
    }
}

/// One AWS request and how it ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Request {
    /// Counts from 1, in order of arrival.
    pub sequence: u64,
    /// Name under which AWS signs: `ecs`, `elasticloadbalancing`, `s3`.
    pub service: String,
    /// As the API reference spells it.
    pub operation: String,
    /// Twelve digits, or empty.
    pub account: String,
    /// Region of the signature.
    pub region: String,
    /// As it was asked for, without a query: `/bucket/key`.
    pub path: String,
    /// Who sent it.
    pub origin: Origin,
    /// The client's `user-agent`; the SDKs add `app/<AWS_SDK_UA_APP_ID>`.
    pub user_agent: String,
    /// Seconds since the Unix epoch at arrival.
    pub time: f64,
    /// Until the answer's headers were known; None while it lasts.
    pub seconds: Option<f64>,
    /// Status of the answer; None while there is none, and for a connection that was dropped.
    pub status: Option<u16>,
    /// The fault it met, if any.
    pub fault: Option<String>,
}

impl Request {
    /// Whether it only reads.
    #[must_use]
    pub fn reads(&self) -> bool {
        reads(&self.operation)
    }
}

/// Chooses requests: every field that is set must match. The default chooses all.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Filter {
    /// Signing name.
    pub service: Option<String>,
    /// Operation; with a `*` at its end, a prefix.
    pub operation: Option<String>,
    /// Account id.
    pub account: Option<String>,
    /// Region.
    pub region: Option<String>,
    /// Part of the path, such as an object's key.
    pub path: Option<String>,
    /// Who sent it.
    pub origin: Option<Origin>,
    /// Part of the client's `user-agent`, such as `app/test-7`: tells apart tests that share a cloud.
    pub user_agent: Option<String>,
    /// Only reading, or only changing operations.
    pub reads: Option<bool>,
}

impl Filter {
    /// Requests of one service.
    #[must_use]
    pub fn service(name: &str) -> Self {
        Self {
            service: Some(name.into()),
            ..Self::default()
        }
    }

    /// The same for one operation.
    #[must_use]
    pub fn operation(mut self, name: &str) -> Self {
        self.operation = Some(name.into());
        self
    }

    /// Whether the request is chosen.
    #[must_use]
    pub fn matches(&self, request: &Request) -> bool {
        let same = |wanted: &Option<String>, given: &str| {
            wanted.as_deref().is_none_or(|wanted| wanted == given)
        };
        let part = |wanted: &Option<String>, given: &str| {
            wanted
                .as_deref()
                .is_none_or(|wanted| given.contains(wanted))
        };
        let operation =
            self.operation
                .as_deref()
                .is_none_or(|wanted| match wanted.strip_suffix('*') {
                    Some(prefix) => request.operation.starts_with(prefix),
                    None => request.operation == wanted,
                });
        operation
            && same(&self.service, &request.service)
            && same(&self.account, &request.account)
            && same(&self.region, &request.region)
            && self.origin.is_none_or(|origin| origin == request.origin)
            && part(&self.path, &request.path)
            && part(&self.user_agent, &request.user_agent)
            && self.reads.is_none_or(|reads| reads == request.reads())
    }
}

/// All requests since the start, or since [`Recorder::clear`].
#[derive(Debug)]
pub struct Recorder {
    requests: Mutex<Vec<Request>>,
    answered: broadcast::Sender<Request>,
}

impl Default for Recorder {
    fn default() -> Self {
        Self {
            requests: Mutex::default(),
            answered: broadcast::channel(4096).0,
        }
    }
}

impl Recorder {
    /// A copy of everything recorded that the filter chooses.
    #[must_use]
    pub fn matching(&self, filter: &Filter) -> Vec<Request> {
        self.lock()
            .iter()
            .filter(|request| filter.matches(request))
            .cloned()
            .collect()
    }

    /// Everything recorded.
    #[must_use]
    pub fn all(&self) -> Vec<Request> {
        self.lock().clone()
    }

    /// How many requests the filter chooses, by service and operation.
    #[must_use]
    pub fn counts(&self, filter: &Filter) -> BTreeMap<(String, String), usize> {
        let mut counts = BTreeMap::new();
        for request in self.matching(filter) {
            *counts
                .entry((request.service, request.operation))
                .or_default() += 1;
        }
        counts
    }

    /// The sequence number of the latest request: mark a beginning with it, and filter by `sequence > mark`.
    #[must_use]
    pub fn mark(&self) -> u64 {
        self.lock().last().map_or(0, |request| request.sequence)
    }

    /// Forgets all; the sequence begins anew.
    pub fn clear(&self) {
        self.lock().clear();
    }

    /// Every request from now on, when it has been answered or dropped.
    pub fn subscribe(&self) -> broadcast::Receiver<Request> {
        self.answered.subscribe()
    }

    pub(crate) fn arrived(
        &self,
        operation: &Operation,
        path: &str,
        origin: Origin,
        user_agent: &str,
    ) -> Request {
        let mut requests = self.lock();
        let request = Request {
            sequence: requests.last().map_or(1, |last| last.sequence + 1),
            service: operation.service.clone(),
            operation: operation.name.clone(),
            account: operation.account.clone(),
            region: operation.region.clone(),
            path: path.to_owned(),
            origin,
            user_agent: user_agent.to_owned(),
            time: std::time::SystemTime::now()
                .duration_since(std::time::UNIX_EPOCH)
                .map_or(0.0, |since| since.as_secs_f64()),
            seconds: None,
            status: None,
            fault: None,
        };
        requests.push(request.clone());
        request
    }

    /// Stores how it ended, unless forgotten meanwhile.
    pub(crate) fn ended(&self, request: Request) {
        {
            let mut requests = self.lock();
            let found = requests.binary_search_by_key(&request.sequence, |known| known.sequence);
            // After `clear`, the number may be another request's.
            if let Some(known) = found.ok().and_then(|index| requests.get_mut(index))
                && known.time.to_bits() == request.time.to_bits()
            {
                *known = request.clone();
            }
        }
        // Nobody needs to listen.
        let _ = self.answered.send(request);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Request>> {
        self.requests
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hosts_own_addresses_are_told_from_others() {
        let of = |address: &str| Origin::of(address.parse().unwrap());
        assert_eq!(of("127.0.0.1"), Origin::Host);
        // Of a range for documentation (RFC 5737): nobody's.
        assert_eq!(of("203.0.113.7"), Origin::Task);
    }
}
