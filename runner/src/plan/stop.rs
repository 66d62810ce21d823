//! Whether a plan may be carried out: what freezes and holds in git say to it.

use super::{Change, Plan};
use crate::manifest::{Hold, TenantId};
use serde::Serialize;

/// A site that differs from its manifest and is not changed, as the manifest has a hold.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LeftAlone {
    /// Whose.
    pub tenant: TenantId,
    /// Why.
    pub hold: Hold,
    /// What would change without the hold. Never empty.
    pub changes: Vec<Change>,
}

/// What an apply of a plan would do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Nothing: AWS is as the manifests say.
    NothingToDo,
    /// Carry it out; sites with a hold are left alone.
    Ready,
    /// Refuse: the environment is frozen.
    Frozen,
    /// Refuse: everything that differs has a hold.
    OnHold,
}

impl Plan {
    /// What an apply of it would do. A freeze goes before holds, and neither refuses a plan that changes nothing.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        match (
            self.changes.is_empty(),
            &self.freeze,
            self.left_alone.is_empty(),
        ) {
            (true, _, true) => Verdict::NothingToDo,
            (_, Some(_), _) => Verdict::Frozen,
            (true, None, false) => Verdict::OnHold,
            (false, None, _) => Verdict::Ready,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::{Freeze, Place};
    use crate::plan::{Op, Reason};
    use crate::resource::Kind;
    use time::macros::datetime;

    fn place() -> Place {
        Place {
            file: "environments/dev/environment.yaml".to_owned(),
            line: 12,
        }
    }

    fn freeze() -> Freeze {
        Freeze {
            reason: "Black Friday".parse().unwrap(),
            by: "Ada".parse().unwrap(),
            until: Some("2026-12-01T08:00:00+02:00".parse().unwrap()),
            place: place(),
        }
    }

    fn change(tenant: &str) -> Change {
        Change {
            tenant: tenant.parse().unwrap(),
            kind: Kind::LogGroup,
            op: Op::Create,
            reason: Reason::Missing,
            id: None,
            fields: Vec::new(),
        }
    }

    fn left_alone() -> LeftAlone {
        LeftAlone {
            tenant: "acme".parse().unwrap(),
            hold: Hold {
                reason: "audited".parse().unwrap(),
                place: place(),
            },
            changes: vec![change("acme")],
        }
    }

    #[test]
    fn only_what_would_change_something_is_refused() {
        let cases = [
            (false, false, false, Verdict::NothingToDo),
            (false, true, false, Verdict::NothingToDo),
            (true, false, false, Verdict::Ready),
            (true, true, false, Verdict::Frozen),
            (true, false, true, Verdict::Ready),
            (true, true, true, Verdict::Frozen),
            (false, false, true, Verdict::OnHold),
            (false, true, true, Verdict::Frozen),
        ];
        for (changes, frozen, held, verdict) in cases {
            let plan = Plan {
                changes: Vec::from_iter(changes.then(|| change("bolt"))),
                freeze: frozen.then(freeze),
                left_alone: Vec::from_iter(held.then(left_alone)),
                ..Plan::default()
            };
            assert_eq!(plan.verdict(), verdict, "{changes} {frozen} {held}");
        }
    }

    #[test]
    fn a_freeze_ends_at_its_moment_and_says_where_it_stands() {
        let freeze = freeze();
        assert!(freeze.is_in_force(datetime!(2026-12-01 05:59:59 UTC)));
        assert!(!freeze.is_in_force(datetime!(2026-12-01 06:00 UTC)));
        assert_eq!(
            freeze.to_string(),
            "by Ada: Black Friday (environments/dev/environment.yaml:12), until 2026-12-01T08:00:00+02:00"
        );
        let endless = Freeze {
            until: None,
            ..freeze
        };
        assert!(endless.is_in_force(datetime!(9999-01-01 00:00 UTC)));
    }
}
