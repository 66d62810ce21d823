//! Which change may start when: a plan's changes and what each waits for.

use crate::plan::{Change, Op};
use crate::resource::Kind;
use std::collections::{BTreeMap, BTreeSet};

/// The changes of a plan by index, and who waits for whom.
#[derive(Debug)]
pub(super) struct Graph {
    waits_for: BTreeMap<usize, BTreeSet<usize>>,
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
            waits_for: BTreeMap::new(),
            ready: BTreeSet::new(),
        };
        for indices in of_tenant.values() {
            for &index in indices {
                let others = indices.iter().copied().filter(|&other| other != index);
                let waits: BTreeSet<_> = others
                    .filter(|&other| is_before(&changes[other], &changes[index]))
                    .collect();
                if waits.is_empty() {
                    graph.ready.insert(index);
                }
                graph.waits_for.insert(index, waits);
            }
        }
        graph
    }

    /// Takes the next change that waits for nothing.
    pub(super) fn next(&mut self) -> Option<usize> {
        let index = self.ready.pop_first()?;
        self.waits_for.remove(&index);
        Some(index)
    }

    /// Whoever waited for nothing else may start.
    pub(super) fn done(&mut self, index: usize) {
        for (waiting, waits) in &mut self.waits_for {
            if waits.remove(&index) && waits.is_empty() {
                self.ready.insert(*waiting);
            }
        }
    }

    /// Whoever waited for `index`, directly or not, will never start. Returns them.
    pub(super) fn failed(&mut self, index: usize) -> BTreeSet<usize> {
        let mut lost = BTreeSet::from([index]);
        loop {
            let more: Vec<_> = self
                .waits_for
                .iter()
                .filter(|(_, waits)| !waits.is_disjoint(&lost))
                .map(|(i, _)| *i)
                .collect();
            if more.is_empty() {
                break;
            }
            for index in more {
                self.waits_for.remove(&index);
                lost.insert(index);
            }
        }
        lost.remove(&index);
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
}
