//! Faults: rules that make chosen requests fail the way AWS and networks do.

use std::sync::Mutex;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use serde::{Deserialize, Serialize};

use super::record::{Filter, Request};

/// What happens to a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Refused with the service's own throttling error.
    Throttle,
    /// Refused with this status (500 or 503) as an internal error.
    ServerError(u16),
    /// Refused as not permitted.
    AccessDenied,
    /// Handled this many milliseconds late.
    Delay(u64),
    /// Answered by a clock that is so many seconds ahead of this machine's: its `Date` says so.
    Clock(i64),
    /// Never answered: the client has to give up.
    Hang,
    /// The connection ends before the request reaches AWS.
    DropBefore,
    /// AWS handles the request, but the connection ends before the answer.
    DropAfter,
}

impl Kind {
    /// As it appears in [`Request::fault`].
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Throttle => "throttle".into(),
            Self::ServerError(status) => format!("server error {status}"),
            Self::AccessDenied => "access denied".into(),
            Self::Delay(milliseconds) => format!(
                "delay {} ms",
                Duration::from_millis(*milliseconds).as_millis()
            ),
            Self::Clock(seconds) => format!("clock {seconds} s ahead"),
            Self::Hang => "hang".into(),
            Self::DropBefore => "dropped before".into(),
            Self::DropAfter => "dropped after".into(),
        }
    }
}

/// One rule. Rules are tried in the order they were added; the first that strikes counts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rule {
    /// Which requests.
    #[serde(default)]
    pub filter: Filter,
    /// What happens.
    pub kind: Kind,
    /// How likely, 0 to 1.
    #[serde(default = "certain")]
    pub probability: f64,
    /// So many matching requests pass first.
    #[serde(default)]
    pub skip: u64,
    /// How often at most; without, for ever.
    #[serde(default)]
    pub times: Option<u64>,
}

fn certain() -> f64 {
    1.0
}

impl Rule {
    /// Strikes every chosen request.
    #[must_use]
    pub fn new(filter: Filter, kind: Kind) -> Self {
        Self {
            filter,
            kind,
            probability: 1.0,
            skip: 0,
            times: None,
        }
    }

    /// Strikes with this probability.
    #[must_use]
    pub fn with_probability(mut self, probability: f64) -> Self {
        self.probability = probability;
        self
    }

    /// Strikes at most so often.
    #[must_use]
    pub fn times(mut self, times: u64) -> Self {
        self.times = Some(times);
        self
    }

    /// Lets so many pass first.
    #[must_use]
    pub fn skip(mut self, skip: u64) -> Self {
        self.skip = skip;
        self
    }
}

/// The rules in force and their dice.
#[derive(Debug)]
pub struct Faults {
    inner: Mutex<(Vec<Rule>, StdRng)>,
}

impl Faults {
    /// No rules; the same seed gives the same decisions for the same requests.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            inner: Mutex::new((Vec::new(), StdRng::seed_from_u64(seed))),
        }
    }

    /// Adds a rule after the others.
    pub fn add(&self, rule: Rule) {
        self.lock().0.push(rule);
    }

    /// Removes all rules and starts the dice anew.
    pub fn reset(&self, seed: u64) {
        *self.lock() = (Vec::new(), StdRng::seed_from_u64(seed));
    }

    /// What happens to this request.
    pub(crate) fn decide(&self, request: &Request) -> Option<Kind> {
        let (rules, dice) = &mut *self.lock();
        for rule in rules.iter_mut().filter(|rule| rule.filter.matches(request)) {
            if rule.skip > 0 {
                rule.skip -= 1;
                continue;
            }
            if rule.times == Some(0) || !dice.random_bool(rule.probability.clamp(0.0, 1.0)) {
                continue;
            }
            rule.times = rule.times.map(|times| times - 1);
            return Some(rule.kind.clone());
        }
        None
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, (Vec<Rule>, StdRng)> {
        self.inner
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::{Faults, Kind, Rule};
    use crate::proxy::operation::{Operation, Protocol};
    use crate::proxy::record::{Filter, Origin, Recorder, Request};

    fn request(service: &str, name: &str) -> Request {
        let operation = Operation {
            service: service.into(),
            name: name.into(),
            account: "111111111111".into(),
            region: "af-south-1".into(),
            protocol: Protocol::Json,
        };
        Recorder::default().arrived(&operation, "/", Origin::Host, "sdk app/one")
    }

    #[test]
    fn a_rule_strikes_as_often_as_it_says_after_letting_some_pass() {
        let faults = Faults::new(0);
        faults.add(
            Rule::new(Filter::service("ecs"), Kind::Throttle)
                .skip(1)
                .times(2),
        );
        let struck: Vec<bool> = (0..5)
            .map(|_| faults.decide(&request("ecs", "RunTask")).is_some())
            .collect();
        assert_eq!(struck, [false, true, true, false, false]);
        assert_eq!(faults.decide(&request("s3", "PutObject")), None);
    }

    #[test]
    fn the_first_rule_that_strikes_counts() {
        let faults = Faults::new(0);
        faults.add(Rule::new(
            Filter::service("ecs").operation("Describe*"),
            Kind::Hang,
        ));
        faults.add(Rule::new(Filter::default(), Kind::AccessDenied));
        assert_eq!(
            faults.decide(&request("ecs", "DescribeServices")),
            Some(Kind::Hang)
        );
        assert_eq!(
            faults.decide(&request("ecs", "CreateService")),
            Some(Kind::AccessDenied)
        );
    }

    #[test]
    fn the_same_seed_decides_the_same() {
        let decisions = |seed| {
            let faults = Faults::new(seed);
            faults.add(Rule::new(Filter::default(), Kind::ServerError(503)).with_probability(0.3));
            (0..200)
                .map(|_| faults.decide(&request("ecs", "RunTask")).is_some())
                .collect::<Vec<_>>()
        };
        assert_eq!(decisions(7), decisions(7));
        assert_ne!(decisions(7), decisions(8));
        let struck = decisions(7).iter().filter(|struck| **struck).count();
        assert!((30..=90).contains(&struck), "{struck} of 200 at 0.3");
    }

    #[test]
    fn a_filter_tells_clients_apart() {
        let filter = |agent: &str| Filter {
            user_agent: Some(agent.into()),
            ..Filter::default()
        };
        assert!(filter("app/one").matches(&request("ecs", "RunTask")));
        assert!(!filter("app/two").matches(&request("ecs", "RunTask")));
        let writes = Filter {
            reads: Some(false),
            ..Filter::default()
        };
        assert!(
            writes.matches(&request("ecs", "RunTask"))
                && !writes.matches(&request("ecs", "ListTasks"))
        );
    }
}
