//! The Cognito pool of the people who look after sites.

use super::facts::Pool;
use super::{CLOSED, Check, Facts, Found, Judged, SIGN_IN, when};

/// Characters that a password must have at least.
const LENGTH: i32 = 12;

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "users-password",
        ask: SIGN_IN,
        fix: "apply the environment's Terraform: module cognito sets the password policy",
        judge: |facts| one(facts, password),
    },
    Check {
        id: "users-mfa",
        ask: SIGN_IN,
        fix: "apply the environment's Terraform: module cognito demands a second factor",
        judge: |facts| one(facts, mfa),
    },
    Check {
        id: "users-invitation",
        ask: CLOSED,
        fix: "apply the environment's Terraform: module cognito closes the pool to strangers",
        judge: |facts| one(facts, invitation),
    },
];

fn one(facts: &Facts, judge: fn(&Pool) -> Found) -> Judged {
    let pool = facts.pool.as_ref().map_err(Clone::clone);
    vec![(facts.foundation.users.pool_id.clone(), pool.map(judge))]
}

fn password(pool: &Pool) -> Found {
    let missing = &pool.missing_classes;
    let classes = if missing.is_empty() {
        "all classes".to_owned()
    } else {
        format!("no demand for {}", missing.join(", "))
    };
    let found = format!("{} characters, {classes}", pool.password_length);
    when(
        pool.password_length >= LENGTH && missing.is_empty(),
        found.clone(),
        found,
    )
}

fn mfa(pool: &Pool) -> Found {
    let found = format!("MFA is {}", pool.mfa);
    when(pool.mfa == "ON", found.clone(), found)
}

fn invitation(pool: &Pool) -> Found {
    when(
        pool.invitation_only,
        "invitation only",
        "strangers can sign up",
    )
}
