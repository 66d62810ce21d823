//! Client-side rate limits. AWS throttles per account; asking no faster than its buckets refill wastes no attempt.

use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep_until};

/// The request buckets that a large run empties first. Burst and refill per second are AWS's documented defaults
/// (service quotas pages of ECS, ELBv2, Route 53, ACM, Secrets Manager, Cognito, CloudWatch and Logs, 2026).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// `RegisterTaskDefinition`.
    RegisterTaskDefinition,
    /// `CreateService`, `UpdateService` and `DeleteService` share one bucket.
    ServiceWrites,
    /// `RunTask`.
    RunTask,
    /// Every ELBv2 call that changes something.
    LoadBalancerWrites,
    /// `ChangeResourceRecordSets`.
    RecordChanges,
    /// `CreateHealthCheck`.
    CreateHealthCheck,
    /// `RequestCertificate`.
    RequestCertificate,
    /// `CreateSecret` and the other writes of Secrets Manager.
    SecretWrites,
    /// Cognito's administrative group calls.
    UserGroupWrites,
    /// `PutMetricAlarm`.
    PutMetricAlarm,
    /// `CreateLogGroup`.
    LogGroupWrites,
    /// IAM publishes no rate; this one was chosen to stay well below where throttling is seen.
    IdentityWrites,
    /// EFS, CloudFront, Budgets and autoscaling publish no rate; chosen likewise.
    OtherWrites,
}

const LIMITS: [(Limit, f64, f64); 13] = [
    (Limit::RegisterTaskDefinition, 20.0, 1.0),
    (Limit::ServiceWrites, 50.0, 5.0),
    (Limit::RunTask, 20.0, 20.0),
    (Limit::LoadBalancerWrites, 20.0, 3.0),
    (Limit::RecordChanges, 100.0, 5.0),
    (Limit::CreateHealthCheck, 50.0, 0.5),
    (Limit::RequestCertificate, 5.0, 5.0),
    (Limit::SecretWrites, 50.0, 50.0),
    (Limit::UserGroupWrites, 5.0, 5.0),
    (Limit::PutMetricAlarm, 3.0, 3.0),
    (Limit::LogGroupWrites, 10.0, 10.0),
    (Limit::IdentityWrites, 10.0, 5.0),
    (Limit::OtherWrites, 20.0, 10.0),
];

/// One token bucket for each [`Limit`].
#[derive(Debug)]
pub struct Pace {
    buckets: [Bucket; LIMITS.len()],
}

#[derive(Debug)]
struct Bucket {
    burst: f64,
    per_second: f64,
    state: Mutex<(f64, Instant)>,
}

impl Default for Pace {
    fn default() -> Self {
        let now = Instant::now();
        Self {
            buckets: LIMITS.map(|(_, burst, per_second)| Bucket {
                burst,
                per_second,
                state: Mutex::new((burst, now)),
            }),
        }
    }
}

impl Pace {
    /// Waits until one call of this kind may be sent. Callers are served in the order they came.
    pub async fn wait(&self, limit: Limit) {
        let Some(index) = LIMITS.iter().position(|(kind, ..)| *kind == limit) else {
            return;
        };
        self.buckets[index].take().await;
    }
}

impl Bucket {
    async fn take(&self) {
        // Held across the sleep on purpose: whoever comes next queues behind.
        let mut state = self.state.lock().await;
        let now = Instant::now();
        let tokens =
            (state.0 + now.duration_since(state.1).as_secs_f64() * self.per_second).min(self.burst);
        if tokens >= 1.0 {
            *state = (tokens - 1.0, now);
            return;
        }
        let ready = now + Duration::from_secs_f64((1.0 - tokens) / self.per_second);
        sleep_until(ready).await;
        *state = (0.0, ready);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_burst_passes_at_once_and_the_rest_at_the_refill_rate() {
        let pace = Pace::default();
        let start = Instant::now();
        for _ in 0..3 {
            pace.wait(Limit::PutMetricAlarm).await;
        }
        assert_eq!(start.elapsed(), Duration::ZERO);
        for _ in 0..6 {
            pace.wait(Limit::PutMetricAlarm).await;
        }
        assert_eq!(start.elapsed().as_millis(), 2000);
    }
}
