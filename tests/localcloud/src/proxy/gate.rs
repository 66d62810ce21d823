//! Gates: stopping the world right after a chosen request was handled, so that a test can end the runner there.

use std::sync::{Arc, Mutex};

use tokio::sync::watch;

use super::record::{Filter, Request};

/// One gate. Dropping it opens it.
#[derive(Debug)]
pub struct Gate {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    filter: Filter,
    /// Requests that may still be answered before the world stops.
    left: Mutex<u64>,
    closed: watch::Sender<Option<Request>>,
    open: watch::Sender<bool>,
}

impl Gate {
    /// Waits until the gate has closed: the request that closed it was handled by AWS, its answer is withheld, and so is
    /// every later answer; no further request reaches AWS.
    pub async fn closed(&self) -> Request {
        let mut closed = self.inner.closed.subscribe();
        loop {
            if let Some(request) = closed.borrow_and_update().clone() {
                return request;
            }
            if closed.changed().await.is_err() {
                // The sender lives as long as we do.
                std::future::pending::<()>().await;
            }
        }
    }

    /// The request that closed it, if it has.
    #[must_use]
    pub fn closed_by(&self) -> Option<Request> {
        self.inner.closed.borrow().clone()
    }

    /// Lets everything through from now on, withheld answers too (those whose client is gone vanish).
    pub fn open(&self) {
        self.inner.open.send_replace(true);
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.open();
    }
}

/// The gates in force.
#[derive(Debug, Default)]
pub struct Gates {
    gates: Mutex<Vec<Arc<Inner>>>,
}

impl Gates {
    /// A gate that closes when the `count`-th request (from 1, counted from now) that the filter chooses has been handled.
    /// Only chosen requests are held.
    pub fn after(&self, count: u64, filter: Filter) -> Gate {
        let inner = Arc::new(Inner {
            filter,
            left: Mutex::new(count.max(1)),
            closed: watch::Sender::new(None),
            open: watch::Sender::new(false),
        });
        self.lock().push(Arc::clone(&inner));
        Gate { inner }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Arc<Inner>>> {
        self.gates
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn chosen(&self, request: &Request) -> Vec<Arc<Inner>> {
        let mut gates = self.lock();
        gates.retain(|gate| !*gate.open.borrow());
        gates
            .iter()
            .filter(|gate| gate.filter.matches(request))
            .cloned()
            .collect()
    }

    /// Waits while a gate is closed: nothing passes it towards AWS.
    pub(crate) async fn enter(&self, request: &Request) {
        for gate in self.chosen(request) {
            if gate.closed.borrow().is_some() {
                opened(&gate).await;
            }
        }
    }

    /// Counts a handled request; withholds its answer if the gate closes with it or is closed.
    pub(crate) async fn leave(&self, request: &Request) {
        for gate in self.chosen(request) {
            {
                let mut left = gate
                    .left
                    .lock()
                    .unwrap_or_else(std::sync::PoisonError::into_inner);
                if *left > 0 {
                    *left -= 1;
                    if *left == 0 {
                        gate.closed.send_replace(Some(request.clone()));
                    }
                }
            }
            if gate.closed.borrow().is_some() {
                opened(&gate).await;
            }
        }
    }
}

async fn opened(gate: &Inner) {
    let mut open = gate.open.subscribe();
    // An error would mean that the gate is gone, which opens it.
    let _ = open.wait_for(|open| *open).await;
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::Gates;
    use crate::proxy::operation::{Operation, Protocol};
    use crate::proxy::record::{Filter, Origin, Recorder, Request};

    fn request(recorder: &Recorder, service: &str) -> Request {
        let operation = Operation {
            service: service.into(),
            name: "RunTask".into(),
            account: String::new(),
            region: String::new(),
            protocol: Protocol::Json,
        };
        recorder.arrived(&operation, "/", Origin::Host, "")
    }

    #[tokio::test]
    async fn a_gate_closes_with_its_request_and_holds_all_that_follow_until_it_opens() {
        let (gates, recorder) = (Arc::new(Gates::default()), Recorder::default());
        let gate = gates.after(2, Filter::service("ecs"));
        gates.leave(&request(&recorder, "ecs")).await;
        assert!(gate.closed_by().is_none());

        let second = request(&recorder, "ecs");
        let held = tokio::spawn({
            let (gates, second) = (Arc::clone(&gates), second.clone());
            async move { gates.leave(&second).await }
        });
        assert_eq!(gate.closed().await, second);
        // Others are not concerned; a chosen one does not reach AWS.
        gates.enter(&request(&recorder, "s3")).await;
        let third = request(&recorder, "ecs");
        let entering = tokio::time::timeout(Duration::from_millis(20), gates.enter(&third)).await;
        assert!(entering.is_err() && !held.is_finished());

        drop(gate);
        held.await.unwrap();
        gates.enter(&third).await;
    }
}
