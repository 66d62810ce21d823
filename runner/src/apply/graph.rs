//! Which change may start when: a plan's changes and what each waits for.

use crate::plan::{Change, Op};
use crate::resource::Kind;
use std::collections::{BTreeMap, BTreeSet};

/// The changes of a plan by index, and who waits for whom.
#[derive(Debug)]
pub(super) struct Graph {
    waits_for: Vec<BTreeSet<usize>>,
    /// The reverse: a change of thousands looks only at the few that wait for it.
    dependents: Vec<Vec<usize>>,
    ready: BTreeSet<usize>,
}

impl Graph {
    /// Tenants are independent of each other; within one, creations come after what they need and deletions before.
    pub(super) fn new(changes: &[Change]) -> Self {
        let mut of_tenant: BTreeMap<_, Vec<usize>> = BTreeMap::new();
        for (index, change) in changes.iter().enumerate() {
            of_tenant.entry(&change.tenant).or_default().push(index);
        }
        let mut graph = Self {
            waits_for: vec![BTreeSet::new(); changes.len()],
            dependents: vec![Vec::new(); changes.len()],
            ready: BTreeSet::new(),
        };
        for indices in of_tenant.values() {
            for &second in indices {
                for &first in indices {
                    if first != second && is_before(&changes[first], &changes[second]) {
                        graph.waits_for[second].insert(first);
                        graph.dependents[first].push(second);
                    }
                }
                if graph.waits_for[second].is_empty() {
                    graph.ready.insert(second);
                }
            }
        }
        graph
    }

    /// Takes the next change that waits for nothing.
    pub(super) fn next(&mut self) -> Option<usize> {
        self.ready.pop_first()
    }

    /// Whoever waited for nothing else may start.
    pub(super) fn done(&mut self, index: usize) {
        for &dependent in &self.dependents[index] {
            let waits = &mut self.waits_for[dependent];
            if waits.remove(&index) && waits.is_empty() {
                self.ready.insert(dependent);
            }
        }
    }

    /// Whoever waited for `index`, directly or not, will never start. Returns those of whom that was not known yet.
    pub(super) fn failed(&mut self, index: usize) -> BTreeSet<usize> {
        let mut lost = BTreeSet::new();
        let mut from = vec![index];
        while let Some(index) = from.pop() {
            for &dependent in &self.dependents[index] {
                if self.waits_for[dependent].contains(&index) {
                    // It waits for nothing from now on, so it is neither started nor lost a second time.
                    self.waits_for[dependent].clear();
                    lost.insert(dependent);
                    from.push(dependent);
                }
            }
        }
        lost
    }
}

/// Whether `first` must be over before `second` starts. Of one tenant.
fn is_before(first: &Change, second: &Change) -> bool {
    match (is_removal(first), is_removal(second)) {
        (true, true) => needs(first.kind, second.kind),
        (false, _) => needs(second.kind, first.kind),
        (true, false) => false,
    }
}

/// A superseded resource is deleted after what took its place, like something made; only whole sites go in reverse.
fn is_removal(change: &Change) -> bool {
    change.op == Op::Delete && change.kind != Kind::RetiredCertificate
}

/// Whether `kind` needs `other`, directly or through others that may not change at all.
fn needs(kind: Kind, other: Kind) -> bool {
    kind.needs()
        .iter()
        .any(|&need| need == other || needs(need, other))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Reason;

    fn change(tenant: &str, kind: Kind, op: Op) -> Change {
        let tenant = tenant.parse().expect("a valid tenant id");
        Change {
            tenant,
            kind,
            op,
            reason: Reason::NewSite,
            id: None,
            fields: Vec::new(),
        }
    }

    fn order(changes: &[Change]) -> Vec<usize> {
        let mut graph = Graph::new(changes);
        let mut order = Vec::new();
        while let Some(index) = graph.next() {
            order.push(index);
            graph.done(index);
        }
        order
    }

    #[test]
    fn creation_follows_needs_even_through_what_is_unchanged() {
        let changes = [
            change("acme", Kind::Service, Op::Update),
            change("acme", Kind::AccessPoint, Op::Create),
            change("bolt", Kind::LogGroup, Op::Create),
        ];
        let order = order(&changes);
        assert_eq!(order.len(), 3);
        assert!(order.iter().position(|&i| i == 1) < order.iter().position(|&i| i == 0));
    }

    #[test]
    fn deletion_goes_in_reverse() {
        let changes = [
            change("acme", Kind::TaskDefinition, Op::Delete),
            change("acme", Kind::Wordpress, Op::Delete),
            change("acme", Kind::Service, Op::Delete),
        ];
        assert_eq!(order(&changes), [2, 1, 0]);
    }

    #[test]
    fn a_failure_stops_only_what_depends_on_it() {
        let changes = [
            change("acme", Kind::TargetGroup, Op::Create),
            change("acme", Kind::ListenerRule, Op::Create),
            change("acme", Kind::Service, Op::Create),
            change("acme", Kind::UserGroup, Op::Create),
            change("bolt", Kind::Service, Op::Create),
        ];
        let mut graph = Graph::new(&changes);
        assert_eq!(graph.next(), Some(0));
        assert_eq!(graph.failed(0), BTreeSet::from([1, 2]));
        assert_eq!(graph.next(), Some(3));
        assert_eq!(graph.next(), Some(4));
        assert_eq!(graph.next(), None);
    }

    #[test]
    fn what_two_failures_stop_is_lost_once_and_never_starts() {
        let changes = [
            change("acme", Kind::TargetGroup, Op::Create),
            change("acme", Kind::AccessPoint, Op::Create),
            change("acme", Kind::LogGroup, Op::Create),
            change("acme", Kind::Service, Op::Create),
        ];
        let mut graph = Graph::new(&changes);
        while graph.next().is_some() {}
        assert_eq!(graph.failed(0), BTreeSet::from([3]));
        assert_eq!(graph.failed(1), BTreeSet::new());
        graph.done(2);
        assert_eq!(graph.next(), None);
    }
}
