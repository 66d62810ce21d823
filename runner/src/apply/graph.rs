//! Which step may start when: a plan's changes, the gates between its waves, and what each waits for.

use crate::plan::{Change, Op, Plan};
use crate::resource::Kind;
use std::collections::{BTreeMap, BTreeSet};

/// What goes in waves: the changes that decide whether a site runs as it should.
const DECISIVE: [Kind; 3] = [Kind::TaskDefinition, Kind::Wordpress, Kind::Service];

/// What a site's deletion deletes last: its removal stands there as a tag, and with it the leave to delete the rest, which a run that
/// carries on must still find.
const LAST: Kind = Kind::WordpressSecret;

/// One step of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// The plan's change of this index.
    Change(usize),
    /// After the wave of this index: are its sites healthy?
    Gate(usize),
}

/// The steps of a plan by index, first its changes, then its gates, and who waits for whom.
#[derive(Debug)]
pub(super) struct Graph {
    changes: usize,
    waits_for: Vec<BTreeSet<usize>>,
    /// The reverse: a change of thousands looks only at the few that wait for it.
    dependents: Vec<Vec<usize>>,
    ready: BTreeSet<usize>,
}

impl Graph {
    /// Tenants are independent of each other, but for the waves: new tasks of one wait at the gate of the one before.
    /// Within a tenant, creations come after what they need and deletions before.
    pub(super) fn new(plan: &Plan) -> Self {
        let changes = &plan.changes;
        let steps = changes.len() + plan.waves.len();
        let mut graph = Self {
            changes: changes.len(),
            waits_for: vec![BTreeSet::new(); steps],
            dependents: vec![Vec::new(); steps],
            ready: BTreeSet::new(),
        };
        let mut of_tenant: BTreeMap<_, Vec<usize>> = BTreeMap::new();
        for (index, change) in changes.iter().enumerate() {
            of_tenant.entry(&change.tenant).or_default().push(index);
        }
        for indices in of_tenant.values() {
            for &second in indices {
                for &first in indices {
                    if first != second && is_before(&changes[first], &changes[second]) {
                        graph.order(first, second);
                    }
                }
            }
        }
        for (wave, tenants) in plan.waves.iter().enumerate() {
            let gate = changes.len() + wave;
            let own = tenants.iter().filter_map(|tenant| of_tenant.get(tenant));
            for &index in own.flatten() {
                if DECISIVE.contains(&changes[index].kind) {
                    graph.order(index, gate);
                }
                if wave > 0 && DECISIVE.contains(&changes[index].kind) {
                    graph.order(gate - 1, index);
                }
            }
        }
        graph.ready = (0..steps)
            .filter(|&step| graph.waits_for[step].is_empty())
            .collect();
        graph
    }

    fn order(&mut self, first: usize, second: usize) {
        self.waits_for[second].insert(first);
        self.dependents[first].push(second);
    }

    fn step(&self, index: usize) -> Step {
        match index.checked_sub(self.changes) {
            Some(wave) => Step::Gate(wave),
            None => Step::Change(index),
        }
    }

    fn index(&self, step: Step) -> usize {
        match step {
            Step::Change(index) => index,
            Step::Gate(wave) => self.changes + wave,
        }
    }

    /// Takes the next step that waits for nothing.
    pub(super) fn next(&mut self) -> Option<Step> {
        self.ready.pop_first().map(|index| self.step(index))
    }

    /// Whoever waited for nothing else may start.
    pub(super) fn done(&mut self, step: Step) {
        let index = self.index(step);
        for &dependent in &self.dependents[index] {
            let waits = &mut self.waits_for[dependent];
            if waits.remove(&index) && waits.is_empty() {
                self.ready.insert(dependent);
            }
        }
    }

    /// Whoever waited for `step`, directly or not, will never start. Returns the changes of whom that was not known yet.
    pub(super) fn failed(&mut self, step: Step) -> BTreeSet<usize> {
        let mut lost = BTreeSet::new();
        let mut from = vec![self.index(step)];
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
        lost.retain(|&index| index < self.changes);
        lost
    }
}

/// Whether `first` must be over before `second` starts. Of one tenant.
fn is_before(first: &Change, second: &Change) -> bool {
    match (is_removal(first), is_removal(second)) {
        (true, true) => second.kind == LAST || needs(first.kind, second.kind),
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
    use crate::resource::ALL;

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

    fn graph(changes: &[Change], waves: &[&[&str]]) -> Graph {
        let tenants = |wave: &&[&str]| wave.iter().map(|name| name.parse().unwrap()).collect();
        Graph::new(&Plan {
            changes: changes.to_vec(),
            waves: waves.iter().map(tenants).collect(),
            ..Plan::default()
        })
    }

    fn order(changes: &[Change]) -> Vec<usize> {
        let mut graph = graph(changes, &[]);
        let mut order = Vec::new();
        while let Some(step) = graph.next() {
            let Step::Change(index) = step else {
                panic!("a gate without a wave");
            };
            order.push(index);
            graph.done(step);
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
    fn what_bears_a_sites_removal_goes_last_and_stays_while_anything_does() {
        let deleted = ALL
            .into_iter()
            .filter(|&kind| kind != Kind::RetiredCertificate);
        let changes: Vec<_> = deleted
            .map(|kind| change("acme", kind, Op::Delete))
            .collect();
        let last = changes
            .iter()
            .position(|change| change.kind == LAST)
            .unwrap();
        assert_eq!(order(&changes).last(), Some(&last));
        for failed in (0..changes.len()).filter(|&index| index != last) {
            let lost = graph(&changes, &[]).failed(Step::Change(failed));
            assert!(lost.contains(&last), "{:?}", changes[failed].kind);
        }
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
        let mut graph = graph(&changes, &[]);
        assert_eq!(graph.next(), Some(Step::Change(0)));
        assert_eq!(graph.failed(Step::Change(0)), BTreeSet::from([1, 2]));
        assert_eq!(graph.next(), Some(Step::Change(3)));
        assert_eq!(graph.next(), Some(Step::Change(4)));
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
        let mut graph = graph(&changes, &[]);
        while graph.next().is_some() {}
        assert_eq!(graph.failed(Step::Change(0)), BTreeSet::from([3]));
        assert_eq!(graph.failed(Step::Change(1)), BTreeSet::new());
        graph.done(Step::Change(2));
        assert_eq!(graph.next(), None);
    }

    #[test]
    fn a_wave_waits_for_the_gate_of_the_one_before_and_other_work_for_nobody() {
        let changes = [
            change("acme", Kind::TaskDefinition, Op::Update),
            change("acme", Kind::Service, Op::Update),
            change("bolt", Kind::TaskDefinition, Op::Update),
            change("bolt", Kind::Service, Op::Update),
            change("bolt", Kind::Budget, Op::Update),
        ];
        let mut graph = graph(&changes, &[&["acme"], &["bolt"]]);
        assert_eq!(graph.next(), Some(Step::Change(0)));
        assert_eq!(graph.next(), Some(Step::Change(4)));
        assert_eq!(graph.next(), None);
        for step in [
            Step::Change(0),
            Step::Change(1),
            Step::Gate(0),
            Step::Change(2),
            Step::Change(3),
        ] {
            graph.done(step);
        }
        assert_eq!(graph.ready, BTreeSet::from([1, 2, 3, 5, 6]));
    }

    #[test]
    fn a_failure_in_a_wave_stops_all_later_ones() {
        let changes = [
            change("acme", Kind::TaskDefinition, Op::Update),
            change("acme", Kind::Service, Op::Update),
            change("bolt", Kind::TaskDefinition, Op::Update),
            change("bolt", Kind::Service, Op::Update),
            change("cask", Kind::TaskDefinition, Op::Update),
        ];
        for (done, failed) in [
            (vec![Step::Change(0)], Step::Change(1)),
            (vec![Step::Change(0), Step::Change(1)], Step::Gate(0)),
        ] {
            let mut graph = graph(&changes, &[&["acme"], &["bolt"], &["cask"]]);
            for step in done {
                graph.done(step);
            }
            assert_eq!(graph.failed(failed), BTreeSet::from([2, 3, 4]));
        }
    }
}
